//! What may end a conversation from outside: signals and time limits. It must not know what they end.

use crate::commands::Signals;
use crate::exit::Signal;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// A time limit of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) struct Limit {
    length: Duration,
    at: Instant,
}

impl Limit {
    /// A limit of this length that counts from `start`; one that no clock can count is none.
    pub(super) fn from(start: Instant, length: Duration) -> Option<Self> {
        let at = start.checked_add(length)?;
        Some(Self { length, at })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the time limit of {}s", self.length.as_secs_f64())
    }
}

/// Why a command is to end before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Reason {
    Signal(Signal),
    Limit(Limit),
    /// The connection, or something of the command's own, failed.
    Failure,
}

/// What [`Watch`] saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    Reason(Reason),
    /// What was left of the run after an earlier one is over.
    Grace,
}

/// Signals, limits, and the one timer that they need.
pub(super) struct Watch {
    signals: Signals,
    limits: Vec<Limit>,
    grace: Option<Instant>,
    /// Runs out with the first of the limits and the grace; moved only when that changes.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Watch {
    pub(super) fn new(signals: Signals, limits: Vec<Limit>) -> Self {
        let mut watch = Self {
            signals,
            limits,
            grace: None,
            timer: None,
        };
        watch.set_timer();
        watch
    }

    /// The run has until then, unless it had less.
    pub(super) fn end_at(&mut self, at: Instant) {
        self.grace = Some(self.grace.map_or(at, |grace| grace.min(at)));
        self.set_timer();
    }

    fn set_timer(&mut self) {
        let limits = self.limits.iter().map(|limit| limit.at);
        self.timer = limits.chain(self.grace).min().map(|at| Box::pin(sleep_until(at)));
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Interruption> {
        if let Poll::Ready(signal) = self.signals.poll(context) {
            return Poll::Ready(Interruption::Reason(Reason::Signal(signal)));
        }
        let Some(timer) = &mut self.timer else {
            return Poll::Pending;
        };
        if timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let now = timer.deadline();
        let interruption = match self.limits.iter().position(|limit| limit.at <= now) {
            Some(index) => Interruption::Reason(Reason::Limit(self.limits.remove(index))),
            None => {
                self.grace = None;
                Interruption::Grace
            }
        };
        self.set_timer();
        Poll::Ready(interruption)
    }
}
