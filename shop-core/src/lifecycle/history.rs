//! The history of an order.

use crate::batch::{Batch, OrdersWrite};
use crate::clock::DecisionContext;
use crate::id::OrderId;
use crate::model::orders::HistoryEntry;

/// Adds an entry to an order's timeline that the buyer may read. `actor` is [`Actor::role`](crate::Actor::role),
/// `system` or `gateway`.
pub fn record(
    batch: &mut Batch,
    context: &mut DecisionContext,
    order_id: OrderId,
    event: &str,
    actor: &str,
    detail: impl Into<String>,
) {
    batch.write(entry(context, order_id, (event, actor), detail.into(), true));
}

/// Adds an entry to an order's timeline that only staff may read.
pub fn record_for_staff(
    batch: &mut Batch,
    context: &mut DecisionContext,
    order_id: OrderId,
    event: &str,
    actor: &str,
    detail: impl Into<String>,
) {
    batch.write(entry(context, order_id, (event, actor), detail.into(), false));
}

fn entry(
    context: &mut DecisionContext,
    order_id: OrderId,
    (event, actor): (&str, &str),
    detail: String,
    visible: bool,
) -> OrdersWrite {
    let (event, actor) = (event.to_owned(), actor.to_owned());
    OrdersWrite::History(HistoryEntry { id: context.id(), order_id, at: context.now(), event, actor, detail, visible })
}
