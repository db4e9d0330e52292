//! When to try again: exponential back-off with jitter, under a limit. It must not know the clock or why it failed.

use std::time::{Duration, Instant};

/// The delay before the second attempt; the first one after a loss comes at once.
const FIRST: Duration = Duration::from_millis(100);
/// No delay is longer.
const LONGEST: Duration = Duration::from_secs(10);

/// Attempts since the last working connection.
#[derive(Debug)]
pub(super) struct BackOff {
    random: fastrand::Rng,
    /// How long to keep trying; `None` has no limit.
    limit: Option<Duration>,
    began: Instant,
    attempts: u32,
}

impl BackOff {
    pub(super) fn new(seed: u64, limit: Option<Duration>, now: Instant) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            limit,
            began: now,
            attempts: 0,
        }
    }

    /// A connection worked, and is lost now: the limit is counted from here.
    pub(super) fn restart(&mut self, limit: Option<Duration>, now: Instant) {
        (self.limit, self.began, self.attempts) = (limit, now, 0);
    }

    /// How long to wait before the next attempt; `None` when the limit leaves no time for one.
    pub(super) fn next(&mut self, now: Instant) -> Option<Duration> {
        let full = FIRST.saturating_mul(1 << self.attempts.min(10)).min(LONGEST);
        // Between half and all of it, so that many clients of one broker do not come back together.
        let wait = full.mul_f64(0.5 + self.random.f64() / 2.0);
        let left = self
            .limit
            .map(|limit| limit.saturating_sub(now.saturating_duration_since(self.began)));
        if left.is_some_and(|left| left.is_zero()) {
            return None;
        }
        self.attempts += 1;
        Some(left.map_or(wait, |left| wait.min(left)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_and_stops_at_the_limit() {
        let start = Instant::now();
        let mut back_off = BackOff::new(1, None, start);
        let waits: Vec<_> = (0..12).filter_map(|_| back_off.next(start)).collect();
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST, "{waits:?}");
        assert!(waits[11] >= LONGEST / 2 && waits[11] <= LONGEST, "{waits:?}");
        back_off.restart(Some(Duration::from_secs(60)), start);
        assert!(
            back_off
                .next(start + Duration::from_secs(59))
                .is_some_and(|wait| wait <= Duration::from_secs(1))
        );
        assert_eq!(back_off.next(start + Duration::from_secs(60)), None);
        assert_eq!(BackOff::new(1, Some(Duration::ZERO), start).next(start), None);
    }
}
