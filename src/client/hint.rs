//! What may help when a client gives up, as values. It must not know the command line: who does has the words for them.

use super::Error;
use super::error::StreamError;
use crate::net;
use crate::protocol::{Properties, PropertyId, ReasonCode as R};
use crate::session;

/// What may help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// What the byte stream knows.
    Net(net::Hint),
    /// The broker closed the connection without an answer to CONNECT.
    ClosedAtConnect,
    /// The broker did not answer CONNECT.
    SilentAtConnect,
    /// The broker may not support QoS 2.
    NoQos2,
    /// The broker wants an authentication that is not supported.
    EnhancedAuthentication,
    /// User name or password are wrong.
    CredentialsWrong,
    /// The broker wants a user name and a password, and got none.
    CredentialsMissing,
    /// The broker does not let this client do what it wants: its credentials are wrong, or it may not.
    NotAuthorized,
    /// The broker speaks another version.
    Version,
    /// The client identifier is not accepted.
    ClientIdentifier,
    /// Another client has the same identifier.
    TakenOver,
    /// The broker sends its clients to another one, which it may name.
    OtherServer(Option<String>),
    /// The message is too large for the broker.
    PacketTooLarge,
    /// Too many messages at once.
    ReceiveMaximum,
}

impl Error {
    /// What may help, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Self::Connect(error) => error.hint().map(Hint::Net),
            Self::NoConnack { hint: Some(hint), .. } | Self::Session { hint: Some(hint), .. } => {
                Some(Hint::Net((*hint).clone()))
            }
            Self::NoConnack { limit: None, .. } => Some(Hint::ClosedAtConnect),
            Self::NoConnack { limit: Some(_), .. } => Some(Hint::SilentAtConnect),
            Self::Io { on_qos2: true, .. } => Some(Hint::NoQos2),
            Self::Io {
                source: StreamError(error),
                ..
            } => net::io_hint(error).map(Hint::Net),
            Self::GaveUp { source, .. } => source.hint(),
            Self::Session {
                source, password_sent, ..
            } => session_hint(source, *password_sent),
        }
    }
}

fn session_hint(error: &session::Error, password_sent: bool) -> Option<Hint> {
    match error {
        session::Error::EnhancedAuthentication => Some(Hint::EnhancedAuthentication),
        session::Error::ClosedOnQos2 => Some(Hint::NoQos2),
        session::Error::Refused(refusal) => match (refusal.reason, password_sent) {
            (R::BAD_USER_NAME_OR_PASSWORD | R::NOT_AUTHORIZED, false) => Some(Hint::CredentialsMissing),
            (R::BAD_USER_NAME_OR_PASSWORD, true) => Some(Hint::CredentialsWrong),
            _ => refusal_hint(refusal.reason, &refusal.properties),
        },
        session::Error::Disconnected(refusal) => refusal_hint(refusal.reason, &refusal.properties),
        _ => None,
    }
}

fn refusal_hint(reason: R, properties: &Properties) -> Option<Hint> {
    Some(match reason {
        R::NOT_AUTHORIZED => Hint::NotAuthorized,
        R::UNSUPPORTED_PROTOCOL_VERSION => Hint::Version,
        R::CLIENT_IDENTIFIER_NOT_VALID => Hint::ClientIdentifier,
        R::SESSION_TAKEN_OVER => Hint::TakenOver,
        R::USE_ANOTHER_SERVER | R::SERVER_MOVED => {
            let server = properties.text(PropertyId::ServerReference);
            Hint::OtherServer(server.map(|server| server.escape_debug().to_string()))
        }
        R::PACKET_TOO_LARGE => Hint::PacketTooLarge,
        R::RECEIVE_MAXIMUM_EXCEEDED => Hint::ReceiveMaximum,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::PacketType;

    fn refusal(reason: R) -> session::Error {
        session::Error::Refused(session::error::Reply {
            packet: PacketType::Connack,
            reason,
            properties: Properties::default(),
        })
    }

    #[test]
    fn a_missing_password_is_not_a_wrong_one() {
        for (reason, password_sent, expected) in [
            (R::BAD_USER_NAME_OR_PASSWORD, true, Hint::CredentialsWrong),
            (R::BAD_USER_NAME_OR_PASSWORD, false, Hint::CredentialsMissing),
            (R::NOT_AUTHORIZED, true, Hint::NotAuthorized),
            (R::NOT_AUTHORIZED, false, Hint::CredentialsMissing),
        ] {
            let hint = session_hint(&refusal(reason), password_sent);
            assert_eq!(hint, Some(expected), "{reason:?} {password_sent}");
        }
    }
}
