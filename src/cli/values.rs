//! Values on the command line: durations, versions, properties. Pure. It must not know which flags they belong to.

use super::Usage;
use crate::input::encoding::Encoding;
use crate::net::TlsPin;
use crate::protocol::property::{Place, PropertyType};
use crate::protocol::{PacketType, Properties, PropertyId, PropertyValue, QoS, RetainHandling, Utf8, Version, topic};
use bytes::Bytes;
use std::fmt::Display;
use std::ops::Not;
use std::str::FromStr;
use std::time::Duration;

/// Makes types values of flags: the command line and all other places read their text with `FromStr`.
macro_rules! flag_values {
    ($($type:ty),* $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::cli::settings::typed::from_text(deserializer)
            }
        }
    )*};
}
pub(crate) use flag_values;

flag_values! { Time, VersionChoice, Positive<u16>, Positive<u32>, Positive<u64>, QoS, TopicName, TopicFilter, RetainHandling, Utf8, Expiry, Delimiter, Speed, TlsPin }

/// A duration: `250ms`, `1m 30s`; a bare number is seconds.
#[derive(Debug, Clone, Copy)]
pub struct Time(pub Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = match text.parse::<f64>() {
            Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| "must be 0 or more seconds".to_owned()),
            Err(_) => {
                humantime::parse_duration(text).map_err(|error| format!("{error} (examples: 250ms, 10s, 1m 30s, 10)"))
            }
        };
        time.map(Self)
    }
}

/// A protocol version as `-V` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionChoice {
    /// 5, and 3.1.1 when the broker does not speak it.
    Auto,
    /// This one.
    Fixed(Version),
}

impl FromStr for VersionChoice {
    type Err = &'static str;

    /// `auto`, `5`, `311`, `31`, and Mosquitto's `mqttv5`, `mqttv311`, `mqttv31`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("mqttv").unwrap_or(text) {
            "auto" => Ok(Self::Auto),
            "5" | "5.0" => Ok(Self::Fixed(Version::V5)),
            "311" | "3.1.1" => Ok(Self::Fixed(Version::V311)),
            "31" | "3.1" => Ok(Self::Fixed(Version::V31)),
            _ => Err("must be auto, 5, 311 or 31"),
        }
    }
}

/// A whole number that is not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Positive<T>(pub T);

impl<T: FromStr + Default + PartialOrd + Not<Output = T> + Display> FromStr for Positive<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| *number > T::default());
        let most = !T::default();
        number
            .map(Self)
            .ok_or_else(|| format!("must be a whole number from 1 to {most}"))
    }
}

impl FromStr for QoS {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bits = text.parse().ok();
        bits.and_then(Self::from_bits).ok_or("must be 0, 1 or 2")
    }
}

/// A topic name to publish to.
#[derive(Debug, Clone)]
pub struct TopicName(pub Utf8);

impl FromStr for TopicName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        topic::check_name(text).map_err(|error| format!("a topic name {error}"))?;
        text.parse().map(Self)
    }
}

/// A topic filter to subscribe to.
#[derive(Debug, Clone)]
pub struct TopicFilter(pub Utf8);

impl FromStr for TopicFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        topic::check_filter(text).map_err(|error| format!("a topic filter {error}"))?;
        text.parse().map(Self)
    }
}

impl FromStr for RetainHandling {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "always" => Ok(Self::SendAlways),
            "new" => Ok(Self::SendIfNew),
            "never" => Ok(Self::DoNotSend),
            _ => Err("must be always, new or never"),
        }
    }
}

impl FromStr for Utf8 {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::new(text).map_err(|error| error.to_string())
    }
}

/// A session expiry interval in seconds; `-1`, `infinite` and `∞` never expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry(pub u32);

impl FromStr for Expiry {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = match (text, text.strip_prefix("0x")) {
            ("-1" | "infinite" | "∞", _) => Ok(u32::MAX),
            // Mosquitto takes hexadecimal numbers here.
            (_, Some(digits)) => u32::from_str_radix(digits, 16),
            _ => text.parse(),
        };
        seconds
            .map(Self)
            .map_err(|_| "must be seconds, 0 to 4294967295, or infinite")
    }
}

