//! What the packets of a session mean together: versions, topic aliases, requests and their acknowledgements, limits,
//! and every violation. It must not know where the packets came from or how they are shown.

mod dialogue;
mod ending;
mod outstanding;
mod rules;
mod version;

use crate::protocol::error::Severity as FaultSeverity;
use crate::protocol::{DecodeError, Fault, FieldId, FieldLog, Frame, Packet, PacketType, Sender, Utf8, Version};
use dialogue::Dialogue;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;
use version::Known;

pub use version::infer;

/// Where a packet was seen. For hex text and raw bytes everything is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Number of the TCP connection in the capture, from 0, as Wireshark's `tcp.stream`.
    pub connection: Option<u32>,
    /// Which end sent it.
    pub sender: Sender,
    /// Time since the Unix epoch.
    pub time: Option<Duration>,
    /// Address of the sender.
    pub source: Option<SocketAddr>,
    /// Address of the receiver.
    pub destination: Option<SocketAddr>,
    /// Number of the record in the capture that completed it, from 1.
    pub record: Option<u64>,
}

impl Origin {
    /// That of hex text and raw bytes.
    pub const UNKNOWN: Self = Self {
        connection: None,
        sender: Sender::Unknown,
        time: None,
        source: None,
        destination: None,
        record: None,
    };
}

/// One packet, and all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Where it was seen.
    pub origin: Origin,
    /// The client identifier of its connection, when the capture shows one.
    pub client_id: Option<Utf8>,
    /// Its bytes; fewer than it says when it is cut.
    pub frame: Frame,
    /// The version it was read in.
    pub version: Version,
    /// True when no CONNECT said the version.
    pub version_assumed: bool,
    /// What it says; the first fault when that cannot be said. A packet that can be parsed but breaks a rule is `Ok`,
    /// and the rule is among `violations`.
    pub packet: Result<Packet, DecodeError>,
    /// Every field that could be read, in wire order. Empty unless it was asked for.
    pub log: FieldLog,
    /// The topic of a PUBLISH whose topic alias stands for it.
    pub alias_topic: Option<Utf8>,
    /// What it answers.
    pub answer: Option<Answer>,
    /// What is wrong with it, faults of the bytes first.
    pub violations: Vec<Violation>,
}

/// An acknowledgement and what it acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The packet that it answers: SUBSCRIBE for SUBACK, PUBREC for PUBREL, PINGREQ for PINGRESP.
    pub to: PacketType,
    /// Time between the two.
    pub after: Option<Duration>,
    /// Topic of the message, for the acknowledgements of a PUBLISH.
    pub topic: Option<Utf8>,
}

/// How bad a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing: no rule is broken, or the capture is incomplete. Does not count for the exit status.
    Note,
    /// A SHOULD of the standard, or a sign of trouble. Does not count for the exit status.
    Warning,
    /// The bytes can be parsed, but the standard forbids what they say.
    Protocol,
    /// The bytes cannot be parsed according to the standard.
    Malformed,
}

impl Severity {
    /// As JSON and text spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Protocol => "protocol",
            Self::Malformed => "malformed",
        }
    }
}

/// Something that a packet does wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// How bad it is.
    pub severity: Severity,
    /// The statement of the standard that is broken, such as `MQTT-3.3.1-4`.
    pub statement: Option<&'static str>,
    /// Byte offset in the packet.
    pub offset: Option<usize>,
    /// The field.
    pub field: Option<FieldId>,
    /// In plain words, without field, offset and statement.
    pub message: String,
}

/// What is known of a connection when it ends, or when the capture does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Number of the TCP connection.
    pub connection: Option<u32>,
    /// The client identifier, when the capture shows one.
    pub client_id: Option<Utf8>,
    /// When.
    pub time: Option<Duration>,
    /// Why the client was disconnected, in plain words.
    pub cause: String,
    /// Requests without an answer: sender, packet type, packet identifier, and the topic of a PUBLISH.
    pub unacknowledged: Vec<(Sender, PacketType, u16, Option<Utf8>)>,
}

/// Connections that are followed at the same time; the oldest is given up for one more.
const CONNECTIONS: usize = 65_536;
/// Client identifiers that are remembered to recognise a session that was taken over.
const CLIENTS: usize = 65_536;

/// Follows the sessions of a capture, or the packets of a hex dump.
#[derive(Debug)]
pub struct Analyst {
    forced: Option<Version>,
    likely: Option<Version>,
    log: bool,
    dialogues: BTreeMap<Option<u32>, Dialogue>,
    /// The last connection that named itself so.
    clients: HashMap<Utf8, u32>,
}

