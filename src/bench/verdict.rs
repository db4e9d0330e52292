//! What came out when a run was held against thresholds and a baseline, as plain data. It must not know how that is found out.

use serde::Serialize;
use std::fmt;

/// What came out of a demand or of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The threshold as it was given; in a comparison, the figure.
    pub name: String,
    /// Whether it was met.
    pub outcome: Outcome,
    /// What was measured, in microseconds, per second, percent or pieces; none when it was not measured.
    pub value: Option<f64>,
    /// The same with its unit, or `not measured`.
    pub measured: String,
    /// What the baseline has, with its unit.
    pub baseline: Option<String>,
    /// Change against the baseline in percent; more is above zero.
    pub change: Option<f64>,
    /// Why it failed or was not judged, or what else is to be known; may be empty.
    pub why: String,
}

/// Whether a demand was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was.
    Passed,
    /// It was not, or nothing was measured that could tell.
    Failed,
    /// Nothing was demanded, or too little is known: for information.
    NotJudged,
}

/// Everything that a run was held against.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Of the thresholds, in their order.
    pub thresholds: Vec<Verdict>,
    /// With a baseline.
    pub comparison: Option<Comparison>,
}

impl Judged {
    /// What was demanded and not met.
    pub fn failed(&self) -> impl Iterator<Item = &Verdict> {
        let compared = self.comparison.iter().flat_map(|comparison| &comparison.verdicts);
        compared
            .chain(&self.thresholds)
            .filter(|verdict| verdict.outcome == Outcome::Failed)
    }
}

/// What has changed since the baseline.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    /// How much worse figures may be, in percent; `None` when nothing was demanded.
    pub max_regression: Option<f64>,
    /// One for each figure that both runs may have.
    pub verdicts: Vec<Verdict>,
    /// What else was different.
    pub notes: Vec<String>,
}

/// One line: `p99<50ms: 61.2 ms`, `p99: 61.2 ms, was 40.1 ms (+52.6 %), at most 10 % worse is allowed`.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.measured)?;
        if let Some(baseline) = &self.baseline {
            write!(f, ", was {baseline}")?;
        }
        if let Some(change) = self.change {
            write!(f, " ({change:+.1} %)")?;
        }
        if !self.why.is_empty() {
            write!(f, ", {}", self.why)?;
        }
        Ok(())
    }
}
