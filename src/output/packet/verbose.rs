//! One packet with every field: offset, bytes, name, value, and the bits of flag bytes. One renderer for all packets,
//! driven by the log of fields. It must not know how packets are decoded.

use super::super::style::{Ink, Style};
use super::super::text::quoted;
use super::super::time;
use super::{Layout, Look, Options, arrow, facts, ink, log, missing, secret_part, unread, unread_may_be_secret, words};
use crate::analysis::{Explained, Origin};
use crate::protocol::{Field, FieldId, FieldValue, PacketType, PropertyId, ReasonCode, Sender, Version};
use std::fmt::Write as _;

/// Bytes on a line.
const ROW: usize = 8;
/// Rows of bytes for one field.
const ROWS: usize = 4;
/// Characters of a text value.
const PREVIEW: usize = 200;
const NAME_WIDTH: usize = 26;

/// Appends one packet: a line that sums it up, where and when it was seen, every field, then the violations.
pub fn write(explained: &Explained, options: Options, out: &mut Vec<u8>) {
    let style = options.style();
    let mut text = String::with_capacity(1024);
    title(explained, style, &mut text);
    origin(&explained.origin, style, &mut text);
    fields(explained, options, &mut text);
    for found in &explained.violations {
        text.push_str("  ");
        style.paint(ink(found.severity), &mut text, |out| {
            out.push_str(found.severity.name());
            if let Some(offset) = found.offset {
                let _ = write!(out, " at byte {offset}");
            }
            out.push_str(": ");
            words(found, out);
        });
        text.push('\n');
    }
    out.extend_from_slice(text.as_bytes());
}

fn title(explained: &Explained, style: Style, out: &mut String) {
    let frame = &explained.frame;
    style.paint(Ink::Bold, out, |out| out.push_str(frame.packet_type().name()));
    let assumed = if explained.version_assumed { " assumed" } else { "" };
    let _ = write!(
        out,
        " (MQTT {}{assumed}, {} bytes)",
        explained.version,
        frame.bytes().len()
    );
    let start = out.len();
    if explained.packet.is_ok() {
        let layout = Layout::Free;
        facts(explained, Look { layout, style }, out);
    } else if missing(frame) > 0 {
        let _ = write!(out, "cut: {} bytes are missing", missing(frame));
    } else {
        out.push_str("faulty");
    }
    if out.len() > start {
        out.insert_str(start, ": ");
    }
    out.push('\n');
}

fn origin(origin: &Origin, style: Style, out: &mut String) {
    let mut parts = Vec::new();
    if let Some(at) = origin.time {
        parts.push(time::date(at));
    }
    if let Some(connection) = origin.connection {
        parts.push(format!("connection #{connection}"));
    }
    match (origin.sender, origin.source, origin.destination) {
        (_, Some(source), Some(destination)) => parts.push(format!("{source} to {destination}")),
        (Sender::Unknown, ..) => {}
        _ => parts.push(format!("client {} server", arrow(origin.sender))),
    }
    if let Some(record) = origin.record {
        parts.push(format!("frame {record}"));
    }
    if !parts.is_empty() {
        out.push_str("  ");
        style.paint(Ink::Dim, out, |out| out.push_str(&parts.join(", ")));
        out.push('\n');
    }
}

fn fields(explained: &Explained, options: Options, out: &mut String) {
    let (frame, version) = (&explained.frame, explained.version);
    let (bytes, kind) = (frame.bytes(), frame.packet_type());
    let log = log(explained);
    options.style().paint(Ink::Dim, out, |out| {
        let _ = write!(
            out,
            "  {:>6}  {:<24}  {:<NAME_WIDTH$}  value",
            "offset", "bytes", "field"
        );
    });
    out.push('\n');
    for field in log.iter() {
        let secret = field.id.is_secret() && !options.show_secrets;
        let value = value(field, kind, version, secret);
        let end = field.offset.saturating_add(field.length);
        let shown = bytes.get(field.offset..end).unwrap_or_default();
        let masked = if secret { secret_part(field).len() } else { 0 };
        write_rows(field.offset, shown, masked, field.id.name(), &value, out);
        write_bits(field, kind, version, out);
    }
    let rest = unread(frame, &log);
    let shown = bytes.get(rest.clone()).unwrap_or_default();
    if !shown.is_empty() {
        let secret = !options.show_secrets && unread_may_be_secret(frame, version, &log);
        let masked = if secret { shown.len() } else { 0 };
        write_rows(rest.start, shown, masked, "(not decoded)", "", out);
    }
}

/// One field: its first row has everything, further rows the bytes that are left.
fn write_rows(offset: usize, bytes: &[u8], masked: usize, name: &str, value: &str, out: &mut String) {
    let open = bytes.len().saturating_sub(masked);
    let mut texts: Vec<String> = Vec::new();
    for (row, chunk) in bytes.chunks(ROW).enumerate().take(ROWS) {
        let mut text = String::new();
        for (column, byte) in chunk.iter().enumerate() {
            let hidden = row * ROW + column >= open;
            let _ = if hidden {
                write!(text, "** ")
            } else {
                write!(text, "{byte:02x} ")
            };
        }
        texts.push(text.trim_end().to_owned());
    }
    if bytes.len() > ROW * ROWS {
        texts.push(format!("… {} more", bytes.len() - ROW * ROWS));
    }
    let mut texts = texts.iter();
    let first = texts.next().map_or("", String::as_str);
    let what = format!("{name:<NAME_WIDTH$}  {value}");
    let _ = writeln!(out, "  {offset:>6}  {first:<24}  {}", what.trim_end());
    for text in texts {
        let _ = writeln!(out, "  {:>6}  {text}", "");
    }
}

