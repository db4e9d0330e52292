//! Mosquitto's tools: under the name of one of them the program reads what was typed as that tool does, and its options
//! file, and comes to the same flags. It must not know statuses, or how a subcommand works.

pub mod options_file;
pub mod tools;
mod translate;
pub mod words;

pub use tools::{TOOLS, Tool, tool};
pub use translate::Call;
