//! Thresholds, baselines, and how their outcome is shown: made-up reports, golden outputs.

use crate::support::reports::{self, process};
use mqkit::bench::baseline::{Error, compare, percent};
use mqkit::bench::failure::Kind;
use mqkit::bench::report::{Generator, Latency, Rates, SCHEMA, Span};
use mqkit::bench::threshold::BadThreshold;
use mqkit::bench::{
    Arrival, Counts, Failure, Judged, Load, Measure, Outcome, Payload, Report, Scenario, Size, Threshold, Verdict,
};
use mqkit::output::report::{junit, text};
use std::collections::BTreeMap;
use std::time::Duration;

/// Times around a median, in microseconds.
fn times(count: u64, p50: f64) -> Latency {
    Latency {
        count,
        min: p50 * 0.3,
        mean: p50 * 1.1,
        stdev: p50 * 0.4,
        p50,
        p90: p50 * 1.6,
        p95: p50 * 1.9,
        p99: p50 * 3.1,
        p99_9: p50 * 9.7,
        p99_99: p50 * 31.3,
        max: p50 * 47.9,
        histogram: String::new(),
    }
}

fn load() -> Load {
    Load {
        publishers: 10,
        subscribers: 10,
        arrival: Arrival::Poisson,
        rate: Some(10_000.0),
        window: 1000,
        duration: Duration::from_secs(30),
        warm_up: Duration::from_secs(5),
        workers: 2,
        ..reports::load()
    }
}

/// A run without a fault.
fn good() -> Report {
    let sent = 300_127;
    let times = [
        (Measure::Connect, times(20, 812.0)),
        (Measure::Suback, times(10, 301.0)),
        (Measure::AckService, times(sent, 166.0)),
        (Measure::AckResponse, times(sent, 181.0)),
        (Measure::DeliveryService, times(sent, 204.0)),
        (Measure::DeliveryResponse, times(sent, 219.0)),
        (Measure::Lateness, times(sent, 21.0)),
    ];
    Report {
        schema: SCHEMA,
        processes: vec![process()],
        load: load(),
        span: Span {
            started: 1_790_000_000.25,
            sending: 30.0,
            acknowledging: 30.0,
            receiving: 30.001,
            ..Span::default()
        },
        counts: Counts {
            offered: sent,
            sent,
            acknowledged: sent,
            expected: sent,
            received: sent,
            connected: 20,
            bytes_sent: sent * 100,
            bytes_received: sent * 100,
            ..Counts::default()
        },
        rates: Rates {
            target: Some(10_000.0),
            sent: 10_004.2,
            acknowledged: 10_004.2,
            received: 10_003.9,
            connected: 9_100.0,
        },
        latency: times.map(|(measure, times)| (measure.name().to_owned(), times)).into(),
        timeline: Vec::new(),
        generator: Generator {
            cpu: 2.9,
            busiest: 0.071,
            cpu_per_message: 4.83,
            ..Generator::default()
        },
        failures: Vec::new(),
        broken: Vec::new(),
        notes: Vec::new(),
    }
}

/// A run in which much goes wrong, on a machine that is too slow.
fn bad() -> Report {
    let mut report = good();
    report.load.qos = 2;
    report.load.subscribe_qos = 2;
    report.load.seed = 7;
    report.latency.remove("lateness");
    for (name, median) in [("delivery_response", 2_950.0), ("delivery_service", 297.0)] {
        report.latency.insert(name.to_owned(), times(300_100, median));
    }
    report.latency.insert("lateness".to_owned(), times(300_127, 902.0));
    report.counts = Counts {
        offered: 300_127,
        sent: 300_121,
        acknowledged: 300_113,
        refused: 5,
        unacknowledged: 3,
        unsent: 6,
        expected: 300_116,
        received: 300_100,
        lost: 16,
        duplicated: 2,
        out_of_order: 7,
        late: 212,
        foreign: 31,
        connected: 20,
        lost_connections: 1,
        bytes_sent: 30_012_100,
        bytes_received: 30_010_000,
        ..Counts::default()
    };
    report.rates.received = 8_403.4;
    report.generator.busiest = 0.974;
    report.generator.limited = true;
    report.generator.reasons = vec![
        "a thread of the load generator was busy 97 % of the time (--workers adds threads)".to_owned(),
        "the load generator came late to its due times: 2.8 ms at the 99th percentile".to_owned(),
    ];
    report.broken = vec![
        "13 of 300116 deliveries at QoS 2 were lost, though their messages had been acknowledged [MQTT-4.3.2-4]"
            .to_owned()
            .into(),
        "2 messages at QoS 2 were delivered twice [MQTT-4.3.3-10]"
            .to_owned()
            .into(),
    ];
    let failure = |kind, count, text: &str| Failure {
        kind,
        count,
        reason: None,
        text: text.to_owned(),
    };
    report.failures = vec![
        failure(
            Kind::ConnectionsLost,
            1,
            "1 of 20 clients lost their connections for good; the first: the broker\u{7} hung up",
        ),
        failure(Kind::MessagesUnsent, 6, "6 of 300127 messages were due and not sent"),
    ];
    report.notes = vec!["response times are too good by the 6 messages that were due and not sent".to_owned()];
    report
}

