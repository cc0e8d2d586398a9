//! Applies a gateway's response to a payment: one pure function for all sources of responses.

use super::ask::{is_unsettled, next_poll};
use crate::clock::DecisionContext;
use crate::error::Result;
use crate::gateway::{RemoteRefund, Snapshot};
use crate::model::payments::{Payment, PaymentState, Refund, RefundState};
use crate::money::Amount;
use crate::secret::Sealed;

/// The reason saved for a refund that was not made through the shop.
const MADE_ELSEWHERE: &str = "Made at the gateway.";
/// The maximum length of a gateway's message that is saved, in characters.
const MAX_FAILURE_LENGTH: usize = 500;

/// The changes from a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The changed payment, with its next version.
    pub payment: Payment,
    /// Newly received money.
    pub came: Amount,
    /// Refunds that have newly succeeded.
    pub refunded: Vec<Refund>,
    /// Refunds that have newly failed.
    pub failed: Vec<Refund>,
    /// A newly reported decline, or end without money.
    pub failure: Option<String>,
    /// Why the snapshot is ignored: it does not match what was asked for. For staff.
    pub mismatch: Option<String>,
}

/// Applies a gateway's snapshot of a payment. Returns `None` if it changes nothing, because it repeats known facts or
/// is stale.
///
/// - Received money always counts; a later decline or end does not remove it. A payment with money becomes captured,
///   unless it had already ended and the order has another live payment (`has_other_live_payment`).
/// - An end without money (`voided`, `expired`, `failed`) is final unless money came.
/// - A refund goes from pending to succeeded to failed (banks return money), never backwards. A refund that was not
///   made through the shop is added.
/// - A snapshot with another amount, currency, account or mode than requested is ignored, and the payment records why
///   ([`RemoteState::mismatch`](super::super::RemoteState)) until a snapshot matches.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) naming `amount` when a sum exceeds an `i64`.
pub fn apply_snapshot(
    payment: &Payment,
    snapshot: &Snapshot,
    client_secret: Option<Sealed>,
    has_other_live_payment: bool,
    context: &mut DecisionContext,
) -> Result<Option<Applied>> {
    let mut after = payment.clone();
    let mismatch = mismatch(payment, snapshot);
    if let Some(why) = &mismatch {
        after.remote.mismatch = Some(why.clone());
        return Ok((after != *payment).then(|| Applied { mismatch, ..applied(after, context) }));
    }
    after.remote.mismatch = None;
    after.gateway_reference = Some(snapshot.reference.clone());
    after.amount_captured = payment.amount_captured.max(snapshot.captured);
    let reserved = snapshot.authorized.min(payment.amount);
    after.amount_authorized = payment.amount_authorized.max(reserved).max(after.amount_captured);
    after.state = merged(payment.state, snapshot.state, after.amount_captured > Amount::ZERO, has_other_live_payment);
    after.failure = match after.state {
        PaymentState::Authorized | PaymentState::Captured => None,
        _ => snapshot.failure.as_deref().map(shortened),
    };
    if after.state.is_open() {
        after.remote.client_secret = client_secret.or(after.remote.client_secret);
    } else {
        after.remote.client_secret = None;
    }
    merge_refunds(&mut after, &snapshot.refunds, context)?;
    if after == *payment {
        return Ok(None);
    }
    let came = after.amount_captured.minus(payment.amount_captured)?;
    let before = |refund: &Refund| payment.refunds.iter().find(|old| old.id == refund.id).map(|old| old.state);
    let turned = |state| {
        let now = after.refunds.iter().filter(move |refund| refund.state == state);
        now.filter(|refund| before(refund) != Some(state)).cloned().collect::<Vec<_>>()
    };
    let (refunded, failed) = (turned(RefundState::Succeeded), turned(RefundState::Failed));
    let ended = after.state != payment.state && matches!(after.state, PaymentState::Failed | PaymentState::Expired);
    let declined = after.failure.is_some() && after.failure != payment.failure;
    let failure =
        (ended || declined).then(|| after.failure.clone().unwrap_or_else(|| "The payment failed.".to_owned()));
    Ok(Some(Applied { came, refunded, failed, failure, ..applied(after, context) }))
}

/// Fails refunds that the gateway does not know and for which no call is pending: their call was given up. Only correct
/// if the payment has not changed since the snapshot was taken.
pub(crate) fn without_lost_refunds(payment: &Payment, snapshot: &Snapshot) -> Result<Option<(Payment, Vec<Refund>)>> {
    if payment.remote.pending_call.is_some() {
        return Ok(None);
    }
    let known = |refund: &Refund| snapshot.refunds.iter().any(|remote| remote.id == Some(refund.id));
    let mut after = payment.clone();
    let mut lost = Vec::new();
    for refund in &mut after.refunds {
        if refund.state == RefundState::Pending && refund.gateway_reference.is_none() && !known(refund) {
            refund.state = RefundState::Failed;
            lost.push(refund.clone());
        }
    }
    after.amount_refunded = refunded(&after)?;
    Ok((!lost.is_empty()).then_some((after, lost)))
}

