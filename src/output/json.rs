//! JSON written straight into a buffer: strings, numbers, properties. It must not know messages.

use crate::base64;
use crate::protocol::{Properties, PropertyId, PropertyValue};
use std::io::Write as _;

/// What follows the backslash for each byte; `u` for a code in hexadecimal digits, 0 for bytes that stand as they are.
const ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        escapes[control] = b'u';
        control += 1;
    }
    escapes[b'\n' as usize] = b'n';
    escapes[b'\r' as usize] = b'r';
    escapes[b'\t' as usize] = b't';
    escapes[8] = b'b';
    escapes[12] = b'f';
    escapes[b'"' as usize] = b'"';
    escapes[b'\\' as usize] = b'\\';
    escapes
};

/// A string with its quotes.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    while let Some(at) = rest.iter().position(|byte| ESCAPES[usize::from(*byte)] != 0) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = tail.split_first() else { break };
        match ESCAPES[usize::from(*byte)] {
            b'u' => {
                let _ = write!(out, "\\u{byte:04x}");
            }
            escape => out.extend_from_slice(&[b'\\', escape]),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
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

/// `,"KEY":true` or `false`.
pub(super) fn flag(name: &str, value: bool, out: &mut Vec<u8>) {
    key(name, out);
    out.extend_from_slice(if value { b"true" } else { b"false" });
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

/// In place of a secret value; `,"KEY_masked":true` behind it says that this is not the value itself.
pub(super) const MASK: &str = "********";

/// The object of all properties in wire order: user properties together at the place of the first one, several
/// subscription identifiers as an array. With `mask`, authentication data is not shown.
pub(super) fn properties(properties: &Properties, mask: bool, out: &mut Vec<u8>) {
    let start = out.len();
    let mut done: Vec<PropertyId> = Vec::new();
    for (id, value) in properties.iter() {
        if done.contains(&id) {
            continue;
        }
        done.push(id);
        match value {
            PropertyValue::Pair(..) => {
                key("user-properties", out);
                list(properties.user_properties(), out, |(name, value), out| {
                    out.push(b'{');
                    string(&name, out);
                    out.push(b':');
                    string(&value, out);
                    out.push(b'}');
                });
            }
            PropertyValue::Text(text) => {
                key(id.name(), out);
                string(&text, out);
            }
            PropertyValue::Binary(_) if mask && id.is_secret() => masked(id.name(), out),
            PropertyValue::Binary(data) => bytes(id.name(), &data, out),
            PropertyValue::Byte(_) | PropertyValue::U16(_) | PropertyValue::U32(_) | PropertyValue::Varint(_) => {
                let numbers = || {
                    properties
                        .iter()
                        .filter(|(other, _)| *other == id)
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

/// `,"KEY":"********","KEY_masked":true`.
pub(super) fn masked(name: &str, out: &mut Vec<u8>) {
    key(name, out);
    string(MASK, out);
    flag(&format!("{name}_masked"), true, out);
}

/// `,"KEY":` and an array.
pub(super) fn array<T>(
    name: &str,
    items: impl Iterator<Item = T>,
    out: &mut Vec<u8>,
    item: impl FnMut(T, &mut Vec<u8>),
) {
    key(name, out);
    list(items, out, item);
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
