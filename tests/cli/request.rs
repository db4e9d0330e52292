//! `mqkit rr` against a peer that checks every byte, and against the embedded broker with a responder in the shell.

use super::statuses::{self, Running};
use super::{CONNACK_5, CONNACK_311, CONNECT_5, CONNECT_311, DISCONNECT, expect, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::str::{contains, is_match};
use std::io::{Read, Write};
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
    "-V",
    "5",
    "-e",
    "resp",
    "-m",
    "hi",
    "-D",
    "publish",
    "correlation-data",
    "id",
    "--raw",
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

#[test]
fn the_subscription_comes_first_and_disconnect_last() {
    let peer = requested(&[send(RESPONSE_5), expect(DISCONNECT), Step::ExpectEnd]);
    request(&peer, FLAGS).assert().success().stdout("ok\n").stderr("");
    peer.finish();
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
            assert_eq!(packet[..7], *b"\x30\x37\x00\x03req", "{packet:02x?}");
            assert_eq!(property(packet, 9).len(), 16, "{packet:02x?}");
            answered(packet)
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
        Step::Answer(answered),
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
            Step::Answer(answered),
            expect(DISCONNECT),
        ]]);
        request(&peer, &["-m", "hi", "--raw"]).args(flags).assert().success();
        peer.finish();
    }
}

fn answered(packet: &[u8]) -> Vec<u8> {
    response(&property(packet, 8), &property(packet, 9), b"ok")
}

#[test]
fn what_answers_something_else_is_ignored() {
    // Before SUBACK, so before the request; stored; with other correlation data; on another topic.
    let peer = Peer::new(vec![vec![
        expect(CONNECT_5),
        send(CONNACK_5),
        expect(SUBSCRIBE_5),
        send(b"\x30\x0d\x00\x04resp\x05\x09\x00\x02id1"),
        send(SUBACK_5),
        expect(REQUEST_5),
        send(b"\x31\x0d\x00\x04resp\x05\x09\x00\x02id2"),
        send(b"\x31\x08\x00\x04resp\x003"),
        send(b"\x30\x0d\x00\x04resp\x05\x09\x00\x02\x00\xff4"),
        send(b"\x30\x0d\x00\x04else\x05\x09\x00\x02id5"),
        send(b"\x30\x0d\x00\x04resp\x05\x09\x00\x02id6"),
        // Correlation data are not every responder's thing.
        send(b"\x30\x08\x00\x04resp\x007"),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]]);
    request(&peer, FLAGS)
        .args(["-C", "2", "-d"])
        .assert()
        .success()
        .stdout("6\n7\n")
        .stderr(contains("ignored a message to \"resp\": it came before the request\n"))
        .stderr(contains("ignored a message to \"resp\": it was retained before the request\n").count(2))
        .stderr(contains(
            "ignored a message to \"resp\": it answers another request, correlation data 00ff\n",
        ))
        .stderr(contains(
            "ignored a message to \"else\": it is not the response topic\n",
        ));
    peer.finish();
}

#[test]
fn a_stored_response_with_random_correlation_data_can_only_be_ours() {
    let peer = Peer::new(vec![vec![
        expect(CONNECT_5),
        send(CONNACK_5),
        expect(SUBSCRIBE_5),
        send(SUBACK_5),
        Step::Answer(|packet| {
            let mut packet = answered(packet);
            packet[0] |= 1;
            packet
        }),
        expect(DISCONNECT),
    ]]);
    request(&peer, &["-e", "resp", "-n", "--raw"])
        .assert()
        .success()
        .stdout("ok\n");
    peer.finish();
}

#[test]
fn without_correlation_data_any_new_message_is_a_response() {
    let peer = Peer::new(vec![vec![
        expect(CONNECT_5),
        send(CONNACK_5),
        expect(SUBSCRIBE_5),
        send(SUBACK_5),
        expect(b"\x30\x0f\x00\x03req\x07\x08\x00\x04resphi"),
        send(b"\x31\x08\x00\x04resp\x001"),
        send(RESPONSE_5),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]]);
    request(&peer, &["-e", "resp", "-m", "hi", "--raw", "--no-correlation-data"])
        .assert()
        .success()
        .stdout("ok\n");
    peer.finish();
}

