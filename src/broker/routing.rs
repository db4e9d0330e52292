//! Messages from a sender to the subscribers and into the retained store, and the subscriptions that decide it. It must
//! not know how connections begin and end.

use super::client::Session;
use super::outbox::{self, detached};
use super::slab::{Key, Slab};
use super::{Broker, ConnectionId, Notice, Published, Timer, TimerKey, seconds};
use crate::protocol::topic::{self, Shared};
use crate::protocol::{
    PropertyId, PropertyValue, Publish, QoS, ReasonCode, RetainHandling, Subscribe, Subscription, Unsubscribe, Utf8,
};
use std::time::Instant;

/// Who subscribed to one filter.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    each: Vec<(Key, Granted)>,
    groups: Vec<Group>,
}

/// A shared subscription: each message goes to one of the members.
#[derive(Debug)]
struct Group {
    name: Box<str>,
    members: Vec<(Key, Granted)>,
    next: usize,
}

#[derive(Debug, Clone, Copy)]
struct Granted {
    qos: QoS,
    no_local: bool,
    retain_as_published: bool,
    identifier: Option<u32>,
}

/// A stored message.
#[derive(Debug)]
pub(super) struct Retained {
    publish: Publish,
    since: Instant,
    /// Who sent it, for No Local.
    by: Option<Utf8>,
    timer: Option<TimerKey>,
}

/// One receiver of a message.
struct Target {
    session: Key,
    qos: QoS,
    retain_as_published: bool,
    identifiers: Vec<u32>,
}

impl Target {
    fn new(session: Key, granted: Granted) -> Self {
        Self {
            session,
            qos: granted.qos,
            retain_as_published: granted.retain_as_published,
            identifiers: granted.identifier.into_iter().collect(),
        }
    }

    /// Several subscriptions of one client become one message `[MQTT-3.3.4-2] [MQTT-3.3.4-3]`.
    fn merge(&mut self, granted: Granted) {
        self.qos = self.qos.max(granted.qos);
        self.retain_as_published |= granted.retain_as_published;
        self.identifiers.extend(granted.identifier);
    }

    fn copy(&self, publish: &Publish) -> Publish {
        let mut copy = publish.clone();
        copy.qos = self.qos.min(publish.qos);
        copy.retain = publish.retain && self.retain_as_published;
        for id in &self.identifiers {
            copy.properties
                .push(PropertyId::SubscriptionIdentifier, PropertyValue::Varint(*id));
        }
        copy
    }
}

/// Sets an entry in a list of subscribers; true when it is new.
fn set(list: &mut Vec<(Key, Granted)>, key: Key, granted: Granted) -> bool {
    match list.iter_mut().find(|(other, _)| *other == key) {
        Some((_, old)) => *old = granted,
        None => {
            list.push((key, granted));
            return true;
        }
    }
    false
}

impl Group {
    /// The next member in turn, connected ones first.
    fn choose(&mut self, sessions: &Slab<Session>) -> Option<(Key, Granted)> {
        let turn = (0..self.members.len()).map(|step| (self.next + step) % self.members.len());
        let usable = |index: &usize| {
            let session = self.members.get(*index).and_then(|(key, _)| sessions.get(*key));
            session.is_some_and(|session| session.connection.is_some() && !session.outbox.is_congested())
        };
        let connected = |index: &usize| {
            let session = self.members.get(*index).and_then(|(key, _)| sessions.get(*key));
            session.is_some_and(|session| session.connection.is_some())
        };
        let index = turn
            .clone()
            .find(usable)
            .or_else(|| turn.clone().find(connected))
            .or_else(|| turn.clone().next())?;
        self.next = index + 1;
        self.members.get(index).copied()
    }
}

impl Broker {
    // ----- publishing

    /// A client published a message.
    pub fn publish(&mut self, id: ConnectionId, mut publish: Publish, now: Instant) -> Published {
        self.statistics.received += 1;
        let from = self.session_of(id);
        publish.dup = false;
        publish.packet_id = None;
        // The alias is between the sender and us.
        publish.properties.remove(PropertyId::TopicAlias);
        let matched = self.route(publish, Some(id), from, now);
        let reason = if matched {
            ReasonCode::SUCCESS
        } else {
            ReasonCode::NO_MATCHING_SUBSCRIBERS
        };
        Published {
            reason,
            pause: self
                .connections
                .get(id.0)
                .is_some_and(|sender| !sender.paused_by.is_empty()),
        }
    }

