//! PUBACK, PUBREC, PUBREL and PUBCOMP, which have one shape (version 5, sections 3.4 to 3.7). It must not know
//! delivery.

use crate::protocol::wire::Reader;
use crate::protocol::{DecodeError, EncodeError, PacketId, PacketType, Properties, ReasonCode, Version};
use bytes::{BufMut, BytesMut};

/// A step in the acknowledgement of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// The identifier of the PUBLISH.
    pub packet_id: PacketId,
    /// How it went; always [`ReasonCode::SUCCESS`] before version 5.
    pub reason: ReasonCode,
    /// Properties; none before version 5.
    pub properties: Properties,
}

impl Ack {
    /// An acknowledgement without properties.
    #[must_use]
    pub fn new(packet_id: PacketId, reason: ReasonCode) -> Self {
        Self {
            packet_id,
            reason,
            properties: Properties::new(),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let (reason, properties) = super::read_reason_and_properties(reader)?;
        Ok(Self {
            packet_id,
            reason,
            properties,
        })
    }

    pub(super) fn write(&self, packet: PacketType, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        buffer.put_u16(self.packet_id.get());
        super::put_reason_and_properties(buffer, packet, version, self.reason, &self.properties)
    }
}
