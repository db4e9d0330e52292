//! What is demanded of a run, such as `p99<50ms` or `lost=0`, and whether it was met. It must not know how that is shown.

use super::figure::{Figure, Kind, latency};
use super::quantity::{Unit, count, decimals, parse_number, parse_time};
use super::{Outcome, Report, Verdict};
use crate::nearest::nearest;
use std::fmt;
use std::str::FromStr;

/// A demand on one figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    text: String,
    figure: Figure,
    operator: Operator,
    /// In the unit of the figure, or in percent of its whole.
    limit: f64,
    /// Of the whole.
    percent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
    NotEqual,
}

/// Longer ones first, so that `<=` is not read as `<`.
const OPERATORS: [(&str, Operator); 7] = [
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("=", Operator::Equal),
];

/// A text is no threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why} (character {at})")]
pub struct BadThreshold {
    /// Where it stops to be one: number of the character, from 1.
    pub at: usize,
    /// What is wrong there.
    pub why: String,
}

impl Threshold {
    /// Holds a run against it. What the run did not measure fails.
    #[must_use]
    pub fn check(&self, report: &Report) -> Verdict {
        let (value, mut why) = match self.value(report) {
            Ok(found) => found,
            Err(why) => {
                return Verdict {
                    name: self.text.clone(),
                    outcome: Outcome::Failed,
                    value: None,
                    measured: "not measured".to_owned(),
                    baseline: None,
                    change: None,
                    why,
                };
            }
        };
        match self.figure {
            Figure::Latency(measure, statistic) => {
                let samples = latency(measure, report).map_or(0, |times| times.count);
                if samples < statistic.needs() {
                    why = format!("from {} samples only: the longest one", count(samples));
                }
            }
            Figure::Rate(None | Some(Kind::Sent)) if report.load.qos == 0 && report.load.subscribers == 0 => {
                "written at QoS 0, confirmed by nobody".clone_into(&mut why);
            }
            _ => {}
        }
        let passed = self.operator.holds(value, self.limit);
        let unit = if self.percent {
            Unit::Percent
        } else {
            self.figure.unit()
        };
        Verdict {
            name: self.text.clone(),
            outcome: if passed { Outcome::Passed } else { Outcome::Failed },
            value: Some(value),
            measured: self.measured(unit, value),
            baseline: None,
            change: None,
            why,
        }
    }

    /// The value that is held against the limit, and what is to be known about it.
    fn value(&self, report: &Report) -> Result<(f64, String), String> {
        let value = self.figure.value(report)?;
        if !self.percent || self.figure == Figure::Cpu {
            return Ok((value, String::new()));
        }
        let whole = self.figure.whole(report)?;
        let show = |value| self.figure.unit().show(value);
        // In this order equal numbers are exactly 100 %.
        Ok((value / whole * 100.0, format!("{} of {}", show(value), show(whole))))
    }

    /// With as many digits as it takes to see that it is on one side of the limit.
    fn measured(&self, unit: Unit, value: f64) -> String {
        let shown = unit.show(value);
        let near = match unit {
            Unit::Time => (value - self.limit).abs() < self.limit * 0.01,
            _ => shown == unit.show(self.limit),
        };
        if !near {
            return shown;
        }
        match unit {
            Unit::Time if self.limit >= 1e6 => format!("{} s", decimals(value / 1e6, 6)),
            Unit::Time if self.limit >= 1e3 => format!("{} ms", decimals(value / 1e3, 6)),
            Unit::Time => format!("{} us", decimals(value, 3)),
            Unit::Percent => format!("{} %", decimals(value, 9)),
            Unit::Count => shown,
            Unit::Rate => format!("{}/s", decimals(value, 3)),
        }
    }
}

impl FromStr for Threshold {
    type Err = BadThreshold;

    fn from_str(text: &str) -> Result<Self, BadThreshold> {
        let begin = text.find(['<', '>', '=', '!']);
        let bad = |byte: usize, why: String| BadThreshold {
            at: text.get(..byte).map_or(0, |before| before.chars().count()) + 1,
            why,
        };
        let (before, behind) = text.split_at(begin.unwrap_or(text.len()));
        let name = before.trim();
        let all = Figure::all();
        let known = all.iter().find(|(known, _)| known == name);
        let name_at = before.len() - before.trim_start().len();
        let figure = known.map(|(_, figure)| *figure).ok_or_else(|| {
            let why = match nearest(name, all.iter().map(|(name, _)| name.as_str())) {
                _ if name.is_empty() => "the name of a figure is missing, as in p99<50ms or lost=0".to_owned(),
                Some(near) => format!("no figure is named \"{}\"; did you mean \"{near}\"?", name.escape_debug()),
                None => format!(
                    "no figure is named \"{}\": there are counts (lost), rates (rate), times (p99, ack_response.p99), cpu, \
                     limited and broken",
                    name.escape_debug()
                ),
            };
            bad(name_at, why)
        })?;
        let operator = OPERATORS.iter().find(|(sign, _)| behind.starts_with(sign));
        let (sign, operator) =
            operator.ok_or_else(|| bad(before.len(), "one of < <= > >= = != must follow the name".to_owned()))?;
        let value = behind.get(sign.len()..).unwrap_or_default();
        let value_at = text.len() - value.trim_start().len();
        let (limit, percent) = limit(figure, value.trim()).map_err(|why| bad(value_at, why))?;
        Ok(Self {
            text: text.trim().to_owned(),
            figure,
            operator: *operator,
            limit,
            percent,
        })
    }
}

/// A limit in the unit of its figure or, `true`, in percent.
fn limit(figure: Figure, text: &str) -> Result<(f64, bool), String> {
    if let Some(number) = text.strip_suffix('%') {
        if figure != Figure::Cpu && !figure.has_whole() {
            return Err(match figure {
                Figure::Rate(_) => "of rates only rate.sent and rate.acknowledged have a percentage: of the target",
                _ => "this figure has no percentage: there is nothing that it is a part of",
            }
            .to_owned());
        }
        return Ok((parse_number(number)?, true));
    }
    match figure.unit() {
        Unit::Time => Ok((parse_time(text)?, false)),
        // As a share, it would be taken for a percentage.
        Unit::Percent => Err(format!("a percentage is expected: {text}%?")),
        Unit::Count | Unit::Rate => Ok((parse_number(text)?, false)),
    }
}

impl Operator {
    #[allow(clippy::float_cmp, reason = "counts are exact")]
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::AtMost => value <= limit,
            Self::Greater => value > limit,
            Self::AtLeast => value >= limit,
            Self::Equal => value == limit,
            Self::NotEqual => value != limit,
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
