//! The standard's data types on the wire: named, bounded reads with an optional log, and writes. It must not
//! know any packet.

use super::{
    DecodeError, EncodeError, Fault, Field, FieldId, FieldLog, FieldValue, MAX_REMAINING_LENGTH, PacketType, Sender,
    Version,
};
use bytes::{BufMut, Bytes, BytesMut};
use std::fmt;

/// A UTF-8 encoded string of MQTT: well-formed, without U+0000, at most 65,535 bytes
/// `[MQTT-1.5.4-1] [MQTT-1.5.4-2]`. A slice of the packet it came in, not a copy.
#[derive(Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Utf8(Bytes);

impl Utf8 {
    /// Checks and takes a string.
    ///
    /// # Errors
    /// [`Utf8Error`] when it is too long or contains U+0000.
    pub fn new(text: impl Into<String>) -> Result<Self, Utf8Error> {
        let text: String = text.into();
        if text.len() > usize::from(u16::MAX) {
            return Err(Utf8Error::TooLong(text.len()));
        }
        match memchr::memchr(0, text.as_bytes()) {
            Some(at) => Err(Utf8Error::Nul(at)),
            None => Ok(Self(Bytes::from(text))),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Checked when it was made; `forbid(unsafe_code)` makes us look again.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The bytes, without their length.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for the string of no length.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same text in memory of its own, so that it does not pin the buffer it was read from.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    #[inline(always)]
    fn check(bytes: &[u8]) -> Result<(), (usize, Fault)> {
        // Nearly every string is short and ASCII: eight bytes at a time are enough to see that.
        if !any_word(bytes, |word| word & HIGH_BITS != 0 || has_byte(word, 0)) {
            return Ok(());
        }
        let nul = memchr::memchr(0, bytes).map(|at| (at, Fault::Utf8Nul));
        let invalid = std::str::from_utf8(bytes).err().map(|e| {
            let at = e.valid_up_to();
            let surrogate = matches!(bytes.get(at..at + 2), Some([0xed, 0xa0..=0xbf]));
            (
                at,
                if surrogate {
                    Fault::Utf8Surrogate
                } else {
                    Fault::Utf8Invalid
                },
            )
        });
        match (nul, invalid) {
            (None, None) => Ok(()),
            (Some(fault), None) | (None, Some(fault)) => Err(fault),
            (Some(a), Some(b)) => Err(if a.0 < b.0 { a } else { b }),
        }
    }
}

impl AsRef<[u8]> for Utf8 {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl std::ops::Deref for Utf8 {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

/// As messages show it: in quotes, without control characters.
impl fmt::Debug for Utf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_str().escape_debug())
    }
}

impl fmt::Display for Utf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl TryFrom<&str> for Utf8 {
    type Error = Utf8Error;
    fn try_from(text: &str) -> Result<Self, Utf8Error> {
        Self::new(text)
    }
}

/// Why a string cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Utf8Error {
    /// Longer than its two-byte length can say.
    #[error("has {0} bytes; MQTT allows 65535")]
    TooLong(usize),
    /// U+0000 at this byte `[MQTT-1.5.4-2]`.
    #[error("contains U+0000 at byte {0} [MQTT-1.5.4-2]")]
    Nul(usize),
}

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Does the test hold for some eight bytes? The last ones are filled up with spaces.
#[inline(always)]
pub(super) fn any_word(bytes: &[u8], test: impl Fn(u64) -> bool) -> bool {
    let mut words = bytes.chunks_exact(8);
    let whole = words.any(|word| word.try_into().is_ok_and(|word| test(u64::from_ne_bytes(word))));
    whole || {
        let mut last = [b' '; 8];
        let rest = words.remainder();
        rest.iter().zip(&mut last).for_each(|(byte, place)| *place = *byte);
        !rest.is_empty() && test(u64::from_ne_bytes(last))
    }
}

/// Is one of eight bytes this one?
#[inline(always)]
pub(super) fn has_byte(word: u64, byte: u8) -> bool {
    let zeros = word ^ LOW_BITS.wrapping_mul(byte.into());
    zeros.wrapping_sub(LOW_BITS) & !zeros & HIGH_BITS != 0
}

/// What a reader knows about the packet it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    pub(super) version: Version,
    pub(super) sender: Sender,
    pub(super) packet: PacketType,
}

