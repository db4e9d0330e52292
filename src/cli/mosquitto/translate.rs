//! From Mosquitto's meaning of the flags to ours.

use super::tools::Tool;
use super::{options_file, words};
use crate::cli::Usage;
use crate::cli::flags::by_id;
use crate::cli::settings::layers::LIMITS;
use crate::cli::settings::{Layer, Origin, Setting, Settings, gathered};
use crate::cli::values::Time;
use crate::net::file::Until;
use clap::{Command, Id};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The version whose flags and output are followed.
const FOLLOWED: &str = "2.1.2";

/// What was asked for.
#[derive(Debug)]
pub enum Call {
    /// To run with these flags.
    Run(Settings),
    /// `--help`.
    Help,
    /// `--version`: this line.
    Version(String),
}

impl Tool {
    /// Reads what was typed behind its name, and its options file.
    ///
    /// # Errors
    /// What the tool would not take either.
    pub fn read(&self, command: &Command, typed: &[OsString], started: Instant) -> Result<Call, Usage> {
        let (typed, end) = words::scan(command, typed)?;
        match end {
            Some("--help") => return Ok(Call::Help),
            Some(_) => {
                let (name, own) = (self.name, env!("CARGO_PKG_VERSION"));
                return Ok(Call::Version(format!(
                    "{name} version {FOLLOWED} running on mqkit {own}.\n"
                )));
            }
            None => {}
        }
        let (files, typed): (Layer, Layer) = typed.into_iter().partition(|given| given.flag == "options");
        let file = match &files[..] {
            [_, _, ..] => return Err(Usage::Bad("Duplicate -o argument given.".to_owned())),
            [given] => given.uses.iter().flatten().next().map(PathBuf::from),
            // A missing default file is no error.
            [] => self.default_file().filter(|path| path.exists()),
        };
        let limits = LIMITS.iter().filter_map(|flag| last(&typed, flag)?.parse().ok());
        let until = Until::new(started, limits.map(|Time(limit)| limit).min());
        let mut given = file.map_or_else(|| Ok(Layer::new()), |path| options_file::read(command, &path, until))?;
        given.extend(typed);
        let given = gathered(command, self.translate(command, given)?);
        Settings::merge(command, vec![given]).map(Call::Run)
    }

    /// `$XDG_CONFIG_HOME` counts when it is set at all, also when the file is not there.
    fn default_file(&self) -> Option<PathBuf> {
        if let Some(directory) = std::env::var_os("XDG_CONFIG_HOME") {
            let mut path = directory;
            path.push("/");
            path.push(self.name);
            return Some(PathBuf::from(path));
        }
        let home = std::env::var_os("HOME")?;
        Some(Path::new(&home).join(".config").join(self.name))
    }

    /// The flags of ours that say the same, in the same order.
    fn translate(&self, command: &Command, given: Layer) -> Result<Layer, Usage> {
        let mut version = self.version.to_owned();
        let mut result = Layer::new();
        for mut given in given {
            if NUMBERS.contains(&given.flag.as_str()) {
                for value in given.uses.iter_mut().flatten() {
                    *value = atoi(value).to_string().into();
                }
            }
            check(&given)?;
            match given.flag.as_str() {
                // The position matters: `-V 311` behind `-D` wins.
                "protocol_version" => {
                    version = given.text();
                    continue;
                }
                "property" | "session_expiry_interval" => version = "5".to_owned(),
                _ => {}
            }
            result.push(given);
        }
        let messages = result.iter().filter(|given| MESSAGES.contains(&given.flag.as_str()));
        if self.command != "sub" && messages.count() > 1 {
            return Err(Usage::Bad("Only one type of message can be sent at once.".to_owned()));
        }
        // What wins there is a contradiction here.
        for (strong, weak) in [
            ("format", "verbose"),
            ("debug", "quiet"),
            ("message_rate", "format"),
            ("message_rate", "verbose"),
            ("message_rate", "no_newline"),
            ("message_rate", "pretty"),
            ("stdin_line", "repeat"),
            ("stdin_line", "repeat_delay"),
        ] {
            if last(&result, strong).is_some() {
                result.retain(|given| given.flag != weak);
            }
        }
        if last(&result, "format").is_none() {
            result.retain(|given| given.flag != "pretty");
        }
        // Payloads are their output. Variables such as ALL_PROXY mean nothing to them.
        for (flag, values) in [("raw", &[][..]), ("proxy", &["none"])] {
            if fits(command, &result, flag) && last(&result, flag).is_none() {
                result.push(own(flag, values));
            }
        }
        // They end when the connection is lost.
        if self.command == "rr" || self.command == "pub" && last(&result, "stdin_line").is_none() {
            result.push(own("no_reconnect", &[]));
        }
        if matches!(&*version, "5" | "mqttv5") {
            receive_maximum(&mut result, self.command);
        }
        result.push(own("protocol_version", &[&version]));
        Ok(result)
    }
}

