//! Figures with units, as people write and read them. It must not know what was measured.

/// The unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A number in a second.
    Rate,
    /// Microseconds.
    Time,
    /// A hundredth of something.
    Percent,
}

impl Unit {
    /// A figure as people read it.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Count => rate(value),
            Self::Rate => format!("{}/s", rate(value)),
            Self::Time => latency(value),
            Self::Percent => format!("{} %", decimals(value, 4)),
        }
    }
}

/// Microseconds with three digits: `0.40 us`, `412 us`, `12.3 ms`, `1.20 s`.
#[must_use]
pub fn latency(micros: f64) -> String {
    let (value, unit) = scaled(micros);
    match value {
        _ if value == 0.0 => format!("0 {unit}"),
        _ if value < 9.995 => format!("{value:.2} {unit}"),
        _ if value < 99.95 => format!("{value:.1} {unit}"),
        _ => format!("{} {unit}", grouped(&format!("{value:.0}"))),
    }
}

/// Microseconds in the unit that suits them: us, ms or s.
#[must_use]
pub fn scaled(micros: f64) -> (f64, &'static str) {
    // Rounded before the unit is chosen.
    match micros {
        _ if micros < 999.5 => (micros, "us"),
        _ if micros < 999_500.0 => (micros / 1e3, "ms"),
        _ => (micros / 1e6, "s"),
    }
}

/// A whole number: `12,345`.
#[must_use]
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// A number with one digit behind the point when it is small: `12,345`, `99.5`, `0`.
#[must_use]
pub fn rate(value: f64) -> String {
    if value < 99.95 {
        return decimals(value, 1);
    }
    grouped(&format!("{value:.0}"))
}

/// At most so many digits behind the point, without zeros at the end.
#[must_use]
pub fn decimals(value: f64, most: usize) -> String {
    trimmed(&format!("{value:.most$}")).to_owned()
}

/// Digits without zeros at the end of a fraction.
#[must_use]
pub fn trimmed(digits: &str) -> &str {
    match digits.contains('.') && !digits.contains('e') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    }
}

/// Bytes: `100 B`, `1.5 KB`, `12.3 MB`; a kilobyte is 1000 bytes.
#[must_use]
pub fn bytes(value: f64) -> String {
    match value {
        _ if value < 999.5 => format!("{} B", decimals(value, 0)),
        _ if value < 999_950.0 => format!("{} KB", decimals(value / 1e3, 1)),
        _ if value < 999_950_000.0 => format!("{} MB", decimals(value / 1e6, 1)),
        _ => format!("{} GB", decimals(value / 1e9, 2)),
    }
}

/// Commas between groups of three digits.
fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Reads `50ms`, `1.5s`, `1m 30s`, `250us`, in microseconds.
///
/// # Errors
/// What is wrong with it.
pub fn parse_time(text: &str) -> Result<f64, String> {
    let mut micros = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("a time is missing, such as 50ms".to_owned());
    }
    while !rest.is_empty() {
        let (value, behind) = rest.split_at(rest.find(|c| !is_digit(c)).unwrap_or(rest.len()));
        let behind = behind.trim_start();
        let (unit, behind) = behind.split_at(behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len()));
        let number: f64 = value
            .parse()
            .map_err(|_| format!("\"{text}\" is no time such as 50ms"))?;
        micros += number
            * match unit {
                "ns" => 1e-3,
                // The micro sign, and the Greek letter.
                "us" | "\u{b5}s" | "\u{3bc}s" => 1.0,
                "ms" => 1e3,
                "s" => 1e6,
                "m" | "min" => 60e6,
                "h" => 3600e6,
                "" => return Err(format!("a time needs a unit: {value}us, {value}ms or {value}s?")),
                _ => return Err(format!("\"{unit}\" is no unit of time: ns, us, ms, s, min or h")),
            };
        rest = behind.trim_start();
    }
    Ok(micros)
}

/// Reads `10000`, `10k`, `1.5M`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_number(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (digits, factor) = factor(text);
    let number = digits.parse::<f64>().ok().filter(|_| digits.chars().all(is_digit));
    let number = number.ok_or_else(|| format!("\"{text}\" is no number such as 0, 10000, 10k or 1.5M"))?;
    Ok(number * factor)
}

/// What a number ends with, as what it is multiplied with: `k` for thousands, `M` for millions.
#[must_use]
pub fn factor(text: &str) -> (&str, f64) {
    match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |digits| (digits, 1e6)),
    }
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_matter() {
        let shown = [0.0, 0.4, 9.996, 412.4, 999.6, 12_345.0, 999_600.0, 61e6, 4_000e6].map(latency);
        let expected = [
            "0 us", "0.40 us", "10.0 us", "412 us", "1.00 ms", "12.3 ms", "1.00 s", "61.0 s", "4,000 s",
        ];
        assert_eq!(shown, expected);
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([0.0, 1.5, 99.96, 12_345.4].map(rate), ["0", "1.5", "100", "12,345"]);
        assert_eq!(
            [100.0, 1_500.0, 2e6, 3.25e9].map(bytes),
            ["100 B", "1.5 KB", "2 MB", "3.25 GB"]
        );
        assert_eq!(Unit::Percent.show(99.999_667), "99.9997 %");
    }

    #[test]
    fn times_and_numbers_are_read() {
        let times = [
            ("50ms", 5e4),
            ("1.5 s", 1.5e6),
            ("1m 30s", 9e7),
            ("250us", 250.0),
            ("2µs", 2.0),
            ("1h", 3.6e9),
        ];
        for (text, micros) in times {
            assert_eq!(parse_time(text), Ok(micros), "{text}");
        }
        for text in ["", "ms", "5", "5 parsecs", "-5ms", "1.2.3s", "5ms,", "nans", "1e5s"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
        for (text, number) in [("0", 0.0), ("10k", 1e4), ("1.5M", 1.5e6), (" 7 ", 7.0)] {
            assert_eq!(parse_number(text), Ok(number), "{text}");
        }
        for text in ["", "k", "-1", "inf", "nan", "1e400", "1 k", "5ms"] {
            assert!(parse_number(text).is_err(), "{text}");
        }
    }
}
