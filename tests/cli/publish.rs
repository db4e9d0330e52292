//! `mqkit pub` against a peer that checks every byte.

use super::{CONNACK_5, CONNACK_311, CONNECT_5, CONNECT_311, DISCONNECT, expect, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::prelude::*;
use predicates::str::contains;

fn publish(peer: &Peer, flags: &[&str]) -> assert_cmd::Command {
    let mut command = mqkit();
    command
        .args([
            "pub",
            "-h",
            "127.0.0.1",
            "-p",
            &peer.port.to_string(),
            "-i",
            "c",
            "-t",
            "a/b",
        ])
        .args(flags);
    command
}

#[test]
fn qos_0_1_and_2_have_the_standards_bytes() {
    let connected = [expect(CONNECT_311), send(CONNACK_311)];
    for (qos, conversation) in [
        ("0", vec![expect(b"\x30\x07\x00\x03a/bhi")]),
        (
            "1",
            vec![expect(b"\x32\x09\x00\x03a/b\x00\x01hi"), send(&[0x40, 2, 0, 1])],
        ),
        (
            "2",
            vec![
                expect(b"\x34\x09\x00\x03a/b\x00\x01hi"),
                send(&[0x50, 2, 0, 1]),
                expect(&[0x62, 2, 0, 1]),
                send(&[0x70, 2, 0, 1]),
            ],
        ),
    ] {
        let script = [&connected[..], &conversation, &[expect(DISCONNECT), Step::ExpectEnd]].concat();
        let peer = Peer::new(vec![script]);
        publish(&peer, &["-V", "311", "-q", qos, "-m", "hi"])
            .assert()
            .success()
            .stdout("")
            .stderr("");
        peer.finish();
    }
}

#[test]
fn properties_will_and_credentials_are_sent() {
    // Version 5, clean start, will at QoS 1 retained, user and password; content type and a user property.
    let connect = b"\x10\x25\x00\x04MQTT\x05\xee\x00\x0a\x00\x00\x01c\x00\x00\x04gone\x00\x03bye\x00\x01u\x00\x02pw";
    let publish_packet = b"\x31\x18\x00\x03a/b\x0d\x03\x00\x03t/p\x26\x00\x01k\x00\x01vhi-5!";
    let mut connect = connect.to_vec();
    connect[1] = u8::try_from(connect.len() - 2).unwrap();
    let mut publish_packet = publish_packet.to_vec();
    publish_packet[1] = u8::try_from(publish_packet.len() - 2).unwrap();
    let peer = Peer::new(vec![vec![
        expect(&connect),
        send(CONNACK_5),
        expect(&publish_packet),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]]);
    publish(
        &peer,
        &["-V", "5", "-r", "-m", "hi-5!", "-k", "10", "-u", "u", "-P", "pw"],
    )
    .args([
        "--will-topic",
        "gone",
        "--will-payload",
        "bye",
        "--will-qos",
        "1",
        "--will-retain",
    ])
    .args([
        "-D",
        "publish",
        "content-type",
        "t/p",
        "-D",
        "publish",
        "user-property",
        "k",
        "v",
    ])
    .assert()
    .success();
    peer.finish();
}

#[test]
fn a_kept_session_is_asked_for_and_left_behind() {
    // No clean start, session expiry never; and -x 100.
    for (flags, connect) in [
        (
            &["-c"][..],
            b"\x10\x13\x00\x04MQTT\x05\x00\x00\x3c\x05\x11\xff\xff\xff\xff\x00\x01c",
        ),
        (
            &["-x", "100"],
            b"\x10\x13\x00\x04MQTT\x05\x02\x00\x3c\x05\x11\x00\x00\x00\x64\x00\x01c",
        ),
    ] {
        let peer = Peer::new(vec![vec![
            expect(connect),
            send(CONNACK_5),
            Step::ExpectType(0x30),
            expect(DISCONNECT),
            Step::ExpectEnd,
        ]]);
        publish(&peer, flags).args(["-m", "x"]).assert().success();
        peer.finish();
    }
}

#[test]
fn every_source_of_a_payload_works() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("payload");
    std::fs::write(&path, b"\0\xff\n").unwrap();
    for (flags, stdin, payloads) in [
        (vec!["-f", path.to_str().unwrap()], "", vec![&b"\0\xff\n"[..]]),
        (vec!["-n"], "", vec![b""]),
        (vec!["-s"], "one\ntwo", vec![b"one\ntwo"]),
        (
            vec!["-l"],
            "one\n\nthree\r\nlast",
            vec![b"one", b"", b"three\r", b"last"],
        ),
        (vec!["-l"], "", vec![]),
        (vec!["-m", "-5"], "", vec![b"-5"]),
    ] {
        let mut script = vec![expect(CONNECT_311), send(CONNACK_311)];
        for payload in payloads {
            let length = u8::try_from(5 + payload.len()).unwrap();
            script.push(expect(&[&[0x30, length, 0, 3, b'a', b'/', b'b'], payload].concat()));
        }
        script.extend([expect(DISCONNECT), Step::ExpectEnd]);
        let peer = Peer::new(vec![script]);
        publish(&peer, &["-V", "311"])
            .args(&flags)
            .write_stdin(stdin)
            .assert()
            .success();
        peer.finish();
    }
}

