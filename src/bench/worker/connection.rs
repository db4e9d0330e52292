//! One client of the load: who it is, its first connection, its end. It must not know what it is for.

use super::{Context, Error, Measure, Note, Ordering, Rc};
use crate::bench::Scenario;
use crate::bench::error::with_causes;
use crate::bench::failure::CLOSE_TIMEOUT;
use crate::bench::identity::{Identity, Role};
use crate::bench::signal::{Order, Shared, Trouble};
use crate::client::{self, Client, Event};
use crate::protocol::{Utf8, Version};
use crate::session;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::watch::Receiver;

/// A client and its name.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) identity: Identity,
    /// True from CONNACK to the loss of a connection.
    connected: bool,
    /// When a connection was lost, until the next one.
    lost: Option<Instant>,
    /// How often it was lost.
    pub(super) losses: u64,
    /// An attempt has failed, or the connection was lost, and there is no new one.
    trouble: Option<Trouble>,
    shared: Arc<Shared>,
}

impl Connection {
    /// Connects when it is the client's turn.
    ///
    /// # Errors
    /// It cannot, or [`Error::Stopped`]: the run ended before.
    pub(super) async fn open(context: &Rc<Context>, role: Role, index: u32) -> Result<Box<Self>, Error> {
        let mut orders = context.worker.orders.clone();
        tokio::select! {
            opened = Box::pin(Self::open_in_turn(context, role, index)) => opened,
            _ = orders.wait_for(|order| order.end) => Err(Error::Stopped),
        }
    }

    async fn open_in_turn(context: &Rc<Context>, role: Role, index: u32) -> Result<Box<Self>, Error> {
        let setup = &context.worker.setup;
        let load = &setup.load;
        let identity = setup.identity(role, index);
        let mut options = setup.client.clone();
        let turn = match role {
            // Subscribers are there before the first message.
            Role::Subscriber => index,
            Role::Publisher => load.subscribers + index,
        };
        options.session.client_id = text(identity.client_id.clone());
        options.session.username = options.session.username.map(|_| text(identity.username.clone()));
        options.session.max_inflight = load.window.max(1);
        options.seed = load.seed ^ u64::from(turn);
        if load.persistent {
            keep_session(&mut options.session);
        }
        let wait = load.connect_rate.map_or(0.0, |rate| f64::from(turn) / rate);
        let due = context.worker.connect_at + Duration::try_from_secs_f64(wait).unwrap_or_default();
        tokio::time::sleep_until(due.into()).await;
        let mut connection = Box::new(Self {
            client: Client::new(options),
            identity,
            connected: false,
            lost: None,
            losses: 0,
            trouble: None,
            shared: Arc::clone(&context.worker.shared),
        });
        loop {
            if let Event::Session(session::Event::Connected(_)) = connection.next(context).await? {
                context.time(Measure::Connect, due.elapsed());
                return Ok(connection);
            }
        }
    }

    /// The next event, with gains and losses of the connection counted. Cancel-safe.
    pub(super) async fn next(&mut self, context: &Context) -> Result<Event, Error> {
        match self.client.next().await {
            Ok(event) => {
                match &event {
                    Event::Session(session::Event::Connected(_)) => {
                        self.connected = true;
                        self.trouble = None;
                        context.count(|counts| counts.connected += 1);
                        if let Some(lost) = self.lost.take() {
                            context.time(Measure::Reconnect, lost.elapsed());
                        }
                    }
                    Event::Retrying(error, _) => {
                        let why = with_causes(error);
                        self.trouble = Some(match self.trouble.take() {
                            Some(trouble) => trouble.because(why),
                            None => Trouble::new(why, &self.shared),
                        });
                        if std::mem::take(&mut self.connected) {
                            self.lost = Some(Instant::now());
                            self.losses += 1;
                            context.count(|counts| counts.lost_connections += 1);
                        }
                    }
                    _ => {}
                }
                Ok(event)
            }
            Err(source) => {
                if std::mem::take(&mut self.connected) {
                    self.losses += 1;
                    context.count(|counts| counts.lost_connections += 1);
                }
                Err(self.failed(source))
            }
        }
    }

