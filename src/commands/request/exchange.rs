//! The conversation of `mqkit rr`: subscription, request, responses, and the end. It must not know the command line.

use crate::cli::{Console, Usage, values};
use crate::client::{self, Client, Event};
use crate::commands::{Signals, describe_connection, describe_fall_back, describe_loss, until};
use crate::exit::{Outcome, OutputError};
use crate::output::message::{Format, Received};
use crate::protocol::{
    Connack, PacketType, Properties, PropertyId, PropertyValue, Publish, QoS, ReasonCode, Subscription, Utf8, Version,
};
use crate::session::{self, AckHandle, error::Refusal};
use anyhow::Context;
use bytes::Bytes;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, Stdout};
use tokio::time::Instant;

/// What a generated response topic begins with, when the broker does not say.
const PREFIX: &str = "mqkit/rr";
/// How long a broker that does not read may hold up the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// What is asked, and what is to be done with the responses.
pub(super) struct Wanted {
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
    /// Limit of the whole run, and when it is over.
    pub(super) limit: Option<Duration>,
    pub(super) ends_at: Option<Instant>,
    /// Under the name of Mosquitto's tool, which says "Timed out" and no more.
    pub(super) as_mosquitto: bool,
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
    wanted: Wanted,
    client: Client,
    console: Console,
    stdout: Stdout,
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
}

/// What an event means for the run.
enum Step {
    Wait,
    End(Outcome),
    Response(Publish, AckHandle),
}

impl Exchange {
    pub(super) fn new(wanted: Wanted, options: client::Options, console: Console) -> Self {
        Self {
            generated: wanted.response_topic.is_none(),
            wanted,
            client: Client::new(options),
            console,
            stdout: tokio::io::stdout(),
            subscribed: false,
            sent: None,
            lost: false,
            taken: 0,
        }
    }

    /// From the first connection to the last response.
    ///
    /// # Errors
    /// No connection, its loss, what the broker cannot do, an output that cannot be written.
    pub(super) async fn run(mut self) -> anyhow::Result<Outcome> {
        let mut signals = Signals::new()?;
        let ended = match self.exchange(&mut signals).await {
            Err(error) if is_broken_pipe(&error) => Ok(Outcome::Done),
            ended => ended,
        };
        if ended.is_ok() {
            // With DISCONNECT, so that the will is not published; the last acknowledgement goes out with it.
            let _ = tokio::time::timeout(FAREWELL, self.client.close(false)).await;
        }
        ended
    }

    async fn exchange(&mut self, signals: &mut Signals) -> anyhow::Result<Outcome> {
        loop {
            let event = tokio::select! {
                biased;
                event = self.client.next() => event?,
                signal = signals.next() => return Ok(Outcome::Signal(signal)),
                () = until(self.wanted.ends_at) => {
                    if !self.wanted.as_mosquitto {
                        self.describe_time_out();
                    }
                    return Ok(Outcome::TimedOut);
                }
            };
            match self.handle(event)? {
                Step::Wait => {}
                Step::End(outcome) => return Ok(outcome),
                Step::Response(publish, handle) => {
                    if let Some(outcome) = self.print(&publish, handle, signals).await? {
                        return Ok(outcome);
                    }
                    self.taken += 1;
                    if self.taken == self.wanted.count {
                        return Ok(Outcome::Done);
                    }
                }
            }
        }
    }

    fn handle(&mut self, event: Event) -> anyhow::Result<Step> {
        match event {
            Event::Session(session::Event::Connected(connack)) => {
                describe_connection(&mut self.client, &self.console, &connack);
                self.connected(&connack)?;
            }
            Event::Session(session::Event::Subscribed { granted, properties }) => {
                return self.subscription_answered(&granted, properties);
            }
            Event::Session(session::Event::Message(publish, handle)) => return self.received(publish, handle),
            Event::Session(session::Event::Published {
                reason, properties, by, ..
            }) => return Ok(self.published(reason, properties, by)),
            Event::Session(_) | Event::Ready => {}
            Event::Retrying(error, wait) => {
                if self.sent.is_some() && self.wanted.request.qos == QoS::AtMostOnce {
                    let text = "no response: a request at QoS 0 is not sent again after a loss (one at -q 1 is)";
                    return Err(anyhow::Error::new(error).context(text));
                }
                self.lost |= self.sent.is_some();
                describe_loss(&self.console, &error, wait);
            }
            Event::FellBack(error) if self.wanted.response_topic.is_none() => {
                let text = "cannot use MQTT 5 with this broker, and 3.1.1 needs a response topic (-e)";
                return Err(anyhow::Error::new(error).context(text));
            }
            Event::FellBack(error) => describe_fall_back(&self.console, &error),
        }
        Ok(Step::Wait)
    }

