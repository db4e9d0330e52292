//! Finds where MQTT packets begin in bytes whose beginning is not known: after a gap, after damage, in the middle of a
//! stream, or in a stream that may be anything. It must not know what becomes of the packets.

use crate::protocol::frame::{self, Extent};
use crate::protocol::{Fault, Frame, Packet, PacketType, Sender, Version};
use bytes::{Buf, Bytes, BytesMut};

/// Bytes that are kept while it is not clear whether a packet begins at their front.
pub const BOUND: usize = 64 << 10;
/// A chain of so many packets is no accident.
const ENOUGH: usize = 3;
/// No packet but PUBLISH and CONNECT is believed to be larger, in bytes.
const LARGEST: usize = 16 << 10;
/// No topic name is believed to be longer, in bytes.
const LONGEST_TOPIC: usize = 1024;
/// A packet that stands alone in the middle of other bytes is believed from this size on, in bytes.
const SMALLEST_ALONE: usize = 6;
/// A topic name is worth something as evidence from this length on, in bytes.
const TELLING_TOPIC: usize = 3;

/// What speaks for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Evidence {
    /// Packets that are whole and without fault, counted up to three.
    pub packets: usize,
    /// How many of them carry a topic, a filter or a protocol name.
    pub telling: usize,
}

/// Outcome of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Packets begin at the front of the bytes that are kept.
    Found(Evidence),
    /// Packets may begin there; more bytes will tell.
    Unsure,
    /// No packet begins in what was there; nothing is kept.
    Nothing,
}

/// Bytes in which packets are looked for.
#[derive(Debug, Default)]
pub struct Search {
    buffer: BytesMut,
    /// Where the latest piece begins in `buffer`. Packets like to begin where segments do.
    edge: usize,
    /// True when the front of `buffer` is such a place too.
    front_is_edge: bool,
    /// A new look makes sense when so many bytes are there.
    need: usize,
    /// Bytes passed over so far.
    skipped: u64,
}

impl From<BytesMut> for Search {
    fn from(buffer: BytesMut) -> Self {
        Self {
            buffer,
            front_is_edge: true,
            ..Self::default()
        }
    }
}

impl Search {
    /// Adds a piece.
    pub fn add(&mut self, data: &[u8]) {
        self.front_is_edge |= self.buffer.is_empty();
        self.edge = self.buffer.len();
        self.buffer.extend_from_slice(data);
    }

    /// How many bytes are kept.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Takes what is kept, and how many bytes were passed over in front of it.
    pub fn take(&mut self) -> (BytesMut, u64) {
        let taken = std::mem::take(self);
        (taken.buffer, taken.skipped)
    }

    /// Looks for the first place where packets begin; `ended` when nothing will follow what is there.
    pub fn look(&mut self, ended: bool) -> Outcome {
        if self.buffer.len() < self.need && !ended {
            return Outcome::Unsure;
        }
        let bytes = Bytes::copy_from_slice(&self.buffer);
        for at in 0..bytes.len() {
            // Cheaper than a slice, and true nearly everywhere.
            if header_fits(bytes.get(at..).unwrap_or_default()) == Some(false) {
                continue;
            }
            let edge = at == self.edge || at == 0 && self.front_is_edge;
            match judge(&bytes.slice(at..), edge, ended) {
                Verdict::No => {}
                Verdict::Yes(evidence) => {
                    self.pass(at);
                    self.need = 0;
                    return Outcome::Found(evidence);
                }
                Verdict::More(need) => {
                    self.pass(at);
                    self.need = need;
                    return Outcome::Unsure;
                }
            }
        }
        self.pass(bytes.len());
        Outcome::Nothing
    }

    fn pass(&mut self, count: usize) {
        if count > 0 {
            self.front_is_edge = count == self.edge;
            self.edge = self.edge.saturating_sub(count);
            self.buffer.advance(count.min(self.buffer.len()));
            self.skipped = self.skipped.saturating_add(count as u64);
            self.need = 0;
        }
    }
}

