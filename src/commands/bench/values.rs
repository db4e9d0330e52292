//! Values of the flags of `bench`: scenarios, rates, sizes, a start time. It must not know what they are for.

use crate::bench::quantity::factor;
use crate::bench::{STAMP, Scenario, Size};
use crate::cli::values::duration;
use crate::protocol::MAX_REMAINING_LENGTH;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use std::time::{Duration, SystemTime};

/// Messages per second of all publishers together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rate {
    /// Closed loop.
    Max,
    /// Open loop.
    PerSecond(f64),
}

/// The largest generated payload: the largest packet that MQTT knows, with room for a topic and properties.
const LARGEST: u32 = (MAX_REMAINING_LENGTH - 256 * 1024) as u32;

pub(super) fn scenario(text: &str) -> Result<Scenario, String> {
    let known = super::shape::ALL
        .iter()
        .map(|shape| (shape.scenario.name(), shape.scenario));
    let found = known.clone().find(|(name, _)| *name == text);
    found.map(|(_, scenario)| scenario).ok_or_else(|| {
        let names: Vec<_> = known.map(|(name, _)| name).collect();
        format!("must be one of {}", names.join(", "))
    })
}

/// Clients or topics: at least 1.
pub(super) fn clients(text: &str) -> Result<u32, String> {
    whole(text, 1, u32::MAX)
}

/// Messages at once.
pub(super) fn burst(text: &str) -> Result<u32, String> {
    whole(text, 2, u32::MAX)
}

/// Threads.
pub(super) fn workers(text: &str) -> Result<u32, String> {
    whole(text, 1, 256)
}

fn whole(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}

/// The same values in fields that serde fills.
pub(super) mod read {
    use super::{Duration, Rate, Size, SystemTime};
    use crate::cli::settings::typed::from_texts;

    from_texts! {
        pub(in super::super) clients: u32 = super::clients;
        pub(in super::super) burst: u32 = super::burst;
        pub(in super::super) workers: u32 = super::workers;
        pub(in super::super) rate: Rate = super::rate;
        pub(in super::super) per_second: f64 = super::per_second;
        pub(in super::super) count: u64 = super::count;
        pub(in super::super) size: Size = super::size;
        pub(in super::super) some_time: Duration = super::some_time;
        pub(in super::super) start_at: SystemTime = super::start_at;
    }
}

/// A number above 0, with `k` for thousands and `M` for millions, or `max`.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    match text {
        "max" => Ok(Rate::Max),
        _ => per_second(text)
            .map(Rate::PerSecond)
            .map_err(|error| format!("{error}, or `max`")),
    }
}

/// A number above 0, with `k` for thousands and `M` for millions.
pub(super) fn per_second(text: &str) -> Result<f64, String> {
    let (digits, times) = factor(text);
    let number = digits.parse::<f64>().ok().map(|number| number * times);
    let number = number.filter(|number| number.is_finite() && *number > 0.0 && *number <= 1e9);
    number.ok_or_else(|| "must be a number per second above 0, such as 0.5, 1000, 20k or 1.5M".to_owned())
}

/// A whole number above 0, with `k` for thousands and `M` for millions.
pub(super) fn count(text: &str) -> Result<u64, String> {
    let (digits, times) = factor(text);
    let number = digits.parse::<u64>().ok();
    // The factors are whole.
    let number = number.and_then(|number| number.checked_mul(times as u64));
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| "must be a whole number above 0, such as 1000, 20k or 1M".to_owned())
}

/// `100`, `40..1000` or `exp:200`: bytes.
pub(super) fn size(text: &str) -> Result<Size, String> {
    let number = |text: &str| text.parse::<u32>().ok();
    let (size, least, most) = if let Some(mean) = text.strip_prefix("exp:") {
        let mean = number(mean).ok_or(SIZES)?;
        (Size::Exponential(mean), mean, mean.saturating_mul(10))
    } else if let Some((least, most)) = text.split_once("..") {
        let least = number(least).ok_or(SIZES)?;
        let most = number(most).filter(|most| *most >= least).ok_or(SIZES)?;
        (Size::Uniform(least, most), least, most)
    } else {
        let size = number(text).ok_or(SIZES)?;
        (Size::Fixed(size), size, size)
    };
    if least < STAMP {
        return Err(format!(
            "must be at least {STAMP}: so many bytes of a message say which one it is and when it was due"
        ));
    }
    if most > LARGEST {
        return Err(format!("must be at most {LARGEST}: MQTT has no larger packets"));
    }
    Ok(size)
}

