//! Decoded packets as annotated text: one renderer for all of them, driven by the log of fields. It must not know how
//! packets are decoded.

use crate::protocol::{
    Connect, DecodeError, Field, FieldLog, FieldValue, Frame, Packet, PacketType, Publish, QoS, ReasonCode, Version,
};
use std::fmt::Write as _;
use std::io::{self, Write};

/// How packets are shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Show passwords and authentication data.
    pub show_secrets: bool,
}

/// Bytes on a line.
const ROW: usize = 8;
/// Rows of bytes for one field.
const ROWS: usize = 4;
/// Characters of a text value.
const PREVIEW: usize = 200;
const NAME_WIDTH: usize = 26;

/// Writes one packet: a line that sums it up, then every field with its offset, bytes, name and value, then the fault.
///
/// # Errors
/// The output cannot be written.
pub fn write(
    out: &mut impl Write,
    frame: &Frame,
    version: Version,
    packet: Result<&Packet, &DecodeError>,
    log: &FieldLog,
    options: Options,
) -> io::Result<()> {
    let bytes = frame.bytes();
    let title = format!("{} (MQTT {version}, {} bytes)", frame.packet_type(), bytes.len());
    match packet {
        Ok(packet) => {
            let summary = summary(packet, version);
            writeln!(out, "{title}{}{summary}", if summary.is_empty() { "" } else { ": " })?;
        }
        Err(_) => writeln!(out, "{title}: faulty")?,
    }
    write_fields(out, frame, version, log, options)?;
    let Err(error) = packet else { return Ok(()) };
    writeln!(
        out,
        "  fault: {}: {} at byte {} [{}]",
        error.field,
        error.fault,
        error.offset,
        error.statement()
    )
}

/// Writes every field with its offset, bytes, name and value, then the bytes that no field explains.
///
/// # Errors
/// The output cannot be written.
pub fn write_fields(
    out: &mut impl Write,
    frame: &Frame,
    version: Version,
    log: &FieldLog,
    options: Options,
) -> io::Result<()> {
    let bytes = frame.bytes();
    writeln!(
        out,
        "  {:>6}  {:<24}  {:<NAME_WIDTH$}  value",
        "offset", "bytes", "field"
    )?;
    for field in log {
        let secret = is_secret(field.name) && !options.show_secrets;
        let value = value(field, frame.packet_type(), version, secret);
        let shown = bytes.get(field.offset..field.offset + field.length).unwrap_or_default();
        let masked = if secret { field.length.saturating_sub(2) } else { 0 };
        write_rows(out, field.offset, shown, masked, field.name, &value)?;
        write_bits(out, field, frame.packet_type(), version)?;
    }
    let done = log.last().map_or(0, |field| field.offset + field.length);
    let rest = bytes.get(done..).unwrap_or_default();
    if !rest.is_empty() {
        // A password or authentication data may be in there.
        let kind = frame.packet_type();
        let sensitive = matches!(kind, PacketType::Connect | PacketType::Connack | PacketType::Auth);
        let masked = if sensitive && !options.show_secrets {
            rest.len()
        } else {
            0
        };
        write_rows(out, done, rest, masked, "(not decoded)", "")?;
    }
    Ok(())
}

fn is_secret(name: &str) -> bool {
    matches!(name, "password" | "authentication-data")
}

/// One field: its first row has everything, further rows the bytes that are left.
fn write_rows(
    out: &mut impl Write,
    offset: usize,
    bytes: &[u8],
    masked: usize,
    name: &str,
    value: &str,
) -> io::Result<()> {
    let open = bytes.len() - masked;
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
    writeln!(
        out,
        "  {offset:>6}  {first:<24}  {}",
        format!("{name:<NAME_WIDTH$}  {value}").trim_end()
    )?;
    for text in texts {
        writeln!(out, "  {:>6}  {text}", "")?;
    }
    Ok(())
}

/// Bits of a flag byte: highest, lowest, name.
type Bits = &'static [(u8, u8, &'static str)];

