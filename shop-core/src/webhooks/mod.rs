//! Outgoing webhooks: URLs registered by staff, each called for the events that it subscribes to.
//!
//! A webhook is an ordinary receiver of the outbox. The relay creates a delivery for each matching event, and the
//! worker sends it with the [`WebhookSender`]: at least once, in order per aggregate, concurrently with all other
//! receivers. Messages and their signatures follow [Standard Webhooks](https://www.standardwebhooks.com).
//!
//! - `model/webhooks.rs`: a webhook and its event patterns; `input.rs`: the input of staff; `target.rs`: the allowed
//!   URLs
//! - `operations.rs`: the decisions; `service.rs`: the calls for staff
//! - `message.rs`: the signed request; `sender.rs`: the port that sends it

mod input;
mod message;
mod operations;
mod sender;
mod service;
mod target;

pub use input::WebhookInput;
pub use message::{SECRET_OVERLAP, WebhookMessage};
pub use sender::{MemorySender, WebhookSender};
pub use service::{WebhookWithSecret, Webhooks};
pub use target::{TargetError, is_public, webhook_url};

pub use crate::model::webhooks::{EventPattern, Webhook, WebhookSort};
pub use crate::store::WebhooksRepository;
