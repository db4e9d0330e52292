//! The broker: without IO and with a virtual clock where that can show it, over loopback with raw bytes where not.

use bytes::Bytes;
use mqkit::broker::passwords::Passwords;
use mqkit::broker::serve::serve;
use mqkit::broker::{ACK_DELAY, Accepted, Answer, Broker, ConnectionId, End, Notice, Options, Published};
use mqkit::net::{Address, Listener};
use mqkit::protocol::{
    Connect, Disconnect, PacketId, Properties, PropertyId, PropertyValue, Publish, QoS, ReasonCode, RetainHandling,
    Subscribe, Subscription, Unsubscribe, Utf8, Version, Will,
};
use mqkit::session::Delivery;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;
const Q2: QoS = QoS::ExactlyOnce;

fn text(text: &str) -> Utf8 {
    Utf8::new(text).unwrap()
}

fn message(topic: &str, qos: QoS, payload: &str) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: text(topic),
        packet_id: None,
        properties: Properties::new(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

fn retained(topic: &str, payload: &str) -> Publish {
    Publish {
        retain: true,
        ..message(topic, Q1, payload)
    }
}

fn numbers(list: &[(PropertyId, u32)]) -> Properties {
    let mut properties = Properties::new();
    for (id, number) in list {
        properties.set_number(*id, *number);
    }
    properties
}

fn request(client_id: &str) -> Connect {
    Connect {
        version: Version::V5,
        bridge: false,
        clean_start: true,
        keep_alive: 0,
        properties: Properties::new(),
        client_id: text(client_id),
        will: None,
        username: None,
        password: None,
    }
}

/// A client that may come back within `expiry` seconds.
fn lasting(client_id: &str, expiry: u32) -> Connect {
    Connect {
        clean_start: false,
        properties: numbers(&[(PropertyId::SessionExpiryInterval, expiry)]),
        ..request(client_id)
    }
}

fn with_will(connect: Connect, delay: u32) -> Connect {
    let will = Will {
        qos: Q1,
        retain: false,
        properties: numbers(&[(PropertyId::WillDelayInterval, delay)]),
        topic: text("will"),
        payload: Bytes::from_static(b"gone"),
    };
    Connect {
        will: Some(will),
        ..connect
    }
}

fn filter(filter: &str, qos: QoS) -> Subscription {
    Subscription::new(text(filter), qos)
}

/// A broker and its clock.
struct Site {
    broker: Broker,
    now: Instant,
}

impl Site {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        Self {
            broker: Broker::new(options),
            now: Instant::now(),
        }
    }

    fn ask(&mut self, connect: &Connect) -> (ConnectionId, Answer) {
        let id = self.broker.open();
        (id, self.broker.connect(id, connect, self.now))
    }

    fn accepted(&mut self, connect: &Connect) -> (ConnectionId, Accepted) {
        match self.ask(connect) {
            (id, Answer::Accepted(accepted)) => (id, *accepted),
            (_, other) => panic!("{other:?}"),
        }
    }

    fn client(&mut self, client_id: &str) -> ConnectionId {
        self.accepted(&request(client_id)).0
    }

    fn refused(&mut self, connect: &Connect) -> ReasonCode {
        match self.ask(connect) {
            (_, Answer::Refused(reason)) => reason,
            (_, other) => panic!("{other:?}"),
        }
    }

    fn subscribe_with(&mut self, id: ConnectionId, list: Vec<Subscription>, properties: Properties) -> Vec<u8> {
        let packet = Subscribe {
            packet_id: PacketId::MIN,
            properties,
            subscriptions: list,
        };
        let reasons = self.broker.subscribe(id, &packet, self.now);
        reasons.into_iter().map(|reason| reason.0).collect()
    }

    fn subscribe(&mut self, id: ConnectionId, name: &str, qos: QoS) {
        let granted = self.subscribe_with(id, vec![filter(name, qos)], Properties::new());
        assert_eq!(granted, [u8::from(qos)]);
    }

    fn unsubscribe(&mut self, id: ConnectionId, names: &[&str]) -> Vec<ReasonCode> {
        let packet = Unsubscribe {
            packet_id: PacketId::MIN,
            properties: Properties::new(),
            filters: names.iter().map(|name| text(name)).collect(),
        };
        self.broker.unsubscribe(id, &packet)
    }

    fn publish(&mut self, id: ConnectionId, publish: Publish) -> Published {
        self.broker.publish(id, publish, self.now)
    }

    fn take(&mut self, id: ConnectionId) -> Vec<Publish> {
        std::iter::from_fn(|| self.broker.take_message(id, self.now))
            .map(|(publish, _)| publish)
            .collect()
    }

    fn payloads(&mut self, id: ConnectionId) -> Vec<String> {
        let payload = |publish: Publish| String::from_utf8(publish.payload.to_vec()).unwrap();
        self.take(id).into_iter().map(payload).collect()
    }

    fn leave(&mut self, id: ConnectionId, end: End) {
        self.broker.disconnected(id, Delivery::default(), end, self.now);
    }

    fn lose(&mut self, id: ConnectionId) {
        self.leave(id, End::Lost);
    }

    fn goodbye(&mut self, id: ConnectionId, reason: u8, properties: Properties) {
        let disconnect = Disconnect {
            reason: ReasonCode(reason),
            properties,
        };
        self.leave(id, End::Disconnect(disconnect));
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.broker.handle_timeout(self.now);
    }
}

