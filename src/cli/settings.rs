//! Flags that were set elsewhere than on the command line: merged by precedence, turned into words for the one parser, and
//! shown. It must not know where they are read from.

use super::words::{self, Occurrence};
use super::{Usage, secret};
use crate::net::Url;
use clap::{Arg, ArgAction, Command};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line, or the options file that it names.
    CommandLine,
    /// An environment variable.
    Variable(String),
    /// A line of the configuration file.
    File {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command line"),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
        }
    }
}

/// A flag, each time with its values, and where it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The long name of the flag.
    pub flag: String,
    /// What it is set to, in words; a flag without a value has `true` or `false`.
    pub values: Vec<Vec<String>>,
    /// Where.
    pub origin: Origin,
}

/// Flags that name the broker, of which one holds; the parser lets them stand side by side.
const RIVALS: &[(&str, &[&str])] = &[
    ("url", &["host", "port", "unix"]),
    ("host", &["url", "unix"]),
    ("unix", &["url", "host", "port"]),
];

/// Flags that belong to another one of the same level only: the port of another host means nothing.
const COMPANIONS: &[(&str, &[&str])] = &[
    ("host", &["port"]),
    ("will-topic", &["will-payload", "will-qos", "will-retain"]),
];

/// What holds, of several levels, the strongest first. A flag replaces the same flag of the levels below, and those that
/// exclude it.
#[must_use]
pub fn merge(command: &Command, levels: Vec<Vec<Setting>>) -> Vec<Setting> {
    let mut decided = BTreeSet::new();
    let mut merged = Vec::new();
    for level in levels {
        let taken: Vec<_> = level
            .into_iter()
            .filter(|setting| !decided.contains(&setting.flag))
            .collect();
        for setting in &taken {
            decided.extend(replaced(command, setting));
        }
        merged.extend(taken);
    }
    merged
}

/// One level without the settings that contradict one before them.
#[must_use]
pub fn without_rivals(command: &Command, level: Vec<Setting>) -> Vec<Setting> {
    let mut excluded = BTreeSet::new();
    let mut kept = Vec::new();
    for setting in level {
        if !excluded.contains(&setting.flag) {
            excluded.extend(rivals(command, &setting));
            kept.push(setting);
        }
    }
    kept
}

/// The flags that cannot stand beside this one.
fn rivals(command: &Command, setting: &Setting) -> Vec<String> {
    let Some(arg) = words::by_long(command, &setting.flag) else {
        return Vec::new();
    };
    if !words::takes_values(arg) && truth(setting.first()) == Some(false) {
        return Vec::new();
    }
    let excludes = |one: &Arg, other: &Arg| command.get_arg_conflicts_with(one).contains(&other);
    let excluded = command
        .get_arguments()
        .filter(|other| excludes(arg, other) || excludes(other, arg));
    let mut names: Vec<_> = excluded.filter_map(Arg::get_long).map(str::to_owned).collect();
    names.extend(listed(RIVALS, &setting.flag));
    names
}

/// What a setting replaces in the levels below.
fn replaced(command: &Command, setting: &Setting) -> Vec<String> {
    let mut names = rivals(command, setting);
    names.push(setting.flag.clone());
    names.extend(listed(COMPANIONS, &setting.flag));
    if setting.flag == "url" {
        let url: Option<Url> = setting.first().parse().ok();
        if url.as_ref().is_some_and(|url| url.username.is_some()) {
            names.push("username".to_owned());
        }
        if url.is_some_and(|url| url.password.is_some()) {
            names.extend(["pw", "password-file"].map(str::to_owned));
        }
    }
    names
}

fn listed(table: &[(&str, &[&str])], flag: &str) -> Vec<String> {
    let rows = table.iter().filter(|(name, _)| *name == flag);
    rows.flat_map(|(_, others)| others.iter().map(ToString::to_string))
        .collect()
}

impl Setting {
    /// A setting with one value.
    #[must_use]
    pub fn one(flag: &str, value: &str, origin: Origin) -> Self {
        Self {
            flag: flag.to_owned(),
            values: vec![vec![value.to_owned()]],
            origin,
        }
    }

    /// The words that say so to the parser.
    ///
    /// # Errors
    /// A flag without a value is set to something that is neither true nor false.
    pub fn words(&self, command: &Command) -> Result<Vec<OsString>, Usage> {
        let Some(arg) = words::by_long(command, &self.flag) else {
            return Ok(Vec::new());
        };
        let occurrence = |values: &[String]| Occurrence {
            flag: self.flag.clone(),
            values: values.iter().map(OsString::from).collect(),
        };
        if words::takes_values(arg) {
            return Ok(self
                .values
                .iter()
                .flat_map(|values| occurrence(values).words())
                .collect());
        }
        let times = match arg.get_action() {
            ArgAction::Count => self
                .first()
                .parse()
                .ok()
                .or_else(|| truth(self.first()).map(usize::from)),
            _ => truth(self.first()).map(usize::from),
        };
        match times {
            Some(times) => Ok((0..times.min(usize::from(u8::MAX)))
                .flat_map(|_| occurrence(&[]).words())
                .collect()),
            None => Err(Usage::Bad(format!("{}: {} is true or false", self.origin, self.flag))),
        }
    }

