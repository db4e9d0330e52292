//! `mqkit bench`: measures a broker. It must not know how load is made, or how a report is shown.

mod conduct;
mod environment;
mod files;
mod load;
mod progress;
mod results;
mod shape;
mod values;

use super::{block_on, broker, descriptors};
use crate::bench::{Scenario, Setup};
use crate::cli::connection::{Invocation, Needs, Plan};
use crate::cli::{Connection, Usage};
use crate::exit::Outcome;
use crate::protocol::property::Place;
use crate::protocol::{PacketType, Utf8};
use anyhow::Context as _;
use load::{LoadFlags, OtherFlags, RunFlags};
use results::{OutputFlags, Results, ThresholdFlags};
use serde::Deserialize;
use std::time::Duration;
use values::{Named, StartAt};

/// Measure a broker: throughput, latency, delivery
///
/// Messages are due at times that do not wait for the broker, and response times count from there. Without a broker named
/// anywhere, the embedded one is measured.
#[derive(Debug, clap::Args, Deserialize)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// What to do, see below [default: round-trip]
    #[arg(value_name = "SCENARIO")]
    named: Option<Named>,

    /// The broker is this program's own
    #[arg(long, hide = true)]
    embedded: bool,

    #[command(flatten)]
    load: LoadFlags,

    #[command(flatten)]
    run: RunFlags,

    #[command(flatten)]
    output: OutputFlags,

    #[command(flatten)]
    thresholds: ThresholdFlags,

    #[command(flatten)]
    connection: Connection,
}

const AFTER_HELP: &str = "Scenarios:
  round-trip  each publisher has a subscriber that gets its messages
  fan-in      many publishers, one subscriber that gets everything
  fan-out     one publisher, many subscribers that get everything
  connect     many clients connect at once, stay, and go
  retained    messages are retained; subscribers come and get all of them
  reconnect   subscribers lose their connections again and again while messages are published
  shared      each message goes to one subscriber of a shared subscription ($share)

Clients:
  They are called as -i says, or at random, with -p0, -p1, … behind it for publishers and -s0, -s1, … for subscribers. In
  the user name (-u) %i is that number, and %c the whole identifier.

Figures:
  Response times count from the moment when a message was due, service times from the moment when it was sent: a broker
  that stops for a second delays all messages of that second, and only response times show it. The program watches itself,
  too, and says so when this machine was the limit.
    offered   messages that were due, whether or not they could be sent
    unsent    of these, those that were not sent, as when their client had lost its connection
    expected  deliveries that all messages that were due should lead to; refused ones are left out
    lost      of these, those that did not come: lost on the way, not acknowledged, or never sent
    doubtful  messages of QoS 0 without a subscriber that could tell, on connections that broke, or that the broker did
              not close after DISCONNECT

Status:
  A run that came to its end is no success when clients or messages failed; how many, and why, is said on standard error
  and stands in the report. The first of these decides:
    4  the broker refused clients
    5  clients lost their connections, and had none at the end
    3  clients could not connect
    4  the broker refused messages
    1  messages were due and not sent, not acknowledged, or doubtful; the broker closed no connection within 2 s after
       DISCONNECT; a guarantee of the QoS was broken; a threshold was missed

Examples:
  mqkit bench
  mqkit bench fan-in -h broker.lan --publishers 50 --rate 5k --assert 'p99<50ms' --assert 'lost=0'
  mqkit bench fan-out -h broker.lan -q 0 --size exp:200 --arrival poisson --html report.html
  mqkit bench connect -h broker.lan --clients 200 --connect-rate 100 --json > before.json
  mqkit bench connect -h broker.lan --clients 200 --connect-rate 100 --baseline before.json --max-regression 10%
  mqkit bench -h broker.lan --rate max -M 100 -C 20k --csv seconds.csv --hdr-log run.hlog
  mqkit bench --scenario nightly.toml --junit bench.xml