/// What ends a line: one ASCII character, or `\\0`, `\\t`, `\\n`, `\\r`, `\\\\`, `\\x1e`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiter(pub u8);

impl FromStr for Delimiter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let byte = match text.as_bytes() {
            [byte] if byte.is_ascii() && *byte != b'\\' => Some(*byte),
            [b'\\', b'0'] => Some(0),
            [b'\\', b't'] => Some(b'\t'),
            [b'\\', b'n'] => Some(b'\n'),
            [b'\\', b'r'] => Some(b'\r'),
            [b'\\', b'\\'] => Some(b'\\'),
            [b'\\', b'x', digits @ ..] if digits.len() == 2 => Encoding::Hex
                .decode(digits)
                .ok()
                .and_then(|bytes| bytes.first().copied()),
            _ => None,
        };
        byte.map(Self)
            .ok_or("must be one ASCII character, or \\0, \\t, \\n, \\r, \\\\, or \\x and two hex digits")
    }
}

/// How many times as fast as recorded; nothing is 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed(pub f64);

impl FromStr for Speed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let speed = if text.is_empty() { Some(1.0) } else { text.parse().ok() };
        let speed = speed.filter(|speed| f64::is_finite(*speed) && *speed > 0.0);
        speed.map(Self).ok_or("must be a number above 0, such as 0.5, 1 or 10")
    }
}

/// The properties of `-D PACKET NAME VALUE [VALUE2]`, by the packet they go into.
#[derive(Debug, Clone, Default)]
pub struct PropertyFlags(Vec<(Place, PropertyId, PropertyValue)>);

const PACKETS: &[(&str, Place)] = &[
    ("connect", Place::Packet(PacketType::Connect)),
    ("publish", Place::Packet(PacketType::Publish)),
    ("subscribe", Place::Packet(PacketType::Subscribe)),
    ("unsubscribe", Place::Packet(PacketType::Unsubscribe)),
    ("disconnect", Place::Packet(PacketType::Disconnect)),
    ("auth", Place::Packet(PacketType::Auth)),
    ("will", Place::Will),
];

impl PropertyFlags {
    /// Adds the words of one `-D`.
    ///
    /// # Errors
    /// [`Usage`] that names the word at fault and what it may be.
    pub fn add(&mut self, words: &[String]) -> Result<(), Usage> {
        let [packet, name, values @ ..] = words else {
            return Err(Usage::Bad("-D wants PACKET NAME VALUE".to_owned()));
        };
        let bad = |what: String| Usage::Bad(format!("-D {packet} {name}: {what}"));
        let Some((_, place)) = PACKETS.iter().find(|(known, _)| known.eq_ignore_ascii_case(packet)) else {
            let known: Vec<_> = PACKETS.iter().map(|(name, _)| *name).collect();
            return Err(bad(format!("the packet must be one of {}", known.join(", "))));
        };
        let allowed = || {
            PropertyId::ALL
                .iter()
                .filter(|id| id.allowed_at(*place))
                .map(|id| id.name())
        };
        let Some(id) = PropertyId::from_name(name).filter(|id| id.allowed_at(*place)) else {
            return Err(bad(format!(
                "{packet} may carry {}",
                allowed().collect::<Vec<_>>().join(", ")
            )));
        };
        // Only a broker sends it: it says which subscriptions matched.
        if (id, *place) == (PropertyId::SubscriptionIdentifier, Place::Packet(PacketType::Publish)) {
            return Err(bad("only a broker sends this".to_owned()));
        }
        let value = property_value(id, values).map_err(bad)?;
        let mut together = self.at(*place);
        together.push(id, value.clone());
        together.check(*place).map_err(|error| bad(error.to_string()))?;
        self.0.push((*place, id, value));
        Ok(())
    }

