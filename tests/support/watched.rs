//! The program in a process that is watched: its memory while it runs, the time to its end, what it said.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that a program is waited for; it is killed then.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is kept of an output.
const KEPT: usize = 64 * 1024;

/// What a program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// `/dev/null`.
    Nothing,
    /// A pipe into which nobody writes.
    Silent,
    /// This text, and the end.
    Text(&'static str),
    /// This text again and again.
    Endless(&'static str),
}

/// What becomes of what it prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Read,
    /// A pipe from which nobody reads.
    Unread,
    /// A pipe whose reader takes one line and goes.
    OneLine,
}

/// A running program.
pub(crate) struct Watched {
    child: Child,
    began: Instant,
    /// Open as long as the program runs.
    _stdin: Option<Box<dyn Send>>,
    _stdout: Option<Box<dyn Send>>,
    out: Option<Receiver<Vec<u8>>>,
    err: Receiver<Vec<u8>>,
    /// A signal that is sent again and again.
    insists: Option<&'static str>,
    anonymous: u64,
    waited: Duration,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// As a shell gives it: 128 and the signal for a program that one killed. `None`: killed here, after 20 s.
    pub(crate) status: Option<i32>,
    /// When it ended, and everything it had started, too: their standard error is the same.
    pub(crate) at: Instant,
    pub(crate) began: Instant,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The most memory that was its own (RssAnon), in bytes. Pages of the program's file are not: a debug build has 10
    /// times as many as a release.
    pub(crate) anonymous: u64,
    /// How long its main thread could have run, but others had the processors.
    pub(crate) waited: Duration,
}

impl Watched {
    pub(crate) fn start(mut command: Command, input: Input, output: Output) -> Self {
        let stdin = if input == Input::Nothing {
            Stdio::null()
        } else {
            Stdio::piped()
        };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = Instant::now();
        let mut child = command.spawn().unwrap();
        let mut stdin: Option<Box<dyn Send>> = None;
        if let Some(mut pipe) = child.stdin.take() {
            match input {
                Input::Text(text) => pipe.write_all(text.as_bytes()).unwrap(),
                Input::Endless(text) => {
                    thread::spawn(move || while pipe.write_all(text.as_bytes()).is_ok() {});
                }
                Input::Nothing | Input::Silent => stdin = Some(Box::new(pipe)),
            }
        }
        let mut out = child.stdout.take().unwrap();
        let (mut kept, mut stdout): (Option<Box<dyn Send>>, _) = (None, None);
        match output {
            Output::Read => stdout = Some(read(out)),
            Output::Unread => kept = Some(Box::new(out)),
            Output::OneLine => {
                let (sender, receiver) = channel();
                thread::spawn(move || {
                    let (mut line, mut byte) = (Vec::new(), [0]);
                    while !line.ends_with(b"\n") && out.read(&mut byte).is_ok_and(|count| count > 0) {
                        line.push(byte[0]);
                    }
                    drop(out);
                    let _ = sender.send(line);
                });
                stdout = Some(receiver);
            }
        }
        let err = read(child.stderr.take().unwrap());
        Self {
            child,
            began,
            _stdin: stdin,
            _stdout: kept,
            out: stdout,
            err,
            insists: None,
            anonymous: 0,
            waited: Duration::ZERO,
        }
    }

    /// Waits until the program handles this signal, at most 2 s: some states have no handler.
    pub(crate) fn wait_for_handler(&mut self, signal: u32) {
        let limit = Instant::now() + Duration::from_secs(2);
        while Instant::now() < limit && self.look().is_none_or(|caught| caught >> (signal - 1) & 1 == 0) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(status.success());
    }

    /// Sends a signal ten times a second from now on, as an impatient person does.
    pub(crate) fn insist(&mut self, name: &'static str) {
        self.insists = Some(name);
    }

    /// The end; while it is waited for, the memory is watched.
    pub(crate) fn end(mut self) -> Ended {
        let mut signalled = Instant::now();
        let status = loop {
            self.look();
            if let Some(name) = self
                .insists
                .filter(|_| signalled.elapsed() > Duration::from_millis(100))
            {
                signalled = Instant::now();
                self.signal(name);
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code().or_else(|| status.signal().map(|signal| 128 + signal));
            }
            if self.began.elapsed() > PATIENCE {
                break None;
            }
            thread::sleep(Duration::from_millis(2));
        };
        if status.is_none() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
        let text = |output: &Receiver<Vec<u8>>| {
            let bytes = output.recv_timeout(PATIENCE).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let stderr = text(&self.err);
        let at = Instant::now();
        Ended {
            status,
            at,
            began: self.began,
            stdout: self.out.as_ref().map(text).unwrap_or_default(),
            stderr,
            anonymous: self.anonymous,
            waited: self.waited,
        }
    }

    /// The signals that it handles; takes note of its memory, and of the time that it was kept from running.
    fn look(&mut self) -> Option<u64> {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).ok();
        let waited = read("schedstat").and_then(|text| text.split_whitespace().nth(1)?.parse().ok());
        self.waited = self.waited.max(Duration::from_nanos(waited.unwrap_or(0)));
        let text = read("status")?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()
        };
        // Until it has begun to run, its memory is that of this process.
        let anonymous = field("RssAnon:").filter(|_| field("Name:") == Some("mqkit"));
        let anonymous = anonymous.and_then(|number| number.parse::<u64>().ok());
        self.anonymous = self.anonymous.max(anonymous.unwrap_or(0) * 1024);
        u64::from_str_radix(field("SigCgt:")?, 16).ok()
    }
}

/// Reads to the end, and keeps the beginning.
fn read(mut output: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let (mut kept, mut buffer) = (Vec::new(), [0; 16 * 1024]);
        while let Ok(count @ 1..) = output.read(&mut buffer) {
            let room = KEPT.saturating_sub(kept.len()).min(count);
            kept.extend_from_slice(&buffer[..room]);
        }
        let _ = sender.send(kept);
    });
    receiver
}
