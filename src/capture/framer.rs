//! One direction of an MQTT stream -> frames; finds the next packet again after a gap, damage or a start in the middle.
//! It must not know TCP.

use super::Piece;
use super::search::{self, Outcome, Search};
use crate::protocol::frame;
use crate::protocol::{Frame, MAX_REMAINING_LENGTH};
use bytes::BytesMut;

/// Length of a fixed header whose remaining length does not end, in bytes.
const BROKEN_HEADER: usize = 5;
/// Largest packet in bytes: its buffer grows only with what is there.
const LARGEST: usize = MAX_REMAINING_LENGTH + BROKEN_HEADER;
/// What is taken at a time, in bytes: each loss of framing may copy so much.
const CHUNK: usize = 16 << 10;
/// A place that was found by search is trusted when so many packets followed.
const TRUSTED: u8 = 3;

/// What a stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A control packet, whole or cut. One whose remaining length has more than four bytes is given as these bytes
    /// alone: [`frame::extent`] says so.
    Frame(Frame),
    /// So many bytes were passed over to find the next packet.
    Skipped(u64),
    /// So many bytes are missing here. What is left of the packet behind the hole is part of the cut frame before it,
    /// and is not given.
    Missing(u64),
}

/// Splits one direction of a stream.
#[derive(Debug)]
pub struct Framer {
    state: State,
}

#[derive(Debug)]
enum State {
    /// The buffer begins where a packet does.
    Aligned { buffer: BytesMut, trust: u8 },
    /// So many bytes of a packet with a hole are still to come.
    Inside(u64),
    /// The beginning of a packet is looked for.
    Lost(Search),
}

impl Framer {
    /// A framer; `aligned` when the first byte begins a packet for sure.
    #[must_use]
    pub fn new(aligned: bool) -> Self {
        let state = match aligned {
            true => State::aligned(TRUSTED),
            false => State::Lost(Search::default()),
        };
        Self { state }
    }

    /// Memory in use, in bytes.
    #[must_use]
    pub fn held(&self) -> usize {
        match &self.state {
            State::Aligned { buffer, .. } => buffer.len(),
            State::Inside(_) => 0,
            State::Lost(search) => search.held(),
        }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: Piece<'_>, found: &mut dyn FnMut(Found)) {
        match piece {
            Piece::Data(data) => data.chunks(CHUNK).for_each(|chunk| self.data(chunk, found)),
            Piece::Gap(missing) => self.gap(missing, found),
        }
    }

    /// The stream is over: gives the beginning of a packet that is still there.
    pub fn finish(&mut self, found: &mut dyn FnMut(Found)) {
        self.give_rest(found);
        self.state = State::Lost(Search::default());
    }

    fn data(&mut self, mut data: &[u8], found: &mut dyn FnMut(Found)) {
        if let State::Inside(left) = &mut self.state {
            let count = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
            *left -= count as u64;
            if *left > 0 {
                return;
            }
            data = data.get(count..).unwrap_or_default();
            self.state = State::aligned(TRUSTED);
        }
        match &mut self.state {
            State::Aligned { buffer, .. } => buffer.extend_from_slice(data),
            State::Lost(search) => search.add(data),
            State::Inside(_) => {}
        }
        self.advance(false, found);
    }

    fn gap(&mut self, missing: u64, found: &mut dyn FnMut(Found)) {
        let left = match self.state {
            State::Inside(left) => Some(left),
            _ => self.give_rest(found),
        };
        found(Found::Missing(missing));
        self.state = match left.and_then(|left| left.checked_sub(missing)) {
            Some(0) => State::aligned(TRUSTED),
            Some(left) => State::Inside(left),
            None => State::Lost(Search::default()),
        };
    }

    /// Gives the packets that are whole; `ended` when nothing will follow what is there.
    fn advance(&mut self, ended: bool, found: &mut dyn FnMut(Found)) {
        loop {
            let next = match &mut self.state {
                State::Aligned { buffer, trust } => split(buffer, trust, found),
                State::Lost(search) => find(search, ended, found),
                State::Inside(_) => None,
            };
            match next {
                Some(state) => self.state = state,
                None => return,
            }
        }
    }

    /// Nothing follows what is there: gives it. Says how much of a cut packet is still to come.
    fn give_rest(&mut self, found: &mut dyn FnMut(Found)) -> Option<u64> {
        self.advance(true, found);
        match &mut self.state {
            State::Aligned { buffer, .. } if !buffer.is_empty() => {
                let bytes = std::mem::take(buffer).freeze();
                let Ok(Some(extent)) = frame::extent(&bytes) else {
                    found(Found::Skipped(bytes.len() as u64));
                    return None;
                };
                let left = extent.total().saturating_sub(bytes.len()) as u64;
                found(Found::Frame(Frame::cut(bytes)));
                Some(left)
            }
            State::Lost(search) => {
                let (buffer, skipped) = search.take();
                let skipped = skipped.saturating_add(buffer.len() as u64);
                if skipped > 0 {
                    found(Found::Skipped(skipped));
                }
                None
            }
            _ => None,
        }
    }
}

