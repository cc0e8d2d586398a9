//! Merges batches: the rows that each batch writes, per part, and which batches may share a transaction.
//!
//! The result of a shared transaction must equal that of its batches in some serial order. This holds if no batch
//! writes a row, or takes a unique key, that another one writes, takes or relies on: then every order gives the same
//! result. Changes of one stock level, and changes of one use count, are exceptions that pay off: they add up (see
//! [`Sum`], [`UsesSum`]).

use std::borrow::{Borrow, Cow};
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher as _};

use shop_core::batch::{Batch, Conflict};
use shop_core::inventory::StockDelta;
use shop_core::promotions::UsesDelta;
use shop_core::row::Value;
use uuid::Uuid;

use super::effects::{Effects, Related};
use super::part::TableOperation;
use super::stock::{Direction, Sum, direction};
use super::tables::{Operation, TableId};
use super::uses::UsesSum;
use super::value::{RowValues, hash};
use super::{apply, outbox};

const OWN_LEVELS: TableOperation = Operation::OwnKey.on(TableId::StockLevel);
const ADD_STOCK: TableOperation = Operation::Add.on(TableId::StockLevel);
const ADD_USES: TableOperation = Operation::Add.on(TableId::Uses);

/// The rows that a batch writes, and the keys it touches. The caller's own task prepares this, so that the committer
/// only has to merge.
#[derive(Debug, Default)]
pub(crate) struct Mergeable {
    lines: Vec<(TableOperation, RowValues)>,
    levels: BTreeMap<(Uuid, Uuid), Sum>,
    uses: BTreeMap<(Uuid, String), UsesSum>,
    direction: Option<Direction>,
    /// Rows that are written and unique keys that are taken, with the version that each row must have.
    writes: HashMap<u64, Option<i64>>,
    /// Rows that are relied on.
    reads: HashSet<u64>,
}

/// A hash of a row or a unique key. A collision only keeps two batches apart.
fn touch<'v>(of: impl Hash, key: impl IntoIterator<Item = impl Borrow<Value<'v>>>) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    key.into_iter().for_each(|value| hash(value.borrow(), &mut hasher));
    hasher.finish()
}

fn row_touch<'v>(table: TableId, key: impl IntoIterator<Item = impl Borrow<Value<'v>>>) -> u64 {
    touch((0_u8, table), key)
}

fn ids_touch(table: TableId, key: &[Uuid]) -> u64 {
    row_touch(table, key.iter().map(|id| Value::Id(*id)))
}

fn level_touch((variant, location): &(Uuid, Uuid)) -> u64 {
    ids_touch(TableId::StockLevel, &[*variant, *location])
}

/// The batch must be applied row by row: it does something rare, or writes one row twice.
#[derive(Debug)]
pub(crate) struct Unbatchable;

type Merged = Result<(), Unbatchable>;

impl Mergeable {
    /// The rows of a batch, unless it must be committed alone.
    pub(crate) fn of(batch: &Batch) -> Option<Self> {
        let mut merged = Self::default();
        merged.batch(batch).ok()?;
        Some(merged)
    }

    /// The number of rows that it writes and locks.
    pub(crate) fn rows(&self) -> usize {
        self.lines.len() + self.levels.len() + self.uses.len()
    }

    fn batch(&mut self, batch: &Batch) -> Merged {
        self.row(Operation::Insert.on(TableId::Operation), outbox::operation(batch), None)?;
        batch.writes.iter().try_for_each(|write| apply::effects(write, self))?;
        // After the writes, because a row that is written has its guard.
        batch.preconditions.iter().try_for_each(|precondition| apply::require(precondition, self))?;
        let added = |level| self.writes.contains_key(&level_touch(level));
        if self.levels.keys().any(added) { Err(Unbatchable) } else { Ok(()) }
    }

    /// Adds a row. A table that does not list the operation is written row by row.
    fn line(&mut self, part: TableOperation, row: RowValues) -> Merged {
        part.number().ok_or(Unbatchable)?;
        self.lines.push((part, row));
        Ok(())
    }

    /// Takes a row or key that no other write of the batch may take.
    fn take(&mut self, touched: u64, version: Option<i64>) -> Merged {
        if self.writes.insert(touched, version).is_some() { Err(Unbatchable) } else { Ok(()) }
    }

    /// Takes the keys of a row that is written.
    fn take_keys(&mut self, part: TableOperation, row: &RowValues) -> Merged {
        let table = part.table.table();
        if part.operation.takes_key() {
            self.take(row_touch(part.table, row.values().iter().take(table.key)), None)?;
        }
        if part.operation.takes_uniques() {
            for unique in &table.uniques {
                if let Some(values) = unique.of(row) {
                    self.take(touch((1_u8, unique.name), values), None)?;
                }
            }
        }
        Ok(())
    }

    /// Notes the direction of a change that adds up; all such changes of a batch must have the same direction.
    fn goes(&mut self, direction: Direction) -> Merged {
        let before = self.direction.replace(direction);
        if before.is_some_and(|before| before != direction) { Err(Unbatchable) } else { Ok(()) }
    }
}

impl<'b> Effects<'b> for Mergeable {
    type Stop = Unbatchable;

    fn unbatchable(&mut self) -> Merged {
        Err(Unbatchable)
    }

    fn statement(&mut self) {}

