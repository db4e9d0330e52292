//! Started as `mosquitto_pub`, `mosquitto_sub` or `mosquitto_rr`: their defaults, options files, packets and statuses.

use super::{CONNACK_5, CONNACK_311, DISCONNECT, expect, send};
use crate::support::peer::{Peer, Step};
use crate::support::{called, mqkit};
use predicates::prelude::*;
use predicates::str::{contains, ends_with, starts_with};
use std::fs;

/// What they send without `-i`: the broker gives the identifier.
const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00";
/// In version 5 with a Receive Maximum of 20.
const CONNECT_5: &[u8] = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x14\x00\x00";
const MESSAGE: &[u8] = b"\x30\x07\x00\x03a/bhi";

fn tool(name: &str, peer: &Peer) -> assert_cmd::Command {
    let mut command = called(name);
    command.args(["-h", "127.0.0.1", "-p", &peer.port.to_string()]);
    command
}

#[test]
fn pub_sends_the_packets_that_it_sends_there() {
    for (flags, connect, connack, message) in [
        (&[][..], CONNECT, CONNACK_311, MESSAGE),
        (&["-V", "311"], CONNECT, CONNACK_311, MESSAGE),
        (&["-V", "mqttv5"], CONNECT_5, CONNACK_5, b"\x30\x08\x00\x03a/b\x00hi"),
        (
            &["-V", "31", "-i", "cid"],
            b"\x10\x11\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x03cid",
            CONNACK_311,
            MESSAGE,
        ),
        // -D asks for version 5.
        (
            &["-D", "publish", "content-type", "t"],
            CONNECT_5,
            CONNACK_5,
            b"\x30\x0c\x00\x03a/b\x04\x03\x00\x01thi",
        ),
        (
            &["-x", "0x0a", "-i", "cid", "-k", "5"],
            b"\x10\x18\x00\x04MQTT\x05\x02\x00\x05\x08\x21\x00\x14\x11\x00\x00\x00\x0a\x00\x03cid",
            CONNACK_5,
            b"\x30\x08\x00\x03a/b\x00hi",
        ),
    ] {
        let peer = Peer::new(vec![vec![
            expect(connect),
            send(connack),
            expect(message),
            expect(DISCONNECT),
            Step::ExpectEnd,
        ]]);
        tool("mosquitto_pub", &peer)
            .args(["-t", "a/b", "-m", "hi"])
            .args(flags)
            // Scripts run unchanged: ours is not looked at.
            .env("MQTT_KEEPALIVE", "33")
            .env("MQTT_QOS", "1")
            .assert()
            .success()
            .stdout("")
            .stderr("");
        peer.finish();
    }
}

