//! The flags that the environment sets, and the names of its variables. It must not know what they mean.

use super::{Layer, Origin, Setting, without_rivals};
use crate::cli::flags::{by_id, can_be_set, least_values};
use crate::cli::{Connection, Usage};
use clap::{Arg, Args, Command};
use std::ffi::OsString;
use std::path::Path;

/// Names the profile.
pub const PROFILE: &str = "MQTT_PROFILE";
/// The directory of systemd's credentials, and the name that one with the password has.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// See systemd.exec(5), `LoadCredential=`.
pub const CREDENTIAL: &str = "mqtt-password";

/// The flags that the environment, and the top and the profiles of the configuration file can set.
#[must_use]
pub fn connection() -> Command {
    Connection::augment_args(Command::new("connection"))
}

/// The environment variable of a flag with this long name: `MQTT_` and the name.
#[must_use]
pub fn variable_of(long: &str) -> String {
    match long {
        // What everybody calls them.
        "id" => "MQTT_CLIENT_ID".to_owned(),
        "pw" => "MQTT_PASSWORD".to_owned(),
        long => format!("MQTT_{}", long.to_ascii_uppercase().replace('-', "_")),
    }
}

/// The variable of a flag, when it has one.
#[must_use]
pub fn variable(connection: &Command, arg: &Arg) -> Option<String> {
    match arg.get_long()? {
        "profile" => Some(PROFILE.to_owned()),
        long if can_be_set(arg) && by_id(connection, arg.get_id().as_str()).is_some() => Some(variable_of(long)),
        _ => None,
    }
}

/// Whether it sets anything: a cheap look.
#[must_use]
pub fn says_something() -> bool {
    std::env::vars_os().any(|(name, _)| name.as_encoded_bytes().starts_with(b"MQTT_") || name == CREDENTIALS)
}

/// What it sets.
///
/// # Errors
/// A value is not UTF-8.
pub fn read(connection: &Command) -> Result<Layer, Usage> {
    let mut found = Layer::new();
    for arg in connection.get_arguments().filter(|arg| can_be_set(arg)) {
        let Some(name) = arg.get_long().map(variable_of) else {
            continue;
        };
        let Some(value) = value_of(&name)? else { continue };
        let uses = if least_values(arg) > 1 {
            // One use on each line.
            let lines = value.lines().filter(|line| !line.trim().is_empty());
            lines
                .map(|line| line.split_whitespace().map(OsString::from).collect())
                .collect()
        } else {
            vec![vec![value.into()]]
        };
        found.push(Setting {
            flag: arg.get_id().clone(),
            uses,
            origin: Origin::Variable(name),
        });
    }
    if let Some(directory) = std::env::var_os(CREDENTIALS).filter(|directory| !directory.is_empty()) {
        let path = Path::new(&directory).join(CREDENTIAL);
        if path.exists() {
            let origin = Origin::Variable(format!("${CREDENTIALS}"));
            found.push(Setting::one(&"password_file".into(), path, origin));
        }
    }
    Ok(without_rivals(connection, found))
}

/// A variable that is not empty.
///
/// # Errors
/// It is not UTF-8.
pub fn value_of(name: &str) -> Result<Option<String>, Usage> {
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
        let connection = connection();
        let variables = connection.get_arguments().filter_map(|arg| variable(&connection, arg));
        let mut names: Vec<_> = variables.collect();
        assert!(names.contains(&"MQTT_WILL_QOS".to_owned()) && names.contains(&"MQTT_CLIENT_ID".to_owned()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn the_parser_itself_reads_no_environment() {
        // It would take `MQTT_CLIENT_ID` and `-I` for a contradiction.
        for arg in connection().get_arguments() {
            assert!(arg.get_env().is_none(), "{}: no `env = …` here", arg.get_id());
        }
    }
}
