//! Promotions as staff enter them.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::field::{Checks, Field};
use crate::id::{CategoryId, ProductId, UserId};
use crate::model::promotions::{Offer, Promotion, PromotionKind, code_key};
use crate::money::{Amount, Currency, Ratio};
use crate::validate::{self, between};

/// The maximum length of a name, in characters.
const MAX_NAME_LENGTH: usize = 100;
/// The maximum length of a code, in characters; short enough to type.
const MAX_CODE_LENGTH: usize = 50;
/// The maximum number of ids in each list of a promotion; limited because every cart reads them all.
const MAX_IDS: usize = 1_000;
/// The maximum of each quantity of a bundle.
const MAX_PIECES: i64 = 1_000;
/// The maximum of a usage limit.
const MAX_USES: i64 = 1_000_000_000;
/// The maximum priority; its negative is the minimum.
const MAX_PRIORITY: i64 = 1_000_000;

/// A promotion as staff enter it. Amounts are decimal strings in major units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PromotionInput {
    /// The name that buyers see, 1 to 100 characters.
    pub name: Field<String>,
    /// The coupon code, 1 to 50 characters without spaces and slashes; empty for a promotion that applies
    /// automatically.
    pub code: Field<String>,
    /// One of `percent`, `fixed`, `free_shipping` and `buy_x_get_y`.
    pub kind: Field<String>,
    /// A percentage (`"10"`, at most four decimals) or an amount; ignored for the other kinds.
    pub value: Field<String>,
    /// For `buy_x_get_y`: the number of paid items, 1 to 1,000.
    pub buy_quantity: Field<i64>,
    /// For `buy_x_get_y`: the number of free items, 1 to 1,000.
    pub get_quantity: Field<i64>,
    /// The minimum subtotal of the cart.
    pub min_subtotal: Field<String>,
    /// The currency of the amounts. If given, it must be the shop's, or in a partial change the promotion's.
    pub currency: Field<String>,
    /// Limits the promotion to these products, at most 1,000; empty for no limit.
    pub product_ids: Field<Vec<ProductId>>,
    /// Limits the promotion to products of these categories and their descendants, at most 1,000; empty for no limit.
    pub category_ids: Field<Vec<CategoryId>>,
    /// Limits the promotion to these users, at most 1,000; empty for no limit.
    pub customer_ids: Field<Vec<UserId>>,
    /// Limits the promotion to accounts without an order that was not canceled (default false).
    pub first_order_only: Field<bool>,
    /// When it starts to apply, inclusive; null for no start.
    pub starts_at: Field<Timestamp>,
    /// When it stops applying, exclusive; null for no end.
    pub ends_at: Field<Timestamp>,
    /// The maximum number of orders that use it, 1 to 10^9; null for no limit.
    pub usage_limit: Field<i64>,
    /// The maximum number of orders of one account that use it, 1 to 10^9; null for no limit.
    pub usage_limit_per_customer: Field<i64>,
    /// Whether it may be combined with other promotions (default true).
    pub combinable: Field<bool>,
    /// Promotions with a higher priority are applied first, -10^6 to 10^6 (default 0).
    pub priority: Field<i64>,
    /// Whether it is offered at all (default true).
    pub active: Field<bool>,
}

/// A promotion whose every field is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckedPromotion {
    pub(super) name: String,
    pub(super) code: Option<String>,
    pub(super) currency: Currency,
    pub(super) offer: Offer,
    pub(super) min_subtotal: Option<Amount>,
    pub(super) product_ids: BTreeSet<ProductId>,
    pub(super) category_ids: BTreeSet<CategoryId>,
    pub(super) customer_ids: BTreeSet<UserId>,
    pub(super) first_order_only: bool,
    pub(super) starts_at: Option<Timestamp>,
    pub(super) ends_at: Option<Timestamp>,
    pub(super) usage_limit: Option<i64>,
    pub(super) usage_limit_per_customer: Option<i64>,
    pub(super) combinable: bool,
    pub(super) priority: i64,
    pub(super) active: bool,
}

