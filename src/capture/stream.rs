//! One TCP connection: recognises PROXY headers, TLS, WebSocket and MQTT by content on any port, and leads the bytes
//! through them. It must not know how the bytes were captured.

use super::detect::{Detector, Inside, Kind, is_mqtt_port};
use super::framer::{Found, Framer};
use super::tcp::Ends;
use super::tls::{KeyLog, Tls};
use super::websocket::WebSocket;
use super::{Event, EventKind, Note, PerSide, Piece, Side, Stamp, Unpacked};
use crate::protocol::{Frame, PacketType, Sender};

/// Frames that are held back until it is clear who is the client.
const MAX_WAITING: usize = 64;
/// Bytes of frames that are held back until it is clear who is the client.
const MAX_WAITING_BYTES: usize = 256 << 10;

/// What a stream that is not recognised yet may keep, in bytes.
const MAX_OPEN: usize = 512 << 10;

/// How far packets are looked for on a port where they are likely, in bytes.
const MAX_PASSED: u64 = 16 << 20;

/// A connection.
pub struct Stream {
    level: Level,
    about: About,
}

/// What is known of the connection as a whole.
#[derive(Debug)]
struct About {
    number: u32,
    ends: Ends,
    client: Option<Side>,
    mqtt: bool,
    /// TLS without a key.
    sealed: bool,
    /// What waits until it is clear that this is MQTT and who is the client.
    waiting: Vec<(Side, Stamp, Held)>,
    waiting_bytes: usize,
}

#[derive(Debug)]
enum Held {
    Found(Found),
    Note(Note),
}

/// What the bytes are, from the outside to the inside.
enum Level {
    Open(Box<Open>),
    Tls(Box<Tls>, Box<Self>),
    WebSocket(Box<WebSocket>, Box<Self>),
    Mqtt(Box<PerSide<Framer>>),
    Other,
}

/// A stream that is not recognised yet, and what it said.
#[derive(Debug)]
struct Open {
    inside: Inside,
    opened: bool,
    likely: bool,
    detector: Detector,
    pieces: Vec<(Side, Stamp, Part)>,
    held: usize,
    /// Bytes of each direction that were given up.
    passed: PerSide<u64>,
}

#[derive(Debug)]
enum Part {
    Data(Vec<u8>),
    Gap(u64),
}

/// What a level needs beside its own bytes.
struct Context<'c> {
    keys: &'c KeyLog,
    about: &'c mut About,
    out: &'c mut Vec<Event>,
}

impl Stream {
    /// A connection of which nothing is known but its ends.
    #[must_use]
    pub fn new(number: u32, ends: Ends) -> Self {
        Self {
            level: Level::open(Inside::Tcp, ends.opened, ends),
            about: About {
                number,
                ends,
                // A client of MQTT opens the connection.
                client: ends.opened.then_some(Side::A),
                mqtt: false,
                sealed: false,
                waiting: Vec::new(),
                waiting_bytes: 0,
            },
        }
    }

    /// Takes the next piece of one direction; `out` gets what became known by it.
    pub fn push(&mut self, side: Side, piece: Piece<'_>, stamp: Stamp, keys: &KeyLog, out: &mut Vec<Event>) {
        let Self { level, about } = self;
        level.push(side, piece, stamp, &mut Context { keys, about, out });
    }

    /// Both directions are over: gives what was held back.
    pub fn finish(&mut self, stamp: Stamp, keys: &KeyLog, out: &mut Vec<Event>) {
        let Self { level, about } = self;
        let context = &mut Context { keys, about, out };
        level.finish(stamp, context);
        context.about.decide_client(true, context.out);
    }

    /// The TCP connection ended; as [`Self::finish`].
    pub fn close(&mut self, side: Side, reset: bool, stamp: Stamp, keys: &KeyLog, out: &mut Vec<Event>) {
        self.finish(stamp, keys, out);
        if self.about.mqtt {
            let sender = self.about.sender(side);
            self.about.event(stamp, EventKind::Closed { sender, reset }, out);
        }
    }

    /// Gives what was held back and takes nothing more: there is no memory for it.
    pub fn give_up(&mut self, stamp: Stamp, keys: &KeyLog, out: &mut Vec<Event>) {
        self.finish(stamp, keys, out);
        self.level = Level::Other;
    }

