//! Scales of plots: where a value lies, and which values have a label. It must not know what is drawn.

use super::quantity::{axis_number, latency_tick, number};
use crate::bench::quantity::trimmed;

/// The least and most that a logarithmic axis shows, in microseconds: a tenth, and about eleven days.
const LATENCIES: (f64, f64) = (0.1, 1e12);

/// The least and most that an axis of numbers ends at.
const NUMBERS: (f64, f64) = (1e-3, 1e18);

/// One axis.
#[derive(Debug, Clone, Copy)]
pub(super) enum Axis {
    /// Seconds from 0 to this.
    Time(f64),
    /// Numbers from 0 to this, with this step between labels at least.
    Number(f64),
    /// Microseconds from the first to the second, logarithmic.
    Latency(f64, f64),
    /// Shares of samples, each decade of the rest as wide as the one before: 0, 0.9, 0.99, to this many decades.
    Share(f64),
}

impl Axis {
    /// An axis of seconds.
    pub(super) fn time(end: f64) -> Self {
        Self::Time(if end.is_finite() && end > 0.0 { end } else { 1.0 })
    }

    /// An axis for numbers up to this, with some room above.
    pub(super) fn number(highest: f64) -> Self {
        if !highest.is_finite() || highest <= 0.0 {
            return Self::Number(1.0);
        }
        let highest = highest.clamp(NUMBERS.0, NUMBERS.1);
        let step = nice(highest / 6.0);
        Self::Number((highest * 1.02 / step).ceil() * step)
    }

    /// An axis that shows all of these latencies.
    pub(super) fn latency(values: impl Iterator<Item = f64>) -> Self {
        let values = values.filter(|value| value.is_finite() && *value > 0.0);
        let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if high == 0.0 {
            return Self::Latency(100.0, 10_000.0);
        }
        let (low, high) = (
            low.clamp(LATENCIES.0, LATENCIES.1),
            high.clamp(LATENCIES.0, LATENCIES.1),
        );
        let mut steps = (below(low), nice(high));
        // A narrow band is not blown up: at least a decade.
        while steps.1 < steps.0 * 9.99 {
            steps = (below(steps.0 * 0.99), nice(steps.1 * 1.01));
        }
        Self::Latency(steps.0, steps.1)
    }

    /// An axis for shares of so many samples.
    pub(super) fn share(samples: u64) -> Self {
        Self::Share(rest_decades(samples).max(1.0))
    }

