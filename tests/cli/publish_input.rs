//! `mqkit pub`: where messages come from, and when they go. The peer checks every byte.

use super::{CONNACK_5, CONNACK_311, CONNECT_311, DISCONNECT, expect, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::prelude::*;
use predicates::str::contains;
use std::time::{Duration, Instant};

fn publish(peer: &Peer, flags: &[&str]) -> assert_cmd::Command {
    let mut command = mqkit();
    command
        .args(["pub", "-h", "127.0.0.1", "-p", &peer.port.to_string(), "-i", "c"])
        .args(flags);
    command
}

/// A peer of 3.1.1 that expects these packets and then the end.
fn peer_311(packets: &[&[u8]]) -> Peer {
    let mut script = vec![expect(CONNECT_311), send(CONNACK_311)];
    script.extend(packets.iter().map(|packet| expect(packet)));
    script.extend([expect(DISCONNECT), Step::ExpectEnd]);
    Peer::new(vec![script])
}

/// A peer of version 5 with this conversation between CONNACK and DISCONNECT.
fn peer_5(connack: &[u8], conversation: Vec<Step>) -> Peer {
    let begin = vec![Step::ExpectType(0x10), send(connack)];
    let end = vec![Step::ExpectType(0xe0), Step::ExpectEnd];
    Peer::new(vec![[begin, conversation, end].concat()])
}

/// A PUBLISH of 3.1.1 at QoS 0.
fn packet(topic: &str, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(2 + topic.len() + payload.len()).unwrap();
    let topic_length = u8::try_from(topic.len()).unwrap();
    [&[0x30, length, 0, topic_length], topic.as_bytes(), payload].concat()
}

#[test]
fn lines_end_with_the_delimiter_that_is_asked_for() {
    for (delimiter, stdin) in [
        ("\\0", "one\0two\nlines\0"),
        ("\\x1e", "one\x1etwo\nlines"),
        (";", "one;two\nlines;"),
        ("\\t", "one\ttwo\nlines"),
    ] {
        let peer = peer_311(&[&packet("a", b"one"), &packet("a", b"two\nlines")]);
        publish(&peer, &["-V", "311", "-t", "a", "-l", "--delimiter", delimiter])
            .write_stdin(stdin)
            .assert()
            .success()
            .stderr("");
        peer.finish();
    }
}

#[test]
fn a_line_may_bring_its_topic() {
    let packets = [packet("a/b", b"x\ty"), packet("c d", b""), packet("e", b"\xff")];
    for flags in [&["--topic-from-line"][..], &["-l", "--topic-from-line"]] {
        let peer = peer_311(&[&packets[0], &packets[1], &packets[2]]);
        publish(&peer, &["-V", "311"])
            .args(flags)
            .write_stdin(&b"a/b\tx\ty\nc d\t\ne\t\xff"[..])
            .assert()
            .success();
        peer.finish();
    }
}

#[test]
fn an_encoded_payload_is_decoded_before_it_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("payload");
    std::fs::write(&path, "AP9\nB\n").unwrap();
    for (flags, stdin) in [
        (&["-m", "00 ff41", "--encoding", "hex"][..], ""),
        (&["-m", "AP9B", "--encoding", "base64"], ""),
        (&["-f", path.to_str().unwrap(), "--encoding", "base64"], ""),
        (&["-s", "--encoding", "hex"], "00\nFF\n41\n"),
        (&["-l", "--encoding", "hex"], "00ff41\r\n"),
        (&["-l", "--encoding", "base64"], "AP9B"),
    ] {
        let peer = peer_311(&[&packet("a", b"\0\xffA")]);
        publish(&peer, &["-V", "311", "-t", "a"])
            .args(flags)
            .write_stdin(stdin)
            .assert()
            .success();
        peer.finish();
    }
    let peer = peer_311(&[&packet("a", b"\xff")]);
    publish(&peer, &["-V", "311", "--topic-from-line", "--encoding", "hex"])
        .write_stdin("a\tff")
        .assert()
        .success();
    peer.finish();
}

