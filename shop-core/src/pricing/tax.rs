//! What taxes come to.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::share::share;
use super::{Basket, Ratio, UsedTaxRate, sum};
use crate::catalog::{STANDARD_TAX_CLASS, TaxRate, region_key, subdivision};
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
    /// Of all that one rate applies to, and then shared out.
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
    /// To the shipping.
    pub shipping: Option<NamedRate>,
}

/// How an order is taxed. By default not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taxes {
    /// At which rates.
    pub quote: TaxQuote,
    /// Prices include the tax.
    pub included: bool,
    /// How it is rounded.
    pub rounding: TaxRounding,
}

/// The rates that the shop itself keeps for what is bought, of (variant, tax class).
///
/// The rate of a region takes the place of that of its whole country. Shipping is taxed at a rate that applies to it:
/// that of the standard class, else the highest.
#[must_use]
pub fn own_rates<'a>(
    rates: &[TaxRate],
    address: &Address,
    lines: impl IntoIterator<Item = (VariantId, &'a str)>,
) -> TaxQuote {
    let region = region_key(region_code(address).as_deref());
    let rate_of = |class: &str| {
        let here = |rate: &&TaxRate| rate.tax_class == class && rate.country == address.country;
        let of_region = rates.iter().find(|rate| here(rate) && !region.is_empty() && rate.region_key == region);
        of_region.or_else(|| rates.iter().find(|rate| here(rate) && rate.region_key.is_empty()))
    };
    let named = |rate: &TaxRate| NamedRate {
        id: Some(rate.id),
        version: rate.version,
        name: rate.name.clone(),
        rate: rate.rate,
    };
    let lines = lines.into_iter().filter_map(|(variant, class)| Some((variant, named(rate_of(class)?)))).collect();
    let standard = rate_of(STANDARD_TAX_CLASS).filter(|rate| rate.applies_to_shipping);
    let shipping = standard.or_else(|| {
        let ships = rates.iter().filter(|rate| rate.applies_to_shipping);
        let applying = ships.filter(|rate| rate_of(&rate.tax_class).is_some_and(|applying| applying.id == rate.id));
        applying.max_by_key(|rate| (rate.rate, std::cmp::Reverse(rate.id)))
    });
    TaxQuote { lines, shipping: shipping.map(named) }
}

/// Whether taxes differ by region where the address is, and it does not say in which one it is: its region must be a code
/// there, or whoever writes `New York` instead of `NY` would pay none.
#[must_use]
pub(crate) fn lacks_region(rates: &[TaxRate], address: &Address) -> bool {
    let by_region = rates.iter().any(|rate| rate.country == address.country && !rate.region_key.is_empty());
    by_region && region_code(address).is_none()
}

fn region_code(address: &Address) -> Option<String> {
    address.region.as_deref().and_then(|region| subdivision(&address.country, region))
}

/// What all taxes come to.
pub(super) struct Taxed {
    /// Of each line.
    pub(super) lines: Vec<Amount>,
    /// Of the shipping.
    pub(super) shipping: Amount,
    /// What each rate came to.
    pub(super) rates: Vec<UsedTaxRate>,
}

/// What one rate applies to: places among the lines (the shipping comes after the last), and what is taxed there.
struct Base<'a> {
    rate: &'a NamedRate,
    places: Vec<usize>,
    amounts: Vec<Amount>,
}

/// Taxes what is left of the lines and of the shipping.
pub(super) fn apply(basket: &Basket<'_>, nets: &[Amount], shipping: Amount, taxes: &Taxes) -> Taxed {
    let mut bases: Vec<Base<'_>> = Vec::new();
    let of_lines = basket.lines.iter().map(|line| taxes.quote.lines.get(&line.variant_id));
    let of_shipping = taxes.quote.shipping.as_ref().filter(|_| basket.shipping.is_some());
    let amounts = nets.iter().copied().chain([shipping]);
    for (place, (rate, amount)) in of_lines.chain([of_shipping]).zip(amounts).enumerate() {
        let Some(rate) = rate else { continue };
        if let Some(base) = bases.iter_mut().find(|base| base.rate == rate) {
            base.places.push(place);
            base.amounts.push(amount);
        } else {
            bases.push(Base { rate, places: vec![place], amounts: vec![amount] });
        }
    }
    let mut parts = vec![Amount::ZERO; basket.lines.len() + 1];
    let mut rates = Vec::with_capacity(bases.len());
    for Base { rate, places, amounts } in bases {
        let whole = sum(amounts.iter().copied());
        let tax = |amount| if taxes.included { rate.rate.contained_in(amount) } else { rate.rate.of(amount) };
        let shares = match taxes.rounding {
            TaxRounding::Line => amounts.into_iter().map(tax).collect(),
            TaxRounding::Order => share(tax(whole), &amounts),
        };
        rates.push(UsedTaxRate {
            tax_rate_id: rate.id,
            version: rate.version,
            name: rate.name.clone(),
            rate: rate.rate,
            base: whole,
            amount: sum(shares.iter().copied()),
        });
        for (place, tax) in places.into_iter().zip(shares) {
            if let Some(part) = parts.get_mut(place) {
                *part = tax;
            }
        }
    }
    let shipping = parts.pop().unwrap_or_default();
    Taxed { lines: parts, shipping, rates }
}
