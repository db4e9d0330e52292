//! The control packets: dispatch by type to one file per packet. It must not know what a session makes of them.

mod ack;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod publish;
mod subscribe;
mod unsubscribe;

pub use ack::Ack;
pub use auth::Auth;
pub use connack::Connack;
pub use connect::{Connect, Will};
pub use disconnect::Disconnect;
pub use publish::Publish;
pub use subscribe::{RetainHandling, Suback, Subscribe, Subscription};
pub use unsubscribe::{Unsuback, Unsubscribe};

use super::property::Place;
use super::reason::Allowed;
use super::wire::{Context, Faults, Reader, put_packet, varint_size};
use super::{
    DecodeError, EncodeError, Fault, FieldId, FieldLog, FieldValue, Frame, PacketId, Properties, ReasonCode, Sender,
    Version,
};
use bytes::{BufMut, BytesMut};
use std::fmt;

macro_rules! packet_types {
    ($($variant:ident = $number:literal, $bit:ident, $name:literal;)*) => {
        /// The types of control packets (version 5, section 2.1.2).
        #[allow(missing_docs, reason = "the names are the standard's")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum PacketType { $($variant = $number),* }

        impl PacketType {
            /// Every type, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// From the upper four bits of the first byte.
            #[must_use]
            pub fn from_first_byte(byte: u8) -> Self {
                match byte >> 4 { $($number => Self::$variant,)* _ => Self::Reserved }
            }

            /// The standard's name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }

        /// One bit for each type, for sets of them in tables.
        #[allow(dead_code, reason = "some packets are in no table")]
        pub(super) mod bits { $(pub(in crate::protocol) const $bit: u16 = 1 << $number;)* }
    };
}

packet_types! {
    Reserved = 0, RESERVED, "reserved packet type";
    Connect = 1, CONNECT, "CONNECT";
    Connack = 2, CONNACK, "CONNACK";
    Publish = 3, PUBLISH, "PUBLISH";
    Puback = 4, PUBACK, "PUBACK";
    Pubrec = 5, PUBREC, "PUBREC";
    Pubrel = 6, PUBREL, "PUBREL";
    Pubcomp = 7, PUBCOMP, "PUBCOMP";
    Subscribe = 8, SUBSCRIBE, "SUBSCRIBE";
    Suback = 9, SUBACK, "SUBACK";
    Unsubscribe = 10, UNSUBSCRIBE, "UNSUBSCRIBE";
    Unsuback = 11, UNSUBACK, "UNSUBACK";
    Pingreq = 12, PINGREQ, "PINGREQ";
    Pingresp = 13, PINGRESP, "PINGRESP";
    Disconnect = 14, DISCONNECT, "DISCONNECT";
    Auth = 15, AUTH, "AUTH";
}

impl PacketType {
    /// The number on the wire, 0 to 15.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its bit in [`bits`].
    pub(super) fn bit(self) -> u16 {
        1 << self.number()
    }

    /// False for type 0, and for AUTH before version 5.
    #[must_use]
    pub fn exists_in(self, version: Version) -> bool {
        self != Self::Reserved && (self != Self::Auth || version == Version::V5)
    }

    /// The flag bits that the fixed header of this type must have; `None` for PUBLISH, which gives them meaning.
    #[must_use]
    pub fn header_flags(self) -> Option<u8> {
        match self {
            Self::Publish => None,
            Self::Pubrel | Self::Subscribe | Self::Unsubscribe => Some(0b0010),
            _ => Some(0),
        }
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A control packet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the standard's")]
pub enum Packet {
    Connect(Box<Connect>),
    Connack(Connack),
    Publish(Publish),
    Puback(Ack),
    Pubrec(Ack),
    Pubrel(Ack),
    Pubcomp(Ack),
    Subscribe(Subscribe),
    Suback(Suback),
    Unsubscribe(Unsubscribe),
    Unsuback(Unsuback),
    Pingreq,
    Pingresp,
    Disconnect(Disconnect),
    Auth(Auth),
}

/// The same of whatever packet it is; PINGREQ and PINGRESP say nothing.
macro_rules! each_packet {
    ($any:expr, $packet:ident => $body:expr, $ping:expr) => {
        match $any {
            Packet::Connect($packet) => $body,
            Packet::Connack($packet) => $body,
            Packet::Publish($packet) => $body,
            Packet::Puback($packet) => $body,
            Packet::Pubrec($packet) => $body,
            Packet::Pubrel($packet) => $body,
            Packet::Pubcomp($packet) => $body,
            Packet::Subscribe($packet) => $body,
            Packet::Suback($packet) => $body,
            Packet::Unsubscribe($packet) => $body,
            Packet::Unsuback($packet) => $body,
            Packet::Disconnect($packet) => $body,
            Packet::Auth($packet) => $body,
            Packet::Pingreq | $crate::protocol::packet::Packet::Pingresp => $ping,
        }
    };
}
pub(crate) use each_packet;

/// A packet of this type, which its struct reads from `source`.
macro_rules! read_packet {
    ($packet:expr, $source:expr, $reserved:expr) => {
        match $packet {
            PacketType::Connect => Packet::Connect(Box::new(Connect::read($source)?)),
            PacketType::Connack => Packet::Connack(Connack::read($source)?),
            PacketType::Publish => Packet::Publish(Publish::read($source)?),
            PacketType::Puback => Packet::Puback(Ack::read($source)?),
            PacketType::Pubrec => Packet::Pubrec(Ack::read($source)?),
            PacketType::Pubrel => Packet::Pubrel(Ack::read($source)?),
            PacketType::Pubcomp => Packet::Pubcomp(Ack::read($source)?),
            PacketType::Subscribe => Packet::Subscribe(Subscribe::read($source)?),
            PacketType::Suback => Packet::Suback(Suback::read($source)?),
            PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe::read($source)?),
            PacketType::Unsuback => Packet::Unsuback(Unsuback::read($source)?),
            PacketType::Pingreq => Packet::Pingreq,
            PacketType::Pingresp => Packet::Pingresp,
            PacketType::Disconnect => Packet::Disconnect(Disconnect::read($source)?),
            PacketType::Auth => Packet::Auth(Auth::read($source)?),
            PacketType::Reserved => $reserved,
        }
    };
}
pub(crate) use read_packet;

impl Packet {
    /// Explains a frame. A CONNECT says its own version; `version` is that of every other packet.
    ///
    /// # Errors
    /// The first fault of the packet, in wire order.
    pub fn decode(version: Version, sender: Sender, frame: &Frame) -> Result<Self, DecodeError> {
        Self::decode_with(version, sender, frame, None, None)
    }

    /// As [`Self::decode`], by the same code, and `log` gets every field up to the first fault.
    ///
    /// # Errors
    /// The first fault of the packet, in wire order.
    pub fn decode_logged(
        version: Version,
        sender: Sender,
        frame: &Frame,
        log: &mut FieldLog,
    ) -> Result<Self, DecodeError> {
        Self::decode_with(version, sender, frame, Some(log), None)
    }

    /// As [`Self::decode`], by the same code, but reads on behind a fault as far as that is possible: `faults` gets all of
    /// them in the order in which they were met, and `log` every field.
    ///
    /// # Errors
    /// The first fault that makes it impossible to say what the packet says. Rules that the packet breaks otherwise are
    /// among `faults` only.
    pub fn explain(
        version: Version,
        sender: Sender,
        frame: &Frame,
        log: Option<&mut FieldLog>,
        faults: &mut Vec<DecodeError>,
    ) -> Result<Self, DecodeError> {
        let mut all = Faults::default();
        let packet = Self::decode_with(version, sender, frame, log, Some(&mut all));
        let packet = match (packet, all.unreadable) {
            (Ok(packet), None) => Ok(packet),
            (Ok(_), Some(first)) => Err(first),
            (Err(last), first) => {
                if !all.list.contains(&last) {
                    all.list.push(last.clone());
                }
                Err(first.unwrap_or(last))
            }
        };
        if let Some((_, Fault::PacketCut { needed, left })) = frame.defect() {
            // That a field is cut, too, is nothing new, unless it would not fit into the whole packet either.
            let missing = needed - left;
            all.list.retain(|error| match error.fault {
                Fault::FieldPastEnd { needed, left } => needed - left > missing,
                Fault::PropertyLengthPastEnd(length) => {
                    !usize::try_from(length).is_ok_and(|length| error.offset.saturating_add(length) < needed)
                }
                _ => true,
            });
        }
        *faults = all.list;
        packet
    }

    fn decode_with(
        version: Version,
        sender: Sender,
        frame: &Frame,
        log: Option<&mut FieldLog>,
        faults: Option<&mut Faults>,
    ) -> Result<Self, DecodeError> {
        let packet = frame.packet_type();
        let mut reader = Reader::new(
            Context {
                version,
                sender,
                packet,
            },
            frame.bytes(),
            0,
            log,
            faults,
        );
        let first = reader.flags(FieldId::PacketTypeAndFlags)?;
        let remaining = reader.offset();
        reader.skip(frame.header_len().saturating_sub(1));
        reader.note(FieldId::RemainingLength, remaining, || {
            FieldValue::Number(u32::try_from(frame.remaining_length()).unwrap_or_default())
        });
        let defect = frame.defect();
        let cut = |fault: &Fault| matches!(fault, Fault::PacketCut { .. });
        if let Some((offset, fault)) = defect.filter(|(_, fault)| !cut(fault)) {
            return reader.fault(FieldId::RemainingLength, offset, fault);
        }
        let exists = packet.exists_in(version);
        let unknown = Fault::ReservedPacketType(packet.number());
        if !exists {
            reader.substitute(FieldId::PacketType, 0, unknown, ())?;
        }
        if let Some((offset, fault)) = defect {
            reader.substitute(FieldId::RemainingLength, offset, fault, ())?;
        }
        if !exists {
            return reader.fault(FieldId::PacketType, 0, unknown);
        }
        check_flags(&mut reader, first)?;
        let decoded = read_packet!(
            packet,
            &mut reader,
            return reader.fault(FieldId::PacketType, 0, unknown)
        );
        reader.finish()?;
        Ok(decoded)
    }

    /// Writes the packet at the end of `buffer`, which is unchanged after an error.
    ///
    /// # Errors
    /// What the packet says cannot be said in this version or is too long.
    pub fn encode(&self, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        if let Self::Publish(publish) = self {
            return publish.encode(version, buffer);
        }
        let kind = self.packet_type();
        put_packet(
            buffer,
            kind.number() << 4 | kind.header_flags().unwrap_or_default(),
            |buffer| each_packet!(self, packet => packet.write(kind, version, buffer), Ok(())),
        )
    }

    /// Its packet identifier; only some types have one.
    #[must_use]
    pub fn packet_id(&self) -> Option<PacketId> {
        match self {
            Self::Publish(p) => p.packet_id,
            Self::Puback(p) | Self::Pubrec(p) | Self::Pubrel(p) | Self::Pubcomp(p) => Some(p.packet_id),
            Self::Subscribe(p) => Some(p.packet_id),
            Self::Suback(p) => Some(p.packet_id),
            Self::Unsubscribe(p) => Some(p.packet_id),
            Self::Unsuback(p) => Some(p.packet_id),
            _ => None,
        }
    }

    /// Its properties, but for those of a will; PINGREQ and PINGRESP cannot have any.
    #[must_use]
    pub fn properties(&self) -> Option<&Properties> {
        each_packet!(self, packet => Some(&packet.properties), None)
    }

    /// The packet's type.
    #[must_use]
    pub fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::Connack(_) => PacketType::Connack,
            Self::Publish(_) => PacketType::Publish,
            Self::Puback(_) => PacketType::Puback,
            Self::Pubrec(_) => PacketType::Pubrec,
            Self::Pubrel(_) => PacketType::Pubrel,
            Self::Pubcomp(_) => PacketType::Pubcomp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::Suback(_) => PacketType::Suback,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::Unsuback(_) => PacketType::Unsuback,
            Self::Pingreq => PacketType::Pingreq,
            Self::Pingresp => PacketType::Pingresp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }
}

/// 3.1 says of unused flag bits only that they are reserved for future use, so nothing is a fault there.
fn check_flags(reader: &mut Reader<'_>, first: u8) -> Result<(), DecodeError> {
    let Context { version, packet, .. } = reader.context;
    match packet.header_flags() {
        Some(expected) if first & 0x0f != expected && version != Version::V31 => reader.complain(
            FieldId::Flags,
            0,
            Fault::ReservedHeaderFlags {
                found: first & 0x0f,
                expected,
            },
        ),
        _ => Ok(()),
    }
}

/// Reads a reason code and looks it up in the table.
fn read_reason(reader: &mut Reader<'_>) -> Result<ReasonCode, DecodeError> {
    let at = reader.offset();
    let code = reader.u8(FieldId::ReasonCode)?;
    let Context { packet, sender, .. } = reader.context;
    match ReasonCode(code).allowed(packet, sender) {
        Allowed::Yes => {}
        Allowed::No => reader.complain(FieldId::ReasonCode, at, Fault::ReasonCodeNotAllowed(code))?,
        Allowed::WrongDirection => reader.complain(FieldId::ReasonCode, at, Fault::ReasonCodeWrongDirection(code))?,
    }
    Ok(ReasonCode(code))
}

/// The end of the acknowledgements and DISCONNECT: a reason code and properties, each of which may be left out from the
/// end (version 5, sections 3.4.2.1, 3.14.2.1). Before version 5 there are none.
fn read_reason_and_properties(reader: &mut Reader<'_>) -> Result<(ReasonCode, Properties), DecodeError> {
    if reader.is_empty() || reader.context.version != Version::V5 {
        return Ok((ReasonCode::SUCCESS, Properties::new()));
    }
    let reason = read_reason(reader)?;
    if reader.is_empty() {
        return Ok((reason, Properties::new()));
    }
    Ok((reason, read_properties(reader)?))
}

/// The shortest form of what [`read_reason_and_properties`] reads.
fn put_reason_and_properties(
    buffer: &mut BytesMut,
    packet: PacketType,
    version: Version,
    reason: ReasonCode,
    properties: &Properties,
) -> Result<(), EncodeError> {
    if version == Version::V5 && (reason != ReasonCode::SUCCESS || !properties.is_empty()) {
        buffer.put_u8(reason.0);
    }
    match properties.is_empty() {
        true => Ok(()),
        false => put_properties(buffer, packet, version, properties),
    }
}

fn read_properties(reader: &mut Reader<'_>) -> Result<Properties, DecodeError> {
    read_properties_at(reader.context.packet.into(), reader)
}

fn read_properties_at(place: Place, reader: &mut Reader<'_>) -> Result<Properties, DecodeError> {
    match reader.context.version {
        Version::V5 => Properties::read(reader, place),
        Version::V31 | Version::V311 => Ok(Properties::new()),
    }
}

fn put_properties(
    buffer: &mut BytesMut,
    place: impl Into<Place>,
    version: Version,
    properties: &Properties,
) -> Result<(), EncodeError> {
    properties_size(place, version, properties)?;
    match version {
        Version::V5 => properties.write(buffer),
        Version::V31 | Version::V311 => Ok(()),
    }
}

/// Bytes of the properties with their length; what may not be said is an error.
fn properties_size(place: impl Into<Place>, version: Version, properties: &Properties) -> Result<usize, EncodeError> {
    match version {
        // Most packets have none.
        Version::V5 if properties.is_empty() => Ok(1),
        Version::V5 => {
            properties.check(place.into())?;
            Ok(varint_size(properties.size()) + properties.size())
        }
        Version::V31 | Version::V311 if properties.is_empty() => Ok(0),
        Version::V31 | Version::V311 => Err(EncodeError::PropertiesBeforeV5),
    }
}