// ----- connecting

#[test]
fn empty_client_identifiers_are_assigned_and_told() {
    let mut site = Site::new();
    let (_, first) = site.accepted(&request(""));
    let (_, second) = site.accepted(&request(""));
    let told = |accepted: &Accepted| {
        let id = accepted.connack.properties.text(PropertyId::AssignedClientIdentifier);
        id.unwrap()
    };
    assert_eq!(told(&first), first.client_id);
    assert_ne!(told(&first), told(&second));
    let old = Connect {
        version: Version::V311,
        ..request("")
    };
    assert!(site.accepted(&old).1.connack.properties.is_empty());
    assert!(
        site.accepted(&request("own"))
            .1
            .connack
            .properties
            .text(PropertyId::AssignedClientIdentifier)
            .is_none()
    );
}

#[test]
fn passwords_are_checked() {
    let options = Options {
        passwords: Some(Passwords::parse("ada:secret").unwrap()),
        ..Options::default()
    };
    let mut site = Site::with(options);
    let login = |user: &str, password: &'static str| Connect {
        username: Some(text(user)),
        password: Some(Bytes::from_static(password.as_bytes())),
        ..request("c")
    };
    assert_eq!(
        site.refused(&login("ada", "wrong")),
        ReasonCode::BAD_USER_NAME_OR_PASSWORD
    );
    assert_eq!(
        site.refused(&login("eve", "secret")),
        ReasonCode::BAD_USER_NAME_OR_PASSWORD
    );
    assert_eq!(site.refused(&request("c")), ReasonCode::NOT_AUTHORIZED);
    site.accepted(&login("ada", "secret"));
}

#[test]
fn enhanced_authentication_is_refused() {
    let mut connect = request("c");
    let method = PropertyValue::Text(text("SCRAM"));
    connect.properties.push(PropertyId::AuthenticationMethod, method);
    assert_eq!(Site::new().refused(&connect), ReasonCode::BAD_AUTHENTICATION_METHOD);
}

#[test]
fn a_session_is_taken_over_with_what_waits_in_it() {
    let mut site = Site::new();
    let (old, _) = site.accepted(&lasting("c", 60));
    site.subscribe(old, "t", Q1);
    let sender = site.client("sender");
    site.publish(sender, message("t", Q1, "kept"));
    site.publish(sender, message("t", Q0, "not kept"));
    let connect = lasting("c", 60);
    let (new, answer) = site.ask(&connect);
    assert!(matches!(answer, Answer::Wait));
    assert!(site.broker.is_ousted(old) && site.broker.take_wakes().contains(&old));
    site.lose(old);
    assert!(site.broker.take_wakes().contains(&new));
    let Answer::Accepted(accepted) = site.broker.connect(new, &connect, site.now) else {
        panic!()
    };
    assert!(accepted.connack.session_present);
    assert_eq!(site.payloads(new), ["kept"]);
}

