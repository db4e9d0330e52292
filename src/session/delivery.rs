//! Messages on their way at QoS 1 and 2, both ways, for client and server alike: packet identifiers, send window,
//! resending, de-duplication. It outlives a connection. It must not know sockets or who the peer is.

use super::Error;
use super::acknowledgement::{Stage, Step};
use crate::protocol::{
    Ack, Packet, PacketId, PacketType, PropertyId, Publish, QoS, ReasonCode, Subscribe, Unsubscribe, Utf8,
};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Messages on their way. Identifiers are given in a circle: exchange number n has the identifier n mod 65535 + 1, so
/// an acknowledgement finds its exchange by subtraction.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Exchanges in the order of their start; `None` is one that ended before an older one did.
    exchanges: VecDeque<Option<Exchange>>,
    /// Number of the first of them.
    first: u64,
    /// Index of the next one to send again after a reconnect.
    cursor: usize,
    /// Messages that have no identifier yet.
    queue: VecDeque<Queued>,
    /// Messages sent on this connection that are not acknowledged.
    outstanding: usize,
    limits: Limits,
    /// QoS 2 messages that were received and not released.
    incoming: HashMap<PacketId, Incoming>,
    /// QoS 1 messages that were received and not acknowledged.
    incoming_qos1: usize,
    /// Counts connections, so that an old acknowledgement is not sent on a new one.
    epoch: u32,
    expired: u64,
    uncertain: u64,
    /// The peer has once answered a message with PUBREC.
    knows_qos2: bool,
}

/// What this connection allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Unacknowledged messages on their way to the peer.
    pub(super) window: u16,
    /// Unacknowledged messages that the peer may send.
    pub(super) receive_maximum: u16,
    /// End the connection when an acknowledgement takes longer.
    pub(super) ack_timeout: Option<Duration>,
    /// Send again after so long: 3.1 and 3.1.1 only `[MQTT-4.4.0-1]`.
    pub(super) resend_interval: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: 0,
            receive_maximum: u16::MAX,
            ack_timeout: None,
            resend_interval: None,
        }
    }
}

#[derive(Debug)]
struct Exchange {
    what: What,
    /// When its last step was made, by either side.
    since: Instant,
    sent_at: Instant,
    /// On how many connections it was sent.
    connections: u32,
}

#[derive(Debug)]
enum What {
    /// PUBLISH was sent, PUBACK or PUBREC is to come; once released, PUBREL was sent and PUBCOMP is to come. The
    /// message is kept until then, for the case that the peer loses its session.
    Publish {
        publish: Publish,
        released: bool,
    },
    Subscribe(Vec<Utf8>),
    Unsubscribe(Vec<Utf8>),
}

#[derive(Debug)]
struct Queued {
    publish: Publish,
    since: Instant,
    /// On how many connections it was sent already.
    connections: u32,
}

#[derive(Debug, Clone, Copy)]
struct Incoming {
    /// The application has taken it: a copy gets PUBREC and nothing else.
    taken: bool,
    /// The connection on which it came first: the identifier may be given again after it was lost.
    born: u32,
    /// The connection on which it came last.
    epoch: u32,
}

/// To be given back to `acknowledge` once a message has been handed on. The default is that of a message at QoS 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AckHandle(Option<Pending>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pending {
    packet_id: PacketId,
    qos2: bool,
    epoch: u32,
}

/// The end of an exchange that this side began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finished {
    /// With what the peer says of it in the end.
    Publish {
        publish: Publish,
        reason: ReasonCode,
    },
    Subscribe(Vec<Utf8>),
    Unsubscribe(Vec<Utf8>),
}

/// What a received PUBLISH is.
#[derive(Debug)]
pub(super) enum Arrival {
    New(AckHandle),
    Duplicate,
}

/// One less than the number of identifiers, so that the oldest and the newest are never the same.
const MAX_SPAN: usize = 65_534;

