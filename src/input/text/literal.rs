//! Strings with escapes: of C, Go, Java, JSON, Python and Rust, with quotes or without, and percent codes; strings that
//! hold hex or base64. It must not know what the bytes are.

use super::code::{self, Kind, Token};
use super::views::{self, Line};
use super::{Found, Reading, base64, plain};

/// `"\x10\x13"`, `b'0!\x00'`, several behind one another; `bytes.fromhex("c000")`. Names and signs around them are those
/// of a declaration or a call.
pub(super) fn quoted(lines: &[Line]) -> Reading {
    if !lines.iter().any(|line| line.text.contains(['"', '\''])) {
        return Ok(None);
    }
    let Some(tokens) = code::tokens(lines) else {
        return Ok(None);
    };
    let Some(texts) = texts(&tokens) else { return Ok(None) };
    let binary = |prefix: &str, raw: &str| raw.contains('\\') || prefix.eq_ignore_ascii_case("b");
    if !texts.iter().any(|(_, prefix, _, raw)| binary(prefix, raw)) {
        return inside(&texts);
    }
    let mut bytes = Vec::new();
    let mut note = None;
    for (_, prefix, quote, raw) in texts {
        let dialect = if prefix == "b" && quote == '"' {
            Dialect::Rust
        } else {
            Dialect::C
        };
        let Some(more) = unescape(raw, dialect, &mut note, &mut 0) else {
            return Ok(None);
        };
        bytes.extend(more);
    }
    Ok(Found::noted(bytes, note))
}

/// The same without quotes: `\x10\x13`, `\020\023`, `0!\x00\x05`.
pub(super) fn bare(lines: &[Line]) -> Reading {
    if !lines.iter().any(|line| line.text.contains('\\')) || lines.iter().any(|line| line.text.contains('"')) {
        return Ok(None);
    }
    let lines: Vec<&str> = views::full(lines).map(|line| line.text).collect();
    let text = lines.concat();
    let text = if lines.iter().all(|line| line.trim_start().starts_with('\\')) {
        text.trim()
    } else {
        &text
    };
    // More than a few characters before the first escape are something else: a command, a path, an offset.
    if text.find('\\').is_none_or(|at| at > 3) {
        return Ok(None);
    }
    // PostgreSQL: one \x for all digits.
    if let Some(bytes) = text
        .strip_prefix(r"\x")
        .filter(|digits| digits.len() > 2)
        .and_then(plain::pairs)
    {
        let note = "read as one hex string; in C it would be one byte and characters behind it";
        return Ok(Found::noted(bytes, Some(note.to_owned())));
    }
    let (mut note, mut numeric) = (None, 0);
    let bytes = unescape(text, Dialect::C, &mut note, &mut numeric);
    Ok(bytes
        .filter(|_| numeric > 0)
        .and_then(|bytes| Found::noted(bytes, note)))
}

/// `%30%21%00`, with letters, digits and `-_.!~*'()` as they are.
pub(super) fn percent(lines: &[Line]) -> Reading {
    let mut bytes = Vec::new();
    let mut codes = 0;
    for line in lines {
        let mut rest = line.text.trim().as_bytes();
        while let Some((first, others)) = rest.split_first() {
            rest = match (first, others) {
                (b'%', [high, low, others @ ..]) => {
                    let digits = [char::from(*high), char::from(*low)].iter().collect::<String>();
                    let Some(byte) = plain::pairs(&digits) else {
                        return Ok(None);
                    };
                    bytes.extend(byte);
                    codes += 1;
                    others
                }
                (c, others) if c.is_ascii_alphanumeric() || b"-_.!~*'()".contains(c) => {
                    bytes.push(*c);
                    others
                }
                _ => return Ok(None),
            };
        }
    }
    Ok((codes > 0).then_some(bytes).and_then(Found::bytes))
}

type Text<'a> = (Line<'a>, &'a str, char, &'a str);

