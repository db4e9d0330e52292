//! What the broker remembers of a client: its session, and its connection. It must not know other clients.

use super::outbox::Outbox;
use super::slab::Key;
use super::{ConnectionId, TimerKey};
use crate::protocol::{Disconnect, Properties, PropertyId, Publish, QoS, ReasonCode, Utf8, Will};
use crate::session::Delivery;
use std::collections::HashMap;

/// A session, with or without a connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client_id: Utf8,
    /// Its filters, and the QoS granted.
    pub(super) subscriptions: HashMap<Utf8, QoS>,
    pub(super) outbox: Outbox,
    /// Messages on their way, while there is no connection; it has them otherwise.
    pub(super) delivery: Delivery,
    pub(super) connection: Option<ConnectionId>,
    /// Connections that want this session.
    pub(super) claimants: Vec<ConnectionId>,
    /// Connections that wait for the outbox to empty.
    pub(super) waiters: Vec<ConnectionId>,
    /// Seconds that it outlives its connection.
    pub(super) expiry: u32,
    pub(super) expiry_timer: Option<TimerKey>,
    pub(super) will: Option<LastWill>,
    pub(super) will_timer: Option<TimerKey>,
    pub(super) dropped: u64,
    /// The last message that was routed to it, and its place among the receivers.
    pub(super) mark: (u64, usize),
}

/// A connection, with or without a session.
#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) session: Option<Key>,
    /// Congested sessions that it feeds.
    pub(super) waits_for: Vec<Key>,
    /// Those of them for which it is not read.
    pub(super) paused_by: Vec<Key>,
    /// The driver knows that there is something to do.
    pub(super) woken: bool,
    pub(super) ousted: bool,
}

/// A will message.
#[derive(Debug)]
pub(super) struct LastWill {
    pub(super) publish: Publish,
    /// Seconds between the end of the connection and the message.
    pub(super) delay: u32,
}

impl LastWill {
    pub(super) fn new(will: &Will) -> Self {
        let mut properties: Properties = will.properties.clone();
        properties.remove(PropertyId::WillDelayInterval);
        let publish = Publish {
            retain: will.retain,
            properties,
            ..Publish::new(will.topic.clone(), will.qos, will.payload.clone())
        };
        Self {
            publish: super::outbox::detached(&publish),
            delay: will.properties.number(PropertyId::WillDelayInterval).unwrap_or(0),
        }
    }
}

impl Session {
    pub(super) fn new(client_id: Utf8, outbox: Outbox) -> Self {
        Self {
            client_id,
            subscriptions: HashMap::new(),
            outbox,
            delivery: Delivery::default(),
            connection: None,
            claimants: Vec::new(),
            waiters: Vec::new(),
            expiry: 0,
            expiry_timer: None,
            will: None,
            will_timer: None,
            dropped: 0,
            mark: (0, 0),
        }
    }

    /// What DISCONNECT changes.
    pub(super) fn apply(&mut self, disconnect: &Disconnect) {
        match disconnect.properties.number(PropertyId::SessionExpiryInterval) {
            // From zero to something is a protocol error, and no valid DISCONNECT (version 5, section 3.14.2.2.2).
            Some(expiry) if expiry > 0 && self.expiry == 0 => return,
            Some(expiry) => self.expiry = expiry,
            None => {}
        }
        if disconnect.reason == ReasonCode::SUCCESS {
            // [MQTT-3.14.4-3]
            self.will = None;
        }
    }

    /// Whether the client has to acknowledge what it receives.
    pub(super) fn acknowledges(&self) -> bool {
        self.subscriptions.values().any(|qos| *qos != QoS::AtMostOnce)
    }
}
