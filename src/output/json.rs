//! JSON written straight into a buffer: strings, numbers, properties. It must not know messages.

use crate::base64;
use crate::protocol::{Properties, PropertyId, PropertyValue};
use std::io::Write as _;

/// A string with its quotes.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

/// A number.
pub(super) fn number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        // A digit is below 10.
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// `"KEY":` with a comma before it.
pub(super) fn key(key: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// `,"KEY":"text"`, or `,"KEY_base64":"…"` for bytes that are not UTF-8.
pub(super) fn bytes(name: &str, bytes: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            key(name, out);
            string(text, out);
        }
        Err(_) => {
            key(&format!("{name}_base64"), out);
            out.push(b'"');
            base64::encode(bytes, out);
            out.push(b'"');
        }
    }
}

/// The object of all properties in wire order: user properties together at the place of the first one, several
/// subscription identifiers as an array.
pub(super) fn properties(properties: &Properties, out: &mut Vec<u8>) {
    let start = out.len();
    let mut done: Vec<PropertyId> = Vec::new();
    for (id, value) in properties.iter() {
        if done.contains(id) {
            continue;
        }
        done.push(*id);
        match value {
            PropertyValue::Pair(..) => {
                key("user-properties", out);
                list(properties.user_properties(), out, |(name, value), out| {
                    out.push(b'{');
                    string(name, out);
                    out.push(b':');
                    string(value, out);
                    out.push(b'}');
                });
            }
            PropertyValue::Text(text) => {
                key(id.name(), out);
                string(text, out);
            }
            PropertyValue::Binary(data) => bytes(id.name(), data, out),
            PropertyValue::Byte(_) | PropertyValue::U16(_) | PropertyValue::U32(_) | PropertyValue::Varint(_) => {
                let numbers = || {
                    properties
                        .iter()
                        .filter(|(other, _)| other == id)
                        .filter_map(|(_, v)| v.number())
                };
                key(id.name(), out);
                match value.number() {
                    Some(only) if numbers().count() == 1 => number(only.into(), out),
                    _ => list(numbers(), out, |value, out| number(value.into(), out)),
                }
            }
        }
    }
    // The first comma becomes the brace.
    match out.get_mut(start) {
        Some(comma) => *comma = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
}

fn list<T>(items: impl Iterator<Item = T>, out: &mut Vec<u8>, mut item: impl FnMut(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, value) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        item(value, out);
    }
    out.push(b']');
}
