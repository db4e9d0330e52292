//! Faults of packets: what is wrong, where, which statement of the standard says so, and which reason code
//! answers it. It must not know how they are shown beyond one sentence.

use super::{FieldId, PacketType, PropertyId, ReasonCode, Version};
use std::fmt;

/// Why bytes are not a valid packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The version under which the bytes were read.
    pub version: Version,
    /// The packet type, when the first byte was readable.
    pub packet: PacketType,
    /// The field in which the fault lies.
    pub field: FieldId,
    /// Byte offset from the start of the packet.
    pub offset: usize,
    /// What is wrong.
    pub fault: Fault,
}

macro_rules! faults {
    ($(
        $(#[$doc:meta])*
        $fault:ident $(($($value:ty),*))? $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),* })?:
            $sentence:literal, $reason:ident, $v311:literal, $v5:literal
            $(, { $($packet:ident: $its_v311:literal, $its_v5:literal;)* })?;
    )*) => {
        /// What can be wrong with a packet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        pub enum Fault {
            $($(#[$doc])* #[error($sentence)] $fault $(($($value),*))? $({ $($(#[$field_doc])* $field: $type),* })?,)*
        }

        impl Fault {
            /// The reason code to send in CONNACK or DISCONNECT (version 5, section 4.13).
            #[must_use]
            pub fn reason(&self) -> ReasonCode {
                match self { $(Self::$fault { .. } => ReasonCode::$reason,)* }
            }

            /// Statement identifiers of 3.1.1 and of 5.0; empty where it says so in prose only.
            fn statements(&self, packet: PacketType) -> (&'static str, &'static str) {
                match (self, packet) {
                    $(
                        $($((Self::$fault { .. }, PacketType::$packet) => ($its_v311, $its_v5),)*)?
                        (Self::$fault { .. }, _) => ($v311, $v5),
                    )*
                }
            }
        }
    };
}

