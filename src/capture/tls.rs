//! TLS 1.2 and 1.3 records, decrypted with the secrets of a key log (the NSS format, `SSLKEYLOGFILE`). It must not know
//! what the bytes say.
//!
//! `keylog` has the secrets, `hello` and `agreement` what both ends agree on, `record` cuts the streams, `suite`
//! names the ciphers, `schedule` makes keys and opens records. Here is the order of things: what is opened when.

mod agreement;
mod hello;
mod keylog;
mod record;
mod schedule;
mod suite;

use super::{Note, Out, PerSide, Piece, Side, Unpacked};
use agreement::{Agreement, Phase};
pub use keylog::KeyLog;
use record::{
    APPLICATION_DATA, CHANGE_CIPHER_SPEC, CLIENT_HELLO, Candidate, FINISHED, HANDSHAKE, Header, KEY_UPDATE, Messages,
    Records, SERVER_HELLO,
};
use schedule::{Opened, Opener};

/// So many bytes go into the buffer of a direction at once.
const CHUNK: usize = 16 * 1024;
/// The smallest encrypted record in bytes: header, tag and one byte. It bounds how many records fit into a hole.
const SMALLEST: u64 = 22;
/// How many records may be missing where it is not known how many bytes are.
const DOUBT: u64 = 64;
/// So many records in a row that do not open end the decryption.
const FAILURES: u32 = 64;
/// How many bytes may be decrypted in vain in the search for the number of a record; more is earned by success, so
/// that the work stays linear in what the capture holds.
const BUDGET: u64 = 64 << 20;
/// What part of it one record may use up.
const SHARE: u64 = 8;
/// A search is given up when less than that is left of it.
const LEAST: u64 = 256 << 10;
/// What each byte that was opened adds to the budget.
const EARNED: u64 = 1024;

/// One connection that speaks TLS.
#[derive(Debug, Default)]
pub struct Tls {
    agreement: Agreement,
    directions: PerSide<Direction>,
    noted: Noted,
    /// Where records are opened.
    scratch: Vec<u8>,
}

/// Which notes were given; each is given once.
#[derive(Debug, Default)]
struct Noted {
    decrypted: bool,
    refused: bool,
    early_data: bool,
}

/// What one side sends.
#[derive(Debug, Default)]
struct Direction {
    records: Records,
    messages: Messages,
    phase: Phase,
    opener: Option<Opener>,
    /// A record was opened.
    opened: bool,
    /// How many records may be missing before the next; `None` when its number is known.
    doubt: Option<u64>,
    /// Records in a row that did not open.
    failures: u32,
    budget: Option<u64>,
    /// Nothing of it will be decrypted.
    dead: bool,
}

impl Tls {
    /// True when the first bytes that a side sent are a TLS record: a handshake, or the middle of a connection; `None`
    /// when more bytes are needed to say. Five are enough. No MQTT packet begins like that.
    #[must_use]
    pub fn guess(first: &[u8]) -> Option<bool> {
        match Header::check(first) {
            None => Some(false),
            Some(None) => None,
            Some(Some(_)) => Some(true),
        }
    }

    /// The side that sent the ClientHello, as far as the capture shows it.
    #[must_use]
    pub fn client_side(&self) -> Option<Side> {
        self.agreement.client
    }

    /// Takes the next piece of one direction; `out` gets the application data in the clear.
    pub fn push(&mut self, side: Side, piece: Piece<'_>, keys: &KeyLog, out: Out<'_>) {
        match piece {
            Piece::Data(bytes) => {
                for chunk in bytes.chunks(CHUNK) {
                    self.bytes(side, chunk, keys, out);
                }
            }
            Piece::Gap(0) => {}
            Piece::Gap(size) => self.hole(side, size, out),
        }
    }

    fn bytes(&mut self, side: Side, bytes: &[u8], keys: &KeyLog, out: Out<'_>) {
        // Out of the way, so that a record can be lent out while the rest changes.
        let mut records = std::mem::take(&mut self.directions[side].records);
        records.data(bytes);
        while !self.directions[side].dead {
            let in_place = !records.is_lost();
            let next = records.next();
            let Some(candidate) = next else {
                if in_place && records.is_lost() {
                    self.directions[side].miss(DOUBT);
                }
                break;
            };
            if in_place && candidate.lost {
                self.directions[side].miss(DOUBT);
            }
            let header = candidate.header;
            if self.record(side, &candidate, keys, out) {
                records.taken(header);
            } else {
                records.refused();
            }
        }
        let direction = &mut self.directions[side];
        if !direction.dead {
            direction.records = records;
        }
    }

