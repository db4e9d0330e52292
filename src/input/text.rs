//! Bytes written as text, in every shape that tools print and people paste: the table of shapes and the errors. It must
//! not know MQTT.
//!
//! A shape is a function that accounts for the whole text or says no; the first one that says yes counts. It is tried
//! on the text as it stands, then without what people put around it (`views`), then without what logs put before it.

mod base64;
mod code;
mod dump;
mod frames;
mod literal;
mod numbers;
mod plain;
mod views;

use dump::Unit;
use std::fmt;
use std::time::Duration;

use views::Line;

/// Most bytes that a text may stand for: the `*` of a dump repeats what stands before it, as often as it likes.
const LIMIT: usize = 256 << 20;

/// What a text stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The shape, in words for people.
    pub shape: &'static str,
    /// What it holds.
    pub content: Content,
    /// What a reader should know when the text has another meaning, too, or is cut.
    pub note: Option<String>,
}

/// What a text holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Bytes.
    Bytes(Vec<u8>),
    /// Packets of a network, as `tcpdump -x` and `tshark -x` print them.
    Frames {
        /// The LINKTYPE_ number: 1 for Ethernet, 101 for IP packets.
        link: u16,
        /// Time since the epoch or, where the text has no date, since midnight; and the packet.
        frames: Vec<(Option<Duration>, Vec<u8>)>,
    },
    /// A followed TCP stream: what the two ends said, in order. True is the end that Wireshark calls node 1 (which did
    /// not open the connection).
    Turns(Vec<(bool, Vec<u8>)>),
}

/// The forms that a user may insist on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextForm {
    /// Any shape but base64.
    Hex,
    /// Base64 alone.
    Base64,
}

/// Why a text is not bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub fault: TextFault,
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextFault {
    /// There is nothing in it.
    Empty,
    /// A character that is neither a digit nor a separator.
    Character(char),
    /// An odd number of digits: one is missing, or one too many.
    Odd(String),
    /// A prefix as `0x` without digits.
    NoDigits(String),
    /// A number that is no byte.
    Range(String),
    /// The offset of a dump's line is not where the line before it ends.
    Offset {
        /// Where the line before it ends.
        expected: u64,
        /// What the line says.
        found: u64,
    },
    /// The line of a dump is not what the other lines are: its digits and the text beside them do not agree.
    Row,
    /// The text names a count that its bytes do not have.
    Count {
        /// What the text says.
        said: u64,
        /// What it has.
        found: usize,
    },
    /// The text stands for more bytes than any capture in text has.
    Long,
    /// Neither digit of base64, nor padding in its place.
    Base64,
}

impl TextError {
    /// That the text is of the shape whose error this is, so that no other meaning is looked for.
    const fn is_sure(&self) -> bool {
        matches!(
            self.fault,
            TextFault::Offset { .. } | TextFault::Row | TextFault::Count { .. } | TextFault::Long
        )
    }
}

impl std::error::Error for TextError {}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format!("at line {}, column {}", self.line, self.column);
        match &self.fault {
            TextFault::Empty => f.write_str("no hex digits: give the bytes of a packet, as in `c0 00`"),
            TextFault::Character(c) => write!(
                f,
                "not hex text: {c:?} {place} (nor is the whole a dump, list, string or base64 of a known shape)"
            ),
            TextFault::Odd(digits) => write!(
                f,
                "not hex text: `{digits}` {place} has an odd number of digits (a single digit needs 0x before it)"
            ),
            TextFault::NoDigits(prefix) => write!(f, "not hex text: `{prefix}` without digits {place}"),
            TextFault::Range(number) => write!(f, "not bytes: `{number}` {place} is not a number from -128 to 255"),
            TextFault::Offset { expected, found } => write!(
                f,
                "not a whole dump: the line {place} should be at offset {expected:#x} and says {found:#x}: lines are \
                 missing, or the line before it is cut"
            ),
            TextFault::Row => write!(
                f,
                "not a whole dump: the digits {place} do not agree with the offsets or with the text beside them"
            ),
            TextFault::Count { said, found } => write!(
                f,
                "not whole: the text says {said} {place}, but holds {found} bytes: something is missing or too much"
            ),
            TextFault::Long => write!(f, "the dump stands for more than {} MiB {place}", LIMIT >> 20),
            TextFault::Base64 => write!(f, "not base64 {place}"),
        }
    }
}

/// What a shape says: the content, or that the text is not of that shape; an error when it is, but is broken.
type Reading = Result<Option<Found>, TextError>;

/// What a shape found.
struct Found {
    content: Content,
    note: Option<String>,
}

impl Found {
    fn bytes(bytes: Vec<u8>) -> Option<Self> {
        Self::noted(bytes, None)
    }

    fn noted(bytes: Vec<u8>, note: Option<String>) -> Option<Self> {
        let content = Content::Bytes(bytes);
        Some(Self { content, note })
    }
}

/// A way to write bytes.
struct Shape {
    name: &'static str,
    read: fn(&[Line]) -> Reading,
    /// Shapes of one family can mean different bytes by the same text; then the text is ambiguous.
    family: Family,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Dump,
    /// Its errors say where the text stops to be hex, whatever it was meant to be.
    Plain,
    Other,
    Base64,
}

const fn shape(name: &'static str, read: fn(&[Line]) -> Reading, family: Family) -> Shape {
    Shape { name, read, family }
}

