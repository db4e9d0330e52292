//! Tests of every way to a TCP segment, on hand-made records.

use super::*;
use crate::capture::Stamp;

const TCP: &str = "c001 075b 00000064 000000c8 5018 ffff 0000 0000";
const PAYLOAD: &str = "c000 d000";
/// Header of IPv4 with 24 bytes of TCP, from 10.0.0.1 to 10.0.0.2.
const IP4: &str = "45000 02c 0000 4000 40 06 0000 0a000001 0a000002";
/// Header of IPv6 with 24 bytes of TCP, from ::1 to ::2.
const IP6: &str = "60000000 0018 06 40 00000000000000000000000000000001 00000000000000000000000000000002";
const MACS: &str = "020000000002 020000000001";
const SNAP: &str = "aaaa03 000000";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).unwrap() as u8)
        .collect();
    assert_eq!(digits.len() % 2, 0, "{text}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn record(link: u16, data: &[u8], original_len: usize) -> Record<'_> {
    Record {
        stamp: Stamp { time: None, record: 1 },
        link,
        data,
        original_len,
    }
}

/// Source, destination, payload and what was cut, of the segment that comes last.
fn segments(link: u16, records: &[&str]) -> Option<String> {
    let mut network = Network::default();
    let mut last = None;
    for text in records {
        let data = hex(text);
        last = network.segment(&record(link, &data, data.len())).map(|segment| {
            let Segment {
                source,
                destination,
                payload,
                cut,
                ..
            } = segment;
            format!("{source} {destination} {payload:02x?} {cut}")
        });
    }
    assert_eq!(network.unknown_link(), None);
    last
}

const OVER_4: &str = "10.0.0.1:49153 10.0.0.2:1883 [c0, 00, d0, 00] 0";
const OVER_6: &str = "[::1]:49153 [::2]:1883 [c0, 00, d0, 00] 0";

#[track_caller]
fn leads_to(expected: &str, link: u16, record: &str) {
    assert_eq!(segments(link, &[record]).as_deref(), Some(expected));
}

#[track_caller]
fn leads_nowhere(link: u16, record: &str) {
    assert_eq!(segments(link, &[record]), None);
}

#[test]
fn fields_of_a_segment() {
    let data = hex(&format!(
        "{IP4} c001 075b 00000064 000000c8 6017 ffff 0000 0000 020405b4 {PAYLOAD}"
    ));
    let mut network = Network::default();
    let all = network.segment(&record(101, &data, data.len())).unwrap();
    let expected = Segment {
        source: "10.0.0.1:49153".parse().unwrap(),
        destination: "10.0.0.2:1883".parse().unwrap(),
        sequence: 100,
        acknowledgement: Some(200),
        syn: true,
        fin: true,
        rst: true,
        payload: &[],
        cut: 0,
    };
    assert_eq!(all, expected);
    let data = hex(&format!(
        "{IP4} c001 075b 00000064 000000c8 5000 ffff 0000 0000 {PAYLOAD}"
    ));
    let none = network.segment(&record(101, &data, data.len())).unwrap();
    assert_eq!(
        (none.acknowledgement, none.syn, none.fin, none.rst),
        (None, false, false, false)
    );
    assert_eq!(none.payload, hex(PAYLOAD));
}

#[test]
fn link_layers() {
    let ip4 = format!("{IP4} {TCP} {PAYLOAD}");
    let ip6 = format!("{IP6} {TCP} {PAYLOAD}");
    for link in [12, 14, 101, 228] {
        leads_to(OVER_4, link, &ip4);
    }
    leads_to(OVER_6, 229, &ip6);
    leads_to(OVER_4, 1, &format!("{MACS} 0800 {ip4}"));
    leads_to(OVER_6, 1, &format!("{MACS} 86dd {ip6}"));
    leads_to(OVER_4, 1, &format!("{MACS} 0034 {SNAP} 0800 {ip4}"));
    for family in ["02000000", "00000002"] {
        leads_to(OVER_4, 0, &format!("{family} {ip4}"));
        leads_to(OVER_4, 108, &format!("{family} {ip4}"));
    }
    for family in ["0a000000", "00000018", "1c000000", "0000001e"] {
        leads_to(OVER_6, 0, &format!("{family} {ip6}"));
    }
    for start in ["0021", "ff03 0021", "21", "ff03 21", "0f00 0800"] {
        leads_to(OVER_4, 9, &format!("{start} {ip4}"));
        leads_to(OVER_4, 50, &format!("{start} {ip4}"));
    }
    leads_to(OVER_6, 9, &format!("ff03 0057 {ip6}"));
    leads_to(OVER_4, 104, &format!("8f00 0800 {ip4}"));
    leads_to(OVER_4, 51, &format!("1100 0001 002e 0021 {ip4}"));
    leads_to(OVER_4, 113, &format!("0000 0001 0006 0200000000010000 0800 {ip4}"));
    leads_to(
        OVER_4,
        113,
        &format!("0000 0001 0006 0200000000010000 0004 {SNAP} 0800 {ip4}"),
    );
    leads_to(
        OVER_6,
        276,
        &format!("86dd 0000 00000001 0001 00 06 0200000000010000 {ip6}"),
    );
}

