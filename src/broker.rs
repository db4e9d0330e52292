//! An MQTT broker without IO: sessions, subscriptions, retained messages, wills, limits. It must not know sockets, the
//! clock, randomness or the command line: it is given packets and `now`.
//!
//! Whoever drives it ([`serve`]) says what happened on a connection (`open`, `connect`, `publish`, `subscribe`,
//! `disconnected`, …) and drains afterwards: [`Broker::take_wakes`] names the connections for which there is something
//! to do, [`Broker::take_message`] gives their messages, [`Broker::poll_notice`] what is worth telling, and
//! [`Broker::poll_timeout`] when to come again.
//!
//! # When a client is slower than those who feed it
//!
//! Every session has one queue, bounded in messages and bytes ([`Options::max_queued`], [`Options::max_queued_bytes`]).
//! - A queue beyond 8192 messages or 4 MiB (or half of its bounds) is *congested*, until half of that is worked off.
//! - **QoS 1 and 2**: the acknowledgement of a message that went into the congested queue of a connected client is held
//!   back ([`Broker::waits`]), up to [`ACK_DELAY`]. The sender's own window then stops it; nothing is lost, and memory
//!   stays bounded. Its connection is read all the while, so acknowledgements and pings pass: two clients that feed each
//!   other, or one that feeds itself, cannot block each other.
//! - **QoS 0**: the sender's connection is not read ([`Broker::pause`]) as long as the slow client takes something at
//!   least once a second. A sender that itself has to acknowledge messages (it has a subscription at QoS 1 or 2) is
//!   never stopped this way, so no circle can close. What comes in spite of that, at twice the mark or for a client
//!   that takes nothing, is dropped and counted.
//! - **Full** (three quarters): senders of any QoS are stopped in that way. At the bound the newest message is dropped,
//!   counted and told ([`Notice::Dropped`]).
//! - Absent clients with a session are never waited for; their queue fills up to its bound.

mod client;
mod notice;
mod outbox;
pub mod passwords;
mod routing;
pub mod serve;
mod slab;
pub mod topics;

use crate::protocol::{
    Connack, Connect, Disconnect, Properties, PropertyId, PropertyValue, Publish, QoS, ReasonCode, Utf8, Version,
};
use crate::session::Delivery;
use crate::session::server::Terms;
pub use notice::{Notice, Statistics};

use client::{Connection, LastWill, Session};
use outbox::{Bounds, Outbox};
use passwords::Passwords;
use routing::{Retained, Subscribers};
use slab::{Key, Slab};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};
use topics::{NodeId, Tree};

/// How long an acknowledgement is held back at most: shorter than the time after which clients send again.
pub const ACK_DELAY: Duration = Duration::from_secs(5);

/// What the broker allows.
#[derive(Debug, Clone)]
pub struct Options {
    /// Users; `None` asks nobody for a name.
    pub passwords: Option<Passwords>,
    /// With [`Self::passwords`]: whether clients without a user name may connect.
    pub allow_anonymous: bool,
    /// Messages that may wait for one client.
    pub max_queued: usize,
    /// Bytes that may wait for one client.
    pub max_queued_bytes: usize,
    /// Unacknowledged messages to a client.
    pub max_inflight: u16,
    /// Unacknowledged messages from a client, version 5.
    pub receive_maximum: u16,
    /// Topic aliases that a client may set.
    pub topic_alias_maximum: u16,
    /// Largest packet from a client, in bytes; told to clients when it is less than MQTT's own limit.
    pub max_packet_size: usize,
    /// Sessions, connected or not.
    pub max_sessions: usize,
    /// Bytes of retained messages.
    pub max_retained_bytes: usize,
    /// Makes the client identifiers that are given unlike those of another run.
    pub seed: u64,
}

/// The largest packet that MQTT can say.
const LARGEST_PACKET: usize = crate::protocol::MAX_REMAINING_LENGTH + 5;

impl Default for Options {
    fn default() -> Self {
        Self {
            passwords: None,
            allow_anonymous: false,
            max_queued: 100_000,
            max_queued_bytes: 256 << 20,
            max_inflight: 100,
            receive_maximum: 100,
            topic_alias_maximum: 64,
            max_packet_size: LARGEST_PACKET,
            max_sessions: 100_000,
            max_retained_bytes: 256 << 20,
            seed: 0,
        }
    }
}

/// Names a connection, with or without a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(Key);

/// The answer to CONNECT.
#[derive(Debug)]
pub enum Answer {
    /// For [`Server::accept`](crate::session::server::Server::accept).
    Accepted(Box<Accepted>),
    /// For [`Server::reject`](crate::session::server::Server::reject).
    Refused(ReasonCode),
    /// Another connection has this session and was told to leave; ask again when woken.
    Wait,
}

