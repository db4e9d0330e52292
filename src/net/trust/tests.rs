//! Who is trusted, in handshakes without a network.

use std::io;
use std::path::PathBuf;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::super::certificates::Certificates;
use super::super::file::Until;
use super::super::pem;
use super::super::tls::{TlsOptions, TlsVersion, client_config, server_config, server_name};
use super::super::{Hint, io_hint, io_message};
use super::*;

const BOTH: [TlsVersion; 2] = [TlsVersion::V12, TlsVersion::V13];

/// What a handshake gives at either end.
async fn meet(options: &TlsOptions, server: Arc<ServerConfig>) -> (io::Result<()>, io::Result<()>) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let name = server_name(options, "localhost").unwrap();
    let connector = TlsConnector::from(client_config(options, Until::default()).unwrap());
    // Neither end goes before the other is done.
    let (client, served) = tokio::join!(connector.connect(name, near), TlsAcceptor::from(server).accept(far));
    (client.map(drop), served.map(drop))
}

/// A server with this certificate.
fn server(made: &Certificates, name: &str) -> Arc<ServerConfig> {
    let (cert, key) = pair(made, name);
    server_config(&cert, &key, None, None).unwrap()
}

fn pair(made: &Certificates, name: &str) -> (PathBuf, PathBuf) {
    (made.path(&format!("{name}.pem")), made.path(&format!("{name}.key")))
}

fn trusting(made: &Certificates, file: &str) -> TlsOptions {
    TlsOptions {
        cafile: Some(made.path(file)),
        ..TlsOptions::default()
    }
}

fn der(made: &Certificates, name: &str) -> CertificateDer<'static> {
    let mut found = pem::certificates(&made.path(&format!("{name}.pem")), Until::default()).unwrap();
    found.remove(0)
}

#[tokio::test]
async fn a_certificate_that_is_in_the_file_is_trusted_as_itself() {
    let made = Certificates::new();
    // CA:TRUE and self-signed, as `openssl req -x509` makes it; and one whose authority is not in the file.
    for name in ["own", "server"] {
        let file = format!("{name}.pem");
        let directory = made.directory().join(name);
        std::fs::create_dir(&directory).unwrap();
        std::fs::copy(made.path(&file), directory.join("a.pem")).unwrap();
        let by_directory = TlsOptions {
            capath: Some(directory),
            ..TlsOptions::default()
        };
        for options in [trusting(&made, &file), by_directory] {
            for version in BOTH {
                let options = TlsOptions {
                    version: Some(version),
                    ..options.clone()
                };
                let (client, served) = meet(&options, server(&made, name)).await;
                client.expect(name);
                served.expect(name);
            }
        }
    }
}

#[tokio::test]
async fn its_dates_and_names_count() {
    let made = Certificates::new();
    let asked = "localhost".to_owned();
    let is_address = false;
    for (name, words, hint) in [
        (
            "own_expired",
            "certificate expired on 2020-02-03 00:00 UTC",
            Hint::Expired,
        ),
        (
            "own_later",
            "certificate is not valid before 2999-01-01 00:00 UTC",
            Hint::NotValidYet,
        ),
        (
            "own_no_san",
            "certificate is not for localhost",
            Hint::NoAltName { asked, is_address },
        ),
    ] {
        let (client, _) = meet(&trusting(&made, &format!("{name}.pem")), server(&made, name)).await;
        let error = client.unwrap_err();
        assert!(io_message(&error).starts_with(words), "{name}: {}", io_message(&error));
        assert_eq!(io_hint(&error), Some(hint));
    }
    let other = TlsOptions {
        server_name: Some("other.example".to_owned()),
        ..trusting(&made, "own.pem")
    };
    let (client, _) = meet(&other, server(&made, "own")).await;
    assert_eq!(io_message(&client.unwrap_err()), "certificate is not for other.example");
}

#[tokio::test]
async fn what_is_not_trusted_is_named_by_its_pin() {
    let made = Certificates::new();
    // A CA certificate that nobody knows, one of an unknown authority, and one with the name of a known authority.
    for (name, file, is_ca) in [
        ("own", "ca.pem", true),
        ("server", "other_ca.pem", false),
        ("server", "own.pem", false),
    ] {
        let (client, served) = meet(&trusting(&made, file), server(&made, name)).await;
        let error = client.unwrap_err();
        let pin = TlsPin::of(&der(&made, name));
        let words = io_message(&error);
        assert!(
            words.contains("trusted here") && words.contains(&pin.to_string()),
            "{words}"
        );
        assert_eq!(io_hint(&error), Some(Hint::Untrusted { pin, is_ca }), "{name}");
        assert!(io_message(&served.unwrap_err()).contains("TLS alert"));
    }
}

