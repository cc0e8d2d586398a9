//! Believable rows.

use std::collections::BTreeMap;

use crate::accounts::{Otp, Session, User};
use crate::cart::{Cart, CartItem, CartStatus};
use crate::catalog::{Category, Product, ProductStatus, Variant};
use crate::clock::Timestamp;
use crate::idempotency::{Answer, AnswerKey};
use crate::inventory::{Location, Movement, MovementReason, Reservation, ReservationStatus, StockLevel};
use crate::money::{Amount, Currency};
use crate::orders::{
    Draft, DraftItem, FulfillmentStatus, HistoryEntry, Order, OrderItem, OrderStatus, PaymentStatus, Return,
    ReturnItem, ReturnStatus, ShippingMethodSnapshot,
};
use crate::outbox::{Content, Delivery, DeliveryStatus, Event, EventKind, Webhook};
use crate::payments::{Payment, PaymentState, Refund, RefundState};
use crate::pricing::{Adjustment, AdjustmentKind, Explanation, Ratio, UsedPromotion, UsedTaxRate};
use crate::shipping::{Address, Method, Rate, SavedAddress, Shipment, ShipmentItem, ShipmentStatus, Zone};

use super::lab::{CaseResult, Lab, accepted};
use super::rows::insert;

/// Text that breaks what is pasted together: quotes, wildcards, escapes, line ends, right-to-left, beyond the BMP.
pub(super) const WILD: &str =
    "Zoë's \"naïve\" %_\\ -- ; $1 ?1 {}\r\n\t\u{202e}שלום 東京 e\u{301} 😀\u{1f468}\u{200d}\u{1f469}";

pub(super) fn wild() -> String {
    WILD.to_owned()
}

/// Before 1970, to the microsecond.
pub(super) fn long_ago() -> Timestamp {
    Timestamp::from_timestamp_micros(-1_000_001).unwrap_or_default()
}

/// The end of the year 9999, to the microsecond.
pub(super) fn far_away() -> Timestamp {
    Timestamp::from_timestamp_micros(253_402_300_799_999_999).unwrap_or_default()
}

/// Why an order costs what it costs, with something in every field.
pub(super) fn explanation() -> Explanation {
    let id = uuid::Uuid::from_u128(7);
    let adjustment =
        Adjustment { kind: AdjustmentKind::Promotion, label: wild(), amount: Amount(-1), code: Some(wild()) };
    Explanation {
        prices_include_tax: true,
        adjustments: vec![
            adjustment.clone(),
            Adjustment { kind: AdjustmentKind::IncludedTax, code: None, ..adjustment },
        ],
        promotions: vec![UsedPromotion {
            promotion_id: id.into(),
            name: wild(),
            code: None,
            free_shipping: true,
            amount: Amount::MAX,
        }],
        taxes: vec![UsedTaxRate {
            tax_rate_id: Some(id.into()),
            version: 3,
            name: wild(),
            rate: Ratio(82_500),
            base: Amount::MAX,
            amount: Amount(1),
        }],
    }
}

/// What most rows of other domains hang on, as it stands in the store.
pub(super) struct World {
    /// With two variants.
    pub(super) product: Product,
    /// The default location.
    pub(super) location: Location,
    pub(super) order: Order,
}

impl World {
    pub(super) fn variant(&self) -> Variant {
        self.product.variants.first().cloned().unwrap_or_else(|| variant(crate::id::VariantId(uuid::Uuid::nil()), ""))
    }
}

fn variant(id: crate::id::VariantId, sku: &str) -> Variant {
    Variant {
        id,
        sku: sku.to_owned(),
        price: Amount(1999),
        compare_at_price: None,
        options: BTreeMap::new(),
        weight_grams: 100,
        barcode: None,
        tax_class: "standard".to_owned(),
        archived: false,
    }
}

impl Lab {
    /// Commits a person, a product, the default location and a placed order.
    pub(super) async fn world(&mut self) -> CaseResult<World> {
        let user = self.user();
        let product = self.product("Tea");
        let location = Location { is_default: true, ..self.location() };
        accepted(self.commit([insert(&user), insert(&product), insert(&location)]).await)?;
        let (cart, order) = self.order(&product);
        let order = Order { customer_id: Some(user.id), ..order };
        accepted(self.commit([insert(&cart), insert(&order)]).await)?;
        Ok(World { product, location, order })
    }

