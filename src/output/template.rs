//! The format strings of `-F`, compiled once. It must not know where the output goes.

use super::message::{Received, write_json, write_parsed_payload, write_payload};
use crate::protocol::PropertyId;
use jiff::tz::TimeZone;
use std::io::Write as _;

/// A compiled format string.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<Part>,
    zone: TimeZone,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(Vec<u8>),
    Field {
        letter: char,
        pad: Pad,
    },
    /// `%@X`: strftime's conversion X, in local time.
    Time(String),
    Nanoseconds,
}

/// How a field is fitted in: `%[-][0][width][.precision][separator]`.
#[derive(Debug, Clone, Copy, Default)]
struct Pad {
    left: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    separator: Option<u8>,
}

/// The conversions; the help of `mqkit sub` says what they print.
const LETTERS: &str = "ACDEFIJjlmPpqRrStUxX";

impl Template {
    /// Compiles a format string.
    ///
    /// # Errors
    /// What is wrong with it, and where, for the command line to quote.
    pub fn parse(format: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut chars = format.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let place = || format!("at character {}", format[..at].chars().count() + 1);
            match c {
                '\\' => {
                    let Some((_, escaped)) = chars.next() else {
                        return Err(format!("the escape {} is incomplete", place()));
                    };
                    literal.push(match escaped {
                        '\\' => b'\\',
                        '0' => 0,
                        'a' => 7,
                        'e' => 27,
                        'n' => b'\n',
                        'r' => b'\r',
                        't' => b'\t',
                        'v' => 11,
                        other => return Err(format!("there is no escape \\{other} ({})", place())),
                    });
                }
                '%' => {
                    let part = parse_field(&mut chars).map_err(|what| format!("{what} ({})", place()))?;
                    match part {
                        Part::Literal(text) => literal.extend(text),
                        other => {
                            if !literal.is_empty() {
                                parts.push(Part::Literal(std::mem::take(&mut literal)));
                            }
                            parts.push(other);
                        }
                    }
                }
                other => literal.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self {
            parts,
            zone: TimeZone::system(),
        })
    }

    /// Appends a message.
    pub fn write(&self, message: &Received<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text),
                Part::Nanoseconds => {
                    let _ = write!(out, "{:09}", message.time.subsec_nanosecond());
                }
                Part::Time(format) => self.write_time(format, message, out),
                Part::Field { letter, pad } => self.write_field(*letter, *pad, message, out),
            }
        }
    }

    fn write_time(&self, format: &str, message: &Received<'_>, out: &mut Vec<u8>) {
        let local = message.time.to_zoned(self.zone.clone());
        // Checked when the template was compiled.
        let _ = write!(out, "{}", local.strftime(format));
    }

    fn write_field(&self, letter: char, pad: Pad, message: &Received<'_>, out: &mut Vec<u8>) {
        let publish = message.publish;
        let number = |id| publish.properties.number(id);
        match letter {
            't' => pad.text(publish.topic.as_bytes(), out),
            'p' => pad.payload(&publish.payload, out),
            'j' => write_json(message, out, write_payload),
            'J' => write_json(message, out, write_parsed_payload),
            'l' => pad.number(Some(publish.payload.len() as u64), out),
            'm' => pad.number(Some(publish.packet_id.map_or(0, |id| id.get().into())), out),
            'q' => out.push(b'0' + u8::from(publish.qos)),
            'r' => out.push(b'0' + u8::from(publish.retain)),
            'x' | 'X' => pad.hex(&publish.payload, letter == 'X', out),
            'U' => {
                let time = message.time;
                let _ = write!(out, "{}.{:09}", time.as_second(), time.subsec_nanosecond());
            }
            'I' => {
                let mut text = Vec::new();
                self.write_time("%Y-%m-%dT%H:%M:%S%z", message, &mut text);
                pad.text(&text, out);
            }
            'A' => pad.number(number(PropertyId::TopicAlias).map(u64::from), out),
            'E' => pad.number(number(PropertyId::MessageExpiryInterval).map(u64::from), out),
            'F' => pad.number(number(PropertyId::PayloadFormatIndicator).map(u64::from), out),
            'S' => pad.number(number(PropertyId::SubscriptionIdentifier).map(u64::from), out),
            'C' => pad.text(
                publish
                    .properties
                    .text(PropertyId::ContentType)
                    .map_or(&[][..], |text| text.as_bytes()),
                out,
            ),
            'R' => {
                if let Some(topic) = publish.properties.text(PropertyId::ResponseTopic) {
                    pad.text(topic.as_bytes(), out);
                }
            }
            'D' => out.extend_from_slice(
                publish
                    .properties
                    .binary(PropertyId::CorrelationData)
                    .map_or(&[][..], |data| data),
            ),
            'P' => {
                for (index, (key, value)) in publish.properties.user_properties().enumerate() {
                    let _ = write!(out, "{}{key}:{value}", if index > 0 { " " } else { "" });
                }
            }
            // `LETTERS` has no other.
            _ => {}
        }
    }
}

