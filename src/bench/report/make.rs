//! A report of what was measured: counts by time are rates, samples are percentiles. It must not know other processes.

use super::{Interval, Latency, Process, Rates, Report, Row, SCHEMA, Span};
use crate::bench::histogram::Histogram;
use crate::bench::{Arrival, Counts, Load, Measure, Measured};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

impl Report {
    /// The report of one process. What `measured` knows about the connection goes into `process`; an early stop is noted.
    #[must_use]
    pub fn new(measured: Measured, load: &Load, process: Process) -> Self {
        let record = &measured.record;
        let sending = measured.planned.max(record.last.sent);
        let started = unix(measured.started);
        let span = Span {
            started,
            sending: sending.as_secs_f64(),
            acknowledging: sending.max(record.last.acknowledged).as_secs_f64(),
            receiving: sending.max(record.last.received).as_secs_f64(),
            connecting_from: between(measured.started, measured.connecting_from),
            connecting: measured.connecting.as_secs_f64(),
        };
        let latency: BTreeMap<_, _> = Measure::ALL
            .into_iter()
            .filter_map(|measure| Some((measure.name().to_owned(), Latency::new(record.histogram(measure)?))))
            .collect();
        let mut notes = measured.notes;
        if measured.stopped {
            notes.push("The run was stopped before its plan was done.".to_owned());
        }
        Self {
            schema: SCHEMA,
            processes: vec![Process {
                protocol: measured.protocol,
                transport: measured.transport,
                broker_version: measured.broker_version.or(process.broker_version),
                ..process
            }],
            load: load.clone(),
            span,
            counts: record.counts,
            rates: Rates::new(load, &record.counts, &latency, &span),
            latency,
            timeline: measured.rows,
            generator: measured.generator,
            failures: measured.failures,
            broken: measured.broken,
            notes,
        }
    }
}

impl Rates {
    /// Counts by the time that they took.
    pub(super) fn new(load: &Load, counts: &Counts, latency: &BTreeMap<String, Latency>, span: &Span) -> Self {
        // Those that were made later, after a loss, are no part of the beginning.
        let connected = latency.get(Measure::Connect.name()).map_or(0, |latency| latency.count);
        Self {
            target: load.rate.filter(|_| load.arrival != Arrival::Closed),
            sent: rate(counts.sent, span.sending),
            acknowledged: rate(counts.acknowledged, span.acknowledging),
            received: rate(counts.received, span.receiving),
            connected: rate(connected, span.connecting),
        }
    }
}

impl Latency {
    /// The figures of these samples.
    #[must_use]
    pub fn new(histogram: &Histogram) -> Self {
        let quantile = |share| micros(histogram.quantile(share));
        Self {
            count: histogram.len(),
            min: micros(histogram.min()),
            mean: micros(histogram.mean()),
            stdev: micros(histogram.stdev()),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            p99_9: quantile(0.999),
            p99_99: quantile(0.9999),
            max: micros(histogram.max()),
            histogram: histogram.to_text(),
        }
    }
}

impl Row {
    /// What an interval shows. `measure` is the main measure of the run, the same for all its intervals: the first one, in
    /// the order of [`super::main_measure`], that the run can have samples of.
    #[must_use]
    pub fn new(interval: &Interval, measure: Measure) -> Self {
        let counts = &interval.record.counts;
        let row = Self {
            at: interval.at.as_secs_f64(),
            length: interval.length.as_secs_f64(),
            sent: counts.sent,
            acknowledged: counts.acknowledged,
            received: counts.received,
            ..Self::default()
        };
        match interval.record.histogram(measure) {
            Some(histogram) => row.with(histogram),
            None => row,
        }
    }

    /// The same with these samples, of which there are some.
    pub(super) fn with(self, histogram: &Histogram) -> Self {
        Self {
            p50: micros(histogram.quantile(0.5)),
            p99: micros(histogram.quantile(0.99)),
            max: micros(histogram.max()),
            histogram: histogram.to_text(),
            ..self
        }
    }
}

/// Microseconds; nanoseconds stand behind the point.
fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}

fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

fn unix(time: SystemTime) -> f64 {
    between(SystemTime::UNIX_EPOCH, time)
}

/// Seconds from one time to another; below zero when the second was earlier.
fn between(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(later) => later.as_secs_f64(),
        Err(error) => -error.duration().as_secs_f64(),
    }
}
