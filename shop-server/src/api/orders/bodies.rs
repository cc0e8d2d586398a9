//! Request and response bodies of orders.

mod bulk;
mod cancellations;
mod drafts;
mod lookup;
mod returns;
mod withdrawals;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use shop_core::orders::{self, HistoryEntry, Order, OrderItem, OrderView, PlaceOrder};
use shop_core::secret::Secret;
use shop_core::{Actor, Shop};
use uuid::Uuid;

use crate::api::payments::PaymentBody;
use crate::api::pricing::{AdjustmentBody, UsedTaxBody};
use crate::api::shipping::{AddressBody, AddressRequest, ShipmentBody};
use crate::field::{Money, Nullable, Optional, Required};

pub(super) use bulk::{CancelOrdersBody, CancelOrdersRequest};
pub(super) use cancellations::CancelItemsRequest;
pub(super) use drafts::{DraftBody, DraftChangeRequest, DraftRequest, NoteRequest};
pub(super) use lookup::{LookupBody, LookupRequest};
pub(super) use returns::{ReceiveReturnRequest, RejectReturnRequest, ReturnBody, ReturnRequest, ReturnStatus};
use withdrawals::WithdrawalBody;
pub(super) use withdrawals::{ReceiptBody, WithdrawalRequest};

/// What is needed to turn the cart into an order.
#[derive(Debug, Object)]
pub(super) struct OrderRequest {
    /// The shipping address; or use `shipping_address_id`.
    shipping_address: Optional<AddressRequest>,
    /// An entry of the caller's address book, instead of `shipping_address`.
    shipping_address_id: Optional<Uuid>,
    /// Defaults to the shipping address.
    billing_address: Nullable<AddressRequest>,
    /// The `id` of one of the cart's shipping options.
    shipping_method_id: Required<Uuid>,
    /// The `id` of a gateway.
    payment_gateway: Required<String>,
    /// Where e-mails about a guest's order go. Ignored for customers, whose account address is used.
    email: Optional<String>,
    /// The total that the buyer expects to pay; the order is refused if its total differs.
    expected_total: Optional<Money>,
    /// Currency of `expected_total` (ISO 4217). If given, it must be the currency of the shop.
    currency: Nullable<String>,
    /// At most 2,000 characters.
    note: Optional<String>,
}

impl From<OrderRequest> for PlaceOrder {
    fn from(request: OrderRequest) -> Self {
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

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
        #[oai(rename_all = "snake_case")]
        #[serde(rename_all = "snake_case")]
        pub(super) enum $name {
            $($variant,)+
        }

        impl From<orders::$name> for $name {
            fn from(status: orders::$name) -> Self {
                match status {
                    $(orders::$name::$variant => Self::$variant,)+
                }
            }
        }

        impl From<$name> for orders::$name {
            fn from(status: $name) -> Self {
                match status {
                    $($name::$variant => Self::$variant,)+
                }
            }
        }
    )+};
}

statuses! {
    /// The state of an order.
    OrderStatus { Placed, Completed, Canceled }
    /// The payment state of an order.
    PaymentStatus { NotPaid, Authorized, PartiallyPaid, Paid, PartiallyRefunded, Refunded, Voided }
    /// The shipping state of an order, derived from its shipments.
    FulfillmentStatus { Unfulfilled, PartiallyFulfilled, Fulfilled, PartiallyDelivered, Delivered }
}

/// An order, with lines, names, prices and addresses as they were when it was placed.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Order")]
pub(super) struct OrderBody {
    id: Uuid,
    /// A short number that people can say and type.
    number: String,
    /// Opens a guest's order when sent as `X-Order-Token`. Only in the response to the call that placed the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    email: String,
    customer_id: Option<Uuid>,
    currency: String,
    items: Vec<OrderItemBody>,
    subtotal: Money,
    discount_total: Money,
    shipping_total: Money,
    /// The part of `tax_total` that is for shipping.
    shipping_tax: Money,
    /// Tax rate of the shipping (`"0.0825"` is 8.25 %). Null if the shipping is untaxed or split over several rates, or
    /// if an earlier release did not record it.
    shipping_tax_rate: Option<Money>,
    /// Included in `total` if `prices_include_tax`, else added.
    tax_total: Money,
    /// The total when the order was placed.
    total: Money,
    /// The part of `total` that is no longer due because items were canceled, or came back unpaid.
    amount_canceled: Money,
    /// The amount still to be paid.
    amount_due: Money,
    prices_include_tax: bool,
    /// What makes the total differ from the subtotal.
    adjustments: Vec<AdjustmentBody>,
    /// The tax rates when the order was placed, with the tax at each rate.
    taxes: Vec<UsedTaxBody>,
    amount_paid: Money,
    amount_refunded: Money,
    shipping_address: AddressBody,
    billing_address: AddressBody,
    shipping_method: ShippingMethodBody,
    status: OrderStatus,
    payment_status: PaymentStatus,
    fulfillment_status: FulfillmentStatus,
    payments: Vec<PaymentBody>,
    shipments: Vec<ShipmentBody>,
    /// The buyer's withdrawals, oldest first.
    withdrawals: Vec<WithdrawalBody>,
    note: String,
    placed_at: DateTime<Utc>,
    canceled_at: Option<DateTime<Utc>>,
    version: i64,
}

