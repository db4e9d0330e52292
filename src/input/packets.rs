//! JSON lines to the bytes of packets: the inverse of `mqkit decode --json`, also for lines written by hand. It must
//! not know where the lines come from or where the bytes go.
//!
//! A line needs only what has no default: `{"type":"PUBLISH","topic":"a/b","payload":"x"}`. Keys that only tell about a
//! packet (`time`, `size`, `violations`, …) are passed over; any other key that the packet does not have is an error,
//! so that a slip of the pen does not vanish. `raw` holds every byte and is taken as it is, whatever the other keys say.

mod fields;
mod message;
mod properties;

pub use message::Message;

use crate::protocol::{
    Ack, Auth, Connack, Connect, Disconnect, EncodeError, Packet, PacketId, PacketType, Properties, Publish, QoS,
    ReasonCode, RetainHandling, Suback, Subscribe, Subscription, Unsuback, Unsubscribe, Version, Will,
};
use bytes::BytesMut;
use fields::Fields;

/// Why a line is no packet.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct PacketTextError {
    /// Number of the line, from 1.
    pub line: u64,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

/// What can be wrong with a line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No JSON.
    #[error("is not JSON: {0}")]
    Syntax(String),
    /// JSON, but no object.
    #[error("is not a JSON object")]
    NotAnObject,
    /// A key that must be there.
    #[error("`{0}` is missing")]
    Missing(String),
    /// A key that this packet does not have.
    #[error("unknown key `{key}`; {what} has {known}")]
    Unknown {
        /// The key.
        key: String,
        /// The packet or the part of it.
        what: &'static str,
        /// The keys that it has.
        known: String,
    },
    /// A value that cannot be.
    #[error("`{key}` {what}")]
    Value {
        /// The key.
        key: String,
        /// What the value must be, or why it cannot be this one.
        what: String,
    },
    /// A secret that was not printed.
    #[error("`{0}` is masked; `mqkit decode --json --show-secrets` prints it")]
    Masked(String),
    /// What the line says cannot be written.
    #[error(transparent)]
    Packet(#[from] EncodeError),
}

impl Problem {
    fn value(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Value {
            key: key.into(),
            what: what.into(),
        }
    }
}

/// Writes the packets of one line after the other.
#[derive(Debug)]
pub struct Encoder {
    version: Version,
    line: u64,
}

impl Encoder {
    /// `version` is that of packets whose line has no `version`, up to the first CONNECT: what follows one is in its
    /// version.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self { version, line: 0 }
    }

    /// Appends the packet of the next line to `out`; nothing for a line of white space.
    ///
    /// # Errors
    /// The line is no packet; `out` is unchanged.
    pub fn line(&mut self, line: &[u8], out: &mut BytesMut) -> Result<(), PacketTextError> {
        self.line += 1;
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let (kind, version) = encode_line(line, self.version, out).map_err(|problem| PacketTextError {
            line: self.line,
            problem,
        })?;
        if kind == PacketType::Connect {
            self.version = version;
        }
        Ok(())
    }
}

impl Default for Encoder {
    /// MQTT 5.0, which every command of mqkit tries first.
    fn default() -> Self {
        Self::new(Version::V5)
    }
}

/// Appends the packet of one JSON object to `out`; gives its type and version. `default` is its version when the line
/// does not say one.
///
/// # Errors
/// The line is no packet; `out` is unchanged.
pub fn encode_line(line: &[u8], default: Version, out: &mut BytesMut) -> Result<(PacketType, Version), Problem> {
    let mut fields = Fields::parse(line)?;
    let version = version(&mut fields)?;
    if let Some(raw) = fields.hex("raw")? {
        out.extend_from_slice(&raw);
        let kind = PacketType::from_first_byte(raw.first().copied().unwrap_or_default());
        return Ok((kind, version.unwrap_or(default)));
    }
    let kind = packet_type(&mut fields)?;
    let packet = match kind {
        PacketType::Connect => Packet::Connect(Box::new(connect(&mut fields, version, default)?)),
        _ => packet(kind, version.unwrap_or(default), &mut fields)?,
    };
    fields.finish(kind.name(), INFORMATION)?;
    let version = match &packet {
        Packet::Connect(connect) => connect.version,
        _ => version.unwrap_or(default),
    };
    packet.encode(version, out)?;
    Ok((kind, version))
}

/// Keys that tell about a packet: those of `mqkit decode --json`, then those of `mqkit sub`.
const INFORMATION: &[&str] = &[
    "version_assumed",
    "time",
    "connection",
    "direction",
    "src",
    "dst",
    "frame",
    "size",
    "flags",
    "payloadlen",
    "topic_from_alias",
    "reason",
    "reasons",
    "answers",
    "violations",
    "fields",
    "tst",
];

const TYPES: &[PacketType] = &[
    PacketType::Connect,
    PacketType::Connack,
    PacketType::Publish,
    PacketType::Puback,
    PacketType::Pubrec,
    PacketType::Pubrel,
    PacketType::Pubcomp,
    PacketType::Subscribe,
    PacketType::Suback,
    PacketType::Unsubscribe,
    PacketType::Unsuback,
    PacketType::Pingreq,
    PacketType::Pingresp,
    PacketType::Disconnect,
    PacketType::Auth,
    // For lines with `raw`.
    PacketType::Reserved,
];

