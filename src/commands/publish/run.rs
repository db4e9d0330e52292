//! What `mqkit pub` does in its conversation: takes messages from a source, sends them when they are due, counts what
//! became of them. It must not know flags, or packets beyond PUBLISH.

use super::changed::Fetch;
use super::pace::Pace;
use super::source::{Item, Source};
use super::totals::Totals;
use crate::client;
use crate::commands::conversation::{Conversation, Ended, Reason, Task, Turn, Waiting};
use crate::commands::until;
use crate::exit::Outcome;
use crate::protocol::{Connack, PacketType, PropertyId, Publish, QoS, ReasonCode};
use crate::session::{self, error::Reply};
use std::future::pending;
use std::time::Duration;
use tokio::time::Instant;

/// How long to let acknowledgements gather before a busy window is refilled. A local broker sends them one by one, and
/// a read, a write and a wake-up for each would be most of the cost of a message. Shorter than the runtime's timers are.
const GATHER: Duration = Duration::from_micros(50);
/// So many acknowledgements at once are worth a write of their own.
const FEW: usize = 4;

pub(super) struct Publisher {
    source: Source,
    pace: Pace,
    /// What the source gave, or why it gives nothing.
    next: Option<anyhow::Result<Option<Item>>>,
    /// The next message, which is not due or must wait for its turn.
    held: Option<Item>,
    wait_for: WaitFor,
    fetch: Option<Fetch>,
    /// Why no more messages are taken. Those that were are brought to their end first.
    failure: Option<anyhow::Error>,
    /// The broker refused to be asked.
    refused: Option<ReasonCode>,
    totals: Totals,
    /// Acknowledgements that came together.
    batch: usize,
    /// That the broker answers QoS 2 with PUBACK was said.
    downgrade_told: bool,
    stopped: Option<Reason>,
}

/// What to wait for, beside the broker.
enum WaitFor {
    Nothing,
    Preparation,
    Message,
    Due(Instant),
}

impl Publisher {
    pub(super) fn new(source: Source, pace: Pace, fetch: Option<Fetch>) -> Self {
        Self {
            source,
            pace,
            next: None,
            held: None,
            wait_for: WaitFor::Nothing,
            fetch,
            failure: None,
            refused: None,
            totals: Totals::default(),
            batch: 0,
            downgrade_told: false,
            stopped: None,
        }
    }

    /// Publishes everything.
    ///
    /// # Errors
    /// The first thing that could not be read, sent or connected to.
    pub(super) async fn run(mut self, talk: Conversation) -> anyhow::Result<Outcome> {
        let console = talk.notes.console();
        let mut ended = talk.run(&mut self).await;
        if !ended.closed {
            self.totals.connection_lost();
        }
        match (self.failure.take(), &ended.failure) {
            (Some(failure), None) if ended.stopped.is_none() => ended.failure = Some(failure),
            // It came first, but is not what ended the run.
            (Some(failure), _) => console.insist(format_args!("{failure:#}")),
            (None, _) => {}
        }
        let done = ended.failure.is_none() && ended.stopped.is_none();
        let mut text = self.totals.summary();
        if self.source.has_lines() {
            text += &format!("; {} was not read to its end", self.source.name());
        }
        if self.totals.any_undelivered() || !done && self.totals.any_sent() {
            console.insist(text);
        } else {
            console.debug(text);
        }
        self.judge(ended)
    }

    /// What the run comes to.
    fn judge(&self, ended: Ended) -> anyhow::Result<Outcome> {
        match (ended.outcome()?, self.refused.or_else(|| self.totals.refusal())) {
            (Outcome::Done, Some(reason)) => Ok(Outcome::Refused(reason)),
            (Outcome::Done, None) if self.totals.any_undelivered() => Ok(Outcome::No),
            (outcome, _) => Ok(outcome),
        }
    }

    /// Nothing is left to be sent.
    fn is_done(&self) -> bool {
        self.source.is_dry() && self.held.is_none() && self.next.is_none()
    }

