//! `pub`, `sub`, `rr` and `bench` against peers that are silent, deaf, endless or wrong: a limit or a signal ends the run in
//! time with the documented status, says what ran out and during what, and memory stays small.

use crate::support::hostile::Act;
use crate::support::trials::{ALL_LIMITS, At, End, LIMITS_AND_GRACE, ROW, Row, run, run_few};
use crate::support::watched::Input;

pub(super) const CONNACK: Act = Act::Send(&[0x20, 3, 0, 0, 0]);
/// Of the first SUBSCRIBE, which has the identifier 1.
pub(super) const SUBACK: Act = Act::Send(&[0x90, 4, 0, 1, 0, 0]);
pub(super) const PUBLISH: &[u8] = b"\x30\x07\x00\x01a\x00xyz";

const ALL: &[&str] = &[
    "pub -t a -m x -q 1",
    "sub -t a",
    "rr -t a -e b -m x",
    "bench --duration 30s",
];

const LINE: &str =
    "a line of some length, as a log has them: 2026-11-30T23:00:00Z sensor 17 21.5 °C 43 % 1013.25 hPa\n";

#[test]
fn nobody_answers_the_connection() {
    run(&[
        Row {
            name: "full queue",
            at: At::Full,
            calls: ALL,
            stage: "connecting to {peer} (TCP)",
            ..ROW
        },
        Row {
            name: "deaf",
            at: At::Peer(&[Act::Deaf]),
            calls: ALL,
            stage: "waiting for CONNACK from {peer}",
            ..ROW
        },
        Row {
            name: "silent after CONNECT",
            at: At::Peer(&[Act::Read]),
            calls: ALL,
            stage: "waiting for CONNACK from {peer}",
            ..ROW
        },
        Row {
            name: "half a CONNACK",
            at: At::Peer(&[Act::Read, Act::Send(&[0x20, 3, 0])]),
            calls: ALL,
            stage: "waiting for CONNACK from {peer}",
            ..ROW
        },
        Row {
            name: "silent after ClientHello",
            at: At::Peer(&[Act::ReadBytes(5)]),
            calls: &[
                "pub -t a -m x --insecure",
                "sub -t a --insecure",
                "rr -t a -e b -m x --insecure",
                "bench --duration 30s --insecure",
            ],
            stage: "connecting to {peer} (TLS)",
            ..ROW
        },
        Row {
            name: "half a ServerHello",
            at: At::Peer(&[Act::ReadBytes(5), Act::Send(b"\x16\x03\x03\x40\x00\x02\x00")]),
            calls: &["pub -t a -m x --insecure", "sub -t a --insecure"],
            stage: "connecting to {peer} (TLS)",
            ..ROW
        },
        Row {
            name: "silent after the request of WebSocket",
            at: At::Peer(&[Act::ReadBytes(10)]),
            calls: &[
                "pub -t a -m x --ws",
                "sub -t a --ws",
                "rr -t a -e b -m x --ws",
                "bench --duration 30s --ws",
            ],
            stage: "connecting to {peer} (WebSocket)",
            ..ROW
        },
        Row {
            name: "half an answer of HTTP",
            at: At::Peer(&[
                Act::ReadBytes(10),
                Act::Send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: "),
            ]),
            calls: &["pub -t a -m x --ws", "sub -t a --ws"],
            stage: "connecting to {peer} (WebSocket)",
            ..ROW
        },
        Row {
            name: "WebSocket, and no CONNACK",
            at: At::Peer(&[Act::Upgrade, Act::ReadFrame]),
            calls: &["pub -t a -m x --ws", "sub -t a --ws"],
            stage: "waiting for CONNACK from {peer}",
            ..ROW
        },
        Row {
            name: "silent SOCKS proxy",
            at: At::Proxy("socks5h", &[Act::ReadBytes(3)]),
            calls: &["pub -t a -m x", "sub -t a"],
            stage: "(proxy)",
            ..ROW
        },
        Row {
            name: "silent HTTP proxy",
            at: At::Proxy("http", &[Act::ReadBytes(7), Act::Send(b"HTTP/1.1 200")]),
            calls: &["pub -t a -m x", "sub -t a"],
            stage: "(proxy)",
            ..ROW
        },
    ]);
}

