//! Small files of settings and secrets, read within bounds: what has no end, or no writer, holds nothing up. Must not know
//! what is in them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The largest file that is read, in bytes: all certificate authorities of the world take a fiftieth of it.
const LARGEST: u64 = 16 << 20;
/// How long a pipe may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads a file, and also a pipe or a device: `--key <(pass show key)` is a good way to keep a key off the disk.
///
/// # Errors
/// It cannot be read, has more than 16 MB, or is a pipe whose end does not come within 5 s.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_in(path, PATIENCE)
}

/// The same as text.
///
/// # Errors
/// As [`read`]; it is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

fn read_in(path: &Path, patience: Duration) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.is_file() {
        return read_bounded(path);
    }
    // Already to open a pipe waits for whoever writes to it, and nobody may ever come.
    let (sender, receiver) = mpsc::channel();
    let own = path.to_owned();
    thread::Builder::new().spawn(move || {
        // When nobody waits any more, the error has been told.
        let _ = sender.send(read_bounded(&own));
    })?;
    receiver.recv_timeout(patience).unwrap_or_else(|_| {
        let words = format!("its end did not come within {patience:?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, words))
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
        let error = read_in(Path::new("/dev/zero"), PATIENCE).unwrap_err();
        assert!(error.to_string().contains("more than 16 MB"), "{error}");
        assert!(read_in(Path::new("/dev/null"), PATIENCE).unwrap().is_empty());
        assert!(read_in(Path::new("/"), PATIENCE).is_err());
    }

    #[test]
    fn a_pipe_is_read_when_somebody_writes_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = |name: &str| {
            let path = directory.path().join(name);
            assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            path
        };
        let error = read_in(&pipe("silent"), Duration::from_millis(10)).unwrap_err();
        assert_eq!(error.to_string(), "its end did not come within 10ms");
        let path = pipe("written");
        let other = path.clone();
        let writer = thread::spawn(move || fs::write(other, "text"));
        assert_eq!(read_in(&path, PATIENCE).unwrap(), b"text");
        writer.join().unwrap().unwrap();
    }
}
