//! The inputs for shipping zones and methods.

use serde::Deserialize;
use serde_json::Value;

use crate::error::Result;
use crate::field::{Checks, Field};
use crate::id::ZoneId;
use crate::model::shipping::{Method, Rate, Tier, Zone};
use crate::money::{Amount, Currency};
use crate::shipping::operations::EVERYWHERE;
use crate::validate;

/// The maximum length of a zone's, method's or carrier's name, in characters.
const MAX_NAME_LENGTH: usize = 100;
/// ISO 3166-1 has about 250 codes, and duplicates are refused.
const MAX_COUNTRIES: usize = 300;
/// More tiers than any carrier's price list has.
const MAX_TIERS: usize = 50;
/// The maximum delivery time, in days.
const MAX_DAYS: i64 = 365;

/// A zone as sent by staff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the field of `Zone` with the same name")]
pub struct ZoneInput {
    pub name: Field<String>,
    pub countries: Field<Vec<String>>,
}

impl ZoneInput {
    /// Validates the name and the countries. For a partial update, absent fields are taken from `base`.
    pub(in crate::shipping) fn check(self, base: Option<&Zone>) -> Result<(String, Vec<String>)> {
        let mut checks = Checks::new();
        let name = match base {
            Some(base) if self.name.is_missing() => Some(base.name.clone()),
            _ => checks.required("name", self.name, validate::text(1, MAX_NAME_LENGTH)),
        };
        let countries = match base {
            Some(base) if self.countries.is_missing() => Some(base.countries.clone()),
            _ => checks.required("countries", self.countries, Ok).and_then(|given| countries(&mut checks, given)),
        };
        match (name, countries) {
            (Some(name), Some(countries)) if checks.is_clean() => Ok((name, countries)),
            _ => Err(checks.into_error()),
        }
    }
}

fn countries(checks: &mut Checks, given: Vec<String>) -> Option<Vec<String>> {
    if given.is_empty() {
        return checks.refuse("countries", "This list may not be empty.");
    }
    if given.len() > MAX_COUNTRIES {
        return checks.refuse("countries", format!("At most {MAX_COUNTRIES} countries."));
    }
    let mut countries: Vec<String> = Vec::with_capacity(given.len());
    for (index, code) in given.into_iter().enumerate() {
        let path = format!("countries.{index}");
        let everywhere = code.trim() == EVERYWHERE;
        let code = if everywhere {
            Some(EVERYWHERE.to_owned())
        } else {
            checks.required(&path, code.into(), validate::country)
        };
        let Some(code) = code else { continue };
        if countries.contains(&code) {
            checks.refuse::<()>(&path, "This country is listed twice.");
        }
        countries.push(code);
    }
    Some(countries)
}

/// A shipping method as sent by staff. Amounts are decimal strings in major units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the field of `Method` with the same name")]
pub struct MethodInput {
    pub name: Field<String>,
    pub zone_id: Field<ZoneId>,
    pub carrier: Field<String>,
    pub rate: Field<RateInput>,
    pub free_over: Field<String>,
    pub currency: Field<String>,
    pub min_days: Field<i64>,
    pub max_days: Field<i64>,
    pub active: Field<bool>,
}

/// The shipping rate of a method, as sent by staff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RateInput {
    /// `flat`, `by_weight` or `by_subtotal`.
    #[serde(rename = "type")]
    pub kind: Field<String>,
    /// The price of a flat rate.
    pub price: Field<String>,
    /// The tiers of the other types.
    pub tiers: Field<Vec<TierInput>>,
}

/// One tier of a rate, as sent by staff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TierInput {
    /// The upper limit: a whole number of grams, or a subtotal as a decimal string. Absent or null: no limit.
    pub up_to: Field<Value>,
    /// The price of the tier.
    pub price: Field<String>,
}

