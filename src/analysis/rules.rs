//! The rules that a single packet cannot break: severity, and the statements of both standards. It must not know how they
//! are checked.

use super::{Severity, Violation};
use crate::protocol::{Sender, Version};

/// A rule of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    severity: Severity,
    /// Of 3.1.1, which stands for 3.1 too; empty where only 5.0 has it.
    v311: &'static str,
    v5: &'static str,
    /// What the packet does; empty where that depends on the packet.
    pub(super) sentence: &'static str,
}

impl Rule {
    /// What is said of the two ends apart.
    pub(super) fn of(sender: Sender, client: Self, server: Self) -> Self {
        if sender == Sender::Client { client } else { server }
    }

    pub(super) fn broken(self, version: Version, message: impl Into<String>) -> Violation {
        let id = if version == Version::V5 { self.v5 } else { self.v311 };
        Violation {
            severity: self.severity,
            statement: (!id.is_empty()).then_some(id),
            offset: None,
            field: None,
            message: message.into(),
        }
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident: $severity:ident, $v311:literal, $v5:literal $(, $sentence:literal)?;)*) => {
        $($(#[$doc])* pub(super) const $rule: Rule = Rule {
            severity: Severity::$severity,
            v311: $v311,
            v5: $v5,
            sentence: concat!($($sentence)?),
        };)*
    };
}

// A row: rule, severity, statements of 3.1.1 and of 5.0, and what the packet does when it is always the same.
rules! {
    /// Something that is no fault of the packet: the capture is incomplete, for example.
    NOTE: Note, "", "";
    FIRST_IS_CONNECT: Protocol, "MQTT-3.1.0-1", "MQTT-3.1.0-1", "is not the first packet of the client";
    SECOND_CONNECT: Protocol, "MQTT-3.1.0-2", "MQTT-3.1.0-2", "is the second CONNECT of this connection";
    FIRST_IS_CONNACK: Protocol, "MQTT-3.2.0-1", "MQTT-3.2.0-1", "is sent in front of CONNACK";
    SECOND_CONNACK: Protocol, "MQTT-4.8.0-1", "MQTT-3.2.0-2", "is the second CONNACK of this connection";
    DIRECTION: Protocol, "MQTT-4.8.0-1", "MQTT-4.13.1-1";
    AFTER_DISCONNECT: Protocol, "MQTT-3.14.4-2", "MQTT-3.14.4-1", "follows a DISCONNECT of the same end";
    AFTER_REFUSAL: Protocol, "MQTT-3.2.2-5", "MQTT-3.2.2-7", "follows a CONNACK that refused the connection";
    ONLY_AUTH_BEFORE_CONNACK: Protocol, "", "MQTT-3.1.2-30", "only AUTH and DISCONNECT may follow a CONNECT with an authentication method until CONNACK";
    AUTH_WITHOUT_CONNECT_METHOD: Protocol, "", "MQTT-4.12.0-7", "AUTH without an authentication method in CONNECT";
    AUTH_METHOD_DIFFERS: Protocol, "", "MQTT-4.12.0-5", "has another authentication method than CONNECT";
    DISCONNECT_BEFORE_CONNACK: Protocol, "MQTT-4.8.0-1", "MQTT-3.14.0-1", "is sent in front of CONNACK";
    SESSION_PRESENT_AFTER_CLEAN_START: Protocol, "MQTT-3.2.2-1", "MQTT-3.2.2-2", "says that a session is present although the client asked for a clean start";
    NO_ASSIGNED_CLIENT_ID: Protocol, "", "MQTT-3.2.2-16", "assigns no client identifier although the client sent none";
    ID_IN_USE_CLIENT: Protocol, "MQTT-2.3.1-2", "MQTT-2.2.1-3";
    ID_IN_USE_SERVER: Protocol, "MQTT-2.3.1-4", "MQTT-2.2.1-4";
    /// Resending inside a connection: usual before version 5, forbidden since.
    RESENT: Warning, "", "MQTT-4.4.0-1", "is sent again inside the same connection";
    RESENT_AFTER_PUBREL: Protocol, "MQTT-4.3.3-1", "MQTT-4.3.3-6", "is sent again although PUBREC has acknowledged it";
    WRONG_ACK: Protocol, "MQTT-4.8.0-1", "MQTT-3.3.4-1";
    ACK_OF_NOTHING: Warning, "MQTT-2.3.1-6", "MQTT-2.2.1-5";
    SUBACK_OF_NOTHING: Protocol, "MQTT-2.3.1-7", "MQTT-2.2.1-6";
    SUBACK_COUNT: Protocol, "MQTT-3.8.4-5", "MQTT-3.8.4-6";
    SUBACK_ABOVE_REQUEST: Protocol, "MQTT-3.8.4-5", "MQTT-3.8.4-7";
    UNSUBACK_COUNT: Protocol, "", "MQTT-3.11.3-1";
    PINGRESP_OF_NOTHING: Warning, "MQTT-3.12.4-1", "MQTT-3.12.4-1", "answers no PINGREQ";
    RECEIVE_MAXIMUM_CLIENT: Protocol, "", "MQTT-3.3.4-7";
    RECEIVE_MAXIMUM_SERVER: Protocol, "", "MQTT-3.3.4-9";
    MAXIMUM_QOS: Protocol, "", "MQTT-3.2.2-11";
    RETAIN_UNAVAILABLE: Protocol, "", "MQTT-3.2.2-14", "RETAIN is set although the broker does not support retained messages";
    PACKET_SIZE_CLIENT: Protocol, "", "MQTT-3.2.2-15";
    PACKET_SIZE_SERVER: Protocol, "", "MQTT-3.1.2-24";
    ALIAS_MAXIMUM_CLIENT: Protocol, "", "MQTT-3.3.2-9";
    ALIAS_MAXIMUM_SERVER: Protocol, "", "MQTT-3.3.2-11";
    ALIAS_UNKNOWN: Protocol, "", "MQTT-4.13.1-1";
    PROBLEM_INFORMATION: Protocol, "", "MQTT-3.1.2-29", "has a reason string or user properties although the client asked for no problem information";
    /// Times in a capture are those of the machine that captured, so a gap is a sign and no proof.
    KEEP_ALIVE: Warning, "MQTT-3.1.2-23", "MQTT-3.1.2-20";
    KEEP_ALIVE_IGNORED: Warning, "MQTT-3.1.2-24", "MQTT-3.1.2-22";
}
