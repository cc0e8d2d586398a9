//! What callers see of a product.

use std::collections::HashMap;

use crate::id::VariantId;
use crate::inventory::operations::{Availability, availability};
use crate::model::catalog::{Product, Variant};
use crate::model::inventory::StockLevel;

/// A product with the availability of its live variants.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductView {
    /// The product, including archived variants.
    pub product: Product,
    /// The availability of each variant of [`Product::live_variants`], in the same order.
    availability: Vec<Availability>,
}

impl ProductView {
    /// Creates the view from the stock levels of the variants; levels of other variants are ignored.
    #[must_use]
    pub fn new(product: Product, levels: &[StockLevel]) -> Self {
        let of = |variant: &Variant| availability(levels.iter().filter(|level| level.variant_id == variant.id));
        let availability = product.live_variants().map(of).collect();
        Self { product, availability }
    }

    /// Creates the views of a page of products from the stock levels of all their variants.
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

    /// The live variants in order, each with its availability.
    pub fn variants(&self) -> impl Iterator<Item = (&Variant, Availability)> {
        self.product.live_variants().zip(self.availability.iter().copied())
    }

    /// The product, and the availability of each variant of [`Product::live_variants`] in the same order.
    #[must_use]
    pub fn into_parts(self) -> (Product, Vec<Availability>) {
        (self.product, self.availability)
    }

    /// The SKU of a product with only one live variant.
    #[must_use]
    pub fn sku(&self) -> Option<&str> {
        let mut variants = self.product.live_variants();
        match (variants.next(), variants.next()) {
            (Some(only), None) => Some(&only.sku),
            _ => None,
        }
    }
}
