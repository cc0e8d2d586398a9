//! Carts and their contents for tests.

use std::collections::BTreeMap;

use chrono::DateTime;

use super::open;
use crate::cart::CartContents;
use crate::clock::DecisionContext;
use crate::model::cart::Cart;
use crate::model::catalog::{Product, ProductStatus, Variant};
use crate::model::inventory::StockLevel;
use crate::money::{Amount, Currency};

pub(crate) fn context() -> DecisionContext {
    DecisionContext::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap(), [3; 32])
}

/// A guest's empty cart that is already stored.
pub(crate) fn cart() -> Cart {
    Cart { version: 1, ..open(None, Currency::USD, &mut context()) }
}

/// Products with one variant each, from pairs of (price, stock on hand).
pub(crate) fn contents(things: &[(i64, i64)]) -> CartContents {
    let mut context = DecisionContext::new(DateTime::from_timestamp(1_790_000_000, 0).unwrap(), [4; 32]);
    let location = context.id();
    let mut contents = CartContents::default();
    for (index, (price, on_hand)) in things.iter().enumerate() {
        let product = Product {
            id: context.id(),
            slug: format!("thing-{index}"),
            name: format!("Thing {index}"),
            description: String::new(),
            status: ProductStatus::Active,
            category_id: None,
            currency: Currency::USD,
            options: Vec::new(),
            images: Vec::new(),
            attributes: serde_json::Map::new(),
            variants: vec![Variant {
                id: context.id(),
                sku: format!("SKU-{index}"),
                price: Amount(*price),
                compare_at_price: None,
                options: BTreeMap::new(),
                weight_grams: 100,
                barcode: None,
                tax_class: "standard".into(),
                archived: false,
                lowest_price_30_days: None,
            }],
            created_at: context.now(),
            updated_at: context.now(),
            version: 1,
        };
        contents.stock.push(StockLevel {
            variant_id: product.variants[0].id,
            product_id: product.id,
            sku: format!("SKU-{index}"),
            location_id: location,
            on_hand: *on_hand,
            reserved: 0,
            backordered: 0,
            low_stock_threshold: 0,
            tracked: true,
            backorder: false,
        });
        contents.products.push(product);
    }
    contents
}
