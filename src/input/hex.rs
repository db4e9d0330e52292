//! Hex text in the plain shapes: `0x10 0x13`, `10 13`, `1013`, single digits after `0x`. It must not know packets.

use std::fmt;

/// Why text is not hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HexError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub fault: HexFault,
}

/// What is wrong with hex text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HexFault {
    /// There are no digits at all.
    Empty,
    /// A character that is neither a digit nor a separator.
    Character(char),
    /// An odd number of digits: one is missing, or one too many.
    Odd(String),
    /// `0x` without digits.
    NoDigits,
}

impl std::error::Error for HexError {}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format!("at line {}, column {}", self.line, self.column);
        match &self.fault {
            HexFault::Empty => f.write_str("no hex digits: give the bytes of a packet, as in `c0 00`"),
            HexFault::Character(c) => write!(f, "not hex text: {c:?} {place}"),
            HexFault::Odd(digits) => write!(
                f,
                "not hex text: `{digits}` {place} has an odd number of digits (a single digit needs 0x before it)"
            ),
            HexFault::NoDigits => write!(f, "not hex text: `0x` without digits {place}"),
        }
    }
}

/// Bytes of a hex text. White space, commas, colons, semicolons and dashes separate.
///
/// # Errors
/// [`HexError`] with the place.
pub fn parse(text: &str) -> Result<Vec<u8>, HexError> {
    let mut bytes = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut word = String::new();
        let mut start = 1;
        for (column, c) in (1..).zip(line.chars().chain([' '])) {
            let separates = c.is_whitespace() || matches!(c, ',' | ':' | ';' | '-');
            if !separates {
                if word.is_empty() {
                    start = column;
                }
                let prefix = matches!(c, 'x' | 'X') && word == "0";
                if !c.is_ascii_hexdigit() && !prefix {
                    return Err(HexError {
                        line: index + 1,
                        column,
                        fault: HexFault::Character(c),
                    });
                }
                word.push(c);
            } else if !word.is_empty() {
                let parsed = parse_word(&word, &mut bytes);
                parsed.map_err(|fault| HexError {
                    line: index + 1,
                    column: start,
                    fault,
                })?;
                word.clear();
            }
        }
    }
    if bytes.is_empty() {
        return Err(HexError {
            line: 1,
            column: 1,
            fault: HexFault::Empty,
        });
    }
    Ok(bytes)
}

/// A run of digits, perhaps with `0x`.
fn parse_word(word: &str, bytes: &mut Vec<u8>) -> Result<(), HexFault> {
    let prefixed = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let digits: Vec<u8> = prefixed
        .unwrap_or(word)
        .chars()
        .filter_map(|c| c.to_digit(16))
        .filter_map(|d| u8::try_from(d).ok())
        .collect();
    match (digits.as_slice(), prefixed) {
        ([], _) => Err(HexFault::NoDigits),
        ([single], Some(_)) => {
            bytes.push(*single);
            Ok(())
        }
        (digits, _) if digits.len() % 2 == 1 => Err(HexFault::Odd(word.to_owned())),
        (digits, _) => {
            bytes.extend(
                digits
                    .chunks(2)
                    .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)),
            );
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_shapes_give_their_bytes() {
        for text in [
            "c0 00",
            "C000",
            "0xc0 0x0",
            "0xC0,0x00",
            "c0:00",
            "  c0\n\t00\r\n",
            "0xc000",
            "c0-00",
            "0Xc0; 00",
        ] {
            assert_eq!(parse(text), Ok(vec![0xc0, 0]), "{text:?}");
        }
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, line, column, fault) in [
            ("", 1, 1, HexFault::Empty),
            (" \n ", 1, 1, HexFault::Empty),
            ("c0 0g", 1, 5, HexFault::Character('g')),
            ("c0 00\n  c0 0", 2, 6, HexFault::Odd("0".to_owned())),
            ("c0 000", 1, 4, HexFault::Odd("000".to_owned())),
            ("0x", 1, 1, HexFault::NoDigits),
            ("0x10x1", 1, 5, HexFault::Character('x')),
            ("c0 é", 1, 4, HexFault::Character('é')),
        ] {
            assert_eq!(parse(text), Err(HexError { line, column, fault }), "{text:?}");
        }
    }
}
