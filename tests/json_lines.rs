//! Messages as JSON lines: what `sub` writes is what `pub --json` reads, other parsers read it too, and it is what the
//! published schema says.

use crate::output::explain;
use bytes::{Bytes, BytesMut};
use mqkit::input::packets::Message;
use mqkit::output::message::{Format, Shape};
use mqkit::output::packet::{Options, json};
use mqkit::output::received::Received;
use mqkit::protocol::{Packet, PacketId, Properties, PropertyId, PropertyValue, Publish, QoS, Sender, Utf8, Version};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

const MESSAGES: u32 = 10_000;
const PLAIN: Options = Options {
    show_secrets: false,
    colour: false,
    offsets: false,
};

fn text() -> impl Strategy<Value = Utf8> {
    prop_oneof![
        "[^\0]{0,20}",
        // What a terminal and a careless writer of JSON stumble over.
        "[\u{1}-\u{1f}\"\\\\/\u{7f}-\u{9f}\u{2028}\u{2029}\u{feff}\u{fffe}\u{10ffff}]{0,8}",
    ]
    .prop_map(|text| Utf8::new(text).unwrap())
}

fn topic() -> impl Strategy<Value = Utf8> {
    "[^\0+#]{1,30}".prop_map(|text| Utf8::new(text).unwrap())
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60).prop_map(Bytes::from),
        text().prop_map(|text| text.as_bytes().clone()),
    ]
}

fn property() -> impl Strategy<Value = (PropertyId, PropertyValue)> {
    use PropertyId as Id;
    use PropertyValue as V;
    let pair = || (text(), text()).prop_map(|(key, value)| (Id::UserProperty, V::Pair(key, value)));
    prop_oneof![
        any::<bool>().prop_map(|text| (Id::PayloadFormatIndicator, V::Byte(text.into()))),
        any::<u32>().prop_map(|seconds| (Id::MessageExpiryInterval, V::U32(seconds))),
        text().prop_map(|kind| (Id::ContentType, V::Text(kind))),
        topic().prop_map(|topic| (Id::ResponseTopic, V::Text(topic))),
        bytes().prop_map(|data| (Id::CorrelationData, V::Binary(data))),
        (1..=u16::MAX).prop_map(|alias| (Id::TopicAlias, V::U16(alias))),
        (1..=268_435_455_u32).prop_map(|id| (Id::SubscriptionIdentifier, V::Varint(id))),
        pair(),
        pair(),
        pair(),
    ]
}

/// Of a PUBLISH from a broker: user properties and subscription identifiers any number of times.
fn properties() -> impl Strategy<Value = Properties> {
    prop::collection::vec(property(), 0..8).prop_map(|all| {
        let mut properties = Properties::new();
        for (id, value) in all {
            let repeatable = matches!(id, PropertyId::UserProperty | PropertyId::SubscriptionIdentifier);
            if repeatable || properties.value(id).is_none() {
                properties.push(id, value);
            }
        }
        properties
    })
}

pub(crate) fn message() -> impl Strategy<Value = Publish> {
    let qos = prop::sample::select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
    (topic(), qos, 1..=u16::MAX, any::<bool>(), properties(), bytes()).prop_map(
        |(topic, qos, packet_id, retain, properties, payload)| Publish {
            dup: false,
            qos,
            retain,
            topic,
            packet_id: PacketId::new(packet_id).filter(|_| qos != QoS::AtMostOnce),
            properties,
            payload,
        },
    )
}

/// As `mqkit sub` prints it.
pub(crate) fn line(publish: &Publish) -> Vec<u8> {
    let mut out = Vec::new();
    let time = "2026-11-23T04:42:52.456768Z".parse().unwrap();
    Format::new(Shape::Json).write(&Received { publish, time }, &mut out);
    out
}