/// Read with `atoi` there.
const NUMBERS: &[&str] = &[
    "port",
    "qos",
    "keepalive",
    "count",
    "timeout",
    "max_inflight",
    "will_qos",
    "repeat",
];

const MESSAGES: &[&str] = &["message", "file", "null_message", "stdin_file", "stdin_line"];

/// A flag that nobody typed.
fn own(flag: &'static str, values: &[&str]) -> Setting {
    Setting {
        flag: Id::from(flag),
        uses: vec![values.iter().map(OsString::from).collect()],
        origin: Origin::CommandLine,
    }
}

/// Whether the command has a flag, and nothing that is given excludes it.
fn fits(command: &Command, given: &[Setting], flag: &str) -> bool {
    by_id(command, flag).is_some_and(|arg| {
        let excludes = |other| {
            command.get_arg_conflicts_with(arg).contains(&other) || command.get_arg_conflicts_with(other).contains(&arg)
        };
        let others = given.iter().filter_map(|given| by_id(command, given.flag.as_str()));
        !others.into_iter().any(excludes)
    })
}

/// What the tools check, and the subcommand would take.
fn check(given: &Setting) -> Result<(), Usage> {
    let value = given.text();
    let number: i64 = value.parse().unwrap_or(0);
    let problem = match given.flag.as_str() {
        "protocol_version" if !["5", "mqttv5", "311", "mqttv311", "31", "mqttv31"].contains(&&*value) => {
            "Invalid protocol version argument given."
        }
        "keepalive" if !(5..=65535).contains(&number) => {
            "Invalid keepalive given, it must be between 5 and 65535 inclusive."
        }
        "timeout" if number < 1 => "Invalid timeout: it must be 1 second or more.",
        _ => return Ok(()),
    };
    Err(Usage::Bad(format!("{problem} ({value:?})")))
}

fn last(given: &[Setting], flag: &str) -> Option<String> {
    given.iter().rev().find(|given| given.flag == flag).map(Setting::text)
}

/// The tools send it always, after the properties that were asked for; `-C` below 20 wants no more than it prints.
fn receive_maximum(given: &mut Layer, command: &str) {
    let sets = |words: &Vec<OsString>| {
        let is = |index: usize, name| words.get(index).is_some_and(|word| word.eq_ignore_ascii_case(name));
        is(0, "connect") && is(1, "receive-maximum")
    };
    let mut properties = given.iter().filter(|given| given.flag == "property");
    if properties.any(|given| given.uses.iter().any(sets)) {
        return;
    }
    let number = |flag| last(given, flag).and_then(|value| value.parse::<u16>().ok());
    // One response is all that is wanted.
    let count = number("count").or_else(|| (command == "rr").then_some(1));
    let few = count.filter(|count| *count < 20);
    let maximum = few.or_else(|| number("max_inflight")).unwrap_or(20).max(1).to_string();
    given.push(own("property", &["connect", "receive-maximum", &maximum]));
}

