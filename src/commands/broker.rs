//! `mqkit broker`: an embedded broker for development and CI, alone or around a command. It must not know how messages
//! find their way.

use super::{Signals, block_on, descriptors};
use crate::broker::passwords::Passwords;
use crate::broker::serve::{Log, Severity, serve};
use crate::broker::{Options, Statistics};
use crate::exit::{Outcome, OutputError, Signal};
use crate::net::file::{self, Until};
use crate::net::{Address, Listener, PORT, WEBSOCKET_PATH, tls};
use anyhow::Context as _;
use clap::ArgGroup;
use rustix::process::{Pid, kill_process};
use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

/// Run an embedded broker for development and CI
///
/// It speaks MQTT 5.0, 3.1.1 and 3.1 and keeps everything in memory. Without a command it prints the URL of each
/// listener on standard output and runs until SIGINT or SIGTERM. With a command it runs as long as the command does: the
/// command finds the broker in MQTT_URL, MQTT_HOST and MQTT_PORT, and its exit status becomes that of mqkit.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("with_tls").multiple(true))]
pub struct Args {
    /// Port to listen on; 0 takes any free one. The default is 1883, and 0 with a command
    #[arg(short, long, value_name = "PORT")]
    port: Option<u16>,

    /// Address to listen on. The default keeps other computers out, on purpose: nobody is asked for a password
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: String,

    /// Port to listen on with TLS as well; 0 takes any free one
    #[arg(long, value_name = "PORT", requires_all = ["cert", "key"], group = "with_tls")]
    tls_port: Option<u16>,

    /// Port to listen on for WebSocket (ws://) as well; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    ws_port: Option<u16>,

    /// Port to listen on for WebSocket with TLS (wss://) as well; 0 takes any free one
    #[arg(long, value_name = "PORT", requires_all = ["cert", "key"], group = "with_tls")]
    wss_port: Option<u16>,

    /// Path of a Unix socket to listen on as well
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,

    /// Certificate of the broker for TLS, PEM, with its intermediate certificates
    #[arg(long, value_name = "FILE", requires = "with_tls")]
    cert: Option<PathBuf>,

    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "with_tls")]
    key: Option<PathBuf>,

    /// File whose first line is the password of an encrypted key (PKCS #8)
    #[arg(long, value_name = "FILE", requires = "key")]
    key_password_file: Option<PathBuf>,

    /// With TLS: only clients may connect whose certificate is in this PEM file, or signed by an authority in it
    #[arg(long, value_name = "FILE", requires = "with_tls")]
    client_ca: Option<PathBuf>,

    /// Only users in this file may connect: lines of the form user:password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Messages that may wait for one client, connected or not; what exceeds them is dropped and reported. 0 is no limit
    #[arg(long, value_name = "N", default_value_t = Options::default().max_queued)]
    max_queued: usize,

    /// Largest packet that is accepted, in bytes
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(16..))]
    max_packet_size: Option<u32>,

    /// Tell on standard error who connects, disconnects and subscribes
    #[arg(short, long)]
    verbose: bool,

    /// Command to run with the broker, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const EXAMPLES: &str = "Examples:
  mqkit broker -- sh -c 'mqkit sub -t a -C 1 & mqkit pub -t a -m hello -r; wait'
  mqkit broker -- ./integration-tests.sh
  mqkit broker --port 0 --verbose
  mqkit broker --bind 0.0.0.0 --password-file users --tls-port 8883 --cert broker.pem --key broker.key";

/// Runs the broker, and the command.
///
/// # Errors
/// A file cannot be used, an address cannot be bound, the command cannot be started, or standard output is gone.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    block_on(run_async(args, Interrupt::OfTerminal))?
}

/// What becomes of SIGINT while a command runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interrupt {
    /// A terminal sends it to the command itself.
    OfTerminal,
    /// The command gets it, once more or for the first time.
    PassedOn,
}

/// Runs a command with a broker for it alone, which keeps what clients are slow to take. It gets all signals, SIGINT twice
/// when it comes from a terminal.
///
/// # Errors
/// An address cannot be bound, or the command cannot be started.
pub(super) fn around(command: Vec<OsString>) -> anyhow::Result<Outcome> {
    let args = Args {
        port: None,
        bind: Ipv4Addr::LOCALHOST.to_string(),
        tls_port: None,
        ws_port: None,
        wss_port: None,
        unix: None,
        cert: None,
        key: None,
        key_password_file: None,
        client_ca: None,
        password_file: None,
        max_queued: 0,
        max_packet_size: None,
        verbose: false,
        command,
    };
    block_on(run_async(args, Interrupt::PassedOn))?
}

