//! What the packets of a session mean together: conversations as data, and what is said about them.

use bytes::BytesMut;
use mqkit::analysis::{Analyst, Explained, Origin};
use mqkit::protocol::{Frame, PacketType, Sender, Version, frame};
use std::time::Duration;

/// A client that asks for a clean start, keep alive 60 s, identifier "a".
const CONNECT_V5: &str = "C 100e 0004 4d515454 05 02 003c 00 0001 61";
const CONNECT_V311: &str = "C 100d 0004 4d515454 04 02 003c 0001 61";
const CONNACK_V5: &str = "S 2003 00 00 00";
const CONNACK_V311: &str = "S 2002 00 00";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn origin(sender: Sender, time: Option<Duration>) -> Origin {
    Origin {
        connection: Some(0),
        sender,
        time,
        source: None,
        destination: None,
        record: None,
    }
}

/// Each line is a sender (`C`, `S`, `?`) and the hex of one packet; `+5000` in front lets so many milliseconds pass, else
/// it is one.
fn run(analyst: &mut Analyst, lines: &[&str]) -> Vec<Explained> {
    let mut time = Duration::from_secs(1_800_000_000);
    let mut explained = Vec::new();
    for line in lines {
        let mut line = *line;
        let mut pause = 1;
        if let Some(rest) = line.strip_prefix('+') {
            let (number, rest) = rest.split_once(' ').unwrap();
            (pause, line) = (number.parse().unwrap(), rest);
        }
        time += Duration::from_millis(pause);
        let (sender, hex) = line.split_at(1);
        let sender = match sender {
            "C" => Sender::Client,
            "S" => Sender::Server,
            _ => Sender::Unknown,
        };
        let mut buffer = BytesMut::from(&bytes(hex)[..]);
        let frame = match frame::split(&mut buffer, usize::MAX) {
            Ok(Some(frame)) => frame,
            _ => Frame::cut(buffer.split().freeze()),
        };
        assert!(buffer.is_empty(), "more than one packet in {line}");
        explained.push(analyst.packet(origin(sender, Some(time)), frame));
    }
    explained
}

fn explain(lines: &[&str]) -> Vec<Explained> {
    run(&mut Analyst::new(None, false), lines)
}

/// Index of the packet, severity, statement.
fn violations(lines: &[&str]) -> Vec<(usize, String)> {
    let explained = explain(lines);
    let each = explained.iter().enumerate().flat_map(|(index, explained)| {
        explained.violations.iter().map(move |violation| {
            let statement = violation.statement.unwrap_or("-");
            (index, format!("{} {statement}", violation.severity.name()))
        })
    });
    each.collect()
}

/// An opening, what follows, and the violations: index from the end of the opening, severity, statement.
struct Case {
    name: &'static str,
    opening: &'static [&'static str],
    lines: &'static [&'static str],
    expected: &'static [(usize, &'static str)],
}

const V5: &[&str] = &[CONNECT_V5, CONNACK_V5];
const V311: &[&str] = &[CONNECT_V311, CONNACK_V311];

