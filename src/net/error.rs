//! Why no connection came about: the stage, the cause in plain words, and a hint (a value). Must not know what the bytes of a
//! connection mean, beyond recognising a peer that speaks something else altogether.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::proxy::ProxyError;
use super::websocket::WebSocketError;
use super::{Hint, explain};

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Looking up the host's addresses.
    Lookup,
    /// Connecting to one of them.
    Tcp,
    /// Connecting to a Unix socket.
    Unix,
    /// Reaching the proxy, and asking it for a connection.
    Proxy,
    /// Agreeing on TLS.
    Tls,
    /// Asking for a WebSocket.
    WebSocket,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "name look-up",
            Self::Tcp => "TCP",
            Self::Unix => "Unix socket",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::WebSocket => "WebSocket",
        })
    }
}

/// No connection came about. `Display` says what failed and where; the source says why.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {address} ({stage})")]
pub struct ConnectError {
    /// What was being done.
    pub stage: Stage,
    /// The address as it was asked for: `host:port`, or the path of a Unix socket.
    pub address: String,
    /// Why it failed.
    pub source: Cause,
}

/// Why a connection did not come about. `Display` is complete: there is no further source.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The name has no address, or nobody could be asked.
    Lookup(io::Error),
    /// The host has no address of the same family as the local address to bind.
    Family {
        /// The local address.
        local: IpAddr,
    },
    /// The local address cannot be bound.
    Bind {
        /// The local address.
        local: IpAddr,
        /// Why.
        error: io::Error,
    },
    /// Every address failed, each in its way; never empty.
    Tcp(Vec<(SocketAddr, io::Error)>),
    /// The Unix socket does not take the connection.
    Unix(io::Error),
    /// The proxy cannot be reached, or does not do what it is asked.
    Proxy(ProxyError),
    /// The TLS handshake failed.
    Tls(io::Error),
    /// The server does not give a WebSocket.
    WebSocket(WebSocketError),
    /// The time limit ran out.
    TimedOut(Duration),
}

impl ConnectError {
    /// The error for a time limit that ran out at `stage`, as [`dial`](super::dial()) reported it in its progress.
    #[must_use]
    pub fn timed_out(address: &impl fmt::Display, stage: Stage, limit: Duration) -> Self {
        Self {
            stage,
            address: address.to_string(),
            source: Cause::TimedOut(limit),
        }
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<Hint> {
        match &self.source {
            Cause::Lookup(_) => Some(Hint::LookUp),
            Cause::Family { .. } => Some(Hint::AddressFamily),
            Cause::Bind { error, .. } => {
                (error.kind() == io::ErrorKind::AddrNotAvailable).then_some(Hint::ForeignLocalAddress)
            }
            // One refusal tells more than the other addresses' faults: somebody is there.
            Cause::Tcp(failures) => failures.iter().find_map(|(_, error)| tcp_hint(error.kind())),
            Cause::Unix(error) => unix_hint(error.kind()),
            Cause::Proxy(error) => error.hint(),
            Cause::WebSocket(error) => error.hint(),
            Cause::Tls(error) => io_hint(error).or_else(|| hung_up(error).then_some(Hint::NotTls)),
            Cause::TimedOut(_) => Some(match self.stage {
                Stage::Lookup => Hint::LookUp,
                Stage::Tcp => Hint::Unreachable,
                Stage::Unix => Hint::SocketBusy,
                Stage::Proxy => Hint::ProxySlow,
                // Many services wait for bytes they understand.
                Stage::Tls => Hint::NotTls,
                Stage::WebSocket => Hint::NotWebSocket,
            }),
        }
    }
}

fn unix_hint(kind: io::ErrorKind) -> Option<Hint> {
    match kind {
        io::ErrorKind::NotFound => Some(Hint::NoSocket),
        io::ErrorKind::ConnectionRefused => Some(Hint::SocketAbandoned),
        io::ErrorKind::PermissionDenied => Some(Hint::SocketForbidden),
        io::ErrorKind::WouldBlock => Some(Hint::SocketBusy),
        _ => None,
    }
}

fn tcp_hint(kind: io::ErrorKind) -> Option<Hint> {
    match kind {
        io::ErrorKind::ConnectionRefused => Some(Hint::NobodyListens),
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(Hint::Unreachable)
        }
        _ => None,
    }
}

/// The peer ended the connection without a word of TLS.
fn hung_up(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe
    )
}

