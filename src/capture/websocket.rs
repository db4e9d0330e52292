//! WebSocket under MQTT (RFC 6455, RFC 7692): handshake, frames, masks, permessage-deflate -> the bytes of both
//! directions. It must not know MQTT.
//!
//! `handshake` reads HTTP, `frame` heads of frames, `inflate` compressed messages; `direction` puts them in
//! order.

mod direction;
mod frame;
mod handshake;
mod inflate;

use super::{Out, PerSide, Piece, Side};
use direction::{Direction, Shared};
use handshake::Opening;

/// How far `guess` follows a frame, in bytes.
const REACH: u64 = 1 << 20;

/// One connection that speaks WebSocket.
#[derive(Debug, Default)]
pub struct WebSocket {
    shared: Shared,
    directions: PerSide<Direction>,
}

/// Whether the first bytes of a direction are an HTTP request that asks for WebSocket, the answer to it, or, in the
/// middle of a stream, a plausible WebSocket frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// More bytes are needed to say.
    Unknown,
    /// It is not.
    No,
    /// It is.
    Yes,
}

impl WebSocket {
    /// Looks at the first bytes that a side sent. A head of HTTP may want 64 KiB before it gives a decision; frames give
    /// one as soon as the first packet or a few frames are seen.
    #[must_use]
    pub fn guess(first: &[u8]) -> Guess {
        match handshake::opening(first, 0) {
            Opening::More => Guess::Unknown,
            Opening::Request { .. } | Opening::Granted { .. } => Guess::Yes,
            Opening::Http { .. } => Guess::No,
            Opening::Other => frame::plausible(first, None, REACH),
        }
    }

    /// The client: it asked for WebSocket, or masks its frames.
    #[must_use]
    pub fn client_side(&self) -> Option<Side> {
        self.shared.client
    }

    /// Takes the next piece of one direction; `out` gets what the messages hold, in order.
    pub fn push(&mut self, side: Side, piece: Piece<'_>, out: Out<'_>) {
        self.directions[side].push(side, piece, &mut self.shared, out);
    }
}
