//! Whose certificates are trusted: around rustls's own verifiers, those that are trusted as themselves, and pins. Must
//! not read files.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};

use super::{TlsPin, der, explain};

/// Why a server is not trusted, where rustls has no words for it.
#[derive(Debug)]
pub(super) enum Distrust {
    /// Nobody vouches for its certificate.
    Unknown {
        /// The certificate's pin.
        pin: TlsPin,
        /// It is a CA certificate.
        is_ca: bool,
    },
    /// Neither its certificate nor its key is the pinned one.
    Pin {
        wanted: TlsPin,
        certificate: TlsPin,
        /// None when the certificate cannot be read.
        key: Option<TlsPin>,
    },
}

impl std::error::Error for Distrust {}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { pin, is_ca: false } => {
                write!(
                    f,
                    "certificate is not signed by an authority that is trusted here; its pin is {pin}"
                )
            }
            Self::Unknown { pin, is_ca: true } => write!(
                f,
                "certificate is a CA certificate (CA:TRUE), used as the server's own, and not trusted here; \
                 its pin is {pin}"
            ),
            Self::Pin {
                wanted,
                certificate,
                key,
            } => {
                write!(
                    f,
                    "certificate is not the pinned one: {wanted} is trusted, {certificate} was shown"
                )?;
                key.iter().try_for_each(|key| write!(f, ", with the key {key}"))
            }
        }
    }
}

impl From<Distrust> for Error {
    fn from(distrust: Distrust) -> Self {
        CertificateError::Other(OtherError(Arc::new(distrust))).into()
    }
}

/// A verifier of servers: rustls's, which `inner` is, comes after what is said here. Signatures are its matter alone.
#[derive(Debug)]
pub(super) struct ServerTrust {
    pub(super) rule: Rule,
    pub(super) inner: Arc<dyn ServerCertVerifier>,
}

#[derive(Debug)]
pub(super) enum Rule {
    /// These certificates are trusted as themselves, whoever signed them; their dates and names count.
    Listed(Vec<CertificateDer<'static>>),
    /// One certificate or key is trusted, whatever stands in it, and nothing else.
    Pinned(TlsPin),
}

impl ServerCertVerifier for ServerTrust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.rule {
            Rule::Pinned(pin) => {
                verify_pin(*pin, end_entity)?;
                Ok(ServerCertVerified::assertion())
            }
            Rule::Listed(listed) if is_listed(listed, end_entity) => {
                verify_dates(end_entity, now)?;
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            Rule::Listed(_) => self
                .inner
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| with_pin(error, end_entity)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// A verifier of clients, likewise.
#[derive(Debug)]
pub(super) struct ClientTrust {
    /// Trusted as themselves; their dates count.
    pub(super) listed: Vec<CertificateDer<'static>>,
    pub(super) inner: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for ClientTrust {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if is_listed(&self.listed, end_entity) {
            verify_dates(end_entity, now)?;
            return Ok(ClientCertVerified::assertion());
        }
        self.inner.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn is_listed(listed: &[CertificateDer<'_>], certificate: &CertificateDer<'_>) -> bool {
    listed.iter().any(|other| other.as_ref() == certificate.as_ref())
}

fn verify_dates(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let parts = der::parts(certificate).ok_or(CertificateError::BadEncoding)?;
    if now < parts.not_before {
        let not_before = parts.not_before;
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    if now > parts.not_after {
        let not_after = parts.not_after;
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    Ok(())
}

fn verify_pin(wanted: TlsPin, shown: &CertificateDer<'_>) -> Result<(), Distrust> {
    let certificate = TlsPin::of(shown);
    let key = der::parts(shown).map(|parts| TlsPin::of(parts.public_key));
    if wanted == certificate || Some(wanted) == key {
        return Ok(());
    }
    Err(Distrust::Pin {
        wanted,
        certificate,
        key,
    })
}

/// Where the certificate would do if only it were trusted, the error says how that can be had.
fn with_pin(error: Error, shown: &CertificateDer<'_>) -> Error {
    let is_ca = match &error {
        // The latter is that of an authority with a trusted name and another key.
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => false,
        Error::InvalidCertificate(error) if explain::says_ca(error) => true,
        _ => return error,
    };
    let pin = TlsPin::of(shown);
    Distrust::Unknown { pin, is_ca }.into()
}

#[cfg(test)]
#[path = "trust/tests.rs"]
mod tests;
