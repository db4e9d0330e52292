//! What a capture holds, as MQTT frames: records of a file -> IP -> TCP segments -> byte streams -> PROXY header, TLS,
//! WebSocket -> frames. It must not know what the packets mean or how they are shown.
//!
//! Nothing here does IO but [`mod@file`], which reads; everything is bounded in memory whatever the capture says.

pub mod detect;
pub mod file;
pub mod framer;
pub mod network;
pub mod search;
mod side;
pub mod stream;
pub mod tcp;
pub mod tls;
pub mod websocket;

use crate::protocol::{Frame, Sender};
use file::Item;
use network::Network;
pub use side::{PerSide, Side};
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;
use stream::Stream;
use tcp::{Part, Reassembler};
use tls::KeyLog;

/// What all streams together may hold back, in bytes: packets that are not whole, and beginnings that are not
/// recognised yet.
const MAX_HELD: usize = 512 << 20;

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

/// What TLS or WebSocket makes of a piece of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpacked<'a> {
    /// The next part of the stream inside.
    Piece(Piece<'a>),
    /// What is to be known of it.
    Note(Note),
}

/// Where what is unpacked goes, in order.
type Out<'o> = &'o mut dyn FnMut(Unpacked<'_>);

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

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped(1) => f.write_str("1 byte was skipped to find the next packet"),
            Self::Skipped(bytes) => write!(f, "{bytes} bytes were skipped to find the next packet"),
            Self::Missing(1) => f.write_str("1 byte is missing from the capture"),
            Self::Missing(bytes) => write!(f, "{bytes} bytes are missing from the capture"),
            Self::Encrypted(None) => f.write_str("TLS, and no key is known for it"),
            Self::Encrypted(Some(name)) => write!(f, "TLS to {:?}, and no key is known for it", name),
            Self::Undecryptable(why) => write!(f, "TLS that cannot be decrypted: {why}"),
            Self::Decrypted(how) => write!(f, "decrypted: {how}"),
            Self::WebSocket(path) if path.is_empty() => f.write_str("in WebSocket"),
            Self::WebSocket(path) => write!(f, "in WebSocket, {path:?}"),
            Self::Proxy(addresses) if addresses.is_empty() => f.write_str("behind a PROXY header"),
            Self::Proxy(addresses) => write!(f, "behind a PROXY header: {addresses}"),
            Self::BadWebSocket(how) => write!(f, "WebSocket is broken: {how}"),
        }
    }
}

/// What is known before a capture is read.
#[derive(Default)]
pub struct Options {
    /// Secrets for TLS.
    pub keylog: KeyLog,
    /// Drop connections that show the bytes of another one again, under other addresses.
    pub collapse: bool,
}

/// What a capture held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packet records.
    pub records: u64,
    /// TCP connections.
    pub connections: u32,
    /// Connections that carried MQTT.
    pub mqtt: u64,
    /// Connections that were dropped because they repeat another one.
    pub mirrors: u64,
}

/// Reads MQTT out of the items of a capture file.
pub struct Capture {
    network: Network,
    reassembler: Reassembler,
    streams: Streams,
    records: u64,
    damage: Vec<String>,
}

/// The byte streams of all connections.
#[derive(Default)]
struct Streams {
    keys: KeyLog,
    open: HashMap<u32, Stream>,
    held: usize,
    mqtt: u64,
}

impl Capture {
    /// A capture of which nothing is read yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            network: Network::default(),
            reassembler: Reassembler::new(options.collapse),
            streams: Streams {
                keys: options.keylog,
                ..Streams::default()
            },
            records: 0,
            damage: Vec::new(),
        }
    }

    /// Takes the next item of the file; `out` gets what became known by it.
    pub fn push(&mut self, item: Item<'_>, out: &mut Vec<Event>) {
        match item {
            Item::Record(record) => {
                self.records += 1;
                let streams = &mut self.streams;
                if let Some(segment) = self.network.segment(&record) {
                    self.reassembler
                        .push(&segment, record.stamp, &mut |number, ends, stamp, part| {
                            streams.take(number, ends, stamp, part, out);
                        });
                }
            }
            Item::Secrets(text) => {
                self.streams.keys.add(text);
            }
            Item::Damage(what) => self.damage.push(what),
        }
    }

    /// The file is over; `out` gets what was held back.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        let streams = &mut self.streams;
        self.reassembler
            .finish(&mut |number, ends, stamp, part| streams.take(number, ends, stamp, part, out));
    }

    /// What the capture held so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            records: self.records,
            connections: self.reassembler.connections(),
            mqtt: self.streams.mqtt,
            mirrors: self.reassembler.mirrors(),
        }
    }

    /// The faults of the file since the last call, in order.
    pub fn take_damage(&mut self) -> Vec<String> {
        std::mem::take(&mut self.damage)
    }

    /// The first link-layer header type that cannot be taken apart, if there was one.
    #[must_use]
    pub fn unknown_link(&self) -> Option<u16> {
        self.network.unknown_link()
    }
}

