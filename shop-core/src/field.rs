//! What a caller gave for one field of an input, and the collector that checks all fields at once.
//!
//! Inputs come from people: a field may be absent, `null`, of the wrong type or out of bounds. Every
//! input struct of the core holds [`Field`]s, so that each call can name everything that is wrong in
//! one answer, whoever the caller is: a program that embeds the shop, or a request over a network.
//!
//! ```
//! use shop_core::field::{Checks, Field};
//!
//! let name: Field<String> = "  ".into();
//! let quantity: Field<i64> = Field::Missing;
//! let mut checks = Checks::new();
//! let name = checks.required("name", name, |text| {
//!     if text.trim().is_empty() { Err("May not be blank.".into()) } else { Ok(text) }
//! });
//! let quantity = checks.optional("quantity", quantity, Ok);
//! assert_eq!((name, quantity), (None, None));
//! assert!(checks.finish().is_err());
//! ```

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Invalid, Result};

/// What a caller gave for one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// Nothing was said: keep what is there, or take the default.
    #[default]
    Missing,
    /// Explicitly nothing.
    Null,
    /// A value of the right type, not yet checked.
    Given(T),
    /// A value of the wrong type, with the reason.
    Wrong(String),
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Given(value)
    }
}

impl From<&str> for Field<String> {
    fn from(value: &str) -> Self {
        Self::Given(value.to_owned())
    }
}

impl<T> Field<T> {
    /// True when the caller said nothing at all.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// True when the caller gave something else than null, be it right or wrong.
    #[must_use]
    pub fn is_said(&self) -> bool {
        !matches!(self, Self::Missing | Self::Null)
    }

    /// The given value, if there is one of the right type.
    #[must_use]
    pub fn given(&self) -> Option<&T> {
        match self {
            Self::Given(value) => Some(value),
            _ => None,
        }
    }

    /// Changes the given value, leaving every other case as it is.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Missing => Field::Missing,
            Self::Null => Field::Null,
            Self::Given(value) => Field::Given(change(value)),
            Self::Wrong(why) => Field::Wrong(why),
        }
    }
}

impl Field<String> {
    /// The same, where a blank text counts as nothing: what a form sends for a field that is not filled in yet.
    #[must_use]
    pub fn or_missing(self) -> Self {
        match self {
            Self::Given(text) if text.trim().is_empty() => Self::Missing,
            field => field,
        }
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Given(value) => value.serialize(serializer),
            _ => serializer.serialize_none(),
        }
    }
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for Field<T> {
    /// Never fails on a value of the wrong type: it becomes [`Field::Wrong`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        if value.is_null() {
            return Ok(Self::Null);
        }
        Ok(T::deserialize(value).map_or_else(|why| Self::Wrong(why.to_string()), Self::Given))
    }
}

/// Collects what is wrong with the fields of one input, so that all of it is answered at once.
#[derive(Debug, Default)]
pub struct Checks {
    invalid: Invalid,
    /// The required fields that are absent, where the input [may be incomplete](Checks::incomplete).
    missing: Option<Vec<String>>,
}

impl Checks {
    /// Nothing checked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing checked yet, of an input that may be incomplete: an absent required field is not refused but
    /// [listed](Checks::take_missing).
    #[must_use]
    pub fn incomplete() -> Self {
        Self { missing: Some(Vec::new()), ..Self::default() }
    }

    /// Whether the input may be incomplete.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.missing.is_some()
    }

    /// The required fields that were absent so far, where the input may be incomplete.
    #[must_use]
    pub fn take_missing(&mut self) -> Vec<String> {
        self.missing.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// A field that must be there. `None` means that it was refused and noted, or that it is absent from an input that
    /// may be incomplete.
    pub fn required<T, U>(
        &mut self,
        name: &str,
        field: Field<T>,
        parse: impl FnOnce(T) -> std::result::Result<U, String>,
    ) -> Option<U> {
        match field {
            Field::Missing => self.absent(name, "This field is required."),
            Field::Null => self.absent(name, "This field may not be null."),
            Field::Wrong(why) => self.refuse(name, why),
            Field::Given(value) => match parse(value) {
                Ok(value) => Some(value),
                Err(why) => self.refuse(name, why),
            },
        }
    }

    /// A field that may be absent or null; both give `None`, and so does a refused one (which is noted).
    pub fn optional<T, U>(
        &mut self,
        name: &str,
        field: Field<T>,
        parse: impl FnOnce(T) -> std::result::Result<U, String>,
    ) -> Option<U> {
        match field {
            Field::Missing | Field::Null => None,
            other => self.required(name, other, parse),
        }
    }

    /// A field of a partial change that can be replaced but not cleared: `None` keeps what is there (or was refused).
    pub fn replace<T, U>(
        &mut self,
        name: &str,
        field: Field<T>,
        parse: impl FnOnce(T) -> std::result::Result<U, String>,
    ) -> Option<U> {
        if field.is_missing() { None } else { self.required(name, field, parse) }
    }

    /// A field that cannot be empty, of a whole thing or of a partial change: in a whole, null is as good as absent; in a
    /// part it is refused, where it would be taken for a wish to clear it.
    pub fn filled<T, U>(
        &mut self,
        whole: bool,
        name: &str,
        field: Field<T>,
        parse: impl FnOnce(T) -> std::result::Result<U, String>,
    ) -> Option<U> {
        if whole { self.optional(name, field, parse) } else { self.replace(name, field, parse) }
    }

    /// A field of a partial change: `None` keeps what is there, `Some(None)` clears it.
    pub fn change<T, U>(
        &mut self,
        name: &str,
        field: Field<T>,
        parse: impl FnOnce(T) -> std::result::Result<U, String>,
    ) -> Option<Option<U>> {
        match field {
            Field::Missing => None,
            Field::Null => Some(None),
            other => self.required(name, other, parse).map(Some),
        }
    }

    /// Notes a field that could not be read, of two of which one is enough: what is there must make sense, even where
    /// it plays no role. True when it was noted.
    pub fn unreadable<T>(&mut self, name: &str, field: &Field<T>) -> bool {
        if let Field::Wrong(why) = field {
            self.invalid.add(name, why.clone());
        }
        matches!(field, Field::Wrong(_))
    }

    /// Notes a required field that is absent.
    fn absent<U>(&mut self, name: &str, why: &str) -> Option<U> {
        match &mut self.missing {
            Some(missing) => {
                missing.push(name.to_owned());
                None
            }
            None => self.refuse(name, why),
        }
    }

    /// Notes a reason against a field.
    pub fn refuse<U>(&mut self, name: &str, why: impl Into<String>) -> Option<U> {
        self.invalid.add(name, why);
        None
    }

    /// Takes over what a nested input found wrong, below `prefix`.
    pub fn nest(&mut self, prefix: &str, other: Checks) {
        self.invalid.nest(prefix, other.invalid);
    }

    /// True while nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.invalid.is_empty()
    }

    /// Ends the check: an error that names every refused field, or nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] when at least one field was refused.
    pub fn finish(self) -> Result<()> {
        if self.invalid.is_empty() { Ok(()) } else { Err(Error::Invalid(self.invalid)) }
    }

    /// The error of what was refused; for the branch in which a required value is missing.
    #[must_use]
    pub fn into_error(self) -> Error {
        Error::Invalid(self.invalid)
    }
}
