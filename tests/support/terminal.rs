//! The program with a terminal as its standard output: a pseudoterminal that collects what is written to it.

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

/// The program under test, called `name`, in an empty environment; times are in UTC.
pub(crate) fn called(name: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
    command.arg0(name).args(words).env_clear();
    for (name, value) in [("XDG_CONFIG_HOME", "/nonexistent"), ("TERM", "xterm"), ("TZ", "UTC")] {
        command.env(name, value);
    }
    command
}

/// Runs it with its standard output on a terminal; gives what came out there, and the status.
pub(crate) fn run(mut command: Command) -> (String, ExitStatus) {
    let (terminal, output) = open();
    let mut child = command.stdin(Stdio::null()).stdout(terminal).spawn().unwrap();
    // The last one to have the terminal open is the child.
    drop(command);
    let status = child.wait().unwrap();
    (output.join().unwrap(), status)
}

/// A terminal, and what is written to it until it is closed.
fn open() -> (Stdio, JoinHandle<String>) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let output = std::thread::spawn(move || {
        let (mut master, mut bytes, mut chunk) = (File::from(master), Vec::new(), [0; 4096]);
        // The end of a terminal is an error.
        while let Ok(count @ 1..) = master.read(&mut chunk) {
            bytes.extend_from_slice(&chunk[..count]);
        }
        // The terminal makes two characters of a line's end.
        String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
    });
    (terminal.into(), output)
}
