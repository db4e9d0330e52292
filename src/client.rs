//! A client: a session, a byte stream and the clock, with reconnecting. [`Client::next`] is the only place where a
//! session meets a socket. It must not know the command line or what messages are for.

mod error;
mod hint;
mod options;
mod reconnect;

pub use error::{Error, StreamError};
pub use hint::Hint;
pub use options::Options;
pub use reconnect::PATTERN;

use crate::net::{self, ConnectError, Endpoint, Moved, Pipe, Stage, Stream};
use crate::protocol::{Properties, PropertyId, Publish, ReasonCode, Subscription, Utf8, Version};
use crate::session::{self, AckHandle, client::PublishError};
use reconnect::BackOff;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::time::{sleep_until, timeout_at};

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The broker said something.
    Session(session::Event),
    /// No connection now; the next attempt comes after this time.
    Retrying(Error, Duration),
    /// The broker does not speak version 5: going on with 3.1.1.
    FellBack(Error),
    /// A message could be sent again, after the output was full.
    Ready,
    /// After [`Client::disconnect`]: everything was written, and the connection is closed.
    Closed,
}

/// What [`Client::next`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// The time of the next attempt.
    Retry,
    /// A byte stream.
    Stream(Stage),
    /// CONNACK.
    Connack,
    /// The peer to take so many bytes.
    Output(usize),
    /// The peer to say something.
    Input,
    /// The peer to close the connection.
    Close,
}

/// A client that stays connected.
pub struct Client {
    options: Options,
    session: session::Client,
    state: State,
    back_off: BackOff,
    /// A connection has worked.
    established: bool,
    /// Packets that had come when the last connection began: whatever came since, copies too, shows that it was of use.
    received: u64,
    /// When the last CONNACK came, while its connection stands.
    connected_at: Option<Instant>,
    /// The first bytes of the connection, to recognise a peer that is no broker.
    first: Vec<u8>,
    /// The end of the attempt that is being made; an attempt that falls back goes on under the same limit.
    deadline: Option<Instant>,
}

type Dialing = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>>>>;

enum State {
    Waiting {
        until: Instant,
    },
    Dialing {
        future: Dialing,
        stage: Rc<Cell<Stage>>,
        deadline: Instant,
    },
    Open {
        pipe: Pipe,
        /// When CONNACK must be there.
        connack_by: Option<Instant>,
    },
    Closing(Closing),
    Ended,
}

/// The end of a connection, step by step.
struct Closing {
    pipe: Pipe,
    /// Wait for the broker to close its side, which shows that it has read everything.
    confirm: bool,
    step: Step,
    /// When the step is given up.
    by: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Write,
    ShutDown,
    Confirm,
}

/// Signals and the clock are looked at after so many reads and writes without an event.
const LOOK: u32 = 16;
/// How long a broker may take to close the connection after DISCONNECT.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

