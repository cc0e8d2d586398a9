//! Computes the taxes of a basket.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::rates::ApplicableRates;
use super::{Basket, BasketLine, sum};
use crate::id::{TaxRateId, VariantId};
use crate::model::pricing::{TaxRateVersion, TaxedShipping, UsedTaxRate};
use crate::model::shipping::Address;
use crate::model::taxes::TaxRate;
use crate::money::{Amount, Ratio, share};

/// The amount that a tax is rounded on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxRounding {
    /// Each line, and the shipping, is rounded separately.
    #[default]
    Line,
    /// Everything taxed at one percentage is rounded once, then allocated to the parts.
    Order,
}

/// A tax rate with its name and origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRate {
    /// The shop's own tax rate; `None` for a rate from a [`TaxProvider`](super::TaxProvider).
    pub id: Option<TaxRateId>,
    /// Version of the shop's own rate.
    pub version: i64,
    /// The name shown to buyers.
    pub name: String,
    /// The percentage.
    pub rate: Ratio,
}

/// The tax rates that apply to an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaxQuote {
    /// Rates by variant. A variant without an entry is not taxed.
    pub lines: HashMap<VariantId, NamedRate>,
    /// The rate of the shipping, whatever is bought. Without it, shipping is split over the line rates in
    /// [`Taxes::shipping_shares`], if any.
    pub shipping: Option<NamedRate>,
}

/// How an order is taxed. The default is no tax.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taxes {
    /// The rates that apply.
    pub quote: TaxQuote,
    /// Those line rates that also apply to shipping. The shipping is split over them in proportion to the values of
    /// their lines. Ignored if the quote has a shipping rate ([`TaxQuote::shipping`]).
    pub shipping_shares: Vec<TaxRateId>,
    /// Whether prices include the tax.
    pub included: bool,
    /// Whether tax is rounded per line or per order.
    pub rounding: TaxRounding,
}

/// Looks up the shop's own rates for lines of (variant, tax class). Also returns those rates that apply to shipping
/// ([`Taxes::shipping_shares`]).
///
/// A region's rate replaces the rate of its country. The quote has no shipping rate: shipping is taxed like the items.
#[must_use]
pub fn own_rates<'a>(
    rates: &[TaxRate],
    address: &Address,
    lines: impl IntoIterator<Item = (VariantId, &'a str)>,
) -> (TaxQuote, Vec<TaxRateId>) {
    let here = ApplicableRates::of(rates, address);
    let mut quote = TaxQuote::default();
    let mut shipping_shares = Vec::new();
    for (variant, class) in lines {
        let Some(rate) = here.of_class(class) else { continue };
        if rate.applies_to_shipping && !shipping_shares.contains(&rate.id) {
            shipping_shares.push(rate.id);
        }
        let name = rate.name.clone();
        let named = NamedRate { id: Some(rate.id), version: rate.version, name, rate: rate.rate };
        quote.lines.insert(variant, named);
    }
    (quote, shipping_shares)
}

/// The computed taxes.
pub(super) struct Taxed {
    /// Tax of each line, in the order of the basket.
    pub(super) lines: Vec<Amount>,
    /// Tax rate of each line; `None` if it is not taxed.
    pub(super) line_rates: Vec<Option<Ratio>>,
    /// Tax on the shipping.
    pub(super) shipping: Amount,
    /// One entry per percentage.
    pub(super) rates: Vec<UsedTaxRate>,
}

/// Everything taxed at one percentage, by one or more rates.
struct Base<'a> {
    rate: Ratio,
    named: Vec<&'a NamedRate>,
    /// Indices into the basket's lines.
    lines: Vec<usize>,
    /// Taxable amount of each of these lines; then, if `taxes_shipping`, that of the shipping.
    amounts: Vec<Amount>,
    taxes_shipping: bool,
}

/// Taxes the discounted lines (`nets`) and the shipping.
pub(super) fn apply(basket: &Basket<'_>, nets: &[Amount], shipping: Amount, taxes: &Taxes) -> Taxed {
    let of_lines: Vec<_> = basket.lines.iter().map(|line| taxes.quote.lines.get(&line.variant_id)).collect();
    let mut bases: Vec<Base<'_>> = Vec::new();
    for (place, (rate, net)) in of_lines.iter().zip(nets).enumerate() {
        if let Some(rate) = rate {
            let base = base_of(&mut bases, rate);
            base.lines.push(place);
            base.amounts.push(*net);
        }
    }
    if basket.shipping.is_some() {
        for (rate, part) in shipping_parts(basket.lines, nets, &of_lines, shipping, taxes) {
            let base = base_of(&mut bases, rate);
            base.amounts.push(part);
            base.taxes_shipping = true;
        }
    }
    let mut outcome = Taxed {
        lines: vec![Amount::ZERO; basket.lines.len()],
        line_rates: of_lines.iter().map(|rate| rate.map(|rate| rate.rate)).collect(),
        shipping: Amount::ZERO,
        rates: Vec::with_capacity(bases.len()),
    };
    for base in bases {
        levy(base, taxes, &mut outcome);
    }
    outcome
}