#[test]
fn at_qos_1_and_2_all_messages_are_acknowledged_the_response_after_it_was_written() {
    // A session for 300 s, which DISCONNECT ends.
    let connect = b"\x10\x13\x00\x04MQTT\x05\x02\x00\x3c\x05\x11\x00\x00\x01\x2c\x00\x01c";
    let disconnect = &[0xe0, 7, 0, 5, 0x11, 0, 0, 0, 0];
    let peer = Peer::new(vec![vec![
        expect(connect),
        send(CONNACK_5),
        expect(b"\x82\x0a\x00\x01\x00\x00\x04resp\x01"),
        send(&[0x90, 4, 0, 1, 0, 1]),
        expect(b"\x32\x16\x00\x03req\x00\x02\x0c\x09\x00\x02id\x08\x00\x04resphi"),
        send(&[0x40, 2, 0, 2]),
        send(b"\x33\x0f\x00\x04resp\x00\x05\x05\x09\x00\x02id1"),
        expect(&[0x40, 2, 0, 5]),
        send(b"\x32\x0f\x00\x04resp\x00\x06\x05\x09\x00\x02id2"),
        expect(&[0x40, 2, 0, 6]),
        expect(disconnect),
        Step::ExpectEnd,
    ]]);
    request(&peer, FLAGS).args(["-q", "1"]).assert().success().stdout("2\n");
    peer.finish();
    let peer = Peer::new(vec![vec![
        expect(connect),
        send(CONNACK_5),
        expect(b"\x82\x0a\x00\x01\x00\x00\x04resp\x02"),
        send(&[0x90, 4, 0, 1, 0, 2]),
        expect(b"\x34\x16\x00\x03req\x00\x02\x0c\x09\x00\x02id\x08\x00\x04resphi"),
        send(&[0x50, 2, 0, 2]),
        expect(&[0x62, 2, 0, 2]),
        send(b"\x34\x0f\x00\x04resp\x00\x05\x05\x09\x00\x02id2"),
        expect(&[0x50, 2, 0, 5]),
        expect(disconnect),
        Step::ExpectEnd,
    ]]);
    request(&peer, FLAGS).args(["-q", "2"]).assert().success().stdout("2\n");
    peer.finish();
}

#[test]
fn a_response_that_cannot_be_written_is_not_acknowledged() {
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(CONNACK_5),
        Step::ExpectType(0x82),
        send(&[0x90, 4, 0, 1, 0, 1]),
        Step::ExpectType(0x32),
        send(b"\x32\x0f\x00\x04resp\x00\x06\x05\x09\x00\x02id2"),
        Step::ExpectEnd,
    ]]);
    let mut command = Command::new("sh");
    let words = format!(
        "{} rr -h 127.0.0.1 -p {} -q 1 -t req",
        env!("CARGO_BIN_EXE_mqkit"),
        peer.port
    );
    let status = command
        .args(["-c", &format!("exec {words} {} > /dev/full", FLAGS.join(" "))])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    peer.finish();
}

#[test]
fn several_responses_are_printed_as_they_come() {
    let second = b"\x30\x0e\x00\x04resp\x05\x09\x00\x02idno";
    let peer = requested(&[
        send(RESPONSE_5),
        send(second),
        send(RESPONSE_5),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]);
    request(&peer, FLAGS)
        .args(["-C", "3"])
        .assert()
        .success()
        .stdout("ok\nno\nok\n");
    peer.finish();
    // Fewer than that within the time.
    let peer = requested(&[send(RESPONSE_5), send(second), expect(DISCONNECT), Step::ExpectEnd]);
    request(&peer, FLAGS)
        .args(["-C", "3", "-W", "0.5"])
        .assert()
        .code(27)
        .stdout("ok\nno\n")
        .stderr("mqkit: the time limit of 0.5s ran out while waiting for the response on \"resp\" to the request to \"req\" (2 of 3 are there)\n");
    peer.finish();
}

