//! When the messages of one publisher are due: pure arithmetic on the plan. It must not know the clock, or whether
//! anything is sent in time.

use super::{Arrival, Load};
use std::time::Duration;

/// The due times of one publisher, in order, from the start of publishing.
#[derive(Debug)]
pub(super) struct Schedule {
    arrival: Arrival,
    /// Seconds between two messages (or bursts) of this publisher.
    interval: f64,
    /// The first one.
    offset: f64,
    index: u64,
    /// Poisson: the time reached.
    at: f64,
    random: fastrand::Rng,
    warm_up: Duration,
    /// No message is due from here on; `None` when the count ends it.
    end: Option<Duration>,
    /// Measured messages that are still to come; `None` when the duration ends it.
    left: Option<u64>,
}

/// A message that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// From the start of publishing.
    pub(super) at: Duration,
    /// False in the warm-up.
    pub(super) measured: bool,
}

impl Schedule {
    /// That of one publisher of the load. Publishers share the rate, and take turns.
    pub(super) fn new(load: &Load, publisher: u32) -> Self {
        let publishers = f64::from(load.publishers.max(1));
        let burst = match load.arrival {
            Arrival::Burst(size) => f64::from(size.max(1)),
            _ => 1.0,
        };
        let share = u64::from(load.publishers.max(1));
        let interval = load.rate.map_or(0.0, |rate| publishers * burst / rate);
        Self {
            arrival: load.arrival,
            interval,
            offset: interval * f64::from(publisher) / publishers,
            index: 0,
            at: 0.0,
            random: fastrand::Rng::with_seed(load.seed ^ (u64::from(publisher) << 32 | 0x5eed)),
            warm_up: load.warm_up,
            end: load.count.is_none().then_some(load.warm_up + load.duration),
            left: load
                .count
                .map(|count| count / share + u64::from(u64::from(publisher) < count % share)),
        }
    }

    /// The next message. In a closed loop it is due now, whenever that is.
    pub(super) fn next(&mut self, now: Duration) -> Option<Due> {
        let at = match self.arrival {
            Arrival::Closed => now,
            Arrival::Constant => seconds(self.offset + self.interval * exact(self.index)),
            Arrival::Burst(size) => seconds(self.offset + self.interval * exact(self.index / u64::from(size.max(1)))),
            Arrival::Poisson => {
                // 1 - f64() is never zero.
                self.at -= self.interval * (1.0 - self.random.f64()).ln();
                seconds(self.at)
            }
        };
        if self.end.is_some_and(|end| at >= end) || self.left == Some(0) {
            self.left = Some(0);
            return None;
        }
        self.index += 1;
        let measured = at >= self.warm_up;
        if measured {
            self.left = self.left.map(|left| left - 1);
        }
        Some(Due { at, measured })
    }

    /// Whether no message can be due any more.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.end.is_some_and(|end| now >= end) || self.left == Some(0)
    }

    /// Whether messages are due whenever the last one is done.
    pub(super) fn is_closed(&self) -> bool {
        self.arrival == Arrival::Closed
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// Exact for 2^53 messages.
#[allow(clippy::cast_precision_loss)]
fn exact(index: u64) -> f64 {
    index as f64
}
