//! Throughput and latency over time, the baseline faintly behind. It must not know how the intervals were measured.

use super::axis::Axis;
use super::markup::{END_TABLE, paragraph, section, table};
use super::plot::{Ink, Line, Plot, Width};
use super::quantity::{NONE, count, latency, latency_tick, number, seconds};
use super::words;
use crate::bench::Report;
use crate::bench::report::Row;

/// More intervals than this have no reading each: the table tells.
const READINGS: usize = 400;

/// One figure of an interval.
type Figure = fn(&Row) -> Option<f64>;

const RATES: [(&str, Figure); 3] = [
    ("sent", |row| rate(row.sent, row)),
    ("acknowledged", |row| rate(row.acknowledged, row)),
    ("received", |row| rate(row.received, row)),
];

const LATENCIES: [(&str, Figure); 3] = [
    ("p99", |row| time(row.p99, row)),
    ("max", |row| time(row.max, row)),
    ("p50", |row| time(row.p50, row)),
];

/// Appends both plots and their table.
pub(super) fn write(report: &Report, baseline: Option<&Report>, out: &mut String) {
    let (rows, end) = shown(report, f64::INFINITY);
    let before = baseline.map(|baseline| shown(baseline, end).0).unwrap_or_default();
    if rows.is_empty() {
        return;
    }
    section("time", "Over time", out);
    let same_measure = baseline.is_some_and(|baseline| baseline.main_measure() == report.main_measure());
    let mut rates = throughput(report, &rows, &before, end);
    let mut latencies = latencies(report, &rows, if same_measure { &before } else { &[] }, end);
    // The same second stands at the same place in both.
    let names = rates
        .lines
        .iter()
        .chain(&latencies.lines)
        .map(|line| line.name.chars().count());
    let room = names.max().unwrap_or(0);
    (rates.room, latencies.room) = (room, room);
    if !rates.lines.is_empty() {
        out.push_str("<figure>\n<h3>Throughput</h3>\n");
        rates.write(out);
        out.push_str("</figure>\n");
    }
    if !latencies.lines.is_empty() {
        let what = report.main_measure().map_or("", words::measure);
        out.push_str(&format!("<figure>\n<h3>Latency: {what}</h3>\n"));
        latencies.write(out);
        out.push_str("</figure>\n");
    }
    remarks(baseline, end, out);
    values(&rows, out);
    out.push_str("</section>\n");
}

/// The intervals that begin before `limit`, and where the last of them ends. Silence after sending is left out: nothing was
/// to happen then.
fn shown(report: &Report, limit: f64) -> (Vec<&Row>, f64) {
    let usable = |row: &&Row| {
        row.at.is_finite() && row.at >= 0.0 && row.at < limit && row.length.is_finite() && row.length > 0.0
    };
    let mut rows: Vec<_> = report.timeline.iter().filter(usable).collect();
    let silent = |row: &Row| row.sent == 0 && row.acknowledged == 0 && row.received == 0 && row.max == 0.0;
    while rows
        .last()
        .is_some_and(|row| silent(row) && row.at >= report.span.sending - row.length * 0.01)
    {
        rows.pop();
    }
    let end = rows.iter().map(|row| row.at + row.length).fold(0.0, f64::max);
    (rows, end)
}

fn rate(messages: u64, row: &Row) -> Option<f64> {
    Some(messages as f64 / row.length)
}

fn time(micros: f64, row: &Row) -> Option<f64> {
    (row.max > 0.0 && micros.is_finite()).then_some(micros)
}

fn throughput(report: &Report, rows: &[&Row], before: &[&Row], end: f64) -> Plot {
    let mut lines = Vec::new();
    for (rows, baseline) in [(before, true), (rows, false)] {
        for ((name, figure), colour) in RATES.iter().zip(0..) {
            // What never happened has no line, unless it should have: received where deliveries are expected.
            let expected = *name == "received" && report.counts.expected > 0;
            if rows.iter().any(|row| figure(row) > Some(0.0)) || (expected && !baseline && !rows.is_empty()) {
                lines.push(line(name, *figure, rows, end, ink(colour, baseline)));
            }
        }
    }
    let target = report.rates.target.filter(|target| target.is_finite() && *target > 0.0);
    if let Some(target) = target.filter(|_| !lines.is_empty()) {
        lines.push(Line {
            name: "target".to_owned(),
            ink: Ink {
                colour: 3,
                width: Width::Dotted,
                baseline: false,
            },
            pieces: vec![vec![(0.0, target), (end, target)]],
        });
    }
    let highest = heights(&lines).fold(0.0, f64::max);
    let rates = [
        ("sent", report.rates.sent),
        ("acknowledged", report.rates.acknowledged),
        ("received", report.rates.received),
    ];
    let rates = rates.map(|(name, rate)| format!("{name} {} per second", number(rate)));
    Plot {
        id: "throughput",
        title: "Throughput over time".to_owned(),
        description: format!("On the whole: {}. Values are in the table below.", rates.join(", ")),
        x: Axis::time(end),
        x_name: "time since measuring began",
        y: Axis::number(highest),
        y_name: "messages per second",
        lines,
        room: 0,
        shaded: None,
        readings: readings(rows, &RATES, |value| format!("{}/s", number(value))),
    }
}

