//! More messages than there are packet identifiers: all arrive, in order.

use super::brokers::{Broker, Kind, Transport};
use super::process::{Process, mqkit, seconds};
use std::time::Instant;

/// More than 65,535.
const LINES: usize = 70_000;

#[test]
fn qos_1_through_mosquitto() {
    flood(Kind::Mosquitto, "auto", "1", LINES);
}

#[test]
fn qos_2_through_mosquitto() {
    flood(Kind::Mosquitto, "auto", "2", LINES);
}

#[test]
fn qos_1_through_the_embedded_broker() {
    flood(Kind::Embedded, "auto", "1", LINES);
}

#[test]
fn qos_2_through_the_embedded_broker() {
    flood(Kind::Embedded, "auto", "2", LINES);
}

#[allow(
    clippy::print_stderr,
    reason = "a measurement, shown when the test fails or with --nocapture"
)]
fn flood(kind: Kind, version: &str, qos: &str, count: usize) {
    let Some(broker) = Broker::plain(kind) else { return };
    let began = Instant::now();
    let start = |subcommand, words: &[&str], input| {
        let mut command = mqkit(subcommand, words);
        command
            .args(broker.flags(Transport::Tcp))
            .args(["-d", "-V", version, "-t", "flood", "-q", qos]);
        Process::start_with(command, input)
    };
    let subscriber = start("sub", &["--raw", "-C", &count.to_string()], Vec::new());
    subscriber.wait_for_stderr("subscribed to");
    let lines: String = (1..=count).map(|number| format!("{number}\n")).collect();
    let publisher = start("pub", &["-l"], lines.clone().into());

    let output = publisher.expect(0);
    let totals = format!("sent={count} acknowledged={count} failed=0");
    assert!(output.stderr().contains(&totals), "{}", output.stderr());
    let received = subscriber.expect(0);
    assert_eq!(received.lines, count);
    assert!(received.stdout() == lines, "they come in another order");
    assert!(!output.stderr().contains("trying again"), "{}", output.stderr());
    eprintln!(
        "flood: {kind:?}, -V {version}, QoS {qos}, {count} lines: {}",
        seconds(began)
    );
}
