//! The fields of packets: what people call them, their keys in JSON, which of them are secret, and the log of those that
//! were read. It must not know in which packet they stand.

use super::{PropertyId, Utf8};
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;

macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident = $name:literal, $key:literal;)*) => {
        /// A field of a packet.
        #[allow(missing_docs, reason = "the names are the standard's")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FieldId {
            $($(#[$doc])* $field,)*
            Property(PropertyId),
        }

        impl FieldId {
            /// Every field that is no property.
            pub const ALL: &'static [Self] = &[$(Self::$field),*];

            /// The standard's name, for people: no code compares it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)* Self::Property(id) => id.name() }
            }

            /// The key in JSON.
            #[must_use]
            pub fn key(self) -> Cow<'static, str> {
                match self {
                    $(Self::$field => Cow::Borrowed($key),)*
                    Self::Property(id) => Cow::Owned(id.name().replace('-', "_")),
                }
            }
        }
    };
}

// A row: field, name, key.
fields! {
    PacketTypeAndFlags = "packet type and flags", "packet_type_and_flags";
    /// The upper half of the first byte.
    PacketType = "packet type", "packet_type";
    /// The lower half of the first byte.
    Flags = "flags", "flags";
    RemainingLength = "remaining length", "remaining_length";
    ProtocolName = "protocol name", "protocol_name";
    ProtocolLevel = "protocol level", "protocol_level";
    ConnectFlags = "connect flags", "connect_flags";
    KeepAlive = "keep alive", "keep_alive";
    ClientIdentifier = "client identifier", "client_id";
    WillPropertyLength = "will property length", "will_property_length";
    WillTopic = "will topic", "will_topic";
    WillPayload = "will payload", "will_payload";
    UserName = "user name", "username";
    Password = "password", "password";
    ConnectAcknowledgeFlags = "connect acknowledge flags", "connect_acknowledge_flags";
    PacketIdentifier = "packet identifier", "packet_id";
    TopicName = "topic name", "topic";
    Payload = "payload", "payload";
    TopicFilter = "topic filter", "topic_filter";
    SubscriptionOptions = "subscription options", "subscription_options";
    ReasonCode = "reason code", "reason_code";
    /// What CONNACK and SUBACK had before version 5.
    ReturnCode = "return code", "return_code";
    PropertyLength = "property length", "property_length";
    PropertyIdentifier = "property identifier", "property_identifier";
    EndOfPacket = "end of packet", "end_of_packet";
}

impl FieldId {
    /// Whether its value is shown only when that is asked for.
    #[must_use]
    pub fn is_secret(self) -> bool {
        match self {
            Self::Password => true,
            Self::Property(id) => id.is_secret(),
            _ => false,
        }
    }
}

impl fmt::Display for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<PropertyId> for FieldId {
    fn from(id: PropertyId) -> Self {
        Self::Property(id)
    }
}

/// One field as it stood on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Which one.
    pub id: FieldId,
    /// Byte offset from the start of the packet.
    pub offset: usize,
    /// Length in bytes, length prefixes included.
    pub length: usize,
    /// What it says.
    pub value: FieldValue,
}

/// The value of a logged field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// An integer of any width.
    Number(u32),
    /// A byte of flags.
    Flags(u8),
    /// A string.
    Text(Utf8),
    /// Binary data.
    Bytes(Bytes),
    /// A pair of strings.
    Pair(Utf8, Utf8),
}

/// The fields of a packet in wire order.
pub type FieldLog = Vec<Field>;
