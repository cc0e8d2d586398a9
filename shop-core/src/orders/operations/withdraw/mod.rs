//! A buyer's withdrawal from the contract (Directive 2011/83/EU, articles 9 to 16).
//!
//! It reuses other decisions: unshipped units are canceled as by [`cancel_items`], and for shipped units a return is
//! opened as a buyer would request it. That return is approved at once, because a withdrawal needs no consent.

use chrono::{DateTime, Days, NaiveTime, SecondsFormat};
use serde_json::json;

use super::cancel_items::{
    BeforeCancellation, cancel_items, cancel_units, cancellation_detail, settle_after_cancellation,
};
use super::returns::{Opening, last_outstanding, open_return, promise_shipping};
use crate::batch::{Batch, Decision};
use crate::clock::{DecisionContext, Timestamp};
use crate::error::{Error, Result};
use crate::id::ReturnId;
use crate::lifecycle::{OrderState, event_data, mail_buyer, named, ordered_lines, record, returned, shipped};
use crate::model::orders::{
    FulfillmentStatus, MailedItem, Order, OrderItem, OrderNews, OrderStatus, Return, ReturnStatus, Withdrawal,
    WithdrawalReceipt,
};
use crate::model::outbox::EventKind;
use crate::model::payments::Payment;
use crate::model::shipping::{ShipmentItem, ShipmentStatus};
use crate::money::Amount;
use crate::orders::input::{CheckedCancelItems, CheckedWithdrawal};

/// The maximum number of withdrawals from one order, so that its row stays small.
const MAX_WITHDRAWALS: usize = 100;

/// The reason of the cancellation in the history.
const REASON: &str = "The buyer withdrew from the contract.";

/// The withdrawn units of a line.
struct Withdrawn<'a> {
    line: &'a OrderItem,
    /// Unshipped units, which are canceled.
    canceled: i64,
    /// Shipped units, which are to be returned.
    returned: i64,
}

/// Records a withdrawal from an order or a part of it. `returns` are all returns of the order. `days` is how long after
/// the day of the last delivery buyers may withdraw; 0 disables withdrawals.
///
/// If the whole order is withdrawn, the shipping price is refunded too, at most that of the cheapest method
/// ([`Withdrawal::shipping_refund`]). An order without shipped units is canceled and refunded completely.
///
/// # Errors
/// [`Error::WithdrawalPeriodOver`]; [`Error::Invalid`] for lines that the order does not have or quantities above the
/// ordered ones; [`Error::InvalidTransition`] if the order is canceled, or fewer units of a line are left;
/// [`Error::RequestInProgress`] while a gateway processes another request.
pub(in crate::orders) fn withdraw(
    mut state: OrderState,
    returns: &[Return],
    input: &CheckedWithdrawal,
    days: u32,
    is_remote: &dyn Fn(&Payment) -> bool,
    role: &str,
    context: &mut DecisionContext,
) -> Result<Decision<WithdrawalReceipt>> {
    within_period(&state, days, context.now())?;
    let order = state.order.clone();
    let wanted = wanted(&state, &order, returns, input)?;
    let mut withdrawal = Withdrawal {
        id: context.id(),
        received_at: context.now(),
        items: wanted.iter().map(|one| item(one.line, one.canceled.saturating_add(one.returned))).collect(),
        return_id: None,
        shipping_refund: Amount::ZERO,
        note: input.note.clone(),
    };
    let remaining: i64 = order.items.iter().map(|line| order.remaining_quantity(line)).sum();
    let canceled: i64 = wanted.iter().map(|one| one.canceled).sum();
    let cancels_all = canceled == remaining;
    if !cancels_all && wanted.iter().any(|one| one.returned > 0) {
        withdrawal.return_id = Some(context.id::<ReturnId>());
    }
    let mut batch = Batch::new(context);
    note_receipt(&mut batch, context, &order, &withdrawal, &wanted, role);
    let after = if cancels_all {
        // Nothing of the order is left, so it is canceled and keeps no money.
        withdrawal.shipping_refund = order.shipping_charged()?.min(order.amount_paid);
        state.order.withdrawals.push(withdrawal.clone());
        let items = wanted.iter().map(|one| item(one.line, one.canceled)).collect();
        let input = CheckedCancelItems { items, reason: REASON.to_owned(), refund: true };
        let decision = cancel_items(state, returns, &input, is_remote, role, context)?;
        batch.append(decision.batch);
        decision.reply.order
    } else {
        if is_all(&order, returns, &wanted) {
            let shipping = order.refundable_shipping(returns)?;
            match last_outstanding(&order, returns, None).filter(|_| withdrawal.return_id.is_none()) {
                Some(last) => {
                    let sum = order.shipping_refund_of(last.id).plus(shipping)?;
                    promise_shipping(&mut state.order, last, sum, context, &mut batch)?;
                }
                None => withdrawal.shipping_refund = shipping,
            }
        }
        state.order.withdrawals.push(withdrawal.clone());
        withdraw_some(state, returns, &withdrawal, &wanted, is_remote, role, context, &mut batch)?
    };
    let mut data = event_data(&after);
    if let Some(fields) = data.as_object_mut() {
        fields.insert("withdrawal".to_owned(), withdrawal_data(&withdrawal));
    }
    batch.event(context, EventKind::OrderWithdrawn, after.id, data);
    Ok(Decision { batch, reply: WithdrawalReceipt { order_id: after.id, withdrawal } })
}

