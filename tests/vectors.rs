//! Golden packets: every line of `vectors/packets.jsonl` decodes as it says, and is written again byte for byte when
//! it was canonical.

use bytes::BytesMut;
use mqkit::protocol::{
    Connect, DecodeError, Fault, FieldId, Frame, Packet, PacketType, Properties, PropertyId, PropertyValue, Sender,
    Version, frame,
};
use serde_json::{Value, json};

/// Lines that the standard contradicts, or that place a fault by another convention: start of the name, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    // Version 5, section 3.14.2.2.5 (the server sends it): the vectors place this fault at the end of the property
    // and after a duplicate, all others of its kind at the property's identifier, as we do.
    (
        "DISCONNECT: v5.0   DISCONNECT ALLOWED PROPERTIES / E0 with server-reference",
        "section 3.14.2.2.5",
    ),
    (
        "DISCONNECT: v5.0   DISCONNECT ALLOWED PROPERTIES / E0 with 2*server-reference",
        "section 3.14.2.2.5",
    ),
    // Level 4 belongs to the name MQTT, with or without a bridge's bit.
    ("connect MQTT bridge 132", "MQTT-3.1.2-1"),
];

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The vectors' name of a fault.
fn code(error: &DecodeError) -> &'static str {
    match error.fault {
        Fault::ReservedPacketType(_) => "reserved_packet_type",
        Fault::ReservedHeaderFlags { .. } => "reserved_header_flags",
        Fault::RemainingLengthTooLong => "remaining_length_too_long",
        Fault::PacketCut { .. } => "packet_truncated",
        Fault::HeaderCut(_) => "remaining_length_truncated",
        Fault::FieldPastEnd { .. } => "field_past_end",
        Fault::TrailingBytes(_) => "trailing_bytes_in_packet",
        Fault::VarintTooLong => "varint_too_long",
        Fault::VarintOverlong => "varint_overlong",
        Fault::Utf8Nul => "utf8_nul",
        Fault::Utf8Surrogate => "utf8_surrogate",
        Fault::Utf8Invalid => "utf8_invalid",
        Fault::BadProtocolName => "bad_protocol_name",
        Fault::BadProtocolLevel(_) => "bad_protocol_level",
        Fault::ConnectReservedFlag => "connect_reserved_flag",
        Fault::WillBitsWithoutWill => "will_qos_or_retain_without_will",
        Fault::WillQos3 => "will_qos3",
        Fault::PasswordWithoutUsername => "password_without_username",
        Fault::EmptyClientId if error.version == Version::V31 => "client_id_length_v31",
        Fault::EmptyClientId => "empty_client_id_without_clean_session",
        Fault::ConnackReservedFlags(_) => "connack_reserved_flags",
        Fault::SessionPresentWithError => "session_present_with_error",
        Fault::PacketIdZero => "packet_id_zero",
        Fault::PublishQos3 => "publish_qos3",
        Fault::DupWithQos0 => "dup_with_qos0",
        Fault::EmptyTopic => "empty_topic",
        Fault::EmptyTopicWithoutAlias => "empty_topic_without_alias",
        Fault::WildcardInTopic => "wildcard_in_topic",
        Fault::EmptyTopicFilter => "empty_topic_filter",
        Fault::BadWildcardInFilter => "bad_wildcard_in_filter",
        Fault::BadSharedFilter => "bad_shared_filter",
        Fault::NoTopicFilter => "no_topic_filter",
        Fault::NoReasonCodes => "no_reason_codes",
        Fault::SubscribeQos3 => "subscribe_qos3",
        Fault::SubscriptionOptionsReserved(_) => "subscription_options_reserved",
        Fault::RetainHandling3 => "retain_handling3",
        Fault::NoLocalOnShared => "no_local_on_shared",
        Fault::ReasonCodeNotAllowed(_) if error.field == FieldId::ReturnCode && error.packet == PacketType::Connack => {
            "reserved_reason_code"
        }
        Fault::ReasonCodeNotAllowed(_) => "reason_code_not_allowed",
        Fault::ReasonCodeWrongDirection(_) => "reason_code_wrong_direction",
        Fault::PropertyLengthPastEnd(_) => "property_length_past_end",
        Fault::PropertyUnknown(_) => "property_unknown",
        Fault::PropertyNotAllowed(_) => "property_not_allowed",
        Fault::PropertyWrongDirection(PropertyId::ServerReference) => "server_reference_from_client",
        Fault::PropertyWrongDirection(PropertyId::SubscriptionIdentifier) => "subscription_id_from_client",
        Fault::PropertyWrongDirection(_) => "session_expiry_from_server",
        Fault::PropertyDuplicate(_) => "property_duplicate",
        Fault::PropertyNotZeroOrOne(..) => "property_value_not_0_or_1",
        Fault::PropertyZero(_) => "property_value_zero",
        Fault::EmptyResponseTopic => "empty_response_topic",
        Fault::WildcardInResponseTopic => "wildcard_in_response_topic",
        Fault::AuthDataWithoutMethod => "auth_data_without_method",
        Fault::AuthWithoutMethod => "auth_without_method",
        _ => "?",
    }
}

