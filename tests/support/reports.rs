//! A load and a process, as tests of bench begin with.

use mqkit::bench::report::Process;
use mqkit::bench::{Arrival, Load, Payload, Scenario, Size};
use std::time::Duration;

/// One publisher and one subscriber, 100 bytes at QoS 1, 1000 messages per second for ten seconds.
pub(crate) fn load() -> Load {
    Load {
        scenario: Scenario::RoundTrip,
        publishers: 1,
        subscribers: 1,
        topic: "mqkit/%i".to_owned(),
        filter: "mqkit/%i".to_owned(),
        topics: 1,
        random_topics: false,
        payload: Payload::Random(Size::Fixed(100)),
        qos: 1,
        subscribe_qos: 1,
        retain: false,
        arrival: Arrival::Constant,
        rate: Some(1000.0),
        window: 100,
        count: None,
        duration: Duration::from_secs(10),
        warm_up: Duration::ZERO,
        drain: Duration::from_secs(5),
        late: Duration::from_secs(1),
        connect_rate: None,
        drop_every: Duration::from_secs(5),
        persistent: false,
        workers: 1,
        seed: 42,
    }
}

/// A machine somewhere.
pub(crate) fn process() -> Process {
    Process {
        mqkit: "0.1.0".to_owned(),
        host: "lab3".to_owned(),
        system: "Linux 6.12.48 x86_64".to_owned(),
        processor: "AMD EPYC 7763".to_owned(),
        processors: 4,
        command: vec!["mqkit".to_owned(), "bench".to_owned()],
        run: "5f2c".to_owned(),
        broker: "mqtt://broker.lab:1883".to_owned(),
        broker_version: Some("mosquitto version 2.0.21".to_owned()),
        embedded: false,
        protocol: "5.0".to_owned(),
        transport: None,
    }
}
