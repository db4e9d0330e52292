//! Limits and signals where no peer is to blame: silent inputs, commands that do not end, an output that nobody reads, a
//! name server that does not answer.

use super::hostile::{CONNACK, PUBLISH, SUBACK};
use crate::support::hostile::Act;
use crate::support::isolate;
use crate::support::trials::{ALL_LIMITS, At, End, ROW, Row, faults, run, run_few};
use crate::support::watched::{Input, Output, Watched};
use std::fmt::Write as _;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn inputs_and_commands_are_not_waited_for() {
    run(&[
        Row {
            name: "silent input",
            at: At::Peer(&[Act::Read, CONNACK]),
            calls: &["pub -t a -s", "pub -t a -l", "pub -t a --json", "rr -t a -e b -s"],
            input: Input::Silent,
            stage: "reading standard input",
            alone: true,
            ..ROW
        },
        Row {
            name: "a FIFO that nobody writes",
            at: At::Peer(&[Act::Read, CONNACK]),
            calls: &["pub -t a -f {fifo}", "rr -t a -e b -f {fifo}"],
            stage: "reading \"{fifo}\"",
            alone: true,
            ..ROW
        },
        Row {
            name: "a command that does not end",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, SUBACK, Act::Send(PUBLISH)]),
            calls: &["sub -t a --exec {sleep}", "sub -t a --exec {stubborn}"],
            ends: &[End::Deadline, End::Timeout, End::Insist],
            stage: "waiting for 1 command",
            ..ROW
        },
    ]);
}

#[test]
fn files_of_settings_are_not_waited_for() {
    let of_w = Row {
        name: "a FIFO that nobody writes",
        calls: &[
            "sub -t a -u u --password-file {fifo}",
            "rr -t a -e b -m x -u u --password-file {fifo}",
            "sub -t a -o {fifo}",
        ],
        stage: "reading \"{fifo}\"",
        alone: true,
        ends: &[End::Timeout],
        ..ROW
    };
    run(&[
        of_w,
        Row {
            name: "a FIFO that nobody writes",
            calls: &[
                "pub -t a -m x -u u --password-file {fifo}",
                "sub -t a -u u --password-file {fifo}",
                "rr -t a -e b -m x -u u --password-file {fifo}",
                "bench -u u --password-file {fifo}",
                "pub -t a -m x --cafile {fifo}",
                "pub -t a -m x --cert {fifo} --key {certificate}",
                "pub -t a -m x --cert {certificate} --key {fifo}",
                "pub -t a -m x --cert {certificate} --key {certificate} --key-password-file {fifo}",
                "pub -t a -m x -o {fifo}",
                "sub -t a -o {fifo}",
                "bench -o {fifo}",
                "bench --scenario {fifo}",
                "bench -f {fifo}",
                "bench --baseline {fifo}",
                "bench --merge {fifo}",
            ],
            stage: "reading \"{fifo}\"",
            alone: true,
            ends: &[End::Deadline, End::Interrupt, End::Terminate],
            ..ROW
        },
    ]);
}

/// Nor does a file that was named beside it stay as a draft.
#[test]
fn output_files_are_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut failures = String::new();
    for flag in ["--csv", "--html", "--hdr-log", "--junit"] {
        for end in [End::Deadline, End::Interrupt, End::Terminate] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
            isolate(&mut command);
            command
                .args(["bench", "-h", "127.0.0.1", "-p", "1", "--csv", "a.csv"])
                .arg(flag)
                .arg(&fifo)
                .args(end.flags())
                .current_dir(directory.path());
            let watched = Watched::start(command, Input::Nothing, Output::Read);
            let from = end.signal().map(|(name, _)| {
                // No handler could be waited for.
                std::thread::sleep(Duration::from_millis(300));
                watched.signal(name);
                Instant::now()
            });
            let ended = watched.end();
            let stage = format!("opening {fifo:?}");
            for fault in faults(end, &ended, from, &stage, true, false) {
                writeln!(failures, "{flag} {end:?}: {fault}").unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
    assert_eq!(
        std::fs::read_dir(directory.path()).unwrap().count(),
        1,
        "files are left"
    );
}

/// The configuration file, and the one that a tool of Mosquitto's reads by default.
#[test]
fn files_that_nobody_named_are_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name| directory.path().join(name);
    let (config, options) = (path("mqkit/config.toml"), path("mosquitto_sub"));
    std::fs::create_dir(path("mqkit")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&config)
            .arg(&options)
            .status()
            .unwrap()
            .success()
    );
    let tool = path("bin");
    std::fs::create_dir(&tool).unwrap();
    let tool = tool.join("mosquitto_sub");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_mqkit"), &tool).unwrap();
    let mut failures = String::new();
    for (program, subcommand, file) in [
        (Path::new(env!("CARGO_BIN_EXE_mqkit")), Some("sub"), &config),
        (&tool, None, &options),
    ] {
        let mut command = Command::new(program);
        isolate(&mut command);
        command
            .args(subcommand)
            .args(["-t", "a", "-h", "127.0.0.1", "--deadline", "1s"])
            .env("XDG_CONFIG_HOME", directory.path());
        let ended = Watched::start(command, Input::Nothing, Output::Read).end();
        let stage = format!("reading {file:?}");
        for fault in faults(End::Deadline, &ended, None, &stage, subcommand.is_some(), false) {
            writeln!(failures, "{}: {fault}", program.display()).unwrap();
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn an_unread_output_is_not_waited_for() {
    run_few(&[Row {
        name: "unread output",
        at: At::Peer(&[Act::Read, CONNACK, Act::Read, SUBACK, Act::Flood(PUBLISH)]),
        calls: &["sub -t a", "sub -t a --raw"],
        output: Output::Unread,
        ends: ALL_LIMITS,
        stage: "writing to standard output",
        ..ROW
    }]);
}

/// Needs root and port 53, as a container of CI has them.
#[test]
#[allow(clippy::print_stderr, reason = "says why a test checks less")]
fn a_silent_name_server_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = directory.path().join("resolv.conf");
    std::fs::write(&configuration, "nameserver 127.0.53.1\n").unwrap();
    let Ok(_server) = UdpSocket::bind("127.0.53.1:53") else {
        return eprintln!("port 53 is not to be had: a silent name server is not tried");
    };
    let script = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
    let run = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", script])
            .arg(&configuration)
            .args(words);
        command
    };
    if !run(&["true"]).status().is_ok_and(|status| status.success()) {
        return eprintln!("nothing can be mounted: a silent name server is not tried");
    }
    let mut failures = String::new();
    for (words, end) in [
        ("pub -t a -m x", End::Deadline),
        ("sub -t a", End::Timeout),
        ("rr -t a -e b -m x", End::Timeout),
        ("sub -t a", End::Terminate),
    ] {
        let mut command = run(&[env!("CARGO_BIN_EXE_mqkit")]);
        command
            .args(words.split(' '))
            .args(["-h", "silent.example"])
            .args(end.flags());
        let mut watched = Watched::start(command, Input::Nothing, Output::Read);
        let mut from = None;
        if end == End::Terminate {
            watched.wait_for_handler(15);
            from = Some(Instant::now());
            watched.signal("-TERM");
        }
        let ended = watched.end();
        for fault in faults(end, &ended, from, "looking up silent.example", true, false) {
            writeln!(failures, "{words} {end:?}: {fault}").unwrap();
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}
