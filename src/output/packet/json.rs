//! One JSON object for each packet, with stable names, written straight into a buffer. It must not know what reads it.
//!
//! What `mqkit encode` needs to write the same bytes again is always there: where the other keys do not say it all (a
//! remaining length longer than necessary, user properties that do not stand together, bits that 3.1 leaves free, a
//! packet that cannot be decoded), `raw` has every byte.

use super::super::message::write_payload;
use super::super::{json, time};
use super::{Options, log, missing, raw};
use crate::analysis::{Answer, Explained, Origin, Violation};
use crate::base64;
use crate::protocol::{
    Connack, Connect, Field, FieldId, FieldValue, Frame, Packet, PacketId, PacketType, Properties, PropertyId, Publish,
    ReasonCode, RetainHandling, Sender, Subscription, Version, Will,
};
use bytes::BytesMut;
use std::io::Write as _;
use std::net::SocketAddr;

/// `,"KEY":`, put together by the compiler: most of a line is keys.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}

/// Appends one packet as one object and a newline.
pub fn write(explained: &Explained, options: Options, out: &mut Vec<u8>) {
    let frame = &explained.frame;
    let kind = frame.packet_type();
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.name().as_bytes());
    out.extend_from_slice(b"\",\"version\":\"");
    out.extend_from_slice(explained.version.name().as_bytes());
    out.push(b'"');
    if explained.version_assumed {
        flag(key!("version_assumed"), true, out);
    }
    write_origin(&explained.origin, out);
    number(key!("size"), frame.bytes().len() as u64, out);
    number(key!("flags"), (frame.first_byte() & 0x0f).into(), out);
    let complete = match &explained.packet {
        Ok(packet) => {
            write_packet(packet, explained, options, out);
            // Of a faulty packet the bytes are of interest, whatever could be read.
            let sound = explained.violations.iter().all(|violation| violation.offset.is_none());
            sound && says_all(packet, explained.version, frame)
        }
        Err(_) => {
            write_readable(explained, options, out);
            false
        }
    };
    if !complete {
        json::key("raw", out);
        out.push(b'"');
        raw(explained, options.show_secrets, out);
        out.push(b'"');
    }
    if let Some(answer) = &explained.answer {
        write_answer(answer, out);
    }
    if !explained.violations.is_empty() {
        json::array("violations", explained.violations.iter(), out, write_violation);
    }
    if options.offsets {
        json::array("fields", log(explained).iter(), out, |field, out| {
            write_field(field, options, out);
        });
    }
    out.extend_from_slice(b"}\n");
}

fn number(key: &str, number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(key.as_bytes());
    json::number(number, out);
}

fn string(key: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(key.as_bytes());
    json::string(text, out);
}

