//! Each scenario against mqkit's own broker: what was planned is what is counted.

use super::{against_embedded, at_once, check_conservation, check_whole, load, open, samples};
use mqkit::bench::{Arrival, Load, Measure, Measured, Scenario};
use mqkit::protocol::Version;
use std::time::Duration;

const VERSIONS: [Version; 2] = [Version::V311, Version::V5];

fn whole(load: &Load, sent: u64, copies: u64, check: impl Fn(&Measured) + Sync) {
    at_once(VERSIONS, |version| {
        let measured = against_embedded(version, load.clone());
        check_whole(&measured, load, sent, copies);
        assert_eq!(measured.protocol, version.name());
        assert_eq!(measured.transport, None);
        check(&measured);
    });
}

#[test]
fn round_trip() {
    at_once([0, 1, 2], |qos| {
        let load = Load {
            publishers: 4,
            subscribers: 4,
            qos,
            count: Some(400),
            ..load()
        };
        whole(&load, 400, 1, |measured| {
            let acks = if qos > 0 { 400 } else { 0 };
            assert_eq!(samples(measured, Measure::DeliveryService), 400);
            assert_eq!(samples(measured, Measure::AckService), acks);
            // Nothing is due in a closed loop.
            assert_eq!(samples(measured, Measure::DeliveryResponse), 0);
            assert_eq!(samples(measured, Measure::Connect), 8);
            assert_eq!(samples(measured, Measure::Suback), 4);
        });
    });
}

#[test]
fn fan_in() {
    let load = Load {
        scenario: Scenario::FanIn,
        publishers: 8,
        subscribers: 2,
        filter: "t/#".to_owned(),
        count: Some(400),
        ..load()
    };
    whole(&load, 400, 2, |_| {});
}

#[test]
fn fan_out() {
    at_once([0, 1, 2], |qos| {
        let load = Load {
            scenario: Scenario::FanOut,
            publishers: 1,
            subscribers: 10,
            topic: "t".to_owned(),
            filter: "t".to_owned(),
            qos,
            ..load()
        };
        whole(&load, 100, 10, |_| {});
    });
}

#[test]
fn shared() {
    let load = Load {
        scenario: Scenario::Shared,
        publishers: 2,
        subscribers: 4,
        filter: "$share/g/t/#".to_owned(),
        count: Some(400),
        ..load()
    };
    whole(&load, 400, 1, |_| {});
}

#[test]
fn retained() {
    at_once([1, 5], |subscribers| {
        let load = Load {
            scenario: Scenario::Retained,
            publishers: 1,
            subscribers,
            topic: "t/%n".to_owned(),
            filter: "t/#".to_owned(),
            topics: 100,
            retain: true,
            ..load()
        };
        whole(&load, 100, subscribers.into(), |measured| {
            let expected = 100 * u64::from(subscribers);
            assert_eq!(samples(measured, Measure::DeliveryService), expected);
            assert_eq!(samples(measured, Measure::Suback), u64::from(subscribers));
        });
    });
}

#[test]
fn connect() {
    let load = Load {
        scenario: Scenario::Connect,
        publishers: 50,
        subscribers: 0,
        count: None,
        duration: Duration::from_millis(300),
        ..load()
    };
    whole(&load, 0, 0, |measured| {
        assert_eq!(samples(measured, Measure::Connect), 50);
        assert!(measured.connecting > Duration::ZERO);
    });
}

#[test]
fn connections_keep_their_rate() {
    let load = Load {
        scenario: Scenario::Connect,
        publishers: 50,
        subscribers: 0,
        count: None,
        duration: Duration::from_millis(100),
        connect_rate: Some(100.0),
        ..load()
    };
    let measured = against_embedded(Version::V5, load.clone());
    check_whole(&measured, &load, 0, 0);
    let took = measured.connecting;
    assert!(took >= Duration::from_millis(485), "{took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn reconnect() {
    at_once(VERSIONS, |version| {
        let load = Load {
            scenario: Scenario::Reconnect,
            publishers: 2,
            subscribers: 3,
            filter: "t/#".to_owned(),
            persistent: true,
            drop_every: Duration::from_millis(200),
            ..open(Arrival::Constant, 400.0, Duration::from_secs(1))
        };
        let measured = against_embedded(version, load);
        let counts = measured.record.counts;
        assert_eq!((counts.sent, counts.acknowledged), (400, 400), "{version}: {counts:?}");
        assert_eq!(
            (counts.expected, counts.received, counts.lost),
            (1200, 1200, 0),
            "{version}: {counts:?}"
        );
        assert_eq!(
            (counts.lost_connections, counts.failed_connections),
            (0, 0),
            "{version}: {counts:?}"
        );
        let reconnected = samples(&measured, Measure::Reconnect);
        // Each of three about five times.
        assert!((6..=18).contains(&reconnected), "{version}: {reconnected}");
        assert_eq!(counts.connected, 5 + reconnected, "{version}: {counts:?}");
        assert_eq!(
            measured.broken,
            Vec::<mqkit::bench::Breach>::new(),
            "{version}: {counts:?}"
        );
        check_conservation(&measured, 1);
    });
}

#[test]
fn workers_share_the_load() {
    at_once([2, 3], |workers| {
        let load = Load {
            publishers: 8,
            subscribers: 8,
            workers,
            count: Some(400),
            ..load()
        };
        whole(&load, 400, 1, |_| {});
    });
}
