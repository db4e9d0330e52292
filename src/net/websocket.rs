//! WebSocket (RFC 6455) over a stream: the opening handshake of either end; `frames` has what comes then. Must not know
//! addresses.

mod frames;

pub use frames::WebSocket;

use std::fmt;
use std::io;

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::http::{Head, HeadError, read_request, read_response};
use super::{Hint, Stream};
use crate::base64;
use frames::Role;

/// The path that is asked for when none is given.
pub const WEBSOCKET_PATH: &str = "/mqtt";
/// The only sub-protocol that is offered and accepted.
const SUB_PROTOCOL: &str = "mqtt";

/// What is asked of a WebSocket server.
///
/// `Debug` shows the names of the headers, not their values: one of them may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct WebSocketRequest {
    /// The value of the header `Host`.
    pub host: String,
    /// Path and query, as they go onto the wire: see [`request_target`].
    pub path: String,
    /// Further headers: see [`parse_header`].
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for WebSocketRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("WebSocketRequest")
            .field("host", &self.host)
            .field("path", &self.path)
            .field("headers", &names)
            .finish()
    }
}

/// Why a server does not speak WebSocket with us. `Display` is complete: there is no further source.
#[derive(Debug)]
pub struct WebSocketError(Fault);

#[derive(Debug)]
enum Fault {
    /// No answer in HTTP.
    Head(HeadError),
    /// Another status than 101.
    Status {
        status: u16,
        reason: String,
        path: String,
        location: Option<String>,
    },
    /// The first line is no status line.
    NoStatus(String),
    /// 101, but something is wrong with it.
    Answer(&'static str),
    /// The sub-protocol that the server chose, if any.
    SubProtocol(Option<String>),
}

impl WebSocketError {
    /// Whether trying again may help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match &self.0 {
            Fault::Head(error) => matches!(error, HeadError::Io(_)),
            // Too many requests, or a server behind the server that is away.
            Fault::Status { status, .. } => *status == 429 || *status >= 500,
            Fault::NoStatus(_) | Fault::Answer(_) | Fault::SubProtocol(_) => false,
        }
    }

    /// What to do about it, where that is known.
    pub(super) fn hint(&self) -> Option<Hint> {
        match &self.0 {
            // A TLS record: an alert, or a handshake message.
            Fault::Head(HeadError::NotHttp(first)) if matches!(first[..], [0x15 | 0x16, ..]) => {
                Some(Hint::SpeaksTlsBelowWebSocket)
            }
            Fault::Head(_) | Fault::NoStatus(_) | Fault::Answer(_) => Some(Hint::NotWebSocket),
            Fault::Status {
                location: Some(location),
                status: 300..=399,
                ..
            } => Some(Hint::Redirected(shown(location))),
            Fault::Status { status, .. } => match status {
                401 | 403 => Some(Hint::WebSocketCredentials),
                404 | 405 => Some(Hint::WebSocketPath),
                407 => Some(Hint::WebSocketProxy),
                400..=499 | 200..=299 => Some(Hint::WebSocketPlace),
                _ => None,
            },
            Fault::SubProtocol(_) => Some(Hint::SubProtocol),
        }
    }
}

impl std::error::Error for WebSocketError {}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Fault::Head(error) => error.fmt(f),
            Fault::Status {
                status, reason, path, ..
            } => {
                let reason = shown(reason);
                let gap = if reason.is_empty() { "" } else { " " };
                write!(f, "the server answered {status}{gap}{reason} to GET {}", shown(path))
            }
            Fault::NoStatus(line) => write!(f, "the server's answer is not HTTP: \"{}\"", shown(line)),
            Fault::Answer(what) => write!(f, "the server's answer has {what}"),
            Fault::SubProtocol(None) => f.write_str("the server does not take the sub-protocol `mqtt`: it chose none"),
            Fault::SubProtocol(Some(name)) => {
                write!(
                    f,
                    "the server does not take the sub-protocol `mqtt`: it chose \"{}\"",
                    shown(name)
                )
            }
        }
    }
}

/// A peer's text: escaped, and not at any length.
fn shown(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}

/// A path as it is typed, made fit for the wire: it starts with `/`, and what may not stand there is percent-encoded.
/// Escapes that are there already stay.
#[must_use]
pub fn request_target(path: &str) -> String {
    let mut target = String::with_capacity(path.len() + 1);
    if !path.starts_with('/') {
        target.push('/');
    }
    for byte in path.bytes() {
        // `#` would end the path (RFC 6455, section 3).
        if byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte) {
            target.push(char::from(byte));
        } else {
            target.push_str(&format!("%{byte:02X}"));
        }
    }
    target
}

