//! Corrects schemas everywhere in the document.

use std::collections::BTreeSet;

use serde_json::{Value, json};

pub(super) fn process(root: &mut Value) {
    references(root);
    let requested = requested(root);
    if let Some(schemas) = root.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        for (name, schema) in schemas.iter_mut() {
            // The title repeats the name.
            if let Some(schema) = schema.as_object_mut() {
                schema.remove("title");
            }
            if !requested.contains(name) {
                present_or_null(name, schema);
            }
        }
        schemas.insert("Problem".to_owned(), problem());
    }
}

/// Reduces an `allOf` with a reference to that reference. poem-openapi repeats the siblings inside; OpenAPI 3.0 and
/// generators expect them outside only.
fn references(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(all) = object.get_mut("allOf").and_then(Value::as_array_mut)
                && all.iter().any(|part| part.get("$ref").is_some())
            {
                all.retain(|part| part.get("$ref").is_some() || part.get("properties").is_some());
            }
            object.values_mut().for_each(references);
        }
        Value::Array(list) => list.iter_mut().for_each(references),
        _ => {}
    }
}

/// Returns the names of all schemas that a request can contain.
fn requested(root: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let paths = root.get("paths").and_then(Value::as_object);
    let operations = paths.into_iter().flatten().filter_map(|(_, operations)| operations.as_object()).flatten();
    let mut open: Vec<String> = Vec::new();
    for (_, operation) in operations {
        for part in ["requestBody", "parameters"].iter().filter_map(|part| operation.get(*part)) {
            names(part, &mut open);
        }
    }
    while let Some(name) = open.pop() {
        let schema = root.pointer(&format!("/components/schemas/{name}"));
        if found.insert(name)
            && let Some(schema) = schema
        {
            names(schema, &mut open);
        }
    }
    found
}

fn names(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(name) = object.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
                found.push(name.to_owned());
            }
            object.values().for_each(|value| names(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| names(value, found)),
        _ => {}
    }
}

/// Response fields that are omitted when empty (`skip_serializing_if`): secrets that are shown once or kept in cookies,
/// and fields that only some kinds have.
pub(super) const LEFT_OUT: [(&str, &str); 14] = [
    ("Adjustment", "code"),
    ("Cart", "token"),
    ("Login", "access"),
    ("Login", "refresh"),
    ("Order", "access_token"),
    ("PasswordChanged", "access"),
    ("PasswordChanged", "refresh"),
    ("Payment", "client_secret"),
    ("Rate", "price"),
    ("Rate", "tiers"),
    ("Stock", "locations"),
    ("Tokens", "access"),
    ("Tokens", "refresh"),
    ("Tracking", "results"),
];

/// Declares response fields without a value as nullable but present, except those in [`LEFT_OUT`].
fn present_or_null(name: &str, schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    let mut required: BTreeSet<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (field, property) in properties.into_iter().flatten() {
        if LEFT_OUT.contains(&(name, field)) || !required.insert(field.clone()) {
            continue;
        }
        if property.get("$ref").is_some() {
            *property = json!({"allOf": [property.take()], "nullable": true});
        } else if let Some(property) = property.as_object_mut() {
            property.insert("nullable".to_owned(), true.into());
        }
    }
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into_iter().collect());
    }
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "An error answer (RFC 9457).",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string", "description": "The phrase of the status."},
            "status": {"type": "integer", "format": "int32"},
            "code": {"type": "string", "description": "A stable word for programs."},
            "detail": {"type": "string", "description": "A sentence for people."},
            "errors": {
                "type": "object",
                "description": "For bad input: each wrong field with the reasons.",
                "additionalProperties": {"type": "array", "items": {"type": "string"}},
            },
            "sku": {"type": "string", "description": "For `out_of_stock`: which variant."},
            "available": {"type": "integer", "format": "int64", "description": "For `out_of_stock`: how many are left."},
        },
    })
}
