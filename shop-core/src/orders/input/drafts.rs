//! Inputs for drafts and notes.

use serde::Deserialize;

use crate::error::Result;
use crate::field::{Checks, Field};
use crate::id::{UserId, VariantId};
use crate::model::cart::MAX_CART_ITEMS;
use crate::model::catalog::VariantName;
use crate::model::orders::PriceOverride;
use crate::money::Currency;
use crate::validate;

/// The longest reason, in characters.
const MAX_REASON_LENGTH: usize = 500;

/// A new draft, or changes of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DraftInput {
    /// The customer. Give either this or `email`.
    pub customer_id: Field<UserId>,
    /// E-mail address of a guest. Give either this or `customer_id`.
    pub email: Field<String>,
    /// All lines of the draft; replaces the existing ones.
    pub items: Field<Vec<DraftItemInput>>,
    /// The currency of the prices; if given, must be that of the draft (for a new draft, the shop's).
    pub currency: Field<String>,
    /// Note for the order.
    pub note: Field<String>,
}

/// A line of a draft. Give exactly one of `variant_id` and `sku`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DraftItemInput {
    /// The variant to order.
    pub variant_id: Field<VariantId>,
    /// SKU of the variant.
    pub sku: Field<String>,
    /// Number of units, 1 to 10,000; 1 if absent.
    pub quantity: Field<i64>,
    /// Price of one unit, as a decimal string in major units; the catalog price if absent.
    pub unit_price: Field<String>,
    /// Why the price differs from the catalog.
    pub reason: Field<String>,
}

/// A note by staff about an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NoteInput {
    /// Text of the note.
    pub text: Field<String>,
    /// Whether the buyer sees the note; default `false`.
    pub visible_to_customer: Field<bool>,
}

/// The recipient of a draft order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::orders) enum Recipient {
    Customer(UserId),
    Email(String),
}

/// A validated [`DraftInput`]; `None` keeps the current value. Whether the customer and the variants exist is checked
/// with stored data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::orders) struct CheckedDraft {
    pub(in crate::orders) recipient: Option<Recipient>,
    pub(in crate::orders) items: Option<Vec<CheckedDraftItem>>,
    pub(in crate::orders) note: Option<String>,
}

/// A validated line of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::orders) struct CheckedDraftItem {
    pub(in crate::orders) variant: VariantName,
    pub(in crate::orders) quantity: i64,
    pub(in crate::orders) price: Option<PriceOverride>,
}

impl DraftInput {
    /// `whole` is false for changes of an existing draft.
    pub(in crate::orders) fn check(self, whole: bool, currency: Currency) -> Result<CheckedDraft> {
        let mut checks = Checks::new();
        let recipient = recipient(&mut checks, whole, self.customer_id, self.email);
        let items = checks.filled(whole, "items", self.items, |items: Vec<_>| match items.len() {
            0..=MAX_CART_ITEMS => Ok(items),
            _ => Err(format!("At most {MAX_CART_ITEMS} items.")),
        });
        let items = items.map(|items| {
            let each = items.into_iter().enumerate();
            each.filter_map(|(index, item)| item.check(&mut checks, &format!("items.{index}"), currency)).collect()
        });
        checks.optional("currency", self.currency, validate::amounts_in(currency));
        let note = checks.filled(whole, "note", self.note, validate::note);
        checks.finish()?;
        Ok(CheckedDraft { recipient, items, note })
    }
}

fn recipient(checks: &mut Checks, whole: bool, customer: Field<UserId>, email: Field<String>) -> Option<Recipient> {
    match (customer.is_present(), email.is_present()) {
        (true, true) => {
            checks.refuse::<()>("customer_id", "Give customer_id or email, not both.");
        }
        (false, false) if whole => {
            checks.refuse::<()>("customer_id", "Give customer_id or email.");
        }
        _ => {}
    }
    let customer = checks.optional("customer_id", customer, Ok).map(Recipient::Customer);
    let email = checks.optional("email", email, validate::email).map(|email| Recipient::Email(email.address));
    customer.or(email)
}

