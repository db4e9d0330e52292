//! Explained packets as text and JSON, one renderer a file, and what the renderers share: facts in short, violations in
//! words, and which bytes are secret. It must not know how packets are decoded or judged.

mod facts;
pub mod json;
pub mod line;
pub mod verbose;

pub(super) use facts::{Layout, Look, facts};

use super::style::{Ink, Style};
use super::text::{escape, hex};
use crate::analysis::{Explained, Severity, Violation};
use crate::protocol::{Connect, Field, FieldId, FieldLog, FieldValue, Frame, Packet, PacketType, Sender, Version};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

/// How packets are shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Show passwords and authentication data.
    pub show_secrets: bool,
    /// Use colours in text; JSON never has them.
    pub colour: bool,
    /// Add every field with its offset to JSON.
    pub offsets: bool,
}

impl Options {
    pub(super) fn style(self) -> Style {
        Style { colour: self.colour }
    }
}

/// The fields of a packet: those that were logged, or what a second reading logs.
fn log(explained: &Explained) -> Cow<'_, FieldLog> {
    if !explained.log.is_empty() {
        return Cow::Borrowed(&explained.log);
    }
    let mut log = FieldLog::new();
    // The outcome is known; only the log was missing.
    let _ = Packet::decode_logged(explained.version, explained.origin.sender, &explained.frame, &mut log);
    Cow::Owned(log)
}

/// Bytes that are missing of a packet that is cut.
pub(super) fn missing(frame: &Frame) -> usize {
    (frame.header_len() + frame.remaining_length()).saturating_sub(frame.bytes().len())
}

/// From left to right is from client to server.
pub(super) fn arrow(sender: Sender) -> &'static str {
    match sender {
        Sender::Client => "→",
        Sender::Server => "←",
        Sender::Unknown => "·",
    }
}

/// A violation in words with its mark: `!` finds all that count. The severity of others is spelt out.
pub(super) fn marked(violation: &Violation, style: Style, out: &mut String) {
    style.paint(ink(violation.severity), out, |out| {
        match violation.severity {
            Severity::Note | Severity::Warning => {
                let _ = write!(out, "- {}: ", violation.severity.name());
            }
            Severity::Protocol | Severity::Malformed => out.push_str("! "),
        }
        words(violation, out);
    });
}

/// Field, message and statement of a violation.
fn words(violation: &Violation, out: &mut String) {
    if let Some(field) = violation.field {
        let _ = write!(out, "{field}: ");
    }
    // Messages may quote what the packet says.
    escape(&violation.message, out);
    if let Some(statement) = violation.statement {
        let _ = write!(out, " [{statement}]");
    }
}

/// The colour of a violation.
pub(super) fn ink(severity: Severity) -> Ink {
    match severity {
        Severity::Note => Ink::Dim,
        Severity::Warning => Ink::Warning,
        Severity::Protocol | Severity::Malformed => Ink::Fault,
    }
}

/// The bytes of a field that are secret: its value, but not its identifier and length.
fn secret_part(field: &Field) -> Range<usize> {
    let end = field.offset.saturating_add(field.length);
    let value = match &field.value {
        FieldValue::Bytes(bytes) if field.id.is_secret() => bytes.len(),
        _ => 0,
    };
    end.saturating_sub(value)..end
}

/// The bytes behind the last field that could be read.
fn unread(frame: &Frame, log: &FieldLog) -> Range<usize> {
    let done = log.last().map_or(0, |field| field.offset.saturating_add(field.length));
    done.min(frame.bytes().len())..frame.bytes().len()
}

/// Whether there can be a password or authentication data behind the last field that could be read.
fn unread_may_be_secret(frame: &Frame, version: Version, log: &FieldLog) -> bool {
    match frame.packet_type() {
        PacketType::Connect => {
            let with_password = log.iter().all(|field| match (field.id, &field.value) {
                (FieldId::ConnectFlags, FieldValue::Flags(flags)) => flags & Connect::PASSWORD_FLAG != 0,
                _ => true,
            });
            let past_properties = || log.iter().any(|field| field.id == FieldId::ClientIdentifier);
            with_password || version == Version::V5 && !past_properties()
        }
        // Flags, reason code and property length leave no room for it.
        PacketType::Connack | PacketType::Auth => frame.bytes().len() > 6,
        _ => false,
    }
}

/// Every byte of the packet in hexadecimal digits, with `**` for each secret one.
fn raw(explained: &Explained, show_secrets: bool, out: &mut Vec<u8>) {
    let frame = &explained.frame;
    let bytes = frame.bytes();
    let start = out.len();
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.extend_from_slice(&hex(*byte));
    }
    if show_secrets {
        return;
    }
    let log = log(explained);
    let mut hide = |range: Range<usize>| {
        let hidden = out.get_mut(start + 2 * range.start..start + 2 * range.end);
        hidden.unwrap_or_default().fill(b'*');
    };
    log.iter().for_each(|field| hide(secret_part(field)));
    if unread_may_be_secret(frame, explained.version, &log) {
        hide(unread(frame, &log));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::PropertyId;
    use bytes::Bytes;

    /// Whatever a field is called, what it holds is shown by its identity: a new name cannot leak a password.
    #[test]
    fn a_secret_is_told_by_its_field_and_not_by_its_name() {
        let properties = PropertyId::ALL.iter().map(|id| FieldId::Property(*id));
        let all: Vec<FieldId> = FieldId::ALL.iter().copied().chain(properties).collect();
        let secret: Vec<FieldId> = all.iter().copied().filter(|id| id.is_secret()).collect();
        assert_eq!(secret, [FieldId::Password, PropertyId::AuthenticationData.into()]);
        for id in all {
            let value = FieldValue::Bytes(Bytes::from_static(b"hunter2"));
            let field = Field {
                id,
                offset: 2,
                length: 9,
                value,
            };
            let (mut member, hidden) = (Vec::new(), secret.contains(&id));
            json::write_field(&field, Options::default(), &mut member);
            let row = verbose::value(&field, PacketType::Connect, Version::V5, id.is_secret());
            for shown in [String::from_utf8(member).unwrap(), row] {
                assert_eq!(shown.contains("hunter2"), !hidden, "{shown}");
            }
            assert_eq!(secret_part(&field), if hidden { 4..11 } else { 11..11 });
        }
    }
}