impl PromotionInput {
    /// Checks every field. In a partial change, missing fields are taken from `base`.
    pub(super) fn check(self, base: Option<&Promotion>, currency: Currency) -> Result<CheckedPromotion> {
        let mut checks = Checks::new();
        let whole = base.is_none();
        let name = match base {
            Some(base) if self.name.is_missing() => Some(base.name.clone()),
            _ => checks.required("name", self.name, validate::text(1, MAX_NAME_LENGTH)),
        };
        let code = checks
            .change("code", self.code, validate::or_blank(coupon_code))
            .map_or_else(|| base.and_then(|base| base.code.clone()), Option::flatten);
        let offer_fields = OfferFields {
            kind: self.kind,
            value: self.value,
            buy_quantity: self.buy_quantity,
            get_quantity: self.get_quantity,
        };
        let offer = offer_fields.check(&mut checks, base.map(|base| base.offer), currency);
        let min_subtotal = checks
            .change("min_subtotal", self.min_subtotal, |text| currency.parse_amount(&text))
            .unwrap_or_else(|| base.and_then(|base| base.min_subtotal));
        checks.optional("currency", self.currency, validate::amounts_in(currency));
        let product_ids = ids(&mut checks, "product_ids", self.product_ids, base.map(|base| &base.product_ids));
        let category_ids = ids(&mut checks, "category_ids", self.category_ids, base.map(|base| &base.category_ids));
        let customer_ids = ids(&mut checks, "customer_ids", self.customer_ids, base.map(|base| &base.customer_ids));
        let starts_at =
            checks.change("starts_at", self.starts_at, instant).unwrap_or_else(|| base.and_then(|base| base.starts_at));
        let ends_at =
            checks.change("ends_at", self.ends_at, instant).unwrap_or_else(|| base.and_then(|base| base.ends_at));
        if let (Some(starts_at), Some(ends_at)) = (starts_at, ends_at)
            && ends_at <= starts_at
        {
            checks.refuse::<()>("ends_at", "Must be later than starts_at.");
        }
        let usage_limit = checks
            .change("usage_limit", self.usage_limit, between(1, MAX_USES))
            .unwrap_or_else(|| base.and_then(|base| base.usage_limit));
        let usage_limit_per_customer = checks
            .change("usage_limit_per_customer", self.usage_limit_per_customer, between(1, MAX_USES))
            .unwrap_or_else(|| base.and_then(|base| base.usage_limit_per_customer));
        let first_order_only = checks.filled(whole, "first_order_only", self.first_order_only, Ok);
        let combinable = checks.filled(whole, "combinable", self.combinable, Ok);
        let priority = checks.filled(whole, "priority", self.priority, between(-MAX_PRIORITY, MAX_PRIORITY));
        let active = checks.filled(whole, "active", self.active, Ok);
        match (name, offer) {
            (Some(name), Some(offer)) if checks.is_clean() => Ok(CheckedPromotion {
                name,
                code,
                currency,
                offer,
                min_subtotal,
                product_ids,
                category_ids,
                customer_ids,
                first_order_only: first_order_only.unwrap_or(base.is_some_and(|base| base.first_order_only)),
                starts_at,
                ends_at,
                usage_limit,
                usage_limit_per_customer,
                combinable: combinable.unwrap_or(base.is_none_or(|base| base.combinable)),
                priority: priority.unwrap_or_else(|| base.map_or(0, |base| base.priority)),
                active: active.unwrap_or(base.is_none_or(|base| base.active)),
            }),
            _ => Err(checks.into_error()),
        }
    }
}

/// The fields of the offer, not yet checked.
struct OfferFields {
    kind: Field<String>,
    value: Field<String>,
    buy_quantity: Field<i64>,
    get_quantity: Field<i64>,
}

