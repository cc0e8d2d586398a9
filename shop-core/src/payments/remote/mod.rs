//! Communication with remote gateways: intent → call → record.
//!
//! 1. A decision that needs a gateway writes an **intent** ([`GatewayCall`](crate::payments::GatewayCall)) into its
//!    batch: a delivery of the outbox whose id is the gateway's idempotency key. The payment is marked as having a
//!    pending call.
//! 2. The worker, or a caller that waits for the response, claims the intent and **calls** the gateway.
//! 3. The response is **recorded** in one batch: the end of the intent, the payment, its order and all consequences.
//!
//! Webhook events from gateways are stored the same way, and only say which payment to look up; unsettled payments are
//! looked up from time to time. So all information arrives as a [`Snapshot`](super::Snapshot), and [`apply_snapshot`]
//! computes the changes.

mod apply;
mod ask;

pub use apply::{Applied, apply_snapshot};
pub(crate) use apply::{refunded, shortened, touch, without_lost_refunds};
pub(crate) use ask::{ask, ask_cancel, hold_again, hold_longer, is_unsettled, may_ask, may_void, next_poll, send_back};
