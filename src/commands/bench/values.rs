//! Values of the flags of `bench`: scenarios, rates, sizes, a start time. It must not know what they are for.

use crate::bench::quantity::factor;
use crate::bench::{Arrival, STAMP, Scenario, Size};
use crate::cli::values::{Time, flag_values};
use crate::protocol::MAX_REMAINING_LENGTH;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned, civil};
use std::str::FromStr;
use std::time::{Duration, SystemTime};

flag_values! { Named, Burst, Workers, Rate, PerSecond, Count, Bytes, Times, Sessions, SomeTime, StartAt }

/// The largest generated payload: the largest packet that MQTT knows, with room for a topic and properties.
const LARGEST: u32 = (MAX_REMAINING_LENGTH - 256 * 1024) as u32;

/// A scenario by its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named(pub(super) Scenario);

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = super::shape::ALL.iter().map(|shape| shape.scenario);
        let found = known.clone().find(|scenario| scenario.name() == text);
        found.map(Self).ok_or_else(|| {
            let names: Vec<_> = known.map(Scenario::name).collect();
            format!("must be one of {}", names.join(", "))
        })
    }
}

/// A whole number from `LEAST` to `MOST`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within<const LEAST: u32, const MOST: u32>(pub(super) u32);

/// Messages at once.
pub(super) type Burst = Within<2, { u32::MAX }>;
/// Threads.
pub(super) type Workers = Within<1, 256>;

impl<const LEAST: u32, const MOST: u32> FromStr for Within<LEAST, MOST> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
        number
            .map(Self)
            .ok_or_else(|| format!("must be a whole number from {LEAST} to {MOST}"))
    }
}

/// Messages per second of all publishers together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rate {
    /// Closed loop.
    Max,
    /// Open loop.
    PerSecond(f64),
}

impl FromStr for Rate {
    type Err = String;

    /// As of [`PerSecond`], or `max`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "max" => Ok(Self::Max),
            _ => text
                .parse()
                .map(|PerSecond(rate)| Self::PerSecond(rate))
                .map_err(|error| format!("{error}, or `max`")),
        }
    }
}

/// A number above 0, with `k` for thousands and `M` for millions.
#[derive(Debug, Clone, Copy)]
pub(super) struct PerSecond(pub(super) f64);

impl FromStr for PerSecond {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, times) = factor(text);
        let number = digits.parse::<f64>().ok().map(|number| number * times);
        let number = number.filter(|number| number.is_finite() && *number > 0.0 && *number <= 1e9);
        number
            .map(Self)
            .ok_or("must be a number per second above 0, such as 0.5, 1000, 20k or 1.5M")
    }
}

/// A whole number above 0, with `k` for thousands and `M` for millions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Count(pub(super) u64);

impl FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, times) = factor(text);
        let number = digits.parse::<u64>().ok();
        // The factors are whole.
        let number = number.and_then(|number| number.checked_mul(times as u64));
        number
            .filter(|number| *number > 0)
            .map(Self)
            .ok_or("must be a whole number above 0, such as 1000, 20k or 1M")
    }
}

/// `100`, `40..1000` or `exp:200`: bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bytes(pub(super) Size);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
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
        Ok(Self(size))
    }
}

const SIZES: &str =
    "must be bytes: 100, a range such as 40..1000, or exp:200 for the mean of an exponential distribution";

/// When messages are due in an open loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times(pub(super) Arrival);

impl FromStr for Times {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "constant" => Ok(Self(Arrival::Constant)),
            "poisson" => Ok(Self(Arrival::Poisson)),
            _ => Err("must be constant or poisson"),
        }
    }
}

/// What becomes of a session when its connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sessions {
    Clean,
    Persistent,
}

impl FromStr for Sessions {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "clean" => Ok(Self::Clean),
            "persistent" => Ok(Self::Persistent),
            _ => Err("must be clean or persistent"),
        }
    }
}

/// A duration above zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct SomeTime(pub(super) Duration);

impl FromStr for SomeTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse()? {
            Time(Duration::ZERO) => Err("must be more than 0".to_owned()),
            Time(time) => Ok(Self(time)),
        }
    }
}

/// A moment in the future.
#[derive(Debug, Clone, Copy)]
pub(super) struct StartAt(pub(super) SystemTime);

impl FromStr for StartAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        at(text, &Zoned::now()).map(Self)
    }
}

/// RFC 3339, `HH:MM[:SS]` of this day (UTC with `Z`, else local time), or `@` and seconds of Unix time.
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
        let time = time.parse::<civil::Time>().map_err(|_| bad())?;
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
fn nearest(time: civil::Time, now: &Zoned) -> Option<Timestamp> {
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
        let (rate, count) = (Rate::from_str, Count::from_str);
        assert_eq!(rate("max"), Ok(Rate::Max));
        assert_eq!(rate("1.5k"), Ok(Rate::PerSecond(1500.0)));
        assert_eq!(rate("2M"), Ok(Rate::PerSecond(2e6)));
        assert_eq!(count("20k"), Ok(Count(20_000)));
        for text in ["0", "-1", "NaN", "k", "", "1m", "inf"] {
            assert!(rate(text).is_err() && count(text).is_err(), "{text}");
        }
        assert!(count("1.5").is_err() && count("99999999999999999999M").is_err());
    }

    #[test]
    fn sizes_hold_a_stamp() {
        let size = |text: &str| text.parse().map(|Bytes(size)| size);
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
