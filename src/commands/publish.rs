//! `mqkit pub`: publishes one message or a stream of lines, and tells what became of them. It must not know packets
//! beyond PUBLISH.

use super::{Signals, block_on, until};
use crate::cli::connection::{Plan, Wishes};
use crate::cli::{Connection, Console, Usage, values};
use crate::client::{Client, Event};
use crate::exit::{Outcome, Signal};
use crate::input::messages::{self, Lines};
use crate::protocol::property::Place;
use crate::protocol::{PacketType, Properties, Publish, QoS, ReasonCode, Utf8};
use crate::session;
use anyhow::Context;
use bytes::Bytes;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::Stdin;
use tokio::time::Instant;

/// Publish a message, a file, or a stream of lines
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Topic name to publish to; may stand in the URL instead
    #[arg(short, long, value_name = "TOPIC", value_parser = values::topic_name)]
    topic: Option<Utf8>,

    #[command(flatten)]
    payload: Payload,

    /// QoS: 0, 1 or 2
    #[arg(short, long, value_name = "QOS", default_value = "0", value_parser = values::qos)]
    qos: QoS,

    /// Ask the broker to store the message for later subscribers
    #[arg(short, long)]
    retain: bool,

    #[command(flatten)]
    connection: Connection,
}

/// Exactly one of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Payload {
    /// Payload: the text as it stands
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,

    /// Payload: the contents of a file
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// An empty payload; with --retain it deletes the stored message
    #[arg(short, long)]
    null_message: bool,

    /// Payload: all of standard input
    #[arg(short, long)]
    stdin_file: bool,

    /// One message for each line of standard input, read as fast as the broker takes them
    #[arg(short = 'l', long)]
    stdin_line: bool,
}

const EXAMPLES: &str = "Examples:
  mqkit pub -h broker.lan -t sensors/room/temperature -m 21.5 -q 1
  vmstat 1 | mqkit pub -h broker.lan -t host/vmstat -l
  mqkit pub -L mqtts://user@broker.example/photos/door --password-file ~/.mqtt -q 1 -f door.jpg
  mqkit pub -h broker.lan -t config -r -n
  mqkit pub -h broker.lan -t a -m b -D publish content-type text/plain -D publish user-property k v";

/// How long to wait for acknowledgements after a first signal.
const GRACE: Duration = Duration::from_secs(5);
/// How long to let acknowledgements gather before a busy window is refilled. A local broker sends them one by one, and
/// a read, a write and a wake-up for each would be most of the cost of a message. Shorter than the runtime's timers are.
const GATHER: Duration = Duration::from_micros(50);
/// So many acknowledgements at once are worth a write of their own.
const FEW: usize = 4;
/// How long to keep trying after a loss, when nothing was said.
const RETRY_LOST: Duration = Duration::from_secs(60);
/// The longest line, in bytes: the largest packet that MQTT knows, with room for a topic.
const LONGEST_LINE: usize = crate::protocol::MAX_REMAINING_LENGTH - 128 * 1024;

/// Runs `mqkit pub`.
///
/// # Errors
/// What `exit` knows: usage, no connection, a refusal, a loss.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    let wishes = Wishes {
        retry_lost: Some(RETRY_LOST),
        resume: args.qos != QoS::AtMostOnce,
    };
    let plan = args.connection.plan(wishes)?;
    let topic = match (&args.topic, &plan.topic) {
        (Some(topic), _) => topic.clone(),
        (None, Some(topic)) => values::topic_name(topic).map_err(Usage::Bad)?,
        (None, None) => return Err(Usage::Bad("no topic: give one with -t or in the URL".to_owned()).into()),
    };
    let template = Publish {
        dup: false,
        qos: args.qos,
        retain: args.retain,
        topic,
        packet_id: None,
        properties: plan.properties.at(Place::Packet(PacketType::Publish)),
        payload: Bytes::new(),
    };
    block_on(async move {
        let source = Source::open(&args.payload).await?;
        Run::new(plan, template, source)?.run().await
    })?
}

/// Where payloads come from.
enum Source {
    One(Option<Bytes>),
    Lines(Box<Lines<Stdin>>),
    Dry,
}

