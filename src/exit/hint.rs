//! The words for hints: the one place where what may help meets the flags that do it. It must not know what went wrong
//! beyond the hint.

use super::client_error;
use crate::cli::mosquitto::Tool;
use crate::client;
use crate::net::{self, Refusal};
use std::error::Error;

const INSECURE: &str = "--insecure connects without verifying who the server is";

/// What may help with this error, in one sentence, where that is known.
pub(super) fn of(cause: &(dyn Error + 'static), tool: Option<&Tool>) -> Option<String> {
    if let Some(error) = client_error(cause) {
        return error.hint().map(|hint| of_client(hint, tool));
    }
    let net = cause
        .downcast_ref::<net::ListenError>()
        .and_then(net::ListenError::hint)
        .or_else(|| cause.downcast_ref::<net::TlsError>()?.hint())
        .or_else(|| cause.downcast_ref::<net::AddressError>()?.hint());
    net.map(|hint| of_net(hint, tool))
}

fn of_client(hint: client::Hint, tool: Option<&Tool>) -> String {
    use client::Hint as H;
    let words = match hint {
        H::Net(hint) => return of_net(hint, tool),
        H::ClosedAtConnect => {
            "a broker closes without a word when it wants TLS (use mqtts:// or --cafile), another protocol version \
             (-V 311), or has no place for more clients"
        }
        H::SilentAtConnect => "is it an MQTT broker? some brokers never answer version 5: try -V 311",
        H::NoQos2 => "a broker that does not support QoS 2 does so, NATS for one: try -q 1",
        H::EnhancedAuthentication => "log in with a user name and password, or a client certificate (--cert, --key)",
        H::CredentialsWrong => "the user name or password is wrong; brokers compare both exactly",
        H::CredentialsMissing => {
            return format!(
                "the broker wants a user name and password: give them with {}",
                credentials(tool)
            );
        }
        H::NotAuthorized => "the user name or password is wrong, or the broker forbids this client what it wants",
        H::Version => "try -V 311 or -V 5",
        H::ClientIdentifier => "try another client identifier with -i",
        H::TakenOver => "another client connected with the same identifier: give each its own with -i",
        H::OtherServer(Some(server)) => {
            return format!("connect to the server that the broker names: -h {server}");
        }
        H::OtherServer(None) => "connect to another server of this broker",
        H::PacketTooLarge => "the broker limits the size of a message",
        H::ReceiveMaximum => "a smaller --max-inflight may help",
    };
    words.to_owned()
}

/// Mosquitto's tools have no file for the password.
fn credentials(tool: Option<&Tool>) -> &'static str {
    match tool {
        None => "-u and --password-file",
        Some(_) => "-u and -P",
    }
}

