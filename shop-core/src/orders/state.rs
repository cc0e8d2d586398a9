//! Everything of an order that a decision about its money, its parcels or its end needs.

use super::model::Order;
use super::service::Orders;
use crate::clock::Moment;
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
    /// Loads an order with all that hangs on it, for a decision of this moment. The order is read first: every batch that
    /// touches the rest counts its version up, so a decision from a torn state never passes its guard. What is drawn from
    /// then on, and so the events, is later than what happened to the order before.
    pub(crate) async fn state(&self, id: OrderId, moment: &mut Moment) -> Result<OrderState> {
        let store = self.shop.store();
        let order = store.order(id).await?.ok_or(Error::NotFound)?;
        moment.draw_after(order.updated_at);
        Ok(OrderState {
            order,
            payments: store.payments_of_orders(&[id]).await?,
            shipments: store.shipments_of_orders(&[id]).await?,
            reservations: store.reservations_of(id).await?,
        })
    }
}
