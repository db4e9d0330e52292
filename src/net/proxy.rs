//! Proxies: which one, and the talk with it until it passes bytes on. SOCKS5 (RFC 1928 and 1929) and HTTP CONNECT
//! (RFC 9110, section 9.3.6). Must not read the environment, nor know what is said through the proxy.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::address::{Authority, split_scheme};
use super::http::{self, HeadError};
use super::{Address, AddressError, Hint, io_message};
use crate::base64;

/// How to talk to a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// `socks5://`: names are looked up here.
    Socks5,
    /// `socks5h://`: names are looked up by the proxy.
    Socks5h,
    /// `http://`: CONNECT; names are looked up by the proxy.
    Http,
}

/// A proxy, and the credentials for it.
///
/// `Debug` shows that there is a password, never the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// How to talk to it.
    pub kind: ProxyKind,
    /// Where it is.
    pub address: Address,
    /// User name and password.
    pub credentials: Option<(String, String)>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("kind", &self.kind)
            .field("address", &self.address)
            .field("credentials", &self.credentials.as_ref().map(|(user, _)| (user, "***")))
            .finish()
    }
}

/// Why a proxy's URL was not understood. Nothing of the URL but its scheme is in it: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// The scheme is not one of ours.
    #[error(
        "the scheme `{0}` is not supported; a proxy is socks5://, socks5h:// or http://[USER:PASSWORD@]HOST[:PORT]"
    )]
    Scheme(String),
    /// There is a path.
    #[error("a proxy's URL ends after the port")]
    Path,
    /// RFC 1929 has one byte for the length.
    #[error("user name and password of a SOCKS proxy have 1 to 255 bytes")]
    Length,
    /// Host, port, user name or password are wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
}

impl FromStr for Proxy {
    type Err = ProxyUrlError;

    /// Without a scheme it is an HTTP proxy, as curl has it. The default ports are 1080 and, for HTTP, 3128.
    fn from_str(url: &str) -> Result<Self, ProxyUrlError> {
        let (scheme, rest) = match url.contains("://") {
            true => split_scheme(url).map_err(|_| ProxyUrlError::Scheme("?".to_owned()))?,
            false => ("http".to_owned(), url),
        };
        let (kind, port) = match scheme.as_str() {
            "socks5" => (ProxyKind::Socks5, 1080),
            "socks5h" => (ProxyKind::Socks5h, 1080),
            "http" => (ProxyKind::Http, 3128),
            _ => return Err(ProxyUrlError::Scheme(scheme)),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let parsed = Authority::parse(authority, path)?;
        if !matches!(path, "" | "/") {
            return Err(ProxyUrlError::Path);
        }
        let credentials = parsed.username.map(|user| (user, parsed.password.unwrap_or_default()));
        let fits = |text: &str| (1..=255).contains(&text.len());
        match &credentials {
            Some((user, password)) if kind != ProxyKind::Http && !(fits(user) && fits(password)) => {
                return Err(ProxyUrlError::Length);
            }
            _ => {}
        }
        Ok(Self {
            kind,
            address: Address::new(parsed.host, parsed.port.unwrap_or(port)),
            credentials,
        })
    }
}

/// Whether a proxy of the environment is passed by for this host: this computer itself, and what `no_proxy` (the
/// variable's value) lists: names with all below them, addresses, networks (`10.0.0.0/8`), `*`.
#[must_use]
pub fn is_exempt(host: &str, no_proxy: &str) -> bool {
    let address = host.parse::<IpAddr>().ok();
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    no_proxy
        .split([',', ' '])
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            if entry == "*" {
                return true;
            }
            let bare = entry.trim_start_matches('[').trim_end_matches(']');
            match (address, bare.split_once('/')) {
                (Some(address), Some((network, bits))) => is_in(address, network, bits),
                (Some(address), None) => bare.parse() == Ok(address),
                (None, _) => {
                    let name = entry.trim_matches('.').to_ascii_lowercase();
                    let below = host.strip_suffix(&name).is_some_and(|rest| rest.ends_with('.'));
                    !name.is_empty() && (host == name || below)
                }
            }
        })
}

