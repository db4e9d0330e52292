//! What is sent: the broker sees the topics, payloads, identifiers and flags that the plan asked for.

use super::{STAMP, against, against_with, at_once, check_whole, load, open, samples};
use crate::support::scripted::{Fault, Policy};
use bytes::Bytes;
use mqkit::bench::{Arrival, Load, Measure, Payload, Size};
use mqkit::protocol::Version;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[test]
fn topics_are_used_in_turn() {
    let load = Load {
        publishers: 2,
        subscribers: 1,
        topic: "t/%i/%n".to_owned(),
        filter: "t/#".to_owned(),
        topics: 5,
        ..load()
    };
    let (measured, record) = against(Policy::default(), load.clone());
    check_whole(&measured, &load, 100, 1);
    for publisher in 0..2 {
        let start = format!("t/{publisher}/");
        let topics = record
            .messages
            .iter()
            .filter_map(|message| message.topic.strip_prefix(&start));
        let topics: Vec<usize> = topics.map(|topic| topic.parse().unwrap()).collect();
        assert_eq!(topics, (0..50).map(|number| number % 5).collect::<Vec<_>>());
    }
}

#[test]
fn random_topics_are_random() {
    let load = Load {
        topic: "t/%n".to_owned(),
        filter: "t/+".to_owned(),
        topics: 4,
        random_topics: true,
        count: Some(400),
        ..load()
    };
    let (measured, record) = against(Policy::default(), load.clone());
    check_whole(&measured, &load, 400, 1);
    let mut counts = BTreeMap::<_, u32>::new();
    for message in &record.messages {
        *counts.entry(message.topic.as_str()).or_default() += 1;
    }
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), ["t/0", "t/1", "t/2", "t/3"]);
    // Five standard deviations.
    assert!(counts.values().all(|count| (57..=143).contains(count)), "{counts:?}");
    let turns = record.messages.windows(2).filter(|pair| pair[0].topic == pair[1].topic);
    assert!(turns.count() > 50);
}

#[test]
fn escapes_are_filled_in() {
    let load = Load {
        publishers: 2,
        subscribers: 2,
        topic: "t/%u/%c/%i".to_owned(),
        filter: "t/+/+/%i".to_owned(),
        ..load()
    };
    let (measured, record) = against(Policy::default(), load.clone());
    check_whole(&measured, &load, 100, 1);
    // One of them asks the broker what it is.
    assert_eq!(record.clients.len(), 5, "{:?}", record.clients);
    let topics: BTreeSet<_> = record.messages.iter().map(|message| message.topic.clone()).collect();
    assert_eq!(topics.len(), 2);
    for topic in topics {
        let [_, user, client, number] = topic.split('/').collect::<Vec<_>>()[..] else {
            panic!("{topic}");
        };
        assert_eq!(user, "user");
        assert!(record.clients.contains(client), "{topic}: {:?}", record.clients);
        assert!(["0", "1"].contains(&number), "{topic}");
    }
}

/// Payloads of a run, and whether each of them was delivered and counted.
fn payloads(payload: Payload, count: u64) -> Vec<Vec<u8>> {
    let load = Load {
        payload,
        count: Some(count),
        ..load()
    };
    let (measured, record) = against(Policy::default(), load.clone());
    check_whole(&measured, &load, count, 1);
    let bytes: usize = record.messages.iter().map(|message| message.payload.len()).sum();
    let counts = measured.record.counts;
    assert_eq!((counts.bytes_sent, counts.bytes_received), (bytes as u64, bytes as u64));
    record.messages.iter().map(|message| message.payload.to_vec()).collect()
}

