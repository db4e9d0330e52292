//! Byte streams to and from a peer: addresses, TCP, Unix sockets, proxies, TLS, WebSocket, listening. Knows nothing of what the bytes mean.
//!
//! ```text
//! address   what was typed -> host, port, user, topic        (pure)
//! tls       files and options -> rustls configurations       (the one file that names a crypto provider; pem, key, ciphers: its files and names)
//! file      settings and secrets, read within bounds
//! trust     which certificates are trusted, and as what      (pin: one of them; der: what stands in a certificate)
//! proxy     which proxy, and the talk with it                (http: the head of an answer, for websocket too)
//! websocket handshake, and bytes in frames                   (frames: these)
//! pipe      a Stream with its buffers' state: what is unflushed, how much to read at once
//! dial      Target -> Stream, stage by stage                  errors: ConnectError, with the stage in it
//! listen    address -> Listener -> Pending -> Stream
//! error     what failed, and why in plain words              (explain: the TLS half of it; hint: what may help, as a value)
//! ```
//!
//! URL schemes and default ports (in [`address`]) are the only words of the protocol above that appear here.

pub mod address;
mod ciphers;
mod der;
pub mod dial;
pub mod error;
mod explain;
pub mod file;
mod hint;
mod http;
mod key;
pub mod listen;
mod pem;
mod pin;
pub mod pipe;
pub mod proxy;
pub mod tls;
mod trust;
pub mod websocket;

#[cfg(test)]
#[path = "../tests/support/certificates.rs"]
mod certificates;

pub use address::{
    Address, AddressError, PORT, TLS_PORT, Transport, Url, WEBSOCKET_PORT, WEBSOCKET_TLS_PORT, parse_host_port,
};
pub use dial::{Endpoint, Target, dial};
pub use error::{Cause, ConnectError, Stage, foreign_peer_hint, io_hint, io_message};
pub use hint::{Hint, Refusal};
pub use listen::{ListenError, Listener, Peer, Pending};
pub use pin::{PinError, TlsPin};
pub use pipe::{Moved, Pipe};
pub use proxy::{Proxy, ProxyKind};
pub use tls::{TlsError, TlsOptions, TlsVersion};
pub use websocket::{WEBSOCKET_PATH, WebSocket, WebSocketRequest};

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;

/// An established connection: bytes both ways, whatever carries them.
///
/// Over TLS and WebSocket, written bytes may stay in a buffer until `flush`; always flush before waiting for an answer.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS over TCP, as client or as server. Boxed: it is a kilobyte larger than the other variants.
    Tls(Box<TlsStream<TcpStream>>),
    /// A Unix socket.
    Unix(UnixStream),
    /// WebSocket over any of the others.
    WebSocket(Box<WebSocket>),
}

impl Stream {
    /// The address of the peer; `None` for a Unix socket, and one that is no longer connected.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.tcp()?.peer_addr().ok()
    }

    /// The address of this end; `None` for a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.tcp()?.local_addr().ok()
    }

    /// What TLS agreed on, for a line of diagnostics: `TLS 1.3, TLS13_AES_256_GCM_SHA384`. `None` without TLS.
    #[must_use]
    pub fn tls_summary(&self) -> Option<String> {
        let stream = match self {
            Self::Tls(stream) => stream,
            Self::WebSocket(websocket) => return websocket.carrier().tls_summary(),
            Self::Tcp(_) | Self::Unix(_) => return None,
        };
        let (_, session) = stream.get_ref();
        let version = session.protocol_version().map(tls::version_name);
        let suite = session
            .negotiated_cipher_suite()
            .map(|suite| format!("{:?}", suite.suite()));
        let alpn = session
            .alpn_protocol()
            .map(|name| format!("ALPN {}", name.escape_ascii()));
        Some(
            [version, suite, alpn]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", "),
        )
    }

    /// What lies between TCP and the bytes, for a line of diagnostics: `TLS 1.3, TLS13_AES_256_GCM_SHA384, WebSocket`.
    /// `None` when there is nothing.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        let websocket = matches!(self, Self::WebSocket(_)).then(|| "WebSocket".to_owned());
        let parts: Vec<_> = self.tls_summary().into_iter().chain(websocket).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(tcp) => Some(tcp),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Unix(_) => None,
            Self::WebSocket(websocket) => websocket.carrier().tcp(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::WebSocket(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::WebSocket(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::WebSocket(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
            Self::WebSocket(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::WebSocket(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::WebSocket(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
