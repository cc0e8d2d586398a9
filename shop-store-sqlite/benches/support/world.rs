//! A shop with many products, customers, carts and old orders, written through the store's `commit` in large batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use shop_core::accounts::{Session, User};
use shop_core::batch::{Batch, Change, RowWrite, Write};
use shop_core::cart::{Cart, CartItem, CartStatus};
use shop_core::catalog::{CatalogWrite, Category, Image, Product, ProductStatus, Variant};
use shop_core::clock::{Clock as _, DecisionContext, SystemClock, Timestamp};
use shop_core::id::{LocationId, MethodId, ProductId, SessionId, UserId, VariantId, ZoneId};
use shop_core::inventory::{InventoryWrite, Reservation, ReservationStatus, StockLevel};
use shop_core::money::{Amount, Currency};
use shop_core::orders::operations::draw_number;
use shop_core::orders::{
    FulfillmentStatus, HistoryEntry, Order, OrderItem, OrderStatus, OrdersWrite, PaymentStatus, PlaceOrder,
    ShippingMethodSnapshot,
};
use shop_core::payments::{Payment, PaymentState, RemoteState};
use shop_core::promotions::{Counter, UsesDelta};
use shop_core::shipping::{Address, AddressInput, Method, Rate, Zone};
use shop_core::store::Store;
use shop_core::{Actor, actor::SignedIn};

use super::Result;

/// The number of writes per batch while the shop is filled.
const WRITES_PER_BATCH: usize = 4_000;
/// The stock of every variant; no benchmark sells it out.
const PLENTY: i64 = 1_000_000_000;

/// A variant that customers buy.
#[derive(Debug, Clone)]
pub(crate) struct SoldVariant {
    /// The product.
    pub(crate) product: ProductId,
    /// The variant.
    pub(crate) variant: VariantId,
    /// The variant's sku.
    pub(crate) sku: String,
}

/// A signed-in customer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Customer {
    /// The account.
    pub(crate) user: UserId,
    /// The session of the requests.
    pub(crate) session: SessionId,
}

impl Customer {
    /// The actor of this customer's calls.
    pub(crate) fn actor(self) -> Actor {
        Actor::user(SignedIn {
            user_id: self.user,
            session_id: Some(self.session),
            is_staff: false,
            is_superuser: false,
        })
    }

    /// The e-mail address of the customer with this number.
    pub(crate) fn email(number: usize) -> String {
        format!("customer{number}@example.com")
    }
}

/// What customers put into their carts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// All customers the same two variants.
    Hot,
    /// Two of the first thousand variants.
    Spread,
}

/// The ids of the shop's rows.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// The location of all stock.
    pub(crate) location: LocationId,
    /// The only shipping method.
    pub(crate) method: MethodId,
    /// One per product: its first variant.
    pub(crate) variants: Vec<SoldVariant>,
    /// The signed-in customers.
    pub(crate) customers: Vec<Customer>,
    base: Timestamp,
}

impl World {
    /// Fills an empty shop, which has only its default location, with products of two variants each, and with customers
    /// whose password has this hash.
    pub(crate) async fn fill(
        store: &dyn Store,
        products: usize,
        customers: usize,
        password_hash: &str,
    ) -> Result<Self> {
        let location = store.locations().await?.first().ok_or("the shop has no location")?.id;
        let base = SystemClock.now();
        let mut filler = Filler::new(store, base);
        let mut context = filler.context();
        let (zone, method): (ZoneId, MethodId) = (context.id(), context.id());
        filler
            .add([
                RowWrite::Zone(Change::Insert(Zone {
                    id: zone,
                    name: "Home".to_owned(),
                    countries: vec!["US".to_owned()],
                    created_at: base,
                    version: 1,
                })),
                RowWrite::Method(Change::Insert(Method {
                    id: method,
                    name: "Standard".to_owned(),
                    zone_id: zone,
                    carrier: Some("UPS".to_owned()),
                    currency: Currency::USD,
                    rate: Rate::Flat { price: Amount(499) },
                    free_over: None,
                    min_days: Some(2),
                    max_days: Some(5),
                    active: true,
                    created_at: base,
                    version: 1,
                })),
            ])
            .await?;
        let mut categories = Vec::new();
        for number in 0..CATEGORIES {
            let category = category(number, &mut filler.context());
            categories.push(category.id);
            filler.add([RowWrite::Category(Change::Insert(category))]).await?;
        }
        let mut variants = Vec::with_capacity(products);
        for number in 0..products {
            let category_id = categories.get(number % CATEGORIES).copied();
            let product = Product { category_id, ..product(number, &mut filler.context()) };
            let levels = product.variants.iter().map(|variant| level(&product, variant, location));
            let levels: Vec<_> = levels.map(InventoryWrite::InsertLevel).map(Write::from).collect();
            if let Some(variant) = product.variants.first() {
                variants.push(SoldVariant { product: product.id, variant: variant.id, sku: variant.sku.clone() });
            }
            filler.add([RowWrite::Product(Change::Insert(product))]).await?;
            filler.add(levels).await?;
        }
        let mut people = Vec::with_capacity(customers);
        for number in 0..customers {
            let mut context = filler.context();
            let customer = Customer { user: context.id(), session: context.id() };
            filler
                .add([
                    RowWrite::User(Change::Insert(user(customer, number, password_hash, base))),
                    RowWrite::Session(Change::Insert(session(customer, base))),
                ])
                .await?;
            people.push(customer);
        }
        filler.finish().await?;
        Ok(Self { location, method, variants, customers: people, base })
    }

