//! Files that a run writes at its end: tried before it begins, so that hours are not lost to a typing mistake, and there as
//! a whole or not at all. It must not know what is in them.

use anyhow::Context;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file that is going to be written.
#[derive(Debug)]
pub(super) struct OutputFile {
    path: PathBuf,
    file: File,
    /// Where it is written first; none when the path is no ordinary file, such as a pipe.
    draft: Option<PathBuf>,
}

impl OutputFile {
    /// Makes sure that the file can be written.
    ///
    /// # Errors
    /// It cannot.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let problem = || format!("cannot write {}", path.display());
        let special = fs::metadata(path).is_ok_and(|found| !found.is_file());
        // The file that a symbolic link leads to is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let draft = match special {
            true => None,
            false => Some(draft(&target)),
        };
        let file = match &draft {
            Some(draft) => OpenOptions::new().write(true).create_new(true).open(draft),
            None => OpenOptions::new().write(true).open(path),
        };
        Ok(Self {
            path: target,
            file: file.with_context(problem)?,
            draft,
        })
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(mut self, contents: &[u8]) -> anyhow::Result<()> {
        let problem = || format!("cannot write {}", self.path.display());
        self.file.write_all(contents).with_context(problem)?;
        if let Some(draft) = &self.draft {
            fs::rename(draft, &self.path).with_context(problem)?;
        }
        self.draft = None;
        Ok(())
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some(draft) = &self.draft {
            // Nothing follows from a draft that stays.
            let _ = fs::remove_file(draft);
        }
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

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_is_there_as_a_whole_or_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.csv");
        drop(OutputFile::create(&path).unwrap());
        assert!(names(directory.path()).is_empty());
        let file = OutputFile::create(&path).unwrap();
        assert!(!path.exists());
        file.write(b"one").unwrap();
        drop(OutputFile::create(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        OutputFile::create(&path).unwrap().write(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(directory.path()), ["a.csv"]);
    }

    #[test]
    fn what_cannot_be_written_is_known_at_once() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().join("no/a.csv"), directory.path().to_owned()] {
            let error = OutputFile::create(&path).unwrap_err();
            assert!(error.to_string().starts_with("cannot write "), "{error}");
        }
        OutputFile::create(Path::new("/dev/null")).unwrap().write(b"x").unwrap();
    }
}
