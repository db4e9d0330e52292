//! Where the packets come from: words, a file or standard input, in any form; and the way from there through capture and
//! analysis to the view. It must not know how packets are shown.

use super::view::View;
use super::{foreign, keylog};
use crate::analysis::{Analyst, Origin, infer};
use crate::capture::file::{Item, Reader, Record};
use crate::capture::stream::Stream;
use crate::capture::tcp::Ends;
use crate::capture::tls::KeyLog;
use crate::capture::{Capture, Event, EventKind, Note, Options, Piece, Side, Stamp};
use crate::cli::{Console, Usage};
use crate::exit::OutputError;
use crate::input::form;
use crate::input::text::{self, Content, TextForm};
use crate::protocol::{Frame, MAX_REMAINING_LENGTH, frame};
use anyhow::Context;
use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// What the input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// What it looks like
    Auto,
    /// Text with hex digits, in any common shape
    Hex,
    /// Base64 text
    Base64,
    /// Packets, byte by byte
    Raw,
    /// A capture file: pcap or pcapng, perhaps gzipped
    Pcap,
}

/// An input whose form is known.
pub(super) enum Source {
    /// A capture file.
    Capture(Box<dyn Read>),
    /// Packets one after the other.
    Bytes(Box<dyn Read>),
    /// Captured packets in a text, such as that of `tcpdump -x`.
    Frames {
        /// Their link-layer header type.
        link: u16,
        /// Their times and bytes.
        frames: Vec<(Option<Duration>, Vec<u8>)>,
    },
    /// What the two ends of a TCP connection said; true is the end that did not open it.
    Turns(Vec<(bool, Vec<u8>)>),
}

/// Bytes of text that are read: no dump that a person looks at is larger.
const TEXT_LIMIT: usize = 256 << 20;
const CHUNK: usize = 64 * 1024;

impl Source {
    /// Opens what `words` name: a file, standard input (`-` or nothing), or text.
    pub(super) fn open(words: &[String], form: Form, console: &Console) -> anyhow::Result<Self> {
        match words {
            [] => Self::read(Box::new(io::stdin().lock()), form, "standard input", console),
            [dash] if dash == "-" => Self::read(Box::new(io::stdin().lock()), form, "standard input", console),
            [path] => Self::of_word(path, form, console),
            words => Self::parse(words.join(" ").as_bytes(), form, console),
        }
    }

    /// A file of any kind, when there is one of that name; else text.
    fn of_word(path: &str, form: Form, console: &Console) -> anyhow::Result<Self> {
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                let directory = || Usage::Bad(format!("{path:?} is a directory"));
                // `/tmp` is base64, too.
                if looks_like_a_path(path) {
                    return Err(directory().into());
                }
                Self::parse(path.as_bytes(), form, console).map_err(|_| directory().into())
            }
            Ok(_) => {
                if form == Form::Auto && text::parse(path.as_bytes()).is_ok() {
                    console.note(format_args!(
                        "{path:?} is read as the file of that name (as text: echo {path} | mqkit decode)"
                    ));
                }
                let file = File::open(path).with_context(|| format!("cannot read {path:?}"))?;
                Self::read(Box::new(file), form, &format!("{path:?}"), console)
            }
            Err(error) => Self::parse(path.as_bytes(), form, console).map_err(|unlike| {
                if !looks_like_a_path(path) {
                    return unlike;
                }
                match error.kind() {
                    io::ErrorKind::NotFound => Usage::Bad(format!("there is no file {path:?}")).into(),
                    _ => anyhow::Error::new(error).context(format!("cannot read {path:?}")),
                }
            }),
        }
    }

    fn read(mut reader: Box<dyn Read>, wanted: Form, name: &str, console: &Console) -> anyhow::Result<Self> {
        let failed = || format!("cannot read {name}");
        let mut first = Vec::new();
        let mut chunk = vec![0; CHUNK];
        let form = loop {
            let read = reader.read(&mut chunk).with_context(failed)?;
            first.extend_from_slice(chunk.get(..read).unwrap_or_default());
            if first.is_empty() {
                return Err(Usage::Bad(format!("{name} is empty: no packet data")).into());
            }
            match wanted {
                Form::Raw => break form::Form::Raw,
                Form::Pcap => break form::Form::Capture,
                Form::Hex | Form::Base64 => break form::Form::Text,
                Form::Auto => {}
            }
            if let Some(form) = form::detect(&first, read == 0) {
                break form;
            }
        };
        if wanted == Form::Auto && form != form::Form::Capture {
            if let Some(what) = foreign::name(&first) {
                return Err(Usage::Bad(format!("{name} is {what}")).into());
            }
            if form == form::Form::Raw && foreign::is_called_capture(name.trim_matches('"')) {
                return Err(Usage::Bad(format!(
                    "{name} is neither a pcap nor a pcapng file (--input raw takes its bytes for packets)"
                ))
                .into());
            }
        }
        let mut reader = Cursor::new(first).chain(reader);
        match form {
            form::Form::Capture => Ok(Self::Capture(Box::new(reader))),
            form::Form::Raw => Ok(Self::Bytes(Box::new(reader))),
            form::Form::Text => {
                let mut text = Vec::new();
                let limit = TEXT_LIMIT as u64 + 1;
                reader
                    .by_ref()
                    .take(limit)
                    .read_to_end(&mut text)
                    .with_context(failed)?;
                if text.len() > TEXT_LIMIT {
                    return Err(Usage::Bad(format!("{name} is text of more than {} MB", TEXT_LIMIT >> 20)).into());
                }
                Self::parse(&text, wanted, console)
            }
        }
    }

    fn parse(text: &[u8], form: Form, console: &Console) -> anyhow::Result<Self> {
        let parsed = match form {
            Form::Raw | Form::Pcap => {
                return Err(Usage::Bad("--input raw and --input pcap need a file".to_owned()).into());
            }
            Form::Auto => text::parse(text)?,
            Form::Hex => text::parse_as(text, TextForm::Hex)?,
            Form::Base64 => text::parse_as(text, TextForm::Base64)?,
        };
        if let Some(note) = parsed.note {
            console.note(format_args!("{}: {note}", parsed.shape));
        }
        Ok(match parsed.content {
            Content::Bytes(bytes) if form == Form::Auto && foreign::name(&bytes).is_some() => {
                let what = foreign::name(&bytes).unwrap_or_default();
                return Err(Usage::Bad(format!("what these digits stand for is {what}")).into());
            }
            Content::Bytes(bytes) => Self::Bytes(Box::new(Cursor::new(bytes))),
            Content::Frames { link, frames } => Self::Frames { link, frames },
            Content::Turns(turns) => Self::Turns(turns),
        })
    }
}

