//! How explained packets are shown: golden outputs of one session, and of packets with faults.

use bytes::BytesMut;
use mqkit::analysis::{Analyst, Answer, Ending, Explained, Origin, Severity, Violation};
use mqkit::output::flow::Flow;
use mqkit::output::packet::{Options, json, line, verbose};
use mqkit::output::stats::Stats;
use mqkit::protocol::{FieldId, Packet, PacketType, Sender, Utf8, Version, frame};
use std::time::Duration;

/// The first packet of `bytes`, as a lone hex dump gives it.
pub(crate) fn explain(version: Version, sender: Sender, bytes: &[u8]) -> Explained {
    let size = frame::extent(bytes).unwrap().unwrap().total();
    let there = &bytes[..size.min(bytes.len())];
    let origin = Origin {
        sender,
        ..Origin::UNKNOWN
    };
    let frame = frame::Frame::cut(there.to_vec().into());
    let mut explained = Analyst::new(Some(version), true).packet(origin, frame);
    // What the session says of it is added by the test.
    explained.violations.retain(|violation| violation.offset.is_some());
    explained
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let text = String::from_utf8(digits).unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// Time in microseconds, sender, bytes, and what it answers after how many microseconds.
type Sent = (u32, Sender, &'static str, Option<(PacketType, u32)>);

/// A session of version 5 as a capture shows it: packets with time, direction and what they answer.
fn session() -> (Vec<Explained>, Ending) {
    use Sender::{Client as C, Server as S};
    let packets: &[Sent] = &[
        (
            0,
            C,
            "10 54 0004 4d515454 05 ee 003c 05 11 0000 0e10  0007 707974686f6e31  05 18 0000 001e 000d 7374617475732f707974686f6e \
             0007 6f66666c696e65  0005 616c696365 0006 736563726574",
            None,
        ),
        (1_132, S, "20 06 00 00 03 21 0014", Some((PacketType::Connect, 1_132))),
        (
            2_000,
            C,
            "82 1c 0001 00 0009 73656e736f72732f23 01 0009 636d642f6465762f2b 2c",
            None,
        ),
        (2_900, S, "90 05 0001 00 01 87", Some((PacketType::Subscribe, 900))),
        (
            10_000,
            C,
            "30 29 000d 73656e736f72732f322f74656d 03 23 0001 7b 22 74 22 3a 32 31 2e 35 2c 0a 20 20 22 68 22 3a 34 30 7d 0a",
            None,
        ),
        (20_000, C, "32 12 0000 0009 03 23 0001 7b22 74223a32312e367d", None),
        (21_250, S, "40 04 0009 10 00", Some((PacketType::Publish, 1_250))),
        (500_000, C, "3d 0e 0005 616c61726d 000a 00 ff00 0102", None),
        (501_000, S, "50 02 000a", Some((PacketType::Publish, 1_000))),
        (501_100, C, "62 02 000a", Some((PacketType::Pubrec, 100))),
        (502_000, S, "70 02 000a", Some((PacketType::Pubrel, 900))),
        (600_000, S, "32 10 0009 73656e736f72732f31 0003 00 6f6b", None),
        (60_000_000, C, "c0 00", None),
        (60_000_450, S, "d0 00", Some((PacketType::Pingreq, 450))),
        (61_000_000, S, "30 06 0003 612f23 00", None),
        (
            61_000_500,
            C,
            "e0 18 82 17 1f 0014 77696c64636172642069 6e20746f706963 1b5b 21",
            None,
        ),
    ];
    let (client, server) = ("192.168.1.17:51234".parse().ok(), "192.168.1.2:1883".parse().ok());
    let start = Duration::from_micros(1_795_408_972_456_768);
    let mut all = Vec::new();
    for (record, (micros, sender, text, answer)) in (1..).zip(packets) {
        let mut bytes = hex(text);
        bytes[1] = u8::try_from(bytes.len() - 2).unwrap();
        let mut explained = explain(Version::V5, *sender, &bytes);
        explained.origin = Origin {
            connection: Some(0),
            sender: *sender,
            time: Some(start + Duration::from_micros((*micros).into())),
            source: if *sender == C { client } else { server },
            destination: if *sender == C { server } else { client },
            record: Some(record),
        };
        explained.answer = answer.map(|(to, after)| Answer {
            to,
            after: Some(Duration::from_micros(after.into())),
            topic: match explained.frame.packet_type() {
                PacketType::Puback => Utf8::new("sensors/2/tem").ok(),
                PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp => Utf8::new("alarm").ok(),
                _ => None,
            },
        });
        if let Ok(Packet::Publish(publish)) = &explained.packet {
            if publish.topic.is_empty() {
                explained.alias_topic = Utf8::new("sensors/2/tem").ok();
            }
        }
        all.push(explained);
    }
    // As the analysis finds them.
    all[7].violations.push(Violation {
        severity: Severity::Note,
        statement: None,
        offset: None,
        field: None,
        message: "sent again, but the first one is not in the capture".to_owned(),
    });
    all[9].violations.extend([
        Violation {
            severity: Severity::Warning,
            statement: None,
            offset: None,
            field: None,
            message: "an example of a warning".to_owned(),
        },
        Violation {
            severity: Severity::Protocol,
            statement: Some("MQTT-4.3.3-4"),
            offset: Some(2),
            field: Some(FieldId::PacketIdentifier),
            message: "an example of a violation".to_owned(),
        },
    ]);
    let ending = Ending {
        connection: Some(0),
        client_id: None,
        time: Some(start + Duration::from_micros(61_000_600)),
        cause: "the client sent DISCONNECT: Protocol Error (0x82)".to_owned(),
        unacknowledged: vec![(Sender::Server, PacketType::Publish, 3, Utf8::new("sensors/1").ok())],
    };
    (all, ending)
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    let text = String::from_utf8(out).unwrap();
    let control = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "{text}");
    text
}

/// Compares with a file of `tests/decode`, or writes it with `SNAPSHOTS=overwrite`.
fn golden(name: &str, text: &str) {
    let path = format!("{}/tests/decode/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{path}; SNAPSHOTS=overwrite writes it");
}

fn each(packets: &[Explained], write: impl Fn(&Explained, Options, &mut Vec<u8>), options: Options) -> String {
    text(|out| packets.iter().for_each(|packet| write(packet, options, out)))
}

#[test]
fn a_session_as_lines() {
    golden(
        "session.lines.txt",
        &each(&session().0, line::write, Options::default()),
    );
}

#[test]
fn a_session_as_json() {
    let options = Options::default();
    let lines = each(&session().0, json::write, options);
    for line in lines.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    golden("session.jsonl", &lines);
}

#[test]
fn a_session_with_every_field() {
    // A blank line between packets is the caller's.
    let write = |packet: &Explained, options: Options, out: &mut Vec<u8>| {
        verbose::write(packet, options, out);
        out.push(b'\n');
    };
    golden("session.verbose.txt", &each(&session().0, write, Options::default()));
}

#[test]
fn a_session_as_a_ladder() {
    let (packets, ending) = session();
    let mut flow = Flow::new(Options::default());
    let ladder = text(|out| {
        packets.iter().for_each(|packet| flow.add(packet));
        flow.end(&ending, out);
        flow.finish(out);
    });
    golden("session.flow.txt", &ladder);
}

#[test]
fn a_session_in_numbers() {
    let (packets, ending) = session();
    let mut stats = Stats::new();
    packets.iter().for_each(|packet| stats.add(packet));
    stats.end(&ending);
    golden(
        "session.stats.txt",
        &text(|out| stats.write_text(Options::default(), out)),
    );
    let json = text(|out| stats.write_json(out));
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    golden("session.stats.json", &format!("{value:#}\n"));
}

/// Packets of a hex dump, some of them with faults.
fn dump() -> Vec<Explained> {
    let (v311, v5) = (Version::V311, Version::V5);
    [
        (v311, "10 13 0004 4d515454 04 02 003c 0007 707974686f6e31"),
        (v311, "20 02 00 05"),
        (v311, "30 07 0003 612f62 6869"),
        (v311, "32 0a 0003 612f62 0007 1b5b32 4a"),
        (v311, "82 08 0001 0003 612f62 03"),
        (v311, "82 02 0001"),
        (v311, "30 ff 01 0003 612f62"),
        (v311, "00 00"),
        (v311, "d0 80 00"),
        (v5, "40 04 0001 83 00"),
        (v5, "10 10 0004 4d515454 05 c2 003c 04 16 0004 ffff"),
        (v5, "f0 0e 18 0c 15 0004 504c4149 16 0002 6869"),
    ]
    .map(|(version, text)| explain(version, Sender::Unknown, &hex(text)))
    .into()
}

#[test]
fn a_dump_as_lines_and_json() {
    golden("dump.lines.txt", &each(&dump(), line::write, Options::default()));
    let options = Options {
        offsets: true,
        ..Options::default()
    };
    let lines = each(&dump(), json::write, options);
    for line in lines.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    golden("dump.jsonl", &lines);
    let mut flow = Flow::new(Options::default());
    let ladder = text(|out| {
        dump().iter().for_each(|packet| flow.add(packet));
        flow.finish(out);
    });
    golden("dump.flow.txt", &ladder);
    let mut stats = Stats::new();
    dump().iter().for_each(|packet| stats.add(packet));
    golden("dump.stats.txt", &text(|out| stats.write_text(Options::default(), out)));
}

#[test]
fn no_output_shows_a_secret() {
    // Whole, with a fault before the password, and cut inside it; then authentication data.
    let connect = hex("10 1d 0004 4d515454 04 c2 003c 0003 616263 0005 616c696365 0005 7061353577");
    let mut faulty = connect.clone();
    faulty[22] = 0xff;
    let cut = &connect[..connect.len() - 1];
    let auth = hex("f0 11 18 0f 15 0004 504c4149 16 0005 7061353577");
    for (name, version, bytes, whole) in [
        ("whole", Version::V311, &connect[..], true),
        ("faulty", Version::V311, &faulty, false),
        ("cut", Version::V311, cut, false),
        ("auth", Version::V5, &auth[..18], false),
        ("auth", Version::V5, &auth, true),
    ] {
        let explained = explain(version, Sender::Client, bytes);
        assert_eq!(explained.packet.is_ok(), whole, "{name}");
        for show_secrets in [false, true] {
            let options = Options {
                show_secrets,
                offsets: true,
                ..Options::default()
            };
            let shown = text(|out| {
                verbose::write(&explained, options, out);
                json::write(&explained, options, out);
                line::write(&explained, options, out);
            });
            for secret in ["pa55", "70613535", "70 61 35 35"] {
                assert!(show_secrets || !shown.contains(secret), "{name}: {shown}");
            }
            assert!(!show_secrets || shown.contains("70 61 35 35"), "{name}: {shown}");
        }
    }
}

#[test]
fn colours_are_on_only_when_asked_for() {
    let packet = explain(Version::V311, Sender::Client, &hex("82 08 0001 0003 612f62 03"));
    let options = Options {
        colour: true,
        ..Options::default()
    };
    let mut out = Vec::new();
    line::write(&packet, options, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains("\x1b[1mSUBSCRIBE") && text.contains("\x1b[31m! "),
        "{text:?}"
    );
    let mut out = Vec::new();
    json::write(&packet, options, &mut out);
    assert!(!out.contains(&0x1b));
}

#[test]
fn ladders_and_counts_stay_within_their_limits() {
    let mut flow = Flow::new(Options::default());
    let mut stats = Stats::new();
    let mut packet = explain(Version::V311, Sender::Client, &hex("30 08 0006 612f30303030"));
    for number in 0..20_000_u32 {
        let mut bytes = BytesMut::from(&packet.frame.bytes()[..4]);
        bytes.extend_from_slice(format!("a{number:05}").as_bytes());
        packet = explain(Version::V311, Sender::Client, &bytes);
        flow.add(&packet);
        stats.add(&packet);
    }
    let ladder = text(|out| flow.finish(out));
    assert!(ladder.contains("… 10000 more packets are left out"));
    assert!(ladder.lines().count() < 10_010);
    let table = text(|out| stats.write_text(Options::default(), out));
    assert!(table.contains("(other)"), "{table}");
    assert!(table.lines().count() < 10_050);
}
