//! The names of Mosquitto's tools: what was typed in their manner becomes the words of the subcommand that does the same.
//! It must not know statuses, or how a subcommand works.

use super::Usage;
use super::options_file;
use super::words::{self, Occurrence};
use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A tool of Mosquitto's that this program can stand for.
#[derive(Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name; that of the symlink.
    pub name: &'static str,
    /// The subcommand that does the same.
    pub command: &'static str,
    /// Its protocol version when nothing is said, as `-V` takes it.
    version: &'static str,
    /// The status of a signal: it ends the run well (0), or as a shell shows it.
    pub signal_is_success: bool,
    /// The status of a DISCONNECT from the broker; otherwise its reason code.
    pub disconnected: Option<u8>,
}

/// The tools.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "mosquitto_pub",
        command: "pub",
        version: "311",
        signal_is_success: false,
        disconnected: Some(4),
    },
    Tool {
        name: "mosquitto_sub",
        command: "sub",
        version: "311",
        signal_is_success: true,
        disconnected: None,
    },
    Tool {
        name: "mosquitto_rr",
        command: "rr",
        version: "5",
        signal_is_success: false,
        disconnected: Some(4),
    },
];

/// What the manual page tells about them.
pub const MANUAL: &[(&str, &str)] = &[
    (
        "mosquitto_pub, mosquitto_sub, mosquitto_rr",
        "Under such a name, for example as a symlink, the program behaves as that tool of Mosquitto 2.1: its flags, each \
         a word of its own; numbers read as atoi does; version 3.1.1 (mosquitto_rr: 5) unless -V, -D or -x say \
         otherwise; payloads as output; its options files. Neither config.toml nor MQTT_ variables are looked at, so that \
         scripts run unchanged.",
    ),
    (
        "Exit status",
        "0 done, and sub after SIGINT or SIGTERM; 1 usage, --help, --version, no first connection; 1 to 5 or 128 and \
         more the code of CONNACK, or of the first SUBACK, PUBACK or PUBREC that refused; 2 the peer broke the protocol; \
         4 pub and rr: the broker disconnected; 7 the connection was lost; 19 no answer to a ping; 27 -W",
    ),
    (
        "Where it differs on purpose",
        "A refused message or subscription is not status 0. rr ignores what the broker has stored, and ends with \
         DISCONNECT. A file named with -o must be there. -d writes to standard error, so that payloads stay alone. \
         --psk, --psk-identity, --tls-engine and -S are not there.",
    ),
];

/// The version whose flags and output are followed.
const FOLLOWED: &str = "2.1.2";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Call {
    /// To run with these words behind the subcommand.
    Run(Vec<OsString>),
    /// `--help`.
    Help,
    /// `--version`: this line.
    Version(String),
}

/// The tool whose name the program was started under.
#[must_use]
pub fn tool(program: &OsStr) -> Option<&'static Tool> {
    let name = Path::new(program).file_name()?;
    TOOLS.iter().find(|tool| name == tool.name)
}

