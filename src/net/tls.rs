//! TLS options and the files they name become rustls configurations. The one file that names the crypto provider (ring).
//! Must not know sockets: it reads files (and creates the key log), and opens no connection.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, DigitallySignedStruct, KeyLog, ProtocolVersion, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};

use super::file::Until;
use super::pem::{self, certificates, is_certificate_file, private_key};
use super::trust::{ClientTrust, Rule, ServerTrust};
use super::{Hint, TlsPin, ciphers, explain};

/// A TLS version. Older ones are not supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2
    V12,
    /// TLS 1.3
    V13,
}

/// What a client may choose about TLS. The default verifies the server against the operating system's certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// A PEM file of CA certificates to trust, in place of the operating system's. A server's own certificate in it is
    /// trusted as itself.
    pub cafile: Option<PathBuf>,
    /// A directory of such files: `*.pem`, `*.crt`, `*.cer`, or OpenSSL's hashed names (`0a1b2c3d.0`).
    pub capath: Option<PathBuf>,
    /// Trust the operating system's certificates too, beside `cafile` and `capath`.
    pub use_os_certs: bool,
    /// The client's certificate chain, PEM, its own certificate first. Needs `key`.
    pub cert: Option<PathBuf>,
    /// The private key of `cert`, PEM. Needs `cert`.
    pub key: Option<PathBuf>,
    /// A file whose first line is the password of `key`, when that is encrypted as PKCS #8 has it.
    pub key_password: Option<PathBuf>,
    /// Do not verify the server at all: neither chain, dates and purpose of its certificate nor the name in it.
    /// The connection is encrypted, but anyone on the way can be the peer.
    pub insecure: bool,
    /// Trust exactly the certificate or the key with this pin, whatever stands in it, and nothing and nobody else: it
    /// comes before all of the above.
    pub pin: Option<TlsPin>,
    /// Application protocols to offer (ALPN), best first; each 1 to 255 bytes.
    pub alpn: Vec<String>,
    /// The name to ask for (SNI) and to verify, in place of the host connected to.
    pub server_name: Option<String>,
    /// The only version to offer; `None` offers 1.3 and 1.2.
    pub version: Option<TlsVersion>,
    /// The only cipher suites to offer, by name, best first, with colons between them.
    pub ciphers: Option<String>,
    /// Append the session secrets to this file, in the NSS key log format that Wireshark reads.
    pub keylog: Option<PathBuf>,
}

/// Why a TLS configuration could not be made from the options. No secret, and nothing of a file's content, is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file or directory cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key log cannot be opened for writing.
    #[error("cannot write the TLS key log {}", .path.display())]
    KeyLog {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A PEM section is damaged.
    #[error("{} is not a proper PEM file: {what}", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file has no certificate in it.
    #[error("no certificate in {} (a PEM file with `BEGIN CERTIFICATE` is needed)", .0.display())]
    NoCertificate(PathBuf),
    /// The directory has no certificate in it.
    #[error("no certificate in the directory {} (PEM files named *.pem, *.crt, *.cer or HASH.0 are read)", .0.display())]
    NoCertificateIn(PathBuf),
    /// A certificate in the file cannot be used.
    #[error("a certificate in {} cannot be used: {what}", .path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// The operating system has no certificates to trust.
    #[error("the operating system offers no CA certificates{0}")]
    NoOsCertificates(String),
    /// The file has no private key in it.
    #[error("no private key in {} (a PEM file with `BEGIN PRIVATE KEY` is needed)", .0.display())]
    NoKey(PathBuf),
    /// The private key is encrypted, and there is no password, or none that could help.
    #[error("the private key in {} is encrypted", .0.display())]
    EncryptedKey(PathBuf),
    /// The private key cannot be decrypted.
    #[error("the private key in {} cannot be decrypted: {what}", .path.display())]
    Decrypt {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
        /// Another password, or another file, would do.
        is_supported: bool,
    },
    /// The private key is of a kind that cannot be used.
    #[error("the private key in {} cannot be used: {what}", .path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// Certificate and key do not belong together.
    #[error("the private key in {} does not belong to the certificate in {}", .key.display(), .cert.display())]
    KeyMismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A client certificate without its key.
    #[error("a certificate needs its private key too")]
    CertWithoutKey,
    /// A key without its certificate.
    #[error("a private key needs its certificate too")]
    KeyWithoutCert,
    /// An ALPN name of impossible length.
    #[error("an ALPN protocol name has 1 to 255 bytes")]
    Alpn,
    /// Not the name of a cipher suite.
    #[error(
        "{name:?} is not a cipher suite that can be used here, nor are OpenSSL's groups such as HIGH; there are {known}"
    )]
    Cipher {
        /// The name.
        name: String,
        /// All that there are.
        known: String,
    },
    /// The text is neither a DNS name nor an IP address.
    #[error("{0:?} is not a name that a certificate can be for")]
    ServerName(String),
    /// rustls refuses the configuration.
    #[error("cannot set up TLS: {0}")]
    Setup(String),
}

