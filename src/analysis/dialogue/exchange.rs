//! Messages and subscriptions of a connection: topic aliases, packet identifiers, acknowledgements and limits. It must
//! not know how packets are read.

use super::{ALIAS_BYTES, Dialogue, View};
use crate::analysis::outstanding::{Request, Stage};
use crate::analysis::rules::{self, Rule};
use crate::protocol::{
    Ack, PacketId, PacketType, PropertyId, Publish, QoS, Sender, Suback, Subscribe, Unsuback, Utf8, Version,
};

impl Dialogue {
    pub(super) fn resolve_alias(&mut self, publish: &Publish, view: &mut View<'_>) {
        let Some(alias) = publish.properties.u16(PropertyId::TopicAlias) else {
            return;
        };
        let sender = view.origin.sender;
        let known = self.connack.is_some() && self.opening.is_some();
        let complete = self.complete();
        let maximum = self.peer(sender).limits.topic_alias_maximum;
        if sender != Sender::Unknown && known && alias > maximum {
            let rule = Rule::of(sender, rules::ALIAS_MAXIMUM_CLIENT, rules::ALIAS_MAXIMUM_SERVER);
            let message = format!("topic alias {alias} exceeds the other end's topic alias maximum of {maximum}");
            view.breaks_with(rule, message);
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
        *view.alias_topic = end.aliases.get(&alias).cloned();
        if view.alias_topic.is_some() {
            return;
        }
        if complete && sender != Sender::Unknown {
            view.breaks_with(
                rules::ALIAS_UNKNOWN,
                format!("topic alias {alias} was never set on this connection"),
            );
        } else {
            view.breaks_with(rules::NOTE, format!("the topic of alias {alias} was not seen"));
        }
    }

    pub(super) fn publish(&mut self, publish: &Publish, view: &mut View<'_>) {
        let sender = view.origin.sender;
        if sender == Sender::Client {
            let limits = &self.server.limits;
            if publish.qos > limits.maximum_qos {
                let message = format!(
                    "QoS {} exceeds the broker's maximum QoS of {}",
                    publish.qos, limits.maximum_qos
                );
                view.breaks_with(rules::MAXIMUM_QOS, message);
            }
            if publish.retain && !limits.retain_available {
                view.breaks(rules::RETAIN_UNAVAILABLE);
            }
        }
        let Some(id) = publish.packet_id else { return };
        let topic = view.alias_topic.clone().unwrap_or_else(|| publish.topic.clone());
        let stage = Stage::Publish(publish.qos);
        match self.end(sender).outstanding.request(id).map(|request| request.stage) {
            Some(Stage::Publish(_)) if publish.dup => {
                view.breaks(rules::RESENT);
            }
            Some(Stage::Pubrec | Stage::Pubrel) if publish.dup => {
                return view.breaks(rules::RESENT_AFTER_PUBREL);
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
            let rule = Rule::of(sender, rules::RECEIVE_MAXIMUM_CLIENT, rules::RECEIVE_MAXIMUM_SERVER);
            let rule = self.if_complete(rule);
            let message =
                format!("{in_flight} messages are not acknowledged; the other end's receive maximum is {maximum}");
            view.breaks_with(rule, message);
        }
    }

    /// What depends on packets that the capture may not show is only worth a note then.
    fn if_complete(&self, rule: Rule) -> Rule {
        if self.complete() { rule } else { rules::NOTE }
    }

    fn in_use(&self, id: PacketId, stage: Stage, view: &mut View<'_>) {
        let rule = Rule::of(view.origin.sender, rules::ID_IN_USE_CLIENT, rules::ID_IN_USE_SERVER);
        let message = format!(
            "packet identifier {id} is in use: its {} is not acknowledged yet",
            stage.waiting()
        );
        view.breaks_with(self.if_complete(rule), message);
    }

    pub(super) fn subscribe(&mut self, subscribe: &Subscribe, view: &mut View<'_>) {
        let filters = subscribe.subscriptions.iter().map(|s| s.qos).collect();
        self.request(subscribe.packet_id, Stage::Subscribe, filters, view);
    }

    pub(super) fn request(&mut self, id: PacketId, stage: Stage, filters: Vec<QoS>, view: &mut View<'_>) {
        if let Some(request) = self.client.outstanding.request(id) {
            let stage = request.stage;
            self.in_use(id, stage, view);
        }
        self.client
            .outstanding
            .start(id, stage, view.origin.time, None, filters);
    }

    pub(super) fn suback(&mut self, suback: &Suback, view: &mut View<'_>) {
        let Some(request) = self.answered(suback.packet_id, Stage::Subscribe, view) else {
            return;
        };
        let (codes, filters) = (suback.reasons.len(), request.filters.len());
        if codes != filters {
            let message = format!("{codes} reason code(s) answer {filters} topic filter(s)");
            view.breaks_with(rules::SUBACK_COUNT, message);
        }
        for (index, (reason, qos)) in suback.reasons.iter().zip(&request.filters).enumerate() {
            if !reason.is_failure() && reason.0 > u8::from(*qos) {
                let message = format!(
                    "grants QoS {} for filter {}, which asked for QoS {qos}",
                    reason.0,
                    index + 1
                );
                view.breaks_with(rules::SUBACK_ABOVE_REQUEST, message);
            }
        }
    }

    pub(super) fn unsuback(&mut self, unsuback: &Unsuback, view: &mut View<'_>) {
        let Some(request) = self.answered(unsuback.packet_id, Stage::Unsubscribe, view) else {
            return;
        };
        let (codes, filters) = (unsuback.reasons.len(), request.filters.len());
        if view.version == Version::V5 && codes != filters {
            let message = format!("{codes} reason code(s) answer {filters} topic filter(s)");
            view.breaks_with(rules::UNSUBACK_COUNT, message);
        }
    }

    /// The SUBSCRIBE or UNSUBSCRIBE that this packet answers.
    fn answered(&mut self, id: PacketId, stage: Stage, view: &mut View<'_>) -> Option<Request> {
        let found = self.client.outstanding.request(id).map(|request| request.stage);
        if found != Some(stage) {
            let message = format!("answers no {}: none with packet identifier {id} waits", stage.waiting());
            view.breaks_with(self.if_complete(rules::SUBACK_OF_NOTHING), message);
            return None;
        }
        let request = self.client.outstanding.end(id)?;
        view.answers(stage.waiting(), request.time, None);
        Some(request)
    }

    /// PUBACK, PUBREC and PUBCOMP: the receiver's half of a delivery.
    pub(super) fn acknowledge(&mut self, ack: &Ack, view: &mut View<'_>) {
        let (id, kind, time) = (ack.packet_id, view.kind, view.origin.time);
        let complete = self.complete();
        let sent = &mut self.peer(view.origin.sender).outstanding;
        let Some(request) = sent.request(id) else {
            // Before version 5, and after a reconnect, PUBREL and PUBCOMP may belong to an earlier connection.
            if complete {
                view.breaks_with(
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
                view.breaks_with(rules::WRONG_ACK, format!("{kind} follows a {waiting}: {due} is due"));
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
    pub(super) fn release(&mut self, ack: &Ack, view: &mut View<'_>) {
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
                    view.breaks_with(
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
                view.breaks_with(rules::WRONG_ACK, message);
            }
            Some(_) => {}
        }
    }
}