impl Context {
    pub(super) fn fault(self, field: FieldId, offset: usize, fault: Fault) -> DecodeError {
        DecodeError {
            version: self.version,
            packet: self.packet,
            field,
            offset,
            fault,
        }
    }
}

/// Reads fields from a bounded part of a packet.
pub(super) struct Reader<'a> {
    pub(super) context: Context,
    packet: &'a Bytes,
    at: usize,
    end: usize,
    log: Option<&'a mut FieldLog>,
    faults: Option<&'a mut Faults>,
}

/// The faults of a packet that is read on behind them.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// In the order in which they were met.
    pub(super) list: Vec<DecodeError>,
    /// The first one behind which a value had to be made up, so that there is no [`super::Packet`] that says the same.
    pub(super) unreadable: Option<DecodeError>,
}

type Read<T> = Result<T, DecodeError>;

impl<'a> Reader<'a> {
    /// A reader of `packet` from byte `at` to its end.
    pub(super) fn new(
        context: Context,
        packet: &'a Bytes,
        at: usize,
        log: Option<&'a mut FieldLog>,
        faults: Option<&'a mut Faults>,
    ) -> Self {
        Self {
            context,
            packet,
            at,
            end: packet.len(),
            log,
            faults,
        }
    }

    /// Packet type and flags.
    #[inline(always)]
    pub(super) fn first_byte(&self) -> u8 {
        self.packet.first().copied().unwrap_or_default()
    }

