//! Reports of bench: merged reports say what one process would have said, and what is written can be read again.

use crate::json_lines::check;
use hdrhistogram::Histogram as Hdr;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use mqkit::bench::histogram::Histogram;
use mqkit::bench::report::{Generator, Interval, MergeError, Process, Row};
use mqkit::bench::{Arrival, Counts, Error, Load, Measure, Measured, Payload, Record, Report, Scenario, Size};
use mqkit::output::report::json::ReadError;
use mqkit::output::report::{csv, hdr, json};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const MAIN: Measure = Measure::DeliveryResponse;

/// What one process did, in intervals of a second.
#[derive(Debug, Clone)]
struct Work {
    /// Milliseconds of the first start until its measuring began.
    offset: u64,
    /// Milliseconds from the first attempt to connect until measuring, and how long connecting took.
    connecting: (u64, u64),
    /// Milliseconds.
    planned: u64,
    last: (u64, u64, u64),
    /// Counts and times of each second.
    seconds: Vec<(Counts, Vec<(usize, u64)>)>,
}

fn work(offset: impl Strategy<Value = u64>) -> impl Strategy<Value = Work> {
    let sample = (0..Measure::ALL.len(), 0..5_000_000_u64);
    let counts = (0..10_000_u64, 0..10_000_u64, 0..10_000_u64).prop_map(|(sent, acknowledged, received)| Counts {
        offered: sent + 1,
        sent,
        acknowledged,
        received,
        lost: received % 3,
        connected: 2,
        bytes_sent: sent * 100,
        ..Counts::default()
    });
    let seconds = prop::collection::vec((counts, prop::collection::vec(sample, 0..20)), 1..5);
    let times = (
        1..3_000_u64,
        0..3_000_u64,
        0..9_000_u64,
        (0..9_000_u64, 0..9_000_u64, 0..9_000_u64),
    );
    (offset, times, seconds).prop_map(|(offset, (begin, length, planned, last), seconds)| Work {
        offset,
        connecting: (begin, length + 1),
        planned: planned + 1,
        last,
        seconds,
    })
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn begin() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

impl Work {
    fn records(&self) -> Vec<Record> {
        let records = self.seconds.iter().map(|(counts, samples)| {
            let mut record = Record::default();
            record.counts = *counts;
            for (measure, micros) in samples {
                record.time(Measure::ALL[*measure], Duration::from_micros(*micros));
            }
            record
        });
        records.collect()
    }

    fn measured(&self) -> Measured {
        let records = self.records();
        let mut whole = Record::default();
        for record in &records {
            whole.add(record);
        }
        (whole.last.sent, whole.last.acknowledged, whole.last.received) =
            (ms(self.last.0), ms(self.last.1), ms(self.last.2));
        let started = begin() + ms(self.offset);
        Measured {
            record: whole,
            rows: rows(records),
            started,
            planned: ms(self.planned),
            connecting_from: started - ms(self.connecting.0),
            connecting: ms(self.connecting.1),
            ..measured()
        }
    }

    fn report(&self, run: &str) -> Report {
        Report::new(self.measured(), &load(), process(run))
    }
}

fn rows(records: Vec<Record>) -> Vec<Row> {
    let interval = |(index, record)| Interval {
        at: Duration::from_secs(index),
        length: Duration::from_secs(1),
        record,
    };
    let intervals = (0..).zip(records).map(interval);
    intervals.map(|interval| Row::new(&interval, MAIN)).collect()
}

/// What one process had measured that had done the work of all of them.
fn union(works: &[Work]) -> Measured {
    let first = works.iter().map(|work| work.offset).min().unwrap();
    let last = |of: &dyn Fn(&Work) -> u64| ms(works.iter().map(|work| work.offset - first + of(work)).max().unwrap());
    let mut whole = Record::default();
    let mut records: Vec<Option<Record>> = Vec::new();
    for work in works {
        for (index, record) in work.records().into_iter().enumerate() {
            let place = usize::try_from((work.offset - first) / 1000).unwrap() + index;
            records.resize(records.len().max(place + 1), None);
            records[place].get_or_insert_default().add(&record);
            whole.add(&record);
        }
    }
    whole.last.sent = last(&|work| work.last.0);
    whole.last.acknowledged = last(&|work| work.last.1);
    whole.last.received = last(&|work| work.last.2);
    let connecting = |work: &Work| begin() + ms(work.offset) - ms(work.connecting.0);
    let connecting_from = works.iter().map(connecting).min().unwrap();
    let connected = works.iter().map(|work| connecting(work) + ms(work.connecting.1)).max();
    let present: Vec<_> = (0_u64..)
        .zip(&records)
        .filter(|(_, record)| record.is_some())
        .map(|(at, _)| at)
        .collect();
    let all: Vec<_> = records.into_iter().map(Option::unwrap_or_default).collect();
    let mut rows = rows(all);
    rows.retain(|row| {
        present
            .iter()
            .any(|at| Duration::from_secs(*at).as_secs_f64() == row.at)
    });
    Measured {
        record: whole,
        rows,
        started: begin() + ms(first),
        planned: last(&|work| work.planned),
        connecting_from,
        connecting: connected.unwrap().duration_since(connecting_from).unwrap(),
        ..measured()
    }
}

fn measured() -> Measured {
    Measured {
        record: Record::default(),
        rows: Vec::new(),
        started: begin(),
        planned: Duration::from_secs(1),
        connecting_from: begin(),
        connecting: Duration::ZERO,
        generator: Generator::default(),
        broken: Vec::new(),
        notes: Vec::new(),
        protocol: "5.0".to_owned(),
        transport: None,
        broker_version: None,
        failed: None,
        stopped: false,
    }
}

fn process(run: &str) -> Process {
    Process {
        mqkit: "0.1.0".to_owned(),
        host: format!("host-{run}"),
        processors: 2,
        command: vec!["mqkit".to_owned(), "bench".to_owned(), "--title=\"ü\n\"".to_owned()],
        run: run.to_owned(),
        broker: "127.0.0.1:1883".to_owned(),
        ..Process::default()
    }
}

fn load() -> Load {
    Load {
        scenario: Scenario::FanOut,
        publishers: 2,
        subscribers: 3,
        topic: "mqkit/%i".to_owned(),
        filter: "mqkit/+".to_owned(),
        topics: 1,
        random_topics: false,
        payload: Payload::Random(Size::Uniform(32, 64)),
        qos: 1,
        subscribe_qos: 1,
        retain: false,
        arrival: Arrival::Poisson,
        rate: Some(1000.5),
        window: 100,
        count: Some(5),
        duration: ms(10_100),
        warm_up: ms(1_000),
        drain: ms(5_000),
        late: ms(1_001),
        connect_rate: None,
        drop_every: ms(700),
        persistent: true,
        workers: 2,
        seed: u64::MAX,
    }
}

/// A report with something in every field.
fn full(run: &str) -> Report {
    let counts = Counts {
        offered: 10,
        sent: 9,
        acknowledged: 8,
        received: 7,
        ..Counts::default()
    };
    let samples: Vec<_> = (0..Measure::ALL.len())
        .map(|measure| (measure, 40 * (measure as u64 + 1)))
        .collect();
    let work = Work {
        offset: 0,
        connecting: (200, 100),
        planned: 2_000,
        last: (1_990, 2_001, 2_123),
        seconds: vec![(counts, samples.clone()), (counts, Vec::new()), (counts, samples)],
    };
    let measured = Measured {
        generator: Generator {
            cpu: 0.5,
            busiest: 0.9,
            cpu_per_message: 2.5,
            send_queue: 7,
            limited: true,
            reasons: vec!["A thread was busy 90 % of the time.".to_owned()],
        },
        broken: vec!["2 messages were lost at QoS 1.".to_owned()],
        notes: vec!["The same everywhere.".to_owned(), format!("Only {run}.")],
        transport: Some("TLS 1.3".to_owned()),
        broker_version: Some("mosquitto 2.0".to_owned()),
        ..work.measured()
    };
    Report::new(measured, &load(), process(run))
}

fn text(report: &Report) -> Vec<u8> {
    let mut out = Vec::new();
    json::write(report, &mut out);
    out
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

fn same_figures(merged: &Report, union: &Report) -> Result<(), TestCaseError> {
    prop_assert_eq!(merged.counts, union.counts);
    prop_assert_eq!(&merged.latency, &union.latency);
    prop_assert_eq!(&merged.timeline, &union.timeline);
    let figures = |report: &Report| {
        let (span, rates) = (report.span, report.rates);
        [
            span.started,
            span.sending,
            span.acknowledging,
            span.receiving,
            span.connecting_from,
            span.connecting,
            rates.sent,
            rates.acknowledged,
            rates.received,
            rates.connected,
        ]
    };
    for (merged, union) in figures(merged).into_iter().zip(figures(union)) {
        prop_assert!(near(merged, union), "{merged} is not {union}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn merged_reports_are_the_report_of_the_union(
        works in prop::collection::vec(work((0..4_u64).prop_map(|seconds| seconds * 1000)), 2..4)
    ) {
        let reports = works.iter().enumerate().map(|(index, work)| work.report(&index.to_string()));
        // As they come from files.
        let reports: Vec<_> = reports.map(|report| json::read(&text(&report)).unwrap()).collect();
        let merged = Report::merge(reports).unwrap();
        let number = u32::try_from(works.len()).unwrap();
        let all = Load {
            publishers: 2 * number,
            subscribers: 3 * number,
            workers: 2 * number,
            count: Some(u64::from(5 * number)),
            rate: Some(1000.5 * f64::from(number)),
            ..load()
        };
        let union = Report::new(union(&works), &all, process("all"));
        same_figures(&merged, &union)?;
        prop_assert_eq!(&merged.load, &union.load);
        prop_assert_eq!(merged.rates.target, union.rates.target);
        prop_assert_eq!(merged.processes.len(), works.len());
    }

    #[test]
    fn nothing_is_lost_between_intervals(a in work(0..5_000_u64), b in work(0..5_000_u64)) {
        let merged = Report::merge(vec![a.report("a"), b.report("b")]).unwrap();
        let union = Report::new(union(&[a, b]), &load(), process("all"));
        prop_assert_eq!(merged.counts, union.counts);
        prop_assert_eq!(&merged.latency, &union.latency);
        let sums = |report: &Report| {
            let mut samples = Histogram::default();
            let mut counts = [0; 3];
            for row in &report.timeline {
                for (sum, count) in counts.iter_mut().zip([row.sent, row.acknowledged, row.received]) {
                    *sum += count;
                }
                if !row.histogram.is_empty() {
                    samples.add(&Histogram::from_text(&row.histogram).unwrap());
                }
            }
            (counts, samples)
        };
        prop_assert_eq!(sums(&merged), sums(&union));
        let ends = merged.timeline.windows(2).all(|pair| pair[0].at + pair[0].length <= pair[1].at + 1e-9);
        prop_assert!(ends, "intervals overlap");
    }

    #[test]
    fn json_is_read_as_it_was_written(work in work(0..5_000_u64)) {
        let report = work.report("a");
        prop_assert_eq!(json::read(&text(&report)).unwrap(), report);
    }

    #[test]
    fn what_is_written_is_what_the_schema_says(work in work(0..5_000_u64)) {
        let merged = Report::merge(vec![work.report("a"), work.report("b")]).unwrap();
        for report in [work.report("a"), merged] {
            prop_assert_eq!(check(&schema(), &serde_json::from_slice(&text(&report)).unwrap()), Ok(()));
        }
    }

    #[test]
    fn damage_never_panics(at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = text(&full("a"));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(report) = json::read(&bytes) {
            let mut out = Vec::new();
            hdr::write(&report, &mut out);
            csv::write(&report, &mut out);
            let _ = Report::merge(vec![report, full("b")]);
        }
    }
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../src/output/report.schema.json")).unwrap()
}

#[test]
fn the_schema_knows_every_shape_of_load() {
    for (arrival, payload) in [
        (Arrival::Closed, Payload::Random(Size::Fixed(100))),
        (Arrival::Constant, Payload::Random(Size::Exponential(100))),
        (Arrival::Burst(10), Payload::Bytes(vec![0; 5])),
        (Arrival::Poisson, Payload::Template("%n".to_owned())),
    ] {
        for scenario in [
            Scenario::RoundTrip,
            Scenario::FanIn,
            Scenario::Connect,
            Scenario::Retained,
            Scenario::Reconnect,
            Scenario::Shared,
        ] {
            let mut report = full("a");
            report.load = Load {
                scenario,
                arrival,
                payload: payload.clone(),
                rate: None,
                count: None,
                ..load()
            };
            let text = text(&report);
            assert_eq!(check(&schema(), &serde_json::from_slice(&text).unwrap()), Ok(()));
            assert_eq!(json::read(&text).unwrap(), report);
        }
    }
}

/// The schema demands every key that is written, so that a field without a description is noticed.
#[test]
fn the_schema_sees_faults() {
    let good: Value = serde_json::from_slice(&text(&full("a"))).unwrap();
    assert_eq!(check(&schema(), &good), Ok(()));
    for place in [
        "",
        "/load",
        "/span",
        "/counts",
        "/rates",
        "/latency/connect",
        "/timeline/0",
        "/generator",
        "/processes/0",
    ] {
        let object = good.pointer(place).unwrap().as_object().unwrap();
        for key in object.keys() {
            let mut bad = good.clone();
            bad.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(key);
            assert!(check(&schema(), &bad).is_err(), "{place}/{key} is missing");
        }
        let mut bad = good.clone();
        bad.pointer_mut(place).unwrap()["more"] = Value::from(1);
        assert!(check(&schema(), &bad).is_err(), "{place} has a key more");
    }
}

#[test]
fn rates_are_by_the_clock() {
    let report = full("a");
    assert_eq!(report.rates.target, Some(1000.5));
    assert!(near(report.span.sending, 2.0));
    assert!(near(report.rates.sent, 27.0 / 2.0));
    assert!(near(report.rates.acknowledged, 24.0 / 2.001));
    assert!(near(report.rates.received, 21.0 / 2.123));
    // Two samples of `connect`, in 100 ms that began 200 ms before.
    assert!(near(report.rates.connected, 20.0));
    assert!(near(report.span.connecting_from, -0.2));
    let closed = Load {
        arrival: Arrival::Closed,
        ..load()
    };
    let report = Report::new(measured(), &closed, process("a"));
    assert_eq!(report.rates.target, None);
    assert_eq!(report.rates.connected, 0.0);
    assert_eq!(report.main_measure(), None);
}

#[test]
fn an_early_end_is_noted() {
    let source = mqkit::client::Error::Io {
        address: "localhost:1883".to_owned(),
        source: mqkit::client::StreamError(std::io::Error::other("no more")),
        on_qos2: false,
    };
    let measured = Measured {
        failed: Some(Arc::new(Error::Client {
            id: "bench-7".to_owned(),
            source,
        })),
        stopped: true,
        ..measured()
    };
    let report = Report::new(measured, &load(), process("a"));
    assert_eq!(
        report.notes[0],
        "client \"bench-7\" failed: connection to localhost:1883 was lost: no more"
    );
    assert!(report.notes[1].contains("stopped"), "{:?}", report.notes);
}

#[test]
fn processes_are_told_apart() {
    let mut b = full("b");
    b.generator.limited = false;
    b.generator.reasons.clear();
    b.generator.cpu = 1.0;
    b.generator.cpu_per_message = 10.0;
    b.generator.send_queue = 9;
    b.load.qos = 0;
    b.processes[0].broker = "127.0.0.1:1884".to_owned();
    b.span.started += 1.0;
    let merged = Report::merge(vec![full("a"), b]).unwrap();
    let generator = &merged.generator;
    assert_eq!(
        generator.reasons,
        ["host-a (run a): A thread was busy 90 % of the time."]
    );
    assert!(generator.limited && generator.send_queue == 9);
    assert!(near(generator.cpu, 1.5) && near(generator.busiest, 0.9));
    // 200,000 messages in half a second, 100,000 in one.
    assert!(near(generator.cpu_per_message, 5.0));
    assert_eq!(
        merged.broken,
        ["a", "b"].map(|run| format!("host-{run} (run {run}): 2 messages were lost at QoS 1."))
    );
    assert_eq!(
        merged.notes,
        [
            "The same everywhere.",
            "host-a (run a): Only a.",
            "host-b (run b): Only b.",
            "The merged runs are not alike (QoS, broker).",
            "All processes were sending at the same time for 1.0 s only, of 3.0 s: start them together (--start-at).",
        ]
    );
    // Merged in two steps, words are not labelled again.
    let again = Report::merge(vec![merged.clone(), full("c")]).unwrap();
    let words: BTreeSet<_> = again.broken.iter().cloned().collect();
    assert_eq!((again.broken.len(), words.len()), (3, 3));
    assert!(merged.broken.iter().all(|text| again.broken.contains(text)));
    assert_eq!(Report::merge(vec![merged.clone()]).unwrap(), merged);
}

/// The timeline as start, length and messages sent.
fn sent(report: &Report) -> Vec<(f64, f64, u64)> {
    report
        .timeline
        .iter()
        .map(|row| (row.at, row.length, row.sent))
        .collect()
}

#[test]
fn rows_have_the_time_that_they_took() {
    // Longer intervals take the shorter ones that lie in them; the last row of a run may have any length.
    let mut long = full("long");
    long.timeline.truncate(2);
    (long.timeline[0].length, long.timeline[1].length, long.timeline[1].at) = (2.0, 0.5, 2.0);
    let mut short = full("short");
    short.timeline[2].length = 0.25;
    let merged = Report::merge(vec![long.clone(), short.clone()]).unwrap();
    assert_eq!(sent(&merged), [(0.0, 2.0, 27), (2.0, 0.5, 18)]);
    // Nobody ran from 2.25 to 6 s.
    let mut later = full("later");
    later.span.started += 6.0;
    let merged = Report::merge(vec![short, later]).unwrap();
    let times: Vec<_> = sent(&merged).iter().map(|row| (row.0, row.1)).collect();
    assert_eq!(
        times,
        [(0.0, 1.0), (1.0, 1.0), (2.0, 0.25), (6.0, 1.0), (7.0, 1.0), (8.0, 1.0)]
    );
    // Half an interval is the most by which a row may be displaced.
    let mut displaced = full("displaced");
    displaced.span.started += 0.375;
    displaced.timeline[2].length = 1.25;
    let merged = Report::merge(vec![full("a"), displaced]).unwrap();
    let rows = sent(&merged);
    assert_eq!((rows.len(), rows[0], rows[1]), (3, (0.0, 1.0, 18), (1.0, 1.0, 18)));
    assert_eq!(rows[2], (2.0, 1.625, 18));
}

#[test]
fn other_measures_do_not_mix_in_a_row() {
    let mut publisher = full("publisher");
    publisher.latency.retain(|name, _| name.starts_with("ack"));
    assert_eq!(publisher.main_measure(), Some(Measure::AckResponse));
    let subscriber = full("subscriber");
    let merged = Report::merge(vec![publisher, subscriber.clone()]).unwrap();
    assert_eq!(merged.main_measure(), Some(MAIN));
    assert_eq!(merged.timeline[0].sent, 18);
    assert_eq!(merged.timeline[0].histogram, subscriber.timeline[0].histogram);
    assert_eq!(merged.latency["ack_response"].count, 4);
}

#[test]
fn what_cannot_be_merged_is_told() {
    let told = |reports: Vec<Report>| Report::merge(reports).unwrap_err();
    assert!(matches!(told(Vec::new()), MergeError::Nothing));
    assert_eq!(
        told(vec![full("a"), full("a")]).to_string(),
        "the run a (on host-a) is there twice"
    );
    let merged = Report::merge(vec![full("a"), full("b")]).unwrap();
    assert!(matches!(told(vec![full("b"), merged]), MergeError::Twice { .. }));
    let mut other = full("b");
    other.load.scenario = Scenario::RoundTrip;
    assert_eq!(
        told(vec![full("a"), other]).to_string(),
        "host-b (run b) is of the scenario round-trip, others are of fan-out"
    );
    let mut other = full("b");
    other.timeline[0].histogram = "AAAA".to_owned();
    assert_eq!(
        told(vec![full("a"), other]).to_string(),
        "host-b (run b): timeline[0] is broken"
    );
    let mut other = full("b");
    other.latency.get_mut("suback").unwrap().histogram.clear();
    assert_eq!(
        told(vec![full("a"), other]).to_string(),
        "host-b (run b): latency.suback is broken"
    );
}

#[test]
fn counts_of_files_do_not_overflow() {
    let with = |run| {
        let mut report = full(run);
        report.counts.sent = u64::MAX;
        report.timeline[0].sent = u64::MAX;
        report.load.publishers = u32::MAX;
        report.load.count = Some(u64::MAX);
        report
    };
    let merged = Report::merge(vec![with("a"), with("b")]).unwrap();
    assert_eq!((merged.counts.sent, merged.timeline[0].sent), (u64::MAX, u64::MAX));
    assert_eq!((merged.load.publishers, merged.load.count), (u32::MAX, Some(u64::MAX)));
}

#[test]
fn other_files_are_told() {
    let good = String::from_utf8(text(&full("a"))).unwrap();
    assert!(good.ends_with("\n}\n"));
    let told = |text: &str| json::read(text.as_bytes()).unwrap_err().to_string();
    let changed = |old: &str, new: &str| {
        let bad = good.replacen(old, new, 1);
        assert_ne!(bad, good, "{old}");
        told(&bad)
    };
    assert_eq!(told(""), "not JSON, in line 1, column 0: EOF while parsing a value");
    assert_eq!(
        told("{\n  \"a\": ?\n}"),
        "not JSON, in line 2, column 8: expected value"
    );
    assert!(matches!(
        json::read(&good.as_bytes()[..500]),
        Err(ReadError::NotJson { .. })
    ));
    assert!(matches!(
        json::read(b"{\"schema\":1}\xff"),
        Err(ReadError::NotJson { .. })
    ));
    assert_eq!(told("{}"), "not a report of mqkit bench: it has no \"schema\"");
    assert!(
        told("[]").starts_with("not a report of mqkit bench: "),
        "{}",
        told("[]")
    );
    assert_eq!(
        told("{\"schema\":1}"),
        "not a report of mqkit bench: missing field `processes` (line 1, column 12)"
    );
    assert_eq!(
        changed("\"schema\": 1,", "\"schema\": 2,"),
        "the report has the format 2, and this version of mqkit knows only those up to 1"
    );
    assert!(changed("\"schema\": 1,", "\"schema\": 0,").contains("no format"));
    assert!(changed("\"fan-out\"", "\"fan-up\"").contains("unknown variant `fan-up`"));
    assert!(changed("\"sent\": 27", "\"sent\": -1").contains("invalid value"));
    assert!(changed("\"suback\": {", "\"unsuback\": {").contains("unknown measure, \"unsuback\""));
    assert!(changed("\"length\": 1.0", "\"length\": 0.0").contains("timeline[0] has no time"));
    assert!(changed("\"count\": 2,", "\"count\": 3,").contains("has 2 samples, but \"count\" is 3"));
    let digits = &full("a").latency["suback"].histogram;
    assert_eq!(
        changed(digits, &digits[..digits.len() - 8]),
        "the report is damaged: latency.suback.histogram"
    );
}

#[test]
fn csv_has_a_line_for_each_interval() {
    let mut out = Vec::new();
    csv::write(&full("a"), &mut out);
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<_> = text.split_terminator("\r\n").collect();
    assert_eq!(
        lines[0],
        "time,at,length,sent,acknowledged,received,measure,p50,p99,max"
    );
    assert!(
        lines[1].starts_with("1790000000.000000,0.000000,1.000000,9,8,7,delivery_response,280."),
        "{}",
        lines[1]
    );
    assert_eq!(
        lines[2],
        "1790000001.000000,1.000000,1.000000,9,8,7,delivery_response,,,"
    );
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line.split(',').count() == 10));
    assert!(text.ends_with("\r\n"));
}

/// Tag, start, length, largest value and samples of each line.
fn read_log(log: &[u8]) -> Vec<(String, Duration, Duration, f64, Hdr<u64>)> {
    let mut found = Vec::new();
    for entry in IntervalLogIterator::new(log) {
        match entry.unwrap() {
            LogEntry::StartTime(time) | LogEntry::BaseTime(time) => {
                assert_eq!(time, Duration::from_secs(1_790_000_000));
            }
            LogEntry::Interval(line) => {
                let bytes = mqkit::base64::decode(line.encoded_histogram().as_bytes()).unwrap();
                let samples = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                let tag = line.tag().unwrap().as_str().to_owned();
                found.push((tag, line.start_timestamp(), line.duration(), line.max(), samples));
            }
        }
    }
    found
}

#[test]
fn the_log_is_read_by_the_crate() {
    let mut report = full("a");
    let mut log = Vec::new();
    hdr::write(&report, &mut log);
    let lines = read_log(&log);
    // Seven measures as a whole, and two intervals with samples of the main one.
    assert_eq!(lines.len(), Measure::ALL.len() - 1 + 2);
    for measure in Measure::ALL {
        let lines = || lines.iter().filter(|line| line.0 == measure.name());
        assert_eq!(
            lines().map(|line| line.4.len()).sum::<u64>(),
            report.latency[measure.name()].count
        );
        let longest = lines().map(|line| line.3).fold(0.0, f64::max);
        assert!((longest * 1e3 - report.latency[measure.name()].max).abs() < 1.0);
    }
    let main: Vec<_> = lines.iter().filter(|line| line.0 == MAIN.name()).collect();
    assert_eq!((main[0].1, main[1].1), (Duration::ZERO, Duration::from_secs(2)));
    assert_eq!(main[0].2, Duration::from_secs(1));
    assert!(lines.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    // Without all samples in the intervals there is one line of the main measure, too.
    report.timeline.pop();
    log.clear();
    hdr::write(&report, &mut log);
    let lines = read_log(&log);
    assert_eq!(lines.len(), Measure::ALL.len());
    assert!(lines.iter().all(|line| line.4.len() == 2));
    assert!(
        String::from_utf8(log)
            .unwrap()
            .contains("#[Histogram log format version 1.3]\n")
    );
}
