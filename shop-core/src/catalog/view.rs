//! What callers see of a product.

use std::collections::HashMap;

use super::model::{Product, Variant};
use crate::id::VariantId;
use crate::inventory::StockLevel;
use crate::inventory::operations::{Availability, availability};

/// A product, and what of its offered variants can be sold now.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductView {
    /// The product.
    pub product: Product,
    /// What of each offered variant can be sold, in the order of [`Product::live_variants`].
    availability: Vec<Availability>,
}

impl ProductView {
    /// The product with the levels of its variants (others are left aside).
    #[must_use]
    pub fn new(product: Product, levels: &[StockLevel]) -> Self {
        let of = |variant: &Variant| availability(levels.iter().filter(|level| level.variant_id == variant.id));
        let availability = product.live_variants().map(of).collect();
        Self { product, availability }
    }

    /// The products of a page with the levels of all their variants.
    #[must_use]
    pub fn all(products: Vec<Product>, levels: Vec<StockLevel>) -> Vec<Self> {
        let mut by_variant: HashMap<VariantId, Vec<StockLevel>> = HashMap::new();
        for level in levels {
            by_variant.entry(level.variant_id).or_default().push(level);
        }
        let view = |product: Product| {
            let of = |variant: &Variant| availability(by_variant.get(&variant.id).into_iter().flatten());
            let availability = product.live_variants().map(of).collect();
            Self { product, availability }
        };
        products.into_iter().map(view).collect()
    }

    /// The offered variants in order, each with what of it can be sold.
    pub fn variants(&self) -> impl Iterator<Item = (&Variant, Availability)> {
        self.product.live_variants().zip(self.availability.iter().copied())
    }

    /// The product, and what of each offered variant can be sold, in the order of [`Product::live_variants`].
    #[must_use]
    pub fn into_parts(self) -> (Product, Vec<Availability>) {
        (self.product, self.availability)
    }

    /// The sku of a product that has one variant.
    #[must_use]
    pub fn sku(&self) -> Option<&str> {
        let mut variants = self.product.live_variants();
        match (variants.next(), variants.next()) {
            (Some(only), None) => Some(&only.sku),
            _ => None,
        }
    }
}
