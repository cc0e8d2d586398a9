//! Splits refunds by tax rate.
//!
//! A refund reverses the tax of the goods that it is for; otherwise, the tax of everything that is left, in proportion.
//! Once all money of an order is refunded, its refunds sum to its taxes at every rate.

use crate::model::orders::{Order, OrderItem};
use crate::model::payments::{Payment, Refund, RefundState, RefundedTax};
use crate::money::{Amount, Ratio, half_up, share};

/// The refunded goods: the tax rate and the price of each.
pub(crate) type RefundedGoods = [(Option<Ratio>, Amount)];

/// An amount of a line as [`RefundedGoods`]; `None` if the line's tax rate is unknown.
pub(crate) fn refunded_line(order: &Order, line: &OrderItem, amount: Amount) -> Option<(Option<Ratio>, Amount)> {
    let rate = order.tax_rate(line);
    let is_known = rate.is_some() || line.tax_class.is_some() || line.tax == Amount::ZERO;
    is_known.then_some((rate, amount))
}

/// Splits the new refunds of a payment. `payments` are all payments of the order before the change, including this one:
/// their refunds are not new.
pub(crate) fn split_new_refunds(order: &Order, payments: &[Payment], payment: &mut Payment, goods: &RefundedGoods) {
    let done: Vec<&Refund> = payments.iter().flat_map(|before| &before.refunds).collect();
    let mut split_refunds = Vec::new();
    for refund in &payment.refunds {
        if done.iter().any(|known| known.id == refund.id) {
            continue;
        }
        let mut refund = refund.clone();
        if refund.taxes.is_empty() {
            let made = done.iter().copied().chain(&split_refunds);
            refund.taxes = split(&left(order, made), refund.amount, goods);
        }
        split_refunds.push(refund);
    }
    for refund in &mut payment.refunds {
        if let Some(split) = split_refunds.iter().find(|split| split.id == refund.id) {
            refund.taxes.clone_from(&split.taxes);
        }
    }
}

/// The split of a refund of money that was not owed: it reverses no tax of the order.
pub(crate) fn untaxed(amount: Amount) -> Vec<RefundedTax> {
    vec![RefundedTax { rate: None, total: amount, tax: Amount::ZERO }]
}

/// The total of an order by tax rate.
fn charged(order: &Order) -> Vec<RefundedTax> {
    let taxes = order.explanation.taxes_by_rate();
    let charge = |tax: &crate::model::pricing::UsedTaxRate| RefundedTax {
        rate: Some(tax.rate),
        total: Amount(order.explanation.net_base(tax).0.saturating_add(tax.amount.0)),
        tax: tax.amount,
    };
    let mut charges: Vec<_> = taxes.iter().map(charge).collect();
    let explained = total(charges.iter().map(|charge| charge.total));
    // The untaxed part and the rounding of the total, which may be negative.
    let rest = order.total.0.saturating_sub(explained.0);
    if rest > 0 {
        charges.push(RefundedTax { rate: None, total: Amount(rest), tax: Amount::ZERO });
    }
    let mut too_much = rest.saturating_neg().max(0);
    for charge in &mut charges {
        let part = too_much.min(charge.total.0.saturating_sub(charge.tax.0));
        charge.total.0 -= part;
        too_much -= part;
    }
    charges
}

/// The total by tax rate that is left after these refunds.
fn left<'a>(order: &Order, refunds: impl Iterator<Item = &'a Refund>) -> Vec<RefundedTax> {
    let mut left = charged(order);
    let mut refunds: Vec<_> = refunds.filter(|refund| refund.state != RefundState::Failed).collect();
    refunds.sort_by_key(|refund| (refund.created_at, refund.id));
    for refund in refunds {
        let parts = if refund.taxes.is_empty() { split(&left, refund.amount, &[]) } else { refund.taxes.clone() };
        for part in parts {
            for charge in left.iter_mut().filter(|charge| charge.rate == part.rate) {
                charge.total = Amount(charge.total.0.saturating_sub(part.total.0).max(0));
                charge.tax = Amount(charge.tax.0.saturating_sub(part.tax.0).max(0));
            }
        }
    }
    left
}

/// Splits an amount over what is left: first over the rates of the goods, then the rest in proportion. Anything beyond
/// what is left is untaxed.
fn split(left: &[RefundedTax], amount: Amount, goods: &RefundedGoods) -> Vec<RefundedTax> {
    let of_goods = |charge: &RefundedTax| total(goods.iter().filter(|(rate, _)| *rate == charge.rate).map(|one| one.1));
    let wanted: Vec<_> = left.iter().map(of_goods).collect();
    let shares = share(amount.min(total(wanted.iter().copied())), &wanted);
    let parts: Vec<_> = shares.into_iter().zip(left).map(|(part, charge)| part.min(charge.total)).collect();
    let rest = Amount(amount.0.saturating_sub(total(parts.iter().copied()).0));
    let room: Vec<_> = parts.iter().zip(left).map(|(part, charge)| Amount(charge.total.0 - part.0)).collect();
    let more = share(rest.min(total(room.iter().copied())), &room);
    let mut split = Vec::with_capacity(left.len() + 1);
    for ((part, more), charge) in parts.into_iter().zip(more).zip(left) {
        let part = Amount(part.0.saturating_add(more.0));
        // Rounded half up, except that the last part takes the remaining tax.
        let tax = half_up(i128::from(charge.tax.0) * i128::from(part.0), i128::from(charge.total.0));
        if part > Amount::ZERO {
            split.push(RefundedTax { rate: charge.rate, total: part, tax });
        }
    }
    let beyond = amount.0.saturating_sub(total(split.iter().map(|part| part.total)).0);
    match split.iter_mut().find(|part| part.rate.is_none()) {
        _ if beyond <= 0 => {}
        Some(part) => part.total.0 += beyond,
        None => split.extend(untaxed(Amount(beyond))),
    }
    split
}

fn total(amounts: impl Iterator<Item = Amount>) -> Amount {
    amounts.fold(Amount::ZERO, |sum, amount| Amount(sum.0.saturating_add(amount.0)))
}

#[cfg(test)]
mod tests;
