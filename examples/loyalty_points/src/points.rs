//! The program's own rules, and what a database must do for them.

use shop_core::accounts::MemoryMailer;
use shop_core::id::{OrderId, UserId};
use shop_core::idempotency::{IdempotencyKey, Replayable};
use shop_core::orders::{Order, PlaceOrder, PlacedOrder};
use shop_core::prepare::Prepared;
use shop_core::{Actor, Shop};

/// What is booked with one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Booking {
    pub(crate) order: OrderId,
    pub(crate) customer: UserId,
    pub(crate) earned: i64,
    pub(crate) spent: i64,
}

impl Booking {
    /// A point for each whole dollar of goods; a gift costs points. Guests collect none.
    pub(crate) fn of(order: &Order, spent: i64) -> Option<Self> {
        let earned = order.subtotal.0 / 100;
        order.customer_id.map(|customer| Self { order: order.id, customer, earned, spent })
    }
}

/// Why an order with points is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The shop's own refusal: sold out, a wrong address, …
    #[error(transparent)]
    Shop(#[from] shop_core::Error),
    /// The program's own.
    #[error("there are not so many points")]
    TooFewPoints,
    /// The program's rows could not be written.
    #[error("the points could not be booked")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A shop with points. Two stores, two ways to one transaction.
pub(crate) trait Loyalty {
    /// The shop.
    fn shop(&self) -> &Shop;

    /// Where its mails go.
    fn mailer(&self) -> &MemoryMailer;

    /// Places an order for the caller's cart and books its points, or does neither.
    async fn order(&self, wish: &Wish<'_>) -> Result<Replayable<PlacedOrder>, Refused>;

    /// What somebody has.
    async fn balance(&self, customer: UserId) -> Result<i64, Refused>;

    /// What was booked, with which order.
    async fn bookings(&self) -> Result<Vec<Booking>, Refused>;
}

/// What somebody wants.
pub(crate) struct Wish<'a> {
    pub(crate) buyer: &'a Actor,
    pub(crate) order: PlaceOrder,
    /// How many points go for a gift.
    pub(crate) spend: i64,
    pub(crate) key: Option<IdempotencyKey>,
}

impl Wish<'_> {
    /// Makes the call up to its commit.
    pub(crate) async fn prepare(&self, shop: &Shop) -> shop_core::Result<Prepared<Replayable<PlacedOrder>>> {
        let call = async |shop: Shop| shop.orders().place(self.buyer, self.order.clone(), self.key.as_ref()).await;
        shop.prepare(call).await
    }
}
