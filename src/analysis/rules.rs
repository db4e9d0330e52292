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

const fn must(v311: &'static str, v5: &'static str) -> Rule {
    Rule {
        severity: Severity::Protocol,
        v311,
        v5,
    }
}

const fn warning(v311: &'static str, v5: &'static str) -> Rule {
    Rule {
        severity: Severity::Warning,
        v311,
        v5,
    }
}

const fn note() -> Rule {
    Rule {
        severity: Severity::Note,
        v311: "",
        v5: "",
    }
}

/// Something that is no fault of the packet: the capture is incomplete, for example.
pub(super) const NOTE: Rule = note();

pub(super) const FIRST_IS_CONNECT: Rule = must("MQTT-3.1.0-1", "MQTT-3.1.0-1");
pub(super) const SECOND_CONNECT: Rule = must("MQTT-3.1.0-2", "MQTT-3.1.0-2");
pub(super) const FIRST_IS_CONNACK: Rule = must("MQTT-3.2.0-1", "MQTT-3.2.0-1");
pub(super) const SECOND_CONNACK: Rule = must("MQTT-4.8.0-1", "MQTT-3.2.0-2");
pub(super) const DIRECTION: Rule = must("MQTT-4.8.0-1", "MQTT-4.13.1-1");
pub(super) const AFTER_DISCONNECT: Rule = must("MQTT-3.14.4-2", "MQTT-3.14.4-1");
pub(super) const AFTER_REFUSAL: Rule = must("MQTT-3.2.2-5", "MQTT-3.2.2-7");
pub(super) const ONLY_AUTH_BEFORE_CONNACK: Rule = must("", "MQTT-3.1.2-30");
pub(super) const AUTH_WITHOUT_CONNECT_METHOD: Rule = must("", "MQTT-4.12.0-7");
pub(super) const AUTH_METHOD_DIFFERS: Rule = must("", "MQTT-4.12.0-5");
pub(super) const DISCONNECT_BEFORE_CONNACK: Rule = must("MQTT-4.8.0-1", "MQTT-3.14.0-1");
pub(super) const SESSION_PRESENT_AFTER_CLEAN_START: Rule = must("MQTT-3.2.2-1", "MQTT-3.2.2-2");
pub(super) const NO_ASSIGNED_CLIENT_ID: Rule = must("", "MQTT-3.2.2-16");
pub(super) const ID_IN_USE_CLIENT: Rule = must("MQTT-2.3.1-2", "MQTT-2.2.1-3");
pub(super) const ID_IN_USE_SERVER: Rule = must("MQTT-2.3.1-4", "MQTT-2.2.1-4");
/// Resending inside a connection: usual before version 5, forbidden since.
pub(super) const RESENT: Rule = warning("", "MQTT-4.4.0-1");
pub(super) const RESENT_AFTER_PUBREL: Rule = must("MQTT-4.3.3-1", "MQTT-4.3.3-6");
pub(super) const WRONG_ACK: Rule = must("MQTT-4.8.0-1", "MQTT-3.3.4-1");
pub(super) const ACK_OF_NOTHING: Rule = warning("MQTT-2.3.1-6", "MQTT-2.2.1-5");
pub(super) const SUBACK_OF_NOTHING: Rule = must("MQTT-2.3.1-7", "MQTT-2.2.1-6");
pub(super) const SUBACK_COUNT: Rule = must("MQTT-3.8.4-5", "MQTT-3.8.4-6");
pub(super) const SUBACK_ABOVE_REQUEST: Rule = must("MQTT-3.8.4-5", "MQTT-3.8.4-7");
pub(super) const UNSUBACK_COUNT: Rule = must("", "MQTT-3.11.3-1");
pub(super) const PINGRESP_OF_NOTHING: Rule = warning("MQTT-3.12.4-1", "MQTT-3.12.4-1");
pub(super) const RECEIVE_MAXIMUM_CLIENT: Rule = must("", "MQTT-3.3.4-7");
pub(super) const RECEIVE_MAXIMUM_SERVER: Rule = must("", "MQTT-3.3.4-9");
pub(super) const MAXIMUM_QOS: Rule = must("", "MQTT-3.2.2-11");
pub(super) const RETAIN_UNAVAILABLE: Rule = must("", "MQTT-3.2.2-14");
pub(super) const PACKET_SIZE_CLIENT: Rule = must("", "MQTT-3.2.2-15");
pub(super) const PACKET_SIZE_SERVER: Rule = must("", "MQTT-3.1.2-24");
pub(super) const ALIAS_MAXIMUM_CLIENT: Rule = must("", "MQTT-3.3.2-9");
pub(super) const ALIAS_MAXIMUM_SERVER: Rule = must("", "MQTT-3.3.2-11");
pub(super) const ALIAS_UNKNOWN: Rule = must("", "MQTT-4.13.1-1");
pub(super) const PROBLEM_INFORMATION: Rule = must("", "MQTT-3.1.2-29");
/// Times in a capture are those of the machine that captured, so a gap is a sign and no proof.
pub(super) const KEEP_ALIVE: Rule = warning("MQTT-3.1.2-23", "MQTT-3.1.2-20");
pub(super) const KEEP_ALIVE_IGNORED: Rule = warning("MQTT-3.1.2-24", "MQTT-3.1.2-22");
