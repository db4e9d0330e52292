//! `mqkit bench` against real brokers: each message arrives once, and the report says how it went.

use super::brokers::{Broker, Kind, Transport, left_out};
use super::process::{Output, Process, mqkit, run};
use rustix::process::{Resource, getrlimit};
use serde_json::Value;
use std::thread;

const COUNT: u64 = 500;

#[test]
fn mosquitto() {
    bench(Kind::Mosquitto);
}

#[test]
fn embedded() {
    bench(Kind::Embedded);
}

#[test]
fn rabbitmq() {
    bench(Kind::RabbitMq);
}

#[test]
fn nats() {
    bench(Kind::Nats);
    bench(Kind::NatsTls);
}

/// Every transport, version and QoS.
fn bench(kind: Kind) {
    let Some(broker) = Broker::complete(kind) else { return };
    let facts = kind.facts();
    // At the same time: most of it is waiting.
    thread::scope(|scope| {
        for &transport in facts.transports {
            for &(version, shown) in facts.versions {
                // A version that is found by trial is the same one.
                if version != "auto" {
                    let broker = &broker;
                    scope.spawn(move || check(broker, transport, version, shown));
                }
            }
        }
    });
}

fn check(broker: &Broker, transport: Transport, version: &str, shown: &str) {
    let facts = broker.kind.facts();
    for qos in facts.takes {
        let told = format!("{} over {transport:?}, -V {version} -q {qos}", facts.name);
        let (qos, count) = (qos.to_string(), COUNT.to_string());
        let words = [
            "--json",
            "-V",
            version,
            "-q",
            &qos,
            "--count",
            &count,
            "--publishers",
            "2",
        ];
        let mut command = mqkit("bench", &words);
        command.args(broker.flags(transport)).args(["--warm-up", "100ms"]);
        // Mosquitto takes 0.2 s for each WebSocket, and has room for few that wait at its Unix socket.
        command.args(["--connect-timeout", "30s", "--retry", "30s"]);
        // Of more messages of QoS 2 at once it loses some, and cannot say so before version 5.
        command.args(["--max-inflight", "20"]);
        let report = report(&run(command));
        let counts = |name: &str| report["counts"][name].as_u64().unwrap();
        let acknowledged = if qos == "0" { 0 } else { COUNT };
        for (name, expected) in [
            ("offered", COUNT),
            ("sent", COUNT),
            ("acknowledged", acknowledged),
            ("expected", COUNT),
            ("received", COUNT),
            ("lost", 0),
            ("refused", 0),
            ("unacknowledged", 0),
            ("unsent", 0),
            ("foreign", 0),
            ("duplicated", 0),
            ("out_of_order", 0),
            ("connected", 4),
            ("failed_connections", 0),
            ("lost_connections", 0),
        ] {
            assert_eq!(counts(name), expected, "{told}: {name} of {}", report["counts"]);
        }
        assert_eq!(report["broken"], serde_json::json!([]), "{told}");
        let process = &report["processes"][0];
        assert_eq!(process["protocol"], shown, "{told}: {process}");
        let address = broker.address(transport);
        assert!(
            process["broker"].as_str().unwrap().contains(&address),
            "{told}: {process}"
        );
        assert_eq!(process["embedded"], false, "{told}: {process}");
        let spoken = process["transport"].as_str().unwrap_or_default();
        let is = |wanted: &[Transport]| wanted.contains(&transport);
        assert_eq!(
            spoken.contains("TLS"),
            is(&[Transport::Tls, Transport::WebSocketTls]),
            "{told}: {process}"
        );
        assert_eq!(
            spoken.contains("WebSocket"),
            is(&[Transport::WebSocket, Transport::WebSocketTls]),
            "{told}: {process}"
        );
        if broker.kind == Kind::Mosquitto {
            let name = process["broker_version"].as_str().unwrap_or_default();
            assert!(name.starts_with("mosquitto version"), "{told}: {process}");
        }
        for measure in ["connect", "suback", "delivery_service", "delivery_response"] {
            assert!(
                report["latency"][measure]["count"].as_u64().unwrap() > 0,
                "{told}: {measure}"
            );
        }
    }
}

fn report(output: &Output) -> Value {
    let text = output.stdout();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const CONNECTIONS: u64 = 10_000;
/// Of one process; the broker is another one.
const DESCRIPTORS: u64 = CONNECTIONS + 100;
/// In KiB.
const MOST_MEMORY: u64 = 200 * 1024;

#[test]
fn ten_thousand_connections() {
    if getrlimit(Resource::Nofile)
        .maximum
        .is_some_and(|limit| limit < DESCRIPTORS)
    {
        left_out(
            "the test of 10,000 connections",
            "it needs as many file descriptors: ulimit -Hn",
        );
        return;
    }
    let Some(broker) = Broker::plain(Kind::Embedded) else {
        return;
    };
    let count = CONNECTIONS.to_string();
    let mut command = mqkit("bench", &["connect", "--json", "--clients", &count, "--duration", "2s"]);
    command.args(broker.flags(Transport::Tcp));
    let process = Process::start(command);
    let memory = process.peak_memory();
    let report = report(&process.expect(0));
    let counts = &report["counts"];
    assert_eq!(counts["connected"], CONNECTIONS, "{counts}");
    assert_eq!(counts["failed_connections"], 0, "{counts}");
    assert_eq!(counts["lost_connections"], 0, "{counts}");
    assert_eq!(report["latency"]["connect"]["count"], CONNECTIONS);
    assert!(memory < MOST_MEMORY, "{memory} KiB");
    assert!(memory > 1024, "not measured: {memory} KiB");
}