/// A validated [`MethodInput`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::shipping) struct CheckedMethod {
    pub(in crate::shipping) name: String,
    pub(in crate::shipping) zone_id: ZoneId,
    pub(in crate::shipping) carrier: Option<String>,
    pub(in crate::shipping) currency: Currency,
    pub(in crate::shipping) rate: Rate,
    pub(in crate::shipping) free_over: Option<Amount>,
    pub(in crate::shipping) min_days: Option<i64>,
    pub(in crate::shipping) max_days: Option<i64>,
    pub(in crate::shipping) active: bool,
}

impl MethodInput {
    /// Validates the input. For a partial update, absent fields are taken from `base`.
    pub(in crate::shipping) fn check(self, base: Option<&Method>, currency: Currency) -> Result<CheckedMethod> {
        let mut checks = Checks::new();
        let name = match base {
            Some(base) if self.name.is_missing() => Some(base.name.clone()),
            _ => checks.required("name", self.name, validate::text(1, MAX_NAME_LENGTH)),
        };
        let zone_id = match base {
            Some(base) if self.zone_id.is_missing() => Some(base.zone_id),
            _ => checks.required("zone_id", self.zone_id, Ok),
        };
        let rate = match base {
            Some(base) if self.rate.is_missing() => Some(base.rate.clone()),
            _ => checks.required("rate", self.rate, Ok).and_then(|rate| rate.check(&mut checks, currency)),
        };
        let carrier = checks
            .change("carrier", self.carrier, validate::or_blank(validate::text(1, MAX_NAME_LENGTH)))
            .map_or_else(|| base.and_then(|base| base.carrier.clone()), Option::flatten);
        let free_over = checks
            .change("free_over", self.free_over, |text| currency.parse_amount(&text))
            .unwrap_or_else(|| base.and_then(|base| base.free_over));
        checks.optional("currency", self.currency, validate::amounts_in(currency));
        let days = validate::between(0, MAX_DAYS);
        let min_days =
            checks.change("min_days", self.min_days, &days).unwrap_or_else(|| base.and_then(|base| base.min_days));
        let max_days =
            checks.change("max_days", self.max_days, &days).unwrap_or_else(|| base.and_then(|base| base.max_days));
        if let (Some(min), Some(max)) = (min_days, max_days)
            && min > max
        {
            checks.refuse::<()>("max_days", "May not be less than min_days.");
        }
        let active = checks.filled(base.is_none(), "active", self.active, Ok);
        let active = active.unwrap_or(base.is_none_or(|base| base.active));
        match (name, zone_id, rate) {
            (Some(name), Some(zone_id), Some(rate)) if checks.is_clean() => {
                Ok(CheckedMethod { name, zone_id, carrier, currency, rate, free_over, min_days, max_days, active })
            }
            _ => Err(checks.into_error()),
        }
    }
}

impl RateInput {
    fn check(self, checks: &mut Checks, currency: Currency) -> Option<Rate> {
        let kind = checks.required("rate.type", self.kind, |kind| match kind.as_str() {
            "flat" | "by_weight" | "by_subtotal" => Ok(kind),
            _ => Err("Must be one of: flat, by_weight, by_subtotal.".to_owned()),
        })?;
        match kind.as_str() {
            "flat" => {
                let price = checks.required("rate.price", self.price, |text| currency.parse_amount(&text))?;
                Some(Rate::Flat { price })
            }
            "by_weight" => Some(Rate::ByWeight { tiers: tiers(checks, self.tiers, currency, grams)? }),
            _ => Some(Rate::BySubtotal {
                tiers: tiers(checks, self.tiers, currency, |value| subtotal(value, currency))?,
            }),
        }
    }
}