fn parse_field(chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> Result<Part, String> {
    let left = chars.next_if(|(_, c)| *c == '-').is_some();
    let zero = chars.next_if(|(_, c)| *c == '0').is_some();
    let width = number(chars)?.unwrap_or(0);
    let mut pad = Pad {
        left,
        zero,
        width,
        ..Pad::default()
    };
    if chars.next_if(|(_, c)| *c == '.').is_some() {
        pad.precision = Some(number(chars)?.unwrap_or(0));
    }
    if let Some((_, separator)) = chars.next_if(|(_, c)| (c.is_ascii_punctuation() || *c == ' ') && !"%@".contains(*c))
    {
        pad.separator = u8::try_from(separator).ok();
    }
    let Some((_, letter)) = chars.next() else {
        return Err("the conversion is incomplete".to_owned());
    };
    match letter {
        '%' => Ok(Part::Literal(b"%".to_vec())),
        '@' => match chars.next().map(|(_, c)| c) {
            None => Err("the conversion %@ is incomplete".to_owned()),
            Some('N') => Ok(Part::Nanoseconds),
            Some('@') => Ok(Part::Literal(b"@".to_vec())),
            Some(conversion) => {
                let format = format!("%{conversion}");
                match jiff::fmt::strtime::format(&format, &jiff::Zoned::default()) {
                    Ok(_) => Ok(Part::Time(format)),
                    Err(_) => Err(format!("there is no conversion %@{conversion}")),
                }
            }
        },
        letter if LETTERS.contains(letter) => Ok(Part::Field { letter, pad }),
        other => Err(format!("there is no conversion %{other}; there are % @ {LETTERS}")),
    }
}

/// Digits, at most so many that output stays in bounds.
fn number(chars: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> Result<Option<usize>, String> {
    let mut digits = String::new();
    while let Some((_, digit)) = chars.next_if(|(_, c)| c.is_ascii_digit()) {
        digits.push(digit);
    }
    if digits.is_empty() {
        return Ok(None);
    }
    digits
        .parse()
        .ok()
        .filter(|number| *number <= 9999)
        .map(Some)
        .ok_or_else(|| format!("{digits} is more than 9999"))
}

impl Pad {
    fn fill(self, used: usize, byte: u8, out: &mut Vec<u8>) {
        out.resize(out.len() + self.width.saturating_sub(used), byte);
    }

    /// Bytes, cut to the precision, and blanks up to the width.
    fn text(self, text: &[u8], out: &mut Vec<u8>) {
        let text = self.precision.and_then(|most| text.get(..most)).unwrap_or(text);
        if !self.left {
            self.fill(text.len(), b' ', out);
        }
        out.extend_from_slice(text);
        if self.left {
            self.fill(text.len(), b' ', out);
        }
    }

    /// As Mosquitto does: the width also cuts, and zeros may fill it.
    fn payload(self, payload: &[u8], out: &mut Vec<u8>) {
        let shown = if self.width == 0 {
            payload
        } else {
            payload.get(..self.width).unwrap_or(payload)
        };
        let byte = if self.zero && !self.left { b'0' } else { b' ' };
        if !self.left {
            self.fill(shown.len(), byte, out);
        }
        out.extend_from_slice(shown);
        if self.left {
            self.fill(shown.len(), byte, out);
        }
    }

    /// A number; what is not there is as many fill characters as it would have been wide.
    fn number(self, number: Option<u64>, out: &mut Vec<u8>) {
        let text = number.map(|number| number.to_string()).unwrap_or_default();
        let byte = if self.zero && !self.left { b'0' } else { b' ' };
        if !self.left {
            self.fill(text.len(), byte, out);
        }
        out.extend_from_slice(text.as_bytes());
        if self.left {
            self.fill(text.len(), byte, out);
        }
    }

    /// Two digits a byte. The width counts columns for filling and bytes for cutting, as in Mosquitto; the precision is
    /// digits per group, the separator stands between groups.
    fn hex(self, payload: &[u8], upper: bool, out: &mut Vec<u8>) {
        let shown = if self.width == 0 {
            payload
        } else {
            payload.get(..self.width).unwrap_or(payload)
        };
        let digits: &[u8; 16] = if upper {
            b"0123456789ABCDEF"
        } else {
            b"0123456789abcdef"
        };
        let group = self.precision.filter(|digits| *digits > 0);
        let mut text = Vec::with_capacity(shown.len() * 2);
        for (index, digit) in shown.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).enumerate() {
            if let (Some(group), Some(separator)) = (group, self.separator) {
                if index > 0 && index % group == 0 {
                    text.push(separator);
                }
            }
            text.push(digits[usize::from(digit)]);
        }
        let byte = if self.zero && !self.left { b'0' } else { b' ' };
        if !self.left {
            self.fill(text.len(), byte, out);
        }
        out.extend_from_slice(&text);
        if self.left {
            self.fill(text.len(), byte, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::{publish, time};
    use super::*;
    use crate::protocol::{PropertyValue, Utf8};
    use bytes::Bytes;

    fn show(format: &str) -> String {
        let mut publish = publish(b"msg");
        for (id, value) in [
            (
                PropertyId::ContentType,
                PropertyValue::Text(Utf8::new("text/plain").unwrap()),
            ),
            (PropertyId::MessageExpiryInterval, PropertyValue::U32(60)),
            (
                PropertyId::UserProperty,
                PropertyValue::Pair(Utf8::new("k1").unwrap(), Utf8::new("v1").unwrap()),
            ),
            (
                PropertyId::UserProperty,
                PropertyValue::Pair(Utf8::new("k2").unwrap(), Utf8::new("v2").unwrap()),
            ),
            (
                PropertyId::CorrelationData,
                PropertyValue::Binary(Bytes::from_static(b"cd")),
            ),
        ] {
            publish.properties.push(id, value);
        }
        let mut out = Vec::new();
        let mut template = Template::parse(format).unwrap();
        template.zone = TimeZone::UTC;
        template.write(
            &Received {
                publish: &publish,
                time: time(),
            },
            &mut out,
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn conversions_print_what_mosquitto_sub_prints() {
        for (format, expected) in [
            ("%t %p", "a/b msg"),
            ("100%%", "100%"),
            ("%5t|%-5t|%.1t|%5.1t", "  a/b|a/b  |a|    a"),
            ("%2p|%5p|%-5p|%05p", "ms|  msg|msg  |00msg"),
            ("%l %m %q %r", "3 1 1 0"),
            ("%3l|%03l|%-3l|", "  3|003|3  |"),
            ("%x %X", "6d7367 6D7367"),
            ("%.2:x", "6d:73:67"),
            ("%10x|%-10x|", "    6d7367|6d7367    |"),
            ("%C %E %D %P", "text/plain 60 cd k1:v1 k2:v2"),
            ("[%A][%3S][%05F][%R]", "[][   ][00000][]"),
            ("%U", "1795408972.456768000"),
            ("%I", "2026-11-23T04:42:52+0000"),
            ("%@Y-%@m-%@d %@N %@@", "2026-11-23 456768000 @"),
            ("a\\tb\\n\\\\\\e\\0\\a\\r\\v", "a\tb\n\\\x1b\0\x07\r\x0b"),
            ("é%té", "éa/bé"),
        ] {
            assert_eq!(show(format), expected, "{format}");
        }
        assert!(show("%j").ends_with("\"payload\":\"msg\"}"));
    }

    #[test]
    fn json_payloads_go_in_as_they_are() {
        for (payload, expected) in [
            (
                &b"{\"x\": [1, 2.50,\n12345678901234567890]}"[..],
                "{\"x\":[1,2.50,12345678901234567890]}",
            ),
            (b"not json", "\"not json\""),
            (b"", "null"),
        ] {
            let publish = publish(payload);
            let mut out = Vec::new();
            Template::parse("%J").unwrap().write(
                &Received {
                    publish: &publish,
                    time: time(),
                },
                &mut out,
            );
            let line = String::from_utf8(out).unwrap();
            assert!(line.ends_with(&format!(",\"payload\":{expected}}}")), "{line}");
        }
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (format, part) in [
            ("%", "incomplete (at character 1)"),
            ("ab%5", "incomplete (at character 3)"),
            ("é%Z", "no conversion %Z"),
            ("\\", "escape at character 1 is incomplete"),
            ("a\\q", "no escape \\q (at character 2)"),
            ("%@", "%@ is incomplete"),
            ("%99999t", "more than 9999"),
        ] {
            let error = Template::parse(format).unwrap_err();
            assert!(error.contains(part), "{format}: {error}");
        }
    }
}
