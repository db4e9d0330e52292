//! A key log file, read line by line within bounds. It must not know what the secrets are for.

use crate::capture::tls::KeyLog;
use crate::cli::{Console, Usage};
use anyhow::Context;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The longest line, in bytes: those with secrets have about 200, comments perhaps more.
const LINE: u64 = 64 * 1024;
/// What is read of it, in bytes. A FIFO may never end.
const LARGEST: u64 = 1 << 30;

/// Reads the secrets of a file.
pub(super) fn read(path: &Path, console: &Console) -> anyhow::Result<KeyLog> {
    let failed = || format!("cannot read the key log {path:?}");
    let file = File::open(path).with_context(failed)?;
    let mut lines = BufReader::with_capacity(LINE as usize, file);
    let (mut keys, mut line) = (KeyLog::default(), Vec::new());
    let (mut size, mut secrets) = (0, 0);
    loop {
        line.clear();
        let read = lines
            .by_ref()
            .take(LINE + 1)
            .read_until(b'\n', &mut line)
            .with_context(failed)? as u64;
        if read == 0 {
            break;
        }
        size += read;
        if read > LINE {
            return Err(Usage::Bad(format!("{path:?} is no key log: a line has more than {LINE} bytes")).into());
        }
        if size > LARGEST {
            return Err(Usage::Bad(format!("the key log {path:?} has more than {} MB", LARGEST >> 20)).into());
        }
        secrets += keys.add(&line);
    }
    if secrets == 0 {
        return Err(Usage::Bad(format!("{path:?} holds no TLS secrets (lines such as CLIENT_RANDOM …)")).into());
    }
    if keys.forgotten() > 0 {
        console.note(format_args!(
            "the key log {path:?} is long: its secrets of the first {} connections are not used",
            keys.forgotten()
        ));
    }
    Ok(keys)
}
