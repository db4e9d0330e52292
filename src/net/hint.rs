//! What may help when a connection fails, as values. Must not know the command line: who does has the words for them.

use std::path::PathBuf;

use rustls::AlertDescription as Alert;

use super::TlsPin;

/// What may help. A text in it that a peer chose has no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A URL was given where a host belongs.
    UrlAsHost,

    // ----- the way to the peer
    /// The name may be wrong, or nobody can be asked for it.
    LookUp,
    /// The local address to bind is of another family than the host's.
    AddressFamily,
    /// The local address to bind is not one of this computer's.
    ForeignLocalAddress,
    /// Nobody listens on the port.
    NobodyListens,
    /// The host does not answer at all.
    Unreachable,
    /// There is no such Unix socket.
    NoSocket,
    /// Nobody listens on the Unix socket.
    SocketAbandoned,
    /// The Unix socket is not for this user.
    SocketForbidden,
    /// Who listens on the Unix socket takes no more connections.
    SocketBusy,

    // ----- proxies
    /// The proxy does not answer.
    ProxyUnreachable,
    /// The proxy, or the way from it to the peer, takes too long.
    ProxySlow,
    /// The proxy wants a user name and a password.
    ProxyCredentialsMissing,
    /// The proxy does not take the user name and the password.
    ProxyCredentialsWrong,
    /// It may be a proxy of another kind, or none.
    ProxyKind,
    /// The proxy does not want to connect there.
    ProxyRules,

    // ----- another protocol than was expected
    /// The port does not speak TLS.
    NotTls,
    /// The port speaks TLS.
    SpeaksTls,
    /// The port speaks TLS below WebSocket.
    SpeaksTlsBelowWebSocket,
    /// The port speaks HTTP.
    SpeaksHttp,
    /// The port does not speak WebSocket.
    NotWebSocket,

    // ----- TLS
    /// The server wants a certificate of the client.
    ClientCertificateMissing,
    /// The handshake failed without a reason; a missing certificate of the client is the most likely one.
    HandshakeRefused,
    /// What the server says about the client's certificate.
    ClientCertificate(Refusal),
    /// No TLS version in common.
    TlsVersion,
    /// No application protocol (ALPN) in common.
    Alpn,
    /// The server does not know the name that it was asked for.
    UnknownServerName,
    /// The server's certificate has expired.
    Expired,
    /// The server's certificate is not valid yet.
    NotValidYet,
    /// Nothing that is trusted here vouches for the server's certificate, which has this pin.
    Untrusted {
        /// The pin of the certificate.
        pin: TlsPin,
        /// It is a CA certificate, which can be trusted only as itself.
        is_ca: bool,
    },
    /// The server's certificate has no subjectAltName.
    NoAltName {
        /// The name asked for.
        asked: String,
        /// It is an IP address.
        is_address: bool,
    },
    /// The server's certificate is for other names.
    OtherNames {
        /// The name asked for.
        asked: String,
        /// Those in the certificate.
        names: Vec<String>,
    },
    /// The certificate's extended key usage does not fit.
    Purpose,
    /// The certificate is of X.509 version 1.
    CertificateVersion,
    /// The operating system trusts nobody.
    NoOsCertificates,
    /// The private key in this file is encrypted.
    EncryptedKey(PathBuf),
    /// A certificate was given without its key.
    CertWithoutKey,
    /// A key was given without its certificate.
    KeyWithoutCert,

    // ----- WebSocket
    /// The server wants its guests to go there.
    Redirected(String),
    /// The server wants to know who asks.
    WebSocketCredentials,
    /// The path is wrong.
    WebSocketPath,
    /// A proxy on the way wants a password.
    WebSocketProxy,
    /// It may be another port or another path.
    WebSocketPlace,
    /// The sub-protocol is not taken.
    SubProtocol,

    // ----- listening
    /// There is something at the path of the Unix socket.
    PathTaken,
    /// The path of the Unix socket cannot be used.
    PathUnusable,
    /// The port is in use.
    PortTaken,
    /// The port is for the administrator.
    PortPrivileged,
    /// The address to listen on is not one of this computer's.
    ForeignAddress,
}

/// Why a server refuses the client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It does not trust who signed it.
    Untrusted,
    /// It has expired, as the server sees it.
    Expired,
    /// It has been revoked.
    Revoked,
    /// It does not say.
    Unsaid,
}

impl Hint {
    /// What an alert of the peer means for a client.
    pub(super) fn of_alert(alert: Alert) -> Option<Self> {
        Some(match alert {
            Alert::CertificateRequired | Alert::NoCertificate => Self::ClientCertificateMissing,
            Alert::HandshakeFailure => Self::HandshakeRefused,
            Alert::UnknownCA => Self::ClientCertificate(Refusal::Untrusted),
            Alert::CertificateExpired => Self::ClientCertificate(Refusal::Expired),
            Alert::CertificateRevoked => Self::ClientCertificate(Refusal::Revoked),
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateUnknown
            | Alert::AccessDenied
            | Alert::DecryptError => Self::ClientCertificate(Refusal::Unsaid),
            Alert::ProtocolVersion | Alert::InsufficientSecurity => Self::TlsVersion,
            Alert::UnrecognisedName => Self::UnknownServerName,
            Alert::NoApplicationProtocol => Self::Alpn,
            _ => return None,
        })
    }
}
