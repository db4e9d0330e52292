//! The top of the page: what was measured, whether to believe it, and the figures that are quoted. It must not know plots.

use super::super::super::time;
use super::markup::{escaped, list, paragraph};
use super::quantity::{NONE, change, count, latency, number, ratio};
use super::words;
use crate::bench::figure::Statistic;
use crate::bench::{Report, Scenario};

/// A figure is worse when it differs from the baseline by more than this share.
pub(super) const WORSE: f64 = 0.05;

/// The title of the page.
pub(super) fn title(report: &Report) -> String {
    format!(
        "mqkit bench: {}, {}",
        words::scenario(report.load.scenario),
        started(report)
    )
}

/// Appends title, verdict and key figures.
pub(super) fn write(report: &Report, baseline: Option<&Report>, out: &mut String) {
    out.push_str("<header>\n");
    let eyebrow = format!(
        "mqkit bench · {} · {}",
        words::scenario(report.load.scenario),
        started(report)
    );
    paragraph("eyebrow", &eyebrow, out);
    out.push_str(&format!("<h1>{}</h1>\n", escaped(&words::summary(report))));
    verdict(report, out);
    key_figures(report, baseline, out);
    if let Some(baseline) = baseline {
        let (here, there) = (words::brokers(report), words::brokers(baseline));
        let there = if here == there {
            String::new()
        } else {
            format!(", {there}")
        };
        let mut text = format!(
            "Changes are against the baseline of {}{there}. Bold: worse by more than {} %.",
            started(baseline),
            number(WORSE * 100.0)
        );
        let differences = report.load.differences(&baseline.load).into_iter();
        let names: Vec<_> = differences.map(|(option, _)| option.name).collect();
        if !names.is_empty() {
            text.push_str(&format!(" Its load was another one: {}.", names.join(", ")));
        }
        paragraph("note", &text, out);
    }
    out.push_str("</header>\n");
}

/// When measuring began: `2026-11-26 11:17:13 UTC`.
pub(super) fn started(report: &Report) -> String {
    let since_epoch = std::time::Duration::try_from_secs_f64(report.span.started).unwrap_or_default();
    let mut text = Vec::new();
    time::since_epoch(since_epoch, &mut text);
    let text = String::from_utf8(text).unwrap_or_default();
    let second = text.split('.').next().unwrap_or_default();
    format!("{} UTC", second.replace('T', " "))
}

fn verdict(report: &Report, out: &mut String) {
    let generator = &report.generator;
    let counts = &report.counts;
    if !report.failures.is_empty() {
        out.push_str("<div class=\"verdict bad\"><p><span aria-hidden=\"true\">✗</span> The run failed:</p>\n");
        list(report.failures.iter().map(|failure| &failure.text), out);
        out.push_str("</div>\n");
    }
    if report.broken.is_empty() && counts.sent == 0 && counts.received == 0 && counts.connected == 0 {
        let text = "Nothing was sent and nobody connected: nothing was tested.";
        out.push_str(&format!(
            "<p class=\"verdict warn\"><span aria-hidden=\"true\">!</span> {text}</p>\n"
        ));
    } else if report.broken.is_empty() {
        let text = match (report.load.scenario, report.load.qos.min(report.load.subscribe_qos)) {
            (Scenario::Connect, _) => "No guarantee was broken.",
            (_, 0) => "No guarantee was broken. QoS 0 does not promise delivery: a lost message breaks nothing.",
            _ => "No guarantee was broken.",
        };
        out.push_str(&format!(
            "<p class=\"verdict good\"><span aria-hidden=\"true\">✓</span> {text}</p>\n"
        ));
    } else {
        out.push_str("<div class=\"verdict bad\"><p><span aria-hidden=\"true\">✗</span> Guarantees were broken:</p>\n");
        list(report.broken.iter().map(|breach| &breach.text), out);
        out.push_str("</div>\n");
    }
    if generator.limited {
        out.push_str(
            "<div class=\"verdict warn\"><p><span aria-hidden=\"true\">!</span> Limited by this machine: \
             the figures say more about the load generator than about the broker.</p>\n",
        );
        if !generator.reasons.is_empty() {
            list(&generator.reasons, out);
        }
        out.push_str("</div>\n");
    } else {
        out.push_str(
            "<p class=\"verdict good\"><span aria-hidden=\"true\">✓</span> The load generator was not the limit.</p>\n",
        );
    }
}

/// A figure with its name, what stands below it, and its change.
struct Tile {
    name: &'static str,
    value: String,
    below: String,
    change: Option<Change>,
    bad: bool,
}

struct Change {
    text: String,
    worse: bool,
}

/// The change of a figure, and whether it is worse.
pub(super) fn compared(new: f64, old: f64, more_is_worse: bool) -> Option<(String, bool)> {
    let factor = ratio(new, old)?;
    let worse = if more_is_worse {
        factor > 1.0 + WORSE
    } else {
        factor < 1.0 - WORSE
    };
    Some((change(new, old)?, worse))
}

