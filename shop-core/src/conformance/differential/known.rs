//! Facts from earlier outcomes, and randomness: together they determine the next call.

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

/// A fact from the outcome of a call.
#[derive(Debug, Clone)]
pub(super) enum News {
    Address(AddressId),
    Cart(CartId),
    CartItem(CartItemId),
    Category(CategoryId),
    /// A code that was mailed.
    Code(String, String),
    /// A delivery to a webhook.
    Delivery(DeliveryId),
    /// A line of an order.
    Line(OrderId, OrderItemId),
    Location(LocationId),
    Method(MethodId),
    Order(OrderId),
    OrderItem(OrderItemId),
    Payment(PaymentId),
    /// A signed-in user.
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

/// All facts so far, and the source of randomness.
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

    /// A random number below a bound.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        self.chance.random_range(0..bound.max(1))
    }

    /// True with a probability of one in `many`.
    pub(super) fn once_in(&mut self, many: u32) -> bool {
        self.below(many) == 0
    }

    /// A random one of these.
    pub(super) fn one_of<T: Copy>(&mut self, things: &[T]) -> Option<T> {
        let index = self.chance.random_range(0..things.len().max(1));
        things.get(index).copied()
    }

    /// One of a few words, so that names collide.
    pub(super) fn word(&mut self) -> &'static str {
        self.one_of(&["shirt", "Shirt", "mug", "Straße", "blue", "ŁÓDŹ", "cafe\u{301}", "a_b%c", "x"])
            .unwrap_or("shirt")
    }

    /// A new number.
    pub(super) fn number(&mut self) -> u32 {
        self.drawn += 1;
        self.drawn
    }

    /// An amount with two decimals; sometimes one that is refused.
    pub(super) fn amount(&mut self) -> String {
        match self.below(40) {
            0 => "0".to_owned(),
            1 => "1.999".to_owned(),
            2 => "-1".to_owned(),
            _ => format!("{}.{:02}", self.below(40), self.below(100)),
        }
    }

    /// A known value that `pick` accepts, preferably a recent one; sometimes, or if there is none, an unknown one.
    pub(super) fn any<T: From<Uuid>>(&mut self, pick: impl Fn(&News) -> Option<T>) -> T {
        self.known(pick).unwrap_or_else(|| Uuid::from_u128(self.chance.random()).into())
    }

    /// A known value that `pick` accepts, preferably a recent one; sometimes none.
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

    /// One of a few coupon codes, in varying spelling.
    pub(super) fn code(&mut self) -> &'static str {
        self.one_of(&["SPRING", "spring", "Straße", "STRASSE", "vip", "none"]).unwrap_or("none")
    }

    /// A buyer: mostly a customer or a guest with a cart, sometimes a guest with neither cart nor order.
    pub(super) fn buyer(&mut self) -> Actor {
        let order = self.once_in(2).then(|| self.order());
        let cart = self.known(|news| if let News::Cart(id) = news { Some(*id) } else { None });
        let person = self.known(|news| if let News::Person(person) = news { Some(*person) } else { None });
        match person {
            Some(person) if !self.once_in(3) => Actor::user(person),
            _ => Actor::anonymous().with_cart(cart).with_order(order),
        }
    }

    /// A staff member; sometimes any buyer.
    pub(super) fn staff(&mut self) -> Actor {
        if self.once_in(10) {
            return self.buyer();
        }
        let person =
            self.known(|news| if let News::Person(person) = news { person.is_staff.then_some(*person) } else { None });
        person.map_or_else(Actor::system, Actor::user)
    }

    /// Sometimes a key, one of a few, so that some are used twice.
    pub(super) fn key(&mut self) -> Option<IdempotencyKey> {
        let number = self.once_in(3).then(|| self.below(30))?;
        IdempotencyKey::new(&format!("key-{number}"), &json!({"request": number % 7})).ok()
    }

    /// The version that a caller expects; mostly none.
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

/// Methods that return a known id of a kind.
macro_rules! known_ids {
    ($($name:ident: $id:ty = $pattern:pat => $found:ident),+ $(,)?) => {
        impl Known {$(
            pub(super) fn $name(&mut self) -> $id {
                self.any(|news| if let $pattern = news { Some(*$found) } else { None })
            }
        )+}
    };
}

known_ids! {
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
