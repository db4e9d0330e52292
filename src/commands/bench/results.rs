//! What becomes of what was measured: files, standard output, thresholds, the status. It must not know how it was measured.

use super::files::OutputFile;
use crate::bench::baseline::{self, compare, percent};
use crate::bench::failure::Kind;
use crate::bench::report::Process;
use crate::bench::{Failure, Judged, Load, Measured, Report, Scenario, Threshold};
use crate::cli::Usage;
use crate::cli::settings::typed::{path, paths};
use crate::cli::values::flag_values;
use crate::commands::terminal::colour;
use crate::exit::{Outcome, OutputError};
use crate::net::file::{Until, within};
use crate::output::report::{csv, hdr, html, json, junit, text};
use crate::protocol::ReasonCode;
use anyhow::Context as _;
use serde::Deserialize;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What is made of the report.
#[derive(Debug, clap::Args, Deserialize)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputFlags {
    /// Print the whole report as JSON, with histograms; the schema is in the manual page
    #[arg(long)]
    json: bool,

    /// Write what happened in each second as comma-separated values
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    csv: Option<PathBuf>,

    /// Write a page with plots that needs no other file
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    html: Option<PathBuf>,

    /// Write the histograms in the log format of HdrHistogram
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    hdr_log: Option<PathBuf>,

    /// Write the thresholds and guarantees as a JUnit report
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    junit: Option<PathBuf>,

    /// Add up the JSON reports of several machines, as if one had made the load; no broker is contacted
    #[arg(long, value_name = "FILE", num_args = 1..)]
    #[serde(deserialize_with = "paths")]
    pub(super) merge: Vec<PathBuf>,
}

/// What makes the status 1.
#[derive(Debug, clap::Args, Deserialize)]
#[command(next_help_heading = "Thresholds")]
pub(super) struct ThresholdFlags {
    /// Fail unless this holds: 'p99<50ms', 'lost=0', 'rate>10000', 'ack_response.p99.9<1s'; several times for several
    #[arg(long = "assert", value_name = "CONDITION")]
    assertions: Vec<Threshold>,

    /// Compare with an older JSON report
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "path")]
    baseline: Option<PathBuf>,

    /// Fail when a rate or a percentile is worse than that of the baseline by more than this: 10%; a run that was limited by
    /// its machine, on either side, is a note and no failure
    #[arg(long, value_name = "PERCENT", requires = "baseline")]
    max_regression: Option<Percent>,
}

flag_values! { Threshold, Percent }

#[derive(Debug, Clone, Copy)]
struct Percent(f64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        percent(text).map(Self)
    }
}

impl ThresholdFlags {
    /// Flags that mean something beside another one only.
    ///
    /// # Errors
    /// The other one is missing.
    pub(super) fn check(&self) -> Result<(), Usage> {
        match self.max_regression.is_some() && self.baseline.is_none() {
            true => Err(Usage::Bad("--max-regression needs --baseline".to_owned())),
            false => Ok(()),
        }
    }
}

/// Where the results go, all tried before there are any.
pub(super) struct Results {
    json: bool,
    csv: Option<OutputFile>,
    html: Option<OutputFile>,
    hdr_log: Option<OutputFile>,
    junit: Option<OutputFile>,
    baseline: Option<Report>,
    assertions: Vec<Threshold>,
    max_regression: Option<f64>,
}

impl Results {
    /// Tries the files, and reads the baseline.
    ///
    /// # Errors
    /// One cannot be written or read, or the baseline is of another scenario.
    pub(super) fn new(
        output: &OutputFlags,
        thresholds: &ThresholdFlags,
        scenario: Option<Scenario>,
        until: Until,
    ) -> anyhow::Result<Self> {
        let create = |path: &Option<PathBuf>| {
            let path = path.as_deref();
            path.map(|path| OutputFile::create(path, until)).transpose()
        };
        let baseline = thresholds.baseline.as_deref();
        let baseline = baseline.map(|path| read(path, until)).transpose()?;
        if let (Some(baseline), Some(scenario)) = (&baseline, scenario) {
            same_scenario(scenario, baseline.load.scenario)?;
        }
        Ok(Self {
            baseline,
            json: output.json,
            csv: create(&output.csv)?,
            html: create(&output.html)?,
            hdr_log: create(&output.hdr_log)?,
            junit: create(&output.junit)?,
            assertions: thresholds.assertions.clone(),
            max_regression: thresholds.max_regression.map(|Percent(percent)| percent),
        })
    }

