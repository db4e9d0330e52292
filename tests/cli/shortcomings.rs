//! Brokers that fall short, as the real ones of `tests/interop` were seen to: what mqkit says, and the exit status.

use super::{CONNACK_311, CONNECT_311, expect, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::str::contains;

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
