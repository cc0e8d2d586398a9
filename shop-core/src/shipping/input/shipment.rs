//! The inputs for shipments and tracking events.

use chrono::TimeDelta;
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::field::{Checks, Field};
use crate::id::{OrderId, OrderItemId};
use crate::model::shipping::{Shipment, ShipmentItem, TrackingStatus};
use crate::validate;

/// The maximum length of a carrier's or place's name, in characters.
const MAX_NAME_LENGTH: usize = 100;
/// The maximum length of a tracking event's description, in characters.
const MAX_DESCRIPTION_LENGTH: usize = 500;
/// More lines than an order can have.
const MAX_ITEMS: usize = 1_000;
/// How far a tracking event may be in the future: a carrier's clock may be ahead, and a forgotten time zone shifts the
/// time by at most this much.
const MAX_AHEAD: TimeDelta = TimeDelta::hours(24);

/// A shipment as sent by staff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ShipmentInput {
    /// The order that the shipment belongs to.
    pub order_id: Field<OrderId>,
    /// The contents. Default: everything that is left to ship.
    pub items: Field<Vec<ShipmentItemInput>>,
    /// The carrier's name. Default: the carrier of the order's shipping method.
    pub carrier: Field<String>,
    /// The carrier's tracking number.
    pub tracking_number: Field<String>,
}

/// The quantity of one order line in a shipment, as sent by staff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ShipmentItemInput {
    /// The order line.
    pub order_item_id: Field<OrderItemId>,
    /// The quantity in the shipment.
    pub quantity: Field<i64>,
}

/// A change of a shipment's carrier or tracking number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ShipmentChange {
    /// The carrier's name.
    pub carrier: Field<String>,
    /// The carrier's tracking number.
    pub tracking_number: Field<String>,
}

/// A tracking event as sent by staff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TrackingInput {
    /// `shipped`, `in_transit`, `out_for_delivery`, `delivered`, `exception` or `canceled`.
    pub status: Field<String>,
    /// The description of the event.
    pub description: Field<String>,
    /// The location of the event.
    pub location: Field<String>,
    /// The time of the event. Default: now.
    pub occurred_at: Field<Timestamp>,
}

/// A validated [`ShipmentInput`]. Whether the order has these lines is checked with the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::shipping) struct CheckedShipment {
    pub(in crate::shipping) order_id: OrderId,
    pub(in crate::shipping) items: Option<Vec<ShipmentItem>>,
    pub(in crate::shipping) carrier: Option<String>,
    pub(in crate::shipping) tracking_number: Option<String>,
}

/// A validated [`TrackingInput`].
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

/// Validates the field `items`: quantities of order lines, each line once.
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
    /// Validates the carrier and the tracking number; absent fields are taken from `base`.
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
        let status = checks.required("status", self.status, |word| validate::string_enum::<TrackingStatus>(&word));
        let description =
            checks.optional("description", self.description, validate::multiline(0, MAX_DESCRIPTION_LENGTH));
        let location = checks.optional("location", self.location, optional_name()).flatten();
        let occurred_at = checks.optional("occurred_at", self.occurred_at, |at| {
            // Dates before the shop existed come from wrong clocks.
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
    fn every_wrong_field_of_a_shipment_is_named() {
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
