//! Why a session ends. It must not know sockets.

use crate::protocol::{DecodeError, EncodeError, PacketId, PacketType, Properties, PropertyValue, ReasonCode, Utf8};
use std::fmt;
use std::time::Duration;

/// A session cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer sent what is no MQTT.
    #[error("the peer sent a malformed packet")]
    Decode(#[from] DecodeError),
    /// What the application wants cannot be said.
    #[error("a packet cannot be sent")]
    Encode(#[from] EncodeError),
    /// CONNACK with a failure.
    #[error("the broker refused the connection: {0}")]
    Refused(Reply),
    /// The peer sent DISCONNECT.
    #[error("the broker disconnected: {0}")]
    Disconnected(Reply),
    /// The broker has a session of this client identifier that this run has no state of, and may not go on with
    /// `[MQTT-3.2.2-4]`: see [`super::Options::adopt_session`]. The next connection, due at once, begins a new one.
    #[error("the broker has a session of {0:?} that this run knows nothing of: beginning a new one [MQTT-3.2.2-4]")]
    ForeignSession(Utf8),
    /// That session was ended by a connection of its own, as 3.1 and 3.1.1 need it; the next one, due at once, begins
    /// the session that was asked for. It is no failure.
    #[error("the broker's session of an earlier run was ended")]
    SessionEnded,
    /// The broker sent AUTH (version 5, section 4.12), which nothing here can answer.
    #[error("the broker asks for enhanced authentication (AUTH), which mqkit does not have")]
    EnhancedAuthentication,
    /// A packet that may not come now.
    #[error("the peer sent {0}, which must not come {1}")]
    Unexpected(PacketType, &'static str),
    /// An acknowledgement that cannot be the answer to what was sent with its packet identifier.
    #[error("the peer sent {packet} for packet identifier {packet_id}, but {expected}")]
    WrongAcknowledgement {
        /// What came.
        packet: PacketType,
        /// For which exchange.
        packet_id: PacketId,
        /// What would have been right, with the statement that says so.
        expected: &'static str,
    },
    /// More unacknowledged messages than we allowed `[MQTT-3.3.4-9]`.
    #[error("the peer sent more than {0} unacknowledged messages, our receive maximum [MQTT-3.3.4-9]")]
    ReceiveMaximumExceeded(u16),
    /// A topic alias that was never set, or is above our maximum `[MQTT-3.3.2-8]`.
    #[error("the peer used topic alias {0}, which is not set [MQTT-3.3.2-8]")]
    TopicAliasInvalid(u16),
    /// SUBACK or UNSUBACK with another number of reason codes than there were filters `[MQTT-3.8.4-6]`.
    #[error("{0} has {1} reason codes for {2} filters [MQTT-3.8.4-6]")]
    WrongCount(PacketType, usize, usize),
    /// No PINGRESP, or nothing within one and a half keep alives `[MQTT-3.1.2-22]`.
    #[error("no answer for {}s (keep alive)", .0.as_secs())]
    KeepAlive(Duration),
    /// No acknowledgement in time.
    #[error("no acknowledgement within {}", humane(*.0))]
    AckTimeout(Duration),
    /// The peer closed the connection.
    #[error("the peer closed the connection{0}")]
    Closed(&'static str),
    /// The peer closed the connection and has not answered any QoS 2 message, as brokers do that have no QoS 2.
    #[error("the peer closed the connection instead of answering a QoS 2 message")]
    ClosedOnQos2,
}

fn humane(duration: Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}

/// What a peer says with a reason code: an acknowledgement, a refusal, the end of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// In which packet.
    pub packet: PacketType,
    /// Its reason code; return codes of 3.1 and 3.1.1 are mapped onto it.
    pub reason: ReasonCode,
    /// Its properties: reason string, server reference.
    pub properties: Properties,
}

impl Reply {
    /// What a packet says with one of its reason codes, and its properties.
    #[must_use]
    pub fn new(packet: PacketType, reason: ReasonCode, properties: &Properties) -> Self {
        let properties = properties.clone();
        Self {
            packet,
            reason,
            properties,
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02x})", self.reason.name_in(self.packet), self.reason.0)?;
        for (id, value) in self.properties.iter() {
            // `escape_debug`: the text is the peer's, and ends up on a terminal.
            match value {
                PropertyValue::Text(text) => write!(f, ", {id}: {}", text.escape_debug())?,
                PropertyValue::Pair(key, value) => {
                    write!(f, ", {id} {}: {}", key.escape_debug(), value.escape_debug())?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Error {
    /// The reason code for the DISCONNECT that answers it (version 5, section 4.13); `None` when there is no one to
    /// answer.
    #[must_use]
    pub fn reason(&self) -> Option<ReasonCode> {
        match self {
            Self::Decode(error) => Some(error.fault.reason()),
            Self::Unexpected(..) | Self::WrongAcknowledgement { .. } | Self::WrongCount(..) => {
                Some(ReasonCode::PROTOCOL_ERROR)
            }
            Self::EnhancedAuthentication => Some(ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR),
            Self::ReceiveMaximumExceeded(_) => Some(ReasonCode::RECEIVE_MAXIMUM_EXCEEDED),
            Self::TopicAliasInvalid(_) => Some(ReasonCode::TOPIC_ALIAS_INVALID),
            Self::KeepAlive(_) => Some(ReasonCode::KEEP_ALIVE_TIMEOUT),
            Self::AckTimeout(_) => Some(ReasonCode::UNSPECIFIED_ERROR),
            // What is to be said has been said: an orderly DISCONNECT, so that no will is published.
            Self::ForeignSession(_) | Self::SessionEnded => None,
            Self::Encode(_) | Self::Refused(_) | Self::Disconnected(_) | Self::Closed(_) | Self::ClosedOnQos2 => None,
        }
    }

    /// Whether connecting again may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Closed(_) | Self::ClosedOnQos2 | Self::KeepAlive(_) | Self::AckTimeout(_) => true,
            Self::ForeignSession(_) | Self::SessionEnded => true,
            Self::Refused(refusal) | Self::Disconnected(refusal) => matches!(
                refusal.reason,
                ReasonCode::SUCCESS
                    | ReasonCode::UNSPECIFIED_ERROR
                    | ReasonCode::SERVER_UNAVAILABLE
                    | ReasonCode::SERVER_BUSY
                    | ReasonCode::SERVER_SHUTTING_DOWN
                    | ReasonCode::KEEP_ALIVE_TIMEOUT
                    | ReasonCode::MESSAGE_RATE_TOO_HIGH
                    | ReasonCode::CONNECTION_RATE_EXCEEDED
                    | ReasonCode::MAXIMUM_CONNECT_TIME
            ),
            _ => false,
        }
    }
}