#[test]
fn the_limits_of_sub_and_rr_hold_while_connecting() {
    let rows = [
        ("full queue", At::Full, "connecting to {peer} (TCP)"),
        ("silent", At::Peer(&[Act::Read]), "waiting for CONNACK from {peer}"),
    ];
    run(&rows.map(|(name, at, stage)| Row {
        name,
        at,
        calls: &["sub -t a", "rr -t a -e b -m x"],
        ends: &[End::Timeout],
        stage,
        ..ROW
    }));
}

#[test]
fn the_broker_stops_in_the_middle() {
    run(&[
        Row {
            name: "no SUBACK",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read]),
            calls: &["sub -t a", "rr -t a -e b -m x"],
            ends: ALL_LIMITS,
            stage: "waiting for SUBACK from {peer}",
            ..ROW
        },
        Row {
            name: "half a SUBACK",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, Act::Send(&[0x90, 4, 0])]),
            calls: &["sub -t a", "rr -t a -e b -m x"],
            ends: ALL_LIMITS,
            stage: "waiting for SUBACK from {peer}",
            ..ROW
        },
        Row {
            name: "no message",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, SUBACK]),
            calls: &["sub -t a"],
            ends: ALL_LIMITS,
            stage: "waiting for messages",
            ..ROW
        },
        Row {
            name: "half a message",
            at: At::Peer(&[
                Act::Read,
                CONNACK,
                Act::Read,
                SUBACK,
                Act::Send(b"\x30\x7f\x00\x01a\x00xyz"),
            ]),
            calls: &["sub -t a"],
            ends: ALL_LIMITS,
            stage: "waiting for messages",
            ..ROW
        },
        Row {
            name: "a large message announced",
            at: At::Peer(&[
                Act::Read,
                CONNACK,
                Act::Read,
                SUBACK,
                Act::Send(b"\x30\xff\xff\xff\x7f\x00\x01a\x00xyz"),
            ]),
            calls: &["sub -t a"],
            ends: ALL_LIMITS,
            stage: "waiting for messages",
            ..ROW
        },
        Row {
            name: "no response",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, SUBACK, Act::Read]),
            calls: &["rr -t a -e b/c -m x"],
            ends: ALL_LIMITS,
            stage: "waiting for the response on \"b/c\"",
            ..ROW
        },
        Row {
            name: "no acknowledgement",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read]),
            calls: &["pub -t a -m x -q 1", "pub -t a -m x -q 2"],
            stage: "waiting for the acknowledgement of 1 message",
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
        Row {
            name: "half an acknowledgement",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, Act::Send(&[0x40, 2, 0])]),
            calls: &["pub -t a -m x -q 1"],
            stage: "waiting for the acknowledgement of 1 message",
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
        Row {
            name: "no PUBCOMP",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, Act::Send(&[0x50, 2, 0, 1]), Act::Read]),
            calls: &["pub -t a -m x -q 2"],
            stage: "waiting for the acknowledgement of 1 message",
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
        Row {
            name: "no acknowledgement of lines",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, Act::Read, Act::Read]),
            calls: &["pub -t a -l -q 1"],
            input: Input::Text("1\n2\n3\n"),
            stage: "waiting for the acknowledgement of 3 messages from {peer}",
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
        Row {
            name: "no SUBACK, or no PUBACK",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read]),
            calls: &["bench --duration 30s", "bench --duration 30s --subscribers 0"],
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
        Row {
            name: "away, and never back",
            at: At::Peer(&[Act::Read, Act::Close]),
            calls: &["sub -t a --retry 1h", "pub -t a -m x -q 1 --retry 1h"],
            ends: &[End::Deadline],
            stage: "waiting to connect to {peer} again",
            ..ROW
        },
    ]);
}