    /// The properties for one packet, in the order of the command line.
    #[must_use]
    pub fn at(&self, place: Place) -> Properties {
        let chosen = self.0.iter().filter(|(other, ..)| *other == place);
        chosen.map(|(_, id, value)| (*id, value.clone())).collect()
    }

    /// Refuses properties of packets that a command never sends.
    ///
    /// # Errors
    /// [`Usage`] that names the packet.
    pub fn only_for(&self, places: &[Place]) -> Result<(), Usage> {
        match self.0.iter().find(|(place, ..)| !places.contains(place)) {
            None => Ok(()),
            Some((place, id, _)) => {
                let found = PACKETS.iter().find(|(_, known)| known == place);
                let packet = found.map_or("", |(name, _)| *name);
                Err(Usage::Bad(format!(
                    "-D {packet} {id}: this command sends no such packet"
                )))
            }
        }
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn property_value(id: PropertyId, values: &[String]) -> Result<PropertyValue, String> {
    let pair = id.value_type() == PropertyType::Pair;
    let (value, second) = match values {
        [value] if !pair => (value, None),
        [key, value] if pair => (key, Some(value)),
        _ if pair => return Err("wants KEY VALUE".to_owned()),
        _ => return Err("wants one value".to_owned()),
    };
    Ok(match id.value_type() {
        PropertyType::Byte => PropertyValue::Byte(number(value, u8::MAX)?),
        PropertyType::U16 => PropertyValue::U16(number(value, u16::MAX)?),
        PropertyType::U32 => PropertyValue::U32(number(value, u32::MAX)?),
        PropertyType::Varint => PropertyValue::Varint(number(value, 268_435_455)?),
        PropertyType::Text => PropertyValue::Text(value.parse()?),
        PropertyType::Binary => PropertyValue::Binary(binary(value)?),
        PropertyType::Pair => PropertyValue::Pair(value.parse()?, second.map_or("", String::as_str).parse()?),
    })
}

fn number<T: FromStr + PartialOrd + Display>(text: &str, most: T) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| format!("`{text}` is not a number from 0 to {most}"))
}

