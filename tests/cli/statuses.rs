//! Exit statuses and messages without a peer, and the embedded broker around a command.

use super::{CONNACK_311, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::prelude::*;
use predicates::str::contains;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn usage_errors_have_status_2_and_say_what_to_do() {
    for (words, part) in [
        (&["pub"][..], "--message"),
        (&["pub", "-t", "a"], "--message"),
        (&["pub", "-m", "x"], "no topic: give one with -t or in the URL"),
        (
            &["pub", "-t", "a/+", "-m", "x"],
            "contains the wildcard `+`, which a topic name must not",
        ),
        (&["pub", "-t", "a", "-m", "x", "-n"], "cannot be used with"),
        (&["pub", "-t", "a", "-m", "x", "-q", "3"], "must be 0, 1 or 2"),
        (&["pub", "-t", "a", "-m", "x", "-V", "4"], "must be auto, 5, 311 or 31"),
        (
            &["pub", "-t", "a", "-m", "x", "-V", "311", "-x", "5"],
            "need MQTT 5, and -V asks for 3.1.1",
        ),
        (&["pub", "-t", "a", "-m", "x", "-c"], "-c needs a client identifier"),
        (
            &["pub", "-t", "a", "-m", "x", "-i", ""],
            "the client identifier (-i) is empty",
        ),
        (
            &["pub", "-t", "a", "-m", "x", "-V", "311", "-P", "pw"],
            "a password needs a user name",
        ),
        (
            &["pub", "-t", "a", "-f", "/nonexistent/file"],
            "cannot read \"/nonexistent/file\"",
        ),
        (
            &["pub", "-t", "a", "-m", "x", "--cafile", "/nonexistent/ca"],
            "/nonexistent/ca",
        ),
        (
            &["pub", "-t", "a", "-m", "x", "--password-file", "/nonexistent/pw"],
            "cannot read the password file",
        ),
        (
            &["pub", "-t", "a", "-m", "x", "-D", "publish", "topic-alias", "0"],
            "out of range",
        ),
        (
            &["pub", "-t", "a", "-m", "x", "-L", "http://h"],
            "--url is not a broker's URL",
        ),
        (
            &["pub", "-t", "a", "-m", "x", "-D", "will", "content-type", "x"],
            "-D will needs --will-topic",
        ),
        (&["sub"], "no topic filter"),
        (&["sub", "-t", "a#"], "has a `#` that is not the last level on its own"),
        (&["sub", "-t", "a", "-F", "%Z"], "there is no conversion %Z"),
        (&["sub", "-t", "a", "-C", "0"], "0"),
        (&["rr"], "--message"),
        (&["rr", "-m", "x"], "no topic: give one with -t or in the URL"),
        (
            &["rr", "-t", "a", "-m", "x", "-V", "311"],
            "MQTT 3.1.1 needs a response topic (-e)",
        ),
        (
            &["rr", "-t", "a", "-m", "x", "-e", "b/#"],
            "contains the wildcard `#`, which a topic name must not",
        ),
        (
            &["rr", "-t", "a", "-n", "-D", "publish", "response-topic", "r"],
            "the response topic is given with -e",
        ),
        (
            &[
                "rr",
                "-t",
                "a",
                "-n",
                "-e",
                "r",
                "-V",
                "311",
                "--retain-handling",
                "new",
            ],
            "need MQTT 5, and -V asks for 3.1.1",
        ),
        (
            &["rr", "-t", "a", "-n", "--retain-handling", "often"],
            "must be always, new or never",
        ),
        (
            &[
                "rr",
                "-t",
                "a",
                "-n",
                "--no-correlation-data",
                "-D",
                "publish",
                "correlation-data",
                "x",
            ],
            "contradicts",
        ),
        (&["rr", "-t", "a", "-s"], "standard input is empty"),
        (&["rr", "-t", "a", "-n", "-C", "0"], "0"),
        (&["rr", "-t", "a", "-n", "-l"], "unexpected argument '-l'"),
        (&["decode", "xyz"], "not hex text: 'x' at line 1, column 1"),
        (&["decode", "c"], "odd number of digits"),
        (
            &["broker", "--password-file", "/nonexistent/users"],
            "cannot use the password file",
        ),
        (&["nonsense"], "nonsense"),
    ] {
        mqkit().args(words).assert().code(2).stdout("").stderr(contains(part));
    }
}

#[test]
fn a_password_in_a_bad_url_is_not_repeated() {
    mqkit()
        .args(["pub", "-t", "a", "-m", "x", "-L", "mqtt://user:secret@host:99999"])
        .assert()
        .code(2)
        .stderr(contains("secret").not());
}

#[test]
fn nobody_there_has_status_3() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    mqkit()
        .args(["pub", "-h", "127.0.0.1", "-p", &port, "-t", "a", "-m", "x"])
        .assert()
        .code(3)
        .stderr(contains(format!(
            "mqkit: cannot connect to 127.0.0.1:{port} (TCP)\ncaused by: connection refused\nhint: "
        )));
    mqkit()
        .args(["pub", "-h", "nobody.invalid", "-t", "a", "-m", "x"])
        .assert()
        .code(3)
        .stderr(contains("cannot connect to nobody.invalid:1883 (name look-up)"));
}