/// Without a limit a run must see by itself that nobody is left who could acknowledge what is owed.
#[test]
fn the_broker_is_gone_for_good() {
    const LOST: &[End] = &[End::Unlimited(&[5])];
    const REFUSED: &[Act] = &[Act::Read, Act::Send(&[0x20, 3, 0, 0x88, 0])];
    /// A request at QoS 1 with the response topic `b`.
    const REQUEST: Act = Act::Send(b"\x32\x0b\x00\x01a\x00\x01\x04\x08\x00\x01bx");
    const PUBLISHERS: &[&str] = &[
        "pub -t a -m x -q 1 --no-reconnect",
        "pub -t a -m x -q 1 --retry 1s",
        "pub -t a -m x -q 2 --retry 1s",
        "pub -t a -l -q 1 --no-reconnect",
        "pub -t a -l -q 1 --retry 1s",
    ];
    const ASKERS: &[&str] = &[
        "rr -t a -e b -m x -q 1 --no-reconnect",
        "rr -t a -e b -m x -q 1 --retry 1s",
    ];
    const RESPONDERS: &[&str] = &[
        "sub -t a -q 1 --exec date --reply --no-reconnect",
        "sub -t a -q 1 --exec date --reply --retry 1s",
        "sub -t a -q 1 --exec date --reply -C 1 --no-reconnect",
        "sub -t a -q 1 --exec date --reply -C 1 --retry 1s",
    ];
    const SLOW_RESPONDERS: &[&str] = &[
        "sub -t a -q 1 --exec {slow} --reply --no-reconnect",
        "sub -t a -q 1 --exec {slow} --reply --retry 1s",
        "sub -t a -q 1 --exec {slow} --reply -C 1 --retry 1s",
        "sub -t a -q 1 -c -i x --exec {failing} --reply --no-reconnect",
    ];
    let row = |name, acts, calls| Row {
        name,
        at: At::Peer(acts),
        calls,
        input: Input::Text("1\n2\n3\n"),
        ends: LOST,
        ..ROW
    };
    run(&[
        row(
            "nobody listens",
            &[Act::Read, CONNACK, Act::Read, Act::Leave],
            PUBLISHERS,
        ),
        row(
            "no CONNACK any more",
            &[Act::Later(&[Act::Close]), Act::Read, CONNACK, Act::Read, Act::Close],
            PUBLISHERS,
        ),
        row(
            "refused",
            &[Act::Later(REFUSED), Act::Read, CONNACK, Act::Read, Act::Close],
            PUBLISHERS,
        ),
        row(
            "nobody listens",
            &[Act::Read, CONNACK, Act::Read, SUBACK, Act::Read, Act::Leave],
            ASKERS,
        ),
        row(
            "refused",
            &[
                Act::Later(REFUSED),
                Act::Read,
                CONNACK,
                Act::Read,
                SUBACK,
                Act::Read,
                Act::Close,
            ],
            ASKERS,
        ),
        row(
            "no PUBCOMP",
            &[
                Act::Read,
                CONNACK,
                Act::Read,
                Act::Send(&[0x50, 2, 0, 1]),
                Act::Read,
                Act::Leave,
            ],
            &["pub -t a -m x -q 2 --no-reconnect", "pub -t a -m x -q 2 --retry 1s"],
        ),
        Row {
            input: Input::Silent,
            ..row(
                "silent input",
                &[Act::Read, CONNACK, Act::Leave],
                &["pub -t a -l -q 1 --no-reconnect", "pub -t a -l -q 1 --retry 1s"],
            )
        },
        Row {
            input: Input::Endless(LINE),
            ..row(
                "lines without end",
                &[Act::Read, CONNACK, Act::Read, Act::Leave],
                &["pub -t a -l -q 1 --no-reconnect", "pub -t a -l -q 1 --retry 1s"],
            )
        },
        Row {
            ends: &[End::Unlimited(&[4])],
            ..row(
                "refused for ever",
                &[
                    Act::Later(&[Act::Read, Act::Send(&[0x20, 3, 0, 0x87, 0])]),
                    Act::Read,
                    CONNACK,
                    Act::Read,
                    Act::Close,
                ],
                &["pub -t a -m x -q 1", "pub -t a -l -q 1"],
            )
        },
        row(
            "acknowledged, and no response",
            &[
                Act::Read,
                CONNACK,
                Act::Read,
                SUBACK,
                Act::Read,
                Act::Send(&[0x40, 2, 0, 1]),
                Act::Leave,
            ],
            ASKERS,
        ),
        row(
            "gone while the command runs",
            &[Act::Read, CONNACK, Act::Read, SUBACK, REQUEST, Act::Leave],
            SLOW_RESPONDERS,
        ),
        // Read: SUBSCRIBE, the answer, the acknowledgement of the request.
        row(
            "nobody listens",
            &[Act::Read, CONNACK, Act::Read, SUBACK, REQUEST, Act::Read, Act::Leave],
            RESPONDERS,
        ),
        row(
            "refused",
            &[
                Act::Later(REFUSED),
                Act::Read,
                CONNACK,
                Act::Read,
                SUBACK,
                REQUEST,
                Act::Read,
                Act::Close,
            ],
            RESPONDERS,
        ),
    ]);
}

