//! The subcommands: the command line as a whole, and the runtime they share. It must not know what any of them does.

pub mod bench;
pub mod broker;
pub mod completions;
mod conversation;
pub mod decode;
mod descriptors;
mod payload;
mod print_flags;
pub mod publish;
pub mod request;
pub mod subscribe;
mod terminal;

use crate::cli::connection::Invocation;
use crate::cli::mosquitto::{Call, Tool};
use crate::cli::settings::{Settings, environment, layers, print::print, typed::typed};
use crate::cli::{Connection, Console, Usage, secret, suggestions};
use crate::exit::{Outcome, OutputError, Signal};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::io::{IsTerminal, Write};
use std::task::{Context, Poll};
use std::time::Instant;

/// One subcommand.
struct Subcommand {
    name: &'static str,
    about: &'static str,
    flags: fn(Command) -> Command,
    run: Run,
}

/// How a subcommand is run.
enum Run {
    /// With the flags that were typed.
    Alone(fn(&ArgMatches) -> anyhow::Result<Outcome>),
    /// With those of the environment and the configuration file, too: it connects.
    Connecting(fn(&Start<'_>) -> anyhow::Result<Outcome>),
}

/// The subcommands, in the order of `--help`.
const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "pub",
        about: "Publish a message, a file, or a stream of lines",
        flags: publish::Args::augment_args,
        run: Run::Connecting(|start| start.run(publish::run)),
    },
    Subcommand {
        name: "sub",
        about: "Subscribe and print JSON lines, payloads, or a format",
        flags: subscribe::Args::augment_args,
        run: Run::Connecting(|start| start.run(subscribe::run)),
    },
    Subcommand {
        name: "rr",
        about: "Send a request, print the response",
        flags: request::Args::augment_args,
        run: Run::Connecting(|start| start.run(request::run)),
    },
    Subcommand {
        name: "bench",
        about: "Measure a broker: throughput, latency, delivery",
        flags: bench::Args::augment_args,
        run: Run::Connecting(|start| start.run(bench::run)),
    },
    Subcommand {
        name: "decode",
        about: "Explain captured packets: hex text, raw bytes, pcap and pcapng",
        flags: decode::Args::augment_args,
        run: Run::Alone(|matches| decode::run(&parsed(matches)?)),
    },
    Subcommand {
        name: "broker",
        about: "Run an embedded broker for development and CI",
        flags: broker::Args::augment_args,
        run: Run::Alone(|matches| broker::run(parsed(matches)?)),
    },
    Subcommand {
        name: "completions",
        about: "Print a completion script for a shell",
        flags: completions::Args::augment_args,
        run: Run::Alone(|matches| completions::run(&parsed(matches)?)),
    },
];

/// Runs the command line, under the name of one of Mosquitto's tools if there is one.
///
/// # Errors
/// What ended the command; `exit` knows its status.
pub fn run(words: Vec<OsString>, tool: Option<&Tool>) -> anyhow::Result<Outcome> {
    let invocation = Invocation {
        started: Instant::now(),
        as_mosquitto: tool.is_some(),
    };
    fastrand::seed(entropy());
    match tool {
        Some(tool) => run_as(tool, &words, invocation),
        None => dispatch(&words, invocation),
    }
}

fn run_as(tool: &Tool, words: &[OsString], invocation: Invocation) -> anyhow::Result<Outcome> {
    let Some(subcommand) = named(tool.command) else {
        return Err(Usage::Bad(format!("there is no subcommand for {}", tool.name)).into());
    };
    let command = (subcommand.flags)(Command::new(tool.name)).about(subcommand.about);
    match (
        tool.read(&command, words.get(1..).unwrap_or_default(), invocation.started)?,
        &subcommand.run,
    ) {
        (Call::Run(settings), Run::Connecting(run)) => run(&Start {
            command: &command,
            settings,
            invocation,
            only_prints: false,
        }),
        // The others are failures there.
        (Call::Version(line), _) => {
            let _ = std::io::stdout().write_all(line.as_bytes());
            Ok(Outcome::No)
        }
        (Call::Help | Call::Run(_), _) => {
            let help = command.disable_help_flag(true).arg(help()).render_help().to_string();
            let _ = std::io::stdout().write_all(help.as_bytes());
            Ok(Outcome::No)
        }
    }
}