/// Bits of a flag byte: highest, lowest, name.
type Bits = &'static [(u8, u8, &'static str)];

const PUBLISH_BITS: Bits = &[(7, 4, "packet type"), (3, 3, "DUP"), (2, 1, "QoS"), (0, 0, "RETAIN")];
const HEADER_BITS: Bits = &[(7, 4, "packet type"), (3, 0, "reserved")];
const CONNECT_BITS_V5: Bits = &connect_bits("clean start");
const CONNECT_BITS: Bits = &connect_bits("clean session");
const CONNACK_BITS: Bits = &[(7, 1, "reserved"), (0, 0, "session present")];
const OPTION_BITS_V5: Bits = &[
    (7, 6, "reserved"),
    (5, 4, "retain handling"),
    (3, 3, "retain as published"),
    (2, 2, "no local"),
    (1, 0, "maximum QoS"),
];
const OPTION_BITS: Bits = &[(7, 2, "reserved"), (1, 0, "requested QoS")];

const fn connect_bits(clean: &'static str) -> [(u8, u8, &'static str); 7] {
    [
        (7, 7, "user name"),
        (6, 6, "password"),
        (5, 5, "will retain"),
        (4, 3, "will QoS"),
        (2, 2, "will"),
        (1, 1, clean),
        (0, 0, "reserved"),
    ]
}

fn bits_of(field: &Field, packet: PacketType, version: Version) -> Bits {
    match (field.id, version) {
        (FieldId::PacketTypeAndFlags, _) if packet == PacketType::Publish => PUBLISH_BITS,
        (FieldId::PacketTypeAndFlags, _) => HEADER_BITS,
        (FieldId::ConnectFlags, Version::V5) => CONNECT_BITS_V5,
        (FieldId::ConnectFlags, _) => CONNECT_BITS,
        (FieldId::ConnectAcknowledgeFlags, _) => CONNACK_BITS,
        (FieldId::SubscriptionOptions, Version::V5) => OPTION_BITS_V5,
        (FieldId::SubscriptionOptions, _) => OPTION_BITS,
        _ => &[],
    }
}

fn write_bits(field: &Field, packet: PacketType, version: Version, out: &mut String) {
    let FieldValue::Flags(byte) = field.value else { return };
    for (high, low, name) in bits_of(field, packet, version) {
        let width = usize::from(high - low + 1);
        let value = byte >> low & (0xff >> (8 - width));
        let place = if high == low {
            format!("bit {high}")
        } else {
            format!("bits {high}-{low}")
        };
        let name = format!("  {name}");
        let digits = format!("{value:0width$b}");
        let _ = writeln!(
            out,
            "  {:>6}  {place:>10} {digits:<13}  {name:<NAME_WIDTH$}  {value}",
            ""
        );
    }
}

pub(super) fn value(field: &Field, packet: PacketType, version: Version, secret: bool) -> String {
    if secret {
        return "******** (--show-secrets shows it)".to_owned();
    }
    match &field.value {
        FieldValue::Flags(byte) if field.id == FieldId::PacketTypeAndFlags => format!("0x{byte:02x}, {packet}"),
        FieldValue::Flags(byte) => format!("0x{byte:02x}"),
        FieldValue::Text(string) => text(string),
        FieldValue::Pair(key, value) => format!("{}: {}", text(key), text(value)),
        FieldValue::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(string) => text(string),
            Err(_) => format!("{} bytes, not UTF-8", bytes.len()),
        },
        FieldValue::Number(number) => numeral(field.id, *number, packet, version),
    }
}

fn numeral(field: FieldId, number: u32, packet: PacketType, version: Version) -> String {
    use PropertyId as P;
    let code = || ReasonCode(u8::try_from(number).unwrap_or(u8::MAX));
    match field {
        FieldId::ReasonCode => format!("0x{number:02x}, {}", code().name_in(packet)),
        FieldId::ReturnCode if packet == PacketType::Connack => match number {
            0 => "0, Connection accepted".to_owned(),
            _ => format!("{number}, {}", ReasonCode::from_return_code(code().0).name()),
        },
        FieldId::ReturnCode if number == 0x80 => "0x80, Failure".to_owned(),
        FieldId::ReturnCode => format!("{number}, {}", code().name_in(PacketType::Suback)),
        FieldId::ProtocolLevel => format!("{number} (MQTT {version})"),
        FieldId::KeepAlive if number == 0 => "0 (switched off)".to_owned(),
        FieldId::KeepAlive | FieldId::Property(P::ServerKeepAlive) => format!("{number} s"),
        FieldId::Property(P::MessageExpiryInterval | P::SessionExpiryInterval | P::WillDelayInterval) => match number {
            u32::MAX => format!("{number} (never)"),
            _ => format!("{number} s"),
        },
        _ => number.to_string(),
    }
}

fn text(text: &str) -> String {
    let mut out = String::new();
    quoted(text, PREVIEW, &mut out);
    let rest = text.chars().count().saturating_sub(PREVIEW);
    if rest > 0 {
        let _ = write!(out, " {rest} more characters");
    }
    out
}
