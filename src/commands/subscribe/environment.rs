//! The environment of a command that gets a message: topic, QoS and properties as `MQTT_…` variables. It must not know
//! how the command is run.

use crate::base64;
use crate::output::received::properties_json;
use crate::protocol::{Properties, PropertyId, PropertyValue, Publish};
use std::collections::BTreeSet;

/// What is set or taken away for every message, beside those of [`USER_PROPERTY`].
const FIXED: &[&str] = &["MQTT_TOPIC", "MQTT_QOS", "MQTT_RETAIN", "MQTT_MID", "MQTT_PROPERTIES"];
/// Behind it stands the key, with `_` for what is no letter or digit.
const USER_PROPERTY: &str = "MQTT_USER_PROPERTY_";
const BASE64: &str = "_BASE64";
/// The properties of a message that have a variable of their own.
const PROPERTIES: &[PropertyId] = &[
    PropertyId::PayloadFormatIndicator,
    PropertyId::MessageExpiryInterval,
    PropertyId::ContentType,
    PropertyId::ResponseTopic,
    PropertyId::CorrelationData,
    PropertyId::SubscriptionIdentifier,
    PropertyId::TopicAlias,
];

/// Variables of this process that a command must not take for those of its message.
pub(super) fn foreign(names: impl Iterator<Item = String>) -> BTreeSet<String> {
    let own = |name: &str| {
        let plain = name.strip_suffix(BASE64).unwrap_or(name);
        let property = PROPERTIES.iter().any(|id| variable(*id) == plain);
        FIXED.contains(&name) || name.starts_with(USER_PROPERTY) || property
    };
    names.filter(|name| own(name)).collect()
}

/// The variables of a message. Text is as it is; correlation data that is no text goes into
/// `MQTT_CORRELATION_DATA_BASE64`. `MQTT_PROPERTIES` has all properties as a JSON object.
pub(super) fn variables(publish: &Publish) -> Vec<(String, String)> {
    let mut variables = vec![
        ("MQTT_TOPIC".to_owned(), publish.topic.to_string()),
        ("MQTT_QOS".to_owned(), u8::from(publish.qos).to_string()),
        ("MQTT_RETAIN".to_owned(), u8::from(publish.retain).to_string()),
    ];
    if let Some(packet_id) = publish.packet_id {
        variables.push(("MQTT_MID".to_owned(), packet_id.get().to_string()));
    }
    if !publish.properties.is_empty() {
        variables.push(("MQTT_PROPERTIES".to_owned(), properties_json(&publish.properties)));
        add_properties(&publish.properties, &mut variables);
    }
    variables
}

fn add_properties(properties: &Properties, variables: &mut Vec<(String, String)>) {
    for (id, value) in properties.iter() {
        let (name, value) = match value {
            PropertyValue::Pair(key, value) => (user_variable(&key), value.to_string()),
            PropertyValue::Text(text) => (variable(id), text.to_string()),
            PropertyValue::Binary(data) => binary(id, &data),
            PropertyValue::Byte(_) | PropertyValue::U16(_) | PropertyValue::U32(_) | PropertyValue::Varint(_) => {
                (variable(id), value.number().unwrap_or_default().to_string())
            }
        };
        // Of several with one name the first counts, as it does for subscription identifiers in -F.
        if !variables.iter().any(|(known, _)| *known == name) {
            variables.push((name, value));
        }
    }
}

/// `content-type` is `MQTT_CONTENT_TYPE`.
fn variable(id: PropertyId) -> String {
    format!("MQTT_{}", id.name().replace('-', "_").to_ascii_uppercase())
}

fn user_variable(key: &str) -> String {
    let key = key.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("{USER_PROPERTY}{key}")
}