    /// Subscribes on the first connection.
    fn connected(&mut self, connack: &Connack) -> anyhow::Result<()> {
        if self.client.session().take_uncertain() > 0 {
            self.console
                .note("the broker lost its session: the request is sent again as new, so it may be answered twice");
        }
        if std::mem::replace(&mut self.subscribed, true) {
            return Ok(());
        }
        let topic = match self.wanted.response_topic.take() {
            Some(topic) => topic,
            None => self.new_topic(connack)?,
        };
        self.console
            .debug(format_args!("the response topic is \"{}\"", topic.escape_debug()));
        self.wanted.response_topic = Some(topic.clone());
        let subscription = Subscription {
            filter: topic,
            ..self.wanted.subscription.clone()
        };
        let properties = std::mem::take(&mut self.wanted.subscribe_properties);
        self.client.subscribe(vec![subscription], properties)?;
        Ok(())
    }

    /// A topic of this run's own, where the broker wants it to be.
    fn new_topic(&self, connack: &Connack) -> anyhow::Result<Utf8> {
        let random: String = std::iter::repeat_with(fastrand::alphanumeric).take(16).collect();
        let information = connack.properties.text(PropertyId::ResponseInformation);
        if let Some(information) = information.filter(|_| self.wanted.information_requested) {
            let topic = format!("{}/{random}", information.trim_end_matches('/'));
            match values::topic_name(&topic) {
                Ok(topic) => return Ok(topic),
                Err(error) => self.console.note(format_args!(
                    "the broker's response information \"{}\" is of no use: {error}",
                    information.escape_debug()
                )),
            }
        }
        values::topic_name(&format!("{PREFIX}/{random}")).map_err(|error| Usage::Bad(error).into())
    }

    /// Sends the request once there is someone to hear the response.
    fn subscription_answered(
        &mut self,
        granted: &[(Utf8, ReasonCode)],
        properties: Properties,
    ) -> anyhow::Result<Step> {
        for (filter, reason) in granted {
            let shown = filter.escape_debug();
            if reason.is_failure() {
                let refusal = Refusal {
                    packet: PacketType::Suback,
                    reason: *reason,
                    properties,
                };
                let hint = match self.generated {
                    true => "\nhint: name one with -e that this client may subscribe to",
                    false => "",
                };
                self.explain(format_args!(
                    "the broker refused the subscription to the response topic \"{shown}\": {refusal}{hint}"
                ));
                return Ok(Step::End(Outcome::Refused(*reason)));
            }
            if reason.0 < u8::from(self.wanted.request.qos) {
                let asked = self.wanted.request.qos;
                self.console.note(format_args!(
                    "the broker grants QoS {} to \"{shown}\", asked for {asked}",
                    reason.0
                ));
            }
        }
        self.console.debug("the broker has the subscription");
        if self.sent.is_none() {
            self.send()?;
        }
        Ok(Step::Wait)
    }

    fn send(&mut self) -> anyhow::Result<()> {
        let mut request = self.wanted.request.clone();
        if self.version() == Version::V5 {
            if let Correlation::Random(bytes) = &self.wanted.correlation {
                let value = PropertyValue::Binary(bytes.clone());
                request.properties.push(PropertyId::CorrelationData, value);
            }
            if let Some(topic) = &self.wanted.response_topic {
                let value = PropertyValue::Text(topic.clone());
                request.properties.push(PropertyId::ResponseTopic, value);
            }
        }
        self.sent = Some(Instant::now());
        let topic = self.wanted.request.topic.escape_debug();
        let sent = self.client.publish(request);
        sent.with_context(|| format!("cannot send the request to \"{topic}\""))
    }

    fn version(&mut self) -> Version {
        self.client.session().options().version
    }

