//! Where messages go: to standard output or to commands. It must not know the broker.

use super::Handed;
use super::exec::{Commands, Finished};
use super::printer::Printer;
use crate::protocol::Publish;

/// Where messages go.
pub(super) enum Sink {
    Print(Printer),
    Execute(Commands),
}

impl Sink {
    pub(super) fn take(&mut self, publish: Publish, handed: Handed, taken: bool) {
        match self {
            Self::Print(printer) => printer.take(&publish, handed, taken),
            Self::Execute(commands) => commands.take(publish, handed, taken),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        match self {
            Self::Print(_) => true,
            Self::Execute(commands) => commands.has_room(),
        }
    }

    pub(super) fn has_output(&self) -> bool {
        matches!(self, Self::Print(printer) if !printer.is_settled())
    }

    pub(super) fn is_full(&self) -> bool {
        matches!(self, Self::Print(printer) if printer.is_full())
    }

    pub(super) fn gather(&mut self) -> bool {
        match self {
            Self::Print(printer) => printer.gather(),
            Self::Execute(_) => false,
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        match self {
            Self::Print(printer) => printer.is_settled(),
            Self::Execute(commands) => commands.is_settled(),
        }
    }

    pub(super) fn failed(&self) -> u64 {
        match self {
            Self::Print(_) => 0,
            Self::Execute(commands) => commands.failed(),
        }
    }

    pub(super) fn unacknowledged(&self) -> usize {
        match self {
            Self::Print(_) => 0,
            Self::Execute(commands) => commands.unacknowledged(),
        }
    }

    pub(super) fn disconnected(&mut self) {
        if let Self::Execute(commands) = self {
            commands.disconnected();
        }
    }

    /// The next command that ends, or nothing when a line of `--message-rate` is due. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Finished> {
        match self {
            Self::Print(printer) => {
                printer.second().await;
                None
            }
            Self::Execute(commands) => Some(commands.finished().await),
        }
    }
}
