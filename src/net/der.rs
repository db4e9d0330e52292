//! Dates and public key of an X.509 certificate (RFC 5280), which rustls keeps to itself. A strict reader of just that
//! much DER; must not know what the dates are compared with.

use std::time::Duration;

use rustls::pki_types::UnixTime;

/// What stands in a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    /// The first moment at which it is valid.
    pub(super) not_before: UnixTime,
    /// The last one.
    pub(super) not_after: UnixTime,
    /// The SubjectPublicKeyInfo with its header: what the pin of a key is made of.
    pub(super) public_key: &'a [u8],
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`
const VERSION: u8 = 0xa0;

/// `None` when it is no certificate.
pub(super) fn parts(certificate: &[u8]) -> Option<Parts<'_>> {
    let mut outer = Reader(certificate);
    let mut signed = Reader(outer.take(SEQUENCE)?.contents);
    let mut body = Reader(signed.take(SEQUENCE)?.contents);
    if body.0.first() == Some(&VERSION) {
        body.take(VERSION)?;
    }
    // Serial number, algorithm of the signature, issuer.
    body.take(INTEGER)?;
    body.take(SEQUENCE)?;
    body.take(SEQUENCE)?;
    let mut validity = Reader(body.take(SEQUENCE)?.contents);
    let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
    let _subject = body.take(SEQUENCE)?;
    let public_key = body.take(SEQUENCE)?.whole;
    (outer.0.is_empty() && validity.0.is_empty()).then_some(Parts {
        not_before,
        not_after,
        public_key,
    })
}

struct Reader<'a>(&'a [u8]);

struct Element<'a> {
    whole: &'a [u8],
    contents: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The next element, which must have this tag. Lengths are definite, as short as can be, and below 16 MB.
    fn take(&mut self, tag: u8) -> Option<Element<'a>> {
        let start = self.0;
        let (&[found, first], rest) = start.split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
                let shortest = bytes.first() != Some(&0) && length >= 0x80;
                (Some(length).filter(|_| shortest)?, rest)
            }
            _ => return None,
        };
        let (contents, after) = rest.split_at_checked(length)?;
        self.0 = after;
        (found == tag).then_some(Element {
            whole: &start[..start.len() - after.len()],
            contents,
        })
    }
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`: RFC 5280, section 4.1.2.5, allows no other forms.
fn time(reader: &mut Reader<'_>) -> Option<UnixTime> {
    let long = reader.0.first() == Some(&GENERALIZED_TIME);
    let text = reader.take(if long { GENERALIZED_TIME } else { UTC_TIME })?.contents;
    let digits = text.strip_suffix(b"Z")?;
    if digits.len() != if long { 14 } else { 12 } || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let (year, rest) = digits.split_at(digits.len() - 10);
    let year = match (long, number(year)) {
        (true, year) => year,
        (false, year @ 0..=49) => 2000 + year,
        (false, year) => 1900 + year,
    };
    let mut fields = rest.chunks(2).map(number);
    let mut field = || fields.next();
    let (month, day, hour, minute, second) = (field()?, field()?, field()?, field()?, field()?);
    if hour >= 24 || minute >= 60 || second >= 60 {
        return None;
    }
    let days = days(year, month, day)?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar; `None` when there is no such day, or it is earlier.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let index = usize::try_from(month.checked_sub(1)?).ok()?;
    if day == 0 || day > *lengths.get(index)? {
        return None;
    }
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let years = 365 * year.checked_sub(1970)? + leap_days(year - 1) - leap_days(1969);
    Some(years + lengths[..index].iter().sum::<u64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PublicKeyData, date_time_ymd};

    use super::*;

    fn made(from: (i32, u8, u8), until: (i32, u8, u8)) -> (Vec<u8>, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        let certificate = params.self_signed(&key).unwrap();
        (certificate.der().to_vec(), key.subject_public_key_info())
    }

    fn seconds(time: UnixTime) -> u64 {
        time.as_secs()
    }

    #[test]
    fn dates_and_key_of_a_certificate() {
        // The second one is written in the longer form.
        let (der, key) = made((2020, 2, 29), (2050, 3, 1));
        let parts = parts(&der).unwrap();
        assert_eq!(seconds(parts.not_before), 1_582_934_400);
        assert_eq!(seconds(parts.not_after), 2_529_705_600);
        assert_eq!(parts.public_key, key);
    }

    #[test]
    fn no_damage_does_any_harm() {
        let (der, _) = made((2020, 1, 1), (2049, 12, 31));
        for end in 0..der.len() {
            assert_eq!(parts(&der[..end]), None, "{end} bytes");
        }
        assert_eq!(parts(&[&der[..], &[0]].concat()), None);
        for at in 0..der.len() {
            for value in [0, 1, 0x30, 0x7f, 0x80, 0x81, 0x84, 0xff] {
                let mut damaged = der.clone();
                damaged[at] = value;
                // Most of it does not matter here: only that it ends.
                let _ = parts(&damaged);
            }
        }
    }

    #[test]
    fn lengths_are_strict() {
        for bytes in [
            &b""[..],
            b"\x30",
            b"\x30\x80\x00\x00",
            b"\x30\x81\x05aaaaa",
            b"\x30\x82\x00\x85",
            b"\x30\x84\x00\x00\x00\x01a",
            b"\x30\xff",
            b"\x30\x05a",
            b"\x31\x01a",
        ] {
            assert!(Reader(bytes).take(SEQUENCE).is_none(), "{bytes:02x?}");
        }
        let long = [b"\x30\x81\x80".as_slice(), &[7; 0x80]].concat();
        let element = Reader(&long).take(SEQUENCE).unwrap();
        assert_eq!((element.whole.len(), element.contents.len()), (0x83, 0x80));
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        let read = |tag: u8, text: &str| {
            let bytes = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            time(&mut Reader(&bytes)).map(seconds)
        };
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "000228235959Z", Some(951_782_399)),
            (UTC_TIME, "000229000000Z", Some(951_782_400)),
            (UTC_TIME, "200203000000Z", Some(1_580_688_000)),
            (GENERALIZED_TIME, "20000301000000Z", Some(951_868_800)),
            (GENERALIZED_TIME, "21000228235959Z", Some(4_107_542_399)),
            (GENERALIZED_TIME, "21000301000000Z", Some(4_107_542_400)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (GENERALIZED_TIME, "00000101000000Z", None),
            (GENERALIZED_TIME, "21000229000000Z", None),
            (UTC_TIME, "500101000000Z", None),
            (UTC_TIME, "201301000000Z", None),
            (UTC_TIME, "200001000000Z", None),
            (UTC_TIME, "200100000000Z", None),
            (UTC_TIME, "200101240000Z", None),
            (UTC_TIME, "200101006000Z", None),
            (UTC_TIME, "200101000060Z", None),
            (UTC_TIME, "2001010000Z", None),
            (UTC_TIME, "200101000000+0100", None),
            (UTC_TIME, "20010100000+Z", None),
            (UTC_TIME, "20000301000000Z", None),
            (INTEGER, "200101000000Z", None),
        ] {
            assert_eq!(read(tag, text), expected, "{tag:02x} {text}");
        }
    }
}