#[test]
fn a_time_limit_holds_in_every_state() {
    let connected = [expect(CONNECT_5), send(CONNACK_5), expect(SUBSCRIBE_5)];
    let requested = [&connected[..], &[send(SUBACK_5), expect(REQUEST_5)]].concat();
    for flag in ["-W", "--deadline"] {
        for (script, bye, words) in [
            (
                &[Step::Silence][..],
                false,
                "the time limit of 0.4s ran out while waiting for CONNACK from 127.0.0.1:",
            ),
            (
                &connected,
                true,
                "the time limit of 0.4s ran out while waiting for SUBACK from 127.0.0.1:",
            ),
            (
                &requested,
                true,
                "ran out while waiting for the response on \"resp\" to the request to \"req\"\n",
            ),
        ] {
            let end = if bye {
                vec![expect(DISCONNECT), Step::ExpectEnd]
            } else {
                Vec::new()
            };
            let peer = Peer::new(vec![[script, &end].concat()]);
            request(&peer, FLAGS)
                .args([flag, "0.4"])
                .assert()
                .code(27)
                .stdout("")
                .stderr(contains(words));
            peer.finish();
        }
    }
}

#[test]
fn a_broker_that_stops_reading_does_not_hold_up_the_end() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 15];
        stream.read_exact(&mut bytes).unwrap();
        stream.write_all(CONNACK_311).unwrap();
        stream.read_exact(&mut bytes[..11]).unwrap();
        stream.write_all(&[0x90, 3, 0, 1, 0]).unwrap();
        let _ = is_done.recv();
    });
    mqkit()
        .args(["rr", "-h", "127.0.0.1", "-p", &port, "-i", "c", "-V", "311"])
        .args(["-t", "req", "-e", "resp", "-s", "-W", "1"])
        .write_stdin(vec![b'x'; 50_000_000])
        .assert()
        .code(27);
    drop(done);
    peer.join().unwrap();
}

#[test]
fn standard_input_that_does_not_end_is_under_the_limit_too() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mqkit"))
        .args(["rr", "-t", "a", "-s", "-W", "0.3"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe stays open.
    let stdin = child.stdin.take();
    let status = Running(child).0.wait().unwrap();
    drop(stdin);
    assert_eq!(status.code(), Some(27));
}

#[test]
fn refusals_are_named_and_end_the_run() {
    let peer = Peer::new(vec![vec![
        expect(CONNECT_5),
        send(CONNACK_5),
        expect(SUBSCRIBE_5),
        send(&[0x90, 9, 0, 1, 5, 0x1f, 0, 2, b'n', b'o', 0x87]),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]]);
    request(&peer, FLAGS).arg("--quiet").assert().code(4).stderr(
        "mqkit: the broker refused the subscription to the response topic \"resp\": Not authorized (0x87), \
         reason-string: no\n",
    );
    peer.finish();
    // One that was made up may be where this client may not read.
    let peer = Peer::new(vec![vec![
        expect(CONNECT_5),
        send(CONNACK_5),
        Step::ExpectType(0x82),
        send(&[0x90, 4, 0, 1, 0, 0x87]),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]]);
    request(&peer, &["-n"])
        .assert()
        .code(4)
        .stderr(contains("Not authorized (0x87)\nhint: name one with -e"));
    peer.finish();
    for (puback, status, words) in [
        (
            &[0x40, 3, 0, 2, 0x87][..],
            4,
            "mqkit: the broker refused the request to \"req\": Not authorized (0x87)\n",
        ),
        (
            &[0x40, 3, 0, 2, 0x10],
            1,
            "mqkit: no response: nobody is subscribed to \"req\"\nhint: start the responder before the request\n",
        ),
    ] {
        let peer = Peer::new(vec![vec![
            Step::ExpectType(0x10),
            send(CONNACK_5),
            Step::ExpectType(0x82),
            send(&[0x90, 4, 0, 1, 0, 1]),
            Step::ExpectType(0x32),
            send(puback),
            Step::ExpectType(0xe0),
            Step::ExpectEnd,
        ]]);
        request(&peer, FLAGS)
            .args(["-q", "1", "--quiet"])
            .assert()
            .code(status)
            .stdout("")
            .stderr(words);
        peer.finish();
    }
}

#[test]
fn what_connack_forbids_is_an_error() {
    // Maximum QoS 0.
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(&[0x20, 5, 0, 0, 2, 0x24, 0]),
        Step::ExpectType(0x82),
        send(SUBACK_5),
        Step::Silence,
    ]]);
    request(&peer, FLAGS)
        .args(["-q", "1"])
        .assert()
        .code(4)
        .stderr(contains("the broker grants QoS 0 to \"resp\", asked for 1"))
        .stderr(contains(
            "cannot send the request to \"req\"\ncaused by: QoS 1 is not supported",
        ));
}

