//! What a conversation says on stderr: connections and their loss, refusals, what was waited for. It must not know what
//! the messages are for.

use super::Waiting;
use crate::cli::Console;
use crate::client::{self, Client, PATTERN};
use crate::net::Stage;
use crate::protocol::{Connack, Version};
use crate::session::error::Reply;
use std::error::Error as _;
use std::fmt::{self, Display};
use std::time::{Duration, Instant};

/// So many refusals are named; the rest is counted.
const NAMED: u64 = 5;
/// Between two notes of failed attempts lies at least this time, and then always twice as much.
const FIRST_GAP: Duration = Duration::from_secs(1);
const LONGEST_GAP: Duration = Duration::from_secs(600);

/// The notes of one run.
pub(in crate::commands) struct Notes {
    console: Console,
    refusals: u64,
    /// When the next failed attempt is worth a note, and how long it will be quiet after that.
    next: Option<Instant>,
    gap: Duration,
    /// There is a connection.
    connected: bool,
    /// A loss was noted, and no connection since.
    lost: bool,
}

impl Notes {
    pub(super) fn new(console: Console) -> Self {
        Self {
            console,
            refusals: 0,
            next: None,
            gap: FIRST_GAP,
            connected: false,
            lost: false,
        }
    }

    /// How much is said.
    pub(in crate::commands) fn console(&self) -> Console {
        self.console
    }

    /// Something the user should know.
    pub(in crate::commands) fn note(&self, text: impl Display) {
        self.console.note(text);
    }

    /// Something for those who look closer.
    pub(in crate::commands) fn debug(&self, text: impl Display) {
        self.console.debug(text);
    }

    /// What explains the status, and so is shown also when notes are not.
    pub(in crate::commands) fn insist(&self, text: impl Display) {
        self.console.insist(text);
    }

    /// What may help with what [`Self::insist`] said.
    pub(in crate::commands) fn hint(&self, text: &str) {
        self.console.hint(text);
    }

    /// The broker refused something.
    pub(in crate::commands) fn refused(&mut self, what: impl Display, answer: &Reply) {
        self.refusals += 1;
        if self.refusals <= NAMED {
            self.insist(format_args!("the broker refused {what}: {answer}"));
        }
    }

    /// The end of the run: what was only counted.
    pub(super) fn finish(&self) {
        if let Some(more @ 1..) = self.refusals.checked_sub(NAMED) {
            self.insist(format_args!("the broker refused {more} more, for which see the totals"));
        }
    }

    pub(super) fn connected(&mut self, client: &mut Client, connack: &Connack) {
        self.connected = true;
        let target = client.target().to_string();
        // Who looks closer is told more below.
        if std::mem::take(&mut self.lost) && !self.console.debug {
            self.note(format_args!("connected to {target} again"));
        }
        if self.console.debug {
            let stream = client.stream_summary();
            let stream = stream.map(|words| format!(", {words}")).unwrap_or_default();
            let options = client.session().options();
            // 3.1 does not say.
            let session = match connack.session_present {
                _ if options.version == Version::V31 => "",
                true => ", an old session",
                false => ", a new session",
            };
            self.debug(format_args!(
                "connected to {target} as {:?}, MQTT {}{stream}{session}",
                options.client_id, options.version
            ));
        }
        let uncertain = client.take_uncertain();
        if uncertain > 0 {
            self.note(format_args!(
                "the broker lost its session: messages sent again as new, so a receiver may see them twice: {uncertain}"
            ));
        }
    }

    /// An attempt failed, or a connection was lost; notes become rarer while that goes on.
    pub(super) fn lost(&mut self, client: &mut Client, error: &client::Error, wait: Duration) {
        if wait.is_zero() {
            // Another connection is needed, and nothing was lost.
            return self.note(with_cause(error));
        }
        let now = Instant::now();
        let short_lived = client.short_lived();
        if std::mem::take(&mut self.connected) && short_lived == 0 {
            (self.next, self.gap) = (None, FIRST_GAP);
        }
        let due = self.next.is_none_or(|next| next <= now);
        if due || self.console.debug {
            let wait = wait.as_secs_f64();
            self.note(format_args!("{}; trying again in {wait:.1}s", with_cause(error)));
            self.lost = true;
        }
        if due {
            self.next = Some(now + self.gap);
            self.gap = (self.gap * 2).min(LONGEST_GAP);
        }
        let session = client.session();
        if let Some(oldest) = session
            .oldest_unacknowledged()
            .filter(|oldest| oldest.connections == PATTERN)
        {
            self.note(format_args!(
                "the message of {} bytes to {:?} was sent on {PATTERN} connections, and none of them outlived it: is it \
                 larger than the broker takes?",
                oldest.size, oldest.publish.topic
            ));
        } else if short_lived == PATTERN {
            self.note(format_args!(
                "the broker ended {PATTERN} connections in a row within seconds: is there another client with the \
                 identifier {:?}?",
                session.options().client_id
            ));
        }
    }

    pub(super) fn fell_back(&self, error: &client::Error) {
        match error {
            client::Error::NoConnack { limit: Some(_), .. } => {
                self.note("no answer to CONNECT of MQTT 5: trying 3.1.1 (-V 311 does so at once)");
            }
            _ => self.note("the broker does not speak MQTT 5: going on with 3.1.1 (-V 311 does so at once)"),
        }
        self.debug(with_cause(error));
    }
}

fn with_cause(error: &client::Error) -> impl Display {
    let cause = error.source().map(|source| format!(": {source}"));
    format!("{error}{}", cause.unwrap_or_default())
}

/// What was waited for, to stand behind "while".
pub(super) fn stage(client: &mut Client, waiting: Waiting) -> String {
    let of_broker = match waiting {
        Waiting::Work(text) => return text,
        Waiting::Broker(text) => text,
    };
    let at = client.waiting();
    let target = client.target();
    match at {
        client::Waiting::Retry => format!("waiting to connect to {target} again"),
        client::Waiting::Stream(Stage::Lookup) => format!("looking up {}", Host(target)),
        client::Waiting::Stream(stage) => format!("connecting to {target} ({stage})"),
        client::Waiting::Connack => format!("waiting for CONNACK from {target}"),
        client::Waiting::Output(bytes) => format!("waiting for {target} to take {bytes} bytes"),
        client::Waiting::Close => format!("waiting for {target} to close the connection"),
        client::Waiting::Input => of_broker,
    }
}

/// The name that is looked up.
struct Host<'a>(&'a crate::net::Endpoint);

impl Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            crate::net::Endpoint::Tcp(address) => f.write_str(&address.host),
            crate::net::Endpoint::Unix(path) => path.display().fmt(f),
        }
    }
}
