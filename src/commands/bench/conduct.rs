//! A run and its results, under signals and the deadline. It must not know what either is.

use super::progress::Display;
use super::results::Results;
use crate::bench::report::Process;
use crate::bench::{self, Measured, Progress, Setup};
use crate::cli::Console;
use crate::commands::{Signals, until};
use crate::exit::{Outcome, Signal};
use anyhow::Context as _;
use std::cell::RefCell;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Signals within this time are one: one to the whole group comes twice to a process that is started by another one, which
/// passes its own on.
const ONE_WISH: Duration = Duration::from_millis(300);
/// How long clients may take to leave after a signal, and its results to be written; and clients after the deadline.
const GRACE: Duration = Duration::from_secs(5);
const HURRY: Duration = Duration::from_millis(300);
/// What has not ended so long after the deadline is left as it is.
const AT_LAST: Duration = Duration::from_millis(900);

/// Measures and shows the results. The deadline counts from the moment that stands before it.
///
/// # Errors
/// What `exit` knows: no connection, a refusal, a loss, a result that cannot be written.
pub(super) async fn run(
    setup: Setup,
    results: Results,
    process: Process,
    console: Console,
    (began, deadline): (Instant, Option<Duration>),
) -> anyhow::Result<Outcome> {
    let mut limits = Limits {
        signals: Signals::new()?,
        deadline: deadline.and_then(|limit| Some((limit, began.checked_add(limit)?))),
        asked: None,
        end: None,
        at_last: None,
    };
    let load = setup.load.clone();
    let display = RefCell::new(Display::new(&console));
    let measured = measure(setup, &mut limits, &display).await;
    drop(display);
    let Some(measured) = measured? else {
        return Ok(limits.outcome());
    };
    let end = limits.outcome();
    // Standard output can be a pipe that nobody reads.
    if limits.end.is_some() {
        limits.at_last.get_or_insert_with(|| Instant::now() + GRACE);
    }
    let mut showing = tokio::task::spawn_blocking(move || results.measured(measured, &load, process, end));
    loop {
        tokio::select! {
            shown = &mut showing => return shown.context("cannot show the results")?,
            () = limits.next() => {
                limits.at_last.get_or_insert_with(|| Instant::now() + AT_LAST);
            }
        }
        if limits.is_over() {
            return Ok(limits.outcome());
        }
    }
}

/// Runs until the end of the plan, or until what ends it before. Nothing was measured after a second signal, and when the
/// first came before all clients were there.
async fn measure(setup: Setup, limits: &mut Limits, display: &RefCell<Display>) -> anyhow::Result<Option<Measured>> {
    let mut observe = |progress: Progress<'_>| display.borrow_mut().show(&progress);
    let (stop, stopped) = oneshot::channel();
    let mut stop = Some(stop);
    let stopped = async { stopped.await.unwrap_or_default() };
    let run = bench::run(setup, stopped, &mut observe);
    tokio::pin!(run);
    loop {
        tokio::select! {
            measured = &mut run => return match measured {
                Ok(measured) => Ok(Some(measured)),
                Err(bench::Error::Stopped) => Ok(None),
                Err(error) => Err(error.into()),
            },
            () = limits.next() => {
                if let Some(stop) = stop.take() {
                    let grace = match limits.end {
                        Some(End::Deadline(limit)) => {
                            display.borrow().ran_out(limit);
                            HURRY
                        }
                        _ => GRACE,
                    };
                    // A run that has just ended hears nothing more.
                    let _ = stop.send(grace);
                }
            }
        }
        if limits.is_over() {
            return Ok(None);
        }
    }
}

/// What ended a run before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Signal(Signal),
    Deadline(Duration),
}

/// What ends a run before its time.
struct Limits {
    signals: Signals,
    /// The limit and its end, until it has come.
    deadline: Option<(Duration, Instant)>,
    /// When the first signal came.
    asked: Option<Instant>,
    /// What came first.
    end: Option<End>,
    /// No more waiting from here on.
    at_last: Option<Instant>,
}

impl Limits {
    /// Waits for the next reason to end. Cancel-safe.
    async fn next(&mut self) {
        tokio::select! {
            signal = self.signals.next() => {
                let now = Instant::now();
                match self.asked {
                    Some(at) if now - at < ONE_WISH => {}
                    Some(_) => self.at_last = Some(now),
                    None => {
                        self.asked = Some(now);
                        self.end.get_or_insert(End::Signal(signal));
                    }
                }
            }
            () = until(self.deadline.map(|(_, end)| end)) => {
                if let Some((limit, _)) = self.deadline.take() {
                    self.end.get_or_insert(End::Deadline(limit));
                }
                self.at_last = Some(Instant::now() + AT_LAST);
            }
            // Looked at by `is_over`.
            () = until(self.at_last) => {}
        }
    }

    fn is_over(&self) -> bool {
        self.at_last.is_some_and(|at| at <= Instant::now())
    }

    fn outcome(&self) -> Outcome {
        match self.end {
            None => Outcome::Done,
            Some(End::Signal(signal)) => Outcome::Signal(signal),
            Some(End::Deadline(_)) => Outcome::TimedOut,
        }
    }
}
