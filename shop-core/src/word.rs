//! String enums: one text per variant, the same in every store, in JSON and in the API.

use crate::error::BoxError;
use crate::row::Value;

/// An enum with a text for each variant.
///
/// ```
/// use shop_core::orders::OrderStatus;
/// use shop_core::word::Word as _;
///
/// assert_eq!(OrderStatus::Placed.word(), "placed");
/// assert_eq!(OrderStatus::of("canceled"), Some(OrderStatus::Canceled));
/// assert_eq!(OrderStatus::of("lost"), None);
/// ```
pub trait Word: Copy + 'static {
    /// All variants.
    const ALL: &'static [Self];

    /// The variant's text, as serde writes it.
    fn word(self) -> &'static str;

    /// The variant with this text.
    fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.word() == word)
    }
}

/// Implements [`Word`] for enums, and generates a test that serde writes the same texts.
macro_rules! words {
    ($($name:ident { $($variant:ident => $word:literal),+ $(,)? })+) => {
        $(impl $crate::word::Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl $crate::row::Stored for $name {
            const KIND: $crate::row::Kind = $crate::row::Kind::Text;

            fn value(&self) -> $crate::row::Value<'_> {
                $crate::row::Value::Text($crate::word::Word::word(*self).into())
            }

            fn from_value(value: $crate::row::Value<'_>) -> std::result::Result<Self, $crate::error::BoxError> {
                $crate::word::stored(&value)
            }
        })+

        #[cfg(test)]
        mod words {
            #[test]
            fn words_are_those_of_json() {
                $($crate::word::check::<super::$name>();)+
            }
        }
    };
}
pub(crate) use words;

/// Parses a stored text.
pub(crate) fn stored<T: Word>(value: &Value<'_>) -> Result<T, BoxError> {
    match value {
        Value::Text(word) => T::of(word).ok_or_else(|| format!("unknown word {word:?}").into()),
        _ => Err("expected a word".into()),
    }
}

/// Checks that each variant has a distinct text, and that serde writes and reads it.
#[cfg(test)]
pub(crate) fn check<T: Word + PartialEq + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned>() {
    for value in T::ALL {
        let json = serde_json::Value::from(value.word());
        assert_eq!(serde_json::to_value(value).unwrap(), json);
        assert_eq!(serde_json::from_value::<T>(json).unwrap(), *value);
        assert_eq!(T::of(value.word()), Some(*value));
    }
}
