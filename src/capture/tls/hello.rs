//! ClientHello and ServerHello: what of them matters for decryption. It must not know records.

use super::keylog::RANDOM;

/// The random number of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3).
const RETRY: [u8; RANDOM] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

const SERVER_NAME: u16 = 0;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

/// What a client offers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientHello {
    pub(super) random: [u8; RANDOM],
    /// The name of the server that it asks for (SNI).
    pub(super) server_name: Option<String>,
    /// True when it sends application data before the server's answer (0-RTT).
    pub(super) early_data: bool,
}

/// What a server chose.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerHello {
    pub(super) random: [u8; RANDOM],
    /// The version as on the wire: 0x0303 for TLS 1.2, 0x0304 for 1.3.
    pub(super) version: u16,
    /// The cipher suite's number.
    pub(super) suite: u16,
    /// True when it only asks for another ClientHello (HelloRetryRequest).
    pub(super) retry: bool,
}

impl ClientHello {
    /// From the body of the handshake message; `None` when it is malformed.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut rest = Reader(body);
        rest.u16()?;
        let random = rest.random()?;
        rest.short()?; // session identifier
        rest.long()?; // cipher suites
        rest.short()?; // compression methods
        let mut hello = Self {
            random,
            server_name: None,
            early_data: false,
        };
        each_extension(rest, |kind, value| match kind {
            SERVER_NAME => hello.server_name = server_name(value),
            EARLY_DATA => hello.early_data = true,
            _ => {}
        })?;
        Some(hello)
    }
}

impl ServerHello {
    /// From the body of the handshake message; `None` when it is malformed.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut rest = Reader(body);
        let mut version = rest.u16()?;
        let random = rest.random()?;
        rest.short()?; // session identifier
        let suite = rest.u16()?;
        rest.take(1)?; // compression method
        each_extension(rest, |kind, value| {
            if kind == SUPPORTED_VERSIONS {
                version = Reader(value).u16().unwrap_or(version);
            }
        })?;
        Some(Self {
            random,
            version,
            suite,
            retry: random == RETRY,
        })
    }
}

/// Calls `found` for each extension; there may be none at all.
fn each_extension(mut rest: Reader<'_>, mut found: impl FnMut(u16, &[u8])) -> Option<()> {
    if rest.0.is_empty() {
        return Some(());
    }
    let mut extensions = Reader(rest.long()?);
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        found(kind, extensions.long()?);
    }
    Some(())
}

fn server_name(extension: &[u8]) -> Option<String> {
    let mut names = Reader(Reader(extension).long()?);
    while !names.0.is_empty() {
        let kind = names.take(1)?;
        let name = names.long()?;
        if kind == [0] {
            // What is shown to people must not hold control characters.
            let name = String::from_utf8_lossy(name);
            return Some(name.chars().filter(|c| !c.is_control()).collect());
        }
    }
    None
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn random(&mut self) -> Option<[u8; RANDOM]> {
        self.take(RANDOM)?.try_into().ok()
    }

    /// What stands behind one byte of length.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = *self.take(1)?.first()?;
        self.take(length.into())
    }

    /// What stands behind two bytes of length.
    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_server_name() {
        let name = b"broker.example";
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0]);
        body.extend([0, 27, 0, 0, 0, 19, 0, 17, 0, 0, 14]);
        body.extend(name);
        body.extend([0, 42, 0, 0]);
        let hello = ClientHello::parse(&body).unwrap();
        assert_eq!(hello.server_name.as_deref(), Some("broker.example"));
        assert_eq!(hello.random, [7; 32]);
        assert!(hello.early_data);
        for length in 0..body.len() {
            // Without its extensions it is a good ClientHello, too.
            assert_eq!(ClientHello::parse(&body[..length]).is_some(), length == 41, "{length}");
        }
    }

    #[test]
    fn tells_the_versions_apart() {
        let mut body = vec![3, 3];
        body.extend([9; 32]);
        body.extend([0, 0xc0, 0x2f, 0]);
        assert_eq!(ServerHello::parse(&body).unwrap().version, 0x0303);
        body.extend([0, 6, 0, 43, 0, 2, 3, 4]);
        let hello = ServerHello::parse(&body).unwrap();
        assert_eq!((hello.version, hello.suite, hello.retry), (0x0304, 0xc02f, false));
        body[2..34].copy_from_slice(&RETRY);
        assert!(ServerHello::parse(&body).unwrap().retry);
    }
}