/// Decodes the first packet of `bytes`: packet, or code and offset of the fault.
fn decode(version: Version, sender: Sender, bytes: &[u8]) -> Result<(Frame, Packet), (&'static str, usize)> {
    let mut buffer = BytesMut::from(bytes);
    let limit = usize::MAX;
    let fault = |error: DecodeError| (code(&error), error.offset);
    match frame::split(&mut buffer, limit).map_err(fault)? {
        Some(frame) => {
            let packet = Packet::decode(version, sender, &frame).map_err(fault)?;
            Ok((frame, packet))
        }
        None => {
            let frame = Frame::cut(buffer.freeze());
            let packet = Packet::decode(version, sender, &frame).map_err(fault)?;
            Ok((frame, packet))
        }
    }
}

fn properties(properties: &Properties) -> Value {
    let list = properties.iter().map(|(id, value)| {
        let value = match value {
            PropertyValue::Byte(_) | PropertyValue::U16(_) | PropertyValue::U32(_) | PropertyValue::Varint(_) => {
                json!(value.number())
            }
            PropertyValue::Text(text) => json!(text.as_str()),
            PropertyValue::Binary(bytes) => json!(to_hex(&bytes)),
            PropertyValue::Pair(key, value) => json!([key.as_str(), value.as_str()]),
        };
        json!([id.name().replace('-', "_"), value])
    });
    list.collect()
}

fn connect(p: &Connect, object: &mut Value) {
    *object = json!({
        "protocol_name": p.version.protocol_name(), "protocol_level": p.version.level() | u8::from(p.bridge) << 7, "version": p.version.level(),
        "clean": u8::from(p.clean_start), "keep_alive": p.keep_alive, "client_id": p.client_id.as_str(),
    });
    if let Some(will) = &p.will {
        object["will"] = json!({
            "qos": u8::from(will.qos), "retain": u8::from(will.retain),
            "topic": will.topic.as_str(), "payload_hex": to_hex(&will.payload),
            "properties": properties(&will.properties),
        });
    }
    if let Some(username) = &p.username {
        object["username"] = json!(username.as_str());
    }
    if let Some(password) = &p.password {
        object["password_hex"] = json!(to_hex(password));
    }
}

