//! A run held against an earlier one. It must not know where the earlier one was kept, or how the outcome is shown.

use super::figure::{Figure, Kind, Statistic, latency};
use super::load::yes;
use super::quantity::{Unit, count, decimals, parse_number};
use super::report::Process;
use super::{Comparison, Count, Outcome, Report, Scenario, Verdict};
use std::collections::BTreeSet;

/// Runs that say nothing about each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// They are of other scenarios.
    #[error("the baseline is of the scenario {baseline}, this run of {now}: they cannot be compared")]
    Scenario {
        /// That of the baseline.
        baseline: &'static str,
        /// That of this run.
        now: &'static str,
    },
}

/// Times that are compared.
const TIMES: [Statistic; 3] = [Statistic::P50, Statistic::P99, Statistic::P99_9];
/// Samples below which even a median is a matter of chance.
const LEAST: u64 = 20;
/// Counts that must not grow.
const LOSSES: [Count; 6] = [
    Count::Lost,
    Count::Duplicated,
    Count::OutOfOrder,
    Count::Refused,
    Count::FailedConnections,
    Count::LostConnections,
];

/// Compares with an earlier run. Times may be longer and rates lower by `max_regression` percent; losses must not be more.
/// Without it, nothing fails.
///
/// # Errors
/// The runs are of different scenarios.
pub fn compare(now: &Report, baseline: &Report, max_regression: Option<f64>) -> Result<Comparison, Error> {
    if now.load.scenario != baseline.load.scenario {
        return Err(Error::Scenario {
            baseline: baseline.load.scenario.name(),
            now: now.load.scenario.name(),
        });
    }
    // What the baseline was about: when it is gone now, that is no success.
    let measure = baseline.main_measure().or_else(|| now.main_measure());
    let compare_figure = |name: String, figure: Figure| compare_figure(name, figure, now, baseline, max_regression);
    let mut verdicts = Vec::new();
    let times = measure
        .into_iter()
        .flat_map(|measure| TIMES.map(|statistic| (measure, statistic)));
    for (main, statistic) in times {
        let figure = Figure::Latency(measure, statistic);
        let name = format!("{}.{}", main.name(), statistic.name());
        let mut verdict = compare_figure(name, figure);
        if let (Ok(old), Ok(new)) = (latency(measure, baseline), latency(measure, now)) {
            let samples = old.count.min(new.count);
            if samples < statistic.needs().max(LEAST) {
                verdict.outcome = Outcome::NotJudged;
                verdict.why = format!("not compared: {} samples are too few", count(samples));
            }
        }
        verdicts.push(verdict);
    }
    let connections = (now.load.scenario == Scenario::Connect).then_some(Kind::Connected);
    let rates = [Kind::Sent, Kind::Acknowledged, Kind::Received];
    let rates = rates
        .into_iter()
        .chain(connections)
        .map(|kind| (format!("rate.{}", kind.name()), Figure::Rate(Some(kind))));
    let losses = LOSSES.map(|count| (count.name().to_owned(), Figure::Count(count)));
    for (name, figure) in rates.chain(losses) {
        if figure.value(now).is_ok() || figure.value(baseline).is_ok() {
            verdicts.push(compare_figure(name, figure));
        }
    }
    Ok(Comparison {
        max_regression,
        verdicts,
        notes: notes(now, baseline),
    })
}

/// Reads `10%` or `10`.
///
/// # Errors
/// What is wrong with it.
pub fn percent(text: &str) -> Result<f64, String> {
    let text = text.trim();
    parse_number(text.strip_suffix('%').unwrap_or(text)).map_err(|_| "must be a percentage such as 10%".to_owned())
}

