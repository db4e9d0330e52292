//! What `mqkit rr` does in its conversation: subscription, request, responses, and the end. It must not know the command line.

use crate::cli::values::TopicName;
use crate::client;
use crate::commands::conversation::{Conversation, Output, Reason, Task, Turn, Waiting};
use crate::commands::payload::{Payload, Reading};
use crate::exit::Outcome;
use crate::output::message::Format;
use crate::output::received::Received;
use crate::protocol::{
    Connack, PacketType, Properties, PropertyId, PropertyValue, Publish, QoS, ReasonCode, Subscription, Utf8, Version,
};
use crate::session::{self, AckHandle, error::Reply};
use anyhow::Context;
use bytes::Bytes;
use std::fmt::Write as _;
use std::future::pending;
use std::time::Duration;
use tokio::time::Instant;

/// What a generated response topic begins with, when the broker does not say.
const PREFIX: &str = "mqkit/rr";

/// What is asked, and what is to be done with the responses.
pub(super) struct Options {
    /// The request, without response topic.
    pub(super) request: Publish,
    pub(super) correlation: Correlation,
    /// Its filter is to be the response topic.
    pub(super) subscription: Subscription,
    pub(super) subscribe_properties: Properties,
    /// None is given: it is made when the broker has said where.
    pub(super) response_topic: Option<Utf8>,
    /// CONNECT asked for Response Information.
    pub(super) information_requested: bool,
    pub(super) format: Format,
    /// Say how long each response took.
    pub(super) latency: bool,
    /// So many responses are enough.
    pub(super) count: u64,
}

/// What a response must carry, in version 5.
pub(super) enum Correlation {
    /// Nothing is sent, and anything is taken.
    None,
    /// What was said on the command line: others may say the same.
    Given(Bytes),
    /// Made for this run.
    Random(Bytes),
}

impl Correlation {
    fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::None => None,
            Self::Given(bytes) | Self::Random(bytes) => Some(bytes),
        }
    }
}

/// A request on its way.
pub(super) struct Exchange {
    options: Options,
    /// What is read for the request.
    payload: Option<(String, Reading)>,
    output: Output,
    /// The response that is being written.
    response: Option<AckHandle>,
    /// The response topic is one that this run made up.
    generated: bool,
    /// The session has the subscription, and repeats it on later connections.
    subscribed: bool,
    /// When the request was handed to the session.
    sent: Option<Instant>,
    /// The connection was lost after that.
    lost: bool,
    /// Responses printed.
    taken: u64,
    /// What there is to say instead of a response.
    outcome: Option<Outcome>,
    stopped: bool,
}

impl Exchange {
    pub(super) fn new(mut options: Options, payload: Payload) -> Self {
        let payload = match payload {
            Payload::Here(bytes) => {
                options.request.payload = bytes;
                None
            }
            Payload::Unread { name, bytes } => Some((name, bytes)),
        };
        Self {
            generated: options.response_topic.is_none(),
            options,
            payload,
            output: Output::new(),
            response: None,
            subscribed: false,
            sent: None,
            lost: false,
            taken: 0,
            outcome: None,
            stopped: false,
        }
    }

    /// From the first connection to the last response.
    ///
    /// # Errors
    /// No connection, its loss, what the broker cannot do, an output that cannot be written.
    pub(super) async fn run(mut self, talk: Conversation) -> anyhow::Result<Outcome> {
        let ended = talk.run(&mut self).await;
        match (ended.outcome()?, self.outcome) {
            (Outcome::Done, Some(outcome)) => Ok(outcome),
            (outcome, _) => Ok(outcome),
        }
    }
}

impl Task for Exchange {
    fn turn(&mut self, talk: &mut Conversation) -> anyhow::Result<Turn> {
        if self.payload.is_some() {
            return Ok(if self.stopped { Turn::Done } else { Turn::Work });
        }
        if !self.output.is_writing() {
            // Acknowledged once it is written.
            if let Some(handle) = self.response.take() {
                talk.client.acknowledge(handle)?;
                self.taken += 1;
            }
        }
        if self.output.is_writing() {
            return Ok(Turn::Hold);
        }
        let enough = self.taken == self.options.count;
        let done = enough || self.stopped || self.outcome.is_some();
        Ok(if done { Turn::Done } else { Turn::Listen })
    }

    async fn work(&mut self) -> anyhow::Result<()> {
        match &mut self.payload {
            Some((_, payload)) => {
                self.options.request.payload = payload.await?;
                self.payload = None;
                Ok(())
            }
            None if self.sent.is_some() => Ok(self.output.work().await?),
            None => pending().await,
        }
    }