#[test]
fn before_version_5_the_response_topic_alone_decides() {
    let peer = Peer::new(vec![vec![
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(b"\x82\x09\x00\x01\x00\x04resp\x00"),
        send(&[0x90, 3, 0, 1, 0]),
        expect(b"\x30\x07\x00\x03reqhi"),
        send(b"\x31\x07\x00\x04resp1"),
        send(b"\x30\x07\x00\x04resp2"),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]]);
    request(&peer, &["-V", "311", "-e", "resp", "-m", "hi", "--raw"])
        .assert()
        .success()
        .stdout("2\n");
    peer.finish();
    // A refusal of 3.1.1 has no reason.
    let peer = Peer::new(vec![vec![
        expect(CONNECT_311),
        send(CONNACK_311),
        Step::ExpectType(0x82),
        send(&[0x90, 3, 0, 1, 0x80]),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]]);
    request(&peer, &["-V", "311", "-e", "resp", "-n"])
        .assert()
        .code(4)
        .stderr(contains("refused the subscription to the response topic \"resp\""));
    peer.finish();
}

#[test]
fn a_fall_back_needs_a_response_topic_and_nothing_of_version_5() {
    let refusing = || vec![expect(CONNECT_5), send(&[0x20, 2, 0, 1])];
    let peer = Peer::new(vec![
        refusing(),
        vec![
            expect(CONNECT_311),
            send(CONNACK_311),
            expect(b"\x82\x09\x00\x01\x00\x04resp\x00"),
            send(&[0x90, 3, 0, 1, 0]),
            expect(b"\x30\x07\x00\x03reqhi"),
            send(b"\x30\x08\x00\x04respok"),
            expect(DISCONNECT),
            Step::ExpectEnd,
        ],
    ]);
    request(&peer, &["-e", "resp", "-m", "hi", "--raw"])
        .assert()
        .success()
        .stdout("ok\n")
        .stderr(contains("going on with 3.1.1"));
    peer.finish();
    let peer = Peer::new(vec![refusing()]);
    request(&peer, &["-m", "hi"])
        .assert()
        .code(4)
        .stderr(contains("3.1.1 needs a response topic (-e)"));
    peer.finish();
    let peer = Peer::new(vec![refusing()]);
    request(&peer, &["-e", "resp", "-m", "hi", "--retain-as-published"])
        .assert()
        .code(4)
        .stderr(contains("Unsupported Protocol Version"));
    peer.finish();
}

