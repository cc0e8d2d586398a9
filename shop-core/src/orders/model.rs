//! Orders: what was agreed, frozen at the moment it was agreed.

mod cancellations;
mod drafts;
mod returns;
mod withdrawals;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalog::Customer;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{CartId, HistoryId, MethodId, OrderId, OrderItemId, ProductId, UserId, VariantId};
use crate::money::{Amount, Currency};
use crate::page::{Sort, SortKey};
use crate::pricing::{Explanation, Ratio};
use crate::row::Row;
use crate::shipping::Address;
use crate::word::words;

pub use cancellations::CanceledItem;
pub use drafts::{Draft, DraftItem, DraftSort, PriceOverride};
pub use returns::{Return, ReturnFilter, ReturnItem, ReturnSort, ReturnStatus};
pub use withdrawals::{Withdrawal, WithdrawalReceipt};

/// What became of an order. Money and parcels are never states of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Agreed, in progress.
    Placed,
    /// Paid and all delivered.
    Completed,
    /// Called off before anything was shipped.
    Canceled,
}

/// Where the money of an order stands; derived from its payments by one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Nothing was authorized or captured.
    NotPaid,
    /// The total is reserved at the payer's bank.
    Authorized,
    /// Less than the total was captured.
    PartiallyPaid,
    /// The total was captured.
    Paid,
    /// Some of what was captured went back.
    PartiallyRefunded,
    /// All that was captured went back.
    Refunded,
    /// The order was canceled before money was captured.
    Voided,
}

/// Where the parcels of an order stand; derived from its shipments by one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FulfillmentStatus {
    /// Nothing has left.
    Unfulfilled,
    /// Something has left.
    PartiallyFulfilled,
    /// All has left.
    Fulfilled,
    /// Something has arrived.
    PartiallyDelivered,
    /// All has arrived.
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
    /// Identity; a guest's token is derived from it ([`crate::secret::Keys::order_token`]).
    pub id: OrderId,
    /// What people say and write: short, unguessable, speakable; unique. See
    /// [`draw_number`](crate::orders::operations::draw_number).
    pub number: String,
    /// The cart it came from; unique, so a cart becomes at most one order.
    pub cart_id: CartId,
    /// Whose; `None` for a guest's.
    pub customer_id: Option<UserId>,
    /// When a guest's order became that of an account that proved its address. The guest's token still opens it.
    #[serde(default)]
    pub claimed_at: Option<Timestamp>,
    /// Where news about it go, as typed.
    pub email: String,
    /// The address folded for finding it.
    pub email_key: String,
    /// The one currency of every amount in it.
    pub currency: Currency,
    /// Its lines.
    #[row(children)]
    pub items: Vec<OrderItem>,
    /// Sum of the lines before discounts.
    pub subtotal: Amount,
    /// Sum of the lines' discounts.
    pub discount_total: Amount,
    /// Price of the shipping.
    pub shipping_total: Amount,
    /// Tax contained in or added to the shipping.
    pub shipping_tax: Amount,
    /// Sum of all taxes: contained in the other amounts where prices include tax, else added to them.
    pub tax_total: Amount,
    /// What was to be paid when it was placed. Never changes.
    pub total: Amount,
    /// Why: the promotions and the rates of tax as they were then. Never changes.
    #[row(json)]
    pub explanation: Explanation,
    /// What of it was canceled since, at most two entries per line; see [`Order::amount_payable`].
    #[serde(default)]
    #[row(json)]
    pub canceled_items: Vec<CanceledItem>,
    /// What its buyer withdrew from since, the oldest first.
    #[serde(default)]
    #[row(json)]
    pub withdrawals: Vec<Withdrawal>,
    /// Captured so far, over all payments.
    pub amount_paid: Amount,
    /// Given back so far, over all payments.
    pub amount_refunded: Amount,
    /// Where it goes.
    #[row(json)]
    pub shipping_address: Address,
    /// Who pays; the shipping address when none was given.
    #[row(json)]
    pub billing_address: Address,
    /// How it goes, frozen.
    #[row(json)]
    pub shipping_method: ShippingMethodSnapshot,
    /// What became of it.
    pub status: OrderStatus,
    /// Where the money stands.
    pub payment_status: PaymentStatus,
    /// Where the parcels stand.
    pub fulfillment_status: FulfillmentStatus,
    /// The buyer's words.
    pub note: String,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When it was canceled.
    pub canceled_at: Option<Timestamp>,
    /// Until when it waits for a payment and holds stock; `None` when it waits for none, or for ever.
    pub hold_until: Option<Timestamp>,
    /// Its payment need not come before it ships: cash on delivery, or a payment outside the shop.
    #[serde(default)]
    pub ships_unpaid: bool,
    /// When it was changed last, as the ids that were drawn then say ([`Moment::draws_at`](crate::clock::Moment::draws_at)):
    /// later at each change, also when servers' clocks differ.
    #[serde(default)]
    pub updated_at: Timestamp,
    /// Counts the changes: every batch that touches the order, its payments or its parcels counts it up.
    pub version: i64,
}