    /// Offset of the next byte in the packet.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    pub(super) fn remaining(&self) -> usize {
        self.end - self.at
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at == self.end
    }

    pub(super) fn fault<T>(&self, field: FieldId, offset: usize, fault: Fault) -> Read<T> {
        Err(self.context.fault(field, offset, fault))
    }

    /// A rule is broken, but what the bytes say can be said: an error, or, when all faults are collected, noted.
    pub(super) fn complain(&mut self, field: FieldId, offset: usize, fault: Fault) -> Read<()> {
        let error = self.context.fault(field, offset, fault);
        match &mut self.faults {
            Some(faults) => {
                faults.list.push(error);
                Ok(())
            }
            None => Err(error),
        }
    }

    /// As [`Self::complain`], but what the bytes say cannot be said: `value` stands for it while the rest is read.
    pub(super) fn substitute<T>(&mut self, field: FieldId, offset: usize, fault: Fault, value: T) -> Read<T> {
        self.recover(self.context.fault(field, offset, fault))?;
        Ok(value)
    }

    /// The error again, or, when all faults are collected, noted: the caller knows where to read on.
    pub(super) fn recover(&mut self, error: DecodeError) -> Read<()> {
        match &mut self.faults {
            Some(faults) => {
                faults.unreadable.get_or_insert_with(|| error.clone());
                faults.list.push(error);
                Ok(())
            }
            None => Err(error),
        }
    }

    /// A reader of the next `len` bytes, which this one skips. The caller has checked that they are there.
    pub(super) fn sub(&mut self, len: usize) -> Reader<'_> {
        let at = self.at;
        let end = self.end.min(at + len);
        self.at = end;
        Reader {
            context: self.context,
            packet: self.packet,
            at,
            end,
            log: self.log.as_deref_mut(),
            faults: self.faults.as_deref_mut(),
        }
    }

    /// Bytes of the packet that were read.
    pub(super) fn slice(&self, range: std::ops::Range<usize>) -> Bytes {
        self.packet.slice(range)
    }

    /// Skips bytes that [`super::frame`] has already explained.
    pub(super) fn skip(&mut self, len: usize) {
        self.at = self.end.min(self.at + len);
    }

    /// What is there up to the end, each read by `item`; `none` is the fault of a packet without any.
    pub(super) fn items<T>(&mut self, field: FieldId, none: Fault, item: fn(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        if self.is_empty() {
            self.complain(field, self.at, none)?;
        }
        let mut items = Vec::new();
        while !self.is_empty() {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Refuses bytes after the last field.
    pub(super) fn finish(&mut self) -> Read<()> {
        match self.remaining() {
            0 => Ok(()),
            n => self.substitute(FieldId::EndOfPacket, self.at, Fault::TrailingBytes(n), ()),
        }
    }

    #[inline(always)]
    fn take(&mut self, field: FieldId, len: usize) -> Read<Bytes> {
        self.need(field, len)?;
        let bytes = self.packet.slice(self.at..self.at + len);
        self.at += len;
        Ok(bytes)
    }

    #[inline(always)]
    fn need(&self, field: FieldId, needed: usize) -> Read<()> {
        let left = self.remaining();
        if needed > left {
            return self.fault(field, self.at, Fault::FieldPastEnd { needed, left });
        }
        Ok(())
    }

    #[inline(always)]
    fn byte(&mut self, field: FieldId) -> Read<u8> {
        let [byte] = self.array(field)?;
        Ok(byte)
    }

    /// Adds to the log, when there is one.
    #[inline(always)]
    pub(super) fn note(&mut self, field: FieldId, offset: usize, value: impl FnOnce() -> FieldValue) {
        let length = self.at - offset;
        if let Some(log) = &mut self.log {
            log.push(Field {
                id: field,
                offset,
                length,
                value: value(),
            });
        }
    }

    /// Lets the last entry of the log begin at `offset`: with the identifier of a property, for example.
    pub(super) fn widen(&mut self, offset: usize) {
        if let Some(field) = self.log.as_mut().and_then(|log| log.last_mut()) {
            field.length += field.offset - offset;
            field.offset = offset;
        }
    }

    pub(super) fn u8(&mut self, field: FieldId) -> Read<u8> {
        let offset = self.at;
        let value = self.byte(field)?;
        self.note(field, offset, || FieldValue::Number(value.into()));
        Ok(value)
    }

    #[inline(always)]
    pub(super) fn flags(&mut self, field: FieldId) -> Read<u8> {
        let offset = self.at;
        let value = self.byte(field)?;
        self.note(field, offset, || FieldValue::Flags(value));
        Ok(value)
    }

    /// The next `N` bytes.
    #[inline(always)]
    fn array<const N: usize>(&mut self, field: FieldId) -> Read<[u8; N]> {
        let rest = self.packet.get(self.at..self.end);
        let Some(bytes) = rest.and_then(|rest| rest.first_chunk()) else {
            let left = self.remaining();
            return self.fault(field, self.at, Fault::FieldPastEnd { needed: N, left });
        };
        self.at += N;
        Ok(*bytes)
    }

    /// A two byte integer without a log entry: the length of a string.
    #[inline(always)]
    fn length(&mut self, field: FieldId) -> Read<usize> {
        Ok(u16::from_be_bytes(self.array(field)?).into())
    }

    #[inline(always)]
    pub(super) fn u16(&mut self, field: FieldId) -> Read<u16> {
        let offset = self.at;
        let value = u16::from_be_bytes(self.array(field)?);
        self.note(field, offset, || FieldValue::Number(value.into()));
        Ok(value)
    }

    pub(super) fn u32(&mut self, field: FieldId) -> Read<u32> {
        let offset = self.at;
        let value = u32::from_be_bytes(self.array(field)?);
        self.note(field, offset, || FieldValue::Number(value));
        Ok(value)
    }

    /// A variable byte integer; not the remaining length, which [`super::frame`] reads.
    pub(super) fn varint(&mut self, field: FieldId) -> Read<u32> {
        let offset = self.at;
        let value = self.varint_unlogged(field)?;
        self.note(field, offset, || FieldValue::Number(value));
        Ok(value)
    }

    pub(super) fn varint_unlogged(&mut self, field: FieldId) -> Read<u32> {
        let offset = self.at;
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = match self.byte(field) {
                Ok(byte) => byte,
                // The field begins at its first byte, wherever it was cut.
                Err(error) => return Err(DecodeError { offset, ..error }),
            };
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                if byte == 0 && shift > 0 {
                    return self.substitute(field, offset, Fault::VarintOverlong, value);
                }
                return Ok(value);
            }
        }
        self.fault(field, offset, Fault::VarintTooLong)
    }

    #[inline(always)]
    pub(super) fn text(&mut self, field: FieldId) -> Read<Utf8> {
        let offset = self.at;
        let (text, raw) = self.text_or_bytes(field)?;
        self.note(field, offset, || {
            raw.map_or_else(|| FieldValue::Text(text.clone()), FieldValue::Bytes)
        });
        Ok(text)
    }

    /// A string, and its bytes when they are none: the string is then made up.
    #[inline(always)]
    fn text_or_bytes(&mut self, field: FieldId) -> Read<(Utf8, Option<Bytes>)> {
        let len = self.length(field)?;
        let start = self.at;
        let bytes = self.take(field, len)?;
        match Utf8::check(&bytes) {
            Ok(()) => Ok((Utf8(bytes), None)),
            Err((at, fault)) => {
                let legible = String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}");
                self.substitute(field, start + at, fault, (Utf8(legible.into()), Some(bytes)))
            }
        }
    }

    pub(super) fn binary(&mut self, field: FieldId) -> Read<Bytes> {
        let offset = self.at;
        let len = self.length(field)?;
        let bytes = self.take(field, len)?;
        self.note(field, offset, || FieldValue::Bytes(bytes.clone()));
        Ok(bytes)
    }

    pub(super) fn pair(&mut self, field: FieldId) -> Read<(Utf8, Utf8)> {
        let offset = self.at;
        let key = self.text_or_bytes(field)?.0;
        let value = self.text_or_bytes(field)?.0;
        self.note(field, offset, || FieldValue::Pair(key.clone(), value.clone()));
        Ok((key, value))
    }

    /// Everything up to the end.
    #[inline(always)]
    pub(super) fn rest(&mut self, field: FieldId) -> Bytes {
        let offset = self.at;
        let bytes = self.packet.slice(self.at..self.end);
        self.at = self.end;
        if !bytes.is_empty() {
            self.note(field, offset, || FieldValue::Bytes(bytes.clone()));
        }
        bytes
    }

    #[inline(always)]
    pub(super) fn packet_id(&mut self) -> Read<super::PacketId> {
        let offset = self.at;
        let id = self.u16(FieldId::PacketIdentifier)?;
        match super::PacketId::new(id) {
            Some(id) => Ok(id),
            None => self.substitute(
                FieldId::PacketIdentifier,
                offset,
                Fault::PacketIdZero,
                super::PacketId::MIN,
            ),
        }
    }
}

