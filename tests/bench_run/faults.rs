//! What a broker does wrong is counted exactly, and told when the standard forbids it.

use super::{
    Embedded, against, against_with, at_once, broken, check_conservation, check_whole, load, measure, open, samples,
    setup, watch,
};
use crate::support::scripted::{Fault, Policy, Scripted};
use mqkit::bench::failure::Kind;
use mqkit::bench::{self, Arrival, Counts, Load, Measure, Phase};
use mqkit::protocol::{ReasonCode, Utf8, Version};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::oneshot;

const QOS: [u8; 3] = [0, 1, 2];

fn faults(faults: &[(&str, u64, Fault)]) -> Policy {
    let faults = faults.iter();
    Policy {
        faults: faults
            .map(|(topic, number, fault)| ((*topic).to_owned(), *number, fault.clone()))
            .collect(),
        ..Policy::default()
    }
}

/// Three publishers with 300 messages; at an open loop, so that a lost one keeps nothing waiting.
fn three(qos: u8) -> Load {
    Load {
        publishers: 3,
        subscribers: 3,
        qos,
        drain: Duration::from_millis(300),
        count: Some(300),
        ..open(Arrival::Constant, 1000.0, Duration::from_secs(20))
    }
}

#[test]
fn losses_are_counted_and_break_qos_1_and_2() {
    at_once(QOS, |qos| {
        let lose = faults(&[
            ("t/0", 0, Fault::Lose),
            ("t/1", 50, Fault::Lose),
            ("t/1", 51, Fault::Lose),
            ("t/2", 99, Fault::Lose),
        ]);
        let (measured, _) = against(lose, three(qos));
        let counts = measured.record.counts;
        assert_eq!(
            (counts.expected, counts.received, counts.lost),
            (300, 296, 4),
            "{counts:?}"
        );
        assert_eq!(
            (counts.duplicated, counts.out_of_order, counts.foreign),
            (0, 0, 0),
            "{counts:?}"
        );
        check_conservation(&measured, qos);
        let broken = broken(&measured);
        assert_eq!(broken.is_empty(), qos == 0, "QoS {qos}: {broken}");
        assert!(qos == 0 || broken.contains('4'), "{broken}");
        assert_eq!(samples(&measured, Measure::DeliveryResponse), 296);
    });
}

/// What the subscriber did not ask for was not promised.
#[test]
fn a_subscription_at_qos_0_promises_nothing() {
    let load = Load {
        subscribe_qos: 0,
        drain: Duration::from_millis(300),
        ..load()
    };
    let (measured, _) = against(faults(&[("t/0", 7, Fault::Lose)]), load);
    let counts = measured.record.counts;
    assert_eq!(
        (counts.acknowledged, counts.received, counts.lost),
        (100, 99, 1),
        "{counts:?}"
    );
    assert_eq!(measured.broken, Vec::<bench::Breach>::new());
}

/// At QoS 0 deliveries open the window of a closed loop, and one that never comes must not close it for ever.
#[test]
fn a_loss_at_qos_0_does_not_stop_a_closed_loop() {
    let lose = faults(&[
        ("t/0", 0, Fault::Lose),
        ("t/0", 1, Fault::Lose),
        ("t/0", 99, Fault::Lose),
    ]);
    let load = Load {
        qos: 0,
        window: 1,
        late: Duration::from_millis(100),
        drain: Duration::from_millis(300),
        ..load()
    };
    let (measured, _) = against(lose, load);
    let counts = measured.record.counts;
    assert_eq!((counts.sent, counts.received, counts.lost), (100, 97, 3), "{counts:?}");
    assert_eq!(measured.broken, Vec::<bench::Breach>::new());
    check_conservation(&measured, 0);
}

/// Messages of several publishers on one topic are told apart.
#[test]
fn publishers_may_share_a_topic() {
    at_once(QOS, |qos| {
        let load = Load {
            subscribers: 1,
            topic: "t".to_owned(),
            filter: "t".to_owned(),
            ..three(qos)
        };
        let policy = faults(&[("t", 10, Fault::Lose), ("t", 20, Fault::Repeat)]);
        let (measured, _) = against(policy, load);
        let counts = measured.record.counts;
        assert_eq!(
            (counts.received, counts.lost, counts.duplicated),
            (299, 1, 1),
            "{counts:?}"
        );
        assert_eq!((counts.out_of_order, counts.foreign), (0, 0), "{counts:?}");
    });
}

