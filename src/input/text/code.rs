//! The words of source code: names, numbers, strings and signs with their places, without comments. It must not know
//! the languages apart.

use super::views::Line;

/// A part of source code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    /// The line from the token on; its text is the token.
    pub(super) line: Line<'a>,
    pub(super) kind: Kind<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A name or a number.
    Word(&'a str),
    /// A string: what stands directly before it (as the `b` of `b"…"`), its quote, and what is in it, as it stands.
    Text {
        prefix: &'a str,
        quote: char,
        raw: &'a str,
    },
    Sign(char),
}

impl Token<'_> {
    pub(super) fn is(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }

    /// A word that begins with a digit.
    pub(super) fn is_number(&self) -> bool {
        matches!(self.kind, Kind::Word(word) if word.starts_with(|c: char| c.is_ascii_digit()))
    }
}

/// The tokens of the lines; `None` when a string does not end.
pub(super) fn tokens<'a>(lines: &[Line<'a>]) -> Option<Vec<Token<'a>>> {
    let mut tokens = Vec::new();
    let mut comment = false;
    for line in lines {
        let mut rest = *line;
        loop {
            if comment {
                let Some(end) = rest.text.find("*/") else { break };
                rest = rest.after(end + 2);
                comment = false;
            }
            rest = rest.after(rest.indent());
            let Some(c) = rest.text.chars().next() else { break };
            if c == '#' || rest.text.starts_with("//") {
                break;
            }
            if rest.text.starts_with("/*") {
                comment = true;
                rest = rest.after(2);
                continue;
            }
            let (length, kind) = token(rest.text, c)?;
            let text = rest.text.get(..length)?;
            tokens.push(Token {
                line: Line { text, ..rest },
                kind,
            });
            rest = rest.after(length);
        }
    }
    Some(tokens)
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '$')
}

fn token(text: &str, first: char) -> Option<(usize, Kind<'_>)> {
    let name = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (prefix, rest) = text.split_at_checked(name)?;
    let quoted = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    if let Some(quote) = quoted.filter(|_| name <= 2) {
        let raw = rest.get(1..)?;
        let raw = raw.get(..closing(raw, quote)?)?;
        return Some((name + raw.len() + 2, Kind::Text { prefix, quote, raw }));
    }
    if name == 0 {
        return Some((first.len_utf8(), Kind::Sign(first)));
    }
    Some((name, Kind::Word(prefix)))
}

/// Where a string ends: its quote without a backslash before it.
fn closing(raw: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    raw.char_indices().find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}
