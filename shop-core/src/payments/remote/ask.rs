//! Requests calls of a gateway: writes the intent, and marks the payment as having a pending call.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::batch::{Batch, Change};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::DeliveryId;
use crate::lifecycle::record;
use crate::model::orders::Order;
use crate::model::outbox::{Content, Delivery};
use crate::model::payments::{
    CancelReason, GatewayCall, GatewayCommand, GatewayOperation, Payment, PendingCall, RefundState, RemotePayment,
    caller,
};

/// How long an overdue order waits for its gateway to void the payment, many times what a response takes. The sweep
/// skips the order until then, so a gateway that is down does not delay the cancellation of other orders.
const HOLD_AGAIN: TimeDelta = TimeDelta::minutes(5);
/// The maximum time for which an order keeps its stock because its payment could not be voided.
const LONGEST_HOLD: TimeDelta = TimeDelta::days(1);
/// The delay before an open payment is first compared with the gateway, if no webhook event settles it first.
const FIRST_POLL_DELAY: TimeDelta = TimeDelta::minutes(5);
/// The maximum pause between two comparisons: well within the days for which banks keep an authorization.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(6);

/// Checks that no call of the payment is pending, for a step that must not wait for another.
///
/// # Errors
/// [`Error::RequestInProgress`] while a call is pending.
pub(crate) fn may_ask(payment: &Payment) -> Result<()> {
    if payment.remote.pending_call.is_some() { Err(Error::RequestInProgress) } else { Ok(()) }
}

/// Checks that a payment may be voided: no call is pending except to create or confirm the payment, which the void
/// waits for.
///
/// # Errors
/// [`Error::RequestInProgress`] while another call is pending.
pub(crate) fn may_void(payment: &Payment) -> Result<()> {
    match payment.remote.pending_call {
        None => Ok(()),
        Some(pending_call) if matches!(pending_call.step, GatewayOperation::Create | GatewayOperation::Confirm) => {
            Ok(())
        }
        Some(_) => Err(Error::RequestInProgress),
    }
}

/// Writes the intent and marks the payment, which the caller writes in the same batch.
pub(crate) fn ask(payment: &mut Payment, command: GatewayCommand, context: &mut DecisionContext, batch: &mut Batch) {
    let after = payment.remote.pending_call.map(|pending_call| pending_call.intent);
    let step = command.operation();
    let intent = later_than(after, context.id());
    let call = GatewayCall { after, payment: RemotePayment::of(payment), command };
    let payload = Content::GatewayCall(Box::new(call));
    let delivery = Delivery::new(intent, caller(&payment.gateway), payment.id.0, payload, context.now());
    batch.write(Change::Insert(delivery));
    payment.remote.pending_call = Some(PendingCall { intent, step });
    payment.remote.poll_at = Some(next_poll(payment, context));
}

/// Requests to void a payment and then to cancel its order. Returns the payment, ready to be written.
///
/// # Errors
/// [`Error::RequestInProgress`] while another call is pending.
pub(crate) fn ask_cancel(
    payment: &Payment,
    order: &Order,
    cancel: CancelReason,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<Payment> {
    may_void(payment)?;
    // The sweep repeats this request while the gateway's state does not match; only the first is recorded in the
    // history.
    let again = matches!(cancel, CancelReason::Overdue) && payment.remote.mismatch.is_some();
    let (role, detail) = match &cancel {
        CancelReason::Asked { role } => (role.as_str(), "The order is canceled once its payment is voided."),
        CancelReason::Overdue => ("system", "The payment did not arrive in time and will be voided."),
    };
    if !again {
        record(batch, context, order.id, "cancel_requested", role, detail);
    }
    let mut asked = Payment { updated_at: context.now(), version: payment.version + 1, ..payment.clone() };
    ask(&mut asked, GatewayCommand::Void { cancel: Some(cancel), despite_mismatch: false }, context, batch);
    Ok(asked)
}

/// Extends the reservation of an overdue order until its gateway responds, so that it is not swept again at once.
pub(crate) fn hold_again(order: &mut Order, context: &DecisionContext) {
    order.hold_until = Some(context.now() + HOLD_AGAIN);
}

/// Extends the reservation of an overdue order whose payment could not be voided. The next attempt comes when the
/// payment is twice as old as now, within bounds: a permanently refused void is requested less and less often.
pub(crate) fn hold_longer(order: &mut Order, payment: &Payment, context: &DecisionContext) {
    let age = context.now() - payment.created_at;
    order.hold_until = Some(context.now() + age.clamp(HOLD_AGAIN, LONGEST_HOLD));
}

/// The time of the next look-up of a payment: in half its age, within bounds.
pub(crate) fn next_poll(payment: &Payment, context: &DecisionContext) -> crate::clock::Timestamp {
    let age = context.now() - payment.created_at;
    context.now() + (age / 2).clamp(FIRST_POLL_DELAY, LONGEST_PAUSE)
}

/// Whether anything is open between the payment and its gateway.
pub(crate) fn is_unsettled(payment: &Payment) -> bool {
    payment.state.is_open()
        || payment.remote.pending_call.is_some()
        || payment.refunds.iter().any(|refund| refund.state == RefundState::Pending)
}

/// Requests the last refund of a payment from its gateway: it is pending until the gateway responds.
///
/// # Errors
/// [`Error::Fault`] when the payment has no refund.
pub(crate) fn send_back(payment: &mut Payment, context: &mut DecisionContext, batch: &mut Batch) -> Result<()> {
    let refund = payment.refunds.last_mut().ok_or_else(|| Error::fault("a refund left no trace"))?;
    refund.state = RefundState::Pending;
    let command = GatewayCommand::Refund { refund_id: refund.id, amount: refund.amount, reason: refund.reason.clone() };
    ask(payment, command, context, batch);
    debug_assert!(is_unsettled(payment), "what is on its way is looked at");
    Ok(())
}

/// Ensures that the calls of one payment are made in id order, even if the clocks of servers differ.
fn later_than(after: Option<DeliveryId>, drawn: DeliveryId) -> DeliveryId {
    after
        .filter(|after| *after >= drawn)
        .map_or(drawn, |after| DeliveryId(Uuid::from_u128(after.0.as_u128().saturating_add(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_intent_has_a_later_id_whatever_the_clocks_say() {
        let id = |n| DeliveryId(Uuid::from_u128(n));
        assert_eq!(later_than(None, id(5)), id(5));
        assert_eq!(later_than(Some(id(4)), id(5)), id(5));
        assert_eq!(later_than(Some(id(5)), id(5)), id(6));
        assert_eq!(later_than(Some(id(9)), id(5)), id(10));
    }
}
