//! What client and server have in common while a connection stands: the two buffers, packets in and out, the part of
//! the conversation that is about messages. It must not know who speaks first.

use super::alias;
use super::delivery::{Arrival, Finished, Limits};
use super::{AckHandle, Delivery, Error, error::Reply};
use crate::protocol::{
    Ack, Disconnect, EncodeError, Packet, PacketId, PacketType, Properties, PropertyId, Publish, QoS, ReasonCode,
    Sender, Suback, Unsuback, Utf8, Version, frame,
};
use bytes::BytesMut;
use std::time::Instant;

/// No more messages are written into the output buffer while it holds more than this, in bytes.
const OUTPUT_LIMIT: usize = 64 * 1024;

pub(super) struct Link {
    pub(super) version: Version,
    /// Who the peer is.
    sender: Sender,
    pub(super) input: BytesMut,
    pub(super) output: BytesMut,
    pub(super) delivery: Delivery,
    incoming_aliases: alias::Incoming,
    outgoing_aliases: alias::Outgoing,
    /// Largest packet that the peer accepts, in bytes.
    peer_limit: usize,
    /// Largest packet that we accept, in bytes.
    own_limit: usize,
    /// Whether messages may be sent.
    open: bool,
    too_large: u64,
}

/// What the two sides of a connection agreed on.
pub(super) struct Agreement {
    pub(super) limits: Limits,
    pub(super) resumed: bool,
    /// Topic aliases that the peer may set.
    pub(super) incoming_aliases: u16,
    /// Topic aliases that we set.
    pub(super) outgoing_aliases: alias::Policy,
    /// Largest packet that the peer accepts, in bytes.
    pub(super) peer_limit: Option<u32>,
}

/// Something about messages and subscriptions.
pub(super) enum LinkEvent {
    Message(Publish, AckHandle),
    Published { publish: Publish, answer: Reply },
    Subscribed { filters: Vec<Utf8>, suback: Suback },
    Unsubscribed { filters: Vec<Utf8>, unsuback: Unsuback },
}

impl Link {
    pub(super) fn new(version: Version, sender: Sender, own_limit: usize, delivery: Delivery) -> Self {
        Self {
            version,
            sender,
            input: BytesMut::new(),
            output: BytesMut::new(),
            delivery,
            incoming_aliases: alias::Incoming::default(),
            outgoing_aliases: alias::Outgoing::default(),
            peer_limit: usize::MAX,
            own_limit,
            open: false,
            too_large: 0,
        }
    }

    /// The next packet, when it is there.
    pub(super) fn receive(&mut self) -> Result<Option<Packet>, Error> {
        let Some(frame) = frame::split(&mut self.input, self.own_limit)? else {
            return Ok(None);
        };
        Ok(Some(Packet::decode(self.version, self.sender, &frame)?))
    }

    pub(super) fn send(&mut self, packet: &Packet) -> Result<(), EncodeError> {
        let before = self.output.len();
        packet.encode(self.version, &mut self.output)?;
        self.check_size(before)
    }

    /// Takes back what was written from here on when it is too large for the peer.
    fn check_size(&mut self, before: usize) -> Result<(), EncodeError> {
        let fits = self.within_limit(self.output.len() - before);
        if fits.is_err() {
            self.output.truncate(before);
        }
        fits
    }

    /// Sends a packet that is to be acknowledged; one that cannot be written is not waited for.
    pub(super) fn request(&mut self, packet_id: PacketId, packet: &Packet) -> Result<(), EncodeError> {
        let sent = self.send(packet);
        if sent.is_err() {
            self.delivery.withdraw(packet_id);
        }
        sent
    }

    /// DISCONNECT as far as the peer takes it: without its properties, or not at all when it is too large for the peer
    /// `[MQTT-3.14.2-3]`. The end of the connection says the rest.
    pub(super) fn send_disconnect(&mut self, packet: Disconnect) -> Result<(), EncodeError> {
        let reason = packet.reason;
        for packet in [packet, Disconnect::new(reason)] {
            match self.send(&Packet::Disconnect(packet)) {
                Err(EncodeError::ExceedsPeerLimit { .. }) => {}
                sent => return sent,
            }
        }
        Ok(())
    }

    fn answer(&mut self, packet: Option<Packet>) -> Result<(), EncodeError> {
        packet.map_or(Ok(()), |packet| self.send(&packet))
    }

    /// Begins a connection; what has to be sent (again) goes out with the next [`Self::pump`].
    pub(super) fn open(&mut self, agreement: Agreement, now: Instant) {
        self.incoming_aliases = alias::Incoming::new(agreement.incoming_aliases);
        self.outgoing_aliases = alias::Outgoing::new(agreement.outgoing_aliases);
        self.peer_limit = agreement
            .peer_limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(usize::MAX);
        self.delivery.connected(agreement.limits, agreement.resumed, now);
        self.open = true;
    }

