//! Proxies, Unix sockets, local addresses: exact bytes of the talk with a proxy, and what is said of faults.

use super::{CONNACK_311, CONNECT_311, DISCONNECT, expect, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::prelude::*;
use predicates::str::contains;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// `mqkit pub` of 3.1.1 with the packets of [`mqtt`].
fn publish() -> assert_cmd::Command {
    let mut command = mqkit();
    command.args(["pub", "-V", "311", "-i", "c", "-t", "a", "-m", "x"]);
    command
}

fn mqtt() -> Vec<Step> {
    vec![
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(b"\x30\x04\x00\x01ax"),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]
}

fn with_mqtt(mut steps: Vec<Step>) -> Peer {
    steps.extend(mqtt());
    Peer::new(vec![steps])
}

const TO_BROKER: &[u8] = b"\x05\x01\x00\x03\x0ebroker.example\x07\x5b";
const PASSED: &[u8] = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34";

fn socks(request: &[u8]) -> Vec<Step> {
    vec![
        expect(b"\x05\x01\x00"),
        send(b"\x05\x00"),
        expect(request),
        send(PASSED),
    ]
}

#[test]
fn socks_proxies_are_asked_in_exact_bytes() {
    let rows: Vec<(&str, &str, Vec<Step>)> = vec![
        ("socks5h://127.0.0.1:PORT", "broker.example", socks(TO_BROKER)),
        // An address that is a name, and one of IPv6: both have to be read to their end.
        (
            "socks5h://127.0.0.1:PORT",
            "broker.example",
            vec![
                expect(b"\x05\x01\x00"),
                send(b"\x05\x00"),
                expect(TO_BROKER),
                send(b"\x05\x00\x00\x03\x03abc\x12\x34"),
            ],
        ),
        (
            "socks5h://127.0.0.1:PORT",
            "[2001:db8::7]:99",
            vec![
                expect(b"\x05\x01\x00"),
                send(b"\x05\x00"),
                expect(b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\0\x63"),
                send(b"\x05\x00\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x12\x34"),
            ],
        ),
        (
            "socks5://127.0.0.1:PORT",
            "localhost",
            socks(b"\x05\x01\x00\x01\x7f\0\0\x01\x07\x5b"),
        ),
        (
            "socks5h://127.0.0.1:PORT",
            "localhost",
            socks(b"\x05\x01\x00\x03\x09localhost\x07\x5b"),
        ),
        (
            "socks5h://u:p%40w@127.0.0.1:PORT",
            "broker.example",
            vec![
                expect(b"\x05\x02\x00\x02"),
                send(b"\x05\x02"),
                expect(b"\x01\x01u\x03p@w"),
                send(b"\x01\x00"),
                expect(TO_BROKER),
                send(PASSED),
            ],
        ),
        // A proxy may do without the password.
        (
            "socks5h://u:p@127.0.0.1:PORT",
            "broker.example",
            vec![
                expect(b"\x05\x02\x00\x02"),
                send(b"\x05\x00"),
                expect(TO_BROKER),
                send(PASSED),
            ],
        ),
    ];
    for (proxy, host, steps) in rows {
        let peer = with_mqtt(steps);
        publish()
            .args(["-h", host, "--proxy", &proxy.replace("PORT", &peer.port.to_string())])
            .assert()
            .success()
            .stderr("");
        peer.finish();
    }
}

#[test]
fn http_proxies_are_asked_in_exact_bytes() {
    let rows = [
        ("http://127.0.0.1:PORT", "broker.example", "broker.example:1883", ""),
        ("127.0.0.1:PORT", "[2001:db8::7]:99", "[2001:db8::7]:99", ""),
        (
            "http://u:pw@127.0.0.1:PORT/",
            "localhost",
            "localhost:1883",
            "Proxy-Authorization: Basic dTpwdw==\r\n",
        ),
    ];
    for (proxy, host, target, header) in rows {
        let peer = with_mqtt(vec![
            expect(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{header}\r\n").as_bytes()),
            send(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"),
        ]);
        publish()
            .args(["-h", host, "--proxy", &proxy.replace("PORT", &peer.port.to_string())])
            .assert()
            .success()
            .stderr("");
        peer.finish();
    }
}

#[test]
fn tls_and_websocket_go_through_a_proxy() {
    let rows = [
        (
            "ws://broker.example",
            80_u16,
            &b"GET /mqtt HTTP/1.1\r\nHost: broker.example\r\n"[..],
            "(WebSocket)",
        ),
        ("wss://broker.example", 443, &[0x16, 0x03], "(TLS)"),
        ("mqtts://broker.example", 8883, &[0x16, 0x03], "(TLS)"),
    ];
    for (url, port, first, stage) in rows {
        let request = [b"\x05\x01\x00\x03\x0ebroker.example", &port.to_be_bytes()[..]].concat();
        let mut steps = socks(&request);
        steps.push(expect(first));
        let peer = Peer::new(vec![steps]);
        let mut command = publish();
        if stage == "(TLS)" {
            command.arg("--insecure");
        }
        command
            .args(["-L", url, "--proxy", &format!("socks5h://127.0.0.1:{}", peer.port)])
            .assert()
            .code(3)
            .stderr(contains(format!("cannot connect to broker.example:{port} {stage}")));
        peer.finish();
    }
}

#[test]
fn faults_of_proxies_are_explained() {
    let hello = |answer: &[u8]| vec![expect(b"\x05\x01\x00"), send(answer)];
    let reply = |code: u8| {
        let mut steps = hello(b"\x05\x00");
        steps.extend([expect(TO_BROKER), send(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0])]);
        steps
    };
    let log_in = |answer: &[u8]| {
        vec![
            expect(b"\x05\x02\x00\x02"),
            send(b"\x05\x02"),
            expect(b"\x01\x01u\x02pw"),
            send(answer),
        ]
    };
    let http = |answer: &[u8]| {
        vec![
            expect(b"CONNECT broker.example:1883 HTTP/1.1\r\nHost: broker.example:1883\r\n\r\n"),
            send(answer),
        ]
    };
    let rows: Vec<(&str, Vec<Step>, &str, &str)> = vec![
        ("socks5h://", reply(1), "answered: general failure", ""),
        (
            "socks5h://",
            reply(2),
            "answered: the connection is not allowed",
            "hint: the proxy's rules",
        ),
        ("socks5h://", reply(5), "answered: connection refused", ""),
        ("socks5h://", reply(77), "answered with the unknown code 77", ""),
        (
            "socks5h://",
            hello(b"\x05\xff"),
            "wants a user name and a password",
            "hint: give user name",
        ),
        (
            "socks5h://",
            hello(b"HTTP/1.1 400"),
            "does not speak SOCKS5: it answered with the byte 0x48",
            "hint: is it a proxy",
        ),
        (
            "socks5h://",
            vec![expect(b"\x05\x01\x00")],
            "closed the connection",
            "hint: is it a proxy",
        ),
        (
            "socks5h://u:pw@",
            log_in(b"\x01\x01"),
            "does not accept user name and password",
            "hint: check user name",
        ),
        (
            "socks5h://u:pw@",
            vec![expect(b"\x05\x02\x00\x02"), send(b"\x05\xff")],
            "wants another way to log in",
            "hint: check user name",
        ),
        (
            "http://",
            http(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
            "answered 407 Proxy Authentication Required",
            "hint: give user name",
        ),
        (
            "http://",
            http(b"HTTP/1.1 403 \x1b[1mNo\r\n\r\n"),
            "answered 403 \\u{1b}[1mNo",
            "hint: the proxy's rules",
        ),
        (
            "http://",
            http(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"),
            "answered 502 Bad Gateway",
            "",
        ),
        (
            "http://",
            http(b"\x05\xff"),
            "does not speak HTTP: it sent \"\\x05\"",
            "hint: is it a proxy",
        ),
        (
            "http://",
            http(b"HTTP/1.1 what\r\n\r\n"),
            "does not answer in HTTP",
            "hint: is it a proxy",
        ),
    ];
    for (scheme, steps, cause, hint) in rows {
        let peer = Peer::new(vec![steps]);
        let address = format!("127.0.0.1:{}", peer.port);
        publish()
            .args(["-h", "broker.example", "--proxy", &format!("{scheme}{address}")])
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains(format!(
                "mqkit: cannot connect to broker.example:1883 (proxy)\ncaused by: the proxy {address}"
            )))
            .stderr(contains(cause))
            .stderr(contains(hint));
        peer.finish();
    }
}

#[test]
fn a_proxy_that_is_away_or_silent_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    publish()
        .args([
            "-h",
            "broker.example",
            "--proxy",
            &format!("socks5h://127.0.0.1:{port}"),
        ])
        .assert()
        .code(3)
        .stderr(contains("(proxy)"))
        .stderr(contains(format!(
            "the proxy 127.0.0.1:{port} cannot be reached: connection refused"
        )))
        .stderr(contains("hint: check --proxy, or ALL_PROXY"));
    let peer = Peer::new(vec![vec![Step::Silence]]);
    publish()
        .args(["-h", "broker.example", "--connect-timeout", "200ms"])
        .args(["--proxy", &format!("http://127.0.0.1:{}", peer.port)])
        .assert()
        .code(3)
        .stderr(contains(
            "cannot connect to broker.example:1883 (proxy)\ncaused by: no success within 200ms",
        ));
    peer.finish();
    // With socks5:// the look-up is done here.
    publish()
        .args(["-h", "name.invalid", "--proxy", "socks5://127.0.0.1:1"])
        .assert()
        .code(3)
        .stderr(contains("cannot connect to name.invalid:1883 (name look-up)"));
}

#[test]
fn the_environment_names_a_proxy_for_hosts_that_are_far() {
    for (name, other) in [
        ("ALL_PROXY", None),
        ("all_proxy", Some(("ALL_PROXY", "socks5h://name.invalid"))),
        ("MQTT_PROXY", Some(("all_proxy", "socks5h://name.invalid"))),
    ] {
        let peer = with_mqtt(socks(TO_BROKER));
        publish()
            .env(name, format!("socks5h://127.0.0.1:{}", peer.port))
            .envs(other)
            .env("NO_PROXY", "other.example,10.0.0.0/8")
            .args(["-h", "broker.example"])
            .assert()
            .success();
        peer.finish();
    }
    // Without the proxy there is a look-up, which fails.
    for (variables, flags) in [
        (
            &[("ALL_PROXY", "socks5h://127.0.0.1:1"), ("NO_PROXY", "x, .invalid")][..],
            &[][..],
        ),
        (&[("ALL_PROXY", "socks5h://127.0.0.1:1"), ("no_proxy", "*")], &[]),
        (&[("ALL_PROXY", "nonsense://")], &["--proxy", "none"]),
        (&[("ALL_PROXY", "nonsense://"), ("MQTT_PROXY", "none")], &[]),
    ] {
        publish()
            .envs(variables.iter().copied())
            .args(["-h", "name.invalid"])
            .args(flags)
            .assert()
            .code(3)
            .stderr(contains("(name look-up)"));
    }
    // This computer is not far.
    let peer = with_mqtt(Vec::new());
    publish()
        .env("ALL_PROXY", "socks5h://127.0.0.1:1")
        .args(["-h", "127.0.0.1", "-p", &peer.port.to_string()])
        .assert()
        .success();
    peer.finish();
}

#[test]
fn a_proxy_that_cannot_be_used_is_an_error_and_no_way_around_it() {
    publish()
        .args(["-h", "broker.example"])
        .env("ALL_PROXY", "https://u:secret@proxy.example")
        .assert()
        .code(2)
        .stderr(contains("ALL_PROXY is not the URL of a proxy").and(contains("the scheme `https` is not supported")))
        .stderr(contains("secret").not());
    publish()
        .args(["-h", "broker.example", "--proxy", "socks5://u:secret/x@h"])
        .assert()
        .code(2)
        .stderr(contains("--proxy is not the URL of a proxy").and(contains("written %2F")))
        .stderr(contains("secret").not());
}

// ----- Unix sockets, and the listeners of the embedded broker

struct Broker {
    child: Child,
    urls: Vec<String>,
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn broker(words: &[&str]) -> Broker {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
    command.args(["broker", "--port", "0"]).args(words);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let urls = lines.take(1 + words.len() / 2).map(Result::unwrap).collect();
    Broker { child, urls }
}

#[test]
fn a_unix_socket_is_named_in_many_ways() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("b.sock");
    let path = path.to_str().unwrap();
    let broker = broker(&["--unix", path]);
    assert_eq!(broker.urls[1], format!("unix:{path}"));
    let url = format!("unix:{path}");
    let with_user = format!("unix://u:p@{path}");
    type Row<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);
    let rows: &[Row<'_>] = &[
        (&["--unix", path], &[]),
        (&["-L", &url], &[]),
        (&["-L", &with_user], &[]),
        (&["-h", path, "-p", "0"], &[]),
        (&[], &[("MQTT_URL", &url)]),
        (&[], &[("MQTT_HOST", path), ("MQTT_PORT", "0")]),
        (
            &["--unix", path],
            &[("MQTT_HOST", "name.invalid"), ("ALL_PROXY", "http://name.invalid")],
        ),
        (&["--unix", path, "--no-tls"], &[("MQTT_CAFILE", "/nonexistent")]),
    ];
    for (flags, variables) in rows {
        mqkit()
            .args(["pub", "-t", "a", "-m", "x", "-q", "1", "-d"])
            .args(*flags)
            .envs(variables.iter().copied())
            .assert()
            .success()
            .stderr(contains(format!("connected to {path} as")));
    }
}

#[test]
fn faults_of_unix_sockets_are_explained() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("absent.sock");
    let path = path.to_str().unwrap();
    publish().args(["--unix", path]).assert().code(3).stderr(format!(
        "mqkit: cannot connect to {path} (Unix socket)\ncaused by: no such file or directory\n\
             hint: is the broker running, and is that the path of its socket?\n"
    ));
    drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    publish().args(["--unix", path]).assert().code(3).stderr(contains(
        "(Unix socket)\ncaused by: connection refused\nhint: nobody listens",
    ));
    for (flags, words) in [
        (&["--unix", "x", "--insecure"][..], "there is no TLS"),
        (
            &["-L", "unix:x", "-A", "127.0.0.1"],
            "there is no local address to bind",
        ),
        (&["-L", "unix:x", "--proxy", "http://h"], "there is no proxy"),
        (&["-p", "0"], "with port 0 the host is the path of a Unix socket"),
        (&["-h", "h:0"], "with port 0 the host is the path"),
        (&["-L", "mqtt://h", "-p", "0"], "with port 0 the host is the path"),
        (&["--unix", "x", "-h", "h"], "cannot be used with"),
    ] {
        publish().args(flags).assert().code(2).stderr(contains(words));
    }
}

#[test]
fn the_broker_listens_on_websocket() {
    let broker = broker(&["--ws-port", "0"]);
    let url = &broker.urls[1];
    assert!(url.starts_with("ws://127.0.0.1:") && url.ends_with("/mqtt"), "{url}");
    for version in ["31", "311", "5"] {
        mqkit()
            .args([
                "pub", "-L", url, "-V", version, "-t", "a", "-m", "x", "-q", "2", "-r", "-d",
            ])
            .assert()
            .success()
            .stderr(contains(", WebSocket"));
    }
    // Who comes without WebSocket is told where it is spoken.
    mqkit()
        .args([
            "pub",
            "-L",
            &url.replace("ws://", "mqtt://"),
            "-t",
            "a",
            "-m",
            "x",
            "-V",
            "311",
        ])
        .assert()
        .failure()
        .stderr(contains("hint: the port speaks HTTP: use ws:// if it is for WebSocket"));
    let large = "z".repeat(300_000);
    mqkit()
        .args(["pub", "-L", url, "-t", "b", "-s", "-q", "1", "-r"])
        .write_stdin(large.clone())
        .assert()
        .success();
    mqkit()
        .args(["sub", "-L", url, "-t", "b", "-C", "1", "--raw"])
        .assert()
        .success()
        .stdout(large + "\n");

    let address = url.trim_start_matches("ws://").trim_end_matches("/mqtt");
    let asks =
        "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (request, answer) in [
        (
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            "HTTP/1.1 426 Upgrade Required\r\n",
        ),
        (
            format!("GET / HTTP/1.1\r\n{asks}Sec-WebSocket-Version: 12\r\n\r\n"),
            "HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\n",
        ),
        (
            format!("GET / HTTP/1.1\r\n{asks}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
            "HTTP/1.1 400 Bad Request\r\n",
        ),
        (
            format!(
                "GET /any HTTP/1.1\r\n{asks}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, mqtt\r\n\r\n\
                 \u{2}\u{0}"
            ),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
        ),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut found = vec![0; answer.len()];
        stream.read_exact(&mut found).unwrap();
        assert_eq!(String::from_utf8_lossy(&found), answer);
        // What is no frame of a client (they are masked) ends the connection, as a refusal does.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

// ----- addresses

#[test]
fn a_local_address_is_connected_from() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let peer = std::thread::spawn(move || listener.accept().unwrap().1.ip().to_string());
    publish()
        .args(["-h", "127.0.0.1", "-p", &port, "-A", "127.0.0.9"])
        .assert()
        .failure();
    assert_eq!(peer.join().unwrap(), "127.0.0.9");
}

#[test]
fn an_ipv6_address_is_written_with_and_without_brackets() {
    let port = match TcpListener::bind("[::1]:0") {
        Ok(listener) => listener.local_addr().unwrap().port(),
        // A computer may have no IPv6 at all.
        Err(_) => return,
    };
    let port = port.to_string();
    for place in [
        vec!["-L".to_owned(), format!("mqtt://[::1]:{port}")],
        vec!["-L".to_owned(), format!("ws://[::1]:{port}")],
        vec!["-h".to_owned(), format!("[::1]:{port}")],
        vec!["-h".to_owned(), "::1".to_owned(), "-p".to_owned(), port.clone()],
    ] {
        publish().args(place).assert().code(3).stderr(contains(format!(
            "cannot connect to [::1]:{port} (TCP)\ncaused by: connection refused"
        )));
    }
}

#[test]
fn flags_that_are_not_supported_say_why() {
    for (flags, words) in [
        (&["--psk", "deadbeef"][..], "pre-shared key (--psk) is not supported"),
        (&["--psk-identity", "me"], "pre-shared key (--psk) is not supported"),
        (&["--tls-engine", "e"], "OpenSSL's engines"),
        (&["--tls-engine-kpass-sha1", "e"], "OpenSSL's engines"),
        (&["--keyform", "engine"], "OpenSSL's engines"),
        (&["-S"], "SRV record (-S) is not supported"),
    ] {
        publish()
            .args(flags)
            .assert()
            .code(2)
            .stderr(contains(words).and(contains("deadbeef").not()));
    }
    let peer = with_mqtt(Vec::new());
    publish()
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &peer.port.to_string(),
            "--nodelay",
            "--keyform",
            "pem",
        ])
        .assert()
        .success();
    peer.finish();
}