fn pinned(pin: TlsPin) -> TlsOptions {
    TlsOptions {
        pin: Some(pin),
        ..TlsOptions::default()
    }
}

#[tokio::test]
async fn a_pin_trusts_one_certificate_or_key() {
    let made = Certificates::new();
    for name in ["server", "own", "own_expired", "own_no_san", "expired", "wrong_name"] {
        let certificate = der(&made, name);
        let key = der::parts(&certificate).unwrap().public_key;
        for pin in [TlsPin::of(&certificate), TlsPin::of(key)] {
            for version in BOTH {
                let options = TlsOptions {
                    version: Some(version),
                    ..pinned(pin)
                };
                let (client, served) = meet(&options, server(&made, name)).await;
                client.expect(name);
                served.expect(name);
            }
        }
    }
}

#[tokio::test]
async fn a_pin_trusts_nothing_else() {
    let made = Certificates::new();
    let wanted = TlsPin::of(&der(&made, "own"));
    let shown = der(&made, "server");
    let key = TlsPin::of(der::parts(&shown).unwrap().public_key);
    let trusted_otherwise = TlsOptions {
        pin: Some(wanted),
        insecure: true,
        ..trusting(&made, "ca.pem")
    };
    for options in [pinned(wanted), trusted_otherwise] {
        let (client, served) = meet(&options, server(&made, "server")).await;
        let error = client.unwrap_err();
        let certificate = TlsPin::of(&shown);
        assert_eq!(
            io_message(&error),
            format!(
                "certificate is not the pinned one: {wanted} is trusted, {certificate} was shown, with the key {key}"
            )
        );
        assert_eq!(io_hint(&error), None);
        served.unwrap_err();
    }
}

#[tokio::test]
async fn who_shows_a_trusted_certificate_must_have_its_key() {
    let made = Certificates::new();
    let certificate = der(&made, "own");
    let stolen = PrivateKeyDer::from_pem_file(made.path("server.key")).unwrap();
    let key = ring::sign::any_supported_type(&stolen).unwrap();
    let identity = CertifiedKey::new(vec![certificate.clone()], key);
    let resolver: Arc<dyn ResolvesServerCert> = Arc::new(SingleCertAndKey::from(identity));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    let config = Arc::new(config);
    for options in [trusting(&made, "own.pem"), pinned(TlsPin::of(&certificate))] {
        for version in BOTH {
            let options = TlsOptions {
                version: Some(version),
                ..options.clone()
            };
            let (client, _) = meet(&options, Arc::clone(&config)).await;
            let words = io_message(&client.unwrap_err());
            assert_eq!(words, "a signature does not fit the certificate");
        }
    }
}

#[tokio::test]
async fn a_client_is_trusted_as_itself_too() {
    let made = Certificates::new();
    for (listed, shown, expected) in [
        ("own", "own", Ok(())),
        ("own_no_san", "own_no_san", Ok(())),
        ("client", "client", Ok(())),
        ("ca", "client", Ok(())),
        ("own_expired", "own_expired", Err("certificate expired on 2020-02-03")),
        (
            "own_later",
            "own_later",
            Err("certificate is not valid before 2999-01-01"),
        ),
        ("own", "own_expired", Err("certificate ")),
        ("own", "own_no_san", Err("certificate is ")),
        (
            "own",
            "client",
            Err("certificate is not signed by an authority that is trusted here"),
        ),
    ] {
        let (cert, key) = pair(&made, "server");
        let listed_file = made.path(&format!("{listed}.pem"));
        let config = server_config(&cert, &key, None, Some(&listed_file)).unwrap();
        let (cert, key) = pair(&made, shown);
        let options = TlsOptions {
            cert: Some(cert),
            key: Some(key),
            ..trusting(&made, "ca.pem")
        };
        let (_, served) = meet(&options, config).await;
        match (served, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(words)) if io_message(&error).starts_with(words) => {}
            (served, _) => panic!("{listed}, {shown}: {served:?}"),
        }
    }
}
