//! The products and stock levels behind the lines of a cart.

use crate::error::Result;
use crate::id::VariantId;
use crate::inventory::operations::{Availability, availability};
use crate::model::catalog::{Product, Variant};
use crate::model::inventory::StockLevel;
use crate::money::Currency;
use crate::pricing::BasketLine;
use crate::store::Store;

/// The products and stock levels of some variants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CartContents {
    /// The products, in no particular order.
    pub products: Vec<Product>,
    /// Every stock level of every variant, ordered by the location's priority.
    pub stock: Vec<StockLevel>,
}

impl CartContents {
    /// Loads the products and stock of these variants, with two reads however many variants there are.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn load(store: &dyn Store, variants: &[VariantId]) -> Result<Self> {
        if variants.is_empty() {
            return Ok(Self::default());
        }
        let (products, stock) =
            futures_util::future::try_join(store.products_of_variants(variants), store.stock_of(variants)).await?;
        Ok(Self { products, stock })
    }

    /// Returns the variant with this id and its product, whether or not it is on sale.
    #[must_use]
    pub fn find(&self, id: VariantId) -> Option<(&Product, &Variant)> {
        self.products.iter().find_map(|product| Some((product, product.variant(id)?)))
    }

    /// Returns the variant and its product if it is on sale in this currency.
    #[must_use]
    pub fn on_sale(&self, id: VariantId, currency: Currency) -> Option<(&Product, &Variant)> {
        self.find(id).filter(|(product, _)| product.sells(id) && product.currency == currency)
    }

    /// Returns a line of this quantity at the current price of the variant, whether or not it is on sale.
    #[must_use]
    pub fn line(&self, id: VariantId, quantity: i64) -> Option<BasketLine<'_>> {
        let (product, variant) = self.find(id)?;
        Some(BasketLine {
            variant_id: id,
            product_id: product.id,
            category_id: product.category_id,
            tax_class: &variant.tax_class,
            unit_price: variant.price,
            quantity,
        })
    }

    /// How many of a variant can be sold now; none when it is not on sale.
    #[must_use]
    pub fn availability(&self, id: VariantId, currency: Currency) -> Availability {
        match self.on_sale(id, currency) {
            Some(_) => availability(self.stock.iter().filter(|level| level.variant_id == id)),
            None => availability([]),
        }
    }
}
