//! The short report for people: what was measured, how fast, how late, what went wrong, and what was demanded. It must not
//! know how figures came about.

mod words;

use super::super::style::{Ink, Style};
use super::super::text::columns;
use crate::bench::figure::Statistic;
use crate::bench::quantity::{bytes, count, decimals, latency, rate};
use crate::bench::report::Latency;
use crate::bench::{Judged, Measure, Outcome, Report, Scenario, Verdict};
use std::fmt::Write as _;
use words::{broker, environment, load, safe};

/// The columns of the table of times.
const STATISTICS: [Statistic; 6] = [
    Statistic::P50,
    Statistic::P90,
    Statistic::P99,
    Statistic::P99_9,
    Statistic::P99_99,
    Statistic::Max,
];
/// Timers that are later than this, in microseconds at the 99th percentile, are worth a row.
const LATE: f64 = 1000.0;

/// Appends the report, in colour when it is for a terminal.
pub fn write(report: &Report, judged: &Judged, colour: bool, out: &mut Vec<u8>) {
    let style = Style { colour };
    let mut text = String::new();
    heading(&format!("{}: ", report.load.scenario.name()), style, &mut text);
    let _ = writeln!(text, "{}", broker(report));
    let _ = writeln!(text, "{}", load(report));
    warnings(report, style, &mut text);
    throughput(report, style, &mut text);
    times(report, style, &mut text);
    let before = text.len();
    conservation(report, style, &mut text);
    if text.len() == before && !report.notes.is_empty() {
        text.push('\n');
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {}", safe(note));
    }
    comparison(judged, style, &mut text);
    thresholds(judged, style, &mut text);
    text.push('\n');
    style.paint(Ink::Dim, &mut text, |text| text.push_str(&environment(report)));
    text.push('\n');
    out.extend_from_slice(text.as_bytes());
}

fn heading(name: &str, style: Style, out: &mut String) {
    style.paint(Ink::Bold, out, |out| out.push_str(name));
}

/// What must be read before the figures.
fn warnings(report: &Report, style: Style, out: &mut String) {
    if !report.failures.is_empty() {
        out.push('\n');
        style.paint(Ink::Fault, out, |out| out.push_str("FAILED"));
        out.push('\n');
        for failure in &report.failures {
            let _ = writeln!(out, "  {}", safe(&failure.text));
        }
    }
    if !report.broken.is_empty() {
        out.push('\n');
        style.paint(Ink::Fault, out, |out| out.push_str("BROKEN GUARANTEE"));
        out.push('\n');
        for broken in &report.broken {
            let _ = writeln!(out, "  {}", safe(&broken.text));
        }
    }
    if report.generator.limited {
        out.push('\n');
        style.paint(Ink::Warning, out, |out| out.push_str("LIMITED BY THIS MACHINE"));
        out.push_str(": these figures say more about it than about the broker\n");
        for reason in &report.generator.reasons {
            let _ = writeln!(out, "  {}", safe(reason));
        }
    }
}

/// Messages and connections by wall-clock time.
fn throughput(report: &Report, style: Style, out: &mut String) {
    let (load, counts, rates, span) = (&report.load, &report.counts, &report.rates, &report.span);
    let mut rows: Vec<[String; 5]> = Vec::new();
    let mut row = |name: &str, per_second: f64, number: u64, payload: String, target: String| {
        let per_second = format!("{}/s", rate(per_second));
        rows.push([name.to_owned(), per_second, target, count(number), payload]);
    };
    let of_target = |per_second: f64, target: Option<f64>| {
        let target = target.filter(|target| *target > 0.0);
        target
            .map(|target| format!("{} %", decimals(per_second / target * 100.0, 1)))
            .unwrap_or_default()
    };
    let payload = |amount: u64, seconds: f64| {
        if amount == 0 || seconds <= 0.0 {
            return String::new();
        }
        format!("{}/s", bytes(amount as f64 / seconds))
    };
    if load.scenario != Scenario::Connect {
        // Stored messages may have been sent before measuring began.
        if counts.sent > 0 || counts.received == 0 {
            // At QoS 0 nobody but a subscriber can say that a message has left this machine.
            let unconfirmed = load.qos == 0 && load.subscribers == 0;
            let name = if unconfirmed { "written" } else { "sent" };
            let target = of_target(rates.sent, rates.target);
            let payload = payload(counts.bytes_sent, span.sending);
            row(name, rates.sent, counts.sent, payload, target);
        }
        if load.qos > 0 && counts.sent > 0 {
            let target = of_target(rates.acknowledged, rates.target);
            row(
                "acknowledged",
                rates.acknowledged,
                counts.acknowledged,
                String::new(),
                target,
            );
        }
        if load.subscribers > 0 {
            let payload = payload(counts.bytes_received, span.receiving);
            row("received", rates.received, counts.received, payload, String::new());
        }
    }
    if load.scenario == Scenario::Connect {
        let target = of_target(rates.connected, load.connect_rate);
        row("connected", rates.connected, counts.connected, String::new(), target);
    }
    let what = if load.scenario == Scenario::Connect {
        "connections"
    } else {
        "messages"
    };
    let head = ["throughput", "rate", "of target", what, "payload"].map(str::to_owned);
    table(&head, &rows, style, out);
}

