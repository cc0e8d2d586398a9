//! Payments that wait for money when less of an order is left to pay.

use super::status::record;
use crate::batch::{Batch, Change};
use crate::clock::Moment;
use crate::error::Result;
use crate::money::Amount;
use crate::orders::OrderState;
use crate::payments::Payment;
use crate::payments::operations::void;

/// A payment outside the shop that waits for money waits for less, or is called off when nothing is left to pay. What a
/// gateway was asked for stays as it is: less of it is captured, or what comes beyond is given back.
pub(super) fn ask_for_less(
    state: &mut OrderState,
    before: &[Payment],
    is_remote: &dyn Fn(&Payment) -> bool,
    role: &str,
    moment: &mut Moment,
    batch: &mut Batch,
) -> Result<()> {
    let payable = state.order.amount_payable();
    for payment in &mut state.payments {
        // One that gives money back is written already, and waits for none.
        let waits = payment.state.is_live() && payment.amount_captured < payment.amount && before.contains(payment);
        let amount = payable.max(payment.amount_captured);
        if !waits || amount >= payment.amount || is_remote(payment) {
            continue;
        }
        if amount == Amount::ZERO {
            *payment = void(payment, moment)?;
            let detail = format!("The payment by {} was called off: nothing is left to pay.", payment.gateway);
            record(batch, moment, state.order.id, "payment_voided", role, detail);
        } else {
            *payment = Payment { amount, updated_at: moment.now(), version: payment.version + 1, ..payment.clone() };
        }
        batch.write(Change::Update(payment.clone()));
    }
    Ok(())
}
