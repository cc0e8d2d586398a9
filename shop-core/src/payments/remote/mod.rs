//! Dealings with gateways that are asked over a network: intent → call → record.
//!
//! 1. A decision that wants something of a gateway writes an **intent** ([`GatewayCall`]) into its batch: a delivery of
//!    the outbox, whose id is the gateway's idempotency key. The payment says that it is being asked.
//! 2. The worker, or whoever waits for the answer, claims the intent and **calls**.
//! 3. The answer is **recorded**: the end of the intent, the payment, its order and all that follows, in one batch.
//!
//! What a gateway tells by itself is kept the same way, and only says which payment to look at; a payment that hangs
//! is looked at now and then. So there is one way in for the truth: a [`Snapshot`](super::Snapshot), of
//! which [`apply_snapshot`] works out what it changes.

mod apply;
mod ask;
mod drive;
mod intent;
mod notices;
mod reconcile;
mod settle;

#[cfg(test)]
mod tests;

pub use apply::{Applied, apply_snapshot};
pub(crate) use ask::{ask, ask_cancel, hold_again, may_ask, may_void};
pub(crate) use drive::Answer;
pub use intent::{CancelWish, GatewayCall, Wish};
pub(crate) use intent::{caller, listener};
pub(crate) use notices::Look;
pub(crate) use settle::send_back;
