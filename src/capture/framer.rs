//! One direction of an MQTT stream -> frames; finds the next packet again after a gap, damage or a start in the middle.
//! It must not know TCP.

use super::Piece;
use super::search::{self, Outcome, Search};
use crate::protocol::frame::{self, Extent};
use crate::protocol::{Frame, MAX_REMAINING_LENGTH};
use bytes::BytesMut;

/// Length of a fixed header whose remaining length does not end, in bytes.
const BROKEN_HEADER: usize = 5;
/// Largest packet in bytes: its buffer grows only with what is there.
const LARGEST: usize = MAX_REMAINING_LENGTH + BROKEN_HEADER;
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
            Piece::Data(data) => self.data(data, found),
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
                found(Found::Frame(Frame::cut(bytes, extent)));
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
                let extent = Extent {
                    header: BROKEN_HEADER,
                    remaining: MAX_REMAINING_LENGTH,
                };
                found(Found::Frame(Frame::cut(header, extent)));
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
