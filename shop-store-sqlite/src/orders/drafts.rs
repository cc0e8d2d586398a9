//! Draft orders that staff create.

use shop_core::orders::{Draft, DraftSort};

use crate::paging::ListQuery;
use crate::record::{self, record};

record!(Draft, fixed: ["created_at"]);

/// The list of drafts.
pub(super) fn list() -> ListQuery<DraftSort, Draft> {
    ListQuery {
        columns: record::columns::<Draft>().to_owned(),
        key: |key| match key {
            DraftSort::CreatedAt => Some("draft_orders.created_at"),
        },
        id: "draft_orders.id",
        read: record::whole,
    }
}
