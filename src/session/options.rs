//! What a client wants of its session, as plain data.

use crate::protocol::packet::Will;
use crate::protocol::{Properties, Utf8, Version};
use bytes::Bytes;
use std::time::Duration;

/// What a client wants of its session.
#[derive(Debug, Clone)]
pub struct Options {
    /// Version of the protocol.
    pub version: Version,
    /// Client identifier; empty asks the broker for one.
    pub client_id: Utf8,
    /// Clean Start of version 5, Clean Session before, of the first connection.
    pub clean_start: bool,
    /// Whether the first connection may go on with a session that the broker still has of an earlier run, although this
    /// run has no state of it. A subscriber may: that is what such a session is for; if it answers messages, at QoS 1 at
    /// most. Who publishes at QoS 1 or 2 may not: identifiers begin at 1 again, and a new message could be taken for the
    /// copy of an old one, acknowledged and dropped. The connection then ends with [`super::Error::ForeignSession`]
    /// `[MQTT-3.2.2-4]`.
    pub adopt_session: bool,
    /// Keep the session over reconnects of this run, although it began clean: version 5 asks the broker to store it for
    /// so many seconds, and drops it with DISCONNECT. Nothing when the properties have a session expiry interval.
    pub resume_for: Option<u32>,
    /// Keep Alive in seconds; 0 switches it off.
    pub keep_alive: u16,
    /// Properties of CONNECT; version 5.
    pub properties: Properties,
    /// Properties of the closing DISCONNECT; version 5.
    pub disconnect_properties: Properties,
    /// Give topics an alias, as far as the broker's Topic Alias Maximum goes; version 5. Otherwise aliases are those
    /// that messages have as a property.
    pub choose_aliases: bool,
    /// Last will.
    pub will: Option<Will>,
    /// User name.
    pub username: Option<Utf8>,
    /// Password.
    pub password: Option<Bytes>,
    /// Own send window: unacknowledged messages on their way.
    pub max_inflight: u16,
    /// End the connection when an acknowledgement takes longer.
    pub ack_timeout: Option<Duration>,
    /// Send unacknowledged messages again after so long, in 3.1 and 3.1.1.
    pub resend_interval: Option<Duration>,
    /// Ask a broker of version 5 for at most so many unacknowledged messages at once, when the properties have no Receive
    /// Maximum. It is a wish: unlike with the property more of them are taken, because Mosquitto 2.0 sends a whole window
    /// anew for each acknowledgement.
    pub incoming_window: Option<u16>,
    /// Largest packet accepted, in bytes; up to CONNACK it is 64 KiB at most.
    pub max_packet_size: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: Version::V5,
            client_id: Utf8::default(),
            clean_start: true,
            adopt_session: true,
            resume_for: None,
            keep_alive: 60,
            properties: Properties::new(),
            disconnect_properties: Properties::new(),
            choose_aliases: false,
            will: None,
            username: None,
            password: None,
            max_inflight: 20,
            ack_timeout: None,
            resend_interval: None,
            incoming_window: None,
            max_packet_size: usize::MAX,
        }
    }
}
