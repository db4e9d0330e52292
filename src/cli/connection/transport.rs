//! The flags that say what carries the connection, and the target that all flags and the URL name together. It
//! must not open sockets.

use super::Connection;
use crate::cli::Usage;
use crate::cli::settings::print::{Outcome, quoted};
use crate::cli::settings::typed::path;
use crate::net::file::Until;
use crate::net::{self, Address, Endpoint, Proxy, Target, TlsOptions, Url, WebSocketRequest, proxy, websocket};
use anyhow::Context;
use clap::Args;
use serde::Deserialize;
use std::path::PathBuf;

/// What carries the connection.
#[derive(Debug, Args, Deserialize)]
#[command(next_help_heading = "Transport")]
pub(super) struct Transport {
    /// Speak WebSocket, as a URL with ws:// or wss:// does; the port stays 1883, or 8883 with TLS
    #[arg(long)]
    ws: bool,

    /// Path of the WebSocket [default: the URL's, or /mqtt]
    #[arg(long, value_name = "PATH")]
    ws_path: Option<String>,

    /// Header to send to the WebSocket server; several times for several
    #[arg(long, value_name = "NAME: VALUE")]
    ws_header: Vec<String>,

    /// Connect to a Unix socket
    #[arg(long, value_name = "PATH", conflicts_with_all = ["host", "port", "bind", "proxy"])]
    #[serde(deserialize_with = "path")]
    unix: Option<PathBuf>,

    /// Proxy, socks5h:// (names are looked up there), socks5:// or http://[USER[:PASSWORD]@]HOST[:PORT], or `none`
    /// [default: ALL_PROXY, except for hosts in NO_PROXY]
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,

    /// Ignore all other TLS flags
    #[arg(long)]
    no_tls: bool,

    /// Send small packets at once, which is always done
    #[arg(long, hide = true)]
    nodelay: bool,

    #[command(flatten)]
    refused: Refused,
}

/// Flags of Mosquitto's tools that mqkit does not have.
#[derive(Debug, Args, Deserialize)]
struct Refused {
    /// TLS with a pre-shared key
    #[arg(long, hide = true)]
    psk: Option<String>,

    /// Name of the pre-shared key
    #[arg(long, hide = true)]
    psk_identity: Option<String>,

    /// OpenSSL's engine
    #[arg(long, hide = true)]
    tls_engine: Option<String>,

    /// Password of OpenSSL's engine
    #[arg(long, hide = true)]
    tls_engine_kpass_sha1: Option<String>,

    /// Form of the key
    #[arg(long, hide = true)]
    keyform: Option<String>,

    /// Look up the broker's SRV record
    #[arg(short = 'S', hide = true)]
    srv: bool,
}

const PSK: &str = "TLS with a pre-shared key (--psk) is not supported: the TLS library of mqkit has certificates only; \
    use --cafile, and --cert with --key for the client's own";
const ENGINE: &str = "OpenSSL's engines (--tls-engine, --keyform engine) are not supported: OpenSSL has given them up, and \
    mqkit does not use it; give the key as a PEM file with --key";
const SRV: &str = "looking up the broker's SRV record (-S) is not supported: `dig +short SRV _mqtt._tcp.DOMAIN` names host \
    and port, for -h and -p";

impl Refused {
    /// Why one of them is refused.
    fn why(&self) -> Option<&'static str> {
        // What is the only form anyway is no reason to complain.
        let form = self
            .keyform
            .as_ref()
            .is_some_and(|form| !form.eq_ignore_ascii_case("pem"));
        let engine = form || self.tls_engine.is_some() || self.tls_engine_kpass_sha1.is_some();
        let psk = self.psk.is_some() || self.psk_identity.is_some();
        let refused = [(psk, PSK), (engine, ENGINE), (self.srv, SRV)];
        refused.into_iter().find_map(|(given, why)| given.then_some(why))
    }
}

impl Transport {
    pub(super) fn names_broker(&self) -> bool {
        self.unix.is_some()
    }
}

/// Where the broker is, as far as it is said.
enum Place {
    Host(String, Option<u16>),
    Unix(PathBuf),
}

impl Connection {
    /// Where to connect to, and how.
    pub(super) fn target(&self, url: Option<&Url>, until: Until) -> anyhow::Result<Target> {
        match self.place(url)? {
            Place::Unix(path) => self.unix_target(path, url, self.tls(url, None)?.is_some()),
            Place::Host(host, port) => self.host_target(host, port, url, self.tls(url, port)?, until),
        }
    }

