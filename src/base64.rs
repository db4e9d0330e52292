//! Base64 (RFC 4648), both ways. It must not know what it stands for.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends the text of `bytes`, with padding (section 4).
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = group >> (18 - 6 * digit) & 0x3f;
            out.push(if digit > chunk.len() {
                b'='
            } else {
                ALPHABET[value as usize]
            });
        }
    }
}

/// The bytes of a text in the standard or the URL alphabet (not both), with or without padding. White space is refused.
///
/// # Errors
/// The index in bytes of what is wrong; the length of the text when its end is.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = text.get(..text.len() - padding).unwrap_or_default();
    let url = digits.iter().find_map(|byte| match byte {
        b'+' | b'/' => Some(false),
        b'-' | b'_' => Some(true),
        _ => None,
    });
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut left, mut have) = (0_u32, 0);
    for (index, byte) in digits.iter().enumerate() {
        let value = digit(*byte, url.unwrap_or_default()).ok_or(index)?;
        left = (left << 6 | u32::from(value)) & 0x3fff;
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push(u8::try_from(left >> have & 0xff).unwrap_or_default());
        }
    }
    let rest = left & ((1 << have) - 1);
    let padded = padding == 0 || (padding < 3 && text.len() % 4 == 0);
    if have == 6 || rest != 0 || !padded {
        return Err(text.len());
    }
    Ok(bytes)
}

fn digit(byte: u8, url: bool) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' if !url => Some(62),
        b'/' if !url => Some(63),
        b'-' if url => Some(62),
        b'_' if url => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLES: [(&str, &str); 7] = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ];

    #[test]
    fn the_examples_of_rfc_4648_come_out() {
        for (bytes, text) in EXAMPLES {
            let mut out = Vec::new();
            encode(bytes.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn the_examples_of_rfc_4648_go_in() {
        for (bytes, text) in EXAMPLES {
            assert_eq!(decode(text.as_bytes()), Ok(bytes.into()));
            assert_eq!(decode(text.trim_end_matches('=').as_bytes()), Ok(bytes.into()));
        }
        assert_eq!(decode(b"-_8="), Ok(vec![0xfb, 0xff]));
        assert_eq!(decode(b"+/8"), Ok(vec![0xfb, 0xff]));
    }

    #[test]
    fn faults_have_a_place() {
        for (text, index) in [
            ("Zm9v!", 4),
            ("Zm 9v", 2),
            ("Z", 1),
            ("Zh==", 4),
            ("Zg=", 3),
            ("Zg===", 5),
            ("=", 1),
            ("+_8=", 1),
        ] {
            assert_eq!(decode(text.as_bytes()), Err(index), "{text}");
        }
    }
}
