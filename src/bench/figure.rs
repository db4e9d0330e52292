//! The figures of a report by their names: what thresholds and baselines speak about. A figure that a run did not measure
//! has no value, not zero. It must not know what is demanded of them.

use super::count::{Activity, Count, Whole};
use super::quantity::Unit;
use super::report::{Latency, Rates};
use super::{Measure, Report, Scenario};

/// One number of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Of messages, deliveries, connections or bytes.
    Count(Count),
    /// Messages or connections per second; without a kind the most telling one: received, else acknowledged, sent, connected.
    Rate(Option<Kind>),
    /// Of the times of a measure, or of [`Report::main_measure`].
    Latency(Option<Measure>, Statistic),
    /// The busiest thread's share of one processor.
    Cpu,
    /// Processor time of this program per message.
    CpuPerMessage,
    /// 1 when this machine was the limit, else 0.
    Limited,
    /// Number of guarantees that did not hold.
    Broken,
}

/// What a rate is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Sent,
    Acknowledged,
    Received,
    Connected,
}

/// What is told of many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Statistic {
    Min,
    Mean,
    Stdev,
    P50,
    P90,
    P95,
    P99,
    P99_9,
    P99_99,
    Max,
}

const STATISTICS: [(&str, Statistic); 10] = [
    ("p50", Statistic::P50),
    ("p90", Statistic::P90),
    ("p95", Statistic::P95),
    ("p99", Statistic::P99),
    ("p99.9", Statistic::P99_9),
    ("p99.99", Statistic::P99_99),
    ("min", Statistic::Min),
    ("mean", Statistic::Mean),
    ("stdev", Statistic::Stdev),
    ("max", Statistic::Max),
];

impl Figure {
    /// All names, with what they stand for.
    #[must_use]
    pub fn all() -> Vec<(String, Self)> {
        let mut all: Vec<(String, Self)> = Vec::new();
        for count in Count::ALL {
            all.push((count.name().to_owned(), Self::Count(*count)));
        }
        all.push(("delivered".to_owned(), Self::Count(Count::Received)));
        all.push(("rate".to_owned(), Self::Rate(None)));
        for kind in Kind::ALL {
            all.push((format!("rate.{}", kind.name()), Self::Rate(Some(kind))));
        }
        for (name, statistic) in STATISTICS {
            all.push((name.to_owned(), Self::Latency(None, statistic)));
            for measure in Measure::ALL {
                let latency = Self::Latency(Some(measure), statistic);
                all.push((format!("{}.{name}", measure.name()), latency));
            }
        }
        all.push(("cpu".to_owned(), Self::Cpu));
        all.push(("cpu_per_message".to_owned(), Self::CpuPerMessage));
        all.push(("limited".to_owned(), Self::Limited));
        all.push(("broken".to_owned(), Self::Broken));
        all
    }

    /// In what it is measured.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::Count(_) | Self::Limited | Self::Broken => Unit::Count,
            Self::Rate(_) => Unit::Rate,
            Self::Latency(..) | Self::CpuPerMessage => Unit::Time,
            Self::Cpu => Unit::Percent,
        }
    }

    /// Its value, in its unit.
    ///
    /// # Errors
    /// Why the run did not measure it.
    pub fn value(self, report: &Report) -> Result<f64, String> {
        match self {
            Self::Count(count) => {
                count.activity().measured(report)?;
                Ok(report.counts.get(count) as f64)
            }
            Self::Rate(Some(kind)) => rate(kind, report),
            Self::Rate(None) => {
                let telling = [Kind::Received, Kind::Acknowledged, Kind::Sent, Kind::Connected];
                let mut rates = telling.into_iter().filter_map(|kind| rate(kind, report).ok());
                rates.next().ok_or_else(|| "nothing was measured".to_owned())
            }
            Self::Latency(measure, statistic) => Ok(statistic.of(latency(measure, report)?)),
            Self::Cpu => Ok(report.generator.busiest * 100.0),
            Self::CpuPerMessage if report.counts.sent == 0 && report.counts.received == 0 => {
                Err("the run had no messages".to_owned())
            }
            Self::CpuPerMessage => Ok(report.generator.cpu_per_message),
            Self::Limited => Ok(f64::from(u8::from(report.generator.limited))),
            Self::Broken => Ok(report.broken.len() as f64),
        }
    }

    /// Whether [`Self::whole`] makes sense.
    #[must_use]
    pub fn has_whole(self) -> bool {
        match self {
            Self::Count(count) => count.whole().is_some(),
            Self::Rate(kind) => matches!(kind, Some(Kind::Sent | Kind::Acknowledged)),
            _ => false,
        }
    }

    /// What its percentages are of: counts of what was due, sent, expected or tried, rates of the target.
    ///
    /// # Errors
    /// There is no such number, or it is zero.
    pub fn whole(self, report: &Report) -> Result<f64, String> {
        let counts = &report.counts;
        let (whole, missing) = match self {
            Self::Count(count) => match count.whole() {
                Some(Whole::Due) => (counts.offered as f64, "no message was due"),
                Some(Whole::Sent) => (counts.sent as f64, "no message was sent"),
                Some(Whole::Expected) => (counts.expected as f64, "no delivery was expected"),
                Some(Whole::Tried) => (
                    counts.connected.saturating_add(counts.failed_connections) as f64,
                    "no connection was tried",
                ),
                Some(Whole::Made) => (counts.connected as f64, "no connection was made"),
                None => (0.0, "it is no part of anything"),
            },
            Self::Rate(_) => (
                report.rates.target.unwrap_or_default(),
                "the run had no target rate (closed loop)",
            ),
            _ => (0.0, "it is no part of anything"),
        };
        if whole > 0.0 {
            Ok(whole)
        } else {
            Err(missing.to_owned())
        }
    }
}

