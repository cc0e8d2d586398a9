//! Outgoing domain events and mails. They are written in the same commit as the change, then delivered at least once
//! and in order per aggregate: to subscribers inside the program, and to webhooks (`webhooks/`).

mod mails;
mod subscriber;
#[cfg(test)]
mod tests;
mod webhooks;

pub use mails::Mails;
pub use subscriber::Subscriber;
pub use webhooks::{
    MemorySender, SECRET_OVERLAP, TargetError, WebhookInput, WebhookMessage, WebhookSender, WebhookWithSecret,
    Webhooks, is_public, webhook_url,
};

pub use crate::batch::OutboxWrite;
pub use crate::model::outbox::{
    Content, Delivery, DeliveryFilter, DeliverySort, DeliveryStatus, Event, EventKind, EventPattern, MAIL, Webhook,
    WebhookSort,
};
pub use crate::store::OutboxRepository;
