//! What a reader needs to judge and repeat the run: self-check, notes, load, machines, commands. It must not know plots.

use super::markup::{END_TABLE, escaped, list, section, table};
use super::quantity::{bytes, count, latency, seconds, share};
use crate::bench::report::Process;
use crate::bench::{LoadOption, Measure, Report};

/// Appends all of it.
pub(super) fn write(report: &Report, baseline: Option<&Report>, out: &mut String) {
    self_check(report, out);
    if !report.notes.is_empty() {
        section("notes", "Notes", out);
        list(&report.notes, out);
        out.push_str("</section>\n");
    }
    load(report, baseline, out);
    processes("machines", "Where it ran", &report.processes, out);
    if let Some(baseline) = baseline {
        processes("baseline-machines", "Where the baseline ran", &baseline.processes, out);
    }
}

fn self_check(report: &Report, out: &mut String) {
    let generator = &report.generator;
    section("generator", "The load generator's self-check", out);
    let mut rows = vec![
        (
            "verdict",
            if generator.limited {
                "limited by this machine"
            } else {
                "not the limit"
            }
            .to_owned(),
            "whether the figures are about the broker",
        ),
        (
            "busiest thread",
            share(generator.busiest),
            "of one processor; near 100 % the generator is the limit",
        ),
        (
            "processor time",
            seconds(generator.cpu),
            "of all threads, in the measured part",
        ),
        (
            "per message",
            latency(generator.cpu_per_message),
            "processor time for each message sent or received",
        ),
        (
            "send queue",
            bytes(generator.send_queue),
            "the most that waited for the network, of one connection",
        ),
    ];
    if let Some(late) = report.latency.get(Measure::Lateness.name()) {
        let text = format!(
            "p50 {}, p99 {}, max {}",
            latency(late.p50),
            latency(late.p99),
            latency(late.max)
        );
        rows.push((
            "lateness",
            text,
            "from the due time to when the generator was ready to send",
        ));
    }
    table(
        "figures explained",
        "How much of a limit the generator was",
        &["check", "value", "what it is"],
        out,
    );
    for (name, value, what) in rows {
        out.push_str(&format!(
            "<tr><th scope=\"row\">{name}</th><td>{}</td><td class=\"words\">{what}</td></tr>\n",
            escaped(&value)
        ));
    }
    out.push_str(END_TABLE);
    if !generator.reasons.is_empty() {
        list(&generator.reasons, out);
    }
    out.push_str("</section>\n");
}

fn load(report: &Report, baseline: Option<&Report>, out: &mut String) {
    section("load", "The load", out);
    let mut columns = vec!["option", "value"];
    if baseline.is_some() {
        columns.push("baseline");
    }
    let caption = if report.processes.len() > 1 {
        "What was to be done by all processes together"
    } else {
        "What was to be done"
    };
    table("options", caption, &columns, out);
    let before = baseline.map(|baseline| baseline.load.options());
    for (index, LoadOption { name, value, .. }) in report.load.options().into_iter().enumerate() {
        out.push_str(&format!(
            "<tr><th scope=\"row\">{name}</th><td>{}</td>",
            escaped(&value)
        ));
        if let Some(LoadOption { value: old, .. }) = before.as_ref().and_then(|all| all.get(index)) {
            let class = if value == *old { "" } else { " class=\"differs\"" };
            out.push_str(&format!("<td{class}>{}</td>", escaped(old)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str(END_TABLE);
    out.push_str("</section>\n");
}

fn processes(id: &str, heading: &str, processes: &[Process], out: &mut String) {
    section(id, heading, out);
    out.push_str("<div class=\"cards\">\n");
    for process in processes {
        let broker = match (&process.broker_version, process.embedded) {
            (Some(version), true) => format!("{version}, embedded in mqkit"),
            (None, true) => "embedded in mqkit".to_owned(),
            (Some(version), false) => version.clone(),
            (None, false) => "does not say what it is".to_owned(),
        };
        let rows = [
            ("host", process.host.clone()),
            ("system", process.system.clone()),
            ("processor", process.processor.clone()),
            ("processors", count(u64::from(process.processors))),
            ("mqkit", process.mqkit.clone()),
            ("broker", broker),
            ("address", process.broker.clone()),
            ("protocol", format!("MQTT {}", process.protocol)),
            (
                "transport",
                process
                    .transport
                    .clone()
                    .unwrap_or_else(|| "TCP, not encrypted".to_owned()),
            ),
            ("run", process.run.clone()),
        ];
        out.push_str("<div class=\"card\">\n<dl>\n");
        for (name, value) in rows {
            if !value.is_empty() {
                out.push_str(&format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(&value)));
            }
        }
        out.push_str(&format!(
            "</dl>\n<pre><code>{}</code></pre>\n</div>\n",
            command(&process.command)
        ));
    }
    out.push_str("</div>\n</section>\n");
}

/// As one would type it in a shell; lines break between words only.
fn command(words: &[String]) -> String {
    let words: Vec<_> = words
        .iter()
        .map(|word| format!("<span>{}</span>", escaped(&quoted(word))))
        .collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted() {
        let words = ["mqkit", "-t", "a b/%i", "it's", "", "x=1"].map(quoted);
        assert_eq!(words, ["mqkit", "-t", "'a b/%i'", "'it'\\''s'", "''", "x=1"]);
    }
}
