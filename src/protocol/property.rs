//! The property table of version 5: identifier, name, type, packets, how often, which values; and lists of
//! properties in wire order. It must not know what a session does with them.

use super::wire::{Length, Reader, Sink};
use super::{DecodeError, EncodeError, Fault, PacketType, Sender, Utf8};
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

impl Place {
    fn bit(self) -> u16 {
        match self {
            Self::Will => WILL,
            Self::Packet(packet) => 1 << packet.number(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Will => "the will",
            Self::Packet(packet) => packet.name(),
        }
    }
}

const WILL: u16 = 1;
const CONNECT: u16 = 1 << 1;
const CONNACK: u16 = 1 << 2;
const PUBLISH: u16 = 1 << 3;
const PUBACK: u16 = 1 << 4;
const PUBREC: u16 = 1 << 5;
const PUBREL: u16 = 1 << 6;
const PUBCOMP: u16 = 1 << 7;
const SUBSCRIBE: u16 = 1 << 8;
const SUBACK: u16 = 1 << 9;
const UNSUBSCRIBE: u16 = 1 << 10;
const UNSUBACK: u16 = 1 << 11;
const DISCONNECT: u16 = 1 << 14;
const AUTH: u16 = 1 << 15;
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

/// Properties in wire order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties(Vec<(PropertyId, PropertyValue)>);

impl Properties {
    /// No properties.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In wire order.
    pub fn iter(&self) -> impl Iterator<Item = &(PropertyId, PropertyValue)> {
        self.0.iter()
    }

    /// Adds one at the end. Whether it may be there is checked when the packet is written.
    pub fn push(&mut self, id: PropertyId, value: PropertyValue) {
        self.0.push((id, value));
    }

    /// Sets a number in the width that the table gives: in its old place, or at the end.
    pub fn set_number(&mut self, id: PropertyId, number: u32) {
        let new = match id.value_type() {
            PropertyType::Byte => PropertyValue::Byte(u8::try_from(number).unwrap_or(u8::MAX)),
            PropertyType::U16 => PropertyValue::U16(u16::try_from(number).unwrap_or(u16::MAX)),
            PropertyType::Varint => PropertyValue::Varint(number),
            _ => PropertyValue::U32(number),
        };
        match self.0.iter_mut().find(|(other, _)| *other == id) {
            Some((_, value)) => *value = new,
            None => self.push(id, new),
        }
    }

    /// Removes every property with this identifier.
    pub fn remove(&mut self, id: PropertyId) {
        self.0.retain(|(other, _)| *other != id);
    }

    /// The first value with this identifier.
    #[must_use]
    pub fn value(&self, id: PropertyId) -> Option<&PropertyValue> {
        self.0.iter().find(|(other, _)| *other == id).map(|(_, value)| value)
    }

    /// A number of any width.
    #[must_use]
    pub fn number(&self, id: PropertyId) -> Option<u32> {
        self.value(id).and_then(PropertyValue::number)
    }

    /// A two byte integer.
    #[must_use]
    pub fn u16(&self, id: PropertyId) -> Option<u16> {
        self.number(id).and_then(|n| u16::try_from(n).ok())
    }