// A row: fault, sentence about the field, reason code, statements of 3.1.1 and of 5.0; then those of single packets.
faults! {
    /// Packet type 0, or 15 before version 5.
    ReservedPacketType(u8): "packet type {0} is reserved", MALFORMED_PACKET, "", "";
    /// Flag bits of the fixed header that must have another value.
    ReservedHeaderFlags {
        /// The four bits found.
        found: u8,
        /// The four bits that the standard demands.
        expected: u8
    }: "flag bits are {found:04b}, must be {expected:04b}", MALFORMED_PACKET, "MQTT-2.2.2-1", "MQTT-2.1.3-1", {
        Pubrel: "MQTT-3.6.1-1", "MQTT-3.6.1-1";
        Subscribe: "MQTT-3.8.1-1", "MQTT-3.8.1-1";
        Unsubscribe: "MQTT-3.10.1-1", "MQTT-3.10.1-1";
        Disconnect: "MQTT-3.14.1-1", "MQTT-3.14.1-1";
        Auth: "MQTT-2.2.2-1", "MQTT-3.15.1-1";
    };
    /// A fifth byte of remaining length.
    RemainingLengthTooLong: "has more than four bytes", MALFORMED_PACKET, "", "";
    /// The packet is larger than the limit of the reader, in bytes.
    PacketTooLarge {
        /// Size of the packet on the wire in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize
    }: "packet of {size} bytes exceeds the limit of {limit}", PACKET_TOO_LARGE, "", "MQTT-3.2.2-15";
    /// The bytes end inside the packet.
    PacketCut {
        /// Size of the packet in bytes, as its remaining length says.
        needed: usize,
        /// Bytes that are there.
        left: usize
    }: "the packet has {needed} bytes, {left} are there", MALFORMED_PACKET, "", "", { Connect: "MQTT-3.1.4-1", "MQTT-3.1.4-1"; };
    /// The bytes end inside the fixed header, of which so many are there.
    HeaderCut(usize): "the fixed header is cut, {0} byte(s) are there", MALFORMED_PACKET, "", "", { Connect: "MQTT-3.1.4-1", "MQTT-3.1.4-1"; };
    /// A field reaches past the end of the packet or of the property section.
    FieldPastEnd {
        /// Bytes that the field needs.
        needed: usize,
        /// Bytes that are left.
        left: usize
    }: "needs {needed} byte(s), {left} left", MALFORMED_PACKET, "", "", { Connect: "MQTT-3.1.4-1", "MQTT-3.1.4-1"; };
    /// Bytes after the last field.
    TrailingBytes(usize): "{0} byte(s) after the last field", MALFORMED_PACKET, "", "", { Connect: "MQTT-3.1.4-1", "MQTT-3.1.4-1"; };
    /// A variable byte integer of more than four bytes.
    VarintTooLong: "variable byte integer has more than four bytes", MALFORMED_PACKET, "", "";
    /// A variable byte integer that is longer than necessary.
    VarintOverlong: "variable byte integer is longer than necessary", MALFORMED_PACKET, "", "MQTT-1.5.5-1";
    /// U+0000 in a string.
    Utf8Nul: "string contains U+0000", MALFORMED_PACKET, "MQTT-1.5.3-2", "MQTT-1.5.4-2";
    /// An encoded surrogate in a string.
    Utf8Surrogate: "string contains an encoded surrogate", MALFORMED_PACKET, "MQTT-1.5.3-1", "MQTT-1.5.4-1";
    /// Bytes that are not UTF-8.
    Utf8Invalid: "string is not UTF-8", MALFORMED_PACKET, "MQTT-1.5.3-1", "MQTT-1.5.4-1";
    /// The protocol name is neither `MQTT` nor `MQIsdp`.
    BadProtocolName: "is neither `MQTT` nor `MQIsdp`", UNSUPPORTED_PROTOCOL_VERSION, "MQTT-3.1.2-1", "MQTT-3.1.2-1";
    /// The protocol level does not belong to the protocol name.
    BadProtocolLevel(u8): "{0} does not belong to this protocol name", UNSUPPORTED_PROTOCOL_VERSION, "MQTT-3.1.2-2", "MQTT-3.1.2-2";
    /// Bit 0 of the connect flags is set.
    ConnectReservedFlag: "reserved bit 0 is set", MALFORMED_PACKET, "MQTT-3.1.2-3", "MQTT-3.1.2-3";
    /// Will QoS or Will Retain without the Will Flag.
    WillBitsWithoutWill: "Will QoS or Will Retain is set without the Will Flag", MALFORMED_PACKET, "MQTT-3.1.2-11", "MQTT-3.1.2-11";
    /// Will QoS 3.
    WillQos3: "Will QoS is 3", MALFORMED_PACKET, "MQTT-3.1.2-14", "MQTT-3.1.2-12";
    /// Password without User Name, before version 5.
    PasswordWithoutUsername: "password without user name", PROTOCOL_ERROR, "MQTT-3.1.2-22", "";
    /// A client identifier of no length without a clean session, before version 5.
    EmptyClientId: "is empty, which needs a clean session", CLIENT_IDENTIFIER_NOT_VALID, "MQTT-3.1.3-8", "";
    /// Bits 7-1 of the connect acknowledge flags.
    ConnackReservedFlags(u8): "reserved bits are set (0x{0:02x})", MALFORMED_PACKET, "MQTT-2.2.2-1", "MQTT-3.2.2-1";
    /// Session Present together with a failure.
    SessionPresentWithError: "session present together with a failure", PROTOCOL_ERROR, "MQTT-3.2.2-4", "MQTT-3.2.2-6";
    /// A packet identifier of 0.
    PacketIdZero: "is 0", MALFORMED_PACKET, "MQTT-2.3.1-1", "MQTT-2.2.1-3";
    /// PUBLISH with both QoS bits.
    PublishQos3: "QoS is 3", MALFORMED_PACKET, "MQTT-3.3.1-4", "MQTT-3.3.1-4";
    /// DUP on a QoS 0 PUBLISH.
    DupWithQos0: "DUP is set on a QoS 0 message", MALFORMED_PACKET, "MQTT-3.3.1-2", "MQTT-3.3.1-2";
    /// A topic name of no length.
    EmptyTopic: "is empty", MALFORMED_PACKET, "MQTT-4.7.3-1", "MQTT-4.7.3-1";
    /// A topic name of no length without a topic alias.
    EmptyTopicWithoutAlias: "is empty, and there is no topic alias", PROTOCOL_ERROR, "", "MQTT-4.7.3-1";
    /// `+` or `#` in a topic name.
    WildcardInTopic: "contains a wildcard", MALFORMED_PACKET, "MQTT-4.7.1-1", "MQTT-4.7.0-1", { Publish: "MQTT-3.3.2-2", "MQTT-3.3.2-2"; };
    /// A topic filter of no length.
    EmptyTopicFilter: "is empty", MALFORMED_PACKET, "MQTT-4.7.3-1", "MQTT-4.7.3-1";
    /// `+` or `#` at a place where the standard does not allow it.
    BadWildcardInFilter: "has a wildcard that does not fill its level, or a # before the end", MALFORMED_PACKET, "MQTT-4.7.1-2", "MQTT-4.7.1-1";
    /// `$share/` with a share name or filter that is missing or has wildcards.
    BadSharedFilter: "is not $share/NAME/FILTER", MALFORMED_PACKET, "", "MQTT-4.8.2-2";
    /// SUBSCRIBE or UNSUBSCRIBE without a filter.
    NoTopicFilter: "there is no topic filter", PROTOCOL_ERROR, "MQTT-3.8.3-3", "MQTT-3.8.3-2", { Unsubscribe: "MQTT-3.10.3-2", "MQTT-3.10.3-2"; };
    /// SUBACK or UNSUBACK without a reason code.
    NoReasonCodes: "there is no reason code", MALFORMED_PACKET, "MQTT-3.8.4-5", "MQTT-3.8.4-6", { Unsuback: "", "MQTT-3.11.3-2"; };
    /// Maximum QoS 3 in a subscription.
    SubscribeQos3: "maximum QoS is 3", MALFORMED_PACKET, "MQTT-3.8.3-4", "";
    /// Reserved bits in the subscription options.
    SubscriptionOptionsReserved(u8): "reserved bits are set (0x{0:02x})", MALFORMED_PACKET, "MQTT-3.8.3-4", "MQTT-3.8.3-5";
    /// Retain Handling 3.
    RetainHandling3: "Retain Handling is 3", PROTOCOL_ERROR, "", "";
    /// No Local on a shared subscription.
    NoLocalOnShared: "No Local on a shared subscription", PROTOCOL_ERROR, "", "MQTT-3.8.3-4";
    /// A reason code that this packet must not carry.
    ReasonCodeNotAllowed(u8): "0x{0:02x} is not a reason code of this packet", MALFORMED_PACKET, "", "MQTT-3.15.2-1", {
        Connack: "MQTT-3.2.2-6", "MQTT-3.2.2-8";
        Puback: "", "MQTT-3.4.2-1";
        Pubrec: "", "MQTT-3.5.2-1";
        Pubrel: "", "MQTT-3.6.2-1";
        Pubcomp: "", "MQTT-3.7.2-1";
        Suback: "MQTT-3.9.3-2", "MQTT-3.9.3-2";
        Unsuback: "", "MQTT-3.11.3-2";
        Disconnect: "", "MQTT-3.14.2-1";
    };
    /// A reason code that only the other side may send.
    ReasonCodeWrongDirection(u8): "0x{0:02x} is sent by the other side only", PROTOCOL_ERROR, "", "";
    /// The property section is longer than the packet.
    PropertyLengthPastEnd(u32): "{0} byte(s) of properties reach past the end of the packet", MALFORMED_PACKET, "", "", { Connect: "MQTT-3.1.4-1", "MQTT-3.1.4-1"; };
    /// An identifier that no property has.
    PropertyUnknown(u32): "no property has the identifier 0x{0:02x}", MALFORMED_PACKET, "", "";
    /// A property that this packet must not carry.
    PropertyNotAllowed(PropertyId): "is not allowed here", MALFORMED_PACKET, "", "";
    /// A property that only the other side may send.
    PropertyWrongDirection(PropertyId): "is sent by the other side only", PROTOCOL_ERROR, "", "";
    /// A property that may be there only once.
    PropertyDuplicate(PropertyId): "is there more than once", PROTOCOL_ERROR, "", "";
    /// A value other than 0 or 1.
    PropertyNotZeroOrOne(PropertyId, u8): "is {1}, must be 0 or 1", PROTOCOL_ERROR, "", "";
    /// A value of 0 that the standard forbids.
    PropertyZero(PropertyId): "is 0", PROTOCOL_ERROR, "", "";
    /// A response topic of no length.
    EmptyResponseTopic: "is empty", PROTOCOL_ERROR, "", "MQTT-4.7.3-1";
    /// Wildcards in a response topic.
    WildcardInResponseTopic: "contains a wildcard", PROTOCOL_ERROR, "", "MQTT-3.3.2-14";
    /// Authentication Data without Authentication Method.
    AuthDataWithoutMethod: "authentication-data without authentication-method", PROTOCOL_ERROR, "", "";
    /// AUTH without Authentication Method (version 5, section 3.15.2.2.2).
    AuthWithoutMethod: "is missing", PROTOCOL_ERROR, "", "";
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
        match self.reason() {
            ReasonCode::MALFORMED_PACKET => Severity::Malformed,
            _ => Severity::Protocol,
        }
    }
}