/// A variable cannot hold NUL.
fn binary(id: PropertyId, data: &[u8]) -> (String, String) {
    match std::str::from_utf8(data) {
        Ok(text) if !text.contains('\0') => (variable(id), text.to_owned()),
        _ => {
            let mut text = Vec::new();
            base64::encode(data, &mut text);
            let text = String::from_utf8(text).unwrap_or_default();
            (format!("{}{BASE64}", variable(id)), text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{PacketId, QoS, Utf8};
    use bytes::Bytes;

    fn text(text: &str) -> Utf8 {
        Utf8::new(text).unwrap()
    }

    fn message(properties: impl IntoIterator<Item = (PropertyId, PropertyValue)>) -> Publish {
        Publish {
            dup: false,
            qos: QoS::ExactlyOnce,
            retain: true,
            topic: text("a b/ä"),
            packet_id: PacketId::new(7),
            properties: properties.into_iter().collect(),
            payload: Bytes::new(),
        }
    }

    #[test]
    fn every_property_has_its_variable() {
        use PropertyValue as V;
        let pair = |key, value| (PropertyId::UserProperty, V::Pair(text(key), text(value)));
        let found = variables(&message([
            (PropertyId::PayloadFormatIndicator, V::Byte(1)),
            (PropertyId::MessageExpiryInterval, V::U32(60)),
            (PropertyId::ContentType, V::Text(text("text/plain"))),
            (PropertyId::ResponseTopic, V::Text(text("r/t"))),
            (PropertyId::CorrelationData, V::Binary(Bytes::from_static(b"cd"))),
            (PropertyId::SubscriptionIdentifier, V::Varint(5)),
            (PropertyId::SubscriptionIdentifier, V::Varint(6)),
            (PropertyId::TopicAlias, V::U16(3)),
            pair("my-key", "1"),
            pair("my.key", "2"),
            pair("ä=\n", "$(x)"),
        ]));
        let expected = [
            ("MQTT_TOPIC", "a b/ä"),
            ("MQTT_QOS", "2"),
            ("MQTT_RETAIN", "1"),
            ("MQTT_MID", "7"),
            (
                "MQTT_PROPERTIES",
                "{\"payload-format-indicator\":1,\"message-expiry-interval\":60,\"content-type\":\"text/plain\",\
                 \"response-topic\":\"r/t\",\"correlation-data\":\"cd\",\"subscription-identifier\":[5,6],\"topic-alias\":3,\
                 \"user-properties\":[{\"my-key\":\"1\"},{\"my.key\":\"2\"},{\"ä=\\n\":\"$(x)\"}]}",
            ),
            ("MQTT_PAYLOAD_FORMAT_INDICATOR", "1"),
            ("MQTT_MESSAGE_EXPIRY_INTERVAL", "60"),
            ("MQTT_CONTENT_TYPE", "text/plain"),
            ("MQTT_RESPONSE_TOPIC", "r/t"),
            ("MQTT_CORRELATION_DATA", "cd"),
            ("MQTT_SUBSCRIPTION_IDENTIFIER", "5"),
            ("MQTT_TOPIC_ALIAS", "3"),
            ("MQTT_USER_PROPERTY_my_key", "1"),
            ("MQTT_USER_PROPERTY____", "$(x)"),
        ];
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn correlation_data_that_is_no_text_is_base64() {
        for data in [&b"\xff\x00"[..], b"a\0"] {
            let value = PropertyValue::Binary(Bytes::copy_from_slice(data));
            let found = variables(&message([(PropertyId::CorrelationData, value)]));
            let (name, value) = found.last().unwrap();
            assert_eq!(name, "MQTT_CORRELATION_DATA_BASE64");
            assert_eq!(base64::decode(value.as_bytes()).unwrap(), data);
        }
    }

    #[test]
    fn what_an_outer_command_was_given_is_taken_away() {
        let names = [
            "PATH",
            "MQTT_HOST",
            "MQTT_PASSWORD",
            "MQTT_TOPIC",
            "MQTT_CONTENT_TYPE",
            "MQTT_CORRELATION_DATA_BASE64",
            "MQTT_USER_PROPERTY_k",
        ];
        let foreign = foreign(names.iter().map(ToString::to_string));
        assert!(
            foreign.iter().eq([names[4], names[5], names[3], names[6]]),
            "{foreign:?}"
        );
    }
}
