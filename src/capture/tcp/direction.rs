//! One direction of a TCP connection: sequence numbers -> offsets -> pieces in order. It must not know the other
//! direction, nor why a hole is given up.

use crate::capture::{Piece, Stamp};
use std::collections::BTreeMap;

/// Where a pure acknowledgement ends up when it claims bytes that were never captured: more than any window is a stray.
const FARTHEST_ACK: u64 = 1 << 26;
/// What a waiting chunk costs beside its bytes.
const CHUNK_COST: usize = 128;
/// Offsets start here, so that those before the first known byte are positive too.
const ORIGIN: u64 = 1 << 40;

/// The bytes of one direction.
#[derive(Debug, Default)]
pub(super) struct Direction {
    /// Set by the first segment.
    start: Option<Start>,
    /// Offset of the next byte to be given.
    position: u64,
    /// Sequence number at `position`.
    sequence: u32,
    /// False while only a segment without data has told where the stream is.
    firm: bool,
    /// What came before its turn, by offset; no two overlap.
    waiting: BTreeMap<u64, Chunk>,
    /// Memory of `waiting` in bytes.
    held: usize,
    /// Offset behind the last byte, when the end was seen.
    fin: Option<u64>,
    /// The other side has got everything before this offset.
    acknowledged: u64,
    /// The latest record that gave something.
    last: Option<Stamp>,
}

/// Sequence number of the first byte.
#[derive(Debug, Clone, Copy)]
struct Start(u32);

#[derive(Debug)]
struct Chunk {
    content: Content,
    stamp: Stamp,
}

#[derive(Debug)]
enum Content {
    Data(Vec<u8>),
    /// Bytes that the snap length cut off.
    Cut(u64),
}

impl Content {
    fn len(&self) -> u64 {
        match self {
            Self::Data(bytes) => bytes.len() as u64,
            Self::Cut(length) => *length,
        }
    }

    fn cost(&self) -> usize {
        match self {
            Self::Data(bytes) => bytes.capacity().saturating_add(CHUNK_COST),
            Self::Cut(_) => CHUNK_COST,
        }
    }
}

/// Gets a piece and the record that completed it.
pub(super) type Emit<'e> = dyn FnMut(Stamp, Piece<'_>) + 'e;

impl Direction {
    /// True when no segment told yet where the stream is.
    pub(super) fn is_unknown(&self) -> bool {
        self.start.is_none()
    }

    /// True when no data came yet, in order or not.
    pub(super) fn is_untouched(&self) -> bool {
        self.position <= ORIGIN && self.waiting.is_empty()
    }

    /// True when a SYN whose first byte has this sequence number belongs to another connection.
    pub(super) fn contradicts(&self, first_byte: u32) -> bool {
        self.start.is_some_and(|start| start.0 != first_byte)
    }

    /// The stream starts at this sequence number; `firm` when a SYN says so.
    pub(super) fn start(&mut self, sequence: u32, firm: bool) {
        self.start = Some(Start(sequence));
        self.sequence = sequence;
        self.position = ORIGIN;
        self.firm = firm;
    }

    /// Memory of what waits, in bytes.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// The other side has got everything before this sequence number.
    pub(super) fn acknowledge(&mut self, sequence: u32) {
        if self.start.is_some() {
            self.acknowledged = self.acknowledged.max(self.offset(sequence));
        }
    }

    /// The other side ended the stream before this sequence number.
    pub(super) fn end(&mut self, sequence: u32) {
        let offset = self.offset(sequence);
        self.fin.get_or_insert(offset);
    }

    /// True when everything up to the end was given.
    pub(super) fn is_over(&self) -> bool {
        self.fin.is_some_and(|fin| self.position >= fin)
    }

    /// Takes data and the bytes that are cut off behind it. What is in order is given at once, unless `hold` is set.
    pub(super) fn take(
        &mut self,
        sequence: u32,
        data: &[u8],
        cut: usize,
        stamp: Stamp,
        hold: bool,
        emit: &mut Emit<'_>,
    ) {
        if data.is_empty() && cut == 0 {
            return;
        }
        let mut start = self.offset(sequence);
        if !self.firm && start == self.position + 1 {
            // What told the position was a keep-alive probe, which repeats the byte before the next.
            self.advance(1);
            start = self.position;
        }
        let middle = start.saturating_add(data.len() as u64);
        let end = middle.saturating_add(cut as u64);
        self.firm |= end > self.position;
        let free = self.waiting.first_key_value().is_none_or(|(first, _)| *first >= end);
        if hold || start > self.position || !free {
            self.keep(start, middle, Some(data), stamp);
            self.keep(middle, end, None, stamp);
            return;
        }
        // The usual case, without a copy.
        let known = usize::try_from(self.position - start).unwrap_or(usize::MAX);
        if let Some(new) = data.get(known..).filter(|new| !new.is_empty()) {
            self.advance(new.len() as u64);
            self.give(stamp, Piece::Data(new), emit);
        }
        if end > self.position {
            let missing = end - self.position;
            self.advance(missing);
            self.give(stamp, Piece::Gap(missing), emit);
        }
    }

