//! One publisher: sends what is due as soon as window and connection take it, and times the acknowledgements. It must not
//! know who receives its messages.

use super::connection::{self, Connection, text};
use super::{Context, Error, Measure, Note, Ordering, Rc, Stamp};
use crate::bench::identity::Role;
use crate::bench::payload::Payloads;
use crate::bench::schedule::{Due, Schedule};
use crate::bench::{Arrival, Scenario};
use crate::client::Event;
use crate::protocol::{Publish, QoS, Utf8};
use crate::session;
use bytes::Bytes;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Connects, publishes, stays until the end.
pub(super) async fn run(context: Rc<Context>, index: u32) {
    let mut connection = match Connection::open(&context, Role::Publisher, index).await {
        Ok(connection) => connection,
        Err(error) => return connection::unconnected(&context, error),
    };
    context.note(Note::Ready);
    let mut publisher = None;
    if context.worker.setup.load.scenario != Scenario::Connect {
        let publisher = publisher.insert(Publisher::new(&context, &connection, index));
        // Boxed, as what others do not do, or only at their end, should not make every client larger.
        let result = Box::pin(publisher.publish(&mut connection)).await;
        let missing = publisher.settle();
        let stalled = *result.as_ref().unwrap_or(&false);
        let failed = result.err();
        let gone = failed.is_some();
        if gone {
            publisher.doubt();
        }
        failed
            .into_iter()
            .for_each(|error| context.note(Note::Failed(error, true)));
        context.note(Note::Published {
            expected: publisher.expected,
            missing,
            stalled,
        });
        if gone {
            return;
        }
    }
    let lingered = connection.linger(&context).await;
    if let Some(publisher) = &mut publisher {
        publisher.look(&connection);
    }
    let closed = match lingered {
        Ok(()) => connection::in_time(&context, Box::pin(leave(&context, connection, index))).await,
        Err(error) => {
            context.note(Note::Failed(error, true));
            None
        }
    };
    if let Some(publisher) = publisher.as_mut().filter(|_| closed != Some(true)) {
        publisher.doubt();
    }
}

/// Removes retained messages and disconnects; true when the broker closed the connection.
async fn leave(context: &Rc<Context>, mut connection: Box<Connection>, index: u32) -> bool {
    if context.worker.setup.load.retain {
        clear(context, &mut connection, index).await;
    }
    connection.close(context).await
}

struct Publisher {
    context: Rc<Context>,
    schedule: Schedule,
    payloads: Payloads,
    sources: Vec<Source>,
    random: fastrand::Rng,
    /// Messages so far, for taking turns.
    turn: usize,
    index: u32,
    qos: QoS,
    window: usize,
    /// Closed loop: the window is being filled up.
    filling: bool,
    /// From here all times count.
    start: Instant,
    /// The next message of an open loop.
    pending: Option<Due>,
    /// No more messages will be due.
    over: bool,
    /// Measured messages.
    sent: u64,
    settled: u64,
    expected: u64,
    /// A message was refused, and the first reason is known.
    refused: bool,
    /// Measured messages of QoS 0 that no subscriber tells of, sent on this connection.
    unconfirmed: u64,
    /// Losses of the connection that were looked at.
    losses: u64,
    /// Deliveries of all messages, for the window at QoS 0.
    outgoing: u64,
    /// Deliveries that are waited for no longer.
    given_up: Cell<u64>,
    /// When something was sent or acknowledged last.
    progress: Duration,
    /// When publishing was stopped before its end.
    stopped: Option<Duration>,
}

/// One topic of a publisher.
struct Source {
    topic: Utf8,
    number: u32,
    receivers: u64,
    /// The next number of a measured message, and of one of the warm-up.
    next: u64,
    next_warm_up: u64,
}

/// So many messages are sent before others have a turn.
const BATCH: usize = 256;

