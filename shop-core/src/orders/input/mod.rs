//! Unvalidated inputs of the order calls.

mod bulk;
mod cancellations;
mod drafts;
mod lookup;
mod returns;
mod withdrawals;

use serde::Deserialize;

use super::operations::parse_number;
use crate::clock::Timestamp;
use crate::error::{Error, Invalid};
use crate::field::{Checks, Field};
use crate::id::{AddressId, MethodId, OrderId};
use crate::model::orders::{FulfillmentStatus, OrderFilter, OrderStatus, PaymentStatus};
use crate::model::shipping::Address;
use crate::money::{Amount, Currency};
use crate::shipping::AddressInput;
use crate::text::search_terms;
use crate::validate::{self, Email, email_key};

pub use bulk::CancelOrders;
pub use cancellations::CancelItemsInput;
pub(super) use cancellations::CheckedCancelItems;
pub(super) use drafts::{CheckedDraft, CheckedDraftItem, CheckedNote, Recipient};
pub use drafts::{DraftInput, DraftItemInput, NoteInput};
pub use lookup::LookupInput;
pub(super) use returns::CheckedReturn;
#[cfg(test)]
pub(super) use returns::CheckedReturnItem;
pub use returns::{ReceiveReturn, RejectReturn, ReturnInput, ReturnItemInput};
pub(super) use withdrawals::CheckedWithdrawal;
pub use withdrawals::WithdrawalInput;

/// The input that turns a cart into an order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PlaceOrder {
    /// The delivery address.
    pub shipping_address: Field<AddressInput>,
    /// Instead of `shipping_address`: an entry of the customer's address book.
    pub shipping_address_id: Field<AddressId>,
    /// The billing address; the shipping address if absent.
    pub billing_address: Field<AddressInput>,
    /// The shipping method.
    pub shipping_method_id: Field<MethodId>,
    /// Id of the payment gateway.
    pub payment_gateway: Field<String>,
    /// E-mail address for notifications. Required for guests; for customers, the account's address is used instead.
    pub email: Field<String>,
    /// The total that the buyer expects. If given and different from the actual total, the order is refused.
    pub expected_total: Field<String>,
    /// The currency of `expected_total`; if given, must be the shop's.
    pub currency: Field<String>,
    /// The buyer's note.
    pub note: Field<String>,
}

/// A query for orders by a caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderQuery {
    /// Only orders with this status.
    pub status: Option<OrderStatus>,
    /// Only orders with this payment status.
    pub payment_status: Option<PaymentStatus>,
    /// Only orders with this fulfillment status.
    pub fulfillment_status: Option<FulfillmentStatus>,
    /// Only orders with this e-mail address, in any spelling.
    pub email: Option<String>,
    /// Only the order with this number, [in any spelling](super::operations::parse_number).
    pub number: Option<String>,
    /// Only orders whose number, e-mail address, names or SKUs contain every word of this; or the order with this
    /// number.
    pub search: Option<String>,
    /// Only orders placed at or after this time.
    pub placed_after: Option<Timestamp>,
    /// Only orders placed at or before this time.
    pub placed_before: Option<Timestamp>,
    /// For staff: only their own orders. Customers always see only their own.
    pub mine: bool,
}

impl OrderQuery {
    pub(super) fn filter(self) -> OrderFilter {
        OrderFilter {
            customer_id: None,
            // An invalid number becomes the empty one, which no order has.
            number: self.number.map(|written| parse_number(&written).unwrap_or_default()),
            search: self.search.as_deref().map(search_terms).unwrap_or_default(),
            status: self.status,
            payment_status: self.payment_status,
            fulfillment_status: self.fulfillment_status,
            email_key: self.email.map(|email| email_key(&email)),
            placed_after: self.placed_after,
            placed_before: self.placed_before,
        }
    }
}

/// Field name of the shipping address's region.
pub(super) const REGION: &str = "shipping_address.region";

/// Identifies an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderKey {
    /// By id.
    Id(OrderId),
    /// By number, [in any spelling](super::operations::parse_number).
    Number(String),
}

impl OrderKey {
    /// Parses an id, or else takes the text as a number.
    #[must_use]
    pub fn of(text: &str) -> Self {
        uuid::Uuid::parse_str(text).map_or_else(|_| Self::Number(text.to_owned()), |id| Self::Id(OrderId(id)))
    }
}

impl From<OrderId> for OrderKey {
    fn from(id: OrderId) -> Self {
        Self::Id(id)
    }
}

