//! Orders with their payments, shipments and returns, each judged by `rules.rs`.

use std::collections::{HashMap, HashSet};

use futures_util::future::join3;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::ATTEMPTS;
use super::pages::Pages;
use super::rules::{ledger_problems, order_problems, reservation_problems, return_problems};
use crate::batch::Versioned as _;
use crate::error::Result;
use crate::id::{CartId, OrderId, PaymentId};
use crate::model::cart::{Cart, CartStatus};
use crate::model::inventory::{InventorySort, Movement, MovementFilter, Reservation};
use crate::model::orders::{OrderFilter, OrderSort, OrderStatus};
use crate::model::outbox::DeliveryStatus;
use crate::model::payments::Payment;
use crate::shop::Shop;

/// The number of orders that are checked concurrently, with three reads each: few enough for a small connection pool,
/// and enough to hide the latency of a remote database.
const READS: usize = 4;

/// The records that are read for each order separately.
struct OrderRecords {
    cart: Option<Cart>,
    reservations: Vec<Reservation>,
    movements: Vec<Movement>,
}

impl Shop {
    pub(super) async fn check_orders(&self, problems: &mut Vec<String>) -> Result<()> {
        let mut carts: HashMap<CartId, OrderId> = HashMap::new();
        let mut suspects: HashSet<OrderId> = HashSet::new();
        let mut stuck: HashSet<PaymentId> = HashSet::new();
        let mut pages = Pages::<OrderSort>::new();
        while let Some(request) = pages.next() {
            let page = self.store().list_orders(&OrderFilter::default(), &request).await?;
            pages.turn(page.next);
            let ids: Vec<_> = page.items.iter().map(|order| order.id).collect();
            if ids.is_empty() {
                continue;
            }
            let payments = self.store().payments_of_orders(&ids).await?;
            let shipments = self.store().shipments_of_orders(&ids).await?;
            let returns = self.store().returns_of_orders(&ids).await?;
            for payment in &payments {
                if self.is_stuck(payment).await? {
                    stuck.insert(payment.id);
                }
            }
            let more = stream::iter(page.items.iter().map(|order| (order.id, order.cart_id)).collect::<Vec<_>>())
                .map(|(id, cart)| self.around_order(id, cart))
                .buffered(READS)
                .try_collect::<Vec<_>>()
                .await?;
            for (order, OrderRecords { cart, reservations, movements }) in page.items.iter().zip(more) {
                let payments: Vec<_> = payments.iter().filter(|one| one.order_id == order.id).cloned().collect();
                let shipments: Vec<_> = shipments.iter().filter(|one| one.order_id == order.id).cloned().collect();
                let returns: Vec<_> = returns.iter().filter(|one| one.order_id == order.id).cloned().collect();
                if !order_problems(order, &payments, &shipments).is_empty()
                    || !return_problems(order, &shipments, &returns).is_empty()
                {
                    suspects.insert(order.id);
                }
                match carts.insert(order.cart_id, order.id) {
                    Some(other) if other != order.id => {
                        problems.push(format!("Cart {} became the orders {other} and {}.", order.cart_id, order.id));
                    }
                    _ => {}
                }
                if cart.is_some_and(|cart| cart.status != CartStatus::Ordered) {
                    problems.push(format!("Cart {} became order {} and is still open.", order.cart_id, order.id));
                }
                if !reservation_problems(order, &shipments, &reservations).is_empty()
                    || !ledger_problems(order, &shipments, &returns, &reservations, &movements).is_empty()
                {
                    suspects.insert(order.id);
                }
                if order.status != OrderStatus::Placed
                    && reservations.iter().any(|reservation| reservation.status.is_live())
                {
                    problems.push(format!("Order {} is over and still holds stock.", order.number));
                }
            }
        }
        for id in suspects {
            problems.extend(self.check_order(id).await?);
        }
        for id in stuck {
            // The response may have been recorded between the two reads.
            let now = self.store().payment(id).await?;
            if let Some(payment) = now
                && self.is_stuck(&payment).await?
                && self.store().payment(id).await?.is_some_and(|after| after.version == payment.version)
            {
                problems.push(format!("Payment {id} waits for a gateway call that no worker will make."));
            }
        }
        Ok(())
    }

    /// Whether a payment waits for a call that was given up or deleted.
    async fn is_stuck(&self, payment: &Payment) -> Result<bool> {
        let Some(pending_call) = payment.remote.pending_call else { return Ok(false) };
        let intent = self.store().delivery(pending_call.intent).await?;
        Ok(intent.is_none_or(|intent| intent.status != DeliveryStatus::Pending))
    }

    async fn around_order(&self, id: OrderId, cart: CartId) -> Result<OrderRecords> {
        let store = self.store();
        let reads = join3(store.cart(cart), store.reservations_of(id), self.movements_of(id));
        let (cart, reservations, movements) = reads.await;
        Ok(OrderRecords { cart: cart?, reservations: reservations?, movements: movements? })
    }

    /// The stock movements of an order.
    async fn movements_of(&self, id: OrderId) -> Result<Vec<Movement>> {
        let mut movements = Vec::new();
        let mut pages = Pages::<InventorySort>::new();
        while let Some(request) = pages.next() {
            let filter = MovementFilter { order_id: Some(id), ..MovementFilter::default() };
            let page = self.store().list_movements(&filter, &request).await?;
            pages.turn(page.next);
            movements.extend(page.items);
        }
        Ok(movements)
    }

    /// Checks one order. Reports problems that persist.
    async fn check_order(&self, id: OrderId) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for _ in 0..ATTEMPTS {
            let Some(order) = self.store().order(id).await? else { return Ok(Vec::new()) };
            let payments = self.store().payments_of_orders(&[id]).await?;
            let shipments = self.store().shipments_of_orders(&[id]).await?;
            let returns = self.store().returns_of_orders(&[id]).await?;
            found = order_problems(&order, &payments, &shipments);
            found.extend(return_problems(&order, &shipments, &returns));
            let reservations = self.store().reservations_of(id).await?;
            let movements = self.movements_of(id).await?;
            found.extend(reservation_problems(&order, &shipments, &reservations));
            found.extend(ledger_problems(&order, &shipments, &returns, &reservations, &movements));
            let unchanged = self.store().order(id).await?.is_some_and(|after| after.version() == order.version());
            if found.is_empty() || unchanged {
                break;
            }
        }
        Ok(found)
    }
}
