//! One line for each packet: time, connection, direction, type, facts, violations. It must not know what was decoded.

use super::super::style::Ink;
use super::super::time;
use super::{Layout, Look, Options, arrow, facts, marked};
use crate::analysis::Explained;
use crate::protocol::Sender;
use std::fmt::Write as _;

/// Appends one packet. Several violations follow on lines of their own, indented.
pub fn write(explained: &Explained, options: Options, out: &mut Vec<u8>) {
    let style = options.style();
    let origin = &explained.origin;
    let mut line = String::with_capacity(160);
    if let Some(at) = origin.time {
        let mut clock = Vec::with_capacity(16);
        time::clock(at, &mut clock);
        style.paint(Ink::Dim, &mut line, |out| {
            out.push_str(&String::from_utf8_lossy(&clock))
        });
        line.push(' ');
    }
    if let Some(connection) = origin.connection {
        let _ = write!(line, "#{connection:<2} ");
    }
    if origin.sender != Sender::Unknown || origin.connection.is_some() {
        line.push_str(arrow(origin.sender));
        line.push(' ');
    }
    let kind = explained.frame.packet_type();
    style.paint(Ink::Bold, &mut line, |out| {
        let _ = write!(out, "{kind:<11} ");
    });
    facts(
        explained,
        Look {
            layout: Layout::Column,
            style,
        },
        &mut line,
    );
    let end = line.trim_end().len();
    line.truncate(end);
    let alone = explained.violations.len() == 1;
    for found in &explained.violations {
        line.push_str(if alone { "  " } else { "\n    " });
        marked(found, style, &mut line);
    }
    line.push('\n');
    out.extend_from_slice(line.as_bytes());
}