impl Order {
    /// Who bought it.
    #[must_use]
    pub fn buyer(&self) -> Customer {
        self.customer_id.map_or_else(|| Customer::Guest(self.email_key.clone()), Customer::User)
    }

    /// Whom its uses of promotions, and that it waits for its payment, are counted of: who placed it. A guest's order is
    /// counted of the guest also when it is an account's by now, for guests can give anybody's address.
    #[must_use]
    pub fn counted_of(&self) -> Customer {
        let placed_by = self.customer_id.filter(|_| self.claimed_at.is_none());
        placed_by.map_or_else(|| Customer::Guest(self.email_key.clone()), Customer::User)
    }

    /// Whether a token opens it: that of the guest who placed it.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.customer_id.is_none() || self.claimed_at.is_some()
    }

    /// Whether it waits for its payment. (One that was canceled or completed does not.)
    #[must_use]
    pub fn is_unpaid(&self) -> bool {
        self.payment_status == PaymentStatus::NotPaid
    }

    /// What a line of it comes to, its discount and its tax considered.
    ///
    /// # Errors
    /// A fault when it leaves the range of an `i64`.
    pub fn charged(&self, item: &OrderItem) -> Result<Amount> {
        let net = item.line_total.minus(item.discount)?;
        if self.explanation.prices_include_tax { Ok(net) } else { net.plus(item.tax) }
    }

    /// What a line of it comes to without tax, its discount considered. Ends at the ends of an `i64`, which no line that was
    /// placed comes near.
    #[must_use]
    pub fn net(&self, item: &OrderItem) -> Amount {
        item.net(self.explanation.prices_include_tax)
    }

    /// At which percentage a line of it was taxed; `None` where it was not, or where that is not known: earlier releases did
    /// not keep it, so there it is what the order says of itself, if that leaves no doubt.
    #[must_use]
    pub fn tax_rate(&self, item: &OrderItem) -> Option<Ratio> {
        match item.tax_class {
            Some(_) => item.tax_rate,
            None => self.explanation.only_rate().filter(|_| item.tax > Amount::ZERO),
        }
    }

    /// At which percentage its shipping was taxed; `None` where it was not, where it was split over several, or where that is
    /// not known, as for [lines](Order::tax_rate).
    #[must_use]
    pub fn shipping_tax_rate(&self) -> Option<Ratio> {
        let mut taxes = self.explanation.taxes.iter().filter(|tax| tax.shipping.is_some());
        match (taxes.next(), taxes.next()) {
            (Some(only), None) => Some(only.rate),
            (Some(_), Some(_)) => None,
            (None, _) => self.explanation.only_rate().filter(|_| self.shipping_tax > Amount::ZERO),
        }
    }

    /// What its shipping comes to, its tax considered.
    ///
    /// # Errors
    /// A fault when it leaves the range of an `i64`.
    pub fn shipping_charged(&self) -> Result<Amount> {
        if self.explanation.prices_include_tax {
            Ok(self.shipping_total)
        } else {
            self.shipping_total.plus(self.shipping_tax)
        }
    }
}