/// C's: blanks, a sign, digits; what follows does not matter, and nothing is 0.
fn atoi(value: &OsStr) -> i64 {
    let text = value.to_string_lossy();
    let text = text.trim_start();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let number = digits
        .get(..end)
        .and_then(|digits| digits.parse::<i64>().ok())
        .unwrap_or(0);
    if negative { -number } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, ArgAction, Args};

    fn command() -> Command {
        let flag = |name: &'static str, short| Arg::new(name).long(name).short(short).action(ArgAction::SetTrue);
        crate::cli::Connection::augment_args(Command::new("sub"))
            .arg(Arg::new("topic").long("topic").short('t').action(ArgAction::Append))
            .arg(Arg::new("qos").long("qos").short('q'))
            .arg(Arg::new("count").long("count").short('C'))
            .arg(Arg::new("timeout").long("timeout").short('W'))
            .arg(Arg::new("format").long("format").short('F'))
            .arg(
                Arg::new("raw")
                    .long("raw")
                    .action(ArgAction::SetTrue)
                    .conflicts_with_all(["format", "verbose"]),
            )
            .arg(flag("verbose", 'v'))
    }

    fn translated(typed: &[&str]) -> Result<String, String> {
        let typed: Vec<_> = typed.iter().map(OsString::from).collect();
        let (scanned, _) = words::scan(&command(), &typed).map_err(|error| error.to_string())?;
        let result = tool()
            .translate(&command(), scanned)
            .map_err(|error| error.to_string())?;
        let show = |setting: &Setting| {
            let values = setting.uses.concat().join(OsStr::new(","));
            format!("{}={}", setting.flag, values.to_string_lossy())
        };
        Ok(result.iter().map(show).collect::<Vec<_>>().join(" "))
    }

    fn tool() -> &'static Tool {
        super::super::tool(OsStr::new("/usr/bin/mosquitto_sub")).unwrap()
    }

    #[test]
    fn words_get_the_meaning_they_have_there() {
        for (typed, expected) in [
            (&["-t", "-a"][..], "topic=-a raw= proxy=none protocol_version=311"),
            (
                &["-q", "abc", "-p", "1883xyz", "-W", "1.9", "-v"],
                "qos=0 port=1883 timeout=1 verbose= proxy=none protocol_version=311",
            ),
            (&["-v", "-F", "%p"], "format=%p proxy=none protocol_version=311"),
            (
                &["-x", "0x10", "-v", "-C", "3"],
                "session_expiry_interval=0x10 verbose= count=3 proxy=none property=connect,receive-maximum,3 \
                 protocol_version=5",
            ),
            (
                &["-D", "connect", "user-property", "k", "v", "-V", "311", "-v"],
                "property=connect,user-property,k,v verbose= proxy=none protocol_version=311",
            ),
            (
                &["-V", "mqttv5", "-D", "CONNECT", "Receive-Maximum", "7", "-v"],
                "property=CONNECT,Receive-Maximum,7 verbose= proxy=none protocol_version=5",
            ),
            (
                &["-d", "--quiet", "-v"],
                "debug= verbose= proxy=none protocol_version=311",
            ),
        ] {
            assert_eq!(translated(typed).unwrap(), expected);
        }
    }

    #[test]
    fn what_they_refuse_is_refused() {
        for (typed, part) in [
            (&["hello"][..], "Unknown option 'hello'."),
            (&["-qq", "1"], "Unknown option '-qq'."),
            (&["--topic=a"], "Unknown option '--topic=a'."),
            (&["-t"], "-t needs a value"),
            (&["-V", "4"], "Invalid protocol version"),
            (&["-V", "auto"], "Invalid protocol version"),
            (&["-k", "0"], "between 5 and 65535"),
            (&["-W", "0"], "1 second or more"),
            (&["-D", "publish", "user-property", "k"], "-D needs a value"),
        ] {
            let error = translated(typed).unwrap_err();
            assert!(error.contains(part), "{typed:?}: {error}");
        }
        let typed = ["-o", "a", "-o", "b"].map(OsString::from);
        let command = command().arg(Arg::new("options").short('o').action(ArgAction::Append));
        let error = tool().read(&command, &typed, Instant::now()).unwrap_err().to_string();
        assert!(error.contains("Duplicate -o"), "{error}");
    }

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, number) in [
            ("12", 12),
            (" -3x", -3),
            ("+4", 4),
            ("", 0),
            ("x", 0),
            ("-", 0),
            ("99999999999999999999", 0),
        ] {
            assert_eq!(atoi(OsStr::new(text)), number, "{text}");
        }
    }
}
