//! Why a run, or a client of it, failed. It must not know what that means for the status.

use crate::client;
use crate::session::client::PublishError;
use crate::session::error::Reply;

/// Why a client, or the whole run, could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A client could not connect, or not go on.
    #[error("client \"{id}\" failed")]
    Client {
        /// Its identifier.
        id: String,
        /// Why.
        source: Box<client::Error>,
    },
    /// The broker refused a subscription.
    #[error("the broker refused the subscription of client \"{id}\" to \"{filter}\": {refusal}")]
    Refused {
        /// Its identifier.
        id: String,
        /// The filter.
        filter: String,
        /// Reason code and properties of SUBACK.
        refusal: Reply,
    },
    /// A message cannot be published to this broker.
    #[error("client \"{id}\" cannot publish")]
    Publish {
        /// Its identifier.
        id: String,
        /// Why.
        source: PublishError,
    },
    /// The system gave no timer, thread or runtime.
    #[error("the load generator cannot work")]
    System(#[source] std::io::Error),
    /// The run was stopped before there was anything to report.
    #[error("stopped before all clients were connected")]
    Stopped,
}

impl Error {
    /// What failed, and why, in one line.
    pub(super) fn with_causes(&self) -> String {
        with_causes(self)
    }
}

/// An error and its causes, in one line; what a text quotes of its cause is not said twice.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut said = text.clone();
    for cause in std::iter::successors(error.source(), |error| error.source()) {
        let cause = cause.to_string();
        if !said.contains(&cause) {
            text = format!("{text}: {cause}");
            said = cause;
        }
    }
    text
}
