//! The conversation of a command with a broker: one loop over the broker, the command's own work, signals and time limits,
//! up to an orderly end. It must not know what the messages are for.

mod limits;
mod notes;
mod output;

pub(super) use limits::Reason;
use notes::Notes;
pub(super) use output::Output;

use super::Signals;
use crate::cli::connection::Plan;
use crate::client::{self, Client, Event};
use crate::exit::{Outcome, OutputError};
use crate::session;
use limits::{Interruption, Limit, Watch};
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

/// How long a first signal waits for acknowledgements.
const GRACE: Duration = Duration::from_secs(5);
/// How long a limit that ran out, or a signal with nothing outstanding, waits for what only has to be written.
const SHORT_GRACE: Duration = Duration::from_millis(500);
/// How long a broker that does not read may hold up an end at which nothing depends on it.
const FAREWELL: Duration = Duration::from_secs(2);
/// Signals, limits and the command's own work are looked at every so many turns, however much was read at once.
const LOOK: u32 = 32;
/// The runtime gets its turn at least every so many.
const YIELD: u32 = 1024;

/// What a command does in its conversation. In each round [`Self::turn`] does what needs no waiting; then the first of the
/// broker, [`Self::work`], a signal and a limit is waited for.
pub(super) trait Task {
    /// Does what can be done now, and says what to wait for.
    ///
    /// # Errors
    /// The command cannot go on.
    fn turn(&mut self, talk: &mut Conversation) -> anyhow::Result<Turn>;

    /// Waits for something of the command's own, such as input, output or a child, and keeps it for the next turn.
    /// Cancel-safe.
    ///
    /// # Errors
    /// The command cannot go on.
    fn work(&mut self) -> impl Future<Output = anyhow::Result<()>>;

    /// Whether [`Self::pause`] is to be called when nothing more is at hand from the broker.
    fn wants_pause(&self) -> bool {
        false
    }

    /// Nothing more is at hand from the broker.
    fn pause(&mut self) {}

    /// The broker said something.
    ///
    /// # Errors
    /// The command cannot go on.
    fn handle(&mut self, talk: &mut Conversation, event: session::Event) -> anyhow::Result<()>;

    /// There is no connection, for this reason, and will be another attempt. Gives the reason back, to be shown.
    ///
    /// # Errors
    /// The command cannot go on without.
    fn lost(&mut self, _talk: &mut Conversation, error: client::Error) -> anyhow::Result<client::Error> {
        Ok(error)
    }

    /// The version of the protocol will be 3.1.1, for this reason. Gives the reason back, to be shown.
    ///
    /// # Errors
    /// The command cannot go on with that.
    fn fell_back(&mut self, error: client::Error) -> anyhow::Result<client::Error> {
        Ok(error)
    }

    /// Nothing more is to be taken. What was taken is brought to its end until [`Turn::Done`], or until the grace is over.
    /// True when something that was promised depends on that, so that a signal waits for it.
    fn stop(&mut self, talk: &mut Conversation, why: Reason) -> bool;

    /// What is waited for, in words that stand behind "while".
    fn waiting(&self, talk: &mut Conversation) -> Waiting;

    /// Whether only an orderly end of the connection shows that everything has arrived.
    fn confirms(&self) -> bool {
        false
    }
}

/// What to wait for, besides the command's own work, signals and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing: all is done.
    Done,
    /// Nothing of the broker, which need not be there.
    Work,
    /// Nothing new of the broker, but its connection is kept alive.
    Hold,
    /// The broker.
    Listen,
}

/// What is waited for.
pub(super) enum Waiting {
    /// Something of the command's own, whatever the broker does.
    Work(String),
    /// The broker, once it is connected and has taken all that was written.
    Broker(String),
}

/// How a conversation ended.
pub(super) struct Ended {
    /// Why it ended before the command was done.
    pub(super) stopped: Option<Reason>,
    /// What failed.
    pub(super) failure: Option<anyhow::Error>,
    /// Everything that was to be written reached the system, and the connection was closed in order.
    pub(super) closed: bool,
}

impl Ended {
    /// What the process makes of it, when nothing else matters.
    pub(super) fn outcome(self) -> anyhow::Result<Outcome> {
        match (self.failure, self.stopped) {
            (Some(failure), _) => Err(failure),
            (None, Some(Reason::Signal(signal))) => Ok(Outcome::Signal(signal)),
            (None, Some(Reason::Limit(_))) => Ok(Outcome::TimedOut),
            (None, Some(Reason::Failure) | None) => Ok(Outcome::Done),
        }
    }
}