fn key_figures(report: &Report, baseline: Option<&Report>, out: &mut String) {
    let mut tiles = vec![rate(report, baseline)];
    let measure = report.main_measure();
    let latencies = measure.and_then(|measure| report.latency.get(measure.name()));
    if let (Some(measure), Some(times)) = (measure, latencies) {
        let before = baseline.and_then(|baseline| baseline.latency.get(measure.name()));
        for statistic in [Statistic::P50, Statistic::P99, Statistic::P99_9, Statistic::Max] {
            let value = statistic.of(times);
            let few = times.count < statistic.needs();
            tiles.push(Tile {
                name: statistic.name(),
                value: latency(value),
                below: if few { "few samples" } else { "" }.to_owned(),
                change: before.and_then(|before| changed(value, statistic.of(before), true)),
                bad: false,
            });
        }
    }
    tiles.extend(delivery(report));
    out.push_str("<dl class=\"tiles\">\n");
    for tile in tiles {
        let bad = if tile.bad { "bad" } else { "" };
        // Two columns for what does not fit into one.
        let long = if tile.value.chars().count() > 8 { " long" } else { "" };
        let class = format!(" class=\"{}\"", format!("{bad}{long}").trim());
        out.push_str(&format!(
            "<div{class}><dt>{}</dt><dd>{}",
            escaped(tile.name),
            escaped(&tile.value)
        ));
        if let Some(change) = tile.change {
            let class = if change.worse { "change worse" } else { "change" };
            out.push_str(&format!(" <span class=\"{class}\">{}</span>", escaped(&change.text)));
        }
        if !tile.below.is_empty() {
            out.push_str(&format!("<small>{}</small>", escaped(&tile.below)));
        }
        out.push_str("</dd></div>\n");
    }
    out.push_str("</dl>\n");
    match measure {
        Some(measure) => paragraph(
            "note",
            &format!("Latencies are of the {}.", words::measure(measure)),
            out,
        ),
        None => paragraph("note", "No latency was measured.", out),
    }
}

fn changed(new: f64, old: f64, more_is_worse: bool) -> Option<Change> {
    compared(new, old, more_is_worse).map(|(text, worse)| Change { text, worse })
}

/// The rate that says most about the broker.
fn rate(report: &Report, baseline: Option<&Report>) -> Tile {
    let (counts, rates) = (&report.counts, &report.rates);
    let before = baseline.map(|baseline| baseline.rates);
    let (name, value, before) = if report.load.scenario == Scenario::Connect {
        (
            "connected per second",
            rates.connected,
            before.map(|before| before.connected),
        )
    } else if counts.expected > 0 || counts.received > 0 {
        (
            "delivered per second",
            rates.received,
            before.map(|before| before.received),
        )
    } else if report.load.qos > 0 {
        (
            "acknowledged per second",
            rates.acknowledged,
            before.map(|before| before.acknowledged),
        )
    } else {
        ("written per second", rates.sent, before.map(|before| before.sent))
    };
    let target = rates.target.filter(|target| target.is_finite());
    let below = match (target, report.load.scenario) {
        (_, Scenario::Connect) => format!("{} connections", count(counts.connected)),
        (Some(target), _) => format!("{} sent of {} planned", number(rates.sent), number(target)),
        _ if name == "written per second" => "nobody confirms QoS 0".to_owned(),
        _ => format!("{} sent per second", number(rates.sent)),
    };
    let change = before.and_then(|before| changed(value, before, false));
    Tile {
        name,
        value: number(value),
        below,
        change,
        bad: false,
    }
}

fn delivery(report: &Report) -> Vec<Tile> {
    let counts = &report.counts;
    let tile = |name, value: u64, below: String| Tile {
        name,
        value: count(value),
        below,
        change: None,
        bad: value > 0,
    };
    if report.load.scenario == Scenario::Connect {
        return vec![
            tile("failed", counts.failed_connections, "connections".to_owned()),
            tile("lost", counts.lost_connections, "connections".to_owned()),
        ];
    }
    let mut tiles = Vec::new();
    if counts.expected > 0 || counts.received > 0 {
        tiles.push(tile("lost", counts.lost, format!("of {}", count(counts.expected))));
        tiles.push(tile("duplicated", counts.duplicated, "deliveries".to_owned()));
    } else if report.load.qos > 0 {
        tiles.push(tile(
            "unacknowledged",
            counts.unacknowledged,
            format!("of {}", count(counts.sent)),
        ));
    } else {
        tiles.push(Tile {
            name: "lost",
            value: NONE.to_owned(),
            below: "not known".to_owned(),
            change: None,
            bad: false,
        });
    }
    tiles
}
