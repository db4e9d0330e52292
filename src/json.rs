//! JSON, both ways: written straight into a buffer, and read key by key. Packets have one description for both directions
//! (`packet`), so that each key stands once. It must not know where lines come from or go.

mod object;
mod packet;
mod properties;

pub(crate) use object::Object;
pub(crate) use packet::{read, write};
pub(crate) use properties::{pair, read_from as read_properties, write as properties};

use crate::base64;
use crate::protocol::{EncodeError, PacketType, Utf8, Version};
use std::io::Write as _;

/// A key with what stands around it, `,"KEY":`. Most of a line is keys, so the compiler puts them together.
#[derive(Clone, Copy)]
pub(crate) struct Key(pub(crate) &'static str);

impl Key {
    pub(crate) fn name(self) -> &'static str {
        self.0.get(2..self.0.len() - 2).unwrap_or_default()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.name().to_owned()
    }
}

macro_rules! key {
    ($name:ident) => {
        $crate::json::Key(concat!(",\"", stringify!($name), "\":"))
    };
}
pub(crate) use key;

/// Keys of a line beside the fields of its packet.
pub(crate) mod keys {
    use super::Key;

    pub(crate) const TYPE: Key = key!(type);
    pub(crate) const VERSION: Key = key!(version);
    pub(crate) const RAW: Key = key!(raw);
    /// The packet identifier, in the lines of `mqkit sub` and Mosquitto.
    pub(crate) const MID: Key = key!(mid);

    macro_rules! information {
        ($($key:ident = $name:ident;)*) => {
            $(pub(crate) const $key: Key = key!($name);)*

            /// They only tell about a packet: whoever reads a line passes them over.
            pub(crate) const INFORMATION: &[Key] = &[$($key),*];
        };
    }

    information! {
        VERSION_ASSUMED = version_assumed;
        TIME = time;
        CONNECTION = connection;
        DIRECTION = direction;
        SOURCE = src;
        DESTINATION = dst;
        FRAME = frame;
        SIZE = size;
        FLAGS = flags;
        PAYLOAD_LENGTH = payloadlen;
        TOPIC_FROM_ALIAS = topic_from_alias;
        REASON = reason;
        REASONS = reasons;
        ANSWERS = answers;
        VIOLATIONS = violations;
        FIELDS = fields;
        TST = tst;
    }
}

/// What a member depends on beside its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) version: Version,
    pub(crate) packet: PacketType,
    /// Whether secrets are written.
    pub(crate) show_secrets: bool,
    /// The topic for which an alias stands.
    pub(crate) alias_topic: Option<&'a Utf8>,
}

/// The fields of a packet, or of a part of it, as members of an object.
trait Members: Sized {
    fn write(&self, about: About<'_>, out: &mut Vec<u8>);
    fn read(object: &mut Object) -> Result<Self, Problem>;
}

/// What names a member of an object.
pub(crate) trait Name {
    fn put(self, out: &mut Vec<u8>);
}

impl Name for Key {
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0.as_bytes());
    }
}

impl Name for &str {
    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(self.as_bytes());
        out.extend_from_slice(b"\":");
    }
}

/// `,"KEY":…`
pub(crate) mod member {
    use super::Name;

    pub(crate) fn flag(name: impl Name, value: bool, out: &mut Vec<u8>) {
        name.put(out);
        super::flag(value, out);
    }

    pub(crate) fn number(name: impl Name, number: u64, out: &mut Vec<u8>) {
        name.put(out);
        super::number(number, out);
    }

    /// Text of our own, which needs no escapes.
    pub(crate) fn word(name: impl Name, word: &'static str, out: &mut Vec<u8>) {
        name.put(out);
        out.push(b'"');
        out.extend_from_slice(word.as_bytes());
        out.push(b'"');
    }

    pub(crate) fn string(name: impl Name, text: &str, out: &mut Vec<u8>) {
        name.put(out);
        super::string(text, out);
    }

    pub(crate) fn array<T>(
        name: impl Name,
        items: impl Iterator<Item = T>,
        out: &mut Vec<u8>,
        item: impl FnMut(T, &mut Vec<u8>),
    ) {
        name.put(out);
        super::list(items, out, item);
    }

    pub(crate) fn object(name: impl Name, out: &mut Vec<u8>, members: impl FnOnce(&mut Vec<u8>)) {
        name.put(out);
        super::object(out, members);
    }

    /// `,"KEY":"text"`, or `,"KEY_base64":"…"` for bytes that are not UTF-8.
    pub(crate) fn bytes(name: &str, bytes: &[u8], out: &mut Vec<u8>) {
        match std::str::from_utf8(bytes) {
            Ok(text) => string(name, text, out),
            Err(_) => {
                format!("{name}{}", super::BASE64_SUFFIX).as_str().put(out);
                super::base64(bytes, out);
            }
        }
    }

    /// `,"KEY":"********","KEY_masked":true`: the second member says that the first one is not the value itself.
    pub(crate) fn masked(name: &str, out: &mut Vec<u8>) {
        string(name, super::MASK, out);
        flag(format!("{name}{}", super::MASK_SUFFIX).as_str(), true, out);
    }

    /// A payload: text, `null` when empty, `payload_base64` when it is not UTF-8.
    pub(crate) fn payload(payload: &[u8], out: &mut Vec<u8>) {
        match payload {
            [] => out.extend_from_slice(b",\"payload\":null"),
            _ => bytes("payload", payload, out),
        }
    }
}

/// Behind the key of bytes that are not UTF-8.
const BASE64_SUFFIX: &str = "_base64";
/// Behind the key of a secret that is not shown.
const MASK_SUFFIX: &str = "_masked";
/// In place of a secret value.
pub(crate) const MASK: &str = "********";

/// An object whose members `write` appends, each with a comma before it.
pub(crate) fn object(out: &mut Vec<u8>, members: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    members(out);
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

/// Bytes as base64, with quotes.
pub(crate) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    base64::encode(bytes, out);
    out.push(b'"');
}

fn flag(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// What follows the backslash for each byte; `u` for a code in hexadecimal digits, 0 for bytes that stand as they are.
#[allow(clippy::indexing_slicing, reason = "the compiler computes it")]
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

#[allow(clippy::indexing_slicing, reason = "there are 256 bytes")]
fn escape(byte: u8) -> u8 {
    ESCAPES[usize::from(byte)]
}

/// A string with its quotes.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    while let Some(at) = rest.iter().position(|byte| escape(*byte) != 0) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = tail.split_first() else { break };
        match escape(*byte) {
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
pub(crate) fn number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// What can be wrong with a line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No JSON.
    #[error("is not JSON: {0}")]
    Syntax(String),
    /// JSON, but no object.
    #[error("is not a JSON object")]
    NotAnObject,
    /// A key that must be there.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A key that this packet does not have.
    #[error("unknown key `{key}`; {what} has {known}")]
    Unknown {
        /// The key.
        key: String,
        /// The packet or the part of it.
        what: &'static str,
        /// The keys that it has.
        known: String,
    },
    /// A value that cannot be.
    #[error("`{key}` {what}")]
    Value {
        /// The key.
        key: String,
        /// What the value must be, or why it cannot be this one.
        what: String,
    },
    /// A secret that was not printed.
    #[error("`{0}` is masked; `mqkit decode --json --show-secrets` prints it")]
    Masked(String),
    /// What the line says cannot be written.
    #[error(transparent)]
    Packet(#[from] EncodeError),
}

impl Problem {
    pub(crate) fn value(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Value {
            key: key.into(),
            what: what.into(),
        }
    }
}
