//! A shop with products for tests of the calls.

use chrono::DateTime;
use uuid::Uuid;

use crate::actor::Actor;
use crate::batch::{Batch, CatalogWrite, Change, Decision, InventoryWrite};
use crate::cart::AddItem;
use crate::cart::operations::fixtures::contents;
use crate::catalog::next_periods;
use crate::id::VariantId;
use crate::model::catalog::Product;
use crate::model::inventory::{Movement, MovementReason, StockLevel};
use crate::model::shipping::{Method, Rate, Zone};
use crate::money::{Amount, Currency};
use crate::orders::PlaceOrder;
use crate::shipping::AddressInput;
use crate::shop::Tokens;
use crate::testing::{World, block_on};

/// The products of a test's shop.
pub(crate) struct Offer {
    /// Products with one variant each.
    pub(crate) products: Vec<Product>,
    /// Ships everywhere for 5.00.
    pub(crate) method: Method,
}

impl Offer {
    pub(crate) fn variant(&self, index: usize) -> VariantId {
        self.products[index].variants[0].id
    }

    /// A guest's input to order a cart.
    pub(crate) fn order_input(&self) -> PlaceOrder {
        PlaceOrder {
            shipping_address: AddressInput {
                first_name: "Ada".into(),
                last_name: "Lovelace".into(),
                line1: "12 St James's Square".into(),
                city: "London".into(),
                country: "GB".into(),
                ..AddressInput::default()
            }
            .into(),
            shipping_method_id: self.method.id.into(),
            payment_gateway: "manual".into(),
            email: "ada@example.com".into(),
            ..PlaceOrder::default()
        }
    }
}

/// A guest with a cart of one variant.
pub(crate) fn guest(world: &World, variant: VariantId, quantity: i64) -> Actor {
    let item = AddItem { variant_id: variant.into(), quantity: quantity.into(), ..AddItem::default() };
    let cart = block_on(world.shop.carts().add_item(&Actor::anonymous(), item)).unwrap();
    let token = cart.token.unwrap();
    block_on(world.shop.identify(Tokens { cart: Some(token.expose()), ..Tokens::default() })).unwrap()
}

/// Adds products of (price, on hand) with ledger entries, and a shipping method.
pub(crate) fn offer(world: &World, things: &[(i64, i64)]) -> Offer {
    let contents = contents(things);
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
    let (products, stock) = (&contents.products, &contents.stock);
    let (zone, new_method) = (&zone, &method);
    block_on(world.shop.execute(&Actor::system(), |mut context| async move {
        let location_id = world.shop.store().locations().await?[0].id;
        let mut batch = Batch::new(&mut context);
        batch.write(Change::Insert(zone.clone()));
        batch.write(Change::Insert(new_method.clone()));
        for (product, level) in products.iter().zip(stock) {
            batch.write(Change::Insert(product.clone()));
            for period in next_periods(None, product, &[], context.now()) {
                batch.write(CatalogWrite::PricePeriod(period));
            }
            batch.write(InventoryWrite::InsertLevel(StockLevel { location_id, ..level.clone() }));
            batch.write(InventoryWrite::Movement(Movement {
                id: context.id(),
                variant_id: level.variant_id,
                sku: level.sku.clone(),
                location_id,
                delta: level.on_hand,
                reason: MovementReason::Received,
                note: String::new(),
                order_id: None,
                created_at: context.now(),
            }));
        }
        Ok(Decision { batch, reply: () })
    }))
    .unwrap();
    Offer { products: contents.products, method }
}
