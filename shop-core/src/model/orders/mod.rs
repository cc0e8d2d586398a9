//! Orders, frozen when they are placed.

mod cancellations;
mod drafts;
mod mails;
mod returns;
mod search;
mod withdrawals;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{CartId, HistoryId, MethodId, OrderId, OrderItemId, ProductId, UserId, VariantId};
use crate::model::pricing::{Customer, Explanation};
use crate::model::shipping::Address;
use crate::money::{Amount, Currency, Ratio};
use crate::page::{Sort, SortKey};
use crate::row::Row;
use crate::string_enum::string_enums;

pub use cancellations::CanceledItem;
pub use drafts::{Draft, DraftItem, DraftSort, PriceOverride};
pub use mails::{MailedItem, OrderMail, OrderNews};
pub use returns::{Return, ReturnFilter, ReturnItem, ReturnSort, ReturnStatus};
pub use search::search_text;
pub use withdrawals::{Withdrawal, WithdrawalReceipt};

/// The status of an order. Payments and shipments have their own statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Placed and in progress.
    Placed,
    /// Paid and fully delivered.
    Completed,
    /// Canceled: nothing was shipped, or everything shipped was returned unpaid.
    Canceled,
}

/// The payment status of an order, derived from its payments by
/// [`payment_status`](crate::orders::operations::payment_status).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Nothing is captured, and less than the payable amount is authorized.
    NotPaid,
    /// The payable amount is authorized: reserved at the payer's bank.
    Authorized,
    /// Less than the payable amount was captured.
    PartiallyPaid,
    /// The payable amount was captured.
    Paid,
    /// Some of the captured money was refunded; refunds for canceled items alone do not count.
    PartiallyRefunded,
    /// All captured money was refunded.
    Refunded,
    /// The order was canceled before money was captured.
    Voided,
}

/// The shipping status of an order, derived from its shipments by
/// [`fulfillment_status`](crate::orders::operations::fulfillment_status).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FulfillmentStatus {
    /// No unit has shipped.
    Unfulfilled,
    /// Some units have shipped.
    PartiallyFulfilled,
    /// All units have shipped.
    Fulfilled,
    /// Some units have been delivered.
    PartiallyDelivered,
    /// All units have been delivered.
    Delivered,
}

/// An order with its lines. The lines never change after placement.
///
/// # Writes
/// An insert writes the lines too; an update never changes them. An order is never deleted. Unique keys, in this order:
/// [`Unique::OrderNumber`](crate::batch::Unique::OrderNumber),
/// [`Unique::OrderOfCart`](crate::batch::Unique::OrderOfCart).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Row)]
#[row(table = "orders", entity = Order, derived(search_text: String))]
#[row(unique(OrderNumber: number))]
#[row(unique(OrderOfCart: cart_id))]
pub struct Order {
    /// Unique id. A guest's access token is derived from it ([`crate::secret::Keys::order_token`]).
    pub id: OrderId,
    /// The order number shown to users: short, unguessable and easy to say; unique. See
    /// [`draw_number`](crate::orders::operations::draw_number).
    pub number: String,
    /// The cart it came from. Unique, so a cart becomes at most one order.
    pub cart_id: CartId,
    /// The customer's account; `None` for a guest's order.
    pub customer_id: Option<UserId>,
    /// When a guest's order was claimed by an account that proved its e-mail address. The guest's token still opens it.
    #[serde(default)]
    pub claimed_at: Option<Timestamp>,
    /// E-mail address for notifications, as entered.
    pub email: String,
    /// The normalized e-mail address, for lookups.
    pub email_key: String,
    /// The currency of every amount in the order.
    pub currency: Currency,
    /// The order lines, as placed.
    #[row(children)]
    pub items: Vec<OrderItem>,
    /// Sum of the line totals before discounts.
    pub subtotal: Amount,
    /// Sum of the line discounts.
    pub discount_total: Amount,
    /// Shipping price after free shipping.
    pub shipping_total: Amount,
    /// Tax contained in or added to the shipping price.
    pub shipping_tax: Amount,
    /// Sum of all taxes: contained in the other amounts if prices include tax, else added to them.
    pub tax_total: Amount,
    /// Amount to pay when the order was placed. Never changes.
    pub total: Amount,
    /// How the total came about: the promotions and tax rates at that time. Never changes.
    #[row(json)]
    pub explanation: Explanation,
    /// Units canceled since, at most two entries per line; see [`Order::amount_payable`].
    #[serde(default)]
    #[row(json)]
    pub canceled_items: Vec<CanceledItem>,
    /// The buyer's withdrawals, oldest first.
    #[serde(default)]
    #[row(json)]
    pub withdrawals: Vec<Withdrawal>,
    /// Total captured, over all payments.
    pub amount_paid: Amount,
    /// Total refunded, over all payments.
    pub amount_refunded: Amount,
    /// The delivery address.
    #[row(json)]
    pub shipping_address: Address,
    /// The billing address; equals the shipping address if none was given.
    #[row(json)]
    pub billing_address: Address,
    /// The shipping method at that time.
    #[row(json)]
    pub shipping_method: ShippingMethodSnapshot,
    /// Progress of the order.
    pub status: OrderStatus,
    /// Status of the payments.
    pub payment_status: PaymentStatus,
    /// Status of the shipments.
    pub fulfillment_status: FulfillmentStatus,
    /// The buyer's note.
    pub note: String,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When it was canceled.
    pub canceled_at: Option<Timestamp>,
    /// Until when it waits for a payment and holds stock; `None` if it does not wait, or waits without limit.
    pub hold_until: Option<Timestamp>,
    /// Whether it may ship before it is paid: cash on delivery, or payment outside the shop.
    #[serde(default)]
    pub ships_unpaid: bool,
    /// Time of the last change, taken from the ids drawn for it
    /// ([`DecisionContext::draws_at`](crate::clock::DecisionContext::draws_at)), so that it grows with every change
    /// even if server clocks differ.
    #[serde(default)]
    pub updated_at: Timestamp,
    /// Number of the row's current version. Every batch that changes the order, its payments or its shipments
    /// increments it.
    pub version: i64,
}

