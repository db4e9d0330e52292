//! The flags that say what load to make, and the load that they mean. It must not know what becomes of it.

use super::shape::{self, Filter, Pace, Shape};
use super::values::{Burst, Bytes, Count, PerSecond, Rate, Sessions, SomeTime, StartAt, Times, Within, Workers};
use crate::bench::stamp::Stamp;
use crate::bench::{Arrival, Load, Payload, Scenario, Size};
use crate::cli::Usage;
use crate::cli::connection::MAX_INFLIGHT;
use crate::cli::settings::typed::path;
use crate::cli::values::{Positive, Time};
use crate::input::messages;
use crate::net::file::{Until, within};
use crate::protocol::{MAX_REMAINING_LENGTH, QoS, topic};
use anyhow::Context;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// Who sends what to whom.
#[derive(Debug, clap::Args, Deserialize)]
#[command(next_help_heading = "Load")]
pub(super) struct LoadFlags {
    /// Clients that publish [default: 1; fan-in: 100]
    #[arg(long, value_name = "N")]
    publishers: Option<Positive<u32>>,

    /// Clients that subscribe; 0 in round-trip and fan-in only publishes [default: 1; round-trip: as many as publishers;
    /// fan-out: 100; reconnect: 10; shared: 4]
    #[arg(long, value_name = "N")]
    subscribers: Option<u32>,

    /// Clients of connect [default: 1000]
    #[arg(long, value_name = "N")]
    clients: Option<Positive<u32>>,

    /// Topic of the messages: %i is the number of the publisher, from 0, %c its client identifier, %u its user name, %r the
    /// run, a random number, %n the number of the topic below --topics [default: mqkit/bench/%r/%i or mqkit/bench/%r/%i/%n]
    #[arg(short, long, value_name = "TEMPLATE")]
    topic: Option<String>,

    /// Filter of the subscribers, with %r, and %i, %c and %u of the subscriber [default: the topics of the publisher with the same
    /// number, or all of the run; needed with --topic, except when it has no % and is the same]
    #[arg(long, value_name = "TEMPLATE")]
    filter: Option<String>,

    /// Topics of each publisher, used in turn [default: 1; retained: 1000]
    #[arg(long, value_name = "N")]
    topics: Option<Positive<u32>>,

    /// Take the topics at random
    #[arg(long)]
    random_topics: bool,

    /// Bytes of the payload: 100, 40..1000 (each as likely), or exp:200 (exponential with this mean), at least 16; below 32
    /// they say which message it is and when it was due, and not when it was sent, so that a --rate has no service times
    /// [default: 100]
    #[arg(long, value_name = "BYTES", conflicts_with_all = ["file", "message"])]
    size: Option<Bytes>,

    /// Payload: the contents of a file, and 32 bytes behind them that say which message it is
    #[arg(short, long, value_name = "FILE", conflicts_with = "message")]
    #[serde(deserialize_with = "path")]
    file: Option<PathBuf>,

    /// Payload: a text with %i %c %u %r %n as in the topic, and 32 bytes behind it that say which message it is
    #[arg(short, long, value_name = "TEMPLATE", allow_hyphen_values = true)]
    message: Option<String>,

    /// QoS of the messages: 0, 1 or 2 [default: 1]
    #[arg(short, long, value_name = "QOS")]
    qos: Option<QoS>,

    /// Highest QoS that the subscribers ask for [default: that of the messages]
    #[arg(long, value_name = "QOS")]
    subscribe_qos: Option<QoS>,

    /// Publish retained messages; they are removed at the end
    #[arg(short, long)]
    retain: bool,

    /// What becomes of a session when its connection is lost: clean (it ends) or persistent (the broker keeps it for the
    /// run) [default: clean; reconnect: persistent]
    #[arg(long, value_name = "KIND")]
    sessions: Option<Sessions>,
}

/// When, how fast, how long.
#[derive(Debug, clap::Args, Deserialize)]
#[command(next_help_heading = "Run")]
pub(super) struct RunFlags {
    /// Read flags from a TOML file: their long names are its keys; `scenario` is one, too. Typed flags go before it
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    scenario: Option<PathBuf>,

    /// Messages per second of all publishers together (500, 20k, 1M), whether or not the broker keeps up; or `max`: at most
    /// --max-inflight of each on their way, filled up when a quarter has been acknowledged [default: 1000; fan-in and
    /// fan-out: 10 of each publisher; reconnect: 100]
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,