impl Publisher {
    fn new(context: &Rc<Context>, connection: &Connection, index: u32) -> Self {
        let worker = &context.worker;
        let load = &worker.setup.load;
        let seed = load.seed ^ (u64::from(index) << 32);
        let first = load.first_source(index);
        let source = |number: u32| {
            let topic = connection.identity.fill(&load.topic, number.into());
            Source {
                receivers: worker.receivers.of(&topic).into(),
                topic: text(topic),
                number: first + number,
                next: 0,
                next_warm_up: 0,
            }
        };
        Self {
            schedule: Schedule::new(load, index),
            payloads: Payloads::new(load, worker.noise.clone(), seed),
            sources: (0..load.topics.max(1)).map(source).collect(),
            random: fastrand::Rng::with_seed(seed ^ 1),
            turn: 0,
            index,
            qos: QoS::from_bits(load.qos).unwrap_or(QoS::AtMostOnce),
            window: usize::from(load.window.max(1)),
            filling: true,
            start: Instant::now(),
            pending: None,
            over: false,
            sent: 0,
            settled: 0,
            expected: 0,
            refused: false,
            unconfirmed: 0,
            losses: connection.losses,
            outgoing: 0,
            given_up: Cell::new(0),
            progress: Duration::ZERO,
            stopped: None,
            context: Rc::clone(context),
        }
    }

    /// Publishes to the end of the schedule and waits for the acknowledgements; true when that was given up.
    async fn publish(&mut self, connection: &mut Connection) -> Result<bool, Error> {
        let context = Rc::clone(&self.context);
        let load = &context.worker.setup.load;
        let mut orders = context.worker.orders.clone();
        let start = loop {
            tokio::select! {
                order = orders.wait_for(|order| order.start.is_some() || order.quit || order.end) => {
                    match order.ok().and_then(|order| order.start) {
                        Some(start) => break start,
                        None => return Ok(false),
                    }
                }
                event = connection.next(&context) => { event?; }
            }
        };
        self.start = start;
        let ends = load.count.is_none().then_some(load.warm_up + load.duration);
        if !self.schedule.is_closed() {
            self.pending = self.schedule.next(Duration::ZERO);
            self.over = self.pending.is_none();
        }
        // Looked at when it fires; most of the time it only has to be set anew.
        let patience = tokio::time::sleep_until((start + ends.unwrap_or_default() + load.drain).into());
        tokio::pin!(patience);
        let alarm = context.timer.alarm();
        let mut waiting = true;
        let mut told = orders.clone();
        loop {
            let more = self.send_due(connection, &mut waiting)?;
            if self.over && connection.client.session().is_idle() {
                return Ok(false);
            }
            let wake = self.wake(connection, ends).filter(|_| !more);
            tokio::select! {
                biased;
                () = connection::told(&told) => {
                    let order = *told.borrow_and_update();
                    if order.quit || order.end || told.has_changed().is_err() {
                        self.stopped = Some(self.start.elapsed());
                        return Ok(false);
                    }
                }
                event = connection.next(&context) => self.handle(event?),
                () = std::future::ready(()), if more => {}
                result = connection::at(&alarm, wake), if wake.is_some() => {
                    result.map_err(Error::System)?;
                    waiting = true;
                }
                () = self.delivered() => {}
                order = orders.wait_for(|order| order.quit || order.end) => {
                    drop(order);
                    self.stopped = Some(self.start.elapsed());
                    return Ok(false);
                }
                () = &mut patience => {
                    let patient_until = ends.unwrap_or_default().max(self.progress) + load.drain;
                    if patient_until <= self.start.elapsed() {
                        return Ok(true);
                    }
                    patience.as_mut().reset((self.start + patient_until).into());
                }
            }
        }
    }

    /// When something is due that is not due yet: a message, or the beginning or the end of a closed loop.
    fn wake(&self, connection: &Connection, ends: Option<Duration>) -> Option<Instant> {
        let now = Instant::now();
        let at = match self.pending {
            Some(due) => Some(self.start + due.at),
            None if self.over => None,
            None if self.start > now => Some(self.start),
            None => ends.map(|ends| self.start + ends),
        };
        // What waits for the window or the connection is woken by these. What could go, and has become due since it was
        // looked at, is not: its alarm goes off at once.
        at.filter(|at| *at > now || !self.over && self.can_send(connection))
    }

