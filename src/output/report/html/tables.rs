//! Tables of all latencies and all counts. It must not know plots.

use super::head::compared;
use super::markup::{END_TABLE, escaped, paragraph, section, table};
use super::quantity::{NONE, bytes, count, latency, number};
use super::words;
use crate::bench::figure::Statistic;
use crate::bench::report::Rates;
use crate::bench::{Measure, Report, Scenario};

/// The columns of the latencies.
const COLUMNS: [Statistic; 9] = [
    Statistic::Min,
    Statistic::Mean,
    Statistic::P50,
    Statistic::P90,
    Statistic::P95,
    Statistic::P99,
    Statistic::P99_9,
    Statistic::P99_99,
    Statistic::Max,
];

/// Appends both tables.
pub(super) fn write(report: &Report, baseline: Option<&Report>, out: &mut String) {
    latencies(report, baseline, out);
    counts(report, baseline, out);
}

fn latencies(report: &Report, baseline: Option<&Report>, out: &mut String) {
    let known: Vec<_> = Measure::ALL
        .into_iter()
        .filter_map(|measure| {
            Some((
                measure,
                report.latency.get(measure.name()).filter(|times| times.count > 0)?,
            ))
        })
        .collect();
    section("times", "All latencies", out);
    if known.is_empty() {
        paragraph("note", "No time was measured.", out);
        out.push_str("</section>\n");
        return;
    }
    let mut columns = vec!["measure", "samples"];
    columns.extend(COLUMNS.map(Statistic::name));
    table("figures", "Latencies of the whole run", &columns, out);
    let mut few = false;
    for (measure, times) in known {
        let before = baseline.and_then(|baseline| baseline.latency.get(measure.name()));
        out.push_str(&format!(
            "<tr><th scope=\"row\"><code>{}</code><small>{}</small></th><td>{}</td>",
            measure.name(),
            escaped(words::measure(measure)),
            count(times.count)
        ));
        for statistic in COLUMNS {
            let too_few = times.count < statistic.needs();
            few |= too_few;
            let class = if too_few { " class=\"few\"" } else { "" };
            let value = statistic.of(times);
            let change = before.and_then(|before| compared(value, statistic.of(before), true));
            out.push_str(&format!("<td{class}>{}{}</td>", latency(value), changed(change)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str(END_TABLE);
    if few {
        paragraph(
            "note",
            "Pale italic: fewer samples than the percentile needs (p99.9 needs 1,000), so that it says no more than the maximum.",
            out,
        );
    }
    out.push_str("</section>\n");
}

fn changed(change: Option<(String, bool)>) -> String {
    let Some((text, worse)) = change else {
        return String::new();
    };
    let class = if worse { "change worse" } else { "change" };
    format!("<span class=\"{class}\">{}</span>", escaped(&text))
}

fn counts(report: &Report, baseline: Option<&Report>, out: &mut String) {
    section("counts", "What became of the messages", out);
    let mut columns = vec!["count", "number"];
    if baseline.is_some() {
        columns.push("baseline");
    }
    columns.push("what it is");
    let class = if baseline.is_some() {
        "figures explained compared"
    } else {
        "figures explained"
    };
    table(class, "Counts and rates, without the warm-up", &columns, out);
    let before = baseline.map(|baseline| baseline.counts.named());
    for (index, (name, value)) in report.counts.named().into_iter().enumerate() {
        let shown = if name.starts_with("bytes") { bytes } else { count };
        let class = if value > 0 && FAULTS.contains(&name) {
            " class=\"bad\""
        } else {
            ""
        };
        out.push_str(&format!(
            "<tr{class}><th scope=\"row\"><code>{name}</code></th><td>{}</td>",
            shown(value)
        ));
        if let Some(before) = before {
            out.push_str(&format!("<td>{}</td>", shown(before[index].1)));
        }
        out.push_str(&format!(
            "<td class=\"words\">{}</td></tr>\n",
            escaped(words::counted_thing(name))
        ));
    }
    rates(report, baseline, out);
    out.push_str(END_TABLE);
    out.push_str("</section>\n");
}

/// Counts that should be zero.
const FAULTS: [&str; 9] = [
    "refused",
    "unacknowledged",
    "unsent",
    "lost",
    "duplicated",
    "out_of_order",
    "late",
    "failed_connections",
    "lost_connections",
];

/// A rate: its name, its value, and what it is.
type Rate = (&'static str, fn(&Rates) -> f64, &'static str);

fn rates(report: &Report, baseline: Option<&Report>, out: &mut String) {
    let sent = match (report.load.qos, report.load.subscribers) {
        (0, _) => "messages written per second of wall-clock time; QoS 0 is not confirmed",
        _ => "messages sent per second of wall-clock time",
    };
    let rows: [Rate; 4] = [
        ("rate sent", |rates| rates.sent, sent),
        (
            "rate acknowledged",
            |rates| rates.acknowledged,
            "acknowledged per second, to the last acknowledgement",
        ),
        (
            "rate received",
            |rates| rates.received,
            "delivered per second, to the last delivery",
        ),
        (
            "rate connected",
            |rates| rates.connected,
            "connections per second, from the first attempt to the last CONNACK",
        ),
    ];
    for (name, value, what) in rows {
        let new = value(&report.rates);
        let old = baseline.map(|baseline| value(&baseline.rates));
        // Only connecting is measured in that scenario.
        if new == 0.0 && old.unwrap_or(0.0) == 0.0 && report.load.scenario == Scenario::Connect {
            continue;
        }
        let change = old.and_then(|old| compared(new, old, false));
        out.push_str(&format!(
            "<tr><th scope=\"row\"><code>{name}</code></th><td>{}/s{}</td>",
            number(new),
            changed(change)
        ));
        if baseline.is_some() {
            out.push_str(&format!(
                "<td>{}</td>",
                old.map_or_else(|| NONE.to_owned(), |old| format!("{}/s", number(old)))
            ));
        }
        out.push_str(&format!("<td class=\"words\">{what}</td></tr>\n"));
    }
}
