//! Dumps with an offset on each line: xxd, hexdump, od, Wireshark, gdb, windbg, Format-Hex, Netty and their relatives.
//! Offsets say how many bytes a line has; where they do not, the text beside the digits must agree with them. It must
//! not know what the bytes are.

mod cells;

use super::views::{self, Line};
use super::{Found, LIMIT, Reading, TextError, TextFault};
use cells::Cells;
pub(super) use cells::Unit;

/// A dump as lines: what stands before it, its rows, and the offset of its end where one is printed.
#[derive(Default)]
pub(super) struct Block<'a> {
    pub(super) titles: Vec<Line<'a>>,
    rows: Vec<Row<'a>>,
}

#[derive(Clone, Copy)]
struct Row<'a> {
    offset: u64,
    /// A colon or bars say that the first number is an offset.
    marked: bool,
    /// Rows that equal the one before, left out before this one.
    squeezed: bool,
    /// Digits of the offset.
    digits: usize,
    /// What follows the offset, blank for the end.
    rest: Line<'a>,
}

impl Row<'_> {
    fn is_end(&self) -> bool {
        self.rest.is_blank()
    }
}

pub(super) fn characters(lines: &[Line]) -> Reading {
    // Only if need be with spaces at the ends of rows cut off.
    match read(lines, Unit::Characters { trimmed: false }) {
        Ok(Some(found)) => Ok(Some(found)),
        _ => read(lines, Unit::Characters { trimmed: true }),
    }
}

/// Rows without offsets, with the text beside all of them: Zephyr, and dumps whose offsets were cut off.
pub(super) fn bare(lines: &[Line]) -> Reading {
    let mut bytes = Vec::new();
    let like = Cells {
        text: true,
        ..Cells::default()
    };
    for line in views::full(lines) {
        match cells::read(line.text, Unit::Hex, None, Some(&like)) {
            Some(cells) if cells.text && !cells.bytes.is_empty() => bytes.extend(cells.bytes),
            _ => return Ok(None),
        }
    }
    Ok(Found::bytes(bytes))
}

/// One dump in the unit, whatever its offsets are written in: `od` prints octal ones, of seven digits.
pub(super) fn read(lines: &[Line], unit: Unit) -> Reading {
    let mut broken = None;
    let mut found: Option<(Found, &str)> = None;
    let seven = lines
        .iter()
        .find_map(|line| row(*line, 16))
        .is_some_and(|row| row.digits == 7 && !row.marked);
    let octal = seven && unit != Unit::Words;
    let (hex, od) = ((16, "hex"), (8, "octal"));
    let [first, second] = if octal { [od, hex] } else { [hex, od] };
    for (radix, name) in [first, second, (10, "decimal")] {
        if radix == 8 && !seven {
            continue;
        }
        // Only `od -A d` prints decimal offsets, and they have seven digits, too.
        if radix == 10 && found.as_ref().is_some_and(|(_, name)| !seven || *name == "octal") {
            break;
        }
        let Some(blocks) = blocks(lines, radix) else { continue };
        let [block] = blocks.as_slice() else { continue };
        if !block.titles.iter().all(is_header) {
            continue;
        }
        match (block.read(unit), &mut found) {
            (Ok(Some(other)), Some((first, as_read))) if other.content != first.content => {
                first.note = Some(format!("the offsets are read as {as_read}; they could also be {name}"));
            }
            (Ok(Some(first)), None) => found = Some((first, name)),
            (Ok(_), _) => {}
            (Err(error), _) => broken = broken.or(Some(error)),
        }
    }
    match (found, broken) {
        (None, Some(error)) => Err(error),
        (found, _) => Ok(found.map(|(found, _)| found)),
    }
}

/// What dumps have above their rows: names, and the numbers of the columns.
fn is_header(line: &Line) -> bool {
    const WORDS: [&str; 6] = ["path:", "label:", "offset", "------", "length:", "address"];
    // The command line that printed it.
    const COMMANDS: [&str; 4] = ["xxd", "hexdump", "od", "format-hex"];
    let text = line.text.trim().trim_matches('|').trim_start().to_ascii_lowercase();
    let mut columns = (0..).zip(text.split_whitespace());
    WORDS.iter().any(|word| text.starts_with(word))
        || is_border(line.text)
        || text.split_whitespace().skip(1).any(|word| COMMANDS.contains(&word))
        || columns.all(|(index, word)| u64::from_str_radix(word, 16) == Ok(index))
}

