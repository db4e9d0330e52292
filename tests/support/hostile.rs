//! Peers that do what no honest broker does, in raw bytes. They know nothing of the program under test, and end with the
//! value that holds them.

use super::websocket;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The longest that a peer lives without its client.
const PATIENCE: Duration = Duration::from_secs(20);

/// One thing that a peer does with a connection. After the last one it says nothing, and reads what comes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// One control packet is read, of whatever kind.
    Read,
    /// So many bytes are read.
    ReadBytes(usize),
    /// The request of a WebSocket is read, and granted.
    Upgrade,
    /// A frame of a WebSocket is read.
    ReadFrame,
    Send(&'static [u8]),
    /// These bytes, again and again; what comes is read.
    Flood(&'static [u8]),
    /// These bytes, again and again; nothing is read.
    DeafFlood(&'static [u8]),
    /// Nothing is said and nothing is read.
    Deaf,
    /// The connection is closed.
    Close,
    /// The connection is closed, and no other is accepted.
    Leave,
    /// First of all: later connections have these acts instead.
    Later(&'static [Self]),
}

/// A peer that does the same with each connection.
pub(crate) struct Hostile {
    pub(crate) port: u16,
    shared: Arc<Shared>,
    at_the_end: Receiver<()>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// No more connections are accepted.
    ended: AtomicBool,
    /// Nobody listens any more.
    closed: AtomicBool,
    connections: AtomicUsize,
    streams: Mutex<Vec<(TcpStream, JoinHandle<()>)>>,
}

impl Hostile {
    pub(crate) fn new(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let (says, at_the_end) = channel();
        let of_thread = Arc::clone(&shared);
        let acceptor = thread::spawn(move || accept(listener, &acts, &of_thread, &says));
        Self {
            port,
            shared,
            at_the_end,
            acceptor: Some(acceptor),
        }
    }

    /// Whether a connection has come to its last act within this time.
    pub(crate) fn is_at_the_end(&self, within: Duration) -> bool {
        self.at_the_end.recv_timeout(within).is_ok()
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        let _ = self.acceptor.take().unwrap().join();
        for (stream, thread) in self.shared.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn accept(listener: TcpListener, acts: &[Act], shared: &Arc<Shared>, says: &Sender<()>) {
    for stream in listener.incoming() {
        if shared.ended.load(Ordering::SeqCst) {
            break;
        }
        let mut stream = stream.unwrap();
        let number = shared.connections.fetch_add(1, Ordering::SeqCst);
        let _ = stream.set_nodelay(true);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let kept = stream.try_clone().unwrap();
        let acts = match acts {
            [Act::Later(later), ..] if number > 0 => later.to_vec(),
            [Act::Later(_), first @ ..] => first.to_vec(),
            acts => acts.to_vec(),
        };
        let (of_thread, says) = (Arc::clone(shared), says.clone());
        let thread = thread::spawn(move || {
            // The client goes when it likes: an error ends a conversation as well as any other end.
            let _ = converse(&mut stream, &acts, &of_thread, &says);
        });
        shared.streams.lock().unwrap().push((kept, thread));
    }
    drop(listener);
    shared.closed.store(true, Ordering::SeqCst);
}

fn converse(stream: &mut TcpStream, acts: &[Act], shared: &Shared, says: &Sender<()>) -> io::Result<()> {
    for (index, act) in acts.iter().enumerate() {
        let is_last = index + 1 == acts.len();
        if is_last && matches!(act, Act::Deaf) {
            let _ = says.send(());
        }
        match act {
            Act::Read => drop(read_packet(stream)?),
            Act::ReadBytes(count) => stream.read_exact(&mut vec![0; *count])?,
            Act::Upgrade => drop(websocket::open(stream)),
            Act::ReadFrame => drop(websocket::read(stream)),
            Act::Send(bytes) => stream.write_all(bytes)?,
            Act::Flood(bytes) => {
                let mut reader = stream.try_clone()?;
                let reading = thread::spawn(move || read_all(&mut reader));
                let flooded = flood(stream, bytes, says);
                let _ = reading.join();
                return flooded;
            }
            Act::DeafFlood(bytes) => return flood(stream, bytes, says),
            Act::Deaf => {
                thread::park_timeout(PATIENCE);
                return Ok(());
            }
            Act::Close => return stream.shutdown(Shutdown::Both),
            Act::Leave => {
                shared.ended.store(true, Ordering::SeqCst);
                // Wakes the thread that accepts.
                let _ = TcpStream::connect(stream.local_addr()?);
                while !shared.closed.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(1));
                }
                return stream.shutdown(Shutdown::Both);
            }
            Act::Later(_) => unreachable!("not first"),
        }
    }
    let _ = says.send(());
    read_all(stream);
    Ok(())
}

/// Many at once: a flood is to be faster than its client. It is there once a mebibyte is written.
fn flood(stream: &mut TcpStream, bytes: &[u8], says: &Sender<()>) -> io::Result<()> {
    let many = bytes.repeat(65_536_usize.div_ceil(bytes.len()));
    for count in 1_u64.. {
        stream.write_all(&many)?;
        if count == 16 {
            let _ = says.send(());
        }
    }
    Ok(())
}

fn read_all(stream: &mut TcpStream) {
    let mut buffer = [0; 65_536];
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
}

/// A control packet of any length that the protocol knows.
pub(crate) fn read_packet(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut packet = vec![0];
    stream.read_exact(&mut packet)?;
    let (mut length, mut shift) = (0, 0);
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        packet.push(byte[0]);
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 || shift > 21 {
            break;
        }
    }
    let start = packet.len();
    packet.resize(start + length, 0);
    stream.read_exact(&mut packet[start..])?;
    Ok(packet)
}

/// A listener whose queue is full: connecting to it neither succeeds nor fails while the value lives.
pub(crate) fn saturated() -> (TcpListener, Vec<TcpStream>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        socket.listen(1).unwrap().into_std().unwrap()
    });
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
        assert!(waiting.len() < 10_000, "the queue does not fill");
    }
    (listener, waiting)
}