    /// Creates an open cart with two lines for each of these customers, who must not have one.
    pub(crate) async fn fill_carts(
        &self,
        store: &dyn Store,
        customers: &[Customer],
        demand: Demand,
    ) -> Result<Vec<Cart>> {
        let mut filler = Filler::new(store, SystemClock.now());
        let mut carts = Vec::with_capacity(customers.len());
        for (number, customer) in customers.iter().enumerate() {
            let cart = self.cart(*customer, number, demand, &mut filler.context());
            filler.add([RowWrite::Cart(Change::Insert(cart.clone()))]).await?;
            carts.push(cart);
        }
        filler.finish().await?;
        Ok(carts)
    }

    fn cart(&self, customer: Customer, number: usize, demand: Demand, context: &mut DecisionContext) -> Cart {
        let lines = match demand {
            Demand::Hot => [0, 1],
            // Two different variants. The step has no common divisor with 1,000, so all variants are used.
            Demand::Spread => [number * 37 % 1_000, (number * 37 + 501) % 1_000],
        };
        let variants = lines.iter().filter_map(|line| self.variants.get(line % self.variants.len()));
        let items = variants.map(|sold| CartItem { id: context.id(), variant_id: sold.variant, quantity: 1 }).collect();
        Cart {
            id: context.id(),
            customer_id: Some(customer.user),
            currency: Currency::USD,
            status: CartStatus::Open,
            items,
            coupons: Vec::new(),
            created_at: context.now(),
            updated_at: context.now(),
            version: 1,
        }
    }

    /// Writes orders that were delivered long ago, without the events and operations, which would be deleted by now.
    pub(crate) async fn fill_orders(&self, store: &dyn Store, orders: usize) -> Result<()> {
        let mut filler = Filler::new(store, self.base - chrono::TimeDelta::days(365));
        for number in 0..orders {
            let mut context = filler.context();
            let order = self.order(number, &mut context).ok_or("there are too few products for an order")?;
            let reservations = order.items.iter().map(|item| Reservation {
                id: context.id(),
                order_id: order.id,
                order_item_id: item.id,
                variant_id: item.variant_id,
                sku: item.sku.clone(),
                location_id: self.location,
                quantity: item.quantity,
                remaining: 0,
                status: ReservationStatus::Consumed,
                created_at: order.placed_at,
                version: 2,
            });
            let reservations: Vec<_> = reservations.collect();
            let payment = Payment {
                id: context.id(),
                order_id: order.id,
                gateway: "manual".to_owned(),
                amount: order.total,
                currency: order.currency,
                state: PaymentState::Captured,
                amount_authorized: order.total,
                amount_captured: order.total,
                amount_refunded: Amount::ZERO,
                gateway_reference: None,
                failure: None,
                remote: RemoteState::default(),
                refunds: Vec::new(),
                created_at: order.placed_at,
                updated_at: order.placed_at,
                version: 2,
            };
            let placed = HistoryEntry {
                id: context.id(),
                order_id: order.id,
                at: order.placed_at,
                event: "placed".to_owned(),
                actor: "customer".to_owned(),
                detail: format!("Order {} was placed.", order.number),
                visible: true,
            };
            let counted = UsesDelta { counter: Counter::Orders(order.buyer().key()), delta: 1, limit: None };
            filler.add([Change::Insert(order)]).await?;
            filler.add([OrdersWrite::History(placed)]).await?;
            filler.add([CatalogWrite::Uses(counted)]).await?;
            filler.add([RowWrite::Payment(Change::Insert(payment))]).await?;
            filler.add(reservations.into_iter().map(|row| RowWrite::Reservation(Change::Insert(row)))).await?;
        }
        filler.finish().await
    }