    /// Whether it is known to carry MQTT.
    #[must_use]
    pub fn is_mqtt(&self) -> bool {
        self.about.mqtt
    }

    /// What is held back, in bytes.
    #[must_use]
    pub fn held(&self) -> usize {
        self.level.held().saturating_add(self.about.waiting_bytes)
    }
}

impl Level {
    fn open(inside: Inside, opened: bool, ends: Ends) -> Self {
        let likely = inside == Inside::WebSocket || is_mqtt_port(ends.a.port()) || is_mqtt_port(ends.b.port());
        Self::Open(Box::new(Open {
            inside,
            opened,
            likely,
            detector: Detector::new(inside, opened, likely),
            pieces: Vec::new(),
            held: 0,
            passed: PerSide::default(),
        }))
    }

    fn held(&self) -> usize {
        match self {
            // The bytes are also with the detector, twice.
            Self::Open(open) => open.held.saturating_mul(3),
            Self::Tls(_, inner) | Self::WebSocket(_, inner) => inner.held(),
            Self::Mqtt(framers) => framers.iter().map(Framer::held).sum(),
            Self::Other => 0,
        }
    }

    fn push(&mut self, side: Side, piece: Piece<'_>, stamp: Stamp, context: &mut Context<'_>) {
        match self {
            Self::Open(open) => {
                open.keep(side, piece, stamp);
                let mut kind = open.detector.push(side, piece);
                if open.held > MAX_OPEN {
                    kind = kind.or_else(|| Some(open.detector.finish()));
                }
                if kind == Some(Kind::Other) && open.start_again() {
                    return;
                }
                if let Some(kind) = kind {
                    self.become_kind(kind, context);
                }
            }
            Self::Tls(tls, inner) => {
                let keys = context.keys;
                tls.push(side, piece, keys, &mut |unpacked| {
                    inner.take(side, unpacked, stamp, context)
                });
                if context.about.sealed || matches!(**inner, Self::Other) {
                    *self = Self::Other;
                }
            }
            Self::WebSocket(websocket, inner) => {
                websocket.push(side, piece, &mut |unpacked| inner.take(side, unpacked, stamp, context));
                if matches!(**inner, Self::Other) {
                    *self = Self::Other;
                }
            }
            Self::Mqtt(framers) => {
                let mut found = |found| context.found(side, stamp, found);
                framers[side].push(piece, &mut found);
            }
            Self::Other => {}
        }
    }

    /// Takes what the level around this one made of its bytes.
    fn take(&mut self, side: Side, unpacked: Unpacked<'_>, stamp: Stamp, context: &mut Context<'_>) {
        match unpacked {
            Unpacked::Piece(piece) => self.push(side, piece, stamp, context),
            Unpacked::Note(note) => context.note(side, stamp, note),
        }
    }

    fn finish(&mut self, stamp: Stamp, context: &mut Context<'_>) {
        match self {
            Self::Open(open) => {
                let kind = open.detector.finish();
                self.become_kind(kind, context);
                self.finish(stamp, context);
            }
            Self::Tls(_, inner) | Self::WebSocket(_, inner) => inner.finish(stamp, context),
            Self::Mqtt(framers) => {
                for side in Side::BOTH {
                    let mut found = |found| context.found(side, stamp, found);
                    framers[side].finish(&mut found);
                }
            }
            Self::Other => {}
        }
    }

    /// The stream is recognised: what it said so far goes to the next level.
    fn become_kind(&mut self, kind: Kind, context: &mut Context<'_>) {
        let Self::Open(open) = std::mem::replace(self, Self::Other) else {
            return;
        };
        let mut skip = (Side::A, 0);
        *self = match kind {
            Kind::Proxy(side, length, says) => {
                skip = (side, length);
                let stamp = open.pieces.first().map(|(_, stamp, _)| *stamp);
                if let Some(stamp) = stamp {
                    context.note(side, stamp, Note::Proxy(says));
                }
                context.about.client = Some(side);
                Self::open(Inside::Proxy, open.opened, context.about.ends)
            }
            Kind::Tls(client) => {
                context.about.client = context.about.client.or(client);
                Self::Tls(
                    Box::default(),
                    Box::new(Self::open(Inside::Tls, open.opened, context.about.ends)),
                )
            }
            Kind::WebSocket(client) => {
                context.about.client = context.about.client.or(client);
                let inner = Self::open(Inside::WebSocket, open.opened, context.about.ends);
                Self::WebSocket(Box::default(), Box::new(inner))
            }
            Kind::Mqtt(aligned) => {
                context.about.mqtt = true;
                if let Some((_, stamp, _)) = open.pieces.first() {
                    for side in Side::BOTH {
                        let passed = open.passed[side];
                        if passed > 0 {
                            context.found(side, *stamp, Found::Skipped(passed));
                        }
                    }
                }
                Self::Mqtt(Box::new(aligned.map(Framer::new)))
            }
            Kind::Other => {
                context.about.waiting = Vec::new();
                context.about.waiting_bytes = 0;
                return;
            }
        };
        for (side, stamp, part) in open.pieces {
            match part {
                Part::Gap(missing) => self.push(side, Piece::Gap(missing), stamp, context),
                Part::Data(bytes) => {
                    let passed = if side == skip.0 { skip.1.min(bytes.len()) } else { 0 };
                    skip.1 -= passed;
                    if let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
                        self.push(side, Piece::Data(rest), stamp, context);
                    }
                }
            }
        }
        context.about.decide_client(false, context.out);
    }
}

