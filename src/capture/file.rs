//! pcap and pcapng files, read record by record, perhaps through gzip. It must not know what a record holds.

mod input;
mod order;
mod pcap;
mod pcapng;

use std::io::{self, Read};
use std::ops::Range;

use super::Stamp;
use input::Input;

/// No block of a pcapng file is longer, in bytes, unless it is damaged.
const LARGEST_BLOCK: u32 = 16 * 1024 * 1024;

/// Something in a capture file.
#[derive(Debug)]
pub enum Item<'a> {
    /// A captured packet.
    Record(Record<'a>),
    /// Lines of a TLS key log (pcapng's Decryption Secrets Block).
    Secrets(&'a [u8]),
    /// The file is damaged here; reading goes on when it can. Says what, and at which byte of the file.
    Damage(String),
}

/// A captured packet.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// When, and its number.
    pub stamp: Stamp,
    /// Link-layer header type, as registered for pcap (`LINKTYPE_…`).
    pub link: u16,
    /// What was captured.
    pub data: &'a [u8],
    /// Its length on the wire in bytes.
    pub original_len: usize,
}

/// True when a file that begins with these bytes (four are enough) is one for [`Reader`]: pcap, pcapng, or gzip, which
/// may hold one.
pub fn is_capture(first: &[u8]) -> bool {
    pcap::is_pcap(first) || pcapng::is_pcapng(first) || input::is_gzip(first)
}

/// Reads a capture file.
pub struct Reader {
    input: Input,
    state: State,
    /// How many packet records there were.
    records: u64,
}

enum State {
    /// Before the header of a file.
    Start,
    Pcap(Pcap),
    Pcapng(pcapng::Section),
    /// Behind damage: searches for a record.
    LostPcap(Pcap),
    /// Behind damage: searches for a block.
    LostPcapng(pcapng::Section),
    Over,
}

#[derive(Clone, Copy)]
struct Pcap {
    layout: pcap::Layout,
    /// The last record that was read.
    last: Option<pcap::Head>,
}

/// An [`Item`] as its place in the buffer, so that the search for it borrows nothing.
enum Found {
    Record {
        stamp: Stamp,
        link: u16,
        data: Range<usize>,
        original_len: usize,
    },
    Secrets(Range<usize>),
    Damage(String),
    /// Nothing yet.
    Nothing,
}

impl Reader {
    /// A reader of a pcap or pcapng file, from its first byte; gzip is unpacked.
    pub fn new(source: Box<dyn Read>) -> Self {
        Self {
            input: Input::new(source),
            state: State::Start,
            records: 0,
        }
    }

