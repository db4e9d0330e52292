//! UNSUBSCRIBE and UNSUBACK (version 5, sections 3.10 and 3.11). It must not know which subscriptions exist.

use super::subscribe::read_filter;
use crate::protocol::wire::{Put, Reader};
use crate::protocol::{
    DecodeError, EncodeError, Fault, FieldId, PacketId, PacketType, Properties, ReasonCode, Utf8, Version,
};
use bytes::{BufMut, BytesMut};

/// A client wants no more messages of some filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Packet identifier.
    pub packet_id: PacketId,
    /// Properties; none before version 5.
    pub properties: Properties,
    /// At least one `[MQTT-3.10.3-2]`.
    pub filters: Vec<Utf8>,
}

impl Unsubscribe {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = super::read_properties(reader)?;
        let filters = reader.items(FieldId::TopicFilter, Fault::NoTopicFilter, read_filter)?;
        Ok(Self {
            packet_id,
            properties,
            filters,
        })
    }

    pub(super) fn write(&self, packet: PacketType, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        buffer.put_u16(self.packet_id.get());
        super::put_properties(buffer, packet, version, &self.properties)?;
        for filter in &self.filters {
            buffer.put_text(filter);
        }
        Ok(())
    }
}

/// The server's answer to UNSUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsuback {
    /// Packet identifier.
    pub packet_id: PacketId,
    /// Properties; none before version 5.
    pub properties: Properties,
    /// One for each filter; none before version 5.
    pub reasons: Vec<ReasonCode>,
}

impl Unsuback {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = super::read_properties(reader)?;
        let reasons = match reader.context.version {
            Version::V5 => reader.items(FieldId::ReasonCode, Fault::NoReasonCodes, super::read_reason)?,
            Version::V31 | Version::V311 => Vec::new(),
        };
        Ok(Self {
            packet_id,
            properties,
            reasons,
        })
    }

    pub(super) fn write(&self, packet: PacketType, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        buffer.put_u16(self.packet_id.get());
        super::put_properties(buffer, packet, version, &self.properties)?;
        if version == Version::V5 {
            for reason in &self.reasons {
                buffer.put_u8(reason.0);
            }
        }
        Ok(())
    }
}
