//! Which flags hold secrets, and how they are shown; whether the file of one is open to everybody.

use super::Console;
use super::flags::{by_long, least_values, shown, takes_values};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};
use std::ffi::OsString;
use std::fs::Metadata;
use std::path::Path;

/// What is shown instead.
const MASK: &str = "***";

/// What of a flag's value must not be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// All of it.
    All,
    /// The password of a URL.
    Password,
    /// What stands behind the name: `Authorization: Bearer …`
    Behind,
    /// The last word, when the second one is this.
    Property(&'static str),
    /// Nothing: it is the name of a file.
    File,
}

/// The flags with a secret: which part of it is one, and whether it is meant for the host that stands beside it.
const SECRETS: &[(&str, Part, bool)] = &[
    ("password", Part::All, true),
    ("password_file", Part::File, true),
    ("url", Part::Password, true),
    ("proxy", Part::Password, false),
    ("ws_header", Part::Behind, true),
    ("property", Part::Property("authentication-data"), false),
    ("key", Part::File, true),
    ("key_password_file", Part::File, true),
    ("cert", Part::File, true), // of no use without its key
];

fn secret(flag: &str) -> Option<(Part, bool)> {
    let found = SECRETS.iter().find(|(secret, ..)| *secret == flag);
    found.map(|(_, part, follows_host)| (*part, *follows_host))
}

/// The values of a flag, without what must not be seen.
#[must_use]
pub fn masked(flag: &str, values: &[String]) -> Vec<String> {
    match (secret(flag).map(|(part, _)| part), values) {
        (Some(Part::All), _) => vec![MASK.to_owned()],
        (Some(Part::Password), [url]) => vec![url_masked(url)],
        (Some(Part::Behind), [header]) => vec![match header.split_once([':', '=']) {
            Some((name, _)) => format!("{name}: {MASK}"),
            None => MASK.to_owned(),
        }],
        (Some(Part::Property(secret)), [packet, name, _]) if name.eq_ignore_ascii_case(secret) => {
            vec![packet.clone(), name.clone(), MASK.to_owned()]
        }
        _ => values.to_vec(),
    }
}

/// Whether the value of a flag is a secret that is meant for the host beside which it stands.
pub(super) fn follows_host(flag: &str, value: &str) -> bool {
    match secret(flag) {
        Some((Part::Password, true)) => url_masked(value) != value,
        found => found.is_some_and(|(_, follows_host)| follows_host),
    }
}

/// A command line as it was typed, behind the name of the command, without what must not be seen.
#[must_use]
pub fn command_line(command: &Command, typed: &[OsString]) -> Vec<String> {
    let mut typed = typed.iter().map(|word| word.to_string_lossy().into_owned());
    let mut shown = Vec::new();
    while let Some(word) = typed.next() {
        let Some((prefix, arg, joined)) = flag(command, &word) else {
            shown.push(word);
            continue;
        };
        let id = arg.get_id().as_str();
        if let Some(value) = joined {
            let value = masked(id, &[value.to_owned()]).concat();
            shown.push(format!("{prefix}{value}"));
            continue;
        }
        let wanted = least_values(arg).max(1);
        let values: Vec<_> = typed.by_ref().take(wanted).collect();
        shown.push(word);
        if !values.is_empty() {
            shown.extend(masked(id, &values));
        }
    }
    shown
}

/// The flag with a value that a word ends in or has joined to it: what stands before the value, and the value.
fn flag<'a, 'w>(command: &'a Command, word: &'w str) -> Option<(&'w str, &'a Arg, Option<&'w str>)> {
    if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or_default();
        let arg = by_long(command, name).filter(|arg| takes_values(arg))?;
        let prefix = word.len().min(name.len() + 3);
        return Some((word.get(..prefix)?, arg, word.get(name.len() + 3..)));
    }
    // A bundle: the first letter with a value takes the rest.
    for (at, letter) in word.strip_prefix('-')?.char_indices() {
        let arg = command.get_arguments().find(|arg| arg.get_short() == Some(letter))?;
        if takes_values(arg) {
            let rest = word.get(1 + at + letter.len_utf8()..).unwrap_or_default();
            let value = rest.strip_prefix('=').unwrap_or(rest);
            let prefix = word.get(..word.len() - value.len())?;
            return Some((prefix, arg, Some(value).filter(|value| !value.is_empty())));
        }
    }
    None
}

