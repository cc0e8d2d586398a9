//! Writes JSON values as YAML: the few lines that the document needs, instead of a dependency.

use std::fmt::Write as _;

use serde_json::Value;

/// Writes non-empty values in block style, and strings as JSON, which YAML 1.2 reads identically.
pub(super) fn write(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    text
}

fn block(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (name, value) in object {
                indent(text, depth);
                key(text, name);
                text.push(':');
                nested(text, value, depth + 1);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for value in list {
                indent(text, depth);
                text.push('-');
                nested(text, value, depth + 1);
            }
        }
        scalar => {
            indent(text, depth);
            let _ = writeln!(text, "{scalar}");
        }
    }
}

fn nested(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(object) if !object.is_empty() => text.push('\n'),
        Value::Array(list) if !list.is_empty() => text.push('\n'),
        // `{}`, `[]` and scalars look the same in JSON and YAML.
        scalar => {
            let _ = writeln!(text, " {scalar}");
            return;
        }
    }
    block(text, value, depth);
}

/// Writes a key without quotes only if every YAML version reads it as text.
fn key(text: &mut String, name: &str) {
    let bare = name.len() > 3
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && !matches!(name.to_ascii_lowercase().as_str(), "true" | "false" | "null");
    if bare {
        text.push_str(name);
    } else {
        let _ = write!(text, "{}", Value::from(name));
    }
}

fn indent(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn trees_become_blocks() {
        let tree = json!({"info": {"title": "a: \"b\"\n", "x-y": 1}, "list": [{"200": {}}, [], null], "true": false});
        let expected = "info:\n  title: \"a: \\\"b\\\"\\n\"\n  \"x-y\": 1\nlist:\n  -\n    \"200\": {}\n  - []\n  - null\n\"true\": false\n";
        assert_eq!(write(&tree), expected);
    }
}
