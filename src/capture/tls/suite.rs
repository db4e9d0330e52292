//! The cipher suites: numbers, names, and what the decryptable ones are made of. Facts only.

use ring::aead;
use ring::{hkdf, hmac};

/// A cipher suite that can be decrypted.
#[derive(Debug)]
pub(super) struct Suite {
    number: u16,
    /// The name in the registry of IANA.
    pub(super) name: &'static str,
    pub(super) cipher: Cipher,
    pub(super) hash: Hash,
}

/// The cipher of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

/// The hash of the key schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
}

impl Cipher {
    pub(super) fn algorithm(self) -> &'static aead::Algorithm {
        match self {
            Self::Aes128Gcm => &aead::AES_128_GCM,
            Self::Aes256Gcm => &aead::AES_256_GCM,
            Self::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        }
    }
}

impl Hash {
    pub(super) fn hkdf(self) -> hkdf::Algorithm {
        match self {
            Self::Sha256 => hkdf::HKDF_SHA256,
            Self::Sha384 => hkdf::HKDF_SHA384,
        }
    }

    pub(super) fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
        }
    }

    /// Length of its output in bytes.
    pub(super) fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// The suite of this number, if it can be decrypted.
pub(super) fn suite(number: u16) -> Option<&'static Suite> {
    SUITES.iter().find(|suite| suite.number == number)
}

/// What to call a suite that cannot be decrypted.
pub(super) fn name(number: u16) -> String {
    match OTHERS.iter().find(|(other, _)| *other == number) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("cipher suite 0x{number:04X}"),
    }
}

macro_rules! suites {
    ($($number:literal $name:ident $cipher:ident $hash:ident)*) => {
        &[$(Suite { number: $number, name: stringify!($name), cipher: Cipher::$cipher, hash: Hash::$hash }),*]
    };
}

#[rustfmt::skip]
const SUITES: &[Suite] = suites! {
    0x1301 TLS_AES_128_GCM_SHA256                        Aes128Gcm        Sha256
    0x1302 TLS_AES_256_GCM_SHA384                        Aes256Gcm        Sha384
    0x1303 TLS_CHACHA20_POLY1305_SHA256                  ChaCha20Poly1305 Sha256
    0x009C TLS_RSA_WITH_AES_128_GCM_SHA256               Aes128Gcm        Sha256
    0x009D TLS_RSA_WITH_AES_256_GCM_SHA384               Aes256Gcm        Sha384
    0x009E TLS_DHE_RSA_WITH_AES_128_GCM_SHA256           Aes128Gcm        Sha256
    0x009F TLS_DHE_RSA_WITH_AES_256_GCM_SHA384           Aes256Gcm        Sha384
    0x00A8 TLS_PSK_WITH_AES_128_GCM_SHA256               Aes128Gcm        Sha256
    0x00A9 TLS_PSK_WITH_AES_256_GCM_SHA384               Aes256Gcm        Sha384
    0x00AA TLS_DHE_PSK_WITH_AES_128_GCM_SHA256           Aes128Gcm        Sha256
    0x00AB TLS_DHE_PSK_WITH_AES_256_GCM_SHA384           Aes256Gcm        Sha384
    0x00AC TLS_RSA_PSK_WITH_AES_128_GCM_SHA256           Aes128Gcm        Sha256
    0x00AD TLS_RSA_PSK_WITH_AES_256_GCM_SHA384           Aes256Gcm        Sha384
    0xC02B TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256       Aes128Gcm        Sha256
    0xC02C TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384       Aes256Gcm        Sha384
    0xC02F TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256         Aes128Gcm        Sha256
    0xC030 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384         Aes256Gcm        Sha384
    0xCCA8 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256   ChaCha20Poly1305 Sha256
    0xCCA9 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 ChaCha20Poly1305 Sha256
    0xCCAA TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256     ChaCha20Poly1305 Sha256
    0xCCAB TLS_PSK_WITH_CHACHA20_POLY1305_SHA256         ChaCha20Poly1305 Sha256
    0xCCAC TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256   ChaCha20Poly1305 Sha256
    0xCCAD TLS_DHE_PSK_WITH_CHACHA20_POLY1305_SHA256     ChaCha20Poly1305 Sha256
    0xCCAE TLS_RSA_PSK_WITH_CHACHA20_POLY1305_SHA256     ChaCha20Poly1305 Sha256
    0xD001 TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256         Aes128Gcm        Sha256
    0xD002 TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384         Aes256Gcm        Sha384
};

const OTHERS: &[(u16, &str)] = &[
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x000A, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x002F, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x003C, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003D, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006B, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x008C, "TLS_PSK_WITH_AES_128_CBC_SHA"),
    (0x008D, "TLS_PSK_WITH_AES_256_CBC_SHA"),
    (0x00AE, "TLS_PSK_WITH_AES_128_CBC_SHA256"),
    (0x00AF, "TLS_PSK_WITH_AES_256_CBC_SHA384"),
    (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x1305, "TLS_AES_128_CCM_8_SHA256"),
    (0xC009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xC00A, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xC013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xC014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xC023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xC024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xC027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xC028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xC035, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA"),
    (0xC036, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA"),
    (0xC037, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256"),
    (0xC038, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384"),
    (0xC09C, "TLS_RSA_WITH_AES_128_CCM"),
    (0xC0A4, "TLS_PSK_WITH_AES_128_CCM"),
    (0xC0A8, "TLS_PSK_WITH_AES_128_CCM_8"),
    (0xC0AC, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
    (0xC0AE, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"),
];
