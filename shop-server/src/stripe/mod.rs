//! Cards through Stripe: an adapter of the core's [`RemoteGateway`](shop_core::payments::RemoteGateway) port.
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
//! An embedder hands it to the shop with `Shop::builder(…).gateway(Arc::new(gateway))`; the server does so when
//! `STRIPE_SECRET_KEY` is set.
//!
//! # How it maps
//! | the shop | Stripe |
//! | --- | --- |
//! | a payment | a PaymentIntent, marked with `metadata[payment_id]`, `[order_id]` and `[order_number]` |
//! | the buyer's part, 3-D Secure included | Stripe's script in the browser, with the payment's `client_secret` |
//! | a refund | a Refund, marked with `metadata[refund_id]` |
//! | the key of a call | `Idempotency-Key`; Stripe remembers it for a day, the shop asks again for six hours |
//! | `pending` | `requires_payment_method` (new, or declined: then with a failure), `requires_confirmation`, `processing` |
//! | `requires_action`, `authorized`, `captured` | `requires_action`, `requires_capture`, `succeeded` |
//! | `voided`; `expired` | `canceled`; the same by Stripe itself, because nobody captured |
//!
//! No card number ever comes near the shop. Refunds that people make in Stripe's dashboard are seen like any other.
//! What a partial capture does not take is released by Stripe at once.
//!
//! # Events
//! An event says only *which* payment to look at: what it carries besides may be stale, out of order, or written in
//! another version of the API. It is believed when it is signed, of our mode (live or test, as the key is), and not of a
//! connected account. Snapshot events and thin events (`v2.core.event`) are both read; what is signed and not understood is
//! acknowledged, for Stripe turns endpoints off that refuse.
//!
//! # Sources
//! Stripe's manual, by the names of its pages: "API Reference" (PaymentIntents, Refunds, Events, Errors, Idempotent
//! requests, Versioning, Pagination, Search), "How PaymentIntents work", "Place a hold on a payment method",
//! "Supported currencies", "Decline codes", "Receive Stripe events in your webhook endpoint", "Testing".

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

/// Where Stripe is.
pub const API_BASE: &str = "https://api.stripe.com";

/// When the money is taken that a card has promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Capture {
    /// As soon as the buyer has paid.
    #[default]
    Automatic,
    /// When staff capture it; until then it is authorized, for about a week.
    Manual,
}

/// The account, and how it is used.
#[derive(Debug, Clone)]
pub struct StripeOptions {
    /// The secret (`sk_…`) or restricted (`rk_…`) key. A restricted one must be allowed to write PaymentIntents and
    /// Refunds.
    pub secret_key: Secret,
    /// The signing secrets (`whsec_…`) of the endpoint that Stripe sends events to: several while one is rolled. Without
    /// one every event is refused, and payments are only found out by looking them up.
    pub webhook_secrets: Vec<Secret>,
    /// Where the API is, without a slash at its end.
    pub api_base: String,
    /// When the money is taken.
    pub capture: Capture,
}

impl StripeOptions {
    /// The account of this key, at [`API_BASE`], with automatic capture and no webhook.
    pub fn new(secret_key: impl Into<Secret>) -> Self {
        Self {
            secret_key: secret_key.into(),
            webhook_secrets: Vec::new(),
            api_base: API_BASE.to_owned(),
            capture: Capture::Automatic,
        }
    }
}
