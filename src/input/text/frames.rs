//! Packets of a network as `tcpdump -x` and `tshark -x` print them, and followed TCP streams. Of the packets it knows
//! only where an IP header lies, which proves that they are packets; it must not know TCP.

use super::dump::{self, Block, Unit};
use super::views::{self, Line};
use super::{Content, Found, Reading, TextError, TextFault, plain};
use std::time::Duration;

/// Dumps below titles, or several of them: `tcpdump -x`, `-X`, `-xx`, `-XX`, `tshark -x` with `-P` or without.
pub(super) fn packets(lines: &[Line]) -> Reading {
    let Some(blocks) = dump::blocks(lines, 16) else {
        return Ok(None);
    };
    let titled = blocks.iter().any(|block| !block.titles.is_empty());
    if blocks.len() == 1 && !titled {
        return Ok(None);
    }
    // A last title without rows: a packet that tcpdump shows without bytes, or the count that tshark ends with.
    let blocks = blocks.iter().filter(|block| block.start().is_some());
    let labelled = blocks.clone().any(|block| size(block, "Frame").is_some());
    let mut frames = Vec::new();
    let mut broken = None;
    for block in blocks {
        // "Reassembled TCP (…)" and "Decrypted TLS (…)": bytes that the frames hold, too.
        if labelled && size(block, "Frame").is_none() {
            continue;
        }
        match block.read(Unit::Hex) {
            Ok(Some(Found {
                content: Content::Bytes(bytes),
                ..
            })) => {
                if let Some((line, said)) = size(block, "Frame").filter(|(_, said)| *said != bytes.len() as u64) {
                    let found = bytes.len();
                    return Err(line.error(0, TextFault::Count { said, found }));
                }
                frames.push((block.titles.first().and_then(|line| time(line.text)), bytes));
            }
            Ok(_) => return Ok(None),
            // Only an error if the other dumps are packets.
            Err(error) => broken = Some(broken.unwrap_or(error)),
        }
    }
    let Some(link) = frames.iter().find_map(|(_, frame)| link(frame)) else {
        return Ok(if titled || broken.is_some() {
            None
        } else {
            joined(frames)
        });
    };
    if let Some(error) = broken {
        return Err(error);
    }
    let content = Content::Frames { link, frames };
    Ok(Some(Found { content, note: None }))
}

/// Several dumps that are no packets of a network: their bytes, one behind the other.
fn joined(frames: Vec<(Option<Duration>, Vec<u8>)>) -> Option<Found> {
    let note = format!("{} dumps, taken as one stream of bytes", frames.len());
    Found::noted(frames.into_iter().flat_map(|(_, bytes)| bytes).collect(), Some(note))
}

/// The number in a last title `NAME (98 bytes):`.
fn size<'a>(block: &Block<'a>, name: &str) -> Option<(Line<'a>, u64)> {
    let line = block.titles.last()?;
    let number = line.text.trim().strip_prefix(name)?.strip_prefix(" (")?;
    let number = number
        .strip_suffix(" bytes):")
        .or_else(|| number.strip_suffix(" bytes)"))?;
    Some((*line, number.parse().ok()?))
}

/// The time at the start of tcpdump's title: since midnight, or since the epoch with `-tt` and `-tttt` (taken as UTC).
fn time(title: &str) -> Option<Duration> {
    let mut words = title.split_whitespace();
    let first = words.next()?;
    if first.contains(':') {
        return clock(first);
    }
    if let Some(days) = days(first) {
        return clock(words.next()?)?.checked_add(Duration::from_secs(days.checked_mul(86_400)?));
    }
    let (seconds, fraction) = first.split_once('.')?;
    (seconds.len() >= 9)
        .then(|| fractional(seconds.parse().ok()?, fraction))
        .flatten()
}

/// `22:13:20.001000`
fn clock(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut seconds: u64 = 0;
    let mut parts = 0;
    for part in whole.split(':') {
        let part: u64 = part.parse().ok().filter(|part| *part < 61)?;
        seconds = seconds.checked_mul(60)?.checked_add(part)?;
        parts += 1;
    }
    (parts == 3).then(|| fractional(seconds, fraction)).flatten()
}

fn fractional(seconds: u64, fraction: &str) -> Option<Duration> {
    let digits = fraction.len();
    let number: u32 = fraction.parse().ok().filter(|_| digits <= 9)?;
    let nanoseconds = number.checked_mul(10_u32.checked_pow(u32::try_from(9 - digits).ok()?)?)?;
    Some(Duration::new(seconds, nanoseconds))
}

/// Days from the epoch to a date `2026-11-26`, from 1970 on.
fn days(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years from March, so that the leap day is the last one; months of 30.6 days.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leaps = year / 4 - year / 100 + year / 400;
    (year * 365 + leaps + (month * 153 + 2) / 5 + day).checked_sub(719_469)
}

