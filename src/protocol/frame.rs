//! Cuts one control packet off a buffer. It must not know what is inside a packet.

use super::wire::Context;
use super::{DecodeError, Fault, FieldId, PacketType, Sender, Version};
use bytes::{Bytes, BytesMut};

/// Bytes of the longest fixed header.
const MAX_HEADER: usize = 5;

/// The bytes of exactly one control packet, fixed header included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    header: usize,
    remaining: usize,
}

impl Frame {
    /// A packet of which only the first bytes are known, perhaps not even the whole fixed header, or whose remaining length
    /// is none. [`super::Packet::explain`] reads its fields as far as they go.
    #[must_use]
    pub fn cut(bytes: Bytes) -> Self {
        let (header, remaining) = match extent(&bytes) {
            Ok(Some(extent)) => (extent.header, extent.remaining),
            Ok(None) | Err(_) => (bytes.len().min(MAX_HEADER), 0),
        };
        Self {
            bytes,
            header,
            remaining,
        }
    }

    /// What makes the frame less than a packet: bytes are missing, or the remaining length is none.
    pub(super) fn defect(&self) -> Option<(usize, Fault)> {
        let last = self.header.checked_sub(1).and_then(|last| self.bytes.get(last));
        if self.header >= 2 && last.is_some_and(|byte| *byte < 0x80) {
            let (needed, left) = (self.header + self.remaining, self.bytes.len());
            return (left < needed).then_some((self.header, Fault::PacketCut { needed, left }));
        }
        if self.header == MAX_HEADER {
            return Some((1, Fault::RemainingLengthTooLong));
        }
        Some((1, Fault::HeaderCut(self.bytes.len())))
    }

    /// The whole packet.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Length of the fixed header in bytes, 2 to 5.
    #[must_use]
    pub fn header_len(&self) -> usize {
        self.header
    }

    /// Remaining length in bytes, as the fixed header says.
    #[must_use]
    pub fn remaining_length(&self) -> usize {
        self.remaining
    }

    /// The first byte: packet type and flags.
    #[must_use]
    pub fn first_byte(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    /// The packet's type.
    #[must_use]
    pub fn packet_type(&self) -> PacketType {
        PacketType::from_first_byte(self.first_byte())
    }
}

/// What the first bytes say of a packet's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Length of the fixed header in bytes.
    pub header: usize,
    /// Remaining length in bytes.
    pub remaining: usize,
}

impl Extent {
    /// Size of the packet on the wire in bytes.
    #[must_use]
    pub fn total(self) -> usize {
        self.header + self.remaining
    }
}

/// Reads the fixed header; `None` when more bytes are needed.
///
/// # Errors
/// [`Fault::RemainingLengthTooLong`] for a fifth length byte.
pub fn extent(bytes: &[u8]) -> Result<Option<Extent>, DecodeError> {
    let mut remaining = 0;
    for (index, shift) in (1..).zip([0, 7, 14, 21]) {
        let Some(&byte) = bytes.get(index) else { return Ok(None) };
        remaining |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(Some(Extent {
                header: index + 1,
                remaining,
            }));
        }
    }
    Err(header_fault(bytes, 1, Fault::RemainingLengthTooLong))
}

fn header_fault(bytes: &[u8], offset: usize, fault: Fault) -> DecodeError {
    let packet = PacketType::from_first_byte(bytes.first().copied().unwrap_or_default());
    // The fixed header is the same in all versions.
    Context {
        version: Version::V5,
        sender: Sender::Unknown,
        packet,
    }
    .fault(FieldId::RemainingLength, offset, fault)
}

/// Takes the next packet off the front of `buffer`; `None` when more bytes are needed.
///
/// # Errors
/// [`Fault::RemainingLengthTooLong`], or [`Fault::PacketTooLarge`] when the packet on the wire would be larger
/// than `limit` bytes: the buffer never has to grow beyond that.
pub fn split(buffer: &mut BytesMut, limit: usize) -> Result<Option<Frame>, DecodeError> {
    let Some(extent) = extent(buffer)? else { return Ok(None) };
    let size = extent.total();
    if size > limit {
        return Err(header_fault(buffer, 1, Fault::PacketTooLarge { size, limit }));
    }
    if buffer.len() < size {
        return Ok(None);
    }
    Ok(Some(Frame {
        bytes: buffer.split_to(size).freeze(),
        header: extent.header,
        remaining: extent.remaining,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_more_until_the_last_byte() {
        let packet = [0x30, 0x07, 0, 3, b'a', b'/', b'b', b'h', b'i'];
        for cut in 0..packet.len() {
            let mut buffer = BytesMut::from(&packet[..cut]);
            assert_eq!(split(&mut buffer, 100), Ok(None), "{cut} bytes");
            assert_eq!(buffer.len(), cut, "nothing is taken");
        }
        let mut buffer = BytesMut::from(&packet[..]);
        buffer.extend_from_slice(&[0xc0]);
        assert_eq!(split(&mut buffer, 100).unwrap().unwrap().bytes()[..], packet);
        assert_eq!(buffer[..], [0xc0]);
    }

    #[test]
    fn the_limit_is_checked_before_the_packet_is_there() {
        let mut buffer = BytesMut::from(&[0x30, 0xff, 0xff, 0xff, 0x7f][..]);
        let error = split(&mut buffer, 1000).unwrap_err();
        assert_eq!(
            error.fault,
            Fault::PacketTooLarge {
                size: 268_435_460,
                limit: 1000
            }
        );
        let mut buffer = BytesMut::from(&[0x30, 0xff, 0xff, 0xff, 0x80][..]);
        assert_eq!(
            split(&mut buffer, 1000).unwrap_err().fault,
            Fault::RemainingLengthTooLong
        );
    }
}
