//! Stock levels, reservations and the movement ledger.

mod input;
pub mod operations;
mod service;
mod view;

pub use input::{AdjustmentInput, LocationInput, ReservationQuery, StockInput, TransferInput};
pub use service::{Inventory, STOCK_COLUMNS};
pub use view::{StockView, TransferView};

pub use crate::batch::{InventoryWrite, StockSettings};
pub use crate::model::inventory::{
    InventorySort, Location, Movement, MovementFilter, MovementReason, Reservation, ReservationFilter,
    ReservationStatus, StockDelta, StockFilter, StockLevel, StockSort,
};
pub use crate::store::InventoryRepository;
