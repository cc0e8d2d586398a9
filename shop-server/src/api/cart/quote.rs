//! Quotes: the price of an order that is not placed yet.

use std::collections::BTreeMap;

use shop_core::money::Currency;
use shop_core::orders::{OrderItem, OrderQuote, PlaceOrder};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::api::pricing::{AdjustmentBody, UsedTaxBody};
use crate::api::shipping::KnownAddressRequest;
use crate::field::Money;

requests! {
    /// What is known so far of an order: the body of `POST /orders/` with every field optional.
    QuoteRequest => PlaceOrder {
        /// What is known of the shipping address; or use `shipping_address_id`.
        shipping_address: Nullable<KnownAddressRequest>,
        /// An entry of the caller's address book, instead of `shipping_address`.
        shipping_address_id: Nullable<Uuid>,
        billing_address: Nullable<KnownAddressRequest>,
        /// The `id` of one of the cart's shipping options.
        shipping_method_id: Nullable<Uuid>,
        /// The `id` of a gateway.
        payment_gateway: Nullable<String>,
        /// The e-mail address of a guest.
        email: Nullable<String>,
        /// Ignored: the response says what the total is.
        expected_total: Nullable<Money>,
        /// Currency of `expected_total` (ISO 4217).
        currency: Nullable<String>,
        /// At most 2,000 characters.
        note: Nullable<String>,
    }
}

bodies! {
    /// The price of an order, computed from what is known of it.
    QuoteBody as "Quote" from(quote: OrderQuote) with {
        let currency = quote.currency;
        let money = |amount| Money::new(amount, currency);
        let taxes = UsedTaxBody::all(&quote.explanation, currency);
        let prices_include_tax = quote.explanation.prices_include_tax;
        let item = |item| QuoteItemBody::new(item, prices_include_tax, currency);
    } {
        currency: String,
        items: Vec<QuoteItemBody> = quote.items.into_iter().map(item).collect(),
        subtotal: Money = money(quote.subtotal),
        discount_total: Money = money(quote.discount_total),
        /// Zero until the method and the country are known.
        shipping_total: Money = money(quote.shipping_total),
        /// The part of `tax_total` that is for shipping.
        shipping_tax: Money = money(quote.shipping_tax),
        /// Zero until the country is known. Included in `total` if `prices_include_tax`, else added.
        tax_total: Money = money(quote.tax_total),
        /// If nothing is missing, the `expected_total` of the order. Rounded for the gateway once that is known.
        total: Money = money(quote.total),
        prices_include_tax: bool = prices_include_tax,
        /// The tax rates, with the tax at each rate.
        taxes: Vec<UsedTaxBody> = taxes,
        /// What makes the total differ from the subtotal.
        adjustments: Vec<AdjustmentBody> = AdjustmentBody::all(quote.explanation.adjustments, currency),
        /// The paths of the fields that an order would still need (`shipping_address.city`).
        missing: Vec<String>,
    }

    /// One line of a quote.
    QuoteItemBody as "QuoteItem" new(item: OrderItem, prices_include_tax: bool, currency: Currency) with {
        let money = |amount| Money::new(amount, currency);
        let net = item.net(prices_include_tax);
    } {
        product_id: Uuid,
        variant_id: Uuid,
        sku: String,
        name: String,
        options: BTreeMap<String, String>,
        unit_price: Money = money(item.unit_price),
        quantity: i64,
        /// The line's share of the discounts.
        discount: Money = money(item.discount),
        /// The line's share of the taxes.
        tax: Money = money(item.tax),
        tax_class: Option<String>,
        /// Tax rate of the line (`"0.0825"` is 8.25 %); null if it is untaxed.
        tax_rate: Option<Money>,
        /// Amount after discount, excluding tax.
        net: Money = money(net),
        /// Amount before discount, and before tax that is added.
        line_total: Money = money(item.line_total),
    }
}