/// Publishers alone at QoS 0: nobody confirms anything.
fn written() -> Report {
    let mut report = good();
    report.load.subscribers = 0;
    report.load.qos = 0;
    report.load.arrival = Arrival::Closed;
    report.load.rate = None;
    report.rates.target = None;
    report.rates.sent = 812_345.6;
    report.counts = Counts {
        offered: 24_370_368,
        sent: 24_370_368,
        connected: 10,
        bytes_sent: 2_437_036_800,
        ..Counts::default()
    };
    report.latency.retain(|name, _| name == "connect");
    report.notes =
        vec!["QoS 0 without subscribers: messages were written to the connection, nobody confirmed them".to_owned()];
    report
}

/// A connection storm against the embedded broker.
fn storm() -> Report {
    let mut report = good();
    report.load.scenario = Scenario::Connect;
    report.load.publishers = 10_000;
    report.load.subscribers = 0;
    report.load.connect_rate = Some(5_000.0);
    report.load.duration = Duration::from_secs(10);
    report.counts = Counts {
        connected: 9_997,
        failed_connections: 3,
        ..Counts::default()
    };
    report.rates = Rates {
        connected: 4_962.3,
        ..Rates::default()
    };
    report.latency = BTreeMap::from([("connect".to_owned(), times(9_997, 388.0))]);
    report.generator.cpu_per_message = 0.0;
    let process = report.processes.first_mut().unwrap();
    process.embedded = true;
    process.broker = "127.0.0.1:40123".to_owned();
    process.broker_version = None;
    report
}

/// Two machines together; subscribers lose their connections; names that would harm a terminal.
fn merged() -> Report {
    let mut report = good();
    report.load.scenario = Scenario::Reconnect;
    report.load.payload = Payload::Random(Size::Uniform(64, 4096));
    report.load.publishers = 1;
    report.load.arrival = Arrival::Burst(100);
    report.load.warm_up = Duration::ZERO;
    report.processes = vec![process(), process()];
    for (process, host) in report.processes.iter_mut().zip(["lab4", "evil\x1b[2J"]) {
        process.host = host.to_owned();
        process.broker_version = Some("broker\u{7}\n2".to_owned());
        process.transport = Some("TLSv1.3 TLS_AES_128_GCM_SHA256".to_owned());
    }
    report.latency.insert("reconnect".to_owned(), times(54, 3_300.0));
    report
}

fn judge(report: &Report, thresholds: &[&str], baseline: Option<&Report>) -> Judged {
    let thresholds = thresholds
        .iter()
        .map(|text| text.parse::<Threshold>().unwrap().check(report));
    Judged {
        thresholds: thresholds.collect(),
        comparison: baseline.map(|baseline| compare(report, baseline, Some(10.0)).unwrap()),
    }
}

const DEMANDS: &[&str] = &[
    "p99<50ms",
    "delivery_service.p99.9 <= 2ms",
    "lost=0",
    "delivered>=99.99%",
    "rate.sent>=99%",
    "reconnect.p99<1s",
    "limited=0",
];