/// The sum of all refunds except failed ones.
pub(crate) fn refunded(payment: &Payment) -> Result<Amount> {
    let alive = payment.refunds.iter().filter(|refund| refund.state != RefundState::Failed);
    Amount::sum(alive.map(|refund| refund.amount))
}

/// Marks a payment as changed now.
pub(crate) fn touch(payment: &mut Payment, context: &DecisionContext) {
    payment.updated_at = context.now();
    payment.version += 1;
    payment.remote.poll_at = is_unsettled(payment).then(|| next_poll(payment, context));
}

pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(MAX_FAILURE_LENGTH).collect()
}

fn applied(mut payment: Payment, context: &DecisionContext) -> Applied {
    touch(&mut payment, context);
    Applied { payment, came: Amount::ZERO, refunded: Vec::new(), failed: Vec::new(), failure: None, mismatch: None }
}

fn mismatch(payment: &Payment, snapshot: &Snapshot) -> Option<String> {
    if let Some(foreign) = &snapshot.foreign {
        return Some(shortened(&format!("Not counted, this is not the shop's own payment: {foreign}")));
    }
    if payment.gateway_reference.as_ref().is_some_and(|reference| *reference != snapshot.reference) {
        return Some("Not counted: the gateway shows another payment for this one.".to_owned());
    }
    let amounts = [Amount::ZERO, snapshot.captured, payment.amount];
    if snapshot.currency != payment.currency || snapshot.amount != payment.amount || !amounts.is_sorted() {
        let (amount, captured) =
            (snapshot.currency.format_amount(snapshot.amount), snapshot.currency.format_amount(snapshot.captured));
        let currency = snapshot.currency;
        return Some(format!(
            "Not counted: the gateway has a payment of {amount} {currency}, of which {captured} were taken."
        ));
    }
    None
}

fn merged(ours: PaymentState, theirs: PaymentState, money: bool, has_other_live_payment: bool) -> PaymentState {
    use PaymentState::{Authorized, Captured, Expired, Failed, Pending, RequiresAction, Voided};
    match (ours, theirs) {
        (Voided | Expired | Failed, _) if has_other_live_payment => ours,
        _ if money => Captured,
        (Voided | Expired | Failed | Captured, _) | (Authorized, Pending | RequiresAction) | (_, Captured) => ours,
        (Pending | RequiresAction | Authorized, theirs) => theirs,
    }
}

fn merge_refunds(payment: &mut Payment, remote: &[RemoteRefund], context: &mut DecisionContext) -> Result<()> {
    let mut strangers = Vec::new();
    for theirs in remote {
        let ours = payment.refunds.iter_mut().find(|ours| is_same(ours, theirs));
        let Some(ours) = ours else {
            strangers.push(theirs);
            continue;
        };
        ours.gateway_reference = Some(theirs.reference.clone());
        ours.state = later(ours.state, theirs.state);
    }
    for theirs in strangers {
        let hidden = |ours: &&mut Refund| {
            ours.gateway_reference.is_none() && ours.state == RefundState::Pending && ours.amount == theirs.amount
        };
        // For gateways that do not keep our ids: the refund with this amount whose response was lost.
        if theirs.id.is_none()
            && let Some(ours) = payment.refunds.iter_mut().find(hidden)
        {
            ours.gateway_reference = Some(theirs.reference.clone());
            ours.state = later(ours.state, theirs.state);
            continue;
        }
        let room = payment.amount_captured.minus(refunded(payment)?)?;
        // A refund that does not fit now is added by a later look-up, once a pending refund of ours was refused.
        if theirs.state != RefundState::Failed && theirs.amount > Amount::ZERO && theirs.amount <= room {
            payment.refunds.push(Refund {
                id: context.id(),
                amount: theirs.amount,
                state: theirs.state,
                reason: MADE_ELSEWHERE.to_owned(),
                gateway_reference: Some(theirs.reference.clone()),
                created_at: context.now(),
                // The payment does not know its tax rates: the caller splits the refund.
                taxes: Vec::new(),
            });
        }
    }
    payment.amount_refunded = refunded(payment)?;
    Ok(())
}

fn is_same(ours: &Refund, theirs: &RemoteRefund) -> bool {
    match (&ours.gateway_reference, theirs.id) {
        (Some(reference), _) if *reference == theirs.reference => true,
        (_, Some(id)) => ours.id == id,
        _ => false,
    }
}

fn later(ours: RefundState, theirs: RefundState) -> RefundState {
    match (ours, theirs) {
        (RefundState::Failed, _) | (_, RefundState::Failed) => RefundState::Failed,
        (RefundState::Succeeded, _) | (_, RefundState::Succeeded) => RefundState::Succeeded,
        (RefundState::Pending, RefundState::Pending) => RefundState::Pending,
    }
}

#[cfg(test)]
mod tests;