    fn order(&self, number: usize, context: &mut DecisionContext) -> Option<Order> {
        let customer = self.customers.get(number % self.customers.len())?;
        let variants = [number * 37, number * 37 + 501].map(|place| self.variants.get(place % self.variants.len()));
        let items = variants.into_iter().map(|sold| {
            let sold = sold?;
            Some(OrderItem {
                id: context.id(),
                product_id: sold.product,
                variant_id: sold.variant,
                sku: sold.sku.clone(),
                name: "A thing of the past".to_owned(),
                options: BTreeMap::from([("size".to_owned(), "M".to_owned())]),
                unit_price: Amount(1_999),
                quantity: 1,
                discount: Amount::ZERO,
                tax: Amount::ZERO,
                tax_class: Some("standard".to_owned()),
                tax_rate: None,
                line_total: Amount(1_999),
            })
        });
        let items: Vec<_> = items.collect::<Option<_>>()?;
        let email = Customer::email(number % self.customers.len());
        Some(Order {
            id: context.id(),
            number: draw_number(context),
            cart_id: context.id(),
            customer_id: Some(customer.user),
            email: email.clone(),
            email_key: email,
            currency: Currency::USD,
            items,
            subtotal: Amount(3_998),
            discount_total: Amount::ZERO,
            shipping_total: Amount(499),
            shipping_tax: Amount::ZERO,
            explanation: shop_core::pricing::Explanation::default(),
            tax_total: Amount::ZERO,
            total: Amount(4_497 + i64::from(context.below(5_000))),
            amount_paid: Amount(4_497),
            amount_refunded: Amount::ZERO,
            shipping_address: address(),
            billing_address: address(),
            shipping_method: ShippingMethodSnapshot {
                id: self.method,
                name: "Standard".to_owned(),
                price: Amount(499),
                cheapest: None,
                carrier: Some("UPS".to_owned()),
            },
            status: OrderStatus::Completed,
            payment_status: PaymentStatus::Paid,
            fulfillment_status: FulfillmentStatus::Delivered,
            note: String::new(),
            placed_at: context.now(),
            canceled_at: None,
            hold_until: None,
            ships_unpaid: false,
            canceled_items: Vec::new(),
            withdrawals: Vec::new(),
            claimed_at: None,
            updated_at: context.now(),
            version: 3,
        })
    }

    /// The input that turns a customer's cart into an order.
    pub(crate) fn order_input(&self) -> PlaceOrder {
        PlaceOrder {
            shipping_address: AddressInput {
                first_name: "Ada".into(),
                last_name: "Lovelace".into(),
                line1: "12 St James's Square".into(),
                city: "New York".into(),
                region: "NY".into(),
                postal_code: "10001".into(),
                country: "US".into(),
                ..AddressInput::default()
            }
            .into(),
            shipping_method_id: self.method.into(),
            payment_gateway: "manual".into(),
            ..PlaceOrder::default()
        }
    }
}

/// The shipping address of all orders.
pub(crate) fn address() -> Address {
    Address {
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        company: None,
        line1: "12 St James's Square".to_owned(),
        line2: None,
        city: "New York".to_owned(),
        region: Some("NY".to_owned()),
        postal_code: Some("10001".to_owned()),
        country: "US".to_owned(),
        phone: None,
    }
}

/// The number of categories.
const CATEGORIES: usize = 10;

fn category(number: usize, context: &mut DecisionContext) -> Category {
    Category {
        id: context.id(),
        slug: format!("category-{number}"),
        name: format!("Category {number}"),
        description: String::new(),
        parent_id: None,
        position: 0,
        created_at: context.now(),
        updated_at: context.now(),
        version: 1,
    }
}