impl OfferFields {
    /// Checks the offer. Missing fields keep their value if the kind stays the same.
    fn check(self, checks: &mut Checks, base: Option<Offer>, currency: Currency) -> Option<Offer> {
        let kind = match base {
            Some(base) if self.kind.is_missing() => Some(base.kind()),
            _ => checks.required("kind", self.kind, |kind| validate::string_enum(&kind)),
        };
        let Some(kind) = kind else {
            // Without a kind the values have no meaning, but their types can still be checked.
            checks.unreadable("value", &self.value);
            checks.unreadable("buy_quantity", &self.buy_quantity);
            checks.unreadable("get_quantity", &self.get_quantity);
            return None;
        };
        match (kind, base) {
            (PromotionKind::Percent, Some(same @ Offer::Percent { .. })) if self.value.is_missing() => Some(same),
            (PromotionKind::Fixed, Some(same @ Offer::Fixed { .. })) if self.value.is_missing() => Some(same),
            (PromotionKind::Percent, _) => {
                let ratio = checks.required("value", self.value, |text| Ratio::parse_percent(&text))?;
                Some(Offer::Percent { ratio })
            }
            (PromotionKind::Fixed, _) => {
                let amount = checks.required("value", self.value, |text| match currency.parse_amount(&text)? {
                    Amount::ZERO => Err("Must be more than 0.".to_owned()),
                    amount => Ok(amount),
                })?;
                Some(Offer::Fixed { amount })
            }
            (PromotionKind::FreeShipping, _) => Some(Offer::FreeShipping),
            (PromotionKind::BuyXGetY, base) => {
                let (buys, gets) = match base {
                    Some(Offer::BuyXGetY { buy, get }) => (Some(buy), Some(get)),
                    _ => (None, None),
                };
                let mut pieces = |name, field: Field<i64>, before: Option<i64>| match before {
                    Some(before) if field.is_missing() => Some(before),
                    _ => checks.required(name, field, between(1, MAX_PIECES)),
                };
                let buy = pieces("buy_quantity", self.buy_quantity, buys);
                let get = pieces("get_quantity", self.get_quantity, gets);
                Some(Offer::BuyXGetY { buy: buy?, get: get? })
            }
        }
    }
}

/// Accepts a code that can be typed and used in a URL.
fn coupon_code(given: String) -> Result<String, String> {
    let code = validate::text(1, MAX_CODE_LENGTH)(given)?;
    if code.chars().any(|letter| letter.is_whitespace() || matches!(letter, '/' | '\\' | '?' | '#' | '%')) {
        return Err("May not contain spaces nor any of / \\ ? # %.".into());
    }
    if code_key(&code).chars().count() > MAX_CODE_LENGTH {
        return Err(format!("Ensure this field has no more than {MAX_CODE_LENGTH} characters."));
    }
    Ok(code)
}

fn instant(at: Timestamp) -> Result<Timestamp, String> {
    // Years that every database and calendar library can represent.
    if !(946_684_800..=253_402_300_799).contains(&at.timestamp()) {
        return Err("Must be from the year 2000 to 9999.".into());
    }
    Ok(chrono::SubsecRound::trunc_subsecs(at, 6))
}

