//! Returns: which goods can be returned, and how each step changes stock and payments.

mod shipping;

pub(super) use shipping::{last_outstanding, promise_shipping};

use self::shipping::{pass_on_shipping, take_back_shipping};
use super::cancel::{Reason, cancel};
use super::pending::reduce_open_payments;
use crate::batch::{Batch, Change, Decision};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::ReturnId;
use crate::lifecycle::{
    OrderState, mail_buyer, named, new_return, ordered_lines, record, restock_returned, return_line, returned, settle,
    settle_from, shipped, tell_return,
};
use crate::model::inventory::StockLevel;
use crate::model::orders::{CanceledItem, Order, OrderItem, OrderNews, OrderStatus, Return, ReturnItem, ReturnStatus};
use crate::model::payments::Payment;
use crate::money::Amount;
use crate::orders::OrderView;
use crate::orders::input::CheckedReturn;
use crate::payments::operations::{Repayment, give_back, left, refunded_line};
use crate::string_enum::StringEnum as _;

/// The most returns of one order: more than any order needs, but a limit for endless requests and cancellations.
const MAX_RETURNS: usize = 100;

/// A transition of a return.
#[derive(Debug, Clone)]
pub(in crate::orders) enum ReturnTransition {
    /// Staff approve it.
    Approve,
    /// Staff reject it, for this reason.
    Reject(String),
    /// It is canceled.
    Cancel,
    /// The goods have arrived; they go back into stock where they came from, or are written off.
    Receive { restock: bool },
    /// The goods are refunded.
    Refund,
}

/// Requests a return, for a buyer.
///
/// # Errors
/// [`Error::Invalid`] for lines that the order does not have or quantities above the ordered ones;
/// [`Error::InvalidTransition`] if fewer units are shipped and in no return, or the order has too many returns.
pub(in crate::orders) fn request_return(
    state: OrderState,
    returns: &[Return],
    input: CheckedReturn,
    role: &str,
    context: &mut DecisionContext,
) -> Result<Decision<Return>> {
    let OrderState { order, payments, shipments, .. } = state;
    let wanted = ordered_lines(&order, input.items.iter().map(|item| (item.order_item_id, item.quantity)))?;
    if order.status == OrderStatus::Canceled {
        return Err(Error::transition("Nothing of a canceled order can be returned."));
    }
    not_too_many(returns)?;
    let mut lines = Vec::with_capacity(wanted.len());
    for (line, item) in wanted.into_iter().zip(input.items) {
        let left = shipped(&shipments, line.id) - returned(returns, line.id, ReturnStatus::is_live);
        if item.quantity > left {
            return Err(Error::transition(format!("Only {} of {} can be returned.", left.max(0), line.sku)));
        }
        lines.push((line, item.quantity, item.reason));
    }
    let status = ReturnStatus::Requested;
    let opening = Opening { id: context.id(), lines, note: input.note, status, shipping: Amount::ZERO };
    let mut batch = Batch::new(context);
    let requested = open_return(&order, returns, opening, role, context, &mut batch)?;
    settle(order, &payments, &shipments, context, &mut batch);
    Ok(Decision { batch, reply: requested })
}

fn not_too_many(returns: &[Return]) -> Result<()> {
    if returns.len() < MAX_RETURNS {
        return Ok(());
    }
    Err(Error::transition(format!("An order has at most {MAX_RETURNS} returns.")))
}

/// A return to open.
pub(super) struct Opening<'a> {
    pub(super) id: ReturnId,
    /// Lines, quantities and reasons; the caller checked that these units are shipped and in no return.
    pub(super) lines: Vec<(&'a OrderItem, i64, String)>,
    pub(super) note: String,
    /// Requested, or approved at once.
    pub(super) status: ReturnStatus,
    /// The part of the shipping price to refund with the goods.
    pub(super) shipping: Amount,
}

/// Opens a return; the caller settles the order.
///
/// # Errors
/// [`Error::InvalidTransition`] if the order has too many returns.
pub(super) fn open_return(
    order: &Order,
    returns: &[Return],
    opening: Opening<'_>,
    role: &str,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<Return> {
    not_too_many(returns)?;
    let Opening { id, lines, note, status, shipping } = opening;
    let line = |(line, quantity, reason)| return_line(order, line, returns, quantity, reason);
    let items = lines.into_iter().map(line).collect::<Result<Vec<_>>>()?;
    let opened = new_return(order, id, items, note, context)?;
    let opened = Return { status, refund_amount: opened.refund_amount.plus(shipping)?, ..opened };
    batch.write(Change::Insert(opened.clone()));
    tell_return(batch, context, &opened);
    let (event, what) = match status {
        ReturnStatus::Requested => ("return_requested", "are to be returned"),
        _ => ("return_approved", "may be returned"),
    };
    record(batch, context, order.id, event, role, detail(order, &opened, what));
    Ok(opened)
}

/// What a transition of a return needs besides the order.
#[derive(Clone, Copy)]
pub(in crate::orders) struct ReturnContext<'a> {
    /// All returns of the order.
    pub(in crate::orders) returns: &'a [Return],
    /// Stock levels of the variants to put back.
    pub(in crate::orders) levels: &'a [StockLevel],
    /// Whether a payment uses a remote gateway.
    pub(in crate::orders) is_remote: &'a dyn Fn(&Payment) -> bool,
}

