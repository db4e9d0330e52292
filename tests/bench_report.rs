//! Reports of bench: figures, and forms that can be read again.

mod merge;

use crate::json_lines::check;
use hdrhistogram::Histogram as Hdr;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use mqkit::bench::failure::Kind;
use mqkit::bench::histogram::Histogram;
use mqkit::bench::report::{Generator, Interval, Process, Row};
use mqkit::bench::{Arrival, Counts, Failure, Load, Measure, Measured, Payload, Record, Report, Scenario, Size};
use mqkit::output::report::json::ReadError;
use mqkit::output::report::{csv, hdr, json};
use proptest::prelude::*;
use serde_json::Value;
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

fn measured() -> Measured {
    Measured {
        record: Record::default(),
        rows: Vec::new(),
        started: begin(),
        planned: Duration::from_secs(1),
        connecting_from: begin(),
        connecting: Duration::ZERO,
        generator: Generator::default(),
        failures: Vec::new(),
        broken: Vec::new(),
        notes: Vec::new(),
        protocol: "5.0".to_owned(),
        transport: None,
        broker_version: None,
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
        failures: Vec::new(),
        broken: vec!["2 messages were lost at QoS 1.".to_owned().into()],
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

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
        (Arrival::Burst(10), Payload::Bytes(5.into())),
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
    let measured = Measured {
        stopped: true,
        ..measured()
    };
    let report = Report::new(measured, &load(), process("a"));
    assert!(report.notes[0].contains("stopped"), "{:?}", report.notes);
}

fn lost(count: u64) -> Failure {
    Failure {
        kind: Kind::ConnectionsLost,
        count,
        reason: None,
        text: format!("{count} clients lost their connections"),
    }
}

#[test]
fn failures_are_read_as_they_were_written_and_older_reports_have_none() {
    let measured = Measured {
        failures: vec![lost(2)],
        ..measured()
    };
    let report = Report::new(measured, &load(), process("a"));
    let text = String::from_utf8(text(&report)).unwrap();
    assert_eq!(json::read(text.as_bytes()).unwrap(), report);
    let mut older: Value = serde_json::from_str(&text).unwrap();
    older.as_object_mut().unwrap().remove("failures");
    older["counts"].as_object_mut().unwrap().remove("doubtful");
    let older = json::read(older.to_string().as_bytes()).unwrap();
    assert_eq!((older.failures, older.counts.doubtful), (Vec::new(), 0));
}

#[test]
fn failures_of_processes_are_added_up_causes_first() {
    let report =
        |run: &str, failures: Vec<Failure>| Report::new(Measured { failures, ..measured() }, &load(), process(run));
    let unsent = Failure {
        kind: Kind::MessagesUnsent,
        ..lost(7)
    };
    let merged = Report::merge(vec![report("a", vec![unsent]), report("b", vec![lost(2)])]).unwrap();
    let kinds: Vec<_> = merged.failures.iter().map(|failure| failure.kind).collect();
    assert_eq!(kinds, [Kind::ConnectionsLost, Kind::MessagesUnsent]);
    assert!(merged.failures[0].text.contains("run b"), "{:?}", merged.failures);
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
