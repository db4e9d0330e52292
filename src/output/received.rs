//! A received message as members of a JSON object. It must not know by which format it is printed.

use super::time;
pub(super) use crate::json::member::payload as write_payload;
use crate::json::member::{flag, number, string};
use crate::json::{self, Name as _, key, keys};
use crate::protocol::{Properties, Publish};
use jiff::Timestamp;
use std::io::Write as _;

/// A message, and when it arrived.
pub struct Received<'a> {
    /// The message, its topic alias resolved.
    pub publish: &'a Publish,
    /// When it arrived.
    pub time: Timestamp,
}

/// The JSON object of all properties, as it stands in a message's JSON.
#[must_use]
pub fn properties_json(properties: &Properties) -> String {
    let mut out = Vec::new();
    json::properties(properties, false, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// The object of `sub`'s default output and of `%j`; `payload` writes the last member.
pub(super) fn write_json(message: &Received<'_>, out: &mut Vec<u8>, payload: impl FnOnce(&[u8], &mut Vec<u8>)) {
    let publish = message.publish;
    json::object(out, |out| {
        keys::TST.put(out);
        out.push(b'"');
        // Microseconds, as `mosquitto_sub` prints them.
        let micros = u32::try_from(message.time.subsec_microsecond()).unwrap_or_default();
        time::rfc3339(message.time.as_second(), micros * 1000, out);
        out.push(b'"');
        string(key!(topic), &publish.topic, out);
        number(key!(qos), u8::from(publish.qos).into(), out);
        flag(key!(retain), publish.retain, out);
        number(keys::PAYLOAD_LENGTH, publish.payload.len() as u64, out);
        if let Some(packet_id) = publish.packet_id {
            number(keys::MID, packet_id.get().into(), out);
        }
        if !publish.properties.is_empty() {
            key!(properties).put(out);
            json::properties(&publish.properties, false, out);
        }
        payload(&publish.payload, out);
    });
}

/// As [`write_payload`] writes it, but JSON goes in as JSON, on one line.
pub(super) fn write_parsed_payload(payload: &[u8], out: &mut Vec<u8>) {
    match serde_json::from_slice::<serde_json::Value>(payload) {
        Ok(value) => {
            key!(payload).put(out);
            let _ = write!(out, "{value}");
        }
        Err(_) => write_payload(payload, out),
    }
}
