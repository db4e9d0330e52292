//! Host, port and URL as they are typed, taken apart. Pure text: must not know sockets, files or the environment.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use super::Hint;

/// The default port without TLS (`mqtt://`).
pub const PORT: u16 = 1883;

/// The default port with TLS (`mqtts://`).
pub const TLS_PORT: u16 = 8883;

/// The default port of `ws://` (RFC 6455, section 3).
pub const WEBSOCKET_PORT: u16 = 80;

/// The default port of `wss://`.
pub const WEBSOCKET_TLS_PORT: u16 = 443;

/// A host and a port. The host is a name or an IP address, an IPv6 address without brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// A name, an IPv4 address, or an IPv6 address without brackets (a zone as in `fe80::1%eth0` is allowed).
    pub host: String,
    /// The TCP port; 0 means "any free one" and is of use to a listener only.
    pub port: u16,
}

impl Address {
    /// An address of these two parts.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }
}

impl fmt::Display for Address {
    /// `host:port`, an IPv6 address in brackets: `[::1]:1883`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a host, a port or a URL was not understood.
///
/// The messages name the place but repeat nothing of a URL except its scheme, since a URL may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// There is no host where one is needed.
    #[error("the host is missing")]
    NoHost,
    /// The host contains a character that no host has.
    #[error("the host contains {0:?}, which no host name has")]
    HostCharacter(char),
    /// A URL was given where a host belongs.
    #[error("this is a URL, not a host")]
    UrlAsHost,
    /// A colon without a port behind it.
    #[error("the port is missing after the last `:`")]
    NoPort,
    /// The port is no number, or none between the limits.
    #[error("the port is not a number from {min} to 65535")]
    Port {
        /// The smallest port allowed here.
        min: u16,
    },
    /// Several colons, but not an IPv6 address.
    #[error("more than one `:`, and not an IPv6 address; with a port, an IPv6 address is written [::1]:1883")]
    Colons,
    /// `[` without `]`.
    #[error("`[` without `]` around the IPv6 address")]
    Bracket,
    /// What stands between brackets is not an IPv6 address.
    #[error("what stands between `[` and `]` is not an IPv6 address")]
    NotIpv6,
    /// Something other than `:port` after `]`.
    #[error("only `:port` may follow `]`")]
    AfterBracket,
    /// The URL has no scheme.
    #[error("a URL starts with mqtt://, mqtts://, ws://, wss:// or unix:")]
    NoScheme,
    /// The URL's scheme is not one of ours.
    #[error("the scheme `{0}` is not known; a URL starts with mqtt://, mqtts://, ws://, wss:// or unix:")]
    Scheme(String),
    /// A `unix:` URL without a path.
    #[error("the path of the socket is missing after `unix:`")]
    NoSocketPath,
    /// A `unix:` URL with a host.
    #[error("a unix: URL has no host; it is written unix:/PATH or unix://USER:PASSWORD@/PATH")]
    SocketHost,
    /// A `/` before the `@` cut the user name or the password short.
    #[error("a `/` before the `@`: in a user name or a password it is written %2F")]
    SlashInUserinfo,
    /// `%` without two hexadecimal digits.
    #[error("`%` without two hexadecimal digits at character {at} of the {part}; `%` itself is written %25")]
    Escape {
        /// The part of the URL.
        part: &'static str,
        /// The position of the `%` in that part as it was typed, in characters, counted from 1.
        at: usize,
    },
    /// The decoded part is not UTF-8.
    #[error("the percent escapes in the {part} do not give UTF-8 text")]
    NotUtf8 {
        /// The part of the URL.
        part: &'static str,
    },
}

impl AddressError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<Hint> {
        (*self == Self::UrlAsHost).then_some(Hint::UrlAsHost)
    }
}