    /// Takes a record. False when it was only a candidate and is none.
    fn record(&mut self, side: Side, candidate: &Candidate<'_>, keys: &KeyLog, out: Out<'_>) -> bool {
        let tls13 = self.agreement.is_tls13();
        let kind = candidate.header.kind;
        if self.directions[side].phase == Phase::Clear {
            match kind {
                HANDSHAKE => self.messages(side, candidate.body),
                CHANGE_CIPHER_SPEC if self.agreement.is_complete() && !tls13 => {
                    self.directions[side].phase = Phase::Application;
                }
                APPLICATION_DATA if self.agreement.awaits_server(side, keys) => {
                    self.early_data(candidate.header, out);
                }
                APPLICATION_DATA => {
                    self.directions[side].encrypted(tls13);
                    return self.open(side, candidate, keys, out);
                }
                _ => {}
            }
            return true;
        }
        if tls13 && kind != APPLICATION_DATA {
            // A ChangeCipherSpec for the eyes of middleboxes (RFC 8446 appendix D.4), or an alert in the clear.
            return !candidate.lost;
        }
        self.open(side, candidate, keys, out)
    }

    /// Opens a record and leads on what it holds. False when it was only a candidate and is none.
    fn open(&mut self, side: Side, candidate: &Candidate<'_>, keys: &KeyLog, out: Out<'_>) -> bool {
        if self.directions[side].opener.is_none() && !self.find_key(side, keys, out) {
            return true;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let opened = self.search(side, candidate, keys, &mut scratch);
        let going = match opened {
            Some(opened) => {
                let content = scratch.get(..opened.length).unwrap_or_default();
                self.opened(side, candidate, opened.kind, content, out);
                true
            }
            None => self.failed(side, candidate, out),
        };
        self.scratch = scratch;
        going
    }

    /// Makes the key that the next record wants. False when there is none, which ends the direction.
    fn find_key(&mut self, side: Side, keys: &KeyLog, out: Out<'_>) -> bool {
        let phase = self.directions[side].phase;
        let found = match self.agreement.key(side, phase, keys) {
            // Key logs may have the secrets of application data only.
            Err(_) if phase == Phase::Handshake && self.agreement.key(side, Phase::Application, keys).is_ok() => {
                self.directions[side].phase = Phase::Application;
                self.directions[side].miss(0);
                self.agreement.key(side, Phase::Application, keys)
            }
            found => found,
        };
        match found {
            Ok(opener) => {
                self.directions[side].opener = Some(opener);
                true
            }
            Err(note) => {
                self.refuse(side, note, out);
                false
            }
        }
    }

    /// Looks for the key and number under which the record opens: the next, or behind holes one of the next.
    fn search(
        &mut self,
        side: Side,
        candidate: &Candidate<'_>,
        keys: &KeyLog,
        scratch: &mut Vec<u8>,
    ) -> Option<Opened> {
        let direction = &mut self.directions[side];
        let (phase, doubt) = (direction.phase, direction.doubt);
        let mut opener = direction.opener.take()?;
        let mut budget = direction.budget.unwrap_or(BUDGET);
        let mut found = opener.open_next(0, candidate, &mut budget, scratch);
        if found.is_none() && (doubt.is_some() || phase == Phase::Handshake) {
            // The Finished or KeyUpdate before it may be what is missing.
            let later = self.agreement.later_keys(side, phase, &opener, doubt.is_some(), keys);
            budget = budget.saturating_sub(EARNED);
            let mut share = budget / SHARE;
            budget -= share;
            let more = doubt.unwrap_or(0);
            let mut openers: Vec<_> = std::iter::once(opener).chain(later).collect();
            let hit = [more.min(DOUBT), more].into_iter().find_map(|more| {
                openers.iter_mut().enumerate().find_map(|(index, opener)| {
                    let opened = opener.open_next(more, candidate, &mut share, scratch)?;
                    Some((index, opened))
                })
            });
            budget += share;
            let index = hit.map_or(0, |(index, _)| index);
            found = hit.map(|(_, opened)| opened);
            opener = openers.swap_remove(index);
            if index > 0 {
                self.directions[side].phase = Phase::Application;
            }
        }
        let direction = &mut self.directions[side];
        direction.opener = Some(opener);
        if found.is_some() {
            direction.opened = true;
            direction.doubt = None;
            direction.failures = 0;
            budget = BUDGET.min(budget.saturating_add(EARNED * candidate.body.len() as u64));
        }
        direction.budget = Some(budget);
        found
    }

    fn opened(&mut self, side: Side, candidate: &Candidate<'_>, kind: u8, content: &[u8], out: Out<'_>) {
        if !self.noted.decrypted {
            self.noted.decrypted = true;
            out(Unpacked::Note(Note::Decrypted(self.agreement.name())));
        }
        gap(candidate.passed, out);
        match kind {
            APPLICATION_DATA if !content.is_empty() => out(Unpacked::Piece(Piece::Data(content))),
            HANDSHAKE => self.messages(side, content),
            // TLS 1.2 negotiates again: the hellos before it say which key is next.
            CHANGE_CIPHER_SPEC => self.directions[side].opener = None,
            _ => {}
        }
    }

    /// A record did not open. False when it was only a candidate.
    fn failed(&mut self, side: Side, candidate: &Candidate<'_>, out: Out<'_>) -> bool {
        let early = self.agreement.sends_early_data(side);
        let direction = &mut self.directions[side];
        if direction.budget.is_some_and(|budget| budget < LEAST) {
            let why = "no record opens behind a hole in the capture";
            self.refuse(side, Note::Undecryptable(why.to_owned()), out);
            return true;
        }
        if candidate.lost {
            return false;
        }
        direction.failures += 1;
        if early && !direction.opened && direction.failures <= FAILURES {
            self.early_data(candidate.header, out);
            return true;
        }
        if !direction.opened && direction.doubt.is_none() {
            let why = "the secrets of the key log do not fit";
            self.refuse(side, Note::Undecryptable(why.to_owned()), out);
        } else if direction.failures > FAILURES {
            let why = "the records do not open any more";
            self.refuse(side, Note::Undecryptable(why.to_owned()), out);
        } else {
            let size = direction.skip_record(candidate.header);
            // Without a record before it, it may be of the handshake.
            if direction.opened {
                gap(size, out);
            }
        }
        true
    }

    /// Handshake messages, encrypted or not.
    fn messages(&mut self, side: Side, mut bytes: &[u8]) {
        while let Some(message) = self.directions[side].messages.next(&mut bytes) {
            match message.kind {
                CLIENT_HELLO => self.agreement.client_hello(side, &message.body),
                SERVER_HELLO => self.agreement.server_hello(side, &message.body),
                FINISHED if self.agreement.is_tls13() && self.directions[side].phase == Phase::Handshake => {
                    self.directions[side].phase = Phase::Application;
                    self.directions[side].opener = None;
                }
                KEY_UPDATE if self.agreement.is_tls13() && self.directions[side].phase == Phase::Application => {
                    let direction = &mut self.directions[side];
                    direction.opener = direction.opener.as_ref().and_then(Opener::updated);
                }
                _ => {}
            }
        }
    }

    /// Bytes are missing.
    fn hole(&mut self, side: Side, size: u64, out: Out<'_>) {
        let tls13 = self.agreement.is_tls13();
        let direction = &mut self.directions[side];
        if direction.dead {
            return;
        }
        let hole = direction.records.gap(size);
        direction.messages = Messages::default();
        let mut missing = hole.beyond;
        if let Some(header) = hole.record {
            if header.kind == APPLICATION_DATA && direction.phase == Phase::Clear {
                direction.encrypted(tls13);
            }
            if direction.phase != Phase::Clear && (header.kind == APPLICATION_DATA || !tls13) {
                missing += direction.skip_record(header);
            }
        }
        if hole.beyond > 0 {
            direction.miss(hole.beyond / SMALLEST + 1);
        }
        gap(missing, out);
    }

    fn early_data(&mut self, header: Header, out: Out<'_>) {
        if !self.noted.early_data {
            self.noted.early_data = true;
            let why = "early data (0-RTT) is not decrypted";
            out(Unpacked::Note(Note::Undecryptable(why.to_owned())));
        }
        gap(plain_length13(header), out);
    }

    fn refuse(&mut self, side: Side, note: Note, out: Out<'_>) {
        if !self.noted.refused {
            self.noted.refused = true;
            out(Unpacked::Note(note));
        }
        self.directions[side] = Direction {
            dead: true,
            ..Direction::default()
        };
    }
}

impl Direction {
    /// The first encrypted record was seen.
    fn encrypted(&mut self, tls13: bool) {
        self.phase = if tls13 { Phase::Handshake } else { Phase::Application };
    }

    /// Up to so many records more may be missing.
    fn miss(&mut self, records: u64) {
        self.doubt = Some(self.doubt.unwrap_or(0).saturating_add(records));
    }

    /// Counts a record that cannot be opened. Gives how many bytes of application data it holds at most.
    fn skip_record(&mut self, header: Header) -> u64 {
        match &mut self.opener {
            Some(opener) if self.doubt.is_none() => opener.skip(),
            _ => self.miss(1),
        }
        if self.phase != Phase::Application || header.kind != APPLICATION_DATA {
            return 0;
        }
        match &self.opener {
            Some(opener) => opener.plain_length(header.length) as u64,
            None => plain_length13(header),
        }
    }
}

/// How many bytes a record of TLS 1.3 holds at most.
fn plain_length13(header: Header) -> u64 {
    (header.length as u64).saturating_sub(17)
}

fn gap(size: u64, out: Out<'_>) {
    if size > 0 {
        out(Unpacked::Piece(Piece::Gap(size)));
    }
}
