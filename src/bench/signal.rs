//! What the coordinator says to the workers, and they to it. It must not know how either acts on it.

use super::error::Error;
use super::record::Record;
use crate::session::error::Reply;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::watch::Receiver;

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
    /// Be gone by then, whatever is not done.
    pub(super) gone_by: Option<Instant>,
}

impl Order {
    /// Waits until clients must be gone.
    pub(super) async fn gone(mut orders: Receiver<Self>) {
        loop {
            let by = orders.borrow_and_update().gone_by;
            let passed = async {
                match by {
                    Some(by) => tokio::time::sleep_until(by.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = passed => return,
                changed = orders.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }
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
        /// Deliveries that its sent messages should lead to.
        expected: u64,
        /// Deliveries that messages would have led to that were due and not sent.
        missing: u64,
        /// It gave up waiting for acknowledgements.
        stalled: bool,
    },
    /// A client gave up; it had been connected before or not.
    Failed(Error, bool),
    /// A client had lost its connection, and did not have it again at the end.
    Absent(String),
    /// An interval has passed on one worker.
    Interval(u64, Box<Record>),
    /// The broker refused a message.
    Refused(Reply),
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
    /// Clients that have come to their end.
    pub(super) gone: AtomicU32,
    /// Connections that the broker closed after DISCONNECT, or broke.
    pub(super) closed: AtomicU32,
    /// Connections that it left open.
    pub(super) unclosed: AtomicU32,
    /// Clients in trouble, and why the last of them came into it.
    pub(super) away: AtomicU32,
    pub(super) why: Mutex<Option<String>>,
}

impl Shared {
    /// How many clients are in trouble, and why the last of them came into it.
    pub(super) fn trouble(&self) -> (u32, Option<String>) {
        let away = self.away.load(Ordering::Relaxed);
        let why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        (away, why.clone().filter(|_| away > 0))
    }
}

/// A client cannot connect, or has lost its connection, and tries again.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) why: String,
    shared: Arc<Shared>,
}

impl Trouble {
    pub(super) fn new(why: String, shared: &Arc<Shared>) -> Self {
        shared.away.fetch_add(1, Ordering::Relaxed);
        let trouble = Self {
            why: String::new(),
            shared: Arc::clone(shared),
        };
        trouble.because(why)
    }

    /// The same with a newer cause.
    pub(super) fn because(mut self, why: String) -> Self {
        let mut last = self.shared.why.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(why.clone());
        drop(last);
        self.why = why;
        self
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.shared.away.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The deliveries of one publisher's messages.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub(super) delivered: AtomicU64,
    pub(super) changed: Notify,
}