fn is_border(text: &str) -> bool {
    let line = |c: char| matches!(c, '+' | '-' | '\u{2500}'..='\u{257f}');
    let text = text.trim();
    text.chars().count() > 8 && text.chars().all(line)
}

/// The text as dumps, each of which starts below other text or with offset 0. `None` when there is no row.
pub(super) fn blocks<'a>(lines: &[Line<'a>], radix: u32) -> Option<Vec<Block<'a>>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut squeezed = false;
    for line in lines {
        let text = line.text.trim();
        if text.is_empty() || (is_border(text) && !blocks.is_empty()) {
            continue;
        }
        if text == "*" {
            squeezed = true;
            continue;
        }
        let row = row(*line, radix).map(|row| Row { squeezed, ..row });
        squeezed = false;
        let current = blocks.last_mut().filter(|block| match &row {
            // A title, then rows; a title behind rows, or offset 0 behind rows, begins another dump.
            None => block.rows.is_empty(),
            Some(row) => block
                .rows
                .last()
                .is_none_or(|last| row.offset != 0 || last.offset == 0 && last.is_end()),
        });
        let block = match current {
            Some(block) => block,
            None => {
                blocks.push(Block::default());
                blocks.last_mut()?
            }
        };
        match row {
            Some(row) => block.rows.push(row),
            // `tshark -V` prints what it knows of a packet above its bytes; nobody prints more.
            None if block.titles.len() > 1000 => return None,
            None => block.titles.push(*line),
        }
    }
    let any = blocks.iter().any(|block| !block.rows.is_empty());
    (any && !squeezed).then_some(blocks)
}

/// Offset and the rest of a line.
fn row<'a>(line: Line<'a>, radix: u32) -> Option<Row<'a>> {
    let line = line.after(line.indent());
    let barred = line.text.starts_with('|');
    let start = if barred { line.after(1) } else { line };
    let digits = start.text.strip_prefix("0x").or_else(|| start.text.strip_prefix("0X"));
    let prefixed = digits.is_some();
    let digits = digits.unwrap_or(start.text);
    let length = digits
        .find(|c: char| !(c.is_digit(radix) || c == '`'))
        .unwrap_or(digits.len());
    let offset = u64::from_str_radix(&digits.get(..length)?.replace('`', ""), radix).ok()?;
    let mut rest = start.after(start.text.len() - digits.len() + length);
    // gdb: 0x55555 <buffer+8>:
    let symbol = rest
        .text
        .strip_prefix(" <")
        .filter(|_| prefixed)
        .and_then(|rest| rest.find('>'));
    if let Some(end) = symbol {
        rest = rest.after(end + 3);
    }
    let marked = rest.text.starts_with([':', '|']) || barred || digits.get(..length)?.contains('`');
    // 0x10 0x13: the first of the numbers, not an offset.
    if prefixed && !marked && rest.text.trim_start().starts_with("0x") {
        return None;
    }
    rest = rest.after(usize::from(rest.text.starts_with([':', '|'])));
    let wide = length >= if marked { 2 } else { 4 };
    let ends = rest.text.is_empty() || rest.text.starts_with([' ', '\t']);
    (wide && ends).then_some(Row {
        offset,
        marked,
        squeezed: false,
        digits: length,
        rest,
    })
}

