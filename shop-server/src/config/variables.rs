//! Reads single variables. Empty counts as unset, and errors name the variable.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use super::{ConfigError, Result};

/// The variables that one configuration is read from.
pub(super) struct Variables<'a>(&'a HashMap<String, String>);

impl<'a> Variables<'a> {
    pub(super) fn new(variables: &'a HashMap<String, String>) -> Self {
        Self(variables)
    }

    /// The value without surrounding whitespace; `None` when unset or empty.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Accepts Django's `True` and `False`, and the common `true`, `false`, `1` and `0`.
    pub(super) fn boolean(&self, name: &str, default: bool) -> Result<bool> {
        match self.text(name) {
            None => Ok(default),
            Some("True" | "true" | "1") => Ok(true),
            Some("False" | "false" | "0") => Ok(false),
            Some(_) => Err(ConfigError::new(name, "must be True or False")),
        }
    }

    /// Parses a value with its `FromStr`; the type's own error message says what is wrong.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, name: &str, default: T) -> Result<T> {
        self.text(name).map_or(Ok(default), |text| {
            text.parse().map_err(|why: T::Err| ConfigError::new(name, why.to_string().trim_end_matches('.')))
        })
    }

    /// A whole number of seconds from 1 to `most`.
    pub(super) fn seconds(&self, name: &str, default: u64, most: u64) -> Result<Duration> {
        match self.text(name).map(str::parse::<u64>) {
            None => Ok(Duration::from_secs(default)),
            Some(Ok(seconds)) if (1..=most).contains(&seconds) => Ok(Duration::from_secs(seconds)),
            Some(_) => Err(ConfigError::new(name, format!("must be a whole number of seconds from 1 to {most}"))),
        }
    }

    /// A whole number up to a million; 0 means no limit.
    pub(super) fn limit(&self, name: &str, default: u32) -> Result<Option<u32>> {
        match self.text(name).map_or(Ok(default), str::parse) {
            Ok(0) => Ok(None),
            Ok(limit @ 1..=1_000_000) => Ok(Some(limit)),
            _ => Err(ConfigError::new(name, "must be a whole number from 0 (no limit) to 1000000")),
        }
    }

    /// A whole number of seconds up to `most`; 0 means never.
    pub(super) fn seconds_or_never(&self, name: &str, default: u64, most: u64) -> Result<Option<Duration>> {
        match self.text(name).map(str::parse::<u64>) {
            Some(Ok(0)) => Ok(None),
            Some(Ok(seconds)) if seconds <= most => Ok(Some(Duration::from_secs(seconds))),
            None => Ok(Some(Duration::from_secs(default))),
            Some(_) => {
                let why = format!("must be a whole number of seconds up to {most}, or 0 for ever");
                Err(ConfigError::new(name, why))
            }
        }
    }
}
