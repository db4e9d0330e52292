//! What the coordinator says to the workers, and they to it. It must not know how either acts on it.

use super::record::Record;
use super::run::Error;
use crate::protocol::ReasonCode;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What the workers are to do; it only ever goes forward.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Order {
    /// Publish from this moment on.
    pub(super) start: Option<Instant>,
    /// `retained`: subscribe now.
    pub(super) subscribe: bool,
    /// Publish nothing more, wait for nothing more.
    pub(super) quit: bool,
    /// Disconnect.
    pub(super) end: bool,
}

/// What the workers tell.
#[derive(Debug)]
pub(super) enum Note {
    /// A client is connected and, if it does so before the start, subscribed.
    Ready,
    /// A client could not connect, in a scenario that goes on without it.
    Unconnected(Error),
    /// A publisher has sent and settled all it will.
    Published {
        /// Deliveries that its messages should lead to.
        expected: u64,
        /// It gave up waiting for acknowledgements.
        stalled: bool,
    },
    /// A client gave up.
    Failed(Error),
    /// An interval has passed on one worker.
    Interval(u64, Box<Record>),
    /// The broker refused a message.
    Refused(ReasonCode),
    /// The broker granted a lower QoS than it was asked for.
    Granted(u8),
    /// Something a reader of the report should know.
    Remark(String),
}

/// What one worker measured of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Effort {
    /// Processor time between the start of measuring and the end of publishing.
    pub(super) cpu: Duration,
    /// Time between these two.
    pub(super) wall: Duration,
    /// Largest output buffer of one connection, in bytes.
    pub(super) send_queue: usize,
}

/// What crosses threads while messages flow.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Deliveries of measured messages, each once.
    pub(super) received: AtomicU64,
    /// QoS 0 in a closed loop: what is on its way, for each publisher; else empty.
    pub(super) flows: Vec<Flow>,
}

/// The deliveries of one publisher's messages.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub(super) delivered: AtomicU64,
    pub(super) changed: Notify,
}