#[test]
fn sub_prints_payloads_by_default_and_nothing_for_empty_ones() {
    for (flags, expected) in [
        (&[][..], "7\n"),
        (&["-v"], "a/b 7\na/c (null)\n"),
        (&["-v", "-N"], "a/b 7"),
        (&["-N"], "7"),
        (&["-F", "%t:%p", "-v"], "a/b:7\na/c:\n"),
    ] {
        let peer = Peer::new(vec![vec![
            expect(CONNECT),
            send(CONNACK_311),
            expect(b"\x82\x0d\x00\x01\x00\x03a/#\x01\x00\x02-x\x01"),
            send(&[0x90, 4, 0, 1, 1, 1]),
            send(b"\x30\x06\x00\x03a/b7\x30\x05\x00\x03a/c"),
            expect(DISCONNECT),
            Step::ExpectEnd,
        ]]);
        tool("mosquitto_sub", &peer)
            .args(["-t", "a/#", "-t", "-x", "-q", "1", "-C", "2"])
            .args(flags)
            .assert()
            .success()
            .stdout(expected)
            .stderr("");
        peer.finish();
    }
    // A small count is a small Receive Maximum.
    let peer = Peer::new(vec![vec![
        expect(b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x03\x00\x00"),
        send(&[0x20, 3, 0, 0x87, 0]),
    ]]);
    tool("mosquitto_sub", &peer)
        .args(["-t", "a", "-V", "5", "-C", "3"])
        .assert()
        .code(0x87);
    peer.finish();
}

#[test]
fn statuses_are_theirs() {
    let connected = [Step::ExpectType(0x10), send(CONNACK_311)];
    let connected_5 = [Step::ExpectType(0x10), send(CONNACK_5)];
    let published = |steps: &[Step], more: &[Step]| [steps, &[Step::ExpectType(0x32)], more].concat();
    for (flags, script, status, words) in [
        (
            &[][..],
            vec![Step::ExpectType(0x10), send(&[0x20, 2, 0, 5])],
            5,
            "Error: ",
        ),
        (&[], vec![Step::ExpectType(0x10), send(&[0x20, 2, 0, 1])], 1, "Error: "),
        (
            &["-V", "5"],
            vec![Step::ExpectType(0x10), send(&[0x20, 3, 0, 0x84, 0])],
            132,
            "Error: ",
        ),
        (
            &["-V", "5"],
            vec![Step::ExpectType(0x10), send(&[0x20, 3, 0, 0x87, 0])],
            135,
            "Error: ",
        ),
        // Lost, at once and for good; broken; disconnected.
        (&["-q", "1"], published(&connected, &[]), 7, "Error: "),
        (&["-q", "1"], published(&connected, &[send(&[0xff, 0])]), 2, "Error: "),
        (
            &["-q", "1", "-V", "5"],
            published(&connected_5, &[send(&[0xe0, 1, 0x8b])]),
            4,
            "Error: ",
        ),
        // Mosquitto warns and gives 0 (R1).
        (
            &["-q", "1", "-V", "5"],
            published(&connected_5, &[send(&[0x40, 3, 0, 1, 0x87])]),
            135,
            "refused the message",
        ),
        (
            &["-q", "1", "-V", "5"],
            vec![
                Step::ExpectType(0x10),
                send(&[0x20, 5, 0, 0, 2, 0x24, 0]),
                Step::Silence,
            ],
            7,
            "Error: ",
        ),
    ] {
        let peer = Peer::new(vec![script]);
        tool("mosquitto_pub", &peer)
            .args(["-t", "a/b", "-m", "hi"])
            .args(flags)
            .assert()
            .code(status)
            .stdout("")
            .stderr(contains(words));
        peer.finish();
    }
    let peer = Peer::new(vec![
        [&connected[..], &[Step::ExpectType(0x82), Step::Silence]].concat(),
    ]);
    tool("mosquitto_sub", &peer)
        .args(["-t", "a", "-W", "1"])
        .assert()
        .code(27)
        .stderr("Timed out\n");
    peer.finish();
    for name in ["mosquitto_pub", "mosquitto_sub"] {
        called(name)
            .args(["-h", "nobody.invalid", "-t", "a"])
            .args(if name == "mosquitto_pub" { &["-n"][..] } else { &[] })
            .assert()
            .code(1)
            .stderr(starts_with("Error: cannot connect to nobody.invalid:1883"));
    }
}

#[test]
fn a_signal_ends_sub_well() {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    let granted = [
        Step::ExpectType(0x10),
        send(CONNACK_311),
        Step::ExpectType(0x82),
        send(&[0x90, 3, 0, 1, 0]),
    ];
    for name in ["-INT", "-TERM"] {
        let peer = Peer::new(vec![[&granted[..], &[expect(DISCONNECT), Step::ExpectEnd]].concat()]);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mqkit"));
        command
            .arg0("mosquitto_sub")
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .stderr(std::process::Stdio::piped());
        let mut child = command
            .args(["-h", "127.0.0.1", "-p", &peer.port.to_string(), "-t", "a", "-d"])
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("subscribed to")));
        let sent = std::process::Command::new("kill")
            .args([name, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        peer.finish();
    }
}

#[test]
fn usage_errors_have_status_1_and_say_where_to_read() {
    for (name, words, part) in [
        ("mosquitto_pub", &["-t", "a"][..], "Error: "),
        ("mosquitto_pub", &["-m", "a"], "Error: no topic"),
        (
            "mosquitto_pub",
            &["-t", "a", "-m", "x", "-n"],
            "Error: Only one type of message can be sent at once.",
        ),
        (
            "mosquitto_pub",
            &["-t", "a", "-m", "x", "-m", "y"],
            "Error: Only one type of message can be sent at once.",
        ),
        ("mosquitto_pub", &["-t", "a/#", "-m", "x"], "Error: invalid value 'a/#'"),
        (
            "mosquitto_pub",
            &["-t", "a", "-m", "x", "-q", "3"],
            "Error: invalid value '3'",
        ),
        (
            "mosquitto_pub",
            &["-t", "a", "-m", "x", "-i", ""],
            "Error: the client identifier (-i) is empty",
        ),
        (
            "mosquitto_pub",
            &["-t", "a", "-m", "x", "-i", "a", "-I", "b"],
            "Error: ",
        ),
        (
            "mosquitto_pub",
            &["-t", "a", "-m", "x", "-c"],
            "Error: -c needs a client identifier",
        ),
        (
            "mosquitto_pub",
            &["-t", "a", "-m", "x", "-P", "p"],
            "Error: a password needs a user name",
        ),
        ("mosquitto_pub", &["-t", "a", "-m", "x", "--psk", "00"], "Error: "),
        (
            "mosquitto_pub",
            &["-t", "a", "-m", "x", "hello"],
            "Error: Unknown option 'hello'.",
        ),
        ("mosquitto_pub", &["-t", "a", "-m", "x", "-M", "0"], "Error: "),
        ("mosquitto_sub", &[], "Error: no topic"),
        ("mosquitto_sub", &["-t"], "Error: -t needs a value"),
        ("mosquitto_sub", &["-t", "a", "-k", "4"], "Error: Invalid keepalive"),
        ("mosquitto_sub", &["-t", "a", "-C", "x"], "Error: "),
        ("mosquitto_sub", &["-t", "a", "-F", "%Z"], "Error: "),
    ] {
        let hint = format!("\n\nUse '{name} --help' to see usage.\n");
        called(name)
            .args(words)
            .assert()
            .code(1)
            .stdout("")
            .stderr(starts_with(part).and(ends_with(hint)));
    }
    for name in ["mosquitto_pub", "mosquitto_sub"] {
        called(name)
            .arg("--help")
            .assert()
            .code(1)
            .stdout(contains(format!("Usage: {name} ")))
            .stderr("");
        let version = format!("{name} version 2.1.2 running on mqkit");
        called(name)
            .arg("--version")
            .assert()
            .code(1)
            .stdout(starts_with(version))
            .stderr("");
    }
}

#[test]
fn a_repeated_flag_counts_once_and_a_lenient_number_is_taken() {
    let peer = Peer::new(vec![vec![
        expect(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x0a\x00\x01c"),
        send(CONNACK_311),
        expect(MESSAGE),
        expect(DISCONNECT),
    ]]);
    tool("mosquitto_pub", &peer)
        .args([
            "-t", "never", "-t", "a/b", "-m", "hi", "-q", "abc", "-k", "9", "-k", "10x", "-i", "c", "-d", "--quiet",
        ])
        .assert()
        .success()
        .stdout("");
    peer.finish();
}

#[test]
fn options_files_are_where_they_are_there() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    fs::create_dir_all(home.join(".config/mqkit")).unwrap();
    let config = directory.path().join("config");
    fs::create_dir(&config).unwrap();
    // Ours is for ours.
    fs::write(home.join(".config/mqkit/config.toml"), "nonsense = 1").unwrap();
    let connect = |id: u8| [&b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01"[..], &[id]].concat();
    let named = directory.path().join("named");
    for (path, id) in [
        (&home.join(".config/mosquitto_pub"), 'h'),
        (&config.join("mosquitto_pub"), 'x'),
        (&named, 'o'),
    ] {
        fs::write(path, format!("# comment\n-i {id}\n-t a/b\n")).unwrap();
    }
    for (set, flags, id) in [
        (None, vec![], b'h'),
        (Some(config.to_str().unwrap()), vec![], b'x'),
        (None, vec!["-o", named.to_str().unwrap()], b'o'),
        (None, vec!["-i", "c"], b'c'),
    ] {
        let peer = Peer::new(vec![vec![
            expect(&connect(id)),
            send(CONNACK_311),
            expect(MESSAGE),
            expect(DISCONNECT),
        ]]);
        let mut command = tool("mosquitto_pub", &peer);
        command.env("HOME", &home).env_remove("XDG_CONFIG_HOME");
        if let Some(set) = set {
            command.env("XDG_CONFIG_HOME", set);
        }
        command.args(["-m", "hi"]).args(flags).assert().success().stderr("");
        peer.finish();
    }
    // A message in the file and one on the command line are two.
    fs::write(&named, "-m x\n").unwrap();
    called("mosquitto_pub")
        .args(["-t", "a", "-m", "y", "-o", named.to_str().unwrap()])
        .assert()
        .code(1)
        .stderr(contains("Only one type of message"));
    // A file that was named must be there.
    called("mosquitto_sub")
        .args(["-t", "a", "-o", "/nonexistent"])
        .assert()
        .code(1)
        .stderr(contains("/nonexistent"));
}

#[test]
fn a_symlink_is_enough() {
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("mosquitto_sub");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mqkit"), &link).unwrap();
    assert_cmd::Command::new(&link)
        .arg("--version")
        .assert()
        .code(1)
        .stdout(contains("mosquitto_sub version"));
    // What stands behind a flag is its value, whatever it looks like.
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(CONNACK_311),
        expect(b"\x30\x09\x00\x01a--help"),
        expect(DISCONNECT),
    ]]);
    tool("mosquitto_pub", &peer)
        .args(["-t", "a", "-m", "--help"])
        .assert()
        .success()
        .stdout("");
    peer.finish();
    // And under its own name the hidden flag changes nothing that is shown.
    mqkit()
        .args(["sub", "--help"])
        .assert()
        .stdout(contains("as-mosquitto").not());
}

