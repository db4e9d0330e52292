//! A JSON line to a message that is to be published. It must not know where the line comes from or what a client is.
//!
//! The lines are those of `mqkit sub`, of `mosquitto_sub -F %j` and `%J`, those of a PUBLISH in `mqkit decode --json`,
//! and lines by hand: `{"topic":"a/b","payload":"x"}`. What a message brought from its connection (packet identifier,
//! DUP, topic alias, subscription identifiers) is read and left out, as it means nothing on another one.

use super::Problem;
use crate::json::{self, Key, Object, key, keys};
use crate::protocol::property::Place;
use crate::protocol::{PacketType, Properties, PropertyId, QoS, Utf8, Version, topic};
use bytes::Bytes;
use jiff::Timestamp;
use std::time::Duration;

/// What a line says of a message. `None` where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// A topic name.
    pub topic: Option<Utf8>,
    /// Quality of service.
    pub qos: Option<QoS>,
    /// To be retained by the broker.
    pub retain: Option<bool>,
    /// The properties, each fit for a PUBLISH from a client.
    pub properties: Properties,
    /// The payload.
    pub payload: Bytes,
    /// When it was recorded, as the line spells it.
    pub recorded: Option<String>,
}

/// Of a PUBLISH, but about its packet and not about the message.
const ABOUT_THE_PACKET: &[Key] = &[keys::VERSION, keys::RAW, keys::MID, key!(packet_id), key!(dup)];

impl Message {
    /// The message of one line.
    ///
    /// # Errors
    /// The line is no message.
    pub fn parse(line: &[u8]) -> Result<Self, Problem> {
        let mut object = Object::parse(line, Version::V5)?;
        if let Some(kind) = object.get::<String>(keys::TYPE)? {
            if !kind.eq_ignore_ascii_case(PacketType::Publish.name()) {
                return Err(Problem::value(
                    keys::TYPE,
                    format!("is {kind}; only a PUBLISH is a message"),
                ));
            }
        }
        let topic = topic_name(&mut object)?;
        let message = Self {
            topic,
            qos: match object.mentions(key!(qos)) {
                true => Some(object.get(key!(qos))?.unwrap_or_default()),
                false => None,
            },
            retain: object.get(key!(retain))?,
            payload: object.payload()?,
            properties: publishable(json::read_properties(key!(properties), &mut object)?.unwrap_or_default())?,
            recorded: match object.get(keys::TST)? {
                None => object.get(keys::TIME)?,
                recorded => recorded,
            },
        };
        object.finish("a message", &[keys::INFORMATION, ABOUT_THE_PACKET].concat())?;
        Ok(message)
    }

    /// When it was recorded, since 1970.
    ///
    /// # Errors
    /// The line does not say so, or in no way that is known.
    pub fn recorded_at(&self) -> Result<Duration, Problem> {
        let Some(text) = &self.recorded else {
            return Err(Problem::Missing("tst".to_owned()));
        };
        // `…Z+0000` is what mosquitto_sub 2.0 prints.
        let time = text.strip_suffix("Z+0000").map(|time| format!("{time}Z"));
        let time: Option<Timestamp> = time.as_deref().unwrap_or(text).parse().ok();
        time.and_then(|time| Duration::try_from(time.as_duration()).ok())
            .ok_or_else(|| Problem::value("tst", "must be a time such as 2026-11-23T04:42:52.456768Z"))
    }
}

/// That of the line; in captures, that for which an alias stood.
fn topic_name(object: &mut Object) -> Result<Option<Utf8>, Problem> {
    let (own, aliased) = (object.get::<Utf8>(key!(topic))?, object.get(keys::TOPIC_FROM_ALIAS)?);
    let Some(name) = own.filter(|own| !own.is_empty() || aliased.is_none()).or(aliased) else {
        return Ok(None);
    };
    match topic::check_name(&name) {
        Ok(()) => Ok(Some(name)),
        Err(error) => Err(Problem::value("topic", error.to_string())),
    }
}

