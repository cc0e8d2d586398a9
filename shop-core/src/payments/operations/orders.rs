//! The effects of payments on their order and its stock: each decision returns the whole batch.

use super::taxes::RefundedGoods;
use super::{begin, capture, event_data, left, refund, split_new_refunds, void, within};
use crate::batch::{Batch, Change, Decision};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::gateway::{ChargeLimits, PaymentGateway};
use crate::id::PaymentId;
use crate::inventory::operations::{commit_held, end_reservations};
use crate::lifecycle::{OrderState, mail_buyer, record, return_rest, settle};
use crate::model::inventory::{ReservationStatus, StockLevel};
use crate::model::orders::{Order, OrderNews, OrderStatus, PaymentStatus, Return};
use crate::model::outbox::EventKind;
use crate::model::payments::{GatewayCommand, Payment, PaymentState, Refund};
use crate::model::shipping::{Shipment, ShipmentStatus};
use crate::money::Amount;
use crate::payments::RefundView;
use crate::payments::input::CheckedRefund;
use crate::payments::remote::{ask, may_ask, send_back};

/// More attempts than any buyer needs. The limit matters because each attempt extends the reservation of the order's
/// stock.
const MAX_ATTEMPTS: usize = 20;

/// Adds the intent to create a new payment at a remote gateway; the caller writes the payment.
pub(crate) fn create_remotely(
    gateway: &dyn PaymentGateway,
    payment: &mut Payment,
    order: &Order,
    context: &mut DecisionContext,
    batch: &mut Batch,
) {
    if payment.state == PaymentState::Pending && gateway.remote().is_some() {
        let command = GatewayCommand::Create { order_number: order.number.clone(), email: order.email.clone() };
        ask(payment, command, context, batch);
    }
}

/// Begins another attempt to pay an order. A pending attempt without money is voided. One that is open at a remote
/// gateway (`is_remote`) must be voided there first ([`make_room`](super::make_room)).
///
/// The reservation of an order that must be paid before it ships starts again with its last attempt. If the new gateway
/// is not prepaid, the order ships unpaid from then on. An order that ships unpaid stays so, and further attempts do
/// not extend its time to pay.
///
/// `hold` is how long an order waits for a payment through this gateway.
///
/// # Errors
/// [`Error::InvalidTransition`] when the order takes no payment, has had too many attempts, or has one that staff must
/// resolve; [`Error::TotalNotChargeable`] when the gateway cannot charge its total, which was rounded for the gateway
/// that the order was placed with; [`Error::RequestInProgress`] when another attempt must be voided first.
pub(in crate::payments) fn begin_attempt(
    mut state: OrderState,
    gateway: &dyn PaymentGateway,
    is_remote: &dyn Fn(&Payment) -> bool,
    hold: Option<chrono::TimeDelta>,
    actor: &str,
    context: &mut DecisionContext,
) -> Result<Decision<Payment>> {
    if state.order.status != OrderStatus::Placed {
        return Err(Error::transition("Only an order that is placed can be paid."));
    }
    match state.order.payment_status {
        PaymentStatus::NotPaid => {}
        PaymentStatus::PartiallyPaid => return Err(Error::transition("A payment of this order is under way.")),
        PaymentStatus::Authorized | PaymentStatus::Paid => {
            return Err(Error::transition("The order is paid already."));
        }
        PaymentStatus::PartiallyRefunded | PaymentStatus::Refunded | PaymentStatus::Voided => {
            return Err(Error::transition("The money of this order was refunded."));
        }
    }
    let currency = state.order.currency;
    let limits = ChargeLimits::of(gateway, currency)?;
    let total = limits.raised(state.order.amount_payable()).min(state.order.total);
    limits.judge(gateway, total, currency)?;
    if state.payments.len() >= MAX_ATTEMPTS {
        return Err(Error::transition(format!("An order has at most {MAX_ATTEMPTS} attempts to pay it.")));
    }
    if state.payments.iter().any(Payment::is_disputed) {
        return Err(Error::transition("A payment of this order is disputed."));
    }
    let mut batch = Batch::new(context);
    for open in &mut state.payments {
        match open.state {
            PaymentState::Pending | PaymentState::RequiresAction if is_remote(open) => {
                return Err(Error::RequestInProgress);
            }
            PaymentState::Pending | PaymentState::RequiresAction => {
                *open = void(open, context)?;
                batch.write(Change::Update(open.clone()));
                let detail = format!("The payment by {} was voided and replaced by another.", open.gateway);
                record(&mut batch, context, state.order.id, "payment_voided", actor, detail);
            }
            PaymentState::Authorized | PaymentState::Captured => {
                return Err(Error::transition("A payment of this order is under way."));
            }
            PaymentState::Voided | PaymentState::Expired | PaymentState::Failed => {}
        }
    }
    let mut payment = begin(gateway, state.order.id, total, currency, context);
    create_remotely(gateway, &mut payment, &state.order, context, &mut batch);
    batch.write(Change::Insert(payment.clone()));
    let detail = format!("Another payment was begun by {}.", payment.gateway);
    record(&mut batch, context, state.order.id, "payment_begun", actor, detail);
    state.payments.push(payment.clone());
    if state.order.hold_until.is_some() && !state.order.ships_unpaid {
        state.order.hold_until = hold.map(|hold| context.now() + hold);
        if !gateway.prepaid() {
            state.order.ships_unpaid = true;
            commit_held(&mut batch, &state.reservations);
        }
    }
    finish(state, &mut batch, context);
    Ok(Decision { batch, reply: payment })
}

