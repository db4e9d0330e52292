//! TLS against the embedded broker, with certificates made for the run: what works, and what is said of what does not.

use crate::support::certificates::Certificates;
use crate::support::{called, mqkit};
use predicates::prelude::*;
use predicates::str::contains;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

struct Broker {
    child: Child,
    plain: String,
    tls: String,
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A broker with the certificate of this name; with `client_ca`, the name of a file, clients need one as well.
fn broker(certificates: &Certificates, name: &str, client_ca: Option<&str>) -> Broker {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
    command.args(["broker", "--port", "0", "--tls-port", "0"]);
    command.arg("--cert").arg(certificates.path(&format!("{name}.pem")));
    command.arg("--key").arg(certificates.path(&format!("{name}.key")));
    if let Some(file) = client_ca {
        command.arg("--client-ca").arg(certificates.path(file));
    }
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let (plain, tls) = (lines.next().unwrap(), lines.next().unwrap());
    Broker {
        child,
        plain,
        tls: tls.replace("127.0.0.1", "localhost"),
    }
}

fn publish(url: &str) -> assert_cmd::Command {
    let mut command = mqkit();
    command.args(["pub", "-L", url, "-t", "a", "-m", "x", "-q", "1"]);
    command
}

#[test]
fn a_trusted_certificate_works_and_others_are_explained() {
    let certificates = Certificates::new();
    let ca = certificates.path("ca.pem");
    let good = broker(&certificates, "server", None);
    publish(&good.tls)
        .arg("--cafile")
        .arg(&ca)
        .assert()
        .success()
        .stderr("");
    publish(&good.tls).arg("--insecure").assert().success();
    publish(&good.tls)
        .arg("--cafile")
        .arg(certificates.path("other_ca.pem"))
        .assert()
        .code(3)
        .stderr(contains("(TLS)"))
        .stderr(contains("--cafile"));
    for (name, words) in [
        ("expired", "expired"),
        ("wrong_name", "or give that name with --servername"),
        ("no_san", "make it again with subjectAltName=DNS:localhost"),
        ("own", "give that very certificate with --cafile"),
    ] {
        let bad = broker(&certificates, name, None);
        publish(&bad.tls)
            .arg("--cafile")
            .arg(&ca)
            .assert()
            .code(3)
            .stderr(contains("(TLS)"))
            .stderr(contains(words));
        publish(&bad.tls).arg("--insecure").assert().success();
    }
}

#[test]
fn tls_on_a_plain_port_and_the_reverse_are_explained() {
    let certificates = Certificates::new();
    let broker = broker(&certificates, "server", None);
    let wrong = broker.plain.replace("mqtt://", "mqtts://");
    publish(&wrong)
        .arg("--insecure")
        .assert()
        .code(3)
        .stderr(contains("does not seem to speak TLS"));
    let wrong = broker.tls.replace("mqtts://", "mqtt://");
    publish(&wrong).assert().stderr(contains("TLS"));
}

#[test]
fn a_client_certificate_is_shown_when_it_is_wanted() {
    let certificates = Certificates::new();
    let ca = certificates.path("ca.pem");
    let broker = broker(&certificates, "server", Some("ca.pem"));
    publish(&broker.tls)
        .arg("--cafile")
        .arg(&ca)
        .arg("--cert")
        .arg(certificates.path("client.pem"))
        .arg("--key")
        .arg(certificates.path("client.key"))
        .assert()
        .success();
    publish(&broker.tls)
        .arg("--cafile")
        .arg(&ca)
        .assert()
        .failure()
        .stderr(contains("certificate"));
}

#[test]
fn a_self_signed_certificate_is_trusted_by_every_command_that_is_given_it() {
    let certificates = Certificates::new();
    let own = certificates.path("own.pem");
    let broker = broker(&certificates, "own", None);
    publish(&broker.tls)
        .arg("--cafile")
        .arg(&own)
        .assert()
        .success()
        .stderr("");
    let port = broker.tls.rsplit(':').next().unwrap();
    called("mosquitto_pub")
        .args(["-h", "localhost", "-p", port, "-t", "a", "-m", "x", "-q", "1"])
        .arg("--cafile")
        .arg(&own)
        .assert()
        .success()
        .stderr("");
    mqkit()
        .args(["bench", "-L", &broker.tls, "--rate", "200", "-C", "20", "--cafile"])
        .arg(&own)
        .assert()
        .success();
    // By another name it is not the server's.
    publish(&broker.tls)
        .args(["--servername", "other.example", "--cafile"])
        .arg(&own)
        .assert()
        .code(3)
        .stderr(contains("certificate is not for other.example"))
        .stderr(contains("--tls-pin").not());
}

#[test]
fn a_self_signed_client_certificate_is_trusted_by_a_broker_that_is_given_it() {
    let certificates = Certificates::new();
    let broker = broker(&certificates, "server", Some("own.pem"));
    let with = |name: &str| {
        let mut command = publish(&broker.tls);
        command.arg("--cafile").arg(certificates.path("ca.pem"));
        command.arg("--cert").arg(certificates.path(&format!("{name}.pem")));
        command.arg("--key").arg(certificates.path(&format!("{name}.key")));
        command
    };
    with("own").assert().success().stderr("");
    with("own_no_san").assert().code(5).stderr(contains(
        "the server does not accept the client certificate: check --cert and --key",
    ));
}

/// The pin that an error names.
fn pin(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let (_, rest) = text.split_once("--tls-pin ").expect("a pin");
    rest.chars()
        .take_while(|c| *c == ':' || c.is_ascii_alphanumeric())
        .collect()
}

#[test]
fn the_pin_that_an_error_names_trusts_that_certificate() {
    let certificates = Certificates::new();
    for (name, other) in [("server", "other_ca.pem"), ("own", "ca.pem")] {
        let broker = broker(&certificates, name, None);
        let untrusted = publish(&broker.tls)
            .arg("--cafile")
            .arg(certificates.path(other))
            .assert()
            .code(3);
        let pin = pin(&untrusted.get_output().stderr);
        publish(&broker.tls)
            .args(["--tls-pin", &pin])
            .assert()
            .success()
            .stderr("");
        // It switches TLS on, as all flags of its kind.
        let port = broker.tls.rsplit(':').next().unwrap();
        called("mosquitto_pub")
            .args(["-h", "localhost", "-p", port, "-t", "a", "-m", "x", "--tls-pin", &pin])
            .assert()
            .success();
    }
}

#[test]
fn a_pin_that_does_not_fit_is_told_with_the_one_that_does() {
    let certificates = Certificates::new();
    let broker = broker(&certificates, "server", None);
    let zero = format!("sha256:{}", "00".repeat(32));
    publish(&broker.tls)
        .args(["--tls-pin", &zero])
        .assert()
        .code(3)
        .stderr(contains(format!(
            "caused by: certificate is not the pinned one: {zero} is trusted, sha256:"
        )));
    publish(&broker.tls)
        .args(["--tls-pin", "sha256:abc"])
        .assert()
        .code(2)
        .stderr(contains("a pin is written sha256: and 64 hexadecimal digits"));
}