fn is_in(address: IpAddr, network: &str, bits: &str) -> bool {
    let Ok(bits) = bits.parse::<u32>() else { return false };
    match (address, network.parse()) {
        (IpAddr::V4(address), Ok(IpAddr::V4(network))) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(network))) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

/// Why there is no way through the proxy. `Display` is complete: there is no further source.
#[derive(Debug)]
pub struct ProxyError {
    /// The proxy.
    pub(super) proxy: Address,
    pub(super) fault: Fault,
}

#[derive(Debug)]
pub(super) enum Fault {
    /// The proxy itself cannot be reached: why, in words.
    Unreachable(String),
    Io(io::Error),
    /// These bytes are no SOCKS5.
    NotSocks(u8),
    /// None of the ways to log in that were offered.
    Methods {
        credentials: bool,
    },
    /// User name and password are wrong.
    LogIn,
    /// The code that RFC 1928 lists in section 6.
    Reply(u8),
    Head(HeadError),
    Status(u16, String),
    NoStatus,
}

impl ProxyError {
    /// Whether trying again may help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match &self.fault {
            Fault::Unreachable(_) | Fault::Io(_) | Fault::Head(HeadError::Io(_)) => true,
            // 2 is a matter of rules, 7 and 8 of what the proxy can do at all.
            Fault::Reply(code) => !matches!(code, 2 | 7 | 8),
            Fault::Status(status, _) => *status >= 500,
            _ => false,
        }
    }

    /// What to do about it, where that is known.
    pub(super) fn hint(&self) -> Option<Hint> {
        match &self.fault {
            Fault::Unreachable(_) => Some(Hint::ProxyUnreachable),
            Fault::Methods { credentials: false } | Fault::Status(407, _) => Some(Hint::ProxyCredentialsMissing),
            Fault::Methods { credentials: true } | Fault::LogIn => Some(Hint::ProxyCredentialsWrong),
            Fault::Io(_) | Fault::NotSocks(_) | Fault::Head(_) | Fault::NoStatus => Some(Hint::ProxyKind),
            Fault::Status(403 | 405, _) | Fault::Reply(2) => Some(Hint::ProxyRules),
            Fault::Reply(_) | Fault::Status(..) => None,
        }
    }
}

impl std::error::Error for ProxyError {}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {}", self.proxy)?;
        match &self.fault {
            Fault::Unreachable(why) => write!(f, " cannot be reached: {why}"),
            Fault::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => f.write_str(" closed the connection"),
            Fault::Io(error) => write!(f, " failed: {}", io_message(error)),
            Fault::NotSocks(byte) => write!(f, " does not speak SOCKS5: it answered with the byte 0x{byte:02x}"),
            Fault::Methods { credentials: false } => f.write_str(" wants a user name and a password"),
            Fault::Methods { credentials: true } => f.write_str(" wants another way to log in than a password"),
            Fault::LogIn => f.write_str(" does not accept user name and password"),
            Fault::Reply(code) => match reply(*code) {
                Some(words) => write!(f, " answered: {words}"),
                None => write!(f, " answered with the unknown code {code}"),
            },
            Fault::Head(error) => write!(f, ": {error}"),
            Fault::Status(status, reason) => {
                let reason: String = reason.chars().take(200).flat_map(char::escape_debug).collect();
                write!(f, " answered {status} {reason}")
            }
            Fault::NoStatus => f.write_str(" does not answer in HTTP"),
        }
    }
}

fn reply(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "general failure",
        2 => "the connection is not allowed by its rules",
        3 => "the network cannot be reached",
        4 => "the host cannot be reached",
        5 => "connection refused",
        6 => "the connection took too long (TTL expired)",
        7 => "it does not support CONNECT",
        8 => "it does not support this type of address",
        _ => return None,
    })
}

