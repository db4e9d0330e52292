//! Counts as one JSON object. It must not know how they were counted.

use super::super::time;
use super::histogram::Histogram;
use super::{BySender, Connection, Count, Stats, Topic, Violations};
use crate::json::member::{array, flag, number, object, string};
use crate::json::{self, Name as _};
use crate::protocol::{PacketType, Sender};
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

/// Names of directions, in the order of [`BySender`].
const DIRECTIONS: BySender<&str> = ["c2s", "s2c", "unknown"];

pub(super) fn write(stats: &Stats, out: &mut Vec<u8>) {
    json::object(out, |out| {
        object("total", out, |out| counts(&stats.total, out));
        array("connections", stats.connections.iter(), out, |(id, connection), out| {
            json::object(out, |out| {
                if let Some(id) = id {
                    number("connection", (*id).into(), out);
                }
                identity(connection, out);
                counts(connection, out);
            });
        });
        number("other_packets", stats.other_packets, out);
        array(
            "topics",
            stats.sorted_topics().into_iter(),
            out,
            |(name, counts), out| {
                json::object(out, |out| {
                    string("topic", name, out);
                    topic(counts, out);
                });
            },
        );
        if stats.other_topics.sum() > 0 {
            object("other_topics", out, |out| topic(&stats.other_topics, out));
        }
    });
    out.push(b'\n');
}

fn millis(name: &str, span: Duration, out: &mut Vec<u8>) {
    name.put(out);
    time::millis(span, out);
}

fn identity(connection: &Connection, out: &mut Vec<u8>) {
    if let Some(id) = &connection.client_id {
        string("client_id", id, out);
    }
    if let Some((version, assumed)) = connection.version {
        string("version", version.name(), out);
        if assumed {
            flag("version_assumed", true, out);
        }
    }
    let mut address = |name: &str, address: Option<SocketAddr>| {
        if let Some(address) = address {
            string(name, &address.to_string(), out);
        }
    };
    address("client", connection.client);
    address("server", connection.server);
    if let Some(seconds) = connection.keep_alive {
        number("keep_alive", seconds.into(), out);
    }
    if let Some(silence) = connection.silence {
        millis("longest_silence_ms", silence, out);
    }
}

fn counts(connection: &Connection, out: &mut Vec<u8>) {
    if let (Some(first), Some(last)) = (connection.first, connection.last) {
        for (name, at) in [("first", first), ("last", last)] {
            name.put(out);
            out.push(b'"');
            time::since_epoch(at, out);
            out.push(b'"');
        }
        millis("duration_ms", last.saturating_sub(first), out);
    }
    array("messages_by_qos", connection.qos.iter(), out, |count, out| {
        json::number(*count, out);
    });
    object("packets", out, |out| {
        for (kind, counts) in &connection.packets {
            object(type_name(*kind), out, |out| directions(counts, out));
        }
        object("all", out, |out| directions(&connection.sum(), out));
    });
    object("round_trips", out, |out| {
        for (kind, times) in &connection.round_trips {
            object(type_name(*kind), out, |out| round_trips(times, out));
        }
    });
    array("violations", connection.violations.iter(), out, violations);
    if connection.other_violations > 0 {
        number("other_violations", connection.other_violations, out);
    }
    if let Some(cause) = &connection.cause {
        string("end", cause, out);
    }
    number("unacknowledged_count", connection.unacknowledged_count, out);
    if !connection.unacknowledged.is_empty() {
        array("unacknowledged", connection.unacknowledged.iter(), out, unacknowledged);
    }
}

fn type_name(number: u8) -> &'static str {
    PacketType::from_first_byte(number << 4).name()
}

fn directions(counts: &BySender<Count>, out: &mut Vec<u8>) {
    for (name, count) in DIRECTIONS.iter().zip(counts).filter(|(_, count)| count.packets > 0) {
        object(*name, out, |out| {
            number("packets", count.packets, out);
            number("bytes", count.bytes, out);
        });
    }
}

fn round_trips(times: &Histogram, out: &mut Vec<u8>) {
    number("count", times.count(), out);
    millis("p50_ms", times.percentile(50), out);
    millis("p99_ms", times.percentile(99), out);
    millis("max_ms", times.max(), out);
}

fn violations(found: &Violations, out: &mut Vec<u8>) {
    json::object(out, |out| {
        string("severity", found.severity.name(), out);
        if let Some(statement) = found.statement {
            string("statement", statement, out);
        }
        if let Some(field) = found.field {
            string("field", field.name(), out);
        }
        string("message", &found.message, out);
        number("count", found.count, out);
    });
}

fn unacknowledged((sender, kind, id, topic): &(Sender, PacketType, u16, Option<String>), out: &mut Vec<u8>) {
    json::object(out, |out| {
        string("type", kind.name(), out);
        match sender {
            Sender::Client => string("direction", "c2s", out),
            Sender::Server => string("direction", "s2c", out),
            Sender::Unknown => {}
        }
        if *id > 0 {
            number("packet_id", (*id).into(), out);
        }
        if let Some(topic) = topic {
            string("topic", topic, out);
        }
    });
}

fn topic(counts: &Topic, out: &mut Vec<u8>) {
    for (name, count) in DIRECTIONS.iter().zip(counts.messages).filter(|(_, count)| *count > 0) {
        number(*name, count, out);
    }
    number("bytes", counts.bytes, out);
    number("retained", counts.retained, out);
    array("messages_by_qos", counts.qos.iter(), out, |count, out| {
        json::number(*count, out);
    });
    if let Some(rate) = counts.rate() {
        "per_second".put(out);
        let _ = write!(out, "{rate:.3}");
    }
}
