//! The pure decisions: what shipping costs, what an address book, a tariff and a parcel become.

mod quote;

pub use quote::{Quote, quote, zones_of};