#[test]
fn help_and_version_are_successes_on_stdout() {
    mqkit()
        .arg("--help")
        .assert()
        .success()
        .stdout(contains("Usage: mqkit <COMMAND>"))
        .stderr("");
    mqkit()
        .arg("--version")
        .assert()
        .success()
        .stdout(contains(env!("CARGO_PKG_VERSION")))
        .stderr("");
    for command in ["pub", "sub", "rr", "decode", "broker", "completions"] {
        mqkit()
            .args([command, "--help"])
            .assert()
            .success()
            .stdout(contains("Usage: mqkit "))
            .stderr("");
    }
    mqkit()
        .args(["completions", "bash"])
        .assert()
        .success()
        .stdout(contains("mqkit"));
}

#[test]
fn decode_tells_by_its_status() {
    mqkit()
        .args([
            "decode", "0x10", "0x13", "0x0", "0x4", "0x4d", "0x51", "0x54", "0x54", "0x4", "0x2", "0x0", "0x3c",
        ])
        .args(["0x0", "0x7", "0x70", "0x79", "0x74", "0x68", "0x6F", "6E", "0x31"])
        .assert()
        .success()
        .stdout(contains("client python1, clean session, keep alive 60 s"));
    mqkit()
        .arg("decode")
        .write_stdin("c0 00\nd0 00\n")
        .assert()
        .success()
        .stdout(contains("PINGRESP"));
    mqkit()
        .args(["decode", "c1 00"])
        .assert()
        .code(1)
        .stdout(contains("[MQTT-2.2.2-1]"));
    mqkit()
        .args(["decode", "-"])
        .write_stdin("")
        .assert()
        .code(2)
        .stderr(contains("standard input is empty: no packet data"));
}

#[test]
fn the_environment_names_the_broker_and_flags_go_before_it() {
    let peer = || {
        Peer::new(vec![vec![
            Step::ExpectType(0x10),
            send(CONNACK_311),
            Step::ExpectType(0x30),
            Step::Silence,
        ]])
    };
    let publish = || {
        let mut command = mqkit();
        command.args(["pub", "-t", "a", "-m", "x", "-V", "311"]);
        command
    };
    let by_url = peer();
    publish()
        .env("MQTT_URL", format!("mqtt://127.0.0.1:{}", by_url.port))
        .assert()
        .success();
    let by_host = peer();
    publish()
        .env("MQTT_HOST", "127.0.0.1")
        .env("MQTT_PORT", by_host.port.to_string())
        .assert()
        .success();
    let by_flag = peer();
    publish()
        .env("MQTT_URL", "mqtt://nobody.invalid")
        .env("MQTT_PORT", "1")
        .args(["-h", &format!("127.0.0.1:{}", by_flag.port)])
        .assert()
        .success();
}

