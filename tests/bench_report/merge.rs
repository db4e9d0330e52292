//! Merged reports say what one process would have said that had done the work of all.

use super::*;
use mqkit::bench::report::MergeError;
use std::collections::BTreeSet;

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
        ["a", "b"].map(|run| format!("host-{run} (run {run}): 2 messages were lost at QoS 1.").into())
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
    let words: BTreeSet<_> = again.broken.iter().map(|breach| breach.text.clone()).collect();
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
