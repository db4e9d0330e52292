//! Properties in wire order, kept as their bytes. It must not know what they mean.

use super::{Place, PropertyId, PropertyType, PropertyValue, Range, range_fault};
use crate::protocol::wire::{Context, Put, Reader};
use crate::protocol::{
    DecodeError, EncodeError, Fault, FieldId, MAX_REMAINING_LENGTH, PacketType, Sender, Utf8, Version,
};
use bytes::{BufMut, Bytes, BytesMut};
use std::fmt;

/// Properties in wire order. They are kept as their bytes, so that received ones take no more memory than they had on
/// the wire, whatever a peer makes of them; values are read when they are asked for.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// Identifiers and values, one after the other, without the length before them. Only what can be read is here.
    wire: Bytes,
    /// Why something that was added cannot be said on the wire.
    defect: Option<Box<EncodeError>>,
}

impl Properties {
    /// No properties.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            wire: Bytes::new(),
            defect: None,
        }
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wire.is_empty() && self.defect.is_none()
    }

    /// Bytes on the wire, without the length before them.
    #[must_use]
    pub fn size(&self) -> usize {
        self.wire.len()
    }

    /// The same in memory of their own, so that they do not pin the buffer they were read from.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self {
            wire: Bytes::copy_from_slice(&self.wire),
            defect: self.defect.clone(),
        }
    }

    fn spans(&self) -> Spans<'_> {
        Spans {
            wire: &self.wire,
            at: 0,
        }
    }

    /// Most messages have no properties, which is told at once.
    #[inline]
    fn find(&self, id: PropertyId) -> Option<Span> {
        match self.wire.is_empty() {
            true => None,
            false => self.spans().find(|span| span.id == id),
        }
    }

    fn read_at(&self, span: &Span) -> Option<PropertyValue> {
        let context = Context {
            version: Version::V5,
            sender: Sender::Unknown,
            packet: PacketType::Reserved,
        };
        read_value(span.id, &mut Reader::new(context, &self.wire, span.value, None, None)).ok()
    }

    /// In wire order.
    pub fn iter(&self) -> impl Iterator<Item = (PropertyId, PropertyValue)> {
        self.spans().filter_map(|span| Some((span.id, self.read_at(&span)?)))
    }

    /// The identifiers in wire order.
    pub fn ids(&self) -> impl Iterator<Item = PropertyId> {
        self.spans().map(|span| span.id)
    }

    /// Adds one at the end. Whether it may be there is checked when the packet is written.
    pub fn push(&mut self, id: PropertyId, value: PropertyValue) {
        let mut wire = self.take_wire();
        if let Err(error) = put_property(&mut wire, id, &value) {
            self.defect.get_or_insert_with(|| Box::new(error));
        }
        self.wire = wire.freeze();
    }

    /// The bytes to be added to: a copy only when they are shared, with the packet that they came in for example.
    fn take_wire(&mut self) -> BytesMut {
        let shared = std::mem::take(&mut self.wire);
        shared
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]))
    }

    /// Sets a number in the width that the table gives: in its old place, or at the end.
    pub fn set_number(&mut self, id: PropertyId, number: u32) {
        let new = match id.value_type() {
            PropertyType::Byte => PropertyValue::Byte(u8::try_from(number).unwrap_or(u8::MAX)),
            PropertyType::U16 => PropertyValue::U16(u16::try_from(number).unwrap_or(u16::MAX)),
            PropertyType::Varint => PropertyValue::Varint(number),
            _ => PropertyValue::U32(number),
        };
        let Some(old) = self.find(id) else {
            return self.push(id, new);
        };
        let behind = self.wire.slice(old.end..);
        self.wire.truncate(old.start);
        self.push(id, new);
        let mut wire = self.take_wire();
        wire.extend_from_slice(&behind);
        self.wire = wire.freeze();
    }

    /// Removes every property with this identifier.
    pub fn remove(&mut self, id: PropertyId) {
        if self.find(id).is_none() {
            return;
        }
        let mut wire = BytesMut::with_capacity(self.wire.len());
        for span in self.spans().filter(|span| span.id != id) {
            wire.extend_from_slice(self.wire.get(span.start..span.end).unwrap_or_default());
        }
        self.wire = wire.freeze();
    }

    /// The first value with this identifier.
    #[must_use]
    #[inline]
    pub fn value(&self, id: PropertyId) -> Option<PropertyValue> {
        self.read_at(&self.find(id)?)
    }

    /// A number of any width.
    #[must_use]
    #[inline]
    pub fn number(&self, id: PropertyId) -> Option<u32> {
        self.value(id).and_then(|value| value.number())
    }

    /// A two byte integer.
    #[must_use]
    #[inline]
    pub fn u16(&self, id: PropertyId) -> Option<u16> {
        self.number(id).and_then(|n| u16::try_from(n).ok())
    }

    /// A string.
    #[must_use]
    pub fn text(&self, id: PropertyId) -> Option<Utf8> {
        match self.value(id) {
            Some(PropertyValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Binary data.
    #[must_use]
    pub fn binary(&self, id: PropertyId) -> Option<Bytes> {
        match self.value(id) {
            Some(PropertyValue::Binary(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// The user properties in order.
    pub fn user_properties(&self) -> impl Iterator<Item = (Utf8, Utf8)> {
        let pairs = self.spans().filter(|span| span.id == PropertyId::UserProperty);
        pairs.filter_map(|span| match self.read_at(&span)? {
            PropertyValue::Pair(key, value) => Some((key, value)),
            _ => None,
        })
    }

    pub(in crate::protocol) fn read(reader: &mut Reader<'_>, place: Place) -> Result<Self, DecodeError> {
        let length_at = reader.offset();
        let name = match place {
            Place::Will => FieldId::WillPropertyLength,
            Place::Packet(_) => FieldId::PropertyLength,
        };
        let length = reader.varint(name)?;
        let Some(len) = usize::try_from(length).ok().filter(|len| *len <= reader.remaining()) else {
            return reader.fault(name, length_at, Fault::PropertyLengthPastEnd(length));
        };
        if len == 0 {
            return Ok(Self::new());
        }
        let mut section = reader.sub(len);
        let start = section.offset();
        let mut end = start;
        let mut seen = Seen::default();
        while !section.is_empty() {
            if let Err(error) = read_one(&mut section, place, &mut seen) {
                // Where the section ends is known, whatever is in it.
                section.recover(error)?;
                break;
            }
            end = section.offset();
        }
        if seen.has(PropertyId::AuthenticationData) && !seen.has(PropertyId::AuthenticationMethod) {
            section.complain(
                PropertyId::AuthenticationData.into(),
                length_at,
                Fault::AuthDataWithoutMethod,
            )?;
        }
        Ok(Self {
            wire: section.slice(start..end),
            defect: None,
        })
    }

    /// Checks the properties against the table.
    ///
    /// # Errors
    /// The first property that may not stand at `place`, stands there twice, or has a value out of range.
    pub fn check(&self, place: Place) -> Result<(), EncodeError> {
        let mut seen = Seen::default();
        for span in self.spans() {
            let id = span.id;
            if !id.allowed_at(place) {
                return Err(EncodeError::PropertyNotAllowed(id, place.name()));
            }
            if !seen.insert(id) && !id.repeatable_at(place) {
                return Err(EncodeError::PropertyDuplicate(id));
            }
            if id.range() != Range::Any {
                let value = self.read_at(&span);
                if value.is_none_or(|value| range_fault(id, &value).is_some()) {
                    return Err(EncodeError::PropertyRange(id));
                }
            }
        }
        match &self.defect {
            Some(error) => Err((**error).clone()),
            None => Ok(()),
        }
    }

    pub(in crate::protocol) fn write(&self, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        buffer.put_varint(self.wire.len())?;
        buffer.put_slice(&self.wire);
        Ok(())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Where a property lies in its bytes.
struct Span {
    id: PropertyId,
    start: usize,
    /// Where its value begins.
    value: usize,
    end: usize,
}

/// Walks over properties without reading values.
struct Spans<'a> {
    wire: &'a [u8],
    at: usize,
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let start = self.at;
        // No identifier needs a second byte.
        let id = PropertyId::from_wire((*self.wire.get(start)?).into())?;
        let value = start + 1;
        let rest = self.wire.get(value..)?;
        let prefixed = |at: usize| {
            let length = rest.get(at..at + 2)?;
            Some(at + 2 + usize::from(u16::from_be_bytes(length.try_into().ok()?)))
        };
        let length = match id.value_type() {
            PropertyType::Byte => 1,
            PropertyType::U16 => 2,
            PropertyType::U32 => 4,
            PropertyType::Varint => rest.iter().position(|byte| *byte < 0x80)? + 1,
            PropertyType::Text | PropertyType::Binary => prefixed(0)?,
            PropertyType::Pair => prefixed(prefixed(0)?)?,
        };
        self.at = value + length;
        (self.at <= self.wire.len()).then_some(Span {
            id,
            start,
            value,
            end: self.at,
        })
    }
}

/// Which properties have come.
#[derive(Default)]
struct Seen(u64);

impl Seen {
    fn has(&self, id: PropertyId) -> bool {
        self.0 & (1 << id as u8) != 0
    }

    /// False when it was there already.
    fn insert(&mut self, id: PropertyId) -> bool {
        let new = !self.has(id);
        self.0 |= 1 << id as u8;
        new
    }
}

fn read_one(reader: &mut Reader<'_>, place: Place, seen: &mut Seen) -> Result<(), DecodeError> {
    let at = reader.offset();
    let number = reader.varint_unlogged(FieldId::PropertyIdentifier)?;
    let Some(id) = PropertyId::from_wire(number) else {
        return reader.fault(FieldId::PropertyIdentifier, at, Fault::PropertyUnknown(number));
    };
    let field = FieldId::from(id);
    if !id.allowed_at(place) {
        reader.complain(field, at, Fault::PropertyNotAllowed(id))?;
    }
    let value = read_value(id, reader)?;
    reader.widen(at);
    if !seen.insert(id) && !id.repeatable_at(place) {
        reader.complain(field, at, Fault::PropertyDuplicate(id))?;
    }
    if let Some(fault) = range_fault(id, &value) {
        reader.complain(field, at, fault)?;
    }
    let (allowed, actual) = (id.sender_at(place), reader.context.sender);
    if allowed != actual && allowed != Sender::Unknown && actual != Sender::Unknown {
        reader.complain(field, at, Fault::PropertyWrongDirection(id))?;
    }
    Ok(())
}

fn read_value(id: PropertyId, reader: &mut Reader<'_>) -> Result<PropertyValue, DecodeError> {
    let field = FieldId::from(id);
    Ok(match id.value_type() {
        PropertyType::Byte => PropertyValue::Byte(reader.u8(field)?),
        PropertyType::U16 => PropertyValue::U16(reader.u16(field)?),
        PropertyType::U32 => PropertyValue::U32(reader.u32(field)?),
        PropertyType::Varint => PropertyValue::Varint(reader.varint(field)?),
        PropertyType::Text => PropertyValue::Text(reader.text(field)?),
        PropertyType::Binary => PropertyValue::Binary(reader.binary(field)?),
        PropertyType::Pair => {
            let (key, value) = reader.pair(field)?;
            PropertyValue::Pair(key, value)
        }
    })
}

/// Writes a property, or nothing when it has the type of another one or is too long.
fn put_property(wire: &mut BytesMut, id: PropertyId, value: &PropertyValue) -> Result<(), EncodeError> {
    let largest =
        matches!(value, PropertyValue::Varint(n) if usize::try_from(*n).map_or(true, |n| n > MAX_REMAINING_LENGTH));
    if value.value_type() != id.value_type() || largest {
        return Err(EncodeError::PropertyRange(id));
    }
    let start = wire.len();
    wire.put_u8(id as u8);
    match value {
        PropertyValue::Byte(n) => wire.put_u8(*n),
        PropertyValue::U16(n) => wire.put_u16(*n),
        PropertyValue::U32(n) => wire.put_u32(*n),
        PropertyValue::Varint(n) => wire.put_varint(usize::try_from(*n).unwrap_or(usize::MAX))?,
        PropertyValue::Text(text) => wire.put_text(text),
        PropertyValue::Binary(bytes) => {
            return wire.put_binary(id.into(), bytes).inspect_err(|_| wire.truncate(start));
        }
        PropertyValue::Pair(key, value) => {
            wire.put_text(key);
            wire.put_text(value);
        }
    }
    Ok(())
}

impl FromIterator<(PropertyId, PropertyValue)> for Properties {
    fn from_iter<I: IntoIterator<Item = (PropertyId, PropertyValue)>>(iter: I) -> Self {
        let mut properties = Self::new();
        for (id, value) in iter {
            properties.push(id, value);
        }
        properties
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISH: Place = Place::Packet(PacketType::Publish);

    fn text(text: &str) -> Utf8 {
        Utf8::new(text).unwrap()
    }

    /// Properties as they come: a part of a packet whose bytes others hold, too.
    fn received(packet: &Bytes) -> Properties {
        let context = Context {
            version: Version::V5,
            sender: Sender::Client,
            packet: PacketType::Publish,
        };
        Properties::read(&mut Reader::new(context, packet, 1, None, None), PUBLISH).unwrap()
    }

    const PACKET: &[u8] = b"\xff\x15\x02\x00\x00\x00\x3c\x26\x00\x01k\x00\x01v\x03\x00\x01t\x26\x00\x00\x00\x00payload";

    #[test]
    fn received_ones_are_a_slice_of_their_packet() {
        let packet = Bytes::from_static(PACKET);
        let properties = received(&packet);
        assert_eq!(properties.wire.as_ptr(), packet.slice(2..).as_ptr());
        assert_eq!(properties.size(), 21);
        let expected: Properties = [
            (PropertyId::MessageExpiryInterval, PropertyValue::U32(60)),
            (PropertyId::UserProperty, PropertyValue::Pair(text("k"), text("v"))),
            (PropertyId::ContentType, PropertyValue::Text(text("t"))),
            (PropertyId::UserProperty, PropertyValue::Pair(text(""), text(""))),
        ]
        .into_iter()
        .collect();
        assert_eq!(properties, expected);
        assert_eq!(properties.check(PUBLISH), Ok(()));
        assert_eq!(properties.number(PropertyId::MessageExpiryInterval), Some(60));
        assert_eq!(properties.text(PropertyId::ContentType), Some(text("t")));
        assert_eq!(properties.value(PropertyId::TopicAlias), None);
        let pairs: Vec<_> = properties.user_properties().collect();
        assert_eq!(pairs, [(text("k"), text("v")), (text(""), text(""))]);
    }

    #[test]
    fn a_change_leaves_the_packet_and_its_other_properties_as_they_are() {
        for shared in [true, false] {
            let packet = Bytes::copy_from_slice(PACKET);
            let mut properties = received(&packet);
            let packet = Some(packet).filter(|_| shared);
            properties.set_number(PropertyId::MessageExpiryInterval, 5);
            properties.set_number(PropertyId::TopicAlias, 7);
            properties.remove(PropertyId::UserProperty);
            properties.push(
                PropertyId::CorrelationData,
                PropertyValue::Binary(Bytes::from_static(b"c")),
            );
            assert_eq!(
                properties.wire[..],
                *b"\x02\x00\x00\x00\x05\x03\x00\x01t\x23\x00\x07\x09\x00\x01c",
                "shared: {shared}"
            );
            assert!(packet.is_none_or(|packet| packet[..] == *PACKET));
        }
    }

    #[test]
    fn what_the_wire_cannot_say_is_an_error_when_it_is_written() {
        let long = PropertyValue::Binary(Bytes::from(vec![0; 65_536]));
        for (id, value, error) in [
            (
                PropertyId::TopicAlias,
                PropertyValue::Byte(1),
                EncodeError::PropertyRange(PropertyId::TopicAlias),
            ),
            (
                PropertyId::SubscriptionIdentifier,
                PropertyValue::Varint(268_435_456),
                EncodeError::PropertyRange(PropertyId::SubscriptionIdentifier),
            ),
            (
                PropertyId::CorrelationData,
                long,
                EncodeError::TooLong(PropertyId::CorrelationData.into(), 65_536),
            ),
        ] {
            let mut properties = Properties::new();
            properties.push(id, value);
            properties.push(PropertyId::ContentType, PropertyValue::Text(text("t")));
            assert!(!properties.is_empty());
            assert_eq!(properties.wire[..], *b"\x03\x00\x01t");
            assert_eq!(properties.check(PUBLISH), Err(error));
        }
    }
}
