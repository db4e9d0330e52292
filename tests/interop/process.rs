//! Programs under test: started without an own environment, watched through their output, ended with their handle.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// No event is waited for longer than this; every command has a limit of its own that is shorter.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// Characters of stdout in messages.
const SHOWN: usize = 4000;

/// What a process has written up to now.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    /// Whole lines in `stdout`.
    pub(super) lines: usize,
    /// Pipes that are still open.
    open: usize,
}

impl Output {
    pub(super) fn stdout(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    pub(super) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Both, for programs that do not keep to one of them.
    pub(super) fn everything(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned() + &self.stderr()
    }
}

type Shared = Arc<(Mutex<Output>, Condvar)>;

/// A running process; dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    name: String,
    output: Shared,
    threads: Vec<JoinHandle<()>>,
}

/// A program with an environment that holds nothing of the tester's.
pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in ["PATH", "LLVM_PROFILE_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// mqkit, which ends by itself after a minute.
pub(super) fn mqkit(subcommand: &str, words: &[&str]) -> Command {
    let mut command = command(env!("CARGO_BIN_EXE_mqkit"));
    command.args([subcommand, "--deadline", "60s"]).args(words);
    command
}

/// A program of the system, also where only root's PATH looks.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|path| Path::is_file(path))
}

impl Process {
    /// Starts a command with no standard input.
    pub(super) fn start(command: Command) -> Self {
        Self::start_with(command, Vec::new())
    }

    /// Starts a command with these bytes as its standard input.
    pub(super) fn start_with(mut command: Command, stdin: Vec<u8>) -> Self {
        let name = format!("{command:?}");
        let given = if stdin.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        };
        command.stdin(given).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let output = Shared::default();
        output.0.lock().unwrap().open = 2;
        let mut threads = vec![
            collect(child.stdout.take().unwrap(), &output, |output, bytes| {
                output.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
                output.stdout.extend_from_slice(bytes);
            }),
            collect(child.stderr.take().unwrap(), &output, |output, bytes| {
                output.stderr.extend_from_slice(bytes);
            }),
        ];
        if let Some(mut pipe) = child.stdin.take() {
            // A process that ends before it has read everything is judged by its status.
            threads.push(thread::spawn(move || drop(pipe.write_all(&stdin))));
        }
        Self {
            child,
            name,
            output,
            threads,
        }
    }

    /// Waits until the output fulfils a condition.
    ///
    /// # Panics
    /// When the process has closed its output before, or it takes too long.
    pub(super) fn wait_for(&self, what: &str, condition: impl Fn(&Output) -> bool) {
        assert!(
            self.reaches(&condition),
            "{} never came to {what}\n{}",
            self.name,
            self.shown()
        );
    }

    /// Waits until the output fulfils a condition (true), or never will.
    pub(super) fn reaches(&self, condition: impl Fn(&Output) -> bool) -> bool {
        let (lock, changed) = &*self.output;
        let guard = lock.lock().unwrap();
        let waiting = |output: &mut Output| output.open > 0 && !condition(output);
        let (guard, _) = changed.wait_timeout_while(guard, PATIENCE, waiting).unwrap();
        condition(&guard)
    }

    /// Waits for a text on stderr.
    pub(super) fn wait_for_stderr(&self, text: &str) {
        self.wait_for(text, |output| output.stderr().contains(text));
    }

    /// Waits for the process to end.
    ///
    /// # Panics
    /// When it takes too long.
    pub(super) fn finish(mut self) -> (ExitStatus, Output) {
        let status = self.wait_for_end();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        (status, std::mem::take(&mut *self.output.0.lock().unwrap()))
    }

    fn wait_for_end(&mut self) -> ExitStatus {
        // Its pipes close when it ends: std has no wait with a limit.
        self.reaches(|_| false);
        let open = self.output.0.lock().unwrap().open;
        assert_eq!(open, 0, "{} does not end\n{}", self.name, self.shown());
        self.child.wait().unwrap()
    }

    /// Waits for the process to end with this status, and gives what it wrote.
    pub(super) fn expect(self, status: i32) -> Output {
        let name = self.name.clone();
        let (ended, output) = self.finish();
        let text = output.stderr();
        assert_eq!(ended.code(), Some(status), "{name}\n{}", tail(&text));
        output
    }

    /// Sends SIGTERM, and waits for the end.
    pub(super) fn terminate(self) -> Output {
        let pid = self.child.id().to_string();
        // std cannot send it. The child has not been waited for, so its number cannot belong to another process.
        let sent = command("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(sent.success(), "{}", self.name);
        self.finish().1
    }

    /// Sends SIGKILL, and waits for the end.
    pub(super) fn kill(mut self) -> Output {
        self.child.kill().unwrap();
        self.finish().1
    }

    /// Waits for the end, and gives the most memory that was in use meanwhile, in KiB.
    pub(super) fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let mut peak = 0;
        loop {
            // The system keeps the peak, but only until the process ends: it has to be asked again and again.
            let status = std::fs::read_to_string(&path).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            if let Some(line) = line {
                peak = line.trim().trim_end_matches(" kB").parse().unwrap();
            }
            let (lock, changed) = &*self.output;
            let guard = lock.lock().unwrap();
            let waiting = |output: &mut Output| output.open > 0;
            let (guard, _) = changed
                .wait_timeout_while(guard, Duration::from_millis(20), waiting)
                .unwrap();
            if guard.open == 0 {
                return peak;
            }
        }
    }

    /// What it has written on stdout up to now.
    pub(super) fn stdout(&self) -> String {
        self.output.0.lock().unwrap().stdout()
    }

    /// The end of what it said, for messages.
    pub(super) fn shown(&self) -> String {
        let output = self.output.0.lock().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        let shown = tail(&stdout);
        let shown: String = shown.chars().take(SHOWN).collect();
        format!(
            "{} lines on stdout: {shown}\nstderr: {}",
            output.lines,
            tail(&output.stderr())
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command that must succeed, and gives what it wrote.
pub(super) fn run(command: Command) -> Output {
    Process::start(command).expect(0)
}

/// The last lines of a text.
pub(super) fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

fn collect(
    mut pipe: impl Read + Send + 'static,
    output: &Shared,
    add: impl Fn(&mut Output, &[u8]) + Send + 'static,
) -> JoinHandle<()> {
    let output = Arc::clone(output);
    thread::spawn(move || {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let read = pipe.read(&mut chunk).unwrap_or_default();
            let mut guard = output.0.lock().unwrap();
            match read {
                0 => guard.open -= 1,
                _ => add(&mut guard, &chunk[..read]),
            }
            output.1.notify_all();
            if read == 0 {
                return;
            }
        }
    })
}

/// How long something took, for reports.
pub(super) fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}
