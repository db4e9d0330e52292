//! A message for a person at a terminal: time, topic, flags and payload on one line when they fit, properties and longer
//! payloads beneath. It must not know where the message came from.

use super::escape;
use super::json_text::Json;
use super::style::{Ink, Style};
use super::text::columns;
use crate::protocol::{PropertyValue, Publish, QoS};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::Write as _;

/// Columns that JSON and bytes may fill before they get lines of their own. Text is never broken.
const WIDTH: usize = 80;
/// Between time, topic, flags and payload: topics may hold a blank.
const GAP: &str = "  ";
/// Blanks before the lines of a payload.
const MARGIN: usize = 2;
/// Blanks before a property: more than before a payload, which may look like one.
const PROPERTY_MARGIN: usize = 4;
/// Bytes on a line of a hex dump.
const ROW: usize = 16;
/// Bytes of a hex dump; of longer payloads only the length is told.
const DUMPED: usize = 4 * ROW;

/// Appends a message without a newline behind it; the time is shown in `zone`.
pub(super) fn write(publish: &Publish, time: Timestamp, zone: &TimeZone, style: Style, out: &mut String) {
    let mut used = head(publish, time, zone, style, out);
    out.push_str(GAP);
    used += GAP.len();
    let body = Body::of(&publish.payload);
    let there = body.line(WIDTH.saturating_sub(used), style, out);
    if !there {
        // No blanks at the end of a line.
        out.truncate(out.len() - GAP.len());
    }
    for (id, value) in publish.properties.iter() {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', PROPERTY_MARGIN));
        style.paint(Ink::Dim, out, |out| {
            let _ = write!(out, "{}:", id.name());
        });
        out.push(' ');
        property(&value, out);
    }
    if !there {
        body.lines(style, out);
    }
}

/// Time, topic and flags; gives the columns that they take.
fn head(publish: &Publish, time: Timestamp, zone: &TimeZone, style: Style, out: &mut String) -> usize {
    let time = time.to_zoned(zone.clone()).strftime("%H:%M:%S.%3f").to_string();
    let mut topic = String::new();
    escape::text(&publish.topic, "", &mut topic);
    let mut flags = Vec::new();
    if publish.retain {
        flags.push("r");
    }
    match publish.qos {
        QoS::AtMostOnce => {}
        QoS::AtLeastOnce => flags.push("q1"),
        QoS::ExactlyOnce => flags.push("q2"),
    }
    let flags = flags.join(" ");
    let mut used = 0;
    for (ink, part) in [(Ink::Dim, time), (Ink::Name, topic), (Ink::Warning, flags)] {
        if part.is_empty() {
            continue;
        }
        if used > 0 {
            out.push_str(GAP);
            used += GAP.len();
        }
        used += columns(&part);
        style.paint(ink, out, |out| out.push_str(&part));
    }
    used
}

fn property(value: &PropertyValue, out: &mut String) {
    match value {
        PropertyValue::Text(text) => escape::text(text, "", out),
        PropertyValue::Pair(name, value) => {
            escape::text(name, "", out);
            out.push_str(": ");
            escape::text(value, "", out);
        }
        PropertyValue::Binary(data) => match Body::of(data) {
            Body::Bytes(bytes) => {
                hex(bytes.get(..ROW).unwrap_or(bytes), out);
                if bytes.len() > ROW {
                    let _ = write!(out, " … {} bytes", bytes.len());
                }
            }
            Body::Text(text) | Body::Json(text, _) => escape::text(text, "", out),
            Body::Empty => {}
        },
        PropertyValue::Byte(_) | PropertyValue::U16(_) | PropertyValue::U32(_) | PropertyValue::Varint(_) => {
            let _ = write!(out, "{}", value.number().unwrap_or_default());
        }
    }
}

