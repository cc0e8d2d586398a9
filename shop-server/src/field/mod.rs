//! The fields of requests: lenient types that report every mistake at once.
//!
//! poem-openapi's own parsing stops at the first wrong field. A request struct of these wrappers always parses: a
//! mistake in a field reaches the core as [`Field::Wrong`], and the core reports all of them in one response. The
//! wrapper also declares in the document what a field may be:
//!
//! | wrapper | in the document | for |
//! | --- | --- | --- |
//! | [`Required`] | required | mandatory fields |
//! | [`Optional`] | may be absent | fields with a default, or that stay unchanged |
//! | [`Nullable`] | may be absent or null | fields that null clears |
//!
//! [`Money`] is an amount, [`Choice`] a string enum of the core.
//!
//! ```
//! use poem_openapi::{Object, types::ParseFromJSON};
//! use shop_core::field::Field;
//! use shop_server::field::{Optional, Required};
//!
//! #[derive(Debug, Object)]
//! struct RegisterRequest {
//!     email: Required<String>,
//!     age: Optional<i64>,
//! }
//!
//! let request = RegisterRequest::parse_from_json(Some(serde_json::json!({"email": 5}))).unwrap();
//! assert_eq!(request.email.0, Field::Wrong("Must be a string.".into()));
//! assert_eq!(request.age.0, Field::Missing);
//! ```

mod body;
mod choice;
mod convert;
mod money;

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde_json::Value;
use shop_core::field::Field;

pub use body::{JsonBody, SignedBody};
pub use choice::{Choice, Choices};
pub use convert::Convert;
pub use money::{Money, SignedMoney};

macro_rules! wrappers {
    ($($(#[$doc:meta])* $name:ident, required: $required:literal, nullable: $nullable:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name<T>(pub Field<T>);

        impl<T> Default for $name<T> {
            fn default() -> Self {
                Self(Field::Missing)
            }
        }

        impl<T> From<$name<T>> for Field<T> {
            fn from(field: $name<T>) -> Self {
                field.0
            }
        }

        impl<T> $name<T> {
            /// Converts to the core's field and value type.
            pub fn into_field<U>(self) -> Field<U>
            where
                T: Convert<U>,
            {
                self.0.map(T::convert)
            }
        }

        impl $name<String> {
            /// The text, if one was sent.
            pub fn as_str(&self) -> Option<&str> {
                self.0.given().map(String::as_str)
            }
        }

        impl<T: Type> Type for $name<T> {
            const IS_REQUIRED: bool = $required;
            type RawValueType = T::RawValueType;
            type RawElementValueType = T::RawElementValueType;

            fn name() -> Cow<'static, str> {
                T::name()
            }

            fn schema_ref() -> MetaSchemaRef {
                if $nullable { nullable(T::schema_ref()) } else { T::schema_ref() }
            }

            fn register(registry: &mut Registry) {
                T::register(registry);
            }

            fn as_raw_value(&self) -> Option<&Self::RawValueType> {
                self.0.given().and_then(T::as_raw_value)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
                match self.0.given() {
                    Some(value) => value.raw_element_iter(),
                    None => Box::new(std::iter::empty()),
                }
            }

            fn is_none(&self) -> bool {
                self.0.given().is_none()
            }
        }

        impl<T: ParseFromJSON> ParseFromJSON for $name<T> {
            /// Never fails: a mistake becomes [`Field::Wrong`].
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                Ok(Self(read(value)))
            }
        }

        impl<T: ParseFromParameter> ParseFromParameter for $name<T> {
            fn parse_from_parameter(value: &str) -> ParseResult<Self> {
                let value = spelled::<T>(value);
                Ok(Self(T::parse_from_parameter(&value).map_or_else(|_| Field::Wrong(reason::<T>()), Field::Given)))
            }

            /// Never fails: an absent parameter is [`Field::Missing`].
            fn parse_from_parameters<I: IntoIterator<Item = A>, A: AsRef<str>>(values: I) -> ParseResult<Self> {
                let mut values = values.into_iter().peekable();
                if values.peek().is_none() {
                    return Ok(Self(Field::Missing));
                }
                let values = values.map(|value| spelled::<T>(value.as_ref()).into_owned());
                Ok(Self(T::parse_from_parameters(values).map_or_else(|_| Field::Wrong(reason::<T>()), Field::Given)))
            }
        }

        impl<T: ToJSON> ToJSON for $name<T> {
            fn to_json(&self) -> Option<Value> {
                self.0.given().and_then(T::to_json)
            }
        }
    )+};
}