#[test]
fn sessions_last_as_long_as_was_agreed() {
    let mut site = Site::new();
    let present = |site: &mut Site, connect: &Connect| {
        let (id, accepted) = site.accepted(connect);
        (id, accepted.connack.session_present)
    };
    let (id, _) = present(&mut site, &lasting("c", 60));
    site.lose(id);
    site.pass(59);
    let (id, resumed) = present(&mut site, &lasting("c", 60));
    assert!(resumed);
    site.lose(id);
    site.pass(60);
    assert_eq!(
        site.broker.poll_notice(),
        Some(Notice::Expired { client_id: text("c") })
    );
    let (id, resumed) = present(&mut site, &lasting("c", 60));
    assert!(!resumed);
    // DISCONNECT changes it.
    site.goodbye(id, 0, numbers(&[(PropertyId::SessionExpiryInterval, 0)]));
    assert_eq!(site.broker.sessions(), 0);
    // 3.1.1 without a clean session: for ever.
    let old = Connect {
        version: Version::V311,
        properties: Properties::new(),
        ..lasting("c", 0)
    };
    let (id, _) = present(&mut site, &old);
    site.goodbye(id, 0, Properties::new());
    site.pass(1_000_000);
    let (id, resumed) = present(&mut site, &old);
    assert!(resumed);
    site.lose(id);
    assert!(!present(&mut site, &request("c")).1, "a clean start");
}

#[test]
fn a_session_queues_qos_1_and_2_while_its_client_is_away() {
    let mut site = Site::new();
    let (id, _) = site.accepted(&lasting("c", 60));
    site.subscribe(id, "t/#", Q2);
    site.lose(id);
    let sender = site.client("sender");
    for (qos, payload) in [(Q0, "0"), (Q1, "1"), (Q2, "2")] {
        let published = site.publish(sender, message("t/x", qos, payload));
        assert_eq!(published.reason, ReasonCode::SUCCESS);
    }
    let (id, accepted) = site.accepted(&lasting("c", 60));
    assert!(accepted.connack.session_present);
    assert!(site.broker.take_wakes().contains(&id));
    assert_eq!(site.payloads(id), ["1", "2"]);
}

// ----- subscriptions

#[test]
fn wildcards_and_dollar_topics() {
    let mut site = Site::new();
    let (a, b) = (site.client("a"), site.client("b"));
    site.subscribe(a, "#", Q0);
    site.subscribe(b, "$SYS/+", Q0);
    let sender = site.client("sender");
    site.publish(sender, message("$SYS/x", Q0, "sys"));
    site.publish(sender, message("x/y", Q0, "xy"));
    assert_eq!(site.payloads(a), ["xy"]);
    assert_eq!(site.payloads(b), ["sys"]);
    assert_eq!(
        site.unsubscribe(a, &["#", "#"]),
        [ReasonCode::SUCCESS, ReasonCode::NO_SUBSCRIPTION_EXISTED]
    );
    let published = site.publish(sender, message("x/y", Q1, ""));
    assert_eq!(published.reason, ReasonCode::NO_MATCHING_SUBSCRIBERS);
}

#[test]
fn overlapping_subscriptions_give_one_message_with_the_highest_qos_and_all_identifiers() {
    let mut site = Site::new();
    let id = site.client("c");
    for (name, qos, identifier) in [("a/+", Q0, 7), ("a/b", Q2, 300), ("#", Q1, 9)] {
        let properties = numbers(&[(PropertyId::SubscriptionIdentifier, identifier)]);
        site.subscribe_with(id, vec![filter(name, qos)], properties);
    }
    let sender = site.client("sender");
    site.publish(sender, message("a/b", Q2, "x"));
    let got = site.take(id);
    assert_eq!((got.len(), got[0].qos), (1, Q2));
    let mut identifiers: Vec<_> = got[0]
        .properties
        .iter()
        .filter_map(|(_, value)| value.number())
        .collect();
    identifiers.sort_unstable();
    assert_eq!(identifiers, [7, 9, 300]);
}

