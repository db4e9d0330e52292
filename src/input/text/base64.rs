//! Base64 as a shape: one word, or lines of one length; in quotes or behind `data:…;base64,`. It must not know what the
//! bytes are.

use super::views::{self, Line};
use super::{Found, Reading, TextError, TextFault};
use crate::base64;

/// The bytes of base64, unless it may well be a word of some language.
pub(super) fn read(lines: &[Line]) -> Reading {
    let lines: Vec<&str> = views::full(lines).map(|line| line.text.trim()).collect();
    let (Some(width), Some((last, others))) = (lines.first().map(|line| line.len()), lines.split_last()) else {
        return Ok(None);
    };
    if others.iter().any(|line| line.len() != width) || last.len() > width || (!others.is_empty() && width % 4 != 0) {
        return Ok(None);
    }
    let text = lines.concat();
    let text = text
        .split_once(";base64,")
        .filter(|(kind, _)| kind.starts_with("data:"))
        .map_or(&*text, |(_, text)| text);
    let text = text.trim_end_matches([',', ';']).trim_matches(['"', '\'']);
    if text.is_empty() || is_word(text) {
        return Ok(None);
    }
    Ok(base64::decode(text.as_bytes()).ok().and_then(Found::bytes))
}

/// As `read`, but base64 it must be, in lines of any length.
///
/// # Errors
/// The first place that makes no sense.
pub(super) fn forced(lines: &[Line]) -> Result<Vec<u8>, TextError> {
    let mut text = Vec::new();
    for line in lines {
        text.extend(line.text.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    }
    if text.is_empty() {
        return Err(views::error(1, 1, TextFault::Empty));
    }
    base64::decode(&text).map_err(|index| {
        let mut left = index;
        for line in lines {
            for (at, c) in line.text.char_indices().filter(|(_, c)| !c.is_ascii_whitespace()) {
                if left < c.len_utf8() {
                    return line.error(at, TextFault::Base64);
                }
                left -= c.len_utf8();
            }
        }
        let last = lines.iter().rev().find(|line| !line.is_blank());
        last.map_or_else(
            || views::error(1, 1, TextFault::Base64),
            |line| line.error(line.text.trim_end().len(), TextFault::Base64),
        )
    })
}

/// Letters only, as people write words: small, capital, or with one capital in front; or a decimal number.
fn is_word(text: &str) -> bool {
    let rest = text.get(1..).unwrap_or_default();
    let letters = text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let all = |test: fn(&u8) -> bool, text: &str| text.bytes().all(|byte| test(&byte));
    let number = text.len() < 16 && text.bytes().all(|byte| byte.is_ascii_digit());
    number || (letters && (all(u8::is_ascii_lowercase, rest) || all(u8::is_ascii_uppercase, text)))
}
