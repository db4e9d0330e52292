//! Files that a run writes at its end: tried before it begins, so that hours are not lost to a typing mistake, and there as
//! a whole or not at all. It must not know what is in them.

use crate::net::file::{Until, within};
use anyhow::Context;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file that is going to be written.
#[derive(Debug)]
pub(super) struct OutputFile {
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// No ordinary file, such as a pipe, which is open.
    Open(File),
    /// Where it is written first.
    Draft(PathBuf),
}

impl OutputFile {
    /// Makes sure that the file can be written. A pipe is waited for until somebody reads it.
    ///
    /// # Errors
    /// It cannot, or not before the limit of the run.
    pub(super) fn create(path: &Path, until: Until) -> anyhow::Result<Self> {
        let special = fs::metadata(path).is_ok_and(|found| !found.is_file());
        // The file that a symbolic link leads to is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let place = match special {
            true => within(path, until, "opening", |path| OpenOptions::new().write(true).open(path)).map(Place::Open),
            false => {
                let draft = draft(&target);
                let tried = File::create_new(&draft).and_then(|_| fs::remove_file(&draft));
                tried.map(|()| Place::Draft(draft))
            }
        };
        let place = place.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path: target, place })
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(self, contents: &[u8]) -> anyhow::Result<()> {
        let written = match self.place {
            Place::Open(mut file) => file.write_all(contents),
            Place::Draft(draft) => {
                let written = File::create_new(&draft).and_then(|mut file| file.write_all(contents));
                let moved = written.and_then(|()| fs::rename(&draft, &self.path));
                moved.inspect_err(|_| {
                    // Nothing follows from a draft that stays.
                    let _ = fs::remove_file(&draft);
                })
            }
        };
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Beside the file: on the same file system.
fn draft(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}-{:04x}", std::process::id(), fastrand::u16(..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(path: &Path) -> anyhow::Result<OutputFile> {
        OutputFile::create(path, Until::default())
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_is_there_as_a_whole_or_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.csv");
        drop(create(&path).unwrap());
        assert!(names(directory.path()).is_empty());
        let file = create(&path).unwrap();
        assert!(!path.exists());
        file.write(b"one").unwrap();
        drop(create(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        create(&path).unwrap().write(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(directory.path()), ["a.csv"]);
    }

    #[test]
    fn what_cannot_be_written_is_known_at_once() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().join("no/a.csv"), directory.path().to_owned()] {
            let error = create(&path).unwrap_err();
            assert!(error.to_string().starts_with("cannot write "), "{error}");
        }
        create(Path::new("/dev/null")).unwrap().write(b"x").unwrap();
    }
}
