//! One HDR histogram of durations: what is recorded, read, merged and written is the same everywhere. It must not know what
//! is measured.

use crate::base64;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram as Hdr;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use std::io::Read as _;
use std::time::Duration;

/// Durations between 100 ns and 1 h, with three digits, in fixed memory (about 200 KB). Longer ones count as 1 h.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram(Hdr<u64>);

/// In nanoseconds.
const LOWEST: u64 = 100;
const HIGHEST: u64 = 3_600_000_000_000;
const DIGITS: u8 = 3;

/// A text is no histogram.
#[derive(Debug, thiserror::Error)]
#[error("not an HdrHistogram in base64 (V2 compressed): {0}")]
pub struct BadHistogram(String);

impl Default for Histogram {
    fn default() -> Self {
        Self(Hdr::new_with_bounds(LOWEST, HIGHEST, DIGITS).expect("these bounds are valid"))
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, value: Duration) {
        self.0
            .saturating_record(u64::try_from(value.as_nanos()).unwrap_or(HIGHEST));
    }

    /// Adds the samples of another one, exactly.
    pub fn add(&mut self, other: &Self) {
        // All have the same bounds.
        self.0.add(&other.0).expect("the bounds are alike");
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// No samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The duration that this share of the samples (0 to 1) does not exceed; zero when there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(share))
    }

    /// The shortest; zero when there are none.
    #[must_use]
    pub fn min(&self) -> Duration {
        Duration::from_nanos(if self.is_empty() { 0 } else { self.0.min() })
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Duration {
        Duration::from_secs_f64(self.0.mean() / 1e9)
    }

    /// The standard deviation.
    #[must_use]
    pub fn stdev(&self) -> Duration {
        Duration::from_secs_f64(self.0.stdev() / 1e9)
    }

    /// The curve of the percentile plot: share of samples (0 to 1) and the duration that it does not exceed, in steps that
    /// become finer towards 1.
    #[must_use]
    pub fn curve(&self) -> Vec<(f64, Duration)> {
        let steps = self.0.iter_quantiles(8);
        steps
            .map(|step| (step.quantile(), Duration::from_nanos(step.value_iterated_to())))
            .collect()
    }

    /// In the compressed format of HdrHistogram (V2), base64: what its log format has.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut bytes = Vec::new();
        let written = V2DeflateSerializer::new().serialize(&self.0, &mut bytes);
        written.expect("a vector takes all bytes");
        let mut text = Vec::new();
        base64::encode(&bytes, &mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// It is no histogram.
    pub fn from_text(text: &str) -> Result<Self, BadHistogram> {
        let bad = |why: &dyn std::fmt::Display| BadHistogram(why.to_string());
        let bytes =
            base64::decode(text.as_bytes()).map_err(|at| bad(&format_args!("no base64 at character {}", at + 1)))?;
        let plain = inflate(&bytes).map_err(|why| bad(&why))?;
        let read: Hdr<u64> = Deserializer::new()
            .deserialize(&mut plain.as_slice())
            .map_err(|error| bad(&format_args!("{error:?}")))?;
        // Others would be added inexactly.
        if (read.low(), read.high(), read.sigfig()) != (LOWEST, HIGHEST, DIGITS) {
            return Err(bad(&"its bounds are not those of mqkit (100 ns, 1 h, 3 digits)"));
        }
        Ok(Self(read))
    }
}

/// The uncompressed form of bytes in the compressed one. The crate would make as much room as the text claims to need.
fn inflate(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    /// The cookies of the two forms.
    const COMPRESSED: [u8; 4] = [0x1c, 0x84, 0x93, 0x14];
    const PLAIN: [u8; 4] = [0x1c, 0x84, 0x93, 0x13];
    /// Bytes before the counts; the length of these is the second number.
    const HEADER: u64 = 40;
    /// All counts of such a histogram, of nine bytes each at most, are shorter.
    const LIMIT: u64 = 1 << 20;
    let (cookie, rest) = bytes.split_at_checked(4).ok_or("too short")?;
    let (_length, deflated) = rest.split_at_checked(4).ok_or("too short")?;
    if cookie != COMPRESSED {
        return Err("it begins otherwise");
    }
    let mut plain = Vec::new();
    ZlibDecoder::new(deflated)
        .take(HEADER + LIMIT)
        .read_to_end(&mut plain)
        .map_err(|_| "it is damaged")?;
    let length = plain
        .get(4..8)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_be_bytes);
    if plain.get(..4) != Some(&PLAIN) || length.is_none_or(|length| HEADER + u64::from(length) != plain.len() as u64) {
        return Err("it is damaged");
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::ZlibEncoder;
    use proptest::prelude::*;

    #[test]
    fn text_keeps_every_sample() {
        let mut histogram = Histogram::default();
        for micros in [1, 2, 30, 30, 1_000, 60_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        let read = Histogram::from_text(&histogram.to_text()).unwrap();
        assert_eq!(read, histogram);
        assert_eq!(read.quantile(1.0), histogram.max());
        assert!(Histogram::from_text("AAAA").is_err());
        assert!(Histogram::from_text("?").is_err());
    }

    #[test]
    fn another_histogram_is_refused() {
        let mut other = Hdr::<u64>::new_with_bounds(1, HIGHEST, DIGITS).unwrap();
        other.record(5).unwrap();
        let error = Histogram::from_text(&Histogram(other).to_text()).unwrap_err();
        assert!(error.to_string().contains("bounds"), "{error}");
    }

    proptest! {
        /// Damage is an error or another histogram; never a panic, nor much memory.
        #[test]
        fn damage_is_told(at in any::<prop::sample::Index>(), byte: u8, counts in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut histogram = Histogram::default();
            histogram.record(Duration::from_micros(7));
            let mut bytes = base64::decode(histogram.to_text().as_bytes()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let mut text = Vec::new();
            base64::encode(&bytes, &mut text);
            let _ = Histogram::from_text(&String::from_utf8(text).unwrap());
            let _ = Histogram::from_text(&packed(&histogram, &counts));
        }
    }

    /// A text with the bounds of a histogram and any bytes as counts.
    fn packed(histogram: &Histogram, counts: &[u8]) -> String {
        let bytes = base64::decode(histogram.to_text().as_bytes()).unwrap();
        let mut plain = inflate(&bytes).unwrap();
        plain.truncate(40);
        plain[4..8].copy_from_slice(&u32::try_from(counts.len()).unwrap().to_be_bytes());
        plain.extend_from_slice(counts);
        let mut deflated = Vec::new();
        ZlibEncoder::new(plain.as_slice(), Compression::fast())
            .read_to_end(&mut deflated)
            .unwrap();
        let length = u32::try_from(deflated.len()).unwrap();
        let mut text = Vec::new();
        base64::encode(&[&bytes[..4], &length.to_be_bytes(), &deflated].concat(), &mut text);
        String::from_utf8(text).unwrap()
    }
}
