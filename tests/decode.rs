//! What `mqkit decode` shows: golden outputs, and nothing that could harm a terminal.

use mqkit::cli::values::VersionChoice;
use mqkit::commands::decode::explain;
use mqkit::input::text::{self, Content};
use mqkit::output::packet::Options;

fn show(text: &str) -> (String, bool) {
    let mut out = Vec::new();
    let Content::Bytes(bytes) = text::parse(text.as_bytes()).unwrap().content else {
        panic!("{text:?} holds no bytes");
    };
    let clean = explain(&mut out, &bytes, VersionChoice::Auto, Options::default()).unwrap();
    (String::from_utf8(out).unwrap(), clean)
}

#[test]
fn the_seed_packet_is_explained() {
    let (text, clean) =
        show("0x10 0x13 0x0 0x4 0x4d 0x51 0x54 0x54 0x4 0x2 0x0 0x3c 0x0 0x7 0x70 0x79 0x74 0x68 0x6F 6E 0x31");
    assert!(clean);
    assert_eq!(text, include_str!("decode/seed.txt"));
}

#[test]
fn a_publish_of_version_5_is_explained() {
    let (text, clean) = show(
        "35 2a 00 03 61 2f 62 00 07 16 01 01 03 00 0a 74 65 78 74 2f 70 6c 61 69 6e 26 00 01 6b 00 01 76 \
         7b 22 74 22 3a 20 32 31 2e 35 7d 0a",
    );
    assert!(clean, "{text}");
    assert_eq!(text, include_str!("decode/publish-v5.txt"));
}

#[test]
fn a_fault_is_shown_behind_what_could_be_read() {
    let (text, clean) = show("82 08 00 01 00 03 61 2f 62 03 d0 00 30 05 00 03 61");
    assert!(!clean);
    assert_eq!(text, include_str!("decode/faults.txt"));
}

#[test]
fn passwords_are_masked() {
    let connect = "101e 0004 4d515454 04 c2 003c 0003 616263 0005 616c696365 0006 736563726574";
    let (text, clean) = show(connect);
    assert!(clean, "{text}");
    assert!(!text.contains("secret\"") && !text.contains("73 65 63"), "{text}");
    assert!(text.contains("\"alice\""), "{text}");
    // A CONNECT that cannot be read to its end may hold one, too.
    let (text, clean) = show("101e 0004 4d515454 04 c2 003c 0003 616263 0005 616c69ff65 0006 736563726574");
    assert!(!clean);
    assert!(!text.contains("73 65 63"), "{text}");
}

#[test]
fn no_vector_panics_or_reaches_the_terminal() {
    for line in include_str!("vectors/packets.jsonl").lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let (text, _) = show(line["hex"].as_str().unwrap());
        let control = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{}", line["name"]);
    }
}
