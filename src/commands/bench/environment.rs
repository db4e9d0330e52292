//! Where and with what this process runs, for the report. It must not know what is measured.

use crate::bench::report::Process;
use crate::cli::secret;
use clap::{Args as _, Command};
use std::ffi::OsString;

/// This process; what only a connection tells is left open.
pub(super) fn process(run_id: u64, broker: String, embedded: bool) -> Process {
    let uname = rustix::system::uname();
    let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Process {
        mqkit: env!("CARGO_PKG_VERSION").to_owned(),
        host: text(uname.nodename()),
        system: format!(
            "{} {} {}",
            text(uname.sysname()),
            text(uname.release()),
            text(uname.machine())
        ),
        processor: processor().unwrap_or_else(|| text(uname.machine())),
        processors: u32::try_from(processors).unwrap_or(u32::MAX),
        command: command(),
        run: format!("{run_id:016x}"),
        broker,
        embedded,
        ..Process::default()
    }
}

/// The command line as it was typed; secrets are masked.
fn command() -> Vec<String> {
    let command = super::Args::augment_args(Command::new("bench"));
    let words = std::env::args_os().skip(1);
    let typed: Vec<OsString> = words.filter(|word| word != super::EMBEDDED).collect();
    let mut shown = vec!["mqkit".to_owned()];
    shown.extend(secret::command_line(&command, &typed));
    shown
}

/// Its name, under the keys that x86 and ARM have.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    ["model name", "Model", "Hardware", "cpu model"]
        .iter()
        .find_map(|key| value_of(&text, key))
}

fn value_of(text: &str, key: &str) -> Option<String> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    let mut values = pairs
        .filter(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim());
    values.next().filter(|value| !value.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_has_a_name_on_x86_and_arm() {
        let x86 = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some CPU @ 2.00GHz\n";
        assert_eq!(value_of(x86, "model name").as_deref(), Some("Some CPU @ 2.00GHz"));
        let arm = "processor\t: 0\nBogoMIPS\t: 108.00\n\nModel\t\t: Raspberry Pi 4\n";
        assert_eq!(value_of(arm, "model name"), None);
        assert_eq!(value_of(arm, "Model").as_deref(), Some("Raspberry Pi 4"));
    }

    #[test]
    fn a_process_says_where_it_runs() {
        let process = process(255, "h:1".to_owned(), true);
        assert_eq!(process.run, "00000000000000ff");
        assert!(process.processors > 0 && !process.host.is_empty() && !process.processor.is_empty());
        assert_eq!(process.command.first().map(String::as_str), Some("mqkit"));
    }
}