#[test]
fn subscribing_again_replaces() {
    let mut site = Site::new();
    let id = site.client("c");
    site.subscribe(id, "t", Q2);
    site.subscribe(id, "t", Q0);
    site.publish(id, message("t", Q2, "x"));
    let got = site.take(id);
    assert_eq!((got.len(), got[0].qos), (1, Q0));
}

#[test]
fn no_local_and_retain_as_published() {
    let mut site = Site::new();
    let (id, other) = (site.client("c"), site.client("d"));
    let mut quiet = filter("t", Q1);
    (quiet.no_local, quiet.retain_as_published) = (true, true);
    site.subscribe_with(id, vec![quiet], Properties::new());
    site.subscribe(other, "t", Q1);
    site.publish(id, retained("t", "own"));
    assert!(site.take(id).is_empty());
    assert!(!site.take(other)[0].retain);
    site.publish(other, retained("t", "other"));
    assert!(site.take(id)[0].retain);
}

#[test]
fn shared_subscriptions_take_turns_and_skip_the_absent() {
    let mut site = Site::new();
    let members: Vec<_> = ["a", "b", "c"].map(|name| site.accepted(&lasting(name, 60)).0).into();
    for id in &members {
        site.subscribe(*id, "$share/g/t/#", Q1);
    }
    let all = site.client("all");
    site.subscribe(all, "t/x", Q0);
    let sender = site.client("sender");
    for number in 0..30 {
        site.publish(sender, message("t/x", Q1, &number.to_string()));
    }
    for id in &members {
        assert_eq!(site.take(*id).len(), 10);
    }
    assert_eq!(site.take(all).len(), 30);
    site.lose(members[1]);
    for _ in 0..30 {
        site.publish(sender, message("t/x", Q1, "x"));
    }
    assert_eq!((site.take(members[0]).len(), site.take(members[2]).len()), (15, 15));
    // Before version 5 the codec lets a broken one pass.
    let broken = site.subscribe_with(all, vec![filter("$share/t", Q0)], Properties::new());
    assert_eq!(broken, [0x8f]);
}

#[test]
fn properties_are_passed_on_in_order_but_not_the_alias() {
    let mut site = Site::new();
    let id = site.client("c");
    site.subscribe(id, "t", Q0);
    let pair = |value: &str| (PropertyId::UserProperty, PropertyValue::Pair(text("k"), text(value)));
    let content = (PropertyId::ContentType, PropertyValue::Text(text("text/plain")));
    let alias = (PropertyId::TopicAlias, PropertyValue::U16(3));
    let mut publish = message("t", Q0, "x");
    publish.properties = [pair("2"), alias, content.clone(), pair("1")].into_iter().collect();
    site.publish(id, publish);
    let expected: Properties = [pair("2"), content, pair("1")].into_iter().collect();
    assert_eq!(site.take(id)[0].properties, expected);
}

// ----- retained messages

#[test]
fn retained_messages_are_set_replaced_and_deleted() {
    let mut site = Site::new();
    let sender = site.client("sender");
    site.publish(sender, retained("a/b", "old"));
    site.publish(sender, retained("a/b", "new"));
    site.publish(sender, retained("a/c", "other"));
    site.publish(sender, message("a/d", Q0, "not retained"));
    let id = site.client("c");
    site.subscribe(id, "a/+", Q0);
    let got = site.take(id);
    let seen: Vec<_> = got.iter().map(|m| (m.payload.as_ref(), m.retain, m.qos)).collect();
    assert_eq!(seen, [(&b"new"[..], true, Q0), (b"other", true, Q0)]);
    site.publish(sender, retained("a/b", ""));
    assert_eq!(site.broker.retained(), 1);
    assert_eq!(site.payloads(id), [""], "the deletion is a message too");
}

