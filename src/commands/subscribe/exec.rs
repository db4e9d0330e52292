//! One command for each message: started in the order of arrival, so many at once, settled in the order of arrival
//! whichever ends first `[MQTT-4.6.0-2]` `[MQTT-4.6.0-3]`. It must not know the broker.

use super::{PendingAck, environment};
use crate::commands::until;
use crate::protocol::{Properties, Publish, QoS};
use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// No more messages are taken while so many wait for their command or for an older one.
const QUEUE_LIMIT: usize = 1000;
/// Nor while their payloads have so many bytes together.
const WAITING_LIMIT: usize = 16 * 1024 * 1024;
/// No reply is larger, in bytes.
const OUTPUT_LIMIT: u64 = 16 * 1024 * 1024;

/// How long commands may go on after a first signal; the conversation waits a little longer.
const PATIENCE: Duration = Duration::from_millis(4500);
/// How long a command may take to end after TERM.
const TERM_TO_KILL: Duration = Duration::from_millis(250);

/// What is run, and how.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// For `/bin/sh -c`.
    pub(super) command: String,
    /// So many at once.
    pub(super) jobs: usize,
    /// Their output is an answer, sent with these properties.
    pub(super) reply: Option<Properties>,
}

/// The messages that have a command.
pub(super) struct Commands {
    task: Task,
    foreign: BTreeSet<String>,
    /// Messages in the order of their arrival.
    queue: VecDeque<Entry>,
    /// The number of the first of them.
    first: u64,
    /// The number of the next one to look at for a start.
    next: u64,
    /// Bytes of payload that wait.
    waiting: usize,
    running: JoinSet<Finished>,
    /// The process groups of those that run, by the numbers of their messages.
    groups: BTreeMap<u64, Pid>,
    /// When the running ones are asked to end, and then are killed.
    ending: Option<(Signal, Instant)>,
    /// They were asked to.
    ended: bool,
    failed: u64,
    unacknowledged: usize,
}

struct Entry {
    pending: PendingAck,
    qos: QoS,
    state: State,
}

enum State {
    Waiting(Publish),
    Running,
    Done,
    /// Its command failed, or will not be started: it is not acknowledged.
    Left,
}

/// A command that ended.
pub(super) struct Finished {
    number: u64,
    /// Its message.
    pub(super) publish: Publish,
    /// What it printed.
    pub(super) result: Result<Bytes, Failure>,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("it cannot be run: {0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Status(ExitStatus),
    #[error("its output has more than {OUTPUT_LIMIT} bytes")]
    TooMuch,
}

impl Commands {
    pub(super) fn new(task: Task) -> Self {
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        Self {
            task,
            foreign: environment::foreign(names),
            queue: VecDeque::new(),
            first: 0,
            next: 0,
            waiting: 0,
            running: JoinSet::new(),
            groups: BTreeMap::new(),
            ending: None,
            ended: false,
            failed: 0,
            unacknowledged: 0,
        }
    }

    /// The properties of answers, when the commands give some.
    pub(super) fn reply(&self) -> Option<&Properties> {
        self.task.reply.as_ref()
    }

    /// Commands that failed.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// Messages whose command failed and that the broker waits for: they use up its send window.
    pub(super) fn unacknowledged(&self) -> usize {
        self.unacknowledged
    }

    /// The connection that they came on is gone; the broker sends them again where it still knows the session.
    pub(super) fn disconnected(&mut self) {
        self.unacknowledged = 0;
    }

    /// True when another message may be taken.
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < QUEUE_LIMIT && self.waiting < WAITING_LIMIT
    }

    /// True when nothing waits or runs.
    pub(super) fn is_settled(&self) -> bool {
        self.queue.is_empty()
    }

    /// A message, which gets a command or is only settled in its turn.
    pub(super) fn take(&mut self, mut publish: Publish, pending: PendingAck, wanted: bool) {
        let qos = publish.qos;
        let state = if wanted {
            // A slice of what was read would keep all of that.
            publish.payload = Bytes::copy_from_slice(&publish.payload);
            self.waiting += publish.payload.len();
            State::Waiting(publish)
        } else {
            State::Done
        };
        self.queue.push_back(Entry { pending, qos, state });
    }