/// A command's connection, its notes, and what may end it.
pub(super) struct Conversation {
    pub(super) client: Client,
    pub(super) notes: Notes,
    watch: Watch,
    /// Under the names of Mosquitto's tools, `exit` says that a limit ran out.
    as_mosquitto: bool,
    turns: u32,
    stopped: Option<Reason>,
    failure: Option<anyhow::Error>,
    /// The client has given up.
    gone: bool,
    /// There is no time for an orderly end.
    at_once: bool,
}

enum Happened {
    Worked(anyhow::Result<()>),
    Event(Result<Event, client::Error>),
    Pause,
    Interrupted(Interruption),
}

impl Conversation {
    /// A conversation that has not begun, under the limits of the plan, which count from the start of the process.
    ///
    /// # Errors
    /// Signals cannot be caught.
    pub(super) fn new(plan: Plan) -> anyhow::Result<Self> {
        let start = plan.started.into();
        let limits = plan
            .limits
            .iter()
            .filter_map(|length| Limit::from(start, *length))
            .collect();
        Ok(Self {
            client: Client::new(plan.client),
            notes: Notes::new(plan.console),
            watch: Watch::new(Signals::new()?, limits),
            as_mosquitto: plan.as_mosquitto,
            turns: 0,
            stopped: None,
            failure: None,
            gone: false,
            at_once: false,
        })
    }

    /// Runs until the command is done, a signal, a limit or a failure, and ends the connection.
    pub(super) async fn run<T: Task>(mut self, task: &mut T) -> Ended {
        while self.round(task).await {}
        let closed = if self.failure.is_some() {
            // Without DISCONNECT, so that the will is published.
            false
        } else if self.at_once {
            self.client.hang_up();
            false
        } else {
            self.close(task).await
        };
        self.notes.finish();
        Ended {
            stopped: self.stopped,
            failure: self.failure,
            closed,
        }
    }

    /// One turn and one wait; false at the end.
    async fn round<T: Task>(&mut self, task: &mut T) -> bool {
        let turn = match task.turn(self) {
            Ok(Turn::Done) => return false,
            Ok(turn) => turn,
            Err(error) => return self.fail(task, error),
        };
        self.turns = self.turns.wrapping_add(1);
        if self.turns % YIELD == 0 {
            // The runtime turns its clock and looks for signals only when it is given the chance.
            tokio::task::yield_now().await;
        }
        let buffered = match turn {
            // Most messages of a flood come this short way.
            Turn::Listen if self.turns % LOOK != 0 && !self.gone => self.client.buffered(),
            _ => None,
        };
        let happened = match buffered {
            Some(event) => Happened::Event(event),
            None => self.wait(task, turn).await,
        };
        let done = match happened {
            Happened::Worked(done) => done,
            Happened::Event(Ok(event)) => self.handle(task, event),
            Happened::Event(Err(error)) => {
                self.gone = true;
                Err(error.into())
            }
            Happened::Pause => {
                task.pause();
                Ok(())
            }
            Happened::Interrupted(interruption) => {
                self.at_once = !self.interrupt(task, interruption);
                return !self.at_once;
            }
        };
        match done {
            Ok(()) => true,
            Err(error) => self.fail(task, error),
        }
    }

