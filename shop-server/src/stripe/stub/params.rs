//! Received parameters: each must be known, and is consumed once.

use std::collections::BTreeMap;

use super::bank::Refusal;

/// The parameters of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    /// Parses `application/x-www-form-urlencoded`.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        // Parse with the URL standard's own parser; the rest of the URL does not matter.
        let url = reqwest::Url::parse(&format!("http://stub/?{text}"))
            .map_err(|_| Refusal::invalid("parameter_invalid", "The parameters cannot be read."))?;
        let mut params = BTreeMap::new();
        for (name, value) in url.query_pairs() {
            if params.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(Refusal::parameter("parameter_invalid", &name));
            }
        }
        Ok(Self(params))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    pub(super) fn required(&mut self, name: &str) -> Result<String, Refusal> {
        self.take(name).ok_or_else(|| Refusal::parameter("parameter_missing", name))
    }

    /// Takes a positive whole number, written without sign or padding.
    pub(super) fn amount(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let wrong = || Refusal::parameter("parameter_invalid_integer", name);
        let amount: i64 = text.parse().map_err(|_| wrong())?;
        if amount < 1 || amount.to_string() != text {
            return Err(wrong());
        }
        Ok(Some(amount))
    }

    /// Takes `metadata[key]=value`: at most 50, keys of at most 40 and values of at most 500 characters ("Metadata").
    pub(super) fn metadata(&mut self) -> Result<BTreeMap<String, String>, Refusal> {
        let mut metadata = BTreeMap::new();
        while let Some(name) = self.0.keys().find(|name| name.starts_with("metadata[")).cloned() {
            let key = name.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
            let value = self.take(&name).unwrap_or_default();
            if key.is_empty() || key.len() > 40 || value.chars().count() > 500 || metadata.len() == 50 {
                return Err(Refusal::parameter("parameter_invalid", &name));
            }
            metadata.insert(key.to_owned(), value);
        }
        Ok(metadata)
    }

    /// Refuses parameters that are left over, because they are unknown.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::parameter("parameter_unknown", name)),
        }
    }
}
