//! A rate of tax as staff wrote it.

use serde::Deserialize;

use super::model::{STANDARD_TAX_CLASS, TaxRate, region_key, subdivision};
use crate::error::Result;
use crate::field::{Checks, Field};
use crate::pricing::Ratio;
use crate::validate;

/// The longest name of a rate, in characters.
const MAX_NAME_LENGTH: usize = 100;

/// A rate of tax as staff wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TaxRateInput {
    /// What buyers see, 1 to 100 characters.
    pub name: Field<String>,
    /// Of which variants (standard). Variants of a class without a rate are not taxed.
    pub tax_class: Field<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Field<String>,
    /// A state or province by its code in ISO 3166-2 (`NY`, or `US-NY`), which buyers must then give in an address; the
    /// whole country when nothing is said.
    pub region: Field<String>,
    /// From 0 to 1, as `"0.0825"`, with at most six decimals.
    pub rate: Field<String>,
    /// Whether shipping is taxed at it, too (no).
    pub applies_to_shipping: Field<bool>,
}

/// A rate whose every field passed.
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
    /// The checked fields; what was not mentioned is taken from `base`, for a partial change.
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
        let code = |text: String| {
            let code = subdivision(country.as_deref().unwrap_or_default(), &text);
            code.ok_or_else(|| "Enter a code of ISO 3166-2, such as NY for New York.".to_owned())
        };
        let region = checks
            .change("region", self.region, validate::or_blank(code))
            .map_or_else(|| base.and_then(|base| base.region.clone()), Option::flatten);
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
        for region in ["New York", "N.Y.", "CA-QC", "NEWY"] {
            let refused = check(json!({"name": "VAT", "country": "US", "rate": "0", "region": region}));
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
}
