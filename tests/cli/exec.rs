//! `mqkit sub --exec` against a peer that checks every byte: what a command gets, when its message is acknowledged, what
//! becomes of its output.

use super::statuses::{start, url};
use super::{CONNACK_5, CONNACK_311, CONNECT_311, DISCONNECT, expect, send};
use crate::support::hostile::read_packet;
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::str::contains;
use std::io::Write;
use std::net::TcpStream;
use std::process::Stdio;

fn subscribe(peer: &Peer, flags: &[&str]) -> assert_cmd::Command {
    let mut command = mqkit();
    command
        .args(["sub", "-h", "127.0.0.1", "-p", &peer.port.to_string(), "-i", "c"])
        .args(flags);
    command
}

fn subscribed(steps: &[Step]) -> Peer {
    let start = [
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(b"\x82\x08\x00\x01\x00\x03a/#\x01"),
        send(&[0x90, 3, 0, 1, 1]),
    ];
    Peer::new(vec![[&start[..], steps].concat()])
}

fn subscribed_5(steps: &[Step]) -> Peer {
    let start = [
        Step::ExpectType(0x10),
        send(CONNACK_5),
        Step::ExpectType(0x82),
        send(&[0x90, 4, 0, 1, 0, 1]),
    ];
    Peer::new(vec![[&start[..], steps].concat()])
}

const FLAGS: &[&str] = &["-V", "311", "-t", "a/#", "-q", "1"];
const FIVE: &[u8] = b"\x32\x08\x00\x03a/b\x00\x051";
const SIX: &[u8] = b"\x32\x08\x00\x03a/c\x00\x062";

#[test]
fn a_command_gets_payload_and_environment() {
    let peer = subscribed(&[
        send(FIVE),
        expect(&[0x40, 2, 0, 5]),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]);
    subscribe(&peer, FLAGS)
        .args([
            "-C",
            "1",
            "--exec",
            "cat; echo \" $MQTT_TOPIC $MQTT_QOS $MQTT_RETAIN $MQTT_MID [$MQTT_CONTENT_TYPE]\"",
        ])
        .env("MQTT_CONTENT_TYPE", "of an outer command")
        .assert()
        .success()
        .stdout("1 a/b 1 0 5 []\n");
    peer.finish();
}

#[test]
fn a_failed_message_is_reported_and_not_acknowledged() {
    let peer = subscribed(&[
        send(FIVE),
        send(SIX),
        expect(&[0x40, 2, 0, 6]),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]);
    subscribe(&peer, FLAGS)
        .args(["-C", "2", "--quiet", "--exec", "test $MQTT_MID = 6 || exit 7"])
        .assert()
        .code(1)
        .stderr("mqkit: the command for a message on \"a/b\" failed: exit status: 7\n");
    peer.finish();
}

#[test]
fn acknowledgements_keep_their_order() {
    // The first command ends after the second one has begun: both run at once.
    let directory = tempfile::tempdir().unwrap();
    let command = "case $MQTT_MID in 5) until test -e $FLAG; do sleep 0.01; done;; 6) touch $FLAG;; esac";
    let peer = subscribed(&[
        send(FIVE),
        send(SIX),
        expect(&[0x40, 2, 0, 5, 0x40, 2, 0, 6]),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]);
    subscribe(&peer, FLAGS)
        .args(["-C", "2", "--jobs", "2", "--exec", command])
        .env("FLAG", directory.path().join("flag"))
        .assert()
        .success();
    peer.finish();
}

#[test]
fn one_command_runs_at_a_time_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let command = "mkdir $FLAG || exit 1; sleep 0.1; rmdir $FLAG";
    let peer = subscribed(&[
        send(FIVE),
        send(SIX),
        expect(&[0x40, 2, 0, 5, 0x40, 2, 0, 6]),
        expect(DISCONNECT),
    ]);
    subscribe(&peer, FLAGS)
        .args(["-C", "2", "--exec", command])
        .env("FLAG", directory.path().join("flag"))
        .assert()
        .success();
    peer.finish();
}