/// Applies a transition to a return, with its effects on stock, payments and order. `before` is one of
/// [`ReturnContext::returns`].
///
/// A return of an order that was never paid is completed when it is received. If that leaves nothing of the order, the
/// order is canceled too. The shipping refund of a withdrawal is paid with the last of its goods.
///
/// # Errors
/// [`Error::InvalidTransition`] if the return's status does not allow the transition, or no location takes the goods.
pub(in crate::orders) fn step_return(
    mut state: OrderState,
    return_context: ReturnContext<'_>,
    before: &Return,
    transition: &ReturnTransition,
    role: &str,
    context: &mut DecisionContext,
) -> Result<Decision<Return>> {
    use ReturnStatus as S;
    let (after, event, what) = next_state(before.status, transition)?;
    let mut batch = Batch::new(context);
    if let Some(news) = transition.news(before.id) {
        mail_buyer(&mut batch, context, state.order.id, news);
    }
    let was_paid = state.order.is_paid();
    let unpaid = is_unpaid(&state);
    let completes = after == S::Completed || (after == S::Received && unpaid);
    let (order, returns) = (&mut state.order, return_context.returns);
    let before = &match after {
        S::Rejected | S::Canceled => take_back_shipping(order, returns, before, context, &mut batch)?,
        _ if completes => pass_on_shipping(order, returns, before, context, &mut batch)?,
        _ => before.clone(),
    };
    let status = if completes { S::Completed } else { after };
    let mut changed = Return { status, updated_at: context.now(), version: before.version + 1, ..before.clone() };
    match transition {
        ReturnTransition::Reject(reason) => changed.rejection.clone_from(reason),
        ReturnTransition::Receive { restock: true } => {
            changed.restocked = true;
            restock_returned(
                &state.reservations,
                return_context.returns,
                &before.items,
                return_context.levels,
                context,
                &mut batch,
            )?;
        }
        ReturnTransition::Approve
        | ReturnTransition::Cancel
        | ReturnTransition::Refund
        | ReturnTransition::Receive { restock: false } => {}
    }
    let payments = state.payments.clone();
    if completes {
        changed.amount_refunded = complete(&mut state, before, role, context, &mut batch)?;
    }
    batch.write(Change::Update(changed.clone()));
    tell_return(&mut batch, context, &changed);
    record(&mut batch, context, state.order.id, event, role, detail(&state.order, &changed, what));
    let ends = completes && unpaid && state.order.is_empty();
    if ends && state.order.status == OrderStatus::Placed {
        cancel_unpaid(state, was_paid, return_context.is_remote, role, context, &mut batch)?;
    } else {
        if completes {
            reduce_open_payments(&mut state, &payments, return_context.is_remote, role, context, &mut batch)?;
        }
        settle_from(was_paid, state.order, &state.payments, &state.shipments, context, &mut batch);
    }
    Ok(Decision { batch, reply: changed })
}

/// The status after a transition, the event, and what the order's history says about the goods.
///
/// # Errors
/// [`Error::InvalidTransition`] if the status does not allow the transition.
fn next_state(
    before: ReturnStatus,
    transition: &ReturnTransition,
) -> Result<(ReturnStatus, &'static str, &'static str)> {
    use ReturnStatus as S;
    Ok(match (before, transition) {
        (S::Requested, ReturnTransition::Approve) => (S::Approved, "return_approved", "may be returned"),
        (S::Requested, ReturnTransition::Reject(_)) => (S::Rejected, "return_rejected", "are not taken back"),
        (S::Requested | S::Approved, ReturnTransition::Cancel) => {
            (S::Canceled, "return_canceled", "are kept after all")
        }
        (S::Approved, ReturnTransition::Receive { restock: true }) => {
            (S::Received, "return_received", "came back and lie in stock again")
        }
        (S::Approved, ReturnTransition::Receive { restock: false }) => {
            (S::Received, "return_received", "came back and were written off")
        }
        (S::Received, ReturnTransition::Refund) => (S::Completed, "return_completed", "are settled"),
        (is, transition) => {
            let (is, step) = (is.as_str(), transition.participle());
            return Err(Error::transition(format!("A return that is {is} cannot be {step}.")));
        }
    })
}

