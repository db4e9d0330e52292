//! AUTH of enhanced authentication (version 5, section 3.15). It must not know any authentication method.

use crate::protocol::wire::Reader;
use crate::protocol::{DecodeError, EncodeError, Fault, PacketType, Properties, PropertyId, ReasonCode, Version};
use bytes::{BufMut, BytesMut};

/// A step of enhanced authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// Success, continue, or re-authenticate.
    pub reason: ReasonCode,
    /// Method and data.
    pub properties: Properties,
}

impl Auth {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        // Reason code and property length may be left out together only (section 3.15.2.1).
        if reader.is_empty() {
            return Ok(Self {
                reason: ReasonCode::SUCCESS,
                properties: Properties::new(),
            });
        }
        let reason = super::read_reason(reader)?;
        let properties = super::read_properties(reader)?;
        if properties.value(PropertyId::AuthenticationMethod).is_none() {
            reader.complain(
                PropertyId::AuthenticationMethod.into(),
                reader.offset(),
                Fault::AuthWithoutMethod,
            )?;
        }
        Ok(Self { reason, properties })
    }

    pub(super) fn write(&self, packet: PacketType, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        if version != Version::V5 {
            return Err(EncodeError::NotInVersion(packet, version));
        }
        if self.reason == ReasonCode::SUCCESS && self.properties.is_empty() {
            return Ok(());
        }
        buffer.put_u8(self.reason.0);
        super::put_properties(buffer, packet, version, &self.properties)
    }
}
