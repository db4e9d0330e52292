//! `mqkit decode`: explains packets in hex text, raw bytes and captures. It must not know how packets are laid out or how
//! captures are read.

mod foreign;
mod keylog;
mod source;
mod view;

use crate::analysis::Analyst;
use crate::cli::values::{TopicFilter, VersionChoice};
use crate::cli::{Console, Usage};
use crate::commands::terminal::ColorFlag;
use crate::exit::{Outcome, OutputError};
use crate::input::packets::Encoder;
use crate::output::packet::Options;
use crate::protocol::{PacketType, Version};
use anyhow::Context;
use bytes::BytesMut;
use source::{Form, Source};
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use view::{Filter, Shape, View};

/// Explain captured packets: hex text, raw bytes, pcap and pcapng
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// A file, hex text, or `-` for standard input
    #[arg(value_name = "INPUT")]
    input: Vec<String>,

    /// What the input is
    #[arg(long = "input", value_name = "FORM", default_value = "auto", value_enum)]
    form: Form,

    /// Protocol version of packets without CONNECT: auto (the one that fits), 5, 311 or 31
    #[arg(short = 'V', long, value_name = "VERSION", default_value = "auto")]
    protocol_version: VersionChoice,

    /// Every field with its offset, bytes, name and value
    #[arg(short, long, group = "shape")]
    verbose: bool,

    /// One JSON object per packet
    #[arg(long)]
    json: bool,

    /// Draw what client and broker say to each other, one connection after the other
    #[arg(long, group = "shape")]
    flow: bool,

    /// Sum up connections and topics
    #[arg(long, group = "shape")]
    stats: bool,

    /// Turn JSON objects, as --json prints them, back into packets: hex text, or raw bytes
    #[arg(long, value_name = "AS", num_args = 0..=1, require_equals = true, default_missing_value = "hex", value_enum, group = "shape", conflicts_with_all = [
        "json", "show_secrets", "keylog", "collapse", "types", "topic", "client", "connection", "form",
    ])]
    encode: Option<Encoding>,

    /// Add every field with its offset to the JSON objects
    #[arg(long, requires = "json", conflicts_with = "stats")]
    offsets: bool,

    /// Show passwords and authentication data
    #[arg(long)]
    show_secrets: bool,

    /// Decrypt TLS with the secrets of a key log file (SSLKEYLOGFILE)
    #[arg(long, value_name = "FILE")]
    keylog: Option<PathBuf>,

    /// Show a connection once that was captured on several interfaces under several addresses
    #[arg(long)]
    collapse: bool,

    /// Only packets of these types, such as PUBLISH
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = packet_type)]
    types: Vec<PacketType>,

    /// Only messages whose topic matches, and their acknowledgements
    #[arg(long, value_name = "FILTER")]
    topic: Vec<TopicFilter>,

    /// Only connections of this client identifier
    #[arg(long, value_name = "ID")]
    client: Option<String>,

    /// Only this connection, as `#0` in the output
    #[arg(long, value_name = "NUMBER")]
    connection: Option<u32>,

    #[command(flatten)]
    color: ColorFlag,
}

const AFTER_HELP: &str = "Output:
  A packet is a line: time in UTC, connection, → from the client or ← from
  the server, type, facts. Behind ! stands what breaks the standard, which
  makes the status 1; behind - what else is worth knowing.

JSON:
  type, version, size, flags   always; version_assumed when no CONNECT said it
  time, connection, frame      in captures; connection is Wireshark's tcp.stream
  direction, src, dst          in captures; direction is c2s or s2c
  topic, client_id, ...        the packet's fields under the standard's names,
                               those of a PUBLISH as mqkit sub prints them
  answers                      the packet that this one acknowledges, after_ms
  violations                   severity (malformed, protocol, warning, note),
                               statement, offset, field, message
  raw                          all bytes, where the fields do not tell them

Examples:
  mqkit decode 0x10 0x13 0x0 0x4 0x4d 0x51 0x54 0x54 0x4 0x2 0x0 0x3c 0x0 0x7 0x70 0x79 0x74 0x68 0x6F 0x6E 0x31
  mqkit decode -v c000d000
  echo '30 05 00 03 61 2f 62' | mqkit decode -V 311
  tcpdump -i any -U -w - port 1883 | mqkit decode
  mqkit decode --json --type PUBLISH capture.pcapng | jq -r .topic
  mqkit decode --flow --client sensor-1 capture.pcapng
  mqkit decode --keylog keys.log --stats tls.pcapng";

/// What packets are turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Encoding {
    /// Hex text, a packet on each line
    Hex,
    /// The bytes themselves
    Raw,
}