    /// Forgets the connection and keeps the session.
    pub(super) fn close(&mut self) {
        self.open = false;
        // The next connection has a limit of its own, and none before its CONNACK.
        self.peer_limit = usize::MAX;
        self.input.clear();
        self.output.clear();
        self.delivery.disconnected();
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether a message could go straight into the output buffer.
    pub(super) fn has_room(&self) -> bool {
        self.open && self.output.len() < OUTPUT_LIMIT && self.delivery.has_room()
    }

    /// Whether a message of this QoS could go straight into the output buffer.
    pub(super) fn has_room_for(&self, qos: QoS) -> bool {
        self.open && self.output.len() < OUTPUT_LIMIT && self.delivery.has_room_for(qos)
    }

    pub(super) fn output_has_room(&self) -> bool {
        self.output.len() < OUTPUT_LIMIT
    }

    /// Whether a message that has to wait can be sent at all, as far as is known now.
    pub(super) fn check_waiting(&self, publish: &Publish) -> Result<(), EncodeError> {
        self.within_limit(publish.size(self.version)?)
    }

    fn within_limit(&self, size: usize) -> Result<(), EncodeError> {
        let limit = self.peer_limit;
        match size > limit {
            true => Err(EncodeError::ExceedsPeerLimit { size, limit }),
            false => Ok(()),
        }
    }

    /// Sends a message, or keeps it until everything before it is sent and the window is open.
    pub(super) fn publish(&mut self, publish: Publish, now: Instant) -> Result<(), EncodeError> {
        if self.has_room_for(publish.qos) {
            return self.send_new(publish, 0, now);
        }
        self.delivery.publish(publish, now);
        self.pump(now)
    }

    /// Moves messages from the delivery into the output buffer, as far as window and buffer allow.
    pub(super) fn pump(&mut self, now: Instant) -> Result<(), EncodeError> {
        while self.open && self.output.len() < OUTPUT_LIMIT {
            if let Some(packet) = self.delivery.poll_resend(now) {
                self.resend(packet)?;
            } else if let Some((publish, connections)) = self.delivery.poll_queue(now) {
                self.send_new(publish, connections, now)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    fn resend(&mut self, packet: Packet) -> Result<(), EncodeError> {
        let Packet::Publish(publish) = packet else {
            return self.answer(Some(packet));
        };
        if !self.send_publish(&publish)? {
            if let Some(packet_id) = publish.packet_id {
                self.delivery.withdraw(packet_id);
            }
        }
        Ok(())
    }

    fn send_new(&mut self, mut publish: Publish, connections: u32, now: Instant) -> Result<(), EncodeError> {
        if publish.qos == QoS::AtMostOnce {
            self.send_publish(&publish)?;
            return Ok(());
        }
        publish.packet_id = Some(self.delivery.next_id());
        if self.send_publish(&publish)? {
            self.delivery.sent(publish, connections.saturating_add(1), now);
        }
        Ok(())
    }

    /// False for a message that is dropped because it is larger than the peer takes.
    fn send_publish(&mut self, publish: &Publish) -> Result<bool, EncodeError> {
        let sent = if self.version != Version::V5 && !publish.properties.is_empty() && self.sender == Sender::Client {
            // A message from a client of version 5 goes to one of 3.1.1 without what that one cannot read; until here
            // they were needed for its expiry.
            self.send_aliased(&Publish {
                properties: Properties::new(),
                ..publish.clone()
            })
        } else {
            self.send_aliased(publish)
        };
        match sent {
            Ok(()) => Ok(true),
            // A server discards what its client cannot take, as if it had been delivered `[MQTT-3.1.2-25]`. A client
            // checks before it accepts a message, and gets here only when a limit shrank at a reconnect.
            Err(EncodeError::ExceedsPeerLimit { .. }) if self.sender == Sender::Client => {
                self.too_large += 1;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends a message with an alias, or without one where the alias would make it too large.
    fn send_aliased(&mut self, publish: &Publish) -> Result<(), EncodeError> {
        if let Some(aliased) = self.outgoing_aliases.apply(publish) {
            match self.send_whole(&aliased) {
                Err(EncodeError::ExceedsPeerLimit { .. }) => self.outgoing_aliases.forget(&publish.topic),
                sent => return sent,
            }
        }
        let sent = self.send_whole(publish);
        if sent.is_err() {
            self.outgoing_aliases.forget(&publish.topic);
        }
        sent
    }

    fn send_whole(&mut self, publish: &Publish) -> Result<(), EncodeError> {
        let before = self.output.len();
        publish.encode(self.version, &mut self.output)?;
        self.check_size(before)
    }

    /// Messages that were larger than the peer takes, since the last call.
    pub(super) fn take_too_large(&mut self) -> u64 {
        std::mem::take(&mut self.too_large)
    }

    /// The packets that mean the same on both sides. What is left over is given back.
    pub(super) fn handle(&mut self, packet: Packet, now: Instant) -> Result<Handled, Error> {
        match packet {
            Packet::Publish(mut publish) => {
                self.incoming_aliases.resolve(&mut publish)?;
                let (arrival, answer) = self.delivery.handle_publish(&publish)?;
                self.answer(answer)?;
                Ok(match arrival {
                    Arrival::New(handle) => Handled::Event(LinkEvent::Message(publish, handle)),
                    Arrival::Duplicate => Handled::Done,
                })
            }
            Packet::Puback(ack) => self.handle_ack(PacketType::Puback, ack, now),
            Packet::Pubrec(ack) => self.handle_ack(PacketType::Pubrec, ack, now),
            Packet::Pubcomp(ack) => self.handle_ack(PacketType::Pubcomp, ack, now),
            Packet::Pubrel(ack) => {
                let answer = self.delivery.handle_pubrel(ack.packet_id);
                self.answer(Some(answer))?;
                Ok(Handled::Done)
            }
            // Only a server acknowledges subscriptions.
            Packet::Suback(suback) if self.sender == Sender::Server => self.handle_suback(suback, now),
            Packet::Unsuback(unsuback) if self.sender == Sender::Server => self.handle_unsuback(unsuback, now),
            other => Ok(Handled::Other(other)),
        }
    }

    fn handle_ack(&mut self, by: PacketType, ack: Ack, now: Instant) -> Result<Handled, Error> {
        let (finished, answer) = self.delivery.handle_ack(by, ack.packet_id, ack.reason, now)?;
        self.answer(answer)?;
        let Some(Finished::Publish { publish, reason }) = finished else {
            return Ok(Handled::Done);
        };
        self.pump(now)?;
        let answer = Reply {
            packet: by,
            reason,
            properties: ack.properties,
        };
        Ok(Handled::Event(LinkEvent::Published { publish, answer }))
    }

    fn handle_suback(&mut self, suback: Suback, now: Instant) -> Result<Handled, Error> {
        let by = PacketType::Suback;
        let (finished, _) = self
            .delivery
            .handle_ack(by, suback.packet_id, ReasonCode::SUCCESS, now)?;
        let Some(Finished::Subscribe(filters)) = finished else {
            return Ok(Handled::Done);
        };
        if filters.len() != suback.reasons.len() {
            return Err(Error::WrongCount(by, suback.reasons.len(), filters.len()));
        }
        Ok(Handled::Event(LinkEvent::Subscribed { filters, suback }))
    }

    fn handle_unsuback(&mut self, unsuback: Unsuback, now: Instant) -> Result<Handled, Error> {
        let by = PacketType::Unsuback;
        let (finished, _) = self
            .delivery
            .handle_ack(by, unsuback.packet_id, ReasonCode::SUCCESS, now)?;
        Ok(match finished {
            Some(Finished::Unsubscribe(filters)) => Handled::Event(LinkEvent::Unsubscribed { filters, unsuback }),
            _ => Handled::Done,
        })
    }

    pub(super) fn acknowledge(&mut self, handle: AckHandle, reason: ReasonCode) -> Result<(), Error> {
        let answer = self.delivery.acknowledge(handle, reason);
        if !self.open {
            return Ok(());
        }
        Ok(self.answer(answer)?)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.delivery.poll_timeout().filter(|_| self.open)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if !self.open {
            return Ok(());
        }
        for packet in self.delivery.handle_timeout(now)? {
            self.resend(packet)?;
        }
        Ok(())
    }
}

/// What became of a packet.
pub(super) enum Handled {
    Done,
    Event(LinkEvent),
    Other(Packet),
}

/// Receive Maximum of CONNECT or CONNACK; 65,535 when absent.
pub(super) fn receive_maximum(properties: &Properties) -> u16 {
    properties.u16(PropertyId::ReceiveMaximum).unwrap_or(u16::MAX)
}

/// Topic Alias Maximum of CONNECT or CONNACK; 0 when absent.
pub(super) fn topic_alias_maximum(properties: &Properties) -> u16 {
    properties.u16(PropertyId::TopicAliasMaximum).unwrap_or(0)
}
