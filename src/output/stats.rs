//! Counts of a capture: for each connection and for each topic. Memory stays within limits, whatever the capture
//! holds. It must not know how counts are printed (`report`, `json`).

mod histogram;
mod json;
mod report;

use super::text::shorten;
use crate::analysis::{Ending, Explained, Severity, Violation};
use crate::protocol::{FieldId, Packet, PacketType, Publish, QoS, Sender, Version};
use histogram::Histogram;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

/// Connections that are told apart; the packets of others count in the total only.
const CONNECTIONS: usize = 10_000;
/// Topics that are told apart; the messages of others are summed.
const TOPICS: usize = 10_000;
/// Characters of a topic, client identifier or message that are kept.
const NAME: usize = 256;
/// Kinds of violation of one connection that are told apart.
const VIOLATIONS: usize = 50;
/// Unacknowledged requests of one connection that are listed.
const UNACKNOWLEDGED: usize = 20;

/// Counts packets as they come.
#[derive(Debug, Default)]
pub struct Stats {
    total: Connection,
    connections: BTreeMap<Option<u32>, Connection>,
    /// Packets of connections beyond [`CONNECTIONS`].
    other_packets: u64,
    topics: HashMap<String, Topic>,
    /// Messages to topics beyond [`TOPICS`].
    other_topics: Topic,
}

/// Packets and their bytes on the wire.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    packets: u64,
    bytes: u64,
}

impl Count {
    fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// Counts by who sent it: client, server, not known.
type BySender<T> = [T; 3];

fn sender_index(sender: Sender) -> usize {
    match sender {
        Sender::Client => 0,
        Sender::Server => 1,
        Sender::Unknown => 2,
    }
}

/// Counts of one connection, or of all.
#[derive(Debug, Default)]
struct Connection {
    client: Option<SocketAddr>,
    server: Option<SocketAddr>,
    client_id: Option<String>,
    version: Option<(Version, bool)>,
    keep_alive: Option<u16>,
    first: Option<Duration>,
    last: Option<Duration>,
    /// When the client sent its last packet, and the longest time between two of them.
    client_last: Option<Duration>,
    silence: Option<Duration>,
    /// By the number of the packet type.
    packets: BTreeMap<u8, BySender<Count>>,
    qos: [u64; 3],
    /// By the number of the type of the acknowledgement.
    round_trips: BTreeMap<u8, Histogram>,
    violations: Vec<Violations>,
    /// Violations beyond [`VIOLATIONS`].
    other_violations: u64,
    cause: Option<String>,
    unacknowledged: Vec<(Sender, PacketType, u16, Option<String>)>,
    unacknowledged_count: u64,
}

/// Violations of one rule.
#[derive(Debug)]
struct Violations {
    severity: Severity,
    statement: Option<&'static str>,
    field: Option<FieldId>,
    /// Message of the first one.
    message: String,
    count: u64,
}

/// Counts of one topic.
#[derive(Debug, Default)]
struct Topic {
    messages: BySender<u64>,
    /// Of payload.
    bytes: u64,
    retained: u64,
    qos: [u64; 3],
    first: Option<Duration>,
    last: Option<Duration>,
}

impl Stats {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a packet.
    pub fn add(&mut self, explained: &Explained) {
        self.total.add(explained);
        let id = explained.origin.connection;
        if self.connections.len() < CONNECTIONS || self.connections.contains_key(&id) {
            let connection = self.connections.entry(id).or_default();
            connection.identify(explained);
            connection.add(explained);
        } else {
            self.other_packets += 1;
        }
        if let Ok(Packet::Publish(publish)) = &explained.packet {
            let topic = explained.alias_topic.as_ref().unwrap_or(&publish.topic);
            self.topic(topic).add(publish, explained);
        }
    }

    /// Notes how a connection ended.
    pub fn end(&mut self, ending: &Ending) {
        self.total.unacknowledged_count += ending.unacknowledged.len() as u64;
        let Some(connection) = self.connections.get_mut(&ending.connection) else {
            return;
        };
        connection.cause = Some(ending.cause.clone());
        connection.unacknowledged_count += ending.unacknowledged.len() as u64;
        let room = UNACKNOWLEDGED.saturating_sub(connection.unacknowledged.len());
        let listed = ending.unacknowledged.iter().take(room);
        let listed =
            listed.map(|(sender, kind, id, topic)| (*sender, *kind, *id, topic.as_ref().map(|name| kept(name))));
        connection.unacknowledged.extend(listed);
    }

    /// Appends tables for people.
    pub fn write_text(&self, options: super::packet::Options, out: &mut Vec<u8>) {
        report::write(self, options.style(), out);
    }

    /// Appends one JSON object and a newline.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        json::write(self, out);
    }

