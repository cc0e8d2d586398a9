//! The pure decisions about payments: each takes the loaded state, and returns the new state or an error.
//!
//! Invariant: `0 ≤ refunded ≤ captured ≤ authorized ≤ amount`, including pending refunds.

mod orders;
mod remote;
mod taxes;

use serde_json::{Value, json};

pub(crate) use orders::{Repayment, create_remotely, finish, give_back};
pub(super) use orders::{RestockContext, begin_attempt, capture_payment, refund_payment, void_payment};
pub(super) use remote::{ask_capture, ask_confirm, ask_void, make_room};
pub(crate) use taxes::{refunded_line, split_new_refunds, untaxed};

use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::gateway::PaymentGateway;
use crate::id::OrderId;
use crate::model::payments::{Payment, PaymentState, Refund, RefundState, RemoteState};
use crate::money::{Amount, Currency};
use crate::string_enum::StringEnum as _;

/// Creates an attempt to pay an order.
///
/// If the amount is zero there is nothing to wait for: the attempt is `captured` at once, without money.
pub fn begin(
    gateway: &dyn PaymentGateway,
    order_id: OrderId,
    amount: Amount,
    currency: Currency,
    context: &mut DecisionContext,
) -> Payment {
    let state = if amount == Amount::ZERO { PaymentState::Captured } else { PaymentState::Pending };
    Payment {
        id: context.id(),
        order_id,
        gateway: gateway.id().to_owned(),
        amount,
        currency,
        state,
        amount_authorized: Amount::ZERO,
        amount_captured: Amount::ZERO,
        amount_refunded: Amount::ZERO,
        gateway_reference: None,
        failure: None,
        remote: RemoteState::default(),
        refunds: Vec::new(),
        created_at: context.now(),
        updated_at: context.now(),
        version: 1,
    }
}

/// Undoes the payments of a canceled order: payments without money are voided, captured ones are refunded as far as
/// they are not yet. Returns only the changed payments, ready to be written as updates once their refunds are split by
/// tax rate.
///
/// # Errors
/// [`Error::Invalid`] naming `amount` when a sum exceeds an `i64`.
pub fn undo(payments: &[Payment], context: &mut DecisionContext) -> Result<Vec<Payment>> {
    let mut undone = Vec::new();
    for payment in payments {
        match payment.state {
            PaymentState::Pending | PaymentState::RequiresAction | PaymentState::Authorized => {
                undone.push(void(payment, context)?);
            }
            PaymentState::Captured if left(payment)? > Amount::ZERO => {
                undone.push(refund(payment, None, "The order was canceled.".to_owned(), context)?);
            }
            PaymentState::Captured | PaymentState::Voided | PaymentState::Expired | PaymentState::Failed => {}
        }
    }
    Ok(undone)
}

/// Records money received outside the shop: `amount`, or everything that is open.
///
/// # Errors
/// [`Error::InvalidTransition`] unless the payment can be captured, [`Error::Invalid`] naming `amount` when it is not
/// positive or more than what is open.
pub fn capture(payment: &Payment, amount: Option<Amount>, context: &DecisionContext) -> Result<Payment> {
    match payment.state {
        PaymentState::Pending | PaymentState::RequiresAction | PaymentState::Authorized | PaymentState::Captured => {}
        state => return Err(refused(state, "captured")),
    }
    let open = payment.amount.minus(payment.amount_captured)?;
    if open <= Amount::ZERO {
        return Err(Error::transition("All of the payment was captured already."));
    }
    if payment.amount_captured > Amount::ZERO && left(payment)? == Amount::ZERO {
        // The order's money was refunded, perhaps with its goods: the order is over.
        return Err(Error::transition("A refunded payment accepts no more money."));
    }
    let amount = within(amount, open, payment.currency, "open")?;
    let captured = payment.amount_captured.plus(amount)?;
    Ok(Payment {
        state: PaymentState::Captured,
        amount_authorized: payment.amount_authorized.max(captured),
        amount_captured: captured,
        failure: None,
        ..touched(payment, context)
    })
}

/// Voids a payment that has brought no money.
///
/// # Errors
/// [`Error::InvalidTransition`] when it has, or has ended.
pub fn void(payment: &Payment, context: &DecisionContext) -> Result<Payment> {
    match payment.state {
        PaymentState::Pending | PaymentState::RequiresAction | PaymentState::Authorized => {
            Ok(Payment { state: PaymentState::Voided, ..touched(payment, context) })
        }
        state => Err(refused(state, "voided")),
    }
}

/// Records money refunded outside the shop: `amount`, or everything that is left. The refund is not split by tax rate
/// yet, since the payment does not know the rates.
///
/// # Errors
/// [`Error::InvalidTransition`] unless there is money left, [`Error::Invalid`] naming `amount` when it is not positive
/// or more than what is left.
pub fn refund(
    payment: &Payment,
    amount: Option<Amount>,
    reason: String,
    context: &mut DecisionContext,
) -> Result<Payment> {
    let left = left(payment)?;
    if left <= Amount::ZERO {
        return Err(Error::transition("There is no captured money left to refund."));
    }
    let amount = within(amount, left, payment.currency, "left")?;
    let mut refunded = touched(payment, context);
    refunded.amount_refunded = payment.amount_refunded.plus(amount)?;
    refunded.refunds.push(Refund {
        id: context.id(),
        amount,
        state: RefundState::Succeeded,
        reason,
        gateway_reference: None,
        created_at: context.now(),
        taxes: Vec::new(),
    });
    Ok(refunded)
}

/// The captured amount that is not refunded.
///
/// # Errors
/// [`Error::Invalid`] naming `amount` when the difference exceeds an `i64`.
pub fn left(payment: &Payment) -> Result<Amount> {
    payment.amount_captured.minus(payment.amount_refunded)
}

/// The data of events about a payment.
#[must_use]
pub fn event_data(payment: &Payment) -> Value {
    let format = |amount| payment.currency.format_amount(amount);
    json!({
        "id": payment.id,
        "order_id": payment.order_id,
        "gateway": payment.gateway,
        "status": payment.state,
        "amount": format(payment.amount),
        "amount_captured": format(payment.amount_captured),
        "amount_refunded": format(payment.amount_refunded),
        "currency": payment.currency,
    })
}

fn touched(payment: &Payment, context: &DecisionContext) -> Payment {
    Payment { updated_at: context.now(), version: payment.version + 1, ..payment.clone() }
}

fn within(amount: Option<Amount>, most: Amount, currency: Currency, what: &str) -> Result<Amount> {
    match amount {
        None => Ok(most),
        Some(amount) if amount <= Amount::ZERO => Err(Error::invalid("amount", "Must be more than 0.")),
        Some(amount) if amount > most => {
            let most = currency.format_amount(most);
            Err(Error::invalid("amount", format!("Must be at most {most}, which is {what}.")))
        }
        Some(amount) => Ok(amount),
    }
}

fn refused(state: PaymentState, step: &str) -> Error {
    Error::transition(format!("A payment that is {} cannot be {step}.", state.as_str()))
}

#[cfg(test)]
mod tests;
