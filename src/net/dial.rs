//! From a target to a stream: look-up, TCP or a Unix socket, a proxy, TLS, WebSocket. Must not know the clock (the
//! caller sets the time limit) nor what is said on the stream.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio_rustls::{TlsConnector, TlsStream};

use super::error::Cause;
pub use super::error::{ConnectError, Stage};
use super::proxy::{self, Fault, Proxy, ProxyError, ProxyKind};
use super::websocket::{self, WebSocketRequest};
use super::{Address, Stream};

/// Where a peer listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A host and a port.
    Tcp(Address),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

impl Endpoint {
    /// Whether the peer is on this machine, as far as its name tells.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp(address) => match address.host.parse::<IpAddr>() {
                Ok(ip) => ip.is_loopback(),
                Err(_) => address.host == "localhost",
            },
        }
    }
}

/// Where to connect to, and how.
#[derive(Debug, Clone)]
pub struct Target {
    /// The peer.
    pub endpoint: Endpoint,
    /// The local address to connect from; `None` lets the system choose. Not for a Unix socket.
    pub bind: Option<IpAddr>,
    /// The proxy to go through. Not for a Unix socket.
    pub proxy: Option<Proxy>,
    /// TLS with this configuration, verifying this name; `None` is plain TCP. Not for a Unix socket.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// WebSocket with this request.
    pub websocket: Option<WebSocketRequest>,
}

impl Target {
    /// Plain TCP to an address.
    #[must_use]
    pub fn tcp(address: Address) -> Self {
        Self {
            endpoint: Endpoint::Tcp(address),
            bind: None,
            proxy: None,
            tls: None,
            websocket: None,
        }
    }
}

/// Connects. `progress` is set before each stage, so that a caller that puts one time limit over all of this can say
/// at which stage the time ran out. Dropping the future gives up at once.
///
/// The addresses of the host are tried one after the other. Small packets are sent without delay (`TCP_NODELAY`).
///
/// # Errors
///
/// [`ConnectError`] with the stage that failed.
pub async fn dial(target: &Target, progress: &Cell<Stage>) -> Result<Stream, ConnectError> {
    let fail = |source| ConnectError {
        stage: progress.get(),
        address: target.endpoint.to_string(),
        source,
    };
    let stream = carrier(target, progress).await.map_err(fail)?;
    let Some(request) = &target.websocket else {
        return Ok(stream);
    };
    progress.set(Stage::WebSocket);
    // Boxed, as the proxy is below: what is rare should not make the common future larger.
    let stream = Box::pin(websocket::connect(stream, request)).await;
    stream.map_err(|error| fail(Cause::WebSocket(error)))
}

/// All below WebSocket.
async fn carrier(target: &Target, progress: &Cell<Stage>) -> Result<Stream, Cause> {
    let address = match &target.endpoint {
        Endpoint::Tcp(address) => address,
        Endpoint::Unix(path) => {
            progress.set(Stage::Unix);
            let stream = UnixStream::connect(path).await.map_err(Cause::Unix)?;
            return Ok(Stream::Unix(stream));
        }
    };
    let tcp = match &target.proxy {
        None => direct(address, target.bind, progress).await?,
        Some(proxy) => Box::pin(through(proxy, address, target.bind, progress)).await?,
    };
    let Some((config, name)) = &target.tls else {
        return Ok(Stream::Tcp(tcp));
    };
    progress.set(Stage::Tls);
    let stream = TlsConnector::from(Arc::clone(config)).connect(name.clone(), tcp).await;
    Ok(Stream::Tls(Box::new(TlsStream::Client(stream.map_err(Cause::Tls)?))))
}

async fn direct(address: &Address, bind: Option<IpAddr>, progress: &Cell<Stage>) -> Result<TcpStream, Cause> {
    progress.set(Stage::Lookup);
    let addresses = resolve(address).await.map_err(Cause::Lookup)?;
    progress.set(Stage::Tcp);
    let Some(local) = bind else {
        return connect_any(&addresses, None).await;
    };
    let same_family: Vec<_> = addresses
        .into_iter()
        .filter(|address| address.is_ipv4() == local.is_ipv4())
        .collect();
    if same_family.is_empty() {
        Err(Cause::Family { local })
    } else {
        connect_any(&same_family, bind).await
    }
}

