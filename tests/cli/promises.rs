//! What the command line promises about closed pipes, lost connections, refusals and totals, each against a peer of raw
//! bytes. Limits and signals against hostile peers are in `hostile`.

use super::statuses::{start, url};
use super::{CONNACK_5, CONNACK_311, DISCONNECT, expect, send};
use crate::support::hostile::{Act, Hostile, read_packet};
use crate::support::peer::{Peer, Step};
use crate::support::watched::{Ended, Input, Output, Watched};
use crate::support::{isolate, mqkit};
use predicates::prelude::*;
use predicates::str::contains;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

fn command(words: &str, port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
    isolate(&mut command);
    command
        .args(words.split(' '))
        .args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    command
}

fn end(words: &str, port: u16) -> Ended {
    Watched::start(command(words, port), Input::Nothing, Output::Read).end()
}

/// A peer of one's own making for each connection, and what it tells.
fn peer<T: Send + 'static>(
    converse: impl Fn(usize, &mut TcpStream) -> std::io::Result<T> + Send + 'static,
) -> (u16, Receiver<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = channel();
    // Ends with the tests: it waits for connections that need not come.
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            if let Ok(told) = converse(number, &mut stream) {
                if sender.send(told).is_err() {
                    break;
                }
            }
        }
    });
    (port, receiver)
}

const CONNACK: Act = Act::Send(CONNACK_5);
const SUBACK: Act = Act::Send(&[0x90, 4, 0, 1, 0, 0]);

#[test]
fn a_closed_pipe_ends_sub_without_a_next_message() {
    let peer = Hostile::new(vec![
        Act::Read,
        CONNACK,
        Act::Read,
        SUBACK,
        Act::Send(b"\x30\x05\x00\x01a\x00x"),
    ]);
    let subscriber = command("sub -t a --deadline 10s", peer.port);
    let ended = Watched::start(subscriber, Input::Nothing, Output::OneLine).end();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("\"payload\":\"x\""), "{}", ended.stdout);
}