fn dispatch(words: &[OsString], invocation: Invocation) -> anyhow::Result<Outcome> {
    let mut parser = parser();
    let matches = match parser.try_get_matches_from_mut(words) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => {
            // Help and version are what was asked for. Only who asks for help sees the names of the variables.
            let told = definition().try_get_matches_from(words).err().unwrap_or(error);
            let _ = std::io::stdout().write_all(told.render().to_string().as_bytes());
            return Ok(Outcome::Done);
        }
        Err(error) => {
            let name = words.get(1).and_then(|word| word.to_str()).unwrap_or_default();
            let command = parser.find_subcommand(name).unwrap_or(&parser);
            return Err(explained(error, command, words.get(2..).unwrap_or_default()));
        }
    };
    let chosen = matches.subcommand().and_then(|(name, matches)| {
        let subcommand = named(name)?;
        Some((subcommand, parser.find_subcommand(name)?, matches))
    });
    let Some((subcommand, command, matches)) = chosen else {
        return Err(Usage::Bad("no command: see mqkit --help".to_owned()).into());
    };
    match &subcommand.run {
        Run::Alone(run) => run(matches),
        Run::Connecting(run) => {
            let tables: Vec<_> = SUBCOMMANDS.iter().map(|subcommand| subcommand.name).collect();
            run(&Start {
                command,
                settings: layers::gather(command, &tables, matches, invocation.started)?,
                invocation,
                only_prints: layers::only_prints(matches),
            })
        }
    }
}

fn named(name: &str) -> Option<&'static Subcommand> {
    SUBCOMMANDS.iter().find(|subcommand| subcommand.name == name)
}

/// What a subcommand that connects is started with.
struct Start<'a> {
    command: &'a Command,
    settings: Settings,
    invocation: Invocation,
    only_prints: bool,
}

/// The flags that decide what is said before a command begins.
#[derive(Deserialize)]
struct Notes {
    quiet: bool,
    debug: bool,
    embedded: bool,
}

impl Start<'_> {
    fn run<A: DeserializeOwned>(&self, run: fn(A, Invocation) -> anyhow::Result<Outcome>) -> anyhow::Result<Outcome> {
        let args = typed(self.command, &self.settings.all)?;
        if self.only_prints {
            return self.print();
        }
        self.note()?;
        run(args, self.invocation)
    }

    fn print(&self) -> anyhow::Result<Outcome> {
        let connection: Connection = typed(self.command, &self.settings.all)?;
        let (outcomes, remarks) = connection.outcomes(self.invocation)?;
        let text = print(&environment::connection(), &self.settings, &outcomes, &remarks);
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes()).map_err(OutputError)?;
        self.note()?;
        Ok(Outcome::Done)
    }

    /// Notes what was left out, and that others can see a password: on the command line, or in a file of flags.
    fn note(&self) -> anyhow::Result<()> {
        let Notes { quiet, debug, embedded } = typed(self.command, &self.settings.all)?;
        let console = Console { quiet, debug };
        // Said by the process that started this one.
        if embedded || self.invocation.as_mosquitto {
            return Ok(());
        }
        for note in &self.settings.notes {
            console.note(note);
        }
        if self.only_prints {
            return Ok(());
        }
        if let Some(path) = self.settings.password_in_file() {
            secret::warn_if_open(path, &console);
        }
        // A script has nobody who reads it.
        if self.settings.password_typed() && std::io::stderr().is_terminal() {
            console
                .note("others can see -P in the process list; --password-file and MQTT_PASSWORD keep it to yourself");
        }
        Ok(())
    }
}

/// The definition of the command line, with everything that help and manual pages tell.
#[must_use]
pub fn definition() -> Command {
    let connection = environment::connection();
    root(|subcommand, command| {
        let command = (subcommand.flags)(command);
        match subcommand.run {
            Run::Alone(_) => command,
            // Not for parsing: the parser would look at them without regard to what replaces them.
            Run::Connecting(_) => command.mut_args(|arg| match environment::variable(&connection, &arg) {
                // As long as the program, as all names of a definition.
                Some(name) => arg.env(&*name.leak()).hide_env_values(true),
                None => arg,
            }),
        }
    })
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
    A::from_arg_matches(matches).map_err(|error| Usage::Explained(error.render().to_string()).into())
}

fn explained(mut error: clap::Error, command: &Command, typed: &[OsString]) -> anyhow::Error {
    secret::mask_error(command, &mut error);
    suggestions::suggest(command, typed, &mut error);
    Usage::Explained(error.render().to_string()).into()
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
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Signal> {
        if self.interrupt.poll_recv(context).is_ready() {
            return Poll::Ready(Signal::Interrupt);
        }
        self.terminate.poll_recv(context).map(|_| Signal::Terminate)
    }
}

/// Waits until a time that may never come.
async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
