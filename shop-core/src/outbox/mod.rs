//! What the world outside is told: domain events and mails, written with the change they tell of, delivered
//! afterwards, at least once, in order per thing.

mod model;
mod repository;
mod subscriber;
mod worker;

pub use model::{Content, Delivery, DeliveryStatus, Event, EventKind, MAIL};
pub use repository::{OutboxRepository, OutboxWrite};
pub use subscriber::Subscriber;
pub use worker::{Progress, Worker};
