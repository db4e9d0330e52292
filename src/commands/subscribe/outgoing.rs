//! What the broker gets for a message: its acknowledgement, its removal, the answer to it. It must not know when.

use super::PendingAck;
use crate::client::Client;
use crate::protocol::property::Place;
use crate::protocol::{PacketType, Properties, PropertyId, PropertyValue, Publish, QoS, topic};
use anyhow::Context;
use bytes::Bytes;

/// A message was handed on: acknowledges it, and removes it from the broker where that was asked for.
pub(super) fn settle(client: &mut Client, pending: PendingAck) -> anyhow::Result<()> {
    client.acknowledge(pending.handle)?;
    if let Some(topic) = pending.remove {
        let shown = format!("cannot remove the retained message on {topic:?}");
        let removal = Publish {
            retain: true,
            ..Publish::new(topic, QoS::AtLeastOnce, Bytes::new())
        };
        client.publish(removal).context(shown)?;
    }
    Ok(())
}

/// Answers a request that says where to; another message needs no answer.
pub(super) fn reply(
    client: &mut Client,
    request: &Publish,
    qos: QoS,
    mut properties: Properties,
    output: Bytes,
) -> Result<(), String> {
    let Some(to) = request.properties.text(PropertyId::ResponseTopic) else {
        return Ok(());
    };
    topic::check_name(&to).map_err(|error| format!("its response topic {error}"))?;
    if let Some(data) = request.properties.binary(PropertyId::CorrelationData) {
        properties.push(PropertyId::CorrelationData, PropertyValue::Binary(data));
    }
    properties
        .check(Place::Packet(PacketType::Publish))
        .map_err(|error| error.to_string())?;
    let reply = Publish {
        properties,
        ..Publish::new(to.detached(), qos, output)
    };
    client
        .publish(reply)
        .map_err(|error| format!("its output cannot be sent: {error}"))
}
