//! Counts as tables for people. It must not know how they were counted.

use super::super::flow::unacknowledged;
use super::super::packet::ink;
use super::super::style::{Ink, Style};
use super::super::text::{columns, escape, word};
use super::super::time;
use super::{BySender, Connection, Count, Stats, Topic};
use crate::analysis::Severity;
use crate::protocol::PacketType;
use std::fmt::Write as _;

/// Characters of a name.
const NAME: usize = 60;

pub(super) fn write(stats: &Stats, style: Style, out: &mut Vec<u8>) {
    let mut text = String::new();
    if stats.connections.len() != 1 || stats.other_packets > 0 {
        heading("all connections", style, &mut text);
        let _ = writeln!(text, ": {}", stats.connections.len());
        connection(&stats.total, style, &mut text);
    }
    for (id, counts) in &stats.connections {
        if !text.is_empty() {
            text.push('\n');
        }
        match id {
            Some(id) => heading(&format!("connection #{id}"), style, &mut text),
            None => heading("packets", style, &mut text),
        }
        identity(counts, style, &mut text);
        connection(counts, style, &mut text);
    }
    if stats.other_packets > 0 {
        let _ = writeln!(
            text,
            "\n{} packets of further connections count above only",
            stats.other_packets
        );
    }
    topics(stats, style, &mut text);
    out.extend_from_slice(text.as_bytes());
}

fn heading(name: &str, style: Style, out: &mut String) {
    style.paint(Ink::Bold, out, |out| out.push_str(name));
}

/// A row of `name  value`.
fn row(name: &str, value: &str, out: &mut String) {
    let _ = writeln!(out, "  {name:<14} {value}");
}

fn identity(counts: &Connection, style: Style, out: &mut String) {
    if let (Some(client), Some(server)) = (counts.client, counts.server) {
        let _ = write!(out, ": {client} → {server}");
    }
    out.push('\n');
    let mut text = String::new();
    if let Some(id) = &counts.client_id {
        style.paint(Ink::Name, &mut text, |out| word(id, NAME, out));
    }
    if let Some((version, assumed)) = counts.version {
        let gap = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{gap}MQTT {version}{}", if assumed { " (assumed)" } else { "" });
    }
    row("client", &text, out);
    if counts.keep_alive.is_some() || counts.silence.is_some() {
        let mut parts = Vec::new();
        parts.extend(counts.keep_alive.map(|seconds| format!("{seconds} s")));
        parts.extend(
            counts
                .silence
                .map(|longest| format!("longest silence of the client {}", time::span(longest))),
        );
        row("keep alive", &parts.join(", "), out);
    }
}

fn connection(counts: &Connection, style: Style, out: &mut String) {
    if let (Some(first), Some(duration)) = (counts.first, counts.duration()) {
        let value = format!("{} for {}", time::date(first), time::span(duration));
        row("time", &value, out);
    }
    let [q0, q1, q2] = counts.qos;
    if q0 + q1 + q2 > 0 {
        row("messages", &format!("QoS 0: {q0}, QoS 1: {q1}, QoS 2: {q2}"), out);
    }
    packets(counts, out);
    round_trips(counts, out);
    for found in &counts.violations {
        let mut text = format!("{} × ", found.count);
        if let Some(field) = found.field {
            let _ = write!(text, "{field}: ");
        }
        escape(&found.message, &mut text);
        if let Some(statement) = found.statement {
            let _ = write!(text, " [{statement}]");
        }
        out.push_str("  ");
        style.paint(ink(found.severity), out, |out| {
            let mark = if found.severity >= Severity::Protocol { '!' } else { '-' };
            let _ = write!(out, "{mark} {:<12}", found.severity.name());
        });
        let _ = writeln!(out, " {text}");
    }
    if counts.other_violations > 0 {
        row("! other", &format!("{} ×", counts.other_violations), out);
    }
    if let Some(cause) = &counts.cause {
        let mut text = String::new();
        escape(cause, &mut text);
        row("end", &text, out);
    }
    if counts.unacknowledged_count > 0 {
        row("unacknowledged", &counts.unacknowledged_count.to_string(), out);
        for (sender, kind, id, topic) in &counts.unacknowledged {
            let mut text = String::new();
            unacknowledged(*sender, *kind, *id, topic.as_deref(), &mut text);
            row("", &text, out);
        }
    }
}

