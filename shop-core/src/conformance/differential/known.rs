//! What the answers told so far, and chance: together they draw the next call.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::actor::{Actor, SignedIn};
use crate::id::{
    AddressId, CartId, CartItemId, CategoryId, DeliveryId, LocationId, MethodId, OrderId, OrderItemId, PaymentId,
    ProductId, PromotionId, ReturnId, ShipmentId, TaxRateId, UserId, VariantId, WebhookId, ZoneId,
};
use crate::idempotency::IdempotencyKey;

/// What an answer tells.
#[derive(Debug, Clone)]
pub(super) enum News {
    Address(AddressId),
    Cart(CartId),
    CartItem(CartItemId),
    Category(CategoryId),
    /// A code that was mailed.
    Code(String, String),
    /// To a webhook.
    Delivery(DeliveryId),
    /// A line of an order.
    Line(OrderId, OrderItemId),
    Location(LocationId),
    Method(MethodId),
    Order(OrderId),
    OrderItem(OrderItemId),
    Payment(PaymentId),
    /// Somebody signed in.
    Person(SignedIn),
    Product(ProductId, String),
    Promotion(PromotionId),
    /// A refresh token.
    Refresh(String),
    Return(OrderId, ReturnId),
    Shipment(ShipmentId, Option<String>),
    TaxRate(TaxRateId),
    User(UserId),
    Variant(VariantId, String),
    Webhook(WebhookId),
    Zone(ZoneId),
}

/// All of it.
#[derive(Debug)]
pub(super) struct Known {
    chance: StdRng,
    drawn: u32,
    news: Vec<News>,
}

impl Known {
    pub(super) fn new(seed: u64) -> Self {
        Self { chance: StdRng::seed_from_u64(seed), drawn: 0, news: Vec::new() }
    }

    pub(super) fn learn(&mut self, news: Vec<News>) {
        self.news.extend(news);
    }

    /// A number below a bound.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        self.chance.random_range(0..bound.max(1))
    }

    /// True once in so many.
    pub(super) fn once_in(&mut self, many: u32) -> bool {
        self.below(many) == 0
    }

    /// One of these.
    pub(super) fn one_of<T: Copy>(&mut self, things: &[T]) -> Option<T> {
        let index = self.chance.random_range(0..things.len().max(1));
        things.get(index).copied()
    }

    /// A word of a few, so that names meet.
    pub(super) fn word(&mut self) -> &'static str {
        self.one_of(&["shirt", "Shirt", "mug", "Straße", "blue", "ŁÓDŹ", "cafe\u{301}", "a_b%c", "x"])
            .unwrap_or("shirt")
    }

    /// A fresh number.
    pub(super) fn number(&mut self) -> u32 {
        self.drawn += 1;
        self.drawn
    }

    /// An amount with two decimals; now and then one that is refused.
    pub(super) fn amount(&mut self) -> String {
        match self.below(40) {
            0 => "0".to_owned(),
            1 => "1.999".to_owned(),
            2 => "-1".to_owned(),
            _ => format!("{}.{:02}", self.below(40), self.below(100)),
        }
    }

    /// Something known that `pick` wants, the newer the likelier; else, or now and then, something unknown.
    pub(super) fn any<T: From<Uuid>>(&mut self, pick: impl Fn(&News) -> Option<T>) -> T {
        self.known(pick).unwrap_or_else(|| Uuid::from_u128(self.chance.random()).into())
    }

    /// Something known that `pick` wants, the newer the likelier.
    pub(super) fn known<T>(&mut self, pick: impl Fn(&News) -> Option<T>) -> Option<T> {
        let mut fitting: Vec<T> = self.news.iter().filter_map(pick).collect();
        if fitting.is_empty() || self.once_in(40) {
            return None;
        }
        let newest = fitting.len().min(if self.once_in(3) { 12 } else { 3 });
        let back = self.chance.random_range(0..newest);
        Some(fitting.swap_remove(fitting.len() - 1 - back))
    }

    pub(super) fn sku(&mut self) -> String {
        let known = self.known(|news| if let News::Variant(_, sku) = news { Some(sku.clone()) } else { None });
        known.unwrap_or_else(|| "NO-SUCH-SKU".to_owned())
    }

    /// A coupon's code of a few, however it is spelled.
    pub(super) fn code(&mut self) -> &'static str {
        self.one_of(&["SPRING", "spring", "Straße", "STRASSE", "vip", "none"]).unwrap_or("none")
    }

    /// Somebody: mostly a customer or a guest with a cart, now and then nobody.
    pub(super) fn buyer(&mut self) -> Actor {
        let order = self.once_in(2).then(|| self.order());
        let cart = self.known(|news| if let News::Cart(id) = news { Some(*id) } else { None });
        let person = self.known(|news| if let News::Person(person) = news { Some(*person) } else { None });
        match person {
            Some(person) if !self.once_in(3) => Actor::user(person),
            _ => Actor::anonymous().with_cart(cart).with_order(order),
        }
    }

    /// Staff, but now and then anybody.
    pub(super) fn staff(&mut self) -> Actor {
        if self.once_in(10) {
            return self.buyer();
        }
        let person =
            self.known(|news| if let News::Person(person) = news { person.is_staff.then_some(*person) } else { None });
        person.map_or_else(Actor::system, Actor::user)
    }

    /// Now and then a key, of a few, so that some come twice.
    pub(super) fn key(&mut self) -> Option<IdempotencyKey> {
        let number = self.once_in(3).then(|| self.below(30))?;
        IdempotencyKey::new(&format!("key-{number}"), &json!({"request": number % 7})).ok()
    }

    /// The version that a caller believes in: mostly none.
    pub(super) fn expected(&mut self) -> Option<i64> {
        self.once_in(5).then(|| i64::from(self.below(4)))
    }

    /// An address, in a country that may be served.
    pub(super) fn place(&mut self) -> Value {
        let country = self.one_of(&["US", "US", "US", "US", "GB", "GB", "PL", "XX"]).unwrap_or("US");
        let region = self.one_of(&["NY", "NY", "NY", "us-ny", "Somewhere"]);
        json!({"first_name": "Ada", "last_name": self.word(), "line1": "12 St James's Square", "city": "London",
            "region": region, "postal_code": "10001", "country": country})
    }
}

/// Some thing of a kind, by its id.
macro_rules! things {
    ($($thing:ident: $id:ty = $pattern:pat => $found:ident),+ $(,)?) => {
        impl Known {$(
            pub(super) fn $thing(&mut self) -> $id {
                self.any(|news| if let $pattern = news { Some(*$found) } else { None })
            }
        )+}
    };
}

things! {
    product: ProductId = News::Product(id, _) => id,
    variant: VariantId = News::Variant(id, _) => id,
    promotion: PromotionId = News::Promotion(id) => id,
    tax_rate: TaxRateId = News::TaxRate(id) => id,
    category: CategoryId = News::Category(id) => id,
    location: LocationId = News::Location(id) => id,
    zone: ZoneId = News::Zone(id) => id,
    method: MethodId = News::Method(id) => id,
    order: OrderId = News::Order(id) => id,
    order_item: OrderItemId = News::OrderItem(id) => id,
    payment: PaymentId = News::Payment(id) => id,
    shipment: ShipmentId = News::Shipment(id, _) => id,
    address: AddressId = News::Address(id) => id,
    cart_item: CartItemId = News::CartItem(id) => id,
    user: UserId = News::User(id) => id,
    webhook: WebhookId = News::Webhook(id) => id,
    delivery: DeliveryId = News::Delivery(id) => id,
}
