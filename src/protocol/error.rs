//! Faults of packets: what is wrong, where, which statement of the standard says so, and which reason code
//! answers it. It must not know how they are shown beyond one sentence.

use super::{PacketType, PropertyId, ReasonCode, Version};
use std::fmt;

/// Why bytes are not a valid packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The version under which the bytes were read.
    pub version: Version,
    /// The packet type, when the first byte was readable.
    pub packet: PacketType,
    /// The field in which the fault lies, by the standard's name.
    pub field: &'static str,
    /// Byte offset from the start of the packet.
    pub offset: usize,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Packet type 0, or 15 before version 5.
    ReservedPacketType(u8),
    /// Flag bits of the fixed header that must have another value.
    ReservedHeaderFlags {
        /// The four bits found.
        found: u8,
        /// The four bits that the standard demands.
        expected: u8,
    },
    /// A fifth byte of remaining length.
    RemainingLengthTooLong,
    /// The packet is larger than the limit of the reader, in bytes.
    PacketTooLarge {
        /// Size of the packet on the wire in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The bytes end inside the packet.
    PacketCut {
        /// Size of the packet in bytes, as its remaining length says.
        needed: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// The bytes end inside the fixed header, of which so many are there.
    HeaderCut(usize),
    /// A field reaches past the end of the packet or of the property section.
    FieldPastEnd {
        /// Bytes that the field needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// Bytes after the last field.
    TrailingBytes(usize),
    /// A variable byte integer of more than four bytes.
    VarintTooLong,
    /// A variable byte integer that is longer than necessary.
    VarintOverlong,
    /// U+0000 in a string.
    Utf8Nul,
    /// An encoded surrogate in a string.
    Utf8Surrogate,
    /// Bytes that are not UTF-8.
    Utf8Invalid,
    /// The protocol name is neither `MQTT` nor `MQIsdp`.
    BadProtocolName,
    /// The protocol level does not belong to the protocol name.
    BadProtocolLevel(u8),
    /// Bit 0 of the connect flags is set.
    ConnectReservedFlag,
    /// Will QoS or Will Retain without the Will Flag.
    WillBitsWithoutWill,
    /// Will QoS 3.
    WillQos3,
    /// Password without User Name, before version 5.
    PasswordWithoutUsername,
    /// A client identifier of no length without a clean session, before version 5.
    EmptyClientId,
    /// Bits 7-1 of the connect acknowledge flags.
    ConnackReservedFlags(u8),
    /// Session Present together with a failure.
    SessionPresentWithError,
    /// A packet identifier of 0.
    PacketIdZero,
    /// PUBLISH with both QoS bits.
    PublishQos3,
    /// DUP on a QoS 0 PUBLISH.
    DupWithQos0,
    /// A topic name of no length.
    EmptyTopic,
    /// A topic name of no length without a topic alias.
    EmptyTopicWithoutAlias,
    /// `+` or `#` in a topic name.
    WildcardInTopic,
    /// A topic filter of no length.
    EmptyTopicFilter,
    /// `+` or `#` at a place where the standard does not allow it.
    BadWildcardInFilter,
    /// `$share/` with a share name or filter that is missing or has wildcards.
    BadSharedFilter,
    /// SUBSCRIBE or UNSUBSCRIBE without a filter.
    NoTopicFilter,
    /// SUBACK or UNSUBACK without a reason code.
    NoReasonCodes,
    /// Maximum QoS 3 in a subscription.
    SubscribeQos3,
    /// Reserved bits in the subscription options.
    SubscriptionOptionsReserved(u8),
    /// Retain Handling 3.
    RetainHandling3,
    /// No Local on a shared subscription.
    NoLocalOnShared,
    /// A reason code that this packet must not carry.
    ReasonCodeNotAllowed(u8),
    /// A reason code that only the other side may send.
    ReasonCodeWrongDirection(u8),
    /// The property section is longer than the packet.
    PropertyLengthPastEnd(u32),
    /// An identifier that no property has.
    PropertyUnknown(u32),
    /// A property that this packet must not carry.
    PropertyNotAllowed(PropertyId),
    /// A property that only the other side may send.
    PropertyWrongDirection(PropertyId),
    /// A property that may be there only once.
    PropertyDuplicate(PropertyId),
    /// A value other than 0 or 1.
    PropertyNotZeroOrOne(PropertyId, u8),
    /// A value of 0 that the standard forbids.
    PropertyZero(PropertyId),
    /// A response topic of no length.
    EmptyResponseTopic,
    /// Wildcards in a response topic.
    WildcardInResponseTopic,
    /// Authentication Data without Authentication Method.
    AuthDataWithoutMethod,
    /// AUTH without Authentication Method (version 5, section 3.15.2.2.2).
    AuthWithoutMethod,
}

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The bytes cannot be parsed according to the standard.
    Malformed,
    /// They can be parsed, but the standard forbids what they say.
    Protocol,
}

impl Fault {
    /// Malformed Packet or Protocol Error, as version 5 draws the line (section 4.13).
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::BadProtocolName
            | Self::BadProtocolLevel(_)
            | Self::PasswordWithoutUsername
            | Self::EmptyClientId
            | Self::SessionPresentWithError
            | Self::EmptyTopicWithoutAlias
            | Self::NoTopicFilter
            | Self::RetainHandling3
            | Self::NoLocalOnShared
            | Self::ReasonCodeWrongDirection(_)
            | Self::PropertyWrongDirection(_)
            | Self::PropertyDuplicate(_)
            | Self::PropertyNotZeroOrOne(..)
            | Self::PropertyZero(_)
            | Self::EmptyResponseTopic
            | Self::WildcardInResponseTopic
            | Self::AuthDataWithoutMethod
            | Self::AuthWithoutMethod
            | Self::PacketTooLarge { .. } => Severity::Protocol,
            _ => Severity::Malformed,
        }
    }
}

