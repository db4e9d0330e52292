//! Reports as runs could give them, and some that no run gives.

use crate::support::reports;
use mqkit::bench::histogram::Histogram;
use mqkit::bench::report::{Generator, Latency, Process, Rates, Row, SCHEMA, Span};
use mqkit::bench::{Arrival, Counts, Load, Measure, Payload, Record, Report, Scenario};
use std::time::Duration;

/// What a broker, a topic or a host name could be.
pub(crate) const NASTY: &str =
    "</title><script>alert('1')</script>\u{1}\u{0}\u{202e}\u{ffff}]]>&amp; \"x\" --> ünï 測試 🦀";

/// Deterministic numbers between 0 and 1.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Exponential with a mean of one.
    fn exponential(&mut self) -> f64 {
        -(1.0 - self.next()).ln()
    }
}

fn process() -> Process {
    Process {
        mqkit: "0.1.0".to_owned(),
        host: "loadgen-1".to_owned(),
        system: "Linux 6.12.41 x86_64".to_owned(),
        processor: "AMD EPYC 7763 64-Core Processor".to_owned(),
        processors: 2,
        command: [
            "mqkit",
            "bench",
            "-h",
            "broker.example",
            "-t",
            "a b/%i",
            "-q",
            "1",
            "--rate",
            "1000",
        ]
        .map(str::to_owned)
        .to_vec(),
        run: "9f3a61c07be2d410".to_owned(),
        broker: "broker.example:1883".to_owned(),
        broker_version: Some("mosquitto version 2.0.18".to_owned()),
        ..reports::process()
    }
}

fn load() -> Load {
    Load {
        publishers: 10,
        subscribers: 10,
        topic: "mqkit/bench/%r/%i".to_owned(),
        filter: "bench/%i".to_owned(),
        duration: Duration::from_secs(60),
        warm_up: Duration::from_secs(2),
        drop_every: Duration::from_secs(10),
        workers: 2,
        ..reports::load()
    }
}

pub(crate) fn empty() -> Report {
    Report {
        schema: SCHEMA,
        processes: Vec::new(),
        load: load(),
        span: Span::default(),
        counts: Counts::default(),
        rates: Rates::default(),
        latency: Default::default(),
        timeline: Vec::new(),
        generator: Generator::default(),
        failures: Vec::new(),
        broken: Vec::new(),
        notes: Vec::new(),
    }
}

/// A run of so many seconds and messages per second; `delay` gives service and response time of a message in microseconds
/// from its second and number.
fn run(seconds: u32, per_second: u32, mut delay: impl FnMut(u32, u32) -> (f64, f64)) -> Report {
    let mut report = empty();
    let mut whole = Record::default();
    for second in 0..seconds {
        let mut times = Histogram::default();
        for number in 0..per_second {
            let (service, response) = delay(second, number);
            let micros = |micros: f64| Duration::from_secs_f64(micros / 1e6);
            whole.time(Measure::DeliveryService, micros(service));
            whole.time(Measure::DeliveryResponse, micros(response));
            whole.time(Measure::AckService, micros(service * 0.8));
            whole.time(Measure::AckResponse, micros(response * 0.9));
            whole.time(Measure::Lateness, micros(60.0 + f64::from(number % 50)));
            times.record(micros(response));
        }
        let times = Latency::new(&times);
        report.timeline.push(Row {
            at: f64::from(second),
            length: 1.0,
            sent: u64::from(per_second),
            acknowledged: u64::from(per_second),
            received: u64::from(per_second),
            p50: times.p50,
            p99: times.p99,
            max: times.max,
            histogram: times.histogram,
        });
    }
    for client in 0..20 {
        whole.time(Measure::Connect, Duration::from_micros(900 + 70 * client));
    }
    for client in 0..10 {
        whole.time(Measure::Suback, Duration::from_micros(210 + 13 * client));
    }
    // Nothing comes while waiting for what is on its way.
    report.timeline.push(Row {
        at: f64::from(seconds),
        length: 0.125,
        ..Row::default()
    });
    let messages = u64::from(seconds) * u64::from(per_second);
    report.counts = Counts {
        offered: messages,
        sent: messages,
        acknowledged: messages,
        expected: messages,
        received: messages,
        connected: 20,
        bytes_sent: messages * 100,
        bytes_received: messages * 100,
        ..Counts::default()
    };
    for measure in Measure::ALL {
        if let Some(histogram) = whole.histogram(measure) {
            report
                .latency
                .insert(measure.name().to_owned(), Latency::new(histogram));
        }
    }
    let length = f64::from(seconds);
    report.span.started = 1_764_155_833.25;
    report.span.sending = length;
    report.span.acknowledging = length + 0.001;
    report.span.receiving = length + 0.002;
    let rate = f64::from(per_second);
    report.rates = Rates {
        target: Some(rate),
        sent: rate,
        acknowledged: rate,
        received: rate,
        connected: 812.0,
    };
    report.generator = Generator {
        cpu: 2.31,
        busiest: 0.034,
        cpu_per_message: 3.9,
        send_queue: 1_420,
        limited: false,
        reasons: Vec::new(),
    };
    report.processes = vec![process()];
    report
}

