//! mosquitto_pub and mosquitto_sub at the other end of the embedded broker.

use super::brokers::{Broker, Kind, Transport, is_installed};
use super::process::{Output, Process, command, find, mqkit, run};
use serde_json::{Value, json};
use std::fs;

const VERSIONS: [&str; 3] = ["31", "311", "5"];
const QOS: [&str; 3] = ["0", "1", "2"];

/// The embedded broker, and mosquitto's clients.
struct Setting {
    broker: Broker,
}

impl Setting {
    fn new() -> Option<Self> {
        if !is_installed("mosquitto_sub") || !is_installed("mosquitto_pub") {
            return None;
        }
        let broker = Broker::plain(Kind::Embedded)?;
        Some(Self { broker })
    }

    fn theirs(&self, program: &str, words: &[&str]) -> std::process::Command {
        let mut command = command(find(program).unwrap());
        command.args(["-h", "127.0.0.1", "-p", &self.broker.port()]).args(words);
        command
    }

    /// mosquitto_sub, subscribed.
    fn their_sub(&self, id: &str, words: &[&str]) -> Process {
        let process = Process::start(self.theirs("mosquitto_sub", &[&["-i", id, "-W", "60"], words].concat()));
        self.broker.wait_for_subscription(id);
        process
    }

    /// mqkit, with `-d`.
    fn ours(&self, subcommand: &str, words: &[&str]) -> std::process::Command {
        let mut command = mqkit(subcommand, &["-d"]);
        command.args(self.broker.flags(Transport::Tcp)).args(words);
        command
    }

    /// mqkit sub, subscribed.
    fn our_sub(&self, words: &[&str]) -> Process {
        let process = Process::start(self.ours("sub", words));
        process.wait_for_stderr("subscribed to");
        process
    }
}

