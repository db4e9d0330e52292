//! A peer that follows a script of exact bytes. It shares no code with mqkit, so it sees mistakes that both halves of
//! our protocol would agree on.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

/// One step of a conversation.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Exactly these bytes must come.
    Expect(Vec<u8>),
    /// One packet of this type must come, whatever it says; type and flags are in the byte.
    ExpectType(u8),
    /// One packet must come; what this function makes of it is sent.
    Answer(fn(&[u8]) -> Vec<u8>),
    /// These bytes are sent.
    Send(Vec<u8>),
    /// The client must close the connection.
    ExpectEnd,
    /// Nothing is said until the client goes.
    Silence,
}

/// A peer with one script for each connection; the connection is closed at the end of its script.
pub(crate) struct Peer {
    pub(crate) port: u16,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    pub(crate) fn new(scripts: Vec<Vec<Step>>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), scripts)
    }

    /// A peer on a socket of the test's choice.
    pub(crate) fn on(listener: TcpListener, scripts: Vec<Vec<Step>>) -> Self {
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            for (number, script) in scripts.into_iter().enumerate() {
                let (mut stream, _) = listener.accept().unwrap();
                // A test that fails should say so, and not wait for ever.
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                stream.set_nodelay(true).unwrap();
                for (index, step) in script.iter().enumerate() {
                    follow(&mut stream, step, &format!("connection {number}, step {index}"));
                }
            }
        });
        Self {
            port,
            thread: Some(thread),
        }
    }

    /// Waits for the end of the script, and fails as it did.
    pub(crate) fn finish(mut self) {
        if let Err(panic) = self.thread.take().unwrap().join() {
            std::panic::resume_unwind(panic);
        }
    }
}

fn follow(stream: &mut TcpStream, step: &Step, place: &str) {
    match step {
        Step::Expect(expected) => {
            let mut found = vec![0; expected.len()];
            if let Err(error) = stream.read_exact(&mut found) {
                panic!("{place}: {error} instead of {expected:02x?}");
            }
            assert_eq!(&found, expected, "{place}: {found:02x?} instead of {expected:02x?}");
        }
        Step::ExpectType(first) => {
            let packet =
                read_packet(stream).unwrap_or_else(|error| panic!("{place}: {error} instead of 0x{first:02x}"));
            assert_eq!(packet[0], *first, "{place}: {packet:02x?}");
        }
        Step::Answer(answer) => {
            let packet = read_packet(stream).unwrap_or_else(|error| panic!("{place}: {error} instead of a packet"));
            stream.write_all(&answer(&packet)).unwrap();
        }
        Step::Send(bytes) => stream.write_all(bytes).unwrap(),
        Step::ExpectEnd => {
            let mut rest = Vec::new();
            // A reset is an end, too.
            let _ = stream.read_to_end(&mut rest);
            assert!(rest.is_empty(), "{place}: {rest:02x?} instead of the end");
        }
        Step::Silence => {
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
}

/// A packet with a remaining length of one byte or more.
fn read_packet(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut packet = vec![0; 2];
    stream.read_exact(&mut packet)?;
    let (mut length, mut shift) = (usize::from(packet[1] & 0x7f), 7);
    while packet.last().is_some_and(|byte| byte & 0x80 != 0) {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        packet.push(byte[0]);
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
    }
    let start = packet.len();
    packet.resize(start + length, 0);
    stream.read_exact(&mut packet[start..])?;
    Ok(packet)
}
