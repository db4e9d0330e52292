//! What a connection is to be, as plain data: made by the command line, used by the client.

use crate::net::Target;
use crate::session;
use std::time::Duration;

/// Everything that a client needs to know before it connects.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to, and how.
    pub target: Target,
    /// What to say there.
    pub session: session::Options,
    /// Try version 3.1.1 when the broker does not speak the version of the session, which is then 5.
    pub fall_back: bool,
    /// One limit over name look-up, TCP, TLS and CONNACK.
    pub connect_timeout: Duration,
    /// How long to keep trying without a first connection; zero tries once.
    pub retry_first: Duration,
    /// How long to keep trying after a loss. `None` has no limit, zero does not reconnect.
    pub retry_lost: Option<Duration>,
    /// Seed of the jitter between attempts.
    pub seed: u64,
}