fn publishable(mut properties: Properties) -> Result<Properties, Problem> {
    properties.remove(PropertyId::TopicAlias);
    properties.remove(PropertyId::SubscriptionIdentifier);
    properties.check(Place::Packet(PacketType::Publish))?;
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Message {
        Message::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[test]
    fn a_line_says_what_it_says_and_no_more() {
        let message = parse(r#"{"payload":"x"}"#);
        assert_eq!(
            message,
            Message {
                topic: None,
                qos: None,
                retain: None,
                properties: Properties::new(),
                payload: Bytes::from_static(b"x"),
                recorded: None
            }
        );
        let message = parse(r#"{"topic":"a","qos":2,"retain":false,"payload_base64":"/w=="}"#);
        assert_eq!(message.topic.unwrap().as_str(), "a");
        assert_eq!((message.qos, message.retain), (Some(QoS::ExactlyOnce), Some(false)));
        assert_eq!(message.payload[..], [0xff]);
    }

    #[test]
    fn payloads_are_text_bytes_nothing_or_json() {
        for (payload, bytes) in [
            (r#""payload":"é\n""#, "é\n"),
            (r#""payload":"""#, ""),
            (r#""payload":null"#, ""),
            (r#""payload":21.50"#, "21.50"),
            (r#""payload":true"#, "true"),
            (
                r#""payload":{"b": [1, 12345678901234567890], "a": null}"#,
                r#"{"b":[1,12345678901234567890],"a":null}"#,
            ),
        ] {
            assert_eq!(parse(&format!("{{{payload}}}")).payload, bytes, "{payload}");
        }
    }

    #[test]
    fn lines_of_mosquitto_sub_and_of_decode_are_accepted() {
        for line in [
            r#"{"tst":"2026-11-23T04:11:59.061681+0000","topic":"a/b","qos":1,"retain":0,"payloadlen":3,"mid":1,"properties":{"payload-format-indicator":1,"content-type":"text/plain","response-topic":"r/t","correlation-data":"cd","user-properties":[{"k1":"v1"},{"k1":"v2"}],"message-expiry-interval":3600,"topic-alias":1,"subscription-identifier":[56,57]},"payload":"msg"}"#,
            r#"{"type":"PUBLISH","version":"5.0","time":"2026-11-23T04:11:59.061681Z","connection":1,"direction":"c2s","src":"10.0.0.1:1","dst":"10.0.0.2:1883","frame":7,"size":20,"flags":3,"topic":"","topic_from_alias":"a/b","qos":1,"retain":true,"dup":false,"payloadlen":1,"packet_id":9,"properties":{"topic-alias":1},"payload":"x","raw":"30"}"#,
        ] {
            let message = parse(line);
            assert_eq!(message.topic.as_deref(), Some("a/b"));
            assert!(message.properties.value(PropertyId::TopicAlias).is_none());
            assert!(message.properties.value(PropertyId::SubscriptionIdentifier).is_none());
            assert_eq!(message.recorded_at(), Ok(Duration::from_micros(1_795_407_119_061_681)));
        }
    }

    #[test]
    fn faults_say_where_they_are() {
        for (line, part) in [
            (r#"{"topic":"a","payload":"x""#, "is not JSON: EOF"),
            (r#"["a"]"#, "is not a JSON object"),
            (r#"{"topic":"a"}"#, "`payload` is missing"),
            (r#"{"topic":"a","paylod":"x"}"#, "`payload` is missing"),
            (
                r#"{"topic":"a","payload":"x","retained":true}"#,
                "unknown key `retained`; a message has type, topic, ",
            ),
            (r#"{"topic":"a/#","payload":"x"}"#, "`topic` contains the wildcard `#`"),
            (r#"{"topic":"","payload":"x"}"#, "`topic` is empty"),
            (r#"{"topic":7,"payload":"x"}"#, "`topic` must be a string"),
            (
                r#"{"topic":"a","payload":"x","qos":3}"#,
                "`qos` must be a number from 0 to 2",
            ),
            (
                r#"{"topic":"a","payload":"x","retain":"yes"}"#,
                "`retain` must be true or false",
            ),
            (r#"{"topic":"a","payload":"x","payload_base64":"eA=="}"#, "both there"),
            (
                r#"{"topic":"a","payload_base64":"x"}"#,
                "`payload_base64` must be base64",
            ),
            (
                r#"{"topic":"a","payload":"x","properties":{"content_type":"t"}}"#,
                "`properties.content_type` is no property",
            ),
            (
                r#"{"topic":"a","payload":"x","properties":{"will-delay-interval":1}}"#,
                "will-delay-interval",
            ),
            (
                r#"{"topic":"a","payload":"x","properties":{"payload-format-indicator":2}}"#,
                "payload-format-indicator",
            ),
            (
                r#"{"topic":"a","payload":"x","properties":{"correlation-data":"a","correlation-data_base64":"YQ=="}}"#,
                "correlation-data",
            ),
            (
                r#"{"type":"CONNECT","client_id":"c"}"#,
                "`type` is CONNECT; only a PUBLISH is a message",
            ),
        ] {
            let error = Message::parse(line.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    #[test]
    fn times_of_every_maker_are_read() {
        let at = |text: &str| {
            let mut message = parse(r#"{"payload":"x"}"#);
            message.recorded = Some(text.to_owned());
            message.recorded_at()
        };
        let expected = Ok(Duration::from_micros(1_795_407_119_061_681));
        for text in [
            "2026-11-23T04:11:59.061681Z",
            "2026-11-23T04:11:59.061681+0000",
            "2026-11-23T04:11:59.061681Z+0000",
            "2026-11-23T09:41:59.061681+05:30",
            "2026-11-23T09:41:59.061681+0530",
        ] {
            assert_eq!(at(text), expected, "{text}");
        }
        for text in ["", "yesterday", "2026-11-23", "1969-11-23T04:11:59Z"] {
            assert!(at(text).is_err(), "{text}");
        }
    }
}