impl TlsError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Self::NoOsCertificates(_) => Some(Hint::NoOsCertificates),
            Self::EncryptedKey(path)
            | Self::Decrypt {
                path,
                is_supported: false,
                ..
            } => Some(Hint::EncryptedKey(path.clone())),
            Self::CertWithoutKey => Some(Hint::CertWithoutKey),
            Self::KeyWithoutCert => Some(Hint::KeyWithoutCert),
            _ => None,
        }
    }
}

/// Makes the configuration of a client; reads all files named in the options and opens the key log.
///
/// # Errors
///
/// [`TlsError`] when a file cannot be read or holds no usable certificate or key, or the options do not go together.
pub fn client_config(options: &TlsOptions, until: Until) -> Result<Arc<ClientConfig>, TlsError> {
    let mut provider = ring::default_provider();
    if let Some(names) = &options.ciphers {
        provider.cipher_suites = ciphers::choose(names, &provider.cipher_suites)?;
    }
    let provider = Arc::new(provider);
    let versions: &[&SupportedProtocolVersion] = match options.version {
        Some(TlsVersion::V12) => &[&rustls::version::TLS12],
        Some(TlsVersion::V13) => &[&rustls::version::TLS13],
        None => rustls::DEFAULT_VERSIONS,
    };
    let verifier = verifier(options, &provider, until)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(setup)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);

    let mut config = match (&options.cert, &options.key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(_), None) => return Err(TlsError::CertWithoutKey),
        (None, Some(_)) => return Err(TlsError::KeyWithoutCert),
        (Some(cert), Some(key)) => {
            let (chain, secret) = identity(cert, key, options.key_password.as_deref(), until)?;
            let config = builder.with_client_auth_cert(chain, secret);
            config.map_err(|error| identity_error(error, cert, key))?
        }
    };
    if options.alpn.iter().any(|name| name.is_empty() || name.len() > 255) {
        return Err(TlsError::Alpn);
    }
    config.alpn_protocols = options.alpn.iter().map(|name| name.clone().into_bytes()).collect();
    if let Some(path) = &options.keylog {
        config.key_log = Arc::new(KeyLogFile::open(path)?);
    }
    Ok(Arc::new(config))
}

/// Makes the configuration of a server from PEM files; `key_password` has the password of an encrypted key. With
/// `client_ca`, every client must have a certificate that an authority in that file signed, or that is itself in it.
///
/// # Errors
///
/// [`TlsError`] when a file cannot be read or holds no usable certificate or key.
pub fn server_config(
    cert: &Path,
    key: &Path,
    key_password: Option<&Path>,
    client_ca: Option<&Path>,
) -> Result<Arc<ServerConfig>, TlsError> {
    // A server has no limit.
    let until = Until::default();
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .map_err(setup)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let listed = authorities(path, until)?;
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(listed.iter().cloned());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            let inner = verifier.map_err(setup)?;
            builder.with_client_cert_verifier(Arc::new(ClientTrust { listed, inner }))
        }
    };
    let (chain, secret) = identity(cert, key, key_password, until)?;
    let config = builder.with_single_cert(chain, secret);
    config.map(Arc::new).map_err(|error| identity_error(error, cert, key))
}

