//! What a reader should know before believing the figures of a run, and why this machine may have been the limit. It must
//! not know how they were taken.

use super::record::{Measure, Record};
use super::report::Generator;
use super::stamp::Form;
use super::{Arrival, Counts, Load};
use std::time::Duration;

/// Adds what a reader should know before believing the figures.
pub(super) fn add(notes: &mut Vec<String>, load: &Load, counts: &Counts, granted: Option<u8>, stalled: u32) {
    if let Some(granted) = granted {
        notes.push(format!(
            "the broker granted QoS {granted} to subscribers that asked for QoS {}",
            load.subscribe_qos
        ));
    }
    if load.qos == 0 && load.subscribers == 0 && counts.sent > 0 {
        notes.push(
            "QoS 0 without subscribers: messages were written to the connection, nobody confirmed them".to_owned(),
        );
    }
    if Form::of(load) == Form::Short {
        let times = match load.arrival {
            Arrival::Closed => "",
            _ => ": service times are not measured",
        };
        notes.push(format!("payloads below 32 bytes, with a short stamp{times}"));
    }
    if counts.unsent > 0 {
        notes.push(format!(
            "response times are too good by the {} messages that were due and not sent",
            counts.unsent
        ));
    }
    if stalled > 0 {
        notes.push(format!(
            "{stalled} publishers gave up waiting for acknowledgements after {}s without any",
            load.drain.as_secs_f64()
        ));
    }
    if counts.lost_connections > 0 {
        notes.push(format!(
            "{} connections were lost during the run",
            counts.lost_connections
        ));
    }
}

/// A thread that is busier than this may be what limits the rate.
const BUSY: f64 = 0.9;
/// All processors of the machine together.
const ALL_BUSY: f64 = 0.95;
/// Timers that are later than this, at the 99th percentile, shift the load.
const LATE: Duration = Duration::from_millis(1);

/// Why the figures say more about this machine than about the broker. `machine` is how busy its processors were, when
/// the broker runs on it, too.
pub(super) fn limits(generator: &Generator, record: &Record, machine: Option<f64>) -> Vec<String> {
    let mut reasons = Vec::new();
    if generator.busiest > BUSY {
        reasons.push(format!(
            "a thread of the load generator was busy {:.0} % of the time (--workers adds threads)",
            generator.busiest * 100.0
        ));
    }
    if let Some(busy) = machine.filter(|busy| *busy > ALL_BUSY) {
        reasons.push(format!(
            "broker and load generator share this machine, whose processors were busy {:.0} % of the time",
            busy * 100.0
        ));
    }
    if let Some(lateness) = record.histogram(Measure::Lateness) {
        let p99 = lateness.quantile(0.99);
        if p99 > LATE {
            reasons.push(format!(
                "the load generator came late to its due times: {:.1} ms at the 99th percentile",
                p99.as_secs_f64() * 1e3
            ));
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_its_reason() {
        let busy = Generator {
            busiest: 0.95,
            ..Generator::default()
        };
        let mut late = Record::default();
        late.time(Measure::Lateness, Duration::from_millis(5));
        assert!(limits(&Generator::default(), &Record::default(), Some(0.5)).is_empty());
        let reasons = limits(&busy, &late, Some(0.99));
        assert_eq!(reasons.len(), 3, "{reasons:?}");
    }
}
