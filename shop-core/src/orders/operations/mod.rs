//! Pure decisions about orders: the same input always gives the same batch.

mod cancel;
mod cancel_items;
mod checkout;
mod claim;
mod drafts;
mod notes;
mod number;
mod pending;
mod place;
mod returns;
mod withdraw;

pub use cancel::{Reason, cancel};
pub(super) use cancel_items::cancel_items;
pub(super) use checkout::{Checkout, quote_order};
pub(super) use claim::claim;
pub(super) use drafts::{cart_of, change_draft, create_draft, delete_draft, expected_draft, place_draft, priced};
pub(super) use notes::add_note;
pub use number::{draw_number, parse_number};
pub(super) use place::basket;
pub use place::{Placement, place};
pub(super) use returns::{ReturnContext, ReturnTransition, request_return, step_return};
pub(super) use withdraw::withdraw;

pub use crate::lifecycle::{
    event_data, fulfillment_status, identified, may_see, payment_status, record, record_for_staff, settle, settle_from,
};