#[test]
fn wireless() {
    let ip4 = format!("{IP4} {TCP} {PAYLOAD}");
    let addresses = "020000000001 020000000002 020000000003 0000";
    let data = format!("0801 0000 {addresses} {SNAP} 0800 {ip4}");
    leads_to(OVER_4, 105, &data);
    leads_to(OVER_4, 127, &format!("0000 0a00 00000000 0000 {data} 11223344"));
    leads_to(OVER_4, 105, &format!("8802 0000 {addresses} 0000 {SNAP} 0800 {ip4}"));
    leads_to(
        OVER_4,
        105,
        &format!("8882 0000 {addresses} 0000 00000000 {SNAP} 0800 {ip4}"),
    );
    leads_to(
        OVER_4,
        105,
        &format!("8803 0000 {addresses} 020000000004 0000 {SNAP} 0800 {ip4}"),
    );
    // Encrypted, without data, aggregated, a beacon.
    leads_nowhere(105, &format!("0841 0000 {addresses} {SNAP} 0800 {ip4}"));
    leads_nowhere(105, &format!("4801 0000 {addresses} {SNAP} 0800 {ip4}"));
    leads_nowhere(105, &format!("8802 0000 {addresses} 8000 {SNAP} 0800 {ip4}"));
    leads_nowhere(105, &format!("8000 0000 {addresses} {SNAP} 0800 {ip4}"));
}

#[test]
fn tags_labels_and_sessions() {
    let ip4 = format!("{IP4} {TCP} {PAYLOAD}");
    leads_to(OVER_4, 1, &format!("{MACS} 8100 0064 0800 {ip4}"));
    leads_to(
        OVER_4,
        1,
        &format!("{MACS} 88a8 0001 9100 0002 8100 0003 8100 0004 0800 {ip4}"),
    );
    leads_to(
        OVER_4,
        113,
        &format!("0000 0001 0006 0200000000010000 8100 0064 0800 {ip4}"),
    );
    leads_to(OVER_4, 1, &format!("{MACS} 8847 00010040 00011140 {ip4}"));
    leads_to(OVER_4, 1, &format!("{MACS} 8864 1100 0001 002e 0021 {ip4}"));
    leads_nowhere(1, &format!("{MACS} 8863 1109 0000 0000"));
    leads_nowhere(1, &format!("{MACS} {} 0800 {ip4}", "8100 0064".repeat(100)));
}

#[test]
fn ip_headers() {
    leads_to(
        OVER_4,
        101,
        &format!("46000030 0000 4000 40 06 0000 0a000001 0a000002 01010101 {TCP} {PAYLOAD}"),
    );
    // Segmentation offload: no length.
    leads_to(
        OVER_4,
        101,
        &format!("45000000 0000 4000 40 06 0000 0a000001 0a000002 {TCP} {PAYLOAD}"),
    );
    // Padding behind the packet.
    leads_to(OVER_4, 101, &format!("{IP4} {TCP} {PAYLOAD} 00000000"));
    leads_to(OVER_6, 101, &format!("{IP6} {TCP} {PAYLOAD} 00000000"));
    let ends = "40 00000000000000000000000000000001 00000000000000000000000000000002";
    // Hop-by-hop, destination, routing, fragment that is whole, authentication.
    leads_to(
        OVER_6,
        101,
        &format!(
            "60000000 0058 00 {ends} 3c01 000000000000 0000000000000000 2b00 000000000000 2c00 000000000000
             3300 0000 00000001 0604 0000 00000001 00000001 000000000000000000000000 {TCP} {PAYLOAD}"
        ),
    );
    leads_to(OVER_6, 101, &format!("60000000 0000 06 {ends} {TCP} {PAYLOAD}"));
    // Encrypted, UDP, ICMP.
    for protocol in ["32", "11", "01"] {
        let ip4 = format!("4500002c 0000 4000 40 {protocol} 0000 0a000001 0a000002 {TCP} {PAYLOAD}");
        leads_nowhere(101, &ip4);
    }
    // A length smaller than the header; a version that is none.
    leads_nowhere(101, &format!("45000010 0000 4000 40 06 0000 0a000001 0a000002 {TCP}"));
    leads_nowhere(
        101,
        &format!("55000 02c 0000 4000 40 06 0000 0a000001 0a000002 {TCP} {PAYLOAD}"),
    );
    leads_nowhere(101, "");
}

