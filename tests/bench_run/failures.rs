//! What makes a run a failure although it came to its end, and what ends it in every state.

use super::{against, at_once, check_conservation, load, open, setup, watch};
use crate::support::scripted::{Fault, Policy, Scripted};
use mqkit::bench::failure::Kind;
use mqkit::bench::{Arrival, Load, Measured, Phase, Scenario};
use mqkit::protocol::{ReasonCode, Version};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Kinds and numbers.
fn failures(measured: &Measured) -> Vec<(Kind, u64)> {
    let failures = measured.failures.iter();
    failures.map(|failure| (failure.kind, failure.count)).collect()
}

/// A broker that is gone in the middle, while clients still try to come back when the run ends.
#[test]
fn clients_that_are_not_back_at_the_end_are_lost_for_good() {
    at_once([0, 1, 2], |qos| {
        let mut setup = setup(
            0,
            Version::V5,
            Load {
                qos,
                drain: Duration::from_millis(300),
                ..open(Arrival::Constant, 200.0, Duration::from_millis(1500))
            },
        );
        setup.client.retry_lost = Some(Duration::from_secs(60));
        let broker = Scripted::new(Policy::default());
        setup.client.target = mqkit::net::Target::tcp(mqkit::net::Address::new("127.0.0.1", broker.port));
        let mut broker = Some(broker);
        let measured = watch(setup, std::future::pending(), &mut |progress| {
            if progress.phase == Phase::Measuring && progress.elapsed > Duration::from_millis(300) {
                broker.take().map(Scripted::finish);
            }
        });
        let measured = measured.unwrap();
        let counts = measured.record.counts;
        let told = format!("QoS {qos}: {counts:?} {:?}", measured.failures);
        let found = failures(&measured);
        assert_eq!(found[0], (Kind::ConnectionsLost, 2), "{told}");
        assert!(found.contains(&(Kind::MessagesUnsent, counts.unsent)), "{told}");
        // What was due and not sent is lost, too.
        assert_eq!(counts.offered, 300, "{told}");
        assert_eq!((counts.expected, counts.lost), (300, 300 - counts.received), "{told}");
        assert!(counts.unsent > 0 && counts.lost >= counts.unsent, "{told}");
        assert_eq!(measured.broken, Vec::<mqkit::bench::Breach>::new(), "{told}");
        check_conservation(&measured, qos);
    });
}

#[test]
fn a_closed_loop_that_does_not_reach_its_count_has_unsent_messages() {
    let load = Load {
        drain: Duration::from_millis(300),
        ..load()
    };
    let policy = Policy {
        silent: true,
        ..Policy::default()
    };
    let (measured, _) = against(policy, load);
    let counts = measured.record.counts;
    assert_eq!(
        (counts.offered, counts.sent, counts.unsent),
        (100, 20, 80),
        "{counts:?}"
    );
    assert_eq!(
        failures(&measured),
        [(Kind::MessagesUnsent, 80), (Kind::MessagesUnacknowledged, 20)]
    );
    check_conservation(&measured, 1);
}

#[test]
fn clients_that_the_broker_refuses_are_counted() {
    // One asks the broker what it is.
    let policy = Policy {
        refuses_clients: Some((28, ReasonCode::QUOTA_EXCEEDED)),
        ..Policy::default()
    };
    let load = Load {
        scenario: Scenario::Connect,
        publishers: 100,
        subscribers: 0,
        count: None,
        duration: Duration::from_millis(200),
        ..load()
    };
    let (measured, _) = against(policy, load);
    let counts = measured.record.counts;
    assert_eq!((counts.connected, counts.failed_connections), (27, 73), "{counts:?}");
    assert_eq!(failures(&measured), [(Kind::ClientsRefused, 73)]);
    let failure = &measured.failures[0];
    assert_eq!(failure.reason, Some(0x97));
    let text = "73 of 100 clients were refused by the broker; the first: client \"bench-p";
    assert!(failure.text.starts_with(text), "{}", failure.text);
    assert!(failure.text.contains("(0x97)"), "{}", failure.text);
}

#[test]
fn messages_that_the_broker_refuses_are_told_with_their_reason() {
    let policy = Policy {
        faults: vec![("t/0".to_owned(), 3, Fault::Refuse(ReasonCode::NOT_AUTHORIZED))],
        ..Policy::default()
    };
    let (measured, _) = against(policy, load());
    assert_eq!(failures(&measured), [(Kind::MessagesRefused, 1)]);
    let text = "1 of 100 messages were refused by the broker; the first: Not authorized (0x87)";
    assert_eq!(measured.failures[0].text, text);
}