    async fn wait<T: Task>(&mut self, task: &mut T, turn: Turn) -> Happened {
        let pauses = task.wants_pause();
        let turn = if self.gone { Turn::Work } else { turn };
        let (client, watch) = (&mut self.client, &mut self.watch);
        let mut work = pin!(task.work());
        let mut broker = pin!(async {
            match turn {
                Turn::Listen => client.next().await,
                Turn::Hold => {
                    client.hold().await;
                    pending().await
                }
                Turn::Work | Turn::Done => pending().await,
            }
        });
        let mut pause = pin!(tokio::task::yield_now());
        poll_fn(|context| {
            // First, and in each round of the runtime: a broker that always has something to say uses up what one round
            // allows, and nothing behind it is ever ready.
            if let Poll::Ready(interruption) = watch.poll(context) {
                return Poll::Ready(Happened::Interrupted(interruption));
            }
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Happened::Worked(done));
            }
            if let Poll::Ready(event) = broker.as_mut().poll(context) {
                return Poll::Ready(Happened::Event(event));
            }
            match pauses {
                true => pause.as_mut().poll(context).map(|()| Happened::Pause),
                false => Poll::Pending,
            }
        })
        .await
    }

    fn handle<T: Task>(&mut self, task: &mut T, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Session(event) => {
                if let session::Event::Connected(connack) = &event {
                    self.notes.connected(&mut self.client, connack);
                }
                task.handle(self, event)
            }
            Event::Retrying(error, wait) => {
                let error = task.lost(self, error)?;
                self.notes.lost(&mut self.client, &error, wait);
                Ok(())
            }
            Event::FellBack(error) => {
                let error = task.fell_back(error)?;
                self.notes.fell_back(&error);
                Ok(())
            }
            Event::Ready | Event::Closed => Ok(()),
        }
    }

    /// Something cannot go on; false when that is the end.
    fn fail<T: Task>(&mut self, task: &mut T, error: anyhow::Error) -> bool {
        if let Some(error) = error.downcast_ref::<OutputError>() {
            // A reader that goes away has what it wanted.
            if error.0.kind() == io::ErrorKind::BrokenPipe {
                return false;
            }
        }
        if self.failure.is_some() {
            return false;
        }
        let of_output = error.is::<OutputError>();
        self.failure = Some(error);
        task.stop(self, Reason::Failure);
        !of_output
    }

    /// A signal, a limit, or the end of the grace; false when that is the end.
    fn interrupt<T: Task>(&mut self, task: &mut T, interruption: Interruption) -> bool {
        let reason = match interruption {
            Interruption::Grace => return false,
            Interruption::Reason(reason) => reason,
        };
        if !self.is_first(task, reason) {
            return false;
        }
        let owes = task.stop(self, reason);
        let grace = match reason {
            Reason::Signal(_) if owes => GRACE,
            _ => SHORT_GRACE,
        };
        self.watch.end_at(Instant::now() + grace);
        true
    }

    /// Takes note of why the run is to end, and says so of a limit. False when there was a reason before.
    fn is_first<T: Task>(&mut self, task: &T, reason: Reason) -> bool {
        if let Reason::Limit(limit) = reason {
            if !self.as_mosquitto {
                let waiting = task.waiting(self);
                let stage = notes::stage(&mut self.client, waiting);
                self.notes.insist(format_args!("{limit} ran out while {stage}"));
            }
        }
        let first = self.stopped.is_none();
        self.stopped.get_or_insert(reason);
        first
    }

    /// What is waited for while messages are not acknowledged.
    pub(super) fn acknowledgements(&self) -> String {
        let (count, target) = (self.client.unacknowledged(), self.client.target());
        let plural = if count == 1 { "" } else { "s" };
        format!("waiting for the acknowledgement of {count} message{plural} from {target}")
    }

    /// Writes what is left, and DISCONNECT; true when all of it went out and the connection was closed.
    async fn close<T: Task>(&mut self, task: &T) -> bool {
        let confirms = task.confirms();
        match self.client.disconnect(confirms) {
            Ok(true) => {}
            Ok(false) => return true,
            Err(error) => {
                self.failure.get_or_insert_with(|| error.into());
                return false;
            }
        }
        if self.stopped.is_some() {
            self.watch.end_at(Instant::now() + SHORT_GRACE);
        } else if !confirms {
            self.watch.end_at(Instant::now() + FAREWELL);
        }
        loop {
            let happened = {
                let (client, watch) = (&mut self.client, &mut self.watch);
                let mut broker = pin!(client.next());
                poll_fn(|context| match watch.poll(context) {
                    Poll::Ready(interruption) => Poll::Ready(Happened::Interrupted(interruption)),
                    Poll::Pending => broker.as_mut().poll(context).map(Happened::Event),
                })
                .await
            };
            match happened {
                Happened::Event(Ok(Event::Closed)) => return true,
                Happened::Event(Err(error)) => {
                    // What nobody depends on is no failure.
                    if confirms {
                        self.failure.get_or_insert_with(|| error.into());
                    }
                    return false;
                }
                Happened::Interrupted(Interruption::Reason(reason)) => {
                    if !self.is_first(task, reason) {
                        return false;
                    }
                    self.watch.end_at(Instant::now() + SHORT_GRACE);
                }
                Happened::Interrupted(Interruption::Grace) => return false,
                Happened::Event(Ok(_)) | Happened::Worked(_) | Happened::Pause => {}
            }
        }
    }
}
