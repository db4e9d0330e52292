//! The reports of several processes as one, exactly: samples and counts are added, nothing is averaged. It must not know
//! where they were stored.

use super::{Generator, Latency, Process, Rates, Report, Row, SCHEMA, Span, main_measure};
use crate::bench::histogram::{BadHistogram, Histogram};
use crate::bench::{Across, Breach, Counts, Failure, Load, Measure, Scenario};
use std::collections::{BTreeMap, BTreeSet};

/// The share of the merged time of sending during which all processes should have been sending.
const TOGETHER: f64 = 0.9;

/// Reports cannot be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// None were given.
    #[error("there is no report to merge")]
    Nothing,
    /// The same run would count twice.
    #[error("the run {run} (on {host}) is there twice")]
    Twice {
        /// Identifies the run.
        run: String,
        /// Where it ran.
        host: String,
    },
    /// Runs of different shapes do not add up to anything.
    #[error("{process} is of the scenario {found}, others are of {first}", found = .found.name(), first = .first.name())]
    Scenario {
        /// Host and run.
        process: String,
        /// Its scenario.
        found: Scenario,
        /// That of the first report.
        first: Scenario,
    },
    /// Samples cannot be read.
    #[error("{process}: {place} is broken")]
    Histogram {
        /// Host and run.
        process: String,
        /// Where in the report.
        place: String,
        /// Why.
        source: BadHistogram,
    },
}

impl Report {
    /// One report of all processes, as one process would have made it that had done what all of them did.
    ///
    /// Exact: all counts; all samples, and so all percentiles; the times, as far as the clocks of the machines agree, and
    /// the rates, which are by the time from the first start to the last end. The connections of the beginning have a time
    /// of their own in the same way.
    ///
    /// Rows are as long as the longest first row, and begin with the first start; only the last one may be longer. A row of a
    /// process is added whole where its middle lies: that is exact for processes that began at the same time
    /// (`--start-at`) or whole intervals apart, and had intervals of the same length; else a row may be up to half an
    /// interval early or late. Sums over all rows are always exact. Percentiles of a row are of the main measure of the
    /// merged report; processes whose main measure is another one add their counts only.
    ///
    /// A merged report can be merged again.
    ///
    /// # Errors
    /// There is nothing to merge, a run would count twice, scenarios differ, or samples are no histograms.
    pub fn merge(reports: Vec<Self>) -> Result<Self, MergeError> {
        let first = reports.first().ok_or(MergeError::Nothing)?;
        check(&reports)?;
        if reports.len() == 1 {
            return Ok(first.clone());
        }
        let (offsets, span) = spans(&reports);
        let mut counts = Counts::default();
        for report in &reports {
            counts.add(&report.counts);
        }
        let latency = latency(&reports)?;
        let load = load(&reports, &first.load);
        let mut failures = Vec::new();
        let mut broken = Vec::new();
        let mut notes = Vec::new();
        for report in &reports {
            failures.extend(report.failures.iter().map(|failure| Failure {
                text: labelled(report, &failure.text),
                ..failure.clone()
            }));
            broken.extend(report.broken.iter().map(|breach| Breach {
                text: labelled(report, &breach.text),
                ..breach.clone()
            }));
            let common = |note: &String| reports.iter().all(|other| other.notes.contains(note));
            let (shared, own): (Vec<_>, Vec<_>) = report.notes.iter().cloned().partition(common);
            for note in shared {
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
            notes.extend(own.iter().map(|note| labelled(report, note)));
        }
        // Causes first.
        failures.sort_by_key(|failure| failure.kind);
        notes.extend(differences(&reports));
        notes.extend(apart(&reports, &offsets, &span));
        Ok(Self {
            schema: SCHEMA,
            processes: reports.iter().flat_map(|report| report.processes.clone()).collect(),
            rates: Rates::new(&load, &counts, &latency, &span),
            timeline: timeline(&reports, &offsets, &latency)?,
            generator: generator(&reports),
            load,
            span,
            counts,
            latency,
            failures,
            broken,
            notes,
        })
    }
}

/// Whether they may be added.
fn check(reports: &[Report]) -> Result<(), MergeError> {
    let mut runs = BTreeSet::new();
    for process in reports.iter().flat_map(|report| &report.processes) {
        if !runs.insert(&process.run) {
            return Err(MergeError::Twice {
                run: process.run.clone(),
                host: process.host.clone(),
            });
        }
    }
    let mut scenarios = reports.iter().map(|report| report.load.scenario);
    let first = scenarios.next().unwrap_or(Scenario::RoundTrip);
    match reports.iter().find(|report| report.load.scenario != first) {
        Some(other) => Err(MergeError::Scenario {
            process: label(other),
            found: other.load.scenario,
            first,
        }),
        None => Ok(()),
    }
}

/// How long after the first start each report's measuring began, and the time from there to the last end.
fn spans(reports: &[Report]) -> (Vec<f64>, Span) {
    let started = reports
        .iter()
        .map(|report| report.span.started)
        .fold(f64::INFINITY, f64::min);
    let offsets: Vec<_> = reports.iter().map(|report| report.span.started - started).collect();
    let each = || offsets.iter().zip(reports.iter().map(|report| &report.span));
    let last = |end: fn(&Span) -> f64| each().map(|(offset, span)| offset + end(span)).fold(0.0, f64::max);
    // Without connections there is no time of theirs.
    let connecting = || each().filter(|(_, span)| span.connecting > 0.0);
    let begin = connecting()
        .map(|(offset, span)| offset + span.connecting_from)
        .reduce(f64::min)
        .unwrap_or_default();
    let end = connecting()
        .map(|(offset, span)| offset + span.connecting_from + span.connecting)
        .reduce(f64::max)
        .unwrap_or_default();
    let span = Span {
        started,
        sending: last(|span| span.sending),
        acknowledging: last(|span| span.acknowledging),
        receiving: last(|span| span.receiving),
        connecting_from: begin,
        connecting: end - begin,
    };
    (offsets, span)
}

fn latency(reports: &[Report]) -> Result<BTreeMap<String, Latency>, MergeError> {
    let names: BTreeSet<_> = reports.iter().flat_map(|report| report.latency.keys()).collect();
    let mut merged = BTreeMap::new();
    for name in names {
        let mut sum = Histogram::default();
        for report in reports {
            if let Some(latency) = report.latency.get(name) {
                sum.add(&samples(&latency.histogram, report, || format!("latency.{name}"))?);
            }
        }
        merged.insert(name.clone(), Latency::new(&sum));
    }
    Ok(merged)
}

/// A row of a process.
struct Part<'a> {
    report: &'a Report,
    /// Its number in the report.
    index: usize,
    row: &'a Row,
    /// Start of the row, from the first start.
    at: f64,
}