impl DecodeError {
    /// The identifier of the statement that is broken, such as `MQTT-3.3.1-4`: of version 5, or of 3.1.1 for
    /// the older two (3.1 has none). What the standard says in prose without an identifier, it says through the rule
    /// that such a packet ends the connection.
    #[must_use]
    pub fn statement(&self) -> &'static str {
        let (v311, v5) = match self.fault {
            Fault::FieldPastEnd { .. }
                if matches!(self.field, FieldId::PropertyLength | FieldId::WillPropertyLength) =>
            {
                ("", "MQTT-2.2.2-1")
            }
            Fault::PropertyWrongDirection(PropertyId::SubscriptionIdentifier) => ("", "MQTT-3.3.4-6"),
            Fault::PropertyWrongDirection(PropertyId::SessionExpiryInterval) => ("", "MQTT-3.14.2-2"),
            Fault::PropertyZero(PropertyId::TopicAlias) => ("", "MQTT-3.3.2-8"),
            Fault::ReasonCodeWrongDirection(code) => Fault::ReasonCodeNotAllowed(code).statements(self.packet),
            fault => fault.statements(self.packet),
        };
        match self.version {
            Version::V5 if v5.is_empty() => "MQTT-4.13.1-1",
            Version::V5 => v5,
            _ if v311.is_empty() => "MQTT-4.8.0-1",
            _ => v311,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statement = self.statement();
        let Self {
            packet,
            field,
            fault,
            offset,
            ..
        } = self;
        write!(f, "{packet}: {field}: {fault} at byte {offset} [{statement}]")
    }
}

impl std::error::Error for DecodeError {}

/// Why a packet cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Strings and binary data have a length of two bytes.
    #[error("{0} has {1} bytes; MQTT allows 65535")]
    TooLong(FieldId, usize),
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
