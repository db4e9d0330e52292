//! `mqkit sub`: its flags and what they mean. It must not know how messages are received or written.

mod environment;
mod exec;
mod outgoing;
mod printer;
mod rate;
mod retained_end;
mod run;
mod selection;

use super::block_on;
use super::conversation::Conversation;
use super::print_flags::PrintFlags;
use crate::cli::connection::{Invocation, Needs, Plan};
use crate::cli::values::{Positive, Time, TopicFilter, flag_values};
use crate::cli::{Connection, Usage};
use crate::exit::Outcome;
use crate::protocol::packet::RetainHandling;
use crate::protocol::property::Place;
use crate::protocol::topic::Shared;
use crate::protocol::{PacketType, QoS, Subscription, Utf8};
use crate::session::AckHandle;
use exec::{Commands, Task};
use printer::Printer;
use rate::Rate;
use run::{Goal, Requested, Sink, Subscriber};
use selection::{Sample, Selection};
use serde::Deserialize;
use std::str::FromStr;

/// Subscribe and print JSON lines, payloads, or a format
#[derive(Debug, clap::Args, Deserialize)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Topic filter to subscribe to, with `+` and `#`; repeat it for more
    #[arg(short, long, value_name = "FILTER")]
    topic: Vec<TopicFilter>,

    /// Leave out messages whose topic matches this filter; repeat it for more
    #[arg(short = 'T', long, value_name = "FILTER")]
    filter_out: Vec<TopicFilter>,

    /// Unsubscribe from this filter of a stored session (-c), after subscribing; repeat it for more
    #[arg(short = 'U', long, value_name = "FILTER")]
    unsubscribe: Vec<TopicFilter>,

    /// Highest QoS at which messages are sent here: 0, 1 or 2 [default: 0]
    #[arg(short, long, value_name = "QOS")]
    qos: Option<QoS>,

    /// End after so many messages
    #[arg(short = 'C', long, value_name = "N")]
    count: Option<Positive<u64>>,

    /// End after this time, with status 27
    #[arg(short = 'W', long, value_name = "TIME")]
    timeout: Option<Time>,

    /// End after so long without a message
    #[arg(long, value_name = "TIME")]
    idle: Option<Time>,

    /// End once the broker has confirmed the subscriptions
    #[arg(short = 'E', long)]
    end_when_subscribed: bool,

    /// No retained messages
    #[arg(short = 'R', long, conflicts_with = "retained_only")]
    no_retained: bool,

    /// Retained messages only; ends once they have come, with status 1 when there is none
    #[arg(long)]
    retained_only: bool,

    /// Remove retained messages from the broker once they are written; -T spares them
    #[arg(long)]
    remove_retained: bool,

    /// When the broker sends retained messages: always, new (for new subscriptions) or never; needs version 5
    #[arg(long, value_name = "WHEN")]
    retain_handling: Option<RetainHandling>,

    /// Keep the retain flag of live messages as it was published; needs version 5
    #[arg(long)]
    retain_as_published: bool,

    /// Not what this client publishes itself (wills, --reply); needs version 5
    #[arg(long)]
    no_local: bool,

    /// Take a random part of the messages, in per cent: 0.1 to 100
    #[arg(long, value_name = "PERCENT")]
    random_filter: Option<Percent>,

    #[command(flatten)]
    print: PrintFlags,

    /// Print how many messages came in each second (`N msgs/s`) instead of the messages
    #[arg(long, conflicts_with_all = ["format", "json", "verbose", "raw", "no_newline", "pretty"])]
    message_rate: bool,

    /// Run this shell command for each message instead of printing it; see Commands below
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["format", "json", "verbose", "raw", "no_newline", "pretty", "message_rate"])]
    exec: Option<String>,

    /// Commands that may run at once [default: 1]
    #[arg(long, value_name = "N")]
    jobs: Option<Positive<u16>>,

    /// Publish what the command prints to the response topic of the message, with its correlation data and -D publish
    #[arg(long)]
    reply: bool,

    /// Go on when the broker refuses some of the filters
    #[arg(long)]
    allow_partial: bool,

    #[command(flatten)]
    connection: Connection,
}

