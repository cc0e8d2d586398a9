//! Imports stock counts from CSV rows.

use super::{Inventory, checks};
use crate::actor::Actor;
use crate::batch::{Batch, Decision};
use crate::cells::{CellError, Cells, Imported};
use crate::error::{Error, Result};
use crate::idempotency::{IdempotencyKey, IdempotencyRecordKey};
use crate::inventory::operations::{Adjustment, adjust};
use crate::model::inventory::{Location, MovementReason};

/// The columns of a stock CSV, in their usual order.
///
/// `sku` selects the variant and `location` the location by its code (the default location if blank). Exactly one of
/// `on_hand`, the counted units, and `delta`, the change in units, is given. `reason` is that of an adjustment
/// (`correction` if blank); `note` is free text.
pub const STOCK_COLUMNS: [&str; 6] = ["sku", "location", "on_hand", "delta", "reason", "note"];

/// The operation under which idempotency records are kept.
const OPERATION: &str = "inventory.import";

impl Inventory<'_> {
    /// Imports one row (see [`STOCK_COLUMNS`]): records the difference between the counted units and the current units
    /// on hand, or records a delta.
    ///
    /// Importing the same count twice records it once. A delta is recorded once per `key`, for as long as idempotency
    /// records are kept; without a key, it is recorded each time.
    ///
    /// # Errors
    /// Those of [`Actor::require_staff`], of idempotency and of the storage. An invalid row is not an error, but
    /// [`Imported::Refused`].
    pub async fn import_stock(&self, actor: &Actor, row: &Cells, key: Option<&IdempotencyKey>) -> Result<Imported> {
        actor.require_staff()?;
        match self.record_row(actor, row, key).await {
            Ok(true) => Ok(Imported::Changed),
            Ok(false) => Ok(Imported::Unchanged),
            Err(error) => refused(error, row),
        }
    }

    /// Returns whether anything was recorded.
    async fn record_row(&self, actor: &Actor, row: &Cells, key: Option<&IdempotencyKey>) -> Result<bool> {
        let (name, counted) = &checks::counted(row)?;
        // A count is idempotent by itself. With a key, a later count would be taken for a retry.
        let key = key.filter(|_| counted.on_hand.is_none());
        let recorded = self
            .shop
            .execute_once(actor, OPERATION, key, |mut context| async move {
                let place = self.coded(row).await?;
                let stocked = self.named(name).await?;
                let there = stocked.at(place).map_or(0, |level| level.on_hand);
                let delta = match counted.on_hand {
                    Some(on_hand) => on_hand.saturating_sub(there),
                    None => counted.delta,
                };
                if delta == 0 {
                    return Ok(Decision::unchanged(&mut context, false));
                }
                let adjustment = Adjustment { delta, reason: counted.reason, note: counted.note.clone() };
                let mut batch = Batch::new(&mut context);
                adjust(&mut batch, &mut context, &stocked, place, &adjustment)?;
                Ok(Decision { batch, reply: true })
            })
            .await?;
        Ok(recorded.value && !recorded.replayed)
    }

    /// The key of an import's idempotency record.
    pub(crate) fn import_key(actor: &Actor, key: Option<&IdempotencyKey>) -> Option<IdempotencyRecordKey> {
        Some(key?.scoped(actor.caller()?, OPERATION))
    }

    /// Resolves the location code of a row.
    async fn coded(&self, row: &Cells) -> Result<crate::id::LocationId> {
        let Some(code) = row.get("location") else { return self.default_location().await };
        let locations = self.shop.store().locations().await?;
        let found = locations.iter().find(|location: &&Location| location.code == code.trim());
        found.map(|location| location.id).ok_or_else(|| Error::invalid("location", "There is no such location."))
    }
}

fn refused(error: Error, row: &Cells) -> Result<Imported> {
    let at = |column: &str, why: String| CellError { row: 0, column: column.to_owned(), why };
    let amount = if row.get("on_hand").is_some() { "on_hand" } else { "delta" };
    Ok(Imported::Refused(match error {
        Error::Invalid(invalid) => {
            let cells = invalid.fields.into_iter().flat_map(|(column, reasons)| {
                reasons.into_iter().map(move |why| CellError { row: 0, column: column.clone(), why })
            });
            cells.collect()
        }
        error @ Error::InsufficientStock { .. } => vec![at(amount, error.to_string())],
        error => return Err(error),
    }))
}

/// The validated content of a row.
#[derive(Debug)]
pub(super) struct Counted {
    /// The counted units.
    pub(super) on_hand: Option<i64>,
    /// The change in units, if nothing was counted.
    pub(super) delta: i64,
    pub(super) reason: MovementReason,
    pub(super) note: String,
}