/// The name to ask the server for: `options.server_name`, or else the host connected to.
///
/// # Errors
///
/// [`TlsError::ServerName`] when it is neither a DNS name nor an IP address.
pub fn server_name(options: &TlsOptions, host: &str) -> Result<ServerName<'static>, TlsError> {
    let name = options.server_name.as_deref().unwrap_or(host);
    // A zone (`fe80::1%eth0`) says how to get there and is never part of a certificate.
    let plain = name.split_once('%').map_or(name, |(address, _zone)| address);
    ServerName::try_from(plain.to_owned()).map_err(|_| TlsError::ServerName(name.to_owned()))
}

/// `TLS 1.3` in place of rustls's `TLSv1_3`.
pub(super) fn version_name(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_2 => "TLS 1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLS 1.3".to_owned(),
        other => format!("{other:?}"),
    }
}

fn setup(error: impl std::error::Error) -> TlsError {
    TlsError::Setup(error.to_string())
}

/// An own certificate and its key.
fn identity(
    cert: &Path,
    key: &Path,
    password: Option<&Path>,
    until: Until,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let password = password.map(|path| pem::password(path, until)).transpose()?;
    Ok((
        certificates(cert, until)?,
        private_key(key, password.as_deref(), until)?,
    ))
}

fn identity_error(error: rustls::Error, cert: &Path, key: &Path) -> TlsError {
    match error {
        rustls::Error::InconsistentKeys(_) => TlsError::KeyMismatch {
            cert: cert.to_owned(),
            key: key.to_owned(),
        },
        rustls::Error::InvalidCertificate(_) => TlsError::BadCertificate {
            path: cert.to_owned(),
            what: explain::describe(&error),
        },
        error => TlsError::BadKey {
            path: key.to_owned(),
            what: explain::describe(&error),
        },
    }
}

/// Who is trusted. Files that were named are read even when they will not be used, so that a mistyped name is never
/// ignored.
fn verifier(
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
    until: Until,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let mut listed = Vec::new();
    if let Some(path) = &options.cafile {
        listed.extend(authorities(path, until)?);
    }
    if let Some(path) = &options.capath {
        listed.extend(directory(path, until)?);
    }
    let anyone = || Arc::new(NoVerification(provider.signature_verification_algorithms));
    if let Some(pin) = options.pin {
        return Ok(Arc::new(ServerTrust {
            rule: Rule::Pinned(pin),
            inner: anyone(),
        }));
    }
    if options.insecure {
        return Ok(anyone());
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(listed.iter().cloned());
    // Reading the system's store costs milliseconds: not for nothing.
    if options.use_os_certs || listed.is_empty() {
        add_os_certificates(&mut roots)?;
    }
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    Ok(Arc::new(ServerTrust {
        rule: Rule::Listed(listed),
        inner: builder.build().map_err(setup)?,
    }))
}

fn add_os_certificates(roots: &mut RootCertStore) -> Result<(), TlsError> {
    let found = rustls_native_certs::load_native_certs();
    // A system store often has some certificate that rustls cannot use; the others still serve.
    let (added, _ignored) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let first = found.errors.first();
        let detail = first.map_or_else(String::new, |error| format!(" ({error})"));
        return Err(TlsError::NoOsCertificates(detail));
    }
    Ok(())
}

/// The certificates of a file, all of which must be usable.
fn authorities(path: &Path, until: Until) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = certificates(path, until)?;
    for certificate in &found {
        let added = RootCertStore::empty().add(certificate.clone());
        added.map_err(|error| TlsError::BadCertificate {
            path: path.to_owned(),
            what: explain::describe(&error),
        })?;
    }
    Ok(found)
}

