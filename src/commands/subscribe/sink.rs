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

    /// True when another message may be taken.
    pub(super) fn has_room(&self) -> bool {
        match self {
            Self::Print(printer) => !printer.is_writing(),
            Self::Execute(commands) => commands.has_room(),
        }
    }

    /// True when something was collected that is to be written once nothing more is at hand.
    pub(super) fn wants_pause(&self) -> bool {
        matches!(self, Self::Print(printer) if !printer.is_settled() && !printer.is_writing())
    }

    /// True while the end of the run has to wait for it.
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

    /// The next command that ends, or nothing when output was written. With `watching`, a reader that goes away is an error.
    /// Cancel-safe.
    pub(super) async fn work(&mut self, watching: bool) -> anyhow::Result<Option<Finished>> {
        match self {
            Self::Print(printer) => printer.work(watching).await.map(|()| None).map_err(Into::into),
            Self::Execute(commands) => Ok(Some(commands.finished().await)),
        }
    }
}
