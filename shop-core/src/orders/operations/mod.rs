//! The pure decisions about orders: the same input always gives the same batch.

mod access;
mod status;

pub use access::{identified, may_see};
pub use status::{event_data, fulfillment_status, payment_status, record, settle};