    /// Host and port, or the socket, as they come out, and what carries the connection.
    pub(super) fn way(&self, url: Option<&Url>) -> anyhow::Result<(Vec<Outcome>, Vec<String>)> {
        let websocket = self.websocket(url, String::new())?;
        let carrier = |plain: &str| match &websocket {
            Some(request) => format!("WebSocket, path {}", quoted(&request.path)),
            None => plain.to_owned(),
        };
        let from_url = url.map(|_| "url");
        match self.place(url)? {
            Place::Unix(path) => {
                let path = quoted(path.display());
                let transport = format!("transport: {}, Unix socket {path}", carrier("MQTT"));
                Ok((Vec::new(), vec![transport, "TLS: no".to_owned()]))
            }
            Place::Host(host, port) => {
                let tls = self.tls(url, port)?.is_some();
                let own_port = self.host.as_deref().and_then(|host| net::parse_host_port(host).ok()?.1);
                let by = match (self.port, own_port, url.and_then(|url| url.port)) {
                    (Some(_), ..) => Some("port"),
                    (_, Some(_), _) => Some("host"),
                    (_, _, Some(_)) if self.host.is_none() => from_url,
                    _ => None,
                };
                let transport = match self.proxy(&host)? {
                    Some(_) => format!("transport: {}, through a proxy", carrier("TCP")),
                    None => format!("transport: {}", carrier("TCP")),
                };
                let port = port.unwrap_or_else(|| default_port(url, tls)).to_string();
                let named = self.host.as_ref().map(|_| "host").or(from_url);
                let outcomes = vec![("host", host, named), ("port", port, by)];
                let tls = format!("TLS: {}", if tls { "yes" } else { "no" });
                Ok((outcomes, vec![transport, tls]))
            }
        }
    }

    /// TLS, when a flag, the URL or the port asks for it.
    fn tls(&self, url: Option<&Url>, port: Option<u16>) -> Result<Option<TlsOptions>, Usage> {
        if let Some(why) = self.transport.refused.why() {
            return Err(Usage::Bad(why.to_owned()));
        }
        let url_tls = url.is_some_and(|url| url.tls);
        if self.transport.no_tls {
            return match url_tls {
                true => Err(Usage::Bad(
                    "--no-tls contradicts the URL, which asks for TLS".to_owned(),
                )),
                false => Ok(None),
            };
        }
        // A port that stands for TLS does so where no scheme says otherwise.
        let port_tls = port == Some(net::TLS_PORT) && url.is_none();
        Ok(self
            .tls
            .options()
            .or_else(|| (url_tls || port_tls).then(TlsOptions::default)))
    }

    fn unix_target(&self, path: PathBuf, url: Option<&Url>, tls: bool) -> anyhow::Result<Target> {
        let refuse = |what: &str| Err(Usage::Bad(format!("{what} on the way to a Unix socket")).into());
        if tls {
            return refuse("there is no TLS (--no-tls ignores its flags)");
        }
        if self.bind.is_some() {
            return refuse("there is no local address to bind (-A)");
        }
        if self.transport.proxy.as_deref().is_some_and(|proxy| !is_none(proxy)) {
            return refuse("there is no proxy (--proxy)");
        }
        Ok(Target {
            endpoint: Endpoint::Unix(path),
            bind: None,
            proxy: None,
            tls: None,
            websocket: self.websocket(url, "localhost".to_owned())?,
        })
    }

    fn host_target(
        &self,
        host: String,
        port: Option<u16>,
        url: Option<&Url>,
        tls: Option<TlsOptions>,
        until: Until,
    ) -> anyhow::Result<Target> {
        let port = port.unwrap_or_else(|| default_port(url, tls.is_some()));
        let websocket = self.websocket(url, host_header(&host, port, tls.is_some()))?;
        let tls = match tls {
            None => None,
            Some(options) => {
                self.tls.check()?;
                let name = net::tls::server_name(&options, &host)?;
                let config = net::tls::client_config(&options, until).context("cannot set up TLS")?;
                Some((config, name))
            }
        };
        Ok(Target {
            proxy: self.proxy(&host)?,
            endpoint: Endpoint::Tcp(Address::new(host, port)),
            bind: self.bind,
            tls,
            websocket,
        })
    }

    fn place(&self, url: Option<&Url>) -> anyhow::Result<Place> {
        if let Some(path) = &self.transport.unix {
            return Ok(Place::Unix(path.clone()));
        }
        if let Some(host) = &self.host {
            return place(host, self.port).with_context(|| format!("--host {host:?}"));
        }
        if let Some(url) = url {
            if let net::Transport::Unix { path } = &url.transport {
                return Ok(Place::Unix(path.clone()));
            }
            return Ok(Place::Host(url.host.clone(), self.explicit_port()?.or(url.port)));
        }
        Ok(Place::Host("localhost".to_owned(), self.explicit_port()?))
    }

