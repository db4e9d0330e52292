//! Connections as ladders: client and server as two columns, an arrow for each packet. A ladder is printed when its
//! connection ends. It must not know what was decoded.

use super::packet::{Layout, Look, Options, facts, marked};
use super::style::{Ink, Style};
use super::text::{columns, escape, fit, word};
use super::time;
use crate::analysis::{Ending, Explained};
use crate::protocol::{Packet, PacketType, Sender, Version};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

/// Columns between the two lines of a ladder.
const LANE: usize = 84;
/// Columns in front of a ladder: time, and time since the packet before.
const MARGIN: usize = 24;
/// Packets of one connection that are drawn.
const ROWS: usize = 10_000;
/// Bytes of all ladders that are not printed yet.
const MEMORY: usize = 64 << 20;
/// Connections whose ladders are not printed yet.
const CONNECTIONS: usize = 100_000;
/// Requests without an answer that are listed.
const UNACKNOWLEDGED: usize = 20;

/// Draws ladders.
#[derive(Debug)]
pub struct Flow {
    style: Style,
    ladders: BTreeMap<Option<u32>, Ladder>,
    /// Bytes of the rows of all ladders.
    held: usize,
    /// Packets of connections beyond [`CONNECTIONS`].
    left_out: u64,
    printed: bool,
}

/// One connection.
#[derive(Debug)]
struct Ladder {
    client: Option<SocketAddr>,
    server: Option<SocketAddr>,
    /// Ready to be printed.
    client_id: Option<String>,
    version: Version,
    version_assumed: bool,
    first: Option<Duration>,
    last: Option<Duration>,
    /// Whether it is known of any packet who sent it.
    directed: bool,
    rows: String,
    drawn: usize,
    left_out: u64,
}

impl Flow {
    /// No connection yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            style: options.style(),
            ladders: BTreeMap::new(),
            held: 0,
            left_out: 0,
            printed: false,
        }
    }

    /// Draws a packet. Packets beyond a limit of memory are counted instead.
    pub fn add(&mut self, explained: &Explained) {
        let connection = explained.origin.connection;
        if self.ladders.len() >= CONNECTIONS && !self.ladders.contains_key(&connection) {
            self.left_out += 1;
            return;
        }
        let ladder = self.ladders.entry(connection).or_insert_with(|| Ladder::new(explained));
        ladder.learn(explained);
        if ladder.drawn >= ROWS || self.held >= MEMORY {
            ladder.left_out += 1;
            return;
        }
        let before = ladder.rows.len();
        ladder.draw(explained, self.style);
        self.held += ladder.rows.len() - before;
    }

    /// Prints the ladder of a connection that ended, or whose capture did.
    pub fn end(&mut self, ending: &Ending, out: &mut Vec<u8>) {
        if let Some(ladder) = self.ladders.remove(&ending.connection) {
            self.print(ending.connection, ladder, Some(ending), out);
        }
    }

    /// Prints what is left.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        while let Some((connection, ladder)) = self.ladders.pop_first() {
            self.print(connection, ladder, None, out);
        }
        if self.left_out > 0 {
            let count = std::mem::take(&mut self.left_out);
            out.extend_from_slice(format!("\n{count} packets of further connections are left out\n").as_bytes());
        }
    }

    fn print(&mut self, connection: Option<u32>, ladder: Ladder, ending: Option<&Ending>, out: &mut Vec<u8>) {
        self.held = self.held.saturating_sub(ladder.rows.len());
        let mut text = String::with_capacity(ladder.rows.len() + 1024);
        if self.printed {
            text.push('\n');
        }
        self.printed = true;
        ladder.heading(connection, self.style, &mut text);
        text.push_str(&ladder.rows);
        if ladder.left_out > 0 {
            let _ = writeln!(text, "{:MARGIN$}… {} more packets are left out", "", ladder.left_out);
        }
        if let Some(ending) = ending {
            ladder.ending(ending, self.style, &mut text);
        }
        out.extend_from_slice(text.as_bytes());
    }
}

impl Ladder {
    fn new(explained: &Explained) -> Self {
        Self {
            client: None,
            server: None,
            client_id: None,
            version: explained.version,
            version_assumed: explained.version_assumed,
            first: explained.origin.time,
            last: None,
            directed: false,
            rows: String::new(),
            drawn: 0,
            left_out: 0,
        }
    }

    fn learn(&mut self, explained: &Explained) {
        let origin = &explained.origin;
        let (client, server) = match origin.sender {
            Sender::Client => (origin.source, origin.destination),
            Sender::Server => (origin.destination, origin.source),
            Sender::Unknown => (None, None),
        };
        self.directed |= origin.sender != Sender::Unknown;
        self.client = self.client.or(client);
        self.server = self.server.or(server);
        if let Ok(Packet::Connect(connect)) = &explained.packet {
            let mut name = String::new();
            word(&connect.client_id, 60, &mut name);
            self.client_id = Some(name);
            self.version = connect.version;
            self.version_assumed = false;
        }
    }

