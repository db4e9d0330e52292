//! `mqkit sub`: subscribes and prints what arrives; a message is acknowledged after it was written out. It must not
//! know packets beyond PUBLISH.

use super::{Signals, block_on, until};
use crate::cli::connection::{Plan, Wishes};
use crate::cli::{Connection, Console, Usage, values};
use crate::client::{Client, Event};
use crate::exit::{Outcome, OutputError};
use crate::output::message::{Format, Received};
use crate::output::template::Template;
use crate::protocol::property::Place;
use crate::protocol::{PacketType, QoS, ReasonCode, Subscription, Utf8};
use crate::session::{self, AckHandle};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, Stdout};
use tokio::time::Instant;

/// Subscribe and print JSON lines, payloads, or a format
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Topic filter to subscribe to, with `+` and `#`; repeat it for more
    #[arg(short, long, value_name = "FILTER", value_parser = values::topic_filter)]
    topic: Vec<Utf8>,

    /// Highest QoS at which messages are sent here: 0, 1 or 2
    #[arg(short, long, value_name = "QOS", default_value = "0", value_parser = values::qos)]
    qos: QoS,

    /// End after so many messages
    #[arg(short = 'C', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// End after this time, with status 27
    #[arg(short = 'W', long, value_name = "TIME", value_parser = values::duration)]
    timeout: Option<Duration>,

    /// End after so long without a message
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    idle: Option<Duration>,

    /// Print topic and payload
    #[arg(short, long, conflicts_with = "format")]
    verbose: bool,

    /// Print the payload only
    #[arg(long, conflicts_with_all = ["format", "verbose"])]
    raw: bool,

    /// Print no newline after a message
    #[arg(short = 'N', long)]
    no_newline: bool,

    /// Print each message by this format; see Format below
    #[arg(short = 'F', long, value_name = "FORMAT", value_parser = Template::parse)]
    format: Option<Template>,

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
  %I time, ISO 8601   %U seconds since 1970 %@X strftime's conversion X, %@N nanoseconds
  %C content type     %D correlation data   %R response topic   %P user properties
  %A topic alias      %E message expiry     %F payload format   %S subscription identifier
  %% percent sign     \\n \\t \\r \\0 \\a \\e \\v \\\\
  Between % and the letter: - (left), 0 (zeros), width, .precision, a separator for groups of %x

Examples:
  mqkit sub -h broker.lan -t 'sensors/#'
  mqkit sub -h broker.lan -t 'sensors/+/temperature' | jq -r '.payload'
  mqkit sub -h broker.lan -t status -C 1 -W 5 --raw
  mqkit sub -L mqtts://user@broker.example/alerts --password-file ~/.mqtt -q 2 -c -i logger
  mqkit sub -h broker.lan -t '#' -F '%I %t %p'";

/// How long to let messages gather when they come in quick succession. A broker sends them one by one, and a read, a
/// wake-up and a write for each would be most of the cost of a message.
const GATHER: Duration = Duration::from_micros(100);
/// Output within this time of the last one is quick.
const QUICK: Duration = Duration::from_millis(2);
/// Output is written at the latest when so much is there, in bytes.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// Runs `mqkit sub`.
///
/// # Errors
/// What `exit` knows: usage, no connection, a refusal, a loss.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    let plan = args.connection.plan(Wishes {
        retry_lost: None,
        resume: args.qos != QoS::AtMostOnce,
    })?;
    let mut filters = args.topic.clone();
    if let Some(topic) = &plan.topic {
        filters.push(values::topic_filter(topic).map_err(Usage::Bad)?);
    }
    if filters.is_empty() {
        return Err(Usage::Bad("no topic filter: give one with -t or in the URL".to_owned()).into());
    }
    let newline = !args.no_newline;
    let format = match (args.format, args.verbose, args.raw) {
        (Some(template), ..) => Format::Template { template, newline },
        (None, true, _) => Format::Verbose { newline },
        (None, false, true) if plan.as_mosquitto => Format::NonEmptyPayload { newline },
        (None, false, true) => Format::Payload { newline },
        (None, false, false) => Format::Json { newline },
    };
    let subscriptions = filters
        .into_iter()
        .map(|filter| Subscription::new(filter, args.qos))
        .collect();
    block_on(async move {
        let limits = Limits {
            count: args.count,
            timeout: args.timeout.map(|limit| Instant::now() + limit),
            deadline: plan.deadline.map(|limit| Instant::now() + limit),
            idle: args.idle,
            allow_partial: args.allow_partial,
        };
        Run::new(plan, subscriptions, format, limits)?.run().await
    })?
}

