//! The format strings of `-F`, compiled once. It must not know where the output goes.

use super::escape;
use super::pad::Pad;
use super::pretty;
use super::received::{Received, write_json, write_parsed_payload, write_payload};
use crate::protocol::PropertyId;
use jiff::tz::TimeZone;
use std::io::Write as _;
use std::iter::{Peekable, Zip};
use std::ops::RangeFrom;
use std::str::{Chars, FromStr};

/// A compiled format string.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<Part>,
    zone: TimeZone,
    /// JSON objects over several lines.
    pretty: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(Vec<u8>),
    Field {
        letter: char,
        pad: Pad,
    },
    /// `@X`: strftime's conversion X, in local time.
    Time(String),
    Nanoseconds,
}

/// The conversions; the help of `mqkit sub` says what they print.
const LETTERS: &str = "ACDdEFfIJjlmPpqRrStUxX";

/// The characters of a format with their places, from 1.
type Characters<'f> = Peekable<Zip<RangeFrom<usize>, Chars<'f>>>;

impl FromStr for Template {
    type Err = String;

    /// Compiles a format string; what is wrong with it, and where, is for the command line to quote.
    fn from_str(format: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut chars: Characters<'_> = (1..).zip(format.chars()).peekable();
        while let Some((at, c)) = chars.next() {
            let place = || format!("at character {at}");
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
                    push(part, &mut parts, &mut literal);
                }
                '@' => {
                    let part = parse_time(&mut chars).map_err(|what| format!("{what} ({})", place()))?;
                    push(part, &mut parts, &mut literal);
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
            pretty: false,
        })
    }
}

impl Template {
    /// Prints the JSON objects of `%j` and `%J` over several lines.
    #[must_use]
    pub fn pretty(self, pretty: bool) -> Self {
        Self { pretty, ..self }
    }

    /// The size in bytes that the payload must have for `%f` or `%d`, when it has another: they print nothing then.
    #[must_use]
    pub fn wanted_size(&self, payload: &[u8]) -> Option<usize> {
        let sizes = self.parts.iter().filter_map(|part| match part {
            Part::Field { letter: 'f', .. } => Some(4),
            Part::Field { letter: 'd', .. } => Some(8),
            _ => None,
        });
        sizes.into_iter().find(|size| *size != payload.len())
    }

