//! The table of reason codes: value, name, the packets that may carry it, and who may send it. It must not
//! know what a session does about them.

use super::packet::bits::*;
use super::{PacketType, Sender};
use std::fmt;

/// A reason code of version 5; the return codes of CONNACK and SUBACK before it are mapped onto it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonCode(pub u8);

struct Row {
    code: u8,
    name: &'static str,
    packets: u16,
    /// Packets in which only the server may send it.
    server_only: u16,
}

macro_rules! reason_codes {
    ($($name:ident = $code:literal, $text:literal, $packets:expr, $server_only:expr;)*) => {
        #[allow(missing_docs, reason = "the names are the standard's")]
        impl ReasonCode { $(pub const $name: Self = Self($code);)* }
        const TABLE: &[Row] = &[$(Row { code: $code, name: $text, packets: $packets, server_only: $server_only }),*];
    };
}

// MQTT 5.0, section 2.4, Table 2-6, with the directions of section 3.14.2.1 and 3.15.2.1.
reason_codes! {
    SUCCESS = 0x00, "Success", CONNACK | PUBACK | PUBREC | PUBREL | PUBCOMP | SUBACK | UNSUBACK | DISCONNECT | AUTH, AUTH;
    GRANTED_QOS_1 = 0x01, "Granted QoS 1", SUBACK, 0;
    GRANTED_QOS_2 = 0x02, "Granted QoS 2", SUBACK, 0;
    DISCONNECT_WITH_WILL = 0x04, "Disconnect with Will Message", DISCONNECT, 0;
    NO_MATCHING_SUBSCRIBERS = 0x10, "No matching subscribers", PUBACK | PUBREC, PUBACK | PUBREC;
    NO_SUBSCRIPTION_EXISTED = 0x11, "No subscription existed", UNSUBACK, 0;
    CONTINUE_AUTHENTICATION = 0x18, "Continue authentication", AUTH, 0;
    REAUTHENTICATE = 0x19, "Re-authenticate", AUTH, 0;
    UNSPECIFIED_ERROR = 0x80, "Unspecified error", CONNACK | PUBACK | PUBREC | SUBACK | UNSUBACK | DISCONNECT, 0;
    MALFORMED_PACKET = 0x81, "Malformed Packet", CONNACK | DISCONNECT, 0;
    PROTOCOL_ERROR = 0x82, "Protocol Error", CONNACK | DISCONNECT, 0;
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83, "Implementation specific error", CONNACK | PUBACK | PUBREC | SUBACK | UNSUBACK | DISCONNECT, 0;
    UNSUPPORTED_PROTOCOL_VERSION = 0x84, "Unsupported Protocol Version", CONNACK, 0;
    CLIENT_IDENTIFIER_NOT_VALID = 0x85, "Client Identifier not valid", CONNACK, 0;
    BAD_USER_NAME_OR_PASSWORD = 0x86, "Bad User Name or Password", CONNACK, 0;
    NOT_AUTHORIZED = 0x87, "Not authorized", CONNACK | PUBACK | PUBREC | SUBACK | UNSUBACK | DISCONNECT, DISCONNECT;
    SERVER_UNAVAILABLE = 0x88, "Server unavailable", CONNACK, 0;
    SERVER_BUSY = 0x89, "Server busy", CONNACK | DISCONNECT, DISCONNECT;
    BANNED = 0x8a, "Banned", CONNACK, 0;
    SERVER_SHUTTING_DOWN = 0x8b, "Server shutting down", DISCONNECT, DISCONNECT;
    BAD_AUTHENTICATION_METHOD = 0x8c, "Bad authentication method", CONNACK | DISCONNECT, DISCONNECT;
    KEEP_ALIVE_TIMEOUT = 0x8d, "Keep Alive timeout", DISCONNECT, DISCONNECT;
    SESSION_TAKEN_OVER = 0x8e, "Session taken over", DISCONNECT, DISCONNECT;
    TOPIC_FILTER_INVALID = 0x8f, "Topic Filter invalid", SUBACK | UNSUBACK | DISCONNECT, DISCONNECT;
    TOPIC_NAME_INVALID = 0x90, "Topic Name invalid", CONNACK | PUBACK | PUBREC | DISCONNECT, 0;
    PACKET_IDENTIFIER_IN_USE = 0x91, "Packet Identifier in use", PUBACK | PUBREC | SUBACK | UNSUBACK, 0;
    PACKET_IDENTIFIER_NOT_FOUND = 0x92, "Packet Identifier not found", PUBREL | PUBCOMP, 0;
    RECEIVE_MAXIMUM_EXCEEDED = 0x93, "Receive Maximum exceeded", DISCONNECT, 0;
    TOPIC_ALIAS_INVALID = 0x94, "Topic Alias invalid", DISCONNECT, 0;
    PACKET_TOO_LARGE = 0x95, "Packet too large", CONNACK | DISCONNECT, 0;
    MESSAGE_RATE_TOO_HIGH = 0x96, "Message rate too high", DISCONNECT, 0;
    QUOTA_EXCEEDED = 0x97, "Quota exceeded", CONNACK | PUBACK | PUBREC | SUBACK | DISCONNECT, 0;
    ADMINISTRATIVE_ACTION = 0x98, "Administrative action", DISCONNECT, 0;
    PAYLOAD_FORMAT_INVALID = 0x99, "Payload format invalid", CONNACK | PUBACK | PUBREC | DISCONNECT, 0;
    RETAIN_NOT_SUPPORTED = 0x9a, "Retain not supported", CONNACK | DISCONNECT, DISCONNECT;
    QOS_NOT_SUPPORTED = 0x9b, "QoS not supported", CONNACK | DISCONNECT, DISCONNECT;
    USE_ANOTHER_SERVER = 0x9c, "Use another server", CONNACK | DISCONNECT, DISCONNECT;
    SERVER_MOVED = 0x9d, "Server moved", CONNACK | DISCONNECT, DISCONNECT;
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9e, "Shared Subscriptions not supported", SUBACK | DISCONNECT, DISCONNECT;
    CONNECTION_RATE_EXCEEDED = 0x9f, "Connection rate exceeded", CONNACK | DISCONNECT, DISCONNECT;
    MAXIMUM_CONNECT_TIME = 0xa0, "Maximum connect time", DISCONNECT, DISCONNECT;
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xa1, "Subscription Identifiers not supported", SUBACK | DISCONNECT, DISCONNECT;
    WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xa2, "Wildcard Subscriptions not supported", SUBACK | DISCONNECT, DISCONNECT;
}

