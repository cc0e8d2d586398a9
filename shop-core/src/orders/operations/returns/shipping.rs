//! The shipping refund after a withdrawal from the whole order: paid with the last of the goods.

use crate::batch::{Batch, Change};
use crate::clock::DecisionContext;
use crate::error::Result;
use crate::id::ReturnId;
use crate::lifecycle::tell_return;
use crate::model::orders::{Order, Return, ReturnStatus};
use crate::money::Amount;

/// The latest return of a withdrawal whose goods have not arrived, except `but`.
pub(in crate::orders::operations) fn last_outstanding<'a>(
    order: &Order,
    returns: &'a [Return],
    but: Option<ReturnId>,
) -> Option<&'a Return> {
    let is_outstanding = |one: &&Return| matches!(one.status, ReturnStatus::Requested | ReturnStatus::Approved);
    let others = returns.iter().filter(|one| Some(one.id) != but && order.is_of_withdrawal(one.id));
    others.filter(is_outstanding).max_by_key(|one| (one.created_at, one.id))
}

/// The return with this shipping refund. The caller settles the order.
fn with_shipping(order: &mut Order, returned: &Return, shipping: Amount) -> Result<Return> {
    let goods = returned.refund_amount.minus(order.shipping_refund_of(returned.id))?;
    order.set_shipping_refund(returned.id, shipping);
    Ok(Return { refund_amount: goods.plus(shipping)?, ..returned.clone() })
}

/// Sets the shipping refund of a return, and writes the return.
pub(in crate::orders::operations) fn promise_shipping(
    order: &mut Order,
    returned: &Return,
    shipping: Amount,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<()> {
    let changed = with_shipping(order, returned, shipping)?;
    let changed = Return { updated_at: context.now(), version: changed.version + 1, ..changed };
    batch.write(Change::Update(changed.clone()));
    tell_return(batch, context, &changed);
    Ok(())
}

/// For a return that is refunded while goods of other withdrawals are outstanding: moves its shipping refund to the
/// latest of those, since their goods may never arrive.
pub(super) fn pass_on_shipping(
    order: &mut Order,
    returns: &[Return],
    returned: &Return,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<Return> {
    let shipping = order.shipping_refund_of(returned.id);
    let Some(other) = last_outstanding(order, returns, Some(returned.id)).filter(|_| shipping > Amount::ZERO) else {
        return Ok(returned.clone());
    };
    let sum = order.shipping_refund_of(other.id).plus(shipping)?;
    promise_shipping(order, other, sum, context, batch)?;
    with_shipping(order, returned, Amount::ZERO)
}

/// For a return that ends without goods: the buyer keeps something, so no return refunds shipping any more.
pub(super) fn take_back_shipping(
    order: &mut Order,
    returns: &[Return],
    returned: &Return,
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Result<Return> {
    for other in returns.iter().filter(|one| one.id != returned.id) {
        let is_promised = other.status.is_live() && other.status != ReturnStatus::Completed;
        if is_promised && order.shipping_refund_of(other.id) > Amount::ZERO {
            promise_shipping(order, other, Amount::ZERO, context, batch)?;
        }
    }
    with_shipping(order, returned, Amount::ZERO)
}
