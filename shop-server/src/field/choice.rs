//! String enums of the core in requests and responses.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde::{Serialize, Serializer};
use serde_json::Value;
use shop_core::string_enum::StringEnum;

use super::Convert;

/// A string enum that has a schema in the document; its values are those of [`StringEnum::ALL`].
pub trait Choices: StringEnum + Send + Sync {
    /// The name of the schema.
    const NAME: &'static str;
    /// The description of the schema.
    const DESCRIPTION: &'static str;
}

/// A value of a string enum, written as its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice<T>(pub T);

impl<T: Choices> Type for Choice<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(T::NAME.to_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(T::NAME.to_owned(), |_| MetaSchema {
            description: Some(T::DESCRIPTION),
            enum_items: T::ALL.iter().map(|value| value.as_str().into()).collect(),
            ..MetaSchema::new("string")
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: Choices> ParseFromJSON for Choice<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        match value.as_str().and_then(T::parse) {
            Some(choice) => Ok(Self(choice)),
            None => Err(ParseError::expected_type(value)),
        }
    }
}

impl<T: Choices> ParseFromParameter for Choice<T> {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        T::parse(value).map(Self).ok_or_else(|| ParseError::expected_type(value.into()))
    }
}

impl<T: Choices> ToJSON for Choice<T> {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.as_str().into())
    }
}

impl<T: Choices> Serialize for Choice<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<T: Choices> Convert<Choice<T>> for T {
    fn convert(self) -> Choice<T> {
        Choice(self)
    }
}

impl<T: Choices> Convert<T> for Choice<T> {
    fn convert(self) -> T {
        self.0
    }
}

/// For inputs of the core that take the text.
impl<T: Choices> Convert<String> for Choice<T> {
    fn convert(self) -> String {
        self.0.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shop_core::orders::OrderStatus;

    type Status = Choice<OrderStatus>;

    #[test]
    fn choices_are_the_texts_of_the_core() {
        for status in OrderStatus::ALL {
            let text = Value::from(status.as_str());
            assert_eq!(Status::parse_from_json(Some(text.clone())).unwrap(), Choice(*status));
            assert_eq!(Status::parse_from_parameter(status.as_str()).unwrap(), Choice(*status));
            assert_eq!(Choice(*status).to_json(), Some(text.clone()));
            assert_eq!(serde_json::to_value(Choice(*status)).unwrap(), text);
        }
        for wrong in [None, Some(Value::Null), Some("Placed".into()), Some(1.into())] {
            assert!(Status::parse_from_json(wrong).is_err());
        }
        assert!(Status::parse_from_parameter("lost").is_err());
    }

    #[test]
    fn the_schema_lists_the_texts() {
        let mut registry = Registry::new();
        Status::register(&mut registry);
        let schema = serde_json::to_value(&registry.schemas["OrderStatus"]).unwrap();
        assert_eq!(schema["type"], "string");
        assert_eq!(schema["description"], "The state of an order.");
        assert_eq!(schema["enum"], serde_json::json!(["placed", "completed", "canceled"]));
    }
}
