//! Payments and refunds.

use serde::{Deserialize, Serialize};

use crate::batch::{Entity, Versioned};
use crate::clock::Timestamp;
use crate::id::{OrderId, PaymentId, RefundId};
use crate::money::{Amount, Currency};
use crate::page::{Sort, SortKey};
use crate::word::words;

/// Where one attempt to pay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Begun; nothing was proven.
    Pending,
    /// The payer must do something (3-D Secure).
    RequiresAction,
    /// The amount is reserved at the payer's bank.
    Authorized,
    /// Money came.
    Captured,
    /// Called off before money came.
    Voided,
    /// The authorization ran out.
    Expired,
    /// The gateway can no longer charge.
    Failed,
}

impl PaymentState {
    /// True while the attempt can still bring money, or has: at most one such payment per order.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::RequiresAction | Self::Authorized | Self::Captured)
    }
}

/// One attempt to pay an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Identity.
    pub id: PaymentId,
    /// Which order it pays.
    pub order_id: OrderId,
    /// Through which gateway.
    pub gateway: String,
    /// How much.
    pub amount: Amount,
    /// The order's currency.
    pub currency: Currency,
    /// Where it stands.
    pub state: PaymentState,
    /// Reserved or received.
    pub amount_authorized: Amount,
    /// Received.
    pub amount_captured: Amount,
    /// Given back, pending refunds included: `0 ≤ refunded ≤ captured ≤ authorized`.
    pub amount_refunded: Amount,
    /// The gateway's own name for it.
    pub gateway_reference: Option<String>,
    /// Why the last try was declined.
    pub failure: Option<String>,
    /// Money given back, oldest first.
    pub refunds: Vec<Refund>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

impl Versioned for Payment {
    const ENTITY: Entity = Entity::Payment;
    fn key(&self) -> uuid::Uuid {
        self.id.0
    }
    fn version(&self) -> i64 {
        self.version
    }
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// On its way.
    Pending,
    /// The money went back.
    Succeeded,
    /// The gateway refused it.
    Failed,
}

/// Money given back. Belongs to its payment and changes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Identity.
    pub id: RefundId,
    /// How much.
    pub amount: Amount,
    /// Where it stands.
    pub state: RefundState,
    /// Why, in the words of staff.
    pub reason: String,
    /// When it was begun.
    pub created_at: Timestamp,
}

/// Which payments a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentFilter {
    /// Only this order's.
    pub order_id: Option<OrderId>,
    /// Only in this state.
    pub state: Option<PaymentState>,
    /// Only through this gateway.
    pub gateway: Option<String>,
}

/// By what a list of payments can be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentSort {
    /// When it was begun.
    CreatedAt,
}

impl SortKey for PaymentSort {
    fn name(self) -> &'static str {
        "created_at"
    }
    fn all() -> &'static [Self] {
        &[Self::CreatedAt]
    }
    fn default_order() -> Vec<Sort<Self>> {
        vec![Sort { key: Self::CreatedAt, descending: true }]
    }
}

words! {
    PaymentState {
        Pending => "pending", RequiresAction => "requires_action", Authorized => "authorized",
        Captured => "captured", Voided => "voided", Expired => "expired", Failed => "failed",
    }
    RefundState { Pending => "pending", Succeeded => "succeeded", Failed => "failed" }
}
