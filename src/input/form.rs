//! Which form an input has, by its first bytes: a capture file, text, or packets as they are. It must not know what is
//! in it.

/// The forms of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A pcap or pcapng file, perhaps compressed by gzip.
    Capture,
    /// Bytes of packets.
    Raw,
    /// Text that stands for bytes.
    Text,
}

/// What captures begin with: pcap with microseconds, nanoseconds, and as patched by Kuznetsov, in both byte orders;
/// pcapng; gzip.
const MAGICS: [&[u8]; 8] = [
    &[0xa1, 0xb2, 0xc3, 0xd4],
    &[0xd4, 0xc3, 0xb2, 0xa1],
    &[0xa1, 0xb2, 0x3c, 0x4d],
    &[0x4d, 0x3c, 0xb2, 0xa1],
    &[0xa1, 0xb2, 0xcd, 0x34],
    &[0x34, 0xcd, 0xb2, 0xa1],
    &[0x0a, 0x0d, 0x0d, 0x0a],
    &[0x1f, 0x8b],
];

/// So much of the input is enough: no text is that long without a character that tells.
const ENOUGH: usize = 4096;

/// The form of an input that begins with `first`; `end` says that there is no more. `None`: more bytes are needed.
///
/// Text is printable characters and white space in UTF-8, UTF-16 with a byte order mark, or Latin-1. Packets of MQTT
/// are never that: all but PUBLISH have a zero byte or another control character near their start (the length of a
/// string, the remaining length, flags), and PUBLISH has one in the length of its topic unless that is longer than 2303
/// bytes. Such a packet, printable to its end, must be asked for by name.
#[must_use]
pub fn detect(first: &[u8], end: bool) -> Option<Form> {
    let head = first.get(..ENOUGH).unwrap_or(first);
    if MAGICS.iter().any(|magic| head.starts_with(magic)) {
        return Some(Form::Capture);
    }
    if !end && MAGICS.iter().any(|magic| magic.starts_with(head)) {
        return None;
    }
    if !is_text(head, end && head.len() == first.len()) {
        return Some(Form::Raw);
    }
    (end || first.len() >= ENOUGH).then_some(Form::Text)
}

fn is_text(head: &[u8], end: bool) -> bool {
    match head {
        [0xff, 0xfe, rest @ ..] => is_wide(rest, end, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => is_wide(rest, end, u16::from_be_bytes),
        // The first byte of a mark; alone at the end it is none.
        [0xff | 0xfe] => !end,
        _ => match std::str::from_utf8(head) {
            Ok(text) => text.chars().all(is_printable),
            // Cut inside a character.
            Err(error) if error.error_len().is_none() && !end => {
                let text = head
                    .get(..error.valid_up_to())
                    .and_then(|text| std::str::from_utf8(text).ok());
                text.is_some_and(|text| text.chars().all(is_printable))
            }
            // Latin-1 has letters beside ASCII, not instead of it: most of a text of bytes are digits.
            Err(_) => {
                let ascii = head.iter().filter(|byte| byte.is_ascii()).count();
                head.iter().all(|byte| is_printable(char::from(*byte))) && ascii * 4 >= head.len() * 3
            }
        },
    }
}

fn is_wide(bytes: &[u8], end: bool, unit: fn([u8; 2]) -> u16) -> bool {
    let whole = bytes.len() % 2 == 0 || !end;
    let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(unit));
    let mut left = bytes.len() / 2;
    let mut text = char::decode_utf16(units).map(|c| {
        left = left.saturating_sub(c.as_ref().map_or(1, |c| c.len_utf16()));
        // Cut between two surrogates.
        c.map_or(left == 0 && !end, is_printable)
    });
    whole && text.all(|printable| printable)
}

/// Characters of text: ESC begins a colour in the logs of a terminal.
fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}') || !c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_known_by_their_magic() {
        for magic in MAGICS {
            let mut bytes = magic.to_vec();
            bytes.extend([0; 40]);
            assert_eq!(detect(&bytes, false), Some(Form::Capture));
            assert_eq!(detect(&bytes[..1], false), None, "{magic:x?}");
        }
        assert_eq!(detect(&[0xd4, 0xc3, 0xb2], true), Some(Form::Raw));
    }

    #[test]
    fn packets_are_no_text() {
        for packet in [
            &[0xc0, 0][..],
            &[0xd0, 0],
            &[0xe0, 0],
            &[0x20, 2, 0, 0],
            &[0x40, 2, 0x30, 0x30],
            b"\x30\x05\x00\x03a/b",
            b"\x10\x13\0\x04MQTT\x04\x02\0<\0\x07python1",
            &[0xff],
            &[0xff, 0xfe, 0x00],
            &[0x80],
        ] {
            assert_eq!(detect(packet, true), Some(Form::Raw), "{packet:x?}");
        }
    }

    #[test]
    fn text_is_text_in_any_encoding() {
        for text in [
            &b""[..],
            b"c000",
            b"c0\xa000",
            b"\xef\xbb\xbfc0 00\r\n",
            b"\xff\xfec\x000\x00",
            b"\xfe\xff\x00c\x000",
            b"\x1b[0;32mI (12) mqtt: c0 00\x1b[0m\n",
            "c0\u{a0}00 \u{201c}ä\u{201d}".as_bytes(),
        ] {
            assert_eq!(detect(text, true), Some(Form::Text), "{text:x?}");
        }
    }

    #[test]
    fn text_needs_its_end_or_enough_of_it() {
        assert_eq!(detect(b"", false), None);
        assert_eq!(detect(b"c0 00", false), None);
        assert_eq!(detect(&[b'c'; ENOUGH], false), Some(Form::Text));
        // Cut inside a character.
        let mut long = vec![b' '; ENOUGH - 1];
        long.extend("é".bytes());
        assert_eq!(detect(&long, true), Some(Form::Text));
        assert_eq!(detect(&[b'c', 0xc3], false), None);
    }
}