/// As `type` says. The lines of `mqkit sub` have none, and are PUBLISH.
fn packet_type(fields: &mut Fields) -> Result<PacketType, Problem> {
    match fields.string("type")? {
        None if fields.has("topic") => Ok(PacketType::Publish),
        None => Err(Problem::Missing("type".to_owned())),
        Some(name) => {
            let found = TYPES.iter().find(|kind| kind.name().eq_ignore_ascii_case(&name));
            found
                .copied()
                .ok_or_else(|| Problem::value("type", "must be the name of a packet, such as PUBLISH"))
        }
    }
}

fn version(fields: &mut Fields) -> Result<Option<Version>, Problem> {
    match fields.string("version")?.as_deref() {
        None => Ok(None),
        Some("3.1") => Ok(Some(Version::V31)),
        Some("3.1.1") => Ok(Some(Version::V311)),
        Some("5.0" | "5") => Ok(Some(Version::V5)),
        Some(_) => Err(Problem::value("version", "must be \"3.1\", \"3.1.1\" or \"5.0\"")),
    }
}

fn packet(kind: PacketType, version: Version, fields: &mut Fields) -> Result<Packet, Problem> {
    Ok(match kind {
        PacketType::Connack => Packet::Connack(connack(fields, version)?),
        PacketType::Publish => Packet::Publish(publish(fields)?),
        PacketType::Puback => Packet::Puback(ack(fields, version)?),
        PacketType::Pubrec => Packet::Pubrec(ack(fields, version)?),
        PacketType::Pubrel => Packet::Pubrel(ack(fields, version)?),
        PacketType::Pubcomp => Packet::Pubcomp(ack(fields, version)?),
        PacketType::Subscribe => Packet::Subscribe(subscribe(fields, version)?),
        PacketType::Suback => Packet::Suback(Suback {
            packet_id: packet_id(fields)?,
            properties: properties(fields)?,
            reasons: granted(fields, version)?,
        }),
        PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe {
            packet_id: packet_id(fields)?,
            properties: properties(fields)?,
            filters: fields.required("filters", Fields::texts)?,
        }),
        PacketType::Unsuback => Packet::Unsuback(Unsuback {
            packet_id: packet_id(fields)?,
            properties: properties(fields)?,
            reasons: match version {
                Version::V5 => reasons(fields)?,
                Version::V31 | Version::V311 => Vec::new(),
            },
        }),
        PacketType::Pingreq => Packet::Pingreq,
        PacketType::Pingresp => Packet::Pingresp,
        PacketType::Disconnect => Packet::Disconnect(Disconnect {
            reason: reason(fields, version)?,
            properties: properties(fields)?,
        }),
        PacketType::Auth => Packet::Auth(Auth {
            reason: reason(fields, version)?,
            properties: properties(fields)?,
        }),
        PacketType::Connect | PacketType::Reserved => {
            return Err(Problem::value("type", "can be given with `raw` only"));
        }
    })
}

/// The version is that of `version`, else of `protocol_level`, else `default`.
fn connect(fields: &mut Fields, version: Option<Version>, default: Version) -> Result<Connect, Problem> {
    const BRIDGE: u64 = 0x80;
    let level = fields.number("protocol_level", 255)?;
    let leveled = match level.map(|level| level & !BRIDGE) {
        None => None,
        Some(3) => Some(Version::V31),
        Some(4) => Some(Version::V311),
        Some(5) => Some(Version::V5),
        Some(_) => return Err(Problem::value("protocol_level", "must be 3, 4 or 5")),
    };
    let version = version.or(leveled).unwrap_or(default);
    if leveled.is_some_and(|leveled| leveled != version) {
        return Err(Problem::value(
            "protocol_level",
            format!("is not {}, that of MQTT {version}", version.level()),
        ));
    }
    if fields
        .string("protocol_name")?
        .is_some_and(|name| name != version.protocol_name())
    {
        return Err(Problem::value(
            "protocol_name",
            format!("is not {}, that of MQTT {version}", version.protocol_name()),
        ));
    }
    Ok(Connect {
        version,
        bridge: level.is_some_and(|level| level & BRIDGE != 0),
        clean_start: fields.flag("clean_start")?.unwrap_or(true),
        keep_alive: fields.number16("keep_alive")?.unwrap_or(60),
        properties: properties(fields)?,
        client_id: fields.text("client_id")?.unwrap_or_default(),
        will: fields.object("will")?.map(will).transpose()?,
        username: fields.text("username")?,
        password: fields.bytes("password")?,
    })
}

fn will(mut fields: Fields) -> Result<Will, Problem> {
    let will = Will {
        qos: qos(&mut fields)?,
        retain: fields.flag("retain")?.unwrap_or_default(),
        properties: properties(&mut fields)?,
        topic: fields.required("topic", Fields::text)?,
        payload: fields.bytes("payload")?.unwrap_or_default(),
    };
    fields.finish("the will", &[])?;
    Ok(will)
}

