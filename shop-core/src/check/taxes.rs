//! The taxes of an order and of its refunds: what they say of themselves must add up.

use crate::model::orders::{Order, OrderItem};
use crate::model::payments::Payment;
use crate::model::pricing::{TaxedShipping, UsedTaxRate};
use crate::money::Amount;

pub(super) fn tax_problems(order: &Order, payments: &[Payment]) -> Vec<&'static str> {
    let mut problems = Vec::new();
    let mut rule = |holds: bool, what: &'static str| {
        if !holds {
            problems.push(what);
        }
    };
    let taxes = &order.explanation.taxes;
    rule(sum(taxes.iter().map(|tax| tax.amount)) == Some(order.tax_total), "the tax is not the sum of its percentages");
    let shipping = || taxes.iter().filter_map(|tax| tax.shipping);
    if shipping().next().is_some() {
        rule(
            sum(shipping().map(|part| part.amount)) == Some(order.shipping_tax)
                && sum(shipping().map(|part| part.base)) == Some(order.shipping_total),
            "the shipping is not the sum of its parts by percentage",
        );
    }
    // Earlier releases did not keep what a line is taxed at.
    if order.items.iter().all(|item| item.tax_class.is_some()) {
        rule(
            taxes.iter().all(|tax| is_of_lines(order, tax)),
            "what is taxed at a percentage is not the sum of its lines and its shipping",
        );
        let is_taxed =
            |item: &OrderItem| item.tax == Amount::ZERO || taxes.iter().any(|tax| Some(tax.rate) == item.tax_rate);
        rule(order.items.iter().all(is_taxed), "a line is taxed at a percentage that the order has not");
    }
    let refunds = payments.iter().flat_map(|payment| &payment.refunds).filter(|refund| !refund.taxes.is_empty());
    let mut parts = refunds.map(|refund| (refund.amount, &refund.taxes));
    rule(
        parts.all(|(amount, taxes)| {
            sum(taxes.iter().map(|part| part.total)) == Some(amount)
                && taxes.iter().all(|part| (Amount::ZERO..=part.total).contains(&part.tax))
        }),
        "a refund is not the sum of its parts by percentage",
    );
    problems
}

/// Whether a percentage is that of its lines and of its part of the shipping.
fn is_of_lines(order: &Order, tax: &UsedTaxRate) -> bool {
    let lines = || order.items.iter().filter(|item| item.tax_rate == Some(tax.rate));
    let shipping = tax.shipping.unwrap_or(TaxedShipping { base: Amount::ZERO, amount: Amount::ZERO });
    let bases = lines().map(|item| Amount(item.line_total.0.saturating_sub(item.discount.0)));
    sum(bases.chain([shipping.base])) == Some(tax.base)
        && sum(lines().map(|item| item.tax).chain([shipping.amount])) == Some(tax.amount)
}

fn sum(amounts: impl Iterator<Item = Amount>) -> Option<Amount> {
    Amount::sum(amounts).ok()
}
