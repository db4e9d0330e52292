//! pcap and pcapng files, read record by record, perhaps through gzip. It must not know what a record holds.

use super::Stamp;
use std::io::Read;

/// Something in a capture file.
#[derive(Debug)]
pub enum Item<'a> {
    /// A captured packet.
    Record(Record<'a>),
    /// Lines of a TLS key log (pcapng's Decryption Secrets Block).
    Secrets(&'a [u8]),
    /// The file is damaged here; reading goes on when it can. Says what, and at which byte of the file.
    Damage(String),
}

/// A captured packet.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// When, and its number.
    pub stamp: Stamp,
    /// Link-layer header type, as registered for pcap (`LINKTYPE_…`).
    pub link: u16,
    /// What was captured.
    pub data: &'a [u8],
    /// Its length on the wire in bytes.
    pub original_len: usize,
}

/// Reads a capture file.
pub struct Reader;

impl Reader {
    /// A reader of a pcap or pcapng file, from its first byte; gzip is unpacked.
    pub fn new(_source: Box<dyn Read>) -> Self {
        todo!()
    }
    /// The next item; `None` at the end. Gives what is there as soon as it is there: the source may be a live pipe.
    pub fn next(&mut self) -> std::io::Result<Option<Item<'_>>> {
        todo!()
    }
}