/// A line of an order: a snapshot that no later change of the catalog touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "order_items", child_of = order_id, position, key(order_id, position))]
pub struct OrderItem {
    /// Identity.
    pub id: OrderItemId,
    /// The product it was.
    pub product_id: ProductId,
    /// The variant it was.
    pub variant_id: VariantId,
    /// Its sku then.
    pub sku: String,
    /// Its name then.
    pub name: String,
    /// Its options then.
    #[row(json)]
    pub options: BTreeMap<String, String>,
    /// Its price then.
    pub unit_price: Amount,
    /// How many.
    pub quantity: i64,
    /// This line's share of the discounts, at most `line_total`.
    pub discount: Amount,
    /// This line's tax: contained in `line_total` less `discount`, or added to it
    /// ([`Explanation::prices_include_tax`]).
    pub tax: Amount,
    /// The class of the variant then; `None` in orders of earlier releases.
    #[serde(default)]
    pub tax_class: Option<String>,
    /// The percentage of `tax`; `None` where it was not taxed, and in orders of earlier releases ([`Order::tax_rate`]).
    #[serde(default)]
    pub tax_rate: Option<Ratio>,
    /// `unit_price` times `quantity`, before discount and tax.
    pub line_total: Amount,
}

impl OrderItem {
    /// What it comes to without tax, its discount considered, where prices include tax or do not. Ends at the ends of an
    /// `i64`, which no line that was placed comes near.
    #[must_use]
    pub fn net(&self, prices_include_tax: bool) -> Amount {
        let contained = if prices_include_tax { self.tax } else { Amount::ZERO };
        Amount(self.line_total.0.saturating_sub(self.discount.0).saturating_sub(contained.0))
    }
}

/// How an order is shipped, frozen at placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippingMethodSnapshot {
    /// The method it was.
    pub id: MethodId,
    /// Its name then.
    pub name: String,
    /// What it cost this order.
    pub price: Amount,
    /// What the cheapest method would have cost that shipped the cart there then; `None` in orders of earlier releases.
    #[serde(default)]
    pub cheapest: Option<Amount>,
    /// Its carrier then.
    pub carrier: Option<String>,
}

/// An entry of an order's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "order_history")]
pub struct HistoryEntry {
    /// Identity; sorts by time.
    pub id: HistoryId,
    /// Of which order.
    pub order_id: OrderId,
    /// When.
    pub at: Timestamp,
    /// A machine word: `placed`, `payment_captured`, `shipment_shipped`, `canceled`, ….
    pub event: String,
    /// Who: `customer`, `guest`, `staff`, `system` or `gateway`.
    pub actor: String,
    /// A sentence.
    pub detail: String,
    /// False for what only staff see: their own notes, and what is for them to look at.
    pub visible: bool,
}

/// Which orders a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only this customer's.
    pub customer_id: Option<UserId>,
    /// Only this status.
    pub status: Option<OrderStatus>,
    /// Only this payment status.
    pub payment_status: Option<PaymentStatus>,
    /// Only this fulfillment status.
    pub fulfillment_status: Option<FulfillmentStatus>,
    /// Only with this folded address.
    pub email_key: Option<String>,
    /// Only with this number.
    pub number: Option<String>,
    /// Only those whose [`Order::search_text`] contains each of these [terms](crate::text::search_terms).
    pub search: Vec<String>,
    /// Placed at or after.
    pub placed_after: Option<Timestamp>,
    /// Placed before or at.
    pub placed_before: Option<Timestamp>,
}

/// By what a list of orders can be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderSort {
    /// When it was placed.
    PlacedAt,
    /// What is to be paid.
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

words! {
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