#[test]
fn rr_asks_as_it_does_there() {
    // Version 5, no correlation data, a Receive Maximum of 1; a response without any, too.
    let connect = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x01\x00\x00";
    let asked = || {
        vec![
            expect(connect),
            send(CONNACK_5),
            expect(b"\x82\x0a\x00\x01\x00\x00\x04resp\x00"),
            send(&[0x90, 4, 0, 1, 0, 0]),
            expect(b"\x30\x0f\x00\x03req\x07\x08\x00\x04resphi"),
        ]
    };
    let flags = ["-t", "req", "-e", "resp", "-m", "hi"];
    for (more, response, expected) in [
        (&[][..], &b"\x30\x09\x00\x04resp\x00ok"[..], "ok\n"),
        (&["-v"], b"\x30\x09\x00\x04resp\x00ok", "resp ok\n"),
        (&["-N"], b"\x30\x09\x00\x04resp\x00ok", "ok"),
        (&[], b"\x30\x07\x00\x04resp\x00", ""),
        (&["-F", "%t %l"], b"\x30\x09\x00\x04resp\x00ok", "resp 2\n"),
    ] {
        let peer = Peer::new(vec![
            [asked(), vec![send(response), expect(DISCONNECT), Step::ExpectEnd]].concat(),
        ]);
        tool("mosquitto_rr", &peer)
            .args(flags)
            .args(more)
            .assert()
            .success()
            .stdout(expected)
            .stderr("");
        peer.finish();
    }
    let peer = Peer::new(vec![[asked(), vec![expect(DISCONNECT), Step::ExpectEnd]].concat()]);
    tool("mosquitto_rr", &peer)
        .args(flags)
        .args(["-W", "1"])
        .assert()
        .code(27)
        .stdout("")
        .stderr("Timed out\n");
    peer.finish();
    // It never connects again.
    let peer = Peer::new(vec![asked()]);
    tool("mosquitto_rr", &peer)
        .args(flags)
        .assert()
        .code(7)
        .stderr(starts_with("Error: "));
    peer.finish();
    for words in [
        &["-t", "req", "-m", "hi"][..],
        &["-e", "resp", "-m", "hi"],
        &["-t", "req", "-e", "resp"],
        &["-t", "req", "-e", "resp", "-l"],
        &["-t", "req", "-e", "resp", "-m", "hi", "-r"],
    ] {
        called("mosquitto_rr")
            .args(words)
            .assert()
            .code(1)
            .stdout("")
            .stderr(starts_with("Error: "));
    }
}
