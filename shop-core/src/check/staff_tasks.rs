//! Tasks that only staff can complete: the data is consistent, but the worker does nothing more.
//!
//! 1. A canceled order keeps money, or the refund of a completed return is missing: a refund failed. Staff make it
//!    again ([`Payments::refund`](crate::payments::Payments::refund)).
//! 2. The gateway's state of a payment does not match the request. Staff look for the money at the gateway, and void
//!    the payment here ([`Payments::void`](crate::payments::Payments::void)).

use crate::model::orders::{Order, OrderStatus, Return, ReturnStatus};
use crate::model::payments::Payment;
use crate::money::Amount;

/// The payments of an order that staff must resolve.
pub(super) fn in_payments(order: &Order, payments: &[Payment]) -> Vec<String> {
    let mut problems = Vec::new();
    let kept = order.amount_paid.0.saturating_sub(order.amount_refunded.0);
    if order.status == OrderStatus::Canceled && kept > 0 {
        let kept = order.currency.format_amount(Amount(kept));
        problems.push(format!(
            "Order {}: it is canceled and keeps {kept} {}, to be refunded again.",
            order.number, order.currency
        ));
    }
    for payment in payments.iter().filter(|payment| payment.is_disputed()) {
        let why = payment.remote.mismatch.as_deref().unwrap_or_default();
        problems.push(format!("Order {}: payment {} must be resolved by staff. {why}", order.number, payment.id));
    }
    problems
}

/// The returns of an order that staff must resolve.
pub(super) fn in_returns(order: &Order, returns: &[Return]) -> Option<String> {
    let completed = returns.iter().filter(|one| one.status == ReturnStatus::Completed);
    let promised = completed.fold(0_i64, |sum, one| sum.saturating_add(one.amount_refunded.0));
    let missing = promised.saturating_sub(order.amount_refunded.0);
    (missing > 0).then(|| {
        let missing = order.currency.format_amount(Amount(missing));
        let (number, currency) = (&order.number, order.currency);
        format!("Order {number}: {missing} {currency} of its returns did not go back, to be refunded again.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ReturnId;
    use crate::model::orders::PaymentStatus;
    use crate::model::payments::{PaymentState, Refund, RefundState};
    use crate::orders::tests::{context, order, payment};

    #[test]
    fn a_canceled_order_keeps_no_money() {
        let placed =
            Order { amount_paid: Amount(2500), payment_status: PaymentStatus::Paid, ..order(&[(1000, 2)], 500) };
        let canceled = Order { status: OrderStatus::Canceled, ..placed.clone() };
        let refunding = Order { amount_refunded: Amount(2500), ..canceled.clone() };
        assert_eq!(in_payments(&placed, &[]), Vec::<String>::new());
        assert_eq!(in_payments(&refunding, &[]), Vec::<String>::new());
        let expected = format!("Order {}: it is canceled and keeps 25.00 USD, to be refunded again.", canceled.number);
        assert_eq!(in_payments(&canceled, &[]), [expected]);
    }

    #[test]
    fn a_disputed_payment_is_a_task_while_something_is_open() {
        let order = order(&[(1000, 2)], 500);
        let mut open = payment(&order, PaymentState::Pending, 0, 0, 0);
        assert_eq!(in_payments(&order, std::slice::from_ref(&open)), Vec::<String>::new());
        open.remote.mismatch = Some("Not counted.".to_owned());
        let expected = format!("Order {}: payment {} must be resolved by staff. Not counted.", order.number, open.id);
        assert_eq!(in_payments(&order, std::slice::from_ref(&open)), std::slice::from_ref(&expected));
        let mut over = Payment { state: PaymentState::Voided, ..open };
        assert_eq!(in_payments(&order, std::slice::from_ref(&over)), Vec::<String>::new());
        over.refunds.push(Refund {
            id: context().id(),
            amount: Amount(1),
            state: RefundState::Pending,
            reason: String::new(),
            gateway_reference: None,
            created_at: context().now(),
            taxes: Vec::new(),
        });
        assert_eq!(in_payments(&order, &[over]), [expected]);
    }

    #[test]
    fn what_completed_returns_gave_back_is_given_back() {
        let order = Order { amount_refunded: Amount(1500), ..order(&[(1000, 2)], 500) };
        let returned = |status, amount| Return {
            id: ReturnId(uuid::Uuid::nil()),
            order_id: order.id,
            currency: order.currency,
            items: Vec::new(),
            note: String::new(),
            status,
            rejection: String::new(),
            restocked: false,
            refund_amount: Amount(amount),
            amount_refunded: Amount(amount),
            created_at: context().now(),
            updated_at: context().now(),
            version: 1,
        };
        let two = [returned(ReturnStatus::Completed, 1000), returned(ReturnStatus::Completed, 500)];
        assert_eq!(in_returns(&order, &two), None);
        let three =
            [two.as_slice(), &[returned(ReturnStatus::Completed, 1), returned(ReturnStatus::Received, 7)]].concat();
        let expected =
            format!("Order {}: 0.01 USD of its returns did not go back, to be refunded again.", order.number);
        assert_eq!(in_returns(&order, &three), Some(expected));
    }
}
