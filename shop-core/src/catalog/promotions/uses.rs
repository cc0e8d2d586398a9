//! How often promotions are used: rows that change by guarded deltas, so that no limit is ever passed, whoever orders at
//! the same time.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::PromotionId;

/// Something that is counted over orders. One that was never written is 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Counter {
    /// The orders that use a promotion and were not canceled.
    Promotion(PromotionId),
    /// Those of one account, by its [key](crate::catalog::Customer::key).
    Customer(PromotionId, String),
    /// All orders of one account that were not canceled, whatever promotions they use, by its key.
    Orders(String),
    /// The orders of one account or guest that wait for their payment
    /// ([`Order::is_unpaid`](crate::orders::Order::is_unpaid)), by the buyer's key.
    Unpaid(String),
}

/// Stands for the promotion in the key of [`Counter::Unpaid`].
pub const UNPAID: Uuid = Uuid::from_u128(1);

impl Counter {
    /// Which promotion's it is.
    #[must_use]
    pub fn promotion(&self) -> Option<PromotionId> {
        match self {
            Self::Promotion(id) | Self::Customer(id, _) => Some(*id),
            Self::Orders(_) | Self::Unpaid(_) => None,
        }
    }

    /// The key of its row: the promotion, the nil id or [`UNPAID`] for none, and the key of the buyer, empty for everybody's.
    #[must_use]
    pub fn key(&self) -> (Uuid, &str) {
        match self {
            Self::Promotion(id) => (id.0, ""),
            Self::Customer(id, customer) => (id.0, customer),
            Self::Orders(customer) => (Uuid::nil(), customer),
            Self::Unpaid(buyer) => (UNPAID, buyer),
        }
    }
}

/// One order more or less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsesDelta {
    /// What is counted.
    pub counter: Counter,
    /// 1, or -1.
    pub delta: i64,
    /// With an order more: the most there may be.
    pub limit: Option<i64>,
}

impl UsesDelta {
    /// The rule of a delta: the count after it, or `None` where it is refused: a count is never negative, and one more
    /// never passes the limit.
    #[must_use]
    pub fn apply(&self, count: i64) -> Option<i64> {
        let after = count.checked_add(self.delta)?;
        let within = self.delta <= 0 || self.limit.is_none_or(|limit| after <= limit);
        (after >= 0 && within).then_some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_stays_between_nothing_and_its_limit() {
        let delta = |delta, limit| UsesDelta { counter: Counter::Orders("a@b.c".into()), delta, limit };
        assert_eq!(delta(1, Some(3)).apply(2), Some(3));
        assert_eq!(delta(1, Some(3)).apply(3), None);
        assert_eq!(delta(1, None).apply(3), Some(4));
        assert_eq!(delta(-1, Some(3)).apply(9), Some(8));
        assert_eq!(delta(-1, None).apply(0), None);
        assert_eq!(delta(1, None).apply(i64::MAX), None);
    }
}
