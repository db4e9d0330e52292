//! A server's half of one connection: CONNECT to DISCONNECT. It must not know subscriptions, other clients or sockets.

use super::alias::Policy;
use super::delivery::Limits;
use super::link::{Agreement, Handled, Link, LinkEvent, receive_maximum, topic_alias_maximum};
use super::timers::Watch;
use super::{AckHandle, Delivery, Error};
use crate::protocol::{
    Connack, Connect, Disconnect, Packet, PacketId, PacketType, Properties, PropertyId, Publish, QoS, ReasonCode,
    Sender, Suback, Subscribe, Unsuback, Unsubscribe, Version,
};
use bytes::BytesMut;
use std::time::{Duration, Instant};

/// What a client did.
#[derive(Debug)]
pub enum Event {
    /// It asks to be connected; answered by [`Server::accept`] or [`Server::reject`].
    Connect(Box<Connect>),
    /// It publishes; answered by [`Server::acknowledge`].
    Publish(Publish, AckHandle),
    /// It subscribes; answered by [`Server::suback`].
    Subscribe(Subscribe),
    /// It unsubscribes; answered by [`Server::unsuback`].
    Unsubscribe(Unsubscribe),
    /// It ends the session.
    Disconnect(Disconnect),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing came yet.
    New,
    /// CONNECT came, and waits for its answer.
    Asked,
    Connected,
    Closing,
}

/// A server's half of one connection.
pub struct Server {
    link: Link,
    state: State,
    watch: Watch,
    /// What the client said of receiving.
    receive_maximum: u16,
    topic_alias_maximum: u16,
    peer_limit: Option<u32>,
    keep_alive: u16,
}

/// What the server allows on this connection.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Unacknowledged messages to the client; its Receive Maximum also holds.
    pub max_inflight: u16,
    /// Unacknowledged messages from the client, as CONNACK says.
    pub receive_maximum: u16,
    /// Topic aliases that the client may set, as CONNACK says.
    pub topic_alias_maximum: u16,
}

impl Server {
    /// The other end of a new connection. Packets above `max_packet_size` bytes are refused.
    #[must_use]
    pub fn new(max_packet_size: usize, now: Instant) -> Self {
        Self {
            // The version is that of CONNECT; until then it is that of our complaints.
            link: Link::new(Version::V5, Sender::Client, max_packet_size, Delivery::default()),
            state: State::New,
            watch: Watch::new(0, now),
            receive_maximum: u16::MAX,
            topic_alias_maximum: 0,
            peer_limit: None,
            keep_alive: 0,
        }
    }

    // ----- inputs

    /// Bytes that were read are appended here; then [`Self::poll_event`] is called.
    pub fn input(&mut self) -> &mut BytesMut {
        &mut self.link.input
    }

