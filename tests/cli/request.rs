//! `mqkit rr` against a peer that checks every byte, and against the embedded broker with a responder in the shell.

use super::statuses::{self, Running};
use super::{CONNACK_5, CONNACK_311, CONNECT_5, CONNECT_311, DISCONNECT, expect, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::prelude::*;
use predicates::str::{contains, is_match};
use std::path::Path;
use std::process::{Command, Stdio};

/// A request to `req`.
fn request(peer: &Peer, flags: &[&str]) -> assert_cmd::Command {
    let mut command = mqkit();
    command
        .args(["rr", "-h", "127.0.0.1", "-p", &peer.port.to_string()])
        .args(["-i", "c", "-t", "req"])
        .args(flags);
    command
}

/// Version 5, the response topic `resp`, the correlation data `id`.
const FLAGS: &[&str] = &[
    "-V", "5", "-e", "resp", "-m", "hi", "-D", "publish", "correlation-data", "id", "--raw",
];
const SUBSCRIBE_5: &[u8] = b"\x82\x0a\x00\x01\x00\x00\x04resp\x00";
const SUBACK_5: &[u8] = &[0x90, 4, 0, 1, 0, 0];
const REQUEST_5: &[u8] = b"\x30\x14\x00\x03req\x0c\x09\x00\x02id\x08\x00\x04resphi";
const RESPONSE_5: &[u8] = b"\x30\x0e\x00\x04resp\x05\x09\x00\x02idok";

/// Version 5 up to the request, then these steps.
fn requested(steps: &[Step]) -> Peer {
    let start = [
        expect(CONNECT_5),
        send(CONNACK_5),
        expect(SUBSCRIBE_5),
        send(SUBACK_5),
        expect(REQUEST_5),
    ];
    Peer::new(vec![[&start[..], steps].concat()])
}

const THE_END: [Step; 1] = [Step::ExpectEnd];

#[test]
fn the_subscription_comes_first_and_disconnect_last() {
    let peer = requested(&[&[send(RESPONSE_5), expect(DISCONNECT)][..], &THE_END].concat());
    request(&peer, FLAGS).assert().success().stdout("ok\n").stderr("");
    peer.finish();
}

#[test]
fn the_request_waits_for_suback() {
    // A request that did not wait would stand where the peer looks for silence.
    let peer = Peer::new(vec![vec![
        expect(CONNECT_5),
        send(CONNACK_5),
        expect(SUBSCRIBE_5),
        Step::ExpectEnd,
    ]]);
    request(&peer, FLAGS)
        .args(["-W", "0.3"])
        .assert()
        .code(27)
        .stderr(contains("did not answer the subscription to the response topic within 0.3s"));
}

/// Where the properties of a PUBLISH to `req` at QoS 0 begin: all of it is shorter than 128 bytes.
const PROPERTIES_AT: usize = 8;

/// The bytes of a property with a length of two bytes.
fn property(packet: &[u8], id: u8) -> Vec<u8> {
    let mut rest = &packet[PROPERTIES_AT..];
    loop {
        let length = usize::from(rest[1]) << 8 | usize::from(rest[2]);
        let (found, value) = (rest[0], rest[3..3 + length].to_vec());
        if found == id {
            return value;
        }
        rest = &rest[3 + length..];
    }
}

/// A PUBLISH at QoS 0 to a topic of at most a hundred bytes, with correlation data.
fn response(topic: &[u8], correlation: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x30, 0, 0, u8::try_from(topic.len()).unwrap()];
    packet.extend_from_slice(topic);
    packet.extend([u8::try_from(correlation.len() + 3).unwrap(), 9, 0]);
    packet.push(u8::try_from(correlation.len()).unwrap());
    packet.extend_from_slice(correlation);
    packet.extend_from_slice(payload);
    packet[1] = u8::try_from(packet.len() - 2).unwrap();
    packet
}

fn answered(packet: &[u8]) -> Vec<u8> {
    assert_eq!(packet[..PROPERTIES_AT - 1], *b"\x30\x35\x00\x03req", "{packet:02x?}");
    let (correlation, topic) = (property(packet, 9), property(packet, 8));
    assert_eq!(correlation.len(), 16, "{packet:02x?}");
    response(&topic, &correlation, b"ok")
}

fn granted(prefix: &[u8], packet: &[u8]) -> Vec<u8> {
    let topic = &packet[7..packet.len() - 1];
    assert!(topic.starts_with(prefix), "{packet:02x?}");
    assert_eq!(topic.len(), prefix.len() + 16, "{packet:02x?}");
    SUBACK_5.to_vec()
}

#[test]
fn response_topic_and_correlation_data_are_made_up() {
    let peer = Peer::new(vec![vec![
        expect(CONNECT_5),
        send(CONNACK_5),
        Step::Answer(|packet| granted(b"mqkit/rr/", packet)),
        Step::Answer(|packet| {
            assert_eq!(packet[..7], *b"\x30\x39\x00\x03req", "{packet:02x?}");
            let (correlation, topic) = (property(packet, 9), property(packet, 8));
            assert_eq!(correlation.len(), 16, "{packet:02x?}");
            response(&topic, &correlation, b"ok")
        }),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]]);
    request(&peer, &["-m", "hi", "--raw"]).assert().success().stdout("ok\n");
    peer.finish();
}

#[test]
fn response_information_says_where_when_it_was_asked_for() {
    let connect = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x02\x19\x01\x00\x01c";
    let connack = b"\x20\x0a\x00\x00\x07\x1a\x00\x04our/";
    let peer = Peer::new(vec![vec![
        expect(connect),
        send(connack),
        Step::Answer(|packet| granted(b"our/", packet)),
        Step::Answer(|packet| response(&property(packet, 8), &property(packet, 9), b"ok")),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]]);
    request(&peer, &["-m", "hi", "--raw"])
        .args(["-D", "connect", "request-response-information", "1"])
        .assert()
        .success()
        .stdout("ok\n");
    peer.finish();
    // Not asked for; and of no use.
    for (connect, connack, flags) in [
        (CONNECT_5, &connack[..], &[][..]),
        (
            &connect[..],
            b"\x20\x0a\x00\x00\x07\x1a\x00\x04our#",
            &["-D", "connect", "request-response-information", "1"],
        ),
    ] {
        let peer = Peer::new(vec![vec![
            expect(connect),
            send(connack),
            Step::Answer(|packet| granted(b"mqkit/rr/", packet)),
            Step::Answer(answered_with_default_topic),
            expect(DISCONNECT),
        ]]);
        request(&peer, &["-m", "hi", "--raw"]).args(flags).assert().success();
        peer.finish();
    }
}

fn answered_with_default_topic(packet: &[u8]) -> Vec<u8> {
    response(&property(packet, 8), &property(packet, 9), b"ok")
}
