//! What a run was, in words. Texts of brokers and files are escaped here. It must not know how a report is laid out.

use super::super::super::text::{escape, shorten};
use super::super::super::time;
use crate::bench::quantity::{count, decimals, latency, rate};
use crate::bench::report::Process;
use crate::bench::{Arrival, Load, Payload, Report, Scenario, Size};
use std::collections::BTreeSet;
use std::time::Duration;

/// Characters of a text from elsewhere.
const LENGTH: usize = 400;

/// Text without characters that a terminal acts on, and not too much of it.
pub(super) fn safe(text: &str) -> String {
    let mut safe = String::new();
    escape(shorten(text, LENGTH).as_deref().unwrap_or(text), &mut safe);
    safe
}

/// The broker and the way to it: `mosquitto 2.0.21 at mqtt://broker:1883, MQTT 5.0`.
pub(super) fn broker(report: &Report) -> String {
    let mut names = BTreeSet::new();
    for process in &report.processes {
        names.insert(one_broker(process));
    }
    let names: Vec<_> = names.into_iter().collect();
    if names.is_empty() {
        "unknown broker".to_owned()
    } else {
        names.join(" and ")
    }
}

fn one_broker(process: &Process) -> String {
    let mut text = match &process.broker_version {
        _ if process.embedded => format!("the broker of mqkit {}, started for this run,", process.mqkit),
        Some(version) => version.clone(),
        None => "broker".to_owned(),
    };
    if !process.broker.is_empty() {
        text = format!("{text} at {}", process.broker);
    } else if process.embedded {
        text.pop();
    }
    if !process.protocol.is_empty() {
        text = format!("{text}, MQTT {}", process.protocol);
    }
    if let Some(transport) = &process.transport {
        text = format!("{text}, {transport}");
    }
    safe(&text)
}

/// The load: `10 publishers, 10 subscribers; 100 B at QoS 1; open loop, 10,000/s Poisson; 30 s after 5 s of warm-up`.
pub(super) fn load(report: &Report) -> String {
    let load = &report.load;
    if load.scenario == Scenario::Connect {
        let rate = load.connect_rate.map_or_else(
            || "all at once".to_owned(),
            |per_second| format!("{}/s", rate(per_second)),
        );
        let held = decimals(load.duration.as_secs_f64(), 3);
        return format!("{}, {rate}, held for {held} s", several(load.clients(), "connection"));
    }
    let mut parts = Vec::new();
    let subscribers = if load.subscribers > 0 {
        format!(" -> {}", several(load.subscribers, "subscriber"))
    } else {
        String::new()
    };
    parts.push(format!("{}{subscribers}", several(load.publishers, "publisher")));
    parts.push(message(load));
    parts.push(pace(load));
    parts.push(extent(report));
    parts.join("; ")
}

fn message(load: &Load) -> String {
    let size = |size: u32| count(u64::from(size));
    let size = match &load.payload {
        Payload::Random(Size::Fixed(all)) => format!("{} B", size(*all)),
        Payload::Random(Size::Uniform(from, to)) => format!("{} to {} B", size(*from), size(*to)),
        Payload::Random(Size::Exponential(mean)) => format!("{} B on average", size(*mean)),
        Payload::Bytes(given) => format!("{} given B", count(given.length())),
        Payload::Template(_) => "template".to_owned(),
    };
    let qos = if load.subscribers > 0 && load.subscribe_qos != load.qos {
        format!("QoS {} -> {}", load.qos, load.subscribe_qos)
    } else {
        format!("QoS {}", load.qos)
    };
    let retain = if load.retain { ", retained" } else { "" };
    format!("{size} at {qos}{retain}")
}

fn pace(load: &Load) -> String {
    let target = load
        .rate
        .map(|target| format!("{}/s", rate(target)))
        .unwrap_or_default();
    match load.arrival {
        Arrival::Closed => format!("closed loop, window {}", load.window),
        Arrival::Constant => format!("open loop, {target}"),
        Arrival::Poisson => format!("open loop, {target} Poisson"),
        Arrival::Burst(size) => format!("open loop, {target} in bursts of {}", count(u64::from(size))),
    }
}

/// How long it took; the plan may have been another one.
fn extent(report: &Report) -> String {
    let sending = time::span(Duration::try_from_secs_f64(report.span.sending).unwrap_or_default());
    let warm_up = report.load.warm_up;
    if warm_up.is_zero() {
        return sending;
    }
    format!("{sending} after {} s of warm-up", decimals(warm_up.as_secs_f64(), 3))
}

/// Where and with what it was measured, for whoever quotes the figures.
pub(super) fn environment(report: &Report) -> String {
    let distinct = |fact: fn(&Process) -> String| -> String {
        let facts: BTreeSet<String> = report
            .processes
            .iter()
            .map(fact)
            .filter(|fact| !fact.is_empty())
            .collect();
        facts.into_iter().collect::<Vec<_>>().join(" and ")
    };
    let versions = distinct(|process| process.mqkit.clone());
    let mut parts = vec![format!("mqkit {versions}").trim_end().to_owned()];
    if report.processes.len() > 1 {
        parts.push(format!("{} processes", report.processes.len()));
    }
    parts.push(distinct(|process| process.host.clone()));
    parts.push(distinct(|process| match process.processor.as_str() {
        "" => String::new(),
        model => format!("{} x {model}", process.processors),
    }));
    parts.push(distinct(|process| process.system.clone()));
    if report.span.started > 0.0 {
        parts.push(time::second(report.span.started as i64));
    }
    parts.push(format!("seed {}", report.load.seed));
    parts.retain(|part| !part.is_empty());
    let generator = &report.generator;
    let mut busy = format!(
        "load generator: busiest thread {} % of a processor",
        decimals(generator.busiest * 100.0, 0)
    );
    if generator.cpu_per_message > 0.0 {
        busy = format!("{busy}, {} of CPU per message", latency(generator.cpu_per_message));
    }
    format!("{}\n{}", safe(&busy), safe(&parts.join(", ")))
}

fn several(number: u32, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", count(u64::from(number)))
}
