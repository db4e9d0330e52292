//! What is printed: received messages as JSON lines, payloads or by a format, decoded packets as annotated text. It
//! must not know where it came from.

mod json;
pub mod message;
pub mod packet;
pub mod template;
