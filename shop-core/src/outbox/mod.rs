//! Outgoing domain events and mails. They are written in the same commit as the change, then delivered at least once
//! and in order per aggregate: to subscribers inside the program, and to webhooks (`webhooks/`).

mod mails;
mod model;
mod repository;
mod subscriber;
#[cfg(test)]
mod tests;
mod webhooks;
mod worker;

pub use mails::Mails;
pub use model::{Content, Delivery, DeliveryFilter, DeliverySort, DeliveryStatus, Event, EventKind, MAIL};
pub use repository::{OutboxRepository, OutboxWrite};
pub use subscriber::Subscriber;
pub(crate) use webhooks::RECEIVERS;
pub use webhooks::{
    EventPattern, MemorySender, Revealed, SECRET_OVERLAP, TargetError, Webhook, WebhookInput, WebhookMessage,
    WebhookSender, WebhookSort, Webhooks, is_public, webhook_url,
};
pub(crate) use worker::Turn;
pub use worker::{Progress, Worker};
