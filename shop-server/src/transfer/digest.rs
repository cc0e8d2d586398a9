//! Compares the rows of two tables, independent of the order of rows and columns.

use sha2::{Digest as _, Sha256};
use shop_core::store::StoreResult;
use shop_core::transfer::{Cell, TransferSource, TransferTable};

use super::BATCH;

/// The number of rows and the sum of their hashes. Equal sums mean equal rows, because no one here crafts rows to
/// collide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Digest {
    pub(super) rows: u64,
    sum: [u64; 4],
}

impl Digest {
    /// Reads a whole table; calls `read` with the number of rows of each batch.
    pub(super) async fn of(
        source: &dyn TransferSource,
        table: &TransferTable,
        mut read: impl FnMut(u64),
    ) -> StoreResult<Self> {
        let mut digest = Self::default();
        let mut order: Vec<(usize, &str)> =
            table.columns.iter().enumerate().map(|(place, column)| (place, column.name.as_str())).collect();
        order.sort_by_key(|(_, name)| *name);
        let mut after: Option<Vec<Cell>> = None;
        loop {
            let rows = source.read(table, after.as_deref(), BATCH).await?;
            let Some(last) = rows.last() else { return Ok(digest) };
            after = Some(table.key_of(last));
            read(rows.len() as u64);
            for row in &rows {
                digest.add(order.iter().map(|(place, _)| row.get(*place).unwrap_or(&Cell::Null)));
            }
        }
    }

    fn add<'r>(&mut self, row: impl Iterator<Item = &'r Cell>) {
        let mut hash = Sha256::new();
        for cell in row {
            let number;
            // Kind and length precede the value, so that different cells cannot have the same encoding.
            let (kind, value): (u8, &[u8]) = match cell {
                Cell::Null => (0, &[]),
                Cell::Number(value) => {
                    number = value.to_be_bytes();
                    (1, &number)
                }
                Cell::Text(text) => (2, text.as_bytes()),
                Cell::Bytes(bytes) => (3, bytes),
            };
            hash.update([kind]);
            hash.update((value.len() as u64).to_be_bytes());
            hash.update(value);
        }
        let hash: [u8; 32] = hash.finalize().into();
        for (sum, part) in self.sum.iter_mut().zip(hash.chunks_exact(8)) {
            *sum = sum.wrapping_add(part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)));
        }
        self.rows += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(rows: &[&[Cell]]) -> Digest {
        let mut digest = Digest::default();
        for row in rows {
            digest.add(row.iter());
        }
        digest
    }

    #[test]
    fn rows_are_told_apart_and_their_order_plays_no_role() {
        let (one, two) = ([Cell::Text("a".into()), Cell::Number(1)], [Cell::Text("b".into()), Cell::Null]);
        assert_eq!(digest(&[&one, &two]), digest(&[&two, &one]));
        for others in [
            &[one.as_slice()] as &[&[Cell]],
            &[&one, &one],
            &[&one, &[Cell::Text("b".into()), Cell::Number(0)]],
            &[&one, &[Cell::Bytes(b"b".into()), Cell::Null]],
            &[&one, &[Cell::Null, Cell::Text("b".into())]],
        ] {
            assert_ne!(digest(&[&one, &two]), digest(others), "{others:?}");
        }
    }
}