/// Asks a proxy to which `stream` leads for a connection to `target`. The caller has looked the host up, where the
/// proxy's kind wants that: then the target's host is an address.
pub(super) async fn pass(stream: &mut TcpStream, proxy: &Proxy, target: &Address) -> Result<(), ProxyError> {
    let talk = match proxy.kind {
        ProxyKind::Http => connect(stream, proxy, target).await,
        ProxyKind::Socks5 | ProxyKind::Socks5h => socks(stream, proxy, target).await,
    };
    talk.map_err(|fault| ProxyError {
        proxy: proxy.address.clone(),
        fault,
    })
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

// ----- SOCKS5

const VERSION: u8 = 5;
const NO_LOG_IN: u8 = 0;
const PASSWORD: u8 = 2;

async fn socks(stream: &mut TcpStream, proxy: &Proxy, target: &Address) -> Result<(), Fault> {
    let offer: &[u8] = match proxy.credentials {
        None => &[VERSION, 1, NO_LOG_IN],
        Some(_) => &[VERSION, 2, NO_LOG_IN, PASSWORD],
    };
    stream.write_all(offer).await?;
    let [version, method] = read(stream).await?;
    if version != VERSION {
        return Err(Fault::NotSocks(version));
    }
    match (method, &proxy.credentials) {
        (NO_LOG_IN, _) => {}
        (PASSWORD, Some((user, password))) => {
            let mut message = vec![1];
            for text in [user, password] {
                message.push(u8::try_from(text.len()).map_err(|_| Fault::LogIn)?);
                message.extend_from_slice(text.as_bytes());
            }
            stream.write_all(&message).await?;
            let [_, status] = read(stream).await?;
            if status != 0 {
                return Err(Fault::LogIn);
            }
        }
        (_, credentials) => {
            return Err(Fault::Methods {
                credentials: credentials.is_some(),
            });
        }
    }
    let mut request = vec![VERSION, 1, 0];
    match target.host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend_from_slice(&Ipv4Addr::octets(&address));
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend_from_slice(&Ipv6Addr::octets(&address));
        }
        Err(_) => {
            request.push(3);
            // A host name has no more than 253 characters; the proxy says so of a longer one in its way.
            request.push(u8::try_from(target.host.len()).map_err(|_| Fault::Reply(8))?);
            request.extend_from_slice(target.host.as_bytes());
        }
    }
    request.extend_from_slice(&target.port.to_be_bytes());
    stream.write_all(&request).await?;
    let [version, code] = read(stream).await?;
    if version != VERSION {
        return Err(Fault::NotSocks(version));
    }
    if code != 0 {
        return Err(Fault::Reply(code));
    }
    // The address that the proxy connects from, which nobody needs, has to be read to its end.
    let [_reserved, kind] = read(stream).await?;
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        other => return Err(Fault::NotSocks(other)),
    };
    let mut rest = vec![0; length + 2];
    stream.read_exact(&mut rest).await?;
    Ok(())
}

async fn read<const N: usize>(stream: &mut TcpStream) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

// ----- HTTP

async fn connect(stream: &mut TcpStream, proxy: &Proxy, target: &Address) -> Result<(), Fault> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some((user, password)) = &proxy.credentials {
        let mut text = Vec::new();
        base64::encode(format!("{user}:{password}").as_bytes(), &mut text);
        request.push_str("Proxy-Authorization: Basic ");
        request.extend(text.into_iter().map(char::from));
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    let head = http::read_response(stream).await.map_err(Fault::Head)?;
    match head.status() {
        Some((200..=299, _)) => Ok(()),
        Some((status, reason)) => Err(Fault::Status(status, reason.to_owned())),
        None => Err(Fault::NoStatus),
    }
}

#[cfg(test)]
#[path = "proxy/tests.rs"]
mod tests;
