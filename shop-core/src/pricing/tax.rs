//! What taxes come to.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::place::RatesHere;
use super::share::share;
use super::{Basket, Line, Ratio, TaxRateVersion, TaxedShipping, UsedTaxRate, sum};
use crate::catalog::TaxRate;
use crate::id::{TaxRateId, VariantId};
use crate::money::Amount;
use crate::shipping::Address;

/// Of what a tax is rounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxRounding {
    /// Of each line, and of the shipping.
    #[default]
    Line,
    /// Of all that is taxed at one percentage, and then shared out.
    Order,
}

/// A rate by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRate {
    /// Which of the shop's own; `None` for another's.
    pub id: Option<TaxRateId>,
    /// Its version, if it is the shop's own.
    pub version: i64,
    /// What buyers see.
    pub name: String,
    /// How much.
    pub rate: Ratio,
}

/// Which rates apply to an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaxQuote {
    /// By variant; what is not in it is not taxed.
    pub lines: HashMap<VariantId, NamedRate>,
    /// To the shipping, whatever is bought. Without it the shipping is split over the rates of the lines that apply to it
    /// ([`Taxes::shipping_shares`]), if any do.
    pub shipping: Option<NamedRate>,
}

/// How an order is taxed. By default not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taxes {
    /// At which rates.
    pub quote: TaxQuote,
    /// Which rates of the lines apply to the shipping too: it is split over them in proportion to the values of their
    /// lines. Not used where the quote has a rate for the shipping ([`TaxQuote::shipping`]).
    pub shipping_shares: Vec<TaxRateId>,
    /// Prices include the tax.
    pub included: bool,
    /// How it is rounded.
    pub rounding: TaxRounding,
}

/// The rates that the shop itself keeps for what is bought, of (variant, tax class), and those of them that apply to the
/// shipping too ([`Taxes::shipping_shares`]).
///
/// The rate of a region takes the place of that of its whole country. The quote has no rate for the shipping: that is taxed
/// as the goods are.
#[must_use]
pub fn own_rates<'a>(
    rates: &[TaxRate],
    address: &Address,
    lines: impl IntoIterator<Item = (VariantId, &'a str)>,
) -> (TaxQuote, Vec<TaxRateId>) {
    let here = RatesHere::of(rates, address);
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

/// What all taxes come to.
pub(super) struct Taxed {
    /// Of each line.
    pub(super) lines: Vec<Amount>,
    /// At which percentage each line is taxed; `None` where it is not.
    pub(super) line_rates: Vec<Option<Ratio>>,
    /// Of the shipping.
    pub(super) shipping: Amount,
    /// What each percentage came to.
    pub(super) rates: Vec<UsedTaxRate>,
}

/// What is taxed at one percentage, by whatever rates.
struct Base<'a> {
    rate: Ratio,
    named: Vec<&'a NamedRate>,
    /// Places among the lines.
    lines: Vec<usize>,
    /// What is taxed of each line, and of the shipping after the last, where a part of that is taxed here.
    amounts: Vec<Amount>,
    taxes_shipping: bool,
}

/// Taxes what is left of the lines and of the shipping.
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

/// The base of a rate's percentage, begun when it is the first of that.
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

/// How the shipping is split: by percentage, in proportion to the values of the lines whose rates apply to it, by largest
/// remainder. The values are those after discounts; where these are all zero, those before; where these are, too, the
/// quantities. What gets nothing of it is left out, unless it is the only one.
fn shipping_parts<'a>(
    lines: &[Line<'_>],
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
    // By percentage: a rate of it, and what its lines are worth.
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

/// What a base comes to: rounded, shared out to its lines and the shipping, and noted.
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

/// One percentage as an order keeps it: with the names of all rates that have it.
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
