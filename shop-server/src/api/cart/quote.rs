//! Quotes: the price of an order that is not placed yet.

use std::collections::BTreeMap;

use poem_openapi::Object;
use serde::Serialize;
use shop_core::money::Currency;
use shop_core::orders::{OrderItem, OrderQuote, PlaceOrder};
use uuid::Uuid;

use crate::api::pricing::{AdjustmentBody, UsedTaxBody};
use crate::api::shipping::KnownAddressRequest;
use crate::field::{Money, Nullable};

/// What is known so far of an order: the body of `POST /orders/` with every field optional.
#[derive(Debug, Object)]
pub(super) struct QuoteRequest {
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

impl From<QuoteRequest> for PlaceOrder {
    fn from(request: QuoteRequest) -> Self {
        Self {
            shipping_address: request.shipping_address.into_field(),
            shipping_address_id: request.shipping_address_id.into_field(),
            billing_address: request.billing_address.into_field(),
            shipping_method_id: request.shipping_method_id.into_field(),
            payment_gateway: request.payment_gateway.into(),
            email: request.email.into(),
            expected_total: request.expected_total.into_field(),
            currency: request.currency.into(),
            note: request.note.into(),
        }
    }
}

/// The price of an order, computed from what is known of it.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Quote")]
pub(super) struct QuoteBody {
    currency: String,
    items: Vec<QuoteItemBody>,
    subtotal: Money,
    discount_total: Money,
    /// Zero until the method and the country are known.
    shipping_total: Money,
    /// The part of `tax_total` that is for shipping.
    shipping_tax: Money,
    /// Zero until the country is known. Included in `total` if `prices_include_tax`, else added.
    tax_total: Money,
    /// If nothing is missing, the `expected_total` of the order. Rounded for the gateway once that is known.
    total: Money,
    prices_include_tax: bool,
    /// The tax rates, with the tax at each rate.
    taxes: Vec<UsedTaxBody>,
    /// What makes the total differ from the subtotal.
    adjustments: Vec<AdjustmentBody>,
    /// The paths of the fields that an order would still need (`shipping_address.city`).
    missing: Vec<String>,
}

/// One line of a quote.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "QuoteItem")]
pub(super) struct QuoteItemBody {
    product_id: Uuid,
    variant_id: Uuid,
    sku: String,
    name: String,
    options: BTreeMap<String, String>,
    unit_price: Money,
    quantity: i64,
    /// The line's share of the discounts.
    discount: Money,
    /// The line's share of the taxes.
    tax: Money,
    tax_class: Option<String>,
    /// Tax rate of the line (`"0.0825"` is 8.25 %); null if it is untaxed.
    tax_rate: Option<Money>,
    /// Amount after discount, excluding tax.
    net: Money,
    /// Amount before discount, and before tax that is added.
    line_total: Money,
}

impl From<OrderQuote> for QuoteBody {
    fn from(quote: OrderQuote) -> Self {
        let currency = quote.currency;
        let money = |amount| Money::new(amount, currency);
        let prices_include_tax = quote.explanation.prices_include_tax;
        let item = |item: OrderItem| QuoteItemBody::new(item, prices_include_tax, currency);
        Self {
            currency: currency.code().to_owned(),
            items: quote.items.into_iter().map(item).collect(),
            subtotal: money(quote.subtotal),
            discount_total: money(quote.discount_total),
            shipping_total: money(quote.shipping_total),
            shipping_tax: money(quote.shipping_tax),
            tax_total: money(quote.tax_total),
            total: money(quote.total),
            prices_include_tax,
            taxes: UsedTaxBody::all(&quote.explanation, currency),
            adjustments: AdjustmentBody::all(quote.explanation.adjustments, currency),
            missing: quote.missing,
        }
    }
}

impl QuoteItemBody {
    fn new(item: OrderItem, prices_include_tax: bool, currency: Currency) -> Self {
        let money = |amount| Money::new(amount, currency);
        Self {
            product_id: item.product_id.0,
            variant_id: item.variant_id.0,
            unit_price: money(item.unit_price),
            quantity: item.quantity,
            discount: money(item.discount),
            tax: money(item.tax),
            tax_rate: item.tax_rate.map(|rate| Money(rate.to_string())),
            net: money(item.net(prices_include_tax)),
            line_total: money(item.line_total),
            tax_class: item.tax_class,
            sku: item.sku,
            name: item.name,
            options: item.options,
        }
    }
}