    /// Starts what may run.
    pub(super) fn start(&mut self) {
        while self.running.len() < self.task.jobs.max(1) {
            let Some(entry) = entry(&mut self.queue, self.first, self.next) else {
                return;
            };
            let number = self.next;
            self.next += 1;
            if !matches!(entry.state, State::Waiting(_)) {
                continue;
            }
            if let State::Waiting(publish) = std::mem::replace(&mut entry.state, State::Running) {
                self.waiting -= publish.payload.len();
                let child = self.command(&publish).spawn();
                let id = child.as_ref().ok().and_then(Child::id);
                if let Some(group) = id.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
                    self.groups.insert(number, group);
                }
                let reply = self.task.reply.is_some();
                self.running.spawn(async move {
                    let result = match child {
                        Ok(child) => run(child, &publish.payload, reply).await,
                        Err(error) => Err(error.into()),
                    };
                    Finished {
                        number,
                        publish,
                        result,
                    }
                });
            }
        }
    }

    /// Commands that run.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Has the running commands end: TERM, then KILL; at once or when a first signal's grace is nearly over.
    pub(super) fn end(&mut self, at_once: bool) {
        let patience = if at_once { Duration::ZERO } else { PATIENCE };
        self.ending = Some((Signal::TERM, Instant::now() + patience));
    }

    fn signal(&self, signal: Signal) {
        for group in self.groups.values() {
            // One that has just ended cannot be signalled, and need not.
            let _ = kill_process_group(*group, signal);
        }
    }

    fn command(&self, publish: &Publish) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(&self.task.command);
        for name in &self.foreign {
            command.env_remove(name);
        }
        command.envs(environment::variables(publish));
        command.stdin(Stdio::piped());
        if self.task.reply.is_some() {
            command.stdout(Stdio::piped());
        }
        // Signals of the terminal are for this program, which ends its commands in its own time.
        command.process_group(0);
        command
    }

    /// The next command that ends. Cancel-safe.
    pub(super) async fn finished(&mut self) -> Finished {
        loop {
            let ending = self.ending;
            tokio::select! {
                Some(joined) = self.running.join_next() => match joined {
                    Ok(finished) => {
                        self.groups.remove(&finished.number);
                        return finished;
                    }
                    // None is cancelled.
                    Err(error) => error.try_into_panic().map_or((), |panic| std::panic::resume_unwind(panic)),
                },
                () = until(ending.map(|(_, at)| at)), if ending.is_some() => {
                    self.signal(ending.map_or(Signal::KILL, |(signal, _)| signal));
                    self.ended = true;
                    self.ending = match ending {
                        Some((Signal::TERM, at)) => Some((Signal::KILL, at + TERM_TO_KILL)),
                        _ => None,
                    };
                }
                else => return std::future::pending().await,
            }
        }
    }

    /// Says how it went, all in all. True for a failure that [`Self::end`] made.
    pub(super) fn conclude(&mut self, finished: &Finished, success: bool) -> bool {
        let ended = self.ended && !success;
        self.failed += u64::from(!success && !ended);
        if let Some(entry) = entry(&mut self.queue, self.first, finished.number) {
            entry.state = if success { State::Done } else { State::Left };
            self.unacknowledged += usize::from(!success && entry.qos != QoS::AtMostOnce);
        }
        ended
    }

    /// The next message that is done with, and every older one too.
    pub(super) fn settle(&mut self) -> Option<PendingAck> {
        while let Some(Entry {
            state: State::Done | State::Left,
            ..
        }) = self.queue.front()
        {
            let entry = self.queue.pop_front()?;
            self.first += 1;
            self.next = self.next.max(self.first);
            if let State::Done = entry.state {
                return Some(entry.pending);
            }
        }
        None
    }

    /// Does not start what is not running.
    pub(super) fn abandon(&mut self) {
        for entry in &mut self.queue {
            if let State::Waiting(_) = entry.state {
                entry.state = State::Left;
            }
        }
        self.waiting = 0;
    }
}