#[test]
fn duplicates_are_counted_and_allowed_at_qos_1_only() {
    at_once(QOS, |qos| {
        let repeat = faults(&[
            ("t/0", 0, Fault::Repeat),
            ("t/1", 50, Fault::Repeat),
            ("t/2", 99, Fault::Repeat),
        ]);
        let (measured, _) = against(repeat, three(qos));
        let counts = measured.record.counts;
        assert_eq!(
            (counts.received, counts.lost, counts.duplicated),
            (300, 0, 3),
            "{counts:?}"
        );
        assert_eq!((counts.out_of_order, counts.foreign), (0, 0), "{counts:?}");
        check_conservation(&measured, qos);
        let broken = broken(&measured);
        assert_eq!(broken.is_empty(), qos == 1, "QoS {qos}: {broken}");
        assert_eq!(samples(&measured, Measure::DeliveryResponse), 300);
    });
}

#[test]
fn what_comes_out_of_order_is_counted_and_breaks_the_standard() {
    at_once(QOS, |qos| {
        let swap = faults(&[
            ("t/0", 0, Fault::Swap),
            // Two wait for the third: both are late.
            ("t/1", 50, Fault::Swap),
            ("t/1", 51, Fault::Swap),
        ]);
        let (measured, _) = against(swap, three(qos));
        let counts = measured.record.counts;
        assert_eq!(
            (counts.received, counts.lost, counts.out_of_order),
            (300, 0, 3),
            "{counts:?}"
        );
        assert_eq!(counts.duplicated, 0, "{counts:?}");
        check_conservation(&measured, qos);
        assert_eq!(measured.broken.len(), 1, "QoS {qos}: {:?}", measured.broken);
    });
}

#[test]
fn all_faults_at_once_are_told_apart() {
    let all = faults(&[
        ("t/0", 10, Fault::Lose),
        ("t/0", 20, Fault::Repeat),
        ("t/0", 30, Fault::Swap),
        ("t/0", 40, Fault::Foreign(b"hello")),
        ("t/0", 41, Fault::Foreign(b"")),
        // As long as a stamp, and longer.
        ("t/0", 42, Fault::Foreign(&[0; 32])),
        ("t/0", 43, Fault::Foreign(&[0xff; 64])),
        ("t/1", 0, Fault::Repeat),
        ("t/1", 99, Fault::Lose),
        ("t/2", 50, Fault::Refuse(ReasonCode::QUOTA_EXCEEDED)),
    ]);
    at_once(QOS, |qos| {
        let (measured, _) = against(all.clone(), three(qos));
        let counts = measured.record.counts;
        // At QoS 0 nobody tells that a message was refused.
        let refused = u64::from(qos > 0);
        let lost = if qos > 0 { 2 } else { 3 };
        let expected = Counts {
            offered: 300,
            sent: 300,
            acknowledged: if qos > 0 { 299 } else { 0 },
            refused,
            expected: 300 - refused,
            received: 297,
            lost,
            duplicated: 2,
            out_of_order: 1,
            foreign: 4,
            connected: 6,
            bytes_sent: 300 * 64,
            bytes_received: counts.bytes_received,
            ..Counts::default()
        };
        assert_eq!(counts, expected, "QoS {qos}");
        check_conservation(&measured, qos);
    });
}

#[test]
fn refusals_are_no_losses() {
    let denied = Fault::Refuse(ReasonCode::NOT_AUTHORIZED);
    at_once([1, 2], |qos| {
        let (measured, _) = against(
            faults(&[("t/0", 3, denied.clone()), ("t/0", 5, denied.clone())]),
            Load { qos, ..load() },
        );
        let counts = measured.record.counts;
        assert_eq!(
            (counts.sent, counts.acknowledged, counts.refused),
            (100, 98, 2),
            "{counts:?}"
        );
        assert_eq!(
            (counts.expected, counts.received, counts.lost),
            (98, 98, 0),
            "{counts:?}"
        );
        assert_eq!(measured.broken, Vec::<bench::Breach>::new());
        check_conservation(&measured, qos);
    });
}

