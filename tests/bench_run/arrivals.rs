//! When messages are sent: the broker's clock shows what the plan asked for.

use super::{against, at_once, check_whole, load, open, samples};
use crate::support::scripted::{Message, Policy};
use mqkit::bench::{Arrival, Load, Measure};
use std::time::Duration;

/// Seconds between two messages.
fn gaps(messages: &[Message]) -> Vec<f64> {
    let pairs = messages.windows(2);
    pairs
        .map(|pair| (pair[1].arrived - pair[0].arrived).as_secs_f64())
        .collect()
}

#[allow(clippy::cast_precision_loss, reason = "a few thousand")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation over mean: 0 at equal intervals, 1 when they are independent.
fn variation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: Vec<_> = values.iter().map(|value| (value - mean).powi(2)).collect();
    self::mean(&squares).sqrt() / mean
}

#[test]
fn constant_arrivals_keep_their_rate() {
    // Three publishers that take turns.
    let load = Load {
        publishers: 3,
        subscribers: 0,
        ..open(Arrival::Constant, 300.0, Duration::from_secs(1))
    };
    let (measured, record) = against(Policy::default(), load.clone());
    check_whole(&measured, &load, 300, 0);
    let gaps = gaps(&record.messages);
    assert!((mean(&gaps) * 300.0 - 1.0).abs() < 0.05, "{}", mean(&gaps));
    // A disturbance of the machine lasts less than most of them.
    let even = gaps.iter().filter(|gap| (**gap * 300.0 - 1.0).abs() < 0.5).count();
    assert!(even > 200, "{gaps:?}");
    let count = |topic: &str| record.messages.iter().filter(|message| message.topic == topic).count();
    assert_eq!(["t/0", "t/1", "t/2"].map(count), [100; 3]);
    assert_eq!(samples(&measured, Measure::AckResponse), 300);
    assert_eq!(samples(&measured, Measure::Lateness), 300);
    assert_eq!(samples(&measured, Measure::DeliveryResponse), 0);
}

#[test]
fn poisson_arrivals_are_independent() {
    let load = Load {
        subscribers: 0,
        ..open(Arrival::Poisson, 500.0, Duration::from_secs(2))
    };
    let (measured, record) = against(Policy::default(), load.clone());
    let sent = record.messages.len() as u64;
    // Five standard deviations, and the seed is fixed.
    assert!((842..=1158).contains(&sent), "{sent}");
    check_whole(&measured, &load, sent, 0);
    let variation = variation(&gaps(&record.messages));
    assert!((0.8..1.25).contains(&variation), "{variation}");
}

#[test]
fn the_same_seed_gives_the_same_load() {
    let load = Load {
        publishers: 2,
        subscribers: 0,
        ..open(Arrival::Poisson, 500.0, Duration::from_millis(200))
    };
    let of = |seed| {
        against(Policy::default(), Load { seed, ..load.clone() })
            .1
            .messages
            .len()
    };
    let (first, again) = (of(1), of(1));
    assert_eq!(first, again);
    assert!((2..10).any(|seed| of(seed) != first), "{first}");
}

#[test]
fn bursts_come_together() {
    let load = Load {
        subscribers: 0,
        ..open(Arrival::Burst(20), 400.0, Duration::from_secs(1))
    };
    let (measured, record) = against(Policy::default(), load.clone());
    check_whole(&measured, &load, 400, 0);
    // Twenty bursts, 50 ms apart.
    let gaps = gaps(&record.messages);
    let pauses = gaps.iter().filter(|gap| **gap > 0.025).count();
    assert_eq!(pauses, 19, "{gaps:?}");
}

#[test]
fn a_count_ends_a_run_after_exactly_so_many() {
    let cases = [
        (Arrival::Closed, None),
        (Arrival::Constant, Some(2000.0)),
        (Arrival::Poisson, Some(2000.0)),
        (Arrival::Burst(7), Some(2000.0)),
    ];
    at_once(cases, |(arrival, rate)| {
        // No multiple of the publishers.
        let load = Load {
            publishers: 3,
            subscribers: 3,
            arrival,
            rate,
            window: 1000,
            count: Some(100),
            warm_up: Duration::from_millis(50),
            ..load()
        };
        let (measured, record) = against(Policy::default(), load.clone());
        check_whole(&measured, &load, 100, 1);
        assert!(record.messages.len() > 100, "no warm-up");
    });
}

#[test]
fn a_duration_ends_a_closed_loop() {
    let load = Load {
        count: None,
        duration: Duration::from_millis(300),
        warm_up: Duration::from_millis(100),
        ..load()
    };
    let policy = Policy {
        ack_delay: Duration::from_millis(2),
        ..Policy::default()
    };
    let (measured, record) = against(policy, load.clone());
    let sent = measured.record.counts.sent;
    // A window of twenty, at most 150 times.
    assert!((20..=3000).contains(&sent), "{sent}");
    assert!(record.messages.len() as u64 > sent);
    check_whole(&measured, &load, sent, 1);
    let took = record.messages.last().unwrap().arrived - record.messages[0].arrived;
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// A closed loop keeps to its window: the broker sees how many it has not answered.
#[test]
fn a_window_is_never_exceeded() {
    for (qos, window) in [(1, 1), (1, 5), (2, 5)] {
        let policy = Policy {
            ack_delay: Duration::from_millis(2),
            ..Policy::default()
        };
        let load = Load { qos, window, ..load() };
        let (measured, record) = against(policy, load.clone());
        check_whole(&measured, &load, 100, 1);
        let most = record.messages.iter().map(|message| {
            let earlier = record.messages.iter().filter(|other| other.handled < message.handled);
            1 + earlier
                .filter(|other| other.acknowledged.unwrap() > message.handled)
                .count()
        });
        assert_eq!(most.max(), Some(window.into()), "QoS {qos}");
    }
}

/// At QoS 0 nobody answers but the subscriber.
#[test]
fn at_qos_0_the_window_counts_deliveries() {
    let policy = Policy {
        delivery_delay: Duration::from_millis(2),
        ..Policy::default()
    };
    let load = Load {
        qos: 0,
        window: 5,
        ..load()
    };
    let (measured, record) = against(policy, load.clone());
    check_whole(&measured, &load, 100, 1);
    let most = record.messages.iter().map(|message| {
        let earlier = record.messages.iter().filter(|other| other.handled < message.handled);
        1 + earlier.filter(|other| other.delivered[0] > message.handled).count()
    });
    assert_eq!(most.max(), Some(5));
}