/// Records money received for an order.
///
/// # Errors
/// As [`capture`]; [`Error::InvalidTransition`] for a canceled order, or when nothing is left to pay after items were
/// canceled.
pub(in crate::payments) fn capture_payment(
    mut state: OrderState,
    id: PaymentId,
    amount: Option<Amount>,
    actor: &str,
    context: &mut DecisionContext,
) -> Result<Decision<Payment>> {
    if state.order.status == OrderStatus::Canceled {
        return Err(Error::transition("A canceled order accepts no payment."));
    }
    let before = find(&state.payments, id)?.clone();
    let open = before.amount.minus(before.amount_captured)?;
    let amount = no_more_than_due(&state, &before, open, amount)?;
    let payment = capture(&before, amount, context)?;
    if let Some(part) = amount {
        state.limits_of(&before).judge_part(part, before.currency)?;
    }
    let mut batch = Batch::new(context);
    let came = payment.amount_captured.minus(before.amount_captured)?;
    let detail = format!("{} {} was received.", payment.currency.format_amount(came), payment.currency);
    write(&mut state, &payment, &mut batch);
    batch.event(context, EventKind::PaymentCaptured, payment.order_id, event_data(&payment));
    mail_buyer(&mut batch, context, payment.order_id, OrderNews::PaymentReceived { amount: came });
    record(&mut batch, context, state.order.id, "payment_captured", actor, detail);
    finish(state, &mut batch, context);
    Ok(Decision { batch, reply: payment })
}

/// The amount to capture of the `open` amount: less if items of the order were canceled since.
pub(super) fn no_more_than_due(
    state: &OrderState,
    payment: &Payment,
    open: Amount,
    amount: Option<Amount>,
) -> Result<Option<Amount>> {
    let due = state.limits_of(payment).raised(state.order.amount_due());
    if due >= open {
        return Ok(amount);
    }
    if due == Amount::ZERO {
        return Err(Error::transition("Nothing of this order is left to pay."));
    }
    within(amount, due, payment.currency, "left to pay").map(Some)
}

/// Voids a payment before it brings money. The order stays; another attempt may follow.
///
/// # Errors
/// As [`void`].
pub(in crate::payments) fn void_payment(
    mut state: OrderState,
    id: PaymentId,
    actor: &str,
    context: &mut DecisionContext,
) -> Result<Decision<Payment>> {
    let payment = void(find(&state.payments, id)?, context)?;
    let mut batch = Batch::new(context);
    write(&mut state, &payment, &mut batch);
    let detail = format!("The payment by {} was voided.", payment.gateway);
    record(&mut batch, context, state.order.id, "payment_voided", actor, detail);
    finish(state, &mut batch, context);
    Ok(Decision { batch, reply: payment })
}

/// Refunds money and, if the input says so, takes the goods back: shipped goods without a return go back to their
/// locations, reserved stock is released, and pending shipments are canceled. Otherwise the buyer keeps the goods: a
/// refund alone does not cancel an order.
///
/// `restock` is only used with [`CheckedRefund::restock`]. If the payment is at a remote gateway, the refund is pending
/// until the gateway responds.
///
/// # Errors
/// As [`refund`]; [`Error::RequestInProgress`] while another call to the gateway is pending; [`Error::Invalid`] naming
/// `restock` when money would be left; [`Error::InvalidTransition`] when no location is left for the goods.
pub(in crate::payments) fn refund_payment(
    mut state: OrderState,
    id: PaymentId,
    input: &CheckedRefund,
    restock: &RestockContext,
    actor: &str,
    context: &mut DecisionContext,
) -> Result<Decision<RefundView>> {
    let mut batch = Batch::new(context);
    if let Some(part) = input.amount {
        let payment = find(&state.payments, id)?;
        if part != left(payment)? {
            state.limits_of(payment).judge_part(part, payment.currency)?;
        }
    }
    let repayment = Repayment { reason: &input.reason, goods: &[], actor };
    let (payment, made) = refund_one(&mut state, id, input.amount, repayment, context, &mut batch)?;
    if input.restock {
        if left(&payment)? > Amount::ZERO {
            return Err(Error::invalid("restock", "Only possible with a refund of all that is left."));
        }
        restock_rest(&mut state, restock, made.amount, actor, context, &mut batch)?;
    }
    finish(state, &mut batch, context);
    let reply = RefundView { payment_id: payment.id, currency: payment.currency, refund: made };
    Ok(Decision { batch, reply })
}

