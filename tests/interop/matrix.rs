//! Every broker, transport, version and QoS: what `mqkit pub` sends is what `mqkit sub` prints.

use super::brokers::{Broker, Kind, Retained, Transport};
use super::process::{Process, mqkit, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::thread;

const QOS: [u8; 3] = [0, 1, 2];
const LINES: [&str; 3] = ["first", "second line", "dritte Zeile äöü \u{1f600}"];
/// One text, one retained, one binary and the lines, at one QoS.
const MESSAGES: usize = 3 + LINES.len();

#[test]
fn mosquitto() {
    matrix(Kind::Mosquitto);
}

#[test]
fn embedded() {
    matrix(Kind::Embedded);
}

/// All in one go: it takes its time to start.
#[test]
fn rabbitmq() {
    matrix(Kind::RabbitMq);
}

#[test]
fn nats() {
    matrix(Kind::Nats);
    matrix(Kind::NatsTls);
}

#[test]
fn aedes() {
    matrix(Kind::Aedes);
}

#[test]
fn amqtt() {
    matrix(Kind::Amqtt);
}

/// Everything that a broker has, over each transport.
fn matrix(kind: Kind) {
    let Some(broker) = Broker::complete(kind) else { return };
    let facts = kind.facts();
    for &transport in facts.transports {
        // At the same time: Mosquitto takes 0.2 s for each WebSocket.
        thread::scope(|scope| {
            for (version, shown) in facts.versions {
                let run = Run {
                    broker: &broker,
                    transport,
                    version,
                    shown,
                    prefix: format!("matrix/{transport:?}/{version}"),
                };
                scope.spawn(move || run.all());
            }
        });
        check_quirks(&broker, transport);
    }
}

/// Where the broker falls short, the status and every line that is said.
fn check_quirks(broker: &Broker, transport: Transport) {
    let facts = broker.kind.facts();
    // At the same time: some are limits that run out.
    let quirks = facts.quirks.iter().filter(|quirk| quirk.over.contains(&transport));
    let started = quirks.map(|quirk| {
        let (subcommand, words) = quirk.command.split_first().unwrap();
        let mut command = mqkit(subcommand, words);
        command.args(broker.flags(transport)).args(["-t", "quirk"]);
        if ["pub", "rr"].contains(subcommand) {
            command.args(["-m", "x"]);
        }
        (quirk, Process::start(command))
    });
    let started: Vec<_> = started.collect();
    let address = broker.address(transport);
    for (quirk, process) in started {
        let (status, output) = process.finish();
        let says: Vec<_> = quirk.says.iter().map(|line| line.replace("{}", &address)).collect();
        let stderr = output.stderr();
        assert_eq!(
            (status.code(), stderr.lines().collect::<Vec<_>>()),
            (Some(quirk.status), says.iter().map(String::as_str).collect()),
            "{} over {transport:?}: {:?}\n{}",
            facts.name,
            quirk.command,
            broker.shown()
        );
    }
}

/// A topic level, what `mqkit pub` is told, its standard input, and the payloads that this gives.
type Way<'a> = (&'a str, &'a [&'a str], &'a str, Vec<Vec<u8>>);

/// All messages of one version.
struct Run<'a> {
    broker: &'a Broker,
    transport: Transport,
    version: &'a str,
    /// As messages call it.
    shown: &'a str,
    prefix: String,
}