    /// Stores a retained message and gives everyone a copy; true when there was someone.
    pub(super) fn route(
        &mut self,
        publish: Publish,
        id: Option<ConnectionId>,
        from: Option<Key>,
        now: Instant,
    ) -> bool {
        if publish.retain {
            self.retain(&publish, from, now);
        }
        let targets = self.targets(&publish.topic, from);
        let mut copied: Option<Publish> = None;
        for target in &targets {
            let Some(session) = self.sessions.get(target.session) else {
                continue;
            };
            let original = if session.connection.is_none() || session.outbox.wants_copies() {
                copied.get_or_insert_with(|| detached(&publish))
            } else {
                &publish
            };
            let copy = target.copy(original);
            let qos = copy.qos;
            if self.enqueue(target.session, copy, now) {
                if let Some(id) = id {
                    self.hold_back(id, target.session, qos, now);
                }
            }
        }
        !targets.is_empty()
    }

    /// Who receives a message on this topic.
    fn targets(&mut self, topic: &str, from: Option<Key>) -> Vec<Target> {
        let mut found = std::mem::take(&mut self.found);
        self.filters.filters_matching(topic, &mut found);
        self.round += 1;
        let mut targets: Vec<Target> = Vec::new();
        for node in found.drain(..) {
            let Some(subscribers) = self.filters.value_mut(node) else {
                continue;
            };
            for (key, granted) in &subscribers.each {
                if granted.no_local && from == Some(*key) {
                    continue;
                }
                let Some(session) = self.sessions.get_mut(*key) else {
                    continue;
                };
                let (round, place) = session.mark;
                match targets.get_mut(place).filter(|_| round == self.round) {
                    Some(target) => target.merge(*granted),
                    None => {
                        session.mark = (self.round, targets.len());
                        targets.push(Target::new(*key, *granted));
                    }
                }
            }
            for group in &mut subscribers.groups {
                let chosen = group.choose(&self.sessions);
                targets.extend(chosen.map(|(key, granted)| Target::new(key, granted)));
            }
        }
        self.found = found;
        targets
    }

    /// Puts a message in line for a client; false when it is not kept.
    fn enqueue(&mut self, key: Key, publish: Publish, now: Instant) -> bool {
        let Some(session) = self.sessions.get_mut(key) else {
            return false;
        };
        let connection = session.connection;
        if connection.is_none() && publish.qos == QoS::AtMostOnce {
            return false;
        }
        if !session.outbox.admits(&publish, now) {
            self.count_dropped(key, publish.qos);
            return false;
        }
        session.outbox.push(publish, now);
        if let Some(id) = connection {
            self.wake(id);
        }
        true
    }

    fn count_dropped(&mut self, key: Key, qos: QoS) {
        self.statistics.dropped += 1;
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let before = session.dropped;
        session.dropped += 1;
        let total = session.dropped;
        // Once for each power of ten: a flood of lost messages must not become a flood of lines.
        if before == 0 || before.ilog10() < total.ilog10() {
            self.notices.push_back(Notice::Dropped {
                client_id: session.client_id.clone(),
                qos,
                total,
                connected: session.connection.is_some(),
            });
        }
    }

    // ----- the pace of senders: see the module's documentation