#[test]
fn json_lines_are_messages_and_flags_give_what_they_leave_out() {
    let properties = [0x03, 0, 1, b't', 0x26, 0, 1, b'k', 0, 1, b'v'];
    let peer = peer_5(
        CONNACK_5,
        vec![
            expect(&[&[0x33, 19, 0, 1, b'x', 0, 1, 11][..], &properties, b"\0\xff"].concat()),
            send(&[0x40, 2, 0, 1]),
            // Topic, QoS, content type of the flags.
            expect(b"\x32\x0c\x00\x01a\x00\x02\x04\x03\x00\x01dhi"),
            send(&[0x40, 2, 0, 2]),
            // QoS 0 and the content type of the line.
            expect(b"\x30\x08\x00\x01a\x04\x03\x00\x01l"),
        ],
    );
    publish(&peer, &["--json", "-t", "a", "-q", "1", "-M", "1"])
        .args(["-D", "publish", "content-type", "d"])
        .write_stdin(concat!(
            r#"{"tst":"2026-11-23T04:42:52.456768Z","topic":"x","qos":1,"retain":true,"payloadlen":2,"mid":7,"#,
            r#""properties":{"content-type":"t","user-properties":[{"k":"v"}],"topic-alias":3,"#,
            r#""subscription-identifier":[1,2]},"payload_base64":"AP8="}"#,
            "\n\n",
            r#"{"payload":"hi"}"#,
            "\n",
            r#"{"qos":0,"payload":null,"properties":{"content-type":"l"}}"#,
        ))
        .assert()
        .success()
        .stderr("");
    peer.finish();
}

#[test]
fn a_bad_line_ends_the_run_once_what_stands_before_it_is_delivered() {
    for (flags, line, parts) in [
        (
            &["--json"][..],
            r#"{"topic":"a","payload":"x","retaim":true}"#,
            [
                "line 2 of standard input is no message",
                "caused by: unknown key `retaim`",
            ],
        ),
        (
            &["--json"],
            r#"{"payload":"x"}"#,
            [
                "line 2 of standard input is no message",
                "caused by: it has no `topic`, and there is no -t",
            ],
        ),
        (
            &["--json", "--replay"],
            r#"{"topic":"a","payload":"x"}"#,
            ["line 2 of standard input is no message", "caused by: `tst` is missing"],
        ),
    ] {
        let peer = peer_5(
            CONNACK_5,
            vec![expect(b"\x32\x07\x00\x01a\x00\x01\x001"), send(&[0x40, 2, 0, 1])],
        );
        publish(&peer, flags)
            .args(["-q", "1"])
            .write_stdin(format!(
                "{{\"topic\":\"a\",\"payload\":\"1\",\"tst\":\"2026-11-23T04:42:52Z\"}}\n{line}\n{{\"topic\":\"a\",\"payload\":\"3\"}}\n"
            ))
            .assert()
            .code(2)
            .stderr(contains(parts[0]).and(contains(parts[1])))
            .stderr(contains("sent=1 acknowledged=1 failed=0; standard input was not read to its end"));
        peer.finish();
    }
    for (flags, stdin, part) in [
        (
            &["--topic-from-line"][..],
            "a\t1\nb",
            "line 2 of standard input has no tab after the topic",
        ),
        (
            &["--topic-from-line"],
            "a\t1\n\tx",
            "line 2 of standard input has a topic that is empty",
        ),
        (
            &["--topic-from-line", "--encoding", "hex"],
            "a\t31\na\t3x",
            "the payload in line 2 of standard input is not hex: the character at byte 2",
        ),
        (
            &["-l", "-t", "a", "--encoding", "base64"],
            "MQ==\nM",
            "line 2 of standard input is not base64: its end",
        ),
    ] {
        let peer = peer_311(&[&packet("a", b"1")]);
        publish(&peer, &["-V", "311"])
            .args(flags)
            .write_stdin(stdin)
            .assert()
            .code(2)
            .stderr(contains(part));
        peer.finish();
    }
}

