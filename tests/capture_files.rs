//! Capture files, record by record, and the TCP segments in them, against what Wireshark's tools count.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::path::PathBuf;

use mqkit::capture::Stamp;
use mqkit::capture::file::{Item, Reader, Record};
use mqkit::capture::network::{Network, known_links};
use proptest::prelude::*;

/// File, packet records (`capinfos -c`), TCP segments with payload (`tshark -Y "tcp.len>0"`).
#[rustfmt::skip]
const COUNTS: &[(&str, u64, usize)] = &[
    ("base-v31.pcap", 27, 22),
    ("eth-trailer.pcap", 27, 22),
    ("http-on-1883.pcap", 5, 2),
    ("ip4-options.pcap", 27, 22),
    ("ip4-tso-len0.pcap", 27, 22),
    ("ip6-exthdr.pcap", 27, 22),
    ("link-ipv6-ipv6.pcap", 27, 22),
    ("link-loop.pcap", 27, 22),
    ("link-null-darwin-ipv6.pcap", 27, 22),
    ("link-null.pcap", 27, 22),
    ("link-sll-ipv6.pcap", 27, 22),
    ("link-sll2-ipv6.pcap", 27, 22),
    ("link-sll2.pcap", 27, 22),
    ("live-lo-v311.pcapng", 60, 38),
    ("live-lo-v5.pcapng", 66, 45),
    ("ng-cut-block.pcapng", 26, 22),
    ("ng-le.pcapng", 27, 22),
    ("ng-sections.pcapng", 27, 22),
    ("ng-two-ifaces.pcapng", 50, 44),
    ("pcap-kuznetzov.pcap", 27, 22),
    ("pcap-nano.pcap", 27, 22),
    ("peafowl-mqtt-1.pcapng", 19, 19),
    ("peafowl-mqtt-2.pcap", 19, 19),
    ("presill-mqtt_start.pcap", 48, 22),
    ("proxyproto-v2.pcap", 26, 23),
    ("sll-vlan.pcap", 27, 22),
    ("snaplen-96.pcap", 25, 22),
    ("sv-mqtt-connect-rules-2.pcap", 14, 5),
    ("sv-mqtt-connect-rules.pcap", 14, 5),
    ("sv-mqtt-events-invalid-qos.pcap", 12, 4),
    ("sv-mqtt-events-missing-connect.pcap", 115, 56),
    ("sv-mqtt-events-unassigned-msgtype.pcap", 12, 4),
    ("sv-mqtt-events-unintroduced.pcap", 7, 2),
    ("sv-mqtt-frames-truncated.pcap", 7, 2),
    ("sv-mqtt-midstream-split.pcap", 16, 6),
    ("sv-mqtt-ping.pcap", 2, 2),
    ("sv-mqtt-pub-rules.pcap", 14, 5),
    ("sv-mqtt31-pub-qos1.pcap", 13, 5),
    ("sv-mqtt31-pub-qos2.pcap", 15, 7),
    ("sv-mqtt31-pub-userpass-auto-clientid.pcap", 12, 4),
    ("sv-mqtt31-pub-userpass.pcap", 12, 4),
    ("sv-mqtt31-sub-userpass.pcap", 14, 5),
    ("sv-mqtt31-unsub-qos1.pcap", 18, 8),
    ("sv-mqtt31-unsub-qos2.pcap", 18, 8),
    ("sv-mqtt31-unsub-userpass.pcap", 18, 8),
    ("sv-mqtt311-pub-qos1.pcap", 13, 5),
    ("sv-mqtt311-pub-qos2.pcap", 15, 7),
    ("sv-mqtt311-pub-userpass-auto-clientid.pcap", 12, 4),
    ("sv-mqtt311-pub-userpass.pcap", 12, 4),
    ("sv-mqtt311-sub-userpass.pcap", 14, 5),
    ("sv-mqtt311-unsub-qos1.pcap", 18, 8),
    ("sv-mqtt311-unsub-qos2.pcap", 18, 8),
    ("sv-mqtt311-unsub-userpass.pcap", 18, 8),
    ("sv-mqtt5-excessiveproplen.pcap", 12, 4),
    ("sv-mqtt5-pub-mosquittoprops.pcap", 13, 5),
    ("sv-mqtt5-pub-qos1.pcap", 13, 5),
    ("sv-mqtt5-pub-qos2.pcap", 15, 7),
    ("sv-mqtt5-pub-userpass-auto-clientid.pcap", 12, 4),
    ("sv-mqtt5-pub-userpass.pcap", 12, 4),
    ("sv-mqtt5-sub-customauth.pcap", 10, 2),
    ("sv-mqtt5-sub-mosquittoprops.pcap", 14, 5),
    ("sv-mqtt5-sub-userpass.pcap", 14, 5),
    ("sv-mqtt5-unsub-qos1.pcap", 20, 8),
    ("sv-mqtt5-unsub-qos2.pcap", 18, 8),
    ("sv-mqtt5-unsub-userpass.pcap", 18, 8),
    ("tcp-coalesced.pcap", 7, 4),
    ("tcp-dup-frames.pcap", 53, 50),
    ("tcp-midstream-noconnect-v4.pcap", 20, 20),
    ("tcp-midstream-noconnect-v5.pcap", 20, 20),
    ("tcp-midstream-with-connect.pcap", 22, 22),
    ("tcp-ooo-late.pcap", 41, 38),
    ("tcp-ooo-swap.pcap", 23, 20),
    ("tcp-port-reuse.pcap", 81, 66),
    ("tunnel-6in4.pcap", 27, 22),
    ("tunnel-gre.pcap", 27, 22),
    ("vlan-qinq.pcap", 27, 22),
    ("vlan.pcap", 27, 22),
    ("ws-continuation.pcap", 28, 25),
    ("ws-many-per-frame.pcap", 9, 6),
    ("ws-midstream.pcap", 25, 22),
    ("ws-one-per-frame.pcap", 27, 24),
    ("ws-packet-over-frames.pcap", 28, 25),
    ("ws-permessage-deflate.pcap", 25, 22),
    ("zeek-mqtt.pcap", 19, 19),
];

