//! Orders with their lines, and their timeline.

use std::sync::LazyLock;

use shop_core::batch::{Change, RowWrite, Unique};
use shop_core::orders::{Draft, HistoryEntry, Order, OrderItem, OrdersWrite, Return};

use super::part::Part;
use super::plain::{Applied, Plain};
use super::table::{Table, children_of, records, row_of};

records! {
    ORDERS: Order, counted by &["status", "payment_status", "fulfillment_status"];
    DRAFTS: Draft;
    RETURNS: Return;
}

pub(super) static ITEMS: LazyLock<Table> = LazyLock::new(Table::of::<OrderItem>);
pub(super) static HISTORY: LazyLock<Table> = LazyLock::new(Table::of::<HistoryEntry>);

/// Applies a write of orders.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &OrdersWrite) -> Applied {
    match write {
        RowWrite::Order(change) => {
            plain.change(change).await?;
            match change {
                Change::Insert(order) => plain.run(Part::InsertItems, children_of(order).collect()).await.map(drop),
                Change::Update(_) | Change::Delete { .. } => Ok(()),
            }
        }
        RowWrite::Draft(change) => plain.change(change).await,
        RowWrite::Return(change) => plain.change(change).await,
        OrdersWrite::History(entry) => plain.insert_unless(Part::InsertHistory, row_of(entry), Unique::OtherId).await,
    }
}
