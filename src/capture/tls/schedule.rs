//! From secrets to the plaintext of records: the key schedules of TLS 1.3 (RFC 8446 section 7) and 1.2 (RFC 5246
//! section 6.3) and how they seal records. It must not know the order of messages.

use super::keylog::RANDOM;
use super::record::{Candidate, HEADER, Header};
use super::suite::{Cipher, Hash, Suite};
use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{KeyType, Prk};
use ring::hmac;

/// Length of the tag behind every ciphertext in bytes.
const TAG: usize = 16;
/// What an attempt to open a record costs besides its bytes.
const ATTEMPT: usize = 40;
/// How much of the nonce TLS 1.2 sends in each record of AES-GCM, in bytes (RFC 5288 section 3).
const EXPLICIT: usize = 8;

/// Opens the records of one direction under one key.
#[derive(Debug)]
pub(super) struct Opener {
    key: LessSafeKey,
    sealing: Sealing,
    iv: [u8; NONCE_LEN],
    /// Number of the next record under this key.
    sequence: u64,
    /// Where the next key comes from (TLS 1.3).
    traffic: Option<(Vec<u8>, &'static Suite)>,
}

/// How records are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sealing {
    Tls13,
    /// TLS 1.2 with 4 bytes of the nonce out of the key schedule.
    Gcm12,
    /// TLS 1.2 (RFC 7905).
    ChaCha12,
}

/// A record in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened {
    /// Content type.
    pub(super) kind: u8,
    /// Length of the content in bytes.
    pub(super) length: usize,
}

impl Opener {
    /// TLS 1.3, from a traffic secret; `None` when it has not the length that the suite wants.
    pub(super) fn tls13(suite: &'static Suite, secret: &[u8]) -> Option<Self> {
        if secret.len() != suite.hash.length() {
            return None;
        }
        let key = expand(suite.hash, secret, b"key", suite.cipher.algorithm().key_len())?;
        let iv = expand(suite.hash, secret, b"iv", NONCE_LEN)?;
        Some(Self {
            key: LessSafeKey::new(UnboundKey::new(suite.cipher.algorithm(), &key).ok()?),
            sealing: Sealing::Tls13,
            iv: iv.try_into().ok()?,
            sequence: 0,
            traffic: Some((secret.to_vec(), suite)),
        })
    }

    /// TLS 1.2, from the master secret and the random numbers of both hellos.
    pub(super) fn tls12(
        suite: &Suite,
        master: &[u8],
        client_random: &[u8; RANDOM],
        server_random: &[u8; RANDOM],
        from_client: bool,
    ) -> Option<Self> {
        let key_length = suite.cipher.algorithm().key_len();
        let (sealing, iv_length) = match suite.cipher {
            Cipher::Aes128Gcm | Cipher::Aes256Gcm => (Sealing::Gcm12, NONCE_LEN - EXPLICIT),
            Cipher::ChaCha20Poly1305 => (Sealing::ChaCha12, NONCE_LEN),
        };
        let block = key_block(
            suite.hash,
            master,
            client_random,
            server_random,
            2 * (key_length + iv_length),
        );
        let (keys, ivs) = block.split_at_checked(2 * key_length)?;
        let index = usize::from(!from_client);
        let mut iv = [0; NONCE_LEN];
        iv.get_mut(..iv_length)?
            .copy_from_slice(ivs.chunks_exact(iv_length).nth(index)?);
        Some(Self {
            key: LessSafeKey::new(
                UnboundKey::new(suite.cipher.algorithm(), keys.chunks_exact(key_length).nth(index)?).ok()?,
            ),
            sealing,
            iv,
            sequence: 0,
            traffic: None,
        })
    }

    /// What comes behind a KeyUpdate; `None` for TLS 1.2.
    pub(super) fn updated(&self) -> Option<Self> {
        let (secret, suite) = self.traffic.as_ref()?;
        let next = expand(suite.hash, secret, b"traffic upd", suite.hash.length())?;
        Self::tls13(suite, &next)
    }

    /// How many bytes a record of that length holds in the clear, padding counted.
    pub(super) fn plain_length(&self, record: usize) -> usize {
        record.saturating_sub(match self.sealing {
            Sealing::Tls13 => TAG + 1,
            Sealing::Gcm12 => TAG + EXPLICIT,
            Sealing::ChaCha12 => TAG,
        })
    }

    /// Opens the next record, or one up to `more` behind it. What it tries counts against the budget, in bytes.
    pub(super) fn open_next(
        &mut self,
        more: u64,
        candidate: &Candidate<'_>,
        budget: &mut u64,
        scratch: &mut Vec<u8>,
    ) -> Option<Opened> {
        let cost = (candidate.body.len() + ATTEMPT) as u64;
        for number in self.sequence..=self.sequence.saturating_add(more) {
            *budget = budget.checked_sub(cost)?;
            if let Some(opened) = self.open(number, candidate.header, candidate.body, scratch) {
                self.sequence = number.wrapping_add(1);
                return Some(opened);
            }
        }
        None
    }