/// What a reader and a network made of a file.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    records: u64,
    segments: usize,
    payload: Vec<u8>,
    cut: usize,
    secrets: usize,
    damage: Vec<String>,
}

fn see(source: Box<dyn Read>) -> Seen {
    let mut seen = Seen::default();
    let mut network = Network::default();
    let mut reader = Reader::new(source);
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Record(record) => {
                seen.records += 1;
                assert_eq!(record.stamp.record, seen.records);
                let Some(segment) = network.segment(&record) else {
                    continue;
                };
                seen.cut += segment.cut;
                seen.payload.extend_from_slice(segment.payload);
                if segment.payload.len() + segment.cut > 0 {
                    seen.segments += 1;
                }
            }
            Item::Secrets(secrets) => seen.secrets += secrets.len(),
            Item::Damage(what) => seen.damage.push(what),
        }
    }
    assert_eq!(network.unknown_link(), None);
    seen
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "captures", name].iter().collect()
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap()
}

/// Gives one byte a time.
struct Single(Cursor<Vec<u8>>);

impl Read for Single {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let end = space.len().min(1);
        self.0.read(&mut space[..end])
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_capture_has_the_records_and_segments_that_wireshark_counts() {
    for (name, records, segments) in COUNTS {
        let seen = see(Box::new(Cursor::new(bytes(name))));
        assert_eq!((seen.records, seen.segments), (*records, *segments), "{name}");
        assert_eq!(seen.cut > 0, *name == "snaplen-96.pcap", "{name}");
        let damage: &[&str] = match *name {
            "ng-cut-block.pcapng" => &["the file ends inside the block at byte 6108"],
            _ => &[],
        };
        assert_eq!(seen.damage, damage, "{name}");
    }
}

#[test]
fn every_capture_is_counted() {
    let is_capture = |name: &String| name.ends_with(".pcap") || name.ends_with(".pcapng");
    let files = fs::read_dir(path("")).unwrap();
    let files: BTreeSet<_> = files
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(is_capture)
        .collect();
    let counted: BTreeSet<_> = COUNTS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(files, counted);
}

#[test]
fn the_way_in_which_bytes_come_changes_nothing() {
    for (name, ..) in COUNTS {
        let bytes = bytes(name);
        let whole = see(Box::new(Cursor::new(bytes.clone())));
        assert_eq!(see(Box::new(Single(Cursor::new(bytes.clone())))), whole, "{name}");
        let (first, rest) = bytes.split_at(5);
        let sniffed = Cursor::new(first.to_vec()).chain(Cursor::new(rest.to_vec()));
        assert_eq!(see(Box::new(sniffed)), whole, "{name}");
    }
}

#[test]
fn gzip_changes_nothing() {
    for (name, ..) in COUNTS {
        let mut bytes = bytes(name);
        if name.ends_with("cut-block.pcapng") {
            continue;
        }
        let whole = see(Box::new(Cursor::new(bytes.clone())));
        // Two members, one byte a time.
        let second = bytes.split_off(bytes.len() / 2);
        let packed = [gzip(&bytes), gzip(&second)].concat();
        assert_eq!(see(Box::new(Single(Cursor::new(packed)))), whole, "{name}");
    }
}

/// Reads to the end; gives how many records and how many reports of damage there were.
fn survive(bytes: Vec<u8>) -> (usize, usize) {
    let (mut records, mut damage) = (0, 0);
    let length = bytes.len();
    let mut network = Network::default();
    let mut reader = Reader::new(Box::new(Cursor::new(bytes)));
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Record(record) => {
                records += 1;
                network.segment(&record);
            }
            Item::Secrets(_) => {}
            Item::Damage(_) => damage += 1,
        }
    }
    assert!(records + damage <= length);
    (records, damage)
}

