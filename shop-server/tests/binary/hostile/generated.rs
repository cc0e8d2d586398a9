//! Thousands of almost valid bodies: valid fields next to hostile ones, so that the hostile one passes the first
//! checks.

use serde_json::{Map, Value, json};

use super::pool;
use super::world::{Operation, World};
use crate::support::{Rolls, TestShop};

const BODIES: usize = 4_000;

/// Generates bodies from the document's schemas.
struct Maker<'a> {
    world: &'a World,
    hostile: Vec<Value>,
    rolls: Rolls,
}

impl Maker<'_> {
    fn body(&mut self, fields: &Map<String, Value>) -> Value {
        let mut body = Map::new();
        for (name, schema) in fields {
            let value = match self.rolls.below(10) {
                0..=2 => continue,
                3..=7 => self.plausible(name, schema, 0),
                _ => self.rolls.pick(&self.hostile).clone(),
            };
            body.insert(name.clone(), value);
        }
        Value::Object(body)
    }

    fn plausible(&mut self, name: &str, schema: &Value, depth: usize) -> Value {
        let world = self.world;
        let schema = world.resolve(schema);
        if depth > 4 {
            return Value::Null;
        }
        if let Some(names) = schema["enum"].as_array() {
            return self.rolls.pick(names).clone();
        }
        match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("string"), Some("uuid")) => json!(self.rolls.pick(&world.ids)),
            (Some("string"), Some("decimal")) => json!(self.rolls.pick(&["0", "1", "0.01", "19.99", "90000000000000"])),
            (Some("string"), Some("date-time")) => json!("2026-01-31T12:00:00Z"),
            (Some("string"), _) => self.text(name),
            (Some("integer"), _) => json!(self.rolls.pick(&[0, 1, 2, 3, 100, 10_000, -1, i64::MAX, i64::MIN])),
            (Some("boolean"), _) => json!(self.rolls.below(2) == 0),
            (Some("array"), _) => {
                let count = self.rolls.below(4);
                let items = &schema["items"];
                (0..count).map(|_| self.element(name, items, depth)).collect()
            }
            (Some("object"), _) => match schema["properties"].as_object() {
                Some(fields) => {
                    let mut object = Map::new();
                    for (name, schema) in fields {
                        if self.rolls.below(6) > 0 {
                            object.insert(name.clone(), self.element(name, schema, depth));
                        }
                    }
                    Value::Object(object)
                }
                None => json!({"Size": self.rolls.pick(&self.hostile), "Color": "red"}),
            },
            _ => self.rolls.pick(&self.hostile).clone(),
        }
    }

    fn element(&mut self, name: &str, schema: &Value, depth: usize) -> Value {
        if self.rolls.below(8) == 0 {
            return self.rolls.pick(&self.hostile).clone();
        }
        self.plausible(name, schema, depth + 1)
    }

    fn text(&mut self, name: &str) -> Value {
        let usual: &[&str] = match name {
            "email" => &["victim@example.com", "new@example.com"],
            "sku" => &["SHIRT", "MUG", "shirt"],
            "country" | "countries" => &["GB", "DE", "*"],
            "payment_gateway" | "gateway" => &["manual"],
            "reason" => &["received", "damaged", "correction"],
            "password" | "new_password" | "old_password" => &["a fairly long pass phrase 17"],
            "otp" => &["000000", "123456"],
            "url" => &["https://shop.example/a.png"],
            _ => &["Some text", "Size", "x"],
        };
        json!(self.rolls.pick(usual))
    }
}

#[test]
fn almost_right_bodies_are_answered() {
    let world = World::open();
    let mut client = world.shop.client();
    let operations: Vec<&Operation> = world.writes().map(|(operation, _)| operation).collect();
    let mut maker = Maker { world: &world, hostile: pool::values(), rolls: Rolls::new(0xBAD_1DEA) };
    let mut accepted = 0;
    for _ in 0..BODIES {
        let operation = *maker.rolls.pick(&operations);
        let body = maker.body(operation.fields.as_ref().unwrap());
        let answer = world.json(&mut client, operation, &body.to_string());
        accepted += usize::from(answer.status < 300);
        // Whatever was accepted can be read again.
        if maker.rolls.below(10) == 0 {
            let reads: Vec<_> = world.operations.iter().filter(|operation| operation.method == "GET").collect();
            let read = maker.rolls.pick(&reads);
            world.send(&mut client, "GET", &read.path, None, b"");
        }
    }
    assert!(accepted > BODIES / 50, "nothing got past the first check: {accepted}");
    for operation in world.operations.iter().filter(|operation| operation.method == "GET") {
        world.send(&mut client, "GET", &operation.path, None, b"");
    }
    no_mail_was_led_astray(&world.shop);
    world.is_unharmed();
}

/// Checks that no name or address has injected a mail header.
fn no_mail_was_led_astray(shop: &TestShop) {
    for entry in std::fs::read_dir(shop.folder.file("mails")).unwrap() {
        let mail = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc:")), "{head}");
    }
}
