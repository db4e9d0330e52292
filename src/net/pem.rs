//! Certificates and private keys out of PEM files. Must not know what they are used for.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

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

/// The largest file that is read, in bytes: all authorities of the world take a fiftieth of it.
const LARGEST: u64 = 16 << 20;
/// How long a pipe may take.
const PATIENCE: Duration = Duration::from_secs(5);

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    read_in(path, PATIENCE).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Reads a file, and also a pipe or a device: `--key <(pass show key)` is a good way to keep a key off the disk.
fn read_in(path: &Path, patience: Duration) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.is_file() {
        return read_bounded(path);
    }
    // Already to open a pipe waits for whoever writes to it, and nobody may ever come.
    let (sender, receiver) = mpsc::channel();
    let own = path.to_owned();
    thread::Builder::new().spawn(move || {
        // When nobody waits any more, the error has been told.
        let _ = sender.send(read_bounded(&own));
    })?;
    receiver.recv_timeout(patience).unwrap_or_else(|_| {
        let words = format!("its end did not come within {patience:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, words))
    })
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        let words = "it has more than 16 MB, as no file of certificates or keys has";
        return Err(io::Error::new(io::ErrorKind::InvalidData, words));
    }
    Ok(bytes)
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
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| pem_error(&error, path))?;
    if found.is_empty() {
        Err(TlsError::NoCertificate(path.to_owned()))
    } else {
        Ok(found)
    }
}

/// The first private key of a file: PKCS #8, PKCS #1 or SEC1. One that is encrypted needs its password.
pub(super) fn private_key(path: &Path, password: Option<&[u8]>) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
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
pub(super) fn password(path: &Path) -> Result<Vec<u8>, TlsError> {
    let text = read(path)?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        let error = read_in(Path::new("/dev/zero"), PATIENCE).unwrap_err();
        assert!(error.to_string().contains("more than 16 MB"), "{error}");
        assert!(read_in(Path::new("/dev/null"), PATIENCE).unwrap().is_empty());
        assert!(read_in(Path::new("/"), PATIENCE).is_err());
    }

    #[test]
    fn a_pipe_is_read_when_somebody_writes_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = |name: &str| {
            let path = directory.path().join(name);
            assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            path
        };
        let error = read_in(&pipe("silent"), Duration::from_millis(10)).unwrap_err();
        assert_eq!(error.to_string(), "its end did not come within 10ms");
        let path = pipe("written");
        let other = path.clone();
        let writer = thread::spawn(move || fs::write(other, "text"));
        assert_eq!(read_in(&path, PATIENCE).unwrap(), b"text");
        writer.join().unwrap().unwrap();
    }
}
