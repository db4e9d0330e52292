//! The samples of a report in the log format of HdrHistogram, version 1.3, for its tools. It must not know where it is
//! stored.

use crate::bench::Report;
use crate::bench::histogram::Histogram;
use std::io::Write as _;

/// One line for each interval of the main measure, and one line of the whole run for each other measure; the tag is the name
/// of the measure, so that each sample stands once under it. Values are nanoseconds in the histograms, milliseconds in the
/// column for people. When the intervals do not hold all samples of the main measure (connections that were made before
/// measuring began), it has one line of the whole run, too.
pub fn write(report: &Report, out: &mut Vec<u8>) {
    let started = report.span.started.max(0.0);
    let _ = write!(
        out,
        "#[Logged by mqkit {version}: latencies in nanoseconds, Interval_Max in milliseconds]\n\
         #[Histogram log format version 1.3]\n\
         #[StartTime: {started:.3} (seconds since epoch)]\n\
         #[BaseTime: {started:.3} (seconds since epoch)]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    let main = report.main_measure().filter(|measure| {
        let all = report.latency.get(measure.name()).map_or(0, |latency| latency.count);
        samples(report) == Some(all)
    });
    let mut line = |name: &str, at: f64, length: f64, max: f64, histogram: &str| {
        // Of a report from a file, whose times may be anything.
        let (at, length) = (at.max(0.0), length.max(0.0));
        let max = max / 1e3;
        let _ = writeln!(out, "Tag={name},{at:.3},{length:.3},{max:.3},{histogram}");
    };
    // Readers want the earliest first.
    let end = report.span.receiving.max(report.span.acknowledging);
    for (name, latency) in &report.latency {
        if main.is_none_or(|main| main.name() != name) {
            line(name, 0.0, end, latency.max, &latency.histogram);
        }
    }
    for row in report.timeline.iter().filter(|row| !row.histogram.is_empty()) {
        if let Some(main) = main {
            line(main.name(), row.at, row.length, row.max, &row.histogram);
        }
    }
}

/// Number of samples in the intervals; `None` when one cannot be read.
fn samples(report: &Report) -> Option<u64> {
    let rows = report.timeline.iter().filter(|row| !row.histogram.is_empty());
    rows.map(|row| Some(Histogram::from_text(&row.histogram).ok()?.len()))
        .sum()
}
