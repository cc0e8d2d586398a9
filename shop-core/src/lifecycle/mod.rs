//! The life of an order once it is placed: its state with payments, shipments and reservations, what each change of
//! them does to it, and its history.
//!
//! Orders, payments and shipping all change placed orders; this is what they share. Every batch that changes a payment
//! or a shipment settles the order ([`settle`]), so its sums and derived statuses always match.

mod access;
mod history;
mod lines;
mod mail;
mod returns;
mod settle;
mod state;

pub use access::{identified, may_see};
pub use history::{record, record_for_staff};
pub(crate) use lines::{named, ordered_lines};
pub(crate) use mail::mail_buyer;
pub(crate) use returns::{
    new_return, restock_returned, return_line, return_rest, returned, shipped, tell_return, worth, worth_of_next,
};
pub use settle::{event_data, fulfillment_status, payment_status, settle, settle_from};
pub(crate) use state::OrderState;
