//! The run of `mqkit sub`: one loop over the broker, the output, the commands and what ends it. It must not know the
//! command line.

use super::Handed;
use super::exec::Finished;
use super::fence::Fence;
use super::outgoing;
use super::sieve::Sieve;
use super::sink::Sink;
use crate::cli::Console;
use crate::client::{self, Client, Event};
use crate::commands::{self, Signals, until};
use crate::exit::{Outcome, OutputError};
use crate::protocol::{Connack, PacketType, Properties, PropertyId, Publish, ReasonCode, Subscription, Utf8, Version};
use crate::session::{self, AckHandle};
use std::io;
use std::time::Duration;
use tokio::time::Instant;

/// With so many messages unacknowledged because their command failed, a broker may have no room left to send more:
/// RabbitMQ has 10, Mosquitto 20.
const FAILED_LIMIT: usize = 10;

/// What ends a run.
pub(super) struct Limits {
    pub(super) count: Option<u64>,
    pub(super) timeout: Option<Instant>,
    pub(super) deadline: Option<Instant>,
    pub(super) idle: Option<Duration>,
    pub(super) when_subscribed: bool,
}

/// What is asked of the broker.
pub(super) struct Wanted {
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) unsubscribe: Vec<Utf8>,
    pub(super) unsubscribe_properties: Properties,
    pub(super) allow_partial: bool,
}

pub(super) struct Run {
    client: Client,
    console: Console,
    limits: Limits,
    wanted: Wanted,
    sieve: Sieve,
    /// Finds the end of the stored messages, when that ends the run.
    fence: Option<Fence>,
    sink: Sink,
    /// The broker has confirmed the subscriptions, now or before.
    subscribed: bool,
    /// Messages that were shown or got a command.
    taken: u64,
    /// A message of ours was refused.
    refused: Option<ReasonCode>,
    /// The last message, or the subscription; nothing while there is no connection.
    idle_since: Option<Instant>,
}

/// Why the loop ended.
enum End {
    Outcome(Outcome),
    /// Everything that was asked for is there, and has to be handed on.
    Complete,
}

impl Run {
    pub(super) fn new(
        client: Client,
        console: Console,
        limits: Limits,
        wanted: Wanted,
        sieve: Sieve,
        sink: Sink,
        only_retained: bool,
    ) -> Self {
        let filters = wanted.subscriptions.iter().map(|subscription| &subscription.filter);
        let fence = only_retained.then(|| Fence::new(filters.chain(&wanted.unsubscribe)));
        Self {
            client,
            console,
            limits,
            subscribed: wanted.subscriptions.is_empty(),
            wanted,
            sieve,
            fence,
            sink,
            taken: 0,
            refused: None,
            idle_since: None,
        }
    }

    pub(super) async fn run(mut self) -> anyhow::Result<Outcome> {
        let mut signals = Signals::new()?;
        let ended = self.receive(&mut signals).await;
        let ended = match ended {
            Err(error) if error.is::<OutputError>() => Err(error),
            ended => {
                // What has arrived is handed on in any case, unless that was what failed.
                let complete = matches!(ended, Ok(End::Complete));
                let late = self.wind_down(complete, ended.is_ok(), &mut signals).await;
                match (ended, late) {
                    (Err(error), Ok(_)) | (_, Err(error)) => Err(error),
                    (Ok(_), Ok(Some(outcome))) | (Ok(End::Outcome(outcome)), Ok(None)) => Ok(outcome),
                    (Ok(End::Complete), Ok(None)) => Ok(Outcome::Done),
                }
            }
        };
        let ended = match ended {
            Err(error) if is_broken_pipe(&error) => Ok(Outcome::Done),
            ended => ended,
        };
        let outcome = self.judge(ended?);
        // The last acknowledgements go out with it; a broker that has gone meanwhile sends the messages again.
        let _ = self.client.close(false).await;
        Ok(outcome)
    }

    /// What the run comes to, beside the reason why it ended.
    fn judge(&self, ended: Outcome) -> Outcome {
        match (ended, self.refused) {
            (Outcome::Done | Outcome::TimedOut, Some(reason)) => Outcome::Refused(reason),
            (Outcome::Done | Outcome::TimedOut, None) if self.sink.failed() > 0 => Outcome::No,
            (Outcome::Done, None) if self.fence.is_some() && self.taken == 0 => {
                self.console.note("there is no stored message");
                Outcome::No
            }
            (ended, _) => ended,
        }
    }