fn connack(fields: &mut Fields, version: Version) -> Result<Connack, Problem> {
    let session_present = fields.flag("session_present")?.unwrap_or_default();
    if session_present && version == Version::V31 {
        return Err(Problem::value("session_present", "does not exist in MQTT 3.1"));
    }
    let code = fields.number8("reason_code")?.unwrap_or_default();
    Ok(Connack {
        session_present,
        reason: match version {
            Version::V5 => ReasonCode(code),
            Version::V31 | Version::V311 => ReasonCode::from_return_code(code),
        },
        properties: properties(fields)?,
    })
}

fn publish(fields: &mut Fields) -> Result<Publish, Problem> {
    let qos = qos(fields)?;
    // `mid` in the lines of `mqkit sub`.
    let packet_id = match fields.number16("mid")? {
        Some(mid) => Some(nonzero("mid", mid)?),
        None if qos == QoS::AtMostOnce && !fields.has("packet_id") => None,
        None => Some(packet_id(fields)?),
    };
    if packet_id.is_some() && qos == QoS::AtMostOnce {
        return Err(Problem::value("packet_id", "needs `qos` 1 or 2"));
    }
    Ok(Publish {
        dup: fields.flag("dup")?.unwrap_or_default(),
        qos,
        retain: fields.flag("retain")?.unwrap_or_default(),
        topic: fields.required("topic", Fields::text)?,
        packet_id,
        properties: properties(fields)?,
        payload: fields.bytes("payload")?.unwrap_or_default(),
    })
}

fn ack(fields: &mut Fields, version: Version) -> Result<Ack, Problem> {
    Ok(Ack {
        packet_id: packet_id(fields)?,
        reason: reason(fields, version)?,
        properties: properties(fields)?,
    })
}

fn subscribe(fields: &mut Fields, version: Version) -> Result<Subscribe, Problem> {
    let packet_id = packet_id(fields)?;
    let properties = properties(fields)?;
    let mut subscriptions = Vec::new();
    for item in fields.required("subscriptions", Fields::objects)? {
        subscriptions.push(subscription(item, version)?);
    }
    Ok(Subscribe {
        packet_id,
        properties,
        subscriptions,
    })
}

fn subscription(mut fields: Fields, version: Version) -> Result<Subscription, Problem> {
    let filter = fields.required("filter", Fields::text)?;
    let mut subscription = Subscription::new(filter, qos(&mut fields)?);
    if version == Version::V5 {
        subscription.no_local = fields.flag("no_local")?.unwrap_or_default();
        subscription.retain_as_published = fields.flag("retain_as_published")?.unwrap_or_default();
        subscription.retain_handling = match fields.number("retain_handling", 2)? {
            None | Some(0) => RetainHandling::SendAlways,
            Some(1) => RetainHandling::SendIfNew,
            Some(_) => RetainHandling::DoNotSend,
        };
    }
    fields.finish("a subscription", &[])?;
    Ok(subscription)
}

fn qos(fields: &mut Fields) -> Result<QoS, Problem> {
    let bits = fields.number("qos", 2)?.unwrap_or_default();
    Ok(u8::try_from(bits).ok().and_then(QoS::from_bits).unwrap_or_default())
}

fn packet_id(fields: &mut Fields) -> Result<PacketId, Problem> {
    nonzero("packet_id", fields.required("packet_id", Fields::number16)?)
}

fn nonzero(key: &str, number: u16) -> Result<PacketId, Problem> {
    PacketId::new(number).ok_or_else(|| Problem::value(key, "must not be 0"))
}

fn properties(fields: &mut Fields) -> Result<Properties, Problem> {
    match fields.object("properties")? {
        Some(object) => properties::read(object),
        None => Ok(Properties::new()),
    }
}

/// Reason code of an acknowledgement, DISCONNECT or AUTH: success before version 5, which cannot say anything else.
fn reason(fields: &mut Fields, version: Version) -> Result<ReasonCode, Problem> {
    let code = fields.number8("reason_code")?.unwrap_or_default();
    if code != 0 && version != Version::V5 {
        return Err(Problem::value("reason_code", "needs MQTT 5"));
    }
    Ok(ReasonCode(code))
}

fn reasons(fields: &mut Fields) -> Result<Vec<ReasonCode>, Problem> {
    let codes = fields.required("reason_codes", Fields::numbers8)?;
    Ok(codes.into_iter().map(ReasonCode).collect())
}

fn granted(fields: &mut Fields, version: Version) -> Result<Vec<ReasonCode>, Problem> {
    let reasons = reasons(fields)?;
    let known = |reason: &ReasonCode| matches!(reason.0, 0..=2 | 0x80);
    if version != Version::V5 && !reasons.iter().all(known) {
        return Err(Problem::value("reason_codes", "can be 0, 1, 2 or 128 before MQTT 5"));
    }
    Ok(reasons)
}
