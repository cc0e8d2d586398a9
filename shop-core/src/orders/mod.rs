//! What was agreed: placement, snapshots, history, cancel.

mod model;
pub mod operations;
mod repository;
mod service;
#[cfg(test)]
pub(crate) mod tests;
mod view;

pub use model::{
    FulfillmentStatus, HistoryEntry, Order, OrderFilter, OrderItem, OrderSort, OrderStatus, PaymentStatus,
    ShippingMethodSnapshot,
};
pub use repository::{OrdersRepository, OrdersWrite};
pub use service::Orders;
pub use view::OrderView;
