//! The brokers that the tests run against: each on 127.0.0.1, on free ports, with a configuration and state of its own.

mod configuration;
mod table;

pub(super) use table::Retained;

use super::process::{self, Process};
use crate::support::certificates::Certificates;
use configuration::{Place, Ports};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use tempfile::TempDir;

/// Which broker; what is known of each is in `brokers/table.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mosquitto,
    Embedded,
    RabbitMq,
    Nats,
    NatsTls,
    Aedes,
    Amqtt,
}

/// How to reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Tls,
    WebSocket,
    WebSocketTls,
    Unix,
}

/// A running broker; dropping it ends it.
#[derive(Debug)]
pub(super) struct Broker {
    // End before their files vanish, the helper last.
    process: Option<Process>,
    helper: Option<Process>,
    pub(super) kind: Kind,
    program: PathBuf,
    ports: Ports,
    certificates: Option<Certificates>,
    directory: TempDir,
}

/// Attempts to find ports that nobody else takes meanwhile.
const ATTEMPTS: usize = 5;

impl Broker {
    /// Starts one with a plain port, or says why it cannot (`None`).
    pub(super) fn plain(kind: Kind) -> Option<Self> {
        Self::start(kind, false)
    }

    /// Starts one with all that it has, or says why it cannot (`None`).
    pub(super) fn complete(kind: Kind) -> Option<Self> {
        Self::start(kind, true)
    }

    fn start(kind: Kind, complete: bool) -> Option<Self> {
        let mut broker = Self {
            process: None,
            helper: None,
            kind,
            program: program(kind)?,
            ports: Ports::default(),
            certificates: complete.then(Certificates::new),
            directory: tempfile::tempdir().unwrap(),
        };
        for _ in 0..ATTEMPTS {
            broker.ports = free_ports();
            if broker.run() {
                return Some(broker);
            }
        }
        panic!("no free ports for {kind:?}");
    }

    /// False when it could not have its ports.
    fn run(&mut self) -> bool {
        let place = Place {
            kind: self.kind,
            program: self.program.clone(),
            directory: self.directory.path(),
            ports: self.ports,
            certificates: self.certificates.as_ref(),
        };
        if let Some(helper) = place.helper() {
            let process = Process::start(helper.command);
            if !has_ports(&process, helper.ready) {
                return false;
            }
            self.helper = Some(process);
        }
        let process = Process::start(place.command());
        if self.kind == Kind::Embedded {
            self.ports = printed_ports(&process, if self.certificates.is_some() { 5 } else { 1 });
        } else if !has_ports(&process, self.kind.facts().ready) {
            return false;
        }
        self.process = Some(process);
        true
    }

    /// Ends it with SIGTERM, as a system does: it saves what it has to. Gives its log.
    pub(super) fn stop(&mut self) -> String {
        self.process
            .take()
            .map(|process| process.terminate().stderr())
            .unwrap_or_default()
    }

    /// Starts it again on the same ports with what it has saved.
    pub(super) fn start_again(&mut self) {
        assert_eq!(self.kind, Kind::Mosquitto, "of the others nobody has asked it");
        for _ in 0..ATTEMPTS {
            if self.run() {
                return;
            }
        }
        panic!("somebody else has taken port {} of {:?}", self.ports.plain, self.kind);
    }

    /// Waits until a client has subscribed, by what the broker says: other clients do not say so themselves.
    pub(super) fn wait_for_subscription(&self, client: &str) {
        let text = match self.kind {
            Kind::Mosquitto => format!(": {client} "),
            Kind::Embedded => format!(": {client}: subscribes to "),
            _ => panic!("{:?} does not say so", self.kind),
        };
        self.process.as_ref().unwrap().wait_for_stderr(&text);
    }

    /// Its port without TLS.
    pub(super) fn port(&self) -> String {
        self.ports.plain.to_string()
    }

    /// Its address, as messages name it.
    pub(super) fn address(&self, transport: Transport) -> String {
        let host = |port: u16| format!("127.0.0.1:{port}");
        match transport {
            Transport::Tcp => host(self.ports.plain),
            Transport::Tls => host(self.ports.tls),
            Transport::WebSocket => host(self.ports.web_socket),
            Transport::WebSocketTls => host(self.ports.web_socket_tls),
            Transport::Unix => Place::socket(self.directory.path()).display().to_string(),
        }
    }