impl DecodeError {
    /// The reason code to send in CONNACK or DISCONNECT (version 5, section 4.13).
    #[must_use]
    pub fn reason(&self) -> ReasonCode {
        match self.fault {
            Fault::PacketTooLarge { .. } => ReasonCode::PACKET_TOO_LARGE,
            Fault::BadProtocolName | Fault::BadProtocolLevel(_) => ReasonCode::UNSUPPORTED_PROTOCOL_VERSION,
            Fault::EmptyClientId => ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
            _ if self.fault.severity() == Severity::Protocol => ReasonCode::PROTOCOL_ERROR,
            _ => ReasonCode::MALFORMED_PACKET,
        }
    }

    /// The identifier of the statement that is broken, such as `MQTT-3.3.1-4`: of version 5, or of 3.1.1 for
    /// the older two (3.1 has none). What the standard says in prose without an identifier, it says through the rule
    /// that such a packet ends the connection.
    #[must_use]
    pub fn statement(&self) -> &'static str {
        let (v311, v5) = self.statements();
        match self.version {
            Version::V5 if v5.is_empty() => "MQTT-4.13.1-1",
            Version::V5 => v5,
            _ if v311.is_empty() => "MQTT-4.8.0-1",
            _ => v311,
        }
    }

    /// Statement identifiers of 3.1.1 and of 5.0; empty where there is none.
    fn statements(&self) -> (&'static str, &'static str) {
        use PacketType as P;
        match self.fault {
            Fault::ReservedPacketType(_) => ("", ""),
            Fault::ReservedHeaderFlags { .. } => match self.packet {
                P::Pubrel => ("MQTT-3.6.1-1", "MQTT-3.6.1-1"),
                P::Subscribe => ("MQTT-3.8.1-1", "MQTT-3.8.1-1"),
                P::Unsubscribe => ("MQTT-3.10.1-1", "MQTT-3.10.1-1"),
                P::Disconnect => ("MQTT-3.14.1-1", "MQTT-3.14.1-1"),
                P::Auth => ("MQTT-2.2.2-1", "MQTT-3.15.1-1"),
                _ => ("MQTT-2.2.2-1", "MQTT-2.1.3-1"),
            },
            Fault::RemainingLengthTooLong | Fault::VarintTooLong => ("", ""),
            Fault::VarintOverlong => ("", "MQTT-1.5.5-1"),
            Fault::PacketTooLarge { .. } => ("", "MQTT-3.2.2-15"),
            Fault::FieldPastEnd { .. } if self.field.ends_with("property length") => ("", "MQTT-2.2.2-1"),
            Fault::FieldPastEnd { .. }
            | Fault::TrailingBytes(_)
            | Fault::PropertyLengthPastEnd(_)
            | Fault::PacketCut { .. }
            | Fault::HeaderCut(_) => {
                if self.packet == P::Connect {
                    ("MQTT-3.1.4-1", "MQTT-3.1.4-1")
                } else {
                    ("MQTT-4.8.0-1", "MQTT-4.13.1-1")
                }
            }
            Fault::Utf8Nul => ("MQTT-1.5.3-2", "MQTT-1.5.4-2"),
            Fault::Utf8Surrogate | Fault::Utf8Invalid => ("MQTT-1.5.3-1", "MQTT-1.5.4-1"),
            Fault::BadProtocolName => ("MQTT-3.1.2-1", "MQTT-3.1.2-1"),
            Fault::BadProtocolLevel(_) => ("MQTT-3.1.2-2", "MQTT-3.1.2-2"),
            Fault::ConnectReservedFlag => ("MQTT-3.1.2-3", "MQTT-3.1.2-3"),
            Fault::WillBitsWithoutWill => ("MQTT-3.1.2-11", "MQTT-3.1.2-11"),
            Fault::WillQos3 => ("MQTT-3.1.2-14", "MQTT-3.1.2-12"),
            Fault::PasswordWithoutUsername => ("MQTT-3.1.2-22", ""),
            Fault::EmptyClientId => ("MQTT-3.1.3-8", ""),
            Fault::ConnackReservedFlags(_) => ("MQTT-2.2.2-1", "MQTT-3.2.2-1"),
            Fault::SessionPresentWithError => ("MQTT-3.2.2-4", "MQTT-3.2.2-6"),
            Fault::PacketIdZero => ("MQTT-2.3.1-1", "MQTT-2.2.1-3"),
            Fault::PublishQos3 => ("MQTT-3.3.1-4", "MQTT-3.3.1-4"),
            Fault::DupWithQos0 => ("MQTT-3.3.1-2", "MQTT-3.3.1-2"),
            Fault::EmptyTopic | Fault::EmptyTopicFilter => ("MQTT-4.7.3-1", "MQTT-4.7.3-1"),
            Fault::EmptyTopicWithoutAlias => ("", "MQTT-4.7.3-1"),
            Fault::WildcardInTopic if self.packet == P::Publish => ("MQTT-3.3.2-2", "MQTT-3.3.2-2"),
            Fault::WildcardInTopic => ("MQTT-4.7.1-1", "MQTT-4.7.0-1"),
            Fault::BadWildcardInFilter => ("MQTT-4.7.1-2", "MQTT-4.7.1-1"),
            Fault::BadSharedFilter => ("", "MQTT-4.8.2-2"),
            Fault::NoTopicFilter if self.packet == P::Unsubscribe => ("MQTT-3.10.3-2", "MQTT-3.10.3-2"),
            Fault::NoTopicFilter => ("MQTT-3.8.3-3", "MQTT-3.8.3-2"),
            Fault::NoReasonCodes if self.packet == P::Unsuback => ("", "MQTT-3.11.3-2"),
            Fault::NoReasonCodes => ("MQTT-3.8.4-5", "MQTT-3.8.4-6"),
            Fault::SubscribeQos3 => ("MQTT-3.8.3-4", ""),
            Fault::SubscriptionOptionsReserved(_) => ("MQTT-3.8.3-4", "MQTT-3.8.3-5"),
            Fault::RetainHandling3 => ("", ""),
            Fault::NoLocalOnShared => ("", "MQTT-3.8.3-4"),
            Fault::ReasonCodeNotAllowed(_) | Fault::ReasonCodeWrongDirection(_) => match self.packet {
                P::Connack => ("MQTT-3.2.2-6", "MQTT-3.2.2-8"),
                P::Puback => ("", "MQTT-3.4.2-1"),
                P::Pubrec => ("", "MQTT-3.5.2-1"),
                P::Pubrel => ("", "MQTT-3.6.2-1"),
                P::Pubcomp => ("", "MQTT-3.7.2-1"),
                P::Suback => ("MQTT-3.9.3-2", "MQTT-3.9.3-2"),
                P::Unsuback => ("", "MQTT-3.11.3-2"),
                P::Disconnect => ("", "MQTT-3.14.2-1"),
                _ => ("", "MQTT-3.15.2-1"),
            },
            Fault::PropertyWrongDirection(PropertyId::SubscriptionIdentifier) => ("", "MQTT-3.3.4-6"),
            Fault::PropertyWrongDirection(PropertyId::SessionExpiryInterval) => ("", "MQTT-3.14.2-2"),
            Fault::PropertyZero(PropertyId::TopicAlias) => ("", "MQTT-3.3.2-8"),
            Fault::EmptyResponseTopic => ("", "MQTT-4.7.3-1"),
            Fault::WildcardInResponseTopic => ("", "MQTT-3.3.2-14"),
            Fault::PropertyUnknown(_)
            | Fault::PropertyNotAllowed(_)
            | Fault::PropertyWrongDirection(_)
            | Fault::PropertyDuplicate(_)
            | Fault::PropertyNotZeroOrOne(..)
            | Fault::PropertyZero(_)
            | Fault::AuthDataWithoutMethod
            | Fault::AuthWithoutMethod => ("", "MQTT-4.13.1-1"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedPacketType(kind) => write!(f, "packet type {kind} is reserved"),
            Self::ReservedHeaderFlags { found, expected } => {
                write!(f, "flag bits are {found:04b}, must be {expected:04b}")
            }
            Self::RemainingLengthTooLong => f.write_str("has more than four bytes"),
            Self::PacketTooLarge { size, limit } => write!(f, "packet of {size} bytes exceeds the limit of {limit}"),
            Self::PacketCut { needed, left } => write!(f, "the packet has {needed} bytes, {left} are there"),
            Self::HeaderCut(left) => write!(f, "the fixed header is cut, {left} byte(s) are there"),
            Self::FieldPastEnd { needed, left } => write!(f, "needs {needed} byte(s), {left} left"),
            Self::TrailingBytes(n) => write!(f, "{n} byte(s) after the last field"),
            Self::VarintTooLong => f.write_str("variable byte integer has more than four bytes"),
            Self::VarintOverlong => f.write_str("variable byte integer is longer than necessary"),
            Self::Utf8Nul => f.write_str("string contains U+0000"),
            Self::Utf8Surrogate => f.write_str("string contains an encoded surrogate"),
            Self::Utf8Invalid => f.write_str("string is not UTF-8"),
            Self::BadProtocolName => f.write_str("is neither `MQTT` nor `MQIsdp`"),
            Self::BadProtocolLevel(level) => write!(f, "{level} does not belong to this protocol name"),
            Self::ConnectReservedFlag => f.write_str("reserved bit 0 is set"),
            Self::WillBitsWithoutWill => f.write_str("Will QoS or Will Retain is set without the Will Flag"),
            Self::WillQos3 => f.write_str("Will QoS is 3"),
            Self::PasswordWithoutUsername => f.write_str("password without user name"),
            Self::EmptyClientId => f.write_str("is empty, which needs a clean session"),
            Self::ConnackReservedFlags(flags) => write!(f, "reserved bits are set (0x{flags:02x})"),
            Self::SessionPresentWithError => f.write_str("session present together with a failure"),
            Self::PacketIdZero => f.write_str("is 0"),
            Self::PublishQos3 => f.write_str("QoS is 3"),
            Self::DupWithQos0 => f.write_str("DUP is set on a QoS 0 message"),
            Self::EmptyTopic | Self::EmptyTopicFilter => f.write_str("is empty"),
            Self::EmptyTopicWithoutAlias => f.write_str("is empty, and there is no topic alias"),
            Self::WildcardInTopic | Self::WildcardInResponseTopic => f.write_str("contains a wildcard"),
            Self::BadWildcardInFilter => {
                f.write_str("has a wildcard that does not fill its level, or a # before the end")
            }
            Self::BadSharedFilter => f.write_str("is not $share/NAME/FILTER"),
            Self::NoTopicFilter => f.write_str("there is no topic filter"),
            Self::NoReasonCodes => f.write_str("there is no reason code"),
            Self::SubscribeQos3 => f.write_str("maximum QoS is 3"),
            Self::SubscriptionOptionsReserved(bits) => write!(f, "reserved bits are set (0x{bits:02x})"),
            Self::RetainHandling3 => f.write_str("Retain Handling is 3"),
            Self::NoLocalOnShared => f.write_str("No Local on a shared subscription"),
            Self::ReasonCodeNotAllowed(code) => write!(f, "0x{code:02x} is not a reason code of this packet"),
            Self::ReasonCodeWrongDirection(code) => write!(f, "0x{code:02x} is sent by the other side only"),
            Self::PropertyLengthPastEnd(n) => write!(f, "{n} byte(s) of properties reach past the end of the packet"),
            Self::PropertyUnknown(id) => write!(f, "no property has the identifier 0x{id:02x}"),
            Self::PropertyNotAllowed(_) => f.write_str("is not allowed here"),
            Self::PropertyWrongDirection(_) => f.write_str("is sent by the other side only"),
            Self::PropertyDuplicate(_) => f.write_str("is there more than once"),
            Self::PropertyNotZeroOrOne(_, value) => write!(f, "is {value}, must be 0 or 1"),
            Self::PropertyZero(_) => f.write_str("is 0"),
            Self::EmptyResponseTopic => f.write_str("is empty"),
            Self::AuthWithoutMethod => f.write_str("is missing"),
            Self::AuthDataWithoutMethod => f.write_str("authentication-data without authentication-method"),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {} at byte {}",
            self.packet, self.field, self.fault, self.offset
        )?;
        write!(f, " [{}]", self.statement())
    }
}

