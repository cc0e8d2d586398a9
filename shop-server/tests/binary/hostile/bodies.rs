//! Bodies that are not JSON, not an object, too large, too deep, or wrong in every field.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::World;

/// A value that does not match a schema of this kind.
fn misfit(schema: &Value) -> Value {
    if schema["type"] == "array" { json!({"0": 1}) } else { json!([[1]]) }
}

#[test]
fn what_is_no_json_object_is_refused_by_every_operation() {
    let world = World::open();
    let mut client = world.shop.client();
    let large = format!("{{\"x\": \"{}\"}}", "a".repeat(1024 * 1024));
    let deep = format!("{{\"x\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let parse_errors: &[&[u8]] = &[
        b"{",
        b"}",
        b"[]",
        b"[{}]",
        b"null",
        b"0",
        b"\"{}\"",
        b"{} {}",
        b"{\"x\": }",
        b"{'x': 1}",
        b"{\"x\": 1,}",
        b"{\"x\": 01}",
        b"{\"x\": NaN}",
        b"{\"x\": 1e999}",
        b"{\"x\": \"\xff\xfe\"}",
        b"{\"x\": \"\xed\xa0\x80\"}",
        b"{\"x\": \"\\ud800\"}",
        b"{\"x\": \"\\udc00\\ud800\"}",
        b"{\"\\ud800\": 1}",
        b"{\"x\": \"\x01\"}",
        b"\xef\xbb\xbf{}",
        b"\0",
        b"<xml/>",
        b"a=b&c=d",
        deep.as_bytes(),
    ];
    for (operation, _) in world.writes() {
        let mut send = |media_type: Option<&str>, body: &[u8]| {
            world.send(&mut client, &operation.method, &operation.path, media_type, body)
        };
        let of = format!("{} {}", operation.method, operation.template);
        for media_type in
            [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("a/b/c; ="), Some("")]
        {
            let answer = send(media_type, b"{\"x\": 1}");
            assert_eq!((answer.status, &*answer.code()), (415, "unsupported_media_type"), "{of} {media_type:?}");
        }
        for body in parse_errors {
            let answer = send(Some("application/json"), body);
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
            assert_eq!((answer.status, &*answer.code()), (400, "parse_error"), "{of} {shown}");
        }
        let answer = send(Some("application/json"), large.as_bytes());
        assert_eq!((answer.status, &*answer.code()), (413, "payload_too_large"), "{of}");
    }
    world.is_unharmed();
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let world = World::open();
    let mut client = world.shop.client();
    let mut silent = Vec::new();
    for (operation, fields) in world.writes().filter(|(_, fields)| !fields.is_empty()) {
        let of = format!("{} {}", operation.method, operation.template);
        let body: Map<_, _> =
            fields.iter().map(|(name, schema)| (name.clone(), misfit(world.resolve(schema)))).collect();
        let answer = world.json(&mut client, operation, &json!(body).to_string());
        assert_eq!(answer.status, 400, "{of}: {answer:?}");
        let errors = answer.json()["errors"].as_object().cloned().unwrap_or_default();
        let unnamed = fields.keys().filter(|name| !errors.contains_key(*name));
        silent.extend(unnamed.map(|name| format!("{of}: {name}")));
        for reasons in errors.values() {
            assert!(reasons.as_array().is_some_and(|reasons| !reasons.is_empty()), "{of}: {errors:?}");
        }
    }
    assert_eq!(silent, Vec::<String>::new(), "nothing is said of these");
    world.is_unharmed();
}

#[test]
fn repeated_and_strange_names_do_no_harm() {
    let world = World::open();
    let mut client = world.shop.client();
    for (operation, fields) in world.writes() {
        let mut twice = String::from("{");
        for (name, schema) in fields {
            let _ = write!(twice, "\"{name}\": {}, \"{name}\": null, ", misfit(world.resolve(schema)));
        }
        twice.push_str("\"__proto__\": {}, \"\": 1, \"\\u0000\": 2, \"a.b\": 3, \"id\": \"x\"}");
        world.json(&mut client, operation, &twice);
        let many: Map<_, _> = (0..20_000).map(|number| (format!("field{number}"), json!(number))).collect();
        world.json(&mut client, operation, &json!(many).to_string());
    }
    world.is_unharmed();
}