A scenario file:
  scenario = \"fan-in\"
  publishers = 50
  rate = \"5k\"
  duration = \"10m\"
  assert = [\"p99<50ms\", \"lost=0\"]

Several machines:
  Each begins at the same time and writes a report. The reports add up exactly, because they carry histograms. The clocks
  matter for the start only.
    at=$(date -u -d '+20 seconds' +%FT%TZ)
    for host in a.lan b.lan; do
      ssh $host mqkit bench -h broker.lan --rate 20k --start-at $at --json > $host.json &
    done; wait
    mqkit bench --merge a.lan.json b.lan.json --assert 'p99<50ms'
  The same with GNU parallel:
    parallel --nonall -S a.lan,b.lan mqkit bench -h broker.lan --start-at $at --json '>' report.json
    parallel scp {}:report.json {}.json ::: a.lan b.lan
  A Kubernetes Job with completions and parallelism of 8 runs one command in 8 pods: give it a --start-at that leaves them
  time to begin, and add up what `kubectl logs POD` prints.";

/// The hidden flag of the process that makes the load on the embedded broker.
const EMBEDDED: &str = "--embedded";
/// How long to keep trying after a loss, when nothing was said.
const RETRY_LOST: Duration = Duration::from_secs(60);
/// Where -D can put properties.
const PLACES: &[Place] = &[
    Place::Packet(PacketType::Connect),
    Place::Packet(PacketType::Disconnect),
    Place::Will,
];
/// Files that a thread has open beside connections, and the process.
const FILES_OF_WORKER: u64 = 8;
const OTHER_FILES: u64 = 64;

/// Runs `mqkit bench`.
///
/// # Errors
/// What `exit` knows: usage, no connection, a refusal, a loss.
pub fn run(args: Args, invocation: Invocation) -> anyhow::Result<Outcome> {
    args.thresholds.check()?;
    let scenario = args.named.map(|Named(scenario)| scenario);
    let until = args.connection.until(&Needs::default(), invocation);
    if !args.output.merge.is_empty() {
        refuse_load(&args, scenario)?;
        return Results::new(&args.output, &args.thresholds, None, until)?.merged(&args.output.merge, until);
    }
    if !args.embedded && !args.connection.names_broker() {
        return around();
    }
    let (setup, plan) = setup(&args, scenario.unwrap_or(Scenario::RoundTrip), invocation)?;
    let results = Results::new(&args.output, &args.thresholds, Some(setup.load.scenario), until)?;
    let clients = u64::from(setup.load.clients());
    let workers = u64::from(setup.load.workers);
    descriptors::need(
        clients + FILES_OF_WORKER * workers + OTHER_FILES,
        &format!("{clients} clients"),
    )?;
    let broker = &plan.client.target.endpoint;
    if args.embedded {
        plan.console.note(format_args!(
            "no broker is named: measuring the embedded one, {broker}, in this process group"
        ));
    }
    let process = environment::process(setup.run_id, broker.to_string(), args.embedded);
    let began = (plan.started.into(), plan.limits.first().copied());
    block_on(conduct::run(setup, results, process, plan.console, began))?
}

/// Starts a broker, and this program again to measure it.
fn around() -> anyhow::Result<Outcome> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = vec![program.into_os_string(), "bench".into(), EMBEDDED.into()];
    command.extend(std::env::args_os().skip(2));
    broker::around(command)
}

/// Reports that are added up have their load behind them.
fn refuse_load(args: &Args, scenario: Option<Scenario>) -> Result<(), Usage> {
    let given = load::given(&args.load, &args.run);
    match given.first() {
        Some(flag) => Err(Usage::Bad(format!("--{flag} does nothing with --merge"))),
        None if scenario.is_some() => Err(Usage::Bad("a scenario does nothing with --merge".to_owned())),
        None => Ok(()),
    }
}

/// What the flags mean.
fn setup(args: &Args, scenario: Scenario, invocation: Invocation) -> anyhow::Result<(Setup, Plan)> {
    let run_id = fastrand::u64(..);
    let (topic, user) = args.connection.topic_and_user(invocation)?;
    let load = load::load(
        scenario,
        &args.load,
        &args.run,
        &OtherFlags {
            topic: topic.as_deref(),
            max_inflight: args.connection.max_inflight(),
            user,
            until: args.connection.until(&Needs::default(), invocation),
        },
    )?;
    let needs = Needs {
        retry_lost: Some(RETRY_LOST),
        places: PLACES,
        max_inflight: Some(load.window),
        // With the number of the client it stays below the 23 characters of 3.1.
        client_id: Some(Utf8::new(format!("mqb-{:08x}", run_id >> 32))?),
        embedded: args.embedded,
        ..Needs::default()
    };
    let plan = args.connection.plan(&needs, invocation)?;
    if !plan.client.session.clean_start {
        let text = "-c does nothing here: --sessions persistent keeps the sessions for the run";
        return Err(Usage::Bad(text.to_owned()).into());
    }
    let setup = Setup {
        load,
        client: plan.client.clone(),
        run_id,
        start_at: args.run.start_at.map(|StartAt(at)| at),
    };
    Ok((setup, plan))
}
