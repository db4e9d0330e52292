//! One received message as one piece of output: for a person, a JSON line, the payload, or by a template. It must not know
//! where the message came from or where the output goes.

use super::escape;
use super::json_text;
use super::pretty;
use super::received::{Received, write_json, write_payload};
use super::style::Style;
use super::template::Template;
use super::view;
use jiff::tz::TimeZone;

/// How messages are printed.
#[derive(Debug, Clone)]
pub struct Format {
    /// What is printed of a message.
    pub shape: Shape,
    /// Whether a newline follows.
    pub newline: bool,
    /// Whether what others wrote is made harmless for a terminal; else it goes out byte by byte.
    pub terminal: bool,
    /// Whether [`Shape::View`] and the JSON shapes have colours; the others have none.
    pub colour: bool,
}

/// What is printed of a message.
#[derive(Debug, Clone)]
pub enum Shape {
    /// For a person: time in this zone, topic, flags, payload, properties. Harmless to a terminal in any case.
    View(TimeZone),
    /// One JSON object per message.
    Json,
    /// The same over several lines.
    PrettyJson,
    /// The payload as it is.
    Payload,
    /// The payload as it is, and nothing at all for an empty one, as in `mosquitto_sub`.
    NonEmptyPayload,
    /// Topic, a space, and the payload; `(null)` for an empty one.
    Verbose,
    /// By a format string.
    Template(Template),
}

/// What stays of the control characters of a payload that is shown as it is.
const LINES: &str = "\n\t";

