//! Times and spans of time as text. It must not know what happened then.

use jiff::Timestamp;
use std::cell::Cell;
use std::io::Write as _;
use std::time::Duration;

/// `2026-11-23T04:42:52.` of a second since the Unix epoch.
type SecondText = [u8; 20];

/// Where the time of day begins in [`SecondText`].
const CLOCK: usize = 11;

thread_local! {
    /// The second that was written last: many messages share one.
    static LAST_SECOND: Cell<(i64, SecondText)> = const { Cell::new((i64::MIN, [0; 20])) };
}

/// RFC 3339 in UTC: `2026-11-23T04:42:52.456768Z`, with nine digits when the nanoseconds need them. `second` is since
/// the Unix epoch; years beyond 9999 stay at its end.
pub(super) fn rfc3339(second: i64, nanos: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&second_text(second));
    if nanos % 1000 == 0 {
        digits::<6>(nanos / 1000, out);
    } else {
        digits::<9>(nanos, out);
    }
    out.push(b'Z');
}

/// As [`rfc3339`], of a time since the Unix epoch.
pub(super) fn since_epoch(time: Duration, out: &mut Vec<u8>) {
    rfc3339(seconds(time), time.subsec_nanos(), out);
}

/// As [`since_epoch`], on its own.
pub(super) fn date(time: Duration) -> String {
    let mut out = Vec::new();
    since_epoch(time, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// RFC 3339 in UTC without a fraction: `2026-11-23T04:42:52Z`.
pub(super) fn second(second: i64) -> String {
    let mut out = Vec::new();
    rfc3339(second, 0, &mut out);
    // Nineteen characters stand before the point.
    let text = String::from_utf8_lossy(out.get(..19).unwrap_or_default()).into_owned();
    text + "Z"
}

/// The time of day in UTC with microseconds: `04:42:52.456768`.
pub(super) fn clock(time: Duration) -> String {
    let mut out = Vec::with_capacity(16);
    out.extend_from_slice(second_text(seconds(time)).get(CLOCK..).unwrap_or_default());
    digits::<6>(time.subsec_micros(), &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// For people: `450 µs`, `1.2 ms`, `12.3 s`, `2 min 5 s`, `3 h 20 min`.
pub(super) fn span(span: Duration) -> String {
    let (seconds, micros) = (span.as_secs(), span.as_micros());
    match seconds {
        0 if micros < 1000 => format!("{micros} µs"),
        // Rounded before the unit is chosen.
        0 if micros < 999_950 => format!("{:.1} ms", span.as_secs_f64() * 1e3),
        0..60 => format!("{:.1} s", span.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A number of milliseconds with microseconds behind the point, without zeros at its end: `1.25`.
pub(super) fn millis(span: Duration, out: &mut Vec<u8>) {
    crate::json::number(u64::try_from(span.as_millis()).unwrap_or(u64::MAX), out);
    let micros = span.subsec_micros() % 1000;
    if micros == 0 {
        return;
    }
    out.push(b'.');
    digits::<3>(micros, out);
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

fn second_text(second: i64) -> SecondText {
    let (known, mut text) = LAST_SECOND.get();
    if known != second {
        let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let _ = write!(&mut text[..], "{}", time.strftime("%Y-%m-%dT%H:%M:%S."));
        LAST_SECOND.set((second, text));
    }
    text
}

/// The last `N` digits of a number.
fn digits<const N: usize>(mut number: u32, out: &mut Vec<u8>) {
    let mut digits = [0; N];
    for digit in digits.iter_mut().rev() {
        // A digit is below 10.
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_have_the_digits_they_need() {
        let time = |nanos| Duration::new(1_795_408_972, nanos);
        assert_eq!(
            text(|out| since_epoch(time(456_768_000), out)),
            "2026-11-23T04:42:52.456768Z"
        );
        assert_eq!(text(|out| since_epoch(time(1), out)), "2026-11-23T04:42:52.000000001Z");
        assert_eq!(clock(time(1_999)), "04:42:52.000001");
        // A capture may claim any time.
        assert_eq!(
            text(|out| since_epoch(Duration::from_secs(u64::MAX), out)),
            "9999-12-30T22:00:00.000000Z"
        );
    }

    #[test]
    fn spans_are_for_people() {
        for (micros, expected) in [
            (0, "0 µs"),
            (450, "450 µs"),
            (1_234, "1.2 ms"),
            (999_960, "1.0 s"),
            (12_340_000, "12.3 s"),
            (125_000_000, "2 min 5 s"),
            (12_000_000_000, "3 h 20 min"),
        ] {
            assert_eq!(span(Duration::from_micros(micros)), expected);
        }
        assert_eq!(text(|out| millis(Duration::from_micros(1_250), out)), "1.25");
        assert_eq!(text(|out| millis(Duration::from_micros(100_000), out)), "100");
        assert_eq!(text(|out| millis(Duration::from_micros(7), out)), "0.007");
    }
}