/// What a packet says, in the words of the vectors.
fn describe(packet: &Packet, version: Version) -> Value {
    let mut object = json!({});
    let mut set = |key: &str, value: Value| object[key] = value;
    match packet {
        Packet::Connect(p) => {
            connect(p, &mut object);
            object["properties"] = properties(&p.properties);
        }
        Packet::Connack(p) => {
            set("session_present", json!(u8::from(p.session_present)));
            set(
                "reason_code",
                json!(if version == Version::V5 {
                    p.reason.0
                } else {
                    p.reason.return_code()
                }),
            );
            set("properties", properties(&p.properties));
        }
        Packet::Publish(p) => {
            set("dup", json!(u8::from(p.dup)));
            set("qos", json!(u8::from(p.qos)));
            set("retain", json!(u8::from(p.retain)));
            set("topic", json!(p.topic.as_str()));
            set("packet_id", json!(p.packet_id));
            set("properties", properties(&p.properties));
            set("payload_hex", json!(to_hex(&p.payload)));
        }
        Packet::Puback(p) | Packet::Pubrec(p) | Packet::Pubrel(p) | Packet::Pubcomp(p) => {
            set("packet_id", json!(p.packet_id));
            set("reason_code", json!(p.reason.0));
            set("properties", properties(&p.properties));
        }
        Packet::Subscribe(p) => {
            set("packet_id", json!(p.packet_id));
            set("properties", properties(&p.properties));
            let mut filters = p.subscriptions.iter().map(|s| {
                let flags = u8::from(s.qos)
                    | u8::from(s.no_local) << 2
                    | u8::from(s.retain_as_published) << 3
                    | (s.retain_handling as u8) << 4;
                json!([s.filter.as_str(), flags])
            });
            let filters = filters.by_ref().collect();
            set("filters", filters);
        }
        Packet::Suback(p) => {
            set("packet_id", json!(p.packet_id));
            set("properties", properties(&p.properties));
            set("reason_codes", p.reasons.iter().map(|r| json!(r.0)).collect());
        }
        Packet::Unsubscribe(p) => {
            set("packet_id", json!(p.packet_id));
            set("properties", properties(&p.properties));
            set("filters", p.filters.iter().map(|f| json!([f.as_str()])).collect());
        }
        Packet::Unsuback(p) => {
            set("packet_id", json!(p.packet_id));
            set("properties", properties(&p.properties));
            set("reason_codes", p.reasons.iter().map(|r| json!(r.0)).collect());
        }
        Packet::Disconnect(p) => {
            set("reason_code", json!(p.reason.0));
            set("properties", properties(&p.properties));
        }
        Packet::Auth(p) => {
            set("reason_code", json!(p.reason.0));
            set("properties", properties(&p.properties));
        }
        Packet::Pingreq | Packet::Pingresp => {}
    }
    object
}

/// The version and direction of a vector.
fn reading(line: &Value) -> (Version, Sender) {
    let version = match line["version"].as_u64() {
        Some(3) => Version::V31,
        Some(4) => Version::V311,
        _ => Version::V5,
    };
    let sender = match line["direction"].as_str() {
        Some("to_server") => Sender::Client,
        Some("to_client") => Sender::Server,
        _ => Sender::Unknown,
    };
    (version, sender)
}

fn check(line: &Value) -> Result<(), String> {
    let (version, sender) = reading(line);
    let bytes = from_hex(line["hex"].as_str().unwrap());
    let decoded = decode(version, sender, &bytes);
    if line["valid"] == false {
        let expected = (
            line["errors"][0]["code"].as_str().unwrap(),
            line["errors"][0]["offset"].as_u64().unwrap(),
        );
        return match decoded {
            Ok(_) => Err(format!("expected {expected:?}, found no fault")),
            Err((code, at)) if (code, at as u64) == expected => Ok(()),
            Err(found) => Err(format!("expected {expected:?}, found {found:?}")),
        };
    }
    let (frame, packet) = decoded.map_err(|found| format!("expected a valid packet, found {found:?}"))?;
    let expect = &line["expect"];
    let found = describe(&packet, version);
    for (key, value) in expect.as_object().unwrap() {
        let found = match key.as_str() {
            "type" => json!(packet.packet_type().name()),
            "remaining_length" => json!(frame.bytes().len() - frame.header_len()),
            "consumed" => json!(frame.bytes().len()),
            "extra" | "connect_flags" => continue,
            _ if value.is_null() => continue,
            _ => found[key].clone(),
        };
        compare(key, value, &found)?;
    }
    let mut again = BytesMut::new();
    packet
        .encode(version, &mut again)
        .map_err(|error| format!("cannot be written: {error}"))?;
    // Longer than necessary is valid: a remaining length with more bytes, an acknowledgement that spells out its
    // success, bits that 3.1 leaves alone. What was written must then read the same.
    if again[..] != frame.bytes()[..] {
        let same = decode(version, sender, &again).map(|(_, packet)| packet);
        let shorter = again.len() < frame.bytes().len();
        if same != Ok(packet) || !shorter && version != Version::V31 {
            return Err(format!("written as {}", to_hex(&again)));
        }
    }
    Ok(())
}

fn compare(key: &str, expected: &Value, found: &Value) -> Result<(), String> {
    if key == "will" {
        for (key, value) in expected.as_object().unwrap() {
            compare(key, value, &found[key])?;
        }
        return Ok(());
    }
    if found.is_null() && expected.as_array().is_some_and(Vec::is_empty) {
        return Ok(());
    }
    if expected == found {
        Ok(())
    } else {
        Err(format!("{key}: expected {expected}, found {found}"))
    }
}

