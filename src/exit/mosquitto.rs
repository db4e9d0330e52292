//! The statuses of Mosquitto's tools, and how they show an error. It must not know how anything is done.

use super::{NO, Outcome, OutputError, Signal, causes};
use crate::cli::Usage;
use crate::cli::mosquitto::Tool;
use crate::client;
use crate::protocol::Version;
use crate::session;

/// What can end a run, with libmosquitto's name and number for it.
const FAILED: u8 = 1; // also usage, --help and --version, and no first connection
const PROTOCOL: u8 = 2;
const NOT_CONNECTED: u8 = 4;
const CONNECTION_LOST: u8 = 7;
const AUTHENTICATION: u8 = 11;
const KEEP_ALIVE: u8 = 19;
const TIMED_OUT: u8 = 27;

/// The status of a run that ended without an error.
pub(super) fn outcome(outcome: Outcome, tool: &Tool) -> u8 {
    match outcome {
        Outcome::Done => 0,
        Outcome::No => FAILED,
        Outcome::Refused(reason) => reason.0,
        Outcome::Lost => CONNECTION_LOST,
        Outcome::Unconnected => FAILED,
        Outcome::TimedOut => TIMED_OUT,
        Outcome::Signal(_) if tool.signal_is_success => 0,
        Outcome::Signal(Signal::Interrupt | Signal::Terminate) => outcome.status(),
        Outcome::Command(status) => status,
    }
}

/// The status of an error.
pub(super) fn status(error: &anyhow::Error, tool: &Tool) -> u8 {
    let known = error.chain().find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<client::Error>() {
            return Some(client_status(error, tool));
        }
        // There the library notices after the broker has gone.
        if cause.is::<session::client::PublishError>() {
            return Some(CONNECTION_LOST);
        }
        cause.is::<OutputError>().then_some(NO)
    });
    known.unwrap_or(FAILED)
}

fn client_status(error: &client::Error, tool: &Tool) -> u8 {
    use session::Error as E;
    match error {
        client::Error::Connect(_) | client::Error::NoConnack { limit: Some(_), .. } => FAILED,
        client::Error::NoConnack { limit: None, .. } | client::Error::Io { .. } => CONNECTION_LOST,
        client::Error::GaveUp { source, .. } => match **source {
            // The first connection has worked.
            client::Error::Connect(_) => CONNECTION_LOST,
            ref source => client_status(source, tool),
        },
        client::Error::Session { source, version, .. } => match source {
            // CONNACK's code as it came: 1 to 5 before version 5.
            E::Refused(refusal) if *version == Version::V5 => refusal.reason.0,
            E::Refused(refusal) => refusal.reason.return_code(),
            E::Disconnected(refusal) => {
                let reason = Some(refusal.reason.0).filter(|_| refusal.reason.is_failure());
                tool.disconnected.or(reason).unwrap_or(NOT_CONNECTED)
            }
            E::KeepAlive(_) => KEEP_ALIVE,
            E::Closed(_) | E::ClosedOnQos2 | E::AckTimeout(_) | E::ForeignSession(_) | E::SessionEnded => {
                CONNECTION_LOST
            }
            E::EnhancedAuthentication => AUTHENTICATION,
            E::Encode(_) => FAILED,
            E::Decode(_)
            | E::Unexpected(..)
            | E::WrongAcknowledgement { .. }
            | E::ReceiveMaximumExceeded(_)
            | E::TopicAliasInvalid(_)
            | E::WrongCount(..) => PROTOCOL,
        },
    }
}

/// `Error: …`; what was typed wrongly is answered with where to read.
pub(super) fn render(error: &anyhow::Error, tool: &Tool) -> String {
    let usage = format!("\nUse '{} --help' to see usage.\n", tool.name);
    match error.downcast_ref() {
        Some(Usage::Explained(text)) => {
            let text = text.split("\n\n").next().unwrap_or_default();
            let text = text.strip_prefix("error: ").unwrap_or(text);
            format!("Error: {}\n{usage}", text.trim_end())
        }
        Some(Usage::Bad(_) | Usage::Unreadable(..)) => format!("Error: {error}\n{usage}"),
        None => format!("Error: {error}\n{}", causes(error, Some(tool))),
    }
}
