//! What a batch does: the rows that it locks and the rows that it makes, the same in a group and row by row.
//!
//! [`super::apply`] reports the effects of each write and precondition to an [`Effects`]. [`super::merge`] makes the
//! statements of a group from them; [`super::row_by_row`] takes the locks first, and then applies the writes one after
//! another.

use shop_core::batch::Conflict;
use shop_core::catalog::Variant;
use shop_core::inventory::StockDelta;
use shop_core::promotions::UsesDelta;
use uuid::Uuid;

use super::part::TableOperation;
use super::table::row_of;
use super::tables::{Operation, Tabled};
use super::value::RowValues;

/// Receives the effects of a batch.
pub(crate) trait Effects<'b> {
    /// Ends the interpretation.
    type Stop;

    /// No group contains this. Row by row, a write is applied by its own statements.
    fn unbatchable(&mut self) -> Result<(), Self::Stop>;

    /// Row by row, the write is applied by its own statements. A group applies its other effects instead.
    fn statement(&mut self);

    /// An existing row is locked, at this version if the operation is one by version.
    fn lock(&mut self, part: TableOperation, key: &[Uuid], version: Option<i64>) -> Result<(), Self::Stop>;

    /// Row by row, these rows are locked too.
    fn also(&mut self, related: Related<'b>);

    /// A group writes these rows. Row by row, the statements of the write do.
    fn grouped<R: IntoIterator<Item = RowValues>>(
        &mut self,
        part: TableOperation,
        rows: impl FnOnce() -> R,
    ) -> Result<(), Self::Stop>;

    /// A row is written, in a group or by itself. Row by row, a refusal is this conflict; without one, another
    /// transaction interfered.
    fn row(&mut self, part: TableOperation, row: RowValues, refused: Option<Conflict>) -> Result<(), Self::Stop>;

    /// A stock level changes.
    fn stock(&mut self, delta: &StockDelta) -> Result<(), Self::Stop>;

    /// A use count changes.
    fn uses(&mut self, delta: &UsesDelta) -> Result<(), Self::Stop>;

    /// A row is inserted, whose key must be free.
    fn insert<T: Tabled>(&mut self, row: &T) -> Result<(), Self::Stop> {
        self.row(Operation::Insert.on(T::TABLE_ID), row_of(row), Some(Conflict::Exists(T::TABLE.key_name)))
    }

    /// A row is inserted or replaced.
    fn put<T: Tabled>(&mut self, row: &T) -> Result<(), Self::Stop> {
        self.row(Operation::Put.on(T::TABLE_ID), row_of(row), None)
    }
}

/// Rows that a batch locks in addition to those that it names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Related<'b> {
    /// The address book of a user: changed by one transaction at a time, so that one address is the default.
    AddressBook(Uuid),
    /// The list of locations, likewise.
    Locations,
    /// The category tree, to be changed.
    Tree,
    /// The subcategories and products of a category that is deleted.
    Category(Uuid),
    /// The unfinished deliveries of a webhook.
    Webhook(Uuid),
    /// The level of a variant at a location.
    Level(Uuid, Uuid),
    /// All levels of a variant.
    LevelsOf(Uuid),
    /// All levels at a location.
    LevelsAt(Uuid),
    /// The levels of those variants that have another SKU.
    Renamed(&'b [Variant]),
}
