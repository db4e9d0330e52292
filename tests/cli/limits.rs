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

/// A PUBLISH of version 5 to `a` with so many empty user properties, five bytes each, and the payload `x`.
#[cfg(target_os = "linux")]
fn empty_user_properties(count: usize) -> Vec<u8> {
    let varint = |mut value: usize, out: &mut Vec<u8>| {
        while value >= 0x80 {
            out.push(0x80 | (value % 0x80) as u8);
            value /= 0x80;
        }
        out.push(value as u8);
    };
    let mut body = vec![0, 1, b'a'];
    varint(count * 5, &mut body);
    body.extend([0x26, 0, 0, 0, 0].repeat(count));
    body.push(b'x');
    let mut packet = vec![0x30];
    varint(body.len(), &mut packet);
    packet.extend(body);
    packet
}

/// Read as values they would take 30 times their bytes.
#[cfg(target_os = "linux")]
#[test]
fn properties_take_no_more_memory_than_they_had_on_the_wire() {
    use std::io::Read;
    let packet = empty_user_properties(3_000_000);
    let size = packet.len();
    let granted = |subscribe: &[u8]| vec![0x90, 4, subscribe[2], subscribe[3], 0, 0];
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(super::CONNACK_5),
        Step::Answer(granted),
        Step::Send(packet),
        Step::Silence,
    ]]);
    let port = peer.port.to_string();
    let words = ["sub", "-h", "127.0.0.1", "-p", &port, "-t", "a", "-F", "%p"];
    let mut running = super::statuses::start(&words, std::process::Stdio::piped());
    let mut line = [0; 2];
    running.0.stdout.take().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"x\n");
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = peak.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024;
    drop(running);
    peer.finish();
    assert!(peak < size * 5 / 2, "{peak} bytes for a packet of {size}");
}
