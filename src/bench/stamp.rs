//! The last 32 bytes of each payload: which message it is, when it was due and when it was sent. It must not know the
//! clock: all times are given.

use std::time::Duration;

/// Which message of which run, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The run.
    pub run: u64,
    /// The topic of a publisher: its messages are numbered. Below [`Self::SOURCES`].
    pub source: u32,
    /// The number of the message, of 39 bits; those of the warm-up have their own.
    pub number: u64,
    /// False in the warm-up.
    pub measured: bool,
    /// When it was due, from the start of publishing.
    pub due: Duration,
    /// When it was sent, from the start of publishing.
    pub sent: Duration,
}

impl Stamp {
    /// Bytes of a stamp.
    pub const SIZE: usize = 32;
    /// No more sources than these.
    pub const SOURCES: u32 = 1 << 24;

    /// As it stands in a payload.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).to_be_bytes();
        let measured = if self.measured { MEASURED } else { 0 };
        let which = u64::from(self.source) << SOURCE | measured | self.number & (MEASURED - 1);
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.run.to_be_bytes());
        bytes[8..16].copy_from_slice(&which.to_be_bytes());
        bytes[16..24].copy_from_slice(&nanos(self.due));
        bytes[24..].copy_from_slice(&nanos(self.sent));
        bytes
    }

    /// The stamp of a payload of this run; `None` when it is foreign.
    #[must_use]
    pub fn read(payload: &[u8], run: u64) -> Option<Self> {
        let bytes: &[u8; Self::SIZE] = payload.last_chunk()?;
        let long = |at: usize| bytes[at..].first_chunk().map_or(0, |word| u64::from_be_bytes(*word));
        let which = long(8);
        (long(0) == run).then(|| Self {
            run,
            source: u32::try_from(which >> SOURCE).unwrap_or_default(),
            number: which & (MEASURED - 1),
            measured: which & MEASURED != 0,
            due: Duration::from_nanos(long(16)),
            sent: Duration::from_nanos(long(24)),
        })
    }
}

/// The bit behind the number, and where the source begins behind that.
const MEASURED: u64 = 1 << 39;
const SOURCE: u32 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_from_the_end_of_a_payload_of_the_same_run_only() {
        let stamp = Stamp {
            run: 7,
            source: 3,
            number: 9,
            measured: true,
            due: Duration::from_nanos(1_000_000_001),
            sent: Duration::from_nanos(1_000_000_002),
        };
        let payload = [b"text".as_slice(), &stamp.to_bytes()].concat();
        assert_eq!(Stamp::read(&payload, 7), Some(stamp));
        assert_eq!(Stamp::read(&payload, 8), None);
        assert_eq!(Stamp::read(&payload[..31], 7), None);
    }
}
