//! Heads of frames (RFC 6455 section 5.2), and whether bytes out of the middle of a stream look like frames. Of MQTT it
//! knows the fixed header only, which tells frames that carry MQTT from anything else.

use super::Guess;
use crate::protocol::frame;

pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
const PONG: u8 = 10;
/// The most that a control frame may hold, in bytes.
const MAX_CONTROL: u64 = 125;
/// So many heads that fit each other are no accident.
const CHAIN: usize = 4;
/// The longest fixed header of MQTT in bytes.
const MQTT_HEADER: u64 = 5;

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The last frame of its message.
    pub(super) last: bool,
    /// RSV1: the message is compressed.
    pub(super) compressed: bool,
    pub(super) opcode: u8,
    pub(super) mask: Option<[u8; 4]>,
    /// Length of the payload in bytes.
    pub(super) length: u64,
    /// Length of the head itself in bytes.
    pub(super) size: usize,
}

/// What the first bytes of a frame are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parsed {
    /// More bytes are needed.
    More,
    /// No frame may begin so: why.
    Bad(&'static str),
    Whole(Head),
}

impl Head {
    pub(super) fn parse(bytes: &[u8]) -> Parsed {
        let Some(first) = bytes.first() else {
            return Parsed::More;
        };
        let (last, compressed, opcode) = (first & 0x80 != 0, first & 0x40 != 0, first & 0x0f);
        let control = opcode >= CLOSE;
        if first & 0x30 != 0 {
            return Parsed::Bad("a frame with RSV2 or RSV3");
        }
        if !(CONTINUATION..=BINARY).contains(&opcode) && !(CLOSE..=PONG).contains(&opcode) {
            return Parsed::Bad("a frame with a reserved opcode");
        }
        if control && !last {
            return Parsed::Bad("a control frame in fragments");
        }
        if compressed && (control || opcode == CONTINUATION) {
            return Parsed::Bad("RSV1 on a frame that does not begin a message");
        }
        let Some(second) = bytes.get(1) else {
            return Parsed::More;
        };
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let masked = second & 0x80 != 0;
        let size = 2 + extended + if masked { 4 } else { 0 };
        let (Some(number), true) = (bytes.get(2..2 + extended), bytes.len() >= size) else {
            return Parsed::More;
        };
        let length = match extended {
            0 => u64::from(second & 0x7f),
            _ => number.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)),
        };
        if control && length > MAX_CONTROL {
            return Parsed::Bad("a control frame of more than 125 bytes");
        }
        if length > i64::MAX as u64 {
            return Parsed::Bad("a length of more than 63 bits");
        }
        let mask = bytes
            .get(2 + extended..size)
            .and_then(|mask| <[u8; 4]>::try_from(mask).ok());
        Parsed::Whole(Self {
            last,
            compressed,
            opcode,
            mask,
            length,
            size,
        })
    }

    fn is_minimal(&self) -> bool {
        match self.size - self.mask.map_or(0, |_| 4) {
            4 => self.length > 125,
            10 => self.length > 0xffff,
            _ => true,
        }
    }

    fn is_plain_start(&self) -> bool {
        matches!(self.opcode, TEXT | BINARY) && !self.compressed
    }
}

/// Whether frames begin here: either one whose payload is MQTT packets, or several on end.
///
/// `masked` is whether this side masks, if that is known; if not, what could be MQTT without WebSocket is none: an
/// unmasked binary frame begins like a SUBSCRIBE. A payload that goes on for more than `reach` bytes does not help.
pub(super) fn plausible(bytes: &[u8], masked: Option<bool>, reach: u64) -> Guess {
    let strict = masked.is_none();
    let mut masked = masked;
    let mut rest = bytes;
    for _ in 0..CHAIN {
        let head = match Head::parse(rest) {
            Parsed::Bad(_) => return Guess::No,
            Parsed::More => {
                let bit = rest.get(1).map(|byte| byte & 0x80 != 0);
                let fits = bit.is_none() || masked.is_none() || bit == masked;
                return if fits { Guess::Unknown } else { Guess::No };
            }
            Parsed::Whole(head) => head,
        };
        let other = masked.is_some_and(|masked| masked != head.mask.is_some());
        masked = Some(head.mask.is_some());
        if other || !head.is_minimal() {
            return Guess::No;
        }
        let behind = rest.get(head.size..).unwrap_or_default();
        if head.is_plain_start() {
            match carries_mqtt(behind, &head) {
                Guess::Yes => return Guess::Yes,
                Guess::No if strict && head.mask.is_none() => return Guess::No,
                Guess::No | Guess::Unknown => {}
            }
        }
        if head.length > reach {
            return Guess::No;
        }
        let Some(next) = usize::try_from(head.length)
            .ok()
            .and_then(|length| behind.get(length..))
        else {
            return Guess::Unknown;
        };
        rest = next;
    }
    Guess::Yes
}

