//! The opening handshake (RFC 6455 section 4): HTTP/1.1 heads that ask for WebSocket or grant it, and what they agree
//! on (RFC 7692 section 7.1). It must not know frames.

use memchr::memchr_iter;

/// The longest head that is waited for, in bytes.
pub(super) const LIMIT: usize = 64 * 1024;
/// Only GET asks for WebSocket.
const REQUEST: &[u8] = b"GET ";
const RESPONSE: &[u8] = b"HTTP/1.";

/// The start of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opening {
    /// Not an HTTP head.
    Other,
    /// It may be one; more bytes are needed.
    More,
    /// A client asks for WebSocket.
    Request {
        /// What it asks for.
        path: String,
        /// Length of the head in bytes.
        length: usize,
    },
    /// The server grants it.
    Granted {
        /// How messages are compressed, if they are.
        deflate: Option<Deflate>,
        /// Length of the head in bytes.
        length: usize,
    },
    /// HTTP that has nothing to do with WebSocket, or a server that does not grant it.
    Http {
        /// The first line of a response.
        status: Option<String>,
    },
}

/// What permessage-deflate was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Deflate {
    /// Each message of the client is compressed for itself.
    pub(super) client_alone: bool,
    /// Each message of the server is compressed for itself.
    pub(super) server_alone: bool,
}

/// Looks at the first bytes of a direction, of which `seen` were looked at before without a decision.
pub(super) fn opening(bytes: &[u8], seen: usize) -> Opening {
    let begins = |word: &[u8]| bytes.iter().zip(word).all(|(byte, expected)| byte == expected);
    let (request, response) = (begins(REQUEST), begins(RESPONSE));
    if !request && !response {
        return Opening::Other;
    }
    let Some(length) = head_length(bytes, seen) else {
        let other_status = bytes.get(8..12).is_some_and(|status| status != b" 101");
        return match response && other_status {
            // What follows may be endless; the status says enough.
            true => first_line(bytes).map_or(Opening::More, |line| Opening::Http { status: Some(line) }),
            false if bytes.len() >= LIMIT => Opening::Http { status: None },
            false => Opening::More,
        };
    };
    let head = bytes.get(..length).unwrap_or_default();
    let line = first_line(head).unwrap_or_default();
    let upgrades = values(head, "upgrade").any(|value| value.eq_ignore_ascii_case("websocket"));
    if request && upgrades {
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        return Opening::Request { path, length };
    }
    if response && upgrades && line.split(' ').nth(1) == Some("101") {
        return Opening::Granted {
            deflate: deflate(head),
            length,
        };
    }
    Opening::Http {
        status: response.then_some(line),
    }
}

/// The length of the head with the empty line at its end.
fn head_length(bytes: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(3);
    let rest = bytes.get(from..)?;
    memchr_iter(b'\n', rest).find_map(|at| {
        let behind = rest.get(at + 1..)?;
        let end = if behind.starts_with(b"\r\n") {
            2
        } else if behind.starts_with(b"\n") {
            1
        } else {
            return None;
        };
        Some(from + at + 1 + end)
    })
}

fn first_line(bytes: &[u8]) -> Option<String> {
    let end = memchr::memchr(b'\n', bytes)?;
    let line = String::from_utf8_lossy(bytes.get(..end)?);
    // It is shown to people.
    Some(line.chars().filter(|c| !c.is_control()).collect())
}

/// The members of the comma-separated lists of all headers of that name, which is in lower case.
fn values<'a>(head: &'a [u8], name: &'static str) -> impl Iterator<Item = &'a str> {
    head.split(|byte| *byte == b'\n')
        .skip(1)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .filter_map(|line| line.split_once(':'))
        .filter(move |(key, _)| key.trim().eq_ignore_ascii_case(name))
        .flat_map(|(_, value)| value.split(','))
        .map(str::trim)
}

fn deflate(head: &[u8]) -> Option<Deflate> {
    values(head, "sec-websocket-extensions").find_map(|extension| {
        let mut parts = extension.split(';').map(str::trim);
        parts.next().filter(|name| *name == "permessage-deflate")?;
        let mut found = Deflate::default();
        for parameter in parts {
            // Window sizes do not matter: the largest window serves for all.
            match parameter {
                "client_no_context_takeover" => found.client_alone = true,
                "server_no_context_takeover" => found.server_alone = true,
                _ => {}
            }
        }
        Some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: &[u8] =
        b"GET /mqtt?x=1 HTTP/1.1\r\nHost: b\r\nconnection: keep-alive, Upgrade\r\nUPGRADE:WebSocket\r\n\r\n";

    #[test]
    fn a_request_in_any_segmentation() {
        for cut in 1..ASK.len() {
            assert_eq!(opening(&ASK[..cut], cut - 1), Opening::More, "{cut}");
        }
        let asked = Opening::Request {
            path: "/mqtt?x=1".to_owned(),
            length: ASK.len(),
        };
        for seen in 0..ASK.len() {
            assert_eq!(opening(ASK, seen), asked);
        }
    }

    #[test]
    fn what_the_server_says() {
        let grant = |extensions: &str| {
            let head = format!("HTTP/1.1 101 X\r\nUpgrade: websocket\r\n{extensions}\r\n");
            match opening(head.as_bytes(), 0) {
                Opening::Granted { deflate, .. } => deflate,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(grant(""), None);
        assert_eq!(grant("Sec-WebSocket-Extensions: x-other\r\n"), None);
        assert_eq!(
            grant(
                "sec-websocket-extensions: x, permessage-deflate;server_no_context_takeover; client_max_window_bits=10\r\n"
            ),
            Some(Deflate {
                client_alone: false,
                server_alone: true
            })
        );
        let refusal = opening(b"HTTP/1.1 404 Not Found\r\nContent-Length", 0);
        let status = Some("HTTP/1.1 404 Not Found".to_owned());
        assert_eq!(refusal, Opening::Http { status });
    }

    #[test]
    fn other_things_are_not_websocket() {
        assert_eq!(opening(b"GET / HTTP/1.1\r\n\r\n", 0), Opening::Http { status: None });
        assert_eq!(opening(b"GEX", 0), Opening::Other);
        assert_eq!(opening(b"\x82\x01", 0), Opening::Other);
        assert_eq!(opening(b"", 0), Opening::More);
        assert_eq!(
            opening(&[&b"GET "[..], &[b'x'; LIMIT]].concat(), 0),
            Opening::Http { status: None }
        );
    }
}