impl Open {
    /// Forgets what came so far and looks on, when the capture may have started in the middle of a large packet.
    fn start_again(&mut self) -> bool {
        if !self.detector.is_patient() || self.passed.iter().sum::<u64>() > MAX_PASSED {
            return false;
        }
        for (side, _, part) in self.pieces.drain(..) {
            if let Part::Data(bytes) = part {
                self.passed[side] += bytes.len() as u64;
            }
        }
        self.held = 0;
        self.detector = Detector::new(self.inside, self.opened, self.likely);
        true
    }

    fn keep(&mut self, side: Side, piece: Piece<'_>, stamp: Stamp) {
        let part = match piece {
            Piece::Data(bytes) => Part::Data(bytes.to_vec()),
            Piece::Gap(missing) => Part::Gap(missing),
        };
        self.held += match &part {
            Part::Data(bytes) => bytes.len(),
            Part::Gap(_) => 0,
        };
        self.held += size_of::<(Side, Stamp, Part)>();
        self.pieces.push((side, stamp, part));
    }
}

impl Context<'_> {
    fn note(&mut self, side: Side, stamp: Stamp, note: Note) {
        // What is said of TLS that stays closed is all that can be said of the connection.
        if matches!(note, Note::Encrypted(_) | Note::Undecryptable(_)) {
            self.about.sealed |= matches!(note, Note::Encrypted(_));
            let sender = self.about.sender(side);
            self.about.event(stamp, EventKind::Note { sender, note }, self.out);
        } else if self.about.mqtt || self.about.waiting.len() < MAX_WAITING {
            self.about.waiting.push((side, stamp, Held::Note(note)));
            self.about.decide_client(false, self.out);
        }
    }

    fn found(&mut self, side: Side, stamp: Stamp, found: Found) {
        if let Found::Frame(frame) = &found {
            self.about.waiting_bytes += frame.bytes().len();
            self.about.client = self.about.client.or_else(|| client_by_type(side, frame));
        }
        self.about.waiting.push((side, stamp, Held::Found(found)));
        self.about.decide_client(false, self.out);
    }
}

impl About {
    /// Finds out who is the client, if it must be, and gives what waited for it.
    fn decide_client(&mut self, at_once: bool, out: &mut Vec<Event>) {
        if !self.mqtt {
            return;
        }
        if self.client.is_none() {
            let (a, b) = (self.ends.a.port(), self.ends.b.port());
            let full = self.waiting.len() >= MAX_WAITING || self.waiting_bytes >= MAX_WAITING_BYTES;
            self.client = match (is_mqtt_port(a), is_mqtt_port(b)) {
                (true, false) => Some(Side::B),
                (false, true) => Some(Side::A),
                _ if at_once || full => Some(if a < b { Side::B } else { Side::A }),
                _ => return,
            };
        }
        self.waiting_bytes = 0;
        for (side, stamp, held) in std::mem::take(&mut self.waiting) {
            let sender = self.sender(side);
            let (source, destination) = match side {
                Side::A => (self.ends.a, self.ends.b),
                Side::B => (self.ends.b, self.ends.a),
            };
            let kind = match held {
                Held::Found(Found::Frame(frame)) => EventKind::Frame {
                    sender,
                    source,
                    destination,
                    frame,
                },
                Held::Found(Found::Skipped(bytes)) => EventKind::Note {
                    sender,
                    note: Note::Skipped(bytes),
                },
                Held::Found(Found::Missing(bytes)) => EventKind::Note {
                    sender,
                    note: Note::Missing(bytes),
                },
                Held::Note(note) => EventKind::Note { sender, note },
            };
            self.event(stamp, kind, out);
        }
    }

