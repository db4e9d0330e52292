//! What load to make, as plain data that stands in the report as it is, and its options in words. It must not know how it is
//! made, or why somebody asks.

use super::Measure;
use super::quantity::{decimals, rate};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The shape of a run. Each has defaults of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Each message of a publisher goes to one subscriber.
    RoundTrip,
    /// Many publishers, few subscribers.
    FanIn,
    /// Few publishers, many subscribers.
    FanOut,
    /// Clients connect, stay idle for the duration, and disconnect.
    Connect,
    /// The broker stores messages; subscribers come and get all of them.
    Retained,
    /// Subscribers lose their connections again and again while messages are published.
    Reconnect,
    /// Subscribers share one subscription: each message goes to one of them.
    Shared,
}

impl Scenario {
    /// Its name in JSON and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundTrip => "round-trip",
            Self::FanIn => "fan-in",
            Self::FanOut => "fan-out",
            Self::Connect => "connect",
            Self::Retained => "retained",
            Self::Reconnect => "reconnect",
            Self::Shared => "shared",
        }
    }
}

/// When the next message of a publisher is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrival {
    /// Closed loop: whenever the window has room.
    Closed,
    /// Open loop: at equal intervals.
    Constant,
    /// Open loop: at random intervals, independent of each other.
    Poisson,
    /// Open loop: so many messages at once, at equal intervals.
    Burst(u32),
}

/// How large generated payloads are, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// All alike.
    Fixed(u32),
    /// Any size from the first to the second, each as likely.
    Uniform(u32, u32),
    /// Most are small, few are large: exponential with this mean; at least a stamp, at most ten times the mean.
    Exponential(u32),
}

/// What a message carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// Random bytes of this size, the stamp included.
    Random(Size),
    /// These bytes, and the stamp behind them.
    Bytes(Given),
    /// Text with `%c %i %u %n`, and the stamp behind it.
    Template(String),
}

/// A payload that somebody gave. A report only tells how long it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Given {
    length: u64,
    bytes: Bytes,
}

impl Given {
    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The payload; empty when the load is that of a report.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl From<Bytes> for Given {
    fn from(bytes: Bytes) -> Self {
        Self {
            length: bytes.len() as u64,
            bytes,
        }
    }
}

impl From<u64> for Given {
    fn from(length: u64) -> Self {
        Self {
            length,
            bytes: Bytes::new(),
        }
    }
}

impl From<Given> for u64 {
    fn from(given: Given) -> Self {
        given.length
    }
}

/// What load to make. Numbers are of this process; other machines make their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// The shape.
    pub scenario: Scenario,
    /// Clients that publish; in `connect`, those that connect.
    pub publishers: u32,
    /// Clients that subscribe.
    pub subscribers: u32,
    /// Topic of a message: `%i` is the number of its publisher (from 0), `%c` its client identifier, `%u` its user name, `%r`
    /// the run, `%n` the number of the topic below `topics`.
    pub topic: String,
    /// Filter of a subscriber, with the same escapes: `%i` is the number of the subscriber.
    pub filter: String,
    /// How many topics each publisher has; used in turn, or at random.
    pub topics: u32,
    /// Take the topics at random, not in turn.
    pub random_topics: bool,
    /// What messages carry.
    pub payload: Payload,
    /// QoS of the messages.
    pub qos: u8,
    /// QoS that subscribers ask for.
    pub subscribe_qos: u8,
    /// Ask the broker to store messages.
    pub retain: bool,
    /// When messages are due.
    pub arrival: Arrival,
    /// Messages per second of all publishers together; open loop only.
    pub rate: Option<f64>,
    /// Closed loop: messages of one publisher on their way, to the broker at QoS 1 and 2, to the subscribers at QoS 0 when
    /// there are any; filled up when a quarter of it is free. Open loop: the most that may be unacknowledged.
    pub window: u16,
    /// Measured messages of all publishers together; `None` when the duration ends the run.
    pub count: Option<u64>,
    /// How long to publish, without the warm-up.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// Messages that are due before this time has passed are not measured.
    #[serde(with = "seconds")]
    pub warm_up: Duration,
    /// How long to wait for what is on its way at the end.
    #[serde(with = "seconds")]
    pub drain: Duration,
    /// A delivery later than this after its due time counts as late.
    #[serde(with = "seconds")]
    pub late: Duration,
    /// New connections per second; `None` is all at once.
    pub connect_rate: Option<f64>,
    /// `reconnect`: how long after its connection was made a subscriber loses it.
    #[serde(with = "seconds")]
    pub drop_every: Duration,
    /// Keep sessions over connections (Clean Session 0, or a session expiry).
    pub persistent: bool,
    /// Threads that make the load.
    pub workers: u32,
    /// Seed of everything random.
    pub seed: u64,
}

impl Load {
    /// How long publishing takes, as far as that can be said before; the duration for a closed loop with a count.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn expected_duration(&self) -> Duration {
        match (self.count, self.rate) {
            (Some(count), Some(rate)) => Duration::try_from_secs_f64(count as f64 / rate).unwrap_or(Duration::MAX),
            _ => self.duration,
        }
    }

    /// What the time series shows: the most telling measure that this load leads to.
    #[must_use]
    pub fn main_measure(&self) -> Measure {
        let closed = self.arrival == Arrival::Closed;
        match self.scenario {
            Scenario::Connect => Measure::Connect,
            Scenario::Retained => Measure::DeliveryService,
            _ if self.subscribers > 0 && closed => Measure::DeliveryService,
            _ if self.subscribers > 0 => Measure::DeliveryResponse,
            _ if closed => Measure::AckService,
            _ => Measure::AckResponse,
        }
    }

    /// Number of the first source of a publisher, which has one for each of its topics.
    pub(super) fn first_source(&self, publisher: u32) -> u32 {
        publisher.saturating_mul(self.topics.max(1))
    }

    /// The publisher of a source.
    pub(super) fn publisher_of(&self, source: u32) -> u32 {
        source / self.topics.max(1)
    }

    /// Clients of all kinds.
    #[must_use]
    pub fn clients(&self) -> u32 {
        self.publishers.saturating_add(self.subscribers)
    }
}

