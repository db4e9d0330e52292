//! What matters of a packet in one line of words. It must not know in which table or ladder the line stands.

use super::super::style::{Ink, Style};
use super::super::text::{preview, quoted, word};
use super::super::time;
use super::{log, missing};
use crate::analysis::Explained;
use crate::protocol::{
    Connack, Connect, FieldId, FieldValue, Packet, PacketId, PacketType, Properties, PropertyId, Publish, QoS,
    ReasonCode, RetainHandling, Subscription, Version,
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
    let version = explained.version;
    let start = out.len();
    let Ok(packet) = &explained.packet else {
        readable(explained, look, out);
        return cut(explained, start, out);
    };
    match packet {
        Packet::Connect(packet) => connect(packet, look, out),
        Packet::Connack(packet) => connack(packet, version, look, out),
        Packet::Publish(packet) => publish(packet, explained, look, out),
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            identifier(Some(ack.packet_id), look, out);
            let start = out.len();
            if ack.reason != ReasonCode::SUCCESS {
                reason(ack.reason, packet.packet_type(), out);
            }
            reason_string(&ack.properties, start, out);
            if let Some(topic) = explained.answer.as_ref().and_then(|answer| answer.topic.as_ref()) {
                gap(start, out);
                look.name(topic, out);
            }
            after(explained, start, out);
        }
        Packet::Subscribe(packet) => {
            identifier(Some(packet.packet_id), look, out);
            list(&packet.subscriptions, out, |item, out| subscription(item, look, out));
        }
        Packet::Suback(packet) => {
            identifier(Some(packet.packet_id), look, out);
            let start = out.len();
            list(&packet.reasons, out, |code, out| reason(*code, PacketType::Suback, out));
            reason_string(&packet.properties, start, out);
            after(explained, start, out);
        }
        Packet::Unsubscribe(packet) => {
            identifier(Some(packet.packet_id), look, out);
            list(&packet.filters, out, |filter, out| {
                look.name(filter, out);
            });
        }
        Packet::Unsuback(packet) => {
            identifier(Some(packet.packet_id), look, out);
            let start = out.len();
            list(&packet.reasons, out, |code, out| {
                reason(*code, PacketType::Unsuback, out);
            });
            reason_string(&packet.properties, start, out);
            after(explained, start, out);
        }
        Packet::Disconnect(packet) => {
            let start = out.len();
            if version == Version::V5 {
                reason(packet.reason, PacketType::Disconnect, out);
            }
            reason_string(&packet.properties, start, out);
        }
        Packet::Auth(packet) => {
            let start = out.len();
            reason(packet.reason, PacketType::Auth, out);
            if let Some(method) = packet.properties.text(PropertyId::AuthenticationMethod) {
                out.push_str(", method ");
                look.word(&method, out);
            }
            reason_string(&packet.properties, start, out);
        }
        Packet::Pingreq => {}
        Packet::Pingresp => after(explained, out.len(), out),
    }
    // The column of identifiers may end the line.
    out.truncate(out.trim_end_matches(' ').len());
    cut(explained, start, out);
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

fn cut(explained: &Explained, start: usize, out: &mut String) {
    let missing = missing(&explained.frame);
    if missing > 0 {
        gap(start, out);
        let _ = write!(out, "cut: {missing} bytes are missing");
    }
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
    let start = out.len();
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
    reason_string(&connack.properties, start, out);
}

fn publish(publish: &Publish, explained: &Explained, look: Look, out: &mut String) {
    identifier(publish.packet_id, look, out);
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

/// What the sender says of its reason, when it does.
fn reason_string(properties: &Properties, start: usize, out: &mut String) {
    if let Some(text) = properties.text(PropertyId::ReasonString) {
        gap(start, out);
        quoted(&text, REASON, out);
    }
}

/// Time since the request.
fn after(explained: &Explained, start: usize, out: &mut String) {
    if let Some(after) = explained.answer.as_ref().and_then(|answer| answer.after) {
        gap(start, out);
        let _ = write!(out, "after {}", time::span(after));
    }
}

/// A comma, unless nothing was appended since `start`.
fn gap(start: usize, out: &mut String) {
    if out.len() > start {
        out.push_str(GAP);
    }
}
