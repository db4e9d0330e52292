//! The record layer of one direction: bytes and holes to records (RFC 8446 section 5.1), and handshake messages out of
//! their contents. It must not know keys.

use bytes::{Buf, BytesMut};

/// Length of a record's header in bytes.
pub(super) const HEADER: usize = 5;
/// The most that a record's body may hold: 2^14 bytes and what TLS 1.2 allows for the cipher (RFC 5246 section 6.2.3).
const MAX_BODY: usize = 16_384 + 2048;
/// The longest hello that is kept, in bytes; longer ones are passed over.
const MAX_HELLO: usize = 64 * 1024;

/// Content types of records.
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;

/// Types of handshake messages.
pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
pub(super) const FINISHED: u8 = 20;
pub(super) const KEY_UPDATE: u8 = 24;

/// What the first five bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: u8,
    pub(super) bytes: [u8; HEADER],
    /// Length of the body in bytes.
    pub(super) length: usize,
}

impl Header {
    /// `None` when it is no header of a TLS record; the first bytes of one are enough to say so.
    pub(super) fn check(first: &[u8]) -> Option<Option<Self>> {
        let at = |index: usize| first.get(index).copied();
        let kind = at(0);
        let plausible = kind.is_none_or(|kind| (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind))
            && at(1).is_none_or(|major| major == 3)
            && at(2).is_none_or(|minor| minor <= 4);
        if !plausible {
            return None;
        }
        let Some(bytes) = first.first_chunk::<HEADER>() else {
            return Some(None);
        };
        let [kind, _, _, high, low] = *bytes;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let fits = match kind {
            // In the clear they are 1 and 2 bytes long.
            CHANGE_CIPHER_SPEC | ALERT => (1..=256).contains(&length),
            HANDSHAKE => (1..=MAX_BODY).contains(&length),
            _ => length <= MAX_BODY,
        };
        fits.then_some(Some(Self {
            kind,
            bytes: *bytes,
            length,
        }))
    }
}

/// What a hole in the stream hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hole {
    /// The record that is not whole because of it.
    pub(super) record: Option<Header>,
    /// How many missing bytes lie behind that record; where the next record begins is not known unless it is 0.
    pub(super) beyond: u64,
}

/// What is a record, or looks like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate<'a> {
    pub(super) header: Header,
    pub(super) body: &'a [u8],
    /// It only looks like one: where records begin is not known.
    pub(super) lost: bool,
    /// So many bytes were passed over to find it.
    pub(super) passed: u64,
}

/// Cuts records off the bytes of one direction.
#[derive(Debug, Default)]
pub(super) struct Records {
    buffer: BytesMut,
    /// So many bytes of a record that a hole hit are still to come.
    rest: u64,
    /// Where a record begins is not known.
    lost: bool,
    /// So many bytes were passed over since it is not known.
    passed: u64,
}

impl Records {
    pub(super) fn data(&mut self, bytes: &[u8]) {
        let skipped = usize::try_from(self.rest).unwrap_or(usize::MAX).min(bytes.len());
        self.rest -= skipped as u64;
        self.buffer.extend_from_slice(bytes.get(skipped..).unwrap_or_default());
    }

    pub(super) fn gap(&mut self, size: u64) -> Hole {
        let buffered = self.buffer.len() as u64;
        let mut hole = Hole {
            record: None,
            beyond: size,
        };
        if self.lost {
            self.passed += buffered;
        } else if self.rest > 0 {
            hole.beyond = size.saturating_sub(self.rest);
            self.rest = self.rest.saturating_sub(size);
        } else if let Some(Some(header)) = Header::check(&self.buffer) {
            // The buffer holds no whole record: they were all taken.
            let open = ((HEADER + header.length) as u64).saturating_sub(buffered);
            hole.record = Some(header);
            hole.beyond = size.saturating_sub(open);
            self.rest = open.saturating_sub(size);
        }
        self.buffer.clear();
        self.lost |= hole.beyond > 0;
        hole
    }

