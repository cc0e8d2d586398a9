//! Remote gateways: makes their calls, records the responses and webhook events, and polls unsettled payments.
//!
//! Every response changes the payment and its order, and may cancel the order, in one batch. `payments/remote` requests
//! the calls.

mod call_result;
mod drive;
mod reconcile;
mod settle;
mod webhook_events;

#[cfg(test)]
mod tests;

pub(crate) use call_result::CallResult;
pub(crate) use webhook_events::PollResult;