impl Drop for Commands {
    /// An end that does not wait must not leave commands behind whose messages come again.
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

fn entry(queue: &mut VecDeque<Entry>, first: u64, number: u64) -> Option<&mut Entry> {
    queue.get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
}

/// Runs a command to its end: the payload is its standard input; gives its standard output, when that was asked for.
async fn run(mut child: Child, payload: &[u8], output: bool) -> Result<Bytes, Failure> {
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A command that does not read all of it need not.
            let _ = stdin.write_all(payload).await;
        }
    };
    let read = async {
        let mut printed = Vec::new();
        if let Some(stdout) = stdout.filter(|_| output) {
            stdout.take(OUTPUT_LIMIT + 1).read_to_end(&mut printed).await?;
        }
        Ok::<_, io::Error>(printed)
    };
    let end = async { tokio::join!(child.wait(), read) };
    tokio::pin!(feed, end);
    let (status, printed) = tokio::select! {
        ended = &mut end => ended,
        // What the payload was given to may still run.
        () = &mut feed => end.await,
    };
    let (status, printed) = (status?, printed?);
    if printed.len() as u64 > OUTPUT_LIMIT {
        return Err(Failure::TooMuch);
    }
    if status.success() {
        Ok(Bytes::from(printed))
    } else {
        Err(Failure::Status(status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Utf8;
    use crate::session::AckHandle;

    fn task(command: &str, jobs: usize, reply: bool) -> Commands {
        Commands::new(Task {
            command: command.to_owned(),
            jobs,
            reply: reply.then(Properties::new),
        })
    }

    fn take(commands: &mut Commands, topic: &str, payload: impl Into<Bytes>) {
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: Utf8::new(topic).unwrap(),
            packet_id: None,
            properties: Properties::new(),
            payload: payload.into(),
        };
        let pending = PendingAck {
            handle: AckHandle::default(),
            remove: Some(publish.topic.clone()),
        };
        commands.take(publish, pending, true);
        commands.start();
    }

    async fn end(commands: &mut Commands) -> (String, Result<Bytes, Failure>) {
        let finished = commands.finished().await;
        let success = finished.result.is_ok();
        commands.conclude(&finished, success);
        commands.start();
        (finished.publish.topic.to_string(), finished.result)
    }

    fn settled(commands: &mut Commands) -> Vec<String> {
        std::iter::from_fn(|| commands.settle())
            .map(|pending| pending.remove.unwrap().to_string())
            .collect()
    }

    #[tokio::test]
    async fn messages_are_settled_in_the_order_of_their_arrival() {
        // The first one ends when the second one has said so.
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let command = format!(
            "p='{0}'; case $MQTT_TOPIC in 1) mkfifo \"$p\".new && mv \"$p\".new \"$p\" && cat \"$p\";; \
             2) while ! test -p \"$p\"; do :; done;; 3) echo go > \"$p\";; esac",
            pipe.display()
        );
        let mut commands = task(&command, 2, true);
        for topic in ["1", "2", "3"] {
            take(&mut commands, topic, "");
        }
        assert_eq!(commands.running.len(), 2, "not all at once");
        assert_eq!(end(&mut commands).await.0, "2");
        assert_eq!(settled(&mut commands), [""; 0], "the first one is not done");
        assert_eq!(commands.running.len(), 2, "the third one was started");
        let mut ended = [end(&mut commands).await.0, end(&mut commands).await.0];
        ended.sort();
        assert_eq!(ended, ["1", "3"]);
        assert_eq!(settled(&mut commands), ["1", "2", "3"]);
        assert!(commands.is_settled());
    }

    #[tokio::test]
    async fn failures_are_not_settled() {
        let mut commands = task("cat; exit $MQTT_TOPIC", 1, true);
        take(&mut commands, "3", "x");
        take(&mut commands, "0", "y");
        let (topic, result) = end(&mut commands).await;
        assert_eq!(
            (topic.as_str(), result.unwrap_err().to_string().as_str()),
            ("3", "exit status: 3")
        );
        assert_eq!(end(&mut commands).await.1.unwrap(), "y");
        assert_eq!(settled(&mut commands), ["0"]);
        assert_eq!(commands.failed(), 1);
    }

    #[tokio::test]
    async fn large_payloads_pass_and_need_not_be_read() {
        let large = vec![b'x'; 1_000_000];
        let mut commands = task("cat", 1, true);
        take(&mut commands, "a", large.clone());
        assert_eq!(end(&mut commands).await.1.unwrap(), large);
        let mut commands = task("echo done", 1, true);
        take(&mut commands, "a", large);
        assert_eq!(end(&mut commands).await.1.unwrap(), "done\n");
    }

    #[tokio::test]
    async fn endless_output_fails() {
        let mut commands = task("cat /dev/zero", 1, true);
        take(&mut commands, "a", "");
        assert!(matches!(end(&mut commands).await.1, Err(Failure::TooMuch)));
    }

    #[tokio::test]
    async fn what_waits_is_bounded_and_can_be_abandoned() {
        let mut commands = task("true", 1, false);
        take(&mut commands, "first", "");
        take(&mut commands, "a", vec![0; WAITING_LIMIT]);
        assert!(!commands.has_room());
        commands.abandon();
        assert!(commands.has_room());
        end(&mut commands).await.1.unwrap();
        assert_eq!(settled(&mut commands), ["first"]);
        assert!(commands.is_settled());
        for _ in 0..QUEUE_LIMIT {
            assert!(commands.has_room());
            take(&mut commands, "a", "");
        }
        assert!(!commands.has_room());
    }
}
