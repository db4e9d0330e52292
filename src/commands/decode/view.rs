//! What is shown of the packets, and in which shape. It must not know where they come from.

use crate::analysis::{Analyst, Ending, Explained, Severity, Violation};
use crate::capture::{Capture, Note};
use crate::cli::Console;
use crate::commands::terminal;
use crate::exit::OutputError;
use crate::output::flow::Flow;
use crate::output::json_text;
use crate::output::packet::{Options, json, line, verbose};
use crate::output::stats::Stats;
use crate::protocol::{Packet, PacketType, Sender, Utf8, topic};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::rc::Rc;

/// The shapes of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Line,
    Verbose,
    Json,
    Flow,
    Stats { json: bool },
}

/// Which packets are shown.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) types: Vec<PacketType>,
    pub(super) topics: Vec<Utf8>,
    pub(super) client: Option<String>,
    pub(super) connection: Option<u32>,
}

impl Filter {
    fn shows(&self, explained: &Explained) -> bool {
        let kind = explained.frame.packet_type();
        (self.types.is_empty() || self.types.contains(&kind))
            && self
                .connection
                .is_none_or(|number| explained.origin.connection == Some(number))
            && self
                .client
                .as_ref()
                .is_none_or(|id| explained.client_id.as_deref() == Some(id))
            && (self.topics.is_empty() || topic_of(explained).is_some_and(|topic| self.matches(topic)))
    }

    fn matches(&self, name: &str) -> bool {
        self.topics.iter().any(|filter| topic::matches(filter, name))
    }

    /// Whole connections are of interest, not single packets.
    fn whole(&self) -> bool {
        self.types.is_empty() && self.topics.is_empty()
    }
}

/// The topic of a message or of its acknowledgement.
fn topic_of(explained: &Explained) -> Option<&str> {
    let aliased = explained.alias_topic.as_deref();
    let own = match &explained.packet {
        Ok(Packet::Publish(publish)) => Some(&*publish.topic),
        _ => None,
    };
    aliased
        .or(own)
        .or_else(|| explained.answer.as_ref().and_then(|answer| answer.topic.as_deref()))
}

/// Bytes that are gathered before they are written.
const FULL: usize = 64 * 1024;

/// Writes what was gathered to standard output.
fn flush(gathered: &mut Vec<u8>) -> Result<(), OutputError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(gathered).and_then(|()| out.flush());
    gathered.clear();
    written.map_err(OutputError)
}

fn flush_when_full(gathered: &mut Vec<u8>) -> Result<(), OutputError> {
    if gathered.len() >= FULL {
        flush(gathered)
    } else {
        Ok(())
    }
}

/// An input that writes the output before it waits for more; an error of that is an [`OutputError`] in the one it gives.
struct Flushing {
    input: Box<dyn Read>,
    output: Rc<RefCell<Vec<u8>>>,
}

impl Read for Flushing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        flush(&mut self.output.borrow_mut()).map_err(io::Error::other)?;
        self.input.read(buffer)
    }
}

/// Connections for which notes wait for the next packet.
const WAITING: usize = 1024;

/// Takes packets and shows them.
pub(super) struct View {
    shape: Shape,
    options: Options,
    filter: Filter,
    console: Console,
    /// Standard output is one.
    terminal: bool,
    /// What is written before anything is waited for.
    output: Rc<RefCell<Vec<u8>>>,
    flow: Flow,
    stats: Stats,
    /// Notes of connections, and the direction that they concern when it is one.
    notes: BTreeMap<u32, Vec<(Option<Sender>, Note)>>,
    /// Bytes that the last packet of a direction lacks, where it is cut; true for the server's.
    cut: BTreeMap<(u32, bool), u64>,
    packets: bool,
    shown: u64,
    faulty: bool,
}

impl View {
    pub(super) fn new(shape: Shape, options: Options, filter: Filter, console: Console) -> Self {
        Self {
            shape,
            options,
            filter,
            console,
            terminal: terminal::is_terminal(),
            output: Rc::default(),
            flow: Flow::new(options),
            stats: Stats::new(),
            notes: BTreeMap::new(),
            cut: BTreeMap::new(),
            packets: false,
            shown: 0,
            faulty: false,
        }
    }

    /// True when a packet that was shown breaks a rule, or the capture is damaged.
    pub(super) fn faulty(&self) -> bool {
        self.faulty
    }

    /// The same input, but what there is to show is shown before more is waited for.
    pub(super) fn flushing(&self, input: Box<dyn Read>) -> Box<dyn Read> {
        Box::new(Flushing {
            input,
            output: Rc::clone(&self.output),
        })
    }

    /// Part of the capture cannot be read.
    pub(super) fn damage(&mut self, what: &str) {
        self.faulty = true;
        self.say(&format!("the capture is damaged: {what}"));
    }

    /// True when there was a packet, shown or not.
    pub(super) fn has_packets(&self) -> bool {
        self.packets
    }

    pub(super) fn say(&self, text: &str) {
        self.console.note(text);
    }

