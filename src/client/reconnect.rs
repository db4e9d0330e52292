//! When to try again: exponential back-off with jitter, under a limit. It must not know the clock or why it failed.

use std::time::{Duration, Instant};

/// The delay before the second attempt; the first one after a loss comes at once.
const FIRST: Duration = Duration::from_millis(100);
/// No delay is longer.
const LONGEST: Duration = Duration::from_secs(10);
/// Nor longer than this after a connection that was of use.
const LONGEST_USEFUL: Duration = Duration::from_secs(3);
/// A connection that lives so long lets the delays begin again.
const LIFE: Duration = Duration::from_secs(5);
/// So many connections in a row that lived shorter than 5 s are a pattern: the delays are 1.5 s or more then.
pub const PATTERN: u32 = 3;

/// Attempts since the last working connection.
#[derive(Debug)]
pub(super) struct BackOff {
    random: fastrand::Rng,
    /// How long to keep trying; `None` has no limit.
    limit: Option<Duration>,
    began: Instant,
    attempts: u32,
    /// Connections in a row that lived shorter than [`LIFE`].
    short_lived: u32,
    useful: bool,
    /// A connection has worked, and was lost.
    lost: bool,
}

impl BackOff {
    pub(super) fn new(seed: u64, limit: Option<Duration>, now: Instant) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            limit,
            began: now,
            attempts: 0,
            short_lived: 0,
            useful: false,
            lost: false,
        }
    }

    /// A connection is lost after this life. The limit counts from here when it was the first one or of use, so that a broker
    /// that hangs up after each CONNACK is not asked for ever.
    pub(super) fn lost(&mut self, lived: Duration, useful: bool, limit: Option<Duration>, now: Instant) {
        if lived >= LIFE {
            (self.attempts, self.short_lived) = (0, 0);
        } else {
            self.short_lived += 1;
            // Those that the first connection took do not count against the next.
            self.attempts = self.attempts.min(self.short_lived - 1);
        }
        self.useful = useful;
        let first = !std::mem::replace(&mut self.lost, true);
        if useful || first || lived >= LIFE {
            (self.limit, self.began) = (limit, now);
        }
    }

    pub(super) fn short_lived(&self) -> u32 {
        self.short_lived
    }

    /// How long to wait before the next attempt; `None` when the limit leaves no time for one.
    pub(super) fn next(&mut self, now: Instant) -> Option<Duration> {
        let mut full = FIRST.saturating_mul(1 << self.attempts.min(10)).min(LONGEST);
        if std::mem::take(&mut self.useful) {
            full = full.min(LONGEST_USEFUL);
        }
        if self.short_lived >= PATTERN {
            full = full.max(LONGEST_USEFUL);
        }
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
        back_off.lost(LIFE, false, Some(Duration::from_secs(60)), start);
        assert!(
            back_off
                .next(start + Duration::from_secs(59))
                .is_some_and(|wait| wait <= Duration::from_secs(1))
        );
        assert_eq!(back_off.next(start + Duration::from_secs(60)), None);
        assert_eq!(BackOff::new(1, Some(Duration::ZERO), start).next(start), None);
    }

    #[test]
    fn short_lived_connections_do_not_hammer_the_broker() {
        // Two clients with one identifier end each other's connections: in 6 s neither makes more than 6.
        for seed in 0..100 {
            let (start, short) = (Instant::now(), Duration::from_millis(1));
            let mut back_off = BackOff::new(seed, Some(Duration::ZERO), start);
            let (mut now, mut connections) = (start, 1);
            loop {
                back_off.lost(short, true, None, now);
                // The other one comes back at its own time, so that each connection is ended by its next one.
                now += 2 * back_off.next(now).unwrap();
                if now - start > Duration::from_secs(6) {
                    break;
                }
                connections += 1;
            }
            assert!((3..=6).contains(&connections), "{seed}: {connections}");
            back_off.lost(LIFE, true, None, now);
            assert!(back_off.next(now).unwrap() <= FIRST);
        }
    }
}
