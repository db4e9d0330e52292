//! One run from the first connection to the last. It must not know what the figures are for.

use super::report::{Generator, Row};
use super::{Load, Record};
use crate::client;
use std::future::Future;
use std::time::{Duration, SystemTime};

/// Bytes that a message carries for measuring, when a subscriber or an acknowledgement is to be timed: the smallest payload.
pub const STAMP: u32 = 32;

/// All that a run needs.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What load to make.
    pub load: Load,
    /// How each client connects. The number of the client is appended to the identifier; `%i` in the user name stands for it.
    pub client: client::Options,
    /// Identifies the run.
    pub run_id: u64,
    /// Begin publishing at this time, not before.
    pub start_at: Option<SystemTime>,
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Counts and times of the whole run.
    pub record: Record,
    /// The same in time.
    pub rows: Vec<Row>,
    /// When measuring began.
    pub started: SystemTime,
    /// How long publishing was to go on from then; the time it took when a count ended it.
    pub planned: Duration,
    /// When the first attempt to connect was made.
    pub connecting_from: SystemTime,
    /// From there to the last CONNACK of the beginning.
    pub connecting: Duration,
    /// How much of a limit this program was.
    pub generator: Generator,
    /// Guarantees that did not hold.
    pub broken: Vec<String>,
    /// What else a reader should know.
    pub notes: Vec<String>,
    /// Protocol version, as it was spoken.
    pub protocol: String,
    /// TLS and WebSocket.
    pub transport: Option<String>,
    /// What the broker calls itself.
    pub broker_version: Option<String>,
    /// Why a client gave up during the run; its figures count until then.
    pub failed: Option<std::sync::Arc<Error>>,
    /// A stop was asked for before the plan was done.
    pub stopped: bool,
}

/// Why there is no report, or not a whole one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A client could not connect, or not go on.
    #[error("client \"{id}\" failed")]
    Client {
        /// Its identifier.
        id: String,
        /// Why.
        source: client::Error,
    },
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// So many of the clients are connected (and subscribed).
    Connecting(u32, u32),
    /// All are there; the start time has not come.
    Waiting,
    /// Publishing, not yet measuring.
    WarmUp,
    /// Publishing and measuring.
    Measuring,
    /// Waiting for what is on its way.
    Draining,
}

/// For somebody who watches; about five times a second.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Where the run is.
    pub phase: Phase,
    /// Time in this phase.
    pub elapsed: Duration,
    /// What the current phase takes at most, when that is known.
    pub total: Option<Duration>,
    /// The interval that was completed last.
    pub row: Option<&'a Row>,
}

/// Makes the load and measures. When `stop` is done the publishers end, and what is on its way is waited for no longer.
///
/// # Errors
/// A client could not connect before the start. Later failures are in [`Measured::failed`].
pub async fn run(
    setup: Setup,
    stop: impl Future<Output = ()>,
    observe: &mut dyn FnMut(Progress<'_>),
) -> Result<Measured, Error> {
    let _ = (setup, stop, observe);
    std::future::pending().await
}
