//! Standard output: written without holding up anything else, and watched for a reader that goes away. It must not know
//! what is written.

use crate::exit::OutputError;
use std::fs::File;
use std::future::pending;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use tokio::io::{AsyncWriteExt, Interest, Stdout};
use tokio::net::unix::pipe;

/// Standard output, and what is to be written there.
pub(in crate::commands) struct Output {
    stdout: Stdout,
    /// The pipe that it is, which tells when the reader goes away.
    pipe: Option<pipe::Receiver>,
    buffer: Vec<u8>,
    /// So many bytes of the buffer are written.
    written: usize,
    writing: bool,
}

impl Output {
    /// Standard output with nothing to be written. Needs the runtime.
    pub(in crate::commands) fn new() -> Self {
        Self {
            stdout: tokio::io::stdout(),
            pipe: pipe(),
            buffer: Vec::new(),
            written: 0,
            writing: false,
        }
    }

    /// What is to be written; more may be appended until [`Self::start`].
    pub(in crate::commands) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    pub(in crate::commands) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    pub(in crate::commands) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Begins to write what is there.
    pub(in crate::commands) fn start(&mut self) {
        self.writing = true;
    }

    /// True until all is written.
    pub(in crate::commands) fn is_writing(&self) -> bool {
        self.writing
    }

    /// Writes, up to the end of what was there at the start; without that only waits for the end of the reader.
    /// Cancel-safe: the next call goes on where this one was.
    ///
    /// # Errors
    /// It cannot be written; a reader that has gone is [`io::ErrorKind::BrokenPipe`].
    pub(in crate::commands) async fn work(&mut self) -> Result<(), OutputError> {
        if !self.writing {
            return match &self.pipe {
                Some(pipe) => Err(OutputError(gone(pipe).await)),
                None => pending().await,
            };
        }
        while let Some(rest) = self.buffer.get(self.written..).filter(|rest| !rest.is_empty()) {
            self.written += self.stdout.write(rest).await.map_err(OutputError)?;
        }
        self.stdout.flush().await.map_err(OutputError)?;
        self.buffer.clear();
        (self.written, self.writing) = (0, false);
        Ok(())
    }
}

/// Nothing where standard output is no pipe.
fn pipe() -> Option<pipe::Receiver> {
    let pipe = File::from(io::stdout().as_fd().try_clone_to_owned().ok()?);
    if !pipe.metadata().ok()?.file_type().is_fifo() {
        return None;
    }
    // Nothing is read: it is asked for errors only, and a blocking pipe can be asked, too.
    pipe::Receiver::from_file_unchecked(pipe).ok()
}

/// Waits for the end of the reader.
async fn gone(pipe: &pipe::Receiver) -> io::Error {
    match pipe.ready(Interest::ERROR).await {
        Ok(_) => io::ErrorKind::BrokenPipe.into(),
        Err(error) => error,
    }
}
