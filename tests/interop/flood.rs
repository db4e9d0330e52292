//! More messages than there are packet identifiers: all arrive, in order.

use super::brokers::{Broker, Kind, Transport};
use super::process::{Process, mqkit, seconds};
use std::time::Instant;

/// More than 65,535.
const LINES: usize = 70_000;

#[test]
fn qos_1_through_mosquitto() {
    flood(Kind::Mosquitto, "1");
}

#[test]
fn qos_2_through_mosquitto() {
    flood(Kind::Mosquitto, "2");
}

#[test]
fn qos_1_through_the_embedded_broker() {
    flood(Kind::Embedded, "1");
}

#[test]
fn qos_2_through_the_embedded_broker() {
    flood(Kind::Embedded, "2");
}

#[allow(
    clippy::print_stderr,
    reason = "a measurement, shown when the test fails or with --nocapture"
)]
fn flood(kind: Kind, qos: &str) {
    let Some(broker) = Broker::plain(kind) else { return };
    let began = Instant::now();
    let start = |subcommand, words: &[&str], input| {
        let mut command = mqkit(subcommand, words);
        command
            .args(broker.flags(Transport::Tcp))
            .args(["-d", "-t", "flood", "-q", qos]);
        Process::start_with(command, input)
    };
    let subscriber = start("sub", &["--raw", "-C", &LINES.to_string()], Vec::new());
    subscriber.wait_for_stderr("subscribed to");
    let lines: String = (1..=LINES).map(|number| format!("{number}\n")).collect();
    let publisher = start("pub", &["-l"], lines.clone().into());

    let output = publisher.expect(0);
    let totals = format!("sent={LINES} acknowledged={LINES} failed=0");
    assert!(output.stderr().contains(&totals), "{}", output.stderr());
    let received = subscriber.expect(0);
    assert_eq!(received.lines, LINES);
    assert!(received.stdout() == lines, "they come in another order");
    eprintln!("flood: {kind:?}, QoS {qos}, {LINES} lines: {}", seconds(began));
}
