//! The bytes of a capture file behind a buffer, unpacked when they are gzip. It must not know capture formats.

use std::io::{self, Cursor, ErrorKind, Read};
use std::ops::Range;

use flate2::read::MultiGzDecoder;

/// Big enough that a system call costs nothing against what it brings.
const BUFFER: usize = 256 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Bytes that were read and not yet taken.
pub(super) struct Input {
    source: Source,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    broken: Option<String>,
}

enum Source {
    /// Nothing was read; perhaps gzip.
    Fresh(Box<dyn Read>),
    Plain(Box<dyn Read>),
    Gzip(Box<MultiGzDecoder<Box<dyn Read>>>),
    Over,
}

impl Input {
    pub(super) fn new(source: Box<dyn Read>) -> Self {
        Self {
            source: Source::Fresh(source),
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            broken: None,
        }
    }

    /// Reads until `count` bytes are there, and no more than it gets by that; false when the file ends before.
    #[inline]
    pub(super) fn need(&mut self, count: usize) -> io::Result<bool> {
        if self.bytes().len() >= count {
            return Ok(true);
        }
        self.wait_for(count)
    }

    /// What is there.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Passes over `count` bytes, or all that are there. Gives their place for [`Input::slice`], which holds until the
    /// next [`Input::need`].
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Range<usize> {
        let count = count.min(self.end - self.start);
        let place = self.start..self.start + count;
        self.start = place.end;
        self.offset = self.offset.saturating_add(count as u64);
        place
    }

    /// The bytes at a place that [`Input::take`] gave.
    #[inline]
    pub(super) fn slice(&self, place: Range<usize>) -> &[u8] {
        self.buffer.get(place).unwrap_or_default()
    }

    /// How many bytes of the file (as unpacked) were taken.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Why the gzip stream could not be unpacked to its end.
    pub(super) fn broken(&mut self) -> Option<String> {
        self.broken.take()
    }

    #[cold]
    fn wait_for(&mut self, count: usize) -> io::Result<bool> {
        while self.end - self.start < count {
            if let Source::Over = self.source {
                return Ok(false);
            }
            self.make_room(count);
            if self.read()? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Grows step by step, with the bytes that really come: a length that a file claims allocates nothing. Moves no more
    /// bytes than were taken since, so that all moves together are linear.
    fn make_room(&mut self, count: usize) {
        if self.buffer.len() - self.start >= count && self.end < self.buffer.len() {
            return;
        }
        if self.start > 0 && self.start >= self.end - self.start {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        } else if self.end == self.buffer.len() {
            let length = self.buffer.len().saturating_mul(2).max(BUFFER);
            self.buffer.resize(length, 0);
        }
    }

    fn read(&mut self) -> io::Result<usize> {
        if let Source::Fresh(_) = self.source {
            self.open()?;
        }
        let space = self.buffer.get_mut(self.end..).unwrap_or_default();
        let count = match &mut self.source {
            Source::Fresh(source) | Source::Plain(source) => read(source, space)?,
            Source::Gzip(source) => match read(source, space) {
                Ok(count) => count,
                Err(error) if is_damage(&error) => {
                    self.broken = Some(error.to_string());
                    0
                }
                Err(error) => return Err(error),
            },
            Source::Over => 0,
        };
        self.end += count;
        if count == 0 {
            self.source = Source::Over;
        }
        Ok(count)
    }

    /// Looks whether the file is gzip.
    fn open(&mut self) -> io::Result<()> {
        let Source::Fresh(mut source) = std::mem::replace(&mut self.source, Source::Over) else {
            return Ok(());
        };
        let mut first = [0; 2];
        let mut length = 0;
        while let Some(space) = first.get_mut(length..).filter(|space| !space.is_empty()) {
            match read(&mut source, space)? {
                0 => break,
                count => length += count,
            }
        }
        let seen = first.get(..length).unwrap_or_default().to_vec();
        let packed = seen == GZIP;
        let source: Box<dyn Read> = Box::new(Cursor::new(seen).chain(source));
        self.source = if packed {
            Source::Gzip(Box::new(MultiGzDecoder::new(source)))
        } else {
            Source::Plain(source)
        };
        Ok(())
    }
}

/// True when the first bytes of a file are those of gzip.
pub(super) fn is_gzip(first: &[u8]) -> bool {
    first.starts_with(&GZIP)
}

/// How flate2 tells a stream that is cut or damaged.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData
    )
}

fn read(source: &mut dyn Read, space: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(space) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte a time; fails the test when it is asked for more than there is to have.
    struct Live(Vec<u8>);

    impl Read for Live {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0.is_empty(), "would block");
            space[0] = self.0.remove(0);
            Ok(1)
        }
    }

    #[test]
    fn waits_for_no_more_than_it_needs() {
        let mut input = Input::new(Box::new(Live(b"abcdef".to_vec())));
        assert!(input.need(4).unwrap());
        let place = input.take(3);
        assert_eq!(input.slice(place), b"abc");
        assert_eq!((input.bytes(), input.offset()), (&b"d"[..], 3));
        assert!(input.need(3).unwrap());
        assert_eq!(input.bytes(), b"def");
    }

    #[test]
    fn a_claimed_length_allocates_nothing() {
        let mut input = Input::new(Box::new(&b"abc"[..]));
        assert!(!input.need(usize::MAX).unwrap());
        assert_eq!(input.bytes(), b"abc");
        assert!(input.buffer.capacity() <= BUFFER);
    }
}