    /// What to wait for now.
    fn next_wait(&mut self) -> WaitFor {
        match &self.held {
            None if self.source.is_dry() => WaitFor::Nothing,
            None => WaitFor::Message,
            Some(item) => match self.pace.due(item, Instant::now()) {
                Some(at) => WaitFor::Due(at),
                None => WaitFor::Nothing,
            },
        }
    }
}

impl Task for Publisher {
    fn turn(&mut self, talk: &mut Conversation) -> anyhow::Result<Turn> {
        self.wait_for = WaitFor::Nothing;
        if matches!(self.stopped, Some(Reason::Limit(_) | Reason::Failure)) || self.refused.is_some() {
            return Ok(Turn::Done);
        }
        let stopped = self.stopped.is_some() || self.failure.is_some();
        if self.source.is_unprepared() {
            // What is not read need not be sent.
            self.wait_for = WaitFor::Preparation;
            return Ok(if stopped { Turn::Done } else { Turn::Work });
        }
        if let Some(next) = self.next.take() {
            self.take(talk, next);
        }
        loop {
            let session = talk.client.session();
            let (connected, idle) = (session.is_connected(), session.is_idle());
            let stopped = self.stopped.is_some() || self.failure.is_some();
            if idle && (stopped || connected && self.is_done()) {
                return Ok(Turn::Done);
            }
            if stopped || !talk.client.is_ready() || !self.fetch.as_ref().is_none_or(Fetch::is_done) {
                return Ok(Turn::Listen);
            }
            self.wait_for = self.next_wait();
            match self.wait_for {
                WaitFor::Due(at) if at <= Instant::now() => {
                    if let Some(item) = self.held.take() {
                        self.publish(talk, item);
                    }
                }
                _ => return Ok(Turn::Listen),
            }
        }
    }

    async fn work(&mut self) -> anyhow::Result<()> {
        match self.wait_for {
            WaitFor::Nothing => pending().await,
            WaitFor::Preparation => self.source.prepare().await,
            WaitFor::Message => {
                self.next = Some(self.source.next().await);
                Ok(())
            }
            WaitFor::Due(at) => {
                until(Some(at)).await;
                Ok(())
            }
        }
    }

    fn handle(&mut self, talk: &mut Conversation, event: session::Event) -> anyhow::Result<()> {
        match (event, &mut self.fetch) {
            (session::Event::Published { publish, answer }, _) => {
                self.published(talk, &publish, &answer);
                self.pace.acknowledged(Instant::now);
                self.gather(talk);
            }
            (session::Event::Connected(connack), fetch) => {
                if let Some(fetch) = fetch {
                    fetch.connected(&mut talk.client)?;
                }
                connected(talk, &connack);
            }
            (session::Event::Message(publish, handle), Some(fetch)) => {
                fetch.message(&mut talk.client, &publish, handle)?;
            }
            (session::Event::Subscribed { granted, properties }, Some(fetch)) => {
                if let Some(reason) = fetch.subscribed(&mut talk.client, &granted)? {
                    let what = "the subscription that shows the retained message";
                    let answer = Reply::new(PacketType::Suback, reason, &properties);
                    talk.notes.refused(what, &answer);
                    self.refused = Some(reason);
                }
            }
            (session::Event::Unsubscribed { .. }, Some(fetch)) => fetch.unsubscribed(),
            _ => {}
        }
        Ok(())
    }

    fn lost(&mut self, talk: &mut Conversation, error: client::Error) -> anyhow::Result<client::Error> {
        self.totals.connection_lost();
        if let Some(fetch) = &mut self.fetch {
            fetch.lost(&mut talk.client)?;
        }
        Ok(error)
    }

    fn stop(&mut self, talk: &mut Conversation, why: Reason) -> bool {
        self.stopped = Some(why);
        talk.client.unacknowledged() > 0
    }

