//! A client's half of a session: CONNECT to DISCONNECT over any number of connections. It must not know sockets.

use super::alias::Policy;
use super::delivery::Limits;
use super::link::{Agreement, Handled, Link, LinkEvent, receive_maximum, topic_alias_maximum};
use super::options::Options;
use super::timers::{Due, Ping};
use super::{AckHandle, Delivery, Error, error::Reply};
use crate::protocol::{
    Connack, Connect, Disconnect, EncodeError, Fault, Packet, PacketId, PacketType, Properties, PropertyId, Publish,
    QoS, ReasonCode, Sender, Subscribe, Subscription, Unsubscribe, Utf8, Version, frame,
};
use bytes::BytesMut;
use std::time::Instant;

/// Largest packet that is taken before the end of CONNACK, in bytes: until then nobody has shown that it is a broker.
const CONNACK_LIMIT: usize = 64 * 1024;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The broker accepted the connection.
    Connected(Connack),
    /// A message arrived. It is acknowledged when the handle is given to [`Client::acknowledge`].
    Message(Publish, AckHandle),
    /// A message of ours reached its end.
    Published {
        /// The message.
        publish: Publish,
        /// The last acknowledgement. PUBACK for a QoS 2 message means that the broker knows QoS 1 only.
        answer: Reply,
    },
    /// SUBACK: one reason code for each filter.
    Subscribed {
        /// Filters and reason codes, in the order of SUBSCRIBE.
        granted: Vec<(Utf8, ReasonCode)>,
        /// Properties of SUBACK.
        properties: Properties,
    },
    /// UNSUBACK: one reason code for each filter in version 5, none before.
    Unsubscribed {
        /// Filters, in the order of UNSUBSCRIBE.
        filters: Vec<Utf8>,
        /// Reason codes.
        reasons: Vec<ReasonCode>,
        /// Properties of UNSUBACK.
        properties: Properties,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Connecting,
    Connected,
    /// DISCONNECT is in the output buffer; nothing may follow it `[MQTT-3.14.4-2]`.
    Disconnecting,
}

/// A client's half of a session.
pub struct Client {
    options: Options,
    link: Link,
    state: State,
    ping: Ping,
    connack: Connack,
    /// Of the last CONNACK: looked at for each message.
    maximum_qos: Option<u32>,
    /// What we are subscribed to, and whether the broker has said so.
    subscriptions: Vec<(Subscribe, bool)>,
    beginning: Beginning,
    /// Packets that came after CONNACK, on all connections.
    received: u64,
}

/// How far the session of this run has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// It is asked for as the options say.
    Asked,
    /// First the broker has to forget an older one.
    Clean,
    /// It has forgotten.
    Cleaned,
    /// CONNACK has come; there is state of our own from here.
    Established,
}

impl Client {
    /// A session that has not begun.
    #[must_use]
    pub fn new(options: Options, now: Instant) -> Self {
        Self {
            link: Link::new(
                options.version,
                Sender::Server,
                options.max_packet_size,
                Delivery::default(),
            ),
            state: State::Idle,
            ping: Ping::new(0, now),
            connack: Connack {
                session_present: false,
                reason: ReasonCode::SUCCESS,
                properties: Properties::new(),
            },
            maximum_qos: None,
            subscriptions: Vec::new(),
            beginning: Beginning::Asked,
            received: 0,
            options,
        }
    }

    // ----- inputs

    /// A byte stream is there: begins with CONNECT.
    ///
    /// # Errors
    /// [`Error::Encode`] when the options cannot be said in this version.
    pub fn handle_open(&mut self, now: Instant) -> Result<(), Error> {
        self.link.close();
        let unsaid = self.options.version == Version::V31 && !self.options.clean_start && !self.options.adopt_session;
        if unsaid && self.beginning == Beginning::Asked {
            // CONNACK of 3.1 would not say that there is an older session.
            self.beginning = Beginning::Clean;
        }
        let connect = Packet::Connect(Box::new(self.connect_packet()));
        self.link.send(&connect)?;
        self.ping = Ping::new(0, now);
        self.state = State::Connecting;
        Ok(())
    }