    /// Time has come to [`Self::poll_timeout`].
    ///
    /// # Errors
    /// [`Error::KeepAlive`].
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.link.handle_timeout(now)?;
        match self.watch.expired(now).filter(|_| self.state == State::Connected) {
            Some(limit) => self.fail(Error::KeepAlive(limit)),
            None => Ok(()),
        }
    }

    fn fail<T>(&mut self, error: Error) -> Result<T, Error> {
        if let Some(reason) = error.reason() {
            match self.state {
                State::Connected => self.disconnect(reason)?,
                // A CONNECT that cannot be read is answered only as far as it says what it is `[MQTT-3.1.4-1]`.
                State::New if is_return_code(reason) => self.refuse_early(reason)?,
                _ => self.state = State::Closing,
            }
        }
        Err(error)
    }

    /// `[MQTT-3.1.2-2] [MQTT-3.1.3-8]`: in the form that every client can read.
    fn refuse_early(&mut self, reason: ReasonCode) -> Result<(), Error> {
        self.link.version = Version::V311;
        self.reject(reason)
    }

    // ----- commands

    /// Answers CONNECT with success, and goes on with `delivery`.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn accept(&mut self, connack: Connack, delivery: Delivery, terms: Terms, now: Instant) -> Result<(), Error> {
        let keep_alive = connack
            .properties
            .u16(PropertyId::ServerKeepAlive)
            .unwrap_or(self.keep_alive);
        let resumed = connack.session_present;
        self.link.send(&Packet::Connack(connack))?;
        self.link.delivery = delivery;
        self.watch = Watch::new(keep_alive, now);
        self.state = State::Connected;
        let limits = Limits {
            window: terms.max_inflight.min(self.receive_maximum),
            receive_maximum: terms.receive_maximum,
            ..Limits::default()
        };
        let agreement = Agreement {
            limits,
            resumed,
            incoming_aliases: terms.topic_alias_maximum,
            outgoing_aliases: Policy::Chosen(self.topic_alias_maximum),
            peer_limit: self.peer_limit,
        };
        self.link.open(agreement, now);
        Ok(self.link.pump(now)?)
    }

    /// Answers CONNECT with a failure.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn reject(&mut self, reason: ReasonCode) -> Result<(), Error> {
        self.state = State::Closing;
        // 3.1 and 3.1.1 have five codes; for the rest the connection is closed without one.
        let reason = match (self.link.version, reason) {
            (Version::V5, reason) => reason,
            (_, ReasonCode::BANNED) => ReasonCode::NOT_AUTHORIZED,
            (_, ReasonCode::SERVER_BUSY | ReasonCode::QUOTA_EXCEEDED) => ReasonCode::SERVER_UNAVAILABLE,
            (_, reason) if reason.return_code() < 0x80 => reason,
            _ => return Ok(()),
        };
        let connack = Connack {
            session_present: false,
            reason,
            properties: Properties::new(),
        };
        self.link.send(&Packet::Connack(connack)).map_err(Error::Encode)
    }

    /// Answers a PUBLISH.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn acknowledge(&mut self, handle: AckHandle, reason: ReasonCode) -> Result<(), Error> {
        let reason = if self.link.version == Version::V5 {
            reason
        } else {
            ReasonCode::SUCCESS
        };
        self.link.acknowledge(handle, reason)
    }

    /// Answers a SUBSCRIBE.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn suback(&mut self, packet_id: PacketId, reasons: Vec<ReasonCode>) -> Result<(), Error> {
        let suback = Suback {
            packet_id,
            properties: Properties::new(),
            reasons,
        };
        self.link.send(&Packet::Suback(suback)).map_err(Error::Encode)
    }

    /// Answers an UNSUBSCRIBE.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn unsuback(&mut self, packet_id: PacketId, reasons: Vec<ReasonCode>) -> Result<(), Error> {
        let unsuback = Unsuback {
            packet_id,
            properties: Properties::new(),
            reasons,
        };
        self.link.send(&Packet::Unsuback(unsuback)).map_err(Error::Encode)
    }

    /// Sends a message to the client, or keeps it until the window opens.
    pub fn publish(&mut self, publish: Publish, now: Instant) {
        self.link.delivery.publish(publish, now);
    }

    /// Nothing is taken from the client for now, by our own choice: its keep alive must not run out meanwhile.
    pub fn suspend_keep_alive(&mut self, now: Instant) {
        self.watch.received(now);
    }

    /// Ends the connection, with DISCONNECT where the version has one for servers.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn disconnect(&mut self, reason: ReasonCode) -> Result<(), Error> {
        if self.state != State::Connected {
            return Ok(());
        }
        self.state = State::Closing;
        if self.link.version != Version::V5 {
            return Ok(());
        }
        self.link
            .send_disconnect(Disconnect::new(reason))
            .map_err(Error::Encode)
    }

    /// What is left of the session when the connection has gone.
    #[must_use]
    pub fn into_delivery(mut self) -> Delivery {
        self.link.close();
        self.link.delivery
    }

    // ----- outputs

    /// Bytes to write; what was written is advanced over.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.link.output
    }

    /// The bytes to write, and where those that were read are appended.
    pub fn buffers(&mut self) -> (&mut BytesMut, &mut BytesMut) {
        (&mut self.link.output, &mut self.link.input)
    }

    /// Moves waiting messages into the output buffer.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn pump(&mut self, now: Instant) -> Result<(), Error> {
        if self.state != State::Connected {
            return Ok(());
        }
        Ok(self.link.pump(now)?)
    }

    /// Explains what was read, up to the next event; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The connection cannot go on; what there is to say of it is in the output already.
    pub fn poll_event(&mut self, now: Instant) -> Result<Option<Event>, Error> {
        while matches!(self.state, State::New | State::Connected) {
            let first = self.link.input.first().copied().map(PacketType::from_first_byte);
            if let Some(other) = first.filter(|first| self.state == State::New && *first != PacketType::Connect) {
                // Known at the first byte: whoever speaks something else (HTTP, TLS) is not waited for.
                return self.fail(Error::Unexpected(other, BEFORE_CONNECT));
            }
            let packet = match self.link.receive() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(None),
                Err(error) => return self.fail(error),
            };
            self.watch.received(now);
            match self.handle_packet(packet, now) {
                Ok(None) => {}
                Ok(event) => return Ok(event),
                Err(error) => return self.fail(error),
            }
        }
        Ok(None)
    }

    fn handle_packet(&mut self, packet: Packet, now: Instant) -> Result<Option<Event>, Error> {
        let packet = match packet {
            Packet::Connect(connect) if self.state == State::New => return Ok(Some(self.handle_connect(connect))),
            other if self.state == State::New => return Err(Error::Unexpected(other.packet_type(), BEFORE_CONNECT)),
            Packet::Connect(_) => return Err(Error::Unexpected(PacketType::Connect, "twice [MQTT-3.1.0-2]")),
            Packet::Pingreq => return self.link.send(&Packet::Pingresp).map(|()| None).map_err(Error::Encode),
            Packet::Subscribe(packet) => return Ok(Some(Event::Subscribe(packet))),
            Packet::Unsubscribe(packet) => return Ok(Some(Event::Unsubscribe(packet))),
            Packet::Disconnect(packet) => {
                self.state = State::Closing;
                return Ok(Some(Event::Disconnect(packet)));
            }
            other => other,
        };
        match self.link.handle(packet, now)? {
            Handled::Done => Ok(None),
            Handled::Event(LinkEvent::Message(publish, handle)) => Ok(Some(Event::Publish(publish, handle))),
            Handled::Event(_) => Ok(None),
            Handled::Other(packet) => Err(Error::Unexpected(packet.packet_type(), "from a client")),
        }
    }

    fn handle_connect(&mut self, connect: Box<Connect>) -> Event {
        self.link.version = connect.version;
        self.receive_maximum = receive_maximum(&connect.properties);
        self.topic_alias_maximum = topic_alias_maximum(&connect.properties);
        self.peer_limit = connect.properties.number(PropertyId::MaximumPacketSize);
        self.keep_alive = connect.keep_alive;
        self.state = State::Asked;
        Event::Connect(connect)
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.state != State::Connected {
            return None;
        }
        [self.link.poll_timeout(), self.watch.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    // ----- getters

    /// Version that the client speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.link.version
    }

    /// True when input should be read: the output buffer has room for the answers.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.link.output_has_room()
    }

    /// True when a message of this QoS would go straight into the output buffer.
    #[must_use]
    pub fn is_ready(&self, qos: QoS) -> bool {
        self.state == State::Connected && self.link.has_room_for(qos)
    }

    /// Messages that wait for their turn.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.link.delivery.queued()
    }

    /// Messages that the client could not take because of their size, or that expired, since the last call.
    pub fn take_dropped(&mut self) -> u64 {
        self.link.take_too_large() + self.link.delivery.take_expired()
    }

    /// How long CONNECT may take.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
}

const BEFORE_CONNECT: &str = "before CONNECT [MQTT-3.1.0-1]";

/// The two faults of a CONNECT for which 3.1 and 3.1.1 have a return code, and that version 5 cannot have.
fn is_return_code(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::UNSUPPORTED_PROTOCOL_VERSION | ReasonCode::CLIENT_IDENTIFIER_NOT_VALID
    )
}
