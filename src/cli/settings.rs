//! Flags that were set, wherever that was: what holds of several layers, and the typed flags that it makes. It must not know
//! what becomes of them.

pub mod environment;
pub mod file;
mod hosts;
pub mod layers;
pub mod print;
pub mod typed;

use super::Usage;
use super::flags::{by_id, shown, takes_values};
use crate::net::{self, Url, parse_host_port};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, Id};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a flag was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    CommandLine,
    /// An environment variable.
    Variable(String),
    /// A line of a file.
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

/// A flag that was set, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The identity of the flag.
    pub flag: Id,
    /// Its values, for each use of the flag; those of a flag that has none may be a truth.
    pub uses: Vec<Vec<OsString>>,
    /// Where.
    pub origin: Origin,
}

/// Settings of one place. The stronger one is that which stands behind.
pub type Layer = Vec<Setting>;

/// What holds, each flag once.
#[derive(Debug, Default)]
pub struct Settings {
    /// The flags.
    pub all: Vec<Setting>,
    /// What was left out, for the user to know.
    pub notes: Vec<String>,
}

/// Flags that name the broker, of which one holds; the parser lets them stand side by side.
const RIVALS: &[(&str, &[&str])] = &[
    ("url", &["host", "port", "unix"]),
    ("host", &["url", "unix"]),
    ("unix", &["url", "host", "port"]),
];

/// What is true or false, as all files and variables spell it.
#[must_use]
pub fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// What was typed.
#[must_use]
pub fn typed_words(command: &Command, matches: &ArgMatches) -> Layer {
    let typed = command.get_arguments().filter_map(|arg| {
        let flag = arg.get_id();
        if matches.value_source(flag.as_str()) != Some(ValueSource::CommandLine) {
            return None;
        }
        let uses = matches.get_raw_occurrences(flag.as_str());
        let uses = uses.into_iter().flatten().map(|words| match takes_values(arg) {
            true => words.map(OsStr::to_owned).collect(),
            false => Vec::new(),
        });
        Some(Setting {
            flag: flag.clone(),
            uses: uses.collect(),
            origin: Origin::CommandLine,
        })
    });
    typed.collect()
}

/// One layer in which each flag stands once: what is repeated adds up where that has a meaning, else the last one holds.
#[must_use]
pub fn gathered(command: &Command, settings: impl IntoIterator<Item = Setting>) -> Layer {
    let mut layer = Layer::new();
    for setting in settings {
        let adds_up =
            by_id(command, setting.flag.as_str()).is_some_and(|arg| matches!(arg.get_action(), ArgAction::Append));
        match layer.iter_mut().find(|other| other.flag == setting.flag) {
            Some(other) if adds_up => other.uses.extend(setting.uses),
            Some(other) => *other = setting,
            None => layer.push(setting),
        }
    }
    layer
}

/// Which flags of a command exclude which.
struct Conflicts<'a> {
    pairs: Vec<(&'a Id, &'a Id)>,
    /// They are true or false.
    without_values: Vec<&'a Id>,
}

impl<'a> Conflicts<'a> {
    fn of(command: &'a Command) -> Self {
        let arguments = command.get_arguments();
        let mut pairs: Vec<_> = arguments
            .flat_map(|arg| {
                let others = command.get_arg_conflicts_with(arg).into_iter();
                others.map(|other| (arg.get_id(), other.get_id()))
            })
            .collect();
        for group in command
            .get_groups()
            .filter(|group| !ArgGroup::clone(group).is_multiple())
        {
            let members: Vec<_> = group.get_args().collect();
            let others = |one| {
                members
                    .iter()
                    .filter(move |other| **other != one)
                    .map(move |other| (one, *other))
            };
            pairs.extend(members.iter().flat_map(|one| others(*one)));
        }
        let arguments = command.get_arguments().filter(|arg| !takes_values(arg));
        Self {
            pairs,
            without_values: arguments.map(Arg::get_id).collect(),
        }
    }