#[test]
fn a_lost_connection_is_made_again_and_the_request_sent_with_dup() {
    let again = b"\x3a\x16\x00\x03req\x00\x02\x0c\x09\x00\x02id\x08\x00\x04resphi";
    let first = || {
        vec![
            Step::ExpectType(0x10),
            send(CONNACK_5),
            Step::ExpectType(0x82),
            send(&[0x90, 4, 0, 1, 0, 1]),
            Step::ExpectType(0x32),
        ]
    };
    // The broker has the session: it knows the subscription, and gets the request with DUP. Nobody is there any more to
    // get this copy, but the first one was answered.
    let peer = Peer::new(vec![
        first(),
        vec![
            Step::ExpectType(0x10),
            send(&[0x20, 3, 1, 0, 0]),
            expect(again),
            send(&[0x40, 3, 0, 2, 0x10]),
            send(RESPONSE_5),
            Step::ExpectType(0xe0),
            Step::ExpectEnd,
        ],
    ]);
    request(&peer, FLAGS)
        .args(["-q", "1"])
        .assert()
        .success()
        .stdout("ok\n")
        .stderr(contains("trying again in 0."));
    peer.finish();
    // It has lost the session: first the subscription, then the request as a new message.
    let peer = Peer::new(vec![
        first(),
        vec![
            Step::ExpectType(0x10),
            send(CONNACK_5),
            expect(b"\x82\x0a\x00\x03\x00\x00\x04resp\x01"),
            expect(b"\x32\x16\x00\x03req\x00\x04\x0c\x09\x00\x02id\x08\x00\x04resphi"),
            send(&[0x90, 4, 0, 3, 0, 1]),
            send(&[0x40, 2, 0, 4]),
            send(RESPONSE_5),
            Step::ExpectType(0xe0),
            Step::ExpectEnd,
        ],
    ]);
    request(&peer, FLAGS)
        .args(["-q", "1"])
        .assert()
        .success()
        .stdout("ok\n");
    peer.finish();
}

#[test]
fn a_connection_lost_before_the_request_is_nothing_to_worry_about() {
    let peer = Peer::new(vec![
        vec![expect(CONNECT_5), send(CONNACK_5), expect(SUBSCRIBE_5)],
        vec![
            expect(CONNECT_5),
            send(CONNACK_5),
            expect(b"\x82\x0a\x00\x02\x00\x00\x04resp\x00"),
            send(&[0x90, 4, 0, 2, 0, 0]),
            expect(REQUEST_5),
            send(RESPONSE_5),
            expect(DISCONNECT),
        ],
    ]);
    // What never got beyond CONNACK counts as a first connection, which is tried once.
    request(&peer, FLAGS)
        .args(["--retry", "5s"])
        .assert()
        .success()
        .stdout("ok\n");
    peer.finish();
}

#[test]
fn a_request_at_qos_0_is_not_sent_twice() {
    let peer = requested(&[]);
    request(&peer, FLAGS).assert().code(5).stderr(contains(
        "mqkit: no response: a request at QoS 0 is not sent again after a loss (one at -q 1 is)\ncaused by: connection to",
    ));
    peer.finish();
}

#[test]
fn every_source_of_a_request_works() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("payload");
    std::fs::write(&path, b"\0\xff\n").unwrap();
    for (flags, stdin, payload) in [
        (vec!["-f", path.to_str().unwrap()], "", &b"\0\xff\n"[..]),
        (vec!["-n"], "", b""),
        (vec!["-s"], "one\ntwo", b"one\ntwo"),
        (vec!["-m", "-5"], "", b"-5"),
    ] {
        let length = u8::try_from(5 + payload.len()).unwrap();
        let peer = Peer::new(vec![vec![
            expect(CONNECT_311),
            send(CONNACK_311),
            Step::ExpectType(0x82),
            send(&[0x90, 3, 0, 1, 0]),
            expect(&[&[0x30, length, 0, 3, b'r', b'e', b'q'], payload].concat()),
            send(b"\x30\x06\x00\x04resp"),
            expect(DISCONNECT),
        ]]);
        request(&peer, &["-V", "311", "-e", "resp"])
            .args(&flags)
            .write_stdin(stdin)
            .assert()
            .success();
        peer.finish();
    }
}