pub(crate) fn usual() -> Report {
    let mut noise = Noise(1);
    run(60, 1000, |_, _| {
        let service = 240.0
            + 110.0 * noise.exponential()
            + if noise.next() > 0.998 {
                6_000.0 * noise.next()
            } else {
                0.0
            };
        (service, service + 70.0 + 30.0 * noise.exponential())
    })
}

pub(crate) fn slower_and_longer() -> Report {
    let mut noise = Noise(2);
    let mut report = run(90, 950, |second, _| {
        let slow = if second % 30 == 17 { 9_000.0 } else { 0.0 };
        let service = 250.0 + 140.0 * noise.exponential() + slow * noise.next();
        (service, service + 90.0 + 40.0 * noise.exponential())
    });
    report.load.duration = Duration::from_secs(90);
    report.load.seed = 7;
    report.processes[0].run = "0d1e5c2fa9b37746".to_owned();
    report.load.topic = report.load.topic.replace(&process().run, &report.processes[0].run);
    report
}

/// The broker stops for one second.
pub(crate) fn stall() -> Report {
    let mut noise = Noise(3);
    let mut report = run(20, 1000, |second, number| {
        let service = 240.0 + 110.0 * noise.exponential();
        match (second, number) {
            (12, 0) => (1_000_300.0, 1_000_400.0),
            // What was due during the stall had to wait for its end, then went out at once.
            (12, number) => (
                service + f64::from(number),
                1_000_400.0 - f64::from(number) * 1000.0 + service,
            ),
            _ => (service, service + 70.0 + 30.0 * noise.exponential()),
        }
    });
    report.timeline[12].sent = 100;
    report.timeline[12].acknowledged = 0;
    report.timeline[12].received = 0;
    let silent = &mut report.timeline[12];
    (silent.p50, silent.p99, silent.max) = (0.0, 0.0, 0.0);
    report.timeline[13].sent = 1900;
    report.timeline[13].acknowledged = 2000;
    report.timeline[13].received = 2000;
    report.timeline[13].p99 = 990_000.0;
    report.timeline[13].max = 1_000_400.0;
    report
}

pub(crate) fn closed_loop() -> Report {
    let mut noise = Noise(4);
    let mut report = run(10, 9000, |_, _| {
        let service = 840.0 + 310.0 * noise.exponential();
        (service, service)
    });
    report.load.arrival = Arrival::Closed;
    report.load.rate = None;
    report.rates.target = None;
    report.rates.sent = 183_402.7;
    report.latency.remove("delivery_response");
    report.latency.remove("ack_response");
    report.latency.remove("lateness");
    for (row, share) in report
        .timeline
        .iter_mut()
        .zip([1.0, 0.9, 0.97, 1.05, 1.2, 0.4].into_iter().cycle())
    {
        row.sent = (183_000.0 * share) as u64;
        row.received = row.sent - 300;
        row.acknowledged = row.sent - 100;
    }
    report.generator.limited = true;
    report.generator.busiest = 0.987;
    report.generator.reasons = vec!["the busiest thread used 98.7 % of its processor".to_owned()];
    report
}

pub(crate) fn few_samples() -> Report {
    let mut report = run(1, 3, |_, number| {
        (100.0 * f64::from(number + 1), 130.0 * f64::from(number + 1))
    });
    report.timeline[0].length = 0.25;
    report.timeline[1].at = 1.0;
    report
}

/// QoS 0 without a subscriber: only written.
pub(crate) fn written() -> Report {
    let mut report = run(10, 2000, |_, _| (1.0, 1.0));
    report.load.qos = 0;
    report.load.subscribers = 0;
    report.load.arrival = Arrival::Closed;
    report.latency.clear();
    report.rates = Rates {
        sent: 1_234_567.8,
        ..Rates::default()
    };
    report.counts = Counts {
        offered: 12_345_678,
        sent: 12_345_678,
        bytes_sent: 1_234_567_800,
        ..Counts::default()
    };
    for row in &mut report.timeline {
        *row = Row {
            sent: 1_234_567,
            at: row.at,
            length: 1.0,
            ..Row::default()
        };
    }
    report
}

pub(crate) fn connection_storm() -> Report {
    let mut report = empty();
    let mut noise = Noise(5);
    let mut connect = Histogram::default();
    for _ in 0..10_000 {
        connect.record(Duration::from_secs_f64(0.002 + 0.004 * noise.exponential()));
    }
    report.latency.insert("connect".to_owned(), Latency::new(&connect));
    report.load.scenario = Scenario::Connect;
    report.load.publishers = 10_000;
    report.load.subscribers = 0;
    report.load.connect_rate = Some(2_000.0);
    report.rates.connected = 1_987.6;
    report.counts.connected = 9_998;
    report.counts.failed_connections = 2;
    report.processes = vec![Process {
        embedded: true,
        broker_version: None,
        ..process()
    }];
    report
}