impl std::error::Error for Cause {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup(error) => f.write_str(&io_message(error)),
            Self::Family {
                local: IpAddr::V4(local),
            } => write!(f, "the host has no IPv4 address, as {local} needs"),
            Self::Family {
                local: IpAddr::V6(local),
            } => write!(f, "the host has no IPv6 address, as {local} needs"),
            Self::Bind { local, error } => write!(f, "cannot bind the local address {local}: {}", io_message(error)),
            Self::Tcp(failures) => write_failures(f, failures),
            Self::Tls(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the peer closed the connection during the handshake")
            }
            Self::Unix(error) | Self::Tls(error) => f.write_str(&io_message(error)),
            Self::Proxy(error) => error.fmt(f),
            Self::WebSocket(error) => error.fmt(f),
            Self::TimedOut(limit) => write!(f, "no success within {limit:?}"),
        }
    }
}

/// One clause when all addresses failed alike, otherwise each with its address.
fn write_failures(f: &mut fmt::Formatter<'_>, failures: &[(SocketAddr, io::Error)]) -> fmt::Result {
    let messages: Vec<String> = failures.iter().map(|(_, error)| io_message(error)).collect();
    if messages.windows(2).all(|pair| pair[0] == pair[1]) {
        return f.write_str(messages.first().map_or("no address", String::as_str));
    }
    let each: Vec<String> = failures
        .iter()
        .zip(&messages)
        .map(|((address, _), message)| format!("{address}: {message}"))
        .collect();
    f.write_str(&each.join("; "))
}

/// What to do about an error of an established [`Stream`](super::Stream), where that is known: in TLS 1.3 a server
/// rejects a client's certificate only after the client has finished its handshake.
#[must_use]
pub fn io_hint(error: &io::Error) -> Option<Hint> {
    tls_error(error).and_then(explain::hint)
}

/// An IO error as a lower-case clause without the system's number: `connection refused`.
#[must_use]
pub fn io_message(error: &io::Error) -> String {
    if let Some(error) = tls_error(error) {
        return explain::describe(error);
    }
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    let text = text
        .strip_prefix("failed to lookup address information: ")
        .unwrap_or(text);
    // "Connection refused", but "I/O error" and "TLS ..." stay.
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// What to do when the first bytes that a peer sent on a plain connection belong to another protocol.
#[must_use]
pub fn foreign_peer_hint(first: &[u8]) -> Option<&'static Hint> {
    match first {
        // A TLS record: an alert, or a handshake message, version 3.x.
        [0x15 | 0x16, 0x03, ..] => Some(&Hint::SpeaksTls),
        [b'H', b'T', b'T', b'P', b'/', ..] => Some(&Hint::SpeaksHttp),
        _ => None,
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_messages_are_lower_case_clauses() {
        let refused = io::Error::from_raw_os_error(111);
        #[cfg(target_os = "linux")]
        assert_eq!(io_message(&refused), "connection refused");
        assert!(!io_message(&refused).contains("os error"));
        assert_eq!(io_message(&io::Error::other("I/O trouble")), "I/O trouble");
        assert_eq!(io_message(&io::Error::other("")), "");
        let lookup = io::Error::other("failed to lookup address information: Name or service not known");
        assert_eq!(io_message(&lookup), "name or service not known");
    }

    #[test]
    fn addresses_are_listed_when_they_fail_differently() {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "Refused");
        let v4: SocketAddr = ([127, 0, 0, 1], 1).into();
        let v6: SocketAddr = ([0, 0, 0, 0, 0, 0, 0, 1], 1).into();
        let error = |failures| ConnectError {
            stage: Stage::Tcp,
            address: "h:1".into(),
            source: Cause::Tcp(failures),
        };

        let alike = error(vec![(v4, refused()), (v6, refused())]);
        assert_eq!(alike.to_string(), "cannot connect to h:1 (TCP)");
        assert_eq!(alike.source.to_string(), "refused");

        let other = io::Error::new(io::ErrorKind::AddrNotAvailable, "No such thing");
        let mixed = error(vec![(v6, other), (v4, refused())]);
        assert_eq!(mixed.source.to_string(), "[::1]:1: no such thing; 127.0.0.1:1: refused");
        assert_eq!(mixed.hint(), Some(Hint::NobodyListens));
    }

    #[test]
    fn a_timeout_names_stage_and_limit() {
        let address = super::super::Address::new("::1", 8883);
        let error = ConnectError::timed_out(&address, Stage::Tls, Duration::from_secs(10));
        assert_eq!(error.to_string(), "cannot connect to [::1]:8883 (TLS)");
        assert_eq!(error.source.to_string(), "no success within 10s");
        assert_eq!(error.hint(), Some(Hint::NotTls));
    }

    #[test]
    fn peers_of_another_protocol_are_recognised() {
        assert_eq!(foreign_peer_hint(&[0x15, 0x03, 0x03, 0x00]), Some(&Hint::SpeaksTls));
        assert_eq!(foreign_peer_hint(b"HTTP/1.1 400"), Some(&Hint::SpeaksHttp));
        assert_eq!(foreign_peer_hint(&[0x20, 0x02, 0x00, 0x00]), None);
        assert_eq!(foreign_peer_hint(&[]), None);
    }
}
