//! Wanting something of a gateway: the intent, and the mark on the payment that it is being asked.

use chrono::TimeDelta;
use uuid::Uuid;

use super::intent::{CancelWish, GatewayCall, Wish, caller};
use crate::batch::{Batch, Change};
use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::id::DeliveryId;
use crate::orders::Order;
use crate::orders::operations::record;
use crate::outbox::{Content, Delivery};
use crate::payments::gateway::RemotePayment;
use crate::payments::model::{Asking, Payment, RefundState, Step};

/// How long an order holds its stock again while its gateway is asked to call an overdue payment off: many times what
/// an answer takes, and short enough that a gateway that is down delays the others' orders by nothing.
const HOLD_AGAIN: TimeDelta = TimeDelta::minutes(5);
/// The longest time for which an order holds its stock again because its payment could not be called off.
const LONGEST_HOLD: TimeDelta = TimeDelta::days(1);
/// How soon a payment that is open is compared with the gateway, should no message settle it before.
const FIRST_LOOK: TimeDelta = TimeDelta::minutes(5);
/// The longest pause between two looks: well within the days for which banks keep an authorization.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(6);

/// Passes a payment of whose gateway nothing is being asked, for a step that must not wait behind another.
///
/// # Errors
/// [`Error::RequestInProgress`].
pub(crate) fn may_ask(payment: &Payment) -> Result<()> {
    if payment.remote.asking.is_some() { Err(Error::RequestInProgress) } else { Ok(()) }
}

/// Passes a payment that may be called off: nothing is being asked, or only to begin it or to go on with it; the void
/// waits behind that.
///
/// # Errors
/// [`Error::RequestInProgress`].
pub(crate) fn may_void(payment: &Payment) -> Result<()> {
    match payment.remote.asking {
        None => Ok(()),
        Some(asking) if matches!(asking.step, Step::Create | Step::Confirm) => Ok(()),
        Some(_) => Err(Error::RequestInProgress),
    }
}

/// Writes the intent, and marks the payment, which the caller writes in the same batch.
pub(crate) fn ask(payment: &mut Payment, wish: Wish, moment: &mut Moment, batch: &mut Batch) {
    let after = payment.remote.asking.map(|asking| asking.intent);
    let step = wish.step();
    let intent = later_than(after, moment.id());
    let call = GatewayCall { after, payment: RemotePayment::of(payment), wish };
    let content = Content::GatewayCall(Box::new(call));
    let delivery = Delivery::new(intent, caller(&payment.gateway), payment.id.0, content, moment.now());
    batch.write(Change::Insert(delivery));
    payment.remote.asking = Some(Asking { intent, step });
    payment.remote.look_at = Some(next_look(payment, moment));
}

/// Asks to call a payment off, and its order with it. Gives the payment, ready to be written.
///
/// # Errors
/// [`Error::RequestInProgress`] while something else is asked.
pub(crate) fn ask_cancel(
    payment: &Payment,
    order: &Order,
    cancel: CancelWish,
    moment: &mut Moment,
    batch: &mut Batch,
) -> Result<Payment> {
    may_void(payment)?;
    // Of a wish that comes again and again, as long as the gateway shows what was not asked for, nothing is told.
    let again = matches!(cancel, CancelWish::Overdue) && payment.remote.mismatch.is_some();
    let (role, detail) = match &cancel {
        CancelWish::Asked { role } => (role.as_str(), "The order is called off once its payment is."),
        CancelWish::Overdue => ("system", "The payment did not come in time and is called off."),
    };
    if !again {
        record(batch, moment, order.id, "cancel_requested", role, detail);
    }
    let mut asked = Payment { updated_at: moment.now(), version: payment.version + 1, ..payment.clone() };
    ask(&mut asked, Wish::Void { cancel: Some(cancel), despite_mismatch: false }, moment, batch);
    Ok(asked)
}

/// An overdue order waits a little longer for its gateway's answer, so that it is not swept again at once.
pub(crate) fn hold_again(order: &mut Order, moment: &Moment) {
    order.hold_until = Some(moment.now() + HOLD_AGAIN);
}

/// An overdue order whose payment could not be called off is tried again when the payment is twice as old as now,
/// within bounds: what is refused for good is not asked for ever in the same rhythm.
pub(crate) fn hold_longer(order: &mut Order, payment: &Payment, moment: &Moment) {
    let age = moment.now() - payment.created_at;
    order.hold_until = Some(moment.now() + age.clamp(HOLD_AGAIN, LONGEST_HOLD));
}

/// When a payment is looked at next: half its age from now, within bounds.
pub(crate) fn next_look(payment: &Payment, moment: &Moment) -> crate::clock::Timestamp {
    let age = moment.now() - payment.created_at;
    moment.now() + (age / 2).clamp(FIRST_LOOK, LONGEST_PAUSE)
}

/// Whether something is open between the payment and its gateway.
pub(crate) fn is_unsettled(payment: &Payment) -> bool {
    payment.state.is_open()
        || payment.remote.asking.is_some()
        || payment.refunds.iter().any(|refund| refund.state == RefundState::Pending)
}

/// Calls of one payment are made in the order of their ids, also when servers' clocks differ.
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
