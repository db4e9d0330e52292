//! Every flag of `mqkit sub` that changes what is asked of the broker, what is taken of its answers, or when the end
//! comes, against a peer that checks every byte.

use super::{CONNACK_5, CONNACK_311, CONNECT_5, CONNECT_311, DISCONNECT, expect, send};
use crate::support::mqkit;
use crate::support::peer::{Peer, Step};
use predicates::str::contains;

fn subscribe(peer: &Peer, flags: &[&str]) -> assert_cmd::Command {
    let mut command = mqkit();
    command
        .args(["sub", "-h", "127.0.0.1", "-p", &peer.port.to_string(), "-i", "c"])
        .args(flags);
    command
}

/// A connection of version 3.1.1 subscribed to `a/#` with QoS 1, then these steps.
fn subscribed_311(steps: &[Step]) -> Peer {
    let start = [
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(b"\x82\x08\x00\x01\x00\x03a/#\x01"),
        send(&[0x90, 3, 0, 1, 1]),
    ];
    Peer::new(vec![[&start[..], steps].concat()])
}

const FLAGS_311: &[&str] = &["-V", "311", "-t", "a/#", "-q", "1", "--raw"];

/// A connection of version 5 subscribed to `a` with these options, then these steps.
fn subscribed_5(options: u8, steps: &[Step]) -> Peer {
    let start = [
        expect(CONNECT_5),
        send(CONNACK_5),
        expect(&[b"\x82\x07\x00\x01\x00\x00\x01a", &[options][..]].concat()),
        send(&[0x90, 4, 0, 1, 0, 0]),
    ];
    Peer::new(vec![[&start[..], steps].concat()])
}

/// The question of `--retained-only`, and its answer.
fn question(packet_id: u8) -> [Step; 2] {
    let question = [b"\xa2\x19\x00", &[packet_id][..], b"\x00\x15mqkit/end-of-retained"].concat();
    [expect(&question), send(&[0xb0, 2, 0, packet_id])]
}

#[test]
fn filtered_messages_are_acknowledged_and_not_counted() {
    let peer = subscribed_311(&[
        send(b"\x32\x08\x00\x03a/b\x00\x051\x32\x08\x00\x03a/c\x00\x062\x32\x0a\x00\x05a/d/e\x00\x073"),
        expect(&[0x40, 2, 0, 5, 0x40, 2, 0, 6, 0x40, 2, 0, 7]),
        send(b"\x32\x08\x00\x03a/x\x00\x084"),
        expect(&[0x40, 2, 0, 8]),
        expect(DISCONNECT),
    ]);
    subscribe(&peer, FLAGS_311)
        .args(["-T", "a/b", "--filter-out", "a/d/+", "-C", "2"])
        .assert()
        .success()
        .stdout("2\n4\n");
    peer.finish();
}

#[test]
fn unsubscribe_follows_subscribe_and_is_acknowledged() {
    let peer = subscribed_311(&[
        expect(b"\xa2\x05\x00\x02\x00\x01z\xa2\x05\x00\x03\x00\x01y"),
        send(&[0xb0, 2, 0, 2]),
        send(&[0xb0, 2, 0, 3]),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]);
    // Both requests leave together, so the answer to the first one is not waited for.
    subscribe(&peer, FLAGS_311)
        .args(["-U", "z", "--unsubscribe", "y", "-E"])
        .assert()
        .success()
        .stdout("");
    peer.finish();
}

#[test]
fn unsubscribing_alone_ends_too() {
    let unsubscribe = b"\xa2\x0d\x00\x01\x07\x26\x00\x01k\x00\x01v\x00\x01z";
    for (reason, status, text) in [
        (0, 0, ""),
        (0x11, 0, ""),
        (0x87, 4, "refused to unsubscribe from \"z\": Not authorized (0x87)"),
    ] {
        let mut steps = vec![
            Step::ExpectType(0x10),
            send(CONNACK_5),
            expect(unsubscribe),
            send(&[0xb0, 4, 0, 1, 0, reason]),
            expect(DISCONNECT),
        ];
        steps.push(Step::ExpectEnd);
        let peer = Peer::new(vec![steps]);
        subscribe(
            &peer,
            &["-U", "z", "-E", "-D", "unsubscribe", "user-property", "k", "v"],
        )
        .assert()
        .code(status)
        .stderr(contains(text));
        peer.finish();
    }
}

#[test]
fn the_end_comes_with_suback() {
    let peer = subscribed_311(&[expect(DISCONNECT), Step::ExpectEnd]);
    subscribe(&peer, FLAGS_311).arg("-E").assert().success().stdout("");
    peer.finish();
}

