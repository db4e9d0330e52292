//! `mqkit bench` from outside: what its flags mean, its files, its statuses, and the broker that it brings.

mod ends;

use super::{CONNACK_5, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A run that takes as little time as it can.
const SHORT: [&str; 4] = ["--duration", "200ms", "--warm-up", "50ms"];

struct Broker(Child, String);

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A broker, and its port.
fn broker() -> Broker {
    broker_with(&[])
}

fn broker_with(words: &[&str]) -> Broker {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
    command.args(["broker", "--port", "0"]).args(words);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines.next().unwrap().unwrap().rsplit(':').next().unwrap().to_owned();
    Broker(child, port)
}

/// The JSON report of a run on a broker.
fn report(port: &str, words: &[&str]) -> Value {
    let output = mqkit()
        .args(["bench", "-h", "127.0.0.1", "-p", port, "--json"])
        .args(words)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A path below an object, in dots.
fn at(value: &Value, path: &str) -> String {
    let pointer = format!("/{}", path.replace('.', "/"));
    value
        .pointer(&pointer)
        .map_or_else(|| format!("no {path}"), Value::to_string)
}

fn count(report: &Value, name: &str) -> u64 {
    report["counts"][name].as_u64().unwrap()
}

// ----- the broker that is measured

#[test]
fn without_a_broker_named_the_embedded_one_is_measured() {
    let output = mqkit()
        .args(["bench", "--json", "--quiet", "--rate", "200", "-C", "50"])
        .args(["--warm-up", "0"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr, "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(at(&report, "processes.0.embedded"), "true");
    for name in ["sent", "acknowledged", "received", "expected"] {
        assert_eq!(count(&report, name), 50, "{name}");
    }
    let command = report["processes"][0]["command"].to_string();
    assert!(command.starts_with(r#"["mqkit","bench","--json""#), "{command}");
    assert!(!command.contains("embedded"), "{command}");
    let output = mqkit().arg("bench").args(SHORT).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("the embedded one"), "{stderr}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("started for this run") && text.contains("p99"), "{text}");
}

#[test]
fn what_measured_it_stands_in_the_report_without_secrets() {
    let broker = broker();
    let report = report(
        &broker.1,
        &[
            "-u",
            "device-%i",
            "-P",
            "s3cret",
            "-C",
            "20",
            "--rate",
            "1k",
            "-i",
            "mine",
        ],
    );
    let process = &report["processes"][0];
    for part in ["mqkit", "host", "system", "processor", "run", "protocol"] {
        assert!(!process[part].as_str().unwrap().is_empty(), "{part}");
    }
    assert_eq!(process["broker"], format!("127.0.0.1:{}", broker.1));
    assert_eq!(process["embedded"], false);
    assert!(process["command"].to_string().contains(r#""-P","***""#));
    assert!(!report.to_string().contains("s3cret"));
}

// ----- flags

/// Words, and what the report then has at these paths.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

#[test]
fn flags_mean_what_they_say() {
    let broker = broker();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("payload");
    fs::write(&file, "12345").unwrap();
    let file = file.to_str().unwrap();
    let table: &[Case<'_>] = &[
        (
            &[
                "--publishers",
                "2",
                "--topics",
                "3",
                "--random-topics",
                "--size",
                "40..60",
            ],
            &[
                ("load.publishers", "2"),
                ("load.subscribers", "2"),
                ("load.topics", "3"),
                ("load.random_topics", "true"),
                ("load.payload.random.uniform.1", "60"),
                ("counts.connected", "4"),
            ],
        ),
        (
            &[
                "fan-in",
                "--publishers",
                "3",
                "--subscribers",
                "1",
                "-t",
                "x/%i",
                "--filter",
                "x/+",
                "-q",
                "2",
            ],
            &[
                ("load.scenario", "\"fan-in\""),
                ("load.topic", "\"x/%i\""),
                ("load.filter", "\"x/+\""),
                ("load.qos", "2"),
                ("load.subscribe_qos", "2"),
                ("load.rate", "30.0"),
            ],
        ),
        (
            &[
                "--subscribe-qos",
                "0",
                "--rate",
                "200",
                "--burst",
                "5",
                "--sessions",
                "persistent",
            ],
            &[
                ("load.subscribe_qos", "0"),
                ("load.arrival.burst", "5"),
                ("load.rate", "200.0"),
                ("load.persistent", "true"),
            ],
        ),
        (
            &["-f", file, "--arrival", "poisson", "--seed", "7", "--workers", "1"],
            &[
                ("load.payload.bytes", "5"),
                ("load.arrival", "\"poisson\""),
                ("load.seed", "7"),
                ("load.workers", "1"),
            ],
        ),
        (
            &[
                "-m",
                "n=%n",
                "--drain",
                "4s",
                "--late",
                "2s",
                "--connect-rate",
                "1k",
                "-M",
                "7",
            ],
            &[
                ("load.payload.template", "\"n=%n\""),
                ("load.drain", "4.0"),
                ("load.late", "2.0"),
                ("load.connect_rate", "1000.0"),
                ("load.window", "7"),
                ("load.duration", "0.2"),
                ("load.warm_up", "0.05"),
            ],
        ),
        (
            &["reconnect", "--subscribers", "2", "--drop-every", "100ms"],
            &[
                ("load.drop_every", "0.1"),
                ("load.persistent", "true"),
                ("counts.lost", "0"),
                ("counts.lost_connections", "0"),
            ],
        ),
    ];
    for (words, expected) in table {
        let report = report(&broker.1, &[*words, &SHORT[..]].concat());
        for (path, value) in *expected {
            assert_eq!(at(&report, path), *value, "{words:?} {path}");
        }
        assert!(count(&report, "received") > 0, "{words:?}");
        assert_eq!(count(&report, "foreign"), 0, "{words:?}");
    }
    let report = report(&broker.1, &["connect", "--clients", "5", "--duration", "100ms"]);
    assert_eq!(count(&report, "connected"), 5);
}

#[test]
fn a_run_begins_at_the_time_that_was_given() {
    let broker = broker();
    let start = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let start = (start.as_secs_f64() + 1.5).ceil();
    let text = format!("@{start}");
    let words = ["--start-at", &text, "-C", "10", "--rate", "1k", "--warm-up", "0"];
    let report = report(&broker.1, &words);
    let started = report["span"]["started"].as_f64().unwrap();
    assert!((started - start).abs() < 0.5, "{started} {start}");
}

#[test]
fn stored_messages_come_to_subscribers_and_are_removed() {
    let broker = broker();
    let report = report(&broker.1, &["retained", "--topics", "20", "--subscribers", "2"]);
    assert_eq!(count(&report, "received"), 40);
    let words = ["-C", "20", "--rate", "1k", "-r", "-t", "kept"];
    report_of_kept(&broker.1, &words);
    let stored = mqkit()
        .args(["sub", "-h", "127.0.0.1", "-p", &broker.1, "-t", "#", "--retained-only"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&stored.stdout), "");
}

fn report_of_kept(port: &str, words: &[&str]) {
    let report = report(port, words);
    assert_eq!(at(&report, "load.retain"), "true");
}

#[test]
fn usage_errors_say_what_to_do() {
    for (words, part) in [
        (&["sideways"][..], "must be one of round-trip, fan-in"),
        (&["--size", "8"], "at least 16"),
        (&["--size", "exp:x"], "must be bytes"),
        (&["--rate", "0"], "must be a number per second"),
        (&["--count", "1.5"], "must be a whole number"),
        (&["--duration", "0"], "must be more than 0"),
        (&["--start-at", "@5"], "s ago"),
        (&["--arrival", "never"], "constant or poisson"),
        (&["connect", "--rate", "5"], "does nothing in the scenario connect"),
        (&["-t", "a/%i"], "needs --filter"),
        (&["-c", "-i", "x"], "--sessions persistent"),
        (&["-D", "publish", "content-type", "x"], "sends no such packet"),
        (&["--insecure"], "plain TCP"),
        (&["--ws"], "plain TCP"),
        (&["--max-regression", "5%"], "--baseline"),
        (&["--max-regression", "much", "--baseline", "x"], "must be a percentage"),
        (&["--baseline", "/nonexistent"], "cannot read /nonexistent"),
        (&["--assert", "speed"], "speed"),
        (&["--merge", "/nonexistent"], "cannot read /nonexistent"),
        (
            &["--rate", "5", "--merge", "/nonexistent"],
            "--rate does nothing with --merge",
        ),
        (&["fan-in", "--merge", "/nonexistent"], "does nothing with --merge"),
        (&["-m", "a", "-f", "b"], "cannot be used with"),
        (&["--scenario", "/nonexistent"], "cannot read /nonexistent"),
        (&["--clients", "5"], "does nothing in the scenario round-trip"),
        (&["connect", "--clients", "16000000"], "file descriptors"),
    ] {
        let output = mqkit().arg("bench").args(words).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?} {stderr}");
        assert!(stderr.contains(part), "{words:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_a_usage_error_before_the_run() {
    for flag in ["--csv", "--html", "--hdr-log", "--junit"] {
        // Nobody listens there: a connection would give status 3.
        let output = mqkit()
            .args(["bench", "-h", "127.0.0.1", "-p", "1", flag, "/nonexistent/file"])
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flag}: {stderr}");
        assert!(stderr.contains("cannot write /nonexistent/file"), "{stderr}");
    }
}

// ----- scenario files

fn written(directory: &Path, text: &str) -> String {
    let path = directory.join("scenario.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_scenario_file_goes_before_the_environment_and_behind_what_is_typed() {
    let broker = broker();
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        "scenario = 'fan-in'\npublishers = 4\nrate = 400\nsize = 50\nassert = ['lost=0', 'rate>1']\nhost = '127.0.0.1'\nport = {}\nduration = '200ms'\nwarm-up = 0\n",
        broker.1
    );
    let path = written(directory.path(), &text);
    let run = |words: &[&str]| {
        let output = mqkit()
            .env("MQTT_HOST", "nowhere.invalid")
            .args(["bench", "--json", "--scenario", &path])
            .args(words)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let report = run(&[]);
    assert_eq!(at(&report, "load.scenario"), "\"fan-in\"");
    assert_eq!(at(&report, "load.publishers"), "4");
    assert_eq!(at(&report, "load.rate"), "400.0");
    assert_eq!(at(&report, "load.payload.random.fixed"), "50");
    let report = run(&["round-trip", "--rate", "100", "-m", "text"]);
    assert_eq!(at(&report, "load.payload.template"), "\"text\"");
    assert_eq!(at(&report, "load.scenario"), "\"round-trip\"");
    assert_eq!(at(&report, "load.rate"), "100.0");
    let output = mqkit()
        .env("MQTT_KEEPALIVE", "7")
        .args(["bench", "--scenario", &path, "--print-config"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for line in [
        "host = \"127.0.0.1\"",
        "keepalive = 7",
        "scenario.toml, line 6",
        "MQTT_KEEPALIVE",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn usage_errors_of_a_scenario_file_have_their_line() {
    let directory = tempfile::tempdir().unwrap();
    for (text, part) in [
        ("\nrat = 5", ":2: unknown key `rat`; did you mean `rate`?"),
        ("rate = 'fast'", "--rate was set by "),
        ("\n\nscenario = 'sideways'", "scenario.toml, line 3"),
        (
            "scenario = 'connect'\nqos = 1",
            "--qos does nothing in the scenario connect",
        ),
        ("print-config = true", ":1: unknown key"),
    ] {
        let path = written(directory.path(), text);
        let output = mqkit().args(["bench", "--scenario", &path]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}: {stderr}");
        assert!(stderr.contains(part), "{text}: {stderr}");
    }
}

// ----- outputs and statuses

#[test]
fn every_output_is_written_and_reports_add_up() {
    let broker = broker();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    for name in ["a.json", "b.json"] {
        let output = mqkit()
            .args([
                "bench",
                "-h",
                "127.0.0.1",
                "-p",
                &broker.1,
                "--json",
                "--assert",
                "lost=0",
            ])
            .args(["-C", "40", "--rate", "400", "--warm-up", "0"])
            .args(["--csv", &path("run.csv"), "--html", &path("run.html")])
            .args(["--hdr-log", &path("run.hlog"), "--junit", &path("run.xml")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::write(path(name), &output.stdout).unwrap();
    }
    for (name, part) in [
        ("run.csv", "sent"),
        ("run.html", "<svg"),
        ("run.hlog", "HIST"),
        ("run.xml", "<testsuite"),
    ] {
        let text = fs::read_to_string(path(name)).unwrap();
        assert!(text.contains(part), "{name}: {text}");
    }
    let merged = mqkit()
        .args(["bench", "--json", "--merge", &path("a.json"), &path("b.json")])
        .output()
        .unwrap();
    assert!(merged.status.success());
    let merged: Value = serde_json::from_slice(&merged.stdout).unwrap();
    assert_eq!(count(&merged, "received"), 80);
    assert_eq!(merged["processes"].as_array().unwrap().len(), 2);
    mqkit()
        .args([
            "bench",
            "-h",
            "127.0.0.1",
            "-p",
            &broker.1,
            "--baseline",
            &path("a.json"),
        ])
        .args([
            "-C",
            "40",
            "--rate",
            "400",
            "--warm-up",
            "0",
            "--max-regression",
            "100000%",
        ])
        .assert()
        .success();
}

#[test]
fn the_same_load_in_another_run_is_the_same_load() {
    let broker = broker();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    // Topics have the run in them, by default.
    let words = ["-C", "20", "--rate", "1k", "--warm-up", "0", "--seed", "1"];
    for name in ["a.json", "b.json"] {
        fs::write(path(name), report(&broker.1, &words).to_string()).unwrap();
    }
    let compared = mqkit()
        .args([
            "bench",
            "-h",
            "127.0.0.1",
            "-p",
            &broker.1,
            "--baseline",
            &path("a.json"),
        ])
        .args(words)
        .args(["--html", &path("page.html")])
        .output()
        .unwrap();
    let merged = mqkit()
        .args(["bench", "--merge", &path("a.json"), &path("b.json")])
        .output()
        .unwrap();
    for output in [compared, merged] {
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("received"), "{text}");
        assert!(!text.contains("the load is not the same"), "{text}");
        assert!(!text.contains("not alike"), "{text}");
    }
    let page = fs::read_to_string(path("page.html")).unwrap();
    assert!(page.contains("mqkit/bench/%r/%i") && !page.contains("class=\"differs\""));
}

#[test]
fn user_names_are_templates_for_the_first_connection_and_for_topics_too() {
    let directory = tempfile::tempdir().unwrap();
    let users = directory.path().join("users");
    fs::write(&users, "device-0:x\ndevice-1:x\n").unwrap();
    let broker = broker_with(&["--password-file", users.to_str().unwrap()]);
    let report = report(
        &broker.1,
        &[
            "-u",
            "device-%i",
            "-P",
            "x",
            "--publishers",
            "2",
            "-t",
            "of/%u",
            "--filter",
            "of/%u",
            "-C",
            "20",
            "--warm-up",
            "0",
        ],
    );
    assert_eq!((count(&report, "expected"), count(&report, "received")), (20, 20));
}

#[test]
fn a_missed_threshold_is_named_and_gives_status_1() {
    let broker = broker();
    let output = mqkit()
        .args(["bench", "-h", "127.0.0.1", "-p", &broker.1, "-C", "20", "--rate", "1k"])
        .args(["--assert", "p99<1us", "--assert", "lost=0", "--assert", "received=21"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("p99<1us") && stderr.contains("received=21"), "{stderr}");
    assert!(!stderr.contains("lost=0"), "{stderr}");
    assert!(!output.stdout.is_empty());
}

#[test]
fn statuses_are_those_of_every_command() {
    let output = mqkit().args(["bench", "-h", "127.0.0.1", "-p", "1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let refusing = vec![Step::ExpectType(0x10), send(&[0x20, 3, 0, 0x87, 0])];
    let peer = Peer::new(vec![refusing.clone(), refusing]);
    let output = mqkit()
        .args(["bench", "-h", "127.0.0.1", "-p", &peer.port.to_string()])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("client \"mqb-"), "{stderr}");
    // A broker that says nothing more: the deadline ends the run.
    let silent = vec![Step::ExpectType(0x10), send(CONNACK_5), Step::Silence];
    let peer = Peer::new(vec![silent.clone(), silent]);
    let output = mqkit()
        .args(["bench", "-h", "127.0.0.1", "-p", &peer.port.to_string()])
        .args(["--subscribers", "0", "--duration", "60s", "--deadline", "1s", "-V", "5"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(27), "{stderr}");
}

#[test]
fn a_signal_ends_the_run_with_a_report() {
    let broker = broker();
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
        let child = command
            .args([
                "bench",
                "-h",
                "127.0.0.1",
                "-p",
                &broker.1,
                "--duration",
                "60s",
                "--json",
            ])
            .args(["--warm-up", "0", "-t", "seen"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It publishes.
        mqkit()
            .args(["sub", "-h", "127.0.0.1", "-p", &broker.1, "-t", "seen", "-C", "1"])
            .assert()
            .success();
        let kill = Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(count(&report, "sent") > 0);
    }
}