#[test]
fn every_vector_decodes_as_it_says() {
    let lines = include_str!("vectors/packets.jsonl");
    let mut faults = Vec::new();
    let (mut checked, mut used) = (0, Vec::new());
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if !line["disputed"].is_null() {
            continue;
        }
        checked += 1;
        let name = line["name"].as_str().unwrap_or_default();
        if let Err(fault) = check(&line) {
            match EXCEPTIONS.iter().find(|(start, _)| name.starts_with(start)) {
                Some((start, _)) => used.push(*start),
                None => faults.push(format!(
                    "{} {name}: v{} {}: {fault}",
                    line["source"], line["version"], line["hex"]
                )),
            }
        }
    }
    assert!(checked > 2_600, "only {checked} vectors");
    assert!(
        faults.is_empty(),
        "{} of {checked}:\n{}",
        faults.len(),
        faults.join("\n")
    );
    for (start, _) in EXCEPTIONS {
        assert!(used.contains(start), "{start} is no exception any more");
    }
}

/// Faults that are not reported beside the first one, by the vectors' code and packet.
const FOLLOWS: &[(&str, PacketType)] = &[
    // A client may not send a single one, and that is reported for each.
    ("property_duplicate", PacketType::Publish),
];

#[test]
fn every_fault_of_a_vector_is_found_and_has_a_statement() {
    let mut missing = Vec::new();
    let (mut checked, mut more) = (0, 0);
    for line in include_str!("vectors/packets.jsonl").lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let name = line["name"].as_str().unwrap_or_default();
        if !line["disputed"].is_null() || EXCEPTIONS.iter().any(|(start, _)| name.starts_with(start)) {
            continue;
        }
        let (version, sender) = reading(&line);
        let bytes = from_hex(line["hex"].as_str().unwrap());
        let mut buffer = BytesMut::from(&bytes[..]);
        let frame = match frame::split(&mut buffer, usize::MAX) {
            Ok(Some(frame)) => frame,
            Ok(None) | Err(_) => Frame::cut(buffer.freeze()),
        };
        let mut found = Vec::new();
        let mut log = Vec::new();
        let packet = Packet::explain(version, sender, &frame, Some(&mut log), &mut found);
        assert_eq!(
            found.first(),
            Packet::decode(version, sender, &frame).err().as_ref(),
            "{name}: the first fault"
        );
        assert!(packet.is_ok() || !found.is_empty(), "{name}");
        for error in &found {
            let (older, newer) = include_str!("vectors/statements.txt").split_once("\n5.0\n").unwrap();
            let known = if error.version == Version::V5 { newer } else { older };
            assert!(known.lines().any(|id| id == error.statement()), "{name}: {error}");
        }
        checked += 1;
        more += usize::from(found.len() > 1);
        let expected = line["errors"].as_array().cloned().unwrap_or_default();
        for error in expected {
            let (expected, offset) = (error["code"].as_str().unwrap(), error["offset"].as_u64().unwrap());
            if !FOLLOWS.contains(&(expected, frame.packet_type()))
                && !found
                    .iter()
                    .any(|found| (code(found), found.offset as u64) == (expected, offset))
            {
                let found: Vec<_> = found.iter().map(|error| (code(error), error.offset)).collect();
                missing.push(format!(
                    "{name} {}: {expected} at {offset}, not in {found:?}",
                    line["hex"]
                ));
            }
        }
    }
    assert!(checked > 2_600 && more > 200, "{checked} {more}");
    assert!(missing.is_empty(), "{}:\n{}", missing.len(), missing.join("\n"));
}

#[test]
fn every_statement_that_the_code_cites_exists() {
    let known: Vec<&str> = include_str!("vectors/statements.txt").lines().collect();
    let mut open = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    let (mut cited, mut unknown) = (0, Vec::new());
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices("MQTT-") {
            let id: String = text[at..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || ".-".contains(*c))
                .collect();
            // Prose such as "MQTT-over" has no digits behind the dash, and a placeholder has letters.
            if !id["MQTT-".len()..].starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            cited += 1;
            if !known.contains(&id.trim_end_matches(['.', '-'])) {
                unknown.push(format!("{}: {id}", path.display()));
            }
        }
    }
    assert!(cited > 100, "only {cited} citations");
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}
