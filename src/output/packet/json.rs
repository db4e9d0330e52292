//! One JSON object for each packet, with stable names, written straight into a buffer: where it was seen, what is wrong
//! with it, and the fields, which `crate::json` describes. It must not know what reads it.
//!
//! What `mqkit encode` needs to write the same bytes again is always there: where the other keys do not say it all (a
//! remaining length longer than necessary, user properties that do not stand together, bits that 3.1 leaves free, a
//! packet that cannot be decoded), `raw` has every byte.

use super::super::time;
use super::{Options, log, missing, raw};
use crate::analysis::{Answer, Explained, Origin, Violation};
use crate::json::member::{array, flag, number, object, string, word};
use crate::json::{self, About, Name as _, key, keys};
use crate::protocol::{Field, FieldId, FieldValue, Frame, Packet, Properties, PropertyId, Sender, Version};
use bytes::BytesMut;
use std::io::Write as _;
use std::net::SocketAddr;

/// Appends one packet as one object and a newline.
pub fn write(explained: &Explained, options: Options, out: &mut Vec<u8>) {
    json::object(out, |out| members(explained, options, out));
    out.push(b'\n');
}

fn members(explained: &Explained, options: Options, out: &mut Vec<u8>) {
    let frame = &explained.frame;
    word(keys::TYPE, frame.packet_type().name(), out);
    word(keys::VERSION, explained.version.name(), out);
    if explained.version_assumed {
        flag(keys::VERSION_ASSUMED, true, out);
    }
    write_origin(&explained.origin, out);
    number(keys::SIZE, frame.bytes().len() as u64, out);
    number(keys::FLAGS, (frame.first_byte() & 0x0f).into(), out);
    let complete = match &explained.packet {
        Ok(packet) => {
            let about = About {
                version: explained.version,
                packet: packet.packet_type(),
                show_secrets: options.show_secrets,
                alias_topic: explained.alias_topic.as_ref(),
            };
            json::write(packet, about, out);
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
        keys::RAW.put(out);
        out.push(b'"');
        raw(explained, options.show_secrets, out);
        out.push(b'"');
    }
    if let Some(answer) = &explained.answer {
        object(keys::ANSWERS, out, |out| write_answer(answer, out));
    }
    if !explained.violations.is_empty() {
        array(keys::VIOLATIONS, explained.violations.iter(), out, |violation, out| {
            json::object(out, |out| write_violation(violation, out));
        });
    }
    if options.offsets {
        array(keys::FIELDS, log(explained).iter(), out, |field, out| {
            json::object(out, |out| write_field(field, options, out));
        });
    }
}

fn write_origin(origin: &Origin, out: &mut Vec<u8>) {
    if let Some(at) = origin.time {
        keys::TIME.put(out);
        out.push(b'"');
        time::since_epoch(at, out);
        out.push(b'"');
    }
    if let Some(connection) = origin.connection {
        number(keys::CONNECTION, connection.into(), out);
    }
    match origin.sender {
        Sender::Client => word(keys::DIRECTION, "c2s", out),
        Sender::Server => word(keys::DIRECTION, "s2c", out),
        Sender::Unknown => {}
    }
    for (key, address) in [(keys::SOURCE, origin.source), (keys::DESTINATION, origin.destination)] {
        if let Some(address) = address {
            key.put(out);
            write_address(address, out);
        }
    }
    if let Some(record) = origin.record {
        number(keys::FRAME, record, out);
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

/// Whether the keys say every byte of the packet.
fn says_all(packet: &Packet, version: Version, frame: &Frame) -> bool {
    let bytes = frame.bytes();
    if missing(frame) > 0 {
        return false;
    }
    match packet {
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
        Packet::Connect(connect) if !connect.will.as_ref().is_none_or(|will| grouped(&will.properties)) => {
            return false;
        }
        _ => {}
    }
    let mut again = BytesMut::with_capacity(bytes.len());
    packet.properties().is_none_or(grouped) && packet.encode(version, &mut again).is_ok() && again[..] == bytes[..]
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
        let key: &str = &field.id.key();
        if same().count() == 1 {
            key.put(out);
            write_value(field, options, out);
        } else {
            array(key, same(), out, |field, out| write_value(field, options, out));
        }
    }
}

pub(super) fn write_field(field: &Field, options: Options, out: &mut Vec<u8>) {
    word(key!(name), field.id.name(), out);
    number(key!(offset), field.offset as u64, out);
    number(key!(length), field.length as u64, out);
    key!(value).put(out);
    write_value(field, options, out);
    if field.id.is_secret() && !options.show_secrets {
        flag(key!(value_masked), true, out);
    }
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
        FieldValue::Pair(key, value) => json::pair(key, value, out),
        FieldValue::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => json::string(text, out),
            Err(_) => json::object(out, |out| {
                key!(base64).put(out);
                json::base64(bytes, out);
            }),
        },
    }
}

fn write_answer(answer: &Answer, out: &mut Vec<u8>) {
    word(keys::TYPE, answer.to.name(), out);
    if let Some(topic) = &answer.topic {
        string(key!(topic), topic, out);
    }
    if let Some(after) = answer.after {
        key!(after_ms).put(out);
        time::millis(after, out);
    }
}

fn write_violation(violation: &Violation, out: &mut Vec<u8>) {
    word(key!(severity), violation.severity.name(), out);
    if let Some(statement) = violation.statement {
        string(key!(statement), statement, out);
    }
    if let Some(offset) = violation.offset {
        number(key!(offset), offset as u64, out);
    }
    if let Some(field) = violation.field {
        string(key!(field), field.name(), out);
    }
    string(key!(message), &violation.message, out);
}
