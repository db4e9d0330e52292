//! What `mqkit sub` does in its conversation: takes messages, hands them on, acknowledges them. It must not know the command
//! line.

use super::PendingAck;
use super::exec::{Commands, Finished};
use super::outgoing;
use super::printer::Printer;
use super::retained_end::RetainedEnd;
use super::selection::Selection;
use crate::client;
use crate::commands::conversation::{Conversation, Reason, Task, Turn, Waiting};
use crate::commands::until;
use crate::exit::Outcome;
use crate::protocol::{
    Connack, PacketType, Properties, PropertyId, Publish, QoS, ReasonCode, Subscription, Utf8, Version,
};
use crate::session::{self, AckHandle, error::Reply};
use std::time::Duration;
use tokio::time::Instant;

/// With so many messages unacknowledged because their command failed, a broker may have no room left to send more:
/// RabbitMQ has 10, Mosquitto 20.
const FAILED_LIMIT: usize = 10;

/// An output that takes longer than this is blocked.
const BLOCKED: Duration = Duration::from_millis(100);

/// What ends a run when all is well.
pub(super) struct Goal {
    pub(super) count: Option<u64>,
    pub(super) idle: Option<Duration>,
    pub(super) when_subscribed: bool,
    /// The retained messages, and no others.
    pub(super) retained_only: bool,
}

/// What is asked of the broker.
pub(super) struct Requested {
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) unsubscribe: Vec<Utf8>,
    pub(super) unsubscribe_properties: Properties,
    pub(super) allow_partial: bool,
}

/// Where messages go.
pub(super) enum Sink {
    Print(Printer),
    Execute(Commands),
}

impl Sink {
    /// True while the end of the run need not wait for it.
    fn is_settled(&self) -> bool {
        match self {
            Self::Print(printer) => printer.is_settled(),
            Self::Execute(commands) => commands.is_settled(),
        }
    }

    fn commands(&self) -> Option<&Commands> {
        match self {
            Self::Print(_) => None,
            Self::Execute(commands) => Some(commands),
        }
    }
}

pub(super) struct Subscriber {
    goal: Goal,
    requested: Requested,
    selection: Selection,
    /// Finds the end of the retained messages, when that ends the run.
    retained_end: Option<RetainedEnd>,
    sink: Sink,
    /// A command that ended.
    finished: Option<Finished>,
    /// The broker has confirmed the subscriptions, now or before.
    subscribed: bool,
    /// Messages that were shown or got a command.
    taken: u64,
    /// Whether the session is one of an earlier run; not known before the first connection. The broker may hold messages
    /// of that run at QoS 2, and would take an answer at QoS 2 with the identifier of one of them for its copy.
    adopted: Option<bool>,
    /// The broker refused what the run cannot do without.
    ended_by: Option<ReasonCode>,
    /// A message of ours was refused.
    refused: Option<ReasonCode>,
    /// The last message, or the subscription; nothing while there is no connection. Time in which the output was blocked
    /// does not count.
    idle_since: Option<Instant>,
    /// When the output began to be written.
    blocked_since: Option<Instant>,
    /// Everything that was asked for is there, and has to be handed on.
    complete: bool,
    stopped: Option<Reason>,
}

impl Subscriber {
    pub(super) fn new(goal: Goal, requested: Requested, selection: Selection, sink: Sink) -> Self {
        let filters = requested.subscriptions.iter().map(|subscription| &subscription.filter);
        let retained_end = goal
            .retained_only
            .then(|| RetainedEnd::new(filters.chain(&requested.unsubscribe)));
        Self {
            goal,
            subscribed: requested.subscriptions.is_empty(),
            requested,
            selection,
            retained_end,
            sink,
            finished: None,
            taken: 0,
            adopted: None,
            ended_by: None,
            refused: None,
            idle_since: None,
            blocked_since: None,
            complete: false,
            stopped: None,
        }
    }

    /// Takes messages until the goal is reached.
    ///
    /// # Errors
    /// The first thing that could not be written, sent or connected to.
    pub(super) async fn run(mut self, talk: Conversation) -> anyhow::Result<Outcome> {
        let console = talk.notes.console();
        let target = talk.client.target().to_string();
        let ended = talk.run(&mut self).await;
        Ok(match (ended.outcome()?, self.ended_by.or(self.refused)) {
            (Outcome::Done | Outcome::TimedOut, Some(reason)) => Outcome::Refused(reason),
            (Outcome::Done | Outcome::TimedOut, None)
                if self.sink.commands().is_some_and(|commands| commands.failed() > 0) =>
            {
                Outcome::No
            }
            (Outcome::Done, None) if self.complete && self.retained_end.is_some() && self.taken == 0 => {
                for subscription in &self.requested.subscriptions {
                    let filter = &subscription.filter;
                    console.note(format_args!("there is no retained message for {filter:?} on {target}"));
                }
                Outcome::No
            }
            (outcome, _) => outcome,
        })
    }