impl State {
    fn aligned(trust: u8) -> Self {
        Self::Aligned {
            buffer: BytesMut::new(),
            trust,
        }
    }
}

/// Gives the packets that are whole; the next state when framing is lost.
fn split(buffer: &mut BytesMut, trust: &mut u8, found: &mut dyn FnMut(Found)) -> Option<State> {
    loop {
        if *trust < TRUSTED && search::header_fits(buffer) == Some(false) {
            // The search was deceived.
            return Some(State::Lost(Search::from(std::mem::take(buffer))));
        }
        match frame::split(buffer, LARGEST) {
            Ok(Some(frame)) => {
                *trust = trust.saturating_add(1);
                found(Found::Frame(frame));
            }
            Ok(None) => return None,
            Err(_) => {
                let header = buffer.split_to(BROKEN_HEADER.min(buffer.len())).freeze();
                found(Found::Frame(Frame::cut(header)));
                return Some(State::Lost(Search::from(std::mem::take(buffer))));
            }
        }
    }
}

/// Looks for the next packet; the next state when there is one.
fn find(search: &mut Search, ended: bool, found: &mut dyn FnMut(Found)) -> Option<State> {
    let Outcome::Found(_) = search.look(ended) else {
        return None;
    };
    let (buffer, skipped) = search.take();
    if skipped > 0 {
        found(Found::Skipped(skipped));
    }
    Some(State::Aligned { buffer, trust: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Packet;
    use crate::protocol::{Sender, Version};

    const PINGREQ: &[u8] = &[0xc0, 0];
    const PUBACK: &[u8] = &[0x40, 2, 0, 7];

    fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
        let length = 2 + topic.len() + payload.len();
        let mut packet = vec![0x30];
        match length {
            0..128 => packet.push(length as u8),
            _ => packet.extend([length as u8 | 0x80, (length >> 7) as u8]),
        }
        packet.extend([0, topic.len() as u8]);
        packet.extend(topic.as_bytes());
        packet.extend(payload);
        packet
    }

    /// What a framer says of the pieces: packets as their bytes.
    fn frame_all(aligned: bool, pieces: &[Piece<'_>]) -> Vec<Said> {
        let mut said = Vec::new();
        let mut found = |found: Found| {
            said.push(match found {
                Found::Frame(frame)
                    if frame::extent(frame.bytes())
                        .ok()
                        .flatten()
                        .is_none_or(|extent| frame.bytes().len() < extent.total()) =>
                {
                    Cut(frame.bytes().to_vec())
                }
                Found::Frame(frame) => Whole(frame.bytes().to_vec()),
                Found::Skipped(bytes) => Skipped(bytes),
                Found::Missing(bytes) => Missing(bytes),
            });
        };
        let mut framer = Framer::new(aligned);
        for piece in pieces {
            framer.push(*piece, &mut found);
        }
        framer.finish(&mut found);
        said
    }

    #[derive(Debug, Clone, PartialEq, Eq)]
    enum Said {
        Whole(Vec<u8>),
        Cut(Vec<u8>),
        Skipped(u64),
        Missing(u64),
    }
    use Said::{Cut, Missing, Skipped, Whole};

    #[test]
    fn packets_are_whole_however_they_are_cut() {
        let stream = [&publish("a/b", &[b'x'; 300])[..], PINGREQ, PUBACK].concat();
        let want = [
            Whole(publish("a/b", &[b'x'; 300])),
            Whole(PINGREQ.into()),
            Whole(PUBACK.into()),
        ];
        for size in [1, 2, 3, 7, 100, 1000] {
            let pieces: Vec<_> = stream.chunks(size).map(Piece::Data).collect();
            assert_eq!(frame_all(true, &pieces), want, "{size} bytes");
            assert_eq!(frame_all(false, &pieces), want, "{size} bytes, found");
        }
    }

    #[test]
    fn a_hole_in_a_packet_is_passed_by_its_length() {
        let stream = [&publish("a/b", &[b'x'; 300])[..], PINGREQ].concat();
        let (front, back) = (&stream[..100], &stream[150..]);
        let said = frame_all(
            true,
            &[Piece::Data(front), Piece::Gap(20), Piece::Gap(30), Piece::Data(back)],
        );
        assert_eq!(
            said,
            [Cut(front.into()), Missing(20), Missing(30), Whole(PINGREQ.into())]
        );
        // It ends with the packet.
        let left = stream.len() as u64 - 102;
        let said = frame_all(true, &[Piece::Data(front), Piece::Gap(left), Piece::Data(PINGREQ)]);
        assert_eq!(said, [Cut(front.into()), Missing(left), Whole(PINGREQ.into())]);
    }

    #[test]
    fn behind_a_larger_hole_the_next_packet_is_found() {
        let first = publish("a/b", &[b'x'; 300]);
        let tail = b"the end of some other packet's payload, 10 bytes";
        let behind = [&tail[..], PUBACK, &publish("c/d", b"hello")].concat();
        let said = frame_all(
            true,
            &[Piece::Data(&first[..100]), Piece::Gap(5000), Piece::Data(&behind)],
        );
        let want = [
            Cut(first[..100].into()),
            Missing(5000),
            Skipped(tail.len() as u64),
            Whole(PUBACK.into()),
            Whole(publish("c/d", b"hello")),
        ];
        assert_eq!(said, want);
    }

    #[test]
    fn a_hole_of_whole_packets_needs_no_search() {
        let packet = publish("a/b", b"1");
        let said = frame_all(true, &[Piece::Data(&packet), Piece::Gap(9), Piece::Data(PINGREQ)]);
        assert_eq!(said, [Whole(packet), Missing(9), Whole(PINGREQ.into())]);
    }

    #[test]
    fn a_fault_in_a_body_is_no_reason_to_search() {
        // A type that does not exist, QoS 3, a topic that is longer than the packet.
        let stream = [
            &[0x00, 3, 1, 2, 3][..],
            &[0x36, 3, 0, 1, b'a'],
            &[0x30, 3, 0, 9, b'a'],
            PINGREQ,
        ]
        .concat();
        let want = [
            Whole(vec![0x00, 3, 1, 2, 3]),
            Whole(vec![0x36, 3, 0, 1, b'a']),
            Whole(vec![0x30, 3, 0, 9, b'a']),
            Whole(PINGREQ.into()),
        ];
        assert_eq!(frame_all(true, &[Piece::Data(&stream)]), want);
    }

    #[test]
    fn a_length_that_does_not_end_loses_the_framing() {
        let broken = [0x30, 0xff, 0xff, 0xff, 0xff];
        let next = publish("a/b", b"hello");
        let stream = [&broken[..], b"junk", &next, PINGREQ].concat();
        let want = [Cut(broken.into()), Skipped(4), Whole(next), Whole(PINGREQ.into())];
        assert_eq!(frame_all(true, &[Piece::Data(&stream)]), want);
        let frame = Frame::cut(broken.to_vec().into());
        assert!(frame::extent(frame.bytes()).is_err(), "so a reader can tell");
        assert!(Packet::decode(Version::V5, Sender::Client, &frame).is_err());
    }

    #[test]
    fn many_losses_of_framing_cost_no_more_than_their_bytes() {
        let broken = b"\xc0\0\xc0\0\xc0\0\x30\xff\xff\xff\xff";
        let stream = broken.repeat(20_000);
        let said = frame_all(true, &[Piece::Data(&stream)]);
        assert_eq!(said.len(), 4 * 20_000);
    }

    #[test]
    fn a_false_beginning_swallows_little() {
        // A PUBLISH that claims 200 MB, in the middle of a payload, and what follows.
        let claim = [0x30, 0x80, 0x84, 0xaf, 0x5f, 0, 2, 0xff, 0xfe];
        let next = publish("a/b", b"hello");
        let stream = [&claim[..], &next, PINGREQ].concat();
        let want = [Skipped(claim.len() as u64), Whole(next), Whole(PINGREQ.into())];
        assert_eq!(frame_all(false, &[Piece::Data(&stream)]), want);
    }

    #[test]
    fn the_beginning_of_a_packet_at_the_end_is_given() {
        let packet = publish("a/b", b"hello");
        assert_eq!(frame_all(true, &[Piece::Data(&packet[..6])]), [Cut(packet[..6].into())]);
        assert_eq!(frame_all(true, &[Piece::Data(&packet[..1])]), [Skipped(1)]);
        assert_eq!(
            frame_all(false, &[Piece::Data(&packet[..7])]),
            [Cut(packet[..7].into())]
        );
    }

    #[test]
    fn text_and_zeros_hold_no_packets() {
        let text = b"GET / HTTP/1.1\r\nHost: example\r\n\r\n0123456789@ABCDEFGHIJKLMNOPQRSTUVWXYZ bbbbb".repeat(40);
        for bytes in [text, vec![0; 5000], vec![0xff; 5000], vec![b'0'; 5000]] {
            let length = bytes.len() as u64;
            assert_eq!(frame_all(false, &[Piece::Data(&bytes)]), [Skipped(length)]);
        }
    }
}