impl std::error::Error for DecodeError {}

/// Why a packet cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Strings and binary data have a length of two bytes.
    #[error("{0} has {1} bytes; MQTT allows 65535")]
    TooLong(&'static str, usize),
    /// The remaining length has at most four bytes.
    #[error("a packet of {0} bytes is larger than MQTT allows (268435455)")]
    PacketTooLong(usize),
    /// The other side's Maximum Packet Size `[MQTT-3.2.2-15]`.
    #[error("a packet of {size} bytes exceeds the broker's maximum packet size of {limit} [MQTT-3.2.2-15]")]
    ExceedsPeerLimit {
        /// Size of the packet on the wire in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A property that the packet must not carry.
    #[error("property {0} is not allowed in {1}")]
    PropertyNotAllowed(PropertyId, &'static str),
    /// A property that may be there only once.
    #[error("property {0} is given more than once")]
    PropertyDuplicate(PropertyId),
    /// Properties exist in version 5 only.
    #[error("properties need MQTT 5")]
    PropertiesBeforeV5,
    /// A property value outside its range.
    #[error("property {0} has a value out of range")]
    PropertyRange(PropertyId),
    /// A password without user name before version 5 `[MQTT-3.1.2-22]`.
    #[error("a password without a user name needs MQTT 5 [MQTT-3.1.2-22]")]
    PasswordWithoutUsername,
    /// A packet that the version does not have.
    #[error("{0} does not exist in MQTT {1}")]
    NotInVersion(PacketType, Version),
}
