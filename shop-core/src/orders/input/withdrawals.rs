//! Input of a withdrawal.

use serde::Deserialize;

use crate::error::Result;
use crate::field::{Checks, Field};
use crate::model::shipping::ShipmentItem;
use crate::shipping::{ShipmentItemInput, check_items};
use crate::validate;

/// The units that a buyer withdraws from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct WithdrawalInput {
    /// Quantities per order line, each line at most once; everything that is left if absent.
    pub items: Field<Vec<ShipmentItemInput>>,
    /// The buyer's note. No reason is required.
    pub note: Field<String>,
}

/// A validated [`WithdrawalInput`]. The decision checks that the order has these lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::orders) struct CheckedWithdrawal {
    /// `None`: everything that is left.
    pub(in crate::orders) items: Option<Vec<ShipmentItem>>,
    pub(in crate::orders) note: String,
}

impl WithdrawalInput {
    pub(in crate::orders) fn check(self) -> Result<CheckedWithdrawal> {
        let mut checks = Checks::new();
        let items = checks.optional("items", self.items, Ok).map(|items| check_items(&mut checks, items));
        let note = checks.optional("note", self.note, validate::note).unwrap_or_default();
        checks.finish()?;
        Ok(CheckedWithdrawal { items, note })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::error::Error;

    #[test]
    fn all_is_meant_when_nothing_is_said_and_every_wrong_field_is_named() {
        let check = |input: Value| serde_json::from_value::<WithdrawalInput>(input).unwrap().check();
        let refused = |input| {
            let Err(Error::Invalid(invalid)) = check(input) else { panic!("it must be refused") };
            invalid.fields.into_keys().collect::<Vec<_>>()
        };
        for nothing in [json!({}), json!({"items": null, "note": null})] {
            assert_eq!(check(nothing).unwrap(), CheckedWithdrawal { items: None, note: String::new() });
        }
        assert_eq!(refused(json!({"items": [], "note": 5})), ["items", "note"]);
        assert_eq!(refused(json!({"items": "all", "note": "x".repeat(2_001)})), ["items", "note"]);
        let line = Uuid::from_u128(1);
        let items = json!([{"order_item_id": line, "quantity": 1}, {"order_item_id": line, "quantity": 0}, {}]);
        let fields = ["items.1.order_item_id", "items.1.quantity", "items.2.order_item_id", "items.2.quantity"];
        assert_eq!(refused(json!({"items": items})), fields);
        let good = check(json!({"items": [{"order_item_id": line, "quantity": 2}], "note": "Too small"})).unwrap();
        assert_eq!((good.items.unwrap()[0].quantity, good.note.as_str()), (2, "Too small"));
    }
}
