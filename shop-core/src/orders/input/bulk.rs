//! Inputs of bulk calls by staff.

use std::collections::HashSet;

use serde::Deserialize;

use crate::error::Result;
use crate::field::{Checks, Field};
use crate::id::OrderId;
use crate::validate;

/// The most orders of one call. Each is canceled in its own transaction.
const MAX_ORDERS: usize = 100;
/// The longest reason, in characters.
const MAX_REASON_LENGTH: usize = 500;

/// The orders to cancel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CancelOrders {
    /// The orders, 1 to 100, without duplicates.
    pub ids: Field<Vec<OrderId>>,
    /// The reason, for staff; recorded in the history of each order.
    pub reason: Field<String>,
}

/// A validated [`CancelOrders`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::orders) struct CheckedCancel {
    pub(in crate::orders) ids: Vec<OrderId>,
    pub(in crate::orders) reason: Option<String>,
}

impl CancelOrders {
    pub(in crate::orders) fn check(self) -> Result<CheckedCancel> {
        let mut checks = Checks::new();
        let ids = checks.required("ids", self.ids, |ids: Vec<OrderId>| match ids.len() {
            0 => Err("This list may not be empty.".to_owned()),
            1..=MAX_ORDERS if ids.iter().collect::<HashSet<_>>().len() < ids.len() => {
                Err("An order is listed twice.".to_owned())
            }
            1..=MAX_ORDERS => Ok(ids),
            _ => Err(format!("At most {MAX_ORDERS} orders.")),
        });
        let reason =
            checks.optional("reason", self.reason, validate::or_blank(validate::multiline(1, MAX_REASON_LENGTH)));
        match ids {
            Some(ids) if checks.is_clean() => Ok(CheckedCancel { ids, reason: reason.flatten() }),
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

    fn check(input: Value) -> Result<CheckedCancel, Vec<String>> {
        serde_json::from_value::<CancelOrders>(input).unwrap().check().map_err(|error| match error {
            Error::Invalid(invalid) => invalid.fields.into_keys().collect(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn one_to_a_hundred_orders_each_once() {
        let ids = |count: u128| (1..=count).map(Uuid::from_u128).collect::<Vec<_>>();
        let names = |names: &[&str]| Err(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(check(json!({})), names(&["ids"]));
        assert_eq!(check(json!({"ids": [], "reason": 5})), names(&["ids", "reason"]));
        assert_eq!(check(json!({"ids": ids(101)})), names(&["ids"]));
        assert_eq!(check(json!({"ids": [ids(1)[0], ids(1)[0]]})), names(&["ids"]));
        assert_eq!(check(json!({"ids": ["x"]})), names(&["ids"]));
        assert_eq!(check(json!({"ids": ids(1), "reason": "x".repeat(501)})), names(&["reason"]));
        let good = check(json!({"ids": ids(100), "reason": " "})).unwrap();
        assert_eq!((good.ids.len(), good.reason), (100, None));
    }
}