    fn lock(&mut self, part: TableOperation, key: &[Uuid], version: Option<i64>) -> Merged {
        let table = part.table.table();
        let touched = ids_touch(part.table, key.get(..table.key).unwrap_or_default());
        match (part.operation, self.writes.get(&touched)) {
            (Operation::Own, _) => self.take(touched, version)?,
            // The row that follows takes its key.
            (Operation::OwnKey, _) => {}
            // Written by the batch itself, under the same guard.
            (Operation::Share, Some(before)) if *before == version => return Ok(()),
            (Operation::Share, Some(_)) => return Err(Unbatchable),
            _ => drop(self.reads.insert(touched)),
        }
        let by_version = matches!(part.operation, Operation::Own | Operation::Share);
        self.line(
            part,
            match key {
                [id] if by_version => RowValues::at_version(*id, version),
                _ => RowValues::of_ids(key),
            },
        )
    }

    fn also(&mut self, _: Related<'b>) {}

    fn grouped<R: IntoIterator<Item = RowValues>>(&mut self, part: TableOperation, rows: impl FnOnce() -> R) -> Merged {
        part.number().ok_or(Unbatchable)?;
        rows().into_iter().try_for_each(|row| self.row(part, row, None))
    }

    fn row(&mut self, part: TableOperation, row: RowValues, _: Option<Conflict>) -> Merged {
        self.take_keys(part, &row)?;
        self.line(part, row)
    }

    fn stock(&mut self, delta: &StockDelta) -> Merged {
        self.goes(direction(delta).ok_or(Unbatchable)?)?;
        self.levels.entry((delta.variant_id.0, delta.location_id.0)).or_default().add(Sum::of(delta));
        Ok(())
    }

    fn uses(&mut self, delta: &UsesDelta) -> Merged {
        self.goes(if delta.delta > 0 { Direction::Takes } else { Direction::Gives })?;
        let (promotion, customer) = delta.counter.key();
        self.uses.entry((promotion, customer.to_owned())).or_default().add(UsesSum::of(delta));
        Ok(())
    }
}

/// What the batches of a group touch.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    writes: HashSet<u64>,
    reads: HashSet<u64>,
    levels: HashSet<(Uuid, Uuid)>,
}

impl KeySet {
    /// True if the batch can join the group.
    pub(crate) fn has_room_for(&self, batch: &Mergeable) -> bool {
        let written = |touched: &u64| self.writes.contains(touched);
        !batch.writes.keys().any(|touched| self.writes.contains(touched) || self.reads.contains(touched))
            && !batch.reads.iter().any(written)
            && !batch.levels.keys().map(level_touch).any(|touched| written(&touched))
            && !self.levels.iter().map(level_touch).any(|touched| batch.writes.contains_key(&touched))
    }

    /// Adds a batch to the group.
    pub(crate) fn add(&mut self, batch: &Mergeable) {
        self.writes.extend(batch.writes.keys());
        self.reads.extend(&batch.reads);
        self.levels.extend(batch.levels.keys());
    }
}

/// A row of a group, and the batches it belongs to.
#[derive(Debug)]
pub(crate) struct GroupRow<'a> {
    /// The row to write or lock.
    pub(crate) row: Cow<'a, RowValues>,
    /// The batches, by number in the group.
    pub(crate) batches: Vec<usize>,
}

/// The rows of several batches, part by part, sorted by key.
pub(crate) fn merge<'a>(batches: &[&'a Mergeable]) -> BTreeMap<TableOperation, Vec<GroupRow<'a>>> {
    let mut parts: BTreeMap<TableOperation, Vec<GroupRow<'a>>> = BTreeMap::new();
    let mut levels: BTreeMap<(Uuid, Uuid), (Sum, Vec<usize>)> = BTreeMap::new();
    let mut uses: BTreeMap<&(Uuid, String), (UsesSum, Vec<usize>)> = BTreeMap::new();
    for (number, batch) in batches.iter().enumerate() {
        for (part, row) in &batch.lines {
            let line = GroupRow { row: Cow::Borrowed(row), batches: vec![number] };
            parts.entry(*part).or_default().push(line);
        }
        for (level, sum) in &batch.levels {
            let (total, takers) = levels.entry(*level).or_default();
            total.add(*sum);
            takers.push(number);
        }
        for (count, sum) in &batch.uses {
            let (total, takers) = uses.entry(count).or_default();
            total.add(*sum);
            takers.push(number);
        }
    }
    for ((variant, location), (sum, batches)) in levels {
        let own = GroupRow { row: Cow::Owned(RowValues::of_ids(&[variant, location])), batches: batches.clone() };
        parts.entry(OWN_LEVELS).or_default().push(own);
        let change = GroupRow { row: Cow::Owned(sum.row(variant, location)), batches };
        parts.entry(ADD_STOCK).or_default().push(change);
    }
    for ((promotion, customer), (sum, batches)) in uses {
        let count = GroupRow { row: Cow::Owned(sum.row(*promotion, customer)), batches };
        parts.entry(ADD_USES).or_default().push(count);
    }
    for (part, lines) in &mut parts {
        lines.sort_by(|left, right| left.row.cmp(&right.row));
        if part.operation.is_shared() {
            lines.dedup_by(|next, kept| {
                let same = next.row == kept.row;
                if same {
                    kept.batches.append(&mut next.batches);
                }
                same
            });
        }
    }
    parts
}

#[cfg(test)]
mod tests;