impl Format {
    /// The shape with a newline behind each message, without colours, for a pipe or a file.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            newline: true,
            terminal: false,
            colour: false,
        }
    }

    /// Appends the message.
    pub fn write(&self, message: &Received<'_>, out: &mut Vec<u8>) {
        let publish = message.publish;
        match &self.shape {
            Shape::View(zone) => {
                let mut text = String::new();
                view::write(publish, message.time, zone, Style { colour: self.colour }, &mut text);
                out.extend_from_slice(text.as_bytes());
            }
            Shape::Json if !self.terminal && !self.colour => write_json(message, out, write_payload),
            Shape::Json => {
                let mut line = Vec::new();
                write_json(message, &mut line, write_payload);
                self.paint(&line, out);
            }
            Shape::PrettyJson => {
                let (mut compact, mut lines) = (Vec::new(), Vec::new());
                write_json(message, &mut compact, write_payload);
                pretty::write(&compact, &mut lines);
                self.paint(&lines, out);
            }
            Shape::NonEmptyPayload if publish.payload.is_empty() => return,
            Shape::Payload | Shape::NonEmptyPayload => self.put(&publish.payload, LINES, out),
            // As Mosquitto: without a newline to end it, there is nothing to be seen of an empty message.
            Shape::Verbose if publish.payload.is_empty() && !self.newline => {}
            Shape::Verbose => {
                self.put(publish.topic.as_bytes(), "", out);
                out.push(b' ');
                match &*publish.payload {
                    b"" => out.extend_from_slice(b"(null)"),
                    payload => self.put(payload, LINES, out),
                }
            }
            Shape::Template(template) => template.write(message, self.terminal, out),
        }
        if self.newline {
            out.push(b'\n');
        }
    }

    /// The size in bytes that the payload must have for `%f` or `%d` of a template, when it has another: they print
    /// nothing then.
    #[must_use]
    pub fn wanted_size(&self, payload: &[u8]) -> Option<usize> {
        match &self.shape {
            Shape::Template(template) => template.wanted_size(payload),
            _ => None,
        }
    }

    /// What others wrote.
    fn put(&self, bytes: &[u8], keep: &str, out: &mut Vec<u8>) {
        if self.terminal {
            escape::bytes(bytes, keep, out);
        } else {
            out.extend_from_slice(bytes);
        }
    }

    fn paint(&self, json: &[u8], out: &mut Vec<u8>) {
        if self.terminal || self.colour {
            json_text::write(json, self.colour, out);
        } else {
            out.extend_from_slice(json);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::protocol::{PacketId, Properties, PropertyId, PropertyValue, Publish, QoS, Utf8};
    use bytes::Bytes;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use std::str::FromStr;

    pub(crate) fn publish(payload: &[u8]) -> Publish {
        Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: Utf8::new("a/b").unwrap(),
            packet_id: PacketId::new(1),
            properties: Properties::new(),
            payload: Bytes::copy_from_slice(payload),
        }
    }

    pub(crate) fn time() -> Timestamp {
        "2026-11-23T04:42:52.456768Z".parse().unwrap()
    }

    fn json(publish: &Publish) -> String {
        let mut out = Vec::new();
        Format::new(Shape::Json).write(&Received { publish, time: time() }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_line_of_the_contract_comes_out() {
        let mut message = publish(b"21.5");
        for (id, value) in [
            (
                PropertyId::ContentType,
                PropertyValue::Text(Utf8::new("application/json").unwrap()),
            ),
            (
                PropertyId::UserProperty,
                PropertyValue::Pair(Utf8::new("k").unwrap(), Utf8::new("v").unwrap()),
            ),
            (PropertyId::ResponseTopic, PropertyValue::Text(Utf8::new("r").unwrap())),
            (
                PropertyId::UserProperty,
                PropertyValue::Pair(Utf8::new("k").unwrap(), Utf8::new("w").unwrap()),
            ),
            (
                PropertyId::CorrelationData,
                PropertyValue::Binary(Bytes::from_static(b"abc")),
            ),
            (PropertyId::SubscriptionIdentifier, PropertyValue::Varint(5)),
            (PropertyId::SubscriptionIdentifier, PropertyValue::Varint(6)),
        ] {
            message.properties.push(id, value);
        }
        assert_eq!(
            json(&message),
            "{\"tst\":\"2026-11-23T04:42:52.456768Z\",\"topic\":\"a/b\",\"qos\":1,\"retain\":false,\"payloadlen\":4,\
             \"mid\":1,\"properties\":{\"content-type\":\"application/json\",\"user-properties\":[{\"k\":\"v\"},\
             {\"k\":\"w\"}],\"response-topic\":\"r\",\"correlation-data\":\"abc\",\"subscription-identifier\":[5,6]},\
             \"payload\":\"21.5\"}\n"
        );
    }

    #[test]
    fn other_payloads_stay_valid_json() {
        assert!(json(&publish(b"")).ends_with(",\"payload\":null}\n"));
        assert!(json(&publish(b"\xff\0")).ends_with(",\"payload_base64\":\"/wA=\"}\n"));
        let mut message = publish(b"x");
        message.properties.push(
            PropertyId::CorrelationData,
            PropertyValue::Binary(Bytes::from_static(b"\xff")),
        );
        assert!(json(&message).contains("{\"correlation-data_base64\":\"/w==\"}"));
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_a_json_parser(text in any::<String>(), topic in "[^\0+#]{1,20}") {
            let mut message = publish(text.as_bytes());
            message.topic = Utf8::new(topic.clone()).unwrap();
            let line = json(&message);
            prop_assert_eq!(line.matches('\n').count(), 1);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(value["payload"].as_str().unwrap_or_default(), text);
            prop_assert_eq!(value["topic"].as_str(), Some(topic.as_str()));
        }
    }

    proptest! {
        #[test]
        fn no_shape_lets_control_characters_through(
            payload in prop_oneof![any::<Vec<u8>>(), any::<String>().prop_map(String::into_bytes)],
            text in "[^+#\0]{1,20}",
        ) {
            let mut message = publish(&payload);
            message.topic = Utf8::new(text.clone()).unwrap();
            message.properties.push(
                PropertyId::CorrelationData,
                PropertyValue::Binary(payload.into()),
            );
            message.properties.push(
                PropertyId::UserProperty,
                PropertyValue::Pair(Utf8::new(text.clone()).unwrap(), Utf8::new(text).unwrap()),
            );
            for shape in [
                Shape::View(TimeZone::UTC),
                Shape::Json,
                Shape::PrettyJson,
                Shape::Payload,
                Shape::Verbose,
                Shape::Template(Template::from_str("%t %5t %p %3p %D %P %j %J %.2-x").unwrap()),
            ] {
                let format = Format {
                    terminal: true,
                    ..Format::new(shape)
                };
                let mut out = Vec::new();
                format.write(&Received { publish: &message, time: time() }, &mut out);
                let shown = String::from_utf8(out).unwrap();
                let control = shown.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
                prop_assert_eq!(control, None, "{:?}: {:?}", format.shape, shown);
            }
        }
    }

    fn write(format: &Format, publish: &Publish) -> String {
        let mut out = Vec::new();
        format.write(&Received { publish, time: time() }, &mut out);
        // Bytes as they are are compared as characters.
        out.iter().map(|byte| char::from(*byte)).collect()
    }

    #[test]
    fn payload_and_verbose_are_mosquittos() {
        for (shape, newline, payload, expected) in [
            (Shape::Payload, true, &b"x\xff"[..], "x\u{ff}\n"),
            (Shape::Payload, false, b"x", "x"),
            (Shape::Verbose, true, b"x", "a/b x\n"),
            (Shape::Verbose, true, b"", "a/b (null)\n"),
            (Shape::Verbose, false, b"", ""),
            (Shape::NonEmptyPayload, true, b"", ""),
            (Shape::NonEmptyPayload, true, b"x", "x\n"),
        ] {
            let format = Format {
                newline,
                ..Format::new(shape)
            };
            assert_eq!(write(&format, &publish(payload)), expected);
        }
    }

    #[test]
    fn a_terminal_gets_no_control_characters_of_others() {
        let mut message = publish(b"\x1b]0;p\x07\r\n\t\x9b2J");
        message.topic = Utf8::new("t\x1b[2J\n").unwrap();
        message.properties.push(
            PropertyId::UserProperty,
            PropertyValue::Pair(Utf8::new("k\x07").unwrap(), Utf8::new("v\u{9b}").unwrap()),
        );
        let payload = "\\x1b]0;p\\x07\\r\n\t\\x9b2J";
        for (shape, expected) in [
            (Shape::Payload, format!("{payload}\n")),
            (Shape::NonEmptyPayload, format!("{payload}\n")),
            (Shape::Verbose, format!("t\\x1b[2J\\n {payload}\n")),
            // What the user typed is meant.
            (
                Shape::Template(Template::from_str("\\e[1m%t\\e[0m %p\\a%P\\0").unwrap()),
                format!("\x1b[1mt\\x1b[2J\\n\x1b[0m {payload}\x07k\\x07:v\\u{{9b}}\0\n"),
            ),
        ] {
            let format = Format {
                terminal: true,
                ..Format::new(shape)
            };
            assert_eq!(write(&format, &message), expected);
            // Elsewhere they are as they were.
            let format = Format {
                terminal: false,
                ..format
            };
            assert!(
                write(&format, &message).contains("\x1b]0;p\x07\r\n\t\u{9b}2J"),
                "{:?}",
                format.shape
            );
        }
    }

    #[test]
    fn json_on_a_terminal_says_the_same() {
        let mut message = publish("\u{9b}2J\u{202e}\x1b".as_bytes());
        message.topic = Utf8::new("t\u{7f}").unwrap();
        for shape in [
            Shape::Json,
            Shape::PrettyJson,
            Shape::Template(Template::from_str("%j").unwrap()),
            Shape::Template(Template::from_str("%J").unwrap().pretty(true)),
        ] {
            let plain = Format::new(shape);
            let shown = Format {
                terminal: true,
                ..plain.clone()
            };
            let (shown, plain) = (write(&shown, &message), {
                let mut out = Vec::new();
                plain.write(
                    &Received {
                        publish: &message,
                        time: time(),
                    },
                    &mut out,
                );
                String::from_utf8(out).unwrap()
            });
            assert!(
                shown.contains("\\u009b2J\\u202e\\u001b") && shown.contains("t\\u007f"),
                "{shown}"
            );
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(value(&shown), value(&plain));
            assert_eq!(shown.lines().count(), plain.lines().count());
        }
    }

    #[test]
    fn json_has_colours_when_they_are_asked_for() {
        let format = Format {
            colour: true,
            ..Format::new(Shape::Json)
        };
        let line = write(&format, &publish(b"21.5"));
        assert!(line.starts_with("{\x1b[1;34m\"tst\"\x1b[0m:\x1b[32m\"2026-"), "{line}");
        assert!(line.ends_with("\x1b[32m\"21.5\"\x1b[0m}\n"), "{line}");
    }
}