const AFTER_HELP: &str = "Format:
  %t topic            %p payload            %l length of the payload
  %q QoS              %r retain, 0 or 1     %m packet identifier
  %j JSON object      %J the same, the payload as JSON where it is JSON
  %x %X payload in hexadecimal
  %f %d payload of 4 or 8 bytes as a little-endian floating point number
  %I time, ISO 8601   %U seconds since 1970
  @X strftime's %X    @N nanoseconds        @@ at sign
  %C content type     %D correlation data   %R response topic   %P user properties
  %A topic alias      %E message expiry     %F payload format   %S subscription identifier
  %% percent sign     \\n \\t \\r \\0 \\a \\e \\v \\\\
  Between % and the letter: - (left), 0 (zeros), width, .precision, a separator for groups of %x

Commands:
  --exec gives a message to /bin/sh -c: the payload on standard input, and in the environment MQTT_TOPIC, MQTT_QOS,
  MQTT_RETAIN, MQTT_MID, the properties as MQTT_CONTENT_TYPE, MQTT_RESPONSE_TOPIC, MQTT_USER_PROPERTY_key and so on,
  binary correlation data as MQTT_CORRELATION_DATA_BASE64, and all of them as JSON in MQTT_PROPERTIES. The message is
  acknowledged when its command has ended with status 0. Any other end is reported, leaves the message with the broker
  as far as it keeps a session (-c), and gives status 1 at the end.

Examples:
  mqkit sub -h broker.lan -t 'sensors/#'
  mqkit sub -h broker.lan -t 'sensors/+/temperature' | jq -r '.payload'
  mqkit sub -h broker.lan -t status -C 1 -W 5 --raw
  mqkit sub -L mqtts://user@broker.example/alerts --password-file ~/.mqtt -q 2 -c -i logger
  mqkit sub -h broker.lan -t '#' -F '%I %t %p'
  mqkit sub -h broker.lan -t 'config/#' --retained-only > backup.jsonl
  mqkit sub -h broker.lan -t 'old/#' --retained-only --remove-retained -v
  mqkit sub -h broker.lan -t 'jobs/#' -q 1 -c -i worker --exec './work \"$MQTT_TOPIC\"' --jobs 4
  mqkit sub -h broker.lan -t ask/date -q 1 --exec date --reply";

#[derive(Debug, Clone, Copy)]
struct Percent(f64);

flag_values! { Percent }

impl FromStr for Percent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent = text.parse().ok().filter(|percent| (0.1..=100.0).contains(percent));
        percent.map(Self).ok_or("must be from 0.1 to 100")
    }
}

/// A message that has arrived, and what is due to the broker once it was handed on.
struct PendingAck {
    handle: AckHandle,
    /// Remove the retained message on this topic.
    remove: Option<Utf8>,
}

/// Below this `-C` a broker of version 5 is asked for no more messages at once, as Mosquitto does.
const FEW: u64 = 20;
/// Where -D can put properties: the first only with --reply.
const PLACES: &[Place] = &[
    Place::Packet(PacketType::Publish),
    Place::Packet(PacketType::Connect),
    Place::Packet(PacketType::Subscribe),
    Place::Packet(PacketType::Unsubscribe),
    Place::Packet(PacketType::Disconnect),
    Place::Will,
];