/// With what a connection begins.
#[derive(Debug)]
pub struct Accepted {
    /// The packet.
    pub connack: Connack,
    /// Messages that are on their way already.
    pub delivery: Delivery,
    /// What holds on this connection.
    pub terms: Terms,
    /// The client identifier, given or assigned.
    pub client_id: Utf8,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The client said so.
    Disconnect(Disconnect),
    /// Without a word, by a fault, or because it was told to leave.
    Lost,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// For the acknowledgement.
    pub reason: ReasonCode,
    /// The sender should look whether to [`Broker::pause`].
    pub pause: bool,
}

#[derive(Debug, Clone)]
enum Timer {
    Will(Key),
    Session(Key),
    Retained(Utf8),
}

/// The time, and a number that makes it unique.
type TimerKey = (Instant, u64);

/// The broker.
#[derive(Debug)]
pub struct Broker {
    options: Options,
    connections: Slab<Connection>,
    sessions: Slab<Session>,
    by_client_id: HashMap<Utf8, Key>,
    filters: Tree<Subscribers>,
    retained: Tree<Retained>,
    retained_bytes: usize,
    timers: BTreeMap<TimerKey, Timer>,
    next_timer: u64,
    next_client_id: u64,
    wakes: Vec<ConnectionId>,
    notices: VecDeque<Notice>,
    statistics: Statistics,
    /// Counts messages, to find a session twice among the receivers of one.
    round: u64,
    found: Vec<NodeId>,
}