    fn waiting(&self, talk: &mut Conversation) -> Waiting {
        let target = talk.client.target().to_string();
        if self.source.is_unprepared() {
            return Waiting::Work(format!("reading {}", self.source.name()));
        }
        Waiting::Broker(match talk.client.unacknowledged() {
            0 if self.fetch.as_ref().is_some_and(|fetch| !fetch.is_done()) => {
                format!("waiting for the retained message from {target}")
            }
            0 => match self.wait_for {
                WaitFor::Message => format!("reading {}", self.source.name()),
                WaitFor::Due(_) => "waiting for the time of the next message".to_owned(),
                WaitFor::Nothing | WaitFor::Preparation => format!("waiting for {target}"),
            },
            _ => talk.acknowledgements(),
        })
    }

    /// At QoS 0 nothing else shows that the broker has read everything.
    fn confirms(&self) -> bool {
        self.totals.has_unconfirmed()
    }
}

fn connected(talk: &mut Conversation, connack: &Connack) {
    let aliases = connack.properties.number(PropertyId::TopicAliasMaximum).unwrap_or(0);
    if talk.client.session().options().choose_aliases && aliases == 0 {
        talk.notes.debug("the broker allows no topic aliases");
    }
}

impl Publisher {
    /// A message of the source, and with it those that are there already.
    fn take(&mut self, talk: &mut Conversation, next: anyhow::Result<Option<Item>>) {
        let mut next = next;
        while self.failure.is_none() {
            match next {
                Err(error) => {
                    self.failure = Some(error);
                    return;
                }
                Ok(None) => return,
                Ok(Some(item)) if self.is_unchanged(talk, &item) => return,
                Ok(Some(item)) if matches!(self.pace, Pace::AtOnce) && talk.client.is_ready() => {
                    self.publish(talk, item);
                    next = self.source.buffered();
                }
                Ok(Some(item)) => {
                    self.held = Some(item);
                    return;
                }
            }
        }
    }

    fn is_unchanged(&self, talk: &Conversation, item: &Item) -> bool {
        let unchanged = self.fetch.as_ref().is_some_and(|fetch| !fetch.differs(&item.publish));
        if unchanged {
            talk.notes
                .debug("the retained message has this payload: nothing is published");
        }
        unchanged
    }

    fn publish(&mut self, talk: &mut Conversation, item: Item) {
        let Item { publish, line, .. } = item;
        let qos = publish.qos;
        // Cloning copies no bytes.
        let topic = publish.topic.clone();
        match talk.client.publish(publish) {
            Ok(()) => {
                self.totals.sent(qos);
                self.pace.sent(qos, Instant::now);
            }
            Err(error) => {
                let line = line.map(|line| format!("line {line} ")).unwrap_or_default();
                let context = format!("cannot publish {line}to {topic:?}");
                self.failure = Some(anyhow::Error::new(error).context(context));
            }
        }
    }

    fn published(&mut self, talk: &mut Conversation, publish: &Publish, answer: &Reply) {
        let reason = answer.reason;
        if reason.is_failure() {
            self.totals.refused(reason);
            return talk
                .notes
                .refused(format_args!("the message to {:?}", publish.topic), answer);
        }
        self.totals.acknowledged();
        let downgraded = answer.packet == PacketType::Puback && publish.qos == QoS::ExactlyOnce;
        if downgraded && !std::mem::replace(&mut self.downgrade_told, true) {
            talk.notes
                .note("the broker answers QoS 2 with PUBACK: the messages are delivered at QoS 1");
        }
        if reason != ReasonCode::SUCCESS {
            talk.notes
                .debug(format_args!("message to {:?}: {reason}", publish.topic));
        }
    }

    /// Waits a moment when acknowledgements come one by one although the window is nearly full.
    fn gather(&mut self, talk: &mut Conversation) {
        self.batch += 1;
        if talk.client.has_input() {
            return;
        }
        let few = std::mem::take(&mut self.batch) <= FEW;
        if few && !self.is_done() && talk.client.session().is_busy() {
            std::thread::sleep(GATHER);
        }
    }
}
