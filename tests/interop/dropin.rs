//! mqkit under the names of Mosquitto's tools beside the tools themselves: the same words give the same bytes on standard
//! output and on the wire.

use super::brokers::{Broker, Kind, is_installed};
use super::process::{Process, command, find, mqkit, run};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// The tool itself (true), or this program under its name.
fn tool(name: &str, theirs: bool) -> Command {
    if theirs {
        return command(find(name).unwrap());
    }
    let mut command = command(env!("CARGO_BIN_EXE_mqkit"));
    command.arg0(name);
    command
}

/// Payloads as `pub` is told them.
const PAYLOADS: &[&[&str]] = &[
    &["-m", "hello"],
    &["-n"],
    &["-m", "two words"],
    &["-m", "{\"x\":[1,2.5,true,null],\"s\":\"é\"}"],
    &["-m", "a\tb\"c\\d/e\u{1}"],
    &["-q", "1", "-m", "once"],
    &["-q", "2", "-m", "twice"],
];

/// What the subscribers print, as far as 2.0.11 knows it.
const OUTPUTS: &[&[&str]] = &[
    &[],
    &["-v"],
    &["-N"],
    &["-v", "-N"],
    &["-F", "%t %p"],
    &["-F", "%p", "-v"],
    &["-F", "%q %r %l %%"],
    &["-F", "%t|%p", "-N"],
    &["-F", "%x %X"],
    &["-F", "\\t%p\\\\"],
];

/// Those of version 5.
const OUTPUTS_5: &[&[&str]] = &[&["-F", "[%C] [%D] [%P] [%R]"], &["-F", "%E %F %p"], &["-v"]];

const PROPERTIES: &[&str] = &[
    "-D",
    "publish",
    "content-type",
    "text/plain",
    "-D",
    "publish",
    "response-topic",
    "r/t",
    "-D",
    "publish",
    "correlation-data",
    "cd",
    "-D",
    "publish",
    "user-property",
    "k1",
    "v1",
    "-D",
    "publish",
    "user-property",
    "k2",
    "v2",
    "-D",
    "publish",
    "payload-format-indicator",
    "1",
];

/// Two subscribers for each output, one of each kind, and what they print.
fn side_by_side(broker: &Broker, version: &str, outputs: &[&[&str]], more: &[&str]) -> Vec<[String; 2]> {
    let count = PAYLOADS.len().to_string();
    let mut pairs = Vec::new();
    for (index, output) in outputs.iter().enumerate() {
        pairs.push([true, false].map(|theirs| {
            let id = format!("{}{version}n{index}", if theirs { "theirs" } else { "ours" });
            let mut command = tool("mosquitto_sub", theirs);
            command.args(["-h", "127.0.0.1", "-p", &broker.port(), "-i", &id, "-V", version]);
            command
                .args(["-t", "side/#", "-q", "2", "-C", &count, "-W", "60"])
                .args(*output);
            let process = Process::start(command);
            broker.wait_for_subscription(&id);
            process
        }));
    }
    let port = broker.port();
    for payload in PAYLOADS {
        let words = [
            &["-h", "127.0.0.1", "-p", &port, "-V", version, "-t", "side/by"],
            *payload,
            more,
        ]
        .concat();
        run(mqkit("pub", &words));
    }
    let finish = |process: Process| process.expect(0).stdout();
    pairs.into_iter().map(|pair| pair.map(finish)).collect()
}

fn are_installed() -> bool {
    ["mosquitto_sub", "mosquitto_pub"]
        .iter()
        .all(|program| is_installed(program))
}

#[test]
fn the_same_bytes_are_printed() {
    if !are_installed() {
        return;
    }
    let broker = Broker::plain(Kind::Embedded).unwrap();
    for (version, outputs, more) in [("311", OUTPUTS, &[][..]), ("5", OUTPUTS_5, PROPERTIES)] {
        let printed = side_by_side(&broker, version, outputs, more);
        for (output, [theirs, ours]) in outputs.iter().zip(printed) {
            assert_eq!(ours, theirs, "{version} {output:?}");
        }
    }
}

/// A JSON line as 2.1 spells it, without its time: 2.0 has 0 and 1 for `retain`, and one object of user properties.
fn normal(line: &str) -> String {
    let mut value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let object = value.as_object_mut().unwrap();
    assert!(object.contains_key("tst"), "{line}");
    object.insert("tst".to_owned(), Value::Null);
    let retain = object["retain"].as_bool().unwrap_or_else(|| object["retain"] == 1);
    object.insert("retain".to_owned(), retain.into());
    let pairs = object
        .get_mut("properties")
        .and_then(|properties| properties.get_mut("user-properties"));
    if let Some(pairs @ Value::Object(_)) = pairs {
        let Value::Object(members) = pairs.take() else {
            unreachable!()
        };
        let single = |(key, value)| Value::Object([(key, value)].into_iter().collect());
        *pairs = members.into_iter().map(single).collect();
    }
    value.to_string()
}

