//! One line for each packet: time, connection, direction, type, facts, violations. It must not know what was decoded.

use super::super::flow::unanswered;
use super::super::style::{Ink, Style};
use super::super::text::escape;
use super::super::time;
use super::{Layout, Look, Options, arrow, facts, marked};
use crate::analysis::{Ending, Explained};
use crate::protocol::Sender;
use std::fmt::Write as _;
use std::time::Duration;

/// What is not acknowledged at the end, on a line each.
const UNACKNOWLEDGED: usize = 10;

/// Appends one packet. Several violations follow on lines of their own, indented.
pub fn write(explained: &Explained, options: Options, out: &mut Vec<u8>) {
    let style = options.style();
    let origin = &explained.origin;
    let mut line = beginning(origin.time, origin.connection, style);
    if origin.sender != Sender::Unknown || origin.connection.is_some() {
        line.push_str(arrow(origin.sender));
        line.push(' ');
    }
    let kind = explained.frame.packet_type();
    style.paint(Ink::Bold, &mut line, |out| {
        let _ = write!(out, "{kind:<11} ");
    });
    let layout = Layout::Column;
    facts(explained, Look { layout, style }, &mut line);
    line.truncate(line.trim_end().len());
    let alone = explained.violations.len() == 1;
    for found in &explained.violations {
        line.push_str(if alone { "  " } else { "\n    " });
        marked(found, style, &mut line);
    }
    line.push('\n');
    out.extend_from_slice(line.as_bytes());
}

/// Appends how a connection ended, and what was not acknowledged then.
pub fn ending(ending: &Ending, options: Options, out: &mut Vec<u8>) {
    let style = options.style();
    let mut line = beginning(ending.time, ending.connection, style);
    line.push_str("■ ");
    escape(&ending.cause, &mut line);
    line.push('\n');
    unanswered(ending, UNACKNOWLEDGED, 4, "- ", style, &mut line);
    out.extend_from_slice(line.as_bytes());
}

/// Time and connection.
fn beginning(at: Option<Duration>, connection: Option<u32>, style: Style) -> String {
    let mut line = String::with_capacity(160);
    if let Some(at) = at {
        style.paint(Ink::Dim, &mut line, |out| out.push_str(&time::clock(at)));
        line.push(' ');
    }
    if let Some(connection) = connection {
        let _ = write!(line, "#{connection:<2} ");
    }
    line
}
