//! The end of each payload: which message it is, when it was due and, where there is room, when it was sent. It must not
//! know the clock: all times are given.

use super::{Arrival, Load, Payload, Size};
use bytes::{BufMut, BytesMut};
use std::time::Duration;

/// Bytes that a message carries for measuring at least: the smallest payload.
pub const STAMP: u32 = Form::Short.size();

/// Which message of which run, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The run.
    pub run: u64,
    /// The topic of a publisher: its messages are numbered. Below [`Self::SOURCES`].
    pub source: u32,
    /// The number of the message, of [`Form::number_bits`]; those of the warm-up have their own.
    pub number: u64,
    /// False in the warm-up.
    pub measured: bool,
    /// When it was due, from the start of publishing.
    pub due: Duration,
    /// When it was sent, from the start of publishing; `None` when the stamp does not tell.
    pub sent: Option<Duration>,
}

/// How a stamp is written. All messages of a load have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// 32 bytes: run (64 bits), source (24), measured (1), number (39), due and sent (64 each, in nanoseconds).
    Long,
    /// 16 bytes: run (24 bits), source (24), measured (1), number (31), due (48, in nanoseconds). What is higher follows
    /// from the messages before, and from the time of the reader.
    Short,
}

impl Form {
    /// The form of a load: the long one where every payload has room for it.
    #[must_use]
    pub fn of(load: &Load) -> Self {
        match load.payload {
            Payload::Random(Size::Fixed(least) | Size::Uniform(least, _) | Size::Exponential(least))
                if least < Self::Long.size() =>
            {
                Self::Short
            }
            _ => Self::Long,
        }
    }

    /// Bytes of a stamp.
    #[must_use]
    pub const fn size(self) -> u32 {
        match self {
            Self::Long => 32,
            Self::Short => 16,
        }
    }

    /// How many bits of the number it has.
    #[must_use]
    pub const fn number_bits(self) -> u32 {
        match self {
            Self::Long => 39,
            Self::Short => 31,
        }
    }
}

impl Stamp {
    /// No more sources than these.
    pub const SOURCES: u32 = 1 << 24;

    /// When it was sent: in a closed loop when it was due, and else as far as the stamp tells.
    #[must_use]
    pub fn sent_in(&self, arrival: Arrival) -> Option<Duration> {
        match arrival {
            Arrival::Closed => Some(self.sent.unwrap_or(self.due)),
            _ => self.sent,
        }
    }

    /// Appends it to a payload.
    pub fn write(&self, form: Form, out: &mut BytesMut) {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let measured = u64::from(self.measured) << form.number_bits();
        let number = self.number & (measured_bit(form) - 1) | measured;
        match form {
            Form::Long => {
                out.put_u64(self.run);
                out.put_u64(u64::from(self.source) << SOURCE | number);
                out.put_u64(nanos(self.due));
                out.put_u64(nanos(self.sent.unwrap_or(self.due)));
            }
            Form::Short => {
                out.put_uint(self.run & RUN, 3);
                out.put_uint(self.source.into(), 3);
                out.put_uint(number, 4);
                out.put_uint(nanos(self.due) & DUE, 6);
            }
        }
    }

    /// The stamp of a payload of this run, read `now` (from the start of publishing); `None` when it is foreign.
    #[must_use]
    pub fn read(form: Form, payload: &[u8], run: u64, now: Duration) -> Option<Self> {
        match form {
            Form::Long => {
                let [tag, which, due, sent] = fields(payload, [8; 4])?;
                (tag == run).then(|| Self {
                    run,
                    source: u32::try_from(which >> SOURCE).unwrap_or_default(),
                    number: which & (measured_bit(form) - 1),
                    measured: which & measured_bit(form) != 0,
                    due: Duration::from_nanos(due),
                    sent: Some(Duration::from_nanos(sent)),
                })
            }
            Form::Short => {
                let [tag, source, number, due] = fields(payload, [3, 3, 4, 6])?;
                let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
                // It was due less than 78 hours ago.
                let ago = now.wrapping_sub(due) & DUE;
                (tag == run & RUN).then(|| Self {
                    run,
                    source: u32::try_from(source).unwrap_or_default(),
                    number: number & (measured_bit(form) - 1),
                    measured: number & measured_bit(form) != 0,
                    due: Duration::from_nanos(now.saturating_sub(ago)),
                    sent: None,
                })
            }
        }
    }
}

/// The bit behind the number.
const fn measured_bit(form: Form) -> u64 {
    1 << form.number_bits()
}

/// The fields of so many bytes at the end of a payload.
fn fields(payload: &[u8], sizes: [usize; 4]) -> Option<[u64; 4]> {
    let mut rest = payload.get(payload.len().checked_sub(sizes.iter().sum())?..)?;
    let mut fields = [0; 4];
    for (field, size) in fields.iter_mut().zip(sizes) {
        let (bytes, behind) = rest.split_at_checked(size)?;
        *field = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        rest = behind;
    }
    Some(fields)
}

/// Long: where the source begins.
const SOURCE: u32 = 40;
/// Short: what there is of the run, and of the due time.
const RUN: u64 = (1 << 24) - 1;
const DUE: u64 = (1 << 48) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000_000);

    fn stamp() -> Stamp {
        Stamp {
            run: 0x0102_0304_0506_0708,
            source: Stamp::SOURCES - 1,
            number: 9,
            measured: true,
            due: NOW - Duration::from_nanos(123_456_789),
            sent: Some(NOW),
        }
    }

    fn payload(form: Form, stamp: &Stamp) -> Vec<u8> {
        let mut bytes = BytesMut::from("text");
        stamp.write(form, &mut bytes);
        bytes.to_vec()
    }

    #[test]
    fn a_stamp_is_read_from_the_end_of_a_payload_of_the_same_run_only() {
        for form in [Form::Long, Form::Short] {
            let size = usize::try_from(form.size()).unwrap();
            for measured in [true, false] {
                let stamp = Stamp { measured, ..stamp() };
                let payload = payload(form, &stamp);
                assert_eq!(payload.len(), 4 + size);
                let expected = Stamp {
                    sent: stamp.sent.filter(|_| form == Form::Long),
                    ..stamp
                };
                assert_eq!(Stamp::read(form, &payload, stamp.run, NOW), Some(expected), "{form:?}");
                assert_eq!(Stamp::read(form, &payload, stamp.run + 1, NOW), None);
                assert_eq!(Stamp::read(form, &payload[..size - 1], stamp.run, NOW), None);
            }
        }
    }

    #[test]
    fn a_short_stamp_has_the_low_bits_of_a_number_and_exact_times() {
        let large = Stamp {
            number: (5 << 31) + 7,
            ..stamp()
        };
        let read = Stamp::read(Form::Short, &payload(Form::Short, &large), large.run, NOW).unwrap();
        assert_eq!((read.number, read.measured), (7, true));
        // Beyond the 78 hours that 48 bits have.
        assert!(NOW.as_nanos() > u128::from(DUE));
        assert_eq!(read.due, large.due);
    }
}