    /// Times of the messages: constant (equal intervals) or poisson (random, as of many independent senders)
    /// [default: constant]
    #[arg(long, value_name = "KIND")]
    arrival: Option<Times>,

    /// Send so many messages of a publisher at once, and pause accordingly
    #[arg(long, value_name = "N", conflicts_with = "arrival")]
    burst: Option<Burst>,

    /// End after so many measured messages (1000, 20k, 1M) of all publishers together
    #[arg(short = 'C', long, value_name = "N", conflicts_with = "duration")]
    count: Option<Count>,

    /// How long to measure; in connect, how long to stay connected [default: 10s]
    #[arg(long, value_name = "TIME")]
    duration: Option<SomeTime>,

    /// How long to publish before that without measuring [default: 1s]
    #[arg(long, value_name = "TIME")]
    warm_up: Option<Time>,

    /// How long to wait at the end for what is on its way [default: 5s]
    #[arg(long, value_name = "TIME")]
    drain: Option<Time>,

    /// A delivery later than this after its message was due counts as late [default: 1s]
    #[arg(long, value_name = "TIME")]
    late: Option<SomeTime>,

    /// New connections per second [default: all at once]
    #[arg(long, value_name = "RATE")]
    connect_rate: Option<PerSecond>,

    /// reconnect: how long a subscriber keeps its connection before it breaks off [default: 2s]
    #[arg(long, value_name = "TIME")]
    drop_every: Option<SomeTime>,

    /// Threads that make the load [default: half of the processors, and no more than clients]
    #[arg(long, value_name = "N")]
    workers: Option<Workers>,

    /// Seed of everything random, so that a load can be repeated [default: random; the report has it]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Begin to publish at this time, on several machines at once: 2026-11-23T04:42:52Z, 04:42:52 (local), 04:42:52Z (UTC)
    /// or @1795408972 (Unix time)
    #[arg(long, value_name = "TIME")]
    pub(super) start_at: Option<StartAt>,
}

/// Bytes of a payload when nothing is said.
const SIZE: u32 = 100;
const DURATION: Duration = Duration::from_secs(10);
const DRAIN: Duration = Duration::from_secs(5);
const LATE: Duration = Duration::from_secs(1);
const DROP_EVERY: Duration = Duration::from_secs(2);
/// The largest file that a message may carry: the largest packet that MQTT knows, with room for the rest of it.
const LARGEST: usize = MAX_REMAINING_LENGTH - 256 * 1024;

/// What other flags say that the load depends on.
pub(super) struct OtherFlags<'a> {
    /// The topic of the URL.
    pub(super) topic: Option<&'a str>,
    /// `--max-inflight`.
    pub(super) max_inflight: Option<u16>,
    /// There is a user name.
    pub(super) user: bool,
    /// How long a file that is a pipe may take.
    pub(super) until: Until,
}

