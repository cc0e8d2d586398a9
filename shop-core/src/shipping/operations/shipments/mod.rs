//! The decisions about shipments: their contents, and the effects of tracking events on the shipment, stock and order.

use serde_json::{Value, json};

use crate::batch::{Batch, Change, Decision};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::OrderItemId;
use crate::inventory::operations::{consume, may_change};
use crate::lifecycle::{OrderState, mail_buyer, ordered_lines, record, settle};
use crate::model::inventory::{Reservation, StockLevel};
use crate::model::orders::{Order, OrderItem, OrderNews, OrderStatus};
use crate::model::outbox::EventKind;
use crate::model::shipping::{Shipment, ShipmentItem, ShipmentStatus, TrackingEvent, TrackingStatus};
use crate::shipping::input::{CheckedShipment, CheckedTracking};
use crate::string_enum::StringEnum as _;

/// More tracking events than any carrier sends for a shipment; the limit stops programs that loop.
const MAX_EVENTS: usize = 500;

/// The quantity of each line that a new shipment can contain, in line order: what was ordered and not canceled, less
/// what other shipments contain. For tracked goods, at most what is reserved and not in a pending shipment.
#[must_use]
pub fn shippable(order: &Order, shipments: &[Shipment], reservations: &[Reservation]) -> Vec<(OrderItemId, i64)> {
    let packed = |line: OrderItemId, counts: fn(ShipmentStatus) -> bool| -> i64 {
        let shipments = shipments.iter().filter(|shipment| counts(shipment.status));
        let items = shipments.flat_map(|shipment| &shipment.items).filter(|item| item.order_item_id == line);
        items.map(|item| item.quantity).fold(0, i64::saturating_add)
    };
    let shippable = |line: OrderItemId, ordered: i64| {
        let unpacked = ordered - packed(line, |status| status != ShipmentStatus::Canceled);
        let mut held = reservations.iter().filter(|held| held.order_item_id == line).peekable();
        if held.peek().is_none() {
            return unpacked;
        }
        let reserved: i64 = held.filter(|held| held.status.is_live()).map(|held| held.remaining).sum();
        unpacked.min(reserved - packed(line, |status| status == ShipmentStatus::Pending))
    };
    let ordered = |item: &OrderItem| item.quantity.saturating_sub(order.canceled_quantity(item.id));
    order.items.iter().map(|item| (item.id, shippable(item.id, ordered(item)).max(0))).collect()
}

/// Creates a pending shipment.
///
/// # Errors
/// [`Error::InvalidTransition`] when the order cannot ship now, or nothing or too little is left of it;
/// [`Error::Invalid`] for lines that the order does not have, or quantities that it never had.
pub(in crate::shipping) fn create_shipment(
    state: OrderState,
    input: CheckedShipment,
    actor: &str,
    context: &mut DecisionContext,
) -> Result<Decision<Shipment>> {
    let OrderState { order, payments, mut shipments, reservations, .. } = state;
    may_ship(&order)?;
    let left = shippable(&order, &shipments, &reservations);
    let items = match input.items {
        Some(items) => wanted(&order, &left, items)?,
        None => left
            .into_iter()
            .filter(|&(_, quantity)| quantity > 0)
            .map(|(order_item_id, quantity)| ShipmentItem { order_item_id, quantity })
            .collect(),
    };
    if items.is_empty() {
        return Err(Error::transition("Nothing of this order is left to ship."));
    }
    let shipment = Shipment {
        id: context.id(),
        order_id: order.id,
        items,
        carrier: input.carrier.or_else(|| order.shipping_method.carrier.clone()),
        tracking_number: input.tracking_number,
        status: ShipmentStatus::Pending,
        events: Vec::new(),
        created_at: context.now(),
        shipped_at: None,
        delivered_at: None,
        version: 1,
    };
    let mut batch = Batch::new(context);
    batch.write(Change::Insert(shipment.clone()));
    batch.event(context, EventKind::ShipmentCreated, shipment.order_id, event_data(&shipment));
    record(&mut batch, context, order.id, "shipment_created", actor, "A shipment was created.");
    shipments.push(shipment.clone());
    settle(order, &payments, &shipments, context, &mut batch);
    Ok(Decision { batch, reply: shipment })
}

/// Checks the requested items against the order: items that it never had are invalid, items no longer left are a
/// conflict.
fn wanted(order: &Order, left: &[(OrderItemId, i64)], items: Vec<ShipmentItem>) -> Result<Vec<ShipmentItem>> {
    let lines = ordered_lines(order, items.iter().map(|item| (item.order_item_id, item.quantity)))?;
    for (item, line) in items.iter().zip(lines) {
        let left = left.iter().find(|(line, _)| *line == item.order_item_id).map_or(0, |&(_, left)| left);
        if item.quantity > left {
            return Err(Error::transition(format!("Only {left} of {} are left to ship.", line.sku)));
        }
    }
    Ok(items)
}

/// Changes the carrier or the tracking number of a shipment.
pub(in crate::shipping) fn update_shipment(
    state: OrderState,
    before: &Shipment,
    carrier: Option<String>,
    tracking_number: Option<String>,
    context: &mut DecisionContext,
) -> Decision<Shipment> {
    let shipment = Shipment { carrier, tracking_number, ..before.clone() };
    if shipment == *before {
        return Decision::unchanged(context, shipment);
    }
    let batch = Batch::new(context);
    write(state, shipment, batch, context)
}