const SIZES: &str =
    "must be bytes: 100, a range such as 40..1000, or exp:200 for the mean of an exponential distribution";

/// A duration above zero.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| match time.is_zero() {
        true => Err("must be more than 0".to_owned()),
        false => Ok(time),
    })
}

/// RFC 3339, `HH:MM[:SS]` of this day (UTC with `Z`, else local time), or `@` and seconds of Unix time.
pub(super) fn start_at(text: &str) -> Result<SystemTime, String> {
    at(text, &Zoned::now())
}

fn at(text: &str, now: &Zoned) -> Result<SystemTime, String> {
    let bad =
        || "must be a time such as 2026-11-23T04:42:52Z, 04:42:52 (local), 04:42:52Z (UTC) or @1795408972".to_owned();
    let timestamp = if let Some(seconds) = text.strip_prefix('@') {
        let seconds = seconds.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
        let since = seconds.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
        Timestamp::from_duration(since.ok_or_else(bad)?).map_err(|_| bad())?
    } else if text.contains(['T', 't', ' ']) {
        text.parse::<Timestamp>().map_err(|_| bad())?
    } else {
        let (time, zone) = match text.strip_suffix(['Z', 'z']) {
            Some(time) => (time, TimeZone::UTC),
            None => (text, now.time_zone().clone()),
        };
        let time = time.parse::<Time>().map_err(|_| bad())?;
        nearest(time, &now.with_time_zone(zone)).ok_or_else(bad)?
    };
    let late = now.timestamp().duration_since(timestamp);
    if late > SignedDuration::ZERO {
        return Err(format!("was {} s ago", late.as_secs()));
    }
    Ok(timestamp.into())
}

/// A time of day is that of today, but around midnight that of the neighbouring day: a start that has just been missed must
/// not become one in a day.
fn nearest(time: Time, now: &Zoned) -> Option<Timestamp> {
    let days = [-1, 0, 1].into_iter().filter_map(|day| {
        let date = now.date().checked_add(day.days()).ok()?;
        let zoned = date.to_datetime(time).to_zoned(now.time_zone().clone()).ok()?;
        Some(zoned.timestamp())
    });
    days.min_by_key(|at| now.timestamp().duration_since(*at).abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_counts_have_units() {
        assert_eq!(rate("max"), Ok(Rate::Max));
        assert_eq!(rate("1.5k"), Ok(Rate::PerSecond(1500.0)));
        assert_eq!(rate("2M"), Ok(Rate::PerSecond(2e6)));
        assert_eq!(count("20k"), Ok(20_000));
        for text in ["0", "-1", "NaN", "k", "", "1m", "inf"] {
            assert!(rate(text).is_err() && count(text).is_err(), "{text}");
        }
        assert!(count("1.5").is_err() && count("99999999999999999999M").is_err());
    }

    #[test]
    fn sizes_hold_a_stamp() {
        assert_eq!(size("100"), Ok(Size::Fixed(100)));
        assert_eq!(size("40..1000"), Ok(Size::Uniform(40, 1000)));
        assert_eq!(size("exp:200"), Ok(Size::Exponential(200)));
        assert!(size(&(STAMP - 1).to_string()).unwrap_err().contains("at least"));
        assert!(size("10..100").unwrap_err().contains("at least"));
        for text in ["", "100..40", "exp:", "x", "1..", "100..", "-5"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert!(size("exp:100000000").unwrap_err().contains("at most"));
    }

    #[test]
    fn start_times_have_three_forms() {
        let now: Zoned = "2026-11-23T23:59:50+01:00[+01:00]".parse().unwrap();
        let start = |text| at(text, &now).map(|at| Timestamp::try_from(at).unwrap().to_string());
        for (text, expected) in [
            ("2026-11-24T00:00:10+01:00", "2026-11-23T23:00:10Z"),
            ("@1795474810", "2026-11-23T23:00:10Z"),
            ("23:00:10Z", "2026-11-23T23:00:10Z"),
            ("00:00:10", "2026-11-23T23:00:10Z"),
            ("00:01", "2026-11-23T23:01:00Z"),
        ] {
            assert_eq!(start(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(start("23:59:40").unwrap_err(), "was 10 s ago");
        assert_eq!(start("@5").map_err(|error| error.ends_with("s ago")), Err(true));
        for text in ["soon", "25:00", "@x", "2026-11-24"] {
            assert!(start(text).unwrap_err().starts_with("must be"), "{text}");
        }
    }
}
