//! What standard output is: a terminal or not, and whether it is to be coloured. It must not know what is printed.

use crate::cli::values::flag_values;
use serde::Deserialize;
use std::io::IsTerminal;
use std::str::FromStr;

/// Colours of the output.
#[derive(Debug, clap::Args, Deserialize)]
pub(super) struct ColorFlag {
    /// Colours: auto (on a terminal, unless NO_COLOR is set), always or never [default: auto]
    #[arg(long, value_name = "WHEN")]
    color: Option<Color>,
}

/// When output has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// In pipes and files, too
    Always,
    /// Never
    Never,
}

flag_values! { Color }

impl FromStr for Color {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err("must be auto, always or never"),
        }
    }
}

impl ColorFlag {
    /// Whether standard output is to be coloured.
    pub(super) fn wanted(&self) -> bool {
        match self.color {
            None | Some(Color::Auto) => colour(),
            Some(Color::Always) => true,
            Some(Color::Never) => false,
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
