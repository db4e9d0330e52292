//! The one place where command line, options file, environment and configuration file come together: what holds is put
//! in front of the words that were typed, and the parser sees one command line. It must not know what the flags mean.

use super::config::{self, Reader};
use super::settings::{self, Origin, Setting};
use super::words::{self, Occurrence};
use super::{Connection, Usage, options_file};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Flags that steer this file, so that they can stand on the command line only.
pub const CONTROL: &[&str] = &["help", "options", "profile", "print-config", SCENARIO];

/// The flag of a command that reads more flags from a TOML file.
const SCENARIO: &str = "scenario";

/// The flags that steer this file. They are read before all others, so nothing is kept of them.
#[derive(Debug)]
pub struct Steering;

impl Args for Steering {
    fn augment_args(command: Command) -> Command {
        let options = Arg::new("options").short('o').long("options").value_name("FILE");
        let options = options.value_parser(clap::value_parser!(PathBuf));
        let profile = Arg::new("profile").long("profile").value_name("NAME");
        let print = Arg::new("print-config").long("print-config").action(ArgAction::SetTrue);
        command
            .arg(options.help("Read flags from a file, as mosquitto_pub does: one on a line, its value behind a blank"))
            .arg(profile.help("Take [profile.NAME] of the configuration file before the rest of it"))
            .arg(print.help("Print what the connection's flags are set to, and where, and end; passwords are masked"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Steering {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
        Ok(())
    }
}

/// A command line that is complete.
#[derive(Debug)]
pub struct Resolved {
    /// What stands behind the subcommand.
    pub words: Vec<OsString>,
    /// What was set, and where, the command line included.
    pub settings: Vec<Setting>,
    /// `--print-config` was given.
    pub print: bool,
}

/// Completes the words behind a subcommand; `None` when there is nothing to add, which is found out cheaply.
///
/// # Errors
/// Files that cannot be read or used.
pub fn resolve(
    command: impl FnOnce() -> Command,
    tables: &[&str],
    words: &[OsString],
) -> Result<Option<Resolved>, Usage> {
    let path = config::path();
    if !is_asked_for(words) && !environment_says_something() && !path.as_deref().is_some_and(Path::exists) {
        return Ok(None);
    }
    let command = command()
        .disable_help_flag(true)
        .ignore_errors(true)
        .no_binary_name(true);
    // A subcommand that does not connect.
    if words::by_long(&command, "print-config").is_none() {
        return Ok(None);
    }
    let Some(mut matches) = parsed(&command, words) else {
        return Ok(None);
    };
    let mut complete = Vec::new();
    if let Some(path) = matches.get_one::<PathBuf>("options") {
        let options = options_file::read(&command, path)?;
        complete.extend(options.iter().flat_map(Occurrence::words));
        complete.extend_from_slice(words);
        let Some(again) = parsed(&command, &complete) else {
            return Ok(None);
        };
        matches = again;
    } else {
        complete.extend_from_slice(words);
    }
    let flags = connection_flags();
    let profile = match matches.get_one::<String>("profile") {
        Some(name) => Some(name.clone()),
        None => variable("MQTT_PROFILE")?,
    };
    let reader = Reader {
        command: &command,
        tables,
        flags: &flags,
        profile: profile.as_deref(),
    };
    let file = reader.read(path.as_deref())?;
    let mut levels = vec![typed(&command, &matches)];
    if let Ok(Some(path)) = matches.try_get_one::<PathBuf>(SCENARIO) {
        levels.push(reader.read_scenario(path)?);
    }
    levels.push(settings::without_rivals(&command, environment(&command, &flags)?));
    levels.extend(file);
    let settings = settings::merge(&command, levels);
    let mut all = Vec::new();
    for setting in settings.iter().filter(|setting| setting.origin != Origin::CommandLine) {
        all.extend(setting.words(&command)?);
    }
    all.extend(complete);
    Ok(Some(Resolved {
        words: all,
        settings,
        print: matches.get_flag("print-config"),
    }))
}

impl Resolved {
    /// The connection's configuration as TOML.
    #[must_use]
    pub fn print(&self, command: &Command) -> String {
        settings::print(command, &connection_flags(), &self.settings)
    }

    /// Where the flag was set that the parser complains about, when not on the command line.
    #[must_use]
    pub fn blame(&self, error: &clap::Error) -> Option<String> {
        let Some(clap::error::ContextValue::String(arg)) = error.get(clap::error::ContextKind::InvalidArg) else {
            return None;
        };
        let flag = arg.split(' ').next().unwrap_or_default().trim_start_matches('-');
        let setting = self.settings.iter().find(|setting| setting.flag == flag)?;
        (setting.origin != Origin::CommandLine).then(|| format!("--{flag} was set by {}", setting.origin))
    }

    /// The configuration file, when it holds the password.
    #[must_use]
    pub fn password_in_file(&self) -> Option<&Path> {
        self.settings.iter().find_map(|setting| match &setting.origin {
            Origin::File { path, .. } if setting.flag == "pw" => Some(path.as_path()),
            _ => None,
        })
    }

    /// Whether the password was typed.
    #[must_use]
    pub fn password_typed(&self) -> bool {
        let typed = |setting: &Setting| setting.flag == "pw" && setting.origin == Origin::CommandLine;
        self.settings.iter().any(typed)
    }
}

/// The long names of the flags that the environment and the configuration file can set.
#[must_use]
pub fn connection_flags() -> Vec<String> {
    let command = Connection::augment_args(Command::new("connection"));
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    shown
        .filter_map(Arg::get_long)
        .filter(|long| !CONTROL.contains(long))
        .map(str::to_owned)
        .collect()
}

/// The environment variable of a connection flag: `MQTT_` and its long name.
#[must_use]
pub fn variable_of(flag: &str) -> String {
    match flag {
        // What everybody calls them.
        "id" => "MQTT_CLIENT_ID".to_owned(),
        "pw" => "MQTT_PASSWORD".to_owned(),
        flag => format!("MQTT_{}", flag.to_ascii_uppercase().replace('-', "_")),
    }
}

/// The definition with the environment variables in the help of the flags. Not for parsing: the parser would look at them
/// without regard to what replaces them.
#[must_use]
pub fn documented(command: Command) -> Command {
    if words::by_long(&command, "print-config").is_none() {
        return command;
    }
    let flags = connection_flags();
    command.mut_args(|arg| {
        let Some(flag) = arg.get_long().filter(|long| flags.iter().any(|flag| flag == long)) else {
            return match arg.get_long() {
                Some("profile") => with_variable(arg, "MQTT_PROFILE"),
                _ => arg,
            };
        };
        let name = variable_of(flag);
        with_variable(arg, &name)
    })
}

fn with_variable(arg: Arg, name: &str) -> Arg {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let (text, default) = match help.split_once(" [default: ") {
        Some((text, default)) => (text.to_owned(), format!(" [default: {default}")),
        None => (help, String::new()),
    };
    arg.help(format!("{text} [env: {name}]{default}"))
}

/// A cheap look at the words: too often true costs a second parsing, no more.
fn is_asked_for(words: &[OsString]) -> bool {
    words.iter().any(|word| {
        let word = word.as_encoded_bytes();
        match word.strip_prefix(b"--") {
            Some(long) => [&b"options"[..], b"profile", b"print-config", SCENARIO.as_bytes()]
                .iter()
                .any(|flag| long.starts_with(flag)),
            None => word.starts_with(b"-") && word.contains(&b'o'),
        }
    })
}

fn environment_says_something() -> bool {
    std::env::vars_os().any(|(name, _)| name.as_encoded_bytes().starts_with(b"MQTT_") || name == CREDENTIALS)
}

fn parsed(command: &Command, words: &[OsString]) -> Option<ArgMatches> {
    command.clone().try_get_matches_from(words).ok()
}

/// What was typed, or stands in the options file.
fn typed(command: &Command, matches: &ArgMatches) -> Vec<Setting> {
    let typed = command.get_arguments().filter_map(|arg| {
        let id = arg.get_id().as_str();
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            return None;
        }
        let uses = matches.get_raw_occurrences(id)?;
        let text = |word: &std::ffi::OsStr| word.to_string_lossy().into_owned();
        Some(Setting {
            flag: arg.get_long()?.to_owned(),
            values: if words::takes_values(arg) {
                uses.map(|words| words.map(text).collect()).collect()
            } else {
                vec![vec!["true".to_owned()]]
            },
            origin: Origin::CommandLine,
        })
    });
    typed.collect()
}

/// The directory of systemd's credentials, and the name that one with the password has.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// See systemd.exec(5), `LoadCredential=`.
pub const CREDENTIAL: &str = "mqtt-password";

fn environment(command: &Command, flags: &[String]) -> Result<Vec<Setting>, Usage> {
    let mut found = Vec::new();
    for flag in flags {
        let name = variable_of(flag);
        let Some(value) = variable(&name)? else { continue };
        let several = words::by_long(command, flag).is_some_and(|arg| words::least_values(arg) > 1);
        let values = if several {
            // One use on each line.
            let lines = value.lines().filter(|line| !line.trim().is_empty());
            lines
                .map(|line| line.split_whitespace().map(str::to_owned).collect())
                .collect()
        } else {
            vec![vec![value]]
        };
        found.push(Setting {
            flag: flag.clone(),
            values,
            origin: Origin::Variable(name),
        });
    }
    if let Some(directory) = std::env::var_os(CREDENTIALS).filter(|directory| !directory.is_empty()) {
        let path = Path::new(&directory).join(CREDENTIAL);
        if let Some(path) = path.to_str().filter(|path| Path::new(path).exists()) {
            found.push(Setting::one(
                "password-file",
                path,
                Origin::Variable(format!("${CREDENTIALS}")),
            ));
        }
    }
    Ok(found)
}

/// A variable that is not empty.
fn variable(name: &str) -> Result<Option<String>, Usage> {
    match std::env::var_os(name).map(OsString::into_string) {
        Some(Ok(value)) if !value.is_empty() => Ok(Some(value)),
        Some(Err(_)) => Err(Usage::Bad(format!("{name} is not UTF-8"))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_flag_has_a_variable_of_its_own() {
        let flags = connection_flags();
        let mut names: Vec<_> = flags.iter().map(|flag| variable_of(flag)).collect();
        assert!(names.contains(&"MQTT_WILL_QOS".to_owned()) && names.contains(&"MQTT_CLIENT_ID".to_owned()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(!names.contains(&"MQTT_PROFILE".to_owned()));
    }

    #[test]
    fn the_parser_itself_reads_no_environment() {
        // It would take `MQTT_CLIENT_ID` and `-I` for a contradiction. `documented` writes the names into the help.
        let command = Connection::augment_args(Command::new("connection"));
        for arg in command.get_arguments() {
            assert!(arg.get_env().is_none(), "{}: no `env = …` here", arg.get_id());
        }
    }

    #[test]
    fn the_help_names_the_variable_before_the_default() {
        let command = documented(Connection::augment_args(Command::new("connection")));
        let help = |flag| words::by_long(&command, flag).unwrap().get_help().unwrap().to_string();
        assert!(help("host").ends_with(" [env: MQTT_HOST] [default: localhost]"));
        assert!(help("profile").ends_with("[env: MQTT_PROFILE]"));
        assert!(!help("print-config").contains("env:"));
    }

    #[test]
    fn words_that_ask_for_more_are_seen() {
        let asked = |word: &str| is_asked_for(&[OsString::from(word)]);
        assert!(asked("-o") && asked("-ofile") && asked("-ro") && asked("--options=x") && asked("--profile"));
        assert!(!asked("-t") && !asked("hello") && !asked("--topic"));
    }
}
