//! DISCONNECT (version 5, section 3.14). It must not know how a connection is closed.

use crate::protocol::wire::Reader;
use crate::protocol::{DecodeError, EncodeError, PacketType, Properties, ReasonCode, Version};
use bytes::BytesMut;

/// The last packet of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// Why; always [`ReasonCode::SUCCESS`] before version 5.
    pub reason: ReasonCode,
    /// Properties; none before version 5.
    pub properties: Properties,
}

impl Disconnect {
    /// A DISCONNECT without properties.
    #[must_use]
    pub fn new(reason: ReasonCode) -> Self {
        Self {
            reason,
            properties: Properties::new(),
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (reason, properties) = super::read_reason_and_properties(reader)?;
        Ok(Self { reason, properties })
    }

    pub(super) fn write(&self, packet: PacketType, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        super::put_reason_and_properties(buffer, packet, version, self.reason, &self.properties)
    }
}
