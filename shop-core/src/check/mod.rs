//! Verifies the invariants of the stored data as a whole.
//!
//! 1. On-hand stock is the sum of the ledger. Reserved stock is the sum of the live reservations, and never exceeds
//!    on-hand plus backordered stock, unless backorders are allowed.
//! 2. An order's total is the sum of its parts.
//! 3. `0 ≤ refunded ≤ captured ≤ authorized`, per payment. An order's sums and statuses match its payments and
//!    shipments. No more is shipped than was bought and not canceled, no more is returned than was shipped, and no more
//!    is refunded for it than it cost. No more of the price is kept than was asked for. Every call in transit to or
//!    from a gateway is being handled, and every intent that a payment waits for will be executed.
//! 4. A cart becomes at most one order. A finished order holds no stock; any other order holds the stock that it has
//!    yet to ship. The ledger matches the items that were shipped and restocked. The uses of a promotion, in total and
//!    per customer, match the orders that carry it and were not canceled; so does the number of orders of a customer.
//! 5. The current price of a variant is the last entry of its price history.
//! 6. Data that a storage derives from the rows agrees with them
//!    ([`Store::miscounted`](crate::store::Store::miscounted)).
//!
//! The check reads page by page while the shop keeps running, from one consistent snapshot
//! ([`Store::read_snapshot`](crate::store::Store::read_snapshot)). Where a storage has no snapshots, the check reads
//! suspicious rows again and reports only those that stay wrong.

mod customers;
mod orders;
mod pages;
mod prices;
mod promotions;
mod rules;
mod staff_tasks;
mod stock;
mod taxes;
#[cfg(test)]
mod tests;

use crate::error::Result;
use crate::shop::Shop;

/// The number of reads of a suspicious row before it is reported: a change between two reads can make correct rows look
/// inconsistent.
const ATTEMPTS: u32 = 5;

impl Shop {
    /// Verifies the invariants of the stored data. Returns one sentence per violation; none if everything is
    /// consistent.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) or [`Error::Fault`](crate::Error::Fault) when the storage
    /// cannot be read.
    pub async fn check(&self) -> Result<Vec<String>> {
        match self.store().read_snapshot().await? {
            Some(snapshot) => self.over(snapshot).check_all().await,
            None => self.check_all().await,
        }
    }

    async fn check_all(&self) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        self.check_stock(&mut problems).await?;
        self.check_orders(&mut problems).await?;
        problems.extend(self.check_prices().await?);
        problems.extend(self.check_uses().await?);
        problems.extend(self.check_customers().await?);
        problems.extend(self.store().miscounted().await?);
        Ok(problems)
    }
}
