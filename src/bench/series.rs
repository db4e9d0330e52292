//! The records of all threads, put together by intervals: the total, and the rows of the time series. It must not know what
//! the threads do.

use super::Measure;
use super::record::Record;
use super::report::{Interval, Row};
use std::collections::BTreeMap;
use std::time::Duration;

/// What has been handed in.
#[derive(Debug)]
pub(super) struct Series {
    /// Of each interval but the last.
    length: Duration,
    threads: u32,
    measure: Measure,
    total: Record,
    rows: Vec<Row>,
    /// Intervals that not all threads have handed in.
    open: BTreeMap<u64, (u32, Record)>,
    /// Intervals that are complete.
    closed: u64,
    /// Intervals without a row.
    left_out: u64,
}

/// No more intervals than these are planned, so that a long run has no endless report.
const PLANNED: u32 = 600;
/// Nor are there more rows than these: a closed loop with a count can take longer than was foreseen.
const MOST: usize = 3600;

impl Series {
    /// For a run that publishes so long, as far as that is known, and rows that show this measure.
    pub(super) fn new(expected: Duration, threads: u32, measure: Measure) -> Self {
        Self {
            length: Duration::from_secs((expected / PLANNED).as_secs().max(1)),
            threads,
            measure,
            total: Record::default(),
            rows: Vec::new(),
            open: BTreeMap::new(),
            closed: 0,
            left_out: 0,
        }
    }

    /// Length of an interval.
    pub(super) fn length(&self) -> Duration {
        self.length
    }

    /// The interval that was completed last.
    pub(super) fn last(&self) -> Option<&Row> {
        self.rows.last()
    }

    /// Takes the record of one thread; each thread hands in its intervals in order.
    pub(super) fn add(&mut self, index: u64, record: &Record) {
        let (seen, sum) = self.open.entry(index).or_default();
        *seen += 1;
        sum.add(record);
        if *seen >= self.threads {
            self.close(self.length);
        }
    }

    /// Takes what came behind the last interval, up to this time from the start of measuring; gives the total, the rows, and
    /// a remark when rows are missing.
    pub(super) fn finish(mut self, record: Record, until: Duration) -> (Record, Vec<Row>, Option<String>) {
        while !self.open.is_empty() {
            self.close(self.length);
        }
        let rest = until.saturating_sub(self.start()).min(self.length);
        self.open.insert(self.closed, (self.threads, record));
        self.close(rest);
        let remark = (self.left_out > 0).then(|| format!("the time series lacks the last {} intervals", self.left_out));
        (self.total, self.rows, remark)
    }

    /// The first interval that is open is complete.
    fn close(&mut self, length: Duration) {
        let Some((_, (_, record))) = self.open.pop_first() else {
            return;
        };
        self.total.add(&record);
        let at = self.start();
        self.closed += 1;
        if self.rows.len() >= MOST {
            self.left_out += 1;
        } else {
            self.rows.push(Row::new(&Interval { at, length, record }, self.measure));
        }
    }

    /// Start of the first interval that is not closed.
    fn start(&self) -> Duration {
        self.length
            .saturating_mul(u32::try_from(self.closed).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(number: u64) -> Record {
        let mut record = Record::default();
        record.counts.sent = number;
        record
    }

    #[test]
    fn an_interval_is_there_when_all_threads_have_handed_it_in() {
        let mut series = Series::new(Duration::from_secs(3), 2, Measure::AckService);
        series.add(0, &sent(1));
        series.add(1, &sent(10));
        assert!(series.last().is_none());
        series.add(0, &sent(2));
        assert_eq!(series.last().map(|row| row.sent), Some(3));
        // One thread did not come to hand in the second one.
        let (total, rows, remark) = series.finish(sent(100), Duration::from_millis(2300));
        assert_eq!((total.counts.sent, remark), (113, None));
        let rows: Vec<_> = rows.iter().map(|row| (row.at, row.length, row.sent)).collect();
        assert_eq!(rows, [(0.0, 1.0, 3), (1.0, 1.0, 10), (2.0, 0.3, 100)]);
    }

    #[test]
    fn long_runs_have_long_intervals_and_endless_ones_an_end() {
        assert_eq!(
            Series::new(Duration::from_secs(36_000), 1, Measure::AckService).length(),
            Duration::from_secs(60)
        );
        let mut series = Series::new(Duration::from_secs(1), 1, Measure::AckService);
        for index in 0..4000 {
            series.add(index, &sent(1));
        }
        let (total, rows, remark) = series.finish(sent(1), Duration::from_secs(4001));
        assert_eq!((total.counts.sent, rows.len()), (4001, 3600));
        assert!(remark.unwrap().contains("the last 401 intervals"));
    }
}
