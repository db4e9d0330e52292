//! Colours of text for a terminal: on or off, as the caller says. It must not know what it colours.

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// What matters first: packet types, headings.
    Bold,
    /// What matters last: times, offsets.
    Dim,
    /// Names, such as topics.
    Name,
    /// A rule is broken.
    Fault,
    /// Something to look at.
    Warning,
    /// A name in JSON.
    Key,
    /// A string in JSON.
    Text,
    /// `true`, `false` and `null`.
    Word,
}

/// Colours on or off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Whether escape sequences are written.
    pub(super) colour: bool,
}

impl Style {
    /// Appends what `write` appends, in colour when that is on.
    pub(super) fn paint(self, ink: Ink, out: &mut String, write: impl FnOnce(&mut String)) {
        if self.colour {
            out.push_str(match ink {
                Ink::Bold => "\x1b[1m",
                Ink::Dim => "\x1b[2m",
                Ink::Name => "\x1b[36m",
                Ink::Fault => "\x1b[31m",
                Ink::Warning | Ink::Word => "\x1b[33m",
                Ink::Key => "\x1b[1;34m",
                Ink::Text => "\x1b[32m",
            });
        }
        write(out);
        if self.colour {
            out.push_str("\x1b[0m");
        }
    }
}
