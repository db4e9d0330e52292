//! The table of exit statuses (a stand-in until the real one is merged).

/// How a command ended, when it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// The status of a command that was run.
    Command(u8),
}