/// What a payload is.
enum Body<'a> {
    Empty,
    Json(&'a str, Json<'a>),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> Body<'a> {
    fn of(payload: &'a [u8]) -> Self {
        match std::str::from_utf8(payload) {
            Ok("") => Self::Empty,
            Ok(text) if text.bytes().all(is_of_text) => match Json::read(text) {
                Some(json) => Self::Json(text, json),
                None => Self::Text(text),
            },
            _ => Self::Bytes(payload),
        }
    }

    /// Appends it when it belongs on the line, where there are so many columns.
    fn line(&self, room: usize, style: Style, out: &mut String) -> bool {
        match self {
            Self::Empty => style.paint(Ink::Dim, out, |out| out.push_str("(empty)")),
            Self::Json(_, json) => return json.line(room, style, out),
            Self::Text(text) => {
                if has_lines(text) {
                    return false;
                }
                escape::text(text, "\t", out);
            }
            Self::Bytes(bytes) => {
                if bytes.len() > ROW || dump_columns(bytes.len()) > room {
                    return false;
                }
                dump(bytes, bytes.len(), style, out);
            }
        }
        true
    }

    /// Appends it on lines of its own, each behind a newline.
    fn lines(&self, style: Style, out: &mut String) {
        let new_line = |out: &mut String| {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', MARGIN));
        };
        match self {
            Self::Empty => {}
            Self::Json(_, json) => {
                new_line(out);
                json.lines(MARGIN, WIDTH, style, out);
            }
            Self::Text(text) => {
                for line in text.lines() {
                    new_line(out);
                    escape::text(line, "\t", out);
                }
            }
            Self::Bytes(bytes) => {
                for row in bytes.get(..DUMPED).unwrap_or(bytes).chunks(ROW) {
                    new_line(out);
                    dump(row, ROW, style, out);
                }
                if bytes.len() > DUMPED {
                    new_line(out);
                    style.paint(Ink::Dim, out, |out| {
                        let _ = write!(out, "… {} bytes", bytes.len());
                    });
                }
            }
        }
    }
}

/// What `file` takes for text below 0x20; the rest is bytes.
fn is_of_text(byte: u8) -> bool {
    byte >= 0x20 || matches!(byte, 0x07..=0x0d | 0x1b)
}

/// A newline that only ends the text makes no lines of it.
fn has_lines(text: &str) -> bool {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.contains('\n')
}

/// Bytes in hexadecimal digits, padded to `width` of them, then as characters where they are some: the layout of
/// `hexdump -C`.
fn dump(bytes: &[u8], width: usize, style: Style, out: &mut String) {
    hex(bytes, out);
    out.extend(std::iter::repeat_n(' ', 3 * width.saturating_sub(bytes.len())));
    out.push_str(GAP);
    style.paint(Ink::Dim, out, |out| {
        out.push('|');
        out.extend(bytes.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        }));
        out.push('|');
    });
}

fn dump_columns(bytes: usize) -> usize {
    (3 * bytes).saturating_sub(1) + GAP.len() + bytes + 2
}

