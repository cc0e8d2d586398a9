//! How changes of one use count add up.

use shop_core::promotions::UsesDelta;
use uuid::Uuid;

use super::value::{RowValues, SqlKind};

/// The sum of changes of one use count.
///
/// Changes from any number of batches are judged at once, as if the decreases came before the increases: the count is
/// lowest after the decreases, and highest at the end, when it must not exceed the lowest limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct UsesSum {
    delta: i64,
    taken: i64,
    limit: Option<i64>,
}

impl UsesSum {
    /// The kinds of the values in its row.
    pub(super) const KINDS: [SqlKind; 5] = [SqlKind::Id, SqlKind::Text, SqlKind::Int, SqlKind::Int, SqlKind::Int];

    /// The sum of one change.
    pub(super) fn of(delta: &UsesDelta) -> Self {
        let limit = delta.limit.filter(|_| delta.delta > 0);
        Self { delta: delta.delta, taken: delta.delta.max(0), limit }
    }

    /// Adds another sum.
    pub(super) fn add(&mut self, other: Self) {
        self.delta = self.delta.saturating_add(other.delta);
        self.taken = self.taken.saturating_add(other.taken);
        self.limit = self.limit.into_iter().chain(other.limit).min();
    }

    /// The sum as a row to add.
    pub(super) fn row(self, promotion: Uuid, customer: &str) -> RowValues {
        let mut row = RowValues::default();
        row.id(promotion).text(customer).int(self.delta).int(self.taken).optional_int(self.limit);
        row
    }
}

#[cfg(test)]
mod tests {
    use shop_core::promotions::Counter;

    use super::*;

    #[test]
    fn sums_keep_the_lowest_limit_of_those_who_take() {
        let delta = |delta, limit| UsesDelta { counter: Counter::Orders("a".into()), delta, limit };
        let mut sum = UsesSum::default();
        for delta in [delta(1, None), delta(1, Some(7)), delta(-1, Some(1)), delta(1, Some(9))] {
            sum.add(UsesSum::of(&delta));
        }
        assert_eq!(sum, UsesSum { delta: 2, taken: 3, limit: Some(7) });
    }
}
