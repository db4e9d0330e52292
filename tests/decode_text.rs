//! Texts that stand for bytes: every shape that tools print, and what must be refused.

use mqkit::base64;
use mqkit::input::form::{self, Form};
use mqkit::input::text::{self, Content, TextFault, TextForm};
use proptest::prelude::*;
use std::time::{Duration, Instant};

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
        ("RX(4): {32, 2, 0, 0}", &connack),
        ("Packet 1: 20 02\nPacket 2: 00 00", &connack),
        ("2026-11-26T01:02:03.123Z 20 02 00 00", &connack),
        ("[2026-11-26 01:02:03] [DEBUG] recv (2 bytes): 20 02 00 00", &connack),
        ("0x20, 0x02, \\\n0x00, 0x00", &connack),
        ("$ xxd f\n00000000: 2002 0000  ...\n", &connack),
        ("[1] {32, 2, 0, 0}", &connack),
        ("(1234): 20 02 00 00", &connack),
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

#[test]
fn what_has_two_meanings_says_so() {
    for (text, note) in [
        ("30010000", "base64"),
        ("10 13 44", "decimal"),
        ("[10, 13, 44]", "hex"),
        ("0x10 13", "`13` is read as hex"),
        ("00010000 00010011", "hex"),
        ("0000 c0 00", "offset"),
        ("14:22:33 20 02 00 00", "`14:22:33`"),
        ("10 13 ; 04\n00 ; CONNECT", "comment"),
        ("b\"\\012\"", "Rust"),
        ("\"\\u00c0\\u0000\"", "UTF-8"),
        ("0000000 0013", "padding"),
        ("00000000: c000", "little-endian"),
        ("0000000 30 30\n*\n0000010 30\n0000011\n", "octal"),
        ("[32, 2, ... 98 more items]", "98 more"),
        ("<<32, 2, ...>>", "cut"),
    ] {
        let parsed = text::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let said = parsed.note.unwrap_or_default();
        assert!(said.contains(note), "{text}: {} {said:?}", parsed.shape);
    }
    for text in [
        "c0 00",
        "C0 00 d0 00",
        // Packets, which the same characters as base64 are not.
        "c000",
        "[192, 0]",
        "0xc0, 0x00",
        "0000   c0 00",
        "EBMABE1RVFQEAgA8AAdweXRob24x",
    ] {
        assert_eq!(text::parse(text.as_bytes()).unwrap().note, None, "{text}");
    }
}

#[test]
fn mistakes_have_a_place_and_a_reason() {
    for (text, line, column, message) in [
        ("", 1, 1, "no hex digits"),
        (" \n\t\n", 1, 1, "no hex digits"),
        ("10 13 00 0g 4d", 1, 11, "'g' at line 1, column 11"),
        ("> 10 13\n> 00 0g", 2, 7, "'g' at line 2, column 7"),
        ("c0 00\n  c0 0", 2, 6, "odd number of digits"),
        ("c0 000", 1, 4, "`000`"),
        ("0x", 1, 1, "`0x` without digits"),
        ("0x10x1", 1, 5, "'x' at line 1, column 5"),
        ("c0 é", 1, 4, "'é'"),
        ("hello world", 1, 1, "'h'"),
        ("hello", 1, 1, "'h'"),
        ("test", 1, 1, "'t'"),
        ("[16, 19, 0, 4, 256]", 1, 16, "`256`"),
        ("[16, 19, 0, 4, x]", 1, 16, "'x'"),
        ("-1 -300", 1, 4, "`-300`"),
        (
            "unsigned char p[] = { 0x10, 0x13 };\nunsigned int p_len = 3;",
            2,
            22,
            "the text says 3",
        ),
        ("uint8_t p[1] = { 0x10, 0x13 };", 1, 11, "the text says 1"),
        (
            "00000000: 1013 0004 4d51 5454 0402 003c 0007 7079  ....MQTT...<..py\n00000020: 7468  th",
            2,
            1,
            "should be at offset 0x10 and says 0x20",
        ),
        (
            "00000000  10 13 00 04 4d 51 54 54  04 02 00 3c 00 07 70 79  |....MQTT...<..py|\n00000010  74 68 6f 6e      \
             \x20                                |th0n|\n00000014",
            2,
            11,
            "do not agree",
        ),
        ("00000000: 30 30\n*\nffffffff0: 30 30\n", 3, 11, "256 MiB"),
        (
            "0000   10 13 00 04\n0008   51 54\n",
            2,
            1,
            "should be at offset 0x4 and says 0x8",
        ),
        (
            "0000 10 13 00 04\n0004 51 54\n0008 00",
            3,
            1,
            "should be at offset 0x6 and says 0x8",
        ),
        ("Frame (3 bytes):\n\n0000  10 13\n", 1, 1, "the text says 3"),
        ("Follow: tcp,raw\n10130\n", 2, 1, "odd number"),
    ] {
        let error = text::parse(text.as_bytes()).expect_err(text);
        assert!(error.to_string().contains(message), "{text}: {error}");
        assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
    }
}

