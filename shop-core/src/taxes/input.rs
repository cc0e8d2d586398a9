//! Tax rates as staff enter them.

use serde::Deserialize;

use crate::error::Result;
use crate::field::{Checks, Field};
use crate::model::taxes::{STANDARD_TAX_CLASS, TaxRate, region_key};
use crate::money::Ratio;
use crate::region::{self, Breadth};
use crate::validate;

/// The maximum length of a rate's name, in characters.
const MAX_NAME_LENGTH: usize = 100;
/// The maximum length of a region's name, in characters.
const MAX_REGION_LENGTH: usize = 150;

/// A tax rate as staff enter it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TaxRateInput {
    /// The name that buyers see, 1 to 100 characters.
    pub name: Field<String>,
    /// The tax class of the variants that it applies to (default `standard`). Classes without a rate are not taxed.
    pub tax_class: Field<String>,
    /// The country as ISO 3166-1 alpha-2.
    pub country: Field<String>,
    /// A state or province, as its ISO 3166-2 code (`NY` or `US-NY`) or its name; stored as the code without the
    /// country. Addresses must then name a region. Empty for the whole country.
    pub region: Field<String>,
    /// The rate from 0 to 1, such as `"0.0825"`, with at most six decimals.
    pub rate: Field<String>,
    /// Whether it applies to shipping, too (default false).
    pub applies_to_shipping: Field<bool>,
}

/// A tax rate whose every field is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckedTaxRate {
    pub(super) name: String,
    pub(super) tax_class: String,
    pub(super) country: String,
    pub(super) region: Option<String>,
    pub(super) region_key: String,
    pub(super) rate: Ratio,
    pub(super) applies_to_shipping: bool,
}

impl TaxRateInput {
    /// Checks every field. In a partial change, missing fields are taken from `base`.
    pub(super) fn check(self, base: Option<&TaxRate>) -> Result<CheckedTaxRate> {
        let mut checks = Checks::new();
        let whole = base.is_none();
        let name = match base {
            Some(base) if self.name.is_missing() => Some(base.name.clone()),
            _ => checks.required("name", self.name, validate::text(1, MAX_NAME_LENGTH)),
        };
        let country = match base {
            Some(base) if self.country.is_missing() => Some(base.country.clone()),
            _ => checks.required("country", self.country, validate::country),
        };
        let rate = match base {
            Some(base) if self.rate.is_missing() => Some(base.rate),
            _ => checks.required("rate", self.rate, |text| Ratio::parse(&text)),
        };
        let tax_class = checks.filled(whole, "tax_class", self.tax_class, validate::slug);
        let kept = base.filter(|_| self.region.is_missing()).and_then(|base| base.region.clone());
        let moves = base.is_some_and(|base| country.as_ref().is_some_and(|country| *country != base.country));
        let region = match kept {
            Some(region) if !moves => Some(region),
            // The stored region must also be a region of the new country, or be given again.
            kept => {
                let region = kept.map_or(self.region, Field::Given);
                let code = |text: String| region_code(country.as_deref(), text);
                checks.optional("region", region, validate::or_blank(code)).flatten()
            }
        };
        let applies_to_shipping = checks.filled(whole, "applies_to_shipping", self.applies_to_shipping, Ok);
        match (name, country, rate) {
            (Some(name), Some(country), Some(rate)) if checks.is_clean() => Ok(CheckedTaxRate {
                name,
                country,
                rate,
                tax_class: tax_class
                    .or_else(|| base.map(|base| base.tax_class.clone()))
                    .unwrap_or_else(|| STANDARD_TAX_CLASS.to_owned()),
                region_key: region_key(region.as_deref()),
                region,
                applies_to_shipping: applies_to_shipping.unwrap_or(base.is_some_and(|base| base.applies_to_shipping)),
            }),
            _ => Err(checks.into_error()),
        }
    }
}

