//! `mqkit pub`: where messages come from, and when they go. The peer checks every byte.

use super::{CONNACK_5, CONNACK_311, CONNECT_311, DISCONNECT, expect, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::prelude::*;
use predicates::str::contains;
use std::time::{Duration, Instant};

pub(super) fn publish(peer: &Peer, flags: &[&str]) -> assert_cmd::Command {
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
pub(super) fn peer_5(connack: &[u8], conversation: Vec<Step>) -> Peer {
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