/// Compares with a file of `tests/bench_verdict`, or writes it with `SNAPSHOTS=overwrite`.
fn golden(name: &str, found: &[u8]) {
    let found = String::from_utf8(found.to_vec()).unwrap();
    assert!(!found.contains(|c: char| c.is_control() && c != '\n'), "{found}");
    let path = format!("{}/tests/bench_verdict/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{path}; SNAPSHOTS=overwrite writes it");
}

#[test]
fn reports_for_people() {
    let mut slower = good();
    slower
        .latency
        .insert("delivery_response".to_owned(), times(300_127, 205.0));
    let none = Judged::default;
    for (name, report, judged) in [
        ("good.txt", good(), none()),
        ("compared.txt", good(), judge(&good(), &["p99<1ms"], Some(&slower))),
        ("bad.txt", bad(), judge(&bad(), DEMANDS, Some(&good()))),
        (
            "written.txt",
            written(),
            judge(&written(), &["lost=0", "rate>500k"], None),
        ),
        (
            "storm.txt",
            storm(),
            judge(&storm(), &["connect.max<1s"], Some(&storm())),
        ),
        ("merged.txt", merged(), none()),
    ] {
        let mut out = Vec::new();
        text::write(&report, &judged, false, &mut out);
        golden(name, &out);
        let widest = String::from_utf8(out)
            .unwrap()
            .lines()
            .map(|line| line.chars().count())
            .max();
        assert!(widest < Some(130), "{name}: {widest:?}");
        let mut coloured = Vec::new();
        text::write(&report, &judged, true, &mut coloured);
        let plain = String::from_utf8(coloured).unwrap();
        assert!(plain.contains("\x1b[1m"), "{plain}");
    }
}

fn check(report: &Report, text: &str) -> Verdict {
    text.parse::<Threshold>()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .check(report)
}

#[test]
fn thresholds_hold_or_not() {
    let (good, bad, written, storm) = (good(), bad(), written(), storm());
    for (report, passes) in [
        (&good, "p99<50ms"),
        (&good, " lost = 0 "),
        (&good, "lost==0"),
        (&good, "rate>10k"),
        (&good, "rate.acknowledged >= 99%"),
        (&good, "received>=100%"),
        (&good, "ack_response.p99.9<=2ms"),
        (&good, "connect.max<1s"),
        (&good, "cpu<80%"),
        (&good, "cpu_per_message<5µs"),
        (&good, "limited=0"),
        (&good, "broken=0"),
        (&good, "max!=0us"),
        (&bad, "lost!=0"),
        (&bad, "lost<0.1%"),
        (&bad, "broken=2"),
        (&written, "rate>800k"),
        (&storm, "failed_connections<=3"),
        (&storm, "connected>99%"),
        (&storm, "rate<5k"),
        (&storm, "p50<1ms"),
    ] {
        let verdict = check(report, passes);
        assert_eq!(verdict.outcome, Outcome::Passed, "{verdict}");
        assert_eq!(verdict.name, passes.trim());
    }
    for (report, fails, says) in [
        (&good, "p99<0.5ms", "p99<0.5ms: 679 us"),
        (&good, "p50<219us", "p50<219us: 219 us"),
        (&good, "lost>0", "lost>0: 0"),
        (&bad, "p99<9.145ms", "p99<9.145ms: 9.145 ms"),
        (&bad, "received>=100%", "received>=100%: 99.9947 %, 300,100 of 300,116"),
        (&bad, "lost=0", "lost=0: 16"),
        (&bad, "cpu<80%", "cpu<80%: 97.4 %"),
        (&bad, "limited=0", "limited=0: 1"),
        // What was not measured is no success.
        (
            &good,
            "reconnect.p99<1s",
            "reconnect.p99<1s: not measured, the run did not measure reconnect",
        ),
        (&written, "lost=0", "lost=0: not measured, the run had no subscribers"),
        (
            &written,
            "duplicated=0",
            "duplicated=0: not measured, the run had no subscribers",
        ),
        (
            &written,
            "refused=0",
            "refused=0: not measured, messages of QoS 0 are not acknowledged",
        ),
        (
            &written,
            "rate.sent>=99%",
            "rate.sent>=99%: not measured, the run had no target rate (closed loop)",
        ),
        (
            &storm,
            "unsent=0",
            "unsent=0: not measured, this scenario publishes nothing",
        ),
    ] {
        let verdict = check(report, fails);
        assert_eq!(verdict.outcome, Outcome::Failed, "{verdict}");
        assert_eq!(verdict.to_string(), says);
    }
    let few = check(&good, "connect.p99.9<1s");
    assert_eq!(
        few.to_string(),
        "connect.p99.9<1s: 7.88 ms, from 20 samples only: the longest one"
    );
    let mut nothing = good;
    nothing.counts = Counts::default();
    nothing.latency.clear();
    for text in [
        "lost=0",
        "unsent=0",
        "refused=0",
        "lost_connections=0",
        "p99<1s",
        "rate>=0",
        "lost<1%",
    ] {
        assert_eq!(check(&nothing, text).outcome, Outcome::Failed, "{text}");
    }
}

