//! Orders with their lines, and their timeline.

use shop_core::batch::{Change, Unique};
use shop_core::orders::{Draft, HistoryEntry, Order, OrdersWrite, Return};

use super::part::Part;
use super::plain::{Applied, Plain};
use super::table::{Record, Table};
use super::value::{Kind, Row};
use shop_core::word::Word as _;

pub(super) static ORDERS: Table = Table {
    name: "orders",
    columns: &[
        ("id", Kind::Id),
        ("number", Kind::Text),
        ("cart_id", Kind::Id),
        ("customer_id", Kind::Id),
        ("claimed_at", Kind::Time),
        ("email", Kind::Text),
        ("email_key", Kind::Text),
        ("currency", Kind::Text),
        ("subtotal", Kind::Int),
        ("discount_total", Kind::Int),
        ("shipping_total", Kind::Int),
        ("shipping_tax", Kind::Int),
        ("tax_total", Kind::Int),
        ("total", Kind::Int),
        ("explanation", Kind::Json),
        ("canceled_items", Kind::Json),
        ("withdrawals", Kind::Json),
        ("amount_paid", Kind::Int),
        ("amount_refunded", Kind::Int),
        ("shipping_address", Kind::Json),
        ("billing_address", Kind::Json),
        ("shipping_method", Kind::Json),
        ("status", Kind::Text),
        ("payment_status", Kind::Text),
        ("fulfillment_status", Kind::Text),
        ("note", Kind::Text),
        ("placed_at", Kind::Time),
        ("canceled_at", Kind::Time),
        ("hold_until", Kind::Time),
        ("ships_unpaid", Kind::Flag),
        ("updated_at", Kind::Time),
        ("version", Kind::Int),
        ("search_text", Kind::Text),
    ],
    key: 1,
    uniques: &[(Unique::OrderNumber, "old.number = new.number"), (Unique::OrderOfCart, "old.cart_id = new.cart_id")],
    counted: &["status", "payment_status", "fulfillment_status"],
};

impl Record for Order {
    const TABLE: &'static Table = &ORDERS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).text(&self.number).id(self.cart_id).optional_id(self.customer_id);
        row.optional_time(self.claimed_at)
            .text(&self.email)
            .text(&self.email_key)
            .text(self.currency.code())
            .int(self.subtotal.0)
            .int(self.discount_total.0);
        row.int(self.shipping_total.0).int(self.shipping_tax.0).int(self.tax_total.0).int(self.total.0);
        row.json(&self.explanation)
            .json(&self.canceled_items)
            .json(&self.withdrawals)
            .int(self.amount_paid.0)
            .int(self.amount_refunded.0);
        row.json(&self.shipping_address)
            .json(&self.billing_address)
            .json(&self.shipping_method)
            .text(self.status.word());
        row.text(self.payment_status.word()).text(self.fulfillment_status.word()).text(&self.note);
        row.time(self.placed_at).optional_time(self.canceled_at).optional_time(self.hold_until);
        row.flag(self.ships_unpaid).time(self.updated_at).int(self.version).text(self.search_text());
    }
}

pub(super) static ITEMS: Table = Table {
    name: "order_items",
    columns: &[
        ("order_id", Kind::Id),
        ("position", Kind::Int),
        ("id", Kind::Id),
        ("product_id", Kind::Id),
        ("variant_id", Kind::Id),
        ("sku", Kind::Text),
        ("name", Kind::Text),
        ("options", Kind::Json),
        ("unit_price", Kind::Int),
        ("quantity", Kind::Int),
        ("discount", Kind::Int),
        ("tax", Kind::Int),
        ("line_total", Kind::Int),
        ("tax_class", Kind::Text),
        ("tax_rate", Kind::Int),
    ],
    key: 2,
    uniques: &[],
    counted: &[],
};

/// The rows of an order's lines.
pub(super) fn items(order: &Order) -> impl Iterator<Item = Row> {
    (0_i64..).zip(&order.items).map(|(position, item)| {
        let mut row = Row::default();
        row.id(order.id).int(position).id(item.id).id(item.product_id).id(item.variant_id).text(&item.sku);
        row.text(&item.name).json(&item.options).int(item.unit_price.0).int(item.quantity).int(item.discount.0);
        row.int(item.tax.0).int(item.line_total.0).optional_text(item.tax_class.as_deref());
        row.optional_int(item.tax_rate.map(|rate| rate.0));
        row
    })
}

pub(super) static HISTORY: Table = Table {
    name: "order_history",
    columns: &[
        ("id", Kind::Id),
        ("order_id", Kind::Id),
        ("at", Kind::Time),
        ("event", Kind::Text),
        ("actor", Kind::Text),
        ("detail", Kind::Text),
        ("visible", Kind::Flag),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

/// The row of an entry of a timeline.
pub(super) fn history(entry: &HistoryEntry) -> Row {
    let mut row = Row::default();
    row.id(entry.id).id(entry.order_id).time(entry.at).text(&entry.event).text(&entry.actor).text(&entry.detail);
    row.flag(entry.visible);
    row
}

pub(super) static DRAFTS: Table = Table {
    name: "draft_orders",
    columns: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("email", Kind::Text),
        ("currency", Kind::Text),
        ("items", Kind::Json),
        ("note", Kind::Text),
        ("created_at", Kind::Time),
        ("updated_at", Kind::Time),
        ("version", Kind::Int),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

impl Record for Draft {
    const TABLE: &'static Table = &DRAFTS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).optional_id(self.customer_id).optional_text(self.email.as_deref()).text(self.currency.code());
        row.json(&self.items).text(&self.note).time(self.created_at).time(self.updated_at).int(self.version);
    }
}

pub(super) static RETURNS: Table = Table {
    name: "order_returns",
    columns: &[
        ("id", Kind::Id),
        ("order_id", Kind::Id),
        ("currency", Kind::Text),
        ("items", Kind::Json),
        ("note", Kind::Text),
        ("status", Kind::Text),
        ("rejection", Kind::Text),
        ("restocked", Kind::Flag),
        ("refund_amount", Kind::Int),
        ("amount_refunded", Kind::Int),
        ("created_at", Kind::Time),
        ("updated_at", Kind::Time),
        ("version", Kind::Int),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

impl Record for Return {
    const TABLE: &'static Table = &RETURNS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).id(self.order_id).text(self.currency.code()).json(&self.items).text(&self.note);
        row.text(self.status.word()).text(&self.rejection).flag(self.restocked).int(self.refund_amount.0);
        row.int(self.amount_refunded.0).time(self.created_at).time(self.updated_at).int(self.version);
    }
}

/// Applies a write of orders.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &OrdersWrite) -> Applied {
    match write {
        OrdersWrite::Order(change) => {
            plain.change(change, false).await?;
            match change {
                Change::Insert(order) => plain.run(Part::InsertItems, items(order).collect()).await.map(drop),
                Change::Update(_) | Change::Delete { .. } => Ok(()),
            }
        }
        OrdersWrite::Draft(change) => plain.change(change, true).await,
        OrdersWrite::Return(change) => plain.change(change, false).await,
        OrdersWrite::History(entry) => plain.insert_unless(Part::InsertHistory, history(entry), Unique::OtherId).await,
    }
}