/// Returns the base for the rate's percentage; creates it if there is none.
fn base_of<'a, 'b>(bases: &'b mut Vec<Base<'a>>, rate: &'a NamedRate) -> &'b mut Base<'a> {
    let place = bases.iter().position(|base| base.rate == rate.rate).unwrap_or_else(|| {
        let (named, lines, amounts) = (vec![rate], Vec::new(), Vec::new());
        bases.push(Base { rate: rate.rate, named, lines, amounts, taxes_shipping: false });
        bases.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "the place was found or made just now")]
    let base = &mut bases[place];
    if !base.named.contains(&rate) {
        base.named.push(rate);
    }
    base
}

/// Splits the shipping by percentage, by largest remainder, in proportion to the values of the lines whose rates apply
/// to shipping. Values are after discounts; if all are zero, before discounts; if those are zero too, the quantities. A
/// percentage with a zero part is left out, unless it is the only one.
fn shipping_parts<'a>(
    lines: &[BasketLine<'_>],
    nets: &[Amount],
    of_lines: &[Option<&'a NamedRate>],
    shipping: Amount,
    taxes: &'a Taxes,
) -> Vec<(&'a NamedRate, Amount)> {
    if let Some(rate) = &taxes.quote.shipping {
        return vec![(rate, shipping)];
    }
    if taxes.shipping_shares.is_empty() {
        return Vec::new();
    }
    let applies = |rate: &&NamedRate| rate.id.is_some_and(|id| taxes.shipping_shares.contains(&id));
    // One entry per percentage: one of its rates, and the value of its lines.
    let mut shares: Vec<(&NamedRate, Amount)> = Vec::new();
    let mut weigh = |values: &mut dyn Iterator<Item = i64>| {
        shares.clear();
        for (rate, value) in of_lines.iter().zip(values) {
            let Some(rate) = rate.filter(applies) else { continue };
            match shares.iter_mut().find(|(other, _)| other.rate == rate.rate) {
                Some((_, worth)) => worth.0 = worth.0.saturating_add(value),
                None => shares.push((rate, Amount(value))),
            }
        }
        shares.iter().any(|(_, worth)| *worth > Amount::ZERO)
    };
    if !weigh(&mut nets.iter().map(|net| net.0)) && !weigh(&mut lines.iter().map(|line| line.total().0)) {
        weigh(&mut lines.iter().map(|line| line.quantity));
    }
    let weights: Vec<_> = shares.iter().map(|(_, worth)| *worth).collect();
    let is_only = shares.len() == 1;
    let parts = shares.into_iter().zip(share(shipping, &weights)).map(|((rate, _), part)| (rate, part));
    parts.filter(|(_, part)| is_only || *part > Amount::ZERO).collect()
}

/// Rounds the tax of a base, allocates it to the lines and the shipping, and records it.
fn levy(base: Base<'_>, taxes: &Taxes, outcome: &mut Taxed) {
    let whole = sum(base.amounts.iter().copied());
    let shipping_base = base.amounts.last().copied().filter(|_| base.taxes_shipping);
    let tax = |amount| if taxes.included { base.rate.contained_in(amount) } else { base.rate.of(amount) };
    let mut shares: Vec<_> = match taxes.rounding {
        TaxRounding::Line => base.amounts.into_iter().map(tax).collect(),
        TaxRounding::Order => share(tax(whole), &base.amounts),
    };
    let amount = sum(shares.iter().copied());
    let shipping = shipping_base.and_then(|base| Some(TaxedShipping { base, amount: shares.pop()? }));
    if let Some(shipping) = &shipping {
        outcome.shipping = sum([outcome.shipping, shipping.amount]);
    }
    for (place, tax) in base.lines.into_iter().zip(shares) {
        if let Some(part) = outcome.lines.get_mut(place) {
            *part = tax;
        }
    }
    outcome.rates.push(used(base.rate, &base.named, whole, amount, shipping));
}

/// The record of one percentage that an order keeps, with the names of all its rates.
fn used(
    rate: Ratio,
    rates: &[&NamedRate],
    base: Amount,
    amount: Amount,
    shipping: Option<TaxedShipping>,
) -> UsedTaxRate {
    let mut names: Vec<&str> = Vec::with_capacity(rates.len());
    for rate in rates {
        if !names.contains(&rate.name.as_str()) {
            names.push(&rate.name);
        }
    }
    let mut own = rates.iter().filter_map(|rate| Some(TaxRateVersion { id: rate.id?, version: rate.version }));
    let first = own.next();
    UsedTaxRate {
        tax_rate_id: first.map(|first| first.id),
        version: first.map_or_else(|| rates.first().map_or(0, |rate| rate.version), |first| first.version),
        name: names.join(", "),
        rate,
        base,
        amount,
        others: own.collect(),
        shipping,
    }
}