#[test]
fn retain_handling_decides_when_they_are_sent() {
    let mut site = Site::new();
    let sender = site.client("sender");
    site.publish(sender, retained("t", "x"));
    for (handling, first, again) in [
        (RetainHandling::SendAlways, 1, 1),
        (RetainHandling::SendIfNew, 1, 0),
        (RetainHandling::DoNotSend, 0, 0),
    ] {
        let id = site.client(&format!("{handling:?}"));
        for expected in [first, again] {
            let mut subscription = filter("t", Q0);
            subscription.retain_handling = handling;
            site.subscribe_with(id, vec![subscription], Properties::new());
            assert_eq!(site.take(id).len(), expected, "{handling:?}");
        }
    }
    let id = site.client("shared");
    site.subscribe(id, "$share/g/t", Q0);
    assert!(site.take(id).is_empty());
}

#[test]
fn retained_messages_expire_and_tell_what_is_left() {
    let mut site = Site::new();
    let sender = site.client("sender");
    let mut publish = retained("t", "x");
    publish.properties = numbers(&[(PropertyId::MessageExpiryInterval, 10)]);
    site.publish(sender, publish);
    site.pass(4);
    let id = site.client("c");
    site.subscribe(id, "t", Q0);
    assert_eq!(
        site.take(id)[0].properties.number(PropertyId::MessageExpiryInterval),
        Some(6)
    );
    site.pass(6);
    assert_eq!((site.broker.retained(), site.broker.poll_timeout()), (0, None));
}

// ----- wills

#[test]
fn a_will_is_published_unless_the_client_said_goodbye() {
    for (end, expected) in [
        (End::Lost, 1),
        (End::Disconnect(Disconnect::new(ReasonCode::SUCCESS)), 0),
        (End::Disconnect(Disconnect::new(ReasonCode::DISCONNECT_WITH_WILL)), 1),
    ] {
        let mut site = Site::new();
        let watcher = site.client("watcher");
        site.subscribe(watcher, "will", Q1);
        let (id, _) = site.accepted(&with_will(request("c"), 0));
        site.leave(id, end.clone());
        assert_eq!(site.take(watcher).len(), expected, "{end:?}");
    }
}

#[test]
fn a_will_waits_for_its_delay_or_the_end_of_the_session() {
    let mut site = Site::new();
    let watcher = site.client("watcher");
    site.subscribe(watcher, "will", Q1);
    for (expiry, after) in [(60, 10), (5, 5), (0, 0)] {
        let (id, _) = site.accepted(&with_will(lasting("c", expiry), 10));
        site.lose(id);
        if after > 0 {
            site.pass(after - 1);
            assert!(site.take(watcher).is_empty(), "expiry {expiry}");
            site.pass(1);
        }
        let got = site.take(watcher);
        assert_eq!((got.len(), got[0].properties.is_empty()), (1, true), "expiry {expiry}");
        site.pass(100);
    }
    // Who comes back in time sends none; who starts anew does.
    let (id, _) = site.accepted(&with_will(lasting("c", 60), 10));
    site.lose(id);
    site.pass(5);
    let (id, _) = site.accepted(&with_will(lasting("c", 60), 10));
    site.pass(50);
    assert!(site.take(watcher).is_empty());
    site.lose(id);
    site.client("c");
    assert_eq!(site.take(watcher).len(), 1);
}

// ----- limits and pace