fn tiers(
    checks: &mut Checks,
    given: Field<Vec<TierInput>>,
    currency: Currency,
    measure: impl Fn(&Value) -> Result<i64, String>,
) -> Option<Vec<Tier>> {
    let given = checks.required("rate.tiers", given, |tiers| match tiers.len() {
        0 => Err("This list may not be empty.".to_owned()),
        1..=MAX_TIERS => Ok(tiers),
        _ => Err(format!("At most {MAX_TIERS} steps.")),
    })?;
    let last = given.len() - 1;
    let mut tiers: Vec<Tier> = Vec::with_capacity(given.len());
    for (index, tier) in given.into_iter().enumerate() {
        let path = format!("rate.tiers.{index}.up_to");
        let limited = matches!(tier.up_to, Field::Given(_) | Field::Wrong(_));
        let up_to = checks.optional(&path, tier.up_to, |value| measure(&value));
        if !limited && index < last {
            checks.refuse::<()>(&path, "Only the last step may have no limit.");
        }
        if let (Some(up_to), Some(before)) = (up_to, tiers.last().and_then(|tier| tier.up_to))
            && up_to <= before
        {
            checks.refuse::<()>(&path, "Must be more than in the step before.");
        }
        let price = format!("rate.tiers.{index}.price");
        let price = checks.required(&price, tier.price, |text| currency.parse_amount(&text));
        // A refused price is recorded; the loop continues so that all tiers are validated.
        tiers.push(Tier { up_to, price: price.unwrap_or_default() });
    }
    Some(tiers)
}

fn grams(value: &Value) -> Result<i64, String> {
    // The maximum weight of a cart: ten thousand tonnes.
    const MAX_GRAMS: i64 = 10_000_000_000;
    match value.as_i64() {
        Some(grams) if (1..=MAX_GRAMS).contains(&grams) => Ok(grams),
        _ => Err(format!("Must be a whole number of grams from 1 to {MAX_GRAMS}.")),
    }
}

