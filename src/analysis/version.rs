//! Which version packets are written in when no CONNECT says so. It must not know sessions.

use crate::protocol::{DecodeError, Frame, Packet, PacketType, Sender, Version};

/// What the packets so far say of the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The user or a CONNECT said so.
    Said(Version),
    /// A packet could be read in this version only.
    Shown(Version),
    /// Nothing yet.
    Open,
}

impl Known {
    pub(super) fn assumed(self) -> bool {
        !matches!(self, Self::Said(_))
    }

    /// The version to read the next packet in: that which is known, else the one in which the packet makes sense. Before
    /// version 5 all are alike but for CONNECT, so 3.1.1 stands for 3.1.
    pub(super) fn of(&mut self, sender: Sender, frame: &Frame) -> Version {
        match *self {
            Self::Said(version) | Self::Shown(version) => version,
            Self::Open => {
                let (newer, older) = (
                    Packet::decode(Version::V5, sender, frame),
                    Packet::decode(Version::V311, sender, frame),
                );
                if let Some(version) = preferred(&newer, &older) {
                    *self = Self::Shown(version);
                    return version;
                }
                Version::V5
            }
        }
    }
}

/// Version 5 or 3.1.1, whichever alone makes sense of a packet; `None` when both or neither do.
fn preferred(newer: &Result<Packet, DecodeError>, older: &Result<Packet, DecodeError>) -> Option<Version> {
    match (newer, older) {
        (Ok(_), Err(_)) => Some(Version::V5),
        (Err(_), Ok(_)) => Some(Version::V311),
        // A payload can begin like a list of properties, but hardly like one that has some.
        (Ok(Packet::Publish(newer)), Ok(_)) if !newer.properties.is_empty() => Some(Version::V5),
        _ => None,
    }
}

/// The version that makes most sense of packets without CONNECT, all of them seen at once: fewer faults, then faults that
/// come later. True beside it when another version makes other sense of them.
#[must_use]
pub fn infer(frames: &[Frame]) -> (Version, bool) {
    let read = |version| -> Vec<Result<Packet, DecodeError>> {
        let packets = frames
            .iter()
            .take_while(|frame| frame.packet_type() != PacketType::Connect);
        packets
            .map(|frame| Packet::decode(version, Sender::Unknown, frame))
            .collect()
    };
    let (newer, older) = (read(Version::V5), read(Version::V311));
    let sense = |packets: &[Result<Packet, DecodeError>]| {
        let faults = || packets.iter().filter_map(|packet| packet.as_ref().err());
        (
            std::cmp::Reverse(faults().count()),
            faults().map(|fault| fault.offset).sum::<usize>(),
        )
    };
    let meaning = |packets: &[Result<Packet, DecodeError>]| -> Vec<_> {
        let pairs = packets
            .iter()
            .map(|packet| packet.clone().map_err(|error| (error.fault, error.offset)));
        pairs.collect()
    };
    if meaning(&newer) == meaning(&older) || sense(&older) > sense(&newer) {
        return (Version::V311, false);
    }
    (Version::V5, sense(&older) == sense(&newer))
}
