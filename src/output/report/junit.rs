//! Verdicts as JUnit XML, which continuous integration systems show: a test case for the run,
//! each guarantee that it could break, each threshold and each figure of a comparison. It must not know how verdicts are reached.

use super::super::time;
use crate::bench::{Breach, Guarantee, Judged, Outcome, Report, Scenario, Verdict};
use std::fmt::Write as _;

struct Case {
    class: &'static str,
    name: String,
    outcome: Outcome,
    /// Why it failed or was not judged.
    message: String,
}

/// Appends a document with one test suite.
pub fn write(report: &Report, judged: &Judged, out: &mut Vec<u8>) {
    let mut cases = vec![run(report)];
    cases.extend(guarantees(report));
    if let Some(comparison) = &judged.comparison {
        cases.extend(comparison.verdicts.iter().map(|verdict| case("baseline", verdict)));
    }
    cases.extend(judged.thresholds.iter().map(|verdict| case("threshold", verdict)));
    let with = |outcome| cases.iter().filter(|case| case.outcome == outcome).count();
    let totals = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{:.3}\"",
        cases.len(),
        with(Outcome::Failed),
        with(Outcome::NotJudged),
        report.span.receiving.max(report.span.sending)
    );
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(text, "<testsuites name=\"mqkit bench\" {totals}>");
    let name = format!("mqkit bench {}", report.load.scenario.name());
    let _ = write!(text, "  <testsuite name=\"{name}\" {totals}");
    if report.span.started > 0.0 {
        let at = time::second(report.span.started as i64);
        attribute("timestamp", &at, &mut text);
    }
    let first = report.processes.first();
    attribute("hostname", first.map_or("", |process| &process.host), &mut text);
    text.push_str(">\n");
    properties(report, &mut text);
    cases.iter().for_each(|case| case.write(&mut text));
    text.push_str("  </testsuite>\n</testsuites>\n");
    out.extend_from_slice(text.as_bytes());
}

fn case(class: &'static str, verdict: &Verdict) -> Case {
    Case {
        class,
        name: verdict.name.clone(),
        outcome: verdict.outcome,
        message: verdict.to_string(),
    }
}

/// Whether all clients and messages got through.
fn run(report: &Report) -> Case {
    let failures: Vec<_> = report.failures.iter().map(|failure| failure.text.as_str()).collect();
    let counts = &report.counts;
    let (outcome, message) = match failures.join("; ") {
        message if !message.is_empty() => (Outcome::Failed, message),
        _ if counts.offered == 0 && counts.connected == 0 => {
            (Outcome::NotJudged, "nothing was sent and nobody connected".to_owned())
        }
        _ => (Outcome::Passed, String::new()),
    };
    Case {
        class: "run",
        name: "no client and no message failed".to_owned(),
        outcome,
        message,
    }
}

/// Guarantees of the standard that this load relies on, and whatever else was broken, which must not be silent.
fn guarantees(report: &Report) -> Vec<Case> {
    let load = &report.load;
    let mut known: Vec<(String, &[Guarantee])> = Vec::new();
    if load.subscribers > 0 && load.scenario != Scenario::Connect {
        let qos = load.qos.min(load.subscribe_qos);
        if qos > 0 {
            known.push((format!("no loss at QoS {qos}"), &[Guarantee::NoLoss]));
        }
        if qos == 2 || load.qos == 0 {
            let once = &[Guarantee::ExactlyOnce, Guarantee::AtMostOnce];
            known.push((format!("no duplicates at QoS {qos}"), once));
        }
        if load.scenario != Scenario::Shared {
            known.push(("messages in order".to_owned(), &[Guarantee::Order]));
        }
    }
    let is = |breach: &Breach, some: &[Guarantee]| breach.guarantee.is_some_and(|it| some.contains(&it));
    // Nothing that could be lost is no proof.
    let untried = report.counts.expected == 0 && report.counts.received == 0;
    let case = |name: String, texts: Vec<&str>| {
        let (outcome, message) = match texts.join("; ") {
            message if !message.is_empty() => (Outcome::Failed, message),
            _ if untried => (Outcome::NotJudged, "no delivery was expected".to_owned()),
            _ => (Outcome::Passed, String::new()),
        };
        Case {
            class: "guarantee",
            name,
            outcome,
            message,
        }
    };
    let broken = || report.broken.iter();
    let others = broken().filter(|breach| !known.iter().any(|(_, some)| is(breach, some)));
    let others: Vec<_> = others
        .zip(1..)
        .map(|(other, number)| case(format!("other guarantee {number}"), vec![&other.text]))
        .collect();
    let cases = known.into_iter().map(|(name, some)| {
        let texts = broken()
            .filter(|breach| is(breach, some))
            .map(|breach| breach.text.as_str());
        case(name, texts.collect())
    });
    cases.chain(others).collect()
}

/// What a reader of the results needs to know about the run.
fn properties(report: &Report, out: &mut String) {
    let mut properties: Vec<(&str, &str)> = Vec::new();
    for process in &report.processes {
        properties.push(("broker", &process.broker));
        properties.extend(
            process
                .broker_version
                .iter()
                .map(|version| ("broker_version", version.as_str())),
        );
        properties.push(("mqkit", &process.mqkit));
        properties.push(("run", &process.run));
    }
    let reasons = report.generator.reasons.join("; ");
    if report.generator.limited {
        properties.push(("limited_by_this_machine", &reasons));
    }
    if properties.is_empty() {
        return;
    }
    out.push_str("    <properties>\n");
    for (name, value) in properties {
        out.push_str("      <property");
        attribute("name", name, out);
        attribute("value", value, out);
        out.push_str("/>\n");
    }
    out.push_str("    </properties>\n");
}

impl Case {
    fn write(&self, out: &mut String) {
        out.push_str("    <testcase");
        attribute("classname", &format!("mqkit.bench.{}", self.class), out);
        attribute("name", &self.name, out);
        out.push_str(" time=\"0\"");
        match self.outcome {
            Outcome::Passed => out.push_str("/>\n"),
            Outcome::Failed => {
                out.push_str(">\n      <failure");
                attribute("type", self.class, out);
                attribute("message", &self.message, out);
                out.push_str("/>\n    </testcase>\n");
            }
            Outcome::NotJudged => {
                out.push_str(">\n      <skipped");
                attribute("message", &self.message, out);
                out.push_str("/>\n    </testcase>\n");
            }
        }
    }
}

fn attribute(name: &str, value: &str, out: &mut String) {
    let _ = write!(out, " {name}=\"");
    for c in value.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            // XML has no way to write these.
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out.push('"');
}