    /// No more messages are taken.
    fn is_ending(&self) -> bool {
        self.complete || self.stopped.is_some() || self.ended_by.is_some()
    }

    /// When it has been idle long enough.
    fn idle_at(&self) -> Option<Instant> {
        let since = self.idle_since.filter(|_| self.blocked_since.is_none())?;
        since.checked_add(self.goal.idle?)
    }
}

impl Task for Subscriber {
    fn turn(&mut self, talk: &mut Conversation) -> anyhow::Result<Turn> {
        if let Some(finished) = self.finished.take() {
            self.conclude(talk, finished);
        }
        self.settle(talk)?;
        if !self.is_ending() {
            self.ask(talk)?;
            let idle = self.idle_at().is_some_and(|at| at <= Instant::now());
            self.complete = idle || self.is_stuck(talk);
        }
        if let Sink::Print(printer) = &mut self.sink {
            let ending = self.complete || self.stopped.is_some() || self.ended_by.is_some();
            if (ending || printer.is_full()) && !printer.is_settled() && !printer.is_writing() {
                printer.start();
            }
            if printer.is_writing() {
                self.blocked_since.get_or_insert_with(Instant::now);
            }
        }
        if !self.is_ending() {
            let has_room = match &self.sink {
                Sink::Print(printer) => !printer.is_writing(),
                Sink::Execute(commands) => commands.has_room(),
            };
            return Ok(if has_room { Turn::Listen } else { Turn::Hold });
        }
        // Who ends it early does not wait for another connection, and after a failure there is none.
        let connected = talk.client.session().is_connected();
        let reachable = self.stopped != Some(Reason::Failure) && (self.complete || connected);
        let owes = reachable && talk.client.unacknowledged() > 0;
        Ok(match (self.sink.is_settled(), owes) {
            (true, false) => Turn::Done,
            (_, true) => Turn::Listen,
            (false, false) => Turn::Hold,
        })
    }

    async fn work(&mut self) -> anyhow::Result<()> {
        let idle_at = self.idle_at().filter(|_| !self.is_ending());
        let sink = async {
            match &mut self.sink {
                // A reader that goes away is an error once the broker has what it is asked for.
                Sink::Print(printer) => printer.work(self.subscribed).await?,
                Sink::Execute(commands) => self.finished = Some(commands.finished().await),
            }
            Ok(())
        };
        tokio::select! {
            biased;
            worked = sink => worked,
            () = until(idle_at) => Ok(()),
        }
    }

    fn wants_pause(&self) -> bool {
        matches!(&self.sink, Sink::Print(printer) if !printer.is_settled() && !printer.is_writing())
    }

    fn pause(&mut self) {
        if let Sink::Print(printer) = &mut self.sink {
            printer.pause();
        }
    }

    fn handle(&mut self, talk: &mut Conversation, event: session::Event) -> anyhow::Result<()> {
        match event {
            session::Event::Published { publish, answer } => {
                if answer.reason.is_failure() {
                    self.refused.get_or_insert(answer.reason);
                    let what = if publish.retain { "to remove" } else { "the reply to" };
                    talk.notes.refused(format_args!("{what} {:?}", publish.topic), &answer);
                }
                return Ok(());
            }
            // They come again, as far as the broker keeps a session.
            _ if self.is_ending() => return Ok(()),
            session::Event::Message(publish, handle) => self.message(publish, handle),
            session::Event::Connected(connack) => self.connected(talk, &connack)?,
            session::Event::Subscribed { granted, properties } => {
                self.idle_since = Some(Instant::now());
                self.subscribed = true;
                self.ended_by = self.granted(talk, &granted, &properties);
                if let Some(retained_end) = &mut self.retained_end {
                    retained_end.begin();
                }
            }
            session::Event::Unsubscribed {
                filters,
                reasons,
                properties,
            } => {
                if let Some(retained_end) = self
                    .retained_end
                    .as_mut()
                    .filter(|retained_end| filters.contains(retained_end.filter()))
                {
                    self.complete = retained_end.answered();
                    return Ok(());
                }
                self.idle_since = Some(Instant::now());
                self.ended_by = self.unsubscribed(talk, &filters, &reasons, &properties);
            }
        }
        self.complete |= self.goal.when_subscribed && self.subscribed && self.requested.unsubscribe.is_empty();
        Ok(())
    }

