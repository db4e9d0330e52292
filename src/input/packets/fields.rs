//! The keys of a JSON object, taken one by one by type; what is left over is an error. It must not know packets.

use super::Problem;
use crate::protocol::Utf8;
use bytes::Bytes;
use serde_json::{Map, Value};

/// An object of which keys are taken.
pub(super) struct Fields {
    /// Before each key in messages: `will.`.
    path: String,
    object: Map<String, Value>,
    /// The keys that were asked for.
    asked: Vec<&'static str>,
}

impl Fields {
    /// The object of a line.
    pub(super) fn parse(line: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(line) {
            Ok(Value::Object(object)) => Ok(Self::new(String::new(), object)),
            Ok(_) => Err(Problem::NotAnObject),
            Err(error) => {
                // Only the column means something in a line.
                let text = error.to_string();
                let what = text.split(" at line ").next().unwrap_or_default();
                Err(Problem::Syntax(format!("{what} at column {}", error.column())))
            }
        }
    }

    fn new(path: String, object: Map<String, Value>) -> Self {
        let asked = Vec::new();
        Self { path, object, asked }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.object.get(key).is_some_and(|value| !value.is_null())
    }

    /// Whether the key is there, if only as `null`.
    pub(super) fn mentions(&self, key: &str) -> bool {
        self.object.contains_key(key)
    }