impl Order {
    /// The account or guest that the order belongs to.
    #[must_use]
    pub fn buyer(&self) -> Customer {
        self.customer_id.map_or_else(|| Customer::Guest(self.email_key.clone()), Customer::User)
    }

    /// The buyer whose promotion uses and unpaid orders this order counts towards: whoever placed it. A claimed guest
    /// order still counts towards the guest, since guests can enter anybody's e-mail address.
    #[must_use]
    pub fn counted_of(&self) -> Customer {
        let placed_by = self.customer_id.filter(|_| self.claimed_at.is_none());
        placed_by.map_or_else(|| Customer::Guest(self.email_key.clone()), Customer::User)
    }

    /// Whether an access token opens it: true for orders placed by guests.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.customer_id.is_none() || self.claimed_at.is_some()
    }

    /// Whether it waits for its payment; false once it is canceled or completed.
    #[must_use]
    pub fn is_unpaid(&self) -> bool {
        self.payment_status == PaymentStatus::NotPaid
    }

    /// The line total after discount, including tax.
    ///
    /// # Errors
    /// A fault if it exceeds the range of an `i64`.
    pub fn charged(&self, item: &OrderItem) -> Result<Amount> {
        let net = item.line_total.minus(item.discount)?;
        if self.explanation.prices_include_tax { Ok(net) } else { net.plus(item.tax) }
    }

    /// The line total after discount, without tax. Saturates, but amounts of a placed line are far from that.
    #[must_use]
    pub fn net(&self, item: &OrderItem) -> Amount {
        item.net(self.explanation.prices_include_tax)
    }

    /// The line's tax rate; `None` if it was not taxed or the rate is unknown. Earlier releases did not store it; for
    /// their orders, it is the order's only rate, if there is just one.
    #[must_use]
    pub fn tax_rate(&self, item: &OrderItem) -> Option<Ratio> {
        match item.tax_class {
            Some(_) => item.tax_rate,
            None => self.explanation.only_rate().filter(|_| item.tax > Amount::ZERO),
        }
    }

    /// The tax rate of the shipping; `None` if it was not taxed, was split over several rates, or the rate is unknown,
    /// as for [lines](Order::tax_rate).
    #[must_use]
    pub fn shipping_tax_rate(&self) -> Option<Ratio> {
        let mut taxes = self.explanation.taxes.iter().filter(|tax| tax.shipping.is_some());
        match (taxes.next(), taxes.next()) {
            (Some(only), None) => Some(only.rate),
            (Some(_), Some(_)) => None,
            (None, _) => self.explanation.only_rate().filter(|_| self.shipping_tax > Amount::ZERO),
        }
    }

    /// The shipping price including tax.
    ///
    /// # Errors
    /// A fault if it exceeds the range of an `i64`.
    pub fn shipping_charged(&self) -> Result<Amount> {
        if self.explanation.prices_include_tax {
            Ok(self.shipping_total)
        } else {
            self.shipping_total.plus(self.shipping_tax)
        }
    }
}