/// All that goes wrong with the proxy itself is of the stage "proxy": the address in the error is the broker's.
async fn through(
    proxy: &Proxy,
    address: &Address,
    bind: Option<IpAddr>,
    progress: &Cell<Stage>,
) -> Result<TcpStream, Cause> {
    let mut address = address.clone();
    if proxy.kind == ProxyKind::Socks5 {
        progress.set(Stage::Lookup);
        if let Some(first) = resolve(&address).await.map_err(Cause::Lookup)?.first() {
            address.host = first.ip().to_string();
        }
    }
    progress.set(Stage::Proxy);
    let own = Cell::new(Stage::Proxy);
    let mut tcp = match direct(&proxy.address, bind, &own).await {
        Ok(tcp) => tcp,
        Err(cause @ (Cause::Bind { .. } | Cause::Family { .. })) => return Err(cause),
        Err(cause) => {
            return Err(Cause::Proxy(ProxyError {
                proxy: proxy.address.clone(),
                fault: Fault::Unreachable(cause.to_string()),
            }));
        }
    };
    proxy::pass(&mut tcp, proxy, &address).await.map_err(Cause::Proxy)?;
    Ok(tcp)
}

/// The addresses of a host, in the order to try them; never empty.
pub(super) async fn resolve(address: &Address) -> io::Result<Vec<SocketAddr>> {
    let Address { host, port } = address;
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, *port)]);
    }
    // RFC 6761 fixes what this name means. The resolver would cost a thread, and some put ::1 first, where few listen.
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![
            (Ipv4Addr::LOCALHOST, *port).into(),
            (Ipv6Addr::LOCALHOST, *port).into(),
        ]);
    }
    let found: Vec<_> = tokio::net::lookup_host((host.as_str(), *port)).await?.collect();
    if found.is_empty() {
        Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
    } else {
        Ok(found)
    }
}

async fn connect_any(addresses: &[SocketAddr], local: Option<IpAddr>) -> Result<TcpStream, Cause> {
    let mut failures = Vec::new();
    for address in addresses {
        let socket = match local {
            // A local address that cannot be bound fails for every peer.
            Some(local) => Some(bound(local).map_err(|error| Cause::Bind { local, error })?),
            None => None,
        };
        let tcp = match socket {
            Some(socket) => socket.connect(*address).await,
            None => TcpStream::connect(*address).await,
        };
        match tcp.and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp)) {
            Ok(tcp) => return Ok(tcp),
            Err(error) => failures.push((*address, error)),
        }
    }
    Err(Cause::Tcp(failures))
}