/// The next message comes only when the one before is acknowledged, so after the pause nothing waits to be read.
#[test]
fn time_blocked_on_stdout_is_not_idle() {
    const COUNT: usize = 20;
    let (port, _) = peer(|_, stream| {
        // PUBLISH of QoS 1, of 20,000 bytes.
        let mut message = b"\x32\xa0\x9c\x01\x00\x01a\x00\x01\x00".to_vec();
        message.resize(4 + 20_000, b'x');
        read_packet(stream)?;
        stream.write_all(CONNACK_5)?;
        read_packet(stream)?;
        stream.write_all(&[0x90, 4, 0, 1, 0, 1])?;
        for _ in 0..COUNT {
            stream.write_all(&message)?;
            read_packet(stream)?;
        }
        read_packet(stream)
    });
    let mut child = command("sub -t a -q 1 --idle 1s", port)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut output = vec![0];
    stdout.read_exact(&mut output).unwrap();
    // A reader who thinks for longer than the limit, while the pipe is full.
    thread::sleep(Duration::from_secs(2));
    stdout.read_to_end(&mut output).unwrap();
    assert_eq!(output.iter().filter(|byte| **byte == b'\n').count(), COUNT);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn another_client_with_the_identifier_is_named_and_not_fought() {
    // What a broker does to the one that was there before, at once.
    let peer = Hostile::new(vec![
        Act::Read,
        Act::Send(CONNACK_311),
        Act::Read,
        Act::Send(&[0x90, 3, 0, 1, 0]),
        Act::Close,
    ]);
    let ended = end("sub -V 311 -i twin -t a --deadline 6s", peer.port);
    assert_eq!(ended.status, Some(27));
    assert!(ended.stderr.contains("another client"), "{}", ended.stderr);
    assert!(peer.connections() <= 12, "{} connections", peer.connections());
    assert!(peer.connections() >= 3, "{} connections", peer.connections());
}

#[test]
fn coming_back_is_told_in_one_line() {
    let session = [
        Step::ExpectType(0x10),
        send(CONNACK_311),
        Step::Answer(|packet| vec![0x90, 3, packet[2], packet[3], 0]),
    ];
    let message = [send(b"\x30\x04\x00\x01ax"), expect(DISCONNECT)];
    let peer = Peer::new(vec![session.to_vec(), [&session[..], &message].concat()]);
    let ended = end("sub -V 311 -t a -C 1 --raw --deadline 20s", peer.port);
    assert_eq!(
        (ended.status, ended.stdout.as_str()),
        (Some(0), "x\n"),
        "{}",
        ended.stderr
    );
    let lines: Vec<_> = ended.stderr.lines().collect();
    let back: Vec<_> = lines.iter().filter(|line| line.contains("connected")).collect();
    assert_eq!(back.len(), 1, "{lines:#?}");
    assert!(back[0].contains(&format!("127.0.0.1:{}", peer.port)), "{back:?}");
    assert!(lines[0].contains("trying again"), "{lines:#?}");
    peer.finish();
}

/// Refuses every PUBLISH of QoS 1 (with a topic of one byte), and subscriptions if they are not to be granted, with this
/// reason code and these properties.
fn refuse(stream: &mut TcpStream, refusal: &[u8], is_granted: bool) -> std::io::Result<()> {
    loop {
        let packet = read_packet(stream)?;
        match packet[0] {
            0x10 => stream.write_all(CONNACK_5)?,
            0x32 => {
                let length = u8::try_from(2 + refusal.len()).unwrap();
                stream.write_all(&[&[0x40, length, packet[5], packet[6]], refusal].concat())?;
            }
            0x82 if is_granted => stream.write_all(&[0x90, 4, packet[2], packet[3], 0, 1])?,
            first @ (0x82 | 0xa2) => {
                // The reason code of a SUBACK or UNSUBACK is behind its properties.
                let (reason, properties) = refusal.split_first().unwrap();
                let length = u8::try_from(2 + refusal.len()).unwrap();
                let start = [first + 0x0e, length, packet[2], packet[3]];
                stream.write_all(&[&start, properties, &[*reason]].concat())?;
            }
            _ => return Ok(()),
        }
    }
}

#[test]
fn a_thousand_refusals_are_named_and_counted() {
    let (port, _) = peer(|_, stream| refuse(stream, &[0x87], true));
    let lines: String = (0..1000).map(|number| format!("{number}\n")).collect();
    let input = Input::Text(String::leak(lines));
    let ended = Watched::start(command("pub -t a -l -q 1", port), input, Output::Read).end();
    assert_eq!(ended.status, Some(4), "{}", ended.stderr);
    let count = ended.stderr.lines().count();
    assert!((2..=12).contains(&count), "{count} lines:\n{:.2000}", ended.stderr);
    assert!(ended.stderr.contains("Not authorized (0x87)"), "{}", ended.stderr);
    assert!(ended.stderr.contains("failed=1000"), "{}", ended.stderr);
}

#[test]
fn a_refusal_is_shown_alike_by_all_commands() {
    // Not authorized, "ask Eve", user property dept=ops.
    const REFUSAL: &[u8] = b"\x87\x16\x1f\x00\x07ask Eve\x26\x00\x04dept\x00\x03ops";
    let mut shown = Vec::new();
    for (words, is_granted) in [
        ("pub -t a -m x -q 1", true),
        ("sub -t a", false),
        ("sub -t b -U a", true),
        ("rr -t a -e b -m x", false),
        ("rr -t a -e b -m x -q 1", true),
    ] {
        let (port, _) = peer(move |_, stream| refuse(stream, REFUSAL, is_granted));
        let ended = end(&format!("{words} --deadline 10s"), port);
        assert_eq!(ended.status, Some(4), "{words}: {}", ended.stderr);
        let line = ended.stderr.lines().find(|line| line.contains("0x87"));
        let line = line.unwrap_or_else(|| panic!("{words}: {}", ended.stderr));
        for part in ["ask Eve", "dept", "ops"] {
            assert!(line.contains(part), "{words}: {part} is missing in {line}");
        }
        shown.push(line[line.find("Not authorized").unwrap()..].to_owned());
    }
    assert!(shown.iter().all(|line| *line == shown[0]), "{shown:#?}");
}

#[test]
fn the_same_failure_is_not_told_each_time() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ended = end("sub -t a --retry 1h --deadline 6s", port);
    assert_eq!(ended.status, Some(27));
    let count = ended
        .stderr
        .lines()
        .filter(|line| line.contains("trying again"))
        .count();
    assert!((1..=5).contains(&count), "{}", ended.stderr);
}

/// Also after a connection that lived long enough for the delays to begin again.
#[test]
fn a_broker_that_stays_away_is_not_told_each_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_packet(&mut stream).unwrap();
        stream.write_all(CONNACK_5).unwrap();
        read_packet(&mut stream).unwrap();
        stream.write_all(&[0x90, 4, 0, 1, 0, 0]).unwrap();
        // Nothing comes: this is the life of the connection.
        stream.set_read_timeout(Some(Duration::from_millis(5200))).unwrap();
        stream.read_exact(&mut [0]).unwrap_err();
    });
    let ended = end("sub -t a --deadline 9s", port);
    peer.join().unwrap();
    assert_eq!(ended.status, Some(27));
    let count = ended.stderr.matches("trying again").count();
    assert!((2..=3).contains(&count), "{}", ended.stderr);
}

