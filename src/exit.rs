//! The table of exit statuses: how an outcome or an error becomes the status of the process, and how an error is shown.
//! It must not know how anything is done.

mod hint;
mod mosquitto;

use crate::bench;
use crate::cli::Usage;
use crate::cli::mosquitto::Tool;
use crate::client;
use crate::net::file::RanOut;
use crate::protocol::{EncodeError, ReasonCode};
use crate::session;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

/// How a command ended, when it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Ran, and the answer is no.
    No,
    /// The broker refused something, which was named on stderr.
    Refused(ReasonCode),
    /// Connections were lost for good, which was named on stderr.
    Lost,
    /// Clients could not connect, which was named on stderr.
    Unconnected,
    /// A time limit ran out.
    TimedOut,
    /// A signal came before the work was done.
    Signal(Signal),
    /// The status of a command that was run.
    Command(u8),
}

/// A signal that asks the program to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// Standard output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub struct OutputError(#[source] pub std::io::Error);

/// The table of `man mqkit`: status and meaning.
pub const TABLE: &[(u8, &str)] = &[
    (DONE, "done; also when the reader of standard output went away"),
    (
        NO,
        "ran, and the answer is no: undelivered messages, a broken guarantee of QoS, a missed threshold, a packet that \
         breaks the standard, no retained message, no responder, a failed command",
    ),
    (USAGE, "usage: a bad flag or value, an unreadable file"),
    (
        UNREACHABLE,
        "could not connect: name, TCP, proxy, TLS, WebSocket, no CONNACK",
    ),
    (
        REFUSED,
        "the broker refused: CONNACK, SUBACK, PUBACK, PUBREC or DISCONNECT with a failure code",
    ),
    (LOST, "the connection was lost, or the peer broke the protocol"),
    (TIMED_OUT, "a time limit ran out (-W, --deadline), as in mosquitto_sub"),
    (INTERRUPTED, "SIGINT before the work was done"),
    (TERMINATED, "SIGTERM before the work was done"),
];

const DONE: u8 = 0;
const NO: u8 = 1;
const USAGE: u8 = 2;
const UNREACHABLE: u8 = 3;
const REFUSED: u8 = 4;
const LOST: u8 = 5;
const TIMED_OUT: u8 = 27;
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

/// Shows an error on stderr and gives the status of the process: ours, or that of the tool whose name the program has.
#[must_use]
pub fn report(result: anyhow::Result<Outcome>, tool: Option<&Tool>) -> ExitCode {
    let result = match result {
        // As of every other limit, those tools say that it ran out, and no more.
        Err(error) if tool.is_some() && ran_out(&error).is_some() => Ok(Outcome::TimedOut),
        result => result,
    };
    let (text, status) = match (result, tool) {
        (Ok(outcome), None) => (String::new(), outcome.status()),
        (Ok(outcome), Some(tool)) => {
            let text = if outcome == Outcome::TimedOut {
                "Timed out\n"
            } else {
                ""
            };
            (text.to_owned(), mosquitto::outcome(outcome, tool))
        }
        (Err(error), None) => (render(&error), status(&error)),
        (Err(error), Some(tool)) => (mosquitto::render(&error, tool), mosquitto::status(&error, tool)),
    };
    // Nobody is left to hear of a stderr that cannot be written.
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::from(status)
}

impl Outcome {
    fn status(self) -> u8 {
        match self {
            Self::Done => DONE,
            Self::No => NO,
            Self::Refused(_) => REFUSED,
            Self::Lost => LOST,
            Self::Unconnected => UNREACHABLE,
            Self::TimedOut => TIMED_OUT,
            Self::Signal(Signal::Interrupt) => INTERRUPTED,
            Self::Signal(Signal::Terminate) => TERMINATED,
            Self::Command(status) => status,
        }
    }
}

/// A file was waited for when a time limit ran out.
fn ran_out(error: &anyhow::Error) -> Option<&RanOut> {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref().and_then(RanOut::of))
}

/// The status of an error: of the first cause that has one.
fn status(error: &anyhow::Error) -> u8 {
    if ran_out(error).is_some() {
        return TIMED_OUT;
    }
    let known = error.chain().find_map(|cause| {
        if let Some(error) = client_error(cause) {
            return Some(client_status(error));
        }
        if let Some(error) = cause.downcast_ref::<bench::Error>() {
            return bench_status(error);
        }
        if let Some(error) = cause.downcast_ref::<session::client::PublishError>() {
            return Some(publish_status(error));
        }
        cause.is::<OutputError>().then_some(NO)
    });
    // What is left is what was typed: flags, values, files, addresses, certificates, hex text.
    known.unwrap_or(USAGE)
}