#[test]
fn options_of_a_subscription_are_on_the_wire() {
    for (flags, options) in [
        (&["--retain-handling", "always"][..], 0x00),
        (&["--retain-handling", "new"], 0x10),
        (&["--retain-handling", "never"], 0x20),
        (&["--retain-as-published"], 0x08),
        (&["--no-local"], 0x04),
        (&["-R"], 0x20),
        (&["-R", "--retain-handling", "new"], 0x10),
        (&["-R", "--remove-retained"], 0x00),
        (
            &["--retain-as-published", "--no-local", "--retain-handling", "new"],
            0x1c,
        ),
    ] {
        let peer = subscribed_5(options, &[expect(DISCONNECT)]);
        subscribe(&peer, &["-V", "5", "-t", "a", "-E"])
            .args(flags)
            .assert()
            .success();
        peer.finish();
    }
}

#[test]
fn options_of_version_5_are_not_dropped() {
    for flags in [
        &["--retain-handling", "new"][..],
        &["--retain-as-published"],
        &["--no-local"],
        &["--exec", "true", "--reply"],
    ] {
        let text = "needs MQTT 5, and -V asks for 3.1.1";
        let mut usage = mqkit();
        usage
            .args(["sub", "-h", "127.0.0.1", "-p", "1", "-t", "a", "-V", "311"])
            .args(flags);
        usage.assert().code(2).stderr(contains(text));
        // A broker that speaks 3.1.1 only is not asked again.
        let peer = Peer::new(vec![vec![
            Step::ExpectType(0x10),
            send(&[0x20, 2, 0, 1]),
            Step::ExpectEnd,
        ]]);
        subscribe(&peer, &["-t", "a"]).args(flags).assert().code(4);
        peer.finish();
    }
}

#[test]
fn a_small_count_asks_for_few_messages_at_once() {
    let connect = |maximum: u8| {
        [
            b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00",
            &[maximum][..],
            b"\x00\x01c",
        ]
        .concat()
    };
    for (flags, connect) in [
        (&["-C", "3"][..], connect(3)),
        (&["-C", "19"], connect(19)),
        (&["-C", "20"], CONNECT_5.to_vec()),
        (&["-C", "3", "-D", "connect", "receive-maximum", "7"], connect(7)),
    ] {
        let peer = Peer::new(vec![vec![
            expect(&connect),
            send(CONNACK_5),
            Step::ExpectType(0x82),
            send(&[0x90, 4, 0, 1, 0, 0]),
            expect(DISCONNECT),
        ]]);
        subscribe(&peer, &["-V", "5", "-t", "a", "-E"])
            .args(flags)
            .assert()
            .success();
        peer.finish();
    }
}

#[test]
fn more_at_once_than_was_asked_for_is_taken() {
    let peer = Peer::new(vec![vec![
        Step::ExpectType(0x10),
        send(CONNACK_5),
        Step::ExpectType(0x82),
        send(&[0x90, 4, 0, 1, 0, 1]),
        send(b"\x32\x07\x00\x01a\x00\x05\x001\x32\x07\x00\x01a\x00\x06\x002\x32\x07\x00\x01b\x00\x07\x003"),
        expect(&[0x40, 2, 0, 5, 0x40, 2, 0, 6, 0x40, 2, 0, 7]),
        Step::ExpectType(0xe0),
    ]]);
    subscribe(&peer, &["-t", "+", "-q", "1", "-T", "a", "-C", "1", "--raw"])
        .assert()
        .success()
        .stdout("3\n");
    peer.finish();
}

#[test]
fn retained_messages_are_left_out() {
    let peer = subscribed_311(&[
        send(b"\x33\x08\x00\x03a/b\x00\x051\x32\x08\x00\x03a/b\x00\x062"),
        expect(&[0x40, 2, 0, 5, 0x40, 2, 0, 6]),
        expect(DISCONNECT),
    ]);
    subscribe(&peer, FLAGS_311)
        .args(["-R", "-C", "1"])
        .assert()
        .success()
        .stdout("2\n");
    peer.finish();
}

