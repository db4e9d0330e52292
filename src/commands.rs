//! The subcommands: the command line as a whole, and the runtime they share. It must not know what any of them does.

pub mod broker;
pub mod completions;
pub mod decode;
pub mod publish;
pub mod request;
pub mod subscribe;

use crate::cli::{Console, Usage};
use crate::client::{self, Client};
use crate::exit::{Outcome, Signal};
use crate::protocol::{Connack, Version};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::ffi::OsString;
use std::io::Write;
use std::time::Duration;

/// One subcommand.
struct Subcommand {
    name: &'static str,
    about: &'static str,
    flags: fn(Command) -> Command,
    run: fn(&ArgMatches) -> anyhow::Result<Outcome>,
}

/// The subcommands, in the order of `--help`.
const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "pub",
        about: "Publish a message, a file, or a stream of lines",
        flags: publish::Args::augment_args,
        run: |matches| publish::run(parsed(matches)?),
    },
    Subcommand {
        name: "sub",
        about: "Subscribe and print JSON lines, payloads, or a format",
        flags: subscribe::Args::augment_args,
        run: |matches| subscribe::run(parsed(matches)?),
    },
    Subcommand {
        name: "rr",
        about: "Send a request, print the response",
        flags: request::Args::augment_args,
        run: |matches| request::run(parsed(matches)?),
    },
    Subcommand {
        name: "decode",
        about: "Explain captured packets: hex text, raw bytes, pcap and pcapng",
        flags: decode::Args::augment_args,
        run: |matches| decode::run(&parsed(matches)?),
    },
    Subcommand {
        name: "broker",
        about: "Run an embedded broker for development and CI",
        flags: broker::Args::augment_args,
        run: |matches| broker::run(parsed(matches)?),
    },
    Subcommand {
        name: "completions",
        about: "Print a completion script for a shell",
        flags: completions::Args::augment_args,
        run: |matches| completions::run(&parsed(matches)?),
    },
];

/// Runs the command line.
///
/// # Errors
/// What ended the command; `exit` knows its status.
pub fn run(words: impl IntoIterator<Item = OsString>) -> anyhow::Result<Outcome> {
    let matches = match definition().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => {
            // Help and version are what was asked for.
            let _ = std::io::stdout().write_all(error.render().to_string().as_bytes());
            return Ok(Outcome::Done);
        }
        Err(error) => return Err(explained(&error)),
    };
    let chosen = matches.subcommand().and_then(|(name, matches)| {
        let subcommand = SUBCOMMANDS.iter().find(|subcommand| subcommand.name == name)?;
        Some((subcommand, matches))
    });
    let Some((subcommand, matches)) = chosen else {
        return Err(Usage::Bad("no command: see mqkit --help".to_owned()).into());
    };
    (subcommand.run)(matches)
}

/// The definition of the command line. The flags of a subcommand are made when it is called: a one-shot `pub` should not
/// pay for those of the others.
#[must_use]
pub fn definition() -> Command {
    let help = Arg::new("help")
        .long("help")
        .help("Print help")
        .action(ArgAction::Help)
        .global(true);
    let mqkit = Command::new("mqkit")
        .version(env!("CARGO_PKG_VERSION"))
        .about("MQTT tools for the command line: publish, subscribe, decode packets, run a broker")
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg(help);
    SUBCOMMANDS.iter().fold(mqkit, |mqkit, subcommand| {
        mqkit.subcommand(
            Command::new(subcommand.name)
                .about(subcommand.about)
                .defer(subcommand.flags),
        )
    })
}

fn parsed<A: FromArgMatches>(matches: &ArgMatches) -> anyhow::Result<A> {
    A::from_arg_matches(matches).map_err(|error| explained(&error))
}

fn explained(error: &clap::Error) -> anyhow::Error {
    Usage::Explained(error.render().to_string()).into()
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
    let version = client.session().options().version;
    // 3.1 does not say.
    let session = match connack.session_present {
        _ if version == Version::V31 => "",
        true => ", an old session",
        false => ", a new session",
    };
    let stream = client.stream_summary();
    let stream = stream.map(|words| format!(", {words}")).unwrap_or_default();
    let id = client.session().options().client_id.clone();
    let target = client.target();
    console.debug(format_args!(
        "connected to {target} as \"{}\", MQTT {version}{stream}{session}",
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
