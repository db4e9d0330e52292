//! The bar and the live rates on a terminal. It must not know how a run is made, and is never asked for by what is measured.

use crate::bench::report::Row;
use crate::bench::{Phase, Progress};
use crate::cli::Console;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// What is shown while a run goes on.
pub(super) struct Display(Option<ProgressBar>);

/// Steps of the bar: of a phase whose end is known.
const STEPS: u64 = 1000;

impl Display {
    /// On a terminal, when the user wants to hear something.
    pub(super) fn new(console: &Console) -> Self {
        if console.quiet || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{prefix:10} {bar:24} {wide_msg}") {
            bar.set_style(style);
        }
        Self(Some(bar))
    }

    pub(super) fn show(&mut self, progress: Progress<'_>) {
        let Some(bar) = &self.0 else { return };
        bar.set_prefix(name(progress.phase));
        bar.set_position(position(&progress));
        bar.set_message(message(&progress));
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Connecting(..) => "connecting",
        Phase::Waiting => "waiting",
        Phase::WarmUp => "warm-up",
        Phase::Measuring => "measuring",
        Phase::Draining => "draining",
    }
}

fn position(progress: &Progress<'_>) -> u64 {
    let share = match (progress.phase, progress.total) {
        (Phase::Connecting(done, all), _) => f64::from(done) / f64::from(all.max(1)),
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
    match (progress.phase, progress.row) {
        (Phase::Connecting(done, all), _) => format!("{done}/{all} clients"),
        (Phase::Measuring | Phase::Draining, Some(row)) => format!("{time}, {}", rates(row)),
        _ => time,
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

    fn at(phase: Phase, elapsed: u64, total: Option<u64>, row: Option<&Row>) -> (u64, String) {
        let progress = Progress {
            phase,
            elapsed: Duration::from_secs(elapsed),
            total: total.map(Duration::from_secs),
            row,
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
    }
}
