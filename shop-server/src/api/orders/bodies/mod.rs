//! Request and response bodies of orders.

mod bulk;
mod drafts;
mod returns;
mod withdrawals;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;
use shop_core::money::Currency;
use shop_core::orders::{
    CancelItemsInput, FulfillmentStatus, HistoryEntry, LookupInput, Order, OrderItem, OrderStatus, OrderView,
    PaymentStatus, PlaceOrder, ShippingMethodSnapshot,
};
use shop_core::secret::Secret;
use shop_core::{Actor, Shop};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::api::payments::PaymentBody;
use crate::api::pricing::{AdjustmentBody, UsedTaxBody};
use crate::api::shipping::{AddressBody, AddressRequest, ShipmentBody, ShipmentItemRequest};
use crate::field::{Choice, Convert as _, Money};

pub(super) use bulk::{CancelOrdersBody, CancelOrdersRequest};
pub(super) use drafts::{DraftBody, DraftChangeRequest, DraftRequest, NoteRequest};
pub(super) use returns::{ReceiveReturnRequest, RejectReturnRequest, ReturnBody, ReturnRequest};
use withdrawals::WithdrawalBody;
pub(super) use withdrawals::{ReceiptBody, WithdrawalRequest};

requests! {
    /// What is needed to turn the cart into an order.
    OrderRequest => PlaceOrder {
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

    /// The items of an order to cancel.
    CancelItemsRequest => CancelItemsInput {
        /// Quantities by order line, each line once.
        items: Required<Vec<ShipmentItemRequest>>,
        /// At most 500 characters; shown to the buyer.
        reason: Optional<String>,
        /// Whether to refund what was paid for the items. Defaults to true.
        refund: Optional<bool>,
    }

    /// An order number, and the e-mail address that the order was placed with.
    #[oai(rename = "OrderLookupRequest")]
    LookupRequest => LookupInput {
        /// Case, spaces and hyphens are ignored.
        number: Required<String>,
        pub(super) email: Required<String>,
    }
}

/// The response to every lookup, whether the order exists or not.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OrderLookup")]
pub(super) struct LookupBody {
    /// A message for the user.
    detail: String,
}

impl LookupBody {
    pub(super) fn new() -> Self {
        Self { detail: "If there is such an order, a link to it was sent to its e-mail address.".to_owned() }
    }
}

bodies! {
    /// An order, with lines, names, prices and addresses as they were when it was placed.
    OrderBody as "Order" new(order: OrderView, for_staff: bool) with {
        let OrderView { order, payments, shipments } = order;
        let currency = order.currency;
        let money = |amount| Money::new(amount, currency);
        let items = order.items.iter().map(|item| OrderItemBody::new(item.clone(), &order)).collect();
        let shipping_tax_rate = order.shipping_tax_rate();
        let (amount_canceled, amount_due) = (order.amount_canceled(), order.amount_due());
        let taxes = UsedTaxBody::all(&order.explanation, currency);
        let withdrawal = |withdrawal| WithdrawalBody::new(withdrawal, currency);
    } {
        id: Uuid,
        /// A short number that people can say and type.
        number: String,
        /// Opens a guest's order when sent as `X-Order-Token`. Only in the response to the call that placed the order.
        #[serde(skip_serializing_if = "Option::is_none")]
        access_token: Option<String> = None,
        email: String,
        customer_id: Option<Uuid>,
        currency: String,
        items: Vec<OrderItemBody> = items,
        subtotal: Money = money(order.subtotal),
        discount_total: Money = money(order.discount_total),
        shipping_total: Money = money(order.shipping_total),
        /// The part of `tax_total` that is for shipping.
        shipping_tax: Money = money(order.shipping_tax),
        #[doc = "Tax rate of the shipping (`\"0.0825\"` is 8.25 %). Null if the shipping is untaxed or split over \
                 several rates, or"]
        /// if an earlier release did not record it.
        shipping_tax_rate: Option<Money> = shipping_tax_rate.convert(),
        /// Included in `total` if `prices_include_tax`, else added.
        tax_total: Money = money(order.tax_total),
        /// The total when the order was placed.
        total: Money = money(order.total),
        /// The part of `total` that is no longer due because items were canceled, or came back unpaid.
        amount_canceled: Money = money(amount_canceled),
        /// The amount still to be paid.
        amount_due: Money = money(amount_due),
        prices_include_tax: bool = order.explanation.prices_include_tax,
        /// What makes the total differ from the subtotal.
        adjustments: Vec<AdjustmentBody> = AdjustmentBody::all(order.explanation.adjustments, currency),
        /// The tax rates when the order was placed, with the tax at each rate.
        taxes: Vec<UsedTaxBody> = taxes,
        amount_paid: Money = money(order.amount_paid),
        amount_refunded: Money = money(order.amount_refunded),
        shipping_address: AddressBody,
        billing_address: AddressBody,
        shipping_method: ShippingMethodBody = ShippingMethodBody::new(order.shipping_method, currency),
        status: Choice<OrderStatus>,
        payment_status: Choice<PaymentStatus>,
        fulfillment_status: Choice<FulfillmentStatus>,
        payments: Vec<PaymentBody> = payments.into_iter().map(|one| PaymentBody::new(one, for_staff)).collect(),
        shipments: Vec<ShipmentBody> = shipments.convert(),
        /// The buyer's withdrawals, oldest first.
        withdrawals: Vec<WithdrawalBody> = order.withdrawals.into_iter().map(withdrawal).collect(),
        note: String,
        placed_at: DateTime<Utc>,
        canceled_at: Option<DateTime<Utc>>,
        version: i64,
    }

    /// One line of an order.
    OrderItemBody as "OrderItem" new(item: OrderItem, order: &Order) with {
        let money = |amount| Money::new(amount, order.currency);
        let (tax_rate, net) = (order.tax_rate(&item), order.net(&item));
    } {
        id: Uuid,
        product_id: Uuid,
        variant_id: Uuid,
        sku: String,
        name: String,
        options: BTreeMap<String, String>,
        unit_price: Money = money(item.unit_price),
        /// The quantity when the order was placed.
        quantity: i64,
        /// How many of `quantity` were canceled before they shipped.
        canceled_quantity: i64 = order.canceled_quantity(item.id),
        /// The line's share of the discounts.
        discount: Money = money(item.discount),
        /// The line's share of the taxes.
        tax: Money = money(item.tax),
        /// The tax class of the variant; null if an earlier release did not record it.
        tax_class: Option<String>,
        /// Tax rate of the line (`"0.0825"` is 8.25 %). Null if the line is untaxed, or if an earlier release did not
        /// record it.
        tax_rate: Option<Money> = tax_rate.convert(),
        /// Amount after discount, excluding tax.
        net: Money = money(net),
        /// Amount before discount, and before tax that is added.
        line_total: Money = money(item.line_total),
    }

    /// The shipping method of an order, as it was when the order was placed.
    ShippingMethodBody as "OrderShippingMethod" new(method: ShippingMethodSnapshot, currency: Currency) {
        id: Uuid,
        name: String,
        price: Money = Money::new(method.price, currency),
    }

    /// An entry in the history of an order.
    HistoryBody as "OrderHistoryEntry" from(entry: HistoryEntry) {
        at: DateTime<Utc>,
        /// A machine-readable event name: `placed`, `payment_captured`, `canceled`, ….
        event: String,
        /// Who caused the event: `customer`, `guest`, `staff`, `system` or `gateway`.
        actor: String,
        /// A sentence that describes the event.
        detail: String,
        /// False for entries that only staff see.
        visible_to_customer: bool = entry.visible,
    }
}

impl OrderBody {
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