fn subtotal(value: &Value, currency: Currency) -> Result<i64, String> {
    match value {
        Value::String(text) => currency.parse_amount(text).map(|amount| amount.0),
        _ => Err("Must be a decimal string such as \"19.99\".".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::error::Error;

    fn refused<T: std::fmt::Debug>(result: Result<T>) -> Vec<String> {
        let Err(Error::Invalid(invalid)) = result else { panic!("it must be refused, was {result:?}") };
        invalid.fields.into_keys().collect()
    }

    fn zone(input: Value) -> Result<(String, Vec<String>)> {
        serde_json::from_value::<ZoneInput>(input).unwrap().check(None)
    }

    fn method(input: Value) -> Result<CheckedMethod> {
        serde_json::from_value::<MethodInput>(input).unwrap().check(None, Currency::USD)
    }

    fn with_rate(rate: &Value) -> Result<CheckedMethod> {
        method(json!({"name": "Post", "zone_id": Uuid::from_u128(1), "rate": rate}))
    }

    #[test]
    fn countries_are_codes_or_everywhere() {
        let (name, countries) = zone(json!({"name": " World ", "countries": ["us", "CA", "*"]})).unwrap();
        assert_eq!((name.as_str(), countries), ("World", vec!["US".to_owned(), "CA".into(), "*".into()]));
        assert_eq!(refused(zone(json!({}))), ["countries", "name"]);
        assert_eq!(refused(zone(json!({"name": "", "countries": []}))), ["countries", "name"]);
        let wrong = json!({"name": "x", "countries": ["US", "us", "XX", ""]});
        assert_eq!(refused(zone(wrong)), ["countries.1", "countries.2", "countries.3"]);
        assert_eq!(refused(zone(json!({"name": "x", "countries": ["US", 5]}))), ["countries"]);
    }

    #[test]
    fn every_kind_of_rate_is_read() {
        assert_eq!(
            with_rate(&json!({"type": "flat", "price": "4.9"})).unwrap().rate,
            Rate::Flat { price: Amount(490) }
        );
        let weight =
            json!({"type": "by_weight", "tiers": [{"up_to": 1000, "price": "4"}, {"up_to": null, "price": "9"}]});
        let steps = vec![Tier { up_to: Some(1000), price: Amount(400) }, Tier { up_to: None, price: Amount(900) }];
        assert_eq!(with_rate(&weight).unwrap().rate, Rate::ByWeight { tiers: steps });
        let subtotal = json!({"type": "by_subtotal", "tiers": [{"up_to": "20", "price": "4"}, {"price": "0"}]});
        let steps = vec![Tier { up_to: Some(2000), price: Amount(400) }, Tier { up_to: None, price: Amount(0) }];
        assert_eq!(with_rate(&subtotal).unwrap().rate, Rate::BySubtotal { tiers: steps });
    }

    #[test]
    fn a_bad_rate_is_refused_where_it_is_bad() {
        for (rate, fields) in [
            (json!(null), vec!["rate"]),
            (json!("flat"), vec!["rate"]),
            (json!({}), vec!["rate.type"]),
            (json!({"type": "free"}), vec!["rate.type"]),
            (json!({"type": "flat"}), vec!["rate.price"]),
            (json!({"type": "flat", "price": 4.9}), vec!["rate.price"]),
            (json!({"type": "flat", "price": "-1"}), vec!["rate.price"]),
            (json!({"type": "by_weight"}), vec!["rate.tiers"]),
            (json!({"type": "by_weight", "tiers": []}), vec!["rate.tiers"]),
            (json!({"type": "by_weight", "tiers": vec![json!({"price": "1"}); 51]}), vec!["rate.tiers"]),
            (json!({"type": "by_weight", "tiers": [{"up_to": "5", "price": "1"}]}), vec!["rate.tiers.0.up_to"]),
            (json!({"type": "by_weight", "tiers": [{"up_to": 0}]}), vec!["rate.tiers.0.price", "rate.tiers.0.up_to"]),
            (json!({"type": "by_subtotal", "tiers": [{"up_to": 5, "price": "1"}]}), vec!["rate.tiers.0.up_to"]),
            (
                json!({"type": "by_weight", "tiers": [{"price": "1"}, {"up_to": 5, "price": "1"}, {"up_to": 5, "price": "x"}]}),
                vec!["rate.tiers.0.up_to", "rate.tiers.2.price", "rate.tiers.2.up_to"],
            ),
        ] {
            assert_eq!(refused(with_rate(&rate)), fields, "{rate}");
        }
    }

    #[test]
    fn everything_wrong_with_a_method_is_named() {
        let wrong = json!({"name": 5, "zone_id": "x", "rate": {"type": "flat", "price": "1.234"}, "free_over": 1,
            "min_days": 9, "max_days": 3, "active": "yes", "carrier": "x".repeat(101)});
        let fields = ["active", "carrier", "free_over", "max_days", "name", "rate.price", "zone_id"];
        assert_eq!(refused(method(wrong)), fields);
        let rate = json!({"type": "flat", "price": "1"});
        let wrong = json!({"name": "x", "zone_id": Uuid::nil(), "rate": rate, "min_days": -1, "max_days": 366});
        assert_eq!(refused(method(wrong)), ["max_days", "min_days"]);
    }

    #[test]
    fn a_partial_change_keeps_the_rest() {
        let input = json!({"name": "Post", "zone_id": Uuid::from_u128(1), "rate": {"type": "flat", "price": "5"},
            "free_over": "50", "min_days": 2, "max_days": 4, "carrier": "DHL", "active": false});
        let before = method(input).unwrap();
        let stored = Method {
            id: crate::id::MethodId(Uuid::nil()),
            name: before.name.clone(),
            zone_id: before.zone_id,
            carrier: before.carrier.clone(),
            currency: before.currency,
            rate: before.rate.clone(),
            free_over: before.free_over,
            min_days: before.min_days,
            max_days: before.max_days,
            active: before.active,
            created_at: chrono::DateTime::UNIX_EPOCH,
            version: 1,
        };
        let change =
            |input: Value| serde_json::from_value::<MethodInput>(input).unwrap().check(Some(&stored), Currency::USD);
        assert_eq!(change(json!({})).unwrap(), before);
        let after = change(json!({"free_over": null, "carrier": "", "active": true})).unwrap();
        assert_eq!(after, CheckedMethod { free_over: None, carrier: None, active: true, ..before });
        assert_eq!(refused(change(json!({"min_days": 5}))), ["max_days"]);
    }
}