#[test]
fn a_line_that_cannot_be_sent_is_named_and_those_before_it_are_delivered() {
    // Maximum Packet Size 16.
    let peer = peer_5(
        &[0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 16],
        vec![expect(b"\x32\x07\x00\x01a\x00\x01\x001"), send(&[0x40, 2, 0, 1])],
    );
    publish(&peer, &["-l", "-t", "a", "-q", "1"])
        .write_stdin("1\n01234567890123456789\n3\n")
        .assert()
        .code(4)
        .stderr(contains("cannot publish line 2 to \"a\""));
    peer.finish();
}

#[test]
fn a_message_is_repeated_after_its_acknowledgement() {
    let peer = peer_5(
        CONNACK_5,
        vec![
            expect(b"\x32\x07\x00\x01a\x00\x01\x00x"),
            send(&[0x40, 2, 0, 1]),
            expect(b"\x32\x07\x00\x01a\x00\x02\x00x"),
            send(&[0x40, 2, 0, 2]),
            expect(b"\x32\x07\x00\x01a\x00\x03\x00x"),
            send(&[0x40, 2, 0, 3]),
        ],
    );
    publish(&peer, &["-t", "a", "-m", "x", "-q", "1", "--repeat", "3", "-d"])
        .assert()
        .success()
        .stderr(contains("sent=3 acknowledged=3 failed=0"));
    peer.finish();
    // The second must not come before the first is acknowledged.
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(CONNACK_5),
        expect(b"\x32\x07\x00\x01a\x00\x01\x00x"),
        Step::ExpectType(0xe0),
        Step::ExpectEnd,
    ]]);
    publish(
        &peer,
        &["-t", "a", "-m", "x", "-q", "1", "--repeat", "3", "--deadline", "500ms"],
    )
    .assert()
    .code(27);
    peer.finish();
}

#[test]
fn repetitions_and_replays_keep_their_distance() {
    let began = Instant::now();
    let peer = peer_311(&[&packet("a", b"x"), &packet("a", b"x")]);
    publish(
        &peer,
        &[
            "-V",
            "311",
            "-t",
            "a",
            "-m",
            "x",
            "--repeat",
            "2",
            "--repeat-delay",
            "0.3",
        ],
    )
    .assert()
    .success();
    peer.finish();
    assert!(began.elapsed() >= Duration::from_millis(300));
    let lines = |second: &str| {
        format!(
            "{{\"tst\":\"2026-11-23T04:42:52Z\",\"payload\":\"1\"}}\n{{\"tst\":\"2026-11-23T{second}Z\",\"payload\":\"2\"}}\n"
        )
    };
    let began = Instant::now();
    let peer = peer_311(&[&packet("a", b"1"), &packet("a", b"2")]);
    publish(&peer, &["-V", "311", "-t", "a", "--json", "--replay", "10"])
        .write_stdin(lines("04:42:55"))
        .assert()
        .success();
    peer.finish();
    assert!(began.elapsed() >= Duration::from_millis(300));
    // An hour later is not now.
    let peer = peer_311(&[&packet("a", b"1")]);
    publish(
        &peer,
        &["-V", "311", "-t", "a", "--json", "--replay", "--deadline", "500ms"],
    )
    .write_stdin(lines("05:42:52"))
    .assert()
    .code(27)
    .stderr(contains("sent=1 failed=0"));
    peer.finish();
}