pub(crate) fn long() -> Report {
    let mut noise = Noise(6);
    let mut report = run(600, 60, |second, _| {
        let service = 200.0 + f64::from(second) + 310.0 * noise.exponential();
        (service, service + 100.0 * noise.next())
    });
    for row in &mut report.timeline {
        row.at *= 6.0;
        row.length = 6.0;
    }
    report.span.sending = 3600.0;
    report
}

/// One sample is a million times the others.
pub(crate) fn outlier() -> Report {
    run(
        1,
        5000,
        |_, number| if number == 77 { (3.0e8, 3.0e8) } else { (300.0, 310.0) },
    )
}

pub(crate) fn merged() -> Report {
    let mut report = usual();
    report.load.scenario = Scenario::FanIn;
    report.load.arrival = Arrival::Poisson;
    report.load.subscribers = 1;
    report.load.publishers = 30;
    for (host, version) in [("loadgen-2", Some("mosquitto version 2.0.18")), ("loadgen-3", None)] {
        report.processes.push(Process {
            host: host.to_owned(),
            broker_version: version.map(str::to_owned),
            transport: Some("TLS 1.3, TLS13_AES_256_GCM_SHA384".to_owned()),
            ..process()
        });
    }
    report.notes.push("loadgen-3 began 0.4 s after loadgen-1".to_owned());
    report
}

pub(crate) fn broken() -> Report {
    let mut report = usual();
    report.counts.lost = 3;
    report.counts.duplicated = 1;
    report.counts.received -= 3;
    report
        .broken
        .push("3 deliveries of QoS 1 lost of 60,000 expected".to_owned().into());
    report.broken.push("1 delivery of QoS 2 came twice".to_owned().into());
    report
        .generator
        .reasons
        .push("timers were late: p99 is 4.2 ms, 20 % of the p99 of deliveries".to_owned());
    report
}

pub(crate) fn nasty() -> Report {
    let mut report = usual();
    let nasty = || NASTY.to_owned();
    report.load.topic = nasty();
    report.load.filter = nasty();
    report.load.payload = Payload::Template(nasty());
    report.processes = vec![Process {
        mqkit: nasty(),
        host: nasty(),
        system: nasty(),
        processor: nasty(),
        processors: 1,
        command: vec![nasty(), "x".repeat(500)],
        run: nasty(),
        broker: nasty(),
        broker_version: Some(nasty()),
        embedded: false,
        protocol: nasty(),
        transport: Some(nasty()),
    }];
    report.broken = vec![nasty().into()];
    report.notes = vec![nasty()];
    report.generator.reasons = vec![nasty()];
    report.latency.insert(nasty(), Latency::default());
    report
}

/// Numbers that no run gives, but that a file could hold.
pub(crate) fn absurd() -> Report {
    let mut report = usual();
    let values = [f64::NAN, f64::INFINITY, -1.0, 1e300, 0.0, f64::MIN_POSITIVE];
    for (row, value) in report.timeline.iter_mut().zip(values.into_iter().cycle()) {
        *row = Row {
            at: row.at,
            length: value,
            sent: u64::MAX,
            p50: value,
            p99: value,
            max: value,
            ..row.clone()
        };
    }
    report.timeline[30].at = f64::NAN;
    report.timeline[31].at = 1e300;
    report.timeline[32] = Row {
        at: 4.0,
        length: 1e-300,
        ..report.timeline[32].clone()
    };
    for (times, value) in report.latency.values_mut().zip(values) {
        (times.p50, times.p99, times.max, times.mean) = (value, value, value, value);
    }
    report.latency.insert(
        "suback".to_owned(),
        Latency {
            count: 5,
            histogram: "AAAA".to_owned(),
            ..Latency::default()
        },
    );
    report.counts = Counts {
        sent: u64::MAX,
        lost: u64::MAX,
        bytes_sent: u64::MAX,
        ..report.counts
    };
    report.rates = Rates {
        target: Some(f64::INFINITY),
        sent: f64::NAN,
        acknowledged: 1e300,
        received: -1.0,
        connected: f64::INFINITY,
    };
    report.span.started = f64::NAN;
    report.span.sending = f64::INFINITY;
    report.span.acknowledging = -1.0;
    report.span.receiving = 1e300;
    report.generator.cpu = f64::NAN;
    report.generator.busiest = f64::INFINITY;
    report.generator.cpu_per_message = -0.0;
    report.load.rate = Some(f64::NAN);
    report.load.duration = Duration::MAX;
    report
}
