//! Amounts of money in requests and responses: decimal strings in major units, never numbers.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type};
use serde::{Serialize, Serializer};
use serde_json::Value;
use shop_core::money::{Amount, Currency};

/// The `format` of the schema.
pub(super) const FORMAT: &str = "decimal";
/// The `pattern` of the schema, for readers of the document; the core validates an amount by its currency.
const PATTERN: &str = r"^(0|[1-9][0-9]*)(\.[0-9]+)?$";
/// The error message for anything but a string.
pub(super) const REASON: &str = "Must be a decimal string such as \"19.99\".";

/// An amount as a decimal string in major units (`"19.99"`), with its currency in the same object.
///
/// On input it can be any string; the core parses it with the currency's number of decimals.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Money(pub String);

impl Money {
    /// Formats an amount for a response.
    pub fn new(amount: Amount, currency: Currency) -> Self {
        Self(currency.format_amount(amount))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Type for Money {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_decimal".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            example: Some("19.99".into()),
            pattern: Some(PATTERN.to_owned()),
            ..MetaSchema::new_with_format("string", FORMAT)
        }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for Money {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Self(text)),
            _ => Err(ParseError::custom(REASON)),
        }
    }
}

impl ParseFromParameter for Money {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        Ok(Self(value.to_owned()))
    }
}

impl ToJSON for Money {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.clone()))
    }
}

/// An amount in a response that may be negative: `"-19.99"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SignedMoney(String);

impl SignedMoney {
    /// Formats an amount for a response.
    pub fn new(amount: Amount, currency: Currency) -> Self {
        Self(currency.format_amount(amount))
    }
}

impl Type for SignedMoney {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "string_signed_decimal".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            example: Some("-19.99".into()),
            pattern: Some(r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$".to_owned()),
            ..MetaSchema::new_with_format("string", FORMAT)
        }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for SignedMoney {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Self(text)),
            _ => Err(ParseError::custom(REASON)),
        }
    }
}

impl ToJSON for SignedMoney {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.clone()))
    }
}
