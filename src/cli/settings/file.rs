//! TOML files: the configuration file with defaults at its top, `[profile.NAME]` tables for brokers, and a table for each
//! subcommand; and scenarios. They must not know what flags mean: the definition of the command says which there are.

use super::{Layer, Origin, Setting};
use crate::cli::Usage;
use crate::cli::flags::{by_long, can_be_set, least_values, takes_values};
use crate::nearest::nearest;
use crate::net::file::{Until, read_text};
use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// `$XDG_CONFIG_HOME/mqkit/config.toml`, else `~/.config/mqkit/config.toml`.
#[must_use]
pub fn path() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let directory = match variable("XDG_CONFIG_HOME") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(&variable("HOME")?).join(".config"),
    };
    Some(directory.join("mqkit/config.toml"))
}

/// What a file is read for.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The subcommand with its flags.
    pub command: &'a Command,
    /// All subcommands that may have a table.
    pub tables: &'a [&'a str],
    /// The flags that may stand at the top and in a profile.
    pub connection: &'a Command,
    /// The profile that was asked for.
    pub profile: Option<&'a str>,
    /// How long a file that is a pipe may take.
    pub until: Until,
}

impl Reader<'_> {
    /// The layers of the configuration file, the strongest first: the profile, the table of the subcommand, the top. A file
    /// that does not exist is empty.
    ///
    /// # Errors
    /// It cannot be read, is no TOML, has an unknown key, or lacks the profile.
    pub fn read(self, path: Option<&Path>) -> Result<Vec<Layer>, Usage> {
        let text = path.map(|path| (path, read_text(path, self.until)));
        let (path, text) = match text {
            Some((path, Ok(text))) => (path, text),
            Some((path, Err(error))) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Usage::Unreadable(format!("cannot read {}", path.display()), error));
            }
            missing => {
                let place = missing.map_or_else(String::new, |(path, _)| format!(": there is no {}", path.display()));
                return match self.profile {
                    Some(profile) => Err(Usage::Bad(format!("no profile \"{profile}\"{place}"))),
                    None => Ok(Vec::new()),
                };
            }
        };
        self.parse(File { path, text: &text })
    }

    fn parse(self, file: File<'_>) -> Result<Vec<Layer>, Usage> {
        let table = file.table()?;
        let (mut top, mut own, mut profile) = (Layer::new(), Layer::new(), None);
        for (key, value) in table.get_ref() {
            let name = key.get_ref().as_ref();
            match value.get_ref() {
                DeValue::Table(table) if name == "profile" => profile = self.profile_of(file, table)?,
                DeValue::Table(table) if name == self.command.get_name() => {
                    own = file.layer(table, self.command, &format!(" in [{name}]"))?;
                }
                DeValue::Table(_) if self.tables.contains(&name) => {}
                DeValue::Table(_) => {
                    let known = std::iter::once("profile").chain(self.tables.iter().copied());
                    let (name, near) = (name.escape_debug(), hint(name, known));
                    return Err(file.bad(key.span().start, &format!("unknown table [{name}]{near}")));
                }
                _ => top.push(file.setting(key, value, self.connection, "")?),
            }
        }
        match (profile, self.profile) {
            (None, Some(name)) => {
                let (name, path) = (name.escape_debug(), file.path.display());
                Err(Usage::Bad(format!(
                    "no profile \"{name}\": {path} has no [profile.{name}]"
                )))
            }
            (profile, _) => Ok(vec![profile.unwrap_or_default(), own, top]),
        }
    }

    /// The wanted profile; the others are looked through for mistakes.
    fn profile_of(self, file: File<'_>, profiles: &DeTable<'_>) -> Result<Option<Layer>, Usage> {
        let mut wanted = None;
        for (key, value) in profiles {
            let name = key.get_ref().as_ref();
            let DeValue::Table(table) = value.get_ref() else {
                return Err(file.bad(key.span().start, "a profile is a table: [profile.NAME]"));
            };
            let place = format!(" in [profile.{}]", name.escape_debug());
            let found = file.layer(table, self.connection, &place)?;
            if self.profile == Some(name) {
                wanted = Some(found);
            }
        }
        Ok(wanted)
    }
}

/// A key of scenario files that is no flag: what is typed as the first word.
const SCENARIO: &str = "scenario";