/// What ends a run.
struct Limits {
    count: Option<u64>,
    timeout: Option<Instant>,
    deadline: Option<Instant>,
    idle: Option<Duration>,
    allow_partial: bool,
}

struct Run {
    client: Client,
    console: Console,
    format: Format,
    limits: Limits,
    subscriptions: Vec<Subscription>,
    stdout: Stdout,
    /// Lines that are not written yet.
    output: Vec<u8>,
    /// So many bytes of them are, though: writing was interrupted.
    written: usize,
    /// Their messages, to be acknowledged once they are.
    unacknowledged: Vec<AckHandle>,
    taken: u64,
    /// The last message, or the subscription; nothing while there is no connection.
    idle_since: Option<Instant>,
    flushed_at: Instant,
    /// The output has waited for more already.
    gathered: bool,
}

/// Why the loop ended.
enum End {
    Outcome(Outcome),
    /// Everything that was asked for is there, and has to be written.
    Complete,
}

impl Run {
    fn new(plan: Plan, subscriptions: Vec<Subscription>, format: Format, limits: Limits) -> anyhow::Result<Self> {
        let mut client = Client::new(plan.client);
        let properties = plan.properties.at(Place::Packet(PacketType::Subscribe));
        client.subscribe(subscriptions.clone(), properties)?;
        Ok(Self {
            client,
            console: plan.console,
            format,
            limits,
            subscriptions,
            stdout: tokio::io::stdout(),
            output: Vec::new(),
            written: 0,
            unacknowledged: Vec::new(),
            taken: 0,
            idle_since: None,
            flushed_at: Instant::now(),
            gathered: false,
        })
    }

    async fn run(mut self) -> anyhow::Result<Outcome> {
        let mut signals = Signals::new()?;
        let ended = match self.receive(&mut signals).await {
            Ok(End::Complete) => Ok(Outcome::Done),
            Ok(End::Outcome(outcome)) => Ok(outcome),
            Err(error) => Err(error),
        };
        // What has arrived is written in any case, unless writing was what failed.
        let ended = match ended {
            Err(error) if error.is::<OutputError>() => Err(error),
            ended => match self.flush(&mut signals).await {
                Ok(early) => ended.map(|outcome| early.unwrap_or(outcome)),
                Err(error) => Err(error),
            },
        };
        let ended = match ended {
            Err(error) if is_broken_pipe(&error) => Ok(Outcome::Done),
            ended => ended,
        };
        if ended.is_ok() {
            // The last acknowledgements go out with it; a broker that has gone meanwhile sends the messages again.
            let _ = self.client.close(false).await;
        }
        ended
    }

