//! Inputs for returns.

use serde::Deserialize;

use crate::error::Result;
use crate::field::{Checks, Field};
use crate::id::OrderItemId;
use crate::validate;

/// The longest reason, in characters.
const MAX_REASON_LENGTH: usize = 500;
/// More lines than an order can have.
const MAX_ITEMS: usize = 1_000;

/// A buyer's request to return goods.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ReturnInput {
    /// The units to return; each line at most once.
    pub items: Field<Vec<ReturnItemInput>>,
    /// The buyer's note.
    pub note: Field<String>,
}

/// Units of an order line to return.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ReturnItemInput {
    /// The order line.
    pub order_item_id: Field<OrderItemId>,
    /// Number of units.
    pub quantity: Field<i64>,
    /// The buyer's reason; at most 500 characters.
    pub reason: Field<String>,
}

/// The rejection of a return by staff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RejectReturn {
    /// The reason; shown to the buyer.
    pub reason: Field<String>,
}

/// The receipt of returned goods by staff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ReceiveReturn {
    /// Whether to put the goods back into stock where they came from; else they are written off.
    pub restock: Field<bool>,
}

/// A validated [`ReturnInput`]. The decision checks that the order has these lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::orders) struct CheckedReturn {
    pub(in crate::orders) items: Vec<CheckedReturnItem>,
    pub(in crate::orders) note: String,
}

/// A validated line of a return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::orders) struct CheckedReturnItem {
    pub(in crate::orders) order_item_id: OrderItemId,
    pub(in crate::orders) quantity: i64,
    pub(in crate::orders) reason: String,
}

impl ReturnInput {
    pub(in crate::orders) fn check(self) -> Result<CheckedReturn> {
        let mut checks = Checks::new();
        let items = checks.required("items", self.items, |items| match items.len() {
            0 => Err("This list may not be empty.".to_owned()),
            1..=MAX_ITEMS => Ok(items),
            _ => Err(format!("At most {MAX_ITEMS} items.")),
        });
        let items = items.map(|items| check_items(&mut checks, items)).unwrap_or_default();
        let note = checks.optional("note", self.note, validate::note).unwrap_or_default();
        checks.finish()?;
        Ok(CheckedReturn { items, note })
    }
}

fn check_items(checks: &mut Checks, given: Vec<ReturnItemInput>) -> Vec<CheckedReturnItem> {
    let mut items: Vec<CheckedReturnItem> = Vec::with_capacity(given.len());
    for (index, item) in given.into_iter().enumerate() {
        let id = checks.required(&format!("items.{index}.order_item_id"), item.order_item_id, |id| {
            if items.iter().any(|item| item.order_item_id == id) {
                return Err("This line is listed twice.".to_owned());
            }
            Ok(id)
        });
        let quantity = checks.required(&format!("items.{index}.quantity"), item.quantity, validate::quantity);
        let reason = checks.optional(&format!("items.{index}.reason"), item.reason, reason()).unwrap_or_default();
        if let (Some(order_item_id), Some(quantity)) = (id, quantity) {
            items.push(CheckedReturnItem { order_item_id, quantity, reason });
        }
    }
    items
}

impl RejectReturn {
    pub(in crate::orders) fn check(self) -> Result<String> {
        let mut checks = Checks::new();
        let reason = checks.optional("reason", self.reason, reason()).unwrap_or_default();
        checks.finish()?;
        Ok(reason)
    }
}

impl ReceiveReturn {
    pub(in crate::orders) fn check(self) -> Result<bool> {
        let mut checks = Checks::new();
        match checks.required("restock", self.restock, Ok) {
            Some(restock) => Ok(restock),
            None => Err(checks.into_error()),
        }
    }
}

/// Validates an optional reason.
pub(super) fn reason() -> impl FnOnce(String) -> Result<String, String> {
    validate::multiline(0, MAX_REASON_LENGTH)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::error::Error;

    fn refused<T: std::fmt::Debug>(result: Result<T>) -> Vec<String> {
        let Err(Error::Invalid(invalid)) = result else { panic!("it must be refused, was {result:?}") };
        invalid.fields.into_keys().collect()
    }

    fn check(input: Value) -> Result<CheckedReturn> {
        serde_json::from_value::<ReturnInput>(input).unwrap().check()
    }

    #[test]
    fn every_wrong_field_is_named() {
        let line = Uuid::from_u128(1);
        assert_eq!(refused(check(json!({}))), ["items"]);
        assert_eq!(refused(check(json!({"items": [], "note": "x".repeat(2_001)}))), ["items", "note"]);
        let items = json!([{"order_item_id": line, "quantity": 1}, {"quantity": "1"}, {"order_item_id": line,
            "quantity": 10_001, "reason": "x".repeat(501)}]);
        let fields = ["items.1.order_item_id", "items.1.quantity", "items.2.order_item_id", "items.2.quantity"];
        let named = refused(check(json!({"items": items, "note": 5})));
        assert_eq!(named, fields.into_iter().chain(["items.2.reason", "note"]).collect::<Vec<_>>());
        let good = check(json!({"items": [{"order_item_id": line, "quantity": 2, "reason": null}]})).unwrap();
        assert_eq!((good.items[0].quantity, good.items[0].reason.as_str(), good.note.as_str()), (2, "", ""));
    }

    #[test]
    fn staff_say_what_becomes_of_the_goods() {
        let receive = |input: Value| serde_json::from_value::<ReceiveReturn>(input).unwrap().check();
        assert_eq!(refused(receive(json!({}))), ["restock"]);
        assert_eq!(refused(receive(json!({"restock": "yes"}))), ["restock"]);
        assert!(!receive(json!({"restock": false})).unwrap());
        let reject = |input: Value| serde_json::from_value::<RejectReturn>(input).unwrap().check();
        assert_eq!(refused(reject(json!({"reason": 1}))), ["reason"]);
        assert_eq!(reject(json!({})).unwrap(), "");
    }
}
