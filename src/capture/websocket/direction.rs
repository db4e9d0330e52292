//! What one side sends: the handshake, then frames, messages and what they hold, over holes. It must not know MQTT.

use super::super::{Note, Out, Piece, Side, Unpacked};
use super::Guess;
use super::frame::{CLOSE, CONTINUATION, Head, Parsed, TEXT, plausible};
use super::handshake::{Deflate, LIMIT, Opening, opening};
use super::inflate::Inflate;
use bytes::{Buf, BytesMut};

/// So many bytes are taken at once.
const CHUNK: usize = 16 * 1024;
/// Behind a hole, only frames up to that length help to find where frames begin, in bytes.
const REACH: u64 = 4096;

/// What both sides have to do with.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The side that asked for WebSocket, or that masks its frames.
    pub(super) client: Option<Side>,
    /// It is HTTP, but not WebSocket.
    closed: bool,
    path: Option<String>,
    compression: Compression,
    noted: Noted,
}

/// Which notes were given; each is given once.
#[derive(Debug, Default)]
struct Noted {
    websocket: bool,
    text: bool,
    mask: bool,
    compression: bool,
}

/// What the server's answer says of compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Compression {
    /// The capture does not show the answer.
    #[default]
    Unknown,
    Off,
    On(Deflate),
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Direction {
    state: State,
    /// What came and is not taken yet.
    input: BytesMut,
    /// How the message is packed whose frames come.
    message: Packing,
    inflate: Option<Box<Inflate>>,
    /// Compressed messages may refer to bytes that are not known.
    forgotten: bool,
    scratch: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Before the end of the handshake. So many bytes were looked at.
    Opening(usize),
    /// At the head of a frame.
    Head,
    Payload(Payload),
    /// Where a frame begins is not known. So many bytes were passed over since.
    Lost(u64),
}

impl Default for State {
    fn default() -> Self {
        Self::Opening(0)
    }
}

#[derive(Debug, Clone, Copy)]
struct Payload {
    packing: Packing,
    last: bool,
    mask: Option<[u8; 4]>,
    /// Bytes still to come.
    left: u64,
}

/// How the bytes of a frame are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Packing {
    #[default]
    Plain,
    Deflated,
    /// They cannot be understood.
    Broken,
    /// They belong to a control frame.
    Control,
}

impl Direction {
    pub(super) fn push(&mut self, side: Side, piece: Piece<'_>, shared: &mut Shared, out: Out<'_>) {
        match piece {
            Piece::Data(bytes) => {
                for chunk in bytes.chunks(CHUNK) {
                    self.bytes(side, chunk, shared, out);
                }
            }
            Piece::Gap(size) if size > 0 && !shared.closed => self.hole(size, shared, out),
            Piece::Gap(_) => {}
        }
    }

    fn bytes(&mut self, side: Side, bytes: &[u8], shared: &mut Shared, out: Out<'_>) {
        // Out of the way, so that it can be read while the rest changes.
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(bytes);
        while !shared.closed {
            let taken = match self.state {
                State::Opening(seen) => self.open(side, &input, seen, shared, out),
                State::Head => self.head(side, &input, shared, out),
                State::Payload(payload) => self.payload(payload, &input, out),
                State::Lost(passed) => self.find(side, &input, passed, shared, out),
            };
            let Some(taken) = taken else {
                self.input = input;
                return;
            };
            input.advance(taken.min(input.len()));
        }
    }

    /// Looks at the handshake. As the other steps, it gives how many bytes it took; `None` when it wants more.
    fn open(&mut self, side: Side, input: &[u8], seen: usize, shared: &mut Shared, out: Out<'_>) -> Option<usize> {
        let length = match opening(input, seen) {
            Opening::More => {
                self.state = State::Opening(input.len());
                return None;
            }
            Opening::Other => {
                self.state = State::Lost(0);
                self.forgotten = true;
                return Some(0);
            }
            Opening::Http { status } => {
                shared.closed = true;
                if let (Some(status), Some(_)) = (status, &shared.path) {
                    let why = format!("the server does not grant it: {status}");
                    out(Unpacked::Note(Note::BadWebSocket(why)));
                }
                return None;
            }
            Opening::Request { path, length } => {
                shared.client = Some(side);
                shared.path = Some(path);
                length
            }
            Opening::Granted { deflate, length } => {
                shared.client = Some(side.other());
                shared.compression = deflate.map_or(Compression::Off, Compression::On);
                if shared.path.is_some() {
                    shared.announce(out);
                }
                length
            }
        };
        self.state = State::Head;
        Some(length)
    }

