//! `--print-config`: the connection's flags as TOML, each with its origin behind it; secrets are masked. It must not know
//! what the flags mean.

use super::{Origin, Settings, truth};
use crate::cli::flags::{can_be_set, takes_values};
use crate::cli::secret;
use clap::{Arg, ArgAction, Command};
use std::fmt::Display;

/// A flag as it comes out: its identity, its value, and the flag that has set it; none when that is built in.
pub type Outcome = (&'static str, String, Option<&'static str>);

/// The text: what was set, and what comes out where nothing is or another flag decides.
#[must_use]
pub fn print(connection: &Command, settings: &Settings, outcomes: &[Outcome], remarks: &[String]) -> String {
    let mut lines = Vec::new();
    for arg in connection.get_arguments().filter(|arg| can_be_set(arg)) {
        let (id, key) = (arg.get_id().as_str(), arg.get_long().unwrap_or_default());
        let (uses, origin) = match (outcomes.iter().find(|(flag, ..)| *flag == id), settings.get(id)) {
            (Some((_, value, by)), _) => {
                let by = by.and_then(|flag| settings.get(flag));
                (vec![vec![value.clone()]], by.map(|setting| &setting.origin))
            }
            (None, Some(setting)) => {
                let words = setting
                    .uses
                    .iter()
                    .map(|words| words.iter().map(|word| word.to_string_lossy().into_owned()));
                (words.map(Iterator::collect).collect(), Some(&setting.origin))
            }
            (None, None) => continue,
        };
        let origin = origin.map_or_else(|| "built-in".to_owned(), Origin::to_string);
        lines.push((format!("{key} = {}", toml_value(arg, &uses)), origin));
    }
    let width = lines.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0);
    let lines = lines
        .into_iter()
        .map(|(text, origin)| format!("{text:width$}  # {}\n", origin.escape_debug()));
    let remarks = remarks.iter().map(|remark| format!("# {remark}\n"));
    lines.chain(remarks).collect()
}

fn toml_value(arg: &Arg, uses: &[Vec<String>]) -> String {
    let id = arg.get_id().as_str();
    if !takes_values(arg) {
        let text = uses.last().and_then(|words| words.first()).map_or("", String::as_str);
        return truth(text).unwrap_or(true).to_string();
    }
    let shown: Vec<_> = uses
        .iter()
        .map(|words| {
            let words: Vec<_> = secret::masked(id, words).iter().map(|word| scalar(arg, word)).collect();
            match &words[..] {
                [word] => word.clone(),
                words => list(words),
            }
        })
        .collect();
    match (shown.last(), arg.get_action()) {
        (Some(last), ArgAction::Set) => last.clone(),
        _ => list(&shown),
    }
}

fn list(values: &[String]) -> String {
    format!("[{}]", values.join(", "))
}

fn scalar(arg: &Arg, text: &str) -> String {
    let number = text.parse::<u32>().ok().filter(|number| number.to_string() == text);
    // A user name of digits is still a text.
    let numeric = arg.get_value_parser().type_id() == std::any::TypeId::of::<u16>();
    match number {
        Some(number) if numeric => number.to_string(),
        _ => quoted(text),
    }
}

/// A TOML string.
pub(in crate::cli) fn quoted(text: impl Display) -> String {
    let mut quoted = String::from("\"");
    for c in text.to_string().chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