    /// The keys in order, with their values.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (String, Value)> {
        self.object.into_iter()
    }

    /// The key as messages name it.
    pub(super) fn name(&self, key: &str) -> String {
        format!("{}{key}", self.path)
    }

    /// The value of a key; `null` is as if it were not there.
    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.asked.push(key);
        self.object.remove(key).filter(|value| !value.is_null())
    }

    /// A value by one of the other methods, which must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        read: fn(&mut Self, &'static str) -> Result<Option<T>, Problem>,
    ) -> Result<T, Problem> {
        read(self, key)?.ok_or_else(|| Problem::Missing(self.name(key)))
    }

    pub(super) fn string(&mut self, key: &'static str) -> Result<Option<String>, Problem> {
        let value = self.take(key);
        value.map(|value| string(&self.name(key), value)).transpose()
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<Utf8>, Problem> {
        let value = self.take(key);
        value.map(|value| text(&self.name(key), value)).transpose()
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, Problem> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            // As `mosquitto_sub -F %j` prints it.
            Some(value) => match value.as_u64() {
                Some(number @ 0..=1) => Ok(Some(number == 1)),
                _ => Err(Problem::value(self.name(key), "must be true or false")),
            },
        }
    }

    pub(super) fn number(&mut self, key: &'static str, limit: u64) -> Result<Option<u64>, Problem> {
        let value = self.take(key);
        value.map(|value| number(&self.name(key), &value, limit)).transpose()
    }

    pub(super) fn number8(&mut self, key: &'static str) -> Result<Option<u8>, Problem> {
        let number = self.number(key, u8::MAX.into())?;
        Ok(number.and_then(|number| u8::try_from(number).ok()))
    }

    pub(super) fn number16(&mut self, key: &'static str) -> Result<Option<u16>, Problem> {
        let number = self.number(key, u16::MAX.into())?;
        Ok(number.and_then(|number| u16::try_from(number).ok()))
    }

    /// The text of `KEY`, or the bytes of `KEY_base64`.
    pub(super) fn bytes(&mut self, key: &'static str) -> Result<Option<Bytes>, Problem> {
        if self.object.remove(&format!("{key}_masked")) == Some(Value::Bool(true)) {
            return Err(Problem::Masked(self.name(key)));
        }
        let encoded_key = format!("{key}_base64");
        let encoded = self.object.remove(&encoded_key).filter(|value| !value.is_null());
        match (self.take(key), encoded) {
            (None, None) => Ok(None),
            (Some(value), None) => Ok(Some(Bytes::from(string(&self.name(key), value)?))),
            (None, Some(value)) => base64(&self.name(&encoded_key), value).map(Some),
            (Some(_), Some(_)) => Err(Problem::value(
                self.name(key),
                format!("and `{encoded_key}` are both there"),
            )),
        }
    }

    /// A payload: text, bytes, `null` for none; other JSON stands for its text.
    pub(super) fn payload(&mut self) -> Result<Bytes, Problem> {
        const KEY: &str = "payload";
        if !self.mentions(KEY) && !self.mentions("payload_base64") {
            return Err(Problem::Missing(self.name(KEY)));
        }
        match self.object.get(KEY) {
            Some(Value::Null | Value::String(_)) | None => Ok(self.bytes(KEY)?.unwrap_or_default()),
            Some(value) => {
                let text = value.to_string();
                self.object.insert(KEY.to_owned(), Value::String(text));
                Ok(self.bytes(KEY)?.unwrap_or_default())
            }
        }
    }

    /// Bytes in hexadecimal digits.
    pub(super) fn hex(&mut self, key: &'static str) -> Result<Option<Vec<u8>>, Problem> {
        let Some(text) = self.string(key)? else { return Ok(None) };
        if text.contains('*') {
            return Err(Problem::Masked(self.name(key)));
        }
        let digit = |byte: &u8| {
            char::from(*byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        });
        let bytes = pairs.collect::<Option<Vec<u8>>>().filter(|bytes| !bytes.is_empty());
        let wrong = || Problem::value(self.name(key), "must be pairs of hexadecimal digits");
        bytes.map(Some).ok_or_else(wrong)
    }

    pub(super) fn object(&mut self, key: &'static str) -> Result<Option<Self>, Problem> {
        let value = self.take(key);
        value.map(|value| object(&self.name(key), value)).transpose()
    }

    pub(super) fn objects(&mut self, key: &'static str) -> Result<Option<Vec<Self>>, Problem> {
        self.list(key, object)
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Result<Option<Vec<Utf8>>, Problem> {
        self.list(key, text)
    }

    pub(super) fn numbers8(&mut self, key: &'static str) -> Result<Option<Vec<u8>>, Problem> {
        self.list(key, |path, value| {
            let number = number(path, &value, u8::MAX.into())?;
            Ok(u8::try_from(number).unwrap_or_default())
        })
    }

    /// An array that is not empty.
    fn list<T>(
        &mut self,
        key: &'static str,
        item: impl Fn(&str, Value) -> Result<T, Problem>,
    ) -> Result<Option<Vec<T>>, Problem> {
        let name = self.name(key);
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(values)) if !values.is_empty() => {
                let items = values.into_iter().enumerate();
                let items = items.map(|(index, value)| item(&format!("{name}[{index}]"), value));
                items.collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Err(Problem::value(name, "must be an array with at least one item")),
        }
    }

    /// Refuses keys that nobody asked for, but for those that `allowed` names.
    pub(super) fn finish(self, what: &'static str, allowed: &[&str]) -> Result<(), Problem> {
        match self.object.keys().find(|key| !allowed.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(Problem::Unknown {
                key: self.name(key),
                what,
                known: self.asked.join(", "),
            }),
        }
    }
}

pub(super) fn string(name: &str, value: Value) -> Result<String, Problem> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Problem::value(name, "must be a string")),
    }
}

pub(super) fn text(name: &str, value: Value) -> Result<Utf8, Problem> {
    Utf8::new(string(name, value)?).map_err(|error| Problem::value(name, error.to_string()))
}

pub(super) fn number(name: &str, value: &Value, limit: u64) -> Result<u64, Problem> {
    let number = value.as_u64().filter(|number| *number <= limit);
    number.ok_or_else(|| Problem::value(name, format!("must be a number from 0 to {limit}")))
}

pub(super) fn object(name: &str, value: Value) -> Result<Fields, Problem> {
    match value {
        Value::Object(object) => Ok(Fields::new(format!("{name}."), object)),
        _ => Err(Problem::value(name, "must be an object")),
    }
}

/// Base64 in the standard or the URL alphabet, with or without padding.
pub(super) fn base64(name: &str, value: Value) -> Result<Bytes, Problem> {
    let text = string(name, value)?;
    let bytes = crate::base64::decode(text.as_bytes());
    bytes
        .map(Bytes::from)
        .map_err(|_| Problem::value(name, "must be base64"))
}