impl Client {
    /// A client that will connect as soon as [`Self::next`] is called.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let now = Instant::now();
        Self {
            session: session::Client::new(options.session.clone(), now),
            state: State::Waiting { until: now },
            back_off: BackOff::new(options.seed, Some(options.retry_first), now),
            established: false,
            received: 0,
            connected_at: None,
            first: Vec::new(),
            deadline: None,
            options,
        }
    }

    /// Reads and writes until something happens. Cancel-safe: nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// The connection could not be made, or is lost for good.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            match &mut self.state {
                State::Waiting { until } => {
                    if *until > Instant::now() {
                        sleep_until((*until).into()).await;
                    }
                    self.dial();
                }
                State::Dialing {
                    future,
                    stage,
                    deadline,
                } => {
                    let dialed = timeout_at((*deadline).into(), future).await;
                    let (stage, deadline) = (stage.get(), *deadline);
                    match dialed {
                        Ok(Ok(stream)) => self.open(stream, deadline)?,
                        Ok(Err(error)) => return self.failed(error.into()),
                        Err(_) => {
                            let limit = self.options.connect_timeout;
                            let error = ConnectError::timed_out(&self.options.target.endpoint, stage, limit);
                            return self.failed(error.into());
                        }
                    }
                }
                State::Open { .. } => match self.drive().await {
                    Ok(None) => return Ok(Event::Ready),
                    Ok(Some(event)) => {
                        if let session::Event::Connected(_) = event {
                            self.connected();
                        }
                        return Ok(Event::Session(event));
                    }
                    Err(error) => match &error {
                        Error::Session {
                            source: session::Error::SessionEnded,
                            ..
                        } => self.reopen(),
                        Error::Session {
                            source: session::Error::ForeignSession(_),
                            ..
                        } => {
                            self.reopen();
                            return Ok(Event::Retrying(error, Duration::ZERO));
                        }
                        _ => return self.lost(error),
                    },
                },
                State::Closing(_) => {
                    let closed = self.finish().await;
                    self.state = State::Ended;
                    return closed.map(|()| Event::Closed);
                }
                State::Ended => std::future::pending().await,
            }
        }
    }

    /// What [`Self::next`] would give at once, from bytes that were read already.
    pub fn buffered(&mut self) -> Option<Result<Event, Error>> {
        if self.connected_at.is_none() || !self.session.has_input() {
            return None;
        }
        match self.session.poll_event(Instant::now()) {
            Ok(event) => Some(Ok(Event::Session(event?))),
            Err(error) => {
                let error = self.session_error(error);
                Some(self.lost(error))
            }
        }
    }

    fn dial(&mut self) {
        let target = self.options.target.clone();
        let stage = Rc::new(Cell::new(Stage::Lookup));
        let progress = Rc::clone(&stage);
        let future = Box::pin(async move { net::dial(&target, &progress).await });
        let limit = self.options.connect_timeout;
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + limit);
        self.state = State::Dialing {
            future,
            stage,
            deadline,
        };
    }

    fn open(&mut self, stream: Stream, deadline: Instant) -> Result<(), Error> {
        let now = Instant::now();
        self.first.clear();
        // A broker that never answers version 5 must leave time to try 3.1.1 within the same limit.
        let connack_by = if self.may_fall_back() {
            now + deadline.saturating_duration_since(now) / 2
        } else {
            deadline
        };
        self.session
            .handle_open(now)
            .map_err(|error| self.session_error(error))?;
        self.state = State::Open {
            pipe: Pipe::new(stream),
            connack_by: Some(connack_by),
        };
        Ok(())
    }

    fn may_fall_back(&self) -> bool {
        self.options.fall_back && !self.established && self.session.options().version == Version::V5
    }

    fn connected(&mut self) {
        self.established = true;
        self.received = self.session.received();
        self.connected_at = Some(Instant::now());
        self.deadline = None;
        if let State::Open { connack_by, .. } = &mut self.state {
            *connack_by = None;
        }
    }

    /// Moves bytes until the session has an event, or (`None`) has room again for messages that wait outside.
    async fn drive(&mut self) -> Result<Option<session::Event>, Error> {
        let mut moves = 0;
        loop {
            let now = Instant::now();
            match self.session.poll_event(now) {
                Ok(Some(event)) => return Ok(Some(event)),
                // A peer that always has something to say that says nothing must not keep the clock and signals from being
                // looked at. Each look costs three system calls.
                Ok(None) if moves == LOOK => {
                    moves = 0;
                    tokio::task::yield_now().await;
                }
                Ok(None) => {}
                Err(error) => return Err(self.session_error(error)),
            }
            self.session.pump(now).map_err(|error| self.session_error(error))?;
            let was_ready = self.session.is_ready();
            let State::Open { pipe, connack_by } = &mut self.state else {
                return Err(self.no_connack(None));
            };
            let connack = *connack_by;
            let wake = [connack, self.session.poll_timeout()].into_iter().flatten().min();
            let reading = self.session.wants_input();
            match moved(pipe, &mut self.session, reading, wake).await {
                Some(Ok(Moved::Bytes)) => {
                    if connack.is_some() && self.first.is_empty() {
                        self.first.extend(self.session.input().iter().take(8));
                    }
                    if !was_ready && self.session.is_ready() {
                        return Ok(None);
                    }
                    moves += 1;
                }
                Some(Ok(Moved::End)) if connack.is_some() && !self.session.has_input() => {
                    return Err(self.no_connack(None));
                }
                Some(Ok(Moved::End)) => {
                    let error = self.session.handle_eof();
                    return Err(self.session_error(error));
                }
                None => {
                    let now = Instant::now();
                    if connack.is_some_and(|at| at <= now) {
                        return Err(self.no_connack(Some(self.options.connect_timeout)));
                    }
                    self.session
                        .handle_timeout(now)
                        .map_err(|error| self.session_error(error))?;
                }
                // Closed while there was something to read (RST), or without TLS's close_notify.
                Some(Err(error)) if connack.is_some() && error::is_hang_up(&error) => {
                    return Err(self.no_connack(None));
                }
                Some(Err(error)) => return Err(self.io_error(error, self.session.lacks_pubrec())),
            }
        }
    }

    fn address(&self) -> String {
        self.options.target.endpoint.to_string()
    }

    fn io_error(&self, error: io::Error, on_qos2: bool) -> Error {
        Error::Io {
            address: self.address(),
            on_qos2,
            source: StreamError(error),
        }
    }

    fn session_error(&self, source: session::Error) -> Error {
        let hint = net::foreign_peer_hint(&self.first);
        Error::Session {
            address: self.address(),
            source,
            version: self.session.options().version,
            password_sent: self.session.options().password.is_some(),
            hint,
        }
    }

    fn no_connack(&self, limit: Option<Duration>) -> Error {
        Error::NoConnack {
            address: self.address(),
            limit,
            hint: net::foreign_peer_hint(&self.first),
        }
    }

    /// The connection broke; says so to the peer, as far as it still listens, and decides what then.
    fn lost(&mut self, error: Error) -> Result<Event, Error> {
        self.write_last_words();
        let now = Instant::now();
        let lived = self.connected_at.take().map(|at| now - at);
        if let Some(lived) = lived {
            let useful = self.received < self.session.received();
            self.back_off.lost(lived, useful, self.options.retry_lost, now);
        }
        self.failed(error)
    }

    fn write_last_words(&mut self) {
        if let State::Open { pipe, .. } | State::Closing(Closing { pipe, .. }) = &mut self.state {
            let mut context = Context::from_waker(Waker::noop());
            let _ = pipe.poll(&mut context, self.session.output(), None);
        }
    }

    /// The session needs another connection to begin: that is no failure, and comes at once.
    fn reopen(&mut self) {
        self.write_last_words();
        self.interrupt();
    }

    fn failed(&mut self, error: Error) -> Result<Event, Error> {
        let now = Instant::now();
        self.session.handle_closed();
        if self.may_fall_back() && error.suggests_older_version() {
            self.session.set_version(Version::V311);
            self.state = State::Waiting { until: now };
            return Ok(Event::FellBack(error));
        }
        self.deadline = None;
        self.state = State::Ended;
        if !error.is_transient() {
            return Err(error);
        }
        match self.back_off.next(now) {
            Some(wait) => {
                self.state = State::Waiting { until: now + wait };
                Ok(Event::Retrying(error, wait))
            }
            None => match self
                .options
                .retry_lost
                .filter(|limit| self.established && !limit.is_zero())
            {
                Some(within) => Err(Error::GaveUp {
                    address: self.address(),
                    within,
                    source: Box::new(error),
                }),
                None => Err(error),
            },
        }
    }

    /// Ends the session: from now on [`Self::next`] writes everything, DISCONNECT at the end, and closes the connection, up
    /// to [`Event::Closed`]. With `confirm`, it waits for the broker to close its side, which shows that it has read
    /// everything. False when there is no connection that could be closed.
    ///
    /// # Errors
    /// DISCONNECT cannot be written.
    pub fn disconnect(&mut self, confirm: bool) -> Result<bool, Error> {
        if !self.session.is_connected() {
            self.state = State::Ended;
            return Ok(false);
        }
        let disconnected = self.session.disconnect(ReasonCode::SUCCESS);
        disconnected.map_err(|error| self.session_error(error))?;
        if let State::Open { pipe, .. } = std::mem::replace(&mut self.state, State::Ended) {
            self.state = State::Closing(Closing {
                pipe,
                confirm,
                step: Step::Write,
                by: None,
            });
        }
        Ok(true)
    }

    /// [`Self::disconnect`], and all that follows from it.
    ///
    /// # Errors
    /// The connection broke before everything was written, or the broker refused something at the end.
    pub async fn close(&mut self, confirm: bool) -> Result<(), Error> {
        while self.disconnect(confirm)? {
            if let Event::Closed = self.next().await? {
                break;
            }
        }
        Ok(())
    }

    /// Writes DISCONNECT as far as that is possible without waiting, and ends.
    pub fn hang_up(&mut self) {
        if self.disconnect(false).is_ok() {
            self.write_last_words();
        }
        self.state = State::Ended;
    }

    /// Takes the connection through the steps of its end.
    async fn finish(&mut self) -> Result<(), Error> {
        let patience = self.keep_alive_interval();
        loop {
            let State::Closing(Closing {
                pipe,
                confirm,
                step,
                by,
            }) = &mut self.state
            else {
                return Ok(());
            };
            let now = Instant::now();
            if *step == Step::Write && self.session.unwritten() == 0 && !pipe.is_unflushed() {
                (*step, *by) = (Step::ShutDown, Some(now + CLOSE_TIMEOUT));
            }
            if *step == Step::ShutDown {
                let shut_down = poll_fn(|context| pipe.poll_shutdown(context));
                // A broker that takes its time, or hangs up roughly, has nothing more to tell.
                let _ = timeout_at((now + CLOSE_TIMEOUT).into(), shut_down).await;
                match confirm {
                    true => *step = Step::Confirm,
                    false => return Ok(()),
                }
            }
            let (was_writing, is_bare) = (*step == Step::Write, pipe.stream().summary().is_none());
            let moved = moved(pipe, &mut self.session, true, by.or(patience.map(|limit| now + limit))).await;
            let done = self.session.unwritten() == 0 && !pipe.is_unflushed();
            let writing = was_writing && (!done || matches!(moved, Some(Err(_))));
            // What the broker still says: it may refuse something, or have disconnected first.
            while self
                .session
                .poll_event(now)
                .map_err(|error| self.session_error(error))?
                .is_some()
            {}
            match moved {
                Some(Ok(Moved::Bytes)) => {}
                // A reset at this point is that of a peer that has not read everything. TLS and WebSocket have last words of
                // their own, which many do not wait for.
                Some(Err(error)) if writing || is_bare && error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(self.io_error(error, false));
                }
                Some(Ok(Moved::End)) if writing => return Err(self.session_error(self.session.handle_eof())),
                None if writing => {
                    let limit = patience.unwrap_or_default();
                    return Err(self.session_error(session::Error::KeepAlive(limit)));
                }
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// What the broker's or our keep alive allows a peer to be silent.
    fn keep_alive_interval(&self) -> Option<Duration> {
        let own = self.session.options().keep_alive;
        let agreed = self.session.connack().properties.u16(PropertyId::ServerKeepAlive);
        let seconds = agreed.unwrap_or(own);
        (seconds > 0).then(|| Duration::from_secs(seconds.into()))
    }

    /// Loses the connection as if the network had: no DISCONNECT. [`Self::next`] makes the next one at once.
    pub fn interrupt(&mut self) {
        self.session.handle_closed();
        self.connected_at = None;
        self.state = State::Waiting { until: Instant::now() };
    }

    // ----- commands: they fill the session, `next` does the rest

    /// Sends a message; ask [`Self::is_ready`] first to keep memory bounded.
    ///
    /// # Errors
    /// What the message asks for is not possible with this broker.
    pub fn publish(&mut self, publish: Publish) -> Result<(), PublishError> {
        self.session.publish(publish, Instant::now())
    }

    /// Subscribes, now and again after a reconnect that finds no session.
    ///
    /// # Errors
    /// The packet cannot be written.
    pub fn subscribe(&mut self, subscriptions: Vec<Subscription>, properties: Properties) -> Result<(), Error> {
        let subscribed = self.session.subscribe(subscriptions, properties, Instant::now());
        subscribed.map_err(|error| self.session_error(error))
    }

    /// Unsubscribes.
    ///
    /// # Errors
    /// The packet cannot be written.
    pub fn unsubscribe(&mut self, filters: Vec<Utf8>, properties: Properties) -> Result<(), Error> {
        let unsubscribed = self.session.unsubscribe(filters, properties, Instant::now());
        unsubscribed.map_err(|error| self.session_error(error))
    }

    /// Says that a message has been handed on.
    ///
    /// # Errors
    /// The packet cannot be written.
    pub fn acknowledge(&mut self, handle: AckHandle) -> Result<(), Error> {
        let acknowledged = self.session.acknowledge(handle, Instant::now());
        acknowledged.map_err(|error| self.session_error(error))
    }

    /// Keeps the connection alive while nothing new can be taken: writes and pings, reads nothing. Never ends by itself.
    pub async fn hold(&mut self) {
        while let State::Open { pipe, .. } = &mut self.state {
            let wake = self.session.poll_ping();
            match moved(pipe, &mut self.session, false, wake).await {
                Some(Ok(_)) => {}
                // A broken connection shows when it is read again.
                Some(Err(_)) => break,
                None => self.session.ping_now(Instant::now()),
            }
        }
        std::future::pending().await
    }

    // ----- getters

    /// True when a message could be sent at once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.session.is_ready()
    }

    /// Messages at QoS 1 and 2 that are not acknowledged, sent or not.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.session.unacknowledged()
    }

    /// True when another event may be there without waiting for the peer.
    #[must_use]
    pub fn has_input(&self) -> bool {
        self.session.has_input()
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &session::Client {
        &self.session
    }

    /// Messages that a receiver may see twice; see [`session::Delivery::take_uncertain`].
    pub fn take_uncertain(&mut self) -> u64 {
        self.session.take_uncertain()
    }

    /// Where to.
    #[must_use]
    pub fn target(&self) -> &Endpoint {
        &self.options.target.endpoint
    }

    /// TLS version and cipher suite, and WebSocket, when there are any.
    #[must_use]
    pub fn stream_summary(&self) -> Option<String> {
        match &self.state {
            State::Open { pipe, .. } => pipe.stream().summary(),
            _ => None,
        }
    }

    /// What [`Self::next`] waits for.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        let written = self.session.unwritten() == 0;
        match &self.state {
            State::Waiting { .. } | State::Ended => Waiting::Retry,
            State::Dialing { stage, .. } => Waiting::Stream(stage.get()),
            State::Open {
                connack_by: Some(_), ..
            } => Waiting::Connack,
            State::Open { .. } if written => Waiting::Input,
            State::Closing(closing) if written && !closing.pipe.is_unflushed() => Waiting::Close,
            State::Open { .. } | State::Closing(_) => Waiting::Output(self.session.unwritten()),
        }
    }

    /// Connections in a row that the other side ended within 5 s of their CONNACK.
    #[must_use]
    pub fn short_lived(&self) -> u32 {
        self.back_off.short_lived()
    }
}

/// Moves bytes, or waits until they can be moved; `None` when it is time to wake. All state is in the session and the pipe.
async fn moved(
    pipe: &mut Pipe,
    session: &mut session::Client,
    reading: bool,
    wake: Option<Instant>,
) -> Option<io::Result<Moved>> {
    let io = poll_fn(|context| -> Poll<_> {
        let (output, input) = session.buffers();
        pipe.poll(context, output, reading.then_some(input))
    });
    let Some(wake) = wake else { return Some(io.await) };
    tokio::select! {
        // IO first: what has arrived counts before a timer that ran out meanwhile.
        biased;
        moved = io => Some(moved),
        () = sleep_until(wake.into()) => None,
    }
}
