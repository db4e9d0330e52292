//! Client and server sessions against each other, in memory, with a clock of their own; the connection is cut at every
//! byte. Raw-byte tests stand beside them, since a pair that shares a codec cannot see a symmetric mistake.

use bytes::{Buf, Bytes};
use mqkit::protocol::{
    Connack, PacketType, Properties, PropertyId, PropertyValue, Publish, QoS, ReasonCode, Subscription, Utf8, Version,
};
use mqkit::session::server::{self, Server, Terms};
use mqkit::session::{AckHandle, Client, Delivery, Error, Event, Options, client};
use std::time::{Duration, Instant};

const TERMS: Terms = Terms {
    max_inflight: 10,
    receive_maximum: 20,
    topic_alias_maximum: 0,
};

fn message(number: usize, qos: QoS) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: Utf8::new("a/b").unwrap(),
        packet_id: None,
        properties: Properties::new(),
        payload: Bytes::from(number.to_string()),
    }
}

/// When the receiving application says that it has a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Taking {
    AtOnce,
    /// When nothing more arrives, or on the next connection.
    Late,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Direction {
    ToServer,
    ToClient,
}

/// The two ends, and what has arrived at each.
struct Pair {
    client: Client,
    server: Server,
    now: Instant,
    /// Bytes that may still pass before the cut.
    budget: Option<usize>,
    passed: usize,
    at_server: Vec<Bytes>,
    at_client: Vec<Bytes>,
    published: Vec<(Bytes, ReasonCode)>,
    taking: Taking,
    held_by_server: Vec<AckHandle>,
    held_by_client: Vec<AckHandle>,
    /// The server's half while there is no connection; `None`: it has none.
    stored: Option<Delivery>,
    /// The server forgets its half at the cut.
    forgets: bool,
}

impl Pair {
    fn new(version: Version, taking: Taking) -> Self {
        let now = Instant::now();
        let mut options = Options {
            version,
            client_id: Utf8::new("pair").unwrap(),
            ..Options::default()
        };
        options.clean_start = false;
        if version == Version::V5 {
            options
                .properties
                .push(PropertyId::SessionExpiryInterval, PropertyValue::U32(3600));
        }
        Self {
            client: Client::new(options, now),
            server: Server::new(usize::MAX, now),
            now,
            budget: None,
            passed: 0,
            at_server: Vec::new(),
            at_client: Vec::new(),
            published: Vec::new(),
            taking,
            held_by_server: Vec::new(),
            held_by_client: Vec::new(),
            stored: None,
            forgets: false,
        }
    }

    fn connect(&mut self) {
        self.server = Server::new(usize::MAX, self.now);
        self.client.handle_open(self.now).unwrap();
    }

    fn cut(&mut self) {
        self.client.handle_closed();
        let server = std::mem::replace(&mut self.server, Server::new(usize::MAX, self.now));
        let delivery = server.into_delivery();
        self.stored = if self.forgets { None } else { Some(delivery) };
        self.budget = None;
        self.connect();
        // The late ones are told on a connection that is not theirs: now, and when the server has its half again.
        self.take_held_by_client();
    }

    fn take_held_by_server(&mut self) {
        for handle in std::mem::take(&mut self.held_by_server) {
            self.server.acknowledge(handle, ReasonCode::SUCCESS).unwrap();
        }
    }

    fn take_held_by_client(&mut self) {
        for handle in std::mem::take(&mut self.held_by_client) {
            self.client.acknowledge(handle, self.now).unwrap();
        }
    }

    /// Passes one byte each way; false when nothing moved.
    fn step(&mut self) -> bool {
        let mut moved = false;
        self.client.pump(self.now).unwrap();
        if self.client.output().has_remaining() {
            let byte = self.client.output().get_u8();
            moved = true;
            if !self.pass() {
                return true;
            }
            self.server.input().extend_from_slice(&[byte]);
            self.drain_server();
        }
        self.server.pump(self.now).unwrap();
        if self.server.output().has_remaining() {
            let byte = self.server.output().get_u8();
            moved = true;
            if !self.pass() {
                return true;
            }
            self.client.input().extend_from_slice(&[byte]);
            self.drain_client();
        }
        moved
    }

    /// Counts a byte; false when it was lost in the cut.
    fn pass(&mut self) -> bool {
        if self.budget == Some(0) {
            self.cut();
            return false;
        }
        self.budget = self.budget.map(|left| left - 1);
        self.passed += 1;
        true
    }

