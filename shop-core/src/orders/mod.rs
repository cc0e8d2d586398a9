//! What was agreed: placement, snapshots, history, cancel.

mod model;
mod repository;
mod service;

pub use model::{
    FulfillmentStatus, HistoryEntry, Order, OrderFilter, OrderItem, OrderSort, OrderStatus, PaymentStatus,
    ShippingMethodSnapshot,
};
pub use repository::{OrdersRepository, OrdersWrite};
pub use service::Orders;
