//! Quotes an order before it is placed.

use super::place::{Placement, PricedItems, PricingInput, place, price_items};
use crate::cart::CartContents;
use crate::clock::{DecisionContext, Timestamp};
use crate::error::Result;
use crate::gateway::PaymentGateway;
use crate::model::cart::Cart;
use crate::model::pricing::PriceRules;
use crate::model::shipping::Address;
use crate::money::Amount;
use crate::orders::OrderQuote;
use crate::orders::input::REGION;
use crate::pricing::Taxes;
use crate::shipping::operations::Quote;
use crate::validate::Email;

/// The known parts of an order that may be incomplete; `None` for missing ones. See [`Placement`] for the fields.
pub(in crate::orders) struct Checkout<'a> {
    pub(in crate::orders) cart: Cart,
    pub(in crate::orders) contents: CartContents,
    pub(in crate::orders) quote: Option<Quote>,
    pub(in crate::orders) cheapest_shipping: Amount,
    pub(in crate::orders) rules: PriceRules,
    pub(in crate::orders) taxes: Taxes,
    pub(in crate::orders) shipping_address: Option<Address>,
    pub(in crate::orders) billing_address: Option<Address>,
    pub(in crate::orders) email: Option<Email>,
    pub(in crate::orders) gateway: Option<&'a dyn PaymentGateway>,
    pub(in crate::orders) max_unpaid: Option<u32>,
    pub(in crate::orders) hold_until: Option<Timestamp>,
    pub(in crate::orders) expected_total: Option<Amount>,
    pub(in crate::orders) note: String,
    pub(in crate::orders) role: &'static str,
    /// The fields that the order still needs.
    pub(in crate::orders) missing: Vec<String>,
}

impl<'a> Checkout<'a> {
    /// The placement, if nothing is missing.
    pub(in crate::orders) fn complete(self) -> std::result::Result<Placement<'a>, Box<Self>> {
        if !self.missing.is_empty() {
            return Err(Box::new(self));
        }
        let Self {
            shipping_address: Some(address),
            quote: Some(quote),
            email: Some(email),
            gateway: Some(gateway),
            ..
        } = self
        else {
            return Err(Box::new(self));
        };
        Ok(Placement {
            billing_address: self.billing_address.unwrap_or_else(|| address.clone()),
            shipping_address: address,
            cart: self.cart,
            contents: self.contents,
            quote,
            cheapest_shipping: self.cheapest_shipping,
            rules: self.rules,
            taxes: self.taxes,
            email,
            gateway,
            max_unpaid: self.max_unpaid,
            hold_until: self.hold_until,
            expected_total: self.expected_total,
            note: self.note,
            role: self.role,
        })
    }
}

/// Quotes an order, as far as it is known. Makes the same decision as [`place`]; if nothing is missing, calls [`place`]
/// itself, so that whatever refuses the order also refuses the quote.
///
/// # Errors
/// As [`place`].
pub(in crate::orders) fn quote_order(checkout: Checkout<'_>, context: &mut DecisionContext) -> Result<OrderQuote> {
    match checkout.complete() {
        Ok(placement) => place(placement, context).map(|decision| OrderQuote::of(decision.reply.order)),
        Err(checkout) => {
            let Checkout { cart, contents, quote, rules, taxes, gateway, missing, .. } = *checkout;
            // Check gateway limits only once shipping and region are known: until then, the total can still change.
            let is_priced = quote.is_some() && !missing.iter().any(|field| field == REGION);
            let gateway = gateway.filter(|_| is_priced);
            let pricing_input = PricingInput {
                cart: &cart,
                contents: &contents,
                quote: quote.as_ref(),
                rules: &rules,
                taxes: &taxes,
                gateway,
            };
            let PricedItems { items, priced, .. } = price_items(&pricing_input, context)?;
            Ok(OrderQuote {
                currency: cart.currency,
                items,
                subtotal: priced.subtotal,
                discount_total: priced.discount_total,
                shipping_total: priced.shipping_total,
                shipping_tax: priced.shipping_tax,
                tax_total: priced.tax_total,
                total: priced.total,
                explanation: priced.explanation,
                missing,
            })
        }
    }
}