    fn explicit_port(&self) -> anyhow::Result<Option<u16>> {
        match self.port {
            Some(0) => Err(no_path()),
            port => Ok(port),
        }
    }

    /// Any of its flags switches WebSocket on, and so does the scheme of the URL.
    fn websocket(&self, url: Option<&Url>, host: String) -> anyhow::Result<Option<WebSocketRequest>> {
        let Transport {
            ws, ws_path, ws_header, ..
        } = &self.transport;
        let (by_scheme, url_path) = match url.map(|url| &url.transport) {
            Some(net::Transport::WebSocket { path }) => (true, path.as_deref()),
            _ => (false, None),
        };
        if !ws && ws_path.is_none() && ws_header.is_empty() && !by_scheme {
            return Ok(None);
        }
        let headers = ws_header.iter().map(|text| websocket::parse_header(text));
        Ok(Some(WebSocketRequest {
            host,
            path: websocket::request_target(ws_path.as_deref().or(url_path).unwrap_or(net::WEBSOCKET_PATH)),
            headers: headers
                .collect::<Result<_, _>>()
                .map_err(|words| Usage::Bad(format!("--ws-header: {words}")))?,
        }))
    }

    /// `--proxy`, or what is meant for every program. The texts may hold passwords, so only the parser's words
    /// are shown.
    fn proxy(&self, host: &str) -> anyhow::Result<Option<Proxy>> {
        let own = self.transport.proxy.clone().map(|text| (text, "--proxy"));
        let (text, origin) = match own {
            Some((text, _)) if is_none(&text) => return Ok(None),
            Some(own) => own,
            None => {
                // In the order of curl.
                let found = ["all_proxy", "ALL_PROXY"]
                    .into_iter()
                    .find_map(|name| Some((variable(name)?, name)));
                let exempt = || {
                    variable("no_proxy")
                        .or_else(|| variable("NO_PROXY"))
                        .unwrap_or_default()
                };
                match found {
                    Some(found) if !proxy::is_exempt(host, &exempt()) => found,
                    _ => return Ok(None),
                }
            }
        };
        text.parse().map(Some).with_context(|| {
            format!("{origin} is not the URL of a proxy that can be used (`--proxy none` does without)")
        })
    }
}

fn default_port(url: Option<&Url>, tls: bool) -> u16 {
    let by_scheme = url.is_some_and(|url| matches!(url.transport, net::Transport::WebSocket { .. }));
    match (by_scheme, tls) {
        (true, false) => net::WEBSOCKET_PORT,
        (true, true) => net::WEBSOCKET_TLS_PORT,
        (false, false) => net::PORT,
        (false, true) => net::TLS_PORT,
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_none(proxy: &str) -> bool {
    matches!(proxy, "" | "none")
}

/// As in Mosquitto, port 0 makes the host a path.
fn place(host: &str, port: Option<u16>) -> anyhow::Result<Place> {
    if port == Some(0) {
        return Ok(Place::Unix(host.into()));
    }
    let (host, own) = net::parse_host_port(host)?;
    match own {
        Some(0) if port.is_none() => Err(no_path()),
        own => Ok(Place::Host(host, port.or(own))),
    }
}

fn no_path() -> anyhow::Error {
    let words = "with port 0 the host is the path of a Unix socket: `-p 0 -h PATH`, or --unix PATH";
    Usage::Bad(words.to_owned()).into()
}

/// The port is left out where it is the default of ws:// or wss:// (RFC 9110, section 7.2); a zone (`%eth0`) is never sent.
fn host_header(host: &str, port: u16, tls: bool) -> String {
    let host = host.split_once('%').map_or(host, |(address, _zone)| address);
    let full = Address::new(host, port).to_string();
    match (port, tls) {
        (net::WEBSOCKET_PORT, false) | (net::WEBSOCKET_TLS_PORT, true) => full
            .rsplit_once(':')
            .map_or_else(|| full.clone(), |(host, _port)| host.to_owned()),
        _ => full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_header_leaves_out_what_is_usual() {
        assert_eq!(host_header("h", 80, false), "h");
        assert_eq!(host_header("h", 443, true), "h");
        assert_eq!(host_header("h", 443, false), "h:443");
        assert_eq!(host_header("::1", 80, false), "[::1]");
        assert_eq!(host_header("fe80::1%eth0", 9001, false), "[fe80::1]:9001");
    }
}
