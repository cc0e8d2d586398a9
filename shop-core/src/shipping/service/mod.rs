//! The calls of this domain: each loads, decides and commits.

mod addresses;
mod shipments;
mod tariff;

use crate::shop::Shop;

/// The calls about shipping; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Shipping<'a> {
    shop: &'a Shop,
}

impl<'a> Shipping<'a> {
    pub(crate) fn new(shop: &'a Shop) -> Self {
        Self { shop }
    }
}

#[cfg(test)]
mod tests;