/// Response time and service time of the same thing stand together.
fn times(report: &Report, style: Style, out: &mut String) {
    let mut shown: Vec<(Measure, &Latency)> = Vec::new();
    for measure in Measure::TELLING.into_iter().chain([Measure::Suback, Measure::Lateness]) {
        let times = report.latency.get(measure.name()).filter(|times| times.count > 0);
        let times = times.filter(|times| measure != Measure::Lateness || times.p99 > LATE || report.generator.limited);
        shown.extend(times.map(|times| (measure, times)));
    }
    let mut few = false;
    let rows: Vec<[String; 8]> = shown
        .iter()
        .map(|(measure, times)| {
            let mut row: [String; 8] = std::array::from_fn(|_| String::new());
            let mut cells = row.iter_mut();
            let mut put = |text: String| cells.next().map(|cell| *cell = text);
            put(measure.name().replace('_', " "));
            for statistic in STATISTICS {
                let told = times.count >= statistic.needs();
                few |= !told;
                put(if told {
                    latency(statistic.of(times))
                } else {
                    "-".to_owned()
                });
            }
            put(count(times.count));
            row
        })
        .collect();
    let [p50, p90, p99, p99_9, p99_99, max] = STATISTICS.map(|statistic| statistic.name().to_owned());
    let head = [
        "latency".to_owned(),
        p50,
        p90,
        p99,
        p99_9,
        p99_99,
        max,
        "samples".to_owned(),
    ];
    table(&head, &rows, style, out);
    let has = |measure: Measure| shown.iter().any(|(other, _)| *other == measure);
    let remarks = [
        (
            has(Measure::DeliveryResponse) || has(Measure::AckResponse),
            "response: from the due time; service: from sending",
        ),
        (has(Measure::Lateness), "lateness: of our timers"),
        (few, "-: too few samples"),
    ];
    let remarks: Vec<_> = remarks
        .into_iter()
        .filter(|(said, _)| *said)
        .map(|(_, text)| text)
        .collect();
    if !remarks.is_empty() {
        out.push_str("  ");
        style.paint(Ink::Dim, out, |out| out.push_str(&remarks.join("; ")));
        out.push('\n');
    }
}

/// An empty line, a heading, and rows below it: the first column to the left, others to the right.
fn table<const N: usize>(head: &[String; N], rows: &[[String; N]], style: Style, out: &mut String) {
    if rows.is_empty() {
        return;
    }
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = std::iter::once(head).chain(rows).filter_map(|row| row.get(column));
        cells.map(|cell| columns(cell)).max().unwrap_or_default()
    });
    // An empty column needs no heading.
    let used: [bool; N] = std::array::from_fn(|column| {
        rows.iter()
            .any(|row| row.get(column).is_some_and(|cell| !cell.is_empty()))
    });
    let line = |row: &[String; N], indent: &str| {
        let mut line = String::from(indent);
        for (column, ((cell, width), used)) in row.iter().zip(widths).zip(used).enumerate() {
            if column == 0 {
                // As wide in both tables.
                let width = width.max(FIRST) + 2 - indent.len();
                let _ = write!(line, "{cell:<width$}");
            } else if used {
                let width = width.max(9);
                let _ = write!(line, "  {cell:>width$}");
            }
        }
        line.truncate(line.trim_end().len());
        line
    };
    out.push('\n');
    heading(&line(head, ""), style, out);
    out.push('\n');
    for row in rows {
        let _ = writeln!(out, "{}", line(row, "  "));
    }
}

/// The width of the first column at least.
const FIRST: usize = 18;