/// What the flags mean.
///
/// # Errors
/// Flags that contradict each other, or that would do nothing.
pub(super) fn load(
    scenario: Scenario,
    load: &LoadFlags,
    run: &RunFlags,
    others: &OtherFlags<'_>,
) -> anyhow::Result<Load> {
    let shape = shape::of(scenario);
    refuse_idle(shape, load, run, others)?;
    let (publishers, subscribers) = clients(shape, load)?;
    let topics = load.topics.map_or(shape.topics, |Positive(topics)| topics);
    let sources = u64::from(publishers) * u64::from(topics);
    if sources > u64::from(Stamp::SOURCES) {
        let most = Stamp::SOURCES;
        return bad(&format!(
            "{sources} topics of all publishers together: no more than {most} can be told apart"
        ));
    }
    if load.random_topics && topics == 1 {
        return bad("--random-topics needs --topics");
    }
    let (topic, filter) = names(shape, load, others, topics)?;
    if subscribers == 0 {
        let given = [
            ("filter", load.filter.is_some()),
            ("subscribe-qos", load.subscribe_qos.is_some()),
            ("late", run.late.is_some()),
        ];
        if let Some((flag, _)) = given.into_iter().find(|(_, given)| *given && shape.subscribers > 0) {
            return bad(&format!("--{flag} does nothing without subscribers"));
        }
    } else if scenario == Scenario::RoundTrip && publishers != subscribers && load.filter.is_none() {
        return bad(&format!(
            "round-trip has a subscriber for each publisher, and {publishers} publishers are not {subscribers} \
             subscribers; fan-in and fan-out have other numbers, or --filter says who gets what"
        ));
    }
    let (arrival, rate) = pace(shape, run, publishers)?;
    let qos = load.qos.unwrap_or(QoS::AtLeastOnce);
    let open = rate.is_some();
    let count = run.count.map(|Count(count)| count);
    Ok(Load {
        scenario,
        publishers,
        subscribers,
        topic,
        filter,
        topics,
        random_topics: load.random_topics,
        payload: payload(load, others.until)?,
        qos: qos as u8,
        subscribe_qos: load.subscribe_qos.unwrap_or(qos) as u8,
        retain: load.retain || shape.retain,
        arrival,
        rate,
        window: others
            .max_inflight
            .unwrap_or(if open { u16::MAX } else { MAX_INFLIGHT }),
        count: match scenario {
            // Each topic holds one message.
            Scenario::Retained => Some(sources),
            _ => count,
        },
        duration: match (count, rate) {
            (Some(count), Some(rate)) => Duration::try_from_secs_f64(count as f64 / rate)
                .map_err(|_| Usage::Bad("--count takes too long at this --rate".to_owned()))?,
            _ => run.duration.map_or(DURATION, |SomeTime(time)| time),
        },
        warm_up: run.warm_up.map_or(shape.warm_up, |Time(time)| time),
        drain: run.drain.map_or(DRAIN, |Time(time)| time),
        late: run.late.map_or(LATE, |SomeTime(time)| time),
        connect_rate: run.connect_rate.map(|PerSecond(rate)| rate),
        drop_every: run.drop_every.map_or(DROP_EVERY, |SomeTime(time)| time),
        persistent: match load.sessions {
            Some(sessions) => sessions == Sessions::Persistent,
            None => shape.persistent,
        },
        workers: run
            .workers
            .map_or_else(workers, |Within(number)| number)
            .min(publishers + subscribers),
        // All readers of JSON keep 32 bits.
        seed: run.seed.unwrap_or_else(|| fastrand::u32(..).into()),
    })
}

/// The flags that are given, by their long names.
pub(super) fn given(load: &LoadFlags, run: &RunFlags) -> Vec<&'static str> {
    [
        ("publishers", load.publishers.is_some()),
        ("subscribers", load.subscribers.is_some()),
        ("clients", load.clients.is_some()),
        ("topic", load.topic.is_some()),
        ("filter", load.filter.is_some()),
        ("topics", load.topics.is_some()),
        ("random-topics", load.random_topics),
        ("size", load.size.is_some()),
        ("file", load.file.is_some()),
        ("message", load.message.is_some()),
        ("qos", load.qos.is_some()),
        ("subscribe-qos", load.subscribe_qos.is_some()),
        ("retain", load.retain),
        ("sessions", load.sessions.is_some()),
        ("scenario", run.scenario.is_some()),
        ("rate", run.rate.is_some()),
        ("arrival", run.arrival.is_some()),
        ("burst", run.burst.is_some()),
        ("count", run.count.is_some()),
        ("duration", run.duration.is_some()),
        ("warm-up", run.warm_up.is_some()),
        ("drain", run.drain.is_some()),
        ("late", run.late.is_some()),
        ("connect-rate", run.connect_rate.is_some()),
        ("drop-every", run.drop_every.is_some()),
        ("workers", run.workers.is_some()),
        ("seed", run.seed.is_some()),
        ("start-at", run.start_at.is_some()),
    ]
    .into_iter()
    .filter_map(|(flag, given)| given.then_some(flag))
    .collect()
}

fn bad<T>(what: &str) -> anyhow::Result<T> {
    Err(Usage::Bad(what.to_owned()).into())
}

/// A flag that would do nothing is more often a mistake than meant so.
fn refuse_idle(shape: &Shape, load: &LoadFlags, run: &RunFlags, others: &OtherFlags<'_>) -> anyhow::Result<()> {
    let mut given = given(load, run);
    given.extend(others.max_inflight.map(|_| "max-inflight"));
    match given.iter().find(|flag| shape.without.contains(flag)) {
        Some(flag) => bad(&format!(
            "--{flag} does nothing in the scenario {}",
            shape.scenario.name()
        )),
        None => Ok(()),
    }
}

