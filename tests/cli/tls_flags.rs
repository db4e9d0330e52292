//! What each flag of TLS does, seen in what was agreed on or in the first bytes of the client.

use super::{CONNACK_311, CONNECT_311, DISCONNECT, expect, send};
use crate::support::certificates::Certificates;
use crate::support::mqkit;
use crate::support::peer::Peer;
use predicates::prelude::*;
use predicates::str::contains;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

struct Broker {
    child: Child,
    tls: String,
    websocket: String,
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn broker(certificates: &Certificates, name: &str) -> Broker {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
    command.args(["broker", "--port", "0", "--tls-port", "0", "--wss-port", "0"]);
    command.arg("--cert").arg(certificates.path(&format!("{name}.pem")));
    command.arg("--key").arg(certificates.path(&format!("{name}.key")));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut line = || lines.next().unwrap().replace("127.0.0.1", "localhost");
    let (_plain, tls, websocket) = (line(), line(), line());
    Broker { child, tls, websocket }
}

fn publish(url: &str) -> assert_cmd::Command {
    let mut command = mqkit();
    command.args(["pub", "-L", url, "-t", "a", "-m", "x", "-q", "1", "-d"]);
    command
}

#[test]
fn versions_and_ciphers_are_agreed_on_as_the_flags_want_it() {
    let certificates = Certificates::new();
    let broker = broker(&certificates, "server");
    let rows: &[(&[&str], &str)] = &[
        (&["--tls-version", "tlsv1.2"], "TLS 1.2, TLS_ECDHE_ECDSA_"),
        (&["--tls-version", "tlsv1.3"], "TLS 1.3, TLS13_"),
        (&["--tls-version", "tlsv1.2-tlsv1.3"], "TLS 1.3, TLS13_"),
        (
            &["--ciphers", "TLS_AES_128_GCM_SHA256"],
            "TLS 1.3, TLS13_AES_128_GCM_SHA256",
        ),
        (
            &["--ciphers", "TLS_CHACHA20_POLY1305_SHA256"],
            "TLS 1.3, TLS13_CHACHA20_POLY1305_SHA256",
        ),
        (
            &[
                "--tls-version",
                "tlsv1.2",
                "--ciphers",
                "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305",
            ],
            "TLS 1.2, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ),
    ];
    for (flags, words) in rows {
        for url in [&broker.tls, &broker.websocket] {
            publish(url)
                .arg("--cafile")
                .arg(certificates.path("ca.pem"))
                .args(*flags)
                .assert()
                .success()
                .stderr(contains(*words));
        }
    }
    publish(&broker.tls)
        .args(["--ciphers", "HIGH"])
        .assert()
        .code(2)
        .stderr(contains("\"HIGH\" is not a cipher suite that can be used here"));
    publish(&broker.tls)
        .args(["--tls-version", "tlsv1.1"])
        .assert()
        .code(2)
        .stderr(contains("TLS 1.0 and 1.1 are broken"));
}

#[test]
fn authorities_and_names_are_as_the_flags_want_them() {
    let certificates = Certificates::new();
    let good = broker(&certificates, "server");
    let directory = certificates.directory().join("capath");
    std::fs::create_dir(&directory).unwrap();
    std::fs::copy(certificates.path("ca.pem"), directory.join("ca.pem")).unwrap();
    publish(&good.tls).arg("--capath").arg(&directory).assert().success();
    // The operating system's, here, are those of the test; a URL alone trusts them.
    publish(&good.websocket)
        .env("SSL_CERT_FILE", certificates.path("ca.pem"))
        .assert()
        .success();
    let other = certificates.path("other_ca.pem");
    publish(&good.tls)
        .env("SSL_CERT_FILE", certificates.path("ca.pem"))
        .arg("--cafile")
        .arg(&other)
        .arg("--tls-use-os-certs")
        .assert()
        .success();
    publish(&good.websocket)
        .arg("--cafile")
        .arg(&other)
        .assert()
        .code(3)
        .stderr(contains("(TLS)"))
        .stderr(contains("not signed by an authority that is trusted here"));

    let bad = broker(&certificates, "wrong_name");
    publish(&bad.websocket)
        .arg("--cafile")
        .arg(certificates.path("ca.pem"))
        .args(["--servername", "other.example"])
        .assert()
        .success();
}

#[test]
fn the_keys_of_the_session_are_logged() {
    let certificates = Certificates::new();
    let broker = broker(&certificates, "server");
    let log = certificates.path("keys.log");
    publish(&broker.tls)
        .arg("--cafile")
        .arg(certificates.path("ca.pem"))
        .arg("--tls-keylog")
        .arg(&log)
        .assert()
        .success();
    let text = std::fs::read_to_string(log).unwrap();
    assert!(text.contains("CLIENT_TRAFFIC_SECRET_0 "), "{text}");
}

#[test]
fn an_encrypted_key_needs_its_password() {
    let certificates = Certificates::new();
    let broker = broker(&certificates, "server");
    let (key, file) = (certificates.path("encrypted.key"), certificates.path("password"));
    let with_key = || {
        let mut command = publish(&broker.tls);
        command.arg("--cafile").arg(certificates.path("ca.pem"));
        command.arg("--cert").arg(certificates.path("client.pem"));
        command.arg("--key").arg(&key);
        command
    };
    with_key()
        .assert()
        .code(2)
        .stderr(contains("--key-password-file"))
        .stderr(contains(format!(
            "`openssl pkey -in {0} -out {0}.plain`",
            key.display()
        )));
    for (password, words) in [("secret\n", None), ("Secret", Some("the password is wrong"))] {
        std::fs::write(&file, password).unwrap();
        let assert = with_key().arg("--key-password-file").arg(&file).assert();
        match words {
            None => assert.success(),
            Some(words) => assert.code(2).stderr(contains(words)),
        };
    }
}

#[test]
fn the_broker_takes_an_encrypted_key_with_its_password() {
    let certificates = Certificates::new();
    let (key, file) = (certificates.path("encrypted.key"), certificates.path("password"));
    let start = |password: Option<&str>| {
        let mut command = mqkit();
        command.args(["broker", "--port", "0", "--tls-port", "0"]);
        command.arg("--cert").arg(certificates.path("client.pem"));
        command.arg("--key").arg(&key);
        if let Some(password) = password {
            std::fs::write(&file, password).unwrap();
            command.arg("--key-password-file").arg(&file);
        }
        command.args(["--", "true"]).assert()
    };
    start(Some("secret\n")).success().stderr("");
    start(None)
        .code(2)
        .stderr(contains("give the password of a PKCS #8 key with --key-password-file"));
    start(Some("Secret")).code(2).stderr(contains("the password is wrong"));
    mqkit()
        .args(["broker", "--key-password-file", "x"])
        .assert()
        .code(2)
        .stderr(contains("--key <FILE>"));
}

/// The first record that the client sends.
fn first_record(listener: TcpListener, command: &mut assert_cmd::Command) -> Vec<u8> {
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        let mut record = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut record).unwrap();
        [&head[..], &record].concat()
    });
    command.assert().code(3).stderr(contains("(TLS)"));
    thread.join().unwrap()
}

