//! Everything of an order that a decision about its money, its parcels or its end needs.

use super::model::Order;
use super::service::Orders;
use crate::error::{Error, Result};
use crate::id::OrderId;
use crate::inventory::Reservation;
use crate::payments::Payment;
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
}

impl Orders<'_> {
    /// Loads an order with all that hangs on it. The order is read first: every batch that touches the rest counts
    /// its version up, so a decision from a torn state never passes its guard.
    pub(crate) async fn state(&self, id: OrderId) -> Result<OrderState> {
        let store = self.shop.store();
        Ok(OrderState {
            order: store.order(id).await?.ok_or(Error::NotFound)?,
            payments: store.payments_of_orders(&[id]).await?,
            shipments: store.shipments_of_orders(&[id]).await?,
            reservations: store.reservations_of(id).await?,
        })
    }
}