#[test]
fn bad_thresholds_say_where_and_what_was_meant() {
    for (text, at, why) in [
        ("", 1, "the name of a figure is missing, as in p99<50ms or lost=0"),
        ("<5", 1, "the name of a figure is missing, as in p99<50ms or lost=0"),
        ("losst=0", 1, "no figure is named \"losst\"; did you mean \"lost\"?"),
        (" P99<5ms", 2, "no figure is named \"P99\"; did you mean \"p99\"?"),
        (
            "ack_respons.p99<5ms",
            1,
            "no figure is named \"ack_respons.p99\"; did you mean \"ack_response.p99\"?",
        ),
        ("p99", 4, "one of < <= > >= = != must follow the name"),
        ("p99!5ms", 4, "one of < <= > >= = != must follow the name"),
        ("p99<50", 5, "a time needs a unit: 50us, 50ms or 50s?"),
        ("p99<", 5, "a time is missing, such as 50ms"),
        (
            "p99<50parsecs",
            5,
            "\"parsecs\" is no unit of time: ns, us, ms, s, min or h",
        ),
        (
            "p99<50%",
            5,
            "this figure has no percentage: there is nothing that it is a part of",
        ),
        ("lost =<0", 7, "\"<0\" is no number such as 0, 10000, 10k or 1.5M"),
        ("lost=nan", 6, "\"nan\" is no number such as 0, 10000, 10k or 1.5M"),
        ("lost<-1", 6, "\"-1\" is no number such as 0, 10000, 10k or 1.5M"),
        ("cpu<0.8", 5, "a percentage is expected: 0.8%?"),
        (
            "rate>=99%",
            7,
            "of rates only rate.sent and rate.acknowledged have a percentage: of the target",
        ),
    ] {
        let bad: BadThreshold = text.parse::<Threshold>().unwrap_err();
        assert_eq!((bad.at, bad.why.as_str()), (at, why), "{text}");
    }
    let far = "temperature<5".parse::<Threshold>().unwrap_err().to_string();
    assert!(
        far.starts_with("no figure is named \"temperature\": there are counts (lost)"),
        "{far}"
    );
}

/// Worse figures say nothing of the broker then; losses do, and what is gone from the report.
#[test]
fn what_a_machine_limited_is_no_failure() {
    let (good, bad) = (good(), bad());
    let failed = |now: &Report, baseline: &Report| -> Vec<String> {
        let found = outcomes(now, baseline, Some(10.0)).into_iter();
        found
            .filter(|(_, (outcome, _))| *outcome == Outcome::Failed)
            .map(|(name, _)| name)
            .collect()
    };
    let losses = ["duplicated", "lost", "lost_connections", "out_of_order", "refused"];
    assert!(bad.generator.limited);
    assert_eq!(failed(&bad, &good), losses);
    let mut limited = good.clone();
    limited.generator.limited = true;
    let mut slower = good.clone();
    slower
        .latency
        .insert("delivery_response".to_owned(), times(300_127, 2_950.0));
    assert_eq!(failed(&slower, &limited), Vec::<String>::new());
    assert_eq!(failed(&slower, &good).len(), 3);
    assert_eq!(
        outcomes(&slower, &limited, Some(10.0))["delivery_response.p50"].1,
        "delivery_response.p50: 2.95 ms, was 219 us (+1247.0 %), not judged: the baseline was limited"
    );
}