/// Reads a file that has only the flags of a command: what load `bench` is to make.
///
/// # Errors
/// It cannot be read, is no TOML, or has an unknown key.
pub fn read_scenario(command: &Command, path: &Path, until: Until) -> Result<Layer, Usage> {
    let text = read_text(path, until);
    let text = text.map_err(|error| Usage::Unreadable(format!("cannot read {}", path.display()), error))?;
    parse_scenario(command, File { path, text: &text })
}

fn parse_scenario(command: &Command, file: File<'_>) -> Result<Layer, Usage> {
    let table = file.table()?;
    let mut found = Layer::new();
    for (key, value) in table.get_ref() {
        let named = command.get_positionals().next().filter(|_| key.get_ref() == SCENARIO);
        found.push(match named {
            Some(arg) => file.setting_of(arg, key, value)?,
            None => file.setting(key, value, command, "")?,
        });
    }
    Ok(found)
}

/// The text of a file.
#[derive(Clone, Copy)]
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> File<'a> {
    fn table(self) -> Result<Spanned<DeTable<'a>>, Usage> {
        // The parser's own text quotes the line, which may hold a password.
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.bad(at, error.message())
        })
    }

    fn line(self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn bad(self, at: usize, what: &str) -> Usage {
        let what = what.trim_end().replace('\n', "; ");
        Usage::Bad(format!("{}:{}: {what}", self.path.display(), self.line(at)))
    }

    fn layer(self, table: &DeTable<'_>, command: &Command, place: &str) -> Result<Layer, Usage> {
        let settings = table
            .iter()
            .map(|(key, value)| self.setting(key, value, command, place));
        settings.collect()
    }

    fn setting(
        self,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
        command: &Command,
        place: &str,
    ) -> Result<Setting, Usage> {
        let name = key.get_ref().as_ref();
        match by_long(command, name).filter(|arg| can_be_set(arg)) {
            Some(arg) => self.setting_of(arg, key, value),
            None => {
                let known = command
                    .get_arguments()
                    .filter(|arg| can_be_set(arg))
                    .filter_map(Arg::get_long);
                let (name, near) = (name.escape_debug(), hint(name, known));
                Err(self.bad(key.span().start, &format!("unknown key `{name}`{place}{near}")))
            }
        }
    }

    fn setting_of(
        self,
        arg: &Arg,
        key: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Setting, Usage> {
        let (name, at) = (key.get_ref().as_ref().escape_debug(), key.span().start);
        let uses = uses(value.get_ref(), least_values(arg) > 1);
        let uses = uses.ok_or_else(|| {
            let what = format!("`{name}` is a text, a number, true, false, or a list of them");
            self.bad(at, &what)
        })?;
        let single = !takes_values(arg) || !matches!(arg.get_action(), ArgAction::Append);
        if single && value.get_ref().is_array() {
            return Err(self.bad(at, &format!("`{name}` has one value, not a list")));
        }
        Ok(Setting {
            flag: arg.get_id().clone(),
            uses,
            origin: Origin::File {
                path: self.path.to_owned(),
                line: self.line(at),
            },
        })
    }
}

/// Each use of the flag with its words; `several` when one use has more than one.
fn uses(value: &DeValue<'_>, several: bool) -> Option<Vec<Vec<OsString>>> {
    let DeValue::Array(array) = value else {
        return Some(vec![vec![scalar(value)?]]);
    };
    let items = || array.iter().map(Spanned::get_ref);
    if several && items().all(|item| !item.is_array()) {
        return Some(vec![items().map(scalar).collect::<Option<_>>()?]);
    }
    items()
        .map(|item| match item {
            DeValue::Array(words) => words.iter().map(|word| scalar(word.get_ref())).collect(),
            item => Some(vec![scalar(item)?]),
        })
        .collect()
}

fn scalar(value: &DeValue<'_>) -> Option<OsString> {
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok()?.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(truth) => truth.to_string(),
        _ => return None,
    };
    Some(text.into())
}