#[test]
fn the_broker_reads_no_more() {
    run(&[
        Row {
            name: "large messages",
            at: At::Peer(&[Act::Read, CONNACK, Act::Deaf]),
            calls: &["pub -t a -f {8MB}"],
            stage: "waiting for {peer} to take ",
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
        Row {
            name: "large message at QoS 1",
            at: At::Peer(&[Act::Read, CONNACK, Act::Deaf]),
            calls: &["pub -t a -f {8MB} -q 1"],
            stage: "{peer}",
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
        Row {
            name: "lines without end",
            at: At::Peer(&[Act::Read, CONNACK, Act::Deaf]),
            calls: &["pub -t a -l", "pub -t a -l -q 1 -M 65535"],
            input: Input::Endless(LINE),
            stage: "{peer}",
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
        Row {
            name: "a large request",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, SUBACK, Act::Deaf]),
            calls: &["rr -t a -e b -f {8MB}"],
            ends: &[End::Deadline, End::Timeout, End::Interrupt, End::Insist],
            stage: "waiting for {peer} to take ",
            outstanding: true,
            ..ROW
        },
        Row {
            name: "load",
            at: At::Peer(&[Act::Read, CONNACK, Act::Deaf]),
            calls: &["bench --subscribers 0 -q 0 --size 100000 --rate 1k --duration 30s"],
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
    ]);
}

#[test]
fn a_flood_starves_nothing() {
    const PINGRESP: Act = Act::Flood(&[0xd0, 0]);
    const PUBACK: Act = Act::Flood(&[0x40, 2, 0x12, 0x34]);
    run_few(&[
        Row {
            name: "PINGRESP",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, SUBACK, PINGRESP]),
            calls: &["sub -t a"],
            ends: ALL_LIMITS,
            stage: "waiting for messages",
            ..ROW
        },
        Row {
            name: "PINGRESP",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, PINGRESP]),
            calls: &["pub -t a -m x -q 1", "bench --duration 30s"],
            stage: "waiting for the acknowledgement of 1 message",
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
        Row {
            name: "unknown PUBACK",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, PUBACK]),
            calls: &["pub -t a -m x -q 1"],
            stage: "waiting for the acknowledgement of 1 message",
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
        Row {
            name: "unknown PUBACK",
            at: At::Peer(&[Act::Read, CONNACK, PUBACK]),
            calls: &["pub -t a -l -q 1"],
            input: Input::Silent,
            stage: "reading standard input",
            ..ROW
        },
        Row {
            name: "unknown PUBREC",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, Act::Flood(&[0x50, 2, 0x12, 0x34])]),
            calls: &["pub -t a -m x -q 2"],
            stage: "{peer}",
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
        Row {
            name: "unknown PUBREC, and answers unread",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, Act::DeafFlood(&[0x50, 2, 0x12, 0x34])]),
            calls: &["pub -t a -m x -q 2"],
            stage: "{peer}",
            ends: LIMITS_AND_GRACE,
            outstanding: true,
            ..ROW
        },
        Row {
            name: "messages",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, SUBACK, Act::Flood(PUBLISH)]),
            calls: &["sub -t a"],
            ends: ALL_LIMITS,
            // Writing, when the reader of the output is slower.
            stage: "",
            ..ROW
        },
        Row {
            name: "unrelated messages",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, SUBACK, Act::Flood(PUBLISH)]),
            calls: &["rr -t b -e c -m x"],
            ends: ALL_LIMITS,
            stage: "waiting for the response on \"c\"",
            ..ROW
        },
        Row {
            name: "pings of WebSocket",
            at: At::Peer(&[Act::Upgrade, Act::ReadFrame, Act::Flood(b"\x89\x04ping")]),
            calls: &["sub -t a --ws"],
            ends: ALL_LIMITS,
            stage: "waiting for CONNACK from {peer}",
            ..ROW
        },
        Row {
            name: "pings of WebSocket, and answers unread",
            at: At::Peer(&[
                Act::Upgrade,
                Act::ReadFrame,
                Act::Send(&[0x82, 5, 0x20, 3, 0, 0, 0]),
                Act::ReadFrame,
                Act::Send(&[0x82, 6, 0x90, 4, 0, 1, 0, 0]),
                Act::DeafFlood(b"\x89\x04ping"),
            ]),
            calls: &["sub -t a --ws"],
            stage: "",
            ends: ALL_LIMITS,
            ..ROW
        },
    ]);
}