    /// A string.
    #[must_use]
    pub fn text(&self, id: PropertyId) -> Option<&Utf8> {
        match self.value(id) {
            Some(PropertyValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Binary data.
    #[must_use]
    pub fn binary(&self, id: PropertyId) -> Option<&Bytes> {
        match self.value(id) {
            Some(PropertyValue::Binary(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// The user properties in order.
    pub fn user_properties(&self) -> impl Iterator<Item = (&Utf8, &Utf8)> {
        self.0.iter().filter_map(|(_, value)| match value {
            PropertyValue::Pair(key, value) => Some((key, value)),
            _ => None,
        })
    }

    pub(super) fn read(reader: &mut Reader<'_>, place: Place) -> Result<Self, DecodeError> {
        let length_at = reader.offset();
        let name = match place {
            Place::Will => "will property length",
            Place::Packet(_) => "property length",
        };
        let length = reader.varint(name)?;
        let Some(len) = usize::try_from(length).ok().filter(|len| *len <= reader.remaining()) else {
            return reader.fault(name, length_at, Fault::PropertyLengthPastEnd(length));
        };
        if len == 0 {
            return Ok(Self::new());
        }
        let mut properties = Self::new();
        let mut section = reader.sub(len);
        while !section.is_empty() {
            if let Err(error) = properties.read_one(&mut section, place) {
                // Where the section ends is known, whatever is in it.
                section.recover(error)?;
                break;
            }
        }
        if properties.value(PropertyId::AuthenticationData).is_some()
            && properties.value(PropertyId::AuthenticationMethod).is_none()
        {
            section.complain("authentication-data", length_at, Fault::AuthDataWithoutMethod)?;
        }
        Ok(properties)
    }

    fn read_one(&mut self, reader: &mut Reader<'_>, place: Place) -> Result<(), DecodeError> {
        let at = reader.offset();
        let number = reader.varint_unlogged("property identifier")?;
        let Some(id) = PropertyId::from_wire(number) else {
            return reader.fault("property identifier", at, Fault::PropertyUnknown(number));
        };
        let name = id.name();
        if !id.allowed_at(place) {
            reader.complain(name, at, Fault::PropertyNotAllowed(id))?;
        }
        let value = match id.value_type() {
            PropertyType::Byte => PropertyValue::Byte(reader.u8(name)?),
            PropertyType::U16 => PropertyValue::U16(reader.u16(name)?),
            PropertyType::U32 => PropertyValue::U32(reader.u32(name)?),
            PropertyType::Varint => PropertyValue::Varint(reader.varint(name)?),
            PropertyType::Text => PropertyValue::Text(reader.text(name)?),
            PropertyType::Binary => PropertyValue::Binary(reader.binary(name)?),
            PropertyType::Pair => {
                let (key, value) = reader.pair(name)?;
                PropertyValue::Pair(key, value)
            }
        };
        reader.widen(at);
        if !id.repeatable_at(place) && self.value(id).is_some() {
            reader.complain(name, at, Fault::PropertyDuplicate(id))?;
        }
        if let Some(fault) = range_fault(id, &value) {
            reader.complain(name, at, fault)?;
        }
        let (allowed, actual) = (id.sender_at(place), reader.context.sender);
        if allowed != actual && allowed != Sender::Unknown && actual != Sender::Unknown {
            reader.complain(name, at, Fault::PropertyWrongDirection(id))?;
        }
        self.push(id, value);
        Ok(())
    }

    /// Checks the properties against the table.
    ///
    /// # Errors
    /// The first property that may not stand at `place`, stands there twice, or has a value out of range.
    pub fn check(&self, place: Place) -> Result<(), EncodeError> {
        for (index, (id, value)) in self.0.iter().enumerate() {
            if !id.allowed_at(place) {
                return Err(EncodeError::PropertyNotAllowed(*id, place.name()));
            }
            if !id.repeatable_at(place) && self.0.iter().take(index).any(|(other, _)| other == id) {
                return Err(EncodeError::PropertyDuplicate(*id));
            }
            if value.value_type() != id.value_type() || range_fault(*id, value).is_some() {
                return Err(EncodeError::PropertyRange(*id));
            }
        }
        Ok(())
    }

    pub(super) fn write(&self, sink: &mut dyn Sink) -> Result<(), EncodeError> {
        if self.0.is_empty() {
            sink.put_byte(0);
            return Ok(());
        }
        let mut length = Length::default();
        self.write_each(&mut length)?;
        sink.put_varint(u32::try_from(length.0).map_err(|_| EncodeError::PacketTooLong(length.0))?);
        self.write_each(sink)
    }

    fn write_each(&self, sink: &mut dyn Sink) -> Result<(), EncodeError> {
        for (id, value) in &self.0 {
            sink.put_byte(*id as u8);
            match value {
                PropertyValue::Byte(n) => sink.put_byte(*n),
                PropertyValue::U16(n) => sink.put_number16(*n),
                PropertyValue::U32(n) => sink.put(&n.to_be_bytes()),
                PropertyValue::Varint(n) => sink.put_varint(*n),
                PropertyValue::Text(text) => sink.put_text(text),
                PropertyValue::Binary(bytes) => sink.put_binary(id.name(), bytes)?,
                PropertyValue::Pair(key, value) => {
                    sink.put_text(key);
                    sink.put_text(value);
                }
            }
        }
        Ok(())
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

impl FromIterator<(PropertyId, PropertyValue)> for Properties {
    fn from_iter<I: IntoIterator<Item = (PropertyId, PropertyValue)>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}
