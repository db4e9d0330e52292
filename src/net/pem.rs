//! Certificates and private keys out of PEM files. Must not know what they are used for.

use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::file::{self, Until};
use super::key::{self, Encryption};
use super::tls::TlsError;

/// Whether something in a directory of CA certificates is meant to be read.
pub(super) fn is_certificate_file(path: &Path) -> bool {
    is_certificate_name(path) && path.is_file()
}

fn is_certificate_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|text| text.to_str()).unwrap_or_default();
    if ["pem", "crt", "cer"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
    {
        return true;
    }
    // OpenSSL: eight hexadecimal digits, a dot, a decimal number (`.r0` would be a revocation list).
    let stem = path.file_stem().and_then(|text| text.to_str()).unwrap_or_default();
    let hashed = stem.len() == 8 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    hashed && !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_digit())
}

fn read(path: &Path, until: Until) -> Result<Vec<u8>, TlsError> {
    file::read(path, until).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

/// rustls's own messages quote the file's lines as lists of numbers, and the file may hold a key.
fn pem_error(error: &pem::Error, path: &Path) -> TlsError {
    let what = match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no END line",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is damaged",
        pem::Error::Base64Decode(_) => "the text between BEGIN and END is not base64",
        _ => "a section cannot be read",
    };
    TlsError::Pem {
        path: path.to_owned(),
        what,
    }
}

/// All certificates of a file, in order; at least one.
pub(super) fn certificates(path: &Path, until: Until) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path, until)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| pem_error(&error, path))?;
    if found.is_empty() {
        Err(TlsError::NoCertificate(path.to_owned()))
    } else {
        Ok(found)
    }
}

/// The first private key of a file: PKCS #8, PKCS #1 or SEC1. One that is encrypted needs its password.
pub(super) fn private_key(
    path: &Path,
    password: Option<&[u8]>,
    until: Until,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path, until)?;
    match (key::encryption(&text), password) {
        (Encryption::None, _) => PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsError::NoKey(path.to_owned()),
            error => pem_error(&error, path),
        }),
        (Encryption::Pkcs8, Some(password)) => key::decrypt(&text, password).map_err(|fault| TlsError::Decrypt {
            path: path.to_owned(),
            what: fault.to_string(),
            is_supported: fault != key::Fault::Unsupported,
        }),
        (Encryption::Pkcs8 | Encryption::Old, _) => Err(TlsError::EncryptedKey(path.to_owned())),
    }
}

/// The password in a file: its first line.
pub(super) fn password(path: &Path, until: Until) -> Result<Vec<u8>, TlsError> {
    let text = read(path, until)?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}