    fn topic(&mut self, name: &str) -> &mut Topic {
        let short = shorten(name, NAME);
        let name = short.as_deref().unwrap_or(name);
        // Looked up before it is inserted, because most topics are known and need no new key.
        if !self.topics.contains_key(name) && self.topics.len() < TOPICS {
            self.topics.insert(name.to_owned(), Topic::default());
        }
        self.topics.get_mut(name).unwrap_or(&mut self.other_topics)
    }

    /// Those with most messages first.
    fn sorted_topics(&self) -> Vec<(&str, &Topic)> {
        let mut topics: Vec<_> = self.topics.iter().map(|(name, topic)| (name.as_str(), topic)).collect();
        topics.sort_by(|(a_name, a), (b_name, b)| b.sum().cmp(&a.sum()).then_with(|| a_name.cmp(b_name)));
        topics
    }
}

impl Connection {
    fn identify(&mut self, explained: &Explained) {
        let origin = &explained.origin;
        let (client, server) = match origin.sender {
            Sender::Client => (origin.source, origin.destination),
            Sender::Server => (origin.destination, origin.source),
            Sender::Unknown => (None, None),
        };
        self.client = self.client.or(client);
        self.server = self.server.or(server);
        self.version
            .get_or_insert((explained.version, explained.version_assumed));
        if let Ok(Packet::Connect(connect)) = &explained.packet {
            self.client_id = Some(kept(&connect.client_id));
            self.version = Some((connect.version, false));
            self.keep_alive = Some(connect.keep_alive);
        }
        if let (Sender::Client, Some(now)) = (origin.sender, origin.time) {
            if let Some(last) = self.client_last.replace(now) {
                self.silence = self.silence.max(Some(now.saturating_sub(last)));
            }
        }
    }

    fn add(&mut self, explained: &Explained) {
        let origin = &explained.origin;
        span(&mut self.first, &mut self.last, origin.time);
        let kind = explained.frame.packet_type().number();
        let counts = self.packets.entry(kind).or_default();
        if let Some(count) = counts.get_mut(sender_index(origin.sender)) {
            count.add(explained.frame.bytes().len());
        }
        if let Ok(Packet::Publish(publish)) = &explained.packet {
            count_qos(&mut self.qos, publish.qos);
        }
        if let Some(after) = explained.answer.as_ref().and_then(|answer| answer.after) {
            self.round_trips.entry(kind).or_default().add(after);
        }
        for violation in &explained.violations {
            self.add_violation(violation);
        }
    }

    fn add_violation(&mut self, violation: &Violation) {
        let same = |known: &&mut Violations| {
            // Messages of one statement differ in numbers and names only.
            known.severity == violation.severity
                && known.statement == violation.statement
                && known.field == violation.field
                && (known.statement.is_some() || known.message == kept(&violation.message))
        };
        if let Some(known) = self.violations.iter_mut().find(same) {
            known.count += 1;
        } else if self.violations.len() < VIOLATIONS {
            self.violations.push(Violations {
                severity: violation.severity,
                statement: violation.statement,
                field: violation.field,
                message: kept(&violation.message),
                count: 1,
            });
        } else {
            self.other_violations += 1;
        }
    }

    fn duration(&self) -> Option<Duration> {
        Some(self.last?.saturating_sub(self.first?))
    }

    /// The sum over all packet types, by sender.
    fn sum(&self) -> BySender<Count> {
        let mut sum = BySender::<Count>::default();
        for counts in self.packets.values() {
            for (sum, count) in sum.iter_mut().zip(counts) {
                sum.packets += count.packets;
                sum.bytes += count.bytes;
            }
        }
        sum
    }
}

impl Topic {
    fn add(&mut self, publish: &Publish, explained: &Explained) {
        if let Some(count) = self.messages.get_mut(sender_index(explained.origin.sender)) {
            *count += 1;
        }
        self.bytes += publish.payload.len() as u64;
        self.retained += u64::from(publish.retain);
        count_qos(&mut self.qos, publish.qos);
        span(&mut self.first, &mut self.last, explained.origin.time);
    }

    fn sum(&self) -> u64 {
        self.messages.iter().sum()
    }

    /// Messages per second, between the first and the last.
    fn rate(&self) -> Option<f64> {
        let seconds = self.last?.saturating_sub(self.first?).as_secs_f64();
        (seconds > 0.0 && self.sum() > 1).then(|| (self.sum() - 1) as f64 / seconds)
    }
}

/// Text in memory of its own, so that it does not pin the capture's buffers, and not too much of it.
fn kept(text: &str) -> String {
    shorten(text, NAME).unwrap_or_else(|| text.to_owned())
}

fn count_qos(counts: &mut [u64; 3], qos: QoS) {
    if let Some(count) = counts.get_mut(usize::from(u8::from(qos))) {
        *count += 1;
    }
}

/// Widens the time from the first to the last.
fn span(first: &mut Option<Duration>, last: &mut Option<Duration>, time: Option<Duration>) {
    let Some(time) = time else { return };
    *first = Some(first.map_or(time, |first| first.min(time)));
    *last = Some(last.map_or(time, |last| last.max(time)));
}
