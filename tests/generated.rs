//! Completions and manual pages are those of the command line: `SNAPSHOTS=overwrite cargo test generated` rewrites them.

pub(crate) mod pages;

use mqkit::{commands, exit};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn generated_files_are_up_to_date() {
    let files = pages::files(&commands::definition(), exit::TABLE).unwrap();
    let overwrite = std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite");
    let expected: BTreeSet<_> = files.iter().map(|(path, _)| path.clone()).collect();
    let mut stale = Vec::new();
    for directory in ["completions", "man"] {
        fs::create_dir_all(root().join(directory)).unwrap();
        for entry in fs::read_dir(root().join(directory)).unwrap() {
            let path = format!("{directory}/{}", entry.unwrap().file_name().to_string_lossy());
            if !expected.contains(&path) {
                if overwrite {
                    fs::remove_file(root().join(&path)).unwrap();
                } else {
                    stale.push(format!("{path}: nothing generates it"));
                }
            }
        }
    }
    for (path, contents) in files {
        let on_disk = fs::read(root().join(&path)).unwrap_or_default();
        if on_disk != contents {
            if overwrite {
                fs::write(root().join(&path), contents).unwrap();
            } else {
                stale.push(format!("{path}: differs"));
            }
        }
    }
    assert!(
        stale.is_empty(),
        "SNAPSHOTS=overwrite cargo test generated\n{}",
        stale.join("\n")
    );
}

#[allow(clippy::print_stderr, reason = "says why a test checks less")]
fn not_checked() {
    eprintln!("man is not installed: the pages are not checked by it");
}

#[test]
fn manual_pages_are_clean_roff() {
    let Ok(version) = Command::new("man").arg("--version").output() else {
        return not_checked();
    };
    // Minimal systems replace man by a script that prints a note.
    if !String::from_utf8_lossy(&version.stdout).starts_with("man ") {
        return not_checked();
    }
    for entry in fs::read_dir(root().join("man")).unwrap() {
        let path = entry.unwrap().path();
        let checked = Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
            .arg(&path)
            .env("MANROFFSEQ", "")
            .output()
            .unwrap();
        let warnings = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(warnings.is_empty(), "{}: {warnings}", path.display());
    }
}

#[test]
fn the_command_line_is_consistent() {
    let mut command = commands::definition();
    command.clone().debug_assert();
    command.build();
    let mut shorts = std::collections::BTreeMap::new();
    let mut faults = Vec::new();
    for sub in command.get_subcommands() {
        for arg in sub.get_arguments() {
            let name = format!("{} {}", sub.get_name(), arg.get_id());
            if arg.get_help().is_none_or(|help| help.to_string().is_empty()) {
                faults.push(format!("{name} has no help"));
            }
            let Some(short) = arg.get_short() else { continue };
            let long = arg.get_long().unwrap_or_default().to_owned();
            let before = shorts.entry(short).or_insert_with(|| long.clone());
            // In Mosquitto's tools -p is the port; the broker's port is the same thing from the other side.
            if *before != long {
                faults.push(format!(
                    "-{short} is --{long} in {} and --{before} elsewhere",
                    sub.get_name()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