fn hex(bytes: &[u8], out: &mut String) {
    for (index, byte) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{byte:02x}", if index > 0 { " " } else { "" });
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::{publish, time};
    use super::*;
    use crate::protocol::{PropertyId, Utf8};
    use bytes::Bytes;

    fn show(publish: &Publish, colour: bool) -> String {
        let mut out = String::new();
        write(publish, time(), &TimeZone::UTC, Style { colour }, &mut out);
        out
    }

    fn shown(payload: &[u8]) -> String {
        let mut publish = publish(payload);
        publish.qos = QoS::AtMostOnce;
        let text = show(&publish, false);
        text.strip_prefix("04:42:52.456  a/b").unwrap().to_owned()
    }

    #[test]
    fn short_messages_are_one_line() {
        for (payload, expected) in [
            (&b"21.5"[..], "  21.5"),
            ("21.5 °C".as_bytes(), "  21.5 °C"),
            (b"", "  (empty)"),
            (b"21.5\n", "  21.5\\n"),
            (b"a\tb\r\n", "  a\tb\\r\\n"),
            (b"{\"t\":21.5,\n \"h\":40}", "  {\"t\": 21.5, \"h\": 40}"),
            (b"\0\0\xac\x41", "  00 00 ac 41  |...A|"),
            (b"\x01", "  01  |.|"),
            (b"\x1b]0;title\x07", "  \\x1b]0;title\\x07"),
            ("a\u{202e}b\u{9b}2J".as_bytes(), "  a\\u{202e}b\\u{9b}2J"),
        ] {
            assert_eq!(shown(payload), expected);
        }
        // Text is never broken.
        assert_eq!(shown(&[b'x'; 200]), format!("  {}", "x".repeat(200)));
    }

    #[test]
    fn longer_payloads_have_lines_of_their_own() {
        assert_eq!(shown(b"one\r\n two\n"), "\n  one\n   two");
        let long = format!("{{\"name\":\"{}\",\"list\":[1,{{}}]}}", "n".repeat(46));
        assert_eq!(
            shown(long.as_bytes()),
            format!("\n  {{\"name\": \"{}\", \"list\": [1, {{}}]}}", "n".repeat(46))
        );
        let long = format!("{{\"name\":\"{}\",\"list\":[1,{{}}]}}", "n".repeat(60));
        assert_eq!(
            shown(long.as_bytes()),
            format!(
                "\n  {{\n    \"name\": \"{}\",\n    \"list\": [1, {{}}]\n  }}",
                "n".repeat(60)
            )
        );
        assert_eq!(
            shown(b"\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0eABC"),
            "\n  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 41  |...............A|\
             \n  42 43                                            |BC|"
        );
        let dump = shown(&[0xff; 1300]);
        assert_eq!(dump.lines().count(), 1 + DUMPED / ROW + 1);
        assert!(dump.ends_with("|................|\n  … 1300 bytes"), "{dump}");
        assert!(dump.lines().all(|line| columns(line) <= WIDTH));
    }

    #[test]
    fn flags_and_properties_are_shown_when_there_are_any() {
        let mut message = publish(b"on");
        message.retain = true;
        for (id, value) in [
            (
                PropertyId::ContentType,
                PropertyValue::Text(Utf8::new("text/plain").unwrap()),
            ),
            (PropertyId::MessageExpiryInterval, PropertyValue::U32(60)),
            (
                PropertyId::UserProperty,
                PropertyValue::Pair(Utf8::new("unit\n").unwrap(), Utf8::new("°C").unwrap()),
            ),
            (
                PropertyId::CorrelationData,
                PropertyValue::Binary(Bytes::from_static(b"\xff\0")),
            ),
        ] {
            message.properties.push(id, value);
        }
        let properties = "\n    content-type: text/plain\n    message-expiry-interval: 60\n    \
                          user-property: unit\\n: °C\n    correlation-data: ff 00";
        assert_eq!(
            show(&message, false),
            format!("04:42:52.456  a/b  r q1  on{properties}")
        );
        // They stand between the first line and a payload that has its own.
        message.payload = Bytes::from_static(b"one\ntwo");
        message.topic = Utf8::new("a\n\x1b[2Jb").unwrap();
        assert_eq!(
            show(&message, false),
            format!("04:42:52.456  a\\n\\x1b[2Jb  r q1{properties}\n  one\n  two")
        );
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let mut message = publish(b"{\"on\":true}");
        message.properties.push(
            PropertyId::ContentType,
            PropertyValue::Text(Utf8::new("text/plain").unwrap()),
        );
        assert_eq!(
            show(&message, true),
            "\x1b[2m04:42:52.456\x1b[0m  \x1b[36ma/b\x1b[0m  \x1b[33mq1\x1b[0m  {\x1b[1;34m\"on\"\x1b[0m: \
             \x1b[33mtrue\x1b[0m}\n    \x1b[2mcontent-type:\x1b[0m text/plain"
        );
    }

    /// A payload as large as it likes takes a few times its size.
    #[test]
    fn no_payload_takes_much_more_than_its_size() {
        for payload in [
            "[".repeat(20_000) + &"]".repeat(20_000),
            "[1,".repeat(30) + &"1,".repeat(100_000),
            "\n".repeat(100_000),
        ] {
            let text = shown(payload.as_bytes());
            assert!(text.len() < payload.len() * 4, "{} of {}", text.len(), payload.len());
        }
    }
}
