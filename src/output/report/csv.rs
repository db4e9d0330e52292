//! The intervals of a report as CSV (RFC 4180: a header line, lines end with CR LF; no field needs quotes). It must not know
//! where it is stored.

use crate::bench::Report;
use crate::bench::report::Row;
use std::io::Write as _;

/// One line for each interval. Times are in seconds: `time` is the Unix time of the start of the interval, `at` is seen from
/// the start of measuring. Latencies are in microseconds, of the measure that is named; they are empty in an interval without
/// samples.
pub fn write(report: &Report, out: &mut Vec<u8>) {
    out.extend_from_slice(b"time,at,length,sent,acknowledged,received,measure,p50,p99,max\r\n");
    let measure = report.main_measure().map_or("", |measure| measure.name());
    for row in &report.timeline {
        let Row {
            at,
            length,
            sent,
            acknowledged,
            received,
            p50,
            p99,
            max,
            histogram,
        } = row;
        let time = report.span.started + at;
        let _ = write!(
            out,
            "{time:.6},{at:.6},{length:.6},{sent},{acknowledged},{received},{measure},"
        );
        let _ = if histogram.is_empty() {
            write!(out, ",,\r\n")
        } else {
            write!(out, "{p50},{p99},{max}\r\n")
        };
    }
}
