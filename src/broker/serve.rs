//! The broker on sockets: one task for each connection, all on one thread. It must not know the command line, nor
//! standard output.
//!
//! A task owns its stream and its [`Server`]; the one [`Broker`] is borrowed for a round of work without an await in it.
//! A round takes all events that were read, moves waiting messages into the output buffer, and then waits for whatever
//! comes first: room to write, bytes to read, a wake from another connection's round, a time limit.

use super::{ACK_DELAY, Answer, Broker, ConnectionId, End, Options, Statistics};
use crate::net::{Listener, Moved, Peer, Pending, Pipe, io_message};
use crate::protocol::{Connect, Disconnect, Publish, QoS, ReasonCode};
use crate::session::server::{Event, Server};
use crate::session::{AckHandle, Error};
use bytes::BytesMut;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::error::Error as _;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::{self, Sleep};

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something was lost: to be shown in any case.
    Loss,
    /// Who comes, goes and subscribes.
    Detail,
}

/// Where lines of the log go. Clients' texts in them are escaped.
pub type Log = dyn Fn(Severity, fmt::Arguments<'_>);

/// A client that lets more of our answers lie than this is not read.
const MAX_OUTPUT: usize = 1 << 20;
/// A client of 3.1.1 with more acknowledgements held back than this is not read until some have gone.
const MAX_HELD: usize = 1000;
/// How long the last words to a client may take.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Pause after the system refused a connection, for want of file descriptors mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` is ready; then tells the clients, closes, and gives the numbers of the run.
pub async fn serve(
    listeners: Vec<Listener>,
    options: Options,
    shutdown: impl Future<Output = ()>,
    log: Box<Log>,
) -> Statistics {
    let shared = Rc::new(Shared {
        max_packet_size: options.max_packet_size,
        state: RefCell::new(State {
            broker: Broker::new(options),
            wakers: HashMap::new(),
        }),
        stopping: Cell::new(false),
        live: Cell::new(0),
        gone: Notify::new(),
        armed: Cell::new(None),
        rearm: Notify::new(),
        log,
    });
    LocalSet::new()
        .run_until(async {
            for listener in listeners {
                tokio::task::spawn_local(accept(Rc::clone(&shared), listener));
            }
            tokio::task::spawn_local(keep_time(Rc::clone(&shared)));
            shutdown.await;
            shared.stop().await;
            shared.work(|broker| broker.statistics())
        })
        .await
}

/// What the tasks share.
struct Shared {
    max_packet_size: usize,
    state: RefCell<State>,
    stopping: Cell<bool>,
    live: Cell<usize>,
    gone: Notify,
    /// Until when `keep_time` sleeps.
    armed: Cell<Option<Instant>>,
    rearm: Notify,
    log: Box<Log>,
}

struct State {
    broker: Broker,
    wakers: HashMap<ConnectionId, Rc<Notify>>,
}

fn now() -> Instant {
    time::Instant::now().into_std()
}

async fn accept(shared: Rc<Shared>, listener: Listener) {
    loop {
        match listener.accept().await {
            Ok(_) if shared.stopping.get() => {}
            Ok(pending) => {
                shared.live.set(shared.live.get() + 1);
                let shared = Rc::clone(&shared);
                tokio::task::spawn_local(async move {
                    // Leaves by `Drop`, a panic of the task included.
                    let registration = Registration::new(shared);
                    serve_connection(&registration, pending).await;
                });
            }
            Err(error) => {
                shared.detail(format_args!("cannot accept a connection: {}", io_message(&error)));
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Wills with a delay, sessions and retained messages that expire.
async fn keep_time(shared: Rc<Shared>) {
    loop {
        let armed = shared.state.borrow().broker.poll_timeout();
        shared.armed.set(armed);
        let due = async {
            match armed {
                Some(at) => time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => shared.work(|broker| broker.handle_timeout(now())),
            () = shared.rearm.notified() => {}
        }
    }
}

impl Shared {
    /// Does something with the broker, and what follows from it.
    fn work<T>(&self, task: impl FnOnce(&mut Broker) -> T) -> T {
        let mut state = self.state.borrow_mut();
        let State { broker, wakers } = &mut *state;
        let result = task(broker);
        for id in broker.take_wakes() {
            if let Some(wake) = wakers.get(&id) {
                wake.notify_one();
            }
        }
        if broker.poll_timeout() != self.armed.get() {
            self.rearm.notify_one();
        }
        while let Some(notice) = broker.poll_notice() {
            let severity = if notice.is_loss() {
                Severity::Loss
            } else {
                Severity::Detail
            };
            (self.log)(severity, format_args!("{notice}"));
        }
        result
    }

    fn detail(&self, line: fmt::Arguments<'_>) {
        (self.log)(Severity::Detail, line);
    }

    async fn stop(&self) {
        self.stopping.set(true);
        for wake in self.state.borrow().wakers.values() {
            wake.notify_one();
        }
        let all_gone = async {
            while self.live.get() > 0 {
                self.gone.notified().await;
            }
        };
        // Who does not go in time is cut off.
        let _ = time::timeout(LAST_WORDS, all_gone).await;
    }
}

/// A connection that the broker knows; it is told when this is dropped.
struct Registration {
    shared: Rc<Shared>,
    id: ConnectionId,
    /// Notified when there is something to do.
    wake: Rc<Notify>,
}

impl Registration {
    fn new(shared: Rc<Shared>) -> Self {
        let wake = Rc::new(Notify::new());
        let id = shared.work(Broker::open);
        shared.state.borrow_mut().wakers.insert(id, Rc::clone(&wake));
        Self { shared, id, wake }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shared.live.set(self.shared.live.get().saturating_sub(1));
        self.shared.gone.notify_one();
        self.shared
            .work(|broker| broker.disconnected(self.id, Default::default(), End::Lost, now()));
        self.shared.state.borrow_mut().wakers.remove(&self.id);
    }
}

async fn serve_connection(registration: &Registration, pending: Pending) {
    let peer = pending.peer;
    let deadline = now() + Server::CONNECT_TIMEOUT;
    let stream = match time::timeout_at(deadline.into(), pending.handshake()).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let what = io_message(&error);
            return registration
                .shared
                .detail(format_args!("{peer}: no connection: {what}"));
        }
        Err(_) => return registration.shared.detail(format_args!("{peer}: no handshake in time")),
    };
    let connection = Connection {
        registration,
        peer,
        pipe: Pipe::new(stream),
        server: Server::new(registration.shared.max_packet_size, now()),
        connect: None,
        connect_by: Some(deadline),
        held: VecDeque::new(),
        paused: None,
        sleep: Box::pin(time::sleep_until(deadline.into())),
        client_id: String::new(),
    };
    connection.run().await;
}

/// Why a connection ends.
#[derive(Debug)]
enum Ending {
    Said(Disconnect),
    Fault(Error),
    Io(io::Error),
    Eof,
    Refused(ReasonCode),
    TooLate,
    TakenOver,
    Stopping,
}

impl From<Error> for Ending {
    fn from(error: Error) -> Self {
        Self::Fault(error)
    }
}

/// An acknowledgement that waits for slower clients.
struct Held {
    handle: AckHandle,
    reason: ReasonCode,
    until: Instant,
}

struct Connection<'a> {
    registration: &'a Registration,
    peer: Peer,
    pipe: Pipe,
    server: Server,
    /// CONNECT that waits for another connection to leave the session.
    connect: Option<Box<Connect>>,
    /// When CONNECT has to be answered.
    connect_by: Option<Instant>,
    held: VecDeque<Held>,
    /// Nothing is taken from the client; when to look again.
    paused: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
    client_id: String,
}

impl Connection<'_> {
    async fn run(mut self) {
        let ending = loop {
            let registration = self.registration;
            let result = registration.shared.work(|broker| self.round(broker, now()));
            if let Err(ending) = result {
                break ending;
            }
            if let Err(ending) = self.wait().await {
                break ending;
            }
        };
        self.end(ending).await;
    }

    // ----- one round

    fn round(&mut self, broker: &mut Broker, now: Instant) -> Result<(), Ending> {
        let id = self.registration.id;
        broker.attend(id);
        if self.registration.shared.stopping.get() {
            return Err(Ending::Stopping);
        }
        if broker.is_ousted(id) {
            return Err(Ending::TakenOver);
        }
        if let Some(connect) = self.connect.take() {
            self.connect(broker, connect, now)?;
        }
        if self.connect_by.is_some_and(|at| at <= now) {
            return Err(Ending::TooLate);
        }
        self.release(broker, now)?;
        self.paused = broker.pause(id, now);
        while self.paused.is_none() && self.held.len() < MAX_HELD {
            let Some(event) = self.server.poll_event(now)? else {
                break;
            };
            self.handle(broker, event, now)?;
        }
        if !self.is_reading() {
            self.server.suspend_keep_alive(now);
        } else if self.server.poll_timeout().is_some_and(|at| at <= now) {
            self.server.handle_timeout(now)?;
        }
        self.fill(broker, now)
    }

    /// While a client does not take our answers it is not read either, but there its keep alive goes on.
    fn is_reading(&self) -> bool {
        self.paused.is_none() && self.held.len() < MAX_HELD
    }

    /// Sends acknowledgements that waited for others, in their order `[MQTT-4.6.0-2]`.
    fn release(&mut self, broker: &Broker, now: Instant) -> Result<(), Ending> {
        let free = !broker.waits(self.registration.id);
        while self.held.front().is_some_and(|held| free || held.until <= now) {
            let Some(held) = self.held.pop_front() else { break };
            self.server.acknowledge(held.handle, held.reason)?;
        }
        Ok(())
    }

    fn handle(&mut self, broker: &mut Broker, event: Event, now: Instant) -> Result<(), Ending> {
        let id = self.registration.id;
        match event {
            Event::Connect(connect) => self.connect(broker, connect, now)?,
            Event::Publish(publish, handle) => self.publish(broker, publish, handle, now)?,
            Event::Subscribe(packet) => {
                let reasons = broker.subscribe(id, &packet, now);
                for (subscription, reason) in packet.subscriptions.iter().zip(&reasons) {
                    let filter = subscription.filter.escape_debug();
                    self.detail(format_args!("subscribes to {filter}: {:#04x}", reason.0));
                }
                self.server.suback(packet.packet_id, reasons)?;
            }
            Event::Unsubscribe(packet) => {
                let reasons = broker.unsubscribe(id, &packet);
                for filter in &packet.filters {
                    self.detail(format_args!("unsubscribes from {}", filter.escape_debug()));
                }
                self.server.unsuback(packet.packet_id, reasons)?;
            }
            Event::Disconnect(disconnect) => return Err(Ending::Said(disconnect)),
        }
        Ok(())
    }

    fn connect(&mut self, broker: &mut Broker, connect: Box<Connect>, now: Instant) -> Result<(), Ending> {
        match broker.connect(self.registration.id, &connect, now) {
            Answer::Wait => self.connect = Some(connect),
            Answer::Refused(reason) => {
                self.client_id = connect.client_id.escape_debug().to_string();
                self.server.reject(reason)?;
                return Err(Ending::Refused(reason));
            }
            Answer::Accepted(accepted) => {
                self.connect_by = None;
                self.client_id = accepted.client_id.escape_debug().to_string();
                let resumed = if accepted.connack.session_present {
                    ", session present"
                } else {
                    ""
                };
                self.detail(format_args!(
                    "connected from {}, MQTT {}{resumed}",
                    self.peer, connect.version
                ));
                self.server
                    .accept(accepted.connack, accepted.delivery, accepted.terms, now)?;
            }
        }
        Ok(())
    }

    fn publish(
        &mut self,
        broker: &mut Broker,
        publish: Publish,
        handle: AckHandle,
        now: Instant,
    ) -> Result<(), Ending> {
        let id = self.registration.id;
        let qos = publish.qos;
        let published = broker.publish(id, publish, now);
        if published.pause {
            self.paused = broker.pause(id, now);
        }
        if qos == QoS::AtMostOnce {
            return Ok(());
        }
        if self.held.is_empty() && !broker.waits(id) {
            return Ok(self.server.acknowledge(handle, published.reason)?);
        }
        self.held.push_back(Held {
            handle,
            reason: published.reason,
            until: now + ACK_DELAY,
        });
        Ok(())
    }

    /// Moves messages from the client's queue into the output buffer, as far as both allow.
    fn fill(&mut self, broker: &mut Broker, now: Instant) -> Result<(), Ending> {
        let id = self.registration.id;
        self.server.pump(now)?;
        while let Some(qos) = broker.next_qos(id) {
            if !self.server.is_ready(qos) {
                break;
            }
            let Some((publish, since)) = broker.take_message(id, now) else {
                break;
            };
            self.server.publish(publish, since);
            self.server.pump(now)?;
        }
        let dropped = self.server.take_dropped();
        if dropped > 0 {
            self.detail(format_args!("{dropped} messages expired or are too large for it"));
        }
        Ok(())
    }

    // ----- between rounds

    /// Waits for something to do, and reads and writes what is possible.
    async fn wait(&mut self) -> Result<(), Ending> {
        let reading = self.is_reading() && self.server.output().len() < MAX_OUTPUT;
        let keep_alive = self.server.poll_timeout().filter(|_| self.is_reading());
        let held = self.held.front().map(|held| held.until);
        let times = [self.connect_by, keep_alive, self.paused, held];
        let wake_at = times.into_iter().flatten().min();
        if let Some(at) = wake_at {
            // A sleep that ends too early costs a round; moving it at every packet would cost more.
            if self.sleep.deadline() > at.into() || self.sleep.is_elapsed() {
                self.sleep.as_mut().reset(at.into());
            }
        }
        let mut wake = pin!(self.registration.wake.notified());
        poll_fn(|context| {
            let (output, input) = self.server.buffers();
            let moved = self.pipe.poll(context, output, reading.then_some(input));
            let woken = wake.as_mut().poll(context).is_ready();
            match moved {
                Poll::Ready(Ok(Moved::Bytes)) => Poll::Ready(Ok(())),
                Poll::Ready(Ok(Moved::End)) => Poll::Ready(Err(Ending::Eof)),
                Poll::Ready(Err(error)) => Poll::Ready(Err(Ending::Io(error))),
                Poll::Pending if woken => Poll::Ready(Ok(())),
                Poll::Pending if wake_at.is_some() => self.sleep.as_mut().poll(context).map(Ok),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    // ----- the end

    async fn end(mut self, ending: Ending) {
        self.explain(&ending);
        // The broker has these messages: a client that comes back must not wait for their acknowledgement.
        for held in std::mem::take(&mut self.held) {
            // Nothing follows from a failure here.
            let _ = self.server.acknowledge(held.handle, held.reason);
        }
        let _ = match &ending {
            Ending::TakenOver => self.server.disconnect(ReasonCode::SESSION_TAKEN_OVER),
            Ending::Stopping => self.server.disconnect(ReasonCode::SERVER_SHUTTING_DOWN),
            _ => Ok(()),
        };
        let mut last_words = self.server.output().split();
        let (silent, stopping) = (
            matches!(ending, Ending::Eof | Ending::Io(_)),
            matches!(ending, Ending::Stopping),
        );
        let end = match ending {
            Ending::Said(disconnect) => End::Disconnect(disconnect),
            _ => End::Lost,
        };
        let (shared, id, delivery) = (
            &self.registration.shared,
            self.registration.id,
            self.server.into_delivery(),
        );
        shared.work(|broker| broker.disconnected(id, delivery, end, now()));
        let mut pipe = self.pipe;
        let goodbye = async {
            if silent {
                return Ok(());
            }
            while !last_words.is_empty() || pipe.is_unflushed() {
                poll_fn(|context| pipe.poll(context, &mut last_words, None)).await?;
            }
            poll_fn(|context| pipe.poll_shutdown(context)).await?;
            // Closing while the client still sends would destroy our last words on their way.
            let mut rest = BytesMut::new();
            while !stopping
                && poll_fn(|context| pipe.poll(context, &mut last_words, Some(&mut rest))).await? == Moved::Bytes
            {
                rest.clear();
            }
            io::Result::Ok(())
        };
        // A client that does not listen misses them.
        let _ = time::timeout(LAST_WORDS, goodbye).await;
    }

    fn explain(&self, ending: &Ending) {
        match ending {
            Ending::Said(disconnect) if disconnect.reason != ReasonCode::SUCCESS => {
                self.detail(format_args!("disconnected: {}", disconnect.reason));
            }
            Ending::Said(_) => self.detail(format_args!("disconnected")),
            Ending::Fault(error) => match error.source() {
                Some(source) => self.detail(format_args!("closed: {error}: {source}")),
                None => self.detail(format_args!("closed: {error}")),
            },
            Ending::Io(error) => self.detail(format_args!("lost: {}", io_message(error))),
            Ending::Eof => self.detail(format_args!(
                "lost: the client closed the connection without DISCONNECT"
            )),
            Ending::Refused(reason) => self.detail(format_args!("refused: {reason}")),
            Ending::TooLate => self.detail(format_args!("closed: no CONNECT in time")),
            Ending::TakenOver => self.detail(format_args!("closed: its session goes on in another connection")),
            Ending::Stopping => {}
        }
    }

    fn detail(&self, line: fmt::Arguments<'_>) {
        match self.client_id.as_str() {
            "" => self.registration.shared.detail(format_args!("{}: {line}", self.peer)),
            id => self.registration.shared.detail(format_args!("{id}: {line}")),
        }
    }
}
