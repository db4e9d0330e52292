//! TLS 1.2 and 1.3 records, decrypted with the secrets of a key log (the NSS format, `SSLKEYLOGFILE`). It must not know
//! what the bytes say.

use super::{Note, Piece, Side};

/// Secrets by client random.
#[derive(Default)]
pub struct KeyLog;

impl KeyLog {
    /// Adds the lines of a key log; lines that are none are passed over. Gives how many secrets it found.
    pub fn add(&mut self, _text: &[u8]) -> usize {
        todo!()
    }
}

/// One connection that speaks TLS.
pub struct Tls;

impl Tls {
    /// True when the first bytes that a side sent are a TLS handshake record (ClientHello or ServerHello); `None` when
    /// more bytes are needed to say.
    pub fn guess(_first: &[u8]) -> Option<bool> {
        todo!()
    }
    /// Takes the next piece of one direction; `data` gets the application data in the clear, `note` what is to be known.
    pub fn push(
        &mut self,
        _side: Side,
        _piece: Piece<'_>,
        _keys: &KeyLog,
        _data: &mut dyn FnMut(Piece<'_>),
        _note: &mut dyn FnMut(Note),
    ) {
        todo!()
    }
}
