//! Orders with their lines, and their timeline.

use std::sync::LazyLock;

use shop_core::batch::{Change, Unique};
use shop_core::orders::{Draft, HistoryEntry, Order, OrderItem, OrdersWrite, Return};

use super::part::Part;
use super::plain::{Applied, Plain};
use super::table::{Table, children_of, records, row_of};

records! {
    ORDERS: Order, counted by &["status", "payment_status", "fulfillment_status"], applied by apply_order;
    DRAFTS: Draft;
    RETURNS: Return;
}

pub(super) static ITEMS: LazyLock<Table> = LazyLock::new(Table::of::<OrderItem>);
pub(super) static HISTORY: LazyLock<Table> = LazyLock::new(Table::of::<HistoryEntry>);

/// Applies a write of orders.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &OrdersWrite) -> Applied {
    let OrdersWrite::History(entry) = write;
    plain.insert_unless(Part::InsertHistory, row_of(entry), Unique::OtherId).await
}

async fn apply_order(plain: &mut Plain<'_>, change: &Change<Order>) -> Applied {
    plain.change(change).await?;
    match change {
        Change::Insert(order) => plain.run(Part::InsertItems, children_of(order).collect()).await.map(drop),
        Change::Update(_) | Change::Delete { .. } => Ok(()),
    }
}