#[test]
fn no_retained_message_is_said_with_filter_and_host() {
    let mut broker = start(&["broker", "--port", "0"], Stdio::piped());
    let url = url(&mut broker);
    mqkit()
        .args(["sub", "-L", &url, "-t", "a/+", "--retained-only"])
        .assert()
        .code(1)
        .stdout("")
        .stderr(
            contains("there is no retained message for ")
                .and(contains("a/+"))
                .and(contains("127.0.0.1")),
        );
}

#[test]
fn json_lines_are_read_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lines.json");
    std::fs::write(
        &path,
        "{\"topic\":\"a\",\"payload\":\"1\"}\n{\"topic\":\"b\",\"payload\":\"2\"}\n",
    )
    .unwrap();
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(CONNACK_311),
        expect(b"\x30\x04\x00\x01a1\x30\x04\x00\x01b2"),
        expect(DISCONNECT),
    ]]);
    mqkit()
        .args([
            "pub",
            "-V",
            "311",
            "-h",
            "127.0.0.1",
            "-p",
            &peer.port.to_string(),
            "--json",
            "-f",
        ])
        .arg(&path)
        .assert()
        .success()
        .stderr("");
    peer.finish();
}

#[test]
fn a_message_that_the_system_never_took_whole_is_not_sent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large");
    // More than the buffers of a connection hold.
    std::fs::write(&path, vec![b'x'; 8_000_000]).unwrap();
    let large = path.to_str().unwrap();
    // Nobody reads: once to the end of the limit, once until the connection is gone.
    let deaf = Hostile::new(vec![Act::Read, CONNACK, Act::Deaf]);
    let cut = Hostile::new(vec![Act::Read, CONNACK, Act::ReadBytes(1000), Act::Close]);
    for (peer, flags, status) in [(&deaf, "--deadline 1s", 27), (&cut, "--no-reconnect --deadline 10s", 5)] {
        let ended = end(&format!("pub -t a -f {large} {flags}"), peer.port);
        assert_eq!(ended.status, Some(status), "{flags}: {}", ended.stderr);
        let is_counted = ended.stderr.contains("doubtful=1") || ended.stderr.contains("failed=1");
        assert!(is_counted, "{flags}: {}", ended.stderr);
    }
}

/// [MQTT-3.2.2-4]: the state that the broker has belongs to a process that died. A message with an identifier of that
/// state would be taken for a duplicate, and lost.
#[test]
fn a_session_that_only_the_broker_has_is_ended() {
    for (version, clean_at, connack) in [("311", 9, CONNACK_311), ("5", 9, CONNACK_5)] {
        let (port, told) = peer(move |number, stream| {
            let connect = read_packet(stream)?;
            let is_clean = connect[clean_at] & 2 != 0;
            let mut connack = connack.to_vec();
            // The session is there until it is ended.
            connack[2] = u8::from(number == 0 && !is_clean);
            stream.write_all(&connack)?;
            let mut published = 0;
            while let Ok(packet) = read_packet(stream) {
                match packet[0] {
                    0x34 => {
                        published += 1;
                        stream.write_all(&[0x50, 2, packet[5], packet[6]])?;
                    }
                    0x62 => stream.write_all(&[0x70, 2, packet[2], packet[3]])?,
                    _ => break,
                }
            }
            Ok((is_clean, published))
        });
        let words = format!("pub -V {version} -c -i crashed -t a -m two -q 2 --deadline 10s");
        let ended = end(&words, port);
        assert_eq!(ended.status, Some(0), "{version}: {}", ended.stderr);
        assert!(ended.stderr.contains("session"), "{version}: {}", ended.stderr);
        let connections: Vec<_> = told.try_iter().collect();
        assert_eq!(connections[0], (false, 0), "{version}: {connections:?}");
        assert!(connections[1].0, "{version}: {connections:?}");
        let published: u32 = connections.iter().map(|(_, published)| published).sum();
        assert_eq!(published, 1, "{version}: {connections:?}");
    }
}

#[test]
fn silence_is_not_called_another_version() {
    let ended = |acts: Vec<Act>| {
        let peer = Hostile::new(acts);
        end("pub -t a -m x --connect-timeout 1s", peer.port)
    };
    for acts in [
        vec![Act::Read],
        vec![Act::Deaf],
        vec![Act::Read, Act::Send(&[0x20, 3, 0])],
    ] {
        let ended = ended(acts);
        assert_eq!(ended.status, Some(3), "{}", ended.stderr);
        assert!(!ended.stderr.contains("does not speak"), "{}", ended.stderr);
        assert!(ended.stderr.contains("CONNACK"), "{}", ended.stderr);
    }
    for acts in [
        vec![Act::Read, Act::Close],
        vec![Act::Read, Act::Send(&[0x20, 2, 0, 1])],
    ] {
        let ended = ended(acts);
        assert!(ended.stderr.contains("does not speak MQTT 5"), "{}", ended.stderr);
    }
}
