//! `decode --json | encode` is the identity on valid packets, and lines by hand say what is wrong with them.

use crate::output::{explain, hex};
use bytes::BytesMut;
use mqkit::input::packets::{Encoder, encode_line};
use mqkit::output::packet::{Options, json};
use mqkit::protocol::{Packet, Sender, Version};
use proptest::prelude::*;
use serde_json::Value;

const SECRETS: Options = Options {
    show_secrets: true,
    colour: false,
    offsets: false,
};

/// The JSON line of a packet.
fn line(version: Version, sender: Sender, bytes: &[u8], options: Options) -> Vec<u8> {
    let mut line = Vec::new();
    json::write(&explain(version, sender, bytes), options, &mut line);
    assert_eq!(line.pop(), Some(b'\n'));
    line
}

/// The bytes that the JSON line of a packet gives.
fn there_and_back(version: Version, sender: Sender, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let line = line(version, sender, bytes, SECRETS);
    let mut again = BytesMut::new();
    // Another version by default: the line must say its own.
    let other = if version == Version::V5 {
        Version::V311
    } else {
        Version::V5
    };
    let text = || String::from_utf8_lossy(&line).into_owned();
    encode_line(&line, other, &mut again).map_err(|problem| format!("{problem}: {}", text()))?;
    Ok(again.to_vec())
}

#[test]
fn every_valid_vector_comes_back() {
    let (mut checked, mut raw) = (0, 0);
    for vector in include_str!("vectors/packets.jsonl").lines() {
        let vector: Value = serde_json::from_str(vector).unwrap();
        let version = match vector["version"].as_u64() {
            Some(3) => Version::V31,
            Some(4) => Version::V311,
            _ => Version::V5,
        };
        let sender = match vector["direction"].as_str() {
            Some("to_server") => Sender::Client,
            Some("to_client") => Sender::Server,
            _ => Sender::Unknown,
        };
        let bytes = hex(vector["hex"].as_str().unwrap());
        let Ok(Some(extent)) = mqkit::protocol::frame::extent(&bytes) else {
            continue;
        };
        // What follows the packet is another one.
        let bytes = &bytes[..extent.total().min(bytes.len())];
        // Those with a fault come back, too, by `raw`.
        assert_eq!(
            there_and_back(version, sender, bytes).as_deref(),
            Ok(bytes),
            "{}",
            vector["name"]
        );
        if vector["valid"] == true {
            checked += 1;
            let line = line(version, sender, bytes, SECRETS);
            raw += usize::from(serde_json::from_slice::<Value>(&line).unwrap().get("raw").is_some());
        }
    }
    assert!(checked > 700, "only {checked} valid vectors");
    // It is the exception.
    assert!(raw * 5 < checked, "{raw} of {checked} with raw");
}

proptest! {
    #[test]
    fn any_packet_comes_back((version, packet) in crate::protocol::version().prop_flat_map(|version| (Just(version), crate::protocol::packet(version)))) {
        let mut bytes = BytesMut::new();
        packet.encode(version, &mut bytes).unwrap();
        prop_assert_eq!(there_and_back(version, Sender::Unknown, &bytes), Ok(bytes.to_vec()));
    }

    #[test]
    fn no_line_makes_it_panic(line in "\\{(\"(type|qos|topic|payload_base64|raw|properties|packet_id|will)\":(\"PUBLISH\"|[0-9]{1,20}|null|\\{\\}|\\[1\\]|\"[A-Za-z=]{0,8}\"),){0,4}\"version\":\"5.0\"\\}") {
        let _ = encode_line(line.as_bytes(), Version::V5, &mut BytesMut::new());
    }
}