    /// The next item; `None` at the end. Gives what is there as soon as it is there: the source may be a live pipe.
    ///
    /// # Errors
    ///
    /// Those of the source.
    #[expect(clippy::should_implement_trait, reason = "an item borrows the reader")]
    pub fn next(&mut self) -> io::Result<Option<Item<'_>>> {
        loop {
            let found = match &self.state {
                State::Start => self.start()?,
                State::Pcap(pcap) => self.record(*pcap)?,
                State::Pcapng(_) => self.block()?,
                State::LostPcap(pcap) => self.search_record(*pcap)?,
                State::LostPcapng(_) => self.search_block()?,
                State::Over => return Ok(None),
            };
            match found {
                Found::Record {
                    stamp,
                    link,
                    data,
                    original_len,
                } => {
                    let data = self.input.slice(data);
                    return Ok(Some(Item::Record(Record {
                        stamp,
                        link,
                        data,
                        original_len,
                    })));
                }
                Found::Secrets(data) => return Ok(Some(Item::Secrets(self.input.slice(data)))),
                Found::Damage(what) => return Ok(Some(Item::Damage(what))),
                Found::Nothing => {}
            }
        }
    }

    fn start(&mut self) -> io::Result<Found> {
        if !self.input.need(4)? {
            return Ok(self.end("header of the file"));
        }
        if pcapng::is_pcapng(self.input.bytes()) {
            self.state = State::Pcapng(pcapng::Section::new());
            return Ok(Found::Nothing);
        }
        if !pcap::is_pcap(self.input.bytes()) {
            self.state = State::Over;
            let at = self.input.offset();
            return Ok(Found::Damage(format!(
                "at byte {at} there is neither a pcap nor a pcapng file"
            )));
        }
        if !self.input.need(pcap::HEADER)? {
            return Ok(self.end("header of the file"));
        }
        if let Some(layout) = pcap::Layout::parse(self.input.bytes()) {
            self.state = State::Pcap(Pcap { layout, last: None });
        }
        self.input.take(pcap::HEADER);
        Ok(Found::Nothing)
    }

    fn record(&mut self, pcap: Pcap) -> io::Result<Found> {
        let layout = pcap.layout;
        if !self.input.need(layout.record_header)? {
            return Ok(self.end("packet record"));
        }
        if layout.joined(self.input.bytes()) {
            self.state = State::Start;
            return Ok(Found::Nothing);
        }
        let Some(head) = layout.head(self.input.bytes()) else {
            return Ok(self.end("packet record"));
        };
        if head.captured > pcap::largest(layout.link) {
            self.state = State::LostPcap(pcap);
            let (at, claimed) = (self.input.offset(), head.captured);
            return Ok(Found::Damage(format!(
                "the packet record at byte {at} claims {claimed} bytes, which cannot be; going on at the next that can"
            )));
        }
        let length = layout.record_header + head.captured as usize;
        if !self.input.need(length)? {
            return Ok(self.end("packet record"));
        }
        let place = self.input.take(length);
        self.state = State::Pcap(Pcap {
            layout,
            last: Some(head),
        });
        self.records += 1;
        Ok(Found::Record {
            stamp: Stamp {
                time: Some(layout.time(&head)),
                record: self.records,
            },
            link: layout.link,
            data: place.start + layout.record_header..place.end,
            original_len: head.original as usize,
        })
    }

    /// Searches for a header that is plausible and leads to another, or to the end of the file.
    fn search_record(&mut self, pcap: Pcap) -> io::Result<Found> {
        let layout = pcap.layout;
        loop {
            self.input.take(1);
            if !self.input.need(layout.record_header)? {
                self.state = State::Over;
                return Ok(self.end_of_search());
            }
            let head = layout.head(self.input.bytes());
            let Some(head) = head.filter(|head| layout.plausible(head, pcap.last.as_ref())) else {
                continue;
            };
            let length = layout.record_header + head.captured as usize;
            let leads_on = if self.input.need(length + layout.record_header)? {
                let next = self.input.bytes().get(length..).and_then(|bytes| layout.head(bytes));
                next.is_some_and(|next| layout.plausible(&next, Some(&head)))
            } else {
                self.input.bytes().len() == length
            };
            if leads_on {
                self.state = State::Pcap(pcap);
                return Ok(Found::Nothing);
            }
        }
    }

    fn block(&mut self) -> io::Result<Found> {
        if !self.input.need(pcapng::SMALLEST)? {
            return Ok(self.end("block"));
        }
        let State::Pcapng(section) = &mut self.state else {
            return Ok(Found::Nothing);
        };
        let at = self.input.offset();
        let Some(length) = section.block_length(self.input.bytes()) else {
            return Ok(self.lose_blocks("has a length that cannot be"));
        };
        if !self.input.need(length)? {
            return Ok(self.end("block"));
        }
        let block = self.input.bytes().get(..length).unwrap_or_default();
        if !section.is_closed(block) {
            return Ok(self.lose_blocks("has two different lengths"));
        }
        let block = section.block(block);
        let place = self.input.take(length);
        let body = place.start + pcapng::HEADER;
        Ok(match block {
            pcapng::Block::Packet {
                time,
                link,
                data,
                original,
            } => {
                self.records += 1;
                Found::Record {
                    stamp: Stamp {
                        time,
                        record: self.records,
                    },
                    link,
                    data: body + data.start..body + data.end,
                    original_len: original as usize,
                }
            }
            pcapng::Block::Secrets(data) => Found::Secrets(body + data.start..body + data.end),
            pcapng::Block::Other => Found::Nothing,
            pcapng::Block::Broken(what) => Found::Damage(format!("the block at byte {at} {what}")),
        })
    }

    /// Searches for the beginning of a block that leads to its end.
    fn search_block(&mut self) -> io::Result<Found> {
        loop {
            self.input.take(1);
            if !self.input.need(pcapng::SMALLEST)? {
                self.state = State::Over;
                return Ok(self.end_of_search());
            }
            let State::LostPcapng(section) = &mut self.state else {
                return Ok(Found::Nothing);
            };
            if !section.plausible(self.input.bytes()) {
                continue;
            }
            let length = section.block_length(self.input.bytes()).unwrap_or(usize::MAX);
            if !self.input.need(length)? {
                continue;
            }
            if self
                .input
                .bytes()
                .get(..length)
                .is_some_and(|block| section.is_closed(block))
            {
                let section = std::mem::replace(section, pcapng::Section::new());
                self.state = State::Pcapng(section);
                return Ok(Found::Nothing);
            }
        }
    }

    fn lose_blocks(&mut self, what: &str) -> Found {
        if let State::Pcapng(section) = std::mem::replace(&mut self.state, State::Over) {
            self.state = State::LostPcapng(section);
        }
        let at = self.input.offset();
        Found::Damage(format!(
            "the block at byte {at} {what}; going on at the next that can be"
        ))
    }

    /// The file has ended; what is still there is the beginning of a `part`. When its length is what is damaged, there
    /// are others in it.
    fn end(&mut self, part: &str) -> Found {
        let at = self.input.offset();
        let broken = self.input.broken();
        if broken.is_none() && self.input.bytes().is_empty() {
            self.state = State::Over;
            return Found::Nothing;
        }
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Pcap(pcap) => State::LostPcap(pcap),
            State::Pcapng(section) => State::LostPcapng(section),
            _ => State::Over,
        };
        match broken {
            Some(why) => Found::Damage(format!(
                "the gzip stream is damaged ({why}); it ends inside the {part} at byte {at}"
            )),
            None => Found::Damage(format!("the file ends inside the {part} at byte {at}")),
        }
    }

    fn end_of_search(&mut self) -> Found {
        match self.input.broken() {
            Some(why) => Found::Damage(format!("the gzip stream is damaged ({why})")),
            None => Found::Nothing,
        }
    }
}

#[cfg(test)]
mod tests;