    /// Something about a connection: it is shown with the next packet that it concerns.
    pub(super) fn note(&mut self, connection: u32, sender: Sender, note: Note) {
        let one_way = match note {
            Note::Encrypted(_) | Note::Undecryptable(_) => {
                return self.console.note(format_args!("connection #{connection}: {note}"));
            }
            Note::Missing(_) | Note::Skipped(_) | Note::BadWebSocket(_) => Some(sender),
            Note::Decrypted(_) | Note::WebSocket(_) | Note::Proxy(_) => None,
        };
        if let Note::Missing(bytes) = note {
            let lacking = self.cut.remove(&(connection, sender == Sender::Server));
            if lacking.is_some_and(|lacking| bytes <= lacking) {
                // The packet that is cut has said so.
                return;
            }
        }
        if self.notes.len() >= WAITING {
            self.notes.pop_first();
        }
        let waiting = self.notes.entry(connection).or_default();
        let before = waiting.iter_mut().rev().find(|(way, _)| *way == one_way);
        match (before, note) {
            (Some((_, Note::Missing(bytes))), Note::Missing(more)) => *bytes = bytes.saturating_add(more),
            (_, note) => waiting.push((one_way, note)),
        }
    }

    /// The notes that concern a packet, as violations of nothing.
    fn take_notes(&mut self, connection: u32, sender: Sender) -> Vec<Violation> {
        let Some(waiting) = self.notes.get_mut(&connection) else {
            return Vec::new();
        };
        let mut taken = Vec::new();
        waiting.retain(|(way, note)| {
            let concerns = way.is_none_or(|way| way == sender);
            if concerns {
                taken.push(Violation {
                    severity: Severity::Note,
                    statement: None,
                    offset: None,
                    field: None,
                    message: note.to_string(),
                });
            }
            !concerns
        });
        if waiting.is_empty() {
            self.notes.remove(&connection);
        }
        taken
    }

    pub(super) fn packet(&mut self, mut explained: Explained) -> Result<(), OutputError> {
        self.packets = true;
        if let Some(connection) = explained.origin.connection {
            let sender = explained.origin.sender;
            explained.violations.append(&mut self.take_notes(connection, sender));
            let frame = &explained.frame;
            let lacking = (frame.header_len() + frame.remaining_length()).saturating_sub(frame.bytes().len());
            if lacking > 0 && self.cut.len() < WAITING {
                self.cut.insert((connection, sender == Sender::Server), lacking as u64);
            }
        }
        if !self.filter.shows(&explained) {
            return Ok(());
        }
        self.faulty |= explained.violations.iter().any(|v| v.severity >= Severity::Protocol);
        self.shown += 1;
        let out = &mut *self.output.borrow_mut();
        match self.shape {
            Shape::Line => line::write(&explained, self.options, out),
            Shape::Verbose => {
                if self.shown > 1 {
                    out.push(b'\n');
                }
                verbose::write(&explained, self.options, out);
            }
            Shape::Json => {
                let start = out.len();
                json::write(&explained, self.options, out);
                self.dress(start, out);
            }
            Shape::Flow => self.flow.add(&explained),
            Shape::Stats { .. } => self.stats.add(&explained),
        }
        flush_when_full(out)
    }

    /// A connection ended, or the capture did.
    pub(super) fn ending(&mut self, ending: &Ending) -> Result<(), OutputError> {
        let other = self
            .filter
            .connection
            .is_some_and(|number| ending.connection != Some(number))
            || self
                .filter
                .client
                .as_ref()
                .is_some_and(|id| ending.client_id.as_deref() != Some(id));
        if other {
            return Ok(());
        }
        let out = &mut *self.output.borrow_mut();
        match self.shape {
            Shape::Line | Shape::Verbose if ending.connection.is_some() && self.filter.whole() => {
                line::ending(ending, self.options, out);
            }
            Shape::Flow => self.flow.end(ending, out),
            Shape::Stats { .. } => self.stats.end(ending),
            _ => {}
        }
        flush_when_full(out)
    }

    /// Text is harmless to a terminal as it is made; the JSON behind `start` has characters of others in its strings.
    fn dress(&self, start: usize, out: &mut Vec<u8>) {
        if self.terminal || self.options.colour {
            let json = out.split_off(start);
            json_text::write(&json, self.options.colour, out);
        }
    }

    /// What is to be said of a whole capture.
    pub(super) fn sum_up(&mut self, capture: &Capture) {
        for (connection, notes) in std::mem::take(&mut self.notes) {
            for (_, note) in notes {
                self.console.note(format_args!("connection #{connection}: {note}"));
            }
        }
        let counts = capture.counts();
        if let Some(link) = capture.unknown_link() {
            self.console.note(format_args!(
                "link-layer header type {link} is not known: its packets are left out"
            ));
        }
        if counts.mirrors > 0 {
            self.console.note(format_args!(
                "{} connection(s) repeat another one and are left out",
                counts.mirrors
            ));
        }
    }

    /// Shows what waited for the end.
    pub(super) fn finish(&mut self, analyst: &mut Analyst) -> Result<(), OutputError> {
        for ending in analyst.finish() {
            self.ending(&ending)?;
        }
        let out = &mut *self.output.borrow_mut();
        match self.shape {
            Shape::Flow => self.flow.finish(out),
            Shape::Stats { json: false } => self.stats.write_text(self.options, out),
            Shape::Stats { json: true } => {
                let start = out.len();
                self.stats.write_json(out);
                self.dress(start, out);
            }
            Shape::Line | Shape::Verbose | Shape::Json => {}
        }
        flush(out)
    }
}
