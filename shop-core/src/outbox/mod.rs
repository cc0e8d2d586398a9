//! Outgoing domain events and mails. They are written in the same commit as the change, then delivered at least once
//! and in order per aggregate: to subscribers inside the program, and to [webhooks](crate::webhooks).

mod mails;
mod subscriber;
#[cfg(test)]
mod tests;

pub use mails::Mails;
pub use subscriber::Subscriber;

pub use crate::batch::OutboxWrite;
pub use crate::model::outbox::{
    Content, Delivery, DeliveryFilter, DeliverySort, DeliveryStatus, Event, EventKind, MAIL,
};
pub use crate::store::OutboxRepository;
