//! Tunnels over IP: GRE, VXLAN, GENEVE, EtherIP. It must not know what is inside.

use etherparse::UdpHeaderSlice;

use super::{Layer, Next, u16_at};

/// Linux used 8472 before 4789 was assigned.
const VXLAN: [u16; 2] = [4789, 8472];
const GENEVE: u16 = 6081;

/// Generic Routing Encapsulation, RFC 2784 and 2890, version 1 for PPTP, and mirrored frames (ERSPAN).
pub(super) fn gre(data: &[u8]) -> Option<Next<'_>> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const ACKNOWLEDGEMENT: u16 = 0x0080;
    const ERSPAN: u16 = 0x88be;
    let flags = u16_at(data, 0)?;
    let kind = u16_at(data, 2)?;
    if flags & ROUTING != 0 {
        return None;
    }
    let fields = [CHECKSUM, KEY, SEQUENCE, ACKNOWLEDGEMENT];
    let present = fields.iter().filter(|field| flags & **field != 0).count();
    let rest = data.get(4 + 4 * present..)?;
    if kind != ERSPAN {
        return Some((Layer::EtherType(kind), rest));
    }
    // Type II has a header of its own and always a sequence number; type I neither.
    let header = if flags & SEQUENCE == 0 { 0 } else { 8 };
    Some((Layer::Ethernet, rest.get(header..)?))
}

/// A tunnel that is known by its UDP port.
pub(super) fn udp(data: &[u8]) -> Option<Next<'_>> {
    let header = UdpHeaderSlice::from_slice(data).ok()?;
    let rest = data.get(header.slice().len()..)?;
    match header.destination_port() {
        GENEVE => {
            let options = usize::from(rest.first()? & 0x3f) * 4;
            Some((Layer::EtherType(u16_at(rest, 2)?), rest.get(8 + options..)?))
        }
        port if VXLAN.contains(&port) => Some((Layer::Ethernet, rest.get(8..)?)),
        _ => None,
    }
}

/// RFC 3378.
pub(super) fn ether_ip(data: &[u8]) -> Option<Next<'_>> {
    Some((Layer::Ethernet, data.get(2..)?))
}
