//! Cancels items that will not be delivered; the order continues with the rest.

use super::cancel::{Reason, cancel, unpack};
use super::pending::reduce_open_payments;
use crate::batch::{Batch, Decision};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::OrderItemId;
use crate::inventory::operations::{commit_held, release};
use crate::lifecycle::{OrderState, named, ordered_lines, record, settle_from, shipped, worth_of_next};
use crate::model::orders::{CanceledItem, OrderItem, OrderStatus, Return};
use crate::model::payments::Payment;
use crate::model::shipping::{Shipment, ShipmentStatus};
use crate::money::{Amount, Ratio};
use crate::orders::OrderView;
use crate::orders::input::CheckedCancelItems;
use crate::payments::operations::{Repayment, give_back, left, refunded_line};

/// Cancels unshipped units: releases their stock, unpacks shipments that contain them, and refunds what was received
/// for them. Their price is no longer payable; the shipping price still is.
///
/// `returns` are all returns of the order. If nothing of the order remains, the order is canceled ([`cancel`]).
///
/// # Errors
/// [`Error::Invalid`] for lines that the order does not have or quantities above the ordered ones, and for `refund` if
/// the whole order would be canceled without a refund; [`Error::InvalidTransition`] if fewer units are unshipped, or
/// the order is canceled or completed; [`Error::RequestInProgress`] while a gateway processes another request.
pub(in crate::orders) fn cancel_items(
    mut state: OrderState,
    returns: &[Return],
    input: &CheckedCancelItems,
    is_remote: &dyn Fn(&Payment) -> bool,
    role: &str,
    context: &mut DecisionContext,
) -> Result<Decision<OrderView>> {
    let wanted = wanted(&state, input)?;
    let canceled: i64 = wanted.iter().map(|(_, quantity)| quantity).sum();
    let remaining = state.order.items.iter().map(|item| state.order.remaining_quantity(item)).sum();
    let mut batch = Batch::new(context);
    let detail = cancellation_detail(&wanted, &input.reason);
    record(&mut batch, context, state.order.id, "items_canceled", role, detail);
    if canceled < remaining {
        return cancel_some(state, returns, &wanted, input.refund, is_remote, role, context, batch);
    }
    let lefts = state.payments.iter().map(left).collect::<Result<Vec<_>>>()?;
    if !input.refund && Amount::sum(lefts)? > Amount::ZERO {
        let why = "All of the order would be canceled, and a canceled order keeps no money.";
        return Err(Error::invalid("refund", why));
    }
    if state.order.items.iter().any(|item| shipped(&state.shipments, item.id) > 0) {
        // The shipped units were returned, so nothing of the order remains.
        remove_units(&mut state, returns, &wanted, role, context, &mut batch)?;
    }
    let OrderState { order, payments, shipments, reservations, .. } = state;
    let view = OrderView { order, payments, shipments };
    let decision = cancel(view, &reservations, Reason::Asked(role), is_remote, context)?;
    batch.append(decision.batch);
    Ok(Decision { batch, reply: decision.reply })
}

/// The lines to cancel, with quantities.
fn wanted(state: &OrderState, input: &CheckedCancelItems) -> Result<Vec<(OrderItem, i64)>> {
    let order = &state.order;
    let quantities = input.items.iter().map(|item| item.quantity);
    let lines = ordered_lines(order, input.items.iter().map(|item| (item.order_item_id, item.quantity)))?;
    match order.status {
        OrderStatus::Placed => {}
        OrderStatus::Canceled => return Err(Error::transition("The order is canceled already.")),
        OrderStatus::Completed => return Err(Error::transition("All of this order was delivered.")),
    }
    for (line, quantity) in lines.iter().zip(quantities.clone()) {
        let left = line.quantity - order.canceled_quantity(line.id) - shipped(&state.shipments, line.id);
        if quantity > left {
            return Err(Error::transition(format!("Only {} of {} can be canceled.", left.max(0), line.sku)));
        }
    }
    Ok(lines.into_iter().cloned().zip(quantities).collect())
}

/// Cancels units of an order of which something remains.
#[expect(clippy::too_many_arguments, reason = "what was checked, and what every decision about money takes")]
fn cancel_some(
    mut state: OrderState,
    returns: &[Return],
    wanted: &[(OrderItem, i64)],
    refund: bool,
    is_remote: &dyn Fn(&Payment) -> bool,
    role: &str,
    context: &mut DecisionContext,
    mut batch: Batch,
) -> Result<Decision<OrderView>> {
    let before = BeforeCancellation::of(&state);
    let refund = refund.then_some(Amount::ZERO);
    cancel_units(&mut state, returns, wanted, refund, is_remote, role, context, &mut batch)?;
    let reply = settle_after_cancellation(before, state, context, &mut batch);
    Ok(Decision { batch, reply })
}

/// The state of an order before units were canceled.
#[derive(Debug, Clone, Copy)]
pub(super) struct BeforeCancellation {
    was_paid: bool,
    was_held: bool,
}

impl BeforeCancellation {
    pub(super) fn of(state: &OrderState) -> Self {
        Self { was_paid: state.order.is_paid(), was_held: state.order.hold_until.is_some() }
    }
}

