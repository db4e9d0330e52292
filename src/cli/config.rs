//! The configuration file: defaults at its top, `[profile.NAME]` tables for brokers, and a table for each subcommand. It
//! reads that one file; it must not know what flags mean: the definition of the command says which there are.

use super::Usage;
use super::settings::{Origin, Setting};
use super::words;
use crate::nearest::nearest;
use clap::Command;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

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

/// What the file is read for.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The subcommand with its flags.
    pub command: &'a Command,
    /// All subcommands that may have a table.
    pub tables: &'a [&'a str],
    /// The flags that may stand at the top and in a profile.
    pub flags: &'a [String],
    /// The profile that was asked for.
    pub profile: Option<&'a str>,
}

impl Reader<'_> {
    /// The levels of a file, the strongest first: the profile, the table of the subcommand, the top. A file that does not
    /// exist is empty.
    ///
    /// # Errors
    /// It cannot be read, is no TOML, has an unknown key, or lacks the profile.
    pub fn read(self, path: Option<&Path>) -> Result<Vec<Vec<Setting>>, Usage> {
        let text = path.map(|path| (path, std::fs::read_to_string(path)));
        let (path, text) = match text {
            Some((path, Ok(text))) => (path, text),
            Some((path, Err(error))) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Usage::Bad(format!("cannot read {}: {error}", path.display())));
            }
            missing => {
                let place = missing.map_or_else(String::new, |(path, _)| format!(": there is no {}", path.display()));
                return match self.profile {
                    Some(profile) => Err(Usage::Bad(format!("no profile \"{profile}\"{place}"))),
                    None => Ok(Vec::new()),
                };
            }
        };
        let file = File { path, text: &text };
        self.parse(&file)
    }

    /// The flags of a file that has only those of the subcommand: what load `bench` is to make. Its key `scenario` is what
    /// is otherwise typed without a flag.
    ///
    /// # Errors
    /// It cannot be read, is no TOML, or has an unknown key.
    pub fn read_scenario(self, path: &Path) -> Result<Vec<Setting>, Usage> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| Usage::Bad(format!("cannot read {}: {error}", path.display())))?;
        self.parse_scenario(&File { path, text: &text })
    }

    fn parse_scenario(self, file: &File<'_>) -> Result<Vec<Setting>, Usage> {
        let table = file.table()?;
        let flags = words_of(self.command);
        let shape = [SHAPE.1.to_owned()];
        let mut found = Vec::new();
        for (key, value) in table.get_ref() {
            let mut key = key.clone();
            let is_shape = key.get_ref() == SHAPE.0;
            if is_shape {
                *key.get_mut() = SHAPE.1.into();
            }
            let flags = if is_shape { &shape[..] } else { &flags };
            found.push(setting(file, &key, value, self.command, flags, "")?);
        }
        Ok(found)
    }

    fn parse(self, file: &File<'_>) -> Result<Vec<Vec<Setting>>, Usage> {
        let table = file.table()?;
        let (mut top, mut own, mut profile) = (Vec::new(), Vec::new(), None);
        let all: Vec<_> = words_of(self.command);
        for (key, value) in table.get_ref() {
            let name = key.get_ref().as_ref();
            match value.get_ref() {
                DeValue::Table(table) if name == "profile" => profile = self.profile_of(file, table)?,
                DeValue::Table(table) if name == self.command.get_name() => {
                    own = settings(file, table, self.command, &all, &format!(" in [{name}]"))?;
                }
                DeValue::Table(_) if self.tables.contains(&name) => {}
                DeValue::Table(_) => {
                    let known = std::iter::once("profile").chain(self.tables.iter().copied());
                    let near = hint(name, known);
                    return Err(file.bad(
                        key.span().start,
                        &format!("unknown table [{}]{near}", name.escape_debug()),
                    ));
                }
                _ => top.push(setting(file, key, value, self.command, self.flags, "")?),
            }
        }
        match (profile, self.profile) {
            (None, Some(name)) => Err(Usage::Bad(format!(
                "no profile \"{}\": {} has no [profile.{}]",
                name.escape_debug(),
                file.path.display(),
                name.escape_debug()
            ))),
            (profile, _) => Ok(vec![profile.unwrap_or_default(), own, top]),
        }
    }

    /// The wanted profile; the others are looked through for mistakes.
    fn profile_of(self, file: &File<'_>, profiles: &DeTable<'_>) -> Result<Option<Vec<Setting>>, Usage> {
        let mut wanted = None;
        for (key, value) in profiles {
            let name = key.get_ref().as_ref();
            let DeValue::Table(table) = value.get_ref() else {
                return Err(file.bad(key.span().start, "a profile is a table: [profile.NAME]"));
            };
            let place = format!(" in [profile.{}]", name.escape_debug());
            let found = settings(file, table, self.command, self.flags, &place)?;
            if self.profile == Some(name) {
                wanted = Some(found);
            }
        }
        Ok(wanted)
    }
}

