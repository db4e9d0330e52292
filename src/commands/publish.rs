//! `mqkit pub`: the flags, and what they mean together. It must not know how messages are read or sent.

mod changed;
mod pace;
mod run;
mod source;
mod totals;

use super::block_on;
use super::conversation::Conversation;
use super::payload::PayloadFlags;
use crate::cli::connection::{Invocation, Needs, Plan};
use crate::cli::values::{Delimiter, Positive, Speed, Time, TopicName, flag_values};
use crate::cli::{Connection, Usage};
use crate::exit::Outcome;
use crate::input::encoding::Encoding;
use crate::protocol::property::Place;
use crate::protocol::{PacketType, PropertyId, Publish, QoS, Utf8, Version};
use bytes::Bytes;
use changed::Fetch;
use pace::Pace;
use run::Publisher;
use serde::Deserialize;
use source::{Input, LineForm, Source};
use std::str::FromStr;
use std::time::Duration;

/// Publish a message, a file, or a stream of lines
#[derive(Debug, clap::Args, Deserialize)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Topic name to publish to; may stand in the URL instead
    #[arg(short, long, value_name = "TOPIC")]
    topic: Option<TopicName>,

    #[command(flatten)]
    payload: PayloadFlags,

    /// One message for each line of standard input, read as fast as the broker takes them
    #[arg(short = 'l', long, conflicts_with_all = ["message", "file", "null_message", "stdin_file"])]
    stdin_line: bool,

    /// One message for each JSON line of standard input, or of --file; see JSON lines below
    #[arg(long, conflicts_with_all = ["message", "null_message", "stdin_file", "stdin_line"])]
    json: bool,

    /// The payload is written in hex or base64; white space in it means nothing
    #[arg(long, value_name = "ENCODING", conflicts_with_all = ["json", "null_message"])]
    encoding: Option<Encoding>,

    /// Each line is TOPIC, a tab, and the payload; implies --stdin-line
    #[arg(long, conflicts_with_all = ["message", "file", "null_message", "stdin_file", "json", "topic"])]
    topic_from_line: bool,

    /// What ends a line: a character, or \0 \t \n \r \\ \x1e [default: \n]
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<Delimiter>,

    /// Keep the intervals at which the JSON lines were recorded (`tst`), or go SPEED times as fast
    #[arg(long, value_name = "SPEED", num_args = 0..=1, default_missing_value = "1")]
    replay: Option<Speed>,

    /// QoS: 0, 1 or 2 [default: 0]
    #[arg(short, long, value_name = "QOS")]
    qos: Option<QoS>,

    /// Ask the broker to retain the message for later subscribers; an empty one deletes the retained message
    #[arg(short, long)]
    retain: bool,

    /// Publish the message only when its payload differs from that of the retained message; implies --retain
    #[arg(long, conflicts_with_all = ["repeat", "stdin_line", "topic_from_line", "json"])]
    if_changed: bool,

    /// Publish the message so many times, each after the one before was sent or, with QoS 1 and 2, acknowledged
    #[arg(long, value_name = "N",
          conflicts_with_all = ["stdin_line", "topic_from_line", "json"])]
    repeat: Option<Positive<u64>>,

    /// Wait so long before each repetition
    #[arg(long, value_name = "TIME", allow_hyphen_values = true,
          conflicts_with_all = ["stdin_line", "topic_from_line", "json"])]
    repeat_delay: Option<Time>,

    /// Send each topic once and a number in its place from then on, as far as the broker allows; needs version 5
    #[arg(long)]
    topic_alias: bool,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "JSON lines:
  {\"topic\":\"a/b\",\"payload\":\"21.5\",\"qos\":1,\"retain\":true,\"properties\":{\"content-type\":\"text/plain\"}}
  `payload` must be there: text, null for none, or other JSON, which stands for its text; `payload_base64` has any bytes.
  Flags give what a line leaves out. What `mqkit sub` prints is taken as it is, and so is a PUBLISH of `decode --json`;
  packet identifiers, topic aliases and subscription identifiers, which belong to another connection, are left out.
  Other keys are errors. The first bad line ends the run with status 2, once what stands before it is delivered.

Examples:
  mqkit pub -h broker.lan -t sensors/room/temperature -m 21.5 -q 1
  vmstat 1 | mqkit pub -h broker.lan -t host/vmstat -l
  mqkit pub -L mqtts://user@broker.example/photos/door --password-file ~/.mqtt -q 1 -f door.jpg
  mqkit pub -h broker.lan -t config -r -n
  mqkit pub -h broker.lan -t a -m b -D publish content-type text/plain -D publish user-property k v
  mqkit pub -h broker.lan -t state -m on --if-changed
  mqkit pub -h broker.lan -t raw -m 00ff --encoding hex --repeat 3 --repeat-delay 500ms
  mqkit sub -h broker.lan -t 'a/#' | mqkit pub -h other.lan --json
  mqkit pub -h broker.lan --json --replay 10 < recorded.jsonl";

/// How long to keep trying after a loss, when nothing was said.
const RETRY_LOST: Duration = Duration::from_secs(60);

/// The packets that this command sends.
const PLACES: &[Place] = &[
    Place::Packet(PacketType::Connect),
    Place::Packet(PacketType::Publish),
    Place::Packet(PacketType::Disconnect),
    Place::Will,
];

/// Runs `mqkit pub`.
///
/// # Errors
/// What `exit` knows: usage, no connection, a refusal, a loss.
pub fn run(mut args: Args, invocation: Invocation) -> anyhow::Result<Outcome> {
    let input = args.input()?;
    let qos = args.qos.unwrap_or(QoS::AtMostOnce);
    // A JSON line may say so of itself.
    let acknowledged = qos != QoS::AtMostOnce || args.json;
    let needs = Needs {
        retry_lost: Some(RETRY_LOST),
        resume: acknowledged,
        publishes: acknowledged,
        places: PLACES,
        choose_aliases: args.topic_alias,
        ..Needs::default()
    };
    let plan = args.connection.plan(&needs, invocation)?;
    args.check_aliases(&plan)?;
    let template = Publish {
        retain: args.retain || args.if_changed,
        properties: plan.properties.at(Place::Packet(PacketType::Publish)),
        ..Publish::new(args.topic(&plan)?, qos, Bytes::new())
    };
    let pace = match (args.replay, args.repeat) {
        (Some(Speed(speed)), _) => Pace::replay(speed),
        (None, Some(_)) => Pace::repeat(args.repeat_delay.map_or(Duration::ZERO, |Time(delay)| delay)),
        (None, None) => Pace::AtOnce,
    };
    let fetch = args.if_changed.then(|| Fetch::new(template.topic.clone()));
    let source = Source::new(input, template, args.repeat.map_or(1, |Positive(count)| count))?;
    block_on(async move {
        let talk = Conversation::new(plan)?;
        Publisher::new(source, pace, fetch).run(talk).await
    })?
}

impl Args {
    fn input(&mut self) -> Result<Input, Usage> {
        let lines = self.stdin_line || self.topic_from_line;
        if self.delimiter.is_some() && !lines {
            return Err(Usage::Bad("--delimiter needs --stdin-line".to_owned()));
        }
        // Clap does not ask for a flag that another one excludes.
        if self.replay.is_some() && !self.json {
            return Err(Usage::Bad("--replay needs --json".to_owned()));
        }
        let payload = std::mem::take(&mut self.payload);
        let form = match (lines, self.json) {
            (true, _) if self.topic_from_line => LineForm::TopicAndPayload(self.encoding),
            (true, _) => LineForm::Payload(self.encoding),
            (_, true) if self.replay.is_some() => LineForm::RecordedJson,
            (_, true) => LineForm::Json,
            _ => {
                let none =
                    "no message: give one with --message, --file, --null-message, --stdin-file, --stdin-line or --json";
                let payload = payload.payload()?.ok_or_else(|| Usage::Bad(none.to_owned()))?;
                return Ok(Input::One(payload, self.encoding));
            }
        };
        Ok(Input::Lines {
            file: payload.file,
            form,
            delimiter: self.delimiter.map_or(b'\n', |Delimiter(delimiter)| delimiter),
        })
    }

    /// The topic of messages that have none of their own; empty when there is none.
    fn topic(&self, plan: &Plan) -> Result<Utf8, Usage> {
        let topic = match (&self.topic, &plan.topic) {
            (Some(topic), _) => Some(topic.clone()),
            (None, Some(topic)) => Some(topic.parse().map_err(Usage::Bad)?),
            (None, None) => None,
        };
        match topic {
            Some(_) if self.topic_from_line => Err(Usage::Bad(
                "the URL has a topic, and --topic-from-line takes it from each line".to_owned(),
            )),
            Some(TopicName(topic)) => Ok(topic),
            None if self.topic_from_line || self.json => Ok(Utf8::default()),
            None => Err(Usage::Bad("no topic: give one with -t or in the URL".to_owned())),
        }
    }

    fn check_aliases(&self, plan: &Plan) -> Result<(), Usage> {
        let publish = plan.properties.at(Place::Packet(PacketType::Publish));
        if self.topic_alias && publish.value(PropertyId::TopicAlias).is_some() {
            let text = "--topic-alias chooses what -D publish topic-alias gives";
            return Err(Usage::Bad(text.to_owned()));
        }
        match plan.client.session.version {
            Version::V5 => Ok(()),
            version if self.topic_alias => Err(Usage::Bad(format!(
                "--topic-alias needs MQTT 5, and -V asks for {version}"
            ))),
            _ => Ok(()),
        }
    }
}

flag_values! { Encoding }

impl FromStr for Encoding {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "hex" => Ok(Self::Hex),
            "base64" => Ok(Self::Base64),
            _ => Err("must be hex or base64"),
        }
    }
}
