//! The loop between a source of messages and a client: sends, counts, and tells what became of the messages. It must not
//! know flags, or packets beyond PUBLISH.

use super::changed::Fetch;
use super::pace::Pace;
use super::source::{Item, Source};
use super::totals::Totals;
use crate::cli::Console;
use crate::cli::connection::Plan;
use crate::client::{Client, Event};
use crate::commands::{Signals, describe_connection, describe_fall_back, describe_loss, until};
use crate::exit::{Outcome, Signal};
use crate::protocol::{Connack, PacketType, Properties, PropertyId, Publish, QoS, ReasonCode};
use crate::session::{self, error::Refusal};
use std::time::Duration;
use tokio::time::Instant;

/// How long to wait for acknowledgements after a first signal.
const GRACE: Duration = Duration::from_secs(5);
/// How long to let acknowledgements gather before a busy window is refilled. A local broker sends them one by one, and
/// a read, a write and a wake-up for each would be most of the cost of a message. Shorter than the runtime's timers are.
const GATHER: Duration = Duration::from_micros(50);
/// So many acknowledgements at once are worth a write of their own.
const FEW: usize = 4;

pub(super) struct Run {
    client: Client,
    source: Source,
    pace: Pace,
    /// The next message, which is not due or must wait for its turn.
    held: Option<Item>,
    fetch: Option<Fetch>,
    /// Why no more messages are taken. Those that were are brought to their end first.
    failure: Option<anyhow::Error>,
    console: Console,
    deadline: Option<Instant>,
    totals: Totals,
    /// Acknowledgements that came together.
    batch: usize,
    /// That the broker answers QoS 2 with PUBACK was said.
    downgrade_told: bool,
}

impl Run {
    pub(super) fn new(plan: Plan, source: Source, pace: Pace, fetch: Option<Fetch>) -> Self {
        Self {
            client: Client::new(plan.client),
            source,
            pace,
            held: None,
            fetch,
            failure: None,
            console: plan.console,
            deadline: plan.deadline.map(|limit| Instant::now() + limit),
            totals: Totals::default(),
            batch: 0,
            downgrade_told: false,
        }
    }

    pub(super) async fn run(mut self) -> anyhow::Result<Outcome> {
        let ended = match self.publish_all().await {
            Ok(None) => self.close().await,
            Ok(Some(outcome)) => {
                // The session may still be resumed by whoever has its identifier; the messages are counted as failed.
                self.disconnect().await;
                Ok(outcome)
            }
            Err(error) => Err(error),
        };
        let ended = match (self.failure.take(), ended) {
            (Some(failure), Ok(Outcome::Done)) => Err(failure),
            (Some(failure), ended) => {
                // It came first, but is not what ended the run.
                self.loud().note(format_args!("{failure:#}"));
                ended
            }
            (None, ended) => ended,
        };
        self.report(&ended);
        match (ended?, self.totals.refusal()) {
            (Outcome::Done, Some(reason)) => Ok(Outcome::Refused(reason)),
            (Outcome::Done, None) if self.totals.any_undelivered() => Ok(Outcome::No),
            (outcome, _) => Ok(outcome),
        }
    }

    /// Until everything is sent and acknowledged (`None`), or something else ends it.
    async fn publish_all(&mut self) -> anyhow::Result<Option<Outcome>> {
        let mut signals = Signals::new()?;
        let mut interrupted: Option<(Signal, Instant)> = None;
        loop {
            let stopped = interrupted.is_some() || self.failure.is_some();
            if (stopped || self.is_done()) && self.client.session().is_connected() && self.client.session().is_idle() {
                return Ok(interrupted.map(|(signal, _)| Outcome::Signal(signal)));
            }
            let ready = self.client.is_ready() && !stopped && self.fetch.as_ref().is_none_or(Fetch::is_done);
            let due = self.held.as_ref().and_then(|item| self.pace.due(item, Instant::now()));
            tokio::select! {
                biased;
                item = self.source.next(), if ready && self.held.is_none() && !self.source.is_dry() => self.take(item),
                () = until(due), if ready => {
                    if let Some(item) = self.held.take() {
                        self.publish(item);
                    }
                }
                event = self.client.next() => {
                    if let Some(outcome) = self.handle(event?)? {
                        return Ok(Some(outcome));
                    }
                }
                signal = signals.next() => match interrupted {
                    // A second one does not wait for acknowledgements.
                    Some(_) => return Ok(Some(Outcome::Signal(signal))),
                    None => interrupted = Some((signal, Instant::now() + GRACE)),
                },
                () = until(self.deadline) => return Ok(Some(Outcome::TimedOut)),
                () = until(interrupted.map(|(_, at)| at)) => {
                    return Ok(interrupted.map(|(signal, _)| Outcome::Signal(signal)));
                }
            }
        }
    }

    /// Nothing is left to be sent.
    fn is_done(&self) -> bool {
        self.source.is_dry() && self.held.is_none()
    }

    /// A message of the source, and with it those that are there already.
    fn take(&mut self, next: anyhow::Result<Option<Item>>) {
        let mut next = next;
        loop {
            match next {
                Err(error) => self.failure = Some(error),
                Ok(None) => {}
                Ok(Some(item)) if self.is_unchanged(&item) => {}
                Ok(Some(item)) if matches!(self.pace, Pace::AtOnce) => {
                    self.publish(item);
                    if self.failure.is_none() && self.client.is_ready() {
                        next = self.source.buffered();
                        continue;
                    }
                }
                Ok(Some(item)) => self.held = Some(item),
            }
            return;
        }
    }