    /// Set to false, it excludes nothing.
    fn is_off(&self, setting: &Setting) -> bool {
        self.without_values.contains(&&setting.flag) && truth(&setting.text()) == Some(false)
    }

    /// Whether the parser would take the two for a contradiction.
    fn between(&self, one: &Setting, other: &Setting) -> bool {
        let (one_flag, other_flag) = (&one.flag, &other.flag);
        let pair = |(a, b): &(&Id, &Id)| (*a == one_flag && *b == other_flag) || (*a == other_flag && *b == one_flag);
        self.pairs.iter().any(pair) && !self.is_off(one) && !self.is_off(other)
    }

    /// Whether a stronger setting leaves no place for a weaker one.
    fn replaces(&self, strong: &Setting, weak: &Setting) -> bool {
        strong.flag == weak.flag
            || self.rivals(strong, weak)
            || match strong.flag.as_str() {
                "url" => match weak.flag.as_str() {
                    "username" => strong.url().is_some_and(|url| url.username.is_some()),
                    "password" | "password_file" => strong.url().is_some_and(|url| url.password.is_some()),
                    _ => false,
                },
                // `-h HOST:PORT`
                "host" => weak.flag == "port" && parse_host_port(&strong.text()).is_ok_and(|(_, port)| port.is_some()),
                _ => false,
            }
    }

    /// Whether only one of the two can hold.
    fn rivals(&self, one: &Setting, other: &Setting) -> bool {
        let listed = RIVALS
            .iter()
            .any(|(flag, others)| one.flag == *flag && others.contains(&other.flag.as_str()));
        listed || self.between(one, other)
    }
}

impl Settings {
    /// What holds of several layers, the strongest first. A setting replaces the same flag of weaker layers, and those that
    /// exclude it. A secret goes only to the host that it was given with.
    ///
    /// # Errors
    /// Two flags of one layer that exclude each other.
    pub fn merge(command: &Command, layers: Vec<Layer>) -> Result<Self, Usage> {
        let conflicts = Conflicts::of(command);
        let (kept, notes) = hosts::with_their_hosts(command, layers);
        let mut all = Layer::new();
        for layer in kept {
            let stronger = all.len();
            for setting in layer {
                if !all
                    .iter()
                    .take(stronger)
                    .any(|strong| conflicts.replaces(strong, &setting))
                {
                    all.push(setting);
                }
            }
        }
        let settings = Self { all, notes };
        settings.check(command, &conflicts)?;
        Ok(settings)
    }

    fn check(&self, command: &Command, conflicts: &Conflicts<'_>) -> Result<(), Usage> {
        for (index, one) in self.all.iter().enumerate() {
            let mut others = self.all.iter().skip(index + 1);
            if let Some(other) = others.find(|other| conflicts.between(one, other)) {
                let name = |setting: &Setting| by_id(command, setting.flag.as_str()).map(shown).unwrap_or_default();
                let (name, other_name) = (name(one), name(other));
                let (origin, other_origin) = (&one.origin, &other.origin);
                return Err(Usage::Bad(format!(
                    "the argument '{name}' cannot be used with '{other_name}' ({origin}; {other_origin})"
                )));
            }
        }
        Ok(())
    }

    /// The setting of a flag.
    #[must_use]
    pub fn get(&self, flag: &str) -> Option<&Setting> {
        self.all.iter().find(|setting| setting.flag == flag)
    }

    /// The file that holds the password, when it is no file of its own.
    #[must_use]
    pub fn password_in_file(&self) -> Option<&Path> {
        match &self.get("password")?.origin {
            Origin::File { path, .. } => Some(path.as_path()),
            _ => None,
        }
    }

    /// Whether the password was typed.
    #[must_use]
    pub fn password_typed(&self) -> bool {
        self.get("password")
            .is_some_and(|setting| setting.origin == Origin::CommandLine)
    }
}

/// One layer without the settings that contradict one before them.
#[must_use]
pub fn without_rivals(command: &Command, layer: Layer) -> Layer {
    let conflicts = Conflicts::of(command);
    let mut kept = Layer::new();
    for setting in layer {
        if !kept.iter().any(|strong| conflicts.rivals(strong, &setting)) {
            kept.push(setting);
        }
    }
    kept
}

