//! Card payments through Stripe: an adapter of the core's [`RemoteGateway`](shop_core::payments::RemoteGateway) port.
//!
//! ```
//! # fn main() -> Result<(), shop_core::error::BoxError> {
//! use shop_server::stripe::{StripeGateway, StripeOptions};
//!
//! let gateway = StripeGateway::new(StripeOptions::new("sk_test_…"))?;
//! # let _ = gateway;
//! # Ok(())
//! # }
//! ```
//!
//! An embedder passes it to the shop with `Shop::builder(…).gateway(Arc::new(gateway))`; the server does so when
//! `STRIPE_SECRET_KEY` is set.
//!
//! # Mapping
//! | the shop | Stripe |
//! | --- | --- |
//! | a payment | a PaymentIntent with `metadata[payment_id]`, `[order_id]` and `[order_number]` |
//! | the buyer's part, including 3-D Secure | Stripe's script in the browser, with the payment's `client_secret` |
//! | a refund | a Refund with `metadata[refund_id]` |
//! | the key of a call | `Idempotency-Key`; Stripe keeps it for a day, the shop retries for six hours |
//! | `pending` | `requires_payment_method` (new, or declined: then with a failure), `requires_confirmation`, `processing` |
//! | `requires_action`, `authorized`, `captured` | `requires_action`, `requires_capture`, `succeeded` |
//! | `voided`; `expired` | `canceled`; the same, by Stripe itself: not captured in time |
//!
//! The shop never handles card numbers. Refunds made in Stripe's dashboard are treated like any other. After a partial
//! capture, Stripe releases the rest at once.
//!
//! # Events
//! The shop only uses an event to learn *which* payment to look up. The rest of it may be stale, out of order, or in
//! another API version. An event counts if it is signed, of the key's mode (live or test), and not of a connected
//! account. Both snapshot events and thin events (`v2.core.event`) work. Signed events that cannot be parsed are
//! acknowledged, because Stripe disables endpoints that refuse events.
//!
//! # Sources
//! Stripe's manual, by page: "API Reference" (PaymentIntents, Refunds, Events, Errors, Idempotent requests, Versioning,
//! Pagination, Search), "How PaymentIntents work", "Place a hold on a payment method", "Supported currencies", "Decline
//! codes", "Receive Stripe events in your webhook endpoint", "Testing".

mod amount;
mod client;
mod event;
mod form;
mod gateway;
mod objects;
mod signature;
mod snapshot;
#[cfg(any(test, feature = "testing"))]
pub mod stub;
#[cfg(test)]
mod tests;

use shop_core::secret::Secret;

pub use client::API_VERSION;
pub use gateway::StripeGateway;

/// The base URL of Stripe's API.
pub const API_BASE: &str = "https://api.stripe.com";

/// When authorized money is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Capture {
    /// As soon as the buyer has paid.
    #[default]
    Automatic,
    /// When staff capture it; until then it is authorized, for about a week.
    Manual,
}

/// A Stripe account and how to use it.
#[derive(Debug, Clone)]
pub struct StripeOptions {
    /// The secret (`sk_…`) or restricted (`rk_…`) key. A restricted key needs write access to PaymentIntents and
    /// Refunds.
    pub secret_key: Secret,
    /// The signing secrets (`whsec_…`) of the webhook endpoint; several during a rotation. Without one, every event is
    /// refused, and the shop learns the state of payments only by looking them up.
    pub webhook_secrets: Vec<Secret>,
    /// The base URL of the API, without a trailing slash.
    pub api_base: String,
    /// When authorized money is captured.
    pub capture: Capture,
}

impl StripeOptions {
    /// The account with this key, at [`API_BASE`], with automatic capture and no webhook.
    pub fn new(secret_key: impl Into<Secret>) -> Self {
        Self {
            secret_key: secret_key.into(),
            webhook_secrets: Vec::new(),
            api_base: API_BASE.to_owned(),
            capture: Capture::Automatic,
        }
    }
}
