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

    /// How many measured messages are still to come, up to this moment or at all. None come afterwards.
    pub(super) fn rest(&mut self, until: Option<Duration>) -> u64 {
        let rest = match (until, self.left) {
            (None, Some(left)) => left,
            (until, _) => {
                let due = std::iter::from_fn(|| self.next(Duration::ZERO));
                due.take_while(|due| until.is_none_or(|until| due.at <= until))
                    .map(|due| u64::from(due.measured))
                    .sum()
            }
        };
        self.left = Some(0);
        rest
    }

    /// How many measured messages are still to come; `None` when the duration ends it.
    pub(super) fn left(&self) -> Option<u64> {
        self.left
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

#[cfg(test)]
mod tests {
    use super::super::load::tests::load;
    use super::*;

    fn all(load: &Load, publisher: u32) -> Vec<Due> {
        let mut schedule = Schedule::new(load, publisher);
        std::iter::from_fn(|| schedule.next(Duration::ZERO)).collect()
    }

    #[test]
    fn publishers_share_the_rate_and_take_turns() {
        let load = Load {
            publishers: 4,
            ..load()
        };
        let mut due: Vec<Duration> = (0..4)
            .flat_map(|publisher| all(&load, publisher))
            .map(|due| due.at)
            .collect();
        due.sort();
        assert_eq!(due.len(), 3000);
        for (index, at) in (0..).zip(&due) {
            let exact = Duration::from_micros(1000 * index);
            assert!(at.abs_diff(exact) < Duration::from_nanos(10), "{index}: {at:?}");
        }
    }

    #[test]
    fn the_warm_up_comes_first_and_is_not_counted() {
        let due = all(&load(), 0);
        assert_eq!(due.iter().filter(|due| due.measured).count(), 2000);
        assert!(due.iter().all(|due| due.measured == (due.at >= Duration::from_secs(1))));
        let counted = Load {
            count: Some(5),
            publishers: 3,
            ..load()
        };
        let counts: Vec<usize> = (0..3)
            .map(|publisher| all(&counted, publisher).iter().filter(|due| due.measured).count())
            .collect();
        assert_eq!(counts, [2, 2, 1]);
    }

    #[test]
    fn bursts_come_together_and_keep_the_rate() {
        let load = Load {
            arrival: Arrival::Burst(10),
            ..load()
        };
        let due = all(&load, 0);
        assert_eq!(due.len(), 3000);
        assert_eq!((due[9].at, due[10].at), (Duration::ZERO, Duration::from_millis(10)));
    }

    #[test]
    fn poisson_keeps_the_rate_and_repeats_with_the_seed() {
        let load = Load {
            arrival: Arrival::Poisson,
            duration: Duration::from_secs(99),
            ..load()
        };
        let due = all(&load, 0);
        // The count of 100 s at 1000/s has a standard deviation of 316.
        assert!((98_400..101_600).contains(&due.len()), "{}", due.len());
        assert_eq!(due, all(&load, 0));
        let gaps = due.windows(2).map(|two| (two[1].at - two[0].at).as_secs_f64() * 1e3);
        let longer = gaps.filter(|gap| *gap > 1.0).count();
        // e^-1 of the gaps are longer than the mean.
        assert!((35_500..38_100).contains(&longer), "{longer}");
    }

    #[test]
    fn the_rest_is_known_without_going_through_it() {
        let endless = Load {
            count: Some(u64::MAX),
            ..load()
        };
        let mut schedule = Schedule::new(&endless, 0);
        let warm_up = std::iter::from_fn(|| schedule.next(Duration::ZERO).filter(|due| !due.measured)).count();
        assert_eq!((warm_up, schedule.rest(None)), (1000, u64::MAX - 1));
        assert_eq!(schedule.next(Duration::ZERO), None);
        let mut schedule = Schedule::new(&load(), 0);
        assert_eq!(schedule.rest(None), 2000);
        let mut schedule = Schedule::new(&endless, 0);
        assert_eq!(schedule.rest(Some(Duration::from_millis(1500))), 501);
    }

    #[test]
    fn a_closed_loop_is_due_whenever_it_is_asked_until_its_end() {
        let load = Load {
            arrival: Arrival::Closed,
            rate: None,
            ..load()
        };
        let mut schedule = Schedule::new(&load, 0);
        let at = |seconds| Duration::from_secs_f64(seconds);
        assert_eq!(schedule.next(at(0.5)).map(|due| due.measured), Some(false));
        assert_eq!(schedule.next(at(1.0)).map(|due| due.measured), Some(true));
        assert!(!schedule.is_over(at(2.9)) && schedule.is_over(at(3.0)));
        assert_eq!(schedule.next(at(3.0)), None);
        assert_eq!(schedule.next(at(2.0)), None);
    }
}
