//! The text itself: encodings, lines with their places, and the wrappings that are no part of what is printed: Markdown
//! fences, quoted mail, tags, prefixes of logs. It must not know the shapes.

use super::{TextError, TextFault};

/// So many labels before the bytes of a line are tried.
pub(super) const LABELS: usize = 4;

/// A line, or what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Number in the text, from 1.
    pub(super) number: usize,
    /// Column of the first character, from 1.
    pub(super) column: usize,
    pub(super) text: &'a str,
}

impl<'a> Line<'a> {
    /// The line without its first bytes.
    pub(super) fn after(self, bytes: usize) -> Self {
        let (gone, text) = self.text.split_at_checked(bytes).unwrap_or((self.text, ""));
        let column = self.column + gone.chars().count();
        Self { column, text, ..self }
    }

    pub(super) fn is_blank(self) -> bool {
        self.text.trim().is_empty()
    }

    /// White space at its start, in bytes.
    pub(super) fn indent(self) -> usize {
        self.text.len() - self.text.trim_start().len()
    }

    fn trimmed(self) -> Self {
        let line = self.after(self.indent());
        let text = line.text.trim_end();
        Self { text, ..line }
    }

    /// An error at a byte of the line.
    pub(super) fn error(self, at: usize, fault: TextFault) -> TextError {
        error(self.number, self.after(at).column, fault)
    }
}

pub(super) fn error(line: usize, column: usize, fault: TextFault) -> TextError {
    TextError { line, column, fault }
}

/// The lines that are not blank.
pub(super) fn full<'t, 'a>(lines: &'t [Line<'a>]) -> impl Iterator<Item = Line<'a>> + use<'t, 'a> {
    lines.iter().filter(|line| !line.is_blank()).copied()
}

/// The beginning of a text, to be shown in an error.
pub(super) fn short(text: &str) -> String {
    text.chars().take(20).collect()
}

/// The first character that is no white space, as what makes no sense.
pub(super) fn first_character(lines: &[Line]) -> TextError {
    let first = full(lines).next().map(Line::trimmed);
    match first.and_then(|line| Some((line, line.text.chars().next()?))) {
        Some((line, c)) => line.error(0, TextFault::Character(c)),
        None => error(1, 1, TextFault::Empty),
    }
}

/// The characters of the text; every kind of space, quote and dash as its plain one, without colours.
pub(super) fn normalise(text: &[u8]) -> String {
    let text = characters(text);
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => plain.push('\n'),
            '\n' | '\t' => plain.push(c),
            // A colour of a terminal: ESC [ numbers letter.
            '\u{1b}' if chars.peek() == Some(&'[') => {
                chars.next();
                while chars.next_if(|c| c.is_ascii_digit() || *c == ';').is_some() {}
                chars.next_if(char::is_ascii_alphabetic);
            }
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => {}
            '\u{201c}' | '\u{201d}' => plain.push('"'),
            '\u{2018}' | '\u{2019}' => plain.push('\''),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => plain.push('-'),
            '\u{2502}' => plain.push('|'),
            c if c.is_whitespace() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

fn characters(text: &[u8]) -> String {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let pairs = bytes.chunks(2);
        let units = pairs.filter_map(|pair| pair.try_into().ok().map(unit));
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    match text {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => {
            let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            std::str::from_utf8(text).map_or_else(|_| text.iter().copied().map(char::from).collect(), str::to_owned)
        }
    }
}

pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let numbered = (1..).zip(text.lines());
    let line = |(number, text)| Line {
        number,
        column: 1,
        text,
    };
    numbered.map(line).collect()
}

/// Without Markdown fences, quotation marks of mail, and tags around a line.
pub(super) fn unwrapped<'a>(lines: &[Line<'a>]) -> Vec<Line<'a>> {
    let quoted = lines.iter().all(|line| line.is_blank() || line.text.starts_with('>'));
    let unquoted = lines.iter().map(|line| {
        let marks = line.text.len() - line.text.trim_start_matches(['>', ' ']).len();
        if quoted { line.after(marks) } else { *line }
    });
    let mut open = unquoted
        .filter(|line| !line.text.trim_start().starts_with("```") && !line.text.trim_start().starts_with("~~~"))
        .map(without_tags)
        .collect::<Vec<_>>();
    // One pair of backticks around the whole.
    let full = |line: &Line| !line.is_blank();
    let first = open.iter().position(full);
    let last = open.iter().rposition(full);
    if let (Some(first), Some(last)) = (first, last) {
        let (start, end) = (open[first].trimmed(), open[last].trimmed());
        if start.text.starts_with('`') && end.text.ends_with('`') && (first < last || start.text.len() > 1) {
            open[last].text = end.text.strip_suffix('`').unwrap_or(end.text);
            open[last].column = end.column;
            let start = if first == last { open[last] } else { start };
            open[first] = start.after(1);
        }
    }
    open
}

