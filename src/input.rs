//! What is read besides the network: payloads and lines, hex text. It must not know where it goes.

pub mod hex;
pub mod messages;