    fn handle(&mut self, talk: &mut Conversation, event: session::Event) -> anyhow::Result<()> {
        match event {
            session::Event::Connected(connack) => self.connected(talk, &connack)?,
            session::Event::Subscribed { granted, properties } => {
                self.subscription_answered(talk, &granted, &properties)?;
            }
            session::Event::Message(publish, handle) => self.received(talk, &publish, handle)?,
            session::Event::Published { answer, .. } => self.published(talk, &answer),
            session::Event::Unsubscribed { .. } => {}
        }
        Ok(())
    }

    fn lost(&mut self, _: &mut Conversation, error: client::Error) -> anyhow::Result<client::Error> {
        if self.sent.is_some() && self.options.request.qos == QoS::AtMostOnce {
            let text = "no response: a request at QoS 0 is not sent again after a loss (one at -q 1 is)";
            return Err(anyhow::Error::new(error).context(text));
        }
        self.lost |= self.sent.is_some();
        Ok(error)
    }

    fn fell_back(&mut self, error: client::Error) -> anyhow::Result<client::Error> {
        if self.options.response_topic.is_none() {
            let text = "cannot use MQTT 5 with this broker, and 3.1.1 needs a response topic (-e)";
            return Err(anyhow::Error::new(error).context(text));
        }
        Ok(error)
    }

    fn stop(&mut self, _: &mut Conversation, _: Reason) -> bool {
        self.stopped = true;
        false
    }

    fn waiting(&self, talk: &mut Conversation) -> Waiting {
        if let Some((name, _)) = &self.payload {
            return Waiting::Work(format!("reading {name}"));
        }
        if self.output.is_writing() {
            return Waiting::Work("writing to standard output".to_owned());
        }
        Waiting::Broker(match (self.sent, &self.options.response_topic) {
            (Some(_), Some(topic)) => {
                let (to, count) = (&self.options.request.topic, self.options.count);
                let so_far = match self.taken {
                    0 => String::new(),
                    taken => format!(" ({taken} of {count} are there)"),
                };
                format!("waiting for the response on {topic:?} to the request to {to:?}{so_far}")
            }
            _ => format!("waiting for SUBACK from {}", talk.client.target()),
        })
    }
}