#[test]
fn a_peer_without_an_end_before_the_session_is_refused() {
    const WRONG: &[End] = &[End::Itself(&[3, 5])];
    run_few(&[
        Row {
            name: "CONNACK of 256 MB",
            at: At::Peer(&[
                Act::Read,
                Act::Send(&[0x20, 0xff, 0xff, 0xff, 0x7f, 0, 0]),
                Act::Flood(&[0x26, 0, 0, 0, 0]),
            ]),
            calls: ALL,
            ends: &[End::Itself(&[5])],
            ..ROW
        },
        Row {
            name: "headers of HTTP",
            at: At::Peer(&[
                Act::ReadBytes(10),
                Act::Send(b"HTTP/1.1 101 Switching Protocols\r\n"),
                Act::Flood(b"x-more: and more\r\n"),
            ]),
            calls: &["pub -t a -m x --ws", "sub -t a --ws --retry 0"],
            ends: WRONG,
            ..ROW
        },
        Row {
            name: "answer of a proxy",
            at: At::Proxy(
                "http",
                &[
                    Act::ReadBytes(7),
                    Act::Send(b"HTTP/1.1 200 OK\r\n"),
                    Act::Flood(b"x-more: and more\r\n"),
                ],
            ),
            calls: &["pub -t a -m x"],
            ends: WRONG,
            ..ROW
        },
        Row {
            name: "no TLS",
            at: At::Peer(&[Act::ReadBytes(5), Act::Flood(b"no TLS at all ")]),
            calls: &["pub -t a -m x --insecure"],
            ends: WRONG,
            ..ROW
        },
    ]);
}

#[test]
fn wrong_packets_end_the_connection() {
    const LOST: &[End] = &[End::Itself(&[5])];
    const QOS_3: Act = Act::Send(b"\x36\x07\x00\x01a\x00\x01\x00x");
    run(&[
        Row {
            name: "HTTP",
            at: At::Peer(&[
                Act::Read,
                Act::Send(
                    b"HTTP/1.1 400 Bad Request\r\nserver: one that speaks no MQTT at all, on any of its ports\r\n\r\n",
                ),
                Act::Close,
            ]),
            calls: ALL,
            ends: &[End::Itself(&[3, 5])],
            ..ROW
        },
        Row {
            name: "SUBACK before CONNACK",
            at: At::Peer(&[Act::Read, SUBACK]),
            calls: &["pub -t a -m x", "sub -t a --no-reconnect", "rr -t a -e b -m x"],
            ends: LOST,
            ..ROW
        },
        Row {
            name: "CONNACK twice",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, CONNACK]),
            calls: &[
                "pub -t a -m x -q 1 --no-reconnect",
                "sub -t a --no-reconnect",
                "rr -t a -e b -m x --no-reconnect",
            ],
            ends: LOST,
            ..ROW
        },
        Row {
            name: "CONNACK without end",
            at: At::Peer(&[Act::Read, Act::Flood(&[0x20, 3, 0, 0, 0])]),
            calls: &["pub -t a -m x -q 1 --no-reconnect", "sub -t a --no-reconnect"],
            ends: LOST,
            ..ROW
        },
        Row {
            name: "QoS 3",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, SUBACK, QOS_3]),
            calls: &["sub -t a --no-reconnect", "rr -t a -e b -m x --no-reconnect"],
            ends: LOST,
            ..ROW
        },
        Row {
            name: "QoS 3",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, QOS_3]),
            calls: &["pub -t a -m x -q 1 --no-reconnect"],
            ends: LOST,
            ..ROW
        },
        Row {
            name: "PUBCOMP for QoS 1, and for QoS 2 before PUBREC",
            at: At::Peer(&[Act::Read, CONNACK, Act::Read, Act::Send(&[0x70, 2, 0, 1])]),
            calls: &["pub -t a -m x -q 1 --no-reconnect", "pub -t a -m x -q 2 --no-reconnect"],
            ends: LOST,
            ..ROW
        },
    ]);
}
