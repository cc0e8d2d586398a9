//! Webhooks out: addresses of other programs that staff registered, each told of the events it asked for.
//!
//! A webhook is a receiver of the outbox like any other: the relay makes a delivery for each event that matches, and
//! the worker makes it by the [`WebhookSender`], at least once, in order per thing, beside all other receivers.
//! Messages and their signatures follow [Standard Webhooks](https://www.standardwebhooks.com).
//!
//! - `model.rs`: a webhook and what it wants to hear; `input.rs`: what staff write; `target.rs`: where it may lead
//! - `operations.rs`: the decisions; `service.rs`: the calls of staff
//! - `message.rs`: the request that goes out, signed; `sender.rs`: the port that sends it

mod input;
mod message;
mod model;
mod operations;
mod sender;
mod service;
mod target;

pub use input::WebhookInput;
pub use message::{SECRET_OVERLAP, WebhookMessage};
pub(crate) use model::RECEIVERS;
pub use model::{EventPattern, Webhook, WebhookSort};
pub use sender::{MemorySender, WebhookSender};
pub use service::{Revealed, Webhooks};
pub use target::{TargetError, is_public, webhook_url};
