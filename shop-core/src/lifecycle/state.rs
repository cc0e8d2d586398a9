//! An order with everything that a decision about its payments, shipments or end needs.

use std::collections::HashMap;

use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::gateway::ChargeLimits;
use crate::id::OrderId;
use crate::model::inventory::Reservation;
use crate::model::orders::Order;
use crate::model::payments::Payment;
use crate::model::shipping::Shipment;
use crate::shop::Shop;

/// An order with its payments, shipments and reservations.
#[derive(Debug, Clone)]
pub(crate) struct OrderState {
    /// The order.
    pub(crate) order: Order,
    /// All its payments, oldest first.
    pub(crate) payments: Vec<Payment>,
    /// All its shipments, oldest first.
    pub(crate) shipments: Vec<Shipment>,
    /// All its reservations, oldest first.
    pub(crate) reservations: Vec<Reservation>,
    /// The charge limits of its payments' gateways in its currency, by gateway id.
    pub(crate) limits: HashMap<String, ChargeLimits>,
}

impl OrderState {
    /// The charge limits of a payment's gateway. No limits if the shop no longer has the gateway.
    pub(crate) fn limits_of(&self, payment: &Payment) -> ChargeLimits {
        self.limits.get(&payment.gateway).copied().unwrap_or_default()
    }
}

impl Shop {
    /// Loads an order with its payments, shipments and reservations for a decision. The order is read first: every
    /// batch that changes the rest increments its version, so a decision on a torn read fails its guard. Ids drawn from
    /// then on, and thus events, are later than the order's last change.
    pub(crate) async fn order_state(&self, id: OrderId, context: &mut DecisionContext) -> Result<OrderState> {
        let store = self.store();
        let order = store.order(id).await?.ok_or(Error::NotFound)?;
        context.draw_after(order.updated_at);
        let payments = store.payments_of_orders(&[id]).await?;
        let limits = payments.iter().filter_map(|payment| {
            let limits = self.gateway(&payment.gateway)?.charge_limits(payment.currency)?;
            Some((payment.gateway.clone(), limits))
        });
        Ok(OrderState {
            order,
            limits: limits.collect(),
            payments,
            shipments: store.shipments_of_orders(&[id]).await?,
            reservations: store.reservations_of(id).await?,
        })
    }
}