impl Kind {
    /// All of them, in the order of a report.
    pub const ALL: [Self; 4] = [Self::Sent, Self::Acknowledged, Self::Received, Self::Connected];

    /// Its name behind `rate.`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Acknowledged => "acknowledged",
            Self::Received => "received",
            Self::Connected => "connected",
        }
    }

    /// Its value.
    #[must_use]
    pub fn of(self, rates: &Rates) -> f64 {
        match self {
            Self::Sent => rates.sent,
            Self::Acknowledged => rates.acknowledged,
            Self::Received => rates.received,
            Self::Connected => rates.connected,
        }
    }
}

impl Statistic {
    /// Its name in thresholds and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        STATISTICS
            .iter()
            .find(|(_, other)| *other == self)
            .map_or("", |(name, _)| name)
    }

    /// From the times of a measure.
    #[must_use]
    pub fn of(self, latency: &Latency) -> f64 {
        match self {
            Self::Min => latency.min,
            Self::Mean => latency.mean,
            Self::Stdev => latency.stdev,
            Self::P50 => latency.p50,
            Self::P90 => latency.p90,
            Self::P95 => latency.p95,
            Self::P99 => latency.p99,
            Self::P99_9 => latency.p99_9,
            Self::P99_99 => latency.p99_99,
            Self::Max => latency.max,
        }
    }

    /// How many samples it needs at least to say more than the longest one does.
    #[must_use]
    pub fn needs(self) -> u64 {
        match self {
            Self::Min | Self::Mean | Self::Max => 1,
            Self::P50 | Self::Stdev => 2,
            Self::P90 => 10,
            Self::P95 => 20,
            Self::P99 => 100,
            Self::P99_9 => 1_000,
            Self::P99_99 => 10_000,
        }
    }
}

/// The times of a measure, or of the main one.
///
/// # Errors
/// Why there are none.
pub fn latency(measure: Option<Measure>, report: &Report) -> Result<&Latency, String> {
    let measure = measure.or_else(|| report.main_measure());
    let measure = measure.ok_or_else(|| "the run measured no times".to_owned())?;
    let times = report.latency.get(measure.name()).filter(|times| times.count > 0);
    times.ok_or_else(|| format!("the run did not measure {}", measure.name()))
}

fn rate(kind: Kind, report: &Report) -> Result<f64, String> {
    let activity = match kind {
        Kind::Sent => Activity::Sending,
        Kind::Acknowledged => Activity::Acknowledging,
        Kind::Received => Activity::Delivery,
        Kind::Connected => Activity::Connecting,
    };
    activity.measured(report)?;
    Ok(kind.of(&report.rates))
}

impl Activity {
    /// Nothing lost where nothing was sent is no success.
    fn measured(self, report: &Report) -> Result<(), String> {
        let (load, counts) = (&report.load, &report.counts);
        let no = |why: &str| Err(why.to_owned());
        match self {
            Self::Sending if load.scenario == Scenario::Connect => no("this scenario publishes nothing"),
            Self::Sending if counts.offered == 0 => no("no message was due"),
            Self::Acknowledging if load.scenario == Scenario::Connect => no("this scenario publishes nothing"),
            Self::Acknowledging if load.qos == 0 => no("messages of QoS 0 are not acknowledged"),
            Self::Acknowledging if counts.sent == 0 => no("no message was sent"),
            Self::Delivery if load.subscribers == 0 => no("the run had no subscribers"),
            Self::Delivery if counts.expected == 0 && counts.received == 0 => no("no delivery was expected"),
            Self::Connecting if counts.connected == 0 && counts.failed_connections == 0 => {
                no("no connection was tried")
            }
            _ => Ok(()),
        }
    }
}
