//! The blocks of a pcapng file: <https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/draft-ietf-opsawg-pcapng.html>.
//! It must not read.

use std::ops::Range;
use std::time::Duration;

use super::order::Order;

/// Bytes before and after the body of a block.
pub(super) const HEADER: usize = 8;
pub(super) const TRAILER: usize = 4;
/// Bytes of the smallest block.
pub(super) const SMALLEST: usize = HEADER + TRAILER;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAMES: u32 = 4;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const SECRETS: u32 = 10;
const CUSTOM: [u32; 2] = [0x0bad, 0x4000_0bad];

const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const TLS_KEY_LOG: u32 = 0x544c_534b;
const TIME_RESOLUTION: u16 = 9;
const TIME_OFFSET: u16 = 14;
/// More interfaces than a machine has; the others are forgotten.
const MOST_INTERFACES: usize = 65_536;

/// What a section has said so far.
#[derive(Debug, Clone)]
pub(super) struct Section {
    order: Order,
    interfaces: Vec<Interface>,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: u16,
    /// 0 for no limit.
    snap_length: u32,
    /// Units of time in a second; `None` for more than can be.
    units: Option<u128>,
    /// Seconds to add.
    offset: i64,
}

/// A block that concerns a reader of packets. Places are those in the block's body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Block {
    Packet {
        time: Option<Duration>,
        link: u16,
        data: Range<usize>,
        original: u32,
    },
    Secrets(Range<usize>),
    Other,
    /// What is wrong with it.
    Broken(String),
}

/// True when the first bytes are those of a pcapng file.
pub(super) fn is_pcapng(first: &[u8]) -> bool {
    Order::Big.u32(first, 0) == Some(SECTION)
}

impl Section {
    /// The state before the first section header.
    pub(super) fn new() -> Self {
        Self {
            order: Order::Little,
            interfaces: Vec::new(),
        }
    }

    /// Length of the block that begins with these [`SMALLEST`] bytes, all included; `None` if they cannot be a block.
    pub(super) fn block_length(&self, start: &[u8]) -> Option<usize> {
        let order = self.block_order(start)?;
        let length = order.u32(start, 4)?;
        let possible = length % 4 == 0 && length >= SMALLEST as u32 && length <= super::LARGEST_BLOCK;
        possible.then_some(length as usize)
    }

    /// True when the length at the block's end is that of its beginning.
    pub(super) fn is_closed(&self, block: &[u8]) -> bool {
        let trailer = block.len().checked_sub(TRAILER);
        let lengths = self
            .block_order(block)
            .zip(trailer)
            .map(|(order, trailer)| (order.u32(block, 4), order.u32(block, trailer)));
        lengths.is_some_and(|(first, last)| first == last)
    }

    /// Whether bytes that were found by searching look like the beginning of a block.
    pub(super) fn plausible(&self, start: &[u8]) -> bool {
        let kind = self.order.u32(start, 0).unwrap_or_default();
        let known = is_pcapng(start)
            || CUSTOM.contains(&kind)
            || matches!(
                kind,
                INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | NAMES | STATISTICS | ENHANCED_PACKET | SECRETS
            );
        known && self.block_length(start).is_some()
    }

    /// Takes a whole block.
    pub(super) fn block(&mut self, block: &[u8]) -> Block {
        let body = block
            .get(HEADER..block.len().saturating_sub(TRAILER))
            .unwrap_or_default();
        if is_pcapng(block) {
            if let Some(order) = self.block_order(block) {
                self.order = order;
                self.interfaces.clear();
            }
            return Block::Other;
        }
        let parsed = match self.order.u32(block, 0) {
            Some(INTERFACE) => self.interface(body),
            Some(ENHANCED_PACKET) => self.enhanced(body),
            Some(SIMPLE_PACKET) => self.simple(body),
            Some(OBSOLETE_PACKET) => self.obsolete(body),
            Some(SECRETS) => self.secrets(body),
            _ => Some(Block::Other),
        };
        parsed.unwrap_or_else(|| Block::Broken("is too short for what it holds".into()))
    }

    /// A section header brings its own byte order, right behind its length.
    fn block_order(&self, start: &[u8]) -> Option<Order> {
        if !is_pcapng(start) {
            return Some(self.order);
        }
        [Order::Big, Order::Little]
            .into_iter()
            .find(|order| order.u32(start, HEADER) == Some(BYTE_ORDER))
    }

    fn interface(&mut self, body: &[u8]) -> Option<Block> {
        let mut interface = Interface {
            link: self.order.u16(body, 0)?,
            snap_length: self.order.u32(body, 4)?,
            units: Some(1_000_000),
            offset: 0,
        };
        let mut at = 8;
        while let (Some(code), Some(length)) = (self.order.u16(body, at), self.order.u16(body, at + 2)) {
            let length = usize::from(length);
            match (code, length) {
                (0, _) => break,
                (TIME_RESOLUTION, 1) => interface.units = body.get(at + 4).and_then(|value| units(*value)),
                (TIME_OFFSET, 8) => interface.offset = self.order.i64(body, at + 4).unwrap_or_default(),
                _ => {}
            }
            at += 4 + length.next_multiple_of(4);
        }
        if self.interfaces.len() < MOST_INTERFACES {
            self.interfaces.push(interface);
        }
        Some(Block::Other)
    }

