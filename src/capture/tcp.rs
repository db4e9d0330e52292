//! TCP reassembly: segments in any order, repeated, overlapping or missing -> byte streams. It must not know what the
//! bytes say.

use super::network::Segment;
use super::{Piece, Side, Stamp};
use std::net::SocketAddr;

/// What became of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// The next piece of the stream of `Side`.
    Piece(Side, Piece<'a>),
    /// The connection ended. `Side` began it; true for RST.
    Closed(Side, bool),
}

/// Reassembles all TCP connections of a capture.
pub struct Reassembler;

/// The two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// [`Side::A`].
    pub a: SocketAddr,
    /// [`Side::B`].
    pub b: SocketAddr,
}

impl Reassembler {
    /// Takes a segment; `sink` gets what is in order now, with the number of the connection and its ends.
    pub fn push(&mut self, _segment: &Segment<'_>, _stamp: Stamp, _sink: &mut dyn FnMut(u32, Ends, Stamp, Part<'_>)) {
        todo!()
    }
    /// The capture is over: gives what waited behind a gap.
    pub fn finish(&mut self, _sink: &mut dyn FnMut(u32, Ends, Stamp, Part<'_>)) {
        todo!()
    }
}
