//! Orders with their lines, and their timeline.

use shop_core::batch::Change;
use shop_core::orders::{Order, OrdersWrite};

use super::change::WriteRow;
use super::effects::Effects;
use super::part::TableOperation;
use super::statement_runner::{ApplyResult, StatementRunner};
use super::table::children_of;
use super::tables::{Operation, TableId};

const APPEND_ITEMS: TableOperation = Operation::Append.on(TableId::OrderItem);

impl WriteRow for Order {
    fn effects<'b, E: Effects<'b>>(change: &'b Change<Self>, to: &mut E) -> Result<(), E::Stop> {
        match change {
            Change::Insert(order) => to.grouped(APPEND_ITEMS, || children_of(order)),
            Change::Update(_) | Change::Delete { .. } => Ok(()),
        }
    }

    async fn apply(runner: &mut StatementRunner<'_>, change: &Change<Self>) -> ApplyResult {
        runner.change(change).await?;
        match change {
            Change::Insert(order) => runner.run(APPEND_ITEMS, children_of(order).collect()).await.map(drop),
            Change::Update(_) | Change::Delete { .. } => Ok(()),
        }
    }
}

/// The effects of a write of orders.
pub(super) fn effects<'b, E: Effects<'b>>(write: &OrdersWrite, to: &mut E) -> Result<(), E::Stop> {
    let OrdersWrite::History(entry) = write;
    to.insert(entry)
}
