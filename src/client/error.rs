//! Why a client gave up. It must not know exit statuses.

use crate::net::{self, ConnectError};
use crate::protocol::Version;
use crate::session;
use std::io;
use std::time::Duration;

/// A client cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No byte stream.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A byte stream, and no CONNACK on it.
    #[error("cannot connect to {address} (CONNACK): {}", no_answer(.limit))]
    NoConnack {
        /// `host:port`.
        address: String,
        /// The limit that ran out; none when the broker closed the connection.
        limit: Option<Duration>,
        /// A guess at what it is instead.
        hint: Option<&'static str>,
    },
    /// The session ended.
    #[error("connection to {address} failed")]
    Session {
        /// `host:port`.
        address: String,
        /// Why.
        source: session::Error,
        /// The version that was spoken.
        version: Version,
        /// A guess at what it is instead.
        hint: Option<&'static str>,
    },
    /// Reading or writing failed.
    #[error("connection to {address} was lost")]
    Io {
        /// `host:port`.
        address: String,
        /// Why.
        source: StreamError,
        /// The peer has not answered any QoS 2 message: it may have closed the connection because of that.
        on_qos2: bool,
    },
    /// A lost connection could not be made again in time.
    #[error("connection to {address} was lost, and not made again within {}s", .within.as_secs_f64())]
    GaveUp {
        /// `host:port`.
        address: String,
        /// The limit.
        within: Duration,
        /// The last attempt.
        source: Box<Self>,
    },
}

const NO_QOS2: &str = "a broker that does not support QoS 2 does so, NATS for one: try -q 1";

/// Reading or writing failed; says so in plain words.
#[derive(Debug)]
pub struct StreamError(pub io::Error);

impl std::error::Error for StreamError {}

impl std::fmt::Display for StreamError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&net::io_message(&self.0))
    }
}

fn no_answer(limit: &Option<Duration>) -> String {
    match limit {
        Some(limit) => format!("no answer to CONNECT within {}s", limit.as_secs_f64()),
        None => "the broker closed the connection without an answer to CONNECT".to_owned(),
    }
}

impl Error {
    /// What may help, in one sentence.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(error) => error.hint(),
            Self::NoConnack { hint, .. } | Self::Session { hint, .. } if hint.is_some() => hint.map(str::to_owned),
            Self::NoConnack { limit: None, .. } => Some(
                "a broker closes without a word when it wants TLS (use mqtts:// or --cafile), another protocol \
                 version (-V 311), or has no place for more clients"
                    .to_owned(),
            ),
            Self::NoConnack { .. } => {
                Some("is it an MQTT broker? some brokers never answer version 5: try -V 311".to_owned())
            }
            Self::Io { on_qos2: true, .. } => Some(NO_QOS2.to_owned()),
            Self::Io { source, .. } => net::io_hint(&source.0),
            Self::GaveUp { source, .. } => source.hint(),
            Self::Session { source, .. } => session_hint(source),
        }
    }

    /// Whether connecting again may help.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Connect(ConnectError {
                source: net::Cause::Tls(error),
                ..
            }) => is_hang_up(error),
            Self::Connect(ConnectError {
                source: net::Cause::Proxy(error),
                ..
            }) => error.may_pass(),
            Self::Connect(ConnectError {
                source: net::Cause::WebSocket(error),
                ..
            }) => error.may_pass(),
            Self::Io {
                source: StreamError(error),
                ..
            } => net::io_hint(error).is_none() || is_hang_up(error),
            Self::Connect(_) | Self::NoConnack { .. } => true,
            Self::Session { source, .. } => source.is_transient(),
            Self::GaveUp { .. } => false,
        }
    }

    /// Whether it looks like a broker that does not speak version 5.
    pub(super) fn suggests_older_version(&self) -> bool {
        use crate::protocol::ReasonCode;
        match self {
            Self::NoConnack { .. } => true,
            Self::Session {
                source: session::Error::Refused(refusal),
                ..
            } => refusal.reason == ReasonCode::UNSUPPORTED_PROTOCOL_VERSION,
            _ => false,
        }
    }
}

/// Whether the peer ended the connection, however rudely.
pub(super) fn is_hang_up(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::UnexpectedEof | Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe
    )
}

fn session_hint(error: &session::Error) -> Option<String> {
    use crate::protocol::{PropertyId, ReasonCode as R};
    if matches!(error, session::Error::EnhancedAuthentication) {
        return Some("log in with a user name and password, or a client certificate (--cert, --key)".to_owned());
    }
    if matches!(error, session::Error::ClosedOnQos2) {
        return Some(NO_QOS2.to_owned());
    }
    let (session::Error::Refused(refusal) | session::Error::Disconnected(refusal)) = error else {
        return None;
    };
    let hint = match refusal.reason {
        R::BAD_USER_NAME_OR_PASSWORD => "check -u and the password; brokers compare both exactly",
        R::NOT_AUTHORIZED => "the broker wants a user name and password (-u, --password-file), or forbids this client",
        R::UNSUPPORTED_PROTOCOL_VERSION => "try -V 311 or -V 5",
        R::CLIENT_IDENTIFIER_NOT_VALID => "try another client identifier with -i",
        R::SESSION_TAKEN_OVER => "another client connected with the same identifier: give each its own with -i",
        R::USE_ANOTHER_SERVER | R::SERVER_MOVED => {
            return Some(match refusal.properties.text(PropertyId::ServerReference) {
                Some(server) => format!(
                    "connect to the server that the broker names: -h {}",
                    server.escape_debug()
                ),
                None => "connect to another server of this broker".to_owned(),
            });
        }
        R::PACKET_TOO_LARGE => "the broker limits the size of a message",
        R::RECEIVE_MAXIMUM_EXCEEDED => "a smaller --max-inflight may help",
        _ => return None,
    };
    Some(hint.to_owned())
}