/// A word that can only be meant as a file's name.
fn looks_like_a_path(word: &str) -> bool {
    word.contains(['/', '\\'])
        || [".pcap", ".pcapng", ".cap", ".gz", ".txt", ".bin", ".log"]
            .iter()
            .any(|end| word.ends_with(end))
}

/// How captures are read.
pub(super) fn capture_options(keylog: Option<&Path>, collapse: bool, console: &Console) -> anyhow::Result<Options> {
    let keylog = match keylog {
        Some(path) => keylog::read(path, console)?,
        None => KeyLog::default(),
    };
    Ok(Options { keylog, collapse })
}

/// A capture file, record by record.
pub(super) fn read_capture(
    source: Box<dyn Read>,
    options: Options,
    analyst: &mut Analyst,
    view: &mut View,
) -> anyhow::Result<()> {
    let mut reader = Reader::new(view.flushing(source));
    let mut way = Way::new(options, analyst, view);
    loop {
        let item = reader
            .next()
            .map_err(|error| failure(error, "cannot read the capture"))?;
        let Some(item) = item else { break };
        way.item(item)?;
    }
    way.finish()
}

/// Captured packets out of a text.
pub(super) fn read_frames(
    link: u16,
    frames: &[(Option<Duration>, Vec<u8>)],
    options: Options,
    analyst: &mut Analyst,
    view: &mut View,
) -> anyhow::Result<()> {
    let mut way = Way::new(options, analyst, view);
    for (record, (time, data)) in (1..).zip(frames) {
        way.item(Item::Record(Record {
            stamp: Stamp { time: *time, record },
            link,
            data,
            original_len: data.len(),
        }))?;
    }
    way.finish()
}

/// What the two ends of a TCP connection said.
pub(super) fn read_turns(
    turns: &[(bool, Vec<u8>)],
    options: Options,
    analyst: &mut Analyst,
    view: &mut View,
) -> anyhow::Result<()> {
    // The text does not say the addresses.
    let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
    let mut stream = Stream::new(
        0,
        Ends {
            a: nobody,
            b: nobody,
            opened: false,
        },
    );
    let keys = options.keylog;
    let mut way = Way::new(Options::default(), analyst, view);
    let mut stamp = Stamp { time: None, record: 0 };
    for (answers, bytes) in turns {
        stamp.record += 1;
        let side = if *answers { Side::B } else { Side::A };
        stream.push(side, Piece::Data(bytes), stamp, &keys, &mut way.events);
        way.pass_on()?;
    }
    stream.finish(stamp, &keys, &mut way.events);
    way.pass_on()?;
    match view.has_packets() {
        true => Ok(()),
        false => Err(Usage::Bad("no MQTT in this TCP stream".to_owned()).into()),
    }
}

