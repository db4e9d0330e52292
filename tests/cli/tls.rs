//! TLS against the embedded broker, with certificates made for the run: what works, and what is said of what does not.

use crate::support::certificates::Certificates;
use crate::support::mqkit;
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

/// A broker with the certificate of this name; with `client_ca`, clients need one as well.
fn broker(certificates: &Certificates, name: &str, client_ca: bool) -> Broker {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
    command.args(["broker", "--port", "0", "--tls-port", "0"]);
    command.arg("--cert").arg(certificates.path(&format!("{name}.pem")));
    command.arg("--key").arg(certificates.path(&format!("{name}.key")));
    if client_ca {
        command.arg("--client-ca").arg(certificates.path("ca.pem"));
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
    let good = broker(&certificates, "server", false);
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
        ("wrong_name", "other.example"),
        ("ca_as_server", "CA"),
    ] {
        let bad = broker(&certificates, name, false);
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
    let broker = broker(&certificates, "server", false);
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
    let broker = broker(&certificates, "server", true);
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