/// Takes `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address apart; the host comes back without brackets.
///
/// Port 0 is accepted: a listener may want it.
///
/// # Errors
///
/// [`AddressError`] when the text is none of these.
pub fn parse_host_port(text: &str) -> Result<(String, Option<u16>), AddressError> {
    if text.contains("://") {
        return Err(AddressError::UrlAsHost);
    }
    let (host, port) = split_host_port(text)?;
    let port = match port {
        None => None,
        Some("") => return Err(AddressError::NoPort),
        Some(digits) => Some(parse_port(digits, 0)?),
    };
    check_host(host)?;
    Ok((host.to_owned(), port))
}

/// What carries the connection that a URL asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// `mqtt:` and `mqtts:`
    Tcp,
    /// `ws:` and `wss:`
    WebSocket {
        /// All after the host, `/` included, as it was typed; `None` when there is nothing.
        path: Option<String>,
    },
    /// `unix:`
    Unix {
        /// The path of the socket, decoded.
        path: PathBuf,
    },
}

/// A URL that names a peer: `mqtt://user:password@host:port/topic`.
///
/// `Debug` shows that there is a password, never the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// What carries the connection.
    pub transport: Transport,
    /// Whether the scheme asks for TLS.
    pub tls: bool,
    /// The user name, decoded; `None` when absent or empty.
    pub username: Option<String>,
    /// The password, decoded; `Some("")` when there is a `:` with nothing behind it.
    pub password: Option<String>,
    /// The host, decoded, an IPv6 address without brackets; empty for a Unix socket.
    pub host: String,
    /// The port, when one is given.
    pub port: Option<u16>,
    /// All after the `/` behind the host, decoded; `None` when absent or empty. Only `mqtt:` and `mqtts:` have a topic.
    pub topic: Option<String>,
}

impl Url {
    /// Host and port, the port being the scheme's own where the URL has none.
    #[must_use]
    pub fn address(&self) -> Address {
        let default = match (&self.transport, self.tls) {
            (Transport::WebSocket { .. }, false) => WEBSOCKET_PORT,
            (Transport::WebSocket { .. }, true) => WEBSOCKET_TLS_PORT,
            (_, false) => PORT,
            (_, true) => TLS_PORT,
        };
        Address::new(self.host.clone(), self.port.unwrap_or(default))
    }

    /// The URL as Mosquitto's tools read it: with WebSocket, too, all after the host is the topic, the path is the usual
    /// one, and the default ports are those of `mqtt:` and `mqtts:`.
    ///
    /// # Errors
    ///
    /// Percent escapes of the topic that are none.
    pub fn in_mosquittos_way(self) -> Result<Self, AddressError> {
        let Transport::WebSocket { path } = &self.transport else {
            return Ok(self);
        };
        let topic = path.as_deref().and_then(|path| path.strip_prefix('/'));
        let topic = topic.filter(|topic| !topic.is_empty());
        Ok(Self {
            topic: topic.map(|topic| decode("topic", topic)).transpose()?,
            transport: Transport::WebSocket { path: None },
            port: self.port.or(Some(if self.tls { TLS_PORT } else { PORT })),
            ..self
        })
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Url")
            .field("transport", &self.transport)
            .field("tls", &self.tls)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("host", &self.host)
            .field("port", &self.port)
            .field("topic", &self.topic)
            .finish()
    }
}

impl FromStr for Url {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        if let Some((scheme, rest)) = url.split_once(':') {
            if scheme.eq_ignore_ascii_case("unix") {
                return unix(rest);
            }
        }
        let (scheme, rest) = split_scheme(url)?;
        let (websocket, tls) = match scheme.as_str() {
            "mqtt" | "tcp" => (false, false),
            "mqtts" | "ssl" => (false, true),
            "ws" => (true, false),
            "wss" => (true, true),
            _ => return Err(AddressError::Scheme(scheme)),
        };
        // In a topic `?` and `#` are ordinary characters, so the path is all the rest: no query, no fragment.
        let end = match websocket {
            false => rest.find('/'),
            true => rest.find(['/', '?']),
        };
        let (authority, path) = rest.split_at(end.unwrap_or(rest.len()));
        let Authority {
            username,
            password,
            host,
            port,
        } = Authority::parse(authority, path)?;
        let topic = path
            .strip_prefix('/')
            .filter(|topic| !websocket && !topic.is_empty())
            .map(|topic| decode("topic", topic))
            .transpose()?;
        let transport = match websocket {
            false => Transport::Tcp,
            true => Transport::WebSocket {
                path: Some(path.to_owned()).filter(|path| !path.is_empty()),
            },
        };
        Ok(Self {
            transport,
            tls,
            username,
            password,
            host,
            port,
            topic,
        })
    }
}

