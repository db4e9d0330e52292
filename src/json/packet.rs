//! Packets as members of a JSON object, one description for both directions. It must not know what else a line says.

use super::object::{Json, Object};
use super::{About, Key, Members, Name as _, Problem, key, keys, member};
use crate::protocol::packet::{each_packet, read_packet};
use crate::protocol::{
    Ack, Auth, Connack, Connect, Disconnect, Packet, PacketType, Properties, Publish, QoS, ReasonCode, RetainHandling,
    Suback, Subscribe, Subscription, Unsuback, Unsubscribe, Utf8, Version, Will,
};
use bytes::Bytes;

/// A field as one or more members.
trait Member: Sized {
    fn write(&self, key: Key, about: About<'_>, out: &mut Vec<u8>);
    /// `None` when it is not there.
    fn read(key: Key, object: &mut Object) -> Result<Option<Self>, Problem>;
}

macro_rules! members {
    ($($packet:ident {
        $($field:ident $(as $key:ident)? $(= $default:expr)? $(, $version:ident)? $(=> $also:ident)?;)*
    } $(+ { $($other:ident: $value:expr),* })?)*) => {$(
        impl Members for $packet {
            fn write(&self, about: About<'_>, out: &mut Vec<u8>) {
                $($(if about.version == Version::$version)? {
                    Member::write(&self.$field, members!(@key $field $($key)?), about, out);
                    $($also(self, about, out);)?
                })*
            }

            fn read(object: &mut Object) -> Result<Self, Problem> {
                Ok(Self {
                    $($field: {
                        let key = members!(@key $field $($key)?);
                        let value = $(if object.about.version != Version::$version { None } else)? {
                            Member::read(key, object)?
                        };
                        members!(@or value, object.missing(key) $(, $default)?)
                    },)*
                    $($($other: $value),*)?
                })
            }
        }
    )*};
    (@key $field:ident) => { key!($field) };
    (@key $field:ident $key:ident) => { key!($key) };
    (@or $value:ident, $missing:expr) => { $value.ok_or_else(|| $missing)? };
    (@or $value:ident, $missing:expr, $default:expr) => { $value.unwrap_or_else(|| $default) };
}

// A row: field, key when it has another one, value when it is not there (else it must be), version that alone has it,
// what is written behind it and passed over when it is read.
members! {
    Connect {
        clean_start = true;
        keep_alive = 60;
        properties = Properties::new();
        client_id = Utf8::default();
        will = None;
        username = None;
        password = None;
    } + { version: Version::V5, bridge: false }
    Will {
        topic;
        qos = QoS::default();
        retain = false;
        properties = Properties::new();
        payload = Bytes::new();
    }
    Connack {
        session_present = false;
        reason as reason_code = ReasonCode::SUCCESS;
        properties = Properties::new();
    }
    Publish {
        topic => topic_from_alias;
        qos = QoS::default();
        retain = false;
        dup = false => payload_length;
        packet_id = None;
        properties = Properties::new();
        payload = Bytes::new();
    }
    Ack {
        packet_id;
        reason as reason_code = ReasonCode::SUCCESS;
        properties = Properties::new();
    }
    Subscribe {
        packet_id;
        properties = Properties::new();
        subscriptions;
    }
    Subscription {
        filter;
        qos = QoS::default();
        no_local = false, V5;
        retain_as_published = false, V5;
        retain_handling = RetainHandling::default(), V5;
    }
    Suback {
        packet_id;
        properties = Properties::new();
        reasons as reason_codes;
    }
    Unsubscribe {
        packet_id;
        properties = Properties::new();
        filters;
    }
    Unsuback {
        packet_id;
        properties = Properties::new();
        reasons as reason_codes;
    }
    Disconnect {
        reason as reason_code = ReasonCode::SUCCESS;
        properties = Properties::new();
    }
    Auth {
        reason as reason_code = ReasonCode::SUCCESS;
        properties = Properties::new();
    }
}

/// Appends the members of a packet, each with a comma before it.
pub(crate) fn write(packet: &Packet, about: About<'_>, out: &mut Vec<u8>) {
    if let Packet::Connect(connect) = packet {
        member::string(key!(protocol_name), connect.version.protocol_name(), out);
        member::number(key!(protocol_level), connect.level().into(), out);
    }
    each_packet!(packet, packet => packet.write(about, out), ());
}

fn topic_from_alias(_: &Publish, about: About<'_>, out: &mut Vec<u8>) {
    if let Some(topic) = about.alias_topic {
        member::string(keys::TOPIC_FROM_ALIAS, topic, out);
    }
}

fn payload_length(publish: &Publish, _: About<'_>, out: &mut Vec<u8>) {
    member::number(keys::PAYLOAD_LENGTH, publish.payload.len() as u64, out);
}

/// The packet that an object stands for. A CONNECT has its own version: that of the line, else of its protocol level, else
/// the one by default.
pub(crate) fn read(packet: PacketType, object: &mut Object) -> Result<Packet, Problem> {
    object.about.packet = packet;
    let bridge = packet == PacketType::Connect && read_level(object)?;
    let reserved = || Err(Problem::value(keys::TYPE, "can be given with `raw` only"));
    let mut packet = read_packet!(packet, object, return reserved());
    match &mut packet {
        Packet::Connect(connect) => (connect.version, connect.bridge) = (object.about.version, bridge),
        Packet::Connack(connack) if connack.session_present && object.about.version == Version::V31 => {
            return Err(Problem::value(key!(session_present), "does not exist in MQTT 3.1"));
        }
        Packet::Publish(publish) => {
            if publish.packet_id.is_none() {
                // In the lines of `mqkit sub`.
                publish.packet_id = object.get(keys::MID)?;
            }
            match (publish.qos, publish.packet_id) {
                (QoS::AtMostOnce, Some(_)) => return Err(Problem::value(key!(packet_id), "needs `qos` 1 or 2")),
                (QoS::AtLeastOnce | QoS::ExactlyOnce, None) => return Err(object.missing(key!(packet_id))),
                _ => {}
            }
        }
        _ => {}
    }
    Ok(packet)
}

/// Version and name of the protocol, which must agree; true for the protocol level of a bridge.
fn read_level(object: &mut Object) -> Result<bool, Problem> {
    let level: Option<u8> = object.get(key!(protocol_level))?;
    if let Some(level) = level {
        let version = Version::from_level(level & !Connect::BRIDGE)
            .ok_or_else(|| Problem::value(key!(protocol_level), "must be 3, 4 or 5"))?;
        if !object.has_version {
            object.about.version = version;
        }
        let said = object.about.version;
        if said != version {
            let what = format!("is not {}, that of MQTT {said}", said.level());
            return Err(Problem::value(key!(protocol_level), what));
        }
    }
    let version = object.about.version;
    let name = version.protocol_name();
    if object
        .get::<String>(key!(protocol_name))?
        .is_some_and(|said| said != name)
    {
        let what = format!("is not {name}, that of MQTT {version}");
        return Err(Problem::value(key!(protocol_name), what));
    }
    Ok(level.is_some_and(|level| level & Connect::BRIDGE != 0))
}

impl<T: Json> Member for T {
    fn write(&self, key: Key, about: About<'_>, out: &mut Vec<u8>) {
        key.put(out);
        Json::write(self, about, out);
    }