    /// Appends a message; on a terminal, what others wrote is escaped, and what the format itself says is not.
    pub fn write(&self, message: &Received<'_>, terminal: bool, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text),
                Part::Nanoseconds => {
                    let _ = write!(out, "{:09}", message.time.subsec_nanosecond());
                }
                Part::Time(format) => self.write_time(format, message, out),
                Part::Field { letter, pad } if terminal => {
                    let mut raw = Vec::new();
                    self.write_field(*letter, *pad, message, &mut raw);
                    escape_field(*letter, &raw, out);
                }
                Part::Field { letter, pad } => self.write_field(*letter, *pad, message, out),
            }
        }
    }

    fn write_json(&self, letter: char, message: &Received<'_>, out: &mut Vec<u8>) {
        let payload = if letter == 'J' {
            write_parsed_payload
        } else {
            write_payload
        };
        if self.pretty {
            let mut compact = Vec::new();
            write_json(message, &mut compact, payload);
            pretty::write(&compact, out);
        } else {
            write_json(message, out, payload);
        }
    }

    fn write_time(&self, format: &str, message: &Received<'_>, out: &mut Vec<u8>) {
        let local = message.time.to_zoned(self.zone.clone());
        // Checked when the template was compiled.
        let _ = write!(out, "{}", local.strftime(format));
    }

    fn write_field(&self, letter: char, pad: Pad, message: &Received<'_>, out: &mut Vec<u8>) {
        let publish = message.publish;
        let property = |id, out: &mut Vec<u8>| match publish.properties.number(id) {
            // As Mosquitto prints it, in 32 bits with a sign.
            Some(number) => pad.number(i32::from_ne_bytes(number.to_ne_bytes()).into(), out),
            None => pad.blank(out),
        };
        let payload = &publish.payload[..];
        match letter {
            't' => pad.text(publish.topic.as_bytes(), out),
            'p' => pad.payload(payload, out),
            'j' | 'J' => self.write_json(letter, message, out),
            'f' => {
                if let Ok(bytes) = payload.try_into() {
                    pad.float(f32::from_le_bytes(bytes).into(), out);
                }
            }
            'd' => {
                if let Ok(bytes) = payload.try_into() {
                    pad.float(f64::from_le_bytes(bytes), out);
                }
            }
            // A packet has less than 256 MiB.
            'l' => pad.number(i64::try_from(payload.len()).unwrap_or(i64::MAX), out),
            'm' => pad.number(publish.packet_id.map_or(0, |id| id.get().into()), out),
            'q' => out.push(b'0' + u8::from(publish.qos)),
            'r' => out.push(b'0' + u8::from(publish.retain)),
            'x' | 'X' => pad.hex(payload, letter == 'X', out),
            'U' => {
                let time = message.time;
                let _ = write!(out, "{}.{:09}", time.as_second(), time.subsec_nanosecond());
            }
            'I' => {
                let mut text = Vec::new();
                self.write_time("%Y-%m-%dT%H:%M:%S%z", message, &mut text);
                pad.text(&text, out);
            }
            'A' => property(PropertyId::TopicAlias, out),
            'E' => property(PropertyId::MessageExpiryInterval, out),
            'F' => property(PropertyId::PayloadFormatIndicator, out),
            'S' => property(PropertyId::SubscriptionIdentifier, out),
            'C' => {
                let text = publish.properties.text(PropertyId::ContentType);
                pad.text(text.unwrap_or_default().as_bytes(), out);
            }
            'R' => {
                if let Some(topic) = publish.properties.text(PropertyId::ResponseTopic) {
                    pad.text(topic.as_bytes(), out);
                }
            }
            'D' => {
                let data = publish.properties.binary(PropertyId::CorrelationData);
                out.extend_from_slice(&data.unwrap_or_default());
            }
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

fn escape_field(letter: char, raw: &[u8], out: &mut Vec<u8>) {
    match (letter, std::str::from_utf8(raw)) {
        ('j' | 'J', Ok(json)) => {
            let mut shown = String::with_capacity(json.len());
            escape::json(json, &mut shown);
            out.extend_from_slice(shown.as_bytes());
        }
        ('p', _) => escape::bytes(raw, "\n\t", out),
        _ => escape::bytes(raw, "", out),
    }
}

/// Adds a part; what is literal goes together.
fn push(part: Part, parts: &mut Vec<Part>, literal: &mut Vec<u8>) {
    match part {
        Part::Literal(text) => literal.extend(text),
        other => {
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(literal)));
            }
            parts.push(other);
        }
    }
}

/// What follows `%`.
fn parse_field(chars: &mut Characters<'_>) -> Result<Part, String> {
    // `%@X` is `@X`: without a precision the separator would do nothing.
    if chars.next_if(|(_, c)| *c == '@').is_some() {
        return parse_time(chars);
    }
    let mut pad = Pad {
        left: chars.next_if(|(_, c)| *c == '-').is_some(),
        zero: chars.next_if(|(_, c)| *c == '0').is_some(),
        width: number(chars)?.unwrap_or(0),
        precision: None,
        separator: b' ',
    };
    if chars.next_if(|(_, c)| *c == '.').is_some() {
        pad.precision = Some(number(chars)?.unwrap_or(0));
    }
    if let Some((_, separator)) = chars.next_if(|(_, c)| (c.is_ascii_punctuation() || *c == ' ') && *c != '%') {
        pad.separator = u8::try_from(separator).unwrap_or(b' ');
    }
    let Some((_, letter)) = chars.next() else {
        return Err("the conversion is incomplete".to_owned());
    };
    match letter {
        '%' => Ok(Part::Literal(b"%".to_vec())),
        letter if LETTERS.contains(letter) => Ok(Part::Field { letter, pad }),
        other => Err(format!("there is no conversion %{other}; there are % @ {LETTERS}")),
    }
}

/// What follows `@`.
fn parse_time(chars: &mut Characters<'_>) -> Result<Part, String> {
    match chars.next().map(|(_, c)| c) {
        None => Err("the conversion @ is incomplete".to_owned()),
        Some('N') => Ok(Part::Nanoseconds),
        Some('@') => Ok(Part::Literal(b"@".to_vec())),
        Some(conversion) => {
            let format = format!("%{conversion}");
            match jiff::fmt::strtime::format(&format, &jiff::Zoned::default()) {
                Ok(_) => Ok(Part::Time(format)),
                Err(_) => Err(format!("there is no conversion @{conversion}; @@ is the character")),
            }
        }
    }
}

