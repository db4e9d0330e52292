//! The table of brokers: where each is found, what it can do, and where it falls short, with what mqkit says then. It must
//! not know how they are started or what is tested.

use super::{Kind, Transport};

/// A broker.
#[derive(Debug)]
pub(crate) struct Facts {
    /// What the reports call it.
    pub(crate) name: &'static str,
    /// Where it is: a program's name or path. `{}` stands for the directory that `.ci/run` installs into.
    pub(crate) program: &'static str,
    /// What else must be there.
    pub(crate) needs: &'static [&'static str],
    /// What brings it.
    pub(crate) install: &'static str,
    /// What it prints when all its ports are open.
    pub(crate) ready: &'static str,
    /// How it can be reached.
    pub(crate) transports: &'static [Transport],
    /// The path of its WebSocket.
    pub(crate) web_socket_path: &'static str,
    /// What `-V` may ask for, and the version that comes of it.
    pub(crate) versions: &'static [(&'static str, &'static str)],
    /// At which QoS a message may be sent to it.
    pub(crate) takes: &'static [u8],
    /// At which QoS it delivers, given what the subscriber asked for and the publisher used.
    pub(crate) delivers: fn(u8, u8) -> u8,
    /// What becomes of a stored message.
    pub(crate) retained: Retained,
    /// Where it falls short.
    pub(crate) quirks: &'static [Quirk],
}

/// Which stored messages a new subscriber gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retained {
    /// As the standard says.
    Kept,
    /// Only to a filter without a wildcard.
    WithoutWildcards,
    /// At QoS 0.
    AtQos0,
}

/// A command that a broker does not answer as the standard says, and what the user of mqkit hears.
#[derive(Debug)]
pub(crate) struct Quirk {
    /// The command, beside its topic and payload.
    pub(crate) command: &'static [&'static str],
    /// Over which transports this is so.
    pub(crate) over: &'static [Transport],
    /// Its exit status.
    pub(crate) status: i32,
    /// What it says, each on a line of its own; `{}` is the broker's address. Nothing else may be said.
    pub(crate) says: &'static [&'static str],
}

const ALL_VERSIONS: &[(&str, &str)] = &[("31", "3.1"), ("311", "3.1.1"), ("5", "5.0"), ("auto", "5.0")];
const ALL_TRANSPORTS: &[Transport] = &[
    Transport::Tcp,
    Transport::Tls,
    Transport::WebSocket,
    Transport::WebSocketTls,
    Transport::Unix,
];
const NO_ANSWER: &[&str] = &[
    "mqkit: cannot connect to {} (CONNACK): the broker closed the connection without an answer to CONNECT",
    "hint: a broker closes without a word when it wants TLS (use mqtts:// or --cafile), another protocol version \
     (-V 311), or has no place for more clients",
];
const NEVER_AN_ANSWER: &[&str] = &[
    "mqkit: cannot connect to {} (CONNACK): no answer to CONNECT within 1s",
    "hint: is it an MQTT broker? some brokers never answer version 5: try -V 311",
];
const REFUSES_5: &[&str] = &[
    "mqkit: connection to {} failed",
    "caused by: the broker refused the connection: Unsupported Protocol Version (0x84)",
    "hint: try -V 311 or -V 5",
];
const FALLS_BACK: &str = "mqkit: the broker does not speak MQTT 5: going on with 3.1.1 (-V 311 does so at once)";
const QOS_2_IS_1: &str = "mqkit: the broker answers QoS 2 with PUBACK: the messages are delivered at QoS 1";
const GRANTS_1: &str = "mqkit: the broker grants QoS 1 to \"quirk\", asked for 2";
const TIMED_OUT: i32 = 27;

/// One-shot messages; `-V auto` is used where a broker does not speak version 5.
const AUTO: Quirk = Quirk {
    command: &["pub", "-q", "1"],
    over: ALL_TRANSPORTS,
    status: 0,
    says: &[FALLS_BACK],
};

/// A response topic of its own needs version 5.
const REQUEST: Quirk = Quirk {
    command: &["rr"],
    over: ALL_TRANSPORTS,
    status: 4,
    says: &[
        "mqkit: cannot use MQTT 5 with this broker, and 3.1.1 needs a response topic (-e)",
        "caused by: connection to {} failed",
        "caused by: the broker refused the connection: Unsupported Protocol Version (0x84)",
        "hint: try -V 311 or -V 5",
    ],
};
const REQUEST_UNANSWERED: Quirk = Quirk {
    command: &["rr", "-e", "answer", "-W", "1"],
    over: ALL_TRANSPORTS,
    status: TIMED_OUT,
    says: &[
        FALLS_BACK,
        "mqkit: the time limit of 1s ran out while waiting for the response on \"answer\" to the request to \"quirk\"",
    ],
};

