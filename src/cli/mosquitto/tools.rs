//! The tools of Mosquitto that the program can stand for.

use std::ffi::OsStr;
use std::path::Path;

/// A tool of Mosquitto's that this program can stand for.
#[derive(Debug, PartialEq, Eq)]
pub struct Tool {
    /// Its name; that of the symlink.
    pub name: &'static str,
    /// The subcommand that does the same.
    pub command: &'static str,
    /// Its protocol version when nothing is said, as `-V` takes it.
    pub(super) version: &'static str,
    /// The status of a signal: it ends the run well (0), or as a shell shows it.
    pub signal_is_success: bool,
    /// The status of a DISCONNECT from the broker; otherwise its reason code.
    pub disconnected: Option<u8>,
}

/// The tools.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "mosquitto_pub",
        command: "pub",
        version: "311",
        signal_is_success: false,
        disconnected: Some(4),
    },
    Tool {
        name: "mosquitto_sub",
        command: "sub",
        version: "311",
        signal_is_success: true,
        disconnected: None,
    },
    Tool {
        name: "mosquitto_rr",
        command: "rr",
        version: "5",
        signal_is_success: false,
        disconnected: Some(4),
    },
];

/// What the manual page tells about them.
pub const MANUAL: &[(&str, &str)] = &[
    (
        "mosquitto_pub, mosquitto_sub, mosquitto_rr",
        "Under such a name, for example as a symlink, the program behaves as that tool of Mosquitto 2.1: its flags, each \
         a word of its own; numbers read as atoi does; version 3.1.1 (mosquitto_rr: 5) unless -V, -D or -x say \
         otherwise; payloads as output; its options files. Neither config.toml nor MQTT_ variables are looked at, so that \
         scripts run unchanged.",
    ),
    (
        "Exit status",
        "0 done, and sub after SIGINT or SIGTERM; 1 usage, --help, --version, no first connection; 1 to 5 or 128 and \
         more the code of CONNACK, or of the first SUBACK, PUBACK or PUBREC that refused; 2 the peer broke the protocol; \
         4 pub and rr: the broker disconnected; 7 the connection was lost; 19 no answer to a ping; 27 -W",
    ),
    (
        "Where it differs on purpose",
        "A refused message or subscription is not status 0. rr ignores retained messages, and ends with \
         DISCONNECT. A file named with -o must be there. -d writes to standard error, so that payloads stay alone. \
         A terminal gets the control bytes of topics and payloads escaped. --psk, --psk-identity, --tls-engine and -S \
         are not there.",
    ),
];

/// The tool whose name the program was started under.
#[must_use]
pub fn tool(program: &OsStr) -> Option<&'static Tool> {
    let name = Path::new(program).file_name()?;
    TOOLS.iter().find(|tool| name == tool.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_their_last_name() {
        assert_eq!(tool(OsStr::new("mosquitto_pub")).map(|tool| tool.command), Some("pub"));
        assert_eq!(
            tool(OsStr::new("/opt/mosquitto_sub")).map(|tool| tool.command),
            Some("sub")
        );
        assert_eq!(tool(OsStr::new("/opt/mqkit")), None);
    }
}
