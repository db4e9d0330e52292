//! CONNACK (version 5, section 3.2). It must not know what a client does then.

use crate::protocol::wire::Reader;
use crate::protocol::{DecodeError, EncodeError, Fault, FieldId, PacketType, Properties, ReasonCode, Version};
use bytes::{BufMut, BytesMut};

/// The server's answer to CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connack {
    /// Whether the server goes on with a session that it has; 3.1 cannot say so.
    pub session_present: bool,
    /// The reason code; the return codes of 3.1 and 3.1.1 are mapped onto it.
    pub reason: ReasonCode,
    /// Properties; none before version 5.
    pub properties: Properties,
}

/// The largest return code that 3.1 and 3.1.1 define.
const LAST_RETURN_CODE: u8 = 5;

impl Connack {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.context.version;
        let at = reader.offset();
        let flags = reader.flags(FieldId::ConnectAcknowledgeFlags)?;
        if flags & 0xfe != 0 && version != Version::V31 {
            reader.complain(FieldId::ConnectAcknowledgeFlags, at, Fault::ConnackReservedFlags(flags))?;
        }
        let session_present = flags & 1 != 0 && version != Version::V31;
        let reason = match version {
            Version::V5 => super::read_reason(reader)?,
            Version::V31 | Version::V311 => read_return_code(reader)?,
        };
        if session_present && reason != ReasonCode::SUCCESS {
            reader.complain(FieldId::ConnectAcknowledgeFlags, at, Fault::SessionPresentWithError)?;
        }
        let properties = super::read_properties(reader)?;
        Ok(Self {
            session_present,
            reason,
            properties,
        })
    }

    pub(super) fn write(&self, packet: PacketType, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        buffer.put_u8(u8::from(self.session_present && version != Version::V31));
        buffer.put_u8(if version == Version::V5 {
            self.reason.0
        } else {
            self.reason.return_code()
        });
        super::put_properties(buffer, packet, version, &self.properties)
    }
}

fn read_return_code(reader: &mut Reader<'_>) -> Result<ReasonCode, DecodeError> {
    let at = reader.offset();
    let code = reader.u8(FieldId::ReturnCode)?;
    if code > LAST_RETURN_CODE {
        let unspecified = ReasonCode::UNSPECIFIED_ERROR;
        return reader.substitute(FieldId::ReturnCode, at, Fault::ReasonCodeNotAllowed(code), unspecified);
    }
    Ok(ReasonCode::from_return_code(code))
}