/// A validated [`PlaceOrder`] with its errors. Some fields can only be validated with stored data, and the buyer gets
/// all errors at once.
#[derive(Debug, Clone)]
pub(super) struct CheckedOrder {
    pub(super) shipping_address: Option<ShipTo>,
    pub(super) billing_address: Option<Address>,
    pub(super) method: Option<MethodId>,
    pub(super) gateway: Option<String>,
    pub(super) email: Option<Email>,
    pub(super) expected_total: Option<Amount>,
    pub(super) note: String,
    pub(super) invalid: Invalid,
    /// Fields that an order still needs; always empty unless `is_quote`.
    pub(super) missing: Vec<String>,
    /// Only a quote is requested, so absent fields are missing, not invalid.
    pub(super) is_quote: bool,
}

impl CheckedOrder {
    /// The input field that supplied the shipping address's region.
    pub(super) fn region_field(&self) -> &'static str {
        match self.shipping_address {
            Some(ShipTo::Saved(_)) => "shipping_address_id",
            _ => REGION,
        }
    }

    /// Whether a missing region counts as missing instead of invalid: in a quote whose address has none.
    pub(super) fn may_lack_region(&self, address: &Address) -> bool {
        let is_written = address.region.as_deref().is_some_and(|region| !region.trim().is_empty());
        self.is_quote && !is_written && matches!(self.shipping_address, Some(ShipTo::Address(_)))
    }
}

/// The delivery address, or its id in the address book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ShipTo {
    Address(Box<Address>),
    Saved(AddressId),
}

impl PlaceOrder {
    /// Validates an order; `gateways` are the ids of the shop's gateways.
    pub(super) fn check(self, is_guest: bool, gateways: &[&str], currency: Currency) -> CheckedOrder {
        self.checked(Checks::new(), is_guest, gateways, currency)
    }

    /// Validates a quote: absent fields are missing, not invalid.
    pub(super) fn check_known(mut self, is_guest: bool, gateways: &[&str], currency: Currency) -> CheckedOrder {
        self.payment_gateway = self.payment_gateway.or_missing();
        self.email = self.email.or_missing();
        // A quote returns the total, so the caller need not expect one.
        let checked_order = self.checked(Checks::incomplete(), is_guest, gateways, currency);
        CheckedOrder { expected_total: None, ..checked_order }
    }

    fn checked(self, mut checks: Checks, is_guest: bool, gateways: &[&str], currency: Currency) -> CheckedOrder {
        let shipping_address = ship_to(self.shipping_address, self.shipping_address_id, is_guest, &mut checks);
        let billing_address = checks
            .optional("billing_address", self.billing_address, Ok)
            .and_then(|address: AddressInput| address.check(&mut checks, "billing_address"));
        let method = checks.required("shipping_method_id", self.shipping_method_id, Ok);
        let gateway = checks.required("payment_gateway", self.payment_gateway, |id: String| {
            if gateways.contains(&id.as_str()) {
                Ok(id)
            } else {
                Err(format!("Must be one of: {}.", gateways.join(", ")))
            }
        });
        let email = if is_guest {
            checks.required("email", self.email, validate::email)
        } else {
            checks.unreadable("email", &self.email);
            None
        };
        // A quote returns amounts, so the currency is checked.
        if self.expected_total.is_present() || checks.is_incomplete() {
            checks.optional("currency", self.currency, validate::amounts_in(currency));
        }
        let expected_total =
            checks.optional("expected_total", self.expected_total, |text| currency.parse_amount(&text));
        let note = checks.optional("note", self.note, validate::note).unwrap_or_default();
        let (is_quote, missing) = (checks.is_incomplete(), checks.take_missing());
        let invalid = match checks.finish() {
            Err(Error::Invalid(invalid)) => invalid,
            _ => Invalid::default(),
        };
        CheckedOrder {
            shipping_address,
            billing_address,
            method,
            gateway,
            email,
            expected_total,
            note,
            invalid,
            missing,
            is_quote,
        }
    }
}

