//! JSON lines to the bytes of packets: the inverse of `mqkit decode --json`, also for lines written by hand. It must
//! not know where the lines come from or where the bytes go.
//!
//! A line needs only what has no default: `{"type":"PUBLISH","topic":"a/b","payload":"x"}`. Keys that only tell about a
//! packet (`time`, `size`, `violations`, …) are passed over; any other key that the packet does not have is an error,
//! so that a slip of the pen does not vanish. `raw` holds every byte and is taken as it is, whatever the other keys say.

mod message;

pub use crate::json::Problem;
pub use message::Message;

use crate::json::{self, Object, keys};
use crate::protocol::{Packet, PacketType, Version};
use bytes::BytesMut;

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
    let mut object = Object::parse(line, default)?;
    let version = object.version()?;
    if let Some(raw) = object.hex(keys::RAW)? {
        out.extend_from_slice(&raw);
        let kind = PacketType::from_first_byte(raw.first().copied().unwrap_or_default());
        return Ok((kind, version));
    }
    let kind = packet_type(&mut object)?;
    let packet = json::read(kind, &mut object)?;
    object.finish(kind.name(), keys::INFORMATION)?;
    let version = match &packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    packet.encode(version, out)?;
    Ok((kind, version))
}

/// As `type` says. The lines of `mqkit sub` have none, and are PUBLISH.
fn packet_type(object: &mut Object) -> Result<PacketType, Problem> {
    match object.get::<String>(keys::TYPE)? {
        None if object.has(json::key!(topic)) => Ok(PacketType::Publish),
        None => Err(Problem::Missing(keys::TYPE.into())),
        Some(name) => {
            let found = PacketType::ALL
                .iter()
                .find(|kind| kind.name().eq_ignore_ascii_case(&name));
            found
                .copied()
                .ok_or_else(|| Problem::value(keys::TYPE, "must be the name of a packet, such as PUBLISH"))
        }
    }
}
