//! What a caller's thread encodes of a batch, to take that work off the single writing thread: JSON, folded names and
//! search words. Only rows that are written often are encoded in advance; everything else is encoded when it is bound.

use std::collections::BTreeMap;
use std::sync::Arc;

use shop_core::batch::{Batch, RowWrite, Write};
use shop_core::row::{Columns, Parent};

use crate::catalog::SearchWords;
use crate::outbox;
use crate::record::Changed;
use crate::rows::ColumnWriter;

/// A batch on its way to the writing thread.
pub(crate) struct EncodedBatch {
    batch: Arc<Batch>,
    /// What is encoded, by the place of its write in the batch.
    encoded: BTreeMap<usize, EncodedWrite>,
}

impl EncodedBatch {
    /// Encodes what takes time to encode.
    pub(crate) fn new(batch: Arc<Batch>) -> Self {
        let encoded = (0..).zip(&batch.writes).filter_map(|(place, write)| Some((place, EncodedWrite::of(write)?)));
        Self { encoded: encoded.collect(), batch }
    }

    /// The batch itself.
    pub(crate) fn batch(&self) -> &Batch {
        &self.batch
    }

    /// The writes in order, each with what is encoded of it.
    pub(crate) fn writes(&self) -> impl Iterator<Item = (&Write, &EncodedWrite)> {
        let encoded = |place: usize| self.encoded.get(&place).unwrap_or(EncodedWrite::NOTHING);
        (0..).zip(&self.batch.writes).map(move |(place, write)| (write, encoded(place)))
    }
}

/// What is encoded of a write.
#[derive(Debug, Default)]
pub(crate) struct EncodedWrite {
    /// Of its row.
    pub(crate) row: EncodedRow,
    /// Of the child rows, by position.
    pub(crate) children: BTreeMap<i64, EncodedRow>,
    /// The search words of a product.
    pub(crate) search_words: Option<SearchWords>,
}

impl EncodedWrite {
    /// Nothing is encoded.
    const NOTHING: &'static Self = &Self { row: EncodedRow(Vec::new()), children: BTreeMap::new(), search_words: None };

    fn of(write: &Write) -> Option<Self> {
        match write {
            Write::Row(write) => encode_row(write),
            Write::Outbox(write) => outbox::encode(write),
            _ => None,
        }
    }

    /// Encodes a row without child rows.
    pub(crate) fn of_row(row: &impl Columns) -> Self {
        Self { row: EncodedRow::of(row), ..Self::default() }
    }

    /// Encodes a row and its child rows.
    pub(crate) fn of_parent(row: &impl Parent) -> Self {
        let children = (0..).zip(row.children()).map(|(position, child)| (position, EncodedRow::of(child)));
        Self { children: children.collect(), ..Self::of_row(row) }
    }

    /// What is encoded of the child row at this position.
    pub(crate) fn child(&self, position: i64) -> &EncodedRow {
        self.children.get(&position).unwrap_or(EncodedRow::NOTHING)
    }
}

macro_rules! rows {
    ([] $($entity:ident: $row:ty => $table:ident;)+) => {
        fn encode_row(write: &RowWrite) -> Option<EncodedWrite> {
            match write {
                $(RowWrite::$entity(change) => <$row as Changed>::encode(change),)+
            }
        }
    };
}

shop_core::versioned_rows!(rows []);

/// The encoded texts of a row, in column order.
#[derive(Debug, Default)]
pub(crate) struct EncodedRow(pub(crate) Vec<EncodedText>);

/// The encoded text of a column.
#[derive(Debug)]
pub(crate) struct EncodedText {
    /// The place of the column among those of the row.
    pub(crate) column: usize,
    /// The text.
    pub(crate) text: String,
}

impl EncodedRow {
    /// Nothing is encoded.
    pub(crate) const NOTHING: &'static Self = &Self(Vec::new());

    /// Encodes a row. Nothing is encoded if that fails; then binding the row reports the error.
    pub(crate) fn of(row: &impl Columns) -> Self {
        ColumnWriter::encode(|values| row.write(values)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shop_core::clock::{DecisionContext, Timestamp};
    use shop_core::outbox::EventKind;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_write_comes_with_its_own_texts() {
        let mut context = DecisionContext::new(Timestamp::UNIX_EPOCH, [7; 32]);
        let mut batch = Batch::new(&mut context);
        let never = Timestamp::UNIX_EPOCH;
        batch.write(Write::Forget { before: never, given_up_before: never });
        batch.event(&mut context, EventKind::ProductCreated, Uuid::nil(), json!({"n": 1}));
        batch.write(Write::Forget { before: never, given_up_before: never });
        batch.event(&mut context, EventKind::ProductUpdated, Uuid::nil(), json!({"n": 2}));
        let batch = EncodedBatch::new(Arc::new(batch));
        assert!(batch.writes().map(|(write, _)| write).eq(&batch.batch().writes));
        let texts = |encoded: &EncodedWrite| encoded.row.0.iter().map(|text| text.text.clone()).collect::<Vec<_>>();
        let found: Vec<_> = batch.writes().map(|(_, encoded)| texts(encoded)).collect();
        assert_eq!(found, [vec![], vec![r#"{"n":1}"#.to_owned()], vec![], vec![r#"{"n":2}"#.to_owned()]]);
    }
}
