//! Acknowledgements that do not fit what was sent, as raw bytes, to a client and to a server.

use bytes::{Buf, Bytes, BytesMut};
use mqkit::protocol::{Connack, Properties, Publish, QoS, ReasonCode, Subscription, Utf8, Version};
use mqkit::session::server::{self, Server, Terms};
use mqkit::session::{Client, Delivery, Error, Event, Options};
use std::time::Instant;

/// What was sent with packet identifier 1 before the acknowledgement comes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sent {
    Nothing,
    Qos1,
    Qos2,
    Pubrel,
    Subscribe,
    Unsubscribe,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// The exchange has ended.
    Ended,
    /// PUBREL with this reason code is the answer.
    Pubrel(u8),
    Ignored,
    Refused,
}

const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBCOMP: u8 = 0x70;
const SUBACK: u8 = 0x90;
const UNSUBACK: u8 = 0xb0;
const FAILED: u8 = 0x80;

/// First byte and reason code of an acknowledgement, and what it leads to.
type Case = (u8, u8, Outcome);

/// Every acknowledgement for everything that may have been sent.
fn table() -> Vec<(Sent, Vec<Case>)> {
    use Outcome::{Ended, Ignored, Pubrel, Refused};
    let columns = [
        (PUBACK, 0),
        (PUBACK, FAILED),
        (PUBREC, 0),
        (PUBREC, FAILED),
        (PUBCOMP, 0),
        (SUBACK, 0),
        (UNSUBACK, 0),
    ];
    let rows = [
        (
            Sent::Nothing,
            [Ignored, Ignored, Pubrel(0x92), Ignored, Ignored, Ignored, Ignored],
        ),
        (Sent::Qos1, [Ended, Ended, Refused, Refused, Refused, Refused, Refused]),
        (Sent::Qos2, [Ended, Ended, Pubrel(0), Ended, Refused, Refused, Refused]),
        (
            Sent::Pubrel,
            [Refused, Refused, Pubrel(0), Refused, Ended, Refused, Refused],
        ),
        (
            Sent::Subscribe,
            [Refused, Refused, Refused, Refused, Refused, Ended, Refused],
        ),
        (
            Sent::Unsubscribe,
            [Refused, Refused, Refused, Refused, Refused, Refused, Ended],
        ),
    ];
    let with_columns = |outcomes: [Outcome; 7]| {
        let columns = columns.into_iter().zip(outcomes);
        columns.map(|((by, reason), outcome)| (by, reason, outcome)).collect()
    };
    rows.into_iter()
        .map(|(sent, outcomes)| (sent, with_columns(outcomes)))
        .collect()
}

/// The bytes of an acknowledgement of packet identifier 1.
fn acknowledgement(version: Version, by: u8, reason: u8) -> Vec<u8> {
    match (version, by) {
        (Version::V5, SUBACK | UNSUBACK) => vec![by, 4, 0, 1, 0, reason],
        (_, SUBACK) => vec![by, 3, 0, 1, reason],
        (Version::V5, _) => vec![by, 3, 0, 1, reason],
        _ => vec![by, 2, 0, 1],
    }
}

fn message(qos: QoS) -> Publish {
    Publish::new(Utf8::new("a").unwrap(), qos, Bytes::from_static(b"x"))
}

fn pubrel(version: Version, reason: u8) -> Vec<u8> {
    match (version, reason) {
        (Version::V5, 1..) => vec![0x62, 3, 0, 1, reason],
        _ => vec![0x62, 2, 0, 1],
    }
}

fn client(version: Version, sent: Sent) -> (Client, Instant) {
    let now = Instant::now();
    let options = Options {
        version,
        client_id: Utf8::new("c").unwrap(),
        ..Options::default()
    };
    let mut client = Client::new(options, now);
    client.handle_open(now).unwrap();
    let connack: &[u8] = if version == Version::V5 {
        &[0x20, 3, 0, 0, 0]
    } else {
        &[0x20, 2, 0, 0]
    };
    client.input().extend_from_slice(connack);
    assert!(matches!(client.poll_event(now), Ok(Some(Event::Connected(_)))));
    let filter = Utf8::new("a").unwrap();
    match sent {
        Sent::Nothing => {}
        Sent::Qos1 => client.publish(message(QoS::AtLeastOnce), now).unwrap(),
        Sent::Qos2 | Sent::Pubrel => client.publish(message(QoS::ExactlyOnce), now).unwrap(),
        Sent::Subscribe => {
            let subscriptions = vec![Subscription::new(filter, QoS::AtMostOnce)];
            client.subscribe(subscriptions, Properties::new(), now).unwrap();
        }
        Sent::Unsubscribe => client.unsubscribe(vec![filter], Properties::new(), now).unwrap(),
    }
    if sent == Sent::Pubrel {
        client.input().extend_from_slice(&[PUBREC, 2, 0, 1]);
        assert!(matches!(client.poll_event(now), Ok(None)));
    }
    client.output().clear();
    (client, now)
}

