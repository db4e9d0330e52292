//! Texts that stand for bytes: every shape that tools print, and what must be refused.

use mqkit::base64;
use mqkit::input::form::{self, Form};
use mqkit::input::text::{self, Content, TextFault, TextForm};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

fn bytes_of(text: &[u8]) -> Vec<u8> {
    match text::parse(text) {
        Ok(parsed) => match parsed.content {
            Content::Bytes(bytes) => bytes,
            content => panic!("{}: {content:x?}", parsed.shape),
        },
        Err(error) => panic!("{error}\n{}", String::from_utf8_lossy(text)),
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(pair).collect()
}

/// The bytes behind the TCP header of a packet.
fn payload(link: u16, frame: &[u8]) -> &[u8] {
    let ip = &frame[if link == 1 { 14 } else { 0 }..];
    let (header, length) = match ip[0] >> 4 {
        4 => (
            usize::from(ip[0] & 15) * 4,
            usize::from(ip[2]) << 8 | usize::from(ip[3]),
        ),
        _ => (40, 40 + (usize::from(ip[4]) << 8 | usize::from(ip[5]))),
    };
    let tcp = &ip[header..length];
    &tcp[usize::from(tcp[12] >> 4) * 4..]
}

/// What a line of the table must give, by its content.
fn check(file: &str, content: &[u8], expected: &[u8]) -> Result<(), String> {
    let form = form::detect(content, true);
    let raw = std::path::Path::new(file)
        .extension()
        .is_some_and(|extension| extension == "bin");
    if form != Some(if raw { Form::Raw } else { Form::Text }) {
        return Err(format!("form {form:?}"));
    }
    if raw {
        return (content == expected)
            .then_some(())
            .ok_or_else(|| "other bytes".to_owned());
    }
    let parsed = match text::parse(content) {
        Ok(parsed) => parsed,
        Err(_) if expected.is_empty() => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let note = parsed.note.clone().unwrap_or_default();
    let bytes = match parsed.content {
        Content::Bytes(bytes) => bytes,
        Content::Frames { link, frames } => frames
            .iter()
            .flat_map(|(_, frame)| payload(link, frame).to_vec())
            .collect(),
        Content::Turns(turns) => turns
            .into_iter()
            .filter(|(node, _)| !node)
            .flat_map(|(_, bytes)| bytes)
            .collect(),
    };
    // Node.js prints 50 bytes at most.
    let (expected, missing) = match expected.get(50..) {
        Some(rest) if file.contains("node-buffer") && !rest.is_empty() => (&expected[..50], rest.len()),
        _ => (expected, 0),
    };
    if bytes != expected {
        return Err(format!("{}: {bytes:02x?}", parsed.shape));
    }
    if missing > 0 && !note.contains(&format!("{missing} more bytes are missing")) {
        return Err(format!("note {note:?}"));
    }
    Ok(())
}

#[test]
fn every_shape_of_the_table_gives_its_bytes() {
    let mut faults = Vec::new();
    for line in include_str!("decode/hexshapes.jsonl").lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| line[name].as_str().unwrap();
        let content = base64::decode(field("content").as_bytes()).unwrap();
        if let Err(fault) = check(field("file"), &content, &unhex(field("hex"))) {
            faults.push(format!("{}: {fault}", field("file")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn relatives_that_people_paste_give_their_bytes() {
    let ping = [0xc0, 0];
    let connack = [0x20, 2, 0, 0];
    for (text, bytes) in [
        ("{(byte)0xC0, (byte)0x00}", &ping[..]),
        ("std::byte{0xC0}, std::byte{0x00}", &ping),
        ("std::array<std::byte, 2> pkt{std::byte{0xc0}, std::byte{0}};", &ping),
        ("let pkt: [u8; 4] = [0x20, 2, 0, 0u8];", &connack),
        (
            "const uint8_t pkt[4] PROGMEM = {0x20, 0x02, 0, 0}; // CONNACK",
            &connack,
        ),
        ("new byte[] { 0x20, 0x02, 0x00, 0x00 }", &connack),
        ("[4]byte{0x20, 0x2, 0x0, 0x0}", &connack),
        ("Uint8Array(4) [ 32, 2, 0, 0 ]", &connack),
        ("['0x20', '0x2', '0x0', '0x0']", &connack),
        ("[\"20\", \"02\", \"00\", \"00\"]", &connack),
        ("bytes([32, 2, 0, 0])", &connack),
        ("bytes.fromhex('20 02 00 00')", &connack),
        ("Buffer.from('20020000', 'hex')", &connack),
        ("Buffer.from(\"IAIAAA==\", \"base64\")", &connack),
        ("x'20020000'", &connack),
        (r"\x20020000", &connack),
        ("<20020000>", &connack),
        ("20h 02h 00h 00h", &connack),
        ("$20 $02 $00 $00", &connack),
        ("0b00100000 0b00000010 0b00000000 0b00000000", &connack),
        (r#""\u0020\u0002\u0000\u0000""#, &connack),
        (r"\u0020\u0002\u0000\u0000", &connack),
        (r#"printf "\x20\x02\0\0""#, &connack),
        ("TX: 20 02 00 00", &connack),
        ("RX 20 02 00 00\n", &connack),
        ("<- 20 02 00 00", &connack),
        ("Sent 4 bytes: 20 02 00 00", &connack),
        ("D (123) mqtt: 20 02\nD (123) mqtt: 00 00", &connack),
        (
            "\x1b[0;32mI (1234) mqtt: 20 02\x1b[0m\n\x1b[0;32mI (1234) mqtt: 00 00\x1b[0m\n",
            &connack,
        ),
        (
            "I (1234) mqtt: 0x3ffb4280   20 02 00 00                                       | ...|",
            &connack,
        ),
        ("14:22:33.123 -> 20 02 00 00", &connack),
        ("2026-11-26 14:22:33 [mqtt] data=[32, 2, 0, 0]", &connack),
        ("2026-11-26T14:22:33Z DEBUG payload=\"\\x20\\x02\\0\\0\"", &connack),
        ("14:22:33 20 02 00 00", &connack),
        ("`20 02 00 00`", &connack),
        ("20|02|00|00", &connack),
        ("\u{201c}20 02 00 00\u{201d}", &connack),
        ("data:application/octet-stream;base64,IAIAAA==", &connack),
        ("\"IAIAAA==\"", &connack),
        ("[0x20, 0x02,\n 0x00, 0x00,]", &connack),
        ("<<32,2,\"ab\">>", &[0x20, 2, b'a', b'b']),
        ("{0x30, 4, 0, 2, 'a', '/'}", &[0x30, 4, 0, 2, b'a', b'/']),
        ("10 13 0 4 4D 51", &[0x10, 0x13, 0, 4, 0x4d, 0x51]),
        ("000: 20 02 00\n003: 00\n", &connack),
        ("10: 13 00", &[0x13, 0]),
        (
            "         +-------------------------------------------------+\n         |  0  1  2  3  4  5  6  7  8  9  a  b  \
             c  d  e  f |\n+--------+-------------------------------------------------+----------------+\n|00000000| 20 \
             02 00 00                                     | ...            |\n\
             +--------+-------------------------------------------------+----------------+",
            &connack,
        ),
        (
            "0x7ffe1000 <buf>:\t0x20\t0x02\n0x7ffe1002 <buf+2>:\t0x00\t0x00",
            &connack,
        ),
        ("0x7ffe1000:\t0x00000220", &connack),
        (" 20 02 00 00                                      | ...", &connack),
    ] {
        match text::parse(text.as_bytes()) {
            Ok(parsed) => assert_eq!(
                parsed.content,
                Content::Bytes(bytes.to_vec()),
                "{text}: {}",
                parsed.shape
            ),
            Err(error) => panic!("{text}: {error}"),
        }
    }
}
