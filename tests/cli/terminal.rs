//! What a terminal gets: a view for a person, colours, and no control characters of others; and that pipes get none of it.

use super::{CONNACK_5, CONNACK_311, CONNECT_311, DISCONNECT, expect, send};
use crate::support::peer::{Peer, Step};
use crate::support::{called, mqkit, terminal};
use std::process::Command;

/// A message at QoS 0 for a subscriber to `a` of version 3.1.1.
fn peer(message: &[u8]) -> Peer {
    let first = u8::try_from(message.len()).unwrap();
    Peer::new(vec![vec![
        expect(CONNECT_311),
        send(CONNACK_311),
        Step::ExpectType(0x82),
        send(&[0x90, 3, 0, 1, 0]),
        send(&[&[0x30, first], message].concat()),
        expect(DISCONNECT),
    ]])
}

const EVIL: &[u8] = b"\x00\x05a\x1b[2J\x1b]0;owned\x07 \xc2\x9b2J";

fn words<'a>(port: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let words = [
        "-h",
        "127.0.0.1",
        "-p",
        port,
        "-i",
        "c",
        "-V",
        "311",
        "-t",
        "a",
        "-C",
        "1",
    ];
    [&words[..], more].concat()
}

/// What `sub` prints of a message on a terminal.
fn shown(message: &[u8], flags: &[&str], change: impl FnOnce(&mut Command)) -> String {
    let peer = peer(message);
    let port = peer.port.to_string();
    let mut command = terminal::called("mqkit", &[&["sub"], &words(&port, flags)[..]].concat());
    change(&mut command);
    let (text, status) = terminal::run(command);
    assert!(status.success(), "{text}");
    peer.finish();
    text
}

fn plain(command: &mut Command) {
    command.env("NO_COLOR", "1");
}

#[test]
fn a_person_sees_time_topic_and_payload() {
    let message = b"\x00\x03a/b21.5";
    let text = shown(message, &[], plain);
    let (time, rest) = text.split_at(12);
    assert!(time.chars().all(|c| c.is_ascii_digit() || ":.".contains(c)), "{text}");
    assert_eq!(rest, "  a/b  21.5\n");
    // In the local time of the zone.
    let text = shown(message, &[], |command| {
        command.env("TZ", "EST5").env("NO_COLOR", "");
    });
    assert!(
        text.starts_with("\x1b[2m") && text.ends_with("\x1b[0m  \x1b[36ma/b\x1b[0m  21.5\n"),
        "{text:?}"
    );
    for flags in [&["--color", "never"][..], &["--color=never", "--no-newline"]] {
        let text = shown(message, flags, |_| {});
        assert!(!text.contains('\x1b'), "{text:?}");
        assert_eq!(text.ends_with('\n'), !flags.contains(&"--no-newline"), "{text:?}");
    }
    assert!(shown(message, &["--color", "always"], plain).contains("\x1b[36ma/b"));
    let text = shown(message, &[], |command| {
        command.env("TERM", "dumb");
    });
    assert!(!text.contains('\x1b'), "{text:?}");
}

#[test]
fn a_terminal_gets_json_lines_when_they_are_asked_for() {
    let text = shown(b"\x00\x03a/b21.5", &["--json"], plain);
    assert!(
        text.starts_with("{\"tst\":") && text.ends_with("\"payload\":\"21.5\"}\n"),
        "{text}"
    );
    let text = shown(b"\x00\x03a/b21.5", &["--json"], |_| {});
    assert!(
        text.ends_with("\x1b[1;34m\"payload\"\x1b[0m:\x1b[32m\"21.5\"\x1b[0m}\n"),
        "{text:?}"
    );
    let text = shown(b"\x00\x03a/b21.5", &["--pretty"], plain);
    assert!(text.ends_with("\n\t\"payload\":\t\"21.5\"\n}\n"), "{text}");
}

#[test]
fn no_format_lets_control_characters_of_others_reach_a_terminal() {
    for (flags, expected) in [
        (&[][..], "  a\\x1b[2J  \\x1b]0;owned\\x07 \\u{9b}2J\n"),
        (&["-v"], "a\\x1b[2J \\x1b]0;owned\\x07 \\u{9b}2J\n"),
        (&["--raw"], "\\x1b]0;owned\\x07 \\u{9b}2J\n"),
        (&["--raw", "-N"], "\\x1b]0;owned\\x07 \\u{9b}2J"),
        (&["--json"], "\"payload\":\"\\u001b]0;owned\\u0007 \\u009b2J\"}\n"),
        (&["--pretty"], "\"payload\":\t\"\\u001b]0;owned\\u0007 \\u009b2J\"\n}\n"),
    ] {
        let text = shown(EVIL, flags, plain);
        assert!(text.ends_with(expected), "{flags:?}: {text:?}");
        assert!(
            !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')),
            "{text:?}"
        );
    }
    // What the user typed is meant.
    let text = shown(EVIL, &["-F", "\\e[1m%t\\e[0m %p"], plain);
    assert_eq!(text, "\x1b[1ma\\x1b[2J\x1b[0m \\x1b]0;owned\\x07 \\u{9b}2J\n");
}