impl Source {
    async fn open(payload: &Payload) -> anyhow::Result<Self> {
        if payload.stdin_line {
            return Ok(Self::Lines(Box::new(Lines::new(
                tokio::io::stdin(),
                b'\n',
                LONGEST_LINE,
            ))));
        }
        let bytes = if let Some(text) = &payload.message {
            Bytes::from(text.clone())
        } else if let Some(path) = &payload.file {
            messages::read_file(path).with_context(|| format!("cannot read {path:?}"))?
        } else if payload.stdin_file {
            messages::read_whole(tokio::io::stdin(), LONGEST_LINE)
                .await
                .context("cannot read standard input")?
        } else {
            Bytes::new()
        };
        Ok(Self::One(Some(bytes)))
    }

    /// The next payload; `None` at the end. Cancel-safe.
    async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        let payload = match self {
            Self::One(payload) => payload.take(),
            Self::Lines(lines) => lines.next().await.context("cannot read standard input")?,
            Self::Dry => None,
        };
        if payload.is_none() {
            *self = Self::Dry;
        }
        Ok(payload)
    }

    /// A payload that is there already.
    fn buffered(&mut self) -> Option<Bytes> {
        match self {
            Self::Lines(lines) => lines.buffered(),
            Self::One(_) | Self::Dry => None,
        }
    }

    fn is_dry(&self) -> bool {
        matches!(self, Self::Dry | Self::One(None))
    }
}

/// Messages, by what became of them.
#[derive(Debug, Default)]
struct Totals {
    sent: u64,
    acknowledged: u64,
    refused: u64,
    /// Sent at QoS 0 on a connection that broke: perhaps lost.
    doubtful: u64,
}

struct Run {
    client: Client,
    template: Publish,
    source: Source,
    console: Console,
    deadline: Option<Instant>,
    totals: Totals,
    /// At QoS 0: sent since the last connection began.
    sent_on_connection: u64,
    /// Acknowledgements that came together.
    batch: usize,
}

