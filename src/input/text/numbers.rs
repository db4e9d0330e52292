//! Lists of numbers in brackets, as programs print them and as source code has them: `[192, 0]`, `{ 0xC0, 0x00 };`,
//! `<<192,0>>`, `{(byte)0xC0, 'a'}`. What stands around them must be names, signs and sizes. It must not know what the
//! bytes are.

use super::code::{self, Kind, Token};
use super::plain::{self, Word};
use super::views::{self, Line};
use super::{Content, Found, Reading, TextError, TextFault};

/// The numbers of all lists in the text.
pub(super) fn list(lines: &[Line]) -> Reading {
    if !lines.iter().any(|line| line.text.contains(['[', '{', '(', '<'])) {
        return Ok(None);
    }
    let Some(tokens) = code::tokens(lines) else {
        return Ok(None);
    };
    let mut lists: Vec<(Option<bool>, Vec<u8>)> = Vec::new();
    let mut sizes: Vec<(&Token, Size)> = Vec::new();
    let (mut note, mut elements, mut names, mut prefixed, mut lone) = (None, 0, 0, false, false);
    let mut peer = None;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match elements_at(&tokens, at) {
            Ok(Some(list)) => {
                let single = list.elements.len() == 1;
                if single && is_size(&tokens, at, list.end) {
                    sizes.extend(tokens.get(at + 1).map(|token| (token, Size::Most)));
                } else {
                    let (bytes, doubt) = bytes(&list.elements)?;
                    note = note.or(list.cut).or(doubt);
                    elements += list.elements.len();
                    lone |= single && !list.elements.iter().any(Element::is_marked);
                    prefixed |= list.elements.iter().any(Element::is_marked);
                    lists.push((peer, bytes));
                }
                at = list.end;
                continue;
            }
            Ok(None) => {}
            Err(error) => return Err(error),
        }
        match token.kind {
            Kind::Word(_) if token.is_number() => {
                let Some(size) = size_at(&tokens, at) else {
                    return Ok(None);
                };
                sizes.push((token, size));
            }
            Kind::Word(word) => {
                names += 1;
                if word.starts_with("peer") {
                    peer = word.get(4..6).and_then(|number| match number {
                        "0_" => Some(false),
                        "1_" => Some(true),
                        _ => None,
                    });
                }
            }
            Kind::Text { .. } | Kind::Sign(_) => {}
        }
        at += 1;
    }
    // `RX(21): {…}`: one number in brackets is a list only where nothing else is.
    if lone && lists.len() > 1 {
        return Ok(None);
    }
    if elements == 0 || (elements < 2 && names > 0 && !prefixed) {
        return Ok(None);
    }
    let found: usize = lists.iter().map(|(_, bytes)| bytes.len()).sum();
    for (token, size) in sizes.iter().filter(|_| lists.len() == 1 && note.is_none()) {
        let said = token.line.text.parse().unwrap_or_default();
        let whole = found as u64;
        if said < whole || (said > whole && *size == Size::Exact) {
            return Err(token.line.error(0, TextFault::Count { said, found }));
        }
    }
    let turns: Option<Vec<_>> = lists
        .iter()
        .map(|(peer, bytes)| Some(((*peer)?, bytes.clone())))
        .collect();
    Ok(Some(match turns {
        // Wireshark's C arrays of a followed stream.
        Some(turns) => Found {
            content: Content::Turns(turns),
            note,
        },
        None => Found {
            content: Content::Bytes(lists.into_iter().flat_map(|(_, bytes)| bytes).collect()),
            note,
        },
    }))
}

/// What a number beside a list says of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    Exact,
    /// An array may be longer than what it is filled with.
    Most,
}

/// Whether a number in brackets is a size: `pkt[21] = {`, `Uint8Array(3) [`, `[21]byte{`.
fn is_size(tokens: &[Token], at: usize, end: usize) -> bool {
    let named = at.checked_sub(1).is_some_and(|before| is_name(tokens, before));
    let opens = |next: &Token| ['=', '{', '[', '('].iter().any(|sign| next.is(*sign));
    is_name(tokens, end) || (named && tokens.get(end).is_some_and(opens))
}

/// The meaning of a number outside of lists: `[u8; 21]`, `array<uint8_t, 21>`, `pkt_len = 21;`; `None` for any other.
fn size_at(tokens: &[Token], at: usize) -> Option<Size> {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before))?;
    let after = tokens.get(at + 1);
    if before.is('=') {
        let name = at.checked_sub(2).and_then(|name| tokens.get(name))?;
        let Kind::Word(name) = name.kind else { return None };
        let name = name.to_ascii_lowercase();
        return ["len", "length", "size", "count"]
            .iter()
            .any(|end| name.ends_with(end))
            .then_some(Size::Exact);
    }
    let closed = after.is_some_and(|after| after.is('>') || after.is(']'));
    (closed && (before.is(';') || before.is(','))).then_some(Size::Most)
}