impl Analyst {
    /// With a version that the user says, against what packets look like (a CONNECT says its own all the same). `log`
    /// fills [`Explained::log`] for every packet; for faulty ones it is always there.
    #[must_use]
    pub fn new(forced: Option<Version>, log: bool) -> Self {
        Self {
            forced,
            likely: None,
            log,
            dialogues: BTreeMap::new(),
            clients: HashMap::new(),
        }
    }

    /// Reads packets without CONNECT in this version from now on, as [`infer`] found it.
    pub fn assume(&mut self, version: Version) {
        self.likely = Some(version);
    }

    /// Explains the next packet.
    pub fn packet(&mut self, origin: Origin, frame: Frame) -> Explained {
        let known = match (self.forced, self.likely) {
            (Some(version), _) => Known::Said(version),
            (None, Some(version)) => Known::Shown(version),
            (None, None) => Known::Open,
        };
        if !self.dialogues.contains_key(&origin.connection) && self.dialogues.len() >= CONNECTIONS {
            self.dialogues.pop_first();
        }
        let dialogue = self
            .dialogues
            .entry(origin.connection)
            .or_insert_with(|| Dialogue::new(known));
        let version = dialogue.version.of(origin.sender, &frame);
        let version_assumed = dialogue.version.assumed();
        let (mut log, mut faults) = (FieldLog::new(), Vec::new());
        let wanted = self.log.then_some(&mut log);
        let packet = Packet::explain(version, origin.sender, &frame, wanted, &mut faults);
        if !faults.is_empty() && !self.log {
            faults.clear();
            let _ = Packet::explain(version, origin.sender, &frame, Some(&mut log), &mut faults);
        }
        let mut explained = Explained {
            origin,
            client_id: None,
            version,
            version_assumed,
            packet,
            log,
            alias_topic: None,
            answer: None,
            violations: faults.iter().map(|fault| violation(fault, &origin)).collect(),
            frame,
        };
        if let Some(said) = said_version(&explained) {
            explained.version = said;
            explained.version_assumed = false;
        }
        dialogue.observe(&mut explained);
        explained.client_id = dialogue.client_id().cloned();
        if let (Ok(Packet::Connect(connect)), Some(connection)) = (&explained.packet, origin.connection) {
            if self.clients.len() >= CLIENTS {
                self.clients.clear();
            }
            if !connect.client_id.is_empty() {
                self.clients.insert(connect.client_id.detached(), connection);
            }
        }
        explained
    }

    /// Bytes of one direction are missing: what follows is judged with care.
    pub fn missing(&mut self, connection: Option<u32>, sender: Sender) {
        if let Some(dialogue) = self.dialogues.get_mut(&connection) {
            dialogue.lose(sender);
        }
    }

    /// The TCP connection was closed by `sender`; true for a reset. `None` when it never carried a packet.
    pub fn closed(
        &mut self,
        connection: Option<u32>,
        time: Option<Duration>,
        sender: Sender,
        reset: bool,
    ) -> Option<Ending> {
        let dialogue = self.dialogues.remove(&connection)?;
        let successor = dialogue.client_id().and_then(|id| self.clients.get(id).copied());
        let successor = successor.filter(|other| connection.is_some_and(|own| *other > own));
        Some(ending::closed(&dialogue, connection, time, sender, reset, successor))
    }

    /// The capture is over: what is known of the connections that are still open.
    pub fn finish(&mut self) -> Vec<Ending> {
        std::mem::take(&mut self.dialogues)
            .into_iter()
            .map(|(connection, dialogue)| ending::open(&dialogue, connection))
            .collect()
    }
}

/// The version that a CONNECT says, even a faulty one.
fn said_version(explained: &Explained) -> Option<Version> {
    match &explained.packet {
        Ok(Packet::Connect(connect)) => Some(connect.version),
        Err(error)
            if error.packet == PacketType::Connect && explained.log.iter().any(|f| f.id == FieldId::ProtocolLevel) =>
        {
            Some(error.version)
        }
        _ => None,
    }
}

fn violation(error: &DecodeError, origin: &Origin) -> Violation {
    // What is missing of a packet in a capture is missing from the capture, not from the packet.
    let cut = origin.connection.is_some() && matches!(error.fault, Fault::PacketCut { .. } | Fault::HeaderCut(_));
    Violation {
        severity: match error.fault.severity() {
            _ if cut => Severity::Note,
            FaultSeverity::Malformed => Severity::Malformed,
            FaultSeverity::Protocol => Severity::Protocol,
        },
        statement: (!cut).then(|| error.statement()),
        offset: Some(error.offset),
        field: Some(error.field),
        message: error.fault.to_string(),
    }
}