fn of_net(hint: net::Hint, tool: Option<&Tool>) -> String {
    use net::Hint as H;
    let words = match hint {
        H::UrlAsHost => match tool {
            None => "give a URL with --url",
            Some(_) => "give a URL with -L",
        },
        H::LookUp => "check the spelling of the host name, and that this computer can look up names",
        H::AddressFamily => "bind a local address of the host's family",
        H::ForeignLocalAddress => "the address to bind must be one of this computer's own",
        H::NobodyListens => "is a broker listening on that port? the usual ports are 1883, and 8883 with TLS",
        H::Unreachable => "check the host and the port; a firewall on the way may be dropping the packets",
        H::NoSocket => "is the broker running, and is that the path of its socket?",
        H::SocketAbandoned => "nobody listens on that socket: the broker has ended, or it is a plain file",
        H::SocketForbidden => "the socket, or a directory above it, is not open to this user",
        H::SocketBusy => "the program that listens on the socket takes no more connections",
        H::ProxyUnreachable => match tool {
            None => "check --proxy, or ALL_PROXY in the environment; `--proxy none` connects without one",
            Some(_) => "check --proxy",
        },
        H::ProxySlow => "check the proxy, and that the broker's host can be reached from it",
        H::ProxyCredentialsMissing => {
            "give user name and password in the URL: socks5h://USER:PASSWORD@HOST:PORT, http:// likewise"
        }
        H::ProxyCredentialsWrong => "check user name and password in the proxy's URL",
        H::ProxyKind => "is it a proxy of that kind? the schemes are socks5://, socks5h:// and http://",
        H::ProxyRules => "the proxy's rules forbid it: many allow port 443 only",
        H::NotTls => {
            "the port does not seem to speak TLS: leave TLS out (mqtt:// and no TLS flags), or use the broker's TLS \
             port (usually 8883)"
        }
        H::SpeaksTls => "the port speaks TLS: use mqtts:// or a TLS flag such as --cafile",
        H::SpeaksTlsBelowWebSocket => "the port speaks TLS: use wss:// or a TLS flag such as --cafile",
        H::SpeaksHttp => {
            "the port speaks HTTP: use ws:// if it is for WebSocket, or the broker's TCP port (usually 1883)"
        }
        H::NotWebSocket => {
            "the port does not seem to speak WebSocket: leave it out (mqtt:// or mqtts://), or use the broker's \
             WebSocket port"
        }
        H::Redirected(place) => return format!("the server sends its guests to {place}"),
        H::WebSocketCredentials => {
            "the server wants to know who asks: give it a header such as Authorization with --ws-header"
        }
        H::WebSocketPath => "the path may be another one, give it with --ws-path: /mqtt, / and /ws are the usual ones",
        H::WebSocketProxy => "there is a proxy on the way that wants a password: give it with --proxy",
        H::WebSocketPlace => "is that a broker's WebSocket port, and the path (--ws-path) the right one?",
        H::SubProtocol => "brokers answer with the sub-protocol `mqtt`; is this the path of one (--ws-path)?",
        H::PathTaken => "another program listens there already, or there is a file of that name; choose another path",
        H::PathUnusable => "the path must be free, in a directory that exists and is one's own",
        H::PortTaken => "another program listens there already; choose another port, or 0 for any",
        H::PortPrivileged => "ports below 1024 need a privilege; choose another port",
        H::ForeignAddress => "the address must be one of this computer's own; 0.0.0.0 and :: stand for all of them",
        H::ClientCertificateMissing => "the server wants a client certificate: give one with --cert and --key",
        H::HandshakeRefused => {
            "the server may want a client certificate (--cert and --key), or TLS options that are not offered here"
        }
        H::ClientCertificate(Refusal::Untrusted) => {
            "the server does not trust the authority that signed the client certificate (--cert)"
        }
        H::ClientCertificate(Refusal::Expired) => "the client certificate (--cert) has expired, as the server sees it",
        H::ClientCertificate(Refusal::Revoked) => "the client certificate (--cert) has been revoked",
        H::ClientCertificate(Refusal::Unsaid) => {
            "the server does not accept the client certificate: check --cert and --key"
        }
        H::TlsVersion => "TLS 1.2 and 1.3 are supported; leave out --tls-version to offer both",
        H::Alpn => "check the names given with --tls-alpn; most brokers want none, some want `mqtt`",
        H::UnknownServerName => "the server does not know the name it was asked for; give another with --servername",
        H::Expired => "the server needs a new certificate, unless this computer's clock is wrong",
        H::NotValidYet => "is this computer's clock right?",
        H::Untrusted { pin, is_ca: false } => {
            return format!(
                "give the CA certificate that signed the server's, or the server's own, with --cafile \
                 (--tls-use-os-certs adds the system's); or, when that is the certificate of your server, trust it \
                 alone with --tls-pin {pin}; {INSECURE}"
            );
        }
        H::Untrusted { pin, is_ca: true } => {
            return format!(
                "give that very certificate with --cafile; or, when it is your server's, trust it alone with \
                 --tls-pin {pin}; {INSECURE}"
            );
        }
        H::NoAltName { asked, is_address } => {
            let kind = if is_address { "IP" } else { "DNS" };
            return format!(
                "the certificate has no subjectAltName, and its common name does not count; make it again with \
                 subjectAltName={kind}:{asked}; {INSECURE}"
            );
        }
        H::OtherNames { asked, names } => {
            return format!(
                "the certificate is for {}, and {asked} was asked for: connect to a name the certificate has, or give \
                 that name with --servername",
                names.join(", ")
            );
        }
        H::Purpose => "make it with extendedKeyUsage=serverAuth for a server, clientAuth for a client",
        H::CertificateVersion => {
            "make the certificate again with a subjectAltName (`openssl x509 -req -extfile ...`): that makes it \
             version 3"
        }
        H::NoOsCertificates => "install them, or name a file with --cafile",
        H::EncryptedKey(path) => {
            return format!(
                "give the password of a PKCS #8 key with --key-password-file; \
                 `openssl pkey -in {path} -out {path}.plain` writes one that is not encrypted",
                path = path.display()
            );
        }
        H::CertWithoutKey => "--cert is given, --key is not",
        H::KeyWithoutCert => "--key is given, --cert is not",
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::mosquitto;
    use std::ffi::OsStr;

    #[test]
    fn mosquittos_tools_have_flags_of_their_own() {
        let tool = mosquitto::tool(OsStr::new("mosquitto_sub"));
        assert!(tool.is_some());
        for (hint, own, theirs) in [
            (client::Hint::CredentialsMissing, "--password-file", "-P"),
            (client::Hint::Net(net::Hint::UrlAsHost), "--url", "-L"),
            (client::Hint::Net(net::Hint::ProxyUnreachable), "ALL_PROXY", "--proxy"),
        ] {
            let (own_words, their_words) = (of_client(hint.clone(), None), of_client(hint, tool));
            assert!(own_words.contains(own), "{own_words}");
            assert!(
                their_words.contains(theirs) && !their_words.contains(own),
                "{their_words}"
            );
        }
    }
}
