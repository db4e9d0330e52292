//! Trials of the program as data: what it is connected to, how it is called, how it is to end. Each row is run in all its
//! ways at once with others, and everything that is wrong is told together.

use super::hostile::{Act, Hostile, saturated};
use super::watched::{Ended, Input, Output, Watched};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Memory of its own that a client may take; see [`Ended::anonymous`].
const MEMORY: u64 = 20 << 20;
/// The limit of all runs that have one, and what they may take beyond it.
const LIMIT: Duration = Duration::from_secs(1);
const BEYOND: Duration = Duration::from_secs(1);
/// How long a first signal may wait for what is outstanding.
const GRACE: Duration = Duration::from_secs(5);

/// Where the program connects to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum At {
    Peer(&'static [Act]),
    /// The same behind a proxy's URL of this scheme: the peer is the proxy.
    Proxy(&'static str, &'static [Act]),
    /// A listener whose queue is full.
    Full,
}

/// How the run is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// `--deadline`.
    Deadline,
    /// `-W`.
    Timeout,
    Interrupt,
    Terminate,
    /// SIGTERM again and again: the second one ends the run at once, whatever is outstanding.
    Insist,
    /// By itself, with one of these statuses, before the deadline.
    Itself(&'static [i32]),
    /// The same without any limit.
    Unlimited(&'static [i32]),
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) at: At,
    /// Command lines, split at blanks; `{…}` are those of [`Places`].
    pub(crate) calls: &'static [&'static str],
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) ends: &'static [End],
    /// What the program was about, as it says when a limit runs out; `{peer}` is its address. `bench` has its own words.
    pub(crate) stage: &'static str,
    /// The peer plays no part: a signal comes as soon as it is handled.
    pub(crate) alone: bool,
    /// Something is unacknowledged, for which a first signal waits.
    pub(crate) outstanding: bool,
}

/// A row whose run reads nothing, is read, and is ended from outside.
pub(crate) const ROW: Row = Row {
    name: "",
    at: At::Full,
    calls: &[],
    input: Input::Nothing,
    output: Output::Read,
    ends: LIMITS,
    stage: "",
    alone: false,
    outstanding: false,
};

/// What runs are ended by from outside. One kind of signal does for most.
pub(crate) const LIMITS: &[End] = &[End::Deadline, End::Terminate];
pub(crate) const ALL_LIMITS: &[End] = &[End::Deadline, End::Timeout, End::Interrupt, End::Terminate];

/// The limits of runs that have something outstanding.
pub(crate) const LIMITS_AND_GRACE: &[End] = &[End::Deadline, End::Interrupt, End::Insist];

/// What the placeholders of command lines stand for.
struct Places {
    directory: tempfile::TempDir,
}

impl Places {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("8MB"), vec![b'x'; 8_000_000]).unwrap();
        let fifo = directory.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        // As much as is looked at before the key.
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(directory.path().join("certificate"), certificate).unwrap();
        Self { directory }
    }

    fn fill(&self, text: &str) -> String {
        let path = |name: &str| Path::to_str(&self.directory.path().join(name)).unwrap().to_owned();
        text.replace("{8MB}", &path("8MB"))
            .replace("{fifo}", &path("fifo"))
            .replace("{certificate}", &path("certificate"))
            .replace("{sleep}", "sleep 20")
            .replace("{slow}", "sleep 0.3; date")
            .replace("{failing}", "exit 1")
            .replace("{stubborn}", "trap '' TERM; exec sleep 20")
    }
}

impl End {
    pub(crate) fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Deadline | Self::Itself(_) => &["--deadline", "1s"],
            Self::Timeout => &["-W", "1"],
            Self::Interrupt | Self::Terminate | Self::Insist | Self::Unlimited(_) => &[],
        }
    }

    fn statuses(self) -> &'static [i32] {
        match self {
            Self::Deadline | Self::Timeout => &[27],
            Self::Interrupt => &[130],
            Self::Terminate | Self::Insist => &[143],
            Self::Itself(statuses) | Self::Unlimited(statuses) => statuses,
        }
    }

    pub(crate) fn signal(self) -> Option<(&'static str, u32)> {
        match self {
            Self::Interrupt => Some(("-INT", 2)),
            Self::Terminate | Self::Insist => Some(("-TERM", 15)),
            Self::Deadline | Self::Timeout | Self::Itself(_) | Self::Unlimited(_) => None,
        }
    }
}

