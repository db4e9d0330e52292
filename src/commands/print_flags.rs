//! The flags that say how received messages are printed, the same in `sub` and `rr`. It must not know where messages come
//! from or go to.

use crate::cli::settings::typed::from_text;
use crate::output::message::Format;
use crate::output::template::Template;
use serde::Deserialize;

/// How messages are printed.
#[derive(Debug, clap::Args, Deserialize)]
pub(super) struct PrintFlags {
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
    #[arg(short = 'F', long, value_name = "FORMAT", value_parser = Template::parse)]
    #[serde(deserialize_with = "read_template")]
    format: Option<Template>,

    /// Print JSON over several lines, also of %j and %J
    #[arg(long, conflicts_with_all = ["verbose", "raw"])]
    pretty: bool,
}

from_text! {
    read_template: Template = Template::parse;
}

impl PrintFlags {
    /// The format that they mean; Mosquitto's tools print nothing of an empty payload.
    pub(super) fn format(self, as_mosquitto: bool) -> Format {
        let (newline, pretty) = (!self.no_newline, self.pretty);
        match (self.format, self.verbose, self.raw) {
            (Some(template), ..) => Format::Template {
                template: template.pretty(pretty),
                newline,
            },
            (None, true, _) => Format::Verbose { newline },
            (None, false, true) if as_mosquitto => Format::NonEmptyPayload { newline },
            (None, false, true) => Format::Payload { newline },
            (None, false, false) if pretty => Format::PrettyJson { newline },
            (None, false, false) => Format::Json { newline },
        }
    }
}
