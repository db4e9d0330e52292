//! What one end has sent and the other has not answered yet. It must not know the rules.

use crate::protocol::{PacketId, PacketType, QoS, Utf8};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Bytes of topics that are kept for one end; beyond, requests are followed without their topic.
const TOPIC_BYTES: usize = 1 << 20;
/// PINGREQs that wait for their answer.
const PINGS: usize = 64;

/// How far the exchange for a packet identifier has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// PUBLISH at this QoS was sent.
    Publish(QoS),
    /// PUBREC was received.
    Pubrec,
    /// PUBREL was sent.
    Pubrel,
    /// SUBSCRIBE was sent.
    Subscribe,
    /// UNSUBSCRIBE was sent.
    Unsubscribe,
}

impl Stage {
    /// The packet that has no answer yet.
    pub(super) fn waiting(self) -> PacketType {
        match self {
            Self::Publish(_) => PacketType::Publish,
            Self::Pubrec => PacketType::Pubrec,
            Self::Pubrel => PacketType::Pubrel,
            Self::Subscribe => PacketType::Subscribe,
            Self::Unsubscribe => PacketType::Unsubscribe,
        }
    }

    /// Does it count against the receive maximum (version 5, section 4.9)?
    fn counts(self) -> bool {
        matches!(self, Self::Publish(_) | Self::Pubrec | Self::Pubrel)
    }
}

/// A request that is not finished.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) stage: Stage,
    /// When the last step was taken.
    pub(super) time: Option<Duration>,
    pub(super) topic: Option<Utf8>,
    /// The maximum QoS of each filter of a SUBSCRIBE; one entry for each filter of an UNSUBSCRIBE.
    pub(super) filters: Vec<QoS>,
}

/// The requests of one end.
#[derive(Debug, Default)]
pub(super) struct Outstanding {
    requests: BTreeMap<PacketId, Request>,
    topic_bytes: usize,
    publishes: usize,
    pings: VecDeque<Option<Duration>>,
}

impl Outstanding {
    pub(super) fn request(&self, id: PacketId) -> Option<&Request> {
        self.requests.get(&id)
    }

    /// PUBLISHes that count against the receive maximum.
    pub(super) fn publishes(&self) -> usize {
        self.publishes
    }

    pub(super) fn start(
        &mut self,
        id: PacketId,
        stage: Stage,
        time: Option<Duration>,
        topic: Option<&Utf8>,
        filters: Vec<QoS>,
    ) {
        self.end(id);
        let topic = topic
            .filter(|topic| self.topic_bytes + topic.len() <= TOPIC_BYTES)
            .map(Utf8::detached);
        self.topic_bytes += topic.as_ref().map_or(0, Utf8::len);
        self.publishes += usize::from(stage.counts());
        self.requests.insert(
            id,
            Request {
                stage,
                time,
                topic,
                filters,
            },
        );
    }

    /// The next step of a request; gives it as it was.
    pub(super) fn step(&mut self, id: PacketId, stage: Stage, time: Option<Duration>) -> Option<Request> {
        let request = self.requests.get_mut(&id)?;
        let before = request.clone();
        request.stage = stage;
        request.time = time;
        Some(before)
    }

    pub(super) fn end(&mut self, id: PacketId) -> Option<Request> {
        let request = self.requests.remove(&id)?;
        self.topic_bytes -= request.topic.as_ref().map_or(0, Utf8::len);
        self.publishes -= usize::from(request.stage.counts());
        Some(request)
    }

    pub(super) fn ping(&mut self, time: Option<Duration>) {
        if self.pings.len() < PINGS {
            self.pings.push_back(time);
        }
    }

    /// The oldest PINGREQ that has no answer; the outer `None` when there is none.
    pub(super) fn pong(&mut self) -> Option<Option<Duration>> {
        self.pings.pop_front()
    }

    pub(super) fn waiting_pings(&self) -> usize {
        self.pings.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PacketId, &Request)> {
        self.requests.iter().map(|(id, request)| (*id, request))
    }
}
