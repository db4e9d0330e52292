//! Brokers that fall short, as the real ones of `tests/interop` were seen to: what mqkit says, and the exit status.

use super::{CONNACK_311, CONNECT_311, expect, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::str::contains;
use std::io::{Read, Write};

fn publish(peer: &Peer, flags: &[&str]) -> assert_cmd::Command {
    let mut command = mqkit();
    let url = format!("mqtt://127.0.0.1:{}/a/b", peer.port);
    command.args(["pub", "-L", &url, "-i", "c", "-m", "x"]).args(flags);
    command
}

/// NATS.
#[test]
fn closing_on_qos_2_is_named() {
    let message = b"\x34\x08\x00\x03a/b\x00\x01x";
    let connection = vec![expect(CONNECT_311), send(CONNACK_311), expect(message)];
    let said = "the peer closed the connection instead of answering a QoS 2 message";
    let peer = Peer::new(vec![connection]);
    publish(&peer, &["-V", "311", "-q", "2", "--no-reconnect"])
        .assert()
        .code(5)
        .stderr(contains(format!("\ncaused by: {said}\n")))
        .stderr(contains("\nhint: a broker that does not support QoS 2 does so"));
    peer.finish();
}

/// What the kernel makes of closing with unread bytes: RST instead of FIN. No CONNACK all the same.
#[test]
fn a_reset_instead_of_connack_is_no_lost_connection() {
    let peer = Peer::new(vec![vec![expect(&CONNECT_311[..1])]]);
    publish(&peer, &["-V", "311"]).assert().code(3).stderr(contains(
        "(CONNACK): the broker closed the connection without an answer to CONNECT\nhint: ",
    ));
    peer.finish();

    let again = [
        expect(CONNECT_311),
        send(CONNACK_311),
        Step::ExpectType(0x30),
        expect(super::DISCONNECT),
    ];
    let peer = Peer::new(vec![vec![expect(b"\x10")], again.to_vec()]);
    publish(&peer, &[])
        .assert()
        .success()
        .stderr(contains("does not speak MQTT 5: going on with 3.1.1"));
    peer.finish();
}

/// At QoS 0 a reset is the only sign that the broker went without having read the message.
#[test]
fn a_message_that_the_broker_left_unread_is_doubtful() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let peer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut vec![0; CONNECT_311.len()]).unwrap();
        stream.write_all(CONNACK_311).unwrap();
        // The message is there, and stays there.
        stream.peek(&mut [0]).unwrap();
    });
    mqkit()
        .args([
            "pub",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-i",
            "c",
            "-V",
            "311",
            "-t",
            "a",
            "-m",
            "x",
        ])
        .assert()
        .code(5)
        .stderr(contains("sent=1 failed=0 doubtful=1 "));
    peer.join().unwrap();
}
