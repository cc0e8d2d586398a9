//! The program's rules, and the trait that each database implements.

use shop_core::accounts::MemoryMailer;
use shop_core::id::{OrderId, UserId};
use shop_core::idempotency::{IdempotencyKey, Replayable};
use shop_core::orders::{Order, PlaceOrder, PlacedOrder};
use shop_core::prepare::Prepared;
use shop_core::{Actor, Shop};

/// The points earned and spent with one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Booking {
    pub(crate) order: OrderId,
    pub(crate) customer: UserId,
    pub(crate) earned: i64,
    pub(crate) spent: i64,
}

impl Booking {
    /// The booking of an order, which earns one point per whole dollar of goods. `None` for guests.
    pub(crate) fn of(order: &Order, spent: i64) -> Option<Self> {
        let earned = order.subtotal.0 / 100;
        order.customer_id.map(|customer| Self { order: order.id, customer, earned, spent })
    }
}

/// The error of an order with points.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// An error of the shop, for example sold out or an invalid address.
    #[error(transparent)]
    Shop(#[from] shop_core::Error),
    /// The customer spends more points than they have.
    #[error("the customer has too few points")]
    TooFewPoints,
    /// The program's rows could not be written or read.
    #[error("the points could not be booked")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A shop with points, implemented for both stores.
pub(crate) trait Loyalty {
    /// The shop that the points belong to.
    fn shop(&self) -> &Shop;

    /// The mailer that receives the shop's mails.
    fn mailer(&self) -> &MemoryMailer;

    /// Places an order for the caller's cart and books its points, or does neither.
    async fn order(&self, request: &OrderWithPoints<'_>) -> Result<Replayable<PlacedOrder>, Refused>;

    /// The points that a customer has.
    async fn balance(&self, customer: UserId) -> Result<i64, Refused>;

    /// The bookings of all orders.
    async fn bookings(&self) -> Result<Vec<Booking>, Refused>;
}

/// An order request with points.
pub(crate) struct OrderWithPoints<'a> {
    pub(crate) buyer: &'a Actor,
    pub(crate) order: PlaceOrder,
    /// The points to spend on a gift.
    pub(crate) spend: i64,
    pub(crate) key: Option<IdempotencyKey>,
}

impl OrderWithPoints<'_> {
    /// Runs the call up to its commit.
    pub(crate) async fn prepare(&self, shop: &Shop) -> shop_core::Result<Prepared<Replayable<PlacedOrder>>> {
        let call = async |shop: Shop| shop.orders().place(self.buyer, self.order.clone(), self.key.as_ref()).await;
        shop.prepare(call).await
    }
}