/// One option of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOption {
    /// What a report calls it.
    pub name: &'static str,
    /// Its value in words.
    pub value: String,
    /// What it is for several runs.
    pub across: Across,
}

/// What an option is for runs that are merged or compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    /// The same, when they are runs of the same load.
    Same,
    /// The same in a comparison; processes of one run add theirs up.
    Sum,
    /// Each has its own, and the load is the same.
    Own,
}

impl Load {
    /// The options in which the load is another one, each with what it was in `other`.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<(LoadOption, String)> {
        let both = self.options().into_iter().zip(other.options());
        both.filter(|(own, other)| own.across != Across::Own && own.value != other.value)
            .map(|(own, other)| (own, other.value))
            .collect()
    }

    /// Every option with its value, always in the same order: for showing and comparing.
    #[must_use]
    pub fn options(&self) -> [LoadOption; 24] {
        use Across::{Own, Same, Sum};
        let Self {
            scenario,
            publishers,
            subscribers,
            topic,
            filter,
            topics,
            random_topics,
            payload,
            qos,
            subscribe_qos,
            retain,
            arrival,
            rate,
            window,
            count,
            duration,
            warm_up,
            drain,
            late,
            connect_rate,
            drop_every,
            persistent,
            workers,
            seed,
        } = self;
        [
            ("scenario", Same, scenario.name().to_owned()),
            ("publishers", Sum, publishers.to_string()),
            ("subscribers", Sum, subscribers.to_string()),
            ("topic", Same, topic.clone()),
            ("filter", Same, filter.clone()),
            ("topics", Same, topics.to_string()),
            ("random topics", Same, yes(*random_topics)),
            ("payload", Same, payload_text(payload)),
            ("QoS", Same, qos.to_string()),
            ("subscribers' QoS", Same, subscribe_qos.to_string()),
            ("retain", Same, yes(*retain)),
            ("arrival", Same, arrival_text(*arrival)),
            ("rate", Sum, per_second(*rate)),
            ("window", Same, window.to_string()),
            (
                "count",
                Sum,
                count.map_or_else(|| "none".to_owned(), |count| count.to_string()),
            ),
            ("duration", Same, in_seconds(*duration)),
            ("warm-up", Same, in_seconds(*warm_up)),
            ("drain", Same, in_seconds(*drain)),
            ("late after", Same, in_seconds(*late)),
            ("connect rate", Sum, per_second(*connect_rate)),
            ("drop every", Same, in_seconds(*drop_every)),
            ("persistent", Same, yes(*persistent)),
            ("workers", Sum, workers.to_string()),
            ("seed", Own, seed.to_string()),
        ]
        .map(|(name, across, value)| LoadOption { name, value, across })
    }
}

pub(super) fn yes(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn per_second(value: Option<f64>) -> String {
    let value = value.filter(|value| value.is_finite());
    value.map_or_else(|| "none".to_owned(), |value| format!("{}/s", rate(value)))
}

fn in_seconds(duration: Duration) -> String {
    format!("{} s", decimals(duration.as_secs_f64(), 3))
}

fn arrival_text(arrival: Arrival) -> String {
    match arrival {
        Arrival::Closed => "closed loop".to_owned(),
        Arrival::Constant => "constant".to_owned(),
        Arrival::Poisson => "Poisson".to_owned(),
        Arrival::Burst(size) => format!("bursts of {size}"),
    }
}

fn payload_text(payload: &Payload) -> String {
    match payload {
        Payload::Random(Size::Fixed(size)) => format!("{size} B"),
        Payload::Random(Size::Uniform(from, to)) => format!("{from} to {to} B"),
        Payload::Random(Size::Exponential(mean)) => format!("exponential around {mean} B"),
        // A report does not hold the bytes.
        Payload::Bytes(given) => format!("{} given bytes", given.length()),
        Payload::Template(template) => format!("\"{template}\""),
    }
}

mod seconds {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One publisher and one subscriber, for the tests of this layer.
    pub(in crate::bench) fn load() -> Load {
        Load {
            scenario: Scenario::RoundTrip,
            publishers: 1,
            subscribers: 1,
            topic: "t/%i".to_owned(),
            filter: "t/+".to_owned(),
            topics: 1,
            random_topics: false,
            payload: Payload::Random(Size::Fixed(100)),
            qos: 1,
            subscribe_qos: 1,
            retain: false,
            arrival: Arrival::Constant,
            rate: Some(1000.0),
            window: 100,
            count: None,
            duration: Duration::from_secs(2),
            warm_up: Duration::from_secs(1),
            drain: Duration::from_secs(5),
            late: Duration::from_secs(1),
            connect_rate: None,
            drop_every: Duration::from_secs(1),
            persistent: false,
            workers: 1,
            seed: 7,
        }
    }

    #[test]
    fn a_load_is_read_as_it_was_written() {
        let load = load();
        let json = serde_json::to_string(&load).unwrap();
        assert_eq!(serde_json::from_str::<Load>(&json).unwrap(), load);
    }
}