fn bound(local: IpAddr) -> io::Result<TcpSocket> {
    let socket = if local.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.bind(SocketAddr::new(local, 0))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::path::PathBuf;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::certificates::Certificates;
    use super::super::file::Until;
    use super::super::tls::{self, TlsOptions, TlsVersion};
    use super::super::{Hint, Listener, Pending, io_hint, io_message};
    use super::*;

    fn plain(host: &str, port: u16) -> Target {
        Target::tcp(Address::new(host, port))
    }

    fn with_tls(host: &str, port: u16, options: &TlsOptions) -> Target {
        let name = tls::server_name(options, host).unwrap();
        Target {
            tls: Some((tls::client_config(options, Until::default()).unwrap(), name)),
            ..plain(host, port)
        }
    }

    fn trusting(certificates: &Certificates) -> TlsOptions {
        TlsOptions {
            cafile: Some(certificates.path("ca.pem")),
            ..TlsOptions::default()
        }
    }

    fn pair(certificates: &Certificates, name: &str) -> (PathBuf, PathBuf) {
        (
            certificates.path(&format!("{name}.pem")),
            certificates.path(&format!("{name}.key")),
        )
    }

    async fn listen(certificates: &Certificates, name: &str, client_ca: bool) -> (Listener, u16) {
        let (cert, key) = pair(certificates, name);
        let ca = certificates.path("ca.pem");
        let config = tls::server_config(&cert, &key, None, client_ca.then_some(ca.as_path())).unwrap();
        let listener = Listener::bind(&Address::new("localhost", 0), Some(config))
            .await
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    async fn dialled(target: &Target) -> Result<Stream, ConnectError> {
        dial(target, &Cell::new(Stage::Lookup)).await
    }

    /// Dials and accepts at once; gives both ends' results.
    async fn meet(listener: &Listener, target: &Target) -> (Result<Stream, ConnectError>, io::Result<Stream>) {
        let serve = async { listener.accept().await?.handshake().await };
        tokio::join!(dialled(target), serve)
    }

    async fn echo(mut client: Stream, mut server: Stream) {
        let mut buffer = [0; 4];
        client.write_all(b"ping").await.unwrap();
        client.flush().await.unwrap();
        server.read_exact(&mut buffer).await.unwrap();
        server.write_all(&buffer).await.unwrap();
        server.flush().await.unwrap();
        buffer = [0; 4];
        client.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"ping");
        assert_eq!(client.local_addr(), server.peer_addr());
        client.shutdown().await.unwrap();
        assert_eq!(server.read(&mut buffer).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn plain_tcp() {
        let listener = Listener::bind(&Address::new("127.0.0.1", 0), None).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "localhost", "LocalHost"] {
            let (client, server) = meet(&listener, &plain(host, port)).await;
            let client = client.unwrap();
            assert_eq!(client.tls_summary(), None);
            echo(client, server.unwrap()).await;
        }
    }

    #[tokio::test]
    async fn localhost_falls_back_to_ipv6() {
        // A computer may have no IPv6 at all.
        let Ok(listener) = Listener::bind(&Address::new("::1", 0), None).await else {
            return;
        };
        let port = listener.local_addr().unwrap().port();
        for host in ["::1", "localhost"] {
            let (client, server) = meet(&listener, &plain(host, port)).await;
            echo(client.unwrap(), server.unwrap()).await;
        }
    }

    #[tokio::test]
    async fn tls_of_both_versions() {
        let certificates = Certificates::new();
        let (listener, port) = listen(&certificates, "server", false).await;
        let rows = [
            (None, "TLS 1.3, TLS13_"),
            (Some(TlsVersion::V13), "TLS 1.3, TLS13_"),
            (Some(TlsVersion::V12), "TLS 1.2, TLS_ECDHE_"),
        ];
        for (version, expected) in rows {
            for host in ["localhost", "127.0.0.1"] {
                let options = TlsOptions {
                    version,
                    ..trusting(&certificates)
                };
                let (client, server) = meet(&listener, &with_tls(host, port, &options)).await;
                let client = client.unwrap();
                let summary = client.tls_summary().unwrap();
                assert!(summary.starts_with(expected), "{summary}");
                echo(client, server.unwrap()).await;
            }
        }
    }

    #[tokio::test]
    async fn faults_of_the_server_certificate_have_hints() {
        let certificates = Certificates::new();
        let with_ca = |ca: &str| TlsOptions {
            cafile: Some(certificates.path(ca)),
            ..TlsOptions::default()
        };
        let asked = || "localhost".to_owned();
        let rows = [
            (
                "expired",
                "ca.pem",
                "certificate expired on 2020-02-03 00:00 UTC",
                Hint::Expired,
            ),
            (
                "wrong_name",
                "ca.pem",
                "certificate is not for localhost",
                Hint::OtherNames {
                    asked: asked(),
                    names: vec!["other.example".to_owned()],
                },
            ),
            (
                "no_san",
                "ca.pem",
                "certificate is not for localhost",
                Hint::NoAltName {
                    asked: asked(),
                    is_address: false,
                },
            ),
        ];
        for (name, ca, cause, hint) in rows {
            let (listener, port) = listen(&certificates, name, false).await;
            let (client, server) = meet(&listener, &with_tls("localhost", port, &with_ca(ca))).await;
            let error = client.expect_err(name);
            assert_eq!(error.to_string(), format!("cannot connect to localhost:{port} (TLS)"));
            let source = error.source().unwrap().to_string();
            assert!(source.contains(cause), "{name}: {source}");
            assert_eq!(error.hint(), Some(hint), "{name}");
            // The server learns of it by an alert.
            let message = io_message(&server.expect_err(name));
            assert!(message.contains("TLS alert"), "{name}: {message}");

            let insecure = TlsOptions {
                insecure: true,
                ..TlsOptions::default()
            };
            for version in [TlsVersion::V12, TlsVersion::V13] {
                let insecure = TlsOptions {
                    version: Some(version),
                    ..insecure.clone()
                };
                let (client, server) = meet(&listener, &with_tls("localhost", port, &insecure)).await;
                echo(client.unwrap(), server.unwrap()).await;
            }
        }
    }

    #[tokio::test]
    async fn the_name_to_verify_can_be_given() {
        let certificates = Certificates::new();
        let (listener, port) = listen(&certificates, "wrong_name", false).await;
        let options = TlsOptions {
            server_name: Some("other.example".into()),
            ..trusting(&certificates)
        };
        let (client, server) = meet(&listener, &with_tls("127.0.0.1", port, &options)).await;
        echo(client.unwrap(), server.unwrap()).await;
    }

    #[tokio::test]
    async fn a_client_certificate_is_asked_for() {
        let certificates = Certificates::new();
        let (listener, port) = listen(&certificates, "server", true).await;
        let (cert, key) = pair(&certificates, "client");
        let good = TlsOptions {
            cert: Some(cert),
            key: Some(key),
            ..trusting(&certificates)
        };
        let (client, server) = meet(&listener, &with_tls("localhost", port, &good)).await;
        echo(client.unwrap(), server.unwrap()).await;

        // In TLS 1.3 the client's handshake is over before the server has seen that there is no certificate.
        let (client, server) = meet(&listener, &with_tls("localhost", port, &trusting(&certificates))).await;
        assert_eq!(io_message(&server.unwrap_err()), "the peer sent no certificate");
        let error = client.unwrap().read_u8().await.unwrap_err();
        assert_eq!(
            io_message(&error),
            "the peer ended the connection with the TLS alert certificate required"
        );
        assert_eq!(io_hint(&error), Some(Hint::ClientCertificateMissing));

        let older = TlsOptions {
            version: Some(TlsVersion::V12),
            ..trusting(&certificates)
        };
        let (client, _) = meet(&listener, &with_tls("localhost", port, &older)).await;
        assert_eq!(client.unwrap_err().hint(), Some(Hint::ClientCertificateMissing));
    }

    #[tokio::test]
    async fn a_client_certificate_of_a_stranger_is_refused() {
        let certificates = Certificates::new();
        let (listener, port) = listen(&certificates, "server", true).await;
        let (cert, key) = pair(&certificates, "own");
        let options = TlsOptions {
            cert: Some(cert),
            key: Some(key),
            ..trusting(&certificates)
        };
        let (client, server) = meet(&listener, &with_tls("localhost", port, &options)).await;
        server.unwrap_err();
        let error = client.unwrap().read_u8().await.unwrap_err();
        assert!(matches!(io_hint(&error), Some(Hint::ClientCertificate(_))), "{error}");
    }

    #[tokio::test]
    async fn tls_on_a_plain_port_says_so() {
        let certificates = Certificates::new();
        let listener = Listener::bind(&Address::new("localhost", 0), None).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = with_tls("localhost", port, &trusting(&certificates));
        for answer in [
            b"".as_slice(),
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            &[0x20, 0x02, 0x00, 0x01],
        ] {
            let serve = async {
                let mut stream = listener.accept().await.unwrap().handshake().await.unwrap();
                let mut hello = [0; 1];
                stream.read_exact(&mut hello).await.unwrap();
                assert_eq!(hello, [0x16]);
                stream.write_all(answer).await.unwrap();
                stream.shutdown().await.unwrap();
                // Kept open until the client has read the answer: closing with unread input would reset it away.
                stream
            };
            let (client, _server) = tokio::join!(dialled(&target), serve);
            let error = client.unwrap_err();
            assert_eq!(error.stage, Stage::Tls);
            assert_eq!(error.hint(), Some(Hint::NotTls), "{answer:?}: {:?}", error.source);
        }
    }

    #[tokio::test]
    async fn plain_text_on_a_tls_port_is_an_error_there() {
        let certificates = Certificates::new();
        let (listener, port) = listen(&certificates, "server", false).await;
        let talk = async {
            let mut stream = dialled(&plain("localhost", port)).await.unwrap();
            stream
                .write_all(&[0x10, 0x0c, 0x00, 0x04, b'M', b'Q', b'T', b'T'])
                .await
                .unwrap();
            let mut answer = [0; 7];
            stream.read_exact(&mut answer).await.unwrap();
            answer
        };
        let (answer, server) = tokio::join!(talk, async { listener.accept().await?.handshake().await });
        assert!(io_message(&server.unwrap_err()).contains("not TLS"));
        assert_eq!(super::super::foreign_peer_hint(&answer), Some(&Hint::SpeaksTls));
    }

    #[tokio::test]
    async fn a_refused_connection_names_address_and_stage() {
        let port = TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let error = dialled(&plain("127.0.0.1", port)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot connect to 127.0.0.1:{port} (TCP)"));
        assert_eq!(error.source().unwrap().to_string(), "connection refused");
        assert_eq!(error.hint(), Some(Hint::NobodyListens));
    }

    #[tokio::test]
    async fn an_unknown_host_fails_in_the_look_up() {
        let error = dialled(&plain("name.invalid", 1883)).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot connect to name.invalid:1883 (name look-up)");
        assert_eq!(error.hint(), Some(Hint::LookUp));
        let cause = error.source().unwrap().to_string();
        assert!(
            !cause.contains("os error") && !cause.contains("failed to lookup"),
            "{cause}"
        );
    }

    #[tokio::test]
    async fn a_local_address_can_be_bound() {
        let listener = Listener::bind(&Address::new("127.0.0.1", 0), None).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let bind = |local: &str| Target {
            bind: Some(local.parse().unwrap()),
            ..plain("127.0.0.1", port)
        };

        let (client, server) = meet(&listener, &bind("127.0.0.1")).await;
        echo(client.unwrap(), server.unwrap()).await;

        let error = dialled(&bind("::1")).await.unwrap_err();
        assert_eq!(error.source.to_string(), "the host has no IPv6 address, as ::1 needs");

        // 192.0.2.0/24 is for documentation: no computer has such an address.
        let error = dialled(&bind("192.0.2.1")).await.unwrap_err();
        assert!(
            error
                .source
                .to_string()
                .starts_with("cannot bind the local address 192.0.2.1: ")
        );
        assert_eq!(error.hint(), Some(Hint::ForeignLocalAddress));
    }

    #[tokio::test]
    async fn progress_tells_a_caller_that_gives_up_how_far_it_came() {
        let certificates = Certificates::new();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let target = with_tls(
            "127.0.0.1",
            listener.local_addr().unwrap().port(),
            &trusting(&certificates),
        );
        let progress = Cell::new(Stage::Lookup);
        let silent_server = async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.read_u8().await.unwrap();
        };
        tokio::select! {
            result = dial(&target, &progress) => panic!("{result:?}"),
            () = silent_server => {}
        }
        assert_eq!(progress.get(), Stage::Tls);
    }

    #[tokio::test]
    async fn a_slow_handshake_keeps_nobody_out() {
        let certificates = Certificates::new();
        let (listener, port) = listen(&certificates, "server", false).await;
        let _silent = dialled(&plain("localhost", port)).await.unwrap();
        let slow: Pending = listener.accept().await.unwrap();
        let (client, server) = meet(&listener, &with_tls("localhost", port, &trusting(&certificates))).await;
        echo(client.unwrap(), server.unwrap()).await;
        drop(slow);
    }
}