/// Digits, at most so many that output stays in bounds.
fn number(chars: &mut Characters<'_>) -> Result<Option<usize>, String> {
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

#[cfg(test)]
mod tests {
    use super::super::message::tests::{publish, time};
    use super::*;
    use crate::protocol::{PropertyValue, Publish, Utf8};
    use bytes::Bytes;

    fn show(format: &str) -> String {
        show_bytes(format, b"msg")
    }

    fn show_bytes(format: &str, payload: &[u8]) -> String {
        let mut publish = publish(payload);
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
        write(format, &publish)
    }

    fn write(format: &str, publish: &Publish) -> String {
        let mut out = Vec::new();
        let mut template = Template::from_str(format).unwrap();
        template.zone = TimeZone::UTC;
        let message = Received { publish, time: time() };
        template.write(&message, false, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Checked against mosquitto_sub 2.0.11 and, where it does more, against mosquitto.md.
    #[test]
    fn conversions_print_what_mosquitto_sub_prints() {
        for (format, expected) in [
            ("%t %p", "a/b msg"),
            ("100%% %3% %-05.2:%", "100% % %"),
            (
                "%5t|%-5t|%.1t|%5.1t|%-5.1t|%05t|%1t",
                "  a/b|a/b  |a|    a|a    |  a/b|a/b",
            ),
            (
                "%2p|%5p|%-5p|%05p|%-05p|%.2p|%5.2p",
                "ms|  msg|msg  |00msg|msg  |msg|  msg",
            ),
            ("%l %m %q %r", "3 1 1 0"),
            ("%3l|%03l|%-3l|%-03l|%.5l|", "  3|003|3  |3  |3|"),
            ("%3m|%03m|%-3m|%3q|%03r|", "  1|001|1  |1|0|"),
            ("%x %X", "6d7367 6D7367"),
            (
                "%.2:x|%.2x|%.4-X|%.1:x|%.0:x|%:x",
                "6d:73:67|6d 73 67|6D73-67|6:d:7:3:6:7|6d7367|6d7367",
            ),
            (
                "%10x|%-10x|%010x|%-010x|",
                "    6d7367|6d7367    |00006d7367|6d7367    |",
            ),
            (
                "%10.2:x|%-10.2:x|%010.4 x|",
                "  :  :6d:73:67|6d:73:67    |0000 6d73 67|",
            ),
            ("%2x|%2.2/x|%1X", "6d73|6d/73|6D"),
            (
                "%C|%12C|%-12C|%.4C|%6.2C|%012C|",
                "text/plain|  text/plain|text/plain  |text|    te|  text/plain|",
            ),
            ("%E|%4E|%04E|%-4E|", "60|  60|0060|60  |"),
            ("%D %5D %P %20P", "cd cd k1:v1 k2:v2 k1:v1 k2:v2"),
            ("[%A][%3S][%05F][%-03A][%R][%5R]", "[][   ][00000][000][][]"),
            ("%U", "1795408972.456768000"),
            (
                "%I|%26I|%-26I|%.10I",
                "2026-11-23T04:42:52+0000|  2026-11-23T04:42:52+0000|2026-11-23T04:42:52+0000  |2026-11-23",
            ),
            ("%@Y-%@m-%@d %@N %@@", "2026-11-23 456768000 @"),
            ("@Y-@m-@dT@H:@M:@S.@N @@ a@@b", "2026-11-23T04:42:52.456768000 @ a@b"),
            ("a\\tb\\n\\\\\\e\\0\\a\\r\\v", "a\tb\n\\\x1b\0\x07\r\x0b"),
            ("é%té", "éa/bé"),
        ] {
            assert_eq!(show(format), expected, "{format}");
        }
        for separator in "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~ ".chars() {
            let format = format!("%.2{separator}x");
            assert_eq!(show(&format), format!("6d{separator}73{separator}67"), "{format}");
        }
        assert!(show("%j").ends_with("\"payload\":\"msg\"}"));
    }

    #[test]
    fn payloads_print_as_floating_point_numbers() {
        for (format, value, expected) in [
            ("%d", 21.5, "21.500000"),
            (
                "%.2d|%10.2d|%-10.2d|%010.2d|",
                -21.456,
                "-21.46|    -21.46|-21.46    |-000021.46|",
            ),
            ("%.0d|%3d|%05.0d", 2.5, "2|2.500000|00002"),
            ("%d|%6d|%06d", f64::NAN, "nan|   nan|   nan"),
            ("%d|%6d|%06d|%-6d|", f64::NEG_INFINITY, "-inf|  -inf|  -inf|-inf  |"),
            ("%d", 1e22, "10000000000000000000000.000000"),
            ("%f", 1.0, ""),
        ] {
            assert_eq!(show_bytes(format, &value.to_le_bytes()), expected, "{format} {value}");
        }
        for (format, value, expected) in [
            ("%f", 0.1_f32, "0.100000"),
            (
                "%.9f|%8.1f|%-8.1f|%08.1f",
                0.1,
                "0.100000001|     0.1|0.1     |000000.1",
            ),
            ("[%d%5d]", 0.1, "[]"),
        ] {
            assert_eq!(show_bytes(format, &value.to_le_bytes()), expected, "{format} {value}");
        }
        let wanted = |format, payload: &[u8]| Template::from_str(format).unwrap().wanted_size(payload);
        assert_eq!(wanted("%t %f", b"123"), Some(4));
        assert_eq!(wanted("%d", b"1234"), Some(8));
        assert_eq!(wanted("%f %p", b"1234"), None);
    }

    #[test]
    fn properties_print_with_and_without_a_value() {
        let mut publish = publish(b"");
        for (id, value) in [
            (PropertyId::TopicAlias, PropertyValue::U16(7)),
            (PropertyId::PayloadFormatIndicator, PropertyValue::Byte(1)),
            (PropertyId::MessageExpiryInterval, PropertyValue::U32(u32::MAX)),
            (PropertyId::SubscriptionIdentifier, PropertyValue::Varint(5)),
            (PropertyId::SubscriptionIdentifier, PropertyValue::Varint(6)),
            (
                PropertyId::ResponseTopic,
                PropertyValue::Text(Utf8::new("r/t").unwrap()),
            ),
        ] {
            publish.properties.push(id, value);
        }
        publish.retain = true;
        publish.packet_id = None;
        for (format, expected) in [
            ("%A|%3A|%03A|%-3A|", "7|  7|007|7  |"),
            ("%F %3F %S %03S %r %m %l", "1   1 5 005 1 0 0"),
            // In 32 bits with a sign, as there.
            ("%E|%04E|%-4E|", "-1|-001|-1  |"),
            ("%R|%5R|%-5R|%.1R|%05R", "r/t|  r/t|r/t  |r|  r/t"),
            (
                "[%C][%3C][%03C][%D][%P][%p][%2p][%x][%4x]",
                "[][   ][   ][][][][  ][][    ]",
            ),
        ] {
            assert_eq!(write(format, &publish), expected, "{format}");
        }
    }

    #[test]
    fn pretty_objects_have_several_lines() {
        let mut out = Vec::new();
        let message = Received {
            publish: &publish(b"{\"x\":[1,2]}"),
            time: time(),
        };
        let template = Template::from_str("%J").unwrap().pretty(true);
        template.write(&message, false, &mut out);
        let expected = "{\n\t\"tst\":\t\"2026-11-23T04:42:52.456768Z\",\n\t\"topic\":\t\"a/b\",\n\t\"qos\":\t1,\n\
                        \t\"retain\":\tfalse,\n\t\"payloadlen\":\t11,\n\t\"mid\":\t1,\n\
                        \t\"payload\":\t{\n\t\t\"x\":\t[1, 2]\n\t}\n}";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
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
            Template::from_str("%J").unwrap().write(
                &Received {
                    publish: &publish,
                    time: time(),
                },
                false,
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
            ("%@", "@ is incomplete"),
            ("a@", "@ is incomplete (at character 2)"),
            ("%99999t", "more than 9999"),
        ] {
            let error = Template::from_str(format).unwrap_err();
            assert!(error.contains(part), "{format}: {error}");
        }
    }
}
