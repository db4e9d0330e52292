//! The headers of a pcap file: <https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/draft-ietf-opsawg-pcap.html>.
//! It must not read.

use std::time::Duration;

use super::order::Order;

/// Bytes of the header of a file.
pub(super) const HEADER: usize = 24;
/// Seconds between two neighbouring records of a file that is not damaged.
const NEAR: u32 = 7 * 24 * 3600;

/// The layout of a file, as its header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    order: Order,
    nanoseconds: bool,
    /// Bytes of a record's header.
    pub(super) record_header: usize,
    pub(super) link: u16,
}

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    seconds: u32,
    fraction: u32,
    pub(super) captured: u32,
    pub(super) original: u32,
}

/// Byte order, nanoseconds and the length of a record's header, from the first four bytes of a file.
fn magic(first: &[u8]) -> Option<(Order, bool, usize)> {
    let value = Order::Big.u32(first, 0)?;
    let (order, value) = match value {
        0xa1b2_c3d4 | 0xa1b2_3c4d | 0xa1b2_cd34 => (Order::Big, value),
        _ => (Order::Little, value.swap_bytes()),
    };
    match value {
        0xa1b2_c3d4 => Some((order, false, 16)),
        0xa1b2_3c4d => Some((order, true, 16)),
        // Kuznetzov's patch of libpcap: interface, protocol and direction behind the usual fields.
        0xa1b2_cd34 => Some((order, false, 24)),
        _ => None,
    }
}

/// True when the first bytes are those of a pcap file.
pub(super) fn is_pcap(first: &[u8]) -> bool {
    magic(first).is_some()
}

impl Layout {
    /// Reads the header of a file.
    pub(super) fn parse(header: &[u8]) -> Option<Self> {
        let (order, nanoseconds, record_header) = magic(header)?;
        // The upper half says whether frames end with a check sequence, which the IP length cuts off anyway.
        let link = order.u32(header, 20)? as u16;
        Some(Self {
            order,
            nanoseconds,
            record_header,
            link,
        })
    }

    /// True when another file begins where a record should: files that were joined by `cat`.
    pub(super) fn joined(&self, bytes: &[u8]) -> bool {
        is_pcap(bytes) && (self.order.u16(bytes, 4), self.order.u16(bytes, 6)) == (Some(2), Some(4))
    }

    /// Reads the header of a record.
    pub(super) fn head(&self, bytes: &[u8]) -> Option<Head> {
        Some(Head {
            seconds: self.order.u32(bytes, 0)?,
            fraction: self.order.u32(bytes, 4)?,
            captured: self.order.u32(bytes, 8)?,
            original: self.order.u32(bytes, 12)?,
        })
    }

    pub(super) fn time(&self, head: &Head) -> Duration {
        let fraction = u64::from(head.fraction);
        let fraction = if self.nanoseconds {
            Duration::from_nanos(fraction)
        } else {
            Duration::from_micros(fraction)
        };
        Duration::from_secs(head.seconds.into()) + fraction
    }

    /// Whether a header that was found by searching looks like one that follows `before`.
    pub(super) fn plausible(&self, head: &Head, before: Option<&Head>) -> bool {
        let limit = if self.nanoseconds { 1_000_000_000 } else { 1_000_000 };
        head.fraction < limit
            && head.captured > 0
            && head.captured <= largest(self.link)
            && head.captured <= head.original
            && head.original <= super::LARGEST_BLOCK
            && before.is_none_or(|before| before.seconds.abs_diff(head.seconds) < NEAR)
    }
}

/// More captured bytes than this are damage: libpcap's limits, but no more than a block of pcapng may have.
pub(super) fn largest(link: u16) -> u32 {
    match link {
        // USB (Linux, USBPcap), D-Bus, EBHSCR.
        220 | 249 | 231 | 279 => super::LARGEST_BLOCK,
        _ => 262_144,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(magic: [u8; 4], link: [u8; 4]) -> Vec<u8> {
        [&magic[..], &[0; 16], &link].concat()
    }

    #[test]
    fn the_magic_says_the_layout() {
        let parse = |magic: u32, big: bool| {
            let bytes = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
            let layout = Layout::parse(&header(bytes(magic), bytes(0x4000_0071))).unwrap();
            (
                layout.order == Order::Big,
                layout.nanoseconds,
                layout.record_header,
                layout.link,
            )
        };
        assert_eq!(parse(0xa1b2_c3d4, true), (true, false, 16, 113));
        assert_eq!(parse(0xa1b2_c3d4, false), (false, false, 16, 113));
        assert_eq!(parse(0xa1b2_3c4d, true), (true, true, 16, 113));
        assert_eq!(parse(0xa1b2_3c4d, false), (false, true, 16, 113));
        assert_eq!(parse(0xa1b2_cd34, true), (true, false, 24, 113));
        assert_eq!(parse(0xa1b2_cd34, false), (false, false, 24, 113));
        assert_eq!(Layout::parse(&header(*b"\x0a\x0d\x0d\x0a", [0; 4])), None);
    }

    #[test]
    fn times() {
        let micro = Layout::parse(&header([0xa1, 0xb2, 0xc3, 0xd4], [0; 4])).unwrap();
        let nano = Layout::parse(&header([0xa1, 0xb2, 0x3c, 0x4d], [0; 4])).unwrap();
        let head = Head {
            seconds: u32::MAX,
            fraction: 5,
            captured: 0,
            original: 0,
        };
        assert_eq!(micro.time(&head), Duration::new(u32::MAX.into(), 5000));
        assert_eq!(nano.time(&head), Duration::new(u32::MAX.into(), 5));
        let odd = Head {
            fraction: u32::MAX,
            ..head
        };
        assert_eq!(micro.time(&odd).subsec_nanos(), 967_295_000);
    }
}
