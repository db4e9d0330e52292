//! Accepting connections, with or without TLS. Must not know what is said on them, nor how many there may be.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::dial::resolve;
use super::{Address, Stream};

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    tls: Option<Arc<ServerConfig>>,
}

/// A connection that is accepted but has not said a word yet.
#[derive(Debug)]
pub struct Pending {
    /// The address of the peer.
    pub peer: SocketAddr,
    tcp: TcpStream,
    tls: Option<Arc<ServerConfig>>,
}

/// Listening is impossible. `Display` says where; the source says why.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ListenError {
    /// The address as it was asked for, `host:port`.
    pub address: String,
    /// Why it failed.
    pub source: io::Error,
}

impl ListenError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                Some("another program listens there already; choose another port, or 0 for any")
            }
            io::ErrorKind::PermissionDenied => Some("ports below 1024 need a privilege; choose another port"),
            io::ErrorKind::AddrNotAvailable => {
                Some("the address must be one of this computer's own; 0.0.0.0 and :: stand for all of them")
            }
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
        let tcp = TcpListener::bind(addresses.as_slice()).await.map_err(fail)?;
        Ok(Self { tcp, tls })
    }

    /// The address it listens on, with the port that was chosen.
    ///
    /// # Errors
    ///
    /// The system's, which does not happen to a listening socket in practice.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Waits for the next connection. Cancel-safe. No handshake is done here: one slow peer must not keep others out.
    ///
    /// # Errors
    ///
    /// The system's. Most pass (a peer that has gone again, no free file descriptor): wait a moment and go on.
    pub async fn accept(&self) -> io::Result<Pending> {
        let (tcp, peer) = self.tcp.accept().await?;
        Ok(Pending {
            peer,
            tcp,
            tls: self.tls.clone(),
        })
    }
}

impl Pending {
    /// Does the TLS handshake, if there is to be one. The caller sets the time limit.
    ///
    /// # Errors
    ///
    /// As the peer or the system gives them; [`io_message`](super::io_message) and [`io_hint`](super::io_hint) have words.
    pub async fn handshake(self) -> io::Result<Stream> {
        self.tcp.set_nodelay(true)?;
        let Some(config) = self.tls else {
            return Ok(Stream::Tcp(self.tcp));
        };
        let stream = TlsAcceptor::from(config).accept(self.tcp).await?;
        Ok(Stream::Tls(Box::new(TlsStream::Server(stream))))
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
        assert!(error.hint().unwrap().contains("listens there already"));
    }

    #[tokio::test]
    async fn an_address_of_another_computer_has_a_hint() {
        let error = Listener::bind(&Address::new("192.0.2.1", 0), None).await.unwrap_err();
        assert!(error.hint().unwrap().contains("0.0.0.0"));
    }
}
