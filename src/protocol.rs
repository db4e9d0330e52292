//! The MQTT wire format: bytes to values and back, for 3.1, 3.1.1 and 5.0. It must not know sockets,
//! clocks, sessions or the command line.
//!
//! [`frame::split`] cuts one control packet off a buffer, [`Packet::decode`] explains it, [`Packet::encode`]
//! writes it. Facts of the standard stand in tables: [`property`], [`reason`], [`topic`]. Every fault names
//! packet, field, byte offset and the statement of the standard that it breaks ([`DecodeError`]).

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::unwrap_used,
        clippy::expect_used
    )
)]

pub mod error;
pub mod field;
pub mod frame;
pub mod packet;
pub mod property;
pub mod reason;
pub mod topic;
pub mod wire;

pub use error::{DecodeError, EncodeError, Fault};
pub use field::{Field, FieldId, FieldLog, FieldValue};
pub use frame::Frame;
pub use packet::{
    Ack, Auth, Connack, Connect, Disconnect, Packet, PacketType, Publish, RetainHandling, Suback, Subscribe,
    Subscription, Unsuback, Unsubscribe, Will,
};
pub use property::{Properties, PropertyId, PropertyValue};
pub use reason::ReasonCode;
pub use wire::Utf8;

use std::fmt;

/// A packet identifier, 1 to 65,535 `[MQTT-2.2.1-3]`.
pub type PacketId = std::num::NonZeroU16;

/// The largest value of a variable byte integer, and so of the remaining length: 268,435,455.
pub const MAX_REMAINING_LENGTH: usize = 268_435_455;

/// The protocol versions in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// MQTT 3.1 (protocol name `MQIsdp`, level 3).
    V31,
    /// MQTT 3.1.1 (level 4).
    V311,
    /// MQTT 5.0 (level 5).
    V5,
}

impl Version {
    /// Every version, the oldest first.
    pub const ALL: &'static [Self] = &[Self::V31, Self::V311, Self::V5];

    /// From the protocol level.
    #[must_use]
    pub fn from_level(level: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|version| version.level() == level)
    }

    /// The protocol level byte of CONNECT.
    #[must_use]
    pub fn level(self) -> u8 {
        match self {
            Self::V31 => 3,
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }

    /// The protocol name of CONNECT.
    #[must_use]
    pub fn protocol_name(self) -> &'static str {
        match self {
            Self::V31 => "MQIsdp",
            Self::V311 | Self::V5 => "MQTT",
        }
    }

    /// As the standard numbers it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V31 => "3.1",
            Self::V311 => "3.1.1",
            Self::V5 => "5.0",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The quality of service of a message or subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum QoS {
    /// QoS 0: at most once.
    #[default]
    AtMostOnce,
    /// QoS 1: at least once.
    AtLeastOnce,
    /// QoS 2: exactly once.
    ExactlyOnce,
}

impl QoS {
    /// From the two bits of the wire; `None` for 3 `[MQTT-3.3.1-4]`.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

impl From<QoS> for u8 {
    fn from(qos: QoS) -> Self {
        match qos {
            QoS::AtMostOnce => 0,
            QoS::AtLeastOnce => 1,
            QoS::ExactlyOnce => 2,
        }
    }
}

impl fmt::Display for QoS {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        u8::from(*self).fmt(f)
    }
}

/// Who sent a packet: some rules hold for one direction only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Client to server.
    Client,
    /// Server to client.
    Server,
    /// Not known (a lone packet out of a hex dump): rules of a single direction are not applied.
    Unknown,
}
