//! Bulk cancellation of orders.

use poem_openapi::Enum;
use serde::Serialize;
use shop_core::orders::{CancelOrders, CancelOutcome, Canceled};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::field::Convert as _;

requests! {
    /// The orders to cancel.
    CancelOrdersRequest => CancelOrders {
        /// 1 to 100 ids, without duplicates.
        ids: Required<Vec<Uuid>>,
        /// Goes into the history of each order, for staff. At most 500 characters.
        reason: Optional<String>,
    }
}

/// `canceled`; `pending` while a gateway is asked to release its payment; `refused` if the order stays as it is.
#[derive(Debug, Clone, Copy, Enum, Serialize)]
#[oai(rename = "CancelOutcomeKind", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum CanceledWord {
    Canceled,
    Pending,
    Refused,
}

bodies! {
    /// The outcomes, in the order of the requested ids.
    CancelOrdersBody as "CancelOrders" from(outcomes: Vec<CancelOutcome>) {
        results: Vec<CancelOutcomeBody> = outcomes.convert(),
    }

    /// The outcome for one order.
    CancelOutcomeBody as "CancelOutcome" from(canceled: CancelOutcome) with {
        let (outcome, code, detail) = match canceled.outcome {
            Canceled::Done => (CanceledWord::Canceled, None, None),
            Canceled::Pending => (CanceledWord::Pending, None, None),
            Canceled::Refused { code, detail } => (CanceledWord::Refused, Some(code), Some(detail)),
        };
    } {
        id: Uuid = canceled.order_id.0,
        outcome: CanceledWord = outcome,
        /// Why the order was refused: the `code` with which its own cancellation would fail.
        code: Option<String> = code,
        /// The same reason as a sentence.
        detail: Option<String> = detail,
    }
}
