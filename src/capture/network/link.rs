//! Link layers: from the first byte of a record to an IP header. It must not know IP.

use super::{Layer, Next, u16_at};

/// Reads the header of a link layer.
type Read = fn(&[u8]) -> Option<Next<'_>>;

/// The link types whose headers are known, as registered for pcap (`LINKTYPE_…`).
const LINKS: [(u16, Read); 17] = [
    (0, family),          // NULL
    (1, ethernet),        // ETHERNET
    (9, hdlc),            // PPP
    (12, ip),             // RAW, on most systems
    (14, ip),             // RAW, on OpenBSD
    (50, hdlc),           // PPP_HDLC
    (51, pppoe),          // PPP_ETHER
    (101, ip),            // RAW
    (104, hdlc),          // C_HDLC
    (105, wifi),          // IEEE802_11
    (108, family),        // LOOP
    (113, linux_cooked),  // LINUX_SLL
    (127, wifi_radiotap), // IEEE802_11_RADIOTAP
    (228, ip),            // IPV4
    (229, ip),            // IPV6
    (239, nflog),         // NFLOG
    (276, linux_cooked2), // LINUX_SLL2
];

const ETHER_IPV4: u16 = 0x0800;
const ETHER_IPV6: u16 = 0x86dd;
/// Ethernet over GRE and others.
const ETHER_BRIDGING: u16 = 0x6558;
const ETHER_PPP: u16 = 0x880b;
const ETHER_MPLS: [u16; 2] = [0x8847, 0x8848];
const ETHER_PPPOE_SESSION: u16 = 0x8864;
const ETHER_VLAN: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
/// Smaller values of Ethernet's type field are lengths, those of LINUX_SLL's say nearly the same: IEEE 802.2 follows.
const FIRST_ETHER_TYPE: u16 = 0x0600;

/// The link types whose headers a [`Network`](super::Network) knows.
pub fn known_links() -> impl Iterator<Item = u16> {
    LINKS.iter().map(|(number, _)| *number)
}

/// What reads the header of this link type, if it is known.
pub(super) fn reader(link: u16) -> Option<Read> {
    let known = LINKS.iter().find(|(number, _)| *number == link);
    known.map(|(_, read)| *read)
}

pub(super) fn ethernet(data: &[u8]) -> Option<Next<'_>> {
    Some((type_or_length(u16_at(data, 12)?), data.get(14..)?))
}

fn linux_cooked(data: &[u8]) -> Option<Next<'_>> {
    Some((type_or_length(u16_at(data, 14)?), data.get(16..)?))
}

fn linux_cooked2(data: &[u8]) -> Option<Next<'_>> {
    Some((type_or_length(u16_at(data, 0)?), data.get(20..)?))
}

fn ip(data: &[u8]) -> Option<Next<'_>> {
    Some((Layer::Ip, data))
}

/// Linux' netfilter (`tcpdump -i nflog`): four bytes, then values with length and type in the byte order of the machine that
/// captured, each filled up to four bytes; one of them is the packet.
fn nflog(data: &[u8]) -> Option<Next<'_>> {
    const PAYLOAD: u16 = 9;
    let mut rest = data.get(4..)?;
    loop {
        let (length, kind) = (u16_at(rest, 0)?, u16_at(rest, 2)?);
        // All types are small numbers.
        let swapped = kind > 0xff;
        let (length, kind) = match swapped {
            true => (length.swap_bytes(), kind.swap_bytes()),
            false => (length, kind),
        };
        let length = usize::from(length);
        if kind == PAYLOAD {
            return ip(rest.get(4..)?);
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}

/// What follows a field that says `kind`.
pub(super) fn ether_type(kind: u16, data: &[u8]) -> Option<Next<'_>> {
    match kind {
        ETHER_IPV4 | ETHER_IPV6 => Some((Layer::Ip, data)),
        ETHER_BRIDGING => Some((Layer::Ethernet, data)),
        ETHER_PPP => Some((Layer::Ppp, data)),
        ETHER_PPPOE_SESSION => pppoe(data),
        kind if ETHER_VLAN.contains(&kind) => Some((type_or_length(u16_at(data, 2)?), data.get(4..)?)),
        kind if ETHER_MPLS.contains(&kind) => Some((Layer::Mpls, data)),
        _ => None,
    }
}

