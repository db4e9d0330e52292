//! The server's half of WebSocket (RFC 6455), written as bytes: it shares no code with mqkit's.

use std::io::{Read, Write};
use std::net::TcpStream;

pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;
/// The frame is the last of its message.
pub(crate) const FINAL: u8 = 0x80;

/// The request, and the key in it, which is shown as `KEY` there.
pub(crate) fn read_request(stream: &mut impl Read) -> (String, String) {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the request goes on");
        text.push(byte[0]);
    }
    let text = String::from_utf8(text).unwrap();
    let key = text
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .expect("the request has a key")
        .to_owned();
    (text.replace(&key, "KEY"), key)
}

/// The proof that goes with a key.
pub(crate) fn accept(key: &str) -> String {
    let joined = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, joined.as_bytes());
    let mut text = Vec::new();
    mqkit::base64::encode(digest.as_ref(), &mut text);
    String::from_utf8(text).unwrap()
}

/// Takes any request, and gives it as [`read_request`] does.
pub(crate) fn open(stream: &mut TcpStream) -> String {
    let (request, key) = read_request(stream);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: keep-alive, upgrade\r\nupgrade: WebSocket\r\n\
         sec-websocket-accept: {}\r\nsec-websocket-protocol: mqtt\r\n\r\n",
        accept(&key)
    );
    stream.write_all(answer.as_bytes()).unwrap();
    request
}

/// Sends a frame; the first byte is FINAL and the opcode.
pub(crate) fn send(stream: &mut impl Write, first: u8, payload: &[u8]) {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            frame.push(126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    stream.write_all(&frame).unwrap();
}

/// A frame of a client, which must be masked: its first byte, and the payload unmasked.
pub(crate) fn read(stream: &mut impl Read) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("a frame");
    assert_ne!(head[1] & 0x80, 0, "a client masks its frames");
    let length = match head[1] & 0x7f {
        126 => {
            let mut bytes = [0; 2];
            stream.read_exact(&mut bytes).unwrap();
            u64::from(u16::from_be_bytes(bytes))
        }
        127 => {
            let mut bytes = [0; 8];
            stream.read_exact(&mut bytes).unwrap();
            u64::from_be_bytes(bytes)
        }
        short => u64::from(short),
    };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).unwrap();
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).unwrap();
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    (head[0], payload)
}

/// Binary frames with these bytes in all must come.
pub(crate) fn expect(stream: &mut impl Read, bytes: &[u8]) {
    let mut found = Vec::new();
    while found.len() < bytes.len() {
        let (first, payload) = read(stream);
        assert_eq!(first, FINAL | BINARY, "{payload:02x?}");
        assert!(payload.len() <= 65_536, "a frame has {} bytes", payload.len());
        found.extend(payload);
    }
    // Not `assert_eq`: the bytes may be many.
    assert!(found == bytes, "{:02x?}", &found[..found.len().min(100)]);
}