    fn read(key: Key, object: &mut Object) -> Result<Option<Self>, Problem> {
        object.get(key)
    }
}

impl<T: Json> Member for Option<T> {
    fn write(&self, key: Key, about: About<'_>, out: &mut Vec<u8>) {
        if let Some(value) = self {
            Member::write(value, key, about, out);
        }
    }

    fn read(key: Key, object: &mut Object) -> Result<Option<Self>, Problem> {
        object.get(key).map(Some)
    }
}

/// Any bytes: a payload.
impl Member for Bytes {
    fn write(&self, _: Key, _: About<'_>, out: &mut Vec<u8>) {
        member::payload(self, out);
    }

    fn read(key: Key, object: &mut Object) -> Result<Option<Self>, Problem> {
        object.bytes(key)
    }
}

/// Bytes that may be there or not: a password, which is a secret.
impl Member for Option<Bytes> {
    fn write(&self, key: Key, about: About<'_>, out: &mut Vec<u8>) {
        match self {
            None => {}
            Some(secret) if about.show_secrets => member::bytes(key.name(), secret, out),
            Some(_) => member::masked(key.name(), out),
        }
    }

    fn read(key: Key, object: &mut Object) -> Result<Option<Self>, Problem> {
        object.bytes(key).map(Some)
    }
}

impl Member for Properties {
    fn write(&self, key: Key, about: About<'_>, out: &mut Vec<u8>) {
        if !self.is_empty() {
            key.put(out);
            super::properties::write(self, !about.show_secrets, out);
        }
    }

    fn read(key: Key, object: &mut Object) -> Result<Option<Self>, Problem> {
        super::properties::read_from(key, object)
    }
}

/// The code and its name. Before version 5 only CONNACK has one.
impl Member for ReasonCode {
    fn write(&self, key: Key, about: About<'_>, out: &mut Vec<u8>) {
        let code = match (about.version, about.packet) {
            (Version::V5, _) => self.0,
            (_, PacketType::Connack) => self.return_code(),
            _ => return,
        };
        member::number(key, code.into(), out);
        member::string(keys::REASON, self.name_in(about.packet), out);
    }

    fn read(key: Key, object: &mut Object) -> Result<Option<Self>, Problem> {
        let about = object.about;
        match (object.get(key)?, about.version, about.packet) {
            (Some(code), Version::V5, _) => Ok(Some(Self(code))),
            (Some(code), _, PacketType::Connack) => Ok(Some(Self::from_return_code(code))),
            (None | Some(0), ..) => Ok(None),
            _ => Err(Problem::value(key, "needs MQTT 5")),
        }
    }
}

/// The codes and their names. Before version 5 UNSUBACK has none.
impl Member for Vec<ReasonCode> {
    fn write(&self, key: Key, about: About<'_>, out: &mut Vec<u8>) {
        if about.version == Version::V5 || about.packet == PacketType::Suback {
            member::array(key, self.iter(), out, |reason, out| super::number(reason.0.into(), out));
            let names = self.iter().map(|reason| reason.name_in(about.packet));
            member::array(keys::REASONS, names, out, super::string);
        }
    }

    fn read(key: Key, object: &mut Object) -> Result<Option<Self>, Problem> {
        let about = object.about;
        let older = about.version != Version::V5;
        if older && about.packet == PacketType::Unsuback {
            return Ok(Some(Self::new()));
        }
        let Some(codes) = object.get::<Vec<u8>>(key)? else {
            return Ok(None);
        };
        if older && !codes.iter().all(|code| matches!(code, 0..=2 | 0x80)) {
            return Err(Problem::value(key, "can be 0, 1, 2 or 128 before MQTT 5"));
        }
        Ok(Some(codes.into_iter().map(ReasonCode).collect()))
    }
}
