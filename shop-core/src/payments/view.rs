//! The views of payments for callers.

use serde::{Deserialize, Serialize};

use crate::id::PaymentId;
use crate::model::payments::Refund;
use crate::money::Currency;

/// A payment method as shown to buyers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayView {
    /// The id in the API.
    pub id: String,
    /// The name shown to buyers.
    pub name: String,
}

/// A refund with its payment and currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundView {
    /// The payment that was refunded.
    pub payment_id: PaymentId,
    /// The currency of the payment.
    pub currency: Currency,
    /// The refund itself.
    pub refund: Refund,
}