#[test]
fn lines_of_any_bytes_and_length_pass() {
    let long = vec![b'x'; 200_000];
    let mut packet = vec![0x30, 0xc5, 0x9a, 0x0c, 0, 3, b'a', b'/', b'b'];
    packet.extend_from_slice(&long);
    let peer = Peer::new(vec![vec![
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(&packet),
        expect(b"\x30\x08\x00\x03a/b\0\xff\xfe"),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]]);
    let stdin = [&long[..], b"\n\0\xff\xfe"].concat();
    publish(&peer, &["-V", "311", "-l"])
        .write_stdin(stdin)
        .assert()
        .success();
    peer.finish();
}

#[test]
fn a_lost_connection_is_made_again_and_the_message_sent_with_dup() {
    let publish_packet = b"\x32\x08\x00\x03a/b\x00\x01x";
    let again = b"\x3a\x08\x00\x03a/b\x00\x01x";
    let connect = b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x3c\x00\x01c";
    let peer = Peer::new(vec![
        vec![expect(connect), send(CONNACK_311), expect(publish_packet)],
        vec![
            expect(connect),
            send(&[0x20, 2, 1, 0]),
            expect(again),
            send(&[0x40, 2, 0, 1]),
            expect(DISCONNECT),
            Step::ExpectEnd,
        ],
    ]);
    publish(&peer, &["-V", "311", "-c", "-q", "1", "-m", "x"])
        .assert()
        .success()
        .stderr(contains("the peer closed the connection; trying again in 0."));
    peer.finish();
}

#[test]
fn a_session_that_began_clean_is_resumed_within_the_run() {
    // Version 5: the broker is asked to keep the session for 300 s, and to drop it at the end.
    let first = b"\x10\x13\x00\x04MQTT\x05\x02\x00\x3c\x05\x11\x00\x00\x01\x2c\x00\x01c";
    let second = b"\x10\x13\x00\x04MQTT\x05\x00\x00\x3c\x05\x11\x00\x00\x01\x2c\x00\x01c";
    let peer = Peer::new(vec![
        vec![
            expect(first),
            send(CONNACK_5),
            expect(b"\x34\x09\x00\x03a/b\x00\x01\x00x"),
            send(&[0x50, 2, 0, 1]),
            expect(&[0x62, 2, 0, 1]),
        ],
        vec![
            expect(second),
            send(&[0x20, 3, 1, 0, 0]),
            expect(&[0x62, 2, 0, 1]),
            send(&[0x70, 2, 0, 1]),
            expect(&[0xe0, 7, 0, 5, 0x11, 0, 0, 0, 0]),
            Step::ExpectEnd,
        ],
    ]);
    publish(&peer, &["-q", "2", "-m", "x"]).assert().success();
    peer.finish();
}

#[test]
fn a_broker_that_does_not_come_back_is_told_with_true_totals() {
    let peer = Peer::new(vec![vec![
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(b"\x32\x08\x00\x03a/b\x00\x011"),
        send(&[0x40, 2, 0, 1]),
        Step::ExpectType(0x32),
    ]]);
    publish(&peer, &["-V", "311", "-q", "1", "-l", "-M", "1", "--retry", "300ms"])
        .write_stdin("1\n2\n3\n")
        .assert()
        .code(5)
        .stderr(contains("was lost, and not made again within 0.3s"))
        .stderr(contains(
            "sent=2 acknowledged=1 failed=1; standard input was not read to its end",
        ));
    peer.finish();
}

#[test]
fn a_refused_message_is_named() {
    // PUBACK 0x87 with a reason string.
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(CONNACK_5),
        Step::ExpectType(0x32),
        send(&[0x40, 9, 0, 1, 0x87, 5, 0x1f, 0, 2, b'n', b'o']),
        Step::ExpectType(0xe0),
        Step::ExpectEnd,
    ]]);
    publish(&peer, &["-q", "1", "-m", "x"])
        .assert()
        .code(4)
        .stderr(contains(
            "the broker refused the message to \"a/b\": Not authorized (0x87), reason-string: no",
        ))
        .stderr(contains("sent=1 acknowledged=0 failed=1"));
    peer.finish();
}

#[test]
fn what_connack_forbids_is_an_error_before_anything_is_sent() {
    // Maximum QoS 0.
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(&[0x20, 5, 0, 0, 2, 0x24, 0]),
        Step::Silence,
    ]]);
    publish(&peer, &["-q", "1", "-m", "x"])
        .assert()
        .code(4)
        .stderr(contains(
            "cannot publish to \"a/b\"\ncaused by: QoS 1 is not supported: the broker's maximum is 0",
        ));
    peer.finish();
}

