//! One connection: what both ends have said, and whether the next packet fits; messages and subscriptions are in
//! `exchange`. It must not know how packets are read.

mod exchange;

use super::outstanding::{Outstanding, Stage};
use super::rules::{self, Rule};
use super::version::Known;
use super::{Answer, Explained, Origin, Severity, Violation};
use crate::protocol::{
    Auth, Connack, Connect, Disconnect, Packet, PacketType, Properties, PropertyId, QoS, ReasonCode, Sender, Utf8,
    Version,
};
use std::collections::HashMap;
use std::time::Duration;

/// Bytes of topics that the aliases of one direction may hold.
const ALIAS_BYTES: usize = 1 << 20;
/// What a keep-alive may be late in a capture before it is worth a word.
const KEEP_ALIVE_GRACE: Duration = Duration::from_millis(500);

/// One end of the connection.
#[derive(Debug, Default)]
pub(super) struct End {
    pub(super) outstanding: Outstanding,
    /// The DISCONNECT that it sent.
    pub(super) left: Option<ReasonCode>,
    /// When it sent its last packet.
    pub(super) last: Option<Duration>,
    /// The last rule it broke, and with which packet.
    pub(super) broke: Option<(PacketType, String)>,
    packets: u64,
    /// Bytes of this direction are missing, or a packet could not be read.
    lossy: bool,
    /// Topics by the aliases that this end set.
    aliases: HashMap<u16, Utf8>,
    alias_bytes: usize,
    /// What it accepts: only version 5 has more than the defaults.
    limits: Limits,
}

/// What an end said that it accepts.
#[derive(Debug)]
struct Limits {
    receive_maximum: u16,
    topic_alias_maximum: u16,
    maximum_packet_size: Option<u32>,
    maximum_qos: QoS,
    retain_available: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self::read(&Properties::new())
    }
}

impl Limits {
    fn read(properties: &Properties) -> Self {
        Self {
            receive_maximum: properties.u16(PropertyId::ReceiveMaximum).unwrap_or(u16::MAX),
            topic_alias_maximum: properties.u16(PropertyId::TopicAliasMaximum).unwrap_or(0),
            maximum_packet_size: properties.number(PropertyId::MaximumPacketSize),
            maximum_qos: match properties.number(PropertyId::MaximumQos) {
                Some(0) => QoS::AtMostOnce,
                Some(1) => QoS::AtLeastOnce,
                _ => QoS::ExactlyOnce,
            },
            retain_available: properties.number(PropertyId::RetainAvailable) != Some(0),
        }
    }
}

/// What matters later of a CONNECT.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) keep_alive: u16,
    pub(super) will: bool,
    client_id: Utf8,
    clean_start: bool,
    time: Option<Duration>,
    authentication_method: Option<Utf8>,
    problem_information: bool,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Dialogue {
    pub(super) version: Known,
    pub(super) client: End,
    pub(super) server: End,
    /// The CONNECT, when the capture shows it.
    pub(super) opening: Option<Opening>,
    /// The reason code of the CONNACK.
    pub(super) connack: Option<ReasonCode>,
    /// A direction that nobody knows, in hex dumps.
    unknown: End,
}

impl Dialogue {
    pub(super) fn new(version: Known) -> Self {
        Self {
            version,
            client: End::default(),
            server: End::default(),
            opening: None,
            connack: None,
            unknown: End::default(),
        }
    }

    /// The client identifier, when the capture shows one.
    pub(super) fn client_id(&self) -> Option<&Utf8> {
        self.opening
            .as_ref()
            .map(|opening| &opening.client_id)
            .filter(|id| !id.is_empty())
    }

    pub(super) fn lose(&mut self, sender: Sender) {
        self.end(sender).lossy = true;
    }

    /// The packets of both directions are in the capture from the CONNECT on.
    fn complete(&self) -> bool {
        self.opening.is_some() && !self.client.lossy && !self.server.lossy
    }