    /// Sends what is due; true when more is due and only others should have a turn.
    fn send_due(&mut self, connection: &mut Connection, waiting: &mut bool) -> Result<bool, Error> {
        self.filling |= self.free(connection) >= (self.window / 4).max(1);
        for _ in 0..BATCH {
            let Some(now) = Instant::now().checked_duration_since(self.start) else {
                return Ok(false);
            };
            if self.over || !self.can_send(connection) {
                if self.free(connection) == 0 {
                    self.filling = false;
                }
                // It can be too late for a closed loop without anything being sent.
                if self.schedule.is_closed() && self.schedule.is_over(now) {
                    self.over = true;
                }
                return Ok(false);
            }
            let due = match self.schedule.is_closed() {
                true => self.schedule.next(now),
                false => self.pending.filter(|due| due.at <= now),
            };
            let Some(due) = due else {
                self.over |= self.schedule.is_closed();
                return Ok(false);
            };
            if std::mem::take(waiting) && !self.schedule.is_closed() && due.measured {
                self.context.time(Measure::Lateness, now.saturating_sub(due.at));
            }
            self.send(connection, due, now)?;
            if !self.schedule.is_closed() {
                self.pending = self.schedule.next(now);
                self.over = self.pending.is_none();
            }
        }
        Ok(true)
    }

