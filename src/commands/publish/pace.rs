//! When the next message may go. Pure: the time is told. It must not know where messages come from.

use super::source::Item;
use crate::protocol::QoS;
use std::time::Duration;
use tokio::time::Instant;

/// The rule.
pub(super) enum Pace {
    /// As fast as the broker takes them.
    AtOnce,
    /// The next so long after the one before was sent, or acknowledged.
    Repeat { delay: Duration, next: Next },
    /// As they were recorded, so many times as fast; the first at once.
    Replay {
        speed: f64,
        /// When the first was recorded, since 1970, and when it went.
        start: Option<(Duration, Instant)>,
    },
}

/// When a repetition may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Now,
    At(Instant),
    AfterAcknowledgement,
    /// Beyond what a clock can count.
    Never,
}

impl Pace {
    /// Repetitions with a delay between.
    pub(super) fn repeat(delay: Duration) -> Self {
        Self::Repeat { delay, next: Next::Now }
    }

    /// As recorded.
    pub(super) fn replay(speed: f64) -> Self {
        Self::Replay { speed, start: None }
    }

    /// When a message may go; `None` when something else must happen first.
    pub(super) fn due(&mut self, item: &Item, now: Instant) -> Option<Instant> {
        match self {
            Self::AtOnce => Some(now),
            Self::Repeat { next, .. } => match next {
                Next::Now => Some(now),
                Next::At(at) => Some(*at),
                Next::AfterAcknowledgement | Next::Never => None,
            },
            Self::Replay { speed, start } => {
                let recorded = item.recorded.unwrap_or_default();
                let (first, began) = *start.get_or_insert((recorded, now));
                // A recording whose clock was set back goes on at once.
                let later = recorded.saturating_sub(first).as_secs_f64() / *speed;
                began.checked_add(Duration::try_from_secs_f64(later).ok()?)
            }
        }
    }

    /// A message went out. The clock is looked at only where it matters.
    pub(super) fn sent(&mut self, qos: QoS, clock: impl FnOnce() -> Instant) {
        if let Self::Repeat { delay, next } = self {
            *next = match qos {
                QoS::AtMostOnce => Next::after(clock(), *delay),
                QoS::AtLeastOnce | QoS::ExactlyOnce => Next::AfterAcknowledgement,
            };
        }
    }

    /// A message reached its end.
    pub(super) fn acknowledged(&mut self, clock: impl FnOnce() -> Instant) {
        if let Self::Repeat { delay, next } = self {
            *next = Next::after(clock(), *delay);
        }
    }
}

impl Next {
    fn after(now: Instant, delay: Duration) -> Self {
        now.checked_add(delay).map_or(Self::Never, Self::At)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Properties, Publish, Utf8};
    use bytes::Bytes;

    fn item(recorded: Option<u64>) -> Item {
        Item {
            publish: Publish {
                dup: false,
                qos: QoS::AtMostOnce,
                retain: false,
                topic: Utf8::default(),
                packet_id: None,
                properties: Properties::new(),
                payload: Bytes::new(),
            },
            line: None,
            recorded: recorded.map(Duration::from_millis),
        }
    }

    #[test]
    fn a_replay_keeps_the_recorded_intervals_whatever_sending_costs() {
        let began = Instant::now();
        for (speed, factor) in [(1.0, 1.0), (4.0, 0.25), (0.5, 2.0)] {
            let mut pace = Pace::replay(speed);
            let mut now = began;
            for (recorded, after) in [(5_000, 0.0), (5_100, 100.0), (4_000, 0.0), (9_000, 4_000.0)] {
                let due = pace.due(&item(Some(recorded)), now).unwrap();
                let expected = Duration::from_secs_f64(after * factor / 1000.0);
                assert_eq!(due, began + expected, "{recorded} at speed {speed}");
                now = due.max(now) + Duration::from_millis(30);
            }
        }
        // Asking again changes nothing, and what no clock can count is never due.
        let mut pace = Pace::replay(1e-300);
        assert_eq!(pace.due(&item(Some(1)), began), Some(began));
        assert_eq!(pace.due(&item(Some(1)), began + Duration::from_secs(1)), Some(began));
        assert_eq!(pace.due(&item(Some(2)), began), None);
    }

    #[test]
    fn a_repetition_follows_what_was_sent_or_acknowledged() {
        let (now, delay) = (Instant::now(), Duration::from_secs(3));
        let mut pace = Pace::repeat(delay);
        assert_eq!(pace.due(&item(None), now), Some(now));
        pace.sent(QoS::AtMostOnce, || now);
        assert_eq!(pace.due(&item(None), now), Some(now + delay));
        pace.sent(QoS::AtLeastOnce, || now + delay);
        assert_eq!(pace.due(&item(None), now + delay * 9), None);
        pace.acknowledged(|| now + delay * 9);
        assert_eq!(pace.due(&item(None), now), Some(now + delay * 10));
        let mut pace = Pace::repeat(Duration::MAX);
        pace.sent(QoS::AtMostOnce, || now);
        assert_eq!(pace.due(&item(None), now), None);
    }
}
