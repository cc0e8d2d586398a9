//! Units of an order that were canceled after placement.

use serde::{Deserialize, Serialize};

use crate::id::OrderItemId;
use crate::model::orders::{Order, OrderItem};
use crate::money::Amount;

/// Units of a line that the buyer neither gets nor pays for. The order's totals do not change; the payable amount is
/// the total less these amounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanceledItem {
    /// The canceled line.
    pub order_item_id: OrderItemId,
    /// Number of units, at least 1.
    pub quantity: i64,
    /// The amount that need not be paid: the units' share of the line total after discount, including tax.
    pub amount: Amount,
    /// False: canceled before they shipped. True: shipped, and returned unpaid.
    #[serde(default)]
    pub returned: bool,
}

impl Order {
    /// Units of a line that were canceled before they shipped.
    #[must_use]
    pub fn canceled_quantity(&self, line: OrderItemId) -> i64 {
        self.canceled_of(line, false)
    }

    /// Units of a line that shipped and were returned unpaid.
    #[must_use]
    pub fn returned_unpaid(&self, line: OrderItemId) -> i64 {
        self.canceled_of(line, true)
    }

    fn canceled_of(&self, line: OrderItemId, returned: bool) -> i64 {
        let entries = self.canceled_items.iter().filter(|item| item.order_item_id == line && item.returned == returned);
        entries.map(|item| item.quantity).fold(0, i64::saturating_add)
    }

    /// Units of a line that are still part of the order.
    #[must_use]
    pub fn remaining_quantity(&self, item: &OrderItem) -> i64 {
        item.quantity.saturating_sub(self.canceled_quantity(item.id)).saturating_sub(self.returned_unpaid(item.id))
    }

    /// Whether every unit of every line was canceled or returned unpaid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.iter().all(|item| self.remaining_quantity(item) <= 0)
    }

    /// Amount that need not be paid because items were canceled.
    #[must_use]
    pub fn amount_canceled(&self) -> Amount {
        Amount(self.canceled_items.iter().fold(0, |sum: i64, item| sum.saturating_add(item.amount.0)))
    }

    /// The total less the canceled amount.
    #[must_use]
    pub fn amount_payable(&self) -> Amount {
        Amount(self.total.0.saturating_sub(self.amount_canceled().0)).max(Amount::ZERO)
    }

    /// Amount still to be paid; zero once the order is canceled.
    #[must_use]
    pub fn amount_due(&self) -> Amount {
        if self.status == crate::model::orders::OrderStatus::Canceled {
            return Amount::ZERO;
        }
        Amount(self.amount_payable().0.saturating_sub(self.amount_paid.0)).max(Amount::ZERO)
    }

    /// Whether the payable amount was captured, even if some of it was refunded later.
    #[must_use]
    pub fn is_paid(&self) -> bool {
        self.amount_paid >= self.amount_payable()
    }

    /// Records canceled units, merged into one entry per line and kind.
    pub(crate) fn cancel_item(&mut self, canceled: CanceledItem) {
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
