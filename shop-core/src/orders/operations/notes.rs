//! Notes by staff about an order.

use crate::batch::{Batch, Decision, OrdersWrite};
use crate::clock::DecisionContext;
use crate::id::OrderId;
use crate::model::orders::HistoryEntry;
use crate::orders::input::CheckedNote;

/// Adds an entry to the order's timeline, for the buyer or only for staff. Does not change the order.
pub(in crate::orders) fn add_note(
    order_id: OrderId,
    note: CheckedNote,
    role: &str,
    context: &mut DecisionContext,
) -> Decision<HistoryEntry> {
    let mut batch = Batch::new(context);
    let entry = HistoryEntry {
        id: context.id(),
        order_id,
        at: context.now(),
        event: "note".to_owned(),
        actor: role.to_owned(),
        detail: note.text,
        visible: note.visible,
    };
    batch.write(OrdersWrite::History(entry.clone()));
    Decision { batch, reply: entry }
}
