//! From a record to its TCP segment: link layers, IPv4 and IPv6 with fragments, tunnels. It must not know streams.

mod defragment;
mod ip;
mod link;
mod tunnel;

use std::net::SocketAddr;

use super::file::Record;
use defragment::{Datagram, Fragments};
use ip::Addresses;
pub use link::known_links;

/// Headers of a record that are followed before it is given up: more than any network stacks.
const MOST_LAYERS: usize = 32;
/// Linux lets no packet with segmentation offload be longer, in bytes.
const LARGEST_OFFLOAD: usize = 512 * 1024;

/// A TCP segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Address and port of the sender.
    pub source: SocketAddr,
    /// Address and port of the receiver.
    pub destination: SocketAddr,
    /// Sequence number of the first byte.
    pub sequence: u32,
    /// Acknowledgement number, when the flag is set.
    pub acknowledgement: Option<u32>,
    /// SYN.
    pub syn: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// The payload, as far as it was captured.
    pub payload: &'a [u8],
    /// Bytes of the payload that the snap length cut off.
    pub cut: usize,
}

/// Takes records apart.
#[derive(Debug, Default)]
pub struct Network {
    fragments: Fragments,
    /// The last datagram made of fragments, and the last that was inside of such a one.
    whole: [Vec<u8>; 2],
    unknown_link: Option<u16>,
}

/// What the next bytes are.
#[derive(Debug, Clone, Copy)]
enum Layer {
    Ethernet,
    EtherType(u16),
    Llc,
    Mpls,
    Ppp,
    Ip,
    /// By the number of an IP protocol.
    Protocol(u8),
}

/// A layer and its bytes.
type Next<'a> = (Layer, &'a [u8]);

/// Where the way through the layers ends.
enum End<'a> {
    Segment(Segment<'a>),
    /// The record completed this one.
    Datagram(Datagram),
}

impl Network {
    /// The TCP segment of a record; `None` for anything else, and for a fragment whose others have not come yet.
    pub fn segment<'a>(&'a mut self, record: &Record<'a>) -> Option<Segment<'a>> {
        let Some(read) = link::reader(record.link) else {
            self.unknown_link.get_or_insert(record.link);
            return None;
        };
        let beyond = match record.original_len {
            0..=LARGEST_OFFLOAD => record.original_len.saturating_sub(record.data.len()),
            _ => 0,
        };
        let [outer, inner] = &mut self.whole;
        let start = Walk {
            fragments: &mut self.fragments,
            addresses: None,
            missing: 0,
            beyond,
        };
        let datagram = match start.walk(read(record.data)?)? {
            End::Segment(segment) => return Some(segment),
            End::Datagram(datagram) => datagram,
        };
        *outer = datagram.payload;
        let next = (Layer::Protocol(datagram.protocol), &outer[..]);
        let datagram = match Walk::inside(&mut self.fragments, datagram.addresses).walk(next)? {
            End::Segment(segment) => return Some(segment),
            End::Datagram(datagram) => datagram,
        };
        *inner = datagram.payload;
        let next = (Layer::Protocol(datagram.protocol), &inner[..]);
        match Walk::inside(&mut self.fragments, datagram.addresses).walk(next)? {
            End::Segment(segment) => Some(segment),
            End::Datagram(_) => None,
        }
    }

    /// The first link type among the records whose headers are not known.
    pub fn unknown_link(&self) -> Option<u16> {
        self.unknown_link
    }
}

/// The way through the layers.
struct Walk<'f> {
    fragments: &'f mut Fragments,
    /// Of the innermost IP header so far.
    addresses: Option<Addresses>,
    /// Bytes that were not captured of the innermost IP packet so far.
    missing: usize,
    /// Bytes that were not captured of the record.
    beyond: usize,
}

impl<'f> Walk<'f> {
    fn inside(fragments: &'f mut Fragments, addresses: Addresses) -> Self {
        Self {
            fragments,
            addresses: Some(addresses),
            missing: 0,
            beyond: 0,
        }
    }

    fn walk<'a>(mut self, mut next: Next<'a>) -> Option<End<'a>> {
        for _ in 0..MOST_LAYERS {
            let (layer, data) = next;
            next = match layer {
                Layer::Ethernet => link::ethernet(data)?,
                Layer::EtherType(kind) => link::ether_type(kind, data)?,
                Layer::Llc => link::llc(data)?,
                Layer::Mpls => link::mpls(data)?,
                Layer::Ppp => link::ppp(data)?,
                Layer::Ip => {
                    let packet = ip::packet(data)?;
                    self.addresses = Some(packet.addresses);
                    self.missing = packet.missing.unwrap_or(self.beyond);
                    if let Some(fragment) = packet.fragment {
                        return self.datagram(packet.protocol, fragment, packet.payload);
                    }
                    (Layer::Protocol(packet.protocol), packet.payload)
                }
                Layer::Protocol(ip::TCP) => return tcp(self.addresses?, data, self.missing).map(End::Segment),
                Layer::Protocol(ip::FRAGMENT) => {
                    let (protocol, rest, fragment) = ip::fragment(data)?;
                    if let Some(fragment) = fragment {
                        return self.datagram(protocol, fragment, rest);
                    }
                    (Layer::Protocol(protocol), rest)
                }
                Layer::Protocol(number) => protocol(number, data)?,
            };
        }
        None
    }

    /// A fragment that was not captured as a whole is of no use.
    fn datagram<'a>(self, protocol: u8, fragment: ip::Fragment, payload: &[u8]) -> Option<End<'a>> {
        if self.missing > 0 {
            return None;
        }
        let datagram = self.fragments.push(self.addresses?, protocol, fragment, payload)?;
        Some(End::Datagram(datagram))
    }
}

/// What follows an IP header that says `number`, but for TCP and fragments.
fn protocol(number: u8, data: &[u8]) -> Option<Next<'_>> {
    match number {
        ip::IPV4 | ip::IPV6 => Some((Layer::Ip, data)),
        ip::UDP => tunnel::udp(data),
        ip::GRE => tunnel::gre(data),
        ip::ETHER_IP => tunnel::ether_ip(data),
        ip::MPLS => Some((Layer::Mpls, data)),
        ip::HOP_BY_HOP | ip::ROUTING | ip::DESTINATION | ip::MOBILITY => {
            ip::extension(data).map(|(number, rest)| (Layer::Protocol(number), rest))
        }
        ip::AUTHENTICATION => ip::authentication(data).map(|(number, rest)| (Layer::Protocol(number), rest)),
        _ => None,
    }
}

/// `missing` bytes at the end were not captured: all of the payload, perhaps, and options.
fn tcp((source, destination): Addresses, data: &[u8], missing: usize) -> Option<Segment<'_>> {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    const ACK: u8 = 16;
    const SMALLEST: usize = 20;
    let header: &[u8; SMALLEST] = data.first_chunk()?;
    let length = usize::from(header[12] >> 4) * 4;
    if length < SMALLEST {
        return None;
    }
    let flags = header[13];
    let payload = data.get(length..).unwrap_or_default();
    let options_cut = length.saturating_sub(data.len());
    Some(Segment {
        source: SocketAddr::new(source, u16_at(header, 0)?),
        destination: SocketAddr::new(destination, u16_at(header, 2)?),
        sequence: u32_at(header, 4)?,
        acknowledgement: (flags & ACK != 0).then_some(u32_at(header, 8)?),
        syn: flags & SYN != 0,
        fin: flags & FIN != 0,
        rst: flags & RST != 0,
        payload,
        cut: missing.checked_sub(options_cut)?,
    })
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests;