fn timeline(reports: &[Report], offsets: &[f64], latency: &BTreeMap<String, Latency>) -> Result<Vec<Row>, MergeError> {
    let main = main_measure(|measure| latency.contains_key(measure.name()));
    let firsts = reports.iter().filter_map(|report| report.timeline.first());
    let length = firsts.map(|row| row.length).fold(0.0, f64::max);
    // The parts of each row, by its number.
    let mut places: BTreeMap<u64, Vec<Part<'_>>> = BTreeMap::new();
    for (report, offset) in reports.iter().zip(offsets) {
        for (index, row) in report.timeline.iter().enumerate() {
            let at = offset + row.at;
            // The last row may be longer than others. A number beyond the range is its end.
            let place = ((at + row.length.min(length) / 2.0) / length).floor() as u64;
            places.entry(place).or_default().push(Part { report, index, row, at });
        }
    }
    let last = places.keys().next_back().copied();
    places
        .into_iter()
        .map(|(place, parts)| {
            let at = place as f64 * length;
            let ends = parts.iter().map(|part| part.at + part.row.length);
            let whole = ends.fold(at, f64::max) - at;
            let length = if Some(place) == last { whole } else { whole.min(length) };
            let row = Row {
                at,
                length,
                ..Row::default()
            };
            sum(row, &parts, main)
        })
        .collect()
}