/// It is stopped, or hangs: nothing else shows that at QoS 0 without subscribers.
#[test]
fn a_broker_that_closes_no_connection_has_not_read_everything() {
    let policy = Policy {
        keeps_connections: true,
        ..Policy::default()
    };
    let alone = Load {
        qos: 0,
        subscribers: 0,
        ..load()
    };
    at_once([true, false], |subscribed| {
        let load = if subscribed { load() } else { alone.clone() };
        let began = Instant::now();
        let (measured, _) = against(policy.clone(), load);
        let expected = match subscribed {
            true => vec![(Kind::BrokerSilent, 2)],
            false => vec![(Kind::MessagesDoubtful, 100), (Kind::BrokerSilent, 1)],
        };
        assert_eq!(failures(&measured), expected);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    });
}

#[test]
fn qos_0_on_a_connection_that_breaks_is_doubtful_where_no_subscriber_tells() {
    let policy = Policy {
        faults: vec![("t/0".to_owned(), 50, Fault::HangUp)],
        ..Policy::default()
    };
    at_once([0, 1], |subscribers| {
        let load = Load {
            qos: 0,
            subscribers,
            drain: Duration::from_millis(300),
            ..open(Arrival::Constant, 500.0, Duration::from_millis(400))
        };
        let (measured, record) = against(policy.clone(), load);
        let counts = measured.record.counts;
        assert_eq!((counts.sent, counts.lost_connections), (200, 1), "{counts:?}");
        if subscribers == 0 {
            assert_eq!((counts.lost, counts.received), (0, 0), "{counts:?}");
            // Those that were read, and those that nobody knows of.
            let read_later = record.messages.len() as u64 - 50;
            assert_eq!(counts.doubtful, 200 - read_later, "{counts:?}");
            assert_eq!(failures(&measured), [(Kind::MessagesDoubtful, counts.doubtful)]);
        } else {
            // The subscriber tells.
            assert_eq!(counts.doubtful, 0, "{counts:?}");
            assert_eq!(counts.lost, 200 - record.messages.len() as u64, "{counts:?}");
            assert_eq!(failures(&measured), []);
        }
        check_conservation(&measured, 0);
    });
}

/// A client that takes its time to come back is told of while it is away.
#[test]
fn who_watches_hears_of_clients_without_a_connection() {
    let broker = Scripted::new(Policy::default());
    let mut setup = setup(
        broker.port,
        Version::V5,
        open(Arrival::Constant, 100.0, Duration::from_secs(30)),
    );
    setup.client.retry_lost = Some(Duration::from_secs(60));
    let (said, heard) = oneshot::channel();
    let (mut broker, mut said) = (Some(broker), Some(said));
    let mut trouble = None;
    let measured = watch(
        setup,
        async {
            heard.await.unwrap();
            Duration::from_secs(1)
        },
        &mut |progress| {
            if progress.phase == Phase::Measuring {
                broker.take().map(Scripted::finish);
            }
            if progress.away == 2 {
                trouble.clone_from(&progress.trouble);
                said.take().map(|said| said.send(()));
            }
        },
    );
    let measured = measured.unwrap();
    assert!(trouble.unwrap().contains("127.0.0.1"));
    // A stop does not make up for what was lost before.
    assert_eq!(failures(&measured), [(Kind::ConnectionsLost, 2)]);
}

/// A broker that answers CONNECT and SUBSCRIBE, and then sends PINGRESP for ever.
fn flooding() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            thread::spawn(move || flood(stream));
        }
    });
    port
}

fn flood(mut stream: TcpStream) {
    let mut chunk = [0; 4096];
    let mut connected = false;
    loop {
        let read = stream.read(&mut chunk).unwrap_or(0);
        let Some(first) = chunk[..read].first() else { return };
        let answer: &[u8] = match first {
            0x10 => &[0x20, 3, 0, 0, 0],
            // The identifier of the first SUBSCRIBE is 1; the one that asks for $SYS has two filters.
            0x82 if chunk[..read].windows(4).any(|bytes| bytes == b"$SYS") => &[0x90, 5, 0, 1, 0, 0x87, 0x87],
            0x82 => &[0x90, 4, 0, 1, 0, 1],
            _ => return,
        };
        if stream.write_all(answer).is_err() {
            return;
        }
        connected |= *first == 0x82 && answer.len() == 6;
        if connected {
            let pings = [0xd0, 0].repeat(32 * 1024);
            while stream.write_all(&pings).is_ok() {}
            return;
        }
    }
}

/// A connection that always has something to read does not keep a client from its end.
#[test]
fn a_flood_does_not_keep_a_subscriber_from_its_end() {
    let load = Load {
        publishers: 0,
        drain: Duration::ZERO,
        ..open(Arrival::Constant, 1.0, Duration::from_millis(100))
    };
    let began = Instant::now();
    let measured = watch(
        setup(flooding(), Version::V5, load),
        std::future::pending(),
        &mut |_| {},
    );
    assert!(measured.is_ok(), "{measured:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
