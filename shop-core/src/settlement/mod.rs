//! The answers of remote gateways: calls are made, answers recorded, and unsettled payments looked up.
//!
//! Every answer changes the payment and its order, and may cancel the order, in one batch. `payments/remote` requests
//! the calls.

mod answer;
mod drive;
mod reconcile;
mod settle;
mod webhook_events;

#[cfg(test)]
mod tests;

pub(crate) use answer::CallResult;
pub(crate) use webhook_events::PollResult;
