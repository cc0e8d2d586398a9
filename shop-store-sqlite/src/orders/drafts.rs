//! Orders that staff put together.

use std::sync::LazyLock;

use shop_core::orders::{Draft, DraftSort};

use crate::paging::List;
use crate::record::{self, Record, Shape, Table};
use crate::rows::{Columns, Values, at, id, optional_id};

static DRAFTS: LazyLock<Table> = LazyLock::new(|| {
    Table::new(Shape {
        name: "draft_orders",
        columns: &["id", "customer_id", "email", "currency", "items", "note", "created_at", "updated_at", "version"],
        derived: &[],
        fixed: &["created_at"],
        uniques: &[],
        deletable: true,
    })
});

impl Record for Draft {
    fn table() -> &'static Table {
        &DRAFTS
    }

    fn write(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
        values.put(id(self.id))?.put(optional_id(self.customer_id))?.put(&self.email)?.put(self.currency.code())?;
        values.json(&self.items)?.put(&self.note)?;
        values.put(at(self.created_at))?.put(at(self.updated_at))?.put(self.version)?;
        Ok(())
    }

    fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
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
        columns: DRAFTS.columns().to_owned(),
        key: |key| match key {
            DraftSort::CreatedAt => Some("draft_orders.created_at"),
        },
        id: "draft_orders.id",
        read: record::whole,
    }
}