/// Lines that come from several publishers one after another, but may overtake each other between QoS levels.
fn sorted(output: &Output) -> Vec<String> {
    let mut lines: Vec<_> = output.stdout().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn mosquitto_sub_receives_from_mqkit_pub() {
    let Some(setting) = Setting::new() else { return };
    let binary: Vec<u8> = (0..=255).collect();
    let hex: String = binary.iter().map(|byte| format!("{byte:02x}")).collect();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all bytes");
    fs::write(&file, &binary).unwrap();
    let count = (2 * VERSIONS.len() * QOS.len()).to_string();
    let subscribers = VERSIONS.map(|version| {
        let words = ["-V", version, "-q", "2", "-t", "from/#", "-C", &count, "-F", "%t %q %x"];
        setting.their_sub(&format!("their{version}"), &words)
    });
    let mut sent = Vec::new();
    for version in VERSIONS {
        for qos in QOS {
            let topic = format!("from/{version}");
            let common = ["-V", version, "-q", qos, "-t", &topic];
            run(setting.ours("pub", &[&common[..], &["-m", "abc"]].concat()));
            run(setting.ours("pub", &[&common[..], &["-f", file.to_str().unwrap()]].concat()));
            sent.extend([format!("{topic} {qos} 616263"), format!("{topic} {qos} {hex}")]);
        }
    }
    sent.sort();
    for subscriber in subscribers {
        assert_eq!(sorted(&subscriber.expect(0)), sent);
    }
}

#[test]
fn mqkit_sub_receives_from_mosquitto_pub() {
    let Some(setting) = Setting::new() else { return };
    let count = (VERSIONS.len() * QOS.len()).to_string();
    let subscribers = VERSIONS
        .map(|version| setting.our_sub(&["-V", version, "-q", "2", "-t", "to/#", "-C", &count, "-F", "%t %q %p"]));
    let mut sent = Vec::new();
    for version in VERSIONS {
        for qos in QOS {
            let topic = format!("to/{version}");
            run(setting.theirs("mosquitto_pub", &["-V", version, "-q", qos, "-t", &topic, "-m", "abc"]));
            sent.push(format!("{topic} {qos} abc"));
        }
    }
    sent.sort();
    for subscriber in subscribers {
        assert_eq!(sorted(&subscriber.expect(0)), sent);
    }
}

#[test]
fn retained_messages_cross() {
    let Some(setting) = Setting::new() else { return };
    for version in VERSIONS {
        let (ours, theirs) = (format!("ours/{version}"), format!("theirs/{version}"));
        let common = ["-V", version, "-r", "-q", "1"];
        run(setting.ours("pub", &[&common[..], &["-t", &ours, "-m", "stored"]].concat()));
        run(setting.theirs(
            "mosquitto_pub",
            &[&common[..], &["-t", &theirs, "-m", "stored"]].concat(),
        ));
    }
    let expected = |sender: &str| VERSIONS.map(|version| format!("{sender}/{version} 1 1 stored"));
    for version in VERSIONS {
        let words = ["-V", version, "-q", "2", "-C", "3", "-F", "%t %q %r %p"];
        let received = run(setting.ours("sub", &[&words[..], &["-t", "theirs/#"]].concat()));
        assert_eq!(sorted(&received), expected("theirs"));
        let received = run(setting.theirs("mosquitto_sub", &[&words[..], &["-t", "ours/#", "-W", "60"]].concat()));
        assert_eq!(sorted(&received), expected("ours"));
    }
}

#[test]
fn properties_cross() {
    let Some(setting) = Setting::new() else { return };
    let properties: Vec<_> = [
        "user-property k äöü",
        "user-property k again",
        "content-type text/plain",
        "response-topic answers/here",
        "correlation-data abc",
        "payload-format-indicator 1",
    ]
    .iter()
    .flat_map(|words| ["-D", "publish"].into_iter().chain(words.split(' ')))
    .collect();
    let publish = [&["-V", "5", "-t", "props", "-q", "1", "-m", "{}"], &properties[..]].concat();
    let expected = [
        ("content-type", json!("text/plain")),
        ("response-topic", json!("answers/here")),
        ("correlation-data", json!("abc")),
        ("payload-format-indicator", json!(1)),
    ];
    let check = |output: &Output, who: &str| {
        let message: Value = serde_json::from_str(&output.stdout()).unwrap();
        let shown = &message["properties"];
        for (name, value) in &expected {
            assert_eq!(shown[name], *value, "{who}: {message}");
        }
        shown["user-properties"].clone()
    };

    let subscriber = setting.our_sub(&["-V", "5", "-q", "1", "-t", "props", "-C", "1"]);
    run(setting.theirs("mosquitto_pub", &publish));
    let pairs = check(&subscriber.expect(0), "mqkit sub");
    assert_eq!(pairs, json!([{"k": "äöü"}, {"k": "again"}]));

    let words = ["-V", "5", "-q", "1", "-t", "props", "-C", "1", "-F", "%j"];
    let subscriber = setting.their_sub("reader", &words);
    run(setting.ours("pub", &publish));
    check(&subscriber.expect(0), "mosquitto_sub");
}

#[test]
fn a_will_is_sent_when_its_client_is_killed() {
    let Some(setting) = Setting::new() else { return };
    for version in VERSIONS {
        let id = format!("mortal{version}");
        let will = ["--will-topic", "wills", "--will-payload", "gone", "--will-qos", "1"];
        let own = [&["-V", version, "-t", "nothing"], &will[..]].concat();

        let heir = setting.our_sub(&["-V", version, "-q", "1", "-t", "wills", "-C", "1", "-F", "%q %p"]);
        setting.their_sub(&id, &own).kill();
        assert_eq!(heir.expect(0).stdout(), "1 gone\n", "{version}");

        let heir = format!("heir{version}");
        let words = ["-V", version, "-q", "1", "-t", "wills", "-C", "1", "-F", "%q %p"];
        let heir = setting.their_sub(&heir, &words);
        setting.our_sub(&own).kill();
        assert_eq!(heir.expect(0).stdout(), "1 gone\n", "{version}");
    }
}

#[test]
fn a_session_waits_while_its_client_is_away() {
    let Some(setting) = Setting::new() else { return };
    let lines: String = (1..=50).map(|number| format!("{number}\n")).collect();
    for version in VERSIONS {
        for qos in ["1", "2"] {
            let topics = ["theirs", "ours"].map(|who| format!("{who}/{version}/{qos}"));
            // Each its own: mosquitto_sub -C closes so fast that its last acknowledgements may get lost.
            let ids = ["their", "our"].map(|who| format!("{who}{version}{qos}"));
            let session = [0, 1].map(|who| ["-V", version, "-q", qos, "-c", "-i", &ids[who], "-t", &topics[who]]);
            let publish = topics
                .each_ref()
                .map(|topic| ["-V", version, "-q", qos, "-t", topic, "-l"]);

            run(setting.theirs("mosquitto_sub", &[&session[0][..], &["-E"]].concat()));
            Process::start_with(setting.ours("pub", &publish[0]), lines.clone().into()).expect(0);
            let collect = [&session[0][..], &["-C", "50", "-W", "60"]].concat();
            assert_eq!(
                run(setting.theirs("mosquitto_sub", &collect)).stdout(),
                lines,
                "{}",
                ids[0]
            );

            let output = setting.our_sub(&session[1]).terminate();
            assert_eq!(output.stdout(), "", "{}", ids[1]);
            Process::start_with(setting.theirs("mosquitto_pub", &publish[1]), lines.clone().into()).expect(0);
            let collect = [&session[1][..], &["-C", "50", "--raw"]].concat();
            let output = run(setting.ours("sub", &collect));
            assert_eq!(output.stdout(), lines, "{}", ids[1]);
            // 3.1 cannot say so.
            let resumed = output.stderr().contains("an old session");
            assert_eq!(resumed, version != "31", "{}", output.stderr());
        }
    }
}
