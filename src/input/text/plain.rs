//! Numbers without brackets: `c0 00`, `c000`, `0xc0 0x0`, `192 0`, `11000000 00000000`, with separators and comments
//! between them. It must not know what they mean.

use super::views::{self, Line, short};
use super::{Found, Reading, TextError, TextFault};
use crate::protocol::frame;

/// A number with its place.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    /// The line from the word on; its text is the word.
    pub(super) line: Line<'a>,
    /// Digits without prefix and suffix.
    digits: &'a str,
    /// A prefix or suffix says that it is hex.
    hex: bool,
}

/// Node's `<Buffer c0 00>`, which ends with `... 71 more bytes` when it is cut.
pub(super) fn node_buffer(lines: &[Line]) -> Reading {
    let mut view: Vec<Line> = views::full(lines).collect();
    let Some(first) = view.first_mut() else { return Ok(None) };
    let start = first.indent();
    let Some(rest) = first.text.trim_start().strip_prefix('<') else {
        return Ok(None);
    };
    let named = rest
        .strip_prefix("Buffer")
        .or_else(|| rest.strip_prefix("SlowBuffer"))
        .unwrap_or(rest);
    *first = first.after(start + 1 + rest.len() - named.len());
    let Some(last) = view.last_mut() else { return Ok(None) };
    let Some(text) = last.text.trim_end().trim_end_matches([',', ';']).strip_suffix('>') else {
        return Ok(None);
    };
    last.text = text;
    let mut note = None;
    if let Some((text, more)) = text.rsplit_once("... ") {
        let Some(count) = more
            .strip_suffix(" more bytes")
            .or_else(|| more.strip_suffix(" more byte"))
        else {
            return Ok(None);
        };
        last.text = text;
        note = Some(format!(
            "{count} more bytes are missing: Node.js prints the first 50 only"
        ));
    }
    let Some(found) = self::text(&view)? else {
        return Ok(None);
    };
    Ok(Some(Found { note, ..found }))
}

/// Numbers, in hex unless they can only be something else.
///
/// # Errors
/// The first place that makes no sense as hex.
pub(super) fn text(lines: &[Line]) -> Reading {
    let mut note = None;
    let words = words(lines, &mut note)?;
    if words.is_empty() {
        return Ok(None);
    }
    let (bytes, doubt) = numbers(&words)?;
    if let [word] = words.as_slice() {
        // Longer texts of base64 without any letter from g to z do not happen.
        let short = !word.hex && word.digits.len() <= 16;
        let base64 = crate::base64::decode(word.digits.as_bytes()).ok();
        if base64.is_some_and(|other| short && (framed(&other) || !framed(&bytes))) {
            note = Some("it is valid base64, too".to_owned());
        }
    }
    Ok(Found::noted(bytes, note.or(doubt)))
}

/// Whether the bytes are packets from the first to the last, as far as their fixed headers say.
fn framed(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Ok(Some(extent)) = frame::extent(rest) {
        match rest.get(extent.total()..) {
            Some(tail) => rest = tail,
            None => return false,
        }
    }
    rest.is_empty()
}

