//! WebSocket under MQTT (RFC 6455, RFC 7692): handshake, frames, masks, permessage-deflate -> the bytes of both
//! directions. It must not know MQTT.

use super::{Note, Piece, Side};

/// One connection that speaks WebSocket.
pub struct WebSocket;

/// Whether the first bytes of a direction are an HTTP request that asks for WebSocket, the answer to it, or, in the
/// middle of a stream, a plausible WebSocket frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /** More bytes are needed to say. */
    Unknown,
    /** It is not. */
    No,
    /** It is. */
    Yes,
}

impl WebSocket {
    /// Looks at the first bytes that `side` sent.
    pub fn guess(_first: &[u8]) -> Guess {
        todo!()
    }
    /// Takes the next piece of one direction; `data` gets what the messages hold, in order, `note` what is to be known.
    pub fn push(
        &mut self,
        _side: Side,
        _piece: Piece<'_>,
        _data: &mut dyn FnMut(Piece<'_>),
        _note: &mut dyn FnMut(Note),
    ) {
        todo!()
    }
}