#[test]
fn the_end_waits_for_a_running_command() {
    let directory = tempfile::tempdir().unwrap();
    for (flags, command, status) in [
        (&["--idle", "200ms"][..], "sleep 0.5; touch $FLAG", 0),
        (&[], "kill -INT $PPID; sleep 0.2; touch $FLAG", 130),
        (&[], "kill -TERM $PPID; sleep 0.2; touch $FLAG", 143),
    ] {
        let flag = directory.path().join(format!("{status}"));
        // The second message is not begun.
        let steps = match status {
            0 => vec![send(FIVE), expect(&[0x40, 2, 0, 5]), expect(DISCONNECT)],
            _ => vec![
                send(&[FIVE, SIX].concat()),
                expect(&[0x40, 2, 0, 5]),
                expect(DISCONNECT),
                Step::ExpectEnd,
            ],
        };
        let peer = subscribed(&steps);
        subscribe(&peer, FLAGS)
            .args(flags)
            .args(["--exec", command])
            .env("FLAG", &flag)
            .assert()
            .code(status);
        peer.finish();
        assert!(flag.exists(), "{flags:?} {command}");
    }
}

#[test]
fn a_limit_ends_a_running_command_and_what_it_started() {
    let directory = tempfile::tempdir().unwrap();
    for (number, (flag, command)) in [
        ("-W", "trap 'touch $FLAG; exit 9' TERM; sleep 20 & wait"),
        ("--deadline", "trap '' TERM; touch $FLAG; sleep 20; sleep 20"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = directory.path().join(number.to_string());
        let peer = subscribed(&[send(FIVE), expect(DISCONNECT), Step::ExpectEnd]);
        let began = std::time::Instant::now();
        subscribe(&peer, FLAGS)
            .args([flag, "1s", "--exec", command])
            .env("FLAG", &path)
            .assert()
            .code(27)
            .stderr(contains("the time limit of 1s ran out while waiting for 1 command\n"))
            .stderr(contains(
                "ended the command for a message on \"a/b\", which is not acknowledged\n",
            ));
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "{command}");
        peer.finish();
        assert!(path.exists(), "{command}");
    }
}

/// It was begun, and no limit or signal wants it to end.
#[test]
fn a_running_command_outlives_a_connection_that_is_gone_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let flag = directory.path().join("flag");
    let peer = subscribed(&[send(FIVE)]);
    subscribe(&peer, FLAGS)
        .args(["--no-reconnect", "--exec", "sleep 5; touch $FLAG"])
        .env("FLAG", &flag)
        .assert()
        .code(5);
    peer.finish();
    assert!(flag.exists());
}

#[test]
fn ten_failures_are_the_end() {
    let messages: Vec<u8> = (1..=12)
        .flat_map(|id| [b"\x32\x07\x00\x03a/b\x00", &[id][..]].concat())
        .collect();
    let peer = subscribed(&[send(&messages), expect(DISCONNECT), Step::ExpectEnd]);
    subscribe(&peer, FLAGS)
        .args(["--exec", "false"])
        .assert()
        .code(1)
        .stderr(contains("before their messages are acknowledged: 10 are not"));
    peer.finish();
}

#[test]
fn output_is_the_reply() {
    // Response topic r/t, correlation data ff 00, on a/b at QoS 1.
    let request = b"\x32\x14\x00\x03a/b\x00\x05\x0b\x08\x00\x03r/t\x09\x00\x02\xff\x00q";
    let reply = b"\x32\x0f\x00\x03r/t\x00\x02\x05\x09\x00\x02\xff\x00Q\n";
    let none = b"\x32\x09\x00\x03a/b\x00\x06\x00x";
    for (reason, status) in [(0, 0), (0x10, 0), (0x87, 4)] {
        let peer = subscribed_5(&[
            send(request),
            expect(reply),
            expect(&[0x40, 2, 0, 5]),
            // One without a response topic needs no answer.
            send(none),
            expect(&[0x40, 2, 0, 6]),
            send(&[0x40, 3, 0, 2, reason]),
            Step::ExpectType(0xe0),
            Step::ExpectEnd,
        ]);
        let assert = subscribe(&peer, &["-t", "a/#", "-q", "1", "-C", "2", "--reply"])
            .args([
                "--exec",
                "tr a-z A-Z; echo; printf '%s' \"$MQTT_CORRELATION_DATA_BASE64\" >&2",
            ])
            .assert()
            .code(status)
            .stdout("")
            .stderr(contains("/wA="));
        if status == 4 {
            assert.stderr(contains("refused the reply to \"r/t\": Not authorized (0x87)"));
        }
        peer.finish();
    }
}

