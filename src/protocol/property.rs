//! The property table of version 5: identifier, name, type, packets, how often, which values. It must not know what a
//! session does with them.

mod list;

pub use list::Properties;

use super::packet::bits::*;
use super::{Fault, PacketType, Sender, Utf8};
use bytes::Bytes;
use std::fmt;

/// The type of a property on the wire (version 5, section 2.2.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyType {
    /// One byte.
    Byte,
    /// Two byte integer.
    U16,
    /// Four byte integer.
    U32,
    /// Variable byte integer.
    Varint,
    /// UTF-8 encoded string.
    Text,
    /// Binary data.
    Binary,
    /// UTF-8 string pair.
    Pair,
}

/// Which values a property may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Range {
    Any,
    ZeroOrOne,
    NotZero,
    /// A topic name: not empty, no wildcards.
    TopicName,
}

/// Where properties stand: a packet, or the will inside CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the variable header of this packet.
    Packet(PacketType),
    /// In the payload of CONNECT.
    Will,
}

impl From<PacketType> for Place {
    fn from(packet: PacketType) -> Self {
        Self::Packet(packet)
    }
}

impl Place {
    fn bit(self) -> u16 {
        match self {
            Self::Will => WILL,
            Self::Packet(packet) => packet.bit(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Will => "the will",
            Self::Packet(packet) => packet.name(),
        }
    }
}

/// No packet has this bit.
const WILL: u16 = RESERVED;
const ACKS: u16 = PUBACK | PUBREC | PUBREL | PUBCOMP | SUBACK | UNSUBACK;

macro_rules! properties {
    ($($variant:ident = $id:literal, $name:literal, $kind:ident, $range:ident, $places:expr;)*) => {
        /// A property of version 5 (section 2.2.2.2).
        #[allow(missing_docs, reason = "the names are the standard's")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum PropertyId { $($variant = $id),* }

        impl PropertyId {
            /// Every property, by identifier.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// From the identifier on the wire.
            #[must_use]
            pub fn from_wire(id: u32) -> Option<Self> {
                match id { $($id => Some(Self::$variant),)* _ => None }
            }

            /// The name as `mosquitto_pub -D` and the JSON output spell it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The type of its value.
            #[must_use]
            pub fn value_type(self) -> PropertyType {
                match self { $(Self::$variant => PropertyType::$kind),* }
            }

            fn range(self) -> Range {
                match self { $(Self::$variant => Range::$range),* }
            }

            fn places(self) -> u16 {
                match self { $(Self::$variant => $places),* }
            }
        }
    };
}

properties! {
    PayloadFormatIndicator = 0x01, "payload-format-indicator", Byte, ZeroOrOne, PUBLISH | WILL;
    MessageExpiryInterval = 0x02, "message-expiry-interval", U32, Any, PUBLISH | WILL;
    ContentType = 0x03, "content-type", Text, Any, PUBLISH | WILL;
    ResponseTopic = 0x08, "response-topic", Text, TopicName, PUBLISH | WILL;
    CorrelationData = 0x09, "correlation-data", Binary, Any, PUBLISH | WILL;
    SubscriptionIdentifier = 0x0b, "subscription-identifier", Varint, NotZero, PUBLISH | SUBSCRIBE;
    SessionExpiryInterval = 0x11, "session-expiry-interval", U32, Any, CONNECT | CONNACK | DISCONNECT;
    AssignedClientIdentifier = 0x12, "assigned-client-identifier", Text, Any, CONNACK;
    ServerKeepAlive = 0x13, "server-keep-alive", U16, Any, CONNACK;
    AuthenticationMethod = 0x15, "authentication-method", Text, Any, CONNECT | CONNACK | AUTH;
    AuthenticationData = 0x16, "authentication-data", Binary, Any, CONNECT | CONNACK | AUTH;
    RequestProblemInformation = 0x17, "request-problem-information", Byte, ZeroOrOne, CONNECT;
    WillDelayInterval = 0x18, "will-delay-interval", U32, Any, WILL;
    RequestResponseInformation = 0x19, "request-response-information", Byte, ZeroOrOne, CONNECT;
    ResponseInformation = 0x1a, "response-information", Text, Any, CONNACK;
    ServerReference = 0x1c, "server-reference", Text, Any, CONNACK | DISCONNECT;
    ReasonString = 0x1f, "reason-string", Text, Any, CONNACK | ACKS | DISCONNECT | AUTH;
    ReceiveMaximum = 0x21, "receive-maximum", U16, NotZero, CONNECT | CONNACK;
    TopicAliasMaximum = 0x22, "topic-alias-maximum", U16, Any, CONNECT | CONNACK;
    TopicAlias = 0x23, "topic-alias", U16, NotZero, PUBLISH;
    MaximumQos = 0x24, "maximum-qos", Byte, ZeroOrOne, CONNACK;
    RetainAvailable = 0x25, "retain-available", Byte, ZeroOrOne, CONNACK;
    UserProperty = 0x26, "user-property", Pair, Any, WILL | CONNECT | CONNACK | PUBLISH | ACKS | SUBSCRIBE | UNSUBSCRIBE | DISCONNECT | AUTH;
    MaximumPacketSize = 0x27, "maximum-packet-size", U32, NotZero, CONNECT | CONNACK;
    WildcardSubscriptionAvailable = 0x28, "wildcard-subscription-available", Byte, ZeroOrOne, CONNACK;
    SubscriptionIdentifierAvailable = 0x29, "subscription-identifier-available", Byte, ZeroOrOne, CONNACK;
    SharedSubscriptionAvailable = 0x2a, "shared-subscription-available", Byte, ZeroOrOne, CONNACK;
}

impl PropertyId {
    /// From its name, in any case of letters.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|id| id.name().eq_ignore_ascii_case(name))
    }

