//! What matters of a packet in one line of words. It must not know in which table or ladder the line stands.

use super::super::style::{Ink, Style};
use super::super::text::{preview, quoted, word};
use super::super::time;
use super::{log, missing};
use crate::analysis::Explained;
use crate::protocol::{
    Connack, Connect, FieldId, FieldValue, Packet, PacketId, PacketType, PropertyId, Publish, QoS, ReasonCode,
    RetainHandling, Suback, Subscription, Unsuback, Version,
};
use std::fmt::Write as _;

/// Characters of a reason string.
const REASON: usize = 60;
/// Filters or reason codes of one packet.
const ITEMS: usize = 6;
/// Between two facts.
const GAP: &str = ", ";

/// Where the facts stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::output) enum Layout {
    /// Below those of other packets: identifiers take a column.
    Column,
    /// Alone on a line.
    Free,
    /// On the arrow of a ladder, where there is little room.
    Arrow,
}

impl Layout {
    /// Characters of a topic or another name.
    fn name(self) -> usize {
        if self == Self::Arrow { 30 } else { 60 }
    }

    /// Characters of a payload.
    fn payload(self) -> usize {
        if self == Self::Arrow { 20 } else { 40 }
    }
}

/// Layout and colours.
#[derive(Debug, Clone, Copy)]
pub(in crate::output) struct Look {
    pub(in crate::output) layout: Layout,
    pub(in crate::output) style: Style,
}

impl Look {
    /// A topic, filter or client identifier.
    fn name(self, name: &str, out: &mut String) {
        self.style.paint(Ink::Name, out, |out| self.word(name, out));
    }

    fn word(self, text: &str, out: &mut String) {
        word(text, self.layout.name(), out);
    }
}

/// Appends the facts of a packet; nothing when its type says it all.
pub(in crate::output) fn facts(explained: &Explained, look: Look, out: &mut String) {
    let beginning = out.len();
    match &explained.packet {
        Ok(packet) => sound(packet, explained, look, out),
        Err(_) => readable(explained, look, out),
    }
    let missing = missing(&explained.frame);
    if missing > 0 {
        gap(beginning, out);
        let _ = write!(out, "cut: {missing} bytes are missing");
    }
}

fn sound(packet: &Packet, explained: &Explained, look: Look, out: &mut String) {
    let (kind, version) = (packet.packet_type(), explained.version);
    if packet.packet_id().is_some() || kind == PacketType::Publish {
        identifier(packet.packet_id(), look, out);
    }
    let start = out.len();
    match packet {
        Packet::Connect(packet) => connect(packet, look, out),
        Packet::Connack(packet) => connack(packet, version, look, out),
        Packet::Publish(packet) => publish(packet, explained, look, out),
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            if ack.reason != ReasonCode::SUCCESS {
                reason(ack.reason, kind, out);
            }
        }
        Packet::Subscribe(packet) => list(&packet.subscriptions, out, |item, out| subscription(item, look, out)),
        Packet::Unsubscribe(packet) => list(&packet.filters, out, |filter, out| look.name(filter, out)),
        Packet::Suback(Suback { reasons, .. }) | Packet::Unsuback(Unsuback { reasons, .. }) => {
            list(reasons, out, |code, out| reason(*code, kind, out));
        }
        Packet::Disconnect(packet) => {
            if version == Version::V5 {
                reason(packet.reason, kind, out);
            }
        }
        Packet::Auth(packet) => {
            reason(packet.reason, kind, out);
            if let Some(method) = packet.properties.text(PropertyId::AuthenticationMethod) {
                out.push_str(", method ");
                look.word(&method, out);
            }
        }
        Packet::Pingreq | Packet::Pingresp => {}
    }
    if !matches!(
        packet,
        Packet::Connect(_) | Packet::Publish(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_)
    ) {
        // What the sender says of its reason.
        if let Some(text) = packet.properties().and_then(|all| all.text(PropertyId::ReasonString)) {
            gap(start, out);
            quoted(&text, REASON, out);
        }
    }
    if let Some(answer) = explained.answer.as_ref().filter(|_| kind != PacketType::Connack) {
        if let Some(topic) = &answer.topic {
            gap(start, out);
            look.name(topic, out);
        }
        if let Some(after) = answer.after {
            gap(start, out);
            let _ = write!(out, "after {}", time::span(after));
        }
    }
    // The column of identifiers may end the line.
    out.truncate(out.trim_end_matches(' ').len());
}

/// The first of what could be read of a packet with a fault.
fn readable(explained: &Explained, look: Look, out: &mut String) {
    let log = log(explained);
    let id = log.iter().find_map(|field| match (field.id, &field.value) {
        (FieldId::PacketIdentifier, FieldValue::Number(id)) => u16::try_from(*id).ok().and_then(PacketId::new),
        _ => None,
    });
    if id.is_some() || explained.frame.packet_type() == PacketType::Publish {
        identifier(id, look, out);
    }
    let name = log.iter().find_map(|field| match (field.id, &field.value) {
        (FieldId::TopicName | FieldId::TopicFilter | FieldId::ClientIdentifier, FieldValue::Text(text)) => Some(text),
        _ => None,
    });
    if let Some(name) = name {
        look.name(name, out);
        out.push_str("  ");
    }
    let _ = write!(out, "{} bytes", explained.frame.bytes().len());
}

