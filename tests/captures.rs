//! Whole captures through the whole chain: every packet that the reference says is there, and no other.
//!
//! `NAME.truth.jsonl` says what was put in; `NAME.tshark.jsonl` what TShark reads. Where TShark is wrong, `DIFFERENCES`
//! says so.

use mqkit::capture::file::{Item, Reader};
use mqkit::capture::tls::KeyLog;
use mqkit::capture::{Capture, Event, EventKind, Note, Options};
use mqkit::protocol::Sender;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// What TShark misses or reads wrongly.
struct Difference {
    capture: &'static str,
    connection: u64,
    /// True for what the client sent.
    client: bool,
    /// What is right: record and bytes.
    packets: &'static [(u64, &'static str)],
}

const DIFFERENCES: &[Difference] = &[
    // The first segment of the client, with its CONNECT, was not captured, but the server acknowledges it. TShark waits
    // for it until the end and shows nothing of what the client sent behind it.
    Difference {
        capture: "sv-mqtt-events-missing-connect",
        connection: 2,
        client: true,
        packets: &[
            (22, "821600010011686f7573652f62756c62732f62756c623101"),
            (26, "82140002000f686f7573652f62756c62732f62617202"),
            (30, "34180011686f7573652f62756c62732f62756c623100034f4646"),
            (32, "34160010686f7573652f62756c62732f666f6f3200044f4e"),
            (38, "62020003"),
            (40, "62020004"),
            (44, "40020001"),
            (61, "e000"),
        ],
    },
];

/// A packet as the references write it: the record that completed it, and its bytes in hex.
type Line = (u64, String);
/// The packets of each direction: connection, and true for the client's.
type Directions = BTreeMap<(u64, bool), Vec<Line>>;

#[test]
fn the_packets_that_were_put_in() {
    let mut count = 0;
    let mut faults = Vec::new();
    for (name, path, reference) in captures("truth") {
        let mut want = Directions::new();
        for line in lines(&reference) {
            let number = line["conn"].as_u64().unwrap();
            let client = line["dir"] == "c2s";
            let packet = (line["frame"].as_u64().unwrap_or_default(), bytes_of(&line));
            want.entry((number, client)).or_default().push(packet);
        }
        let mut found = packets(&read(&path));
        if name == "snaplen-96" {
            // The reference stops at the first hole of each direction.
            for (direction, packets) in &mut found {
                packets.truncate(want.get(direction).map_or(0, Vec::len));
            }
            found.retain(|_, packets| !packets.is_empty());
        }
        if want.values().flatten().all(|(record, _)| *record == 0) {
            found.values_mut().flatten().for_each(|(record, _)| *record = 0);
        }
        faults.extend(differences(&name, &found, &want));
        count += 1;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 30, "{count} captures");
}

#[test]
fn the_packets_that_tshark_reads() {
    let mut count = 0;
    let mut faults = Vec::new();
    for (name, path, reference) in captures("tshark") {
        let events = read(&path);
        let clients = clients(&events);
        let mut want = Directions::new();
        for line in lines(&reference) {
            let number = line["stream"].as_u64().unwrap();
            let source = line["sport"].as_u64().unwrap();
            let client = clients.get(&number) == Some(&source);
            let packet = (line["frame"].as_u64().unwrap(), bytes_of(&line));
            want.entry((number, client)).or_default().push(packet);
        }
        for difference in DIFFERENCES.iter().filter(|difference| difference.capture == name) {
            let right = difference
                .packets
                .iter()
                .map(|(record, bytes)| (*record, (*bytes).to_owned()));
            want.insert((difference.connection, difference.client), right.collect());
        }
        faults.extend(differences(&name, &packets(&events), &want));
        count += 1;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 30, "{count} captures");
}

#[test]
fn a_lost_record_costs_only_the_packets_in_it() {
    for (name, path, reference) in captures("truth") {
        // One segment holds one message here, so the record of a packet is the one that it needs.
        if !matches!(&*name, "base-v31" | "vlan" | "tcp-port-reuse" | "ws-one-per-frame") {
            continue;
        }
        let records: Vec<u64> = lines(&reference)
            .iter()
            .map(|line| line["frame"].as_u64().unwrap())
            .collect();
        let whole = packets(&read(&path));
        for lost in records {
            let mut want = whole.clone();
            want.values_mut()
                .for_each(|packets| packets.retain(|(record, _)| *record != lost));
            let found = packets(&read_without(&path, lost));
            // More than that may be there: the beginning of what was in several records.
            let faults = differences(&name, &found, &want);
            let faults: Vec<_> = faults.into_iter().filter(|line| line.starts_with('-')).collect();
            assert!(faults.is_empty(), "without record {lost}: {}", faults.join("\n"));
        }
    }
}

#[test]
fn damaged_captures_do_no_harm() {
    let mut random = 1u64;
    let mut next = |limit: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % limit
    };
    for (_, path, _) in captures("truth").into_iter().chain(captures("tshark")) {
        let bytes = fs::read(&path).unwrap();
        for _ in 0..8 {
            let mut damaged = bytes.clone();
            for _ in 0..=next(20) {
                // The file's own header stays.
                let at = 24 + next(damaged.len() - 24);
                damaged[at] = next(256) as u8;
            }
            damaged.truncate(24 + next(damaged.len()));
            let mut events = Vec::new();
            feed(damaged, 0, Capture::new(Options::default()), &mut events);
        }
    }
}