/// Accepted, and nobody was there: that is no refusal.
#[test]
fn a_success_with_a_reason_is_a_success() {
    let nobody = Fault::Refuse(ReasonCode(0x10));
    let (measured, _) = against(faults(&[("t/0", 3, nobody)]), load());
    check_whole(&measured, &load(), 100, 1);
}

#[test]
fn faults_of_the_warm_up_do_not_count() {
    at_once(QOS, |qos| {
        let load = Load {
            publishers: 2,
            subscribers: 2,
            qos,
            warm_up: Duration::from_millis(400),
            drain: Duration::from_millis(300),
            ..open(Arrival::Constant, 500.0, Duration::from_millis(600))
        };
        // Of each publisher a hundred messages are of the warm-up.
        let policy = faults(&[
            ("t/0", 5, Fault::Lose),
            ("t/0", 10, Fault::Repeat),
            ("t/0", 20, Fault::Swap),
            ("t/0", 30, Fault::Refuse(ReasonCode::QUOTA_EXCEEDED)),
            ("t/0", 120, Fault::Lose),
            ("t/1", 130, Fault::Repeat),
            ("t/1", 140, Fault::Swap),
        ]);
        let (measured, record) = against(policy, load);
        assert_eq!(record.messages.len(), 500);
        let counts = measured.record.counts;
        let expected = Counts {
            offered: 300,
            sent: 300,
            acknowledged: if qos > 0 { 300 } else { 0 },
            expected: 300,
            received: 299,
            lost: 1,
            duplicated: 1,
            out_of_order: 1,
            connected: 4,
            bytes_sent: 300 * 64,
            bytes_received: counts.bytes_received,
            ..Counts::default()
        };
        assert_eq!(counts, expected, "QoS {qos}");
        check_conservation(&measured, qos);
        assert_eq!(samples(&measured, Measure::DeliveryResponse), 299);
    });
}

#[test]
fn late_deliveries_are_counted() {
    let policy = Policy {
        delivery_delay: Duration::from_millis(20),
        freeze: Some((Duration::from_millis(200), Duration::from_millis(400))),
        ..Policy::default()
    };
    let load = Load {
        late: Duration::from_millis(220),
        ..open(Arrival::Constant, 500.0, Duration::from_millis(800))
    };
    let (measured, _) = against(policy, load);
    let counts = measured.record.counts;
    assert_eq!((counts.received, counts.lost), (400, 0), "{counts:?}");
    // Those due in the first 200 ms of the freeze, and ten that were to be delivered in it.
    assert!((100..=125).contains(&counts.late), "{counts:?}");
}

#[test]
fn a_publisher_whose_connection_is_lost_comes_back_and_sends_again() {
    let cases = [
        (1, false, Version::V5),
        (1, true, Version::V5),
        (2, true, Version::V5),
        (1, true, Version::V311),
        (2, true, Version::V311),
    ];
    at_once(cases, |(qos, persistent, version)| {
        let policy = faults(&[("t/0", 50, Fault::HangUp)]);
        let load = Load {
            qos,
            persistent,
            ..load()
        };
        let (measured, record) = against_with(policy, version, load);
        let counts = measured.record.counts;
        let told = format!("QoS {qos}, {version}, persistent {persistent}: {counts:?}");
        assert_eq!(
            (counts.sent, counts.acknowledged, counts.unacknowledged),
            (100, 100, 0),
            "{told}"
        );
        assert_eq!((counts.received, counts.lost), (100, 0), "{told}");
        assert_eq!((counts.lost_connections, counts.connected), (1, 3), "{told}");
        // One of them asked the broker what it is; before version 5 it takes one each to have the sessions forgotten.
        let forgetting = if persistent && version == Version::V311 { 2 } else { 0 };
        assert_eq!(record.connections, 4 + forgetting, "{told}");
        assert_eq!(samples(&measured, Measure::Reconnect), 1, "{told}");
        assert_eq!(measured.failures, [], "{told}");
        assert_eq!(measured.broken, Vec::<bench::Breach>::new(), "{told}");
        check_conservation(&measured, qos);
    });
}