const CASES: &[Case] = &[
    Case {
        name: "QoS 1 and 2, both ways, subscribe, ping, disconnect: nothing is wrong",
        opening: V5,
        lines: &[
            "C 8207 0001 00 0001 62 02",
            "S 9004 0001 00 02",
            "C 3207 0001 74 0002 00 6d",
            "S 4002 0002",
            "C 3407 0001 74 0003 00 6d",
            "S 5002 0003",
            "C 6202 0003",
            "S 7002 0003",
            "S 3407 0001 74 0001 00 6d",
            "C 5002 0001",
            "S 6202 0001",
            "C 7002 0001",
            "C c000",
            "S d000",
            "C e000",
        ],
        expected: &[],
    },
    Case {
        name: "second CONNECT",
        opening: V311,
        lines: &[CONNECT_V311],
        expected: &[(0, "protocol MQTT-3.1.0-2")],
    },
    Case {
        name: "CONNECT is not the first packet",
        opening: &["C c000"],
        lines: &[CONNECT_V311],
        expected: &[(0, "protocol MQTT-3.1.0-1")],
    },
    Case {
        name: "the server speaks in front of CONNACK",
        opening: &[CONNECT_V311],
        lines: &["S d000"],
        expected: &[(0, "protocol MQTT-3.2.0-1"), (0, "warning MQTT-3.12.4-1")],
    },
    Case {
        name: "second CONNACK",
        opening: V5,
        lines: &[CONNACK_V5],
        expected: &[(0, "protocol MQTT-3.2.0-2")],
    },
    Case {
        name: "packets of the other end",
        opening: V311,
        lines: &["S c000", "C d000"],
        expected: &[(0, "protocol MQTT-4.8.0-1"), (1, "protocol MQTT-4.8.0-1")],
    },
    Case {
        name: "a server of 3.1.1 does not send DISCONNECT",
        opening: V311,
        lines: &["S e000"],
        expected: &[(0, "protocol MQTT-4.8.0-1")],
    },
    Case {
        name: "after DISCONNECT",
        opening: V5,
        lines: &["C e000", "C c000"],
        expected: &[(1, "protocol MQTT-3.14.4-1")],
    },
    Case {
        name: "after a refusal",
        opening: &[CONNECT_V5, "S 2003 00 87 00"],
        lines: &["C c000"],
        expected: &[(0, "protocol MQTT-3.2.2-7")],
    },
    Case {
        name: "only AUTH may follow a CONNECT with a method",
        opening: &["C 1012 0004 4d515454 05 02 003c 04 15 0001 78 0001 61"],
        lines: &["C f006 18 04 15 0001 78", "C 8207 0001 00 0001 62 02"],
        expected: &[(1, "protocol MQTT-3.1.2-30")],
    },
    Case {
        name: "AUTH without a method in CONNECT, and another method",
        opening: V5,
        lines: &["C f006 19 04 15 0001 78"],
        expected: &[(0, "protocol MQTT-4.12.0-7")],
    },
    Case {
        name: "AUTH with another method",
        opening: &["C 1012 0004 4d515454 05 02 003c 04 15 0001 78 0001 61"],
        lines: &["S f006 18 04 15 0001 79"],
        expected: &[(0, "protocol MQTT-4.12.0-5")],
    },
    Case {
        name: "session present after a clean start",
        opening: &[CONNECT_V311],
        lines: &["S 2002 01 00"],
        expected: &[(0, "protocol MQTT-3.2.2-1")],
    },
    Case {
        name: "no client identifier is assigned",
        opening: &["C 100d 0004 4d515454 05 02 003c 00 0000"],
        lines: &[CONNACK_V5],
        expected: &[(0, "protocol MQTT-3.2.2-16")],
    },
    Case {
        name: "packet identifier in use, by a client",
        opening: V5,
        lines: &["C 3207 0001 74 0002 00 6d", "C 8207 0002 00 0001 62 02"],
        expected: &[(1, "protocol MQTT-2.2.1-3")],
    },
    Case {
        name: "packet identifier in use, by a server",
        opening: V311,
        lines: &["S 3206 0001 74 0002 6d", "S 3206 0001 74 0002 6e"],
        expected: &[(1, "protocol MQTT-2.3.1-4")],
    },
    Case {
        name: "resent inside the connection",
        opening: V5,
        lines: &["C 3207 0001 74 0002 00 6d", "C 3a07 0001 74 0002 00 6d"],
        expected: &[(1, "warning MQTT-4.4.0-1")],
    },
    Case {
        name: "resent after PUBREC and PUBREL",
        opening: V5,
        lines: &[
            "C 3407 0001 74 0003 00 6d",
            "S 5002 0003",
            "C 6202 0003",
            "C 3c07 0001 74 0003 00 6d",
        ],
        expected: &[(3, "protocol MQTT-4.3.3-6")],
    },
    Case {
        name: "QoS 2 answered by PUBACK, as RabbitMQ does",
        opening: V311,
        lines: &["C 3406 0001 74 0003 6d", "S 4002 0003"],
        expected: &[(1, "protocol MQTT-4.8.0-1")],
    },
    Case {
        name: "acknowledges nothing",
        opening: V5,
        lines: &["S 4002 0009", "S 9004 0009 00 02"],
        expected: &[(0, "warning MQTT-2.2.1-5"), (1, "protocol MQTT-2.2.1-6")],
    },
    Case {
        name: "SUBACK with too few codes, and with more than was asked for",
        opening: V5,
        lines: &["C 820b 0001 00 0001 62 00 0001 63 01", "S 9004 0001 00 02"],
        expected: &[(1, "protocol MQTT-3.8.4-6"), (1, "protocol MQTT-3.8.4-7")],
    },
    Case {
        name: "UNSUBACK with too many codes",
        opening: V5,
        lines: &["C a206 0001 00 0001 62", "S b005 0001 00 00 00"],
        expected: &[(1, "protocol MQTT-3.11.3-1")],
    },
    Case {
        name: "receive maximum of the server",
        opening: &[CONNECT_V5, "S 2006 00 00 03 21 0001"],
        lines: &[
            "C 3207 0001 74 0001 00 6d",
            "C 3207 0001 74 0002 00 6d",
            "S 4002 0001",
            "S 4002 0002",
            "C 3207 0001 74 0001 00 6d",
        ],
        expected: &[(1, "protocol MQTT-3.3.4-7")],
    },
    Case {
        name: "receive maximum of the client; PUBREC with a failure ends a delivery",
        opening: &["C 1011 0004 4d515454 05 02 003c 03 21 0001 0001 61", CONNACK_V5],
        lines: &[
            "S 3407 0001 74 0001 00 6d",
            "C 5003 0001 87",
            "S 3407 0001 74 0001 00 6d",
            "S 3207 0001 74 0002 00 6d",
        ],
        expected: &[(3, "protocol MQTT-3.3.4-9")],
    },
    Case {
        name: "what CONNACK excluded",
        opening: &[CONNECT_V5, "S 200c 00 00 09 24 00 25 00 27 00000008"],
        lines: &["C 3306 0001 74 0001 00", "C 3007 0001 74 00 6d6d6d"],
        expected: &[
            (0, "protocol MQTT-3.2.2-11"),
            (0, "protocol MQTT-3.2.2-14"),
            (1, "protocol MQTT-3.2.2-15"),
        ],
    },
    Case {
        name: "topic aliases: beyond the maximum, and never set",
        opening: &[CONNECT_V5, "S 2006 00 00 03 22 0002"],
        lines: &[
            "C 3008 0001 74 03 23 0002 6d",
            "C 3006 0000 03 23 0002",
            "C 3006 0000 03 23 0001",
            "C 3007 0001 74 03 23 0003",
        ],
        expected: &[(2, "protocol MQTT-4.13.1-1"), (3, "protocol MQTT-3.3.2-9")],
    },
    Case {
        name: "the client accepts no alias",
        opening: V5,
        lines: &["S 3007 0001 74 03 23 0001"],
        expected: &[(0, "protocol MQTT-3.3.2-11")],
    },
    Case {
        name: "reason string although no problem information was asked for",
        opening: &["C 1010 0004 4d515454 05 02 003c 02 17 00 0001 61", CONNACK_V5],
        lines: &["C 3207 0001 74 0001 00 6d", "S 4008 0001 00 04 1f 0001 78"],
        expected: &[(1, "protocol MQTT-3.1.2-29")],
    },
    Case {
        name: "keep alive, of the client and then of the server",
        opening: V5,
        lines: &["+59000 C c000", "+70000 C c000", "+99000 C c000"],
        expected: &[(1, "warning MQTT-3.1.2-20"), (2, "warning MQTT-3.1.2-22")],
    },
    Case {
        name: "server keep alive counts",
        opening: &[CONNECT_V5, "S 2006 00 00 03 13 0005"],
        lines: &["+7000 C c000"],
        expected: &[(0, "warning MQTT-3.1.2-20")],
    },
    Case {
        name: "two faults of the bytes, and one of the session",
        opening: V5,
        lines: &["C 3a09 0003 742f23 0001 00 6d", "C 3a09 0003 742f23 0001 00 6d"],
        expected: &[
            (0, "malformed MQTT-3.3.2-2"),
            (1, "malformed MQTT-3.3.2-2"),
            (1, "warning MQTT-4.4.0-1"),
        ],
    },
    Case {
        name: "without the CONNECT, nothing is held against anybody",
        opening: &[],
        lines: &["S 4002 0009", "S d000", "C 3006 0000 03 23 0002", "S 9004 0009 00 02"],
        expected: &[(2, "note -"), (3, "note -")],
    },
];

