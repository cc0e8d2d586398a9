//! What was agreed: placement, snapshots, history, cancel.

mod model;
pub mod operations;
mod repository;
mod service;
mod state;
#[cfg(test)]
pub(crate) mod tests;
mod view;

pub use model::{
    FulfillmentStatus, HistoryEntry, Order, OrderFilter, OrderItem, OrderSort, OrderStatus, PaymentStatus,
    ShippingMethodSnapshot,
};
pub use repository::{OrdersRepository, OrdersWrite};
pub use service::Orders;
pub(crate) use state::OrderState;
pub use view::OrderView;
