//! Verifies that what is stored makes sense as a whole: the rules that hold whatever happened.
//!
//! 1. What lies in stock is the sum of the ledger; what is reserved is the sum of the live reservations, and no more
//!    than there is or was backordered, unless backorders are taken.
//! 2. An order's total is the sum of its parts.
//! 3. `0 ≤ refunded ≤ captured ≤ authorized`, per payment; an order's sums and statuses are those of its payments and
//!    parcels, and no more of it left than was bought and not canceled, nor came back than had left, nor is given back for it than it cost.
//!    No more of its price is kept than was asked for, what is on its way to or from a gateway is being seen to, and an
//!    intent that a payment waits for is one that will be carried out.
//! 4. A cart became at most one order; an order that is over holds no stock, and one that is not holds what has yet to
//!    leave; what left with its parcels and came back to stock is what the ledger says; a promotion's uses, in all and by
//!    each customer, are the orders that carry it and were not canceled, and so is the number of orders of a customer.
//! 5. What a variant is offered for is what the history of its prices ends with.
//! 6. What a storage keeps beside the rows is what the rows say ([`Store::miscounted`](crate::store::Store::miscounted)).
//!
//! It reads page by page while the shop goes on, and all of it as of one moment
//! ([`Store::at_one_moment`](crate::store::Store::at_one_moment)). Where a storage cannot do that, what looks wrong is looked
//! at again, and reported only when it stays wrong.

mod customers;
mod orders;
mod pages;
mod people;
mod prices;
mod rules;
mod stock;
mod taxes;
#[cfg(test)]
mod tests;
mod uses;

use crate::error::Result;
use crate::shop::Shop;

/// How often something that looks wrong is looked at before it is reported: between two reads the shop may have moved
/// on, and then both are right.
const LOOKS: u32 = 5;

impl Shop {
    /// Verifies the invariants of everything stored; one sentence for each that is broken, none when all is well.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn check(&self) -> Result<Vec<String>> {
        match self.store().at_one_moment().await? {
            Some(moment) => self.over(moment).check_all().await,
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