    fn drain_server(&mut self) {
        while let Some(event) = self.server.poll_event(self.now).unwrap() {
            match event {
                server::Event::Connect(connect) => {
                    let stored = self.stored.take().filter(|_| !connect.clean_start);
                    let mut properties = Properties::new();
                    if connect.version == Version::V5 {
                        properties.push(PropertyId::ReceiveMaximum, PropertyValue::U16(TERMS.receive_maximum));
                    }
                    let session_present = stored.is_some();
                    let connack = Connack {
                        session_present,
                        reason: ReasonCode::SUCCESS,
                        properties,
                    };
                    self.server
                        .accept(connack, stored.unwrap_or_default(), TERMS, self.now)
                        .unwrap();
                    self.take_held_by_server();
                }
                server::Event::Publish(publish, handle) => {
                    self.at_server.push(publish.payload);
                    match self.taking {
                        Taking::AtOnce => self.server.acknowledge(handle, ReasonCode::SUCCESS).unwrap(),
                        Taking::Late => self.held_by_server.push(handle),
                    }
                }
                server::Event::Subscribe(packet) => {
                    let granted = packet.subscriptions.iter().map(|s| ReasonCode(s.qos.into())).collect();
                    self.server.suback(packet.packet_id, granted).unwrap();
                }
                server::Event::Unsubscribe(packet) => {
                    self.server
                        .unsuback(packet.packet_id, vec![ReasonCode::SUCCESS; packet.filters.len()])
                        .unwrap();
                }
                server::Event::Disconnect(_) => {}
            }
        }
    }

    fn drain_client(&mut self) {
        while let Some(event) = self.client.poll_event(self.now).unwrap() {
            match event {
                Event::Message(publish, handle) => {
                    self.at_client.push(publish.payload);
                    match self.taking {
                        Taking::AtOnce => self.client.acknowledge(handle, self.now).unwrap(),
                        Taking::Late => self.held_by_client.push(handle),
                    }
                }
                Event::Published { publish, answer } => self.published.push((publish.payload, answer.reason)),
                Event::Connected(_) | Event::Subscribed { .. } | Event::Unsubscribed { .. } => {}
            }
        }
    }

    fn run(&mut self) {
        loop {
            if self.step() {
                continue;
            }
            if self.held_by_client.is_empty() && self.held_by_server.is_empty() {
                return;
            }
            self.take_held_by_server();
            self.take_held_by_client();
        }
    }
}

const MESSAGES: usize = 3;

/// Sends three messages with a cut after `budget` bytes; gives what arrived, and how many bytes it took.
fn send(
    (version, qos, direction, taking): (Version, QoS, Direction, Taking),
    budget: Option<usize>,
    forgets: bool,
) -> (Vec<Bytes>, usize) {
    let mut pair = Pair::new(version, taking);
    pair.connect();
    pair.run();
    (pair.budget, pair.forgets, pair.passed) = (budget, forgets, 0);
    for number in 0..MESSAGES {
        match direction {
            Direction::ToServer => pair.client.publish(message(number, qos), pair.now).unwrap(),
            Direction::ToClient => pair.server.publish(message(number, qos), pair.now),
        }
    }
    pair.run();
    if direction == Direction::ToServer {
        let context = (version, qos, taking, budget);
        assert_eq!(
            pair.published.len(),
            MESSAGES,
            "every message is reported once: {context:?}"
        );
        assert!(pair.client.is_idle());
        (pair.at_server, pair.passed)
    } else {
        (pair.at_client, pair.passed)
    }
}

fn cases() -> Vec<(Version, QoS, Direction, Taking)> {
    let mut cases = Vec::new();
    for version in [Version::V31, Version::V311, Version::V5] {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            for direction in [Direction::ToServer, Direction::ToClient] {
                for taking in [Taking::AtOnce, Taking::Late] {
                    cases.push((version, qos, direction, taking));
                }
            }
        }
    }
    cases
}

fn check(arrived: &[Bytes], qos: QoS, context: &str) {
    let expected: Vec<Bytes> = (0..MESSAGES).map(|number| Bytes::from(number.to_string())).collect();
    match qos {
        QoS::ExactlyOnce => assert_eq!(arrived, expected, "{context}"),
        _ => assert!(
            expected.iter().all(|message| arrived.contains(message)),
            "{context}: {arrived:?}"
        ),
    }
}

#[test]
fn nothing_is_lost_when_the_stream_is_cut_at_any_byte() {
    for case in cases() {
        let (arrived, bytes) = send(case, None, false);
        assert_eq!(arrived.len(), MESSAGES, "{case:?} without a cut");
        assert!(bytes > 3 * 4, "{case:?} took {bytes} bytes");
        for budget in 0..=bytes {
            // 3.1 has no session present: a server that has forgotten cannot be told from one that has not.
            let (arrived, _) = send(case, Some(budget), false);
            check(
                &arrived,
                case.1,
                &format!("{case:?}, cut after {budget} of {bytes} bytes"),
            );
        }
    }
}

#[test]
fn a_server_that_forgets_its_session_gets_everything_again() {
    for case in cases() {
        let (version, _, direction, _) = case;
        if version == Version::V31 || direction == Direction::ToClient {
            continue;
        }
        let (_, bytes) = send(case, None, false);
        for budget in 0..=bytes {
            let (arrived, _) = send(case, Some(budget), true);
            check(
                &arrived,
                QoS::AtLeastOnce,
                &format!("{case:?}, forgotten after {budget} of {bytes} bytes"),
            );
        }
    }
}

