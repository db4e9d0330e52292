//! `mqkit rr`: sends a request and prints its responses. It must not know how the two are brought together.

mod exchange;

use super::print_flags::PrintFlags;
use super::{block_on, until};
use crate::cli::connection::{Plan, Wishes};
use crate::cli::{Connection, Usage, values};
use crate::exit::Outcome;
use crate::input::messages;
use crate::protocol::property::Place;
use crate::protocol::{PacketType, Properties, PropertyId, Publish, QoS, RetainHandling, Subscription, Utf8, Version};
use anyhow::Context;
use bytes::Bytes;
use exchange::{Correlation, Exchange, Wanted};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// Send a request, print the response
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Topic name to send the request to; may stand in the URL instead
    #[arg(short, long, value_name = "TOPIC", value_parser = values::topic_name)]
    topic: Option<Utf8>,

    /// Topic name on which the response comes [default: a new one for each run; 3.1.1 needs this flag]
    #[arg(short = 'e', long, value_name = "TOPIC", value_parser = values::topic_name)]
    response_topic: Option<Utf8>,

    #[command(flatten)]
    payload: Payload,

    /// QoS of the request, and highest QoS of the response: 0, 1 or 2
    #[arg(short, long, value_name = "QOS", default_value = "0", value_parser = values::qos)]
    qos: QoS,

    /// End after so many responses
    #[arg(short = 'C', long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,

    /// End after this time, with status 27
    #[arg(short = 'W', long, value_name = "TIME", value_parser = values::duration)]
    timeout: Option<Duration>,

    /// Print how long the response took, after it
    #[arg(long)]
    latency: bool,

    /// Send no correlation data: every new message on the response topic is a response
    #[arg(long)]
    no_correlation_data: bool,

    #[command(flatten)]
    print: PrintFlags,

    #[command(flatten)]
    stored: Stored,

    #[command(flatten)]
    connection: Connection,
}

/// Exactly one of these.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Payload {
    /// Request: the text as it stands
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,

    /// Request: the contents of a file
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// An empty request
    #[arg(short, long)]
    null_message: bool,

    /// Request: all of standard input, which must not be empty
    #[arg(short, long)]
    stdin_file: bool,
}

/// What the broker has stored on the response topic is never a response.
#[derive(Debug, clap::Args)]
struct Stored {
    /// Ask the broker not to send what it has stored on the response topic, in version 5; it is never printed
    #[arg(short = 'R', long, conflicts_with = "retain_handling")]
    no_retained: bool,

    /// When the broker sends what it has stored on the response topic: always, new or never; needs version 5
    #[arg(long, value_name = "WHEN", value_parser = values::retain_handling)]
    retain_handling: Option<RetainHandling>,

    /// Keep the retain flag of a response as its sender set it; needs version 5
    #[arg(long)]
    retain_as_published: bool,
}

const AFTER_HELP: &str = "Responses:
  A response comes on the response topic, new, with the correlation data of the request or without any. What carries
  other correlation data, and what the broker has stored, is ignored; -d says so.

Examples:
  mqkit rr -h broker.lan -t meter/7/read -n -W 5 --raw
  mqkit rr -h broker.lan -t fleet/ping -m hello -C 100 -W 2 | jq -r .payload
  mqkit rr -h broker.lan -t cmnd/lamp/power -n -e stat/lamp/power -W 3 --raw
  mqkit rr -h broker.lan -t echo -m x -q 1 --raw --latency";

/// How long to keep trying after a loss, when nothing was said.
const RETRY_LOST: Duration = Duration::from_secs(60);
/// Where -D can put properties.
const PLACES: &[Place] = &[
    Place::Packet(PacketType::Connect),
    Place::Packet(PacketType::Publish),
    Place::Packet(PacketType::Subscribe),
    Place::Packet(PacketType::Disconnect),
    Place::Will,
];
/// The largest request, in bytes: the largest packet that MQTT knows, with room for topics and properties.
const LARGEST: usize = crate::protocol::MAX_REMAINING_LENGTH - 256 * 1024;
/// Bytes of correlation data: nobody else's are the same.
const CORRELATION: usize = 16;

