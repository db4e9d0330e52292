//! One row of a dump behind its offset: cells of digits, and perhaps the same bytes as characters beside them. It must
//! not know offsets.

/// What a cell stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input::text) enum Unit {
    /// Bytes in hex, one or more to a cell, in order.
    Hex,
    /// Words of two or more bytes in hex, the last byte first.
    Words,
    /// Words of two bytes in octal, the last byte first.
    OctalWords,
    /// The same in decimal, five digits.
    DecimalWords,
    /// A byte in octal, three digits.
    Octal,
    /// A byte in decimal, perhaps negative.
    Decimal,
    /// A byte in binary, eight digits.
    Binary,
    /// A character, an escape or three octal digits, four columns wide.
    Characters {
        /// Spaces at the ends of rows may be cut off.
        trimmed: bool,
    },
}

/// The cells of a row.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cells {
    pub(super) bytes: Vec<u8>,
    /// The bytes stand beside as characters.
    pub(super) text: bool,
    /// More than one byte to a cell.
    pub(super) grouped: bool,
    /// The last word had a byte of padding, cut off.
    pub(super) padded: bool,
    /// The last word has a high byte of zero, which may be padding.
    pub(super) open_word: bool,
    /// Digits of a whole cell, as the first one has them.
    pub(super) width: Option<usize>,
}

/// No tool prints wider rows; what is wider is no row.
const WIDEST: usize = 256;

/// The bytes of a row: as many as `length` says, or as many as the text beside them agrees with, or all. What an earlier
/// row was like tells whether there is text, and how wide a cell is.
pub(super) fn read(row: &str, unit: Unit, length: Option<usize>, like: Option<&Cells>) -> Option<Cells> {
    let text = like.map(|like| like.text);
    if length.is_some_and(|length| length > WIDEST || length == 0) {
        return None;
    }
    if let Unit::Characters { trimmed } = unit {
        return characters(row, length, trimmed);
    }
    let row = row.trim_end();
    let mut found = None;
    let mut cells = Cells::default();
    let mut width = like.and_then(|like| like.width);
    let mut at = 0;
    let mut short = false;
    let mut wide = true;
    let mut count = 0;
    loop {
        let rest = row.get(at..)?;
        let gap = rest.len() - rest.trim_start().len();
        let tail = rest.trim_start();
        // With a known length it is enough to look where the bytes end.
        let full = length.is_some_and(|length| cells.bytes.len() >= length);
        if !cells.bytes.is_empty() && (full || length.is_none()) {
            let beside = gap >= 2 || tail.starts_with(['|', '>']);
            if tail.is_empty() || (beside && text != Some(false) && beside_matches(rest, tail, &cells.bytes)) {
                let beside = !tail.is_empty();
                if beside || text != Some(true) || cells.bytes.iter().all(|byte| *byte == b' ') {
                    cells.text = beside;
                    found = Some(cells);
                }
                break;
            }
        }
        if full || cells.bytes.len() > WIDEST {
            break;
        }
        // windbg: a dash between the eighth byte and the ninth.
        let tail = tail
            .strip_prefix('-')
            .filter(|_| gap == 0 && at > 0 && unit == Unit::Hex)
            .unwrap_or(tail);
        // Bytes in hex stand closer than those in decimal, whose columns are four wide.
        wide &= count == 0 || gap > 1;
        let end = tail.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' && unit == Unit::Decimal));
        let word = tail.get(..end.unwrap_or(tail.len()))?;
        let narrow = unit == Unit::Decimal && gap + word.len() < 4;
        if short || narrow || !cell(word, unit, &mut width, &mut short, &mut cells) {
            break;
        }
        at = row.len() - tail.len() + word.len();
        count += 1;
    }
    let mut cells = found?;
    if unit == Unit::Hex && width == Some(2) && count > 1 && wide {
        return None;
    }
    // A lone cell of another width is the end of a wider word, if text beside it proves it.
    if unit == Unit::Words && !cells.text && !matches!(width, Some(4 | 8 | 16)) {
        return None;
    }
    cells.width = width;
    if let Some(length) = length {
        let extra = cells.bytes.len() - length;
        let word = match unit {
            Unit::Words => width.unwrap_or_default() / 2,
            Unit::OctalWords | Unit::DecimalWords => 2,
            _ => 1,
        };
        if extra >= word || cells.bytes.iter().skip(length).any(|byte| *byte != 0) {
            return None;
        }
        cells.padded = extra > 0;
        cells.bytes.truncate(length);
    } else {
        let pair = matches!(
            (unit, width),
            (Unit::Words, Some(4)) | (Unit::OctalWords | Unit::DecimalWords, _)
        );
        cells.open_word = pair && !cells.text && cells.bytes.last() == Some(&0);
    }
    Some(cells)
}