#[test]
fn raw_is_there_only_where_the_keys_do_not_say_it_all() {
    for (version, bytes, raw) in [
        (Version::V311, "3005 0003612f62", false),
        (Version::V311, "308500 0003612f62", true),
        // User properties that do not stand together.
        (Version::V5, "3014 000174 10 26000161000162 0101 26000163000164", true),
        (Version::V5, "3014 000174 10 26000161000162 26000163000164 0101", false),
        (Version::V5, "4002 0001", false),
        (Version::V5, "4003 000100", true),
        (Version::V5, "4003 000110", false),
        (Version::V5, "4004 00011000", true),
        // Flag bits that 3.1 leaves free.
        (Version::V31, "4f02 0001", true),
        (Version::V31, "c100", true),
        // A bridge.
        (Version::V311, "100d 0004 4d515454 84 02 003c 0001 62", false),
        // Cut.
        (Version::V311, "3006 0003612f62", true),
        (Version::V311, "4003 0001", true),
    ] {
        let bytes = hex(bytes);
        let line = line(version, Sender::Unknown, &bytes, SECRETS);
        let value: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value.get("raw").is_some(), raw, "{value}");
        assert_eq!(there_and_back(version, Sender::Unknown, &bytes), Ok(bytes));
    }
}

fn bytes_of(line: &str) -> Result<Vec<u8>, String> {
    let mut out = BytesMut::new();
    match encode_line(line.as_bytes(), Version::V311, &mut out) {
        Ok(_) => Ok(out.to_vec()),
        Err(problem) => {
            assert!(out.is_empty(), "{line}");
            Err(problem.to_string())
        }
    }
}

