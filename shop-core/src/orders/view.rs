//! What callers see of an order.

use serde::{Deserialize, Serialize};

use super::model::Order;
use crate::payments::Payment;
use crate::shipping::Shipment;

/// An order with its payments and parcels, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderView {
    /// The order.
    pub order: Order,
    /// Every attempt to pay it.
    pub payments: Vec<Payment>,
    /// Every parcel of it.
    pub shipments: Vec<Shipment>,
}