fn connect(connect: &Connect, look: Look, out: &mut String) {
    // A ladder says version and client above.
    if look.layout != Layout::Arrow {
        if look.layout == Layout::Column {
            let _ = write!(out, "MQTT {}, ", connect.version);
        }
        out.push_str("client ");
        look.name(&connect.client_id, out);
        out.push_str(GAP);
    }
    let session = if connect.version == Version::V5 {
        "start"
    } else {
        "session"
    };
    let clean = if connect.clean_start { "clean" } else { "no clean" };
    let _ = write!(out, "{clean} {session}, keep alive {} s", connect.keep_alive);
    match connect.properties.number(PropertyId::SessionExpiryInterval) {
        None => {}
        Some(u32::MAX) => out.push_str(", session never expires"),
        Some(seconds) => {
            let _ = write!(out, ", session expiry {seconds} s");
        }
    }
    if let Some(username) = &connect.username {
        out.push_str(", user ");
        look.word(username, out);
    }
    if connect.password.is_some() {
        out.push_str(", password");
    }
    if let Some(will) = &connect.will {
        out.push_str(", will ");
        look.word(&will.topic, out);
        let _ = write!(out, " QoS {}", will.qos);
        if will.retain {
            out.push_str(" RETAIN");
        }
    }
    if connect.bridge {
        out.push_str(", bridge");
    }
}

fn connack(connack: &Connack, version: Version, look: Look, out: &mut String) {
    if connack.reason == ReasonCode::SUCCESS {
        out.push_str("accepted, ");
        out.push_str(if connack.session_present {
            "session present"
        } else {
            "no session"
        });
    } else if version == Version::V5 {
        reason(connack.reason, PacketType::Connack, out);
    } else {
        let _ = write!(out, "{} ({})", connack.reason.name(), connack.reason.return_code());
    }
    if let Some(id) = connack.properties.text(PropertyId::AssignedClientIdentifier) {
        out.push_str(", client is ");
        look.word(&id, out);
    }
    if let Some(seconds) = connack.properties.number(PropertyId::ServerKeepAlive) {
        let _ = write!(out, ", keep alive is {seconds} s");
    }
}

fn publish(publish: &Publish, explained: &Explained, look: Look, out: &mut String) {
    let _ = write!(out, "QoS {}", publish.qos);
    if publish.dup && publish.qos != QoS::AtMostOnce {
        out.push_str(" DUP");
    }
    if publish.retain {
        out.push_str(" RETAIN");
    }
    out.push_str("  ");
    let alias = publish.properties.number(PropertyId::TopicAlias);
    let topic = explained.alias_topic.as_ref().unwrap_or(&publish.topic);
    if !topic.is_empty() || alias.is_none() {
        look.name(topic, out);
        out.push(' ');
    }
    if let Some(alias) = alias {
        let _ = write!(out, "(alias {alias}) ");
    }
    let _ = write!(out, " {} B", publish.payload.len());
    if !publish.payload.is_empty() {
        out.push_str("  ");
        preview(&publish.payload, look.layout.payload(), out);
    }
}

fn subscription(subscription: &Subscription, look: Look, out: &mut String) {
    look.name(&subscription.filter, out);
    let _ = write!(out, " QoS {}", subscription.qos);
    let options = [
        (subscription.no_local, "no local"),
        (subscription.retain_as_published, "retain as published"),
        (
            subscription.retain_handling == RetainHandling::SendIfNew,
            "retained if new",
        ),
        (subscription.retain_handling == RetainHandling::DoNotSend, "no retained"),
    ];
    let mut gap = " (";
    for (_, name) in options.iter().filter(|(set, _)| *set) {
        out.push_str(gap);
        out.push_str(name);
        gap = GAP;
    }
    if gap == GAP {
        out.push(')');
    }
}

/// `id 7`; in a column as wide as the largest.
fn identifier(id: Option<PacketId>, look: Look, out: &mut String) {
    let _ = match (id, look.layout) {
        (Some(id), Layout::Column) => write!(out, "id {id:<5} "),
        (None, Layout::Column) => write!(out, "{:8} ", ""),
        (Some(id), _) => write!(out, "id {id} "),
        (None, _) => Ok(()),
    };
}

fn list<T>(items: &[T], out: &mut String, mut item: impl FnMut(&T, &mut String)) {
    for (index, value) in items.iter().take(ITEMS).enumerate() {
        if index > 0 {
            out.push_str(GAP);
        }
        item(value, out);
    }
    if items.len() > ITEMS {
        let _ = write!(out, " and {} more", items.len() - ITEMS);
    }
}

fn reason(code: ReasonCode, packet: PacketType, out: &mut String) {
    out.push_str(code.name_in(packet));
    if code.is_failure() {
        let _ = write!(out, " (0x{:02x})", code.0);
    }
}

/// A comma, unless nothing was appended since `start`.
fn gap(start: usize, out: &mut String) {
    if out.len() > start {
        out.push_str(GAP);
    }
}
