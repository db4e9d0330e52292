//! A stream of bytes in the binary frames of WebSocket (RFC 6455, section 5), however the peer cuts them. Must not know
//! what the bytes mean, nor how the WebSocket was opened.
//!
//! Nothing grows with what the peer sends: a frame's payload is handed on as it comes, and of pings only the latest is
//! answered (section 5.5.3).

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::Stream;
use super::shown;

/// Written into one frame at most, so that little is copied at a time.
const FRAME: usize = 64 * 1024;
/// Read at once.
const READ: usize = 16 * 1024;
/// Pings that may be passed over because a later one came before the peer took the answer. A peer that sends more takes
/// none, and nothing more is taken from it. Some are allowed, lest two ends that both wait for the other to read do so
/// for ever.
const PASSED_OVER: u32 = 16;
/// Frames without a byte of payload that are taken before others get their turn.
const FRAMES_AT_ONCE: u32 = 64;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// The frame is the last one of its message.
const FINAL: u8 = 0x80;

/// RFC 6455, section 7.4.1.
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const PROTOCOL_ERROR: u16 = 1002;

/// Which end of the connection this is: a client masks what it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Server,
}

/// Bytes in binary frames. Pings are answered, pongs ignored. To be read and written by one task.
#[derive(Debug)]
pub struct WebSocket<S = Stream> {
    stream: S,
    role: Role,
    input: Input,
    /// How much of the payload of a data frame has not been read yet.
    left: u64,
    mask: Mask,
    /// The last data frame was not the end of its message.
    fragmented: bool,
    /// Frames to be written: one with data, one pong and one close at most.
    output: Vec<u8>,
    /// How much of `output` has been written.
    sent: usize,
    /// The answer to the latest ping.
    pong: Option<Vec<u8>>,
    /// How many have been replaced by it.
    passed_over: u32,
    /// An answer has been written that is to be flushed.
    dirty: bool,
    /// The close frame is in `output`, or has been written: nothing may follow it.
    closed: bool,
    /// Nothing more comes.
    ended: bool,
}

impl<S> WebSocket<S> {
    pub(super) fn new(stream: S, role: Role) -> Self {
        Self {
            stream,
            role,
            input: Input::default(),
            left: 0,
            mask: Mask::default(),
            fragmented: false,
            output: Vec::new(),
            sent: 0,
            pong: None,
            passed_over: 0,
            dirty: false,
            closed: false,
            ended: false,
        }
    }

    /// What carries the frames.
    pub(in super::super) fn carrier(&self) -> &S {
        &self.stream
    }

