//! Draft orders that staff create.

use shop_core::orders::{Draft, DraftSort};

use crate::paging::{Key, List};
use crate::rows::ReadRow as _;

/// The list of drafts.
pub(super) fn list() -> List<DraftSort, Draft> {
    List {
        columns: Draft::columns().to_owned(),
        key: |key| match key {
            DraftSort::CreatedAt => Some(Key::Time("draft_orders.created_at")),
        },
        id: "draft_orders.id",
        read: Draft::read,
    }
}
