//! Stock, reservations and the ledger.

mod model;
pub mod operations;
mod repository;
mod service;

pub use model::{
    InventorySort, Location, Movement, MovementFilter, MovementReason, Reservation, ReservationFilter,
    ReservationStatus, StockDelta, StockFilter, StockLevel, StockSort,
};
pub use repository::{InventoryRepository, InventoryWrite, StockSettings};
pub use service::Inventory;
