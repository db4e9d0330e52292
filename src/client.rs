//! A client: a session, a byte stream and the clock, with reconnecting. [`Client::next`] is the only place where a
//! session meets a socket. It must not know the command line or what messages are for.

mod error;
mod hint;
mod options;
mod reconnect;

pub use error::{Error, StreamError};
pub use hint::Hint;
pub use options::Options;

use crate::net::{self, ConnectError, Endpoint, Stage, Stream};
use crate::protocol::{Properties, Publish, ReasonCode, Subscription, Utf8, Version};
use crate::session::{self, AckHandle, client::PublishError};
use bytes::{Buf, BytesMut};
use reconnect::BackOff;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep_until, timeout};

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
}

/// A client that stays connected.
pub struct Client {
    options: Options,
    session: session::Client,
    state: State,
    back_off: BackOff,
    /// A connection has worked.
    established: bool,
    /// The last connection has, beyond its CONNACK.
    useful: bool,
    buffers: Buffers,
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
    /// The deadline is that of CONNACK.
    Open {
        stream: Stream,
        deadline: Option<Instant>,
    },
    Ended,
}

/// How much to read at once, and what came first.
struct Buffers {
    read_size: usize,
    /// The first bytes of the connection, to recognise a peer that is no broker.
    first: Vec<u8>,
    /// Something was written and not flushed.
    dirty: bool,
}

const SMALL_READ: usize = 2 * 1024;
const LARGE_READ: usize = 64 * 1024;
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
            useful: false,
            buffers: Buffers {
                read_size: SMALL_READ,
                first: Vec::new(),
                dirty: false,
            },
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
                    let dialed = tokio::time::timeout_at((*deadline).into(), future).await;
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
                    Ok(Some(session::Event::Connected(connack))) => {
                        if !std::mem::replace(&mut self.established, true) {
                            self.useful = true;
                        }
                        self.deadline = None;
                        if let State::Open { deadline, .. } = &mut self.state {
                            *deadline = None;
                        }
                        return Ok(Event::Session(session::Event::Connected(connack)));
                    }
                    Ok(Some(event)) => {
                        self.useful = true;
                        return Ok(Event::Session(event));
                    }
                    Err(error) => return self.lost(error),
                },
                State::Ended => std::future::pending().await,
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
        self.buffers.first.clear();
        // A broker that never answers version 5 must leave time to try 3.1.1 within the same limit.
        let deadline = if self.may_fall_back() {
            now + deadline.saturating_duration_since(now) / 2
        } else {
            deadline
        };
        self.session
            .handle_open(now)
            .map_err(|error| self.session_error(error))?;
        self.state = State::Open {
            stream,
            deadline: Some(deadline),
        };
        Ok(())
    }

    fn may_fall_back(&self) -> bool {
        self.options.fall_back && !self.established && self.session.options().version == Version::V5
    }

    /// Moves bytes until the session has an event, or (`None`) has room again for messages that wait outside.
    async fn drive(&mut self) -> Result<Option<session::Event>, Error> {
        loop {
            let now = Instant::now();
            match self.session.poll_event(now) {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) => {}
                Err(error) => return Err(self.session_error(error)),
            }
            self.session.pump(now).map_err(|error| self.session_error(error))?;
            let was_ready = self.session.is_ready();
            let State::Open { stream, deadline } = &mut self.state else {
                return Err(self.no_connack(None));
            };
            let connack = *deadline;
            let wake = [connack, self.session.poll_timeout()].into_iter().flatten().min();
            match progress(stream, &mut self.session, &mut self.buffers, wake).await {
                Ok(Progress::Moved) if !was_ready && self.session.is_ready() => return Ok(None),
                Ok(Progress::Moved) => {}
                Ok(Progress::Eof) if connack.is_some() && self.session.input().is_empty() => {
                    return Err(self.no_connack(None));
                }
                Ok(Progress::Eof) => {
                    let error = self.session.handle_eof();
                    return Err(self.session_error(error));
                }
                Ok(Progress::Timeout) => {
                    let now = Instant::now();
                    if connack.is_some_and(|at| at <= now) {
                        return Err(self.no_connack(Some(self.options.connect_timeout)));
                    }
                    self.session
                        .handle_timeout(now)
                        .map_err(|error| self.session_error(error))?;
                }
                // Closed while there was something to read (RST), or without TLS's close_notify.
                Err(error) if connack.is_some() && error::is_hang_up(&error) => return Err(self.no_connack(None)),
                Err(error) => {
                    return Err(Error::Io {
                        address: self.address(),
                        on_qos2: self.session.lacks_pubrec(),
                        source: StreamError(error),
                    });
                }
            }
        }
    }

    fn address(&self) -> String {
        self.options.target.endpoint.to_string()
    }

    fn session_error(&self, source: session::Error) -> Error {
        let hint = net::foreign_peer_hint(&self.buffers.first);
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
            hint: net::foreign_peer_hint(&self.buffers.first),
        }
    }

    /// The connection broke; says so to the peer, as far as it still listens, and decides what then.
    fn lost(&mut self, error: Error) -> Result<Event, Error> {
        if let State::Open { stream, .. } = &mut self.state {
            let mut context = Context::from_waker(std::task::Waker::noop());
            let _ = poll_write(stream, &mut context, self.session.output());
            let _ = Pin::new(stream).poll_flush(&mut context);
        }
        // A connection that never did anything does not start the count anew: a broker that hangs up after each CONNACK
        // must not be asked for ever.
        if std::mem::take(&mut self.useful) {
            self.back_off.restart(self.options.retry_lost, Instant::now());
        }
        self.failed(error)
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

    /// Ends the session: writes everything, DISCONNECT at the end, and closes the connection. With `confirm`, waits for
    /// the broker to close its side, which shows that it has read everything.
    ///
    /// # Errors
    /// The connection broke before everything was written, or the broker refused something at the end.
    pub async fn close(&mut self, confirm: bool) -> Result<(), Error> {
        if !self.session.is_connected() {
            return Ok(());
        }
        let disconnected = self.session.disconnect(ReasonCode::SUCCESS);
        disconnected.map_err(|error| self.session_error(error))?;
        let address = self.address();
        let State::Open { stream, .. } = &mut self.state else {
            return Ok(());
        };
        let lost = |error| Error::Io {
            on_qos2: false,
            address: address.clone(),
            source: StreamError(error),
        };
        stream.write_all_buf(self.session.output()).await.map_err(lost)?;
        stream.flush().await.map_err(lost)?;
        let closing = async {
            stream.shutdown().await?;
            while confirm && stream.read_buf(self.session.input()).await? > 0 {}
            Ok::<(), io::Error>(())
        };
        // A broker that takes its time, or hangs up roughly, has nothing more to tell.
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
        loop {
            match self.session.poll_event(Instant::now()) {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.session_error(error)),
            }
        }
    }

    /// Loses the connection as if the network had: no DISCONNECT. [`Self::next`] makes the next one at once.
    pub fn interrupt(&mut self) {
        self.session.handle_closed();
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
    pub async fn keep_alive(&mut self) {
        loop {
            if let State::Open { stream, .. } = &mut self.state {
                // A broken connection shows when it is read again.
                let written = poll_fn(|context| poll_write(stream, context, self.session.output())).await;
                if written.is_err() || stream.flush().await.is_err() {
                    return std::future::pending().await;
                }
                if self.session.output().has_remaining() {
                    continue;
                }
            }
            let Some(wake) = self.session.poll_ping() else {
                return std::future::pending().await;
            };
            sleep_until(wake.into()).await;
            self.session.ping_now(Instant::now());
        }
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
    pub fn has_input(&mut self) -> bool {
        !self.session.input().is_empty()
    }

    /// The session.
    #[must_use]
    pub fn session(&mut self) -> &mut session::Client {
        &mut self.session
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
            State::Open { stream, .. } => stream.summary(),
            _ => None,
        }
    }
}

