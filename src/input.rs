//! What is read besides the network: payloads and lines, dumps and other texts of bytes, packets as JSON lines. It must
//! not know where it goes.

pub mod encoding;
pub mod form;
pub mod messages;
pub mod packets;
pub mod text;