#[test]
fn json_has_the_same_members_in_the_same_order() {
    if !are_installed() {
        return;
    }
    let broker = Broker::plain(Kind::Embedded).unwrap();
    for (version, more) in [("311", &[][..]), ("5", PROPERTIES)] {
        let printed = side_by_side(&broker, version, &[&["-F", "%j"]], more);
        for [theirs, ours] in printed {
            assert_eq!(theirs.lines().count(), PAYLOADS.len());
            let lines = |text: &str| text.lines().map(normal).collect::<Vec<_>>();
            assert_eq!(lines(&ours), lines(&theirs));
        }
    }
}

/// A packet, its first byte and everything behind it; nothing at the end.
fn read_packet(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut packet = vec![0; 2];
    stream.read_exact(&mut packet).ok()?;
    assert!(packet[1] < 0x80, "the tests' packets are short");
    packet.resize(2 + usize::from(packet[1]), 0);
    stream.read_exact(&mut packet[2..]).ok()?;
    Some(packet)
}

/// The packets that a program sends to a broker that grants everything.
fn sent(mut program: Command) -> Vec<Vec<u8>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    program.args([
        "-h",
        "127.0.0.1",
        "-p",
        &listener.local_addr().unwrap().port().to_string(),
    ]);
    let process = Process::start(program);
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut packets = Vec::new();
    let mut five = false;
    while let Some(packet) = read_packet(&mut stream) {
        let answer: &[u8] = match packet[0] >> 4 {
            1 => {
                five = packet[8] == 5;
                if five { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] }
            }
            3 if packet[0] & 6 == 2 => &[0x40, 2, 0, 1],
            3 if packet[0] & 6 == 4 => &[0x50, 2, 0, 1],
            6 => &[0x70, 2, 0, 1],
            8 if five => b"\x90\x04\x00\x01\x00\x00\x30\x05\x00\x01a\x00x",
            8 => b"\x90\x03\x00\x01\x00\x30\x04\x00\x01ax",
            _ => &[],
        };
        stream.write_all(answer).unwrap();
        packets.push(packet);
    }
    drop(stream);
    process.expect(0);
    packets
}

#[test]
fn the_same_packets_are_sent() {
    if !are_installed() {
        return;
    }
    let will = [
        "--will-topic",
        "w",
        "--will-payload",
        "gone",
        "--will-qos",
        "1",
        "--will-retain",
    ];
    let publish = ["-t", "a/b", "-m", "hi"];
    for (name, words) in [
        ("mosquitto_pub", publish.to_vec()),
        (
            "mosquitto_pub",
            [&publish[..], &["-r", "-q", "1", "-i", "c", "-k", "7"]].concat(),
        ),
        (
            "mosquitto_pub",
            [&publish[..], &["-q", "2", "-u", "u", "-P", "p"]].concat(),
        ),
        ("mosquitto_pub", [&publish[..], &["-V", "31", "-i", "c"]].concat()),
        ("mosquitto_pub", [&publish[..], &["-V", "5", "-q", "1"]].concat()),
        ("mosquitto_pub", [&publish[..], &["-V", "5", "-i", "c", "-c"]].concat()),
        (
            "mosquitto_pub",
            [&publish[..], &["-i", "c", "-x", "10", "-V", "5"]].concat(),
        ),
        (
            "mosquitto_pub",
            [
                &publish[..],
                &will,
                &["-V", "5", "-D", "will", "will-delay-interval", "3"],
            ]
            .concat(),
        ),
        ("mosquitto_pub", [&publish[..], &["-V", "5"], PROPERTIES].concat()),
        ("mosquitto_pub", vec!["-t", "a", "-n"]),
        ("mosquitto_sub", vec!["-t", "a", "-C", "1"]),
        ("mosquitto_sub", vec!["-t", "a", "-C", "1", "-q", "1", "-i", "c", "-c"]),
        ("mosquitto_sub", vec!["-t", "a", "-C", "1", "-V", "5"]),
        (
            "mosquitto_sub",
            vec![
                "-t",
                "a",
                "-C",
                "1",
                "-V",
                "5",
                "-D",
                "subscribe",
                "subscription-identifier",
                "5",
            ],
        ),
    ] {
        let [theirs, ours] = [true, false].map(|theirs| {
            let mut command = tool(name, theirs);
            command.args(&words);
            let mut packets = sent(command);
            if packets[0].get(8) == Some(&5) {
                // Properties may stand in any order.
                packets.iter_mut().for_each(|packet| packet.sort_unstable());
            }
            packets
        });
        assert_eq!(ours, theirs, "{name} {words:?}");
    }
}
