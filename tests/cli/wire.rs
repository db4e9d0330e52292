//! The packets that the flags of Mosquitto's tools mean, as those tools send them: a table, checked against mqkit and,
//! where they are installed, against the tools themselves. Properties may come in any order.
//!
//! What mqkit does differently on purpose stands in [`ours`], in one place.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// One call, and what it sends.
struct Row {
    tool: &'static str,
    version: u8,
    flags: &'static [&'static str],
    stdin: &'static str,
    /// What Mosquitto's tool sends: first byte and body of each packet.
    packets: Vec<Vec<u8>>,
    /// Debian's 2.0.11 does not do this yet, or not so.
    since_2_1: bool,
}

/// The identifier of every client here.
const ID: &str = "c";

fn row(tool: &'static str, version: u8, flags: &'static [&'static str], packets: Vec<Vec<u8>>) -> Row {
    Row {
        tool,
        version,
        flags,
        stdin: "",
        packets,
        since_2_1: false,
    }
}

// ----- packets, written down by hand: they share no code with mqkit

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

/// A property section; none before version 5.
fn section(version: u8, properties: &[u8]) -> Vec<u8> {
    match version {
        5 => [&[u8::try_from(properties.len()).unwrap()], properties].concat(),
        _ => Vec::new(),
    }
}

/// CONNECT up to the client identifier, with `rest` behind it.
fn connect(version: u8, flags: u8, keep_alive: u16, properties: &[u8], rest: &[u8]) -> Vec<u8> {
    let (name, level) = match version {
        31 => ("MQIsdp", 3),
        4 => ("MQTT", 4),
        _ => ("MQTT", 5),
    };
    [
        &[0x10][..],
        &text(name),
        &[level, flags],
        &keep_alive.to_be_bytes(),
        &section(version, properties),
        &text(ID),
        rest,
    ]
    .concat()
}

/// A clean CONNECT that says nothing else.
fn plain(version: u8) -> Vec<u8> {
    connect(version, 0x02, 60, RECEIVE_MAXIMUM, &[])
}

fn publish(version: u8, first: u8, topic: &str, id: Option<u16>, properties: &[u8], payload: &[u8]) -> Vec<u8> {
    let id = id.map(u16::to_be_bytes).map_or(Vec::new(), |id| id.to_vec());
    [&[first][..], &text(topic), &id, &section(version, properties), payload].concat()
}

fn subscribe(version: u8, id: u16, properties: &[u8], filters: &[(&str, u8)]) -> Vec<u8> {
    let mut packet = [&[0x82][..], &id.to_be_bytes(), &section(version, properties)].concat();
    for (filter, options) in filters {
        packet.extend(text(filter));
        packet.push(*options);
    }
    packet
}

/// Mosquitto says this in every CONNECT of version 5.
const RECEIVE_MAXIMUM: &[u8] = &[0x21, 0, 20];
const DISCONNECT: &[u8] = &[0xe0];

fn disconnect() -> Vec<u8> {
    DISCONNECT.to_vec()
}

fn ack(first: u8, id: u16) -> Vec<u8> {
    [&[first][..], &id.to_be_bytes()].concat()
}

// ----- the table

fn publications() -> Vec<Row> {
    let hi = |version, first, id| publish(version, first, "a/b", id, &[], b"hi");
    let mut rows = Vec::new();
    for version in [31, 4, 5] {
        rows.extend([
            row(
                "pub",
                version,
                &["-m", "hi"],
                vec![plain(version), hi(version, 0x30, None), disconnect()],
            ),
            row(
                "pub",
                version,
                &["-m", "hi", "-q", "1", "-r"],
                vec![plain(version), hi(version, 0x33, Some(1)), disconnect()],
            ),
            row(
                "pub",
                version,
                &["-m", "hi", "-q", "2"],
                vec![plain(version), hi(version, 0x34, Some(1)), ack(0x62, 1), disconnect()],
            ),
            row(
                "pub",
                version,
                &["-n", "-r"],
                vec![
                    plain(version),
                    publish(version, 0x31, "a/b", None, &[], b""),
                    disconnect(),
                ],
            ),
            row(
                "pub",
                version,
                &["-n", "-k", "10", "-u", "u", "-P", "pw"],
                vec![
                    connect(version, 0xc2, 10, RECEIVE_MAXIMUM, &[text("u"), text("pw")].concat()),
                    publish(version, 0x30, "a/b", None, &[], b""),
                    disconnect(),
                ],
            ),
            row(
                "pub",
                version,
                &[
                    "-n",
                    "--will-topic",
                    "w",
                    "--will-payload",
                    "bye",
                    "--will-qos",
                    "1",
                    "--will-retain",
                ],
                vec![
                    connect(
                        version,
                        0x2e,
                        60,
                        RECEIVE_MAXIMUM,
                        &[section(version, &[]), text("w"), text("bye")].concat(),
                    ),
                    publish(version, 0x30, "a/b", None, &[], b""),
                    disconnect(),
                ],
            ),
            Row {
                stdin: "one\n\nthree\r\nlast",
                ..row(
                    "pub",
                    version,
                    &["-l"],
                    vec![
                        plain(version),
                        publish(version, 0x30, "a/b", None, &[], b"one"),
                        publish(version, 0x30, "a/b", None, &[], b""),
                        publish(version, 0x30, "a/b", None, &[], b"three\r"),
                        publish(version, 0x30, "a/b", None, &[], b"last"),
                        disconnect(),
                    ],
                )
            },
            Row {
                stdin: "one\ntwo\n",
                ..row(
                    "pub",
                    version,
                    &["-s"],
                    vec![
                        plain(version),
                        publish(version, 0x30, "a/b", None, &[], b"one\ntwo\n"),
                        disconnect(),
                    ],
                )
            },
        ]);
    }
    for version in [31, 4] {
        rows.push(row(
            "pub",
            version,
            &["-n", "-c"],
            vec![
                connect(version, 0, 60, &[], &[]),
                publish(version, 0x30, "a/b", None, &[], b""),
                disconnect(),
            ],
        ));
    }
    rows
}

/// Repeated messages, whose topic alias stands for the topic from the second on.
fn repetitions() -> Vec<Row> {
    let aliased = |topic, id| publish(5, 0x32, topic, Some(id), &[0x23, 0, 3], b"hi");
    vec![
        row(
            "pub",
            4,
            &["-m", "hi", "--repeat", "3"],
            vec![
                plain(4),
                publish(4, 0x30, "a/b", None, &[], b"hi"),
                publish(4, 0x30, "a/b", None, &[], b"hi"),
                publish(4, 0x30, "a/b", None, &[], b"hi"),
                disconnect(),
            ],
        ),
        row(
            "pub",
            5,
            &[
                "-m",
                "hi",
                "-q",
                "1",
                "--repeat",
                "3",
                "-D",
                "publish",
                "topic-alias",
                "3",
            ],
            vec![
                plain(5),
                aliased("a/b", 1),
                aliased("", 2),
                aliased("", 3),
                disconnect(),
            ],
        ),
    ]
}

/// What only version 5 has.
fn version_5() -> Vec<Row> {
    let empty = || publish(5, 0x30, "a/b", None, &[], b"");
    let expiry = |bytes: [u8; 4]| [&[0x11][..], &bytes, RECEIVE_MAXIMUM].concat();
    let pairs = [&[0x26][..], &text("k1"), &text("v1"), &[0x26], &text("k1"), &text("v2")].concat();
    let will = [
        &[0x18, 0, 0, 0, 5, 0x01, 1, 0x02, 0, 0, 0, 60, 0x03][..],
        &text("text/plain"),
        &[0x08],
        &text("r"),
        &[0x09],
        &text("cd"),
        &pairs,
    ]
    .concat();
    let publication = [
        &[0x01, 1, 0x02, 0, 0, 0x0e, 0x10, 0x03][..],
        &text("text/plain"),
        &[0x08],
        &text("r"),
        &[0x09],
        &text("cd"),
        &pairs,
    ]
    .concat();
    let connection = [
        &[
            0x11, 0, 0, 0, 7, 0x21, 0, 9, 0x27, 0, 1, 0, 0, 0x22, 0, 3, 0x19, 1, 0x17, 1,
        ][..],
        &pairs,
    ]
    .concat();
    let farewell = [&[0x1f][..], &text("bye"), &pairs].concat();
    vec![
        row(
            "pub",
            5,
            &["-n", "-c"],
            vec![connect(5, 0, 60, &expiry([0xff; 4]), &[]), empty(), disconnect()],
        ),
        row(
            "pub",
            5,
            &["-n", "-x", "10"],
            vec![connect(5, 2, 60, &expiry([0, 0, 0, 10]), &[]), empty(), disconnect()],
        ),
        row(
            "pub",
            5,
            &["-n", "-c", "-x", "10"],
            vec![connect(5, 0, 60, &expiry([0, 0, 0, 10]), &[]), empty(), disconnect()],
        ),
        row(
            "pub",
            5,
            &["-n", "-x", "-1"],
            vec![connect(5, 2, 60, &expiry([0xff; 4]), &[]), empty(), disconnect()],
        ),
        row(
            "pub",
            5,
            &["-n", "-P", "pw"],
            vec![
                connect(5, 0x42, 60, RECEIVE_MAXIMUM, &text("pw")),
                empty(),
                disconnect(),
            ],
        ),
        row(
            "pub",
            5,
            &[
                "-n",
                "--will-topic",
                "w",
                "-D",
                "will",
                "will-delay-interval",
                "5",
                "-D",
                "will",
                "payload-format-indicator",
                "1",
                "-D",
                "will",
                "message-expiry-interval",
                "60",
                "-D",
                "will",
                "content-type",
                "text/plain",
                "-D",
                "will",
                "response-topic",
                "r",
                "-D",
                "will",
                "correlation-data",
                "cd",
                "-D",
                "will",
                "user-property",
                "k1",
                "v1",
                "-D",
                "will",
                "user-property",
                "k1",
                "v2",
            ],
            vec![
                connect(
                    5,
                    0x06,
                    60,
                    RECEIVE_MAXIMUM,
                    &[section(5, &will), text("w"), text("")].concat(),
                ),
                empty(),
                disconnect(),
            ],
        ),
        row(
            "pub",
            5,
            &[
                "-n",
                "-D",
                "connect",
                "session-expiry-interval",
                "7",
                "-D",
                "connect",
                "receive-maximum",
                "9",
                "-D",
                "connect",
                "maximum-packet-size",
                "65536",
                "-D",
                "connect",
                "topic-alias-maximum",
                "3",
                "-D",
                "connect",
                "request-response-information",
                "1",
                "-D",
                "connect",
                "request-problem-information",
                "1",
                "-D",
                "connect",
                "user-property",
                "k1",
                "v1",
                "-D",
                "connect",
                "user-property",
                "k1",
                "v2",
            ],
            vec![connect(5, 2, 60, &connection, &[]), empty(), disconnect()],
        ),
        row(
            "pub",
            5,
            &[
                "-m",
                "hi",
                "-D",
                "publish",
                "payload-format-indicator",
                "1",
                "-D",
                "publish",
                "message-expiry-interval",
                "3600",
                "-D",
                "publish",
                "content-type",
                "text/plain",
                "-D",
                "publish",
                "response-topic",
                "r",
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
                "k1",
                "v2",
            ],
            vec![
                plain(5),
                publish(5, 0x30, "a/b", None, &publication, b"hi"),
                disconnect(),
            ],
        ),
        row(
            "pub",
            5,
            &["-m", "hi", "-D", "PUBLISH", "Topic-Alias", "3"],
            vec![
                plain(5),
                publish(5, 0x30, "a/b", None, &[0x23, 0, 3], b"hi"),
                disconnect(),
            ],
        ),
        row(
            "pub",
            5,
            &[
                "-n",
                "-D",
                "disconnect",
                "reason-string",
                "bye",
                "-D",
                "disconnect",
                "user-property",
                "k1",
                "v1",
                "-D",
                "disconnect",
                "user-property",
                "k1",
                "v2",
            ],
            vec![plain(5), empty(), [&[0xe0, 0][..], &section(5, &farewell)].concat()],
        ),
    ]
}

/// The peer answers a subscription with a message to `a` at the QoS of the first filter.
fn subscriptions() -> Vec<Row> {
    let received_1: &[u8] = &[0x21, 0, 1];
    let mut rows = Vec::new();
    for version in [31, 4, 5] {
        let hello = || connect(version, 0x02, 60, received_1, &[]);
        rows.extend([
            row(
                "sub",
                version,
                &["-t", "a", "-C", "1"],
                vec![hello(), subscribe(version, 1, &[], &[("a", 0)]), disconnect()],
            ),
            row(
                "sub",
                version,
                &["-t", "a", "-C", "1", "-q", "1"],
                vec![
                    hello(),
                    subscribe(version, 1, &[], &[("a", 1)]),
                    ack(0x40, 1),
                    disconnect(),
                ],
            ),
            row(
                "sub",
                version,
                &["-t", "a", "-t", "b/+", "-t", "$share/g/c", "-q", "1", "-C", "1"],
                vec![
                    hello(),
                    subscribe(version, 1, &[], &[("a", 1), ("b/+", 1), ("$share/g/c", 1)]),
                    ack(0x40, 1),
                    disconnect(),
                ],
            ),
        ]);
    }
    for version in [31, 4] {
        rows.push(row(
            "sub",
            version,
            &["-t", "silent", "-W", "1"],
            vec![
                plain(version),
                subscribe(version, 1, &[], &[("silent", 0)]),
                disconnect(),
            ],
        ));
    }
    let unsubscribe = |id: u16, filter| [&[0xa2][..], &id.to_be_bytes(), &text(filter)].concat();
    let identifier = [&[0x0b, 5, 0x26][..], &text("k"), &text("v")].concat();
    rows.extend([
        row(
            "sub",
            4,
            &["-t", "silent", "-U", "y", "-U", "z", "-W", "1"],
            vec![
                plain(4),
                subscribe(4, 1, &[], &[("silent", 0)]),
                unsubscribe(2, "y"),
                unsubscribe(3, "z"),
                disconnect(),
            ],
        ),
        row(
            "sub",
            4,
            &["-t", "silent", "-E"],
            vec![plain(4), subscribe(4, 1, &[], &[("silent", 0)]), disconnect()],
        ),
        Row {
            since_2_1: true,
            ..row(
                "sub",
                5,
                &[
                    "-t",
                    "silent",
                    "--retain-as-published",
                    "--retain-handling",
                    "new",
                    "-q",
                    "2",
                    "-W",
                    "1",
                ],
                vec![plain(5), subscribe(5, 1, &[], &[("silent", 0x1a)]), vec![0xe0, 0x04]],
            )
        },
        row(
            "sub",
            5,
            &["-t", "silent", "-W", "1"],
            vec![plain(5), subscribe(5, 1, &[], &[("silent", 0)]), vec![0xe0, 0x04]],
        ),
        row(
            "sub",
            5,
            &[
                "-t",
                "a",
                "-C",
                "1",
                "-D",
                "subscribe",
                "subscription-identifier",
                "5",
                "-D",
                "subscribe",
                "user-property",
                "k",
                "v",
            ],
            vec![
                connect(5, 2, 60, received_1, &[]),
                subscribe(5, 1, &identifier, &[("a", 0)]),
                disconnect(),
            ],
        ),
    ]);
    rows
}

/// The peer answers a request on `resp`.
fn requests() -> Vec<Row> {
    let response_topic = [&[0x08][..], &text("resp")].concat();
    let hello = |version| connect(version, 0x02, 60, &[0x21, 0, 1], &[]);
    let mut rows = Vec::new();
    for version in [31, 4, 5] {
        let request = |first, id, payload| publish(version, first, "a/b", id, &response_topic, payload);
        rows.extend([
            row(
                "rr",
                version,
                &["-e", "resp", "-m", "hi"],
                vec![
                    hello(version),
                    subscribe(version, 1, &[], &[("resp", 0)]),
                    request(0x30, None, b"hi"),
                ],
            ),
            row(
                "rr",
                version,
                &["-e", "resp", "-n", "-q", "1"],
                vec![
                    hello(version),
                    subscribe(version, 1, &[], &[("resp", 1)]),
                    request(0x32, Some(2), b""),
                    ack(0x40, 1),
                ],
            ),
        ]);
    }
    let typed = [&[0x03][..], &text("t"), &response_topic].concat();
    rows.extend([
        row(
            "rr",
            5,
            &["-e", "resp", "-n", "-D", "publish", "content-type", "t", "-x", "10"],
            vec![
                connect(5, 2, 60, &[0x11, 0, 0, 0, 10, 0x21, 0, 1], &[]),
                subscribe(5, 1, &[], &[("resp", 0)]),
                publish(5, 0x30, "a/b", None, &typed, b""),
            ],
        ),
        Row {
            since_2_1: true,
            ..row(
                "rr",
                5,
                &["-e", "resp", "-n", "--retain-as-published", "--retain-handling", "new"],
                vec![
                    hello(5),
                    subscribe(5, 1, &[], &[("resp", 0x18)]),
                    publish(5, 0x30, "a/b", None, &response_topic, b""),
                ],
            )
        },
        Row {
            since_2_1: true,
            ..row(
                "rr",
                5,
                &["-e", "resp", "-n", "-R"],
                vec![
                    hello(5),
                    subscribe(5, 1, &[], &[("resp", 0x20)]),
                    publish(5, 0x30, "a/b", None, &response_topic, b""),
                ],
            )
        },
    ]);
    rows
}

/// What mqkit sends instead, on purpose:
/// 1. no Receive Maximum that nobody asked for, but that of `sub -C`: it reads no faster than it writes anyway;
/// 2. at QoS 1 and 2 in version 5 the session outlives a lost connection, and ends with DISCONNECT;
/// 3. DISCONNECT at the end of every run that was not lost, so that the will is not published: also of `rr`, and
///    without reason 0x04 after `-W`.
fn ours(row: &Row) -> Vec<Vec<u8>> {
    let mut packets = with_good_bye(&row.packets);
    let clean = !row
        .flags
        .iter()
        .any(|flag| ["-c", "-x", "session-expiry-interval"].contains(flag));
    let resumes = clean && (row.flags.windows(2).any(|flags| flags[0] == "-q" && flags[1] != "0"));
    if row.version == 5 {
        let mut properties = sections(&packets[0])[0].clone();
        let asked = row.flags.contains(&"receive-maximum");
        let counts = row.tool == "sub" && row.flags.contains(&"-C");
        properties.retain(|property| property[0] != 0x21 || asked || counts);
        if resumes {
            properties.push(vec![0x11, 0, 0, 1, 0x2c]);
            *packets.last_mut().unwrap() = vec![0xe0, 0, 5, 0x11, 0, 0, 0, 0];
        }
        packets[0] = with_properties(&packets[0], &properties);
    }
    packets
}

/// The packets with a plain DISCONNECT at their end.
fn with_good_bye(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut packets = packets.to_vec();
    let last = packets.last().unwrap();
    if last == &[0xe0, 0x04] {
        packets.pop();
        packets.push(disconnect());
    } else if last[0] != 0xe0 {
        packets.push(disconnect());
    }
    packets
}

// ----- properties in any order

/// A CONNECT with these properties instead of its own.
fn with_properties(connect: &[u8], properties: &[Vec<u8>]) -> Vec<u8> {
    let at = starts(connect)[0];
    let tail = &connect[at + 1 + usize::from(connect[at])..];
    [&connect[..at], &section(5, &properties.concat()), tail].concat()
}

/// Where property sections begin in a packet of version 5, first byte and body.
fn starts(packet: &[u8]) -> Vec<usize> {
    let length = |at: usize| usize::from(packet[at]) << 8 | usize::from(packet[at + 1]);
    match packet[0] >> 4 {
        1 => {
            // Name of the protocol, level, flags, keep alive.
            let first = 11;
            let id = first + 1 + usize::from(packet[first]);
            let will = id + 2 + length(id);
            let flags = packet[8];
            [Some(first), (flags & 4 != 0).then_some(will)]
                .into_iter()
                .flatten()
                .collect()
        }
        3 => vec![1 + 2 + length(1) + if packet[0] & 6 == 0 { 0 } else { 2 }],
        8 => vec![3],
        14 if packet.len() > 2 => vec![2],
        _ => Vec::new(),
    }
}

/// The properties of each section, in order.
fn sections(packet: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let properties = |at: &usize| {
        let mut rest = &packet[at + 1..at + 1 + usize::from(packet[*at])];
        let mut found = Vec::new();
        while !rest.is_empty() {
            let text = |at: usize| 2 + (usize::from(rest[at]) << 8 | usize::from(rest[at + 1]));
            let length = 1 + match rest[0] {
                0x01 | 0x17 | 0x19 | 0x0b => 1,
                0x21..=0x23 => 2,
                0x02 | 0x11 | 0x18 | 0x27 => 4,
                0x26 => text(1) + text(1 + text(1)),
                _ => text(1),
            };
            found.push(rest[..length].to_vec());
            rest = &rest[length..];
        }
        found
    };
    starts(packet).iter().map(properties).collect()
}

/// The packet with its properties in the order of their identifiers. User properties keep theirs.
fn normal(version: u8, packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if version != 5 {
        return packet;
    }
    for (start, mut properties) in starts(&packet).into_iter().zip(sections(&packet)) {
        properties.sort_by_key(|property| property[0]);
        let sorted = properties.concat();
        packet[start + 1..start + 1 + sorted.len()].copy_from_slice(&sorted);
    }
    packet
}

// ----- the peer

/// First byte and body of the next packet; `None` at the end.
fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut byte = [0];
    stream.read_exact(&mut byte).ok()?;
    let mut packet = byte.to_vec();
    let (mut length, mut shift) = (0, 0);
    loop {
        stream.read_exact(&mut byte).ok()?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    packet.resize(1 + length, 0);
    stream.read_exact(&mut packet[1..]).ok()?;
    Some(packet)
}

/// Takes one connection and everything that comes on it, and gives the simplest answers.
fn record(listener: &TcpListener, version: u8) -> Vec<Vec<u8>> {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let five = version == 5;
    let message = |topic: &str, qos: u8| {
        let id = if qos > 0 { Some(1) } else { None };
        let packet = publish(version, 0x30 | qos << 1, topic, id, &[], b"x");
        let length = u8::try_from(packet.len() - 1).unwrap();
        [&packet[..1], &[length], &packet[1..]].concat()
    };
    let mut packets = Vec::new();
    while let Some(packet) = read(&mut stream) {
        let answer = match packet[0] >> 4 {
            // Topic aliases up to 10.
            1 if five => vec![0x20, 6, 0, 0, 3, 0x22, 0, 10],
            1 => vec![0x20, 2, 0, 0],
            3 => {
                let qos = packet[0] >> 1 & 3;
                let length = usize::from(packet[2]);
                let response = packets
                    .iter()
                    .any(|packet: &Vec<u8>| packet[0] == 0x82)
                    .then(|| message("resp", qos));
                let ack = match qos {
                    0 => Vec::new(),
                    qos => [&[0x30 + (qos << 4), 2][..], &packet[3 + length..5 + length]].concat(),
                };
                [ack, response.unwrap_or_default()].concat()
            }
            6 => [&[0x70, 2][..], &packet[1..3]].concat(),
            10 => [&[0xb0, 2][..], &packet[1..3]].concat(),
            8 => {
                let mut rest = &packet[if five { 4 + usize::from(packet[3]) } else { 3 }..];
                let first = rest.get(2..3).unwrap_or_default() == b"a";
                let mut granted = Vec::new();
                while rest.len() > 2 {
                    let length = usize::from(rest[1]);
                    granted.push(rest[2 + length] & 3);
                    rest = &rest[3 + length..];
                }
                let body = [&packet[1..3], if five { &[0][..] } else { &[] }, &granted].concat();
                let suback = [&[0x90, u8::try_from(body.len()).unwrap()][..], &body].concat();
                let message = first.then(|| message("a", granted[0]));
                [suback, message.unwrap_or_default()].concat()
            }
            _ => Vec::new(),
        };
        packets.push(packet);
        // A client that has got what it wanted may be gone.
        let _ = stream.write_all(&answer);
    }
    packets
}

/// What a program sends.
fn sent(mut command: Command, row: &Row) -> Vec<Vec<u8>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let version = match row.version {
        31 => "31",
        4 => "311",
        _ => "5",
    };
    command.args(["-h", "127.0.0.1", "-p", &port, "-V", version, "-i", ID]);
    if row.tool != "sub" {
        command.args(["-t", "a/b"]);
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MQTT_")) {
        command.env_remove(name);
    }
    command.args(row.flags).env("XDG_CONFIG_HOME", "/nonexistent");
    let version = row.version;
    let peer = std::thread::spawn(move || record(&listener, version));
    let mut command = assert_cmd::Command::from_std(command);
    let output = command
        .write_stdin(row.stdin)
        .timeout(Duration::from_secs(30))
        .output()
        .unwrap();
    // The peer of a program that never connected should not wait for ever.
    let _ = TcpStream::connect(("127.0.0.1", port.parse().unwrap()));
    let packets = peer.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!packets.is_empty(), "{:?} sends nothing: {said}", row.flags);
    packets
}

