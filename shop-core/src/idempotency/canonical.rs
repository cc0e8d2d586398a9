//! One text per JSON value, whichever features of `serde_json` the program enables.
//!
//! Cargo unifies features: any crate of the embedding program may enable `preserve_order`, which keeps the keys of an
//! object in the order received, or `arbitrary_precision`, which keeps numbers as written. A fingerprint must therefore
//! depend neither on the order of a map nor on the text of a number.
//!
//! The text is what `serde_json` writes for a value without these features: no white space, the keys of an object
//! ordered by their UTF-8 bytes, numbers as `u64`, `i64` or `f64`. Fingerprints stored by earlier releases stay valid.

use serde_json::{Number, Value};

/// The content of a JSON value. A trait, so that tests can supply values whose keys are in any order.
pub(super) trait Json: Sized {
    fn shape(&self) -> Shape<'_, Self>;
}

pub(super) enum Shape<'a, V> {
    Scalar(String),
    Array(Vec<&'a V>),
    Object(Vec<(&'a str, &'a V)>),
}

impl Json for Value {
    fn shape(&self) -> Shape<'_, Self> {
        match self {
            Self::Number(number) => Shape::Scalar(number_text(number)),
            Self::Array(items) => Shape::Array(items.iter().collect()),
            Self::Object(members) => Shape::Object(members.iter().map(|(key, value)| (key.as_str(), value)).collect()),
            Self::Null | Self::Bool(_) | Self::String(_) => Shape::Scalar(self.to_string()),
        }
    }
}

/// The canonical text of a value.
pub(super) fn canonical(value: &impl Json) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &impl Json, text: &mut String) {
    match value.shape() {
        Shape::Scalar(scalar) => text.push_str(&scalar),
        Shape::Array(items) => {
            text.push('[');
            for (place, item) in items.into_iter().enumerate() {
                separate(place, text);
                write(item, text);
            }
            text.push(']');
        }
        Shape::Object(mut members) => {
            members.sort_unstable_by_key(|(key, _)| *key);
            text.push('{');
            for (place, (key, member)) in members.into_iter().enumerate() {
                separate(place, text);
                text.push_str(&Value::from(key).to_string());
                text.push(':');
                write(member, text);
            }
            text.push('}');
        }
    }
}

fn separate(place: usize, text: &mut String) {
    if place > 0 {
        text.push(',');
    }
}

/// The text of a number as `serde_json` reads it without `arbitrary_precision`: `1.0`, `1.00` and `1e0` are the same
/// number.
fn number_text(number: &Number) -> String {
    match (number.as_u64(), number.as_i64()) {
        (Some(natural), _) => natural.to_string(),
        // `serde_json` reads `-0` as a float.
        (None, Some(integer)) if integer != 0 => integer.to_string(),
        _ => number.as_f64().and_then(Number::from_f64).map_or_else(|| number.to_string(), |float| float.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A value whose objects keep their keys in any order, as with `preserve_order`.
    enum Ordered {
        Scalar(Value),
        Array(Vec<Self>),
        Object(Vec<(String, Self)>),
    }

    impl Ordered {
        /// The same value, with the keys of every object rotated and optionally reversed.
        fn of(value: &Value, rotation: usize, reversed: bool) -> Self {
            let inner = |value: &Value| Self::of(value, rotation, reversed);
            match value {
                Value::Array(items) => Self::Array(items.iter().map(inner).collect()),
                Value::Object(members) => {
                    let mut members: Vec<_> = members.iter().map(|(key, value)| (key.clone(), inner(value))).collect();
                    let count = members.len().max(1);
                    members.rotate_left(rotation % count);
                    if reversed {
                        members.reverse();
                    }
                    Self::Object(members)
                }
                scalar => Self::Scalar(scalar.clone()),
            }
        }
    }

    impl Json for Ordered {
        fn shape(&self) -> Shape<'_, Self> {
            match self {
                Self::Scalar(Value::Number(number)) => Shape::Scalar(number_text(number)),
                Self::Scalar(scalar) => Shape::Scalar(scalar.to_string()),
                Self::Array(items) => Shape::Array(items.iter().collect()),
                Self::Object(members) => {
                    Shape::Object(members.iter().map(|(key, value)| (key.as_str(), value)).collect())
                }
            }
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 48, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..6).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_order_of_keys_changes_nothing_at_any_depth(value in any_json(), rotation in 0_usize..6, reversed: bool) {
            prop_assert_eq!(canonical(&Ordered::of(&value, rotation, reversed)), canonical(&value));
        }

        /// Holds for `serde_json` as compiled in this workspace; an embedding program may compile it differently.
        #[test]
        fn it_is_what_serde_json_writes_without_features(value in any_json()) {
            prop_assert_eq!(canonical(&value), value.to_string());
        }
    }

    #[test]
    fn it_is_the_text_that_earlier_releases_hashed() {
        let body = json!({
            "shipping_address": {"line1": "12 \"Rue\"\n", "city": "Zürich \u{1F600}", "country": "CH"},
            "items": [{"quantity": 2, "a": null}, [], {}, true, -3, 1.50],
            "é": 1, "z": 2, "Z": 3, "\u{FF5E}": 4, "\u{1F600}": 5,
        });
        let earlier = "{\"Z\":3,\"items\":[{\"a\":null,\"quantity\":2},[],{},true,-3,1.5],\
            \"shipping_address\":{\"city\":\"Zürich \u{1F600}\",\"country\":\"CH\",\"line1\":\"12 \\\"Rue\\\"\\n\"},\
            \"z\":2,\"é\":1,\"\u{FF5E}\":4,\"\u{1F600}\":5}";
        assert_eq!(canonical(&body), earlier);
    }

    #[test]
    fn numbers_are_compared_by_what_they_are_read_as() {
        let text = |written: &str| canonical(&serde_json::from_str::<Value>(written).unwrap());
        for (written, as_text) in [
            ("0", "0"),
            ("-0", "-0.0"),
            ("-3", "-3"),
            ("1.50", "1.5"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
        ] {
            assert_eq!(text(written), as_text);
        }
        for same in [
            ["1.00", "1e0"],
            ["-0", "-0.0"],
            ["100.0", "1E+2"],
            ["18446744073709551616", "1.8446744073709551616e19"],
            ["-9223372036854775809", "-9223372036854775809.0"],
        ] {
            assert_eq!(text(same[0]), text(same[1]));
        }
        for different in [["1", "1.0"], ["0", "-0"], ["1", "\"1\""]] {
            assert_ne!(text(different[0]), text(different[1]));
        }
    }
}