    /// Begins a frame, if its head is whole.
    fn head(&mut self, side: Side, input: &[u8], shared: &mut Shared, out: Out<'_>) -> Option<usize> {
        match Head::parse(input) {
            Parsed::More => None,
            Parsed::Bad(why) => {
                out(Unpacked::Note(Note::BadWebSocket(why.to_owned())));
                self.lose(shared);
                Some(0)
            }
            Parsed::Whole(head) => {
                shared.announce(out);
                shared.check_mask(side, &head, out);
                let packing = self.packing(side, &head, shared, out);
                self.state = State::Payload(Payload {
                    packing,
                    last: head.last,
                    mask: head.mask,
                    left: head.length,
                });
                self.advance(0, out);
                Some(head.size)
            }
        }
    }

    fn packing(&mut self, side: Side, head: &Head, shared: &mut Shared, out: Out<'_>) -> Packing {
        if head.opcode >= CLOSE {
            return Packing::Control;
        }
        if head.opcode == CONTINUATION {
            return self.message;
        }
        if head.opcode == TEXT {
            let why = "text frames, where MQTT wants binary ones [MQTT-6.0.0-1]";
            once(&mut shared.noted.text, why, out);
        }
        self.message = match shared.compression {
            _ if !head.compressed => Packing::Plain,
            Compression::Off => {
                let why = "compressed messages, but permessage-deflate was not agreed on";
                once(&mut shared.noted.compression, why, out);
                Packing::Broken
            }
            Compression::On(_) | Compression::Unknown => {
                self.prepare_inflate(shared.compresses_alone(side));
                Packing::Deflated
            }
        };
        self.message
    }

    fn prepare_inflate(&mut self, alone: bool) {
        let inflate = self.inflate.get_or_insert_with(|| Box::new(Inflate::new()));
        if alone {
            inflate.reset();
        } else if self.forgotten {
            inflate.forget();
        }
        self.forgotten = false;
    }

    /// Leads on the next bytes of a payload.
    fn payload(&mut self, payload: Payload, input: &[u8], out: Out<'_>) -> Option<usize> {
        let taken = usize::try_from(payload.left).unwrap_or(usize::MAX).min(input.len());
        let part = input.get(..taken).filter(|part| !part.is_empty())?;
        if payload.packing != Packing::Control {
            self.unpack(payload, part, out);
        }
        self.advance(taken as u64, out);
        Some(taken)
    }