    /// Shows what a run has measured. What ended it before its time decides on the status; then what happened to clients and
    /// messages; then guarantees and thresholds.
    ///
    /// # Errors
    /// A result cannot be written.
    pub(super) fn measured(
        self,
        measured: Measured,
        load: &Load,
        process: Process,
        end: Outcome,
    ) -> anyhow::Result<Outcome> {
        let verdict = self.show(&Report::new(measured, load, process))?;
        Ok(match end {
            Outcome::Done => verdict,
            ended => ended,
        })
    }

    /// Adds up reports and shows the sum.
    ///
    /// # Errors
    /// A file cannot be used, or a result cannot be written.
    pub(super) fn merged(self, paths: &[PathBuf], until: Until) -> anyhow::Result<Outcome> {
        let reports = paths
            .iter()
            .map(|path| read(path, until))
            .collect::<anyhow::Result<_>>()?;
        let report = Report::merge(reports).context("the reports cannot be added up")?;
        self.show(&report)
    }

    fn show(self, report: &Report) -> anyhow::Result<Outcome> {
        let baseline = self.baseline.as_ref();
        let judged = Judged {
            thresholds: self
                .assertions
                .iter()
                .map(|threshold| threshold.check(report))
                .collect(),
            comparison: baseline
                .map(|baseline| compare(report, baseline, self.max_regression))
                .transpose()?,
        };
        let forms: [(Option<OutputFile>, &Form<'_>); 4] = [
            (self.csv, &|out| csv::write(report, out)),
            (self.hdr_log, &|out| hdr::write(report, out)),
            // A vector takes all bytes.
            (self.html, &|out| drop(html::write(report, baseline, out))),
            (self.junit, &|out| junit::write(report, &judged, out)),
        ];
        for (file, write) in forms {
            if let Some(file) = file {
                file.write(&made(write))?;
            }
        }
        write_stdout(&made(&|out| match self.json {
            true => json::write(report, out),
            false => text::write(report, &judged, colour(), out),
        }))?;
        for failure in &report.failures {
            say(&failure.text);
        }
        for broken in &report.broken {
            say(&broken.text);
        }
        for verdict in judged.failed() {
            let why = match verdict.why.as_str() {
                "" => String::new(),
                why => format!(" ({why})"),
            };
            say(&format!("not met: {}, but {}{why}", verdict.name, verdict.measured));
        }
        // Causes come first.
        if let Some(failure) = report.failures.first() {
            return Ok(status(failure));
        }
        match report.broken.is_empty() && judged.failed().next().is_none() {
            true => Ok(Outcome::Done),
            false => Ok(Outcome::No),
        }
    }
}

fn status(failure: &Failure) -> Outcome {
    let reason = failure.reason.map_or(ReasonCode::UNSPECIFIED_ERROR, ReasonCode);
    match failure.kind {
        Kind::ClientsRefused | Kind::MessagesRefused => Outcome::Refused(reason),
        Kind::ConnectionsLost => Outcome::Lost,
        Kind::ClientsUnconnected => Outcome::Unconnected,
        Kind::ClientsFailed
        | Kind::MessagesUnsent
        | Kind::MessagesUnacknowledged
        | Kind::MessagesDoubtful
        | Kind::BrokerSilent => Outcome::No,
    }
}

/// Writes one form of the report.
type Form<'a> = dyn Fn(&mut Vec<u8>) + 'a;

fn made(write: &Form<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// Before the run, not after it.
fn same_scenario(now: Scenario, baseline: Scenario) -> Result<(), baseline::Error> {
    match now == baseline {
        true => Ok(()),
        false => Err(baseline::Error::Scenario {
            baseline: baseline.name(),
            now: now.name(),
        }),
    }
}

fn read(path: &Path, until: Until) -> anyhow::Result<Report> {
    let problem = || format!("cannot read {}", path.display());
    let text = within(path, until, "reading", |path| std::fs::read(path)).with_context(problem)?;
    json::read(&text).with_context(problem)
}

fn write_stdout(text: &[u8]) -> Result<(), OutputError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        // Who reads no more has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(OutputError),
    }
}

/// Says what explains the status, whatever else is to be heard.
pub(super) fn say(line: &str) {
    // Nobody is left to hear of a stderr that cannot be written.
    let _ = writeln!(std::io::stderr().lock(), "mqkit: {line}");
}
