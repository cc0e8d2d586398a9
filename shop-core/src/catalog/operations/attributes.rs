//! The custom attributes of a product: any JSON object of limited size.

use serde_json::{Map, Value};

const MAX_NAMES: usize = 100;
const MAX_NAME_LENGTH: usize = 100;
/// In bytes of JSON text; keeps a page of 100 products below a few megabytes.
const MAX_BYTES: usize = 32 * 1024;

/// Accepts the attributes of a product.
pub(super) fn attributes(given: Value) -> Result<Map<String, Value>, String> {
    let Value::Object(map) = given else {
        return Err("Must be an object.".to_owned());
    };
    if map.len() > MAX_NAMES {
        return Err(format!("Ensure this field has no more than {MAX_NAMES} names."));
    }
    if map.keys().any(|name| name.trim().is_empty() || name.chars().nth(MAX_NAME_LENGTH).is_some()) {
        return Err(format!("Ensure each name has 1 to {MAX_NAME_LENGTH} characters."));
    }
    let value = Value::Object(map);
    if value.to_string().len() > MAX_BYTES {
        return Err(format!("Ensure this field has no more than {MAX_BYTES} bytes as JSON."));
    }
    if has_null_character(&value) {
        return Err("Null characters are not allowed.".to_owned());
    }
    match value {
        Value::Object(map) => Ok(map),
        _ => Ok(Map::new()),
    }
}

/// Whether a value contains NUL, which not every database can store. The JSON reader limits the depth, and so this
/// recursion.
fn has_null_character(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_null_character),
        Value::Object(map) => map.iter().any(|(name, value)| name.contains('\0') || has_null_character(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn any_object_of_a_sensible_size_will_do() {
        let good = json!({"material": "wool", "sizes": [1, 2], "care": {"wash": 30, "iron": null}, "eco": true});
        assert_eq!(attributes(good.clone()).map(Value::Object), Ok(good));
        for wrong in [
            json!([]),
            json!("x"),
            json!({"": 1}),
            json!({"a": ["\0"]}),
            json!({"a": {"b\0": 1}}),
            json!({"a": "x".repeat(MAX_BYTES)}),
            json!({"x".repeat(101): 1}),
            Value::Object((0..101).map(|number| (number.to_string(), Value::Null)).collect()),
        ] {
            assert!(attributes(wrong).is_err());
        }
    }
}
