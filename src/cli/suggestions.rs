//! What was probably meant by words that are no flags here: other tools call the same things otherwise. It must not know
//! what the flags do.

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// Names that other tools have, a flag of the commands that this is about, and what to say.
const OTHER_NAMES: &[(&str, &str, &str)] = &[
    ("--payload", "--message", "it is called --message here"),
    ("--tls", "--cafile", "TLS comes with mqtts://, or -p 8883, or --cafile"),
    ("--ssl", "--cafile", "TLS comes with mqtts://, or -p 8883, or --cafile"),
    ("--client-id", "--id", "it is called --id here"),
    ("--clientid", "--id", "it is called --id here"),
    (
        "--clean-session",
        "--disable-clean-session",
        "a clean session is the default; -c keeps the session",
    ),
    ("--file", "--exec", "messages go to standard output: > FILE"),
    (
        "--file",
        "--encode",
        "the name of the file stands alone: mqkit decode FILE",
    ),
    (
        "--file",
        "--max-queued",
        "there is no configuration file: the flags say everything",
    ),
];

/// Adds to the parser's complaint about an unknown word what was probably meant; `typed` is what stands behind the
/// subcommand.
pub fn suggest(command: &Command, typed: &[OsString], error: &mut clap::Error) {
    if error.kind() != ErrorKind::UnknownArgument {
        return;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return;
    };
    let Some(meant) = meant(command, typed, word) else {
        return;
    };
    error.remove(ContextKind::SuggestedArg);
    // It is that of the flag that the parser suggested.
    error.remove(ContextKind::Usage);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![meant.into()]));
}

fn meant(command: &Command, typed: &[OsString], word: &str) -> Option<String> {
    let long = |name: &str| {
        command
            .get_arguments()
            .any(|arg| arg.get_long().is_some_and(|long| name.strip_prefix("--") == Some(long)))
    };
    if word.starts_with('-') {
        let name = word.split('=').next().unwrap_or(word);
        let fitting = |(other, own, _): &&(&str, &str, &str)| *other == name && long(own);
        return OTHER_NAMES
            .iter()
            .find(fitting)
            .map(|(_, _, meant)| (*meant).to_owned());
    }
    let behind = typed.iter().position(|other| other == word).map(|at| at + 1)?;
    let behind: Vec<_> = typed.get(behind..)?.iter().map(|word| word.to_string_lossy()).collect();
    // Words that are run stand behind `--`.
    if command.get_positionals().any(clap::Arg::is_last_set) {
        let words = std::iter::once(word).chain(behind.iter().map(AsRef::as_ref));
        return Some(format!(
            "did you mean -- {}",
            words.map(quoted).collect::<Vec<_>>().join(" ")
        ));
    }
    if !long("--topic") || command.get_positionals().next().is_some() {
        return None;
    }
    let message = behind
        .first()
        .filter(|next| long("--message") && long("--null-message") && !next.starts_with('-'));
    Some(match message {
        Some(message) => format!("did you mean -t {} -m {}", quoted(word), quoted(message)),
        None => format!("did you mean -t {}", quoted(word)),
    })
}

/// As a shell needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}