#[test]
fn payloads_are_as_large_as_they_should_be() {
    let lengths = |size, count| {
        let payloads = payloads(Payload::Random(size), count);
        payloads.iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(lengths(Size::Fixed(STAMP), 20), [16; 20]);
    assert_eq!(lengths(Size::Fixed(32), 20), [32; 20]);
    assert_eq!(lengths(Size::Fixed(100_000), 20), [100_000; 20]);
    let uniform = lengths(Size::Uniform(40, 49), 500);
    assert!(uniform.iter().all(|length| (40..50).contains(length)), "{uniform:?}");
    assert_eq!(uniform.iter().collect::<BTreeSet<_>>().len(), 10);
    let exponential = lengths(Size::Exponential(200), 1000);
    assert!(
        exponential.iter().all(|length| (32..=2000).contains(length)),
        "{exponential:?}"
    );
    let mean = exponential.iter().sum::<usize>() / exponential.len();
    assert!((165..=240).contains(&mean), "{mean}");
    // Half of them are below ln 2 of the mean.
    let small = exponential.iter().filter(|length| **length < 139).count();
    assert!((420..=580).contains(&small), "{small}");
}

/// What is lost, comes twice or out of order, and when, is known from 16 bytes, too.
#[test]
fn the_smallest_payloads_keep_every_count_and_exact_times() {
    let fault = |number, fault| ("t/0".to_owned(), number, fault);
    let policy = Policy {
        delivery_delay: Duration::from_millis(30),
        faults: vec![
            fault(10, Fault::Lose),
            fault(20, Fault::Repeat),
            fault(30, Fault::Swap),
            fault(40, Fault::Foreign(&[0; 16])),
        ],
        ..Policy::default()
    };
    for arrival in [Arrival::Constant, Arrival::Closed] {
        let rate = (arrival != Arrival::Closed).then_some(500.0);
        let load = Load {
            payload: Payload::Random(Size::Fixed(STAMP)),
            arrival,
            rate,
            drain: Duration::from_millis(300),
            ..load()
        };
        let (measured, record) = against(policy.clone(), load);
        assert!(record.messages.iter().all(|message| message.payload.len() == 16));
        let counts = measured.record.counts;
        let found = (counts.received, counts.lost, counts.duplicated, counts.out_of_order);
        assert_eq!((found, counts.foreign), ((99, 1, 1, 1), 1), "{counts:?}");
        // Service times need room, or a closed loop, where a message is sent when it is due.
        let (service, response) = if rate.is_some() { (0, 99) } else { (99, 0) };
        assert_eq!(samples(&measured, Measure::DeliveryService), service);
        assert_eq!(samples(&measured, Measure::DeliveryResponse), response);
        let main = if rate.is_some() {
            Measure::DeliveryResponse
        } else {
            Measure::DeliveryService
        };
        let times = measured.record.histogram(main).unwrap();
        let median = times.quantile(0.5);
        assert!(times.min() >= Duration::from_millis(30), "{:?}", times.min());
        assert!(median < Duration::from_secs(1), "{median:?}");
        assert!(
            measured.notes.iter().any(|note| note.contains("short stamp")),
            "{:?}",
            measured.notes
        );
    }
}

#[test]
fn payloads_carry_what_was_given() {
    let given = payloads(Payload::Bytes(Bytes::from_static(b"given").into()), 10);
    assert!(
        given
            .iter()
            .all(|payload| payload.len() == 5 + 32 && payload.starts_with(b"given"))
    );
    for (number, payload) in payloads(Payload::Template("{\"n\":%n,\"i\":%i,\"u\":\"%u\"}".to_owned()), 20)
        .iter()
        .enumerate()
    {
        let text = format!("{{\"n\":{number},\"i\":0,\"u\":\"user\"}}");
        let (body, _) = payload.split_at(payload.len() - 32);
        assert_eq!(String::from_utf8_lossy(body), text);
    }
    // No two of the random ones are alike, and no stamps either.
    let random: BTreeSet<_> = payloads(Payload::Random(Size::Fixed(64)), 50).into_iter().collect();
    assert_eq!(random.len(), 50);
}

#[test]
fn qos_and_retain_are_as_asked() {
    let cases = [(0, 2, false), (1, 0, true), (2, 1, false), (2, 2, true)];
    at_once(cases, |(qos, subscribe_qos, retain)| {
        let load = Load {
            qos,
            subscribe_qos,
            retain,
            ..load()
        };
        for version in [Version::V31, Version::V311, Version::V5] {
            let (measured, record) = against_with(Policy::default(), version, load.clone());
            check_whole(&measured, &load, 100, 1);
            assert_eq!(measured.protocol, version.name());
            // A stored message is removed at the end.
            let (sent, removed) = record.messages.split_at(100);
            let flags: BTreeSet<_> = sent.iter().map(|message| (message.qos, message.retain)).collect();
            assert_eq!(flags, BTreeSet::from([(qos, retain)]));
            assert!(
                removed
                    .iter()
                    .all(|message| message.retain && message.payload.is_empty())
            );
            assert_eq!(removed.len(), usize::from(retain));
            let asked: Vec<_> = record
                .subscriptions
                .iter()
                .map(|(_, filter, qos)| (&**filter, *qos))
                .collect();
            assert_eq!(asked, [("t/0", subscribe_qos)]);
        }
    });
}

#[test]
fn the_broker_is_asked_for_its_name() {
    let policy = Policy {
        version: Some("scripted version 1"),
        ..Policy::default()
    };
    let (measured, _) = against(policy, load());
    check_whole(&measured, &load(), 100, 1);
    assert_eq!(measured.broker_version.as_deref(), Some("scripted version 1"));
    // One that has none keeps nobody waiting.
    let (measured, _) = against(Policy::default(), load());
    assert_eq!(measured.broker_version, None);
}

#[test]
fn connections_and_subscriptions_are_timed() {
    let policy = Policy {
        connack_delay: Duration::from_millis(100),
        suback_delay: Duration::from_millis(200),
        ..Policy::default()
    };
    let load = Load {
        publishers: 2,
        subscribers: 3,
        topic: "t".to_owned(),
        filter: "t".to_owned(),
        ..load()
    };
    let (measured, _) = against(policy, load.clone());
    check_whole(&measured, &load, 100, 3);
    let near = |measure, count, delay: Duration| {
        let histogram = measured.record.histogram(measure).unwrap();
        assert_eq!(histogram.len(), count);
        let (first, last) = (histogram.min(), histogram.max());
        // The histogram knows three digits.
        assert!(first >= delay.mul_f64(0.999), "{first:?}");
        assert!(last < delay + Duration::from_millis(90), "{last:?}");
    };
    near(Measure::Connect, 5, Duration::from_millis(100));
    near(Measure::Suback, 3, Duration::from_millis(200));
    assert_eq!(samples(&measured, Measure::AckService), 100);
    assert_eq!(samples(&measured, Measure::DeliveryService), 300);
}

/// Acknowledged and delivered at different times: neither is taken for the other.
#[test]
fn acknowledgements_and_deliveries_are_timed_apart() {
    at_once([1, 2], |qos| {
        let policy = Policy {
            ack_delay: Duration::from_millis(60),
            pubcomp_delay: Duration::from_millis(160),
            delivery_delay: Duration::from_millis(150),
            ..Policy::default()
        };
        let load = Load {
            qos,
            ..open(Arrival::Constant, 200.0, Duration::from_millis(500))
        };
        let (measured, _) = against(policy, load.clone());
        check_whole(&measured, &load, 100, 1);
        // QoS 2 is over with PUBCOMP.
        let acked = if qos == 1 { 60 } else { 220 };
        for (measure, delay) in [
            (Measure::AckService, acked),
            (Measure::AckResponse, acked),
            (Measure::DeliveryService, 150),
            (Measure::DeliveryResponse, 150),
        ] {
            let histogram = measured.record.histogram(measure).unwrap();
            let median = histogram.quantile(0.5);
            let delay = Duration::from_millis(delay);
            assert!(
                histogram.min() >= delay.mul_f64(0.999),
                "{}: {median:?}",
                measure.name()
            );
            assert!(
                median < delay + Duration::from_millis(30),
                "{}: {median:?}",
                measure.name()
            );
        }
    });
}