#[test]
fn retained_messages_end_with_three_quiet_answers() {
    // The message is before SUBACK, so its acknowledgement is before the question.
    let start = [
        expect(CONNECT_311),
        send(CONNACK_311),
        expect(b"\x82\x08\x00\x01\x00\x03a/#\x01"),
        send(b"\x33\x08\x00\x03a/b\x00\x041"),
        expect(&[0x40, 2, 0, 4]),
        send(&[0x90, 3, 0, 1, 1]),
    ];
    let tail = [
        &[expect(b"\xa2\x19\x00\x02\x00\x15mqkit/end-of-retained")][..],
        // What the window held back comes before the answer.
        &[
            send(b"\x33\x08\x00\x03a/c\x00\x052"),
            expect(&[0x40, 2, 0, 5]),
            send(&[0xb0, 2, 0, 2]),
        ],
        &question(3),
        &question(4),
        &[expect(b"\xa2\x19\x00\x05\x00\x15mqkit/end-of-retained")],
        &[
            send(b"\x32\x08\x00\x03a/d\x00\x063"),
            expect(&[0x40, 2, 0, 6]),
            send(&[0xb0, 2, 0, 5]),
        ],
        &[expect(DISCONNECT), Step::ExpectEnd],
    ]
    .concat();
    let peer = Peer::new(vec![[&start[..], &tail].concat()]);
    subscribe(&peer, FLAGS_311)
        .arg("--retained-only")
        .assert()
        .success()
        .stdout("1\n2\n")
        .stderr("");
    peer.finish();
}

#[test]
fn no_retained_message_gives_status_1() {
    let end = [expect(DISCONNECT), Step::ExpectEnd];
    let steps = [&question(2)[..], &question(3), &question(4), &end].concat();
    let peer = subscribed_311(&steps);
    subscribe(&peer, FLAGS_311)
        .arg("--retained-only")
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains(
            "mqkit: there is no retained message for \"a/#\" on 127.0.0.1:",
        ));
    peer.finish();
}

#[test]
fn the_question_is_asked_again_after_a_reconnect() {
    let start = [expect(CONNECT_311), send(CONNACK_311)];
    let first = [
        &start[..],
        &[expect(b"\x82\x08\x00\x01\x00\x03a/#\x01"), send(&[0x90, 3, 0, 1, 1])],
        &[Step::ExpectType(0xa2)],
    ]
    .concat();
    let second = [
        &start[..],
        &[expect(b"\x82\x08\x00\x03\x00\x03a/#\x01")],
        &[send(b"\x31\x06\x00\x03a/b1\x90\x03\x00\x03\x01")],
        &question(4),
        &question(5),
        &question(6),
        &[expect(DISCONNECT)],
    ]
    .concat();
    let peer = Peer::new(vec![first, second]);
    subscribe(&peer, FLAGS_311)
        .arg("--retained-only")
        .assert()
        .success()
        .stdout("1\n");
    peer.finish();
}

#[test]
fn a_broker_that_never_answers_is_not_waited_for() {
    let peer = subscribed_311(&[send(b"\x31\x06\x00\x03a/b1"), Step::ExpectType(0xa2), Step::Silence]);
    subscribe(&peer, FLAGS_311)
        .args(["--retained-only", "--ack-timeout", "300ms"])
        .assert()
        .success()
        .stdout("1\n")
        .stderr(contains("the broker does not answer UNSUBSCRIBE"));
    peer.finish();
}

#[test]
fn retained_messages_are_removed() {
    let peer = subscribed_311(&[
        send(b"\x33\x08\x00\x03a/b\x00\x051"),
        expect(b"\x40\x02\x00\x05\x33\x07\x00\x03a/b\x00\x02"),
        // The end waits for it.
        send(&[0x40, 2, 0, 2]),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]);
    subscribe(&peer, FLAGS_311)
        .args(["--remove-retained", "-C", "1"])
        .assert()
        .success()
        .stdout("1\n");
    peer.finish();
}

/// Nobody is left to acknowledge the removal.
#[test]
fn a_removal_does_not_hold_up_the_end_when_the_connection_is_gone_for_good() {
    let peer = subscribed_311(&[
        send(b"\x33\x08\x00\x03a/b\x00\x051"),
        expect(b"\x40\x02\x00\x05\x33\x07\x00\x03a/b\x00\x02"),
    ]);
    subscribe(&peer, FLAGS_311)
        .args(["--remove-retained", "-C", "1", "--no-reconnect"])
        .timeout(std::time::Duration::from_secs(10))
        .assert()
        .code(5)
        .stdout("1\n");
    peer.finish();
}

#[test]
fn filtered_and_live_messages_are_not_removed() {
    let peer = subscribed_311(&[
        send(b"\x33\x08\x00\x03a/b\x00\x051\x32\x08\x00\x03a/c\x00\x062"),
        expect(&[0x40, 2, 0, 5, 0x40, 2, 0, 6]),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]);
    subscribe(&peer, FLAGS_311)
        .args(["--remove-retained", "-T", "a/b", "-C", "1"])
        .assert()
        .success()
        .stdout("2\n");
    peer.finish();
}