    fn lost(&mut self, talk: &mut Conversation, error: client::Error) -> anyhow::Result<client::Error> {
        let silent = matches!(
            error,
            client::Error::Session {
                source: session::Error::AckTimeout(_),
                ..
            }
        );
        if silent && self.retained_end.as_ref().is_some_and(RetainedEnd::is_asked) {
            talk.notes
                .note("the broker does not answer UNSUBSCRIBE: all retained messages should have come by now");
            self.complete = true;
        }
        self.idle_since = None;
        if let Sink::Execute(commands) = &mut self.sink {
            commands.disconnected();
        }
        Ok(error)
    }

    fn stop(&mut self, talk: &mut Conversation, why: Reason) -> bool {
        self.stopped = Some(why);
        let mut owes = talk.client.unacknowledged() > 0;
        if let Sink::Execute(commands) = &mut self.sink {
            commands.abandon();
            match why {
                Reason::Limit(_) => commands.end(true),
                Reason::Signal(_) => commands.end(false),
                // What runs may end in its own time.
                Reason::Failure => {}
            }
            owes |= !commands.is_settled();
        }
        owes
    }

    fn waiting(&self, talk: &mut Conversation) -> Waiting {
        match &self.sink {
            Sink::Print(_) if self.blocked_since.is_some_and(|since| since.elapsed() > BLOCKED) => {
                return Waiting::Work("writing to standard output".to_owned());
            }
            Sink::Execute(commands) if commands.running() > 0 => {
                let count = commands.running();
                let plural = if count == 1 { "" } else { "s" };
                return Waiting::Work(format!("waiting for {count} command{plural}"));
            }
            Sink::Print(_) | Sink::Execute(_) => {}
        }
        Waiting::Broker(match self.subscribed {
            _ if self.is_ending() => talk.acknowledgements(),
            true => "waiting for messages".to_owned(),
            false => format!("waiting for SUBACK from {}", talk.client.target()),
        })
    }
}

impl Subscriber {
    // ----- what the broker says

    fn connected(&mut self, talk: &mut Conversation, connack: &Connack) -> anyhow::Result<()> {
        self.adopted = Some(connack.session_present && self.adopted.unwrap_or(true));
        if self.adopted == Some(true) && self.sink.commands().is_some_and(|commands| commands.reply().is_some()) {
            talk.notes
                .debug("the session is one of an earlier run: replies go at QoS 1 at most");
        }
        // 3.1 does not say whether there is an old session.
        let old = connack.session_present || talk.client.session().options().version == Version::V31;
        if old {
            // Perhaps nothing has to be subscribed again.
            self.idle_since = Some(Instant::now());
        }
        for filter in self.requested.unsubscribe.clone() {
            let properties = self.requested.unsubscribe_properties.clone();
            talk.client.unsubscribe(vec![filter], properties)?;
        }
        if let Some(retained_end) = self.retained_end.as_mut().filter(|_| old && self.subscribed) {
            retained_end.begin();
        }
        Ok(())
    }

    fn message(&mut self, publish: Publish, handle: AckHandle) {
        if self.goal.idle.is_some() {
            self.idle_since = Some(Instant::now());
        }
        if let Some(retained_end) = self.retained_end.as_mut().filter(|_| publish.retain) {
            retained_end.retained_arrived();
        }
        let selected = self.selection.select(&publish);
        let pending = PendingAck {
            handle,
            remove: selected.removed.then(|| publish.topic.detached()),
        };
        match &mut self.sink {
            Sink::Print(printer) => printer.take(&publish, pending, selected.taken),
            Sink::Execute(commands) => commands.take(publish, pending, selected.taken),
        }
        self.taken += u64::from(selected.taken);
        self.complete = selected.taken && self.goal.count == Some(self.taken);
    }

    /// Names the filters that were refused, or got less than they asked for.
    fn granted(
        &self,
        talk: &mut Conversation,
        granted: &[(Utf8, ReasonCode)],
        properties: &Properties,
    ) -> Option<ReasonCode> {
        for (filter, reason) in granted {
            if reason.is_failure() {
                let answer = Reply::new(PacketType::Suback, *reason, properties);
                talk.notes
                    .refused(format_args!("the subscription to {filter:?}"), &answer);
                continue;
            }
            let mut asked = self.requested.subscriptions.iter();
            let asked = asked.find(|subscription| subscription.filter == *filter);
            if let Some(asked) = asked.filter(|asked| u8::from(asked.qos) > reason.0) {
                talk.notes.note(format_args!(
                    "the broker grants QoS {} to {filter:?}, asked for {}",
                    reason.0, asked.qos
                ));
            }
            talk.notes
                .debug(format_args!("subscribed to {filter:?} at QoS {}", reason.0));
        }
        self.first_refusal(granted.iter().map(|(_, reason)| *reason))
    }