#[test]
fn version_5_falls_back_once_and_only_when_nothing_needs_it() {
    let old = vec![
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(b"\x30\x06\x00\x03a/bx"),
        expect(DISCONNECT),
    ];
    // Refused in the form of 3.1.1, refused in that of 5, closed without a word, never answered.
    let said = "does not speak MQTT 5: going on with 3.1.1";
    for (answer, words) in [
        (vec![send(&[0x20, 2, 0, 1])], said),
        (vec![send(&[0x20, 3, 0, 0x84, 0])], said),
        (vec![], said),
        (vec![Step::Silence], "no answer to CONNECT of MQTT 5: trying 3.1.1"),
    ] {
        let peer = Peer::new(vec![[vec![expect(CONNECT_5)], answer].concat(), old.clone()]);
        publish(&peer, &["-m", "x", "--connect-timeout", "2s"])
            .assert()
            .success()
            .stderr(contains(words));
        peer.finish();
    }
    let peer = Peer::new(vec![vec![Step::ExpectType(0x10), send(&[0x20, 2, 0, 1])]]);
    publish(&peer, &["-m", "x", "-D", "publish", "content-type", "t"])
        .assert()
        .code(4)
        .stderr(contains("Unsupported Protocol Version"));
    peer.finish();
    // A broker that is silent may be anything.
    let peer = Peer::new(vec![vec![expect(CONNECT_5), Step::Silence]]);
    publish(&peer, &["-m", "x", "-V", "5", "--connect-timeout", "200ms"])
        .assert()
        .code(3)
        .stderr(contains("no answer to CONNECT within 0.2s").and(contains("does not speak").not()));
    peer.finish();
}

#[test]
fn qos_2_answered_with_puback_is_noted() {
    let peer = Peer::new(vec![vec![
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(b"\x34\x08\x00\x03a/b\x00\x01x"),
        send(&[0x40, 2, 0, 1]),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]]);
    publish(&peer, &["-V", "311", "-q", "2", "-m", "x"])
        .assert()
        .success()
        .stderr(contains(
            "the broker answers QoS 2 with PUBACK: the messages are delivered at QoS 1",
        ));
    peer.finish();
}

#[test]
fn a_session_of_an_earlier_run_is_ended_before_a_message_could_be_taken_for_one_of_its_own() {
    // The broker has a session: clean session, then, since that ends with its connection, the one that was asked for.
    let connect = |flags: u8| {
        let mut connect = CONNECT_311.to_vec();
        connect[9] = flags;
        connect
    };
    let peer = Peer::new(vec![
        vec![
            expect(&connect(0)),
            send(&[0x20, 2, 1, 0]),
            expect(DISCONNECT),
            Step::ExpectEnd,
        ],
        vec![
            expect(&connect(2)),
            send(CONNACK_311),
            expect(DISCONNECT),
            Step::ExpectEnd,
        ],
        vec![
            expect(&connect(0)),
            send(CONNACK_311),
            expect(b"\x34\x09\x00\x03a/b\x00\x01hi"),
            send(&[0x50, 2, 0, 1]),
            expect(&[0x62, 2, 0, 1]),
            send(&[0x70, 2, 0, 1]),
            expect(DISCONNECT),
            Step::ExpectEnd,
        ],
    ]);
    publish(&peer, &["-V", "311", "-q", "2", "-m", "hi", "-c"])
        .assert()
        .success()
        .stdout("")
        .stderr(contains(
            "the broker has a session of \"c\" that this run knows nothing of: beginning a new one [MQTT-3.2.2-4]",
        ));
    peer.finish();
}

/// A broker of 3.1.1 cannot say that a message is too large: it closes the connection, each time.
#[test]
fn a_message_that_no_connection_outlives_is_named() {
    let message = b"\x32\x08\x00\x03a/b\x00\x01x";
    let again = b"\x3a\x08\x00\x03a/b\x00\x01x";
    // The broker keeps the session, so that the message is sent again as a copy.
    let resumed = [0x20, 2, 1, 0];
    let cut = |connack: &[u8], message: &[u8]| vec![Step::ExpectType(0x10), send(connack), expect(message)];
    let mut last = cut(&resumed, again);
    last.extend([send(&[0x40, 2, 0, 1]), expect(DISCONNECT), Step::ExpectEnd]);
    let peer = Peer::new(vec![
        cut(CONNACK_311, message),
        cut(&resumed, again),
        cut(&resumed, again),
        last,
    ]);
    publish(&peer, &["-m", "x", "-q", "1", "-c", "-V", "311"])
        .assert()
        .success()
        .stderr(contains(
            "the message of 10 bytes to \"a/b\" was sent on 3 connections, and none of them outlived it: is it larger than \
             the broker takes?\n",
        ));
    peer.finish();
}
