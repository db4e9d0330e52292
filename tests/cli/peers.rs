//! What other tools were seen to get wrong (the field study's R1 to R16), and that it is right here. The tests are named
//! after the items; some stand where they belong for another reason:
//!
//! | item | the fault | its test |
//! |---|---|---|
//! | R1 | a refused publish: status 0 | `publish::a_refused_message_is_named` |
//! | R2 | refused subscriptions: status 0 | `subscribe::refused_filters_are_named` |
//! | R3 | connection refused is called "Bad file descriptor" | here, and `statuses::nobody_there_has_status_3` |
//! | R4 | JSON of binary payloads is cut, or no JSON | here; any bytes: `output::message`, a property test |
//! | R5 | a NUL in a line swallows the rest and the next line | here |
//! | R6 | lines lost while the broker is away, status 0 | here at QoS 0; at QoS 1 and 2 `interop::restart` |
//! | R7 | `-W` does not cover connecting; no limit at all in `pub` | here |
//! | R9 | no IPv6 in URLs, no `-h HOST:PORT` | here |
//! | R10 | debug text among the payloads | here |
//! | R11, R13 | no broker: status 0 | R3 |
//! | R12 | 3,073 of 100,000 lines arrive, status 0 | here; in order through brokers: `interop::flood` |
//! | R13 | a refused publish: status 0 | R1 |
//! | R14 | needs a terminal | here |
//! | R15 | binary files are refused, payloads trimmed, legal topics refused | here |
//! | R16 | notes among the payloads, text only, one filter, no time | here |

use super::statuses::{self, Running};
use super::{CONNACK_311, CONNECT_311, DISCONNECT, expect, send};
use crate::support::hostile::saturated;
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::str::{contains, is_match};
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// mqkit in version 3.1.1, with the identifier `c`.
fn call(subcommand: &str, port: u16) -> assert_cmd::Command {
    let mut command = mqkit();
    let port = port.to_string();
    command.args([subcommand, "-h", "127.0.0.1", "-p", &port, "-i", "c", "-V", "311"]);
    command
}

/// A PUBLISH at QoS 0 to the topic `a`, of less than 128 bytes.
fn message(payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(3 + payload.len()).unwrap();
    [&[0x30, length, 0, 1, b'a'], payload].concat()
}

/// A client that publishes these payloads to `a`.
fn publisher(payloads: &[&[u8]]) -> Peer {
    let mut script = vec![expect(CONNECT_311), send(CONNACK_311)];
    script.extend(payloads.iter().map(|payload| expect(&message(payload))));
    script.extend([expect(DISCONNECT), Step::ExpectEnd]);
    Peer::new(vec![script])
}

/// A client that subscribes and gets these payloads.
fn subscriber(subscribe: &[u8], granted: &[u8], payloads: &[&[u8]]) -> Peer {
    let suback = [&[0x90, u8::try_from(2 + granted.len()).unwrap(), 0, 1], granted].concat();
    let messages: Vec<_> = payloads.iter().flat_map(|payload| message(payload)).collect();
    Peer::new(vec![vec![
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(subscribe),
        send(&suback),
        send(&messages),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]])
}

const SUBSCRIBE_A: &[u8] = b"\x82\x06\x00\x01\x00\x01a\x00";

#[test]
fn r3_connection_refused_is_called_that() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (subcommand, flags) in [
        ("pub", &["-t", "a", "-n"][..]),
        ("pub", &["-t", "a", "-l", "-q", "1"]),
        ("sub", &["-t", "a"]),
        ("rr", &["-t", "a", "-n", "-e", "b"]),
    ] {
        call(subcommand, port)
            .args(flags)
            .write_stdin("line\n")
            .assert()
            .code(3)
            .stdout("")
            .stderr(contains("caused by: connection refused\n"));
    }
}