/// Whether no money was ever captured for the order.
fn is_unpaid(state: &OrderState) -> bool {
    state.payments.iter().all(|payment| payment.amount_captured == Amount::ZERO)
}

/// Settles the goods of a return: refunds what was paid for them, at most the captured money that is left, and removes
/// the unpaid rest from the payable amount. Returns the refunded amount.
fn complete(
    state: &mut OrderState,
    returned: &Return,
    role: &str,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<Amount> {
    let worth = returned.refund_amount;
    let captured = Amount::sum(state.payments.iter().map(|payment| payment.amount_captured))?;
    // Money captured beyond the price of what the buyer keeps.
    let beyond = captured.minus(state.order.amount_payable().minus(worth)?)?;
    let paid = beyond.min(worth).max(Amount::ZERO);
    let mut unpaid = worth.minus(paid)?;
    if unpaid > Amount::ZERO || is_unpaid(state) {
        for item in &returned.items {
            let amount = item.amount.min(unpaid);
            unpaid = unpaid.minus(amount)?;
            let ReturnItem { order_item_id, quantity, .. } = *item;
            state.order.cancel_item(CanceledItem { order_item_id, quantity, amount, returned: true });
        }
    }
    let lefts = state.payments.iter().map(left).collect::<Result<Vec<_>>>()?;
    let amount = Amount::sum(lefts)?.min(paid);
    let goods = returned.items.iter().filter_map(|item| {
        let line = state.order.items.iter().find(|line| line.id == item.order_item_id)?;
        refunded_line(&state.order, line, item.amount)
    });
    let mut goods: Vec<_> = goods.collect();
    goods.extend(state.order.refunded_shipping(state.order.shipping_refund_of(returned.id)));
    let repayment = Repayment { reason: "Goods were returned.", goods: &goods, actor: role };
    let refunded = give_back(state, amount, repayment, context, batch)?;
    // Rounding for the gateway may refund slightly more than the goods are worth.
    Ok(refunded.min(worth))
}

/// Cancels an unpaid order of which nothing remains. While its payment cannot be voided, it only settles the order.
fn cancel_unpaid(
    state: OrderState,
    was_paid: bool,
    is_remote: &dyn Fn(&Payment) -> bool,
    role: &str,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<()> {
    let OrderState { order, payments, shipments, reservations, .. } = state;
    let view = OrderView { order: order.clone(), payments: payments.clone(), shipments: shipments.clone() };
    match cancel(view, &reservations, Reason::Returned(role), is_remote, context) {
        Ok(decision) => batch.append(decision.batch),
        Err(Error::InvalidTransition { .. } | Error::RequestInProgress) => {
            settle_from(was_paid, order, &payments, &shipments, context, batch);
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

impl ReturnTransition {
    /// The operation under which idempotency records are kept; must never change.
    pub(in crate::orders) fn operation(&self) -> &'static str {
        match self {
            Self::Approve => "orders.approve_return",
            Self::Reject(_) => "orders.reject_return",
            Self::Cancel => "orders.cancel_return",
            Self::Receive { .. } => "orders.receive_return",
            Self::Refund => "orders.refund_return",
        }
    }

    /// The mail to the buyer, if any.
    fn news(&self, return_id: ReturnId) -> Option<OrderNews> {
        match self {
            Self::Approve => Some(OrderNews::ReturnApproved { return_id }),
            Self::Reject(_) => Some(OrderNews::ReturnRejected { return_id }),
            Self::Receive { .. } => Some(OrderNews::ReturnReceived { return_id }),
            // The buyer canceled it, or the refund mail covers it.
            Self::Cancel | Self::Refund => None,
        }
    }

    fn participle(&self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Reject(_) => "rejected",
            Self::Cancel => "canceled",
            Self::Receive { .. } => "received",
            Self::Refund => "refunded",
        }
    }
}

/// A sentence about the goods of a return.
fn detail(order: &Order, returned: &Return, what: &str) -> String {
    let sku = |id| order.items.iter().find(|line| line.id == id).map_or("", |line| line.sku.as_str());
    let goods = named(returned.items.iter().map(|item| (item.quantity, sku(item.order_item_id))));
    let end = if returned.rejection.is_empty() { ".".to_owned() } else { format!(": {}", returned.rejection) };
    format!("{goods} {what}{end}")
}

#[cfg(test)]
mod tests;
