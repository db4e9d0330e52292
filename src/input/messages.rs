//! Payloads to publish: a file, all of an input, or its lines, read no faster than they are asked for. It must not know
//! topics or clients.

use bytes::{Bytes, BytesMut};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes asked for at once.
const CHUNK: usize = 64 * 1024;

/// The lines of an input, as any bytes.
pub struct Lines<R> {
    reader: R,
    delimiter: u8,
    limit: usize,
    buffer: BytesMut,
    /// So many bytes at the front of the buffer have no delimiter.
    searched: usize,
    number: u64,
    ended: bool,
}

/// Why there is no next line.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// The input could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is longer than the limit, in bytes.
    #[error("line {line} is longer than {limit} bytes")]
    TooLong {
        /// Which line, from 1.
        line: u64,
        /// The limit in bytes.
        limit: usize,
    },
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines that end with `delimiter`, of at most `limit` bytes.
    pub fn new(reader: R, delimiter: u8, limit: usize) -> Self {
        Self {
            reader,
            delimiter,
            limit,
            buffer: BytesMut::new(),
            searched: 0,
            number: 0,
            ended: false,
        }
    }

    /// The next line without its delimiter; the last one may lack it. `None` at the end. Cancel-safe: what was read
    /// stays in the buffer when the future is dropped.
    ///
    /// # Errors
    /// The input cannot be read, or the line is too long.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LinesError> {
        loop {
            if let Some(line) = self.buffered() {
                return Ok(Some(line));
            }
            if self.buffer.len() > self.limit {
                return Err(LinesError::TooLong {
                    line: self.number + 1,
                    limit: self.limit,
                });
            }
            if self.ended {
                self.searched = 0;
                self.number += 1;
                return Ok((!self.buffer.is_empty()).then(|| self.buffer.split().freeze()));
            }
            self.buffer.reserve(CHUNK);
            self.ended = self.reader.read_buf(&mut self.buffer).await? == 0;
        }
    }

    /// The number of the line that was given last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// A line that is there already. One that is too long is left for [`Self::next`] to complain of.
    pub fn buffered(&mut self) -> Option<Bytes> {
        let found = memchr::memchr(self.delimiter, self.buffer.get(self.searched..)?);
        let Some(length) = found.map(|at| self.searched + at) else {
            self.searched = self.buffer.len();
            return None;
        };
        if length > self.limit {
            return None;
        }
        self.searched = 0;
        self.number += 1;
        let mut line = self.buffer.split_to(length + 1);
        line.truncate(length);
        Some(line.freeze())
    }
}

/// All of an input, as one payload of at most `limit` bytes.
///
/// # Errors
/// The input cannot be read, or is longer.
pub async fn read_whole<R: AsyncRead + Unpin>(mut reader: R, limit: usize) -> io::Result<Bytes> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK);
        if reader.read_buf(&mut buffer).await? == 0 {
            return Ok(buffer.freeze());
        }
        if buffer.len() > limit {
            return Err(too_long(limit));
        }
    }
}

/// A whole file of at most `limit` bytes.
///
/// # Errors
/// It cannot be read, or is longer.
pub fn read_file(path: &Path, limit: usize) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    // Devices and pipes have no end that could be looked up.
    let file = std::fs::File::open(path)?;
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(too_long(limit));
    }
    Ok(Bytes::from(bytes))
}

/// The same, where one that may have to be waited for, such as a FIFO, holds up nothing else.
///
/// # Errors
/// As [`read_file`].
pub async fn wait_for_file(path: PathBuf, limit: usize) -> io::Result<Bytes> {
    if std::fs::metadata(&path)?.is_file() {
        return read_file(&path, limit);
    }
    let read = tokio::task::spawn_blocking(move || read_file(&path, limit));
    read.await.map_err(io::Error::other)?
}

fn too_long(limit: usize) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {limit} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A reader that gives its input in the chunks it is told.
    struct Chunks(Vec<Vec<u8>>);

    impl AsyncRead for Chunks {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            if let Some(chunk) = (!self.0.is_empty()).then(|| self.0.remove(0)) {
                buffer.put_slice(&chunk);
            }
            std::task::Poll::Ready(Ok(()))
        }
    }

    fn lines(chunks: Vec<Vec<u8>>, limit: usize) -> Result<Vec<Bytes>, LinesError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut lines = Lines::new(Chunks(chunks), b'\n', limit);
            let mut all = Vec::new();
            while let Some(line) = lines.next().await? {
                all.push(line);
            }
            Ok(all)
        })
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_lines(chunks in prop::collection::vec(prop::collection::vec(prop::sample::select(b"ab\n\0\xff".to_vec()), 1..9), 0..9)) {
            let whole = chunks.concat();
            let mut expected: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').collect();
            if expected.last().is_some_and(|last| last.is_empty()) {
                expected.pop();
            }
            let found = lines(chunks, 100).unwrap();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_line_above_the_limit_is_named() {
        let error = lines(vec![b"ok\n12345".to_vec(), b"6789\n".to_vec()], 8).unwrap_err();
        assert_eq!(error.to_string(), "line 2 is longer than 8 bytes");
        let error = lines(vec![b"123456789\nok\n".to_vec()], 8).unwrap_err();
        assert_eq!(error.to_string(), "line 1 is longer than 8 bytes");
        assert_eq!(lines(vec![b"12345678\n\n".to_vec()], 8).unwrap().len(), 2);
    }
}
