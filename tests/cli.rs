//! The program from outside: exact bytes on the wire, exit statuses, messages.

mod bad_input;
mod bad_values;
mod bench;
mod config;
mod decode;
mod drop_in;
mod exec;
mod flags;
mod hostile;
mod limits;
mod message_rate;
mod peers;
mod promises;
mod publish;
mod publish_agreement;
mod publish_input;
mod request;
mod secrets;
mod shortcomings;
mod statuses;
mod subscribe;
mod subscribe_flags;
mod suggestions;
mod terminal;
mod tls;
mod tls_flags;
mod transports;
mod waits;
mod websocket;
mod wire;

use crate::support::peer::Step;

/// CONNECT of version 3.1.1 with the identifier `c`, a clean session and 60 s keep alive.
const CONNECT_311: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c";
/// The same in version 5, without properties.
const CONNECT_5: &[u8] = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01c";
const CONNACK_311: &[u8] = &[0x20, 2, 0, 0];
const CONNACK_5: &[u8] = &[0x20, 3, 0, 0, 0];
const DISCONNECT: &[u8] = &[0xe0, 0];

fn expect(bytes: &[u8]) -> Step {
    Step::Expect(bytes.to_vec())
}

fn send(bytes: &[u8]) -> Step {
    Step::Send(bytes.to_vec())
}