/// A line without the tags at its ends.
fn without_tags(mut line: Line) -> Line {
    const TAGS: [&str; 8] = ["code", "pre", "p", "div", "span", "tt", "br", "samp"];
    let named = |tag: &str| {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        TAGS.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    for _ in 0..2 * TAGS.len() {
        let trimmed = line.trimmed();
        let start = trimmed.text.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let end = trimmed.text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<'));
        line = match (start, end) {
            (Some((tag, _)), _) if named(tag) => trimmed.after(tag.len() + 2),
            (_, Some((text, tag))) if named(tag) => Line { text, ..trimmed },
            _ => return line,
        };
    }
    line
}

/// Every line without its first labels: words, times, numbers in brackets. The `nth` place where data may begin counts,
/// or the last one; a line that is data alone stays. Also a note when only a time was left out. `None` when a line has
/// nothing that looks like data, or nothing changes.
pub(super) fn without_labels<'a>(lines: &[Line<'a>], nth: usize) -> Option<(Vec<Line<'a>>, Option<String>)> {
    let mut changed = false;
    let mut enough = false;
    let mut time = None;
    let mut view = Vec::with_capacity(lines.len());
    for line in lines {
        let (starts, words) = data_starts(line.text);
        enough |= starts.len() > nth;
        let start = starts.get(nth).or_else(|| starts.last()).copied();
        match start {
            None if words && !line.text.trim_end().ends_with([':', '=']) => return None,
            None if words => {
                changed = true;
                view.push(line.after(line.text.len()));
            }
            None | Some(0) => view.push(*line),
            Some(start) => {
                changed = true;
                let label = line.text.get(..start).unwrap_or_default().trim();
                if is_time(label) {
                    time.get_or_insert_with(|| format!("`{label}` before the bytes is taken for a time"));
                }
                view.push(line.after(start));
            }
        }
    }
    (changed && enough).then_some((view, time))
}

/// Where data may begin: a word that looks like it, behind one that ends a label. Also whether there are other words.
fn data_starts(text: &str) -> (Vec<usize>, bool) {
    let mut starts = Vec::new();
    let mut after_label = true;
    let mut labels = false;
    let mut at = 0;
    let mut words = text.split_inclusive(char::is_whitespace).peekable();
    while let Some(word) = words.next() {
        let bare = word.trim_end();
        // ESP-IDF: `D (1234) mqtt: `, `E (1234) mqtt: `.
        let level = bare.len() == 1 && words.peek().is_some_and(|next| next.starts_with('('));
        let data = looks_like_data(bare) && !level;
        if data && after_label {
            starts.push(at);
            // A line that begins with data has no label.
            if !labels {
                break;
            }
        }
        // `payload="\x10"`, `data=[16, 19]`: the label ends inside the word.
        let inner = bare.find('=').map(|equals| equals + 1).filter(|_| !data);
        if let Some(inner) = inner.filter(|inner| bare.get(*inner..).is_some_and(looks_like_data)) {
            starts.push(at + inner);
        }
        if !bare.is_empty() {
            // An offset is no label, but a number behind a word is part of one.
            let offset = !labels && bare.strip_suffix(':').is_some_and(is_hex);
            after_label = !data && !offset && ends_label(bare);
            labels |= !data;
        }
        if starts.len() >= LABELS {
            break;
        }
        at += word.len();
    }
    (starts, labels)
}

/// Signs that stand behind a label, times and dates, and the words that tools put before bytes without a sign.
fn ends_label(word: &str) -> bool {
    const WORDS: [&str; 14] = [
        "tx", "rx", "send", "sent", "sending", "recv", "received", "in", "out", "read", "write", "payload", "packet",
        "mqtt",
    ];
    word.ends_with([':', '=', '>', ']', ')', '|', '<', '-'])
        || is_time(word)
        || !word.contains(char::is_alphanumeric)
        || WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `14:22:33.123`, `2026-11-26 14:22:33`, `2026-11-26T14:22:33Z`.
fn is_time(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && (text.contains(':') || text.matches('-').count() == 2)
        && text.chars().all(|c| c.is_ascii_digit() || ":-+.,TZ ".contains(c))
}

fn looks_like_data(word: &str) -> bool {
    if word.starts_with(['"', '\'', '\\', '{', '%']) || word.starts_with("b\"") || word.starts_with("b'") {
        return true;
    }
    if let Some(rest) = word.strip_prefix(['[', '<']) {
        // `[16,19]` and `[16,` of a list, not `[1234]` and `[2026-11-26`.
        let inner = rest.trim_start_matches('<').trim_end_matches(['>', ']', ',', ';']);
        let closed = rest.ends_with([']', '>']);
        let number = |part: &str| part.starts_with("0x") || (part.len() <= 4 && part.parse::<i16>().is_ok());
        return inner == "Buffer" || (inner.split(',').all(number) && (!closed || inner.contains(',')));
    }
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let parts = || digits.split([',', ':', ';', '-', '|']).filter(|part| !part.is_empty());
    let count = parts().count();
    // Three numbers with colons or dashes are a time or a date.
    let time = count == 3 && !word.contains(',');
    let all = |part: &str| part.len() <= 2 || part.len() % 2 == 0 || part.bytes().all(|byte| byte.is_ascii_digit());
    let hex = |part: &str| is_hex(part) && all(part);
    let label = word.ends_with(':') && !word.starts_with("0x");
    count > 0 && !time && !label && parts().all(hex)
}
