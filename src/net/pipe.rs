//! A stream, and what it takes to move bytes through it: what is not flushed yet, and how much to read at once. It must
//! not know what the bytes mean, nor the clock.

use super::Stream;
use bytes::{Buf, BytesMut};
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWrite};

/// Bytes that are read at once from a stream that has little to say, and from one that fills what it is given.
const SMALL_READ: usize = 2 * 1024;
const LARGE_READ: usize = 64 * 1024;

/// A stream with its state.
#[derive(Debug)]
pub struct Pipe {
    stream: Stream,
    read_size: usize,
    /// Something was written and not flushed.
    unflushed: bool,
    /// Why nothing more can be written; what the peer has said before it went is still to be read.
    broken: Option<io::Error>,
}

/// What came of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// Bytes went out or came in.
    Bytes,
    /// The peer has sent its last byte.
    End,
}

impl Pipe {
    /// A pipe over a stream that was just opened.
    #[must_use]
    pub fn new(stream: Stream) -> Self {
        Self {
            stream,
            read_size: SMALL_READ,
            unflushed: false,
            broken: None,
        }
    }

    /// The stream.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// True when bytes that were given to it may not have reached the system.
    #[must_use]
    pub fn is_unflushed(&self) -> bool {
        self.unflushed || self.broken.is_some()
    }

    /// Writes from the front of `output` and reads at the end of `input`, both as far as they go now. Without `input` the
    /// peer is not read. Pending when nothing could be moved.
    ///
    /// # Errors
    /// The stream broke. A peer that has gone may have said why: after a failed write `output` is given up, and the error
    /// comes once everything was read.
    pub fn poll(
        &mut self,
        context: &mut Context<'_>,
        output: &mut BytesMut,
        input: Option<&mut BytesMut>,
    ) -> Poll<io::Result<Moved>> {
        let written = self.broken.is_none()
            && self.poll_write(context, output).unwrap_or_else(|error| {
                self.broken = Some(error);
                true
            });
        if self.broken.is_some() {
            output.clear();
            return match input.map(|input| self.poll_read(context, input)) {
                Some(Poll::Ready(Ok(1..))) => Poll::Ready(Ok(Moved::Bytes)),
                _ => Poll::Ready(Err(self
                    .broken
                    .take()
                    .unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()))),
            };
        }
        match input.map(|input| self.poll_read(context, input)) {
            Some(Poll::Ready(Ok(0))) => Poll::Ready(Ok(Moved::End)),
            Some(Poll::Ready(Ok(_))) => Poll::Ready(Ok(Moved::Bytes)),
            Some(Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            Some(Poll::Pending) | None if written => Poll::Ready(Ok(Moved::Bytes)),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }

    /// Writes once, and flushes what was written. True when that went on.
    fn poll_write(&mut self, context: &mut Context<'_>, output: &mut BytesMut) -> io::Result<bool> {
        let mut written = false;
        if !output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, output)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(count) => {
                    output.advance(count);
                    (written, self.unflushed) = (true, true);
                }
                Poll::Pending => {}
            }
        }
        if self.unflushed && Pin::new(&mut self.stream).poll_flush(context)?.is_ready() {
            (written, self.unflushed) = (true, false);
        }
        Ok(written)
    }

    /// Reads once. A read that fills its space makes the next one larger.
    fn poll_read(&mut self, context: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        if input.capacity() - input.len() < self.read_size / 2 {
            input.reserve(self.read_size);
        }
        let room = input.capacity() - input.len();
        // Dropping this future loses nothing: it has no state of its own.
        let read = pin!(self.stream.read_buf(input)).poll(context);
        if let Poll::Ready(Ok(count)) = read {
            self.read_size = if count == room { LARGE_READ } else { SMALL_READ };
        }
        read
    }

    /// Ends this side, after all that was written. Cancel-safe.
    ///
    /// # Errors
    /// The stream broke.
    pub fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
