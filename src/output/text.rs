//! Untrusted text made fit for a terminal: quoted, escaped, shortened. It must not know packets.

use std::fmt::Write as _;

/// A byte as two digits.
pub(super) fn hex(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|digit| if digit < 10 { b'0' + digit } else { b'a' + digit - 10 })
}

/// Appends text in quotes, escaped so that it cannot do anything to a terminal, at most `limit` characters of it.
pub(super) fn quoted(text: &str, limit: usize, out: &mut String) {
    out.push('"');
    for c in text.chars().take(limit) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        printable(c, out);
    }
    out.push('"');
    if text.chars().nth(limit).is_some() {
        out.push('…');
    }
}

/// Appends text as it is when it cannot be taken for anything else, else quoted; the middle of long text is left out.
pub(super) fn word(text: &str, limit: usize, out: &mut String) {
    let short = shorten(text, limit);
    let text = short.as_deref().unwrap_or(text);
    if !text.is_empty() && text.chars().all(is_plain) {
        out.push_str(text);
    } else {
        quoted(text, limit, out);
    }
}

/// Appends text without characters that a terminal acts on.
pub(super) fn escape(text: &str, out: &mut String) {
    text.chars().for_each(|c| printable(c, out));
}

/// Appends the first characters of a payload: text quoted, JSON objects and arrays on one line, else hexadecimal
/// digits.
pub(super) fn preview(payload: &[u8], limit: usize, out: &mut String) {
    match std::str::from_utf8(payload) {
        Ok(text) if is_json(payload) => json(text, limit, out),
        Ok(text) if !text.contains('\0') => quoted(text, limit, out),
        _ => {
            for (index, byte) in payload.iter().take(limit / 3).enumerate() {
                let _ = write!(out, "{}{byte:02x}", if index > 0 { " " } else { "" });
            }
            if payload.len() > limit / 3 {
                out.push('…');
            }
        }
    }
}

/// Appends a character as it is, or its code when a terminal might act on it.
fn printable(c: char, out: &mut String) {
    match c {
        ' '..='~' => out.push(c),
        // Leaves nothing that is not printable.
        _ => out.extend(c.escape_debug()),
    }
}

/// Columns that text takes on a terminal: two for the wide characters of East Asia and pictographs.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(column).sum()
}

/// Shortens text to `limit` columns.
pub(super) fn fit(text: &mut String, limit: usize) {
    if columns(text) <= limit {
        return;
    }
    let mut used = 1;
    let end = text.char_indices().find(|(_, c)| {
        used += column(*c);
        used > limit
    });
    let end = end.map_or(text.len(), |(at, _)| at);
    text.truncate(end);
    text.push('…');
}

fn column(c: char) -> usize {
    let wide = matches!(u32::from(c),
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60
        | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd);
    if wide { 2 } else { 1 }
}

/// Printable, and no white space, quote or backslash.
fn is_plain(c: char) -> bool {
    match c {
        '"' | '\\' => false,
        _ if c.is_ascii() => c.is_ascii_graphic(),
        _ => !c.is_whitespace() && c.escape_debug().count() == 1,
    }
}

/// The first and last characters of text that has more than `limit`.
pub(super) fn shorten(text: &str, limit: usize) -> Option<String> {
    if text.len() <= limit {
        return None;
    }
    let count = text.chars().count();
    if count <= limit {
        return None;
    }
    let kept = limit.saturating_sub(1);
    let (head, tail) = (kept - kept / 2, kept / 2);
    let mut short: String = text.chars().take(head).collect();
    short.push('…');
    short.extend(text.chars().skip(count - tail));
    Some(short)
}

/// Begins and ends like an object or array: enough to show it without quotes.
fn is_json(payload: &[u8]) -> bool {
    let trimmed = payload.trim_ascii();
    matches!(
        (trimmed.first(), trimmed.last()),
        (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']'))
    )
}

/// JSON with every run of white space as one space.
fn json(text: &str, limit: usize, out: &mut String) {
    let mut chars = text.trim().chars().peekable();
    for _ in 0..limit {
        let Some(c) = chars.next() else { return };
        match c {
            ' ' | '\n' | '\r' | '\t' => {
                while chars.next_if(|next| matches!(next, ' ' | '\n' | '\r' | '\t')).is_some() {}
                out.push(' ');
            }
            _ => printable(c, out),
        }
    }
    if chars.next().is_some() {
        out.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn only_plain_words_go_without_quotes() {
        for (word, expected) in [
            ("a/b", "a/b"),
            ("küche/temperatur", "küche/temperatur"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("\u{1b}[2J", "\"\\u{1b}[2J\""),
            ("a\u{202e}b", "\"a\\u{202e}b\""),
            ("0123456789abcdefgh", "01234567…bcdefgh"),
        ] {
            assert_eq!(text(|out| super::word(word, 16, out)), expected);
        }
    }

    #[test]
    fn text_fits_its_columns() {
        for (text, limit, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("温度温度", 5, "温度…"),
            ("温度", 3, "温…"),
        ] {
            let mut fitted = text.to_owned();
            fit(&mut fitted, limit);
            assert_eq!(fitted, expected);
            assert!(columns(&fitted) <= limit);
        }
    }

    #[test]
    fn payloads_are_shown_as_what_they_are() {
        for (payload, expected) in [
            (&b"21.5"[..], "\"21.5\""),
            (b"{\n  \"t\": 21.5\n}\n", "{ \"t\": 21.5 }"),
            (b"{\"t\":\"\x1b[2J\"}", "{\"t\":\"\\u{1b}[2J\"}"),
            (b"[1,2,3,4,5,6,7,8,9,10]", "[1,2,3,4,5,6,7,8,9,1…"),
            (b"\xff\x00\x01", "ff 00 01"),
            (b"\0\0\0\0\0\0\0", "00 00 00 00 00 00…"),
        ] {
            assert_eq!(text(|out| preview(payload, 20, out)), expected);
        }
    }
}
