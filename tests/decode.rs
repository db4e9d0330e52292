//! What `mqkit decode` shows: golden outputs, and nothing that could harm a terminal.

use crate::support::mqkit;
use bytes::BytesMut;
use mqkit::analysis::{Analyst, Origin};
use mqkit::output::packet::{Options, json, line, verbose};
use mqkit::protocol::{Frame, frame};
use std::path::Path;

/// Ten captures, and what is kept of each: the name of the golden file says the shape.
const GOLDEN: &[(&str, &[&str])] = &[
    ("base-v31.pcap", &["-v", "--flow"]),
    ("live-lo-v5.pcapng", &["--flow", "--stats"]),
    ("live-lo-v311.pcapng", &["", "--json"]),
    ("ws-continuation.pcap", &["", "--stats"]),
    ("sv-mqtt5-pub-mosquittoprops.pcap", &["-v", "--json --offsets"]),
    ("sv-mqtt-events-invalid-qos.pcap", &["-v", "", "--json"]),
    ("sv-mqtt-midstream-split.pcap", &["", "--json"]),
    ("tcp-port-reuse.pcap", &["--stats", "--stats --json"]),
    ("snaplen-96.pcap", &["", "-v"]),
    ("sv-mqtt5-excessiveproplen.pcap", &["-v", "--flow"]),
];

/// Standard output, and the status.
fn run(words: &[&str], input: &[u8]) -> (String, i32) {
    let output = mqkit().arg("decode").args(words).write_stdin(input).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

#[test]
fn captures_look_as_they_did_when_somebody_read_them() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let overwrite = std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite");
    let mut faults = Vec::new();
    for (capture, shapes) in GOLDEN {
        let path = tests.join("captures").join(capture);
        for shape in *shapes {
            let mut words: Vec<&str> = shape.split_whitespace().collect();
            let name = if words.is_empty() {
                "lines".to_owned()
            } else {
                shape.replace("-", "").replace(' ', "-")
            };
            words.push(path.to_str().unwrap());
            let (found, _) = run(&words, b"");
            let golden = tests.join("decode/golden").join(format!("{capture}.{name}.txt"));
            if overwrite {
                std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
                std::fs::write(&golden, &found).unwrap();
            }
            if std::fs::read_to_string(&golden).unwrap_or_default() != found {
                faults.push(format!("decode {shape} {capture}: is no longer {}", golden.display()));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{}\n(SNAPSHOTS=overwrite rewrites them)",
        faults.join("\n")
    );
}

#[test]
fn the_seed_packet_is_explained() {
    let seed = "0x10 0x13 0x0 0x4 0x4d 0x51 0x54 0x54 0x4 0x2 0x0 0x3c 0x0 0x7 0x70 0x79 0x74 0x68 0x6F 6E 0x31";
    let mut words = vec!["-v"];
    words.extend(seed.split(' '));
    assert_eq!(run(&words, b""), (include_str!("decode/seed.txt").to_owned(), 0));
}

#[test]
fn a_publish_of_version_5_is_explained() {
    let hex = "35 2a 00 03 61 2f 62 00 07 16 01 01 03 00 0a 74 65 78 74 2f 70 6c 61 69 6e 26 00 01 6b 00 01 76 \
               7b 22 74 22 3a 20 32 31 2e 35 7d 0a";
    assert_eq!(
        run(&["-v"], hex.as_bytes()),
        (include_str!("decode/publish-v5.txt").to_owned(), 0)
    );
}

#[test]
fn a_fault_is_shown_behind_what_could_be_read() {
    let hex = b"82 08 00 01 00 03 61 2f 62 03 d0 00 30 05 00 03 61";
    assert_eq!(run(&["-v"], hex), (include_str!("decode/faults.txt").to_owned(), 1));
}

#[test]
fn passwords_are_masked() {
    let connect = b"101e 0004 4d515454 04 c2 003c 0003 616263 0005 616c696365 0006 736563726574";
    // A CONNECT that cannot be read to its end may hold one, too.
    let broken = b"101e 0004 4d515454 04 c2 003c 0003 616263 0005 616c69ff65 0006 736563726574";
    for (hex, status) in [(&connect[..], 0), (broken, 1)] {
        for shape in ["", "-v", "--json", "--flow"] {
            let words: Vec<&str> = shape.split_whitespace().collect();
            let (text, found) = run(&words, hex);
            assert_eq!(found, status, "{text}");
            for secret in ["\"secret\"", "73 65 63", "736563"] {
                assert!(!text.contains(secret), "{shape}: {text}");
            }
        }
    }
    assert!(run(&["-v", "--show-secrets"], connect).0.contains("\"secret\""));
}

#[test]
fn no_vector_panics_or_reaches_the_terminal() {
    for vector in include_str!("vectors/packets.jsonl").lines() {
        let vector: serde_json::Value = serde_json::from_str(vector).unwrap();
        let hex = vector["hex"].as_str().unwrap();
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        let mut buffer = BytesMut::from(&bytes[..]);
        let frame = match frame::split(&mut buffer, usize::MAX) {
            Ok(Some(frame)) => frame,
            Ok(None) | Err(_) => Frame::cut(buffer.freeze()),
        };
        let explained = Analyst::new(None, true).packet(Origin::UNKNOWN, frame);
        let mut out = Vec::new();
        verbose::write(&explained, Options::default(), &mut out);
        line::write(&explained, Options::default(), &mut out);
        let text = String::from_utf8(out).unwrap();
        let control = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{}", vector["name"]);
        let mut out = Vec::new();
        json::write(
            &explained,
            Options {
                offsets: true,
                ..Options::default()
            },
            &mut out,
        );
        serde_json::from_slice::<serde_json::Value>(&out).unwrap_or_else(|e| panic!("{}: {e}", vector["name"]));
    }
}