/// Withdraws from an order of which something remains or was shipped; settles the order once.
#[expect(clippy::too_many_arguments, reason = "what was decided, and what every decision about money takes")]
fn withdraw_some(
    mut state: OrderState,
    returns: &[Return],
    withdrawal: &Withdrawal,
    wanted: &[Withdrawn<'_>],
    is_remote: &dyn Fn(&Payment) -> bool,
    role: &str,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<Order> {
    let before = BeforeCancellation::of(&state);
    let units: Vec<_> =
        wanted.iter().filter(|one| one.canceled > 0).map(|one| (one.line.clone(), one.canceled)).collect();
    if !units.is_empty() {
        record(batch, context, state.order.id, "items_canceled", role, cancellation_detail(&units, REASON));
        let shipping = if withdrawal.return_id.is_none() { withdrawal.shipping_refund } else { Amount::ZERO };
        cancel_units(&mut state, returns, &units, Some(shipping), is_remote, role, context, batch)?;
    }
    if let Some(id) = withdrawal.return_id {
        let lines =
            wanted.iter().filter(|one| one.returned > 0).map(|one| (one.line, one.returned, String::new())).collect();
        let opening = Opening {
            id,
            lines,
            note: withdrawal.note.clone(),
            status: ReturnStatus::Approved,
            shipping: withdrawal.shipping_refund,
        };
        open_return(&state.order, returns, opening, role, context, batch)?;
    }
    Ok(settle_after_cancellation(before, state, context, batch).order)
}

/// Refuses withdrawals after the period. It ends, in UTC, with the `days`-th day after the day of the last delivery
/// (Regulation 1182/71: the day itself does not count, and the last day counts to its end). It does not begin before
/// the whole order is delivered (Directive 2011/83/EU, article 9(2)(b)(i)).
fn within_period(state: &OrderState, days: u32, now: Timestamp) -> Result<()> {
    if days == 0 {
        return Err(Error::WithdrawalPeriodOver { detail: "This shop takes no withdrawals here.".to_owned() });
    }
    let arrived = state.shipments.iter().filter(|shipment| shipment.status == ShipmentStatus::Delivered);
    let last = arrived.filter_map(|shipment| shipment.delivered_at).max();
    let Some(last) = last.filter(|_| state.order.fulfillment_status == FulfillmentStatus::Delivered) else {
        return Ok(());
    };
    match end_of_period(last, days) {
        Some(end) if now >= end => {
            let end = end.to_rfc3339_opts(SecondsFormat::Secs, true);
            Err(Error::WithdrawalPeriodOver { detail: format!("The period for withdrawing from it ended at {end}.") })
        }
        // A period that ends beyond the range of timestamps does not end.
        _ => Ok(()),
    }
}

fn end_of_period(last: Timestamp, days: u32) -> Option<Timestamp> {
    let end = last.date_naive().checked_add_days(Days::new(u64::from(days) + 1))?;
    Some(DateTime::from_naive_utc_and_offset(end.and_time(NaiveTime::MIN), chrono::Utc))
}

/// The lines to withdraw; everything that is left if the input names none. Unshipped units of a line are taken first.
fn wanted<'a>(
    state: &OrderState,
    order: &'a Order,
    returns: &[Return],
    input: &CheckedWithdrawal,
) -> Result<Vec<Withdrawn<'a>>> {
    if order.status == OrderStatus::Canceled {
        return Err(Error::transition("The order is canceled already."));
    }
    if order.withdrawals.len() >= MAX_WITHDRAWALS {
        return Err(Error::transition(format!("An order has at most {MAX_WITHDRAWALS} withdrawals.")));
    }
    let waits = |line: &OrderItem| {
        (line.quantity - order.canceled_quantity(line.id) - shipped(&state.shipments, line.id)).max(0)
    };
    let left = |line: &OrderItem| {
        (shipped(&state.shipments, line.id) - returned(returns, line.id, ReturnStatus::is_live)).max(0)
    };
    let Some(items) = &input.items else {
        let all = order.items.iter().map(|line| Withdrawn { line, canceled: waits(line), returned: left(line) });
        let all: Vec<_> = all.filter(|one| one.canceled > 0 || one.returned > 0).collect();
        return if all.is_empty() {
            Err(Error::transition("Nothing of the order is left to withdraw."))
        } else {
            Ok(all)
        };
    };
    let lines = ordered_lines(order, items.iter().map(|item| (item.order_item_id, item.quantity)))?;
    let mut wanted = Vec::with_capacity(lines.len());
    for (line, ShipmentItem { quantity, .. }) in lines.into_iter().zip(items) {
        let canceled = waits(line).min(*quantity);
        let most = canceled.saturating_add(left(line));
        if *quantity > most {
            return Err(Error::transition(format!("Only {most} of {} are left to withdraw.", line.sku)));
        }
        wanted.push(Withdrawn { line, canceled, returned: quantity - canceled });
    }
    Ok(wanted)
}