    async fn receive(&mut self, signals: &mut Signals) -> anyhow::Result<End> {
        loop {
            let idle = self
                .limits
                .idle
                .zip(self.idle_since)
                .map(|(limit, since)| since + limit);
            let event = tokio::select! {
                biased;
                event = self.client.next() => event?,
                // Nothing more is there at once: what has been collected is written before waiting.
                () = tokio::task::yield_now(), if !self.output.is_empty() => {
                    if self.gather() {
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
            if self.output.len() >= OUTPUT_LIMIT {
                if let Some(outcome) = self.flush(signals).await? {
                    return Ok(End::Outcome(outcome));
                }
            }
        }
    }

    /// Waits a moment when messages come one by one in quick succession; true when there may be more now.
    fn gather(&mut self) -> bool {
        let quick = self.flushed_at.elapsed() < QUICK;
        self.gathered = quick && !self.gathered;
        if self.gathered {
            std::thread::sleep(GATHER);
        }
        self.gathered
    }

    fn handle(&mut self, event: Event) -> anyhow::Result<Option<End>> {
        match event {
            Event::Session(session::Event::Message(publish, handle)) => {
                let received = Received {
                    publish: &publish,
                    time: jiff::Timestamp::now(),
                };
                self.format.write(&received, &mut self.output);
                self.unacknowledged.push(handle);
                self.taken += 1;
                self.idle_since = Some(Instant::now());
                if self.limits.count == Some(self.taken) {
                    return Ok(Some(End::Complete));
                }
            }
            Event::Session(session::Event::Subscribed { granted, .. }) => {
                self.idle_since = Some(Instant::now());
                return Ok(self.granted(&granted).map(End::Outcome));
            }
            Event::Session(session::Event::Connected(connack)) => {
                if connack.session_present {
                    // Perhaps nothing has to be subscribed again.
                    self.idle_since = Some(Instant::now());
                }
                super::describe_connection(&mut self.client, &self.console, &connack);
            }
            Event::Session(_) | Event::Ready => {}
            Event::Retrying(error, wait) => {
                self.idle_since = None;
                super::describe_loss(&self.console, &error, wait);
            }
            Event::FellBack(error) => super::describe_fall_back(&self.console, &error),
        }
        Ok(None)
    }

    /// Names the filters that were refused, or got less than they asked for.
    fn granted(&self, granted: &[(Utf8, ReasonCode)]) -> Option<Outcome> {
        let mut refused = 0;
        for (filter, reason) in granted {
            let shown = filter.escape_debug();
            if reason.is_failure() {
                refused += 1;
                // A refusal explains the status, so it is shown even when notes are not.
                let name = reason.name_in(PacketType::Suback);
                Console {
                    quiet: false,
                    ..self.console
                }
                .note(format_args!(
                    "the broker refused the subscription to \"{shown}\": {name} (0x{:02x})",
                    reason.0
                ));
                continue;
            }
            let asked = self
                .subscriptions
                .iter()
                .find(|subscription| subscription.filter == *filter);
            if let Some(asked) = asked.filter(|asked| u8::from(asked.qos) > reason.0) {
                self.console.note(format_args!(
                    "the broker grants QoS {} to \"{shown}\", asked for {}",
                    reason.0, asked.qos
                ));
            }
            self.console
                .debug(format_args!("subscribed to \"{shown}\" at QoS {}", reason.0));
        }
        let all = refused == granted.len();
        (refused > 0 && (all || !self.limits.allow_partial)).then_some(Outcome::Refused)
    }

    /// Writes what has been collected, then acknowledges it. A reader that takes its time does not cost the connection;
    /// an end that cannot wait for it gives its outcome, and what is not written is not acknowledged.
    async fn flush(&mut self, signals: &mut Signals) -> anyhow::Result<Option<Outcome>> {
        if self.output.is_empty() {
            return Ok(None);
        }
        let (stdout, output, written) = (&mut self.stdout, &self.output, &mut self.written);
        let write = async {
            // After an interruption the next call goes on here, so that nothing is written twice.
            while let Some(rest) = output.get(*written..).filter(|rest| !rest.is_empty()) {
                *written += stdout.write(rest).await?;
            }
            stdout.flush().await
        };
        tokio::select! {
            biased;
            written = write => written.map_err(OutputError)?,
            signal = signals.next() => return Ok(Some(Outcome::Signal(signal))),
            () = until(self.limits.deadline) => return Ok(Some(Outcome::TimedOut)),
            () = self.client.keep_alive() => {}
        }
        self.output.clear();
        self.flushed_at = Instant::now();
        self.written = 0;
        for handle in self.unacknowledged.drain(..) {
            self.client.acknowledge(handle)?;
        }
        Ok(None)
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<OutputError>()
        .is_some_and(|error| error.0.kind() == io::ErrorKind::BrokenPipe)
}