#[test]
fn replies_carry_the_properties_of_the_command_line() {
    let request = b"\x30\x0d\x00\x03a/b\x06\x08\x00\x03r/tq";
    let peer = subscribed_5(&[
        send(request),
        expect(b"\x30\x0d\x00\x03r/t\x06\x03\x00\x03t/pq"),
        Step::ExpectType(0xe0),
    ]);
    subscribe(&peer, &["-t", "a/#", "-q", "1", "-C", "1", "--reply", "--exec", "cat"])
        .args(["-D", "publish", "content-type", "t/p"])
        .assert()
        .success();
    peer.finish();
}

/// The broker has a session of a run that died: requests that wait in it, and messages at QoS 2 that were not released.
/// With the identifier of one of these, an answer at QoS 2 would be taken for its copy, acknowledged and lost.
#[test]
fn the_answer_to_a_request_of_an_earlier_run_is_not_taken_for_one_of_that_run() {
    let mut broker = start(&["broker", "--port", "0"], Stdio::piped());
    let url = url(&mut broker);
    let run = |words: &str| {
        let mut command = mqkit();
        let words = words.split(' ').map(|word| word.replace('_', " "));
        command.args(words).args(["-L", &url, "--deadline", "10s"]);
        command.assert()
    };
    let mut died = TcpStream::connect(url.strip_prefix("mqtt://").unwrap()).unwrap();
    died.write_all(b"\x10\x18\x00\x04MQTT\x05\x00\x00\x3c\x05\x11\x00\x00\x02\x58\x00\x06worker")
        .unwrap();
    died.write_all(b"\x82\x09\x00\xff\x00\x00\x03ask\x02").unwrap();
    assert_eq!([0x20, 0x90], [0; 2].map(|_| read_packet(&mut died).unwrap()[0]));
    for id in 1..=10 {
        let publish = [b"\x34\x09\x00\x03old\x00", &[id][..], b"\x00x"].concat();
        died.write_all(&publish).unwrap();
        assert_eq!(read_packet(&mut died).unwrap()[0], 0x50);
    }
    drop(died);
    run("sub -c -i listener -x 600 -t answers -q 2 -E").success();
    run("pub -t ask -q 2 -m x -D publish response-topic answers").success();
    run("sub -c -i worker -x 600 -t ask -q 2 -C 1 --exec echo_answer --reply").success();
    run("sub -c -i listener -x 600 -t answers -q 2 -C 1 --raw")
        .success()
        .stdout("answer\n\n");
}

#[test]
fn a_failed_command_does_not_reply() {
    let request = b"\x32\x0f\x00\x03a/b\x00\x05\x06\x08\x00\x03r/tq";
    let peer = subscribed_5(&[send(request), Step::ExpectType(0xe0), Step::ExpectEnd]);
    subscribe(
        &peer,
        &["-t", "a/#", "-q", "1", "-C", "1", "--reply", "--exec", "cat; exit 2"],
    )
    .assert()
    .code(1)
    .stderr(contains("exit status: 2"));
    peer.finish();
}

#[test]
fn stored_messages_end_once_their_commands_have() {
    let question = |id: u8| {
        let question = [b"\xa2\x19\x00", &[id][..], b"\x00\x15mqkit/end-of-retained"].concat();
        [expect(&question), send(&[0xb0, 2, 0, id])]
    };
    let peer = Peer::new(vec![
        [
            &[
                expect(CONNECT_311),
                send(CONNACK_311),
                expect(b"\x82\x08\x00\x01\x00\x03a/#\x01"),
                send(b"\x33\x08\x00\x03a/b\x00\x051\x90\x03\x00\x01\x01"),
                // Written out, acknowledged, removed; only then the question.
                expect(b"\x40\x02\x00\x05\x33\x07\x00\x03a/b\x00\x02"),
            ][..],
            &question(3),
            &question(4),
            &question(5),
            &[send(&[0x40, 2, 0, 2]), expect(DISCONNECT)],
        ]
        .concat(),
    ]);
    subscribe(&peer, FLAGS)
        .args(["--retained-only", "--remove-retained", "--exec", "sleep 0.1; cat"])
        .assert()
        .success()
        .stdout("1");
    peer.finish();
}