#[test]
fn a_client_takes_only_the_acknowledgement_of_what_it_sent() {
    for version in [Version::V311, Version::V5] {
        for (sent, row) in table() {
            for (by, reason, outcome) in row {
                if reason != 0 && version != Version::V5 {
                    continue;
                }
                let case = format!("{version}: {sent:?} and 0x{by:02x}, reason code 0x{reason:02x}");
                let (mut client, now) = client(version, sent);
                let bytes = acknowledgement(version, by, reason);
                client.input().extend_from_slice(&bytes);
                let got = client.poll_event(now);
                let output = client.output().split();
                match outcome {
                    Outcome::Ended => {
                        assert!(matches!(got, Ok(Some(_))), "{case}: {got:?}");
                        assert!(client.is_idle() && output.is_empty(), "{case}");
                    }
                    Outcome::Pubrel(code) => {
                        assert!(matches!(got, Ok(None)), "{case}: {got:?}");
                        assert_eq!(output[..], pubrel(version, code), "{case}");
                        assert_eq!(client.is_idle(), sent == Sent::Nothing, "{case}");
                    }
                    Outcome::Ignored => {
                        assert!(matches!(got, Ok(None)), "{case}: {got:?}");
                        assert!(output.is_empty(), "{case}: {output:?}");
                    }
                    Outcome::Refused => refused(&case, version, got, &output),
                }
            }
        }
    }
}

/// A protocol error: DISCONNECT 0x82 in version 5, no word before; the message is not acknowledged.
fn refused<T: std::fmt::Debug>(case: &str, version: Version, got: Result<T, Error>, output: &BytesMut) {
    let Err(error @ Error::WrongAcknowledgement { .. }) = got else {
        panic!("{case}: {got:?}")
    };
    assert!(
        error.to_string().contains("for packet identifier 1, but "),
        "{case}: {error}"
    );
    assert!(error.to_string().contains("[MQTT-"), "{case}: {error}");
    assert!(!error.is_transient(), "{case}");
    let expected: &[u8] = if version == Version::V5 { &[0xe0, 1, 0x82] } else { &[] };
    assert_eq!(output[..], *expected, "{case}");
}

const TERMS: Terms = Terms {
    max_inflight: 10,
    receive_maximum: 20,
    topic_alias_maximum: 0,
};

fn server(version: Version, sent: Sent) -> (Server, Instant) {
    let now = Instant::now();
    let mut server = Server::new(usize::MAX, now);
    let connect: &[u8] = if version == Version::V5 {
        b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01c"
    } else {
        b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c"
    };
    server.input().extend_from_slice(connect);
    assert!(matches!(server.poll_event(now), Ok(Some(server::Event::Connect(_)))));
    let connack = Connack {
        session_present: false,
        reason: ReasonCode::SUCCESS,
        properties: Properties::new(),
    };
    server.accept(connack, Delivery::default(), TERMS, now).unwrap();
    match sent {
        Sent::Qos1 => server.publish(message(QoS::AtLeastOnce), now),
        Sent::Qos2 | Sent::Pubrel => server.publish(message(QoS::ExactlyOnce), now),
        Sent::Nothing | Sent::Subscribe | Sent::Unsubscribe => {}
    }
    server.pump(now).unwrap();
    if sent == Sent::Pubrel {
        server.input().extend_from_slice(&[PUBREC, 2, 0, 1]);
        assert!(matches!(server.poll_event(now), Ok(None)));
    }
    let length = server.output().len();
    server.output().advance(length);
    (server, now)
}

#[test]
fn a_server_takes_only_the_acknowledgement_of_what_it_sent() {
    for version in [Version::V311, Version::V5] {
        for (sent, row) in table() {
            if matches!(sent, Sent::Subscribe | Sent::Unsubscribe) {
                continue;
            }
            for (by, reason, outcome) in row {
                // 0x80 is the reason code of both acknowledgements; SUBACK and UNSUBACK are a server's own.
                if reason != 0 && version != Version::V5 || matches!(by, SUBACK | UNSUBACK) {
                    continue;
                }
                let case = format!("{version}: {sent:?} and 0x{by:02x}, reason code 0x{reason:02x}");
                let (mut server, now) = server(version, sent);
                let bytes = acknowledgement(version, by, reason);
                server.input().extend_from_slice(&bytes);
                let got = server.poll_event(now);
                let output = server.output().split();
                match outcome {
                    Outcome::Refused => {
                        refused(&case, version, got, &output);
                        assert!(!server.into_delivery().is_idle(), "{case}: still to be delivered");
                    }
                    Outcome::Pubrel(code) => {
                        assert!(matches!(got, Ok(None)), "{case}: {got:?}");
                        assert_eq!(output[..], pubrel(version, code), "{case}");
                    }
                    Outcome::Ended | Outcome::Ignored => {
                        assert!(matches!(got, Ok(None)), "{case}: {got:?}");
                        assert!(output.is_empty(), "{case}: {output:?}");
                        assert!(server.into_delivery().is_idle(), "{case}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_client_may_not_send_what_only_a_server_sends() {
    for by in [SUBACK, UNSUBACK] {
        let (mut server, now) = server(Version::V5, Sent::Nothing);
        server.input().extend_from_slice(&acknowledgement(Version::V5, by, 0));
        let got = server.poll_event(now);
        assert!(matches!(got, Err(Error::Unexpected(..))), "0x{by:02x}: {got:?}");
        assert_eq!(server.output()[..], [0xe0, 1, 0x82]);
    }
}