    /// Loses the connection on purpose.
    pub(super) fn interrupt(&mut self) {
        self.connected = false;
        self.lost = Some(Instant::now());
        self.client.interrupt();
    }

    /// The error of this client.
    pub(super) fn failed(&self, source: client::Error) -> Error {
        Error::Client {
            id: self.identity.client_id.clone(),
            source: Box::new(source),
        }
    }

    /// Keeps the connection alive, and does nothing else with it, until the end of the run.
    pub(super) async fn linger(&mut self, context: &Context) -> Result<(), Error> {
        let mut orders = context.worker.orders.clone();
        loop {
            tokio::select! {
                _ = orders.wait_for(|order| order.end) => return Ok(()),
                event = self.next(context) => { event?; }
            }
        }
    }

    /// Disconnects, and has the broker forget the session. True when the broker closed the connection, as it does after
    /// it has read everything.
    pub(super) async fn close(mut self: Box<Self>, context: &Context) -> bool {
        if let Some(trouble) = &self.trouble {
            context.note(Note::Absent(trouble.why.clone()));
            return false;
        }
        let load = &context.worker.setup.load;
        let closed = match tokio::time::timeout(CLOSE_TIMEOUT, self.client.close(true)).await {
            Ok(result) => result.is_ok(),
            Err(_) => {
                self.shared.unclosed.fetch_add(1, Ordering::Relaxed);
                return false;
            }
        };
        self.shared.closed.fetch_add(1, Ordering::Relaxed);
        let session = self.client.session().options();
        if load.persistent && session.version != Version::V5 && load.scenario != Scenario::Connect {
            let mut options = context.worker.setup.client.clone();
            options.session = session::Options {
                clean_start: true,
                ..session.clone()
            };
            let mut client = Client::new(options);
            let forget = async {
                while !matches!(client.next().await?, Event::Session(session::Event::Connected(_))) {}
                client.close(false).await
            };
            let _ = tokio::time::timeout(FORGET_TIMEOUT, forget).await;
        }
        closed
    }
}

/// Does what is to be done at the end of a client, as far as there is time for it; `None` when there was not enough.
pub(super) async fn in_time<T>(context: &Context, end: Pin<Box<impl Future<Output = T>>>) -> Option<T> {
    tokio::select! {
        done = end => Some(done),
        () = Order::gone(context.worker.orders.clone()) => None,
    }
}

/// How long it may take to have the broker forget a session.
const FORGET_TIMEOUT: Duration = Duration::from_secs(5);
/// How long brokers of version 5 keep sessions over a lost connection, in seconds.
const KEEP_FOR: u32 = 3600;

fn keep_session(options: &mut session::Options) {
    match options.version {
        // DISCONNECT ends it.
        Version::V5 => options.resume_for = Some(KEEP_FOR),
        _ => options.clean_start = false,
    }
}

/// Names are short and made of what was a string before.
pub(super) fn text(text: String) -> Utf8 {
    Utf8::new(text).unwrap_or_default()
}

/// Says why a client is not there; in the scenario `connect` that is part of the figures.
pub(super) fn unconnected(context: &Context, error: Error) {
    if matches!(error, Error::Stopped) {
        return;
    }
    if context.worker.setup.load.scenario == Scenario::Connect {
        context.count(|counts| counts.failed_connections += 1);
        context.note(Note::Unconnected(error));
    } else {
        context.note(Note::Failed(error, false));
    }
}

/// A moment that may never come.
pub(super) async fn at(timer: &super::super::timer::Alarm, moment: Option<Instant>) -> std::io::Result<()> {
    match moment {
        Some(moment) => timer.at(moment).await,
        None => std::future::pending().await,
    }
}

/// Whether an order was given that has not been looked at.
pub(super) fn is_told(orders: &Receiver<Order>) -> bool {
    orders.has_changed().unwrap_or(true)
}

/// Whether there is an order, each time when it is asked: first in a `select!`, it sees to it that a connection that is always
/// ready does not keep orders waiting. It wakes nobody.
pub(super) async fn told(orders: &Receiver<Order>) {
    poll_fn(|_| match is_told(orders) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}