/// At QoS 1 a message that is sent again may come twice; at QoS 2 it must not.
#[test]
fn what_is_sent_again_comes_twice_at_qos_1_only() {
    at_once([(1, 1), (2, 0)], |(qos, duplicated)| {
        let policy = faults(&[("t/0", 50, Fault::HangUpUnanswered)]);
        let load = Load {
            qos,
            window: 1,
            persistent: true,
            ..load()
        };
        let (measured, _) = against(policy, load);
        let counts = measured.record.counts;
        assert_eq!((counts.received, counts.lost), (100, 0), "{counts:?}");
        assert_eq!((counts.acknowledged, counts.lost_connections), (100, 1), "{counts:?}");
        assert_eq!(counts.duplicated, duplicated, "{counts:?}");
        assert_eq!(measured.broken, Vec::<bench::Breach>::new(), "{counts:?}");
        check_conservation(&measured, qos);
    });
}

/// With a session the broker keeps what comes meanwhile.
#[test]
fn a_subscriber_whose_connection_is_lost_comes_back_and_loses_nothing() {
    let policy = faults(&[("t/0", 50, Fault::HangUpSubscribers)]);
    let load = Load {
        persistent: true,
        ..load()
    };
    let (measured, record) = against(policy, load);
    let counts = measured.record.counts;
    assert_eq!(
        (counts.received, counts.lost, counts.lost_connections),
        (100, 0, 1),
        "{counts:?}"
    );
    assert_eq!(record.connections, 4);
    assert_eq!(measured.broken, Vec::<bench::Breach>::new());
}

#[test]
fn a_broker_that_never_answers_ends_no_run() {
    let policy = Policy {
        silent: true,
        ..Policy::default()
    };
    let load = Load {
        window: 10,
        drain: Duration::from_millis(200),
        ..open(Arrival::Constant, 100.0, Duration::from_millis(500))
    };
    let began = Instant::now();
    let (measured, _) = against(policy, load);
    let took = began.elapsed();
    let counts = measured.record.counts;
    assert_eq!((counts.offered, counts.sent, counts.unsent), (50, 10, 40), "{counts:?}");
    assert_eq!((counts.acknowledged, counts.unacknowledged), (0, 10), "{counts:?}");
    assert_eq!(
        (counts.expected, counts.received, counts.lost),
        (50, 0, 50),
        "{counts:?}"
    );
    check_conservation(&measured, 1);
    assert!(took >= Duration::from_millis(700), "{took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn messages_of_another_run_are_foreign() {
    let broker = Embedded::new();
    let start = SystemTime::now() + Duration::from_millis(600);
    let run = |run_id: u64, client: &str| {
        let mut setup = setup(
            broker.port,
            Version::V5,
            open(Arrival::Constant, 200.0, Duration::from_millis(500)),
        );
        setup.client.session.client_id = Utf8::new(client).unwrap();
        setup.run_id = run_id;
        setup.start_at = Some(start);
        measure(setup)
    };
    let runs = thread::scope(|scope| {
        let other = scope.spawn(|| run(2, "other"));
        [run(1, "one"), other.join().unwrap()]
    });
    for measured in runs {
        let counts = measured.record.counts;
        assert_eq!((counts.sent, counts.received, counts.lost), (100, 100, 0), "{counts:?}");
        assert_eq!((counts.duplicated, counts.out_of_order), (0, 0), "{counts:?}");
        // Of the other one at least those that came between its own first and last one.
        assert!((50..=100).contains(&counts.foreign), "{counts:?}");
        assert_eq!(measured.broken, Vec::<bench::Breach>::new());
    }
}

#[test]
fn a_stop_ends_the_run_and_its_figures_stay_whole() {
    let broker = Scripted::new(Policy::default());
    let load = open(Arrival::Constant, 200.0, Duration::from_secs(60));
    let mut phases = Vec::new();
    let measured = watch(
        setup(broker.port, Version::V5, load),
        async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            Duration::from_secs(5)
        },
        &mut |progress| phases.push(progress.phase),
    );
    let measured = measured.unwrap();
    let counts = measured.record.counts;
    assert!(measured.stopped);
    assert!((1..=200).contains(&counts.sent), "{counts:?}");
    check_conservation(&measured, 1);
    assert_eq!(measured.broken, Vec::<bench::Breach>::new(), "{counts:?}");
    let connecting = phases.iter().position(|phase| matches!(phase, Phase::Connecting(..)));
    let measuring = phases.iter().position(|phase| *phase == Phase::Measuring);
    assert!(measuring.is_some(), "{phases:?}");
    assert!(connecting < measuring, "{phases:?}");
    broker.finish();
}