fn packet_type(text: &str) -> Result<PacketType, String> {
    (1..16)
        .map(|number| PacketType::from_first_byte(number << 4))
        .find(|kind| kind.name().eq_ignore_ascii_case(text))
        .ok_or_else(|| "must be the name of a control packet, such as PUBLISH".to_owned())
}

impl Args {
    fn options(&self) -> Options {
        Options {
            show_secrets: self.show_secrets,
            colour: self.color.wanted(),
            offsets: self.offsets,
        }
    }

    fn shape(&self) -> Shape {
        match self {
            Self { stats: true, json, .. } => Shape::Stats { json: *json },
            Self { flow: true, .. } => Shape::Flow,
            Self { json: true, .. } => Shape::Json,
            Self { verbose: true, .. } => Shape::Verbose,
            _ => Shape::Line,
        }
    }

    fn filter(&self) -> Filter {
        Filter {
            types: self.types.clone(),
            topics: self.topic.iter().map(|TopicFilter(filter)| filter.clone()).collect(),
            client: self.client.clone(),
            connection: self.connection,
        }
    }

    fn version(&self) -> Option<Version> {
        match self.protocol_version {
            VersionChoice::Auto => None,
            VersionChoice::Fixed(version) => Some(version),
        }
    }
}

/// Runs `mqkit decode`.
///
/// # Errors
/// The input cannot be read or holds no packets; the output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let console = Console {
        quiet: false,
        debug: false,
    };
    if let Some(encoding) = args.encode {
        return encode(args, encoding);
    }
    if args.json && (args.verbose || args.flow) {
        return Err(Usage::Bad("--json goes with --stats or alone, not with --verbose or --flow".to_owned()).into());
    }
    let source = Source::open(&args.input, args.form, &console)?;
    let log = args.verbose || args.offsets;
    let mut view = View::new(args.shape(), args.options(), args.filter(), console);
    let mut analyst = Analyst::new(args.version(), log);
    let read = match source {
        Source::Capture(reader) => {
            let capture = source::capture_options(args.keylog.as_deref(), args.collapse, &console)?;
            source::read_capture(reader, capture, &mut analyst, &mut view)
        }
        Source::Frames { link, frames } => {
            let capture = source::capture_options(args.keylog.as_deref(), args.collapse, &console)?;
            source::read_frames(link, &frames, capture, &mut analyst, &mut view)
        }
        Source::Turns(turns) => {
            let capture = source::capture_options(args.keylog.as_deref(), args.collapse, &console)?;
            source::read_turns(&turns, capture, &mut analyst, &mut view)
        }
        Source::Bytes(_) if args.keylog.is_some() || args.collapse => {
            return Err(
                Usage::Bad("--keylog and --collapse are for captures; this input is packets alone".to_owned()).into(),
            );
        }
        Source::Bytes(reader) => source::read_bytes(reader, args.version().is_some(), &mut analyst, &mut view),
    };
    match read.and_then(|()| Ok(view.finish(&mut analyst)?)) {
        Ok(()) if view.faulty() => Ok(Outcome::No),
        Ok(()) => Ok(Outcome::Done),
        Err(error) => match error.downcast_ref::<OutputError>() {
            Some(OutputError(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Done),
            _ => Err(error),
        },
    }
}

/// JSON lines back to packets.
fn encode(args: &Args, encoding: Encoding) -> anyhow::Result<Outcome> {
    let mut lines: Box<dyn BufRead> = match args.input.as_slice() {
        [] => Box::new(io::stdin().lock()),
        [dash] if dash == "-" => Box::new(io::stdin().lock()),
        [path] => {
            let file = std::fs::File::open(path).with_context(|| format!("cannot read {path:?}"))?;
            Box::new(io::BufReader::new(file))
        }
        _ => return Err(Usage::Bad("--encode reads one file, or standard input".to_owned()).into()),
    };
    let version = args.version().unwrap_or(Version::V5);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (mut line, mut packet) = (Vec::new(), BytesMut::new());
    let mut encoder = Encoder::new(version);
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).context("cannot read the input")? == 0 {
            break;
        }
        packet.clear();
        encoder.line(&line, &mut packet)?;
        if packet.is_empty() {
            continue;
        }
        let written = match encoding {
            Encoding::Raw => out.write_all(&packet),
            Encoding::Hex => packet
                .iter()
                .try_for_each(|byte| write!(out, "{byte:02x}"))
                .and_then(|()| writeln!(out)),
        };
        if let Some(outcome) = written_or_gone(written)? {
            return Ok(outcome);
        }
    }
    Ok(written_or_gone(out.flush())?.unwrap_or(Outcome::Done))
}

/// `None` when the output was written; the outcome when its reader went away.
fn written_or_gone(written: io::Result<()>) -> anyhow::Result<Option<Outcome>> {
    match written {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Some(Outcome::Done)),
        Err(error) => Err(OutputError(error).into()),
    }
}
