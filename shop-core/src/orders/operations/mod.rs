//! Pure decisions about orders: the same input always gives the same batch.

mod access;
mod cancel;
mod cancel_items;
mod checkout;
mod claim;
mod drafts;
mod lines;
mod notes;
mod number;
mod pending;
mod place;
mod returns;
mod status;
mod withdraw;

pub use access::{identified, may_see};
pub use cancel::{Reason, cancel};
pub(super) use cancel_items::cancel_items;
pub(super) use checkout::{Checkout, quote_order};
pub(super) use claim::claim;
pub(super) use drafts::{cart_of, change_draft, create_draft, delete_draft, expected_draft, place_draft, priced};
pub(crate) use lines::ordered_lines;
pub(super) use notes::add_note;
pub use number::{draw_number, parse_number};
pub(super) use place::basket;
pub use place::{Placement, place};
pub(super) use returns::{Around, Step, request_return, step_return};
pub(crate) use returns::{return_rest, returned, shipped, worth};
pub use status::{event_data, fulfillment_status, payment_status, record, record_for_staff, settle, settle_from};
pub(super) use withdraw::withdraw;
