//! The flags that say how received messages are printed, the same in `sub` and `rr`. It must not know where messages come
//! from or go to.

use super::terminal::{self, ColorFlag};
use crate::cli::values::flag_values;
use crate::output::message::{Format, Shape};
use crate::output::template::Template;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// How messages are printed.
#[derive(Debug, clap::Args, Deserialize)]
pub(super) struct PrintFlags {
    /// Print JSON lines, also on a terminal; elsewhere they are the default
    #[arg(long, conflicts_with_all = ["format", "verbose", "raw"])]
    json: bool,

    /// Print topic and payload
    #[arg(short, long, conflicts_with = "format")]
    verbose: bool,

    /// Print the payload only
    #[arg(long, conflicts_with_all = ["format", "verbose"])]
    raw: bool,

    /// Print no newline after a message
    #[arg(short = 'N', long)]
    no_newline: bool,

    /// Print each message by this format; see Format in `mqkit sub --help`
    #[arg(short = 'F', long, value_name = "FORMAT")]
    format: Option<Template>,

    /// Print JSON over several lines, also of %j and %J
    #[arg(long, conflicts_with_all = ["verbose", "raw"])]
    pretty: bool,

    #[command(flatten)]
    color: ColorFlag,
}

flag_values! { Template }

impl PrintFlags {
    /// The format that they mean for standard output as it is: without any, a terminal gets a view for a person. Mosquitto's
    /// tools know neither that nor colours, and print nothing of an empty payload; but no terminal gets control bytes of
    /// others, unlike there.
    pub(super) fn format(self, as_mosquitto: bool) -> Format {
        let terminal = terminal::is_terminal();
        let shape = match (self.format, self.verbose, self.raw) {
            (Some(template), ..) => Shape::Template(template.pretty(self.pretty)),
            (None, true, _) => Shape::Verbose,
            (None, false, true) if as_mosquitto => Shape::NonEmptyPayload,
            (None, false, true) => Shape::Payload,
            (None, false, false) if self.pretty => Shape::PrettyJson,
            (None, false, false) if terminal && !as_mosquitto && !self.json => Shape::View(TimeZone::system()),
            (None, false, false) => Shape::Json,
        };
        Format {
            shape,
            newline: !self.no_newline,
            terminal,
            colour: self.color.wanted() && !as_mosquitto,
        }
    }
}