enum Progress {
    Moved,
    Eof,
    Timeout,
}

/// Reads or writes what can be moved now; else waits for it until `wake`. All state is in the session and the stream.
async fn progress(
    stream: &mut Stream,
    session: &mut session::Client,
    buffers: &mut Buffers,
    wake: Option<Instant>,
) -> io::Result<Progress> {
    let io = poll_fn(|context| poll_io(stream, context, session, buffers));
    let Some(wake) = wake else { return io.await };
    tokio::select! {
        // IO first: what has arrived counts before a timer that ran out meanwhile.
        biased;
        moved = io => moved,
        () = sleep_until(wake.into()) => Ok(Progress::Timeout),
    }
}

fn poll_io(
    stream: &mut Stream,
    context: &mut Context<'_>,
    session: &mut session::Client,
    buffers: &mut Buffers,
) -> Poll<io::Result<Progress>> {
    if session.output().has_remaining() {
        match poll_write(stream, context, session.output()) {
            Poll::Ready(Ok(())) => {
                buffers.dirty = true;
                return Poll::Ready(Ok(Progress::Moved));
            }
            Poll::Ready(Err(error)) => return write_failed(stream, context, session, error),
            Poll::Pending => {}
        }
    } else if buffers.dirty && Pin::new(&mut *stream).poll_flush(context)?.is_ready() {
        buffers.dirty = false;
    }
    if !session.wants_input() {
        return Poll::Pending;
    }
    let read = ready!(poll_read(stream, context, session.input(), &mut buffers.read_size))?;
    if buffers.first.is_empty() {
        buffers.first.extend(session.input().iter().take(8));
    }
    Poll::Ready(Ok(if read == 0 { Progress::Eof } else { Progress::Moved }))
}

/// The peer has gone, but may have said why before it went.
fn write_failed(
    stream: &mut Stream,
    context: &mut Context<'_>,
    session: &mut session::Client,
    error: io::Error,
) -> Poll<io::Result<Progress>> {
    session.output().clear();
    match poll_read(stream, context, session.input(), &mut LARGE_READ.clone()) {
        Poll::Ready(Ok(read)) if read > 0 => Poll::Ready(Ok(Progress::Moved)),
        _ => Poll::Ready(Err(error)),
    }
}

/// Writes once, and advances over what was written.
fn poll_write(stream: &mut Stream, context: &mut Context<'_>, output: &mut BytesMut) -> Poll<io::Result<()>> {
    if output.is_empty() {
        return Poll::Ready(Ok(()));
    }
    let written = ready!(Pin::new(stream).poll_write(context, output))?;
    if written == 0 {
        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
    }
    output.advance(written);
    Poll::Ready(Ok(()))
}

/// Reads once, at the end of `input`. Reads that fill their space make the next one larger.
fn poll_read(
    stream: &mut Stream,
    context: &mut Context<'_>,
    input: &mut BytesMut,
    read_size: &mut usize,
) -> Poll<io::Result<usize>> {
    if input.capacity() - input.len() < *read_size / 2 {
        input.reserve(*read_size);
    }
    let filled = input.len();
    // Dropping this future loses nothing: it has no state of its own.
    let read = ready!(std::pin::pin!(stream.read_buf(input)).poll(context))?;
    if filled + read == input.capacity() {
        *read_size = (*read_size * 4).min(LARGE_READ);
    }
    Poll::Ready(Ok(read))
}
