//! What an input is when it is no packet data, by its first bytes. It must not know MQTT.

/// Beginnings, none of which is that of a packet: the flags, or what follows, are none of MQTT.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"\xfd7zXZ\0", "compressed by xz (xz -dc unpacks it)"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd (zstd -dc unpacks it)"),
    (b"BZh", "compressed by bzip2 (bzip2 -dc unpacks it)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"snoop\0\0\0", "a capture of snoop (editcap turns it into pcap)"),
    (b"GMBU", "a capture of Network Monitor (editcap turns it into pcap)"),
    (b"SSH-2.0-", "SSH"),
];

/// Methods of HTTP requests, and its answers.
const HTTP: &[&[u8]] = &[
    b"HTTP/1.",
    b"GET /",
    b"POST /",
    b"PUT /",
    b"HEAD /",
    b"DELETE /",
    b"OPTIONS ",
    b"CONNECT ",
];

/// What it is, to stand behind "is".
pub(super) fn name(first: &[u8]) -> Option<&'static str> {
    // The version that it takes to unpack a zip archive: a PUBREC has a reason code there, and then no zero.
    if matches!(first, [b'P', b'K', 3, 4, 10..=63, 0, ..]) {
        return Some("a zip archive (unzip -p unpacks it)");
    }
    // A handshake record with ClientHello or ServerHello (RFC 8446, sections 4 and 5.1).
    if matches!(first, [0x16, 3, 0..=4, _, _, 1 | 2, ..]) {
        return Some("TLS: what is in it can be read from a capture, with --keylog");
    }
    let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let asks = line.windows(8).any(|word| word == b" HTTP/1.");
    if HTTP.iter().any(|begin| first.starts_with(begin)) && (asks || line.starts_with(b"HTTP/")) {
        return Some("HTTP");
    }
    let known = BEGINNINGS.iter().find(|(begin, _)| first.starts_with(begin));
    known.map(|(_, name)| *name)
}

/// Whether a file's name promises a capture that is not compressed.
pub(super) fn is_called_capture(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    [".pcap", ".pcapng", ".cap"].iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_nothing_else() {
        for packet in [
            &b"\x10\x13\0\x04MQTT\x04\x02\0<\0\x07python1"[..],
            // As long as the name of a zip archive asks for, with each reason code of a PUBREC.
            b"PK\x03\x04\x00\x47",
            b"PK\x03\x04\x10\x47",
            b"PK\x03\x04\x97\x47",
            b"\x16",
            b"\x16\x03",
            b"",
        ] {
            assert_eq!(name(packet), None, "{packet:x?}");
        }
        // Text that only mentions it.
        assert_eq!(name(b"GET / of c0 00"), None);
        assert_eq!(name(b"CONNECT c0 00"), None);
    }
}