fn compare_figure(
    name: String,
    figure: Figure,
    now: &Report,
    baseline: &Report,
    max_regression: Option<f64>,
) -> Verdict {
    let (new, old) = (figure.value(now), figure.value(baseline));
    let shown = |value: &Result<f64, String>| value.as_ref().ok().map(|value| figure.unit().show(*value));
    let mut verdict = Verdict {
        name,
        outcome: Outcome::NotJudged,
        value: new.as_ref().ok().copied(),
        measured: shown(&new).unwrap_or_else(|| "not measured".to_owned()),
        baseline: shown(&old),
        change: None,
        why: String::new(),
    };
    let (new, old) = match (new, old) {
        (Ok(new), Ok(old)) => (new, old),
        (Ok(_), Err(_)) => {
            verdict.why = "not compared: the baseline did not measure it".to_owned();
            return verdict;
        }
        (Err(why), _) => {
            verdict.why = why;
            if max_regression.is_some() {
                verdict.outcome = Outcome::Failed;
            }
            return verdict;
        }
    };
    if old > 0.0 {
        verdict.change = Some((new - old) / old * 100.0);
    }
    let Some(most) = max_regression else { return verdict };
    let (worse, allowed) = match figure.unit() {
        Unit::Count => (new > old, "no increase".to_owned()),
        Unit::Rate => (new < old * (1.0 - most / 100.0), allowed(most)),
        _ => (new > old * (1.0 + most / 100.0), allowed(most)),
    };
    (verdict.outcome, verdict.why) = match limited(now, baseline) {
        _ if !worse => (Outcome::Passed, String::new()),
        // Rates and times that the machine limited are no failures of the broker; losses are.
        Some(limited) if figure.unit() != Unit::Count => (Outcome::NotJudged, format!("not judged: {limited}")),
        _ => (Outcome::Failed, format!("{allowed} is allowed")),
    };
    verdict
}

fn allowed(most: f64) -> String {
    format!("at most {} % worse", decimals(most, 2))
}

/// One thing that a process tells about itself.
type Fact = fn(&Process) -> String;

/// What makes a comparison less telling.
fn notes(now: &Report, baseline: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    let differences = now.load.differences(&baseline.load).into_iter();
    let changed: Vec<_> = differences
        .map(|(option, old)| format!("{} {} (was {old})", option.name, option.value))
        .collect();
    if !changed.is_empty() {
        notes.push(format!("the load is not the same: {}", changed.join(", ")));
    }
    let facts: [(&str, Fact); 7] = [
        ("broker", |process| process.broker_version.clone().unwrap_or_default()),
        ("broker embedded", |process| yes(process.embedded)),
        ("protocol", |process| process.protocol.clone()),
        ("transport", |process| {
            process.transport.clone().unwrap_or_else(|| "plain".to_owned())
        }),
        ("load from host", |process| process.host.clone()),
        ("processor", |process| {
            format!("{} x {}", process.processors, process.processor)
        }),
        ("mqkit", |process| process.mqkit.clone()),
    ];
    for (name, fact) in facts {
        let (new, old) = (all(now, fact), all(baseline, fact));
        if new != old {
            notes.push(format!("{name}: {new}, was {old}"));
        }
    }
    if now.processes.len() != baseline.processes.len() {
        let (new, old) = (now.processes.len(), baseline.processes.len());
        notes.push(format!("load from {new} processes, was {old}"));
    }
    notes.extend(
        limited(now, baseline)
            .map(|who| format!("{who} by the machine that made the load: worse rates and times are no failure")),
    );
    notes
}

/// Which of the runs, if any, say more about the machine that made the load than about the broker.
fn limited(now: &Report, baseline: &Report) -> Option<&'static str> {
    match (now.generator.limited, baseline.generator.limited) {
        (false, false) => None,
        (true, false) => Some("this run was limited"),
        (false, true) => Some("the baseline was limited"),
        (true, true) => Some("both runs were limited"),
    }
}

/// What the processes of a run say, each answer once.
fn all(report: &Report, fact: Fact) -> String {
    let facts: BTreeSet<String> = report.processes.iter().map(fact).collect();
    let facts: Vec<String> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
    if facts.is_empty() {
        "unknown".to_owned()
    } else {
        facts.join(" and ")
    }
}