/// The password is between the first colon behind `://` and the last `@`.
fn url_masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return match url.contains('@') {
            true => MASK.to_owned(),
            false => url.to_owned(),
        };
    };
    let Some((user, host)) = rest.rsplit_once('@') else {
        return url.to_owned();
    };
    match user.split_once(':') {
        Some((name, _)) => format!("{scheme}://{name}:{MASK}@{host}"),
        None => url.to_owned(),
    }
}

/// Notes that every user of this computer can read a file with a password.
pub fn warn_if_open(path: &Path, console: &Console) {
    use std::os::unix::fs::PermissionsExt;
    let open = |metadata: Metadata| metadata.is_file() && metadata.permissions().mode() & 0o004 != 0;
    if std::fs::metadata(path).is_ok_and(open) {
        let path = path.display();
        console.note(format_args!(
            "every user can read the password in {path}; chmod 600 keeps it to yourself"
        ));
    }
}

/// Takes the value out of the parser's complaint, when it may hold a secret.
pub fn mask_error(command: &Command, error: &mut clap::Error) {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (Some(label), Some(value)) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue)) else {
        return;
    };
    let Some(arg) = command.get_arguments().find(|arg| shown(arg) == label) else {
        return;
    };
    let shown = masked(arg.get_id().as_str(), std::slice::from_ref(&value)).concat();
    if shown != value {
        error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::flags::by_id;

    #[test]
    fn secrets_are_masked_and_nothing_else() {
        for (flag, values, shown) in [
            ("password", &["s3"][..], &["***"][..]),
            ("url", &["mqtt://u:s3@h:1/t"], &["mqtt://u:***@h:1/t"]),
            ("url", &["mqtt://u:s3@x@h"], &["mqtt://u:***@h"]),
            ("url", &["mqtt://u@h"], &["mqtt://u@h"]),
            ("url", &["u:s3@h"], &["***"]),
            ("proxy", &["socks5h://u:s3@h"], &["socks5h://u:***@h"]),
            ("ws_header", &["Authorization: s3"], &["Authorization: ***"]),
            (
                "property",
                &["connect", "authentication-data", "s3"],
                &["connect", "authentication-data", "***"],
            ),
            (
                "property",
                &["connect", "receive-maximum", "3"],
                &["connect", "receive-maximum", "3"],
            ),
            ("username", &["u"], &["u"]),
        ] {
            let values: Vec<_> = values.iter().map(ToString::to_string).collect();
            assert_eq!(masked(flag, &values), shown, "{flag} {values:?}");
        }
    }

    #[test]
    fn every_secret_is_a_flag() {
        let connection = crate::cli::settings::environment::connection();
        let mut connection = connection.disable_help_flag(true);
        connection.build();
        for (flag, ..) in SECRETS {
            let arg = by_id(&connection, flag).unwrap();
            assert!(arg.to_string().starts_with(&shown(arg)), "{arg}");
        }
    }

    #[test]
    fn a_command_line_is_shown_without_secrets() {
        let command = <crate::cli::Connection as clap::Args>::augment_args(Command::new("x"));
        for (typed, shown) in [
            ("-P s3 -h a", "-P *** -h a"),
            ("-Ps3", "-P***"),
            ("-dP=s3 x", "-dP=*** x"),
            ("-dP s3 x", "-dP *** x"),
            ("--pw s3", "--pw ***"),
            ("--password=s3", "--password=***"),
            ("--pw", "--pw"),
            ("-L mqtt://u:s3@h", "-L mqtt://u:***@h"),
            ("--url=mqtt://u:s3@h -d", "--url=mqtt://u:***@h -d"),
            (
                "-D connect authentication-data s3 -d",
                "-D connect authentication-data *** -d",
            ),
            ("-D connect user-property k v", "-D connect user-property k v"),
            ("fan-in -k 5 -u -P", "fan-in -k 5 -u -P"),
        ] {
            let typed: Vec<_> = typed.split(' ').map(OsString::from).collect();
            assert_eq!(command_line(&command, &typed).join(" "), shown);
        }
    }

    #[test]
    fn the_parser_does_not_repeat_a_secret() {
        let never = |_: &str| Err::<String, _>("is wrong");
        let command = Command::new("x").arg(Arg::new("proxy").long("proxy").value_name("URL").value_parser(never));
        let mut error = command
            .clone()
            .try_get_matches_from(["x", "--proxy", "socks5://u:s3@h"])
            .unwrap_err();
        assert!(error.to_string().contains("s3"));
        mask_error(&command, &mut error);
        let text = error.to_string();
        assert!(
            text.contains("invalid value 'socks5://u:***@h' for '--proxy <URL>'"),
            "{text}"
        );
        assert!(!text.contains("s3"), "{text}");
    }
}
