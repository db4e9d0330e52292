//! CONNECT (version 5, section 3.1). It must not know what a server answers.

use crate::protocol::property::Place;
use crate::protocol::wire::{Put, Reader, flag};
use crate::protocol::{DecodeError, EncodeError, Fault, FieldId, PacketType, Properties, QoS, Utf8, Version, topic};
use bytes::{BufMut, Bytes, BytesMut};

/// A client asks for a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// The version that the client speaks.
    pub version: Version,
    /// Bit 7 of the protocol level: Mosquitto's and others' mark of a bridge, outside the standard.
    pub bridge: bool,
    /// Clean Start of version 5, Clean Session before.
    pub clean_start: bool,
    /// Keep Alive in seconds; 0 switches it off.
    pub keep_alive: u16,
    /// Properties; none before version 5.
    pub properties: Properties,
    /// The client identifier; empty asks the server for one.
    pub client_id: Utf8,
    /// What the server publishes when the connection ends without DISCONNECT.
    pub will: Option<Will>,
    /// User name.
    pub username: Option<Utf8>,
    /// Password: any bytes.
    pub password: Option<Bytes>,
}

/// The will message of a CONNECT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// QoS of the message.
    pub qos: QoS,
    /// Whether it is retained.
    pub retain: bool,
    /// Will properties; none before version 5.
    pub properties: Properties,
    /// Topic name.
    pub topic: Utf8,
    /// Payload.
    pub payload: Bytes,
}

const RESERVED: u8 = 0x01;
const CLEAN_START: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_QOS_SHIFT: u8 = 3;
const WILL_RETAIN: u8 = 0x20;
const USERNAME: u8 = 0x80;

impl Connect {
    /// Of the connect flags: a password is there.
    pub const PASSWORD_FLAG: u8 = 0x40;
    /// Of the protocol level: [`Self::bridge`].
    pub const BRIDGE: u8 = 0x80;

    /// The protocol level as it is on the wire.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.version.level() | flag(self.bridge, Self::BRIDGE)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (version, bridge) = read_version(reader)?;
        reader.context.version = version;
        let flags_at = reader.offset();
        let flags = reader.flags(FieldId::ConnectFlags)?;
        let will_qos = check_flags(reader, version, flags, flags_at)?;
        let keep_alive = reader.u16(FieldId::KeepAlive)?;
        let properties = super::read_properties(reader)?;
        let client_id_at = reader.offset();
        let client_id = reader.text(FieldId::ClientIdentifier)?;
        let clean_start = flags & CLEAN_START != 0;
        let may_be_empty = version == Version::V5 || version == Version::V311 && clean_start;
        if client_id.is_empty() && !may_be_empty {
            reader.complain(FieldId::ClientIdentifier, client_id_at, Fault::EmptyClientId)?;
        }
        let will = match flags & WILL {
            0 => None,
            _ => Some(Will::read(reader, will_qos, flags & WILL_RETAIN != 0)?),
        };
        // 3.1, section 3.1: the flags may be set although the strings are not there.
        let absent = |reader: &Reader<'_>| version == Version::V31 && reader.is_empty();
        let username = match flags & USERNAME {
            0 => None,
            _ if absent(reader) => None,
            _ => Some(reader.text(FieldId::UserName)?),
        };
        let password = match flags & Self::PASSWORD_FLAG {
            0 => None,
            _ if absent(reader) => None,
            _ => Some(reader.binary(FieldId::Password)?),
        };
        Ok(Self {
            version,
            bridge,
            clean_start,
            keep_alive,
            properties,
            client_id,
            will,
            username,
            password,
        })
    }

    /// In its own version, whatever that of the connection.
    pub(super) fn write(&self, packet: PacketType, _: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        let version = self.version;
        if self.password.is_some() && self.username.is_none() && version != Version::V5 {
            return Err(EncodeError::PasswordWithoutUsername);
        }
        let name = version.protocol_name().as_bytes();
        buffer.put_binary(FieldId::ProtocolName, name)?;
        buffer.put_u8(self.level());
        buffer.put_u8(self.flags());
        buffer.put_u16(self.keep_alive);
        super::put_properties(buffer, packet, version, &self.properties)?;
        buffer.put_text(&self.client_id);
        if let Some(will) = &self.will {
            will.write(version, buffer)?;
        }
        if let Some(username) = &self.username {
            buffer.put_text(username);
        }
        if let Some(password) = &self.password {
            buffer.put_binary(FieldId::Password, password)?;
        }
        Ok(())
    }

    fn flags(&self) -> u8 {
        let will = self.will.as_ref().map_or(0, |will| {
            WILL | u8::from(will.qos) << WILL_QOS_SHIFT | flag(will.retain, WILL_RETAIN)
        });
        flag(self.clean_start, CLEAN_START)
            | will
            | flag(self.password.is_some(), Self::PASSWORD_FLAG)
            | flag(self.username.is_some(), USERNAME)
    }
}

