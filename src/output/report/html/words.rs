//! What things are, in words. It must not know markup.

use super::super::super::text::shorten;
use super::quantity::{bytes, count, counted, number, seconds};
use crate::bench::{Arrival, Load, Measure, Payload, Report, Scenario, Size};

/// Characters of what a broker calls itself.
const VERSION: usize = 60;

/// What a measure is, with where it begins.
pub(super) fn measure(measure: Measure) -> &'static str {
    match measure {
        Measure::Connect => "connection, from its due time to CONNACK",
        Measure::Suback => "subscription, from SUBSCRIBE to SUBACK",
        Measure::Reconnect => "reconnection, from the loss to CONNACK",
        Measure::AckService => "acknowledgement, from sending (service time)",
        Measure::AckResponse => "acknowledgement, from the due time (response time)",
        Measure::DeliveryService => "delivery, from sending (service time)",
        Measure::DeliveryResponse => "delivery, from the due time (response time)",
        Measure::Lateness => "lateness of this program's timers",
    }
}

/// The name of a scenario.
pub(super) fn scenario(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::RoundTrip => "round trip",
        Scenario::FanIn => "fan-in",
        Scenario::FanOut => "fan-out",
        Scenario::Connect => "connection storm",
        Scenario::Retained => "retained messages",
        Scenario::Reconnect => "reconnecting subscribers",
        Scenario::Shared => "shared subscription",
    }
}

/// What was measured, in one sentence.
pub(super) fn summary(report: &Report) -> String {
    let load = &report.load;
    let processes = match report.processes.len() {
        0 | 1 => String::new(),
        many => format!(" in {} processes", count(many as u64)),
    };
    let mut text = String::new();
    let publishers = |one: &str, many: &str| format!("{}{processes}", counted(u64::from(load.publishers), one, many));
    if load.scenario == Scenario::Connect {
        text.push_str(&publishers("client", "clients"));
        text.push_str(match load.connect_rate {
            Some(_) => " connected",
            None => " connected at once",
        });
        if let Some(rate) = load.connect_rate {
            text.push_str(&format!(", {} per second,", number(rate)));
        }
    } else {
        text.push_str(&publishers("publisher", "publishers"));
        text.push_str(&format!(" sent {} at QoS {}", payload(&load.payload), load.qos));
        if load.retain {
            text.push_str(" with RETAIN");
        }
        let subscribers = counted(u64::from(load.subscribers), "subscriber", "subscribers");
        text.push_str(&match load.scenario {
            _ if load.subscribers == 0 => ", with no subscriber,".to_owned(),
            Scenario::Shared => format!(" to {subscribers} that shared a subscription,"),
            Scenario::Reconnect => format!(" to {subscribers} that lost their connections again and again,"),
            Scenario::Retained => format!(" for {subscribers} that came later,"),
            _ => format!(" to {subscribers}"),
        });
    }
    let way = if load.scenario == Scenario::Connect {
        "to"
    } else {
        "through"
    };
    text.push_str(&format!(" {way} {}", brokers(report)));
    match load.scenario {
        Scenario::Connect => text.push('.'),
        _ => text.push_str(&format!(" for {}, {}.", seconds(report.span.sending), arrival(load))),
    }
    text
}

/// The broker that was measured; several after a merge of different runs.
pub(super) fn brokers(report: &Report) -> String {
    let mut names = Vec::new();
    for process in &report.processes {
        let name = match (&process.broker_version, process.embedded) {
            (_, true) => "the embedded broker of mqkit".to_owned(),
            (Some(version), false) => {
                let short = shorten(version, VERSION);
                format!("{} at {}", short.as_ref().unwrap_or(version), process.broker)
            }
            (None, false) => format!("the broker at {}", process.broker),
        };
        let transport = process.transport.as_ref();
        let transport = transport
            .map(|transport| format!(" over {transport}"))
            .unwrap_or_default();
        let name = format!("{name} (MQTT {}{transport})", process.protocol);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.len() {
        0 => "a broker".to_owned(),
        1..=3 => names.join(" and "),
        many => format!("{} and {} others", names[0], many - 1),
    }
}

/// When messages are due.
pub(super) fn arrival(load: &Load) -> String {
    let rate = load
        .rate
        .map(|rate| format!("{} messages per second ", number(rate)))
        .unwrap_or_default();
    match load.arrival {
        Arrival::Closed => format!("closed loop with a window of {}", count(u64::from(load.window))),
        Arrival::Constant => format!("open loop: {rate}at equal intervals"),
        Arrival::Poisson => format!("open loop: {rate}at random intervals (Poisson)"),
        Arrival::Burst(size) => format!("open loop: {rate}in bursts of {}", count(u64::from(size))),
    }
}

/// What messages carry.
pub(super) fn payload(payload: &Payload) -> String {
    let bytes = |size: u32| bytes(u64::from(size));
    match payload {
        Payload::Random(Size::Fixed(size)) => format!("messages of {}", bytes(*size)),
        Payload::Random(Size::Uniform(least, most)) => format!("messages of {} to {}", bytes(*least), bytes(*most)),
        Payload::Random(Size::Exponential(mean)) => format!("messages of {} on average (exponential)", bytes(*mean)),
        Payload::Bytes(given) => format!("a given payload of {}", super::quantity::bytes(given.length())),
        Payload::Template(_) => "messages made from a template".to_owned(),
    }
}
