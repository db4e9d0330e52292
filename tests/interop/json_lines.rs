//! `sub | pub --json | sub`: what the first prints is what the last prints.

use super::brokers::{Broker, Kind};
use super::process::{Process, mqkit};
use crate::json_lines::{line, sample};
use mqkit::protocol::{PropertyId, Publish, Utf8};
use serde_json::Value;

const MESSAGES: usize = 60;

/// Random messages, each to a topic of its own, as a client may send them.
fn messages() -> Vec<Publish> {
    let mut messages = sample(u32::try_from(MESSAGES).unwrap());
    for (index, publish) in messages.iter_mut().enumerate() {
        publish.topic = Utf8::new(format!("round/{index:03}/{}", publish.topic.as_str())).unwrap();
        // The expiry interval counts down on the way, and an indicator that lies may be refused.
        publish.properties.remove(PropertyId::MessageExpiryInterval);
        publish.properties.remove(PropertyId::PayloadFormatIndicator);
    }
    messages
}

/// The lines of a subscriber by topic, without what differs between deliveries.
fn by_topic(stdout: &str) -> Vec<Value> {
    let mut lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &mut lines {
        let object = line.as_object_mut().unwrap();
        object.remove("tst");
        object.remove("mid");
    }
    lines.sort_by_key(|line| line["topic"].as_str().unwrap().to_owned());
    lines
}

fn subscriber(broker: &Broker, count: usize) -> Process {
    let count = count.to_string();
    let mut command = mqkit("sub", &["-d", "-q", "2", "-t", "round/#", "-C", &count]);
    command.args(["-h", "127.0.0.1", "-p", &broker.port()]);
    Process::start(command)
}

fn publish(broker: &Broker, lines: Vec<u8>) {
    let mut command = mqkit("pub", &["--json"]);
    command.args(["-h", "127.0.0.1", "-p", &broker.port()]);
    Process::start_with(command, lines).expect(0);
}

#[test]
fn messages_pass_from_broker_to_broker_unchanged() {
    let (Some(first), Some(second)) = (Broker::plain(Kind::Embedded), Broker::plain(Kind::Embedded)) else {
        return;
    };
    let messages = messages();
    let (near, far) = (subscriber(&first, MESSAGES), subscriber(&second, MESSAGES));
    near.wait_for_stderr("subscribed to");
    far.wait_for_stderr("subscribed to");
    publish(&first, messages.iter().flat_map(line).collect());
    let near = near.expect(0);
    publish(&second, near.stdout.clone());
    let far = far.expect(0);
    let lines = by_topic(&near.stdout());
    assert_eq!(lines, by_topic(&far.stdout()));
    for (line, publish) in lines.iter().zip(&messages) {
        assert_eq!(line["topic"], publish.topic.as_str());
        assert_eq!(line["qos"], u8::from(publish.qos));
        assert_eq!(line["payloadlen"], publish.payload.len());
    }
    assert!(lines.iter().any(|line| line.get("payload_base64").is_some()));
    assert!(lines.iter().any(|line| line.get("properties").is_some()));

    // What the first broker has stored is stored by the second, too. An empty message deletes.
    let stored = messages
        .iter()
        .filter(|publish| publish.retain && !publish.payload.is_empty())
        .count();
    let near = subscriber(&first, stored).expect(0);
    publish(&second, near.stdout.clone());
    let far = subscriber(&second, stored).expect(0);
    let lines = by_topic(&near.stdout());
    assert_eq!(lines, by_topic(&far.stdout()));
    assert!(lines.iter().all(|line| line["retain"] == true));
}