    fn end(&mut self, sender: Sender) -> &mut End {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
            Sender::Unknown => &mut self.unknown,
        }
    }

    fn peer(&mut self, sender: Sender) -> &mut End {
        match sender {
            Sender::Client => &mut self.server,
            Sender::Server => &mut self.client,
            Sender::Unknown => &mut self.unknown,
        }
    }

    /// Judges the next packet, and takes notice of it.
    pub(super) fn observe(&mut self, explained: &mut Explained) {
        let mut view = View {
            origin: explained.origin,
            version: explained.version,
            kind: explained.frame.packet_type(),
            size: explained.frame.header_len() + explained.frame.remaining_length(),
            alias_topic: &mut explained.alias_topic,
            answer: &mut explained.answer,
            violations: &mut explained.violations,
        };
        let sender = view.origin.sender;
        if sender != Sender::Unknown {
            self.check_place(&mut view);
            self.check_size(&mut view);
            self.check_keep_alive(&mut view);
        }
        match &explained.packet {
            Ok(packet) => self.packet(packet, &mut view),
            Err(_) => self.end(sender).lossy = true,
        }
        let broke = view.violations.iter().find(|v| v.severity >= Severity::Protocol);
        let broke = broke.map(|Violation { field, message, .. }| {
            let place = field.map(|field| format!("{field}: ")).unwrap_or_default();
            (view.kind, format!("{place}{message}"))
        });
        let end = self.end(sender);
        end.packets += 1;
        end.last = view.origin.time.or(end.last);
        if broke.is_some() {
            end.broke = broke;
        }
    }

    fn packet(&mut self, packet: &Packet, view: &mut View<'_>) {
        if let Packet::Publish(publish) = packet {
            self.resolve_alias(publish, view);
        }
        if let Packet::Connect(connect) = packet {
            self.connect(connect, view);
        }
        if view.origin.sender == Sender::Unknown {
            return;
        }
        match packet {
            Packet::Connack(connack) => self.connack(connack, view),
            Packet::Publish(publish) => self.publish(publish, view),
            Packet::Puback(ack) => self.acknowledge(ack, view),
            Packet::Pubrec(ack) => self.acknowledge(ack, view),
            Packet::Pubcomp(ack) => self.acknowledge(ack, view),
            Packet::Pubrel(ack) => self.release(ack, view),
            Packet::Subscribe(subscribe) => self.subscribe(subscribe, view),
            Packet::Suback(suback) => self.suback(suback, view),
            Packet::Unsubscribe(unsubscribe) => {
                let filters = vec![QoS::AtMostOnce; unsubscribe.filters.len()];
                self.request(unsubscribe.packet_id, Stage::Unsubscribe, filters, view);
            }
            Packet::Unsuback(unsuback) => self.unsuback(unsuback, view),
            Packet::Pingreq => self.client.outstanding.ping(view.origin.time),
            Packet::Pingresp => match self.client.outstanding.pong() {
                Some(time) => view.answers(PacketType::Pingreq, time, None),
                None if self.complete() => view.breaks(rules::PINGRESP_OF_NOTHING),
                None => {}
            },
            Packet::Disconnect(disconnect) => self.disconnect(disconnect, view),
            Packet::Auth(auth) => self.auth(auth, view),
            Packet::Connect(_) => {}
        }
        self.check_problem_information(packet, view);
    }

    /// Is this packet due now, from this end?
    fn check_place(&mut self, view: &mut View<'_>) {
        let (kind, sender) = (view.kind, view.origin.sender);
        let only = match kind {
            PacketType::Connect | PacketType::Subscribe | PacketType::Unsubscribe | PacketType::Pingreq => {
                Some(Sender::Client)
            }
            PacketType::Connack | PacketType::Suback | PacketType::Unsuback | PacketType::Pingresp => {
                Some(Sender::Server)
            }
            PacketType::Disconnect if view.version != Version::V5 => Some(Sender::Client),
            _ => None,
        };
        if only.is_some_and(|only| only != sender) {
            let who = if sender == Sender::Server {
                "a client"
            } else {
                "a server"
            };
            view.breaks_with(rules::DIRECTION, format!("{kind} is sent by {who} only"));
        }
        if self.end(sender).left.is_some() {
            view.breaks(rules::AFTER_DISCONNECT);
        }
        let refused = self.connack.is_some_and(ReasonCode::is_failure);
        if refused && kind != PacketType::Connack {
            view.breaks(rules::AFTER_REFUSAL);
        }
        let Some(opening) = &self.opening else { return };
        match (sender, self.connack) {
            (Sender::Server, None) if kind == PacketType::Disconnect => {
                view.breaks(rules::DISCONNECT_BEFORE_CONNACK);
            }
            (Sender::Server, None) if !matches!(kind, PacketType::Connack | PacketType::Auth) && !self.server.lossy => {
                view.breaks(rules::FIRST_IS_CONNACK);
            }
            (Sender::Client, None)
                if opening.authentication_method.is_some()
                    && !matches!(kind, PacketType::Auth | PacketType::Disconnect | PacketType::Connect) =>
            {
                view.breaks(rules::ONLY_AUTH_BEFORE_CONNACK);
            }
            _ => {}
        }
    }

    fn check_size(&mut self, view: &mut View<'_>) {
        let rule = Rule::of(view.origin.sender, rules::PACKET_SIZE_CLIENT, rules::PACKET_SIZE_SERVER);
        let limit = self.peer(view.origin.sender).limits.maximum_packet_size;
        if let Some(limit) = limit.filter(|limit| view.size as u64 > u64::from(*limit)) {
            let message = format!(
                "{} bytes exceed the other end's maximum packet size of {limit}",
                view.size
            );
            view.breaks_with(rule, message);
        }
    }

    fn check_keep_alive(&self, view: &mut View<'_>) {
        let keep_alive = self.opening.as_ref().map_or(0, |opening| opening.keep_alive);
        let limit = Duration::from_secs(keep_alive.into());
        if view.origin.sender != Sender::Client || keep_alive == 0 || self.client.lossy {
            return;
        }
        let (Some(now), Some(last)) = (view.origin.time, self.client.last) else {
            return;
        };
        let silent = now.saturating_sub(last);
        if silent > limit + limit / 2 + KEEP_ALIVE_GRACE {
            let message = format!(
                "the client was silent for {:.1} s, more than one and a half times its keep alive of {keep_alive} s, and \
                 the broker kept the connection",
                silent.as_secs_f64()
            );
            view.breaks_with(rules::KEEP_ALIVE_IGNORED, message);
        } else if silent > limit + KEEP_ALIVE_GRACE {
            let message = format!(
                "the client was silent for {:.1} s, with a keep alive of {keep_alive} s",
                silent.as_secs_f64()
            );
            view.breaks_with(rules::KEEP_ALIVE, message);
        }
    }

    /// Reason strings and user properties that the client asked not to get.
    fn check_problem_information(&self, packet: &Packet, view: &mut View<'_>) {
        use PacketType as T;
        if !matches!(
            view.kind,
            T::Puback | T::Pubrec | T::Pubrel | T::Pubcomp | T::Suback | T::Unsuback | T::Auth
        ) {
            return;
        }
        let properties = packet.properties();
        let has = |id| properties.is_some_and(|properties| properties.value(id).is_some());
        let unwanted = self
            .opening
            .as_ref()
            .is_some_and(|opening| !opening.problem_information);
        if unwanted
            && view.origin.sender == Sender::Server
            && (has(PropertyId::ReasonString) || has(PropertyId::UserProperty))
        {
            view.breaks(rules::PROBLEM_INFORMATION);
        }
    }

    fn connect(&mut self, connect: &Connect, view: &mut View<'_>) {
        self.version = Known::Said(connect.version);
        if view.origin.sender == Sender::Unknown {
            return;
        }
        if self.opening.is_some() {
            return view.breaks(rules::SECOND_CONNECT);
        }
        if self.client.packets > 0 {
            view.breaks(rules::FIRST_IS_CONNECT);
        }
        let text = |id| connect.properties.text(id).map(|text| text.detached());
        self.opening = Some(Opening {
            keep_alive: connect.keep_alive,
            will: connect.will.is_some(),
            client_id: connect.client_id.detached(),
            clean_start: connect.clean_start,
            time: view.origin.time,
            authentication_method: text(PropertyId::AuthenticationMethod),
            problem_information: connect.properties.number(PropertyId::RequestProblemInformation) != Some(0),
        });
        self.client.limits = Limits::read(&connect.properties);
    }

    fn connack(&mut self, connack: &Connack, view: &mut View<'_>) {
        if self.connack.is_some() {
            return view.breaks(rules::SECOND_CONNACK);
        }
        self.connack = Some(connack.reason);
        self.server.limits = Limits::read(&connack.properties);
        let Some(opening) = &mut self.opening else { return };
        view.answers(PacketType::Connect, opening.time, None);
        if let Some(keep_alive) = connack.properties.u16(PropertyId::ServerKeepAlive) {
            opening.keep_alive = keep_alive;
        }
        if connack.session_present && opening.clean_start {
            view.breaks(rules::SESSION_PRESENT_AFTER_CLEAN_START);
        }
        let assigned = connack.properties.text(PropertyId::AssignedClientIdentifier);
        if opening.client_id.is_empty() {
            match assigned {
                Some(id) => opening.client_id = id.detached(),
                None if view.version == Version::V5 && !connack.reason.is_failure() => {
                    view.breaks(rules::NO_ASSIGNED_CLIENT_ID)
                }
                None => {}
            }
        }
        let method = connack.properties.text(PropertyId::AuthenticationMethod);
        if method.is_some() && method != opening.authentication_method {
            view.breaks(rules::AUTH_METHOD_DIFFERS);
        }
    }

    fn disconnect(&mut self, disconnect: &Disconnect, view: &View<'_>) {
        self.end(view.origin.sender).left = Some(disconnect.reason);
    }

    fn auth(&mut self, auth: &Auth, view: &mut View<'_>) {
        let Some(opening) = &self.opening else { return };
        let method = auth.properties.text(PropertyId::AuthenticationMethod);
        match &opening.authentication_method {
            None => view.breaks(rules::AUTH_WITHOUT_CONNECT_METHOD),
            Some(own) if method.is_some_and(|method| method != *own) => view.breaks(rules::AUTH_METHOD_DIFFERS),
            Some(_) => {}
        }
    }
}

/// The packet that is judged, and what is found.
struct View<'a> {
    origin: Origin,
    version: Version,
    kind: PacketType,
    /// Bytes on the wire.
    size: usize,
    alias_topic: &'a mut Option<Utf8>,
    answer: &'a mut Option<Answer>,
    violations: &'a mut Vec<Violation>,
}

impl View<'_> {
    fn breaks(&mut self, rule: Rule) {
        self.breaks_with(rule, rule.sentence);
    }

    fn breaks_with(&mut self, rule: Rule, message: impl Into<String>) {
        self.violations.push(rule.broken(self.version, message));
    }

    fn answers(&mut self, to: PacketType, sent: Option<Duration>, topic: Option<Utf8>) {
        let after = match (self.origin.time, sent) {
            (Some(now), Some(sent)) => Some(now.saturating_sub(sent)),
            _ => None,
        };
        *self.answer = Some(Answer { to, after, topic });
    }
}