    async fn receive(&mut self, signals: &mut Signals) -> anyhow::Result<End> {
        loop {
            self.settle_commands()?;
            if self.is_stuck() {
                return Ok(End::Complete);
            }
            self.ask()?;
            let idle = self
                .limits
                .idle
                .zip(self.idle_since)
                .map(|(limit, since)| since + limit);
            let (has_room, has_output) = (self.sink.has_room(), self.sink.has_output());
            let event = tokio::select! {
                biased;
                finished = self.sink.next() => match self.advance(finished, signals).await? {
                    Some(outcome) => return Ok(End::Outcome(outcome)),
                    None => continue,
                },
                event = next(&mut self.client, has_room) => event?,
                // Nothing more is there at once: what has been collected is written before waiting.
                () = tokio::task::yield_now(), if has_output => {
                    if self.sink.gather() {
                        continue;
                    }
                    if let Some(outcome) = self.flush(signals).await? {
                        return Ok(End::Outcome(outcome));
                    }
                    continue;
                }
                signal = signals.next() => return Ok(End::Outcome(Outcome::Signal(signal))),
                () = until(self.limits.timeout) => return Ok(End::Outcome(Outcome::TimedOut)),
                () = until(self.limits.deadline) => return Ok(End::Outcome(Outcome::TimedOut)),
                () = until(idle) => return Ok(End::Complete),
            };
            if let Some(end) = self.handle(event)? {
                return Ok(end);
            }
            if self.sink.is_full() {
                if let Some(outcome) = self.flush(signals).await? {
                    return Ok(End::Outcome(outcome));
                }
            }
        }
    }

    // ----- what the broker says

    fn handle(&mut self, event: Event) -> anyhow::Result<Option<End>> {
        match event {
            Event::Session(session::Event::Message(publish, handle)) => return Ok(self.message(publish, handle)),
            Event::Session(session::Event::Connected(connack)) => self.connected(&connack)?,
            Event::Session(session::Event::Subscribed { granted, .. }) => {
                self.idle_since = Some(Instant::now());
                self.subscribed = true;
                if let Some(outcome) = self.granted(&granted) {
                    return Ok(Some(End::Outcome(outcome)));
                }
                if let Some(fence) = &mut self.fence {
                    fence.begin();
                }
            }
            Event::Session(session::Event::Unsubscribed { filters, reasons }) => {
                if let Some(fence) = self.fence.as_mut().filter(|fence| filters.contains(fence.filter())) {
                    return Ok(fence.answered().then_some(End::Complete));
                }
                self.idle_since = Some(Instant::now());
                if let Some(outcome) = self.unsubscribed(&filters, &reasons) {
                    return Ok(Some(End::Outcome(outcome)));
                }
            }
            event => {
                let silent = self.is_silent(&event);
                self.handle_late(event);
                if silent {
                    self.console
                        .note("the broker does not answer UNSUBSCRIBE: all stored messages should have come by now");
                    return Ok(Some(End::Complete));
                }
            }
        }
        let ready = self.subscribed && self.wanted.unsubscribe.is_empty();
        Ok((ready && self.limits.when_subscribed).then_some(End::Complete))
    }

    /// True when the broker did not answer the question for the end of the stored messages in time.
    fn is_silent(&self, event: &Event) -> bool {
        let late = matches!(
            event,
            Event::Retrying(
                client::Error::Session {
                    source: session::Error::AckTimeout(_),
                    ..
                },
                _
            )
        );
        late && self.fence.as_ref().is_some_and(Fence::is_asked)
    }

    /// What matters also when no more messages are taken.
    fn handle_late(&mut self, event: Event) {
        match event {
            Event::Session(session::Event::Published {
                publish, reason, by, ..
            }) if reason.is_failure() => {
                self.refused.get_or_insert(reason);
                self.insist(format_args!(
                    "the broker refused {} \"{}\": {} (0x{:02x})",
                    if publish.retain { "to remove" } else { "the reply to" },
                    publish.topic.escape_debug(),
                    reason.name_in(by),
                    reason.0
                ));
            }
            Event::Session(_) | Event::Ready => {}
            Event::Retrying(error, wait) => {
                self.idle_since = None;
                self.sink.disconnected();
                commands::describe_loss(&self.console, &error, wait);
            }
            Event::FellBack(error) => commands::describe_fall_back(&self.console, &error),
        }
    }