    fn draw(&mut self, explained: &Explained, style: Style) {
        let out = &mut self.rows;
        let mut margin = String::new();
        if let (Some(time), Some(first)) = (explained.origin.time, self.first) {
            let _ = write!(margin, "{:>12.6}", time.saturating_sub(first).as_secs_f64());
            if let Some(last) = self.last {
                let _ = write!(margin, " {:>10}", format!("+{}", time::span(time.saturating_sub(last))));
            }
            self.last = Some(time);
        }
        style.paint(Ink::Dim, out, |out| {
            let _ = write!(out, "{margin:<MARGIN$}");
        });
        out.push('│');
        arrow(explained, style, out);
        out.push_str("│\n");
        for found in &explained.violations {
            let _ = write!(out, "{:MARGIN$}│  ", "");
            marked(found, style, out);
            out.push('\n');
        }
        self.drawn += 1;
    }

    fn heading(&self, connection: Option<u32>, style: Style, out: &mut String) {
        let mut facts = Vec::new();
        if let Some(id) = &self.client_id {
            facts.push(format!("client {id}"));
        }
        let assumed = if self.version_assumed { " (assumed)" } else { "" };
        facts.push(format!("MQTT {}{assumed}", self.version));
        if let Some(first) = self.first {
            facts.push(format!("from {}", time::date(first)));
        }
        let name = connection.map_or_else(
            || "packets".to_owned(),
            |connection| format!("connection #{connection}"),
        );
        style.paint(Ink::Bold, out, |out| out.push_str(&name));
        let _ = writeln!(out, ": {}", facts.join(", "));
        if !self.directed {
            return;
        }
        let end = |name: &str, address: Option<SocketAddr>| {
            address.map_or_else(|| name.to_owned(), |address| format!("{name} {address}"))
        };
        let (left, right) = (end("client", self.client), end("server", self.server));
        let (time, since) = match self.first {
            Some(_) => ("time in s", "since last"),
            None => ("", ""),
        };
        let width = LANE + 2;
        let _ = writeln!(
            out,
            "{:<MARGIN$}{left}{right:>right_width$}",
            format!("{time:>12} {since:>10}"),
            right_width = width.saturating_sub(left.len()),
        );
    }

    fn ending(&self, ending: &Ending, style: Style, out: &mut String) {
        let mut margin = String::new();
        if let (Some(time), Some(first)) = (ending.time, self.first) {
            let _ = write!(margin, "{:>12.6}", time.saturating_sub(first).as_secs_f64());
        }
        style.paint(Ink::Dim, out, |out| {
            let _ = write!(out, "{margin:<MARGIN$}");
        });
        out.push_str("end: ");
        escape(&ending.cause, out);
        out.push('\n');
        unanswered(ending, UNACKNOWLEDGED, MARGIN, "", style, out);
    }
}

/// What is not acknowledged at the end, `limit` of them, each on a line behind a margin and a mark.
pub(super) fn unanswered(ending: &Ending, limit: usize, margin: usize, mark: &str, style: Style, out: &mut String) {
    for (sender, kind, id, topic) in ending.unacknowledged.iter().take(limit) {
        let _ = write!(out, "{:margin$}", "");
        style.paint(Ink::Warning, out, |out| {
            out.push_str(mark);
            out.push_str("unacknowledged: ");
            unacknowledged(*sender, *kind, *id, topic.as_deref(), out);
        });
        out.push('\n');
    }
    let more = ending.unacknowledged.len().saturating_sub(limit);
    if more > 0 {
        let _ = writeln!(out, "{:margin$}… and {more} more", "");
    }
}

/// `PUBLISH id 7 of the client, a/b`.
pub(super) fn unacknowledged(sender: Sender, kind: PacketType, id: u16, topic: Option<&str>, out: &mut String) {
    let _ = write!(out, "{kind}");
    if id > 0 {
        let _ = write!(out, " id {id}");
    }
    out.push_str(match sender {
        Sender::Client => " of the client",
        Sender::Server => " of the server",
        Sender::Unknown => "",
    });
    if let Some(topic) = topic {
        out.push_str(", ");
        word(topic, 60, out);
    }
}

/// A packet between the two lines.
fn arrow(explained: &Explained, style: Style, out: &mut String) {
    // The arrow and the spaces around the label.
    const ENDS: usize = 5;
    let kind = explained.frame.packet_type().name();
    let mut facts_text = String::new();
    let look = Look {
        layout: Layout::Arrow,
        style: Style { colour: false },
    };
    facts(explained, look, &mut facts_text);
    if !facts_text.is_empty() {
        facts_text.insert(0, ' ');
    }
    fit(&mut facts_text, LANE.saturating_sub(kind.len() + ENDS + 1));
    let label = |out: &mut String| {
        style.paint(Ink::Bold, out, |out| out.push_str(kind));
        out.push_str(&facts_text);
    };
    let used = columns(kind) + columns(&facts_text);
    let line = |count: usize, out: &mut String| out.extend(std::iter::repeat_n('─', count));
    match explained.origin.sender {
        Sender::Client => {
            out.push_str("── ");
            label(out);
            out.push(' ');
            line(LANE.saturating_sub(used + ENDS), out);
            out.push('→');
        }
        Sender::Server => {
            out.push('←');
            line(LANE.saturating_sub(used + ENDS), out);
            out.push(' ');
            label(out);
            out.push_str(" ──");
        }
        Sender::Unknown => {
            out.push_str("   ");
            label(out);
            out.extend(std::iter::repeat_n(' ', LANE.saturating_sub(used + 3)));
        }
    }
}
