//! JSON for a person: on one line or over several, in colours, harmless to a terminal. Every token stays as it was written.
//! It must not know what the JSON says.

use super::escape;
use super::style::{Ink, Style};
use super::text::columns;

/// JSON of more bytes is not laid out: the indentation is many times what it indents.
const LARGEST: usize = 64 * 1024;
/// JSON with more brackets in each other is not laid out.
const DEEPEST: usize = 32;
/// Blanks for each bracket that is open.
const STEP: usize = 2;

/// An object or array.
#[derive(Clone, Copy)]
pub(super) struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// `None` for what is no JSON, no object or array, or too large or deep to be laid out.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        if text.len() > LARGEST || !text.trim_start().starts_with(['{', '[']) {
            return None;
        }
        let (mut depth, mut deepest) = (0_usize, 0);
        for token in Tokens(text) {
            match token {
                "{" | "[" => depth += 1,
                "}" | "]" => depth = depth.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(depth);
        }
        let is_json = deepest <= DEEPEST && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        is_json.then_some(Self(text))
    }

    /// Appends it on one line when that has at most `room` columns.
    pub(super) fn line(self, room: usize, style: Style, out: &mut String) -> bool {
        let tokens = self.tokens();
        let fits = end_within(&tokens, room).is_some();
        if fits {
            line(&tokens, style, out);
        }
        fits
    }

    /// Appends it over several lines of at most `width` columns, as far as its strings allow that: every object and array
    /// is on one line when it fits, else each of its members has its own. All lines but the first stand behind a margin
    /// of so many blanks, where the first one is already.
    pub(super) fn lines(self, margin: usize, width: usize, style: Style, out: &mut String) {
        let tokens = self.tokens();
        let (mut rest, mut depth, mut column) = (&tokens[..], 0_usize, margin);
        let new_line = |depth: usize, out: &mut String| {
            let column = margin + depth * STEP;
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', column));
            column
        };
        while let Some((token, behind)) = rest.split_first() {
            let mut taken = 1;
            match *token {
                "{" | "[" => {
                    // A comma may follow.
                    let room = width.saturating_sub(column + 1);
                    let empty = matches!(behind.first(), Some(&"}" | &"]"));
                    match end_within(rest, if empty { 2 } else { room }) {
                        Some(end) => {
                            taken = end;
                            line(rest.get(..end).unwrap_or_default(), style, out);
                        }
                        None => {
                            depth += 1;
                            out.push_str(token);
                            column = new_line(depth, out);
                        }
                    }
                }
                "}" | "]" => {
                    depth = depth.saturating_sub(1);
                    new_line(depth, out);
                    out.push_str(token);
                }
                "," => {
                    out.push_str(token);
                    column = new_line(depth, out);
                }
                ":" => {
                    out.push_str(": ");
                    column += 2;
                }
                _ => {
                    paint(token, behind.first().copied(), style, out);
                    column += columns(token);
                }
            }
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    fn tokens(self) -> Vec<&'a str> {
        Tokens(self.0).filter(|token| !is_blank(token)).collect()
    }
}