#[test]
fn formats_print_what_they_say() {
    for (flags, expected) in [
        (&["-v"][..], "resp ok\n"),
        (&["-v", "-N"], "resp ok"),
        (&["--raw"], "ok\n"),
        (&["-N", "--raw"], "ok"),
        (&["-F", "%t:%l:%D"], "resp:2:id\n"),
    ] {
        let peer = requested(&[send(RESPONSE_5), expect(DISCONNECT)]);
        let (_, but_raw) = FLAGS.split_last().unwrap();
        request(&peer, but_raw).args(flags).assert().success().stdout(expected);
        peer.finish();
    }
    let peer = requested(&[send(RESPONSE_5), expect(DISCONNECT)]);
    let (_, but_raw) = FLAGS.split_last().unwrap();
    request(&peer, but_raw).assert().success().stdout(contains(
        "\"topic\":\"resp\",\"qos\":0,\"retain\":false,\"payloadlen\":2,\
         \"properties\":{\"correlation-data\":\"id\"},\"payload\":\"ok\"}\n",
    ));
    peer.finish();
    // Over several lines.
    let peer = requested(&[send(RESPONSE_5), expect(DISCONNECT)]);
    let pretty = request(&peer, but_raw).arg("--pretty").assert().success();
    assert!(pretty.get_output().stdout.iter().filter(|byte| **byte == b'\n').count() > 3);
    peer.finish();
    let peer = requested(&[send(RESPONSE_5), expect(DISCONNECT)]);
    request(&peer, FLAGS)
        .arg("--latency")
        .assert()
        .success()
        .stdout(is_match("^ok\nLatency: [0-9]+(\\.[0-9]{6}(µs|ms)|\\.[0-9]{9})\n$").unwrap());
    peer.finish();
}

#[test]
fn subscription_options_and_properties_are_sent() {
    for (flags, options) in [
        (&["-R"][..], 0x20),
        (&["--retain-handling", "new"], 0x10),
        (&["--retain-handling", "never", "--retain-as-published"], 0x28),
        (&["--retain-handling", "always"], 0),
    ] {
        let mut subscribe = SUBSCRIBE_5.to_vec();
        *subscribe.last_mut().unwrap() = options;
        let peer = Peer::new(vec![vec![
            expect(CONNECT_5),
            send(CONNACK_5),
            expect(&subscribe),
            send(SUBACK_5),
            expect(REQUEST_5),
            send(RESPONSE_5),
            expect(DISCONNECT),
        ]]);
        request(&peer, FLAGS).args(flags).assert().success();
        peer.finish();
    }
    let peer = Peer::new(vec![vec![
        expect(CONNECT_5),
        send(CONNACK_5),
        expect(b"\x82\x0c\x00\x01\x02\x0b\x05\x00\x04resp\x00"),
        send(SUBACK_5),
        expect(b"\x30\x16\x00\x03req\x0e\x01\x01\x09\x00\x02id\x08\x00\x04resphi"),
        send(RESPONSE_5),
        expect(b"\xe0\x07\x00\x05\x11\x00\x00\x00\x01"),
        Step::ExpectEnd,
    ]]);
    request(&peer, &["-D", "publish", "payload-format-indicator", "1"])
        .args(FLAGS)
        .args(["-D", "subscribe", "subscription-identifier", "5"])
        .args(["-D", "disconnect", "session-expiry-interval", "1"])
        .assert()
        .success();
    peer.finish();
}

#[test]
fn a_signal_says_good_bye() {
    let peer = requested(&[Step::Answer(|packet| {
        assert_eq!(packet, DISCONNECT);
        Vec::new()
    })]);
    let port = peer.port.to_string();
    let words = ["rr", "-h", "127.0.0.1", "-p", &port, "-i", "c", "-t", "req", "-d"];
    let mut running = statuses::start(&[&words[..], FLAGS].concat(), Stdio::null());
    // The request goes out right after it.
    statuses::wait_for("the broker has the subscription", &mut running);
    statuses::signal("-INT", &running);
    assert_eq!(running.0.wait().unwrap().code(), Some(130));
    peer.finish();
}