const PUBLISH_BITS: Bits = &[(7, 4, "packet type"), (3, 3, "DUP"), (2, 1, "QoS"), (0, 0, "RETAIN")];
const HEADER_BITS: Bits = &[(7, 4, "packet type"), (3, 0, "reserved")];
const CONNECT_BITS_V5: Bits = &[
    (7, 7, "user name"),
    (6, 6, "password"),
    (5, 5, "will retain"),
    (4, 3, "will QoS"),
    (2, 2, "will"),
    (1, 1, "clean start"),
    (0, 0, "reserved"),
];
const CONNECT_BITS: Bits = &[
    (7, 7, "user name"),
    (6, 6, "password"),
    (5, 5, "will retain"),
    (4, 3, "will QoS"),
    (2, 2, "will"),
    (1, 1, "clean session"),
    (0, 0, "reserved"),
];
const CONNACK_BITS: Bits = &[(7, 1, "reserved"), (0, 0, "session present")];
const OPTION_BITS_V5: Bits = &[
    (7, 6, "reserved"),
    (5, 4, "retain handling"),
    (3, 3, "retain as published"),
    (2, 2, "no local"),
    (1, 0, "maximum QoS"),
];
const OPTION_BITS: Bits = &[(7, 2, "reserved"), (1, 0, "requested QoS")];

fn bits_of(field: &Field, packet: PacketType, version: Version) -> Bits {
    match (field.name, version) {
        ("packet type and flags", _) if packet == PacketType::Publish => PUBLISH_BITS,
        ("packet type and flags", _) => HEADER_BITS,
        ("connect flags", Version::V5) => CONNECT_BITS_V5,
        ("connect flags", _) => CONNECT_BITS,
        ("connect acknowledge flags", _) => CONNACK_BITS,
        ("subscription options", Version::V5) => OPTION_BITS_V5,
        ("subscription options", _) => OPTION_BITS,
        _ => &[],
    }
}

fn write_bits(out: &mut impl Write, field: &Field, packet: PacketType, version: Version) -> io::Result<()> {
    let FieldValue::Flags(byte) = field.value else {
        return Ok(());
    };
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
        writeln!(
            out,
            "  {:>6}  {place:>10} {digits:<13}  {name:<NAME_WIDTH$}  {value}",
            ""
        )?;
    }
    Ok(())
}

fn value(field: &Field, packet: PacketType, version: Version, secret: bool) -> String {
    if secret {
        return "******** (--show-secrets shows it)".to_owned();
    }
    match &field.value {
        FieldValue::Flags(byte) if field.name == "packet type and flags" => format!("0x{byte:02x}, {packet}"),
        FieldValue::Flags(byte) => format!("0x{byte:02x}"),
        FieldValue::Text(text) => quoted(text),
        FieldValue::Pair(key, value) => format!("{}: {}", quoted(key), quoted(value)),
        FieldValue::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => quoted(text),
            Err(_) => format!("{} bytes, not UTF-8", bytes.len()),
        },
        FieldValue::Number(number) => numeral(field.name, *number, packet, version),
    }
}

fn numeral(name: &str, number: u32, packet: PacketType, version: Version) -> String {
    let code = || ReasonCode(u8::try_from(number).unwrap_or(u8::MAX));
    match name {
        "reason code" => format!("0x{number:02x}, {}", code().name_in(packet)),
        "return code" if packet == PacketType::Connack => match number {
            0 => "0, Connection accepted".to_owned(),
            _ => format!("{number}, {}", ReasonCode::from_return_code(code().0).name()),
        },
        "return code" if number == 0x80 => "0x80, Failure".to_owned(),
        "return code" => format!("{number}, {}", code().name_in(PacketType::Suback)),
        "protocol level" => format!("{number} (MQTT {version})"),
        "keep alive" if number == 0 => "0 (switched off)".to_owned(),
        "keep alive" | "server-keep-alive" => format!("{number} s"),
        name if name.ends_with("-interval") && number == u32::MAX => format!("{number} (never)"),
        name if name.ends_with("-interval") => format!("{number} s"),
        _ => number.to_string(),
    }
}