/// What reading from [`View::flushing`] failed with: the output, or the input.
fn failure(error: io::Error, input: &'static str) -> anyhow::Error {
    match error.downcast::<OutputError>() {
        Ok(output) => output.into(),
        Err(error) => anyhow::Error::new(error).context(input),
    }
}

/// The way of what a capture holds to the view.
struct Way<'a> {
    capture: Capture,
    analyst: &'a mut Analyst,
    view: &'a mut View,
    events: Vec<Event>,
    /// Damage before the first record: it may be no capture at all.
    early: Option<String>,
}

impl<'a> Way<'a> {
    fn new(options: Options, analyst: &'a mut Analyst, view: &'a mut View) -> Self {
        Self {
            capture: Capture::new(options),
            analyst,
            view,
            events: Vec::new(),
            early: None,
        }
    }

    fn item(&mut self, item: Item<'_>) -> anyhow::Result<()> {
        self.capture.push(item, &mut self.events);
        let begun = self.capture.counts().records > 0;
        let damage = self.capture.take_damage();
        for what in self.early.take_if(|_| begun).into_iter().chain(damage) {
            if !begun && self.early.is_none() {
                self.early = Some(what);
            } else {
                self.view.damage(&what);
            }
        }
        self.pass_on()
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.capture.finish(&mut self.events);
        self.pass_on()?;
        if let Some(what) = self.early {
            return Err(Usage::Bad(format!("there is no packet in this capture: {what}")).into());
        }
        self.view.sum_up(&self.capture);
        let counts = self.capture.counts();
        match counts.mqtt {
            0 => Err(Usage::Bad(format!(
                "no MQTT in {} packet(s) and {} TCP connection(s)",
                counts.records, counts.connections
            ))
            .into()),
            _ => Ok(()),
        }
    }

    fn pass_on(&mut self) -> anyhow::Result<()> {
        for Event {
            connection,
            stamp,
            kind,
        } in self.events.drain(..)
        {
            match kind {
                EventKind::Frame {
                    sender,
                    source,
                    destination,
                    frame,
                } => {
                    let origin = Origin {
                        connection: Some(connection),
                        sender,
                        time: stamp.time,
                        source: known(source),
                        destination: known(destination),
                        record: Some(stamp.record),
                    };
                    self.view.packet(self.analyst.packet(origin, frame))?;
                }
                EventKind::Note { sender, note } => {
                    if matches!(note, Note::Skipped(_) | Note::Missing(_)) {
                        self.analyst.missing(Some(connection), sender);
                    }
                    self.view.note(connection, sender, note);
                }
                EventKind::Closed { sender, reset } => {
                    if let Some(ending) = self.analyst.closed(Some(connection), stamp.time, sender, reset) {
                        self.view.ending(&ending)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn known(address: SocketAddr) -> Option<SocketAddr> {
    (!address.ip().is_unspecified()).then_some(address)
}

/// Packets one after the other, without anything around them.
pub(super) fn read_bytes(
    source: Box<dyn Read>,
    version_known: bool,
    analyst: &mut Analyst,
    view: &mut View,
) -> anyhow::Result<()> {
    let mut reader = view.flushing(source);
    let mut buffer = BytesMut::new();
    let mut chunk = vec![0; CHUNK];
    let mut version_known = version_known;
    loop {
        let read = reader
            .read(&mut chunk)
            .map_err(|error| failure(error, "cannot read the input"))?;
        buffer.extend_from_slice(chunk.get(..read).unwrap_or_default());
        let mut frames = Vec::new();
        let framed = loop {
            match frame::split(&mut buffer, MAX_REMAINING_LENGTH + 5) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break true,
                // Where the next packet begins cannot be known.
                Err(_) => break false,
            }
        };
        let end = read == 0 || !framed;
        if end && !buffer.is_empty() {
            frames.push(Frame::cut(Bytes::copy_from_slice(&buffer)));
        }
        if !version_known && !frames.is_empty() {
            version_known = true;
            let (version, ambiguous) = infer(&frames);
            analyst.assume(version);
            if ambiguous {
                view.say("MQTT 5 is assumed: without a CONNECT these bytes also read as 3.1.1 (-V 311 does so)");
            }
        }
        for frame in frames {
            view.packet(analyst.packet(Origin::UNKNOWN, frame))?;
        }
        if end {
            return Ok(());
        }
    }
}
