//! Text and bytes of others made harmless for the terminal that shows them. It must not know what they are.

use std::fmt::Write as _;

/// Appends text, with codes in place of the characters that a terminal acts on, but for those in `keep`: `\x1b` below
/// 0x80, `\u{202e}` above.
pub(super) fn text(text: &str, keep: &str, out: &mut String) {
    for c in text.chars() {
        if !is_harmful(c) || keep.contains(c) {
            out.push(c);
            continue;
        }
        let _ = match c {
            '\n' => out.write_str("\\n"),
            '\r' => out.write_str("\\r"),
            '\t' => out.write_str("\\t"),
            '\0'..='\x7f' => write!(out, "\\x{:02x}", u32::from(c)),
            _ => write!(out, "\\u{{{:x}}}", u32::from(c)),
        };
    }
}

/// The same of bytes, those that are no UTF-8 as `\x9b`.
pub(super) fn bytes(bytes: &[u8], keep: &str, out: &mut Vec<u8>) {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text(chunk.valid(), keep, &mut shown);
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    out.extend_from_slice(shown.as_bytes());
}

/// Appends JSON, with JSON's own codes (`\u009b`) in its strings: it says the same.
pub(super) fn json(text: &str, out: &mut String) {
    for c in text.chars() {
        // Blanks between the tokens stay; strings hold no others.
        if is_harmful(c) && !matches!(c, '\n' | '\r' | '\t') {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
}

/// True for control characters and for those that turn the direction of what follows.
fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_is_left() {
        for (given, keep, expected) in [
            (&b"\x1b]0;title\x07"[..], "", "\\x1b]0;title\\x07"),
            (b"a\tb\r\nc", "\t\n", "a\tb\\r\nc"),
            (b"a\tb\r\nc", "", "a\\tb\\r\\nc"),
            (b"\0\x08\x7f", "\t\n", "\\x00\\x08\\x7f"),
            // C1: as a byte, and as a character.
            (b"\x9b2J \xc2\x9b2J", "\t\n", "\\x9b2J \\u{9b}2J"),
            ("a\u{202e}b\u{2066}c".as_bytes(), "", "a\\u{202e}b\\u{2066}c"),
            (
                "21.5 °C \u{1f321}\u{fe0f} C:\\x".as_bytes(),
                "",
                "21.5 °C \u{1f321}\u{fe0f} C:\\x",
            ),
            (b"\xff\xc3", "", "\\xff\\xc3"),
        ] {
            let mut out = Vec::new();
            bytes(given, keep, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        // Each one below 0x20 and from 0x7f to 0x9f.
        for code in (0..0x20).chain(0x7f..0xa0) {
            let mut out = String::new();
            text(&char::from(code).to_string(), "", &mut out);
            assert!(out.starts_with('\\') && out.is_ascii(), "{code:x}: {out}");
        }
    }

    #[test]
    fn json_says_the_same_as_before() {
        let given = "{\n\t\"a\":\t\"\u{7f}\u{9b}\u{202e}°\"\n}";
        let mut out = String::new();
        json(given, &mut out);
        assert_eq!(out, "{\n\t\"a\":\t\"\\u007f\\u009b\\u202e°\"\n}");
        let value = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&out), value(given));
    }
}