fn outcomes(now: &Report, baseline: &Report, most: Option<f64>) -> BTreeMap<String, (Outcome, String)> {
    let verdicts = compare(now, baseline, most).unwrap().verdicts;
    verdicts
        .into_iter()
        .map(|verdict| (verdict.name.clone(), (verdict.outcome, verdict.to_string())))
        .collect()
}

#[test]
fn only_worse_figures_fail() {
    let (good, mut bad) = (good(), bad());
    bad.generator.limited = false;
    let all = |now, baseline, most| outcomes(now, baseline, most).into_values().map(|(outcome, _)| outcome);
    assert!(all(&good, &good, Some(0.0)).all(|outcome| outcome == Outcome::Passed));
    assert!(all(&good, &bad, Some(0.0)).all(|outcome| outcome == Outcome::Passed));
    assert!(all(&bad, &good, None).all(|outcome| outcome == Outcome::NotJudged));
    let found = outcomes(&bad, &good, Some(10.0));
    let failed: Vec<_> = found
        .iter()
        .filter(|(_, (outcome, _))| *outcome == Outcome::Failed)
        .collect();
    let failed: Vec<_> = failed.into_iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        failed,
        [
            "delivery_response.p50",
            "delivery_response.p99",
            "delivery_response.p99.9",
            "duplicated",
            "lost",
            "lost_connections",
            "out_of_order",
            "rate.received",
            "refused"
        ]
    );
    assert_eq!(
        found["delivery_response.p99"].1,
        "delivery_response.p99: 9.14 ms, was 679 us (+1247.0 %), at most 10 % worse is allowed"
    );
    assert_eq!(found["lost"].1, "lost: 16, was 0, no increase is allowed");
    // At the limit is within it.
    let mut slower = good.clone();
    slower
        .latency
        .insert("delivery_response".to_owned(), times(300_127, 219.0 * 1.25));
    assert_eq!(
        outcomes(&slower, &good, Some(25.0))["delivery_response.p50"].0,
        Outcome::Passed
    );
    assert_eq!(
        outcomes(&slower, &good, Some(24.9))["delivery_response.p50"].0,
        Outcome::Failed
    );
}

#[test]
fn what_cannot_be_compared_is_not() {
    let (good, storm) = (good(), storm());
    assert_eq!(
        compare(&storm, &good, None),
        Err(Error::Scenario {
            baseline: "round-trip",
            now: "connect"
        })
    );
    let mut few = good.clone();
    few.latency.insert("delivery_response".to_owned(), times(999, 500.0));
    let found = outcomes(&few, &good, Some(10.0));
    assert_eq!(found["delivery_response.p99"].0, Outcome::Failed);
    assert_eq!(
        found["delivery_response.p99.9"],
        (
            Outcome::NotJudged,
            "delivery_response.p99.9: 4.85 ms, was 2.12 ms (+128.3 %), not compared: 999 samples are too few"
                .to_owned()
        )
    );
    // What has gone is no success; what is new has nothing to be held against.
    let mut acks = good.clone();
    acks.load.subscribers = 0;
    acks.counts.received = 0;
    acks.counts.expected = 0;
    acks.latency.retain(|name, _| name.starts_with("ack"));
    let found = outcomes(&acks, &good, Some(10.0));
    assert_eq!(
        found["delivery_response.p99"].1,
        "delivery_response.p99: not measured, was 679 us, the run did not measure delivery_response"
    );
    assert_eq!(found["lost"].0, Outcome::Failed);
    assert_eq!(outcomes(&good, &acks, Some(10.0))["lost"].0, Outcome::NotJudged);
    assert_eq!(
        outcomes(&good, &acks, Some(10.0))["ack_response.p99"].0,
        Outcome::Passed
    );
    for (text, value) in [("10%", 10.0), ("0", 0.0), (" 2.5 %", 2.5)] {
        assert_eq!(percent(text), Ok(value));
    }
    for text in ["", "%", "-1%", "ten", "nan%"] {
        assert!(percent(text).is_err(), "{text}");
    }
}