#[test]
fn r4_json_lines_are_json_and_hold_every_byte() {
    let payloads: [&[u8]; 5] = [b"\0\xff\0", b"ab\0cd", b"\xff\xfe", b"not json", b"[1, 2.50]"];
    for (flags, last) in [
        (&[][..], [r#""payload":"not json""#, r#""payload":"[1, 2.50]""#]),
        (&["-F", "%J"], [r#""payload":"not json""#, r#""payload":[1,2.50]"#]),
    ] {
        let peer = subscriber(SUBSCRIBE_A, &[0], &payloads);
        let assert = call("sub", peer.port)
            .args(["-t", "a", "-C", "5"])
            .args(flags)
            .assert()
            .success()
            .stderr("");
        peer.finish();
        let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let expected = [
            r#""payloadlen":3,"payload_base64":"AP8A"}"#,
            r#""payloadlen":5,"payload":"ab\u0000cd"}"#,
            r#""payloadlen":2,"payload_base64":"//4="}"#,
            &format!("\"payloadlen\":8,{}}}", last[0]),
            &format!("\"payloadlen\":9,{}}}", last[1]),
        ];
        assert_eq!(lines.len(), expected.len(), "{text}");
        for (line, end) in lines.into_iter().zip(expected) {
            assert!(line.ends_with(end), "{line} should end with {end}");
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }
}

#[test]
fn r5_a_nul_is_a_byte_of_its_line() {
    let peer = publisher(&[b"ab\0cd", b"line2"]);
    call("pub", peer.port)
        .args(["-t", "a", "-l"])
        .write_stdin("ab\0cd\nline2\n")
        .assert()
        .success();
    peer.finish();
}

#[test]
fn r6_lines_wait_while_the_broker_is_away_and_what_may_be_lost_is_told() {
    let peer = Peer::new(vec![
        vec![expect(CONNECT_311), send(CONNACK_311), expect(&message(b"1"))],
        vec![
            expect(CONNECT_311),
            send(CONNACK_311),
            expect(&message(b"2")),
            expect(&message(b"3")),
            expect(DISCONNECT),
            Step::ExpectEnd,
        ],
    ]);
    let port = peer.port.to_string();
    let child = Command::new(env!("CARGO_BIN_EXE_mqkit"))
        .args([
            "pub",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-i",
            "c",
            "-V",
            "311",
            "-t",
            "a",
            "-l",
        ])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let mut stdin = running.0.stdin.take().unwrap();
    stdin.write_all(b"1\n").unwrap();
    statuses::wait_for("trying again", &mut running);
    stdin.write_all(b"2\n3\n").unwrap();
    drop(stdin);
    statuses::wait_for("sent=3 failed=0 doubtful=1", &mut running);
    assert_eq!(running.0.wait().unwrap().code(), Some(1));
    peer.finish();
}

#[test]
fn r7_time_limits_hold_from_the_first_moment() {
    let (listener, _waiting) = saturated();
    let full = listener.local_addr().unwrap().port();
    let calls: [(&str, &[&str], i32); 5] = [
        ("sub", &["-t", "a", "-W", "0.5"], 27),
        ("rr", &["-t", "a", "-n", "-e", "b", "-W", "0.5"], 27),
        ("pub", &["-t", "a", "-n", "--deadline", "0.5"], 27),
        ("pub", &["-t", "a", "-n", "--connect-timeout", "0.5"], 3),
        ("sub", &["-t", "a", "--connect-timeout", "0.5"], 3),
    ];
    for (subcommand, flags, status) in calls {
        let began = Instant::now();
        call(subcommand, full).args(flags).assert().code(status).stdout("");
        assert!(began.elapsed() < Duration::from_secs(15), "{subcommand} {flags:?}");
    }
    // TCP, and no CONNACK.
    for (subcommand, flags, status) in calls {
        let peer = Peer::new(vec![vec![expect(CONNECT_311), Step::Silence]]);
        call(subcommand, peer.port).args(flags).assert().code(status).stdout("");
        peer.finish();
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "says why a test checks less")]
fn r9_hosts_have_ports_and_colons() {
    let script = || {
        vec![vec![
            expect(CONNECT_311),
            send(CONNACK_311),
            expect(&message(b"x")),
            expect(DISCONNECT),
        ]]
    };
    let publish = |flags: &[&str]| {
        let mut command = mqkit();
        command.args(["pub", "-i", "c", "-V", "311", "-m", "x"]).args(flags);
        command.assert().success();
    };
    let peer = Peer::new(script());
    publish(&["-t", "a", "-h", &format!("127.0.0.1:{}", peer.port)]);
    peer.finish();
    for form in ["URL", "HOST:PORT", "HOST"] {
        let Ok(listener) = TcpListener::bind("[::1]:0") else {
            return eprintln!("no IPv6 here: its addresses are not checked");
        };
        let peer = Peer::on(listener, script());
        let port = peer.port.to_string();
        match form {
            "URL" => publish(&["-L", &format!("mqtt://[::1]:{port}/a")]),
            "HOST:PORT" => publish(&["-t", "a", "-h", &format!("[::1]:{port}")]),
            _ => publish(&["-t", "a", "-h", "::1", "-p", &port]),
        }
        peer.finish();
    }
}

#[test]
fn r10_debug_text_goes_to_stderr() {
    let peer = subscriber(SUBSCRIBE_A, &[0], &[b"one", b"two"]);
    call("sub", peer.port)
        .args(["-t", "a", "-C", "2", "--raw", "-d"])
        .assert()
        .success()
        .stdout("one\ntwo\n")
        .stderr(contains("connected to"));
    peer.finish();
    let peer = publisher(&[b"x"]);
    call("pub", peer.port)
        .args(["-t", "a", "-m", "x", "-d"])
        .assert()
        .success()
        .stdout("")
        .stderr(contains("sent=1"));
    peer.finish();
}

const MANY: u32 = 100_000;

/// Acknowledges every PUBLISH at QoS 1; says when the first one is there. Gives the number, and whether the payloads
/// were 1, 2, 3, …
fn acknowledge_all(stream: TcpStream, first: &std::sync::mpsc::Sender<()>) -> (u32, bool) {
    let mut output = stream.try_clone().unwrap();
    let mut input = BufReader::with_capacity(64 * 1024, stream);
    let (mut answers, mut count, mut in_order) = (Vec::new(), 0, true);
    let mut header = [0; 2];
    while input.read_exact(&mut header).is_ok() {
        let mut packet = vec![0; usize::from(header[1])];
        input.read_exact(&mut packet).unwrap();
        match header[0] {
            0x10 => answers.extend_from_slice(CONNACK_311),
            0x32 => {
                count += 1;
                answers.extend([0x40, 2, packet[3], packet[4]]);
                in_order &= packet[5..] == *count.to_string().as_bytes();
                if count == 1 {
                    let _ = first.send(());
                }
            }
            0xe0 => break,
            other => panic!("0x{other:02x} {packet:02x?}"),
        }
        if input.buffer().is_empty() {
            output.write_all(&answers).unwrap();
            answers.clear();
        }
    }
    (count, in_order)
}

#[test]
fn r12_a_hundred_thousand_lines_arrive() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (first, has_first) = std::sync::mpsc::channel();
    let peer = std::thread::spawn(move || acknowledge_all(listener.accept().unwrap().0, &first));
    let child = Command::new(env!("CARGO_BIN_EXE_mqkit"))
        .args([
            "pub",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-V",
            "311",
            "-t",
            "a",
            "-l",
            "-q",
            "1",
        ])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let mut stdin = running.0.stdin.take().unwrap();
    let lines = |from: u32, to: u32| (from..=to).map(|number| format!("{number}\n")).collect::<String>();
    stdin.write_all(lines(1, 1000).as_bytes()).unwrap();
    // The rest is written long after the connection was made.
    has_first.recv_timeout(Duration::from_secs(20)).unwrap();
    stdin.write_all(lines(1001, MANY).as_bytes()).unwrap();
    drop(stdin);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert_eq!(peer.join().unwrap(), (MANY, true));
}

#[test]
fn r14_no_terminal_is_needed() {
    for closed in ["<&-", "</dev/null", "<&- >&- 2>&-"] {
        let peer = publisher(&[b"y"]);
        let words = format!(
            "exec {} pub -h 127.0.0.1 -p {} -i c -V 311 -t a -m y {closed}",
            env!("CARGO_BIN_EXE_mqkit"),
            peer.port
        );
        let status = Command::new("sh")
            .args(["-c", &words])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env_remove("TERM")
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(0), "{closed}");
        peer.finish();
    }
}

#[test]
fn r15_payloads_are_their_bytes_and_legal_topics_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bin.dat");
    let bytes: Vec<u8> = (0..=99).chain(200..=219).collect();
    std::fs::write(&path, &bytes).unwrap();
    let peer = publisher(&[&bytes]);
    call("pub", peer.port)
        .args(["-t", "a", "-f"])
        .arg(&path)
        .assert()
        .success();
    peer.finish();
    // Nothing is trimmed.
    std::fs::write(&path, "  x \r\n\n").unwrap();
    let peer = publisher(&[b"  x \r\n\n"]);
    call("pub", peer.port)
        .args(["-t", "a", "-f"])
        .arg(&path)
        .assert()
        .success();
    peer.finish();
    let peer = publisher(&[b" \xff\n"]);
    call("pub", peer.port)
        .args(["-t", "a", "-s"])
        .write_stdin(b" \xff\n")
        .assert()
        .success();
    peer.finish();
    for topic in ["a//b", "a/", "/", " ", "é"] {
        let length = u8::try_from(topic.len()).unwrap();
        let packet = [&[0x30, length + 3, 0, length], topic.as_bytes(), b"x"].concat();
        let peer = Peer::new(vec![vec![
            expect(CONNECT_311),
            send(CONNACK_311),
            expect(&packet),
            expect(DISCONNECT),
        ]]);
        call("pub", peer.port).args(["-t", topic, "-m", "x"]).assert().success();
        peer.finish();
    }
}

#[test]
fn r16_stdout_has_the_messages_and_nothing_else() {
    // Two filters, one of which gets less than it asks for: that is a note.
    let subscribe = b"\x82\x0a\x00\x01\x00\x01a\x01\x00\x01b\x01";
    let peer = subscriber(subscribe, &[1, 0], &[b"\xff\x00", b"x"]);
    call("sub", peer.port)
        .args(["-t", "a", "-t", "b", "-q", "1", "-C", "2", "--raw"])
        .assert()
        .success()
        .stdout(&b"\xff\x00\nx\n"[..])
        .stderr("mqkit: the broker grants QoS 0 to \"b\", asked for 1\n");
    peer.finish();
    let peer = subscriber(subscribe, &[1, 1], &[b"x"]);
    call("sub", peer.port)
        .args(["-t", "a", "-t", "b", "-q", "1", "-C", "1"])
        .assert()
        .success()
        .stdout(is_match("^\\{\"tst\":\"20[0-9-]{8}T[0-9:]{8}\\.[0-9]{6}Z\",[^\n]*\"payload\":\"x\"\\}\n$").unwrap())
        .stderr("");
    peer.finish();
}
