//! One received message as one piece of output: a JSON line, the payload, or by a template. It must not know where the
//! message came from or where the output goes.

use super::json;
use super::pretty;
use super::template::Template;
use super::time;
use crate::protocol::{Properties, Publish};
use jiff::Timestamp;
use std::io::Write as _;

/// A message, and when it arrived.
pub struct Received<'a> {
    /// The message, its topic alias resolved.
    pub publish: &'a Publish,
    /// When it arrived.
    pub time: Timestamp,
}

/// How messages are printed.
#[derive(Debug, Clone)]
pub enum Format {
    /// One JSON object per message.
    Json {
        /// Whether a newline follows.
        newline: bool,
    },
    /// The same over several lines.
    PrettyJson {
        /// Whether a newline follows.
        newline: bool,
    },
    /// The payload as it is.
    Payload {
        /// Whether a newline follows.
        newline: bool,
    },
    /// Topic, a space, and the payload; `(null)` for an empty one.
    Verbose {
        /// Whether a newline follows.
        newline: bool,
    },
    /// By a format string.
    Template {
        /// The format.
        template: Template,
        /// Whether a newline follows.
        newline: bool,
    },
}

impl Format {
    /// Appends the message.
    pub fn write(&self, message: &Received<'_>, out: &mut Vec<u8>) {
        let publish = message.publish;
        let newline = match self {
            Self::Json { newline } => {
                write_json(message, out, write_payload);
                *newline
            }
            Self::PrettyJson { newline } => {
                let mut compact = Vec::new();
                write_json(message, &mut compact, write_payload);
                pretty::write(&compact, out);
                *newline
            }
            Self::Payload { newline } => {
                out.extend_from_slice(&publish.payload);
                *newline
            }
            // As Mosquitto: without a newline to end it, there is nothing to be seen of an empty message.
            Self::Verbose { newline: false } if publish.payload.is_empty() => false,
            Self::Verbose { newline } => {
                out.extend_from_slice(publish.topic.as_bytes());
                out.push(b' ');
                out.extend_from_slice(if publish.payload.is_empty() {
                    b"(null)"
                } else {
                    &publish.payload
                });
                *newline
            }
            Self::Template { template, newline } => {
                template.write(message, out);
                *newline
            }
        };
        if newline {
            out.push(b'\n');
        }
    }
}

/// The JSON object of all properties, as it stands in a message's JSON.
#[must_use]
pub fn properties_json(properties: &Properties) -> String {
    let mut out = Vec::new();
    json::properties(properties, false, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// The object of `sub`'s default output and of `%j`; `payload` writes the last member.
pub(super) fn write_json(message: &Received<'_>, out: &mut Vec<u8>, payload: impl FnOnce(&[u8], &mut Vec<u8>)) {
    let publish = message.publish;
    out.extend_from_slice(b"{\"tst\":\"");
    // Microseconds, as `mosquitto_sub` prints them.
    let micros = u32::try_from(message.time.subsec_microsecond()).unwrap_or_default();
    time::rfc3339(message.time.as_second(), micros * 1000, out);
    out.push(b'"');
    json::key("topic", out);
    json::string(&publish.topic, out);
    json::key("qos", out);
    json::number(u8::from(publish.qos).into(), out);
    json::key("retain", out);
    out.extend_from_slice(if publish.retain { b"true" } else { b"false" });
    json::key("payloadlen", out);
    json::number(publish.payload.len() as u64, out);
    if let Some(packet_id) = publish.packet_id {
        json::key("mid", out);
        json::number(packet_id.get().into(), out);
    }
    if !publish.properties.is_empty() {
        json::key("properties", out);
        json::properties(&publish.properties, false, out);
    }
    payload(&publish.payload, out);
    out.push(b'}');
}

/// `,"payload":…`: text, `null` when empty, `payload_base64` when it is not UTF-8.
pub(super) fn write_payload(payload: &[u8], out: &mut Vec<u8>) {
    if payload.is_empty() {
        out.extend_from_slice(b",\"payload\":null");
    } else {
        json::bytes("payload", payload, out);
    }
}

/// As [`write_payload`], but JSON goes in as JSON, on one line.
pub(super) fn write_parsed_payload(payload: &[u8], out: &mut Vec<u8>) {
    match serde_json::from_slice::<serde_json::Value>(payload) {
        Ok(value) => {
            json::key("payload", out);
            let _ = write!(out, "{value}");
        }
        Err(_) => write_payload(payload, out),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::protocol::{PacketId, PropertyId, PropertyValue, QoS, Utf8};
    use bytes::Bytes;
    use proptest::prelude::*;

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
        Format::Json { newline: true }.write(&Received { publish, time: time() }, &mut out);
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

    #[test]
    fn payload_and_verbose_are_mosquittos() {
        let write = |format: Format, payload: &[u8]| {
            let mut out = Vec::new();
            format.write(
                &Received {
                    publish: &publish(payload),
                    time: time(),
                },
                &mut out,
            );
            out
        };
        assert_eq!(write(Format::Payload { newline: true }, b"x\xff"), b"x\xff\n");
        assert_eq!(write(Format::Payload { newline: false }, b"x"), b"x");
        assert_eq!(write(Format::Verbose { newline: true }, b"x"), b"a/b x\n");
        assert_eq!(write(Format::Verbose { newline: true }, b""), b"a/b (null)\n");
        assert_eq!(write(Format::Verbose { newline: false }, b""), b"");
    }
}