    fn send(&mut self, connection: &mut Connection, due: Due, now: Duration) -> Result<(), Error> {
        self.look(connection);
        let load = &self.context.worker.setup.load;
        let chosen = match load.random_topics {
            true => self.random.usize(..self.sources.len()),
            false => self.turn % self.sources.len(),
        };
        self.turn += 1;
        let source = &mut self.sources[chosen];
        let next = match due.measured {
            true => &mut source.next,
            false => &mut source.next_warm_up,
        };
        let stamp = Stamp {
            run: self.context.worker.setup.run_id,
            source: source.number,
            number: *next,
            measured: due.measured,
            due: due.at,
            sent: Some(now),
        };
        *next += 1;
        let payload = self.payloads.next(&connection.identity, &stamp);
        let size = payload.len() as u64;
        let publish = Publish {
            retain: load.retain,
            ..Publish::new(source.topic.clone(), self.qos, payload)
        };
        let published = connection.client.publish(publish);
        published.map_err(|source| Error::Publish {
            id: connection.identity.client_id.clone(),
            source,
        })?;
        let queue = connection.client.session().unwritten();
        if queue > self.context.send_queue.get() {
            self.context.send_queue.set(queue);
        }
        self.progress = now;
        self.outgoing += source.receivers;
        if due.measured {
            self.sent += 1;
            self.expected += source.receivers;
            self.unconfirmed += u64::from(self.qos == QoS::AtMostOnce && source.receivers == 0);
            let mut record = self.context.record.borrow_mut();
            record.counts.offered += 1;
            record.counts.sent += 1;
            record.counts.bytes_sent += size;
            record.last.sent = now.saturating_sub(load.warm_up);
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) {
        let Event::Session(session::Event::Published { publish, answer }) = event else {
            return;
        };
        let now = self.start.elapsed();
        self.progress = now;
        let setup = &self.context.worker.setup;
        let stamp = Stamp::read(self.context.form, &publish.payload, setup.run_id, now);
        let Some(stamp) = stamp.filter(|stamp| stamp.measured) else {
            return;
        };
        if self.qos == QoS::AtMostOnce {
            return;
        }
        self.settled += 1;
        let mut record = self.context.record.borrow_mut();
        if answer.reason.is_failure() {
            record.counts.refused += 1;
            let first = setup.load.first_source(self.index);
            let source = usize::try_from(stamp.source - first).unwrap_or_default();
            let receivers = self.sources.get(source).map_or(0, |source| source.receivers);
            self.expected = self.expected.saturating_sub(receivers);
            drop(record);
            if !std::mem::replace(&mut self.refused, true) {
                self.context.note(Note::Refused(answer));
            }
            return;
        }
        record.counts.acknowledged += 1;
        record.last.acknowledged = now.saturating_sub(setup.load.warm_up);
        if let Some(sent) = stamp.sent_in(setup.load.arrival) {
            record.time(Measure::AckService, now.saturating_sub(sent));
        }
        if setup.load.arrival != Arrival::Closed {
            record.time(Measure::AckResponse, now.saturating_sub(stamp.due));
        }
    }

    fn can_send(&self, connection: &Connection) -> bool {
        // A closed loop is filled up when a quarter of its window is free: one write for many messages, instead of one for
        // each acknowledgement, is what makes the broker the limit and not the generator.
        connection.client.is_ready() && self.has_window() && (self.filling || !self.schedule.is_closed())
    }

    /// Free places of the window, as far as it is the session's.
    fn free(&self, connection: &Connection) -> usize {
        match self.qos {
            QoS::AtMostOnce => self.window,
            _ => self.window.saturating_sub(connection.client.unacknowledged()),
        }
    }

    /// At QoS 1 and 2 the session has the window. At QoS 0 only deliveries show what is on its way.
    fn has_window(&self) -> bool {
        let worker = &self.context.worker;
        let Some(flow) = worker.shared.flows.get(self.index as usize) else {
            return true;
        };
        let delivered = flow.delivered.load(Ordering::Relaxed) + self.given_up.get();
        self.outgoing.saturating_sub(delivered) < u64::from(worker.setup.load.window)
    }

    /// Waits for a delivery that opens the window. A lost message must not close it for ever.
    async fn delivered(&self) {
        let worker = &self.context.worker;
        match worker.shared.flows.get(self.index as usize) {
            Some(flow) if !self.over && !self.has_window() => {
                let waited = tokio::time::timeout(worker.setup.load.late, flow.changed.notified()).await;
                if waited.is_err() {
                    let missing = self.outgoing.saturating_sub(flow.delivered.load(Ordering::Relaxed));
                    self.given_up.set(missing);
                }
            }
            _ => std::future::pending().await,
        }
    }

    /// Counts what was not sent, and what has no acknowledgement. Returns the deliveries that the former would have led to.
    fn settle(&mut self) -> u64 {
        let until = self.stopped;
        let unsent = match (self.schedule.is_closed(), self.pending) {
            // Without a count, and before its end, nothing more was due.
            (true, _) if until.is_some() => 0,
            (true, _) => self.schedule.left().unwrap_or_default(),
            (false, Some(due)) if until.is_none_or(|until| due.at <= until) => {
                u64::from(due.measured) + self.schedule.rest(until)
            }
            (false, _) => 0,
        };
        let unacknowledged = match self.qos {
            QoS::AtMostOnce => 0,
            _ => self.sent - self.settled,
        };
        self.context.count(|counts| {
            counts.offered += unsent;
            counts.unsent += unsent;
            counts.unacknowledged += unacknowledged;
        });
        self.receivers_of_next(unsent)
    }

    /// Deliveries that so many more messages would lead to; at random topics on average.
    fn receivers_of_next(&self, messages: u64) -> u64 {
        let topics = self.sources.len() as u64;
        let receivers =
            |sources: &mut dyn Iterator<Item = &Source>| sources.map(|source| source.receivers).sum::<u64>();
        let all = receivers(&mut self.sources.iter());
        if self.context.worker.setup.load.random_topics {
            return messages.saturating_mul(all) / topics;
        }
        let rest = usize::try_from(messages % topics).unwrap_or_default();
        let first = self.turn % self.sources.len();
        let rest = receivers(&mut self.sources.iter().cycle().skip(first).take(rest));
        (messages / topics).saturating_mul(all).saturating_add(rest)
    }

    /// Doubts what was sent on a connection that has broken since.
    fn look(&mut self, connection: &Connection) {
        if self.losses != connection.losses {
            self.losses = connection.losses;
            self.doubt();
        }
    }

    /// The connection broke, or was not closed by the broker: nobody knows how much of it was read.
    fn doubt(&mut self) {
        let doubtful = std::mem::take(&mut self.unconfirmed);
        self.context.count(|counts| counts.doubtful += doubtful);
    }
}

/// Removes this publisher's retained messages.
async fn clear(context: &Rc<Context>, connection: &mut Connection, index: u32) {
    let load = &context.worker.setup.load;
    let first = load.first_source(index);
    let mut left = (0..load.topics.max(1)).peekable();
    let clearing = async {
        loop {
            while left.peek().is_some() && connection.client.is_ready() {
                let number = left.next().unwrap_or(first);
                let topic = text(connection.identity.fill(&load.topic, number.into()));
                let emptied = Publish {
                    retain: true,
                    ..Publish::new(topic, QoS::AtLeastOnce, Bytes::new())
                };
                if connection.client.publish(emptied).is_err() {
                    return;
                }
            }
            if left.peek().is_none() && connection.client.session().is_idle() {
                return;
            }
            if connection.next(context).await.is_err() {
                return;
            }
        }
    };
    if tokio::time::timeout(load.drain.max(CLEAR_TIMEOUT), clearing)
        .await
        .is_err()
    {
        context.note(Note::Remark(
            "the retained messages of this run were not all removed".to_owned(),
        ));
    }
}

/// How long the removal of retained messages may take at least.
const CLEAR_TIMEOUT: Duration = Duration::from_secs(5);