fn latencies(report: &Report, rows: &[&Row], before: &[&Row], end: f64) -> Plot {
    let mut lines = Vec::new();
    for (rows, baseline) in [(before, true), (rows, false)] {
        // The 99th percentile lies under the maximum: of few samples they are the same.
        for ((name, figure), colour) in LATENCIES.iter().zip([1, 2, 0]) {
            let width = if colour == 1 { Width::Broad } else { Width::Fine };
            let ink = Ink {
                colour,
                width,
                baseline,
            };
            let line = line(name, *figure, rows, end, ink);
            if !line.pieces.is_empty() {
                lines.push(line);
            }
        }
    }
    if lines.iter().all(|line| line.ink.baseline) {
        lines.clear();
    }
    let what = report.main_measure().map_or("latency", words::measure);
    Plot {
        id: "latencies",
        title: format!("Latency over time: {what}"),
        description: "Median, 99th percentile and maximum of each interval. Values are in the table below.".to_owned(),
        x: Axis::time(end),
        x_name: "time since measuring began",
        y: Axis::latency(heights(&lines)),
        y_name: "latency (logarithmic)",
        lines,
        room: 0,
        shaded: None,
        readings: readings(rows, &LATENCIES, latency_tick),
    }
}

fn heights(lines: &[Line]) -> impl Iterator<Item = f64> {
    lines
        .iter()
        .flat_map(|line| line.pieces.iter().flatten())
        .map(|(_, y)| *y)
}

fn ink(colour: u8, baseline: bool) -> Ink {
    let width = match colour {
        0 => Width::Broad,
        1 => Width::Medium,
        _ => Width::Fine,
    };
    Ink {
        colour,
        width,
        baseline,
    }
}

/// A step for each interval; where there is no value or no interval, a gap.
fn line(name: &str, figure: Figure, rows: &[&Row], end: f64, ink: Ink) -> Line {
    let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
    for row in rows {
        let Some(value) = figure(row) else { continue };
        let step = [(row.at, value), ((row.at + row.length).min(end), value)];
        match pieces.last_mut() {
            Some(piece)
                if piece
                    .last()
                    .is_some_and(|last| (last.0 - row.at).abs() < row.length * 0.01) =>
            {
                piece.extend(step)
            }
            _ => pieces.push(step.to_vec()),
        }
    }
    let name = if ink.baseline {
        format!("{name}, baseline")
    } else {
        name.to_owned()
    };
    Line { name, ink, pieces }
}

fn readings(rows: &[&Row], figures: &[(&str, Figure)], show: impl Fn(f64) -> String) -> Vec<(f64, f64, String)> {
    if rows.len() > READINGS {
        return Vec::new();
    }
    let reading = |row: &&Row| {
        let mut text = format!("{} to {}", seconds(row.at), seconds(row.at + row.length));
        for (name, figure) in figures {
            text.push_str(&format!(
                " · {name} {}",
                figure(row).map_or_else(|| NONE.to_owned(), &show)
            ));
        }
        (row.at, row.at + row.length, text)
    };
    rows.iter().map(reading).collect()
}

fn remarks(baseline: Option<&Report>, end: f64, out: &mut String) {
    let Some(baseline) = baseline else { return };
    let whole = shown(baseline, f64::INFINITY).1;
    if whole > end * 1.02 {
        let text = format!(
            "The baseline ran for {}; its first {} are shown.",
            seconds(whole),
            seconds(end)
        );
        paragraph("note", &text, out);
    } else if whole < end * 0.98 {
        paragraph("note", &format!("The baseline ended after {}.", seconds(whole)), out);
    }
}

fn values(rows: &[&Row], out: &mut String) {
    out.push_str("<details><summary>These lines as a table</summary>\n");
    let columns = [
        "from",
        "length",
        "sent",
        "acknowledged",
        "received",
        "p50",
        "p99",
        "max",
    ];
    table("figures", "Each interval", &columns, out);
    for row in rows {
        out.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td>",
            seconds(row.at),
            seconds(row.length)
        ));
        for value in [row.sent, row.acknowledged, row.received] {
            out.push_str(&format!("<td>{}</td>", count(value)));
        }
        for micros in [row.p50, row.p99, row.max] {
            let text = time(micros, row).map_or_else(|| NONE.to_owned(), latency);
            out.push_str(&format!("<td>{text}</td>"));
        }
        out.push_str("</tr>\n");
    }
    out.push_str(END_TABLE);
    out.push_str("</details>\n");
}
