//! Brokers that are none, half ones, and silent ones: the documented status, in time, with a message that says so.

use super::{CONNACK_311, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::str::contains;

/// One connection for version 5; `auto` would come a second time.
fn publish(peer: &Peer) -> assert_cmd::Command {
    let mut command = mqkit();
    command.args([
        "pub",
        "-h",
        "127.0.0.1",
        "-p",
        &peer.port.to_string(),
        "-t",
        "a",
        "-m",
        "x",
        "-V",
        "311",
    ]);
    command
}

#[test]
fn an_answer_that_is_no_connack_is_explained() {
    for (answer, status, words) in [
        // Random bytes, a reserved type, a packet that is too large to be true, another packet, a TLS alert, HTTP.
        (&[0xff, 0xff, 0xff, 0xff, 0xff][..], 5, "has more than four bytes"),
        (&[0x00, 0x00], 5, "packet type 0 is reserved"),
        (
            &[0x20, 2, 2, 0],
            5,
            "reserved bits are set (0x02) at byte 2 [MQTT-2.2.2-1]",
        ),
        (
            &[0x20, 2, 0, 9],
            5,
            "0x09 is not a reason code of this packet at byte 3",
        ),
        (
            &[0xd0, 0],
            5,
            "PINGRESP, which must not come before CONNACK [MQTT-3.2.0-1]",
        ),
        (&[0x15, 3, 1, 0, 2, 2, 0x46], 5, "the port speaks TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 5, "the port speaks HTTP"),
        (&[0x20, 2], 5, "closed the connection in the middle of a packet"),
        (&[], 3, "closed the connection without an answer to CONNECT"),
        (&[0x20, 2, 0, 1], 4, "Unsupported Protocol Version"),
        (&[0x20, 2, 0, 2], 4, "Client Identifier not valid"),
        (&[0x20, 2, 0, 3], 4, "Server unavailable"),
        (
            &[0x20, 2, 0, 4],
            4,
            "Bad User Name or Password (0x86)\nhint: the broker wants a user name and password",
        ),
        (&[0x20, 2, 0, 5], 4, "Not authorized"),
    ] {
        let peer = Peer::new(vec![vec![Step::ExpectType(0x10), send(answer)]]);
        let address = format!("127.0.0.1:{}", peer.port);
        publish(&peer)
            .assert()
            .code(status)
            .stderr(contains(words))
            .stderr(contains(address));
        peer.finish();
    }
}

#[test]
fn a_silent_broker_ends_at_the_time_limit() {
    for answer in [&[][..], &[0x20], &[0x20, 2, 0]] {
        let peer = Peer::new(vec![vec![Step::ExpectType(0x10), send(answer), Step::Silence]]);
        publish(&peer)
            .args(["--connect-timeout", "300ms"])
            .assert()
            .code(3)
            .stderr(contains("(CONNACK): no answer to CONNECT within 0.3s"));
        peer.finish();
    }
}

#[test]
fn an_acknowledgement_that_never_comes_ends_the_connection() {
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(CONNACK_311),
        Step::ExpectType(0x32),
        Step::Silence,
    ]]);
    publish(&peer)
        .args(["-q", "1", "--ack-timeout", "300ms", "--no-reconnect"])
        .assert()
        .code(5)
        .stderr(contains("no acknowledgement within 0.3s"))
        .stderr(contains("sent=1 acknowledged=0 failed=1"));
    peer.finish();
}

#[test]
fn a_deadline_holds_in_every_state() {
    let states: [&[Step]; 3] = [
        &[Step::Silence],
        &[Step::ExpectType(0x10), Step::Silence],
        &[Step::ExpectType(0x10), Step::Send(vec![0x20, 2, 0, 0]), Step::Silence],
    ];
    for script in states {
        let peer = Peer::new(vec![script.to_vec()]);
        publish(&peer).args(["-q", "1", "--deadline", "1s"]).assert().code(27);
        peer.finish();
    }
}