    fn connect_packet(&self) -> Connect {
        let options = &self.options;
        let mut properties = options.properties.clone();
        if let Some(seconds) = self.resume_for() {
            properties.set_number(PropertyId::SessionExpiryInterval, seconds);
        }
        let own = properties.value(PropertyId::ReceiveMaximum).is_some();
        if let Some(window) = options
            .incoming_window
            .filter(|_| options.version == Version::V5 && !own)
        {
            properties.set_number(PropertyId::ReceiveMaximum, window.into());
        }
        let clean_start = match self.beginning {
            Beginning::Clean => true,
            // What this run began is gone on with, also when it began clean.
            Beginning::Established if self.keeps_session() => false,
            _ => options.clean_start,
        };
        Connect {
            version: options.version,
            bridge: false,
            clean_start,
            keep_alive: options.keep_alive,
            properties,
            client_id: options.client_id.clone(),
            will: options.will.clone(),
            username: options.username.clone(),
            password: options.password.clone(),
        }
    }

    fn resume_for(&self) -> Option<u32> {
        let options = &self.options;
        let own = options.properties.value(PropertyId::SessionExpiryInterval).is_some();
        options
            .resume_for
            .filter(|_| options.version == Version::V5 && options.clean_start && !own)
    }

    fn keeps_session(&self) -> bool {
        let expiry = self
            .options
            .properties
            .number(PropertyId::SessionExpiryInterval)
            .unwrap_or(0);
        !self.options.clean_start || self.resume_for().is_some() || expiry > 0
    }

    /// Bytes that were read are appended here; then [`Self::poll_event`] is called.
    pub fn input(&mut self) -> &mut BytesMut {
        &mut self.link.input
    }

    /// The connection is gone; the session is kept for the next [`Self::handle_open`].
    pub fn handle_closed(&mut self) {
        self.link.close();
        self.state = State::Idle;
    }

    /// The peer sent its last byte.
    #[must_use]
    pub fn handle_eof(&self) -> Error {
        match (self.state, self.link.input.is_empty()) {
            (State::Connecting, true) => Error::Closed(" without answering CONNECT"),
            (_, false) => Error::Closed(" in the middle of a packet"),
            (State::Connected, true) if self.lacks_pubrec() => Error::ClosedOnQos2,
            _ => Error::Closed(""),
        }
    }

    /// True when a QoS 2 message was sent on this connection and the broker has never answered one with PUBREC.
    #[must_use]
    pub fn lacks_pubrec(&self) -> bool {
        self.link.delivery.lacks_pubrec()
    }

