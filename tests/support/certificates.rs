//! Certificates for tests, made anew for each run in a temporary directory. Knows nothing of the program under test.

use std::fs;
use std::path::{Path, PathBuf};

use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::pem::LineEnding;
use pkcs8::pkcs5::pbes2::Parameters;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;

/// A directory with a certificate authority, good certificates and one certificate for each common fault.
///
/// | files | what |
/// |---|---|
/// | `ca.pem` | the authority that signed all below, unless said otherwise |
/// | `other_ca.pem` | an authority that signed nothing |
/// | `server.pem`, `.key` | for localhost, 127.0.0.1 and ::1 |
/// | `expired.pem`, `.key` | as server, but ended on 2020-02-03 |
/// | `wrong_name.pem`, `.key` | for other.example only |
/// | `no_san.pem`, `.key` | common name localhost, no subjectAltName |
/// | `own.pem`, `.key` | self-signed for localhost, CA:TRUE, as `openssl req -x509` makes it |
/// | `own_expired.pem`, `.key` | as own, but ended on 2020-02-03 |
/// | `own_later.pem`, `.key` | as own, but begins on 2999-01-01 |
/// | `own_no_san.pem`, `.key` | as own, common name localhost, no subjectAltName |
/// | `client.pem`, `.key` | a client certificate |
/// | `encrypted.key` | the key of client, encrypted with the password `secret` |
#[derive(Debug)]
pub(crate) struct Certificates {
    directory: TempDir,
}

impl Certificates {
    /// Makes all keys and certificates and writes them.
    #[must_use]
    pub(crate) fn new() -> Self {
        let made = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let ca = authority("Test CA");
        made.write("ca.pem", &ca.pem());
        made.write("other_ca.pem", &authority("Other CA").pem());

        let localhost = ["localhost", "127.0.0.1", "::1"];
        made.sign(&ca, "server", server("mqkit test server", &localhost));
        let mut expired = server("mqkit test server", &localhost);
        expired.not_before = date_time_ymd(2019, 1, 1);
        expired.not_after = date_time_ymd(2020, 2, 3);
        made.sign(&ca, "expired", expired);
        made.sign(&ca, "wrong_name", server("localhost", &["other.example"]));
        made.sign(&ca, "no_san", server("localhost", &[]));
        made.sign(&ca, "client", leaf("client", &[], ExtendedKeyUsagePurpose::ClientAuth));

        made.sign_itself("own", &localhost, |_| {});
        made.sign_itself("own_expired", &localhost, |params| {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 2, 3);
        });
        made.sign_itself("own_later", &localhost, |params| {
            params.not_before = date_time_ymd(2999, 1, 1);
        });
        made.sign_itself("own_no_san", &[], |_| {});

        made.write("encrypted.key", &encrypted(&made.path("client.key")));
        made
    }

    /// The path of one of the files.
    #[must_use]
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The directory itself.
    #[must_use]
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn sign(&self, ca: &CertifiedIssuer<'_, KeyPair>, name: &str, params: CertificateParams) {
        let key = KeyPair::generate().unwrap();
        self.write(&format!("{name}.pem"), &params.signed_by(&key, ca).unwrap().pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    fn sign_itself(&self, name: &str, names: &[&str], change: impl FnOnce(&mut CertificateParams)) {
        let mut params = server("localhost", names);
        params.extended_key_usages.clear();
        params.use_authority_key_identifier_extension = false;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        self.write(&format!("{name}.pem"), &params.self_signed(&key).unwrap().pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A key as `openssl pkcs8 -topk8` encrypts it.
fn encrypted(path: &Path) -> String {
    let key = PrivatePkcs8KeyDer::from_pem_file(path).unwrap();
    let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(2048, b"saltsalt", [7; 16]).unwrap();
    let key = PrivateKeyInfoRef::try_from(key.secret_pkcs8_der()).unwrap();
    let encrypted = key.encrypt_with_params(parameters, "secret").unwrap();
    encrypted
        .to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF)
        .unwrap()
        .to_string()
}

fn server(common_name: &str, names: &[&str]) -> CertificateParams {
    leaf(common_name, names, ExtendedKeyUsagePurpose::ServerAuth)
}

fn leaf(common_name: &str, names: &[&str], usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    // Names that are IP addresses become IP address entries.
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![usage];
    params
}