impl Broker {
    /// A broker without clients.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            connections: Slab::default(),
            sessions: Slab::default(),
            by_client_id: HashMap::new(),
            filters: Tree::default(),
            retained: Tree::default(),
            retained_bytes: 0,
            timers: BTreeMap::new(),
            next_timer: 0,
            next_client_id: 0,
            wakes: Vec::new(),
            notices: VecDeque::new(),
            statistics: Statistics::default(),
            round: 0,
            found: Vec::new(),
        }
    }

    // ----- connections

    /// A connection without a session.
    pub fn open(&mut self) -> ConnectionId {
        ConnectionId(self.connections.insert(Connection::default()))
    }

    /// CONNECT came.
    pub fn connect(&mut self, id: ConnectionId, connect: &Connect, now: Instant) -> Answer {
        if connect.properties.text(PropertyId::AuthenticationMethod).is_some() {
            return Answer::Refused(ReasonCode::BAD_AUTHENTICATION_METHOD);
        }
        if let Err(reason) = self.check_login(connect) {
            return Answer::Refused(reason);
        }
        let assigned = connect.client_id.is_empty().then(|| self.assign_client_id());
        let client_id = assigned.clone().unwrap_or_else(|| connect.client_id.detached());
        let stored = self.by_client_id.get(&client_id).copied();
        if let Some(session) = stored.and_then(|key| self.sessions.get_mut(key)) {
            if let Some(other) = session.connection {
                session.claimants.push(id);
                self.oust(other);
                return Answer::Wait;
            }
        }
        let resumed = stored.filter(|_| !connect.clean_start);
        let key = match (resumed, stored) {
            (Some(key), _) => key,
            (None, stored) => {
                if let Some(key) = stored {
                    self.end_session(key, now);
                }
                if self.sessions.len() >= self.options.max_sessions {
                    return Answer::Refused(ReasonCode::QUOTA_EXCEEDED);
                }
                self.new_session(&client_id, now)
            }
        };
        let delivery = self.attach(key, id, connect);
        let connack = Connack {
            session_present: resumed.is_some(),
            reason: ReasonCode::SUCCESS,
            properties: self.connack_properties(connect.version, assigned),
        };
        let terms = self.terms(connect.version);
        Answer::Accepted(Box::new(Accepted {
            connack,
            delivery,
            terms,
            client_id,
        }))
    }

    fn check_login(&self, connect: &Connect) -> Result<(), ReasonCode> {
        let Some(passwords) = &self.options.passwords else {
            return Ok(());
        };
        match &connect.username {
            None if self.options.allow_anonymous => Ok(()),
            None => Err(ReasonCode::NOT_AUTHORIZED),
            Some(user) => {
                let password = connect.password.as_deref().unwrap_or_default();
                let good = passwords.check(user, password);
                if good {
                    Ok(())
                } else {
                    Err(ReasonCode::BAD_USER_NAME_OR_PASSWORD)
                }
            }
        }
    }

    fn assign_client_id(&mut self) -> Utf8 {
        loop {
            self.next_client_id += 1;
            let text = format!("mqkit-{:08x}-{}", self.options.seed & 0xffff_ffff, self.next_client_id);
            match Utf8::new(text) {
                Ok(id) if !self.by_client_id.contains_key(&id) => return id,
                _ => {}
            }
        }
    }

    fn new_session(&mut self, client_id: &Utf8, now: Instant) -> Key {
        let bounds = Bounds {
            messages: self.options.max_queued,
            bytes: self.options.max_queued_bytes,
        };
        let outbox = Outbox::new(bounds, now);
        let key = self.sessions.insert(Session::new(client_id.clone(), outbox));
        self.by_client_id.insert(client_id.clone(), key);
        key
    }

    /// Joins a session to its connection.
    fn attach(&mut self, key: Key, id: ConnectionId, connect: &Connect) -> Delivery {
        // A will that was delayed is not sent when its client comes back in time [MQTT-3.1.3-9].
        self.cancel(|session| &mut session.will_timer, key);
        self.cancel(|session| &mut session.expiry_timer, key);
        if let Some(connection) = self.connections.get_mut(id.0) {
            connection.session = Some(key);
        }
        let Some(session) = self.sessions.get_mut(key) else {
            return Delivery::default();
        };
        session.connection = Some(id);
        session.expiry = match connect.version {
            Version::V5 => connect
                .properties
                .number(PropertyId::SessionExpiryInterval)
                .unwrap_or(0),
            _ if connect.clean_start => 0,
            _ => FOREVER,
        };
        session.will = connect.will.as_ref().map(LastWill::new);
        let waiting = session.outbox.len() > 0;
        let delivery = std::mem::take(&mut session.delivery);
        if waiting {
            self.wake(id);
        }
        delivery
    }

    fn connack_properties(&self, version: Version, assigned: Option<Utf8>) -> Properties {
        let mut properties = Properties::new();
        if version != Version::V5 {
            return properties;
        }
        let Options {
            receive_maximum,
            topic_alias_maximum,
            max_packet_size,
            ..
        } = self.options;
        if receive_maximum < u16::MAX {
            properties.push(PropertyId::ReceiveMaximum, PropertyValue::U16(receive_maximum));
        }
        if topic_alias_maximum > 0 {
            properties.push(PropertyId::TopicAliasMaximum, PropertyValue::U16(topic_alias_maximum));
        }
        if let Some(size) = u32::try_from(max_packet_size)
            .ok()
            .filter(|_| max_packet_size < LARGEST_PACKET)
        {
            properties.push(PropertyId::MaximumPacketSize, PropertyValue::U32(size));
        }
        if let Some(id) = assigned {
            properties.push(PropertyId::AssignedClientIdentifier, PropertyValue::Text(id));
        }
        properties
    }

    fn terms(&self, version: Version) -> Terms {
        let max_inflight = self.options.max_inflight;
        match version {
            Version::V5 => Terms {
                max_inflight,
                receive_maximum: self.options.receive_maximum,
                topic_alias_maximum: self.options.topic_alias_maximum,
            },
            // These clients were never told of a limit.
            Version::V31 | Version::V311 => Terms {
                max_inflight,
                receive_maximum: u16::MAX,
                topic_alias_maximum: 0,
            },
        }
    }

    fn oust(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id.0) {
            connection.ousted = true;
        }
        self.wake(id);
    }

    /// True when the connection's session was taken over: DISCONNECT 0x8e `[MQTT-3.1.4-3]`, then
    /// [`Self::disconnected`].
    #[must_use]
    pub fn is_ousted(&self, id: ConnectionId) -> bool {
        self.connections.get(id.0).is_some_and(|connection| connection.ousted)
    }

    /// A connection has gone; `delivery` is what it leaves. Also for connections that never got a session.
    pub fn disconnected(&mut self, id: ConnectionId, delivery: Delivery, end: End, now: Instant) {
        let Some(connection) = self.connections.remove(id.0) else {
            return;
        };
        for key in connection.waits_for {
            if let Some(session) = self.sessions.get_mut(key) {
                session.waiters.retain(|waiter| *waiter != id);
            }
        }
        let Some(key) = connection.session else { return };
        self.relieve(key);
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        session.connection = None;
        session.delivery = delivery;
        let claimants = std::mem::take(&mut session.claimants);
        if let End::Disconnect(disconnect) = end {
            session.apply(&disconnect);
        }
        if session.expiry > 0 {
            session.outbox.keep_for_later();
        }
        let (will_delay, expiry) = (session.will.as_ref().map(|will| will.delay), session.expiry);
        match will_delay {
            // The will goes out with the end of the session at the latest [MQTT-3.1.3-9].
            Some(delay) if delay > 0 && expiry > 0 => {
                let timer = self.start(seconds(delay), Timer::Will(key), now);
                self.keep(|session| &mut session.will_timer, key, timer);
            }
            _ => self.publish_will(key, now),
        }
        match expiry {
            0 => self.end_session(key, now),
            FOREVER => {}
            expiry => {
                let timer = self.start(seconds(expiry), Timer::Session(key), now);
                self.keep(|session| &mut session.expiry_timer, key, timer);
            }
        }
        for claimant in claimants {
            self.wake(claimant);
        }
    }

    fn publish_will(&mut self, key: Key, now: Instant) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(will) = session.will.take() else { return };
        let client_id = session.client_id.clone();
        let topic = will.publish.topic.clone();
        self.notices.push_back(Notice::Will { client_id, topic });
        self.route(will.publish, None, Some(key), now);
    }

    fn end_session(&mut self, key: Key, now: Instant) {
        self.cancel(|session| &mut session.will_timer, key);
        self.cancel(|session| &mut session.expiry_timer, key);
        self.publish_will(key, now);
        self.relieve(key);
        let Some(session) = self.sessions.remove(key) else {
            return;
        };
        self.by_client_id.remove(&session.client_id);
        for filter in session.subscriptions.keys() {
            self.forget_subscription(key, filter);
        }
    }

    // ----- time

    fn start(&mut self, after: Duration, timer: Timer, now: Instant) -> TimerKey {
        self.next_timer += 1;
        let key = (now + after, self.next_timer);
        self.timers.insert(key, timer);
        key
    }

    fn keep(&mut self, field: fn(&mut Session) -> &mut Option<TimerKey>, key: Key, timer: TimerKey) {
        if let Some(session) = self.sessions.get_mut(key) {
            *field(session) = Some(timer);
        }
    }

    fn cancel(&mut self, field: fn(&mut Session) -> &mut Option<TimerKey>, key: Key) {
        if let Some(timer) = self.sessions.get_mut(key).and_then(|session| field(session).take()) {
            self.timers.remove(&timer);
        }
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Time has come to [`Self::poll_timeout`]: wills, sessions, retained messages.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Timer::Will(key) => self.publish_will(key, now),
                Timer::Retained(topic) => self.remove_retained(&topic),
                Timer::Session(key) => {
                    if let Some(session) = self.sessions.get(key) {
                        let client_id = session.client_id.clone();
                        self.notices.push_back(Notice::Expired { client_id });
                    }
                    self.end_session(key, now);
                }
            }
        }
    }

    // ----- outputs

    fn wake(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id.0).filter(|connection| !connection.woken) {
            connection.woken = true;
            self.wakes.push(id);
        }
    }

    /// The connections for which there is something to do, since the last call.
    pub fn take_wakes(&mut self) -> Vec<ConnectionId> {
        std::mem::take(&mut self.wakes)
    }

    /// The driver attends to this connection: from now on it is woken again.
    pub fn attend(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id.0) {
            connection.woken = false;
        }
    }

    fn session_of(&self, id: ConnectionId) -> Option<Key> {
        self.connections.get(id.0)?.session
    }

    /// QoS of the next message for a client.
    #[must_use]
    pub fn next_qos(&self, id: ConnectionId) -> Option<QoS> {
        self.sessions.get(self.session_of(id)?)?.outbox.next_qos()
    }

    /// The next message for a client, and since when it waits: for
    /// [`Server::publish`](crate::session::server::Server::publish).
    pub fn take_message(&mut self, id: ConnectionId, now: Instant) -> Option<(Publish, Instant)> {
        let key = self.session_of(id)?;
        let outbox = &mut self.sessions.get_mut(key)?.outbox;
        let next = outbox.pop(now)?;
        if outbox.take_relief() {
            self.relieve(key);
        }
        self.statistics.sent += 1;
        Some(next)
    }

    /// Messages that wait for a client.
    #[must_use]
    pub fn backlog(&self, id: ConnectionId) -> usize {
        let session = self.session_of(id).and_then(|key| self.sessions.get(key));
        session.map_or(0, |session| session.outbox.len())
    }

    /// Something worth telling.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    // ----- getters

    /// Numbers since the start.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Sessions, connected or not.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Retained messages.
    #[must_use]
    pub fn retained(&self) -> usize {
        self.retained.len()
    }
}

/// Session Expiry Interval of a session that does not expire (version 5, section 3.1.2.11.2).
const FOREVER: u32 = u32::MAX;

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}