/// Cancels units of an order of which something remains. The caller then calls [`settle_after_cancellation`] once.
/// `refund`: refund what was received for the units, plus this part of the shipping price.
#[expect(clippy::too_many_arguments, reason = "what was checked, and what every decision about money takes")]
pub(super) fn cancel_units(
    state: &mut OrderState,
    returns: &[Return],
    wanted: &[(OrderItem, i64)],
    refund: Option<Amount>,
    is_remote: &dyn Fn(&Payment) -> bool,
    role: &str,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<()> {
    let before = state.payments.clone();
    let worth = remove_units(state, returns, wanted, role, context, batch)?;
    if let Some(shipping) = refund {
        let amount = refund_for(state, sum(&worth)?, shipping)?;
        let mut goods = goods(state, &worth);
        goods.extend(state.order.refunded_shipping(shipping));
        let repayment = Repayment { reason: "Items of the order were canceled.", goods: &goods, actor: role };
        give_back(state, amount, repayment, context, batch)?;
    }
    reduce_open_payments(state, &before, is_remote, role, context, batch)
}

/// Settles an order after units of it were canceled, or a return was opened, in the same batch.
pub(super) fn settle_after_cancellation(
    before: BeforeCancellation,
    state: OrderState,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> OrderView {
    let OrderState { order, payments, shipments, reservations, .. } = state;
    let order = settle_from(before.was_paid, order, &payments, &shipments, context, batch);
    if before.was_held && order.hold_until.is_none() {
        commit_held(batch, &reservations);
    }
    let payments = payments.into_iter().map(Payment::without_secret).collect();
    OrderView { order, payments, shipments }
}

/// Removes units from the order: releases their stock, unpacks shipments that wait with them, and records their value.
/// Returns the value per line.
fn remove_units(
    state: &mut OrderState,
    returns: &[Return],
    wanted: &[(OrderItem, i64)],
    role: &str,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<Vec<(OrderItemId, Amount)>> {
    let mut worth = Vec::with_capacity(wanted.len());
    for (line, quantity) in wanted {
        unpack_some(state, line, *quantity, role, context, batch);
        let mut held: Vec<_> = state.reservations.extract_if(.., |held| held.order_item_id == line.id).collect();
        release(batch, &mut held, *quantity);
        state.reservations.append(&mut held);
        let amount = worth_of_next(&state.order, line, returns, *quantity)?;
        worth.push((line.id, amount));
        let canceled = CanceledItem { order_item_id: line.id, quantity: *quantity, amount, returned: false };
        state.order.cancel_item(canceled);
    }
    Ok(worth)
}

/// Unpacks waiting shipments, newest first, until `quantity` units of the line are in none.
fn unpack_some(
    state: &mut OrderState,
    line: &OrderItem,
    quantity: i64,
    role: &str,
    context: &mut DecisionContext,
    batch: &mut Batch,
) {
    let packed = |shipment: &Shipment| {
        let items = shipment.items.iter().filter(|item| item.order_item_id == line.id);
        items.map(|item| item.quantity).fold(0, i64::saturating_add)
    };
    let open = state.shipments.iter().filter(|shipment| shipment.status != ShipmentStatus::Canceled);
    let mut free = line.quantity - state.order.canceled_quantity(line.id) - open.map(packed).sum::<i64>();
    for shipment in state.shipments.iter_mut().rev() {
        if free >= quantity {
            return;
        }
        if shipment.status == ShipmentStatus::Pending && packed(shipment) > 0 {
            free += packed(shipment);
            *shipment = unpack(shipment.clone(), "Items of it were canceled.", role, context, batch);
        }
    }
}

fn sum(worth: &[(OrderItemId, Amount)]) -> Result<Amount> {
    Amount::sum(worth.iter().map(|(_, amount)| *amount))
}

/// The canceled items, as a refund splits them by tax rate.
fn goods(state: &OrderState, worth: &[(OrderItemId, Amount)]) -> Vec<(Option<Ratio>, Amount)> {
    let of_line = |(id, amount): &(OrderItemId, Amount)| {
        let line = state.order.items.iter().find(|line| line.id == *id)?;
        refunded_line(&state.order, line, *amount)
    };
    worth.iter().filter_map(of_line).collect()
}

/// The refund for canceled items of this value, plus the refunded part of the shipping price. At most what was captured
/// beyond the payable amount and not refunded yet, and rounded down to an amount that every gateway can move.
fn refund_for(state: &OrderState, worth: Amount, shipping: Amount) -> Result<Amount> {
    let captured = Amount::sum(state.payments.iter().map(|payment| payment.amount_captured))?;
    let beyond = captured.minus(state.order.amount_payable())?.plus(shipping)?;
    let worth = worth.plus(shipping)?;
    let lefts = state.payments.iter().map(left).collect::<Result<Vec<_>>>()?;
    let left = Amount::sum(lefts)?;
    let amount = worth.min(beyond).min(left).max(Amount::ZERO);
    let lowered = state.payments.iter().map(|payment| state.limits_of(payment).lowered(amount));
    Ok(if amount < left { lowered.min().unwrap_or(amount) } else { amount })
}

/// A sentence about the canceled items.
pub(super) fn cancellation_detail(wanted: &[(OrderItem, i64)], reason: &str) -> String {
    let goods = named(wanted.iter().map(|(line, quantity)| (*quantity, line.sku.as_str())));
    let end = if reason.is_empty() { ".".to_owned() } else { format!(": {reason}") };
    format!("{goods} will not be delivered{end}")
}

#[cfg(test)]
pub(super) mod tests;