#[test]
fn a_stop_does_not_wait_for_clients_whose_turn_has_not_come() {
    let broker = Scripted::new(Policy::default());
    // An hour for each; `watch` has less patience.
    let load = Load {
        publishers: 10,
        connect_rate: Some(1.0 / 3600.0),
        ..load()
    };
    let (said, heard) = oneshot::channel();
    let mut said = Some(said);
    let stopped = watch(
        setup(broker.port, Version::V5, load),
        async {
            heard.await.unwrap();
            Duration::from_secs(5)
        },
        &mut |progress| {
            if matches!(progress.phase, Phase::Connecting(..)) {
                said.take().into_iter().for_each(|said| said.send(()).unwrap());
            }
        },
    );
    assert!(matches!(*stopped.unwrap_err(), bench::Error::Stopped));
    broker.finish();
}

#[test]
fn a_start_time_is_waited_for() {
    let broker = Scripted::new(Policy::default());
    let began = Instant::now();
    let wait = Duration::from_millis(600);
    let mut setup = setup(broker.port, Version::V5, load());
    setup.start_at = Some(SystemTime::now() + wait);
    let mut waited = false;
    watch(setup, std::future::pending(), &mut |progress| {
        waited |= progress.phase == Phase::Waiting
    })
    .unwrap();
    let record = broker.finish();
    let first = record.messages[0].arrived.duration_since(began);
    assert!(first >= wait, "{first:?}");
    assert!(first < wait + Duration::from_secs(1), "{first:?}");
    assert!(waited);
}

/// Nobody comes back to a broker that is gone: the figures until then are kept.
#[test]
fn a_broker_that_goes_away_ends_the_run() {
    let broker = Scripted::new(Policy::default());
    let mut setup = setup(
        broker.port,
        Version::V5,
        open(Arrival::Constant, 200.0, Duration::from_secs(30)),
    );
    setup.client.retry_lost = Some(Duration::from_millis(300));
    setup.load.drain = Duration::from_millis(300);
    let began = Instant::now();
    let mut broker = Some(broker);
    let measured = watch(setup, std::future::pending(), &mut |progress| {
        if progress.phase == Phase::Measuring && progress.elapsed > Duration::from_millis(500) {
            broker.take().map(Scripted::finish);
        }
    });
    let measured = measured.unwrap();
    let counts = measured.record.counts;
    let kinds: Vec<_> = measured.failures.iter().map(|failure| failure.kind).collect();
    assert_eq!(kinds.first(), Some(&Kind::ConnectionsLost), "{:?}", measured.failures);
    assert!(kinds.contains(&Kind::MessagesUnsent), "{:?}", measured.failures);
    assert!((50..1000).contains(&counts.acknowledged), "{counts:?}");
    assert_eq!(counts.offered, counts.sent + counts.unsent, "{counts:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn a_refused_subscription_is_an_error() {
    let policy = Policy {
        refuses_subscriptions: true,
        ..Policy::default()
    };
    let broker = Scripted::new(policy);
    let result = watch(
        setup(broker.port, Version::V5, load()),
        std::future::pending(),
        &mut |_| {},
    );
    let error = *result.unwrap_err();
    assert!(
        matches!(&error, bench::Error::Refused { filter, .. } if filter == "t/0"),
        "{error}"
    );
    broker.finish();
}

#[test]
fn a_broker_that_is_not_there_is_an_error() {
    // Free, and nobody listens: it was bound a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let result = watch(setup(port, Version::V5, load()), std::future::pending(), &mut |_| {});
    let bench::Error::Client { id, source } = *result.unwrap_err() else {
        panic!("another error");
    };
    assert!(id.starts_with("bench"), "{id}: {source}");
}