    pub(super) fn user(&mut self) -> User {
        let n = self.number();
        User {
            id: self.id(),
            email: format!("Person{n}@example.com"),
            email_key: format!("person{n}@example.com"),
            username: None,
            username_key: None,
            first_name: String::new(),
            last_name: String::new(),
            phone: String::new(),
            password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned(),
            email_verified: true,
            is_active: true,
            is_staff: false,
            is_superuser: false,
            session_epoch: 0,
            date_joined: self.now(),
            last_login: None,
            version: 1,
        }
    }

    pub(super) fn session(&mut self, user: &User) -> Session {
        Session {
            id: self.id(),
            user_id: user.id,
            refresh_hash: [0; 32],
            epoch: user.session_epoch,
            created_at: self.now(),
            expires_at: self.after(86_400),
            revoked_at: None,
            version: 1,
        }
    }

    pub(super) fn otp(&mut self, user: &User) -> Otp {
        Otp { id: self.id(), user_id: user.id, tries_left: 5, expires_at: self.after(600), used_at: None }
    }

    /// A product with two variants, the first priced 19.99, the second 29.99.
    pub(super) fn product(&mut self, name: &str) -> Product {
        let n = self.number();
        let second = Variant { price: Amount(2999), ..variant(self.id(), &format!("SKU-{n}-b")) };
        Product {
            id: self.id(),
            slug: format!("product-{n}"),
            name: name.to_owned(),
            description: String::new(),
            status: ProductStatus::Active,
            category_id: None,
            currency: Currency::USD,
            options: Vec::new(),
            images: Vec::new(),
            attributes: serde_json::Map::new(),
            variants: vec![variant(self.id(), &format!("SKU-{n}-a")), second],
            created_at: self.now(),
            updated_at: self.now(),
            version: 1,
        }
    }

    pub(super) fn variant(&mut self, sku: &str) -> Variant {
        variant(self.id(), sku)
    }

    pub(super) fn category(&mut self, name: &str, parent: Option<&Category>) -> Category {
        let n = self.number();
        Category {
            id: self.id(),
            slug: format!("category-{n}"),
            name: name.to_owned(),
            description: String::new(),
            parent_id: parent.map(|parent| parent.id),
            position: 0,
            created_at: self.now(),
            updated_at: self.now(),
            version: 1,
        }
    }

    /// An open cart with one line of each variant.
    pub(super) fn cart(&mut self, product: &Product) -> Cart {
        let items = product.variants.iter();
        Cart {
            items: items.map(|row| CartItem { id: self.id(), variant_id: row.id, quantity: 1 }).collect(),
            id: self.id(),
            customer_id: None,
            coupons: vec![wild()],
            currency: Currency::USD,
            status: CartStatus::Open,
            created_at: self.now(),
            updated_at: self.now(),
            version: 1,
        }
    }

    /// A guest's cart that was ordered, and its order.
    pub(super) fn order(&mut self, product: &Product) -> (Cart, Order) {
        let cart = Cart { status: CartStatus::Ordered, ..self.cart(product) };
        let n = self.number();
        let items = product.variants.iter().map(|row| OrderItem {
            id: self.id(),
            product_id: product.id,
            variant_id: row.id,
            sku: row.sku.clone(),
            name: product.name.clone(),
            options: row.options.clone(),
            unit_price: row.price,
            quantity: 1,
            discount: Amount(0),
            tax: Amount(0),
            line_total: row.price,
        });
        let items = items.collect();
        let order = Order {
            id: self.id(),
            number: format!("N-{n}"),
            cart_id: cart.id,
            customer_id: None,
            email: format!("Buyer{n}@example.com"),
            email_key: format!("buyer{n}@example.com"),
            currency: Currency::USD,
            items,
            subtotal: Amount(4998),
            discount_total: Amount(0),
            shipping_total: Amount(500),
            shipping_tax: Amount(0),
            explanation: Explanation::default(),
            tax_total: Amount(0),
            total: Amount(5498),
            amount_paid: Amount(0),
            amount_refunded: Amount(0),
            shipping_address: address(),
            billing_address: address(),
            shipping_method: ShippingMethodSnapshot {
                id: self.id(),
                name: "Post".to_owned(),
                price: Amount(500),
                carrier: None,
            },
            status: OrderStatus::Placed,
            payment_status: PaymentStatus::NotPaid,
            fulfillment_status: FulfillmentStatus::Unfulfilled,
            note: String::new(),
            placed_at: self.now(),
            canceled_at: None,
            hold_until: None,
            updated_at: self.now(),
            version: 1,
        };
        (cart, order)
    }