fn seed() -> impl Strategy<Value = Vec<u8>> {
    let seeds: Vec<_> = COUNTS
        .iter()
        .filter(|(_, records, _)| *records < 60)
        .map(|(name, ..)| *name)
        .collect();
    prop::sample::select(seeds).prop_map(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn files_of_any_bytes(magic in 0usize..5, noise in prop::collection::vec(any::<u8>(), 0..4096)) {
        let magics: [&[u8]; 5] = [&[], &[0xd4, 0xc3, 0xb2, 0xa1], &[0xa1, 0xb2, 0xcd, 0x34], &[0x0a, 0x0d, 0x0d, 0x0a], &[0x1f, 0x8b, 8, 0]];
        survive([magics[magic], &noise].concat());
    }

    #[test]
    fn damaged_files(
        mut file in seed(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        gap in any::<prop::sample::Index>(),
        gap_length in 0usize..64,
    ) {
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        let gap = gap.index(file.len());
        let gap_end = (gap + gap_length).min(file.len());
        file.drain(gap..gap_end);
        file.truncate(cut.index(file.len() + 1));
        survive(file);
    }

    #[test]
    fn records_of_any_bytes(
        link in prop::sample::select(known_links().collect::<Vec<_>>()),
        data in prop::collection::vec(any::<u8>(), 0..256),
        original_len in any::<u32>(),
    ) {
        let stamp = Stamp { time: None, record: 1 };
        let record = Record { stamp, link, data: &data, original_len: original_len as usize };
        Network::default().segment(&record);
    }

    /// Headers that are nearly right go deeper than noise does.
    #[test]
    fn records_with_damage(
        file in seed(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0usize..120, any::<u8>()), 1..8),
        lengths in prop::collection::vec(0usize..200, 1..8),
    ) {
        let mut reader = Reader::new(Box::new(Cursor::new(file)));
        let mut network = Network::default();
        let mut number = 0;
        while let Some(item) = reader.next().unwrap() {
            let Item::Record(record) = item else { continue };
            let mut data = record.data.to_vec();
            for (which, at, value) in &changes {
                if which.index(4) == number % 4 {
                    if let Some(byte) = data.get_mut(*at) {
                        *byte = *value;
                    }
                }
            }
            data.truncate(lengths[number % lengths.len()]);
            network.segment(&Record { data: &data, ..record });
            number += 1;
        }
    }
}

/// Damage loses the records that it hits, not those behind it.
#[test]
fn reading_goes_on_behind_damage() {
    for (name, records, _) in COUNTS.iter().filter(|(_, records, _)| *records > 15) {
        let mut file = bytes(name);
        let middle = file.len() / 2;
        file.splice(middle..middle + 10, [0xff; 200]);
        let (found, _) = survive(file);
        assert!(found as u64 + 6 >= *records, "{name}: {found} of {records}");
    }
}