/// One line of an order.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OrderItem")]
pub(super) struct OrderItemBody {
    id: Uuid,
    product_id: Uuid,
    variant_id: Uuid,
    sku: String,
    name: String,
    options: BTreeMap<String, String>,
    unit_price: Money,
    /// The quantity when the order was placed.
    quantity: i64,
    /// How many of `quantity` were canceled before they shipped.
    canceled_quantity: i64,
    /// The line's share of the discounts.
    discount: Money,
    /// The line's share of the taxes.
    tax: Money,
    /// The tax class of the variant; null if an earlier release did not record it.
    tax_class: Option<String>,
    /// Tax rate of the line (`"0.0825"` is 8.25 %). Null if the line is untaxed, or if an earlier release did not
    /// record it.
    tax_rate: Option<Money>,
    /// Amount after discount, excluding tax.
    net: Money,
    /// Amount before discount, and before tax that is added.
    line_total: Money,
}

/// The shipping method of an order, as it was when the order was placed.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OrderShippingMethod")]
pub(super) struct ShippingMethodBody {
    id: Uuid,
    name: String,
    price: Money,
}

impl OrderBody {
    /// An order as seen by staff or by its buyer.
    pub(super) fn new(view: OrderView, for_staff: bool) -> Self {
        let OrderView { order, payments, shipments } = view;
        let currency = order.currency;
        let money = |amount| Money::new(amount, currency);
        let items = order.items.iter().map(|item| OrderItemBody::new(&order, item)).collect();
        let shipping_tax_rate = order.shipping_tax_rate().map(|rate| Money(rate.to_string()));
        let (amount_canceled, amount_due) = (money(order.amount_canceled()), money(order.amount_due()));
        Self {
            id: order.id.0,
            number: order.number,
            access_token: None,
            email: order.email,
            customer_id: order.customer_id.map(|id| id.0),
            currency: currency.code().to_owned(),
            items,
            subtotal: money(order.subtotal),
            discount_total: money(order.discount_total),
            shipping_total: money(order.shipping_total),
            shipping_tax: money(order.shipping_tax),
            shipping_tax_rate,
            tax_total: money(order.tax_total),
            total: money(order.total),
            amount_canceled,
            amount_due,
            prices_include_tax: order.explanation.prices_include_tax,
            taxes: UsedTaxBody::all(&order.explanation, currency),
            adjustments: AdjustmentBody::all(order.explanation.adjustments, currency),
            amount_paid: money(order.amount_paid),
            amount_refunded: money(order.amount_refunded),
            shipping_address: order.shipping_address.into(),
            billing_address: order.billing_address.into(),
            shipping_method: ShippingMethodBody {
                id: order.shipping_method.id.0,
                name: order.shipping_method.name,
                price: money(order.shipping_method.price),
            },
            status: order.status.into(),
            payment_status: order.payment_status.into(),
            fulfillment_status: order.fulfillment_status.into(),
            payments: payments.into_iter().map(|payment| PaymentBody::new(payment, for_staff)).collect(),
            shipments: shipments.into_iter().map(ShipmentBody::from).collect(),
            withdrawals: order.withdrawals.into_iter().map(|one| WithdrawalBody::new(one, currency)).collect(),
            note: order.note,
            placed_at: order.placed_at,
            canceled_at: order.canceled_at,
            version: order.version,
        }
    }

    /// Like `new`, with the client secrets of the payments if the caller is the buyer.
    pub(super) fn seen_by(view: OrderView, caller: &Actor, shop: &Shop) -> Self {
        let is_buyer = view.order.is_bought_by(caller);
        let secret = |payment| shop.payments().client_secret(payment).filter(|_| is_buyer);
        let secrets: Vec<_> = view.payments.iter().map(secret).collect();
        let mut body = Self::new(view, caller.is_staff());
        let payments = std::mem::take(&mut body.payments).into_iter().zip(secrets);
        body.payments = payments.map(|(payment, secret)| payment.with_secret(secret)).collect();
        body
    }

    /// Adds the token that opens a guest's order.
    pub(super) fn with_token(self, token: Option<Secret>) -> Self {
        Self { access_token: token.map(|token| token.expose().to_owned()), ..self }
    }
}

impl OrderItemBody {
    fn new(order: &Order, item: &OrderItem) -> Self {
        let money = |amount| Money::new(amount, order.currency);
        Self {
            id: item.id.0,
            product_id: item.product_id.0,
            variant_id: item.variant_id.0,
            sku: item.sku.clone(),
            name: item.name.clone(),
            options: item.options.clone(),
            unit_price: money(item.unit_price),
            quantity: item.quantity,
            canceled_quantity: order.canceled_quantity(item.id),
            discount: money(item.discount),
            tax: money(item.tax),
            tax_class: item.tax_class.clone(),
            tax_rate: order.tax_rate(item).map(|rate| Money(rate.to_string())),
            net: money(order.net(item)),
            line_total: money(item.line_total),
        }
    }
}

/// An entry in the history of an order.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OrderHistoryEntry")]
pub(super) struct HistoryBody {
    at: DateTime<Utc>,
    /// A machine-readable event name: `placed`, `payment_captured`, `canceled`, ….
    event: String,
    /// Who caused the event: `customer`, `guest`, `staff`, `system` or `gateway`.
    actor: String,
    /// A sentence that describes the event.
    detail: String,
    /// False for entries that only staff see.
    visible_to_customer: bool,
}

impl From<HistoryEntry> for HistoryBody {
    fn from(entry: HistoryEntry) -> Self {
        Self {
            at: entry.at,
            event: entry.event,
            actor: entry.actor,
            detail: entry.detail,
            visible_to_customer: entry.visible,
        }
    }
}
