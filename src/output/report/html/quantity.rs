//! Numbers with units for people. Whatever is not a finite number becomes a dash. It must not know what was measured.

pub(super) use crate::bench::quantity::count;
use crate::bench::quantity::{self, trimmed};

/// What stands for a number that there is not.
pub(super) const NONE: &str = "–";

/// Microseconds with three digits and the unit that fits: `0.3 µs`, `12.3 ms`, `1,234 s`.
pub(super) fn latency(micros: f64) -> String {
    let (value, unit) = scaled(micros);
    with_unit(&significant(value), unit)
}

/// As [`latency`], without zeros behind the point: for axes.
pub(super) fn latency_tick(micros: f64) -> String {
    let (value, unit) = scaled(micros);
    with_unit(trimmed(&significant(value)), unit)
}

/// The page has the micro sign.
fn scaled(micros: f64) -> (f64, &'static str) {
    match quantity::scaled(micros) {
        (value, "us") => (value, "µs"),
        other => other,
    }
}

/// Seconds: `250 ms`, `12.5 s`, `10 min`, `1 h 5 min`.
pub(super) fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() {
        return NONE.to_owned();
    }
    if seconds < 119.5 {
        return latency_tick(seconds * 1e6);
    }
    let whole = seconds.round() as u64;
    let parts = [(whole / 3600, "h"), (whole / 60 % 60, "min"), (whole % 60, "s")];
    let shown: Vec<_> = parts
        .into_iter()
        .filter(|(value, _)| *value > 0)
        .map(|(value, unit)| format!("{}\u{a0}{unit}", count(value)))
        .collect();
    shown.join(" ")
}

/// A rate or another number without a unit: `0.5`, `12.3`, `12,345`.
pub(super) fn number(value: f64) -> String {
    trimmed(&significant(value)).to_owned()
}

/// A number of an axis that ends at `high`: `2,000`, `250 k`, `1.5 M`.
pub(super) fn axis_number(value: f64, high: f64) -> String {
    match high {
        _ if value == 0.0 => "0".to_owned(),
        _ if high >= 1e12 && high.is_finite() => format!("{value:e}"),
        _ if high >= 2e9 => with_unit(&number(value / 1e9), "G"),
        _ if high >= 2e6 => with_unit(&number(value / 1e6), "M"),
        _ if high >= 1e5 => with_unit(&number(value / 1e3), "k"),
        _ => number(value),
    }
}

/// `1 message`, `2,000 messages`.
pub(super) fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

/// `512 B`, `12.3 kB`, `4.56 GB`.
pub(super) fn bytes(value: u64) -> String {
    let amount = value as f64;
    match amount {
        _ if amount < 1e4 => with_unit(&count(value), "B"),
        _ if amount < 999_500.0 => with_unit(&number(amount / 1e3), "kB"),
        _ if amount < 999_500_000.0 => with_unit(&number(amount / 1e6), "MB"),
        _ => with_unit(&number(amount / 1e9), "GB"),
    }
}

/// A share (0 to 1) in per cent.
pub(super) fn share(share: f64) -> String {
    with_unit(&number(share * 100.0), "%")
}

/// The change from an older value in per cent, when both are above zero: `+12.3 %`, `−4.0 %`, `0 %`, `×25`.
pub(super) fn change(new: f64, old: f64) -> Option<String> {
    let factor = ratio(new, old)?;
    let percent = (factor - 1.0) * 100.0;
    Some(match percent {
        _ if percent.abs() < 0.05 => "0\u{a0}%".to_owned(),
        _ if percent > 900.0 => format!("×{}", number(factor)),
        _ if percent > 0.0 => format!("+{}\u{a0}%", one_digit(percent)),
        _ => format!("−{}\u{a0}%", one_digit(-percent)),
    })
}

/// New by old, when it says anything.
pub(super) fn ratio(new: f64, old: f64) -> Option<f64> {
    let factor = new / old;
    (new > 0.0 && old > 0.0 && factor.is_finite()).then_some(factor)
}

fn one_digit(percent: f64) -> String {
    if percent < 99.95 {
        format!("{percent:.1}")
    } else {
        number(percent)
    }
}

/// Three digits, all of those before the point.
fn significant(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => NONE.to_owned(),
        _ if size >= 1e15 => format!("{value:.2e}"),
        _ if size >= 99.95 => {
            let sign = if value < 0.0 { "−" } else { "" };
            format!("{sign}{}", count(size.round() as u64))
        }
        _ if size >= 9.995 => format!("{value:.1}"),
        _ if size >= 0.0995 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// No line break before the unit.
fn with_unit(digits: &str, unit: &str) -> String {
    if digits == NONE {
        return NONE.to_owned();
    }
    format!("{digits}\u{a0}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_three_digits_and_a_unit() {
        let texts = [0.3, 12.34, 999.4, 999.7, 1_500.0, 1_000_000.0, 83_200_000.0, 3.6e9].map(latency);
        let expected = [
            "0.30 µs", "12.3 µs", "999 µs", "1.00 ms", "1.50 ms", "1.00 s", "83.2 s", "3,600 s",
        ];
        assert_eq!(texts, expected.map(|text| text.replace(' ', "\u{a0}")));
        assert_eq!(latency_tick(1_000.0), "1\u{a0}ms");
        assert_eq!(latency(f64::NAN), NONE);
        assert_eq!(latency(f64::INFINITY), NONE);
        assert!(latency(1e300).len() < 20);
    }

    #[test]
    fn changes_have_a_sign() {
        let changes = [
            (110.0, 100.0),
            (95.8, 100.0),
            (100.0, 100.0),
            (2500.0, 100.0),
            (1.0, 0.0),
        ];
        let texts = changes.map(|(new, old)| change(new, old));
        let expected = [Some("+10.0 %"), Some("−4.2 %"), Some("0 %"), Some("×25"), None];
        assert_eq!(texts, expected.map(|text| text.map(|text| text.replace(' ', "\u{a0}"))));
        assert_eq!(change(f64::NAN, 1.0), None);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(number(0.5), "0.5");
        assert_eq!(number(12_345.4), "12,345");
        assert_eq!(number(-1_500.0), "−1,500");
        assert_eq!(seconds(3_900.0), "1\u{a0}h 5\u{a0}min");
        assert_eq!(seconds(60.0), "60\u{a0}s");
        assert_eq!(bytes(123_456), "123\u{a0}kB");
    }
}