pub(super) const MOSQUITTO: Facts = Facts {
    name: "Mosquitto",
    program: "mosquitto",
    needs: &[],
    install: "apt-get install mosquitto mosquitto-clients",
    ready: " running\n",
    transports: ALL_TRANSPORTS,
    web_socket_path: "/mqtt",
    versions: ALL_VERSIONS,
    takes: &[0, 1, 2],
    delivers: |asked, sent| asked.min(sent),
    retained: Retained::Kept,
    quirks: &[],
};

pub(super) const EMBEDDED: Facts = Facts {
    name: "mqkit broker",
    program: env!("CARGO_BIN_EXE_mqkit"),
    needs: &[],
    install: "",
    ready: "",
    ..MOSQUITTO
};

pub(super) const RABBITMQ: Facts = Facts {
    name: "RabbitMQ",
    // Not the wrapper in PATH, which wants to become the user rabbitmq.
    program: "/usr/lib/rabbitmq/bin/rabbitmq-server",
    needs: &["epmd"],
    install: "apt-get install rabbitmq-server",
    ready: "Server startup complete",
    transports: &[
        Transport::Tcp,
        Transport::Tls,
        Transport::WebSocket,
        Transport::WebSocketTls,
    ],
    web_socket_path: "/ws",
    versions: &[("31", "3.1"), ("311", "3.1.1")],
    takes: &[0, 1, 2],
    delivers: |asked, sent| asked.min(sent).min(1),
    retained: Retained::WithoutWildcards,
    quirks: &[
        Quirk {
            command: &["pub", "-V", "31", "-q", "2"],
            over: ALL_TRANSPORTS,
            status: 0,
            says: &[QOS_2_IS_1],
        },
        Quirk {
            command: &["pub", "-V", "311", "-q", "2"],
            over: ALL_TRANSPORTS,
            status: 0,
            says: &[QOS_2_IS_1],
        },
        Quirk {
            command: &["sub", "-V", "311", "-q", "2", "-W", "1"],
            over: ALL_TRANSPORTS,
            status: TIMED_OUT,
            says: &[
                GRANTS_1,
                "mqkit: the time limit of 1s ran out while waiting for messages",
            ],
        },
        Quirk {
            command: &["pub", "-V", "5"],
            over: ALL_TRANSPORTS,
            status: 3,
            says: NO_ANSWER,
        },
        Quirk {
            command: &["sub", "-V", "5"],
            over: ALL_TRANSPORTS,
            status: 3,
            says: NO_ANSWER,
        },
        AUTO,
        Quirk {
            command: &["rr", "-e", "answer", "-V", "5"],
            over: ALL_TRANSPORTS,
            status: 3,
            says: NO_ANSWER,
        },
        REQUEST_UNANSWERED,
        Quirk {
            command: &["pub", "-q", "2"],
            over: ALL_TRANSPORTS,
            status: 0,
            says: &[FALLS_BACK, QOS_2_IS_1],
        },
    ],
};

pub(super) const NATS: Facts = Facts {
    name: "NATS",
    program: "nats-server",
    needs: &[],
    install: "apt-get install nats-server",
    ready: "Server is ready",
    transports: &[Transport::Tcp, Transport::WebSocket],
    web_socket_path: "/mqtt",
    versions: &[("311", "3.1.1")],
    takes: &[0, 1],
    delivers: |asked, sent| asked.min(sent).min(1),
    retained: Retained::Kept,
    quirks: &[
        Quirk {
            command: &["pub", "-V", "311", "-q", "2", "--no-reconnect"],
            over: &[Transport::WebSocket],
            status: 5,
            says: &[
                "mqkit: sent=1 acknowledged=0 failed=1",
                "mqkit: connection to {} was lost",
                "caused by: the peer closed the WebSocket with the code 1002 \"Protocol Violation\"",
                "hint: a broker that does not support QoS 2 does so, NATS for one: try -q 1",
            ],
        },
        Quirk {
            command: &["pub", "-V", "311", "-q", "2", "--no-reconnect"],
            over: &[Transport::Tcp, Transport::Tls],
            status: 5,
            says: &[
                "mqkit: sent=1 acknowledged=0 failed=1",
                "mqkit: connection to {} failed",
                "caused by: the peer closed the connection instead of answering a QoS 2 message",
                "hint: a broker that does not support QoS 2 does so, NATS for one: try -q 1",
            ],
        },
        Quirk {
            command: &["sub", "-V", "311", "-q", "2", "-W", "1"],
            over: ALL_TRANSPORTS,
            status: TIMED_OUT,
            says: &[
                GRANTS_1,
                "mqkit: the time limit of 1s ran out while waiting for messages",
            ],
        },
        Quirk {
            command: &["pub", "-V", "31"],
            over: ALL_TRANSPORTS,
            status: 3,
            says: NO_ANSWER,
        },
        Quirk {
            command: &["pub", "-V", "5"],
            over: ALL_TRANSPORTS,
            status: 4,
            says: REFUSES_5,
        },
        Quirk {
            command: &["sub", "-V", "5"],
            over: ALL_TRANSPORTS,
            status: 4,
            says: REFUSES_5,
        },
        AUTO,
        REQUEST,
        REQUEST_UNANSWERED,
    ],
};

