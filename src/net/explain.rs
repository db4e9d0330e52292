//! What a TLS error means: in plain words, and as a hint. Pure; must not know sockets or files, and must
//! not repeat secrets. Text that the peer chose (names in its certificate) is stripped of control characters.

use std::error::Error;
use std::fmt::{self, Debug};

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{CertificateError, OtherError, PeerIncompatible};

use super::Hint;
use super::trust::Distrust;

/// One clause that says what went wrong.
pub(super) fn describe(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => describe_certificate(error),
        rustls::Error::AlertReceived(alert) => {
            format!("the peer ended the connection with the TLS alert {}", words(alert))
        }
        rustls::Error::InvalidMessage(what) => format!("the peer sent something that is not TLS ({})", words(what)),
        rustls::Error::PeerIncompatible(what) => format!("no common ground in TLS: {}", words(what)),
        rustls::Error::PeerMisbehaved(what) => format!("the peer broke the TLS protocol: {}", words(what)),
        rustls::Error::NoCertificatesPresented => "the peer sent no certificate".to_owned(),
        rustls::Error::NoApplicationProtocol => "no application protocol (ALPN) in common".to_owned(),
        rustls::Error::General(what) => what.clone(),
        other => other.to_string(),
    }
}

/// What to do about it, where that is known.
pub(super) fn hint(error: &rustls::Error) -> Option<Hint> {
    match error {
        rustls::Error::InvalidCertificate(error) => certificate_hint(error),
        rustls::Error::AlertReceived(alert) => Hint::of_alert(*alert),
        rustls::Error::InvalidMessage(_) => Some(Hint::NotTls),
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Some(Hint::TlsVersion),
        rustls::Error::NoApplicationProtocol => Some(Hint::Alpn),
        _ => None,
    }
}

fn describe_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired => "certificate has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, time } => {
            format!("certificate expired on {} (now: {})", Date(*not_after), Date(*time))
        }
        CertificateError::NotValidYet => "certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, time } => {
            format!(
                "certificate is not valid before {} (now: {})",
                Date(*not_before),
                Date(*time)
            )
        }
        CertificateError::UnknownIssuer => "certificate is not signed by an authority that is trusted here".to_owned(),
        CertificateError::NotValidForName => "certificate is not for the name asked for".to_owned(),
        CertificateError::NotValidForNameContext { expected, .. } => {
            format!("certificate is not for {}", expected.to_str())
        }
        CertificateError::BadEncoding => "certificate is not proper X.509".to_owned(),
        CertificateError::BadSignature => "a signature does not fit the certificate".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate is not made for this purpose (its extended key usage)".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "certificate is signed with an algorithm that is not supported".to_owned()
        }
        CertificateError::Other(_) if says_ca(error) => {
            "certificate is a CA certificate (CA:TRUE), used as the peer's own".to_owned()
        }
        CertificateError::Other(_) if webpki_says(error, "UnsupportedCertVersion") => {
            "certificate is of X.509 version 1, which cannot be verified".to_owned()
        }
        CertificateError::Other(other) => match distrust(other) {
            Some(distrust) => distrust.to_string(),
            None => format!("certificate cannot be verified: {}", words(&other.0)),
        },
        other => format!("certificate cannot be verified: {}", words(other)),
    }
}

fn certificate_hint(error: &CertificateError) -> Option<Hint> {
    Some(match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Hint::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Hint::NotValidYet,
        CertificateError::NotValidForNameContext { expected, presented } => name_hint(expected, presented),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => Hint::Purpose,
        CertificateError::Other(_) if webpki_says(error, "UnsupportedCertVersion") => Hint::CertificateVersion,
        CertificateError::Other(other) => match distrust(other)? {
            Distrust::Unknown { pin, is_ca } => Hint::Untrusted {
                pin: *pin,
                is_ca: *is_ca,
            },
            Distrust::Pin { .. } => return None,
        },
        _ => return None,
    })
}

fn name_hint(expected: &ServerName<'_>, presented: &[String]) -> Hint {
    let asked = expected.to_str().into_owned();
    if presented.is_empty() {
        let is_address = matches!(expected, ServerName::IpAddress(_));
        return Hint::NoAltName { asked, is_address };
    }
    let names = presented.iter().map(|name| plain_name(name)).collect();
    Hint::OtherNames { asked, names }
}

/// What our own verifier has to say.
fn distrust(other: &OtherError) -> Option<&Distrust> {
    other.0.downcast_ref()
}

/// Whether webpki refuses it because it is a CA certificate.
pub(super) fn says_ca(error: &CertificateError) -> bool {
    webpki_says(error, "CaUsedAsEndEntity")
}

/// webpki names a certificate's names by their debug form, `DnsName("a.example")` or `IpAddress(::1)`.
fn plain_name(presented: &str) -> String {
    let inner = presented
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(presented);
    inner.trim_matches('"').chars().filter(|c| !c.is_control()).collect()
}

/// rustls passes on webpki's rarer errors without a type that can be named here; their text is the variant's name.
fn webpki_says(error: &CertificateError, variant: &str) -> bool {
    let CertificateError::Other(other) = error else {
        return false;
    };
    let error: &dyn Error = other.0.as_ref();
    error.to_string() == variant
}

/// `HandshakeFailure` -> "handshake failure": the name of an enum variant, without what it holds.
fn words(variant: &impl Debug) -> String {
    let name = format!("{variant:?}");
    let name = name.split(['(', '{', ' ']).next().unwrap_or_default();
    let mut text = String::with_capacity(name.len() + 8);
    let mut after_small = false;
    for c in name.chars() {
        if c.is_uppercase() && after_small {
            text.push(' ');
        }
        after_small = !c.is_uppercase();
        text.extend(c.to_lowercase());
    }
    text
}

/// A moment as `2020-02-03 00:00 UTC`.
struct Date(UnixTime);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (year, month, day) = civil(seconds / 86_400);
        let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

/// Days since 1970-01-01 to year, month, day in the Gregorian calendar (Howard Hinnant's `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    // Years that begin in March put the leap day last.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::{AlertDescription, InvalidMessage};

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let table = [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_580_688_000, "2020-02-03 00:00 UTC"),
            (4_107_542_399, "2100-02-28 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ];
        for (seconds, expected) in table {
            assert_eq!(
                Date(UnixTime::since_unix_epoch(Duration::from_secs(seconds))).to_string(),
                expected
            );
        }
    }

    #[test]
    fn descriptions_are_words() {
        let table = [
            (
                rustls::Error::AlertReceived(AlertDescription::HandshakeFailure),
                "the TLS alert handshake failure",
            ),
            (
                rustls::Error::InvalidMessage(InvalidMessage::MissingData("x")),
                "not TLS (missing data)",
            ),
            (
                CertificateError::UnhandledCriticalExtension.into(),
                "unhandled critical extension",
            ),
            (CertificateError::Revoked.into(), "revoked"),
        ];
        for (error, expected) in table {
            let text = describe(&error);
            assert!(text.ends_with(expected), "{text}");
        }
    }

    #[test]
    fn names_of_a_certificate_are_shown_plainly() {
        assert_eq!(plain_name("DnsName(\"*.a.example\")"), "*.a.example");
        assert_eq!(plain_name("IpAddress(::1)"), "::1");
        assert_eq!(plain_name("DnsName(\"a\x1b[2J\")"), "a[2J");
        assert_eq!(plain_name("DirectoryName"), "DirectoryName");
    }
}
