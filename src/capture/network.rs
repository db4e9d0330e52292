//! From a record to its TCP segment: link layers, IPv4 and IPv6 with fragments, tunnels. It must not know streams.

use super::file::Record;
use std::net::SocketAddr;

/// A TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Address and port of the sender.
    pub source: SocketAddr,
    /// Address and port of the receiver.
    pub destination: SocketAddr,
    /// Sequence number of the first byte.
    pub sequence: u32,
    /// Acknowledgement number, when the flag is set.
    pub acknowledgement: Option<u32>,
    /// SYN.
    pub syn: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// The payload, as far as it was captured.
    pub payload: &'a [u8],
    /// Bytes of the payload that the snap length cut off.
    pub cut: usize,
}

/// Takes records apart.
pub struct Network;

impl Network {
    /// The TCP segment of a record; `None` for anything else, and for a fragment whose others have not come yet.
    pub fn segment<'a>(&'a mut self, _record: &Record<'a>) -> Option<Segment<'a>> {
        todo!()
    }
}
