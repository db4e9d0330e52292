//! Times in buckets whose width grows with the time: any number of them in little memory, to three percent. It must not
//! know what took the time.

use std::collections::BTreeMap;
use std::time::Duration;

/// Bits of a time in microseconds that its bucket tells apart.
const BITS: u32 = 4;

/// How often which time was seen.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: BTreeMap<u32, u64>,
    count: u64,
    max: Duration,
}

impl Histogram {
    pub(super) fn add(&mut self, time: Duration) {
        *self.buckets.entry(bucket(micros(time))).or_default() += 1;
        self.count += 1;
        self.max = self.max.max(time);
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn max(&self) -> Duration {
        self.max
    }

    /// The time within which `percent` of all were done; the largest is exact.
    pub(super) fn percentile(&self, percent: u64) -> Duration {
        let rank = self.count.saturating_mul(percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in &self.buckets {
            seen += count;
            if seen >= rank && seen < self.count {
                return Duration::from_micros(middle(*bucket)).min(self.max);
            }
        }
        self.max
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Small times have a bucket each; then each doubling has 2^[`BITS`] of them.
fn bucket(micros: u64) -> u32 {
    let exponent = micros.max(1).ilog2().saturating_sub(BITS);
    // At most 2^(BITS + 1) - 1 after the shift.
    (exponent << BITS) + u32::try_from(micros >> exponent).unwrap_or_default()
}

/// A time in the middle of a bucket.
fn middle(bucket: u32) -> u64 {
    let exponent = (bucket >> BITS).saturating_sub(1);
    let low = u64::from(bucket - (exponent << BITS)) << exponent;
    low + (1 << exponent) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_narrow() {
        for time in (0..100_000).chain([1 << 40, u64::MAX / 3, u64::MAX]) {
            let near = middle(bucket(time));
            assert!(near.abs_diff(time) <= time / 32 + 1, "{time}: {near}");
        }
    }

    #[test]
    fn percentiles_are_near() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50), Duration::ZERO);
        for micros in 1..=1000 {
            histogram.add(Duration::from_micros(micros));
        }
        let near = |percent, expected: u128| {
            let found = histogram.percentile(percent).as_micros();
            assert!(found.abs_diff(expected) <= expected / 30, "{percent}: {found}");
        };
        near(50, 500);
        near(99, 990);
        assert_eq!(histogram.percentile(100), Duration::from_micros(1000));
        assert_eq!(histogram.max(), Duration::from_micros(1000));
        assert_eq!(histogram.count(), 1000);
    }
}
