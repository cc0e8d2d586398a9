//! Input to cancel items that cannot be delivered.

use serde::Deserialize;

use super::returns::reason;
use crate::error::Result;
use crate::field::{Checks, Field};
use crate::model::shipping::ShipmentItem;
use crate::shipping::{ShipmentItemInput, check_items};

/// The items of an order to cancel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CancelItemsInput {
    /// Quantities per order line; each line at most once.
    pub items: Field<Vec<ShipmentItemInput>>,
    /// The reason; shown to the buyer.
    pub reason: Field<String>,
    /// Whether money received for the items is refunded; default `true`.
    pub refund: Field<bool>,
}

/// A validated [`CancelItemsInput`]. The decision checks that the order has these lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::orders) struct CheckedCancelItems {
    pub(in crate::orders) items: Vec<ShipmentItem>,
    pub(in crate::orders) reason: String,
    pub(in crate::orders) refund: bool,
}

impl CancelItemsInput {
    pub(in crate::orders) fn check(self) -> Result<CheckedCancelItems> {
        let mut checks = Checks::new();
        let items = checks.required("items", self.items, Ok);
        let items = items.map(|items| check_items(&mut checks, items)).unwrap_or_default();
        let reason = checks.optional("reason", self.reason, reason()).unwrap_or_default();
        let refund = checks.optional("refund", self.refund, Ok).unwrap_or(true);
        checks.finish()?;
        Ok(CheckedCancelItems { items, reason, refund })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::error::Error;

    fn check(input: Value) -> Result<CheckedCancelItems> {
        serde_json::from_value::<CancelItemsInput>(input).unwrap().check()
    }

    #[test]
    fn every_wrong_field_is_named() {
        let refused = |input| {
            let Err(Error::Invalid(invalid)) = check(input) else { panic!("it must be refused") };
            invalid.fields.into_keys().collect::<Vec<_>>()
        };
        let line = Uuid::from_u128(1);
        assert_eq!(refused(json!({})), ["items"]);
        assert_eq!(
            refused(json!({"items": [], "reason": "x".repeat(501), "refund": "yes"})),
            ["items", "reason", "refund"]
        );
        let items = json!([{"order_item_id": line, "quantity": 1}, {"order_item_id": line, "quantity": 0}, {}]);
        let fields = ["items.1.order_item_id", "items.1.quantity", "items.2.order_item_id", "items.2.quantity"];
        assert_eq!(refused(json!({"items": items})), fields);
        let good = check(json!({"items": [{"order_item_id": line, "quantity": 2}], "reason": null})).unwrap();
        assert_eq!((good.items[0].quantity, good.reason.as_str(), good.refund), (2, "", true));
    }
}