#[test]
fn under_the_name_of_mosquittos_tool_they_do_not_either() {
    for (flags, expected) in [
        (&[][..], "\\x1b]0;owned\\x07 \\u{9b}2J\n"),
        (&["-v"], "a\\x1b[2J \\x1b]0;owned\\x07 \\u{9b}2J\n"),
        (
            &["-F", "\\e[1m%t\\e[0m %p"],
            "\x1b[1ma\\x1b[2J\x1b[0m \\x1b]0;owned\\x07 \\u{9b}2J\n",
        ),
    ] {
        let peer = peer(EVIL);
        let port = peer.port.to_string();
        let (text, status) = terminal::run(terminal::called("mosquitto_sub", &words(&port, flags)));
        assert!(status.success());
        assert_eq!(text, expected, "{flags:?}");
        peer.finish();
    }
}

#[test]
fn a_pipe_gets_the_bytes_and_json_lines() {
    let payload = &EVIL[7..];
    for (name, flags, expected) in [
        ("mqkit", &["--raw", "-N"][..], payload.to_vec()),
        ("mqkit", &["-v", "-N"], [b"a\x1b[2J ", payload].concat()),
        ("mqkit", &["-F", "%t%p", "-N"], [b"a\x1b[2J", payload].concat()),
        ("mosquitto_sub", &["-N"], payload.to_vec()),
        ("mosquitto_sub", &["-v", "-N"], [b"a\x1b[2J ", payload].concat()),
    ] {
        let peer = peer(EVIL);
        let port = peer.port.to_string();
        let mut command = called(name);
        if name == "mqkit" {
            command.arg("sub");
        }
        command.args(words(&port, flags)).assert().success().stdout(expected);
        peer.finish();
    }
    for (flags, start) in [
        (&[][..], "{\"tst\":\""),
        (&["--json"], "{\"tst\":\""),
        (&["--color", "always"], "{\x1b[1;34m\"tst\"\x1b[0m:"),
    ] {
        let peer = peer(EVIL);
        let port = peer.port.to_string();
        let mut command = mqkit();
        let assert = command.arg("sub").args(words(&port, flags)).assert().success();
        let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        assert!(text.starts_with(start), "{text}");
        peer.finish();
    }
}

#[test]
fn a_response_is_shown_to_a_person_too() {
    let response = |flags: &[&str]| {
        let peer = Peer::new(vec![vec![
            Step::ExpectType(0x10),
            send(CONNACK_5),
            Step::ExpectType(0x82),
            send(&[0x90, 4, 0, 1, 0, 0]),
            Step::ExpectType(0x30),
            send(b"\x30\x18\x00\x01r\x0d\x03\x00\x0atext/plain\x7b\x22t\x22:1\x7d"),
            expect(DISCONNECT),
        ]]);
        let port = peer.port.to_string();
        let words = [
            "rr",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-t",
            "q",
            "-e",
            "r",
            "-n",
            "--no-correlation-data",
        ];
        let (text, status) = terminal::run(terminal::called("mqkit", &[&words[..], flags].concat()));
        assert!(status.success());
        peer.finish();
        text
    };
    let text = response(&["--color=never"]);
    assert!(
        text.ends_with("  r  {\"t\": 1}\n    content-type: text/plain\n"),
        "{text}"
    );
    let text = response(&["--json", "--color=never"]);
    assert!(text.starts_with("{\"tst\":"), "{text}");
}

#[test]
fn decode_has_the_same_rule_of_colours() {
    // PUBLISH to `a` with a C1 character as its payload.
    let packet = "3005000161c29b";
    let on_terminal = |flags: &[&str]| {
        let (text, status) = terminal::run(terminal::called(
            "mqkit",
            &[&["decode", "-V", "311", packet], flags].concat(),
        ));
        assert!(status.success());
        text
    };
    assert!(on_terminal(&[]).starts_with("\x1b[1mPUBLISH"));
    assert!(on_terminal(&["--color", "never"]).starts_with("PUBLISH"));
    let text = on_terminal(&["--json", "--color=never"]);
    assert!(text.contains("\"payload\":\"\\u009b\""), "{text}");
    assert!(on_terminal(&["--json"]).starts_with("{\x1b[1;34m\"type\""));
    for (color, start) in [("auto", "PUBLISH"), ("always", "\x1b[1mPUBLISH")] {
        let assert = mqkit()
            .args(["decode", "-V", "311", packet, "--color", color])
            .assert()
            .success();
        let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        assert!(text.starts_with(start), "{text}");
    }
    let assert = mqkit()
        .args(["decode", "-V", "311", "--json", packet])
        .assert()
        .success();
    assert!(String::from_utf8_lossy(&assert.get_output().stdout).contains("\"payload\":\"\u{9b}\""));
}