/// The bytes of the text, or those that `hex:…` and `base64:…` stand for.
fn binary(text: &str) -> Result<Bytes, String> {
    for (prefix, encoding) in [("hex:", Encoding::Hex), ("base64:", Encoding::Base64)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let bytes = encoding.decode(digits.as_bytes());
            return bytes.map(Bytes::from).map_err(|error| format!("`{digits}` {error}"));
        }
    }
    Ok(Bytes::copy_from_slice(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_humane_and_bare_numbers_are_seconds() {
        let time = |text: &str| text.parse().map(|Time(time)| time);
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(time("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(time("10"), Ok(Duration::from_secs(10)));
        assert_eq!(time("0.5"), Ok(Duration::from_millis(500)));
        assert!(time("-1").is_err() && time("soon").is_err());
    }

    #[test]
    fn a_property_stands_once_unless_it_may_stand_more_often() {
        let mut flags = one(&["connect", "receive-maximum", "5"]).unwrap();
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let error = flags.add(&words(&["connect", "receive-maximum", "6"])).unwrap_err();
        assert!(error.to_string().contains("more than once"), "{error}");
        flags.add(&words(&["connect", "user-property", "k", "v"])).unwrap();
        flags.add(&words(&["connect", "user-property", "k", "v"])).unwrap();
        let error = flags.only_for(&[Place::Will]).unwrap_err();
        assert!(error.to_string().starts_with("-D connect receive-maximum: "), "{error}");
        assert!(flags.only_for(&[Place::Packet(PacketType::Connect)]).is_ok());
    }

    #[test]
    fn delimiters_are_characters_and_escapes() {
        for (text, byte) in [
            (";", b';'),
            ("\\0", 0),
            ("\\t", b'\t'),
            ("\\n", b'\n'),
            ("\\r", b'\r'),
            ("\\\\", b'\\'),
            ("\\x1e", 0x1e),
            ("\\xFF", 0xff),
        ] {
            assert_eq!(text.parse(), Ok(Delimiter(byte)), "{text}");
        }
        for text in ["", "ab", "é", "\\", "\\q", "\\x1", "\\x1e0", "x1e"] {
            assert!(text.parse::<Delimiter>().is_err(), "{text}");
        }
    }

    #[test]
    fn speeds_are_above_nothing() {
        assert_eq!("0.5".parse(), Ok(Speed(0.5)));
        for text in ["0", "-1", "inf", "NaN", "fast"] {
            assert!(text.parse::<Speed>().is_err(), "{text}");
        }
    }

    #[test]
    fn session_expiry_is_a_number_or_never() {
        for (text, seconds) in [
            ("5", 5),
            ("0x10", 16),
            ("-1", u32::MAX),
            ("infinite", u32::MAX),
            ("∞", u32::MAX),
        ] {
            assert_eq!(text.parse(), Ok(Expiry(seconds)), "{text}");
        }
        assert!("5s".parse::<Expiry>().is_err());
    }

    fn one(words: &[&str]) -> Result<PropertyFlags, Usage> {
        let mut flags = PropertyFlags::default();
        flags.add(&words.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        Ok(flags)
    }

    #[test]
    fn properties_are_spelt_as_mosquitto_spells_them() {
        let flags = one(&["PUBLISH", "Content-Type", "text/plain"]).unwrap();
        let properties = flags.at(Place::Packet(PacketType::Publish));
        assert_eq!(
            properties.text(PropertyId::ContentType),
            Some(Utf8::new("text/plain").unwrap())
        );
        let flags = one(&["connect", "user-property", "k", "v"]).unwrap();
        assert_eq!(
            flags.at(Place::Packet(PacketType::Connect)).user_properties().count(),
            1
        );
        for (text, bytes) in [
            ("hex:00ff", &[0, 0xff][..]),
            ("base64:AP8=", &[0, 0xff]),
            ("base64:AP8", &[0, 0xff]),
            ("cd", b"cd"),
        ] {
            let flags = one(&["publish", "correlation-data", text]).unwrap();
            let properties = flags.at(Place::Packet(PacketType::Publish));
            assert_eq!(
                properties.binary(PropertyId::CorrelationData).unwrap()[..],
                *bytes,
                "{text}"
            );
        }
    }

    #[test]
    fn bad_properties_say_what_is_wrong() {
        for (words, part) in [
            (&["pub", "content-type", "x"][..], "must be one of connect"),
            (
                &["publish", "will-delay-interval", "1"],
                "publish may carry payload-format-indicator",
            ),
            (&["publish", "topic-alias", "65536"], "not a number from 0 to 65535"),
            (&["publish", "topic-alias", "0"], "out of range"),
            (&["publish", "payload-format-indicator", "2"], "out of range"),
            (&["publish", "user-property", "k"], "wants KEY VALUE"),
            (&["publish", "content-type", "a", "b"], "wants one value"),
            (&["publish", "correlation-data", "hex:0"], "is not hex"),
            (&["publish", "correlation-data", "base64:?"], "not base64"),
            (&["publish", "subscription-identifier", "1"], "only a broker"),
            (&["connect", "receive-maximum", "0"], "out of range"),
            (&["connect", "maximum-packet-size", "0"], "out of range"),
            (&["connect", "request-problem-information", "2"], "out of range"),
            (
                &["subscribe", "subscription-identifier", "268435456"],
                "from 0 to 268435455",
            ),
            (&["will", "will-delay-interval", "4294967296"], "from 0 to 4294967295"),
            (&["disconnect", "session-expiry-interval", "-1"], "from 0 to 4294967295"),
            (&["publish", "response-topic", "a/+"], "out of range"),
        ] {
            let error = one(words).unwrap_err().to_string();
            assert!(error.contains(part), "{words:?}: {error}");
        }
    }
}