/// Its MQTT port has TLS or has not: one of each takes two servers.
pub(super) const NATS_TLS: Facts = Facts {
    name: "NATS with TLS",
    transports: &[Transport::Tls],
    ..NATS
};

pub(super) const AEDES: Facts = Facts {
    name: "aedes",
    program: "node",
    needs: &["{}/node_modules/aedes", "{}/node_modules/ws"],
    install: "npm install in the directory $MQKIT_INTEROP_DIR, as .ci/run does",
    ready: "ready\n",
    transports: &[Transport::Tcp, Transport::Tls, Transport::WebSocket, Transport::Unix],
    web_socket_path: "/mqtt",
    versions: &[("31", "3.1"), ("311", "3.1.1")],
    takes: &[0, 1, 2],
    // Behind a wildcard it lowers nothing, but for QoS 0.
    delivers: |asked, sent| if asked == 0 { 0 } else { sent },
    retained: Retained::Kept,
    quirks: &[
        Quirk {
            command: &["pub", "-V", "5"],
            over: ALL_TRANSPORTS,
            status: 4,
            says: REFUSES_5,
        },
        Quirk {
            command: &["sub", "-V", "5"],
            over: ALL_TRANSPORTS,
            status: 4,
            says: REFUSES_5,
        },
        AUTO,
        REQUEST,
        REQUEST_UNANSWERED,
    ],
};

pub(super) const AMQTT: Facts = Facts {
    name: "amqtt",
    program: "{}/venv/bin/amqtt",
    needs: &[],
    install: "pip install in the virtual environment $MQKIT_INTEROP_DIR/venv, as .ci/run does",
    ready: "Starting session expiration monitor",
    transports: &[Transport::Tcp, Transport::Tls, Transport::WebSocket],
    web_socket_path: "/mqtt",
    versions: &[("311", "3.1.1")],
    takes: &[0, 1, 2],
    delivers: |asked, _| asked,
    retained: Retained::AtQos0,
    quirks: &[
        Quirk {
            command: &["pub", "-V", "31"],
            over: ALL_TRANSPORTS,
            status: 3,
            says: NO_ANSWER,
        },
        // CONNECT without properties is refused, with properties it is never answered.
        Quirk {
            command: &["pub", "-V", "5"],
            over: ALL_TRANSPORTS,
            status: 4,
            says: REFUSES_5,
        },
        Quirk {
            command: &["pub", "-V", "5", "-q", "1", "--connect-timeout", "1s"],
            over: ALL_TRANSPORTS,
            status: 3,
            says: NEVER_AN_ANSWER,
        },
        Quirk {
            command: &["sub", "-V", "5", "-q", "1", "--connect-timeout", "1s"],
            over: ALL_TRANSPORTS,
            status: 3,
            says: NEVER_AN_ANSWER,
        },
        Quirk {
            command: &["pub"],
            over: ALL_TRANSPORTS,
            status: 0,
            says: &[FALLS_BACK],
        },
        Quirk {
            command: &["pub", "-q", "1", "--connect-timeout", "2s"],
            over: ALL_TRANSPORTS,
            status: 0,
            says: &["mqkit: no answer to CONNECT of MQTT 5: trying 3.1.1 (-V 311 does so at once)"],
        },
    ],
};

impl Kind {
    /// What is known of it.
    pub(crate) fn facts(self) -> &'static Facts {
        match self {
            Self::Mosquitto => &MOSQUITTO,
            Self::Embedded => &EMBEDDED,
            Self::RabbitMq => &RABBITMQ,
            Self::Nats => &NATS,
            Self::NatsTls => &NATS_TLS,
            Self::Aedes => &AEDES,
            Self::Amqtt => &AMQTT,
        }
    }
}
