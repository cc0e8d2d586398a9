//! Bad ids in paths, bad values in queries, bad headers.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::World;
use super::pool::TEXTS;
use crate::support::Raw;

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[test]
fn an_id_that_is_none_names_nothing() {
    let world = World::open();
    let mut client = world.shop.client();
    let long = "a".repeat(5_000);
    let bad = [
        "no-uuid",
        "00000000-0000-0000-0000-000000000000",
        "%00",
        "%ff%fe",
        "..%2f..%2fetc%2fpasswd",
        "%27%20OR%201=1",
        "%F0%9F%98%80",
        "%",
        "%zz",
        "-1",
        ";",
        long.as_str(),
    ];
    let templates = world.operations.iter().filter(|operation| operation.template.contains('{'));
    for operation in templates {
        for id in bad {
            let parts = operation.template.split('/').map(|part| if part.starts_with('{') { id } else { part });
            let path = parts.collect::<Vec<_>>().join("/");
            let media_type = operation.fields.as_ref().map(|_| "application/json");
            let body: &[u8] = if media_type.is_some() { b"{\"new_password\": \"correct horse battery\"}" } else { b"" };
            let answer = world.send(&mut client, &operation.method, &path, media_type, body);
            let expected = if operation.fields.is_some() { &[400, 404][..] } else { &[404] };
            assert!(expected.contains(&answer.status), "{} {path}: {answer:?}", operation.method);
        }
    }
    for path in ["/%00", "/%ff", "/..", "/catalog/../accounts/users/", "/catalog/products/%2e%2e/", "/*", "/{}"] {
        let status = world.send(&mut client, "GET", path, None, b"").status;
        assert!((400..500).contains(&status), "{path}: {status}");
    }
    world.is_unharmed();
}

#[test]
fn a_bad_query_is_refused_by_name_and_any_search_is_answered() {
    let world = World::open();
    let mut client = world.shop.client();
    for operation in &world.operations {
        for (name, schema) in &operation.query {
            let kind = world.resolve(schema);
            let typed = kind["enum"].is_array()
                || kind["format"].is_string()
                || kind["type"] != "string"
                || ["page", "page_size", "cursor", "ordering"].contains(&name.as_str());
            let get = |client: &mut _, value: &str| {
                let path = format!("{}?{name}={value}", operation.path);
                world.send(client, "GET", &path, None, b"")
            };
            if typed {
                for value in ["no+such", "%00", "%27%20OR%201%3D1", "-0.5.5", "99999999999999999999999"] {
                    let answer = get(&mut client, value);
                    let of = format!("{}?{name}={value}", operation.path);
                    // A price may be any number.
                    if kind["format"] == "decimal" && value.starts_with('9') {
                        continue;
                    }
                    assert_eq!((answer.status, &*answer.code()), (400, "invalid"), "{of}: {answer:?}");
                    assert!(answer.json()["errors"][name].is_array(), "{of}: {answer:?}");
                }
            }
            for text in TEXTS {
                let answer = get(&mut client, &encoded(text));
                if name == "search" && !text.contains('\0') {
                    assert_eq!(answer.status, 200, "{}?search={text:?}: {answer:?}", operation.path);
                }
            }
            for raw in ["%", "%zz", "%ff", "a%00b", "&&&", "=", "[]=1", "a;b", "\u{7f}"] {
                if raw.is_ascii() && !raw.contains('\u{7f}') {
                    get(&mut client, raw);
                }
            }
            get(&mut client, &"a".repeat(4_000));
            let twice = format!("{}?{name}=1&{name}=2&{name}=", operation.path);
            world.send(&mut client, "GET", &twice, None, b"");
        }
    }
    // No search text was executed as code.
    assert!(world.shop.orders() > 0);
    world.is_unharmed();
}

#[test]
fn headers_are_never_trusted() {
    let world = World::open();
    let values: &[&[u8]] = &[
        b"",
        b"\xff\xfe",
        b"Bearer \xff",
        b"Bearer ",
        b"Bearer a.b.c",
        b"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
        b"' OR 1=1 --",
        b"a\tb",
        b"a%0d%0aX-Evil: 1",
        b"\"1-abc\", W/\"*\", *, \"",
        b"*",
        b"http://evil.example\x80",
        b"null",
        b"-1",
        b"99999999999999999999",
        b"csrftoken=; access=; refresh=\xff; =; ;;",
    ];
    let long = vec![b'a'; 20_000];
    let names = [
        "Authorization",
        "X-Cart-Token",
        "X-Order-Token",
        "X-Request-Id",
        "Idempotency-Key",
        "If-Match",
        "If-None-Match",
        "Origin",
        "Cookie",
        "X-CSRFToken",
        "Accept",
        "Content-Type",
        "Content-Encoding",
        "Expect",
        "Host",
        "X-Forwarded-For",
        "Access-Control-Request-Method",
        "Access-Control-Request-Headers",
        "Upgrade",
        "Range",
    ];
    let item = json!({"sku": "SHIRT"}).to_string();
    for name in names {
        for value in values.iter().copied().chain([long.as_slice()]) {
            for (method, path, body) in [
                ("GET", "/catalog/products/", ""),
                ("GET", "/cart/", ""),
                ("POST", "/cart/items/", item.as_str()),
                ("POST", "/orders/", "{}"),
                ("OPTIONS", "/orders/", ""),
            ] {
                let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n").into_bytes();
                request.extend_from_slice(format!("{name}: ").as_bytes());
                request.extend_from_slice(value);
                request.extend_from_slice(b"\r\n");
                if name != "Host" {
                    request.extend_from_slice(b"Host: shop.test\r\n");
                }
                if name != "Content-Type" {
                    request.extend_from_slice(b"Content-Type: application/json\r\n");
                }
                request.extend_from_slice(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
                let mut connection = Raw::open(world.shop.process.address).unwrap();
                connection.write(&request).unwrap();
                let answer = connection.answer(false);
                let shown = String::from_utf8_lossy(&value[..value.len().min(80)]);
                let answer = answer.unwrap_or_else(|why| panic!("{method} {path} {name}: {shown}: {why}"));
                assert!(answer.status < 500, "{method} {path} {name}: {shown}: {answer:?}");
                assert_eq!(answer.header("x-evil"), None);
                if name == "Origin" {
                    assert_eq!(answer.header("access-control-allow-origin"), None, "{shown}");
                }
            }
        }
    }
    assert_eq!(world.shop.staff("GET", "/accounts/user/", &Value::Null, 200)["is_staff"], true);
    world.is_unharmed();
}