#[test]
fn lines_by_hand_need_only_what_has_no_default() {
    for (line, bytes) in [
        (
            r#"{"type":"PUBLISH","topic":"a/b","payload":"x"}"#,
            "3006 0003612f62 78",
        ),
        (r#"{"type":"publish","topic":"a/b"}"#, "3005 0003612f62"),
        (
            r#"{"type":"PUBLISH","version":"5.0","topic":"a/b"}"#,
            "3006 0003612f62 00",
        ),
        (
            r#"{"type":"CONNECT","client_id":"python1"}"#,
            "1013 0004 4d515454 04 02 003c 0007 707974686f6e31",
        ),
        (
            r#"{"type":"CONNECT","protocol_level":131,"protocol_name":"MQIsdp","client_id":"b"}"#,
            "100f 0006 4d5149736470 83 02 003c 0001 62",
        ),
        (
            r#"{"type":"SUBSCRIBE","packet_id":1,"subscriptions":[{"filter":"a/b"}]}"#,
            "8208 0001 0003612f62 00",
        ),
        (r#"{"type":"CONNACK","reason_code":5}"#, "2002 0005"),
        (r#"{"type":"PINGREQ"}"#, "c000"),
        (r#"{"type":"DISCONNECT","version":"5.0","reason_code":4}"#, "e001 04"),
        // As `mqkit sub` and `mosquitto_sub -F %j` print it.
        (
            r#"{"tst":"2026-11-23T04:42:52.456768Z","topic":"a/b","qos":1,"retain":0,"payloadlen":1,"mid":7,"payload":"x"}"#,
            "3208 0003612f62 0007 78",
        ),
        (r#"{"raw":"d08000","type":"PINGRESP"}"#, "d08000"),
        (
            r#"{"type":"PUBLISH","version":"5","topic":"t","properties":{"user-properties":[{"k":"v"}],"correlation-data_base64":"/wA="}}"#,
            "3010 000174 0c 2600016b000176 090002ff00",
        ),
    ] {
        assert_eq!(bytes_of(line), Ok(hex(bytes)), "{line}");
    }
}

#[test]
fn what_is_wrong_with_a_line_is_named() {
    for (line, part) in [
        ("{", "is not JSON: EOF while parsing an object at column 1"),
        ("[]", "is not a JSON object"),
        ("{}", "`type` is missing"),
        (r#"{"type":"PUBLISH"}"#, "`topic` is missing"),
        (
            r#"{"type":"PUBLISH","topic":"a","paylod":"x"}"#,
            "unknown key `paylod`; PUBLISH has version, raw, type, topic, qos",
        ),
        (
            r#"{"type":"PUBLISHED","topic":"a"}"#,
            "`type` must be the name of a packet",
        ),
        (
            r#"{"type":"PUBLISH","topic":"a","qos":3}"#,
            "`qos` must be a number from 0 to 2",
        ),
        (r#"{"type":"PUBLISH","topic":"a","qos":1}"#, "`packet_id` is missing"),
        (
            r#"{"type":"PUBLISH","topic":"a","packet_id":1}"#,
            "`packet_id` needs `qos` 1 or 2",
        ),
        (r#"{"type":"PUBACK","packet_id":0}"#, "`packet_id` must not be 0"),
        (
            r#"{"type":"PUBLISH","topic":"a","payload":{}}"#,
            "`payload` must be a string",
        ),
        (
            r#"{"type":"PUBLISH","topic":"a","payload":"x","payload_base64":"eA=="}"#,
            "`payload` and `payload_base64` are both there",
        ),
        (
            r#"{"type":"PUBLISH","topic":"a","payload_base64":"?"}"#,
            "`payload_base64` must be base64",
        ),
        (
            r#"{"type":"PUBLISH","topic":"a\u0000"}"#,
            "`topic` contains U+0000 at byte 1",
        ),
        (
            r#"{"type":"PUBLISH","topic":"a","properties":{"content-type":"x"}}"#,
            "properties need MQTT 5",
        ),
        (
            r#"{"type":"PUBLISH","version":"5.0","topic":"a","properties":{"will-delay-interval":1}}"#,
            "property will-delay-interval is not allowed in PUBLISH",
        ),
        (
            r#"{"type":"PUBLISH","version":"5.0","topic":"a","properties":{"content":"x"}}"#,
            "`properties.content` is no property",
        ),
        (
            r#"{"type":"CONNECT","will":{"topic":"a","payload":"x","qs":1}}"#,
            "unknown key `will.qs`; the will has topic, qos",
        ),
        (
            r#"{"type":"SUBSCRIBE","packet_id":1,"subscriptions":[{"filter":"a"},{"filter":1}]}"#,
            "`subscriptions[1].filter` must be a string",
        ),
        (
            r#"{"type":"PUBACK","packet_id":1,"reason_code":16}"#,
            "`reason_code` needs MQTT 5",
        ),
        (
            r#"{"type":"CONNECT","version":"5.0","protocol_level":4}"#,
            "`protocol_level` is not 5, that of MQTT 5.0",
        ),
        (r#"{"raw":"d0800"}"#, "`raw` must be pairs"),
    ] {
        match bytes_of(line) {
            Err(text) => assert!(text.contains(part), "{line}: {text}"),
            Ok(_) => panic!("{line}"),
        }
    }
}

#[test]
fn masked_secrets_are_refused() {
    let connect = hex("10 1d 0004 4d515454 04 c2 003c 0003 616263 0005 616c696365 0005 7365637274");
    let auth = hex("f0 11 18 0f 15 0004 504c4149 16 0005 7365637274");
    for (version, bytes, key) in [
        (Version::V311, &connect[..], "password"),
        (Version::V311, &connect[..connect.len() - 2], "raw"),
        (Version::V5, &auth, "properties.authentication-data"),
    ] {
        let line = line(version, Sender::Client, bytes, Options::default());
        let problem = encode_line(&line, version, &mut BytesMut::new()).unwrap_err();
        assert!(
            problem.to_string().starts_with(&format!("`{key}` is masked")),
            "{problem}"
        );
        assert_eq!(there_and_back(version, Sender::Client, bytes).as_deref(), Ok(bytes));
    }
}

#[test]
fn lines_after_a_connect_are_in_its_version_and_errors_have_a_number() {
    let mut encoder = Encoder::new(Version::V311);
    let mut out = BytesMut::new();
    for line in [
        r#"{"type":"CONNECT","version":"5.0"}"#,
        "  ",
        r#"{"type":"PUBLISH","topic":"t"}"#,
    ] {
        encoder.line(line.as_bytes(), &mut out).unwrap();
    }
    let bytes = hex("100d 0004 4d515454 05 02 003c 00 0000  3004 000174 00");
    assert_eq!(out[..], bytes[..]);
    let error = encoder.line(b"{}", &mut out).unwrap_err();
    assert_eq!(error.to_string(), "line 4: `type` is missing");
    assert!(matches!(
        explain(Version::V311, Sender::Client, &bytes).packet,
        Ok(Packet::Connect(_))
    ));
}
