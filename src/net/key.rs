//! Private keys that are encrypted with a password (PKCS #8, RFC 5958 and 8018). Must not know files.

use std::fmt;

use memchr::memmem;
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::base64;

const BEGIN: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
const END: &[u8] = b"-----END ENCRYPTED PRIVATE KEY-----";

/// What the making of a key out of the password may cost; OpenSSL's own choices are 2,048 rounds, and 16 MB.
const ROUNDS: u32 = 10_000_000;
const MEMORY: u64 = 64 << 20;

/// How a file keeps its private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// As it is.
    None,
    /// PKCS #8, which [`decrypt`] reads.
    Pkcs8,
    /// The older form of OpenSSL, whose headers would otherwise be taken for damaged base64.
    Old,
}

/// What a PEM file says about it.
pub(super) fn encryption(text: &[u8]) -> Encryption {
    if memmem::find(text, BEGIN).is_some() {
        Encryption::Pkcs8
    } else if memmem::find(text, b"Proc-Type: 4,ENCRYPTED").is_some() {
        Encryption::Old
    } else {
        Encryption::None
    }
}

/// Why a key cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is no proper PEM or PKCS #8.
    Damaged,
    /// It is encrypted in a way that is not supported, as far as can be seen.
    Unsupported,
    /// The password is wrong.
    Password,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "it is not a proper PEM file of an encrypted key",
            Self::Unsupported => "it is encrypted in a way that is not supported, or damaged",
            Self::Password => "the password is wrong",
        })
    }
}

/// Decrypts the first encrypted key of a PEM file.
pub(super) fn decrypt(text: &[u8], password: &[u8]) -> Result<PrivateKeyDer<'static>, Fault> {
    let der = section(text).ok_or(Fault::Damaged)?;
    // What a wrong password leaves is noise, which is no key.
    let plain = parse(&der)?.decrypt(password).map_err(|_| Fault::Password)?;
    Ok(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec()).into())
}

/// A key that can be decrypted without harm, given its password.
fn parse(der: &[u8]) -> Result<EncryptedPrivateKeyInfoRef<'_>, Fault> {
    // The library does not tell damage from algorithms that it does not know.
    let key = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| Fault::Unsupported)?;
    match &key.encryption_algorithm {
        EncryptionScheme::Pbes2(parameters) if is_affordable(&parameters.kdf) => Ok(key),
        _ => Err(Fault::Unsupported),
    }
}

fn is_affordable(kdf: &Kdf) -> bool {
    match kdf {
        Kdf::Pbkdf2(parameters) => (1..=ROUNDS).contains(&parameters.iteration_count),
        Kdf::Scrypt(parameters) => {
            let (cost, size) = (parameters.cost_parameter, u64::from(parameters.block_size));
            let memory = cost.saturating_mul(size).saturating_mul(128);
            let work = memory.saturating_mul(u64::from(parameters.parallelization));
            cost.is_power_of_two() && cost > 1 && (1..=MEMORY).contains(&memory) && work <= 16 * MEMORY
        }
        _ => false,
    }
}

/// The bytes between BEGIN and END.
fn section(text: &[u8]) -> Option<Vec<u8>> {
    let text = &text[memmem::find(text, BEGIN)? + BEGIN.len()..];
    let text = &text[..memmem::find(text, END)?];
    let digits: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    base64::decode(&digits).ok()
}

#[cfg(test)]
#[path = "key/tests.rs"]
mod tests;