#[test]
fn a_full_queue_drops_the_newest_and_says_so() {
    let options = Options {
        max_queued: 10,
        ..Options::default()
    };
    let mut site = Site::with(options);
    let (id, _) = site.accepted(&lasting("c", 60));
    site.subscribe(id, "t", Q1);
    site.lose(id);
    let sender = site.client("sender");
    for number in 0..25 {
        site.publish(sender, message("t", Q1, &number.to_string()));
        assert!(!site.broker.waits(sender), "the absent are not waited for");
    }
    assert_eq!(site.broker.statistics().dropped, 15);
    let totals: Vec<_> = std::iter::from_fn(|| site.broker.poll_notice())
        .map(|notice| match notice {
            Notice::Dropped { total, connected, .. } => (total, connected),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(totals, [(1, false), (10, false)]);
    let (id, _) = site.accepted(&lasting("c", 60));
    let expected: Vec<_> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(site.payloads(id), expected);
}

/// Publishes until the sender should wait; gives how many that took.
fn flood(site: &mut Site, sender: ConnectionId, qos: QoS) -> usize {
    for number in 1..20_000 {
        let published = site.publish(sender, message("t", qos, "x"));
        if site.broker.waits(sender) {
            assert_eq!(published.pause, qos == Q0);
            return number;
        }
    }
    panic!("never told to wait");
}

#[test]
fn a_slow_client_holds_up_acknowledgements_until_half_is_worked_off() {
    let mut site = Site::new();
    let (slow, sender, other) = (site.client("slow"), site.client("sender"), site.client("other"));
    site.subscribe(slow, "t", Q1);
    assert_eq!(flood(&mut site, sender, Q1), 8193);
    assert!(site.broker.pause(sender, site.now).is_none(), "it is read all the same");
    site.publish(other, message("elsewhere", Q1, "x"));
    assert!(!site.broker.waits(other));
    site.broker.attend(sender);
    site.broker.take_wakes();
    while site.broker.backlog(slow) > 4096 {
        assert!(site.broker.waits(sender));
        site.broker.take_message(slow, site.now).unwrap();
    }
    assert!(!site.broker.waits(sender) && site.broker.take_wakes().contains(&sender));
    // Or until it goes.
    flood(&mut site, sender, Q1);
    site.lose(slow);
    assert!(!site.broker.waits(sender));
    assert_eq!(site.broker.statistics().dropped, 0);
    assert!(ACK_DELAY < Duration::from_secs(20), "clients send again after that");
}

#[test]
fn at_qos_0_senders_pause_for_a_client_that_moves_and_drop_for_one_that_does_not() {
    let mut site = Site::new();
    let (slow, sender) = (site.client("slow"), site.client("sender"));
    site.subscribe(slow, "t", Q1);
    assert_eq!(flood(&mut site, sender, Q0), 8193);
    let until = site.broker.pause(sender, site.now).unwrap();
    site.now += Duration::from_millis(900);
    site.broker.take_message(slow, site.now).unwrap();
    assert!(site.broker.pause(sender, until).unwrap() > until, "it moves");
    site.now += Duration::from_secs(1);
    assert_eq!(site.broker.pause(sender, site.now), None, "it does not");
    assert!(!site.publish(sender, message("t", Q0, "x")).pause);
    assert_eq!(site.broker.statistics().dropped, 1);
    // Who has to acknowledge messages is never paused: no circle can close.
    site.broker.take_message(slow, site.now).unwrap();
    site.subscribe(sender, "own", Q1);
    assert!(!site.publish(sender, message("t", Q0, "x")).pause);
}

#[test]
fn a_small_queue_stops_senders_before_it_is_full() {
    let options = Options {
        max_queued: 100,
        ..Options::default()
    };
    let mut site = Site::with(options);
    let (slow, sender) = (site.client("slow"), site.client("sender"));
    site.subscribe(slow, "t", Q1);
    assert_eq!(flood(&mut site, sender, Q1), 51);
    let more = (0..)
        .take_while(|_| !site.publish(sender, message("t", Q1, "x")).pause)
        .count();
    assert_eq!(51 + more + 1, 76);
    assert!(site.broker.pause(sender, site.now).is_some());
}

// ----- over loopback

/// When a conversation that does not come about has failed.
const PATIENCE: Duration = Duration::from_secs(10);

type Log = Rc<RefCell<Vec<String>>>;

/// Runs `body` against a broker, then stops that.
async fn against<T>(options: Options, body: impl AsyncFnOnce(SocketAddr, Log) -> T) -> T {
    let listener = Listener::bind(&Address::new("127.0.0.1", 0), None).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (done, wait) = oneshot::channel::<()>();
    let log = Log::default();
    let lines = Rc::clone(&log);
    let serving = serve(
        vec![listener],
        options,
        async {
            let _ = wait.await;
        },
        Box::new(move |_, line| lines.borrow_mut().push(line.to_string())),
    );
    let body = async {
        let result = tokio::time::timeout(4 * PATIENCE, body(address, log)).await.unwrap();
        drop(done);
        result
    };
    tokio::join!(serving, body).1
}

const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

/// A client of 3.1.1 that is connected.
async fn raw(address: SocketAddr, client_id: u8, keep_alive: u8) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let connect = [
        0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, keep_alive, 0, 1, client_id,
    ];
    say(&mut stream, &connect).await;
    expect(&mut stream, &CONNACK).await;
    stream
}

async fn say(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
}

async fn expect(stream: &mut TcpStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut got)).await;
    assert!(matches!(read, Ok(Ok(_))), "{read:?}: got {got:02x?}, want {bytes:02x?}");
    assert_eq!(got, bytes);
}

