//! What callers see of an order.

use serde::{Deserialize, Serialize};

use super::model::Order;
use crate::payments::Payment;
use crate::secret::Secret;
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

/// An order as its buyer sees it right after placing it.
#[derive(Debug, Clone)]
pub struct PlacedOrder {
    /// The order.
    pub view: OrderView,
    /// What opens a guest's order; only in the answer to the call that placed it, and when that is given again.
    pub access_token: Option<Secret>,
}
