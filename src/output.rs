//! What is printed: received messages as JSON lines, payloads or by a format; explained packets as lines, fields, JSON,
//! ladders and statistics. It must not know where it came from.

pub mod flow;
mod json;
pub mod message;
pub mod packet;
mod pad;
mod pretty;
pub mod report;
pub mod stats;
mod style;
pub mod template;
mod text;
mod time;