#[test]
fn differences_of_the_runs_are_noted() {
    let good = good();
    let mut other = good.clone();
    other.load.seed = 99;
    assert!(compare(&good, &other, None).unwrap().notes.is_empty());
    other.load.publishers = 20;
    other.load.rate = None;
    other.load.payload = Payload::Bytes(5.into());
    let process = other.processes.first_mut().unwrap();
    process.broker_version = None;
    process.host = "lab9".to_owned();
    other.generator.limited = true;
    assert_eq!(
        compare(&good, &other, None).unwrap().notes,
        [
            "the load is not the same: publishers 10 (was 20), payload 100 B (was 5 given bytes), rate 10,000/s (was none)",
            "broker: mosquitto version 2.0.21, was unknown",
            "load from host: lab3, was lab9",
            "the baseline was limited by the machine that made the load: worse rates and times are no failure",
        ]
    );
}

#[test]
fn junit_is_well_formed_and_counts_its_cases() {
    let mut report = bad();
    report
        .broken
        .push("something <new> & \"odd\" \x1b'\n".to_owned().into());
    let process = report.processes.first_mut().unwrap();
    process.host = "a\"b<c>&\u{0}".to_owned();
    let mut few = good();
    few.latency.insert("delivery_response".to_owned(), times(10, 1.0));
    let judged = judge(&report, DEMANDS, Some(&few));
    let mut out = Vec::new();
    junit::write(&report, &judged, &mut out);
    let text = String::from_utf8(out.clone()).unwrap();
    let elements = elements(&text);
    let of = |name: &str| elements.iter().filter(|element| *element == name).count();
    assert_eq!(of("testsuite"), 1);
    assert!(of("skipped") >= 1 && of("failure") >= 5);
    let totals = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\"",
        of("testcase"),
        of("failure"),
        of("skipped")
    );
    assert_eq!(text.matches(&totals).count(), 2, "{text}");
    golden("bad.xml", &out);
    let mut out = Vec::new();
    junit::write(&good(), &judge(&good(), &["lost=0"], None), &mut out);
    let text = String::from_utf8(out).unwrap();
    for name in ["no loss at QoS 1", "messages in order", "lost=0"] {
        assert!(text.contains(&format!("name=\"{name}\" time=\"0\"/>")), "{text}");
    }
    assert!(!text.contains("no duplicates"), "{text}");
    let mut nothing = good();
    nothing.counts = Counts::default();
    let mut out = Vec::new();
    junit::write(&nothing, &Judged::default(), &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains("tests=\"3\" failures=\"0\" errors=\"0\" skipped=\"3\""),
        "{text}"
    );
}

/// Names of the elements of XML that consists of elements with attributes only; panics when it is not well-formed.
fn elements(text: &str) -> Vec<String> {
    let mut rest = text
        .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
        .unwrap();
    let (mut open, mut names) = (Vec::new(), Vec::new());
    while let Some(begin) = rest.find('<') {
        assert!(
            rest[..begin].trim().is_empty(),
            "text between elements: {}",
            &rest[..begin]
        );
        let end = rest.find('>').unwrap();
        let tag = &rest[begin + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let closed = tag.ends_with('/');
        let (name, mut attributes) = tag.trim_end_matches('/').split_once(' ').unwrap_or((tag, ""));
        let mut seen = Vec::new();
        while !attributes.trim().is_empty() {
            let (key, behind) = attributes.trim_start().split_once("=\"").unwrap();
            let (value, behind) = behind.split_once('"').unwrap();
            assert!(
                key.chars().all(|c| c.is_ascii_lowercase()) && !seen.contains(&key),
                "{tag}"
            );
            assert!(!value.contains(['<', '\n', '\0', '\x1b']), "{tag}");
            for after in value.split('&').skip(1) {
                let (entity, _) = after.split_once(';').unwrap();
                assert!(
                    ["lt", "gt", "amp", "quot", "#9", "#10", "#13"].contains(&entity),
                    "{entity}"
                );
            }
            seen.push(key);
            attributes = behind;
        }
        names.push(name.to_owned());
        if !closed {
            open.push(name.to_owned());
        }
    }
    assert!(rest.trim().is_empty() && open.is_empty(), "{open:?}");
    names
}
