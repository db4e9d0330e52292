//! What a capture holds, as MQTT frames: records of a file -> IP -> TCP segments -> byte streams -> PROXY header, TLS,
//! WebSocket -> frames. It must not know what the packets mean or how they are shown.
//!
//! Nothing here does IO but [`file`], which reads; everything is bounded in memory whatever the capture says.

pub mod file;
pub mod framer;
pub mod network;
pub mod stream;
pub mod tcp;
pub mod tls;
pub mod websocket;

use std::net::SocketAddr;
use std::time::Duration;

use crate::protocol::{Frame, Sender};

/// One of the two ends of a TCP connection, as the sender of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that opened the connection, as far as the capture shows it; else the sender of the first segment.
    A,
    /// The other end.
    B,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// 0 for A, 1 for B.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self == Self::B)
    }
}

/// Where and when something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Time of the record since the Unix epoch; `None` where the capture has no times.
    pub time: Option<Duration>,
    /// Number of the packet record in the file, from 1.
    pub record: u64,
}

/// The next part of a byte stream in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes.
    Data(&'a [u8]),
    /// So many bytes are missing from the capture here.
    Gap(u64),
}

/// What a capture gives, in the order in which it became known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Number of the TCP connection, from 0 in order of appearance, as Wireshark's `tcp.stream`.
    pub connection: u32,
    /// The record that completed it.
    pub stamp: Stamp,
    /// What it is.
    pub kind: EventKind,
}

/// The kinds of [`Event`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A control packet.
    Frame {
        /// Which MQTT end sent it.
        sender: Sender,
        /// Address and port of the sender.
        source: SocketAddr,
        /// Address and port of the receiver.
        destination: SocketAddr,
        /// The packet: whole, or as far as it is known ([`Frame::cut`]) when bytes are missing.
        frame: Frame,
    },
    /// Something that a reader of the capture should know.
    Note {
        /// Which MQTT end it concerns.
        sender: Sender,
        /// What it is.
        note: Note,
    },
    /// The TCP connection ended. Only for connections that carried MQTT.
    Closed {
        /// Which MQTT end began it.
        sender: Sender,
        /// True for RST, false for FIN.
        reset: bool,
    },
}

/// What a reader of a capture should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// So many bytes were passed over to find the next packet: damage, or a stream that starts in the middle.
    Skipped(u64),
    /// So many bytes are missing from the capture.
    Missing(u64),
    /// The connection is TLS and no key is known for it; the server name, if the client said one.
    Encrypted(Option<String>),
    /// The connection is TLS, but cannot be decrypted although a key is known: why.
    Undecryptable(String),
    /// TLS is decrypted: version and cipher suite.
    Decrypted(String),
    /// MQTT inside WebSocket: path of the request, empty when the capture does not show it.
    WebSocket(String),
    /// A PROXY protocol header: the addresses it names, empty for LOCAL.
    Proxy(String),
    /// The WebSocket stream is broken: how.
    BadWebSocket(String),
}