/// Publishers (or the clients of connect) and subscribers.
fn clients(shape: &Shape, load: &LoadFlags) -> anyhow::Result<(u32, u32)> {
    let publishers = load.publishers.or(load.clients).map(|Positive(number)| number);
    if shape.scenario == Scenario::RoundTrip {
        // One flag is enough for both.
        let publishers = publishers.or_else(|| load.subscribers.filter(|number| *number > 0));
        let publishers = publishers.unwrap_or(shape.publishers);
        return Ok((publishers, load.subscribers.unwrap_or(publishers)));
    }
    if load.subscribers == Some(0) && !shape.publishes_only {
        return bad(&format!("{} needs subscribers", shape.scenario.name()));
    }
    Ok((
        publishers.unwrap_or(shape.publishers),
        load.subscribers.unwrap_or(shape.subscribers),
    ))
}

/// Topic and filter.
fn names(shape: &Shape, load: &LoadFlags, others: &OtherFlags<'_>, topics: u32) -> anyhow::Result<(String, String)> {
    // The same load in another run is the same load.
    let own = "mqkit/bench/%r";
    let group = |filter: &str| match shape.filter {
        Filter::Shared => format!("$share/%r/{filter}"),
        Filter::Own | Filter::All => filter.to_owned(),
    };
    let given = load.topic.as_deref().or(others.topic);
    if given.is_some() && shape.without.contains(&"topic") {
        return bad(&format!(
            "the topic of the URL does nothing in the scenario {}",
            shape.scenario.name()
        ));
    }
    let (topic, filter) = match (given, topics) {
        (None, 1) => (format!("{own}/%i"), own_filter(shape, own, "")),
        (None, _) => (format!("{own}/%i/%n"), own_filter(shape, own, "/+")),
        (Some(topic), topics) => {
            if topics > 1 && !topic.contains("%n") {
                return bad("--topics needs %n in the topic (-t): the number of the topic");
            }
            let fixed = !topic.contains('%');
            match &load.filter {
                // Everybody gets everything.
                None if fixed => (topic.to_owned(), topic.to_owned()),
                None if load.subscribers == Some(0) => (topic.to_owned(), topic.to_owned()),
                None => return bad("a topic (-t) with % needs --filter, which says who gets what"),
                Some(_) => (topic.to_owned(), String::new()),
            }
        }
    };
    let filter = match &load.filter {
        Some(filter) if shape.filter == Filter::Shared && !filter.starts_with("$share/") => group(filter),
        Some(filter) if shape.filter != Filter::Shared && filter.starts_with("$share/") => {
            return bad("a shared subscription ($share) belongs to the scenario shared");
        }
        Some(filter) => filter.clone(),
        None => group(&filter),
    };
    check_template(&topic, "-t", topics > 1 || given.is_some(), others.user)?;
    check_template(&filter, "--filter", false, others.user)?;
    topic::check_name(&sample(&topic)).map_err(|error| Usage::Bad(format!("-t {topic:?}: a topic name {error}")))?;
    topic::check_filter(&sample(&filter))
        .map_err(|error| Usage::Bad(format!("--filter {filter:?}: a topic filter {error}")))?;
    Ok((topic, filter))
}

fn own_filter(shape: &Shape, own: &str, below: &str) -> String {
    match shape.filter {
        Filter::Own => format!("{own}/%i{below}"),
        Filter::All | Filter::Shared => format!("{own}/#"),
    }
}

/// What stands behind `%` must be known.
fn check_template(template: &str, flag: &str, numbered: bool, user: bool) -> anyhow::Result<()> {
    let mut behind = template.split('%').skip(1);
    while let Some(part) = behind.next() {
        match part.as_bytes().first() {
            Some(b'i' | b'c' | b'r') => {}
            Some(b'n') if numbered => {}
            Some(b'u') if user => {}
            Some(b'u') => return bad(&format!("{flag} {template:?}: there is no user name (-u) for %u")),
            // `%%`; what is behind it is text.
            None if behind.next().is_some() => {}
            _ => {
                let known = if numbered {
                    "%i, %c, %u, %r, %n"
                } else {
                    "%i, %c, %u, %r"
                };
                return bad(&format!("{flag} {template:?}: a % is the beginning of {known} or %%"));
            }
        }
    }
    Ok(())
}

fn sample(template: &str) -> String {
    let mut text = template.replace("%%", "_");
    for escape in ["%i", "%c", "%u", "%r", "%n"] {
        text = text.replace(escape, "0");
    }
    text
}

