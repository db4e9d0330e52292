//! What is counted during a run: one row for each count, which everything that shows or judges it reads. It must not know
//! where the numbers come from.

use serde::{Deserialize, Serialize};

/// Which part of a run a figure tells about: without it, the figure was not measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Activity {
    Sending,
    Acknowledging,
    Delivery,
    Connecting,
}

/// What the percentages of a count are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// Messages that were due.
    Due,
    /// Messages that were sent.
    Sent,
    /// Deliveries that were expected.
    Expected,
    /// Connections that were tried.
    Tried,
    /// Connections that were made.
    Made,
}

/// What a number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// How much was done.
    Amount,
    /// The same, in bytes.
    Bytes,
    /// What went wrong: it should be zero.
    Fault,
}

/// Makes the struct, the enum and the table from the rows: variant, field (its name in JSON and in thresholds), part of the
/// run, what percentages are of, meaning, and what it is.
macro_rules! counts {
    ($($count:ident $field:ident: $activity:ident, $whole:expr, $meaning:ident, $what:literal;)*) => {
        /// What was counted. Messages of the warm-up are not.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Counts {
            $(#[doc = $what] pub $field: u64,)*
        }

        /// One of the [`Counts`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Count {
            $(#[doc = $what] $count,)*
        }

        impl Counts {
            /// The value of one.
            #[must_use]
            pub fn get(&self, count: Count) -> u64 {
                match count {
                    $(Count::$count => self.$field,)*
                }
            }

            /// Adds those of another thread, time or process. Counts that a file claims may be any: they end at the largest
            /// number.
            pub fn add(&mut self, other: &Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)*
            }
        }

        impl Count {
            /// All of them, in the order of a report.
            pub const ALL: &[Self] = &[$(Self::$count),*];

            /// Its name in JSON and in thresholds.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$count => stringify!($field),)*
                }
            }

            /// What part of a run it tells about.
            #[must_use]
            pub fn activity(self) -> Activity {
                match self {
                    $(Self::$count => Activity::$activity,)*
                }
            }

            /// What its percentages are of.
            #[must_use]
            pub fn whole(self) -> Option<Whole> {
                use Whole::{Due, Expected, Made, Sent, Tried};
                match self {
                    $(Self::$count => $whole,)*
                }
            }

            /// Whether it should be zero, and whether it is in bytes.
            #[must_use]
            pub fn meaning(self) -> Meaning {
                match self {
                    $(Self::$count => Meaning::$meaning,)*
                }
            }

            /// What it is, in words.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self {
                    $(Self::$count => $what,)*
                }
            }
        }
    };
}

counts! {
    Offered offered: Sending, None, Amount,
        "messages that were due: sent and unsent";
    Sent sent: Sending, Some(Due), Amount,
        "messages given to the connection: at QoS 0 nobody says more, at QoS 1 and 2 acknowledged, refused or unacknowledged";
    Acknowledged acknowledged: Acknowledging, Some(Sent), Amount,
        "messages that the broker acknowledged with success (PUBACK, PUBCOMP)";
    Refused refused: Acknowledging, Some(Sent), Fault,
        "messages that the broker refused with a reason code";
    Unacknowledged unacknowledged: Acknowledging, Some(Sent), Fault,
        "messages of QoS 1 and 2 without an answer at the end";
    Unsent unsent: Sending, Some(Due), Fault,
        "messages that were due and not sent";
    Doubtful doubtful: Sending, Some(Sent), Amount,
        "messages of QoS 0 without a subscriber that could tell, on connections that broke or that the broker did not close";
    Expected expected: Delivery, None, Amount,
        "deliveries that the due and not refused messages should lead to: received and lost";
    Received received: Delivery, Some(Expected), Amount,
        "deliveries, each message once for each subscriber";
    Lost lost: Delivery, Some(Expected), Fault,
        "expected deliveries that did not come: lost on the way, not acknowledged, or never sent";
    Duplicated duplicated: Delivery, Some(Expected), Fault,
        "deliveries of what had been delivered before";
    OutOfOrder out_of_order: Delivery, Some(Expected), Fault,
        "first deliveries behind a later message of the same publisher and topic";
    Late late: Delivery, Some(Expected), Fault,
        "deliveries later after their due time than the limit";
    Foreign foreign: Delivery, None, Amount,
        "messages of other runs and programs, not counted elsewhere";
    Connected connected: Connecting, Some(Tried), Amount,
        "connections made, with CONNACK";
    FailedConnections failed_connections: Connecting, Some(Tried), Fault,
        "connections that could not be made";
    LostConnections lost_connections: Connecting, Some(Made), Fault,
        "connections that were lost, not counting those dropped on purpose";
    BytesSent bytes_sent: Sending, None, Bytes,
        "payload sent";
    BytesReceived bytes_received: Delivery, None, Bytes,
        "payload received";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_explained_and_has_the_name_of_its_key() {
        let keys = serde_json::to_value(Counts::default()).unwrap();
        assert_eq!(keys.as_object().unwrap().len(), Count::ALL.len());
        for count in Count::ALL {
            assert!(!count.explanation().is_empty(), "{count:?}");
            assert!(keys.get(count.name()).is_some(), "{count:?}");
        }
    }
}
