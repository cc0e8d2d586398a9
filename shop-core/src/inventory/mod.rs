//! Stock levels, reservations and the movement ledger.

mod input;
mod model;
pub mod operations;
mod repository;
mod service;
mod view;

pub use input::{AdjustmentInput, LocationInput, ReservationQuery, StockInput, TransferInput};
pub use model::{
    InventorySort, Location, Movement, MovementFilter, MovementReason, Reservation, ReservationFilter,
    ReservationStatus, StockDelta, StockFilter, StockLevel, StockSort,
};
pub use repository::{InventoryRepository, InventoryWrite, StockSettings};
pub use service::{Inventory, STOCK_COLUMNS};
pub use view::{StockView, TransferView};