/// Appends the bytes of a cell; false when it is none.
fn cell(word: &str, unit: Unit, width: &mut Option<usize>, short: &mut bool, cells: &mut Cells) -> bool {
    let digits = word
        .strip_prefix("0x")
        .filter(|_| matches!(unit, Unit::Hex | Unit::Words))
        .unwrap_or(word);
    let first = *width.get_or_insert(digits.len());
    let number = |radix| u64::from_str_radix(digits, radix).ok();
    match unit {
        Unit::Hex | Unit::Words => {
            let fits = match unit {
                Unit::Words => (4..=16).contains(&first),
                _ => first % 2 == 0 && (2..=2 * WIDEST).contains(&first),
            };
            if !fits || digits.len() > first || digits.len() % 2 != 0 {
                return false;
            }
            // gdb prints words with 0x; four digits behind it are in order nowhere.
            if unit == Unit::Hex && digits.len() < word.len() && digits.len() > 2 {
                return false;
            }
            let Some(bytes) = super::super::plain::pairs(digits) else {
                return false;
            };
            cells.grouped |= bytes.len() > 1;
            *short = digits.len() < first;
            match unit {
                Unit::Words => cells.bytes.extend(bytes.iter().rev()),
                _ => cells.bytes.extend(bytes),
            }
            !digits.is_empty()
        }
        Unit::OctalWords | Unit::DecimalWords => {
            let (radix, length) = if unit == Unit::OctalWords { (8, 6) } else { (10, 5) };
            let word = number(radix).filter(|_| digits.len() == length);
            let word = word.and_then(|word| u16::try_from(word).ok());
            cells.bytes.extend(word.iter().flat_map(|word| word.to_le_bytes()));
            word.is_some()
        }
        Unit::Octal | Unit::Binary => {
            let (radix, length) = if unit == Unit::Octal { (8, 3) } else { (2, 8) };
            let byte = number(radix)
                .filter(|_| digits.len() == length)
                .and_then(|byte| u8::try_from(byte).ok());
            cells.bytes.extend(byte);
            byte.is_some()
        }
        Unit::Decimal => {
            let byte = super::super::plain::decimal(digits);
            cells.bytes.extend(byte);
            byte.is_some()
        }
        Unit::Characters { .. } => false,
    }
}

/// Whether the text beside the digits is what the bytes look like; with bars or arrows around it, or without.
fn beside_matches(rest: &str, tail: &str, bytes: &[u8]) -> bool {
    let tail = tail.trim_end();
    let inner = [('|', '|'), ('>', '<')].iter().find_map(|(open, close)| {
        let inner = tail.strip_prefix(*open)?;
        Some(inner.strip_suffix(*close).unwrap_or(inner))
    });
    inner.is_some_and(|inner| looks_like(inner, 0, bytes)) || {
        let start = rest.len() - rest.trim_start().len();
        let blank = bytes.iter().take_while(|byte| **byte == b' ').count();
        (0..=blank.min(start)).any(|before| looks_like(rest, start - before, bytes))
    }
}

/// Whether the characters from `start` on are those of the bytes; spaces at the end may be missing.
fn looks_like(text: &str, start: usize, bytes: &[u8]) -> bool {
    let Some(text) = text.get(start..) else { return false };
    let mut chars = text.chars().filter(|c| *c != '\u{250a}');
    let same = |byte: &u8| match chars.next() {
        Some(c) if byte.is_ascii_graphic() => c == char::from(*byte),
        Some(' ') => byte.is_ascii_whitespace(),
        Some(c) => !c.is_ascii_graphic() || c == '.',
        None => byte.is_ascii_whitespace(),
    };
    bytes.iter().all(same) && chars.all(char::is_whitespace)
}

/// Cells of four columns: ` 020`, `  \0`, `   M`, and a space for itself.
fn characters(row: &str, length: Option<usize>, trimmed: bool) -> Option<Cells> {
    let chars: Vec<char> = row.trim_end().chars().collect();
    let count = length.unwrap_or_else(|| chars.len().div_ceil(4));
    let cut = row.len() < 4 * count && !trimmed;
    if chars.len() > 4 * count || count > WIDEST || cut || chars.iter().step_by(4).any(|c| *c != ' ') {
        return None;
    }
    let mut bytes = Vec::with_capacity(count);
    for index in 0..count {
        let cell: String = chars.iter().skip(4 * index).take(4).collect();
        bytes.push(match cell.trim_start() {
            "" => b' ',
            r"\0" => 0,
            r"\a" => 7,
            r"\b" => 8,
            r"\t" => 9,
            r"\n" => 10,
            r"\v" => 11,
            r"\f" => 12,
            r"\r" => 13,
            octal if octal.len() == 3 => u8::from_str_radix(octal, 8).ok()?,
            one if one.len() == 1 => *one.as_bytes().first()?,
            _ => return None,
        });
    }
    Some(Cells {
        bytes,
        ..Cells::default()
    })
}
