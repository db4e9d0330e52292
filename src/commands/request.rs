//! `mqkit rr`: sends a request and prints its responses. It must not know how the two are brought together.

mod exchange;

use super::block_on;
use super::conversation::Conversation;
use super::payload::PayloadFlags;
use super::print_flags::PrintFlags;
use crate::cli::connection::{Invocation, Needs, Plan};
use crate::cli::values::{Positive, Time, TopicName};
use crate::cli::{Connection, Usage};
use crate::exit::Outcome;
use crate::protocol::property::Place;
use crate::protocol::{PacketType, Properties, PropertyId, Publish, QoS, RetainHandling, Subscription, Utf8, Version};
use bytes::Bytes;
use exchange::{Correlation, Exchange, Options};
use serde::Deserialize;
use std::time::Duration;

/// Send a request, print the response
#[derive(Debug, clap::Args, Deserialize)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Topic name to send the request to; may stand in the URL instead
    #[arg(short, long, value_name = "TOPIC")]
    topic: Option<TopicName>,

    /// Topic name on which the response comes [default: a new one for each run; 3.1.1 needs this flag]
    #[arg(short = 'e', long, value_name = "TOPIC")]
    response_topic: Option<TopicName>,

    #[command(flatten)]
    payload: PayloadFlags,

    /// QoS of the request, and highest QoS of the response: 0, 1 or 2 [default: 0]
    #[arg(short, long, value_name = "QOS")]
    qos: Option<QoS>,

    /// End after so many responses [default: 1]
    #[arg(short = 'C', long, value_name = "N")]
    count: Option<Positive<u64>>,

    /// End after this time, with status 27
    #[arg(short = 'W', long, value_name = "TIME")]
    timeout: Option<Time>,

    /// Print how long the response took, after it
    #[arg(long)]
    latency: bool,

    /// Send no correlation data: every new message on the response topic is a response
    #[arg(long)]
    no_correlation_data: bool,

    #[command(flatten)]
    print: PrintFlags,

    #[command(flatten)]
    retained: Retained,

    #[command(flatten)]
    connection: Connection,
}

/// A retained message on the response topic is never a response.
#[derive(Debug, clap::Args, Deserialize)]
struct Retained {
    /// Ask the broker not to send the retained message of the response topic, in version 5; it is never printed
    #[arg(short = 'R', long, conflicts_with = "retain_handling")]
    no_retained: bool,

    /// When the broker sends the retained message of the response topic: always, new or never; needs version 5
    #[arg(long, value_name = "WHEN")]
    retain_handling: Option<RetainHandling>,

    /// Keep the retain flag of a response as its sender set it; needs version 5
    #[arg(long)]
    retain_as_published: bool,
}

const AFTER_HELP: &str = "Responses:
  A response comes on the response topic, new, with the correlation data of the request or without any. What carries
  other correlation data, and a retained message, is ignored; -d says so.

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
/// Bytes of correlation data: nobody else's are the same.
const CORRELATION: usize = 16;

/// Runs `mqkit rr`.
///
/// # Errors
/// What `exit` knows: usage, no connection, a refusal, a loss.
pub fn run(mut args: Args, invocation: Invocation) -> anyhow::Result<Outcome> {
    let none = "no request: give one with --message, --file, --null-message or --stdin-file";
    let payload = std::mem::take(&mut args.payload).payload()?;
    let payload = payload.ok_or_else(|| Usage::Bad(none.to_owned()))?;
    let qos = args.qos.unwrap_or(QoS::AtMostOnce);
    let needs = Needs {
        retry_lost: Some(RETRY_LOST),
        resume: qos != QoS::AtMostOnce,
        publishes: qos != QoS::AtMostOnce,
        places: PLACES,
        version_5: args.retained.version_5(),
        timeout: args.timeout.map(|Time(limit)| limit),
        ..Needs::default()
    };
    let plan = args.connection.plan(&needs, invocation)?;
    let TopicName(topic) = match (&args.topic, &plan.topic) {
        (Some(topic), _) => topic.clone(),
        (None, Some(topic)) => topic.parse().map_err(Usage::Bad)?,
        (None, None) => return Err(Usage::Bad("no topic: give one with -t or in the URL".to_owned()).into()),
    };
    check_response_topic(&args, &plan)?;
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
        retain_as_published: args.retained.retain_as_published,
        retain_handling: args.retained.handling(),
        ..Subscription::new(Utf8::default(), qos)
    };
    let options = Options {
        request: Publish {
            properties,
            ..Publish::new(topic, qos, Bytes::new())
        },
        correlation,
        subscription,
        subscribe_properties: plan.properties.at(Place::Packet(PacketType::Subscribe)),
        response_topic: args.response_topic.map(|TopicName(topic)| topic),
        information_requested: connect.number(PropertyId::RequestResponseInformation) == Some(1),
        format: args.print.format(plan.as_mosquitto),
        latency: args.latency,
        count: args.count.map_or(1, |Positive(count)| count),
    };
    block_on(async move {
        let talk = Conversation::new(plan)?;
        Exchange::new(options, payload).run(talk).await
    })?
}

/// Only version 5 does without.
fn check_response_topic(args: &Args, plan: &Plan) -> Result<(), Usage> {
    if args.response_topic.is_some() {
        return Ok(());
    }
    match plan.client.session.version {
        _ if plan.as_mosquitto => Err(Usage::Bad(
            "All of topic, message, and response topic must be supplied.".to_owned(),
        )),
        Version::V5 => Ok(()),
        version => Err(Usage::Bad(format!("MQTT {version} needs a response topic (-e)"))),
    }
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

impl Retained {
    /// What means something in version 5 only, if it is used.
    fn version_5(&self) -> Option<&'static str> {
        let used = self.retain_handling.is_some() || self.retain_as_published;
        used.then_some("--retain-handling and --retain-as-published need")
    }

    fn handling(&self) -> RetainHandling {
        match self.retain_handling {
            Some(handling) => handling,
            None if self.no_retained => RetainHandling::DoNotSend,
            None => RetainHandling::default(),
        }
    }
}
