//! What a byte stream is, by its first bytes: PROXY header, TLS, WebSocket or MQTT. It must not know what is done then.

use super::search::{self, Evidence, Outcome, Search};
use super::tls::Tls;
use super::websocket::{Guess, WebSocket};
use super::{PerSide, Piece, Side};

/// Where brokers listen, in the clear and with TLS.
const PORTS: [u16; 2] = [1883, 8883];
/// What is looked at of each direction, in bytes.
const BOUND: usize = search::BOUND;

/// True for the ports that are registered for MQTT.
#[must_use]
pub fn is_mqtt_port(port: u16) -> bool {
    PORTS.contains(&port)
}

/// What is inside of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// The TCP stream itself.
    Tcp,
    /// The TCP stream behind a PROXY header.
    Proxy,
    /// What TLS protects.
    Tls,
    /// What WebSocket messages hold.
    WebSocket,
}

/// What a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A PROXY header of so many bytes at the front of what the side sent, and what it says.
    Proxy(Side, usize, String),
    /// TLS. The side is the client, where it shows.
    Tls(Option<Side>),
    /// WebSocket. The side is the client, where it shows.
    WebSocket(Option<Side>),
    /// MQTT. For each direction, whether it begins with its first packet for sure.
    Mqtt(PerSide<bool>),
    /// Nothing of interest.
    Other,
}

/// Looks at the first bytes of both directions.
#[derive(Debug)]
pub struct Detector {
    inside: Inside,
    /// The capture shows the beginning of the connection, and who opened it is A.
    opened: bool,
    /// The ports say that it may be MQTT.
    likely: bool,
    sides: PerSide<Seen>,
}

/// What one side sent.
#[derive(Debug, Default)]
struct Seen {
    /// The bytes behind the last gap.
    first: Vec<u8>,
    gapped: bool,
    search: Search,
    evidence: Option<Evidence>,
    /// No packet begins in anything that was there so far.
    nothing: bool,
}

impl Detector {
    /// A detector for a stream; `opened` when its first bytes are the first of the connection.
    #[must_use]
    pub fn new(inside: Inside, opened: bool, likely: bool) -> Self {
        Self {
            inside,
            opened,
            likely,
            sides: PerSide::default(),
        }
    }

    /// Takes the next piece; says what the stream is as soon as that is clear.
    pub fn push(&mut self, side: Side, piece: Piece<'_>) -> Option<Kind> {
        let seen = &mut self.sides[side];
        match piece {
            Piece::Gap(_) => {
                *seen = Seen {
                    gapped: true,
                    ..Seen::default()
                };
                return None;
            }
            Piece::Data(data) => {
                seen.first.extend_from_slice(data);
                seen.search.add(data);
            }
        }
        self.decide(false)
    }

    /// Nothing will follow: says what the stream is.
    pub fn finish(&mut self) -> Kind {
        self.decide(true).unwrap_or(Kind::Other)
    }

    /// True when packets may still come on a port where they are likely: the capture may start in the middle of a large
    /// one.
    #[must_use]
    pub fn is_patient(&self) -> bool {
        self.likely && !self.opened
    }

    /// Whether the first bytes that `side` sent are here.
    fn is_begin(&self, side: Side) -> bool {
        self.opened && !self.sides[side].gapped
    }

    fn decide(&mut self, ended: bool) -> Option<Kind> {
        let mut open = false;
        let mut frames = None;
        for side in Side::BOTH {
            let first = &self.sides[side].first;
            if first.is_empty() {
                continue;
            }
            if self.inside == Inside::Tcp {
                match proxy(first) {
                    Proxy::No => {}
                    Proxy::More => open = true,
                    Proxy::Header(length, says) => return Some(Kind::Proxy(side, length, says)),
                }
            }
            if matches!(self.inside, Inside::Tcp | Inside::Proxy) {
                match Tls::guess(first) {
                    Some(true) => return Some(Kind::Tls(tls_client(side, first))),
                    Some(false) => {}
                    None => open = true,
                }
            }
            match search::begins_with_connect(first) {
                Some(true) => {
                    // A server does not speak before the CONNECT.
                    return Some(Kind::Mqtt(PerSide::of(|side| !self.sides[side].gapped)));
                }
                Some(false) => {}
                None => open = true,
            }
            if self.inside != Inside::WebSocket {
                let client = websocket_client(side, first);
                match WebSocket::guess(first) {
                    Guess::Yes if is_http(first) => return Some(Kind::WebSocket(client)),
                    Guess::Yes => frames = Some(Kind::WebSocket(client)),
                    Guess::No => {}
                    Guess::Unknown => open = true,
                }
            }
        }
        // The header of a binary message and that of a SUBSCRIBE look alike; a SUBSCRIBE that can be read is one.
        let packets = self.packets(ended);
        let shifted = self.sides.iter().any(Seen::is_shifted);
        match packets {
            Packets::Unknown if self.likely && !shifted => {}
            Packets::Yes if !shifted => {}
            _ if frames.is_some() => return frames,
            _ => {}
        }
        match packets {
            Packets::Yes => return Some(Kind::Mqtt(PerSide::of(|side| self.is_begin(side)))),
            Packets::Unknown => open = true,
            Packets::No => {}
        }
        let full = self.sides.iter().any(|seen| seen.first.len() > BOUND);
        (!open || full || ended).then_some(Kind::Other)
    }

