//! What of an order was called off after it was placed.

use serde::{Deserialize, Serialize};

use super::{Order, OrderItem};
use crate::id::OrderItemId;
use crate::money::Amount;

/// Units of a line that the buyer neither gets nor pays. The totals of the order stay as they were agreed: what is to be
/// paid is the total less these amounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanceledItem {
    /// Which line.
    pub order_item_id: OrderItemId,
    /// How many of it, at least 1.
    pub quantity: i64,
    /// What is not to be paid for them: their share of the line's price, less its discount and with its tax.
    pub amount: Amount,
    /// False: they were canceled before they left. True: they left, and came back without having been paid.
    #[serde(default)]
    pub returned: bool,
}

impl Order {
    /// How many of a line were canceled before they left.
    #[must_use]
    pub fn canceled_quantity(&self, line: OrderItemId) -> i64 {
        self.canceled_of(line, false)
    }

    /// How many of a line left and came back without having been paid.
    #[must_use]
    pub fn returned_unpaid(&self, line: OrderItemId) -> i64 {
        self.canceled_of(line, true)
    }

    fn canceled_of(&self, line: OrderItemId, returned: bool) -> i64 {
        let entries = self.canceled_items.iter().filter(|item| item.order_item_id == line && item.returned == returned);
        entries.map(|item| item.quantity).fold(0, i64::saturating_add)
    }

    /// How many of a line are still part of the order.
    #[must_use]
    pub fn remaining_quantity(&self, item: &OrderItem) -> i64 {
        item.quantity.saturating_sub(self.canceled_quantity(item.id)).saturating_sub(self.returned_unpaid(item.id))
    }

    /// Whether no unit of any line is part of the order any more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.iter().all(|item| self.remaining_quantity(item) <= 0)
    }

    /// What is not to be paid because items were canceled.
    #[must_use]
    pub fn amount_canceled(&self) -> Amount {
        Amount(self.canceled_items.iter().fold(0, |sum: i64, item| sum.saturating_add(item.amount.0)))
    }

    /// What is to be paid in all: the total less what was canceled.
    #[must_use]
    pub fn amount_payable(&self) -> Amount {
        Amount(self.total.0.saturating_sub(self.amount_canceled().0)).max(Amount::ZERO)
    }

    /// What is still to be paid: nothing once the order is canceled.
    #[must_use]
    pub fn amount_due(&self) -> Amount {
        if self.status == super::OrderStatus::Canceled {
            return Amount::ZERO;
        }
        Amount(self.amount_payable().0.saturating_sub(self.amount_paid.0)).max(Amount::ZERO)
    }

    /// Whether all that is to be paid was received, even if some of it was given back since.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.amount_paid >= self.amount_payable()
    }

    /// Adds to what was canceled; one entry per line and kind.
    pub(in crate::orders) fn cancel_item(&mut self, canceled: CanceledItem) {
        let same = |item: &&mut CanceledItem| {
            (item.order_item_id, item.returned) == (canceled.order_item_id, canceled.returned)
        };
        match self.canceled_items.iter_mut().find(same) {
            Some(item) => {
                item.quantity = item.quantity.saturating_add(canceled.quantity);
                item.amount = Amount(item.amount.0.saturating_add(canceled.amount.0));
            }
            None => self.canceled_items.push(canceled),
        }
    }
}
