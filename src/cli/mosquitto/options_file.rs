//! Mosquitto's options files: a flag on each line, and behind one blank its value, which is the rest of the line. It must
//! not know what the flags mean.

use super::words::{self, wanted};
use crate::cli::Usage;
use crate::cli::flags::{least_values, takes_values};
use crate::cli::settings::{Layer, Origin, Setting};
use crate::net::file::{self, Until};
use clap::{Command, Id};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Reads an options file. A flag that is repeated is there again.
///
/// # Errors
/// It cannot be read, or a line is no flag of the command; the message has its number.
pub fn read(command: &Command, path: &Path, until: Until) -> Result<Layer, Usage> {
    let bytes = file::read(path, until)
        .map_err(|error| Usage::Unreadable(format!("cannot read the options file {}", path.display()), error))?;
    let flags = parse(command, &bytes);
    let flags = flags.map_err(|(line, what)| Usage::Bad(format!("{}:{line}: {what}", path.display())))?;
    let setting = |(line, flag, values)| Setting {
        flag,
        uses: vec![values],
        origin: Origin::File {
            path: path.to_owned(),
            line,
        },
    };
    Ok(flags.into_iter().map(setting).collect())
}

/// The number of a line, its flag and the values.
type Line = (usize, Id, Vec<OsString>);

/// The flags of an options file; what is wrong, with the number of its line.
fn parse(command: &Command, text: &[u8]) -> Result<Vec<Line>, (usize, String)> {
    let mut found = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A `#` counts in the first column only, as in Mosquitto.
        if line.starts_with(b"#") {
            continue;
        }
        let start = line.iter().position(|byte| *byte != b' ').unwrap_or(line.len());
        let line = line.get(start..).unwrap_or_default();
        if !line.is_empty() {
            let (flag, values) = flag(command, line).map_err(|what| (index + 1, what))?;
            found.push((index + 1, flag, values));
        }
    }
    Ok(found)
}

fn flag(command: &Command, line: &[u8]) -> Result<(Id, Vec<OsString>), String> {
    let (name, rest) = split(line);
    let shown = String::from_utf8_lossy(name).into_owned();
    let arg = words::find(command, &os(name)).ok_or_else(|| format!("unknown option {shown}"))?;
    let mut values = Vec::new();
    match rest {
        Some(_) if !takes_values(arg) => return Err(format!("{shown} has no value")),
        None if takes_values(arg) && least_values(arg) > 0 => return Err(format!("{shown} needs a value behind it")),
        None => {}
        // Beyond Mosquitto, where a line has one value: -D works, too.
        Some(mut rest) => {
            while values.len() + 1 < wanted(arg, &values) {
                let (value, more) = split(rest);
                rest = more.ok_or_else(|| format!("{shown} needs more values behind it"))?;
                values.push(os(value));
            }
            values.push(os(rest));
        }
    }
    Ok((arg.get_id().clone(), values))
}

/// Up to the first blank, and behind it.
fn split(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    match line.iter().position(|byte| *byte == b' ') {
        Some(at) => (line.get(..at).unwrap_or_default(), line.get(at + 1..)),
        None => (line, None),
    }
}

fn os(bytes: &[u8]) -> OsString {
    <OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Args;

    fn command() -> Command {
        crate::cli::Connection::augment_args(Command::new("x"))
    }

    #[test]
    fn lines_are_flags_and_the_rest_is_one_value() {
        let text = b"# comment\n  -h broker lan \r\n\n-i  x\n--debug\n-P # no comment\n\
                     -D connect user-property key a b\n-D connect receive-maximum 5";
        let found = parse(&command(), text).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|(line, flag, values)| (*line, flag.as_str(), values.join(OsStr::new("|"))))
            .collect();
        let expected = [
            (2, "host", "broker lan "),
            (4, "id", " x"),
            (5, "debug", ""),
            (6, "password", "# no comment"),
            (7, "property", "connect|user-property|key|a b"),
            (8, "property", "connect|receive-maximum|5"),
        ];
        assert_eq!(found, expected.map(|(line, flag, values)| (line, flag, values.into())));
    }

    #[test]
    fn mistakes_have_their_line() {
        for (text, line, part) in [
            (&b"-h a\nhost b"[..], 2, "unknown option host"),
            (b"-h", 1, "-h needs a value"),
            (b"\n\n-d yes", 3, "-d has no value"),
            (b"-D connect receive-maximum", 1, "-D needs more values"),
        ] {
            let (at, what) = parse(&command(), text).unwrap_err();
            assert_eq!(at, line);
            assert!(what.contains(part), "{what}");
        }
    }
}