    /// Whether there are packets although no CONNECT is seen.
    fn packets(&mut self, ended: bool) -> Packets {
        let opened = self.opened;
        for seen in [&mut self.sides.a, &mut self.sides.b] {
            if !seen.first.is_empty() {
                seen.look(ended);
            }
        }
        let PerSide { a, b } = &self.sides;
        if opened && !a.gapped {
            // The client speaks first, and not in the middle of a packet.
            if !self.likely || a.is_shifted() || b.is_shifted() && !b.gapped {
                return Packets::No;
            }
        }
        let both = a.evidence.zip(b.evidence);
        let enough = match self.likely {
            true => a.evidence.or(b.evidence).is_some(),
            false => {
                let chain = |e: &Evidence| e.packets >= 2 && e.telling > 0;
                let alone = [&a.evidence, &b.evidence].into_iter().flatten().any(chain);
                let pair = both.is_some_and(|(a, b)| a.telling + b.telling > 0);
                alone || pair && !a.is_shifted() && !b.is_shifted() || pings(&a.first, &b.first)
            }
        };
        if enough {
            return Packets::Yes;
        }
        let hopeless = opened && a.nothing && b.nothing;
        if hopeless || ended {
            Packets::No
        } else {
            Packets::Unknown
        }
    }
}

enum Packets {
    Yes,
    No,
    Unknown,
}

impl Seen {
    fn look(&mut self, ended: bool) {
        match self.search.look(ended) {
            Outcome::Found(evidence) => self.evidence = Some(evidence),
            Outcome::Unsure => self.evidence = None,
            Outcome::Nothing => self.nothing = true,
        }
    }

    /// True when bytes had to be passed over.
    fn is_shifted(&self) -> bool {
        self.search.held() != self.first.len()
    }
}

/// PINGREQ one way and PINGRESP the other, and nothing else: an idle connection.
fn pings(a: &[u8], b: &[u8]) -> bool {
    let all = |bytes: &[u8], ping: [u8; 2]| bytes.len() >= 2 && bytes.chunks(2).all(|chunk| chunk == ping);
    all(a, [0xc0, 0]) && all(b, [0xd0, 0]) || all(a, [0xd0, 0]) && all(b, [0xc0, 0])
}

/// Who is the client of TLS: who sent the ClientHello (RFC 8446, section 4).
fn tls_client(side: Side, first: &[u8]) -> Option<Side> {
    match first.get(5) {
        Some(1) => Some(side),
        Some(2) => Some(side.other()),
        _ => None,
    }
}

/// Who is the client of WebSocket: who asks, or masks what it sends (RFC 6455, section 5.1).
fn websocket_client(side: Side, first: &[u8]) -> Option<Side> {
    let asks = match is_http(first) {
        true => first.starts_with(REQUEST),
        false => first.get(1)? & 0x80 != 0,
    };
    Some(if asks { side } else { side.other() })
}

const REQUEST: &[u8] = b"GET ";
const ANSWER: &[u8] = b"HTTP/";

fn is_http(first: &[u8]) -> bool {
    first.starts_with(REQUEST) || first.starts_with(ANSWER)
}

enum Proxy {
    No,
    More,
    Header(usize, String),
}

const PROXY_V1: &[u8] = b"PROXY ";
const PROXY_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Longest header of version 1, in bytes.
const PROXY_V1_LONGEST: usize = 107;

/// The header of the PROXY protocol (HAProxy's proxy-protocol.txt).
fn proxy(first: &[u8]) -> Proxy {
    if first.starts_with(PROXY_V1) {
        let line = first.get(..PROXY_V1_LONGEST).unwrap_or(first);
        let Some(end) = line.windows(2).position(|window| window == b"\r\n") else {
            return if line.len() < PROXY_V1_LONGEST {
                Proxy::More
            } else {
                Proxy::No
            };
        };
        let text = String::from_utf8_lossy(line.get(PROXY_V1.len()..end).unwrap_or_default()).into_owned();
        let words: Vec<_> = text.split(' ').collect();
        let says = match words[..] {
            [protocol, source, destination, source_port, destination_port] => {
                let bracket = |address: &str| {
                    if protocol == "TCP6" {
                        format!("[{address}]")
                    } else {
                        address.to_owned()
                    }
                };
                let (source, destination) = (bracket(source), bracket(destination));
                format!("{source}:{source_port} -> {destination}:{destination_port}")
            }
            _ => String::new(),
        };
        return Proxy::Header(end + 2, says);
    }
    if PROXY_V1.starts_with(first) || PROXY_V2.starts_with(first) {
        return Proxy::More;
    }
    if !first.starts_with(PROXY_V2) {
        return Proxy::No;
    }
    let Some((head, rest)) = first
        .get(PROXY_V2.len()..)
        .and_then(|rest| rest.split_first_chunk::<4>())
    else {
        return Proxy::More;
    };
    let [command, family, high, low] = *head;
    if command >> 4 != 2 {
        return Proxy::No;
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    let Some(body) = rest.get(..length) else {
        return Proxy::More;
    };
    // Command 0 is LOCAL: the proxy speaks for itself.
    let says = if command & 0x0f == 0 {
        None
    } else {
        proxy_addresses(family, body)
    };
    Proxy::Header(PROXY_V2.len() + 4 + length, says.unwrap_or_default())
}

fn proxy_addresses(family: u8, body: &[u8]) -> Option<String> {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
    let port = |at: usize| Some(u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?));
    let v4 = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(body.get(at..at + 4)?).ok()?));
    let v6 = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(body.get(at..at + 16)?).ok()?));
    let (source, destination) = match family >> 4 {
        1 => (
            SocketAddr::from((v4(0)?, port(8)?)),
            SocketAddr::from((v4(4)?, port(10)?)),
        ),
        2 => (
            SocketAddr::from((v6(0)?, port(32)?)),
            SocketAddr::from((v6(16)?, port(34)?)),
        ),
        _ => return None,
    };
    Some(format!("{source} -> {destination}"))
}
