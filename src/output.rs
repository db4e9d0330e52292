//! What is printed: received messages for a person, as JSON lines, payloads or by a format; explained packets as lines,
//! fields, JSON, ladders and statistics. It must not know where it came from.

mod escape;
pub mod flow;
pub mod json_text;
pub mod message;
pub mod packet;
mod pad;
mod pretty;
pub mod received;
pub mod report;
pub mod stats;
mod style;
pub mod template;
mod text;
mod time;
mod view;
