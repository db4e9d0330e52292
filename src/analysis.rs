//! What the packets of a session mean together: versions, topic aliases, requests and their acknowledgements, limits,
//! and every violation. It must not know where the packets came from or how they are shown.

use std::net::SocketAddr;
use std::time::Duration;

use crate::protocol::{DecodeError, FieldLog, Frame, Packet, PacketType, Sender, Utf8, Version};

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

/// One packet, and all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Where it was seen.
    pub origin: Origin,
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
    /// The field, by the standard's name.
    pub field: Option<&'static str>,
    /// In plain words, without the offset and the statement.
    pub message: String,
}

/// What is known of a connection when it ends, or when the capture does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Number of the TCP connection.
    pub connection: Option<u32>,
    /// When.
    pub time: Option<Duration>,
    /// Why the client was disconnected, in plain words.
    pub cause: String,
    /// Requests without an answer: sender, packet type, packet identifier, and the topic of a PUBLISH.
    pub unacknowledged: Vec<(Sender, PacketType, u16, Option<Utf8>)>,
}
