//! The calls of this domain: each loads, decides and commits.

mod addresses;
mod rates;
mod shipments;

use crate::shop::Shop;

/// The calls about shipping; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Shipping<'a> {
    shop: &'a Shop,
}

impl Shop {
    /// Address book, shipping rates and shipments.
    #[must_use]
    pub fn shipping(&self) -> Shipping<'_> {
        Shipping { shop: self }
    }
}

#[cfg(test)]
mod tests;