    /// Names the filters that are still subscribed to. There are no reasons before version 5.
    fn unsubscribed(
        &mut self,
        talk: &mut Conversation,
        filters: &[Utf8],
        reasons: &[ReasonCode],
        properties: &Properties,
    ) -> Option<ReasonCode> {
        for (index, filter) in filters.iter().enumerate() {
            let reason = reasons.get(index).copied().unwrap_or(ReasonCode::SUCCESS);
            if reason.is_failure() {
                let answer = Reply::new(PacketType::Unsuback, reason, properties);
                talk.notes
                    .refused(format_args!("to unsubscribe from {filter:?}"), &answer);
            } else {
                let name = reason.name_in(PacketType::Unsuback);
                talk.notes.debug(format_args!("unsubscribed from {filter:?}: {name}"));
            }
        }
        self.requested.unsubscribe.retain(|filter| !filters.contains(filter));
        self.first_refusal(reasons.iter().copied())
    }

    /// The first refusal, when the run ends with it.
    fn first_refusal(&self, reasons: impl Iterator<Item = ReasonCode> + Clone) -> Option<ReasonCode> {
        let some_granted = reasons.clone().any(|reason| !reason.is_failure());
        let mut refusals = reasons.filter(|reason| reason.is_failure());
        refusals
            .next()
            .filter(|_| !(some_granted && self.requested.allow_partial))
    }

    // ----- what the broker is told

    /// Asks whether there are more retained messages, once all that came are acknowledged.
    fn ask(&mut self, talk: &mut Conversation) -> anyhow::Result<()> {
        let Some(retained_end) = &mut self.retained_end else {
            return Ok(());
        };
        if talk.client.session().is_connected() && self.sink.is_settled() {
            if let Some(filter) = retained_end.question() {
                talk.client.unsubscribe(vec![filter], Properties::new())?;
            }
        }
        Ok(())
    }

    /// Acknowledges the messages that are written, or whose commands are done, and starts more of these.
    fn settle(&mut self, talk: &mut Conversation) -> anyhow::Result<()> {
        match &mut self.sink {
            Sink::Print(printer) => {
                if let Some(since) = self.blocked_since.filter(|_| !printer.is_writing()) {
                    let blocked = since.elapsed();
                    self.blocked_since = None;
                    self.idle_since = self.idle_since.map(|idle| idle + blocked);
                    for pending in printer.settle() {
                        outgoing::settle(&mut talk.client, pending)?;
                    }
                }
            }
            Sink::Execute(commands) => {
                while let Some(pending) = commands.settle() {
                    outgoing::settle(&mut talk.client, pending)?;
                }
                commands.start();
            }
        }
        Ok(())
    }

    /// True when so many messages are unacknowledged because their command failed that no more may come.
    fn is_stuck(&self, talk: &mut Conversation) -> bool {
        let unacknowledged = self.sink.commands().map_or(0, Commands::unacknowledged);
        if unacknowledged == 0 {
            return false;
        }
        let own = &talk.client.session().options().properties;
        let own = own.number(PropertyId::ReceiveMaximum);
        let own = own.and_then(|own| usize::try_from(own).ok());
        let stuck = unacknowledged >= own.unwrap_or(FAILED_LIMIT).min(FAILED_LIMIT);
        if stuck {
            talk.notes.insist(format_args!(
                "commands failed, and the broker may send no more before their messages are acknowledged: \
                 {unacknowledged} are not"
            ));
        }
        stuck
    }

    /// A command has ended: replies, or says what went wrong.
    fn conclude(&mut self, talk: &mut Conversation, finished: Finished) {
        let Sink::Execute(commands) = &mut self.sink else {
            return;
        };
        let done = match (&finished.result, commands.reply()) {
            (Ok(output), Some(properties)) => {
                let request = &finished.publish;
                let qos = match self.adopted {
                    Some(true) => request.qos.min(QoS::AtLeastOnce),
                    _ => request.qos,
                };
                outgoing::reply(&mut talk.client, request, qos, properties.clone(), output.clone())
            }
            (Ok(_), None) => Ok(()),
            (Err(failure), _) => Err(failure.to_string()),
        };
        let ended_here = commands.conclude(&finished, done.is_ok());
        let topic = &finished.publish.topic;
        match done {
            Ok(()) => {}
            Err(_) if ended_here => talk.notes.insist(format_args!(
                "ended the command for a message on {topic:?}, which is not acknowledged"
            )),
            Err(why) => talk
                .notes
                .insist(format_args!("the command for a message on {topic:?} failed: {why}")),
        }
    }
}
