//! How far a run is, for somebody who watches. It must not know who that is.

use super::report::Row;
use std::time::Duration;

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The first connection is being made, which shows what the broker is.
    Asking,
    /// So many of the clients are connected (and subscribed).
    Connecting(u32, u32),
    /// All are there; the start time has not come.
    Waiting,
    /// Publishing, not yet measuring.
    WarmUp,
    /// Publishing and measuring.
    Measuring,
    /// Publishing is over; so many publishers have not sent everything, or have no answer to all of it.
    Settling(u32),
    /// Waiting for so many deliveries.
    Draining(u64),
    /// So many of the clients have not taken their leave: they remove retained messages, disconnect, and have the broker
    /// forget their sessions.
    Closing(u32, u32),
}

/// For somebody who watches; about five times a second.
#[derive(Debug, Clone)]
pub struct Progress<'a> {
    /// Where the run is.
    pub phase: Phase,
    /// Time in this phase.
    pub elapsed: Duration,
    /// What the current phase takes at most, when that is known.
    pub total: Option<Duration>,
    /// The interval that was completed last.
    pub row: Option<&'a Row>,
    /// Clients that are trying to connect after an attempt that failed, or after a loss.
    pub away: u32,
    /// Why the last of them has no connection.
    pub trouble: Option<String>,
}