/// An order line: a snapshot that later catalog changes do not affect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "order_items", child_of = order_id, position, key(order_id, position))]
pub struct OrderItem {
    /// Unique id.
    pub id: OrderItemId,
    /// The ordered product.
    pub product_id: ProductId,
    /// The ordered variant.
    pub variant_id: VariantId,
    /// The SKU at that time.
    pub sku: String,
    /// The product name at that time.
    pub name: String,
    /// The variant's options at that time.
    #[row(json)]
    pub options: BTreeMap<String, String>,
    /// Price of one unit at that time.
    pub unit_price: Amount,
    /// Number of units.
    pub quantity: i64,
    /// This line's share of the discounts, at most `line_total`.
    pub discount: Amount,
    /// This line's tax: contained in `line_total` less `discount`, or added to it
    /// ([`Explanation::prices_include_tax`]).
    pub tax: Amount,
    /// The variant's tax class at that time; `None` in orders of earlier releases.
    #[serde(default)]
    pub tax_class: Option<String>,
    /// The rate of `tax`; `None` if the line was not taxed, and in orders of earlier releases ([`Order::tax_rate`]).
    #[serde(default)]
    pub tax_rate: Option<Ratio>,
    /// `unit_price` times `quantity`, before discount and tax.
    pub line_total: Amount,
}

impl OrderItem {
    /// The line total after discount, without tax. Saturates, but amounts of a placed line are far from that.
    #[must_use]
    pub fn net(&self, prices_include_tax: bool) -> Amount {
        let contained = if prices_include_tax { self.tax } else { Amount::ZERO };
        Amount(self.line_total.0.saturating_sub(self.discount.0).saturating_sub(contained.0))
    }
}

/// The shipping method of an order, frozen at placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingMethodSnapshot {
    /// The chosen method.
    pub id: MethodId,
    /// Its name at that time.
    pub name: String,
    /// Shipping price quoted for this order.
    pub price: Amount,
    /// Price of the cheapest method that could have shipped the cart there; `None` in orders of earlier releases.
    #[serde(default)]
    pub cheapest: Option<Amount>,
    /// Its carrier at that time.
    pub carrier: Option<String>,
}

/// An entry of an order's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "order_history")]
pub struct HistoryEntry {
    /// Unique id; sorts by time.
    pub id: HistoryId,
    /// The order that the entry belongs to.
    pub order_id: OrderId,
    /// When it happened.
    pub at: Timestamp,
    /// Machine-readable event: `placed`, `payment_captured`, `shipment_shipped`, `canceled`, ….
    pub event: String,
    /// Who caused it: `customer`, `guest`, `staff`, `system` or `gateway`.
    pub actor: String,
    /// A sentence for users.
    pub detail: String,
    /// False for entries that only staff see: their own notes, and things that need their attention.
    pub visible: bool,
}

/// Filter for orders; absent fields match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only orders of this customer.
    pub customer_id: Option<UserId>,
    /// Only orders with this status.
    pub status: Option<OrderStatus>,
    /// Only orders with this payment status.
    pub payment_status: Option<PaymentStatus>,
    /// Only orders with this fulfillment status.
    pub fulfillment_status: Option<FulfillmentStatus>,
    /// Only orders with this normalized e-mail address.
    pub email_key: Option<String>,
    /// Only the order with this number.
    pub number: Option<String>,
    /// Only orders whose [`Order::search_text`] contains each of these [terms](crate::text::search_terms).
    pub search: Vec<String>,
    /// Only orders placed at or after this time.
    pub placed_after: Option<Timestamp>,
    /// Only orders placed at or before this time.
    pub placed_before: Option<Timestamp>,
}

impl OrderFilter {
    /// True if it uses only the fields by which stores keep counts: the three statuses. A new field needs a decision here, and else a
    /// list would show the count of more rows than it has.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        let Self {
            customer_id,
            status: _,
            payment_status: _,
            fulfillment_status: _,
            email_key,
            number,
            search,
            placed_after,
            placed_before,
        } = self;
        customer_id.is_none()
            && email_key.is_none()
            && number.is_none()
            && search.is_empty()
            && placed_after.is_none()
            && placed_before.is_none()
    }
}

/// Sort keys of a list of orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderSort {
    /// By [`Order::placed_at`].
    PlacedAt,
    /// By [`Order::total`].
    Total,
}

impl SortKey for OrderSort {
    fn name(self) -> &'static str {
        match self {
            Self::PlacedAt => "placed_at",
            Self::Total => "total",
        }
    }
    fn all() -> &'static [Self] {
        &[Self::PlacedAt, Self::Total]
    }
    fn default_order() -> Vec<Sort<Self>> {
        vec![Sort { key: Self::PlacedAt, descending: true }]
    }
}

string_enums! {
    OrderStatus { Placed => "placed", Completed => "completed", Canceled => "canceled" }
    PaymentStatus {
        NotPaid => "not_paid", Authorized => "authorized", PartiallyPaid => "partially_paid", Paid => "paid",
        PartiallyRefunded => "partially_refunded", Refunded => "refunded", Voided => "voided",
    }
    FulfillmentStatus {
        Unfulfilled => "unfulfilled", PartiallyFulfilled => "partially_fulfilled", Fulfilled => "fulfilled",
        PartiallyDelivered => "partially_delivered", Delivered => "delivered",
    }
}
