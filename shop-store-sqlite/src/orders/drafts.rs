//! Draft orders that staff create.

use shop_core::orders::{Draft, DraftSort};

use crate::paging::List;
use crate::record::{self, record};

record!(Draft, fixed: ["created_at"]);

/// The list of drafts.
pub(super) fn list() -> List<DraftSort, Draft> {
    List {
        columns: record::columns::<Draft>().to_owned(),
        key: |key| match key {
            DraftSort::CreatedAt => Some("draft_orders.created_at"),
        },
        id: "draft_orders.id",
        read: record::whole,
    }
}