/// A client's error, also where it is kept in a box.
fn client_error<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a client::Error> {
    let boxed = cause.downcast_ref::<Box<client::Error>>().map(AsRef::as_ref);
    boxed.or_else(|| cause.downcast_ref())
}

/// None when a cause of the error knows better.
fn bench_status(error: &bench::Error) -> Option<u8> {
    match error {
        bench::Error::Refused { .. } => Some(REFUSED),
        bench::Error::System(_) => Some(NO),
        _ => None,
    }
}

fn client_status(error: &client::Error) -> u8 {
    match error {
        client::Error::Connect(_) | client::Error::NoConnack { .. } => UNREACHABLE,
        client::Error::Session { source, .. } => session_status(source),
        client::Error::Io { .. } | client::Error::GaveUp { .. } => LOST,
    }
}

fn session_status(error: &session::Error) -> u8 {
    match error {
        session::Error::Refused(_) | session::Error::EnhancedAuthentication => REFUSED,
        session::Error::Disconnected(refusal) if refusal.reason.is_failure() => REFUSED,
        session::Error::Encode(EncodeError::ExceedsPeerLimit { .. }) => REFUSED,
        session::Error::Encode(_) => USAGE,
        session::Error::Disconnected(_)
        | session::Error::Decode(_)
        | session::Error::Unexpected(..)
        | session::Error::ForeignSession(_)
        | session::Error::SessionEnded
        | session::Error::WrongAcknowledgement { .. }
        | session::Error::ReceiveMaximumExceeded(_)
        | session::Error::TopicAliasInvalid(_)
        | session::Error::WrongCount(..)
        | session::Error::KeepAlive(_)
        | session::Error::AckTimeout(_)
        | session::Error::Closed(_)
        | session::Error::ClosedOnQos2 => LOST,
    }
}

fn publish_status(error: &session::client::PublishError) -> u8 {
    use session::client::PublishError as P;
    match error {
        P::Encode(EncodeError::ExceedsPeerLimit { .. })
        | P::QosNotSupported(..)
        | P::RetainNotSupported
        | P::TopicAlias(..) => REFUSED,
        P::Encode(_) => USAGE,
    }
}

/// `mqkit: what failed`, `caused by:` lines, `hint:`.
fn render(error: &anyhow::Error) -> String {
    if let Some(Usage::Explained(text)) = error.downcast_ref() {
        return text.clone();
    }
    if let Some(ran_out) = ran_out(error) {
        return format!("mqkit: {ran_out}\n");
    }
    let mut text = format!("mqkit: {error}\n");
    text += &causes(error, None);
    text
}

/// `caused by:` lines, `hint:`.
fn causes(error: &anyhow::Error, tool: Option<&Tool>) -> String {
    let mut text = String::new();
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // `#[error(transparent)]` and texts that quote their cause would say it twice.
        if !said.contains(&cause) {
            let _ = writeln!(text, "caused by: {cause}");
            said = cause;
        }
    }
    if let Some(hint) = error.chain().find_map(|cause| hint::of(cause, tool)) {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{self, Address};
    use anyhow::Context;
    use std::time::Duration;

    #[test]
    fn errors_have_the_status_of_their_leaf() {
        let address = Address::new("localhost", 1883);
        let timed_out = net::ConnectError::timed_out(&address, net::Stage::Tcp, Duration::from_secs(10));
        let error = Err::<(), _>(client::Error::from(timed_out))
            .context("cannot publish")
            .unwrap_err();
        assert_eq!(status(&error), UNREACHABLE);
        assert_eq!(status(&anyhow::anyhow!("bad flag")), USAGE);
        let text = render(&error);
        assert!(
            text.starts_with("mqkit: cannot publish\ncaused by: cannot connect to localhost:1883 (TCP)\n"),
            "{text}"
        );
        assert!(text.contains("\nhint: "), "{text}");
    }

    #[test]
    fn every_outcome_has_a_row_in_the_table() {
        for outcome in [
            Outcome::Done,
            Outcome::No,
            Outcome::Refused(ReasonCode::NOT_AUTHORIZED),
            Outcome::Lost,
            Outcome::Unconnected,
            Outcome::TimedOut,
            Outcome::Signal(Signal::Interrupt),
            Outcome::Signal(Signal::Terminate),
        ] {
            assert!(
                TABLE.iter().any(|(status, _)| *status == outcome.status()),
                "{outcome:?}"
            );
        }
    }
}
