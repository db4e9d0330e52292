//! The keys of a JSON object, taken one by one by type; what is left over is an error. It must not know packets.

use super::{About, BASE64_SUFFIX, Key, MASK_SUFFIX, Members, Problem, key, keys};
use crate::protocol::{PacketId, PacketType, QoS, RetainHandling, Subscription, Utf8, Version, Will};
use bytes::Bytes;
use serde_json::{Map, Value};

/// An object of which keys are taken.
pub(crate) struct Object {
    /// Before each key in messages: `will.`.
    path: String,
    members: Map<String, Value>,
    /// The keys that were asked for.
    asked: Vec<&'static str>,
    pub(super) about: About<'static>,
    /// Whether the line says its version.
    pub(super) has_version: bool,
}

impl Object {
    /// The object of a line, whose version is `default` when it does not say one.
    pub(crate) fn parse(line: &[u8], default: Version) -> Result<Self, Problem> {
        let members = serde_json::from_slice(line).map_err(|error| {
            // Only the column means something in a line.
            let text = error.to_string();
            let what = text.split(" at line ").next().unwrap_or_default();
            Problem::Syntax(format!("{what} at column {}", error.column()))
        })?;
        let about = About {
            version: default,
            packet: PacketType::Publish,
            show_secrets: true,
            alias_topic: None,
        };
        match members {
            Value::Object(members) => Ok(Self::new(String::new(), members, about)),
            _ => Err(Problem::NotAnObject),
        }
    }

    /// The object that is the value of a key.
    pub(super) fn of(name: &str, value: Value, about: About<'static>) -> Result<Self, Problem> {
        match value {
            Value::Object(members) => Ok(Self::new(format!("{name}."), members, about)),
            _ => Err(Problem::value(name, "must be an object")),
        }
    }

    fn new(path: String, members: Map<String, Value>, about: About<'static>) -> Self {
        Self {
            path,
            members,
            asked: Vec::new(),
            about,
            has_version: false,
        }
    }

    /// The version that the line says, else the default.
    pub(crate) fn version(&mut self) -> Result<Version, Problem> {
        if let Some(name) = self.get::<String>(keys::VERSION)? {
            let named = |version: &&Version| version.name() == name || name == "5" && **version == Version::V5;
            let version = Version::ALL.iter().find(named);
            let wrong = || Problem::value(keys::VERSION, "must be \"3.1\", \"3.1.1\" or \"5.0\"");
            self.about.version = *version.ok_or_else(wrong)?;
            self.has_version = true;
        }
        Ok(self.about.version)
    }

    pub(crate) fn has(&self, key: Key) -> bool {
        self.members.get(key.name()).is_some_and(|value| !value.is_null())
    }

    /// Whether the key is there, if only as `null`.
    pub(crate) fn mentions(&self, key: Key) -> bool {
        self.members.contains_key(key.name())
    }

    /// What stands before each key in messages, and the keys in order with their values.
    pub(super) fn into_entries(self) -> (String, impl Iterator<Item = (String, Value)>) {
        (self.path, self.members.into_iter())
    }

    /// The key as messages name it.
    pub(super) fn name(&self, key: Key) -> String {
        format!("{}{}", self.path, key.name())
    }

    /// The value of a key; `null` is as if it were not there.
    pub(super) fn take(&mut self, key: Key) -> Option<Value> {
        self.asked.push(key.name());
        self.members.remove(key.name()).filter(|value| !value.is_null())
    }

    pub(crate) fn get<T: Json>(&mut self, key: Key) -> Result<Option<T>, Problem> {
        let value = self.take(key);
        value
            .map(|value| T::read(&self.name(key), value, self.about))
            .transpose()
    }

    pub(super) fn missing(&self, key: Key) -> Problem {
        Problem::Missing(self.name(key))
    }

    /// The text of `KEY`, or the bytes of `KEY_base64`.
    pub(super) fn bytes(&mut self, key: Key) -> Result<Option<Bytes>, Problem> {
        let (name, bare) = (self.name(key), key.name());
        if self.members.remove(&format!("{bare}{MASK_SUFFIX}")) == Some(Value::Bool(true)) {
            return Err(Problem::Masked(name));
        }
        let encoded = self.members.remove(&format!("{bare}{BASE64_SUFFIX}"));
        match (self.get::<String>(key)?, encoded.filter(|value| !value.is_null())) {
            (text, None) => Ok(text.map(Bytes::from)),
            (None, Some(value)) => base64(&format!("{name}{BASE64_SUFFIX}"), &value).map(Some),
            (Some(_), Some(_)) => {
                let what = format!("and `{bare}{BASE64_SUFFIX}` are both there");
                Err(Problem::value(name, what))
            }
        }
    }

    /// A payload: text, bytes, `null` for none; other JSON stands for its text.
    pub(crate) fn payload(&mut self) -> Result<Bytes, Problem> {
        const KEY: Key = key!(payload);
        if !self.mentions(KEY) && !self.mentions(key!(payload_base64)) {
            return Err(self.missing(KEY));
        }
        if let Some(value) = self.members.get_mut(KEY.name()) {
            if !matches!(value, Value::Null | Value::String(_)) {
                *value = Value::String(value.to_string());
            }
        }
        Ok(self.bytes(KEY)?.unwrap_or_default())
    }

