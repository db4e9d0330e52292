//! Words in Mosquitto's manner: a flag and each of its values is a word of its own; no bundles, no `--flag=value`. It must
//! not know what the flags mean; the definition of a command says which there are.

use crate::cli::Usage;
use crate::cli::flags::{by_long, least_values, takes_values};
use crate::cli::settings::{Layer, Origin, Setting};
use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};

/// The flag that a word names: `-x` or `--long`.
#[must_use]
pub fn find<'a>(command: &'a Command, word: &OsStr) -> Option<&'a Arg> {
    let word = word.to_str()?;
    if let Some(long) = word.strip_prefix("--") {
        return by_long(command, long);
    }
    let mut letters = word.strip_prefix('-')?.chars();
    let letter = letters.next().filter(|_| letters.as_str().is_empty())?;
    command.get_arguments().find(|arg| arg.get_short() == Some(letter))
}

/// What is behind these does not matter.
pub(super) const ENDS: &[&str] = &["--help", "--version"];

/// Reads words one by one, up to `--help` or `--version`, which comes back too. A flag that is repeated is there again.
///
/// # Errors
/// A word that is no flag of the command, or too few values behind one.
pub fn scan(command: &Command, words: &[OsString]) -> Result<(Layer, Option<&'static str>), Usage> {
    let mut words = words.iter();
    let mut found = Layer::new();
    while let Some(word) = words.next() {
        if let Some(end) = ENDS.iter().find(|end| *word == **end) {
            return Ok((found, Some(end)));
        }
        let unknown = || Usage::Bad(format!("Unknown option '{}'.", word.to_string_lossy()));
        let arg = find(command, word).ok_or_else(unknown)?;
        let mut values: Vec<OsString> = Vec::new();
        // In Mosquitto's tools no value is optional.
        while takes_values(arg) && values.len() < wanted(arg, &values) {
            let missing = || Usage::Bad(format!("{} needs a value behind it.", word.to_string_lossy()));
            values.push(words.next().ok_or_else(missing)?.clone());
        }
        found.push(Setting {
            flag: arg.get_id().clone(),
            uses: vec![values],
            origin: Origin::CommandLine,
        });
    }
    Ok((found, None))
}

/// How many values a use has that begins with these: `-D PACKET user-property KEY VALUE` has one more than others.
pub(super) fn wanted(arg: &Arg, values: &[OsString]) -> usize {
    let pair = values
        .get(1)
        .is_some_and(|name| name.eq_ignore_ascii_case("user-property"));
    least_values(arg).max(1) + usize::from(pair && least_values(arg) > 1)
}