/// Whether the buyer keeps nothing of the order. A return not opened by a withdrawal counts only once its goods are
/// back: until then the buyer may keep them, or the shop may reject them.
fn is_all(order: &Order, returns: &[Return], wanted: &[Withdrawn<'_>]) -> bool {
    let counts = |one: &&Return| one.status.is_back() || (one.status.is_live() && order.is_of_withdrawal(one.id));
    let counted: Vec<_> = returns.iter().filter(counts).cloned().collect();
    order.items.iter().all(|line| {
        let now =
            wanted.iter().filter(|one| one.line.id == line.id).map(|one| one.canceled.saturating_add(one.returned));
        let before = order.canceled_quantity(line.id) + returned(&counted, line.id, ReturnStatus::is_live);
        now.fold(before, i64::saturating_add) >= line.quantity
    })
}

fn item(line: &OrderItem, quantity: i64) -> ShipmentItem {
    ShipmentItem { order_item_id: line.id, quantity }
}

/// Adds a history entry, and mails the receipt to the order's address.
fn note_receipt(
    batch: &mut Batch,
    context: &mut DecisionContext,
    order: &Order,
    withdrawal: &Withdrawal,
    wanted: &[Withdrawn<'_>],
    role: &str,
) {
    let goods = named(wanted.iter().map(|one| (one.canceled.saturating_add(one.returned), one.line.sku.as_str())));
    let at = withdrawal.received_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    record(batch, context, order.id, "withdrawn", role, format!("A withdrawal from {goods} was received at {at}."));
    let items = withdrawal.items.iter();
    let items = items.map(|item| MailedItem { order_item_id: item.order_item_id, quantity: item.quantity });
    let news = OrderNews::WithdrawalReceived {
        received_at: withdrawal.received_at,
        items: items.collect(),
        note: withdrawal.note.clone(),
        return_id: withdrawal.return_id,
    };
    mail_buyer(batch, context, order.id, news);
}

fn withdrawal_data(withdrawal: &Withdrawal) -> serde_json::Value {
    let Withdrawal { id, received_at, items, return_id, .. } = withdrawal;
    json!({"id": id, "received_at": received_at, "items": items, "return_id": return_id})
}

#[cfg(test)]
mod tests;