/// Checks a list of ids; null counts as empty.
fn ids<T: Ord + Clone>(
    checks: &mut Checks,
    name: &str,
    field: Field<Vec<T>>,
    base: Option<&BTreeSet<T>>,
) -> BTreeSet<T> {
    let bounded = |ids: Vec<T>| {
        if ids.len() > MAX_IDS { Err(format!("At most {MAX_IDS} ids.")) } else { Ok(ids.into_iter().collect()) }
    };
    match checks.change(name, field, bounded) {
        Some(given) => given.unwrap_or_default(),
        None => base.cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Error;

    fn check(input: Value) -> Result<CheckedPromotion> {
        serde_json::from_value::<PromotionInput>(input).unwrap().check(None, Currency::USD)
    }

    fn refused(input: Value) -> Vec<String> {
        let Err(Error::Invalid(invalid)) = check(input) else { panic!("it must be refused") };
        invalid.fields.into_keys().collect()
    }

    #[test]
    fn each_kind_has_what_it_needs() {
        let offer = |input| check(input).unwrap().offer;
        assert_eq!(
            offer(json!({"name": "a", "kind": "percent", "value": "12.5"})),
            Offer::Percent { ratio: Ratio(125_000) }
        );
        assert_eq!(offer(json!({"name": "a", "kind": "fixed", "value": "5"})), Offer::Fixed { amount: Amount(500) });
        assert_eq!(offer(json!({"name": "a", "kind": "free_shipping", "value": null})), Offer::FreeShipping);
        assert_eq!(
            offer(json!({"name": "a", "kind": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1})),
            Offer::BuyXGetY { buy: 2, get: 1 }
        );
        assert_eq!(refused(json!({"name": "a", "kind": "percent"})), ["value"]);
        assert_eq!(refused(json!({"name": "a", "kind": "fixed", "value": "0"})), ["value"]);
        assert_eq!(refused(json!({"name": "a", "kind": "fixed", "value": "1.999"})), ["value"]);
        assert_eq!(refused(json!({"name": "a", "kind": "percent", "value": "101"})), ["value"]);
        assert_eq!(refused(json!({"name": "a", "kind": "percent", "value": 10})), ["value"]);
        assert_eq!(refused(json!({"name": "a", "kind": "buy_x_get_y"})), ["buy_quantity", "get_quantity"]);
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        assert_eq!(refused(json!({})), ["kind", "name"]);
        let wrong = json!({"name": "", "code": "A B", "kind": "gift", "value": 1, "buy_quantity": "x",
            "min_subtotal": "-1", "product_ids": ["x"], "category_ids": 3, "customer_ids": vec![uuid::Uuid::nil(); 1_001],
            "first_order_only": 1, "starts_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z",
            "usage_limit": 0, "usage_limit_per_customer": -1, "combinable": "no", "priority": 9_999_999, "active": 2});
        let named = refused(wrong);
        for field in [
            "name",
            "code",
            "kind",
            "value",
            "buy_quantity",
            "min_subtotal",
            "product_ids",
            "category_ids",
            "customer_ids",
            "first_order_only",
            "ends_at",
            "usage_limit",
            "usage_limit_per_customer",
            "combinable",
            "priority",
            "active",
        ] {
            assert!(named.iter().any(|name| name == field), "{field} is not in {named:?}");
        }
    }

    #[test]
    fn codes_can_be_typed_and_stand_in_an_address() {
        let code =
            |code: &str| check(json!({"name": "a", "kind": "free_shipping", "code": code})).map(|good| good.code);
        assert_eq!(code(" Ten% ").unwrap_err().code(), "invalid");
        assert_eq!(code("  SUMMER-24 ").unwrap().as_deref(), Some("SUMMER-24"));
        assert_eq!(code(" ").unwrap(), None);
        assert!(code("a/b").is_err() && code(&"x".repeat(51)).is_err() && code("a\u{0}b").is_err());
        assert_eq!(code_key("Straße"), code_key(" STRASSE "));
    }

    #[test]
    fn a_part_keeps_the_rest_and_another_kind_needs_its_own() {
        let first =
            check(json!({"name": "a", "code": "A", "kind": "percent", "value": "10", "usage_limit": 5})).unwrap();
        let mut context = crate::cart::operations::fixtures::context();
        let base = super::super::operations::create(first.clone(), None, &mut context).unwrap().reply;
        let part =
            |input: Value| serde_json::from_value::<PromotionInput>(input).unwrap().check(Some(&base), Currency::USD);
        assert_eq!(part(json!({})).unwrap(), first);
        assert_eq!(part(json!({"value": "20"})).unwrap().offer, Offer::Percent { ratio: Ratio(200_000) });
        assert_eq!(part(json!({"usage_limit": null})).unwrap().usage_limit, None);
        assert_eq!(part(json!({"kind": "free_shipping"})).unwrap().offer, Offer::FreeShipping);
        assert!(part(json!({"kind": "fixed"})).is_err());
        assert!(part(json!({"active": null})).is_err());
    }
}
