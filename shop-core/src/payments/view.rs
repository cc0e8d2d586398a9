//! What callers see beside the payments themselves.

use serde::{Deserialize, Serialize};

use super::model::Refund;
use crate::id::PaymentId;
use crate::money::Currency;

/// A way to pay, as buyers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayView {
    /// The machine word buyers' programs send.
    pub id: String,
    /// What buyers read.
    pub name: String,
}

/// A refund with the currency of its amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundView {
    /// Of which payment.
    pub payment_id: PaymentId,
    /// The currency of the payment.
    pub currency: Currency,
    /// The refund.
    pub refund: Refund,
}