    /// Appends a frame to the output.
    fn put(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        self.output.push(FINAL | opcode);
        let masked = if self.role == Role::Client { 0x80 } else { 0 };
        match payload.len() {
            length @ 0..=125 => self.output.push(masked | length as u8),
            length @ 126..=0xffff => {
                self.output.push(masked | 126);
                self.output.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                self.output.push(masked | 127);
                self.output.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        if self.role == Role::Server {
            self.output.extend_from_slice(payload);
            return Ok(());
        }
        let mut mask = Mask::random()?;
        self.output.extend_from_slice(&mask.key);
        let start = self.output.len();
        self.output.extend_from_slice(payload);
        mask.apply(&mut self.output[start..]);
        Ok(())
    }

    /// Appends the close frame, unless it is there.
    fn put_close(&mut self, payload: &[u8]) -> io::Result<()> {
        if mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        self.pong = None;
        self.dirty = true;
        self.put(CLOSE, payload)
    }

    /// Takes a whole frame's head, and the payload of a control frame.
    fn take(&mut self, head: &Head) -> io::Result<()> {
        self.input.start += head.length;
        self.mask = head.mask;
        let begins = match head.opcode {
            CONTINUATION => false,
            BINARY => true,
            TEXT => return Err(invalid("a text frame where only binary ones are allowed")),
            _ => return self.take_control(head),
        };
        if begins == self.fragmented {
            return Err(invalid(match begins {
                true => "a new message before the last one was at its end",
                false => "a continuation of nothing",
            }));
        }
        self.fragmented = !head.is_final;
        self.left = head.payload;
        Ok(())
    }

    fn take_control(&mut self, head: &Head) -> io::Result<()> {
        // The head of a control frame comes with the payload, of 125 bytes at most.
        let mut payload = self.input.take(head.payload as usize).to_vec();
        self.mask.apply(&mut payload);
        match head.opcode {
            PING if !self.closed => {
                if self.pong.replace(payload).is_some() {
                    self.passed_over += 1;
                }
                Ok(())
            }
            PING | PONG => Ok(()),
            CLOSE => {
                self.ended = true;
                self.answer_close(&payload)
            }
            _ => Err(invalid("a frame of an unknown kind")),
        }
    }

    /// A peer that closes for another reason than that it is done has something to tell.
    fn answer_close(&mut self, payload: &[u8]) -> io::Result<()> {
        let Some((code, reason)) = payload.split_first_chunk() else {
            if payload.is_empty() {
                return self.put_close(&[]);
            }
            return Err(invalid("half a code in a close frame"));
        };
        let code = u16::from_be_bytes(*code);
        // Some codes mean that there is none (section 7.4.1).
        if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            return Err(invalid("a close frame with a code that is never sent"));
        }
        self.put_close(payload)?;
        if matches!(code, NORMAL | GOING_AWAY) {
            return Ok(());
        }
        let reason = shown(&String::from_utf8_lossy(reason));
        let words = if reason.is_empty() {
            String::new()
        } else {
            format!(" \"{reason}\"")
        };
        Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            format!("the peer closed the WebSocket with the code {code}{words}"),
        ))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Takes frames until there is payload, or the end.
    fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..FRAMES_AT_ONCE {
            self.answer(cx);
            if self.left > 0 && !self.input.is_empty() || self.ended {
                return Poll::Ready(Ok(()));
            }
            if self.passed_over >= PASSED_OVER {
                // `answer` has seen to it that somebody wakes us.
                return Poll::Pending;
            }
            let head = match self.left {
                0 => Head::read(self.input.rest(), self.role)?,
                _ => None,
            };
            match head {
                Some(head) => {
                    let taken = self.take(&head);
                    if taken.is_err() || self.ended {
                        self.answer(cx);
                    }
                    taken?;
                }
                None => {
                    if ready!(self.input.poll_fill(&mut self.stream, cx))? == 0 {
                        self.ended = true;
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what the peer is to be answered, as far as that can be done now. That it fails shows when data are written.
    fn answer(&mut self, cx: &mut Context<'_>) {
        if self.pong.is_none() && !self.dirty {
            return;
        }
        self.dirty = true;
        match self.poll_drain(cx) {
            Poll::Pending => return,
            Poll::Ready(Ok(())) if Pin::new(&mut self.stream).poll_flush(cx).is_pending() => return,
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => {
                self.pong = None;
                self.passed_over = 0;
            }
        }
        self.dirty = false;
    }

    /// Writes all that is to be written.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.sent < self.output.len() {
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.output[self.sent..]))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.sent += written;
            }
            self.output.clear();
            self.sent = 0;
            let Some(payload) = self.pong.take() else {
                return Poll::Ready(Ok(()));
            };
            self.passed_over = 0;
            self.put(PONG, &payload)?;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Err(error) = ready!(this.poll_payload(cx)) {
            this.ended = true;
            if error.kind() == io::ErrorKind::InvalidData && this.put_close(&PROTOCOL_ERROR.to_be_bytes()).is_ok() {
                this.answer(cx);
            }
            return Poll::Ready(Err(error));
        }
        let left = usize::try_from(this.left).unwrap_or(usize::MAX);
        let count = left.min(buf.remaining()).min(this.input.rest().len());
        let bytes = this.input.take(count);
        this.mask.apply(bytes);
        buf.put_slice(bytes);
        this.left -= count as u64;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(this.poll_drain(cx))?;
        let part = &buf[..buf.len().min(FRAME)];
        this.put(BINARY, part)?;
        // What cannot be written now is written by the next write, or the flush.
        if let Poll::Ready(Err(error)) = this.poll_drain(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.put_close(&NORMAL.to_be_bytes())?;
        match ready!(Pin::new(&mut *this).poll_flush(cx)) {
            // Who has said that it goes need not wait for an answer.
            Err(_) if this.ended => {}
            other => other?,
        }
        match this.role {
            // The server closes first (section 7.1.1).
            Role::Client => Poll::Ready(Ok(())),
            Role::Server => Pin::new(&mut this.stream).poll_shutdown(cx),
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the peer broke the WebSocket protocol: {what}"),
    )
}

/// What has been received and not been taken yet.
#[derive(Debug, Default)]
struct Input {
    /// Empty until something is read.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The next bytes, no more than there are.
    fn take(&mut self, count: usize) -> &mut [u8] {
        let start = self.start;
        self.start += count;
        &mut self.buffer[start..self.start]
    }

    /// Reads once, behind what is there: at most the beginning of a frame. 0 is the end.
    fn poll_fill(&mut self, stream: &mut (impl AsyncRead + Unpin), cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.buffer.resize(READ, 0);
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let mut space = ReadBuf::new(&mut self.buffer[self.end..]);
        ready!(Pin::new(stream).poll_read(cx, &mut space))?;
        let count = space.filled().len();
        self.end += count;
        Poll::Ready(Ok(count))
    }
}

/// The head of a frame (section 5.2).
#[derive(Debug)]
struct Head {
    is_final: bool,
    opcode: u8,
    mask: Mask,
    /// Of the payload, in bytes.
    payload: u64,
    /// Of the head itself, in bytes.
    length: usize,
}

impl Head {
    /// `None` when it has not come to its end, nor the payload of a control frame.
    fn read(bytes: &[u8], role: Role) -> io::Result<Option<Self>> {
        let Some((&[first, second], rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        let (is_final, opcode) = (first & FINAL != 0, first & 0x0f);
        let is_control = opcode & 8 != 0;
        if first & 0x70 != 0 {
            return Err(invalid("a frame of an extension that nobody asked for"));
        }
        if matches!(opcode, 3..=7 | 11..) {
            return Err(invalid("a frame of an unknown kind"));
        }
        if is_control && (!is_final || second & 0x7f > 125) {
            return Err(invalid("a control frame that is in fragments, or too long"));
        }
        let is_masked = second & 0x80 != 0;
        if is_masked != (role == Role::Server) {
            return Err(invalid(match is_masked {
                true => "a masked frame of a server",
                false => "an unmasked frame of a client",
            }));
        }
        let (payload, rest) = match second & 0x7f {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        if payload > u64::MAX >> 1 {
            return Err(invalid("a length with its highest bit set"));
        }
        let (mask, rest) = match rest.split_first_chunk() {
            _ if !is_masked => (Mask::default(), rest),
            Some((key, rest)) => (Mask { key: *key }, rest),
            None => return Ok(None),
        };
        if is_control && (rest.len() as u64) < payload {
            return Ok(None);
        }
        Ok(Some(Self {
            is_final,
            opcode,
            mask,
            payload,
            length: bytes.len() - rest.len(),
        }))
    }
}

/// What the bytes of a payload are combined with; of zeros where there is no mask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Mask {
    /// For the next four bytes.
    key: [u8; 4],
}

impl Mask {
    /// One that nobody can foresee (section 5.3).
    fn random() -> io::Result<Self> {
        let mut key = [0; 4];
        let filled = SystemRandom::new().fill(&mut key);
        filled.map_err(|_| io::Error::other("the system gives no random numbers"))?;
        Ok(Self { key })
    }

    /// Masks the next bytes, or takes the mask away.
    fn apply(&mut self, bytes: &mut [u8]) {
        if self.key == [0; 4] {
            return;
        }
        let half = u64::from(u32::from_ne_bytes(self.key));
        let wide = half << 32 | half;
        let mut chunks = bytes.chunks_exact_mut(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
        }
        for (byte, key) in chunks.into_remainder().iter_mut().zip(self.key.iter().cycle()) {
            *byte ^= key;
        }
        self.key.rotate_left(bytes.len() % 4);
    }
}

#[cfg(test)]
#[path = "frames/tests.rs"]
mod tests;
