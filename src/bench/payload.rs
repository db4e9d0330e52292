//! Makes the payloads of a publisher, each with its stamp. It must not know who gets them.

use super::identity::Identity;
use super::stamp::{Form, Stamp};
use super::{Load, Payload, Size};
use bytes::{BufMut, Bytes, BytesMut};

/// Payloads of one publisher.
#[derive(Debug)]
pub(super) struct Payloads {
    what: Payload,
    form: Form,
    /// Random bytes, as many as the largest payload has.
    noise: Bytes,
    random: fastrand::Rng,
    /// Payloads are cut off its front: one allocation for many.
    buffer: BytesMut,
}

/// How much is allocated at once, in bytes.
const BLOCK: usize = 16 * 1024;

impl Payloads {
    /// `noise` is shared by all publishers: see [`noise`].
    pub(super) fn new(load: &Load, noise: Bytes, seed: u64) -> Self {
        Self {
            what: load.payload.clone(),
            form: Form::of(load),
            noise,
            random: fastrand::Rng::with_seed(seed),
            buffer: BytesMut::new(),
        }
    }

    /// The next payload.
    pub(super) fn next(&mut self, who: &Identity, stamp: &Stamp) -> Bytes {
        let stamped = usize::try_from(self.form.size()).unwrap_or_default();
        let template;
        let body: &[u8] = match &self.what {
            Payload::Random(size) => {
                let size = pick(*size, &mut self.random).saturating_sub(stamped);
                self.noise.get(..size).unwrap_or(&self.noise)
            }
            Payload::Bytes(given) => given.bytes(),
            Payload::Template(text) => {
                template = who.fill(text, stamp.number);
                template.as_bytes()
            }
        };
        let length = body.len() + stamped;
        if self.buffer.capacity() < length {
            self.buffer = BytesMut::with_capacity(length.max(BLOCK));
        }
        self.buffer.put_slice(body);
        stamp.write(self.form, &mut self.buffer);
        self.buffer.split().freeze()
    }
}

/// Random bytes for the largest payload.
pub(super) fn noise(what: &Payload, seed: u64) -> Bytes {
    let length = match what {
        Payload::Random(Size::Fixed(size)) | Payload::Random(Size::Uniform(_, size)) => *size,
        Payload::Random(Size::Exponential(mean)) => mean.saturating_mul(LONGEST),
        Payload::Bytes(_) | Payload::Template(_) => 0,
    };
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes.into()
}

/// No exponential payload is longer than so many times the mean.
const LONGEST: u32 = 10;

fn pick(size: Size, random: &mut fastrand::Rng) -> usize {
    let size = match size {
        Size::Fixed(size) => size,
        Size::Uniform(from, to) => random.u32(from..=to.max(from)),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Size::Exponential(mean) => {
            let size = -f64::from(mean) * (1.0 - random.f64()).ln();
            (size as u32).min(mean.saturating_mul(LONGEST))
        }
    };
    usize::try_from(size).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::identity::tests::identity;
    use super::super::load::tests::load;
    use super::*;
    use std::time::Duration;

    fn lengths(what: &Payload) -> Vec<usize> {
        let load = Load {
            payload: what.clone(),
            ..load()
        };
        let form = Form::of(&load);
        let mut payloads = Payloads::new(&load, noise(what, 1), 2);
        let who = identity();
        (0..10_000)
            .map(|number| {
                let stamp = Stamp {
                    run: 9,
                    source: 1,
                    number,
                    measured: true,
                    due: Duration::ZERO,
                    sent: Some(Duration::ZERO).filter(|_| form == Form::Long),
                };
                let payload = payloads.next(&who, &stamp);
                assert_eq!(Stamp::read(form, &payload, 9, Duration::ZERO), Some(stamp));
                payload.len()
            })
            .collect()
    }

    #[test]
    fn sizes_are_those_that_were_asked_for() {
        for size in [16, 17, 31, 32, 33, 100] {
            let found = lengths(&Payload::Random(Size::Fixed(size)));
            assert!(found.iter().all(|length| *length == size as usize), "{size}");
        }
        for (least, most) in [(40, 49), (16, 25), (28, 37)] {
            let uniform = lengths(&Payload::Random(Size::Uniform(least, most)));
            for length in least..=most {
                let count = uniform.iter().filter(|other| **other == length as usize).count();
                assert!((800..1200).contains(&count), "{length}: {count}");
            }
        }
        let exponential = lengths(&Payload::Random(Size::Exponential(1000)));
        let mean = exponential.iter().sum::<usize>() / exponential.len();
        assert!((950..1050).contains(&mean), "{mean}");
        assert!(exponential.iter().all(|length| (32..=10_000).contains(length)));
    }

    #[test]
    fn own_payloads_have_the_stamp_behind_them() {
        assert_eq!(lengths(&Payload::Bytes(Bytes::from_static(b"abc").into()))[0], 3 + 32);
        assert_eq!(lengths(&Payload::Template("%i-%n".to_owned()))[123], 5 + 32);
    }
}
