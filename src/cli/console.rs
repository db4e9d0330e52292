//! Notes on stderr, as far as the user wants them. It must not know what they are about.

use std::fmt::Display;
use std::io::Write;

/// How much is said on stderr.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    /// No notes and warnings; errors that end the program are always shown.
    pub quiet: bool,
    /// What happens on the wire, too.
    pub debug: bool,
}

impl Console {
    /// Something the user should know.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            self.write(&text);
        }
    }

    /// What explains the status of the process, and so is shown also when notes are not.
    pub fn insist(&self, text: impl Display) {
        self.write(&text);
    }

    /// What may help with what was said before.
    pub fn hint(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "hint: {text}");
    }

    /// Something for those who look closer.
    pub fn debug(&self, text: impl Display) {
        if self.debug {
            self.write(&text);
        }
    }

    fn write(&self, text: &dyn Display) {
        // Nobody is left to hear of a stderr that cannot be written.
        let _ = writeln!(std::io::stderr().lock(), "mqkit: {text}");
    }
}
