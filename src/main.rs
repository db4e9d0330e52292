//! The mqkit program. It must not know MQTT.

use mqkit::{commands, exit};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let tool = words.first().and_then(|program| mqkit::cli::mosquitto::tool(program));
    exit::report(commands::run(words, tool), tool)
}