#[test]
fn a_refused_removal_is_named() {
    let peer = subscribed_5(
        0,
        &[
            send(b"\x31\x05\x00\x01a\x001"),
            expect(b"\x33\x06\x00\x01a\x00\x02\x00"),
            send(&[0x40, 3, 0, 2, 0x87]),
            expect(DISCONNECT),
        ],
    );
    subscribe(
        &peer,
        &["-V", "5", "-t", "a", "--raw", "--remove-retained", "--idle", "300ms"],
    )
    .assert()
    .code(4)
    .stderr(contains("the broker refused to remove \"a\": Not authorized (0x87)"));
    peer.finish();
}

#[test]
fn a_random_part_is_taken() {
    let total: usize = 400;
    let shown = |percent: &str| {
        let mut steps = vec![send(&b"\x30\x06\x00\x03a/bx".repeat(total))];
        steps.push(expect(DISCONNECT));
        let peer = subscribed_311(&steps);
        let output = subscribe(&peer, FLAGS_311)
            .args(["--random-filter", percent, "--idle", "300ms"])
            .assert()
            .success()
            .get_output()
            .stdout
            .clone();
        peer.finish();
        output.len() / 2
    };
    assert_eq!(shown("100"), total);
    // Ten standard deviations.
    assert!(shown("50").abs_diff(total / 2) < 100);
}

#[test]
fn json_may_be_pretty() {
    let peer = subscribed_311(&[send(b"\x31\x07\x00\x03a/b{}"), expect(DISCONNECT)]);
    subscribe(&peer, &["-V", "311", "-t", "a/#", "-q", "1", "-C", "1", "--pretty"])
        .assert()
        .success()
        .stdout(contains(
            "{\n\t\"tst\":\t\"",
        ))
        .stdout(contains("\",\n\t\"topic\":\t\"a/b\",\n\t\"qos\":\t0,\n\t\"retain\":\ttrue,\n\t\"payloadlen\":\t2,\n\t\"payload\":\t\"{}\"\n}\n"));
    peer.finish();
}

#[test]
fn a_payload_that_is_no_number_is_noted() {
    let peer = subscribed_311(&[
        send(b"\x30\x09\x00\x03a/b\x00\x00\xac\x41"),
        send(b"\x30\x06\x00\x03a/bx"),
        expect(DISCONNECT),
    ]);
    subscribe(
        &peer,
        &["-V", "311", "-t", "a/#", "-q", "1", "-C", "2", "-F", "[%6.2f]"],
    )
    .assert()
    .success()
    .stdout("[ 21.50]\n[]\n")
    .stderr("mqkit: the payload on \"a/b\" has 1 bytes, and the format wants a number of 4\n");
    peer.finish();
}

#[test]
fn contradictions_are_usage_errors() {
    for (flags, text) in [
        (&["-R", "--retained-only", "-t", "a"][..], "cannot be used with"),
        (
            &["--retained-only", "--retain-handling", "never", "-t", "a"],
            "--retain-handling never forbids",
        ),
        (&["--retained-only", "-U", "a"], "no topic filter"),
        (&["--no-local", "-t", "$share/g/a"], "[MQTT-3.8.3-4]"),
        (
            &["--retain-handling", "sometimes", "-t", "a"],
            "must be always, new or never",
        ),
        (&["--random-filter", "0", "-t", "a"], "must be from 0.1 to 100"),
        (&["--random-filter", "101", "-t", "a"], "must be from 0.1 to 100"),
        (&["--jobs", "2", "-t", "a"], "--exec <COMMAND>"),
        (&["--reply", "-t", "a"], "--exec <COMMAND>"),
        (&["--exec", "true", "--jobs", "0", "-t", "a"], "0"),
        (&["--exec", "true", "--raw", "-t", "a"], "cannot be used with"),
        (&["--pretty", "-v", "-t", "a"], "cannot be used with"),
        (&["-T", "a#", "-t", "a"], "[MQTT-4.7.1-1]"),
        (&["-U", "a#"], "[MQTT-4.7.1-1]"),
        (&["-C", "0", "-t", "a"], "0"),
        (&["-F", "%Z", "-t", "a"], "no conversion %Z"),
        (&[], "no topic filter"),
    ] {
        let mut command = mqkit();
        command.args(["sub", "-h", "127.0.0.1", "-p", "1"]).args(flags);
        command.assert().code(2).stderr(contains(text));
    }
}

#[test]
fn a_closed_pipe_is_an_end() {
    let peer = subscribed_311(&[
        send(b"\x32\x08\x00\x03a/b\x00\x051"),
        expect(DISCONNECT),
        Step::ExpectEnd,
    ]);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_mqkit"))
        .args(["sub", "-h", "127.0.0.1", "-p", &peer.port.to_string(), "-i", "c"])
        .args(FLAGS_311)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    // What was not written is not acknowledged.
    peer.finish();
    assert!(child.wait().unwrap().success());
}
