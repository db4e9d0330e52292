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
        hint: Option<&'static net::Hint>,
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
        /// CONNECT had a password: a refusal is because it is wrong, not because it is missing.
        password_sent: bool,
        /// A guess at what it is instead.
        hint: Option<&'static net::Hint>,
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

    /// Whether another version may do better: the broker refuses this one, or closes the connection, as the older versions
    /// of the standard want it, or is silent, as amqtt is.
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