wrappers! {
    /// A mandatory field; the core refuses the request if it is absent.
    Required, required: true, nullable: false;
    /// A field that may be absent. A `null` becomes [`Field::Null`]; the core decides what it means.
    Optional, required: false, nullable: false;
    /// A field that may be absent, or `null` to clear the value.
    Nullable, required: false, nullable: true;
}

fn read<T: ParseFromJSON>(value: Option<Value>) -> Field<T> {
    match value {
        None => Field::Missing,
        Some(Value::Null) => Field::Null,
        // poem-openapi would accept a number or a boolean as a string.
        Some(value) if T::name().starts_with("string") && !value.is_string() => Field::Wrong(reason::<T>()),
        Some(value) => T::parse_from_json(Some(value)).map_or_else(|_| Field::Wrong(reason::<T>()), Field::Given),
    }
}

/// Rewrites a parameter to the form that poem-openapi reads. Booleans may be in any case, or `1` or `0`. This applies
/// to every boolean parameter; booleans in bodies are JSON's own.
fn spelled<T: Type>(text: &str) -> Cow<'_, str> {
    match text {
        _ if T::name() != "boolean" => text.into(),
        "1" => "true".into(),
        "0" => "false".into(),
        _ => text.to_ascii_lowercase().into(),
    }
}

/// An error message derived from the type's schema; built only when a value is wrong.
fn reason<T: Type>() -> String {
    let schema = match T::schema_ref() {
        MetaSchemaRef::Inline(schema) => *schema,
        MetaSchemaRef::Reference(name) => {
            let mut registry = Registry::new();
            T::register(&mut registry);
            registry.schemas.remove(&name).unwrap_or_else(|| MetaSchema::new("object"))
        }
    };
    if !schema.enum_items.is_empty() {
        let names: Vec<_> = schema.enum_items.iter().map(|item| item.as_str().unwrap_or_default()).collect();
        return format!("Must be one of: {}.", names.join(", "));
    }
    let sentence = match (schema.ty, schema.format) {
        ("string", Some("uuid")) => "Must be a UUID.",
        ("string", Some("date-time")) => "Must be a date and time such as 2026-01-31T12:00:00Z.",
        ("string", Some(money::FORMAT)) => money::REASON,
        ("string", _) => "Must be a string.",
        ("integer", _) => "Must be a whole number.",
        ("number", _) => "Must be a number.",
        ("boolean", _) => "Must be true or false.",
        ("array", _) if schema.items.as_deref().is_some_and(|items| matches!(items, MetaSchemaRef::Reference(_))) => {
            "Must be a list of objects."
        }
        ("array", _) => match schema.items.as_deref() {
            Some(MetaSchemaRef::Inline(item)) if item.ty == "string" && item.format == Some("uuid") => {
                "Must be a list of UUIDs."
            }
            Some(MetaSchemaRef::Inline(item)) if item.ty == "string" => "Must be a list of strings.",
            _ => "Must be a list.",
        },
        _ => "Must be an object.",
    };
    sentence.to_owned()
}