#[test]
fn tunnels() {
    let ip4 = format!("{IP4} {TCP} {PAYLOAD}");
    let ip6 = format!("{IP6} {TCP} {PAYLOAD}");
    let outer = |protocol: &str| format!("45000000 0000 4000 40 {protocol} 0000 01010101 02020202");
    leads_to(OVER_4, 101, &format!("{} {ip4}", outer("04")));
    leads_to(OVER_6, 101, &format!("{} {ip6}", outer("29")));
    let outer_6 = "60000000 0000 04 40 0000000000000000000000000000000a 0000000000000000000000000000000b";
    leads_to(OVER_4, 101, &format!("{outer_6} {ip4}"));
    let gre = outer("2f");
    leads_to(OVER_4, 101, &format!("{gre} 0000 0800 {ip4}"));
    leads_to(
        OVER_4,
        101,
        &format!("{gre} b000 0800 00000000 00000001 00000002 {ip4}"),
    );
    leads_to(OVER_6, 101, &format!("{gre} 2000 86dd 00000001 {ip6}"));
    leads_to(OVER_4, 101, &format!("{gre} 0000 6558 {MACS} 8100 0064 0800 {ip4}"));
    leads_to(
        OVER_4,
        101,
        &format!("{gre} 3081 880b 002e0001 00000001 00000002 0021 {ip4}"),
    );
    leads_to(
        OVER_4,
        101,
        &format!("{gre} 1000 88be 00000001 1001000000000000 {MACS} 0800 {ip4}"),
    );
    leads_to(OVER_4, 101, &format!("{gre} 0000 88be {MACS} 0800 {ip4}"));
    leads_nowhere(101, &format!("{gre} 4000 0800 00000000 {ip4}"));
    let udp = outer("11");
    leads_to(
        OVER_4,
        101,
        &format!("{udp} c000 12b5 0000 0000 08000000 00000100 {MACS} 0800 {ip4}"),
    );
    leads_to(
        OVER_4,
        101,
        &format!("{udp} c000 17c1 0000 0000 0100 6558 00000100 00000000 {MACS} 0800 {ip4}"),
    );
    leads_nowhere(
        101,
        &format!("{udp} c000 12b6 0000 0000 08000000 00000100 {MACS} 0800 {ip4}"),
    );
    leads_to(OVER_4, 101, &format!("{} 3000 {MACS} 0800 {ip4}", outer("61")));
    leads_to(OVER_4, 101, &format!("{} 00011140 {ip4}", outer("89")));
    leads_nowhere(101, &outer("04").repeat(100));
}

#[test]
fn cut_by_the_snap_length() {
    let with_options = "c001 075b 00000064 000000c8 7018 ffff 0000 0000 0101080a 00000001";
    let whole = hex(&format!(
        "45000036 0000 4000 40 06 0000 0a000001 0a000002 {with_options} c000 d000"
    ));
    let expected = |length: usize| match length {
        0..40 => None,
        40..48 => Some((0, 6)),
        _ => Some((length - 48, 54 - length)),
    };
    for length in 0..=whole.len() {
        let mut network = Network::default();
        let segment = network.segment(&record(101, &whole[..length], 54));
        assert_eq!(
            segment.map(|segment| (segment.payload.len(), segment.cut)),
            expected(length),
            "{length}"
        );
    }
    // Without a length in the IP header, the record's own counts.
    let data = hex(&format!(
        "45000000 0000 4000 40 06 0000 0a000001 0a000002 {TCP} {PAYLOAD}"
    ));
    let mut network = Network::default();
    assert_eq!(network.segment(&record(101, &data, 1044)).unwrap().cut, 1000);
    assert_eq!(network.segment(&record(101, &data, usize::MAX)).unwrap().cut, 0);
    // Options that the packet has no room for are damage.
    leads_nowhere(
        101,
        &format!("{IP4} c001 075b 00000064 000000c8 7018 ffff 0000 0000 {PAYLOAD}"),
    );
    leads_nowhere(
        101,
        &format!("{IP4} c001 075b 00000064 000000c8 4018 ffff 0000 0000 {PAYLOAD}"),
    );
}