    /// The record that completes the next waiting piece, when it is in order.
    pub(super) fn ready(&self) -> Option<u64> {
        let (start, chunk) = self.waiting.first_key_value()?;
        (*start == self.position).then(|| self.later(chunk.stamp).record)
    }

    /// Gives the next waiting piece, when it is in order.
    pub(super) fn give_next(&mut self, emit: &mut Emit<'_>) -> bool {
        if self.ready().is_none() {
            return false;
        }
        let Some((_, chunk)) = self.waiting.pop_first() else {
            return false;
        };
        self.held = self.held.saturating_sub(chunk.content.cost());
        self.advance(chunk.content.len());
        match &chunk.content {
            Content::Data(bytes) => self.give(chunk.stamp, Piece::Data(bytes), emit),
            Content::Cut(length) => self.give(chunk.stamp, Piece::Gap(*length), emit),
        }
        true
    }

    /// True when something waits behind a hole.
    pub(super) fn has_hole(&self) -> bool {
        self.behind_hole().is_some()
    }

    /// Up to where bytes are missing that the other side has got: they will not come again.
    pub(super) fn lost(&self) -> Option<u64> {
        let beyond = self.acknowledged.checked_sub(self.position)?;
        let lost = match self.behind_hole() {
            Some(_) => beyond > 0,
            // One byte more may be a FIN that was not captured.
            None => beyond > 1 && beyond <= FARTHEST_ACK && self.waiting.is_empty() && self.fin.is_none(),
        };
        lost.then_some(self.acknowledged)
    }

    /// Gives up every hole before `limit` and gives what waits between and behind them.
    pub(super) fn give_up(&mut self, limit: u64, stamp: Stamp, emit: &mut Emit<'_>) {
        loop {
            while self.give_next(emit) {}
            let behind = match self.behind_hole() {
                Some(behind) => behind.min(limit),
                None if self.waiting.is_empty() && self.fin.is_none() && limit < u64::MAX => limit,
                None => return,
            };
            let Some(missing) = behind.checked_sub(self.position).filter(|missing| *missing > 0) else {
                return;
            };
            self.advance(missing);
            // What waits behind the hole was complete when it came.
            let stamp = self.waiting.first_key_value().map_or(stamp, |(_, chunk)| chunk.stamp);
            self.give(stamp, Piece::Gap(missing), emit);
        }
    }

    /// Where the hole at the position ends.
    fn behind_hole(&self) -> Option<u64> {
        let waiting = self.waiting.first_key_value().map(|(start, _)| *start);
        waiting.or(self.fin).filter(|start| *start > self.position)
    }

    /// Keeps `start..end` as far as it is new: bytes that were seen first win.
    fn keep(&mut self, start: u64, end: u64, data: Option<&[u8]>, stamp: Stamp) {
        let mut at = start.max(self.position);
        if let Some((before, chunk)) = self.waiting.range(..=at).next_back() {
            at = at.max(before.saturating_add(chunk.content.len()));
        }
        while at < end {
            let next = self
                .waiting
                .range(at..)
                .next()
                .map(|(next, chunk)| (*next, chunk.content.len()));
            let stop = next.map_or(end, |(next, _)| next.min(end));
            if stop > at {
                let content = match data {
                    None => Content::Cut(stop - at),
                    Some(data) => {
                        let range = index(at - start)..index(stop - start);
                        Content::Data(data.get(range).unwrap_or_default().to_vec())
                    }
                };
                self.held = self.held.saturating_add(content.cost());
                self.waiting.insert(at, Chunk { content, stamp });
            }
            at = match next {
                Some((next, length)) if next == stop => next.saturating_add(length),
                _ => stop,
            };
        }
    }

    fn give(&mut self, stamp: Stamp, piece: Piece<'_>, emit: &mut Emit<'_>) {
        let stamp = self.later(stamp);
        self.last = Some(stamp);
        emit(stamp, piece);
    }

    /// The later of a record and the last that gave something: a piece is not complete before those in front of it.
    fn later(&self, stamp: Stamp) -> Stamp {
        self.last.filter(|last| last.record > stamp.record).unwrap_or(stamp)
    }

    fn advance(&mut self, length: u64) {
        self.position = self.position.saturating_add(length);
        // Sequence numbers are modulo 2^32 (RFC 9293, section 3.4).
        #[allow(clippy::cast_possible_truncation, reason = "modulo 2^32 is meant")]
        let length = length as u32;
        self.sequence = self.sequence.wrapping_add(length);
    }

    /// The offset of a sequence number: the nearest to the position.
    fn offset(&self, sequence: u32) -> u64 {
        #[allow(clippy::cast_possible_wrap, reason = "the sign is the direction")]
        let distance = sequence.wrapping_sub(self.sequence) as i32;
        self.position.saturating_add_signed(i64::from(distance))
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