    fn is_unchanged(&self, item: &Item) -> bool {
        let unchanged = self.fetch.as_ref().is_some_and(|fetch| !fetch.differs(&item.publish));
        if unchanged {
            self.console
                .debug("the broker has stored this payload: nothing is published");
        }
        unchanged
    }

    fn publish(&mut self, item: Item) {
        let Item { publish, line, .. } = item;
        let qos = publish.qos;
        // Cloning copies no bytes.
        let topic = publish.topic.clone();
        match self.client.publish(publish) {
            Ok(()) => {
                self.totals.sent(qos);
                self.pace.sent(qos, Instant::now);
            }
            Err(error) => {
                let line = line.map(|line| format!("line {line} ")).unwrap_or_default();
                let context = format!("cannot publish {line}to \"{}\"", topic.escape_debug());
                self.failure = Some(anyhow::Error::new(error).context(context));
            }
        }
    }

    fn handle(&mut self, event: Event) -> anyhow::Result<Option<Outcome>> {
        match event {
            Event::Session(event) => return self.handle_session(event),
            Event::Ready => {}
            Event::Retrying(error, wait) => {
                describe_loss(&self.console, &error, wait);
                self.totals.connection_lost();
                if let Some(fetch) = &mut self.fetch {
                    fetch.lost(&mut self.client)?;
                }
            }
            Event::FellBack(error) => describe_fall_back(&self.console, &error),
        }
        Ok(None)
    }

    fn handle_session(&mut self, event: session::Event) -> anyhow::Result<Option<Outcome>> {
        match (event, &mut self.fetch) {
            (
                session::Event::Published {
                    publish,
                    reason,
                    properties,
                    by,
                },
                _,
            ) => {
                self.published(&publish, reason, &properties, by);
                self.pace.acknowledged(Instant::now);
                self.gather();
            }
            (session::Event::Connected(connack), fetch) => {
                if let Some(fetch) = fetch {
                    fetch.connected(&mut self.client)?;
                }
                self.connected(&connack);
            }
            (session::Event::Message(publish, handle), Some(fetch)) => {
                fetch.message(&mut self.client, &publish, handle)?;
            }
            (session::Event::Subscribed { granted, properties }, Some(fetch)) => {
                if let Some(reason) = fetch.subscribed(&mut self.client, &granted)? {
                    let refusal = Refusal {
                        packet: PacketType::Suback,
                        reason,
                        properties,
                    };
                    let what = "the broker refused the subscription that shows what it has stored";
                    self.loud().note(format_args!("{what}: {refusal}"));
                    return Ok(Some(Outcome::Refused(reason)));
                }
            }
            (session::Event::Unsubscribed { .. }, Some(fetch)) => fetch.unsubscribed(),
            _ => {}
        }
        Ok(None)
    }

    fn connected(&mut self, connack: &Connack) {
        describe_connection(&mut self.client, &self.console, connack);
        let aliases = connack.properties.number(PropertyId::TopicAliasMaximum).unwrap_or(0);
        if self.client.session().options().choose_aliases && aliases == 0 {
            self.console.debug("the broker allows no topic aliases");
        }
        let uncertain = self.client.session().take_uncertain();
        if uncertain > 0 {
            let text = "the broker lost its session: messages sent again as new, so a receiver may see them twice";
            self.console.note(format_args!("{text}: {uncertain}"));
        }
    }

    fn published(&mut self, publish: &Publish, reason: ReasonCode, properties: &Properties, by: PacketType) {
        let topic = publish.topic.escape_debug();
        if reason.is_failure() {
            self.totals.refused(reason);
            let refusal = Refusal {
                packet: by,
                reason,
                properties: properties.clone(),
            };
            return self
                .loud()
                .note(format_args!("the broker refused the message to \"{topic}\": {refusal}"));
        }
        self.totals.acknowledged();
        let downgraded = by == PacketType::Puback && publish.qos == QoS::ExactlyOnce;
        if downgraded && !std::mem::replace(&mut self.downgrade_told, true) {
            self.console
                .note("the broker answers QoS 2 with PUBACK: the messages are delivered at QoS 1");
        }
        if reason != ReasonCode::SUCCESS {
            self.console.debug(format_args!("message to \"{topic}\": {reason}"));
        }
    }

    /// Waits a moment when acknowledgements come one by one although the window is nearly full.
    fn gather(&mut self) {
        self.batch += 1;
        if self.client.has_input() {
            return;
        }
        let few = std::mem::take(&mut self.batch) <= FEW;
        if few && !self.is_done() && self.client.session().is_busy() {
            std::thread::sleep(GATHER);
        }
    }

    async fn close(&mut self) -> anyhow::Result<Outcome> {
        // At QoS 0 nothing else shows that the broker has read everything.
        let closed = self.client.close(self.totals.has_unconfirmed()).await;
        if let Err(error) = closed {
            self.totals.connection_lost();
            return Err(error.into());
        }
        Ok(Outcome::Done)
    }

    async fn disconnect(&mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(1), self.client.close(false)).await;
    }

    /// What explains the status is shown even when notes are not.
    fn loud(&self) -> Console {
        Console {
            quiet: false,
            ..self.console
        }
    }

    /// The totals, with `-d` or when something failed.
    fn report(&self, ended: &anyhow::Result<Outcome>) {
        let mut text = self.totals.summary();
        if self.source.has_lines() {
            text += "; standard input was not read to its end";
        }
        let done = matches!(ended, Ok(Outcome::Done));
        if self.totals.any_undelivered() || !done && self.totals.any_sent() {
            self.loud().note(text);
        } else {
            self.console.debug(text);
        }
    }
}