/// Takes what is usable: such a directory may hold keys, revocation lists and dead links too.
fn directory(path: &Path, until: Until) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read_error = |source| TlsError::Read {
        path: path.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(read_error)? {
        let file = entry.map_err(read_error)?.path();
        if is_certificate_file(&file) {
            let usable =
                |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone()).is_ok();
            found.extend(
                certificates(&file, until)
                    .unwrap_or_default()
                    .into_iter()
                    .filter(usable),
            );
        }
    }
    if found.is_empty() {
        Err(TlsError::NoCertificateIn(path.to_owned()))
    } else {
        Ok(found)
    }
}

/// Any certificate will do. The handshake's signature is still checked, so the peer does own the key
/// of the certificate it shows; whose key that is, nobody knows.
#[derive(Debug)]
struct NoVerification(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Appends session secrets to a file that only its owner can read.
#[derive(Debug)]
struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    fn open(path: &Path) -> Result<Self, TlsError> {
        // To open a pipe that nobody reads waits for ever, and so does writing to a full one.
        if fs::metadata(path).is_ok_and(|data| data.file_type().is_fifo()) {
            return Err(TlsError::KeyLog {
                path: path.to_owned(),
                source: io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe"),
            });
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|source| TlsError::KeyLog {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self(Mutex::new(file)))
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        // The trait has no way to report a failure, and a full disk is no reason to end the connection.
        if let Ok(mut file) = self.0.lock() {
            let _ = file.write_all(line.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::certificates::Certificates;
    use super::*;

    fn fault(options: &TlsOptions) -> String {
        client_config(options, Until::default())
            .map_or_else(|error| error.to_string(), |_| panic!("{options:?} is accepted"))
    }

    fn with_cafile(path: PathBuf) -> TlsOptions {
        TlsOptions {
            cafile: Some(path),
            ..TlsOptions::default()
        }
    }

    #[test]
    fn a_ca_file_must_hold_certificates() {
        let made = Certificates::new();
        client_config(&with_cafile(made.path("ca.pem")), Until::default()).unwrap();

        assert!(fault(&with_cafile(made.path("absent.pem"))).starts_with("cannot read /"));
        assert!(fault(&with_cafile(made.path("server.key"))).contains("server.key (a PEM file with"));
        // A name that is given is looked at, even when nothing is verified.
        let insecure = TlsOptions {
            insecure: true,
            ..with_cafile(made.path("absent.pem"))
        };
        assert!(fault(&insecure).contains("absent.pem"));

        let text = fs::read_to_string(made.path("ca.pem")).unwrap();
        let damaged = [
            (text.replace("-----END CERTIFICATE-----", ""), "no END line"),
            (
                text.replace("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE--"),
                "BEGIN line is damaged",
            ),
            (text.replace("MII", "M!I"), "not base64"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
                "not proper X.509",
            ),
        ];
        for (text, expected) in damaged {
            fs::write(made.path("damaged.pem"), &text).unwrap();
            let message = fault(&with_cafile(made.path("damaged.pem")));
            assert!(
                message.contains("damaged.pem") && message.contains(expected),
                "{message}"
            );
        }
    }

    #[test]
    fn a_ca_directory_is_searched() {
        let made = Certificates::new();
        let directory = made.directory().join("capath");
        fs::create_dir(&directory).unwrap();
        let options = TlsOptions {
            capath: Some(directory.clone()),
            ..TlsOptions::default()
        };
        assert!(fault(&options).starts_with("no certificate in the directory /"));

        // Neither a key with a certificate's name nor a name that is not one makes a directory good.
        fs::copy(made.path("server.key"), directory.join("server.pem")).unwrap();
        fs::copy(made.path("ca.pem"), directory.join("ca.txt")).unwrap();
        fs::copy(made.path("ca.pem"), directory.join("0a1b2c3d.r0")).unwrap();
        assert!(fault(&options).starts_with("no certificate in the directory /"));

        for name in ["0a1b2c3d.0", "a.crt", "b.PEM"] {
            fs::copy(made.path("ca.pem"), directory.join(name)).unwrap();
            client_config(&options, Until::default()).unwrap();
            fs::remove_file(directory.join(name)).unwrap();
        }
    }

    #[test]
    fn an_encrypted_key_is_refused() {
        let made = Certificates::new();
        let pkcs8 = made.path("encrypted.key");
        let older = made.path("older.key");
        fs::write(
            &older,
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n\
             -----END RSA PRIVATE KEY-----\n",
        )
        .unwrap();
        for key in [pkcs8, older] {
            let error = server_config(&made.path("server.pem"), &key, None, None).unwrap_err();
            assert_eq!(error.hint(), Some(Hint::EncryptedKey(key.clone())));
            let options = TlsOptions {
                cert: Some(made.path("client.pem")),
                key: Some(key),
                ..with_cafile(made.path("ca.pem"))
            };
            assert!(fault(&options).contains("is encrypted"));
        }
    }

    #[test]
    fn certificate_and_key_go_together() {
        let made = Certificates::new();
        let base = with_cafile(made.path("ca.pem"));
        let (cert, key) = (Some(made.path("client.pem")), Some(made.path("client.key")));
        client_config(
            &TlsOptions {
                cert: cert.clone(),
                key: key.clone(),
                ..base.clone()
            },
            Until::default(),
        )
        .unwrap();
        assert!(
            fault(&TlsOptions {
                cert: cert.clone(),
                ..base.clone()
            })
            .contains("needs its private key too")
        );
        assert!(fault(&TlsOptions { key, ..base.clone() }).contains("needs its certificate too"));
        let other = Some(made.path("server.key"));
        assert!(
            fault(&TlsOptions {
                cert: cert.clone(),
                key: other,
                ..base.clone()
            })
            .contains("does not belong")
        );
        let none = Some(made.path("ca.pem"));
        assert!(
            fault(&TlsOptions {
                cert,
                key: none,
                ..base
            })
            .contains("no private key in")
        );
    }

    #[test]
    fn names_to_verify() {
        let options = TlsOptions::default();
        assert_eq!(server_name(&options, "a.example").unwrap().to_str(), "a.example");
        assert_eq!(server_name(&options, "::1").unwrap().to_str(), "::1");
        assert_eq!(server_name(&options, "fe80::1%eth0").unwrap().to_str(), "fe80::1");
        let given = TlsOptions {
            server_name: Some("b.example".into()),
            ..options
        };
        assert_eq!(server_name(&given, "::1").unwrap().to_str(), "b.example");
        assert!(server_name(&TlsOptions::default(), "a b").is_err());
    }

    #[test]
    fn alpn_names_have_a_length() {
        let made = Certificates::new();
        for name in [String::new(), "a".repeat(256)] {
            let options = TlsOptions {
                alpn: vec![name],
                ..with_cafile(made.path("ca.pem"))
            };
            assert!(fault(&options).contains("1 to 255"));
        }
    }

    #[test]
    fn the_key_log_is_for_its_owner_only() {
        let made = Certificates::new();
        let path = made.path("keys.log");
        let options = TlsOptions {
            keylog: Some(path.clone()),
            ..with_cafile(made.path("ca.pem"))
        };
        for _ in 0..2 {
            let config = client_config(&options, Until::default()).unwrap();
            assert!(config.key_log.will_log("CLIENT_RANDOM"));
            config.key_log.log("CLIENT_RANDOM", &[0x00, 0xab], &[0x10]);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "CLIENT_RANDOM 00ab 10\n".repeat(2));
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        let nowhere = TlsOptions {
            keylog: Some(made.path("absent/keys.log")),
            ..with_cafile(made.path("ca.pem"))
        };
        assert!(fault(&nowhere).starts_with("cannot write the TLS key log"));
        let pipe = made.path("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let unread = TlsOptions {
            keylog: Some(pipe),
            ..with_cafile(made.path("ca.pem"))
        };
        assert!(fault(&unread).starts_with("cannot write the TLS key log"));
    }
}
