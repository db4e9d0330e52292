//! What a run has shown, complete and self-contained: what all outputs are made of, and what `--merge` and `--baseline` read.
//! It must not know how it is shown.

mod make;
mod merge;

pub use merge::MergeError;

use super::{Breach, Counts, Failure, Load, Measure, Record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the JSON format.
pub const SCHEMA: u32 = 1;

/// A report. All latencies are in microseconds, all times in seconds, all rates per second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Where and with what each process of the run ran; several after a merge.
    pub processes: Vec<Process>,
    /// What load was to be made. After a merge the numbers of clients, messages, rates and workers are those of all processes
    /// together; what else differs is the first one's, and a note says so.
    pub load: Load,
    /// When measuring began (Unix time), and how long.
    pub span: Span,
    /// What was counted.
    pub counts: Counts,
    /// Counts by the span.
    pub rates: Rates,
    /// The times, by the name of the [`Measure`].
    pub latency: BTreeMap<String, Latency>,
    /// Each second, or a longer interval in long runs. Intervals without any process in them are not there.
    pub timeline: Vec<Row>,
    /// Whether the load generator was the limit.
    pub generator: Generator,
    /// Clients and messages that came to grief; none when all went well, or a person stopped it.
    #[serde(default)]
    pub failures: Vec<Failure>,
    /// Guarantees of the standard that did not hold.
    pub broken: Vec<Breach>,
    /// What else a reader should know before believing the figures.
    pub notes: Vec<String>,
}

/// One process of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Version of mqkit.
    pub mqkit: String,
    /// Host name.
    pub host: String,
    /// Operating system, kernel release and architecture.
    pub system: String,
    /// Model of the processor.
    pub processor: String,
    /// Processors that this process may use.
    pub processors: u32,
    /// The command line, secrets masked.
    pub command: Vec<String>,
    /// Identifies the run: it stands in every message.
    pub run: String,
    /// Address of the broker, without credentials.
    pub broker: String,
    /// What the broker calls itself (`$SYS/broker/version`, CONNACK), when it does.
    pub broker_version: Option<String>,
    /// The broker runs inside mqkit, started for this run.
    pub embedded: bool,
    /// `5.0`, `3.1.1` or `3.1`.
    pub protocol: String,
    /// TLS version and cipher suite, WebSocket; none on plain TCP.
    pub transport: Option<String>,
}

/// When it was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Unix time of the start of measuring, in seconds.
    pub started: f64,
    /// From there to the last message sent, or the end of the duration when that was later.
    pub sending: f64,
    /// To the last acknowledgement, or the end of sending.
    pub acknowledging: f64,
    /// To the last delivery, or the end of sending.
    pub receiving: f64,
    /// The first attempt to connect, seen from the start of measuring: below zero when it was before that.
    pub connecting_from: f64,
    /// From there to the last CONNACK of the beginning.
    pub connecting: f64,
}

/// Messages per second of wall-clock time, as the span has it; zero when no time went by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// What the plan asked for; none in a closed loop.
    pub target: Option<f64>,
    /// Sent; "written" at QoS 0, where nobody says more.
    pub sent: f64,
    /// Acknowledged.
    pub acknowledged: f64,
    /// Delivered.
    pub received: f64,
    /// Connections of the beginning per second, from the first attempt to the last CONNACK.
    pub connected: f64,
}

/// The times of one measure, in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Number of samples.
    pub count: u64,
    /// Shortest.
    pub min: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub stdev: f64,
    /// Percentiles.
    pub p50: f64,
    /// 90th.
    pub p90: f64,
    /// 95th.
    pub p95: f64,
    /// 99th.
    pub p99: f64,
    /// 99.9th.
    #[serde(rename = "p99.9")]
    pub p99_9: f64,
    /// 99.99th.
    #[serde(rename = "p99.99")]
    pub p99_99: f64,
    /// Longest.
    pub max: f64,
    /// All samples: HdrHistogram V2, compressed, base64, in nanoseconds.
    pub histogram: String,
}

/// One interval. In a merged report, see [`Report::merge`] for which process's intervals are in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Start of the interval: seconds from the start of measuring.
    pub at: f64,
    /// Length in seconds.
    pub length: f64,
    /// Messages sent in it.
    pub sent: u64,
    /// Messages acknowledged in it.
    pub acknowledged: u64,
    /// Messages delivered in it.
    pub received: u64,
    /// Of the main measure ([`Report::main_measure`]), in microseconds.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Longest.
    pub max: f64,
    /// All samples of the main measure, as in [`Latency::histogram`]; empty when there are none.
    pub histogram: String,
}

/// How much of a limit this program was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Generator {
    /// Processor time of the measured part, of all threads, in seconds.
    pub cpu: f64,
    /// The busiest thread's share of one processor, 0 to 1.
    pub busiest: f64,
    /// Processor time per message sent or received, in microseconds.
    pub cpu_per_message: f64,
    /// Largest amount that waited in one process because the network did not take it, in bytes of one connection.
    pub send_queue: u64,
    /// True when the figures say more about the machine that made the load than about the broker.
    pub limited: bool,
    /// Why, in words.
    pub reasons: Vec<String>,
}

/// An interval of a run, as it is recorded.
#[derive(Debug, Clone)]
pub struct Interval {
    /// Start, from the start of measuring.
    pub at: std::time::Duration,
    /// Length.
    pub length: std::time::Duration,
    /// What happened in it.
    pub record: Record,
}

impl Report {
    /// The measure that percentiles without a name mean: deliveries when there were any, else acknowledgements, else
    /// reconnections, else connections. Response times, when the run had due times.
    #[must_use]
    pub fn main_measure(&self) -> Option<Measure> {
        main_measure(|measure| self.latency.contains_key(measure.name()))
    }
}

/// The first measure that is there, the most telling one first.
pub fn main_measure(has: impl Fn(Measure) -> bool) -> Option<Measure> {
    Measure::TELLING.into_iter().find(|measure| has(*measure))
}