/// Whether the stream begins with a CONNECT; `None` when more bytes are needed to say.
#[must_use]
pub fn begins_with_connect(bytes: &[u8]) -> Option<bool> {
    match bytes.first() {
        None => return None,
        Some(first) if PacketType::from_first_byte(*first) != PacketType::Connect => return Some(false),
        Some(_) => {}
    }
    let body = match frame::extent(bytes) {
        Err(_) => return Some(false),
        Ok(None) => return None,
        Ok(Some(extent)) => bytes.get(extent.header..).unwrap_or_default(),
    };
    name_fits(body)
}

/// Whether a CONNECT's body begins with a protocol name; `None` when it is cut in the name.
fn name_fits(body: &[u8]) -> Option<bool> {
    let names: [&[u8]; 2] = [b"\0\x04MQTT", b"\0\x06MQIsdp"];
    if names.iter().any(|name| body.starts_with(name)) {
        return Some(true);
    }
    let prefix = names.iter().any(|name| name.starts_with(body));
    (!prefix).then_some(false)
}

/// Whether a header may begin a packet: type, flags and length fit each other. `None` when it is not all there but fits
/// so far.
pub fn header_fits(bytes: &[u8]) -> Option<bool> {
    let first = bytes.first()?;
    let packet = PacketType::from_first_byte(*first);
    let flags = first & 0x0f;
    let flags_fit = match packet.header_flags() {
        // QoS 3, and DUP without QoS, do not exist.
        None => flags & 0b0110 != 0b0110 && flags & 0b1110 != 0b1000,
        Some(expected) => flags == expected,
    };
    if packet == PacketType::Reserved || !flags_fit {
        return Some(false);
    }
    match frame::extent(bytes) {
        Err(_) => Some(false),
        Ok(None) => None,
        Ok(Some(extent)) => Some(length_fits(packet, bytes, extent)),
    }
}

fn length_fits(packet: PacketType, bytes: &[u8], extent: Extent) -> bool {
    use PacketType as T;
    let (least, most) = match packet {
        T::Pingreq | T::Pingresp => (0, 0),
        T::Disconnect | T::Auth => (0, LARGEST),
        T::Connect => (12, usize::MAX),
        T::Publish => (2, usize::MAX),
        T::Subscribe => (6, LARGEST),
        T::Unsubscribe => (5, LARGEST),
        T::Suback => (3, LARGEST),
        _ => (2, LARGEST),
    };
    // Nobody writes a length with more bytes than it needs.
    let minimal = extent.header == 2 || bytes.get(extent.header - 1) != Some(&0);
    minimal && (least..=most).contains(&extent.remaining)
}

enum Verdict {
    No,
    /// More bytes will tell, when so many are there.
    More(usize),
    Yes(Evidence),
}

/// Whether a plausible chain of packets begins at the front.
fn judge(bytes: &Bytes, edge: bool, ended: bool) -> Verdict {
    let mut more = None;
    for version in [Version::V311, Version::V5] {
        match judge_as(version, bytes, edge, ended) {
            Verdict::Yes(evidence) => return Verdict::Yes(evidence),
            Verdict::More(need) => more = Some(more.map_or(need, |other: usize| other.min(need))),
            Verdict::No => {}
        }
    }
    more.map_or(Verdict::No, Verdict::More)
}

