//! What the figures of a run mean: guarantees that did not hold, limits of the generator, remarks for the reader. It must
//! not know how they were taken.

use super::record::{Measure, Record};
use super::report::Generator;
use super::stamp::Form;
use super::{Arrival, Counts, Load, Scenario};
use std::time::Duration;

/// Where the standard says that a message of QoS 1 or 2 is not lost. It stands in the sentences of [`super::Report::broken`], as the
/// others do.
pub const NO_LOSS: &str = "[MQTT-4.3.2-4]";
/// That a message of QoS 2 is delivered once, and one of QoS 0 at most once.
pub const ONCE: [&str; 2] = ["[MQTT-4.3.3-10]", "(section 4.3.1)"];
/// That messages of a publisher and topic keep their order.
pub const ORDER: &str = "[MQTT-4.6.0-6]";

/// Guarantees of the standard that were broken, with the QoS that publisher and subscriber had in common.
pub(super) fn broken(load: &Load, counts: &Counts, qos: u8) -> Vec<String> {
    let mut broken = Vec::new();
    // Who loses its connection without a session to come back to has no claim.
    let keeps = load.persistent || counts.lost_connections == 0;
    // What was not acknowledged, or not even sent, was not promised, either; each such message would have had as many
    // receivers as the others.
    let receivers = counts.expected.div_ceil(counts.offered.max(counts.sent).max(1));
    let unpromised = counts.unacknowledged.saturating_add(counts.unsent);
    let lost = counts.lost.saturating_sub(unpromised.saturating_mul(receivers));
    if qos >= 1 && keeps && lost > 0 {
        broken.push(format!(
            "{lost} of {} deliveries at QoS {qos} were lost, though their messages had been acknowledged {NO_LOSS}",
            counts.expected
        ));
    }
    let duplicated = counts.duplicated;
    if qos == 2 && keeps && duplicated > 0 {
        broken.push(format!(
            "{duplicated} messages at QoS 2 were delivered twice {}",
            ONCE[0]
        ));
    }
    if qos == 0 && load.qos == 0 && duplicated > 0 {
        broken.push(format!(
            "{duplicated} messages at QoS 0 were delivered twice {}",
            ONCE[1]
        ));
    }
    if load.scenario != Scenario::Shared && counts.out_of_order > 0 {
        broken.push(format!(
            "{} messages of the same publisher and topic came out of order {ORDER}",
            counts.out_of_order
        ));
    }
    broken
}

/// Adds what a reader should know before believing the figures.
pub(super) fn remark(notes: &mut Vec<String>, load: &Load, counts: &Counts, granted: Option<u8>, stalled: u32) {
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
    use super::super::load::tests::load;
    use super::*;

    fn counts() -> Counts {
        Counts {
            sent: 100,
            acknowledged: 100,
            expected: 100,
            received: 100,
            ..Counts::default()
        }
    }

    #[test]
    fn a_loss_breaks_a_guarantee_from_qos_1_on() {
        let lossy = Counts { lost: 3, ..counts() };
        assert!(broken(&load(), &lossy, 0).is_empty());
        assert!(broken(&load(), &lossy, 1)[0].starts_with("3 of 100 deliveries at QoS 1 were lost"));
        // Three that were never acknowledged are nobody's promise.
        let unsure = Counts {
            unacknowledged: 3,
            ..lossy
        };
        assert!(broken(&load(), &unsure, 1).is_empty());
        // Who loses a connection without a session has no claim.
        let gone = Counts {
            lost_connections: 1,
            ..lossy
        };
        assert!(broken(&load(), &gone, 1).is_empty());
        let persistent = Load {
            persistent: true,
            ..load()
        };
        assert_eq!(broken(&persistent, &gone, 1).len(), 1);
    }

    #[test]
    fn a_second_delivery_breaks_a_guarantee_at_qos_2_and_0() {
        let twice = Counts {
            duplicated: 1,
            ..counts()
        };
        assert!(broken(&load(), &twice, 1).is_empty());
        assert_eq!(broken(&load(), &twice, 2).len(), 1);
        // Published at QoS 1, delivered at QoS 0: the publisher may have sent it twice.
        assert!(broken(&load(), &twice, 0).is_empty());
        assert_eq!(broken(&Load { qos: 0, ..load() }, &twice, 0).len(), 1);
    }

    #[test]
    fn order_is_a_guarantee_except_in_a_group() {
        let mixed = Counts {
            out_of_order: 1,
            ..counts()
        };
        assert_eq!(broken(&load(), &mixed, 1).len(), 1);
        let shared = Load {
            scenario: Scenario::Shared,
            ..load()
        };
        assert!(broken(&shared, &mixed, 1).is_empty());
    }

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
