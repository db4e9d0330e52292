//! The flags of TLS, and the options that they mean. It must not know sockets.

use crate::cli::Usage;
use crate::cli::settings::typed::path;
use crate::cli::values::flag_values;
use crate::net::{TlsOptions, TlsPin, TlsVersion};
use clap::Args;
use serde::Deserialize;
use std::path::PathBuf;
use std::str::FromStr;

/// Any of these switches TLS on.
#[derive(Debug, Args, Deserialize)]
#[command(next_help_heading = "TLS (any of these switches it on)")]
pub(super) struct Tls {
    /// Trust the certificate authorities in this PEM file, or the broker's own certificate
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    cafile: Option<PathBuf>,

    /// Trust the certificate authorities in the PEM files of this directory
    #[arg(long, value_name = "DIR")]
    #[serde(deserialize_with = "path")]
    capath: Option<PathBuf>,

    /// Own certificate, PEM
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    cert: Option<PathBuf>,

    /// Key of the own certificate, PEM
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    key: Option<PathBuf>,

    /// File whose first line is the password of an encrypted key (PKCS #8)
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    key_password_file: Option<PathBuf>,

    /// Trust the operating system's certificate authorities, also beside --cafile
    #[arg(long)]
    tls_use_os_certs: bool,

    /// Check neither the broker's certificate nor its name: anyone can listen in
    #[arg(long)]
    insecure: bool,

    /// Trust only the certificate or the key with this SHA-256, sha256:HEX or sha256//BASE64, and no authority; neither
    /// its name nor its dates are checked
    #[arg(long, value_name = "PIN")]
    tls_pin: Option<TlsPin>,

    /// Application protocol to ask for; several times in the order of preference
    #[arg(long, value_name = "NAME")]
    tls_alpn: Vec<String>,

    /// The only TLS version to speak, tlsv1.2 or tlsv1.3, or a range such as tlsv1.2-tlsv1.3 [default: both]
    #[arg(long, value_name = "VERSION")]
    tls_version: Option<Versions>,

    /// Cipher suites to offer, in the order of preference: their names with colons between them
    #[arg(long, value_name = "NAMES")]
    ciphers: Option<String>,

    /// Write the session keys to this file, for Wireshark
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    tls_keylog: Option<PathBuf>,

    /// Name that the broker's certificate must have [default: the host]
    #[arg(long, value_name = "NAME")]
    servername: Option<String>,
}

/// A range of two versions: one of them, or (nothing) both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Versions(Option<TlsVersion>);

flag_values! { Versions }

impl FromStr for Versions {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let (low, high) = match (low, high) {
            ("" | "tlsv1.2", "" | "tlsv1.3") if text.len() > 1 => return Ok(Self(None)),
            ("", high) => (high, high),
            (low, "") => (low, low),
            both => both,
        };
        match (low, high) {
            ("tlsv1.2", "tlsv1.2") => Ok(Self(Some(TlsVersion::V12))),
            ("tlsv1.3", "tlsv1.3") => Ok(Self(Some(TlsVersion::V13))),
            ("tlsv1" | "tlsv1.0" | "tlsv1.1", _) => Err("TLS 1.0 and 1.1 are broken, and not supported"),
            _ => Err("must be tlsv1.2, tlsv1.3 or the range tlsv1.2-tlsv1.3"),
        }
    }
}

impl Tls {
    /// Flags that mean something beside another one only.
    ///
    /// # Errors
    /// A certificate without its key, or the reverse.
    pub(super) fn check(&self) -> Result<(), Usage> {
        match (&self.cert, &self.key) {
            (Some(_), None) => Err(Usage::Bad("--cert needs --key".to_owned())),
            (None, Some(_)) => Err(Usage::Bad("--key needs --cert".to_owned())),
            (_, None) if self.key_password_file.is_some() => {
                Err(Usage::Bad("--key-password-file needs --key".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Nothing when none of the flags was given.
    pub(super) fn options(&self) -> Option<TlsOptions> {
        let options = TlsOptions {
            cafile: self.cafile.clone(),
            capath: self.capath.clone(),
            use_os_certs: self.tls_use_os_certs,
            cert: self.cert.clone(),
            key: self.key.clone(),
            key_password: self.key_password_file.clone(),
            insecure: self.insecure,
            pin: self.tls_pin,
            alpn: self.tls_alpn.clone(),
            server_name: self.servername.clone(),
            version: self.tls_version.and_then(|versions| versions.0),
            ciphers: self.ciphers.clone(),
            keylog: self.tls_keylog.clone(),
        };
        (options != TlsOptions::default() || self.tls_version.is_some()).then_some(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_one_or_a_range() {
        let only = |version| Ok(Versions(Some(version)));
        for (text, expected) in [
            ("tlsv1.2", only(TlsVersion::V12)),
            ("tlsv1.3", only(TlsVersion::V13)),
            ("tlsv1.2-tlsv1.2", only(TlsVersion::V12)),
            ("tlsv1.3-", only(TlsVersion::V13)),
            ("-tlsv1.2", only(TlsVersion::V12)),
            ("tlsv1.2-tlsv1.3", Ok(Versions(None))),
            ("tlsv1.2-", Ok(Versions(None))),
            ("-tlsv1.3", Ok(Versions(None))),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        for text in [
            "",
            "-",
            "tlsv1.3-tlsv1.2",
            "1.2",
            "tlsv1.2-tlsv1.4",
            "tlsv1.1",
            "tlsv1-tlsv1.3",
        ] {
            assert!(text.parse::<Versions>().is_err(), "{text}");
        }
    }
}
