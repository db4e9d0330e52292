//! The subcommands: the command line as a whole, and the runtime they share. It must not know what any of them does.

pub mod bench;
pub mod broker;
pub mod completions;
pub mod decode;
mod descriptors;
mod print_flags;
pub mod publish;
pub mod request;
pub mod subscribe;

use crate::cli::drop_in::{Call, Tool};
use crate::cli::resolve::{self, Resolved};
use crate::cli::{Console, Usage, secret};
use crate::client::{self, Client};
use crate::exit::{Outcome, OutputError, Signal};
use crate::protocol::{Connack, Version};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::io::{IsTerminal, Write};
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
        name: "bench",
        about: "Measure a broker: throughput, latency, delivery",
        flags: bench::Args::augment_args,
        run: |matches| bench::run(parsed(matches)?),
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

/// Runs the command line, under the name of one of Mosquitto's tools if there is one.
///
/// # Errors
/// What ended the command; `exit` knows its status.
pub fn run(words: Vec<OsString>, tool: Option<&Tool>) -> anyhow::Result<Outcome> {
    fastrand::seed(entropy());
    let Some(tool) = tool else {
        return dispatch(words);
    };
    let Some(subcommand) = named(tool.command) else {
        return Err(Usage::Bad(format!("there is no subcommand for {}", tool.name)).into());
    };
    let flags = || (subcommand.flags)(Command::new(tool.name).about(subcommand.about));
    match tool.read(&flags(), words.get(1..).unwrap_or_default())? {
        Call::Run(typed) => {
            let parser = flags().no_binary_name(true).args_override_self(true);
            let matches = parser
                .disable_help_flag(true)
                .try_get_matches_from(typed)
                .map_err(|error| explained(error, None))?;
            (subcommand.run)(&matches)
        }
        // Both are failures there.
        Call::Help => {
            let help = flags().disable_help_flag(true).arg(help()).render_help().to_string();
            let _ = std::io::stdout().write_all(help.as_bytes());
            Ok(Outcome::No)
        }
        Call::Version(line) => {
            let _ = std::io::stdout().write_all(line.as_bytes());
            Ok(Outcome::No)
        }
    }
}

fn dispatch(mut words: Vec<OsString>) -> anyhow::Result<Outcome> {
    let subcommand = words.get(1).and_then(|word| word.to_str()).and_then(named);
    let mut resolved = None;
    if let Some(subcommand) = subcommand {
        let flags = || (subcommand.flags)(Command::new(subcommand.name));
        let tables: Vec<_> = SUBCOMMANDS.iter().map(|subcommand| subcommand.name).collect();
        resolved = resolve::resolve(flags, &tables, words.get(2..).unwrap_or_default())?;
        if let Some(resolved) = &resolved {
            words.truncate(2);
            words.extend_from_slice(&resolved.words);
        }
    }
    // Only who asks for help sees the names of the variables.
    let parser = if words.iter().any(|word| word == "--help") {
        definition()
    } else {
        parser()
    };
    let matches = match parser.try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => {
            // Help and version are what was asked for.
            let _ = std::io::stdout().write_all(error.render().to_string().as_bytes());
            return Ok(Outcome::Done);
        }
        Err(error) => match &resolved {
            // What else the command needs does not matter.
            Some(resolved) if resolved.print && error.kind() == ErrorKind::MissingRequiredArgument => {
                return print_config(subcommand, resolved);
            }
            resolved => return Err(explained(error, resolved.as_ref())),
        },
    };
    let chosen = matches
        .subcommand()
        .and_then(|(name, matches)| Some((named(name)?, matches)));
    let Some((subcommand, matches)) = chosen else {
        return Err(Usage::Bad("no command: see mqkit --help".to_owned()).into());
    };
    if let Some(resolved) = resolved.as_ref().filter(|resolved| resolved.print) {
        return print_config(Some(subcommand), resolved);
    }
    note_passwords(matches, resolved.as_ref());
    (subcommand.run)(matches)
}

fn named(name: &str) -> Option<&'static Subcommand> {
    SUBCOMMANDS.iter().find(|subcommand| subcommand.name == name)
}

fn print_config(subcommand: Option<&Subcommand>, resolved: &Resolved) -> anyhow::Result<Outcome> {
    let Some(subcommand) = subcommand else {
        return Ok(Outcome::No);
    };
    let text = resolved.print(&(subcommand.flags)(Command::new(subcommand.name)));
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).map_err(OutputError)?;
    Ok(Outcome::Done)
}

/// The definition of the command line, with everything that help and manual pages tell.
#[must_use]
pub fn definition() -> Command {
    root(|subcommand, command| resolve::documented((subcommand.flags)(command)))
}

/// The definition for parsing. The flags of a subcommand are made when it is called: a one-shot `pub` should not pay for
/// those of the others.
fn parser() -> Command {
    root(|subcommand, command| command.defer(subcommand.flags))
}

fn root(flags: impl Fn(&Subcommand, Command) -> Command) -> Command {
    let mqkit = Command::new("mqkit")
        .version(env!("CARGO_PKG_VERSION"))
        .about("MQTT tools for the command line: publish, subscribe, measure and run a broker, decode packets")
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg(help());
    SUBCOMMANDS.iter().fold(mqkit, |mqkit, subcommand| {
        // Of a repeated flag the last one holds, as in Mosquitto's tools.
        let command = Command::new(subcommand.name)
            .about(subcommand.about)
            .args_override_self(true);
        mqkit.subcommand(flags(subcommand, command))
    })
}

fn help() -> Arg {
    let help = Arg::new("help").long("help").help("Print help");
    help.action(ArgAction::Help).global(true)
}

fn parsed<A: FromArgMatches>(matches: &ArgMatches) -> anyhow::Result<A> {
    A::from_arg_matches(matches).map_err(|error| explained(error, None))
}

fn explained(mut error: clap::Error, resolved: Option<&Resolved>) -> anyhow::Error {
    secret::mask_error(&mut error);
    let mut text = error.render().to_string();
    if let Some(blame) = resolved.and_then(|resolved| resolved.blame(&error)) {
        text = format!("{}\n\n{blame}\n", text.trim_end());
    }
    Usage::Explained(text).into()
}

/// Notes that others can see a password: on the command line, or in the configuration file.
fn note_passwords(matches: &ArgMatches, resolved: Option<&Resolved>) {
    let is_set = |flag| matches.try_get_one::<bool>(flag).ok().flatten() == Some(&true);
    let console = Console {
        quiet: is_set("quiet"),
        debug: is_set("debug"),
    };
    if is_set("embedded") {
        // Said by the process that started this one.
        return;
    }
    if let Some(path) = resolved.and_then(Resolved::password_in_file) {
        secret::warn_if_open(path, &console);
    }
    let typed = match resolved {
        Some(resolved) => resolved.password_typed(),
        None => matches.try_contains_id("password").is_ok_and(|given| given),
    };
    // A script has nobody who reads it.
    if typed && std::io::stderr().is_terminal() {
        console.note("others can see -P in the process list; --password-file and MQTT_PASSWORD keep it to yourself");
    }
}

/// Whether standard output is to be coloured.
fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Random bits from the operating system, by way of the keys of a hash map. By itself, fastrand looks at a clock and at the
/// number of the thread: programs that start at the same moment, as in a script, would take the same client identifier and
/// throw each other out.
fn entropy() -> u64 {
    RandomState::new().hash_one(std::process::id())
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
    if wait.is_zero() {
        return console.note(format_args!("{error}{cause}"));
    }
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