    fn connected(&mut self, connack: &Connack) -> anyhow::Result<()> {
        // 3.1 does not say whether there is an old session.
        let old = connack.session_present || self.client.session().options().version == Version::V31;
        if old {
            // Perhaps nothing has to be subscribed again.
            self.idle_since = Some(Instant::now());
        }
        commands::describe_connection(&mut self.client, &self.console, connack);
        for filter in self.wanted.unsubscribe.clone() {
            let properties = self.wanted.unsubscribe_properties.clone();
            self.client.unsubscribe(vec![filter], properties)?;
        }
        if let Some(fence) = self.fence.as_mut().filter(|_| old && self.subscribed) {
            fence.begin();
        }
        Ok(())
    }

    fn message(&mut self, publish: Publish, handle: AckHandle) -> Option<End> {
        self.idle_since = Some(Instant::now());
        if let Some(fence) = self.fence.as_mut().filter(|_| publish.retain) {
            fence.disturb();
        }
        let verdict = self.sieve.judge(&publish);
        let handed = Handed {
            handle,
            remove: verdict.removed.then(|| publish.topic.detached()),
        };
        self.sink.take(publish, handed, verdict.taken);
        self.taken += u64::from(verdict.taken);
        (verdict.taken && self.limits.count == Some(self.taken)).then_some(End::Complete)
    }

    /// Names the filters that were refused, or got less than they asked for.
    fn granted(&self, granted: &[(Utf8, ReasonCode)]) -> Option<Outcome> {
        let mut refused = Vec::new();
        for (filter, reason) in granted {
            let shown = filter.escape_debug();
            if reason.is_failure() {
                refused.push(*reason);
                let name = reason.name_in(PacketType::Suback);
                self.insist(format_args!(
                    "the broker refused the subscription to \"{shown}\": {name} (0x{:02x})",
                    reason.0
                ));
                continue;
            }
            let mut asked = self.wanted.subscriptions.iter();
            let asked = asked.find(|subscription| subscription.filter == *filter);
            if let Some(asked) = asked.filter(|asked| u8::from(asked.qos) > reason.0) {
                self.console.note(format_args!(
                    "the broker grants QoS {} to \"{shown}\", asked for {}",
                    reason.0, asked.qos
                ));
            }
            self.console
                .debug(format_args!("subscribed to \"{shown}\" at QoS {}", reason.0));
        }
        self.refusal(&refused, granted.len())
    }

    /// Names the filters that are still subscribed to. There are no reasons before version 5.
    fn unsubscribed(&mut self, filters: &[Utf8], reasons: &[ReasonCode]) -> Option<Outcome> {
        let mut refused = Vec::new();
        for (index, filter) in filters.iter().enumerate() {
            let shown = filter.escape_debug();
            let reason = reasons.get(index).copied().unwrap_or(ReasonCode::SUCCESS);
            let name = reason.name_in(PacketType::Unsuback);
            if reason.is_failure() {
                refused.push(reason);
                self.insist(format_args!(
                    "the broker refused to unsubscribe from \"{shown}\": {name} (0x{:02x})",
                    reason.0
                ));
            } else {
                self.console
                    .debug(format_args!("unsubscribed from \"{shown}\": {name}"));
            }
        }
        self.wanted.unsubscribe.retain(|filter| !filters.contains(filter));
        self.refusal(&refused, filters.len())
    }

    fn refusal(&self, refused: &[ReasonCode], asked: usize) -> Option<Outcome> {
        let counts = refused.len() == asked || !self.wanted.allow_partial;
        let first = refused.first().filter(|_| counts);
        first.copied().map(Outcome::Refused)
    }

    /// What explains the status, and so is shown also when notes are not.
    fn insist(&self, text: std::fmt::Arguments<'_>) {
        Console {
            quiet: false,
            ..self.console
        }
        .note(text);
    }

    // ----- what the broker is told

    /// Asks whether there are more stored messages, once all that came are acknowledged.
    fn ask(&mut self) -> anyhow::Result<()> {
        let Some(fence) = &mut self.fence else {
            return Ok(());
        };
        if self.client.session().is_connected() && self.sink.is_settled() {
            if let Some(filter) = fence.question() {
                self.client.unsubscribe(vec![filter], Properties::new())?;
            }
        }
        Ok(())
    }

    /// Writes what has been collected, then acknowledges it. A reader that takes its time does not cost the connection;
    /// an end that cannot wait for it gives its outcome, and what is not written is not acknowledged.
    async fn flush(&mut self, signals: &mut Signals) -> anyhow::Result<Option<Outcome>> {
        let Sink::Print(printer) = &mut self.sink else {
            return Ok(None);
        };
        tokio::select! {
            biased;
            written = printer.write() => written?,
            signal = signals.next() => return Ok(Some(Outcome::Signal(signal))),
            () = until(self.limits.deadline) => return Ok(Some(Outcome::TimedOut)),
            () = self.client.keep_alive() => {}
        }
        for handed in printer.settle() {
            outgoing::settle(&mut self.client, handed)?;
        }
        Ok(None)
    }