fn compare(row: &Row, program: &str, found: &[Vec<u8>], expected: &[Vec<u8>]) -> Option<String> {
    let sorted = |packets: &[Vec<u8>]| {
        packets
            .iter()
            .map(|packet| normal(row.version, packet))
            .collect::<Vec<_>>()
    };
    let (found, expected) = (sorted(found), sorted(expected));
    (found != expected).then(|| {
        format!(
            "{program} -V {} {}\n  sends     {found:02x?}\n  should be {expected:02x?}",
            row.version,
            row.flags.join(" ")
        )
    })
}

fn check(rows: &[Row]) {
    let mut faults = Vec::new();
    for row in rows {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
        command.arg(row.tool);
        if row.tool == "rr" {
            // Theirs has none.
            command.arg("--no-correlation-data");
        }
        let found = sent(command, row);
        faults.extend(compare(row, &format!("mqkit {}", row.tool), &found, &ours(row)));
        let theirs = format!("mosquitto_{}", row.tool);
        // Under their names only the end differs.
        let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
        command.arg0(&theirs);
        let found = sent(command, row);
        faults.extend(compare(
            row,
            &format!("mqkit as {theirs}"),
            &found,
            &with_good_bye(&row.packets),
        ));
        if !row.since_2_1 && is_installed(&theirs) {
            let found = sent(Command::new(&theirs), row);
            faults.extend(compare(row, &theirs, &found, &row.packets));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A missing tool is reported, and an error where brokers are required.
#[allow(clippy::print_stderr, reason = "says why a test checks less")]
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(program).exists());
    if !found {
        let wanted = std::env::var_os("MQKIT_REQUIRE_BROKERS").is_some_and(|value| value == "1");
        assert!(!wanted, "{program} is not installed");
        eprintln!("{program} is not installed: it is not compared");
    }
    found
}

#[test]
fn pub_sends_what_mosquitto_pub_sends() {
    check(&publications());
}

#[test]
fn repeated_messages_have_the_same_alias() {
    check(&repetitions());
}

#[test]
fn version_5_has_the_same_properties() {
    check(&version_5());
}

#[test]
fn sub_sends_what_mosquitto_sub_sends() {
    check(&subscriptions());
}

#[test]
fn rr_sends_what_mosquitto_rr_sends() {
    check(&requests());
}

#[test]
fn properties_keep_the_order_of_the_command_line() {
    let pair = |key: &str, value: &str| [&[0x26][..], &text(key), &text(value)].concat();
    let mixed = [&pair("b", "1")[..], &[0x03], &text("t"), &pair("a", "2"), &[0x01, 1]].concat();
    let pairs = [pair("b", "1"), pair("a", "2")].concat();
    let of_publish: &[&str] = &[
        "-D",
        "publish",
        "user-property",
        "b",
        "1",
        "-D",
        "publish",
        "content-type",
        "t",
        "-D",
        "publish",
        "user-property",
        "a",
        "2",
        "-D",
        "publish",
        "payload-format-indicator",
        "1",
    ];
    let flags: &[&str] = &[
        "-D",
        "will",
        "user-property",
        "b",
        "1",
        "-D",
        "will",
        "content-type",
        "t",
        "-D",
        "will",
        "user-property",
        "a",
        "2",
        "-D",
        "will",
        "payload-format-indicator",
        "1",
        "-D",
        "disconnect",
        "user-property",
        "b",
        "1",
        "-D",
        "disconnect",
        "user-property",
        "a",
        "2",
        "-D",
        "connect",
        "user-property",
        "b",
        "1",
        "-D",
        "connect",
        "user-property",
        "a",
        "2",
        "--will-topic",
        "w",
    ];
    let connect = |version| {
        connect(
            version,
            0x06,
            60,
            &pairs,
            &[section(5, &mixed), text("w"), text("")].concat(),
        )
    };
    let disconnect = [&[0xe0, 0][..], &section(5, &pairs)].concat();
    let sent = |tool, own: &[&'static str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
        command.arg(tool).args(own).args(flags);
        // It sends no PUBLISH.
        if tool != "sub" {
            command.args(of_publish);
        }
        sent(command, &row(tool, 5, &[], Vec::new()))
    };
    let publication = publish(5, 0x30, "a/b", None, &mixed, b"");
    assert_eq!(sent("pub", &["-n"]), [connect(5), publication, disconnect.clone()]);
    let subscription: &[&str] = &[
        "-D",
        "subscribe",
        "user-property",
        "b",
        "1",
        "-D",
        "subscribe",
        "user-property",
        "a",
        "2",
    ];
    let words = [&["-t", "silent", "-E"], subscription].concat();
    assert_eq!(
        sent("sub", &words),
        [
            connect(5),
            subscribe(5, 1, &pairs, &[("silent", 0)]),
            disconnect.clone()
        ]
    );
    // The response topic comes last.
    let request = [&mixed[..], &[0x08], &text("resp")].concat();
    let words = [&["-n", "-e", "resp", "--no-correlation-data"], subscription].concat();
    assert_eq!(
        sent("rr", &words),
        [
            connect(5),
            subscribe(5, 1, &pairs, &[("resp", 0)]),
            publish(5, 0x30, "a/b", None, &request, b""),
            disconnect
        ]
    );
}
