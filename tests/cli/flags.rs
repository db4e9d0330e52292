//! What flags do that no other test sees; `flags` beside this directory finds them.

use super::{CONNACK_311, CONNECT_311, expect, send};
use crate::support::certificates::Certificates;
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};

#[test]
fn a_message_is_sent_again_inside_the_connection() {
    let peer = Peer::new(vec![vec![
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(b"\x32\x09\x00\x03a/b\x00\x01hi"),
        expect(b"\x3a\x09\x00\x03a/b\x00\x01hi"),
        send(&[0x40, 2, 0, 1]),
        // Perhaps it was sent once more meanwhile.
        Step::Silence,
    ]]);
    mqkit()
        .args(["pub", "-h", "127.0.0.1", "-p", &peer.port.to_string(), "-i", "c"])
        .args(["-V", "311", "-t", "a/b", "-m", "hi", "-q", "1"])
        .args(["--resend-interval", "300ms"])
        .assert()
        .success();
    peer.finish();
}

#[test]
fn the_identifier_is_the_prefix_and_the_process() {
    for flag in ["-I", "--id-prefix"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_mqkit"))
            .args(["sub", "-h", "127.0.0.1", "-p", &port, "-V", "311", "-t", "a"])
            .args([flag, "it-"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let id = format!("it-{}", child.id());
        let length = u8::try_from(id.len()).unwrap();
        let head = [0x10, 12 + length, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, length];
        let expected = [&head[..], id.as_bytes()].concat();
        let (mut stream, _) = listener.accept().unwrap();
        let mut found = vec![0; expected.len()];
        stream.read_exact(&mut found).unwrap();
        assert_eq!(found, expected, "{found:02x?}");
        drop((stream, listener));
        child.wait().unwrap();
    }
}

// ----- decode --keylog

struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A broker, and its TLS port.
fn tls_broker(certificates: &Certificates) -> (Broker, u16) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
    command.args(["broker", "--port", "0", "--tls-port", "0"]);
    command.arg("--cert").arg(certificates.path("server.pem"));
    command.arg("--key").arg(certificates.path("server.key"));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).nth(1).unwrap();
    (Broker(child), line.rsplit(':').next().unwrap().parse().unwrap())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Client,
    Server,
}

/// Passes one direction on, and keeps what passes.
fn relay(from: From, mut source: TcpStream, mut target: TcpStream, kept: &Sender<(From, Vec<u8>)>) {
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = source.read(&mut buffer) {
        let _ = kept.send((from, buffer[..length].to_vec()));
        if target.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = target.shutdown(Shutdown::Write);
}

/// A capture file of one TCP connection over IPv4, without a link layer.
fn capture(pieces: &[(From, Vec<u8>)]) -> Vec<u8> {
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    let mut file = Vec::new();
    for number in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 101] {
        file.extend(number.to_le_bytes());
    }
    let mut at = [1000_u32, 2000];
    let handshake = [
        (From::Client, SYN, &[][..]),
        (From::Server, SYN | ACK, &[]),
        (From::Client, ACK, &[]),
    ];
    let data = pieces.iter().map(|(from, piece)| (*from, ACK, &piece[..]));
    for (from, flags, data) in handshake.into_iter().chain(data) {
        let (own, other) = if from == From::Client { (0, 1) } else { (1, 0) };
        let length = u16::try_from(40 + data.len()).unwrap();
        let ports = [40000_u16, 8883];
        let packet = [
            &[0x45, 0][..],
            &length.to_be_bytes(),
            &[0, 0, 0, 0, 64, 6, 0, 0],
            &[10, 0, 0, own as u8],
            &[10, 0, 0, other as u8],
            &ports[own].to_be_bytes(),
            &ports[other].to_be_bytes(),
            &at[own].to_be_bytes(),
            &at[other].to_be_bytes(),
            &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0],
            data,
        ]
        .concat();
        at[own] += u32::try_from(data.len()).unwrap() + u32::from(flags & SYN != 0);
        for number in [0, 0, u32::from(length), u32::from(length)] {
            file.extend(number.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

/// Publishes through a relay, and writes down what passed.
fn recorded_session(certificates: &Certificates, keys: &Path, file: &Path) {
    let (_broker, broker_port) = tls_broker(certificates);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtts://localhost:{}", listener.local_addr().unwrap().port());
    let (kept, pieces) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let server = TcpStream::connect(("127.0.0.1", broker_port)).unwrap();
        let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let kept_too = kept.clone();
        let back = std::thread::spawn(move || relay(From::Server, server_too, client_too, &kept_too));
        relay(From::Client, client, server, &kept);
        back.join().unwrap();
    });
    mqkit()
        .args(["pub", "-L", &url, "-t", "in/the/clear", "-m", "hello", "-q", "1"])
        .arg("--cafile")
        .arg(certificates.path("ca.pem"))
        .arg("--tls-keylog")
        .arg(keys)
        .assert()
        .success();
    thread.join().unwrap();
    let pieces: Vec<_> = pieces.iter().collect();
    std::fs::write(file, capture(&pieces)).unwrap();
}

#[test]
fn a_key_log_opens_what_was_captured_under_tls() {
    let certificates = Certificates::new();
    let (keys, file) = (certificates.path("keys.log"), certificates.path("tls.pcap"));
    recorded_session(&certificates, &keys, &file);
    let decode = |flags: &[&Path]| {
        let mut command = mqkit();
        let output = command.arg("decode").arg(&file).args(flags).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let open = decode(&[Path::new("--keylog"), &keys]);
    for part in ["CONNECT", "CONNACK", "PUBLISH", "in/the/clear", "PUBACK", "DISCONNECT"] {
        assert!(open.contains(part), "{part} is missing: {open}");
    }
    let closed = decode(&[]);
    assert!(!closed.contains("in/the/clear"), "{closed}");
}