    /// Passes over a record.
    pub(super) fn skip(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Opens a record as the one of this number; `None` when it is not. The content is at the start of `scratch`.
    fn open(&self, sequence: u64, header: Header, body: &[u8], scratch: &mut Vec<u8>) -> Option<Opened> {
        let mut nonce = self.iv;
        let (explicit, sealed) = match self.sealing {
            Sealing::Gcm12 => body.split_at_checked(EXPLICIT)?,
            Sealing::Tls13 | Sealing::ChaCha12 => (&[][..], body),
        };
        let tail = nonce.last_chunk_mut::<8>()?;
        match <[u8; EXPLICIT]>::try_from(explicit) {
            Ok(explicit) => *tail = explicit,
            Err(_) => *tail = (u64::from_be_bytes(*tail) ^ sequence).to_be_bytes(),
        }
        let length = sealed.len().checked_sub(TAG)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        scratch.clear();
        scratch.extend_from_slice(sealed);

        if self.sealing == Sealing::Tls13 {
            let plain = self.key.open_in_place(nonce, Aad::from(header.bytes), scratch).ok()?;
            let end = plain.iter().rposition(|byte| *byte != 0)?;
            let kind = *plain.get(end)?;
            return Some(Opened { kind, length: end });
        }
        let mut aad = [0; 8 + HEADER];
        let (number, rest) = aad.split_at_mut(8);
        number.copy_from_slice(&sequence.to_be_bytes());
        rest.copy_from_slice(&header.bytes);
        let plain_length = u16::try_from(length).ok()?.to_be_bytes();
        rest.get_mut(3..)?.copy_from_slice(&plain_length);
        let content = self.key.open_in_place(nonce, Aad::from(aad), scratch).ok()?;
        Some(Opened {
            kind: header.kind,
            length: content.len(),
        })
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 section 7.1).
fn expand(hash: Hash, secret: &[u8], label: &[u8], length: usize) -> Option<Vec<u8>> {
    const PREFIX: &[u8] = b"tls13 ";
    let length_bytes = u16::try_from(length).ok()?.to_be_bytes();
    let label_length = [u8::try_from(PREFIX.len() + label.len()).ok()?];
    let info = [&length_bytes[..], &label_length, PREFIX, label, &[0]];
    let mut out = vec![0; length];
    Prk::new_less_safe(hash.hkdf(), secret)
        .expand(&info, Length(length))
        .ok()?
        .fill(&mut out)
        .ok()?;
    Some(out)
}

/// The key block of TLS 1.2: P_hash over the master secret (RFC 5246 sections 5 and 6.3).
fn key_block(hash: Hash, master: &[u8], client_random: &[u8], server_random: &[u8], length: usize) -> Vec<u8> {
    let key = hmac::Key::new(hash.hmac(), master);
    let seed = [b"key expansion", server_random, client_random].concat();
    let mut a = hmac::sign(&key, &seed);
    let mut out = Vec::new();
    while out.len() < length {
        let mut context = hmac::Context::with_key(&key);
        context.update(a.as_ref());
        context.update(&seed);
        out.extend_from_slice(context.sign().as_ref());
        a = hmac::sign(&key, a.as_ref());
    }
    out.truncate(length);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8448 section 3: the server's handshake traffic secret and the key and IV made of it.
    #[test]
    fn expands_as_the_example_of_the_rfc() {
        let secret = [
            0xb6, 0x7b, 0x7d, 0x69, 0x0c, 0xc1, 0x6c, 0x4e, 0x75, 0xe5, 0x42, 0x13, 0xcb, 0x2d, 0x37, 0xb4, 0xe9, 0xc9,
            0x12, 0xbc, 0xde, 0xd9, 0x10, 0x5d, 0x42, 0xbe, 0xfd, 0x59, 0xd3, 0x91, 0xad, 0x38,
        ];
        let key = [
            0x3f, 0xce, 0x51, 0x60, 0x09, 0xc2, 0x17, 0x27, 0xd0, 0xf2, 0xe4, 0xe8, 0x6e, 0xe4, 0x03, 0xbc,
        ];
        let iv = [0x5d, 0x31, 0x3e, 0xb2, 0x67, 0x12, 0x76, 0xee, 0x13, 0x00, 0x0b, 0x30];
        assert_eq!(expand(Hash::Sha256, &secret, b"key", 16).unwrap(), key);
        assert_eq!(expand(Hash::Sha256, &secret, b"iv", 12).unwrap(), iv);
    }

    #[test]
    fn padding_is_taken_off() {
        let suite = super::super::suite::suite(0x1301).unwrap();
        let mut opener = Opener::tls13(suite, &[5; 32]).unwrap();
        let bytes = [23, 3, 3, 0, 26];
        let header = Header::check(&bytes).unwrap().unwrap();
        let mut record = b"hello\x17\0\0\0\0".to_vec();
        let nonce = Nonce::assume_unique_for_key(opener.iv);
        opener
            .key
            .seal_in_place_append_tag(nonce, Aad::from(bytes), &mut record)
            .unwrap();
        let candidate = Candidate {
            header,
            body: &record,
            lost: false,
            passed: 0,
        };
        let mut scratch = Vec::new();
        let opened = opener.open_next(0, &candidate, &mut 1000, &mut scratch).unwrap();
        assert_eq!((opened.kind, &scratch[..opened.length]), (23, &b"hello"[..]));
        assert_eq!(opener.open_next(0, &candidate, &mut 1000, &mut scratch), None);
        assert_eq!(opener.open_next(0, &candidate, &mut 10, &mut scratch), None);
        assert!(Opener::tls13(suite, &[5; 48]).is_none());
    }
}
