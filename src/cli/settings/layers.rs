//! The one place where command line, options file, environment and configuration file come together. It must not know what
//! the flags mean.

use super::file::{self, Reader};
use super::{Layer, Settings, environment, gathered, typed_words};
use crate::cli::Usage;
use crate::cli::mosquitto::options_file;
use crate::cli::values::Time;
use crate::net::file::Until;
use clap::{ArgMatches, Command};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The flags that limit the whole run.
pub(in crate::cli) const LIMITS: &[&str] = &["deadline", "timeout"];

/// Whether `--print-config` was typed.
#[must_use]
pub fn only_prints(matches: &ArgMatches) -> bool {
    matches.get_flag("print_config")
}

/// What holds for a command that was typed; `tables` are the subcommands that the configuration file may have tables for.
///
/// # Errors
/// Files that cannot be read or used, and flags that exclude each other.
pub fn gather(command: &Command, tables: &[&str], matches: &ArgMatches, started: Instant) -> Result<Settings, Usage> {
    let path = |flag| matches.try_get_one::<PathBuf>(flag).ok().flatten();
    let limit = |flag| matches.try_get_one(flag).ok().flatten().map(|Time(limit)| *limit);
    let until = Until::new(started, LIMITS.iter().copied().filter_map(limit).min());
    let (options, scenario) = (path("options"), path("scenario"));
    let profile = match matches.get_one::<String>("profile") {
        Some(name) => Some(name.clone()),
        None => environment::value_of(environment::PROFILE)?,
    };
    let config = file::path();
    let typed = typed_words(command, matches);
    let plain = options.or(scenario).is_none() && profile.is_none() && !environment::says_something();
    if plain && !config.as_deref().is_some_and(Path::exists) {
        return Ok(Settings {
            all: typed,
            notes: Vec::new(),
        });
    }
    let mut first = options.map_or_else(|| Ok(Layer::new()), |path| options_file::read(command, path, until))?;
    first.extend(typed);
    let mut layers = vec![gathered(command, first)];
    if let Some(path) = scenario {
        layers.push(file::read_scenario(command, path, until)?);
    }
    let connection = environment::connection();
    layers.push(environment::read(&connection)?);
    let reader = Reader {
        command,
        tables,
        connection: &connection,
        profile: profile.as_deref(),
        until,
    };
    layers.extend(reader.read(config.as_deref())?);
    Settings::merge(command, layers)
}
