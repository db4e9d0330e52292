//! A report as JSON, both ways: `report.schema.json` describes it. It must not know where it is stored.

use crate::bench::histogram::{BadHistogram, Histogram};
use crate::bench::report::SCHEMA;
use crate::bench::{Measure, Report};
use serde::Deserialize;
use serde_json::error::Category;

/// A file is not the report that this program could read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is not JSON.
    #[error("not JSON, in line {line}, column {column}: {reason}")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It is other JSON.
    #[error("not a report of mqkit bench: {0}")]
    NotReport(String),
    /// A later version of mqkit wrote it.
    #[error("the report has the format {found}, and this version of mqkit knows only those up to {SCHEMA}")]
    Newer {
        /// Its format.
        found: u64,
    },
    /// Samples cannot be read.
    #[error("the report is damaged: {place}")]
    Histogram {
        /// Where in it.
        place: String,
        /// Why.
        source: BadHistogram,
    },
    /// It contradicts itself.
    #[error("the report is damaged: {0}")]
    Damaged(String),
}

/// One object over many lines, with a line break at its end.
pub fn write(report: &Report, out: &mut Vec<u8>) {
    // A report has neither keys that are no text nor numbers that are none.
    let _ = serde_json::to_writer_pretty(&mut *out, report);
    out.push(b'\n');
}

/// Reads what [`write()`] wrote, whatever the white space. Keys of later versions are passed over.
///
/// # Errors
/// What is wrong, and where.
pub fn read(text: &[u8]) -> Result<Report, ReadError> {
    /// What every version has.
    #[derive(Deserialize)]
    struct Head {
        schema: Option<u64>,
    }
    let head: Head = serde_json::from_slice(text).map_err(|error| unreadable(&error))?;
    match head.schema {
        None => return Err(ReadError::NotReport("it has no \"schema\"".to_owned())),
        Some(found) if found > u64::from(SCHEMA) => return Err(ReadError::Newer { found }),
        Some(_) => {}
    }
    let report: Report = serde_json::from_slice(text).map_err(|error| unreadable(&error))?;
    check(&report)?;
    Ok(report)
}

/// What nobody who uses the report should have to doubt.
fn check(report: &Report) -> Result<(), ReadError> {
    if report.schema == 0 || report.processes.is_empty() {
        return Err(ReadError::NotReport("it names no process, or no format".to_owned()));
    }
    for (name, latency) in &report.latency {
        if Measure::named(name).is_none() {
            return Err(ReadError::NotReport(format!(
                "it has times of an unknown measure, \"{name}\""
            )));
        }
        let place = || format!("latency.{name}.histogram");
        let samples = samples(&latency.histogram, place)?.len();
        if samples != latency.count {
            let (place, count) = (place(), latency.count);
            return Err(ReadError::Damaged(format!(
                "{place} has {samples} samples, but \"count\" is {count}"
            )));
        }
    }
    for (index, row) in report.timeline.iter().enumerate() {
        if !row.histogram.is_empty() {
            samples(&row.histogram, || format!("timeline[{index}].histogram"))?;
        }
        if !(row.at >= 0.0 && row.length > 0.0) {
            return Err(ReadError::Damaged(format!("timeline[{index}] has no time")));
        }
    }
    Ok(())
}

fn samples(text: &str, place: impl Fn() -> String) -> Result<Histogram, ReadError> {
    Histogram::from_text(text).map_err(|source| ReadError::Histogram { place: place(), source })
}

fn unreadable(error: &serde_json::Error) -> ReadError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    // The crate names the place at the end.
    let reason = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(reason, _)| reason);
    match error.classify() {
        Category::Data => ReadError::NotReport(format!("{reason} (line {line}, column {column})")),
        Category::Io | Category::Syntax | Category::Eof => ReadError::NotJson {
            line,
            column,
            reason: reason.to_owned(),
        },
    }
}