/// The LINKTYPE_ of a packet: what stands before its IP header, if one with a right checksum or length is there.
pub(super) fn link(frame: &[u8]) -> Option<u16> {
    let ip = |at: usize| frame.get(at..).is_some_and(is_ip);
    let word = |at: usize| Some(u16::from_be_bytes(frame.get(at..at + 2)?.try_into().ok()?));
    let of_ip = |at: usize| matches!(word(at), Some(0x0800 | 0x86dd));
    let tagged = |at: usize| matches!(word(at), Some(0x8100 | 0x88a8));
    let family = [frame.first(), frame.get(3)];
    if ip(0) {
        Some(101)
    } else if (of_ip(12) && ip(14)) || (tagged(12) && of_ip(16) && ip(18)) {
        Some(1)
    } else if of_ip(14) && ip(16) {
        // Linux cooked capture, as with `-i any`.
        Some(113)
    } else if of_ip(0) && ip(20) {
        Some(276)
    } else if family.iter().any(|byte| matches!(byte, Some(2 | 24 | 28 | 30))) && ip(4) {
        // The loopback device of BSD and macOS.
        Some(0)
    } else {
        None
    }
}

fn is_ip(packet: &[u8]) -> bool {
    let byte = |at: usize| packet.get(at).copied().map(u32::from);
    let word = |at: usize| Some(byte(at)? << 8 | byte(at + 1)?);
    match packet.first().map(|byte| (byte >> 4, usize::from(byte & 15) * 4)) {
        Some((4, length)) if length >= 20 && packet.len() >= length => {
            let sum: u32 = (0..length).step_by(2).filter_map(word).sum();
            (sum & 0xffff) + (sum >> 16) == 0xffff && word(2).is_some_and(|total| total as usize >= length)
        }
        Some((6, _)) => word(4).is_some_and(|payload| payload as usize + 40 == packet.len()),
        _ => false,
    }
}

/// `tshark -z follow,tcp,raw` and `follow,tcp,hex`, and Wireshark's hex dump of a stream, in which the lines of node 1
/// are indented and each direction counts its own offsets.
pub(super) fn follow(lines: &[Line]) -> Reading {
    const HEADERS: [&str; 5] = ["Follow:", "Filter:", "Node 0:", "Node 1:", "===="];
    let is_header = |line: &Line| HEADERS.iter().any(|header| line.text.starts_with(header));
    let announced = lines.iter().any(|line| line.text.starts_with("Follow: tcp,"));
    let rows: Vec<Line> = views::full(lines)
        .filter(|line| !(announced && is_header(line)))
        .collect();
    let indented = |line: &Line| line.text.starts_with("    ") || line.text.starts_with('\t');
    let both = rows.iter().any(indented) && !rows.iter().all(indented);
    if !announced && !both {
        return Ok(None);
    }
    let raw = lines.iter().any(|line| line.text.starts_with("Follow: tcp,raw"));
    let mut turns: Vec<(bool, Vec<u8>)> = Vec::new();
    let mut said = [0_u64; 2];
    for run in rows.chunk_by(|one, other| indented(one) == indented(other)) {
        let node = run.first().is_some_and(indented);
        let counted = said.get_mut(usize::from(node));
        if raw {
            for line in run {
                turns.push((node, stream(line)?));
            }
        } else if let (Some(bytes), Some(counted)) =
            (rows_from(run, counted.as_deref().copied().unwrap_or(0))?, counted)
        {
            *counted += bytes.len() as u64;
            turns.push((node, bytes));
        } else {
            return Ok(None);
        }
    }
    let content = Content::Turns(turns);
    Ok(Some(Found { content, note: None }))
}

/// A line of hex digits.
fn stream(line: &Line) -> Result<Vec<u8>, TextError> {
    let text = line.text.trim();
    let start = line.indent();
    plain::pairs(text).ok_or_else(|| {
        let bad = text.char_indices().find(|(_, c)| !c.is_ascii_hexdigit());
        match bad {
            Some((at, c)) => line.error(start + at, TextFault::Character(c)),
            None => views::error(
                line.number,
                line.after(start).column,
                TextFault::Odd(views::short(text)),
            ),
        }
    })
}

/// The bytes of one turn, whose offsets go on where the direction stopped.
fn rows_from(run: &[Line], start: u64) -> Result<Option<Vec<u8>>, TextError> {
    let blocks = dump::blocks(run, 16).unwrap_or_default();
    let [block] = blocks.as_slice() else { return Ok(None) };
    if !block.titles.is_empty() || block.start() != Some(start) {
        return Ok(None);
    }
    Ok(match block.read(Unit::Hex)? {
        Some(Found {
            content: Content::Bytes(bytes),
            ..
        }) => Some(bytes),
        _ => None,
    })
}
