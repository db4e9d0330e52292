//! Words in Mosquitto's manner: a flag and each of its values is a word of its own; no bundles, no `--flag=value`. It must
//! not know what the flags mean; the definition of a command says which there are.

use super::Usage;
use clap::{Arg, ArgAction, Command};
use std::ffi::{OsStr, OsString};

/// A flag that was given, and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// The long name of the flag, or the letter of one that has none, without dashes.
    pub flag: String,
    /// What follows it.
    pub values: Vec<OsString>,
}

impl Occurrence {
    /// A flag and its values.
    pub fn new(flag: &str, values: &[&str]) -> Self {
        Self {
            flag: flag.to_owned(),
            values: values.iter().map(OsString::from).collect(),
        }
    }

    /// The words that say the same to clap. One value is joined to its flag: it may begin with a dash.
    #[must_use]
    pub fn words(&self) -> Vec<OsString> {
        let dashes = if self.flag.chars().count() == 1 { "-" } else { "--" };
        let mut flag = OsString::from(format!("{dashes}{}", self.flag));
        match &self.values[..] {
            [value] => {
                flag.push("=");
                flag.push(value);
                vec![flag]
            }
            values => std::iter::once(flag).chain(values.iter().cloned()).collect(),
        }
    }
}

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

/// The flag with this long name, or another name that stands for it.
#[must_use]
pub fn by_long<'a>(command: &'a Command, long: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| {
        arg.get_long() == Some(long) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
    })
}

/// The name that [`Occurrence::flag`] has for a flag.
#[must_use]
pub fn name(arg: &Arg) -> Option<String> {
    let letter = || arg.get_short().map(String::from);
    arg.get_long().map(str::to_owned).or_else(letter)
}

/// Whether a flag is followed by values.
#[must_use]
pub fn takes_values(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

/// How many values belong to one use of a flag at least.
#[must_use]
pub fn least_values(arg: &Arg) -> usize {
    arg.get_num_args().map_or(1, |range| range.min_values())
}

/// What is behind these does not matter.
const ENDS: &[&str] = &["--help", "--version"];

/// Reads words one by one, up to `--help` or `--version`.
///
/// # Errors
/// A word that is no flag of the command, or too few values behind one.
pub fn scan(command: &Command, words: &[OsString]) -> Result<Vec<Occurrence>, Usage> {
    let mut words = words.iter();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        if let Some(end) = ENDS.iter().find(|end| *word == **end) {
            found.push(Occurrence::new(end.trim_start_matches('-'), &[]));
            return Ok(found);
        }
        let unknown = || Usage::Bad(format!("Unknown option '{}'.", word.to_string_lossy()));
        let arg = find(command, word).ok_or_else(unknown)?;
        let flag = name(arg).ok_or_else(unknown)?;
        let mut values: Vec<OsString> = Vec::new();
        if takes_values(arg) {
            // In Mosquitto's tools no value is optional.
            let mut wanted = least_values(arg).max(1);
            while values.len() < wanted {
                let missing = || Usage::Bad(format!("{} needs a value behind it.", word.to_string_lossy()));
                values.push(words.next().ok_or_else(missing)?.clone());
                // -D PACKET user-property KEY VALUE has one more than the others.
                let pair = flag == "property" && values.len() == 2;
                if pair
                    && values
                        .last()
                        .is_some_and(|name| name.eq_ignore_ascii_case("user-property"))
                {
                    wanted += 1;
                }
            }
        }
        found.push(Occurrence { flag, values });
    }
    Ok(found)
}