    /// May it stand at `place`?
    #[must_use]
    pub fn allowed_at(self, place: Place) -> bool {
        self.places() & place.bit() != 0
    }

    /// Whether its value is shown only when that is asked for.
    #[must_use]
    pub fn is_secret(self) -> bool {
        self == Self::AuthenticationData
    }

    fn sender_at(self, place: Place) -> Sender {
        match (self, place) {
            (Self::SubscriptionIdentifier, Place::Packet(PacketType::Publish))
            | (Self::ServerReference, Place::Packet(PacketType::Disconnect)) => Sender::Server,
            (Self::SessionExpiryInterval, Place::Packet(PacketType::Disconnect)) => Sender::Client,
            _ => Sender::Unknown,
        }
    }

    /// User properties always; subscription identifiers in a PUBLISH, one for each matching subscription.
    fn repeatable_at(self, place: Place) -> bool {
        self == Self::UserProperty
            || self == Self::SubscriptionIdentifier && place == Place::Packet(PacketType::Publish)
    }
}

impl fmt::Display for PropertyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The value of a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyValue {
    /// One byte.
    Byte(u8),
    /// Two byte integer.
    U16(u16),
    /// Four byte integer.
    U32(u32),
    /// Variable byte integer.
    Varint(u32),
    /// UTF-8 encoded string.
    Text(Utf8),
    /// Binary data.
    Binary(Bytes),
    /// UTF-8 string pair.
    Pair(Utf8, Utf8),
}

impl PropertyValue {
    fn value_type(&self) -> PropertyType {
        match self {
            Self::Byte(_) => PropertyType::Byte,
            Self::U16(_) => PropertyType::U16,
            Self::U32(_) => PropertyType::U32,
            Self::Varint(_) => PropertyType::Varint,
            Self::Text(_) => PropertyType::Text,
            Self::Binary(_) => PropertyType::Binary,
            Self::Pair(..) => PropertyType::Pair,
        }
    }

    /// The number, whatever its width.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        match self {
            Self::Byte(n) => Some((*n).into()),
            Self::U16(n) => Some((*n).into()),
            Self::U32(n) | Self::Varint(n) => Some(*n),
            _ => None,
        }
    }
}

fn range_fault(id: PropertyId, value: &PropertyValue) -> Option<Fault> {
    match (id.range(), value) {
        (Range::ZeroOrOne, PropertyValue::Byte(n)) if *n > 1 => Some(Fault::PropertyNotZeroOrOne(id, *n)),
        (Range::NotZero, _) if value.number() == Some(0) => Some(Fault::PropertyZero(id)),
        (Range::TopicName, PropertyValue::Text(topic)) if topic.is_empty() => Some(Fault::EmptyResponseTopic),
        (Range::TopicName, PropertyValue::Text(topic)) if super::topic::has_wildcard(topic) => {
            Some(Fault::WildcardInResponseTopic)
        }
        _ => None,
    }
}
