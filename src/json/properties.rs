//! The properties of a packet as a JSON object and back, by the property table. It must not know packets.

use super::About;
use super::object::{Json as _, Object, base64, integer};
use super::{BASE64_SUFFIX, Key, MASK_SUFFIX, Name as _, Problem, list, number, object, string};
use crate::protocol::property::PropertyType;
use crate::protocol::{Properties, PropertyId, PropertyValue, Utf8};
use bytes::Bytes;
use serde_json::Value;

/// All user properties are together under this key.
const USER_PROPERTIES: &str = "user-properties";

/// The object of all properties in wire order: user properties together at the place of the first one, several
/// subscription identifiers as an array. With `mask`, secrets are not shown.
pub(crate) fn write(properties: &Properties, mask: bool, out: &mut Vec<u8>) {
    let mut done: Vec<PropertyId> = Vec::new();
    object(out, |out| {
        for (id, value) in properties.iter() {
            if done.contains(&id) {
                continue;
            }
            done.push(id);
            match value {
                PropertyValue::Pair(..) => {
                    super::member::array(
                        USER_PROPERTIES,
                        properties.user_properties(),
                        out,
                        |(name, value), out| {
                            pair(&name, &value, out);
                        },
                    );
                }
                PropertyValue::Text(text) => super::member::string(id.name(), &text, out),
                PropertyValue::Binary(_) if mask && id.is_secret() => super::member::masked(id.name(), out),
                PropertyValue::Binary(data) => super::member::bytes(id.name(), &data, out),
                PropertyValue::Byte(_) | PropertyValue::U16(_) | PropertyValue::U32(_) | PropertyValue::Varint(_) => {
                    let same = || properties.iter().filter(|(other, _)| *other == id);
                    let numbers = || same().filter_map(|(_, value)| value.number());
                    id.name().put(out);
                    match value.number() {
                        Some(only) if numbers().count() == 1 => number(only.into(), out),
                        _ => list(numbers(), out, |value, out| number(value.into(), out)),
                    }
                }
            }
        }
    });
}

/// `{"name":"value"}`.
pub(crate) fn pair(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b'{');
    string(name, out);
    out.push(b':');
    string(value, out);
    out.push(b'}');
}

/// The properties that are the value of a key; `None` when it is not there.
pub(crate) fn read_from(key: Key, object: &mut Object) -> Result<Option<Properties>, Problem> {
    let value = object.take(key);
    let properties = value.map(|value| read(Object::of(&object.name(key), value, object.about)?));
    properties.transpose()
}

/// In the order of the object; whether they may stand in the packet is checked when it is written.
fn read(object: Object) -> Result<Properties, Problem> {
    let about = object.about;
    let (path, entries) = object.into_entries();
    let mut properties = Properties::new();
    for (key, value) in entries {
        let name = format!("{path}{key}");
        if key == USER_PROPERTIES || key == PropertyId::UserProperty.name() {
            user_properties(&name, value, about, &mut properties)?;
            continue;
        }
        if let Some(masked) = key.strip_suffix(MASK_SUFFIX) {
            // It stands behind the value that it tells of.
            match value {
                Value::Bool(true) => return Err(Problem::Masked(format!("{path}{masked}"))),
                _ => continue,
            }
        }
        let (bare, encoded) = match key.strip_suffix(BASE64_SUFFIX) {
            Some(bare) => (bare, true),
            None => (key.as_str(), false),
        };
        let id = PropertyId::from_name(bare).filter(|id| !encoded || id.value_type() == PropertyType::Binary);
        let id = id.ok_or_else(|| Problem::value(&name, "is no property"))?;
        // Several subscription identifiers are an array.
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            properties.push(id, property(id, encoded, &name, value, about)?);
        }
    }
    Ok(properties)
}

/// `[{"k":"v"},{"k":"w"}]`, or one object.
fn user_properties(
    name: &str,
    value: Value,
    about: About<'static>,
    properties: &mut Properties,
) -> Result<(), Problem> {
    let items = match value {
        Value::Array(items) => items,
        item => vec![item],
    };
    for item in items {
        for (key, value) in Object::of(name, item, about)?.into_entries().1 {
            let inner = format!("{name}.{key}");
            let key = Utf8::read(&inner, Value::String(key), about)?;
            properties.push(
                PropertyId::UserProperty,
                PropertyValue::Pair(key, Utf8::read(&inner, value, about)?),
            );
        }
    }
    Ok(())
}

fn property(
    id: PropertyId,
    encoded: bool,
    name: &str,
    value: Value,
    about: About<'static>,
) -> Result<PropertyValue, Problem> {
    Ok(match id.value_type() {
        PropertyType::Byte => PropertyValue::Byte(u8::read(name, value, about)?),
        PropertyType::U16 => PropertyValue::U16(u16::read(name, value, about)?),
        PropertyType::U32 => PropertyValue::U32(u32::read(name, value, about)?),
        PropertyType::Varint => PropertyValue::Varint(integer(name, &value, 268_435_455)?),
        PropertyType::Text => PropertyValue::Text(Utf8::read(name, value, about)?),
        PropertyType::Binary if encoded => PropertyValue::Binary(base64(name, &value)?),
        PropertyType::Binary => PropertyValue::Binary(Bytes::from(String::read(name, value, about)?)),
        PropertyType::Pair => return Err(Problem::value(name, "must be in `user-properties`")),
    })
}
