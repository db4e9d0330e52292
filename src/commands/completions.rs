//! `mqkit completions`: a completion script for a shell. It must not know the flags.

use crate::exit::{Outcome, OutputError};
use clap_complete::Shell;
use std::io::Write;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let script = crate::cli::generate::completion(super::definition(), args.shell);
    std::io::stdout().write_all(&script).map_err(OutputError)?;
    Ok(Outcome::Done)
}
