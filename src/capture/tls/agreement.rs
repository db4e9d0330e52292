//! What both ends of a connection agreed on in their hellos, and the keys that follow from it and a key log. It must not
//! know records.

use super::super::{Note, Side};
use super::hello::{ClientHello, ServerHello};
use super::keylog::KeyLog;
use super::schedule::Opener;
use super::suite;

const TLS12: u16 = 0x0303;
const TLS13: u16 = 0x0304;
/// How many keys may have been passed in a hole.
const GENERATIONS: usize = 3;

/// What is known from the hellos.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    /// Who sent the ClientHello.
    pub(super) client: Option<Side>,
    client_hello: Option<ClientHello>,
    server_hello: Option<ServerHello>,
}

/// Which secret is for the next record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// None.
    #[default]
    Clear,
    /// The handshake traffic secret (TLS 1.3).
    Handshake,
    /// The application traffic secret, or for TLS 1.2 the master secret.
    Application,
}

impl Agreement {
    /// Takes the body of a ClientHello.
    pub(super) fn client_hello(&mut self, side: Side, body: &[u8]) {
        if let Some(hello) = ClientHello::parse(body) {
            self.client = Some(side);
            self.client_hello = Some(hello);
        }
    }

    /// Takes the body of a ServerHello.
    pub(super) fn server_hello(&mut self, side: Side, body: &[u8]) {
        let Some(hello) = ServerHello::parse(body) else { return };
        self.client = self.client.or_else(|| Some(side.other()));
        if !hello.retry {
            self.server_hello = Some(hello);
        }
    }

    /// True when the server chose a version and a suite.
    pub(super) fn is_complete(&self) -> bool {
        self.server_hello.is_some()
    }

    pub(super) fn is_tls13(&self) -> bool {
        self.server_hello.as_ref().is_some_and(|hello| hello.version == TLS13)
    }

    /// Whether that side sends application data before the server's answer.
    pub(super) fn sends_early_data(&self, side: Side) -> bool {
        self.client == Some(side) && self.client_hello.as_ref().is_some_and(|hello| hello.early_data)
    }

    /// Whether what that side sends now is early data of a connection whose keys are known.
    pub(super) fn awaits_server(&self, side: Side, keys: &KeyLog) -> bool {
        let known = self
            .client_hello
            .as_ref()
            .is_some_and(|hello| keys.secrets(&hello.random).is_some());
        !self.is_complete() && self.sends_early_data(side) && known
    }

    /// Version and cipher suite, for people.
    pub(super) fn name(&self) -> String {
        let version = if self.is_tls13() { "1.3" } else { "1.2" };
        let suite = self.server_hello.as_ref().and_then(|hello| suite::suite(hello.suite));
        format!("TLS {version}, {}", suite.map_or("", |suite| suite.name))
    }

    /// The key for what a side sends; else what is to be said of that.
    pub(super) fn key(&self, side: Side, phase: Phase, keys: &KeyLog) -> Result<Opener, Note> {
        let undecryptable = |why: &str| Note::Undecryptable(why.to_owned());
        let client_hello = self.client_hello.as_ref().ok_or(Note::Encrypted(None))?;
        let secrets = keys
            .secrets(&client_hello.random)
            .ok_or_else(|| Note::Encrypted(client_hello.server_name.clone()))?;
        let server_hello = self
            .server_hello
            .as_ref()
            .ok_or_else(|| undecryptable("the ServerHello is missing from the capture"))?;
        let version = server_hello.version;
        if version != TLS12 && version != TLS13 {
            return Err(Note::Undecryptable(match version {
                0x0302 => "TLS 1.1".to_owned(),
                0x0301 => "TLS 1.0".to_owned(),
                0x0300 => "SSL 3.0".to_owned(),
                _ => format!("TLS version 0x{version:04X}"),
            }));
        }
        let suite =
            suite::suite(server_hello.suite).ok_or_else(|| Note::Undecryptable(suite::name(server_hello.suite)))?;
        let from_client = self.client == Some(side);
        if version == TLS12 {
            let master = secrets
                .master
                .as_ref()
                .ok_or_else(|| undecryptable("the key log has no CLIENT_RANDOM for it"))?;
            return Opener::tls12(suite, master, &client_hello.random, &server_hello.random, from_client)
                .ok_or_else(|| undecryptable(suite.name));
        }
        let (secret, label) = match (phase, from_client) {
            (Phase::Handshake, true) => (&secrets.handshake.client, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"),
            (Phase::Handshake, false) => (&secrets.handshake.server, "SERVER_HANDSHAKE_TRAFFIC_SECRET"),
            (_, true) => (&secrets.application.client, "CLIENT_TRAFFIC_SECRET_0"),
            (_, false) => (&secrets.application.server, "SERVER_TRAFFIC_SECRET_0"),
        };
        let secret = secret
            .as_ref()
            .ok_or_else(|| Note::Undecryptable(format!("the key log has no {label} for it")))?;
        Opener::tls13(suite, secret)
            .ok_or_else(|| Note::Undecryptable(format!("{label} is too short or too long for {}", suite.name)))
    }

    /// The keys that may follow on this one: the next, or when there is doubt some more.
    pub(super) fn later_keys(
        &self,
        side: Side,
        phase: Phase,
        current: &Opener,
        doubt: bool,
        keys: &KeyLog,
    ) -> Vec<Opener> {
        let first = match phase {
            Phase::Handshake => self.key(side, Phase::Application, keys).ok(),
            Phase::Clear | Phase::Application => current.updated(),
        };
        std::iter::successors(first, Opener::updated)
            .take(if doubt { GENERATIONS } else { 1 })
            .collect()
    }
}
