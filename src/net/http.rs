//! The head of an HTTP/1 message, read off a stream to the byte. Must not know what is asked for, nor read a body.

use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::io_message;

/// Longer heads are refused: they come from a peer that speaks something else, or means no good.
const LIMIT: usize = 16 * 1024;

/// The first line and the headers of a message, in their order.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) first: String,
    headers: Vec<(String, String)>,
}

/// Why there is no head. `Display` is complete.
#[derive(Debug)]
pub(super) enum HeadError {
    /// Reading failed, or the peer closed the connection.
    Io(io::Error),
    /// These are the first bytes, and no head of HTTP starts so.
    NotHttp(Vec<u8>),
    /// It has no end.
    TooLong,
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the peer closed the connection without an answer")
            }
            Self::Io(error) => f.write_str(&io_message(error)),
            Self::NotHttp(bytes) => write!(f, "the peer does not speak HTTP: it sent \"{}\"", bytes.escape_ascii()),
            Self::TooLong => write!(f, "the peer's answer has more than {LIMIT} bytes of headers"),
        }
    }
}

impl Head {
    /// The value of a header; the first one when there are several.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether a header that is a list of words (RFC 9110, section 5.6.1) has this one, in any case of its letters.
    pub(super) fn has_word(&self, name: &str, word: &str) -> bool {
        self.headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .flat_map(|(_, value)| value.split(','))
            .any(|found| found.trim().eq_ignore_ascii_case(word))
    }

    /// Status and reason of a response: `(404, "Not Found")`.
    pub(super) fn status(&self) -> Option<(u16, &str)> {
        let (_version, rest) = self.first.split_once(' ')?;
        let (digits, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        Some((digits.parse().ok()?, reason))
    }
}

/// Reads a response's head, and not a byte more: what follows belongs to another protocol. Byte by byte, which costs
/// nothing that matters once per connection.
pub(super) async fn read_response(stream: &mut (impl AsyncRead + Unpin)) -> Result<Head, HeadError> {
    read(stream, b"HTTP/1.").await
}

/// Reads a GET request's head.
pub(super) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Result<Head, HeadError> {
    read(stream, b"GET ").await
}

async fn read(stream: &mut (impl AsyncRead + Unpin), start: &[u8]) -> Result<Head, HeadError> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") && !bytes.ends_with(b"\n\n") {
        if bytes.len() == LIMIT {
            return Err(HeadError::TooLong);
        }
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(error) => return Err(HeadError::Io(error)),
        }
        let compared = bytes.len().min(start.len());
        if bytes[..compared] != start[..compared] {
            return Err(HeadError::NotHttp(bytes));
        }
    }
    // Headers may be of any alphabet; only ASCII is looked for.
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    Ok(Head {
        first,
        headers: headers.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn response(mut bytes: &[u8]) -> Result<(Head, usize), HeadError> {
        let head = read_response(&mut bytes).await?;
        Ok((head, bytes.len()))
    }

    #[tokio::test]
    async fn a_head_is_read_to_the_byte() {
        let (head, rest) = response(b"HTTP/1.1 404 Not Found\r\nA: x\r\nb:y , Z\r\n\r\nbody")
            .await
            .unwrap();
        assert_eq!(rest, 4);
        assert_eq!(head.status(), Some((404, "Not Found")));
        assert_eq!(head.header("a"), Some("x"));
        assert!(head.has_word("B", "z") && head.has_word("B", "Y") && !head.has_word("B", "y , Z"));
        let (head, rest) = response(b"HTTP/1.0 200\nA: x\n\n").await.unwrap();
        assert_eq!((rest, head.status()), (0, Some((200, ""))));
        assert_eq!(response(b"HTTP/1.1 x\r\n\r\n").await.unwrap().0.status(), None);
    }

    #[tokio::test]
    async fn what_is_no_head_is_named() {
        let rows: [(&[u8], &str); 4] = [
            (b"", "closed the connection without an answer"),
            (b"HTTP/1.1 200 OK\r\n", "closed the connection without an answer"),
            (b"\x20\x02\x00", "does not speak HTTP: it sent \" \""),
            (b"HTTP/2 200\r\n\r\n", "it sent \"HTTP/2\""),
        ];
        for (bytes, expected) in rows {
            let error = response(bytes).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let long = [b"HTTP/1.1 200 OK\r\nA: ".as_slice(), &[b'x'; LIMIT]].concat();
        assert!(response(&long).await.unwrap_err().to_string().contains("16384 bytes"));
    }
}
