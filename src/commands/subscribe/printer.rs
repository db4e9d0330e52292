//! Messages on their way to standard output: collected, written together, and settled once they are written. It must
//! not know the broker.

use super::Handed;
use super::rate::Rate;
use crate::cli::Console;
use crate::exit::OutputError;
use crate::output::message::{Format, Received};
use crate::protocol::Publish;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, Stdout};
use tokio::time::Instant;

/// How long to let messages gather when they come in quick succession. A broker sends them one by one, and a read, a
/// wake-up and a write for each would be most of the cost of a message.
const GATHER: Duration = Duration::from_micros(100);
/// Output within this time of the last one is quick.
const QUICK: Duration = Duration::from_millis(2);
/// Output is written at the latest when so much is there, in bytes.
const OUTPUT_LIMIT: usize = 64 * 1024;
/// Messages that are not shown are acknowledged at the latest when there are so many.
const HANDED_LIMIT: usize = 8192;

pub(super) struct Printer {
    format: Format,
    /// Counts messages instead of printing them.
    rate: Option<Rate>,
    console: Console,
    stdout: Stdout,
    /// Lines that are not written yet.
    output: Vec<u8>,
    /// So many bytes of them are, though: writing was interrupted.
    written: usize,
    /// Their messages, to be settled once they are.
    handed: Vec<Handed>,
    flushed_at: Instant,
    /// The output has waited for more already.
    gathered: bool,
}

impl Printer {
    pub(super) fn new(format: Format, rate: Option<Rate>, console: Console) -> Self {
        Self {
            format,
            rate,
            console,
            stdout: tokio::io::stdout(),
            output: Vec::new(),
            written: 0,
            handed: Vec::new(),
            flushed_at: Instant::now(),
            gathered: false,
        }
    }

    /// A message, which is shown or only settled.
    pub(super) fn take(&mut self, publish: &Publish, handed: Handed, shown: bool) {
        if let Some(rate) = self.rate.as_mut().filter(|_| shown) {
            rate.count();
        } else if shown {
            self.complain(publish);
            let received = Received {
                publish,
                time: jiff::Timestamp::now(),
            };
            self.format.write(&received, &mut self.output);
        }
        self.handed.push(handed);
    }

    /// Waits for the end of a second and adds its line. Cancel-safe.
    pub(super) async fn second(&mut self) {
        let Some(rate) = &mut self.rate else {
            return std::future::pending().await;
        };
        let count = rate.second().await;
        self.output.extend_from_slice(format!("{count} msgs/s\n").as_bytes());
    }

    /// Says why a conversion of the format prints nothing.
    fn complain(&self, publish: &Publish) {
        if let Some(size) = self.format.wanted_size(&publish.payload) {
            self.console.note(format_args!(
                "the payload on \"{}\" has {} bytes, and the format wants a number of {size}",
                publish.topic.escape_debug(),
                publish.payload.len()
            ));
        }
    }

    /// True when nothing waits.
    pub(super) fn is_settled(&self) -> bool {
        self.handed.is_empty() && self.output.is_empty()
    }

    /// True when it should be written now, whatever else there is to do.
    pub(super) fn is_full(&self) -> bool {
        self.output.len() >= OUTPUT_LIMIT || self.handed.len() >= HANDED_LIMIT
    }

    /// Waits a moment when messages come one by one in quick succession; true when there may be more now.
    pub(super) fn gather(&mut self) -> bool {
        let quick = self.flushed_at.elapsed() < QUICK;
        self.gathered = quick && !self.gathered;
        if self.gathered {
            std::thread::sleep(GATHER);
        }
        self.gathered
    }

    /// Writes what has been collected. Cancel-safe: after an interruption the next call goes on where it was, so that
    /// nothing is written twice.
    pub(super) async fn write(&mut self) -> Result<(), OutputError> {
        while let Some(rest) = self.output.get(self.written..).filter(|rest| !rest.is_empty()) {
            self.written += self.stdout.write(rest).await.map_err(OutputError)?;
        }
        self.stdout.flush().await.map_err(OutputError)
    }

    /// The messages that were written.
    pub(super) fn settle(&mut self) -> std::vec::Drain<'_, Handed> {
        self.output.clear();
        self.written = 0;
        self.flushed_at = Instant::now();
        self.handed.drain(..)
    }
}