/// `; did you mean …?`, when one of the names is close.
fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |other| format!("; did you mean `{other}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args;

    fn show(setting: &Setting) -> String {
        format!("{}={:?} ({})", setting.flag, setting.uses, setting.origin)
    }

    fn read(text: &str, profile: Option<&str>) -> Result<Vec<String>, String> {
        let command = crate::cli::Connection::augment_args(Command::new("sub")).arg(Arg::new("qos").long("qos"));
        let reader = Reader {
            command: &command,
            tables: &["pub", "sub"],
            connection: &super::super::environment::connection(),
            profile,
            until: Until::default(),
        };
        let path = Path::new("c.toml");
        let layers = reader.parse(File { path, text }).map_err(|error| error.to_string())?;
        Ok(layers.iter().flatten().map(show).collect())
    }

    #[test]
    fn top_profiles_and_tables_become_levels() {
        let text = "host = 'a'\nport = 1_884\nretry = 0.5\nproperty = [['connect', 'user-property', 'k', 'v']]\n\
                    [profile.x]\ninsecure = true\npassword = 'p'\n[profile.y]\nhost = 'y'\n[sub]\nqos = 1\n[pub]\nany = 1\n";
        assert_eq!(
            read(text, Some("x")).unwrap(),
            [
                "insecure=[[\"true\"]] (c.toml, line 6)",
                "password=[[\"p\"]] (c.toml, line 7)",
                "qos=[[\"1\"]] (c.toml, line 11)",
                "host=[[\"a\"]] (c.toml, line 1)",
                "port=[[\"1884\"]] (c.toml, line 2)",
                "property=[[\"connect\", \"user-property\", \"k\", \"v\"]] (c.toml, line 4)",
                "retry=[[\"0.5\"]] (c.toml, line 3)",
            ]
        );
        assert!(read(text, None).unwrap().iter().all(|line| !line.contains("insecure")));
    }

    #[test]
    fn mistakes_have_their_line_and_the_nearest_name() {
        for (text, error) in [
            ("\nhots = 'x'", "c.toml:2: unknown key `hots`; did you mean `host`?"),
            (
                "keep-alive = 5",
                "c.toml:1: unknown key `keep-alive`; did you mean `keepalive`?",
            ),
            ("qqqqqqqqqqqqqqqq = 5", "c.toml:1: unknown key `qqqqqqqqqqqqqqqq`"),
            ("profile = 5", "c.toml:1: unknown key `profile`"),
            ("[profile]\nx = 5", "c.toml:2: a profile is a table: [profile.NAME]"),
            (
                "[profile.a]\ncafil = 'x'",
                "c.toml:2: unknown key `cafil` in [profile.a]; did you mean `cafile`?",
            ),
            ("[subs]\nqos = 1", "c.toml:1: unknown table [subs]; did you mean `sub`?"),
            (
                "[sub]\nqoss = 1",
                "c.toml:2: unknown key `qoss` in [sub]; did you mean `qos`?",
            ),
            ("print-config = true", "c.toml:1: unknown key `print-config`"),
            ("host = ['a', 'b']", "c.toml:1: `host` has one value, not a list"),
            (
                "host = 1979-05-27",
                "c.toml:1: `host` is a text, a number, true, false, or a list of them",
            ),
        ] {
            let found = read(text, None).unwrap_err();
            assert!(found.starts_with(error), "{found}");
        }
        let error = read("host = 'x'\npw = 's3cret", None).unwrap_err();
        assert!(error.starts_with("c.toml:2: ") && !error.contains("s3cret"), "{error}");
        assert_eq!(
            read("[profile.a]", Some("b")).unwrap_err(),
            "no profile \"b\": c.toml has no [profile.b]"
        );
    }

    #[test]
    fn a_scenario_has_all_flags_of_its_command() {
        let command = crate::cli::Connection::augment_args(Command::new("bench"))
            .arg(Arg::new("rate").long("rate"))
            .arg(Arg::new("named"))
            .arg(Arg::new("scenario").long("scenario"));
        let read = |text| {
            let path = Path::new("s.toml");
            let found = parse_scenario(&command, File { path, text });
            let found = found.map_err(|error| error.to_string())?;
            Ok::<Vec<_>, String>(found.iter().map(show).collect())
        };
        assert_eq!(
            read("scenario = 'fan-in'\nrate = 500\nhost = 'a'").unwrap(),
            [
                "host=[[\"a\"]] (s.toml, line 3)",
                "rate=[[\"500\"]] (s.toml, line 2)",
                "named=[[\"fan-in\"]] (s.toml, line 1)",
            ]
        );
        for (text, error) in [
            ("\nrat = 5", "s.toml:2: unknown key `rat`; did you mean `rate`?"),
            ("named = 'fan-in'", "s.toml:1: unknown key `named`"),
            ("profile = 'x'", "s.toml:1: unknown key `profile`"),
            ("[bench]\nrate = 5", "s.toml:1: unknown key `bench`"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.starts_with(error), "{found}");
        }
    }
}