/// The reason for a refund, and its initiator.
#[derive(Clone, Copy)]
pub(crate) struct Repayment<'a> {
    /// The reason that staff entered.
    pub(crate) reason: &'a str,
    /// The goods that are refunded; empty if the refund is not for particular goods.
    pub(crate) goods: &'a RefundedGoods,
    /// The initiator's [`Actor::role`](crate::Actor::role).
    pub(crate) actor: &'a str,
}

/// Refunds `amount` from the payments of an order, oldest first, as far as each has money left; returns the refunded
/// amount. Partial refunds are rounded to the gateway's step.
///
/// # Errors
/// [`Error::Invalid`] naming `amount` when a sum exceeds an `i64`; [`Error::RequestInProgress`] while another call to
/// the payment's gateway is pending.
pub(crate) fn give_back(
    state: &mut OrderState,
    amount: Amount,
    repayment: Repayment<'_>,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<Amount> {
    let mut given = Amount::ZERO;
    let lefts = state.payments.iter().map(|payment| Ok((payment.id, state.limits_of(payment), left(payment)?)));
    for (id, limits, left) in lefts.collect::<Result<Vec<_>>>()? {
        let missing = amount.minus(given)?;
        let part = if missing < left { limits.rounded(missing).min(left) } else { left };
        if missing > Amount::ZERO && part > Amount::ZERO {
            given = given.plus(part)?;
            refund_one(state, id, Some(part), repayment, context, batch)?;
        }
    }
    Ok(given)
}

/// Refunds money of one payment, and emits the event.
fn refund_one(
    state: &mut OrderState,
    id: PaymentId,
    amount: Option<Amount>,
    repayment: Repayment<'_>,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<(Payment, Refund)> {
    let before = find(&state.payments, id)?;
    let mut payment = refund(before, amount, repayment.reason.to_owned(), context)?;
    split_new_refunds(&state.order, &state.payments, &mut payment, repayment.goods);
    let at_gateway = payment.is_at_gateway();
    if at_gateway {
        may_ask(before)?;
        send_back(&mut payment, context, batch)?;
    }
    let made = payment.refunds.last().cloned().ok_or_else(|| Error::fault("a refund left no trace"))?;
    write(state, &payment, batch);
    if !at_gateway {
        batch.event(context, EventKind::PaymentRefunded, payment.order_id, event_data(&payment));
        mail_buyer(batch, context, payment.order_id, OrderNews::Refunded { amount: made.amount });
    }
    let verb = if at_gateway { "is given" } else { "was given" };
    let detail = format!("{} {} {verb} back.", payment.currency.format_amount(made.amount), payment.currency);
    record(batch, context, state.order.id, "refund_created", repayment.actor, detail);
    Ok((payment, made))
}

/// What a restock needs: the returns of the order, and the stock levels of its variants.
#[derive(Debug, Default)]
pub(in crate::payments) struct RestockContext {
    pub(in crate::payments) returns: Vec<Return>,
    pub(in crate::payments) levels: Vec<StockLevel>,
}

fn restock_rest(
    state: &mut OrderState,
    restock: &RestockContext,
    refunded: Amount,
    actor: &str,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<()> {
    return_rest(state, &restock.returns, &restock.levels, refunded, context, batch)?;
    end_reservations(batch, &state.reservations, ReservationStatus::Released);
    for shipment in state.shipments.iter_mut().filter(|shipment| shipment.status == ShipmentStatus::Pending) {
        *shipment = Shipment { status: ShipmentStatus::Canceled, version: shipment.version + 1, ..shipment.clone() };
        batch.write(Change::Update(shipment.clone()));
        let data = crate::shipping::operations::event_data(shipment);
        batch.event(context, EventKind::ShipmentUpdated, shipment.order_id, data);
        record(
            batch,
            context,
            shipment.order_id,
            "shipment_canceled",
            actor,
            "A shipment was canceled before it was sent.",
        );
    }
    record(batch, context, state.order.id, "restocked", actor, "The goods were returned to stock.");
    Ok(())
}

pub(super) fn find(payments: &[Payment], id: PaymentId) -> Result<&Payment> {
    payments.iter().find(|payment| payment.id == id).ok_or(Error::NotFound)
}

pub(super) fn write(state: &mut OrderState, payment: &Payment, batch: &mut Batch) {
    batch.write(Change::Update(payment.clone()));
    for stored in &mut state.payments {
        if stored.id == payment.id {
            stored.clone_from(payment);
        }
    }
}

/// Updates the order. Once it no longer waits for its money, its temporary reservations become permanent.
pub(crate) fn finish(state: OrderState, batch: &mut Batch, context: &mut DecisionContext) -> Order {
    let OrderState { order, payments, shipments, reservations, .. } = state;
    let waited = order.hold_until.is_some();
    let settled = settle(order, &payments, &shipments, context, batch);
    if waited && settled.hold_until.is_none() {
        commit_held(batch, &reservations);
    }
    settled
}