impl Block<'_> {
    /// Offset of the first row.
    pub(super) fn start(&self) -> Option<u64> {
        self.rows.first().map(|row| row.offset)
    }

    /// The bytes of the dump, or `None` if it is none in this unit.
    ///
    /// # Errors
    /// It is one, but something is missing.
    pub(super) fn read(&self, unit: Unit) -> Reading {
        let mut bytes: Vec<u8> = Vec::new();
        let mut like: Option<Cells> = None;
        let mut last = 0..0;
        let mut note = None;
        let count = self.rows.len() - usize::from(self.rows.last().is_some_and(Row::is_end));
        if count == 0 || self.rows.iter().take(count).any(Row::is_end) {
            return Ok(None);
        }
        for (index, row) in self.rows.iter().enumerate() {
            if row.squeezed && !self.repeat(&mut bytes, last.clone(), row)? {
                return Ok(None);
            }
            let next = self.rows.get(index + 1);
            let length = match next {
                Some(next) if !next.squeezed => match next.offset.checked_sub(row.offset) {
                    Some(length) => usize::try_from(length).ok(),
                    None => return Ok(None),
                },
                Some(_) => (!last.is_empty()).then_some(last.len()),
                None => None,
            };
            if row.is_end() {
                break;
            }
            let end = next.is_none_or(Row::is_end);
            let cells = cells::read(row.rest.text, unit, length, like.as_ref());
            let Some(mut cells) = cells.filter(|cells| !cells.padded || end) else {
                return self.fault(index, unit, like.is_some_and(|like| like.text));
            };
            // Words without a mark or a text beside them would be in another order.
            if cells.grouped && !row.marked && !cells.text && unit == Unit::Hex {
                return Ok(None);
            }
            if cells.open_word && next.is_none() {
                note = Some("the last byte may be padding: the dump does not say where it ends".to_owned());
            }
            last = bytes.len()..bytes.len() + cells.bytes.len();
            bytes.append(&mut cells.bytes);
            like.get_or_insert(cells);
        }
        let text = like.is_some_and(|like| like.text);
        if !text && !self.is_plain(unit) {
            return Ok(None);
        }
        Ok(Found::noted(bytes, note.or_else(|| self.doubt(text))))
    }

    /// That the first numbers of the lines are offsets at all.
    fn is_plain(&self, unit: Unit) -> bool {
        let [row] = self.rows.as_slice() else { return true };
        let gap = row.rest.text.starts_with("  ") || row.rest.text.starts_with('\t');
        row.offset == 0 || row.marked || (gap && unit == Unit::Hex && !row.rest.text.trim().contains("  "))
    }

    /// The note that a single number with bytes behind it need not be an offset.
    fn doubt(&self, text: bool) -> Option<String> {
        let [row] = self.rows.as_slice() else { return None };
        let gap = row.rest.text.starts_with("  ") || row.rest.text.starts_with('\t');
        (!row.marked && !text && !gap).then(|| "the first number is taken for an offset, not for bytes".to_owned())
    }

    /// Repeats the last row up to the offset of this one; false when that is not a number of whole rows.
    fn repeat(&self, bytes: &mut Vec<u8>, last: std::ops::Range<usize>, row: &Row) -> Result<bool, TextError> {
        let start = self.rows.first().map_or(0, |row| row.offset);
        let wanted = row.offset.checked_sub(start).and_then(|end| usize::try_from(end).ok());
        let Some(missing) = wanted.and_then(|end| end.checked_sub(bytes.len())) else {
            return Ok(false);
        };
        if missing > LIMIT.saturating_sub(bytes.len()) {
            return Err(row.rest.error(0, TextFault::Long));
        }
        if last.is_empty() || (missing % last.len() != 0 && !row.is_end()) {
            return Ok(false);
        }
        let one = bytes.get(last).unwrap_or_default().to_vec();
        bytes.extend(one.iter().cycle().take(missing));
        Ok(true)
    }

    /// Why the row at `index` does not fit: an error when it is a row all the same and the dump is sure to be one.
    fn fault(&self, index: usize, unit: Unit, text: bool) -> Reading {
        let (Some(row), Some(first)) = (self.rows.get(index), self.rows.first()) else {
            return Ok(None);
        };
        let spaced = first.offset == 0 && first.rest.text.starts_with("  ");
        let sure = first.marked || text || spaced || (first.offset == 0 && index > 0);
        // Another unit may fit where not even the first row is one of this.
        let fits = unit == Unit::Hex || cells::read(first.rest.text, unit, None, None).is_some();
        if !sure || !fits || self.rows.len() < 2 {
            return Ok(None);
        }
        let next = self.rows.get(index + 1);
        let alone = cells::read(row.rest.text, unit, None, None);
        Err(match (alone, next) {
            (Some(cells), Some(next)) if text == cells.text || index == 0 => {
                let expected = row.offset.saturating_add(cells.bytes.len() as u64);
                let found = next.offset;
                let fault = if next.is_end() && expected == found {
                    TextFault::Row
                } else {
                    TextFault::Offset { expected, found }
                };
                views::error(next.rest.number, 1, fault)
            }
            _ => row.rest.error(row.rest.indent(), TextFault::Row),
        })
    }
}