    fn hold_back(&mut self, id: ConnectionId, key: Key, qos: QoS, now: Instant) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if !session.outbox.is_congested() || session.connection.is_none() {
            return;
        }
        let stop = !session.outbox.is_stalled(now) && (qos == QoS::AtMostOnce || session.outbox.is_nearly_full());
        let Some(connection) = self.connections.get_mut(id.0) else {
            return;
        };
        if !connection.waits_for.contains(&key) {
            connection.waits_for.push(key);
            session.waiters.push(id);
        }
        if stop && !connection.paused_by.contains(&key) {
            let own = connection.session;
            let acknowledges = own
                .and_then(|own| self.sessions.get(own))
                .is_some_and(Session::acknowledges);
            if !acknowledges {
                connection.paused_by.push(key);
            }
        }
    }

    /// Lets those go on who waited for this session.
    pub(super) fn relieve(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        for id in std::mem::take(&mut session.waiters) {
            if let Some(connection) = self.connections.get_mut(id.0) {
                connection.waits_for.retain(|other| *other != key);
                connection.paused_by.retain(|other| *other != key);
            }
            self.wake(id);
        }
    }

    /// Whether acknowledgements to this connection should be held back, up to [`super::ACK_DELAY`].
    #[must_use]
    pub fn waits(&self, id: ConnectionId) -> bool {
        self.connections
            .get(id.0)
            .is_some_and(|connection| !connection.waits_for.is_empty())
    }

    /// Whether nothing should be taken from this connection now: then when to look again, unless woken before.
    pub fn pause(&mut self, id: ConnectionId, now: Instant) -> Option<Instant> {
        let connection = self.connections.get_mut(id.0)?;
        let sessions = &self.sessions;
        let stalls_at = |key: &Key| sessions.get(*key).map(|session| session.outbox.stalls_at());
        connection
            .paused_by
            .retain(|key| stalls_at(key).is_some_and(|at| at > now));
        connection.paused_by.iter().filter_map(stalls_at).min()
    }

    // ----- subscriptions

    /// A client subscribes. Gives the reason codes of SUBACK; retained messages go into its queue.
    pub fn subscribe(&mut self, id: ConnectionId, packet: &Subscribe, now: Instant) -> Vec<ReasonCode> {
        let Some(key) = self.session_of(id) else {
            return Vec::new();
        };
        let identifier = packet.properties.number(PropertyId::SubscriptionIdentifier);
        let each = packet.subscriptions.iter();
        each.map(|subscription| self.subscribe_one(key, subscription, identifier, now))
            .collect()
    }

    fn subscribe_one(
        &mut self,
        key: Key,
        subscription: &Subscription,
        identifier: Option<u32>,
        now: Instant,
    ) -> ReasonCode {
        let filter = &subscription.filter;
        if topic::check_filter(filter).is_err() {
            return ReasonCode::TOPIC_FILTER_INVALID;
        }
        let granted = Granted {
            qos: subscription.qos,
            no_local: subscription.no_local,
            retain_as_published: subscription.retain_as_published,
            identifier,
        };
        if let Some(session) = self.sessions.get_mut(key) {
            session.subscriptions.insert(filter.detached(), granted.qos);
        }
        let shared = Shared::parse(filter);
        let path = shared.map_or(&**filter, |shared| shared.filter);
        if self.filters.get(path).is_none() {
            self.filters.insert(path, Subscribers::default());
        }
        let Some(subscribers) = self.filters.get_mut(path) else {
            return ReasonCode::UNSPECIFIED_ERROR;
        };
        if let Some(shared) = shared {
            subscribers.join(shared.name, key, granted);
            // Shared subscriptions get no retained messages (version 5, section 4.8.2).
            return ReasonCode(granted.qos.into());
        }
        let new = set(&mut subscribers.each, key, granted);
        let send = match subscription.retain_handling {
            RetainHandling::SendAlways => true,
            RetainHandling::SendIfNew => new,
            RetainHandling::DoNotSend => false,
        };
        if send {
            self.send_retained(key, filter, granted, now);
        }
        ReasonCode(granted.qos.into())
    }

    /// A client unsubscribes. Gives the reason codes of UNSUBACK.
    pub fn unsubscribe(&mut self, id: ConnectionId, packet: &Unsubscribe) -> Vec<ReasonCode> {
        let Some(key) = self.session_of(id) else {
            return Vec::new();
        };
        let mut reasons = Vec::with_capacity(packet.filters.len());
        for filter in &packet.filters {
            let session = self.sessions.get_mut(key);
            reasons.push(match session.and_then(|session| session.subscriptions.remove(filter)) {
                Some(_) => {
                    self.forget_subscription(key, filter);
                    ReasonCode::SUCCESS
                }
                None => ReasonCode::NO_SUBSCRIPTION_EXISTED,
            });
        }
        reasons
    }

    pub(super) fn forget_subscription(&mut self, key: Key, filter: &str) {
        let shared = Shared::parse(filter);
        let path = shared.map_or(filter, |shared| shared.filter);
        let Some(subscribers) = self.filters.get_mut(path) else {
            return;
        };
        match shared {
            Some(shared) => subscribers.leave(shared.name, key),
            None => subscribers.each.retain(|(other, _)| *other != key),
        }
        if subscribers.each.is_empty() && subscribers.groups.is_empty() {
            self.filters.remove(path);
        }
    }

    // ----- retained messages

    /// `[MQTT-3.3.1-5] [MQTT-3.3.1-6]`: the new message takes the place of the old one; without a payload, nothing does.
    fn retain(&mut self, publish: &Publish, from: Option<Key>, now: Instant) {
        self.remove_retained(&publish.topic);
        if publish.payload.is_empty() {
            return;
        }
        if self.retained_bytes + cost(publish) > self.options.max_retained_bytes {
            let topic = publish.topic.detached();
            self.notices.push_back(Notice::RetainedFull { topic });
            return;
        }
        let publish = detached(publish);
        self.retained_bytes += cost(&publish);
        let topic = publish.topic.clone();
        let expiry = publish.properties.number(PropertyId::MessageExpiryInterval);
        let timer = expiry.map(|expiry| self.start(seconds(expiry), Timer::Retained(topic.clone()), now));
        let retained = Retained {
            publish,
            since: now,
            by: from
                .and_then(|key| self.sessions.get(key))
                .map(|session| session.client_id.clone()),
            timer,
        };
        self.retained.insert(&topic, retained);
    }

    pub(super) fn remove_retained(&mut self, topic: &str) {
        let Some(retained) = self.retained.remove(topic) else {
            return;
        };
        self.retained_bytes -= cost(&retained.publish);
        if let Some(timer) = retained.timer {
            self.timers.remove(&timer);
        }
    }

    fn send_retained(&mut self, key: Key, filter: &str, granted: Granted, now: Instant) {
        let mut found = Vec::new();
        self.retained.names_matching(filter, &mut found);
        for node in found {
            let Some(retained) = self.retained.value(node) else {
                continue;
            };
            let own = || self.sessions.get(key).map(|session| &session.client_id);
            if granted.no_local && retained.by.is_some() && retained.by.as_ref() == own() {
                continue;
            }
            let mut copy = Target::new(key, granted).copy(&retained.publish);
            copy.retain = true;
            if let Some(expiry) = copy.properties.number(PropertyId::MessageExpiryInterval) {
                let waited = now.saturating_duration_since(retained.since).as_secs();
                let waited = u32::try_from(waited).unwrap_or(u32::MAX);
                // What has expired is removed by its timer, perhaps a moment from now.
                let Some(left) = expiry.checked_sub(waited).filter(|left| *left > 0) else {
                    continue;
                };
                copy.properties.set_number(PropertyId::MessageExpiryInterval, left);
            }
            self.enqueue(key, copy, now);
        }
    }
}

/// What a retained message costs: its levels have places in the tree.
fn cost(publish: &Publish) -> usize {
    outbox::size(publish) + publish.topic.bytes().filter(|byte| *byte == b'/').count() * 160
}

impl Subscribers {
    fn join(&mut self, name: &str, key: Key, granted: Granted) {
        match self.groups.iter_mut().find(|group| &*group.name == name) {
            Some(group) => {
                set(&mut group.members, key, granted);
            }
            None => self.groups.push(Group {
                name: name.into(),
                members: vec![(key, granted)],
                next: 0,
            }),
        }
    }

    fn leave(&mut self, name: &str, key: Key) {
        for group in self.groups.iter_mut().filter(|group| &*group.name == name) {
            group.members.retain(|(other, _)| *other != key);
        }
        self.groups.retain(|group| !group.members.is_empty());
    }
}