    fn sender(&self, side: Side) -> Sender {
        match self.client {
            None => Sender::Unknown,
            Some(client) if client == side => Sender::Client,
            Some(_) => Sender::Server,
        }
    }

    fn event(&self, stamp: Stamp, kind: EventKind, out: &mut Vec<Event>) {
        out.push(Event {
            connection: self.number,
            stamp,
            kind,
        });
    }
}

/// Who is the client, when only one end may send this packet.
fn client_by_type(side: Side, frame: &Frame) -> Option<Side> {
    use PacketType as T;
    match frame.packet_type() {
        T::Connect | T::Subscribe | T::Unsubscribe | T::Pingreq => Some(side),
        // A server that disconnects gives a reason.
        T::Disconnect if frame.remaining_length() == 0 => Some(side),
        T::Connack | T::Suback | T::Unsuback | T::Pingresp => Some(side.other()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECT: &[u8] = b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02P1";
    const CONNACK: &[u8] = b"\x20\x02\0\0";
    const PUBLISH: &[u8] = b"\x30\x0a\0\x03a/bhello";
    const PINGREQ: &[u8] = b"\xc0\0";
    const PINGRESP: &[u8] = b"\xd0\0";
    const SUBSCRIBE: &[u8] = b"\x82\x08\0\x01\0\x03a/b\0";
    use Side::{A, B};

    /// What is said of a connection between these ports: sender, record, packet type or note.
    fn stream(opened: bool, ports: [u16; 2], pieces: &[(Side, &[u8])]) -> Vec<String> {
        let ends = Ends {
            a: ([10, 0, 0, 1], ports[0]).into(),
            b: ([10, 0, 0, 2], ports[1]).into(),
            opened,
        };
        let keys = KeyLog::default();
        let mut out = Vec::new();
        let mut stream = Stream::new(0, ends);
        let stamp = |record| Stamp { time: None, record };
        for (record, (side, data)) in (1..).zip(pieces) {
            stream.push(*side, Piece::Data(data), stamp(record), &keys, &mut out);
        }
        stream.close(A, false, stamp(99), &keys, &mut out);
        assert_eq!(stream.about.waiting.len(), 0);
        let said = out.into_iter().map(|event| match event.kind {
            EventKind::Frame { sender, frame, .. } => {
                format!("{sender:?} {} {}", event.stamp.record, frame.packet_type())
            }
            EventKind::Note { sender, note } => format!("{sender:?} {note:?}"),
            EventKind::Closed { sender, .. } => format!("{sender:?} closed"),
        });
        said.collect()
    }

    #[test]
    fn a_connect_tells_on_any_port() {
        for opened in [true, false] {
            let said = stream(
                opened,
                [40_000, 7],
                &[(A, &CONNECT[..3]), (A, &CONNECT[3..]), (B, CONNACK), (B, PUBLISH)],
            );
            let want = [
                "Client 2 CONNECT",
                "Server 3 CONNACK",
                "Server 4 PUBLISH",
                "Client closed",
            ];
            assert_eq!(said, want);
        }
    }

    #[test]
    fn other_protocols_are_none() {
        let http: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: example\r\n\r\n";
        let answer: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        let binary: &[u8] = &[
            0x00, 0x00, 0x00, 0x85, 0xff, 0x53, 0x4d, 0x42, 0x72, 0xd0, 0x00, 0xd0, 0x00, 0xd0, 0x00,
        ];
        for ports in [[40_000, 1883], [40_000, 9999]] {
            for opened in [true, false] {
                assert!(stream(opened, ports, &[(A, http), (B, answer)]).is_empty());
            }
        }
        for opened in [true, false] {
            assert!(stream(opened, [40_000, 9999], &[(A, binary), (B, binary)]).is_empty());
            assert!(stream(opened, [40_000, 9999], &[(A, b"\xd0\0\xd0\0\xd0\0"), (B, b"\xd0\0")]).is_empty());
        }
    }

    #[test]
    fn in_the_middle_packets_tell() {
        let said = stream(
            false,
            [1883, 40_000],
            &[(A, b"the end of a payload"), (A, PUBLISH), (B, PINGREQ)],
        );
        let want = [
            "Server Skipped(20)",
            "Server 2 PUBLISH",
            "Client 3 PINGREQ",
            "Server closed",
        ];
        assert_eq!(said, want);
        // On another port one packet is not enough, and who is the client shows by what it asks.
        let said = stream(
            false,
            [7, 8],
            &[(A, PUBLISH), (A, PUBLISH), (B, PUBLISH), (B, SUBSCRIBE), (A, PUBLISH)],
        );
        let want = [
            "Server 1 PUBLISH",
            "Server 2 PUBLISH",
            "Client 3 PUBLISH",
            "Client 4 SUBSCRIBE",
            "Server 5 PUBLISH",
            "Server closed",
        ];
        assert_eq!(said, want);
        assert!(stream(false, [7, 8], &[(A, PUBLISH)]).is_empty());
        // Nobody asks: the lower port serves.
        let said = stream(false, [7, 8], &[(B, PUBLISH), (B, PUBLISH)]);
        assert_eq!(said, ["Client 1 PUBLISH", "Client 2 PUBLISH", "Server closed"]);
    }

    #[test]
    fn an_idle_connection_is_recognised() {
        for port in [1883, 7] {
            let said = stream(false, [40_000, port], &[(A, PINGREQ), (B, PINGRESP)]);
            assert_eq!(
                said,
                ["Client 1 PINGREQ", "Server 2 PINGRESP", "Client closed"],
                "{port}"
            );
        }
    }

    #[test]
    fn a_capture_may_start_in_a_large_packet() {
        let payload = vec![b'x'; 300_000];
        let mut pieces: Vec<(Side, &[u8])> = payload.chunks(1400).map(|chunk| (A, chunk)).collect();
        pieces.push((A, PUBLISH));
        let said = stream(false, [40_000, 1883], &pieces);
        assert_eq!(said.len(), 4, "{said:?}");
        assert_eq!(said[2..], ["Client 216 PUBLISH", "Client closed"]);
        assert!(stream(false, [40_000, 7], &pieces).is_empty());
    }

    #[test]
    fn a_proxy_header_is_passed_over() {
        let v1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 1883\r\n";
        let v2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x13\x88\x07\x5b";
        for header in [v1, v2] {
            let all = [header, CONNECT].concat();
            for size in [1, 10, 1000] {
                let pieces: Vec<_> = all.chunks(size).map(|chunk| (A, chunk)).collect();
                let said = stream(true, [40_000, 9999], &pieces);
                let (first, rest) = said.split_first().unwrap();
                assert_eq!(first, "Client Proxy(\"192.0.2.1:5000 -> 192.0.2.2:1883\")");
                assert!(rest[0].ends_with(" CONNECT"), "{rest:?}");
            }
        }
        let local: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
        let said = stream(true, [40_000, 9999], &[(A, local), (A, CONNECT)]);
        assert_eq!(said[0], "Client Proxy(\"\")");
    }

    #[test]
    fn a_gap_before_the_connect_does_no_harm() {
        let ends = Ends {
            a: ([10, 0, 0, 1], 40_000).into(),
            b: ([10, 0, 0, 2], 9999).into(),
            opened: false,
        };
        let (keys, mut out) = (KeyLog::default(), Vec::new());
        let mut stream = Stream::new(0, ends);
        let stamp = Stamp { time: None, record: 1 };
        for piece in [Piece::Data(b"\x30\x7f\0"), Piece::Gap(5), Piece::Data(CONNECT)] {
            stream.push(A, piece, stamp, &keys, &mut out);
        }
        let kinds: Vec<_> = out.into_iter().map(|event| event.kind).collect();
        let note = |note| EventKind::Note {
            sender: Sender::Client,
            note,
        };
        assert_eq!(kinds[..2], [note(Note::Skipped(3)), note(Note::Missing(5))]);
        assert!(matches!(&kinds[2..], [EventKind::Frame { frame, .. }] if frame.bytes() == CONNECT));
    }

    #[test]
    fn a_client_that_forgets_its_connect_is_explained() {
        let said = stream(true, [40_000, 1883], &[(A, PUBLISH)]);
        assert_eq!(said, ["Client 1 PUBLISH", "Client closed"]);
    }
}
