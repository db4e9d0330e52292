//! What a broker has to tell: notices and numbers. It must not know where they are shown.

use crate::protocol::{QoS, Utf8};
use std::fmt;

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Messages for a client were dropped because it did not take them in time: at the first, tenth, hundredth, …
    Dropped {
        /// For whom.
        client_id: Utf8,
        /// QoS of the last one.
        qos: QoS,
        /// How many since the session began.
        total: u64,
        /// Whether it was connected.
        connected: bool,
    },
    /// A retained message was not stored: there are too many.
    RetainedFull {
        /// Its topic.
        topic: Utf8,
    },
    /// A will was published.
    Will {
        /// Whose.
        client_id: Utf8,
        /// Its topic.
        topic: Utf8,
    },
    /// A session ended because its time was over.
    Expired {
        /// Whose.
        client_id: Utf8,
    },
}

impl Notice {
    /// True when it tells of a loss, which is never kept quiet.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Dropped { .. } | Self::RetainedFull { .. })
    }
}

impl fmt::Display for Notice {
    /// Clients' texts are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped {
                client_id,
                qos,
                total,
                connected,
            } => {
                let state = if *connected { "too slow" } else { "absent" };
                let s = if *total == 1 { "" } else { "s" };
                let id = client_id.escape_debug();
                write!(
                    f,
                    "dropped {total} message{s} for {id}, which is {state} (the last: QoS {qos})"
                )
            }
            Self::RetainedFull { topic } => write!(
                f,
                "did not retain a message on {}: the store is full",
                topic.escape_debug()
            ),
            Self::Will { client_id, topic } => {
                write!(f, "{}: will on {}", client_id.escape_debug(), topic.escape_debug())
            }
            Self::Expired { client_id } => write!(f, "{}: session expired", client_id.escape_debug()),
        }
    }
}

/// Numbers since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Messages that clients published.
    pub received: u64,
    /// Messages that were given to connections.
    pub sent: u64,
    /// Messages that were dropped because a client did not take them in time.
    pub dropped: u64,
}
