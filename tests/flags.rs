//! Every flag of `--help` is used by a test: a flag that nothing uses may do nothing. What a flag does is for those tests
//! to see; here only their words are read.

use clap::{Arg, Args, Command};
use mqkit::cli::Connection;
use mqkit::commands;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The commands whose flags are looked for.
const COMMANDS: &[&str] = &["pub", "sub", "rr", "bench", "decode"];

/// A function or another item of a test file, and the commands that it may be about.
#[derive(Debug)]
struct Item {
    words: Vec<String>,
    commands: BTreeSet<&'static str>,
}

#[test]
fn every_flag_is_used_by_a_test() {
    let items = items();
    let mut definition = commands::definition();
    definition.build();
    let shared = Connection::augment_args(Command::new("shared"));
    let mut missing = BTreeSet::new();
    for name in COMMANDS {
        let command = definition.find_subcommand(name).unwrap();
        for flag in command.get_arguments().filter(|flag| is_shown(flag)) {
            // A flag that all of them share works in all of them when it works in one.
            let of_all = shared.get_arguments().any(|arg| arg.get_id() == flag.get_id());
            let mut candidates = items
                .iter()
                .filter(|item| of_all && name != &"decode" || item.commands.contains(name));
            if !candidates.any(|item| uses(&item.words, flag)) {
                let owner = if of_all { "connection" } else { name };
                missing.insert(format!("{owner} --{}", flag.get_long().unwrap_or_default()));
            }
        }
    }
    assert!(missing.is_empty(), "no test uses {missing:#?}");
}

#[test]
fn only_words_of_command_lines_count() {
    let flag = Arg::new("topic").long("topic").short('t');
    for (text, used) in [
        (r#".args(["--topic", "a"])"#, true),
        (r#".args(["-t", "a"])"#, true),
        (r#".arg("--topic=a")"#, true),
        (r#""--json --topic""#, true),
        (r#"format!("mqkit pub --topic a -m \"x\"")"#, true),
        (r#".args(["--topic-alias", "-tt", "topic"])"#, false),
        (r#"contains("--topic is missing")"#, false),
        (r#"// .arg("--topic")"#, false),
    ] {
        assert_eq!(uses(&words(text), &flag), used, "{text}");
    }
}

fn is_shown(flag: &Arg) -> bool {
    !flag.is_hide_set() && !flag.is_positional() && flag.get_id() != "help" && flag.get_id() != "version"
}

/// The items of all tests that run the program.
fn items() -> Vec<Item> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut files = Vec::new();
    for directory in [root.clone(), root.join("cli"), root.join("interop")] {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let own = path == root.join("flags.rs");
            if path.extension().is_some_and(|extension| extension == "rs") && !own {
                files.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    files.iter().flat_map(|text| items_of(text)).collect()
}

fn items_of(file: &str) -> Vec<Item> {
    let texts: Vec<&str> = file.split_inclusive("\n}\n").collect();
    let helpers = texts.iter().filter(|text| !text.contains("#[test]"));
    let helpers: Vec<_> = helpers
        .filter_map(|text| Some((format!("{}(", function(text)?), named(text))))
        .collect();
    let mut items = Vec::new();
    for text in &texts {
        let mut commands = named(text);
        for (_, by_helper) in helpers.iter().filter(|(call, _)| text.contains(call)) {
            commands.extend(by_helper);
        }
        if commands.is_empty() {
            commands = named(file);
        }
        if !is_about_misuse(text) {
            items.push(Item {
                words: words(text),
                commands,
            });
        }
    }
    items
}

/// The name of the last function.
fn function(text: &str) -> Option<&str> {
    let (_, rest) = text.rsplit_once("\nfn ")?;
    rest.split(['(', '<']).next()
}

/// The commands that a text runs.
fn named(text: &str) -> BTreeSet<&'static str> {
    let runs = |name: &str| {
        [
            format!("\"{name}\""),
            format!("mqkit {name} "),
            format!("`mqkit {name}`"),
            format!("mosquitto_{name}\""),
        ]
        .iter()
        .any(|pattern| text.contains(pattern))
    };
    COMMANDS.iter().copied().filter(|name| runs(name)).collect()
}

/// That a flag is refused shows only that it is known.
fn is_about_misuse(text: &str) -> bool {
    let refused = text.contains("code(2)") && !text.contains("success()");
    refused || function(text).is_some_and(|name| name.contains("usage"))
}

fn uses(words: &[String], flag: &Arg) -> bool {
    let long = flag.get_long().map(|long| format!("--{long}"));
    let short = flag.get_short().map(|short| format!("-{short}"));
    let mut words = words.iter();
    words.any(|word| word.split('=').next() == long.as_deref() || Some(word) == short.as_ref())
}

/// The words of command lines in the literals of a text.
fn words(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(literals).flat_map(|literal| words_of(&literal)).collect()
}

/// A literal without a blank, or all words of one that is a command line.
fn words_of(literal: &str) -> Vec<String> {
    let words: Vec<_> = literal.split_whitespace().map(ToOwned::to_owned).collect();
    let flags = words.iter().all(|word| word.starts_with('-'));
    let shell = literal.contains("mqkit ") || literal.contains("mosquitto_");
    if words.len() == 1 || flags || shell {
        words
    } else {
        Vec::new()
    }
}

/// What stands between quotation marks in a line.
fn literals(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let last = parts.last_mut().unwrap();
        match character {
            '\\' => last.extend(characters.next()),
            '"' => parts.push(String::new()),
            other => last.push(other),
        }
    }
    parts.into_iter().skip(1).step_by(2).collect()
}
