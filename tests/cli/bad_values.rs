//! Each flag of each command with a value that it does not take, wherever settings come from: a usage error that names the
//! flag, never a panic.

use crate::support::mqkit;
use clap::{Arg, Command};
use mqkit::cli::flags::{by_long, can_be_set, takes_values};
use mqkit::commands;
use predicates::prelude::*;
use predicates::str::contains;
use std::any::TypeId;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

/// The commands, with words that they can do with.
const COMMANDS: &[(&str, &[&str])] = &[
    ("pub", &["-t", "a", "-m", "x"]),
    ("sub", &["-t", "a"]),
    ("rr", &["-t", "a", "-m", "x"]),
    ("bench", &["-h", "127.0.0.1"]),
    ("decode", &["c000"]),
    ("broker", &[]),
];

/// A value that the flag does not take; none when it takes every text or names a file.
fn bad(arg: &Arg) -> Option<String> {
    let long = arg.get_long()?;
    if !takes_values(arg) {
        return Some("maybe".to_owned());
    }
    let is = |id| arg.get_value_parser().type_id() == id;
    match long {
        "id" | "id-prefix" | "username" => Some("x".repeat(70_000)),
        "topic" | "response-topic" | "will-topic" | "filter-out" | "unsubscribe" | "filter" => Some("a/#/b".to_owned()),
        "delimiter" => Some("??".to_owned()),
        "format" => Some("%".to_owned()),
        "url" | "proxy" | "ws-header" | "host" => Some(":/ /?".to_owned()),
        // It has at least three values.
        "property" => None,
        _ if is(TypeId::of::<String>()) || is(TypeId::of::<PathBuf>()) => None,
        _ => Some("?".to_owned()),
    }
}

/// The flags of a command that have a bad value.
fn flags(command: &Command) -> Vec<(Arg, String)> {
    let flags = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && arg.get_id() != "help");
    flags.filter_map(|arg| Some((arg.clone(), bad(arg)?))).collect()
}

fn definition(name: &str) -> Command {
    let mut definition = commands::definition();
    definition.build();
    definition.find_subcommand(name).unwrap().clone()
}

/// The flag in a message: by its long name or its letter.
fn names(text: &str, arg: &Arg) -> bool {
    let long = arg.get_long().unwrap();
    let short = arg.get_short().map(|short| format!("-{short} "));
    text.contains(&format!("--{long}"))
        || text.contains(&format!(": {long} "))
        || short.is_some_and(|short| text.contains(&short))
}

/// The words without this flag, which would win.
fn without<'a>(words: &[&'a str], arg: &Arg) -> Vec<&'a str> {
    let short = arg.get_short().map(|short| format!("-{short}"));
    let pairs = words.chunks(2).filter(|pair| short.as_deref() != pair.first().copied());
    pairs.flatten().copied().collect()
}

/// Runs the command in this process, and expects it to refuse the flag.
fn refused(name: &str, words: &[&str], typed: &[String], arg: &Arg) {
    let words = ["mqkit", name].into_iter().chain(words.iter().copied());
    let words: Vec<_> = words
        .map(OsString::from)
        .chain(typed.iter().map(OsString::from))
        .collect();
    let error = commands::run(words, None).map(|_| ()).unwrap_err();
    let text = format!("{error:#}");
    assert!(names(&text, arg), "{name} {typed:?}: {text}");
}

#[test]
fn a_bad_value_names_its_flag() {
    let directory = tempfile::tempdir().unwrap();
    let options = directory.path().join("options");
    fs::write(&options, "-k 5\n").unwrap();
    let options = options.to_str().unwrap().to_owned();
    let own = directory.path().join("own").to_str().unwrap().to_owned();
    let mut tried = 0;
    for (name, words) in COMMANDS {
        let command = definition(name);
        let connects = by_long(&command, "print-config").is_some();
        for (arg, value) in flags(&command) {
            let long = arg.get_long().unwrap();
            let typed = format!("--{long}={value}");
            refused(name, words, std::slice::from_ref(&typed), &arg);
            tried += 1;
            if !connects {
                continue;
            }
            refused(name, words, &["-o".to_owned(), options.clone(), typed], &arg);
            if can_be_set(&arg) && takes_values(&arg) {
                fs::write(&own, format!("--{long} {value}\n")).unwrap();
                refused(name, &without(words, &arg), &["-o".to_owned(), own.clone()], &arg);
            }
        }
    }
    assert!(tried > 200, "{tried}");
}

#[test]
fn settings_elsewhere_change_nothing_about_that() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("mqkit")).unwrap();
    let config = directory.path().join("mqkit/config.toml");
    let run = |name: &str, words: &[&str], environment: &[(&str, &str)], arg: &Arg| {
        let mut command = mqkit();
        command.arg(name).args(words).envs(environment.iter().copied());
        let output = command.env("XDG_CONFIG_HOME", directory.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name} {words:?}: {text}");
        assert!(
            names(&text, arg) && !text.contains("panicked"),
            "{name} {words:?}: {text}"
        );
    };
    for (name, words) in COMMANDS.iter().take(4) {
        let connection = mqkit::cli::settings::environment::connection();
        for (arg, value) in flags(&definition(name)) {
            let long = arg.get_long().unwrap();
            let shared = by_long(&connection, long).is_some();
            // They are the same for all.
            if shared && *name != "pub" {
                continue;
            }
            let flag = format!("--{long}={value}");
            let typed = [words, &[&*flag][..]].concat();
            fs::write(&config, "keepalive = 5\n").unwrap();
            run(name, &typed, &[("MQTT_HOST", "127.0.0.1:1")], &arg);
            if can_be_set(&arg) {
                fs::write(&config, format!("[{name}]\n{long} = '{value}'\n")).unwrap();
                // What is typed would exclude some of those without a value.
                let words = if takes_values(&arg) { words } else { &[][..] };
                run(name, &without(words, &arg), &[], &arg);
                if shared {
                    run(name, &["--print-config"], &[], &arg);
                }
            }
        }
    }
}

#[test]
fn what_panicked_is_refused() {
    for (words, part) in [
        (&["pub", "-t", "a", "-m", "x", "-q", "3"][..], "--qos"),
        (&["sub", "-t", "a/#/b"], "--topic"),
        (&["sub", "-t", "a", "-W", "abc"], "--timeout"),
        (&["bench", "fanout"], "SCENARIO"),
        (&["sub", "--print-config", "-k", "often"], "--keepalive"),
    ] {
        mqkit()
            .args(words)
            .env("MQTT_HOST", "x")
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(part).and(contains("panicked").not()));
    }
}
