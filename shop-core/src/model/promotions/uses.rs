//! The use counts of promotions. Their rows change by guarded deltas, so that concurrent orders never exceed a limit.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::PromotionId;

/// A count over orders. A counter without a row is 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Counter {
    /// The orders that use a promotion and were not canceled.
    Promotion(PromotionId),
    /// The orders of one account that use a promotion and were not canceled, by the account's
    /// [key](crate::pricing::Customer::key).
    Customer(PromotionId, String),
    /// All orders of one account that were not canceled, with or without promotions, by its key.
    Orders(String),
    /// The unpaid orders of one account or guest ([`Order::is_unpaid`](crate::orders::Order::is_unpaid)), by the
    /// buyer's key.
    Unpaid(String),
}

/// Takes the place of the promotion id in the key of [`Counter::Unpaid`].
pub const UNPAID: Uuid = Uuid::from_u128(1);

impl Counter {
    /// The promotion that is counted, if any.
    #[must_use]
    pub fn promotion(&self) -> Option<PromotionId> {
        match self {
            Self::Promotion(id) | Self::Customer(id, _) => Some(*id),
            Self::Orders(_) | Self::Unpaid(_) => None,
        }
    }

    /// The key of the row: the promotion's id (nil or [`UNPAID`] for none), and the buyer's key (empty for all buyers).
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

/// A change of a count by one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsesDelta {
    /// The counter to change.
    pub counter: Counter,
    /// The change, 1 or -1.
    pub delta: i64,
    /// The maximum of the count, checked when the delta is positive.
    pub limit: Option<i64>,
}

impl UsesDelta {
    /// Returns the count after the delta. Returns `None`, which refuses it, if the count would be negative or an
    /// increment would exceed the limit.
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