    /// Bytes in hexadecimal digits.
    pub(crate) fn hex(&mut self, key: Key) -> Result<Option<Vec<u8>>, Problem> {
        let Some(text) = self.get::<String>(key)? else {
            return Ok(None);
        };
        if text.contains('*') {
            return Err(Problem::Masked(self.name(key)));
        }
        let digit = |byte: &u8| u8::try_from(char::from(*byte).to_digit(16)?).ok();
        let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        });
        let bytes = pairs.collect::<Option<Vec<u8>>>().filter(|bytes| !bytes.is_empty());
        let wrong = || Problem::value(self.name(key), "must be pairs of hexadecimal digits");
        bytes.map(Some).ok_or_else(wrong)
    }

    /// Refuses keys that nobody asked for, but for those that `allowed` names.
    pub(crate) fn finish(self, what: &'static str, allowed: &[Key]) -> Result<(), Problem> {
        let unknown = |key: &&String| allowed.iter().all(|allowed| allowed.name() != *key);
        match self.members.keys().find(unknown) {
            None => Ok(()),
            Some(key) => Err(Problem::Unknown {
                key: format!("{}{key}", self.path),
                what,
                known: self.asked.join(", "),
            }),
        }
    }
}

/// A value that JSON has a notation for, both ways.
pub(crate) trait Json: Sized {
    fn write(&self, about: About<'_>, out: &mut Vec<u8>);
    /// `name` is the key as messages name it.
    fn read(name: &str, value: Value, about: About<'static>) -> Result<Self, Problem>;
}

impl Json for bool {
    fn write(&self, _: About<'_>, out: &mut Vec<u8>) {
        super::flag(*self, out);
    }

    fn read(name: &str, value: Value, _: About<'static>) -> Result<Self, Problem> {
        match (&value, value.as_u64()) {
            (Value::Bool(flag), _) => Ok(*flag),
            // As `mosquitto_sub -F %j` prints it.
            (_, Some(number @ 0..=1)) => Ok(number == 1),
            _ => Err(Problem::value(name, "must be true or false")),
        }
    }
}

/// An integer from 0 to `limit`.
pub(super) fn integer<T: TryFrom<u64>>(name: &str, value: &Value, limit: u64) -> Result<T, Problem> {
    let number = value.as_u64().filter(|number| *number <= limit);
    let number = number.and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| Problem::value(name, format!("must be a number from 0 to {limit}")))
}

macro_rules! integers {
    ($($integer:ident)*) => {$(
        impl Json for $integer {
            fn write(&self, _: About<'_>, out: &mut Vec<u8>) {
                super::number((*self).into(), out);
            }

            fn read(name: &str, value: Value, _: About<'static>) -> Result<Self, Problem> {
                integer(name, &value, Self::MAX.into())
            }
        }
    )*};
}

integers! { u8 u16 u32 }

impl Json for PacketId {
    fn write(&self, about: About<'_>, out: &mut Vec<u8>) {
        self.get().write(about, out);
    }

    fn read(name: &str, value: Value, about: About<'static>) -> Result<Self, Problem> {
        Self::new(u16::read(name, value, about)?).ok_or_else(|| Problem::value(name, "must not be 0"))
    }
}

/// Two bits of which the standard forbids the value 3.
macro_rules! two_bits {
    ($($bits:ident)*) => {$(
        impl Json for $bits {
            fn write(&self, about: About<'_>, out: &mut Vec<u8>) {
                u8::from(*self).write(about, out);
            }

            fn read(name: &str, value: Value, _: About<'static>) -> Result<Self, Problem> {
                Ok(Self::from_bits(integer(name, &value, 2)?).unwrap_or_default())
            }
        }
    )*};
}

two_bits! { QoS RetainHandling }

impl Json for String {
    fn write(&self, _: About<'_>, out: &mut Vec<u8>) {
        super::string(self, out);
    }

    fn read(name: &str, value: Value, _: About<'static>) -> Result<Self, Problem> {
        match value {
            Value::String(text) => Ok(text),
            _ => Err(Problem::value(name, "must be a string")),
        }
    }
}

impl Json for Utf8 {
    fn write(&self, _: About<'_>, out: &mut Vec<u8>) {
        super::string(self, out);
    }

    fn read(name: &str, value: Value, about: About<'static>) -> Result<Self, Problem> {
        Self::new(String::read(name, value, about)?).map_err(|error| Problem::value(name, error.to_string()))
    }
}

/// An array that is not empty.
impl<T: Json> Json for Vec<T> {
    fn write(&self, about: About<'_>, out: &mut Vec<u8>) {
        super::list(self.iter(), out, |item, out| item.write(about, out));
    }

    fn read(name: &str, value: Value, about: About<'static>) -> Result<Self, Problem> {
        match value {
            Value::Array(values) if !values.is_empty() => {
                let items = values.into_iter().enumerate();
                let items = items.map(|(index, value)| T::read(&format!("{name}[{index}]"), value, about));
                items.collect()
            }
            _ => Err(Problem::value(name, "must be an array with at least one item")),
        }
    }
}

/// A part of a packet, which has no keys but those that are described.
macro_rules! parts {
    ($($part:ident = $name:literal;)*) => {$(
        impl Json for $part {
            fn write(&self, about: About<'_>, out: &mut Vec<u8>) {
                super::object(out, |out| Members::write(self, about, out));
            }

            fn read(name: &str, value: Value, about: About<'static>) -> Result<Self, Problem> {
                let mut object = Object::of(name, value, about)?;
                let part = <Self as Members>::read(&mut object)?;
                object.finish($name, &[])?;
                Ok(part)
            }
        }
    )*};
}

parts! {
    Will = "the will";
    Subscription = "a subscription";
}

/// Base64 in the standard or the URL alphabet, with or without padding.
pub(super) fn base64(name: &str, value: &Value) -> Result<Bytes, Problem> {
    let text = value.as_str().ok_or_else(|| Problem::value(name, "must be a string"))?;
    let bytes = crate::base64::decode(text.as_bytes());
    bytes
        .map(Bytes::from)
        .map_err(|_| Problem::value(name, "must be base64"))
}