impl Setting {
    /// A flag with one value.
    #[must_use]
    pub fn one(flag: &Id, value: impl Into<OsString>, origin: Origin) -> Self {
        Self {
            flag: flag.clone(),
            uses: vec![vec![value.into()]],
            origin,
        }
    }

    /// The last value, as text.
    #[must_use]
    pub fn text(&self) -> String {
        let value = self.uses.last().and_then(|words| words.first());
        value
            .map(|value| value.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    fn url(&self) -> Option<Url> {
        self.text().parse().ok()
    }

    /// The host that it names: of its address, or the path of a socket.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        let text = self.text();
        match self.flag.as_str() {
            "unix" => Some(text),
            "host" => Some(parse_host_port(&text).map_or(text, |(host, _)| host)),
            "url" => self.url().map(|url| match url.transport {
                net::Transport::Unix { path } => path.to_string_lossy().into_owned(),
                _ => url.host,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        environment::connection()
    }

    fn layer(pairs: &[(&'static str, &str)], origin: &str) -> Layer {
        let origin = || Origin::Variable(origin.to_owned());
        let setting = |(flag, value): &(&'static str, &str)| Setting::one(&Id::from(*flag), *value, origin());
        pairs.iter().map(setting).collect()
    }

    fn merged(layers: &[&[(&'static str, &str)]]) -> Settings {
        let layers = layers
            .iter()
            .enumerate()
            .map(|(at, pairs)| layer(pairs, &format!("L{at}")));
        Settings::merge(&command(), layers.collect()).unwrap()
    }

    fn shown(settings: &[Setting]) -> Vec<String> {
        let show = |setting: &Setting| format!("{}={}", setting.flag, setting.text());
        settings.iter().map(show).collect()
    }

    #[test]
    fn a_stronger_layer_replaces_the_flag_and_what_excludes_it() {
        let holds = |layers: &[&[(&'static str, &str)]]| shown(&merged(layers).all);
        let lower: &[(&str, &str)] = &[("username", "v"), ("password", "q")];
        for (layers, expected) in [
            (
                &[&[("host", "a")][..], &[("host", "b"), ("keepalive", "5")]][..],
                &["host=a", "keepalive=5"][..],
            ),
            (
                &[&[("host", "a")], &[("url", "mqtt://b"), ("port", "1")]],
                &["host=a", "port=1"],
            ),
            // `-h` leaves the port as it is, unless it has one itself.
            (
                &[&[("host", "a")], &[("host", "b"), ("port", "2")]],
                &["host=a", "port=2"],
            ),
            (&[&[("host", "a:3")], &[("host", "b"), ("port", "2")]], &["host=a:3"]),
            (
                &[&[("port", "1")], &[("host", "b"), ("port", "2")]],
                &["port=1", "host=b"],
            ),
            (
                &[&[("url", "mqtt://a")], &[("host", "b"), ("port", "2")]],
                &["url=mqtt://a"],
            ),
            (&[&[("unix", "/s")], &[("host", "b"), ("port", "2")]], &["unix=/s"]),
            (&[&[("id_prefix", "a")], &[("id", "b")]], &["id_prefix=a"]),
            (&[&[("id", "a")], &[("id_prefix", "b")]], &["id=a"]),
            (&[&[("quiet", "true")], &[("debug", "true")]], &["quiet=true"]),
            (
                &[&[("quiet", "false")], &[("debug", "true")]],
                &["quiet=false", "debug=true"],
            ),
            // 0 is a value here.
            (&[&[("retry", "0")], &[("no_reconnect", "true")]], &["retry=0"]),
            (&[&[("url", "mqtt://u:p@h")], lower], &["url=mqtt://u:p@h"]),
            (&[&[("url", "mqtt://u@h")], lower], &["url=mqtt://u@h", "password=q"]),
            (
                &[&[("url", "mqtt://h")], lower],
                &["url=mqtt://h", "username=v", "password=q"],
            ),
        ] {
            assert_eq!(holds(layers), expected, "{layers:?}");
        }
    }

    #[test]
    fn a_secret_goes_to_the_host_that_it_was_given_with() {
        let file: &[(&str, &str)] = &[("host", "a"), ("password", "s"), ("cert", "c"), ("key", "k")];
        let with_header: &[(&str, &str)] = &[("host", "a"), ("ws_header", "Authorization: s")];
        for (layers, expected, notes) in [
            (&[&[("host", "b")][..], file][..], &["host=b"][..], 3),
            (&[&[("url", "mqtt://b")], file], &["url=mqtt://b"], 3),
            (&[&[("unix", "/s")], file], &["unix=/s"], 3),
            (&[&[("host", "b")], with_header], &["host=b"], 1),
            (&[&[("host", "b")], &[("url", "mqtt://u:s@a")]], &["host=b"], 1),
            // Who has a password of his own misses none.
            (
                &[&[("host", "b"), ("password", "t")], &[("url", "mqtt://u:s@a")]],
                &["host=b", "password=t"],
                0,
            ),
            // The same host, or none: it is meant for every one.
            (
                &[&[("host", "A:1")], file],
                &["host=A:1", "password=s", "cert=c", "key=k"],
                0,
            ),
            (&[&[("host", "b")], &[("password", "s")]], &["host=b", "password=s"], 0),
            (
                &[&[("host", "b")], &[("password", "s")], &[("host", "a")]],
                &["host=b", "password=s"],
                0,
            ),
            // Stronger than the host, or beside it.
            (&[&[("password", "s")], &[("host", "a")]], &["password=s", "host=a"], 0),
            (
                &[&[("port", "1")], file],
                &["port=1", "host=a", "password=s", "cert=c", "key=k"],
                0,
            ),
            (&[file], &["host=a", "password=s", "cert=c", "key=k"], 0),
        ] {
            let settings = merged(layers);
            assert_eq!(shown(&settings.all), expected, "{layers:?}");
            assert_eq!(settings.notes.len(), notes, "{:?}", settings.notes);
        }
        let settings = merged(&[&[("host", "b")], &[("host", "a"), ("password", "s3")]]);
        assert_eq!(settings.notes, ["--pw of L1 is left out: it is meant for a, not for b"]);
    }

    #[test]
    fn rivals_of_one_layer_give_way_to_the_first() {
        let kept = |pairs| -> Vec<String> {
            let kept = without_rivals(&command(), layer(pairs, "X"));
            kept.into_iter().map(|setting| setting.flag.to_string()).collect()
        };
        assert_eq!(kept(&[("url", "mqtt://a"), ("host", "b"), ("port", "1")]), ["url"]);
        assert_eq!(kept(&[("host", "b"), ("port", "1")]), ["host", "port"]);
        assert_eq!(kept(&[("password", "a"), ("password_file", "b")]), ["password"]);
        assert_eq!(
            kept(&[("will_topic", "a"), ("will_payload", "b")]),
            ["will_topic", "will_payload"]
        );
    }

    #[test]
    fn flags_of_one_layer_that_exclude_each_other_are_an_error() {
        let both = layer(&[("retry", "1"), ("no_reconnect", "on")], "X");
        let error = Settings::merge(&command(), vec![both]).unwrap_err().to_string();
        assert_eq!(
            error,
            "the argument '--retry <TIME>' cannot be used with '--no-reconnect' (X; X)"
        );
    }

    #[test]
    fn what_is_repeated_adds_up_or_is_replaced() {
        let pairs = [
            ("ws_header", "a: 1"),
            ("host", "a"),
            ("ws_header", "b: 2"),
            ("host", "b"),
        ];
        let layer = gathered(&command(), layer(&pairs, "X"));
        let uses: Vec<_> = layer
            .iter()
            .map(|setting| (setting.flag.as_str(), setting.uses.len()))
            .collect();
        assert_eq!(uses, [("ws_header", 2), ("host", 1)]);
        assert_eq!(layer[1].text(), "b");
    }
}
