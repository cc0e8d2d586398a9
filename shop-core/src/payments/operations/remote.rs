//! Payment steps at a remote gateway: validated and requested here. Their results are recorded with the gateway's
//! response.

use chrono::TimeDelta;

use super::orders::{find, finish, no_more_than_due, write};
use super::{refused, touched, within};
use crate::batch::{Batch, Decision};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::PaymentId;
use crate::lifecycle::{OrderState, record};
use crate::model::orders::OrderStatus;
use crate::model::payments::{GatewayCommand, Payment, PaymentState};
use crate::money::Amount;
use crate::payments::remote::{ask, may_ask, may_void};

/// How long a recorded response to a returning buyer is reused without calling the gateway again.
const CONFIRM_PAUSE: TimeDelta = TimeDelta::seconds(3);

/// Requests the capture of authorized money: `amount`, or everything that is authorized and still due.
///
/// # Errors
/// [`Error::InvalidTransition`] unless the payment is authorized and the order is not canceled, [`Error::Invalid`]
/// naming `amount` when it is not positive or more than what is authorized; [`Error::RequestInProgress`].
pub(in crate::payments) fn ask_capture(
    state: OrderState,
    id: PaymentId,
    amount: Option<Amount>,
    actor: &str,
    context: &mut DecisionContext,
) -> Result<Decision<Payment>> {
    if state.order.status == OrderStatus::Canceled {
        return Err(Error::transition("A canceled order accepts no payment."));
    }
    let payment = find(&state.payments, id)?;
    if payment.state != PaymentState::Authorized {
        return Err(match payment.state {
            PaymentState::Captured => Error::transition("The payment was captured already."),
            PaymentState::Pending | PaymentState::RequiresAction => {
                Error::transition("The payment waits for its buyer: nothing is authorized yet.")
            }
            state => refused(state, "captured"),
        });
    }
    let open = payment.amount_authorized.minus(payment.amount_captured)?;
    let amount = no_more_than_due(&state, payment, open, amount)?;
    let amount = within(amount, open, payment.currency, "authorized")?;
    if amount != open {
        state.limits_of(payment).judge_part(amount, payment.currency)?;
    }
    may_ask(payment)?;
    let detail = format!("{} {} is to be taken.", payment.currency.format_amount(amount), payment.currency);
    request_call(state, id, GatewayCommand::Capture { amount }, Some(("capture_requested", actor, detail)), context)
}

/// Requests to void a payment. The order stays; another attempt may follow. If the gateway's state does not match the
/// request, the payment ends with any response of the gateway; otherwise it would stay open forever.
///
/// # Errors
/// [`Error::InvalidTransition`] when the payment has brought money, or has ended; [`Error::RequestInProgress`].
pub(in crate::payments) fn ask_void(
    state: OrderState,
    id: PaymentId,
    actor: &str,
    context: &mut DecisionContext,
) -> Result<Decision<Payment>> {
    let payment = find(&state.payments, id)?;
    if !payment.state.is_open() {
        return Err(refused(payment.state, "voided"));
    }
    may_void(payment)?;
    let detail = format!("The payment by {} will be voided.", payment.gateway);
    let command = GatewayCommand::Void { cancel: None, despite_mismatch: payment.is_disputed() };
    request_call(state, id, command, Some(("void_requested", actor, detail)), context)
}

/// Requests to continue a payment after the buyer has done their part. Does nothing while a call is pending, shortly
/// after the last response, or if the payment does not wait for the buyer. The history only records the result: buyers
/// may call this any number of times.
///
/// # Errors
/// [`Error::NotFound`] when the order has no such payment.
pub(in crate::payments) fn ask_confirm(
    state: OrderState,
    id: PaymentId,
    context: &mut DecisionContext,
) -> Result<Decision<Payment>> {
    let payment = find(&state.payments, id)?;
    let waits = matches!(payment.state, PaymentState::Pending | PaymentState::RequiresAction);
    let just_answered = payment.remote.confirmed_at.is_some_and(|at| context.now() - at < CONFIRM_PAUSE);
    if !waits || payment.remote.pending_call.is_some() || just_answered {
        let payment = payment.clone();
        return Ok(Decision::unchanged(context, payment));
    }
    request_call(state, id, GatewayCommand::Confirm, None, context)
}

/// Requests to void the payment that blocks another attempt. Does nothing if no payment blocks it, the void is already
/// requested, or staff must resolve the payment first.
///
/// # Errors
/// [`Error::Fault`] when the payment is missing.
pub(in crate::payments) fn make_room(
    state: OrderState,
    is_remote: &dyn Fn(&Payment) -> bool,
    actor: &str,
    context: &mut DecisionContext,
) -> Result<Decision<()>> {
    let waits = |payment: &&Payment| {
        let open = matches!(payment.state, PaymentState::Pending | PaymentState::RequiresAction);
        open && is_remote(payment) && !payment.is_disputed()
    };
    let in_the_way = state.payments.iter().find(waits).filter(|payment| may_void(payment).is_ok());
    match in_the_way.map(|payment| payment.id) {
        Some(id) => Ok(ask_void(state, id, actor, context)?.map(|_| ())),
        None => Ok(Decision::unchanged(context, ())),
    }
}

/// Requests a gateway call for a payment. `entry` is the event, actor and detail of a history entry.
fn request_call(
    mut state: OrderState,
    id: PaymentId,
    command: GatewayCommand,
    entry: Option<(&str, &str, String)>,
    context: &mut DecisionContext,
) -> Result<Decision<Payment>> {
    let mut batch = Batch::new(context);
    let mut payment = touched(find(&state.payments, id)?, context);
    ask(&mut payment, command, context, &mut batch);
    write(&mut state, &payment, &mut batch);
    if let Some((event, actor, detail)) = entry {
        record(&mut batch, context, state.order.id, event, actor, detail);
    }
    finish(state, &mut batch, context);
    Ok(Decision { batch, reply: payment.without_secret() })
}