fn ship_to(
    address: Field<AddressInput>,
    saved: Field<AddressId>,
    is_guest: bool,
    checks: &mut Checks,
) -> Option<ShipTo> {
    if !saved.is_present() {
        let address = checks.required("shipping_address", address, Ok)?;
        return address.check(checks, "shipping_address").map(Box::new).map(ShipTo::Address);
    }
    if !checks.unreadable("shipping_address", &address) && address.is_present() {
        checks.refuse::<()>("shipping_address_id", "Give shipping_address or shipping_address_id, not both.");
    }
    let id = checks.required("shipping_address_id", saved, Ok)?;
    if is_guest {
        return checks.refuse("shipping_address_id", "Guests have no address book: give shipping_address.");
    }
    Some(ShipTo::Saved(id))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(body: Value, is_guest: bool) -> CheckedOrder {
        serde_json::from_value::<PlaceOrder>(body).unwrap().check(is_guest, &["manual"], Currency::USD)
    }

    fn address() -> Value {
        json!({"first_name": "Ada", "last_name": "L", "line1": "1 Way", "city": "London", "country": "GB"})
    }

    fn wrong(checked_order: &CheckedOrder) -> Vec<&str> {
        checked_order.invalid.fields.keys().map(String::as_str).collect()
    }

    const ID: &str = "01890000-0000-7000-8000-000000000001";

    #[test]
    fn of_a_quote_what_is_absent_is_missing_and_what_is_wrong_is_wrong() {
        let known = |body: Value, is_guest: bool| {
            let input = serde_json::from_value::<PlaceOrder>(body).unwrap();
            input.check_known(is_guest, &["manual"], Currency::USD)
        };
        for nothing in [json!({}), json!({"shipping_address": null, "email": "", "payment_gateway": " "})] {
            let checked_order = known(nothing, true);
            assert!(checked_order.invalid.is_empty(), "{:?}", checked_order.invalid);
            assert_eq!(checked_order.missing, ["shipping_address", "shipping_method_id", "payment_gateway", "email"]);
        }
        let place = json!({"shipping_address": {"country": "US", "region": "NY"}, "expected_total": "1"});
        let checked_order = known(place, false);
        assert!(matches!(checked_order.shipping_address, Some(ShipTo::Address(to)) if to.country == "US"));
        assert_eq!((checked_order.expected_total, checked_order.missing.len()), (None, 6));
        assert!(checked_order.missing.contains(&"shipping_address.line1".to_owned()));
        let bad = json!({
            "shipping_address": {"country": "XX"}, "payment_gateway": "magic", "email": "nobody", "note": 1,
            "expected_total": 1.5,
        });
        let checked_order = known(bad, true);
        assert_eq!(
            wrong(&checked_order),
            ["email", "expected_total", "note", "payment_gateway", "shipping_address.country"]
        );
        assert_eq!(wrong(&known(json!({"shipping_address_id": ID}), true)), ["shipping_address_id"]);
    }

    #[test]
    fn everything_wrong_is_named_at_once() {
        let checked_order = check(json!({}), true);
        assert_eq!(wrong(&checked_order), ["email", "payment_gateway", "shipping_address", "shipping_method_id"]);
        let body = json!({
            "shipping_address": {"country": "XX"}, "billing_address": {"first_name": "A"}, "shipping_method_id": "x",
            "payment_gateway": "magic", "email": "nobody", "expected_total": 19.99, "note": "x".repeat(2_001),
        });
        let checked_order = check(body, true);
        let fields = wrong(&checked_order);
        let expected = ["shipping_method_id", "payment_gateway", "email", "expected_total", "note"];
        for field in expected.into_iter().chain(["shipping_address.country", "billing_address.city"]) {
            assert!(fields.contains(&field), "{field} {fields:?}");
        }
    }

    #[test]
    fn an_address_is_given_or_chosen() {
        let base = |extra: Value| {
            let mut body = json!({"shipping_method_id": ID, "payment_gateway": "manual", "email": "a@example.com"});
            for (key, value) in extra.as_object().unwrap() {
                body[key] = value.clone();
            }
            body
        };
        let given = check(base(json!({"shipping_address": address()})), true);
        assert!(wrong(&given).is_empty() && matches!(given.shipping_address, Some(ShipTo::Address(_))));
        let chosen = check(base(json!({"shipping_address_id": ID, "shipping_address": null})), false);
        assert!(wrong(&chosen).is_empty() && matches!(chosen.shipping_address, Some(ShipTo::Saved(_))));
        assert_eq!(wrong(&check(base(json!({"shipping_address_id": ID})), true)), ["shipping_address_id"]);
        let unreadable = base(json!({"shipping_address_id": 1, "shipping_address": 2}));
        assert_eq!(wrong(&check(unreadable, false)), ["shipping_address", "shipping_address_id"]);
        let both = base(json!({"shipping_address_id": ID, "shipping_address": address()}));
        assert_eq!(wrong(&check(both, false)), ["shipping_address_id"]);
    }

    #[test]
    fn a_guest_says_an_address_and_a_customer_has_one() {
        let mut body = json!({"shipping_address": address(), "shipping_method_id": ID, "payment_gateway": "manual"});
        let checked_order = check(body.clone(), false);
        assert!(wrong(&checked_order).is_empty() && checked_order.email.is_none());
        assert_eq!(wrong(&check(body.clone(), true)), ["email"]);
        for said in [json!("eve@example.com"), json!("nobody"), json!(null)] {
            body["email"] = said;
            let checked_order = check(body.clone(), false);
            assert!(wrong(&checked_order).is_empty() && checked_order.email.is_none(), "{body}");
        }
        body["email"] = json!(5);
        assert_eq!(wrong(&check(body, false)), ["email"]);
    }
}