fn read_version(reader: &mut Reader<'_>) -> Result<(Version, bool), DecodeError> {
    let name_at = reader.offset();
    let name = reader.text(FieldId::ProtocolName)?;
    let level_at = reader.offset();
    let known = matches!(name.as_str(), "MQTT" | "MQIsdp");
    if !known {
        reader.substitute(FieldId::ProtocolName, name_at, Fault::BadProtocolName, ())?;
    }
    let level = reader.u8(FieldId::ProtocolLevel)?;
    let bridge = level & Connect::BRIDGE != 0;
    match Version::from_level(level & !Connect::BRIDGE) {
        Some(version) if version.protocol_name() == name.as_str() && (!bridge || version != Version::V5) => {
            Ok((version, bridge))
        }
        // What the level alone would say.
        Some(version) if !bridge => {
            if known {
                reader.substitute(FieldId::ProtocolLevel, level_at, Fault::BadProtocolLevel(level), ())?;
            }
            Ok((version, false))
        }
        _ => reader.fault(FieldId::ProtocolLevel, level_at, Fault::BadProtocolLevel(level)),
    }
}

/// Faults of the connect flags; gives the will's QoS. 3.1 leaves unused bits alone.
fn check_flags(reader: &mut Reader<'_>, version: Version, flags: u8, at: usize) -> Result<QoS, DecodeError> {
    let name = FieldId::ConnectFlags;
    let will_qos = flags >> WILL_QOS_SHIFT & 3;
    if flags & RESERVED != 0 && version != Version::V31 {
        reader.substitute(name, at, Fault::ConnectReservedFlag, ())?;
    }
    if flags & WILL == 0 && (will_qos != 0 || flags & WILL_RETAIN != 0) && version != Version::V31 {
        reader.substitute(name, at, Fault::WillBitsWithoutWill, ())?;
    }
    if flags & Connect::PASSWORD_FLAG != 0 && flags & USERNAME == 0 && version != Version::V5 {
        reader.complain(name, at, Fault::PasswordWithoutUsername)?;
    }
    match QoS::from_bits(will_qos) {
        Some(qos) => Ok(qos),
        None if flags & WILL == 0 => Ok(QoS::AtMostOnce),
        None => reader.substitute(name, at, Fault::WillQos3, QoS::ExactlyOnce),
    }
}

impl Will {
    fn read(reader: &mut Reader<'_>, qos: QoS, retain: bool) -> Result<Self, DecodeError> {
        let properties = super::read_properties_at(Place::Will, reader)?;
        let at = reader.offset();
        let topic = reader.text(FieldId::WillTopic)?;
        if topic.is_empty() {
            reader.complain(FieldId::WillTopic, at, Fault::EmptyTopic)?;
        }
        if topic::has_wildcard(&topic) {
            reader.complain(FieldId::WillTopic, at, Fault::WildcardInTopic)?;
        }
        let payload = reader.binary(FieldId::WillPayload)?;
        Ok(Self {
            qos,
            retain,
            properties,
            topic,
            payload,
        })
    }

    fn write(&self, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        super::put_properties(buffer, Place::Will, version, &self.properties)?;
        buffer.put_text(&self.topic);
        buffer.put_binary(FieldId::WillPayload, &self.payload)
    }
}