#[test]
fn more_messages_than_identifiers_pass_through_a_small_window() {
    let mut pair = Pair::new(Version::V5, Taking::AtOnce);
    pair.connect();
    pair.run();
    let total = 70_000;
    let mut sent = 0;
    while pair.at_server.len() < total {
        while pair.client.is_ready() && sent < total {
            pair.client.publish(message(sent, QoS::AtLeastOnce), pair.now).unwrap();
            sent += 1;
        }
        assert!(pair.client.unacknowledged() <= 20, "the server's receive maximum holds");
        let output = pair.client.output().split();
        pair.server.input().extend_from_slice(&output);
        pair.drain_server();
        let output = pair.server.output().split();
        pair.client.input().extend_from_slice(&output);
        pair.drain_client();
    }
    assert_eq!(pair.published.len(), total);
    assert!(
        pair.at_server
            .iter()
            .enumerate()
            .all(|(number, payload)| payload == &number.to_string())
    );
}

#[test]
fn a_subscription_is_repeated_only_when_the_server_forgot_it() {
    for forgets in [false, true] {
        let mut pair = Pair::new(Version::V311, Taking::AtOnce);
        pair.connect();
        pair.run();
        let filter = Subscription::new(Utf8::new("a/#").unwrap(), QoS::AtLeastOnce);
        pair.client
            .subscribe(vec![filter], Properties::new(), pair.now)
            .unwrap();
        pair.run();
        pair.forgets = forgets;
        pair.cut();
        pair.passed = 0;
        pair.run();
        // CONNECT 18, CONNACK 4, then perhaps SUBSCRIBE 10 and SUBACK 5.
        assert_eq!(pair.passed, if forgets { 37 } else { 22 }, "forgets: {forgets}");
    }
}

/// The first run is killed between PUBREC and PUBREL; the second one has its identifier, and no state.
#[test]
fn a_message_is_not_taken_for_the_copy_of_one_of_an_earlier_run() {
    for version in [Version::V31, Version::V311, Version::V5] {
        let mut pair = Pair::new(version, Taking::AtOnce);
        pair.connect();
        pair.run();
        pair.client.publish(message(1, QoS::ExactlyOnce), pair.now).unwrap();
        let output = pair.client.output().split();
        pair.server.input().extend_from_slice(&output);
        pair.drain_server();
        assert_eq!(pair.at_server, ["1"], "{version}");

        let mut options = pair.client.options().clone();
        options.adopt_session = false;
        let properties = options.properties.clone();
        pair.client = Client::new(options, pair.now);
        pair.cut();
        let mut ends = Vec::new();
        pair.client.publish(message(2, QoS::ExactlyOnce), pair.now).unwrap();
        while pair.published.is_empty() {
            let output = pair.client.output().split();
            pair.server.input().extend_from_slice(&output);
            pair.drain_server();
            let output = pair.server.output().split();
            pair.client.input().extend_from_slice(&output);
            match pair.client.poll_event(pair.now) {
                Ok(Some(Event::Published { publish, .. })) => {
                    pair.published.push((publish.payload, ReasonCode::SUCCESS))
                }
                Ok(_) => pair.client.pump(pair.now).unwrap(),
                Err(error) => {
                    ends.push(error.to_string());
                    // Before version 5 a clean session ends with its connection.
                    pair.forgets = matches!(error, Error::SessionEnded);
                    // DISCONNECT keeps the will back.
                    let output = pair.client.output().split();
                    assert_eq!(output[..], [0xe0, 0], "{version}: {ends:?}");
                    pair.cut();
                }
            }
        }
        assert_eq!(pair.at_server, ["1", "2"], "{version}");
        let foreign =
            "the broker has a session of \"pair\" that this run knows nothing of: beginning a new one [MQTT-3.2.2-4]";
        let ended = "the broker's session of an earlier run was ended";
        let expected: &[&str] = match version {
            Version::V5 => &[foreign],
            Version::V311 => &[foreign, ended],
            Version::V31 => &[ended],
        };
        assert_eq!(ends, expected, "{version}");
        pair.forgets = false;
        // What was begun is kept as it was asked for, and has state of its own from now on.
        pair.cut();
        let connect = pair.client.output().clone();
        let flags = usize::from(version == Version::V31) * 2 + 9;
        assert_eq!(connect[flags] & 2, 0, "{version}: no clean start");
        assert_eq!(pair.client.options().properties, properties, "{version}");
        pair.run();
        assert!(pair.client.is_connected(), "{version}");
    }
}

// ----- raw bytes

/// A client that is connected to nobody, by version 3.1.1 or 5.
fn connected(options: Options) -> (Client, Instant) {
    let now = Instant::now();
    let version = options.version;
    let mut client = Client::new(options, now);
    client.handle_open(now).unwrap();
    client.output().clear();
    let connack: &[u8] = if version == Version::V5 {
        &[0x20, 3, 0, 0, 0]
    } else {
        &[0x20, 2, 0, 0]
    };
    client.input().extend_from_slice(connack);
    assert!(matches!(client.poll_event(now), Ok(Some(Event::Connected(_)))));
    (client, now)
}

