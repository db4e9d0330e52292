//! What the broker gets for a message: its acknowledgement, its removal, the answer to it. It must not know when.

use super::Handed;
use crate::client::Client;
use crate::protocol::property::Place;
use crate::protocol::{PacketType, Properties, PropertyId, PropertyValue, Publish, QoS, Utf8, topic};
use anyhow::Context;
use bytes::Bytes;

/// A message was handed on: acknowledges it, and removes it from the broker where that was asked for.
pub(super) fn settle(client: &mut Client, handed: Handed) -> anyhow::Result<()> {
    client.acknowledge(handed.handle)?;
    if let Some(topic) = handed.remove {
        let shown = format!("cannot remove the stored message on \"{}\"", topic.escape_debug());
        client
            .publish(message(topic, QoS::AtLeastOnce, true, Properties::new(), Bytes::new()))
            .context(shown)?;
    }
    Ok(())
}

/// Answers a request that says where to; another message needs no answer.
pub(super) fn reply(
    client: &mut Client,
    request: &Publish,
    mut properties: Properties,
    output: Bytes,
) -> Result<(), String> {
    let Some(to) = request.properties.text(PropertyId::ResponseTopic) else {
        return Ok(());
    };
    topic::check_name(to).map_err(|error| format!("its response topic {error}"))?;
    if let Some(data) = request.properties.binary(PropertyId::CorrelationData) {
        properties.push(PropertyId::CorrelationData, PropertyValue::Binary(data.clone()));
    }
    properties
        .check(Place::Packet(PacketType::Publish))
        .map_err(|error| error.to_string())?;
    client
        .publish(message(to.detached(), request.qos, false, properties, output))
        .map_err(|error| format!("its output cannot be sent: {error}"))
}

fn message(topic: Utf8, qos: QoS, retain: bool, properties: Properties, payload: Bytes) -> Publish {
    Publish {
        dup: false,
        qos,
        retain,
        topic,
        packet_id: None,
        properties,
        payload,
    }
}
