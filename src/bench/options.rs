//! What a load was, option by option, in words. It must not know why somebody asks.

use super::quantity::{decimals, rate};
use super::{Arrival, Load, Payload, Size};
use std::time::Duration;

impl Load {
    /// Every option with its value, always in the same order: for showing and comparing.
    #[must_use]
    pub fn options(&self) -> [(&'static str, String); 24] {
        let Self {
            scenario,
            publishers,
            subscribers,
            topic,
            filter,
            topics,
            random_topics,
            payload,
            qos,
            subscribe_qos,
            retain,
            arrival,
            rate,
            window,
            count,
            duration,
            warm_up,
            drain,
            late,
            connect_rate,
            drop_every,
            persistent,
            workers,
            seed,
        } = self;
        [
            ("scenario", scenario.name().to_owned()),
            ("publishers", publishers.to_string()),
            ("subscribers", subscribers.to_string()),
            ("topic", topic.clone()),
            ("filter", filter.clone()),
            ("topics", topics.to_string()),
            ("random topics", yes(*random_topics)),
            ("payload", payload_text(payload)),
            ("QoS", qos.to_string()),
            ("subscribers' QoS", subscribe_qos.to_string()),
            ("retain", yes(*retain)),
            ("arrival", arrival_text(*arrival)),
            ("rate", per_second(*rate)),
            ("window", window.to_string()),
            (
                "count",
                count.map_or_else(|| "none".to_owned(), |count| count.to_string()),
            ),
            ("duration", seconds(*duration)),
            ("warm-up", seconds(*warm_up)),
            ("drain", seconds(*drain)),
            ("late after", seconds(*late)),
            ("connect rate", per_second(*connect_rate)),
            ("drop every", seconds(*drop_every)),
            ("persistent", yes(*persistent)),
            ("workers", workers.to_string()),
            ("seed", seed.to_string()),
        ]
    }
}

pub(super) fn yes(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

fn per_second(value: Option<f64>) -> String {
    let value = value.filter(|value| value.is_finite());
    value.map_or_else(|| "none".to_owned(), |value| format!("{}/s", rate(value)))
}

fn seconds(duration: Duration) -> String {
    format!("{} s", decimals(duration.as_secs_f64(), 3))
}

fn arrival_text(arrival: Arrival) -> String {
    match arrival {
        Arrival::Closed => "closed loop".to_owned(),
        Arrival::Constant => "constant".to_owned(),
        Arrival::Poisson => "Poisson".to_owned(),
        Arrival::Burst(size) => format!("bursts of {size}"),
    }
}

fn payload_text(payload: &Payload) -> String {
    match payload {
        Payload::Random(Size::Fixed(size)) => format!("{size} B"),
        Payload::Random(Size::Uniform(from, to)) => format!("{from} to {to} B"),
        Payload::Random(Size::Exponential(mean)) => format!("exponential around {mean} B"),
        // A report does not hold the bytes.
        Payload::Bytes(given) => format!("{} given bytes", given.length()),
        Payload::Template(template) => format!("\"{template}\""),
    }
}
