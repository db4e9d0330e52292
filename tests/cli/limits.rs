//! What is larger than one side takes: documented statuses, at once, with bounded memory.

use super::send;
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::str::contains;

fn call(peer: &Peer, words: &[&str]) -> assert_cmd::Command {
    let mut command = mqkit();
    command
        .args(&words[..1])
        .args(["-h", "127.0.0.1", "-i", "c", "-p", &peer.port.to_string()])
        .args(&words[1..])
        // It ends by itself, long before.
        .timeout(std::time::Duration::from_secs(20));
    command
}

#[test]
fn larger_than_the_broker_takes_is_refused_at_once() {
    for limit in [1, 9] {
        let connack = [0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, limit];
        for words in [
            &["pub", "-t", "a/long/topic", "-m", "x"][..],
            &["pub", "-t", "a/long/topic", "-m", "x", "-q", "2"],
            &["sub", "-t", "a/long/topic"],
            &["rr", "-t", "a", "-e", "a/long/topic", "-n"],
        ] {
            let peer = Peer::new(vec![vec![Step::ExpectType(0x10), send(&connack), Step::Silence]]);
            call(&peer, words).assert().code(4).stdout("").stderr(contains(format!(
                "exceeds the broker's maximum packet size of {limit} "
            )));
            peer.finish();
        }
    }
}

#[test]
fn a_connack_that_is_no_connack_is_not_read() {
    // 100 MB of it are promised.
    let header = [0x20, 0x80, 0xc2, 0xd7, 0x2f];
    let peer = Peer::new(vec![vec![Step::ExpectType(0x10), send(&header), Step::Silence]]);
    call(&peer, &["sub", "-t", "a"])
        .assert()
        .code(5)
        .stderr(contains("packet of 100000005 bytes exceeds the limit of 65536"));
    peer.finish();
}
