//! What is counted and timed during a run, in fixed memory; records of several threads and times add up. It must not know
//! where the figures come from.

use super::histogram::Histogram;
use serde::{Deserialize, Serialize};
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

/// What is counted. Messages of the warm-up are not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Messages that were due.
    pub offered: u64,
    /// Messages that were given to the connection. At QoS 0 that is all that is known without a subscriber.
    pub sent: u64,
    /// Messages that the broker acknowledged with success (PUBACK, PUBCOMP).
    pub acknowledged: u64,
    /// Messages that the broker refused.
    pub refused: u64,
    /// Messages of QoS 1 and 2 that were sent, and neither acknowledged nor refused at the end.
    pub unacknowledged: u64,
    /// Messages that were due and not sent.
    pub unsent: u64,
    /// Messages of QoS 0 without a subscriber that could tell, sent on a connection that broke, or that the broker did not
    /// close at the end.
    pub doubtful: u64,
    /// Deliveries that the messages that were due, sent or not, and not refused should lead to.
    pub expected: u64,
    /// Deliveries, each message once for each subscriber.
    pub received: u64,
    /// Expected and not received: lost on the way, not acknowledged, or never sent.
    pub lost: u64,
    /// Deliveries of what had been delivered.
    pub duplicated: u64,
    /// First deliveries behind a later message of the same publisher and topic.
    pub out_of_order: u64,
    /// Deliveries later than the limit after the due time.
    pub late: u64,
    /// Messages of other runs and programs.
    pub foreign: u64,
    /// Connections made, with CONNACK.
    pub connected: u64,
    /// Connections that could not be made.
    pub failed_connections: u64,
    /// Connections that were lost, those that the scenario `reconnect` drops not counted.
    pub lost_connections: u64,
    /// Bytes of payload sent.
    pub bytes_sent: u64,
    /// Bytes of payload received.
    pub bytes_received: u64,
}

impl Counts {
    /// Names and values, in the order of a report.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 19] {
        [
            ("offered", self.offered),
            ("sent", self.sent),
            ("acknowledged", self.acknowledged),
            ("refused", self.refused),
            ("unacknowledged", self.unacknowledged),
            ("unsent", self.unsent),
            ("doubtful", self.doubtful),
            ("expected", self.expected),
            ("received", self.received),
            ("lost", self.lost),
            ("duplicated", self.duplicated),
            ("out_of_order", self.out_of_order),
            ("late", self.late),
            ("foreign", self.foreign),
            ("connected", self.connected),
            ("failed_connections", self.failed_connections),
            ("lost_connections", self.lost_connections),
            ("bytes_sent", self.bytes_sent),
            ("bytes_received", self.bytes_received),
        ]
    }

    /// Adds those of another thread, time or process. Counts that a file claims may be any: they end at the largest number.
    pub fn add(&mut self, other: &Self) {
        self.offered = self.offered.saturating_add(other.offered);
        self.sent = self.sent.saturating_add(other.sent);
        self.acknowledged = self.acknowledged.saturating_add(other.acknowledged);
        self.refused = self.refused.saturating_add(other.refused);
        self.unacknowledged = self.unacknowledged.saturating_add(other.unacknowledged);
        self.unsent = self.unsent.saturating_add(other.unsent);
        self.doubtful = self.doubtful.saturating_add(other.doubtful);
        self.expected = self.expected.saturating_add(other.expected);
        self.received = self.received.saturating_add(other.received);
        self.lost = self.lost.saturating_add(other.lost);
        self.duplicated = self.duplicated.saturating_add(other.duplicated);
        self.out_of_order = self.out_of_order.saturating_add(other.out_of_order);
        self.late = self.late.saturating_add(other.late);
        self.foreign = self.foreign.saturating_add(other.foreign);
        self.connected = self.connected.saturating_add(other.connected);
        self.failed_connections = self.failed_connections.saturating_add(other.failed_connections);
        self.lost_connections = self.lost_connections.saturating_add(other.lost_connections);
        self.bytes_sent = self.bytes_sent.saturating_add(other.bytes_sent);
        self.bytes_received = self.bytes_received.saturating_add(other.bytes_received);
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