/// The strings, if they stand behind one another; a name of an encoding is none. No number may stand beside them.
fn texts<'a>(tokens: &[Token<'a>]) -> Option<Vec<Text<'a>>> {
    const ENCODINGS: [&str; 8] = [
        "hex",
        "base64",
        "base64url",
        "utf8",
        "utf-8",
        "latin1",
        "binary",
        "ascii",
    ];
    let mut texts = Vec::new();
    let mut open = true;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Text { prefix: "", raw, .. } if ENCODINGS.contains(&raw) => {}
            Kind::Text { prefix, quote, raw } if open || texts.is_empty() => {
                let line = token.line.after(token.line.text.len() - raw.len() - 1);
                texts.push((line, prefix, quote, raw));
                open = true;
            }
            Kind::Text { .. } => return None,
            Kind::Sign('+') => {}
            // An escape outside of a string: the quotes are no quotes.
            Kind::Sign('\\') => return None,
            // The size of an array: [21].
            Kind::Word(_) if token.is_number() => {
                let size = index > 0 && tokens.get(index - 1).is_some_and(|token| token.is('['));
                if !size || !texts.is_empty() {
                    return None;
                }
            }
            _ => open = false,
        }
    }
    (!texts.is_empty()).then_some(texts)
}

/// Strings that hold hex or base64.
fn inside(texts: &[Text]) -> Reading {
    let view: Vec<Line> = texts
        .iter()
        .map(|(line, _, _, raw)| Line { text: raw, ..*line })
        .collect();
    match plain::text(&view) {
        Ok(Some(found)) => Ok(Some(found)),
        _ => base64::read(&view),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// `\0` takes up to two more octal digits.
    C,
    /// `\0` stands alone.
    Rust,
}

/// The bytes of a string, and a note when its dialect matters; counts the escapes that are numbers.
fn unescape(raw: &str, dialect: Dialect, note: &mut Option<String>, numeric: &mut usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(raw.len() / 2);
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        let tail = rest.get(c.len_utf8()..)?;
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            rest = tail;
            continue;
        }
        let kind = tail.chars().next()?;
        let after = tail.get(kind.len_utf8()..)?;
        let digits = |text: &str, radix, most| text.chars().take(most).take_while(|c| c.is_digit(radix)).count();
        let (byte, used) = match kind {
            '0'..='7' => {
                let octal = digits(tail, 8, 3);
                let long = kind == '0' && octal > 1;
                if long && dialect == Dialect::Rust {
                    note.get_or_insert_with(|| {
                        format!(
                            "`\\{}` is read as Rust means it: a zero byte and characters",
                            tail.get(..octal).unwrap_or_default()
                        )
                    });
                }
                let length = if long && dialect == Dialect::Rust { 1 } else { octal };
                *numeric += 1;
                (u8::from_str_radix(tail.get(..length)?, 8).ok()?, length)
            }
            'x' => {
                let length = digits(after, 16, 2);
                *numeric += 1;
                (u8::from_str_radix(after.get(..length)?, 16).ok()?, 1 + length)
            }
            'u' => {
                let inner = after.strip_prefix('{').and_then(|after| after.split_once('}'));
                let (number, used) =
                    inner.map_or_else(|| (after.get(..4), 5), |(number, _)| (Some(number), number.len() + 3));
                let number = number.filter(|number| number.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
                let byte = u8::try_from(u32::from_str_radix(number, 16).ok()?).ok()?;
                if byte > 0x7f {
                    note.get_or_insert_with(|| {
                        "`\\u` is read as one byte; it could also be a character in UTF-8".to_owned()
                    });
                }
                *numeric += 1;
                (byte, used)
            }
            'a' => (7, 1),
            'b' => (8, 1),
            't' => (9, 1),
            'n' => (10, 1),
            'v' => (11, 1),
            'f' => (12, 1),
            'r' => (13, 1),
            'e' => (27, 1),
            '\\' | '\'' | '"' | '?' | '/' => (u8::try_from(kind).ok()?, 1),
            _ => return None,
        };
        bytes.push(byte);
        rest = tail.get(used..)?;
    }
    Some(bytes)
}

/// The bytes of a string among numbers.
pub(super) fn contents(raw: &str) -> Option<Vec<u8>> {
    unescape(raw, Dialect::C, &mut None, &mut 0)
}