/// A shell in the background that finds `mqkit` in its path and the broker in its environment.
fn shell(script: &str, url: &str) -> Running {
    let directory = Path::new(env!("CARGO_BIN_EXE_mqkit")).parent().unwrap();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let child = Command::new("sh")
        .args(["-c", script])
        .env("PATH", path)
        .env("MQTT_URL", url)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Running(child)
}

#[test]
fn a_responder_in_the_shell_answers() {
    let mut broker = statuses::start(&["broker", "--port", "0"], Stdio::piped());
    let url = statuses::url(&mut broker);
    let ask = |flags: &[&str]| {
        let mut command = mqkit();
        command
            .args(["rr", "-L", &url, "-t", "double", "--raw", "-W", "20"])
            .args(flags);
        command
    };
    // Nobody is there yet.
    ask(&["-q", "1", "-m", "1"])
        .assert()
        .code(1)
        .stderr(contains("nobody is subscribed to \"double\""));
    // The script of the README.
    let script = "mqkit sub -t double -q 1 -C 7 -d -F '%R %D %p' | while read -r topic id number; do
        mqkit pub -t \"$topic\" -m $((number * 2)) -q 1 -D publish correlation-data \"$id\"
    done";
    let mut responder = shell(script, &url);
    statuses::wait_for("subscribed to", &mut responder);
    for (flags, expected) in [
        (&["-m", "1"][..], "2\n"),
        (&["-m", "2", "-q", "1"], "4\n"),
        (&["-m", "3", "-q", "2", "-V", "5"], "6\n"),
        (&["-m", "4", "-e", "answers", "-q", "1"], "8\n"),
    ] {
        ask(flags).assert().success().stdout(expected).stderr("");
    }
    // Two at once on one response topic get their own answers.
    let other = {
        let url = url.clone();
        std::thread::spawn(move || {
            let mut command = mqkit();
            command.args([
                "rr", "-L", &url, "-t", "double", "-e", "answers", "--raw", "-q", "1", "-m", "50",
            ]);
            command.assert().success().stdout("100\n");
        })
    };
    ask(&["-m", "60", "-e", "answers", "-q", "1"])
        .assert()
        .success()
        .stdout("120\n");
    other.join().unwrap();
    // The seventh request ends the responder.
    ask(&["-m", "7", "-q", "1"]).assert().success().stdout("14\n");
    assert_eq!(responder.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_command_of_sub_answers() {
    let mut broker = statuses::start(&["broker", "--port", "0"], Stdio::piped());
    let url = statuses::url(&mut broker);
    let words = [
        "sub",
        "-L",
        &url,
        "-t",
        "upper",
        "-q",
        "1",
        "-C",
        "2",
        "-d",
        "--exec",
        "tr a-z A-Z",
        "--reply",
    ];
    let mut responder = statuses::start(&words, Stdio::null());
    statuses::wait_for("subscribed to", &mut responder);
    for (request, qos, response) in [("one", "0", "ONE\n"), ("two", "2", "TWO\n")] {
        mqkit()
            .args([
                "rr", "-L", &url, "-t", "upper", "-m", request, "-q", qos, "-W", "20", "--raw",
            ])
            .assert()
            .success()
            .stdout(response)
            .stderr("");
    }
    assert_eq!(responder.0.wait().unwrap().code(), Some(0));
}

#[test]
fn response_topics_are_new_for_each_run() {
    let mut broker = statuses::start(&["broker", "--port", "0"], Stdio::piped());
    let url = statuses::url(&mut broker);
    let topic = || {
        let output = mqkit()
            .args(["rr", "-L", &url, "-t", "nobody", "-n", "-q", "1", "-d"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let (_, rest) = text.split_once("the response topic is \"mqkit/rr/").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    let topics = [topic(), topic(), topic()];
    assert!(
        topics[0] != topics[1] && topics[1] != topics[2] && topics[0] != topics[2],
        "{topics:?}"
    );
}