/// Finds the code of a region in the country. Without a valid country, only the length is checked.
fn region_code(country: Option<&str>, text: String) -> std::result::Result<String, String> {
    let text = validate::text(1, MAX_REGION_LENGTH)(text)?;
    match country {
        Some(country) => region::find(country, &text, Breadth::Wide).map(str::to_owned),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Error;

    fn check(input: Value) -> Result<CheckedTaxRate> {
        serde_json::from_value::<TaxRateInput>(input).unwrap().check(None)
    }

    #[test]
    fn a_rate_has_its_bounds_and_names_every_wrong_field() {
        let good = check(json!({"name": "VAT", "country": "de", "rate": "0.19"})).unwrap();
        assert_eq!((good.country.as_str(), good.tax_class.as_str()), ("DE", "standard"));
        assert_eq!((good.rate, good.region_key.as_str(), good.applies_to_shipping), (Ratio(190_000), "", false));
        let region = check(json!({"name": "VAT", "country": "US", "rate": "0", "region": " NY "})).unwrap();
        assert_eq!((region.region.as_deref(), region.region_key.as_str()), (Some("NY"), "ny"));
        let long = check(json!({"name": "VAT", "country": "us", "rate": "0", "region": "us-ny"})).unwrap();
        assert_eq!((long.region, long.region_key), (region.region, region.region_key));
        for (country, region, code) in [
            ("US", "New York", "NY"),
            ("IN", "IN-OR", "OD"),
            ("MX", "BC", "BCN"),
            ("ES", "Madrid", "MD"),
            ("US", "us-pr", "PR"),
        ] {
            let named = check(json!({"name": "VAT", "country": country, "rate": "0", "region": region})).unwrap();
            assert_eq!((named.region.as_deref(), named.region_key), (Some(code), code.to_lowercase()), "{region}");
        }
        for (country, region) in
            [("US", "NYC"), ("US", "XX"), ("US", "U"), ("US", "001"), ("US", "CA-QC"), ("PR", "PR"), ("SG", "01x")]
        {
            let refused = check(json!({"name": "VAT", "country": country, "rate": "0", "region": region}));
            assert!(
                matches!(refused, Err(Error::Invalid(invalid)) if invalid.fields.contains_key("region")),
                "{region}"
            );
        }
        let wrong = json!({"name": "", "country": "XX", "rate": 0.19, "tax_class": "No no", "region": 1,
            "applies_to_shipping": "yes"});
        let Err(Error::Invalid(invalid)) = check(wrong) else { panic!("it must be refused") };
        let fields: Vec<_> = invalid.fields.keys().map(String::as_str).collect();
        assert_eq!(fields, ["applies_to_shipping", "country", "name", "rate", "region", "tax_class"]);
        for rate in ["-0.1", "1.01", "19", "0.0000001", "abc", ""] {
            assert!(check(json!({"name": "VAT", "country": "DE", "rate": rate})).is_err(), "{rate}");
        }
    }

    #[test]
    fn a_region_stays_while_its_country_does() {
        let base = |region: &str| TaxRate {
            id: crate::id::TaxRateId(uuid::Uuid::nil()),
            name: "Sales tax".into(),
            tax_class: "standard".into(),
            country: "US".into(),
            region: Some(region.into()),
            region_key: region_key(Some(region)),
            rate: Ratio(0),
            applies_to_shipping: false,
            created_at: crate::clock::Timestamp::UNIX_EPOCH,
            updated_at: crate::clock::Timestamp::UNIX_EPOCH,
            version: 1,
        };
        let change =
            |base: &TaxRate, input: Value| serde_json::from_value::<TaxRateInput>(input).unwrap().check(Some(base));
        // Earlier releases accepted any three letters. Such a rate can be changed, and is recognized as the rate it is.
        let old = change(&base("NYC"), json!({"rate": "0.1", "country": "us"})).unwrap();
        assert_eq!(old.region.as_deref(), Some("NYC"));
        let moved = change(&base("WA"), json!({"country": "AU"})).unwrap();
        assert_eq!((moved.country.as_str(), moved.region.as_deref()), ("AU", Some("WA")));
        assert!(change(&base("NY"), json!({"country": "CA"})).is_err());
        assert_eq!(change(&base("NY"), json!({"country": "CA", "region": null})).unwrap().region, None);
        assert_eq!(change(&base("NY"), json!({"region": ""})).unwrap().region, None);
        assert_eq!(change(&base("NY"), json!({"region": "nj"})).unwrap().region.as_deref(), Some("NJ"));
    }
}