impl Exchange {
    /// Subscribes on the first connection.
    fn connected(&mut self, talk: &mut Conversation, connack: &Connack) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.subscribed, true) {
            return Ok(());
        }
        let topic = match self.options.response_topic.take() {
            Some(topic) => topic,
            None => self.new_topic(talk, connack)?,
        };
        talk.notes.debug(format_args!("the response topic is {topic:?}"));
        self.options.response_topic = Some(topic.clone());
        let subscription = Subscription {
            filter: topic,
            ..self.options.subscription.clone()
        };
        let properties = std::mem::take(&mut self.options.subscribe_properties);
        talk.client.subscribe(vec![subscription], properties)?;
        Ok(())
    }

    /// A topic of this run's own, where the broker wants it to be.
    fn new_topic(&self, talk: &Conversation, connack: &Connack) -> anyhow::Result<Utf8> {
        let random: String = std::iter::repeat_with(fastrand::alphanumeric).take(16).collect();
        let information = connack.properties.text(PropertyId::ResponseInformation);
        if let Some(information) = information.filter(|_| self.options.information_requested) {
            let topic = format!("{}/{random}", information.trim_end_matches('/'));
            match topic.parse() {
                Ok(TopicName(topic)) => return Ok(topic),
                Err(error) => talk.notes.note(format_args!(
                    "the broker's response information {information:?} is of no use: {error}"
                )),
            }
        }
        Ok(Utf8::new(format!("{PREFIX}/{random}"))?)
    }

    /// Sends the request once there is someone to hear the response.
    fn subscription_answered(
        &mut self,
        talk: &mut Conversation,
        granted: &[(Utf8, ReasonCode)],
        properties: &Properties,
    ) -> anyhow::Result<()> {
        for (filter, reason) in granted {
            if reason.is_failure() {
                let answer = Reply::new(PacketType::Suback, *reason, properties);
                talk.notes.refused(
                    format_args!("the subscription to the response topic {filter:?}"),
                    &answer,
                );
                if self.generated {
                    talk.notes.hint("name one with -e that this client may subscribe to");
                }
                self.outcome = Some(Outcome::Refused(*reason));
                return Ok(());
            }
            if reason.0 < u8::from(self.options.request.qos) {
                let asked = self.options.request.qos;
                talk.notes.note(format_args!(
                    "the broker grants QoS {} to {filter:?}, asked for {asked}",
                    reason.0
                ));
            }
        }
        talk.notes.debug("the broker has the subscription");
        if self.sent.is_none() {
            self.send(talk)?;
        }
        Ok(())
    }

    fn send(&mut self, talk: &mut Conversation) -> anyhow::Result<()> {
        let mut request = self.options.request.clone();
        if version(talk) == Version::V5 {
            if let Correlation::Random(bytes) = &self.options.correlation {
                let value = PropertyValue::Binary(bytes.clone());
                request.properties.push(PropertyId::CorrelationData, value);
            }
            if let Some(topic) = &self.options.response_topic {
                let value = PropertyValue::Text(topic.clone());
                request.properties.push(PropertyId::ResponseTopic, value);
            }
        }
        self.sent = Some(Instant::now());
        let sent = talk.client.publish(request);
        sent.with_context(|| format!("cannot send the request to {:?}", self.options.request.topic))
    }

    /// What became of the request.
    fn published(&mut self, talk: &mut Conversation, answer: &Reply) {
        let reason = answer.reason;
        let topic = &self.options.request.topic;
        if reason.is_failure() {
            talk.notes.refused(format_args!("the request to {topic:?}"), answer);
            self.outcome = Some(Outcome::Refused(reason));
        } else if reason == ReasonCode::NO_MATCHING_SUBSCRIBERS && !self.lost && self.taken == 0 {
            // A request that was sent twice may have found someone the first time.
            talk.notes
                .insist(format_args!("no response: nobody is subscribed to {topic:?}"));
            talk.notes.hint("start the responder before the request");
            self.outcome = Some(Outcome::No);
        } else {
            talk.notes.debug(format_args!("the broker has the request: {reason}"));
        }
    }

    /// Takes a message for a response and begins to write it, or says why not.
    fn received(&mut self, talk: &mut Conversation, publish: &Publish, handle: AckHandle) -> anyhow::Result<()> {
        if let Some(why) = self.why_not(talk, publish) {
            talk.notes
                .debug(format_args!("ignored a message to {:?}: {why}", publish.topic));
            return Ok(talk.client.acknowledge(handle)?);
        }
        let took = self.sent.map(|sent| sent.elapsed());
        let time = jiff::Timestamp::now();
        let text = self.output.buffer();
        self.options.format.write(&Received { publish, time }, text);
        if let Some(took) = took.filter(|_| self.options.latency) {
            text.extend_from_slice(latency(took).as_bytes());
        }
        self.output.start();
        self.response = Some(handle);
        Ok(())
    }

    fn why_not(&self, talk: &mut Conversation, publish: &Publish) -> Option<String> {
        if self.options.response_topic.as_ref() != Some(&publish.topic) {
            return Some("it is not the response topic".to_owned());
        }
        if self.sent.is_none() {
            return Some("it came before the request".to_owned());
        }
        let version = version(talk);
        let own = self.options.correlation.bytes().filter(|_| version == Version::V5);
        let carried = publish.properties.binary(PropertyId::CorrelationData);
        match (own, carried) {
            (Some(own), Some(carried)) if *own != carried => {
                let mut text = "it answers another request, correlation data ".to_owned();
                for byte in carried {
                    let _ = write!(text, "{byte:02x}");
                }
                return Some(text);
            }
            // Only an answer to this request has them, also one that is retained.
            (Some(_), Some(_)) if matches!(self.options.correlation, Correlation::Random(_)) => return None,
            // Responders that know nothing of correlation data are many.
            _ => {}
        }
        publish.retain.then(|| "it was retained before the request".to_owned())
    }
}

fn version(talk: &mut Conversation) -> Version {
    talk.client.session().options().version
}

/// As `mosquitto_rr` prints it.
fn latency(took: Duration) -> String {
    let nanoseconds = took.subsec_nanos();
    match (took.as_secs(), nanoseconds) {
        (0, 0..1_000) => format!("Latency: {nanoseconds}ns\n"),
        (0, 1_000..1_000_000) => format!("Latency: {:.6}µs\n", f64::from(nanoseconds) / 1e3),
        (0, _) => format!("Latency: {:.6}ms\n", f64::from(nanoseconds) / 1e6),
        (seconds, _) => format!("Latency: {seconds}.{nanoseconds:09}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_has_the_unit_that_fits() {
        for (took, text) in [
            (Duration::from_nanos(999), "Latency: 999ns\n"),
            (Duration::from_nanos(1_500), "Latency: 1.500000µs\n"),
            (Duration::from_nanos(100_299_445), "Latency: 100.299445ms\n"),
            (Duration::from_nanos(2_000_000_003), "Latency: 2.000000003\n"),
        ] {
            assert_eq!(latency(took), text);
        }
    }
}