    pub(super) fn history(&mut self, order: &Order) -> HistoryEntry {
        HistoryEntry {
            id: self.id(),
            order_id: order.id,
            at: self.now(),
            event: "placed".to_owned(),
            actor: "guest".to_owned(),
            detail: String::new(),
            visible: true,
        }
    }

    pub(super) fn payment(&mut self, order: &Order) -> Payment {
        Payment {
            id: self.id(),
            order_id: order.id,
            gateway: "manual".to_owned(),
            amount: order.total,
            currency: order.currency,
            state: PaymentState::Pending,
            amount_authorized: Amount(0),
            amount_captured: Amount(0),
            amount_refunded: Amount(0),
            gateway_reference: None,
            failure: None,
            remote: crate::payments::RemoteState::default(),
            refunds: Vec::new(),
            created_at: self.now(),
            updated_at: self.now(),
            version: 1,
        }
    }

    pub(super) fn refund(&mut self, amount: i64) -> Refund {
        Refund {
            id: self.id(),
            amount: Amount(amount),
            state: RefundState::Pending,
            reason: String::new(),
            gateway_reference: None,
            created_at: self.now(),
        }
    }

    pub(super) fn address(&mut self, user: &User) -> SavedAddress {
        SavedAddress {
            id: self.id(),
            user_id: user.id,
            address: address(),
            is_default: false,
            created_at: self.now(),
            updated_at: self.now(),
            version: 1,
        }
    }

    pub(super) fn zone(&mut self) -> Zone {
        Zone {
            id: self.id(),
            name: "Home".to_owned(),
            countries: vec!["US".to_owned()],
            created_at: self.now(),
            version: 1,
        }
    }

    pub(super) fn method(&mut self, zone: &Zone) -> Method {
        Method {
            id: self.id(),
            name: "Post".to_owned(),
            zone_id: zone.id,
            carrier: None,
            currency: Currency::USD,
            rate: Rate::Flat { price: Amount(500) },
            free_over: None,
            min_days: None,
            max_days: None,
            active: true,
            created_at: self.now(),
            version: 1,
        }
    }

    pub(super) fn draft(&mut self, product: &Product) -> Draft {
        let item = |variant: &Variant| DraftItem { variant_id: variant.id, quantity: 1, price: None };
        Draft {
            id: self.id(),
            customer_id: None,
            email: Some("grace@example.com".to_owned()),
            currency: Currency::USD,
            items: product.variants.iter().map(item).collect(),
            note: String::new(),
            created_at: self.now(),
            updated_at: self.now(),
            version: 1,
        }
    }

    pub(super) fn order_return(&mut self, order: &Order) -> Return {
        let item = |item: &OrderItem| ReturnItem {
            order_item_id: item.id,
            quantity: 1,
            reason: String::new(),
            amount: item.unit_price,
        };
        Return {
            id: self.id(),
            order_id: order.id,
            currency: order.currency,
            items: order.items.iter().map(item).collect(),
            note: String::new(),
            status: ReturnStatus::Requested,
            rejection: String::new(),
            restocked: false,
            refund_amount: order.subtotal,
            amount_refunded: Amount::ZERO,
            created_at: self.now(),
            updated_at: self.now(),
            version: 1,
        }
    }

    pub(super) fn shipment(&mut self, order: &Order) -> Shipment {
        Shipment {
            id: self.id(),
            order_id: order.id,
            items: order.items.iter().map(|item| ShipmentItem { order_item_id: item.id, quantity: 1 }).collect(),
            carrier: None,
            tracking_number: None,
            status: ShipmentStatus::Pending,
            events: Vec::new(),
            created_at: self.now(),
            shipped_at: None,
            delivered_at: None,
            version: 1,
        }
    }