fn product(number: usize, context: &mut DecisionContext) -> Product {
    let variant = |size: &str, context: &mut DecisionContext| Variant {
        id: context.id(),
        sku: format!("SKU-{number:06}-{size}"),
        // Prices are spread over the creation order, so that a price range holds the same share of any number of
        // products.
        price: Amount(1_000 + i64::try_from(number * 7_919 % 5_000).unwrap_or(0)),
        compare_at_price: Some(Amount(7_999)),
        options: BTreeMap::from([("size".to_owned(), size.to_owned()), ("color".to_owned(), "black".to_owned())]),
        weight_grams: 250,
        barcode: Some(format!("40000{number:08}")),
        tax_class: "standard".to_owned(),
        archived: false,
        lowest_price_30_days: None,
    };
    let attributes = serde_json::json!({"material": "cotton", "origin": "PT", "organic": true, "pieces": 1});
    Product {
        id: context.id(),
        slug: format!("product-{number}"),
        name: format!("Shirt number {number} for every day"),
        description: "Made of heavy cotton, washed before it is cut, so that it keeps its shape. ".repeat(4),
        status: ProductStatus::Active,
        category_id: None,
        currency: Currency::USD,
        options: vec!["size".to_owned(), "color".to_owned()],
        images: ["front", "back"]
            .map(|side| Image {
                url: format!("https://images.example.com/{number}/{side}.webp"),
                alt: format!("The {side} of the shirt"),
            })
            .into(),
        attributes: attributes.as_object().cloned().unwrap_or_default(),
        variants: vec![variant("M", context), variant("L", context)],
        created_at: context.now(),
        updated_at: context.now(),
        version: 1,
    }
}

fn level(product: &Product, variant: &Variant, location: LocationId) -> StockLevel {
    StockLevel {
        variant_id: variant.id,
        product_id: product.id,
        sku: variant.sku.clone(),
        location_id: location,
        on_hand: PLENTY,
        reserved: 0,
        backordered: 0,
        low_stock_threshold: 0,
        tracked: true,
        backorder: false,
    }
}

fn user(customer: Customer, number: usize, password_hash: &str, now: Timestamp) -> User {
    let email = Customer::email(number);
    User {
        id: customer.user,
        email: email.clone(),
        email_key: email,
        username: None,
        username_key: None,
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        phone: String::new(),
        password_hash: password_hash.to_owned(),
        email_verified: true,
        is_active: true,
        is_staff: false,
        is_superuser: false,
        session_epoch: 0,
        date_joined: now,
        last_login: None,
        version: 1,
    }
}

fn session(customer: Customer, now: Timestamp) -> Session {
    Session {
        id: customer.session,
        user_id: customer.user,
        refresh_hash: [0; 32],
        rotations: Vec::new(),
        epoch: 0,
        created_at: now,
        expires_at: now + chrono::TimeDelta::days(1),
        revoked_at: None,
        version: 1,
    }
}

/// Collects writes into large batches. Every row gets its own time, a millisecond after the last, so that ids grow as
/// those of a real shop do.
struct Filler<'a> {
    store: &'a dyn Store,
    writes: Vec<Write>,
    now: Timestamp,
    seed: u64,
}

impl<'a> Filler<'a> {
    fn new(store: &'a dyn Store, now: Timestamp) -> Self {
        Self { store, writes: Vec::new(), now, seed: 0 }
    }

    fn context(&mut self) -> DecisionContext {
        self.seed += 1;
        self.now += chrono::TimeDelta::milliseconds(1);
        let mut seed = [7; 32];
        seed.iter_mut().zip(self.seed.to_le_bytes()).for_each(|(to, from)| *to = from);
        DecisionContext::new(self.now, seed)
    }

    async fn add(&mut self, writes: impl IntoIterator<Item = impl Into<Write>>) -> Result<()> {
        self.writes.extend(writes.into_iter().map(Into::into));
        if self.writes.len() >= WRITES_PER_BATCH { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<()> {
        let mut batch = Batch::new(&mut self.context());
        batch.writes = std::mem::take(&mut self.writes);
        Ok(self.store.commit(Arc::new(batch)).await?)
    }

    async fn finish(&mut self) -> Result<()> {
        if self.writes.is_empty() { Ok(()) } else { self.flush().await }
    }
}
