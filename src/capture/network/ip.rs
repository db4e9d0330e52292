//! IPv4 and IPv6 headers and what may stand between them and TCP. It must not know link layers.

use std::net::IpAddr;

use super::{u16_at, u32_at};
use etherparse::{IpAuthHeaderSlice, IpFragOffset, Ipv4HeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice};

pub(super) const HOP_BY_HOP: u8 = 0;
pub(super) const IPV4: u8 = 4;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const IPV6: u8 = 41;
pub(super) const ROUTING: u8 = 43;
pub(super) const FRAGMENT: u8 = 44;
pub(super) const GRE: u8 = 47;
pub(super) const AUTHENTICATION: u8 = 51;
pub(super) const DESTINATION: u8 = 60;
pub(super) const ETHER_IP: u8 = 97;
pub(super) const MOBILITY: u8 = 135;
pub(super) const MPLS: u8 = 137;

/// Sender and receiver.
pub(super) type Addresses = (IpAddr, IpAddr);

/// An IP packet without its first header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) addresses: Addresses,
    pub(super) protocol: u8,
    pub(super) payload: &'a [u8],
    /// Bytes of the payload that were not captured; `None` when the header does not say a length (segmentation
    /// offload: the network card would have filled it in).
    pub(super) missing: Option<usize>,
    pub(super) fragment: Option<Fragment>,
}

/// Which part of a datagram a fragment is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fragment {
    pub(super) identification: u32,
    pub(super) offset: IpFragOffset,
    pub(super) more: bool,
}

/// Reads the header of an IP packet of either version.
pub(super) fn packet(data: &[u8]) -> Option<Packet<'_>> {
    match data.first()? >> 4 {
        4 => version4(data),
        6 => version6(data),
        _ => None,
    }
}

fn version4(data: &[u8]) -> Option<Packet<'_>> {
    let header = Ipv4HeaderSlice::from_slice(data).ok()?;
    let rest = data.get(header.slice().len()..)?;
    let length = match usize::from(header.total_len()) {
        0 => None,
        total => Some(total.checked_sub(header.slice().len())?),
    };
    let (payload, missing) = cut(rest, length);
    let fragment = header.is_fragmenting_payload().then(|| Fragment {
        identification: header.identification().into(),
        offset: header.fragments_offset(),
        more: header.more_fragments(),
    });
    Some(Packet {
        addresses: (header.source_addr().into(), header.destination_addr().into()),
        protocol: header.protocol().0,
        payload,
        missing,
        fragment,
    })
}

fn version6(data: &[u8]) -> Option<Packet<'_>> {
    let header = Ipv6HeaderSlice::from_slice(data).ok()?;
    let rest = data.get(header.slice().len()..)?;
    // 0 is a jumbogram, or segmentation offload.
    let length = Some(usize::from(header.payload_length())).filter(|length| *length > 0);
    let (payload, missing) = cut(rest, length);
    Some(Packet {
        addresses: (header.source_addr().into(), header.destination_addr().into()),
        protocol: header.next_header().0,
        payload,
        missing,
        fragment: None,
    })
}

/// Cuts off what stands behind the packet (a frame check sequence, padding).
fn cut(rest: &[u8], length: Option<usize>) -> (&[u8], Option<usize>) {
    let Some(length) = length else { return (rest, None) };
    match rest.get(..length) {
        Some(payload) => (payload, Some(0)),
        None => (rest, Some(length - rest.len())),
    }
}

/// A header of the kind that says its length in units of 8 bytes. Gives the protocol of what follows.
pub(super) fn extension(data: &[u8]) -> Option<(u8, &[u8])> {
    let header = Ipv6RawExtHeaderSlice::from_slice(data).ok()?;
    Some((header.next_header().0, data.get(header.slice().len()..)?))
}

/// An authentication header.
pub(super) fn authentication(data: &[u8]) -> Option<(u8, &[u8])> {
    let header = IpAuthHeaderSlice::from_slice(data).ok()?;
    Some((header.next_header().0, data.get(header.slice().len()..)?))
}

/// A fragment header of IPv6; no [`Fragment`] when it is all of the datagram.
pub(super) fn fragment(data: &[u8]) -> Option<(u8, &[u8], Option<Fragment>)> {
    // etherparse 0.18 takes the lowest bits of this field, which are flags (RFC 8200, 4.5), for the highest.
    let field = u16_at(data, 2)?;
    let more = field & 1 != 0;
    let offset = IpFragOffset::try_new(field >> 3).ok()?;
    let fragment = (more || offset.value() > 0).then_some(Fragment {
        identification: u32_at(data, 4)?,
        offset,
        more,
    });
    Some((*data.first()?, data.get(8..)?, fragment))
}
