//! A shop that sells something, for the tests of the calls.

use chrono::DateTime;
use uuid::Uuid;

use crate::actor::Actor;
use crate::batch::{Batch, Change};
use crate::cart::operations::fixtures::goods;
use crate::catalog::{CatalogWrite, Product};
use crate::execute::Decision;
use crate::id::VariantId;
use crate::inventory::{InventoryWrite, Movement, MovementReason, StockLevel};
use crate::money::{Amount, Currency};
use crate::shipping::{Method, Rate, ShippingWrite, Zone};
use crate::testing::{World, block_on};

/// What a shop sells in a test.
pub(crate) struct Offer {
    /// One variant each.
    pub(crate) products: Vec<Product>,
    /// Ships everywhere for 5.00.
    pub(crate) method: Method,
}

impl Offer {
    pub(crate) fn variant(&self, index: usize) -> VariantId {
        self.products[index].variants[0].id
    }
}

/// Fills a shop with products of (price, on hand), counted in the ledger, and a way to ship them.
pub(crate) fn offer(world: &World, things: &[(i64, i64)]) -> Offer {
    let goods = goods(things);
    let zone = Zone {
        id: Uuid::from_u128(1).into(),
        name: "World".into(),
        countries: vec!["*".into()],
        created_at: DateTime::UNIX_EPOCH,
        version: 1,
    };
    let method = Method {
        id: Uuid::from_u128(2).into(),
        name: "Post".into(),
        zone_id: zone.id,
        carrier: Some("Royal Mail".into()),
        currency: Currency::USD,
        rate: Rate::Flat { price: Amount(500) },
        free_over: None,
        min_days: None,
        max_days: None,
        active: true,
        created_at: DateTime::UNIX_EPOCH,
        version: 1,
    };
    let (products, stock) = (&goods.products, &goods.stock);
    let (zone, tariff) = (&zone, &method);
    block_on(world.shop.execute(&Actor::system(), |mut moment| async move {
        let location_id = world.shop.store().locations().await?[0].id;
        let mut batch = Batch::new(&mut moment);
        batch.write(ShippingWrite::Zone(Change::Insert(zone.clone())));
        batch.write(ShippingWrite::Method(Change::Insert(tariff.clone())));
        for (product, level) in products.iter().zip(stock) {
            batch.write(CatalogWrite::Product(Change::Insert(product.clone())));
            batch.write(InventoryWrite::InsertLevel(StockLevel { location_id, ..level.clone() }));
            batch.write(InventoryWrite::Movement(Movement {
                id: moment.id(),
                variant_id: level.variant_id,
                sku: level.sku.clone(),
                location_id,
                delta: level.on_hand,
                reason: MovementReason::Received,
                note: String::new(),
                order_id: None,
                created_at: moment.now(),
            }));
        }
        Ok(Decision { batch, reply: () })
    }))
    .unwrap();
    Offer { products: goods.products, method }
}