fn payload(load: &LoadFlags, until: Until) -> anyhow::Result<Payload> {
    if let Some(path) = &load.file {
        let bytes = within(path, until, "reading", |path| messages::read_file(path, LARGEST));
        let bytes = bytes.with_context(|| format!("cannot read {path:?}"))?;
        return Ok(Payload::Bytes(bytes.into()));
    }
    Ok(match &load.message {
        Some(text) => Payload::Template(text.clone()),
        None => Payload::Random(load.size.map_or(Size::Fixed(SIZE), |Bytes(size)| size)),
    })
}

fn pace(shape: &Shape, run: &RunFlags, publishers: u32) -> anyhow::Result<(Arrival, Option<f64>)> {
    let rate = match (run.rate, shape.pace) {
        (Some(rate), _) => rate,
        (None, Pace::Together(rate)) => Rate::PerSecond(rate),
        (None, Pace::Each(rate)) => Rate::PerSecond(rate * f64::from(publishers)),
        (None, Pace::Max) => Rate::Max,
    };
    match (rate, run.burst, run.arrival) {
        (Rate::Max, None, None) => Ok((Arrival::Closed, None)),
        (Rate::Max, Some(_), _) => bad("--burst needs a --rate that is a number"),
        (Rate::Max, _, Some(_)) => bad("--arrival needs a --rate that is a number"),
        (Rate::PerSecond(rate), Some(Within(burst)), _) => Ok((Arrival::Burst(burst), Some(rate))),
        (Rate::PerSecond(rate), None, times) => {
            Ok((times.map_or(Arrival::Constant, |Times(arrival)| arrival), Some(rate)))
        }
    }
}

