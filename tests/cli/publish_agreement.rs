//! `mqkit pub` and what a broker has to say: stored messages, topic aliases, properties, refusals. The peer checks every
//! byte.

use super::publish_input::{peer_5, publish};
use super::{CONNACK_5, expect, send};
use crate::support::peer::{Peer, Step};
use predicates::str::contains;

/// The conversation about what is stored: SUBSCRIBE with this identifier, its answer, and the question that ends it.
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
            "the broker refused the subscription that shows the retained message: Not authorized (0x87)",
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
