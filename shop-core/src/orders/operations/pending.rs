//! Reduces payments that wait for money when the payable amount of an order falls.

use crate::batch::{Batch, Change};
use crate::clock::DecisionContext;
use crate::error::Result;
use crate::lifecycle::{OrderState, record};
use crate::model::payments::Payment;
use crate::money::Amount;
use crate::payments::operations::void;

/// Reduces each open payment outside the shop to the payable amount, or voids it if nothing is left to pay. Payments at
/// remote gateways do not change: less is captured, or the excess is refunded.
pub(super) fn reduce_open_payments(
    state: &mut OrderState,
    before: &[Payment],
    is_remote: &dyn Fn(&Payment) -> bool,
    role: &str,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<()> {
    let payable = state.order.amount_payable();
    for payment in &mut state.payments {
        // A payment with a refund in this batch is already written, and waits for nothing.
        let waits = payment.state.is_live() && payment.amount_captured < payment.amount && before.contains(payment);
        let amount = payable.max(payment.amount_captured);
        if !waits || amount >= payment.amount || is_remote(payment) {
            continue;
        }
        if amount == Amount::ZERO {
            *payment = void(payment, context)?;
            let detail = format!("The payment by {} was voided: nothing is left to pay.", payment.gateway);
            record(batch, context, state.order.id, "payment_voided", role, detail);
        } else {
            *payment = Payment { amount, updated_at: context.now(), version: payment.version + 1, ..payment.clone() };
        }
        batch.write(Change::Update(payment.clone()));
    }
    Ok(())
}
