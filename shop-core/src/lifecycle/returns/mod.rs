//! Returned goods: how many units, what they are worth, and how they go back to stock.
//!
//! The shipped and returned units of a line are sums over the order's shipments and returns, read under the order's
//! version: every batch that changes one of them increments it.

mod worth;

use serde_json::{Value, json};

use super::state::OrderState;
use crate::batch::{Batch, Change};
use crate::clock::DecisionContext;
use crate::error::Result;
use crate::id::{OrderItemId, ReturnId};
use crate::inventory::operations::put_back;
use crate::model::inventory::{Reservation, StockLevel};
use crate::model::orders::{Order, OrderItem, Return, ReturnItem, ReturnStatus};
use crate::model::outbox::EventKind;
use crate::model::shipping::{Shipment, ShipmentStatus};
use crate::money::Amount;

pub(crate) use worth::worth;

/// Units of a line that have shipped.
pub(crate) fn shipped(shipments: &[Shipment], line: OrderItemId) -> i64 {
    let left = shipments.iter().filter(|one| matches!(one.status, ShipmentStatus::Shipped | ShipmentStatus::Delivered));
    let items = left.flat_map(|shipment| &shipment.items).filter(|item| item.order_item_id == line);
    items.map(|item| item.quantity).fold(0, i64::saturating_add)
}

/// Units of a line in the returns whose status `counts` accepts.
pub(crate) fn returned(returns: &[Return], line: OrderItemId, counts: fn(ReturnStatus) -> bool) -> i64 {
    lines(returns, line, counts).map(|item| item.quantity).fold(0, i64::saturating_add)
}

fn lines(returns: &[Return], line: OrderItemId, counts: fn(ReturnStatus) -> bool) -> impl Iterator<Item = &ReturnItem> {
    let counted = returns.iter().filter(move |returned| counts(returned.status));
    counted.flat_map(|returned| &returned.items).filter(move |item| item.order_item_id == line)
}

/// The value of `quantity` more units of an order line when they are returned or canceled: the value of all units that
/// are then returned or canceled, less that of the earlier ones. So parts always sum to the whole, in whatever order
/// they are added and canceled.
pub(crate) fn worth_of_next(order: &Order, item: &OrderItem, returns: &[Return], quantity: i64) -> Result<Amount> {
    let canceled = || order.canceled_items.iter().filter(|one| one.order_item_id == item.id && !one.returned);
    let before = returned(returns, item.id, ReturnStatus::is_live).saturating_add(order.canceled_quantity(item.id));
    let in_returns = lines(returns, item.id, ReturnStatus::is_live).map(|item| item.amount);
    let others = Amount::sum(in_returns.chain(canceled().map(|one| one.amount)))?;
    Ok(worth(order, item, before.saturating_add(quantity))?.minus(others)?.max(Amount::ZERO))
}

/// A line of a return, with `quantity` units of an order line.
pub(crate) fn return_line(
    order: &Order,
    item: &OrderItem,
    returns: &[Return],
    quantity: i64,
    reason: String,
) -> Result<ReturnItem> {
    let amount = worth_of_next(order, item, returns, quantity)?;
    Ok(ReturnItem { order_item_id: item.id, quantity, reason, amount })
}

/// A requested return of these lines, which is not written yet.
pub(crate) fn new_return(
    order: &Order,
    id: ReturnId,
    items: Vec<ReturnItem>,
    note: String,
    context: &DecisionContext,
) -> Result<Return> {
    Ok(Return {
        id,
        order_id: order.id,
        currency: order.currency,
        refund_amount: Amount::sum(items.iter().map(|item| item.amount))?,
        items,
        note,
        status: ReturnStatus::Requested,
        rejection: String::new(),
        restocked: false,
        amount_refunded: Amount::ZERO,
        created_at: context.now(),
        updated_at: context.now(),
        version: 1,
    })
}

/// Puts the goods of these lines back where they came from. Earlier returns have used up the first reservations.
pub(crate) fn restock_returned(
    reservations: &[Reservation],
    returns: &[Return],
    items: &[ReturnItem],
    levels: &[StockLevel],
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<()> {
    for item in items {
        let held: Vec<_> =
            reservations.iter().filter(|held| held.order_item_id == item.order_item_id).cloned().collect();
        let back = returned(returns, item.order_item_id, ReturnStatus::is_back);
        put_back(batch, context, &held, levels, back, item.quantity)?;
    }
    Ok(())
}

/// Records the return of all shipped units that are in no return, for a full refund with restocking that nobody
/// requested. The new return is completed at once, so that the units cannot be returned twice. `refunded` is the amount
/// just refunded.
///
/// # Errors
/// [`Error::InvalidTransition`](crate::Error::InvalidTransition) if no location takes the goods.
pub(crate) fn return_rest(
    state: &OrderState,
    returns: &[Return],
    levels: &[StockLevel],
    refunded: Amount,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<()> {
    let order = &state.order;
    let mut items = Vec::new();
    for line in &order.items {
        let rest = shipped(&state.shipments, line.id) - returned(returns, line.id, ReturnStatus::is_live);
        if rest > 0 {
            items.push(return_line(order, line, returns, rest, String::new())?);
        }
    }
    if items.is_empty() {
        return Ok(());
    }
    restock_returned(&state.reservations, returns, &items, levels, context, batch)?;
    let requested = new_return(order, context.id(), items, String::new(), context)?;
    let done = Return {
        status: ReturnStatus::Completed,
        restocked: true,
        amount_refunded: requested.refund_amount.min(refunded),
        ..requested
    };
    batch.write(Change::Insert(done.clone()));
    tell_return(batch, context, &done);
    Ok(())
}

/// Adds the event about a changed return.
pub(crate) fn tell_return(batch: &mut Batch, context: &mut DecisionContext, returned: &Return) {
    batch.event(context, EventKind::ReturnUpdated, returned.order_id, event_data(returned));
}

/// The payload of return events; contains no text by the buyer.
fn event_data(returned: &Return) -> Value {
    let currency = returned.currency;
    let item = |item: &ReturnItem| {
        json!({
            "order_item_id": item.order_item_id,
            "quantity": item.quantity,
            "amount": currency.format_amount(item.amount),
        })
    };
    json!({
        "id": returned.id,
        "order_id": returned.order_id,
        "status": returned.status,
        "items": returned.items.iter().map(item).collect::<Vec<_>>(),
        "restocked": returned.restocked,
        "refund_amount": currency.format_amount(returned.refund_amount),
        "amount_refunded": currency.format_amount(returned.amount_refunded),
        "currency": currency,
    })
}
