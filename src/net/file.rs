//! Small files of settings and secrets, read within bounds: what has no end, or no writer, holds nothing up. Must not know
//! what is in them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The largest file that is read, in bytes: all certificate authorities of the world take a fiftieth of it.
const LARGEST: u64 = 16 << 20;
/// How long a pipe may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The time limit of the run, if it has one: nothing here is waited for beyond it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Until(Option<(Instant, Duration)>);

impl Until {
    /// A limit that counts from `start`.
    #[must_use]
    pub fn new(start: Instant, limit: Option<Duration>) -> Self {
        Self(limit.map(|limit| (start, limit)))
    }
}

/// The time limit of the run is over, and the other end of a pipe has not come.
#[derive(Debug, thiserror::Error)]
#[error("the time limit of {}s ran out while {doing} {path:?}", .limit.as_secs_f64())]
pub struct RanOut {
    limit: Duration,
    doing: &'static str,
    path: PathBuf,
}

impl RanOut {
    /// Out of the error that it is kept in.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// Reads a file, and also a pipe or a device: `--key <(pass show key)` is a good way to keep a key off the disk.
///
/// # Errors
/// It cannot be read, has more than 16 MB, or is a pipe whose end does not come within 5 s, or before the limit of the run
/// ([`RanOut`]).
pub fn read(path: &Path, until: Until) -> io::Result<Vec<u8>> {
    wait(path, until, PATIENCE, "reading", read_bounded)
}

/// The same as text.
///
/// # Errors
/// As [`read`]; it is not UTF-8.
pub fn read_text(path: &Path, until: Until) -> io::Result<String> {
    String::from_utf8(read(path, until)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// Opens a file or reads it, which is what is being done; a pipe is waited for up to the limit of the run only.
///
/// # Errors
/// What comes of it; [`RanOut`].
pub fn within<T: Send + 'static>(
    path: &Path,
    until: Until,
    doing: &'static str,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    wait(path, until, Duration::MAX, doing, work)
}

fn wait<T: Send + 'static>(
    path: &Path,
    until: Until,
    patience: Duration,
    doing: &'static str,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let special = fs::metadata(path).is_ok_and(|found| !found.is_file());
    if !special {
        return work(path);
    }
    // Already to open a pipe waits for whoever is at its other end, and nobody may ever come.
    let (sender, receiver) = mpsc::channel();
    let own = path.to_owned();
    thread::Builder::new().spawn(move || {
        // When nobody waits any more, the error has been told.
        let _ = sender.send(work(&own));
    })?;
    let limit = until
        .0
        .map(|(start, limit)| (limit, limit.saturating_sub(start.elapsed())));
    let limit = limit.filter(|(_, left)| *left <= patience);
    let wait = limit.map_or(patience, |(_, left)| left);
    receiver.recv_timeout(wait).unwrap_or_else(|_| {
        Err(match limit {
            Some((limit, _)) => {
                let path = path.to_owned();
                io::Error::new(io::ErrorKind::TimedOut, RanOut { limit, doing, path })
            }
            None => {
                let words = format!("its end did not come within {patience:?}");
                io::Error::new(io::ErrorKind::TimedOut, words)
            }
        })
    })
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        let words = "it has more than 16 MB";
        return Err(io::Error::new(io::ErrorKind::InvalidData, words));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        let read = |path| read(Path::new(path), Until::default());
        let error = read("/dev/zero").unwrap_err();
        assert!(error.to_string().contains("more than 16 MB"), "{error}");
        assert!(read("/dev/null").unwrap().is_empty());
        assert!(read("/").is_err());
    }

    #[test]
    fn a_pipe_is_read_when_somebody_writes_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = |name: &str| {
            let path = directory.path().join(name);
            assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            path
        };
        let (silent, now) = (pipe("silent"), Instant::now());
        let wait = |limit| {
            let until = Until::new(now, limit);
            wait(&silent, until, Duration::from_millis(10), "reading", read_bounded).unwrap_err()
        };
        for limit in [None, Some(Duration::from_secs(60)), Some(Duration::MAX)] {
            let error = wait(limit);
            assert_eq!(error.to_string(), "its end did not come within 10ms");
            assert!(RanOut::of(&error).is_none());
        }
        let error = wait(Some(Duration::from_millis(2)));
        let words = format!("the time limit of 0.002s ran out while reading {silent:?}");
        assert_eq!(RanOut::of(&error).unwrap().to_string(), words);
        let path = pipe("written");
        let other = path.clone();
        let writer = thread::spawn(move || fs::write(other, "text"));
        assert_eq!(read(&path, Until::default()).unwrap(), b"text");
        writer.join().unwrap().unwrap();
    }
}
