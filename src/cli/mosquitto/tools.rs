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