    fn first(&self) -> &str {
        let first = self.values.first().and_then(|values| values.first());
        first.map_or("", String::as_str)
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// The flags as TOML, each with its origin behind it; secrets are masked.
#[must_use]
pub fn print(command: &Command, flags: &[String], settings: &[Setting]) -> String {
    let mut lines = Vec::new();
    for arg in command.get_arguments() {
        let Some(flag) = arg.get_long().filter(|long| flags.iter().any(|flag| flag == long)) else {
            continue;
        };
        let setting = settings.iter().find(|setting| setting.flag == flag);
        let (values, origin) = match setting {
            Some(setting) => (setting.values.clone(), setting.origin.to_string()),
            None if !arg.get_default_values().is_empty() && words::takes_values(arg) => {
                let values = arg.get_default_values().iter();
                let values = values.map(|value| vec![value.to_string_lossy().into_owned()]).collect();
                (values, "built-in".to_owned())
            }
            None => continue,
        };
        lines.push((format!("{flag} = {}", toml_value(arg, flag, &values)), origin));
    }
    let width = lines.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0);
    lines
        .into_iter()
        .map(|(text, origin)| format!("{text:width$}  # {}\n", origin.escape_debug()))
        .collect()
}

fn toml_value(arg: &Arg, flag: &str, values: &[Vec<String>]) -> String {
    let shown: Vec<String> = values
        .iter()
        .map(|words| {
            let words = secret::masked(flag, words);
            let words: Vec<_> = words.iter().map(|word| scalar(arg, word)).collect();
            match &words[..] {
                [word] => word.clone(),
                words => format!("[{}]", words.join(", ")),
            }
        })
        .collect();
    match (&shown[..], arg.get_action()) {
        ([one], ArgAction::Set | ArgAction::SetTrue | ArgAction::Count) => one.clone(),
        _ => format!("[{}]", shown.join(", ")),
    }
}

fn scalar(arg: &Arg, text: &str) -> String {
    if !words::takes_values(arg) {
        return truth(text).map_or_else(|| text.to_owned(), |truth| truth.to_string());
    }
    let number = text.parse::<u32>().ok().filter(|number| number.to_string() == text);
    // A user name of digits is still a text.
    let numeric = arg.get_value_parser().type_id() == std::any::TypeId::of::<u16>();
    if number.is_some() && numeric {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args;

    fn command() -> Command {
        crate::cli::Connection::augment_args(Command::new("x"))
    }

    fn level(pairs: &[(&str, &str)], origin: &str) -> Vec<Setting> {
        let setting = |(flag, value): &(&str, &str)| Setting::one(flag, value, Origin::Variable(origin.to_owned()));
        pairs.iter().map(setting).collect()
    }

    fn merged(levels: &[&[(&str, &str)]]) -> Vec<String> {
        let levels = levels.iter().map(|pairs| level(pairs, "X")).collect();
        let merged = merge(&command(), levels);
        merged
            .iter()
            .map(|setting| format!("{}={}", setting.flag, setting.first()))
            .collect()
    }

    #[test]
    fn a_stronger_level_replaces_the_flag_and_what_excludes_it() {
        assert_eq!(
            merged(&[&[("host", "a")], &[("host", "b"), ("keepalive", "5")]]),
            ["host=a", "keepalive=5"]
        );
        assert_eq!(
            merged(&[&[("host", "a")], &[("url", "mqtt://b"), ("port", "1")]]),
            ["host=a"]
        );
        assert_eq!(
            merged(&[&[("port", "1")], &[("host", "b"), ("port", "2")]]),
            ["port=1", "host=b"]
        );
        assert_eq!(merged(&[&[("id-prefix", "a")], &[("id", "b")]]), ["id-prefix=a"]);
        assert_eq!(merged(&[&[("id", "a")], &[("id-prefix", "b")]]), ["id=a"]);
        assert_eq!(merged(&[&[("quiet", "true")], &[("debug", "true")]]), ["quiet=true"]);
        assert_eq!(
            merged(&[&[("quiet", "false")], &[("debug", "true")]]),
            ["quiet=false", "debug=true"]
        );
        let lower: &[(&str, &str)] = &[("username", "v"), ("pw", "q")];
        assert_eq!(merged(&[&[("url", "mqtt://u:p@h")], lower]), ["url=mqtt://u:p@h"]);
        assert_eq!(merged(&[&[("url", "mqtt://u@h")], lower]), ["url=mqtt://u@h", "pw=q"]);
        assert_eq!(
            merged(&[&[("url", "mqtt://h")], lower]),
            ["url=mqtt://h", "username=v", "pw=q"]
        );
    }

    #[test]
    fn rivals_of_one_level_give_way_to_the_first() {
        let kept = |pairs| -> Vec<String> {
            let kept = without_rivals(&command(), level(pairs, "X"));
            kept.into_iter().map(|setting| setting.flag).collect()
        };
        assert_eq!(kept(&[("url", "mqtt://a"), ("host", "b"), ("port", "1")]), ["url"]);
        assert_eq!(kept(&[("host", "b"), ("port", "1")]), ["host", "port"]);
        assert_eq!(kept(&[("pw", "a"), ("password-file", "b")]), ["pw"]);
        assert_eq!(
            kept(&[("will-topic", "a"), ("will-payload", "b")]),
            ["will-topic", "will-payload"]
        );
    }

    #[test]
    fn flags_without_a_value_are_true_or_false() {
        for (value, words) in [("true", 1), ("YES", 1), ("1", 1), ("off", 0), ("0", 0)] {
            let setting = Setting::one("insecure", value, Origin::Variable("MQTT_INSECURE".to_owned()));
            assert_eq!(setting.words(&command()).unwrap().len(), words, "{value}");
        }
        let setting = Setting::one("insecure", "maybe", Origin::Variable("MQTT_INSECURE".to_owned()));
        let error = setting.words(&command()).unwrap_err().to_string();
        assert_eq!(error, "MQTT_INSECURE: insecure is true or false");
    }
}