fn judge_as(version: Version, bytes: &Bytes, edge: bool, ended: bool) -> Verdict {
    let mut evidence = Evidence::default();
    let mut at = 0;
    loop {
        let rest = bytes.slice(at..);
        if rest.is_empty() {
            // Ends exactly where the bytes do.
            let alone = evidence.packets == 1 && at < SMALLEST_ALONE && !edge;
            return match (alone, ended) {
                (false, _) => Verdict::Yes(evidence),
                (true, false) => Verdict::More(at + 2),
                (true, true) => Verdict::No,
            };
        }
        let extent = match (header_fits(&rest), frame::extent(&rest)) {
            (Some(true), Ok(Some(extent))) => extent,
            (None, _) => return unfinished(evidence, bytes.len() + 1, false, ended),
            _ => return Verdict::No,
        };
        let size = extent.total();
        if size > rest.len() {
            let Some(telling) = beginning_fits(version, &rest, extent) else {
                return Verdict::No;
            };
            let need = at.saturating_add(size);
            return unfinished(evidence, need, telling && (edge || evidence.packets > 0), ended);
        }
        let frame = Frame::cut(rest.slice(..size));
        let Some(telling) = decodes(version, &frame) else {
            return Verdict::No;
        };
        evidence.packets += 1;
        evidence.telling += usize::from(telling);
        if evidence.packets >= ENOUGH {
            return Verdict::Yes(evidence);
        }
        at += size;
    }
}

/// The last packet of the chain is not all there.
fn unfinished(evidence: Evidence, need: usize, credible: bool, ended: bool) -> Verdict {
    if need <= BOUND && !ended {
        return Verdict::More(need);
    }
    // Waiting for the end of a large packet would mean to keep all of it.
    let enough = if ended {
        evidence.packets > 0 || credible
    } else {
        credible
    };
    if enough { Verdict::Yes(evidence) } else { Verdict::No }
}

/// Whether a whole packet is without fault; then, whether it carries text that no accident writes.
fn decodes(version: Version, frame: &Frame) -> Option<bool> {
    match Packet::decode(version, Sender::Unknown, frame).ok()? {
        Packet::Connect(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) => Some(true),
        Packet::Publish(publish) => {
            let topic = publish.topic.as_str();
            let plain = topic.len() <= LONGEST_TOPIC && !topic.chars().any(char::is_control);
            plain.then_some(topic.len() >= TELLING_TOPIC)
        }
        _ => Some(false),
    }
}

/// Whether the beginning of a packet fits; then, whether it carries text that no accident writes.
fn beginning_fits(version: Version, bytes: &Bytes, extent: Extent) -> Option<bool> {
    use PacketType as T;
    let body = bytes.get(extent.header..).unwrap_or_default();
    match PacketType::from_first_byte(bytes.first().copied().unwrap_or_default()) {
        T::Publish => topic_fits(body, extent.remaining),
        T::Connect => match name_fits(body) {
            Some(false) => None,
            fits => Some(fits == Some(true)),
        },
        T::Connack | T::Puback | T::Pubrec | T::Pubrel | T::Pubcomp | T::Unsuback
            if version == Version::V311 && extent.remaining != 2 =>
        {
            None
        }
        T::Disconnect | T::Auth if version == Version::V311 => None,
        _ => {
            let mut faults = Vec::new();
            let _ = Packet::explain(version, Sender::Unknown, &Frame::cut(bytes.clone()), None, &mut faults);
            // What is cut is still to come.
            let fits = faults.iter().all(|error| {
                matches!(
                    error.fault,
                    Fault::PacketCut { .. } | Fault::NoTopicFilter | Fault::NoReasonCodes
                )
            });
            fits.then_some(false)
        }
    }
}

