//! WebSocket against a server that is written as bytes: what is asked for, how frames are cut, what is said of faults.

use super::{CONNACK_311, CONNECT_311, DISCONNECT};
use crate::support::websocket::{
    BINARY, CLOSE, CONTINUATION, FINAL, PING, PONG, TEXT, accept, expect, open, read, read_request, send,
};
use crate::support::{called, mqkit};
use predicates::str::contains;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

/// A server for one connection.
struct Server<T> {
    port: u16,
    thread: JoinHandle<T>,
}

fn server<T: Send + 'static>(talk: impl FnOnce(&mut TcpStream) -> T + Send + 'static) -> Server<T> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        talk(&mut stream)
    });
    Server { port, thread }
}

impl<T> Server<T> {
    fn finish(self) -> T {
        self.thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Takes a client of 3.1.1 to its end, and closes as the standard wants it.
fn one_publish(stream: &mut TcpStream, publish: &[u8]) {
    one_publish_after(stream, CONNECT_311, publish);
}

fn one_publish_after(stream: &mut TcpStream, connect: &[u8], publish: &[u8]) {
    expect(stream, connect);
    send(stream, FINAL | BINARY, CONNACK_311);
    expect(stream, &[publish, DISCONNECT].concat());
    let (first, _) = read(stream);
    assert_eq!(first, FINAL | CLOSE);
    send(stream, FINAL | CLOSE, &1000_u16.to_be_bytes());
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "{rest:02x?}");
}

const PUBLISH: &[u8] = b"\x30\x04\x00\x01ax";

#[test]
fn the_request_is_as_the_flags_and_the_url_want_it() {
    let usual = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: KEY\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n";
    let own = &["-h", "127.0.0.1", "-p", "PORT"][..];
    /// Flags for the place, other flags, then path, host and further headers of the request.
    type Row<'a> = (&'a [&'a str], &'a [&'a str], &'a str, &'a str, &'a str);
    let rows: &[Row<'_>] = &[
        (own, &["--ws"], "/mqtt", "127.0.0.1:PORT", ""),
        (own, &["--ws-path", "other path"], "/other%20path", "127.0.0.1:PORT", ""),
        (own, &["--ws-header", "A: b"], "/mqtt", "127.0.0.1:PORT", "A: b\r\n"),
        (
            own,
            &[
                "--ws",
                "--ws-header",
                "Host: h",
                "--ws-header",
                "Origin:http://o",
                "--ws-path",
                "/",
            ],
            "/",
            "",
            "Host: h\r\nOrigin: http://o\r\n",
        ),
        (&["-L", "ws://127.0.0.1:PORT"], &[], "/mqtt", "127.0.0.1:PORT", ""),
        (
            &["-L", "ws://localhost:PORT/a/b?c=d"],
            &[],
            "/a/b?c=d",
            "localhost:PORT",
            "",
        ),
        (
            &["-L", "ws://localhost:PORT/a"],
            &["--ws-path", "/b"],
            "/b",
            "localhost:PORT",
            "",
        ),
        (
            &["-L", "mqtt://localhost:PORT/a"],
            &["--ws"],
            "/mqtt",
            "localhost:PORT",
            "",
        ),
    ];
    for (place, flags, path, host, headers) in rows {
        let server = server(|stream| {
            let request = open(stream);
            one_publish(stream, PUBLISH);
            request
        });
        let port = server.port.to_string();
        mqkit()
            .args(["pub", "-V", "311", "-i", "c", "-t", "a", "-m", "x"])
            .args(place.iter().map(|word| word.replace("PORT", &port)))
            .args(*flags)
            .assert()
            .success()
            .stderr("");
        let host = match *host {
            "" => String::new(),
            host => format!("Host: {host}\r\n").replace("PORT", &port),
        };
        assert_eq!(
            server.finish(),
            format!("GET {path} HTTP/1.1\r\n{host}{usual}{headers}\r\n")
        );
    }
}

#[test]
fn packets_may_be_cut_into_frames_in_any_way() {
    let payload = "p".repeat(70_000);
    let (sent, printed) = (payload.clone(), format!("one\ntwo\n{payload}\n"));
    let server = server(move |stream| {
        open(stream);
        expect(stream, CONNECT_311);
        // Each byte in a frame of its own, the last two in one message of three fragments, with a ping among them.
        send(stream, FINAL | BINARY, &CONNACK_311[..1]);
        send(stream, FINAL | BINARY, &[]);
        send(stream, FINAL | BINARY, &CONNACK_311[1..2]);
        send(stream, BINARY, &CONNACK_311[2..3]);
        send(stream, FINAL | PING, b"beat");
        send(stream, CONTINUATION, &CONNACK_311[3..]);
        send(stream, FINAL | CONTINUATION, &[]);
        let (first, pong) = read(stream);
        assert_eq!((first, &pong[..]), (FINAL | PONG, &b"beat"[..]));
        let (_, subscribe) = read(stream);
        assert_eq!(subscribe, b"\x82\x06\x00\x01\x00\x01a\x00");
        // Several packets in one frame, the last of them not to its end.
        let large = [b"\x30\xf3\xa2\x04\x00\x01a".as_slice(), sent.as_bytes()].concat();
        let mut bytes = b"\x90\x03\x00\x01\x00\x30\x06\x00\x01aone\x30\x06\x00\x01atwo".to_vec();
        bytes.extend(large);
        send(stream, FINAL | PONG, b"nobody asked");
        send(stream, FINAL | BINARY, &bytes[..25]);
        send(stream, FINAL | BINARY, &bytes[25..66_000]);
        send(stream, FINAL | BINARY, &bytes[66_000..]);
        let (_, unsubscribe_or_disconnect) = read(stream);
        assert_eq!(unsubscribe_or_disconnect, DISCONNECT);
    });
    mqkit()
        .args(["sub", "-V", "311", "-i", "c", "-t", "a", "-C", "3", "--raw"])
        .args(["-L", &format!("ws://127.0.0.1:{}", server.port)])
        .assert()
        .success()
        .stdout(printed);
    server.finish();
}

#[test]
fn a_large_message_is_sent_in_frames_that_are_not_large() {
    let payload = vec![b'y'; 200_000];
    let expected = [b"\x30\xc3\x9a\x0c\x00\x01a".as_slice(), &payload].concat();
    let server = server(move |stream| {
        open(stream);
        one_publish(stream, &expected);
    });
    mqkit()
        .args(["pub", "-V", "311", "-i", "c", "-t", "a", "-s"])
        .args(["-L", &format!("ws://127.0.0.1:{}", server.port)])
        .write_stdin(payload)
        .assert()
        .success();
    server.finish();
}

#[test]
fn what_a_server_answers_instead_is_said() {
    let good = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n";
    let answer = |without: &str, more: &str| {
        let headers: String = good
            .split_inclusive("\r\n")
            .filter(|line| !line.contains(without))
            .collect();
        format!("HTTP/1.1 101 Switching Protocols\r\n{headers}{more}\r\n")
    };
    let mqtt = "Sec-WebSocket-Protocol: mqtt\r\n";
    let rows: &[(String, &[&str])] = &[
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            &[
                "the server answered 404 Not Found to GET /mqtt",
                "hint: the path may be another one, give it with --ws-path",
            ],
        ),
        (
            "HTTP/1.0 401 \x1b[31mNo\r\n\r\n".to_owned(),
            &["answered 401 \\u{1b}[31mNo to GET /mqtt", "hint: ", "--ws-header"],
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: wss://other.example/\r\n\r\n".to_owned(),
            &[
                "answered 302 Found",
                "hint: the server sends its guests to wss://other.example/",
            ],
        ),
        (
            "HTTP/1.1 200 OK\r\n\r\n<html>".to_owned(),
            &["answered 200 OK", "hint: is that a broker's WebSocket port"],
        ),
        ("HTTP/1.1 503\r\n\r\n".to_owned(), &["answered 503 to GET"]),
        (answer("Upgrade: w", mqtt), &["has no `Upgrade: websocket`"]),
        (answer("Connection", mqtt), &["has no `Connection: Upgrade`"]),
        (answer("Accept", mqtt), &["has a wrong Sec-WebSocket-Accept"]),
        (
            answer("none", mqtt).replace("ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            &["has a wrong Sec-WebSocket-Accept"],
        ),
        (
            answer(
                "none",
                &format!("{mqtt}Sec-WebSocket-Extensions: permessage-deflate\r\n"),
            ),
            &["has an extension"],
        ),
        (
            answer("none", ""),
            &["does not take the sub-protocol `mqtt`: it chose none", "hint: "],
        ),
        (
            answer("none", "Sec-WebSocket-Protocol: chat\r\n"),
            &["does not take the sub-protocol `mqtt`: it chose \"chat\""],
        ),
        (
            "\x20\x02\0\0".to_owned(),
            &[
                "does not speak HTTP: it sent \" \"",
                "hint: the port does not seem to speak WebSocket",
            ],
        ),
        (
            "\x15\x03\x01\0\x02\x02\x46".to_owned(),
            &["hint: the port speaks TLS: use wss://"],
        ),
        (
            String::new(),
            &[
                "closed the connection without an answer",
                "hint: the port does not seem to speak WebSocket",
            ],
        ),
    ];
    for (answer, parts) in rows {
        let answer = answer.clone();
        let server = server(move |stream| {
            let (_, key) = read_request(stream);
            stream
                .write_all(answer.replace("ACCEPT", &accept(&key)).as_bytes())
                .unwrap();
        });
        let port = server.port;
        let mut assert = mqkit()
            .args(["pub", "-t", "a", "-m", "x", "-L", &format!("ws://127.0.0.1:{port}")])
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains(format!(
                "mqkit: cannot connect to 127.0.0.1:{port} (WebSocket)\ncaused by: "
            )));
        for part in *parts {
            assert = assert.stderr(contains(*part));
        }
        server.finish();
    }
}

#[test]
fn a_server_that_never_answers_is_given_up_at_this_stage() {
    let server = server(|stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    mqkit()
        .args(["pub", "-t", "a", "-m", "x", "--connect-timeout", "200ms"])
        .args(["-L", &format!("ws://127.0.0.1:{}", server.port)])
        .assert()
        .code(3)
        .stderr(contains(format!(
            "cannot connect to 127.0.0.1:{} (WebSocket)",
            server.port
        )))
        .stderr(contains("no success within 200ms"))
        .stderr(contains("hint: the port does not seem to speak WebSocket"));
    server.finish();
}

#[test]
fn faults_on_an_open_websocket_are_explained() {
    let close = |code: u16, reason: &str| [&code.to_be_bytes()[..], reason.as_bytes()].concat();
    let rows = [
        (
            FINAL | TEXT,
            b"hello".to_vec(),
            "the peer broke the WebSocket protocol: a text frame",
        ),
        (FINAL | 3, Vec::new(), "the peer broke the WebSocket protocol: "),
        (
            FINAL | 0x40 | BINARY,
            Vec::new(),
            "the peer broke the WebSocket protocol: ",
        ),
        (
            FINAL | CLOSE,
            close(1008, "no\u{7} guests"),
            "the peer closed the WebSocket with the code 1008 \"no\\u{7} guests\"",
        ),
        (
            FINAL | CLOSE,
            close(1011, ""),
            "the peer closed the WebSocket with the code 1011\n",
        ),
        (FINAL | CLOSE, close(1000, "bye"), "closed"),
        (FINAL | CLOSE, Vec::new(), "closed"),
    ];
    for (first, payload, words) in rows {
        let is_close = first == FINAL | CLOSE;
        let server = server(move |stream| {
            open(stream);
            expect(stream, CONNECT_311);
            send(stream, FINAL | BINARY, CONNACK_311);
            read(stream);
            send(stream, first, &payload);
            if is_close {
                assert_eq!(read(stream), (FINAL | CLOSE, payload));
            }
            let _ = stream.read_to_end(&mut Vec::new());
        });
        mqkit()
            .args(["sub", "-V", "311", "-i", "c", "-t", "a", "--no-reconnect"])
            .args(["-L", &format!("ws://127.0.0.1:{}", server.port)])
            .assert()
            .code(5)
            .stderr(contains(words));
        server.finish();
    }
}

#[test]
fn a_bad_header_is_refused_without_its_value() {
    mqkit()
        .args(["pub", "-t", "a", "-m", "x", "--ws-header", "Upgrade: secret"])
        .assert()
        .code(2)
        .stderr("mqkit: --ws-header: the header Upgrade is made by the WebSocket protocol itself\n");
}

#[test]
fn under_mosquittos_name_the_path_of_a_url_is_the_topic() {
    let server = server(|stream| {
        let path = open(stream);
        // No identifier: the broker gives one.
        let connect = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00";
        one_publish_after(stream, connect, b"\x30\x06\x00\x03a/bx");
        path
    });
    called("mosquitto_pub")
        .args(["-L", &format!("ws://127.0.0.1:{}/a/b", server.port), "-m", "x"])
        .assert()
        .success();
    assert!(server.finish().contains("/mqtt"));
}