    /// True when it is not known where a record begins: [`Self::next`] gives candidates.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// The next whole record, if there is one. It stays until [`Self::taken`] or [`Self::refused`] is called.
    pub(super) fn next(&mut self) -> Option<Candidate<'_>> {
        let header = loop {
            match Header::check(&self.buffer) {
                Some(header) => break header?,
                None => {
                    self.lost = true;
                    self.refused();
                }
            }
        };
        Some(Candidate {
            header,
            body: self.buffer.get(HEADER..HEADER + header.length)?,
            lost: self.lost,
            passed: self.passed,
        })
    }

    /// The record was one.
    pub(super) fn taken(&mut self, header: Header) {
        self.buffer.advance((HEADER + header.length).min(self.buffer.len()));
        self.lost = false;
        self.passed = 0;
    }

    /// What looked like a record was none: looks on behind its first byte.
    pub(super) fn refused(&mut self) {
        self.buffer.advance(1.min(self.buffer.len()));
        self.passed += 1;
    }
}

/// A handshake message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    /// Only hellos have it.
    pub(super) body: Vec<u8>,
}

/// Puts handshake messages together, over the bounds of records.
#[derive(Debug, Default)]
pub(super) struct Messages {
    head: Vec<u8>,
    body: Vec<u8>,
    /// So many bytes of the body are still to come.
    open: usize,
}

impl Messages {
    /// Takes the next bytes, and from them what belongs to one message; gives it when it is complete.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Message> {
        while self.head.len() < 4 {
            let (first, rest) = bytes.split_first()?;
            *bytes = rest;
            self.head.push(*first);
            if let [_, high, middle, low] = self.head.as_slice() {
                self.open = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
            }
        }
        let kind = self.head.first().copied().unwrap_or_default();
        let (part, rest) = bytes.split_at_checked(self.open).unwrap_or((bytes, &[]));
        *bytes = rest;
        self.open -= part.len();
        if matches!(kind, CLIENT_HELLO | SERVER_HELLO) && self.body.len() + part.len() <= MAX_HELLO {
            self.body.extend_from_slice(part);
        }
        if self.open > 0 {
            return None;
        }
        self.head.clear();
        let body = std::mem::take(&mut self.body);
        Some(Message { kind, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: [u8; 8] = [23, 3, 3, 0, 3, 7, 8, 9];

    #[test]
    fn a_record_in_single_bytes() {
        let mut records = Records::default();
        for byte in &RECORD[..7] {
            records.data(&[*byte]);
            assert!(records.next().is_none());
        }
        records.data(&RECORD[7..]);
        let candidate = records.next().unwrap();
        let header = candidate.header;
        assert_eq!(
            (header.kind, candidate.body, candidate.lost),
            (23, &[7, 8, 9][..], false)
        );
        records.taken(header);
        assert!(records.next().is_none());
    }

    #[test]
    fn a_hole_inside_a_record_does_not_lose_the_next() {
        let mut records = Records::default();
        records.data(&RECORD[..6]);
        let hole = records.gap(1);
        assert_eq!((hole.record.unwrap().length, hole.beyond), (3, 0));
        records.data(&RECORD[7..]);
        records.data(&RECORD);
        assert!(!records.is_lost());
        assert_eq!(records.next().unwrap().body, [7, 8, 9]);
    }

    #[test]
    fn behind_a_hole_over_records_it_looks_for_the_next() {
        let mut records = Records::default();
        records.data(&RECORD[..6]);
        let hole = records.gap(10);
        assert_eq!((hole.record.unwrap().length, hole.beyond), (3, 8));
        records.data(&[1, 2, 23, 3]);
        records.data(&RECORD);
        assert!(records.is_lost());
        let candidate = records.next().unwrap();
        assert_eq!(
            (candidate.body, candidate.lost, candidate.passed),
            (&[7, 8, 9][..], true, 4)
        );
    }

    #[test]
    fn messages_over_records() {
        let bytes = [2, 0, 0, 2, 5, 6, 11, 0, 0, 3, 1, 1, 1, 20, 0, 0, 0];
        for cut in 0..bytes.len() {
            let mut messages = Messages::default();
            let mut found = Vec::new();
            for mut part in [&bytes[..cut], &bytes[cut..]] {
                while let Some(message) = messages.next(&mut part) {
                    found.push((message.kind, message.body));
                }
            }
            assert_eq!(found, [(2, vec![5, 6]), (11, vec![]), (20, vec![])]);
        }
    }
}
