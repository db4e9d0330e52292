//! One connection: what both ends have said, and whether the next packet fits. It must not know how packets are read.

use super::outstanding::{Outstanding, Request, Stage};
use super::rules::{self, Rule};
use super::version::Known;
use super::{Answer, Explained, Origin, Severity, Violation};
use crate::protocol::{
    Ack, Auth, Connack, Connect, Disconnect, Packet, PacketId, PacketType, Properties, PropertyId, Publish, QoS,
    ReasonCode, Sender, Suback, Subscribe, Unsuback, Utf8, Version,
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
        Self {
            receive_maximum: u16::MAX,
            topic_alias_maximum: 0,
            maximum_packet_size: None,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
        }
    }
}

impl Limits {
    fn read(properties: &Properties) -> Self {
        let default = Self::default();
        Self {
            receive_maximum: properties.u16(PropertyId::ReceiveMaximum).unwrap_or(u16::MAX),
            topic_alias_maximum: properties.u16(PropertyId::TopicAliasMaximum).unwrap_or(0),
            maximum_packet_size: properties.number(PropertyId::MaximumPacketSize),
            maximum_qos: match properties.number(PropertyId::MaximumQos) {
                Some(0) => QoS::AtMostOnce,
                Some(1) => QoS::AtLeastOnce,
                _ => default.maximum_qos,
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
            alias_topic: None,
            answer: None,
            violations: Vec::new(),
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
        explained.alias_topic = view.alias_topic;
        explained.answer = view.answer;
        explained.violations.append(&mut view.violations);
        let broke = explained.violations.iter().find(|v| v.severity >= Severity::Protocol);
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

    fn packet(&mut self, packet: &Packet, view: &mut View) {
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
                None if self.complete() => view.breaks(rules::PINGRESP_OF_NOTHING, "answers no PINGREQ"),
                None => {}
            },
            Packet::Disconnect(disconnect) => self.disconnect(disconnect, view),
            Packet::Auth(auth) => self.auth(auth, view),
            Packet::Connect(_) => {}
        }
        self.check_problem_information(packet, view);
    }

    /// Is this packet due now, from this end?
    fn check_place(&mut self, view: &mut View) {
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
            view.breaks(rules::DIRECTION, format!("{kind} is sent by {who} only"));
        }
        if self.end(sender).left.is_some() {
            view.breaks(rules::AFTER_DISCONNECT, "follows a DISCONNECT of the same end");
        }
        let refused = self.connack.is_some_and(ReasonCode::is_failure);
        if refused && kind != PacketType::Connack {
            view.breaks(rules::AFTER_REFUSAL, "follows a CONNACK that refused the connection");
        }
        let Some(opening) = &self.opening else { return };
        match (sender, self.connack) {
            (Sender::Server, None) if kind == PacketType::Disconnect => {
                view.breaks(rules::DISCONNECT_BEFORE_CONNACK, "is sent in front of CONNACK");
            }
            (Sender::Server, None) if !matches!(kind, PacketType::Connack | PacketType::Auth) && !self.server.lossy => {
                view.breaks(rules::FIRST_IS_CONNACK, "is sent in front of CONNACK");
            }
            (Sender::Client, None)
                if opening.authentication_method.is_some()
                    && !matches!(kind, PacketType::Auth | PacketType::Disconnect | PacketType::Connect) =>
            {
                view.breaks(
                    rules::ONLY_AUTH_BEFORE_CONNACK,
                    "only AUTH and DISCONNECT may follow a CONNECT with an authentication method until CONNACK",
                );
            }
            _ => {}
        }
    }

    fn check_size(&mut self, view: &mut View) {
        let rule = match view.origin.sender {
            Sender::Client => rules::PACKET_SIZE_CLIENT,
            _ => rules::PACKET_SIZE_SERVER,
        };
        let limit = self.peer(view.origin.sender).limits.maximum_packet_size;
        if let Some(limit) = limit.filter(|limit| view.size as u64 > u64::from(*limit)) {
            let message = format!(
                "{} bytes exceed the other end's maximum packet size of {limit}",
                view.size
            );
            view.breaks(rule, message);
        }
    }