/// The conversation about what is stored: SUBSCRIBE with this identifier, its answer, and the fence.
fn stored(id: u8, message: Option<&[u8]>) -> Vec<Step> {
    let mut steps = vec![
        // QoS 1, retain as published.
        expect(&[0x82, 7, 0, id, 0, 0, 1, b'a', 0x09]),
        send(&[0x90, 4, 0, id, 0, 1]),
    ];
    if let Some(payload) = message {
        let length = u8::try_from(6 + payload.len()).unwrap();
        steps.push(send(&[&[0x33, length, 0, 1, b'a', 0, 9, 0], payload].concat()));
    }
    // A live message says nothing of what is stored.
    steps.push(send(b"\x30\x05\x00\x01a\x00n"));
    steps.push(expect(&[0xa2, 6, 0, id + 1, 0, 0, 1, b'a']));
    if message.is_some() {
        steps.push(expect(&[0x40, 2, 0, 9]));
    }
    steps.push(send(&[0xb0, 4, 0, id + 1, 0, 0]));
    steps
}

#[test]
fn what_is_stored_already_is_not_published_again() {
    for (message, payload, published) in [
        (Some(&b"on"[..]), "on", false),
        (Some(b"off"), "on", true),
        (None, "on", true),
        (None, "", false),
        (Some(b"on"), "", true),
    ] {
        let mut steps = stored(1, message);
        if published {
            let length = u8::try_from(4 + payload.len()).unwrap();
            // Stored, as it is to be found the next time.
            steps.push(expect(&[&[0x31, length, 0, 1, b'a', 0], payload.as_bytes()].concat()));
        }
        let peer = peer_5(CONNACK_5, steps);
        publish(&peer, &["-t", "a", "-m", payload, "--if-changed"])
            .assert()
            .success()
            .stderr("");
        peer.finish();
    }
}

#[test]
fn what_is_stored_is_asked_for_again_after_a_loss() {
    let begin = [Step::ExpectType(0x10), send(CONNACK_5)];
    let first = stored(1, Some(b"on"));
    // After SUBSCRIBE, after its answer, before the answer to UNSUBSCRIBE; identifiers go on counting.
    for (cut, id) in [(1, 2), (2, 3), (first.len() - 1, 3)] {
        let end = [Step::ExpectType(0xe0), Step::ExpectEnd];
        let peer = Peer::new(vec![
            [&begin, &first[..cut]].concat(),
            [&begin, &stored(id, Some(b"on"))[..], &end].concat(),
        ]);
        publish(&peer, &["-t", "a", "-m", "on", "--if-changed", "--retry", "10s"])
            .assert()
            .success()
            .stderr(contains("trying again"));
        peer.finish();
    }
}

#[test]
fn a_refused_look_at_what_is_stored_is_named() {
    let peer = peer_5(CONNACK_5, vec![Step::ExpectType(0x82), send(&[0x90, 4, 0, 1, 0, 0x87])]);
    publish(&peer, &["-t", "a", "-m", "on", "--if-changed"])
        .assert()
        .code(4)
        .stderr(contains(
            "the broker refused the subscription that shows what it has stored: Not authorized (0x87)",
        ));
    peer.finish();
}

#[test]
fn topics_get_aliases_as_far_as_the_broker_allows() {
    // Topic Alias Maximum 1.
    let peer = peer_5(
        &[0x20, 6, 0, 0, 3, 0x22, 0, 1],
        vec![
            expect(b"\x30\x08\x00\x01a\x03\x23\x00\x011"),
            expect(b"\x30\x05\x00\x01b\x002"),
            expect(b"\x30\x07\x00\x00\x03\x23\x00\x013"),
        ],
    );
    publish(&peer, &["--topic-from-line", "--topic-alias"])
        .write_stdin("a\t1\nb\t2\na\t3\n")
        .assert()
        .success()
        .stderr("");
    peer.finish();
    // None allowed.
    let peer = peer_5(CONNACK_5, vec![expect(b"\x30\x05\x00\x01a\x001")]);
    publish(&peer, &["-t", "a", "-m", "1", "--topic-alias", "-d"])
        .assert()
        .success()
        .stderr(contains("the broker allows no topic aliases"));
    peer.finish();
    // An alias that was given: the topic goes once, as mosquitto_pub does it.
    let peer = peer_5(
        &[0x20, 6, 0, 0, 3, 0x22, 0, 9],
        vec![
            expect(b"\x30\x08\x00\x01a\x03\x23\x00\x03x"),
            expect(b"\x30\x07\x00\x00\x03\x23\x00\x03x"),
        ],
    );
    publish(
        &peer,
        &[
            "-t",
            "a",
            "-m",
            "x",
            "--repeat",
            "2",
            "-D",
            "publish",
            "topic-alias",
            "3",
        ],
    )
    .assert()
    .success();
    peer.finish();
}