impl Delivery {
    /// Messages that wait for their turn.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Messages that are sent or wait, and are not acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        let sent = self
            .exchanges
            .iter()
            .flatten()
            .filter(|exchange| exchange.publish().is_some())
            .count();
        self.queue.len() + sent
    }

    /// The oldest message that was sent and has no answer at all, and on how many connections it was sent.
    pub(super) fn oldest(&self) -> Option<(&Publish, u32)> {
        self.exchanges
            .iter()
            .flatten()
            .find_map(|exchange| match &exchange.what {
                What::Publish {
                    publish,
                    released: false,
                } => Some((publish, exchange.connections)),
                _ => None,
            })
    }

    /// True when nothing is on its way out.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.exchanges.is_empty()
    }

    /// True when a message could be sent at once.
    pub(super) fn has_room(&self) -> bool {
        self.has_room_for(QoS::AtLeastOnce)
    }

    /// True when a message of this QoS could be sent at once.
    pub(super) fn has_room_for(&self, qos: QoS) -> bool {
        let nothing_before = self.queue.is_empty() && self.cursor >= self.exchanges.len();
        nothing_before && (qos == QoS::AtMostOnce || self.window_open())
    }

    /// True when more than half of the window is in use.
    pub(super) fn is_busy(&self) -> bool {
        self.outstanding > usize::from(self.limits.window / 2)
    }

    fn window_open(&self) -> bool {
        self.outstanding < usize::from(self.limits.window) && self.exchanges.len() < MAX_SPAN
    }

    /// Messages whose expiry interval ran out while they waited, since the last call.
    pub fn take_expired(&mut self) -> u64 {
        std::mem::take(&mut self.expired)
    }

    /// QoS 2 messages that are sent again as new because the peer lost its session after PUBREC: the one case in which
    /// a receiver may see them twice. Since the last call.
    pub fn take_uncertain(&mut self) -> u64 {
        std::mem::take(&mut self.uncertain)
    }

    /// True when a QoS 2 message was sent on this connection and the peer has never answered one with PUBREC.
    pub(super) fn lacks_pubrec(&self) -> bool {
        let is_qos2 = |publish: &Publish| publish.qos == QoS::ExactlyOnce;
        let mut sent = self.exchanges.iter().take(self.cursor).flatten();
        !self.knows_qos2 && sent.any(|exchange| exchange.publish().is_some_and(is_qos2))
    }

    // ----- connections

    /// The connection is gone: nothing is outstanding, nothing may be acknowledged on it.
    pub(super) fn disconnected(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.limits.window = 0;
        self.outstanding = 0;
        self.incoming_qos1 = 0;
        // Subscriptions are the client's to repeat.
        for slot in &mut self.exchanges {
            slot.take_if(|exchange| exchange.publish().is_none());
        }
        self.pop_ended();
        self.cursor = 0;
    }

    /// A connection begins. `resumed` says whether the peer still has its half of the session `[MQTT-4.4.0-1]`.
    pub(super) fn connected(&mut self, limits: Limits, resumed: bool, now: Instant) {
        self.limits = limits;
        self.cursor = 0;
        self.outstanding = 0;
        if resumed {
            return;
        }
        self.incoming.clear();
        // The peer knows nothing of these: they begin again, in front of what waits.
        let exchanges = std::mem::take(&mut self.exchanges);
        self.first += exchanges.len() as u64;
        for exchange in exchanges.into_iter().flatten().rev() {
            if let What::Publish { mut publish, released } = exchange.what {
                self.uncertain += u64::from(released);
                publish.dup = false;
                publish.packet_id = None;
                // Its message expiry interval begins anew: rather late than dropped without a word.
                let connections = exchange.connections;
                self.queue.push_front(Queued {
                    publish,
                    since: now,
                    connections,
                });
            }
        }
    }

    // ----- sending

    /// Puts a message in line, to be sent when its turn has come.
    pub fn publish(&mut self, publish: Publish, now: Instant) {
        self.queue.push_back(Queued {
            publish,
            since: now,
            connections: 0,
        });
    }

    /// The next packet that has to be sent again on this connection.
    pub(super) fn poll_resend(&mut self, now: Instant) -> Option<Packet> {
        while let Some(slot) = self.exchanges.get_mut(self.cursor) {
            let open = self.outstanding < usize::from(self.limits.window);
            match slot {
                Some(Exchange {
                    what: What::Publish { released: false, .. },
                    ..
                }) if !open => return None,
                Some(exchange) => {
                    self.cursor += 1;
                    if exchange.publish().is_some() {
                        self.outstanding += 1;
                        return exchange.again(number_id(self.first + self.cursor as u64 - 1), now);
                    }
                }
                None => self.cursor += 1,
            }
        }
        None
    }

    /// The first message that waits, when it may be sent now, and on how many connections it was sent already.
    pub(super) fn poll_queue(&mut self, now: Instant) -> Option<(Publish, u32)> {
        loop {
            let next = self.queue.front().filter(|_| self.cursor >= self.exchanges.len())?;
            if next.publish.qos != QoS::AtMostOnce && !self.window_open() {
                return None;
            }
            let Queued {
                mut publish,
                since,
                connections,
            } = self.queue.pop_front()?;
            if reduce_expiry(&mut publish, now.saturating_duration_since(since)) {
                return Some((publish, connections));
            }
            self.expired += 1;
        }
    }

    /// The identifier of the next message or subscription.
    pub(super) fn next_id(&self) -> PacketId {
        number_id(self.first + self.exchanges.len() as u64)
    }

    /// A message is written with [`Self::next_id`]: its acknowledgement is waited for.
    pub(super) fn sent(&mut self, publish: Publish, connections: u32, now: Instant) {
        let what = What::Publish {
            publish,
            released: false,
        };
        self.start(what, connections, now);
        self.outstanding += 1;
    }

    /// Takes back a message or subscription that cannot be written.
    pub(super) fn withdraw(&mut self, packet_id: PacketId) {
        self.end(packet_id);
    }

    fn start(&mut self, what: What, connections: u32, now: Instant) -> PacketId {
        let index = self.exchanges.len();
        self.exchanges.push_back(Some(Exchange {
            what,
            since: now,
            sent_at: now,
            connections,
        }));
        if self.cursor == index {
            self.cursor += 1;
        }
        number_id(self.first + index as u64)
    }

    /// Gives a SUBSCRIBE its identifier. `None` when all identifiers are in use.
    pub(super) fn subscribe(&mut self, packet: &mut Subscribe, now: Instant) -> Option<()> {
        if self.exchanges.len() >= MAX_SPAN {
            return None;
        }
        let filters = packet.subscriptions.iter().map(|s| s.filter.clone()).collect();
        packet.packet_id = self.start(What::Subscribe(filters), 1, now);
        Some(())
    }

    /// Gives an UNSUBSCRIBE its identifier. `None` when all identifiers are in use.
    pub(super) fn unsubscribe(&mut self, packet: &mut Unsubscribe, now: Instant) -> Option<()> {
        if self.exchanges.len() >= MAX_SPAN {
            return None;
        }
        packet.packet_id = self.start(What::Unsubscribe(packet.filters.clone()), 1, now);
        Some(())
    }

    fn index(&self, packet_id: PacketId) -> Option<usize> {
        let numbers = u64::from(u16::MAX);
        let ahead = (u64::from(packet_id.get() - 1) + numbers - self.first % numbers) % numbers;
        usize::try_from(ahead)
            .ok()
            .filter(|index| *index < self.exchanges.len())
    }

    fn exchange(&mut self, packet_id: PacketId) -> Option<&mut Exchange> {
        let index = self.index(packet_id)?;
        self.exchanges.get_mut(index)?.as_mut()
    }

    fn end(&mut self, packet_id: PacketId) -> Option<What> {
        let index = self.index(packet_id)?;
        let exchange = self.exchanges.get_mut(index)?.take()?;
        if exchange.publish().is_some() && index < self.cursor {
            self.outstanding = self.outstanding.saturating_sub(1);
        }
        self.pop_ended();
        Some(exchange.what)
    }

    fn pop_ended(&mut self) {
        while matches!(self.exchanges.front(), Some(None)) {
            self.exchanges.pop_front();
            self.first += 1;
            self.cursor = self.cursor.saturating_sub(1);
        }
    }

    /// PUBACK, PUBREC, PUBCOMP, SUBACK or UNSUBACK: what it ends, and the packet that answers it.
    ///
    /// # Errors
    /// [`Error::WrongAcknowledgement`].
    pub(super) fn handle_ack(
        &mut self,
        by: PacketType,
        packet_id: PacketId,
        reason: ReasonCode,
        now: Instant,
    ) -> Result<(Option<Finished>, Option<Packet>), Error> {
        self.knows_qos2 |= by == PacketType::Pubrec;
        let stage = self
            .exchange(packet_id)
            .map_or(Stage::Unknown, |exchange| exchange.stage());
        let pubrel = |reason| Packet::Pubrel(Ack::new(packet_id, reason));
        match stage.step(by, reason.is_failure()) {
            Step::End => {}
            Step::Release => {
                if let Some(exchange) = self.exchange(packet_id) {
                    exchange.release(now);
                }
                return Ok((None, Some(pubrel(ReasonCode::SUCCESS))));
            }
            Step::ReleaseUnknown => {
                return Ok((None, Some(pubrel(ReasonCode::PACKET_IDENTIFIER_NOT_FOUND))));
            }
            Step::Nothing => return Ok((None, None)),
            Step::Wrong(expected) => {
                return Err(Error::WrongAcknowledgement {
                    packet: by,
                    packet_id,
                    expected,
                });
            }
        }
        let finished = self.end(packet_id).map(|what| match what {
            What::Publish { publish, released } => {
                // The peer took the message and has done with it: its first PUBCOMP was lost with the connection.
                let done = released && reason == ReasonCode::PACKET_IDENTIFIER_NOT_FOUND;
                let reason = if done { ReasonCode::SUCCESS } else { reason };
                Finished::Publish { publish, reason }
            }
            What::Subscribe(filters) => Finished::Subscribe(filters),
            What::Unsubscribe(filters) => Finished::Unsubscribe(filters),
        });
        Ok((finished, None))
    }

    // ----- receiving

    /// A PUBLISH arrived.
    pub(super) fn handle_publish(&mut self, publish: &Publish) -> Result<(Arrival, Option<Packet>), Error> {
        let epoch = self.epoch;
        let Some(packet_id) = publish.packet_id else {
            return Ok((Arrival::New(AckHandle(None)), None));
        };
        let qos2 = publish.qos == QoS::ExactlyOnce;
        let handle = AckHandle(Some(Pending { packet_id, qos2, epoch }));
        if !qos2 {
            self.incoming_qos1 += 1;
            self.check_receive_maximum()?;
            return Ok((Arrival::New(handle), None));
        }
        if let Some(known) = self.incoming.get_mut(&packet_id) {
            known.epoch = epoch;
            let again = known
                .taken
                .then(|| Packet::Pubrec(Ack::new(packet_id, ReasonCode::SUCCESS)));
            return Ok((Arrival::Duplicate, again));
        }
        self.incoming.insert(
            packet_id,
            Incoming {
                taken: false,
                born: epoch,
                epoch,
            },
        );
        self.check_receive_maximum()?;
        Ok((Arrival::New(handle), None))
    }

    fn check_receive_maximum(&self) -> Result<(), Error> {
        // Identifiers of an earlier connection are not part of this connection's quota until they come again.
        let maximum = self.limits.receive_maximum;
        if self.incoming_qos1 + self.incoming.len() <= usize::from(maximum) {
            return Ok(());
        }
        let qos2 = self
            .incoming
            .values()
            .filter(|incoming| incoming.epoch == self.epoch)
            .count();
        if self.incoming_qos1 + qos2 > usize::from(maximum) {
            return Err(Error::ReceiveMaximumExceeded(maximum));
        }
        Ok(())
    }

    /// The application has handed a message on; gives the packet that says so, if it still may be sent.
    pub(super) fn acknowledge(&mut self, handle: AckHandle, reason: ReasonCode) -> Option<Packet> {
        let Pending { packet_id, qos2, epoch } = handle.0?;
        let ack = Ack::new(packet_id, reason);
        if !qos2 {
            if epoch != self.epoch {
                return None;
            }
            self.incoming_qos1 = self.incoming_qos1.saturating_sub(1);
            return Some(Packet::Puback(ack));
        }
        let known = self.incoming.get_mut(&packet_id).filter(|known| known.born == epoch)?;
        known.taken = true;
        let current = known.epoch == self.epoch;
        if reason.is_failure() {
            self.incoming.remove(&packet_id);
        }
        // After a reconnect the peer sends the message again, and that copy is answered.
        current.then_some(Packet::Pubrec(ack))
    }

    /// PUBREL: the peer will not send this message again `[MQTT-4.3.3-12]`.
    pub(super) fn handle_pubrel(&mut self, packet_id: PacketId) -> Packet {
        let known = self.incoming.remove(&packet_id).is_some();
        let reason = if known {
            ReasonCode::SUCCESS
        } else {
            ReasonCode::PACKET_IDENTIFIER_NOT_FOUND
        };
        Packet::Pubcomp(Ack::new(packet_id, reason))
    }

    // ----- time

    /// When [`Self::handle_timeout`] has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let oldest = self.exchanges.front()?.as_ref().filter(|_| self.cursor > 0)?;
        let dead = self.limits.ack_timeout.map(|limit| oldest.since + limit);
        let again = self.limits.resend_interval.map(|interval| oldest.sent_at + interval);
        [dead, again].into_iter().flatten().min()
    }

    /// Gives what has waited longer than the resend interval, to be sent again.
    ///
    /// # Errors
    /// [`Error::AckTimeout`].
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<Vec<Packet>, Error> {
        let Some(oldest) = self
            .exchanges
            .front()
            .and_then(Option::as_ref)
            .filter(|_| self.cursor > 0)
        else {
            return Ok(Vec::new());
        };
        if let Some(limit) = self.limits.ack_timeout.filter(|limit| oldest.since + *limit <= now) {
            return Err(Error::AckTimeout(limit));
        }
        let Some(interval) = self.limits.resend_interval else {
            return Ok(Vec::new());
        };
        let numbers = self.first..;
        let sent = self.exchanges.iter_mut().take(self.cursor).zip(numbers);
        let due = sent.filter_map(|(slot, number)| {
            let exchange = slot.as_mut().filter(|exchange| exchange.sent_at + interval <= now)?;
            exchange.sent_at = now;
            exchange.packet(number_id(number))
        });
        Ok(due.collect())
    }
}