/// Where everything went that was sent; what is zero and not a matter of trust is left out.
fn conservation(report: &Report, style: Style, out: &mut String) {
    let (load, counts) = (&report.load, &report.counts);
    let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
    let some = |value: u64, name: &str| (value > 0).then(|| format!("{} {name}", count(value)));
    let publishes = load.scenario != Scenario::Connect;
    if publishes && load.subscribers > 0 {
        let mut parts = vec![
            format!("{} expected", count(counts.expected)),
            format!("{} lost", count(counts.lost)),
            format!("{} duplicated", count(counts.duplicated)),
            format!("{} out of order", count(counts.out_of_order)),
        ];
        let late = format!("late (over {} s)", decimals(load.late.as_secs_f64(), 3));
        parts.extend(some(counts.late, &late));
        parts.extend(some(counts.foreign, "foreign"));
        lines.push(("deliveries", parts));
    }
    if publishes {
        let mut parts: Vec<String> = Vec::new();
        parts.extend(some(counts.refused, "refused"));
        parts.extend(some(counts.unacknowledged, "unacknowledged"));
        parts.extend(some(counts.unsent, "due but not sent"));
        parts.extend(some(counts.doubtful, "doubtful"));
        if !parts.is_empty() {
            parts.insert(0, format!("{} due", count(counts.offered)));
            lines.push(("publishing", parts));
        }
    }
    if counts.failed_connections > 0 || counts.lost_connections > 0 || load.scenario == Scenario::Connect {
        let parts = vec![
            format!("{} made", count(counts.connected)),
            format!("{} failed", count(counts.failed_connections)),
            format!("{} lost", count(counts.lost_connections)),
        ];
        lines.push(("connections", parts));
    }
    if !lines.is_empty() {
        out.push('\n');
    }
    for (name, parts) in lines {
        heading(&format!("{name:<width$}", width = FIRST + 2), style, out);
        let _ = writeln!(out, "  {}", parts.join(", "));
    }
}

/// Against the baseline. Counts that were zero and are zero share a line.
fn comparison(judged: &Judged, style: Style, out: &mut String) {
    let Some(comparison) = &judged.comparison else { return };
    out.push('\n');
    heading("against the baseline", style, out);
    if let Some(most) = comparison.max_regression {
        let _ = write!(out, ", at most {} % worse", decimals(most, 2));
    }

    out.push('\n');
    let quiet = |verdict: &&Verdict| {
        verdict.outcome != Outcome::Failed && verdict.value == Some(0.0) && verdict.baseline.as_deref() == Some("0")
    };
    let (zero, shown): (Vec<_>, Vec<_>) = comparison.verdicts.iter().partition(quiet);
    verdicts(&shown, false, style, out);
    if let Some(first) = zero.first() {
        let names: Vec<_> = zero.iter().map(|verdict| verdict.name.as_str()).collect();
        mark(first.outcome, style, out);
        let _ = writeln!(out, "0 as before: {}", names.join(", "));
    }
    for note in &comparison.notes {
        let _ = writeln!(out, "  note: {}", safe(note));
    }
}

fn thresholds(judged: &Judged, style: Style, out: &mut String) {
    if judged.thresholds.is_empty() {
        return;
    }
    out.push('\n');
    heading("thresholds", style, out);
    out.push('\n');
    verdicts(&judged.thresholds.iter().collect::<Vec<_>>(), true, style, out);
}

fn mark(outcome: Outcome, style: Style, out: &mut String) {
    out.push_str("  ");
    match outcome {
        Outcome::Passed => out.push_str("ok  "),
        Outcome::Failed => style.paint(Ink::Fault, out, |out| out.push_str("FAIL")),
        Outcome::NotJudged => out.push_str("-   "),
    }
    out.push_str("  ");
}

/// `limits`: say why a figure failed though both are there; the heading may have said it.
fn verdicts(verdicts: &[&Verdict], limits: bool, style: Style, out: &mut String) {
    let widest = |text: fn(&Verdict) -> &str| verdicts.iter().map(|v| columns(text(v))).max().unwrap_or_default();
    let name = widest(|verdict| &verdict.name);
    let measured = widest(|verdict| &verdict.measured);
    let baseline = widest(|verdict| verdict.baseline.as_deref().unwrap_or_default());
    for verdict in verdicts {
        mark(verdict.outcome, style, out);
        let mut line = format!("{:<name$}  {:>measured$}", verdict.name, verdict.measured);
        if baseline > 0 {
            let was = verdict.baseline.as_deref().map_or("", |_| "was");
            let old = verdict.baseline.as_deref().unwrap_or_default();
            let change = verdict
                .change
                .map(|change| format!("{change:+.1} %"))
                .unwrap_or_default();
            let _ = write!(line, "  {was:3} {old:>baseline$}  {change:>9}");
        }
        let said = !limits && verdict.outcome == Outcome::Failed && verdict.value.is_some();
        if !verdict.why.is_empty() && !said {
            let _ = write!(line, "  {}", safe(&verdict.why));
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}
