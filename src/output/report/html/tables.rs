//! Tables of all latencies and all counts. It must not know plots.

use super::head::compared;
use super::markup::{END_TABLE, escaped, paragraph, section, table};
use super::quantity::{NONE, bytes, count, latency, number};
use super::words;
use crate::bench::count::Meaning;
use crate::bench::figure::{Kind, Statistic};
use crate::bench::{Count, Measure, Report, Scenario};

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
    for each in Count::ALL {
        let value = report.counts.get(*each);
        let shown = if each.meaning() == Meaning::Bytes { bytes } else { count };
        let class = match each.meaning() {
            Meaning::Fault if value > 0 => " class=\"bad\"",
            _ => "",
        };
        let (name, shown_value) = (each.name(), shown(value));
        out.push_str(&format!(
            "<tr{class}><th scope=\"row\"><code>{name}</code></th><td>{shown_value}</td>"
        ));
        if let Some(baseline) = baseline {
            out.push_str(&format!("<td>{}</td>", shown(baseline.counts.get(*each))));
        }
        out.push_str(&format!(
            "<td class=\"words\">{}</td></tr>\n",
            escaped(each.explanation())
        ));
    }
    rates(report, baseline, out);
    out.push_str(END_TABLE);
    out.push_str("</section>\n");
}

fn rates(report: &Report, baseline: Option<&Report>, out: &mut String) {
    let sent = match (report.load.qos, report.load.subscribers) {
        (0, _) => "messages written per second of wall-clock time; QoS 0 is not confirmed",
        _ => "messages sent per second of wall-clock time",
    };
    for kind in Kind::ALL {
        let what = match kind {
            Kind::Sent => sent,
            Kind::Acknowledged => "acknowledged per second, to the last acknowledgement",
            Kind::Received => "delivered per second, to the last delivery",
            Kind::Connected => "connections per second, from the first attempt to the last CONNACK",
        };
        let new = kind.of(&report.rates);
        let old = baseline.map(|baseline| kind.of(&baseline.rates));
        // Only connecting is measured in that scenario.
        if new == 0.0 && old.unwrap_or(0.0) == 0.0 && report.load.scenario == Scenario::Connect {
            continue;
        }
        let change = old.and_then(|old| compared(new, old, false));
        out.push_str(&format!(
            "<tr><th scope=\"row\"><code>rate {}</code></th><td>{}/s{}</td>",
            kind.name(),
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