async fn run_async(args: Args, interrupt: Interrupt) -> anyhow::Result<Outcome> {
    let options = options(&args)?;
    let port = args.port.unwrap_or(if args.command.is_empty() { PORT } else { 0 });
    let plain = Listener::bind(&Address::new(&*args.bind, port), None).await?;
    let address = plain.local_addr()?;
    let mut urls = vec![format!("mqtt://{address}")];
    let mut listeners = vec![plain];
    for (listener, url) in further_listeners(&args).await? {
        listeners.push(listener);
        urls.push(url);
    }
    let log = log(args.verbose);
    // From now on: a signal must not end the broker before the command, however early it comes.
    let mut signals = Signals::new()?;
    if args.command.is_empty() {
        descriptors::raise();
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{}", urls.join("\n"))
            .and_then(|()| stdout.flush())
            .map_err(OutputError)?;
        drop(stdout);
        let stop = async {
            signals.next().await;
        };
        report(serve(listeners, options, stop, log).await);
        return Ok(Outcome::Done);
    }
    let child = start(&args.command, address)?;
    // Not before: what the command may have open is not our business.
    descriptors::raise();
    let (ended, end) = oneshot::channel::<()>();
    let command = async {
        let status = attend(signals, child, interrupt).await;
        drop(ended);
        status
    };
    let stop = async {
        // The sender is never used, only dropped.
        let _ = end.await;
    };
    // The broker outlives the command: what it publishes while it cleans up arrives.
    let (statistics, status) = tokio::join!(serve(listeners, options, stop, log), command);
    report(statistics);
    let status = status.context("cannot wait for the command")?;
    Ok(Outcome::Command(code(status)))
}

/// All but the one for plain TCP, each with its URL.
async fn further_listeners(args: &Args) -> anyhow::Result<Vec<(Listener, String)>> {
    let tls = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => {
            let (password, client_ca) = (args.key_password_file.as_deref(), args.client_ca.as_deref());
            Some(tls::server_config(cert, key, password, client_ca)?)
        }
        _ => None,
    };
    let mut listeners = Vec::new();
    for (port, scheme, tls) in [
        (args.tls_port, "mqtts", tls.clone()),
        (args.ws_port, "ws", None),
        (args.wss_port, "wss", tls),
    ] {
        let Some(port) = port else { continue };
        let listener = Listener::bind(&Address::new(&*args.bind, port), tls).await?;
        let url = format!("{scheme}://{}", listener.local_addr()?);
        listeners.push(match scheme {
            "mqtts" => (listener, url),
            _ => (listener.with_websocket(), url + WEBSOCKET_PATH),
        });
    }
    if let Some(path) = &args.unix {
        let url = format!("unix:{}", path.display());
        listeners.push((Listener::bind_unix(path)?, url));
    }
    Ok(listeners)
}

fn options(args: &Args) -> anyhow::Result<Options> {
    let mut options = Options {
        seed: fastrand::u64(..),
        ..Options::default()
    };
    if let Some(path) = &args.password_file {
        options.passwords = Some(read_passwords(path)?);
    }
    options.max_queued = match args.max_queued {
        0 => usize::MAX,
        limit => limit,
    };
    if let Some(size) = args.max_packet_size {
        options.max_packet_size = usize::try_from(size)?.min(options.max_packet_size);
    }
    Ok(options)
}

fn read_passwords(path: &Path) -> anyhow::Result<Passwords> {
    let problem = || format!("cannot use the password file {}", path.display());
    let text = file::read_text(path, Until::default()).with_context(problem)?;
    Passwords::parse(&text).with_context(problem)
}

// ----- what is said on standard error

fn log(verbose: bool) -> Box<Log> {
    Box::new(move |severity, line| {
        if verbose || severity == Severity::Loss {
            say(line);
        }
    })
}

fn say(line: fmt::Arguments<'_>) {
    // A broker whose stderr is gone goes on.
    let _ = writeln!(std::io::stderr().lock(), "mqkit broker: {line}");
}

fn report(statistics: Statistics) {
    if statistics.dropped > 0 {
        let Statistics { dropped, sent, .. } = statistics;
        say(format_args!("{dropped} messages were dropped in all, {sent} were sent"));
    }
}

// ----- the command

fn start(command: &[OsString], address: SocketAddr) -> anyhow::Result<Child> {
    let (program, words) = command.split_first().context("there is no command")?;
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let reachable = SocketAddr::new(host, address.port());
    let mut command = Command::new(program);
    command
        .args(words)
        .env("MQTT_URL", format!("mqtt://{reachable}"))
        .env("MQTT_HOST", host.to_string())
        .env("MQTT_PORT", address.port().to_string());
    if let Some(path) = search_path() {
        command.env("PATH", path);
    }
    command
        .spawn()
        .with_context(|| format!("cannot run the command `{}`", program.to_string_lossy()))
}

/// `PATH` with this program's directory in front, so that `mqkit` means this one.
fn search_path() -> Option<OsString> {
    let own = std::env::current_exe().ok()?.parent()?.to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path))).ok()
}

/// Waits for the command, and passes on what should end it.
async fn attend(mut signals: Signals, mut child: Child, interrupt: Interrupt) -> std::io::Result<ExitStatus> {
    use rustix::process::Signal as Kill;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            signal = signals.next() => match signal {
                Signal::Interrupt if interrupt == Interrupt::OfTerminal => {}
                Signal::Interrupt => forward(&child, Kill::INT, "SIGINT"),
                Signal::Terminate => forward(&child, Kill::TERM, "SIGTERM"),
            },
        }
    }
}

fn forward(child: &Child, signal: rustix::process::Signal, name: &str) {
    let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    // Without one it has ended.
    if let Some(Err(error)) = id.map(|id| kill_process(id, signal)) {
        say(format_args!("cannot pass {name} on to the command: {error}"));
    }
}

/// The status that a shell would give.
fn code(status: ExitStatus) -> u8 {
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}
