//! Converts Stripe's objects to the shop's view of a payment.

use shop_core::money::Currency;
use shop_core::payments::{GatewayError, PaymentState, RefundState, RemotePayment, RemoteRefund, Snapshot};

use super::amount::from_stripe;
use super::client::{for_buyers, unknown};
use super::objects::{Metadata, PaymentIntent, Refund, Status};

/// The metadata keys that link Stripe's objects to ours.
pub(super) const ORDER_ID: &str = "order_id";
pub(super) const ORDER_NUMBER: &str = "order_number";
pub(super) const PAYMENT_ID: &str = "payment_id";
pub(super) const REFUND_ID: &str = "refund_id";

/// Converts a payment and its refunds; `live` is the mode of our key, if known.
///
/// # Errors
/// [`GatewayError::Unavailable`] for an invalid currency or amount, so that the shop does not act on it.
pub(super) fn snapshot(
    intent: PaymentIntent,
    refunds: Vec<Refund>,
    asked: &RemotePayment,
    live: Option<bool>,
) -> Result<Snapshot, GatewayError> {
    let currency: Currency = intent.currency.to_ascii_uppercase().parse().map_err(unknown)?;
    let amount =
        |minor: i64| from_stripe(minor, currency).ok_or_else(|| unknown(format!("{minor} is no amount of {currency}")));
    let received = received(&intent);
    let capturable = match intent.status {
        Status::RequiresCapture => intent.amount_capturable.unwrap_or(intent.amount),
        _ => 0,
    };
    let refunds = without_release(refunds, &intent).into_iter().map(|refund| {
        Ok(RemoteRefund {
            amount: amount(refund.amount)?,
            state: refund_state(&refund),
            id: refund.metadata.as_ref().and_then(|metadata| id_in(metadata, REFUND_ID)),
            reference: refund.id,
        })
    });
    Ok(Snapshot {
        refunds: refunds.collect::<Result<_, GatewayError>>()?,
        state: state(&intent),
        amount: amount(intent.amount)?,
        currency,
        authorized: amount(received.saturating_add(capturable))?,
        captured: amount(received)?,
        failure: intent.last_payment_error.as_ref().map(for_buyers),
        foreign: foreign(&intent, asked, live),
        client_secret: intent.client_secret,
        reference: intent.id,
    })
}

/// The received amount. A succeeded payment without one has received all of its amount.
fn received(intent: &PaymentIntent) -> i64 {
    let all = if intent.status == Status::Succeeded { intent.amount } else { 0 };
    intent.amount_received.unwrap_or(all)
}

/// Whether the payment may have refunds.
pub(super) fn brought_money(intent: &PaymentIntent) -> bool {
    received(intent) > 0
}

fn state(intent: &PaymentIntent) -> PaymentState {
    match intent.status {
        // After a decline the buyer can try another card. A payment in progress proves nothing yet, nor does an unknown
        // status.
        Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::Processing | Status::Unknown => {
            PaymentState::Pending
        }
        Status::RequiresAction => PaymentState::RequiresAction,
        Status::RequiresCapture => PaymentState::Authorized,
        Status::Succeeded => PaymentState::Captured,
        // `automatic`, or `expired` in later versions: not captured in time.
        Status::Canceled => match intent.cancellation_reason.as_deref() {
            Some("automatic" | "expired") => PaymentState::Expired,
            _ => PaymentState::Voided,
        },
    }
}

/// Removes the refund that stands for the rest of a partial capture: Stripe lists one although that money was never
/// received ("Place a hold on a payment method": the remainder is released). It is the oldest refund, has none of our
/// metadata, and is exactly the difference.
fn without_release(mut refunds: Vec<Refund>, intent: &PaymentIntent) -> Vec<Refund> {
    let released = intent.amount.saturating_sub(received(intent));
    if intent.status == Status::Succeeded && released > 0 {
        // Stripe lists the newest first.
        let oldest = refunds.iter().enumerate().rev().min_by_key(|(_, refund)| refund.created);
        let is_release = |refund: &Refund| {
            refund.amount == released
                && refund.metadata.as_ref().is_none_or(|metadata| !metadata.contains_key(REFUND_ID))
        };
        if let Some((index, _)) = oldest.filter(|(_, refund)| is_release(refund)) {
            refunds.remove(index);
        }
    }
    refunds
}

fn refund_state(refund: &Refund) -> RefundState {
    match refund.status.as_deref() {
        Some("succeeded") => RefundState::Succeeded,
        Some("failed" | "canceled") => RefundState::Failed,
        // `pending`, `requires_action` or unknown: counts as refunded until it certainly failed.
        _ => RefundState::Pending,
    }
}

/// Why the payment is not ours: another mode, or another payment's id in its metadata.
fn foreign(intent: &PaymentIntent, asked: &RemotePayment, live: Option<bool>) -> Option<String> {
    if let Some(why) = wrong_mode(intent.livemode, live) {
        return Some(why);
    }
    let mark = intent.metadata.get(PAYMENT_ID);
    (mark != Some(&asked.id.to_string())).then(|| "It is not marked as this payment.".to_owned())
}

/// Why an object of this mode is not ours.
pub(super) fn wrong_mode(livemode: bool, live: Option<bool>) -> Option<String> {
    match (livemode, live) {
        (true, Some(false)) => Some("It is of the live mode, and the shop's key of the test mode.".to_owned()),
        (false, Some(true)) => Some("It is of the test mode, and the shop's key of the live mode.".to_owned()),
        _ => None,
    }
}

/// Parses one of our ids in the metadata.
pub(super) fn id_in<T: From<uuid::Uuid>>(metadata: &Metadata, name: &str) -> Option<T> {
    metadata.get(name).and_then(|text| uuid::Uuid::parse_str(text).ok()).map(T::from)
}
