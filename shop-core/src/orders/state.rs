//! Everything of an order that a decision about its money, its parcels or its end needs.

use std::collections::HashMap;

use super::model::Order;
use super::service::Orders;
use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::id::OrderId;
use crate::inventory::Reservation;
use crate::payments::{ChargeLimits, Payment};
use crate::shipping::Shipment;

/// An order with all that hangs on it.
#[derive(Debug, Clone)]
pub(crate) struct OrderState {
    /// The order.
    pub(crate) order: Order,
    /// Every payment of it, oldest first.
    pub(crate) payments: Vec<Payment>,
    /// Every parcel of it, oldest first.
    pub(crate) shipments: Vec<Shipment>,
    /// Every reservation of it, oldest first.
    pub(crate) reservations: Vec<Reservation>,
    /// What the gateways of its payments charge in its currency, by their ids.
    pub(crate) limits: HashMap<String, ChargeLimits>,
}

impl OrderState {
    /// What amounts of a payment its gateway moves: all where the shop has the gateway no more.
    pub(crate) fn limits_of(&self, payment: &Payment) -> ChargeLimits {
        self.limits.get(&payment.gateway).copied().unwrap_or_default()
    }
}

impl Orders<'_> {
    /// Loads an order with all that hangs on it, for a decision of this moment. The order is read first: every batch that
    /// touches the rest counts its version up, so a decision from a torn state never passes its guard. What is drawn from
    /// then on, and so the events, is later than what happened to the order before.
    pub(crate) async fn state(&self, id: OrderId, moment: &mut Moment) -> Result<OrderState> {
        let store = self.shop.store();
        let order = store.order(id).await?.ok_or(Error::NotFound)?;
        moment.draw_after(order.updated_at);
        let payments = store.payments_of_orders(&[id]).await?;
        let limits = payments.iter().filter_map(|payment| {
            let limits = self.shop.gateway(&payment.gateway)?.charge_limits(payment.currency)?;
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