#[test]
fn what_only_resembles_bytes_is_refused() {
    for text in [
        "The quick brown fox",
        "topic: home/kitchen",
        "192.168.1.1",
        "mqtt://localhost:1883",
        "I (12) mqtt: connected",
        "Error: bad",
        "capture.pcap",
        "a/b/c",
        "GET / HTTP/1.1",
        "100",
        "Connect",
        "{\"temp\": 21.5}",
        "<html><body>10</body></html>",
        "echo -ne '\\xc0\\x00' | nc localhost 1883",
        "CONNECT 10 13 00",
        "100%",
        "\"hello\"",
        "[]",
    ] {
        if let Ok(parsed) = text::parse(text.as_bytes()) {
            panic!("{text}: {parsed:x?}");
        }
    }
}

#[test]
fn a_form_that_is_asked_for_is_the_only_one() {
    let base64 = |text: &str| text::parse_as(text.as_bytes(), TextForm::Base64);
    let hex = |text: &str| text::parse_as(text.as_bytes(), TextForm::Hex);
    assert_eq!(
        base64("c0 00\n").unwrap().content,
        Content::Bytes(vec![0x73, 0x4d, 0x34])
    );
    assert_eq!(base64("test").unwrap().content, Content::Bytes(vec![0xb5, 0xeb, 0x2d]));
    assert_eq!(hex("c000").unwrap().content, Content::Bytes(vec![0xc0, 0]));
    assert!(hex("wAA=").is_err());
    let error = base64("wA\nA!").unwrap_err();
    assert_eq!((error.line, error.column, error.fault), (2, 2, TextFault::Base64));
    assert_eq!(base64("wAB").unwrap_err().column, 4);
    assert_eq!(base64(" ").unwrap_err().fault, TextFault::Empty);
}

#[test]
fn packet_dumps_have_a_link_and_times() {
    let file = |name: &str| {
        let line = include_str!("decode/hexshapes.jsonl")
            .lines()
            .find(|line| line.contains(name))
            .unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        base64::decode(line["content"].as_str().unwrap().as_bytes()).unwrap()
    };
    let frames = |text: &[u8]| match text::parse(text).unwrap().content {
        Content::Frames { link, frames } => (link, frames),
        content => panic!("{content:x?}"),
    };
    let (link, tcpdump) = frames(&file("tcpdump-X.txt"));
    assert_eq!((link, tcpdump.len()), (101, 4));
    assert_eq!(tcpdump[0].0, Some(Duration::new(22 * 3600 + 13 * 60 + 20, 1_000_000)));
    let (link, tshark) = frames(&file("tshark-x.txt"));
    assert_eq!((link, tshark.len(), tshark[0].0), (1, 4, None));
    assert_eq!(tshark[3].1[14..], tcpdump[3].1);
    // A date, or seconds since the epoch.
    let text = String::from_utf8(file("tcpdump-X.txt")).unwrap();
    let epoch = Duration::new(1_700_000_000, 1_000_000);
    let (_, dated) = frames(text.replace("22:13:20.001000", "2023-11-14 22:13:20.001000").as_bytes());
    assert_eq!(dated[0].0, Some(epoch));
    let (_, dated) = frames(text.replace("22:13:20.001000", "1700000000.001000").as_bytes());
    assert_eq!(dated[0].0, Some(epoch));
    // One packet alone, in any shape, is a packet all the same.
    let one: String = tshark[3]
        .1
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert_eq!(frames(one.as_bytes()), (1, vec![(None, tshark[3].1.clone())]));
}

