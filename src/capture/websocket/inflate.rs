//! Inflates compressed messages (RFC 7692), with what is known of the bytes before them. It must not know frames.

use super::super::{Out, Piece, Unpacked};
use flate2::{Decompress, FlushDecompress, Status};

/// How far back compressed data may refer, in bytes.
const WINDOW: usize = 32 * 1024;
/// What a sender takes off the end of each message (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// So many bytes come out at once.
const CHUNK: usize = 16 * 1024;
/// A message of more bytes than this is given up: more than the largest MQTT packet.
const LIMIT: u64 = 1 << 29;

/// The compressed messages of one direction.
///
/// When bytes before are not known, two decompressors run on two histories that differ in every byte. Where they give
/// the same, the byte is known; where they differ, it is a copy of something that is not.
#[derive(Debug)]
pub(super) struct Inflate {
    first: Decompress,
    /// The second history, while something of the window is not known.
    second: Option<Decompress>,
    /// So many known bytes came last.
    known: usize,
    /// Bytes of this message so far.
    produced: u64,
    out: [Vec<u8>; 2],
}

impl Inflate {
    /// At the start of a stream.
    pub(super) fn new() -> Self {
        Self {
            first: Decompress::new(false),
            second: None,
            known: 0,
            produced: 0,
            out: [vec![0; CHUNK], vec![0; CHUNK]],
        }
    }

    /// What came before is not known.
    pub(super) fn forget(&mut self) {
        self.first = with_history(0x00);
        self.second = Some(with_history(0xff));
        self.known = 0;
        self.produced = 0;
    }

    /// Nothing came before, as far as the sender is concerned.
    pub(super) fn reset(&mut self) {
        self.first.reset(false);
        self.second = None;
        self.produced = 0;
    }

    /// The next bytes of a message; false when they cannot be inflated.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: Out<'_>) -> bool {
        loop {
            let Some((status, consumed, produced)) = self.step(bytes) else {
                return false;
            };
            bytes = bytes.get(consumed..).unwrap_or_default();
            self.produced += produced as u64;
            self.give(produced, out);
            if self.produced > LIMIT {
                return false;
            }
            if status == Status::StreamEnd {
                // A block marked as the last one is allowed (RFC 7692 section 7.2.3.4), and the window lives on, but
                // not in the decompressor.
                let produced = self.produced;
                self.forget();
                self.produced = produced;
                if bytes.is_empty() {
                    return true;
                }
            } else if (consumed == 0 && produced == 0) || (bytes.is_empty() && produced < CHUNK) {
                return bytes.is_empty();
            }
        }
    }

    /// The end of a message.
    pub(super) fn finish(&mut self, out: Out<'_>) -> bool {
        let good = self.push(&TAIL, out);
        self.produced = 0;
        good
    }

    fn step(&mut self, bytes: &[u8]) -> Option<(Status, usize, usize)> {
        let [out, second_out] = &mut self.out;
        let first = inflate(&mut self.first, bytes, out)?;
        if let Some(second) = &mut self.second {
            // Only the history differs, so that they go in step.
            if inflate(second, bytes, second_out)? != first {
                return None;
            }
        }
        Some(first)
    }

    fn give(&mut self, length: usize, out: Out<'_>) {
        let [first, second] = &self.out;
        let mut first = first.get(..length).unwrap_or_default();
        if self.second.is_none() {
            if !first.is_empty() {
                out(Unpacked::Piece(Piece::Data(first)));
            }
            return;
        }
        let mut second = second.get(..length).unwrap_or_default();
        while !first.is_empty() {
            let same = first.iter().zip(second).take_while(|(a, b)| a == b).count();
            let other = first.iter().zip(second).skip(same).take_while(|(a, b)| a != b).count();
            if same > 0 {
                out(Unpacked::Piece(Piece::Data(first.get(..same).unwrap_or_default())));
            }
            if other > 0 {
                out(Unpacked::Piece(Piece::Gap(other as u64)));
                self.known = 0;
            } else {
                self.known += same;
            }
            first = first.get(same + other..).unwrap_or_default();
            second = second.get(same + other..).unwrap_or_default();
        }
        if self.known >= WINDOW {
            self.second = None;
        }
    }
}