/// Whether a payload begins with an MQTT packet that ends with the frame, or with two packets.
fn carries_mqtt(payload: &[u8], head: &Head) -> Guess {
    let mut at = 0;
    for _ in 0..2 {
        if at == head.length {
            // An empty one says nothing.
            return if at > 0 { Guess::Yes } else { Guess::Unknown };
        }
        let header: Vec<u8> = (at..head.length.min(at + MQTT_HEADER))
            .map_while(|at| {
                let at = usize::try_from(at).ok()?;
                Some(payload.get(at)? ^ head.mask.map_or(0, |mask| mask.get(at % 4).copied().unwrap_or(0)))
            })
            .collect();
        if header.first().is_some_and(|first| !begins_packet(*first)) {
            return Guess::No;
        }
        match frame::extent(&header) {
            Ok(Some(extent)) => at += extent.total() as u64,
            Ok(None) => return Guess::Unknown,
            Err(_) => return Guess::No,
        }
        if at > head.length {
            return Guess::Unknown;
        }
    }
    Guess::Yes
}

/// Whether an MQTT packet may begin with that byte: a packet type with the flags that belong to it.
fn begins_packet(first: u8) -> bool {
    match first >> 4 {
        0 => false,
        3 => first & 0x06 != 0x06,
        6 | 8 | 10 => first & 0x0f == 2,
        _ => first & 0x0f == 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_all_lengths() {
        let whole = |bytes: &[u8]| {
            for length in 0..bytes.len() {
                assert!(matches!(Head::parse(&bytes[..length]), Parsed::More));
            }
            match Head::parse(bytes) {
                Parsed::Whole(head) => head,
                other => panic!("{other:?}"),
            }
        };
        let head = whole(&[0x82, 5]);
        assert_eq!((head.length, head.mask, head.last), (5, None, true));
        let head = whole(&[0x02, 0x80 | 126, 1, 2, 9, 8, 7, 6]);
        assert_eq!((head.length, head.mask, head.last), (258, Some([9, 8, 7, 6]), false));
        let head = whole(&[0xc1, 127, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!((head.length, head.compressed, head.size), (1 << 24, true, 10));
    }

    #[test]
    fn what_no_frame_begins_with() {
        for bytes in [
            &[0x92, 0][..],
            &[0xa2],
            &[0x83],
            &[0x8b],
            &[0x09],
            &[0xc9],
            &[0xc0],
            &[0x89, 126, 1, 0],
            &[0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert!(matches!(Head::parse(bytes), Parsed::Bad(_)), "{bytes:02x?}");
        }
    }

    #[test]
    fn plain_mqtt_is_not_websocket() {
        // SUBSCRIBE and PINGREQ, again and again.
        let subscribe = [0x82, 6, 0, 1, 0, 1, b'a', 0];
        assert_eq!(plausible(&subscribe.repeat(5), None, 4096), Guess::No);
        for first in [0x10, 0x20, 0x30, 0x3d, 0x40, 0x62, 0x90, 0xc0, 0xd0, 0xe0] {
            assert_eq!(plausible(&[first, 0, 0, 0], None, 4096), Guess::No);
        }
    }

    #[test]
    fn frames_in_the_middle_of_a_stream() {
        assert_eq!(plausible(&[0x82, 4, 0x40, 2], None, 4096), Guess::Yes);
        assert_eq!(plausible(&[0x82, 4, 0x40], None, 4096), Guess::Unknown);
        assert_eq!(plausible(&[0x82, 4, 0x41, 2], None, 4096), Guess::No);
        // mqtt.js: a packet over many masked frames.
        let tiny = [0x82, 0x81, 1, 2, 3, 4, 0xaa];
        assert_eq!(plausible(&tiny.repeat(4), None, 4096), Guess::Yes);
        assert_eq!(plausible(&tiny.repeat(3), None, 4096), Guess::Unknown);
        assert_eq!(plausible(&tiny.repeat(4), Some(false), 4096), Guess::No);
    }
}
