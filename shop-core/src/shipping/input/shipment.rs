//! Parcels and news of them, as staff wrote them.

use chrono::TimeDelta;
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::field::{Checks, Field};
use crate::id::{OrderId, OrderItemId};
use crate::shipping::{Shipment, ShipmentItem, TrackingStatus};
use crate::validate;

/// The longest name of a carrier or place, in characters.
const MAX_NAME_LENGTH: usize = 100;
/// The longest description of a piece of news, in characters.
const MAX_DESCRIPTION_LENGTH: usize = 500;
/// More lines than an order can have.
const MAX_ITEMS: usize = 1_000;
/// How far ahead of ours a carrier's clock may be; a time zone that was forgotten is at most this much.
const MAX_AHEAD: TimeDelta = TimeDelta::hours(24);

/// A parcel as staff wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ShipmentInput {
    /// Of which order.
    pub order_id: Field<OrderId>,
    /// What is in it; all that is left when nothing was said.
    pub items: Field<Vec<ShipmentItemInput>>,
    /// Who carries it; the carrier of the order's shipping method when nothing was said.
    pub carrier: Field<String>,
    /// The carrier's number.
    pub tracking_number: Field<String>,
}

/// How many of a line are in a parcel, as staff wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ShipmentItemInput {
    /// Which line.
    pub order_item_id: Field<OrderItemId>,
    /// How many.
    pub quantity: Field<i64>,
}

/// A new carrier or number of a parcel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ShipmentChange {
    /// Who carries it.
    pub carrier: Field<String>,
    /// The carrier's number.
    pub tracking_number: Field<String>,
}

/// A piece of news as staff wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TrackingInput {
    /// `shipped`, `in_transit`, `out_for_delivery`, `delivered`, `exception` or `canceled`.
    pub status: Field<String>,
    /// In words.
    pub description: Field<String>,
    /// Where.
    pub location: Field<String>,
    /// When; now when nothing was said.
    pub occurred_at: Field<Timestamp>,
}

/// A parcel whose every field passed. Whether the order has such lines is decided with the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::shipping) struct CheckedShipment {
    pub(in crate::shipping) order_id: OrderId,
    pub(in crate::shipping) items: Option<Vec<ShipmentItem>>,
    pub(in crate::shipping) carrier: Option<String>,
    pub(in crate::shipping) tracking_number: Option<String>,
}

/// News whose every field passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::shipping) struct CheckedTracking {
    pub(in crate::shipping) status: TrackingStatus,
    pub(in crate::shipping) description: String,
    pub(in crate::shipping) location: Option<String>,
    pub(in crate::shipping) occurred_at: Option<Timestamp>,
}

impl ShipmentInput {
    pub(in crate::shipping) fn check(self) -> Result<CheckedShipment> {
        let mut checks = Checks::new();
        let order_id = checks.required("order_id", self.order_id, Ok);
        let items = checks.optional("items", self.items, Ok).map(|items| check_items(&mut checks, items));
        let carrier = checks.optional("carrier", self.carrier, optional_name()).flatten();
        let tracking_number = checks.optional("tracking_number", self.tracking_number, optional_name()).flatten();
        match order_id {
            Some(order_id) if checks.is_clean() => Ok(CheckedShipment { order_id, items, carrier, tracking_number }),
            _ => Err(checks.into_error()),
        }
    }
}

/// Checks the field `items`: how many of which lines of an order, each line once.
pub(crate) fn check_items(checks: &mut Checks, given: Vec<ShipmentItemInput>) -> Vec<ShipmentItem> {
    match given.len() {
        0 => checks.refuse::<()>("items", "This list may not be empty."),
        1..=MAX_ITEMS => None,
        _ => {
            checks.refuse::<()>("items", format!("At most {MAX_ITEMS} items."));
            return Vec::new();
        }
    };
    let mut items: Vec<ShipmentItem> = Vec::with_capacity(given.len());
    for (index, item) in given.into_iter().enumerate() {
        let path = format!("items.{index}.order_item_id");
        let order_item_id = checks.required(&path, item.order_item_id, |id| {
            if items.iter().any(|item| item.order_item_id == id) {
                return Err("This line is listed twice.".to_owned());
            }
            Ok(id)
        });
        let quantity = checks.required(&format!("items.{index}.quantity"), item.quantity, validate::quantity);
        if let (Some(order_item_id), Some(quantity)) = (order_item_id, quantity) {
            items.push(ShipmentItem { order_item_id, quantity });
        }
    }
    items
}

