//! `mqkit completions`: a completion script for a shell. It must not know the flags.

use crate::exit::{Outcome, OutputError};
use clap::Command;
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
    let script = script(super::definition(), args.shell);
    std::io::stdout().write_all(&script).map_err(OutputError)?;
    Ok(Outcome::Done)
}

/// The script for a definition of the command line.
#[must_use]
pub fn script(mut command: Command, shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "mqkit", &mut script);
    script
}