/// How a reason code stands to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// The packet may carry it.
    Yes,
    /// The packet must not carry it.
    No,
    /// The packet may carry it, but not from this sender.
    WrongDirection,
}

impl ReasonCode {
    /// True from 0x80 on: the operation failed (version 5, section 2.4).
    #[must_use]
    pub fn is_failure(self) -> bool {
        self.0 >= 0x80
    }

    /// The standard's name in general; see [`Self::name_in`] for the names of code 0.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE
            .iter()
            .find(|row| row.code == self.0)
            .map_or("unknown reason code", |row| row.name)
    }

    /// The standard's name in this packet: code 0 is "Normal disconnection" or "Granted QoS 0" in two of them.
    #[must_use]
    pub fn name_in(self, packet: PacketType) -> &'static str {
        match (self, packet) {
            (Self::SUCCESS, PacketType::Disconnect) => "Normal disconnection",
            (Self::SUCCESS, PacketType::Suback) => "Granted QoS 0",
            _ => self.name(),
        }
    }

    /// May `packet` carry this code, when `sender` sends it?
    #[must_use]
    pub fn allowed(self, packet: PacketType, sender: Sender) -> Allowed {
        let bit = packet.bit();
        match TABLE.iter().find(|row| row.code == self.0 && row.packets & bit != 0) {
            None => Allowed::No,
            Some(row) if row.server_only & bit != 0 && sender == Sender::Client => Allowed::WrongDirection,
            Some(_) => Allowed::Yes,
        }
    }

    /// The meaning of a CONNACK return code of 3.1 and 3.1.1 (3.1.1, Table 3.1). Other values stay as they are.
    #[must_use]
    pub fn from_return_code(code: u8) -> Self {
        match code {
            1 => Self::UNSUPPORTED_PROTOCOL_VERSION,
            2 => Self::CLIENT_IDENTIFIER_NOT_VALID,
            3 => Self::SERVER_UNAVAILABLE,
            4 => Self::BAD_USER_NAME_OR_PASSWORD,
            5 => Self::NOT_AUTHORIZED,
            other => Self(other),
        }
    }

    /// The CONNACK return code of 3.1 and 3.1.1 for this reason; the inverse of [`Self::from_return_code`].
    #[must_use]
    pub fn return_code(self) -> u8 {
        match self {
            Self::UNSUPPORTED_PROTOCOL_VERSION => 1,
            Self::CLIENT_IDENTIFIER_NOT_VALID => 2,
            Self::SERVER_UNAVAILABLE => 3,
            Self::BAD_USER_NAME_OR_PASSWORD => 4,
            Self::NOT_AUTHORIZED => 5,
            Self(other) => other,
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02x})", self.name(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_without_duplicates() {
        assert!(TABLE.is_sorted_by(|a, b| a.code < b.code));
    }

    #[test]
    fn return_codes_go_both_ways() {
        for code in 0..=127 {
            assert_eq!(ReasonCode::from_return_code(code).return_code(), code);
        }
    }
}