struct List<'a> {
    elements: Vec<Element<'a>>,
    /// Index of the token behind it.
    end: usize,
    /// The note of a list that is cut.
    cut: Option<String>,
}

enum Element<'a> {
    Number { negative: bool, line: Line<'a> },
    Text { line: Line<'a>, raw: &'a str, quote: char },
}

impl Element<'_> {
    fn is_marked(&self) -> bool {
        matches!(self, Self::Number { line, .. } if line.text.starts_with("0x"))
    }
}

/// The list whose bracket opens at `at`; `None` if something else is in the brackets.
///
/// # Errors
/// It is a list of numbers, up to a place that makes no sense.
fn elements_at<'a>(tokens: &[Token<'a>], at: usize) -> Result<Option<List<'a>>, TextError> {
    let is = |at: usize, sign: char| tokens.get(at).is_some_and(|token| token.is(sign));
    let close = match tokens.get(at).map(|token| token.kind) {
        Some(Kind::Sign('[')) => ']',
        Some(Kind::Sign('{')) => '}',
        Some(Kind::Sign('(')) => ')',
        Some(Kind::Sign('<')) if is(at + 1, '<') => '>',
        _ => return Ok(None),
    };
    let (mut elements, mut cut) = (Vec::new(), None);
    let mut next = at + if close == '>' { 2 } else { 1 };
    loop {
        while is(next, ',') {
            next += 1;
        }
        if is(next, close) {
            next += if close == '>' && is(next + 1, '>') { 2 } else { 1 };
            break;
        }
        if let Some((note, end)) = ellipsis(tokens, next) {
            (cut, next) = (Some(note), end);
            continue;
        }
        let Some((element, end)) = element(tokens, next) else {
            // A list that breaks off in the middle is no place to look for smaller ones.
            let numbers = elements
                .iter()
                .filter(|element| matches!(element, Element::Number { .. }))
                .count();
            let token = tokens.get(next).or_else(|| tokens.last());
            return match token.filter(|_| numbers > 3) {
                Some(token) => {
                    let c = token.line.text.chars().next().unwrap_or(' ');
                    Err(token.line.error(0, TextFault::Character(c)))
                }
                None => Ok(None),
            };
        };
        elements.push(element);
        next = end;
    }
    let end = next;
    let list = List { elements, end, cut };
    Ok((!list.elements.is_empty()).then_some(list))
}

/// `... 71 more items`, or `...` alone.
fn ellipsis(tokens: &[Token], at: usize) -> Option<(String, usize)> {
    let word = |at: usize| match tokens.get(at)?.kind {
        Kind::Word(word) => Some(word),
        _ => None,
    };
    word(at).filter(|word| *word == "..." || *word == "\u{2026}")?;
    match (word(at + 1), word(at + 2), word(at + 3)) {
        (Some(count), Some("more"), Some("items" | "item" | "bytes" | "byte")) => Some((
            format!("{count} more numbers are missing: the list was cut when it was printed"),
            at + 4,
        )),
        _ => Some((
            "the list was cut when it was printed: its end is missing".to_owned(),
            at + 1,
        )),
    }
}

/// A number, one with a type around it or before it, or a string.
fn element<'a>(tokens: &[Token<'a>], at: usize) -> Option<(Element<'a>, usize)> {
    let token = tokens.get(at)?;
    match token.kind {
        Kind::Text { raw, quote, .. } => {
            let line = token.line.after(token.line.text.len() - raw.len() - 1);
            Some((Element::Text { line, raw, quote }, at + 1))
        }
        Kind::Word(_) if token.is_number() => number(tokens, at),
        Kind::Sign('-') => number(tokens, at),
        // Hex letters without 0x.
        Kind::Word(word) if plain::pairs(word).is_some() => {
            let (negative, line) = (false, token.line);
            Some((Element::Number { negative, line }, at + 1))
        }
        // (byte) 0x10
        Kind::Sign('(') => {
            let end = (at + 1..at + 4).find(|end| !is_name(tokens, *end))?;
            tokens.get(end).filter(|token| end > at + 1 && token.is(')'))?;
            number(tokens, end + 1)
        }
        // byte(0x10), std::byte{0x10}
        Kind::Word(_) => {
            let sign = |at: usize| matches!(tokens.get(at), Some(token) if token.is(':'));
            let open = (at + 1..at + 8).find(|end| !(is_name(tokens, *end) || sign(*end)))?;
            tokens.get(open).filter(|token| token.is('(') || token.is('{'))?;
            let (element, end) = number(tokens, open + 1)?;
            tokens.get(end).filter(|token| token.is(')') || token.is('}'))?;
            Some((element, end + 1))
        }
        Kind::Sign(_) => None,
    }
}