    /// What became of the request.
    fn published(&self, reason: ReasonCode, properties: Properties, by: PacketType) -> Step {
        let topic = self.wanted.request.topic.escape_debug();
        if reason.is_failure() {
            let refusal = Refusal {
                packet: by,
                reason,
                properties,
            };
            self.explain(format_args!("the broker refused the request to \"{topic}\": {refusal}"));
            return Step::End(Outcome::Refused(reason));
        }
        // A request that was sent twice may have found someone the first time.
        if reason == ReasonCode::NO_MATCHING_SUBSCRIBERS && !self.lost && self.taken == 0 {
            self.explain(format_args!(
                "no response: nobody is subscribed to \"{topic}\"\nhint: start the responder before the request"
            ));
            return Step::End(Outcome::No);
        }
        self.console.debug(format_args!("the broker has the request: {reason}"));
        Step::Wait
    }

    /// Takes a message for a response, or says why not.
    fn received(&mut self, publish: Publish, handle: AckHandle) -> anyhow::Result<Step> {
        let why = self.why_not(&publish);
        let Some(why) = why else {
            return Ok(Step::Response(publish, handle));
        };
        let topic = publish.topic.escape_debug();
        self.console
            .debug(format_args!("ignored a message to \"{topic}\": {why}"));
        self.client.acknowledge(handle)?;
        Ok(Step::Wait)
    }

    fn why_not(&mut self, publish: &Publish) -> Option<String> {
        if self.wanted.response_topic.as_ref() != Some(&publish.topic) {
            return Some("it is not the response topic".to_owned());
        }
        if self.sent.is_none() {
            return Some("it came before the request".to_owned());
        }
        let version = self.version();
        let own = self.wanted.correlation.bytes().filter(|_| version == Version::V5);
        let carried = publish.properties.binary(PropertyId::CorrelationData);
        match (own, carried) {
            (Some(own), Some(carried)) if *own != carried => {
                let mut text = "it answers another request, correlation data ".to_owned();
                for byte in carried {
                    let _ = write!(text, "{byte:02x}");
                }
                return Some(text);
            }
            // Only an answer to this request has them, whenever it was stored.
            (Some(_), Some(_)) if matches!(self.wanted.correlation, Correlation::Random(_)) => return None,
            // Responders that know nothing of correlation data are many.
            _ => {}
        }
        publish.retain.then(|| "it was stored before the request".to_owned())
    }

    /// Writes a response, then acknowledges it. A reader that takes its time does not cost the connection; an end that
    /// cannot wait for it gives its outcome.
    async fn print(
        &mut self,
        publish: &Publish,
        handle: AckHandle,
        signals: &mut Signals,
    ) -> anyhow::Result<Option<Outcome>> {
        let took = self.sent.map(|sent| sent.elapsed());
        let time = jiff::Timestamp::now();
        let mut text = Vec::new();
        self.wanted.format.write(&Received { publish, time }, &mut text);
        if let Some(took) = took.filter(|_| self.wanted.latency) {
            text.extend_from_slice(latency(took).as_bytes());
        }
        let stdout = &mut self.stdout;
        let write = async {
            stdout.write_all(&text).await?;
            stdout.flush().await
        };
        tokio::select! {
            biased;
            written = write => written.map_err(OutputError)?,
            signal = signals.next() => return Ok(Some(Outcome::Signal(signal))),
            () = until(self.wanted.ends_at) => return Ok(Some(Outcome::TimedOut)),
            () = self.client.keep_alive() => {}
        }
        self.client.acknowledge(handle)?;
        Ok(None)
    }

    /// Says how far the run came within its limit.
    fn describe_time_out(&mut self) {
        let limit = self.wanted.limit.unwrap_or_default().as_secs_f64();
        let topic = self.wanted.request.topic.escape_debug().to_string();
        let (taken, count) = (self.taken, self.wanted.count);
        let text = match self.sent {
            Some(_) if taken > 0 => format!("{taken} of {count} responses from \"{topic}\" within {limit}s"),
            Some(_) => format!("no response from \"{topic}\" within {limit}s"),
            None if self.client.session().is_connected() => {
                format!("the broker did not answer the subscription to the response topic within {limit}s")
            }
            None => format!("no connection to {} within {limit}s", self.client.target()),
        };
        self.console.note(text);
    }

    /// Words that explain the status are shown even when notes are not.
    fn explain(&self, text: impl std::fmt::Display) {
        let console = Console {
            quiet: false,
            ..self.console
        };
        console.note(text);
    }
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

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<OutputError>()
        .is_some_and(|error| error.0.kind() == io::ErrorKind::BrokenPipe)
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