#[test]
fn rules_broken_later_are_explained_too() {
    for (bytes, words) in [
        (
            &[0x30, 3, 0, 1, b'#'][..],
            "PUBLISH: topic name: contains a wildcard at byte 2 [MQTT-3.3.2-2]",
        ),
        (
            &[0x36, 5, 0, 1, b'a', 0, 1],
            "PUBLISH: flags: QoS is 3 at byte 0 [MQTT-3.3.1-4]",
        ),
        (
            &[0x32, 5, 0, 1, b'a', 0, 0],
            "PUBLISH: packet identifier: is 0 at byte 5 [MQTT-2.3.1-1]",
        ),
        (
            &[0x90, 3, 0, 1, 7],
            "SUBACK: return code: 0x07 is not a reason code of this packet at byte 4",
        ),
        (&[0x90, 4, 0, 1, 0, 0], "SUBACK has 2 reason codes for 1 filters"),
        (
            &[0x20, 2, 0, 0],
            "the peer sent CONNACK, which must not come from a broker now",
        ),
        (
            &[0x82, 2, 0, 1],
            "SUBSCRIBE: topic filter: there is no topic filter at byte 4",
        ),
    ] {
        let script = vec![
            Step::ExpectType(0x10),
            send(CONNACK_311),
            Step::ExpectType(0x82),
            send(bytes),
            Step::Silence,
        ];
        let peer = Peer::new(vec![script]);
        mqkit()
            .args([
                "sub",
                "-h",
                "127.0.0.1",
                "-p",
                &peer.port.to_string(),
                "-t",
                "a",
                "-V",
                "311",
            ])
            .assert()
            .code(5)
            .stderr(contains(words));
        peer.finish();
    }
}

#[test]
fn text_of_the_broker_cannot_reach_the_terminal() {
    // DISCONNECT 0x8b... a reason string with an escape sequence; not transient: 0x98, administrative action.
    let reason = b"\xe0\x0d\x98\x0b\x1f\x00\x08\x1b[2Jgone";
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(&[0x20, 3, 0, 0, 0]),
        Step::ExpectType(0x82),
        send(reason),
        Step::Silence,
    ]]);
    mqkit()
        .args(["sub", "-h", "127.0.0.1", "-p", &peer.port.to_string(), "-t", "a"])
        .assert()
        .code(4)
        .stderr(contains("Administrative action (0x98), reason-string: \\u{1b}[2Jgone"));
    peer.finish();
}

#[test]
fn properties_of_packets_that_are_never_sent_are_refused() {
    for (words, packet) in [
        (
            &["sub", "-t", "a", "-D", "publish", "content-type", "x"][..],
            "publish content-type",
        ),
        (
            &["sub", "-t", "a", "-D", "auth", "authentication-method", "x"],
            "auth authentication-method",
        ),
        (
            &[
                "rr",
                "-t",
                "a",
                "-m",
                "x",
                "-D",
                "unsubscribe",
                "user-property",
                "k",
                "v",
            ],
            "unsubscribe user-property",
        ),
    ] {
        let said = format!("-D {packet}: this command sends no such packet");
        mqkit().args(words).assert().code(2).stderr(contains(said));
    }
}

/// A file of settings that has no end is an error, and not all of the memory.
#[test]
fn small_files_are_read_within_bounds() {
    for words in [
        &["pub", "-t", "a", "-m", "x", "--password-file", "/dev/zero", "-u", "me"][..],
        &["sub", "-t", "a", "-o", "/dev/zero"],
        &["bench", "--scenario", "/dev/zero"],
        &["broker", "--port", "0", "--password-file", "/dev/zero"],
    ] {
        let assert = mqkit().args(words).assert().code(2).stdout("");
        let stderr = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        let said = stderr.contains("/dev/zero") && stderr.contains("it has more than 16 MB");
        assert!(said, "{words:?}: {stderr}");
    }
}
