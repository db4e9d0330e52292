//! `mqkit decode`: explains packets given as hex text. It must not know how packets are laid out.

use crate::cli::values::{self, VersionChoice};
use crate::exit::{Outcome, OutputError};
use crate::input::text::{self, Content};
use crate::output::packet::{self, Options};
use crate::protocol::{
    DecodeError, Fault, FieldLog, Frame, MAX_REMAINING_LENGTH, Packet, PacketType, Sender, Version, frame,
};
use anyhow::Context;
use bytes::{Bytes, BytesMut};
use std::cmp::Reverse;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

/// Explain packets given as hex text
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Hex text of packets, a file that holds it, or `-` for standard input
    #[arg(value_name = "HEX", allow_hyphen_values = true)]
    hex: Vec<String>,

    /// Protocol version: auto (as a CONNECT says, else the one that fits), 5, 311 or 31
    #[arg(short = 'V', long, value_name = "VERSION", default_value = "auto", value_parser = values::version)]
    protocol_version: VersionChoice,

    /// Show passwords and authentication data
    #[arg(long)]
    show_secrets: bool,
}

const EXAMPLES: &str = "Examples:
  mqkit decode 0x10 0x13 0x0 0x4 0x4d 0x51 0x54 0x54 0x4 0x2 0x0 0x3c 0x0 0x7 0x70 0x79 0x74 0x68 0x6F 6E 0x31
  mqkit decode c000d000
  echo '30 05 00 03 61 2f 62' | mqkit decode -V 311";

/// A packet, decoded or not.
struct Explained {
    frame: Frame,
    version: Version,
    packet: Result<Packet, DecodeError>,
    log: FieldLog,
}

impl Explained {
    /// The packet, or the fault without the version under which it was found.
    fn meaning(&self) -> Result<&Packet, (Fault, usize)> {
        self.packet.as_ref().map_err(|error| (error.fault, error.offset))
    }
}

/// Runs `mqkit decode`.
///
/// # Errors
/// The input is no hex text or cannot be read; the output cannot be written.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let Content::Bytes(bytes) = text::parse(read(&args.hex)?.as_bytes())?.content else {
        anyhow::bail!("the text holds packets of a network, not MQTT packets alone");
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let options = Options {
        show_secrets: args.show_secrets,
    };
    match explain(&mut out, &bytes, args.protocol_version, options).and_then(|clean| out.flush().map(|()| clean)) {
        Ok(true) => Ok(Outcome::Done),
        Ok(false) => Ok(Outcome::No),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Done),
        Err(error) => Err(OutputError(error).into()),
    }
}

/// The words themselves, the file that a single one names, or standard input.
fn read(words: &[String]) -> anyhow::Result<String> {
    let stdin = || {
        let mut text = String::new();
        io::stdin()
            .read_to_string(&mut text)
            .context("cannot read standard input as text")?;
        Ok(text)
    };
    match words {
        [] => stdin(),
        [dash] if dash == "-" => stdin(),
        [path] if text::parse(path.as_bytes()).is_err() && Path::new(path).exists() => {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {path:?} as text"))
        }
        words => Ok(words.join(" ")),
    }
}

/// Writes every packet; false when one of them is faulty.
///
/// # Errors
/// The output cannot be written.
pub fn explain(out: &mut impl Write, bytes: &[u8], choice: VersionChoice, options: Options) -> io::Result<bool> {
    let (packets, rest, assumed) = match choice {
        VersionChoice::Fixed(version) => {
            let (packets, rest) = decode_all(bytes, version, true);
            (packets, rest, false)
        }
        VersionChoice::Auto => infer(bytes),
    };
    let mut clean = true;
    for (
        index,
        Explained {
            frame,
            version,
            packet,
            log,
        },
    ) in packets.iter().enumerate()
    {
        if index > 0 {
            writeln!(out)?;
        }
        clean &= packet.is_ok();
        packet::write(out, frame, *version, packet.as_ref(), log, options)?;
    }
    if !rest.is_empty() {
        clean = false;
        if !packets.is_empty() {
            writeln!(out)?;
        }
        let version = packets.last().map_or(Version::V311, |explained| explained.version);
        write_incomplete(out, rest, bytes.len() - rest.len(), version, options)?;
    }
    if assumed {
        writeln!(
            out,
            "\nnote: MQTT 5 is assumed: without a CONNECT these bytes also read as 3.1.1 (-V 311 does so)"
        )?;
    }
    Ok(clean)
}

/// Writes what can be said of the bytes behind the last whole packet.
fn write_incomplete(
    out: &mut impl Write,
    rest: &[u8],
    at: usize,
    version: Version,
    options: Options,
) -> io::Result<()> {
    let kind = PacketType::from_first_byte(rest.first().copied().unwrap_or_default());
    match frame::extent(rest) {
        Err(error) => writeln!(
            out,
            "{kind} at byte {at}: {}: {} at byte {}",
            error.field, error.fault, error.offset
        ),
        Ok(None) => writeln!(
            out,
            "{kind} at byte {at} is cut in its fixed header: {} byte(s) are there",
            rest.len()
        ),
        Ok(Some(extent)) => {
            let there = rest.len();
            writeln!(
                out,
                "{kind} at byte {at} is cut: it needs {} bytes, {there} are there",
                extent.total()
            )?;
            // The fields that are there, read as a packet that ends where the bytes do.
            let frame = Frame::cut(Bytes::copy_from_slice(rest), extent);
            let mut log = FieldLog::new();
            let read = Packet::decode_logged(version, Sender::Unknown, &frame, &mut log);
            let version = read.map_or_else(|error| error.version, |_| version);
            packet::write_fields(out, &frame, version, &log, options)
        }
    }
}

/// Decodes one packet after the other; what follows a CONNECT is in its version, unless the version is `forced`. Gives
/// the rest that is no packet.
fn decode_all(bytes: &[u8], mut version: Version, forced: bool) -> (Vec<Explained>, &[u8]) {
    let mut packets = Vec::new();
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(frame)) = frame::split(&mut buffer, MAX_REMAINING_LENGTH + 5) {
        let mut log = FieldLog::new();
        let packet = Packet::decode_logged(version, Sender::Unknown, &frame, &mut log);
        let own = match &packet {
            Ok(Packet::Connect(connect)) => connect.version,
            Err(error) if error.packet == PacketType::Connect => error.version,
            _ => version,
        };
        if !forced {
            version = own;
        }
        packets.push(Explained {
            frame,
            version: own,
            packet,
            log,
        });
    }
    (packets, bytes.get(bytes.len() - buffer.len()..).unwrap_or_default())
}

/// The version that makes most sense of the bytes; true when another one makes other sense of them.
fn infer(bytes: &[u8]) -> (Vec<Explained>, &[u8], bool) {
    let (newer, rest) = decode_all(bytes, Version::V5, false);
    let (older, _) = decode_all(bytes, Version::V311, false);
    let same = newer
        .iter()
        .map(Explained::meaning)
        .eq(older.iter().map(Explained::meaning));
    if same || sense(&older) > sense(&newer) {
        return (older, rest, false);
    }
    let ambiguous = sense(&older) == sense(&newer);
    (newer, rest, ambiguous)
}

/// How much sense a decoding makes: fewer faults, then faults that come later.
fn sense(packets: &[Explained]) -> (Reverse<usize>, usize) {
    let faults = || packets.iter().filter_map(|explained| explained.packet.as_ref().err());
    (Reverse(faults().count()), faults().map(|fault| fault.offset).sum())
}
