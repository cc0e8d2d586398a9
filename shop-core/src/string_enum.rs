//! String enums: one text per variant, the same in every store, in JSON and in the API.

use crate::error::BoxError;
use crate::row::Value;

/// An enum with a text for each variant.
///
/// ```
/// use shop_core::orders::OrderStatus;
/// use shop_core::string_enum::StringEnum as _;
///
/// assert_eq!(OrderStatus::Placed.as_str(), "placed");
/// assert_eq!(OrderStatus::parse("canceled"), Some(OrderStatus::Canceled));
/// assert_eq!(OrderStatus::parse("lost"), None);
/// ```
pub trait StringEnum: Copy + 'static {
    /// All variants.
    const ALL: &'static [Self];

    /// The variant's text, as serde writes it.
    fn as_str(self) -> &'static str;

    /// The variant with this text.
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.as_str() == text)
    }
}

/// Implements [`StringEnum`] for enums, and generates a test that serde writes the same texts.
macro_rules! string_enums {
    ($($name:ident { $($variant:ident => $text:literal),+ $(,)? })+) => {
        $(impl $crate::string_enum::StringEnum for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl $crate::row::Stored for $name {
            const KIND: $crate::row::ColumnKind = $crate::row::ColumnKind::Text;

            fn value(&self) -> $crate::row::Value<'_> {
                $crate::row::Value::Text($crate::string_enum::StringEnum::as_str(*self).into())
            }

            fn from_value(value: $crate::row::Value<'_>) -> std::result::Result<Self, $crate::error::BoxError> {
                $crate::string_enum::stored(&value)
            }
        })+

        #[cfg(test)]
        mod string_enums {
            #[test]
            fn texts_are_those_of_json() {
                $($crate::string_enum::check::<super::$name>();)+
            }
        }
    };
}
pub(crate) use string_enums;

/// Parses a stored text.
pub(crate) fn stored<T: StringEnum>(value: &Value<'_>) -> Result<T, BoxError> {
    match value {
        Value::Text(text) => T::parse(text).ok_or_else(|| format!("unknown value {text:?}").into()),
        _ => Err("expected text".into()),
    }
}

/// Checks that each variant has a distinct text, and that serde writes and reads it.
#[cfg(test)]
pub(crate) fn check<T: StringEnum + PartialEq + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned>() {
    for value in T::ALL {
        let json = serde_json::Value::from(value.as_str());
        assert_eq!(serde_json::to_value(value).unwrap(), json);
        assert_eq!(serde_json::from_value::<T>(json).unwrap(), *value);
        assert_eq!(T::parse(value.as_str()), Some(*value));
    }
}
