//! The retained message of a topic, fetched before a message is published. Whether there is one is known without a wait:
//! SUBSCRIBE brings the retained message, and the answer to UNSUBSCRIBE ends what comes `[MQTT-3.10.4-2]`. A broker that is
//! slow to look it up costs a message that was not necessary, never one that was.

use crate::client::Client;
use crate::protocol::{Properties, Publish, QoS, ReasonCode, Subscription, Utf8};
use crate::session::AckHandle;
use bytes::Bytes;

/// The retained message of one topic.
pub(super) struct Fetch {
    topic: Utf8,
    phase: Phase,
    retained: Option<Bytes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is no connection, or there was none.
    Waiting,
    Subscribing,
    Unsubscribing,
    Known,
}

impl Fetch {
    /// Of this topic.
    pub(super) fn new(topic: Utf8) -> Self {
        Self {
            topic,
            phase: Phase::Waiting,
            retained: None,
        }
    }

    /// True when the answer is there.
    pub(super) fn is_done(&self) -> bool {
        self.phase == Phase::Known
    }

    /// Whether a message has another payload than the retained message. An empty one deletes that.
    pub(super) fn differs(&self, publish: &Publish) -> bool {
        self.retained.as_deref().unwrap_or_default() != &publish.payload[..]
    }

    /// A connection is there.
    pub(super) fn connected(&mut self, client: &mut Client) -> anyhow::Result<()> {
        if self.phase == Phase::Waiting {
            // Marks retained messages as such even when they are published right now.
            let mut subscription = Subscription::new(self.topic.clone(), QoS::AtLeastOnce);
            subscription.retain_as_published = true;
            client.subscribe(vec![subscription], Properties::new())?;
            self.phase = Phase::Subscribing;
        }
        Ok(())
    }

    /// A connection is gone: all over again.
    pub(super) fn lost(&mut self, client: &mut Client) -> anyhow::Result<()> {
        if !self.is_done() {
            // Without a connection this forgets the subscription, which would be made by itself otherwise.
            client.unsubscribe(vec![self.topic.clone()], Properties::new())?;
            self.retained = None;
            self.phase = Phase::Waiting;
        }
        Ok(())
    }

    /// A message came; one that is not asked for is left to whom this session belongs.
    pub(super) fn message(&mut self, client: &mut Client, publish: &Publish, handle: AckHandle) -> anyhow::Result<()> {
        if !self.is_done() && publish.topic == self.topic {
            if publish.retain {
                self.retained = Some(publish.payload.clone());
            }
            client.acknowledge(handle)?;
        }
        Ok(())
    }

    /// The answer to SUBSCRIBE; gives the reason of a refusal.
    pub(super) fn subscribed(
        &mut self,
        client: &mut Client,
        granted: &[(Utf8, ReasonCode)],
    ) -> anyhow::Result<Option<ReasonCode>> {
        let refused = granted
            .iter()
            .map(|(_, reason)| *reason)
            .find(|reason| reason.is_failure());
        if refused.is_none() {
            client.unsubscribe(vec![self.topic.clone()], Properties::new())?;
            self.phase = Phase::Unsubscribing;
        }
        Ok(refused)
    }

    /// The answer to UNSUBSCRIBE.
    pub(super) fn unsubscribed(&mut self) {
        if self.phase == Phase::Unsubscribing {
            self.phase = Phase::Known;
        }
    }
}
