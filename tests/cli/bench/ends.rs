//! How a run of `mqkit bench` ends: what makes it a failure, signals, limits, and what it says of waits.

use super::{broker, broker_with};
use crate::cli::{CONNACK_5, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Starts a run.
fn bench(words: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
    command
        .arg("bench")
        .args(words)
        .env_remove("MQTT_HOST")
        .env_remove("MQTT_URL");
    command
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns once the run has published.
fn published(port: &str) {
    mqkit()
        .args([
            "sub",
            "-h",
            "127.0.0.1",
            "-p",
            port,
            "-t",
            "mqkit/bench/#",
            "-C",
            "1",
            "-W",
            "20",
        ])
        .assert()
        .success();
}

fn kill(signal: &str, id: &str) {
    let killed = Command::new("kill").args([signal, "--", id]).status();
    assert!(killed.unwrap().success());
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The broker dies in mid run and never comes back.
#[test]
fn a_broker_that_dies_gives_status_5_and_is_told_of() {
    let mut broker = broker();
    let port = broker.1.clone();
    let run = bench(&[
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "--json",
        "--warm-up",
        "0",
        "--duration",
        "3s",
        "--drain",
        "1s",
        "--assert",
        "lost=0",
        "--assert",
        "unsent=0",
    ]);
    published(&port);
    broker.0.kill().unwrap();
    broker.0.wait().unwrap();
    let output = run.wait_with_output().unwrap();
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    for part in [
        "2 of 2 clients lost their connections for good; the first: ",
        "messages were due and not sent",
        "not met: lost=0, but ",
        "not met: unsent=0, but ",
        "waiting for 2 clients to be connected again (--retry), 2 s so far: ",
    ] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["failures"][0]["kind"], "connections-lost");
    assert_eq!(report["counts"]["offered"], 3000);
}

/// 73 of 100 have no account.
#[test]
fn clients_that_are_refused_give_status_4() {
    let directory = tempfile::tempdir().unwrap();
    let users = directory.path().join("users");
    let known: String = (0..27).map(|number| format!("device-{number}:x\n")).collect();
    fs::write(&users, known).unwrap();
    let broker = broker_with(&["--password-file", users.to_str().unwrap()]);
    let xml = directory.path().join("run.xml");
    let output = mqkit()
        .args(["bench", "connect", "-h", "127.0.0.1", "-p", &broker.1])
        .args(["-u", "device-%i", "-P", "x", "--clients", "100", "--duration", "100ms"])
        .args(["--junit", xml.to_str().unwrap()])
        .output()
        .unwrap();
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(
        stderr.contains("73 of 100 clients were refused by the broker; the first: "),
        "{stderr}"
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("FAILED\n  73 of 100"));
    assert!(fs::read_to_string(xml).unwrap().contains("failure type=\"run\""));
}

/// The broker is stopped, not dead: its connections stay.
#[test]
fn a_broker_that_is_stopped_gives_status_1() {
    let broker = broker();
    let run = bench(&[
        "-h",
        "127.0.0.1",
        "-p",
        &broker.1,
        "--warm-up",
        "0",
        "--duration",
        "1s",
        "--drain",
        "500ms",
    ]);
    published(&broker.1);
    kill("-STOP", &broker.0.id().to_string());
    let output = run.wait_with_output().unwrap();
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("messages were not acknowledged"), "{stderr}");
    assert!(stderr.contains("closed none of 2 connections within 2 s"), "{stderr}");
}

/// The embedded broker's port, and standard error behind the line that tells it.
fn port(run: &mut Child) -> (String, BufReader<std::process::ChildStderr>) {
    let mut lines = BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let address = line.split(", ").find(|word| word.starts_with("127.0.0.1:")).unwrap();
    (address.rsplit(':').next().unwrap().to_owned(), lines)
}

/// Whether it comes from a terminal, which sends it to the whole group, or to the parent only.
#[test]
fn signals_end_an_embedded_run_with_a_report_and_leave_nothing() {
    std::thread::scope(|scope| {
        for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
            for group in [false, true] {
                scope.spawn(move || {
                    let mut run = bench(&["--duration", "60s", "--warm-up", "0", "--json"]);
                    let (port, mut rest) = port(&mut run);
                    published(&port);
                    let sign = if group { "-" } else { "" };
                    kill(signal, &format!("{sign}{}", run.id()));
                    // Standard output and error end when the child has gone, too.
                    let output = run.wait_with_output().unwrap();
                    let mut told = String::new();
                    rest.read_to_string(&mut told).unwrap();
                    assert_eq!(output.status.code(), Some(status), "{signal} {group}: {told}");
                    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
                    assert!(report["counts"]["sent"].as_u64() > Some(0), "{signal} {group}");
                    let gone = std::net::TcpStream::connect(format!("127.0.0.1:{port}"));
                    assert!(gone.is_err(), "{signal} {group}");
                });
            }
        }
    });
}

/// The first one gives clients time to leave; this broker lets none go.
#[test]
fn a_second_signal_ends_at_once() {
    let asked = vec![
        Step::ExpectType(0x10),
        send(CONNACK_5),
        Step::ExpectType(0x82),
        Step::Silence,
    ];
    let silent = vec![
        Step::ExpectType(0x10),
        send(CONNACK_5),
        Step::ExpectType(0x32),
        Step::Answer(|_| Vec::new()),
        Step::Silence,
    ];
    let peer = Peer::new(vec![asked, silent]);
    let mut run = bench(&[
        "-h",
        "127.0.0.1",
        "-p",
        &peer.port.to_string(),
        "-V",
        "5",
        "--subscribers",
        "0",
        "--duration",
        "60s",
        "--warm-up",
        "0",
        "--json",
        "--start-at",
        &format!("@{}", soon()),
    ]);
    let mut lines = BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.contains("waiting for the start time"), "{line}");
    let began = Instant::now();
    let mut ended = false;
    while !ended && began.elapsed() < Duration::from_secs(10) {
        // More than one, and further apart than two that are taken for one.
        kill("-INT", &run.id().to_string());
        let until = Instant::now() + Duration::from_millis(400);
        while !ended && Instant::now() < until {
            ended = run.try_wait().unwrap().is_some();
            std::thread::yield_now();
        }
    }
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    // There was no time for one.
    assert!(output.stdout.is_empty());
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
}