    /// Where a value lies, 0 to 1. Of [`Self::Share`] the value is in decades.
    pub(super) fn position(self, value: f64) -> f64 {
        let position = match self {
            Self::Time(end) | Self::Number(end) | Self::Share(end) => value / end,
            Self::Latency(low, high) => (value.max(low) / low).ln() / (high / low).ln(),
        };
        if position.is_finite() {
            position.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// Values with labels, the more important ones first; `length` and `room` (for one label) are in pixels.
    pub(super) fn ticks(self, length: f64, room: f64) -> Vec<(f64, String)> {
        let most = (length / room).floor().max(2.0);
        match self {
            Self::Time(end) => time_ticks(end, most),
            Self::Number(end) => {
                let step = nice(end / most);
                let label = |value| axis_number(value, end);
                multiples(end, step, label)
            }
            Self::Latency(low, high) => latency_ticks(low, high, most),
            Self::Share(end) => share_ticks(end),
        }
    }
}

/// Where the last of so many samples lies on a [`Axis::Share`]: it stands for the middle of the share above the others.
pub(super) fn rest_decades(samples: u64) -> f64 {
    (2.0 * samples.max(1) as f64).log10()
}

/// The share (0 to 1) at so many decades.
pub(super) fn share_at(decades: f64) -> f64 {
    1.0 - 10.0_f64.powf(-decades)
}

/// A share for people: `50`, `99.9`, `99.99`, with the digits that tell it from 100.
pub(super) fn share_label(decades: f64) -> String {
    let digits = (decades.ceil() as usize).saturating_sub(1).clamp(1, 12);
    let text = format!("{:.*}", digits, share_at(decades) * 100.0);
    trimmed(&text).to_owned()
}

fn share_ticks(end: f64) -> Vec<(f64, String)> {
    let mut ticks: Vec<_> = (1..=(end + 1e-9).floor().min(12.0) as u32)
        .map(|decade| (f64::from(decade), share_label(f64::from(decade))))
        .collect();
    ticks.push((2.0_f64.log10(), "50".to_owned()));
    ticks.push((0.0, "0".to_owned()));
    ticks
}

fn time_ticks(end: f64, most: f64) -> Vec<(f64, String)> {
    const STEPS: [f64; 18] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0,
        43_200.0, 86_400.0,
    ];
    let least = end / most;
    let step = match STEPS.into_iter().find(|step| *step >= least) {
        Some(step) if least > 0.5 => step,
        Some(_) => nice(least),
        None => nice(least / 86_400.0) * 86_400.0,
    };
    let (unit, name) = match step {
        _ if step < 1.0 && end < 1.0 => (0.001, "ms"),
        _ if step < 60.0 => (1.0, "s"),
        _ if step < 3600.0 => (60.0, "min"),
        _ => (3600.0, "h"),
    };
    multiples(end, step, |value| {
        if value == 0.0 {
            return "0".to_owned();
        }
        format!("{}\u{a0}{name}", number(value / unit))
    })
}

fn latency_ticks(low: f64, high: f64, most: f64) -> Vec<(f64, String)> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let decades = (high / low).log10();
    let mantissas: &[f64] = match most / decades.max(1e-9) {
        room if room >= 3.0 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    let every = (decades / most).ceil().max(1.0) as usize;
    let mut ticks = Vec::new();
    for decade in (first..=last).step_by(every) {
        for mantissa in mantissas {
            let value = mantissa * 10.0_f64.powi(decade);
            if value >= low * 0.999 && value <= high * 1.001 {
                ticks.push((value, latency_tick(value)));
            }
        }
    }
    ticks
}

fn multiples(end: f64, step: f64, label: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    let most = (end / step + 1e-6).floor().clamp(0.0, 100.0) as u32;
    (0..=most)
        .map(|index| step * f64::from(index))
        .map(|value| (value, label(value)))
        .collect()
}

/// The least of 1, 2, 5 and their tenfolds that is not below.
fn nice(least: f64) -> f64 {
    let decade = 10.0_f64.powf(least.log10().floor());
    let found = [1.0, 2.0, 5.0]
        .into_iter()
        .map(|mantissa| mantissa * decade)
        .find(|step| *step >= least * 0.9999);
    found.unwrap_or(decade * 10.0)
}

fn below(value: f64) -> f64 {
    let decade = 10.0_f64.powf(value.log10().floor());
    let found = [5.0, 2.0]
        .into_iter()
        .map(|mantissa| mantissa * decade)
        .find(|step| *step <= value * 1.0001);
    found.unwrap_or(decade)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Axis, length: f64, room: f64) -> Vec<String> {
        let ticks = axis.ticks(length, room);
        ticks
            .into_iter()
            .map(|(_, label)| label.replace('\u{a0}', " "))
            .collect()
    }

    #[test]
    fn labels_are_round() {
        assert_eq!(
            labels(Axis::time(60.0), 640.0, 80.0),
            ["0", "10 s", "20 s", "30 s", "40 s", "50 s", "60 s"]
        );
        assert_eq!(labels(Axis::time(600.0), 300.0, 80.0), ["0", "5 min", "10 min"]);
        assert_eq!(labels(Axis::time(0.25), 200.0, 80.0), ["0", "200 ms"]);
        assert_eq!(
            labels(Axis::number(10_400.0), 250.0, 40.0),
            ["0", "2,000", "4,000", "6,000", "8,000", "10,000", "12,000"]
        );
        assert_eq!(
            labels(Axis::latency([130.0, 40_000.0].into_iter()), 250.0, 40.0),
            ["100 µs", "1 ms", "10 ms"]
        );
        assert_eq!(
            labels(Axis::share(10_000), 600.0, 50.0),
            ["90", "99", "99.9", "99.99", "50", "0"]
        );
    }

    #[test]
    fn every_value_has_a_place() {
        let values = [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e-300, 1e300];
        let axes = [
            Axis::time(f64::NAN),
            Axis::time(1e300),
            Axis::number(f64::INFINITY),
            Axis::number(5e-324),
            Axis::number(1e300),
            Axis::latency(values.into_iter()),
            Axis::latency([7.0].into_iter()),
            Axis::latency(std::iter::empty()),
            Axis::share(0),
            Axis::share(u64::MAX),
        ];
        for axis in axes {
            for value in values {
                let position = axis.position(value);
                assert!((0.0..=1.0).contains(&position), "{axis:?} {value} {position}");
            }
            for (value, label) in axis.ticks(300.0, 40.0) {
                assert!(
                    value.is_finite() && !label.contains("NaN") && !label.contains("inf"),
                    "{axis:?} {label}"
                );
            }
        }
    }
}
