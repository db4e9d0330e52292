//! The properties of a packet from their JSON object, by the property table. It must not know packets.

use super::Problem;
use super::fields::{self, Fields};
use crate::protocol::property::PropertyType;
use crate::protocol::{Properties, PropertyId, PropertyValue};
use bytes::Bytes;
use serde_json::Value;

/// In the order of the object; whether they may stand in the packet is checked when it is written.
pub(super) fn read(object: Fields) -> Result<Properties, Problem> {
    let path = object.name("");
    let mut properties = Properties::new();
    for (key, value) in object.into_entries() {
        let name = format!("{path}{key}");
        if matches!(key.as_str(), "user-properties" | "user-property") {
            user_properties(&name, value, &mut properties)?;
            continue;
        }
        if let Some(masked) = key.strip_suffix("_masked") {
            // It stands behind the value that it tells of.
            match value {
                Value::Bool(true) => return Err(Problem::Masked(format!("{path}{masked}"))),
                _ => continue,
            }
        }
        let (bare, encoded) = match key.strip_suffix("_base64") {
            Some(bare) => (bare, true),
            None => (key.as_str(), false),
        };
        let id = PropertyId::from_name(bare).filter(|id| !encoded || id.value_type() == PropertyType::Binary);
        let Some(id) = id else {
            return Err(Problem::value(name, "is no property"));
        };
        match value {
            // Several subscription identifiers.
            Value::Array(values) => {
                for value in values {
                    properties.push(id, property(id, encoded, &name, value)?);
                }
            }
            value => properties.push(id, property(id, encoded, &name, value)?),
        }
    }
    Ok(properties)
}

/// `[{"k":"v"},{"k":"w"}]`, or one object.
fn user_properties(name: &str, value: Value, properties: &mut Properties) -> Result<(), Problem> {
    let items = match value {
        Value::Array(items) => items,
        item => vec![item],
    };
    for item in items {
        for (key, value) in fields::object(name, item)?.into_entries() {
            let inner = format!("{name}.{key}");
            let key = fields::text(&inner, Value::String(key))?;
            let value = fields::text(&inner, value)?;
            properties.push(PropertyId::UserProperty, PropertyValue::Pair(key, value));
        }
    }
    Ok(())
}

fn property(id: PropertyId, encoded: bool, name: &str, value: Value) -> Result<PropertyValue, Problem> {
    let number = |limit: u32| {
        let number = fields::number(name, &value, limit.into())?;
        Ok::<u32, Problem>(u32::try_from(number).unwrap_or_default())
    };
    Ok(match id.value_type() {
        PropertyType::Byte => PropertyValue::Byte(u8::try_from(number(u8::MAX.into())?).unwrap_or_default()),
        PropertyType::U16 => PropertyValue::U16(u16::try_from(number(u16::MAX.into())?).unwrap_or_default()),
        PropertyType::U32 => PropertyValue::U32(number(u32::MAX)?),
        PropertyType::Varint => PropertyValue::Varint(number(268_435_455)?),
        PropertyType::Text => PropertyValue::Text(fields::text(name, value)?),
        PropertyType::Binary if encoded => PropertyValue::Binary(fields::base64(name, value)?),
        PropertyType::Binary => PropertyValue::Binary(Bytes::from(fields::string(name, value)?)),
        PropertyType::Pair => return Err(Problem::value(name, "must be in `user-properties`")),
    })
}