fn v311() -> Options {
    Options {
        version: Version::V311,
        client_id: Utf8::new("c").unwrap(),
        ..Options::default()
    }
}

#[test]
fn connect_publish_and_disconnect_have_the_standards_bytes() {
    let now = Instant::now();
    let mut client = Client::new(v311(), now);
    client.handle_open(now).unwrap();
    assert_eq!(client.output()[..], *b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c");
    let (mut client, now) = connected(v311());
    client.publish(message(7, QoS::AtLeastOnce), now).unwrap();
    assert_eq!(client.output()[..], *b"\x32\x08\x00\x03a/b\x00\x017");
    client.output().clear();
    client.input().extend_from_slice(&[0x40, 2, 0, 1]);
    assert!(matches!(client.poll_event(now), Ok(Some(Event::Published { .. }))));
    client.disconnect(ReasonCode::SUCCESS).unwrap();
    assert_eq!(client.output()[..], [0xe0, 0]);
}

#[test]
fn qos_2_is_answered_with_the_standards_bytes_and_once() {
    let (mut client, now) = connected(v311());
    let publish = b"\x34\x08\x00\x03a/b\x00\x017";
    client.input().extend_from_slice(publish);
    let Ok(Some(Event::Message(_, handle))) = client.poll_event(now) else {
        panic!("no message")
    };
    assert!(
        client.output().is_empty(),
        "nothing is acknowledged before it was handed on"
    );
    client.acknowledge(handle, now).unwrap();
    assert_eq!(client.output().split()[..], [0x50, 2, 0, 1]);
    client.input().extend_from_slice(publish);
    assert!(
        matches!(client.poll_event(now), Ok(None)),
        "the second copy is no message"
    );
    assert_eq!(client.output().split()[..], [0x50, 2, 0, 1]);
    client.input().extend_from_slice(&[0x62, 2, 0, 1]);
    assert!(matches!(client.poll_event(now), Ok(None)));
    assert_eq!(client.output().split()[..], [0x70, 2, 0, 1]);
    client.input().extend_from_slice(publish);
    assert!(
        matches!(client.poll_event(now), Ok(Some(Event::Message(..)))),
        "released: the identifier is free again"
    );
}

/// A broker that is cut off again and again sends its window anew each time; that is life, too.
#[test]
fn copies_count_as_received() {
    let (mut client, now) = connected(Options {
        clean_start: false,
        ..v311()
    });
    assert_eq!(client.received(), 0, "CONNACK does not count");
    let publish = b"\x34\x08\x00\x03a/b\x00\x017";
    for (bytes, event, total) in [
        (&publish[..], true, 1),
        (publish, false, 2),
        (&[0xd0, 0], false, 3),
        // Half a packet is none.
        (&publish[..5], false, 3),
    ] {
        client.input().extend_from_slice(bytes);
        assert_eq!(client.poll_event(now).unwrap().is_some(), event);
        assert_eq!(client.received(), total);
    }
    client.handle_closed();
    client.handle_open(now).unwrap();
    client.input().extend_from_slice(&[0x20, 2, 1, 0]);
    assert!(matches!(client.poll_event(now), Ok(Some(Event::Connected(_)))));
    client.input().extend_from_slice(publish);
    assert!(matches!(client.poll_event(now), Ok(None)));
    assert_eq!(client.received(), 4);
}

#[test]
fn a_message_that_the_broker_has_done_with_is_no_refused_one() {
    let options = Options {
        client_id: Utf8::new("c").unwrap(),
        resume_for: Some(60),
        ..Options::default()
    };
    let (mut client, now) = connected(options);
    client.publish(message(7, QoS::ExactlyOnce), now).unwrap();
    client.input().extend_from_slice(&[0x50, 2, 0, 1]);
    assert!(matches!(client.poll_event(now), Ok(None)));
    // PUBCOMP is lost with the connection; PUBREL is sent again, and names nothing that the broker knows.
    let _ = client.handle_eof();
    client.handle_open(now).unwrap();
    client.input().extend_from_slice(&[0x20, 3, 1, 0, 0]);
    assert!(matches!(client.poll_event(now), Ok(Some(Event::Connected(_)))));
    client.pump(now).unwrap();
    assert!(client.output().ends_with(&[0x62, 2, 0, 1]), "{:?}", client.output());
    client.input().extend_from_slice(&[0x70, 3, 0, 1, 0x92]);
    match client.poll_event(now) {
        Ok(Some(Event::Published { answer, .. })) => assert_eq!(answer.reason, ReasonCode::SUCCESS),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_peer_that_closes_on_qos_2_is_told_from_one_that_just_closes() {
    let (mut client, now) = connected(v311());
    assert!(matches!(client.handle_eof(), Error::Closed("")));
    client.publish(message(1, QoS::AtLeastOnce), now).unwrap();
    assert!(matches!(client.handle_eof(), Error::Closed("")));
    client.publish(message(2, QoS::ExactlyOnce), now).unwrap();
    assert!(matches!(client.handle_eof(), Error::ClosedOnQos2));
    // One PUBREC shows that it knows QoS 2.
    client.input().extend_from_slice(&[0x50, 2, 0, 2]);
    assert!(matches!(client.poll_event(now), Ok(None)));
    client.publish(message(3, QoS::ExactlyOnce), now).unwrap();
    assert!(matches!(client.handle_eof(), Error::Closed("")));
}

#[test]
fn resending_by_timer_sets_dup_and_then_gives_up() {
    let mut options = v311();
    options.resend_interval = Some(Duration::from_secs(5));
    options.ack_timeout = Some(Duration::from_secs(12));
    let (mut client, now) = connected(options);
    client.publish(message(7, QoS::AtLeastOnce), now).unwrap();
    client.output().clear();
    let at = |seconds| now + Duration::from_secs(seconds);
    assert_eq!(client.poll_timeout(), Some(at(5)));
    client.handle_timeout(at(5)).unwrap();
    assert_eq!(client.output().split()[..], *b"\x3a\x08\x00\x03a/b\x00\x017");
    client.handle_timeout(at(10)).unwrap();
    assert_eq!(client.output().split()[0], 0x3a);
    assert!(matches!(client.handle_timeout(at(12)), Err(Error::AckTimeout(_))));
}

#[test]
fn keep_alive_pings_and_gives_up() {
    let (mut client, now) = connected(Options {
        keep_alive: 10,
        ..v311()
    });
    let at = |seconds| now + Duration::from_secs(seconds);
    assert_eq!(client.poll_timeout(), Some(at(10)));
    client.handle_timeout(at(10)).unwrap();
    assert_eq!(client.output().split()[..], [0xc0, 0]);
    assert!(matches!(client.handle_timeout(at(20)), Err(Error::KeepAlive(_))));
}

#[test]
fn a_broker_that_breaks_the_rules_is_told_so() {
    let alias = b"\x30\x06\x00\x00\x03\x23\x00\x05";
    let too_many: Vec<u8> = (1..=3).flat_map(|id| [0x32, 6, 0, 1, b'a', 0, id, 0]).collect();
    for (bytes, reason) in [
        (&[0x00, 0x00][..], 0x81),
        (&[0x20, 3, 0, 0, 0][..], 0x82),
        (&[0xc0, 0][..], 0x82),
        (&alias[..], 0x94),
        (&too_many[..], 0x93),
        (&[0x30, 0xff, 0xff, 0xff, 0x7f][..], 0x95),
    ] {
        let mut options = Options {
            max_packet_size: 1000,
            ..Options::default()
        };
        options
            .properties
            .push(PropertyId::ReceiveMaximum, PropertyValue::U16(2));
        let (mut client, now) = connected(options);
        client.input().extend_from_slice(bytes);
        let error = loop {
            match client.poll_event(now) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{bytes:02x?} is taken"),
                Err(error) => break error,
            }
        };
        let output = client.output().split();
        assert_eq!(
            output[..3.min(output.len())],
            [0xe0, 1, reason],
            "{bytes:02x?}: {error}"
        );
    }
}

#[test]
fn a_refusal_in_the_form_of_3_1_1_is_understood() {
    let now = Instant::now();
    let mut client = Client::new(Options::default(), now);
    client.handle_open(now).unwrap();
    client.input().extend_from_slice(&[0x20, 2, 0, 1]);
    match client.poll_event(now) {
        Err(Error::Refused(refusal)) => {
            assert_eq!(refusal.reason, ReasonCode::UNSUPPORTED_PROTOCOL_VERSION);
            assert_eq!(refusal.packet, PacketType::Connack);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_connack_forbids_is_not_sent() {
    let now = Instant::now();
    let mut client = Client::new(Options::default(), now);
    client.handle_open(now).unwrap();
    client.output().clear();
    // Maximum QoS 1, Retain Available 0, Maximum Packet Size 20.
    client
        .input()
        .extend_from_slice(&[0x20, 12, 0, 0, 9, 0x24, 1, 0x25, 0, 0x27, 0, 0, 0, 20]);
    assert!(matches!(client.poll_event(now), Ok(Some(Event::Connected(_)))));
    let refused = client.publish(message(1, QoS::ExactlyOnce), now);
    assert!(
        matches!(refused, Err(client::PublishError::QosNotSupported(..))),
        "{refused:?}"
    );
    let refused = client.publish(
        Publish {
            retain: true,
            ..message(1, QoS::AtMostOnce)
        },
        now,
    );
    assert!(
        matches!(refused, Err(client::PublishError::RetainNotSupported)),
        "{refused:?}"
    );
    let refused = client.publish(
        Publish {
            payload: Bytes::from_static(&[b'x'; 20]),
            ..message(1, QoS::AtMostOnce)
        },
        now,
    );
    assert!(matches!(refused, Err(client::PublishError::Encode(_))), "{refused:?}");
    assert!(client.output().is_empty());
}

/// A client of version 5 with the CONNACK of these properties.
fn agreed(options: Options, properties: &[u8]) -> (Client, Instant) {
    let now = Instant::now();
    let mut client = Client::new(options, now);
    client.handle_open(now).unwrap();
    client.output().clear();
    let length = u8::try_from(properties.len()).unwrap();
    client.input().extend_from_slice(&[0x20, length + 3, 0, 0, length]);
    client.input().extend_from_slice(properties);
    assert!(matches!(client.poll_event(now), Ok(Some(Event::Connected(_)))));
    (client, now)
}

/// Known at the fixed header: nothing of the body is waited for or kept.
#[test]
fn a_packet_before_the_end_of_connack_is_small() {
    // Remaining lengths of 65,532, which makes 65,536 bytes in all, of one more, and the largest.
    for (length, taken) in [
        (&[0xfc, 0xff, 0x03][..], true),
        (&[0xfd, 0xff, 0x03], false),
        (&[0xff, 0xff, 0xff, 0x7f], false),
    ] {
        for first in [0x20, 0x30, 0xf0] {
            let now = Instant::now();
            let mut client = Client::new(Options::default(), now);
            client.handle_open(now).unwrap();
            client.output().clear();
            client.input().extend_from_slice(&[first]);
            client.input().extend_from_slice(length);
            let got = client.poll_event(now);
            if taken {
                assert!(matches!(got, Ok(None)), "{first:02x} {length:02x?}: {got:?}");
                continue;
            }
            let Err(Error::Decode(error)) = got else {
                panic!("{first:02x} {length:02x?}: {got:?}")
            };
            let text = error.to_string();
            assert!(text.contains("bytes exceeds the limit of 65536"), "{text}");
            assert_eq!(client.output()[..], [0xe0, 1, 0x95]);
        }
    }
    // Afterwards packets are as large as MQTT allows.
    let (mut client, now) = connected(Options::default());
    client.input().extend_from_slice(&[0x30, 0xff, 0xff, 0xff, 0x7f]);
    assert!(matches!(client.poll_event(now), Ok(None)));
}

#[test]
fn packets_before_connack_are_an_error_at_the_first_one() {
    for packet in [
        &[0xd0, 0][..],
        &[0x40, 2, 0, 1],
        b"\x30\x03\x00\x01a\x00",
        &[0xf0, 0],
        &[0xe0, 0],
    ] {
        let now = Instant::now();
        let mut client = Client::new(Options::default(), now);
        client.handle_open(now).unwrap();
        client.input().extend_from_slice(packet);
        let got = client.poll_event(now);
        assert!(got.is_err(), "{packet:02x?}: {got:?}");
    }
}

#[test]
fn a_session_of_an_earlier_run_is_adopted_by_those_only_who_may() {
    let now = Instant::now();
    let first = |version, adopt_session| {
        let mut client = Client::new(
            Options {
                version,
                client_id: Utf8::new("c").unwrap(),
                clean_start: false,
                adopt_session,
                ..Options::default()
            },
            now,
        );
        client.handle_open(now).unwrap();
        let connect = client.output().split().to_vec();
        (client, connect)
    };
    let present = |version| -> &[u8] {
        if version == Version::V5 {
            &[0x20, 3, 1, 0, 0]
        } else {
            &[0x20, 2, 1, 0]
        }
    };
    let flags = |connect: &[u8]| connect[9];
    for version in [Version::V311, Version::V5] {
        let (mut client, connect) = first(version, true);
        assert_eq!(flags(&connect), 0);
        client.input().extend_from_slice(present(version));
        let connected = client.poll_event(now);
        assert!(
            matches!(connected, Ok(Some(Event::Connected(_)))),
            "{version}: {connected:?}"
        );

        let (mut client, connect) = first(version, false);
        assert_eq!(flags(&connect), 0);
        client.input().extend_from_slice(present(version));
        let refused = client.poll_event(now);
        assert!(matches!(&refused, Err(error @ Error::ForeignSession(_)) if error.is_transient()));
        assert_eq!(
            client.output().split()[..],
            [0xe0, 0],
            "an orderly end: no will is published"
        );
        client.handle_closed();
        client.handle_open(now).unwrap();
        assert_eq!(flags(&client.output().split()), 2, "{version}");
        // A broker that insists is not asked for ever.
        client.input().extend_from_slice(present(version));
        let refused = client.poll_event(now);
        assert!(
            matches!(&refused, Err(error @ Error::Unexpected(..)) if !error.is_transient()),
            "{version}: {refused:?}"
        );
    }
    // CONNACK of 3.1 has nothing to say it with.
    let (_, connect) = first(Version::V31, true);
    assert_eq!(connect[11], 0);
    let (mut client, connect) = first(Version::V31, false);
    assert_eq!(connect[11], 2);
    client.input().extend_from_slice(&[0x20, 2, 0, 0]);
    assert!(matches!(client.poll_event(now), Err(Error::SessionEnded)));
    client.handle_closed();
    client.handle_open(now).unwrap();
    assert_eq!(client.output().split()[11], 0);
    client.input().extend_from_slice(&[0x20, 2, 0, 0]);
    assert!(matches!(client.poll_event(now), Ok(Some(Event::Connected(_)))));
}

#[test]
fn nothing_larger_than_the_peer_takes_is_sent_and_the_session_ends_for_good() {
    use mqkit::protocol::EncodeError;
    let limited = |options: Options, limit: u8| agreed(options, &[0x27, 0, 0, 0, limit]);
    let filter = || Utf8::new("a/long/topic").unwrap();
    let exceeds = |error: &Error, expected: usize| match error {
        Error::Encode(EncodeError::ExceedsPeerLimit { size, limit }) => {
            assert!(!error.is_transient() && size > limit && *limit == expected, "{error}");
        }
        other => panic!("{other:?}"),
    };
    let (mut client, now) = limited(Options::default(), 19);
    let subscriptions = vec![Subscription::new(filter(), QoS::AtMostOnce)];
    let refused = client.subscribe(subscriptions, Properties::new(), now);
    exceeds(&refused.unwrap_err(), 19);
    let refused = client.unsubscribe(vec![filter()], Properties::new(), now);
    // One byte less than SUBSCRIBE has.
    assert!(refused.is_ok());
    client.output().clear();
    let refused = client.unsubscribe(vec![filter(), filter()], Properties::new(), now);
    exceeds(&refused.unwrap_err(), 19);
    assert!(client.output().is_empty());
    // What was never sent is not waited for.
    client.input().extend_from_slice(&[0xb0, 4, 0, 2, 0, 0]);
    assert!(matches!(client.poll_event(now), Ok(Some(Event::Unsubscribed { .. }))));
    assert!(client.is_idle());

    // A subscription made before CONNACK, and a message.
    let now = Instant::now();
    let connack = [0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 9];
    let mut client = Client::new(Options::default(), now);
    client
        .subscribe(
            vec![Subscription::new(filter(), QoS::AtMostOnce)],
            Properties::new(),
            now,
        )
        .unwrap();
    client.handle_open(now).unwrap();
    client.input().extend_from_slice(&connack);
    exceeds(&client.poll_event(now).unwrap_err(), 9);
    let mut client = Client::new(Options::default(), now);
    client.publish(message(1, QoS::AtLeastOnce), now).unwrap();
    client.handle_open(now).unwrap();
    client.input().extend_from_slice(&connack);
    exceeds(&client.poll_event(now).unwrap_err(), 9);
}

#[test]
fn a_peer_that_takes_no_packet_at_all_is_left_in_silence() {
    let disconnect_properties = || {
        [(PropertyId::SessionExpiryInterval, PropertyValue::U32(1))]
            .into_iter()
            .collect()
    };
    for (limit, said) in [
        (1, &[][..]),
        (2, &[0xe0, 0]),
        (8, &[0xe0, 0]),
        (9, &[0xe0, 7, 0, 5, 0x11, 0, 0, 0, 1]),
    ] {
        let options = Options {
            disconnect_properties: disconnect_properties(),
            keep_alive: 5,
            ..Options::default()
        };
        let (mut client, now) = agreed(options, &[0x27, 0, 0, 0, limit]);
        assert!(client.publish(message(1, QoS::AtMostOnce), now).is_err() || limit >= 9);
        client.output().clear();
        if limit == 1 {
            let error = client.handle_timeout(now + Duration::from_secs(5)).unwrap_err();
            assert!(!error.is_transient(), "{error}");
        }
        client.disconnect(ReasonCode::SUCCESS).unwrap();
        assert_eq!(client.output()[..], *said, "limit {limit}");
    }
    // The error that ends the connection is not hidden by a DISCONNECT that does not fit.
    let (mut client, now) = agreed(Options::default(), &[0x27, 0, 0, 0, 1]);
    client.input().extend_from_slice(&[0xc0, 0]);
    assert!(matches!(client.poll_event(now), Err(Error::Unexpected(..))));
    // The next connection has no limit yet.
    client.handle_closed();
    client.handle_open(now).unwrap();
}

/// With its packet identifier this one has 128 bytes behind the fixed header, which needs a byte more for its length.
#[test]
fn a_message_is_measured_as_it_will_be_sent() {
    let publish = |length| Publish {
        payload: Bytes::from(vec![b'x'; length]),
        ..message(0, QoS::AtLeastOnce)
    };
    for (length, fits) in [(119, true), (120, false)] {
        let (mut client, now) = agreed(Options::default(), &[0x27, 0, 0, 0, 130]);
        let taken = client.publish(publish(length), now);
        assert_eq!(taken.is_ok(), fits, "{length}: {taken:?}");
        assert_eq!(client.output().len(), if fits { 129 } else { 0 });
    }
}

#[test]
fn the_message_that_a_broker_closes_on_is_known() {
    for clean_start in [true, false] {
        let (mut client, now) = connected(Options { clean_start, ..v311() });
        assert!(client.oldest_unacknowledged().is_none());
        for number in 1..=2 {
            client.publish(message(number, QoS::ExactlyOnce), now).unwrap();
        }
        for connections in 1..=3 {
            let oldest = client.oldest_unacknowledged().unwrap();
            assert_eq!(oldest.publish.payload, "1");
            // Two bytes of header, five of topic, two of identifier, one of payload.
            assert_eq!((oldest.size, oldest.connections), (10, connections));
            client.handle_closed();
            client.handle_open(now).unwrap();
            client.input().extend_from_slice(&[0x20, 2, u8::from(!clean_start), 0]);
            assert!(matches!(client.poll_event(now), Ok(Some(Event::Connected(_)))));
        }
        // PUBREC: the broker has it, whatever it closes the connection for.
        let id = if clean_start { 7 } else { 1 };
        client.input().extend_from_slice(&[0x50, 2, 0, id]);
        assert!(matches!(client.poll_event(now), Ok(None)));
        assert_eq!(client.oldest_unacknowledged().unwrap().publish.payload, "2");
    }
}

#[test]
fn what_connack_assigns_holds() {
    // Server Keep Alive 5, Assigned Client Identifier "id".
    let (mut client, now) = agreed(Options::default(), &[0x13, 0, 5, 0x12, 0, 2, b'i', b'd']);
    assert_eq!(client.options().client_id.as_str(), "id");
    assert_eq!(client.poll_timeout(), Some(now + Duration::from_secs(5)));
    // The next CONNECT asks for that identifier, and for the keep alive of the options.
    client.handle_closed();
    client.handle_open(now).unwrap();
    assert_eq!(
        client.output()[..],
        *b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02id"
    );
}

#[test]
fn a_topic_is_said_once_and_an_alias_never_makes_a_message_too_large() {
    let options = || Options {
        choose_aliases: true,
        ..Options::default()
    };
    let sent = |client: &mut Client, topic: &str, payload: &str, now| {
        let publish = Publish {
            topic: Utf8::new(topic).unwrap(),
            payload: Bytes::from(payload.to_owned()),
            ..message(0, QoS::AtMostOnce)
        };
        client.publish(publish, now).unwrap();
        client.output().split().to_vec()
    };
    // Topic Alias Maximum 2, Maximum Packet Size 12.
    let (mut client, now) = agreed(options(), &[0x22, 0, 2, 0x27, 0, 0, 0, 12]);
    for (topic, payload, bytes) in [
        // With its alias it would have 13 bytes; the peer does not learn the alias.
        ("abcde", "12", &b"\x30\x0a\x00\x05abcde\x0012"[..]),
        ("abcde", "1", b"\x30\x09\x00\x05abcde\x001"),
        // Nor are aliases used up by that.
        ("a", "12", b"\x30\x09\x00\x01a\x03\x23\x00\x0112"),
    ] {
        assert_eq!(sent(&mut client, topic, payload, now), bytes, "{topic}");
    }
    let (mut client, now) = agreed(options(), &[0x22, 0, 1]);
    for (topic, bytes) in [
        ("a", &b"\x30\x08\x00\x01a\x03\x23\x00\x011"[..]),
        ("a", b"\x30\x07\x00\x00\x03\x23\x00\x011"),
        ("b", b"\x30\x05\x00\x01b\x001"),
    ] {
        assert_eq!(sent(&mut client, topic, "1", now), bytes, "{topic}");
    }
    // The next connection knows no alias.
    client.handle_closed();
    client.handle_open(now).unwrap();
    client.output().clear();
    client.input().extend_from_slice(&[0x20, 6, 0, 0, 3, 0x22, 0, 1]);
    assert!(matches!(client.poll_event(now), Ok(Some(Event::Connected(_)))));
    assert_eq!(sent(&mut client, "b", "1", now), b"\x30\x08\x00\x01b\x03\x23\x00\x011");
}

#[test]
fn a_given_alias_stands_for_the_topic_that_it_was_sent_with_last() {
    let (mut client, now) = agreed(Options::default(), &[0x22, 0, 9]);
    for (topic, alias, bytes) in [
        ("a", 3, &b"\x30\x07\x00\x01a\x03\x23\x00\x03"[..]),
        ("a", 3, b"\x30\x06\x00\x00\x03\x23\x00\x03"),
        ("b", 3, b"\x30\x07\x00\x01b\x03\x23\x00\x03"),
        ("a", 3, b"\x30\x07\x00\x01a\x03\x23\x00\x03"),
        ("a", 4, b"\x30\x07\x00\x01a\x03\x23\x00\x04"),
        ("a", 4, b"\x30\x06\x00\x00\x03\x23\x00\x04"),
    ] {
        let mut publish = Publish {
            topic: Utf8::new(topic).unwrap(),
            payload: Bytes::new(),
            ..message(0, QoS::AtMostOnce)
        };
        publish
            .properties
            .push(PropertyId::TopicAlias, PropertyValue::U16(alias));
        client.publish(publish, now).unwrap();
        assert_eq!(client.output().split()[..], *bytes, "{topic} {alias}");
    }
}