/// All rows, six runs at a time: nearly all of them only wait.
pub(crate) fn run(rows: &[Row]) {
    run_at_once(rows, 6);
}

/// All rows, two runs at a time: they keep processors busy.
pub(crate) fn run_few(rows: &[Row]) {
    run_at_once(rows, 2);
}

fn run_at_once(rows: &[Row], threads: usize) {
    let places = Places::new();
    let runs: Vec<_> = rows
        .iter()
        .flat_map(|row| row.calls.iter().map(move |call| (row, *call)))
        .flat_map(|(row, call)| row.ends.iter().map(move |end| (row, call, *end)))
        .collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((row, call, end)) = runs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    for fault in row.run(call, *end, &places) {
                        let line = format!("{}: `{call}` {end:?}: {fault}", row.name);
                        failures.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    assert!(failures.is_empty(), "in {} runs:\n{}", runs.len(), failures.join("\n"));
}

/// What lives as long as a run.
enum Place {
    Peer(Hostile),
    Full(
        TcpListener,
        #[allow(dead_code, reason = "keeps the queue full")] Vec<TcpStream>,
    ),
}

impl Row {
    fn run(&self, call: &str, end: End, places: &Places) -> Vec<String> {
        let place = match self.at {
            At::Peer(acts) | At::Proxy(_, acts) => Place::Peer(Hostile::new(acts.to_vec())),
            At::Full => {
                let (listener, waiting) = saturated();
                Place::Full(listener, waiting)
            }
        };
        let port = match &place {
            Place::Peer(peer) => peer.port,
            Place::Full(listener, _) => listener.local_addr().unwrap().port(),
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_mqkit"));
        super::isolate(&mut command);
        command.args(call.split(' ').map(|word| places.fill(word)));
        match self.at {
            At::Proxy(scheme, _) => command.args([
                "-h",
                "broker.example",
                "--proxy",
                &format!("{scheme}://127.0.0.1:{port}"),
            ]),
            At::Peer(_) | At::Full => command.args(["-h", "127.0.0.1", "-p", &port.to_string()]),
        };
        command.args(end.flags());
        let mut watched = Watched::start(command, self.input, self.output);
        let mut faults_before = Vec::new();
        let mut from = None;
        if let Some((name, number)) = end.signal() {
            if let (Place::Peer(peer), false) = (&place, self.alone) {
                if !peer.is_at_the_end(Duration::from_secs(10)) {
                    faults_before.push("the peer did not come to its last act".to_owned());
                }
            }
            watched.wait_for_handler(number);
            from = Some(Instant::now());
            watched.signal(name);
            if end == End::Insist {
                watched.insist(name);
            }
        }
        let ended = watched.end();
        let stage = places.fill(self.stage).replace("{peer}", &format!("127.0.0.1:{port}"));
        let has_words = !call.starts_with("bench");
        faults_before.extend(faults(end, &ended, from, &stage, has_words, self.outstanding));
        faults_before
    }
}

/// What is wrong with an end.
pub(crate) fn faults(
    end: End,
    ended: &Ended,
    signalled: Option<Instant>,
    stage: &str,
    has_words: bool,
    outstanding: bool,
) -> Vec<String> {
    let mut faults = Vec::new();
    match ended.status {
        None => faults.push("did not end".to_owned()),
        Some(status) if !end.statuses().contains(&status) => faults.push(format!("status {status}")),
        Some(_) => {}
    }
    let (from, limit) = match signalled {
        Some(from) if outstanding && end != End::Insist => (from, GRACE),
        Some(from) => (from, Duration::ZERO),
        None => (ended.began, LIMIT),
    };
    let took = ended.at.duration_since(from);
    // A busy machine is not the program's fault.
    if ended.status.is_some() && took > limit + BEYOND + ended.waited {
        faults.push(format!(
            "took {took:.2?}, {:.2?} of it without a processor",
            ended.waited
        ));
    }
    if ended.anonymous > MEMORY {
        faults.push(format!("took {} MiB", ended.anonymous >> 20));
    }
    if signalled.is_none() && ended.stderr.trim().is_empty() {
        faults.push("said nothing".to_owned());
    }
    let by_limit = matches!(end, End::Deadline | End::Timeout);
    let said = |line: &str| line.starts_with("mqkit: the time limit of 1s ran out while ") && line.contains(stage);
    if by_limit && has_words && !ended.stderr.trim().is_empty() && !ended.stderr.lines().any(said) {
        faults.push(format!("did not say `{stage}` but {:?}", ended.stderr));
    }
    faults
}
