//! The bodies of the fuzz targets, one for each input of `decode`: whatever the bytes are, nothing panics, hangs or grows
//! without bound, and what is said of them is well-formed. `cargo test` runs them over the corpus.

use bytes::BytesMut;
use mqkit::analysis::{Analyst, Explained, Origin};
use mqkit::capture::file::{Item, Reader};
use mqkit::capture::network::Segment;
use mqkit::capture::stream::Stream;
use mqkit::capture::tcp::{Ends, Reassembler};
use mqkit::capture::tls::{KeyLog, Tls};
use mqkit::capture::websocket::WebSocket;
use mqkit::capture::{Capture, Event, EventKind, Options, Piece, Side, Stamp, Unpacked};
use mqkit::input::packets::Encoder;
use mqkit::input::{form, text};
use mqkit::output::flow::Flow;
use mqkit::output::packet::{self, json, line, verbose};
use mqkit::output::stats::Stats;
use mqkit::protocol::{Frame, Version, frame};
use std::io::Cursor;
use std::net::SocketAddr;
use std::time::Duration;

/// Text in any shape.
pub(super) fn hex(data: &[u8]) {
    let _ = form::detect(data, true);
    if let Ok(parsed) = text::parse(data) {
        assert!(!parsed.shape.is_empty());
        if let text::Content::Bytes(bytes) = parsed.content {
            packets_of(&bytes, None);
        }
    }
}

/// Packets one after the other; the first byte says in which version.
pub(super) fn packets(data: &[u8]) {
    if let Some((first, rest)) = data.split_first() {
        let version = [Version::V31, Version::V311, Version::V5]
            .get(usize::from(first & 3))
            .copied();
        packets_of(rest, version);
    }
}

/// A pcap file: one that is none gets a header.
pub(super) fn pcap(data: &[u8]) {
    const HEADER: [u8; 24] = [
        0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
    ];
    let magic = matches!(
        data.get(..4),
        Some([0xd4, 0xc3, 0xb2, 0xa1] | [0xa1, 0xb2, _, _] | [_, _, 0xb2, 0xa1] | [0x1f, 0x8b, ..])
    );
    let header = if magic { &[][..] } else { &HEADER };
    capture([header, data].concat());
}

/// A pcapng file: one that is none gets a section header.
pub(super) fn pcapng(data: &[u8]) {
    const HEADER: [u8; 48] = [
        0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255,
        255, 28, 0, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 0, 20, 0, 0, 0,
    ];
    let header = if data.starts_with(&HEADER[..4]) {
        &[][..]
    } else {
        &HEADER
    };
    capture([header, data].concat());
}

/// TCP segments: two bytes for the sequence number, one for flags and side, one for the length, then the payload.
pub(super) fn segments(data: &[u8]) {
    let ends = [
        SocketAddr::from(([10, 0, 0, 1], 50_000)),
        SocketAddr::from(([10, 0, 0, 2], 1883)),
    ];
    let mut reassembler = Reassembler::new(data.len() % 2 == 1);
    let mut events = Vec::new();
    let mut streams: Vec<(u32, Stream)> = Vec::new();
    let keys = KeyLog::default();
    let mut sink = |number: u32, ends: Ends, stamp: Stamp, part: mqkit::capture::tcp::Part<'_>| {
        let found = streams.iter().position(|(own, _)| *own == number);
        let index = found.unwrap_or_else(|| {
            streams.push((number, Stream::new(number, ends)));
            streams.len() - 1
        });
        match part {
            mqkit::capture::tcp::Part::Piece(side, piece) => {
                streams[index].1.push(side, piece, stamp, &keys, &mut events)
            }
            mqkit::capture::tcp::Part::Closed(side, reset) => {
                streams
                    .swap_remove(index)
                    .1
                    .close(side, reset, stamp, &keys, &mut events);
            }
            _ => streams.swap_remove(index).1.finish(stamp, &keys, &mut events),
        }
    };
    let mut rest = data;
    let mut record = 0;
    while let [high, low, flags, length, tail @ ..] = rest {
        let (payload, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        record += 1;
        let side = usize::from(flags & 1);
        let segment = Segment {
            source: ends[side],
            destination: ends[1 - side],
            sequence: u32::from(u16::from_be_bytes([*high, *low])).wrapping_sub(200),
            acknowledgement: (flags & 2 != 0).then(|| u32::from(*low) * 16),
            syn: flags & 4 != 0,
            fin: flags & 8 != 0,
            rst: flags & 0x30 == 0x30,
            payload,
            cut: usize::from(flags >> 6),
        };
        reassembler.push(&segment, stamp(record), &mut sink);
    }
    reassembler.finish(&mut sink);
    show(events);
}

/// WebSocket: a byte for side and length, then bytes of the stream; a length of nothing is a gap.
pub(super) fn websocket(data: &[u8]) {
    let _ = WebSocket::guess(data);
    let mut websocket = WebSocket::default();
    let mut given = 0;
    for (side, piece) in pieces(data) {
        websocket.push(side, piece, &mut |unpacked| given += length(unpacked));
    }
}