    /// A location that is not the default.
    pub(super) fn location(&mut self) -> Location {
        let n = self.number();
        Location {
            id: self.id(),
            name: "Warehouse".to_owned(),
            code: format!("W{n}"),
            country: None,
            priority: 0,
            is_default: false,
            created_at: self.now(),
            version: 1,
        }
    }

    pub(super) fn movement(&mut self, level: &StockLevel, delta: i64) -> Movement {
        Movement {
            id: self.id(),
            variant_id: level.variant_id,
            sku: level.sku.clone(),
            location_id: level.location_id,
            delta,
            reason: MovementReason::Received,
            note: String::new(),
            order_id: None,
            created_at: self.now(),
        }
    }

    /// Holds one of the order's first line.
    pub(super) fn reservation(&mut self, order: &Order, level: &StockLevel) -> Reservation {
        let item = order.items.iter().find(|item| item.variant_id == level.variant_id).map(|item| item.id);
        Reservation {
            id: self.id(),
            order_id: order.id,
            order_item_id: item.unwrap_or(crate::id::OrderItemId(uuid::Uuid::nil())),
            variant_id: level.variant_id,
            sku: level.sku.clone(),
            location_id: level.location_id,
            quantity: 1,
            remaining: 1,
            status: ReservationStatus::Held,
            created_at: self.now(),
            version: 1,
        }
    }

    pub(super) fn event(&mut self) -> Event {
        Event {
            id: self.id(),
            kind: EventKind::OrderPlaced,
            thing: self.id(),
            data: serde_json::json!({ "number": "N-1" }),
            at: self.now(),
        }
    }

    /// A pending delivery that is due now.
    pub(super) fn delivery(&mut self, receiver: &str, thing: uuid::Uuid) -> Delivery {
        Delivery {
            content: Content::Event(self.event()),
            id: self.id(),
            receiver: receiver.to_owned(),
            thing,
            status: DeliveryStatus::Pending,
            attempts: 0,
            due_at: self.now(),
            last_error: None,
            response_status: None,
            created_at: self.now(),
            version: 1,
        }
    }

    /// An active one that wants to hear everything.
    pub(super) fn webhook(&mut self) -> Webhook {
        let n = self.number();
        Webhook {
            id: self.id(),
            url: format!("https://hooks{n}.example.com/"),
            events: "*".parse().into_iter().collect(),
            active: true,
            rotation: 0,
            rotated_at: None,
            created_at: self.now(),
            updated_at: self.now(),
            version: 1,
        }
    }

    pub(super) fn answer(&mut self) -> Answer {
        let n = self.number();
        let key = AnswerKey { caller: "user:1".to_owned(), operation: "orders.place".to_owned(), key: format!("k{n}") };
        Answer { key, fingerprint: [1; 32], outcome: "{}".to_owned(), created_at: self.now() }
    }
}

/// A tracked level without backorders.
pub(super) fn tracked_level(product: &Product, variant: &Variant, location: &Location, on_hand: i64) -> StockLevel {
    StockLevel {
        variant_id: variant.id,
        product_id: product.id,
        sku: variant.sku.clone(),
        location_id: location.id,
        on_hand,
        reserved: 0,
        low_stock_threshold: 0,
        tracked: true,
        backorder: false,
    }
}

pub(super) fn address() -> Address {
    Address {
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        company: None,
        line1: "12 St James's Square".to_owned(),
        line2: None,
        city: "London".to_owned(),
        region: None,
        postal_code: Some("SW1Y 4JH".to_owned()),
        country: "GB".to_owned(),
        phone: None,
    }
}

pub(super) fn wild_address() -> Address {
    Address {
        first_name: WILD.to_owned(),
        last_name: String::new(),
        company: Some(wild()),
        line1: "x".repeat(5_000),
        line2: Some(String::new()),
        city: WILD.to_owned(),
        region: Some(wild()),
        postal_code: None,
        country: "ZZ".to_owned(),
        phone: Some(wild()),
    }
}
