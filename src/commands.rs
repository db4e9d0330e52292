//! The subcommands: the command line as a whole, and the runtime they share. It must not know what any of them does.

pub mod broker;
pub mod completions;
pub mod decode;
pub mod publish;
pub mod subscribe;

use crate::cli::{Console, Usage};
use crate::client::{self, Client};
use crate::exit::{Outcome, Signal};
use crate::protocol::Connack;
use clap::{CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::io::Write;
use std::time::Duration;

/// MQTT tools for the command line: publish, subscribe, decode packets, run a broker
#[derive(Debug, Parser)]
#[command(name = "mqkit", version, disable_help_flag = true, disable_help_subcommand = true)]
#[command(arg_required_else_help = false, subcommand_required = true)]
pub struct Cli {
    /// Print help
    #[arg(long, action = clap::ArgAction::Help, global = true)]
    help: Option<bool>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish a message, a file, or a stream of lines
    Pub(Box<publish::Args>),
    /// Subscribe and print JSON lines, payloads, or a format
    Sub(Box<subscribe::Args>),
    /// Explain packets given as hex text
    Decode(decode::Args),
    /// Run an embedded broker for development and CI
    Broker(broker::Args),
    /// Print a completion script
    Completions(completions::Args),
}

/// Runs the command line.
///
/// # Errors
/// What ended the command; `exit` knows its status.
pub fn run(words: impl IntoIterator<Item = OsString>) -> anyhow::Result<Outcome> {
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            // Help and version are what was asked for.
            let _ = std::io::stdout().write_all(error.render().to_string().as_bytes());
            return Ok(Outcome::Done);
        }
        Err(error) => return Err(Usage::Explained(error.render().to_string()).into()),
    };
    match cli.command {
        Command::Pub(args) => publish::run(*args),
        Command::Sub(args) => subscribe::run(*args),
        Command::Decode(args) => decode::run(&args),
        Command::Broker(args) => broker::run(args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// The definition of the command line, for completions and man pages.
#[must_use]
pub fn definition() -> clap::Command {
    Cli::command()
}

/// Runs a future on a runtime of this thread. A read of standard input that still waits does not hold up the end.
fn block_on<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(result)
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next one. Cancel-safe.
    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

/// Waits until a time that may never come.
async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn describe_connection(client: &mut Client, console: &Console, connack: &Connack) {
    if !console.debug {
        return;
    }
    let session = if connack.session_present {
        "an old session"
    } else {
        "a new session"
    };
    let tls = client.tls_summary().map(|tls| format!(", {tls}")).unwrap_or_default();
    let version = client.session().options().version;
    let id = client.session().options().client_id.clone();
    let target = client.target();
    console.debug(format_args!(
        "connected to {target} as \"{}\", MQTT {version}{tls}, {session}",
        id.escape_debug()
    ));
}

fn describe_loss(console: &Console, error: &client::Error, wait: Duration) {
    let cause = std::error::Error::source(error)
        .map(|source| format!(": {source}"))
        .unwrap_or_default();
    console.note(format_args!(
        "{error}{cause}; trying again in {:.1}s",
        wait.as_secs_f64()
    ));
}

fn describe_fall_back(console: &Console, error: &client::Error) {
    console.note("the broker does not speak MQTT 5: going on with 3.1.1 (-V 311 does so at once)");
    let cause = std::error::Error::source(error)
        .map(|source| format!(": {source}"))
        .unwrap_or_default();
    console.debug(format_args!("{error}{cause}"));
}