fn is_name(tokens: &[Token], at: usize) -> bool {
    tokens
        .get(at)
        .is_some_and(|token| matches!(token.kind, Kind::Word(_)) && !token.is_number())
}

fn number<'a>(tokens: &[Token<'a>], at: usize) -> Option<(Element<'a>, usize)> {
    let negative = tokens.get(at)?.is('-');
    let at = at + usize::from(negative);
    let line = tokens.get(at).filter(|token| token.is_number())?.line;
    Some((Element::Number { negative, line }, at + 1))
}

/// The bytes of a list, and what else it could mean.
///
/// # Errors
/// A number is no byte.
fn bytes(elements: &[Element]) -> Result<(Vec<u8>, Option<String>), TextError> {
    // Strings of numbers, as Python's list of hex().
    let texts = elements.iter().map(|element| match element {
        Element::Text { line, raw, .. } if raw.len() > 1 => Some(Word::new(Line { text: raw, ..*line })),
        _ => None,
    });
    if let Some(Ok(numbers)) = texts.collect::<Option<Vec<Word>>>().map(|words| plain::numbers(&words)) {
        return Ok(numbers);
    }
    let lines = || {
        elements.iter().filter_map(|element| match element {
            Element::Number { negative, line } => Some((*negative, *line)),
            Element::Text { .. } => None,
        })
    };
    let is_decimal = |text: &str| plain::decimal(without_suffix(text)).is_some();
    let marked = lines().any(|(negative, line)| {
        negative || line.text.starts_with("0x") || line.text.starts_with("0X") || line.text.starts_with("0b")
    });
    let decimal = lines().all(|(_, line)| is_decimal(line.text));
    if !marked && !decimal && lines().count() == elements.len() {
        let words: Vec<Word> = lines().map(|(_, line)| Word::new(line)).collect();
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let bad = lines().find(|(_, line)| lines().all(|(_, line)| digits(line.text)) && !is_decimal(line.text));
        return plain::numbers(&words).map_err(|error| {
            bad.map_or(error, |(_, line)| {
                line.error(0, TextFault::Range(views::short(line.text)))
            })
        });
    }
    let doubtful = !marked && lines().count() > 1 && lines().all(|(_, line)| line.text.len() == 2);
    let doubt = doubtful.then(|| "read as decimal; the numbers could also be hex".to_owned());
    let mut bytes = Vec::new();
    for element in elements {
        match element {
            Element::Number { negative, line } => {
                let text = without_suffix(line.text);
                let number = byte(text, *negative);
                bytes.push(number.ok_or_else(|| line.error(0, TextFault::Range(views::short(line.text))))?);
            }
            Element::Text { line, raw, quote } => {
                let view = [Line { text: raw, ..*line }];
                match super::literal::contents(raw) {
                    Some(text) if *quote == '"' || text.len() == 1 => bytes.extend(text),
                    _ => return Err(view[0].error(0, TextFault::Range(views::short(raw)))),
                }
            }
        }
    }
    Ok((bytes, doubt))
}

/// A number without the suffix of its type: 16u8, 0x10U, 16_u8, 0x10uy.
fn without_suffix(text: &str) -> &str {
    const SUFFIXES: [&str; 9] = ["_u8", "_i8", "u8", "i8", "uy", "UL", "U", "u", "L"];
    SUFFIXES
        .iter()
        .find_map(|suffix| text.strip_suffix(suffix))
        .unwrap_or(text)
}

fn byte(text: &str, negative: bool) -> Option<u8> {
    let lower = text.to_ascii_lowercase();
    if negative {
        return plain::decimal(&format!("-{text}"));
    }
    match (lower.strip_prefix("0x"), lower.strip_prefix("0b")) {
        (Some(digits), _) => u8::from_str_radix(digits, 16).ok(),
        (_, Some(digits)) => u8::from_str_radix(digits, 2).ok(),
        // Hex letters beside numbers with 0x.
        _ => plain::decimal(&lower).or_else(|| match plain::pairs(&lower)?.as_slice() {
            [byte] => Some(*byte),
            _ => None,
        }),
    }
}