/// One step: status, bytes consumed, bytes produced.
fn inflate(decompress: &mut Decompress, bytes: &[u8], out: &mut [u8]) -> Option<(Status, usize, usize)> {
    let (before_in, before_out) = (decompress.total_in(), decompress.total_out());
    let status = decompress.decompress(bytes, out, FlushDecompress::Sync).ok()?;
    let consumed = usize::try_from(decompress.total_in() - before_in).ok()?;
    let produced = usize::try_from(decompress.total_out() - before_out).ok()?;
    Some((status, consumed, produced))
}

/// A decompressor whose window is full of that byte: it was given it in a stored block (RFC 1951 section 3.2.4).
fn with_history(byte: u8) -> Decompress {
    let mut decompress = Decompress::new(false);
    let mut block = vec![byte; 5 + WINDOW];
    for (at, value) in block.iter_mut().zip([0x00, 0x00, 0x80, 0xff, 0x7f]) {
        *at = value;
    }
    let mut out = vec![0; WINDOW];
    let mut rest = block.as_slice();
    while let Some((_, consumed, produced)) = inflate(&mut decompress, rest, &mut out) {
        rest = rest.get(consumed..).unwrap_or_default();
        if consumed == 0 && produced == 0 {
            break;
        }
    }
    decompress
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    fn deflated(compress: &mut Compress, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 * message.len() + 100);
        compress.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
        assert!(out.ends_with(&TAIL));
        out.truncate(out.len() - TAIL.len());
        out
    }

    fn inflated(inflate: &mut Inflate, bytes: &[u8]) -> Vec<Option<u8>> {
        let mut out = Vec::new();
        let mut take = |unpacked: Unpacked<'_>| match unpacked {
            Unpacked::Piece(Piece::Data(bytes)) => out.extend(bytes.iter().copied().map(Some)),
            Unpacked::Piece(Piece::Gap(size)) => out.extend(std::iter::repeat_n(None, usize::try_from(size).unwrap())),
            Unpacked::Note(note) => panic!("{note}"),
        };
        for byte in bytes {
            assert!(inflate.push(&[*byte], &mut take));
        }
        assert!(inflate.finish(&mut take));
        out
    }

    fn known(bytes: &[u8]) -> Vec<Option<u8>> {
        bytes.iter().copied().map(Some).collect()
    }

    #[test]
    fn messages_refer_to_those_before() {
        let mut compress = Compress::new(Compression::default(), false);
        let mut inflate = Inflate::new();
        for message in [&b"hello hello"[..], b"hello again", b"", &[7; 100_000]] {
            let bytes = deflated(&mut compress, message);
            assert_eq!(inflated(&mut inflate, &bytes), known(message));
        }
    }

    #[test]
    fn what_is_a_copy_of_the_unknown_is_a_gap_of_the_right_size() {
        let mut compress = Compress::new(Compression::default(), false);
        deflated(&mut compress, b"temperature-of-the-room");
        let bytes = deflated(&mut compress, b"21 degrees temperature-of-the-room 22");
        let mut inflate = Inflate::new();
        inflate.forget();
        let out = inflated(&mut inflate, &bytes);
        assert_eq!(out.len(), 37);
        assert_eq!(out[..11], known(b"21 degrees "));
        assert_eq!(out[34..], known(b" 22"));
        assert!(out[12..33].iter().all(Option::is_none));
        // What is known again after a window of known bytes stays so.
        let noise: Vec<u8> = (0..40_000u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        assert_eq!(
            inflated(&mut inflate, &deflated(&mut compress, &noise)).len(),
            noise.len()
        );
    }

    #[test]
    fn a_last_block_does_not_end_the_stream() {
        let mut compress = Compress::new(Compression::default(), false);
        let mut bytes = Vec::with_capacity(100);
        compress
            .compress_vec(b"the end", &mut bytes, FlushCompress::Finish)
            .unwrap();
        bytes.push(0);
        let mut inflate = Inflate::new();
        assert_eq!(inflated(&mut inflate, &bytes), known(b"the end"));
        assert_eq!(inflated(&mut inflate, &bytes), known(b"the end"));
    }

    #[test]
    fn garbage_is_no_message() {
        assert!(!Inflate::new().push(&[0xff; 20], &mut |_| {}));
    }
}