impl DraftItemInput {
    fn check(self, checks: &mut Checks, path: &str, currency: Currency) -> Option<CheckedDraftItem> {
        let at = |field: &str| format!("{path}.{field}");
        if self.variant_id.is_present() && self.sku.is_present() {
            checks.refuse::<()>(&at("variant_id"), "Give variant_id or sku, not both.");
        }
        let by_sku = checks.optional(&at("sku"), self.sku.clone(), validate::sku).map(VariantName::Sku);
        let variant = if self.sku.is_present() {
            checks.optional(&at("variant_id"), self.variant_id, Ok)
        } else {
            checks.required(&at("variant_id"), self.variant_id, Ok)
        };
        let variant = variant.map(VariantName::Id).or(by_sku);
        let quantity = match self.quantity {
            Field::Missing => Some(1),
            quantity => checks.required(&at("quantity"), quantity, validate::quantity),
        };
        let unit_price = checks.optional(&at("unit_price"), self.unit_price, |text| currency.parse_amount(&text));
        let reason = validate::multiline(1, MAX_REASON_LENGTH);
        let price = match unit_price {
            Some(unit_price) => {
                let reason = checks.required(&at("reason"), self.reason, reason);
                reason.map(|reason| PriceOverride { unit_price, reason })
            }
            // A reason without a price is ignored, but must be valid.
            None => checks.optional(&at("reason"), self.reason, validate::or_blank(reason)).and(None),
        };
        Some(CheckedDraftItem { variant: variant?, quantity: quantity?, price })
    }
}

/// A validated [`NoteInput`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::orders) struct CheckedNote {
    pub(in crate::orders) text: String,
    pub(in crate::orders) visible: bool,
}

impl NoteInput {
    pub(in crate::orders) fn check(self) -> Result<CheckedNote> {
        let mut checks = Checks::new();
        let text = checks.required("text", self.text, validate::multiline(1, validate::MAX_NOTE_LENGTH));
        let visible = checks.optional("visible_to_customer", self.visible_to_customer, Ok).unwrap_or_default();
        match text {
            Some(text) if checks.is_clean() => Ok(CheckedNote { text, visible }),
            _ => Err(checks.into_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::error::Error;
    use crate::money::Amount;

    fn refused<T: std::fmt::Debug>(result: Result<T>) -> Vec<String> {
        let Err(Error::Invalid(invalid)) = result else { panic!("it must be refused, was {result:?}") };
        invalid.fields.into_keys().collect()
    }

    fn check(input: Value, whole: bool) -> Result<CheckedDraft> {
        serde_json::from_value::<DraftInput>(input).unwrap().check(whole, Currency::USD)
    }

    #[test]
    fn every_wrong_field_is_named() {
        let id = Uuid::from_u128(1);
        assert_eq!(refused(check(json!({}), true)), ["customer_id"]);
        let both = json!({"customer_id": id, "email": "ada@example.com"});
        assert_eq!(refused(check(both, true)), ["customer_id"]);
        let items = json!([{}, {"sku": "A", "variant_id": id}, {"sku": "A", "quantity": 0, "unit_price": 5},
            {"sku": "A", "unit_price": "1.00"}, {"sku": "A", "unit_price": "1.234", "reason": "x".repeat(501)},
            {"variant_id": "x", "reason": ""}]);
        let wrong = json!({"email": "nobody", "items": items, "note": 5});
        let fields = [
            "email",
            "items.0.variant_id",
            "items.1.variant_id",
            "items.2.quantity",
            "items.2.unit_price",
            "items.3.reason",
            "items.4.reason",
            "items.4.unit_price",
            "items.5.variant_id",
            "note",
        ];
        assert_eq!(refused(check(wrong.clone(), true)), fields);
        assert_eq!(refused(check(wrong, false)), fields);
        assert_eq!(refused(check(json!({"items": null, "note": null}), false)), ["items", "note"]);
        assert_eq!(refused(check(json!({"email": "a@example.com", "items": vec![json!({}); 201]}), true)), ["items"]);
    }

    #[test]
    fn a_price_has_a_reason() {
        let item = json!({"sku": " A ", "unit_price": "5", "reason": " scratched "});
        let draft = check(json!({"email": "Ada@example.com", "items": [item]}), true).unwrap();
        assert_eq!(draft.recipient, Some(Recipient::Email("Ada@example.com".into())));
        let price = Some(PriceOverride { unit_price: Amount(500), reason: "scratched".into() });
        let line = CheckedDraftItem { variant: VariantName::Sku("A".into()), quantity: 1, price };
        assert_eq!((draft.items, draft.note), (Some(vec![line]), None));
        let nothing = check(json!({}), false).unwrap();
        assert_eq!(nothing, CheckedDraft { recipient: None, items: None, note: None });
    }

    #[test]
    fn a_note_says_something() {
        let check = |input: Value| serde_json::from_value::<NoteInput>(input).unwrap().check();
        assert_eq!(refused(check(json!({}))), ["text"]);
        assert_eq!(refused(check(json!({"text": " ", "visible_to_customer": 1}))), ["text", "visible_to_customer"]);
        assert_eq!(refused(check(json!({"text": "x".repeat(2_001)}))), ["text"]);
        assert_eq!(check(json!({"text": " Call "})).unwrap(), CheckedNote { text: "Call".into(), visible: false });
    }
}
