//! SUBSCRIBE and SUBACK (version 5, sections 3.8 and 3.9). It must not know who is allowed what.

use crate::protocol::topic::{self, Shared};
use crate::protocol::wire::{Put, Reader, flag};
use crate::protocol::{
    DecodeError, EncodeError, Fault, FieldId, PacketId, PacketType, Properties, QoS, ReasonCode, Utf8, Version,
};
use bytes::{BufMut, BytesMut};

/// A client asks for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Packet identifier.
    pub packet_id: PacketId,
    /// Properties; none before version 5.
    pub properties: Properties,
    /// At least one `[MQTT-3.8.3-2]`.
    pub subscriptions: Vec<Subscription>,
}

/// One topic filter with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Topic filter.
    pub filter: Utf8,
    /// Maximum QoS of what the server sends.
    pub qos: QoS,
    /// Not what this client published itself; version 5.
    pub no_local: bool,
    /// Keep the RETAIN flag as it was published; version 5.
    pub retain_as_published: bool,
    /// Whether retained messages are sent now; version 5.
    pub retain_handling: RetainHandling,
}

/// When a server sends the retained messages of a new subscription (version 5, section 3.8.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetainHandling {
    /// At every SUBSCRIBE.
    #[default]
    SendAlways,
    /// Only when the subscription is new.
    SendIfNew,
    /// Never.
    DoNotSend,
}

impl RetainHandling {
    /// From the two bits of the wire; `None` for 3.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::SendAlways),
            1 => Some(Self::SendIfNew),
            2 => Some(Self::DoNotSend),
            _ => None,
        }
    }
}

impl From<RetainHandling> for u8 {
    fn from(handling: RetainHandling) -> Self {
        match handling {
            RetainHandling::SendAlways => 0,
            RetainHandling::SendIfNew => 1,
            RetainHandling::DoNotSend => 2,
        }
    }
}

const NO_LOCAL: u8 = 0x04;
const RETAIN_AS_PUBLISHED: u8 = 0x08;
const RETAIN_HANDLING_SHIFT: u8 = 4;
const RESERVED: u8 = 0xc0;

/// What 3.1 and 3.1.1 leave of the options byte.
const RESERVED_BEFORE_V5: u8 = 0xfc;

impl Subscribe {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = super::read_properties(reader)?;
        let subscriptions = reader.items(FieldId::TopicFilter, Fault::NoTopicFilter, Subscription::read)?;
        Ok(Self {
            packet_id,
            properties,
            subscriptions,
        })
    }

    pub(super) fn write(&self, packet: PacketType, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        buffer.put_u16(self.packet_id.get());
        super::put_properties(buffer, packet, version, &self.properties)?;
        for subscription in &self.subscriptions {
            buffer.put_text(&subscription.filter);
            buffer.put_u8(subscription.options(version));
        }
        Ok(())
    }
}

impl Subscription {
    /// A subscription with the options at rest.
    #[must_use]
    pub fn new(filter: Utf8, qos: QoS) -> Self {
        let retain_handling = RetainHandling::default();
        Self {
            filter,
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling,
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let filter = read_filter(reader)?;
        let at = reader.offset();
        let options = reader.flags(FieldId::SubscriptionOptions)?;
        let name = FieldId::SubscriptionOptions;
        let version = reader.context.version;
        let reserved = match version {
            Version::V5 => RESERVED,
            Version::V311 => RESERVED_BEFORE_V5,
            Version::V31 => 0,
        };
        if options & reserved != 0 {
            let fault = Fault::SubscriptionOptionsReserved(options & reserved);
            reader.substitute(name, at, fault, ())?;
        }
        let qos = match QoS::from_bits(options & 3) {
            Some(qos) => qos,
            None => reader.substitute(name, at, Fault::SubscribeQos3, QoS::ExactlyOnce)?,
        };
        if version != Version::V5 {
            return Ok(Self::new(filter, qos));
        }
        let retain_handling = match RetainHandling::from_bits(options >> RETAIN_HANDLING_SHIFT & 3) {
            Some(handling) => handling,
            None => reader.substitute(name, at, Fault::RetainHandling3, RetainHandling::DoNotSend)?,
        };
        let no_local = options & NO_LOCAL != 0;
        if no_local && Shared::parse(&filter).is_some() {
            reader.complain(name, at, Fault::NoLocalOnShared)?;
        }
        Ok(Self {
            filter,
            qos,
            no_local,
            retain_as_published: options & RETAIN_AS_PUBLISHED != 0,
            retain_handling,
        })
    }

    fn options(&self, version: Version) -> u8 {
        let qos = u8::from(self.qos);
        if version != Version::V5 {
            return qos;
        }
        qos | flag(self.no_local, NO_LOCAL)
            | flag(self.retain_as_published, RETAIN_AS_PUBLISHED)
            | u8::from(self.retain_handling) << RETAIN_HANDLING_SHIFT
    }
}

/// A topic filter of SUBSCRIBE or UNSUBSCRIBE. Shared subscriptions exist in version 5.
pub(super) fn read_filter(reader: &mut Reader<'_>) -> Result<Utf8, DecodeError> {
    let at = reader.offset();
    let filter = reader.text(FieldId::TopicFilter)?;
    if filter.is_empty() {
        reader.complain(FieldId::TopicFilter, at, Fault::EmptyTopicFilter)?;
    } else if topic::check_wildcards(&filter).is_err() {
        reader.complain(FieldId::TopicFilter, at, Fault::BadWildcardInFilter)?;
    } else if reader.context.version == Version::V5 && topic::check_filter(&filter).is_err() {
        reader.complain(FieldId::TopicFilter, at, Fault::BadSharedFilter)?;
    }
    Ok(filter)
}

/// The server's answer to SUBSCRIBE: one reason code for each filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suback {
    /// Packet identifier.
    pub packet_id: PacketId,
    /// Properties; none before version 5.
    pub properties: Properties,
    /// Granted QoS or a failure, in the order of the filters.
    pub reasons: Vec<ReasonCode>,
}

impl Suback {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = super::read_properties(reader)?;
        let reasons = reader.items(FieldId::ReasonCode, Fault::NoReasonCodes, read_granted)?;
        Ok(Self {
            packet_id,
            properties,
            reasons,
        })
    }

    pub(super) fn write(&self, packet: PacketType, version: Version, buffer: &mut BytesMut) -> Result<(), EncodeError> {
        buffer.put_u16(self.packet_id.get());
        super::put_properties(buffer, packet, version, &self.properties)?;
        for reason in &self.reasons {
            // Before version 5 there is one failure code, 0x80 `[MQTT-3.9.3-2]`.
            let code = if version != Version::V5 && reason.is_failure() {
                ReasonCode::UNSPECIFIED_ERROR
            } else {
                *reason
            };
            buffer.put_u8(code.0);
        }
        Ok(())
    }
}

fn read_granted(reader: &mut Reader<'_>) -> Result<ReasonCode, DecodeError> {
    if reader.context.version == Version::V5 {
        return super::read_reason(reader);
    }
    let at = reader.offset();
    let code = reader.u8(FieldId::ReturnCode)?;
    match code {
        0..=2 | 0x80 => Ok(ReasonCode(code)),
        _ => {
            reader.complain(FieldId::ReturnCode, at, Fault::ReasonCodeNotAllowed(code))?;
            Ok(ReasonCode(code))
        }
    }
}