/// Adds the parts to an empty row.
fn sum(mut sum: Row, parts: &[Part<'_>], main: Option<Measure>) -> Result<Row, MergeError> {
    let mut histogram = Histogram::default();
    for Part { report, index, row, .. } in parts {
        sum.sent = sum.sent.saturating_add(row.sent);
        sum.acknowledged = sum.acknowledged.saturating_add(row.acknowledged);
        sum.received = sum.received.saturating_add(row.received);
        if !row.histogram.is_empty() && report.main_measure() == main {
            histogram.add(&samples(&row.histogram, report, || format!("timeline[{index}]"))?);
        }
    }
    Ok(if histogram.is_empty() {
        sum
    } else {
        sum.with(&histogram)
    })
}

fn samples(text: &str, report: &Report, place: impl Fn() -> String) -> Result<Histogram, MergeError> {
    Histogram::from_text(text).map_err(|source| MergeError::Histogram {
        process: label(report),
        place: place(),
        source,
    })
}

fn generator(reports: &[Report]) -> Generator {
    let mut sum = Generator::default();
    let mut messages = 0.0;
    for report in reports {
        let one = &report.generator;
        sum.cpu += one.cpu;
        sum.busiest = sum.busiest.max(one.busiest);
        sum.send_queue = sum.send_queue.max(one.send_queue);
        sum.limited |= one.limited;
        sum.reasons
            .extend(one.reasons.iter().map(|reason| labelled(report, reason)));
        if one.cpu_per_message > 0.0 {
            messages += one.cpu / one.cpu_per_message;
        }
    }
    if messages > 0.0 {
        sum.cpu_per_message = sum.cpu / messages;
    }
    sum
}

/// What all were to do together.
fn load(reports: &[Report], first: &Load) -> Load {
    let number = |of: fn(&Load) -> u32| {
        reports
            .iter()
            .fold(0, |sum: u32, report| sum.saturating_add(of(&report.load)))
    };
    // Who has no limit makes the sum have none.
    let rate = |of: fn(&Load) -> Option<f64>| reports.iter().map(|report| of(&report.load)).sum::<Option<f64>>();
    let counts = reports.iter().map(|report| report.load.count);
    Load {
        publishers: number(|load| load.publishers),
        subscribers: number(|load| load.subscribers),
        workers: number(|load| load.workers),
        rate: rate(|load| load.rate),
        connect_rate: rate(|load| load.connect_rate),
        count: counts
            .reduce(|sum, count| Some(sum?.saturating_add(count?)))
            .unwrap_or_default(),
        ..first.clone()
    }
}

/// Settings that are not the same everywhere, in words.
fn differences(reports: &[Report]) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    let loads: Vec<_> = reports.iter().map(|report| report.load.options()).collect();
    for (index, first) in loads.first()?.iter().enumerate() {
        let alike = loads.iter().all(|load| load.get(index) == Some(first));
        if !alike && first.across == Across::Same {
            names.push(first.name);
        }
    }
    let ends = |report: &Report| report.load.count.is_some();
    if reports.windows(2).any(|pair| ends(&pair[0]) != ends(&pair[1])) {
        names.push("end by count");
    }
    let processes = || reports.iter().flat_map(|report| &report.processes);
    let mut differ = |name: &'static str, of: fn(&Process) -> &str| {
        if processes().map(of).collect::<BTreeSet<_>>().len() > 1 {
            names.push(name);
        }
    };
    differ("version of mqkit", |process| &process.mqkit);
    differ("broker", |process| &process.broker);
    differ("protocol", |process| &process.protocol);
    differ("transport", |process| process.transport.as_deref().unwrap_or_default());
    (!names.is_empty()).then(|| {
        let names = names.join(", ");
        format!("The merged runs are not alike ({names}).")
    })
}

/// Says so when the processes were not measuring at the same time: their load was not on the broker together.
fn apart(reports: &[Report], offsets: &[f64], merged: &Span) -> Option<String> {
    let ends = offsets
        .iter()
        .zip(reports)
        .map(|(offset, report)| offset + report.span.sending);
    let begin = offsets.iter().copied().fold(0.0, f64::max);
    let together = (ends.fold(f64::INFINITY, f64::min) - begin).max(0.0);
    (together < TOGETHER * merged.sending).then(|| {
        let all = merged.sending;
        format!(
            "All processes were sending at the same time for {together:.1} s only, of {all:.1} s: start them together \
             (--start-at)."
        )
    })
}

/// A text with the process that it is about; a merged report has done that already.
fn labelled(report: &Report, text: &str) -> String {
    match report.processes.as_slice() {
        [_] => format!("{}: {text}", label(report)),
        _ => text.to_owned(),
    }
}

/// `host (run 1a2b)`: there may be several on a host.
fn label(report: &Report) -> String {
    let one = |process: &Process| format!("{} (run {})", process.host, process.run);
    report.processes.iter().map(one).collect::<Vec<_>>().join(", ")
}