fn flag(key: &str, value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

fn write_origin(origin: &Origin, out: &mut Vec<u8>) {
    if let Some(at) = origin.time {
        out.extend_from_slice(b",\"time\":\"");
        time::since_epoch(at, out);
        out.push(b'"');
    }
    if let Some(connection) = origin.connection {
        number(key!("connection"), connection.into(), out);
    }
    out.extend_from_slice(match origin.sender {
        Sender::Client => b",\"direction\":\"c2s\"",
        Sender::Server => b",\"direction\":\"s2c\"",
        Sender::Unknown => b"",
    });
    for (key, address) in [(key!("src"), origin.source), (key!("dst"), origin.destination)] {
        if let Some(address) = address {
            out.extend_from_slice(key.as_bytes());
            write_address(address, out);
        }
    }
    if let Some(record) = origin.record {
        number(key!("frame"), record, out);
    }
}

/// `"10.0.0.1:1883"`, `"[::1]:1883"`.
fn write_address(address: SocketAddr, out: &mut Vec<u8>) {
    out.push(b'"');
    if let SocketAddr::V4(v4) = address {
        for (index, octet) in v4.ip().octets().into_iter().enumerate() {
            if index > 0 {
                out.push(b'.');
            }
            json::number(octet.into(), out);
        }
        out.push(b':');
        json::number(v4.port().into(), out);
    } else {
        let _ = write!(out, "{address}");
    }
    out.push(b'"');
}

fn write_packet(packet: &Packet, explained: &Explained, options: Options, out: &mut Vec<u8>) {
    let version = explained.version;
    let kind = packet.packet_type();
    match packet {
        Packet::Connect(connect) => write_connect(connect, options, out),
        Packet::Connack(connack) => write_connack(connack, version, options, out),
        Packet::Publish(publish) => write_publish(publish, explained, options, out),
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            write_id(ack.packet_id, out);
            write_end(ack.reason, &ack.properties, kind, version, options, out);
        }
        Packet::Subscribe(subscribe) => {
            write_id(subscribe.packet_id, out);
            write_properties(&subscribe.properties, options, out);
            let items = subscribe.subscriptions.iter();
            json::array("subscriptions", items, out, |item, out| {
                write_subscription(item, version, out);
            });
        }
        Packet::Suback(suback) => {
            write_id(suback.packet_id, out);
            write_properties(&suback.properties, options, out);
            write_reasons(&suback.reasons, kind, out);
        }
        Packet::Unsubscribe(unsubscribe) => {
            write_id(unsubscribe.packet_id, out);
            write_properties(&unsubscribe.properties, options, out);
            json::array("filters", unsubscribe.filters.iter(), out, |filter, out| {
                json::string(filter, out);
            });
        }
        Packet::Unsuback(unsuback) => {
            write_id(unsuback.packet_id, out);
            write_properties(&unsuback.properties, options, out);
            if version == Version::V5 {
                write_reasons(&unsuback.reasons, kind, out);
            }
        }
        Packet::Disconnect(disconnect) => {
            write_end(disconnect.reason, &disconnect.properties, kind, version, options, out);
        }
        Packet::Auth(auth) => write_end(auth.reason, &auth.properties, kind, version, options, out),
        Packet::Pingreq | Packet::Pingresp => {}
    }
}

fn write_connect(connect: &Connect, options: Options, out: &mut Vec<u8>) {
    const BRIDGE: u8 = 0x80;
    let level = connect.version.level() | if connect.bridge { BRIDGE } else { 0 };
    string(key!("protocol_name"), connect.version.protocol_name(), out);
    number(key!("protocol_level"), level.into(), out);
    flag(key!("clean_start"), connect.clean_start, out);
    number(key!("keep_alive"), connect.keep_alive.into(), out);
    write_properties(&connect.properties, options, out);
    string(key!("client_id"), &connect.client_id, out);
    if let Some(will) = &connect.will {
        write_will(will, options, out);
    }
    if let Some(username) = &connect.username {
        string(key!("username"), username, out);
    }
    match &connect.password {
        None => {}
        Some(password) if options.show_secrets => json::bytes("password", password, out),
        Some(_) => json::masked("password", out),
    }
}

fn write_will(will: &Will, options: Options, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"will\":{\"topic\":");
    json::string(&will.topic, out);
    number(key!("qos"), u8::from(will.qos).into(), out);
    flag(key!("retain"), will.retain, out);
    write_properties(&will.properties, options, out);
    write_payload(&will.payload, out);
    out.push(b'}');
}

fn write_connack(connack: &Connack, version: Version, options: Options, out: &mut Vec<u8>) {
    flag(key!("session_present"), connack.session_present, out);
    let code = match version {
        Version::V5 => connack.reason.0,
        Version::V31 | Version::V311 => connack.reason.return_code(),
    };
    number(key!("reason_code"), code.into(), out);
    string(key!("reason"), connack.reason.name(), out);
    write_properties(&connack.properties, options, out);
}

