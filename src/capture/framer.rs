//! One direction of an MQTT stream -> frames; finds the next packet again after a gap, damage or a start in the middle.
//! It must not know TCP.

use super::Piece;
use crate::protocol::Frame;

/// What a stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A control packet, whole or cut.
    Frame(Frame),
    /// So many bytes were passed over to find the next packet.
    Skipped(u64),
    /// So many bytes are missing here.
    Missing(u64),
}

/// Splits one direction of a stream.
pub struct Framer;

impl Framer {
    /// Takes the next piece.
    pub fn push(&mut self, _piece: Piece<'_>, _found: &mut dyn FnMut(Found)) {
        todo!()
    }
    /// The stream is over: gives the beginning of a packet that is still there.
    pub fn finish(&mut self, _found: &mut dyn FnMut(Found)) {
        todo!()
    }
}
