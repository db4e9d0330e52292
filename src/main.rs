//! The mqkit binary (a stand-in until the real file is merged).

use clap::{Parser, Subcommand};
use mqkit::commands::broker;
use mqkit::exit::Outcome;
use std::io::Write;
use std::process::ExitCode;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run an embedded broker
    Broker(broker::Args),
}

fn main() -> ExitCode {
    let Command::Broker(args) = Cli::parse().command;
    match broker::run(args) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Command(status)) => status.into(),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "mqkit: {error:#}");
            ExitCode::from(2)
        }
    }
}
