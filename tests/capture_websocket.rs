//! WebSocket streams made by hand: what their messages hold must come out, however they are cut, and behind holes.

use flate2::{Compress, Compression, FlushCompress};
use mqkit::capture::websocket::{Guess, WebSocket};
use mqkit::capture::{Note, PerSide, Piece, Side, Unpacked};
use proptest::collection::vec;
use proptest::prelude::*;
use std::iter::repeat_n;

const ASK: &str = "GET /mqtt HTTP/1.1\r\nHost: b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const GRANT: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
const MASK: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

#[derive(Default)]
struct Ear {
    websocket: WebSocket,
    /// `None` for each missing byte.
    bytes: PerSide<Vec<Option<u8>>>,
    notes: Vec<Note>,
}

impl Ear {
    /// Behind the handshake, with these headers in the server's answer.
    fn open(extensions: &str) -> Self {
        let mut ear = Self::default();
        ear.data(Side::A, ASK.as_bytes());
        ear.data(Side::B, format!("{GRANT}{extensions}\r\n").as_bytes());
        assert_eq!(ear.notes, [Note::WebSocket("/mqtt".to_owned())]);
        assert_eq!(ear.websocket.client_side(), Some(Side::A));
        ear.notes.clear();
        ear
    }

    fn push(&mut self, side: Side, piece: Piece<'_>) {
        let bytes = &mut self.bytes[side];
        let notes = &mut self.notes;
        self.websocket.push(side, piece, &mut |unpacked| match unpacked {
            Unpacked::Piece(Piece::Data(data)) => bytes.extend(data.iter().copied().map(Some)),
            Unpacked::Piece(Piece::Gap(size)) => bytes.extend(repeat_n(None, size.min(1 << 20) as usize)),
            Unpacked::Note(note) => notes.push(note),
        });
    }

    fn data(&mut self, side: Side, bytes: &[u8]) {
        self.push(side, Piece::Data(bytes));
    }

    fn gap(&mut self, side: Side, size: usize) {
        self.push(side, Piece::Gap(size as u64));
    }

    fn take(&mut self, side: Side) -> Vec<Option<u8>> {
        std::mem::take(&mut self.bytes[side])
    }
}

fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    let mut out = vec![first];
    match payload.len() {
        length @ ..126 => out.push(bit | length as u8),
        length @ ..65_536 => {
            out.push(bit | 126);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(bit | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
    let mask = mask.unwrap_or_default();
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

fn deflated(compress: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 100);
    compress.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
    out.truncate(out.len() - 4);
    out
}

fn raw() -> Compress {
    Compress::new(Compression::default(), false)
}

fn known(bytes: &[u8]) -> Vec<Option<u8>> {
    bytes.iter().copied().map(Some).collect()
}

/// A PUBLISH of that size in all.
fn publish(size: usize) -> Vec<u8> {
    let mut remaining = size - 2;
    let mut out = vec![0x30];
    if remaining > 127 {
        remaining -= 1;
        out.extend([0x80 | (remaining % 128) as u8, (remaining / 128) as u8]);
    } else {
        out.push(remaining as u8);
    }
    out.extend((0..remaining).map(|n| (n / 3) as u8));
    out
}

fn bad(why: &str) -> Note {
    Note::BadWebSocket(why.to_owned())
}

/// Everything that frames can look like, and what is in it.
fn conversation(mask: Option<[u8; 4]>) -> (Vec<u8>, Vec<u8>) {
    let large: Vec<u8> = (0..70_000u32).map(|n| (n % 251) as u8).collect();
    let mut wire = Vec::new();
    wire.extend(frame(0x82, mask, b"short"));
    wire.extend(frame(0x82, mask, b""));
    wire.extend(frame(0x82, mask, &large[..126]));
    wire.extend(frame(0x02, mask, b"in "));
    wire.extend(frame(0x89, mask, b"ping"));
    wire.extend(frame(0x00, mask, b"three "));
    wire.extend(frame(0x8a, mask, b""));
    wire.extend(frame(0x80, mask, b"parts"));
    wire.extend(frame(0x82, mask, &large));
    wire.extend(frame(0x88, mask, &[3, 0xe8]));
    let plain = [&b"short"[..], &large[..126], b"in three parts", &large].concat();
    (wire, plain)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_conversation_in_pieces_of_any_size(sizes in vec(1usize..3000, 1..20)) {
        let mut ear = Ear::default();
        let mut plain = Vec::new();
        for (side, head, mask) in [(Side::A, ASK.to_owned(), MASK), (Side::B, format!("{GRANT}\r\n"), None)] {
            let (frames, expected) = conversation(mask);
            let wire = [head.into_bytes(), frames].concat();
            let mut rest = wire.as_slice();
            for size in sizes.iter().cycle() {
                let (piece, behind) = rest.split_at((*size).min(rest.len()));
                ear.data(side, piece);
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            plain.push(expected);
        }
        prop_assert_eq!(&ear.notes, &[Note::WebSocket("/mqtt".to_owned())]);
        prop_assert!(ear.take(Side::A) == known(&plain[0]));
        prop_assert!(ear.take(Side::B) == known(&plain[1]));
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(
        open in any::<bool>(),
        pieces in vec((any::<bool>(), prop_oneof![
            vec(any::<u8>(), 0..60).prop_map(Ok),
            vec(prop::sample::select(vec![0, 1, 0x82, 0x80, 0xc2, 0x42, 0x02, 0x89, 3, 0x30, 0xff]), 0..80).prop_map(Ok),
            any::<u64>().prop_map(Err),
            (0u64..60).prop_map(Err),
        ]), 0..20)
    ) {
        let mut ear = if open {
            Ear::open("Sec-WebSocket-Extensions: permessage-deflate\r\n")
        } else {
            Ear::default()
        };
        for (side, piece) in &pieces {
            let side = if *side { Side::A } else { Side::B };
            if let Ok(bytes) = piece {
                let _ = WebSocket::guess(bytes);
            }
            ear.push(side, piece.as_ref().map_or_else(|size| Piece::Gap(*size), |bytes| Piece::Data(bytes)));
        }
    }
}

#[test]
fn a_large_frame_is_not_waited_for() {
    let mut ear = Ear::open("");
    ear.data(Side::B, &[0x82, 127, 0, 0, 0, 0, 12, 0, 0, 0, 1, 2]);
    ear.data(Side::B, &[3]);
    assert_eq!(ear.take(Side::B), known(&[1, 2, 3]));
}

#[test]
fn compressed_messages_with_and_without_the_ones_before() {
    let messages = [
        &b"temperature 21.5"[..],
        b"",
        b"temperature 21.6",
        &[9; 100_000],
        b"temperature",
    ];
    for (parameters, client_alone, server_alone) in [
        ("", false, false),
        ("; server_no_context_takeover", false, true),
        ("; client_no_context_takeover; server_max_window_bits=12", true, false),
        ("; server_no_context_takeover; client_no_context_takeover", true, true),
    ] {
        let mut ear = Ear::open(&format!("Sec-WebSocket-Extensions: permessage-deflate{parameters}\r\n"));
        for (side, mask, alone) in [(Side::A, MASK, client_alone), (Side::B, None, server_alone)] {
            let mut compress = raw();
            for message in messages {
                if alone {
                    compress.reset();
                }
                let bytes = deflated(&mut compress, message);
                let (one, two) = bytes.split_at(bytes.len() / 2);
                ear.data(side, &frame(0x42, mask, one));
                ear.data(side, &frame(0x89, mask, b"ping"));
                ear.data(side, &frame(0x80, mask, two));
                // One that is not compressed in between.
                ear.data(side, &frame(0x82, mask, b"plain"));
                assert_eq!(ear.take(side), known(&[message, b"plain"].concat()), "{parameters}");
            }
        }
        assert_eq!(ear.notes, []);
    }
}

#[test]
fn a_hole_inside_a_frame() {
    for (side, mask) in [(Side::A, MASK), (Side::B, None)] {
        let mut ear = Ear::open("");
        let wire = frame(0x82, mask, &[7; 300]);
        ear.data(side, &wire[..100]);
        ear.gap(side, 50);
        ear.data(side, &wire[150..]);
        ear.data(side, &frame(0x82, mask, b"next"));
        let mut expected = known(&[7; 300]);
        let start = 100 - (wire.len() - 300);
        expected[start..start + 50].fill(None);
        expected.extend(known(b"next"));
        assert_eq!(ear.take(side), expected);
        assert_eq!(ear.notes, []);
    }
}

#[test]
fn a_hole_over_frames() {
    for (side, mask) in [(Side::A, MASK), (Side::B, None)] {
        let wire: Vec<u8> = (0..30).flat_map(|_| frame(0x82, mask, &publish(200))).collect();
        for (start, end) in [(0, 700), (1, 702), (150, 1000), (900, 1203), (205, 640)] {
            let mut ear = Ear::open("");
            ear.data(side, &wire[..start]);
            ear.gap(side, end - start);
            ear.data(side, &wire[end..]);
            let heard = ear.take(side);
            let whole = wire.len() / 30;
            let behind = heard.iter().rev().take_while(|byte| byte.is_some()).count();
            assert_eq!(behind, (30 - end.div_ceil(whole)) * 200, "{start} {end}");
            assert_eq!(ear.notes, []);
        }
    }
}

#[test]
fn a_hole_in_compressed_messages() {
    let mut ear = Ear::open("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    let mut compress = raw();
    let first = frame(0xc2, None, &deflated(&mut compress, b"a topic of some length"));
    ear.data(Side::B, &first[..10]);
    ear.gap(Side::B, 5);
    ear.data(Side::B, &first[15..]);
    assert_eq!(ear.notes, [bad("bytes of a compressed message are missing")]);
    assert!(ear.take(Side::B).ends_with(&[None]));
    let second = deflated(&mut compress, b"21 a topic of some length 22");
    ear.data(Side::B, &frame(0xc2, None, &second));
    let heard = ear.take(Side::B);
    assert_eq!(heard.len(), 28);
    assert_eq!((&heard[..3], &heard[25..]), (&known(b"21 ")[..], &known(b" 22")[..]));
    assert!(heard[4..24].iter().all(Option::is_none));
    assert_eq!(ear.notes.len(), 1);
}

#[test]
fn what_is_to_be_known() {
    let mut ear = Ear::open("");
    ear.data(Side::B, &frame(0x81, None, b"text").repeat(2));
    ear.data(Side::A, &frame(0x82, None, b"bare").repeat(2));
    ear.data(Side::A, &frame(0xc2, MASK, b"squeezed"));
    ear.data(Side::A, &[0x93, 0]);
    assert_eq!(ear.take(Side::B), known(b"texttext"));
    assert_eq!(ear.take(Side::A)[..8], known(b"barebare"));
    assert_eq!(
        ear.notes,
        [
            bad("text frames, where MQTT wants binary ones [MQTT-6.0.0-1]"),
            bad("the client does not mask its frames"),
            bad("compressed messages, but permessage-deflate was not agreed on"),
            bad("a frame with RSV2 or RSV3"),
        ]
    );
}

#[test]
fn from_the_middle_of_a_stream() {
    let packets = [&[0x40, 2, 0, 1][..], &publish(300), &[0xd0, 0]];
    for (side, mask) in [(Side::A, MASK), (Side::B, None)] {
        let wire: Vec<u8> = packets.iter().flat_map(|packet| frame(0x82, mask, packet)).collect();
        assert_eq!(WebSocket::guess(&wire[..12]), Guess::Yes);
        let mut ear = Ear::default();
        // From the middle of a frame.
        ear.data(side, &[1, 2, 3]);
        for byte in &wire {
            ear.data(side, &[*byte]);
        }
        assert_eq!(ear.take(side)[3..], known(&packets.concat()));
        assert_eq!(ear.notes, [Note::WebSocket(String::new())]);
        assert_eq!(ear.websocket.client_side(), Some(Side::A));
    }
}

#[test]
fn compressed_from_the_middle_of_a_stream() {
    let mut ear = Ear::default();
    for _ in 0..6 {
        // Each for itself, which the capture does not show.
        let message = deflated(&mut raw(), &publish(60));
        ear.data(Side::A, &frame(0xc2, MASK, &message));
    }
    assert_eq!(ear.take(Side::A), known(&publish(60).repeat(6)));
}

#[test]
fn http_without_websocket() {
    assert_eq!(WebSocket::guess(b"GET / HTTP/1.1\r\nHost: b\r\n\r\n"), Guess::No);
    assert_eq!(WebSocket::guess(b"HTTP/1.1 200 OK\r\n"), Guess::No);
    assert_eq!(WebSocket::guess(ASK.as_bytes()), Guess::Yes);
    assert_eq!(WebSocket::guess(&ASK.as_bytes()[..20]), Guess::Unknown);
    assert_eq!(WebSocket::guess(format!("{GRANT}\r\n").as_bytes()), Guess::Yes);

    let mut ear = Ear::default();
    ear.data(Side::A, ASK.as_bytes());
    ear.data(
        Side::B,
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\n\x82\x02\xd0\x00",
    );
    ear.data(Side::A, &frame(0x82, MASK, &[0xc0, 0]));
    assert_eq!(ear.bytes, PerSide::default());
    assert_eq!(
        ear.notes,
        [bad("the server does not grant it: HTTP/1.1 401 Unauthorized")]
    );
}
