//! JSON for a person: on one line or indented, in colours, harmless to a terminal. Every token stays as it was written.
//! It must not know what the JSON says.

use super::escape;
use super::style::{Ink, Style};

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

    /// Appends it on one line.
    pub(super) fn line(self, style: Style, out: &mut String) {
        let mut tokens = self.tokens();
        while let Some(token) = tokens.next() {
            paint(token, tokens.peek().copied(), style, out);
            if matches!(token, "," | ":") {
                out.push(' ');
            }
        }
    }

    /// Appends it over several lines, each but the first behind a margin of so many blanks.
    pub(super) fn indented(self, margin: usize, style: Style, out: &mut String) {
        let mut depth = 0_usize;
        let new_line = |depth: usize, out: &mut String| {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', margin + depth * STEP));
        };
        let mut tokens = self.tokens();
        let mut last = "";
        while let Some(token) = tokens.next() {
            if matches!(token, "}" | "]") {
                depth = depth.saturating_sub(1);
                // Nothing stands in it.
                if !matches!(last, "{" | "[") {
                    new_line(depth, out);
                }
            }
            let next = tokens.peek().copied();
            paint(token, next, style, out);
            match token {
                "{" | "[" => {
                    depth += 1;
                    if !matches!(next, Some("}" | "]")) {
                        new_line(depth, out);
                    }
                }
                "," => new_line(depth, out),
                ":" => out.push(' '),
                _ => {}
            }
            last = token;
        }
    }

    fn tokens(self) -> std::iter::Peekable<impl Iterator<Item = &'a str>> {
        Tokens(self.0).filter(|token| !is_blank(token)).peekable()
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
        let json = Json::read(text).unwrap();
        assert_eq!(
            shown(|out| json.line(PLAIN, out)),
            "{\"a\": [1, 2.50, -1e400], \"a\": \"x\\\"{,:\\\\\", \"e\": {}, \"f\": [], \"n\": null}"
        );
        assert_eq!(
            shown(|out| json.indented(2, PLAIN, out)),
            "{\n    \"a\": [\n      1,\n      2.50,\n      -1e400\n    ],\n    \"a\": \"x\\\"{,:\\\\\",\n    \
             \"e\": {},\n    \"f\": [],\n    \"n\": null\n  }"
        );
        assert_eq!(shown(|out| write_text(text, PLAIN, out)), text);
    }

    #[test]
    fn keys_strings_and_words_have_colours() {
        let style = Style { colour: true };
        let json = Json::read("{\"on\":true,\"t\":[21.5,\"\u{9b}\"]}").unwrap();
        assert_eq!(
            shown(|out| json.line(style, out)),
            "{\x1b[1;34m\"on\"\x1b[0m: \x1b[33mtrue\x1b[0m, \x1b[1;34m\"t\"\x1b[0m: [21.5, \x1b[32m\"\\u009b\"\x1b[0m]}"
        );
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
        #[test]
        fn any_text_is_the_sum_of_its_tokens(text in "[{}\\[\\],:\" \n\\\\a1é]{0,40}") {
            prop_assert_eq!(Tokens(&text).collect::<String>(), text);
        }
    }
}