/// The names are those of `sub`, but for the packet identifier.
fn write_publish(publish: &Publish, explained: &Explained, options: Options, out: &mut Vec<u8>) {
    string(key!("topic"), &publish.topic, out);
    if let Some(topic) = &explained.alias_topic {
        string(key!("topic_from_alias"), topic, out);
    }
    number(key!("qos"), u8::from(publish.qos).into(), out);
    flag(key!("retain"), publish.retain, out);
    flag(key!("dup"), publish.dup, out);
    number(key!("payloadlen"), publish.payload.len() as u64, out);
    if let Some(packet_id) = publish.packet_id {
        write_id(packet_id, out);
    }
    write_properties(&publish.properties, options, out);
    write_payload(&publish.payload, out);
}

fn write_subscription(subscription: &Subscription, version: Version, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"filter\":");
    json::string(&subscription.filter, out);
    number(key!("qos"), u8::from(subscription.qos).into(), out);
    if version == Version::V5 {
        flag(key!("no_local"), subscription.no_local, out);
        flag(key!("retain_as_published"), subscription.retain_as_published, out);
        let handling = match subscription.retain_handling {
            RetainHandling::SendAlways => 0,
            RetainHandling::SendIfNew => 1,
            RetainHandling::DoNotSend => 2,
        };
        number(key!("retain_handling"), handling, out);
    }
    out.push(b'}');
}

fn write_id(packet_id: PacketId, out: &mut Vec<u8>) {
    number(key!("packet_id"), packet_id.get().into(), out);
}

/// Reason code and properties, which acknowledgements and DISCONNECT have in version 5.
fn write_end(
    reason: ReasonCode,
    properties: &Properties,
    kind: PacketType,
    version: Version,
    options: Options,
    out: &mut Vec<u8>,
) {
    if version == Version::V5 {
        number(key!("reason_code"), reason.0.into(), out);
        string(key!("reason"), reason.name_in(kind), out);
    }
    write_properties(properties, options, out);
}

fn write_reasons(reasons: &[ReasonCode], kind: PacketType, out: &mut Vec<u8>) {
    json::array("reason_codes", reasons.iter(), out, |reason, out| {
        json::number(reason.0.into(), out);
    });
    json::array("reasons", reasons.iter(), out, |reason, out| {
        json::string(reason.name_in(kind), out);
    });
}

fn write_properties(properties: &Properties, options: Options, out: &mut Vec<u8>) {
    if !properties.is_empty() {
        json::key("properties", out);
        json::properties(properties, !options.show_secrets, out);
    }
}

/// Whether the keys say every byte of the packet.
fn says_all(packet: &Packet, version: Version, frame: &Frame) -> bool {
    let bytes = frame.bytes();
    if missing(frame) > 0 {
        return false;
    }
    let none = Properties::new();
    let properties = match packet {
        // Short acknowledgements can be written in one way only, but for the flag bits that 3.1 leaves free.
        Packet::Puback(_) | Packet::Pubrec(_) | Packet::Pubrel(_) | Packet::Pubcomp(_)
            if bytes.len() == 4 && frame.header_len() == 2 =>
        {
            return Some(frame.first_byte() & 0x0f) == frame.packet_type().header_flags();
        }
        // The first byte says the same as the keys; the rest has one form of a length.
        Packet::Publish(publish) => {
            return publish.size(version) == Ok(bytes.len()) && grouped(&publish.properties);
        }
        Packet::Connect(connect) => {
            if !connect.will.as_ref().is_none_or(|will| grouped(&will.properties)) {
                return false;
            }
            &connect.properties
        }
        Packet::Connack(p) => &p.properties,
        Packet::Puback(p) | Packet::Pubrec(p) | Packet::Pubrel(p) | Packet::Pubcomp(p) => &p.properties,
        Packet::Subscribe(p) => &p.properties,
        Packet::Suback(p) => &p.properties,
        Packet::Unsubscribe(p) => &p.properties,
        Packet::Unsuback(p) => &p.properties,
        Packet::Disconnect(p) => &p.properties,
        Packet::Auth(p) => &p.properties,
        Packet::Pingreq | Packet::Pingresp => &none,
    };
    let mut again = BytesMut::with_capacity(bytes.len());
    grouped(properties) && packet.encode(version, &mut again).is_ok() && again[..] == bytes[..]
}

