//! What makes a run a failure although it came to its end: clients that were refused or lost, messages that nobody
//! answered. It must not know the status that this leads to.

use super::error::Error;
use super::{Counts, Load};
use crate::client;
use crate::session::{self, error::Reply};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// One way in which clients or messages came to grief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What failed.
    pub kind: Kind,
    /// How many clients or messages.
    pub count: u64,
    /// The first reason code, where the broker refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<u8>,
    /// The same for people, with the first cause.
    pub text: String,
}

/// What failed, causes before what follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The broker refused clients: CONNACK, SUBACK or DISCONNECT with a failure code, or messages such as theirs.
    ClientsRefused,
    /// Clients lost their connections, and had none at the end.
    ConnectionsLost,
    /// Clients never had a connection.
    ClientsUnconnected,
    /// This program could not go on with clients.
    ClientsFailed,
    /// The broker refused messages: PUBACK or PUBREC with a failure code.
    MessagesRefused,
    /// Messages were due and not sent.
    MessagesUnsent,
    /// Messages of QoS 1 and 2 were sent and not answered.
    MessagesUnacknowledged,
    /// Messages of QoS 0 without a subscriber that could tell were sent on a connection that broke, or that the broker did
    /// not close after DISCONNECT.
    MessagesDoubtful,
    /// The broker closed no connection after DISCONNECT [MQTT-3.14.4-1].
    BrokerSilent,
}

impl Kind {
    /// What an error says of its client, which had been connected before or not.
    fn of(error: &Error, established: bool) -> (Self, Option<u8>) {
        match error {
            Error::Refused { refusal, .. } => (Self::ClientsRefused, Some(refusal.reason.0)),
            Error::Publish { .. } => (Self::ClientsRefused, None),
            Error::System(_) | Error::Stopped => (Self::ClientsFailed, None),
            Error::Client { source, .. } => match &**source {
                client::Error::Session { source, .. } => match source {
                    session::Error::Refused(refusal) => (Self::ClientsRefused, Some(refusal.reason.0)),
                    session::Error::Disconnected(refusal) if refusal.reason.is_failure() => {
                        (Self::ClientsRefused, Some(refusal.reason.0))
                    }
                    session::Error::EnhancedAuthentication => (Self::ClientsRefused, None),
                    _ => (Self::ConnectionsLost, None),
                },
                client::Error::Connect(_) | client::Error::NoConnack { .. } if !established => {
                    (Self::ClientsUnconnected, None)
                }
                _ => (Self::ConnectionsLost, None),
            },
        }
    }

    fn happened(self) -> &'static str {
        match self {
            Self::ClientsRefused => "were refused by the broker",
            Self::ConnectionsLost => "lost their connections for good",
            Self::ClientsUnconnected => "could not connect",
            _ => "could not go on",
        }
    }
}

/// The clients that a run lost, and the first refusal of a message.
#[derive(Debug, Default)]
pub(super) struct Failures {
    clients: BTreeMap<Kind, Lost>,
    refused: Option<Reply>,
}

#[derive(Debug)]
struct Lost {
    count: u64,
    reason: Option<u8>,
    first: String,
}

impl Failures {
    /// A client gave up.
    pub(super) fn client(&mut self, error: &Error, established: bool) {
        let (kind, reason) = Kind::of(error, established);
        self.add(kind, reason, error.with_causes());
    }

    /// A client had no connection at the end, and this is why.
    pub(super) fn absent(&mut self, why: String) {
        self.add(Kind::ConnectionsLost, None, why);
    }

    /// The broker refused a message.
    pub(super) fn message(&mut self, refusal: Reply) {
        self.refused.get_or_insert(refusal);
    }

    fn add(&mut self, kind: Kind, reason: Option<u8>, why: String) {
        let lost = self.clients.entry(kind).or_insert(Lost {
            count: 0,
            reason,
            first: why,
        });
        lost.count += 1;
    }

    /// All of them, causes first. `silent`: how many connections the broker did not close, when it closed none. What was
    /// under way when a run was `stopped` is no failure.
    pub(super) fn list(self, load: &Load, counts: &Counts, silent: u64, stopped: bool) -> Vec<Failure> {
        let all = load.clients();
        let mut list: Vec<Failure> = self
            .clients
            .into_iter()
            .map(|(kind, lost)| Failure {
                kind,
                count: lost.count,
                reason: lost.reason,
                text: format!(
                    "{} of {all} clients {}; the first: {}",
                    lost.count,
                    kind.happened(),
                    lost.first
                ),
            })
            .collect();
        let mut messages = |kind, count: u64, text: String, reason: Option<u8>| {
            if count > 0 {
                list.push(Failure {
                    kind,
                    count,
                    reason,
                    text,
                });
            }
        };
        let Counts { offered, sent, .. } = *counts;
        let (refused, unsent, doubtful) = (counts.refused, counts.unsent, counts.doubtful);
        let why = self.refused.as_ref().map(ToString::to_string).unwrap_or_default();
        messages(
            Kind::MessagesRefused,
            refused,
            format!("{refused} of {sent} messages were refused by the broker; the first: {why}"),
            self.refused.map(|refusal| refusal.reason.0),
        );
        if stopped {
            return list;
        }
        let unanswered = counts.unacknowledged;
        messages(
            Kind::MessagesUnsent,
            unsent,
            format!("{unsent} of {offered} messages were due and not sent"),
            None,
        );
        messages(
            Kind::MessagesUnacknowledged,
            unanswered,
            format!("{unanswered} of {sent} messages were not acknowledged"),
            None,
        );
        messages(
            Kind::MessagesDoubtful,
            doubtful,
            format!(
                "{doubtful} of {sent} messages at QoS 0 are doubtful: their connections broke, or the broker did not close \
                 them at the end, and no subscriber tells"
            ),
            None,
        );
        messages(
            Kind::BrokerSilent,
            silent,
            format!(
                "the broker closed none of {silent} connections within {} s after DISCONNECT",
                CLOSE_TIMEOUT.as_secs()
            ),
            None,
        );
        list
    }
}

/// How long a client waits until DISCONNECT is written and the broker has closed the connection; it is dropped then.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
