//! The pin of a certificate or of a key: its SHA-256, in the forms in which tools write it. Must not know what is
//! trusted because of it.

use std::fmt;
use std::str::FromStr;

use ring::digest;

use crate::base64;

/// The SHA-256 of a certificate's DER, or of its SubjectPublicKeyInfo.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TlsPin([u8; LENGTH]);

const LENGTH: usize = 32;

impl TlsPin {
    /// The pin of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut pin = [0; LENGTH];
        pin.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(pin)
    }
}

/// The text is not a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pin is written sha256: and 64 hexadecimal digits, or sha256// and 44 characters of base64")]
pub struct PinError;

impl FromStr for TlsPin {
    type Err = PinError;

    /// `sha256:` or, as curl has it, `sha256//`; then hexadecimal digits, with or without colons between the bytes, or
    /// base64.
    fn from_str(text: &str) -> Result<Self, PinError> {
        let (name, rest) = text.split_at_checked(6).ok_or(PinError)?;
        let rest = rest.strip_prefix("//").or_else(|| rest.strip_prefix(':'));
        let rest = rest.filter(|_| name.eq_ignore_ascii_case("sha256")).ok_or(PinError)?;
        let bytes = from_hex(rest).or_else(|| base64::decode(rest.as_bytes()).ok());
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(PinError)
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let step = if text.as_bytes().get(2) == Some(&b':') { 3 } else { 2 };
    let pairs = text.as_bytes().chunks(step);
    pairs
        .enumerate()
        .map(|(index, pair)| {
            let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
            let last = index == LENGTH - 1;
            // A colon stands between two bytes, and nowhere else.
            let fits = step == 2
                || if last {
                    pair.len() == 2
                } else {
                    pair.get(2) == Some(&b':')
                };
            u8::try_from(digit(0)? << 4 | digit(1)?).ok().filter(|_| fits)
        })
        .collect()
}

impl fmt::Display for TlsPin {
    /// `sha256:` and lower-case hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TlsPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_pin_has_several_forms() {
        let pin = TlsPin::of(b"abc");
        assert_eq!(pin.to_string(), format!("sha256:{ABC}"));
        let pairs: Vec<_> = ABC
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).unwrap())
            .collect();
        let colons = pairs.join(":");
        for text in [
            pin.to_string(),
            format!("SHA256:{}", ABC.to_uppercase()),
            format!("sha256:{}", colons.to_uppercase()),
            format!("sha256//{colons}"),
            "sha256//ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".to_owned(),
            "sha256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".to_owned(),
        ] {
            assert_eq!(text.parse(), Ok(pin), "{text}");
        }
        for text in [
            String::new(),
            "sha256".to_owned(),
            "sha256:".to_owned(),
            ABC.to_owned(),
            format!("sha1:{ABC}"),
            format!("sha256:{}", &ABC[1..]),
            format!("sha256:{ABC}00"),
            format!("sha256:{}", ABC.replace('b', "g")),
            format!("sha256:{colons}:"),
            format!("sha256:{}", colons.replacen(':', "-", 3)),
            format!("sha256:{}", colons.replace(':', "") + ":"),
            "sha256//ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0".to_owned() + "x==",
            "äöüäöü".to_owned(),
        ] {
            assert_eq!(text.parse::<TlsPin>(), Err(PinError), "{text}");
        }
    }
}