    /// A command has ended, or a line is due at once, however many messages there are.
    async fn advance(&mut self, finished: Option<Finished>, signals: &mut Signals) -> anyhow::Result<Option<Outcome>> {
        match finished {
            Some(finished) => self.conclude(finished),
            None => return self.flush(signals).await,
        }
        Ok(None)
    }

    /// Acknowledges the messages whose commands are done, and starts more.
    fn settle_commands(&mut self) -> anyhow::Result<()> {
        if let Sink::Execute(commands) = &mut self.sink {
            while let Some(handed) = commands.settle() {
                outgoing::settle(&mut self.client, handed)?;
            }
            commands.start();
        }
        Ok(())
    }

    /// True when so many messages are unacknowledged because their command failed that no more may come.
    fn is_stuck(&mut self) -> bool {
        let unacknowledged = self.sink.unacknowledged();
        if unacknowledged == 0 {
            return false;
        }
        let own = &self.client.session().options().properties;
        let own = own.number(PropertyId::ReceiveMaximum);
        let own = own.and_then(|own| usize::try_from(own).ok());
        let stuck = unacknowledged >= own.unwrap_or(FAILED_LIMIT).min(FAILED_LIMIT);
        if stuck {
            self.insist(format_args!(
                "commands failed, and the broker may send no more before their messages are acknowledged: \
                 {unacknowledged} are not"
            ));
        }
        stuck
    }

    /// A command has ended: replies, or says what went wrong.
    fn conclude(&mut self, finished: Finished) {
        let Sink::Execute(commands) = &mut self.sink else {
            return;
        };
        let topic = finished.publish.as_ref().map(|publish| publish.topic.clone());
        let done = match &finished.result {
            Ok(output) => match (&finished.publish, commands.reply()) {
                (Some(request), Some(properties)) => {
                    outgoing::reply(&mut self.client, request, properties.clone(), output.clone())
                }
                _ => Ok(()),
            },
            Err(failure) => Err(failure.to_string()),
        };
        commands.conclude(&finished, done.is_ok());
        if let Err(why) = done {
            let topic = topic.unwrap_or_default();
            self.insist(format_args!(
                "the command for a message on \"{}\" failed: {why}",
                topic.escape_debug()
            ));
        }
    }

    // ----- the end

    /// Hands on what has arrived, and waits until the broker has what it is to have. A second reason to end gives its
    /// outcome.
    async fn wind_down(
        &mut self,
        complete: bool,
        connected: bool,
        signals: &mut Signals,
    ) -> anyhow::Result<Option<Outcome>> {
        if let Some(early) = self.flush(signals).await? {
            return Ok(Some(early));
        }
        if let Sink::Execute(commands) = &mut self.sink {
            if !complete {
                commands.abandon();
            }
        }
        let now = Instant::now();
        // A limit that ended the run does not end its end.
        let timeout = self.limits.timeout.filter(|at| *at > now);
        let deadline = self.limits.deadline.filter(|at| *at > now);
        loop {
            self.settle_commands()?;
            // Who ended it early does not wait for another connection.
            let reachable = connected && (complete || self.client.session().is_connected());
            let owes = reachable && self.client.session().unacknowledged() > 0;
            if self.sink.is_settled() && !owes {
                return Ok(None);
            }
            tokio::select! {
                biased;
                finished = self.sink.next() => {
                    if let Some(early) = self.advance(finished, signals).await? {
                        return Ok(Some(early));
                    }
                }
                event = next(&mut self.client, owes) => self.handle_late(event?),
                signal = signals.next() => return Ok(Some(Outcome::Signal(signal))),
                () = until(timeout) => return Ok(Some(Outcome::TimedOut)),
                () = until(deadline) => return Ok(Some(Outcome::TimedOut)),
            }
        }
    }
}

/// The next event; without room for another message only what keeps the connection alive.
async fn next(client: &mut Client, has_room: bool) -> Result<Event, client::Error> {
    if !has_room {
        client.keep_alive().await;
        return std::future::pending().await;
    }
    client.next().await
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<OutputError>()
        .is_some_and(|error| error.0.kind() == io::ErrorKind::BrokenPipe)
}