impl Run {
    fn new(plan: Plan, template: Publish, source: Source) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::new(plan.client),
            template,
            source,
            console: plan.console,
            deadline: plan.deadline.map(|limit| Instant::now() + limit),
            totals: Totals::default(),
            sent_on_connection: 0,
            batch: 0,
        })
    }

    async fn run(mut self) -> anyhow::Result<Outcome> {
        let ended = self.publish_all().await;
        let ended = match ended {
            Ok(None) => self.close().await,
            Ok(Some(outcome)) => {
                // The session may still be resumed by whoever has its identifier; the messages are counted as failed.
                self.disconnect().await;
                Ok(outcome)
            }
            Err(error) => Err(error),
        };
        self.report(&ended);
        let Totals { refused, doubtful, .. } = self.totals;
        match ended? {
            Outcome::Done if refused > 0 => Ok(Outcome::Refused),
            Outcome::Done if doubtful > 0 || self.failed() > 0 => Ok(Outcome::No),
            outcome => Ok(outcome),
        }
    }

    /// Until everything is sent and acknowledged (`None`), or something else ends it.
    async fn publish_all(&mut self) -> anyhow::Result<Option<Outcome>> {
        let mut signals = Signals::new()?;
        let mut interrupted: Option<(Signal, Instant)> = None;
        loop {
            let stopped = interrupted.is_some();
            if (self.source.is_dry() || stopped)
                && self.client.session().is_connected()
                && self.client.session().is_idle()
            {
                return Ok(interrupted.map(|(signal, _)| Outcome::Signal(signal)));
            }
            tokio::select! {
                biased;
                payload = self.source.next(), if self.client.is_ready() && !self.source.is_dry() && !stopped => {
                    let mut payload = payload?;
                    while let Some(bytes) = payload {
                        self.publish(bytes)?;
                        payload = if self.client.is_ready() { self.source.buffered() } else { None };
                    }
                }
                event = self.client.next() => self.handle(event?)?,
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

    fn publish(&mut self, payload: Bytes) -> anyhow::Result<()> {
        let publish = Publish {
            payload,
            ..self.template.clone()
        };
        if let Err(error) = self.client.publish(publish) {
            let topic = self.template.topic.escape_debug();
            return Err(anyhow::Error::new(error).context(format!("cannot publish to \"{topic}\"")));
        }
        self.totals.sent += 1;
        self.sent_on_connection += 1;
        Ok(())
    }

    fn handle(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Session(session::Event::Published {
                publish,
                reason,
                properties,
                by,
            }) => {
                self.published(&publish, reason, &properties, by);
                self.gather();
            }
            Event::Session(session::Event::Connected(connack)) => {
                super::describe_connection(&mut self.client, &self.console, &connack);
                let uncertain = self.client.session().take_uncertain();
                if uncertain > 0 {
                    let text =
                        "the broker lost its session: messages sent again as new, so a receiver may see them twice";
                    self.console.note(format_args!("{text}: {uncertain}"));
                }
            }
            Event::Session(_) | Event::Ready => {}
            Event::Retrying(error, wait) => {
                super::describe_loss(&self.console, &error, wait);
                self.connection_lost();
            }
            Event::FellBack(error) => super::describe_fall_back(&self.console, &error),
        }
        Ok(())
    }

    fn published(&mut self, publish: &Publish, reason: ReasonCode, properties: &Properties, by: PacketType) {
        let topic = publish.topic.escape_debug();
        if reason.is_failure() {
            self.totals.refused += 1;
            let refusal = session::error::Refusal {
                packet: by,
                reason,
                properties: properties.clone(),
            };
            // A refusal explains the status, so it is shown even when notes are not.
            Console {
                quiet: false,
                ..self.console
            }
            .note(format_args!("the broker refused the message to \"{topic}\": {refusal}"));
            return;
        }
        self.totals.acknowledged += 1;
        if by == PacketType::Puback && publish.qos == QoS::ExactlyOnce && self.totals.acknowledged == 1 {
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
        if few && !self.source.is_dry() && self.client.session().is_busy() {
            std::thread::sleep(GATHER);
        }
    }

    /// What was written at QoS 0 shortly before may not have arrived, and nobody can tell.
    fn connection_lost(&mut self) {
        if self.template.qos == QoS::AtMostOnce {
            self.totals.doubtful += std::mem::take(&mut self.sent_on_connection);
        }
    }

    async fn close(&mut self) -> anyhow::Result<Outcome> {
        // At QoS 0 nothing else shows that the broker has read everything.
        let closed = self.client.close(self.template.qos == QoS::AtMostOnce).await;
        if let Err(error) = closed {
            self.connection_lost();
            return Err(error.into());
        }
        Ok(Outcome::Done)
    }

    async fn disconnect(&mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(1), self.client.close(false)).await;
    }

    /// Messages that were taken from the input, and are neither acknowledged nor refused.
    fn failed(&self) -> u64 {
        let Totals {
            sent,
            acknowledged,
            refused,
            ..
        } = self.totals;
        match self.template.qos {
            QoS::AtMostOnce => refused,
            QoS::AtLeastOnce | QoS::ExactlyOnce => sent - acknowledged,
        }
    }

    /// `sent=60 acknowledged=60 failed=0`, with `-d` or when something failed.
    fn report(&self, ended: &anyhow::Result<Outcome>) {
        let Totals {
            sent,
            acknowledged,
            doubtful,
            ..
        } = self.totals;
        let failed = self.failed();
        let mut text = match self.template.qos {
            QoS::AtMostOnce => format!("sent={sent} failed={failed}"),
            _ => format!("sent={sent} acknowledged={acknowledged} failed={failed}"),
        };
        if doubtful > 0 {
            text += &format!(" doubtful={doubtful} (QoS 0, written before the connection was lost)");
        }
        if !self.source.is_dry() && matches!(self.source, Source::Lines(_)) {
            text += "; standard input was not read to its end";
        }
        let bad = failed > 0 || doubtful > 0 || !matches!(ended, Ok(Outcome::Done)) && sent > 0;
        if bad {
            Console {
                quiet: false,
                ..self.console
            }
            .note(text);
        } else {
            self.console.debug(text);
        }
    }
}