/// The lines that differ, for people.
fn differences(name: &str, found: &Directions, want: &Directions) -> Vec<String> {
    let all = |directions: &Directions| -> Vec<_> {
        let lines = directions.iter().flat_map(|((number, client), lines)| {
            let from = if *client { "client" } else { "server" };
            lines
                .iter()
                .map(move |(record, bytes)| format!("{name} {number} {from} {record} {bytes:.120}"))
        });
        lines.collect()
    };
    let (found, want) = (all(found), all(want));
    let more = found
        .iter()
        .filter(|line| !want.contains(line))
        .map(|line| format!("+ {line}"));
    let less = want
        .iter()
        .filter(|line| !found.contains(line))
        .map(|line| format!("- {line}"));
    more.chain(less).collect()
}

#[test]
fn what_a_reader_should_know_is_said() {
    let notes = |name: &str| -> Vec<Note> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name);
        let notes = read(&path).into_iter().filter_map(|event| match event.kind {
            EventKind::Note { note, .. } => Some(note),
            _ => None,
        });
        notes.collect()
    };
    assert_eq!(notes("base-v31.pcap"), []);
    assert_eq!(notes("http-on-1883.pcap"), []);
    assert_eq!(
        notes("proxyproto-v2.pcap"),
        [Note::Proxy("192.0.2.1:50000 -> 10.0.0.2:1883".into())]
    );
    assert_eq!(notes("ws-continuation.pcap"), [Note::WebSocket("/mqtt".into())]);
    assert_eq!(notes("ws-midstream.pcap"), [Note::WebSocket(String::new())]);
    // A TLS connection beside it, and the CONNECT.
    assert_eq!(
        notes("sv-mqtt-events-missing-connect.pcap"),
        [Note::Encrypted(None), Note::Missing(16)]
    );
    // The CONNACK.
    assert_eq!(notes("sv-mqtt-events-unintroduced.pcap"), [Note::Missing(4)]);
    let cut = [10, 479, 1358, 1358, 171].map(Note::Missing);
    assert_eq!(notes("snaplen-96.pcap"), cut);
}

/// Name, path and reference of each capture that has such a reference; one with a truth needs no other. The large ones
/// are not in the repository: they are read where the shared material lies beside it.
fn captures(kind: &str) -> Vec<(String, PathBuf, PathBuf)> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    let directory = if shared.is_dir() { shared } else { own };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let reference = |kind: &str| path.with_file_name(format!("{name}.{kind}.jsonl"));
        let wanted = kind == "truth" || !reference("truth").exists();
        if path.extension().is_some_and(|e| e == "pcap" || e == "pcapng") && wanted && reference(kind).exists() {
            found.push((name.clone(), path.clone(), reference(kind)));
        }
    }
    found.sort();
    found
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn bytes_of(line: &Value) -> String {
    match line["raw"].as_str() {
        Some(raw) => raw.to_owned(),
        None => format!("{} bytes, {}", line["raw_len"], line["raw_sha256"].as_str().unwrap()),
    }
}

fn read(path: &Path) -> Vec<Event> {
    let mut keylog = KeyLog::default();
    if let Ok(keys) = fs::read(path.with_extension("keys")) {
        assert!(keylog.add(&keys) > 0, "{}: no keys", path.display());
    }
    let mut events = Vec::new();
    let options = Options {
        keylog,
        ..Options::default()
    };
    feed(fs::read(path).unwrap(), 0, Capture::new(options), &mut events);
    events
}

/// As if this record had not been captured.
fn read_without(path: &Path, lost: u64) -> Vec<Event> {
    let mut events = Vec::new();
    let capture = Capture::new(Options::default());
    feed(fs::read(path).unwrap(), lost, capture, &mut events);
    events
}

fn feed(bytes: Vec<u8>, lost: u64, mut capture: Capture, events: &mut Vec<Event>) {
    let mut reader = Reader::new(Box::new(Cursor::new(bytes)));
    while let Ok(Some(item)) = reader.next() {
        if !matches!(&item, Item::Record(record) if record.stamp.record == lost) {
            capture.push(item, events);
        }
    }
    capture.finish(events);
}

/// The client's port of each connection.
fn clients(events: &[Event]) -> BTreeMap<u64, u64> {
    let mut clients = BTreeMap::new();
    for event in events {
        if let EventKind::Frame {
            sender,
            source,
            destination,
            ..
        } = &event.kind
        {
            let client = if *sender == Sender::Client { source } else { destination };
            clients.insert(u64::from(event.connection), u64::from(client.port()));
        }
    }
    clients
}

fn packets(events: &[Event]) -> Directions {
    let mut packets = Directions::new();
    for event in events {
        if let EventKind::Frame { sender, frame, .. } = &event.kind {
            let direction = (u64::from(event.connection), *sender == Sender::Client);
            let packet = (event.stamp.record, hex(frame.bytes()));
            packets.entry(direction).or_default().push(packet);
        }
    }
    packets
}

/// As the references write bytes: in hex up to 2,000, else length and digest.
fn hex(bytes: &[u8]) -> String {
    let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match bytes.len() {
        0..=2000 => digits(bytes),
        length => {
            let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
            format!("{length} bytes, {}", digits(digest.as_ref()))
        }
    }
}
