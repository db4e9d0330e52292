//! `mqkit sub` against a peer that checks every byte.

use super::{CONNACK_5, CONNACK_311, CONNECT_311, DISCONNECT, expect, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::str::{contains, is_match};

const SUBSCRIBE: &[u8] = b"\x82\x08\x00\x01\x00\x03a/#\x01";

fn subscribe(peer: &Peer, flags: &[&str]) -> assert_cmd::Command {
    let mut command = mqkit();
    command
        .args(["sub", "-h", "127.0.0.1", "-p", &peer.port.to_string(), "-i", "c"])
        .args(flags);
    command
}

/// A subscription to `a/#` at QoS 1 that was granted, then these steps.
fn subscribed(steps: &[Step]) -> Peer {
    let start = [
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(SUBSCRIBE),
        send(&[0x90, 3, 0, 1, 1]),
    ];
    Peer::new(vec![[&start[..], steps].concat()])
}

const FLAGS: &[&str] = &["-V", "311", "-t", "a/#", "-q", "1"];

#[test]
fn messages_are_printed_and_acknowledged() {
    let peer = subscribed(&[
        send(b"\x32\x08\x00\x03a/b\x00\x057"),
        expect(&[0x40, 2, 0, 5]),
        send(b"\x31\x07\x00\x03a/c\xff\x00"),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]);
    let json = "^\\{\"tst\":\"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z\",\"topic\":\"a/b\",\"qos\":1,\
                \"retain\":false,\"payloadlen\":1,\"mid\":5,\"payload\":\"7\"\\}\n\\{[^\n]*\"topic\":\"a/c\",\"qos\":0,\
                \"retain\":true,\"payloadlen\":2,\"payload_base64\":\"/wA=\"\\}\n$";
    subscribe(&peer, FLAGS)
        .args(["-C", "2"])
        .assert()
        .success()
        .stdout(is_match(json).unwrap())
        .stderr("");
    peer.finish();
}

#[test]
fn formats_print_what_they_say() {
    for (flags, expected) in [
        (&["-v"][..], "a/b 7\n"),
        (&["-v", "-N"], "a/b 7"),
        (&["--raw"], "7\n"),
        (&["--raw", "-N"], "7"),
        (&["-F", "%t:%l:%q"], "a/b:1:1\n"),
        (&["-F", "%t:%p", "-N"], "a/b:7"),
    ] {
        let peer = subscribed(&[
            send(b"\x32\x08\x00\x03a/b\x00\x057"),
            expect(&[0x40, 2, 0, 5]),
            expect(DISCONNECT),
        ]);
        subscribe(&peer, FLAGS)
            .args(["-C", "1"])
            .args(flags)
            .assert()
            .success()
            .stdout(expected);
        peer.finish();
    }
}

#[test]
fn a_qos_2_message_sent_twice_is_printed_once() {
    let message = b"\x34\x08\x00\x03a/b\x00\x057";
    let again = b"\x3c\x08\x00\x03a/b\x00\x057";
    let peer = Peer::new(vec![vec![
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(b"\x82\x08\x00\x01\x00\x03a/#\x02"),
        send(&[0x90, 3, 0, 1, 2]),
        send(message),
        expect(&[0x50, 2, 0, 5]),
        send(again),
        expect(&[0x50, 2, 0, 5]),
        send(&[0x62, 2, 0, 5]),
        expect(&[0x70, 2, 0, 5]),
        send(b"\x30\x06\x00\x03a/bz"),
        expect(DISCONNECT),
    ]]);
    subscribe(&peer, &["-V", "311", "-t", "a/#", "-q", "2", "-C", "2", "--raw"])
        .assert()
        .success()
        .stdout("7\nz\n");
    peer.finish();
}

#[test]
fn what_is_not_written_is_not_acknowledged() {
    // The third message is behind the count: it stays with the broker.
    let peer = subscribed(&[
        send(b"\x32\x08\x00\x03a/b\x00\x051\x32\x08\x00\x03a/b\x00\x062\x32\x08\x00\x03a/b\x00\x073"),
        expect(&[0x40, 2, 0, 5, 0x40, 2, 0, 6]),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]);
    subscribe(&peer, FLAGS)
        .args(["-C", "2", "--raw"])
        .assert()
        .success()
        .stdout("1\n2\n");
    peer.finish();
}

#[test]
fn refused_filters_are_named() {
    let steps = |codes: [u8; 2]| {
        Peer::new(vec![vec![
            Step::ExpectType(0x10),
            send(CONNACK_5),
            expect(b"\x82\x0d\x00\x01\x00\x00\x01a\x00\x00\x03b/c\x00"),
            send(&[0x90, 5, 0, 1, 0, codes[0], codes[1]]),
            Step::Silence,
        ]])
    };
    let flags = ["-V", "5", "-t", "a", "-t", "b/c", "-W", "1s"];
    let refused = "the broker refused the subscription to \"b/c\": Not authorized (0x87)";
    let peer = steps([0, 0x87]);
    subscribe(&peer, &flags).assert().code(4).stderr(contains(refused));
    let peer = steps([0, 0x87]);
    subscribe(&peer, &flags)
        .arg("--allow-partial")
        .assert()
        .code(27)
        .stderr(contains(refused));
    let peer = steps([0x87, 0x87]);
    subscribe(&peer, &flags)
        .args(["--allow-partial", "--quiet"])
        .assert()
        .code(4)
        .stderr(contains(refused));
}

#[test]
fn less_than_was_asked_for_is_noted() {
    let peer = Peer::new(vec![vec![
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(b"\x82\x08\x00\x01\x00\x03a/#\x02"),
        send(&[0x90, 3, 0, 1, 1]),
        Step::Silence,
    ]]);
    subscribe(&peer, &["-V", "311", "-t", "a/#", "-q", "2", "-W", "1s"])
        .assert()
        .code(27)
        .stderr(contains("the broker grants QoS 1 to \"a/#\", asked for 2"));
}

#[test]
fn a_subscription_is_repeated_after_a_reconnect() {
    let peer = Peer::new(vec![
        vec![
            expect(CONNECT_311),
            send(CONNACK_311),
            expect(SUBSCRIBE),
            send(&[0x90, 3, 0, 1, 1]),
        ],
        vec![
            expect(CONNECT_311),
            send(CONNACK_311),
            expect(b"\x82\x08\x00\x02\x00\x03a/#\x01"),
            send(&[0x90, 3, 0, 2, 1]),
            send(b"\x30\x06\x00\x03a/bz"),
            expect(DISCONNECT),
        ],
    ]);
    subscribe(&peer, FLAGS)
        .args(["-C", "1", "--raw"])
        .assert()
        .success()
        .stdout("z\n");
    peer.finish();
}

#[test]
fn idle_ends_with_success() {
    let peer = subscribed(&[send(b"\x30\x06\x00\x03a/bz"), expect(DISCONNECT), Step::ExpectEnd]);
    subscribe(&peer, FLAGS)
        .args(["--idle", "300ms", "--raw"])
        .assert()
        .success()
        .stdout("z\n");
    peer.finish();
}

#[test]
fn topic_aliases_of_the_broker_are_resolved() {
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(CONNACK_5),
        Step::ExpectType(0x82),
        send(&[0x90, 4, 0, 1, 0, 0]),
        send(b"\x30\x0a\x00\x03a/b\x03\x23\x00\x021"),
        send(b"\x30\x07\x00\x00\x03\x23\x00\x022"),
        expect(DISCONNECT),
    ]]);
    subscribe(
        &peer,
        &["-t", "#", "-C", "2", "-v", "-D", "connect", "topic-alias-maximum", "5"],
    )
    .assert()
    .success()
    .stdout("a/b 1\na/b 2\n");
    peer.finish();
}
