//! What is read besides the network: payloads and lines, hex text, packets as JSON lines. It must not know where it
//! goes.

pub mod hex;
pub mod messages;
pub mod packets;
