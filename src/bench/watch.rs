//! How busy this program and this machine are. It must not know what they do.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Processor time of this thread so far.
pub(super) fn thread_time() -> Duration {
    time(ClockId::ThreadCPUTime)
}

/// Processor time of all threads of this process so far.
pub(super) fn process_time() -> Duration {
    time(ClockId::ProcessCPUTime)
}

fn time(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}

/// What the processors of the machine did so far, in ticks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    idle: u64,
    all: u64,
}

impl Machine {
    /// `None` where the system does not tell (it is Linux that does).
    pub(super) fn now() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/stat").ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal; what follows is part of user.
        let idle = ticks.get(3)? + ticks.get(4)?;
        Some(Self {
            idle,
            all: ticks.iter().take(8).sum(),
        })
    }

    /// The share of the time since then in which processors were busy, 0 to 1.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn busy_since(self, then: Self) -> Option<f64> {
        let all = self.all.checked_sub(then.all).filter(|all| *all > 0)?;
        let idle = self.idle.saturating_sub(then.idle);
        Some(1.0 - idle as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_busy_time_is_read_from_proc_stat() {
        let then = Machine::parse("cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 1").unwrap();
        let now = Machine::parse("cpu  40 0 20 110 30 0 0 0 5 0\n").unwrap();
        assert!((now.busy_since(then).unwrap() - 0.4).abs() < 1e-9);
        assert!(then.busy_since(then).is_none());
    }
}