/// TLS, in the same form, with a key log in front that knows the client random of zeros.
pub(super) fn tls(data: &[u8]) {
    let mut keys = KeyLog::default();
    keys.add(data);
    let zeros = "0".repeat(64);
    for label in [
        "CLIENT_RANDOM",
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    ] {
        keys.add(format!("{label} {zeros} {}\n", "0".repeat(96)).as_bytes());
    }
    let _ = Tls::guess(data);
    let mut tls = Tls::default();
    let mut given = 0;
    for (side, piece) in pieces(data) {
        tls.push(side, piece, &keys, &mut |unpacked| given += length(unpacked));
    }
}

/// JSON lines to packets: what is written is read the same.
pub(super) fn encode(data: &[u8]) {
    let mut encoder = Encoder::default();
    for line in data.split(|byte| *byte == b'\n') {
        let mut out = BytesMut::new();
        if encoder.line(line, &mut out).is_err() {
            assert!(out.is_empty());
        }
    }
}

fn stamp(record: u64) -> Stamp {
    Stamp {
        time: Some(Duration::from_millis(record * 700)),
        record,
    }
}

fn length(unpacked: Unpacked<'_>) -> u64 {
    match unpacked {
        Unpacked::Piece(Piece::Data(bytes)) => bytes.len() as u64,
        Unpacked::Piece(Piece::Gap(bytes)) => bytes,
        Unpacked::Note(note) => {
            assert!(!note.to_string().is_empty());
            0
        }
    }
}

fn pieces(data: &[u8]) -> Vec<(Side, Piece<'_>)> {
    let mut pieces = Vec::new();
    let mut rest = data;
    while let [first, tail @ ..] = rest {
        let side = if first & 0x80 == 0 { Side::A } else { Side::B };
        let (bytes, tail) = tail.split_at(usize::from(first & 0x7f).min(tail.len()));
        rest = tail;
        pieces.push((
            side,
            if bytes.is_empty() {
                Piece::Gap(5)
            } else {
                Piece::Data(bytes)
            },
        ));
    }
    pieces
}

fn capture(file: Vec<u8>) {
    let mut reader = Reader::new(Box::new(Cursor::new(file)));
    let mut capture = Capture::new(Options::default());
    let mut events = Vec::new();
    while let Ok(Some(item)) = reader.next() {
        if let Item::Record(record) = &item {
            assert!(record.data.len() <= 64 << 20);
        }
        capture.push(item, &mut events);
        capture.take_damage();
    }
    capture.finish(&mut events);
    show(events);
}

/// Every output of what a capture gave.
fn show(events: Vec<Event>) {
    let mut analyst = Analyst::new(None, true);
    let (mut flow, mut stats) = (Flow::new(packet::Options::default()), Stats::new());
    let mut out = Vec::new();
    for event in events {
        match event.kind {
            EventKind::Frame {
                sender,
                source,
                destination,
                frame,
            } => {
                let origin = Origin {
                    connection: Some(event.connection),
                    sender,
                    time: event.stamp.time,
                    source: Some(source),
                    destination: Some(destination),
                    record: Some(event.stamp.record),
                };
                let explained = analyst.packet(origin, frame);
                check(&explained);
                flow.add(&explained);
                stats.add(&explained);
            }
            EventKind::Note { sender, note } => {
                assert!(!note.to_string().is_empty());
                analyst.missing(Some(event.connection), sender);
            }
            EventKind::Closed { sender, reset } => {
                if let Some(ending) = analyst.closed(Some(event.connection), event.stamp.time, sender, reset) {
                    line::ending(&ending, packet::Options::default(), &mut out);
                    flow.end(&ending, &mut out);
                    stats.end(&ending);
                }
            }
        }
    }
    for ending in analyst.finish() {
        flow.end(&ending, &mut out);
        stats.end(&ending);
    }
    flow.finish(&mut out);
    stats.write_text(packet::Options::default(), &mut out);
    assert_text(&out);
    let mut out = Vec::new();
    stats.write_json(&mut out);
    serde_json::from_slice::<serde_json::Value>(&out).expect("the statistics are JSON");
}

fn packets_of(bytes: &[u8], version: Option<Version>) {
    let mut analyst = Analyst::new(version, true);
    let mut buffer = BytesMut::from(bytes);
    while !buffer.is_empty() {
        let frame = match frame::split(&mut buffer, usize::MAX) {
            Ok(Some(frame)) => frame,
            Ok(None) | Err(_) => Frame::cut(buffer.split().freeze()),
        };
        check(&analyst.packet(Origin::UNKNOWN, frame));
    }
}

/// A packet in every shape; JSON gives its bytes back when it is whole.
fn check(explained: &Explained) {
    let options = packet::Options {
        show_secrets: true,
        ..packet::Options::default()
    };
    let mut out = Vec::new();
    line::write(explained, packet::Options::default(), &mut out);
    verbose::write(explained, options, &mut out);
    assert_text(&out);
    let mut out = Vec::new();
    json::write(
        explained,
        packet::Options {
            offsets: true,
            ..options
        },
        &mut out,
    );
    serde_json::from_slice::<serde_json::Value>(&out).expect("JSON");
    let mut back = BytesMut::new();
    Encoder::new(explained.version)
        .line(&out, &mut back)
        .expect("what decode prints is encoded");
    assert_eq!(back[..], explained.frame.bytes()[..]);
}

fn assert_text(out: &[u8]) {
    let text = std::str::from_utf8(out).expect("text");
    let control = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None);
}