fn nullable(schema: MetaSchemaRef) -> MetaSchemaRef {
    match schema {
        MetaSchemaRef::Inline(mut schema) => {
            schema.nullable = true;
            MetaSchemaRef::Inline(schema)
        }
        reference @ MetaSchemaRef::Reference(_) => {
            MetaSchemaRef::Inline(Box::new(MetaSchema { all_of: vec![reference], nullable: true, ..MetaSchema::ANY }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem_openapi::{Enum, Object};
    use serde_json::json;
    use uuid::Uuid;

    #[derive(Debug, Object)]
    struct Inner {
        city: Required<String>,
    }

    #[derive(Debug, Clone, PartialEq, Eq, Enum)]
    #[oai(rename_all = "snake_case")]
    enum Kind {
        Flat,
        ByWeight,
    }

    #[derive(Debug, Object)]
    struct Outer {
        name: Required<String>,
        count: Optional<i64>,
        flag: Optional<bool>,
        id: Nullable<Uuid>,
        price: Optional<Money>,
        kind: Optional<Kind>,
        inner: Optional<Inner>,
        list: Optional<Vec<Inner>>,
        note: Nullable<Inner>,
    }

    fn parse(value: Value) -> Outer {
        Outer::parse_from_json(Some(value)).unwrap()
    }

    fn wrong<T: std::fmt::Debug>(field: &Field<T>) -> &str {
        match field {
            Field::Wrong(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_wrong_field_is_kept_with_its_reason() {
        let outer = parse(json!({"name": 5, "count": "7", "flag": "yes", "id": "x", "price": 19.99, "kind": "round",
            "inner": [], "list": [1], "note": "text", "unknown": {}}));
        assert_eq!(wrong(&outer.name.0), "Must be a string.");
        assert_eq!(wrong(&outer.count.0), "Must be a whole number.");
        assert_eq!(wrong(&outer.flag.0), "Must be true or false.");
        assert_eq!(wrong(&outer.id.0), "Must be a UUID.");
        assert_eq!(wrong(&outer.price.0), "Must be a decimal string such as \"19.99\".");
        assert_eq!(wrong(&outer.kind.0), "Must be one of: flat, by_weight.");
        assert_eq!(wrong(&outer.inner.0), "Must be an object.");
        assert_eq!(wrong(&outer.list.0), "Must be a list of objects.");
        assert_eq!(wrong(&outer.note.0), "Must be an object.");
        assert_eq!(wrong(&parse(json!({"count": 1.5})).count.0), "Must be a whole number.");
        assert_eq!(wrong(&parse(json!({"count": 1e30})).count.0), "Must be a whole number.");
    }

    #[test]
    fn absent_and_null_are_told_apart() {
        let outer = parse(json!({"count": null, "inner": {}, "list": [{"city": "Rome"}]}));
        assert_eq!(outer.name.0, Field::Missing);
        assert_eq!(outer.count.0, Field::Null);
        assert_eq!(outer.inner.0.given().unwrap().city.0, Field::Missing);
        let list: Field<Vec<String>> =
            outer.list.0.map(|list| list.into_iter().filter_map(|inner| inner.city.0.given().cloned()).collect());
        assert_eq!(list, Field::Given(vec!["Rome".to_owned()]));
    }

    #[test]
    fn parameters_never_fail() {
        let read = |values: &[&str]| Optional::<i64>::parse_from_parameters(values).unwrap().0;
        assert_eq!(read(&[]), Field::Missing);
        assert_eq!(read(&["7"]), Field::Given(7));
        assert_eq!(read(&["seven"]), Field::Wrong("Must be a whole number.".into()));
        // Only booleans have several spellings.
        assert_eq!(Optional::<String>::parse_from_parameters(["TRUE"]).unwrap().0, Field::Given("TRUE".to_owned()));
    }

    #[test]
    fn booleans_of_a_query_are_words_or_digits_in_any_case() {
        let read = |value: &str| Optional::<bool>::parse_from_parameters([value]).unwrap().0;
        for (values, meant) in [(["true", "TRUE", "True", "1"], true), (["false", "FALSE", "False", "0"], false)] {
            for value in values {
                assert_eq!(read(value), Field::Given(meant), "{value}");
            }
        }
        for value in ["", "yes", "2", "01", " true", "t", "on"] {
            assert_eq!(read(value), Field::Wrong("Must be true or false.".into()), "{value}");
        }
    }

    #[test]
    fn the_document_says_what_is_required_and_nullable() {
        let mut registry = Registry::new();
        Outer::register(&mut registry);
        let schema = serde_json::to_value(&registry.schemas["Outer"]).unwrap();
        assert_eq!(schema["required"], json!(["name"]));
        assert_eq!(schema["properties"]["id"]["nullable"], json!(true));
        assert_eq!(schema["properties"]["note"]["allOf"], json!([{"$ref": "#/components/schemas/Inner"}]));
        assert_eq!(schema["properties"]["inner"], json!({"$ref": "#/components/schemas/Inner"}));
        assert_eq!(schema["properties"]["list"]["items"], json!({"$ref": "#/components/schemas/Inner"}));
        assert_eq!(schema["properties"]["price"]["type"], json!("string"));
    }
}
