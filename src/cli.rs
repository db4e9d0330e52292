//! What several commands share of the command line. It must not know commands or sockets.

pub mod connection;
pub mod console;
pub mod flags;
pub mod mosquitto;
pub mod secret;
pub mod settings;
pub mod suggestions;
pub mod values;

pub use connection::Connection;
pub use console::Console;

/// A bad flag, value, file or input.
#[derive(Debug, thiserror::Error)]
pub enum Usage {
    /// Words on what is wrong.
    #[error("{0}")]
    Bad(String),
    /// What cannot be read, and why.
    #[error("{0}: {1}")]
    Unreadable(String, #[source] std::io::Error),
    /// The command line's own explanation, complete with usage.
    #[error("{0}")]
    Explained(String),
}
