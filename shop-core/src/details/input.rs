//! Changes to the shop's own details, not yet checked.

use serde::Deserialize;

use crate::error::Result;
use crate::field::{Checks, Field};
use crate::model::details::ShopDetails;
use crate::validate::{self, or_blank};

/// The maximum length of a shop's name, in characters: it is part of mail subjects.
const MAX_NAME_LENGTH: usize = 80;
/// The maximum length of a company's name, in characters.
const MAX_LEGAL_NAME_LENGTH: usize = 200;
/// The maximum length of a postal address, in characters.
const MAX_ADDRESS_LENGTH: usize = 500;

/// A change of the shop's own details. Null and blank text clear a field; a missing field stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the field of `ShopDetails` with the same name")]
pub struct ShopDetailsInput {
    pub name: Field<String>,
    pub legal_name: Field<String>,
    pub address: Field<String>,
    pub vat_id: Field<String>,
    pub contact_email: Field<String>,
    pub phone: Field<String>,
    pub terms_url: Field<String>,
    pub privacy_url: Field<String>,
    pub returns_url: Field<String>,
}

impl ShopDetailsInput {
    /// Returns the details with every given field changed.
    pub(super) fn check(self, before: &ShopDetails) -> Result<ShopDetails> {
        let mut checks = Checks::new();
        let email = |given: String| validate::email(given).map(|email| email.address);
        let mut after = before.clone();
        change(&mut checks, "name", self.name, &mut after.name, validate::text(1, MAX_NAME_LENGTH));
        let legal_name = validate::text(1, MAX_LEGAL_NAME_LENGTH);
        change(&mut checks, "legal_name", self.legal_name, &mut after.legal_name, legal_name);
        let address = validate::multiline(1, MAX_ADDRESS_LENGTH);
        change(&mut checks, "address", self.address, &mut after.address, address);
        change(&mut checks, "vat_id", self.vat_id, &mut after.vat_id, validate::vat_id);
        change(&mut checks, "contact_email", self.contact_email, &mut after.contact_email, email);
        change(&mut checks, "phone", self.phone, &mut after.phone, validate::phone);
        change(&mut checks, "terms_url", self.terms_url, &mut after.terms_url, validate::http_url);
        change(&mut checks, "privacy_url", self.privacy_url, &mut after.privacy_url, validate::http_url);
        change(&mut checks, "returns_url", self.returns_url, &mut after.returns_url, validate::http_url);
        checks.finish()?;
        Ok(after)
    }
}

fn change(
    checks: &mut Checks,
    name: &str,
    field: Field<String>,
    value: &mut Option<String>,
    parse: impl FnOnce(String) -> std::result::Result<String, String>,
) {
    if let Some(changed) = checks.change(name, field, or_blank(parse)) {
        *value = changed.flatten();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Error;

    fn checked(input: Value, before: &ShopDetails) -> Result<ShopDetails> {
        serde_json::from_value::<ShopDetailsInput>(input).unwrap().check(before)
    }

    fn all() -> Value {
        json!({
            "name": " Tea & Co ", "legal_name": "Tea & Company Ltd", "address": "1 High Street\r\nLondon\nGB",
            "vat_id": "GB 123 4567 89", "contact_email": "hello@tea.example", "phone": "+44 20 7946 0000",
            "terms_url": "https://tea.example/terms", "privacy_url": "http://tea.example/privacy",
            "returns_url": "https://tea.example/returns",
        })
    }

    #[test]
    fn every_field_is_kept_and_cleared() {
        let details = checked(all(), &ShopDetails::default()).unwrap();
        assert_eq!(details.name.as_deref(), Some("Tea & Co"));
        assert_eq!(details.address.as_deref(), Some("1 High Street\nLondon\nGB"));
        assert_eq!(checked(json!({}), &details).unwrap(), details);
        for nothing in [json!(null), json!(""), json!(" \n")] {
            let fields = all().as_object().unwrap().keys().map(|name| (name.clone(), nothing.clone())).collect();
            assert_eq!(checked(Value::Object(fields), &details).unwrap(), ShopDetails::default(), "{nothing}");
        }
    }

    #[test]
    fn everything_wrong_is_named() {
        let wrong = json!({
            "name": "x".repeat(81), "legal_name": "x".repeat(201), "address": "x".repeat(501), "vat_id": "DE12",
            "contact_email": "hello", "phone": "call us", "terms_url": "javascript:alert(1)",
            "privacy_url": "ftp://tea.example/", "returns_url": 5,
        });
        let Err(Error::Invalid(invalid)) = checked(wrong, &ShopDetails::default()) else {
            panic!("it must be refused")
        };
        let mut names: Vec<_> = all().as_object().unwrap().keys().cloned().collect();
        names.sort();
        assert_eq!(invalid.fields.into_keys().collect::<Vec<_>>(), names);
    }
}