impl Exchange {
    fn publish(&self) -> Option<&Publish> {
        match &self.what {
            What::Publish { publish, .. } => Some(publish),
            What::Subscribe(_) | What::Unsubscribe(_) => None,
        }
    }

    fn stage(&self) -> Stage {
        match &self.what {
            What::Publish { publish, released } => Stage::of(publish.qos, *released),
            What::Subscribe(_) => Stage::Subscribe,
            What::Unsubscribe(_) => Stage::Unsubscribe,
        }
    }

    fn release(&mut self, now: Instant) {
        if let What::Publish { released, .. } = &mut self.what {
            // A peer that repeats PUBREC for ever is not waited for for ever.
            if !std::mem::replace(released, true) {
                self.since = now;
            }
            self.sent_at = now;
        }
    }

    /// The packet on a new connection.
    fn again(&mut self, packet_id: PacketId, now: Instant) -> Option<Packet> {
        self.connections = self.connections.saturating_add(1);
        self.since = now;
        self.sent_at = now;
        self.packet(packet_id)
    }

    fn packet(&self, packet_id: PacketId) -> Option<Packet> {
        match &self.what {
            What::Publish {
                publish,
                released: false,
            } => Some(Packet::Publish(Publish {
                dup: true,
                packet_id: Some(packet_id),
                ..publish.clone()
            })),
            What::Publish { released: true, .. } => Some(Packet::Pubrel(Ack::new(packet_id, ReasonCode::SUCCESS))),
            What::Subscribe(_) | What::Unsubscribe(_) => None,
        }
    }
}

fn number_id(number: u64) -> PacketId {
    // 1 to 65535, so neither conversion can fail.
    let id = u16::try_from(number % u64::from(u16::MAX)).unwrap_or_default() + 1;
    PacketId::new(id).unwrap_or(PacketId::MIN)
}

/// Takes the time spent waiting off the message expiry interval `[MQTT-3.3.2-6]`; false when nothing is left of it.
fn reduce_expiry(publish: &mut Publish, waited: Duration) -> bool {
    let seconds = u32::try_from(waited.as_secs()).unwrap_or(u32::MAX);
    let Some(interval) = publish.properties.number(PropertyId::MessageExpiryInterval) else {
        return true;
    };
    match interval.checked_sub(seconds) {
        Some(left) if left > 0 => {
            if seconds > 0 {
                publish.properties.set_number(PropertyId::MessageExpiryInterval, left);
            }
            true
        }
        _ => interval == 0 && seconds == 0,
    }
}