/// Text that cannot do anything to a terminal.
fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(PREVIEW).collect();
    let rest = text.chars().count().saturating_sub(PREVIEW);
    let more = if rest > 0 {
        format!(" … {rest} more characters")
    } else {
        String::new()
    };
    // `escape_debug` leaves nothing that is not printable.
    format!("\"{}\"{more}", shown.escape_debug())
}

/// What matters of a packet, in one line.
fn summary(packet: &Packet, version: Version) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match packet {
        Packet::Connect(connect) => connect_summary(connect),
        Packet::Connack(connack) => {
            let session = if connack.session_present {
                "session present"
            } else {
                "no session"
            };
            format!("{}, {session}", connack.reason)
        }
        Packet::Publish(publish) => publish_summary(publish),
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            let reason = if version == Version::V5 {
                format!(", {}", ack.reason)
            } else {
                String::new()
            };
            format!("packet identifier {}{reason}", ack.packet_id)
        }
        Packet::Subscribe(subscribe) => {
            let filters = subscribe
                .subscriptions
                .iter()
                .map(|s| format!("{} at QoS {}", quoted(&s.filter), s.qos));
            format!("packet identifier {}, {}", subscribe.packet_id, list(filters.collect()))
        }
        Packet::Suback(suback) => {
            let reasons = suback
                .reasons
                .iter()
                .map(|reason| reason.name_in(PacketType::Suback).to_owned());
            format!("packet identifier {}, {}", suback.packet_id, list(reasons.collect()))
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filters = unsubscribe.filters.iter().map(|filter| quoted(filter));
            format!(
                "packet identifier {}, {}",
                unsubscribe.packet_id,
                list(filters.collect())
            )
        }
        Packet::Unsuback(unsuback) => {
            let mut parts = vec![format!("packet identifier {}", unsuback.packet_id)];
            parts.extend(
                unsuback
                    .reasons
                    .iter()
                    .map(|reason| reason.name_in(PacketType::Unsuback).to_owned()),
            );
            list(parts)
        }
        Packet::Disconnect(disconnect) if version == Version::V5 => {
            disconnect.reason.name_in(PacketType::Disconnect).to_owned()
        }
        Packet::Auth(auth) => auth.reason.to_string(),
        Packet::Pingreq | Packet::Pingresp | Packet::Disconnect(_) => String::new(),
    }
}

fn connect_summary(connect: &Connect) -> String {
    let mut parts = vec![format!("client identifier {}", quoted(&connect.client_id))];
    let session = if connect.version == Version::V5 {
        "start"
    } else {
        "session"
    };
    parts.push(if connect.clean_start {
        format!("clean {session}")
    } else {
        format!("no clean {session}")
    });
    parts.push(format!("keep alive {} s", connect.keep_alive));
    if let Some(username) = &connect.username {
        parts.push(format!("user name {}", quoted(username)));
    }
    if let Some(will) = &connect.will {
        parts.push(format!("will to {} at QoS {}", quoted(&will.topic), will.qos));
    }
    if connect.bridge {
        parts.push("bridge".to_owned());
    }
    parts.join(", ")
}

fn publish_summary(publish: &Publish) -> String {
    let mut parts = vec![
        format!("topic {}", quoted(&publish.topic)),
        format!("QoS {}", publish.qos),
    ];
    if publish.qos != QoS::AtMostOnce {
        parts.extend(
            publish
                .packet_id
                .map(|packet_id| format!("packet identifier {packet_id}")),
        );
    }
    if publish.dup {
        parts.push("DUP".to_owned());
    }
    if publish.retain {
        parts.push("RETAIN".to_owned());
    }
    parts.push(format!("payload of {} bytes", publish.payload.len()));
    parts.join(", ")
}
