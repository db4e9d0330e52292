//! `mqkit sub --message-rate` against a peer that checks every byte.

use super::{CONNACK_311, CONNECT_311, DISCONNECT, expect, send};
use crate::support::peer::{Peer, Step};
use crate::support::{called, mqkit};
use predicates::str::contains;

const SUBSCRIBE: &[u8] = b"\x82\x08\x00\x01\x00\x03a/#\x01";
const FLAGS: &[&str] = &["-V", "311", "-i", "c", "-t", "a/#", "-q", "1", "--message-rate"];

fn subscribed(connect: &[u8], steps: &[Step]) -> Peer {
    let start = [
        expect(connect),
        send(CONNACK_311),
        expect(SUBSCRIBE),
        send(&[0x90, 3, 0, 1, 1]),
    ];
    Peer::new(vec![[&start[..], steps].concat()])
}

fn subscribe(mut command: assert_cmd::Command, peer: &Peer) -> assert_cmd::Command {
    command
        .args(["-h", "127.0.0.1", "-p", &peer.port.to_string()])
        .args(FLAGS);
    command
}

fn sub() -> assert_cmd::Command {
    let mut command = mqkit();
    command.arg("sub");
    command
}

#[test]
fn the_messages_of_a_second_are_counted_and_acknowledged() {
    // The ping tells that a second has passed since the acknowledgement, and so since the start.
    let connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x01\x00\x01c";
    let peer = subscribed(
        connect,
        &[
            send(b"\x32\x08\x00\x03a/b\x00\x051\x32\x08\x00\x03a/x\x00\x062\x32\x08\x00\x03a/c\x00\x073"),
            expect(&[0x40, 2, 0, 5, 0x40, 2, 0, 6, 0x40, 2, 0, 7]),
            expect(&[0xc0, 0]),
            send(&[0xd0, 0]),
            send(b"\x32\x08\x00\x03a/b\x00\x084"),
            expect(&[0x40, 2, 0, 8]),
            expect(DISCONNECT),
            Step::ExpectEnd,
        ],
    );
    // What is left out is acknowledged, but not counted; the last message ends the run inside a second.
    subscribe(sub(), &peer)
        .args(["-k", "1", "-T", "a/x", "-C", "3"])
        .assert()
        .success()
        .stdout("2 msgs/s\n")
        .stderr("");
    peer.finish();
}

#[test]
fn seconds_without_messages_are_told_until_the_time_is_over() {
    let peer = subscribed(CONNECT_311, &[expect(DISCONNECT), Step::ExpectEnd]);
    let assert = subscribe(sub(), &peer).args(["-W", "1200ms"]).assert().code(27);
    assert.stdout(contains("0 msgs/s\n"));
    peer.finish();
}

#[test]
fn messages_are_not_printed_whatever_the_format() {
    let steps = [
        send(b"\x32\x08\x00\x03a/b\x00\x051"),
        expect(&[0x40, 2, 0, 5]),
        expect(DISCONNECT),
    ];
    // Mosquitto's tool takes formats, too.
    for flags in [&[][..], &["-v"], &["-F", "%p"], &["-N"]] {
        let peer = subscribed(CONNECT_311, &steps);
        let mut command = subscribe(called("mosquitto_sub"), &peer);
        command.args(["-C", "1"]).args(flags).assert().success().stdout("");
        peer.finish();
        if !flags.is_empty() {
            let mut usage = mqkit();
            usage
                .args(["sub", "-h", "127.0.0.1", "-p", "1"])
                .args(FLAGS)
                .args(flags);
            usage.assert().code(2).stderr(contains("cannot be used with"));
        }
    }
}
