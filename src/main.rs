//! The mqkit program. It must not know MQTT.

use mqkit::{commands, exit};
use std::process::ExitCode;

fn main() -> ExitCode {
    exit::report(commands::run(std::env::args_os()))
}