/// The bytes that the numbers stand for, and what else they could be.
///
/// # Errors
/// The first one that makes no sense as hex.
pub(super) fn numbers(words: &[Word]) -> Result<(Vec<u8>, Option<String>), TextError> {
    let none_hex = words.iter().all(|word| !word.hex);
    let all = |test: fn(&str) -> bool| none_hex && words.iter().all(|word| test(word.digits));
    let several = words.len() > 1 || words.iter().any(|word| word.digits.starts_with("0b"));
    if several && all(|digits| bits(digits).is_some()) {
        let bytes = words.iter().filter_map(|word| bits(word.digits)).collect();
        return Ok((bytes, Some("read as binary digits; they could also be hex".to_owned())));
    }
    let decimal = || {
        words
            .iter()
            .map(|word| decimal(word.digits))
            .collect::<Option<Vec<u8>>>()
    };
    let number = |digits: &str| digits.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
    if none_hex && words.len() > 1 && words.iter().any(|word| word.digits.starts_with('-')) && all(number) {
        let bad = words.iter().find(|word| self::decimal(word.digits).is_none());
        return match bad {
            Some(word) => Err(word.error(TextFault::Range(short(word.digits)))),
            None => Ok((decimal().unwrap_or_default(), None)),
        };
    }
    let bare = |word: &&Word| !word.hex;
    let loose = words.len() > 1
        && words
            .iter()
            .filter(bare)
            .all(|word| word.digits.len() <= 2 && word.digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    // `4 4D`: a print without leading zeros has none anywhere.
    let loose = loose
        && none_hex
        && !words
            .iter()
            .any(|word| word.digits.len() == 2 && word.digits.starts_with('0'));
    let as_decimal = if none_hex && words.len() > 1 { decimal() } else { None };
    match hex(words, loose) {
        Ok(bytes) => {
            let digits = |word: &&Word| word.digits.bytes().all(|byte| byte.is_ascii_digit());
            let doubt = if as_decimal.is_some() {
                Some("read as hex; the numbers could also be decimal".to_owned())
            } else {
                let mut unmarked = words.iter().filter(|word| !none_hex && !word.hex).filter(digits);
                unmarked
                    .next()
                    .map(|word| format!("`{}` is read as hex as those with 0x are", short(word.digits)))
            };
            Ok((bytes, doubt))
        }
        Err(error) => as_decimal.map(|bytes| (bytes, None)).ok_or(error),
    }
}

/// The bytes of pairs of hex digits; `None` if a digit is none, or one is missing.
pub(super) fn pairs(digits: &str) -> Option<Vec<u8>> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

/// A decimal number from -128 to 255 without leading zeros.
pub(super) fn decimal(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if (digits.len() > 1 && digits.starts_with('0')) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i16 = text.parse().ok().filter(|number| (-128..=255).contains(number))?;
    u8::try_from(number & 0xff).ok()
}

/// Eight binary digits, perhaps with `0b`.
fn bits(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("0b").unwrap_or(text);
    let binary = digits.len() == 8 && digits.bytes().all(|byte| matches!(byte, b'0' | b'1'));
    binary.then(|| u8::from_str_radix(digits, 2).ok()).flatten()
}

impl<'a> Word<'a> {
    /// A number as it stands at the start of a line, the rest of which does not count.
    pub(super) fn new(line: Line<'a>) -> Self {
        let text = line.text;
        let prefix = ["0x", "0X", "&h", "&H", "$"]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix));
        let suffix = text
            .strip_suffix(['h', 'H'])
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        // Assemblers want a digit first: 0C0h.
        let suffix = suffix.map(|digits| {
            digits
                .strip_prefix('0')
                .filter(|rest| rest.len() == 2)
                .unwrap_or(digits)
        });
        let hex = prefix.or_else(|| suffix.filter(|digits| !digits.is_empty()));
        Self {
            line,
            digits: hex.unwrap_or(text),
            hex: hex.is_some(),
        }
    }

    fn error(&self, fault: TextFault) -> TextError {
        self.line.error(0, fault)
    }
}

fn hex(words: &[Word], loose: bool) -> Result<Vec<u8>, TextError> {
    let mut bytes = Vec::new();
    for word in words {
        let start = word.line.text.len() - word.digits.len();
        let start = if word.line.text.ends_with(['h', 'H']) { 0 } else { start };
        if let Some((at, c)) = word.digits.char_indices().find(|(_, c)| !c.is_ascii_hexdigit()) {
            return Err(word.line.error(start + at, TextFault::Character(c)));
        }
        if word.digits.is_empty() {
            return Err(word.error(TextFault::NoDigits(word.line.text.to_owned())));
        }
        if word.digits.len() == 1 && (word.hex || loose) {
            bytes.extend(u8::from_str_radix(word.digits, 16));
        } else {
            let pairs = pairs(word.digits).ok_or_else(|| word.error(TextFault::Odd(short(word.line.text))))?;
            bytes.extend(pairs);
        }
    }
    Ok(bytes)
}