#[test]
fn followed_streams_keep_their_directions() {
    let expected = Content::Turns(vec![
        (false, vec![0xc0, 0]),
        (true, vec![0xd0, 0]),
        (false, vec![0xe0, 0]),
    ]);
    for text in [
        "\n===\nFollow: tcp,raw\nFilter: tcp.stream eq 0\nNode 0: 10.0.0.1:50000\nNode 1: 10.0.0.2:1883\nc000\n\td000\ne000\n\
         ===========\n",
        "00000000  c0 00                                              ..\n    00000000  d0 00                               \
         \x20              ..\n00000002  e0 00                                              ..\n",
        "char peer0_0[] = { /* Packet 4 */\n0xc0, 0x00 };\nchar peer1_0[] = { /* Packet 6 */\n0xd0, 0x00 };\nchar peer0_1[] \
         = { /* Packet 8 */\n0xe0, 0x00 };\n",
    ] {
        let text = text.replace("\n===\n", "\n===================\n");
        match text::parse(text.as_bytes()) {
            Ok(parsed) => assert_eq!(parsed.content, expected, "{text}: {}", parsed.shape),
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

/// What a printer makes of the bytes, all on one line or in rows of 16.
fn print(bytes: &[u8], shape: usize) -> String {
    let join = |separator: &str, one: &dyn Fn(&u8) -> String| bytes.iter().map(one).collect::<Vec<_>>().join(separator);
    let rows = |row: &dyn Fn(usize, &[u8]) -> String| {
        let rows = bytes
            .chunks(16)
            .enumerate()
            .map(|(index, bytes)| row(index * 16, bytes));
        rows.collect::<String>()
    };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x} ")).collect::<String>();
    let plain = |bytes: &[u8]| {
        let shown = |byte: &u8| {
            if matches!(byte, b' '..=b'~') {
                char::from(*byte)
            } else {
                '.'
            }
        };
        bytes.iter().map(shown).collect::<String>()
    };
    let pairs = |bytes: &[u8]| {
        let pair = |pair: &[u8]| pair.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + " ";
        bytes.chunks(2).map(pair).collect::<String>()
    };
    match shape {
        0 => join(" ", &|byte| format!("{byte:02X}")),
        1 => join("", &|byte| format!("{byte:02x}")),
        2 => join(", ", &|byte| format!("0x{byte:x}")),
        3 => format!("b\"{}\"", bytes.escape_ascii()),
        4 => join("", &|byte| format!("\\x{byte:02x}")),
        5 => join("", &|byte| format!("\\{byte:03o}")),
        6 => join("", &|byte| format!("%{byte:02X}")),
        7 => {
            rows(&|at, bytes| format!("{at:08x}  {:49} |{}|\n", hex(bytes), plain(bytes)))
                + &format!("{:08x}\n", bytes.len())
        }
        8 => rows(&|at, bytes| format!("{at:08x}: {:40} {}\n", pairs(bytes), plain(bytes))),
        9 => rows(&|at, bytes| format!("{at:04x}   {}\n", hex(bytes))),
        10 => rows(&|at, bytes| format!("{at:07o} {}\n", hex(bytes).trim_end())) + &format!("{:07o}\n", bytes.len()),
        11 => rows(&|at, bytes| format!("I ({at}) mqtt: {}\r\n", hex(bytes))),
        12 => format!("[{}]", join(", ", &|byte| format!("{}", i8::from_ne_bytes([*byte])))),
        13 => format!("<<{}>>", join(",", &|byte| format!("(byte)0x{byte:02x}"))),
        _ => {
            let mut out = Vec::new();
            base64::encode(bytes, &mut out);
            String::from_utf8(out).unwrap()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn what_is_printed_comes_back(bytes in proptest::collection::vec(any::<u8>(), 1..200), shape in 0_usize..15) {
        let text = print(&bytes, shape);
        // What can be read in two ways says so; base64 of few bytes may look like hex or a word.
        match text::parse(text.as_bytes()) {
            Ok(parsed) if parsed.note.is_some() => {}
            Ok(parsed) => prop_assert_eq!(parsed.content, Content::Bytes(bytes), "{}: {}", parsed.shape, text),
            Err(error) => prop_assert!(shape == 14 && bytes.len() < 5, "{}: {}", text, error),
        }
    }

    #[test]
    fn no_text_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = text::parse(&bytes);
        let _ = text::parse_as(&bytes, TextForm::Base64);
        let _ = form::detect(&bytes, true);
    }

    #[test]
    fn no_text_of_likely_characters_panics(
        text in "([0-9a-f]{1,4}|0x|[|:*<>{}(),;`\\\\\"'.#%=é-]|b'|<<|\n| |  |\t|00000000|0x0000:|Frame \\(2 bytes\\):|<Buffer |-1|_len = ){0,60}"
    ) {
        let _ = text::parse(text.as_bytes());
        let _ = text::parse_as(text.as_bytes(), TextForm::Base64);
    }
}

#[test]
fn time_is_linear() {
    let time = |text: &str| {
        let start = Instant::now();
        let _ = text::parse(text.as_bytes());
        start.elapsed()
    };
    let bytes: Vec<u8> = (0..8_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let lengthy = |part: &str| part.repeat(40_000 / part.len());
    let mut texts: Vec<String> = (0..15).map(|shape| print(&bytes, shape)).collect();
    texts.extend(
        [
            "/**/", "<", "[1,", "((", "{{1", "\"", "'a' ", "b'", "0000 ", "0x", "\\", "`", ": ", "<p>", "</p>", "* \n",
        ]
        .map(lengthy),
    );
    texts.extend(
        [
            "00000000: 30 30  00\n",
            "a: 10 ",
            "10 ;",
            "0000 10\n\n",
            "TX: 10\n\n",
            " ",
            "1\n",
            "f",
            "% ",
            "<< ",
        ]
        .map(lengthy),
    );
    for text in texts {
        let (short, long) = (time(&text), time(&text.repeat(4)));
        let limit = short * 12 + Duration::from_millis(500);
        assert!(long < limit, "{short:?} {long:?} {:.100}", text);
    }
}