impl Run<'_> {
    /// What the broker's version is good for, command by command.
    fn all(&self) {
        self.check_messages();
        self.check_retained();
        self.check_deleted();
        for &qos in self.broker.kind.facts().takes {
            self.check_request(qos);
        }
    }

    fn check_messages(&self) {
        let facts = self.broker.kind.facts();
        let count = (MESSAGES * facts.takes.len()).to_string();
        // Each is sent everything, at most at its own QoS.
        let subscribers = QOS.map(|qos| (qos, self.subscribe(qos, "#", &count)));
        for (_, subscriber) in &subscribers {
            subscriber.wait_for_stderr("subscribed to");
        }
        let sent = self.publish();
        for (limit, subscriber) in subscribers {
            let output = subscriber.expect(0);
            self.check_connection(&output.stderr());
            let mut received = by_topic(&output.stdout());
            let counts: Vec<_> = received
                .iter()
                .map(|(topic, messages)| (topic.clone(), messages.len()))
                .collect();
            for (topic, (qos, payloads)) in &sent {
                let messages = received.remove(topic).unwrap_or_default();
                let found: Vec<_> = messages.iter().map(payload).collect();
                assert_eq!(
                    &found, payloads,
                    "{self} subscribed at {limit}: {topic}; received {counts:?}"
                );
                let expected = (facts.delivers)(limit, *qos);
                for message in &messages {
                    assert_eq!(message["qos"], expected, "{self}: {message}");
                    // Somebody who is subscribed already gets a message that is new.
                    assert_eq!(message["retain"], false, "{self}: {message}");
                    assert!(message["tst"].is_string(), "{self}: {message}");
                    let length = payload(message).len();
                    assert_eq!(message["payloadlen"], length, "{self}: {message}");
                    assert_eq!(message.get("mid").is_some(), expected > 0, "{self}: {message}");
                }
            }
            assert!(received.is_empty(), "{self}: {received:?}");
        }
    }

    /// Publishes each message, and gives them by topic, with their QoS.
    fn publish(&self) -> BTreeMap<String, (u8, Vec<Vec<u8>>)> {
        let binary: Vec<u8> = (0..=255).collect();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("all bytes");
        fs::write(&file, &binary).unwrap();
        let file = file.to_str().unwrap();
        let lines = LINES.join("\n");
        let lines_sent: Vec<_> = LINES.iter().map(|line| line.as_bytes().to_vec()).collect();
        let mut sent = BTreeMap::new();
        for &qos in self.broker.kind.facts().takes {
            let (level, stored) = (qos.to_string(), format!("stored at {qos}"));
            let ways: [Way<'_>; 4] = [
                ("text", &["-m", "21.5 °C"], "", vec!["21.5 °C".into()]),
                ("stored", &["-r", "-m", &stored], "", vec![stored.clone().into()]),
                ("file", &["-f", file], "", vec![binary.clone()]),
                ("lines", &["-l"], &lines, lines_sent.clone()),
            ];
            for (way, words, input, payloads) in ways {
                let topic = format!("{}/{way}/{qos}", self.prefix);
                let words = [&["-t", &topic, "-q", &level], words].concat();
                let output = Process::start_with(self.command("pub", &words), input.into()).expect(0);
                assert_eq!(output.stdout(), "", "{self}");
                self.check_connection(&output.stderr());
                sent.insert(topic, (qos, payloads));
            }
        }
        sent
    }

    /// Somebody who comes later gets the stored ones, marked so.
    fn check_retained(&self) {
        let facts = self.broker.kind.facts();
        let mut received = BTreeMap::new();
        if facts.retained == Retained::WithoutWildcards {
            for qos in facts.takes {
                let output = self.subscribe(2, &format!("stored/{qos}"), "1").expect(0);
                received.extend(by_topic(&output.stdout()));
            }
        } else {
            let output = self.subscribe(2, "#", &facts.takes.len().to_string()).expect(0);
            received.extend(by_topic(&output.stdout()));
        }
        assert_eq!(received.len(), facts.takes.len(), "{self}: {received:?}");
        for qos in facts.takes {
            let messages = &received[&format!("{}/stored/{qos}", self.prefix)];
            assert_eq!(messages.len(), 1, "{self}: {messages:?}");
            assert_eq!(messages[0]["payload"], format!("stored at {qos}"), "{self}");
            let expected = match facts.retained {
                Retained::AtQos0 => 0,
                Retained::Kept | Retained::WithoutWildcards => (facts.delivers)(2, *qos),
            };
            assert_eq!(messages[0]["qos"], expected, "{self}");
            assert_eq!(messages[0]["retain"], true, "{self}");
        }
    }

    /// A stored message is gone after an empty one; nothing is left to disturb what follows.
    fn check_deleted(&self) {
        let takes = self.broker.kind.facts().takes;
        let topics: Vec<_> = takes
            .iter()
            .map(|qos| format!("{}/stored/{qos}", self.prefix))
            .collect();
        let delete = |topic: &str| run(self.command("pub", &["-t", topic, "-r", "-n", "-q", "1"]));
        let (last, others) = topics.split_last().unwrap();
        for topic in others {
            delete(topic);
        }
        // The last one still comes, so the absence of the others is no delay: the broker answers in the filters' order.
        let filters = topics.iter().flat_map(|topic| ["-t", topic]);
        let words: Vec<_> = filters.chain(["-C", "1", "-F", "%t"]).collect();
        assert_eq!(run(self.command("sub", &words)).stdout(), format!("{last}\n"), "{self}");
        delete(last);
    }

    /// A request arrives, and its response is printed; version 5 finds it by its correlation data.
    fn check_request(&self, qos: u8) {
        let level = qos.to_string();
        let [topic, answers] = ["request", "answer"].map(|name| format!("{}/{name}/{qos}", self.prefix));
        let responder = Process::start(self.command("sub", &["-t", &topic, "-q", &level, "-C", "1"]));
        responder.wait_for_stderr("subscribed to");
        let words = ["-t", &topic, "-q", &level, "-m", "question", "-e", &answers, "-C", "1"];
        let requester = Process::start(self.command("rr", &[&words[..], &["-F", "%t %p"]].concat()));
        let request: Value = serde_json::from_str(&responder.expect(0).stdout()).unwrap();
        assert_eq!(request["payload"], "question", "{self}");
        let mut words = vec!["-t", &answers, "-q", &level];
        if self.shown == "5.0" {
            let properties = &request["properties"];
            assert_eq!(properties["response-topic"], *answers, "{self}: {request}");
            // Not for this request.
            run(self.command(
                "pub",
                &[&words[..], &["-m", "no", "-D", "publish", "correlation-data", "x"]].concat(),
            ));
            let text = |name| properties.get(name).and_then(Value::as_str);
            // Random bytes are hardly ever UTF-8.
            let value = match text("correlation-data_base64") {
                Some(text) => format!("base64:{text}"),
                None => text("correlation-data")
                    .unwrap_or_else(|| panic!("{self}: {request}"))
                    .to_owned(),
            };
            run(self.command(
                "pub",
                &[&words[..], &["-m", "yes", "-D", "publish", "correlation-data", &value]].concat(),
            ));
        } else {
            words.extend(["-m", "yes"]);
            run(self.command("pub", &words));
        }
        let output = requester.expect(0);
        assert_eq!(
            output.stdout(),
            format!("{answers} yes\n"),
            "{self}: {}",
            output.stderr()
        );
    }

    fn subscribe(&self, qos: u8, filter: &str, count: &str) -> Process {
        let filter = format!("{}/{filter}", self.prefix);
        Process::start(self.command("sub", &["-t", &filter, "-q", &qos.to_string(), "-C", count]))
    }

    fn command(&self, subcommand: &str, words: &[&str]) -> std::process::Command {
        let mut command = mqkit(subcommand, &["-d", "-V", self.version]);
        command.args(self.broker.flags(self.transport)).args(words);
        command
    }

    fn check_connection(&self, stderr: &str) {
        let version = format!("MQTT {}", self.shown);
        let said = stderr
            .match_indices(&version)
            .any(|(at, _)| stderr[at + version.len()..].starts_with([',', '\n']));
        assert!(said, "{self}: {stderr}");
        let is = |wanted: &[Transport]| wanted.contains(&self.transport);
        for (words, expected) in [
            (", TLS 1.", is(&[Transport::Tls, Transport::WebSocketTls])),
            (", WebSocket", is(&[Transport::WebSocket, Transport::WebSocketTls])),
        ] {
            assert_eq!(stderr.contains(words), expected, "{self}: {stderr}");
        }
    }
}

impl std::fmt::Display for Run<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, transport) = (self.broker.kind.facts().name, self.transport);
        write!(formatter, "{name}, -V {} over {transport:?}", self.version)
    }
}

/// The JSON lines of `mqkit sub`, each kind of message in its order.
fn by_topic(stdout: &str) -> BTreeMap<String, Vec<Value>> {
    let mut topics = BTreeMap::<_, Vec<_>>::new();
    for line in stdout.lines() {
        let message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let topic = message["topic"].as_str().unwrap().to_owned();
        topics.entry(topic).or_default().push(message);
    }
    topics
}

/// What a JSON line says the payload is.
fn payload(message: &Value) -> Vec<u8> {
    match (message.get("payload"), message.get("payload_base64")) {
        (Some(text), None) => text.as_str().unwrap().into(),
        (None, Some(text)) => decode_base64(text.as_str().unwrap()),
        _ => panic!("not one payload: {message}"),
    }
}

/// Base64 as it is defined, not as our encoder has it.
fn decode_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert_eq!(text.len() % 4, 0, "{text}");
    let digits = text.trim_end_matches('=').bytes();
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits {
        let value = ALPHABET.iter().position(|known| *known == digit).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}