/// Applies a tracking event. A shipment that leaves takes its stock along. One that arrives counts as shipped, even if
/// no event said so. One that is canceled leaves its stock reserved for the next. `levels` are the stock levels of the
/// variants in a shipment that leaves.
///
/// # Errors
/// [`Error::InvalidTransition`] when the event does not fit the shipment's status, or the order cannot ship now;
/// [`Error::InsufficientStock`] when more leaves than was in stock and backordered.
pub(in crate::shipping) fn track_shipment(
    mut state: OrderState,
    before: &Shipment,
    news: CheckedTracking,
    levels: &[StockLevel],
    actor: &str,
    context: &mut DecisionContext,
) -> Result<Decision<Shipment>> {
    use ShipmentStatus as S;
    use TrackingStatus as T;
    let (leaves, status) = match (before.status, news.status) {
        (S::Pending, T::Shipped) => (true, S::Shipped),
        (S::Pending, T::Delivered) => (true, S::Delivered),
        (S::Pending, T::Canceled) => (false, S::Canceled),
        (S::Shipped, T::InTransit | T::OutForDelivery | T::Exception) => (false, S::Shipped),
        (S::Shipped, T::Delivered) => (false, S::Delivered),
        (is, news) => {
            let (is, news) = (is.as_str(), news.as_str());
            return Err(Error::transition(format!("A shipment that is {is} cannot become {news}.")));
        }
    };
    if before.events.len() >= MAX_EVENTS {
        return Err(Error::transition(format!("A shipment has at most {MAX_EVENTS} events.")));
    }
    let at = news.occurred_at.unwrap_or(context.now());
    let order_id = state.order.id;
    let mut batch = Batch::new(context);
    let mut shipment = Shipment { status, ..before.clone() };
    if leaves {
        may_ship(&state.order)?;
        for item in &before.items {
            let mut held: Vec<Reservation> = state
                .reservations
                .extract_if(.., |reservation| reservation.order_item_id == item.order_item_id)
                .collect();
            consume(&mut batch, context, &mut held, item.quantity, order_id)?;
        }
        may_change(&batch, levels)?;
        shipment.shipped_at = Some(at);
        record(&mut batch, context, order_id, "shipment_shipped", actor, describe_shipment(&shipment, "left"));
        mail_buyer(&mut batch, context, order_id, OrderNews::Shipped { shipment_id: shipment.id });
    }
    if status == S::Delivered {
        shipment.delivered_at = Some(at);
        record(&mut batch, context, order_id, "shipment_delivered", actor, describe_shipment(&shipment, "arrived"));
    }
    if status == S::Canceled {
        record(
            &mut batch,
            context,
            order_id,
            "shipment_canceled",
            actor,
            "A shipment was canceled before it was sent.",
        );
    }
    shipment.events.push(TrackingEvent {
        status: news.status,
        description: news.description,
        location: news.location,
        occurred_at: at,
    });
    // Events may arrive late; a stable sort keeps events with the same time in order of arrival.
    shipment.events.sort_by_key(|event| event.occurred_at);
    Ok(write(state, shipment, batch, context))
}

/// Only a placed order ships, and not while it waits for its payment.
fn may_ship(order: &Order) -> Result<()> {
    match order.status {
        OrderStatus::Canceled => Err(Error::transition("A canceled order ships nothing.")),
        OrderStatus::Completed => Err(Error::transition("Nothing of this order is left to ship.")),
        OrderStatus::Placed if order.hold_until.is_some() && !order.ships_unpaid => {
            Err(Error::transition("The order still waits for its payment."))
        }
        OrderStatus::Placed => Ok(()),
    }
}

fn describe_shipment(shipment: &Shipment, what: &str) -> String {
    match (&shipment.carrier, &shipment.tracking_number) {
        (Some(carrier), Some(number)) => format!("A shipment {what}: {carrier} {number}."),
        (None, Some(name)) | (Some(name), None) => format!("A shipment {what}: {name}."),
        (None, None) => format!("A shipment {what}."),
    }
}

/// Writes the changed shipment, its event and its order.
fn write(
    state: OrderState,
    mut shipment: Shipment,
    mut batch: Batch,
    context: &mut DecisionContext,
) -> Decision<Shipment> {
    let OrderState { order, payments, mut shipments, .. } = state;
    shipment.version += 1;
    batch.write(Change::Update(shipment.clone()));
    batch.event(context, EventKind::ShipmentUpdated, shipment.order_id, event_data(&shipment));
    for stored in &mut shipments {
        if stored.id == shipment.id {
            stored.clone_from(&shipment);
        }
    }
    settle(order, &payments, &shipments, context, &mut batch);
    Decision { batch, reply: shipment }
}

/// The data of events about a shipment, without names and addresses.
#[must_use]
pub fn event_data(shipment: &Shipment) -> Value {
    json!({
        "id": shipment.id,
        "order_id": shipment.order_id,
        "status": shipment.status,
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
        "items": shipment.items,
    })
}

#[cfg(test)]
mod tests;
