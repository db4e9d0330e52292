//! PUBLISH (version 5, section 3.3). It must not know delivery.

use crate::protocol::wire::{Put, Reader, flag, varint_size};
use crate::protocol::{
    DecodeError, EncodeError, Fault, FieldId, MAX_REMAINING_LENGTH, PacketId, PacketType, Properties, PropertyId, QoS,
    Utf8, Version, topic,
};
use bytes::{BufMut, Bytes, BytesMut};

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Sent before, perhaps `[MQTT-3.3.1-1]`.
    pub dup: bool,
    /// Quality of service.
    pub qos: QoS,
    /// To a server: keep it as the retained message of its topic. From a server: it is a retained message.
    pub retain: bool,
    /// Topic name; empty when a topic alias stands for it.
    pub topic: Utf8,
    /// The packet identifier at QoS 1 and 2, none at QoS 0 `[MQTT-2.2.1-2]`.
    pub packet_id: Option<PacketId>,
    /// Properties; none before version 5.
    pub properties: Properties,
    /// The payload: any bytes.
    pub payload: Bytes,
}

const RETAIN: u8 = 0x01;
const DUP: u8 = 0x08;

impl Publish {
    /// A message that is new: not sent before, not retained, without properties; its packet identifier comes later.
    #[must_use]
    pub fn new(topic: Utf8, qos: QoS, payload: Bytes) -> Self {
        Self {
            dup: false,
            qos,
            retain: false,
            topic,
            packet_id: None,
            properties: Properties::new(),
            payload,
        }
    }

    #[inline(always)]
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let first = reader.first_byte();
        let (dup, retain) = (first & DUP != 0, first & RETAIN != 0);
        let qos = match QoS::from_bits(first >> 1 & 3) {
            Some(qos) => qos,
            None => reader.substitute(FieldId::Flags, 0, Fault::PublishQos3, QoS::ExactlyOnce)?,
        };
        if dup && qos == QoS::AtMostOnce && reader.context.version != Version::V31 {
            reader.complain(FieldId::Flags, 0, Fault::DupWithQos0)?;
        }
        let topic_at = reader.offset();
        let topic = reader.text(FieldId::TopicName)?;
        if topic::has_wildcard(&topic) {
            reader.complain(FieldId::TopicName, topic_at, Fault::WildcardInTopic)?;
        }
        if topic.is_empty() && reader.context.version != Version::V5 {
            reader.complain(FieldId::TopicName, topic_at, Fault::EmptyTopic)?;
        }
        let packet_id = match qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => Some(reader.packet_id()?),
        };
        let properties = super::read_properties(reader)?;
        let aliased = properties.value(PropertyId::TopicAlias).is_some();
        if topic.is_empty() && !aliased && reader.context.version == Version::V5 {
            reader.complain(FieldId::TopicName, topic_at, Fault::EmptyTopicWithoutAlias)?;
        }
        let payload = reader.rest(FieldId::Payload);
        Ok(Self {
            dup,
            qos,
            retain,
            topic,
            packet_id,
            properties,
            payload,
        })
    }

    /// Writes the packet at the end of `buffer`, which is unchanged after an error.
    ///
    /// # Errors
    /// As [`super::Packet::encode`].
    pub fn encode(&self, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        let remaining = self.remaining_length(version)?;
        buffer.reserve(5 + remaining);
        let flags = flag(self.dup, DUP) | u8::from(self.qos) << 1 | flag(self.retain, RETAIN);
        buffer.put_u8(PacketType::Publish.number() << 4 | flags);
        buffer.put_varint(remaining)?;
        self.write(PacketType::Publish, version, buffer)
    }

    /// What follows the fixed header, of a message whose [`Self::remaining_length`] is known.
    pub(super) fn write(&self, _: PacketType, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        buffer.put_text(&self.topic);
        if let Some(packet_id) = self.packet_id {
            buffer.put_u16(packet_id.get());
        }
        if version == Version::V5 {
            self.properties.write(buffer)?;
        }
        buffer.put_slice(&self.payload);
        Ok(())
    }

    /// Checked, so that nothing fails once a byte is written.
    fn remaining_length(&self, version: Version) -> Result<usize, EncodeError> {
        let properties = super::properties_size(PacketType::Publish, version, &self.properties)?;
        let packet_id = if self.packet_id.is_some() { 2 } else { 0 };
        let remaining = 2 + self.topic.len() + packet_id + properties + self.payload.len();
        match remaining {
            0..=MAX_REMAINING_LENGTH => Ok(remaining),
            _ => Err(EncodeError::PacketTooLong(remaining)),
        }
    }

    /// Size on the wire in bytes; a packet identifier that is still to be given counts.
    ///
    /// # Errors
    /// As encoding.
    pub fn size(&self, version: Version) -> Result<usize, EncodeError> {
        let to_come = self.qos != QoS::AtMostOnce && self.packet_id.is_none();
        let remaining = self.remaining_length(version)? + if to_come { 2 } else { 0 };
        Ok(1 + varint_size(remaining) + remaining)
    }
}