    /// Time has come to [`Self::poll_timeout`].
    ///
    /// # Errors
    /// [`Error::KeepAlive`], [`Error::AckTimeout`].
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.link.handle_timeout(now)?;
        match self.ping.handle_timeout(now) {
            Due::Nothing => Ok(()),
            Due::Ping => self.link.send(&Packet::Pingreq).map_err(Error::Encode),
            Due::Dead(limit) => Err(Error::KeepAlive(limit)),
        }
    }

    /// Speaks another version on the next connection; without properties when it has none.
    pub fn set_version(&mut self, version: Version) {
        self.options.version = version;
        if version != Version::V5 {
            self.options.properties = Properties::new();
            self.options.disconnect_properties = Properties::new();
        }
        self.link.version = version;
    }

    /// When the next PINGREQ is due, whatever else is.
    #[must_use]
    pub fn poll_ping(&self) -> Option<Instant> {
        self.ping.poll_timeout().filter(|_| self.state == State::Connected)
    }

    /// Sends PINGREQ without expecting its answer soon: the application is not reading.
    pub fn ping_now(&mut self, now: Instant) {
        self.ping.sent(now);
        self.ping.received();
        // Two bytes without any property can always be written.
        let _ = self.link.send(&Packet::Pingreq);
    }

    // ----- commands

    /// Sends a message, or keeps it until the window opens; ask [`Self::is_ready`] first to keep memory bounded.
    ///
    /// # Errors
    /// What the message asks for is not possible with this broker.
    pub fn publish(&mut self, publish: Publish, now: Instant) -> Result<(), PublishError> {
        self.check(&publish)?;
        let before = self.link.output.len();
        let published = self.link.publish(publish, now);
        if self.link.output.len() > before {
            self.ping.sent(now);
        }
        published.map_err(PublishError::Encode)
    }

    /// What CONNACK forbids.
    fn check(&self, publish: &Publish) -> Result<(), PublishError> {
        // What can be written at once is measured there.
        if !self.link.has_room_for(publish.qos) {
            self.link.check_waiting(publish).map_err(PublishError::Encode)?;
        }
        if !self.link.is_open() {
            return Ok(());
        }
        if let Some(maximum) = self.maximum_qos.filter(|max| u32::from(u8::from(publish.qos)) > *max) {
            return Err(PublishError::QosNotSupported(publish.qos, maximum));
        }
        let limits = &self.connack.properties;
        if publish.retain && limits.number(PropertyId::RetainAvailable) == Some(0) {
            return Err(PublishError::RetainNotSupported);
        }
        if let Some(alias) = publish.properties.u16(PropertyId::TopicAlias) {
            let maximum = topic_alias_maximum(limits);
            if alias > maximum {
                return Err(PublishError::TopicAlias(alias, maximum));
            }
        }
        Ok(())
    }

    /// Subscribes, now and again after a reconnect that finds no session.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn subscribe(
        &mut self,
        subscriptions: Vec<Subscription>,
        properties: Properties,
        now: Instant,
    ) -> Result<(), Error> {
        let mut packet = Subscribe {
            packet_id: PacketId::MIN,
            properties,
            subscriptions,
        };
        if self.state == State::Connected && self.link.delivery.subscribe(&mut packet, now).is_some() {
            let packet_id = packet.packet_id;
            self.link.request(packet_id, &Packet::Subscribe(packet.clone()))?;
            self.ping.sent(now);
        }
        self.subscriptions.push((packet, false));
        Ok(())
    }

    /// Unsubscribes.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn unsubscribe(&mut self, filters: Vec<Utf8>, properties: Properties, now: Instant) -> Result<(), Error> {
        for (packet, _) in &mut self.subscriptions {
            packet
                .subscriptions
                .retain(|subscription| !filters.contains(&subscription.filter));
        }
        self.subscriptions
            .retain(|(packet, _)| !packet.subscriptions.is_empty());
        let mut packet = Unsubscribe {
            packet_id: PacketId::MIN,
            properties,
            filters,
        };
        if self.state == State::Connected && self.link.delivery.unsubscribe(&mut packet, now).is_some() {
            self.link.request(packet.packet_id, &Packet::Unsubscribe(packet))?;
            self.ping.sent(now);
        }
        Ok(())
    }

    /// Says that a message has been handed on: PUBACK or PUBREC.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn acknowledge(&mut self, handle: AckHandle, now: Instant) -> Result<(), Error> {
        self.ping.sent(now);
        self.link.acknowledge(handle, ReasonCode::SUCCESS)
    }

    /// Ends the session with DISCONNECT.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn disconnect(&mut self, reason: ReasonCode) -> Result<(), Error> {
        if !matches!(self.state, State::Connected | State::Connecting) {
            return Ok(());
        }
        let mut packet = Disconnect::new(reason);
        if self.options.version == Version::V5 {
            packet.properties = self.options.disconnect_properties.clone();
            if self.resume_for().is_some() && packet.properties.number(PropertyId::SessionExpiryInterval).is_none() {
                packet.properties.set_number(PropertyId::SessionExpiryInterval, 0);
            }
        } else if reason.is_failure() {
            // Before version 5 an unhappy client closes the connection, so that its will is published.
            self.state = State::Disconnecting;
            return Ok(());
        }
        self.state = State::Disconnecting;
        self.link.send_disconnect(packet).map_err(Error::Encode)
    }

    // ----- outputs

    /// How many bytes are to be written.
    #[must_use]
    pub fn unwritten(&self) -> usize {
        self.link.output.len()
    }

    /// True when there are bytes that were read and not explained.
    #[must_use]
    pub fn has_input(&self) -> bool {
        !self.link.input.is_empty()
    }

    /// Bytes to write; what was written is advanced over.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.link.output
    }

    /// The bytes to write, and where those that were read are appended.
    pub fn buffers(&mut self) -> (&mut BytesMut, &mut BytesMut) {
        (&mut self.link.output, &mut self.link.input)
    }

    /// Explains what was read, up to the next event; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The connection cannot go on. The reason code of the error is in the output already.
    pub fn poll_event(&mut self, now: Instant) -> Result<Option<Event>, Error> {
        match self.poll_event_inner(now) {
            Err(error) => {
                if let Some(reason) = error.reason() {
                    self.disconnect(reason)?;
                }
                Err(error)
            }
            ok => ok,
        }
    }

    fn poll_event_inner(&mut self, now: Instant) -> Result<Option<Event>, Error> {
        while matches!(self.state, State::Connecting | State::Connected | State::Disconnecting) {
            let packet = match self.state {
                State::Connecting => self.receive_connack()?,
                _ => self.link.receive()?,
            };
            let Some(packet) = packet else { break };
            self.ping.received();
            self.received += u64::from(self.state != State::Connecting);
            if let Some(event) = self.handle_packet(packet, now)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// A broker that does not speak version 5 refuses it with the CONNACK of 3.1.1, `20 02 00 01`.
    fn receive_connack(&mut self) -> Result<Option<Packet>, Error> {
        let limit = self.options.max_packet_size.min(CONNACK_LIMIT);
        let Some(frame) = frame::split(&mut self.link.input, limit)? else {
            return Ok(None);
        };
        let error = match Packet::decode(self.options.version, Sender::Server, &frame) {
            Ok(packet) => return Ok(Some(packet)),
            Err(error) => error,
        };
        if frame.packet_type() == PacketType::Connack && !matches!(error.fault, Fault::ConnackReservedFlags(_)) {
            if let Ok(older @ Packet::Connack(Connack { reason, .. })) =
                Packet::decode(Version::V311, Sender::Server, &frame)
            {
                if reason.is_failure() {
                    return Ok(Some(older));
                }
            }
        }
        Err(Error::Decode(error))
    }

    fn handle_packet(&mut self, packet: Packet, now: Instant) -> Result<Option<Event>, Error> {
        let packet = match packet {
            Packet::Connack(connack) if self.state == State::Connecting => {
                return self.handle_connack(connack, now).map(Some);
            }
            // In state Disconnecting nobody waits for an answer any more.
            Packet::Auth(_) if self.state != State::Disconnecting => return Err(Error::EnhancedAuthentication),
            other if self.state == State::Connecting => {
                return Err(Error::Unexpected(other.packet_type(), "before CONNACK [MQTT-3.2.0-1]"));
            }
            Packet::Pingresp => return Ok(None),
            Packet::Disconnect(disconnect) if self.options.version == Version::V5 => {
                let Disconnect { reason, properties } = disconnect;
                return Err(Error::Disconnected(Reply {
                    packet: PacketType::Disconnect,
                    reason,
                    properties,
                }));
            }
            other => other,
        };
        if self.state == State::Disconnecting {
            // What the broker sent before it saw our DISCONNECT.
            return Ok(None);
        }
        let before = self.link.output.len();
        let handled = self.link.handle(packet, now)?;
        if self.link.output.len() > before {
            self.ping.sent(now);
        }
        match handled {
            Handled::Done => Ok(None),
            Handled::Event(event) => Ok(Some(self.event(event))),
            Handled::Other(packet) => Err(Error::Unexpected(packet.packet_type(), "from a broker now")),
        }
    }

    fn event(&mut self, event: LinkEvent) -> Event {
        match event {
            LinkEvent::Message(publish, handle) => Event::Message(publish, handle),
            LinkEvent::Published { publish, answer } => Event::Published { publish, answer },
            LinkEvent::Subscribed { filters, suback } => {
                for (packet, confirmed) in &mut self.subscriptions {
                    *confirmed |= packet.packet_id == suback.packet_id;
                }
                let granted = filters.into_iter().zip(suback.reasons).collect();
                Event::Subscribed {
                    granted,
                    properties: suback.properties,
                }
            }
            LinkEvent::Unsubscribed { filters, unsuback } => Event::Unsubscribed {
                filters,
                reasons: unsuback.reasons,
                properties: unsuback.properties,
            },
        }
    }

    fn handle_connack(&mut self, connack: Connack, now: Instant) -> Result<Event, Error> {
        if connack.reason != ReasonCode::SUCCESS {
            let Connack { reason, properties, .. } = connack;
            return Err(Error::Refused(Reply {
                packet: PacketType::Connack,
                reason,
                properties,
            }));
        }
        self.begin(connack.session_present)?;
        let options = &self.options;
        let limits = Limits {
            window: options.max_inflight.min(receive_maximum(&connack.properties)),
            receive_maximum: receive_maximum(&options.properties),
            ack_timeout: options.ack_timeout,
            resend_interval: options.resend_interval.filter(|_| options.version != Version::V5),
        };
        let keep_alive = connack
            .properties
            .u16(PropertyId::ServerKeepAlive)
            .unwrap_or(options.keep_alive);
        // 3.1 does not say; a client that asked for its old session has it.
        let known = self.beginning == Beginning::Established;
        let resumed = connack.session_present || options.version == Version::V31 && known && self.keeps_session();
        let agreement = Agreement {
            limits,
            resumed,
            incoming_aliases: topic_alias_maximum(&options.properties),
            outgoing_aliases: match options.choose_aliases {
                true => Policy::Chosen(topic_alias_maximum(&connack.properties)),
                false => Policy::Given,
            },
            peer_limit: connack.properties.number(PropertyId::MaximumPacketSize),
        };
        if let Some(assigned) = connack.properties.text(PropertyId::AssignedClientIdentifier) {
            self.options.client_id = assigned.detached();
        }
        self.ping = Ping::new(keep_alive, now);
        self.state = State::Connected;
        self.maximum_qos = connack.properties.number(PropertyId::MaximumQos);
        self.connack = connack.clone();
        self.beginning = Beginning::Established;
        self.link.open(agreement, now);
        // Before the messages that are sent again: the response to one of them may come at once.
        self.resubscribe(resumed, now)?;
        self.link.pump(now)?;
        Ok(Event::Connected(connack))
    }

    /// Whether this connection may be gone on with: not when the broker has a session that this run knows nothing of.
    fn begin(&mut self, session_present: bool) -> Result<(), Error> {
        if self.options.adopt_session {
            return Ok(());
        }
        let version = self.options.version;
        let (next, error) = match self.beginning {
            Beginning::Established => return Ok(()),
            Beginning::Asked if session_present => {
                let client_id = self.options.client_id.clone();
                (Beginning::Clean, Error::ForeignSession(client_id))
            }
            Beginning::Clean | Beginning::Cleaned if session_present => {
                let text = "with session present after a clean start [MQTT-3.2.2-2]";
                return Err(Error::Unexpected(PacketType::Connack, text));
            }
            // Before version 5 a clean session ends with its connection.
            Beginning::Clean if version != Version::V5 && !self.options.clean_start => {
                (Beginning::Cleaned, Error::SessionEnded)
            }
            Beginning::Asked | Beginning::Clean | Beginning::Cleaned => return Ok(()),
        };
        self.beginning = next;
        self.disconnect(ReasonCode::SUCCESS)?;
        Err(error)
    }

    /// Repeats what the broker has forgotten, or never confirmed.
    fn resubscribe(&mut self, resumed: bool, now: Instant) -> Result<(), Error> {
        for (packet, confirmed) in &mut self.subscriptions {
            *confirmed &= resumed;
            if !*confirmed && self.link.delivery.subscribe(packet, now).is_some() {
                self.link
                    .request(packet.packet_id, &Packet::Subscribe(packet.clone()))?;
            }
        }
        Ok(())
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.state != State::Connected {
            return None;
        }
        [self.link.poll_timeout(), self.ping.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Moves waiting messages into the output buffer; called after some of it was written.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn pump(&mut self, now: Instant) -> Result<(), Error> {
        let before = self.link.output.len();
        self.link.pump(now)?;
        if self.link.output.len() > before {
            self.ping.sent(now);
        }
        Ok(())
    }

    // ----- getters

    /// True when a message could be sent at once: connected, window open, output buffer not full.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state == State::Connected && self.link.has_room()
    }

    /// True when more than half of the send window is in use.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.link.delivery.is_busy()
    }

    /// True when input should be read: the output buffer has room for the answers.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.link.output_has_room()
    }

    /// True between CONNACK and the end of the connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    /// Messages at QoS 1 and 2 that are not acknowledged, sent or not.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.link.delivery.unacknowledged()
    }

    /// True when every message has been acknowledged, and written as far as the output buffer.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.link.delivery.is_idle()
    }

    /// Packets that came after CONNACK, on all connections together: also those that are no event, such as the copies of
    /// a message at QoS 2 and PUBREL. A connection on which it grows is alive.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The oldest message that was sent and is not acknowledged; nothing when there is none, or when the broker has said
    /// that it has it (PUBREC). A broker of 3.1.1 has no other way than to close the connection when a message is too
    /// large, and does so each time it is sent.
    #[must_use]
    pub fn oldest_unacknowledged(&self) -> Option<Unacknowledged<'_>> {
        let (publish, connections) = self.link.delivery.oldest()?;
        Some(Unacknowledged {
            publish,
            size: publish.size(self.options.version).unwrap_or_default(),
            connections,
        })
    }

    /// Messages that a receiver may see twice; see [`Delivery::take_uncertain`].
    pub fn take_uncertain(&mut self) -> u64 {
        self.link.delivery.take_uncertain()
    }

    /// What the session was asked for.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The last CONNACK.
    #[must_use]
    pub fn connack(&self) -> &Connack {
        &self.connack
    }
}

/// A message that was sent and not acknowledged.
#[derive(Debug, Clone, Copy)]
pub struct Unacknowledged<'a> {
    /// The message.
    pub publish: &'a Publish,
    /// Its size on the wire in bytes.
    pub size: usize,
    /// On how many connections it has been sent.
    pub connections: u32,
}

/// Why a message cannot be published to this broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// It cannot be written.
    #[error(transparent)]
    Encode(EncodeError),
    /// Maximum QoS `[MQTT-3.2.2-11]`.
    #[error("QoS {0} is not supported: the broker's maximum is {1} [MQTT-3.2.2-11]")]
    QosNotSupported(QoS, u32),
    /// Retain Available `[MQTT-3.2.2-14]`.
    #[error("the broker does not support retained messages [MQTT-3.2.2-14]")]
    RetainNotSupported,
    /// Topic Alias Maximum `[MQTT-3.3.2-9]`.
    #[error("topic alias {0} is above the broker's maximum of {1} [MQTT-3.3.2-9]")]
    TopicAlias(u16, u16),
}
