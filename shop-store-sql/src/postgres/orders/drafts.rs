//! Orders that staff put together.

use shop_core::orders::{Draft, DraftSort};
use sqlx_core::error::Error;

use crate::postgres::paging::{Key, List};
use crate::postgres::rows::{Columns, Record};

impl Record for Draft {
    const TABLE: &'static str = "draft_orders";
    const COLUMNS: &'static str =
        "draft_orders.id, draft_orders.customer_id, draft_orders.email, draft_orders.currency,
        draft_orders.items, draft_orders.note, draft_orders.created_at, draft_orders.updated_at, draft_orders.version";

    fn read(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.id()?,
            customer_id: columns.optional_id()?,
            email: columns.take()?,
            currency: columns.currency()?,
            items: columns.json()?,
            note: columns.take()?,
            created_at: columns.at()?,
            updated_at: columns.at()?,
            version: columns.take()?,
        })
    }
}

/// The list of drafts.
pub(super) fn list() -> List<DraftSort, Draft> {
    List {
        columns: Draft::COLUMNS.to_owned(),
        key: |key| match key {
            DraftSort::CreatedAt => Some(Key::Time("draft_orders.created_at")),
        },
        id: "draft_orders.id",
        read: Draft::read,
    }
}
