//! The flags that give one payload, the same in `pub` and `rr`, and how it is read. It must not know what it is sent in.

use crate::cli::Usage;
use crate::cli::settings::typed::path;
use crate::input::messages;
use crate::protocol::MAX_REMAINING_LENGTH;
use anyhow::Context;
use bytes::Bytes;
use serde::Deserialize;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

/// One of these.
#[derive(Debug, Default, clap::Args, Deserialize)]
#[group(multiple = false)]
pub(super) struct PayloadFlags {
    /// Payload: the text as it stands
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Vec<String>,

    /// Payload: the contents of a file
    #[arg(short, long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    pub(super) file: Option<PathBuf>,

    /// An empty payload
    #[arg(short, long)]
    null_message: bool,

    /// Payload: all of standard input, which must not be empty
    #[arg(short, long)]
    stdin_file: bool,
}

/// The largest payload, and the longest line, in bytes: the largest packet that MQTT knows, with room for topics and
/// properties.
pub(super) const LARGEST: usize = MAX_REMAINING_LENGTH - 256 * 1024;

/// A payload that may have to be read first.
pub(super) enum Payload {
    Here(Bytes),
    Unread {
        /// What is read.
        name: String,
        bytes: Reading,
    },
}

/// A read that goes on where it was when it is polled again.
pub(super) type Reading = Pin<Box<dyn Future<Output = anyhow::Result<Bytes>>>>;

impl PayloadFlags {
    /// What they give; `None` when there are none. Nothing is read yet.
    ///
    /// # Errors
    /// Several messages.
    pub(super) fn payload(self) -> Result<Option<Payload>, Usage> {
        if self.message.len() > 1 {
            let text = "only one --message can be sent at once; in `pub`, --stdin-line and --json take several";
            return Err(Usage::Bad(text.to_owned()));
        }
        if let Some(text) = self.message.into_iter().next() {
            return Ok(Some(Payload::Here(Bytes::from(text))));
        }
        if let Some(path) = self.file {
            let name = format!("{path:?}");
            let unreadable = format!("cannot read {name}");
            let bytes = Box::pin(async { messages::wait_for_file(path, LARGEST).await.context(unreadable) });
            return Ok(Some(Payload::Unread { name, bytes }));
        }
        if self.stdin_file {
            return Ok(Some(Payload::Unread {
                name: "standard input".to_owned(),
                bytes: Box::pin(whole_stdin()),
            }));
        }
        Ok(self.null_message.then(|| Payload::Here(Bytes::new())))
    }
}

async fn whole_stdin() -> anyhow::Result<Bytes> {
    let bytes = messages::read_whole(tokio::io::stdin(), LARGEST).await;
    let bytes = bytes.context("cannot read standard input")?;
    if bytes.is_empty() {
        // A command before the pipe that failed must not delete a retained message.
        let text = "standard input is empty; --null-message publishes an empty message";
        return Err(Usage::Bad(text.to_owned()).into());
    }
    Ok(bytes)
}
