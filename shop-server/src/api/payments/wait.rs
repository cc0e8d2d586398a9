//! Waits for a gateway's answer, up to a timeout.

use std::time::Duration;

use futures_util::future::join_all;
use shop_core::id::PaymentId;
use shop_core::orders::OrderView;
use shop_core::payments::{Payment, RefundView};
use shop_core::{Actor, Shop, idempotency};

use crate::problem::Result;

/// How long a response waits for a gateway. A slower call continues in the background; the caller reads the result
/// later.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Waits until no gateway call is pending for these payments, or until the timeout.
pub(in crate::api) async fn wait_for(shop: &Shop, payments: impl IntoIterator<Item = PaymentId>) {
    let calls = payments.into_iter().map(|id| {
        let shop = shop.clone();
        // In a separate task, so that the call continues if its caller disconnects or the wait times out.
        tokio::spawn(async move {
            if let Err(error) = shop.payments().advance(id, tokio::time::sleep).await {
                tracing::warn!(%error, payment = %id, "a payment could not be gone on with");
            }
        })
    });
    let calls = join_all(calls);
    if tokio::time::timeout(TIMEOUT, calls).await.is_err() {
        tracing::warn!("a gateway is slow: answering without it");
    }
}

/// Those of these payments with a pending gateway call.
pub(in crate::api) fn asked(payments: &[Payment]) -> impl Iterator<Item = PaymentId> {
    payments.iter().filter(|payment| payment.remote.pending_call.is_some()).map(|payment| payment.id)
}

/// The order after its gateways have answered or the wait timed out; unchanged if no gateway call is pending.
pub(in crate::api) async fn settled_order(shop: &Shop, view: OrderView) -> Result<OrderView> {
    if asked(&view.payments).next().is_none() {
        return Ok(view);
    }
    wait_for(shop, asked(&view.payments)).await;
    // The original call has already checked the caller's permissions.
    Ok(shop.orders().view(&Actor::system(), view.order.id).await?)
}

/// Like `settled_order`, for a payment.
pub(super) async fn settled_payment(
    shop: &Shop,
    payment: idempotency::Replayable<Payment>,
) -> Result<idempotency::Replayable<Payment>> {
    let idempotency::Replayable { value, replayed } = payment;
    if value.remote.pending_call.is_none() {
        return Ok(idempotency::Replayable { value, replayed });
    }
    wait_for(shop, [value.id]).await;
    let value = shop.payments().get(&Actor::system(), value.id).await?;
    Ok(idempotency::Replayable { value, replayed })
}

/// Like `settled_order`, for a refund.
pub(super) async fn settled_refund(
    shop: &Shop,
    refund: idempotency::Replayable<RefundView>,
) -> Result<idempotency::Replayable<RefundView>> {
    let idempotency::Replayable { mut value, replayed } = refund;
    if value.refund.state == shop_core::payments::RefundState::Pending {
        wait_for(shop, [value.payment_id]).await;
        let payment = shop.payments().get(&Actor::system(), value.payment_id).await?;
        if let Some(refund) = payment.refunds.into_iter().find(|refund| refund.id == value.refund.id) {
            value.refund = refund;
        }
    }
    Ok(idempotency::Replayable { value, replayed })
}