/// Where the object or array ends with which the tokens begin, when it has at most `room` columns on one line.
fn end_within(tokens: &[&str], room: usize) -> Option<usize> {
    let (mut depth, mut used) = (0_usize, 0);
    for (index, token) in tokens.iter().enumerate() {
        used += columns(token) + usize::from(matches!(*token, "," | ":"));
        if used > room {
            return None;
        }
        match *token {
            "{" | "[" => depth += 1,
            "}" | "]" if depth <= 1 => return Some(index + 1),
            "}" | "]" => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Appends tokens on one line.
fn line(tokens: &[&str], style: Style, out: &mut String) {
    for (index, token) in tokens.iter().enumerate() {
        paint(token, tokens.get(index + 1).copied(), style, out);
        if matches!(*token, "," | ":") {
            out.push(' ');
        }
    }
}

/// Appends JSON as it is laid out, harmless to a terminal and perhaps in colours.
pub fn write(json: &[u8], colour: bool, out: &mut Vec<u8>) {
    // JSON is UTF-8.
    let text = String::from_utf8_lossy(json);
    let mut shown = String::with_capacity(text.len());
    write_text(&text, Style { colour }, &mut shown);
    out.extend_from_slice(shown.as_bytes());
}

fn write_text(text: &str, style: Style, out: &mut String) {
    let mut tokens = Tokens(text).peekable();
    while let Some(token) = tokens.next() {
        paint(token, tokens.peek().copied(), style, out);
    }
}

/// A string before a colon is a key.
fn paint(token: &str, next: Option<&str>, style: Style, out: &mut String) {
    let ink = match token.as_bytes().first() {
        Some(b'"') if next == Some(":") => Ink::Key,
        Some(b'"') => Ink::Text,
        Some(b't' | b'f' | b'n') => Ink::Word,
        _ => return escape::json(token, out),
    };
    style.paint(ink, out, |out| escape::json(token, out));
}

fn is_blank(token: &str) -> bool {
    token.starts_with([' ', '\t', '\n', '\r'])
}

/// The tokens of JSON, blanks included; all together they are the text, whatever it is.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0;
        let first = rest.chars().next()?;
        let end = match first {
            '{' | '}' | '[' | ']' | ',' | ':' => Some(1),
            '"' => end_of_string(rest),
            _ if is_blank(rest) => rest.find(|c| !matches!(c, ' ' | '\t' | '\n' | '\r')),
            _ => rest.find([' ', '\t', '\n', '\r', '{', '}', '[', ']', ',', ':', '"']),
        };
        let (token, rest) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        self.0 = rest;
        Some(token)
    }
}

fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    let quote = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    // The quotes.
    quote.map(|length| length + 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: Style = Style { colour: false };

    fn shown(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn every_token_stays_as_it_was_written() {
        let text = "{\"a\" :[1,2.50, -1e400],\n\"a\":\"x\\\"{,:\\\\\",\"e\":{},\"f\":[ ],\"n\":null}";
        let expected = "{\"a\": [1, 2.50, -1e400], \"a\": \"x\\\"{,:\\\\\", \"e\": {}, \"f\": [], \"n\": null}";
        let json = Json::read(text).unwrap();
        let mut out = String::new();
        assert!(!json.line(expected.len() - 1, PLAIN, &mut out));
        assert!(json.line(expected.len(), PLAIN, &mut out));
        assert_eq!(out, expected);
        assert_eq!(shown(|out| write_text(text, PLAIN, out)), text);
    }

    #[test]
    fn only_what_is_too_long_gets_lines() {
        let json = Json::read("{\"a\":[1,2.50,-1e400],\"long\":[\"0123456789\",{},[ ]],\"n\":null}").unwrap();
        for (width, expected) in [
            (
                70,
                "{\"a\": [1, 2.50, -1e400], \"long\": [\"0123456789\", {}, []], \"n\": null}",
            ),
            (
                30,
                "{\n  \"a\": [1, 2.50, -1e400],\n  \"long\": [\n    \"0123456789\",\n    {},\n    []\n  ],\n  \"n\": null\n}",
            ),
            (
                0,
                "{\n  \"a\": [\n    1,\n    2.50,\n    -1e400\n  ],\n  \"long\": [\n    \"0123456789\",\n    {},\n    []\n  ],\n  \"n\": null\n}",
            ),
        ] {
            let text = shown(|out| json.lines(0, width, PLAIN, out));
            assert_eq!(text, expected, "{width}");
        }
        let text = shown(|out| json.lines(2, 30, PLAIN, out));
        assert!(text.ends_with("\n    \"n\": null\n  }"), "{text}");
    }

    #[test]
    fn keys_strings_and_words_have_colours() {
        let style = Style { colour: true };
        let json = Json::read("{\"on\":true,\"t\":[21.5,\"\u{9b}\"]}").unwrap();
        let expected = "{\x1b[1;34m\"on\"\x1b[0m: \x1b[33mtrue\x1b[0m, \x1b[1;34m\"t\"\x1b[0m: [21.5, \x1b[32m\"\\u009b\"\x1b[0m]}";
        let mut out = String::new();
        assert!(json.line(80, style, &mut out));
        assert_eq!(out, expected);
        assert_eq!(shown(|out| json.lines(0, 80, style, out)), expected);
    }

    #[test]
    fn what_is_no_object_or_too_much_is_not_laid_out() {
        for text in ["", "21.5", "\"x\"", "{", "{\"a\":1}}", "[1,]", "hello {}", "[\"\x1b\"]"] {
            assert!(Json::read(text).is_none(), "{text:?}");
        }
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::read(&nested(DEEPEST)).is_some());
        assert!(Json::read(&nested(DEEPEST + 1)).is_none());
        assert!(Json::read(&nested(LARGEST / 2)).is_none());
        assert!(Json::read(&format!("[{}1]", "1,".repeat(LARGEST / 2))).is_none());
    }

    proptest! {
        /// Whatever the width, only blanks are added.
        #[test]
        fn laid_out_it_is_the_same_json(text in "[{}\\[\\],:\"1 ]{0,12}", width in 0_usize..40) {
            for text in [text.clone(), format!("[{text}]"), format!("{{\"k\":[{text}]}}")] {
                let Some(json) = Json::read(&text) else { continue };
                let laid = shown(|out| json.lines(2, width, PLAIN, out));
                let tokens = |text| Tokens(text).filter(|token| !is_blank(token)).collect::<Vec<_>>().concat();
                prop_assert_eq!(tokens(&laid), tokens(&text));
            }
        }

        #[test]
        fn any_text_is_the_sum_of_its_tokens(text in "[{}\\[\\],:\" \n\\\\a1é]{0,40}") {
            prop_assert_eq!(Tokens(&text).collect::<String>(), text);
        }
    }
}