/// Whether the topic of a PUBLISH fits, as far as it is there; then, whether all of it is there and tells something.
fn topic_fits(body: &[u8], remaining: usize) -> Option<bool> {
    let Some((length, rest)) = body.split_first_chunk() else {
        return Some(false);
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if length > LONGEST_TOPIC || length + 2 > remaining {
        return None;
    }
    let there = rest.get(..length).unwrap_or(rest);
    let text = match std::str::from_utf8(there) {
        Ok(text) => text,
        // Cut in a character.
        Err(error) if there.len() < length && error.error_len().is_none() => {
            std::str::from_utf8(there.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let plain = !text.contains(|c: char| c.is_control() || c == '+' || c == '#');
    plain.then_some(there.len() == length && length >= TELLING_TOPIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(pieces: &[&[u8]], ended: bool) -> (Outcome, usize, u64) {
        let mut search = Search::default();
        let mut outcome = Outcome::Nothing;
        for piece in pieces {
            search.add(piece);
            outcome = search.look(ended);
        }
        let (rest, skipped) = search.take();
        (outcome, rest.len(), skipped)
    }

    fn found(packets: usize, telling: usize) -> Outcome {
        Outcome::Found(Evidence { packets, telling })
    }

    const PUBACK: &[u8] = b"\x40\x02\0\x07";
    const PUBLISH: &[u8] = b"\x30\x0a\0\x03a/bhello";

    #[test]
    fn a_connect_is_known_by_its_name() {
        let connect = b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02P1";
        for cut in 0..8 {
            assert_eq!(begins_with_connect(&connect[..cut]), None, "{cut}");
        }
        assert_eq!(begins_with_connect(connect), Some(true));
        assert_eq!(begins_with_connect(b"\x10\x80\x01\0\x06MQIsdp"), Some(true));
        assert_eq!(begins_with_connect(b"\x10\x0e\0\x04HTTP"), Some(false));
        assert_eq!(begins_with_connect(b"\x10\xff\xff\xff\xff"), Some(false));
        assert_eq!(begins_with_connect(PUBACK), Some(false));
    }

    #[test]
    fn a_short_packet_counts_where_a_piece_begins() {
        assert_eq!(look(&[PUBACK], false), (found(1, 0), 4, 0));
        assert_eq!(look(&[b"xx", PUBACK], false), (found(1, 0), 4, 2));
        let inside = [b"xx", PUBACK].concat();
        assert_eq!(look(&[&inside], false), (Outcome::Unsure, 4, 2));
        assert_eq!(look(&[&inside], true), (Outcome::Nothing, 0, 6));
        assert_eq!(look(&[&[&inside, PUBLISH].concat()], false), (found(2, 1), 16, 2));
    }

    #[test]
    fn the_beginning_of_a_packet_must_fit() {
        assert_eq!(look(&[&PUBLISH[..6]], false), (Outcome::Unsure, 6, 0));
        // A reason code that does not exist, a filter that is longer than the packet, a control character.
        assert_eq!(look(&[b"paylo"], false).0, Outcome::Nothing);
        assert_eq!(look(&[b"\x82\x20\0\x01\x70\0aa"], false).0, Outcome::Nothing);
        assert_eq!(look(&[b"\x82\x20\0\x01\0\x10aa"], false).0, Outcome::Unsure);
        assert_eq!(look(&[b"\x30\x20\0\x05a\x01"], false).0, Outcome::Nothing);
        assert_eq!(look(&[b"\x30\x20\0\x05a/+"], false).0, Outcome::Nothing);
        // A topic that is cut in a character.
        assert_eq!(look(&[b"\x30\x20\0\x05a\xc3"], false).0, Outcome::Unsure);
    }

    #[test]
    fn a_length_has_no_more_bytes_than_it_needs() {
        assert_eq!(header_fits(b"\x30\x0a"), Some(true));
        assert_eq!(header_fits(b"\x30\x8a\0"), Some(false));
    }

    #[test]
    fn at_the_end_a_whole_packet_tells_whatever_begins_behind_it() {
        let bytes = [b"xx", PUBLISH, &PUBLISH[..1]].concat();
        assert_eq!(look(&[&bytes], true), (found(1, 1), 13, 2));
        assert_eq!(look(&[&bytes], false), (Outcome::Unsure, 13, 2));
    }

    #[test]
    fn a_large_packet_is_not_waited_for() {
        let head = |length: &[u8], topic: &[u8]| [b"\x30", length, &[0, topic.len() as u8], topic].concat();
        let large = [0x80, 0x84, 0xaf, 0x5f];
        assert_eq!(look(&[&head(&large, b"some/topic")], false).0, found(0, 0));
        assert_eq!(look(&[&head(&large, b"t")], false).0, Outcome::Nothing);
        assert_eq!(
            look(&[&[b"?", &head(&large, b"some/other")[..]].concat()], false).0,
            Outcome::Nothing
        );
    }
}