#[test]
fn a_command_runs_with_a_broker_of_its_own() {
    let script = r#"
        test "$MQTT_URL" = "mqtt://$MQTT_HOST:$MQTT_PORT" || exit 9
        mqkit sub -t 'sensors/#' -C 3 --raw &
        for reading in 1 2 3; do mqkit pub -t sensors/a -m "$reading" -q 1 -r; done
        wait $!
        exit 7"#;
    // A subscriber that comes late finds the last reading stored, so only the number of lines is certain after it.
    let output = mqkit()
        .args(["broker", "--", "timeout", "20", "sh", "-c", script])
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(
        matches!(output.status.code(), Some(7 | 124)),
        "{:?} {lines}",
        output.status
    );
    assert!(lines.lines().next().is_some_and(|line| "123".contains(line)), "{lines}");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    mqkit()
        .args(["broker", "--", "sh", "-c", "kill -9 $$"])
        .assert()
        .code(137);
    mqkit()
        .args(["broker", "--", "/nonexistent/command"])
        .assert()
        .code(2)
        .stderr(contains("cannot run the command"));
}

/// A command in the background, ended with the test.
pub(super) struct Running(pub(super) std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn start(words: &[&str], stdout: Stdio) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MQTT_")) {
        command.env_remove(name);
    }
    Running(
        command
            .args(words)
            .stdout(stdout)
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap(),
    )
}

pub(super) fn signal(name: &str, running: &Running) {
    assert!(
        Command::new("kill")
            .args([name, &running.0.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// The URL that a broker prints.
pub(super) fn url(broker: &mut Running) -> String {
    let mut line = String::new();
    BufReader::new(broker.0.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    line.trim_end().to_owned()
}

pub(super) fn wait_for(words: &str, running: &mut Running) {
    let mut stderr = BufReader::new(running.0.stderr.as_mut().unwrap());
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert_ne!(
            stderr.read_line(&mut line).unwrap(),
            0,
            "ended before it said `{words}`"
        );
    }
}

#[test]
fn signals_have_their_statuses_and_a_broker_ends_well() {
    let mut broker = start(&["broker", "--port", "0"], Stdio::piped());
    let url = url(&mut broker);
    assert!(url.starts_with("mqtt://127.0.0.1:"), "{url}");
    for (name, status) in [("-INT", 130), ("-TERM", 143)] {
        let mut subscriber = start(&["sub", "-L", &url, "-t", "#", "-d"], Stdio::null());
        wait_for("subscribed to", &mut subscriber);
        signal(name, &subscriber);
        assert_eq!(subscriber.0.wait().unwrap().code(), Some(status));
    }
    signal("-TERM", &broker);
    assert_eq!(broker.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut broker = start(&["broker", "--port", "0"], Stdio::piped());
    let url = url(&mut broker);
    let mut subscriber = start(&["sub", "-L", &url, "-t", "#", "-d", "--raw"], Stdio::piped());
    wait_for("subscribed to", &mut subscriber);
    drop(subscriber.0.stdout.take());
    mqkit()
        .args(["pub", "-L", &url, "-t", "a", "-m", "x"])
        .assert()
        .success();
    assert_eq!(subscriber.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_wrong_password_is_refused_and_a_right_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let users = directory.path().join("users");
    std::fs::write(&users, "alice:secret\n").unwrap();
    let password = directory.path().join("password");
    std::fs::write(&password, "secret\n").unwrap();
    let mut broker = start(
        &["broker", "--port", "0", "--password-file", users.to_str().unwrap()],
        Stdio::piped(),
    );
    let url = url(&mut broker);
    let publish = || {
        let mut command = mqkit();
        command.args(["pub", "-L", &url, "-t", "a", "-m", "x"]);
        command
    };
    publish()
        .assert()
        .code(4)
        .stderr(contains("the broker refused the connection"));
    publish()
        .args(["-u", "alice", "-P", "wrong"])
        .assert()
        .code(4)
        .stderr(contains("hint: "));
    publish().args(["-u", "alice", "-P", "secret"]).assert().success();
    publish()
        .args(["-u", "alice", "--password-file", password.to_str().unwrap()])
        .assert()
        .success();
    publish()
        .args(["-u", "alice"])
        .env("MQTT_PASSWORD", "secret")
        .assert()
        .success();
}