/// Takes the rest of a `unix:` URL: `/path`, `///path` or `//user:password@/path`.
fn unix(rest: &str) -> Result<Url, AddressError> {
    let (userinfo, path) = match rest.strip_prefix("//") {
        None => (None, rest),
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').ok_or(AddressError::SocketHost)?);
            match authority.strip_suffix('@') {
                _ if authority.is_empty() => (None, path),
                Some(userinfo) => (Some(userinfo), path),
                None if path.contains('@') => return Err(AddressError::SlashInUserinfo),
                None => return Err(AddressError::SocketHost),
            }
        }
    };
    if path.is_empty() {
        return Err(AddressError::NoSocketPath);
    }
    let (username, password) = credentials(userinfo)?;
    Ok(Url {
        transport: Transport::Unix {
            path: decode("path", path)?.into(),
        },
        tls: false,
        username,
        password,
        host: String::new(),
        port: None,
        topic: None,
    })
}

/// The scheme in lower case, and what follows `://`.
pub(super) fn split_scheme(url: &str) -> Result<(String, &str), AddressError> {
    let (scheme, rest) = url.split_once("://").ok_or(AddressError::NoScheme)?;
    // `user:secret@x://` has no scheme at all: do not repeat it.
    if is_scheme(scheme) {
        Ok((scheme.to_ascii_lowercase(), rest))
    } else {
        Err(AddressError::NoScheme)
    }
}

/// `user:password@host:port`, decoded.
pub(super) struct Authority {
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Authority {
    /// `path` is what follows in the URL; it only serves to find out what is wrong.
    pub(super) fn parse(text: &str, path: &str) -> Result<Self, AddressError> {
        let (userinfo, host_port) = match text.rsplit_once('@') {
            Some((userinfo, host_port)) => (Some(userinfo), host_port),
            None => (None, text),
        };
        let (username, password) = credentials(userinfo)?;
        let (host, port) = split_host_port(host_port)
            .and_then(|(host, port)| match port {
                // In `::1:1883` nobody can tell address and port apart; RFC 3986 wants brackets.
                _ if host.contains(':') && !host_port.starts_with('[') => Err(AddressError::Colons),
                // RFC 3986 allows `host:` for the default port.
                None | Some("") => Ok((host, None)),
                Some(digits) => Ok((host, Some(parse_port(digits, 1)?))),
            })
            .map_err(|error| match userinfo {
                // `user:pa/ss@host`: the port "pa" is not what is wrong.
                None if path.contains('@') => AddressError::SlashInUserinfo,
                _ => error,
            })?;
        let host = decode("host", host)?;
        check_host(&host)?;
        Ok(Self {
            username,
            password,
            host,
            port,
        })
    }
}

fn credentials(userinfo: Option<&str>) -> Result<(Option<String>, Option<String>), AddressError> {
    let (username, password) = match userinfo.map(|text| (text, text.split_once(':'))) {
        None => (None, None),
        Some((username, None)) => (Some(username), None),
        Some((_, Some((username, password)))) => (Some(username), Some(password)),
    };
    let username = username.map(|raw| decode("user name", raw)).transpose()?;
    let password = password.map(|raw| decode("password", raw)).transpose()?;
    Ok((username.filter(|name| !name.is_empty()), password))
}

/// Splits the port off; says nothing about the characters of either yet.
fn split_host_port(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(AddressError::Bracket)?;
        if !is_ipv6(host) {
            return Err(AddressError::NotIpv6);
        }
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(AddressError::AfterBracket),
        };
    }
    match text.split_once(':') {
        None => Ok((text, None)),
        Some((host, port)) if !port.contains(':') => Ok((host, Some(port))),
        Some(_) if is_ipv6(text) => Ok((text, None)),
        Some(_) => Err(AddressError::Colons),
    }
}