/// All shapes, from the most specific one to the least.
const SHAPES: &[Shape] = &[
    shape("followed TCP stream", frames::follow, Family::Other),
    shape("packet dump", frames::packets, Family::Other),
    shape("binary dump", |lines| dump::read(lines, Unit::Binary), Family::Dump),
    shape("hex dump", |lines| dump::read(lines, Unit::Hex), Family::Dump),
    shape(
        "hex dump of little-endian words",
        |lines| dump::read(lines, Unit::Words),
        Family::Dump,
    ),
    shape(
        "octal dump of little-endian words",
        |lines| dump::read(lines, Unit::OctalWords),
        Family::Dump,
    ),
    shape(
        "decimal dump of little-endian words",
        |lines| dump::read(lines, Unit::DecimalWords),
        Family::Dump,
    ),
    shape(
        "octal dump of bytes",
        |lines| dump::read(lines, Unit::Octal),
        Family::Dump,
    ),
    shape(
        "decimal dump of bytes",
        |lines| dump::read(lines, Unit::Decimal),
        Family::Dump,
    ),
    shape("character dump", dump::characters, Family::Dump),
    shape("hex dump without offsets", dump::bare, Family::Other),
    shape("Node.js buffer", plain::node_buffer, Family::Plain),
    shape("string of percent codes", literal::percent, Family::Other),
    shape("string", literal::quoted, Family::Other),
    shape("bare string of escapes", literal::bare, Family::Other),
    shape("list of numbers", numbers::list, Family::Other),
    shape("hex text", plain::text, Family::Plain),
    shape("base64", base64::read, Family::Base64),
];

/// The bytes, packets or turns that a text stands for: UTF-8, UTF-16 with a byte order mark, or Latin-1.
///
/// # Errors
/// [`TextError`]: the place where it stops to make sense.
pub fn parse(text: &[u8]) -> Result<Parsed, TextError> {
    read(text, |_| true)
}

/// As [`parse`], with the form given.
///
/// # Errors
/// [`TextError`]: the place where it stops to make sense.
pub fn parse_as(text: &[u8], form: TextForm) -> Result<Parsed, TextError> {
    match form {
        TextForm::Hex => read(text, |family| family != Family::Base64),
        TextForm::Base64 => {
            let text = views::normalise(text);
            let content = Content::Bytes(base64::forced(&views::unwrapped(&views::lines(&text)))?);
            let (shape, note) = ("base64", None);
            Ok(Parsed { shape, content, note })
        }
    }
}

fn read(text: &[u8], wanted: impl Fn(Family) -> bool) -> Result<Parsed, TextError> {
    let text = views::normalise(text);
    let lines = views::lines(&text);
    if lines.iter().all(|line| line.text.trim().is_empty()) {
        return Err(views::error(1, 1, TextFault::Empty));
    }
    let mut broken = None;
    let attempt = |view: &[Line], broken: &mut Option<TextError>| {
        let mut shapes = SHAPES.iter().filter(|shape| wanted(shape.family));
        while let Some(shape) = shapes.next() {
            // The offsets of a broken dump are no bytes.
            if shape.family == Family::Plain && broken.as_ref().is_some_and(TextError::is_sure) {
                continue;
            }
            match (shape.read)(view) {
                Ok(Some(found)) if found.content != Content::Bytes(Vec::new()) => {
                    let rivals = shapes.filter(|rival| shape.family == Family::Dump && rival.family == Family::Dump);
                    return Some(finish(shape, found, rivals, view));
                }
                Err(error) if shape.family != Family::Plain => {
                    let better = broken.as_ref().is_none_or(|old| old.fault == TextFault::Row);
                    *broken = if better { Some(error) } else { broken.take() };
                }
                _ => {}
            }
        }
        None
    };
    if let Some(parsed) = attempt(&lines, &mut broken) {
        return Ok(parsed);
    }
    let unwrapped = views::unwrapped(&lines);
    if let Some(parsed) = (unwrapped != lines).then(|| attempt(&unwrapped, &mut broken)).flatten() {
        return Ok(parsed);
    }
    if let Some(error) = broken.take_if(|error| error.is_sure()) {
        return Err(error);
    }
    for nth in 0..views::LABELS {
        let Some((view, note)) = views::without_labels(&unwrapped, nth) else {
            continue;
        };
        if let Some(mut parsed) = attempt(&view, &mut broken) {
            parsed.note = parsed.note.or(note);
            return Ok(parsed);
        }
    }
    let plain = || plain::text(&unwrapped).err();
    Err(broken
        .or_else(plain)
        .unwrap_or_else(|| views::first_character(&unwrapped)))
}

/// The reading of a shape, with a note if a rival reads other bytes. Bytes that are a whole network packet are one.
fn finish<'a>(shape: &Shape, found: Found, rivals: impl Iterator<Item = &'a Shape>, view: &[Line]) -> Parsed {
    let mut note = found.note;
    for rival in rivals {
        if let Ok(Some(other)) = (rival.read)(view) {
            if other.content != found.content && note.is_none() {
                note = Some(format!("read as {}; it could also be {}", shape.name, rival.name));
            }
        }
    }
    let content = match found.content {
        Content::Bytes(bytes) => match frames::link(&bytes) {
            Some(link) => Content::Frames {
                link,
                frames: vec![(None, bytes)],
            },
            None => Content::Bytes(bytes),
        },
        content => content,
    };
    let shape = shape.name;
    Parsed { shape, content, note }
}
