//! Guarantees of the standard that a load relies on, and whether they held. It must not know how the figures were taken.

use super::{Counts, Load, Scenario};
use serde::{Deserialize, Serialize};

/// What the standard promises about deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// A message of QoS 1 or 2 is not lost.
    NoLoss,
    /// A message of QoS 2 is delivered once.
    ExactlyOnce,
    /// A message of QoS 0 is delivered at most once.
    AtMostOnce,
    /// Messages of a publisher and topic keep their order.
    Order,
}

impl Guarantee {
    const ALL: [Self; 4] = [Self::NoLoss, Self::ExactlyOnce, Self::AtMostOnce, Self::Order];

    /// Where the standard gives it.
    #[must_use]
    pub fn statement(self) -> &'static str {
        match self {
            Self::NoLoss => "[MQTT-4.3.2-4]",
            Self::ExactlyOnce => "[MQTT-4.3.3-10]",
            Self::AtMostOnce => "(section 4.3.1)",
            Self::Order => "[MQTT-4.6.0-6]",
        }
    }
}

/// A guarantee that did not hold. A report file has its sentence only, which ends with the statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Breach {
    /// Which one; none when another version of mqkit wrote the report and knew more of them.
    pub guarantee: Option<Guarantee>,
    /// What happened, with its numbers, and the statement.
    pub text: String,
}

impl Breach {
    fn new(guarantee: Guarantee, what: &str) -> Self {
        Self {
            guarantee: Some(guarantee),
            text: format!("{what} {}", guarantee.statement()),
        }
    }
}

/// As a report file has it.
impl From<String> for Breach {
    fn from(text: String) -> Self {
        let cited = |guarantee: &Guarantee| text.contains(guarantee.statement());
        Self {
            guarantee: Guarantee::ALL.into_iter().find(cited),
            text,
        }
    }
}

impl From<Breach> for String {
    fn from(breach: Breach) -> Self {
        breach.text
    }
}

/// Guarantees of the standard that were broken, with the QoS that publisher and subscriber had in common.
pub(super) fn broken(load: &Load, counts: &Counts, qos: u8) -> Vec<Breach> {
    let mut broken = Vec::new();
    // Who loses its connection without a session to come back to has no claim.
    let keeps = load.persistent || counts.lost_connections == 0;
    // What was not acknowledged, or not even sent, was not promised, either; each such message would have had as many
    // receivers as the others.
    let receivers = counts.expected.div_ceil(counts.offered.max(counts.sent).max(1));
    let unpromised = counts.unacknowledged.saturating_add(counts.unsent);
    let lost = counts.lost.saturating_sub(unpromised.saturating_mul(receivers));
    let mut add = |guarantee, what: String| broken.push(Breach::new(guarantee, &what));
    if qos >= 1 && keeps && lost > 0 {
        let expected = counts.expected;
        add(
            Guarantee::NoLoss,
            format!(
                "{lost} of {expected} deliveries at QoS {qos} were lost, though their messages had been acknowledged"
            ),
        );
    }
    let duplicated = counts.duplicated;
    let once = match qos {
        2 if keeps => Some(Guarantee::ExactlyOnce),
        // Published at a higher QoS, it may have been sent twice.
        0 if load.qos == 0 => Some(Guarantee::AtMostOnce),
        _ => None,
    };
    if let Some(once) = once.filter(|_| duplicated > 0) {
        add(once, format!("{duplicated} messages at QoS {qos} were delivered twice"));
    }
    let misplaced = counts.out_of_order;
    if load.scenario != Scenario::Shared && misplaced > 0 {
        add(
            Guarantee::Order,
            format!("{misplaced} messages of the same publisher and topic came out of order"),
        );
    }
    broken
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
        assert!(
            broken(&load(), &lossy, 1)[0]
                .text
                .starts_with("3 of 100 deliveries at QoS 1 were lost")
        );
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
}