/// Runs `mqkit sub`.
///
/// # Errors
/// What `exit` knows: usage, no connection, a refusal, a loss.
pub fn run(args: Args, invocation: Invocation) -> anyhow::Result<Outcome> {
    args.check()?;
    let count = args.count.map(|Positive(count)| count);
    let few = count.filter(|count| *count < FEW);
    let needs = Needs {
        resume: args.qos() != QoS::AtMostOnce,
        places: match args.reply {
            true => PLACES,
            false => PLACES.get(1..).unwrap_or_default(),
        },
        version_5: args.version_5(),
        timeout: args.timeout.map(|Time(limit)| limit),
        incoming_window: few.and_then(|count| u16::try_from(count).ok()),
        ..Needs::default()
    };
    let plan = args.connection.plan(&needs, invocation)?;
    let subscriptions = args.subscriptions(&plan)?;
    let subscribe_properties = plan.properties.at(Place::Packet(PacketType::Subscribe));
    let reply_properties = plan.properties.at(Place::Packet(PacketType::Publish));
    let requested = Requested {
        subscriptions,
        unsubscribe: texts(&args.unsubscribe),
        unsubscribe_properties: plan.properties.at(Place::Packet(PacketType::Unsubscribe)),
        allow_partial: args.allow_partial,
    };
    let selection = args.selection();
    block_on(async move {
        let goal = Goal {
            count,
            idle: args.idle.map(|Time(idle)| idle),
            when_subscribed: args.end_when_subscribed,
            retained_only: args.retained_only,
        };
        let sink = match args.exec {
            Some(ref command) => Sink::Execute(Commands::new(Task {
                command: command.clone(),
                jobs: args.jobs.map_or(1, |Positive(jobs)| jobs.into()),
                reply: args.reply.then_some(reply_properties),
            })),
            None => {
                let rate = args.message_rate.then(Rate::new);
                Sink::Print(Printer::new(args.print.format(plan.as_mosquitto), rate, plan.console))
            }
        };
        let mut talk = Conversation::new(plan)?;
        if !requested.subscriptions.is_empty() {
            talk.client
                .subscribe(requested.subscriptions.clone(), subscribe_properties)?;
        }
        Subscriber::new(goal, requested, selection, sink).run(talk).await
    })?
}

fn texts(filters: &[TopicFilter]) -> Vec<Utf8> {
    filters.iter().map(|TopicFilter(text)| text.clone()).collect()
}

impl Args {
    fn qos(&self) -> QoS {
        self.qos.unwrap_or(QoS::AtMostOnce)
    }

    /// The first flag that means something in version 5 only, with its verb.
    fn version_5(&self) -> Option<&'static str> {
        let flags = [
            (self.retain_handling.is_some(), "--retain-handling needs"),
            (self.retain_as_published, "--retain-as-published needs"),
            (self.no_local, "--no-local needs"),
            (self.reply, "--reply needs"),
        ];
        flags.into_iter().find_map(|(used, flag)| used.then_some(flag))
    }

    /// Flags that mean something beside another one only.
    fn check(&self) -> Result<(), Usage> {
        let flags = [(self.jobs.is_some(), "--jobs"), (self.reply, "--reply")];
        match flags.into_iter().find(|(used, _)| *used && self.exec.is_none()) {
            Some((_, flag)) => Err(Usage::Bad(format!("{flag} needs --exec <COMMAND>"))),
            None => Ok(()),
        }
    }

    fn subscriptions(&self, plan: &Plan) -> Result<Vec<Subscription>, Usage> {
        let mut filters = self.topic.clone();
        if let Some(topic) = &plan.topic {
            filters.push(topic.parse().map_err(Usage::Bad)?);
        }
        if filters.is_empty() && (self.unsubscribe.is_empty() || self.retained_only) {
            return Err(Usage::Bad("no topic filter: give one with -t or in the URL".to_owned()));
        }
        if self.retained_only && self.retain_handling == Some(RetainHandling::DoNotSend) {
            let text = "--retained-only waits for what --retain-handling never forbids".to_owned();
            return Err(Usage::Bad(text));
        }
        let filters = texts(&filters);
        let shared = filters.iter().find(|filter| Shared::parse(filter).is_some());
        if let Some(filter) = shared.filter(|_| self.no_local) {
            let text = format!("--no-local must not be used with a shared subscription, {filter:?} [MQTT-3.8.3-4]");
            return Err(Usage::Bad(text));
        }
        // Those that are to be removed have to come, although they are not shown.
        let without = if self.no_retained && !self.remove_retained {
            RetainHandling::DoNotSend
        } else {
            RetainHandling::SendAlways
        };
        let subscription = |filter| Subscription {
            no_local: self.no_local,
            retain_as_published: self.retain_as_published,
            retain_handling: self.retain_handling.unwrap_or(without),
            ..Subscription::new(filter, self.qos())
        };
        Ok(filters.into_iter().map(subscription).collect())
    }

    fn selection(&self) -> Selection {
        Selection {
            filter_out: texts(&self.filter_out),
            retained: !self.no_retained,
            live: !self.retained_only,
            remove_retained: self.remove_retained,
            sample: self.random_filter.map(|Percent(percent)| Sample {
                probability: percent / 100.0,
                random: fastrand::Rng::new(),
            }),
        }
    }
}
