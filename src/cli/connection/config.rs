//! The flags that say where further flags are read from. It must not know how.

use crate::cli::settings::typed::path;
use serde::Deserialize;
use std::path::PathBuf;

/// The flags that say what is read and shown.
#[derive(Debug, clap::Args, Deserialize)]
pub(super) struct ConfigFlags {
    /// Read flags from a file, as mosquitto_pub does: one on a line, its value behind a blank
    #[arg(short, long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    options: Option<PathBuf>,

    /// Take [profile.NAME] of the configuration file before the rest of it
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Print what the connection's flags are set to, and where, and end; passwords are masked
    #[arg(long)]
    print_config: bool,
}