/// Digits only: `str::parse` alone would take `+1883`.
fn parse_port(digits: &str, min: u16) -> Result<u16, AddressError> {
    let number = if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.parse::<u16>().ok()
    } else {
        None
    };
    number.filter(|port| *port >= min).ok_or(AddressError::Port { min })
}

fn is_ipv6(host: &str) -> bool {
    let address = host.split_once('%').map_or(host, |(address, _zone)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn check_host(host: &str) -> Result<(), AddressError> {
    if host.is_empty() {
        return Err(AddressError::NoHost);
    }
    let wrong = |c: &char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@' | '[' | ']' | '?' | '#' | '\\');
    host.chars()
        .find(wrong)
        .map_or(Ok(()), |c| Err(AddressError::HostCharacter(c)))
}

/// Resolves the percent escapes of one part of a URL.
fn decode(part: &'static str, raw: &str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut chars = raw.as_bytes();
    while let Some((&byte, rest)) = chars.split_first() {
        chars = match (byte, rest) {
            (b'%', [high, low, rest @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex_digit(*high) << 4 | hex_digit(*low));
                rest
            }
            (b'%', rest) => {
                // Counted in characters, as a person counts.
                let before = raw.len() - rest.len() - 1;
                let at = raw.char_indices().take_while(|(offset, _)| *offset <= before).count();
                return Err(AddressError::Escape { part, at });
            }
            (byte, rest) => {
                bytes.push(byte);
                rest
            }
        };
    }
    String::from_utf8(bytes).map_err(|_| AddressError::NotUtf8 { part })
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        digit => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn fault(text: &str) -> String {
        text.parse::<Url>()
            .map_or_else(|error| error.to_string(), |url| panic!("{text} gave {url:?}"))
    }

    #[test]
    fn urls_are_taken_apart() {
        type Row<'a> = (
            &'a str,
            bool,
            Option<&'a str>,
            Option<&'a str>,
            &'a str,
            Option<u16>,
            Option<&'a str>,
        );
        let table: &[Row<'_>] = &[
            ("mqtt://h", false, None, None, "h", None, None),
            ("mqtt://h/", false, None, None, "h", None, None),
            ("MQTTS://h:1/a/b", true, None, None, "h", Some(1), Some("a/b")),
            ("tcp://10.0.0.1:1883", false, None, None, "10.0.0.1", Some(1883), None),
            ("ssl://h:", true, None, None, "h", None, None),
            ("mqtt://u@h", false, Some("u"), None, "h", None, None),
            ("mqtt://u:@h", false, Some("u"), Some(""), "h", None, None),
            ("mqtt://:p@h", false, None, Some("p"), "h", None, None),
            ("mqtt://@h", false, None, None, "h", None, None),
            ("mqtt://u:p:q@h", false, Some("u"), Some("p:q"), "h", None, None),
            (
                "mqtt://a@b:c@d@h:2",
                false,
                Some("a@b"),
                Some("c@d"),
                "h",
                Some(2),
                None,
            ),
            (
                "mqtt://u%40x:p%2F%3a%25@h",
                false,
                Some("u@x"),
                Some("p/:%"),
                "h",
                None,
                None,
            ),
            ("mqtt://%C3%BC:ü@h", false, Some("ü"), Some("ü"), "h", None, None),
            ("mqtt://[::1]", false, None, None, "::1", None, None),
            (
                "mqtts://u:p@[2001:db8::7]:99/t",
                true,
                Some("u"),
                Some("p"),
                "2001:db8::7",
                Some(99),
                Some("t"),
            ),
            (
                "mqtt://[fe80::1%25eth0]:5",
                false,
                None,
                None,
                "fe80::1%eth0",
                Some(5),
                None,
            ),
            ("mqtt://b%2eexample", false, None, None, "b.example", None, None),
            ("mqtt://h//a/", false, None, None, "h", None, Some("/a/")),
            ("mqtt://h/a/+/#", false, None, None, "h", None, Some("a/+/#")),
            ("mqtt://h/a?b=c@d:e", false, None, None, "h", None, Some("a?b=c@d:e")),
            (
                "mqtt://h/%24SYS/%23/a%20b+c",
                false,
                None,
                None,
                "h",
                None,
                Some("$SYS/#/a b+c"),
            ),
        ];
        for (text, tls, username, password, host, port, topic) in table {
            let got = url(text);
            assert_eq!(got.tls, *tls, "{text}");
            assert_eq!(got.username.as_deref(), *username, "{text}");
            assert_eq!(got.password.as_deref(), *password, "{text}");
            assert_eq!(got.host, *host, "{text}");
            assert_eq!(got.port, *port, "{text}");
            assert_eq!(got.topic.as_deref(), *topic, "{text}");
        }
    }

    #[test]
    fn bad_urls_say_where() {
        let table = [
            ("", "starts with mqtt://"),
            ("h:1883", "starts with mqtt://"),
            ("mqtt:h", "starts with mqtt://"),
            ("u:secret@h://x", "starts with mqtt://"),
            ("http://h", "scheme `http` is not known"),
            ("ws://", "host is missing"),
            ("ws://?x", "host is missing"),
            ("wss://u:secret/x@h", "written %2F"),
            ("unix:", "path of the socket is missing"),
            ("unix://", "has no host"),
            ("unix://host/run/b.sock", "has no host"),
            ("unix://u:secret@host/run/b.sock", "has no host"),
            ("unix://u:secret/x@/run/b.sock", "written %2F"),
            ("unix:/%zz", "at character 2 of the path"),
            ("mqtt://", "host is missing"),
            ("mqtt:///t", "host is missing"),
            ("mqtt://u:p@:1883", "host is missing"),
            ("mqtt://h:x", "from 1 to 65535"),
            ("mqtt://h:0", "from 1 to 65535"),
            ("mqtt://h:65536", "from 1 to 65535"),
            ("mqtt://h:+1", "from 1 to 65535"),
            ("mqtt://::1", "is written [::1]:1883"),
            ("mqtt://::1:1883", "is written [::1]:1883"),
            ("mqtt://a:b:c", "is written [::1]:1883"),
            ("mqtt://[::1", "`[` without `]`"),
            ("mqtt://[::1]x", "only `:port` may follow"),
            ("mqtt://[h]:1", "not an IPv6 address"),
            ("mqtt://a b", "contains ' '"),
            ("mqtt://h?x", "contains '?'"),
            ("mqtt://h%00", "contains '\\0'"),
            ("mqtt://u:secret/x@h", "written %2F"),
            ("mqtt://u%4@h", "at character 2 of the user name"),
            ("mqtt://u:é%zz@h", "at character 2 of the password"),
            ("mqtt://h/abc%", "at character 4 of the topic"),
            ("mqtt://h/%+1", "at character 1 of the topic"),
            ("mqtt://u:%ff@h", "in the password do not give UTF-8"),
        ];
        for (text, expected) in table {
            let message = fault(text);
            assert!(message.contains(expected), "{text}: {message}");
            assert!(!message.contains("secret"), "{text}: {message}");
        }
    }

    #[test]
    fn a_websocket_url_has_a_path_and_no_topic() {
        for (text, tls, path, port) in [
            ("ws://h", false, None, 80),
            ("WSS://h", true, None, 443),
            ("ws://h/", false, Some("/"), 80),
            ("ws://h:9001/a%20b/c?d=/e@f#g", false, Some("/a%20b/c?d=/e@f#g"), 9001),
            ("wss://h?token=x", true, Some("?token=x"), 443),
            ("ws://u:p@h/mqtt", false, Some("/mqtt"), 80),
        ] {
            let got = url(text);
            let path = path.map(str::to_owned);
            assert_eq!(got.transport, Transport::WebSocket { path }, "{text}");
            assert_eq!((got.tls, got.topic.as_deref()), (tls, None), "{text}");
            assert_eq!(got.address(), Address::new("h", port), "{text}");
        }
        assert_eq!(url("ws://u:p@h/mqtt").username.as_deref(), Some("u"));
    }

    #[test]
    fn mosquittos_tools_take_the_path_for_a_topic() {
        let read = |text| url(text).in_mosquittos_way().unwrap();
        let with_topic = read("wss://u@h/a%20b/+");
        assert_eq!(with_topic.transport, Transport::WebSocket { path: None });
        assert_eq!(with_topic.topic.as_deref(), Some("a b/+"));
        assert_eq!(with_topic.address(), Address::new("h", 8883));
        assert_eq!(read("ws://h").address(), Address::new("h", 1883));
        assert_eq!(read("ws://h:1/").address(), Address::new("h", 1));
        assert_eq!(read("mqtt://h/a"), url("mqtt://h/a"));
        assert!(url("ws://h/%zz").in_mosquittos_way().is_err());
    }

    #[test]
    fn a_unix_url_names_a_path() {
        for (text, path, username, password) in [
            ("unix:/run/b.sock", "/run/b.sock", None, None),
            ("UNIX:///run/b.sock", "/run/b.sock", None, None),
            ("unix:b%20c", "b c", None, None),
            ("unix:@/a", "@/a", None, None),
            ("unix://u@/b:c", "/b:c", Some("u"), None),
            ("unix://u:p%40@/b@c", "/b@c", Some("u"), Some("p@")),
        ] {
            let got = url(text);
            assert_eq!(got.transport, Transport::Unix { path: path.into() }, "{text}");
            assert_eq!(got.username.as_deref(), username, "{text}");
            assert_eq!(got.password.as_deref(), password, "{text}");
        }
    }

    #[test]
    fn debug_of_a_url_hides_the_password() {
        let shown = format!("{:?}", url("mqtt://u:secret@h"));
        assert!(shown.contains("***") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn default_ports_follow_the_scheme() {
        assert_eq!(url("mqtt://h").address(), Address::new("h", 1883));
        assert_eq!(url("mqtts://h").address(), Address::new("h", 8883));
        assert_eq!(url("mqtts://h:1").address(), Address::new("h", 1));
    }

    #[test]
    fn host_and_port_are_taken_apart() {
        let good = [
            ("localhost", "localhost", None),
            ("h:1", "h", Some(1)),
            ("127.0.0.1:0", "127.0.0.1", Some(0)),
            ("::", "::", None),
            ("::1", "::1", None),
            ("fe80::1%eth0", "fe80::1%eth0", None),
            ("[::1]", "::1", None),
            ("[::1]:65535", "::1", Some(65535)),
        ];
        for (text, host, port) in good {
            assert_eq!(parse_host_port(text), Ok((host.to_owned(), port)), "{text}");
        }
        let bad = [
            ("", AddressError::NoHost),
            (":1", AddressError::NoHost),
            ("h:", AddressError::NoPort),
            ("h:x", AddressError::Port { min: 0 }),
            ("h:70000", AddressError::Port { min: 0 }),
            ("a:b:c", AddressError::Colons),
            ("[::1", AddressError::Bracket),
            ("[::1]:", AddressError::NoPort),
            ("[x]", AddressError::NotIpv6),
            ("[::1]1", AddressError::AfterBracket),
            ("mqtt://h", AddressError::UrlAsHost),
            ("a/b", AddressError::HostCharacter('/')),
            ("u@h", AddressError::HostCharacter('@')),
        ];
        for (text, error) in bad {
            assert_eq!(parse_host_port(text), Err(error), "{text}");
        }
    }

    #[test]
    fn an_address_shows_ipv6_in_brackets() {
        assert_eq!(Address::new("::1", 1883).to_string(), "[::1]:1883");
        assert_eq!(Address::new("h", 1).to_string(), "h:1");
    }
}
