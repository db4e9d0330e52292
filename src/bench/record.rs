//! What is counted and timed during a run, in fixed memory; records of several threads and times add up. It must not know
//! where the figures come from.

use super::Counts;
use super::histogram::Histogram;
use std::time::Duration;

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// From the due time of a connection (of the ramp) to CONNACK.
    Connect,
    /// From SUBSCRIBE to SUBACK.
    Suback,
    /// From the loss of a connection to the next CONNACK.
    Reconnect,
    /// From sending a message to PUBACK or PUBCOMP: service time.
    AckService,
    /// From the due time of a message to PUBACK or PUBCOMP: response time.
    AckResponse,
    /// From sending a message (in `retained`: SUBSCRIBE) to its delivery: service time.
    DeliveryService,
    /// From the due time of a message to its delivery: response time.
    DeliveryResponse,
    /// From the due time of a message to the moment when this program was ready to send it: how late its timers are.
    Lateness,
}

impl Measure {
    /// All of them, in the order of a report.
    pub const ALL: [Self; 8] = [
        Self::Connect,
        Self::Suback,
        Self::Reconnect,
        Self::AckService,
        Self::AckResponse,
        Self::DeliveryService,
        Self::DeliveryResponse,
        Self::Lateness,
    ];

    /// Those that can be what a run is about, the most telling one first.
    pub const TELLING: [Self; 6] = [
        Self::DeliveryResponse,
        Self::DeliveryService,
        Self::AckResponse,
        Self::AckService,
        Self::Reconnect,
        Self::Connect,
    ];

    /// Its name in JSON, CSV and thresholds.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Suback => "suback",
            Self::Reconnect => "reconnect",
            Self::AckService => "ack_service",
            Self::AckResponse => "ack_response",
            Self::DeliveryService => "delivery_service",
            Self::DeliveryResponse => "delivery_response",
            Self::Lateness => "lateness",
        }
    }

    /// The measure of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

/// Counts, times and the moments of the last messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// What was counted.
    pub counts: Counts,
    /// When the last message was sent, acknowledged, received; from the start of measuring.
    pub last: Moments,
    histograms: [Option<Box<Histogram>>; Measure::ALL.len()],
}

/// Moments, from the start of measuring; zero when there was none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moments {
    /// The last message was given to its connection.
    pub sent: Duration,
    /// The last message was acknowledged.
    pub acknowledged: Duration,
    /// The last delivery.
    pub received: Duration,
}

impl Record {
    /// Counts one duration.
    pub fn time(&mut self, measure: Measure, value: Duration) {
        self.histograms[measure as usize].get_or_insert_default().record(value);
    }

    /// The times of a measure, when there are any.
    #[must_use]
    pub fn histogram(&self, measure: Measure) -> Option<&Histogram> {
        self.histograms[measure as usize]
            .as_deref()
            .filter(|histogram| !histogram.is_empty())
    }

    /// Adds times of a measure.
    pub fn add_histogram(&mut self, measure: Measure, histogram: &Histogram) {
        self.histograms[measure as usize].get_or_insert_default().add(histogram);
    }

    /// Adds a record of another thread, time or process.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.last.sent = self.last.sent.max(other.last.sent);
        self.last.acknowledged = self.last.acknowledged.max(other.last.acknowledged);
        self.last.received = self.last.received.max(other.last.received);
        for measure in Measure::ALL {
            if let Some(histogram) = other.histogram(measure) {
                self.add_histogram(measure, histogram);
            }
        }
    }
}