#[test]
fn a_broker_that_wants_more_authentication_or_another_server_is_told_as_it_is() {
    // AUTH: continue authentication, method "m".
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(&[0xf0, 6, 0x18, 4, 0x15, 0, 1, b'm']),
        expect(&[0xe0, 1, 0x83]),
        Step::ExpectEnd,
    ]]);
    publish(
        &peer,
        &["-t", "a", "-m", "x", "-D", "connect", "authentication-method", "m"],
    )
    .assert()
    .code(4)
    .stderr(contains(
        "the broker asks for enhanced authentication (AUTH), which mqkit does not have",
    ))
    .stderr(contains("hint: log in with a user name and password"));
    peer.finish();
    let reference = [0x1c, 0, 5, b'o', b't', b'h', b'e', b'r'];
    for code in [0x9c, 0x9d] {
        let connack = [&[0x20, 11, 0, code, 8][..], &reference].concat();
        let disconnect = [&[0xe0, 10, code, 8][..], &reference].concat();
        for script in [
            vec![Step::ExpectType(0x10), send(&connack)],
            vec![
                Step::ExpectType(0x10),
                send(CONNACK_5),
                Step::ExpectType(0x32),
                send(&disconnect),
            ],
        ] {
            let peer = Peer::new(vec![script]);
            publish(&peer, &["-t", "a", "-m", "x", "-q", "1"])
                .assert()
                .code(4)
                .stderr(contains("server-reference: other"))
                .stderr(contains("hint: connect to the server that the broker names: -h other"));
            peer.finish();
        }
    }
}

#[test]
fn words_that_contradict_each_other_are_refused() {
    let flags = |words: &[&str], part: &str| {
        mqkit()
            .args(["pub", "-t", "a"])
            .args(words)
            .write_stdin("")
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(part));
    };
    let directory = tempfile::tempdir().unwrap();
    for (words, part) in [
        (&["-l", "--repeat", "2"][..], "cannot be used with"),
        (&["-l", "--repeat-delay", "2"], "cannot be used with"),
        (&["--json", "--repeat", "2"], "cannot be used with"),
        (&["-m", "x", "--repeat", "0"], "--repeat"),
        (
            &["-m", "x", "--repeat", "2", "--repeat-delay", "-1"],
            "must be 0 or more seconds",
        ),
        (&["-m", "x", "--delimiter", ";"], "--delimiter needs --stdin-line"),
        (&["-l", "--delimiter", "ab"], "must be one ASCII character"),
        (&["-m", "x", "--replay"], "--replay needs --json"),
        (&["--json", "--replay", "0"], "must be a number above 0"),
        (&["--json", "--encoding", "hex"], "cannot be used with"),
        (&["-n", "--encoding", "hex"], "cannot be used with"),
        (&["-m", "x", "--encoding", "rot13"], "must be hex or base64"),
        (&["-m", "00f", "--encoding", "hex"], "the message is not hex: its end"),
        (
            &["-m", "0g", "--encoding", "hex"],
            "the message is not hex: the character at byte 2",
        ),
        (&["-l", "--if-changed"], "cannot be used with"),
        (&["--topic-from-line"], "cannot be used with"),
        (&["-m", "x", "--topic-alias", "-V", "311"], "--topic-alias needs MQTT 5"),
        (
            &["-m", "x", "--topic-alias", "-D", "publish", "topic-alias", "1"],
            "--topic-alias chooses what -D publish topic-alias gives",
        ),
        (
            &["-s"],
            "standard input is empty; --null-message publishes an empty message",
        ),
        (&["-f", directory.path().to_str().unwrap()], "directory"),
        (
            &["-m", "x", "-D", "subscribe", "user-property", "k", "v"],
            "-D subscribe user-property: this command sends no such packet",
        ),
        (
            &["-m", "x", "-D", "auth", "authentication-method", "m"],
            "-D auth authentication-method: this command sends no such packet",
        ),
        (
            &["-m", "x", "-D", "connect", "authentication-data", "m"],
            "-D connect authentication-data needs -D connect authentication-method",
        ),
    ] {
        flags(words, part);
    }
    mqkit()
        .args(["pub", "--topic-from-line", "-L", "mqtt://127.0.0.1/a"])
        .assert()
        .code(2)
        .stderr(contains("the URL has a topic"));
}