    fn enhanced(&self, body: &[u8]) -> Option<Block> {
        self.packet(self.order.u32(body, 0)?, body)
    }

    /// It has the fields of an enhanced packet, but for a smaller interface number.
    fn obsolete(&self, body: &[u8]) -> Option<Block> {
        self.packet(self.order.u16(body, 0)?.into(), body)
    }

    fn packet(&self, number: u32, body: &[u8]) -> Option<Block> {
        const DATA: usize = 20;
        let Some(interface) = self.interfaces.get(number as usize) else {
            return Some(unknown_interface(number));
        };
        let time = u64::from(self.order.u32(body, 4)?) << 32 | u64::from(self.order.u32(body, 8)?);
        let captured = self.order.u32(body, 12)?;
        let original = self.order.u32(body, 16)?;
        let data = DATA..DATA.checked_add(captured as usize)?;
        body.get(data.clone())?;
        Some(Block::Packet {
            time: interface.time(time),
            link: interface.link,
            data,
            original,
        })
    }

    fn simple(&self, body: &[u8]) -> Option<Block> {
        const DATA: usize = 4;
        let Some(interface) = self.interfaces.first() else {
            return Some(unknown_interface(0));
        };
        let original = self.order.u32(body, 0)?;
        let limit = match interface.snap_length {
            0 => u32::MAX,
            length => length,
        };
        // The padding is not told from data when the packet was cut by more than the snap length says.
        let captured = body.len().checked_sub(DATA)?.min(original.min(limit) as usize);
        Some(Block::Packet {
            time: None,
            link: interface.link,
            data: DATA..DATA + captured,
            original,
        })
    }

    fn secrets(&self, body: &[u8]) -> Option<Block> {
        const DATA: usize = 8;
        if self.order.u32(body, 0)? != TLS_KEY_LOG {
            return Some(Block::Other);
        }
        let data = DATA..DATA.checked_add(self.order.u32(body, 4)? as usize)?;
        body.get(data.clone())?;
        Some(Block::Secrets(data))
    }
}

impl Interface {
    /// Times before 1970 are none.
    fn time(&self, units: u64) -> Option<Duration> {
        const NANO: u64 = 1_000_000_000;
        let (seconds, nanoseconds) = match self.units {
            None => (0, 0),
            Some(per_second) => match u64::try_from(per_second) {
                Ok(per_second) if per_second <= NANO => (units / per_second, units % per_second * NANO / per_second),
                _ => {
                    let units = u128::from(units);
                    let nanoseconds = units % per_second * u128::from(NANO) / per_second;
                    ((units / per_second) as u64, nanoseconds as u64)
                }
            },
        };
        let seconds = seconds.checked_add_signed(self.offset)?;
        Some(Duration::new(seconds, nanoseconds as u32))
    }
}

/// `if_tsresol`: a power of 2 when the upper bit is set, else of 10. What does not fit means that every time is 0.
fn units(resolution: u8) -> Option<u128> {
    let (base, exponent) = if resolution & 0x80 == 0 {
        (10u128, resolution)
    } else {
        (2, resolution & 0x7f)
    };
    // Beyond this, all 64 bits of a time are less than a second.
    let most = 1u128 << 96;
    base.checked_pow(exponent.into()).filter(|units| *units <= most)
}

fn unknown_interface(number: u32) -> Block {
    Block::Broken(format!("names interface {number}, which no block describes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolutions() {
        let time = |resolution, offset, value| {
            let interface = Interface {
                link: 1,
                snap_length: 0,
                units: units(resolution),
                offset,
            };
            interface.time(value)
        };
        assert_eq!(time(6, 0, 1_500_001), Some(Duration::new(1, 500_001_000)));
        assert_eq!(time(9, 0, 1_500_000_001), Some(Duration::new(1, 500_000_001)));
        assert_eq!(time(0, 0, 7), Some(Duration::new(7, 0)));
        assert_eq!(time(12, 0, 1_500_000_001_000), Some(Duration::new(1, 500_000_001)));
        assert_eq!(time(0x80 | 10, 0, 1536), Some(Duration::new(1, 500_000_000)));
        assert_eq!(time(0x80 | 63, 0, 3 << 62), Some(Duration::new(1, 500_000_000)));
        assert_eq!(time(127, 5, u64::MAX), Some(Duration::new(5, 0)));
        assert_eq!(time(0xff, 0, u64::MAX), Some(Duration::ZERO));
        assert_eq!(time(6, -1, 1_500_000), Some(Duration::new(0, 500_000_000)));
        assert_eq!(time(6, -2, 1_500_000), None);
        assert_eq!(time(0, i64::MAX, u64::MAX), None);
    }
}