fn packets(counts: &Connection, out: &mut String) {
    let sum = counts.sum();
    let [_, _, unknown] = sum;
    // Without directions one column is enough.
    let directed = unknown.packets == 0;
    let line = |name: &str, by: &BySender<Count>, out: &mut String| {
        let [client, server, unknown] = by.map(|count| match count.packets {
            0 => ["·".to_owned(), "·".to_owned()],
            _ => [count.packets.to_string(), count.bytes.to_string()],
        });
        match directed {
            true => figures(name, client.iter().chain(&server), out),
            false => figures(name, &unknown, out),
        }
    };
    match directed {
        true => figures("  packets", ["→", "bytes", "←", "bytes"], out),
        false => figures("  packets", ["", "bytes"], out),
    }
    for (number, by) in &counts.packets {
        let kind = PacketType::from_first_byte(number << 4);
        let name = match kind {
            PacketType::Reserved => "reserved",
            _ => kind.name(),
        };
        line(&format!("    {name}"), by, out);
    }
    line("    all", &sum, out);
}

/// A name and pairs of columns.
fn figures<T: AsRef<str>>(name: &str, columns: impl IntoIterator<Item = T>, out: &mut String) {
    let _ = write!(out, "{name:<16}");
    for (index, column) in columns.into_iter().enumerate() {
        let width = if index % 2 == 0 { 9 } else { 11 };
        let _ = write!(out, " {:>width$}", column.as_ref());
    }
    out.push('\n');
}

fn round_trips(counts: &Connection, out: &mut String) {
    if counts.round_trips.is_empty() {
        return;
    }
    figures("  round trips", ["count", "p50", "p99", "max"], out);
    for (number, times) in &counts.round_trips {
        let kind = PacketType::from_first_byte(number << 4);
        let [p50, p99, max] = [times.percentile(50), times.percentile(99), times.max()].map(time::span);
        figures(
            &format!("    {}", kind.name()),
            [times.count().to_string(), p50, p99, max],
            out,
        );
    }
}

fn topics(stats: &Stats, style: Style, out: &mut String) {
    let sorted = stats.sorted_topics();
    if sorted.is_empty() {
        return;
    }
    let mut rows: Vec<(String, &Topic)> = Vec::new();
    for (name, topic) in sorted {
        let mut shown = String::new();
        word(name, NAME, &mut shown);
        rows.push((shown, topic));
    }
    if stats.other_topics.sum() > 0 {
        rows.push(("(other)".to_owned(), &stats.other_topics));
    }
    let widest = rows.iter().map(|(name, _)| columns(name)).max().unwrap_or_default();
    let width = widest.max("topic".len());
    out.push('\n');
    heading("topics", style, out);
    let _ = writeln!(out, ": {}", stats.topics.len());
    let _ = writeln!(
        out,
        "  {:<width$} {:>8} {:>8} {:>11} {:>8} {:>16} {:>10}",
        "topic", "→", "←", "bytes", "retained", "QoS 0/1/2", "rate"
    );
    for (name, topic) in rows {
        let [client, server, unknown] = topic.messages;
        let [q0, q1, q2] = topic.qos;
        let rate = topic
            .rate()
            .map_or_else(|| "·".to_owned(), |rate| format!("{rate:.1}/s"));
        let padding = width - columns(&name);
        out.push_str("  ");
        style.paint(Ink::Name, out, |out| out.push_str(&name));
        let _ = writeln!(
            out,
            "{:padding$} {:>8} {:>8} {:>11} {:>8} {:>16} {:>10}",
            "",
            client + unknown,
            server,
            topic.bytes,
            topic.retained,
            format!("{q0}/{q1}/{q2}"),
            rate
        );
    }
}