/// What is left of properties on the way: user properties stand together, and what belongs to a connection is gone.
fn passed_on(properties: &Properties) -> Properties {
    let mut passed = Properties::new();
    for (id, value) in properties.iter() {
        match id {
            PropertyId::TopicAlias | PropertyId::SubscriptionIdentifier => {}
            PropertyId::UserProperty if passed.value(id).is_some() => {}
            PropertyId::UserProperty => {
                for (key, value) in properties.user_properties() {
                    passed.push(id, PropertyValue::Pair(key, value));
                }
            }
            _ => passed.push(id, value),
        }
    }
    passed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(MESSAGES))]

    #[test]
    fn what_sub_writes_is_what_pub_reads(publish in message()) {
        let line = line(&publish);
        prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let message = Message::parse(line.trim_ascii_end());
        let message = message.map_err(|error| TestCaseError::fail(format!("{error}: {}", String::from_utf8_lossy(&line))))?;
        prop_assert_eq!(message.recorded_at().map(|at| at.as_micros()), Ok(1_795_408_972_456_768));
        prop_assert_eq!(message.topic, Some(publish.topic));
        prop_assert_eq!(message.qos, Some(publish.qos));
        prop_assert_eq!(message.retain, Some(publish.retain));
        prop_assert_eq!(message.properties, passed_on(&publish.properties));
        prop_assert_eq!(message.payload, publish.payload);
    }

    #[test]
    fn no_line_makes_the_parser_panic(publish in message(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut line = line(&publish);
        let at = at.index(line.len());
        line[at] = byte;
        if cut {
            line.truncate(at);
        }
        if let Ok(message) = Message::parse(&line) {
            let _ = message.recorded_at();
        }
    }

    #[test]
    fn what_decode_writes_is_what_pub_reads(publish in message()) {
        let mut bytes = BytesMut::new();
        Packet::Publish(publish.clone()).encode(Version::V5, &mut bytes).unwrap();
        let mut line = Vec::new();
        json::write(&explain(Version::V5, Sender::Server, &bytes), PLAIN, &mut line);
        let message = Message::parse(line.trim_ascii_end());
        let message = message.map_err(|error| TestCaseError::fail(format!("{error}: {}", String::from_utf8_lossy(&line))))?;
        prop_assert_eq!(message.topic, Some(publish.topic));
        prop_assert_eq!((message.qos, message.retain), (Some(publish.qos), Some(publish.retain)));
        prop_assert_eq!(message.properties, passed_on(&publish.properties));
        prop_assert_eq!(message.payload, publish.payload);
    }

    #[test]
    fn what_sub_writes_is_what_the_schema_says(publish in message()) {
        let value: Value = serde_json::from_slice(&line(&publish)).unwrap();
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        if let Err(fault) = check(&schema, &value) {
            return Err(TestCaseError::fail(format!("{fault} in {value}")));
        }
    }
}

/// The same messages on every run, for the parsers of others.
pub(crate) fn sample(count: u32) -> Vec<Publish> {
    let mut runner = TestRunner::deterministic();
    let message = message();
    (0..count)
        .map(|_| message.new_tree(&mut runner).unwrap().current())
        .collect()
}

#[test]
fn jq_reads_the_same() {
    let jq = |words: &[&str]| {
        let mut command = Command::new("jq");
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn()
    };
    let mut jq = match jq(&["-c", "."]) {
        Ok(jq) => jq,
        Err(error) => return missing(&format!("jq: {error}")),
    };
    let lines: Vec<u8> = sample(MESSAGES).iter().flat_map(line).collect();
    let mut stdin = jq.stdin.take().unwrap();
    let given = lines.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&given).unwrap());
    let output = jq.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    let parse = |text: &[u8]| -> Vec<Value> {
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    };
    let (ours, theirs) = (parse(&lines), parse(&output.stdout));
    assert_eq!(ours.len(), MESSAGES as usize);
    assert_eq!(theirs.len(), ours.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
}

#[allow(clippy::print_stderr, reason = "says why a test checks less")]
fn missing(what: &str) {
    let wanted = std::env::var_os("MQKIT_REQUIRE_BROKERS").is_some_and(|value| value == "1");
    assert!(!wanted, "{what}");
    eprintln!("not checked: {what}");
}

const SCHEMA: &str = include_str!("../src/output/message.schema.json");

