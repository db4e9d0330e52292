//! Every example of `--help` and the manual pages is run by a shell, against the embedded broker: an example that does not
//! work is worse than none.

use mqkit::commands;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// What stands in an example, and what stands there when it is run.
const PLACEHOLDERS: &[(&str, &str)] = &[
    ("mqtts://user@broker.example", "mqtt://user@127.0.0.1:PORT"),
    // A count ends it.
    (
        "mqkit bench -h broker.lan --rate max",
        "mqkit  bench -h 127.0.0.1:PORT --rate max",
    ),
    ("-h broker.lan", "-h 127.0.0.1:PORT"),
    ("-h other.lan", "-h 127.0.0.1:PORT"),
    // These run until they are stopped: a limit, whose status is then the right one.
    ("mqkit sub ", "mqkit sub --deadline 2s "),
    // Shorter, and on any machine.
    ("mqkit bench", "mqkit bench --duration 300ms"),
    ("p99<50ms", "p99<50s"),
    ("--max-regression 900%", "--max-regression 100000%"),
    ("~/.mqtt", "password"),
    ("vmstat 1", "echo one line"),
    ("--port 0 --verbose", "--port 0 --verbose -- true"),
    ("--bind 0.0.0.0", "--bind 127.0.0.1 --port 0"),
    ("--tls-port 8883", "--tls-port 0"),
    ("--key broker.key", "--key broker.key -- true"),
    ("tcpdump -i any -U -w - port 1883", "cat capture.pcap"),
    ("capture.pcapng", "capture.pcap"),
    ("tls.pcapng", "capture.pcap"),
    // Not everywhere installed.
    ("jq -r '.payload'", "cat"),
    ("jq -r .topic", "cat"),
    ("jq -r .payload", "cat"),
];

/// What the broker has stored when they are run.
const STORED: &[&str] = &["status", "config/a", "old/a"];

/// The subcommands whose examples are run.
const COMMANDS: &[&str] = &["pub", "sub", "rr", "bench", "decode", "broker"];

/// The topics of requests, which a responder answers.
const REQUESTS: &[&str] = &["meter/7/read", "fleet/ping", "cmnd/lamp/power", "echo"];

/// The lines of the part "Examples:".
fn examples(command: &str) -> Vec<String> {
    let definition = commands::definition();
    let help = definition.find_subcommand(command).unwrap().get_after_help();
    let help = help.map(ToString::to_string).unwrap_or_default();
    let part = help
        .split("Examples:\n")
        .nth(1)
        .unwrap_or_else(|| panic!("{command} has no examples"));
    let part = part.split("\n\n").next().unwrap();
    part.lines().map(|line| line.trim().to_owned()).collect()
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A broker, and its port.
fn broker() -> (Running, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
    let mut child = command
        .args(["broker", "--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let port = line.trim_end().rsplit(':').next().unwrap().to_owned();
    (Running(child), port)
}

/// A responder that has subscribed.
fn responder(port: &str) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
    command.args([
        "sub",
        "-h",
        "127.0.0.1",
        "-p",
        port,
        "-d",
        "--exec",
        "echo answer",
        "--reply",
    ]);
    for topic in REQUESTS {
        command.args(["-t", topic]);
    }
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let mut lines = stderr.lines().map(Result::unwrap);
    let last = REQUESTS.last().unwrap();
    assert!(lines.any(|line| line.contains(&format!("subscribed to \"{last}\""))));
    // It says more, which must not block it.
    std::thread::spawn(move || lines.for_each(drop));
    Running(child)
}

/// A directory with everything that the examples name.
fn workplace() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let secrets = format!("CLIENT_RANDOM {} {}\n", "00".repeat(32), "00".repeat(48));
    for (name, text) in [
        ("password", &b"secret\n"[..]),
        ("door.jpg", b"\xff\xd8"),
        ("users", b"user:secret\n"),
        ("nightly.toml", b"scenario = 'fan-in'\npublishers = 3\n"),
        ("work", b"#!/bin/sh\ncat\n"),
        (
            "recorded.jsonl",
            b"{\"topic\":\"a\",\"payload\":\"x\",\"tst\":\"2026-11-23T04:42:52.456768Z\"}\n",
        ),
        ("integration-tests.sh", b"#!/bin/sh\nmqkit pub -t a -m hello -q 1\n"),
        ("keys.log", secrets.as_bytes()),
    ] {
        fs::write(place(name), text).unwrap();
    }
    fs::set_permissions(place("password"), fs::Permissions::from_mode(0o600)).unwrap();
    for script in ["integration-tests.sh", "work"] {
        fs::set_permissions(place(script), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/sv-mqtt5-pub-qos1.pcap");
    fs::copy(capture, place("capture.pcap")).unwrap();
    let certificates = crate::support::certificates::Certificates::new();
    fs::copy(certificates.path("server.pem"), place("broker.pem")).unwrap();
    fs::copy(certificates.path("server.key"), place("broker.key")).unwrap();
    directory
}

#[test]
fn every_example_works() {
    let (_broker, port) = broker();
    let _responder = responder(&port);
    let directory = workplace();
    let own = Path::new(env!("CARGO_BIN_EXE_mqkit")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(own.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .unwrap();
    for topic in STORED {
        let stored = format!("mqkit pub -h 127.0.0.1:{port} -t {topic} -m fine -r -q 1");
        let stored = Command::new("sh")
            .args(["-c", &stored])
            .env("PATH", &path)
            .status()
            .unwrap();
        assert!(stored.success());
    }
    let mut faults = Vec::new();
    for command in COMMANDS {
        let examples = examples(command);
        assert!(examples.len() >= 3, "{command}: {examples:?}");
        for example in examples {
            let mut line = example.clone();
            for (shown, real) in PLACEHOLDERS {
                line = line.replace(shown, &real.replace("PORT", &port));
            }
            let output = Command::new("timeout")
                .args(["60", "sh", "-c", &line])
                .current_dir(directory.path())
                .env_clear()
                .env("PATH", &path)
                .env("HOME", directory.path())
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let status = output.status.code();
            // The status of a pipe is that of its last command; 27 is the limit.
            let fine = status == Some(0) || line.contains("--deadline") && status == Some(27);
            let stderr = String::from_utf8_lossy(&output.stderr);
            if !fine {
                faults.push(format!("{example}\n  run as: {line}\n  {status:?} {stderr}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
