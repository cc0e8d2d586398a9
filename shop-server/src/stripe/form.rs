//! Form parameters with nested names (`metadata[order_id]`, `payment_method_types[0]`), as Stripe's API expects them in
//! bodies and queries.

use std::fmt::Display;

/// The parameters of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Display) -> Self {
        self.0.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a parameter inside an object.
    #[must_use]
    pub(super) fn with_in(self, object: &str, key: &str, value: impl Display) -> Self {
        self.with(&format!("{object}[{key}]"), value)
    }

    /// The names and values, not yet percent-encoded.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_nested_and_everything_is_escaped() {
        let form =
            Form::new().with("amount", 1999).with_in("metadata", "order_id", "a&b=c é").with_in("types", "0", "card");
        let request = reqwest::Client::new().post("http://127.0.0.1/").form(form.pairs()).build().unwrap();
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap();
        assert_eq!(
            std::str::from_utf8(body).unwrap(),
            "amount=1999&metadata%5Border_id%5D=a%26b%3Dc+%C3%A9&types%5B0%5D=card"
        );
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    }
}