/// Takes `NAME: VALUE` apart.
///
/// # Errors
///
/// Words on what is wrong, without the value: it may be a secret.
pub fn parse_header(text: &str) -> Result<(String, String), String> {
    const OWN: &[&str] = &[
        "connection",
        "upgrade",
        "content-length",
        "transfer-encoding",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
    ];
    let (name, value) = text.split_once(':').ok_or("a header is written `NAME: VALUE`")?;
    let (name, value) = (name.trim_end(), value.trim());
    // RFC 9110, section 5.6.2.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err("the name of a header has letters, digits and `-` only".to_owned());
    }
    if OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err(format!("the header {name} is made by the WebSocket protocol itself"));
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(format!("the value of the header {name} has a control character in it"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Asks for a WebSocket on a stream that was just opened.
pub(super) async fn connect(mut stream: Stream, request: &WebSocketRequest) -> Result<Stream, WebSocketError> {
    let fault = |fault| Err(WebSocketError(fault));
    let failed = |error| WebSocketError(Fault::Head(HeadError::Io(error)));
    let key = key().map_err(failed)?;
    let text = request_text(request, &key);
    stream.write_all(text.as_bytes()).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    let head = match read_response(&mut stream).await {
        Ok(head) => head,
        Err(error) => return fault(Fault::Head(error)),
    };
    match head.status() {
        Some((101, _)) => {}
        Some((status, reason)) => {
            return fault(Fault::Status {
                status,
                reason: reason.to_owned(),
                path: request.path.clone(),
                location: head.header("location").map(str::to_owned),
            });
        }
        None => return fault(Fault::NoStatus(head.first)),
    }
    if let Some(what) = wrong_answer(&head, &key) {
        return fault(Fault::Answer(what));
    }
    match head.header("sec-websocket-protocol") {
        Some(SUB_PROTOCOL) => Ok(wrapped(stream, Role::Client)),
        other => fault(Fault::SubProtocol(other.map(str::to_owned))),
    }
}

fn request_text(request: &WebSocketRequest, key: &str) -> String {
    let WebSocketRequest { host, path, headers } = request;
    let mut text = format!("GET {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text.push_str(&format!("Host: {host}\r\n"));
    }
    text.push_str(&format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {SUB_PROTOCOL}\r\n"
    ));
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text
}

/// What the status 101 must come with (RFC 6455, section 4.1).
fn wrong_answer(head: &Head, key: &str) -> Option<&'static str> {
    if !head.has_word("upgrade", "websocket") {
        Some("no `Upgrade: websocket`")
    } else if !head.has_word("connection", "upgrade") {
        Some("no `Connection: Upgrade`")
    } else if head.header("sec-websocket-accept") != Some(accept(key).as_str()) {
        Some("a wrong Sec-WebSocket-Accept: it is an answer to somebody else, or from a cache")
    } else if head.header("sec-websocket-extensions").is_some() {
        Some("an extension (Sec-WebSocket-Extensions) that was not asked for")
    } else {
        None
    }
}

fn key() -> io::Result<String> {
    let mut random = [0; 16];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(text64(&random))
}

/// The proof that the request was understood: RFC 6455, section 4.2.2.
fn accept(key: &str) -> String {
    let joined = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    text64(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, joined.as_bytes()).as_ref())
}

fn text64(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    base64::encode(bytes, &mut text);
    text.into_iter().map(char::from).collect()
}

/// Answers a client that asks for a WebSocket, on any path.
pub(super) async fn accept_client(mut stream: Stream) -> io::Result<Stream> {
    let (answer, fault) = match read_request(&mut stream).await {
        Ok(head) => answer(&head),
        Err(HeadError::Io(error)) => return Err(error),
        Err(error) => (refusal("400 Bad Request", "", NO_REQUEST).0, Some(error.to_string())),
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.flush().await?;
    let Some(what) = fault else {
        return Ok(wrapped(stream, Role::Server));
    };
    stream.shutdown().await?;
    // Closing while the client still sends would destroy the answer on its way.
    let mut rest = [0; 4096];
    for _ in 0..16 {
        if stream.read(&mut rest).await? == 0 {
            break;
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}

const NO_REQUEST: &str = "only WebSocket is spoken here";

/// The answer, and why it is a refusal.
fn answer(head: &Head) -> (String, Option<String>) {
    let asks = head.has_word("upgrade", "websocket") && head.has_word("connection", "upgrade");
    let Some(key) = head.header("sec-websocket-key").filter(|_| asks) else {
        return refusal("426 Upgrade Required", "Upgrade: websocket\r\n", NO_REQUEST);
    };
    if head.header("sec-websocket-version") != Some("13") {
        let version = "Sec-WebSocket-Version: 13\r\n";
        return refusal(
            "400 Bad Request",
            version,
            "only version 13 of WebSocket is spoken here",
        );
    }
    if !head.has_word("sec-websocket-protocol", SUB_PROTOCOL) {
        let what = "the sub-protocol `mqtt` is not among those that the client offers";
        return refusal("400 Bad Request", "", what);
    }
    let accept = accept(key);
    let text = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {SUB_PROTOCOL}\r\n\r\n"
    );
    (text, None)
}

fn refusal(status: &str, header: &str, what: &str) -> (String, Option<String>) {
    let length = what.len() + 1;
    let text = format!(
        "HTTP/1.1 {status}\r\n{header}Connection: close\r\nContent-Type: text/plain\r\n\
         Content-Length: {length}\r\n\r\n{what}\n"
    );
    (text, Some(what.to_owned()))
}

fn wrapped(stream: Stream, role: Role) -> Stream {
    Stream::WebSocket(Box::new(WebSocket::new(stream, role)))
}

#[cfg(test)]
#[path = "websocket/tests.rs"]
mod tests;
