//! The pure decisions about orders: the same input always gives the same batch.

mod access;
mod cancel;
mod drafts;
mod notes;
mod number;
mod place;
mod returns;
mod status;

pub use access::{identified, may_see};
pub use cancel::{Reason, cancel};
pub(super) use drafts::{cart_of, change_draft, create_draft, delete_draft, expected_draft, place_draft, priced};
pub(super) use notes::add_note;
pub use number::draw_number;
pub(super) use place::basket;
pub use place::{Placement, place};
pub(super) use returns::{Step, request_return, step_return};
pub(crate) use returns::{return_rest, returned, shipped, worth};
pub use status::{event_data, fulfillment_status, payment_status, record, record_for_staff, settle};
