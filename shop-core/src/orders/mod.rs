//! What was agreed: placement, snapshots, history, cancel.

mod model;
mod repository;

pub use model::{
    FulfillmentStatus, HistoryEntry, Order, OrderFilter, OrderItem, OrderSort, OrderStatus, PaymentStatus,
    ShippingMethodSnapshot,
};
pub use repository::{OrdersRepository, OrdersWrite};