#[test]
fn fragments() {
    let ends = "40 06 0000 0a000001 0a000002";
    let first = format!("4500002c 0007 2000 {ends} {TCP} c000d000");
    let last = format!("45000016 0007 0003 {ends} e000");
    let whole = "10.0.0.1:49153 10.0.0.2:1883 [c0, 00, d0, 00, e0, 00] 0";
    assert_eq!(segments(101, &[&first]), None);
    assert_eq!(segments(101, &[&first, &last]).as_deref(), Some(whole));
    assert_eq!(segments(101, &[&last, &first]).as_deref(), Some(whole));
    let other = format!("45000016 0008 0003 {ends} e000");
    assert_eq!(segments(101, &[&first, &other]), None);
    let cut = format!("45000017 0007 0003 {ends} e000");
    assert_eq!(segments(101, &[&first, &cut]), None);

    let ends = "40 00000000000000000000000000000001 00000000000000000000000000000002";
    let first = format!("60000000 0028 2c {ends} 3c00 0001 0000000a 0600 000000000000 {TCP} c000d000");
    let last = format!("60000000 000a 2c {ends} 3c00 0020 0000000a e000");
    let whole = "[::1]:49153 [::2]:1883 [c0, 00, d0, 00, e0, 00] 0";
    assert_eq!(segments(101, &[&first, &last]).as_deref(), Some(whole));
    assert_eq!(segments(101, &[&last, &first]).as_deref(), Some(whole));
}

#[test]
fn fragments_inside_of_fragments() {
    let ends = "40 06 0000 0a000001 0a000002";
    let inner_first = format!("4500002c 0007 2000 {ends} {TCP} c000d000");
    let inner_last = format!("45000016 0007 0003 {ends} e000");
    let outer = |length: u16, more_and_offset: &str, data: &str| {
        let total = length + 20;
        format!("4500{total:04x} 0001 {more_and_offset} 40 04 0000 01010101 02020202 {data}")
    };
    let bytes: String = inner_last.chars().filter(|c| !c.is_whitespace()).collect();
    let (first, second) = bytes.split_at(32);
    let records = [
        outer(44, "0000", &inner_first),
        outer(16, "2000", first),
        outer(6, "0002", second),
    ];
    let records: Vec<_> = records.iter().map(String::as_str).collect();
    let whole = "10.0.0.1:49153 10.0.0.2:1883 [c0, 00, d0, 00, e0, 00] 0";
    assert_eq!(segments(101, &records).as_deref(), Some(whole));
}

#[test]
fn nflog() {
    let ip4 = format!("{IP4} {TCP} {PAYLOAD}");
    let ip6 = format!("{IP6} {TCP} {PAYLOAD}");
    let size = |packet: &str| hex(packet).len() + 4;
    let (four, six) = (size(&ip4), size(&ip6));
    // A packet header and a prefix of one letter, which is filled up to four bytes, stand before the packet.
    let little = format!(
        "02 00 0001 0800 0100 0800 0300 0600 0a00 6100 0000 {:02x}00 0900 {ip4}",
        four
    );
    let big = format!(
        "0a 00 0001 0008 0001 0800 0300 0006 000a 6100 0000 00{:02x} 0009 {ip6}",
        six
    );
    leads_to(OVER_4, 239, &little);
    leads_to(OVER_6, 239, &big);
    for none in [
        "",
        "02 00 0001",
        "02 00 0001 0000 0900 4500",
        "02 00 0001 0400 0100",
        "02 00 0001 ffff 0100 0000",
    ] {
        leads_nowhere(239, none);
    }
}

#[test]
fn unknown_link_types_are_remembered() {
    let mut network = Network::default();
    assert!(network.segment(&record(249, &[0; 100], 100)).is_none());
    assert!(network.segment(&record(231, &[0; 100], 100)).is_none());
    assert_eq!(network.unknown_link(), Some(249));
}
