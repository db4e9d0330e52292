//! Where a run is, on standard error: a bar with live rates on a terminal, else a line for each wait that is long. It must
//! not know how a run is made, and is never asked for by what is measured.

use super::results::say;
use crate::bench::report::Row;
use crate::bench::{Phase, Progress};
use crate::cli::Console;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// What is shown while a run goes on.
pub(super) struct Display {
    console: Console,
    /// On a terminal, when the user wants to hear something.
    bar: Option<ProgressBar>,
    waits: Waits,
    phase: Phase,
}

/// Steps of the bar: of a phase whose end is known.
const STEPS: u64 = 1000;

impl Display {
    pub(super) fn new(console: &Console) -> Self {
        let bar = (!console.quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{prefix:10} {bar:24} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            console: *console,
            bar,
            waits: Waits::default(),
            phase: Phase::Asking,
        }
    }

    pub(super) fn show(&mut self, progress: &Progress<'_>) {
        self.phase = progress.phase;
        if let Some(bar) = &self.bar {
            bar.set_prefix(name(progress.phase));
            bar.set_position(position(progress));
            bar.set_message(message(progress));
        } else if let Some(line) = self.waits.line(progress, Instant::now()) {
            self.console.note(line);
        }
    }

    /// Says that the deadline has come, and where the run was.
    pub(super) fn ran_out(&self, limit: Duration) {
        let (limit, doing) = (limit.as_secs_f64(), name(self.phase));
        let line = format!("the time limit of {limit} s (--deadline) ran out while {doing}");
        match &self.bar {
            Some(bar) => bar.suspend(|| say(&line)),
            None => say(&line),
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Asking | Phase::Connecting(..) => "connecting",
        Phase::Waiting => "waiting",
        Phase::WarmUp => "warming up",
        Phase::Measuring => "measuring",
        Phase::Settling(_) => "settling",
        Phase::Draining(_) => "draining",
        Phase::Closing(..) => "closing",
    }
}

fn position(progress: &Progress<'_>) -> u64 {
    let share = match (progress.phase, progress.total) {
        (Phase::Connecting(done, all), _) => f64::from(done) / f64::from(all.max(1)),
        (Phase::Closing(left, all), _) => 1.0 - f64::from(left) / f64::from(all.max(1)),
        (_, Some(total)) if !total.is_zero() => progress.elapsed.as_secs_f64() / total.as_secs_f64(),
        _ => 0.0,
    };
    // A share of 1000 steps fits.
    (share.clamp(0.0, 1.0) * STEPS as f64) as u64
}

fn message(progress: &Progress<'_>) -> String {
    let time = match progress.total {
        Some(total) => format!("{:.0}/{:.0} s", progress.elapsed.as_secs_f64(), total.as_secs_f64()),
        None => format!("{:.0} s", progress.elapsed.as_secs_f64()),
    };
    let text = match (progress.phase, progress.row) {
        (Phase::Connecting(done, all), _) => format!("{done}/{all} clients"),
        (Phase::Closing(left, _), _) => format!("{left} clients left"),
        (Phase::Settling(left), _) => format!("{time}, {left} publishers have no answer yet"),
        (Phase::Measuring, Some(row)) => format!("{time}, {}", rates(row)),
        (Phase::Draining(left), Some(row)) => format!("{time}, {left} deliveries left, {}", rates(row)),
        _ => time,
    };
    match progress.away {
        0 => text,
        away => format!("{away} without a connection ({}), {text}", why(progress)),
    }
}

fn why<'a>(progress: &'a Progress<'_>) -> &'a str {
    progress.trouble.as_deref().unwrap_or("it is being made")
}

/// The waits of a run that has no terminal: which of them is worth a line, and when the next one.
#[derive(Default)]
struct Waits {
    current: Option<Current>,
}

struct Current {
    wait: Wait,
    since: Instant,
    /// The next line comes when it has taken so long.
    next: Duration,
    said: bool,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    First,
    Clients,
    Start,
    WarmUp,
    Connections,
    Answers,
    Deliveries,
    End,
}

/// A shorter wait is not worth a line; each line comes after twice the time of the one before.
const LONG: Duration = Duration::from_secs(2);

impl Waits {
    fn line(&mut self, progress: &Progress<'_>, now: Instant) -> Option<String> {
        let wait = match progress.phase {
            Phase::Asking => Some(Wait::First),
            Phase::Connecting(..) => Some(Wait::Clients),
            Phase::Settling(_) => Some(Wait::Answers),
            Phase::Draining(_) => Some(Wait::Deliveries),
            Phase::Closing(..) => Some(Wait::End),
            Phase::Waiting | Phase::WarmUp | Phase::Measuring if progress.away > 0 => Some(Wait::Connections),
            Phase::Waiting => Some(Wait::Start),
            Phase::WarmUp => Some(Wait::WarmUp),
            Phase::Measuring => None,
        };
        if self.current.as_ref().map(|current| current.wait) != wait {
            let before = self.current.take().filter(|before| before.said);
            self.current = wait.map(|wait| Current {
                wait,
                since: now,
                next: LONG,
                said: false,
            });
            return before
                .filter(|before| before.wait == Wait::Connections && progress.away == 0)
                .map(|_| "all clients are connected again".to_owned());
        }
        let current = self.current.as_mut()?;
        let waited = now.saturating_duration_since(current.since);
        if waited < current.next {
            return None;
        }
        current.next = waited * 2;
        current.said = true;
        Some(sentence(current.wait, progress, waited))
    }
}

fn sentence(wait: Wait, progress: &Progress<'_>, waited: Duration) -> String {
    let time = format!("{} s", waited.as_secs());
    let left = |total: Option<Duration>| total.unwrap_or_default().saturating_sub(progress.elapsed).as_secs();
    let away = match progress.away {
        0 => String::new(),
        away => format!("; {away} without a connection: {}", why(progress)),
    };
    match (wait, progress.phase) {
        (Wait::Clients, Phase::Connecting(done, all)) => format!(
            "waiting for {} of {all} clients to be connected and subscribed, {time} so far{away}",
            all.saturating_sub(done)
        ),
        (Wait::Answers, Phase::Settling(publishers)) => {
            format!("waiting for the broker's answers to {publishers} publishers, {time} so far{away}")
        }
        (Wait::Deliveries, Phase::Draining(deliveries)) => format!(
            "waiting for {deliveries} deliveries, {} s more at most (--drain){away}",
            left(progress.total)
        ),
        (Wait::End, Phase::Closing(clients, all)) => {
            format!("waiting for {clients} of {all} clients to disconnect, {time} so far{away}")
        }
        (Wait::Start, _) => format!("waiting for the start time, {} s more", left(progress.total)),
        (Wait::WarmUp, _) => format!(
            "publishing without measuring, {} s more (--warm-up)",
            left(progress.total)
        ),
        (Wait::First, _) => format!("waiting for the first connection to the broker, {time} so far{away}"),
        _ => format!(
            "waiting for {} clients to be connected again (--retry), {time} so far: {}",
            progress.away,
            why(progress)
        ),
    }
}

/// Of one interval.
fn rates(row: &Row) -> String {
    let rate = |count: u64| format!("{:.0}/s", count as f64 / row.length.max(1e-3));
    let mut text = format!("sent {}", rate(row.sent));
    for (name, count) in [("acknowledged", row.acknowledged), ("received", row.received)] {
        if count > 0 {
            text += &format!(", {name} {}", rate(count));
        }
    }
    if row.max > 0.0 {
        text += &format!(", p99 {}", span(row.p99));
    }
    text
}

fn span(micros: f64) -> String {
    format!("{:.1?}", Duration::try_from_secs_f64(micros / 1e6).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(phase: Phase, elapsed: u64, total: Option<u64>) -> Progress<'static> {
        Progress {
            phase,
            elapsed: Duration::from_secs(elapsed),
            total: total.map(Duration::from_secs),
            row: None,
            away: 0,
            trouble: None,
        }
    }

    fn at(phase: Phase, elapsed: u64, total: Option<u64>, row: Option<&Row>) -> (u64, String) {
        let progress = Progress {
            row,
            ..progress(phase, elapsed, total)
        };
        (position(&progress), message(&progress))
    }

    #[test]
    fn a_line_says_where_the_run_is() {
        let row = Row {
            length: 2.0,
            sent: 200,
            received: 180,
            p99: 1500.0,
            max: 2000.0,
            ..Row::default()
        };
        assert_eq!(
            at(Phase::Measuring, 4, Some(10), Some(&row)),
            (400, "4/10 s, sent 100/s, received 90/s, p99 1.5ms".to_owned())
        );
        assert_eq!(at(Phase::Measuring, 4, None, None), (0, "4 s".to_owned()));
        assert_eq!(
            at(Phase::Connecting(3, 4), 1, None, None),
            (750, "3/4 clients".to_owned())
        );
        assert_eq!(at(Phase::Waiting, 1, Some(0), None), (0, "1/0 s".to_owned()));
        let away = Progress {
            away: 2,
            trouble: Some("refused".to_owned()),
            ..progress(Phase::Measuring, 4, None)
        };
        assert_eq!(message(&away), "2 without a connection (refused), 4 s");
    }

    /// The lines of a wait of so many seconds, looked at five times a second, each with its second.
    fn lines(waits: &mut Waits, now: Instant, from: u64, to: u64, progress: &Progress<'_>) -> Vec<(u64, String)> {
        let looks = (from * 5)..(to * 5);
        looks
            .filter_map(|look| {
                let line = waits.line(progress, now + Duration::from_millis(200 * look))?;
                Some((look / 5, line))
            })
            .collect()
    }

    #[test]
    fn a_long_wait_is_told_at_growing_distance() {
        let (mut waits, now) = (Waits::default(), Instant::now());
        let told = lines(&mut waits, now, 0, 60, &progress(Phase::Connecting(73, 100), 0, None));
        let seconds: Vec<u64> = told.iter().map(|(second, _)| *second).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32]);
        assert_eq!(
            told[0].1,
            "waiting for 27 of 100 clients to be connected and subscribed, 2 s so far"
        );
        assert_eq!(lines(&mut waits, now, 60, 90, &progress(Phase::Measuring, 0, None)), []);
    }

    #[test]
    fn every_wait_has_its_line_and_short_ones_have_none() {
        let now = Instant::now();
        for (phase, total, line) in [
            (
                Phase::Asking,
                None,
                "waiting for the first connection to the broker, 2 s so far",
            ),
            (Phase::Waiting, Some(9), "waiting for the start time, 7 s more"),
            (
                Phase::WarmUp,
                Some(9),
                "publishing without measuring, 7 s more (--warm-up)",
            ),
            (
                Phase::Settling(3),
                None,
                "waiting for the broker's answers to 3 publishers, 2 s so far",
            ),
            (
                Phase::Draining(12),
                Some(5),
                "waiting for 12 deliveries, 3 s more at most (--drain)",
            ),
            (
                Phase::Closing(2, 5),
                None,
                "waiting for 2 of 5 clients to disconnect, 2 s so far",
            ),
        ] {
            let told = lines(&mut Waits::default(), now, 0, 3, &progress(phase, 2, total));
            assert_eq!(told, [(2, line.to_owned())]);
            let short = lines(&mut Waits::default(), now, 0, 2, &progress(phase, 2, total));
            assert_eq!(short, []);
        }
    }

    #[test]
    fn lost_connections_are_told_and_that_they_are_there_again() {
        let (mut waits, now) = (Waits::default(), Instant::now());
        let away = Progress {
            away: 3,
            trouble: Some("connection refused".to_owned()),
            ..progress(Phase::Measuring, 5, Some(10))
        };
        let told = lines(&mut waits, now, 0, 3, &away);
        let line = "waiting for 3 clients to be connected again (--retry), 2 s so far: connection refused";
        assert_eq!(told, [(2, line.to_owned())]);
        let told = lines(&mut waits, now, 3, 9, &progress(Phase::Measuring, 8, Some(10)));
        assert_eq!(told, [(3, "all clients are connected again".to_owned())]);
    }
}