/// A key of scenario files, and the hidden flag that it sets.
const SHAPE: (&str, &str) = ("scenario", "shape");

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> File<'a> {
    fn table(&self) -> Result<Spanned<DeTable<'a>>, Usage> {
        // The parser's own text quotes the line, which may hold a password.
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.bad(at, error.message())
        })
    }

    fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn bad(&self, at: usize, what: &str) -> Usage {
        let what = what.trim_end().replace('\n', "; ");
        Usage::Bad(format!("{}:{}: {what}", self.path.display(), self.line(at)))
    }
}

fn words_of(command: &Command) -> Vec<String> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let longs = shown.filter_map(|arg| arg.get_long());
    longs
        .filter(|long| !super::resolve::CONTROL.contains(long))
        .map(str::to_owned)
        .collect()
}

fn settings(
    file: &File<'_>,
    table: &DeTable<'_>,
    command: &Command,
    flags: &[String],
    place: &str,
) -> Result<Vec<Setting>, Usage> {
    table
        .iter()
        .map(|(key, value)| setting(file, key, value, command, flags, place))
        .collect()
}

fn setting(
    file: &File<'_>,
    key: &Spanned<toml::de::DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
    command: &Command,
    flags: &[String],
    place: &str,
) -> Result<Setting, Usage> {
    let (name, at) = (key.get_ref().as_ref(), key.span().start);
    let arg = words::by_long(command, name).filter(|arg| flags.iter().any(|flag| arg.get_long() == Some(flag)));
    let Some(flag) = arg.and_then(|arg| arg.get_long()) else {
        let near = hint(name, flags.iter().map(String::as_str));
        return Err(file.bad(at, &format!("unknown key `{}`{place}{near}", name.escape_debug())));
    };
    let values = values(value.get_ref(), arg.is_some_and(|arg| words::least_values(arg) > 1));
    Ok(Setting {
        flag: flag.to_owned(),
        values: values.ok_or_else(|| {
            file.bad(
                at,
                &format!("`{name}` is a text, a number, true, false, or a list of them"),
            )
        })?,
        origin: Origin::File {
            path: file.path.to_owned(),
            line: file.line(at),
        },
    })
}

/// Each use of the flag with its words; `several` when one use has more than one.
fn values(value: &DeValue<'_>, several: bool) -> Option<Vec<Vec<String>>> {
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

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(|number| number.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// `; did you mean …?`, when one of the names is close.
fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |other| format!("; did you mean `{other}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args;

    fn read(text: &str, profile: Option<&str>) -> Result<Vec<String>, String> {
        let command = crate::cli::Connection::augment_args(Command::new("sub")).arg(clap::Arg::new("qos").long("qos"));
        let flags = super::super::resolve::connection_flags();
        let reader = Reader {
            command: &command,
            tables: &["pub", "sub"],
            flags: &flags,
            profile,
        };
        let file = File {
            path: Path::new("c.toml"),
            text,
        };
        let levels = reader.parse(&file).map_err(|error| error.to_string())?;
        let show = |setting: &Setting| format!("{}={:?} ({})", setting.flag, setting.values, setting.origin);
        Ok(levels.iter().flatten().map(show).collect())
    }

    #[test]
    fn top_profiles_and_tables_become_levels() {
        let text = "host = 'a'\nport = 1_884\nretry = 0.5\nproperty = [['connect', 'user-property', 'k', 'v']]\n\
                    [profile.x]\ninsecure = true\npassword = 'p'\n[profile.y]\nhost = 'y'\n[sub]\nqos = 1\n[pub]\nany = 1\n";
        assert_eq!(
            read(text, Some("x")).unwrap(),
            [
                "insecure=[[\"true\"]] (c.toml, line 6)",
                "pw=[[\"p\"]] (c.toml, line 7)",
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
            .arg(clap::Arg::new("rate").long("rate"))
            .arg(clap::Arg::new("shape").long("shape").hide(true))
            .arg(clap::Arg::new("scenario").long("scenario"));
        let reader = Reader {
            command: &command,
            tables: &[],
            flags: &[],
            profile: None,
        };
        let read = |text| {
            let path = Path::new("s.toml");
            let found = reader.parse_scenario(&File { path, text });
            let found = found.map_err(|error| error.to_string())?;
            let show = |setting: &Setting| format!("{}={:?} ({})", setting.flag, setting.values, setting.origin);
            Ok::<Vec<_>, String>(found.iter().map(show).collect())
        };
        assert_eq!(
            read("scenario = 'fan-in'\nrate = 500\nhost = 'a'").unwrap(),
            [
                "host=[[\"a\"]] (s.toml, line 3)",
                "rate=[[\"500\"]] (s.toml, line 2)",
                "shape=[[\"fan-in\"]] (s.toml, line 1)",
            ]
        );
        for (text, error) in [
            ("\nrat = 5", "s.toml:2: unknown key `rat`; did you mean `rate`?"),
            ("shape = 'fan-in'", "s.toml:1: unknown key `shape`"),
            ("profile = 'x'", "s.toml:1: unknown key `profile`"),
            ("[bench]\nrate = 5", "s.toml:1: unknown key `bench`"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.starts_with(error), "{found}");
        }
    }
}