impl Streams {
    fn take(&mut self, number: u32, ends: tcp::Ends, stamp: Stamp, part: Part<'_>, out: &mut Vec<Event>) {
        let keys = &self.keys;
        let Part::Piece(side, piece) = part else {
            let Some(mut stream) = self.open.remove(&number) else {
                return;
            };
            self.held = self.held.saturating_sub(stream.held());
            let known = stream.is_mqtt();
            match part {
                Part::Closed(side, reset) => stream.close(side, reset, stamp, keys, out),
                _ => stream.finish(stamp, keys, out),
            }
            self.mqtt += u64::from(stream.is_mqtt() && !known);
            return;
        };
        let stream = self.open.entry(number).or_insert_with(|| Stream::new(number, ends));
        let (before, known) = (stream.held(), stream.is_mqtt());
        stream.push(side, piece, stamp, keys, out);
        if self.held.saturating_add(stream.held()) > MAX_HELD {
            stream.give_up(stamp, keys, out);
        }
        self.held = self.held.saturating_add(stream.held()).saturating_sub(before);
        self.mqtt += u64::from(stream.is_mqtt() && !known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::file::Record;

    /// `LINKTYPE_RAW`: an IPv4 header comes first.
    const RAW: u16 = 101;
    const CONNECT: &[u8] = b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02P1";

    fn packet(last: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 40 + payload.len() as u8, 0, 0, 0x40, 0, 64, 6, 0, 0];
        packet.extend([10, 0, 0, 1, 10, 0, 0, last]);
        packet.extend([
            0x9c, 0x40, 0x07, 0x5b, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0,
        ]);
        packet.extend(payload);
        packet
    }

    fn push(capture: &mut Capture, record: u64, link: u16, data: &[u8]) -> Vec<Event> {
        let mut out = Vec::new();
        let record = Record {
            stamp: Stamp {
                time: Some(Duration::from_millis(record)),
                record,
            },
            link,
            data,
            original_len: data.len(),
        };
        capture.push(Item::Record(record), &mut out);
        out
    }

    #[test]
    fn a_frame_is_told_as_soon_as_it_is_there() {
        let mut capture = Capture::new(Options::default());
        let events = push(&mut capture, 1, RAW, &packet(2, CONNECT));
        let [
            Event {
                connection: 0,
                stamp,
                kind,
            },
        ] = &events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(stamp.record, 1);
        let EventKind::Frame {
            sender,
            source,
            destination,
            frame,
        } = kind
        else {
            panic!("{kind:?}")
        };
        assert_eq!(*sender, Sender::Client);
        assert_eq!(
            (source.to_string(), destination.to_string()),
            ("10.0.0.1:40000".into(), "10.0.0.2:1883".into())
        );
        assert_eq!(frame.bytes(), CONNECT);
        let mut out = Vec::new();
        capture.finish(&mut out);
        assert!(out.is_empty(), "{out:?}");
    }

    #[test]
    fn what_was_seen_is_counted() {
        let mut capture = Capture::new(Options {
            collapse: true,
            ..Options::default()
        });
        let mut out = Vec::new();
        assert_eq!(push(&mut capture, 1, RAW, &packet(2, CONNECT)).len(), 1);
        assert_eq!(push(&mut capture, 2, RAW, &packet(3, CONNECT)).len(), 0, "a mirror");
        assert_eq!(push(&mut capture, 3, RAW, &packet(4, b"\xff\xff\xff\xff")).len(), 0);
        push(&mut capture, 4, 65_000, b"?");
        capture.push(Item::Damage("a block is cut".into()), &mut out);
        assert_eq!(capture.take_damage(), ["a block is cut"]);
        assert_eq!(capture.take_damage(), [""; 0]);
        assert_eq!(capture.unknown_link(), Some(65_000));
        let counts = Counts {
            records: 4,
            connections: 3,
            mqtt: 1,
            mirrors: 1,
        };
        assert_eq!(capture.counts(), counts);
        assert_eq!(
            capture.streams.held,
            capture.streams.open.values().map(Stream::held).sum::<usize>()
        );
    }
}
