//! The messages that wait for one client, and how full that is. It must not know who sends them.

use crate::protocol::{Publish, QoS};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// More waiting messages than this slow down who sends them; half of it lets them go again.
const HIGH_MESSAGES: usize = 8192;
/// The same in bytes.
const HIGH_BYTES: usize = 4 << 20;
/// A client that takes nothing for so long is not waited for at QoS 0.
pub(super) const STALL: Duration = Duration::from_secs(1);
/// While fewer wait, a message is a slice of the block it was read with; what waits longer is a copy, so that a small
/// message does not keep a large block.
const SLICES: usize = 512;
/// What a waiting message costs beside its bytes.
const OVERHEAD: usize = 160;

/// How much may wait for one client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct Outbox {
    queue: VecDeque<Waiting>,
    bytes: usize,
    bounds: Bounds,
    congested: bool,
    /// When the client last took something, or nothing waited.
    progress: Instant,
}

#[derive(Debug)]
struct Waiting {
    publish: Publish,
    since: Instant,
    size: usize,
}

impl Outbox {
    pub(super) fn new(bounds: Bounds, now: Instant) -> Self {
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            bounds,
            congested: false,
            progress: now,
        }
    }

    /// Over `part` eighths of the bounds, or of what is much in any case.
    fn over(&self, part: usize, messages: usize, bytes: usize) -> bool {
        self.queue.len() > messages.min(self.bounds.messages / 8 * part + self.bounds.messages % 8 * part / 8)
            || self.bytes > bytes.min(self.bounds.bytes / 8 * part)
    }

    /// Whether a message may be added. QoS 0 has to go first.
    pub(super) fn admits(&self, publish: &Publish, now: Instant) -> bool {
        if self.queue.is_empty() {
            return self.bounds.messages > 0;
        }
        let full = self.queue.len() >= self.bounds.messages || self.bytes + size(publish) > self.bounds.bytes;
        let discard = publish.qos == QoS::AtMostOnce
            && !publish.retain
            && self.congested
            && (self.is_stalled(now) || self.over(6, 2 * HIGH_MESSAGES, 2 * HIGH_BYTES));
        !full && !discard
    }

    pub(super) fn push(&mut self, publish: Publish, now: Instant) {
        if self.queue.is_empty() {
            self.progress = now;
        }
        let size = size(&publish);
        self.bytes += size;
        self.queue.push_back(Waiting {
            publish,
            since: now,
            size,
        });
        self.congested = self.congested || self.over(4, HIGH_MESSAGES, HIGH_BYTES);
    }

    /// Whether what is added now should be a copy.
    pub(super) fn wants_copies(&self) -> bool {
        self.queue.len() >= SLICES
    }

    /// QoS of the next message.
    pub(super) fn next_qos(&self) -> Option<QoS> {
        self.queue.front().map(|waiting| waiting.publish.qos)
    }

    /// The next message, and since when it waited.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Publish, Instant)> {
        let Waiting { publish, since, size } = self.queue.pop_front()?;
        self.bytes -= size;
        self.progress = now;
        if self.queue.is_empty() && self.queue.capacity() > 4 * SLICES {
            self.queue = VecDeque::new();
        }
        Some((publish, since))
    }

    /// Removes QoS 0, which is not kept for who is away.
    pub(super) fn keep_for_later(&mut self) {
        self.queue.retain(|waiting| waiting.publish.qos != QoS::AtMostOnce);
        for waiting in &mut self.queue {
            waiting.publish = detached(&waiting.publish);
        }
        self.bytes = self.queue.iter().map(|waiting| waiting.size).sum();
        self.congested = false;
    }

    /// True once, when the backlog of a congested outbox has been worked off far enough.
    pub(super) fn take_relief(&mut self) -> bool {
        let relief = self.congested && !self.over(2, HIGH_MESSAGES / 2, HIGH_BYTES / 2);
        if relief {
            self.congested = false;
        }
        relief
    }

    /// Who sends more should wait.
    pub(super) fn is_congested(&self) -> bool {
        self.congested
    }

    /// Who sends more has to wait, at any QoS.
    pub(super) fn is_nearly_full(&self) -> bool {
        self.over(6, usize::MAX, usize::MAX)
    }

    /// The client has taken nothing for a while.
    pub(super) fn is_stalled(&self, now: Instant) -> bool {
        self.stalls_at() <= now
    }

    pub(super) fn stalls_at(&self) -> Instant {
        self.progress + STALL
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}

/// What a message costs while it waits.
pub(super) fn size(publish: &Publish) -> usize {
    OVERHEAD + publish.topic.len() + publish.payload.len() + publish.properties.size()
}

/// A copy that keeps no block of a connection alive.
pub(super) fn detached(publish: &Publish) -> Publish {
    Publish {
        topic: publish.topic.detached(),
        payload: Bytes::copy_from_slice(&publish.payload),
        properties: publish.properties.detached(),
        ..publish.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Properties, Utf8};

    fn message(qos: QoS, payload: usize) -> Publish {
        Publish {
            dup: false,
            qos,
            retain: false,
            topic: Utf8::new("t").unwrap(),
            packet_id: None,
            properties: Properties::new(),
            payload: Bytes::from(vec![0; payload]),
        }
    }

    #[test]
    fn the_marks_follow_the_bounds() {
        for messages in [4, 10, 100, 100_000] {
            let now = Instant::now();
            let bounds = Bounds {
                messages,
                bytes: usize::MAX,
            };
            let mut outbox = Outbox::new(bounds, now);
            let (mut congested, mut nearly_full) = (None, None);
            for number in 1.. {
                let message = message(QoS::AtLeastOnce, 0);
                if !outbox.admits(&message, now) {
                    break;
                }
                outbox.push(message, now);
                if outbox.is_congested() {
                    congested = congested.or(Some(number));
                }
                if outbox.is_nearly_full() {
                    nearly_full = nearly_full.or(Some(number));
                }
            }
            assert_eq!(outbox.len(), messages);
            assert_eq!(congested, Some((messages / 2).min(HIGH_MESSAGES) + 1), "of {messages}");
            assert_eq!(nearly_full, Some(messages * 3 / 4 + 1), "of {messages}");
            while outbox.pop(now).is_some() && !outbox.take_relief() {}
            assert_eq!(outbox.len(), (messages / 4).min(HIGH_MESSAGES / 2), "of {messages}");
        }
    }

    #[test]
    fn a_message_above_the_bound_passes_alone() {
        let now = Instant::now();
        let bounds = Bounds {
            messages: 10,
            bytes: 1000,
        };
        let mut outbox = Outbox::new(bounds, now);
        let large = message(QoS::AtLeastOnce, 5000);
        assert!(outbox.admits(&large, now));
        outbox.push(large, now);
        assert!(!outbox.admits(&message(QoS::AtLeastOnce, 0), now));
    }
}