    /// The flags of mqkit that lead to it.
    pub(super) fn flags(&self, transport: Transport) -> Vec<String> {
        let address = self.address(transport);
        let path = self.kind.facts().web_socket_path;
        let url = match transport {
            Transport::Tcp => format!("mqtt://{address}"),
            Transport::Tls => format!("mqtts://{address}"),
            Transport::WebSocket => format!("ws://{address}{path}"),
            Transport::WebSocketTls => format!("wss://{address}{path}"),
            Transport::Unix => format!("unix:{address}"),
        };
        let mut flags = vec!["-L".to_owned(), url];
        if matches!(transport, Transport::Tls | Transport::WebSocketTls) {
            let ca = self.certificates.as_ref().expect("started complete").path("ca.pem");
            flags.extend(["--cafile".to_owned(), ca.display().to_string()]);
        }
        flags
    }

    /// The end of what it said, for messages.
    pub(super) fn shown(&self) -> String {
        self.process.as_ref().map(Process::shown).unwrap_or_default()
    }
}

fn free_ports() -> Ports {
    // Held together, so that they differ.
    let sockets = [(); 6].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let [plain, tls, web_socket, web_socket_tls, own @ ..] = sockets.map(|socket| socket.local_addr().unwrap().port());
    Ports {
        plain,
        tls,
        web_socket,
        web_socket_tls,
        own,
    }
}

/// Waits until a program has its ports; false when it could not have them.
fn has_ports(process: &Process, ready: &str) -> bool {
    let says = |text: &str| process.reaches(|output| output.everything().contains(text));
    if says(ready) {
        return true;
    }
    // Each has its own words.
    let shown = process.shown().to_lowercase();
    let taken = ["in use", "eaddrinuse", "already a epmd running", "already running"];
    assert!(taken.iter().any(|words| shown.contains(words)), "{shown}");
    false
}

/// The ports that the embedded broker has found for itself.
fn printed_ports(process: &Process, urls: usize) -> Ports {
    process.wait_for("printing its URLs", |output| output.lines >= urls);
    let text = process.stdout();
    let port = |scheme: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(scheme))?;
        let digits = rest.split('/').next()?;
        Some(digits.parse().unwrap_or_else(|error| panic!("{rest}: {error}")))
    };
    Ports {
        plain: port("mqtt://127.0.0.1:").unwrap(),
        tls: port("mqtts://127.0.0.1:").unwrap_or_default(),
        web_socket: port("ws://127.0.0.1:").unwrap_or_default(),
        web_socket_tls: port("wss://127.0.0.1:").unwrap_or_default(),
        ..Ports::default()
    }
}

/// Where a broker is; says so when it is not there.
fn program(kind: Kind) -> Option<PathBuf> {
    let facts = kind.facts();
    let path = |text: &str| text.replace("{}", &configuration::installed().display().to_string());
    for name in facts.needs.iter().chain([&facts.program]) {
        // `find` also knows a path, when it is one of a file.
        let path = path(name);
        if process::find(&path).is_none() && !PathBuf::from(&path).is_dir() {
            missing(&path, facts.install);
            return None;
        }
    }
    process::find(&path(facts.program))
}

/// Says on stderr that a program is not there; panics when it is wanted.
pub(super) fn is_installed(program: &str) -> bool {
    let found = process::find(program).is_some();
    if !found {
        missing(program, Kind::Mosquitto.facts().install);
    }
    found
}

fn missing(what: &str, install: &str) {
    left_out(&format!("{what} is not installed: its part of the matrix"), install);
}

/// Says on stderr that something is not tested, and what would help; panics when everything is wanted.
#[allow(
    clippy::print_stderr,
    reason = "a test that is left out must not look like one that passed"
)]
pub(super) fn left_out(what: &str, help: &str) {
    let text = format!("interop: {what} is not run ({help})");
    let wanted = std::env::var_os("MQKIT_REQUIRE_BROKERS").is_some_and(|value| value == "1");
    assert!(!wanted, "{text}");
    eprintln!("{text}");
}