#[test]
fn conversations_are_judged() {
    for case in CASES {
        let lines: Vec<&str> = case.opening.iter().chain(case.lines).copied().collect();
        let found = violations(&lines);
        let found: Vec<(isize, &str)> = found
            .iter()
            .map(|(index, text)| (*index as isize - case.opening.len() as isize, text.as_str()))
            .collect();
        let expected: Vec<(isize, &str)> = case.expected.iter().map(|(i, text)| (*i as isize, *text)).collect();
        assert_eq!(
            found,
            expected,
            "{}: {:?}",
            case.name,
            explain(&lines).last().map(|e| e.violations.clone())
        );
    }
}

#[test]
fn acknowledgements_are_paired_with_their_times() {
    let explained = explain(&[
        CONNECT_V311,
        "+3 S 2002 00 00",
        "C 3406 0001 74 0003 6d",
        "+5 S 5002 0003",
        "+7 C 6202 0003",
        "+9 S 7002 0003",
        "C c000",
        "+4 S d000",
    ]);
    let answers: Vec<_> = explained
        .iter()
        .filter_map(|explained| explained.answer.as_ref())
        .map(|answer| (answer.to, answer.after.unwrap().as_millis(), answer.topic.as_deref()))
        .collect();
    assert_eq!(
        answers,
        [
            (PacketType::Connect, 3, None),
            (PacketType::Publish, 5, Some("t")),
            (PacketType::Pubrec, 7, Some("t")),
            (PacketType::Pubrel, 9, Some("t")),
            (PacketType::Pingreq, 4, None),
        ]
    );
}

