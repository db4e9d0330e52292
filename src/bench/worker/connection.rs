//! One client of the load: who it is, its first connection, its end. It must not know what it is for.

use super::{Context, Error, Measure, Note, Rc};
use crate::bench::Scenario;
use crate::bench::identity::{Identity, Role};
use crate::client::{self, Client, Event};
use crate::protocol::{Utf8, Version};
use crate::session;
use std::time::{Duration, Instant};

/// A client and its name.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) identity: Identity,
    /// True from CONNACK to the loss of a connection.
    connected: bool,
    /// When a connection was lost, until the next one.
    lost: Option<Instant>,
}

impl Connection {
    /// Connects when it is the client's turn.
    ///
    /// # Errors
    /// It cannot, or [`Error::Stopped`]: the run ended before.
    pub(super) async fn open(context: &Rc<Context>, role: Role, index: u32) -> Result<Box<Self>, Error> {
        let mut orders = context.worker.orders.clone();
        tokio::select! {
            opened = Self::open_in_turn(context, role, index) => opened,
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
                        context.count(|counts| counts.connected += 1);
                        if let Some(lost) = self.lost.take() {
                            context.time(Measure::Reconnect, lost.elapsed());
                        }
                    }
                    Event::Retrying(..) if std::mem::take(&mut self.connected) => {
                        self.lost = Some(Instant::now());
                        context.count(|counts| counts.lost_connections += 1);
                    }
                    _ => {}
                }
                Ok(event)
            }
            Err(source) => {
                if std::mem::take(&mut self.connected) {
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

    /// Disconnects, and has the broker forget the session.
    pub(super) async fn close(mut self: Box<Self>, context: &Context) {
        let load = &context.worker.setup.load;
        // What goes wrong here changes no figure.
        let _ = self.client.close(false).await;
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
        context.note(Note::Failed(error));
    }
}

/// A moment that may never come.
pub(super) async fn at(timer: &super::super::timer::Alarm, moment: Option<Instant>) -> std::io::Result<()> {
    match moment {
        Some(moment) => timer.at(moment).await,
        None => std::future::pending().await,
    }
}