impl Tool {
    /// Reads what was typed behind its name, and its options file.
    ///
    /// # Errors
    /// What the tool would not take either.
    pub fn read(&self, command: &Command, typed: &[OsString]) -> Result<Call, Usage> {
        let typed = words::scan(command, typed)?;
        match typed.last().map(|given| &*given.flag) {
            Some("help") => return Ok(Call::Help),
            Some("version") => {
                let own = env!("CARGO_PKG_VERSION");
                return Ok(Call::Version(format!(
                    "{} version {FOLLOWED} running on mqkit {own}.\n",
                    self.name
                )));
            }
            _ => {}
        }
        let mut files = typed.iter().filter(|given| given.flag == "options");
        let file = match (files.next(), files.next()) {
            (_, Some(_)) => return Err(Usage::Bad("Duplicate -o argument given.".to_owned())),
            (Some(given), None) => given.values.first().map(PathBuf::from),
            // A missing default file is no error.
            (None, None) => self.default_file().filter(|path| path.exists()),
        };
        let mut given = match file {
            Some(path) => options_file::read(command, &path)?,
            None => Vec::new(),
        };
        given.extend(typed.into_iter().filter(|given| given.flag != "options"));
        let given = self.translate(command, given)?;
        Ok(Call::Run(given.iter().flat_map(Occurrence::words).collect()))
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

    /// From Mosquitto's meaning of the flags to ours.
    fn translate(&self, command: &Command, given: Vec<Occurrence>) -> Result<Vec<Occurrence>, Usage> {
        let mut version = self.version.to_owned();
        let mut result = Vec::new();
        for mut given in given {
            let flag = given.flag.clone();
            if NUMBERS.contains(&&*flag) {
                given.values = given
                    .values
                    .iter()
                    .map(|value| atoi(value).to_string().into())
                    .collect();
            }
            check(&given)?;
            match &*flag {
                // The position matters: `-V 311` behind `-D` wins.
                "protocol-version" => version = text(&given),
                "property" => version = "5".to_owned(),
                "session-expiry-interval" => {
                    version = "5".to_owned();
                    if let Some(hex) = text(&given).strip_prefix("0x") {
                        let number = u32::from_str_radix(hex, 16);
                        given.values = number.into_iter().map(|number| number.to_string().into()).collect();
                    }
                }
                _ => {}
            }
            if flag != "protocol-version" {
                result.push(given);
            }
        }
        let messages = MESSAGES
            .iter()
            .map(|flag| result.iter().filter(|given| given.flag == *flag).count());
        if self.command != "sub" && messages.sum::<usize>() > 1 {
            return Err(Usage::Bad("Only one type of message can be sent at once.".to_owned()));
        }
        // What wins there is a contradiction here.
        for (strong, weak) in [
            ("format", "verbose"),
            ("debug", "quiet"),
            ("message-rate", "format"),
            ("message-rate", "verbose"),
            ("message-rate", "no-newline"),
            ("message-rate", "pretty"),
            ("stdin-line", "repeat"),
            ("stdin-line", "repeat-delay"),
        ] {
            if has(&result, strong) {
                result.retain(|given| given.flag != weak);
            }
        }
        if !has(&result, "format") {
            result.retain(|given| given.flag != "pretty");
        }
        let fits = |flag: &str| {
            let arg = words::by_long(command, flag);
            arg.is_some_and(|arg| !result.iter().any(|given| excludes(command, arg, given)))
        };
        let (raw, proxy) = (fits("raw"), fits("proxy") && !has(&result, "proxy"));
        if raw {
            result.push(Occurrence::new("raw", &[]));
        }
        if proxy {
            // Variables such as ALL_PROXY mean nothing to them.
            result.push(Occurrence::new("proxy", &["none"]));
        }
        // They end when the connection is lost.
        if self.command == "rr" || self.command == "pub" && !has(&result, "stdin-line") {
            result.push(Occurrence::new("no-reconnect", &[]));
        }
        if matches!(&*version, "5" | "mqttv5") {
            receive_maximum(&mut result, self.command);
        }
        result.push(Occurrence::new("protocol-version", &[&version]));
        result.push(Occurrence::new("as-mosquitto", &[]));
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
    "max-inflight",
    "will-qos",
    "repeat",
];

const MESSAGES: &[&str] = &["message", "file", "null-message", "stdin-file", "stdin-line"];

/// Whether the parser would call the two a contradiction.
fn excludes(command: &Command, arg: &Arg, given: &Occurrence) -> bool {
    let Some(other) = words::by_long(command, &given.flag) else {
        return false;
    };
    command.get_arg_conflicts_with(arg).contains(&other) || command.get_arg_conflicts_with(other).contains(&arg)
}

/// What the tools check, and the subcommand would take.
fn check(given: &Occurrence) -> Result<(), Usage> {
    let value = text(given);
    let number: i64 = value.parse().unwrap_or(0);
    let problem = match &*given.flag {
        "protocol-version" if !["5", "mqttv5", "311", "mqttv311", "31", "mqttv31"].contains(&&*value) => {
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

fn text(given: &Occurrence) -> String {
    given
        .values
        .first()
        .map(|value| value.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn has(given: &[Occurrence], flag: &str) -> bool {
    given.iter().any(|given| given.flag == flag)
}

fn last(given: &[Occurrence], flag: &str) -> Option<String> {
    given.iter().rev().find(|given| given.flag == flag).map(text)
}

/// The tools send it always, after the properties that were asked for; `-C` below 20 wants no more than it prints.
fn receive_maximum(given: &mut Vec<Occurrence>, command: &str) {
    let names = |given: &Occurrence, index: usize, name: &str| {
        given
            .values
            .get(index)
            .is_some_and(|value| value.eq_ignore_ascii_case(name))
    };
    let set = given
        .iter()
        .any(|given| given.flag == "property" && names(given, 0, "connect") && names(given, 1, "receive-maximum"));
    if set {
        return;
    }
    let number = |flag| last(given, flag).and_then(|value| value.parse::<u16>().ok());
    // One response is all that is wanted.
    let count = number("count").or_else(|| (command == "rr").then_some(1));
    let few = count.filter(|count| *count < 20);
    let maximum = few.or_else(|| number("max-inflight")).unwrap_or(20).max(1);
    given.push(Occurrence::new(
        "property",
        &["connect", "receive-maximum", &maximum.to_string()],
    ));
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
    use clap::{ArgAction, Args};

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
        let tool = tool(OsStr::new("/usr/bin/mosquitto_sub")).unwrap();
        let scanned = words::scan(&command(), &typed).map_err(|error| error.to_string())?;
        let result = tool.translate(&command(), scanned).map_err(|error| error.to_string())?;
        let words: Vec<_> = result.iter().flat_map(Occurrence::words).collect();
        Ok(words.join(OsStr::new(" ")).into_string().unwrap())
    }

    #[test]
    fn words_get_the_meaning_they_have_there() {
        for (typed, expected) in [
            (
                &["-t", "-a"][..],
                "--topic=-a --raw --proxy=none --protocol-version=311 --as-mosquitto",
            ),
            (
                &["-q", "abc", "-p", "1883xyz", "-W", "1.9", "-v"],
                "--qos=0 --port=1883 --timeout=1 --verbose --proxy=none --protocol-version=311 --as-mosquitto",
            ),
            (
                &["-v", "-F", "%p"],
                "--format=%p --proxy=none --protocol-version=311 --as-mosquitto",
            ),
            (
                &["-x", "0x10", "-v", "-C", "3"],
                "--session-expiry-interval=16 --verbose --count=3 --proxy=none --property connect receive-maximum 3 \
                 --protocol-version=5 --as-mosquitto",
            ),
            (
                &["-D", "connect", "user-property", "k", "v", "-V", "311", "-v"],
                "--property connect user-property k v --verbose --proxy=none --protocol-version=311 --as-mosquitto",
            ),
            (
                &["-V", "mqttv5", "-D", "CONNECT", "Receive-Maximum", "7", "-v"],
                "--property CONNECT Receive-Maximum 7 --verbose --proxy=none --protocol-version=5 --as-mosquitto",
            ),
            (
                &["-d", "--quiet", "-v"],
                "--debug --verbose --proxy=none --protocol-version=311 --as-mosquitto",
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
        let error = TOOLS[0].read(&command(), &typed).unwrap_err().to_string();
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

    #[test]
    fn programs_are_known_by_their_last_name() {
        assert_eq!(tool(OsStr::new("mosquitto_pub")).map(|tool| tool.command), Some("pub"));
        assert_eq!(
            tool(OsStr::new("/opt/mosquitto_sub")).map(|tool| tool.command),
            Some("sub")
        );
        assert_eq!(tool(OsStr::new("/opt/mqkit")), None);
    }
}
