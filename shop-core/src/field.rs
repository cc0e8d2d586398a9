//! The value of one input field as the caller sent it, and the collector that validates all fields at once.
//!
//! Inputs are untrusted: a field may be absent, `null`, of the wrong type or out of range. Every input struct of the
//! core holds [`Field`]s, so that each call can report all errors in one response, both to an embedding program and to
//! a request over a network.
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

/// The value of one input field as the caller sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// The field is absent: keep the current value, or use the default.
    #[default]
    Missing,
    /// The field is explicitly `null`.
    Null,
    /// A value of the right type, not yet validated.
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
    /// True when the field is absent.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// True when the caller sent a value other than null, valid or not.
    #[must_use]
    pub fn is_present(&self) -> bool {
        !matches!(self, Self::Missing | Self::Null)
    }

    /// The value, if it has the right type.
    #[must_use]
    pub fn given(&self) -> Option<&T> {
        match self {
            Self::Given(value) => Some(value),
            _ => None,
        }
    }

    /// Maps the value; all other cases stay as they are.
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
    /// Turns blank text into [`Field::Missing`]: forms send blank text for fields that are not filled in.
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
    /// Does not fail on a value of the wrong type: it becomes [`Field::Wrong`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        if value.is_null() {
            return Ok(Self::Null);
        }
        Ok(T::deserialize(value).map_or_else(|why| Self::Wrong(why.to_string()), Self::Given))
    }
}

/// Collects the errors of all fields of one input, so that one response can report all of them.
#[derive(Debug, Default)]
pub struct Checks {
    invalid: Invalid,
    /// The required fields that are absent, if the input [may be incomplete](Checks::incomplete).
    missing: Option<Vec<String>>,
}

impl Checks {
    /// A collector without errors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A collector for an input that may be incomplete: an absent required field is not an error but is
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

    /// Takes the required fields that were absent so far, if the input may be incomplete.
    #[must_use]
    pub fn take_missing(&mut self) -> Vec<String> {
        self.missing.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Validates a required field. `None` means that the field was refused and recorded, or that it is absent from an
    /// input that may be incomplete.
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

    /// Validates an optional field. `None` means that the field is absent, null, or was refused and recorded.
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

    /// Validates a field of a partial update that can be replaced but not cleared. `None` keeps the current value, or
    /// means that the field was refused.
    pub fn replace<T, U>(
        &mut self,
        name: &str,
        field: Field<T>,
        parse: impl FnOnce(T) -> std::result::Result<U, String>,
    ) -> Option<U> {
        if field.is_missing() { None } else { self.required(name, field, parse) }
    }

    /// Validates a field that cannot be empty, of a full input or a partial update. In a full input, null counts as
    /// absent; in a partial update it is refused, since it would be a request to clear the field.
    pub fn filled<T, U>(
        &mut self,
        whole: bool,
        name: &str,
        field: Field<T>,
        parse: impl FnOnce(T) -> std::result::Result<U, String>,
    ) -> Option<U> {
        if whole { self.optional(name, field, parse) } else { self.replace(name, field, parse) }
    }

    /// Validates a field of a partial update: `None` keeps the current value, `Some(None)` clears it.
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

    /// Records a field of the wrong type, where one of two fields is enough: a given field must be readable even if it
    /// is not used. True if an error was recorded.
    pub fn unreadable<T>(&mut self, name: &str, field: &Field<T>) -> bool {
        if let Field::Wrong(why) = field {
            self.invalid.add(name, why.clone());
        }
        matches!(field, Field::Wrong(_))
    }

    /// Records an absent required field.
    fn absent<U>(&mut self, name: &str, why: &str) -> Option<U> {
        match &mut self.missing {
            Some(missing) => {
                missing.push(name.to_owned());
                None
            }
            None => self.refuse(name, why),
        }
    }

    /// Records a reason against a field.
    pub fn refuse<U>(&mut self, name: &str, why: impl Into<String>) -> Option<U> {
        self.invalid.add(name, why);
        None
    }

    /// Adds the errors of a nested input, with `prefix` before their paths.
    pub fn nest(&mut self, prefix: &str, other: Checks) {
        self.invalid.nest(prefix, other.invalid);
    }

    /// True while no error is recorded.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.invalid.is_empty()
    }

    /// Ends validation: an error that names every refused field, or `Ok`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when at least one field was refused.
    pub fn finish(self) -> Result<()> {
        if self.invalid.is_empty() { Ok(()) } else { Err(Error::Invalid(self.invalid)) }
    }

    /// Converts the recorded errors into an [`Error`]; for the branch in which a required value is missing.
    #[must_use]
    pub fn into_error(self) -> Error {
        Error::Invalid(self.invalid)
    }
}