/// IEEE 802.2, with SNAP.
pub(super) fn llc(data: &[u8]) -> Option<Next<'_>> {
    const SNAP: [u8; 3] = [0xaa, 0xaa, 3];
    if !data.starts_with(&SNAP) {
        return None;
    }
    Some((Layer::EtherType(u16_at(data, 6)?), data.get(8..)?))
}

/// One label; IP behind the last.
pub(super) fn mpls(data: &[u8]) -> Option<Next<'_>> {
    let last = data.get(2)? & 1 == 1;
    Some((if last { Layer::Ip } else { Layer::Mpls }, data.get(4..)?))
}

/// PPP from its protocol field, of which a leading zero byte may be left out.
pub(super) fn ppp(data: &[u8]) -> Option<Next<'_>> {
    let first = *data.first()?;
    let (protocol, rest) = if first & 1 == 1 {
        (first.into(), data.get(1..)?)
    } else {
        (u16_at(data, 0)?, data.get(2..)?)
    };
    match protocol {
        0x0021 | 0x0057 => Some((Layer::Ip, rest)),
        0x0281 | 0x0283 => Some((Layer::Mpls, rest)),
        _ => None,
    }
}

/// What follows the type field of Ethernet, or the protocol field of Linux' "cooked" captures.
fn type_or_length(field: u16) -> Layer {
    if field < FIRST_ETHER_TYPE {
        Layer::Llc
    } else {
        Layer::EtherType(field)
    }
}

/// BSD's loopback: an address family in the byte order of some machine, with the values of some system.
fn family(data: &[u8]) -> Option<Next<'_>> {
    const INET: u32 = 2;
    // Linux, Windows, NetBSD and OpenBSD, FreeBSD, Darwin.
    const INET6: [u32; 5] = [10, 23, 24, 28, 30];
    let family = u32::from_le_bytes(*data.first_chunk()?);
    let family = family.min(family.swap_bytes());
    (family == INET || INET6.contains(&family)).then_some((Layer::Ip, data.get(4..)?))
}

/// PPP or Cisco's HDLC: an address and a control byte, which PPP may leave out.
fn hdlc(data: &[u8]) -> Option<Next<'_>> {
    match data {
        [0xff, 0x03, rest @ ..] => Some((Layer::Ppp, rest)),
        [0x0f | 0x8f, _, rest @ ..] => Some((Layer::EtherType(u16_at(rest, 0)?), rest.get(2..)?)),
        _ => Some((Layer::Ppp, data)),
    }
}

fn pppoe(data: &[u8]) -> Option<Next<'_>> {
    // Version 1, type 1, code 0: a session.
    data.starts_with(&[0x11, 0]).then_some((Layer::Ppp, data.get(6..)?))
}

/// Radiotap says its length, little-endian.
fn wifi_radiotap(data: &[u8]) -> Option<Next<'_>> {
    wifi(data.get(usize::from(u16_at(data, 2)?.swap_bytes())..)?)
}

/// IEEE 802.11 data frames that are not encrypted.
fn wifi(data: &[u8]) -> Option<Next<'_>> {
    let (control, flags) = (*data.first()?, *data.get(1)?);
    let is_data = control & 0b1100 == 0b1000;
    let without_data = control & 0b0100_0000 != 0;
    let encrypted = flags & 0b0100_0000 != 0;
    if !is_data || without_data || encrypted {
        return None;
    }
    let mut length = 24;
    if flags & 0b11 == 0b11 {
        length += 6;
    }
    if control & 0b1000_0000 != 0 {
        let aggregated = data.get(length)? & 0b1000_0000 != 0;
        if aggregated {
            return None;
        }
        length += 2;
        if flags & 0b1000_0000 != 0 {
            length += 4;
        }
    }
    Some((Layer::Llc, data.get(length..)?))
}