#[test]
fn every_property_goes_where_it_belongs() {
    let connect = [
        &[0x11, 0, 0, 0, 9][..],
        &[0x15, 0, 1, b'm'],
        &[0x16, 0, 2, 0, 0xff],
        &[0x17, 0],
        &[0x19, 1],
        &[0x21, 0, 7],
        &[0x22, 0, 8],
        &[0x27, 0, 1, 0, 0],
        &[0x26, 0, 1, b'k', 0, 1, b'v'],
    ]
    .concat();
    let will = [
        &[0x18, 0, 0, 0, 5][..],
        &[0x01, 1],
        &[0x02, 0, 0, 0, 6],
        &[0x03, 0, 1, b't'],
        &[0x08, 0, 1, b'r'],
        &[0x09, 0, 1, 0xfe],
        &[0x26, 0, 1, b'k', 0, 1, b'v'],
    ]
    .concat();
    let publish_properties = &will[5..];
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let body = [
        &b"\x00\x04MQTT\x05\x06\x00\x3c"[..],
        &[length(&connect)],
        &connect,
        b"\x00\x01c",
        &[length(&will)],
        &will,
        b"\x00\x01w\x00\x00",
    ]
    .concat();
    let message = [
        &b"\x00\x01a"[..],
        &[length(publish_properties)],
        publish_properties,
        b"x",
    ]
    .concat();
    let peer = Peer::new(vec![vec![
        expect(&[&[0x10, length(&body)][..], &body].concat()),
        send(CONNACK_5),
        expect(&[&[0x30, length(&message)][..], &message].concat()),
        // Reason string, session expiry, user property.
        expect(&[
            0xe0, 18, 0, 16, 0x1f, 0, 1, b'b', 0x11, 0, 0, 0, 3, 0x26, 0, 1, b'k', 0, 1, b'v',
        ]),
        Step::ExpectEnd,
    ]]);
    let mut words: Vec<String> = ["-t", "a", "-m", "x", "--will-topic", "w"].map(str::to_owned).into();
    for property in [
        "connect session-expiry-interval 9",
        "connect authentication-method m",
        "connect authentication-data base64:AP8=",
        "connect request-problem-information 0",
        "connect request-response-information 1",
        "connect receive-maximum 7",
        "connect topic-alias-maximum 8",
        "connect maximum-packet-size 65536",
        "connect user-property k v",
        "will will-delay-interval 5",
        "will payload-format-indicator 1",
        "will message-expiry-interval 6",
        "will content-type t",
        "will response-topic r",
        "will correlation-data hex:fe",
        "will user-property k v",
        "publish payload-format-indicator 1",
        "publish message-expiry-interval 6",
        "publish content-type t",
        "publish response-topic r",
        "publish correlation-data hex:fe",
        "publish user-property k v",
        "disconnect reason-string b",
        "disconnect session-expiry-interval 3",
        "disconnect user-property k v",
    ] {
        words.push("-D".to_owned());
        words.extend(property.split(' ').map(str::to_owned));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    publish(&peer, &words).assert().success().stderr("");
    peer.finish();
}
