//! Messages on their way to standard output: collected, written together, and settled once they are written. It must
//! not know the broker.

use super::PendingAck;
use super::rate::Rate;
use crate::cli::Console;
use crate::commands::conversation::Output;
use crate::exit::OutputError;
use crate::output::message::Format;
use crate::output::received::Received;
use crate::protocol::Publish;
use std::time::Duration;
use tokio::time::Instant;

/// How long to let messages gather when they come in quick succession. A broker sends them one by one, and a read, a
/// wake-up and a write for each would be most of the cost of a message.
const GATHER: Duration = Duration::from_micros(100);
/// Output within this time of the last one is quick.
const QUICK: Duration = Duration::from_millis(2);
/// Output is written at the latest when so much is there, in bytes.
const OUTPUT_LIMIT: usize = 64 * 1024;
/// Messages that are not shown are acknowledged at the latest when there are so many.
const PENDING_LIMIT: usize = 8192;

pub(super) struct Printer {
    format: Format,
    /// Counts messages instead of printing them.
    rate: Option<Rate>,
    console: Console,
    output: Output,
    /// The messages whose lines are in the output, to be settled once they are written.
    pending: Vec<PendingAck>,
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
            output: Output::new(),
            pending: Vec::new(),
            flushed_at: Instant::now(),
            gathered: false,
        }
    }

    /// A message, which is shown or only settled.
    pub(super) fn take(&mut self, publish: &Publish, pending: PendingAck, shown: bool) {
        if let Some(rate) = self.rate.as_mut().filter(|_| shown) {
            rate.count();
        } else if shown {
            self.complain(publish);
            let received = Received {
                publish,
                time: jiff::Timestamp::now(),
            };
            self.format.write(&received, self.output.buffer());
        }
        self.pending.push(pending);
    }

    /// Writes what was begun, or waits for the end of a second of `--message-rate` and, with `watching`, of the reader.
    /// Cancel-safe.
    pub(super) async fn work(&mut self, watching: bool) -> Result<(), OutputError> {
        let rate = &mut self.rate;
        let second = async {
            match rate {
                Some(rate) => rate.second().await,
                None => std::future::pending().await,
            }
        };
        if self.output.is_writing() {
            return self.output.work().await;
        }
        tokio::select! {
            biased;
            count = second => {
                self.output.buffer().extend_from_slice(format!("{count} msgs/s\n").as_bytes());
                self.output.start();
                Ok(())
            }
            gone = self.output.work(), if watching => gone,
        }
    }

    /// Says why a conversion of the format prints nothing.
    fn complain(&self, publish: &Publish) {
        if let Some(size) = self.format.wanted_size(&publish.payload) {
            self.console.note(format_args!(
                "the payload on {:?} has {} bytes, and the format wants a number of {size}",
                publish.topic,
                publish.payload.len()
            ));
        }
    }

    /// True when nothing waits.
    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.output.is_empty()
    }

    /// True when it should be written now, whatever else there is to do.
    pub(super) fn is_full(&self) -> bool {
        self.output.len() >= OUTPUT_LIMIT || self.pending.len() >= PENDING_LIMIT
    }

    /// Begins to write, unless messages come one by one in quick succession: then there may be more in a moment.
    pub(super) fn pause(&mut self) {
        let quick = self.flushed_at.elapsed() < QUICK;
        self.gathered = quick && !self.gathered;
        match self.gathered {
            true => std::thread::sleep(GATHER),
            false => self.start(),
        }
    }

    /// Begins to write what has been collected.
    pub(super) fn start(&mut self) {
        self.output.start();
    }

    /// True until all that was begun is written.
    pub(super) fn is_writing(&self) -> bool {
        self.output.is_writing()
    }

    /// The messages that were written, once there is nothing else in the output.
    pub(super) fn settle(&mut self) -> std::vec::Drain<'_, PendingAck> {
        self.flushed_at = Instant::now();
        self.pending.drain(..)
    }
}