/// Runs `mqkit rr`.
///
/// # Errors
/// What `exit` knows: usage, no connection, a refusal, a loss.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    let mut plan = args.connection.plan(Wishes {
        retry_lost: Some(RETRY_LOST),
        resume: args.qos != QoS::AtMostOnce,
    })?;
    plan.client.session.adopt_session = args.qos == QoS::AtMostOnce;
    let topic = match (&args.topic, &plan.topic) {
        (Some(topic), _) => topic.clone(),
        (None, Some(topic)) => values::topic_name(topic).map_err(Usage::Bad)?,
        (None, None) => return Err(Usage::Bad("no topic: give one with -t or in the URL".to_owned()).into()),
    };
    check_version(&args, &mut plan)?;
    plan.sends_only(PLACES)?;
    let properties = plan.properties.at(Place::Packet(PacketType::Publish));
    if properties.value(PropertyId::ResponseTopic).is_some() {
        return Err(Usage::Bad("-D publish response-topic: the response topic is given with -e".to_owned()).into());
    }
    let correlation = match correlation(&args, &properties)? {
        // A responder that was written for mosquitto_rr may stumble over it.
        Correlation::Random(_) if plan.as_mosquitto => Correlation::None,
        correlation => correlation,
    };
    let connect = plan.properties.at(Place::Packet(PacketType::Connect));
    // The filter is filled in with the response topic.
    let subscription = Subscription {
        retain_as_published: args.stored.retain_as_published,
        retain_handling: args.stored.handling(),
        ..Subscription::new(Utf8::default(), args.qos)
    };
    let limit = [args.timeout, plan.deadline].into_iter().flatten().min();
    block_on(async move {
        let ends_at = limit.map(|limit| Instant::now() + limit);
        let payload = tokio::select! {
            payload = args.payload.read() => payload?,
            () = until(ends_at) => {
                plan.console.note("standard input did not end within the time limit");
                return Ok(Outcome::TimedOut);
            }
        };
        let wanted = Wanted {
            request: Publish {
                properties,
                ..Publish::new(topic, args.qos, payload)
            },
            correlation,
            subscription,
            subscribe_properties: plan.properties.at(Place::Packet(PacketType::Subscribe)),
            response_topic: args.response_topic,
            information_requested: connect.number(PropertyId::RequestResponseInformation) == Some(1),
            format: args.print.format(plan.as_mosquitto),
            latency: args.latency,
            count: args.count,
            limit,
            ends_at,
            as_mosquitto: plan.as_mosquitto,
        };
        Exchange::new(wanted, plan.client, plan.console).run().await
    })?
}

/// What only version 5 has makes a fall-back pointless, and an older version an error.
fn check_version(args: &Args, plan: &mut Plan) -> Result<(), Usage> {
    if plan.as_mosquitto && args.response_topic.is_none() {
        return Err(Usage::Bad(
            "All of topic, message, and response topic must be supplied.".to_owned(),
        ));
    }
    let stored = &args.stored;
    let options = stored.retain_handling.is_some() || stored.retain_as_published;
    plan.client.fall_back &= !options;
    let version = plan.client.session.version;
    if version == Version::V5 {
        return Ok(());
    }
    if args.response_topic.is_none() {
        return Err(Usage::Bad(format!("MQTT {version} needs a response topic (-e)")));
    }
    if options {
        let text = "--retain-handling and --retain-as-published need MQTT 5, and -V asks for";
        return Err(Usage::Bad(format!("{text} {version}")));
    }
    Ok(())
}

fn correlation(args: &Args, properties: &Properties) -> Result<Correlation, Usage> {
    match properties.binary(PropertyId::CorrelationData) {
        Some(_) if args.no_correlation_data => {
            let text = "--no-correlation-data contradicts -D publish correlation-data";
            Err(Usage::Bad(text.to_owned()))
        }
        Some(given) => Ok(Correlation::Given(given)),
        None if args.no_correlation_data => Ok(Correlation::None),
        // Letters and digits pass through shells and through responders that take them for text.
        None => {
            let random: String = std::iter::repeat_with(fastrand::alphanumeric)
                .take(CORRELATION)
                .collect();
            Ok(Correlation::Random(Bytes::from(random)))
        }
    }
}

impl Payload {
    async fn read(&self) -> anyhow::Result<Bytes> {
        if let Some(text) = &self.message {
            Ok(Bytes::from(text.clone()))
        } else if let Some(path) = &self.file {
            messages::read_file(path, LARGEST).with_context(|| format!("cannot read {path:?}"))
        } else if self.stdin_file {
            let whole = messages::read_whole(tokio::io::stdin(), LARGEST).await;
            let whole = whole.context("cannot read standard input")?;
            if whole.is_empty() {
                // More often a mistake than a wish.
                return Err(Usage::Bad("standard input is empty; an empty request is -n".to_owned()).into());
            }
            Ok(whole)
        } else {
            Ok(Bytes::new())
        }
    }
}

impl Stored {
    fn handling(&self) -> RetainHandling {
        match self.retain_handling {
            Some(handling) => handling,
            None if self.no_retained => RetainHandling::DoNotSend,
            None => RetainHandling::default(),
        }
    }
}