#[test]
fn topic_aliases_are_per_direction() {
    // R19: TShark has one map for both.
    let explained = explain(&[
        "C 1011 0004 4d515454 05 02 003c 03 22 0005 0001 61",
        "S 2006 00 00 03 22 0005",
        "C 300a 0001 63 03 23 0001 6d6d6d",
        "S 300a 0001 73 03 23 0001 6d6d6d",
        "C 3006 0000 03 23 0001",
        "S 3006 0000 03 23 0001",
    ]);
    let topics: Vec<_> = explained.iter().map(|e| e.alias_topic.as_deref()).collect();
    assert_eq!(topics, [None, None, None, None, Some("c"), Some("s")]);
}

#[test]
fn the_version_is_found_without_a_connect() {
    for (lines, version) in [
        (&["C 8206 0001 0001 62 02"][..], Version::V311),
        (&["C 8207 0001 00 0001 62 02"], Version::V5),
        // The payload begins like properties that are none.
        (&["C 3008 0001 74 32312e3521"], Version::V311),
        (&["C 3007 0001 74 00 6d6d6d", "S 9003 0001 01"], Version::V5),
    ] {
        let explained = explain(lines);
        assert_eq!(explained[0].version, version, "{lines:?}");
        assert!(explained[0].version_assumed);
    }
    let forced = run(
        &mut Analyst::new(Some(Version::V31), false),
        &["C 8207 0001 00 0001 62 02"],
    );
    assert_eq!(forced[0].version, Version::V31);
    assert!(!forced[0].version_assumed);
    // A CONNECT says its own.
    let explained = run(&mut Analyst::new(Some(Version::V31), false), &[CONNECT_V5]);
    assert_eq!(explained[0].version, Version::V5);
}

#[test]
fn endings_say_why() {
    let close = |lines: &[&str], sender, reset| {
        let mut analyst = Analyst::new(None, false);
        run(&mut analyst, lines);
        analyst
            .closed(Some(0), Some(Duration::from_secs(1_800_000_100)), sender, reset)
            .unwrap()
    };
    for (lines, sender, reset, cause) in [
        (
            &[CONNECT_V5, CONNACK_V5, "C e000"][..],
            Sender::Client,
            false,
            "the client disconnected",
        ),
        (
            &[CONNECT_V5, CONNACK_V5, "S e001 8e"],
            Sender::Server,
            false,
            "the broker disconnected the client: Session taken over",
        ),
        (
            &[CONNECT_V311, "S 2002 00 05"],
            Sender::Server,
            false,
            "the broker refused the connection: Not authorized",
        ),
        (
            &[CONNECT_V311, CONNACK_V311],
            Sender::Client,
            true,
            "the client reset the connection without DISCONNECT",
        ),
        (
            &[CONNECT_V311, CONNACK_V311, "+1000 C c000"],
            Sender::Server,
            false,
            "the broker closed the connection: the client was silent for 99.0 s, with a keep alive of 60 s",
        ),
        (
            &[CONNECT_V311, CONNACK_V311, "C 3003 0001 23"],
            Sender::Server,
            false,
            "the broker closed the connection after the client's PUBLISH broke a rule (topic name: contains a wildcard)",
        ),
        (
            &[CONNECT_V311],
            Sender::Server,
            false,
            "the broker closed the connection without answering CONNECT",
        ),
    ] {
        let ending = close(lines, sender, reset);
        assert_eq!(ending.cause, cause, "{lines:?}");
    }
    let ending = close(
        &[CONNECT_V5, CONNACK_V5, "C 3207 0001 74 0002 00 6d", "C c000"],
        Sender::Client,
        false,
    );
    let unacknowledged: Vec<_> = ending
        .unacknowledged
        .iter()
        .map(|(sender, packet, id, topic)| (*sender, *packet, *id, topic.as_deref()))
        .collect();
    assert_eq!(
        unacknowledged,
        [
            (Sender::Client, PacketType::Publish, 2, Some("t")),
            (Sender::Client, PacketType::Pingreq, 0, None)
        ]
    );
}

#[test]
fn a_session_that_was_taken_over_is_recognised() {
    let mut analyst = Analyst::new(None, false);
    run(&mut analyst, &[CONNECT_V311, CONNACK_V311]);
    let mut buffer = BytesMut::from(&bytes(&CONNECT_V311[1..])[..]);
    let frame = frame::split(&mut buffer, usize::MAX).unwrap().unwrap();
    let origin = Origin {
        connection: Some(1),
        ..origin(Sender::Client, None)
    };
    analyst.packet(origin, frame);
    let ending = analyst.closed(Some(0), None, Sender::Server, false).unwrap();
    assert_eq!(
        ending.cause,
        "the broker closed the connection: connection #1 uses the same client identifier"
    );
    assert_eq!(analyst.finish().len(), 1);
}