fn soon() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs() + 60
}

/// The deadline counts from the start of the process and ends the run in every state, which is named.
#[test]
fn the_deadline_ends_a_run_in_every_state() {
    let connack = [Step::ExpectType(0x10), send(CONNACK_5)];
    let asked = [&connack[..], &[Step::ExpectType(0x82), Step::Silence]].concat();
    /// What the run does then, what the broker does for each connection, and flags.
    type State<'a> = (&'a str, Vec<Vec<Step>>, &'a [&'a str]);
    let states: Vec<State<'_>> = vec![
        ("connecting", vec![vec![Step::Silence]], &[]),
        (
            "connecting",
            vec![asked.clone(), [&connack[..], &[Step::Silence]].concat()],
            &["--publishers", "1"],
        ),
        (
            "measuring",
            vec![asked.clone(), [&connack[..], &[Step::Silence]].concat()],
            &["--subscribers", "0", "--warm-up", "0"],
        ),
        (
            "settling",
            vec![asked, [&connack[..], &[Step::Silence]].concat()],
            &[
                "--subscribers",
                "0",
                "--warm-up",
                "0",
                "--duration",
                "200ms",
                "--drain",
                "20s",
            ],
        ),
        ("closing", vec![], &["connect", "--clients", "1", "--duration", "500ms"]),
    ];
    std::thread::scope(|scope| {
        for (state, scripts, words) in states {
            scope.spawn(move || {
                let peer = (!scripts.is_empty()).then(|| Peer::new(scripts));
                let port = peer.map_or_else(holding, |peer| peer.port);
                let began = Instant::now();
                let output = mqkit()
                    .arg("bench")
                    .args(words)
                    .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-V", "5"])
                    .args(["--deadline", "2s"])
                    .output()
                    .unwrap();
                let took = began.elapsed();
                let stderr = stderr(&output);
                assert_eq!(output.status.code(), Some(27), "{state} {words:?}: {stderr}");
                let text = format!("mqkit: the time limit of 2 s (--deadline) ran out while {state}\n");
                assert!(stderr.contains(&text), "{text}: {stderr}");
                assert!(took < Duration::from_secs(4), "{state}: {took:?}");
            });
        }
    });
}

/// The report cannot be written: the deadline, and signals, hold there, too.
#[test]
fn a_standard_output_that_nobody_reads_keeps_no_run() {
    let broker = broker();
    for (words, signal, status) in [
        (&["--deadline", "4s"][..], None, 27),
        (&["--deadline", "1h"], Some("-TERM"), 143),
    ] {
        let (unread, mut stdout) = UnixStream::pair().unwrap();
        stdout.set_nonblocking(true).unwrap();
        while stdout.write(&[0; 4096]).is_ok() {}
        stdout.set_nonblocking(false).unwrap();
        let mut run = Command::new(env!("CARGO_BIN_EXE_mqkit"))
            .args([
                "bench",
                "-h",
                "127.0.0.1",
                "-p",
                &broker.1,
                "--duration",
                "3s",
                "--warm-up",
                "0",
            ])
            .args(words)
            .stdout(OwnedFd::from(stdout))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let began = Instant::now();
        if let Some(signal) = signal {
            published(&broker.1);
            kill(signal, &run.id().to_string());
        }
        let mut stderr = String::new();
        run.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(run.wait().unwrap().code(), Some(status), "{words:?}: {stderr}");
        assert!(began.elapsed() < Duration::from_secs(15), "{words:?}");
        drop(unread);
    }
}

/// A broker that accepts clients and does not close a connection; the port.
fn holding() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            stream.write_all(CONNACK_5).unwrap();
            held.push(stream);
        }
    });
    port
}

/// A broker that is not there, and one that does not answer a subscription.
#[test]
fn long_waits_are_told_with_what_is_waited_for() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let connack = [Step::ExpectType(0x10), send(CONNACK_5)];
    let asked = [&connack[..], &[Step::ExpectType(0x82), Step::Silence]].concat();
    let peer = Peer::new(vec![asked, [&connack[..], &[Step::Silence]].concat()]);
    for (port, words, text) in [
        (
            unused,
            &["--retry", "20s", "--deadline", "3500ms"][..],
            "mqkit: waiting for the first connection to the broker, 2 s so far; 1 without a connection: cannot connect",
        ),
        (
            peer.port,
            &["--publishers", "1", "--deadline", "3500ms"],
            " of 2 clients to be connected and subscribed, 2 s so far\n",
        ),
    ] {
        let output = mqkit()
            .args(["bench", "-h", "127.0.0.1", "-p", &port.to_string(), "-V", "5"])
            .args(words)
            .output()
            .unwrap();
        let stderr = stderr(&output);
        assert_eq!(output.status.code(), Some(27), "{stderr}");
        assert!(stderr.contains(text), "{text}: {stderr}");
        assert_eq!(stderr.matches("waiting for").count(), 1, "{stderr}");
    }
}
