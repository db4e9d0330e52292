//! Base64 (RFC 4648), both ways. It must not know what it stands for.

use ::base64::Engine as _;
use ::base64::display::Base64Display;
use ::base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::io::Write as _;

/// Appends the text of `bytes`, with padding (section 4).
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let _ = write!(out, "{}", Base64Display::new(bytes, &STANDARD));
}

/// The bytes of a text in the standard or the URL alphabet (not both), with or without padding. White space is refused.
///
/// # Errors
/// The index in bytes of what is wrong; the length of the text when its end is.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = text.get(..text.len() - padding).unwrap_or_default();
    let special = digits.iter().find(|byte| matches!(byte, b'+' | b'/' | b'-' | b'_'));
    let (engine, others) = match special {
        Some(b'-' | b'_') => (&URL_SAFE_NO_PAD, b"-_"),
        _ => (&STANDARD_NO_PAD, b"+/"),
    };
    let padded = padding == 0 || padding < 3 && text.len() % 4 == 0;
    engine.decode(digits).ok().filter(|_| padded).ok_or_else(|| {
        let digit = |byte: &u8| byte.is_ascii_alphanumeric() || others.contains(byte);
        digits.iter().position(|byte| !digit(byte)).unwrap_or(text.len())
    })
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