    fn check_keep_alive(&self, view: &mut View) {
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
            view.breaks(rules::KEEP_ALIVE_IGNORED, message);
        } else if silent > limit + KEEP_ALIVE_GRACE {
            let message = format!(
                "the client was silent for {:.1} s, with a keep alive of {keep_alive} s",
                silent.as_secs_f64()
            );
            view.breaks(rules::KEEP_ALIVE, message);
        }
    }

    /// Reason strings and user properties that the client asked not to get.
    fn check_problem_information(&self, packet: &Packet, view: &mut View) {
        let unwanted = self
            .opening
            .as_ref()
            .is_some_and(|opening| !opening.problem_information);
        let properties = match packet {
            Packet::Puback(p) | Packet::Pubrec(p) | Packet::Pubrel(p) | Packet::Pubcomp(p) => &p.properties,
            Packet::Suback(p) => &p.properties,
            Packet::Unsuback(p) => &p.properties,
            Packet::Auth(p) => &p.properties,
            _ => return,
        };
        let has = |id| properties.value(id).is_some();
        if unwanted
            && view.origin.sender == Sender::Server
            && (has(PropertyId::ReasonString) || has(PropertyId::UserProperty))
        {
            view.breaks(
                rules::PROBLEM_INFORMATION,
                "has a reason string or user properties although the client asked for no problem information",
            );
        }
    }

    fn connect(&mut self, connect: &Connect, view: &mut View) {
        self.version = Known::Said(connect.version);
        if view.origin.sender == Sender::Unknown {
            return;
        }
        if self.opening.is_some() {
            return view.breaks(rules::SECOND_CONNECT, "is the second CONNECT of this connection");
        }
        if self.client.packets > 0 {
            view.breaks(rules::FIRST_IS_CONNECT, "is not the first packet of the client");
        }
        let text = |id| connect.properties.text(id).map(Utf8::detached);
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

    fn connack(&mut self, connack: &Connack, view: &mut View) {
        if self.connack.is_some() {
            return view.breaks(rules::SECOND_CONNACK, "is the second CONNACK of this connection");
        }
        self.connack = Some(connack.reason);
        self.server.limits = Limits::read(&connack.properties);
        let Some(opening) = &mut self.opening else { return };
        view.answers(PacketType::Connect, opening.time, None);
        if let Some(keep_alive) = connack.properties.u16(PropertyId::ServerKeepAlive) {
            opening.keep_alive = keep_alive;
        }
        if connack.session_present && opening.clean_start {
            view.breaks(
                rules::SESSION_PRESENT_AFTER_CLEAN_START,
                "says that a session is present although the client asked for a clean start",
            );
        }
        let assigned = connack.properties.text(PropertyId::AssignedClientIdentifier);
        if opening.client_id.is_empty() {
            match assigned {
                Some(id) => opening.client_id = id.detached(),
                None if view.version == Version::V5 && !connack.reason.is_failure() => view.breaks(
                    rules::NO_ASSIGNED_CLIENT_ID,
                    "assigns no client identifier although the client sent none",
                ),
                None => {}
            }
        }
        let method = connack.properties.text(PropertyId::AuthenticationMethod);
        if method.is_some() && method != opening.authentication_method.as_ref() {
            view.breaks(
                rules::AUTH_METHOD_DIFFERS,
                "has another authentication method than CONNECT",
            );
        }
    }

    fn resolve_alias(&mut self, publish: &Publish, view: &mut View) {
        let Some(alias) = publish.properties.u16(PropertyId::TopicAlias) else {
            return;
        };
        let sender = view.origin.sender;
        let known = self.connack.is_some() && self.opening.is_some();
        let complete = self.complete();
        let maximum = self.peer(sender).limits.topic_alias_maximum;
        if sender != Sender::Unknown && known && alias > maximum {
            let rule = match sender {
                Sender::Client => rules::ALIAS_MAXIMUM_CLIENT,
                _ => rules::ALIAS_MAXIMUM_SERVER,
            };
            let message = format!("topic alias {alias} exceeds the other end's topic alias maximum of {maximum}");
            view.breaks(rule, message);
        }
        let end = self.end(sender);
        if !publish.topic.is_empty() {
            let old = end.aliases.get(&alias).map_or(0, Utf8::len);
            let bytes = end.alias_bytes - old + publish.topic.len();
            if bytes <= ALIAS_BYTES {
                end.alias_bytes = bytes;
                end.aliases.insert(alias, publish.topic.detached());
            }
            return;
        }
        view.alias_topic = end.aliases.get(&alias).cloned();
        if view.alias_topic.is_some() {
            return;
        }
        if complete && sender != Sender::Unknown {
            view.breaks(
                rules::ALIAS_UNKNOWN,
                format!("topic alias {alias} was never set on this connection"),
            );
        } else {
            view.breaks(rules::NOTE, format!("the topic of alias {alias} was not seen"));
        }
    }

    fn publish(&mut self, publish: &Publish, view: &mut View) {
        let sender = view.origin.sender;
        if sender == Sender::Client {
            let limits = &self.server.limits;
            if publish.qos > limits.maximum_qos {
                let message = format!(
                    "QoS {} exceeds the broker's maximum QoS of {}",
                    publish.qos, limits.maximum_qos
                );
                view.breaks(rules::MAXIMUM_QOS, message);
            }
            if publish.retain && !limits.retain_available {
                view.breaks(
                    rules::RETAIN_UNAVAILABLE,
                    "RETAIN is set although the broker does not store messages",
                );
            }
        }
        let Some(id) = publish.packet_id else { return };
        let topic = view.alias_topic.clone().unwrap_or_else(|| publish.topic.clone());
        let stage = Stage::Publish(publish.qos);
        match self.end(sender).outstanding.request(id).map(|request| request.stage) {
            Some(Stage::Publish(_)) if publish.dup => {
                view.breaks(rules::RESENT, "is sent again inside the same connection");
            }
            Some(Stage::Pubrec | Stage::Pubrel) if publish.dup => {
                return view.breaks(
                    rules::RESENT_AFTER_PUBREL,
                    "is sent again although PUBREC has acknowledged it",
                );
            }
            Some(stage) => self.in_use(id, stage, view),
            None => {}
        }
        self.end(sender)
            .outstanding
            .start(id, stage, view.origin.time, Some(&topic), Vec::new());
        let (in_flight, maximum) = (
            self.end(sender).outstanding.publishes(),
            usize::from(self.peer(sender).limits.receive_maximum),
        );
        if in_flight > maximum {
            let rule = match sender {
                Sender::Client => rules::RECEIVE_MAXIMUM_CLIENT,
                _ => rules::RECEIVE_MAXIMUM_SERVER,
            };
            let rule = self.if_complete(rule);
            let message =
                format!("{in_flight} messages are not acknowledged; the other end's receive maximum is {maximum}");
            view.breaks(rule, message);
        }
    }

    /// What depends on packets that the capture may not show is only worth a note then.
    fn if_complete(&self, rule: Rule) -> Rule {
        if self.complete() { rule } else { rules::NOTE }
    }

    fn in_use(&self, id: PacketId, stage: Stage, view: &mut View) {
        let rule = match view.origin.sender {
            Sender::Client => rules::ID_IN_USE_CLIENT,
            _ => rules::ID_IN_USE_SERVER,
        };
        let message = format!(
            "packet identifier {id} is in use: its {} is not acknowledged yet",
            stage.waiting()
        );
        view.breaks(self.if_complete(rule), message);
    }

    fn subscribe(&mut self, subscribe: &Subscribe, view: &mut View) {
        let filters = subscribe.subscriptions.iter().map(|s| s.qos).collect();
        self.request(subscribe.packet_id, Stage::Subscribe, filters, view);
    }

    fn request(&mut self, id: PacketId, stage: Stage, filters: Vec<QoS>, view: &mut View) {
        if let Some(request) = self.client.outstanding.request(id) {
            let stage = request.stage;
            self.in_use(id, stage, view);
        }
        self.client
            .outstanding
            .start(id, stage, view.origin.time, None, filters);
    }

    fn suback(&mut self, suback: &Suback, view: &mut View) {
        let Some(request) = self.answered(suback.packet_id, Stage::Subscribe, view) else {
            return;
        };
        let (codes, filters) = (suback.reasons.len(), request.filters.len());
        if codes != filters {
            let message = format!("{codes} reason code(s) answer {filters} topic filter(s)");
            view.breaks(rules::SUBACK_COUNT, message);
        }
        for (index, (reason, qos)) in suback.reasons.iter().zip(&request.filters).enumerate() {
            if !reason.is_failure() && reason.0 > u8::from(*qos) {
                let message = format!(
                    "grants QoS {} for filter {}, which asked for QoS {qos}",
                    reason.0,
                    index + 1
                );
                view.breaks(rules::SUBACK_ABOVE_REQUEST, message);
            }
        }
    }

    fn unsuback(&mut self, unsuback: &Unsuback, view: &mut View) {
        let Some(request) = self.answered(unsuback.packet_id, Stage::Unsubscribe, view) else {
            return;
        };
        let (codes, filters) = (unsuback.reasons.len(), request.filters.len());
        if view.version == Version::V5 && codes != filters {
            let message = format!("{codes} reason code(s) answer {filters} topic filter(s)");
            view.breaks(rules::UNSUBACK_COUNT, message);
        }
    }

    /// The SUBSCRIBE or UNSUBSCRIBE that this packet answers.
    fn answered(&mut self, id: PacketId, stage: Stage, view: &mut View) -> Option<Request> {
        let found = self.client.outstanding.request(id).map(|request| request.stage);
        if found != Some(stage) {
            let message = format!("answers no {}: none with packet identifier {id} waits", stage.waiting());
            view.breaks(self.if_complete(rules::SUBACK_OF_NOTHING), message);
            return None;
        }
        let request = self.client.outstanding.end(id)?;
        view.answers(stage.waiting(), request.time, None);
        Some(request)
    }

    /// PUBACK, PUBREC and PUBCOMP: the receiver's half of a delivery.
    fn acknowledge(&mut self, ack: &Ack, view: &mut View) {
        let (id, kind, time) = (ack.packet_id, view.kind, view.origin.time);
        let complete = self.complete();
        let sent = &mut self.peer(view.origin.sender).outstanding;
        let Some(request) = sent.request(id) else {
            // Before version 5, and after a reconnect, PUBREL and PUBCOMP may belong to an earlier connection.
            if complete {
                view.breaks(
                    rules::ACK_OF_NOTHING,
                    format!("acknowledges nothing: packet identifier {id} is not in use"),
                );
            }
            return;
        };
        let stage = request.stage;
        let failed = ack.reason.is_failure();
        let before = match (kind, stage) {
            (PacketType::Puback, Stage::Publish(QoS::AtLeastOnce)) => sent.end(id),
            (PacketType::Pubrec, Stage::Publish(QoS::ExactlyOnce)) if failed => sent.end(id),
            (PacketType::Pubrec, Stage::Publish(QoS::ExactlyOnce)) => sent.step(id, Stage::Pubrec, time),
            // The answer to a PUBLISH that was sent again.
            (PacketType::Pubrec, Stage::Pubrec | Stage::Pubrel) => Some(request.clone()),
            (PacketType::Pubcomp, Stage::Pubrel) => sent.end(id),
            _ => {
                let due = match stage {
                    Stage::Publish(QoS::AtLeastOnce) => "PUBACK",
                    Stage::Publish(_) => "PUBREC",
                    Stage::Pubrel => "PUBCOMP",
                    Stage::Pubrec => "PUBREL, from the other end,",
                    Stage::Subscribe => "SUBACK",
                    Stage::Unsubscribe => "UNSUBACK",
                };
                let waiting = match stage {
                    Stage::Publish(qos) => format!("PUBLISH at QoS {qos}"),
                    other => other.waiting().to_string(),
                };
                view.breaks(rules::WRONG_ACK, format!("{kind} follows a {waiting}: {due} is due"));
                if matches!(stage, Stage::Publish(_)) {
                    sent.end(id);
                }
                return;
            }
        };
        if let Some(before) = before {
            view.answers(before.stage.waiting(), before.time, before.topic);
        }
    }

    /// PUBREL: the sender's second half of a delivery at QoS 2.
    fn release(&mut self, ack: &Ack, view: &mut View) {
        let (id, time) = (ack.packet_id, view.origin.time);
        let complete = self.complete();
        let sent = &mut self.end(view.origin.sender).outstanding;
        match sent.request(id).map(|request| request.stage) {
            Some(Stage::Pubrec) => {
                if let Some(before) = sent.step(id, Stage::Pubrel, time) {
                    view.answers(PacketType::Pubrec, before.time, before.topic);
                }
            }
            // Sent again.
            Some(Stage::Pubrel) => {}
            // A session that goes on: PUBREC was received on an earlier connection.
            None => sent.start(id, Stage::Pubrel, time, None, Vec::new()),
            Some(Stage::Publish(_)) => {
                sent.step(id, Stage::Pubrel, time);
                if complete {
                    view.breaks(
                        rules::WRONG_ACK,
                        format!("comes before the PUBREC of packet identifier {id}"),
                    );
                }
            }
            Some(stage) if complete => {
                let message = format!(
                    "releases packet identifier {id}, whose {} waits for its answer",
                    stage.waiting()
                );
                view.breaks(rules::WRONG_ACK, message);
            }
            Some(_) => {}
        }
    }

    fn disconnect(&mut self, disconnect: &Disconnect, view: &View) {
        self.end(view.origin.sender).left = Some(disconnect.reason);
    }

    fn auth(&mut self, auth: &Auth, view: &mut View) {
        let Some(opening) = &self.opening else { return };
        let method = auth.properties.text(PropertyId::AuthenticationMethod);
        match &opening.authentication_method {
            None => view.breaks(
                rules::AUTH_WITHOUT_CONNECT_METHOD,
                "AUTH without an authentication method in CONNECT",
            ),
            Some(own) if method.is_some_and(|method| method != own) => view.breaks(
                rules::AUTH_METHOD_DIFFERS,
                "has another authentication method than CONNECT",
            ),
            Some(_) => {}
        }
    }
}

/// The packet that is judged, and what is found.
struct View {
    origin: Origin,
    version: Version,
    kind: PacketType,
    /// Bytes on the wire.
    size: usize,
    alias_topic: Option<Utf8>,
    answer: Option<Answer>,
    violations: Vec<Violation>,
}

impl View {
    fn breaks(&mut self, rule: Rule, message: impl Into<String>) {
        self.violations.push(rule.broken(self.version, message));
    }

    fn answers(&mut self, to: PacketType, sent: Option<Duration>, topic: Option<Utf8>) {
        let after = match (self.origin.time, sent) {
            (Some(now), Some(sent)) => Some(now.saturating_sub(sent)),
            _ => None,
        };
        self.answer = Some(Answer { to, after, topic });
    }
}