impl ShipmentChange {
    /// Carrier and number as they will be: what was not mentioned is taken from `base`.
    pub(in crate::shipping) fn check(self, base: &Shipment) -> Result<(Option<String>, Option<String>)> {
        let mut checks = Checks::new();
        let carrier = checks.change("carrier", self.carrier, optional_name());
        let number = checks.change("tracking_number", self.tracking_number, optional_name());
        checks.finish()?;
        let carrier = carrier.map_or_else(|| base.carrier.clone(), Option::flatten);
        let number = number.map_or_else(|| base.tracking_number.clone(), Option::flatten);
        Ok((carrier, number))
    }
}

impl TrackingInput {
    pub(in crate::shipping) fn check(self, now: Timestamp) -> Result<CheckedTracking> {
        let mut checks = Checks::new();
        let status = checks.required("status", self.status, |word| validate::word::<TrackingStatus>(&word));
        let description =
            checks.optional("description", self.description, validate::multiline(0, MAX_DESCRIPTION_LENGTH));
        let location = checks.optional("location", self.location, optional_name()).flatten();
        let occurred_at = checks.optional("occurred_at", self.occurred_at, |at| {
            // What lies before the shop was thought of, no clock means.
            if at.timestamp() < 946_684_800 || at > now + MAX_AHEAD {
                return Err("Must be from the year 2000 on, and not in the future.".to_owned());
            }
            Ok(chrono::SubsecRound::trunc_subsecs(at, 6))
        });
        match status {
            Some(status) if checks.is_clean() => {
                Ok(CheckedTracking { status, description: description.unwrap_or_default(), location, occurred_at })
            }
            _ => Err(checks.into_error()),
        }
    }
}

fn optional_name() -> impl FnOnce(String) -> Result<Option<String>, String> {
    validate::or_blank(validate::text(1, MAX_NAME_LENGTH))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::error::Error;

    fn refused<T: std::fmt::Debug>(result: Result<T>) -> Vec<String> {
        let Err(Error::Invalid(invalid)) = result else { panic!("it must be refused, was {result:?}") };
        invalid.fields.into_keys().collect()
    }

    fn shipment(input: Value) -> Result<CheckedShipment> {
        serde_json::from_value::<ShipmentInput>(input).unwrap().check()
    }

    fn tracking(input: Value) -> Result<CheckedTracking> {
        let now = DateTime::from_timestamp(1_750_000_000, 0).unwrap();
        serde_json::from_value::<TrackingInput>(input).unwrap().check(now)
    }

    #[test]
    fn every_wrong_field_of_a_parcel_is_named() {
        let line = Uuid::from_u128(1);
        assert_eq!(refused(shipment(json!({}))), ["order_id"]);
        let wrong = json!({"order_id": "x", "items": [], "carrier": 1, "tracking_number": "x".repeat(101)});
        assert_eq!(refused(shipment(wrong)), ["carrier", "items", "order_id", "tracking_number"]);
        let items = json!([{"order_item_id": line, "quantity": 0}, {"quantity": 1}, {"order_item_id": line, "quantity": 2},
            {"order_item_id": line, "quantity": 10_001}]);
        let fields = ["items.0.quantity", "items.1.order_item_id", "items.3.order_item_id", "items.3.quantity"];
        assert_eq!(refused(shipment(json!({"order_id": line, "items": items}))), fields);
        let good =
            shipment(json!({"order_id": line, "items": null, "carrier": " ", "tracking_number": " 1Z "})).unwrap();
        assert_eq!((good.items, good.carrier, good.tracking_number), (None, None, Some("1Z".into())));
    }

    #[test]
    fn news_are_not_from_the_future() {
        assert_eq!(refused(tracking(json!({}))), ["status"]);
        let wrong = json!({"status": "lost", "description": "x".repeat(501), "location": 5, "occurred_at": "tomorrow"});
        assert_eq!(refused(tracking(wrong)), ["description", "location", "occurred_at", "status"]);
        for wrong in ["2025-06-17T00:00:00Z", "1999-12-31T23:59:59Z"] {
            assert_eq!(
                refused(tracking(json!({"status": "shipped", "occurred_at": wrong}))),
                ["occurred_at"],
                "{wrong}"
            );
        }
        let good = json!({"status": "in_transit", "occurred_at": "2025-06-01T12:00:00.1234567+02:00"});
        let good = tracking(good).unwrap();
        assert_eq!(good.status, TrackingStatus::InTransit);
        assert_eq!(good.occurred_at.unwrap().to_rfc3339(), "2025-06-01T10:00:00.123456+00:00");
    }
}