/// The words of the text, without comments.
fn words<'a>(lines: &[Line<'a>], note: &mut Option<String>) -> Result<Vec<Word<'a>>, TextError> {
    let (mut parts, mut block) = (Vec::with_capacity(lines.len()), false);
    for line in lines {
        without_comments(*line, &mut block, &mut parts);
    }
    // A semicolon separates unless something else stands behind one; then it starts a comment everywhere.
    let behind = || parts.iter().filter_map(|part| Some(part.text.split_once(';')?.1));
    let is_data = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit() || c == 'x' || separates(c));
    if !behind().all(is_data) {
        if behind().any(|text| is_data(text) && !text.trim().is_empty()) {
            *note = Some("what stands behind `;` is taken for a comment".to_owned());
        }
        for part in &mut parts {
            part.text = part.text.split(';').next().unwrap_or_default();
        }
    }
    let mut words = Vec::new();
    let mut gaps = Gaps::default();
    for part in &parts {
        split(*part, &mut words, &mut gaps);
    }
    if let (Some((line, at)), true) = (gaps.label, gaps.blank || words.len() < 3) {
        return Err(line.error(at, TextFault::Character(':')));
    }
    Ok(words)
}

/// What stands between the words of the lines.
#[derive(Default)]
struct Gaps<'a> {
    /// Only white space, somewhere.
    blank: bool,
    /// A colon and white space, as behind a label, or a time: where the first one is.
    label: Option<(Line<'a>, usize)>,
}

fn separates(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ':' | ';' | '-' | '|' | '_')
}

/// The parts of a line that are no comment.
fn without_comments<'a>(mut line: Line<'a>, block: &mut bool, parts: &mut Vec<Line<'a>>) {
    loop {
        if *block {
            let Some(end) = line.text.find("*/") else { return };
            line = line.after(end + 2);
            *block = false;
        }
        let pairs = line.text.bytes().zip(line.text.bytes().skip(1).chain([0]));
        let mut comments = pairs.enumerate().filter_map(|(at, pair)| match pair {
            (b'#', _) | (b'/', b'/') => Some((at, false)),
            (b'/', b'*') => Some((at, true)),
            _ => None,
        });
        let Some((at, opens)) = comments.next() else {
            parts.push(line);
            return;
        };
        let text = line.text.get(..at).unwrap_or_default();
        parts.push(Line { text, ..line });
        if !opens {
            return;
        }
        *block = true;
        line = line.after(at + 2);
    }
}

/// Appends the words of a part of a line.
fn split<'a>(part: Line<'a>, words: &mut Vec<Word<'a>>, gaps: &mut Gaps<'a>) {
    // A backslash at the end continues the line, in C and in shells.
    let text = part.text.trim_end();
    let text = text.strip_suffix('\\').unwrap_or(text);
    let mut rest = part;
    let mut at = 0;
    let mut first = true;
    loop {
        let tail = text.get(at..).unwrap_or_default();
        // A minus sign stands behind white space or a comma, and before a digit.
        let sign = |index: usize| {
            let before = text.get(..at + index).and_then(|text| text.chars().next_back());
            let after = text.get(at + index + 1..).and_then(|text| text.chars().next());
            text.get(at + index..).is_some_and(|text| text.starts_with('-'))
                && before.is_none_or(|c| c.is_whitespace() || c == ',')
                && after.is_some_and(|c| c.is_ascii_digit())
        };
        let start = tail.char_indices().find(|(index, c)| !separates(*c) || sign(*index));
        let Some((gap, c)) = start else { break };
        if !first {
            let between = tail.get(..gap).unwrap_or_default();
            gaps.blank |= between.trim().is_empty();
            if between.starts_with(':') && between.trim_start_matches(':').starts_with(char::is_whitespace) {
                gaps.label.get_or_insert((part, at));
            }
        }
        let body = gap + c.len_utf8();
        let end = tail
            .get(body..)
            .and_then(|tail| tail.find(separates))
            .map_or(tail.len(), |end| body + end);
        rest = rest.after(gap);
        let word = tail.get(gap..end).unwrap_or_default();
        words.push(Word::new(Line { text: word, ..rest }));
        rest = rest.after(word.len());
        at += gap + word.len();
        first = false;
    }
    if is_timed(text) {
        let colon = text.find(':').unwrap_or_default();
        gaps.label.get_or_insert((part, colon));
    }
}

/// `12:00:01 10 13`: a time before bytes.
fn is_timed(text: &str) -> bool {
    let Some((time, rest)) = text.trim().split_once(char::is_whitespace) else {
        return false;
    };
    let numbers = time
        .split(':')
        .filter(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()));
    time.len() == 8 && numbers.count() == 3 && !rest.contains(':')
}
