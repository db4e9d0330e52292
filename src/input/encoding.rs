//! Payloads written as hexadecimal digits or base64. White space between the characters means nothing, so that the
//! output of `xxd -p` and `base64` can be read. It must not know what the bytes are for.

use crate::base64;

/// How a payload is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Pairs of hexadecimal digits.
    Hex,
    /// Base64 in the standard or the URL alphabet, with or without padding.
    Base64,
}

/// A text is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// A character that has no place there; the byte where it stands, from 1.
    #[error("is not {0}: the character at byte {1}")]
    Character(&'static str, usize),
    /// The last characters are too few, or more than the bytes need.
    #[error("is not {0}: its end")]
    End(&'static str),
}

impl Encoding {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }

    /// The bytes of a text.
    ///
    /// # Errors
    /// Where it is wrong.
    pub fn decode(self, text: &[u8]) -> Result<Vec<u8>, EncodingError> {
        let written = || text.iter().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace());
        let characters: Vec<u8> = written().map(|(_, byte)| *byte).collect();
        let decoded = match self {
            Self::Hex => hex(&characters),
            Self::Base64 => base64::decode(&characters),
        };
        decoded.map_err(|index| match written().nth(index) {
            Some((at, _)) => EncodingError::Character(self.name(), at + 1),
            None => EncodingError::End(self.name()),
        })
    }
}

/// The index of what is wrong is the error; the length of the text when its end is.
fn hex(digits: &[u8]) -> Result<Vec<u8>, usize> {
    let value = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if let Some(index) = digits.iter().position(|byte| value(*byte).is_none()) {
        return Err(index);
    }
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(value(*high)? << 4 | value(*low)?),
        _ => None,
    };
    digits.chunks(2).map(pair).collect::<Option<_>>().ok_or(digits.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_of_any_layout() {
        for (encoding, text, bytes) in [
            (Encoding::Hex, "00ffA5", &[0, 0xff, 0xa5][..]),
            (Encoding::Hex, "00 ff\n\ta5\r\n", &[0, 0xff, 0xa5]),
            (Encoding::Hex, "", &[]),
            (Encoding::Base64, "AP+l", &[0, 0xff, 0xa5]),
            (Encoding::Base64, "AP-l", &[0, 0xff, 0xa5]),
            (Encoding::Base64, "A\nP8=\n", &[0, 0xff]),
            (Encoding::Base64, "AP8", &[0, 0xff]),
        ] {
            assert_eq!(encoding.decode(text.as_bytes()).as_deref(), Ok(bytes), "{text:?}");
        }
    }

    #[test]
    fn faults_have_a_place() {
        use EncodingError::{Character, End};
        for (encoding, text, error) in [
            (Encoding::Hex, "00 fx", Character("hex", 5)),
            (Encoding::Hex, "0x00", Character("hex", 2)),
            (Encoding::Hex, "000", End("hex")),
            (Encoding::Base64, "AP 8!", Character("base64", 5)),
            (Encoding::Base64, "A", End("base64")),
            (Encoding::Base64, "AP9=", End("base64")),
        ] {
            assert_eq!(encoding.decode(text.as_bytes()), Err(error), "{text:?}");
        }
        assert_eq!(
            Encoding::Hex.decode("é".as_bytes()).unwrap_err().to_string(),
            "is not hex: the character at byte 1"
        );
    }
}