    fn unpack(&mut self, payload: Payload, part: &[u8], out: Out<'_>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let clear = match payload.mask {
            None => part,
            Some(mask) => {
                scratch.clear();
                scratch.extend_from_slice(part);
                for word in scratch.chunks_mut(4) {
                    word.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
                }
                scratch.as_slice()
            }
        };
        let good = match (payload.packing, &mut self.inflate) {
            (Packing::Plain, _) => {
                out(Unpacked::Piece(Piece::Data(clear)));
                true
            }
            (Packing::Deflated, Some(inflate)) => inflate.push(clear, out),
            _ => {
                out(Unpacked::Piece(Piece::Gap(part.len() as u64)));
                true
            }
        };
        self.scratch = scratch;
        if !good {
            self.bad_deflate("a compressed message cannot be inflated", part.len() as u64, out);
        }
    }

    /// So many bytes of the payload are done.
    fn advance(&mut self, done: u64, out: Out<'_>) {
        let State::Payload(payload) = &mut self.state else {
            return;
        };
        payload.left = payload.left.saturating_sub(done);
        if let Some(mask) = &mut payload.mask {
            mask.rotate_left((done % 4) as usize);
        }
        if payload.left > 0 {
            return;
        }
        let Payload { packing, last, .. } = *payload;
        if last && packing != Packing::Control {
            let good = match &mut self.inflate {
                Some(inflate) if packing == Packing::Deflated => inflate.finish(out),
                _ => true,
            };
            if !good {
                self.bad_deflate("a compressed message ends too early", 1, out);
            }
            self.message = Packing::Plain;
        }
        self.state = State::Head;
    }

    /// What is left of this compressed message cannot be read, and the next may refer to it.
    fn bad_deflate(&mut self, why: &str, size: u64, out: Out<'_>) {
        out(Unpacked::Note(Note::BadWebSocket(why.to_owned())));
        out(Unpacked::Piece(Piece::Gap(size)));
        self.forgotten = true;
        self.message = Packing::Broken;
        if let State::Payload(payload) = &mut self.state {
            payload.packing = Packing::Broken;
        }
    }

    /// Bytes are missing.
    fn hole(&mut self, size: u64, shared: &Shared, out: Out<'_>) {
        let mut size = size;
        if let State::Payload(payload) = self.state {
            let inside = payload.left.min(size);
            size -= inside;
            match payload.packing {
                Packing::Control => {}
                Packing::Deflated => self.bad_deflate("bytes of a compressed message are missing", inside, out),
                Packing::Plain | Packing::Broken => out(Unpacked::Piece(Piece::Gap(inside))),
            }
            self.advance(inside, out);
        }
        if size == 0 {
            return;
        }
        let passed = match self.state {
            State::Lost(passed) => passed.saturating_add(self.input.len() as u64),
            _ => 0,
        };
        out(Unpacked::Piece(Piece::Gap(passed.saturating_add(size))));
        self.input.clear();
        self.lose(shared);
    }

    fn lose(&mut self, shared: &Shared) {
        self.state = State::Lost(0);
        self.forgotten = true;
        // A continuation may be of either kind.
        self.message = match shared.compression {
            Compression::On(_) => Packing::Broken,
            Compression::Off | Compression::Unknown => Packing::Plain,
        };
    }

    /// Looks for the next frame.
    fn find(&mut self, side: Side, input: &[u8], passed: u64, shared: &Shared, out: Out<'_>) -> Option<usize> {
        if input.is_empty() {
            return None;
        }
        let masked = shared.client.map(|client| client == side);
        match plausible(input, masked, REACH) {
            Guess::Yes => {
                if passed > 0 {
                    out(Unpacked::Piece(Piece::Gap(passed)));
                }
                self.state = State::Head;
                Some(0)
            }
            Guess::Unknown if input.len() < LIMIT => None,
            Guess::Unknown | Guess::No => {
                self.state = State::Lost(passed + 1);
                Some(1)
            }
        }
    }
}

impl Shared {
    fn announce(&mut self, out: Out<'_>) {
        if !self.noted.websocket {
            self.noted.websocket = true;
            out(Unpacked::Note(Note::WebSocket(self.path.clone().unwrap_or_default())));
        }
    }

    fn check_mask(&mut self, side: Side, head: &Head, out: Out<'_>) {
        let masked = head.mask.is_some();
        let client = self.client.unwrap_or_else(|| if masked { side } else { side.other() });
        self.client = Some(client);
        if masked != (client == side) {
            let why = if masked {
                "the server masks its frames"
            } else {
                "the client does not mask its frames"
            };
            once(&mut self.noted.mask, why, out);
        }
    }

    fn compresses_alone(&self, side: Side) -> bool {
        match self.compression {
            Compression::On(deflate) if self.client == Some(side) => deflate.client_alone,
            Compression::On(deflate) => deflate.server_alone,
            Compression::Off | Compression::Unknown => false,
        }
    }
}

fn once(noted: &mut bool, why: &str, out: Out<'_>) {
    if !*noted {
        *noted = true;
        out(Unpacked::Note(Note::BadWebSocket(why.to_owned())));
    }
}