async fn expect_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{rest:02x?}");
}

const SUBSCRIBE: [u8; 8] = [0x82, 6, 0, 1, 0, 1, b't', 1];
const SUBACK: [u8; 5] = [0x90, 3, 0, 1, 1];

#[tokio::test]
async fn a_malformed_packet_closes_only_its_connection() {
    against(Options::default(), async |address, _| {
        let (mut good, mut bad) = (raw(address, b'g', 0).await, raw(address, b'b', 0).await);
        say(&mut bad, &[0x00, 0x00]).await;
        expect_end(&mut bad).await;
        say(&mut good, &[0xc0, 0]).await;
        expect(&mut good, &[0xd0, 0]).await;
        // Before CONNECT too, and version 5 is told why afterwards.
        let mut stranger = TcpStream::connect(address).await.unwrap();
        say(&mut stranger, b"GET / HTTP/1.1\r\n\r\n").await;
        expect_end(&mut stranger).await;
        let mut five = TcpStream::connect(address).await.unwrap();
        say(&mut five, b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01f").await;
        expect(&mut five, &[0x20, 9, 0, 0, 6, 0x21, 0, 100, 0x22, 0, 64]).await;
        say(&mut five, &[0x30, 0xff, 0xff, 0xff, 0xff]).await;
        expect(&mut five, &[0xe0, 1, 0x81]).await;
        expect_end(&mut five).await;
    })
    .await;
}

#[tokio::test]
async fn versions_and_client_identifiers_that_cannot_be_are_refused_in_words_of_3_1_1() {
    against(Options::default(), async |address, _| {
        for (connect, code) in [
            (&b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x3c\x00\x01c"[..], 1),
            (b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00", 2),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            say(&mut stream, connect).await;
            expect(&mut stream, &[0x20, 2, 0, code]).await;
            expect_end(&mut stream).await;
        }
    })
    .await;
}

#[tokio::test]
async fn keep_alive_ends_a_silent_connection_and_sends_its_will() {
    against(Options::default(), async |address, log| {
        let mut watcher = raw(address, b'w', 0).await;
        say(&mut watcher, &SUBSCRIBE).await;
        expect(&mut watcher, &SUBACK).await;
        let mut silent = TcpStream::connect(address).await.unwrap();
        say(
            &mut silent,
            b"\x10\x13\x00\x04MQTT\x04\x06\x00\x01\x00\x01s\x00\x01t\x00\x01w",
        )
        .await;
        expect(&mut silent, &CONNACK).await;
        expect_end(&mut silent).await;
        expect(&mut watcher, b"\x30\x04\x00\x01tw").await;
        assert!(
            log.borrow()
                .iter()
                .any(|line| line.contains("s: closed: no answer for 1s")),
            "{log:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_taken_over_connection_of_version_5_is_told_and_one_of_3_1_1_is_closed() {
    against(Options::default(), async |address, _| {
        let mut first = TcpStream::connect(address).await.unwrap();
        say(&mut first, b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01c").await;
        expect(&mut first, &[0x20, 9, 0, 0, 6, 0x21, 0, 100, 0x22, 0, 64]).await;
        let mut second = raw(address, b'c', 0).await;
        expect(&mut first, &[0xe0, 1, 0x8e]).await;
        expect_end(&mut first).await;
        let _third = raw(address, b'c', 0).await;
        expect_end(&mut second).await;
    })
    .await;
}

#[tokio::test]
async fn a_message_of_version_5_loses_its_properties_on_the_way_to_3_1_1() {
    against(Options::default(), async |address, _| {
        let mut old = raw(address, b'o', 0).await;
        say(&mut old, &SUBSCRIBE).await;
        expect(&mut old, &SUBACK).await;
        let mut new = TcpStream::connect(address).await.unwrap();
        say(&mut new, b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01n").await;
        expect(&mut new, &[0x20, 9, 0, 0, 6, 0x21, 0, 100, 0x22, 0, 64]).await;
        // Message expiry, content type, then a payload.
        say(
            &mut new,
            b"\x32\x11\x00\x01t\x00\x05\x09\x02\x00\x00\x00\x3c\x03\x00\x01xhi",
        )
        .await;
        expect(&mut new, &[0x40, 2, 0, 5]).await;
        expect(&mut old, b"\x32\x07\x00\x01t\x00\x01hi").await;
        // The other way round there is nothing to lose.
        say(&mut new, b"\x82\x07\x00\x01\x00\x00\x01t\x00").await;
        expect(&mut new, b"\x90\x04\x00\x01\x00\x00").await;
        say(&mut old, b"\x30\x05\x00\x01thi").await;
        expect(&mut new, b"\x30\x06\x00\x01t\x00hi").await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_lost_on_the_way_to_a_slower_client() {
    const TOTAL: u32 = 20_000;
    let options = Options {
        max_queued: 300,
        ..Options::default()
    };
    against(options, async |address, log| {
        let mut slow = raw(address, b's', 0).await;
        say(&mut slow, &SUBSCRIBE).await;
        expect(&mut slow, &SUBACK).await;
        let mut sender = raw(address, b'p', 0).await;
        let publish = async {
            let (mut reader, mut writer) = sender.split();
            let mut ack = [0; 4];
            for number in 0..TOTAL {
                let id = u16::try_from(number % 65_535 + 1).unwrap();
                let mut packet = vec![0x32, 9, 0, 1, b't'];
                packet.extend(id.to_be_bytes());
                packet.extend(number.to_be_bytes());
                writer.write_all(&packet).await.unwrap();
                // A window of 100.
                if number >= 100 {
                    reader.read_exact(&mut ack).await.unwrap();
                }
            }
            for _ in 0..100 {
                reader.read_exact(&mut ack).await.unwrap();
            }
        };
        let receive = async {
            let mut packet = [0; 11];
            for number in 0..TOTAL {
                slow.read_exact(&mut packet).await.unwrap();
                assert_eq!(packet[7..], number.to_be_bytes());
                slow.write_all(&[0x40, 2, packet[5], packet[6]]).await.unwrap();
            }
        };
        tokio::join!(publish, receive);
        assert!(!log.borrow().iter().any(|line| line.contains("dropped")), "{log:?}");
    })
    .await;
}

#[tokio::test]
async fn the_end_is_told_to_version_5() {
    let mut five = against(Options::default(), async |address, _| {
        let mut five = TcpStream::connect(address).await.unwrap();
        say(&mut five, b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01c").await;
        expect(&mut five, &[0x20, 9, 0, 0, 6, 0x21, 0, 100, 0x22, 0, 64]).await;
        five
    })
    .await;
    expect(&mut five, &[0xe0, 1, 0x8b]).await;
    expect_end(&mut five).await;
}
