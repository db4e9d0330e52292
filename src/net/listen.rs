//! Accepting connections: TCP or a Unix socket, with or without TLS and WebSocket. Must not know what is said on them,
//! nor how many there may be.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::dial::resolve;
use super::{Address, Hint, Stream, websocket};

/// A listening socket. That of the Unix kind leaves the file system when it is dropped.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    tls: Option<Arc<ServerConfig>>,
    websocket: bool,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// A connection that is accepted but has not said a word yet.
#[derive(Debug)]
pub struct Pending {
    /// The peer.
    pub peer: Peer,
    stream: Accepted,
    tls: Option<Arc<ServerConfig>>,
    websocket: bool,
}

#[derive(Debug)]
enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over TCP, from this address.
    Tcp(SocketAddr),
    /// A program on this computer.
    Unix,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("the Unix socket"),
        }
    }
}

/// Listening is impossible. `Display` says where; the source says why.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address as it was asked for: `host:port`, or the path of a Unix socket.
    pub address: String,
    /// Why it failed.
    pub source: io::Error,
}

impl ListenError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<Hint> {
        match self.source.kind() {
            io::ErrorKind::AddrInUse if self.address.contains('/') => Some(Hint::PathTaken),
            io::ErrorKind::AddrInUse => Some(Hint::PortTaken),
            _ if self.address.contains('/') => Some(Hint::PathUnusable),
            io::ErrorKind::PermissionDenied => Some(Hint::PortPrivileged),
            io::ErrorKind::AddrNotAvailable => Some(Hint::ForeignAddress),
            _ => None,
        }
    }
}

impl Listener {
    /// Listens on an address; port 0 takes a free one, which [`local_addr`](Self::local_addr) then names. Of a host
    /// with several addresses the first that works is taken: `localhost` is 127.0.0.1.
    ///
    /// # Errors
    ///
    /// [`ListenError`] when the name is unknown or no address of it can be bound.
    pub async fn bind(address: &Address, tls: Option<Arc<ServerConfig>>) -> Result<Self, ListenError> {
        let fail = |error: io::Error| ListenError {
            address: address.to_string(),
            source: error,
        };
        let addresses = resolve(address).await.map_err(fail)?;
        let tcp = listen(&addresses).map_err(fail)?;
        Ok(Self {
            socket: Socket::Tcp(tcp),
            tls,
            websocket: false,
        })
    }

    /// Listens on a Unix socket. A socket file that a program left behind when it ended is replaced.
    ///
    /// # Errors
    ///
    /// [`ListenError`] when there is another file, a program that listens, or no such directory.
    pub fn bind_unix(path: &Path) -> Result<Self, ListenError> {
        let bound = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind(path) => {
                fs::remove_file(path).and_then(|()| UnixListener::bind(path))
            }
            other => other,
        };
        let unix = bound.map_err(|source| ListenError {
            address: path.display().to_string(),
            source,
        })?;
        Ok(Self {
            socket: Socket::Unix(unix, path.to_owned()),
            tls: None,
            websocket: false,
        })
    }

    /// The same, where clients speak WebSocket, on any path.
    #[must_use]
    pub fn with_websocket(mut self) -> Self {
        self.websocket = true;
        self
    }

    /// The address it listens on, with the port that was chosen.
    ///
    /// # Errors
    ///
    /// A Unix socket has none; the system's errors do not happen to a listening socket in practice.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            Socket::Tcp(tcp) => tcp.local_addr(),
            Socket::Unix(..) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Waits for the next connection. Cancel-safe. No handshake is done here: one slow peer must not keep others out.
    ///
    /// # Errors
    ///
    /// The system's. Most pass (a peer that has gone again, no free file descriptor): wait a moment and go on.
    pub async fn accept(&self) -> io::Result<Pending> {
        let (stream, peer) = match &self.socket {
            Socket::Tcp(tcp) => {
                let (tcp, peer) = tcp.accept().await?;
                (Accepted::Tcp(tcp), Peer::Tcp(peer))
            }
            Socket::Unix(unix, _) => (Accepted::Unix(unix.accept().await?.0), Peer::Unix),
        };
        Ok(Pending {
            peer,
            stream,
            tls: self.tls.clone(),
            websocket: self.websocket,
        })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // It may be gone already.
            let _ = fs::remove_file(path);
        }
    }
}

/// Connections that may wait to be accepted: who comes later is told nothing and tries again after a second. The system
/// allows no more than this, usually.
const BACKLOG: u32 = 4096;

/// On the first address that works.
fn listen(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut problem = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        let listening = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            // A port is free again as soon as nobody listens there.
            socket.set_reuseaddr(true)?;
            socket.bind(*address)?;
            socket.listen(BACKLOG)
        };
        match listening() {
            Ok(listener) => return Ok(listener),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

/// A socket on which nobody listens.
fn is_left_behind(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && std::os::unix::net::UnixStream::connect(path).is_err_and(refused)
}

impl Pending {
    /// Does the handshakes of TLS and WebSocket, where there are to be any. The caller sets the time limit.
    ///
    /// # Errors
    ///
    /// As the peer or the system gives them; [`io_message`](super::io_message) and [`io_hint`](super::io_hint) have words.
    pub async fn handshake(self) -> io::Result<Stream> {
        let stream = match (self.stream, self.tls) {
            (Accepted::Unix(unix), _) => Stream::Unix(unix),
            (Accepted::Tcp(tcp), tls) => {
                tcp.set_nodelay(true)?;
                match tls {
                    None => Stream::Tcp(tcp),
                    Some(config) => {
                        let stream = TlsAcceptor::from(config).accept(tcp).await?;
                        Stream::Tls(Box::new(TlsStream::Server(stream)))
                    }
                }
            }
        };
        match self.websocket {
            false => Ok(stream),
            true => Box::pin(websocket::accept_client(stream)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_has_a_hint() {
        let first = Listener::bind(&Address::new("127.0.0.1", 0), None).await.unwrap();
        let port = first.local_addr().unwrap().port();
        assert_ne!(port, 0);
        let error = Listener::bind(&Address::new("127.0.0.1", port), None)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on 127.0.0.1:{port}"));
        assert_eq!(error.hint(), Some(Hint::PortTaken));
    }

    #[tokio::test]
    async fn a_unix_socket_is_not_taken_away_from_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("broker.sock");
        let first = Listener::bind_unix(&path).unwrap();
        let error = Listener::bind_unix(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on {}", path.display()));
        assert_eq!(error.hint(), Some(Hint::PathTaken));
        drop(first);
        assert!(!path.exists());

        // What a killed program leaves behind.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        Listener::bind_unix(&path).unwrap();

        fs::write(&path, "precious").unwrap();
        Listener::bind_unix(&path).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        let error = Listener::bind_unix(&directory.path().join("absent/x")).unwrap_err();
        assert_eq!(error.hint(), Some(Hint::PathUnusable));
    }

    #[tokio::test]
    async fn an_address_of_another_computer_has_a_hint() {
        let error = Listener::bind(&Address::new("192.0.2.1", 0), None).await.unwrap_err();
        assert_eq!(error.hint(), Some(Hint::ForeignAddress));
    }
}
