//! The scenarios as data: what each does when nothing else is said, and which flags mean nothing in it. It must not know how
//! a load is made.

use crate::bench::Scenario;
use std::time::Duration;

/// How fast messages are due when `--rate` is not given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pace {
    /// So many per second of all publishers together.
    Together(f64),
    /// So many per second of each publisher.
    Each(f64),
    /// As fast as the broker takes them.
    Max,
}

/// What a subscriber asks for when `--filter` is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// The topics of the publisher that has its number.
    Own,
    /// All topics of the run.
    All,
    /// The same, shared with the other subscribers.
    Shared,
}

/// One scenario.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) scenario: Scenario,
    /// Publishers, or the clients of `connect`.
    pub(super) publishers: u32,
    pub(super) subscribers: u32,
    /// It may do without subscribers.
    pub(super) publishes_only: bool,
    /// Of each publisher.
    pub(super) topics: u32,
    pub(super) filter: Filter,
    pub(super) pace: Pace,
    pub(super) warm_up: Duration,
    pub(super) retain: bool,
    pub(super) persistent: bool,
    /// Flags that would do nothing.
    pub(super) without: &'static [&'static str],
}

const ROUND_TRIP: Shape = Shape {
    scenario: Scenario::RoundTrip,
    publishers: 1,
    subscribers: 1,
    publishes_only: true,
    topics: 1,
    filter: Filter::Own,
    pace: Pace::Together(1000.0),
    warm_up: Duration::from_secs(1),
    retain: false,
    persistent: false,
    without: &["clients", "drop-every"],
};

/// All scenarios, in the order of the help.
pub(super) const ALL: &[Shape] = &[
    ROUND_TRIP,
    Shape {
        scenario: Scenario::FanIn,
        publishers: 100,
        filter: Filter::All,
        pace: Pace::Each(10.0),
        ..ROUND_TRIP
    },
    Shape {
        scenario: Scenario::FanOut,
        subscribers: 100,
        publishes_only: false,
        filter: Filter::All,
        pace: Pace::Each(10.0),
        ..ROUND_TRIP
    },
    Shape {
        scenario: Scenario::Connect,
        publishers: 1000,
        subscribers: 0,
        warm_up: Duration::ZERO,
        without: &[
            "publishers",
            "subscribers",
            "topic",
            "filter",
            "topics",
            "random-topics",
            "size",
            "file",
            "message",
            "qos",
            "subscribe-qos",
            "retain",
            "rate",
            "arrival",
            "burst",
            "max-inflight",
            "count",
            "warm-up",
            "drain",
            "late",
            "drop-every",
        ],
        ..ROUND_TRIP
    },
    Shape {
        scenario: Scenario::Retained,
        publishes_only: false,
        topics: 1000,
        filter: Filter::All,
        pace: Pace::Max,
        warm_up: Duration::ZERO,
        retain: true,
        without: &[
            "clients",
            "drop-every",
            "retain",
            "random-topics",
            "rate",
            "arrival",
            "burst",
            "count",
            "duration",
            "warm-up",
            "late",
        ],
        ..ROUND_TRIP
    },
    Shape {
        scenario: Scenario::Reconnect,
        subscribers: 10,
        publishes_only: false,
        filter: Filter::All,
        pace: Pace::Together(100.0),
        persistent: true,
        without: &["clients"],
        ..ROUND_TRIP
    },
    Shape {
        scenario: Scenario::Shared,
        subscribers: 4,
        publishes_only: false,
        filter: Filter::Shared,
        ..ROUND_TRIP
    },
];

/// The row of a scenario.
pub(super) fn of(scenario: Scenario) -> &'static Shape {
    ALL.iter()
        .find(|shape| shape.scenario == scenario)
        .unwrap_or(&ROUND_TRIP)
}