/// The broker may need the other half.
fn workers() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(processors / 2).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::values::Named;
    use clap::{Args, Command, FromArgMatches};

    const RUN: &str = "mqkit/bench/%r";

    fn parsed(words: &str) -> (Scenario, LoadFlags, RunFlags) {
        let command = RunFlags::augment_args(LoadFlags::augment_args(Command::new("x")))
            .no_binary_name(true)
            .arg(clap::Arg::new("name").value_parser(clap::value_parser!(Named)));
        let matches = command.try_get_matches_from(words.split_whitespace()).unwrap();
        let scenario = matches
            .get_one("name")
            .map_or(Scenario::RoundTrip, |Named(scenario)| *scenario);
        (
            scenario,
            LoadFlags::from_arg_matches(&matches).unwrap(),
            RunFlags::from_arg_matches(&matches).unwrap(),
        )
    }

    fn meant(words: &str) -> Result<Load, String> {
        let (scenario, flags, run) = parsed(words);
        let others = OtherFlags {
            topic: None,
            max_inflight: None,
            user: false,
            until: Until::default(),
        };
        load(scenario, &flags, &run, &others).map_err(|error| error.to_string())
    }

    #[test]
    fn every_scenario_has_defaults_that_fit_together() {
        for (name, publishers, subscribers, filter, rate) in [
            ("round-trip", 1, 1, "RUN/%i", Some(1000.0)),
            ("fan-in", 100, 1, "RUN/#", Some(1000.0)),
            ("fan-out", 1, 100, "RUN/#", Some(10.0)),
            ("retained", 1, 1, "RUN/#", None),
            ("reconnect", 1, 10, "RUN/#", Some(100.0)),
            ("shared", 1, 4, "$share/%r/RUN/#", Some(1000.0)),
        ] {
            let load = meant(name).unwrap();
            assert_eq!((load.publishers, load.subscribers), (publishers, subscribers), "{name}");
            assert_eq!(load.filter, filter.replace("RUN", RUN), "{name}");
            assert_eq!(load.rate, rate, "{name}");
            assert_eq!((load.qos, load.subscribe_qos), (1, 1), "{name}");
            assert_eq!(load.payload, Payload::Random(Size::Fixed(100)));
            assert_eq!(load.window, if rate.is_some() { u16::MAX } else { MAX_INFLIGHT });
            assert!(load.workers >= 1 && load.workers <= load.clients());
        }
        let load = meant("connect").unwrap();
        assert_eq!((load.publishers, load.subscribers, load.connect_rate), (1000, 0, None));
        let load = meant("retained").unwrap();
        assert_eq!((load.topic, load.topics), (format!("{RUN}/%i/%n"), 1000));
        assert!(load.retain && load.warm_up.is_zero() && load.count == Some(1000));
        assert!(meant("reconnect").unwrap().persistent && !meant("").unwrap().persistent);
    }

    #[test]
    fn flags_change_what_they_say_and_what_follows_from_it() {
        let load = meant("--publishers 3 --topics 5 -q 2 --subscribe-qos 1 -C 2k --rate 500 --burst 10").unwrap();
        assert_eq!((load.publishers, load.subscribers), (3, 3));
        assert_eq!(load.topic, format!("{RUN}/%i/%n"));
        assert_eq!(load.filter, format!("{RUN}/%i/+"));
        assert_eq!((load.qos, load.subscribe_qos), (2, 1));
        assert_eq!((load.count, load.duration), (Some(2000), Duration::from_secs(4)));
        assert_eq!((load.arrival, load.rate), (Arrival::Burst(10), Some(500.0)));
        let load = meant("--rate max --subscribers 0 --size 40..90 --seed 7").unwrap();
        assert_eq!((load.publishers, load.subscribers), (1, 0));
        assert_eq!((load.arrival, load.rate, load.window), (Arrival::Closed, None, 20));
        assert_eq!((load.payload, load.seed), (Payload::Random(Size::Uniform(40, 90)), 7));
        let load = meant("fan-in --publishers 7 --arrival poisson -t a/b").unwrap();
        assert_eq!(
            (load.topic, load.filter, load.rate),
            ("a/b".into(), "a/b".into(), Some(70.0))
        );
        assert_eq!(meant("-t 9%%/%i --filter 9%%/%i").unwrap().topic, "9%%/%i");
        let load = meant("shared -t a/%i --filter a/+").unwrap();
        assert_eq!(load.filter, "$share/%r/a/+");
        let load = meant("shared -t a/%i --filter $share/g/a/+ --sessions persistent").unwrap();
        assert_eq!((load.filter, load.persistent), ("$share/g/a/+".into(), true));
        let load = meant("-m t=%n --random-topics --topics 2").unwrap();
        assert_eq!(load.payload, Payload::Template("t=%n".into()));
    }

    #[test]
    fn what_would_do_nothing_or_cannot_be_is_refused() {
        for (words, part) in [
            ("connect --rate 5", "--rate does nothing in the scenario connect"),
            ("connect -t a", "--topic does nothing in the scenario connect"),
            ("--clients 5", "--clients does nothing in the scenario round-trip"),
            ("--drop-every 1s", "--drop-every does nothing"),
            ("retained --count 5", "--count does nothing in the scenario retained"),
            ("--random-topics", "--random-topics needs --topics"),
            ("--rate max --burst 5", "--burst needs"),
            ("--rate max --arrival poisson", "--arrival needs"),
            ("--subscribers 0 --late 1s", "--late does nothing without subscribers"),
            ("fan-out --subscribers 0", "fan-out needs subscribers"),
            ("--publishers 3 --subscribers 2", "3 publishers are not 2 subscribers"),
            ("-t a/%i", "needs --filter"),
            ("-t a --topics 2", "needs %n"),
            ("-t a/# --filter a", "a topic name"),
            ("-t a/%i --filter a/b#", "a topic filter"),
            ("-t a/%d --filter a", "a % is the beginning of"),
            ("-t a/% --filter a", "a % is the beginning of"),
            ("-t a/%u --filter a", "no user name"),
            ("-t a --filter a/%n", "a % is the beginning of"),
            ("-t a --filter $share/g/a", "scenario shared"),
            ("-f /nonexistent", "cannot read"),
        ] {
            let error = meant(words).unwrap_err();
            assert!(error.contains(part), "{words}: {error}");
        }
    }

    #[test]
    fn every_flag_is_looked_at() {
        let (_, load, run) = parsed(
            "--publishers 1 --subscribers 1 --clients 1 -t a --filter a --topics 1 --random-topics --size 100 -q 0 \
             --subscribe-qos 0 -r --sessions clean --scenario a --rate 1 --arrival poisson -C 1 --warm-up 1 --drain 1 \
             --late 1 --connect-rate 1 --drop-every 1 --workers 1 --seed 1 --start-at @4000000000",
        );
        let mut given = given(&load, &run);
        // These exclude some of the others.
        given.extend(["file", "message", "burst", "duration"]);
        given.sort_unstable();
        let command = RunFlags::augment_args(LoadFlags::augment_args(Command::new("x")));
        let mut all: Vec<_> = command.get_arguments().filter_map(|arg| arg.get_long()).collect();
        all.sort_unstable();
        assert_eq!(given, all);
        for shape in shape::ALL {
            for flag in shape.without {
                assert!(all.contains(flag) || *flag == "max-inflight", "{flag}");
            }
        }
    }
}