#[test]
fn application_protocols_are_offered_in_their_order() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtts://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let mut command = publish(&url);
    command.args(["--insecure", "--tls-alpn", "x-amzn-mqtt-ca", "--tls-alpn", "mqtt"]);
    let record = first_record(listener, &mut command);
    let wanted = b"\x0ex-amzn-mqtt-ca\x04mqtt";
    assert!(record.windows(wanted.len()).any(|part| part == wanted), "{record:02x?}");
}

#[test]
fn the_port_of_tls_stands_for_tls() {
    // An address that nobody else uses.
    let listener = TcpListener::bind("127.77.1.9:8883").unwrap();
    let certificates = Certificates::new();
    let mut command = mqkit();
    command.args(["pub", "-h", "127.77.1.9", "-p", "8883", "-t", "a", "-m", "x"]);
    command.env("SSL_CERT_FILE", certificates.path("ca.pem"));
    assert_eq!(first_record(listener, &mut command)[..2], [0x16, 0x03]);
}

#[test]
fn tls_can_be_switched_off() {
    let script = || {
        vec![
            expect(CONNECT_311),
            send(CONNACK_311),
            expect(b"\x30\x04\x00\x01ax"),
            expect(DISCONNECT),
        ]
    };
    for (flags, variable) in [
        (&["--no-tls"][..], Some(("MQTT_CAFILE", "/nonexistent"))),
        (&["--no-tls", "--insecure"], None),
    ] {
        let peer = Peer::new(vec![script()]);
        mqkit()
            .args(["pub", "-V", "311", "-i", "c", "-t", "a", "-m", "x"])
            .args(["-h", "127.0.0.1", "-p", &peer.port.to_string()])
            .args(flags)
            .envs(variable)
            .assert()
            .success();
        peer.finish();
    }
    mqkit()
        .args(["pub", "-t", "a", "-m", "x", "-L", "wss://h", "--no-tls"])
        .assert()
        .code(2)
        .stderr(contains("--no-tls contradicts the URL").and(contains("hint").not()));
}