/// The bit of a flag that is set, else 0.
pub(super) fn flag(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

/// Writes the standard's data types.
pub(super) trait Put: BufMut {
    fn put_text(&mut self, text: &Utf8) {
        // At most 65,535 bytes: `Utf8` cannot be longer.
        self.put_u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
        self.put_slice(text.as_bytes());
    }

    fn put_binary(&mut self, field: FieldId, bytes: &[u8]) -> Result<(), EncodeError> {
        let len = u16::try_from(bytes.len()).map_err(|_| EncodeError::TooLong(field, bytes.len()))?;
        self.put_u16(len);
        self.put_slice(bytes);
        Ok(())
    }

    /// A variable byte integer; the length of anything that goes into a packet has one.
    fn put_varint(&mut self, number: usize) -> Result<(), EncodeError> {
        if number > MAX_REMAINING_LENGTH {
            return Err(EncodeError::PacketTooLong(number));
        }
        let mut rest = number;
        while rest >= 0x80 {
            self.put_u8(0x80 | low_bits(rest));
            rest >>= 7;
        }
        self.put_u8(low_bits(rest));
        Ok(())
    }
}

impl<B: BufMut + ?Sized> Put for B {}

fn low_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or_default()
}

/// Bytes of a variable byte integer.
pub(super) fn varint_size(number: usize) -> usize {
    match number {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Writes a packet whose length is known when its body is there; the buffer is unchanged after an error.
pub(super) fn put_packet(
    buffer: &mut BytesMut,
    first_byte: u8,
    body: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = buffer.len();
    // Most are so short that their length needs one byte.
    buffer.put_slice(&[first_byte, 0]);
    let body_at = buffer.len();
    let written = body(buffer).and_then(|()| {
        let remaining = buffer.len() - body_at;
        let more = varint_size(remaining) - 1;
        buffer.put_bytes(0, more);
        buffer.copy_within(body_at..body_at + remaining, body_at + more);
        buffer.get_mut(start + 1..).unwrap_or_default().put_varint(remaining)
    });
    if written.is_err() {
        buffer.truncate(start);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_wherever_it_stands() {
        for length in 0..20 {
            let clean = vec![b'a'; length];
            assert!(!any_word(&clean, |word| has_byte(word, b'+')), "{length}");
            for at in 0..length {
                for byte in [0, b'+', b' ', 0x80, 0xff] {
                    let mut bytes = clean.clone();
                    bytes[at] = byte;
                    assert!(
                        any_word(&bytes, |word| has_byte(word, byte)),
                        "{byte} at {at} of {length}"
                    );
                    let plain = bytes.is_ascii() && !bytes.contains(&0);
                    assert_eq!(Utf8::check(&bytes).is_ok(), plain, "{byte} at {at} of {length}");
                }
            }
        }
    }
}
