//! What standard output is: a terminal or not, and whether it is to be coloured. It must not know what is printed.

use std::io::IsTerminal;

/// Colours of the output.
#[derive(Debug, clap::Args)]
pub(super) struct ColorFlag {
    /// Colours: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        value_enum,
        hide_possible_values = true
    )]
    color: Color,
}

/// When output has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// In pipes and files, too
    Always,
    /// Never
    Never,
}

impl ColorFlag {
    /// Whether standard output is to be coloured.
    pub(super) fn wanted(&self) -> bool {
        match self.color {
            Color::Auto => colour(),
            Color::Always => true,
            Color::Never => false,
        }
    }
}

/// Whether standard output is to be coloured when nothing was said: <https://no-color.org>, and terminals that have none.
pub(super) fn colour() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    is_terminal() && set("NO_COLOR").is_none() && set("TERM").is_none_or(|name| name != "dumb")
}

/// Whether a person looks at standard output.
pub(super) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
