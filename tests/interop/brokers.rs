//! The brokers that the tests run against: each on 127.0.0.1, on free ports, with a configuration and state of its own.

use super::process::{self, Process};
use crate::support::certificates::Certificates;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use tempfile::TempDir;

/// Which broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mosquitto,
    Embedded,
}

/// How to reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Tls,
}

/// A running broker; dropping it ends it.
#[derive(Debug)]
pub(super) struct Broker {
    // Ends before its files vanish.
    process: Option<Process>,
    kind: Kind,
    plain: u16,
    tls: Option<u16>,
    certificates: Option<Certificates>,
    directory: TempDir,
}

/// Attempts to find ports that nobody else takes meanwhile.
const ATTEMPTS: usize = 5;

impl Broker {
    /// Starts one with a plain port, or says why it cannot (`None`).
    pub(super) fn plain(kind: Kind) -> Option<Self> {
        Self::start(kind, None)
    }

    /// Starts one with a plain and a TLS port, or says why it cannot (`None`).
    pub(super) fn with_tls(kind: Kind) -> Option<Self> {
        Self::start(kind, Some(Certificates::new()))
    }

    fn start(kind: Kind, certificates: Option<Certificates>) -> Option<Self> {
        if kind == Kind::Mosquitto && !is_installed("mosquitto") {
            return None;
        }
        let mut broker = Self {
            process: None,
            kind,
            plain: 0,
            tls: None,
            certificates,
            directory: tempfile::tempdir().unwrap(),
        };
        match kind {
            Kind::Embedded => broker.start_embedded(),
            Kind::Mosquitto => broker.start_mosquitto(),
        }
        Some(broker)
    }

    fn start_embedded(&mut self) {
        let mut command = process::command(env!("CARGO_BIN_EXE_mqkit"));
        command.args(["broker", "--port", "0", "--verbose", "--max-queued", "0"]);
        if let Some(certificates) = &self.certificates {
            command.args(["--tls-port", "0"]);
            command.arg("--cert").arg(certificates.path("server.pem"));
            command.arg("--key").arg(certificates.path("server.key"));
        }
        let urls = 1 + usize::from(self.certificates.is_some());
        let process = Process::start(command);
        process.wait_for("printing its URLs", |output| output.lines >= urls);
        let text = process.stdout();
        let port = |scheme: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(scheme))?;
            Some(rest.parse().unwrap_or_else(|error| panic!("{rest}: {error}")))
        };
        self.plain = port("mqtt://127.0.0.1:").unwrap();
        self.tls = port("mqtts://127.0.0.1:");
        self.process = Some(process);
    }

    fn start_mosquitto(&mut self) {
        for _ in 0..ATTEMPTS {
            // Held together, so that they differ.
            let sockets = [0, 1].map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
            let [plain, tls] = sockets.map(|socket| socket.local_addr().unwrap().port());
            self.plain = plain;
            self.tls = self.certificates.is_some().then_some(tls);
            self.configure_mosquitto();
            if self.run_mosquitto() {
                return;
            }
        }
        panic!("no free port for mosquitto");
    }

    fn configure_mosquitto(&self) {
        // Without the two limits it drops acknowledged messages. As root it would become a user that sees no files here.
        let mut text = format!(
            "user root\nallow_anonymous true\nlog_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\n\
             log_type information\nlog_type subscribe\n\
             max_queued_messages 0\nmax_queued_bytes 0\n\
             persistence true\nautosave_interval 0\npersistence_location {}/\n\
             listener {} 127.0.0.1\n",
            self.directory.path().display(),
            self.plain
        );
        if let (Some(port), Some(certificates)) = (self.tls, &self.certificates) {
            let [ca, cert, key] = ["ca.pem", "server.pem", "server.key"].map(|name| certificates.path(name));
            text += &format!(
                "listener {port} 127.0.0.1\ncafile {}\ncertfile {}\nkeyfile {}\n",
                ca.display(),
                cert.display(),
                key.display()
            );
        }
        fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("mosquitto.conf")
    }

    /// False when it could not have its ports.
    fn run_mosquitto(&mut self) -> bool {
        let mut command = process::command(process::find("mosquitto").unwrap());
        command.arg("-c").arg(self.config());
        let process = Process::start(command);
        // It says so after its ports are open.
        let running = process.reaches(|output| output.stderr().contains(" running\n"));
        if !running {
            let shown = process.shown();
            assert!(shown.contains("Address already in use"), "{shown}");
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
        assert_eq!(self.kind, Kind::Mosquitto, "the embedded broker stores nothing");
        for _ in 0..ATTEMPTS {
            if self.run_mosquitto() {
                return;
            }
        }
        panic!("somebody else has taken port {} of mosquitto", self.plain);
    }

    /// Waits until a client has subscribed, by what the broker says: other clients do not say so themselves.
    pub(super) fn wait_for_subscription(&self, client: &str) {
        let text = match self.kind {
            Kind::Mosquitto => format!(": {client} "),
            Kind::Embedded => format!(": {client}: subscribes to "),
        };
        self.process.as_ref().unwrap().wait_for_stderr(&text);
    }

    /// Its port without TLS.
    pub(super) fn port(&self) -> String {
        self.plain.to_string()
    }

    /// The flags of mqkit that lead to it.
    pub(super) fn flags(&self, transport: Transport) -> Vec<String> {
        match transport {
            Transport::Tcp => ["-L", &format!("mqtt://127.0.0.1:{}", self.plain)]
                .map(str::to_owned)
                .to_vec(),
            Transport::Tls => {
                let port = self.tls.expect("started with certificates").to_string();
                let ca = self.certificates.as_ref().unwrap().path("ca.pem");
                ["-h", "127.0.0.1", "-p", &port, "--cafile", ca.to_str().unwrap()]
                    .map(str::to_owned)
                    .to_vec()
            }
        }
    }
}

/// Says on stderr that a program is not there; panics when it is wanted.
#[allow(
    clippy::print_stderr,
    reason = "a test that is left out must not look like one that passed"
)]
pub(super) fn is_installed(program: &str) -> bool {
    let found = process::find(program).is_some();
    if !found {
        let text = format!(
            "interop: {program} is not installed: its part of the matrix is not run \
             (apt-get install mosquitto mosquitto-clients)"
        );
        let wanted = std::env::var_os("MQKIT_REQUIRE_BROKERS").is_some_and(|value| value == "1");
        assert!(!wanted, "{text}");
        eprintln!("{text}");
    }
    found
}