/// A JSON Schema validator of the words that the schema has, and of no others.
pub(crate) fn check(schema: &Value, value: &Value) -> Result<(), String> {
    for (word, rule) in schema.as_object().unwrap() {
        let number = || rule.as_u64().unwrap();
        let limit = || rule.as_f64().unwrap();
        let items = || rule.as_array().unwrap().iter();
        let length = |wanted: &dyn Fn(u64) -> bool, length: Option<usize>| {
            length.is_none_or(|length| wanted(u64::try_from(length).unwrap()))
        };
        let properties = value.as_object().map(serde_json::Map::len);
        let characters = value.as_str().map(|text| text.chars().count());
        let holds = match word.as_str() {
            "$schema" | "title" | "description" => true,
            "type" if rule.is_array() => items().any(|kind| is(value, kind)),
            "type" => is(value, rule),
            "format" => rule == "date-time" && value.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(),
            "contentEncoding" => rule == "base64" && is_base64(value.as_str().unwrap()),
            "enum" => items().any(|item| item == value),
            "minimum" => value.as_f64().is_none_or(|found| found >= limit()),
            "maximum" => value.as_f64().is_none_or(|found| found <= limit()),
            "minLength" => length(&|found| found >= number(), characters),
            "maxItems" => length(&|found| found <= number(), value.as_array().map(Vec::len)),
            "minItems" => length(&|found| found >= number(), value.as_array().map(Vec::len)),
            "minProperties" => length(&|found| found >= number(), properties),
            "maxProperties" => length(&|found| found <= number(), properties),
            "required" => value
                .as_object()
                .is_none_or(|object| items().all(|key| object.contains_key(key.as_str().unwrap()))),
            "oneOf" => items().filter(|schema| check(schema, value).is_ok()).count() == 1,
            "propertyNames" => {
                let mut keys = value.as_object().into_iter().flat_map(serde_json::Map::keys);
                keys.all(|key| check(rule, &Value::from(key.as_str())).is_ok())
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    check(rule, item)?;
                }
                true
            }
            "properties" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = rule.get(key) {
                        check(schema, value).map_err(|fault| format!("{key}: {fault}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties");
                let others = value.as_object().into_iter().flatten();
                for (key, value) in
                    others.filter(|(key, _)| known.is_none_or(|known| known.get(key.as_str()).is_none()))
                {
                    if rule == false {
                        return Err(format!("additional key {key}"));
                    }
                    check(rule, value).map_err(|fault| format!("{key}: {fault}"))?;
                }
                true
            }
            other => panic!("the validator does not know {other}"),
        };
        if !holds {
            return Err(format!("{word} {rule} does not hold for {value}"));
        }
    }
    Ok(())
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the validator does not know the type {other}"),
    }
}

fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let digit = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    text.len() % 4 == 0 && text.len() - digits.len() < 3 && digits.chars().all(digit)
}

#[test]
fn the_validator_sees_faults() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let good = r#"{"tst":"2026-11-23T04:42:52.456768Z","topic":"a","qos":0,"retain":false,"payloadlen":1,"properties":{"user-properties":[{"k":"v"}],"subscription-identifier":[1,2]},"payload":"x"}"#;
    let checked = |text: &str| check(&schema, &serde_json::from_str(text).unwrap());
    assert_eq!(checked(good), Ok(()));
    for (old, new) in [
        ("2026-11-23T", "yesterday "),
        (r#""topic":"a""#, r#""topic":"""#),
        (r#""qos":0"#, r#""qos":3"#),
        (r#""qos":0,"#, ""),
        ("false", "0"),
        (r#""payload":"x""#, r#""payload":7"#),
        (r#""payload":"x""#, r#""payload":"x","payload_base64":"eA==""#),
        (r#""payload":"x""#, r#""payload_base64":"eA=""#),
        (r#","payload":"x""#, ""),
        (r#""payloadlen":1"#, r#""payloadlen":1,"mid":0"#),
        (r#""payloadlen":1"#, r#""payloadlen":1,"more":0"#),
        (r#"{"k":"v"}"#, r#"{"k":"v","l":"w"}"#),
        (r#"{"k":"v"}"#, r#"{"k":1}"#),
        ("[1,2]", "[1]"),
        ("[1,2]", "0"),
    ] {
        let bad = good.replacen(old, new, 1);
        assert_ne!(bad, good);
        assert!(checked(&bad).is_err(), "{bad}");
    }
}