/// Whether properties that may be there more than once stand together, as the JSON object has them.
fn grouped(properties: &Properties) -> bool {
    let contiguous = |repeated: PropertyId| {
        let mut groups = 0;
        let mut inside = false;
        for id in properties.ids() {
            groups += usize::from(id == repeated && !inside);
            inside = id == repeated;
        }
        groups <= 1
    };
    properties.is_empty() || contiguous(PropertyId::UserProperty) && contiguous(PropertyId::SubscriptionIdentifier)
}

/// The fields that could be read of a packet with a fault, each under its key; an array for one that is
/// there several times.
fn write_readable(explained: &Explained, options: Options, out: &mut Vec<u8>) {
    let log = log(explained);
    // Type, flags and length stand in their own keys.
    let fields = || log.iter().skip(2);
    let mut done: Vec<FieldId> = Vec::new();
    for field in fields() {
        if done.contains(&field.id) {
            continue;
        }
        done.push(field.id);
        let same = || fields().filter(|other| other.id == field.id);
        let key = field.id.key();
        if same().count() == 1 {
            json::key(&key, out);
            write_value(field, options, out);
        } else {
            json::array(&key, same(), out, |field, out| write_value(field, options, out));
        }
    }
}

pub(super) fn write_field(field: &Field, options: Options, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"name\":");
    json::string(field.id.name(), out);
    number(key!("offset"), field.offset as u64, out);
    number(key!("length"), field.length as u64, out);
    json::key("value", out);
    write_value(field, options, out);
    if field.id.is_secret() && !options.show_secrets {
        flag(key!("value_masked"), true, out);
    }
    out.push(b'}');
}

/// A number, a string, `{"base64":"…"}` for bytes that are not UTF-8, `{"KEY":"VALUE"}` for a pair.
fn write_value(field: &Field, options: Options, out: &mut Vec<u8>) {
    if field.id.is_secret() && !options.show_secrets {
        return json::string(json::MASK, out);
    }
    match &field.value {
        FieldValue::Number(value) => json::number((*value).into(), out),
        FieldValue::Flags(value) => json::number((*value).into(), out),
        FieldValue::Text(text) => json::string(text, out),
        FieldValue::Pair(key, value) => {
            out.push(b'{');
            json::string(key, out);
            out.push(b':');
            json::string(value, out);
            out.push(b'}');
        }
        FieldValue::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => json::string(text, out),
            Err(_) => {
                out.extend_from_slice(b"{\"base64\":\"");
                base64::encode(bytes, out);
                out.extend_from_slice(b"\"}");
            }
        },
    }
}

fn write_answer(answer: &Answer, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"answers\":{\"type\":\"");
    out.extend_from_slice(answer.to.name().as_bytes());
    out.push(b'"');
    if let Some(topic) = &answer.topic {
        string(key!("topic"), topic, out);
    }
    if let Some(after) = answer.after {
        json::key("after_ms", out);
        time::millis(after, out);
    }
    out.push(b'}');
}

fn write_violation(violation: &Violation, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"severity\":\"");
    out.extend_from_slice(violation.severity.name().as_bytes());
    out.push(b'"');
    if let Some(statement) = violation.statement {
        string(key!("statement"), statement, out);
    }
    if let Some(offset) = violation.offset {
        number(key!("offset"), offset as u64, out);
    }
    if let Some(field) = violation.field {
        string(key!("field"), field.name(), out);
    }
    string(key!("message"), &violation.message, out);
    out.push(b'}');
}
