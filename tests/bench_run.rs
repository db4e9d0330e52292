//! `bench` against brokers whose doings are known: every figure must be what has happened.

mod arrivals;
mod failures;
mod faults;
mod freeze;
mod messages;
mod scenarios;

use crate::support::reports;
use crate::support::scripted::{Policy, Record, Scripted};
use mqkit::bench::{self, Arrival, Counts, Load, Measure, Measured, Payload, Progress, STAMP, Setup, Size};
use mqkit::broker::{self, serve::serve};
use mqkit::client;
use mqkit::net::{Address, Listener, Target};
use mqkit::protocol::{Utf8, Version};
use mqkit::session;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// A run that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(50);

/// A hundred messages of QoS 1 from one publisher to one subscriber.
fn load() -> Load {
    Load {
        topic: "t/%i".to_owned(),
        filter: "t/%i".to_owned(),
        payload: Payload::Random(Size::Fixed(64)),
        subscribe_qos: 2,
        arrival: Arrival::Closed,
        rate: None,
        window: 20,
        count: Some(100),
        duration: Duration::from_secs(20),
        late: Duration::from_secs(10),
        drop_every: Duration::from_secs(1),
        ..reports::load()
    }
}

/// An open loop of so many messages per second, for so long.
fn open(arrival: Arrival, rate: f64, duration: Duration) -> Load {
    Load {
        arrival,
        rate: Some(rate),
        window: 10_000,
        count: None,
        duration,
        ..load()
    }
}

fn setup(port: u16, version: Version, load: Load) -> Setup {
    let session = session::Options {
        version,
        client_id: Utf8::new("bench").unwrap(),
        username: Some(Utf8::new("user").unwrap()),
        ..session::Options::default()
    };
    Setup {
        load,
        client: client::Options {
            target: Target::tcp(Address::new("127.0.0.1", port)),
            session,
            fall_back: false,
            connect_timeout: Duration::from_secs(10),
            retry_first: Duration::ZERO,
            retry_lost: Some(Duration::from_secs(10)),
            seed: 1,
        },
        run_id: 0x1234_5678_9abc_def0,
        start_at: None,
    }
}

/// Checks several cases at the same time: most of each is waiting.
fn at_once<T: Copy + Send>(cases: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            let check = &check;
            scope.spawn(move || check(case));
        }
    });
}

/// Runs to the end of the plan.
fn measure(setup: Setup) -> Measured {
    watch(setup, std::future::pending(), &mut |_| {}).unwrap()
}

fn watch(
    setup: Setup,
    stop: impl Future<Output = Duration>,
    observe: &mut dyn FnMut(Progress<'_>),
) -> Result<Measured, Box<bench::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let run = async { tokio::time::timeout(PATIENCE, bench::run(setup, stop, observe)).await };
    let result = runtime.unwrap().block_on(run).expect("the run does not end");
    result.map_err(Box::new)
}

/// A run against the scripted broker, and what that one saw.
fn against(policy: Policy, load: Load) -> (Measured, Record) {
    against_with(policy, Version::V5, load)
}

fn against_with(policy: Policy, version: Version, load: Load) -> (Measured, Record) {
    let broker = Scripted::new(policy);
    let measured = measure(setup(broker.port, version, load));
    (measured, broker.finish())
}

/// mqkit's own broker, in a thread of its own.
struct Embedded {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Embedded {
    fn new() -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, port) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = Listener::bind(&Address::new("127.0.0.1", 0), None).await.unwrap();
                tell.send(listener.local_addr().unwrap().port()).unwrap();
                let shutdown = async {
                    let _ = stopped.await;
                };
                serve(
                    vec![listener],
                    broker::Options::default(),
                    shutdown,
                    Box::new(|_, _| {}),
                )
                .await;
            });
        });
        Self {
            port: port.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().unwrap().join();
    }
}

/// A run against mqkit's own broker.
fn against_embedded(version: Version, load: Load) -> Measured {
    let broker = Embedded::new();
    measure(setup(broker.port, version, load))
}

/// Samples of a measure.
fn samples(measured: &Measured, measure: Measure) -> u64 {
    measured
        .record
        .histogram(measure)
        .map_or(0, bench::histogram::Histogram::len)
}

/// What was broken, a line each.
fn broken(measured: &Measured) -> String {
    let texts = measured.broken.iter().map(|breach| breach.text.as_str());
    texts.collect::<Vec<_>>().join("\n")
}

/// What holds whatever happens.
fn check_conservation(measured: &Measured, qos: u8) {
    let counts = measured.record.counts;
    assert_eq!(counts.offered, counts.sent + counts.unsent, "{counts:?}");
    if qos > 0 {
        let answered = counts.acknowledged + counts.refused + counts.unacknowledged;
        assert_eq!(counts.sent, answered, "{counts:?}");
    }
    assert_eq!(counts.expected, counts.received + counts.lost, "{counts:?}");
    let sum = |count: fn(&bench::report::Row) -> u64| measured.rows.iter().map(count).sum::<u64>();
    assert_eq!(sum(|row| row.sent), counts.sent, "{:?}", measured.rows);
    assert_eq!(sum(|row| row.acknowledged), counts.acknowledged, "{:?}", measured.rows);
    assert_eq!(sum(|row| row.received), counts.received, "{:?}", measured.rows);
}

/// A run in which all went well: so many messages, each to so many subscribers.
fn check_whole(measured: &Measured, load: &Load, sent: u64, copies: u64) {
    let counts = measured.record.counts;
    let expected = Counts {
        offered: sent,
        sent,
        acknowledged: if load.qos > 0 { sent } else { 0 },
        expected: sent * copies,
        received: sent * copies,
        connected: load.clients().into(),
        bytes_sent: counts.bytes_sent,
        bytes_received: counts.bytes_received,
        ..Counts::default()
    };
    assert_eq!(counts, expected, "{load:?}");
    if let Payload::Random(Size::Fixed(size)) = load.payload {
        let bytes = (counts.bytes_sent, counts.bytes_received);
        assert_eq!(
            bytes,
            (sent * u64::from(size), sent * copies * u64::from(size)),
            "{counts:?}"
        );
    }
    assert_eq!(measured.broken, Vec::<bench::Breach>::new());
    assert_eq!(measured.failures, []);
    assert!(!measured.stopped);
    check_conservation(measured, load.qos);
}
